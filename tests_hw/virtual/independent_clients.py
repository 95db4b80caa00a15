#!/usr/bin/env python3
"""Two Redfish clients that are not ours, OpenStack's sushy and DMTF's redfishtool as Debian has them, on the BMCs of the virtual rack:
they log in, read, switch and end their sessions; sushy verifies the BMC's certificate, redfishtool never does. What they want of a BMC is not what we had in
mind when we wrote it. The rack itself is asked what became of it.

usage: independent_clients.py --bin BUILD/bin
"""
import argparse
import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

# requests would trust these more than the certificate it is given.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(name, None)

import sushy  # noqa: E402
import yaml  # noqa: E402

SESSIONS = "/redfish/v1/SessionService/Sessions"
failures = []


def check(good, what):
    print(("ok    " if good else "WRONG ") + what, flush=True)
    if not good:
        failures.append(what)


class Rack:
    def __init__(self, options, place):
        self.program = subprocess.Popen([os.path.join(options.bin, "kiln-virtual-rack"), "--rack", "small", "--seed", "7", "--out", place, "--exit-with-stdin"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.control = "http://" + json.loads(self.program.stdout.readline())["control"]
        credentials = yaml.safe_load(Path(place, "rack.credentials.yaml").read_text(encoding="utf-8"))
        self.bmcs = {}
        for dut in yaml.safe_load(Path(place, "rack.yaml").read_text(encoding="utf-8"))["duts"]:
            bmc = {"id": dut["id"], "role": dut["role"], "url": dut["bmc"]["url"], **credentials[dut["bmc"]["credential"]]}
            host, port = bmc["url"].split("//")[1].split(":")
            bmc["certificate"] = place + f"/{dut['id']}.pem"
            Path(bmc["certificate"]).write_text(ssl.get_server_certificate((host, int(port))), encoding="utf-8")
            self.bmcs[dut["id"]] = bmc

    def end(self):
        self.program.stdin.close()
        self.program.wait(timeout=20)

    def power(self, dut):
        return json.loads(urllib.request.urlopen(self.control + "/state", timeout=10).read())["duts"][dut]["power"]

    def becomes(self, dut, power, within=20):
        end = time.monotonic() + within
        while self.power(dut) != power and time.monotonic() < end:
            time.sleep(0.05)
        return self.power(dut) == power


def listen(bmc):
    """The BMC's event stream; reading it waits 10 s at most."""
    request = urllib.request.Request(bmc["url"] + "/redfish/v1/EventService/SSE")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{bmc['user']}:{bmc['password']}".encode()).decode())
    return urllib.request.urlopen(request, timeout=10, context=ssl.create_default_context(cafile=bmc["certificate"]))


def heard(stream, words):
    try:
        for _ in range(100):
            line = stream.readline()
            if words in line or not line:
                return words in line
    except TimeoutError:
        pass
    return False


def by_sushy(rack, bmc):
    try:
        sushy.Sushy(bmc["url"], bmc["user"], bmc["password"], verify=True)
        check(False, f"{bmc['id']}: sushy takes a certificate that nobody vouches for")
    except sushy.exceptions.ConnectionError:
        pass
    try:
        sushy.Sushy(bmc["url"], bmc["user"], "wrong", verify=bmc["certificate"]).get_chassis_collection()
        check(False, f"{bmc['id']}: sushy comes in with a wrong password")
    except sushy.exceptions.AccessError:
        check(True, f"{bmc['id']}: sushy is refused with a wrong password")
    session = sushy.auth.SessionAuth(bmc["user"], bmc["password"])
    root = sushy.Sushy(bmc["url"], auth=session, verify=bmc["certificate"])
    read = {"chassis": [chassis.identity for chassis in root.get_chassis_collection().get_members()],
            "managers": [manager.identity for manager in root.get_manager_collection().get_members()],
            "firmware": len(root.get_update_service().firmware_inventory.get_members())}
    sessions = [one.username for one in root.get_session_service().sessions.get_members()]
    check(read["chassis"] and read["managers"] and read["firmware"] > 0 and sessions == [bmc["user"]], f"{bmc['id']}: sushy reads {read}, and is its one session")
    with listen(bmc) as stream:
        root.get_event_service().submit_test_event("1", "2026-01-01T00:00:00Z", "Alert", "sent by sushy", [], "Base.1.13.Success", bmc["url"], "OK")
        check(heard(stream, b"sent by sushy"), f"{bmc['id']}: sushy has a test event sent, and who listens hears it")
    if bmc["role"] != "cdu":
        by_sushy_switched(rack, bmc, root)
    session.close()
    left = sushy.Sushy(bmc["url"], auth=sushy.auth.BasicAuth(bmc["user"], bmc["password"]), verify=bmc["certificate"]).get_session_service().sessions.get_members()
    check(left == [], f"{bmc['id']}: and has ended it")


def by_sushy_switched(rack, bmc, root):
    system = root.get_system("/redfish/v1/Systems/System_0")
    check(system.power_state == sushy.PowerState.OFF and system.uuid and system.name,
          f"{bmc['id']}: sushy reads its system: {system.name} {system.manufacturer} {system.uuid}")
    system.reset_system(sushy.ResetType.ON)
    check(rack.becomes(bmc["id"], "On"), f"{bmc['id']}: sushy switches it on")
    system.refresh(force=True)
    check(system.power_state == sushy.PowerState.ON, f"{bmc['id']}: and reads so")
    system.reset_system(sushy.ResetType.FORCE_OFF)
    check(rack.becomes(bmc["id"], "Off"), f"{bmc['id']}: sushy switches it off")


def redfishtool(bmc, *words, password=None):
    """(exit code, the JSON it printed, its standard error)"""
    host = bmc["url"].split("//")[1]
    told = subprocess.run(["redfishtool", "-r", host, "-u", bmc["user"], "-p", password or bmc["password"], "-S", "Always", *words],
                          capture_output=True, text=True, timeout=60, check=False)
    try:
        return told.returncode, json.loads(told.stdout), told.stderr
    except ValueError:
        return told.returncode, None, told.stderr + told.stdout


def by_redfishtool(rack, bmc):
    code, _, _ = redfishtool(bmc, "Chassis", "list", password="wrong")
    check(code != 0, f"{bmc['id']}: redfishtool is refused with a wrong password")
    code, versions, err = redfishtool(bmc, "versions")
    check(code == 0 and versions == {"v1": "/redfish/v1/"}, f"{bmc['id']}: redfishtool reads the versions: {versions} {err}")
    code, root, err = redfishtool(bmc, "root")
    check(code == 0 and root["@odata.id"].rstrip("/") == "/redfish/v1", f"{bmc['id']}: the root {err}")
    code, chassis, err = redfishtool(bmc, "-A", "Basic", "Chassis", "list")
    check(code == 0 and chassis["Members@odata.count"] > 0, f"{bmc['id']}: its chassis, by Basic {err}")
    code, sensors, err = redfishtool(bmc, "-A", "Session", "Managers", "list")
    check(code == 0 and sensors["Members@odata.count"] > 0, f"{bmc['id']}: its managers, by session {err}")
    if bmc["role"] == "cdu":
        return
    code, system, err = redfishtool(bmc, "Systems", "-I", "System_0", "get")
    check(code == 0 and system["PowerState"] == "Off", f"{bmc['id']}: its system {err}")
    code, _, err = redfishtool(bmc, "Systems", "-I", "System_0", "reset", "On")
    check(code == 0 and rack.becomes(bmc["id"], "On"), f"{bmc['id']}: redfishtool switches it on {err}")
    code, _, err = redfishtool(bmc, "Systems", "-I", "System_0", "reset", "ForceOff")
    check(code == 0 and rack.becomes(bmc["id"], "Off"), f"{bmc['id']}: redfishtool switches it off {err}")
    code, log, err = redfishtool(bmc, "raw", "GET", SESSIONS)
    check(code == 0 and log["Members@odata.count"] <= 1, f"{bmc['id']}: redfishtool leaves no session: {log} {err}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-clients-") as place:
        rack = Rack(options, place)
        try:
            for bmc in rack.bmcs.values():
                by_sushy(rack, bmc)
                by_redfishtool(rack, bmc)
        finally:
            rack.end()
    print(f"{len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
