#!/usr/bin/env python3
"""The drip sensors of an enclosure by a real station and an ipmitool that is a script of ours: dry is GO, absent and wet are NO-GO with
their part, no answer is INCOMPLETE, and the password is neither in an argument nor in anything that is kept.

usage: smm_drip.py --bin BUILD/bin
"""
import argparse
import json
import os
import pathlib
import stat
import sys
import tempfile

import wire

PASSWORD = "PASSW0RD-of-the-SMM"
TOOL = """#!/bin/sh
echo "$*" >> {place}/asked
cat {place}/answer
exit $(cat {place}/status)
"""
RECIPE = """recipe: drip
version: 1.0.0
product: lenovo-sr675v3
purpose: field
phases:
  - phase: drip
    steps:
      - {{step: drip, use: cooling.smm_drip, duts: {{id: C01}}, with: {{password_file: "{place}/password"}}}}
"""
check = wire.Checks()


def run(options, place, rack, answer, status=0):
    pathlib.Path(place, "answer").write_text(answer, encoding="utf-8")
    pathlib.Path(place, "status").write_text(str(status), encoding="utf-8")
    out = pathlib.Path(place, "report")
    done = wire.kiln(options, place, "run", place + "/drip.yaml", "--rack", rack, "--dut", "C01", "--json", "--no-input", "--out", str(out))
    check(not wire.CRASH.search(done.stderr), f"'{answer.strip()}': nothing crashed", done.stderr)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return done.returncode, {(reason["code"], reason["fru"]) for item in report["duts"] if item["id"] == "C01" for reason in item["reasons"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-smm-") as place, wire.Rack(options, place, "--rack", "small") as rack:
        text = pathlib.Path(rack.inventory).read_text(encoding="utf-8")
        text = text.replace("product: virtual-gb300-nvl72", "product: lenovo-sr675v3", 1)
        text = text.replace("  - id: C01\n", "  - id: C01\n    labels: {smm: 127.0.0.1}\n", 1)
        changed = pathlib.Path(rack.inventory).with_name("smm.yaml")
        changed.write_text(text, encoding="utf-8")
        pathlib.Path(place, "drip.yaml").write_text(RECIPE.format(place=place), encoding="utf-8")
        password = pathlib.Path(place, "password")
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(stat.S_IRUSR | stat.S_IWUSR)
        tools = pathlib.Path(place, "tools")
        tools.mkdir()
        tool = tools / "ipmitool"
        tool.write_text(TOOL.format(place=place), encoding="utf-8")
        tool.chmod(0o755)
        os.environ["PATH"] = f"{tools}:{os.environ['PATH']}"

        code, reasons = run(options, place, str(changed), " 03 00\n")
        check(code == 0, f"two dry sensors are GO ({code}, {reasons})")
        code, reasons = run(options, place, str(changed), " 03 02\n")
        check(code == 1 and ("leak.detected", "Drip_2") in reasons, f"a wet one is a leak ({code}, {reasons})")
        code, reasons = run(options, place, str(changed), " 02 00\n")
        check(code == 1 and ("leak_detector.absent", "Drip_1") in reasons, f"an absent one is a fail ({code}, {reasons})")
        code, reasons = run(options, place, str(changed), " 03\n")
        check(code == 4, f"half an answer is none ({code}, {reasons})")
        code, reasons = run(options, place, str(changed), "Unable to establish IPMI v2 / RMCP+ session\n", 1)
        check(code == 4, f"no answer is no pass ({code}, {reasons})")
        asked = pathlib.Path(place, "asked").read_text(encoding="utf-8")
        check(f"-H 127.0.0.1 -U USERID -f {place}/password raw 0x34 0x05" in asked, "it is asked as it must be", asked)
        kept = [path for path in pathlib.Path(place).rglob("*") if path.is_file() and path != password and PASSWORD.encode() in path.read_bytes()]
        check(not kept, f"the password is in nothing that is kept: {kept}")
        password.chmod(0o644)
        code, reasons = run(options, place, str(changed), " 03 00\n")
        check(code == 4, f"a password that others can read is not used ({code}, {reasons})")
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
