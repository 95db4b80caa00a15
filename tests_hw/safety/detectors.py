#!/usr/bin/env python3
"""The guided functional test of leak detectors with a real station, warden and rack: a person at a terminal wets one detector
after the other (the rack's fault "leak" is the water) and dries it. What the warden masks cuts nothing and is seen; what it
does not mask, cuts; a tray that is on is refused; a station that dies under a mask leaves nothing masked.

usage: detectors.py --bin BUILD/bin
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "virtual"))
import recover  # noqa: E402
import technician  # noqa: E402
from recover import check  # noqa: E402

RECIPE = """recipe: wet
version: 1.0.0
product: virtual-gb300-nvl72
purpose: field
monitors:
  - {{monitor: leak_watch, use: cooling.leak_watch, duts: all, every: 500ms}}
interlocks: [{{cause: leak, scope: tray}}]
phases:
  - phase: detector-test
    steps:
      - step: wet
        use: cooling.detector_test
        duts: {{id: {dut}}}
        with: {{detectors: [{detectors}], within: {within}, patience: 60s}}
"""


class Bench(recover.Station):
    """A rack, and a person at a terminal."""

    def change(self, **what):
        request = urllib.request.Request(self.control + "/faults", data=json.dumps(what).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    def wet(self, dut, part, wet=True):
        self.change(**{"add" if wet else "clear": [f"leak@{dut}:{part}"]})

    def detectors(self, dut):
        """Their names, as the rack says them."""
        return list(self.state()[dut]["detectors"])

    def begin(self, options, dut, detectors, within="20s"):
        recipe = pathlib.Path(self.place, "wet.yaml")
        recipe.write_text(RECIPE.format(dut=dut, detectors=", ".join(detectors), within=within), encoding="utf-8")
        self.out = self.place + "/out"
        return technician.Station(options, self.place, "run", str(recipe), "--rack", self.inventory, "--operator", "Ann", "--out", self.out)

    def report(self):
        return json.loads(pathlib.Path(self.out, "report.json").read_text(encoding="utf-8"))


def flat(text):
    """What a narrow screen broke into lines."""
    return " ".join(text.split())


def until(terminal, words, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if words in flat(terminal.text()):
            return True
        terminal.read(0.1)
    return words in flat(terminal.everything())


def measured(report, name):
    return [one for one in report["measurements"] if one["name"] == name]


def each_in_turn(options):
    print("--- two of a tray, one of a switch tray, one of the CDU: each is seen and cleared", flush=True)
    for dut, count in (("C01", 2), ("S01", 1), ("CDU01", 1)):
        with tempfile.TemporaryDirectory(prefix="kiln-detectors-") as place, Bench(options, place) as bench:
            parts = bench.detectors(dut)[:count]
            terminal = bench.begin(options, dut, parts)
            try:
                for part in parts:
                    check(until(terminal, f"Be at leak detector {part} of {dut}"), f"the person is sent to {part} of {dut}")
                    terminal.type("y\r")
                    time.sleep(1.0)
                    bench.wet(dut, part)
                    seen = until(terminal, f"The leak at leak detector {part} of {dut} was seen")
                    check(seen, "its leak is seen" if seen else f"its leak is seen: {flat(terminal.everything())[-800:]}")
                    bench.wet(dut, part, False)
                    terminal.type("y\r")
                code = terminal.ended(60)
                report = bench.report()
                results = {(one["part"], one["value"], one["source"]["detail"]) for one in measured(report, "detector_test.result")}
                check(code == 0 and results == {(part, "seen and cleared", "wetted by Ann") for part in parts}, f"GO, and who wetted what is on record ({code}, {results})")
                seen = [one["value"] for one in measured(report, "detector_test.seen_after")]
                check(all(0 < one < 5 for one in seen), f"seen after {seen} s, of which one passed before the water")
                html = pathlib.Path(bench.out, "report.html").read_text(encoding="utf-8")
                check("masked for their functional test" in html and "the warden saw it leak" in html, "the report tells of each mask and its end")
                check(all(not one["interlocks"] for one in report["duts"]), "nothing was cut")
            finally:
                if terminal.child.poll() is None:
                    terminal.child.kill()
                    terminal.child.wait()
                terminal.close()


def neighbour_leaks(options):
    print("--- while one is masked, another leaks", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-detectors-") as place, Bench(options, place) as bench:
        first, second = bench.detectors("C01")[:2]
        terminal = bench.begin(options, "C01", [first], within="30s")
        try:
            until(terminal, f"Be at leak detector {first}")
            terminal.type("y\r")
            terminal.read(2.0)
            bench.wet("C01", second)
            code = terminal.ended(60)
            report = bench.report()
            cuts = [cut["part"] for one in report["duts"] for cut in one["interlocks"]]
            check(code == 5 and cuts == [second], f"the tray is cut for that ({code}, {cuts})")
        finally:
            terminal.close()


def never_wetted(options):
    print("--- one that sees nothing", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-detectors-") as place, Bench(options, place) as bench:
        part = bench.detectors("C02")[0]
        terminal = bench.begin(options, "C02", [part], within="3s")
        try:
            until(terminal, f"Be at leak detector {part}")
            terminal.type("y\r")
            code = terminal.ended(60)
            reasons = {(reason["code"], reason["fru"]) for one in bench.report()["duts"] for reason in one["reasons"]}
            check(code == 1 and ("leak_detector.not_seen", part) in reasons, f"NO-GO, by its name ({code}, {sorted(reasons)})")
        finally:
            terminal.close()


def tray_is_on(options):
    print("--- a tray that somebody switched on", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-detectors-") as place, Bench(options, place) as bench:
        demo = bench.run(soak="60s")  # the only one who may: a run of its own, killed with its warden
        end = time.monotonic() + 60
        while time.monotonic() < end and bench.state()["C01"]["power"] == "Off":
            time.sleep(0.1)
        recover.kill(demo)
        check(bench.state()["C01"]["power"] != "Off", "C01 was left on")
        for journal in bench.journals():
            journal.unlink()
        part = bench.detectors("C01")[0]
        terminal = bench.begin(options, "C01", [part])
        try:
            until(terminal, f"Be at leak detector {part}")
            terminal.type("y\r")
            code = terminal.ended(60)
            text = flat(terminal.everything())
            check(code == 4 and "it is on, and no detector is masked then" in json.dumps(bench.report()), f"is refused by a sentence ({code}, {text[-300:]})")
        finally:
            terminal.close()


def station_dies(options):
    print("--- the station is killed under a mask", flush=True)
    with tempfile.TemporaryDirectory(prefix="kiln-detectors-") as place, Bench(options, place) as bench:
        part = bench.detectors("C01")[0]
        terminal = bench.begin(options, "C01", [part])
        try:
            until(terminal, f"Be at leak detector {part}")
            terminal.type("y\r")
            terminal.read(2.0)
            warden = recover.warden_of(terminal.child)
            terminal.child.kill()
            terminal.child.wait()
            end = time.monotonic() + 20
            while time.monotonic() < end and os.path.exists(f"/proc/{warden}"):
                time.sleep(0.1)
            check(warden is not None and not os.path.exists(f"/proc/{warden}"), "its warden ends too")
            code, out, _ = bench.ended("recover", "--json")
            check(code == 0 and json.loads(out)["left"] == 0, "and there is nothing to recover")
            shown = bench.ended("show", "last", "--json")
            check(json.loads(shown[1])["decision"] == "INCOMPLETE", "the run is INCOMPLETE")
        finally:
            terminal.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    for case in (each_in_turn, neighbour_leaks, never_wetted, tray_is_on, station_dies):
        case(options)
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
