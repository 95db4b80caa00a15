#!/usr/bin/env python3
"""The building: a leak that only its management system (BMS) sees cuts the rack and has it isolated, and what the BMS does not say
energises nothing. A real broker with TLS and passwords on loopback, a publisher that plays the BMS as the AsyncAPI has it, and a
separately started virtual rack whose rack.yaml names them; what was cut is asked of the rack itself.

usage: building.py --bin BUILD/bin
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import recover
from recover import HAZARDS, Station, TRAYS


def check(good, what):
    recover.check(good, f"{threading.current_thread().name}: {what}")


LOCATION = "HALL3-ROW2-17"  # the rack's rackLocationId at the site
RACK = "BMS/v1/PUB/{}/Rack/{}/hall3/row2/17"
ROPE = "BMS/v1/PUB/{}/Sensor/LeakDetect/hall3/rope-4"
HEART = "BMS/v1/PUB/{}/System/HeartbeatTimestampBms/bms"
GRACE, CONFIRM = 3, 4  # seconds, of the rules of this suite
RULES = f"""interlock_rules: short
revision: 1
leak: {{poll: 1s, grace: 5s, cuts: tray}}
cut: {{confirm: 10s, ladder: [load, chassis, power_shelf, building]}}
building: {{grace: {GRACE}s, confirm: {CONFIRM}s}}
""" + HAZARDS.format(grace=10)


def states(clear, tripped):
    return [{"value": 0, "text": clear}, {"value": 1, "text": tripped}]


def of_rack(point, clear, tripped, **more):
    return dict(objectType="Rack", pointType=point, rackLocationName="17", rackLocationId=LOCATION,
                stateText=states(clear, tripped), **more)


METADATA = {
    RACK.format("Metadata", "RackLeakDetect"): of_rack("RackLeakDetect", "NoLeak", "Leak"),
    RACK.format("Metadata", "RackLeakSensorFault"): of_rack("RackLeakSensorFault", "NoFault", "Fault"),
    RACK.format("Metadata", "RackLiquidIsolationStatus"): of_rack("RackLiquidIsolationStatus", "NotIsolated", "Isolated"),
    RACK.format("Metadata", "RackElectricalIsolationStatus"): of_rack("RackElectricalIsolationStatus", "NotIsolated", "Isolated"),
    RACK.format("Metadata", "RackLiquidIsolationRequest"): of_rack("RackLiquidIsolationRequest", "None", "Isolate", integration="kiln"),
    RACK.format("Metadata", "RackElectricalIsolationRequest"): of_rack("RackElectricalIsolationRequest", "None", "Isolate", integration="kiln"),
    RACK.format("Metadata", "RackLeakDetectTray"): of_rack("RackLeakDetectTray", "NoLeak", "Leak", integration="kiln"),
    ROPE.format("Metadata"): dict(objectType="Sensor", pointType="LeakDetect", objectName="rope 4", objectId="rope-4",
                                  servesId=[LOCATION], stateText=states("Dry", "Wet")),
    HEART.format("Metadata"): dict(objectType="System", pointType="HeartbeatTimestampBms", objectName="BMS", objectId="BMS"),
}
ROPE_VALUE, RACK_VALUE = ROPE.format("Value"), RACK.format("Value", "RackLeakDetect")
STATUS = {kind: RACK.format("Value", f"Rack{kind}IsolationStatus") for kind in ("Liquid", "Electrical")}
REQUEST = {kind: RACK.format("Value", f"Rack{kind}IsolationRequest").replace("PUB", "kiln") for kind in ("Liquid", "Electrical")}
TRAY_LEAK = RACK.format("Value", "RackLeakDetectTray").replace("PUB", "kiln")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Bms:
    """The broker, and who publishes on it. Values go out twice a second, so that who is new to it need not wait for 100 s."""

    def __init__(self, place):
        self.place, self.port = place, free_port()
        self.values = {ROPE_VALUE: 0, RACK_VALUE: 0, RACK.format("Value", "RackLeakSensorFault"): 0, **{topic: 0 for topic in STATUS.values()}}
        self.obeys = True
        self.heard = []  # (monotonic time, topic, value) of what kiln published
        self.publishers, self.ended = {}, threading.Event()
        for word in (["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key",
                      "-out", "ca.pem", "-days", "2", "-subj", "/CN=site authority"],
                     ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "broker.key",
                      "-out", "broker.csr", "-subj", "/CN=bms"],
                     ["x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                      "-extfile", "names", "-out", "broker.pem"]):
            self.write("names", "subjectAltName=IP:127.0.0.1\n")
            subprocess.run(["openssl", *word], cwd=place, check=True, capture_output=True)
        self.write("passwords", "")
        for user, password in (("bms", "of-the-bms"), ("kiln", "of-kiln")):
            subprocess.run(["mosquitto_passwd", "-b", "passwords", user, password], cwd=place, check=True, capture_output=True)
        self.write("broker.conf", f"listener {self.port} 127.0.0.1\ncafile {place}/ca.pem\ncertfile {place}/broker.pem\nkeyfile "
                   f"{place}/broker.key\nallow_anonymous false\npassword_file {place}/passwords\nlog_dest none\n"
                   + ("user root\n" if os.geteuid() == 0 else ""))

    def write(self, name, text):
        with open(os.path.join(self.place, name), "w", encoding="utf-8") as file:
            file.write(text)

    def __enter__(self):
        self.broker = subprocess.Popen(["mosquitto", "-c", os.path.join(self.place, "broker.conf")], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        for topic, metadata in METADATA.items():
            subprocess.run(self.client("mosquitto_pub", "-t", topic, "-r", "-m", json.dumps(dict(metadata, version="1.0.0"))), check=True)
        self.listener = subprocess.Popen(self.client("mosquitto_sub", "-t", "BMS/v1/kiln/#", "-F", "%t %p"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.publish, self.listen)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.threads[0].join(timeout=5)
        for program in (self.broker, self.listener, *self.publishers.values()):
            program.kill()
            program.wait()

    def client(self, program, *words):
        return [program, "-h", "127.0.0.1", "-p", str(self.port), "--cafile", os.path.join(self.place, "ca.pem"), "-u", "bms", "-P",
                "of-the-bms", *words]

    def say(self, topic, value):
        if topic not in self.publishers:
            self.publishers[topic] = subprocess.Popen(self.client("mosquitto_pub", "-t", topic, "-l"), stdin=subprocess.PIPE, text=True,
                                                      stderr=subprocess.DEVNULL)
        try:
            self.publishers[topic].stdin.write(json.dumps({"value": value, "timestamp": int(time.time() * 1000), "quality": 1}) + "\n")
            self.publishers[topic].stdin.flush()
        except OSError:
            pass  # the broker was killed

    def publish(self):
        while not self.ended.is_set():
            self.say(HEART.format("Value"), int(time.time() * 1000))
            for topic, value in list(self.values.items()):
                self.say(topic, value)
            self.ended.wait(0.5)

    def listen(self):
        for line in self.listener.stdout:
            topic, _, payload = line.strip().partition(" ")
            value = json.loads(payload)["value"]
            self.heard.append((time.monotonic(), topic, value))
            for kind, asked in REQUEST.items():
                if topic == asked and value == 1 and self.obeys:
                    self.values[STATUS[kind]] = 1

    def requested(self):
        return sorted({topic for _, topic, value in self.heard if topic in REQUEST.values() and value == 1})

    def kill(self):
        self.broker.kill()
        self.broker.wait()


class Building(Station):
    """A station on a virtual rack of which rack.yaml names the building."""
    RULES = RULES

    def __init__(self, options, place, bms):
        super().__init__(options, place)
        folder = os.path.dirname(self.inventory)
        with open(os.path.join(folder, "rack.credentials.yaml"), encoding="utf-8") as file:
            credentials = file.read()
        with open(os.path.join(folder, "site.credentials.yaml"), "w", opener=lambda path, flags: os.open(path, flags, 0o600), encoding="utf-8") as file:
            file.write(credentials + "bms: {user: kiln, password: of-kiln}\n")
        with open(self.inventory, encoding="utf-8") as file:
            rack = file.read()
        rack = rack.replace("rack.credentials.yaml", "site.credentials.yaml")
        self.inventory = os.path.join(folder, "site.yaml")
        with open(self.inventory, "w", encoding="utf-8") as file:
            file.write(rack + f'building: {{broker: "mqtts://127.0.0.1:{bms.port}", rack_location_id: {LOCATION}, integration: kiln, '
                       f"credential: bms, tls: {{ca: {bms.place}/ca.pem}}}}\n")
        self.rules = os.path.join(place, "rules.yaml")
        with open(self.rules, "w", encoding="utf-8") as file:
            file.write(self.RULES)

    def begin(self, soak, *words):
        return self.kiln("run", "demo/small", "--rack", self.inventory, "--json", "--no-input", "--format", "json", "--set", f"soak={soak}", *words)

    def log(self):
        return json.loads(urllib.request.urlopen(self.control + "/log", timeout=10).read())["entries"]

    def report(self):
        """The text of the report, and the notes of the record in it."""
        _, out, _ = self.ended("report", "last", "--format", "html", "--out", self.place + "/report", "--json")
        with open(json.loads(out)["reports"]["html"], encoding="utf-8") as file:
            return file.read()


def under_load(station, soak="60s"):
    run = station.begin(soak, "--interlock-rules", station.rules)
    end = time.monotonic() + 90
    while time.monotonic() < end and run.poll() is None and not all(station.state()[tray]["load"] for tray in TRAYS):
        time.sleep(0.05)
    check(run.poll() is None and len(station.on()) == 5, f"both trays are under load ({station.on()})")
    return run


def resets(station):
    """DUTs that were told to go off, by the rack's own log."""
    return {entry["dut"] for entry in station.log() if entry["method"] == "POST" and ".Reset" in entry.get("uri", "")}


