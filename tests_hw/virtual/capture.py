#!/usr/bin/env python3
"""kiln capture: every BMC of a virtual rack, and mockups with known secrets in them, are captured, replayed by a second virtual rack
and read again byte for byte; nothing that names a site or lets somebody in is in any file; what goes wrong leaves no capture. With
the captured trees beside the checkout (KILN_SHARED, or ../shared) three of them too.

usage: capture.py --bin BUILD/bin
"""
import argparse
import base64
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import wire
import yaml

check = wire.Checks()
KEPT = ("ETag", "Allow", "Link", "Location", "Retry-After", "Content-Type", "OData-Version")
TELLING = ("SerialNumber", "UUID", "MACAddress", "PermanentMACAddress", "AssetTag", "HostName", "FQDN", "Password", "AssociatedMACAddresses",
           "NodeGUID", "PortGUID", "SystemGUID")
ALL_KINDS = "serials,assets,macs,addresses,hosts,users,uuids"
SAMPLES = ("hpe-dl380a-ilo6", "nvidia-gh200-bmc", "supermicro-x10")


class Bmc:
    """One BMC of a rack file, asked by Basic."""

    def __init__(self, inventory, dut):
        with open(inventory, encoding="utf-8") as file:
            rack = yaml.safe_load(file)
        with open(os.path.join(os.path.dirname(inventory), rack["credentials"]), encoding="utf-8") as file:
            credentials = yaml.safe_load(file)
        entry = next(one for one in rack["duts"] if one["id"] == dut)["bmc"]
        login = credentials[entry["credential"]]
        self.url, self.password = entry["url"], login["password"]
        self.basic = "Basic " + base64.b64encode(f"{login['user']}:{login['password']}".encode()).decode()
        self.trust = ssl.create_default_context()
        self.trust.check_hostname, self.trust.verify_mode = False, ssl.CERT_NONE

    def get(self, uri):
        """(status, headers, body) of a GET; redirects are not expected."""
        request = urllib.request.Request(self.url + urllib.parse.quote(uri, safe="/%?=&$:,;@!~*'()[]+.-_"))
        request.add_header("Authorization", self.basic)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.trust) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()


def duts_of(inventory):
    with open(inventory, encoding="utf-8") as file:
        return [one["id"] for one in yaml.safe_load(file)["duts"]]


def capture(options, place, inventory, dut, out, *more, **how):
    return wire.kiln(options, place, "capture", dut, "--rack", inventory, "--out", out, *more, **how)


def captured(directory):
    """uri → (file, status, headers) of a capture."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in ("index.json", "index.xml"):
            if name not in names:
                continue
            said = {}
            if "headers.json" in names:
                with open(os.path.join(folder, "headers.json"), encoding="utf-8") as file:
                    said = json.load(file)
            uri = said.get("uri", "/" + os.path.relpath(folder, directory))
            found[uri] = (os.path.join(folder, name), said.get("status", 200), said.get("GET", {}))
    return found


def contents(directory):
    """Relative path → bytes, without the manifest."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if name != "capture.json":
                with open(path, "rb") as file:
                    found[os.path.relpath(path, directory)] = file.read()
    return found


def everything(directory):
    """All paths and contents in one."""
    return b"\n".join(name.encode() + b"\n" + text for name, text in contents(directory).items()) + open(
        os.path.join(directory, "capture.json"), "rb").read()


def telling_values(body, found):
    """What properties say whose names tell, wherever they are."""
    if isinstance(body, list):
        for item in body:
            telling_values(item, found)
    elif isinstance(body, dict):
        for name, value in body.items():
            if name in TELLING:
                found.update(text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))
            telling_values(value, found)


def is_telling(value):
    signs = set(value.lower()) - set(":-. ")
    return len(value) >= 6 and len(signs) >= 3 and any(c.isdigit() for c in value) and value not in ("0123456789", "1234567890")


def replay(options, place, name, directory):
    """Every address of a capture is answered with its bytes, status and headers; and captured again it is the same."""
    found = captured(directory)
    with wire.Rack(options, os.path.join(place, "replay-" + name), "--mockup", directory) as rack:
        bmc, wrong = Bmc(rack.inventory, "B01"), []
        for uri, (path, status, headers) in found.items():
            told, got, body = bmc.get(uri)
            with open(path, "rb") as file:
                same = told == status and (status == 204 or body == file.read())
            same = same and all(got.get(key) == value for key, value in headers.items() if status != 204)
            if not same:
                wrong.append((uri, told, status, dict(got), headers))
        check(found and not wrong, f"{name}: replayed, all {len(found)} addresses answer as they did", wrong[:3])
        again = os.path.join(place, "again-" + name)
        run = capture(options, place, rack.inventory, "B01", again, "--keep", ALL_KINDS)
        before, after = contents(directory), contents(again) if os.path.isdir(again) else {}
        differ = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        check(run.returncode == 0 and not differ, f"{name}: the replay captured again is the same, file by file",
              f"exit {run.returncode} {run.stderr} {differ[:5]}")


