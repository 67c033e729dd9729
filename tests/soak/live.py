#!/usr/bin/env python3
"""Measures `vesalius live`: how long pictures take in each state of the engine, and whether hours leave a trace.

    tests/soak/live.py latency --program target/release/vesalius
    tests/soak/live.py soak --program target/release/vesalius --minutes 30
    tests/soak/live.py soak --program target/release/vesalius --hours 8

`latency` runs the job once for each state of the engine (off, fast, slow, hung, killed, reloading) and prints one table.
`soak` runs it once, does to it every minute what people do (snapshots, recording, another engine, AI off and on, browsers that come
and go, an inference process that dies), samples memory, threads and descriptors, and fails where they grow.
Nothing but Python's standard library and Linux's /proc is needed.
"""

import argparse
import json
import os
import pathlib
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parents[2]
TEST_ENGINES = PROJECT / "src/engine/tests/models"
# As a capture card, it takes next to no time of a processor.
SOURCE = ("launch:videotestsrc is-live=true pattern=ball background-color=0xff606060 foreground-color=0xffe0e0e0 ! "
          "video/x-raw,format=I420,width=480,height=270,framerate={rate}/1 ! videoscale method=nearest-neighbour ! "
          "video/x-raw,width=1920,height=1080")


class Bare(threading.Thread):
    """A thread that does nothing but wake up once a picture, with the priority that the picture's thread has: what it is late by
    is the machine's, whoever runs on it."""

    def __init__(self, rate, raised):
        super().__init__(daemon=True)
        self.period, self.raised, self.over, self.late_ms = 1 / rate, raised, threading.Event(), []
        self.start()

    def run(self):
        if self.raised:
            try:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
            except PermissionError:
                pass
        due = time.monotonic()
        while not self.over.is_set():
            due += self.period
            time.sleep(max(0, due - time.monotonic()))
            self.late_ms.append((time.monotonic() - due) * 1e3)

    def end(self):
        """Percentiles as the job reports its own."""
        self.over.set()
        self.join()
        late = sorted(self.late_ms)
        at = lambda q: late[min(len(late) - 1, int(q * len(late)))]
        return {"count": len(late), "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "p99_9_ms": at(0.999), "max_ms": late[-1]}


def raised(arguments):
    return "usual" not in arguments.further


class Job:
    """A live job with its page, and what it says at its end."""

    def __init__(self, program, source, engine, arguments, seconds):
        self.address = f"127.0.0.1:{free_port()}"
        command = [program, "live", source, "--engine", engine, "--serve", self.address, "--latency",
                   "--duration", str(seconds), *arguments]
        environment = os.environ | {"VESALIUS_ENGINES": str(PROJECT / "engines")}
        self.said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.said, text=True,
                                        env=environment)
        until = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < until:
            try:
                # Before the first picture it says OFF.
                now = self.status()
                if now["signal"]["frames"] and now["ai"]["state"] == ("OFF" if "off" in arguments else "RUNNING"):
                    break
            except OSError:
                pass
            time.sleep(0.1)

    def status(self):
        with urllib.request.urlopen(f"http://{self.address}/api/status", timeout=10) as answer:
            return json.load(answer)

    def post(self, path, **body):
        request = urllib.request.Request(f"http://{self.address}{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def child(self):
        return self.status()["ai"]["process_id"]

    def end(self):
        """The report as JSON; the words of the job where it failed."""
        out, _ = self.process.communicate(timeout=120)
        if self.process.returncode != 0:
            self.said.seek(0)
            sys.exit(f"the job ended with {self.process.returncode}: {self.said.read()[-2000:]}")
        return json.loads(out.splitlines()[-1])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def send(pid, number):
    if pid:
        os.kill(pid, number)


# The states of an engine: name, engine, further arguments, and what is done to the job while it runs.

def nothing(job, until):
    time.sleep(max(0, until - time.monotonic()))


def hung(job, until):
    """The process stops, and the deadline is so far off that nobody ends it."""
    send(job.child(), signal.SIGSTOP)
    nothing(job, until)


def killed(job, until):
    """Killed every five seconds; before the fourth time in ten minutes the engine is chosen anew."""
    engine, times = job.status()["ai"]["engine"], 0
    while time.monotonic() < until - 5:
        time.sleep(5)
        send(job.child(), signal.SIGKILL)
        times += 1
        if times % 3 == 0:
            time.sleep(1)
            job.post("/api/engine", name=engine)
    nothing(job, until)


def reloading(job, until):
    """The engine loaded anew every three seconds. Another one would be drawn in another way, which takes another time."""
    engine = job.status()["ai"]["engine"]
    while time.monotonic() < until - 5:
        job.post("/api/engine", name=engine)
        time.sleep(3)
    nothing(job, until)


def states(engine):
    slow = str(TEST_ENGINES / "slow")
    return [
        ("off", engine, ["--ai", "off"], nothing),
        ("fast", engine, [], nothing),
        ("slow", slow, [], nothing),
        ("hung", engine, ["--deadline-ms", "600000"], hung),
        ("killed", engine, [], killed),
        ("reloading", engine, [], reloading),
    ]


def latency(arguments):
    reports = {}
    head = f"{'engine':10} {'pictures':>9} {'lost':>5} | {'p50':>6} {'p95':>6} {'p99':>6} {'p99.9':>6} {'max':>7} | " \
           f"{'p50':>6} {'p99':>6} {'p99.9':>6} {'max':>6} | {'p50':>6} {'p99':>6} {'p99.9':>6} {'max':>6} | " \
           f"{'results':>8} {'p50':>6} {'p95':>6} {'p99':>6} {'max':>6}"
    print(machine())
    print("milliseconds: the picture through the chain | processor time of its thread | a bare thread's wake-up | "
          "age of what is drawn\n" + head)
    for name, engine, further, act in states(arguments.engine):
        if arguments.only and name not in arguments.only:
            continue
        job = Job(arguments.program, arguments.source, engine, further + arguments.further, arguments.seconds)
        bare = Bare(arguments.rate, raised(arguments))
        act(job, time.monotonic() + arguments.seconds - 3)
        machines = bare.end()
        report = job.end() | {"bare_thread": machines}
        reports[name] = report
        p, w, a = report["picture"], report["work"], report["overlay_age"]
        print(f"{name:10} {report['frames']:9} {report['dropped']:5} | {p['p50_ms']:6.2f} {p['p95_ms']:6.2f} {p['p99_ms']:6.2f} "
              f"{p['p99_9_ms']:6.2f} {p['max_ms']:7.2f} | {w['p50_ms']:6.2f} {w['p99_ms']:6.2f} {w['p99_9_ms']:6.2f} "
              f"{w['max_ms']:6.2f} | {machines['p50_ms']:6.2f} {machines['p99_ms']:6.2f} "
              f"{machines['p99_9_ms']:6.2f} {machines['max_ms']:6.2f} | {a['count']:8} {a['p50_ms']:6.1f} {a['p95_ms']:6.1f} "
              f"{a['p99_ms']:6.1f} {a['max_ms']:6.1f}", flush=True)
    print(json.dumps(reports))


# Soak

def sample(pid):
    """Resident memory in bytes, threads and descriptors of a process; None where it is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return {"rss": int(fields["VmRSS"].split()[0]) * 1024, "threads": int(fields["Threads"]),
                "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
    except (OSError, KeyError):
        return None


def browse(address, seconds):
    """A browser that looks for a while and breaks off."""
    try:
        with urllib.request.urlopen(f"http://{address}/picture.mjpeg", timeout=10) as stream:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                stream.read(20_000)
    except OSError:
        pass


# Minutes after which people begin again.
ROUND = 6


def minute(job, number, out):
    """What people do in one minute of a round."""
    turn = number % ROUND
    if turn == 0:
        job.post("/api/snapshot")
        job.post("/api/record", on=True)
    elif turn == 1:
        job.post("/api/look-back", seconds=5)
        job.post("/api/record", on=False)
        for file in out.glob("*.mkv"):
            file.unlink()
    elif turn == 2:
        job.post("/api/ai", on=False)
        time.sleep(2)
        job.post("/api/ai", on=True)
    elif turn == 3:
        threading.Thread(target=browse, args=(job.address, 20), daemon=True).start()
    elif turn == 4:
        send(job.child(), signal.SIGKILL)
        job.post("/api/new-patient")
    else:
        engine = job.status()["ai"]["engine"]
        job.post("/api/engine", name=engine)


def flat(samples, key, slack):
    """Whether the minutes of a round are no higher the last time than the second: the first is for warming up. Each is held
    against the same minute, for recording takes memory that browsers do not."""
    times = {}
    for s in samples:
        if s["minute"]:
            times.setdefault((s["minute"] - 1) % ROUND, {}).setdefault((s["minute"] - 1) // ROUND, []).append(s[key])
    pairs = []
    for rounds in times.values():
        last = max(rounds)
        if last >= 2:
            pairs.append((statistics.median(rounds[1]), statistics.median(rounds[last])))
    if not pairs:
        print(f"{key:12} too short to tell: three rounds of {ROUND} minutes are needed")
        return False
    before, after = (statistics.mean(of) for of in zip(*pairs))
    print(f"{key:12} second round {before:14,.0f}   last round {after:14,.0f}   most {max(s[key] for s in samples):14,.0f}")
    return after <= before + slack(before)


def soak(arguments):
    seconds = arguments.hours * 3600 if arguments.hours else arguments.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        job = Job(arguments.program, arguments.source, arguments.engine,
                  ["--out", folder, "--look-back", "10", *arguments.further], seconds)
        print(machine(), flush=True)
        bare = Bare(arguments.rate, raised(arguments))
        begun, done, samples = time.monotonic(), 0, []
        while job.process.poll() is None:
            time.sleep(5)
            now = sample(job.process.pid)
            if now:
                samples.append(now | {"minute": done})
            passed = (time.monotonic() - begun) / 60
            if passed >= done + 1 and passed * 60 < seconds - 15:
                try:
                    minute(job, done, out)
                except OSError as error:
                    print(f"minute {done}: {error}", flush=True)
                done += 1
                print(f"minute {done}: {now}", flush=True)
        report = {"bare_thread": bare.end()} | job.end()
    held = [
        flat(samples, "rss", lambda before: 0.05 * before + 8e6),
        flat(samples, "threads", lambda _: 2),
        flat(samples, "descriptors", lambda _: 4),
        report["dropped"] == 0,
    ]
    print(json.dumps({"seconds": seconds, "samples": samples[:: max(1, len(samples) // 60)], **report}))
    for name in ("picture", "work", "bare_thread", "overlay_age"):
        p = report[name]
        print(f"{name:12} {p['count']:9} p50 {p['p50_ms']:7.2f} p95 {p['p95_ms']:7.2f} p99 {p['p99_ms']:7.2f} "
              f"p99.9 {p['p99_9_ms']:7.2f} max {p['max_ms']:7.2f} ms")
    print(f"{report['frames']} pictures came, {report['dropped']} were lost")
    if not all(held):
        sys.exit("NOT FLAT: something grew, or pictures were lost")
    print("flat: memory, threads and descriptors did not grow, and no picture was lost")


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    load = os.getloadavg()
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, load before {load[0]:.1f} {load[1]:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("latency", "soak"):
        command = commands.add_parser(name)
        command.add_argument("--program", default=str(PROJECT / "target/release/vesalius"))
        command.add_argument("--rate", type=int, default=30, help="pictures a second of the source [%(default)s]")
        command.add_argument("--source", default=SOURCE, help="what `vesalius live` takes; {rate} stands for the rate")
        command.add_argument("--engine", default="fetal-head")
        command.add_argument("further", nargs="*", help="further arguments for the job, behind --")
    commands.choices["latency"].add_argument("--seconds", type=int, default=60)
    commands.choices["latency"].add_argument("--only", nargs="*")
    commands.choices["soak"].add_argument("--minutes", type=float, default=30)
    commands.choices["soak"].add_argument("--hours", type=float)
    arguments = parser.parse_args()
    arguments.source = arguments.source.replace("{rate}", str(arguments.rate))
    {"latency": latency, "soak": soak}[arguments.command](arguments)


if __name__ == "__main__":
    main()
