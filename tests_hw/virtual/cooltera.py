#!/usr/bin/env python3
"""A rack whose CDU has no Redfish and is read by its status.xml, over real TLS: a sound one is GO with its flow, pumps, dew point and
alarms on record; its alarm and its stopped pump are found; a flow that is lost under load cuts every tray; a certificate that is not
the pinned one is refused; and what such a unit cannot tell is passed over by name.

usage: cooltera.py --bin BUILD/bin
"""
import argparse
import json
import pathlib
import re
import sys
import tempfile
import time

import wire

RECIPE = """recipe: cooltera
version: 1.0.0
product: virtual-gb300-nvl72
purpose: field
monitors:
  - {monitor: leak_watch, use: cooling.leak_watch, duts: {role: [compute_tray, switch_tray, cdu]}, every: 500ms}
phases:
  - phase: leak-detection
    gate: true
    steps:
      - {step: census, use: cooling.detector_census, duts: {role: [compute_tray, switch_tray, cdu]}}
  - phase: cooling
    gate: true
    needs: [leak-detection]
    steps:
      - {step: flow, use: cooling.flow, duts: {role: [compute_tray, switch_tray, cdu]}, with: {samples: 3, every: 200ms}}
      - {step: plant, use: cooling.plant, duts: {role: cdu}}
"""
LOAD = """  - phase: power
    gate: true
    needs: [leak-detection, cooling]
    steps:
      - {step: "on", use: power.on, duts: {role: [compute_tray, switch_tray]}, timeout: 2m}
  - phase: soak
    needs: [cooling, power]
    steps:
      - {step: load, use: gpu_stress.soak, duts: {role: compute_tray}, with: {for: 30s, settle: 4s, slope: 30, slope_window: 3s, power_floor: 90}, timeout: 2m}
teardown:
  - {step: "off", use: power.off, duts: {role: [compute_tray, switch_tray]}}
"""
check = wire.Checks()


def run(options, place, rack, recipe, name):
    path = pathlib.Path(place, name + ".yaml")
    path.write_text(recipe, encoding="utf-8")
    out = pathlib.Path(place, name)
    done = wire.kiln(options, place, "run", str(path), "--rack", rack, "--json", "--no-input", "--format", "json", "--out", str(out))
    report = json.loads((out / "report.json").read_text(encoding="utf-8")) if (out / "report.json").exists() else {"measurements": [], "duts": []}
    check(not wire.CRASH.search(done.stderr), f"{name}: nothing crashed", done.stderr)
    return done, report


def of_the_cdu(report):
    return {(one["name"], one["part"]): one for one in report["measurements"] if one["dut"] == "CDU01"}


def reasons(report):
    return {(item["id"], reason["code"], reason["fru"]) for item in report["duts"] for reason in item["reasons"]}


def quiet(options, place):
    with wire.Rack(options, place, "--rack", "small", "--cooltera") as rack:
        done, report = run(options, place, rack.inventory, RECIPE, "sound")
        told = of_the_cdu(report)
        check(done.returncode == 0, f"a sound CDU is GO ({done.returncode})", done.stdout + done.stderr)
        wanted = {("coolant.flow", "CDU/Primary"), ("coolant.flow", "CDU/Secondary"), ("coolant.supply_temperature", "CDU/Secondary"),
                  ("pump.speed", "Pump_1"), ("pump.speed", "Pump_2"), ("coolant.dew_point_margin", ""), ("coolant.alarms", "")}
        check(wanted <= set(told), f"its document is on record: {sorted(set(told))}")
        check(all(told[key]["source"]["kind"] == "cooltera" for key in wanted & set(told)), "and that it comes from there")
        check(("leak_detector.count", "") not in told, "what it cannot tell is not asked of it")
        plan = wire.kiln(options, place, "plan", str(pathlib.Path(place, "sound.yaml")), "--rack", rack.inventory)
        check("leak-detection/census passes over CDU01" in plan.stdout, "and the plan says so", plan.stdout + plan.stderr)
        asked = [line for line in rack.get("/log")["entries"] if line.get("dut") == "CDU01"] if "entries" in rack.get("/log") else []
        check(all("status.xml" in json.dumps(line) for line in asked), f"nothing else was asked of it ({len(asked)})", asked[:5])

        rack.faults(add=["cdu-alarm@CDU01"])
        done, report = run(options, place, rack.inventory, RECIPE, "alarm")
        check(done.returncode == 1 and ("CDU01", "coolant.unit_alarm", "") in reasons(report), f"its alarm is NO-GO: {reasons(report)}")
        rack.faults(clear=["cdu-alarm@CDU01"], add=["pump-stopped@CDU01:Pump_2"])
        time.sleep(2)  # it runs down as pumps do
        done, report = run(options, place, rack.inventory, RECIPE, "pump")
        check(done.returncode == 1 and ("CDU01", "pump.stopped", "Pump_2") in reasons(report), f"a pump that stands is NO-GO: {reasons(report)}")
        rack.faults(clear=["pump-stopped@CDU01:Pump_2"])

        text = pathlib.Path(rack.inventory).read_text(encoding="utf-8")
        at = text.index("protocol: cooltera")
        pin = re.compile(r'pin_sha256: "[^"]*"')
        other = pathlib.Path(rack.inventory).with_name("other.yaml")
        other.write_text(text[:at] + pin.sub('pin_sha256: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="', text[at:], count=1), encoding="utf-8")
        done, report = run(options, place, str(other), RECIPE, "untrusted")
        check(done.returncode == 4 and not [key for key in of_the_cdu(report) if key[0] == "coolant.flow"],
              f"another certificate is no CDU of ours ({done.returncode})", done.stdout)


def under_load(options, place):
    with wire.Rack(options, place, "--rack", "small", "--cooltera") as rack:
        rack.faults(add=["flow-lost@CDU01+4s"])
        done, report = run(options, place, rack.inventory, RECIPE + LOAD, "lost")
        check(done.returncode == 5, f"a flow that is lost under load cuts ({done.returncode})", done.stdout + done.stderr)
        check(("CDU01", "coolant.flow_lost", "CDU/Secondary") in reasons(report), f"and is told of the CDU: {reasons(report)}")
        power = {name: dut["power"] for name, dut in rack.get("/state")["duts"].items() if name != "CDU01"}
        check(power and all(state.lower() == "off" for state in power.values()), f"every tray is off: {power}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    for scenario in (quiet, under_load):
        with tempfile.TemporaryDirectory(prefix="kiln-cooltera-") as place:
            scenario(options, place)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
