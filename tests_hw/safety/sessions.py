#!/usr/bin/env python3
"""What a dead station leaves at its BMCs: sessions, of which a BMC has some 16. A run is killed with its warden; the next program that
asks the same BMC ends what the run had open there, also when all other places are taken, and nobody else's. A run that ends, ends its
own. Asked of the BMCs themselves, over HTTPS.

usage: sessions.py --bin BUILD/bin
"""
import argparse
import base64
import json
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import recover
import yaml
from recover import Station, check

SESSIONS = "/redfish/v1/SessionService/Sessions"
PLACES = 16


class Bmc:
    """By Basic, which takes no place in the table."""

    def __init__(self, dut, credentials):
        self.url = dut["bmc"]["url"]
        self.login = credentials[dut["bmc"]["credential"]]
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE  # of a rack that was started a moment ago by this test

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode())
        if body is None:
            word = base64.b64encode(f"{self.login['user']}:{self.login['password']}".encode()).decode()
            request.add_header("Authorization", "Basic " + word)
        else:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.context) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refused:
            return refused.code, {}

    def sessions(self):
        return {member["@odata.id"] for member in self.ask("GET", SESSIONS)[1]["Members"]}

    def log_in(self):
        """The status of one more login, by somebody else."""
        return self.ask("POST", SESSIONS, {"UserName": self.login["user"], "Password": self.login["password"]})[0]


def bmcs_of(station):
    rack = yaml.safe_load(Path(station.inventory).read_text(encoding="utf-8"))
    credentials = yaml.safe_load(Path(station.inventory).with_name("rack.credentials.yaml").read_text(encoding="utf-8"))
    return {dut["id"]: Bmc(dut, credentials) for dut in rack["duts"]}


def noted(station):
    """(BMC's URL, session) of what the notes leave open."""
    found = set()
    for page in Path(station.place, "kiln/sessions").glob("*.json"):
        for line in page.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            one = said.get("opened") or said.get("ended")
            (found.add if "opened" in said else found.discard)((one["bmc"], one["uri"]))
    return found


def killed(station):
    run = station.run()
    end = time.monotonic() + 60
    while time.monotonic() < end and run.poll() is None and len(noted(station)) < 4:
        time.sleep(0.1)
    time.sleep(2)
    recover.kill(run)
    return noted(station)


def survey(station):
    return station.ended("run", "field/bmc-survey", "--rack", station.inventory, "--json", "--no-input")


def ends_what_was_left(options):
    with tempfile.TemporaryDirectory(prefix="kiln-sessions-") as place, Station(options, place) as station:
        bmcs = bmcs_of(station)
        left = killed(station)
        open_there = {(bmc.url, uri) for bmc in bmcs.values() for uri in bmc.sessions()}
        pages = list(Path(place, "kiln/sessions").glob("*.json"))
        check([page.stat().st_mode & 0o777 for page in pages] == [0o600], f"its notes are its owner's alone ({pages})")
        check(len(left) >= 4 and left <= open_there, f"a killed run leaves {len(left)} sessions of its own at its BMCs, and each is noted")
        full = bmcs["C01"]
        while full.log_in() == 201:
            pass
        check(len(full.sessions()) == PLACES, f"then others take all {PLACES} places of C01")
        others = full.sessions() - {uri for url, uri in left if url == full.url}
        code, _, err = station.ended("recover")
        check(code == 0, f"kiln recover ({code}, {err.strip()[-200:]})")
        code, _, err = survey(station)
        check(code in (0, 3), f"and a survey ({code}, {err.strip()[-300:]})")
        open_there = {(bmc.url, uri) for bmc in bmcs.values() for uri in bmc.sessions()}
        check(not left & open_there, f"none of what was left is open any more: {sorted(left & open_there)}")
        check(full.sessions() == others, "and those of others are")
        check(noted(station) == set() and not list(Path(place, "kiln/sessions").glob("*.json")), f"nothing is noted any more: {noted(station)}")


def leaves_nothing(options):
    with tempfile.TemporaryDirectory(prefix="kiln-sessions-") as place, Station(options, place) as station:
        code, _, err = survey(station)
        check(code in (0, 3), f"a survey ({code}, {err.strip()[-300:]})")
        run = station.run(soak="14s")
        _, err = run.communicate(timeout=180)
        check(run.returncode == 0, f"a run ({run.returncode}, {err.strip()[-300:]})")
        still = {name: bmc.sessions() for name, bmc in bmcs_of(station).items() if bmc.sessions()}
        check(still == {} and noted(station) == set(), f"runs that end leave no session: {still}, {noted(station)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    ends_what_was_left(options)
    leaves_nothing(options)
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
