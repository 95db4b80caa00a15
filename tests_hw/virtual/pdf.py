#!/usr/bin/env python3
"""The PDF report of whole runs, read by poppler: what stands on each sheet, whether its fonts are in it, whether it says what the page
says, and whether the same record makes the same bytes. Over a run that is GO, one that is NO-GO and says so in two languages, and one
whose operator bears a hostile name; on a station without a CJK font, and on one without any font.

usage: pdf.py --bin BUILD/bin [--keep DIR]
"""
import argparse
import concurrent.futures
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import wire

check = wire.Checks()
CHINESE_FONT = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
HOSTILE = "王小明 שלום <script>alert(1)</script>\u202egnp.exe ]]> &amp; (\\) Tj"


def poppler(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr}")
    return done.stdout


def sheets_of(path):
    """The text of each sheet, with single spaces. As it was drawn, cell by cell: a word broken in its cell is one word here."""
    return [re.sub(r"\s+", " ", sheet) for sheet in poppler("pdftotext", "-raw", path, "-").removesuffix("\f").split("\f")]


def squeezed(text):
    """Without white space, and without the marks that pdftotext puts around words that run from right to left."""
    return re.sub(r"[\s\u202a-\u202c]+", "", text)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def run_demo(options, place, name, *arguments):
    done = wire.kiln(options, place, "demo", "--json", "--out", f"{place}/{name}", *arguments)
    return json.loads(done.stdout)