def whole_rack(options, place):
    with wire.Rack(options, place, "--rack", "small", "--seed", "11") as rack:
        for dut in duts_of(rack.inventory):
            bmc, out = Bmc(rack.inventory, dut), os.path.join(place, dut)
            since = rack.get("/log")["monotonic_ns"]
            run = capture(options, place, rack.inventory, dut, out, "--json")
            told = json.loads(run.stdout) if run.returncode == 0 else {}
            check(run.returncode == 0 and told.get("complete") is True, f"{dut}: captured, and complete", run.stderr)
            if not told:
                continue
            numbers = told["numbers"]
            check(numbers["resources"] > 20 and numbers["links_to_nothing"] == 0 and numbers["unanswered"] == 0, f"{dut}: {numbers}")
            log = [one for one in rack.get(f"/log?since={since}")["entries"] if one["dut"] == dut]
            changed = [(one["method"], one["uri"]) for one in log if one["method"] != "GET"]
            check(all("/SessionService/Sessions" in uri for _, uri in changed), f"{dut}: nothing but a session was changed", changed)
            sessions = json.loads(bmc.get("/redfish/v1/SessionService/Sessions")[2])
            check(sessions["Members@odata.count"] == 0, f"{dut}: no session is left", sessions)
            check(numbers["requests"] + 1 == len(log), f"{dut}: {numbers['requests']} requests and a logout, as the rack counted", len(log))
            values = set()
            for uri in captured(out):
                status, _, body = bmc.get(uri)
                if status == 200 and body.startswith(b"{"):
                    telling_values(json.loads(body), values)
            values = {value for value in values if is_telling(value)} | {bmc.password}
            everywhere = everything(out)
            leaked = [value for value in values if value.encode() in everywhere]
            check(len(values) > 2 and not leaked, f"{dut}: none of {len(values)} serials, UUIDs, MACs and passwords is in it", leaked)
            secret_headers = [name for _, _, headers in captured(out).values() for name in headers if name not in KEPT]
            check(not secret_headers, f"{dut}: only headers of the resource are kept", secret_headers)
            modes = [oct(os.stat(os.path.join(folder, name)).st_mode & 0o777) for folder, folders, names in os.walk(out) for name in names]
            check(set(modes) == {"0o600"}, f"{dut}: files are for their owner only", set(modes))
            replay(options, place, dut, out)


SERIAL, MAC, TOKEN = "CZ2D1702GX", "9c:dc:71:4a:0e:3f", "2f6b0c9e5ad24b7f"
SECRETS = ("hunter2", "pr1vate-c0mm", "MIIEowIBAAKCAQEA7", TOKEN, "ABCDE-12345-FGHIJ", "s3cr3t!", "radius-s3cret", "cm9vdDpodW50ZXIy")
OTHERS = (SERIAL, MAC, MAC.upper().replace(":", ""), "10.42.7.129", "fd00:42::9edc", "node17", "dc3.example", "jdoe",
          "4c4c4544-0042-3310-8057-b7c04f4d4c32", "R7-U21-0042")


