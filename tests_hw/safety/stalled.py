#!/usr/bin/env python3
"""Cutting waits for no disk: one tray leaks while the station's ledger stalls (kiln-stalled: an SQLite file whose writes wait) and
another BMC hangs. Load and power are gone before a byte is written to the ledger; once it can be written, the record has all of
it. How fast: ci/bench/interlock.

usage: stalled.py --bin BUILD/bin
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
from pathlib import Path

import recover
from recover import Station, TRAYS, check

CUT_WITHIN = 5.0  # seconds; that it happens at all while the ledger stands still is what counts here


class StalledStation(Station):
    def __init__(self, options, place):
        super().__init__(options, place)
        self.stall = Path(place, "stall")

    def begin(self):
        run = subprocess.Popen([os.path.join(self.bin, "kiln-stalled"), "run", "demo/small", "--rack", self.inventory, "--json", "--no-input", "--format", "json", "--set", "soak=60s"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env=dict(os.environ, XDG_STATE_HOME=self.place, KILN_BENCH_STALL=str(self.stall)))
        return run

    def last_write(self, since):
        """Monotonic time of the last write to the ledger; None: none since."""
        offset = time.time_ns() - time.monotonic_ns()
        times = [file.stat().st_mtime_ns - offset for file in Path(self.place, "kiln").glob("kiln.db*") if not file.name.endswith("-shm")]
        return max((at for at in times if at > since), default=None)

    def forced_off(self, since):
        """When the rack received the first force-off of C01; None: it has not."""
        log = json.loads(urllib.request.urlopen(f"{self.control}/log?since={since}", timeout=10).read())["entries"]
        return min((entry["monotonic_ns"] for entry in log if entry["dut"] == "C01" and entry["method"] == "POST" and ".Reset" in entry.get("uri", "")),
                   default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-order-") as place, StalledStation(options, place) as station:
        run = station.begin()
        end = time.monotonic() + 90
        while time.monotonic() < end and run.poll() is None and not all(station.state()[tray]["load"] for tray in TRAYS):
            time.sleep(0.05)
        check(run.poll() is None and len(station.on()) == 5, f"both trays are under load ({station.on()})")
        station.stall.touch()
        station.faults("bmc-hang@C02")
        time.sleep(0.5)
        leaked = time.monotonic_ns()
        check(station.last_write(leaked - 200_000_000) is None, "the ledger stalls")
        station.faults("leak@C01")
        written = None
        while time.monotonic_ns() - leaked < CUT_WITHIN * 1e9 and station.state()["C01"]["power"] != "Off":
            written = written or station.last_write(leaked)
            time.sleep(0.005)
        off = station.forced_off(leaked)
        check(station.state()["C01"]["power"] == "Off" and off is not None, f"the leaking tray is off, {(off or 0) / 1e6 - leaked / 1e6:.0f} ms after the leak, beside a stalled ledger and a BMC that hangs")
        check(written is None, "nothing was written to the ledger")
        check(run.poll() is None, "the station goes on")
        request = urllib.request.Request(station.control + "/faults", data=json.dumps({"clear": ["bmc-hang@C02"]}).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()
        station.stall.unlink()
        time.sleep(1)
        run.send_signal(signal.SIGTERM)
        out = run.stdout.read()
        run.wait(timeout=120)
        told = json.loads(out)
        cuts = [one for one in told["interlocks"] if one["dut"] == "C01"]
        check(run.returncode in (5, 143) and len(cuts) == 1 and told["decision"] == "NO-GO", f"once it can write, the record has the cut ({run.returncode}, {told['decision']})")
        check(station.on() == [] and station.journals() == [], f"nothing is on or left ({station.on()}, {station.journals()})")
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
