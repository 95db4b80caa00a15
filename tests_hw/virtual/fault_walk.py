#!/usr/bin/env python3
"""Walks fault_table.tsv: for each row a fault that is sent to the control door of a fresh virtual rack, `kiln run` against it, and
every column of the table compared with what came out. Rows that do not hide each other share a rack and a run: each of them must
show as if it were alone. What is not found in company is met once more alone, and is wrong when it is not found there either: a rack
with a dozen faults may hide one by another. DUT, part and company are drawn by chance; the seed is printed, and with it the same are
drawn again. Two racks at once.

usage: fault_walk.py --bin BUILD/bin [--only FAULT,…] [--seed N]
"""
import argparse
import concurrent.futures
import fnmatch
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import yaml

import wire

MOST_ROWS = 40  # of one run
MOST_HIDDEN = 4  # rows of a walk that company may hide: more of them are no chance
UNASKED = ("html", "json", "junit", "ocptv", "pdf", "text")  # reports of a run nobody asked for others of
TRAYS = {"wide": [f"C{number:02}" for number in range(1, 5)], "shelves": ["C01", "C02"]}
WIDE = [*TRAYS["wide"], "S01", "S02", "CDU01"]


def read_table(path):
    rows = []
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        fault, delay, decision, code_exit, code, part, company, recipe = line.rstrip("\n").split("\t")
        rows.append({"fault": fault, "delay": delay, "decision": decision.split(","),
                     "exit": [int(text) for text in code_exit.split(",")], "code": code, "part": part, "company": company, "recipe": recipe})
    return rows


