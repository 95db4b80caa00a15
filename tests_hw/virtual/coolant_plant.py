#!/usr/bin/env python3
"""The guided tests of the coolant plant with a real station and rack, a person at a terminal and the rack's fault "pump-stopped" as
the switch at the CDU: a sound plant is GO; a pump that cannot carry the rack alone and a loop that weeps, both of which the demo
passes, are found with code and part; nothing is stopped under a tray that is on; a branch that gets a tenth less stands out.

usage: coolant_plant.py --bin BUILD/bin
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import sys
import tempfile

import fault_walk
import technician
import wire

failures = []
PUMPS = ("Pump_1", "Pump_2")
LOOP = "CDU01/1/Secondary"

BALANCE = """recipe: balance
version: 1.0.0
product: virtual-gb300-nvl72
purpose: field
phases:
  - phase: rack
    steps:
      - {step: balance, use: cooling.flow_balance, duts: {role: rack}, quorum: 1, with: {samples: 10, every: 500ms}}
"""


def check(good, what):
    print(("ok    " if good else "WRONG ") + what, flush=True)
    if not good:
        failures.append(what)


def flat(text):
    return " ".join(text.split())


def answer(terminal, words, hand, seconds=60):
    """Waits for the question, does what it asks, and says so."""
    asked = terminal.until(words, seconds) or words in flat(terminal.everything())
    check(asked, words if asked else f"{words}: {flat(terminal.everything())[-800:]}")
    hand()
    terminal.type("y\r")


def guided(options, faults, place, rack):
    """A person goes through the whole recipe; gives exit code and report."""
    rack.faults(add=faults)
    out = place + "/report"
    terminal = technician.Station(options, place, "run", "demo/coolant-plant", "--rack", rack.inventory, "--operator", "Ann", "--out", out)
    try:
        for pump in PUMPS:
            answer(terminal, f"Stop {pump} of CDU01", lambda: rack.faults(add=[f"pump-stopped@CDU01:{pump}"]))
            answer(terminal, f"Start {pump} of CDU01", lambda: rack.faults(clear=[f"pump-stopped@CDU01:{pump}"]))
        answer(terminal, "Stop all pumps of the CDU", lambda: rack.faults(add=[f"pump-stopped@CDU01:{pump}" for pump in PUMPS]))
        answer(terminal, "Let CDU01 run as before", lambda: rack.faults(clear=[f"pump-stopped@CDU01:{pump}" for pump in PUMPS]), 150)
        code = terminal.ended(60)
    finally:
        if terminal.child.poll() is None:
            terminal.child.kill()
            terminal.child.wait()
        terminal.close()
    return code, json.loads(pathlib.Path(out, "report.json").read_text(encoding="utf-8"))


def measured(report, name):
    return {one["part"]: one for one in report["measurements"] if one["name"] == name}


def reasons(report):
    return {(reason["code"], reason["fru"]) for dut in report["duts"] for reason in dut["reasons"]}


def sound(options, place, rack):
    code, report = guided(options, [], place, rack)
    decay = measured(report, "coolant.pressure_decay")[LOOP]
    shares = {part: one["value"] for part, one in measured(report, "pump.redundancy.flow_share").items()}
    check(code == 0, f"a sound plant is GO ({code}, {decay}, {shares})")
    check(abs(decay["value"]) < 3, f"it loses {decay['value']} kPa/min")
    check(set(shares) == {f"CDU01/{pump}" for pump in PUMPS} and all(0.9 <= share <= 1.1 for share in shares.values()), f"each pump carries it: {shares}")
    who = measured(report, "pump.redundancy.flow_share")["CDU01/Pump_1"]["source"]["detail"]
    check(who == "stopped by Ann", f"who did it is on record: {who}")


def weak_and_weeping(options, place, rack):
    code, report = guided(options, ["pump-weak@CDU01:Pump_2", "slow-leak@CDU01"], place, rack)
    decay = measured(report, "coolant.pressure_decay")[LOOP]
    shares = measured(report, "pump.redundancy.flow_share")
    check(code == 1, f"a weak pump and a slow leak are NO-GO ({code})")
    check(decay["outcome"] == "fail" and ("coolant.pressure_decay", LOOP) in reasons(report) and abs(decay["value"] - 12) < 3,
          f"the loop loses 12 kPa/min: {decay['value']}, {decay['outcome']}, {reasons(report)}")
    check(shares["CDU01/Pump_1"]["outcome"] == "fail" and ("pump.no_redundancy", "CDU01/Pump_1") in reasons(report),
          f"with Pump_1 at rest the other cannot: {shares['CDU01/Pump_1']['value']}")
    check(shares["CDU01/Pump_2"]["outcome"] == "pass", "with Pump_2 at rest the other can")
    against = {one["name"] for one in report["measurements"] if one["outcome"] == "fail"}
    for fault in ("pump-weak", "slow-leak"):
        proven = fault_walk.proven_by(fault)
        check(proven and set(proven) <= against, f"{fault} proves {proven}")


def tray_that_is_on(options, place, rack):
    run = wire.kiln(options, place, "run", "demo/coolant-plant", "--rack", rack.inventory, "--json", "--no-input", "--format", "json", "--out", place + "/report")
    report = json.loads(pathlib.Path(place, "report", "report.json").read_text(encoding="utf-8"))
    check(run.returncode not in (0, 1), f"no pump is stopped under a tray that is on ({run.returncode})")
    check("cooling.loop_in_use" in json.dumps(report), "and it is said why")
    check(not measured(report, "coolant.pressure_decay"), "nothing is measured")


def balance(options, place, rack):
    recipe = pathlib.Path(place, "balance.yaml")
    recipe.write_text(BALANCE, encoding="utf-8")
    rack.faults(add=["hose-unseated@C03"])
    run = wire.kiln(options, place, "run", str(recipe), "--rack", rack.inventory, "--json", "--no-input", "--format", "json", "--out", place + "/report")
    report = json.loads(pathlib.Path(place, "report", "report.json").read_text(encoding="utf-8"))
    shares = measured(report, "coolant.flow.share_of_median")
    struck = {part for part, one in shares.items() if one["outcome"] != "pass" and part.startswith("C")}
    check(struck == {"C03/Chassis_0/CoolantConnector_0"}, f"the tray with the unseated hose stands out: { {part: one['value'] for part, one in shares.items()} }")
    check(all(one["outcome"] == "unset" for part, one in shares.items() if part.startswith("S")), "three switch trays are no population")
    check("coolant.flow.share_of_median" in fault_walk.proven_by("hose-unseated"), f"hose-unseated proves it ({run.returncode})")


def one(walk, options):
    scenario, kind, more = walk
    with tempfile.TemporaryDirectory(prefix="kiln-plant-") as place, wire.Rack(options, place, "--rack", kind, *more) as rack:
        scenario(options, place, rack)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    walks = [(sound, "small", ()), (weak_and_weeping, "small", ()), (tray_that_is_on, "small", ("--powered-on",)), (balance, "trays:6", ())]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for walk in [pool.submit(one, walk, options) for walk in walks]:
            walk.result()
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
