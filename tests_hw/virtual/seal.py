#!/usr/bin/env python3
"""What is signed stays what it was, or is found out. Two runs of the demo, one GO and one NO-GO; then each kind of change that somebody
could make to their reports, their seals, their record or the files that belong to it is made to a copy, and `kiln verify` must say so
with exit code 6. The chain of hashes is computed here once more, from framework/store/chain.h: a record that is written anew, with
right hashes, must be found by what the station has signed. And the commands of VERIFY.txt, with nothing but OpenSSL and coreutils.

usage: seal.py --bin BUILD/bin
"""
import argparse
import base64
import concurrent.futures
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import wire

check = wire.Checks()
REPORTS = ("report.html", "report.json", "report.pdf", "report.txt")


class Recorded:
    """The state directory of a station with two runs, of which `run` is looked at; a copy of it can be changed."""

    def __init__(self, options, place, run=None, other=None):
        self.options, self.place, self.run, self.other = options, place, run, other
        self.database = os.path.join(place, "kiln/kiln.db")

    def folder(self, run=None):
        return os.path.join(self.place, "kiln/reports", run or self.run)

    def file(self, name, run=None):
        return os.path.join(self.folder(run), name)

    def copy(self, to):
        shutil.copytree(self.place, to, symlinks=True)
        return Recorded(self.options, to, self.run, self.other)

    def verify(self, *arguments):
        return wire.kiln(self.options, self.place, "verify", *(arguments or (self.run,)), "--json")

    def sql(self, *statements):
        connection = sqlite3.connect(self.database, isolation_level=None)
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")  # whoever changes a record takes them away first
        for statement in statements:
            connection.execute(statement) if isinstance(statement, str) else connection.execute(*statement)
        connection.close()

    def rows(self, statement, *values):
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    @property
    def number(self):
        return self.rows("SELECT number FROM run WHERE id = ?", self.run)[0][0]

    @property
    def last(self):
        return self.rows("SELECT max(sequence) FROM event WHERE run = ?", self.number)[0][0]


def change_byte(path, at=None):
    with open(path, "r+b") as file:
        data = file.read()
        at = len(data) // 2 if at is None else at
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))


def cut(path):
    os.truncate(path, os.path.getsize(path) - 1)


def append(path):
    with open(path, "ab") as file:
        file.write(b"\n")


def netstring(text):
    data = text if isinstance(text, bytes) else str(text).encode()
    return str(len(data)).encode() + b":" + data


def next_hash(before, run, row, samples):
    sequence, kind, dut, step, iteration, attempt, monotonic_ns, utc_ns, body = row
    data = b"".join(netstring(one) for one in (run, kind, dut, step, iteration, attempt, monotonic_ns, utc_ns, body, samples))
    return hashlib.sha256(b"kiln1" + before + sequence.to_bytes(8, "big") + len(data).to_bytes(8, "big") + data).digest()


def chained(record, end=None):
    """The right hash after each event, as the record stands now."""
    columns = "sequence, kind, dut, step, iteration, attempt, monotonic_ns, utc_ns, body"
    samples = dict(record.rows("SELECT sequence, samples FROM series_chunk WHERE run = ?", record.number))
    before, hashes = bytes(32), []
    for row in record.rows(f"SELECT {columns} FROM event WHERE run = ? ORDER BY sequence", record.number):
        before = next_hash(before, record.run, row, samples.get(row[0], b""))
        hashes.append((before, record.number, row[0]))
    return hashes


def rewrite_chain(record):
    hashes = chained(record)
    connection = sqlite3.connect(record.database)
    connection.executemany("UPDATE event SET chain = ? WHERE run = ? AND sequence = ?", hashes)
    connection.execute("UPDATE head SET chain = ?, sequence = ? WHERE run = ?", (hashes[-1][0], hashes[-1][2], record.number))
    connection.commit()
    connection.close()


def envelope(record, run=None):
    with open(record.file("manifest.dsse.json", run), encoding="utf-8") as file:
        return json.load(file)


def put_envelope(record, value):
    with open(record.file("manifest.dsse.json"), "w", encoding="utf-8") as file:
        json.dump(value, file)


