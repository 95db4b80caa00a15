#!/usr/bin/env python3
"""Wrong files, rude peers, broken disks, plugins that throw: a clear sentence with place and cure, the right exit code, the report
as far as the run went, nothing acknowledged lost, never GO, never a crash.

usage: bad_input.py --bin BUILD/bin
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import rude_bmc
import wire

check = wire.Checks()
HEAD = "recipe: bad\nversion: 1.0.0\nproduct: virtual-gb300-nvl72\npurpose: burn-in\n"
STEPS = "phases:\n  - phase: look\n    steps:\n      - {step: census, use: cooling.detector_census, duts: all}\n"


def no_crash(name, run):
    check(run.returncode >= 0 and not wire.CRASH.search(run.stdout + run.stderr), f"{name}: no crash ({run.returncode})", run.stderr)


def refused(options, place, name, arguments, words, **more):
    """Nothing was run: exit 2, and each of `words` (place, what, cure) is in what kiln says; the same as JSON."""
    run = wire.kiln(options, place, *arguments, **more)
    missing = [word for word in words if word not in run.stderr]
    check(run.returncode == 2 and not missing, f"{name}: exit 2, says {words}", f"exit {run.returncode}, missing {missing}: {run.stderr}")
    no_crash(name, run)
    check("=== GO" not in run.stdout and "nothing was run" in run.stderr, f"{name}: says that nothing was run", run.stderr)
    return run


def write(place, name, text, mode=0o644):
    path = os.path.join(place, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def files(options, place, rack):
    """What a person writes wrongly. All kinds of YAML faults are unit tests; here: place, sentence and exit code reach the user."""
    recipes = [
        ("duplicate key", HEAD + "purpose: survey\n" + STEPS, ["duplicate key.yaml:5:1", "purpose"]),
        ("tab", HEAD + "phases:\n\t- phase: look\n", ["tab.yaml:6:1", "a tab stands", "indent with spaces"]),
        ("unquoted yes", HEAD + STEPS.replace("steps:", "gate: yes\n    steps:"), ["unquoted yes.yaml:7:11", "true"]),
        ("unknown tag", HEAD.replace("bad", "!secret bad") + STEPS, ["unknown tag.yaml:1:9", "!secret"]),
        ("merge key", HEAD + "parameters: {<<: {a: 1}}\n" + STEPS, ["merge key.yaml:5:14", "merge keys"]),
        ("unknown plugin", HEAD + "requires: {plugins: [colling]}\n" + STEPS, ["unknown plugin.yaml", "colling", "cooling"]),
        ("unknown step", HEAD + STEPS.replace("cooling.", "colling."), ["unknown step.yaml:8", "cooling.detector_census"]),
        ("empty", "", ["empty.yaml", "empty"]),
        ("only a comment", "# nothing yet\n", ["only a comment.yaml", "empty"]),
        ("no phases", HEAD, ["no phases.yaml", "phases"]),
        ("no steps", HEAD + "phases: []\n", ["no steps.yaml:5", "phases"]),
        ("wrong types", HEAD + "phases: 7\nmonitors: {a: b}\n", ["wrong types.yaml:5:9", "wrong types.yaml:6:11"]),
        ("not UTF-8", HEAD.replace("bad", "b\udc80d") + STEPS, ["not UTF-8.yaml:1"]),
    ]
    for name, text, words in recipes:
        path = os.path.join(place, name + ".yaml")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        refused(options, place, "recipe: " + name, ["run", path, "--rack", rack.inventory], words)
    run = wire.kiln(options, place, "run", os.path.join(place, "duplicate key.yaml"), "--rack", rack.inventory, "--json")
    problems = json.loads(run.stdout)["problems"]
    check(run.returncode == 2 and problems and problems[0]["place"].endswith(":5:1"), "--json gives the problems as one object", run.stdout)

    with open(rack.inventory, encoding="utf-8") as file:
        inventory = file.read()
    credentials = os.path.join(os.path.dirname(rack.inventory), "rack.credentials.yaml")
    good = write(place, "good.yaml", HEAD + STEPS)
    head = inventory[: inventory.index("duts:")].replace("rack.credentials.yaml", credentials)
    duts, after = inventory[inventory.index("duts:"):].split("serving:\n")
    head = head + "serving:\n" + after  # what is added to the DUTs comes last
    inventories = [
        ("empty inventory", "", ["empty inventory.rack.yaml", "empty"]),
        ("no DUTs", head + "duts: []\n", ["no DUTs.rack.yaml", "no DUTs"]),
        ("DUT twice", head + duts + duts[duts.index("  - id: CDU01"):], ["DUT twice.rack.yaml", "CDU01", "already in line"]),
        ("unknown role", head + duts.replace("role: cdu", "role: cud"), ["unknown role.rack.yaml", "cud", "cdu"]),
        ("no credentials file", (head + duts).replace(credentials, place + "/gone.yaml"), ["gone.yaml"]),
        ("credential not there", (head + duts).replace("credential: ", "credential: un"), ["credential not there.rack.yaml", "un"]),
        ("no trust", head + re.sub(r",? *tls: \{[^}]*\}", "", duts), ["no trust.rack.yaml", "tls"]),
    ]
    for name, text, words in inventories:
        path = write(place, name + ".rack.yaml", text)
        refused(options, place, "rack: " + name, ["run", good, "--rack", path], words)
    refused(options, place, "no such recipe", ["run", "demo/smal", "--rack", rack.inventory], ["demo/smal", "demo/small"])
    refused(options, place, "a directory as recipe", ["run", place, "--rack", rack.inventory], [place])
    return good


def plugins(options, place, rack, good):
    """Plugins that must not be loaded, and one that throws wherever it is called."""
    build = os.path.dirname(options.bin)
    theirs, tests = os.path.join(build, "lib/kiln/plugins"), os.path.join(build, "lib/kiln/test_plugins")
    folder = os.path.join(place, "plugins")

    def fresh():
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, 0o755)
        for name in ("cooling.so", "power.so"):
            shutil.copy(os.path.join(theirs, name), folder)
            os.chmod(os.path.join(folder, name), 0o644)
        return ["run", good, "--rack", rack.inventory, "--plugins", folder]

    arguments = fresh()
    os.chmod(os.path.join(folder, "power.so"), 0o664)
    refused(options, place, "plugin its group may write", arguments, ["power.so", "chmod go-w"])
    arguments = fresh()
    os.chmod(folder, 0o777)
    refused(options, place, "plugin directory everybody may write", arguments, [folder, "chmod go-w"])
    arguments = fresh()
    with open(os.path.join(theirs, "power.so"), "rb") as file:
        binary = file.read()
    stamp = re.search(rb"\d+\.\d+\.\d+-[0-9a-f]{12}-\w+", binary).group(0)
    stale = stamp.replace(stamp.split(b"-")[1], b"0123456789ab")
    with open(os.path.join(folder, "power.so"), "wb") as file:
        file.write(binary.replace(stamp, stale))
    refused(options, place, "plugin of another build", arguments, ["power.so", stale.decode(), stamp.decode(), "rebuild"])
    for length in (0, 40, 3000, 40000):  # of what the loader maps; debug information at the end would not be missed
        arguments = fresh()
        with open(os.path.join(folder, "power.so"), "wb") as file:
            file.write(binary[:length])
        refused(options, place, f"plugin cut to {length} bytes", arguments, ["power.so", "rebuild", "whole"])
    arguments = fresh()
    shutil.copy("/usr/lib/x86_64-linux-gnu/libz.so.1" if os.path.exists("/usr/lib/x86_64-linux-gnu/libz.so.1")
                else sorted(found for found in os.listdir("/usr/lib") if ".so" in found)[0], os.path.join(folder, "other.so"))
    os.chmod(os.path.join(folder, "other.so"), 0o644)
    refused(options, place, "a library that is no plugin", arguments, ["other.so", "is it a Kiln plugin"])
    refused(options, place, "no plugin directory", ["run", good, "--rack", rack.inventory, "--plugins", place + "/none"],
            [place + "/none", "installation"])
    arguments = fresh()
    shutil.copy(os.path.join(tests, "throws_when_loaded.so"), folder)
    os.chmod(os.path.join(folder, "throws_when_loaded.so"), 0o644)
    refused(options, place, "plugin that throws when it is loaded", arguments, ["throws_when_loaded.so", "a bug in a constructor", "author"])

    fresh()
    shutil.copy(os.path.join(tests, "misbehaving.so"), folder)
    os.chmod(os.path.join(folder, "misbehaving.so"), 0o644)
    throwing = HEAD + STEPS + "      - {step: bad, use: misbehaving.step, duts: {id: C01}, with: {how: %s}}\n"
    recipe = write(place, "throws in check.yaml", throwing % "in_check")
    refused(options, place, "plugin that throws in check", ["run", recipe, "--rack", rack.inventory, "--plugins", folder],
            ["throws in check.yaml:9", "misbehaving.step", "a bug in check", "author"])
    for how, says in (("throws", "a bug in run"), ("throws_number", "unknown type")):
        recipe = write(place, how + ".yaml", throwing % how)
        run, result = ran(options, place, "plugin: " + how, ["run", recipe, "--rack", rack.inventory, "--plugins", folder], 4)
        if result:
            verdicts = {dut["id"]: dut for dut in result["duts"]}
            reasons = verdicts["C01"]["reasons"]
            check(verdicts["C01"]["verdict"] == "INCOMPLETE" and reasons[0]["code"] == "plugin.threw" and says in reasons[0]["message"]
                  and "author" in reasons[0]["action"], f"plugin: {how}: its DUT is INCOMPLETE and says why", reasons)
            check(all(item["verdict"] == "GO" for name, item in verdicts.items() if name not in ("C01", "R01")),
                  f"plugin: {how}: the others are judged", result["duts"])
    watch = HEAD + "monitors: [{monitor: bad, use: misbehaving.watch, duts: {id: C01}}]\n" + STEPS
    _, result = ran(options, place, "a leak watch that throws",
                    ["run", write(place, "watch.yaml", watch), "--rack", rack.inventory, "--plugins", folder], 5)
    if result:
        check(result["decision"] == "INCOMPLETE" and any(cut["dut"] == "C01" and cut["off_confirmed_ns"] for cut in result["interlocks"]),
              "a leak watch that throws: what it watched is cut", result["interlocks"])
        check(rack.get("/state")["duts"]["C01"]["power"] == "Off", "a leak watch that throws: the tray is off")


def ran(options, place, name, arguments, code, **more):
    """A run that went as far as it could: `code`, JSON that agrees with its report, never GO. Gives (run, answer)."""
    out = os.path.join(place, "report-" + re.sub(r"\W+", "-", name))
    run = wire.kiln(options, place, *arguments, "--json", "--no-input", "--out", out, **more)
    no_crash(name, run)
    try:
        result = json.loads(run.stdout)
    except ValueError:
        check(False, f"{name}: one JSON object on standard output", run.stdout + run.stderr)
        return run, None
    check(run.returncode == code and result.get("decision") != "GO", f"{name}: exit {code}, {result.get('decision')}",
          f"exit {run.returncode}: {run.stderr[-800:]} {run.stdout[:800]}")
    if "reports" in result:
        try:
            with open(result["reports"]["json"], encoding="utf-8") as file:
                report = json.load(file)
            check(report["decision"] == result["decision"] and os.path.getsize(result["reports"]["html"]) > 0,
                  f"{name}: the report says the same")
        except (KeyError, OSError, ValueError) as error:
            check(False, f"{name}: the report says the same", f"{error!r} {run.stderr}")
    return run, result


def peers(options, place):
    """One run against everything a peer can do wrong at once; the two DUTs that are in order must not suffer from it."""
    identity = rude_bmc.Identity(place)
    kinds = ["polite", "truncated", "cut", "huge", "drips", "hangs", "silent", "plain", "wrong_types"]
    rude = {kind: rude_bmc.RudeBmc(kind, identity) for kind in kinds}
    with wire.Rack(options, place, "--rack", "small", "--powered-on") as rack:
        with open(rack.inventory, encoding="utf-8") as file:
            text = file.read()
        credentials = os.path.join(os.path.dirname(rack.inventory), "rack.credentials.yaml")
        with open(credentials, encoding="utf-8") as file:
            theirs = file.read()
        wrong = write(place, "peers.credentials.yaml", theirs + "\nwrong: {user: root, password: \"not-the-password-1f\"}\n", 0o600)
        text = text.replace("rack.credentials.yaml", wrong)
        keys = re.findall(r"host_key: \"?(ssh-\S+ [A-Za-z0-9+/=]+)", text)
        text = text.split("serving:\n")[0]  # what is added to the DUTs comes last
        blocks = re.split(r"(?m)^(?=  - id: )", text)
        head, blocks = blocks[0], {re.search(r"id: (\w+)", block).group(1): block for block in blocks[1:]}
        blocks["C02"] = blocks["C02"].replace(keys[1], keys[0])  # the key of another host
        host_at = blocks["C01"].index("host:")
        blocks["C01"] = blocks["C01"][:host_at] + re.sub(r"credential: \w+", "credential: wrong", blocks["C01"][host_at:], count=1)
        bmc_at = blocks["S01"].index("bmc:")
        blocks["S01"] = blocks["S01"][:bmc_at] + re.sub(r"credential: \w+", "credential: wrong", blocks["S01"][bmc_at:], count=1)
        bmc = re.search(r"bmc: \{.*credential: (\w+)", blocks["CDU01"]) or re.search(r"credential: (\w+)", blocks["CDU01"])
        slots = {}
        dut = ("  - id: {id}\n    role: server\n    bmc: {{url: \"{url}\", credential: {credential}, tls: {{pin_sha256: \"{pin}\"}}}}\n"
               "    expect: {{components: [{{kind: leak_detector, name: Tray}}]}}\n")
        for number, kind in enumerate(kinds):
            slots[kind] = f"X{number + 1:02}"
            blocks[slots[kind]] = dut.format(id=slots[kind], url=rude[kind].url, credential=bmc.group(1), pin=identity.pin)
        blocks["X90"] = dut.format(id="X90", url="https://127.0.0.1:1", credential=bmc.group(1), pin=identity.pin)
        blocks["X91"] = dut.format(id="X91", url=rude["polite"].url.replace("127.0.0.1", "localhost"), credential=bmc.group(1),
                                   pin="A" * 43 + "=")
        inventory = write(place, "peers.rack.yaml", head + "".join(blocks.values()))
        recipe = write(place, "peers.yaml", HEAD + "phases:\n  - phase: look\n    steps:\n"
                       "      - {step: census, use: cooling.detector_census, duts: all, timeout: 6s}\n"
                       "  - phase: hosts\n    steps:\n"
                       "      - {step: in-band, use: inventory.in_band, duts: {id: [C01, C02]}, timeout: 6s}\n")
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        started = time.monotonic()
        # Exit 1, because a detector whose state is nonsense is a measured fail; all the rest is missing evidence.
        run, result = ran(options, place, "rude peers", ["run", recipe, "--rack", inventory], 1)
        took = time.monotonic() - started
    for peer in rude.values():
        peer.end()
    if not result or "duts" not in result:
        check(False, "rude peers: the run came to an end", run.stdout + run.stderr)
        return
    print(f"      rude peers: {took:.1f} s")
    verdicts = {item["id"]: item for item in result["duts"]}
    for name in ("CDU01", slots["polite"]):
        check(verdicts[name]["verdict"] == "GO", f"rude peers: {name}, which is in order, is GO", verdicts[name]["reasons"])
    expected = {slots["truncated"]: ("truncated JSON", "INCOMPLETE"), slots["cut"]: ("answer cut off", "INCOMPLETE"),
                slots["huge"]: ("100 MB of JSON", "INCOMPLETE"), slots["drips"]: ("a byte at a time", "INCOMPLETE"),
                slots["hangs"]: ("accepts and never answers", "INCOMPLETE"), slots["silent"]: ("never shakes hands", "INCOMPLETE"),
                slots["plain"]: ("no TLS", "INCOMPLETE"), slots["wrong_types"]: ("wrong types", "NO-GO"),
                "X90": ("unreachable BMC", "INCOMPLETE"), "X91": ("certificate mismatch", "INCOMPLETE"),
                "S01": ("wrong password of a BMC", "INCOMPLETE"), "C01": ("wrong password of a host", "INCOMPLETE"),
                "C02": ("unknown host key", "INCOMPLETE")}
    for name, (what, verdict) in expected.items():
        reasons = verdicts[name]["reasons"]
        print(f"      {what}: {verdicts[name]['verdict']} {[(r['code'], r['message'], r['action']) for r in reasons[:2]]}")
        check(verdicts[name]["verdict"] == verdict and bool(reasons), f"rude peers: {what} is {verdict}", reasons)
        check(bool(reasons) and all(reason["message"] and reason["action"] for reason in reasons),
              f"rude peers: {what} has a sentence and a cure", reasons)
    check(took < 25, f"rude peers: none of them holds the run up ({took:.1f} s)")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    check(peak < 200 * 1024 or peak == before, f"rude peers: 100 MB of JSON are not held in memory (peak {peak // 1024} MiB)")
    check(rude["huge"].sent < rude_bmc.HUGE, f"rude peers: and are not read to their end ({rude['huge'].sent >> 20} MiB)")
    check("not-the-password-1f" not in run.stdout + run.stderr, "rude peers: the wrong password is not printed")


def databases(options, place, rack, good):
    """Databases that cannot be used, and one whose disk fills up while the run goes on."""
    arguments = ["run", good, "--rack", rack.inventory, "--dut", "CDU01", "--db"]
    text = write(place, "text.db", "this is no database\n" * 200)
    refused(options, place, "a database that is not SQLite", [*arguments, text], [text, "--db"])
    with open(text, encoding="utf-8") as file:
        check(file.read() == "this is no database\n" * 200, "a database that is not SQLite: left as it was")
    refused(options, place, "a database in a place without files", [*arguments, "/proc/kiln.db"], ["/proc"])
    refused(options, place, "a directory as database", [*arguments, place], [place])

    disk = os.path.join(place, "disk")
    os.mkdir(disk)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m,mode=0700", "tmpfs", disk], capture_output=True,
                             check=False).returncode == 0
    try:
        database = os.path.join(disk, "kiln.db")
        first = wire.kiln(options, place, *arguments, database, "--out", place + "/before")
        check(first.returncode == 0, "a run on the small disk is GO while there is room", first.stderr)
        full_disk(options, place, rack, database, mounted)
        if mounted:
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            refused(options, place, "a read-only database", [*arguments, database], [disk, "--db"])
            shown = wire.kiln(options, place, "show", "last", "--db", database)
            check(shown.returncode == 0, "a read-only database can still be looked at", shown.stderr)
        else:
            print("      this machine lets nobody mount: full disk by a limit on files, read-only database by its unit test only")
    finally:
        if mounted:
            subprocess.run(["umount", "-l", disk], check=False)


def full_disk(options, place, rack, database, mounted):
    recipe = write(place, "long.yaml", HEAD + "phases:\n  - phase: look\n    steps:\n"
                   "      - {step: census, use: cooling.detector_census, duts: {role: cdu}, repeat: 100000}\n")
    name = "a disk that fills up"
    filler = os.path.join(os.path.dirname(database), "filler")
    out = os.path.join(place, "full")
    run = wire.start_kiln(options, place, "run", recipe, "--rack", rack.inventory, "--dut", "CDU01", "--db", database, "--json", "--out", out,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    record = wire.Record(database)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(record.events(["step_ended"])) < 20:
        time.sleep(0.1)
    if mounted:
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
    else:
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (os.path.getsize(database + "-wal") + 65536, resource.RLIM_INFINITY))
    try:
        stdout, stderr = run.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGKILL)
        stdout, stderr = run.communicate()
        check(False, f"{name}: the run ends", stderr[-500:])
        return
    if mounted:
        os.unlink(filler)
    check(run.returncode == 4 and not wire.CRASH.search(stdout + stderr), f"{name}: exit 4, no crash ({run.returncode})", stderr[-800:])
    try:
        result = json.loads(stdout)
    except ValueError:
        check(False, f"{name}: one JSON object", stdout)
        return
    check(result["decision"] == "INCOMPLETE", f"{name}: INCOMPLETE ({result['decision']})")
    said = [line for line in stderr.splitlines() if line.startswith("kiln: ")]
    check(any("full" in line and "free space" in line for line in said), f"{name}: says so, with the cure", said)
    # Nothing acknowledged is lost: every end of a step that was printed is in the record, and the record has no gap.
    kept = record.events(["step_ended"])
    events = [event[0] for event in record.events(["run_begun", "dut_planned", "cell_planned", "phase_begun", "step_begun", "measured",
                                                   "step_ended"])]
    last_begun = max(event[0] for event in record.events(["step_begun"]))
    shown = sum(1 for line in stderr.splitlines() if re.search(r"look/census\s+complete", line))
    in_run = [event for event in kept if event[3] == "look/census"]
    print(f"      {name}: {shown} ends of steps shown, {len(in_run)} in the record, last event {max(events)}, last begun {last_begun}")
    check(0 < shown <= len(in_run), f"{name}: every step that was shown as done is in the record ({shown}, {len(in_run)})")
    texts = {}
    for form, path in result["reports"].items():
        texts[form] = wire.report_text(form, path)
    check(set(texts) == {"html", "json", "junit", "manifest", "ocptv", "pdf", "text"}, f"{name}: the report is there as far as the run went", (list(texts), said))
    check("RECORD BROKEN AT event" in texts.get("text", "").split("\n")[0], f"{name}: its first line says that the record broke",
          texts.get("text", "")[:200])
    listed = wire.kiln(options, place, "show", "last", "--db", database, "--json")
    check(json.loads(listed.stdout)["decision"] == "INCOMPLETE", f"{name}: later, too, it is INCOMPLETE", listed.stdout)
    again = wire.kiln(options, place, "run", "field/bmc-survey", "--rack", rack.inventory, "--dut", "CDU01", "--db", database, "--out",
                      place + "/after")
    check(again.returncode == 0, f"{name}: with room again the next run works", again.stderr)


def reading(database, deadline):
    """A connection with a transaction that reads, as soon as there is something to read."""
    while True:
        connection = None
        try:
            connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5, isolation_level=None)
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM event").fetchone()
            return connection
        except sqlite3.Error:  # not made yet
            if connection is not None:
                connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def leak_on_a_full_disk(options, place):
    """The disk is full and a tray leaks: the cut, the exit code and the report do not depend on the record."""
    name = "a leak while the disk is full"
    with wire.Rack(options, place, "--rack", "small", "--seed", str(random.SystemRandom().randrange(1, 10**6))) as rack:
        database = os.path.join(place, "leak.db")
        out = os.path.join(place, "leak")
        run = wire.start_kiln(options, place, "run", "demo/small", "--rack", rack.inventory, "--set", "soak=60s", "--db", database,
                              "--json", "--out", out, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        reader = reading(database, deadline)  # beside a reader the log only grows: what is written lies at its end
        while time.monotonic() < deadline and not rack.get("/state")["duts"]["C02"]["load"]:
            time.sleep(0.1)
        if run.poll() is not None:
            check(False, f"{name}: the run gets to its load", run.communicate()[1][-800:])
            return
        rack.faults(add=["leak@C02"])
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (os.path.getsize(database + "-wal") + 4096, resource.RLIM_INFINITY))
        try:
            stdout, stderr = run.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            stdout, stderr = run.communicate()
        reader.close()
        state = rack.get("/state")["duts"]
        check(all(state[dut]["power"] == "Off" for dut in ("C01", "C02", "S01")), f"{name}: everything is off", state)
    check("[ledger.failed]" in stderr, f"{name}: the record did break", stderr[-800:])
    check(run.returncode == 5, f"{name}: exit 5 ({run.returncode})", stderr[-800:])
    result = json.loads(stdout or "{}")
    check(result.get("decision") == "NO-GO", f"{name}: NO-GO ({result.get('decision')})")
    check([cut["dut"] for cut in result.get("interlocks", [])] == ["C02"], f"{name}: the cut is in the JSON", result.get("interlocks"))
    said = {reason["code"] for dut in result.get("duts", []) for reason in dut["reasons"]}
    check("leak.detected" in said, f"{name}: the leak is named", sorted(said))
    check("INTERLOCK" in stderr or "leak" in stderr, f"{name}: and told on the screen", stderr[-800:])
    open_ones = [reason for dut in result.get("duts", []) for reason in dut["reasons"] if "undo" in reason["code"] or "guard" in reason["code"]]
    check(not open_ones, f"{name}: what was undone is not called open", open_ones)
    with open(result["reports"]["text"], encoding="utf-8") as file:
        text = file.read()
    check("RECORD BROKEN AT event" in text.split("\n")[0] and "leak.detected" in text, f"{name}: the report tells both", text[:600])
    shown = wire.kiln(options, place, "show", "last", "--db", database, "--json")
    check(json.loads(shown.stdout)["decision"] == "NO-GO", f"{name}: later, too, it is NO-GO", shown.stdout)


def full_disk_under_load(options, place):
    """Nothing is recorded while a soak goes on: a disk that fills up then must end the load all the same."""
    name = "a disk that fills up under load"
    with wire.Rack(options, place, "--rack", "small", "--seed", str(random.SystemRandom().randrange(1, 10**6))) as rack:
        database = os.path.join(place, "load.db")
        run = wire.start_kiln(options, place, "run", "demo/small", "--rack", rack.inventory, "--set", "soak=100s", "--db", database,
                              "--json", "--out", os.path.join(place, "load"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def loads():
            return [rack.get("/state")["duts"][tray]["load"] for tray in ("C01", "C02")]

        def wait_until(condition, seconds):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and not condition():
                time.sleep(0.05)
            return condition()

        check(wait_until(lambda: all(loads()), 60), f"{name}: both trays are under load")
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        # Samples are written a minute at a time: a ledger that is quiet does not know yet.
        check(wait_until(lambda: any(name.endswith(".broken") for name in os.listdir(os.path.join(place, "runs"))), 75),
              f"{name}: the ledger fails with its next write")
        failed = time.monotonic()
        check(wait_until(lambda: not any(loads()), 3), f"{name}: load ends {time.monotonic() - failed:.1f} s after that, not with its soak")
        stdout, stderr = run.communicate(timeout=60)
        state = rack.get("/state")["duts"]
        check(all(state[dut]["power"] == "Off" for dut in ("C01", "C02", "S01")), f"{name}: everything is off", state)
    check(run.returncode == 4 and "[ledger.failed]" in stderr, f"{name}: exit 4 and says why ({run.returncode})", stderr[-600:])


def outputs(options, place, rack, good):
    """Places that cannot be written, and readers that go away."""
    arguments = ["run", good, "--rack", rack.inventory, "--dut", "CDU01"]
    file = write(place, "a file", "")
    refused(options, place, "--out below a file", [*arguments, "--out", file + "/report"], [file, "--out"])
    refused(options, place, "--out where nothing can be made", [*arguments, "--out", "/proc/report"], ["/proc/report", "--out"])

    closed = {}
    for stream in ("stdout", "stderr"):
        reader, writer = os.pipe()
        os.close(reader)
        out = os.path.join(place, "closed-" + stream)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writer}
        powered = write(place, "powered.yaml", HEAD + "monitors: [{monitor: watch, use: cooling.leak_watch, duts: {id: [C02, CDU01]}, every: 500ms}]\n"
                        "phases:\n  - phase: look\n    gate: true\n    steps:\n"
                        "      - {step: census, use: cooling.detector_census, duts: {id: C02}}\n"
                        "      - {step: flow, use: cooling.flow, duts: {id: C02}, with: {samples: 3, every: 200ms}}\n"
                        "  - phase: power\n    needs: [look]\n    steps:\n      - {step: \"on\", use: power.on, duts: {id: C02}, timeout: 1m}\n"
                        "teardown:\n  - {step: \"off\", use: power.off, duts: {id: C02}}\n")
        closed[stream] = (wire.start_kiln(options, place, "run", powered, "--rack", rack.inventory, "--dut", "C02,CDU01", "--out", out, **pipes), out)
        os.close(writer)
        run = closed[stream][0]
        stdout, stderr = run.communicate(timeout=120)
        check(run.returncode == 0, f"{stream} closed: the run goes on to its end, exit 0 ({run.returncode})", (stdout or "") + (stderr or ""))
        check(os.path.exists(out + "/report.html"), f"{stream} closed: the report is there")
        state = rack.get("/state")["duts"]["C02"]
        check(state["power"] == "Off", f"{stream} closed: what was energised was switched off ({state['power']})")
        if stream == "stdout":
            check("standard output" in stderr, "stdout closed: says on standard error where the result is", stderr[-500:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    with tempfile.TemporaryDirectory(prefix="kiln-bad-input-") as place, tempfile.TemporaryDirectory(prefix="kiln-peers-") as other:
        os.chmod(place, 0o755)
        with wire.Rack(options, place, "--rack", "small", "--seed", str(random.SystemRandom().randrange(1, 10**6))) as rack:
            good = files(options, place, rack)
            plugins(options, place, rack, good)
            databases(options, place, rack, good)
            outputs(options, place, rack, good)
        peers(options, other)
    with tempfile.TemporaryDirectory(prefix="kiln-full-disk-") as place:
        leak_on_a_full_disk(options, place)
    with tempfile.TemporaryDirectory(prefix="kiln-full-load-") as place:
        full_disk_under_load(options, place)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
