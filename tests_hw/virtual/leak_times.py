#!/usr/bin/env python3
"""A leak under load, timed by the rack's own clock. The rack says when the fault became active, when its load really ended and when
its tray really was off; what kiln claims must never be earlier than that, and both must be within the bounds: load off in 5 s, off
confirmed in 10 s after the fault became active. Once with the fault sent through the control door of a rack of its own, once with
`kiln demo --fault`; both at once.

usage: leak_times.py --bin BUILD/bin
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import wire

LOAD_OFF_S, OFF_CONFIRMED_S = 5.0, 10.0
SAMPLE_EVERY_S = 0.02
LOADED_FOR_S = 2.0
STRUCK, SPARED = "C02", "C01"


class Watcher(threading.Thread):
    """Samples /state until it is told to stop or the rack is gone; keeps the last /log it could get."""

    def __init__(self, door):
        super().__init__(daemon=True)
        self.door, self.samples, self.log, self.faults = door, [], [], []
        self.over = threading.Event()

    def ask(self, path):
        with urllib.request.urlopen(self.door + path, timeout=5) as answer:
            return json.load(answer)

    def run(self):
        turn = 0
        while not self.over.is_set():
            try:
                state = self.ask("/state")
                self.samples.append((state["monotonic_ns"], {name: (dut["power"], dut["load"], dut["detectors"])
                                                             for name, dut in state["duts"].items() if name in (STRUCK, SPARED)}))
                self.faults = state["faults"] or self.faults
                turn += 1
                if turn % 25 == 0:
                    self.log = self.ask("/log")["entries"]
            except (OSError, ValueError):
                return  # the rack has ended
            time.sleep(SAMPLE_EVERY_S)

    def stop(self):
        self.over.set()
        self.join(timeout=10)


def control_door(process):
    """The control door of the rack program that `kiln demo` started: the one of its listening sockets that answers GET /state in
    plain HTTP. Kiln itself does not know it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in children(process.pid):
            for port in listening(child):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=2) as answer:
                        if "monotonic_ns" in json.load(answer):
                            return f"http://127.0.0.1:{port}"
                except (OSError, ValueError, http.client.HTTPException):
                    pass  # an SSH banner, a TLS alert
        time.sleep(0.05)
    raise RuntimeError("the demo's rack has no control door")


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as text:
            return text.read().split()
    except OSError:
        return []


