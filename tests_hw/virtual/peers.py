#!/usr/bin/env python3
"""ci/peers, which tries Kiln against somebody else's service, is tried itself: against a virtual BMC it passes what it can run and
lists what it did not, against an address where nobody is it fails, against a service that is half a BMC it says what is missing; the
password is nowhere but in the credentials file it is given.

usage: peers.py --bin BUILD/bin
"""
import argparse
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

import wire
import yaml

check = wire.Checks()
PEERS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "ci", "peers")


def peers(options, url, user, password, *more, timeout=600):
    """ci/peers with the password on a descriptor: (exit code, {check: ok|FAIL|NOT RUN}, output)."""
    reader, writer = os.pipe()
    os.write(writer, (password + "\n").encode())
    os.close(writer)
    try:
        run = subprocess.run([PEERS, url, user, "--bin", options.bin, "--password-fd", str(reader), "--minutes", "5", *more], pass_fds=[reader],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
    finally:
        os.close(reader)
    said = {}
    for line in run.stdout.splitlines():
        for word in ("ok", "FAIL", "NOT RUN"):
            if line.startswith(word + " "):
                said[line[len(word):].split(":")[0].strip()] = word
    return run.returncode, said, run.stdout + run.stderr


class HalfABmc(http.server.BaseHTTPRequestHandler):
    """A service root without anything behind it, by plain HTTP/1.0, that takes any password."""

    def do_GET(self):  # noqa: N802, the name is the library's
        root = {"@odata.id": "/redfish/v1/", "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot", "Id": "R", "Name": "R", "RedfishVersion": "1.6.0"}
        body = json.dumps(root if self.path.rstrip("/") == "/redfish/v1" else {"error": {"code": "Base.1.0.ResourceMissingAtURI"}}).encode()
        self.send_response(200 if self.path.rstrip("/") == "/redfish/v1" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def against_the_virtual_bmc(options, place):
    with wire.Rack(options, place, "--rack", "small", "--seed", "5") as rack:
        with open(rack.inventory, encoding="utf-8") as file:
            inventory = yaml.safe_load(file)
        with open(os.path.join(os.path.dirname(rack.inventory), inventory["credentials"]), encoding="utf-8") as file:
            credentials = yaml.safe_load(file)
        dut = next(one for one in inventory["duts"] if one["role"] == "compute_tray")
        login = credentials[dut["bmc"]["credential"]]
        code, said, text = peers(options, dut["bmc"]["url"], login["user"], login["password"])
        check(code == 0, "nothing fails against a virtual BMC", text)
        passed = {name for name, word in said.items() if word == "ok"}
        must = {"reach", "discover", "wrong_password", "survey", "capture", "replay", "secret_stays", "sessions_left"}
        check(must <= passed, "what can be run was run and passed", (must - passed, text))
        check({"power", "update"} <= {name for name, word in said.items() if word == "NOT RUN"} and "not run: power" in text,
              "what was not run is listed, not passed", text)
        check(login["password"] not in text, "the password is not printed")
        code, said, text = peers(options, dut["bmc"]["url"], login["user"], login["password"] + "x")
        check(code == 1 and said.get("discover") == "FAIL" and said.get("survey") == "NOT RUN", "with a wrong password nothing is claimed", text)


def against_nobody(options):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    code, said, text = peers(options, f"https://127.0.0.1:{port}", "admin", "secret-word")
    check(code == 1 and said == {"reach": "FAIL"}, "an address where nobody is fails", text)
    check(text.count("the service does not answer") >= 10 and "0 ok, 1 failed" in text, "and everything else is listed as not run", text)


def against_half_a_bmc(options):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HalfABmc)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code, said, text = peers(options, f"http://127.0.0.1:{server.server_port}", "admin", "secret-word")
    server.shutdown()
    check(said.get("reach") == "ok" and "no TLS" in text, "a service without TLS is asked through a door", text)
    check(said.get("events") == "NOT RUN" and said.get("sessions_left") == "NOT RUN", "what it lacks is not run, with the reason", text)
    check(code in (0, 1) and "Traceback" not in text, "it ends with a verdict", text)


def wrong_usage(options):
    for url in ("10.0.0.5", "https://user:word@10.0.0.5", "ftp://10.0.0.5", "https://10.0.0.5/?x=1"):
        run = subprocess.run([PEERS, url, "admin", "--bin", options.bin], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        check(run.returncode == 2 and "no address" in run.stderr, f"{url} is wrong usage", run.stderr)
    run = subprocess.run([PEERS, "https://127.0.0.1", "admin", "--bin", options.bin, "--password-fd", "99"], stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=60, check=False)
    check(run.returncode == 2 and "99" in run.stderr, "a descriptor that is not open is wrong usage", run.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    wrong_usage(options)
    against_nobody(options)
    with tempfile.TemporaryDirectory(prefix="kiln-peers-test-") as place:
        against_the_virtual_bmc(options, place)
    against_half_a_bmc(options)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
