#!/usr/bin/env python3
"""Runs beside each other, on one virtual rack that lives through all of them. A good run; then a CPU of C01 is exchanged and a network
port of C02 is down. `kiln compare` must put both first, `kiln history` must tell which serial number went and came, and `kiln rerun
--failed` must do that much again and no more: NO-GO while the faults last, CONDITIONAL once they are cleared and nobody says why, GO with
a cause. What may not be rerun is refused before anything is touched: the rack's own log shows no request. Then both runs are exported,
imported at another station and asked about there; what was changed on the way is not taken.

usage: lineage.py --bin BUILD/bin
"""
import argparse
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile

import wire

check = wire.Checks()
RECIPE = "demo/small"
OPERATOR = "A. Tester"


def one_object(done):
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {}


def said_at_the_beginning(station, run):
    """run_begun of a run, and what was said of the rework before it."""
    connection = sqlite3.connect(f"file:{station.place}/kiln/kiln.db?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT kind, body FROM event e JOIN run r ON r.number = e.run WHERE r.id = ? AND dut = '' AND "
                                  "kind IN ('run_begun', 'diagnosed') ORDER BY sequence", (run,)).fetchall()
        return [(kind, json.loads(body)) for kind, body in rows]
    finally:
        connection.close()


class Station:
    def __init__(self, options, place, rack):
        self.options, self.place, self.rack = options, place, rack

    def kiln(self, *arguments):
        return wire.kiln(self.options, self.place, *arguments)

    def run(self, *arguments):
        done = self.kiln("run", RECIPE, "--rack", self.rack.inventory, "--operator", OPERATOR, "--json", *arguments)
        return done, one_object(done)

    def rerun(self, run, *arguments):
        done = self.kiln("rerun", run, "--failed", "--operator", OPERATOR, "--json", *arguments)
        return done, one_object(done)


def compared(station, good, bad, faults):
    done = station.kiln("compare", good, bad, "--json")
    page = one_object(done)
    check(done.returncode == 0 and page.get("b", {}).get("run") == bad, "compare gives one object", done.stderr)
    serials = [one for one in page["changed"] if one["what"] == "serial number" and one["place"] == f"C01 {faults['cpu']}"]
    check(len(serials) == 1 and serials[0]["a"] != serials[0]["b"], "the exchanged CPU stands among what changed", page["changed"][:5])
    worse = [one for one in page["values"] if one["movement"] == "worse"]
    check(any(one["dut_b"] == "C02" and one["part"] == faults["nic"] for one in worse), "the port that is down is worse", worse)
    check(page["values"][0]["movement"] == "worse", "what got worse stands first")
    check(any(one["what"] == "decision" and one["b"] == "NO-GO" for one in page["changed"]), "both decisions are told")
    numbers = [one for one in page["values"] if one["difference"] is not None]
    known = [one for one in numbers if one["noise"]["basis"] != "noise unknown"]
    check(len(known) > 20, f"{len(known)} of {len(numbers)} numbers have a known noise")
    check(all(one["noise"]["sigma"] is None for one in numbers if one["noise"]["basis"] == "noise unknown"), "unknown noise has no figure")
    moved = [one for one in page["values"] if one["movement"] == "moved"]
    print(f"      {len(page['values'])} values: {len(worse)} worse, {len(moved)} moved, "
          f"{sum(one['movement'] == 'within noise' for one in page['values'])} within noise, "
          f"{sum(one['movement'] == 'noise unknown' for one in page['values'])} noise unknown")
    text = station.kiln("compare", good, bad)
    check(text.returncode == 0 and "SIMULATED" in text.stdout and serials[0]["b"] in text.stdout, "as text it says so, and that it is simulated",
          text.stdout[:800])
    html = os.path.join(station.place, "compare.html")
    done = station.kiln("compare", good, bad, "--format", "html", "--out", html)
    check(done.returncode == 0 and "SIMULATED" in open(html, encoding="utf-8").read(), "as HTML too", done.stderr)
    back = one_object(station.kiln("compare", bad, good, "--json"))
    check(sum(one["movement"] == "better" for one in back["values"]) == len(worse), "the other way round, what was worse is better")
    return serials[0]