def known_tree(place):
    """A mockup with a known secret in every corner. Written as `kiln capture` would, because of the query and the odd names."""
    tree = os.path.join(place, "known")

    def put(uri, body, folder=None, **said):
        where = os.path.join(tree, (folder or uri).lstrip("/"))
        os.makedirs(where)
        text = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        with open(os.path.join(where, "index.json"), "wb") as file:
            file.write(text)
        said = {"GET": {"Content-Type": "application/json", "OData-Version": "4.0"}, **said}
        if folder:
            said["uri"] = uri
        with open(os.path.join(where, "headers.json"), "w", encoding="utf-8") as file:
            json.dump(said, file)

    def link(uri):
        return {"@odata.id": uri}

    put("/redfish/v1", {"@odata.id": "/redfish/v1/", "@odata.type": "#ServiceRoot.v1_9_0.ServiceRoot", "RedfishVersion": "1.9.0", "Vendor": "Contoso",
                        "Product": "Known", "UUID": "4c4c4544-0042-3310-8057-b7c04f4d4c32", "Systems": link("/redfish/v1/Systems"),
                        "Accounts": link("/redfish/v1/Accounts/jdoe"), "Broken": link("/redfish/v1/Broken"), "Denied": link("/redfish/v1/Denied"),
                        "Odd": [link("/redfish/v1/Odd/index.json"), link("/redfish/v1/Odd/a b"), link("/redfish/v1/Odd/" + "x" * 300),
                                link("/redfish/v1/systems"), link("/redfish/v1/../../../etc/passwd"), link("/redfish/v1/%2e%2e/%2e%2e/x"),
                                link("/redfish/v1/Odd/a%00b")],
                        "Registries": link("/redfish/v1/Registries")})
    put("/redfish/v1/Systems", {"Members": [link(f"/redfish/v1/Systems/{SERIAL}")], "Members@odata.nextLink": "/redfish/v1/Systems?$skip=1&x=/../y"})
    put("/redfish/v1/Systems?$skip=1&x=/../y", {"Members": [link("/redfish/v1/Gone")]}, folder="elsewhere/1")
    put(f"/redfish/v1/Systems/{SERIAL}",
        '{"@odata.id": "/redfish/v1/Systems/%s",\r\n  "Id":"%s", "SerialNumber":"CZ2D\\u0031702GX", "n": 1.50e+01,"n":0,"AssetTag":"R7-U21-0042",'
        '"HostName":"node17.dc3.example.com","UUID":"4c4c4544-0042-3310-8057-b7c04f4d4c32","MACAddress":"%s","IPv4Addresses":[{"Address":"10.42.7.129",'
        '"SubnetMask":"255.255.255.0"}],"IPv6Addresses":[{"Address":"fd00:42::9edc"}],"Log":"%s on node17 (%s) came up at 10.42.7.129, jdoe logged in"}'
        % (SERIAL, SERIAL, MAC, SERIAL, MAC.upper().replace(":", "")))
    put("/redfish/v1/Accounts/jdoe", {"UserName": "jdoe", "Password": "hunter2", "SNMP": {"CommunityStrings": [{"CommunityString": "pr1vate-c0mm"}]},
                                      "Keys": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----", "AuthToken": TOKEN,
                                      "Oem": {"Contoso": {"LicenseKey": "ABCDE-12345-FGHIJ", "Radius": {"SharedSecret": "radius-s3cret"}}},
                                      "Destination": "https://jdoe:s3cr3t!@node17.dc3.example.com/events", "HttpHeaders": ["Authorization: Basic cm9vdDpodW50ZXIy"]})
    put("/redfish/v1/Broken", f'{{"SerialNumber": "{SERIAL}", "Password": "hunter2", "Address": "10.42.7.129", [')
    put("/redfish/v1/Denied", {"error": {"code": "Base.1.0.InsufficientPrivilege", "message": f"not on {SERIAL}"}}, status=403)
    put("/redfish/v1/Odd/index.json", {"Id": "index.json"}, folder="elsewhere/2")
    put("/redfish/v1/Odd/a b", {"Id": "a b"}, folder="elsewhere/3")
    put("/redfish/v1/Odd/" + "x" * 300, {"Id": "long"}, folder="elsewhere/4")
    put("/redfish/v1/systems", {"Id": "another letter case"}, folder="elsewhere/5")
    put("/redfish/v1/Registries", {"Members": []})
    return tree