def listening(pid):
    """Ports on which a process listens."""
    try:
        sockets = {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
    except OSError:
        return []
    return [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


def first_after(samples, since, wanted):
    """(last time it was not so, first time it was so) of a DUT's samples from `since` on; what is true lies between the two."""
    before = since
    for at, duts in samples:
        if at <= since:
            continue
        if wanted(duts[STRUCK]):
            return before, at
        before = at
    return before, None


def judge(check, told):
    name, watcher, result, part = told.name, told.watcher, told.result, told.part
    active = next((fault["active_since_ns"] for fault in watcher.faults
                   if fault["kind"] == "leak" and fault["dut"] == STRUCK and fault["active_since_ns"]), None)
    check(active is not None, f"{name}: the leak was active")
    cuts = [cut for cut in result["interlocks"] if cut["dut"] == STRUCK]
    check(len(cuts) == 1 and all(cuts[0][key] for key in ("detected_ns", "load_stopped_ns", "off_confirmed_ns")),
          f"{name}: one cut of {STRUCK}, detected, load stopped, off confirmed", result["interlocks"])
    if active is None or len(cuts) != 1 or not all(cuts[0][key] for key in ("load_stopped_ns", "off_confirmed_ns")):
        return
    cut = cuts[0]
    check(told.code == 5 and result["decision"] == "NO-GO", f"{name}: exit 5, NO-GO ({told.code}, {result['decision']})")

    loaded_before = [duts[STRUCK][1] for at, duts in watcher.samples if at <= active]
    check(bool(loaded_before) and loaded_before[-1], f"{name}: the rack was under load when the leak came")
    load_on, load_off = first_after(watcher.samples, active, lambda dut: not dut[1])
    power_on, power_off = first_after(watcher.samples, active, lambda dut: dut[0] == "Off")
    _, leaving = first_after(watcher.samples, active, lambda dut: dut[0] != "On")
    wet_after, wet = first_after(watcher.samples, active - 1, lambda dut: dut[2].get(part) not in ("OK", None))
    check(None not in (load_off, power_off, wet), f"{name}: the rack's detector showed it, its load ended, its tray went off")
    if None in (load_off, power_off, wet):
        return

    def since(ns):
        return (ns - active) / 1e9

    print(f"      {name}, seconds after the leak became active ({part}):")
    print(f"        rack: detector wet by {since(wet):.3f}, leaves On by {since(leaving or power_off):.3f}, load false in "
          f"({since(load_on):.3f}, {since(load_off):.3f}], power Off in ({since(power_on):.3f}, {since(power_off):.3f}]")
    print(f"        kiln: detected {since(cut['detected_ns']):.3f}, load stopped {since(cut['load_stopped_ns']):.3f}, off confirmed "
          f"{since(cut['off_confirmed_ns']):.3f}")
    commands = [entry for entry in watcher.log if entry["dut"] == STRUCK and entry["monotonic_ns"] >= active and
                (entry["method"] == "POST" and ".Reset" in entry.get("uri", "") or
                 entry["method"] == "SSH" and "kill" in entry.get("command", ""))]
    for entry in commands:
        what = entry.get("uri") or entry["command"]
        print(f"        {since(entry['monotonic_ns']):7.3f} {entry['method']} {what[:100]} {entry.get('status', '')}")
    resets = [entry for entry in commands if entry["method"] == "POST" and 200 <= entry.get("status", 0) < 300]
    check(bool(resets) and active <= resets[0]["monotonic_ns"] <= power_off, f"{name}: the tray went off because it was told to")
    check(bool(resets) and resets[0]["monotonic_ns"] >= cut["detected_ns"],
          f"{name}: the command follows the detection it answers")

    first = commands[0]["monotonic_ns"] if commands else None
    check(first is not None and cut["load_stopped_ns"] >= first,
          f"{name}: load is not said to be stopped before the rack received any command",
          f"kiln {since(cut['load_stopped_ns']):.4f}, first command {since(first) if first else None}")
    # Never earlier than the truth: at the last sample that still showed load, kiln had not yet said that it had stopped.
    check(cut["detected_ns"] >= active, f"{name}: not detected before it was there")
    check(cut["load_stopped_ns"] >= load_on, f"{name}: load is not said to be stopped while the rack still ran it",
          f"kiln {since(cut['load_stopped_ns']):.3f}, rack still loaded at {since(load_on):.3f}")
    check(cut["off_confirmed_ns"] >= power_on, f"{name}: off is not said to be confirmed while the rack was not off",
          f"kiln {since(cut['off_confirmed_ns']):.3f}, rack not off at {since(power_on):.3f}")
    check(cut["detected_ns"] <= cut["load_stopped_ns"] and cut["detected_ns"] <= cut["off_confirmed_ns"],
          f"{name}: first detected, then cut")
    check(since(load_off) <= LOAD_OFF_S and since(cut["load_stopped_ns"]) <= LOAD_OFF_S,
          f"{name}: load off within {LOAD_OFF_S:.0f} s (rack {since(load_off):.2f}, kiln {since(cut['load_stopped_ns']):.2f})")
    check(since(power_off) <= OFF_CONFIRMED_S and since(cut["off_confirmed_ns"]) <= OFF_CONFIRMED_S,
          f"{name}: off confirmed within {OFF_CONFIRMED_S:.0f} s (rack {since(power_off):.2f}, "
          f"kiln {since(cut['off_confirmed_ns']):.2f})")
    again = [at for at, duts in watcher.samples if at > power_off and (duts[STRUCK][0] != "Off" or duts[STRUCK][1])]
    check(not again, f"{name}: the tray stays off to the end of the run", [since(at) for at in again[:5]])

    duts = {item["id"]: item for item in result["duts"]}
    reasons = [(reason["code"], reason["fru"]) for reason in duts[STRUCK]["reasons"]]
    check(bool(reasons) and reasons[0] == ("leak.detected", part), f"{name}: the first reason names the detector {part}", reasons)
    check(part in duts[STRUCK]["reasons"][0]["message"] and bool(duts[STRUCK]["reasons"][0]["action"]),
          f"{name}: the reason says it in a sentence, with what to do")
    others = {dut: item["verdict"] for dut, item in duts.items() if dut not in (STRUCK, "R01")}
    # The switch tray's links to the struck tray may have lost their other end before anybody saw them up: missing evidence.
    lost = {reason["code"] for reason in duts["S01"]["reasons"]}
    check(others.pop("S01") == "GO" or lost == {"measurement.unset"}, f"{name}: no fail of the switch tray comes of it", duts["S01"])
    check(SPARED in others and all(verdict == "GO" for verdict in others.values()), f"{name}: the others finish their work: {others}",
          [(dut, item["reasons"]) for dut, item in duts.items() if dut != STRUCK])
    after_cut = [at for at, sampled in watcher.samples if at > power_off and sampled[SPARED][1]]
    check(bool(after_cut), f"{name}: {SPARED} stays under load after the cut of {STRUCK}")

    milliseconds = [round((cut[key] - cut["detected_ns"]) / 1e6) for key in ("load_stopped_ns", "off_confirmed_ns")]
    for form, text in told.reports.items():
        if form in ("html", "text", "ocptv"):  # the others are below, count checks, or name files
            check(part in text and numbers_near(text, milliseconds),
                  f"{name}: the {form} report names the detector and prints both times", milliseconds)
    kept = [cut for dut in json.loads(told.reports["json"])["duts"] for cut in dut["interlocks"]]
    check(len(kept) == 1 and all(kept[0][key] == cut[key] for key in ("detected_ns", "load_stopped_ns", "off_confirmed_ns")),
          f"{name}: the JSON report holds the same times", kept)


def numbers_near(text, milliseconds):
    """Are both durations in the text, in ms or in s?"""
    said = [float(number) for number in re.findall(r"(\d+(?:\.\d+)?) ?ms\b", text)]
    said += [float(number) * 1000 for number in re.findall(r"(\d+(?:\.\d+)?) ?s\b", text)]
    return all(any(abs(one - wanted) <= max(1.0, 0.006 * wanted) for one in said) for wanted in milliseconds)


class Told:
    """What one scenario left: kiln's answer, its reports, and what was seen of the rack."""

    def __init__(self, name, watcher, run, part):
        self.name, self.watcher, self.part = name, watcher, part
        out, err = run.communicate(timeout=120)
        self.code = run.returncode
        if not out.strip():
            raise RuntimeError(f"{name}: no JSON on standard output, exit {self.code}: {err[-1000:]}")
        self.result = json.loads(out)
        self.reports = {}
        for form, path in self.result["reports"].items():
            self.reports[form] = wire.report_text(form, path)


def through_the_door(options, seed):
    """`kiln run` on a rack of its own; the leak is sent while the tray is under load."""
    with tempfile.TemporaryDirectory(prefix="kiln-leak-door-") as place, \
            wire.Rack(options, place, "--rack", "small", "--seed", str(seed)) as rack:
        part = random.Random(seed).choice(rack.components(STRUCK)["leak_detector"])
        watcher = Watcher(rack.door)
        watcher.start()
        run = wire.start_kiln(options, place, "run", "demo/small", "--rack", rack.inventory, "--json", "--no-input", "--out",
                              place + "/report", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        loaded_since = None
        while run.poll() is None:
            if watcher.samples and watcher.samples[-1][1][STRUCK][1]:
                loaded_since = loaded_since or time.monotonic()
                if time.monotonic() - loaded_since > LOADED_FOR_S:
                    rack.faults(add=[f"leak@{STRUCK}:{part}"])
                    break
            else:
                loaded_since = None  # the short load of another step
            time.sleep(SAMPLE_EVERY_S)
        told = Told("through the door", watcher, run, part)
        watcher.log = rack.get("/log")["entries"]
        watcher.stop()
        return told


def in_the_demo(options, seed):
    """What a newcomer types."""
    with tempfile.TemporaryDirectory(prefix="kiln-leak-demo-") as place:
        run = wire.start_kiln(options, place, "demo", "--fault", f"leak@{STRUCK}+5s", "--seed", str(seed), "--json", "--out",
                              place + "/report", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        watcher = Watcher(control_door(run))
        watcher.start()
        told = Told("in the demo", watcher, run, None)
        watcher.stop()
        told.part = next((fault["part"] for fault in watcher.faults if fault["kind"] == "leak"), None)
        return told


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6))
    options = parser.parse_args()
    print("seed", options.seed, flush=True)
    check = wire.Checks()
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for scenario in [pool.submit(one, options, options.seed) for one in (through_the_door, in_the_demo)]:
            judge(check, scenario.result())
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
