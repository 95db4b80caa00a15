#!/usr/bin/env python3
"""Real stations and wardens that die, in every phase of a run, and in every phase beside every fault that the virtual rack knows: the
station is killed, its warden is, both are, the station is stopped and woken again, and in the same moment something leaks, gets
hot, is missing, or does not answer, and some parts of the trays have defects. After each: no outlet or load is on without an owner, in time, and the record says what
happened. Everything is asked of the rack itself, and of `kiln runs`, `show` and `report`.

A point is drawn by phase and moment; the seed is printed. Several racks side by side: a kill mostly waits.

usage: kills.py --bin BUILD/bin [--seed N] [--points N] [--lanes N] [--only N]
"""
import argparse
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import recover
from recover import Station, warden_of
from warden import gone

import fault_walk  # noqa: E402, of ../virtual

KINDS = ("station", "warden", "both", "stop")
# Phase, the line of the station's screen after which it begins, and how long it lasts on a machine with time to spare.
PHASES = (("start", r"", 0.35), ("checks", r" leak-detection/census +complete", 0.7), ("power", r" cooling/flow +complete", 2.0),
          ("firmware", r" power/on +complete", 3.7), ("soak", r" firmware/update +complete", 5.3), ("data-paths", r" soak/load +complete", 1.9),
          ("teardown", r" data-paths/bandwidth +complete", 0.4))
FROM_THE_START = ("late-on", "float-as-int", "clock-skew")
OF_A_SHELF = ("psu-weak", "psu-failed", "mains-low", "rail-low", "redundancy-lost", "shelf-meter-off", "shelf-small")  # its rack has none
OF_A_SWITCH_TRAY = ("switch-unhealthy",)
TOLD_ONLY = ("cdu-alarm", "coolant-foul", "filter-clogged", "flow-meter-low")  # what a CDU tells; no cut and no undo meets it
OF_THE_CDU = ("supply-hot", "reservoir-low", "humid-hall", "pump-stopped", "pump-weak", "slow-leak", "damp-hall")
HANG = 30.0                          # seconds that bmc-hang lasts
LOAD_WITHIN, OFF_WITHIN = 5.0, 10.0  # seconds from the death
SILENCE = 2.0                        # after which a station that was stopped counts as dead
WRITE = 15.0                         # seconds a firmware write may take, as kills.yaml says
APART = 0.7                          # seconds between the first points of the lanes
# A warden still at work where another rack, which is gone, had one of this one's addresses.
OTHERS = "the warden of an earlier run still has work to do there"
LATE = 2.0                           # of this suite's own: several racks share two cores
ROW = re.compile(r'<tr class="[^"]*"><td>([^<]*)</td><td>([^<]*)</td><td>[^<]*</td><td class="n">[^<]*</td><td class="n">[^<]*</td>'
                 r'<td class="word">([^<]*)</td><td>([^<]*)</td></tr>')


class Run:
    """A run under way, and what its screen says."""

    def __init__(self, station):
        self.out = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.program = subprocess.Popen([os.path.join(station.bin, "kiln"), "run", os.path.join(os.path.dirname(os.path.abspath(__file__)), "kills.yaml"),
                                         "--rack", station.inventory, "--json", "--no-input", "--format", "json"], stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=subprocess.PIPE, text=True, env=dict(os.environ, XDG_STATE_HOME=station.place))
        self.lines, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.program.stderr:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()
        with self.news:
            self.lines.append("")
            self.news.notify_all()

    def wait_for(self, pattern, within=120):
        """False when it ended first."""
        found = re.compile(pattern)
        end = time.monotonic() + within
        with self.news:
            while not any(found.search(line) for line in self.lines if line):
                if "" in self.lines or time.monotonic() > end:
                    return False
                self.news.wait(1)
        return True

    def alive(self):
        return self.program.poll() is None

    def ended(self, within=120):
        """(exit code, what it printed, the end of its screen)"""
        code = self.program.wait(timeout=within)
        self.reader.join(timeout=10)
        self.out.seek(0)
        return code, self.out.read(), "".join(self.lines)[-300:]


