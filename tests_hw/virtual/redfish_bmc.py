"""A BMC of the virtual rack as a client of its own sees it: http.client over TLS that verifies the BMC's certificate against the pin
of the inventory. For the suites that ask whether it keeps to DSP0266."""
import base64
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
from pathlib import Path

import yaml
import wire

ROOT = "/redfish/v1"
SESSIONS = ROOT + "/SessionService/Sessions"
ACCOUNTS = ROOT + "/AccountService/Accounts"
EVENTS = ROOT + "/EventService"
SUBSCRIPTIONS = EVENTS + "/Subscriptions"
JSON = "application/json"
# The messages that the BMCs use, with the number of their arguments: Base 1.13, ResourceEvent 1.0 and 1.3, Update 1.0 (DSP0268).
# A message that is not in its registry is none. Of Environmental 1.4 the keys are known here and not the arguments.
ARGUMENTS = {
    "Base.1.13": {
        0: "Success GeneralError NoOperation MalformedJSON QueryNotSupportedOnResource QueryNotSupported QueryCombinationInvalid SessionLimitExceeded "
           "EventSubscriptionLimitExceeded ResourceCannotBeDeleted ResourceInUse PayloadTooLarge CreateLimitReachedForResource NoValidSession InsufficientPrivilege "
           "InternalError UnrecognizedRequestBody PreconditionFailed OperationNotAllowed MissingOrMalformedPart",
        1: "PropertyUnknown PropertyNotWritable PropertyMissing PropertyValueError ResourceMissingAtURI ServiceTemporarilyUnavailable PasswordChangeRequired HeaderInvalid",
        2: "PropertyValueTypeError PropertyValueFormatError PropertyValueNotInList PropertyValueOutOfRange PropertyValueConflict ActionParameterMissing "
           "ActionParameterValueError ActionParameterNotSupported QueryParameterValueFormatError ResourceAtUriUnauthorized",
        3: "ActionParameterValueTypeError ActionParameterValueFormatError ActionParameterValueNotInList QueryParameterOutOfRange ResourceAlreadyExists"},
    "ResourceEvent.1.0": {2: "ResourceErrorsDetected ResourceStatusChangedOK ResourceStatusChangedWarning ResourceStatusChangedCritical"},
    "ResourceEvent.1.3": {1: "ResourcePoweredOn ResourcePoweredOff", 2: "ResourceStateChanged"},
    "Update.1.0": {2: "TransferringToComponent TransferFailed VerificationFailed ApplyFailed AwaitToActivate UpdateSuccessful", 0: "UpdateInProgress"},
    "Environmental.1.4": {None: "LeakDetectorFailure LeakDetectorDisconnected LeakDetectorConnected LeakDetectorRestored"}}
MESSAGES = {f"{registry}.{key}": count for registry, counts in ARGUMENTS.items() for count, keys in counts.items() for key in keys.split()}


def is_message(one):
    """MessageId is a message of its registry, and has as many MessageArgs as it takes (DSP0266 9.4.9)."""
    count = MESSAGES.get(one.get("MessageId"), "unknown")
    return count is None or count == len(one.get("MessageArgs", []))


# They would be trusted more than the certificate that is given.
for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(name, None)


def secret(length=20):
    return base64.b32encode(os.urandom(40)).decode()[:length]


class Answer:
    def __init__(self, response, body):
        self.status, self.body, self.version = response.status, body, response.version
        self.headers = response.headers  # names without case

    def __getitem__(self, name):
        return self.headers.get(name)

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def messages(self):
        """Keys of the messages, without registry and version."""
        body = self.json if isinstance(self.json, dict) else {}
        listed = (body.get("error") or {}).get("@Message.ExtendedInfo") or body.get("@Message.ExtendedInfo") or []
        return [one.get("MessageId", "").split(".")[-1] for one in listed]

    def is_error(self):
        """The body of DSP0266 8.6."""
        error = (self.json or {}).get("error") if isinstance(self.json, dict) else None
        infos = error.get("@Message.ExtendedInfo") if isinstance(error, dict) else None
        return (isinstance(infos, list) and infos and isinstance(error.get("code"), str) and isinstance(error.get("message"), str)
                and all(is_message(one) for one in infos)
                and (self["Content-Type"] or "").startswith(JSON))

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:600]!r}"


def pin_of(certificate):
    """base64 of SHA-256 over the public key of a PEM certificate: what the inventory holds. OpenSSL takes it apart."""
    key = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=certificate, capture_output=True, text=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key.encode(), capture_output=True, check=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class Bmc:
    def __init__(self, dut, role, url, user, password, certificate):
        self.dut, self.role, self.user, self.password = dut, role, user, password
        self.host, port = url.split("//")[1].split(":")
        self.port = int(port)
        self.trust(certificate)
        self.basic = self.basic_of(user, password)

    def trust(self, certificate):
        self.certificate = certificate
        self.tls = ssl.create_default_context(cadata=certificate)

    @staticmethod
    def basic_of(user, password):
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def connect(self, timeout=20):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls)

    def ask(self, method, path, body=None, headers=None, auth=True):
        """One request on a connection of its own. `auth`: True for Basic, None or False for none, or headers."""
        sent = {"OData-Version": "4.0", "Accept": JSON}
        sent.update(self.basic if auth is True else auth or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            sent["Content-Type"] = JSON
        sent.update(headers or {})
        connection = self.connect()
        try:
            connection.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def read(self, path):
        return self.get(path).json or {}

    def log_in(self, user=None, password=None):
        """(the answer, headers of the session)"""
        answer = self.ask("POST", SESSIONS, {"UserName": user or self.user, "Password": password or self.password}, auth=None)
        return answer, {"X-Auth-Token": answer["X-Auth-Token"] or "none"}

    def members(self, path):
        return [one["@odata.id"] for one in self.read(path).get("Members", [])]

    def raw(self, data):
        """What comes back for bytes that no HTTP library would send."""
        with self.tls.wrap_socket(socket.create_connection((self.host, self.port), timeout=10), server_hostname=self.host) as wire_:
            wire_.sendall(data)
            response = http.client.HTTPResponse(wire_)
            response.begin()
            return Answer(response, response.read())


def bmcs_of(rack, checks):
    """The BMCs of a rack by DUT, each trusted by the pin of the inventory and no other way."""
    inventory = yaml.safe_load(Path(rack.inventory).read_text(encoding="utf-8"))
    credentials = yaml.safe_load(Path(rack.inventory).with_name("rack.credentials.yaml").read_text(encoding="utf-8"))
    found = {}
    for dut in inventory["duts"]:
        url, access = dut["bmc"]["url"], credentials[dut["bmc"]["credential"]]
        host, port = url.split("//")[1].split(":")
        certificate = ssl.get_server_certificate((host, int(port)))
        if pin_of(certificate) != dut["bmc"]["tls"]["pin_sha256"]:
            checks(False, f"{dut['id']}: the certificate is the one the inventory pins", dut["bmc"])
        found[dut["id"]] = Bmc(dut["id"], dut["role"], url, access["user"], access["password"], certificate)
    return found


class Rules:
    """Checks that name the clause of DSP0266 and, where there is one, the assertion of DMTF's Redfish-Protocol-Validator."""

    def __init__(self):
        self.checks = wire.Checks()
        self.dut = ""

    def __call__(self, clause, condition, claim, detail=""):
        self.checks(bool(condition), f"{self.dut}: [{clause}] {claim}", detail)
