#!/usr/bin/env python3
"""A model server over real TLS and the bring-up clock: the first token and its times on record, the API key in no file but its own,
each shortfall of a stream its own code and never a pass; what people note of a rack, what is refused, and the clock in every format.

usage: first_token.py --bin BUILD/bin
"""
import argparse
import datetime
import json
import os
import re
import sqlite3
import tempfile
import time

import wire

check = wire.Checks()
RECIPE = """recipe: tokens
version: 1.0.0
product: virtual-gb300-nvl72
purpose: field
description: only the model server, on a rack that is on
requires: {plugins: [cooling, first_token]}
monitors:
  - {monitor: leak_watch, use: cooling.leak_watch, duts: all, every: 500ms}
interlocks: [{cause: leak, scope: tray}]
phases:
  - phase: cooling
    gate: true
    steps:
      - {step: flow, use: cooling.flow, duts: {role: [compute_tray, switch_tray, cdu]}, with: {samples: 3, every: 200ms}}
  - phase: tokens
    needs: [cooling]
    steps:
      - step: tokens
        use: first_token.serve
        duts: {role: rack}
        with: {WITH}
"""
WITH = 'model: virtual-llm, expect: "^The rack is up", concurrency: 4, requests: 8, max_tokens: 12, ready_within: 20s, first_token_within: 10s, stall_within: 2s'


def run(options, place, rack, name, with_text=WITH, inventory=None):
    recipe = os.path.join(place, name + ".yaml")
    with open(recipe, "w", encoding="utf-8") as file:
        file.write(RECIPE.replace("WITH", with_text))
    ended = wire.kiln(options, place, "run", recipe, "--rack", inventory or rack.inventory, "--json", "--no-input", "--format", "json", "--out", os.path.join(place, name))
    return ended, json.loads(ended.stdout)


def codes(result):
    return {reason["code"] for dut in result["duts"] for reason in dut["reasons"]}


def measured(result, name):
    report = json.load(open(result["reports"]["json"], encoding="utf-8"))
    return [item for item in report["measurements"] if item["name"] == name]


def good(options, place, rack):
    ended, result = run(options, place, rack, "good")
    check(ended.returncode == 0 and result["decision"] == "GO", "a healthy server is GO", ended.stdout + ended.stderr)
    first = measured(result, "first_token.time.p95")[0]["value"]
    check(0.05 < first < 2, f"the time to the first token is the server's ({first} s)")
    check(measured(result, "first_token.answers")[0]["value"] == 8, "eight whole answers")
    rate = measured(result, "first_token.rate")[0]["value"]
    check(20 < rate < 4 / 0.008 + 1, f"tokens per second are no more than its tokens allow ({rate:.0f})")
    log = [one for one in rack.get("/log")["entries"] if one["dut"] == "serving" and one["uri"] == "/v1/chat/completions"]
    check(len(log) == 9, f"asked once alone and eight times under load ({len(log)})")
    for dut, state in rack.get("/state")["duts"].items():
        check(not state["load"], f"{dut} carries no load once the questions are over")
    return result


def shortfalls(options, place, rack):
    for fault, code in (("stream-cut", "first_token.cut"), ("stream-stall", "first_token.stalled"), ("model-other", "first_token.other_model")):
        rack.faults(add=[fault + "@C01"])
        ended, result = run(options, place, rack, fault)
        rack.faults(clear=[fault + "@C01"])
        check(ended.returncode == 4 and result["decision"] == "INCOMPLETE" and code in codes(result), f"{fault}: INCOMPLETE with {code}", codes(result))
        check(all(item["outcome"] in ("unset", "informational") for name in ("time.p95", "rate") for item in measured(result, "first_token." + name)),
              f"{fault}: nothing that it measured is a pass")
    for fault, code in (("answer-wrong", "first_token.wrong_answer"), ("first-token-slow", "first_token.slow"), ("tokens-slow", "first_token.tokens_slow")):
        rack.faults(add=[fault + "@C02"])
        ended, result = run(options, place, rack, fault, WITH.replace("requests: 8", "requests: 4"))
        rack.faults(clear=[fault + "@C02"])
        check(ended.returncode == 1 and code in codes(result), f"{fault}: NO-GO with {code}", codes(result))


def loading(options, place, rack):
    """On a rack of its own: after a load the facility's valve closes for longer than the wait, and that is a hazard to a run that began before."""
    rack.faults(add=["model-loading@C01"])
    ended, result = run(options, place, rack, "model-loading")
    check(ended.returncode == 0, "a model that is being loaded is waited for", [(dut["id"], dut["reasons"]) for dut in result["duts"] if dut["reasons"]])


