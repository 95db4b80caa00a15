#!/usr/bin/env python3
"""A rack that runs one release behind its firmware baseline is brought there, tier by tier, in order, over real HTTPS and SSH; what
is wrong with the baseline, its images or the rack is refused or named; a station killed while it writes goes on where it was; and
what a BMC must refuse is refused.

usage: firmware.py --bin BUILD/bin [--only NAME]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import wire

TIERS = [("P", "shelves"), ("S", "switches"), ("C", "compute")]
BEHIND = ("--rack", "shelves", "--firmware-behind")


def uploads(rack):
    """What was written, in order: (dut, monotonic_ns); NVOS over SSH too."""
    entries = rack.get("/log")["entries"]
    return [(e["dut"], e["monotonic_ns"]) for e in entries
            if (e["method"] == "POST" and "update-multipart" in e.get("uri", "") and e.get("status") == 202)
            or (e["method"] == "SSH" and "action install system image" in json.dumps(e))]


def versions(rack):
    return {dut: state["firmware"] for dut, state in rack.get("/state")["duts"].items()}


def result_of(run):
    try:
        return json.loads(run.stdout)
    except json.JSONDecodeError:
        return {}


def codes(result):
    return {reason["code"] for dut in result.get("duts", []) for reason in dut["reasons"]}


def run_kiln(options, place, rack, recipe="demo/firmware", *more, timeout=400):
    return wire.kiln(options, place, "run", recipe, "--rack", rack.inventory, "--json", "--no-input", "--format", "json,text", "--out", place + "/report", *more,
                     timeout=timeout)


def whole_rack(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND) as rack:
        before = versions(rack)
        run = run_kiln(options, place, rack)
        result = result_of(run)
        check(run.returncode == 0 and result.get("decision") == "GO", f"brought to its baseline: GO ({run.returncode})", run.stderr + run.stdout[-1500:])
        after = versions(rack)
        changed = sorted(f"{dut}:{item}" for dut in after for item in after[dut] if after[dut][item] != before[dut][item])
        expected = 2 * 1 + 4 + 2 * 8  # shelves; BMC, CPLD, BIOS, NVOS; BMC, UEFI, HGX BMC, CPLD, four GPUs
        check(len(changed) == expected, f"{len(changed)} components changed, {expected} were behind ({changed})")
        order = uploads(rack)
        tiers = {letter: [at for dut, at in order if dut.startswith(letter)] for letter, _ in TIERS}
        check(len(order) == expected, f"each was written once ({len(order)} writes)")
        check(max(tiers["P"]) < min(tiers["S"]) and max(tiers["S"]) < min(tiers["C"]), "shelves before switch trays before compute trays")
        # UEFI and four GPUs of each compute tray are activated by a restart of the host.
        evidence = {(m["dut"], m["part"]): m for report in pathlib.Path(place, "report").rglob("report.json")
                    for m in json.loads(report.read_text())["measurements"]
                    if m["name"] == "firmware.restart_evidence" and m["dut"].startswith("C")}  # the last word of each
        booted = [m for m in evidence.values() if m["source"]["kind"] == "ssh" and "boot id" in str(m["value"])]
        check(len(evidence) == 10 and len(booted) == 10, f"that each host has started on what was written is on record by its boot id ({len(booted)} of {len(evidence)})", json.dumps(list(evidence.values()))[:1500])
        again = run_kiln(options, place, rack)
        check(again.returncode == 0 and len(uploads(rack)) == expected, f"a second run writes nothing ({again.returncode}, {len(uploads(rack)) - expected})")
        text = next(pathlib.Path(place, "report").rglob("report.txt")).read_text()
        check("firmware baseline virtual-gb300-nvl72 revision 1" in text, "the report names the baseline", text[:600])


def wrong_image(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND) as rack:
        image = next(pathlib.Path(place, "rack/firmware").glob("FW_SMC-*.fw"))
        image.write_bytes(image.read_bytes() + b"x")
        run = run_kiln(options, place, rack)
        check(run.returncode == 1 and {"firmware.wrong_image", "firmware.tier_off_baseline"} <= codes(result_of(run)),
              f"an image with another hash: the shelves are not at their baseline ({run.returncode}, {sorted(codes(result_of(run)))})", run.stdout[-1500:])
        check(uploads(rack) == [], f"and nothing was written anywhere ({uploads(rack)})")


def failing_tier(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, \
            wire.Rack(options, place, *BEHIND, "--fault", "firmware-update-fails@S01:FW_CPLD_0") as rack:
        before = versions(rack)
        run = run_kiln(options, place, rack)
        result = result_of(run)
        check(run.returncode == 1 and "firmware.update_failed" in codes(result), f"a switch tray's update fails: NO-GO ({run.returncode}, {sorted(codes(result))})", run.stdout[-1500:])
        after = versions(rack)
        check(all(after[dut] == before[dut] for dut in after if dut.startswith("C")), "no compute tray was touched")
        check(after["S01"]["FW_BMC_0"] != before["S01"]["FW_BMC_0"] and after["S01"]["FW_BIOS_0"] == before["S01"]["FW_BIOS_0"],
              "what came before it in the order is done, what comes after it is not")


def newer(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND) as rack:
        baseline = pathlib.Path(place, "rack/firmware/virtual-gb300-nvl72.yaml")
        text = baseline.read_text()
        baseline.write_text(text.replace('component: FW_SMC, version: "01.04.01.04"', 'component: FW_SMC, version: "01.02.00.00"'))
        run = run_kiln(options, place, rack)
        check(run.returncode == 1 and "firmware.newer_than_baseline" in codes(result_of(run)), f"newer than the baseline is not overwritten ({run.returncode}, {sorted(codes(result_of(run)))})", run.stdout[-1500:])
        check(uploads(rack) == [], "and what depends on it was not touched")


def not_activatable(options, check):
    """What cannot be activated is not written: nobody cycles all power of a shelf, which feeds the others."""
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND) as rack:
        baseline = pathlib.Path(place, "rack/firmware/virtual-gb300-nvl72.yaml")
        lines = [line.replace("activation: manager_reset", "activation: full_power_cycle") if "component: FW_SMC" in line else line
                 for line in baseline.read_text().splitlines()]
        baseline.write_text("\n".join(lines) + "\n")
        run = run_kiln(options, place, rack)
        result = result_of(run)
        found = codes(result)
        check(run.returncode in (1, 4) and "firmware.serves_others" in found, f"an activation that takes the power of all others ({run.returncode}, {sorted(found)})", run.stdout[-1500:])
        check(uploads(rack) == [], "and nothing was written anywhere")


def bad_baselines(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND) as rack:
        baseline = pathlib.Path(place, "rack/firmware/virtual-gb300-nvl72.yaml")
        good = baseline.read_text()
        cases = [("activation: manager_reset", "activation: managr_reset", "did you mean 'manager_reset'"),
                 ("sha256: \"", "sha256: \"zz", "is not a SHA-256"),
                 ("component: UEFI, version: \"GBHC01A_01.05.0\"", "component: UEFI, version: site to fill", "gives no version for UEFI yet"),
                 ("component: UEFI,", "component: FW_BMC_0,", "is listed twice"),
                 ("roles:", "rolls:", "rolls")]
        for old, new, said in cases:
            assert old in good, old
            baseline.write_text(good.replace(old, new, 1))
            run = run_kiln(options, place, rack)
            check(run.returncode == 2 and said in run.stderr + run.stdout, f"baseline with '{new}': refused ({run.returncode})", run.stderr)
        baseline.unlink()
        run = run_kiln(options, place, rack)
        check(run.returncode == 2 and "rack.yaml" in run.stderr, f"a baseline that is not there: refused ({run.returncode})", run.stderr)
        check(uploads(rack) == [], "and nothing was written")


def mixed(options, check):
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, \
            wire.Rack(options, place, "--rack", "small", "--fault", "firmware-old@C02:FW_NIC_1") as rack:
        recipe = pathlib.Path(options.bin).parent / "share/kiln/recipes"
        own = pathlib.Path(place, "recipes")
        shutil.copytree(recipe, own)
        file = own / "field/firmware-check.yaml"
        file.write_text(file.read_text().replace("product: gb300-nvl72", "product: virtual-gb300-nvl72"))
        run = run_kiln(options, place, rack, str(file))
        found = codes(result_of(run))
        check(run.returncode == 1 and "firmware.mixed" in found, f"mixed firmware: NO-GO ({run.returncode}, {sorted(found)})", run.stdout[-1500:])
        seen = next(pathlib.Path(place, "report").rglob("report.json")).read_text()
        check("C02:FW_NIC_1" in seen and "compute_tray FW_NIC_*" in seen, "it is named by who runs what", seen[:1500])


def killed_while_writing(options, check):
    """Station and warden are killed in a write; the run goes on, and what was written before is not written again."""
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND) as rack:
        run = wire.start_kiln(options, place, "run", "demo/firmware", "--rack", rack.inventory, "--json", "--no-input", "--format", "json,text", "--operator", "Ann",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 200
        while time.monotonic() < end and run.poll() is None and sum(dut.startswith("P") for dut, _ in uploads(rack)) < 2:
            time.sleep(0.02)
        written = len(uploads(rack))
        wardens = subprocess.run(["pgrep", "-P", str(run.pid), "-x", "kiln-warden"], capture_output=True, text=True, check=False).stdout.split()
        for pid in wardens:
            os.kill(int(pid), 9)
        run.kill()
        run.communicate(timeout=60)
        check(written > 0 and run.returncode == -9, f"killed after {written} writes had begun")
        died = time.monotonic()
        recovered = wire.kiln(options, place, "recover", timeout=500)
        check(recovered.returncode == 0, f"recover, after {time.monotonic() - died:.0f} s ({recovered.returncode})", recovered.stderr + recovered.stdout)
        resumed = wire.kiln(options, place, "resume", "--json", "--no-input", "--format", "json,text", "--operator", "Bob", timeout=600)
        result = result_of(resumed)
        # A run that was interrupted is never a plain GO where its power was taken in between; what counts is the firmware.
        check(resumed.returncode in (0, 3), f"resumed to its end ({resumed.returncode}, {result.get('decision')}, {sorted(codes(result))})", resumed.stderr + resumed.stdout[-1500:])
        total = len(uploads(rack))
        check(total <= 22 + 2, f"{total} writes in all: at most the ones under way were written again")
        wanted = pathlib.Path(place, "rack/firmware/virtual-gb300-nvl72.yaml").read_text()
        now = versions(rack)
        behind = [f"{dut}:{item}" for dut in now for item in now[dut] if f"component: {item}, version: \"" in wanted
                  and not any(f"component: {item}, version: \"{now[dut][item]}\"" in line for line in wanted.splitlines())]
        check(not behind, f"everything runs the baseline ({behind})")


ONE_BMC = """# yaml-language-server: $schema=recipe.schema.json
recipe: bmc-update
version: 1.0.0
product: virtual-gb300-nvl72
purpose: field
description: The BMCs of the compute trays
requires: {plugins: [cooling, firmware]}
monitors:
  - {monitor: leak_watch, use: cooling.leak_watch, duts: {role: [compute_tray, switch_tray, cdu]}, every: 500ms}
