#!/usr/bin/env python3
"""What the building says of a rack, on record before anything is on: with a real broker, TLS and a password, leak points that are dry pass,
a flow that is too low and a sensor with a fault fail, and a broker that is gone leaves all of it unknown.

usage: building_points.py --bin BUILD/bin
"""
import argparse
import json
import pathlib
import sys
import tempfile

import building
import recover

FLOW = building.RACK.format("Value", "RackLiquidFlow")
FAULT = building.RACK.format("Value", "RackLeakSensorFault")
building.METADATA[building.RACK.format("Metadata", "RackLiquidFlow")] = dict(
    objectType="Rack", pointType="RackLiquidFlow", rackLocationName="17", rackLocationId=building.LOCATION, engUnit="LPM")
RECIPE = """recipe: building-points
version: 1.0.0
product: virtual-gb300-nvl72
purpose: field
monitors:
  - {monitor: leak_watch, use: cooling.leak_watch, duts: {role: [compute_tray, switch_tray, cdu]}, every: 500ms}
phases:
  - phase: building
    steps:
      - {step: points, use: cooling.building, duts: {role: rack}, quorum: 1, with: {settle: 1s, patience: 8s}}
"""


def measured(station, place, name):
    recipe = pathlib.Path(place, "points.yaml")
    recipe.write_text(RECIPE, encoding="utf-8")
    out = pathlib.Path(place, name)
    code, _, error = station.ended("run", str(recipe), "--rack", station.inventory, "--json", "--no-input", "--format", "json", "--out", str(out), "--interlock-rules", station.rules)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return code, {one["name"]: one for one in report["measurements"] if one["name"].startswith("building.")}, error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-points-") as place, building.Bms(place) as bms:
        bms.values[FLOW] = 180
        with building.Building(options, place, bms) as station:
            code, told, error = measured(station, place, "dry")
            recover.check(code == 0, f"a dry building is GO ({code}, {error[-400:]})")
            recover.check({name for name, one in told.items() if one["outcome"] == "pass"} == {
                "building.rack_leak", "building.equipment_leak", "building.leak_sensor", "building.coolant.flow"}, f"all of it is on record: {told}")
            recover.check(told["building.coolant.flow"]["value"] == 180, "the flow as the building measures it")
            recover.check(not bms.requested(), "nothing was asked of the building")
            bms.values[FLOW] = 2
            code, told, _ = measured(station, place, "low")
            recover.check(code == 1 and told["building.coolant.flow"]["outcome"] == "fail", f"too little flow is NO-GO ({code})")
            bms.values[FLOW] = 180
            bms.values[FAULT] = 1
            code, told, _ = measured(station, place, "fault")
            recover.check(told["building.leak_sensor"]["outcome"] == "fail" and code != 0, f"a sensor with a fault is found ({code})")
            bms.kill()
            code, told, _ = measured(station, place, "gone")
            recover.check(code == 4 and all(one["outcome"] == "unset" for one in told.values()) and len(told) >= 3, f"a broker that is gone is no pass ({code}, {told})")
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