def trust(options, place, rack):
    text = open(rack.inventory, encoding="utf-8").read()
    folder = os.path.dirname(rack.inventory)
    wrong = os.path.join(folder, "wrong.yaml")
    head, serving = text.split("serving:\n")
    with open(wrong, "w", encoding="utf-8") as file:
        file.write(head + "serving:\n" + re.sub(r'pin_sha256: "[^"]+"', 'pin_sha256: "' + "A" * 43 + '="', serving))
    ended, result = run(options, place, rack, "pin", inventory=wrong)
    check(ended.returncode == 4 and "http.tls_untrusted" in codes(result), "a server with another key than the pinned one is asked nothing", codes(result))
    with open(wrong, "w", encoding="utf-8") as file:
        file.write(text.replace("credential: serving", "credential: other"))
    with open(os.path.join(folder, "rack.credentials.yaml"), encoding="utf-8") as file:
        credentials = file.read()
    with open(os.path.join(folder, "other.credentials.yaml"), "w", encoding="utf-8") as file:
        os.chmod(file.name, 0o600)
        file.write(credentials + 'other: {api_key: "not-this-one"}\n')
    with open(wrong, "w", encoding="utf-8") as file:
        file.write(text.replace("credential: serving", "credential: other").replace("rack.credentials.yaml", "other.credentials.yaml"))
    ended, result = run(options, place, rack, "key", inventory=wrong)
    check(ended.returncode == 4 and "first_token.key" in codes(result), "a key that the server refuses is said", codes(result))
    url = re.search(r'serving:\n  url: "([^"]+)"', text).group(1)
    ended, result = run(options, place, rack, "address", f'{WITH}, address: "{url}", insecure: "its pin is in the rack file"')
    check(ended.returncode == 4 and "first_token.key" in codes(result), "an address of the recipe's own is not given the rack's key", codes(result))
    key = re.search(r'api_key: "([^"]+)"', credentials).group(1)
    leaks = []
    for where, _, names in os.walk(place):
        for name in names:
            if name.endswith("credentials.yaml"):
                continue
            if key.encode() in open(os.path.join(where, name), "rb").read():
                leaks.append(name)
    check(not leaks, "the key is in no log, report or database", leaks)


def receive(options, place, *arguments):
    return wire.kiln(options, place, "receive", *arguments)


def notes(options, place):
    day = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    good = day.strftime("%Y-%m-%dT%H:%M:%SZ")
    later = (day + datetime.timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for wrong, why in ((["R01", "--at", good[:-1], "--by", "Kim"], "no time zone"), (["R01", "--at", later, "--by", "Kim"], "the future"),
                       (["R01", "--at", good[:-1] + "-00:00", "--by", "Kim"], "an unknown time zone"), (["R01", "--at", good], "nobody says so"),
                       (["R01", "--by", "Kim"], "no time"), (["R 01", "--at", good, "--by", "Kim"], "no name of a rack"),
                       (["R01", "--at", good, "--by", "Kim", "--waits-for", "luck"], "nobody waits for that"),
                       (["R01", "--list", "--by", "Kim"], "list and note")):
        refused = receive(options, place, *wrong)
        check(refused.returncode == 2 and refused.stderr.startswith("kiln: "), f"refused: {why}", refused.stderr)
    check(receive(options, place, "--list").stdout.startswith("nothing"), "none of them was noted")
    check(receive(options, place, "R01", "--at", good, "--by", "Kim").returncode == 0, "an arrival is noted")
    second = json.loads(receive(options, place, "R01", "--at", (day + datetime.timedelta(hours=1)).isoformat(), "--by", "Lee", "--json").stdout)
    check(second["corrects"], "a second one corrects it")
    check(receive(options, place, "R01", "--waits-for", "parts", "--at", (day + datetime.timedelta(hours=2)).isoformat(), "--by", "Lee").returncode == 0,
          "what it waits for is noted")
    listed = json.loads(receive(options, place, "R01", "--list", "--json").stdout)["notes"]
    check([one["what"] for one in listed] == ["arrived", "arrived", "waits_for_parts"] and listed[0]["by"] == "Kim", "all of it stays on record", listed)
    database = os.path.join(place, "kiln", "kiln.db")
    try:
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE rack_note SET at_utc_ns = 0")
        check(False, "nobody rewrites it")
    except sqlite3.Error as error:
        check("append-only" in str(error), "nobody rewrites it", error)


def clock(options, place, result):
    again = json.loads(wire.kiln(options, place, "report", result["run"], "--out", place + "/clock", "--json").stdout)["reports"]
    seen = json.load(open(again["json"], encoding="utf-8"))["bring_up"]
    check(seen["arrived"]["by"] == "Lee" and len(seen["notes"]) == 3, "the corrected arrival counts", seen["arrived"])
    hours = 3_600_000_000_000
    check(22.9 * hours < seen["first_token"]["since_arrival_ns"] < 23.1 * hours, "the first token is a day after the arrival")
    check(seen["powered"] is None, "that rack was on already: when it was powered is not recorded")
    total = sum(seen["time"].values())
    check(abs(total - seen["first_token"]["since_arrival_ns"]) < 2e9, f"where the time went adds up ({total / hours:.2f} h)")
    check(21.9 * hours < seen["time"]["parts_ns"] < 22.1 * hours and seen["time"]["tests_ns"] > 0, "most of it was the wait for parts", seen["time"])
    text = open(again["text"], encoding="utf-8").read()
    page = open(again["html"], encoding="utf-8").read()
    check(re.search(r"first powered +not recorded", text) and "passed tokens" in text and "noted by Lee" in text, "the text says so", text[:3000])
    check("Bring-up clock" in page and "noted by Lee" in page and "Where the time went" in page, "and the page")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-first-token-") as place, \
            wire.Rack(options, place, "--rack", "small", "--powered-on", "--seed", "7") as rack:
        time.sleep(1.5)
        loading(options, place, rack)
    with tempfile.TemporaryDirectory(prefix="kiln-first-token-") as place, \
            wire.Rack(options, place, "--rack", "small", "--powered-on", "--seed", "7") as rack:
        time.sleep(1.5)
        notes(options, place)
        result = good(options, place, rack)
        clock(options, place, result)
        trust(options, place, rack)
        shortfalls(options, place, rack)
    return check.exit_code()


if __name__ == "__main__":
    raise SystemExit(main())