class Point:
    def __init__(self, number, kind, phase, fault, beside, chance):
        self.number, self.kind, self.phase = number, kind, phase
        self.share = chance.random()
        self.fault, self.is_hardware = fault["kind"], fault["class"] == "hardware"
        places = ("CDU01",) if self.fault in OF_THE_CDU else ("C01", "C02", "CDU01") if self.fault == "flow-lost" else ("C01", "C02")
        self.spec = f"{self.fault}@{chance.choice(places)}"
        self.beside = [f"{one}@{chance.choice(('C01', 'C02'))}" for one in beside]
        self.wrong, self.on, self.load_after, self.off_after, self.waited_for_write, self.seconds = [], [], None, None, False, 0.0

    def check(self, good, what):
        if not good:
            self.wrong.append(what)

    def told(self):
        return f"point {self.number}, {self.kind} in {self.phase[0]} at {self.share:.2f} beside {' '.join([self.spec, *self.beside])}"

    def try_once(self, options):
        """False: the run was over before its moment came."""
        with tempfile.TemporaryDirectory(prefix="kiln-kills-") as place, Station(options, place) as station:
            if self.fault in FROM_THE_START:
                station.faults(self.spec, *self.beside)
            run = Run(station)
            try:
                _, begins, length = self.phase
                if begins and not run.wait_for(begins):
                    try:
                        screen = run.ended(within=10)[2]
                    except subprocess.TimeoutExpired:
                        screen = "it goes on"
                    if OTHERS in screen:
                        return False
                    self.check(False, f"its phase never came: {screen}")
                    return True
                time.sleep(self.share * length)
                if self.fault not in FROM_THE_START:
                    station.faults(self.spec, *self.beside)
                if not run.alive():
                    return False
                return self.die(station, run)
            finally:
                if run.alive():
                    run.program.kill()
                run.program.wait()

    def die(self, station, run):
        warden = warden_of(run.program)
        try:
            if self.kind == "both" and warden is not None:
                os.kill(warden, signal.SIGSTOP)
            if self.kind == "warden" and warden is not None:
                os.kill(warden, signal.SIGKILL)
            if self.kind in ("station", "both"):
                run.program.kill()
            if self.kind == "stop":
                run.program.send_signal(signal.SIGSTOP)
            died = time.monotonic()
            if self.kind == "both" and warden is not None:
                os.kill(warden, signal.SIGKILL)
                self.check(gone(warden), "a warden that was killed goes on")  # with many beside it, dying takes its time
        except ProcessLookupError:
            return False  # it was just leaving
        # Read when it was dead: what is on now was left to somebody, and its record must say to whom.
        self.on = station.on()
        self.watch(station, run, died)
        code, out, screen = run.ended() if self.kind in ("warden", "stop") else (run.ended()[0], None, None)
        if self.kind == "station" and warden is not None:
            self.check(gone(warden, 30.0 + self.hang()), "its warden does not end")
        recovered, said, err = station.ended("recover", "--json")
        self.check(recovered == 0 and json.loads(said)["left"] == 0, f"kiln recover: {recovered}, {err.strip()[-300:]}")
        self.check(station.on() == [], f"still on: {station.on()}")
        self.check(station.journals() == [], f"a journal is left: {station.journals()}")
        self.check_record(station, code, out, screen, warden is not None)
        time.sleep(1.5 if self.fault == "late-on" else 0.3)
        self.check(station.on() == [], f"on again: {station.on()}")
        return True

    def watch(self, station, run, died):
        """Until what was on is off, with the times; a station that was stopped is woken when its silence has been noticed."""
        woken = self.kind != "stop"
        allowed = OFF_WITHIN + LATE + self.hang()
        while True:
            on, now = station.on(), time.monotonic() - died
            if self.load_after is None and not any("load" in what for what in on):
                self.load_after = now
            # Asked before it is woken: it would end its write in that moment.
            if now > allowed and not self.waited_for_write and self.is_written(station, on):
                self.waited_for_write = True
                allowed += WRITE
            if not woken and now > SILENCE + 1 and (not on or now > allowed):
                run.program.send_signal(signal.SIGCONT)
                woken = True
            # Where both are dead nobody is left to switch off, only the hosts' leases end.
            done = self.load_after is not None if self.kind == "both" else not on
            if done and woken:
                break
            if now > allowed:
                self.check(False, f"{now:.1f} s after the death is on: {on}")
                break
            time.sleep(0.05)
        self.off_after = None if self.kind == "both" or self.waited_for_write else time.monotonic() - died
        if self.load_after is not None:
            limit = LOAD_WITHIN + LATE
            self.check(self.load_after <= limit, f"load went on for {self.load_after:.1f} s")
        if not woken:
            run.program.send_signal(signal.SIGCONT)

    def is_written(self, station, on):
        """Whether what is on are trays whose firmware is being written: those the warden leaves on to the write's own deadline."""
        if self.phase[0] in ("power", "firmware"):  # the record need not know yet what was begun in its last moment
            return all(what in ("C01 power", "C02 power") for what in on)
        told = json.loads(station.ended("report", "last", "--format", "json", "--out", station.place + "/writes", "--json")[1])
        with open(told["reports"]["json"], encoding="utf-8") as file:
            steps = json.load(file)["steps"]
        return all(what in {step["dut"] + " power" for step in steps if step["step"] == "firmware/update" and step["ended_ns"] == 0} for what in on)

    def hang(self):
        """Seconds in which nobody can switch C01 or C02 off."""
        return HANG if self.fault == "bmc-hang" else 0.0

    def decisions(self):
        """What a run that was disturbed may be: a defect that was measured before stays one."""
        return ("INCOMPLETE", "NO-GO") if self.is_hardware else ("INCOMPLETE",)

    def check_record(self, station, code, out, screen, guarded):
        runs = json.loads(station.ended("runs", "--json")[1])["runs"]
        if not runs:
            self.check(self.on == [], f"there is no record, and on was {self.on}")
            return
        shown, text, err = station.ended("show", "last", "--json")
        self.check(shown == 0, f"kiln show: {shown}, {err.strip()}")
        told = json.loads(text)
        reasons = [reason for dut in told["duts"] for reason in dut["reasons"]]
        codes = {reason["code"] for reason in reasons}
        state = runs[0]["state"]
        # A BMC that hangs for longer than an undo's time is told as not undone, and is undone later.
        self.check("undo.failed" not in codes or self.fault == "bmc-hang", f"the record calls something not undone: {[reason for reason in reasons if reason['code'] == 'undo.failed']}")
        if self.kind in ("station", "both"):
            # Killed before it had begun, or after it had ended, it is no run that was interrupted.
            nothing_yet = told["decision"] is None or not told["duts"]
            outside = self.on == [] and (nothing_yet if self.phase[0] == "start" else self.phase[0] == "teardown" and state == "complete")
            self.check(outside or (told["decision"] in self.decisions() and "run.interrupted" in codes and state == "INTERRUPTED"),
                       f"a run that was killed is {told['decision']}, {sorted(codes)}, and kiln runs calls it {state}")
        elif self.on:
            why = ("warden.lost", "warden is gone") if self.kind == "warden" else ("warden.acted", "the warden has taken over")
            # One that slept, or whose BMC did not answer, for longer than the grace has also lost its view of the leak detectors.
            blind = code == 5 and "interlock.telemetry-lost" in codes
            self.check((code == 4 or blind or (self.is_hardware and code in (1, 5))) and json.loads(out)["decision"] in self.decisions() and any(reason["code"] == why[0] or why[1] in reason["message"] for reason in reasons),
                       f"it ended with {code}, {told['decision']}, {sorted(codes)}: {screen}")
        else:
            # A BMC that was silent for longer than the grace is lost telemetry, also where nothing is on.
            blind = code == 5 and "interlock.telemetry-lost" in codes
            self.check(code in (0, 2, 4) or blind or (self.is_hardware and code in (1, 5)), f"with nothing on it ended with {code}, {[(reason['code'], reason['message']) for reason in reasons][:4]}: {screen}")
        if not self.on:
            return
        # Which undo ended how, and by whom.
        _, said, _ = station.ended("report", "last", "--format", "html", "--out", station.place + "/report", "--json")
        with open(json.loads(said)["reports"]["html"], encoding="utf-8") as file:
            rows = [row[1:] for row in ROW.findall(file.read())]
        by = {"station": "by the warden", "both": "by kiln recover"}.get(self.kind, "")
        if not guarded or self.hang():  # whoever came first after the hang
            by = ""
        for what in self.on:
            dut, kind = what.split()
            # A load that ended by itself in that moment needed no undo, and its guard may have ended before.
            good = [how for undo, how, message in rows if undo.endswith(" " + dut) and (undo.startswith("force off") == (kind == "power")) and
                    how in ("done", "not needed") and (kind == "load" or message.startswith(by))]
            self.check(good, f"the record does not say who ended {what}: {rows}")

    def live(self, options):
        began = time.monotonic()
        try:
            for _ in range(4):
                if self.try_once(options):
                    break
                self.share *= 0.5
            else:
                self.check(False, "the run was over each time")
        except Exception:  # the other points go on
            self.check(False, traceback.format_exc())
        self.seconds = time.monotonic() - began
        return self