def reasons_of(text):
    return [(reason["code"], reason["message"]) for dut in json.loads(text)["duts"] for reason in dut["reasons"]]


def cut_within(station, seconds):
    began = time.monotonic()
    while time.monotonic() - began < seconds and station.on():
        time.sleep(0.02)
    return time.monotonic() - began


def a_dry_building(options, place, bms):
    """GO."""
    with Building(options, place, bms) as station:
        run = station.begin("20s")  # long enough for three readings of a steady load on a machine that is shared
        out, err = run.communicate(timeout=120)
        check(run.returncode == 0 and json.loads(out)["decision"] == "GO", f"a dry building: GO ({run.returncode}, {reasons_of(out)}, {err[-300:]})")
        check(bms.requested() == [], "and nothing was asked of it")
        told = [value for _, topic, value in bms.heard if topic == TRAY_LEAK]
        check(told[:1] == [0] and set(told) == {0}, f"it was told that no tray leaks ({told})")
        check("the building is heard through mqtts://127.0.0.1" in station.report(), "the report says through which broker, and whose certificate")


def no_broker(options, place, bms):
    """Nothing is energised. On a rack of its own: one that was under load a moment ago is still warm, and measured."""
    bms.kill()
    with Building(options, place, bms) as station:
        run = station.begin("10s")
        out, err = run.communicate(timeout=120)
        reasons = reasons_of(out)
        check(run.returncode == 4 and any(code == "permit.no_warden_watch" and str(bms.port) in message for code, message in reasons),
              f"without its broker: INCOMPLETE, and the refusal names the broker ({run.returncode}, {reasons[:2]})")
        energised = [entry for entry in station.log()
                     if (entry["method"] == "POST" and ".Reset" in entry.get("uri", "")) or "gpu_burn" in entry.get("command", "")]
        check(not [entry for entry in energised if "pkill" not in entry.get("command", "")] and station.on() == [],
              f"nothing was energised ({energised[:2]}, {station.on()})")


