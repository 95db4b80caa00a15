#!/usr/bin/env python3
"""The EventService of the virtual BMCs against DSP0266 12.1 and 12.5: subscriptions, events that are pushed, and the stream of
server-sent events; and what DMTF's use-case checkers do with a BMC: power, one-time boot, an update with its task, its certificate, its network. Capitals
name the assertion of DMTF's Redfish-Protocol-Validator.

usage: event_rules.py --bin BUILD/bin
"""
import argparse
import http.server
import json
import queue
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import wire
from redfish_bmc import EVENTS, JSON, ROOT, SESSIONS, SUBSCRIPTIONS, Rules, bmcs_of, is_message

STREAM = EVENTS + "/SSE"
TEST = EVENTS + "/Actions/EventService.SubmitTestEvent"
SYSTEM = ROOT + "/Systems/System_0"


def soon(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


class Stream:
    """An open stream of server-sent events; a thread reads it to its end."""

    def __init__(self, bmc, auth=None, accept="text/event-stream"):
        self.connection = bmc.connect(timeout=60)
        self.connection.connect()
        self.socket = self.connection.sock  # the connection forgets it with an answer that ends with it
        self.connection.request("GET", STREAM, headers={**(auth or bmc.basic), "Accept": accept})
        self.answer = self.connection.getresponse()
        self.lines, self.ended = [], threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            for line in self.answer:
                self.lines.append(line.decode().rstrip("\n"))
        except (OSError, ValueError, AttributeError):
            pass
        self.ended.set()

    def events(self):
        """Fields of each event: a block of lines that ends with a blank one."""
        found, fields = [], {}
        for line in list(self.lines):
            name, _, value = line.partition(":")
            if not line and fields:
                found.append(fields)
                fields = {}
            elif name:
                fields[name] = fields.get(name, "") + value.removeprefix(" ")
        return found

    def told(self, words):
        return [one for one in self.events() if words in one.get("data", "")]

    def close(self):
        try:
            self.socket.unwrap()
        except (OSError, ValueError):
            pass
        self.socket.close()


class Receiver:
    """Takes what is posted, over HTTP or over HTTPS with a certificate that nobody vouches for."""

    def __init__(self, place=None, refuse=0):
        taken, receiver = queue.Queue(), self
        self.taken, self.refuse, self.asked = taken, refuse, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                if receiver.asked > receiver.refuse:
                    taken.put((self.path, dict(self.headers), json.loads(body)))
                self.send_response(204 if receiver.asked > receiver.refuse else 503)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if place:
            self.scheme, (certificate, key) = "https", certificate_of(place, "receiver")
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate, key)
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def uri(self, path="/events?x=1"):
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}{path}"

    def next(self, seconds=10):
        try:
            return self.taken.get(timeout=seconds)
        except queue.Empty:
            return None, {}, {}


