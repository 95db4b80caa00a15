#!/usr/bin/env python3
"""The reports for machines, of whole runs. OCPTV: every line against reports/ocptv/line.schema.json and against the published schema
(third_party/ocptv-schema) with formats asserted; order, references, pairs of status and result, and what viewers take for granted. junit,
csv and ndjson: read by Python's own parsers. Over a run that is GO, one with three faults, one that is INCOMPLETE, one that a leak cut, and
a survey: no report of a run that is not GO looks green.

usage: ocptv.py --bin BUILD/bin
       ocptv.py --streams DIR     the streams that tests_hw/matrix left there
"""
import argparse
import concurrent.futures
import copy
import csv
import datetime
import json
import os
import pathlib
import re
import sys
import tempfile
import warnings
import xml.etree.ElementTree

import wire

warnings.simplefilter("ignore")
import jsonschema  # noqa: E402

TREE = pathlib.Path(__file__).resolve().parents[2]
PUBLISHED = TREE / "third_party/ocptv-schema/output"
PAIRS = {("COMPLETE", "PASS"), ("COMPLETE", "FAIL"), ("ERROR", "NOT_APPLICABLE"), ("SKIP", "NOT_APPLICABLE")}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
FORMATS = ("html", "json", "junit", "ocptv", "pdf", "text")
FAULTY = ("--fault", "pcie-replays@C01+1s", "--fault", "firmware-old@C02", "--fault", "log-entry@C02+2s")
# name: arguments of kiln, expected exit codes, decision, pair that ends the stream
RUNS = {
    "healthy": (("demo",), (0,), "GO", ("COMPLETE", "PASS")),
    "faulty": (("demo", *FAULTY), (1,), "NO-GO", ("COMPLETE", "FAIL")),
    "incomplete": (("demo", "--fault", "ecc-off@C01"), (4,), "INCOMPLETE", ("ERROR", "NOT_APPLICABLE")),
    "cut": (("demo", "--fault", "leak@C02+3s"), (5,), "NO-GO", ("COMPLETE", "FAIL")),
    "survey": (("run", "field/bmc-survey"), (0,), None, ("SKIP", "NOT_APPLICABLE")),
}


def is_time(text):
    """RFC 3339, with a zone: the date-time of JSON Schema."""
    if not isinstance(text, str) or not STAMP.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


