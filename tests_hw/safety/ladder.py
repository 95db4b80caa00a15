#!/usr/bin/env python3
"""The rungs behind a force-off that does nothing: a tray leaks and its BMC takes requests without doing anything. Then the power shelves of
the rack are switched off; where one of them stays on, the building is asked for electrical isolation, over a real broker, and the
record says whether it is. What was switched is asked of the rack itself, what was requested of the broker.

usage: ladder.py --bin BUILD/bin
"""
import argparse
import json
import sys
import tempfile
import threading
import time
import urllib.request

import recover
from building import REQUEST, Bms, Building, check, reasons_of, resets, under_load

CONFIRM = 4  # seconds until the next rung, of the rules of this suite
SHELVES = ("P01", "P02")


class Shelves(Building):
    KIND = "shelves"
    RULES = f"""interlock_rules: short
revision: 1
leak: {{poll: 1s, grace: 5s, cuts: tray}}
cut: {{confirm: {CONFIRM}s, ladder: [load, chassis, power_shelf, building]}}
building: {{grace: 5s, confirm: 4s}}
""" + recover.HAZARDS.format(grace=10)

    def clear(self, *specs):
        request = urllib.request.Request(self.control + "/faults", data=json.dumps({"clear": specs}).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()


def wait_for(what, within):
    began = time.monotonic()
    while time.monotonic() - began < within and not what():
        time.sleep(0.02)
    return time.monotonic() - began


def climb(options, place, bms, shelf_hangs, obeys):
    bms.obeys = obeys
    with Shelves(options, place, bms) as station:
        run = under_load(station)
        check(all(station.state()[shelf]["power"] == "On" for shelf in SHELVES), "both shelves are on")
        hanging = ["bmc-hang@C01"] + (["bmc-hang@P01"] if shelf_hangs else [])
        station.faults("leak@C01", *hanging)
        leaked = time.monotonic()
        off = [shelf for shelf in SHELVES if not (shelf_hangs and shelf == "P01")]
        after = wait_for(lambda: all(station.state()[shelf]["power"] == "Off" for shelf in off), 3 * CONFIRM)
        check(CONFIRM - 1 < after < CONFIRM + 3, f"a tray that does not go off: {off} are off {after:.1f} s after the leak, rung {CONFIRM} s")
        check(station.state()["C01"]["power"] == "On" and not station.state()["C01"]["load"], "that tray is on still, and without load")
        check({"C02", "S01"} <= resets(station) and all(station.state()[dut]["power"] == "Off" for dut in ("C02", "S01")), "the rest of the rack was forced off too")
        if shelf_hangs:
            wait_for(bms.requested, 3 * CONFIRM)
            after = time.monotonic() - leaked
            check(bms.requested() == [REQUEST["Electrical"]], f"a shelf stays on: electrical isolation is asked for, {after:.1f} s after the leak, and liquid is not ({bms.requested()})")
            check(2 * CONFIRM - 2 < after < 2 * CONFIRM + 4, "a rung after the shelves")
            time.sleep(CONFIRM + 1)  # what the building confirms, or does not
        station.clear(*hanging)
        again = wait_for(lambda: not station.on(), 15)
        check(station.on() == [], f"it is asked on, and off {again:.1f} s after its BMC does something again ({station.on()})")
        out, err = run.communicate(timeout=180)
        told = json.loads(out)
        codes = {code for code, _ in reasons_of(out)}
        check(run.returncode == 5 and told["decision"] == "NO-GO" and {"leak.detected", "interlock.escalated"} <= codes,
              f"exit 5, NO-GO, and the record has the escalation ({run.returncode}, {told['decision']}, {sorted(codes)}, {err[-300:]})")
        text = station.report()
        if not shelf_hangs:
            check(bms.requested() == [], "the building was asked for nothing")
        elif obeys:
            check("the building has isolated the rack (electrical), confirmed" in text, "the record says that it is isolated")
        else:
            check("the building is not confirmed to have isolated the rack" in text and "by hand" in text, "the record says that it is not, and what to do")
        check(station.on() == [] and station.journals() == [], f"nothing is on or left ({station.on()}, {station.journals()})")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()

    def work(words):
        with tempfile.TemporaryDirectory(prefix="kiln-ladder-") as place, Bms(place) as bms:
            try:
                climb(options, place, bms, *words)
            except Exception as wrong:  # the other cases go on
                check(False, repr(wrong))

    cases = {"shelves": (False, True), "isolated": (True, True), "not isolated": (True, False)}
    threads = [threading.Thread(target=work, name=name, args=(words,)) for name, words in cases.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
