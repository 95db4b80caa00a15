#!/usr/bin/env python3
"""BMCs behind a jump host: a real sshd stands between kiln and the virtual rack. A BMC is diagnosed and a whole run is done that way,
the warden's own line included; a jump host that is not the one of the rack file, or that forbids it, is named; and one that dies
under load is lost telemetry, which is cut, not overlooked.

usage: jump.py --bin BUILD/bin
"""
import argparse
import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import yaml

import wire


class Sshd:
    """OpenSSH's own, on a port of loopback, with its own keys; the current user logs in with a key."""

    def __init__(self, place, settings=""):
        self.place = place
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(place, name)], check=True)
        os.chmod(os.path.join(place, "user.pub"), 0o600)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = os.path.join(place, "sshd_config")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/user.pub\nPidFile none\n"
                      f"StrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxStartups 100\n{settings}")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.02)

    def access(self):
        with open(os.path.join(self.place, "host.pub"), encoding="utf-8") as key:
            return {"address": "127.0.0.1", "port": self.port, "user": getpass.getuser(), "credential": "jump",
                    "host_key": " ".join(key.read().split()[:2])}

    def cut(self):
        """With the processes it has made for connections: each is a session of its own."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as children:
            numbers = [int(number) for number in children.read().split()]
        for number in numbers:
            try:
                with open(f"/proc/{number}/task/{number}/children", encoding="utf-8") as below:
                    numbers += [int(one) for one in below.read().split()]
            except OSError:
                continue
        for number in [self.process.pid, *numbers]:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


def behind(rack, sshd, name, host_key=None):
    """The rack's own file, with every BMC behind the jump host."""
    folder = os.path.dirname(rack.inventory)
    inventory = yaml.safe_load(open(rack.inventory, encoding="utf-8"))
    credentials = yaml.safe_load(open(os.path.join(folder, inventory["credentials"]), encoding="utf-8"))
    credentials["jump"] = {"user": getpass.getuser(), "key_file": os.path.join(sshd.place, "user")}
    secret = os.path.join(folder, name + ".credentials.yaml")
    with open(secret, "w", encoding="utf-8") as out:
        yaml.safe_dump(credentials, out)
    os.chmod(secret, 0o600)
    inventory["credentials"] = secret
    for dut in inventory["duts"]:
        dut["bmc"]["jump"] = dict(sshd.access(), **({"host_key": host_key} if host_key else {}))
    file = os.path.join(folder, name + ".yaml")
    with open(file, "w", encoding="utf-8") as out:
        yaml.safe_dump(inventory, out, width=1000)
    return file, inventory


def doctor(options, place, file, dut):
    result = wire.kiln(options, place, "doctor", "--bmc", dut, "--rack", file, "field/bmc-survey", "--json")
    try:
        return result, json.loads(result.stdout)
    except ValueError:
        return result, None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    check = wire.Checks()
    with tempfile.TemporaryDirectory(prefix="kiln-jump-") as place, wire.Rack(options, place, "--rack", "small", "--seed", "55") as rack:
        os.makedirs(os.path.join(place, "good"), mode=0o700)
        os.makedirs(os.path.join(place, "strict"), mode=0o700)
        sshd = Sshd(os.path.join(place, "good"))
        file, inventory = behind(rack, sshd, "behind")
        tray = next(dut["id"] for dut in inventory["duts"] if dut["role"] == "compute_tray")
        result, said = doctor(options, place, file, tray)
        check(result.returncode == 0 and said and said["recipes"][0]["can"] in ("can", "can in part"), "a BMC is diagnosed behind a jump host",
              result.stderr + result.stdout[-500:])

        with open(os.path.join(sshd.place, "user.pub"), encoding="utf-8") as key:
            other, _ = behind(rack, sshd, "other", " ".join(key.read().split()[:2]))
        result, said = doctor(options, place, other, tray)
        check(result.returncode == 4 and said["problems"][0]["code"] == "jump.host_key", "another host key is the jump host's", result.stdout)
        strict = Sshd(os.path.join(place, "strict"), "AllowTcpForwarding no\n")
        forbidden, _ = behind(rack, strict, "forbidden")
        result, said = doctor(options, place, forbidden, tray)
        check(result.returncode == 4 and said["problems"][0]["code"] == "jump.refused", "a jump host that forbids it is named", result.stdout)
        strict.cut()

        run = wire.kiln(options, place, "run", "demo/small", "--rack", file, "--json", "--no-input", "--out", place + "/good-run")
        report = json.loads(run.stdout) if run.stdout.startswith("{") else {}
        check(run.returncode == 0 and report.get("decision") == "GO", "a whole run is done that way, the warden's line included",
              f"exit {run.returncode} {report.get('decision')} {json.dumps(report.get('duts'))[:1500]}\n{run.stderr[-1500:]}")

        going = wire.start_kiln(options, place, "run", "demo/small", "--rack", file, "--json", "--no-input", "--out", place + "/cut-run",
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        began = time.monotonic()
        while going.poll() is None and time.monotonic() - began < 60:
            if any(dut["load"] for dut in rack.get("/state")["duts"].values()):
                break
            time.sleep(0.1)
        loaded = going.poll() is None
        sshd.cut()
        out, err = going.communicate(timeout=180)
        report = json.loads(out) if out.startswith("{") else {}
        causes = {one["cause"] for one in report.get("interlocks", [])}
        check(loaded and going.returncode == 5 and report.get("decision") != "GO" and causes,
              "a jump host that dies under load is lost telemetry, and cut", f"exit {going.returncode} {report.get('decision')} {causes}\n{err[-1500:]}")
        ended = time.monotonic()
        while time.monotonic() - ended < 20 and any(dut["load"] for dut in rack.get("/state")["duts"].values()):
            time.sleep(0.2)
        still = [name for name, dut in rack.get("/state")["duts"].items() if dut["load"]]
        check(not still, "and no load goes on, although no BMC can be asked", still)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
