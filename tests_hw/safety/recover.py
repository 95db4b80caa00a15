#!/usr/bin/env python3
"""A station and its warden that die together under load, as in a power cut: what they left on is written down, nothing new is run before that is undone, and `kiln recover`
undoes it. Killed in the soak, at moments by chance (the seed is printed), while recovering, and with the rack gone. After each
recovery the rack itself is asked: no load runs and no tray is on.

usage: recover.py --bin BUILD/bin [--seed N] [--kills N]
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../virtual"))
import places  # noqa: E402

TRAYS = ("C01", "C02")
POWERED = ["S01 power", "C01 power", "C02 power"]
LEASE = 5.0  # seconds that load goes on without its station
failures = []


def check(good, what):
    print(("ok    " if good else "WRONG ") + what, flush=True)
    if not good:
        failures.append(what)

# Of interlock rules: heat and coolant as they are shipped; the grace is what a test chooses.
HAZARDS = """hazards:
  poll: 1s
  grace: {grace}s
  watch:
    - {{hazard: coolant-flow, least_share: 0.5, source: test}}
    - {{hazard: coolant-pressure, max: 345, source: test}}
    - {{hazard: coolant-supply-temperature, max: 50, source: test}}
    - {{hazard: coolant-reservoir, min: 10, source: test}}
    - {{hazard: dew-point-margin, min: 1, source: test}}
    - {{hazard: gpu-temperature, max: 95, source: test}}
    - {{hazard: gpu-memory-temperature, max: 105, source: test}}
    - {{hazard: inlet-temperature, max: 45, source: test}}
