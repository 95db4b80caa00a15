"""HTTPS peers that answer a Redfish client as no BMC should: cut, endless, huge, silent. For bad_input.py; the virtual rack itself
stays well-behaved."""
import base64
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import threading

DETECTORS = "/redfish/v1/Chassis/1/ThermalSubsystem/LeakDetection/LeakDetectors"
SESSIONS = "/redfish/v1/SessionService/Sessions"
HUGE = 100 * 1024 * 1024


def link(uri):
    return {"@odata.id": uri}


def tree():
    """A dry tray with one detector, and nothing else."""
    chassis = "/redfish/v1/Chassis/1"
    return {
        "/redfish/v1": {"@odata.id": "/redfish/v1", "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot", "RedfishVersion": "1.15.0",
                        "Chassis": link("/redfish/v1/Chassis"), "SessionService": link("/redfish/v1/SessionService"),
                        "Links": {"Sessions": link(SESSIONS)}},
        "/redfish/v1/Chassis": {"@odata.id": "/redfish/v1/Chassis", "Members": [link(chassis)], "Members@odata.count": 1},
        chassis: {"@odata.id": chassis, "Id": "1", "ChassisType": "Sled", "ThermalSubsystem": link(chassis + "/ThermalSubsystem")},
        chassis + "/ThermalSubsystem": {"@odata.id": chassis + "/ThermalSubsystem", "Id": "ThermalSubsystem",
                                        "LeakDetection": link(chassis + "/ThermalSubsystem/LeakDetection")},
        chassis + "/ThermalSubsystem/LeakDetection": {"@odata.id": chassis + "/ThermalSubsystem/LeakDetection",
                                                      "Id": "LeakDetection", "LeakDetectors": link(DETECTORS)},
        DETECTORS: {"@odata.id": DETECTORS, "Members": [link(DETECTORS + "/Tray")], "Members@odata.count": 1},
        DETECTORS + "/Tray": {"@odata.id": DETECTORS + "/Tray", "@odata.type": "#LeakDetector.v1_0_0.LeakDetector", "Id": "Tray",
                              "Name": "Tray", "DetectorState": "OK", "Status": {"State": "Enabled", "Health": "OK"}},
    }


class Identity:
    """One key and certificate for all peers of a test."""

    def __init__(self, place):
        self.key, self.certificate = os.path.join(place, "rude.key"), os.path.join(place, "rude.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                        "-subj", "/CN=127.0.0.1", "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)
        public = subprocess.run(["openssl", "x509", "-in", self.certificate, "-noout", "-pubkey"], check=True, capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public.stdout, check=True, capture_output=True)
        self.pin = base64.b64encode(hashlib.sha256(der.stdout).digest()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body_of(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0].rstrip("/")
        if self.command == "POST":
            return 201, {"@odata.id": SESSIONS + "/1", "Id": "1"}
        found = self.server.tree.get(path)
        if self.command == "DELETE":
            return 200, {}
        return (200, found) if found is not None else (404, {"error": {"code": "Base.1.0.ResourceMissingAtURI"}})

    def answer(self):
        status, body = self.body_of()
        kind = self.server.kind
        if kind == "hangs":
            self.server.over.wait(60)
            return
        text = json.dumps(body).encode()
        length = len(text)
        is_tree = self.command == "GET"
        if kind == "truncated" and is_tree:
            text = text[: len(text) // 2]
            length = len(text)
        if kind == "huge" and is_tree and self.path.startswith("/redfish/v1/Chassis"):
            length = HUGE
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        if self.command == "POST":
            self.send_header("X-Auth-Token", "token")
            self.send_header("Location", SESSIONS + "/1")
        self.end_headers()
        try:
            if kind == "cut" and is_tree:
                self.wfile.write(text[: len(text) // 2])
                self.close_connection = True
            elif kind == "drips" and is_tree:
                for at in range(len(text)):
                    self.wfile.write(text[at:at + 1])
                    if self.server.over.wait(0.1):
                        return
            elif length == HUGE:
                self.wfile.write(b'{"Members":[')
                entry = b'{"@odata.id":"/redfish/v1/Chassis/x"},' * 1000
                for _ in range(HUGE // len(entry)):
                    self.wfile.write(entry)
                    self.server.sent += len(entry)
            else:
                self.wfile.write(text)
        except OSError:
            self.close_connection = True  # the client had enough

    do_GET = do_POST = do_DELETE = do_HEAD = answer


class RudeBmc(http.server.ThreadingHTTPServer):
    """One peer on a port of its own. Kinds: polite, truncated, cut, huge, drips, hangs, silent (accepts and never shakes hands),
    plain (no TLS), wrong_types."""
    daemon_threads = True
    block_on_close = False

    def __init__(self, kind, identity):
        super().__init__(("127.0.0.1", 0), Handler)
        self.kind, self.tree, self.sent = kind, tree(), 0
        self.over = threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate, identity.key)
        if kind == "wrong_types":
            self.tree["/redfish/v1/Chassis"]["Members"] = [7, None, {"@odata.id": 5}, link("/redfish/v1/Chassis/1")]
            self.tree["/redfish/v1/Chassis"]["Members@odata.count"] = "two"
            self.tree[DETECTORS + "/Tray"].update({"DetectorState": {"value": ["OK"]}, "Status": "Enabled", "Name": 5})
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request, client_address):
        if self.kind == "silent":
            self.over.wait(60)
            return
        try:
            if self.kind != "plain":
                request = self.context.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
        except OSError:
            pass  # ssl.SSLError is one: the client did not like us

    def handle_error(self, request, client_address):
        pass

    def end(self):
        self.over.set()
        self.shutdown()
        self.server_close()