def trays(station, good):
    page = one_object(station.kiln("compare", f"{good}:C01", f"{good}:C02", "--json"))
    check(page.get("duts", [{}])[0].get("other_unit") is True, "two trays of one run are two units")
    like = [one for one in page["values"] if one["noise"]["basis"] == "like parts"]
    check(like and not any(one["movement"] in ("worse", "better") for one in page["values"]), f"good trays differ by {len(like)} values, none worse")
    wrong = station.kiln("compare", f"{good}:C0l", "last")
    check(wrong.returncode == 2 and "did you mean" in wrong.stderr, "an unknown DUT names the nearest", wrong.stderr)
    wrong = station.kiln("compare", good, "R-19990101", "--json")
    check(wrong.returncode == 2 and one_object(wrong).get("problems"), "an unknown run is refused, in JSON too", wrong.stdout)


def history(station, good, bad, swap, faults):
    page = one_object(station.kiln("history", swap["a"], "--json"))
    check([one["run"] for one in page["sightings"]] == [good], "the old serial number was seen in the good run only", page)
    exchange = page["exchanges"][0]
    check((exchange["from"], exchange["to"], exchange["run_before"], exchange["run_after"]) == (swap["a"], swap["b"], good, bad),
          "it was exchanged between the two runs", exchange)
    text = station.kiln("history", swap["b"])
    check(text.returncode == 0 and f"{swap['a']} → {swap['b']}" in text.stdout and "NO-GO" in text.stdout, "as text it says what the run came to",
          text.stdout)
    page = one_object(station.kiln("history", f"C01:{faults['cpu']}", "--json"))
    check([one["serial"] for one in page["sightings"]] == [swap["a"], swap["b"]], "the place tells both serial numbers", page)
    page = one_object(station.kiln("history", "C01", "--json"))
    check([one["decision"] for one in page["sightings"]] == ["GO", "NO-GO"], "the tray tells both decisions", page["sightings"])
    check(any(one["part"] == faults["cpu"] for one in page["exchanges"]), "and what was exchanged in it")
    wrong = station.kiln("history", swap["a"][:-1] + ("0" if swap["a"][-1] != "0" else "1"))
    check(wrong.returncode == 2 and "did you mean" in wrong.stderr, "an unknown serial number names the nearest", wrong.stderr)


def refused(station, good, bad):
    before = station.rack.get("/log")["entries"][-1]["monotonic_ns"]
    done, _ = station.rerun(good)
    check(done.returncode == 2 and "rerun.nothing_failed" in done.stderr, "a GO is not done again", done.stderr)
    done, _ = station.rerun(bad, "--list")
    plan = one_object(done)
    again = {(one["dut"], one["step"]) for one in plan["again"]}
    needed = {(one["dut"], one["step"]) for one in plan["needed"]}
    check({dut for dut, _ in again} >= {"C01", "C02"}, "--list tells what would be done", plan)
    # What a monitor should have counted on the port that is down under load was not run.
    check(any(dut == "C02" and step.startswith("monitor/") for dut, step in again | needed) or ("C02", "soak/load") in again | needed,
          "the load of C02 is done again, for the monitor that could count nothing on that port", plan)
    with open(station.rack.inventory, "a", encoding="utf-8") as file:
        file.write("# corrected\n")
    done, _ = station.rerun(bad)
    check(done.returncode == 2 and "rerun.changed" in done.stderr and "--cause" in done.stderr, "another rack file needs a cause", done.stderr)
    with open(station.rack.inventory, "r+", encoding="utf-8") as file:
        text = file.read().replace("# corrected\n", "")
        file.seek(0)
        file.truncate()
        file.write(text)
    done = station.kiln("rerun", bad)
    check(done.returncode == 2, "without --failed it is no command", done.stderr)
    check(station.rack.get("/log")["entries"][-1]["monotonic_ns"] == before, "nothing of all this has asked the rack anything")
    return plan


