#!/usr/bin/env python3
"""Walks fault_table.tsv: for each fault a fresh virtual rack, the fault sent to its control door, `kiln run` against it, and every
column of the table compared with what came out. DUT and part are drawn by chance; the seed is printed. Two racks at once.

usage: fault_walk.py --bin BUILD/bin [--only FAULT,…] [--seed N]
"""
import argparse
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile

import yaml

import wire


def read_table(path):
    rows = []
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        fault, delay, decision, code_exit, code, part = line.rstrip("\n").split("\t")
        rows.append({"fault": fault, "delay": delay, "decision": decision.split(","),
                     "exit": [int(text) for text in code_exit.split(",")], "code": code, "part": part})
    return rows


def choose_part(row, parts, chance):
    """The part to strike, by its kind in the table; empty when the fault takes none."""
    if row["part"] == "update":
        return "UEFI"  # the one the demo updates
    if row["part"] == "firmware":
        return chance.choice([name for name in parts["firmware"] if name != "UEFI"])
    return "" if row["part"] in ("-", "rack") else chance.choice(parts[row["part"]])


def strike(row, rack, chance):
    """DUT, the part to name in the fault, and the part that the reason must name."""
    if row["part"].startswith("plant:"):
        return row["part"].removeprefix("plant:"), "", ""
    if row["part"].startswith("rack:"):
        told = row["part"].removeprefix("rack:")
        dut, _, part = told.partition("/") if "/" in told else (chance.choice(["C01", "C02"]), "", "")
        return dut, part, told.replace(" ", "_") if part else f"{dut}/{told}"
    for other in ("CDU01", "S01"):
        if row["part"].startswith(other + "/"):
            return other, "", row["part"].removeprefix(other + "/")
    dut = chance.choice(["C01", "C02"])
    part = choose_part(row, rack.components(dut), chance)
    return dut, part, part


def rack_for(row):
    return "shelves" if row["part"].startswith("rack:") else "small"


def recipe_for(row):
    return "demo/power-chain" if row["part"].startswith("rack:") else "demo/small"


def walk_one(row, options, seed):
    """One fault; returns a list of what was wrong (empty: all columns agree)."""
    chance = random.Random(f"{seed} {row['fault']}")
    with tempfile.TemporaryDirectory(prefix="kiln-walk-") as place, \
            wire.Rack(options, place, "--rack", rack_for(row), "--seed", str(chance.randrange(1, 10**6))) as rack:
        dut, part, told = strike(row, rack, chance)
        spec = row["fault"] + "@" + dut + (":" + part if part else "") + ("" if row["delay"] == "-" else "+" + row["delay"])
        rack.faults(add=[spec])
        run = wire.kiln(options, place, "run", recipe_for(row), "--rack", rack.inventory, "--json", "--no-input", "--out",
                        place + "/report")
        wrong = judge(row, dut, told, run)
        if not wrong:
            wrong = [f"{check} says nothing against it, and config/checks.yaml calls it proven by it" for check in unproven(row, json.loads(run.stdout))]
        return spec, wrong


def proven_by(fault):
    """The checks of which config/checks.yaml says that this fault proves them."""
    notes = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../config/checks.yaml")
    with open(notes, encoding="utf-8") as file:
        return [note["check"] for note in yaml.safe_load(file)["checks"] if note["proof"] == fault]


def unproven(row, result):
    """Which of them say nothing against the struck part: a fail, or with a nuisance no value."""
    with open(result["reports"]["json"], encoding="utf-8") as file:
        measured = json.load(file)["measurements"]
    good = ("fail",) if "NO-GO" in row["decision"] else ("fail", "unset")
    against = {one["name"] for one in measured if one["outcome"] in good}
    if row["part"].startswith("plant:"):
        return []  # coolant_plant.py
    return [check for check in proven_by(row["fault"]) if check not in against]


def judged_on(row, dut):
    """What only all trays together can show is told of the rack, not of one of them."""
    return "R01" if row["part"] == "rack" or row["part"].startswith("rack:") else dut


def judge(row, dut, part, run):
    wrong = []
    try:
        result = json.loads(run.stdout)
    except ValueError:
        return [f"no JSON on standard output; exit {run.returncode}; {run.stderr[-600:]}"]
    if "duts" not in result:
        return [f"there was no run; exit {run.returncode}; {run.stdout[-600:]} {run.stderr[-600:]}"]
    verdicts = {item["id"]: item for item in result["duts"]}
    if result["decision"] not in row["decision"]:
        wrong.append(f"decision {result['decision']}, expected {row['decision']}")
    if run.returncode not in row["exit"]:
        wrong.append(f"exit {run.returncode}, expected {row['exit']}")
    reasons = verdicts[judged_on(row, dut)]["reasons"]
    if row["code"] != "-" and not any(r["code"] == row["code"] and r["fru"] == part for r in reasons):
        wrong.append(f"no reason {row['code']} on {part}: {[(r['code'], r['fru']) for r in reasons]}")
    if result["decision"] != "GO" and not any(item["reasons"] for item in result["duts"]):
        wrong.append("not GO, and no reason is given")
    if "NO-GO" not in row["decision"]:
        for item in result["duts"]:
            if item["verdict"] == "NO-GO":
                wrong.append(f"{item['id']} is NO-GO by a nuisance: {item['reasons'][:2]}")
    if 5 in row["exit"] and len(row["exit"]) == 1:
        # A CDU goes on pumping: what it serves is switched off.
        cuts = [cut for cut in result["interlocks"] if cut["dut"] == ("C01" if dut == "CDU01" else dut)]
        if not cuts or not cuts[0]["load_stopped_ns"] or not cuts[0]["off_confirmed_ns"]:
            wrong.append(f"no confirmed cut of {dut}: {result['interlocks']}")
        else:
            load = (cuts[0]["load_stopped_ns"] - cuts[0]["detected_ns"]) / 1e9
            off = (cuts[0]["off_confirmed_ns"] - cuts[0]["detected_ns"]) / 1e9
            if load > 5 or off > 10:
                wrong.append(f"cut too slow: load {load:.2f} s, off {off:.2f} s")
    for name in ("html", "json", "text"):
        if not os.path.basename(result["reports"].get(name, "")):
            wrong.append(f"no {name} report")
    if wrong:
        wrong.append("counts " + json.dumps(result["counts"]) + " reasons " +
                     json.dumps([(i["id"], r["code"], r["fru"], r["message"][:120]) for i in result["duts"] for r in i["reasons"]][:6]))
        wrong.append("cuts " + json.dumps(result["interlocks"]))
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    table = read_table(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fault_table.tsv"))
    known = subprocess.run([os.path.join(options.bin, "kiln-virtual-rack"), "--list-faults", "--json"], capture_output=True,
                           text=True, check=True).stdout
    missing = {item["kind"] for item in json.loads(known)["faults"]} ^ {row["fault"].split(":")[0] for row in table}
    failed = 0
    if missing:
        print("table and rack disagree about the faults there are:", sorted(missing))
        failed += 1
    if options.only:
        table = [row for row in table if row["fault"] in options.only.split(",")]
    print("seed", options.seed, flush=True)
    with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
        walks = [(row, pool.submit(walk_one, row, options, options.seed)) for row in table]
        for row, walk in walks:
            spec, wrong = walk.result()
            print(("ok    " if not wrong else "WRONG ") + spec, flush=True)
            for text in wrong:
                print("      " + text)
            failed += 1 if wrong else 0
    print(f"{len(table)} faults walked, {failed} wrong")
    return 1 if failed or not table else 0


if __name__ == "__main__":
    sys.exit(main())