def another_decision(record):
    sealed = envelope(record)
    payload = base64.b64decode(sealed["payload"]).replace(b'"decision":"NO-GO"', b'"decision":"GO"')
    sealed["payload"] = base64.b64encode(payload).decode()
    put_envelope(record, sealed)
    with open(record.file("manifest.json"), "wb") as file:
        file.write(payload)


def sealed_by_a_stranger(record):
    """All of it made anew with another key, which lies beside it."""
    key = os.path.join(record.place, "stranger.key")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", record.file("station.pub.pem")], check=True, capture_output=True)
    another_decision(record)
    sealed = envelope(record)
    payload, kind = base64.b64decode(sealed["payload"]), sealed["payloadType"]
    signed = os.path.join(record.place, "signed")
    with open(signed, "wb") as file:
        file.write(f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload)
    subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", signed, "-out", record.file("manifest.sig")], check=True)
    with open(record.file("manifest.sig"), "rb") as file:
        sealed["signatures"][0]["sig"] = base64.b64encode(file.read()).decode()
    put_envelope(record, sealed)


def another_key(record):
    os.remove(os.path.join(record.place, "kiln/keys/station.key"))
    wire.kiln(record.options, record.place, "report", record.other)  # makes a new one


def artifact_file(record, at=0):
    sums = record.rows("SELECT sha256 FROM artifact WHERE run = ? ORDER BY sequence", record.number)
    return os.path.join(record.place, "kiln/artifacts", sums[at][0][:2], sums[at][0][2:])


def swap_artifacts(record):
    one, two = artifact_file(record), artifact_file(record, -1)
    os.rename(one, one + ".x")
    os.rename(two, one)
    os.rename(one + ".x", two)


def swap_events(record):
    first = record.last // 2
    number = record.number
    record.sql(f"CREATE TABLE moved AS SELECT * FROM event WHERE run = {number} AND sequence IN ({first}, {first + 1})",
               f"DELETE FROM event WHERE run = {number} AND sequence IN ({first}, {first + 1})",
               f"INSERT INTO event SELECT run, {2 * first + 1} - sequence, kind, dut, step, iteration, attempt, monotonic_ns, utc_ns, body, chain "
               "FROM moved", "DROP TABLE moved")


def insert_event(record):
    record.sql(f"INSERT INTO event SELECT run, sequence + 1, kind, dut, step, iteration, attempt, monotonic_ns, utc_ns, body, chain FROM event "
               f"WHERE run = {record.number} AND sequence = {record.last}")


def cut_tail(record):
    number, last = record.number, record.last - 5
    record.sql(*(f"DELETE FROM {table} WHERE run = {number} AND sequence > {last}" for table in ("event", "measurement", "cell", "series_chunk", "artifact")))


def cut_tail_and_head(record):
    cut_tail(record)
    rewrite_chain(record)


def write_anew(record):
    """Every fail a pass, in the events and in the tables made from them, with right hashes: only the signature is not."""
    number = record.number
    record.sql(f"""UPDATE event SET body = replace(body, '"outcome":"fail"', '"outcome":"pass"') WHERE run = {number}""",
               f"UPDATE measurement SET outcome = 'pass' WHERE run = {number} AND outcome = 'fail'")
    rewrite_chain(record)


def go_on_after_the_end(record):
    insert_event(record)
    rewrite_chain(record)


