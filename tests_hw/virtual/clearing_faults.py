#!/usr/bin/env python3
"""A fault that clears after its first attempt never ends GO. Each hardware fault of fault_table.tsv is active when it is first read
and is cleared through the rack's control door as early as it can be: as soon as the rack's own log shows that the struck part was
read, or, where one reading proves nothing (heat, means, counters over a load), as soon as the run's record holds the fail. What the
run ends with is compared with every column of the table, as if the fault had stayed. As in the walk, faults that do not hide each
other share a run. Two racks at once. Hazards that trip at the
second reading in a row are left out: one that was read once is no hazard by the floor rules, and once it has cut nothing is left to clear.

usage: clearing_faults.py --bin BUILD/bin [--only FAULT,…] [--seed N]
"""
import argparse
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import fault_walk
import wire

POLL_S = 0.02
# What in the log is a reading of the struck part that a check judges: pattern over URI or command, {part} filled in, and the
# step that judges it, where others read the same without judging it before.
READ = {
    "leak": ("/LeakDetectors/{part}$", None),
    "leak-warning": ("/LeakDetectors/{part}$", None),
    "detector-absent": ("/LeakDetectors/{part}$", None),
    "detector-fault": ("/LeakDetectors/{part}$", None),
    "firmware-old": ("/FirmwareInventory/{part}$", "firmware/baseline"),
    "gpu-missing": ("/Systems/HGX_Baseboard_0/Processors$", "identity/parts"),
    "xid": ("^dmesg", None),
}


def reading_of(kind, part):
    pattern, step = READ.get(kind, (None, None))
    return re.compile(pattern.format(part=re.escape(part))) if pattern else None, step


class Watched:
    """One fault of a run, from when it is set until it is cleared."""

    def __init__(self, row, dut, part, told, spec):
        self.row, self.dut, self.part, self.told, self.spec = row, dut, part, told, spec
        self.judged = fault_walk.judged_on(row, dut)
        self.pattern, self.step = reading_of(row["fault"], part)
        self.since, self.begun = 0, self.step is None
        self.active, self.on_record, self.how = None, None, None

    def found_in(self, state):
        """The fault as the rack has it, by kind, DUT and part."""
        return next((one for one in state["faults"] if one["spec"].split("+")[0] == self.spec.split("+")[0]), None)

    def hear(self, event):
        """One event of the record: may be what the fault was read by, and the rack need not have told yet that it is active."""
        _, kind, dut, step, at_ns, body = event
        if kind == "step_begun":
            if not self.begun and dut == self.dut and step == self.step:
                self.begun, self.since = True, at_ns
        elif self.pattern is None and self.on_record is None and dut == self.judged:
            fail = kind == "measured" and body["outcome"] == "fail" and body["fault_code"] == self.row["code"]
            if fail or (kind == "interlocked" and body["code"] == self.row["code"]):
                self.on_record = f"on record as {body['name'] if fail else 'a cut'}", at_ns

    def look(self, rack):
        """Clears it once it was read."""
        read = self.on_record if self.pattern is None else self.in_log(rack) if self.begun else None
        if read:
            cleared = rack.faults(clear=[self.spec.split("+")[0]])["cleared"][0]
            self.how = f"{read[0]} {(read[1] - self.active) / 1e9:.2f} s after it was there, cleared " \
                       f"{(cleared['cleared_ns'] - read[1]) / 1e6:.0f} ms later"

    def in_log(self, rack):
        for entry in rack.get(f"/log?since={max(self.since, self.active)}")["entries"]:
            what = entry.get("uri") or entry.get("command") or ""
            if entry["dut"] == self.dut and entry["method"] in ("GET", "SSH") and self.pattern.search(what):
                return f"read by {entry['method']} {what[-60:]}", entry["monotonic_ns"]
            self.since = entry["monotonic_ns"]
        return None