def known_secrets(options, place):
    tree = known_tree(place)
    with wire.Rack(options, os.path.join(place, "known-rack"), "--mockup", tree) as rack:
        out = os.path.join(place, "known-capture")
        run = capture(options, place, rack.inventory, "B01", out, "--json")
        told = json.loads(run.stdout)
        numbers = told["numbers"]
        check(run.returncode == 0 and told["complete"], "known secrets: captured", run.stderr)
        check((numbers["errors"], numbers["not_json"], numbers["left_out"]) == (1, 1, 1) and numbers["links_to_nothing"] >= 1,
              f"known secrets: an error, a broken body and a registry are told: {numbers}")
        check(told["service"] == {"RedfishVersion": "1.9.0", "Vendor": "Contoso", "Product": "Known"}, "known secrets: says whose BMC it is", told["service"])
        check(all(told["replaced"][kind] > 0 for kind in told["replaced"]), f"known secrets: of every kind some were replaced: {told['replaced']}")
        everywhere = everything(out)
        check(not [text for text in SECRETS + OTHERS if text.encode() in everywhere], "known secrets: none of them is in it",
              [text for text in SECRETS + OTHERS if text.encode() in everywhere])
        shown = run.stdout + run.stderr
        check(not [text for text in SECRETS + OTHERS if text in shown], "known secrets: none of them is printed")
        found = captured(out)
        system = next(path for uri, (path, _, _) in found.items() if re.fullmatch(r"/redfish/v1/Systems/\w+", uri))
        with open(system, "rb") as file:
            raw = file.read()
        body = json.loads(raw)
        check(os.path.basename(os.path.dirname(system)) == body["SerialNumber"] == body["Id"] and body["Log"].startswith(body["SerialNumber"] + " on "
              + body["HostName"].split(".")[0]), "known secrets: one serial is one stand-in in value, path and text", body)
        check(b'\r\n  "Id":"' in raw and b'"n": 1.50e+01,"n":0,' in raw, "known secrets: formatting, numbers and repeated names stay", raw)
        below = [os.path.relpath(os.path.realpath(path), os.path.realpath(out)) for path, _, _ in found.values()]
        check(all(not path.startswith("..") for path in below) and not os.path.exists(os.path.join(place, "etc")), "known secrets: no file outside")
        odd = {uri: json.load(open(found[uri][0], encoding="utf-8"))["Id"] for uri in ("/redfish/v1/Odd/index.json", "/redfish/v1/Odd/a b", "/redfish/v1/systems")}
        check(list(odd.values()) == ["index.json", "a b", "another letter case"], "known secrets: odd names have places of their own", odd)
        check("/redfish/v1/Systems?$skip=1&x=/../y" in found, "known secrets: a page has a place of its own", sorted(found))
        replay(options, place, "known secrets", out)
        kept = os.path.join(place, "kept")
        run = capture(options, place, rack.inventory, "B01", kept, "--keep", "serials")
        text = everything(kept)
        check(run.returncode == 0 and SERIAL.encode() in text and b"hunter2" not in text and MAC.encode() not in text, "--keep serials keeps them, and nothing else")
        check("serials" in json.load(open(os.path.join(kept, "capture.json"), encoding="utf-8"))["kept"], "and says so")
        schemas = os.path.join(place, "schemas")
        run = capture(options, place, rack.inventory, "B01", schemas, "--schemas")
        check(run.returncode == 0 and "/redfish/v1/Registries" in captured(schemas), "--schemas takes registries too")
        partial = os.path.join(place, "partial")
        run = capture(options, place, rack.inventory, "B01", partial, "--limit", "3")
        told = json.load(open(os.path.join(partial, "capture.json"), encoding="utf-8"))
        check(run.returncode == 4 and "NOT COMPLETE" in run.stderr and told["complete"] is False and told["incomplete_because"],
              "a capture that met its limit says so, and exits 4", run.stderr)


def none_left(place, name, out):
    left = [entry for entry in os.listdir(os.path.dirname(out)) if "unfinished" in entry]
    check(not os.path.exists(out) and not left, f"{name}: no capture is left, and no half of one", left)