def certificate_of(place, name):
    """A new self-signed certificate and its key."""
    certificate, key = f"{place}/{name}.pem", f"{place}/{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def streams(rule, bmc, rack):
    service = bmc.read(EVENTS)
    rule("12.5 announced", service["ServerSentEventUri"] == STREAM and service["Subscriptions"] == {"@odata.id": SUBSCRIPTIONS}, "the service names stream and subscriptions")
    before = bmc.members(SUBSCRIPTIONS)
    stream = Stream(bmc)
    made = [one for one in bmc.members(SUBSCRIPTIONS) if one not in before]
    headers = stream.answer.headers
    rule("12.5 SERV_SSE_SUCCESSFUL_RESPONSE", stream.answer.status == 200 and headers["Content-Type"] in ("text/event-stream", "text/event-stream;charset=utf-8"), "200, text/event-stream", headers)
    rule("8.1 RESP_HEADERS_*", headers["OData-Version"] == "4.0" and headers["Cache-Control"] and "GET" in headers["Allow"], "with the headers of every answer", headers)
    rule("12.5 SERV_SSE_OPEN_CREATES_EVENT_DEST", len(made) == 1, "opening it makes one subscription, at once", made)
    own = bmc.read(made[0])
    rule("12.5 SERV_SSE_EVENT_DEST_CONTEXT_OPAQUE_STR", isinstance(own["Context"], str) and own["Context"] and own["SubscriptionType"] == "SSE" and own["Protocol"] == "Redfish",
         "with a context of the service's own", own)
    rule("12.5 context", bmc.ask("PATCH", made[0], {"Context": "mine"}).status == 405 and "PATCH" not in bmc.get(made[0])["Allow"], "which nobody can change")
    for text in ("the first", "the second"):
        bmc.ask("POST", TEST, {"MessageId": "Base.1.13.Success", "Message": text})
    rack.faults(add=[f"leak@{bmc.dut}"])
    rule("12.5 SERV_SSE_EVENTS_SENT_VIA_OPEN_CONNECTION", soon(lambda: stream.told("the first") and stream.told("the second") and stream.told("LeakDetectors")),
         "test events and a leak come through it", stream.lines)
    events = [one for one in stream.events() if "data" in one]
    bodies = [json.loads(one["data"]) for one in events]
    rule("12.5 SERV_SSE_BLANK_LINES_BETWEEN_EVENTS, _JSON_EVENT_MESSAGE_FORMAT", bodies and all(re.fullmatch(r"#Event\.v\d+_\d+_\d+\.Event", one["@odata.type"]) and one["Id"] and one["Name"]
         and one["Events"] and all({"MessageId", "EventId", "MemberId", "EventTimestamp", "MessageSeverity"} <= set(entry) for entry in one["Events"]) for one in bodies),
         "each is one Event in JSON", bodies)
    rule("9.4.9, 12.1 RegistryPrefixes", all(is_message(entry) and entry["MessageId"].split(".")[0] in service["RegistryPrefixes"] for one in bodies for entry in one["Events"]),
         "with messages of the registries that the service lists", bodies)
    ids = [one.get("id") for one in events]
    rule("12.5 SERV_SSE_ID_FIELD_UNIQUELY_IDENTIFIES_PAYLOAD", all(ids) and len(set(ids)) == len(ids), "each has an id of its own", ids)
    origins = [entry["OriginOfCondition"]["@odata.id"] for one in bodies for entry in one["Events"] if "OriginOfCondition" in entry]
    rule("9.4.5 origin", origins and all(bmc.get(one).status == 200 and "Members" not in bmc.read(one) for one in origins), "and an origin that is there", origins)
    rule("12.5 SERV_SSE_CONNECTION_OPEN_UNTIL_CLOSED", not stream.ended.wait(7), "it stays open when nothing happens")
    stream.close()
    rule("12.5 SERV_SSE_EVENT_DEST_DELETED_ON_CLOSE", soon(lambda: bmc.get(made[0]).status == 404, 3), "closing it removes the subscription, within 3 s")
    other = Stream(bmc)
    made = [one for one in bmc.members(SUBSCRIPTIONS) if one not in before]
    gone = bmc.ask("DELETE", made[0])
    rule("12.5 SERV_SSE_CLOSE_CONNECTION_IF_EVENT_DEST_DELETED", gone.status in (200, 204) and other.ended.wait(3), "deleting the subscription closes the stream", gone)
    login, token = bmc.log_in()
    lasting = Stream(bmc, token)
    bmc.ask("DELETE", login["Location"], auth=token)
    bmc.ask("POST", TEST, {"MessageId": "Base.1.13.Success", "Message": "after the session"})
    rule("13.3.5 SEC_SESSION_TERMINATION_SIDE_EFFECTS", soon(lambda: lasting.told("after the session")), "the end of its session leaves a stream open")
    lasting.close()
    for what, answer, status in (("no login", bmc.get(STREAM, auth=None), 401), ("Accept: application/json", bmc.get(STREAM, headers={"Accept": JSON}), 406),
                                 ("$filter, which is not announced", bmc.get(STREAM + "?$filter=x", headers={"Accept": "text/event-stream"}), 501),
                                 ("POST", bmc.ask("POST", STREAM, {}), 405)):
        rule("12.5 SERV_SSE_UNSUCCESSFUL_RESPONSE", answer.status == status and answer.is_error(), f"{what}: {status} with an error in JSON", answer)
    head = bmc.ask("HEAD", STREAM, headers={"Accept": "*/*"})
    rule("7.4", head.status == 200 and head.body == b"" and soon(lambda: bmc.members(SUBSCRIPTIONS) == before), "HEAD opens none", head)