interlocks: [{cause: leak, scope: tray}]
phases:
  - phase: firmware
    steps:
      - {step: to-baseline, use: firmware.to_baseline, duts: {role: compute_tray}, with: {components: [FW_BMC_0]}, timeout: 1h}
"""
AWAY = 10  # seconds that a BMC is away at this time scale (physics.yaml: bmc_reset_s); the leak watches' grace is 5 s


def bmc_recipe(place, rack, active_within, write_within="40s"):
    """A recipe, and the rack's own baseline with times that fit."""
    baseline = next(pathlib.Path(place, "rack/firmware").glob("*.yaml"))
    baseline.write_text(baseline.read_text().replace("write_within: 20s, active_within: 30s", f"write_within: {write_within}, active_within: {active_within}s"))
    file = pathlib.Path(place, "bmc.yaml")
    file.write_text(ONE_BMC)
    return str(file)


def measured(place, name):
    report = json.loads(next(pathlib.Path(place, "report").rglob("report.json")).read_text())
    return {one["dut"]: one["value"] for one in report["measurements"] if one["name"] == name}


def bmc_away_by_plan(options, check):
    """Longer than the leak watches' grace; with the trays off, and on again only when they are read dry."""
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, \
            wire.Rack(options, place, "--firmware-behind", "--powered-on", "--time-scale", "4") as rack:
        run = run_kiln(options, place, rack, bmc_recipe(place, rack, 30))
        result = result_of(run)
        check(run.returncode == 0 and result.get("decision") == "GO", f"BMCs that are away for {AWAY} s: GO ({run.returncode}, {sorted(codes(result))})", run.stderr + run.stdout[-1500:])
        silent = measured(place, "leak_watch.planned_silence")
        check(all(AWAY * 0.9 < silent[dut] < 30 for dut in ("C01", "C02")) and silent["S01"] == 0, f"the record tells for how long ({silent})")
        state = rack.get("/state")["duts"]
        check(all(state[dut]["power"] == "On" for dut in ("C01", "C02")), f"they are on again ({[state[dut]['power'] for dut in ('C01', 'C02')]})")
        after = {dut: state[dut]["firmware"]["FW_BMC_0"] for dut in ("C01", "C02")}
        check(set(after.values()) == {"3.00.0"}, f"and run the baseline's BMC firmware ({after})")


