#!/usr/bin/env python3
"""The BMC's own log over whole runs: what was there before fails nothing, an entry of the run does, with its part and the step it fell
into, also when the BMC's clock is minutes off; a log that somebody clears meanwhile is no evidence; and a watch beside the run tells
of an entry as it is written, because the BMC tells of it by itself.

usage: event_log.py --bin BUILD/bin
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time

import wire
from redfish_bmc import bmcs_of

DUT = "C01"
LOG = "/redfish/v1/Systems/System_0/LogServices/SEL"
RECIPE = """recipe: event-log
version: 1.0.0
product: virtual-gb300-nvl72
purpose: bring-up
phases:
  - phase: logs
    steps:
      - {step: before, use: event_log.before, duts: {role: compute_tray}}
      - {step: middle, use: inventory.census, duts: {role: compute_tray}, for: 6s}
      - {step: after, use: event_log.after, duts: {role: compute_tray}}
"""


WATCHED = RECIPE.replace("phases:", "monitors:\n  - {monitor: event_log, use: event_log.watch, duts: {role: compute_tray}, every: 60s}\nphases:").replace("for: 6s", "for: 12s")


def entries_read(rack):
    return sum(1 for entry in rack.get("/log")["entries"] if entry["dut"] == DUT and entry.get("uri", "").startswith(LOG + "/Entries"))


def run_with(options, check, seed, old, meanwhile, text=RECIPE):
    """The result of a run; `old` is done before it, `meanwhile` while its middle step runs. Of each measurement what was said last, by
    the monitor under its own key."""
    with tempfile.TemporaryDirectory(prefix="kiln-event-log-") as place, \
            wire.Rack(options, place, "--rack", "small", "--seed", str(seed)) as rack:
        bmc = bmcs_of(rack, check)[DUT]
        old(rack, bmc)
        recipe = place + "/event-log.yaml"
        with open(recipe, "w", encoding="utf-8") as file:
            file.write(text)
        before = entries_read(rack)
        run = wire.start_kiln(options, place, "run", recipe, "--rack", rack.inventory, "--dut", DUT, "--json", "--no-input", "--out",
                              place + "/report", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while run.poll() is None and entries_read(rack) == before and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.5)
        meanwhile(rack, bmc)
        out, err = run.communicate(timeout=180)
        if not out.strip():
            raise RuntimeError(f"no result, exit {run.returncode}: {err[-2000:]}")
        with open(json.loads(out)["reports"]["json"], encoding="utf-8") as file:
            report = json.load(file)
        dut = next(one for one in json.loads(out)["duts"] if one["id"] == DUT)
        said = {}
        for one in report["measurements"]:
            if one["name"].startswith("event_log."):
                key = (one["name"], one.get("part") or "")
                said[("watch",) + key if one["step"].startswith("monitor/") else key] = one
        return run.returncode, dut, said


def nothing(*_):
    pass


def old_fault(rack, _):
    rack.faults(add=[f"log-entry@{DUT}:GPU_1"])
    rack.faults(clear=[f"log-entry@{DUT}:GPU_1"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    check = wire.Checks()

    code, dut, said = run_with(options, check, 11, old_fault, nothing)
    check(code == 0 and dut["verdict"] == "GO", "an old entry fails nothing", (code, dut))
    check(said["event_log.before.serious", ""]["value"] == 1, "but it is on record", said["event_log.before.serious", ""])
    check(said["event_log.complete", ""]["value"] is True and said["event_log.unexpected", ""]["value"] == 0, "nothing was lost or written")

    def writes(rack, _):
        rack.faults(add=[f"log-entry@{DUT}:GPU_2"])

    code, dut, said = run_with(options, check, 12, old_fault, writes)
    reason = next((one for one in dut["reasons"] if one["code"] == "event_log.unexpected" and one["fru"] == "GPU_2"), None)
    check(code == 1 and dut["verdict"] == "NO-GO" and reason is not None, "an entry of the run fails its part", (code, dut))
    check(reason is not None and LOG + "/Entries/" in reason["action"] and "during logs/middle" in reason["action"],
          "with its address and the step it fell into", reason)

    code, dut, said = run_with(options, check, 13, lambda rack, _: rack.faults(add=[f"clock-skew@{DUT}"]), writes)
    reason = next((one for one in dut["reasons"] if one["fru"] == "GPU_2"), {"action": ""})
    check("during logs/middle" in reason["action"], "a BMC whose clock is minutes off has its entries in the same steps", dut)
    check(abs(said["event_log.clock_offset", "after"]["value"]) > 60, "its offset was measured", said["event_log.clock_offset", "after"])

    def clears(_, bmc):
        answer = bmc.ask("POST", LOG + "/Actions/LogService.ClearLog", {})
        check(answer.status < 300, "the log is cleared meanwhile", answer)

    code, dut, said = run_with(options, check, 14, old_fault, clears)
    check(code == 4 and dut["verdict"] == "INCOMPLETE", "a log that was cleared is no evidence", (code, dut))
    check(said["event_log.complete", ""]["outcome"] == "unset" and "cleared" in said["event_log.complete", ""]["reason"],
          "and the reason says so", said["event_log.complete", ""])

    code, dut, said = run_with(options, check, 15, old_fault, writes, WATCHED)
    told = said.get(("watch", "event_log.unexpected", "GPU_2"))
    check(code == 1 and told is not None and told["outcome"] == "fail", "a watch tells of it too", (code, sorted(map(str, said))))
    judged = said["event_log.unexpected", ""]
    check(told is not None and told["utc"] < judged["utc"], "while the run goes on, and not only after it", (told and told["utc"], judged["utc"]))
    check(said["watch", "event_log.watch.hurried", ""]["value"] >= 1, "because the BMC told of an event: it looks every minute only",
          said["watch", "event_log.watch.hurried", ""])
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
