"""Cases of one suite beside each other: they mostly wait. Each runs in a program of its own (`--only NAME`), so that none speaks in between
another's lines.
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def add_arguments(parser, cases, lanes):
    parser.add_argument("--only", choices=[case.__name__ for case in cases], help="this case alone")
    parser.add_argument("--lanes", type=int, default=lanes, help="so many cases beside each other")


def run(file, options, cases, *more):
    """Every case, the longest first as they are listed; exit code 1 when one of them is wrong."""
    def one(case):
        program = [sys.executable, "-B", os.path.abspath(file), "--bin", options.bin, "--only", case.__name__, *more]
        done = subprocess.run(program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return case.__name__, done
    wrong = 0
    with ThreadPoolExecutor(options.lanes) as lanes:
        for name, done in lanes.map(one, cases):
            print(f"=== {name}: {done.returncode}\n{done.stdout}", flush=True)
            wrong += done.returncode != 0
    print(f"{wrong} of {len(cases)} wrong")
    return 1 if wrong else 0
