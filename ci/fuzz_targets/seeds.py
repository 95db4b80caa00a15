#!/usr/bin/env python3
"""Seeds from captured Redfish trees: `seeds.py TARGET SAMPLES FOLDER`. Written into the build folder, never the tree.

views: a tree cut to what fits into one input, the outermost addresses first. json, wire: single bodies, one of a type.
"""
import json
import sys
from pathlib import Path

MOST_OF_A_TREE = 10_000  # bytes; longer inputs are tried too seldom
MOST_OF_A_BODY = 4_000
VERBS = ("ab", "c", "de", "f", "gh", "i", "j", "kl", "m", "no", "pqrst")  # letters of views.cc: all at once are slow


def bodies(folder):
    """(address, body) of every resource of a tree."""
    for path in sorted(folder.rglob("*.json")):
        text = path.read_text(errors="replace")
        try:
            resource = json.loads(text)
        except ValueError:
            continue
        if isinstance(resource, dict) and str(resource.get("@odata.id", "")).startswith("/redfish"):
            yield resource["@odata.id"], resource


def main():
    target, samples, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if target in ("events", "documents", "statements") or not samples.is_dir():
        return
    kinds = set()
    for tree in sorted(p for p in samples.rglob("*") if p.is_dir() and p.parent.name == "A_redfish"):
        found = sorted(bodies(tree), key=lambda one: (one[0].rstrip("/").count("/"), one[0]))
        service = "\n"
        for uri, resource in found:
            text = json.dumps(resource, separators=(",", ":"), ensure_ascii=False)
            kind = str(resource.get("@odata.type", uri)).split(".")[0]
            entry = f"%% 200 {uri}\n{text}\n"
            if len(service) + len(entry) < MOST_OF_A_TREE:
                service += entry
            if len(text) < MOST_OF_A_BODY and kind not in kinds:
                kinds.add(kind)
                name = f"{tree.name}-{len(kinds)}"
                if target == "json":
                    (out / name).write_text(text)
                elif target == "wire":
                    (out / name).write_text(f"\n%% 200 /redfish/v1/Thing | ETag: \"1\"\n{text}\n")
        if target == "views" and found:
            for verbs in VERBS:
                (out / f"{tree.name}-{verbs}").write_text(verbs + service)


if __name__ == "__main__":
    main()
