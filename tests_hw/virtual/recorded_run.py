#!/usr/bin/env python3
"""Records a healthy run of the demo over the wire, and tries on the record of every cell and every component that nothing taken
out of it, and no fail that a later attempt made good, ever leaves GO (recorded_run_test.cc). What kiln said of the run is compared
with what the test finds in its record.

usage: recorded_run.py --bin BUILD/bin
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import wire

SHARDS = 2  # processes that share the cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    check = wire.Checks()
    with tempfile.TemporaryDirectory(prefix="kiln-recorded-") as place:
        database = os.path.join(place, "run.db")
        run = wire.kiln(options, place, "demo", "--json", "--db", database, "--out", place + "/report")
        check(run.returncode == 0, f"the recorded run is GO ({run.returncode})", run.stderr)
        if run.returncode != 0:
            return check.exit_code()
        counts = json.loads(run.stdout)["counts"]
        said, codes = "", []
        tests = [subprocess.Popen([os.path.join(options.bin, "kiln_recorded_run_test"), "--gtest_color=no"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  env=dict(os.environ, KILN_RECORDED_RUN=database, GTEST_TOTAL_SHARDS=str(SHARDS),
                                           GTEST_SHARD_INDEX=str(shard))) for shard in range(SHARDS)]
        for test in tests:
            out, _ = test.communicate(timeout=600)
            said += out
            codes.append(test.returncode)
        print("".join(line + "\n" for line in said.splitlines() if not line.startswith("[-")), end="")
        check(codes == [0] * SHARDS, f"no change of the record leaves GO ({codes})")
        cells = re.search(r"(\d+) events, (\d+) cells", said)
        check(cells is not None and int(cells.group(2)) == counts["required"],
              f"the test tried the cells kiln counted ({counts['required']})")
        passed = sum(int(number) for number in re.findall(r"\[  PASSED  \] (\d+) test", said))
        check(passed == said.count("[ RUN      ]") and passed > 0, f"all of its {passed} cases ran")
        alone = subprocess.run([os.path.join(options.bin, "kiln_recorded_run_test")], capture_output=True, text=True, timeout=60,
                               env={key: value for key, value in os.environ.items() if key != "KILN_RECORDED_RUN"}, check=False)
        check(alone.returncode != 0, "without a record the test fails instead of passing by not running")
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
