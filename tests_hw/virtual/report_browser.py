#!/usr/bin/env python3
"""The HTML report in a real browser: runs of the built programs, rendered by Debian's Chromium, headless and offline.

What a reader sees is asserted, not what the file holds: the decision above the fold on a desk and on a telephone, contrast,
tiles and links, no request and no complaint of the browser, and what page 1 says when printed on A4. Then the page is spoilt in
one way after the other, and each check must notice its own.

usage: report_browser.py --bin BUILD/bin [--shots DIR] [--page FILE.html]
"""
import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
except ImportError:
    # The Debian package is seen by Debian's own interpreter only; this one may be another.
    if sys.base_prefix != "/usr" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    webdriver = None

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
DESK, TELEPHONE = (1280, 800), (390, 844)
A4 = (711, 1028)  # CSS pixels between the margins of the page's own @page: 188 mm x 272 mm
CONTRAST_AT_LEAST = 7.0  # WCAG 2.2, 1.4.6 (AAA)

# What is drawn at a point is asked of the browser, so that something in front, hidden or too small does not count as seen.
SEEN = """
const box = element => { const b = element.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
const opaque = element => {
  for (let e = element; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number);
    if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
  }
  return [255, 255, 255];
};
const colours = element => [getComputedStyle(element).color.match(/[\\d.]+/g).map(Number).slice(0, 3), opaque(element)];
const at_its_place = element => {
  const b = element.getBoundingClientRect();
  const hit = document.elementFromPoint((b.left + b.right) / 2, (b.top + b.bottom) / 2);
  return hit !== null && (hit === element || element.contains(hit) || hit.contains(element));
};
const verdict = document.querySelector('.verdict');
const texts = [...document.querySelectorAll('.verdict, .banner, .loud, .signoff, .card h3, .card p')];
const parse = fill => { const d = document.createElement('div'); d.style.color = fill; document.body.append(d);
  const c = getComputedStyle(d).color.match(/[\\d.]+/g).map(Number).slice(0, 3); d.remove(); return c; };
// Where each text of page 1 is drawn; what lies upon something else, or beyond the page, cannot be read.
const page_box = document.querySelector('.page1').getBoundingClientRect();
const lines = [];
const walker = document.createTreeWalker(document.querySelector('.page1'), NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  if (!node.data.trim() || ['TITLE', 'DESC'].includes(node.parentElement.tagName.toUpperCase())) continue;
  const wide = node.parentElement.closest('.wide');
  if (wide && getComputedStyle(wide).overflowX === 'auto' && wide.scrollWidth > wide.clientWidth) continue;  // it is scrolled to
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const b of range.getClientRects()) if (b.width > 1 && b.height > 1) lines.push([node.data.trim().slice(0, 40), b]);
}
const overlaps = [];
lines.forEach(([one, a], i) => lines.slice(i + 1).forEach(([other, b]) => {
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (wide > 1.5 && high > 0.3 * Math.min(a.height, b.height)) overlaps.push(`'${one}' and '${other}'`);
}));
const outside = lines.filter(([, b]) => b.left < page_box.left - 1 || b.right > page_box.right + 1 || b.bottom > page_box.bottom + 1)
  .map(([text]) => `'${text}'`);
return {
  overlaps: overlaps, outside: outside, lines: lines.length,
  decision: verdict.innerText.trim(), verdict_box: box(verdict), verdict_seen: at_its_place(verdict),
  verdict_size: parseFloat(getComputedStyle(verdict).fontSize),
  contrasts: texts.map(e => [e.innerText.slice(0, 40), ...colours(e)]).concat(
    [...document.querySelectorAll('.tile')].flatMap(t => [...t.querySelectorAll('text')].slice(1).filter(x => x.hasAttribute('fill'))
      .map(x => [x.textContent, parse(x.getAttribute('fill')), parse(t.querySelector('rect').getAttribute('fill'))]))),
  page_width: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth), window_width: innerWidth,
  banner: [...document.querySelectorAll('.banner')].map(e => e.innerText).join(),
  signoff: document.querySelector('.signoff').innerText,
  counts: Object.fromEntries([...document.querySelectorAll('.counts div')].map(
    d => [d.querySelector('dt').innerText, Number(d.querySelector('dd').innerText)])),
  cards: [...document.querySelectorAll('.page1 .card')].map(e => e.innerText),
  tiles: [...document.querySelectorAll('.elevation .tile')].map(
    t => ({words: [...t.querySelectorAll('text')].map(x => x.textContent), title: t.querySelector('title').textContent,
           link: t.closest('a') ? t.closest('a').getAttribute('href') : null, box: box(t)})),
  links: [...document.querySelectorAll('a')].map(a => a.getAttribute('href')),
  anchors: [...document.querySelectorAll('[id]')].map(e => e.id),
  scripts: document.scripts.length, text: document.querySelector('.page1').innerText,
  limits: [...document.querySelectorAll('.plot')].map(p => [p.getAttribute('aria-label'), p.querySelectorAll('line.limit').length,
    p.querySelectorAll('.line').length, p.querySelectorAll('.legend').length, p.querySelectorAll('.load').length,
    p.querySelectorAll('.cut').length]),
  cuts: document.querySelectorAll('.timeline .cut').length,
};
"""


