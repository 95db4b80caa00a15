#!/usr/bin/env python3
"""What a newcomer types, checked: the demo ends GO with every cell measured (its leak: leak_times.py); what was stopped says so; no
password appears anywhere; wrong input is refused with exit code 2 (the rest: bad_input.py).

usage: demo.py --bin BUILD/bin
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

failures = []


def check(condition, what):
    print(("ok    " if condition else "WRONG ") + what, flush=True)
    if not condition:
        failures.append(what)


def kiln(options, place, *arguments, timeout=240):
    environment = dict(os.environ, XDG_STATE_HOME=place)
    return subprocess.run([os.path.join(options.bin, "kiln"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, env=environment)


def healthy_demo(options, place):
    run = kiln(options, place, "demo", "--json", "--out", place + "/go")
    result = json.loads(run.stdout)
    counts = result["counts"]
    check(run.returncode == 0 and result["decision"] == "GO", f"the demo ends GO, exit 0 ({result['decision']}, {run.returncode})")
    check(counts["required"] == counts["measured"] >= 300, f"required == measured >= 300 ({counts})")
    check(result["simulated"] and result["sign_off"] == "not-eligible", "a simulated run is marked and not eligible for sign-off")
    html = open(result["reports"]["html"], encoding="utf-8").read()
    check("SIMULATED RACK" in html and "<script" not in html, "page 1 says SIMULATED, the page has no script")
    report = json.load(open(result["reports"]["json"], encoding="utf-8"))
    clock = report["bring_up"]
    check(clock["first_token"]["run"] == result["run"] and clock["powered"] and not clock["arrived"],
          f"it ends with a first token on the bring-up clock, whose beginning nobody noted ({clock['first_token']})")
    check("first token" in html and "not recorded" in html, "the page shows the clock, and says what is not recorded")
    check(len(report["measurements"]) >= counts["measured"], "the JSON report holds every measurement")
    links = [link for tray in report["links"] for link in tray["links"]]
    check(len(links) == 144 and all(link["mark"] in ("quiet", "rate") for link in links) and "All links of the rack" in html,
          f"all 144 links are in one view, and none is marked ({len(links)})")
    compared = {item["measurement"]: item for item in report["comparisons"] if item["role"] == "compute_tray"}
    check(compared["nvlink.effective_ber.max"]["n"] == 144 and not any(item["odd"] for item in report["comparisons"]),
          "the links are set against each other, and none stands apart")
    check(compared["gpu.thermal_resistance"]["not_compared"] == "8 values, 16 are needed", "eight GPUs are too few to compare, and it says so")
    shown = kiln(options, place, "show", "last", "--links").stdout
    check("144 NVLinks of 2 trays" in shown and "." * 18 in shown.replace("·", "."), "kiln show --links has a character for each")
    return result


def stopped(options, place):
    environment = dict(os.environ, XDG_STATE_HOME=place)
    run = subprocess.Popen([os.path.join(options.bin, "kiln"), "demo", "--json", "--out", place + "/stopped"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    time.sleep(8)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=120)
    result = json.loads(out)
    check(run.returncode == 130 and result["decision"] == "INCOMPLETE", f"SIGINT: exit 130, INCOMPLETE ({run.returncode})")
    check(os.path.exists(result["reports"]["html"]), "a stopped run has its report")


def killed(options, place):
    environment = dict(os.environ, XDG_STATE_HOME=place)
    run = subprocess.Popen([os.path.join(options.bin, "kiln"), "demo", "--json"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    time.sleep(5)
    run.kill()
    run.wait(timeout=20)
    listed = json.loads(kiln(options, place, "runs", "--json").stdout)["runs"]
    check(listed[0]["state"] == "INTERRUPTED", f"a killed run is listed INTERRUPTED ({listed[0]['state']})")
    shown = kiln(options, place, "show", "last", "--json")
    check(json.loads(shown.stdout)["decision"] == "INCOMPLETE", "a killed run is INCOMPLETE")


def rerendered(options, place, result):
    again = kiln(options, place, "report", result["run"], "--out", place + "/again", "--json")
    files = json.loads(again.stdout)["reports"]
    same = open(files["json"], encoding="utf-8").read() == open(result["reports"]["json"], encoding="utf-8").read()
    check(again.returncode == 0 and same, "a report rendered again is the same report")


POPULATION = """population: known
product: virtual-gb300-nvl72
recipe: {name: demo-small, version: 1.5.2, sha256: "00"}
firmware: {baseline: none, sha256: "00"}
racks: 41
built: "2026-11-30T00:00:00Z"
rows:
  - {measurement: gpu.power.mean, unit: UNIT, role: compute_tray, slot: 11, part: GPU_0, n: 41, median: 1350, sigma: 8}
