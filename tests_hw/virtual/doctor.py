#!/usr/bin/env python3
"""kiln doctor --bmc against the virtual rack, against peers that are no good BMC, and, where they are there, against every captured
tree: each ability is proved by an address or found missing with the places where it was looked for, each recipe gets a word, nothing
is ever changed, and what went wrong is said by name.

usage: doctor.py --bin BUILD/bin
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

import rude_bmc
import survey
import wire

WORDS = {"can", "can in part", "cannot", "not known", "not for it"}
# What each kind of the virtual rack has and lacks, as its own model makes it.
ABLE = {
    "compute_tray": {"has": {"identity", "power_state", "power_on", "force_off", "parts", "sensors", "leak_detectors", "coolant", "gpus",
                             "nvlinks", "firmware_inventory", "firmware_update", "event_log", "clock", "event_stream"}},
    "switch_tray": {"has": {"identity", "power_state", "power_on", "force_off", "leak_detectors", "nvlinks", "firmware_inventory"},
                    "lacks": {"gpus", "gpu_power_limit"}},
    "power_shelf": {"has": {"identity", "parts"}, "lacks": {"gpus", "nvlinks", "leak_detectors", "coolant"}},
    "cdu": {"has": {"identity", "coolant", "pumps", "leak_detectors"}, "lacks": {"gpus", "nvlinks"}},
}


def doctor(options, place, *arguments, timeout=240):
    result = wire.kiln(options, place, "doctor", *arguments, "--json", timeout=timeout)
    try:
        return result, json.loads(result.stdout)
    except ValueError:
        return result, None


def whole(check, name, said):
    """What holds of every diagnosis."""
    abilities = said["abilities"]
    unproved = [one["ability"] for one in abilities if one["proof"] == "has" and not (one["uri"] and one["evidence"])]
    check(not unproved, f"{name}: what it has is proved by an address", unproved)
    placeless = [one["ability"] for one in abilities if one["proof"] == "lacks" and not (one["looked_at"] and one["cure"])]
    check(not placeless, f"{name}: what it lacks was looked for somewhere", placeless)
    silent = [one["ability"] for one in abilities if one["proof"] == "unread" and not one["evidence"]]
    check(not silent, f"{name}: what could not be read says why", silent)
    wrong = [one for one in said["recipes"] if one["can"] not in WORDS]
    check(said["recipes"] and not wrong, f"{name}: each recipe has a word", wrong)
    bare = [missing for one in said["recipes"] for step in one["steps"] for missing in step["missing"]
            if not (missing["what"] and missing["cure"] and missing["for"])]
    check(not bare, f"{name}: what a step misses comes with what to do", bare)
    lied = [one for one in said["recipes"] if one["can"] == "can" and one["steps"]]
    check(not lied, f"{name}: a recipe that can be done misses nothing", lied)
    return {one["ability"]: one["proof"] for one in abilities}


def on_the_rack(options, check, place):
    with wire.Rack(options, place, "--rack", "small", "--seed", "33") as rack:
        inventory = yaml.safe_load(open(rack.inventory, encoding="utf-8"))
        credentials = os.path.join(os.path.dirname(rack.inventory), "rack.credentials.yaml")
        password = next(iter(yaml.safe_load(open(credentials, encoding="utf-8")).values()))["password"]
        seen = set()
        for dut in inventory["duts"]:
            role = dut["role"]
            result, said = doctor(options, place, "--bmc", dut["id"], "--rack", rack.inventory)
            if not check_answer(check, dut["id"], result, said, 0):
                continue
            check(said["role"] == role and said["identity"]["serial"] == str(dut["expect"]["serial"]), f"{dut['id']}: is told for what it is",
                  said["identity"])
            check(said["trust"]["verified"] and said["trust"]["pin_sha256"] == dut["bmc"]["tls"]["pin_sha256"],
                  f"{dut['id']}: its certificate", said["trust"])
            proofs = whole(check, dut["id"], said)
            expected = ABLE[role]
            wrong = {ability: proofs[ability] for ability in expected["has"] if proofs[ability] != "has"}
            wrong.update({ability: proofs[ability] for ability in expected.get("lacks", ()) if proofs[ability] != "lacks"})
            check(not wrong, f"{dut['id']}: a {role}'s abilities", {a: [x for x in said["abilities"] if x["ability"] == a] for a in wrong})
            words = {one["recipe"]: one["can"] for one in said["recipes"]}
            check(words.get("field/bmc-survey") in ("can", "can in part"), f"{dut['id']}: can be surveyed", words)
            if role == "compute_tray":
                check(words.get("demo/small") in ("can", "can in part"), f"{dut['id']}: can do the demo it is made for",
                      [one for one in said["recipes"] if one["recipe"] == "demo/small"])
            check(password not in result.stdout + result.stderr, f"{dut['id']}: no password is printed")
            seen.add(role)
        check(seen == set(ABLE) - {"power_shelf"}, "every kind of DUT that this rack has was examined", seen)
        entries = [entry for entry in rack.get("/log?since=0")["entries"] if entry.get("method") not in (None, "GET", "HEAD")]
        changing = [entry for entry in entries if "Sessions" not in entry.get("uri", "")]
        check(not changing, "nothing but sessions was opened and ended", changing[:3])

        tray = next(dut for dut in inventory["duts"] if dut["role"] == "compute_tray")
        text = wire.kiln(options, place, "doctor", "--bmc", tray["id"], "--rack", rack.inventory, "demo/small")
        check(text.returncode == 0 and "certificate" in text.stdout and "demo/small" in text.stdout and "field/bmc-survey" not in text.stdout,
              "for people: one recipe, when one is named", text.stdout + text.stderr)
        cdu = next(dut for dut in inventory["duts"] if dut["role"] == "cdu")
        text = wire.kiln(options, place, "doctor", "--bmc", cdu["id"], "--rack", rack.inventory)
        check("LACKS" in text.stdout and "looked at /redfish/v1" in text.stdout, "for people: what is missing, and where it was looked for",
              text.stdout)

        by_address(options, check, place, tray, credentials)
        bad_words(options, check, place, tray, rack, credentials)


def on_a_shelf(options, check, place):
    """The small rack has no power shelf."""
    with wire.Rack(options, place, "--rack", "nvl72", "--seed", "34") as rack:
        inventory = yaml.safe_load(open(rack.inventory, encoding="utf-8"))
        shelf = next(dut for dut in inventory["duts"] if dut["role"] == "power_shelf")
        result, said = doctor(options, place, "--bmc", shelf["id"], "--rack", rack.inventory)
        if not check_answer(check, shelf["id"], result, said, 0):
            return
        proofs = whole(check, shelf["id"], said)
        expected = ABLE["power_shelf"]
        wrong = {ability: proofs[ability] for ability in expected["has"] if proofs[ability] != "has"}
        wrong.update({ability: proofs[ability] for ability in expected["lacks"] if proofs[ability] != "lacks"})
        check(said["role"] == "power_shelf" and not wrong, f"{shelf['id']}: a power shelf's abilities",
              {a: [x for x in said["abilities"] if x["ability"] == a] for a in wrong})


def by_address(options, check, place, tray, credentials):
    url = tray["bmc"]["url"]
    result, said = doctor(options, place, "--bmc", url, "--credentials", credentials)
    if check_answer(check, "a bare address", result, said, 0):
        check(said["trust"]["first_seen"] and said["id"] == "", "a certificate seen for the first time is told", said["trust"])
        check(said["role"] == "compute_tray", "and what it is, is told by what it says", said["role"])
    kept = json.load(open(os.path.join(place, "kiln", "discovered.json"), encoding="utf-8"))["bmcs"]
    check(kept[url]["pin_sha256"] == tray["bmc"]["tls"]["pin_sha256"], "the certificate is kept", kept)
    result, said = doctor(options, place, "--bmc", url, "--credentials", credentials)
    check(result.returncode == 0 and not said["trust"]["first_seen"], "and known the next time")
    state = os.path.join(place, "kiln", "discovered.json")
    kept[url]["pin_sha256"] = "A" * 43 + "="
    with open(state, "w", encoding="utf-8") as out:
        json.dump({"bmcs": kept}, out)
    result, said = doctor(options, place, "--bmc", url, "--credentials", credentials)
    check(result.returncode == 4 and said["problems"][0]["code"] == "discover.other_certificate", "another certificate ends it", said)
    result, _ = doctor(options, place, "--bmc", url, "--credentials", credentials, "--accept-certificate", url)
    check(result.returncode == 0, "until somebody accepts it", result.stderr)


def bad_words(options, check, place, tray, rack, credentials):
    for arguments, exit_code, code, claim in (
            (("--bmc", "C99", "--rack", rack.inventory), 2, "usage.dut", "a DUT that is not in the rack file"),
            (("--bmc", "10.0.0.999", "--credentials", credentials), 2, "discover.address", "what is no address"),
            (("--bmc", "10.0.0.0/28", "--credentials", credentials), 2, "usage.bmc", "what is many addresses"),
            (("--bmc", tray["id"], "--rack", rack.inventory, "demo/smal"), 2, None, "a recipe that is not there"),
            (("--bmc", tray["id"], "--rack", rack.inventory, "--within", "soon"), 2, "usage.within", "what is no time")):
        result, said = doctor(options, place, *arguments)
        good = result.returncode == exit_code and said and (code is None or code in [one["code"] for one in said["problems"]])
        check(good, f"{claim} is refused by name", result.stdout + result.stderr)
    result = wire.kiln(options, place, "doctor", "demo/small")
    check(result.returncode == 2 and "--bmc" in result.stderr, "a recipe without a BMC is refused", result.stderr)

    inventory = yaml.safe_load(open(rack.inventory, encoding="utf-8"))
    folder = os.path.dirname(rack.inventory)
    wrong = os.path.join(folder, "wrong.yaml")

    def with_changes(pin=None, url=None, user=None):
        changed = json.loads(json.dumps(inventory))
        dut = next(one for one in changed["duts"] if one["id"] == tray["id"])
        dut["bmc"]["tls"]["pin_sha256"] = pin or dut["bmc"]["tls"]["pin_sha256"]
        dut["bmc"]["url"] = url or dut["bmc"]["url"]
        if user:
            changed["credentials"] = user
        with open(wrong, "w", encoding="utf-8") as out:
            yaml.safe_dump(changed, out)
        return doctor(options, place, "--bmc", tray["id"], "--rack", wrong)

    result, said = with_changes(pin="A" * 43 + "=")
    check(result.returncode == 4 and said["problems"][0]["code"] == "bmc.untrusted", "another certificate than the rack file's", said)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result, said = with_changes(url=f"https://127.0.0.1:{closed.getsockname()[1]}")
    check(result.returncode == 4 and said["problems"][0]["code"] == "bmc.unreachable", "nobody there", said)
    refused = os.path.join(folder, "refused.credentials.yaml")
    known = yaml.safe_load(open(credentials, encoding="utf-8"))
    for entry in known.values():
        if "password" in entry:
            entry["password"] = "not-it"
    with open(refused, "w", encoding="utf-8") as out:
        yaml.safe_dump(known, out)
    os.chmod(refused, 0o600)
    result, said = with_changes(user=refused)
    check(result.returncode == 4 and said["problems"][0]["code"] == "bmc.login", "a refused password", said)
    check("not-it" not in result.stdout + result.stderr, "and it is not printed")


def check_answer(check, name, result, said, exit_code):
    good = result.returncode == exit_code and said is not None and not wire.CRASH.search(result.stderr)
    check(good, f"{name}: exit {exit_code}, one JSON object", f"exit {result.returncode}\n{result.stderr}\n{result.stdout[-1500:]}")
    return good


def on_rude_peers(options, check, place):
    identity = rude_bmc.Identity(place)
    credentials = os.path.join(place, "rude.credentials.yaml")
    with open(credentials, "w", encoding="utf-8") as out:
        out.write("bmc: {user: kiln, password: secret-word}\n")
    os.chmod(credentials, 0o600)
    for kind, exits in (("polite", {0}), ("truncated", {4}), ("cut", {4}), ("hangs", {4}), ("silent", {4}), ("plain", {4}),
                        ("huge", {4}), ("drips", {4}), ("wrong_types", {0, 4})):
        peer = rude_bmc.RudeBmc(kind, identity)
        rack = os.path.join(place, f"rude-{kind}.yaml")
        with open(rack, "w", encoding="utf-8") as out:
            yaml.safe_dump({"rack": "R01", "product": "generic-server", "credentials": credentials,
                            "duts": [{"id": "S01", "role": "server",
                                      "bmc": {"url": peer.url, "credential": "bmc", "tls": {"pin_sha256": identity.pin}}}]}, out)
        began = time.monotonic()
        result, said = doctor(options, place, "--bmc", "S01", "--rack", rack, "--within", "20s", timeout=120)
        took = time.monotonic() - began
        peer.end()
        good = result.returncode in exits and said is not None and not wire.CRASH.search(result.stderr) and took < 60
        check(good, f"a {kind} peer: exit {sorted(exits)}, within its time", f"exit {result.returncode} in {took:.0f} s\n{result.stderr}\n{result.stdout[-800:]}")
        if result.returncode == 4 and said is not None:
            why = said.get("problems") or [one for one in said["abilities"] if one["proof"] == "unread"]
            check(why, f"a {kind} peer: and why", said)
        check("secret-word" not in result.stdout + result.stderr, f"a {kind} peer: no password is printed")


def on_captured_trees(options, check):
    root = os.path.join(os.environ.get("KILN_SHARED", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared")),
                        "samples", "A_redfish")
    if not os.path.isdir(root):
        print(f"skipped: no captured trees at {root}")
        return
    for tree in survey.trees(root):
        with tempfile.TemporaryDirectory(prefix="kiln-doctor-") as place:
            rack = subprocess.Popen([os.path.join(options.bin, "kiln-virtual-rack"), "--mockup", os.path.join(root, tree), "--out",
                                     place + "/mockup", "--exit-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True)
            try:
                inventory = json.loads(rack.stdout.readline())["inventory"]
                dut = yaml.safe_load(open(inventory, encoding="utf-8"))["duts"][0]["id"]
                result, said = doctor(options, place, "--bmc", dut, "--rack", inventory)
            finally:
                rack.stdin.close()
                rack.wait(timeout=20)
            good = result.returncode in (0, 4) and said is not None and "abilities" in said and not wire.CRASH.search(result.stderr)
            check(good, f"{tree}: a diagnosis", f"exit {result.returncode}\n{result.stderr}\n{result.stdout[-1500:]}")
            if not good:
                continue
            proofs = whole(check, tree, said)
            unread = [f"{one['ability']}: {one['evidence']}" for one in said["abilities"] if one["proof"] == "unread"]
            check(bool(unread) == (result.returncode == 4), f"{tree}: exit 4 says that something could not be read", unread)
            words = {one["recipe"]: one["can"] for one in said["recipes"]}
            print(f"      {tree}: {sum(1 for proof in proofs.values() if proof == 'has')} of {len(proofs)} abilities, "
                  f"{len(unread)} unread {unread}, {said['requests']} requests; {words}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    check = wire.Checks()
    with tempfile.TemporaryDirectory(prefix="kiln-doctor-") as place:
        on_the_rack(options, check, place)
    with tempfile.TemporaryDirectory(prefix="kiln-doctor-") as place:
        on_a_shelf(options, check, place)
    with tempfile.TemporaryDirectory(prefix="kiln-doctor-") as place:
        on_rude_peers(options, check, place)
    on_captured_trees(options, check)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