def subscriptions(rule, bmc, place):
    receiver, secure = Receiver(), Receiver(place)
    wish = {"Context": "RPV test subscription", "Protocol": "Redfish", "Destination": receiver.uri()}
    made = bmc.ask("POST", SUBSCRIPTIONS, wish)
    uri = made["Location"]
    rule("12.1 SERV_EVENT_POST_RESP", made.status == 201 and uri in bmc.members(SUBSCRIPTIONS) and made.json["@odata.id"] == uri, "a subscription: 201 and Location", made)
    one = bmc.read(uri)
    rule("9.5 required properties", {name: one.get(name) for name in wish} == wish and one["SubscriptionType"] == "RedfishEvent", "it is as it was asked for", one)
    second = bmc.ask("POST", SUBSCRIPTIONS + "/Members", {**wish, "Destination": secure.uri("/tls"), "RegistryPrefixes": ["Base"]})
    rule("7.9 REQ_POST_CREATE_TO_MEMBERS_PROP", second.status == 201, "POST to Members is the same", second)
    bmc.ask("POST", TEST, {"MessageId": "ResourceEvent.1.0.ResourceStatusChangedOK", "Message": "of a resource"})
    bmc.ask("POST", TEST, {"MessageId": "Base.1.13.Success", "Message": "of the base"})
    got = [receiver.next(), receiver.next()]
    rule("12.1 SERV_EVENT_PUSH_STYLE, SERV_EVENT_OTHER_FORMAT", sorted(body.get("Events", [{}])[0].get("Message", "") for _, _, body in got) == ["of a resource", "of the base"]
         and all(path == "/events?x=1" and body["Context"] == wish["Context"] and body["@odata.type"].startswith("#Event.") and head["Content-Type"].startswith(JSON)
                 for path, head, body in got), "both events are posted, with the context", got)
    path, _, body = secure.next()
    rule("12.1 RegistryPrefixes", path == "/tls" and body["Events"][0]["Message"] == "of the base" and secure.taken.empty(), "who asks for one registry gets that one only, by HTTPS", body)
    patched = bmc.ask("PATCH", uri, {"Context": "another"}, {"If-Match": bmc.get(uri)["ETag"]})
    rule("7.6", patched.status == 200 and bmc.read(uri)["Context"] == "another" and bmc.ask("PATCH", uri, {"Destination": "http://x/"}).status == 400, "its context can be changed, nothing else", patched)
    receiver.refuse = receiver.asked + 1
    bmc.ask("POST", TEST, {"MessageId": "Base.1.13.Success", "Message": "once more"})
    rule("12.1 DeliveryRetryAttempts", receiver.next()[2].get("Events", [{}])[0].get("Message") == "once more", "a receiver that refuses is asked again")
    for what, change in (("Protocol FTP", {"Protocol": "FTP"}), ("no Destination", {"Destination": None}), ("no Protocol", {"Protocol": None}), ("Destination of no kind", {"Destination": "nowhere"}),
                         ("RegistryPrefixes and MessageIds", {"RegistryPrefixes": ["Base"], "MessageIds": ["Base.1.13.Success"]}), ("a registry that is not used", {"RegistryPrefixes": ["Nobody"]}),
                         ("metric reports, which are not announced", {"EventFormatType": "MetricReport"}), ("an unknown property", {"Bogus": 1})):
        bad = bmc.ask("POST", SUBSCRIPTIONS, {key: value for key, value in {**wish, **change}.items() if value is not None})
        rule("12.1 SERV_EVENT_ERROR_ON_BAD_REQUEST, _MUTUALLY_EXCL_PROPS", bad.status == 400 and bad.is_error() and not bad["Location"] and len(bmc.members(SUBSCRIPTIONS)) == 2, f"{what}: 400", bad)
    for gone in (uri, second["Location"]):
        rule("7.10 REQ_DELETE_METHOD_REQUIRED", bmc.ask("DELETE", gone).status in (200, 204) and bmc.get(gone).status == 404, "it is deleted")
    bmc.ask("POST", TEST, {"MessageId": "Base.1.13.Success"})
    rule("12.1 SERV_EVENT_PUSH_ONLY_ON_SUBSCRIPTION", receiver.next(1)[0] is None, "and nothing is posted any more")


