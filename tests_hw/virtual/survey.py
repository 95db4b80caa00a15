#!/usr/bin/env python3
"""Surveys every captured Redfish tree with a service root over HTTPS: no crash, no hang, everything present is read. The trees are
not part of the project: without them (KILN_SHARED, or ../shared beside the checkout) the suite is skipped and says so.

usage: survey.py --bin BUILD/bin
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
# Over the wire: resources read, links answered by an error body, links to nothing. An independent walk of the same files (the
# tests of framework/bmc) finds as many, but for /redfish, the list of versions, which the server adds where a capture lacks it.
EXPECTED = {
    "cray-cmm": (152, 0, 107),
    "dmtf/public-cooling-unit": (56, 0, 3),
    "dmtf/public-power-shelf": (72, 0, 9),
    "dmtf/public-rackmount1": (163, 0, 34),
    "ecclesia-features/component_integrity": (13, 0, 10),
    "ecclesia-features/managers": (8, 0, 2),
    "ecclesia-features/sensors": (10, 0, 0),
    "hpe-cray-ex235n": (205, 11, 190),
    "hpe-dl380a-ilo6": (327, 0, 171),
    "intel": (73, 3, 18),
    "lambda-gathergpus": (8, 0, 39),
    "lambda-gb300-happypath": (24, 0, 95),
    "lambda-powershelf-delta": (7, 0, 177),
    "lenovo-sr670-xcc": (277, 0, 253),
    "lenovo-xcc-synthetic": (9, 0, 6),
    "nvidia-gh200-bmc": (583, 54, 58),
    "supermicro-x10": (108, 0, 16),
}
# What is in each: not understood, firmware items, sensors, sensors with a value, leak detectors, NVLink ports, power supplies. Taken from
# the files by hand; how each was counted stands in framework/bmc/captured_views_test.cc. All others: nothing of these.
VIEWS = ("not_understood", "firmware_items", "sensors", "sensors_read", "leak_detectors", "nvlink_ports", "power_supplies")
EXPECTED_VIEWS = {
    "cray-cmm": (0, 8, 81, 73, 0, 0, 4),
    "dmtf/public-cooling-unit": (0, 0, 18, 18, 2, 0, 0),
    "dmtf/public-power-shelf": (0, 0, 31, 31, 0, 0, 0),
    "dmtf/public-rackmount1": (1, 3, 47, 36, 0, 0, 2),
    "ecclesia-features/component_integrity": (0, 2, 0, 0, 0, 0, 0),
    "ecclesia-features/sensors": (0, 0, 10, 10, 0, 0, 0),
    "hpe-cray-ex235n": (0, 30, 111, 107, 0, 0, 0),
    "hpe-dl380a-ilo6": (0, 34, 60, 36, 0, 0, 4),
    "intel": (0, 5, 37, 35, 0, 0, 2),
    "lambda-powershelf-delta": (0, 0, 142, 142, 0, 0, 6),
    "lenovo-sr670-xcc": (0, 12, 127, 113, 0, 0, 4),
    "lenovo-xcc-synthetic": (0, 1, 0, 0, 0, 0, 0),
    "nvidia-gh200-bmc": (0, 19, 144, 143, 0, 36, 0),
    "supermicro-x10": (0, 1, 21, 1, 0, 0, 0),
}


def trees(root):
    """Folders that hold a service root, in any of the three layouts."""
    found = []
    for folder, _, names in os.walk(root):
        relative = os.path.relpath(folder, root)
        if "_redfish_v1.json" in names or ("_redfish_v1_.json" in names):
            found.append(relative)
        elif "index.json" in names:
            try:
                body = json.load(open(os.path.join(folder, "index.json"), encoding="utf-8-sig"))
            except ValueError:
                continue
            is_root = isinstance(body, dict) and "ServiceRoot" in str(body.get("@odata.type", ""))
            if is_root and str(body.get("@odata.id", "/redfish/v1")).rstrip("/") == "/redfish/v1":
                found.append(os.path.relpath(folder[: -len("/redfish/v1")], root) if folder.endswith("/redfish/v1") else relative)
    return sorted(set(found))


def survey(options, tree, place):
    rack = subprocess.Popen([os.path.join(options.bin, "kiln-virtual-rack"), "--mockup", tree, "--out", place + "/mockup",
                             "--exit-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        inventory = json.loads(rack.stdout.readline())["inventory"]
        run = subprocess.run([os.path.join(options.bin, "kiln"), "run", "field/bmc-survey", "--rack", inventory, "--json", "--out",
                              place + "/report"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
                             env=dict(os.environ, XDG_STATE_HOME=place))
        report = json.load(open(place + "/report/report.json", encoding="utf-8"))
        return run.returncode, {item["name"]: item["value"] for item in report["measurements"]}
    finally:
        rack.stdin.close()
        rack.wait(timeout=20)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    root = os.path.join(os.environ.get("KILN_SHARED", os.path.join(checkout, "..", "shared")), "samples", "A_redfish")
    if not os.path.isdir(root):
        print(f"skipped: no captured trees at {root}")
        return SKIPPED
    found, wrong = trees(root), 0
    for name in found:
        with tempfile.TemporaryDirectory(prefix="kiln-survey-") as place:
            code, counts = survey(options, os.path.join(root, name), place)
        seen = tuple(counts.get(f"survey.{what}") for what in ("resources_read", "error_bodies", "links_to_nothing"))
        read, errors, nothing = seen
        views = tuple(counts.get(f"survey.{what}") for what in VIEWS)
        good = code == 0 and counts.get("survey.complete") is True and seen == EXPECTED.get(name)
        good = good and views == EXPECTED_VIEWS.get(name, (0,) * len(VIEWS))
        # Every address that was reached is in one of the four, and none was left without an answer.
        good = good and counts.get("survey.links_followed") == sum(seen) + views[0] and counts.get("survey.unanswered") == 0
        print(f"{'ok   ' if good else 'WRONG'} {name}: exit {code}, {read} resources, {errors} error bodies, "
              f"{nothing} links to nothing, {views[0]} not understood" +
              ("" if good else f", expected {EXPECTED.get(name)} and {EXPECTED_VIEWS.get(name)}; {counts}"), flush=True)
        wrong += 0 if good else 1
    missing = sorted(set(EXPECTED) - set(found))
    if missing:
        print("WRONG not found:", missing)
    print(f"{len(found)} trees surveyed, {wrong} wrong")
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main())