def luminance(rgb):
    """Relative luminance, WCAG 2.2."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class Browser:
    """One Chromium for all pages: an empty profile, no sandbox (containers have none to offer), nothing in the background."""

    def __init__(self, place):
        options = Options()
        options.binary_location = CHROMIUM
        for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", f"--user-data-dir={place}/profile", "--lang=en"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_page_load_timeout(60)

    def look(self, page, size, media=""):
        """Everything the checks need of one page in one window, or as it is laid out for paper (media: print)."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600})
        self.driver.get("about:blank")
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        url = "file://" + os.path.abspath(page)
        started = time.monotonic()
        self.driver.get(url)
        seen = self.driver.execute_script(SEEN)
        seen["load_s"] = time.monotonic() - started
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        # The document itself must be among them: an empty log would prove nothing.
        seen["document_requested"] = url in sent
        seen["requests"] = [address for address in sent if address != url]
        seen["complaints"] = [entry["message"] for entry in self.driver.get_log("browser")]
        return seen

    def shoot(self, path, whole=False):
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def printed(self, path):
        """The text of each sheet of A4."""
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        pdf = self.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
        with open(path, "wb") as file:
            file.write(base64.b64decode(pdf["data"]))
        text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True, timeout=60)
        return text.stdout.rstrip("\f").split("\f")


def window_problems(seen, size, result):
    """What is wrong with the page in one window; empty when nothing is."""
    problems = []

    def want(condition, what):
        if not condition:
            problems.append(what)

    left, top, right, bottom = seen["verdict_box"]
    want(seen["decision"].endswith(" " + result["decision"]), f"the verdict reads '{seen['decision']}'")
    want(seen["verdict_seen"] and 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1] and seen["verdict_size"] >= 28,
         f"the verdict is not seen above the fold ({seen['verdict_box']}, {seen['verdict_size']} px)")
    want(seen["page_width"] <= seen["window_width"] == size[0], f"the page scrolls sideways ({seen['page_width']} > {size[0]})")
    for text, ink, ground in seen["contrasts"]:
        want(contrast(ink, ground) >= CONTRAST_AT_LEAST, f"contrast {contrast(ink, ground):.2f} of '{text}'")
    want(len(seen["contrasts"]) > len(seen["tiles"]), "there are colours to judge")
    want(seen["document_requested"], "the browser's log shows the page itself")
    want(not seen["requests"], f"the page asked for {seen['requests']}")
    want(not seen["complaints"], f"the browser complains: {seen['complaints']}")
    want(seen["scripts"] == 0, "the page holds a script")
    return problems


def layout_problems(seen):
    """Texts of page 1 that cannot be read where they are."""
    problems = [f"{pair} lie upon each other" for pair in seen["overlaps"][:5]]
    problems += [f"{text} lies beyond page 1" for text in seen["outside"][:5]]
    return problems if seen["lines"] > 30 else problems + [f"only {seen['lines']} texts on page 1"]


def content_problems(seen, result):
    problems = []

    def want(condition, what):
        if not condition:
            problems.append(what)

    want(("SIMULATED RACK" in seen["banner"]) == result["simulated"], f"the banner reads '{seen['banner']}'")
    want(result["sign_off"] in seen["signoff"] and "because" in seen["signoff"], f"sign-off reads '{seen['signoff']}'")
    for name, value in result["counts"].items():
        want(seen["counts"].get(name.replace("_", " ")) == value, f"{name} reads {seen['counts']}, not {value}")
    shown = sorted(word for tile in seen["tiles"] for word in tile["words"] if word in {d["id"] for d in result["duts"]})
    want(shown == sorted(d["id"] for d in result["duts"]), f"{len(seen['tiles'])} tiles for {len(result['duts'])} DUTs: {shown}")
    for dut in result["duts"]:
        own = [tile for tile in seen["tiles"] if dut["id"] in tile["words"]]
        want(len(own) == 1 and dut["verdict"] in own[0]["words"], f"the tile of {dut['id']} says {dut['verdict']}")
        want(len(own) == 1 and bool(own[0]["link"]) == bool(dut["reasons"]), f"the tile of {dut['id']} leads to its reasons")
        for reason in dut["reasons"][:1]:
            card = [c for c in seen["cards"] if dut["id"] in c and reason["code"] in c and reason["fru"] in c]
            want(card and reason["action"][:60] in card[0], f"page 1 says {reason['code']} of {dut['id']} with part and action")
    slots = [int(tile["words"][1][1:]) for tile in sorted(seen["tiles"], key=lambda t: t["box"][1])
             if re.fullmatch(r"U\d+", tile["words"][1])]
    want(slots and slots == sorted(slots, reverse=True), f"the highest slot is on top: {slots}")
    for link in seen["links"]:
        want(link.startswith("#") and seen["anchors"].count(link[1:]) == 1, f"the link {link} leads to {seen['anchors'].count(link[1:])} places")
    want(len(seen["links"]) > 0, "there are links to follow")
    return problems


