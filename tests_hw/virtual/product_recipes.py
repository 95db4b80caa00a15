#!/usr/bin/env python3
"""The recipes and limits of every product: each plans without a gap on a rack of that product (made up here, never reached), and those
of a liquid-cooled rack run on the virtual one: a healthy tray is GO, a failed gate stops what needs it and only that, and nothing
hot starts before cooling is proven.

usage: product_recipes.py --bin BUILD/bin
"""
import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import wire

FAST = ("--set", "soak=32s", "--set", "settle=3s", "--set", "slope=30", "--set", "burst=6s", "--set", "cool_down=12s", "--set", "diagnostic=1", "--set", "flow_samples=3", "--set", "host=4s")
LIQUID = ("gb200-nvl72", "gb300-nvl72", "lenovo-gb300-nvl72", "vera-rubin-nvl72")
AIR = ("generic-server", "hgx-b200", "hgx-b300", "hgx-h100", "hgx-h200", "lenovo-sr675v3")
LEVELS = ("l10-tray", "l11-rack", "l12-cluster", "field-quick", "field-full", "rma-triage")
UPDATE = """recipe: update
version: 1.0.0
product: virtual-gb300-nvl72
purpose: field
monitors: [{monitor: leak_watch, use: cooling.leak_watch, duts: all, every: 500ms}]
interlocks: [{cause: leak, scope: tray}]
phases:
  - phase: leak-detection
    gate: true
    steps: [{step: census, use: cooling.detector_census, duts: all}]
  - phase: power
    needs: [leak-detection]
    gate: true
    steps: [{step: "on", use: power.on, duts: {role: compute_tray}}]
  - phase: update
    needs: [power]
    steps: [{step: update, use: firmware.update, duts: {role: compute_tray}, with: {component: UEFI, activation: 30s}, timeout: 2m}]
teardown: [{step: "off", use: power.off, duts: {role: compute_tray}}]
"""


def components(dut, role, gpus):
    """What a rack file of such a DUT lists, in small: two links of each GPU stand for eighteen."""
    listed = [("firmware", "BMC", {"firmware": "1.0"})]
    if role in ("compute_tray", "server"):
        listed += [("gpu", f"GPU_{number}", {"serial": f"G{dut}-{number}"}) for number in range(gpus)]
        listed += [("nvlink", f"GPU_{number}/NVLink_{link}", {}) for number in range(gpus) for link in range(2)]
        listed += [("cpu", "CPU_0", {}), ("memory", "DIMM_0", {})]
    if role == "switch_tray":
        listed += [("nvswitch", "NVSwitch_0", {}), ("nvlink", "NVSwitch_0/NVLink_0", {})]
    if role == "power_shelf":
        listed = [("power_supply", f"PSU_{number}", {}) for number in range(6)]
    elif role != "server":
        listed += [("leak_detector", "LeakDetector_1", {}), ("coolant_connector", "Chassis_0/CoolantConnector_0", {})]
    if role == "cdu":
        listed += [("pump", "Pump_1", {})]
    return [{"kind": kind, "name": name, **more} for kind, name, more in listed if role != "cdu" or kind != "firmware"]


