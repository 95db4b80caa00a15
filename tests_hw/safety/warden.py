#!/usr/bin/env python3
"""The warden: whatever dies, what was switched on is off a moment later, and the record says what happened. The station is killed,
stopped and woken again, the warden is killed, under load; at other moments: kills.py. Everything is asked of the rack itself.

usage: warden.py --bin BUILD/bin
"""
import argparse
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import lanes
import recover
from recover import Station, TRAYS, warden_of

check = recover.check
OFF_WITHIN = 10.0  # seconds from the death, the silence of 2 s included


def under_load(station):
    run = station.run()
    end = time.monotonic() + 90
    while time.monotonic() < end and run.poll() is None and not all(station.state()[tray]["load"] for tray in TRAYS):
        time.sleep(0.05)
    check(run.poll() is None and len(station.on()) == 5, f"both trays are under load ({station.on()})")
    return run


def off_after(station, within=OFF_WITHIN):
    """Seconds until the rack has nothing on; None when it still has."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if not station.on():
            return time.monotonic() - began
        time.sleep(0.02)
    return None


def gone(pid, within=8.0):
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def told(after):
    return "never" if after is None else f"{after:.2f} s"


def reasons_of(text):
    return [(reason["code"], reason["message"]) for dut in json.loads(text)["duts"] for reason in dut["reasons"]]


def station_killed(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        run = under_load(station)
        warden = warden_of(run)
        check(warden is not None, "the run has a warden")
        with open(f"/proc/{warden}/cmdline", "rb") as file:
            arguments = file.read()
        with open(f"/proc/{warden}/environ", "rb") as file:
            environment = file.read()
        with open(os.path.join(place, "rack/rack.credentials.yaml"), encoding="utf-8") as file:
            passwords = {line.split("password:")[1].strip(' "{}\n') for line in file if "password:" in line}
        check(passwords and not any(password.encode() in arguments + environment for password in passwords),
              "no password in its arguments or environment")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(warden, number)
        time.sleep(1)
        check(run.poll() is None and len(station.on()) == 5 and not gone(warden, 0), "it is not ended by a key or a polite signal")
        run.send_signal(signal.SIGKILL)
        run.communicate(timeout=20)
        after = off_after(station)
        check(after is not None, f"station killed: everything off after {told(after)}")
        check(gone(warden), "and the warden has ended")
        code, out, _ = station.ended("recover", "--list", "--json")
        check(code == 0 and json.loads(out)["left"] == 0, "nothing is left to recover")
        code, out, _ = station.ended("show", "last", "--json")
        reasons = reasons_of(out)
        check(json.loads(out)["decision"] == "INCOMPLETE" and any(code == "run.interrupted" for code, _ in reasons),
              "the run is INCOMPLETE and was interrupted")
        check(not any(code == "undo.failed" for code, _ in reasons), f"its record knows that all was undone ({reasons[:3]})")
        reports = station.ended("report", "last", "--format", "html", "--out", place + "/report", "--json")
        with open(json.loads(reports[1])["reports"]["html"], encoding="utf-8") as file:
            text = file.read()
        check("by the warden" in text and "INTERRUPTED AT event" in text, "and the report says by whom")
        code, _, err = station.ended("run", "demo/small", "--rack", station.inventory, "--json", "--no-input", "--format", "json", "--set", "soak=12s")
        check(code != 2, f"the next run is not refused ({code} {err[-200:]})")


def station_stopped(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        run = under_load(station)
        run.send_signal(signal.SIGSTOP)
        after = off_after(station)
        check(after is not None and after > 1.0, f"station stopped: everything off after {told(after)}")
        run.send_signal(signal.SIGCONT)
        out, err = run.communicate(timeout=90)
        reasons = reasons_of(out)
        check(run.returncode == 4 and any(code == "warden.acted" for code, _ in reasons), f"woken again it learns of it: INCOMPLETE ({run.returncode})")
        check(not any(code == "undo.failed" for code, _ in reasons), f"and nothing is called not undone ({reasons[:3]})")
        check(station.on() == [] and station.journals() == [], f"nothing is on or left ({station.on()}, {err[-200:]})")


def warden_killed(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        run = under_load(station)
        os.kill(warden_of(run), signal.SIGKILL)
        end = time.monotonic() + 5
        while time.monotonic() < end and any(station.state()[tray]["load"] for tray in TRAYS):
            time.sleep(0.02)
        check(not any(station.state()[tray]["load"] for tray in TRAYS), f"warden killed: load is off after {5 - (end - time.monotonic()):.2f} s")
        out, _ = run.communicate(timeout=90)
        codes = {code for code, _ in reasons_of(out)}
        check(run.returncode == 4 and "warden.lost" in codes, f"the run ends INCOMPLETE and says why ({run.returncode})")
        check(station.on() == [] and station.journals() == [], f"nothing is on or left ({station.on()})")


def warden_stopped(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        run = under_load(station)
        warden = warden_of(run)
        os.kill(warden, signal.SIGSTOP)
        out, _ = run.communicate(timeout=90)
        codes = {code for code, _ in reasons_of(out)}
        check(run.returncode == 4 and "warden.lost" in codes, f"a warden that does not answer is no warden ({run.returncode})")
        check(station.on() == [], f"nothing is on ({station.on()})")
        os.kill(warden, signal.SIGCONT)
        check(gone(warden), "woken again it ends")


def leak_beside_a_station_that_hangs(options):
    """The station's own leak watch is stopped with it: only the warden can see this one."""
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        run = under_load(station)
        run.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        station.faults("leak@C02")
        while time.monotonic() - began < 5 and station.state()["C02"]["power"] != "Off":
            time.sleep(0.01)
        off = time.monotonic() - began
        check(off < 1.5, f"a leak beside a stopped station: its tray is off after {off:.2f} s, before the silence is noticed")
        check(station.state()["C01"]["power"] == "On", "and the dry tray is not")
        run.send_signal(signal.SIGCONT)
        out, err = run.communicate(timeout=90)
        told = json.loads(out)
        cuts = [cut for cut in told["interlocks"] if cut["dut"] == "C02"]
        check(run.returncode == 5 and told["decision"] == "NO-GO" and len(cuts) == 1, f"woken again, the run says so: exit 5, NO-GO ({run.returncode}, {err[-200:]})")
        check(any(code == "leak.detected" for code, _ in reasons_of(out)), "with the leak as its reason")
        check(station.on() == [], f"nothing is on ({station.on()})")
        latched(station)


