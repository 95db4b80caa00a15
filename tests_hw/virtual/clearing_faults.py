#!/usr/bin/env python3
"""A fault that clears after its first attempt never ends GO. Each hardware fault of fault_table.tsv is active when it is first read
and is cleared through the rack's control door as early as it can be: as soon as the rack's own log shows that the struck part was
read, or, where one reading proves nothing (heat, means, counters over a load), as soon as the run's record holds the fail. What the
run ends with is compared with every column of the table, as if the fault had stayed. Two racks at once. Hazards that trip at the
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

POLL_S = 0.01
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


def clear_when_read(rack, run, dut, spec, reading, code, record, judged):
    """Waits for the first reading of the active fault and clears it; gives a sentence, or None when it was never read."""
    pattern, step = reading
    since, begun = 0, step is None
    while run.poll() is None:
        fault = next((one for one in rack.get("/state")["faults"] if one["dut"] == dut), None)
        active = fault["active_since_ns"] if fault else None
        if active and not begun:
            at = [event[4] for event in record.events(["step_begun"], dut) if event[3] == step]
            begun, since = bool(at), at[0] if at else 0
        if active and begun:
            read = None
            if pattern is not None:
                for entry in rack.get(f"/log?since={max(since, active)}")["entries"]:
                    what = entry.get("uri") or entry.get("command") or ""
                    if entry["dut"] == dut and entry["method"] in ("GET", "SSH") and pattern.search(what):
                        read = f"read by {entry['method']} {what[-60:]}", entry["monotonic_ns"]
                        break
                    since = entry["monotonic_ns"]
            else:
                for _, kind, _, _, at_ns, body in record.events(["measured", "interlocked"], judged):
                    fail = kind == "measured" and body["outcome"] == "fail" and body["fault_code"] == code
                    if fail or (kind == "interlocked" and body["code"] == code):
                        read = f"on record as {body['name'] if fail else 'a cut'}", at_ns
                        break
            if read:
                cleared = rack.faults(clear=[spec])["cleared"][0]
                return f"{read[0]} {(read[1] - active) / 1e9:.2f} s after it was there, cleared " \
                       f"{(cleared['cleared_ns'] - read[1]) / 1e6:.0f} ms later"
        time.sleep(POLL_S)
    return None


def walk_one(row, options, seed):
    chance = random.Random(f"clearing {seed} {row['fault']}")
    with tempfile.TemporaryDirectory(prefix="kiln-clearing-") as place, \
            wire.Rack(options, place, "--rack", fault_walk.rack_for(row), "--seed", str(chance.randrange(1, 10**6))) as rack:
        dut, part, told = fault_walk.strike(row, rack, chance)
        spec = f"{row['fault']}@{dut}" + (":" + part if part else "") + ("" if row["delay"] == "-" else "+" + row["delay"])
        rack.faults(add=[spec])
        database = os.path.join(place, "run.db")
        process = wire.start_kiln(options, place, "run", fault_walk.recipe_for(row), "--rack", rack.inventory, "--db", database, "--json", "--no-input",
                                  "--out", place + "/report", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        how = clear_when_read(rack, process, dut, spec.split("+")[0], reading_of(row["fault"], part), row["code"],
                              wire.Record(database), fault_walk.judged_on(row, dut))
        out, err = process.communicate(timeout=120)
        run = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        wrong = fault_walk.judge(row, dut, told, run)
        if how is None:
            wrong.append("the fault was never read, so that it was never cleared either")
        if not wrong and json.loads(out)["decision"] == "GO":
            wrong.append("GO")
        state = next(one["state"] for one in rack.get("/state")["faults"] if one["dut"] == dut)
        if state != "cleared":
            wrong.append(f"the fault is {state}")
        return spec, how, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    table = fault_walk.read_table(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fault_table.tsv"))
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
    if options.only:
        table = [row for row in table if row["fault"] in options.only.split(",")]
    print("seed", options.seed, flush=True)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for walk in [pool.submit(walk_one, row, options, options.seed) for row in table]:
            spec, how, wrong = walk.result()
            print(("ok    " if not wrong else "WRONG ") + f"{spec}: {how}", flush=True)
            for text in wrong:
                print("      " + text)
            failed += 1 if wrong else 0
    print(f"{len(table)} faults cleared after their first reading, {failed} wrong, {time.monotonic() - started:.0f} s")
    return 1 if failed or not table else 0


if __name__ == "__main__":
    sys.exit(main())
