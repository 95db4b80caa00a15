#!/usr/bin/env python3
"""Burns in this machine over a real OpenSSH sshd on loopback: GO with key login, an enforced host key and the parts it has; a sensor
it lacks ends INCOMPLETE, a drive it lacks NO-GO, a DIMM whichever its SMBIOS allows; another host key is refused. Then programs
that misbehave, as `exec` steps on the host and on the station. Skipped (with the reason) without sshd, stress-ng or fio.

usage: host_burn_in.py --bin BUILD/bin
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_sshd(place):
    for name in ("host", "login", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{place}/{name}"], check=True)
    shutil.copy(f"{place}/login.pub", f"{place}/authorized_keys")
    os.chmod(f"{place}/authorized_keys", 0o600)
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    port = free_port()
    with open(f"{place}/sshd_config", "w", encoding="utf-8") as config:
        config.write(f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized_keys\n"
                     "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUsePAM no\n"
                     f"StrictModes no\nPidFile {place}/sshd.pid\n"
                     f"SetEnv HOME={place}\n")  # no start-up files of whoever runs this
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", f"{place}/sshd_config"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.05)
    raise RuntimeError("sshd did not start")


def write_rack(place, port, key, components):
    host_key = " ".join(open(f"{place}/{key}.pub", encoding="utf-8").read().split()[:2])
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    with open(f"{place}/rack.yaml", "w", encoding="utf-8") as rack:
        rack.write("rack: BENCH\nproduct: generic-server\nsimulated: false\ncredentials: credentials.yaml\nduts:\n  - id: H01\n"
                   f"    role: server\n    host: {{address: 127.0.0.1, port: {port}, user: {user}, credential: host, host_key: \"{host_key}\"}}\n"
                   f"    expect: {{components: [{', '.join(components)}]}}\n")
    with open(os.open(f"{place}/credentials.yaml", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f"host: {{user: {user}, key_file: {place}/login}}\n")


def tool_prints(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def own_parts():
    """Components that this machine certainly has, as the rack file writes them."""
    parts = []
    sockets = {line.split(",")[2] for line in tool_prints("lscpu", "--parse=CPU,CORE,SOCKET").splitlines() if line and line[0] != "#"}
    parts += [f"{{kind: cpu, name: socket{number}}}" for number in sorted(sockets) if number.strip()]
    disks = json.loads(tool_prints("lsblk", "--json", "--nodeps", "--output", "NAME,TYPE,SERIAL") or '{"blockdevices": []}')["blockdevices"]
    parts += [f"{{kind: drive, name: {disk['name']}}}" for disk in disks if disk["type"] == "disk" and not disk["name"].startswith("zram")][:1]
    for name in sorted(os.listdir("/sys/class/net")):
        if os.path.exists(f"/sys/class/net/{name}/device"):
            address = open(f"/sys/class/net/{name}/address", encoding="utf-8").read().strip()
            parts.append(f"{{kind: nic, name: {name}, serial: \"{address.upper()}\"}}")
            break
    return parts


# Each: what it is, the program, what it must lead to, and the code of a reason that must be there.
GOOD = '{"testStepArtifact":{"measurement":{"name":"cpu.stress.failures","value":0,"unit":"1"}}}'
FAIL = '{"testStepArtifact":{"diagnosis":{"verdict":"worn","type":"FAIL","message":"worn out"}}}'
# Seconds that no other sleep on this machine has: what is left behind is known by them.
LONG = f"{100000 + os.getpid()}"
PROGRAMS = [
    ("a good program", f"echo '{GOOD}'", "GO", None),
    ("one that says nothing", "true", "INCOMPLETE", "measurement.missing"),
    ("one that fails by its status", f"echo '{GOOD}'; exit 3", "NO-GO", "exec.exit_code"),
    ("one with a FAIL of its own", f"echo '{GOOD}'; echo '{FAIL}'", "NO-GO", "exec.diagnosis_fail"),
    ("one that is not there", "kiln-no-such-program", "INCOMPLETE", "tool.not_installed"),
    ("one that hangs", f"echo '{GOOD}'; sleep {LONG}", "INCOMPLETE", "step.timeout"),
    ("one that ignores TERM and hangs", f"trap '' TERM; echo '{GOOD}'; while :; do sleep {LONG}; done", "INCOMPLETE", "step.timeout"),
    ("one that leaves children behind", f"sleep {LONG} & sleep {LONG} & echo '{GOOD}'", "GO", None),
    ("one whose children ignore TERM", f"(trap '' TERM; while :; do sleep {LONG}; done) & echo '{GOOD}'", "GO", None),
    ("one that floods 100 MB", f"yes wonderful | head -c 100000000; echo; echo '{GOOD}'", "GO", None),
    ("one that floods an endless line", f"head -c 100000000 /dev/zero | tr '\\0' x; echo; echo '{GOOD}'", "GO", None),
    ("one that prints garbage", "echo '{\"testStepArtifact\":'; head -c 100000 /dev/urandom; echo; " + f"echo '{GOOD}'", "GO", None),
    ("one that closes its output and goes on", f"echo '{GOOD}'; exec >&- 2>&-; sleep 2", "GO", None),
    ("one that kills itself", f"echo '{GOOD}'; kill -9 $$", "INCOMPLETE", "exec.killed"),
]


def exec_recipe(place, where, program, code):
    """One that ends by itself has time to, also on a machine with much else to do; one that hangs is not waited for long."""
    quoted, timeout = json.dumps(program), "6s" if code == "step.timeout" else "90s"
    with open(f"{place}/exec.yaml", "w", encoding="utf-8") as recipe:
        recipe.write("recipe: exec\nversion: 1.0.0\nproduct: generic-server\npurpose: burn-in\nphases:\n  - phase: main\n    steps:\n"
                     f"      - {{step: program, use: exec.run, duts: all, timeout: {timeout}, with: {{where: {where}, command: {quoted}}}, "
                     "requires: [exec.exit_code, cpu.stress.failures]}\n")
    return f"{place}/exec.yaml"


def left_behind():
    return tool_prints("pgrep", "-f", f"^sleep {LONG}$").split()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    for tool in ("/usr/sbin/sshd", "stress-ng", "fio", "ssh-keygen"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            return SKIPPED
    if subprocess.run(["dmesg"], capture_output=True, check=False).returncode != 0:
        print("skipped: the kernel log may not be read here")
        return SKIPPED
    wrong = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kiln-host-") as place:
        server, port = start_sshd(place)
        try:
            def check(good, what, more=""):
                nonlocal wrong
                print(("ok    " if good else "WRONG ") + what + f" [{time.monotonic() - began:.1f} s]", flush=True)
                if not good:
                    print("      " + more)
                    wrong += 1

            def kiln(recipe, *more):
                return subprocess.run([os.path.join(options.bin, "kiln"), "run", recipe, "--rack", f"{place}/rack.yaml", *more, "--json",
                                       "--no-input", "--out", f"{place}/report"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      timeout=180, env=dict(os.environ, XDG_STATE_HOME=place))

            def run(expect_exit, expect_decision, what, length="1s", code=None, part=""):
                done = kiln("host/burn-in-this-machine", "--set", f"length={length}", "--set", "memory=128m", "--set", f"directory={place}")
                result = json.loads(done.stdout) if done.stdout.startswith("{") else {}
                found = [(reason["code"], reason["fru"]) for dut in result.get("duts", []) for reason in dut["reasons"]]
                good = done.returncode == expect_exit and result.get("decision") == expect_decision and (code is None or (code, part) in found)
                check(good, f"{what}: exit {done.returncode}, {result.get('decision')}", json.dumps(result.get("duts", done.stderr[-800:]))[:1500])
                return done

            parts = own_parts()
            check(len(parts) >= 2, f"this machine tells of its parts ({len(parts)})")
            write_rack(place, port, "host", parts)
            run(0, "GO", "this machine with its parts, key login, enforced host key", "3s")
            report = json.load(open(f"{place}/report/report.json", encoding="utf-8"))
            names = json.dumps(report)
            check(all(name in names for name in ("host.parts.uncovered", "host.parts.unread", "edac.uncovered", "sensor.uncovered")),
                  "the report lists what was not covered")
            write_rack(place, port, "host", ["{kind: sensor, name: hwmon99/temp1}"])
            run(4, "INCOMPLETE", "a declared sensor that the machine lacks")
            write_rack(place, port, "host", ["{kind: drive, name: nvme99n1, serial: KILN-NO-SUCH-DRIVE}"])
            run(1, "NO-GO", "a declared drive that the machine lacks", code="drive.missing", part="nvme99n1")
            write_rack(place, port, "host", ["{kind: nic, name: kiln99}"])
            run(1, "NO-GO", "a declared network interface that the machine lacks", code="nic.missing", part="kiln99")
            write_rack(place, port, "host", ["{kind: memory, name: KILN_DIMM_99}"])
            if "Memory Device" in tool_prints("dmidecode", "--type", "memory"):
                run(1, "NO-GO", "a declared DIMM that SMBIOS does not have", code="memory.missing", part="KILN_DIMM_99")
            else:
                run(4, "INCOMPLETE", "a declared DIMM, and nothing that could tell")
            write_rack(place, port, "other", [])
            run(4, "INCOMPLETE", "a host key that is not the one in the rack file")

            write_rack(place, port, "host", [])
            for where in ("host", "station"):
                for what, program, decision, code in PROGRAMS:
                    done = kiln(exec_recipe(place, where, program, code))
                    result = json.loads(done.stdout) if done.stdout.startswith("{") else {}
                    found = [reason["code"] for dut in result.get("duts", []) for reason in dut["reasons"]]
                    check(result.get("decision") == decision and (code is None or code in found),
                          f"exec on the {where}, {what}: {result.get('decision')} {found}", done.stderr[-600:])
                    end = time.monotonic() + 5
                    while left_behind() and time.monotonic() < end:
                        time.sleep(0.1)
                    check(not left_behind(), f"exec on the {where}, {what}: nothing of it is left ({left_behind()})")
        finally:
            server.terminate()
            server.wait(timeout=10)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