def what_goes_wrong(options, place):
    with wire.Rack(options, place, "--rack", "small") as rack:
        def refused(name, code, words, *arguments, inventory=rack.inventory, out=None, **how):
            run = capture(options, place, inventory, arguments[0] if arguments else "C01", out or os.path.join(place, "none"), *arguments[1:], **how)
            check(run.returncode == code and all(word in run.stderr for word in words) and not wire.CRASH.search(run.stderr),
                  f"{name}: exit {code}, says {words}", f"exit {run.returncode}: {run.stderr}")
            if not out:
                none_left(place, name, os.path.join(place, "none"))

        with open(rack.inventory, encoding="utf-8") as file:
            text = file.read()
        credentials = os.path.join(os.path.dirname(rack.inventory), "rack.credentials.yaml")
        nobody = os.path.join(place, "nobody.yaml")
        with open(nobody, "w", encoding="utf-8") as file:
            file.write(re.sub(r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:9", text, count=1).replace("rack.credentials.yaml", credentials))
        refused("unreachable BMC", 4, ["bmc.unreachable", "127.0.0.1"], inventory=nobody)
        wrong = os.path.join(place, "wrong.yaml")
        with open(credentials, encoding="utf-8") as file:
            told = file.read()
        with open(os.path.join(place, "wrong.credentials.yaml"), "w", encoding="utf-8") as file:
            file.write(re.sub(r'password: "[^"]*"', 'password: "not this one"', told))
        os.chmod(file.name, 0o600)
        with open(wrong, "w", encoding="utf-8") as file:
            file.write(text.replace("rack.credentials.yaml", file.name.replace("wrong.yaml", "wrong.credentials.yaml")))
        refused("wrong password", 4, ["bmc.login", "credentials file"], inventory=wrong)
        refused("no such DUT", 2, ["C99", "usage.dut"], "C99")
        refused("keep what there is not", 2, ["serial", "usage.keep", "serials"], "C01", "--keep", "serial")
        refused("keep secrets", 2, ["never kept"], "C01", "--keep", "secrets")
        refused("no time", 2, ["usage.within"], "C01", "--within", "soon")
        full = os.path.join(place, "full")
        os.mkdir(full)
        with open(os.path.join(full, "mine"), "w", encoding="utf-8") as file:
            file.write("mine")
        refused("directory with something in it", 2, ["not empty", "--out"], out=full)
        check(os.listdir(full) == ["mine"], "and it is as it was")
        refused("below a file", 4, ["capture.not_writable"], out=os.path.join(full, "mine", "x"))
        # A disk that takes no more: files end at 2,000 bytes.
        run = subprocess.run(["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", os.path.join(options.bin, "kiln"), "capture", "C01", "--rack", rack.inventory,
                              "--out", os.path.join(place, "none")], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                             env=wire.environment(place))
        check(run.returncode == 4 and "capture.write" in run.stderr, "full disk: exit 4, and says where", run.stderr)
        none_left(place, "full disk", os.path.join(place, "none"))
        bmc = Bmc(rack.inventory, "C01")
        for name, sign, wait in (("SIGINT", signal.SIGINT, 0.05), ("SIGTERM", signal.SIGTERM, 0.2), ("SIGKILL", signal.SIGKILL, 0.1), ("SIGKILL late", signal.SIGKILL, 0.5)):
            out = os.path.join(place, "stopped-" + name.replace(" ", "-"))
            program = wire.start_kiln(options, place, "capture", "C01", "--rack", rack.inventory, "--out", out, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
            program.stderr.readline()
            time.sleep(wait)
            program.send_signal(sign)
            _, said = program.communicate(timeout=60)
            whole = os.path.isfile(os.path.join(out, "capture.json")) and json.load(open(os.path.join(out, "capture.json"), encoding="utf-8"))["complete"]
            check(whole or not os.path.exists(out), f"{name}: a whole capture or none (exit {program.returncode})", said)
            if sign != signal.SIGKILL:
                # While it writes, with its session ended, nobody holds a signal up.
                check(whole or program.returncode in (4, -sign), f"{name}: exit 4 where there is none", program.returncode)
                sessions = json.loads(bmc.get("/redfish/v1/SessionService/Sessions")[2])
                check(sessions["Members@odata.count"] == 0, f"{name}: its session is ended", sessions)


def samples(options, place):
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    root = os.path.join(os.environ.get("KILN_SHARED", os.path.join(checkout, "..", "shared")), "samples", "A_redfish")
    if not os.path.isdir(root):
        print(f"skipped: no captured trees at {root}")
        return
    for name in SAMPLES:
        values = set()
        for folder, _, names in os.walk(os.path.join(root, name)):
            for file in names:
                try:
                    with open(os.path.join(folder, file), encoding="utf-8-sig") as text:
                        telling_values(json.load(text), values)
                except ValueError:
                    continue
        values = {value for value in values if is_telling(value)}
        out = os.path.join(place, name)
        with wire.Rack(options, os.path.join(place, "rack-" + name), "--mockup", os.path.join(root, name)) as rack:
            run = capture(options, place, rack.inventory, "B01", out, "--json")
        told = json.loads(run.stdout) if run.stdout else {}
        check(run.returncode == 0 and told.get("complete"), f"{name}: captured, {told.get('numbers')}", run.stderr)
        everywhere = everything(out)
        leaked = [value for value in values if value.encode() in everywhere]
        check(not leaked, f"{name}: none of {len(values)} telling values is in it; replaced {told.get('replaced')}", leaked)
        replay(options, place, name, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    for part in (known_secrets, what_goes_wrong, whole_rack, samples):
        place = tempfile.mkdtemp(prefix="kiln-capture-")
        try:
            part(options, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return check.exit_code()


if __name__ == "__main__":
    sys.exit(main())
