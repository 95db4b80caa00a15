#!/usr/bin/env python3
"""Code that energises without a permit does not compile: energise.cc compiles as it is, and with each of its calls robbed of its
permit it does not, for that reason and no other.

usage: check.py --compiler CXX --flag FLAG...
"""
import argparse
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "energise.cc"
# What the compiler must say: g++ 12.
CASES = {1: "power_on", 2: "restart", 3: "run_load", 4: "private within this context", 5: "use of deleted function",
         6: "raise_power_limit", 7: "open_valve", 8: "update_firmware"}


def compiled(options, without):
    command = [options.compiler, "-std=c++20", "-fsyntax-only", f"-DWITHOUT={without}", *options.flag, str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--flag", action="append", default=[])
    options = parser.parse_args()
    code, err = compiled(options, 0)
    wrong = [] if code == 0 else [f"with permits it does not compile:\n{err}"]
    for number, words in CASES.items():
        code, err = compiled(options, number)
        if code == 0 or words not in err:
            wrong.append(f"call {number}: exit {code}, and nothing about '{words}':\n{err[:2000]}")
    print("\n".join(wrong) or f"{len(CASES)} calls without a permit, none compiles")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
