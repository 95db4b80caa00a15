#!/usr/bin/env python3
"""A run whose station died goes on: `kiln recover`, then `kiln resume`. Killed with the warden left to switch off, and together with it, in
each phase of a burn-in and by chance (the seed is printed); the end is GO on a healthy rack, no required check is lost, the soak's time is unbroken, and every report shows the
interruption. And what is refused: a run that ended, one that lives, two that were interrupted, changed files, a changed record.

usage: resume.py --bin BUILD/bin [--only NAME] [--seed N] [--kills N]
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import lanes
import recover
from recover import Station, kill
from warden import gone

check = recover.check
SOAK = 12.0  # seconds of unbroken load asked for
CLOCK = 1.0  # by which the record and a clock may differ


class Bench(Station):
    """A rack, and a recipe and limits of its own, which a test may change."""

    def __init__(self, options, place):
        super().__init__(options, place)
        shipped = pathlib.Path(options.bin).parent / "share/kiln/recipes"
        self.recipes = pathlib.Path(place, "recipes")
        shutil.copytree(shipped, self.recipes)
        self.recipe = self.recipes / "demo/small.yaml"
        self.database = os.path.join(place, "kiln/kiln.db")

    def begin(self, soak=f"{SOAK:.0f}s", recipe=None, *more):
        return self.kiln("run", str(recipe or self.recipe), "--rack", self.inventory, "--json", "--no-input", "--format", "html,json,text", "--operator", "Ann", "--set",
                         f"soak={soak}", *more)

    def rows(self, sql, *values):
        """Of the record, also while it is being written."""
        try:
            with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5) as database:
                return database.execute(sql, values).fetchall()
        except sqlite3.Error:
            return []

    def wait_for_end_of(self, warden, within=30):
        """It reads Off for some seconds more where an On may have been under way."""
        check(gone(warden, within), "its warden ends")

    def wait_for(self, program, what, within=120):
        """Until `what()` holds while the program lives."""
        end = time.monotonic() + within
        while time.monotonic() < end and program.poll() is None:
            if what():
                return True
            time.sleep(0.02)
        return False

    def steps(self, kind, step):
        """Of the newest run."""
        return self.rows("SELECT dut, attempt, monotonic_ns, body FROM event WHERE kind = ? AND step = ? AND run = (SELECT max(number) FROM run) "
                         "ORDER BY sequence", kind, step)

    def begun(self, step):
        return lambda: bool(self.steps("step_begun", step))

    def last_run(self):
        return self.rows("SELECT id FROM run ORDER BY number DESC LIMIT 1")[0][0]

    def resume(self, *words):
        return self.ended("resume", *words, "--json", "--no-input", "--format", "html,json,text", "--operator", "Bob")


def refused(station, code, *words, about=""):
    """`kiln resume` says why, touches nothing, and the record stays as it was."""
    before = station.rows("SELECT run, sequence, chain FROM head ORDER BY run")
    status, out, err = station.resume(*words)
    listed = [problem["code"] for problem in json.loads(out).get("problems", [])] if out.strip() else []
    same = station.rows("SELECT run, sequence, chain FROM head ORDER BY run") == before
    check(status == 2 and code in listed and same and station.on() == [], f"{about}: refused ({status}, {listed}): {err.strip().splitlines()[0] if err.strip() else ''}")
    return err


def reports_show(station, result, interruptions):
    """In every report: the interruption, who went on, and that nothing is missing."""
    files = result["reports"]
    html = pathlib.Path(files["html"]).read_text(encoding="utf-8")
    text = pathlib.Path(files["text"]).read_text(encoding="utf-8")
    report = json.loads(pathlib.Path(files["json"]).read_text(encoding="utf-8"))
    shown = len(report["interruptions"]) == interruptions and text.count("INTERRUPTED at") == interruptions and html.count("INTERRUPTED at") >= interruptions
    who = all(item["operator"] == "Bob" and item["steps"] for item in report["interruptions"]) and "by Bob" in text and "by Bob" in html
    check(shown and who, f"every report shows {interruptions} interruption(s) and who went on")
    check(len(result["interruptions"]) == interruptions, "and so does the result")


def soak_is_unbroken(station):
    ended = {}
    for dut, attempt, _, body in station.steps("step_ended", "soak/load"):
        ended[dut] = (attempt, json.loads(body))
    good = set(ended) == {"C01", "C02"} and all(body["status"] == "complete" and body["duration_ns"] >= (SOAK - CLOCK) * 1e9 for _, body in ended.values())
    check(good, f"the soak that counts ran its whole time in one piece ({ {dut: (attempt, round(body['duration_ns'] / 1e9, 1)) for dut, (attempt, body) in ended.items()} })")


def recovered(station, run):
    code, out, err = station.ended("recover")
    check(code == 0 and station.on() == [], f"kiln recover: nothing is left on ({code}, {station.on()}) {err.strip()}")
    check(f"kiln resume {run}" in out, f"and it names the way on: {out.strip().splitlines()[-1] if out.strip() else ''}")
    return err


def goes_on(station, run, interruptions=1, cells=None):
    code, out, err = station.resume()
    result = json.loads(out) if out.strip() else {}
    go = code == 0 and result.get("decision") == "GO" and result.get("run") == run
    counts = result.get("counts", {})
    check(go and counts["measured"] == counts["required"] > 0 and (cells is None or counts["required"] == cells),
          f"kiln resume ends GO, the same run, no check lost ({code}, {result.get('decision')}, {counts})" + ("" if go else "\n" + err[-3000:] + out[-2000:]))
    if go:
        reports_show(station, result, interruptions)
        soak_is_unbroken(station)
    check(station.on() == [] and station.journals() == [], f"nothing is left on ({station.on()})")
    return err


def end_life(station, program, with_warden):
    if with_warden:
        kill(program)
        return
    warden = recover.warden_of(program)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=20)
    end = time.monotonic() + 60
    while time.monotonic() < end and station.on():
        time.sleep(0.1)
    if warden is not None:
        station.wait_for_end_of(warden, within=150)  # it reads on where an On may be under way, then writes down what it did


def die(station, program, moment, with_warden):
    if not station.wait_for(program, moment):
        check(False, f"the moment to die has come; instead it ended: {program.communicate(timeout=180)[1][-2000:]}")
        raise SystemExit(1)
    end_life(station, program, with_warden)
    return station.last_run()


def killed_in(options, name, moment, with_warden):
    print(f"--- killed in {name}{' with its warden' if with_warden else ''}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
        program = station.begin()
        run = die(station, program, moment(station), with_warden)
        listed = json.loads(station.ended("runs", "--json")[1])["runs"]
        check(listed[0]["run"] == run and listed[0]["state"] == "INTERRUPTED", f"{run} is listed as INTERRUPTED")
        recovered(station, run)
        goes_on(station, run)


def in_the_cooling(options):
    killed_in(options, "the cooling checks", lambda station: station.begun("cooling/flow"), True)


def before_power(options):
    killed_in(options, "the identity, before any power", lambda station: station.begun("identity/parts"), False)


def in_a_firmware_write(options):
    print("--- killed in a firmware write", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
        program = station.begin()
        flashing = lambda: bool(station.rows("SELECT 1 FROM event WHERE kind = 'permit_granted' AND step = 'firmware/update' AND body ->> 'energy' = 'flash'"))
        run = die(station, program, flashing, True)
        err = recovered(station, run)
        check("firmware may be being written still" in err and "--give-up" in err, f"it waited for the write, said so, and how to go on at once: {err.strip()}")
        code, out, _ = station.ended("resume", "--list", "--operator", "Bob")
        check(code == 0 and "UNKNOWN" in out and "read again" in out and station.on() == [], "--list says that the component is unknown until it was read again")
        goes_on(station, run)
        unknown = station.rows("SELECT sequence FROM event WHERE kind = 'diagnosed' AND body ->> 'code' = 'firmware.interrupted'")
        read = station.rows("SELECT max(m.sequence) FROM measurement m WHERE m.name = 'firmware.version.after_update' AND m.outcome = 'pass'")
        check(unknown and read[0][0] > unknown[-1][0], "its version was read after that, and is the wanted one")


def in_the_soak(options):
    print("--- killed in the soak, twice", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
        loaded = lambda: all(station.state()[tray]["load"] for tray in recover.TRAYS)
        program = station.begin()
        run = die(station, program, loaded, True)
        code, out, err = station.resume()
        check(code == 2 and "station.leftovers" in out and "kiln recover" in err, f"before kiln recover nothing goes on: {err.strip().splitlines()[0]}")
        recovered(station, run)
        err = refused(station, "run.unknown", "R-20990101-000000-ffff", about="an id that is no run's")
        near = run[:-1] + ("0" if run[-1] != "0" else "1")
        err = refused(station, "run.unknown", near, about="an id with a slip in it")
        check(run in err, "the nearest id is suggested")
        again = station.kiln("resume", "--json", "--no-input", "--format", "html,json,text", "--operator", "Bob")
        check(station.wait_for(again, loaded), "the resumed run is under load")
        code, out, err = station.ended("resume", run, "--json", "--operator", "Eve")
        check(code == 2 and "run.alive" in out + err or "station.leftovers" in out + err, f"a run that lives is not resumed: {err.strip().splitlines()[0]}")
        kill(again)
        recovered(station, run)
        goes_on(station, run, interruptions=2)
        code, out, _ = station.ended("show", run)
        check(code == 0 and out.count("INTERRUPTED at") == 2, "kiln show tells of both")
        refused(station, "resume.ended", run, about="a run that has ended")
        refused(station, "resume.none", about="nothing to go on with")


def in_the_teardown(options):
    print("--- killed in the teardown", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
        program = station.begin()
        torn = lambda: len(station.steps("step_begun", "teardown/off")) == 3
        run = die(station, program, torn, True)
        ended = station.rows("SELECT 1 FROM event WHERE kind = 'run_ended'")
        if ended:
            check(True, "it had ended before it died")
            return
        recovered(station, run)
        loads = len(station.steps("step_begun", "soak/load"))
        err = goes_on(station, run)
        check(len(station.steps("step_begun", "soak/load")) == loads and "its work was over" in err, "nothing was put under load again: all work was over")


def while_reports_are_written(options):
    print("--- killed while the reports are written", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
        program = station.begin()
        station.wait_for(program, lambda: bool(station.rows("SELECT 1 FROM event WHERE kind = 'run_ended'")))
        program.send_signal(signal.SIGKILL)
        program.communicate(timeout=20)
        run = station.last_run()
        err = refused(station, "resume.ended", run, about="a run whose end is on record")
        check(f"kiln report {run}" in err, "and the way to its reports is named")
        code, out, _ = station.ended("report", run, "--json")
        check(code == 0 and "html" in json.loads(out)["reports"], "kiln report writes them")


def changed_beneath(options):
    print("--- what was changed beneath it", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
        program = station.begin()
        run = die(station, program, station.begun("cooling/flow"), False)
        recovered(station, run)
        for file, about in ((station.recipe, "the recipe"), (station.recipes / "shared/bring-up.yaml", "a fragment of the recipe"),
                            (station.recipes / "limits/virtual-gb300-nvl72.yaml", "the limits"), (pathlib.Path(station.inventory), "the rack file")):
            whole = file.read_bytes()
            file.write_bytes(whole + b"# a remark\n")
            err = refused(station, "resume.changed", about=f"{about} was changed")
            check(("limits" if "limits" in str(file) else "rack file" if "rack" in about else "recipe") in err, "and what it was is said")
            file.write_bytes(whole)
        moved = station.recipe.with_name("elsewhere.yaml")
        station.recipe.rename(moved)
        refused(station, "recipe.not_found", about="the recipe is gone")
        moved.rename(station.recipe)
        if os.geteuid() != 0:
            os.chmod(station.database, 0o400)
            refused(station, "ledger.not_writable", about="a record that cannot be written")
            os.chmod(station.database, 0o600)
        else:
            print("skip  a record that cannot be written: root can write all")
        copy = os.path.join(place, "copy/kiln.db")
        os.mkdir(os.path.dirname(copy))
        with sqlite3.connect(station.database) as database, sqlite3.connect(copy) as other:
            database.backup(other)
            other.executescript("DROP TRIGGER event_no_update;")
            other.execute("UPDATE event SET body = replace(body, 'dry', 'wet') WHERE kind = 'measured' AND body LIKE '%dry%'")
        refused(station, "resume.record_changed", run, "--db", copy, about="a record that was changed")
        second = station.begin()
        station.wait_for(second, lambda: station.last_run() != run)
        other = die(station, second, station.begun("cooling/flow"), False)
        check(station.ended("recover")[0] == 0, "recovered")
        err = refused(station, "resume.ambiguous", about="two that were interrupted")
        check(run in err and other in err, "and both are named")
        goes_on_by_name = station.resume(other)
        result = json.loads(goes_on_by_name[1])
        check(goes_on_by_name[0] == 0 and result["run"] == other and result["decision"] == "GO", f"by name it goes on ({goes_on_by_name[0]})")


def latched(options):
    print("--- cut by an interlock after the station had died", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
        program = station.begin("60s")
        station.wait_for(program, lambda: all(station.state()[tray]["load"] for tray in recover.TRAYS))
        warden = recover.warden_of(program)
        program.send_signal(signal.SIGSTOP)
        station.faults("leak@C02")
        end = time.monotonic() + 30
        while time.monotonic() < end and station.on():
            time.sleep(0.1)
        program.send_signal(signal.SIGKILL)
        program.communicate(timeout=20)
        station.wait_for_end_of(warden)
        station.ended("recover")
        refused(station, "resume.interlocked", station.last_run(), about="a run that an interlock ended")


def by_chance(options):
    moments = random.Random(options.seed)
    for number in range(options.kills):
        with_warden = moments.random() < 0.5
        print(f"--- killed by chance, {number + 1} of {options.kills}{', with its warden' if with_warden else ''}", flush=True)
        with tempfile.TemporaryDirectory(prefix="kiln-resume-") as place, Bench(options, place) as station:
            lives = 0
            program = station.begin()
            while True:
                after = moments.uniform(0.3, 24)
                try:
                    program.communicate(timeout=after)
                    break
                except subprocess.TimeoutExpired:
                    if lives == 2:
                        continue  # this life is let live
                    lives += 1
                end_life(station, program, with_warden)
                print(f"      killed {after:.2f} s into life {lives}", flush=True)
                code, _, err = station.ended("recover")
                if code != 0:
                    check(False, f"kiln recover finishes ({code}) {err.strip()}")
                    break
                program = station.kiln("resume", "--json", "--no-input", "--format", "html,json,text", "--operator", "Bob")
            runs = json.loads(station.ended("runs", "--json")[1])["runs"]
            if not runs:  # killed before its record was made: nothing was done either
                check(lives > 0 and program.returncode == 2 and station.on() == [], f"it died before it had a record ({program.returncode}), and nothing is on")
                continue
            if program.returncode == 2 and runs[0]["state"] == "INTERRUPTED":
                early = station.ended("resume")[2]
                check("resume.nothing_recorded" in early, f"it died before its first step, and that is said: {early.strip().splitlines()[0]}")
                continue
            shown = json.loads(station.ended("show", runs[0]["run"], "--json")[1])
            whole = shown["counts"]["measured"] == shown["counts"]["required"] > 0
            ended = program.returncode == 0 or (program.returncode == 2 and runs[0]["state"] == "complete")  # it ended as it was killed
            check(len(runs) == 1 and shown["decision"] == "GO" and whole and ended and station.on() == [],
                  f"one run, GO, no check lost, after {len(shown['interruptions'])} interruption(s) ({program.returncode}, {shown['decision']}, {shown['counts']}, "
                  f"{[reason for dut in shown['duts'] for reason in dut['reasons']][:3]})")


SUITES = (before_power, in_the_cooling, in_a_firmware_write, in_the_soak, in_the_teardown, while_reports_are_written, changed_beneath, latched, by_chance)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    lanes.add_arguments(parser, SUITES, 3)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    if options.only is None:
        return lanes.run(__file__, options, sorted(SUITES, key=lambda suite: suite not in (by_chance, in_a_firmware_write, in_the_soak)),
                         "--seed", str(options.seed), "--kills", str(options.kills))
    print(f"seed {options.seed}", flush=True)
    next(suite for suite in SUITES if suite.__name__ == options.only)(options)
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