def whole_table():
    return read_table(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fault_table.tsv"))


def choose_part(row, parts, chance):
    """The part to strike, by its kind in the table; empty when the fault takes none."""
    if row["part"] == "update":
        return "UEFI"  # the one the demo updates
    if row["part"] == "firmware":
        return chance.choice([name for name in parts["firmware"] if name != "UEFI"])
    kind = row["part"].partition(":")[2] or row["part"]
    return "" if kind in ("-", "rack") else chance.choice(parts[kind])


def struck_dut(row, chance):
    """The DUT that the table names, or one of the compute trays."""
    kind, _, where = row["part"].partition(":")
    if kind == "plant" or kind[:1] in "SP" and where:
        return kind if kind != "plant" else where
    if kind == "rack" and "/" in where:
        return where.partition("/")[0]
    if row["part"].startswith("CDU01/"):
        return "CDU01"
    return chance.choice(TRAYS[rack_for(row)])


def strike(row, dut, parts, chance):
    """The part to name in the fault, and the part that the reason must name."""
    if row["part"].startswith("plant:"):
        return "", ""
    if row["part"].startswith("rack:"):
        told = row["part"].removeprefix("rack:")
        _, _, part = told.partition("/")
        return part, told.replace(" ", "_") if part else f"{dut}/{told}"
    if row["part"].startswith("CDU01/"):
        return "", row["part"].removeprefix("CDU01/")
    part = choose_part(row, parts, chance)
    return part, part


def rack_for(row):
    return "shelves" if row["recipe"] == "power-chain" else "wide"


def run_of(row, rack):
    """The words for kiln. The demo is made for the small rack: of the wide one every DUT is named."""
    return ["run", "demo/" + row["recipe"], "--rack", rack.inventory, *(["--dut", ",".join(WIDE)] if rack_for(row) == "wide" else [])]


def judged_on(row, dut):
    """What only all trays together can show is told of the rack, not of one of them."""
    return "R01" if row["part"].endswith("rack") or row["part"].startswith("rack:") else dut


class Run:
    """Rows that meet one rack and one run, each with the DUT that it strikes."""

    def __init__(self, row, dut):
        self.struck = [(row, dut)]

    def takes(self, row, dut):
        first = self.struck[0][0]
        if "alone" in (row["company"], first["company"]) or len(self.struck) == MOST_ROWS:
            return False
        if row["recipe"] != first["recipe"]:
            return False
        if any(self.sort(one, where) != self.sort(row, dut) for one, where in self.struck):
            return False
        return not any(self.hide(row, dut, *other) for other in self.struck)

    @staticmethod
    def sort(row, dut):
        """What must be the same for all: what the run ends with, and whether what needs all DUTs is still come to."""
        if row["decision"] == ["NO-GO"]:
            return "NO-GO", {"gate": "stopped", "health": "stopped", "cut": "cut"}.get(row["company"], "goes on")
        return ("GO",) if row["decision"] == ["GO"] else ("nuisance", judged_on(row, dut) == "R01", row["company"] == "silent")

    @staticmethod
    def hide(row, dut, other, other_dut):
        """Whether two rows of one run could be taken for each other, or keep each other from being found."""
        if (row["fault"].split(":")[0], dut) == (other["fault"].split(":")[0], other_dut):
            return True
        judged = judged_on(row, dut)
        if {row["fault"], other["fault"]} == {"clock-skew", "bmc-clock-lost"} and dut == other_dut:
            return True  # the one moves both clocks, the other sets one of them
        if row["part"] == other["part"] == "coolant_connector" and dut == other_dut:
            return True  # a tray has one, and what its meter says wrongly hides what flows
        if judged == judged_on(other, other_dut):
            one_sum = row["decision"] != ["NO-GO"] or row["recipe"] == "power-chain"  # one of them changes what all are judged by
            same_kind = judged == "R01" and one_sum and row["code"].split(".")[0] == other["code"].split(".")[0]
            both_load = row["company"] == other["company"] == "load"
            same_code = row["code"] == other["code"] != "-"
            same_check = set(proven_by(row["fault"])) & set(proven_by(other["fault"]))
            stopped = not {row["company"], other["company"]}.isdisjoint(("gate", "cut", "silent")) or row["decision"] not in (["NO-GO"], ["GO"])
            if same_kind or same_code or both_load or same_check or stopped:
                return True
        return False

    def specs(self, rack, chance):
        """(row, DUT, part of the reason, what is sent to the rack); no part is struck twice."""
        drawn, taken = [], set()
        for row, dut in self.struck:
            for _ in range(200):
                part, told = strike(row, dut, rack.components(dut), chance)
                of = part.split("/")[0].replace(" ", "_")  # a GPU and its link are one, and the rack writes a name with a space
                if not part or (dut, of) not in taken:
                    break
            taken.add((dut, of))
            spec = row["fault"] + "@" + dut + (":" + part if part else "") + ("" if row["delay"] == "-" else "+" + row["delay"])
            drawn.append((row, dut, part, told, spec))
        return drawn


def runs_of(table, seed):
    """The rows of a table spread over as few runs as they fit in, by chance."""
    chance = random.Random(f"company {seed}")
    runs = []
    for row in sorted(chance.sample(table, len(table)), key=lambda one: one["company"] == "on"):  # the choosy ones first
        dut = struck_dut(row, chance)
        trays = TRAYS[rack_for(row)]
        choices = [dut] if dut not in trays or row["part"].startswith(("plant:", "rack:P")) else [dut] + [tray for tray in trays if tray != dut]
        place = next(((run, one) for one in choices for run in runs if run.takes(row, one)), None)
        if place is None:
            runs.append(Run(row, dut))
        else:
            place[0].struck.append((row, place[1]))
    # What hangs takes longest: begun first, it is done with the others.
    return sorted(runs, key=lambda run: not any("hang" in row["fault"] for row, _ in run.struck))


def walk_one(number, run, options, seed):
    """One run; returns what was set and, by row, what was wrong (empty: all columns agree)."""
    chance = random.Random(f"{seed} {sorted(row['fault'] for row, _ in run.struck)}")
    with tempfile.TemporaryDirectory(prefix="kiln-walk-") as place, \
            wire.Rack(options, place, "--rack", rack_for(run.struck[0][0]), "--seed", str(chance.randrange(1, 10**6))) as rack:
        drawn = run.specs(rack, chance)
        began = time.monotonic()
        rack.faults(add=[spec for *_, spec in drawn])
        # All that are written unasked at every third run; json is what is read here.
        wanted = () if number % 3 == 1 else ("--format", "json")
        try:
            ended = wire.kiln(options, place, *run_of(drawn[0][0], rack), "--json", "--no-input", "--out", place + "/report", *wanted)
        except subprocess.TimeoutExpired as late:
            return number, time.monotonic() - began, [(spec, [f"the run has not ended after {late.timeout} s"]) for *_, spec in drawn]
        results = []
        for row, dut, _, told, spec in drawn:
            wrong = judge(row, dut, told, ended, [other for other, *_ in drawn], ("json",) if wanted else UNASKED)
            if not wrong:
                wrong = [f"{check} says nothing against it, and config/checks.yaml calls it proven by it"
                         for check in unproven(row, dut, json.loads(ended.stdout))]
            results.append((spec, wrong))
        return number, time.monotonic() - began, results


def checks_notes():
    notes = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../config/checks.yaml")
    with open(notes, encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["checks"]


NOTES = checks_notes()


def proven_by(fault):
    """The checks of which config/checks.yaml says that this fault proves them."""
    return [note["check"] for note in NOTES if note["proof"] == fault]


def to_be_proven(row):
    """Those of them that the row's part has: what strikes any kind of part proves the check of each by a row of its own."""
    kind = row["part"].partition(":")[2] or row["part"]
    if row["fault"] not in ("part-missing", "part-exchanged"):
        return proven_by(row["fault"])
    named = [check.replace("*", kind) for check in proven_by(row["fault"])]
    return [check for check in named if check.startswith(kind + ".")]


def unproven(row, dut, result):
    """Which of them say nothing against what was struck: a fail, or with a nuisance no value."""
    with open(result["reports"]["json"], encoding="utf-8") as file:
        measured = json.load(file)["measurements"]
    good = ("fail",) if "NO-GO" in row["decision"] else ("fail", "unset")
    against = {one["name"] for one in measured if one["outcome"] in good and one["dut"] in (dut, judged_on(row, dut))}
    if row["part"].startswith("plant:"):
        return []  # coolant_plant.py
    return [check for check in to_be_proven(row) if not fnmatch.filter(against, check)]


def judge(row, dut, part, run, together=None, reports=("json",)):
    """What came out against the row's columns; `together`: all rows of the run, of which each may end it; `reports`: written ones."""
    wrong = []
    together = together or [row]
    decisions = {decision for one in together for decision in one["decision"]}
    exits = {code for one in together for code in one["exit"]}
    try:
        result = json.loads(run.stdout)
    except ValueError:
        return [f"no JSON on standard output; exit {run.returncode}; {run.stderr[-600:]}"]
    if "duts" not in result:
        return [f"there was no run; exit {run.returncode}; {run.stdout[-600:]} {run.stderr[-600:]}"]
    verdicts = {item["id"]: item for item in result["duts"]}
    if result["decision"] not in decisions:
        wrong.append(f"decision {result['decision']}, expected {sorted(decisions)}")
    if run.returncode not in exits:
        wrong.append(f"exit {run.returncode}, expected {sorted(exits)}")
    # In company each answers for its own DUT; alone that of the run is enough, as what a fault leads to may be told elsewhere.
    if len(together) > 1 and verdicts[judged_on(row, dut)]["verdict"] not in row["decision"]:
        wrong.append(f"{judged_on(row, dut)} is {verdicts[judged_on(row, dut)]['verdict']}, expected {row['decision']}")
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
    for name in reports:
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
    table = whole_table()
    known = subprocess.run([os.path.join(options.bin, "kiln-virtual-rack"), "--list-faults", "--json"], capture_output=True,
                           text=True, check=True).stdout
    missing = {item["kind"] for item in json.loads(known)["faults"]} ^ {row["fault"].split(":")[0] for row in table}
    failed = 0
    if missing:
        print("table and rack disagree about the faults there are:", sorted(missing))
        failed += 1
    if options.only:
        table = [row for row in table if row["fault"] in options.only.split(",")]
        for row in table:
            row["company"] = "alone"
    runs = runs_of(table, options.seed)
    print(f"seed {options.seed}: {len(table)} rows in {len(runs)} runs", flush=True)
    began, walked, hidden = time.monotonic(), 0, []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for run, walk in [(run, pool.submit(walk_one, number + 1, run, options, options.seed)) for number, run in enumerate(runs)]:
            number, seconds, results = walk.result()
            print(f"run {number}, {seconds:.0f} s", flush=True)
            for (row, dut), (spec, wrong) in zip(run.struck, results):
                walked += 1
                in_company = bool(wrong) and len(run.struck) > 1
                print("  " + ("ok    " if not wrong else "hidden " if in_company else "WRONG ") + spec, flush=True)
                for text in wrong:
                    print("        " + text)
                if in_company:
                    hidden.append((row, dut))
                elif wrong:
                    failed += 1
        if len(hidden) > MOST_HIDDEN:
            print(f"WRONG {len(hidden)} rows were not found in company, at most {MOST_HIDDEN} may be hidden by it")
            failed += len(hidden)
            hidden = []
        alone = [({**row, "company": "alone"}, dut) for row, dut in hidden]
        for number, seconds, results in pool.map(lambda one: walk_one("alone", Run(*one), options, options.seed), alone):
            for spec, wrong in results:
                print(f"met {number}, {seconds:.0f} s\n  " + ("ok    " if not wrong else "WRONG ") + spec, flush=True)
                for text in wrong:
                    print("        " + text)
                failed += 1 if wrong else 0
    print(f"{walked} faults walked in {len(runs)} runs, {len(hidden)} of them met alone, {failed} wrong, {time.monotonic() - began:.0f} s")
    return 1 if failed or walked != len(table) or not table else 0


if __name__ == "__main__":
    sys.exit(main())
