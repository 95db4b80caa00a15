#!/usr/bin/env python3
"""The technician's screen, on a real pseudo-terminal read by a terminal emulator: the footer shows the rack, questions are
asked and answered, what was typed too early answers nothing, a terminal that stops taking text does not hold up a cut, and a
run outlives Ctrl-Z, Ctrl-\\ and a closed window.

usage: technician.py --bin BUILD/bin
"""
import argparse
import concurrent.futures
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pyte

ROWS, COLUMNS = 30, 100
failures = []


def check(condition, what):
    print(("ok    " if condition else "WRONG ") + what, flush=True)
    if not condition:
        failures.append(what)


class Station:
    """kiln on a pseudo-terminal of its own, as its session's foreground program."""

    def __init__(self, options, place, *arguments):
        self.person, program = pty.openpty()
        fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.modes = termios.tcgetattr(program)[3]
        self.program = program
        environment = dict(os.environ, XDG_STATE_HOME=place, TERM="xterm-256color", LANG="C.UTF-8")
        environment.pop("NO_COLOR", None)

        def own_session():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen([os.path.join(options.bin, "kiln"), *arguments], stdin=program, stdout=program,
                                      stderr=program, env=environment, preexec_fn=own_session)
        self.screen = pyte.HistoryScreen(COLUMNS, ROWS, history=5000, ratio=0.5)
        self.stream = pyte.ByteStream(self.screen)

    def read(self, seconds):
        """Feeds what comes within the time to the emulator."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready, _, _ = select.select([self.person], [], [], 0.05)
            if not ready:
                continue
            try:
                data = os.read(self.person, 65536)
            except OSError:
                return
            self.stream.feed(data)

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def everything(self):
        """The screen with what scrolled away."""
        above = ["".join(line[column].data for column in range(COLUMNS)).rstrip() for line in self.screen.history.top]
        return "\n".join(above) + "\n" + self.text()

    def until(self, wanted, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if wanted in self.text():
                return True
            if self.child.poll() is not None:
                self.read(0.3)
                return wanted in self.text()
            self.read(0.1)
        return False

    def type(self, keys):
        os.write(self.person, keys.encode())

    def ended(self, seconds):
        """The exit code; reads on meanwhile."""
        end = time.monotonic() + seconds
        while self.child.poll() is None and time.monotonic() < end:
            self.read(0.1)
        self.read(0.3)
        if self.child.poll() is None:
            self.child.kill()
        return self.child.wait()

    def close(self):
        for descriptor in (self.person, self.program):
            try:
                os.close(descriptor)
            except OSError:
                pass


RECIPE = """recipe: hands
version: 1.0.0
product: virtual-gb300-nvl72
purpose: bring-up
phases:
  - phase: hands
    steps:
      - step: hoses
        use: prompt.ask
        duts: {role: compute_tray}
        with: {id: hoses, text: "Connect supply and return hoses", timeout: 60s}
      - step: gauge
        use: prompt.ask
        duts: {id: C01}
        with: {id: gauge, text: "Read the supply gauge", answer: number, unit: bar, min: 1, max: 3, timeout: 60s}
      - step: label
        use: prompt.ask
        duts: {id: C02}
        with: {id: label, text: "Scan the manifold", answer: scan, pattern: "MF-[0-9]{6}", timeout: 3s, on_timeout: abort_safe}
      - step: last
        use: prompt.ask
        duts: {id: C02}
        with: {id: last, text: "Never asked: the tray is parked", timeout: 60s}