"""


def populations(options, place, inventory):
    built = kiln(options, place, "population", "virtual-gb300-nvl72", "demo-small", "--out", place + "/built.yaml")
    check(built.returncode == 2 and "its rack is simulated" in built.stderr and "population.empty" in built.stderr and
          not os.path.exists(place + "/built.yaml"), f"simulated racks are no population ({built.returncode}, {built.stderr[-200:]})")
    for unit, words in (("kW", "known.yaml:8:"), ("W", "population.simulated")):
        with open(place + "/known.yaml", "w", encoding="utf-8") as file:
            file.write(POPULATION.replace("UNIT", unit))
        run = kiln(options, place, "run", "demo/small", "--rack", inventory, "--population", place + "/known.yaml")
        check(run.returncode == 2 and words in run.stderr, f"a population with unit {unit} is refused here: {words} ({run.returncode}, {run.stderr[-200:]})")


def quality(options, place):
    hardware = kiln(options, place, "quality", "--json")
    counted = json.loads(hardware.stdout)["counted"]
    check(hardware.returncode == 0 and counted["attempts"] == 0 and counted["attempts_of_other_kind"] > 0,
          f"quality counts no simulated rack as hardware ({hardware.returncode}, {counted})")
    page = kiln(options, place, "quality", "--simulated", "--format", "html", "--check", "gpu.temperature.max")
    check(page.returncode == 0 and "SIMULATED" in page.stdout and "gpu.temperature.max, compute tray" in page.stdout and
          "<script" not in page.stdout, f"quality of simulated racks says so, and has the check that was asked for ({page.returncode}, {page.stderr[-200:]})")
    slip = kiln(options, place, "quality", "--recipe", "demo-smal")
    check(slip.returncode == 2 and "demo-small" in slip.stderr, f"quality of a recipe that no run has suggests one ({slip.returncode}, {slip.stderr[-200:]})")
    over = kiln(options, place, "quality", "--db", place + "/none.db")
    check(over.returncode == 4 and "none.db" in over.stderr, f"quality of a database that is not there: exit 4 ({over.returncode})")


def secrets(options, place):
    rack = subprocess.Popen([os.path.join(options.bin, "kiln-virtual-rack"), "--rack", "small", "--out", place + "/rack",
                             "--exit-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        inventory = json.loads(rack.stdout.readline())["inventory"]
        credentials = os.path.join(os.path.dirname(inventory), "rack.credentials.yaml")
        passwords = set(re.findall(r"(?:password|api_key): \"?([^\"\n}]+)", open(credentials, encoding="utf-8").read()))
        check(len(passwords) == 2, "the rack has a password and an API key to look for")
        run = kiln(options, place, "run", "demo/small", "--rack", inventory, "--dut", "C01,CDU01,S01", "-v", "--out", place + "/secret")
        texts = run.stdout + run.stderr
        for folder, _, names in os.walk(place):
            for name in names:
                path = os.path.join(folder, name)
                if path != credentials:
                    texts += open(path, "rb").read().decode("latin-1")
        check(not any(password in texts for password in passwords), "no password in output, logs, reports or database")
        populations(options, place, inventory)
        quality(options, place)
        wrong = place + "/wrong.yaml"
        text = open(inventory, encoding="utf-8").read()
        os.chmod(credentials, 0o644)
        loose = kiln(options, place, "plan", "demo/small", "--rack", inventory)
        check(loose.returncode == 2 and "chmod 600" in loose.stderr, "credentials readable by others are refused, exit 2")
        os.chmod(credentials, 0o600)
        pin = re.search(r'pin_sha256: "([^"]+)"', text).group(1)
        with open(wrong, "w", encoding="utf-8") as changed:
            changed.write(text.replace(pin, "A" * 43 + "=", 1).replace("rack.credentials.yaml", credentials))
        pinned = kiln(options, place, "run", "demo/small", "--rack", wrong, "--dut", "C01,CDU01,S01", "--json", "--out", place + "/pin")
        result = json.loads(pinned.stdout)
        check(pinned.returncode == 4 and result["decision"] == "INCOMPLETE", f"a certificate that does not match its pin: INCOMPLETE ({pinned.returncode})")
    finally:
        rack.stdin.close()
        rack.wait(timeout=20)


def refusals(options, place):
    check(kiln(options, place, "run", "demo/small", "--rack", "/nowhere.yaml").returncode == 2, "a rack file that is not there: exit 2")
    check(kiln(options, place, "frobnicate").returncode == 2, "an unknown command: exit 2")
    recipe = place + "/bad.yaml"
    with open(recipe, "w", encoding="utf-8") as file:
        file.write("recipe: bad\nversion: 1\nproduct: virtual-gb300-nvl72\nphases:\n  - phase: a\n    steps:\n"
                   "      - {step: x, use: cooling.flwo}\n      - {step: x, use: power.on, frobnicate: 1}\n")
    lint = kiln(options, place, "lint", recipe)
    check(lint.returncode == 2 and "bad.yaml:8" in lint.stderr, "lint names file and line of what is wrong")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-demo-test-") as place:
        result = healthy_demo(options, place)
        rerendered(options, place, result)
        stopped(options, place)
        killed(options, place)
        secrets(options, place)
        refusals(options, place)
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
