#!/usr/bin/env python3
"""The benchmarks still run and print their ratios: `smoke.py ledger|redfish|report|survey|station --bin BUILD/bin`. Counts are tiny and no
figure is judged: what a machine under test takes says nothing.
"""
import argparse
import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TINY = {"ledger": ["--rounds", "1", "--rows", "1100"], "redfish": ["--rounds", "1", "--gets", "64"],
        "report": ["--rounds", "1", "--samples", "20000"],
        "survey": ["--rounds", "1", "--resources", "60", "--allowed", "1000"],
        "station": ["--trays", "1", "--soak", "14s", "--set", "settle=1s", "--set", "heat_every=400ms", "--set", "links_every=2s"]}


def lines_are_whole(answer):
    lines = answer["lines"]
    assert any(not line["of"] for line in lines) and any(line["of"] for line in lines), "a ceiling, and something beside it"
    for line in lines:
        assert len(line["per_cpu_second"]) == 1 and line["per_cpu_second"][0] > 0, line
        assert all(ratios[0] > 0 for ratios in line["of"].values()), line


def station_is_whole(answer):
    runs = answer["runs"][0]
    assert runs[0]["decision"] == "GO" and runs[0]["duts"] == 3, "a tray, its switch tray and the CDU"
    for name in ("cpu_s", "peak_mib", "dut_steps", "measurements", "samples", "redfish_requests", "ssh_commands", "rack_cpu_s"):
        assert runs[0][name] > 0, name


def slopes_are_right():
    """Three sizes cost a whole minute; what is computed from them does not."""
    loader = importlib.machinery.SourceFileLoader("station", str(HERE / "station"))
    station = importlib.util.module_from_spec(importlib.util.spec_from_loader("station", loader))
    loader.exec_module(station)
    sizes = [[{"duts": duts, "cpu_s": cpu, "peak_mib": 50.0 + duts}] for duts, cpu in ((10, 3.0), (36, 5.6), (100, 24.8))]
    found = [(slope["from"], slope["to"], round(slope["cpu_s_per_dut"], 6), slope["mib_per_dut"]) for slope in station.slopes(sizes)]
    assert found == [(10, 36, 0.1, 1.0), (36, 100, 0.3, 1.0), (10, 100, 0.242222, 1.0)], found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TINY)
    parser.add_argument("--bin", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-bench-smoke-") as place:
        file = Path(place, "figures.json")
        program = [HERE / "station", "--bin", options.bin] if options.name == "station" else [options.bin / f"bench_{options.name}"]
        done = subprocess.run([*program, *TINY[options.name], "--json", file], stdout=subprocess.PIPE, text=True, timeout=170)
        print(done.stdout)
        assert done.returncode == 0, f"exit {done.returncode}"
        answer = json.loads(file.read_text(encoding="utf-8"))
    if options.name == "survey":
        assert 60 <= answer["requests"] <= 63, "each resource once, and three addresses of the standard"
        assert answer["bound"]["requests"] - answer["bound"]["refused"] >= 60, answer["bound"]
    if options.name == "station":
        station_is_whole(answer)
        slopes_are_right()
    else:
        lines_are_whole(answer)
        assert " of bare " in done.stdout, "the ratio is printed"


if __name__ == "__main__":
    sys.exit(main())