def done_again(station, bad, plan, specs):
    done, still = station.rerun(bad)
    check(done.returncode == 1 and still.get("decision") == "NO-GO", "while the faults last it is NO-GO", done.stderr[-1500:])
    station.rack.faults(clear=specs)
    done, passed = station.rerun(bad)
    check(done.returncode == 3 and passed.get("decision") == "CONDITIONAL", f"a pass without a cause is CONDITIONAL ({done.returncode})",
          done.stdout[-1500:] + done.stderr[-1500:])
    codes = {reason["code"] for dut in passed["duts"] for reason in dut["reasons"]}
    check(codes == {"retest.pass_after_fail"}, "and says so, and nothing else", [dut["reasons"] for dut in passed["duts"]])
    check(passed["counts"]["required"] == plan["cells"] and passed["counts"]["not_run"] == 0, "its cells are those that --list told",
          (passed["counts"], plan["cells"]))
    check(passed["sign_off"] == "not-eligible", "a part of a run is not signed off")
    done, repaired = station.rerun(bad, "--cause", "CPU exchanged, cable of C02 plugged <b>in</b>")
    check(done.returncode == 0 and repaired.get("decision") == "GO", f"with a cause it is GO ({done.returncode})", done.stderr[-1500:])
    said = said_at_the_beginning(station, repaired["run"])
    check(said[0][1]["retest_of"] == bad and any(body["code"] == "retest.rework" and "cable of C02" in body["message"]
                                                 for kind, body in said if kind == "diagnosed"), "the record names the run and the cause", said)
    with open(repaired["reports"]["html"], encoding="utf-8") as file:
        page = file.read()
    check("retest.rework" in page and "<b>in</b>" not in page and "CPU exchanged" in page, "the report lists the rework, escaped")
    shown = one_object(station.kiln("show", bad, "--json"))
    check(shown.get("decision") == "NO-GO", "the old run stays what it was")
    return repaired["run"]