def may_be(fault, kind, phase):
    """With both gone only the host can end its load, and one that hangs does not; a run that goes on beside one takes minutes."""
    return "hang" not in fault["kind"] or kind == "station" or (kind != "both" and phase[0] not in ("start", "checks"))


def only_read(row):
    """Whether all that a row's fault changes is what some check reads: no power, load, connection, write or cut, and no gate before them."""
    return row["decision"] == ["NO-GO"] and row["exit"] == [1] and row["company"] in ("on", "load", "health") and \
        row["part"] not in ("firmware", "update")


def faults_known(options):
    """Those that change how a run is left, and those of the trays that only change what is read: no leak, no heat, no silence."""
    listed = subprocess.run([os.path.join(options.bin, "kiln-virtual-rack"), "--list-faults", "--json"], capture_output=True, text=True, check=True).stdout
    faults = {fault["kind"]: fault for fault in json.loads(listed)["faults"] if fault["kind"] not in OF_A_SHELF + OF_A_SWITCH_TRAY + TOLD_ONLY}
    rows = fault_walk.whole_table()
    read = {row["fault"] for row in rows if only_read(row)} - {row["fault"] for row in rows if not only_read(row)} - set(FROM_THE_START)
    return [fault for kind, fault in faults.items() if kind not in read], [kind for kind in faults if kind in read]