def bmc_stays_away(options, check):
    """One that does not come back is cut when its time is over, not before; what was on is off by then."""
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND, "--powered-on", "--time-scale", "4") as rack:
        recipe = bmc_recipe(place, rack, 15)
        run = wire.start_kiln(options, place, "run", recipe, "--rack", rack.inventory, "--json", "--no-input", "--format", "json,text", "--out", place + "/report",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 100
        while time.monotonic() < end and not any(e["dut"] == "C01" and "Manager.Reset" in e.get("uri", "") for e in rack.get("/log")["entries"]):
            time.sleep(0.05)
        rack.faults(["bmc-hang@C01"])
        began = time.monotonic()
        out, err = run.communicate(timeout=300)
        took = time.monotonic() - began
        result = json.loads(out)
        tray = next(dut for dut in result["duts"] if dut["id"] == "C01")
        cut = [(one["code"], one["message"]) for one in tray["reasons"] if one["code"].startswith("interlock.")]
        unread = [float(seconds) for _, message in cut for seconds in re.findall(r"for ([0-9.]+)s", message)]
        check(run.returncode == 5 and cut and cut[0][0] == "interlock.telemetry-lost" and unread and 15 <= unread[0] < 20,
              f"it is cut as lost telemetry when its 15 s are over ({run.returncode}, {took:.0f} s after its BMC went: {cut})", err[-2500:])
        check(rack.get("/state")["duts"]["C01"]["power"] == "Off", "and it was off")


def station_dies_while_away(options, check):
    """Nobody is left but the warden, which knows of the plan: neither the trays nor their shelves are cut for it."""
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND, "--time-scale", "4") as rack:
        recipe = bmc_recipe(place, rack, 30)
        run = wire.start_kiln(options, place, "run", recipe, "--rack", rack.inventory, "--json", "--no-input", "--format", "json,text", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 100
        while time.monotonic() < end and not any(e["dut"] == "C02" and "Manager.Reset" in e.get("uri", "") for e in rack.get("/log")["entries"]):
            time.sleep(0.05)
        run.kill()
        run.communicate(timeout=20)
        time.sleep(AWAY + 8)
        state = rack.get("/state")["duts"]
        check(all(state[dut]["power"] == "On" for dut in state if dut.startswith("P")), f"the power shelves stay on ({ {dut: state[dut]['power'] for dut in state} })")
        asked = [e for e in rack.get("/log")["entries"] if e["method"] == "POST" and "ForceOff" in json.dumps(e)]
        check(asked == [], f"and nobody asked for Off ({asked})")
        found = versions(rack)
        check(found["C02"]["FW_BMC_0"] == "3.00.0", f"the BMC came back with what was written ({found['C02']['FW_BMC_0']})")


def both_die_while_away(options, check):
    """Nobody is left. The write's task went with its BMC; what shows that it is over is the version that the BMC lists when it is back."""
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, *BEHIND, "--time-scale", "4") as rack:
        recipe = bmc_recipe(place, rack, 30, write_within="20m")
        run = wire.start_kiln(options, place, "run", recipe, "--rack", rack.inventory, "--json", "--no-input", "--format", "json,text", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 100
        while time.monotonic() < end and not any(e["dut"] == "C02" and "Manager.Reset" in e.get("uri", "") for e in rack.get("/log")["entries"]):
            time.sleep(0.05)
        found = subprocess.run(["pgrep", "-P", str(run.pid), "-x", "kiln-warden"], capture_output=True, text=True, check=False).stdout.split()
        check(len(found) == 1, f"it has a warden ({found})", "" if found else str(run.communicate(timeout=20))[-3000:])
        os.kill(int(found[0]), signal.SIGSTOP)
        run.kill()
        os.kill(int(found[0]), signal.SIGKILL)
        run.communicate(timeout=20)
        began = time.monotonic()
        recovered = wire.kiln(options, place, "recover", timeout=400)
        took = time.monotonic() - began
        check(recovered.returncode == 0, f"it is recovered ({recovered.returncode})", recovered.stderr[-1500:] + recovered.stdout[-1500:])
        check(55 < took < 200, f"in {took:.0f} s, and not in the 20 min of the write")
        check("at the latest" in recovered.stderr and "the write is over: FW_BMC_0 runs 3.00.0 now" in recovered.stderr,
              "which says until when it waits, and what has shown the end", recovered.stderr[-1500:])


def refuses(options, check):
    cases = ["corrupt", "truncated", "unsigned", "wrong_target", "oversize", "older", "same_image", "power_loss"]
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, wire.Rack(options, place, "--firmware-behind") as rack:
        run = run_kiln(options, place, rack, "demo/firmware-negative")
        result = result_of(run)
        check(run.returncode == 0 and result.get("decision") == "GO", f"a BMC that refuses what it must: GO ({run.returncode}, {sorted(codes(result))})", run.stderr + run.stdout[-2500:])
        report = json.loads(next(pathlib.Path(place, "report").rglob("report.json")).read_text())
        seen = json.dumps(report)
        check(all(f"firmware.refuses.{one}" in seen for one in cases), "each case was tried")
    with tempfile.TemporaryDirectory(prefix="kiln-firmware-") as place, \
            wire.Rack(options, place, "--firmware-behind", "--fault", "firmware-accepts-anything@C01:UEFI") as rack:
        run = run_kiln(options, place, rack, "demo/firmware-negative")
        found = codes(result_of(run))
        check(run.returncode == 1 and {"firmware.unsigned_accepted", "firmware.older_accepted"} <= found,
              f"one that takes anything: NO-GO ({run.returncode}, {sorted(found)})", run.stdout[-1500:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--only")
    options = parser.parse_args()
    check = wire.Checks()
    suites = [suite for suite in (killed_while_writing, whole_rack, both_die_while_away, station_dies_while_away, bmc_stays_away, bmc_away_by_plan, failing_tier, refuses, wrong_image, newer,
                                  not_activatable, bad_baselines, mixed)
              if options.only in (None, suite.__name__)]
    # They wait far more than they compute.
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as lanes:
        ended = [lanes.submit(suite, options, check) for suite in suites]
    for one in ended:
        one.result()
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