def carried_home(station, runs, swap):
    """Exported, imported at another station with its key, asked about there; and what does not arrive."""
    options, place = station.options, station.place
    bundle, home = os.path.join(place, "home.kiln"), os.path.join(place, "home")
    key = os.path.join(place, "kiln/keys/station.pub.pem")
    done = station.kiln("export", *runs, "-o", bundle, "--json")
    check(done.returncode == 0 and one_object(done)["runs"] == runs and one_object(done)["files"] > 10, "export puts both runs and their files in one file",
          done.stdout + done.stderr)
    print(f"      {os.path.getsize(bundle)} bytes, {one_object(done).get('files')} files")
    again = station.kiln("export", runs[0], "-o", bundle)
    check(again.returncode == 2 and "bundle.exists" in again.stderr, "a bundle is not written over", again.stderr)
    page = one_object(station.kiln("compare", *runs, "--db", bundle, "--json"))
    check(page.get("b", {}).get("run") == runs[1], "a bundle is read as it is", page)

    def at_home(*arguments):
        return wire.kiln(options, home, *arguments)
    refused = at_home("import", bundle)
    check(refused.returncode == 2 and "import.not_trusted" in refused.stderr and "no runs yet" in at_home("runs").stdout,
          "without the station's key nothing is taken", refused.stderr)
    done = at_home("import", bundle, "--station-key", key, "--json")
    check(done.returncode == 0 and sorted(one_object(done)["imported"]) == sorted(runs) and one_object(done)["trusted"], "with it both runs arrive", done.stderr)
    done = at_home("import", bundle, "--station-key", key, "--json")
    check(one_object(done).get("imported") == [] and len(one_object(done)["here_already"]) == 2, "twice is the same as once", done.stdout)
    for run in runs:
        done = at_home("verify", run)
        check(done.returncode == 0 and "imported from" in done.stdout, f"verify {run}: record, checkpoint, artifacts and reports hold", done.stdout)
    listed = {one["run"]: one for one in one_object(at_home("runs", "--json"))["runs"]}
    check(all(listed[run]["imported_from"] and listed[run]["import_trusted"] for run in runs), "kiln runs marks them as imported", listed)
    here, there = (one_object(kiln("compare", *runs, "--json")) for kiln in (station.kiln, at_home))
    check(here == there and there["values"], "compare says the same at both stations")
    check(one_object(at_home("history", swap["a"], "--json"))["exchanges"][0]["to"] == swap["b"], "and so does history")
    done = at_home("report", runs[1], "--out", os.path.join(place, "again"), "--format", "json")
    check(done.returncode == 0, "its report is written again", done.stderr)
    done = at_home("resume", runs[1])
    check(done.returncode == 2, "an imported run is not gone on with", done.stderr)
    other = os.path.join(place, "other")
    done = wire.kiln(options, other, "import", bundle, "--untrusted")
    check(done.returncode == 0 and "TRUSTED BY NOBODY" in done.stdout, "untrusted it is taken, and marked", done.stdout + done.stderr)
    done = wire.kiln(options, other, "verify", runs[0])
    check(done.returncode == 6 and "TRUSTED BY NOBODY" in done.stdout, "and verify says that it knows no key", done.stdout)
    with open(bundle, "rb") as file:
        whole = file.read()
    spoilt = {"cut": whole[:len(whole) // 2], "garbage": os.urandom(40_000), "empty": b""}
    for number in range(6):  # a byte somewhere in the rows or files
        at = len(whole) * (number * 2 + 1) // 12
        spoilt[f"a byte at {at}"] = whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1:]
    for what, data in spoilt.items():
        wrong, nowhere = os.path.join(place, "wrong.kiln"), os.path.join(place, "nowhere")
        with open(wrong, "wb") as file:
            file.write(data)
        done = wire.kiln(options, nowhere, "import", wrong, "--station-key", key)
        arrived = "no runs yet" not in wire.kiln(options, nowhere, "runs").stdout
        # A byte in a page that holds nothing changes nothing; then all of it holds, and may arrive.
        unused = done.returncode == 0 and all(wire.kiln(options, nowhere, "verify", run).returncode == 0 for run in runs)
        check((done.returncode == 2 and not arrived or unused) and not wire.CRASH.search(done.stdout + done.stderr),
              f"refused: {what}{' (in no row: it holds)' if unused else ''}", done.stdout + done.stderr)
        if unused:
            subprocess.run(["rm", "-rf", nowhere], check=True)


def carried_redacted(station, run):
    """Exported without names: none of them is in the file, and the run is still the same one to whoever gets it."""
    bundle, vendor = os.path.join(station.place, "vendor.kiln"), os.path.join(station.place, "vendor")
    done = station.kiln("export", run, "-o", bundle, "--redact", "--json")
    told = one_object(done)
    check(done.returncode == 0 and told["replaced"].get("people and stations", 0) > 0 and told["replaced"].get("folders", 0) > 0, "a redacted export says what it replaced",
          done.stdout + done.stderr)
    with open(bundle, "rb") as file:
        data = file.read()
    telling = [OPERATOR, station.place] + [name for name in [socket.gethostname()] if len(name) > 5 and not name.startswith("localhost")]
    check(not [word for word in telling if word.encode() in data], "operator, station and folders are not in it", [word for word in telling if word.encode() in data])
    done = wire.kiln(station.options, vendor, "import", bundle, "--station-key", os.path.join(station.place, "kiln/keys/station.pub.pem"))
    check(done.returncode == 0, "it is imported as any bundle", done.stderr)
    here, there = (one_object(kiln("show", run, "--json")) for kiln in (station.kiln, lambda *words: wire.kiln(station.options, vendor, *words)))
    same = all(here[key] == there[key] for key in ("decision", "counts", "simulated"))
    reasons = [[(dut["id"], reason["code"], reason["fru"]) for dut in told["duts"] for reason in dut["reasons"]] for told in (here, there)]
    check(same and reasons[0] == reasons[1] and reasons[0], "decision, counts and reasons are the same", (here, there))
    done = wire.kiln(station.options, vendor, "report", run, "--out", os.path.join(station.place, "vendor_report"), "--json")
    check(done.returncode == 0, "reports are written from it", done.stderr)
    text = open(one_object(done)["reports"]["text"], encoding="utf-8").read()
    check("redacted copy" in text and OPERATOR not in text, "which say what they were made from", text[:2000])
    done = wire.kiln(station.options, vendor, "verify", run)
    check("redacted" not in done.stderr and not wire.CRASH.search(done.stdout + done.stderr), "verify reads it", done.stdout + done.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-lineage-") as place, wire.Rack(options, place, "--seed", "11") as rack:
        station = Station(options, place, rack)
        faults = {"cpu": rack.components("C01")["cpu"][0], "nic": rack.components("C02")["nic"][0]}
        specs = [f"part-exchanged@C01:{faults['cpu']}", f"nic-down@C02:{faults['nic']}"]
        done, good = station.run()
        check(done.returncode == 0, "the first run is GO", done.stderr[-1500:])
        rack.faults(add=specs)
        done, bad = station.run()
        check(done.returncode == 1, "the second is NO-GO", done.stderr[-1500:])
        if check.failures:
            return check.exit_code()
        swap = compared(station, good["run"], bad["run"], faults)
        trays(station, good["run"])
        history(station, good["run"], bad["run"], swap, faults)
        plan = refused(station, good["run"], bad["run"])
        done_again(station, bad["run"], plan, specs)
        done = station.kiln("verify", "last")
        check(done.returncode == 0, "a rerun is signed as any run", done.stdout)
        carried_home(station, [good["run"], bad["run"]], swap)
        carried_redacted(station, bad["run"])
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
