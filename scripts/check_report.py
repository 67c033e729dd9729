#!/usr/bin/env python3
"""Looks at a page of `vesalius report` as people do: in headless Chromium, with scripts off and without a network.

    pip install playwright; apt-get install chromium        (or: playwright install chromium)
    scripts/check_report.py out/run/report.html --shots out/report-shots

What it holds the page to: nothing is asked of the network, no message on the console; no sideways scrolling on a phone; every
text has a contrast of 4.5 to 1 with what is behind it (WCAG 2.2 AA), in light and dark; no text of a figure lies on another, and
none is cut off; the first stop of the Tab key is the
link to the summary, details open by keyboard; in print all details are open. It leaves pictures of light, dark, phone and print.
"""

import argparse
import pathlib
import shutil
import sys

from playwright.sync_api import sync_playwright

CONTRAST = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parse = s => (s.match(/[\\d.]+/g) || []).map(Number);
  const behind = node => {
    for (let n = node; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  let worst = [99, ''];
  for (const node of document.querySelectorAll('h1,h2,h3,p,a,th,td,caption,figcaption,summary,svg.fig text')) {
    if (!node.textContent.trim() || node.closest('.skip')) continue;
    const style = getComputedStyle(node);
    const ink = parse(node.tagName === 'text' ? style.fill : style.color);
    const [a, b] = [luminance(ink), luminance(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst[0]) worst = [ratio, node.tagName + ': ' + node.textContent.slice(0, 40)];
  }
  return worst;
}"""

# Texts of a figure that lie on each other, or stand out of it, by more than a pixel of their boxes' slack.
CROWDED = """() => {
  const found = [], slack = 1.5;
  for (const figure of document.querySelectorAll('svg.fig')) {
    const frame = figure.getBoundingClientRect();
    const texts = [...figure.querySelectorAll('text')].filter(t => t.textContent.trim()).map(t => [t.textContent, t.getBoundingClientRect()]);
    for (const [text, box] of texts)
      if (box.left < frame.left - slack || box.right > frame.right + slack || box.top < frame.top - slack || box.bottom > frame.bottom + slack)
        found.push(text + ' is cut off');
    for (let i = 0; i < texts.length; i++)
      for (let j = i + 1; j < texts.length; j++) {
        const [a, b] = [texts[i][1], texts[j][1]];
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3 * slack)
          found.push(texts[i][0] + ' on ' + texts[j][0]);
      }
  }
  return found;
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--shots", type=pathlib.Path, required=True)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    args = parser.parse_args()
    args.shots.mkdir(parents=True, exist_ok=True)
    url, faults = args.page.resolve().as_uri(), []

    def hold(is_so: bool, what: str) -> None:
        print(("ok      " if is_so else "FAILED  ") + what)
        faults.extend([] if is_so else [what])

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        asked, said = [], []
        for scheme in ["light", "dark"]:
            # With scripts on, so that the page can be asked about itself; it has none of its own, which is looked at below.
            context = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900}, offline=True)
            page = context.new_page()
            page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else asked.append(r.url))
            page.on("console", lambda m: said.append(m.text))
            page.on("pageerror", lambda e: said.append(str(e)))
            page.goto(url)
            page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
            ratio, where = page.evaluate(CONTRAST)
            hold(ratio >= 4.5, f"{scheme}: least contrast {ratio:.2f} ({where})")
            crowded = page.evaluate(CROWDED)
            hold(not crowded, f"{scheme}: texts of figures stand apart: {len(crowded)} do not {crowded[:4]}")
            page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = false)")
            page.screenshot(path=args.shots / f"{scheme}.png", full_page=True)
            hold(page.evaluate("() => document.scripts.length") == 0, f"{scheme}: no script")
            context.close()
        hold(not asked, f"nothing asked of the network {asked[:3]}")
        hold(not said, f"nothing on the console {said[:3]}")

        context = browser.new_context(java_script_enabled=False, viewport={"width": 1200, "height": 900})
        page = context.new_page()
        page.goto(url)
        page.keyboard.press("Tab")
        hold(page.locator("a.skip:focus").count() == 1, "the first stop of Tab is the link to the summary")
        summary = page.locator("summary").first
        if summary.count():
            summary.focus()
            page.keyboard.press("Enter")
            hold(page.locator("details[open]").count() == 1, "details open by keyboard")
            page.keyboard.press("Enter")
        context.close()

        context = browser.new_context(viewport={"width": 360, "height": 740})
        page = context.new_page()
        page.goto(url)
        width = page.evaluate("() => document.documentElement.scrollWidth")
        hold(width <= 360, f"a phone need not scroll sideways: {width} of 360 pixels")
        page.screenshot(path=args.shots / "phone.png")
        context.close()

        context = browser.new_context(color_scheme="dark")
        page = context.new_page()
        page.goto(url)
        page.emulate_media(media="print")
        hidden = page.evaluate(
            "() => [...document.querySelectorAll('details > :not(summary)')].filter(n => n.getClientRects().length === 0"
            " || n.getBoundingClientRect().height === 0).length"
        )
        hold(hidden == 0, f"in print all details are open: {hidden} hidden")
        page.pdf(path=args.shots / "print.pdf", format="A4", margin={s: "14mm" for s in ("top", "bottom", "left", "right")})
        context.close()
        browser.close()
    print(f"pictures in {args.shots}: light.png, dark.png, phone.png, print.pdf")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