"""


class Station:
    """One virtual rack with a state directory of its own, and kiln on it."""
    KIND = "small"

    def __init__(self, options, place):
        self.bin, self.place = options.bin, place
        self.rack = subprocess.Popen([os.path.join(options.bin, "kiln-virtual-rack"), "--rack", self.KIND, "--seed", "7", "--out", place + "/rack",
                                      "--port-base", str(places.port_base()), "--exit-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ready = json.loads(self.rack.stdout.readline())
        self.inventory, self.control = ready["inventory"], "http://" + ready["control"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_rack()

    def end_rack(self):
        if not self.rack.stdin.closed:
            self.rack.stdin.close()
            self.rack.wait(timeout=20)

    def faults(self, *specs):
        request = urllib.request.Request(self.control + "/faults", data=json.dumps({"add": specs}).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    def state(self):
        return json.loads(urllib.request.urlopen(self.control + "/state", timeout=10).read())["duts"]

    def kiln(self, *words):
        return subprocess.Popen([os.path.join(self.bin, "kiln"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=dict(os.environ, XDG_STATE_HOME=self.place))

    def ended(self, *words):
        """(exit code, standard output, standard error)"""
        program = self.kiln(*words)
        out, err = program.communicate(timeout=180)
        return program.returncode, out, err

    def run(self, soak="60s"):
        return self.kiln("run", "demo/small", "--rack", self.inventory, "--json", "--no-input", "--format", "json", "--set", f"soak={soak}")

    def on(self):
        state = self.state()
        switch = ["S01 power"] if state["S01"]["power"] != "Off" else []
        return switch + [f"{tray} {what}" for tray in TRAYS
                for what, is_on in (("power", state[tray]["power"] != "Off"), ("load", state[tray]["load"])) if is_on]

    def journals(self):
        return sorted(Path(self.place, "kiln/guards").glob("*.guards"))


def warden_of(program):
    """The pid of its warden; None when it has none."""
    found = subprocess.run(["pgrep", "-P", str(program.pid), "-x", "kiln-warden"], capture_output=True, text=True, check=False).stdout.split()
    return int(found[0]) if found else None


def kill(program):
    """As a power cut does: the warden goes with the station, and before it, so that it cannot act."""
    warden = warden_of(program)
    signal_warden(warden, signal.SIGSTOP)
    program.send_signal(signal.SIGKILL)
    signal_warden(warden, signal.SIGKILL)
    program.communicate(timeout=20)


def signal_warden(pid, what):
    """One that was just leaving by itself has nothing left to do."""
    try:
        if pid is not None:
            os.kill(pid, what)
    except ProcessLookupError:
        pass


def die_under_load(station):
    run = station.run()
    end = time.monotonic() + 90
    while time.monotonic() < end and run.poll() is None and not all(station.state()[tray]["load"] for tray in TRAYS):
        time.sleep(0.1)
    check(run.poll() is None and len(station.on()) == 5, f"both trays are under load ({station.on()})")
    kill(run)
    began = time.monotonic()
    while time.monotonic() - began < LEASE + 2 and any("load" in what for what in station.on()):
        time.sleep(0.05)
    check(station.on() == POWERED, f"the load ends by its own host, {time.monotonic() - began:.2f} s after both are gone ({station.on()})")


def killed_in_the_soak(options):
    with tempfile.TemporaryDirectory(prefix="kiln-recover-") as place, Station(options, place) as station:
        die_under_load(station)
        check(station.on() == POWERED, "what is on stays on by itself")
        code, _, err = station.ended("run", "demo/small", "--rack", station.inventory, "--json", "--no-input", "--format", "json")
        check(code == 2 and "station.leftovers" in err and "kiln recover" in err and "C01" in err, f"a new run is refused by name: {err.strip()}")
        code, out, _ = station.ended("recover", "--list", "--json")
        listed = json.loads(out)
        duts = {guard["dut"] for guard in listed["guards"] if guard["state"] == "open"}
        check(code == 4 and listed["left"] == 1 and duts == {*TRAYS, "S01"}, f"--list says what is left and changes nothing ({code}, {duts})")
        check(station.on() == POWERED, "still on after --list")
        code, out, err = station.ended("recover", "--json")
        result = json.loads(out)
        check(code == 0 and result["left"] == 0, f"recover: 0, nothing left ({code}, {err.strip()})")
        states = {guard["state"] for guard in result["guards"]}
        check(states <= {"undone", "not_needed"}, f"every guard has ended ({states})")
        check(station.on() == [], f"the rack says so too ({station.on()})")
        check(station.journals() == [], "the journal is gone")
        code, out, _ = station.ended("recover")
        check(code == 0 and "nothing was left" in out, "and a second recovery has nothing to do")


def killed_by_chance(options, seed):
    moments = random.Random(seed)
    for number in range(options.kills):
        after = moments.uniform(0.2, 25)
        with tempfile.TemporaryDirectory(prefix="kiln-recover-") as place, Station(options, place) as station:
            run = station.run(soak="14s")
            try:
                run.communicate(timeout=after)
            except subprocess.TimeoutExpired:
                kill(run)
            before = station.on()
            listed = json.loads(station.ended("recover", "--list", "--json")[1])
            open_on = {guard["dut"] for guard in listed["guards"] if guard["state"] in ("open", "failed")}
            owned = {what.split()[0] for what in before} <= open_on
            code, _, err = station.ended("recover")
            check(owned and code == 0 and station.on() == [],
                  f"kill {number + 1} after {after:.2f} s: on were {before}, each had its undo; now {station.on()} {err.strip()}")


def killed_while_recovering(options):
    with tempfile.TemporaryDirectory(prefix="kiln-recover-") as place, Station(options, place) as station:
        die_under_load(station)
        for after in (0.02, 0.1, 0.25):
            recovery = station.kiln("recover")
            time.sleep(after)
            kill(recovery)
        code, _, err = station.ended("recover")
        check(code == 0 and station.on() == [] and station.journals() == [], f"the next recovery finishes ({code}, {station.on()}, {err.strip()})")


def rack_gone(options):
    with tempfile.TemporaryDirectory(prefix="kiln-recover-") as place, Station(options, place) as station:
        die_under_load(station)
        station.end_rack()
        code, out, _ = station.ended("recover", "--json")
        result = json.loads(out)
        left = [guard for guard in result["guards"] if guard["state"] in ("open", "failed")]
        check(code == 4 and left and all(guard["message"] for guard in left), f"what cannot be reached stays, with its reason ({code}, {len(left)})")
        code, _, err = station.ended("recover", "--give-up", left[0]["guard"])
        check(code == 2 and "--by" in err, "nobody gives up without a name")
        code, _, err = station.ended("recover", "--give-up", "R-1:99", "--by", "Ann", "--reason", "unplugged")
        check(code == 2 and "no such guard" in err, "nor what is not left")
        words = [word for guard in left for word in ("--give-up", guard["guard"])]
        code, out, _ = station.ended("recover", *words, "--by", "Ann", "--reason", "unplugged it myself")
        check(code == 0 and "Ann: unplugged it myself" in out and station.journals() == [], f"a person who has looked ends it ({code})")


def damaged(options):
    with tempfile.TemporaryDirectory(prefix="kiln-recover-") as place, Station(options, place) as station:
        folder = Path(place, "kiln/guards")
        folder.mkdir(parents=True)
        for content in (b"", b"not a journal", b"\0" * 5_000_000):
            Path(folder, "R-20260101-000000-abcd.guards").write_bytes(content)
            code, _, err = station.ended("run", "demo/small", "--rack", station.inventory, "--json", "--no-input", "--format", "json")
            check(code == 2 and "R-20260101-000000-abcd" in err and "station.leftovers" in err, f"{len(content)} bytes of no journal: no run ({code})")
            code, _, err = station.ended("recover")
            check(code == 4 and "guard.damaged" in err and str(folder) in err, f"and recover says which file ({code}) {err.strip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    killed_in_the_soak(options)
    killed_by_chance(options, options.seed)
    killed_while_recovering(options)
    rack_gone(options)
    damaged(options)
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