"""


def questions(options, place):
    rack = subprocess.Popen([os.path.join(options.bin, "kiln-virtual-rack"), "--rack", "small", "--out", place + "/rack",
                             "--exit-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    inventory = json.loads(rack.stdout.readline())["inventory"]
    recipe = place + "/hands.yaml"
    with open(recipe, "w", encoding="utf-8") as file:
        file.write(RECIPE)
    station = Station(options, place, "run", recipe, "--rack", inventory, "--operator", "Ann", "--out", place + "/hands")
    try:
        station.type("y\r")  # before anything was asked
        check(station.until("WAITING FOR OPERATOR", 20), "a question is shown")
        station.read(0.5)
        text = station.text()
        check("hoses" in text and "(1 more waiting)" in text, "one question at a time, the others counted")
        check("U12 C02" in text and "U11 C01" in text and text.index("U12 C02") < text.index("U11 C01"),
              "the rack stands as it does in the hall")
        check("☞ WAITING" in text, "the DUT that waits has its sign and word")
        station.type("maybe\r")
        check(station.until("answer y or n", 5), "what is no answer is said, and asked again")
        station.type("y\r")
        check(station.until("hoses: answered", 5), "the answer is taken")
        station.until("WAITING FOR OPERATOR", 5)
        station.type("y\r")
        check(station.until("Read the supply gauge", 10) or "Scan the manifold" in station.text(), "the next questions follow")
        # The gauge shows too little: the truth can be told, and fails. The scan is never given: C02 is parked.
        for _ in range(60):
            if "gauge  " in station.text() and "> " in station.text():
                station.type("0.4\r")
                break
            station.read(0.2)
        code = station.ended(60)
        text = station.everything()
        check(code == 1, f"a gauge out of range is NO-GO ({code})")
        check("RESULT unit=R01 recipe=hands@1.0.0 verdict=NO-GO" in text, "the last line is for grep")
        check("█" in text and "✖ NO-GO" in text, "the verdict stands in large letters")
        check(termios.tcgetattr(station.program)[3] == station.modes, "the terminal is left as it was")
        report = json.load(open(place + "/hands/report.json", encoding="utf-8"))
        reasons = {reason["code"] for dut in report["duts"] for reason in dut["reasons"]}
        check("prompt.refused" in reasons and "dut.parked" in reasons, f"refused and parked are on record ({sorted(reasons)})")
        check("Never asked" not in text, "a parked DUT is asked nothing more")
        check("by Ann" in json.dumps(report), "who answered is on record")
    finally:
        if station.child.poll() is None:
            station.child.kill()
            station.child.wait()
        station.close()
        rack.stdin.close()
        rack.wait(timeout=20)


def stuck_terminal(options, place):
    """Nobody reads the terminal any more, as after Ctrl-S or on a dead connection; then a leak."""
    station = Station(options, place, "demo", "--fault", "leak@C02+3s", "--no-input", "--out", place + "/stuck")
    deadline = time.monotonic() + 120
    report = place + "/stuck/report.json"
    while not os.path.exists(report) and time.monotonic() < deadline:
        time.sleep(0.2)
    check(os.path.exists(report), "a run whose terminal takes nothing comes to its end")
    code = station.ended(30)  # reads what is left, so that the last lines can be printed
    station.close()
    check(code == 5, f"and its leak was cut: exit 5 ({code})")
    if os.path.exists(report):
        document = json.load(open(report, encoding="utf-8"))
        cuts = [cut for dut in document["duts"] for cut in dut["interlocks"]]
        check(bool(cuts) and all(0 < cut["off_confirmed_ns"] - cut["detected_ns"] < 10e9 for cut in cuts),
              f"off confirmed in time ({cuts})")


def outlives(options, place):
    station = Station(options, place, "demo", "--out", place + "/outlives")
    check(station.until("RUNNING", 60), "the demo runs and its footer says so")
    station.read(1.0)
    check("SIMULATED" in station.text() and "left" in station.text(), "the footer names the simulation and the time left")
    station.type("\x1a\x1c")  # Ctrl-Z, Ctrl-\
    station.read(1.0)
    with open(f"/proc/{station.child.pid}/stat", encoding="utf-8") as file:
        state = file.read().rpartition(")")[2].split()[0]
    check(station.child.poll() is None and state != "T", f"Ctrl-Z and Ctrl-\\ neither halt nor end it (state {state})")
    station.close()  # the window is closed: SIGHUP, and writing fails from here on
    here = dict(os.environ, XDG_STATE_HOME=place)
    kiln = [os.path.join(options.bin, "kiln")]
    with subprocess.Popen([*kiln, "watch", "last"], env=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as left:
        time.sleep(1)
        left.send_signal(signal.SIGINT)
        out, err = left.communicate(timeout=20)
        check(left.returncode == 4 and "goes on" in err and out == "" and station.child.poll() is None, f"a watch is left and the run goes on ({left.returncode}, {err[-200:]})")
    joined = subprocess.run([*kiln, "watch", "last", "--json"], env=here, capture_output=True, text=True, timeout=120, check=False)
    told = json.loads(joined.stdout)
    check(joined.returncode == 0 and told["decision"] == "GO", f"joined again, the run is followed to its result ({joined.returncode}, {joined.stderr[-200:]})")
    check("soak/load" in joined.stderr and "cooling/" in joined.stderr, "with what had happened before")
    try:
        code = station.child.wait(timeout=120)
    except subprocess.TimeoutExpired:
        station.child.kill()
        code = station.child.wait()
    check(code == 0, f"without its terminal it ends GO ({code})")
    check(os.path.exists(place + "/outlives/report.html"), "and has its report")


def interrupted(options, place):
    station = Station(options, place, "demo", "--out", place + "/interrupted")
    check(station.until("soak/load", 60), "the demo comes to its load")
    station.type("\x03")  # Ctrl-C
    check(station.until("STOPPING", 10) or station.child.poll() is not None, "Ctrl-C is shown as stopping")
    code = station.ended(60)
    check(code == 130 and "INCOMPLETE" in station.everything(), f"parked, INCOMPLETE, exit 130 ({code})")
    station.close()


def stopped_at_once(options, place):
    station = Station(options, place, "demo", "--out", place + "/emergency")
    check(station.until("soak/load", 60), "the demo comes to its load")
    station.type("\x18")
    check(station.until("once more within 3 s", 10), "Ctrl-X once asks for another")
    station.type("\x18")
    code = station.ended(60)
    check(code == 5 and "EMERGENCY STOP" in station.everything() and "INCOMPLETE" in station.everything(), f"twice cuts everything: INCOMPLETE, exit 5 ({code})")
    with open(place + "/emergency/report.json", encoding="utf-8") as file:
        check("interlock.emergency-stop" in file.read(), "the record says that it was a person")
    station.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="kiln-operator-") as place:
        questions(options, place)
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            for work in [pool.submit(stuck_terminal, options, place + "/a"), pool.submit(outlives, options, place + "/b")]:
                work.result()
        interrupted(options, place)
        stopped_at_once(options, place)
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
