"""How the suites of this folder drive the built programs: a virtual rack started by itself with its control door, and kiln with a
state directory of its own."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import urllib.request

import places

COMPONENT = re.compile(r"- \{kind: (\w+), name: \"?([^,}\"]+)\"?")
# What a program of ours must never print, whatever it was fed.
CRASH = re.compile(r"terminate called|core dumped|AddressSanitizer|runtime error:|Traceback|internal error|what\(\):")


class Checks:
    """Claims of one suite: printed as they are made, counted at the end."""

    def __init__(self):
        self.failures = []
        self.made = 0

    def __call__(self, condition, claim, detail=""):
        self.made += 1
        print(("ok    " if condition else "WRONG ") + claim, flush=True)
        if not condition:
            self.failures.append(claim)
            if detail:
                print("      " + str(detail)[-2000:].replace("\n", "\n      "), flush=True)

    def exit_code(self):
        print(f"{self.made} claims, {len(self.failures)} wrong")
        return 1 if self.failures or not self.made else 0


def report_text(form, path):
    """What a person reads in a report."""
    if form == "pdf":
        return subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, text=True, check=True, timeout=60).stdout
    with open(path, encoding="utf-8") as file:
        return file.read()


def environment(place):
    return dict(os.environ, XDG_STATE_HOME=place)


def kiln(options, place, *arguments, timeout=240, **more):
    """kiln, to its end. `place` is its state directory."""
    return subprocess.run([os.path.join(options.bin, "kiln"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", timeout=timeout, env=environment(place), **more)


def start_kiln(options, place, *arguments, **more):
    return subprocess.Popen([os.path.join(options.bin, "kiln"), *arguments], stdin=subprocess.DEVNULL, text=True,
                            errors="replace", env=environment(place), **more)


class Rack:
    """The rack program; used as a context, so that it ends with the test."""

    def __init__(self, options, place, *arguments):
        command = [os.path.join(options.bin, "kiln-virtual-rack"), "--out", os.path.join(place, "rack"), "--exit-with-stdin",
                   *arguments]
        kind = arguments[arguments.index("--rack") + 1] if "--rack" in arguments else "small"
        if kind in ("small", "wide", "shelves") and not {"--mockup", "--product", "--port-base"} & set(arguments):
            command += ["--port-base", str(places.port_base())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True)
        ready = self.process.stdout.readline()
        if not ready:
            raise RuntimeError(f"the rack did not start: {command}, exit {self.process.wait(timeout=20)}")
        answer = json.loads(ready)
        self.inventory, self.door = answer["inventory"], "http://" + answer["control"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(self.door + path, timeout=10) as answer:
            return json.load(answer)

    def faults(self, add=(), clear=()):
        body = json.dumps({"add": list(add), "clear": list(clear)}).encode()
        request = urllib.request.Request(self.door + "/faults", data=body, method="POST",
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def components(self, dut):
        """Names of the DUT's expected components by kind, read from the inventory the rack wrote."""
        found, inside = {}, False
        with open(self.inventory, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("  - id: "):
                    inside = line.split(":", 1)[1].strip() == dut
                match = COMPONENT.search(line) if inside else None
                if match:
                    found.setdefault(match.group(1), []).append(match.group(2).strip())
        return found


class Record:
    """The database of a run that may still be going on; read-only."""

    def __init__(self, path):
        self.path = path

    def events(self, kinds, dut=None, after=0):
        """(sequence, kind, dut, step, monotonic_ns, body) of committed events."""
        if not os.path.exists(self.path):
            return []
        try:
            connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)
        except sqlite3.Error:
            return []
        try:
            rows = connection.execute(
                f"SELECT sequence, kind, dut, step, monotonic_ns, body FROM event WHERE sequence > ? AND kind IN "
                f"({','.join('?' * len(kinds))}) ORDER BY sequence", (after, *kinds)).fetchall()
        except sqlite3.Error:  # not made yet
            return []
        finally:
            connection.close()
        return [(*row[:5], json.loads(row[5])) for row in rows if dut is None or row[2] == dut]
