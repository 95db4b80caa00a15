#!/usr/bin/env python3
"""What stops a run while firmware is being written, on the wire: SIGINT waits for the write and then parks without activating; a
leak cuts through it and the component is reported as unknown. The moment is taken from the rack's own log: the upload to the BMC.

usage: flash_and_stop.py --bin BUILD/bin
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

TIME_SCALE = 5
FLASH_S = 40 / TIME_SCALE  # tests_hw/virtual_rack/config/physics.yaml: flash_s
DUT = "C01"
failures = []


def check(good, what):
    print(("ok    " if good else "WRONG ") + what, flush=True)
    if not good:
        failures.append(what)


class Rack:
    def __init__(self, options, place):
        self.process = subprocess.Popen([os.path.join(options.bin, "kiln-virtual-rack"), "--rack", "small", "--time-scale", str(TIME_SCALE),
                                         "--seed", "7", "--out", place + "/rack", "--exit-with-stdin"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.inventory, self.control = ready["inventory"], "http://" + ready["control"]

    def requests(self):
        """What the DUT's BMC was asked, in order: (monotonic_ns, method, uri)."""
        log = json.loads(urllib.request.urlopen(self.control + "/log", timeout=10).read())
        entries = log["entries"]
        return [(e["monotonic_ns"], e["method"], e.get("uri", "")) for e in entries if e["dut"] == DUT and e["method"] != "SSH"]

    def upload_ns(self):
        return next((at for at, method, uri in self.requests() if method == "POST" and "update-multipart" in uri), None)

    def add_fault(self, spec):
        urllib.request.urlopen(urllib.request.Request(self.control + "/faults", data=json.dumps({"add": [spec]}).encode(), method="POST",
                                                      headers={"Content-Type": "application/json"}), timeout=10).read()

    def state(self):
        return json.loads(urllib.request.urlopen(self.control + "/state", timeout=10).read())["duts"][DUT]

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)


def run_until_upload(options, place, what_then):
    """Runs the demo's recipe, does `what_then` once the image was received, and returns what came of it."""
    rack = Rack(options, place)
    try:
        before = rack.state()["firmware"]["UEFI"]
        run = subprocess.Popen([os.path.join(options.bin, "kiln"), "run", "demo/small", "--rack", rack.inventory, "--json", "--no-input", "--format", "json",
                                "--out", place + "/report"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, env=dict(os.environ, XDG_STATE_HOME=place))
        end = time.monotonic() + 120
        while rack.upload_ns() is None and run.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        upload_ns = rack.upload_ns()
        check(upload_ns is not None and run.poll() is None, "the update began")
        what_then(rack, run)
        out, _ = run.communicate(timeout=180)
        resets = [at for at, method, uri in rack.requests() if method == "POST" and "Reset" in uri and at > (upload_ns or 0)]
        return {"exit": run.returncode, "result": json.loads(out), "upload_ns": upload_ns or 0, "resets": resets, "before": before,
                "state": rack.state()}
    finally:
        rack.end()


def reasons(seen):
    dut = next(item for item in seen["result"]["duts"] if item["id"] == DUT)
    return {(reason["code"], reason["fru"]) for reason in dut["reasons"]}


def stopped_by_a_person(options):
    with tempfile.TemporaryDirectory(prefix="kiln-flash-stop-") as place:
        seen = run_until_upload(options, place, lambda rack, run: run.send_signal(signal.SIGINT))
    check(seen["exit"] == 130 and seen["result"]["decision"] == "INCOMPLETE", f"SIGINT while flashing: 130, INCOMPLETE ({seen['exit']})")
    waited = (min(seen["resets"], default=0) - seen["upload_ns"]) / 1e9
    check(waited >= FLASH_S - 0.5, f"nothing was switched before the write of {FLASH_S} s ended ({waited:.1f} s)")
    check(waited < FLASH_S + 20, f"and then it parked ({waited:.1f} s)")
    check(seen["state"]["power"] == "Off", f"the tray is off ({seen['state']['power']})")
    check(seen["state"]["firmware"]["UEFI"] == seen["before"], "what was written was not activated after the stop")
    check(not any(code == "firmware.interrupted" for code, _ in reasons(seen)), "it was not interrupted")


def leak(options):
    with tempfile.TemporaryDirectory(prefix="kiln-flash-leak-") as place:
        seen = run_until_upload(options, place, lambda rack, run: rack.add_fault("leak@" + DUT))
    check(seen["exit"] == 5 and seen["result"]["decision"] == "NO-GO", f"a leak while flashing: 5, NO-GO ({seen['exit']})")
    cuts = [cut for cut in seen["result"]["interlocks"] if cut["dut"] == DUT]
    check(len(cuts) == 1 and cuts[0]["off_confirmed_ns"] > 0, f"the tray was cut ({cuts})")
    if cuts:
        after = (cuts[0]["off_confirmed_ns"] - seen["upload_ns"]) / 1e9
        check(0 < after < FLASH_S, f"and off before the write of {FLASH_S} s could end ({after:.1f} s)")
    found = reasons(seen)
    check(any(code == "leak.detected" for code, _ in found), "the leak is the reason")
    check(("firmware.interrupted", "UEFI") in found, f"the component is unknown, by name ({sorted(found)})")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    stopped_by_a_person(options)
    leak(options)
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