class Schema:
    """One schema over lines. Lines that differ in number, times and sample only are tried once; those are looked at one by one."""

    def __init__(self, validator):
        self.validator, self.known = validator, {}

    @staticmethod
    def own():
        schema = json.loads((TREE / "reports/ocptv/line.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft7Validator.check_schema(schema)
        return Schema(jsonschema.Draft7Validator(schema))

    @staticmethod
    def published(folder):
        """Draft 2020-12; a time is one only with its zone."""
        files = {document["$id"]: document for document in (json.loads(path.read_text(encoding="utf-8"))
                                                            for path in sorted(folder.rglob("*.json"))) if "$id" in document}
        root = next(document for name, document in files.items() if name.endswith("/output"))
        checker = jsonschema.FormatChecker(formats=())
        checker.checkers = {"date-time": (is_time, ())}
        resolver = jsonschema.RefResolver(root["$id"], root, store=files)
        return Schema(jsonschema.Draft202012Validator(root, resolver=resolver, format_checker=checker))

    def misfit(self, line):
        """Empty, or what does not fit."""
        shape = dict(line)
        if type(shape.get("sequenceNumber")) is int and shape["sequenceNumber"] >= 0 and is_time(shape.get("timestamp")):
            shape.update(sequenceNumber=0, timestamp="2026-03-01T12:00:00.000Z")
        element = shape.get("testStepArtifact", {}).get("measurementSeriesElement")
        if isinstance(element, dict) and type(element.get("value")) in (int, float) and type(element.get("index")) is int and \
                element["index"] >= 0 and is_time(element.get("timestamp")):
            shape["testStepArtifact"] = dict(shape["testStepArtifact"], measurementSeriesElement=dict(
                element, value=0, index=0, timestamp="2026-03-01T12:00:00.000Z"))
        key = json.dumps(shape, sort_keys=True)
        if key not in self.known:
            self.known[key] = next((error.message[:300] for error in self.validator.iter_errors(shape)), "")
        return self.known[key]


def broken_order(lines):
    """What is wrong between the lines, and what a viewer would stumble over; the pair that ends the stream."""
    wrong, steps, series, hardware, pair = [], {}, {}, set(), None
    begun = fails = errors = 0

    def say(number, what):
        wrong.append(f"line {number + 1}: {what}")

    for number, line in enumerate(lines):
        if line["sequenceNumber"] != number:
            say(number, "sequence")
        if ("schemaVersion" in line) != (number == 0):
            say(number, "schemaVersion is the first line alone")
        if pair:
            say(number, "after testRunEnd")
        run, step = line.get("testRunArtifact", {}), line.get("testStepArtifact", {})
        if "testRunStart" in run:
            begun += 1
            hardware = {item["hardwareInfoId"] for item in run["testRunStart"]["dutInfo"]["hardwareInfos"]}
        if "testRunEnd" in run:
            pair = run["testRunEnd"]["status"], run["testRunEnd"]["result"]
        errors += ("error" in run) + ("error" in step)
        for artifact in (run, step):
            for kind, needed in (("error", "message"), ("diagnosis", "message"), ("file", "description")):
                if kind in artifact and not artifact[kind].get(needed):
                    say(number, f"{kind} without {needed}")
        if not step:
            continue
        name = step["testStepId"]
        if not begun:
            say(number, "a step before testRunStart")
        if ("testStepStart" in step) == (name in steps):
            say(number, f"step {name} begins twice or not at all")
        state = steps.setdefault(name, {"ended": False, "diagnoses": 0, "open": set()})
        if state["ended"]:
            say(number, f"step {name} has ended")
        for kind in ("measurement", "diagnosis", "measurementSeriesStart"):
            if step.get(kind, {}).get("hardwareInfoId", next(iter(hardware), None)) not in hardware:
                say(number, "unknown hardwareInfoId")
        if "diagnosis" in step:
            state["diagnoses"] += 1
            fails += step["diagnosis"]["type"] == "FAIL"
        for kind in ("measurementSeriesStart", "measurementSeriesElement", "measurementSeriesEnd"):
            if kind not in step:
                continue
            one = step[kind]["measurementSeriesId"]
            if (kind == "measurementSeriesStart") == (one in series):
                say(number, f"series {one} begins twice or not at all")
            told = series.setdefault(one, [])
            if kind == "measurementSeriesStart":
                state["open"].add(one)
            elif one not in state["open"]:
                say(number, f"series {one} is not open in this step")
            elif kind == "measurementSeriesElement":
                told.append(step[kind]["index"])
            else:
                state["open"].discard(one)
                if sorted(told) != list(range(step[kind]["totalCount"])):
                    say(number, f"series {one} lacks elements")
        if "testStepEnd" in step:
            state["ended"] = True
            if state["open"]:
                say(number, f"step {name} ends with open series")
    for name, state in steps.items():
        if not state["ended"] or not state["diagnoses"]:
            wrong.append(f"step {name}: ended {state['ended']}, {state['diagnoses']} diagnoses")
    if begun != 1 or pair not in PAIRS:
        wrong.append(f"{begun} starts, ends as {pair}")
    if pair == ("COMPLETE", "PASS") and fails + errors:
        wrong.append(f"PASS with {fails} FAIL and {errors} errors")
    if pair == ("COMPLETE", "FAIL") and not fails or pair and pair[0] == "ERROR" and not errors:
        wrong.append(f"{pair} without a cause")
    return wrong, pair


def refuted(line):
    """Validators of a measurement that do not hold although the record says pass: a viewer would fail the step."""
    measurement = line.get("testStepArtifact", {}).get("measurement", {})
    if measurement.get("metadata", {}).get("outcome") not in ("pass", "marginal"):
        return []
    holds = {"LESS_THAN_OR_EQUAL": lambda a, b: a <= b, "GREATER_THAN_OR_EQUAL": lambda a, b: a >= b,
             "EQUAL": lambda a, b: a == b, "REGEX_MATCH": lambda a, b: re.search(b, a) is not None}
    return [one for one in measurement.get("validators", ()) if not holds[one["type"]](measurement["value"], one["value"])]


def run_one(options, place, name):
    """A whole run of its own: exit code, what kiln said, its reports."""
    arguments = RUNS[name][0]
    if arguments[0] == "demo":
        ended = wire.kiln(options, place, *arguments, "--json", "--out", place + "/report")
    else:
        with wire.Rack(options, place, "--rack", "small") as rack:
            ended = wire.kiln(options, place, *arguments, "--rack", rack.inventory, "--json", "--no-input", "--out", place + "/report")
    result = json.loads(ended.stdout)
    asked = wire.kiln(options, place, "report", result["run"], "--format", "csv,ndjson", "--out", place + "/asked", "--json")
    return ended, result, json.loads(asked.stdout)["reports"]


def judge_ocptv(check, name, text, schemas):
    lines = [json.loads(line) for line in text.splitlines()]
    check(text.endswith("\n") and "NaN" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", text), f"{name}: JSON Lines, and no NaN among its numbers")
    for title, schema in schemas.items():
        misfits = [f"{number + 1}: {misfit}" for number, line in enumerate(lines) if (misfit := schema.misfit(line))]
        check(not misfits, f"{name}: {len(lines)} lines fit the {title} schema", misfits[:5])
    wrong, pair = broken_order(lines)
    check(not wrong, f"{name}: order, references, pairs, what viewers need", wrong[:5])
    check(pair == RUNS[name][3], f"{name}: ends as {pair}")
    refutable = [found for line in lines for found in refuted(line)]
    check(not refutable, f"{name}: no validator says otherwise than the record", refutable[:3])
    check("SIMULATED RACK - NOT HARDWARE" in text, f"{name}: says that the rack is simulated")
    return lines


def judge_junit(check, name, path, decision):
    suites = xml.etree.ElementTree.parse(path).getroot()
    cases = list(suites.iter("testcase"))
    red = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    counted = int(suites.get("failures")) + int(suites.get("errors"))
    check(len(cases) == int(suites.get("tests")) and len(list(suites.iter("failure"))) + len(list(suites.iter("error"))) == counted,
          f"{name}: junit's {len(cases)} cases and {counted} failures and errors add up")
    check((decision == "GO") == (not red) and not list(suites.iter("skipped")), f"{name}: junit is green only for GO ({len(red)} red)")


def judge_tables(check, name, files, result, report):
    decision = result["decision"] or "SURVEY"
    with open(files["csv"], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    with open(files["ndjson"], encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    judged = sum(1 for item in report["measurements"] if item["outcome"] != "informational")
    values = [row for row in rows if row["row"] == "measurement"]
    check(len(values) == judged and {row["run_decision"] for row in rows} == {decision},
          f"{name}: csv has the {judged} judged values, each with {decision}")
    check(sum(1 for row in rows if row["row"] == "not_run") == result["counts"]["not_run"], f"{name}: and what was not run")
    check([line["outcome"] for line in lines if line["row"] != "samples"] == [row["outcome"] for row in rows],
          f"{name}: ndjson has the same rows")
    samples = sum(len(line["samples"]) for line in lines if line["row"] == "samples")
    check(samples == sum(len(series["points"]) for series in report["series"]), f"{name}: ndjson has all {samples} samples")


def spoilt(check, lines, schemas):
    """The checks above must be able to refuse."""
    changes = {
        "a null": lambda all: all[2]["testRunArtifact"]["log"].update(severity=None),
        "a member nobody knows": lambda all: all[2]["testRunArtifact"]["log"].update(extra=1),
        "a time without zone": lambda all: all[2].update(timestamp="2026-03-01T12:00:00"),
        "a 30th of February": lambda all: all[2].update(timestamp="2026-02-30T12:00:00Z"),
    }
    for what, change in changes.items():
        copies = copy.deepcopy(lines[:5])
        change(copies)
        for title, schema in schemas.items():
            if title == "own" and what.startswith("a 30th"):
                continue  # it has no formats, a pattern only
            check(any(schema.misfit(line) for line in copies), f"the {title} schema refuses {what}")
    for what, cut in {"its end": lines[:-1], "its beginning": lines[1:], "a line": lines[:40] + lines[41:]}.items():
        check(broken_order(cut)[0], f"a stream without {what} is noticed")


def judge_streams(check, folder, schemas):
    """Streams by themselves: what each must end with, the matrix has looked at."""
    lines_seen, ends = 0, {}
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        wrong, pair = broken_order(lines)
        for title, schema in schemas.items():
            wrong += [f"{title} schema, line {number + 1}: {misfit}" for number, line in enumerate(lines) if (misfit := schema.misfit(line))]
        wrong += [f"refuted: {found}" for line in lines for found in refuted(line)]
        lines_seen += len(lines)
        ends[pair] = ends.get(pair, 0) + 1
        if wrong:
            check(False, path.name, wrong[:5])
    check(lines_seen > 0, f"{sum(ends.values())} streams of {lines_seen} lines looked at: {ends}")
    return check.exit_code()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--streams", help="judge the *.jsonl of this folder and run nothing")
    options = parser.parse_args()
    if not options.bin and not options.streams:
        parser.error("--bin or --streams")
    check = wire.Checks()
    schemas = {"own": Schema.own(), "published": Schema.published(PUBLISHED)}
    if options.streams:
        return judge_streams(check, options.streams, schemas)
    with tempfile.TemporaryDirectory(prefix="kiln-ocptv-") as place, concurrent.futures.ThreadPoolExecutor(3) as pool:
        started = {}
        for name in RUNS:
            os.mkdir(os.path.join(place, name))
            started[name] = pool.submit(run_one, options, os.path.join(place, name), name)
        for name, future in started.items():
            ended, result, asked = future.result()
            _, exits, decision, _ = RUNS[name]
            check(ended.returncode in exits and result["decision"] == decision, f"{name}: {decision}, exit {ended.returncode}",
                  ended.stdout[-1500:])
            check(set(result["reports"]) == {*FORMATS, "manifest"}, f"{name}: the run leaves {', '.join(FORMATS)}", result["reports"])
            text = pathlib.Path(result["reports"]["ocptv"]).read_text(encoding="utf-8")
            lines = judge_ocptv(check, name, text, schemas)
            judge_junit(check, name, result["reports"]["junit"], decision)
            report = json.loads(pathlib.Path(result["reports"]["json"]).read_text(encoding="utf-8"))
            judge_tables(check, name, asked, result, report)
            if name == "healthy":
                spoilt(check, lines, schemas)
            if name == "faulty":
                codes = {line["testStepArtifact"]["diagnosis"]["verdict"] for line in lines
                         if line.get("testStepArtifact", {}).get("diagnosis", {}).get("type") == "FAIL"}
                missing = {"gpu.pcie_replays", "firmware.off_baseline", "event_log.unexpected"} - codes
                check(not missing, "faulty: every fault is a FAIL diagnosis by its code", (missing, codes))
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