def print_problems(sheets, result):
    problems = []
    first = re.sub(r"\s+", " ", sheets[0])
    wanted = [result["decision"], result["run"], "page 1 of", "Sign-off", "SIMULATED RACK"] if result["simulated"] else [result["decision"]]
    wanted += [dut["id"] for dut in result["duts"]]
    wanted += [reason["code"] for dut in result["duts"] for reason in dut["reasons"][:1]]
    for word in wanted:
        if word not in first:
            problems.append(f"printed page 1 lacks '{word}'")
    if not any(heading in sheets[1].split("\n")[0] for heading in ("DUTs", "Every reason", "Energy removed", "Safety")):
        problems.append(f"page 1 fills more than one sheet: the second begins '{sheets[1].strip()[:60]}'")
    if "END OF REPORT" not in sheets[-1] and "END OF REPORT" not in sheets[-2]:
        problems.append("the last sheet does not say END OF REPORT")
    return problems


# Ways to spoil a page: what is replaced, by what, and a word of the problem that must be found.
SPOILT = [
    ("the verdict is pale", "color: #00543D; background: #E2F4EE", "color: #7FB5A4; background: #E2F4EE", "contrast"),
    ("the verdict lies below the fold", '<div class="verdict', '<div style="height: 900px"></div><div class="verdict', "above the fold"),
    ("the verdict is covered", "</main>", '<div style="position: fixed; inset: 0; background: #fff"></div></main>', "above the fold"),
    ("the verdict is another one", "✔ GO</div>", "✔ GO, mostly</div>", "the verdict reads"),
    ("something is too wide", "</main>", '<div style="width: 2000px">wide</div></main>', "sideways"),
    ("a script", "</main>", "<script>1</script></main>", "holds a script"),
    ("a picture from elsewhere, refused by the page", "</main>", '<img src="http://127.0.0.1:9/x.png"></main>', "complains"),
    ("a picture from elsewhere, allowed", "default-src 'none'; style-src", "default-src *; style-src", None),
    ("a tile is missing", '<g class="tile ', '<g class="was-tile ', "tiles for"),
    ("a link leads nowhere", 'id="limit-1"', 'id="limit-x"', "#limit-1 leads to 0"),
    ("a link leads to two places", "</main>", '<p id="limit-1"></p></main>', "leads to 2"),
    ("a count is wrong", "<dt>failed</dt><dd>0", "<dt>failed</dt><dd>1", "failed reads"),
    ("two texts lie upon each other", '<p class="says">', '<p class="says" style="margin-bottom: -34px">', "upon each other"),
    ("a text lies beyond the page", '<p class="says">', '<p class="says" style="position: relative; left: -60px">', "beyond page 1"),
    ("the banner is missing", "SIMULATED RACK", "RACK", "banner"),
]