def sql_of_run(text):
    return lambda record: record.sql(text.format(run=record.number, last=record.last, half=record.last // 2))


def swap_file(name):
    return lambda record: shutil.copyfile(record.file(name, record.other), record.file(name))


def by_link(record):
    os.rename(record.file("report.html"), os.path.join(record.place, "elsewhere.html"))
    os.symlink(os.path.join(record.place, "elsewhere.html"), record.file("report.html"))


def edit_envelope(edit):
    def change(record):
        sealed = envelope(record)
        edit(sealed)
        put_envelope(record, sealed)
    return change


def add_file(record):
    shutil.copyfile(record.file("report.html"), record.file("report-final.html"))


def measured(word):
    return f"run = {{run}} AND sequence = (SELECT min(sequence) FROM {word} WHERE run = {{run}})"


def changes():
    """(what is done, by what), each to a fresh copy."""
    found = []
    for name in REPORTS:
        found += [(f"a byte of {name} changed", lambda record, name=name: change_byte(record.file(name))),
                  (f"{name} cut by a byte", lambda record, name=name: cut(record.file(name))),
                  (f"{name} longer by a byte", lambda record, name=name: append(record.file(name))),
                  (f"{name} gone", lambda record, name=name: os.remove(record.file(name))),
                  (f"{name} of another run", swap_file(name))]
    for name in ("manifest.json", "manifest.sig", "manifest.dsse.json", "station.pub.pem", "SHA256SUMS", "VERIFY.txt"):
        found += [(f"a byte of {name} changed", lambda record, name=name: change_byte(record.file(name))),
                  (f"{name} gone", lambda record, name=name: os.remove(record.file(name)))]
    found += [
        ("manifest.dsse.json cut", lambda record: os.truncate(record.file("manifest.dsse.json"), 300)),
        ("the seal of another run", swap_file("manifest.dsse.json")),
        ("all seals of another run", lambda record: [swap_file(name)(record) for name in ("manifest.dsse.json", "manifest.json", "manifest.sig", "SHA256SUMS")]),
        ("all files of another run", lambda record: [swap_file(name)(record) for name in os.listdir(record.folder())]),
        ("another decision in the manifest", another_decision),
        ("a seal of another type", edit_envelope(lambda sealed: sealed.update(payloadType="application/vnd.kiln.checkpoint+json"))),
        ("two signatures", edit_envelope(lambda sealed: sealed["signatures"].append(sealed["signatures"][0]))),
        ("no signature", edit_envelope(lambda sealed: sealed["signatures"].clear())),
        ("an empty signature", edit_envelope(lambda sealed: sealed["signatures"][0].update(sig=""))),
        ("sealed anew by a stranger, whose key lies beside it", sealed_by_a_stranger),
        ("the station's key exchanged", another_key),
        ("a file added", add_file),
        ("a report behind a link", by_link),
        ("the body of an event changed", sql_of_run("UPDATE event SET body = replace(body, '\"outcome\":\"fail\"', '\"outcome\":\"pass\"') WHERE run = {run}")),
        ("the time of an event changed", sql_of_run("UPDATE event SET utc_ns = utc_ns + 1 WHERE run = {run} AND sequence = {half}")),
        ("the DUT of an event changed", sql_of_run("UPDATE event SET dut = 'C09' WHERE run = {run} AND sequence = {half}")),
        ("the attempt of an event changed", sql_of_run("UPDATE event SET attempt = attempt + 1 WHERE run = {run} AND sequence = {half}")),
        ("an event gone", sql_of_run("DELETE FROM event WHERE run = {run} AND sequence = {half}")),
        ("the first event gone", sql_of_run("DELETE FROM event WHERE run = {run} AND sequence = 1")),
        ("two events in each other's place", swap_events),
        ("an event added at the end", insert_event),
        ("an event added at the end, with right hashes", go_on_after_the_end),
        ("the tail cut", cut_tail),
        ("the tail cut, with right hashes", cut_tail_and_head),
        ("written anew, with right hashes", write_anew),
        ("the head's hash changed", sql_of_run("UPDATE head SET chain = zeroblob(32) WHERE run = {run}")),
        ("a measured value changed", sql_of_run("UPDATE measurement SET outcome = 'pass' WHERE run = {run} AND outcome = 'fail'")),
        ("a measured value gone", sql_of_run("DELETE FROM measurement WHERE " + measured("measurement"))),
        ("a required cell gone", sql_of_run("DELETE FROM cell WHERE " + measured("cell"))),
        ("samples changed", sql_of_run("UPDATE series_chunk SET samples = zeroblob(length(samples)) WHERE " + measured("series_chunk"))),
        ("the sum of an artifact changed", sql_of_run("UPDATE artifact SET sha256 = replace(sha256, substr(sha256, 5, 1), 'x') WHERE " + measured("artifact"))),
        ("the run called otherwise", lambda record: (record.sql(f"UPDATE run SET id = 'R-20260101-000000-abcd' WHERE number = {record.number}"),
                                                     setattr(record, "run", "R-20260101-000000-abcd"))),
        ("two runs in each other's place", lambda record: record.sql(
            f"UPDATE run SET id = 'R-x' WHERE id = '{record.run}'", f"UPDATE run SET id = '{record.run}' WHERE id = '{record.other}'",
            f"UPDATE run SET id = '{record.other}' WHERE id = 'R-x'")),
        ("a byte of an artifact changed", lambda record: change_byte(artifact_file(record))),
        ("an artifact gone", lambda record: os.remove(artifact_file(record))),
        ("two artifacts in each other's place", swap_artifacts),
        ("the checkpoint gone", sql_of_run("DELETE FROM checkpoint WHERE run = {run}")),
        ("the checkpoint changed", sql_of_run("UPDATE checkpoint SET envelope = replace(envelope, 'sig', 'gis') WHERE run = {run}")),
        ("the checkpoint of another run", sql_of_run("UPDATE checkpoint SET envelope = (SELECT envelope FROM checkpoint WHERE run <> {run}) WHERE run = {run}")),
        ("a record that is cut in two", lambda record: os.truncate(record.database, os.path.getsize(record.database) // 2 // 4096 * 4096)),
    ]
    return found


def record_two_runs(options, place):
    """A GO and a NO-GO side by side, in one record."""
    def one(*more):
        return wire.kiln(options, place, "demo", "--json", *more)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        good, bad = pool.submit(one), pool.submit(one, "--fault", "nic-down@C01:NIC_1")
        good, bad = json.loads(good.result().stdout), json.loads(bad.result().stdout)
    check(good["decision"] == "GO" and bad["decision"] == "NO-GO", f"the two runs are GO and NO-GO ({good['decision']}, {bad['decision']})")
    check(os.path.basename(bad["reports"].get("manifest", "")) == "manifest.json", "the result names the manifest", bad["reports"])
    return Recorded(options, place, bad["run"], good["run"])


def untouched(record):
    for run in (record.run, record.other):
        done = record.verify(run)
        told = json.loads(done.stdout)
        check(done.returncode == 0 and told["holds"] and all(one["holds"] for one in told["findings"]), f"untouched: {run} is what was signed",
              done.stdout)
    with open(record.file("notes.txt"), "w", encoding="utf-8") as notes:
        notes.write("GO, I say")
    beside = record.verify(record.folder())
    check(beside.returncode == 0 and "notes.txt" in beside.stdout and "NOT SIGNED" in beside.stdout, "a file of somebody else is named as not signed",
          beside.stdout)
    os.remove(record.file("notes.txt"))
    alone = record.verify(record.folder())
    check(alone.returncode == 0 and "NO-GO" in alone.stdout and "SIMULATED" in alone.stdout, "untouched: its folder alone, which says NO-GO", alone.stdout)
    stored = {sequence: chain for sequence, chain in record.rows("SELECT sequence, chain FROM event WHERE run = ?", record.number)}
    mine = {sequence: chain for chain, _, sequence in chained(record)}
    check(stored == mine and len(mine) > 1000, f"all {len(mine)} hashes are those that chain.h describes")
    again = wire.kiln(record.options, record.place, "report", record.run, "--format", "text")
    check(again.returncode == 0 and record.verify().returncode == 0, "one report written again: all of them are still signed", again.stderr)
    count = record.rows("SELECT count(*) FROM checkpoint WHERE run = ?", record.number)[0][0]
    check(count == 1, f"and nothing new is signed of the record ({count})")
    modes = {name: oct(os.stat(record.file(name)).st_mode & 0o777) for name in os.listdir(record.folder())}
    check(set(modes.values()) == {"0o600"}, "files are 0600", modes)
    key = os.path.join(record.place, "kiln/keys/station.key")
    check(os.stat(key).st_mode & 0o777 == 0o600, "so is the key")
    with open(key, encoding="utf-8") as file:
        secret = file.read().splitlines()[1]
    leaked = subprocess.run(["grep", "-rlF", secret, record.place], capture_output=True, text=True, check=False).stdout.split()
    check(leaked == [key], "and it is nowhere else", leaked)


def without_reports(record, place):
    copy = record.copy(place + "/no-reports")
    shutil.rmtree(copy.folder())
    done = copy.verify()
    check(done.returncode == 0 and "NOT CHECKED" in done.stdout, "a record without reports beside it: that they were not checked is said", done.stdout)


def elsewhere(record, place):
    """Another station knows the key only when it is told."""
    shutil.copytree(record.folder(), place + "/reports")
    there = Recorded(record.options, place)
    unknown = there.verify(place + "/reports")
    check(unknown.returncode == 6 and "no key known here" in unknown.stdout, "another station does not know who signed", unknown.stdout + unknown.stderr)
    known = there.verify(place + "/reports", "--station-key", place + "/reports/station.pub.pem")
    check(known.returncode == 0, "until it is given the key", known.stdout + known.stderr)
    no_key = there.verify(place + "/reports", "--station-key", place + "/reports/report.txt")
    check(no_key.returncode == 2 and "no PEM" in no_key.stderr, "what is no key is refused", no_key.stderr)


def commands_of(record):
    with open(record.file("VERIFY.txt"), encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [line for line in lines if line.startswith(("openssl ", "{ printf", "sha256sum ", "grep "))]


def by_hand(record):
    """The words of VERIFY.txt in a plain shell; the output of all of them, and whether each succeeded."""
    said, good = "", True
    for command in commands_of(record):
        done = subprocess.run(["bash", "-c", command], cwd=record.folder(), env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr
        good = good and done.returncode == 0
    return good and "Signature Verified Successfully" in said, said


def without_kiln(record, scratch):
    commands = commands_of(record)
    good, said = by_hand(record.copy(scratch + "/hand"))
    check(len(commands) == 5 and good, f"VERIFY.txt: its {len(commands)} commands hold without Kiln", said)
    with open(record.file("VERIFY.txt"), encoding="utf-8") as file:
        told = file.read()
    key_id = next(line.split()[0] for line in said.splitlines() if line.endswith("  -"))
    check(key_id in told, "the key's number is the one told there", said)
    for name in (*REPORTS, "manifest.json", "manifest.sig", "SHA256SUMS"):
        copy = record.copy(f"{scratch}/hand-{name}")
        change_byte(copy.file(name))
        good, said = by_hand(copy)
        check(not good, f"by hand: a changed byte of {name} is found", said)
    for name in REPORTS:
        if name.endswith(".pdf"):
            text = "".join(subprocess.run(["pdftotext", record.file(name), "-"], capture_output=True, text=True, check=False).stdout.split())
        else:
            with open(record.file(name), encoding="utf-8") as file:
                text = file.read()
        check(key_id in text, f"{name} names the key")


def not_made_good(record, place):
    """A record that was changed is not signed by writing its report again."""
    for name, change in (("changed", sql_of_run("UPDATE event SET utc_ns = utc_ns + 1 WHERE run = {run} AND sequence = {half}")),
                         ("cut", cut_tail_and_head), ("anew", write_anew)):
        copy = record.copy(f"{place}/good-{name}")
        change(copy)
        again = wire.kiln(copy.options, copy.place, "report", copy.run)
        check(again.returncode == 4 and "report.not_sealed" in again.stderr and copy.verify().returncode == 6,
              f"a record that was {name}: kiln report does not sign it", again.stdout + again.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-seal-") as place:
        record = record_two_runs(options, place + "/station")
        untouched(record)
        without_reports(record, place)
        elsewhere(record, place + "/elsewhere")
        without_kiln(record, place)
        kinds = changes()
        for number, (what, change) in enumerate(kinds):
            copy = record.copy(f"{place}/{number}")
            change(copy)
            done = copy.verify()
            found = done.stdout.count('"holds":false') if done.returncode == 6 else 0
            check(done.returncode == 6 and found > 0 and not wire.CRASH.search(done.stdout + done.stderr), f"found: {what}",
                  f"exit {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr}")
            shutil.rmtree(copy.place)
        print(f"{len(kinds)} kinds of change")
        check(len(kinds) >= 40, "at least forty kinds of change")
        check(record.verify().returncode == 0, "the original still holds")
        not_made_good(record, place)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