def made_up_rack(place, product):
    """A rack file of that product; JSON is YAML."""
    roles = [("server", 4)] if product in AIR else [("compute_tray", 18), ("switch_tray", 9), ("cdu", 1), ("power_shelf", 8)]
    duts = []
    for role, count in roles:
        for _ in range(count):
            number = len(duts) + 1
            dut = {"id": f"D{number:02}", "role": role, "slot": number,
                   "bmc": {"url": f"https://192.0.2.{number}", "credential": "bmc", "tls": {"pin_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
                   "expect": {"serial": f"S{number}", "components": components(number, role, 8 if role == "server" else 4)}}
            if role in ("compute_tray", "server"):
                dut["host"] = {"address": f"198.51.100.{number}", "user": "root", "credential": "host", "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAclE5NjfKth5H+d4697joymLn8X85M08zcXvk0IZRiN"}
            duts.append(dut)
    rack = Path(place, f"{product}.yaml")
    # Marked as simulated: whether the station's interlock rules are root's own is not this suite's matter.
    rack.write_text(json.dumps({"rack": "A14", "product": product, "simulated": True, "credentials": "rack.credentials.yaml", "serving": {"url": "https://192.0.2.99", "tls": {"pin_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}, "duts": duts}), encoding="utf-8")
    secrets = Path(place, "rack.credentials.yaml")
    secrets.write_text("bmc: {user: admin, password: \"0\"}\nhost: {user: root, password: \"0\"}\n", encoding="utf-8")
    secrets.chmod(0o600)
    return str(rack)


def every_product_plans(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-products-") as place:
        for product in LIQUID + AIR:
            rack = made_up_rack(place, product)
            for level in LEVELS:
                plan = wire.kiln(options, place, "plan", f"{product}/{level}", "--rack", rack, "--json", timeout=60)
                good = plan.returncode == 0 and not json.loads(plan.stdout).get("problems")
                check(good, f"{product}/{level} plans", plan.stderr[-1500:])


def run(options, place, rack, recipe, *more):
    ran = wire.kiln(options, place, "run", recipe, "--rack", rack.inventory, "--json", "--no-input", "--format", "json", "--out", place + "/report", *more, timeout=400)
    try:
        result = json.loads(ran.stdout)
    except json.JSONDecodeError:
        result = {"decision": None, "duts": []}
    result["exit"], result["screen"] = ran.returncode, ran.stderr
    return result


def record(result):
    with open(result["reports"]["json"], encoding="utf-8") as file:
        return json.load(file)


def steps_of(result, dut):
    """Status by step, of the last attempt."""
    return {step["step"]: step["status"] for step in record(result)["steps"] if step["dut"] == dut}


def reasons(result):
    return [(dut["id"], reason["code"], reason["fru"]) for dut in result["duts"] for reason in dut["reasons"]]


def a_tray_behind_its_baseline(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-products-") as place, wire.Rack(options, place) as rack:
        first = run(options, place, rack, "gb300-nvl72/l10-tray", *FAST)
        wrong = {reason for reason in reasons(first) if reason[1] != "measurement.unset" and not reason[1].startswith("plan.")}
        check(first["exit"] == 1 and ("C01", "firmware.off_baseline", "UEFI") in wrong, f"a tray behind its baseline is NO-GO ({first['exit']}, {sorted(wrong)})", first["screen"][-2000:])
        statuses = {dut: steps_of(first, dut) for dut in ("C01", "C02")}
        check(statuses["C01"].get("soak/load") == "skipped" and statuses["C01"].get("data-paths/bandwidth") == "skipped", f"nothing loads it ({statuses['C01']})")
        check(statuses["C01"].get("after/gpus-again") == "complete", "what does not need its firmware goes on")
        recipe = Path(place, "update.yaml")
        recipe.write_text(UPDATE, encoding="utf-8")
        updated = run(options, place, rack, str(recipe))
        check(updated["exit"] == 0, f"it is updated ({updated['exit']}, {reasons(updated)})", updated["screen"][-2000:])
        second = run(options, place, rack, "gb300-nvl72/l10-tray", *FAST)
        check(second["exit"] == 0 and second["decision"] == "GO", f"then both trays are GO ({second['exit']}, {reasons(second)})", second["screen"][-2000:])
        told = record(second)
        names = {m["name"] for m in told["measurements"]}
        check({"gpu.pci_device", "coolant.heat_balance", "nvlink.bandwidth", "dcgm.result", "event_log.unexpected"} <= names, f"{len(names)} kinds of measurement stand in its report")


def a_failed_gate(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-products-") as place, wire.Rack(options, place, "--fault", "gpu-missing@C01:GPU_2") as rack:
        result = run(options, place, rack, "gb300-nvl72/rma-triage", *FAST)
        statuses = {dut: steps_of(result, dut) for dut in ("C01", "C02")}
        check(result["exit"] == 1 and any(reason[0] == "C01" and reason[1] == "gpu.missing" and reason[2] == "GPU_2" for reason in reasons(result)), f"the missing GPU is named ({result['exit']}, {reasons(result)[:6]})", result["screen"][-2000:])
        check(statuses["C01"].get("power/on") == "skipped", f"a tray without a part is not energised ({statuses['C01']})")
        check(statuses["C02"].get("power/on") == "complete" and statuses["C02"].get("quick-checks/gpus") == "complete", "its neighbour is")


def cooling_that_fails(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-products-") as place, wire.Rack(options, place, "--fault", "flow-lost@C02") as rack:
        result = run(options, place, rack, "gb300-nvl72/rma-triage", *FAST)
        statuses = steps_of(result, "C02")
        loads = [step for step in ("soak/load", "data-paths/bandwidth", "data-paths/diagnostic") if statuses.get(step) != "skipped"]
        check(result["exit"] == 1 and not loads and statuses.get("power/on") == "skipped", f"without flow nothing hot starts ({result['exit']}, {loads}, {statuses})", result["screen"][-2000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    wrong = []

    def check(good, what, detail=""):
        print(("ok    " if good else "WRONG ") + what + ("" if good or not detail else "\n" + detail), flush=True)
        if not good:
            wrong.append(what)
    every_product_plans(options, check)
    with ThreadPoolExecutor(3) as lanes:
        for done in [lanes.submit(case, options, check) for case in (a_tray_behind_its_baseline, a_failed_gate, cooling_that_fails)]:
            done.result()
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