def a_leak(options, place, bms, point, obeys):
    """Cut, NO-GO, and the isolation asked for; the BMS obeys or does not."""
    bms.obeys = obeys
    with Building(options, place, bms) as station:
        run = under_load(station)
        began = time.monotonic()
        bms.values[point] = 1
        bms.say(point, 1)
        after = cut_within(station, 10)
        check(station.on() == [], f"{point.split('/')[4]} reads a leak: everything is off after {after:.2f} s ({station.on()})")
        check(after < 3, "before anybody has isolated anything")
        out, err = run.communicate(timeout=90)
        told = json.loads(out)
        check(run.returncode == 5 and told["decision"] == "NO-GO", f"exit 5, NO-GO ({run.returncode}, {told['decision']}, {err[-200:]})")
        check(resets(station) >= {*TRAYS, "S01"}, f"each tray was forced off, by the rack's own log ({resets(station)})")
        for tray in (*TRAYS, "S01"):
            cuts = [cut for cut in told["interlocks"] if cut["dut"] == tray]
            reasons = [reason for dut in told["duts"] if dut["id"] == tray for reason in dut["reasons"] if reason["code"] == "leak.detected"]
            check(len(cuts) == 1 and any(point in reason["fru"] and point in reason["message"] for reason in reasons),
                  f"{tray}: its record names the building's point ({cuts}, {reasons})")
        check(bms.requested() == sorted(REQUEST.values()), f"liquid and electrical isolation were asked for, where the metadata says ({bms.requested()})")
        asked = [at for at, topic, value in bms.heard if topic in REQUEST.values() and value == 1]
        check(asked and asked[0] - began < 3, f"{asked[0] - began if asked else -1:.2f} s after the leak")
        text = station.report()
        if obeys:
            check("the building has isolated the rack (liquid and electrical), confirmed" in text, "the record says that it is isolated")
        else:
            check("the building is not confirmed to have isolated the rack" in text and "reads NotIsolated" in text and "by hand" in text,
                  "the record says that it is not isolated, why, and what to do")