def latched(station):
    """C02 leaks, and was cut."""
    code, _, err = station.ended("run", "demo/small", "--rack", station.inventory, "--json", "--no-input", "--format", "json")
    check(code == 2 and "interlock.latched" in err and "C02" in err and "C01 (" not in err, f"the tray is latched, and only that one ({code}, {err.strip()[-300:]})")
    # Whatever the rack file calls it: its BMC says who it is.
    renamed = pathlib.Path(station.inventory).with_name("renamed.yaml")
    serials = re.compile(r"serial: [^,}\n]+")
    text = pathlib.Path(station.inventory).read_text()
    check(len(serials.findall(text)) > 2, "the rack file expects serial numbers")
    numbers = itertools.count()
    renamed.write_text(serials.sub(lambda _: f"serial: SN-MISTYPED-{next(numbers)}", text))
    code, _, err = station.ended("run", "demo/small", "--rack", str(renamed), "--json", "--no-input", "--format", "json")
    check(code == 2 and "interlock.latched" in err and "C02" in err, f"also under another serial number ({code}, {err.strip()[-300:]})")
    words = ["release", "C02", "--rack", station.inventory, "--by", "anna", "--reason", "mended"]
    seen = ["--inspection", "quick-disconnect reseated, dried"]
    code, _, err = station.ended(*words)
    check(code == 2 and "second person" in err, f"a leak wants a second person ({code}, {err.strip()})")
    code, _, err = station.ended(*words, *seen, "--inspected-by", "anna")
    check(code == 2 and "same person" in err, f"who is somebody else ({code})")
    began = time.monotonic()
    code, _, err = station.ended(*words, *seen, "--inspected-by", "ben")
    check(code == 4 and "release.not_clear" in err and time.monotonic() - began < 20, f"and the leak must be gone ({code}, {err.strip()[-200:]})")
    code, out, _ = station.ended("release", "--json")
    check(code == 0 and [one["dut"] for one in json.loads(out)["latched"]] == ["C02"], f"the list says what is latched ({out.strip()})")
    check(station.ended("release", "C01", "--rack", station.inventory, "--by", "anna", "--reason", "x")[0] == 2, "what is not latched cannot be released")