def spoil(page, place, index):
    _, old, new, _ = SPOILT[index]
    text = open(page, encoding="utf-8").read()
    if old not in text:
        raise SystemExit(f"report_browser.py: the page has no '{old}' to spoil; the table of spoilt pages is out of date")
    text = text.replace(old, new, 1)
    if SPOILT[index][3] is None:
        text = text.replace("</main>", '<img src="http://127.0.0.1:9/x.png" alt=""></main>')
    path = os.path.join(place, f"spoilt-{index}.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Suite:
    def __init__(self, options, place, browser):
        self.options, self.place, self.browser, self.wrong = options, place, browser, 0

    def check(self, problems, what):
        print(("ok    " if not problems else "WRONG ") + what, flush=True)
        for problem in problems:
            print("      " + problem, flush=True)
        self.wrong += bool(problems)

    def demo(self, name, *arguments):
        environment = dict(os.environ, XDG_STATE_HOME=self.place)
        run = subprocess.run([os.path.join(self.options.bin, "kiln"), "demo", "--json", "--out", f"{self.place}/{name}", *arguments],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=240,
                             env=environment)
        return json.loads(run.stdout)

    def report(self, name, result):
        page = result["reports"]["html"]
        for size in (TELEPHONE, DESK):
            seen = self.browser.look(page, size)
            if self.options.shots:
                self.browser.shoot(os.path.join(self.options.shots, f"{name}-{size[0]}.png"))
            self.check(layout_problems(seen), f"{name}: none of {seen['lines']} texts of page 1 lies upon another or beyond it at {size[0]} px")
            self.check(window_problems(seen, size, result) + content_problems(seen, result),
                       f"{name}: {result['decision']} at {size[0]} x {size[1]}, {len(seen['tiles'])} tiles, {len(seen['links'])} links, "
                       f"loaded in {seen['load_s']:.2f} s")
        if self.options.shots:
            self.browser.shoot(os.path.join(self.options.shots, f"{name}-whole.png"), whole=True)
        paper = self.browser.look(page, A4, "print")
        self.check(layout_problems(paper), f"{name}: nor one of {paper['lines']} on A4")
        self.browser.look(page, DESK)
        sheets = self.browser.printed(os.path.join(self.options.shots or self.place, f"{name}.pdf"))
        self.check(print_problems(sheets, result), f"{name}: printed on {len(sheets)} sheets, the first holds decision and reasons")
        return seen

    def plots(self, name, seen, cut):
        problems = [f"{label} has no limit" for label, limits, *_ in seen["limits"] if label.startswith("gpu.temperature") and limits == 0]
        problems += [f"{label}: {lines} lines, {legend} in the legend" for label, _, lines, legend, *_ in seen["limits"] if legend < lines]
        problems += [] if any(load for *_, load, _ in seen["limits"]) else ["no plot shows the load"]
        problems += [] if bool(seen["cuts"]) == cut else [f"{seen['cuts']} cuts on the timelines"]
        problems += [] if any(cuts for *_, cuts in seen["limits"]) == cut else ["the plots and the cut do not agree"]
        problems += [] if len(seen["limits"]) >= 4 else [f"only {len(seen['limits'])} plots"]
        self.check(problems, f"{name}: limits, legends, load{' and cut' if cut else ''} on the drawings")

    def spoilt(self, result):
        for index, (what, _, _, word) in enumerate(SPOILT):
            seen = self.browser.look(spoil(result["reports"]["html"], self.place, index), DESK)
            found = window_problems(seen, DESK, result) + layout_problems(seen) + content_problems(seen, result)
            word = word or "asked for"
            self.check([] if any(word in problem for problem in found) else [f"not noticed; found only {found}"], f"noticed: {what}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--shots", help="keep pictures and PDFs here")
    parser.add_argument("--page", help="only measure and shoot this page")
    options = parser.parse_args()
    if webdriver is None or not os.path.exists(CHROMIUM) or not os.path.exists(DRIVER):
        print("skipped: needs the packages chromium, chromium-driver and python3-selenium (ci/install-dependencies test)")
        return 77
    if options.shots:
        os.makedirs(options.shots, exist_ok=True)
    # A short path: Chromium puts a socket into its profile, and a socket's path has 108 bytes.
    with tempfile.TemporaryDirectory(prefix="kiln-page-") as place:
        browser = Browser(place)
        try:
            suite = Suite(options, place, browser)
            if options.page:
                for size in (TELEPHONE, DESK):
                    seen = browser.look(options.page, size)
                    print(f"{size[0]} px: {seen['load_s']:.2f} s, {os.path.getsize(options.page)} bytes, {len(seen['tiles'])} tiles, "
                          f"page {seen['page_width']} px wide, complaints {seen['complaints']}, requests {seen['requests']}")
                    if options.shots:
                        browser.shoot(os.path.join(options.shots, f"page-{size[0]}.png"))
                        browser.shoot(os.path.join(options.shots, f"page-{size[0]}-whole.png"), whole=True)
                started = time.monotonic()
                sheets = browser.printed(os.path.join(options.shots or place, "page.pdf"))
                print(f"printed on {len(sheets)} sheets in {time.monotonic() - started:.1f} s")
                return 0
            healthy = suite.demo("healthy")
            suite.plots("healthy", suite.report("healthy", healthy), cut=False)
            leak = suite.demo("leak", "--fault", "leak@C02+3s")
            suite.plots("leak", suite.report("leak", leak), cut=True)
            suite.spoilt(healthy)
        finally:
            browser.driver.quit()
    print(f"{suite.wrong} wrong")
    return 1 if suite.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
