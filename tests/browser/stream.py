#!/usr/bin/env python3
"""Looks at the page of `vesalius live` in Chromium: whether the stream moves, how late it is, and what the page looks like.

    pip install playwright; apt-get install chromium gstreamer1.0-nice
    tests/browser/stream.py --program target/release/vesalius --out out/page

A source whose pictures say when they were made (bars for the bits of the clock's milliseconds) goes over RTP into the job and from there
over WebRTC into the page, where the bars are read again: what lies between is all of the way but the screen. Then the same without
WebRTC, where JPEG pictures must take its place; keys; and pictures of the page in light and dark, on a desk and on a phone, for
somebody to look at. Ends with 1 if something is not as it should be.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from playwright.sync_api import sync_playwright

PROJECT = pathlib.Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, RATE = 640, 360, 30
BITS = 20
CELL = WIDTH // (BITS + 2)
GOAL_MS = 300

# Reads the bars of what is shown; one more at each side is black and white.
READ = """
(source) => {
  const [bits, cell, w, h] = [%d, %d, %d, %d];
  const canvas = window.readCanvas ?? (window.readCanvas = document.createElement("canvas"));
  canvas.width = w; canvas.height = h;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(source, 0, 0, w, h);
  const row = pen.getImageData(0, h / 2, w, 1).data;
  const at = (i) => row[4 * Math.round((i + 0.5) * cell)];
  if (at(0) > 80 || at(bits + 1) < 170) return null;
  let value = 0;
  for (let i = 0; i < bits; i++) value = 2 * value + (at(i + 1) > 127 ? 1 : 0);
  const now = Date.now() %% 2 ** bits;
  return (now - value + 2 ** bits) %% 2 ** bits;
}
""" % (BITS, CELL, WIDTH, HEIGHT)

# Delays of the pictures of so many seconds.
DELAYS = """
async ([read, seconds]) => {
  const look = eval(read);
  const video = document.getElementById("video"), picture = document.getElementById("picture");
  const delays = [];
  const until = Date.now() + 1000 * seconds;
  while (Date.now() < until) {
    if (video.hidden) await new Promise((next) => requestAnimationFrame(next));
    else await new Promise((next) => { video.requestVideoFrameCallback(next); setTimeout(next, 500); });
    const delay = look(video.hidden ? picture : video);
    if (delay !== null && delay !== delays.at(-1)) delays.push(delay);
  }
  return { delays, stream: !video.hidden };
}
"""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Source:
    """Pictures that say when they were made, over RTP."""

    def __init__(self):
        self.port = free_port(socket.SOCK_DGRAM)
        text = (f"fdsrc blocksize={WIDTH * HEIGHT} ! rawvideoparse width={WIDTH} height={HEIGHT} format=gray8 framerate={RATE}/1 ! videoconvert ! "
                f"video/x-raw,format=I420 ! jpegenc quality=90 ! rtpjpegpay ! udpsink host=127.0.0.1 port={self.port} sync=false async=false")
        self.process = subprocess.Popen(["gst-launch-1.0", "-q", *text.split()], stdin=subprocess.PIPE)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        ground = [bytes((x * 255 // WIDTH) // 2 + 40 for x in range(WIDTH)) for _ in range(HEIGHT)]
        due = time.monotonic()
        while not self.stop.is_set():
            now = int(time.time() * 1000) % 2**BITS
            bits = [0, *((now >> i) & 1 for i in reversed(range(BITS))), 1]
            bars = b"".join((b"\xf0" if bit else b"\x10") * CELL for bit in bits).ljust(WIDTH, b"\x10")
            picture = b"".join(bars if HEIGHT // 3 < y < 2 * HEIGHT // 3 else ground[y] for y in range(HEIGHT))
            try:
                self.process.stdin.write(picture)
                self.process.stdin.flush()
            except BrokenPipeError:
                return
            due += 1 / RATE
            time.sleep(max(0.0, due - time.monotonic()))

    def name(self):
        return (f"launch:udpsrc port={self.port} caps=application/x-rtp,media=video,encoding-name=JPEG,payload=26,clock-rate=90000 ! "
                "rtpjpegdepay ! jpegdec")

    def end(self):
        self.stop.set()
        self.thread.join()
        self.process.kill()
        self.process.wait()


class Job:
    """A live job with its page."""

    def __init__(self, program, source, *arguments):
        self.address = f"127.0.0.1:{free_port()}"
        command = [program, "live", source, "--serve", self.address, *arguments]
        self.process = subprocess.Popen(command, env=os.environ | {"VESALIUS_ENGINES": str(PROJECT / "engines")})
        for _ in range(300):
            try:
                if self.status()["signal"]["state"] == "LIVE":
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit("the job shows no picture")

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
            return answer.read()

    def status(self):
        return json.loads(self.get("/api/status"))

    def end(self):
        self.process.terminate()
        self.process.wait(10)


failures = []


def check(is_so, what):
    print(("ok      " if is_so else "NOT SO  ") + what)
    if not is_so:
        failures.append(what)


def percentiles(delays):
    delays = sorted(delays)
    at = lambda q: delays[min(int(q * len(delays)), len(delays) - 1)]
    return f"p50 {at(0.5)} ms, p95 {at(0.95)} ms, p99 {at(0.99)} ms, max {delays[-1]} ms", at(0.95)


def delays_of(page, seconds, stream):
    page.wait_for_timeout(3000)
    seen = page.evaluate(DELAYS, [READ, seconds])
    kind = "stream" if stream else "pictures one by one"
    check(seen["stream"] == stream, f"the page shows the {kind}")
    delays = seen["delays"]
    check(len(delays) > seconds * (0.5 * RATE if stream else 4), f"{kind}: it moves, {len(delays)} pictures in {seconds} s")
    if delays:
        text, p95 = percentiles(delays)
        check(not stream or p95 <= GOAL_MS, f"{kind}: {text}")


def watch(browser, job, seconds):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://{job.address}/")
    delays_of(page, seconds, stream=True)
    check("vesalius_stream_browsers 1" in job.get("/metrics").decode(), "the job counts one browser")
    # With the keyboard alone.
    page.keyboard.press("a")
    page.wait_for_timeout(1500)
    check(job.status()["ai"]["on"], "the key A turns AI on")
    page.keyboard.press("a")
    page.wait_for_timeout(1500)
    check(not job.status()["ai"]["on"], "and off again")
    page.keyboard.press("Tab")
    focus = page.evaluate("() => { const f = document.activeElement; return [f.tagName, getComputedStyle(f).outlineStyle]; }")
    check(focus[0] in ("BUTTON", "SELECT") and focus[1] != "none", f"Tab goes to a control that shows it: {focus}")
    # A second browser beside it, and then the first is gone.
    other = browser.new_page()
    other.goto(f"http://{job.address}/")
    delays_of(other, 5, stream=True)
    page.close()
    delays_of(other, 5, stream=True)
    other.close()
    check(not errors, f"no errors in the page: {errors}")


def without_webrtc(browser, job):
    page = browser.new_page()
    page.add_init_script("delete window.RTCPeerConnection;")
    page.goto(f"http://{job.address}/")
    delays_of(page, 5, stream=False)
    page.close()


def photograph(browser, job, out):
    for device, size in (("desk", (1280, 800)), ("phone", (390, 844))):
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
            page.goto(f"http://{job.address}/")
            page.wait_for_function("() => !document.getElementById('video').hidden || document.getElementById('picture').naturalWidth")
            page.wait_for_timeout(1500)
            wide = page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth")
            check(not wide, f"{device}, {scheme}: nothing is cut off at the side")
            page.screenshot(path=out / f"page-{device}-{scheme}.png")
            page.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/vesalius")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--out", type=pathlib.Path, default=PROJECT / "out/page")
    parser.add_argument("--seconds", type=int, default=15)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    source = Source()
    try:
        with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
            browser = playwright.chromium.launch(
                executable_path=args.chromium, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
            job = Job(args.program, source.name(), "--ai", "off", "--out", folder)
            try:
                watch(browser, job, args.seconds)
                without_webrtc(browser, job)
            finally:
                job.end()
            job = Job(args.program, "phantom:fetal-head", "--calibration", "0.2", "--loop")
            try:
                photograph(browser, job, args.out)
            finally:
                job.end()
            browser.close()
    finally:
        source.end()
    print(f"pictures of the page are in {args.out}: look at them")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