def leak_beside_a_station_that_dies(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        run = under_load(station)
        warden = warden_of(run)
        run.send_signal(signal.SIGSTOP)
        station.faults("leak@C01")
        time.sleep(0.5)
        run.send_signal(signal.SIGKILL)
        run.communicate(timeout=20)
        check(off_after(station) is not None, "a leak and then a dead station: everything is off")
        check(gone(warden, 30.0), "its warden reads Off for some seconds more, and ends")
        station.ended("recover")
        code, out, _ = station.ended("show", "last", "--json")
        codes = {code for code, _ in reasons_of(out)}
        check("leak.detected" in codes and json.loads(out)["decision"] == "NO-GO", f"the record of the dead run names the leak ({codes})")
        code, _, err = station.ended("run", "demo/small", "--rack", station.inventory, "--json", "--no-input", "--format", "json")
        check(code == 2 and "interlock.latched" in err and "C01" in err, f"and the tray is latched all the same ({code}, {err.strip()[-200:]})")


def refused_without_its_look(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        station.faults("detector-fault@C01")
        run = station.run()
        out, err = run.communicate(timeout=90)
        check(run.returncode == 1 and "leak_detector.fault" in {code for code, _ in reasons_of(out)}, f"a broken detector is a fail before any load ({run.returncode}, {err[-200:]})")
        log = json.loads(urllib.request.urlopen(station.control + "/log", timeout=10).read())["entries"]
        loads = [entry for entry in log if entry["dut"] == "C01" and "gpu_burn" in entry.get("command", "") and "pkill" not in entry.get("command", "")]
        powered = [entry for entry in log if entry["dut"] == "C01" and entry["method"] == "POST" and ".Reset" in entry.get("uri", "")]
        seen = [entry for entry in log if entry["dut"] == "C01" and "LeakDetectors" in entry.get("uri", "")]
        check(seen and not loads and not powered, f"nothing was energised there ({len(seen)} readings, {loads[:1]}, {powered[:1]})")


def stopped_by_a_person(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        run = under_load(station)
        run.send_signal(signal.SIGSTOP)  # also beside a station that hangs
        only = json.loads(station.ended("show", "last", "--json")[1])["run"]  # other suites of this machine go on
        began = time.monotonic()
        code, out, err = station.ended("stop-all", "--run", only, "--by", "anna", "--reason", "smoke", "--json")
        runs = json.loads(out)["runs"]
        duts = {dut["dut"]: dut["off"] for one in runs for dut in one["duts"]}
        check(code == 0 and all(duts.get(name) for name in (*TRAYS, "S01")), f"stop-all: everything reads back Off ({code}, {duts}, {err[-200:]})")
        check(station.on() == [] and time.monotonic() - began < 2, f"and is, {time.monotonic() - began:.2f} s after it was said")
        run.send_signal(signal.SIGCONT)
        out, _ = run.communicate(timeout=90)
        told = json.loads(out)
        check(run.returncode == 5 and any("anna: smoke" in message for _, message in reasons_of(out)), f"the record says who and why ({run.returncode}, {told['decision']})")
        code, _, err = station.ended("stop-all", "--run", only)
        check(code == 4 and only in err, f"with nothing running there is nothing to stop ({code}, {err.strip()})")


def weaker_rules(options):
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        rules = os.path.join(place, "rules.yaml")
        with open(rules, "w", encoding="utf-8") as file:
            file.write("interlock_rules: mine\nrevision: 1\nleak: {poll: 10s, grace: 5s, cuts: tray}\ncut: {confirm: 10s, ladder: [load, chassis]}\n" + recover.HAZARDS.format(grace=10))
        code, _, err = station.ended("run", "demo/small", "--rack", station.inventory, "--no-input", "--interlock-rules", rules)
        check(code == 2 and "interlock_rules.weak" in err and "rules.yaml:3" in err, f"rules that are slower than may be are refused by line ({err.strip()[-200:]})")


def readings_lost(options, fault, words):
    """Temperatures and coolant that a BMC no longer tells, or no longer looks at, under load: cut when the grace of the rules is over."""
    with tempfile.TemporaryDirectory(prefix="kiln-warden-") as place, Station(options, place) as station:
        rules = os.path.join(place, "rules.yaml")
        with open(rules, "w", encoding="utf-8") as file:
            file.write("interlock_rules: mine\nrevision: 1\nleak: {poll: 1s, grace: 5s, cuts: tray}\n"
                       "cut: {confirm: 10s, ladder: [load, chassis]}\n" + recover.HAZARDS.format(grace=3))
        station.faults(f"{fault}@C01+2s")
        code, out, err = station.ended("run", "demo/small", "--rack", station.inventory, "--no-input", "--interlock-rules", rules, "--json",
                                       "--set", "soak=40s")
        told = json.loads(out)
        reasons = [reason["code"] for dut in told["duts"] if dut["id"] == "C01" for reason in dut["reasons"]]
        cut = [one["dut"] for one in told["interlocks"]]
        check(words in out, f"{fault}: the record says '{words}'")
        check(code == 5 and told["decision"] == "INCOMPLETE" and "interlock.telemetry-lost" in reasons and cut == ["C01"],
              f"{fault} under load: C01 is cut, and only it ({code}, {told['decision']}, {reasons}, {cut}, {err[-200:]})")
        check(station.on() == [], f"and everything is off ({station.on()})")


def by_hand(options):
    program = subprocess.run([os.path.join(options.bin, "kiln-warden")], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             check=False, timeout=20)
    check(program.returncode == 2 and "by kiln" in program.stderr, f"started by hand it says what it is ({program.returncode})")


def readings_go(options):
    readings_lost(options, "readings-lost", "has no value")


def readings_freeze(options):
    readings_lost(options, "readings-frozen", "its BMC has not looked since")


CASES = (readings_freeze, stopped_by_a_person, readings_go, refused_without_its_look, leak_beside_a_station_that_dies, leak_beside_a_station_that_hangs,
         station_stopped, warden_stopped, station_killed, warden_killed, weaker_rules, by_hand)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    lanes.add_arguments(parser, CASES, 2)
    options = parser.parse_args()
    if options.only is None:
        return lanes.run(__file__, options, CASES)
    next(case for case in CASES if case.__name__ == options.only)(options)
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
