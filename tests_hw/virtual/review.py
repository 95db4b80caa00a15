#!/usr/bin/env python3
"""People sign runs. Of the virtual rack: a NO-GO is waived, approved, countersigned, rejected and withdrawn with real OpenSSH keys, what a
person may not do is refused, and every kind of change to what they signed is found by `kiln verify` with exit code 6; simulated runs stay
not eligible whatever is signed. Of real hardware, this machine over sshd: not eligible until recipe and limits are approved, then signed;
open again when the recipe was changed. The commands of VERIFY.txt are run with ssh-keygen alone.

usage: review.py --bin BUILD/bin [--hardware]
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

import host_burn_in
import seal
import wire

check = wire.Checks()
WAIVER = ("--reason", "spare on its way", "--evidence", "ticket 17", "--requested-by", "ops@site", "--expires", "2099-01-01")


class People:
    """Keys, and a file that says who may sign what."""

    PURPOSES = {"qa": "kiln-review,kiln-waive", "lead": "kiln-review,kiln-waive", "third": "kiln-review", "author": "kiln-approve",
                "boss": "kiln-approve", "nagy": "kiln-review,kiln-waive", "old": "kiln-review,kiln-waive"}

    def __init__(self, place):
        self.place = os.path.join(place, "people")
        os.makedirs(self.place)
        self.signers = os.path.join(self.place, "allowed_signers")
        with open(self.signers, "w", encoding="utf-8") as file:
            for name, purposes in self.PURPOSES.items():
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.key(name)], check=True)
                public = " ".join(open(self.key(name) + ".pub", encoding="utf-8").read().split()[:2])
                until = ',valid-before="20200101Z"' if name == "old" else ""
                file.write(f'{name}@site namespaces="{purposes}"{until} {public}\n')
            # The same key under another name.
            public = " ".join(open(self.key("qa") + ".pub", encoding="utf-8").read().split()[:2])
            file.write(f'double@site namespaces="kiln-review" {public}\n')

    def key(self, name):
        return os.path.join(self.place, name)

    def arguments(self, name):
        key = self.key("qa" if name == "double" else name)
        return ["--signers", self.signers, "--as", name + "@site", "--key", key]


def act(record, people, name, *words, run=None):
    return wire.kiln(record.options, record.place, "review", run or record.run, *words, *people.arguments(name), "--json")


def look(record, people, run=None):
    done = wire.kiln(record.options, record.place, "review", run or record.run, "--signers", people.signers, "--json")
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}


def refused(done, word, what):
    check(done.returncode == 2 and word in done.stderr and "nothing was signed" in done.stderr, f"refused: {what}",
          f"exit {done.returncode} {done.stderr}")


def record_runs(options, place):
    def one(*more):
        return json.loads(wire.kiln(options, place, "demo", "--json", "--operator", "B. Nagy", *more).stdout)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(one), pool.submit(one, "--fault", "nic-down@C01:NIC_1", "--fault", "part-exchanged@C02:GPU_0")]
        good, bad = (run.result() for run in runs)
    check(good["decision"] == "GO" and bad["decision"] == "NO-GO", f"two runs: {good['decision']}, {bad['decision']}")
    check(good["sign_off"] == "not-eligible", f"a simulated rack is not eligible ({good['sign_off']})")
    return seal.Recorded(options, place, bad["run"], good["run"])


def demo_is_approved(record, people):
    told = look(record, people, record.other)
    because = [one["message"] for one in told["exceptions"] if one["kind"] == "deviation"]
    check("simulated rack, not hardware" in because and "approved" not in json.dumps(because), "the demo's recipe and limits are approved for simulated racks", because)


def what_may_not_be(record, people):
    told = look(record, people)
    failures = {one["failure"]: one for one in told["exceptions"] if one["kind"] == "fail"}
    check("C01:nic.port_down:NIC_1" in failures, "the sheet names the failure as --waive takes it", told["exceptions"])
    never = [one for one in told["exceptions"] if one["what"].startswith("inventory.serial_mismatch")]
    check(bool(never) and all(one["failure"] is None and one["never_waivable_because"] for one in never),
          "and says that a serial that does not match is never waived", never)
    refused(act(record, people, "qa", "--approve"), "NO-GO", "a NO-GO is not approved")
    refused(act(record, people, "nagy", "--reject", "--reason", "x"), "has run it", "who ran it reviews nothing")
    refused(act(record, people, "qa", "--reject"), "reason", "a rejection without a reason")
    refused(act(record, people, "qa", "--countersign", run=record.other), "nobody has approved", "countersigning what nobody has approved")
    refused(act(record, people, "qa", "--waive", "C02:inventory.serial_mismatch:GPU_0", *WAIVER), "never", "a serial that does not match is waived")
    refused(act(record, people, "qa", "--waive", "C01:nic.port_down:NIC_2", *WAIVER), "C01:nic.port_down:NIC_1",
            "a failure that is none; the nearest is named")
    refused(act(record, people, "qa", "--waive", "C01:nic.port_down:NIC_1", *WAIVER[:-1], "2020-01-01"), "expired", "a waiver of yesterday")
    refused(act(record, people, "qa", "--waive", "C01:nic.port_down:NIC_1", *WAIVER[:4], "--requested-by", "Q.A.", *WAIVER[6:]), "another person",
            "a waiver approved by whom asked for it")
    refused(act(record, people, "qa", "--waive", "nonsense", *WAIVER), "names no failure", "a waiver of nothing")
    refused(act(record, people, "third", "--waive", "C01:nic.port_down:NIC_1", *WAIVER), "third@site", "a waiver by whom may only review")
    refused(act(record, people, "old", "--reject", "--reason", "x"), "expired", "a key that has expired")
    refused(act(record, people, "author", "--reject", "--reason", "x"), "author@site", "a key for recipes only")
    refused(act(record, people, "qa", "--withdraw", "1", "--reason", "x"), "no entry 1", "withdrawing what is not there")
    stranger = wire.kiln(record.options, record.place, "review", record.run, "--reject", "--reason", "x", "--signers", people.signers, "--as",
                         "qa@site", "--key", people.key("lead"))
    refused(stranger, "does not let", "somebody else's key")
    wide = people.signers + ".wide"
    shutil.copy(people.signers, wide)
    os.chmod(wide, 0o666)
    loose = wire.kiln(record.options, record.place, "review", record.run, "--reject", "--reason", "x", "--signers", wide, "--as", "qa@site", "--key",
                      people.key("qa"))
    check(loose.returncode == 2 and "signers.not_trusted" in loose.stderr, "refused: a file of signers that everybody can write", loose.stderr)
    check(not look(record, people)["reviews"], "nothing of all that was written down")


def waive_and_sign(record, people):
    for name in ("nic.port_down",):
        done = act(record, people, "qa", "--waive", f"C01:{name}:NIC_1", *WAIVER)
        check(done.returncode == 0, f"a waiver of {name} on C01", done.stderr)
    told = look(record, people)
    check(told["decision"] == "NO-GO", "another failure is still there: NO-GO", told["decision"])
    for run, name, words in ((record.other, "qa", ["--approve", "--reason", "seen"]), (record.other, "lead", ["--countersign"]),
                             (record.run, "lead", ["--reject", "--reason", "GPU_0 of C02 is another one"])):
        done = act(record, people, name, *words, run=run)
        check(done.returncode == 0, f"{name} may {words[0]}", done.stderr)
        check(json.loads(done.stdout or "{}").get("sign_off") == "not-eligible", "and a simulated run stays not eligible", done.stdout)
    refused(act(record, people, "double", "--countersign", run=record.other), "already", "countersigned twice")
    done = act(record, people, "lead", "--withdraw", "3", "--reason", "too early", run=record.other)
    check(done.returncode == 0, "the second person takes it back", done.stderr)
    refused(act(record, people, "double", "--countersign", run=record.other), "a second person", "the same key under another name")
    refused(act(record, people, "qa", "--approve", run=record.other), "already", "approved twice")
    done = act(record, people, "third", "--countersign", run=record.other)
    check(done.returncode == 0, "a third person countersigns instead", done.stderr)


def reports_tell(record, people):
    told = json.loads(wire.kiln(record.options, record.place, "show", record.run, "--signers", people.signers, "--json").stdout)
    check(told["counts"]["waived"] > 0 and told["decision"] == "NO-GO", "kiln show counts what is waived", told["counts"])
    for run, words in ((record.run, ("qa@site", "spare on its way", "lead@site")), (record.other, ("third@site", "qa@site"))):
        for name in ("report.html", "report.txt", "report.json"):
            with open(record.file(name, run), encoding="utf-8") as file:
                text = file.read()
            check(all(word in text for word in words), f"{name} says who has signed what", [word for word in words if word not in text])
    for name in os.listdir(record.folder()):
        check(os.stat(record.file(name)).st_mode & 0o777 == 0o600, f"{name} is 0600")


def verifies(record, people, run=None):
    return wire.kiln(record.options, record.place, "verify", run or record.run, "--signers", people.signers, "--json")


def by_ssh_keygen(record):
    with open(record.file("VERIFY.txt", record.other), encoding="utf-8") as file:
        commands = [line.strip() for line in file if line.strip().startswith("ssh-keygen ")]
    check(len(commands) == 4, f"VERIFY.txt: a command for each of {len(commands)} signatures that hold", commands)
    for command in commands:
        done = subprocess.run(["bash", "-c", command], cwd=record.folder(record.other), env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
                              check=False)
        check(done.returncode == 0 and "Good" in done.stdout, "by ssh-keygen alone: " + command.split("-I ")[1].split()[0], done.stderr)


def sql(statement):
    return lambda record: record.sql(statement)


def audit_changes():
    return [
        ("the decision in a statement", sql("UPDATE audit SET statement = replace(statement, 'NO-GO', 'GO') WHERE number = 1")),
        ("the reason in a statement", sql("UPDATE audit SET statement = replace(statement, 'spare', 'SPARE') WHERE number = 1")),
        ("the expiry of a waiver", sql("UPDATE audit SET statement = replace(statement, '2099', '2199') WHERE number = 1")),
        ("who signed", sql("UPDATE audit SET statement = replace(statement, 'qa@site', 'lead@site') WHERE number = 1")),
        ("a signature", sql("UPDATE audit SET signature = (SELECT signature FROM audit WHERE number = 4) WHERE number = 1")),
        ("no signature", sql("UPDATE audit SET signature = '' WHERE number = 1")),
        ("the time when it was written down", sql("UPDATE audit SET recorded_utc_ns = recorded_utc_ns - 1 WHERE number = 2")),
        ("the hash", sql("UPDATE audit SET chain = (SELECT chain FROM audit WHERE number = 2) WHERE number = 1")),
        ("the station's signature", sql("UPDATE audit SET envelope = (SELECT envelope FROM audit WHERE number = 2) WHERE number = 1")),
        ("an envelope that is none", sql("UPDATE audit SET envelope = '{}' WHERE number = 1")),
        ("an entry gone", sql("DELETE FROM audit WHERE number = 4")),
        ("the first entry gone", sql("DELETE FROM audit WHERE number = 1")),
        ("the tail cut", sql("DELETE FROM audit WHERE number >= 5")),
        ("all of it gone", sql("DELETE FROM audit")),
        ("two entries in each other's place", lambda record: record.sql(
            "UPDATE audit SET number = 99 WHERE number = 1", "UPDATE audit SET number = 1 WHERE number = 2", "UPDATE audit SET number = 2 WHERE number = 99")),
        ("an approval played again", sql("INSERT INTO audit SELECT 7, run, statement, signature, recorded_utc_ns, chain, envelope FROM audit WHERE number = 2")),
        ("a waiver moved to another run", sql("UPDATE audit SET run = (SELECT run FROM audit WHERE number = 2) WHERE number = 1")),
        ("the signature beside the reports", lambda record: seal.change_byte(record.file("review-1.sig"))),
        ("the statement beside the reports", lambda record: seal.change_byte(record.file("review-1.json"))),
        ("the signers beside the reports", lambda record: seal.append(record.file("allowed_signers"))),
        ("a review added beside the reports", lambda record: shutil.copy(record.file("review-1.json"), record.file("review-9.json"))),
    ]


def tamper(record, people, place):
    for number, (what, change) in enumerate(audit_changes()):
        copy = record.copy(f"{place}/{number}")
        change(copy)
        done = verifies(copy, people)
        check(done.returncode == 6 and '"holds":false' in done.stdout, f"found: {what}", f"exit {done.returncode} {done.stdout} {done.stderr}")
    copy = record.copy(f"{place}/people")
    before = verifies(copy, people)
    check(before.returncode == 0, "untouched: all of it holds", before.stdout)
    with open(people.signers, encoding="utf-8") as file:
        lines = file.read()
    gone = people.signers + ".gone"
    with open(gone, "w", encoding="utf-8") as file:
        file.write("\n".join(line for line in lines.splitlines() if not line.startswith("qa@site")) + "\n")
    done = wire.kiln(copy.options, copy.place, "verify", copy.run, "--signers", gone, "--json")
    check(done.returncode == 6, "found: a signer who is none any more", done.stdout)
    told = json.loads(wire.kiln(copy.options, copy.place, "show", copy.run, "--signers", gone, "--json").stdout)
    check(told["counts"]["waived"] == 0, "and their waiver permits nothing")
    none = json.loads(wire.kiln(copy.options, copy.place, "show", copy.run, "--signers", "/dev/null", "--json").stdout)
    check(none["counts"]["waived"] == 0, "nor does one without signers")


def travels(record, people, place):
    """Both runs go to another station with what people have signed, and back into view there."""
    key = os.path.join(record.place, "kiln/keys/station.pub.pem")
    wire.kiln(record.options, record.place, "receive", "R01", "--at", "2026-03-01T08:00:00Z", "--by", "dock")
    count = iter(range(100))

    def sent():
        bundle = f"{place}-{next(count)}.kiln"
        done = wire.kiln(record.options, record.place, "export", record.run, record.other, "-o", bundle)
        check(done.returncode == 0, "runs that were reviewed are exported", done.stderr)
        return bundle

    def taken(bundle):
        return wire.kiln(record.options, place, "import", bundle, "--station-key", key, "--json")

    def at_home(*words):
        return wire.kiln(record.options, place, *words, "--signers", people.signers, "--json")

    def entries(run):
        return json.loads(at_home("review", run).stdout)["reviews"]
    first = sent()
    done = taken(first)
    told = json.loads(done.stdout or "{}")
    check(done.returncode == 0 and sorted(told["with_reviews"]) == sorted([record.run, record.other]) and told["notes"] == 1,
          "at home what people signed and noted comes with them", done.stdout + done.stderr)
    for run in (record.run, record.other):
        there, here = entries(run), look(record, people, run)["reviews"]
        check([(one["entry"], one["act"], one["signer"], one["key"], one["holds"]) for one in there] ==
              [(one["entry"], one["act"], one["signer"], one["key"], one["holds"]) for one in here] and all(one["station"] for one in there),
              f"the same {len(there)} entries hold there", there)
        done = at_home("verify", run)
        check(done.returncode == 0, f"and kiln verify holds on all of {run}", done.stdout)
    waived = json.loads(at_home("show", record.run).stdout)["counts"]["waived"]
    check(waived > 0, "the waiver counts there as it did here", waived)
    done = wire.kiln(record.options, place, "report", record.other, "--out", place + "/again", "--signers", people.signers)
    with open(place + "/again/VERIFY.txt", encoding="utf-8") as file:
        commands = [line.strip() for line in file if line.strip().startswith("ssh-keygen ")]
    for command in commands:
        ended = subprocess.run(["bash", "-c", command], cwd=place + "/again", env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
        check(ended.returncode == 0 and "Good" in ended.stdout, "a report written at home: " + command.split("-I ")[1].split()[0] + " by ssh-keygen alone",
              ended.stderr)
    check(done.returncode == 0 and len(commands) == 4, "with a command for each of the four", commands)
    done = wire.kiln(record.options, place, "review", record.other, "--reject", "--reason", "seen at home", *people.arguments("lead"), "--json")
    check(done.returncode == 0 and [one["station"] == "" for one in entries(record.other)] == [False] * 4 + [True],
          "somebody at home signs after them, in the trail of that station", done.stderr)
    act(record, people, "third", "--reject", "--reason", "found later", run=record.run)
    done = taken(sent())
    check(json.loads(done.stdout)["with_reviews"] == [record.run] and entries(record.run)[-1]["reason"] == "found later",
          "a newer bundle brings what was signed since", done.stdout + done.stderr)
    check(at_home("verify", record.run).returncode == 6, "the reports that came do not know it yet, and verify says so")
    wire.kiln(record.options, place, "report", record.run, "--signers", people.signers)
    done = at_home("verify", record.run)
    check(done.returncode == 0, "written anew they do", [one for one in json.loads(done.stdout)["findings"] if not one["holds"]])
    done = taken(first)
    check(json.loads(done.stdout)["with_reviews"] == [] and entries(record.run)[-1]["reason"] == "found later", "an older one takes nothing away", done.stdout)
    back = f"{place}-back.kiln"
    wire.kiln(record.options, place, "export", record.other, "-o", back)
    home_key = os.path.join(place, "kiln/keys/station.pub.pem")
    done = wire.kiln(record.options, record.place, "import", back, "--station-key", home_key)
    check(done.returncode == 0 and "was not taken" in done.stderr, "where a run was recorded its own trail counts, and what came back is named", done.stderr)
    for keys, holds in (([home_key], False), ([home_key, key], True)):
        third = f"{place}-third-{len(keys)}"
        wire.kiln(record.options, third, "import", back, *[word for one in keys for word in ("--station-key", one)])
        told = json.loads(wire.kiln(record.options, third, "review", record.other, "--signers", people.signers, "--json").stdout)["reviews"]
        check(len(told) == 5 and all(one["holds"] for one in told) == holds, f"at a third station with {len(keys)} keys: {'all' if holds else 'not all'} of 5 entries hold",
              told)
    kept = os.path.join(place, "kiln/runs", record.run + ".reviews.json")
    with open(kept, encoding="utf-8") as file:
        whole = file.read()
    for what, text in (("a byte", whole.replace("A", "B", 1)), ("all of it", "[]\n"), ("cut", whole[:len(whole) // 2])):
        with open(kept, "w", encoding="utf-8") as file:
            file.write(text)
        done = at_home("verify", record.run)
        check(done.returncode == 6, f"found: {what} of what came with it is changed", done.stdout)
    done = taken(first)
    check(done.returncode in (2, 4) and "reviews" in done.stderr, "an older bundle does not mend that", done.stdout + done.stderr)
    done = taken(sent())
    check(done.returncode == 0 and at_home("verify", record.run).returncode == 0, "the newest does", done.stdout + done.stderr)


def changed_record(record, people, place):
    copy = record.copy(place + "/record")
    seal.write_anew(copy)
    done = act(copy, people, "lead", "--withdraw", "4", "--reason", "x")
    refused(done, "record does not hold", "signing in a record that was written anew")


def on_hardware(options, people, place):
    """This machine over sshd: what is not simulated can be signed, when everything else is as it must be."""
    os.makedirs(place)
    share = os.path.dirname(options.bin) + "/share/kiln/recipes"
    os.makedirs(place + "/recipes/limits")
    for name in os.listdir(share + "/limits"):
        source = os.path.join(share, "limits", name)
        shutil.copytree(source, f"{place}/recipes/limits/{name}") if os.path.isdir(source) else shutil.copy(source, f"{place}/recipes/limits/{name}")
    server, port = host_burn_in.start_sshd(place)
    try:
        host_burn_in.write_rack(place, port, "host", [])
        good = host_burn_in.GOOD
        recipe = shutil.move(host_burn_in.exec_recipe(place, "host", f"echo '{good}'", None), place + "/recipes/exec.yaml")
        limits = f"{place}/recipes/limits/generic-server.yaml"
        record = seal.Recorded(options, place)

        def run(*more):
            done = wire.kiln(options, place, "run", recipe, "--rack", place + "/rack.yaml", "--no-input", "--json", "--signers", people.signers, *more)
            return json.loads(done.stdout) if done.stdout.startswith("{") else {"error": done.stderr}

        def approve(name, *files):
            return wire.kiln(options, place, "approve", *files, *people.arguments(name), "--json")

        def sheet(run_id):
            return look(record, people, run_id)

        first = run("--operator", "B. Nagy")
        check(first.get("decision") == "GO" and first.get("sign_off") == "not-eligible", "GO, and nothing is approved: not eligible", first)
        why = json.dumps(sheet(first["run"])["because"])
        check("recipe exec@1.0.0 is not approved" in why and "limits generic-server" in why, "it says so of both", why)
        refused(act(record, people, "qa", "--waive", "H01:x:y", *WAIVER, run=first["run"]), "no failure", "a waiver where nothing failed")
        simulated = wire.kiln(options, place, "approve", "--simulated", recipe, *people.arguments("author"))
        check(simulated.returncode == 0, "an approval for simulated racks", simulated.stderr)
        check(approve("author", limits).returncode == 0, "one person approves the limits")
        second = run("--operator", "B. Nagy")
        why = json.dumps(sheet(second["run"])["because"])
        check("simulated racks only" in why and "1 of 2" in why, "which is not enough for hardware", why)
        check(approve("qa", recipe).returncode == 2, "who may not approve recipes cannot")
        check(approve("author", recipe).returncode == 0 and approve("boss", limits).returncode == 0, "both are approved now")
        no_operator, overridden = run(), run("--operator", "B. Nagy", "--dut", "H01")
        check(no_operator.get("sign_off") == "not-eligible" and overridden.get("sign_off") == "not-eligible", "no operator, or a part of the rack: not eligible")
        third = run("--operator", "B. Nagy")
        check(third.get("sign_off") == "unsigned", "everything in order: it waits for a signature", json.dumps(sheet(third["run"]))[:1500])
        done = act(record, people, "qa", "--approve", "--reason", "all seen", run=third["run"])
        check(done.returncode == 0 and json.loads(done.stdout)["sign_off"] == "signed", "one person signs a server: signed", done.stdout + done.stderr)
        done = verifies(record, people, third["run"])
        check(done.returncode == 0, "kiln verify holds on all of it", done.stdout)
        told = json.loads(open(record.file("report.json", third["run"]), encoding="utf-8").read())
        check(told["sign_off"] == "signed", "so says the report", told.get("sign_off"))
        with open(place + "/rack.yaml", encoding="utf-8") as file:
            rack = file.read()
        names = ", ".join(sorted({one["name"] for one in told["measurements"]}))
        for due, expected in (("2026-01-31", "not-eligible"), ("2099-01-31", "unsigned")):
            with open(place + "/rack.yaml", "w", encoding="utf-8") as file:
                file.write(rack + f"\ninstruments:\n  - {{instrument: meter-7, certificate: K-118, due: {due}, measures: [{names}]}}\n")
            told_of = run("--operator", "B. Nagy")
            why = json.dumps(sheet(told_of["run"])["because"])
            check(told_of.get("sign_off") == expected and ("calibration overdue: meter-7" in why) == (expected == "not-eligible"),
                  f"an instrument calibrated until {due}: {expected}", why)
        with open(place + "/rack.yaml", "w", encoding="utf-8") as file:
            file.write(rack)
        rejected = run("--operator", "B. Nagy")
        act(record, people, "qa", "--approve", run=rejected["run"])
        done = act(record, people, "lead", "--reject", "--reason", "label unreadable", run=rejected["run"])
        check(done.returncode == 0 and json.loads(done.stdout)["sign_off"] == "rejected", "a rejection stands above an approval", done.stdout + done.stderr)
        with open(recipe, "a", encoding="utf-8") as file:
            file.write("# another one\n")
        fourth = run("--operator", "B. Nagy")
        check(fourth.get("sign_off") == "not-eligible", "a recipe that was changed is approved no more")
        state = sheet(third["run"])
        check(state["sign_off"] == "unsigned" and "open again" in json.dumps(state["because"]), "and what was signed before is open again", state["because"])
    finally:
        server.terminate()
        server.wait(timeout=20)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--hardware", action="store_true", help="only what is signed of this machine, which is no simulated one")
    options = parser.parse_args()
    if options.hardware and os.geteuid() != 0:
        print("skipped: hardware needs a file of signers that is root's own, and this is not root")
        return 77
    with tempfile.TemporaryDirectory(prefix="kiln-review-") as place:
        people = People(place)
        if options.hardware:
            on_hardware(options, people, place + "/bench")
            return check.exit_code()
        record = record_runs(options, place + "/station")
        demo_is_approved(record, people)
        what_may_not_be(record, people)
        waive_and_sign(record, people)
        reports_tell(record, people)
        by_ssh_keygen(record)
        tamper(record, people, place + "/tampered")
        travels(record, people, place + "/home")
        changed_record(record, people, place + "/changed")
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