def every_sheet(name, result):
    path = result["reports"]["pdf"]
    sheets = sheets_of(path)
    with open(os.path.dirname(path) + "/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    pages = int(re.search(r"Pages:\s+(\d+)", poppler("pdfinfo", path)).group(1))
    check(len(sheets) == pages >= 4, f"{name}: {pages} sheets", len(sheets))
    for what, words in (("page n of m", lambda number: f"page {number} of {pages}"), ("run id", lambda _: result["run"]),
                        ("hash of the record", lambda _: manifest["chain_head"][:16]), ("decision", lambda _: result["decision"]),
                        ("banner", lambda _: "SIMULATED RACK – NOT HARDWARE")):
        lacking = [number for number, sheet in enumerate(sheets, 1) if words(number) not in sheet]
        check(not lacking, f"{name}: {what} on every sheet", lacking)
    check("END OF REPORT" in sheets[-1], f"{name}: the last sheet says that it is", sheets[-1][-200:])
    fonts = poppler("pdffonts", path).splitlines()[2:]
    check(fonts and all(line.split()[-5] == "yes" for line in fonts), f"{name}: all {len(fonts)} fonts are in it", fonts)
    with open(path, "rb") as file:
        data = re.sub(rb"\bstream\r?\n.*?\bendstream\b", b"", file.read(), flags=re.S)  # drawings and fonts, compressed
    check(b"/Type /Page" in data and not re.search(rb"/(URI|JavaScript|JS|Launch|OpenAction|AA|EmbeddedFile|GoToR)\b", data), f"{name}: nothing to open, run or load")
    check("report.pdf" in {one["name"] for one in manifest["files"]}, f"{name}: it is sealed")
    return sheets


def page_one(name, result, sheets):
    first = squeezed(sheets[0])
    counts = result["counts"]
    wanted = [f"{counts['measured']} of {counts['required']} required checks were measured", result["sign_off"]]
    for dut in result["duts"]:
        wanted.append(dut["id"])
        # What failed stands before what was not run.
        for reason in dut["reasons"][:1] if dut["verdict"] == "NO-GO" or result["decision"] != "NO-GO" else ():
            wanted += [reason["code"], reason["fru"], reason["action"]]
    lacking = [word for word in wanted if squeezed(word) not in first]
    check(not lacking, f"{name}: page 1 says how much was measured, and why, which part, what to do", lacking)


def code_of(name, result, place):
    """The code on page 1 as a scanner reads it from the printed sheet, at 150 dots per inch."""
    with open(os.path.dirname(result["reports"]["pdf"]) + "/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    poppler("pdftoppm", "-r", "150", "-gray", "-png", "-f", "1", "-l", "1", "-singlefile", result["reports"]["pdf"], f"{place}/{name}-sheet")
    read = subprocess.run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", f"{place}/{name}-sheet.png"], capture_output=True, text=True, timeout=60)
    check(read.stdout.strip() == f"KILN {result['run']} SIMULATED {result['decision']} {manifest['chain_head']}", f"{name}: the code on page 1 says which record it is of",
          read.stdout + read.stderr)


def same_content(name, result, sheets):
    """What the page says in words, the sheets say: headings, and all cells of the tables that are printed."""
    with open(result["reports"]["html"], encoding="utf-8") as file:
        page = re.sub(r"<details>.*?</details>", "", file.read(), flags=re.S)  # closed, and not printed
    said = squeezed(" ".join(sheets))
    # A cell may go on on the next sheet, with the sheet's marks in between: not looked for in one piece there.
    texts = [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<(?:h2|h3|td|th)\b[^>]*>(.*?)</(?:h2|h3|td|th)>", page, re.S)]
    words = {word for text in texts for word in text.split() if word.isascii() and 4 <= len(word) <= 14}
    lacking = sorted(word for word in words if word not in said)
    check(len(words) > 200 and not lacking, f"{name}: {len(words)} words of the page's tables stand on the sheets", lacking[:20])
    headings = [squeezed(html.unescape(re.sub(r"<[^>]+>", "", text))) for text in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]
    check(len(headings) >= 8 and all(text in said for text in headings), f"{name}: all {len(headings)} headings", [h for h in headings if h not in said])


def same_bytes(options, place, result):
    files, took = [], []
    for again in ("one", "two"):
        started = time.monotonic()
        done = wire.kiln(options, place, "report", result["run"], "--format", "pdf", "--out", f"{place}/{again}", "--json")
        took.append(time.monotonic() - started)
        files.append(json.loads(done.stdout)["reports"]["pdf"])
    check(sha256(files[0]) == sha256(files[1]) == sha256(result["reports"]["pdf"]), f"the same record makes the same bytes (in {min(took):.2f} s)")
    info = poppler("pdfinfo", "-isodates", files[0])
    check(result["run"] in info and result["decision"] in info, "title: decision and run", info)


def hostile_name(result):
    text = squeezed(" ".join(sheets_of(result["reports"]["pdf"])))
    check("<script>alert(1)</script>" in text and "&amp;" in text, "markup in a name is letters", text[:300])
    check("‹U+202E›" in text and "\u202e" not in text, "what turns the direction of reading is shown by name")
    check("王小明" in text or "‹U+738B›" in text, "Chinese letters are drawn, or named where no font has them")
    check("שלום" in text or "םולש" in text, "Hebrew letters are drawn")


def fonts_of(place, *files):
    """A station with these fonts and no others."""
    folder = f"{place}/fonts-{len(files)}"
    os.makedirs(folder)
    for path in files:
        shutil.copy(path, folder)
    config = f"{folder}.conf"
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{folder}</dir><cachedir>{folder}-cache</cachedir></fontconfig>')
    return config


def few_fonts(options, place, result):
    def report(config, out):
        command = [os.path.join(options.bin, "kiln"), "report", result["run"], "--json", "--out", f"{place}/{out}"]
        environment = dict(wire.environment(place), FONTCONFIG_FILE=config)
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, env=environment, check=False)

    dejavu = poppler("fc-match", "-f", "%{file}", "DejaVu Sans")
    latin = report(fonts_of(place, dejavu), "latin")
    text = squeezed(" ".join(sheets_of(json.loads(latin.stdout)["reports"]["pdf"])))
    check(latin.returncode == 0 and "‹U+738B›" in text and "fonts-noto-cjk" in text,
          "without a CJK font its letters stand by name, and the report says which package has them", latin.stderr)
    chinese = report(fonts_of(place, dejavu, CHINESE_FONT), "chinese")
    path = json.loads(chinese.stdout)["reports"]["pdf"]
    text = squeezed(" ".join(sheets_of(path)))
    check("王小明" in text and "‹U+738B›" not in text and "MicroHei" in poppler("pdffonts", path), "with one they are drawn, and it is in the PDF", text[:300])
    none = report(fonts_of(place), "none")
    written = json.loads(none.stdout)["reports"]
    check(none.returncode == 4 and "report.no_fonts" in none.stderr and "fonts-dejavu-core" in none.stderr and "pdf" not in written and
          {"html", "json", "text", "manifest"} <= set(written), "without any font: no PDF, which package is needed, and all other reports",
          (none.returncode, none.stderr, sorted(written)))


def second_language(result):
    sheets = sheets_of(result["reports"]["pdf"])
    with open(result["reports"]["html"], encoding="utf-8") as file:
        page = squeezed(file.read())
    for where, text in (("page", page), ("sheet", squeezed(sheets[0]))):
        lacking = [word for word in ("不合格", "不得出货", "签核", "原因、部件、处置", "模拟机柜", "NO-GO", "Do not ship") if squeezed(word) not in text]
        check(not lacking or (where == "sheet" and "‹U+4E0D›" in text), f"the first {where} speaks Chinese beside English", lacking)
    slip = subprocess.run([os.path.join(OPTIONS.bin, "kiln"), "report", "--language", "zh-TW"], capture_output=True, text=True, timeout=60, check=False)
    check(slip.returncode == 2 and "zh-CN" in slip.stderr, "a language that is not there is refused, and the ones that are are named", slip.stderr)


OPTIONS = None


def main():
    global OPTIONS
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--keep", help="keep the PDFs here")
    options = OPTIONS = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-pdf-") as place, concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {"healthy": (), "faulty": ("--fault", "nic-down@C01:NIC_1", "--language", "zh-CN"), "hostile": ("--operator", HOSTILE)}
        started = {name: pool.submit(run_demo, options, place, name, *arguments) for name, arguments in runs.items()}
        results = {name: future.result() for name, future in started.items()}
        for name, decision in (("healthy", "GO"), ("faulty", "NO-GO"), ("hostile", "GO")):
            result = results[name]
            check(result["decision"] == decision and "pdf" in result["reports"], f"{name}: {decision}, with a PDF", result["reports"])
            if options.keep:
                os.makedirs(options.keep, exist_ok=True)
                for kind in ("pdf", "html"):
                    shutil.copy(result["reports"][kind], f"{options.keep}/{name}.{kind}")
            sheets = every_sheet(name, result)
            page_one(name, result, sheets)
            code_of(name, result, place)
            same_content(name, result, sheets)
        same_bytes(options, place, results["healthy"])
        hostile_name(results["hostile"])
        few_fonts(options, place, results["hostile"])
        second_language(results["faulty"])
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