def walk_one(number, run, options, seed):
    chance = random.Random(f"clearing {seed} {sorted(row['fault'] for row, _ in run.struck)}")
    first = run.struck[0][0]
    with tempfile.TemporaryDirectory(prefix="kiln-clearing-") as place, \
            wire.Rack(options, place, "--rack", fault_walk.rack_for(first), "--seed", str(chance.randrange(1, 10**6))) as rack:
        watched = [Watched(*drawn) for drawn in run.specs(rack, chance)]
        rack.faults(add=[one.spec for one in watched])
        database = os.path.join(place, "run.db")
        # Into files: nobody reads while it runs, and many reasons are more than a pipe holds.
        said, told_of = os.path.join(place, "said.json"), os.path.join(place, "screen.txt")
        with open(said, "wb") as out, open(told_of, "wb") as screen:
            process = wire.start_kiln(options, place, *fault_walk.run_of(first, rack), "--db", database, "--json", "--no-input", "--format", "json", "--out",
                                      place + "/report", stdout=out, stderr=screen)
        record, seen = wire.Record(database), 0
        while process.poll() is None:
            left = [one for one in watched if one.how is None]
            if any(one.active is None for one in left):
                state = rack.get("/state")
                for one in left:
                    one.active = one.active or (one.found_in(state) or {}).get("active_since_ns")
            for event in record.events(["step_begun", "measured", "interlocked"], after=seen) if left else ():
                seen = event[0]
                for one in left:
                    one.hear(event)
            for one in left:
                if one.active:
                    one.look(rack)
            time.sleep(POLL_S)
        process.wait(timeout=120)
        out, err = (open(path, encoding="utf-8", errors="replace").read() for path in (said, told_of))
        ended = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        state, results = rack.get("/state"), []
        for one in watched:
            wrong = fault_walk.judge(one.row, one.dut, one.told, ended, [other.row for other in watched])
            if one.how is None:
                wrong.append("the fault was never read, so that it was never cleared either")
            if not wrong and json.loads(out)["decision"] == "GO":
                wrong.append("GO")
            if one.found_in(state)["state"] != "cleared":
                wrong.append(f"the fault is {one.found_in(state)['state']}")
            results.append((one.spec, one.how, wrong))
        return number, results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    table = fault_walk.whole_table()
    listed = subprocess.run([os.path.join(options.bin, "kiln-virtual-rack"), "--list-faults", "--json"], capture_output=True, text=True,
                            check=True).stdout
    hardware = {item["kind"] for item in json.loads(listed)["faults"] if item["class"] == "hardware"}
    table = [row for row in table if row["fault"] in hardware]
    failed = 0
    hazards = {row["fault"] for row in table if row["exit"] == [5] and not row["code"].startswith("leak.")}
    if {row["fault"] for row in table} != hardware:
        print("hardware faults the table does not know:", sorted(hardware - {row["fault"] for row in table}))
        failed += 1
    # What a demo cannot see at all is not what it sees for a moment.
    table = [row for row in table if row["fault"] not in hazards and not row["part"].startswith("plant:")]
    # Several that are cleared by the log of what was read would each fetch all of it, all the time.
    for row in table:
        if row["fault"] in READ:
            row["company"] = "alone"
    if options.only:
        table = [row for row in table if row["fault"] in options.only.split(",")]
        for row in table:
            row["company"] = "alone"
    runs = fault_walk.runs_of(table, options.seed)
    print(f"seed {options.seed}: {len(table)} rows in {len(runs)} runs", flush=True)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for walk in [pool.submit(walk_one, number + 1, run, options, options.seed) for number, run in enumerate(runs)]:
            number, results = walk.result()
            print(f"run {number}", flush=True)
            for spec, how, wrong in results:
                print("  " + ("ok    " if not wrong else "WRONG ") + f"{spec}: {how}", flush=True)
                for text in wrong:
                    print("        " + text)
                failed += 1 if wrong else 0
    print(f"{len(table)} faults cleared after their first reading in {len(runs)} runs, {failed} wrong, {time.monotonic() - started:.0f} s")
    return 1 if failed or not table else 0


if __name__ == "__main__":
    sys.exit(main())