def power(rule, bmc):
    action = bmc.read(SYSTEM)["Actions"]["#ComputerSystem.Reset"]
    boot = bmc.read(SYSTEM)["Boot"]
    rule("9.8.1 allowable values", {"On", "ForceOff", "GracefulShutdown", "ForceRestart"} <= set(action["ResetType@Redfish.AllowableValues"])
         and "Once" in boot["BootSourceOverrideEnabled@Redfish.AllowableValues"] and "Pxe" in boot["BootSourceOverrideTarget@Redfish.AllowableValues"], "resets and boot sources are listed", action)

    def reset(how, state):
        answer = bmc.ask("POST", action["target"], {"ResetType": how})
        return answer.status in (200, 202, 204) and soon(lambda: bmc.read(SYSTEM)["PowerState"] == state, 50)

    def once():
        return bmc.ask("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}, {"If-Match": bmc.get(SYSTEM)["ETag"]}).json["Boot"]

    def disabled():
        boot = bmc.read(SYSTEM)["Boot"]
        return (boot["BootSourceOverrideEnabled"], boot["BootSourceOverrideTarget"]) == ("Disabled", "None")

    rule("7.6", once()["BootSourceOverrideTarget"] == "Pxe" and bmc.read(SYSTEM)["Boot"]["BootSourceOverrideEnabled"] == "Once", "a one-time boot source is set")
    rule("use case power", reset("On", "On"), "On ends in On")
    rule("use case one-time boot", soon(disabled), "and the one-time source is used up")
    soon(lambda: bmc.read(SYSTEM)["BootProgress"]["LastState"] == "OSRunning", 50)
    once()
    rule("use case one-time boot", reset("GracefulRestart", "On") and soon(disabled), "so it is by a restart, with the power on all the time")
    for how, state in (("ForceRestart", "On"), ("PowerCycle", "On"), ("GracefulShutdown", "Off"), ("On", "On"), ("ForceOff", "Off"), ("ForceOff", "Off")):
        rule("use case power", reset(how, state), f"{how} ends in {state}")
    for wish in ({"ResetType": "Explode"}, {}, {"ResetType": 7}):
        bad = bmc.ask("POST", action["target"], wish)
        rule("7.11, 8.6", bad.status == 400 and bad.is_error(), f"{wish} is 400", bad)


def tasks(rule, bmc, place):
    """An update that is accepted: its Task, and the monitor of its Location."""
    image = sorted(Path(place, "rack", "firmware").iterdir())[0]
    boundary = b"kiln-boundary"
    form = (b"--" + boundary + b"\r\nContent-Disposition: form-data; name=\"UpdateParameters\"\r\nContent-Type: application/json\r\n\r\n{\"Targets\":[]}\r\n"
            b"--" + boundary + b"\r\nContent-Disposition: form-data; name=\"UpdateFile\"; filename=\"image.fw\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            + image.read_bytes() + b"\r\n--" + boundary + b"--\r\n")
    push = bmc.read(ROOT + "/UpdateService")["MultipartHttpPushUri"]
    multipart = {"Content-Type": "multipart/form-data; boundary=kiln-boundary"}
    accepted = bmc.ask("POST", push, form, multipart)
    monitor, task = accepted["Location"], accepted.json["@odata.id"]
    rule("12.2, 12.6", accepted.status == 202 and bmc.read(task)["TaskMonitor"] == monitor and bmc.read(task)["TaskState"] == "Running", "an image is accepted: 202, a Task, and its monitor", accepted)
    running = bmc.get(monitor)
    rule("12.2", running.status == 202 and running["Location"] == monitor and running["Retry-After"] and bmc.get(monitor, auth=None).status == 401, "the monitor is 202 while it runs, and asks for a login", running)
    rule("8.3", bmc.ask("POST", push, form, multipart).status == 503 and bmc.ask("DELETE", task).status == 409, "a second one must wait, and a running one stays")
    rule("12.2", soon(lambda: bmc.get(monitor).status == 200, 60) and bmc.read(task)["TaskState"] == "Completed", "then 200", bmc.get(monitor))
    messages = bmc.read(task)["Messages"]
    rule("9.4.9", messages and all(is_message(one) for one in messages), "with a message of its registry", messages)
    rule("7.10", bmc.ask("DELETE", task).status == 204 and bmc.get(monitor).status == 404, "it is deleted, and so is its monitor")
    for what, body, kind in (("no form", b"x", None), ("half a form", form[:300], multipart), ("a spoilt image", form[:-60] + b"x" + form[-59:], multipart)):
        bad = bmc.ask("POST", push, body, kind)
        rule("8.6", bad.status in (400, 415) and bad.is_error(), f"{what} is {bad.status} with an error body", bad)
    for wish in ({}, {"ImageURI": "ftp://a/b"}, {"ImageURI": "http://a/UEFI-1.fw", "TransferProtocol": "FTP"}, {"ImageURI": "http://a/UEFI-1.fw", "Targets": "x"}):
        bad = bmc.ask("POST", ROOT + "/UpdateService/Actions/UpdateService.SimpleUpdate", wish)
        rule("8.6, 12.6", bad.status == 400 and bad.is_error(), f"SimpleUpdate {wish} is 400", bad)


def network(rule, bmc):
    manager = next(one for one in bmc.members(ROOT + "/Managers") if "NetworkProtocol" in bmc.read(one))
    protocol = bmc.read(manager + "/NetworkProtocol")
    rule("12.4 SSDP", protocol["SSDP"]["ProtocolEnabled"] is False and protocol["HTTP"]["ProtocolEnabled"] is False, "neither SSDP nor HTTP is said to be served", protocol)
    rule("13.1", protocol["HTTPS"] == {"ProtocolEnabled": True, "Port": bmc.port, "Certificates": {"@odata.id": manager + "/NetworkProtocol/HTTPS/Certificates"}}, "HTTPS is, at its port", protocol)
    for one in bmc.members(manager + "/EthernetInterfaces"):
        interface = bmc.read(one)
        rule("use case manager network", [ip["Address"] for ip in interface["IPv4Addresses"]] == [bmc.host] and interface["VLAN"]["VLANEnable"] is False, "the interface has the address the BMC is reached by", interface)


def tls(rule, bmc, place):
    def version(most):
        context = ssl.create_default_context(cadata=bmc.certificate)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, most
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        try:
            with context.wrap_socket(socket.create_connection((bmc.host, bmc.port), timeout=5), server_hostname=bmc.host) as wire_:
                return wire_.version()
        except (ssl.SSLError, OSError):
            return None

    rule("13.1 SEC_TLS_1_1", version(ssl.TLSVersion.TLSv1_3) == "TLSv1.3" and version(ssl.TLSVersion.TLSv1_2) == "TLSv1.2" and version(ssl.TLSVersion.TLSv1_1) is None, "TLS 1.2 and 1.3, nothing older")
    plain = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{bmc.host}:{bmc.port}{SESSIONS}"], capture_output=True, text=True, check=False).stdout
    rule("13.3 SEC_SESSION_CREATE_HTTPS_ONLY, SEC_BASIC_AUTH_OVER_HTTPS", plain in ("000", "400"), "without TLS there is nothing", plain)
    locations = bmc.read(ROOT + "/CertificateService/CertificateLocations")["Links"]["Certificates"]
    uri = locations[0]["@odata.id"]
    shown = bmc.read(uri)
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=shown["CertificateString"], capture_output=True, text=True, check=False).stdout
    rule("13.1.2 SEC_CERTS_CONFORM_X509V3", "Version: 3" in text and "subjectAltName" not in text and "Subject Alternative Name" in text, "an X.509 v3 certificate with the name it is reached by", text)
    rule("13.1.2 certificate", shown["CertificateString"].strip() == bmc.certificate.strip() and shown["Subject"]["CommonName"] == f"{bmc.dut}-bmc" and "PRIVATE" not in json.dumps(shown),
         "it is the one the service shows", shown)
    replace = bmc.read(ROOT + "/CertificateService")["Actions"]["#CertificateService.ReplaceCertificate"]["target"]
    certificate, key = ([open(path, encoding="ascii").read() for path in certificate_of(place, f"new-{bmc.dut}")])
    _, foreign = ([open(path, encoding="ascii").read() for path in certificate_of(place, "foreign")])
    wish = {"CertificateType": "PEM", "CertificateUri": {"@odata.id": uri}}
    for what, body in (("no key", {**wish, "CertificateString": certificate}), ("a foreign key", {**wish, "CertificateString": certificate + foreign}), ("rubbish", {**wish, "CertificateString": "x"}),
                       ("another type", {**wish, "CertificateString": certificate + key, "CertificateType": "PKCS7"}), ("no certificate of it", {**wish, "CertificateString": certificate + key, "CertificateUri": {"@odata.id": ROOT}}),
                       ("no string", wish)):
        bad = bmc.ask("POST", replace, body)
        rule("13.1.2 SEC_DEFAULT_CERT_REPLACE", bad.status == 400 and bad.is_error() and "PRIVATE" not in bad.body.decode(), f"{what}: 400, and the old one stays", bad)
    done = bmc.ask("POST", replace, {**wish, "CertificateString": certificate + key})
    try:
        bmc.read(ROOT)
        refused = False
    except ssl.SSLError:
        refused = True
    bmc.trust(certificate)
    rule("13.1.2 SEC_DEFAULT_CERT_REPLACE", done.status in (200, 204) and refused and bmc.read(uri)["CertificateString"].strip() == certificate.strip(), "the default certificate is replaced, for every connection from then on", done)


def persistence(rule, bmc):
    """What is kept when the BMC itself restarts; last, because the BMC is away."""
    made = bmc.ask("POST", SUBSCRIPTIONS, {"Protocol": "Redfish", "Destination": "http://127.0.0.1:9/"})
    _, token = bmc.log_in()
    stream = Stream(bmc)
    bmc.ask("POST", bmc.members(ROOT + "/Managers")[0] + "/Actions/Manager.Reset", {"ResetType": "GracefulRestart"})
    rule("12.5", stream.ended.wait(5), "a restart of the BMC ends the stream")

    def back():
        try:
            return bmc.get(SESSIONS).status == 200
        except OSError:
            return False

    rule("use case manager reset", soon(back, 60), "it comes back")
    rule("12.1 SERV_EVENT_PERSISTENT_ACROSS_RESTARTS", bmc.members(SUBSCRIPTIONS) == [made["Location"]], "with the subscription, and without the stream's", bmc.members(SUBSCRIPTIONS))
    rule("13.3.5", bmc.get(SESSIONS, auth=token).status == 401, "and without the session")
    bmc.ask("DELETE", made["Location"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    rule, begin = Rules(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kiln-events-") as place, wire.Rack(options, place, "--rack", "small", "--seed", "7", "--time-scale", "60") as rack:
        bmcs = bmcs_of(rack, rule.checks)
        for dut in ("C01", "S01", "CDU01"):  # one of each role
            rule.dut, bmc = dut, bmcs[dut]
            streams(rule, bmc, rack)
            subscriptions(rule, bmc, place)
            if dut != "CDU01":
                power(rule, bmc)
            if dut == "C01":  # the image the rack writes is for it
                tasks(rule, bmc, place)
            network(rule, bmc)
            tls(rule, bmc, place)
            persistence(rule, bmc)
    print(f"{time.monotonic() - begin:.1f} s")
    return rule.checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