def the_broker_dies(options, place, bms):
    """Telemetry lost, after the grace."""
    with Building(options, place, bms) as station:
        run = under_load(station)
        bms.kill()
        after = cut_within(station, 20)
        check(station.on() == [] and GRACE - 1 <= after <= GRACE + 3, f"the broker is killed: everything is off after {after:.2f} s, grace {GRACE} s")
        out, err = run.communicate(timeout=90)
        told = json.loads(out)
        codes = {code for code, _ in reasons_of(out)}
        check(run.returncode == 5 and told["decision"] == "INCOMPLETE" and "interlock.telemetry-lost" in codes,
              f"exit 5, INCOMPLETE, telemetry lost ({run.returncode}, {told['decision']}, {codes}, {err[-200:]})")
        check("isolat" not in err, "and nobody was asked to isolate anything")


def a_tray_leaks(options, place, bms):
    """One tray is that tray's matter: the building is told, and not asked."""
    with Building(options, place, bms) as station:
        run = under_load(station, "10s")
        station.faults("leak@C02")
        out, err = run.communicate(timeout=120)
        told = [value for _, topic, value in bms.heard if topic == TRAY_LEAK]
        check(run.returncode == 5, f"a leak of one tray: exit 5 ({run.returncode}, {err[-200:]})")
        check(bms.requested() == [], "one tray's leak isolates nothing")
        check(told[:1] == [0] and told[-1:] == [1], f"RackLeakDetectTray says so, 0 and then 1 ({told})")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    began = time.monotonic()

    def work(case, words):
        with tempfile.TemporaryDirectory(prefix="kiln-building-") as place, Bms(place) as bms:
            try:
                case(options, place, bms, *words)
            except Exception as wrong:  # the other cases go on
                check(False, repr(wrong))

    cases = {"dry": (a_dry_building,), "none": (no_broker,), "rope": (a_leak, ROPE_VALUE, True), "rack": (a_leak, RACK_VALUE, False), "broker": (the_broker_dies,),
             "tray": (a_tray_leaks,)}
    threads = [threading.Thread(target=work, name=name, args=(case, words)) for name, (case, *words) in cases.items()]
    for thread in threads:  # each has a rack and a broker of its own, and mostly waits
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    print(f"{len(recover.failures)} wrong")
    return 1 if recover.failures else 0


if __name__ == "__main__":
    sys.exit(main())
