#!/usr/bin/env python3
"""What is said of checks holds: each judged check of each shipped step has a note, each note a check, each proof is a fault of the virtual
rack, and docs/checks.md is what the programs print. That a fault is found by the check it proves is fault_walk.py's to show.

usage: explain.py --bin BUILD/bin
"""
import argparse
import json
import re
import os
import subprocess
import sys
from pathlib import Path

import yaml

# What their fail is, and what to do, depends on the word that was read.
SAID_BY_VALUE = ("edac.readable", "leak_detector.state", "leak_watch.state")
# Declared by the recipe that uses exec.run, not by the step.
OF_RECIPES = ("exec.exit_code",)
ROOT = Path(__file__).resolve().parent.parent.parent


# What these do is read by the interlocks, which cut; no check waits for it.
OF_HAZARDS = {"leak-warning", "flow-lost", "supply-hot", "reservoir-low", "humid-hall", "cold-plate-off"}


def is_a_test(name):
    """A suite of this folder, or "Suite.Name" of a test program."""
    suite, _, test = name.partition(".")
    if suite == "virtual_rack":
        return (ROOT / "tests_hw/virtual" / (test + ".py")).exists()
    pattern = re.compile(r"TEST(_F|_P)?\(\s*" + re.escape(suite) + r",\s*" + re.escape(test) + r"\)")
    return any(pattern.search(path.read_text(encoding="utf-8")) for folder in ("plugins", "framework") for path in (ROOT / folder).rglob("*_test.cc"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    wrong = []

    def check(good, what):
        print(("ok    " if good else "WRONG ") + what, flush=True)
        if not good:
            wrong.append(what)

    def explain(*words):
        return subprocess.run([os.path.join(options.bin, "kiln"), "explain", *words], capture_output=True, text=True, check=False, timeout=60)
    listed = explain("--json")
    check(listed.returncode == 0, f"all checks are explained ({listed.returncode}, {listed.stderr[:300]})")
    checks = json.loads(listed.stdout)["checks"]
    bare = [one["check"] for one in checks if not one["source"]]
    check(not bare, f"{len(checks)} checks have a note; without one: {bare}")
    unjudged = [one["check"] for one in checks if not one["limits"]]
    check(not unjudged, f"each has a limit in some table; without one: {unjudged}")
    actless = [one["check"] for one in checks if not (one["fault_code"] and one["action"]) and one["check"] not in SAID_BY_VALUE]
    check(not actless, f"each says what a fail is and what to do; without: {actless}")
    names = {one["check"] for one in checks}
    notes = yaml.safe_load((ROOT / "config/checks.yaml").read_text(encoding="utf-8"))["checks"]

    def meets(pattern, name):
        wanted, given = pattern.split("."), name.split(".")
        return len(wanted) == len(given) and all(word in ("*", said) for word, said in zip(wanted, given))
    idle = [note["check"] for note in notes if note["check"] not in OF_RECIPES and not any(meets(note["check"], name) for name in names)]
    check(not idle, f"no note is about nothing: {idle}")
    faults = {fault["kind"]: fault for fault in
              json.loads(subprocess.run([os.path.join(options.bin, "kiln-virtual-rack"), "--list-faults", "--json"], capture_output=True, text=True, check=True).stdout)["faults"]}
    bare = [note["check"] for note in notes if note["proof"] == "none"]
    check(not bare, f"each has a proof; without one: {bare}")
    tests = {note["proof"].removeprefix("test ") for note in notes if note["proof"].startswith("test ")}
    nowhere = sorted(name for name in tests if not is_a_test(name))
    check(not nowhere, f"each test that is called a proof is there; not there: {nowhere}")
    lost = sorted({note["proof"].split(":")[0] for note in notes if note["proof"] != "person" and not note["proof"].startswith("test ")} - set(faults))
    check(not lost, f"each other proof is a fault of the virtual rack; not one: {lost}")
    told = {(kind, one) for kind, fault in faults.items() for one in fault["checks"]}
    noted = {(note["proof"].split(":")[0], note["check"]) for note in notes if note["proof"].split(":")[0] in faults}
    check(told == noted and told, f"kiln-virtual-rack --list-faults names the same checks; not both: {sorted(told ^ noted)}")
    idle = sorted(kind for kind, fault in faults.items() if fault["class"] == "hardware" and not fault["checks"] and kind not in OF_HAZARDS)
    check(not idle, f"each fault of hardware is found by a check or cuts; by none: {idle}")
    printed, kept = explain("--markdown").stdout, (ROOT / "docs/checks.md").read_text(encoding="utf-8")
    check(printed == kept, "docs/checks.md is what kiln explain --markdown prints; if not: kiln explain --markdown > docs/checks.md")
    one = explain("gpu.temperature.max")
    check(one.returncode == 0 and all(word in one.stdout for word in ("Cel", "gpu_stress.soak", "gpu.hot", "hot-gpu", "hgx-h100", "site to fill")), "a check is explained with its limits")
    check("gpu.temperature.max" in explain("gpu.hot").stdout, "a reason code leads to its check")
    check("samples" in explain("cooling.flow").stdout, "a step is explained with its parameters")
    odd = explain("population.outlier").stdout
    check(all(word in odd for word in ("gpu.thermal_resistance", "8 %", "2 powers of ten", "lower than its like")), f"what stands apart is explained with what is compared ({odd[:200]})")
    number = explain("xid:79")
    check(number.returncode == 0 and all(word in number.stdout for word in ("fallen off the bus", "part       GPU module", "Xid catalog")), f"an Xid is explained with action, part and source ({number.stdout})")
    number = explain("sxid:20034")
    check(number.returncode == 0 and all(word in number.stdout for word in ("link training", "fatal unless", "cable cartridge")), f"an SXid likewise ({number.stdout})")
    number = explain("xid:500")
    check(number.returncode == 2 and "in no table" in number.stderr, f"a number in no table is refused ({number.returncode}, {number.stderr})")
    number = explain("xid:7x9")
    check(number.returncode == 2 and "xid:79" in number.stderr, f"what is no number is answered with the nearest ({number.returncode}, {number.stderr})")
    misspelt = explain("gpu.temprature.max")
    check(misspelt.returncode == 2 and "gpu.temperature.max" in misspelt.stderr, f"a misspelt one is answered with the nearest ({misspelt.returncode}, {misspelt.stderr})")
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