def points_of(options):
    chance = random.Random(options.seed)
    leaving, read = faults_known(options)
    drawn, beside = {}, collections.defaultdict(list)
    for phase in PHASES:
        numbers = [number for number in range(options.points) if PHASES[number // len(KINDS) % len(PHASES)] is phase]
        chance.shuffle(numbers)
        # Those that not every kind may meet are given out first: a place for them must still be free.
        chosen = sorted(chance.sample(leaving, len(leaving)), key=lambda fault: sum(may_be(fault, kind, phase) for kind in KINDS))
        for fault in chosen:
            place = next((number for number in numbers if number not in drawn and may_be(fault, KINDS[number % len(KINDS)], phase)), None)
            if place is not None:
                drawn[place] = fault
        for number in numbers:
            if number not in drawn:
                drawn[number] = chance.choice([fault for fault in leaving if may_be(fault, KINDS[number % len(KINDS)], phase)])
        # Beside a nuisance no defect: that one must not become a NO-GO.
        with_defects = [number for number in numbers if drawn[number]["class"] == "hardware"]
        for turn, kind in enumerate(chance.sample(read, len(read)) if with_defects else ()):
            beside[with_defects[turn % len(with_defects)]].append(kind)
    points = [Point(number + 1, KINDS[number % len(KINDS)], PHASES[number // len(KINDS) % len(PHASES)], drawn[number], beside[number], chance)
              for number in range(options.points)]
    if options.only:
        return [points[options.only - 1]], set()
    chance.shuffle(points)  # long waits among short ones
    return points, {fault["kind"] for fault in leaving} | set(read)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--points", type=int, default=336)
    parser.add_argument("--lanes", type=int, default=14)
    parser.add_argument("--only", type=int, help="this point of the seed alone")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.points} points", flush=True)
    began = time.monotonic()
    seen = collections.Counter()
    worst_off, worst_load, writes, beside = collections.Counter(), collections.Counter(), 0, set()
    points, known = points_of(options)
    turns = iter(range(options.lanes))

    def one_lane(point):
        time.sleep(next(turns, 0) * APART)  # each lane's first: so many stations that begin at once would starve each other
        return point.live(options)
    with ThreadPoolExecutor(options.lanes) as lanes:
        for point in lanes.map(one_lane, points):
            for wrong in point.wrong:
                recover.check(False, f"{point.told()}: {wrong}")
            seen[point.kind, point.phase[0]] += 1
            seen[point.kind, "on"] += bool(point.on)
            seen[point.kind, "load"] += any("load" in what for what in point.on)
            worst_off[point.kind] = max(worst_off[point.kind], point.off_after or 0)
            worst_load[point.kind] = max(worst_load[point.kind], point.load_after or 0 if any("load" in what for what in point.on) else 0)
            writes += point.waited_for_write
            beside.update((point.phase[0], spec.partition("@")[0]) for spec in (point.spec, *point.beside))
    for kind in KINDS:
        print(f"{kind:8} " + ", ".join(f"{seen[kind, phase]} in {phase}" for phase, _, _ in PHASES) +
              f"; {seen[kind, 'on']} with something on, {seen[kind, 'load']} under load; slowest: load off after {worst_load[kind]:.1f} s, "
              f"all off after {worst_off[kind]:.1f} s")
    cpu = sum(os.times()[:4])
    faults = {fault for _, fault in beside}
    print(f"{len(faults)} faults, {len(beside)} pairs of a fault and a phase, {writes} waited for a firmware write; {time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU")
    if options.points >= 336 and not options.only:
        met = sum(fault in known for _, fault in beside)
        recover.check(met == len(known) * len(PHASES), f"every fault in every phase: {met} of {len(known) * len(PHASES)}")
    if not options.only:
        for kind in KINDS:
            recover.check(seen[kind, "on"] >= options.points // 12, f"{kind}: {seen[kind, 'on']} of its points left something on")
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
