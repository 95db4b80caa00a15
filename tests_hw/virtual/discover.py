#!/usr/bin/env python3
"""kiln discover against the virtual rack: from bare addresses it finds every BMC, says what each is, and proposes a rack file with
which the rack can be run; the next scan says what changed, and sends no password where another certificate is.

usage: discover.py --bin BUILD/bin
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

import yaml

import wire


def scan(options, place, *arguments):
    result = wire.kiln(options, place, "discover", *arguments, "--json")
    try:
        return result, json.loads(result.stdout)
    except ValueError:
        return result, None


def parts_of(file):
    """What a rack file expects of each address: serial and components without firmware, which a demo's rack file wishes for."""
    with open(file, encoding="utf-8") as text:
        rack = yaml.safe_load(text)
    return {dut["bmc"]["url"]: (dut["role"], str(dut["expect"]["serial"]), dut["bmc"]["tls"]["pin_sha256"],
                                sorted((item["kind"], item["name"], str(item.get("serial", "")))
                                       for item in dut["expect"].get("components", []) if item["kind"] != "firmware"))
            for dut in rack["duts"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    check = wire.Checks()
    with tempfile.TemporaryDirectory(prefix="kiln-discover-") as place, \
            wire.Rack(options, place, "--rack", "small", "--seed", "21") as rack:
        inventory = yaml.safe_load(open(rack.inventory, encoding="utf-8"))
        credentials = os.path.join(os.path.dirname(rack.inventory), "rack.credentials.yaml")
        urls = [dut["bmc"]["url"] for dut in inventory["duts"]]
        hosts = [url.removeprefix("https://") for url in urls]
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = f"127.0.0.1:{closed.getsockname()[1]}"
        proposed = os.path.join(place, "proposed.yaml")

        result, said = scan(options, place, *hosts, nobody, "--credentials", credentials, "--product", "virtual-gb300-nvl72",
                            "--out", proposed)
        check(result.returncode == 0 and said is not None, "bare addresses: exit 0", result.stderr + result.stdout)
        found = {item["url"]: item for item in said["bmcs"]}
        check([found[url]["state"] for url in urls] == ["read"] * len(urls), "every BMC is found and read", found)
        check(found["https://" + nobody]["state"] == "nobody", "where nobody is, nobody is found")
        roles = {dut["bmc"]["url"]: dut["role"] for dut in inventory["duts"]}
        check({url: found[url]["role"] for url in urls} == roles, "each is told for what it is", {u: (found[u]["role"], found[u]["platform"]) for u in urls})
        check(all(found[url]["first_seen"] for url in urls), "a certificate seen for the first time is told")
        check(len(said["changes"]) == len(urls) and all(": new, " in text for text in said["changes"]), "all are new", said["changes"])
        own, theirs = parts_of(rack.inventory), parts_of(proposed)
        check(own.keys() == theirs.keys(), "the proposed rack file has every BMC")
        for url in sorted(own):
            check(own[url][:3] == theirs[url][:3], f"{url}: role, serial and pin", (own[url][:3], theirs[url][:3]))
            missing = [item for item in own[url][3] if item not in theirs[url][3]]
            check(not missing, f"{url}: every part of the rack's own file is proposed", missing[:20])
        text = open(proposed, encoding="utf-8").read()
        password = next(iter(yaml.safe_load(open(credentials, encoding="utf-8")).values()))["password"]
        check(password not in text + result.stdout + result.stderr, "no password is written or printed")
        planned = wire.kiln(options, place, "run", "field/bmc-survey", "--rack", proposed, "--json", "--no-input", "--out", place + "/survey")
        check(planned.returncode in (0, 2), "the proposed rack file is read", planned.stderr)
        if planned.returncode == 2:
            check("simulated" in planned.stderr, "and refused only because a virtual product is no real rack", planned.stderr)

        result, said = scan(options, place, *hosts, "--credentials", credentials)
        check(result.returncode == 0 and said["changes"] == [], "a second scan: nothing changed", said)
        check(not any(item["first_seen"] for item in said["bmcs"]), "and no certificate is new")
        result, said = scan(options, place, *hosts, "--credentials", credentials, "--out", proposed)
        check(result.returncode == 4 and open(proposed, encoding="utf-8").read() == text, "a file that is there is not written over")

        result, said = scan(options, place, "--rack", rack.inventory)
        check(result.returncode == 0 and said["contradictions"] == [], "the rack's own file fits the rack", said)
        wrong = os.path.join(os.path.dirname(rack.inventory), "wrong.yaml")
        inventory["duts"][0]["expect"]["serial"] = "OTHER"
        with open(wrong, "w", encoding="utf-8") as out:
            yaml.safe_dump(inventory, out)
        result, said = scan(options, place, "--rack", wrong)
        check(result.returncode == 4 and any("expects serial OTHER" in text for text in said["contradictions"]),
              "a serial that disagrees is told with its sources", said)

        inventory["duts"][0]["expect"]["serial"] = parts_of(rack.inventory)[urls[0]][1]
        inventory["building"] = {"broker": "mqtt://127.0.0.1:1883", "rack_location_id": "HALL3-ROW2-17", "leak_points": ["rack"]}
        with open(wrong, "w", encoding="utf-8") as out:
            yaml.safe_dump(inventory, out)
        beside = os.path.join(place, "with-building.yaml")
        result, said = scan(options, place, "--rack", wrong, "--out", beside)
        kept = yaml.safe_load(open(beside, encoding="utf-8")) if os.path.exists(beside) else {}
        check(result.returncode == 0 and kept.get("building", {}).get("rack_location_id") == "HALL3-ROW2-17"
              and kept["building"]["leak_points"] == ["rack"], "a rack file's building is in the proposal", (result.stderr, kept.get("building")))
        again, _ = scan(options, place, "--rack", beside)
        check(again.returncode == 0, "which is read", again.stderr)

        with socket.socket() as mute, tempfile.TemporaryDirectory(prefix="kiln-killed-") as killed:
            mute.bind(("127.0.0.1", 0))
            mute.listen(1)
            state = os.path.join(killed, "kiln", "discovered.json")
            going = wire.start_kiln(options, killed, "discover", *hosts, f"127.0.0.1:{mute.getsockname()[1]}", "--credentials", credentials,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            pins = {}
            while going.poll() is None and len(pins) < len(urls):
                time.sleep(0.05)
                pins = {url: bmc["pin_sha256"] for url, bmc in json.load(open(state, encoding="utf-8"))["bmcs"].items()} if os.path.exists(state) else {}
            alive = going.poll() is None
            going.kill()
            going.wait()
            right = {url: own[url][2] for url in own}
            check(alive and pins == right, "a scan that is killed has forgotten no certificate that it trusted", (alive, pins, right))

        state = os.path.join(place, "kiln", "discovered.json")
        with open(state, encoding="utf-8") as kept:
            seen = json.load(kept)
        check(os.stat(state).st_mode & 0o077 == 0, "what was seen is the user's own file")
        seen["bmcs"][urls[0]]["pin_sha256"] = "A" * 43 + "="
        seen["bmcs"][urls[1]]["serial"] = "BEFORE"
        with open(state, "w", encoding="utf-8") as kept:
            json.dump(seen, kept)
        before = len([entry for entry in rack.get("/log?since=0")["entries"] if entry["method"] == "POST"])
        result, said = scan(options, place, hosts[0], hosts[1], "--credentials", credentials)
        first = said["bmcs"][0]
        check(result.returncode == 4 and first["code"] == "discover.other_certificate", "another certificate is told", said)
        entries = [entry for entry in rack.get("/log?since=0")["entries"] if entry["method"] == "POST"][before:]
        check(all(entry["dut"] != roles and entry["dut"] != inventory["duts"][0]["id"] for entry in entries),
              "and no password is sent there", entries)
        check(any("before it was BEFORE" in text for text in said["changes"]), "another machine at an address is told", said["changes"])
        result, said = scan(options, place, hosts[0], "--credentials", credentials, "--accept-certificate", urls[1])
        check(result.returncode == 4 and said["bmcs"][0]["code"] == "discover.other_certificate",
              "who accepts the certificate of one address accepts that of no other", said)
        result, said = scan(options, place, hosts[0], "--credentials", credentials, "--accept-certificate", urls[0])
        check(result.returncode == 0, "until somebody accepts it", result.stderr)
        with open(state, "w", encoding="utf-8") as kept:
            kept.write("{")
        result, _ = scan(options, place, hosts[0], "--credentials", credentials)
        check(result.returncode == 2 and "discovered.json" in result.stderr, "a damaged memory of the last scan is named, not ignored", result.stderr)
        os.remove(state)
        bad = wire.kiln(options, place, "discover", "10.0.0.999", "--credentials", credentials)
        check(bad.returncode == 2 and "10.0.0.999" in bad.stderr, "what is no address is refused", bad.stderr)
        with open(os.path.join(place, "wrong.credentials.yaml"), "w", encoding="utf-8") as out:
            out.write("bmc: {user: kiln, password: not-it}\n")
        os.chmod(os.path.join(place, "wrong.credentials.yaml"), 0o600)
        result, said = scan(options, place, hosts[0], "--credentials", os.path.join(place, "wrong.credentials.yaml"))
        check(result.returncode == 4 and said["bmcs"][0]["code"] == "bmc.login", "a refused password is told", said)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
