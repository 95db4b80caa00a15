#!/usr/bin/env python3
"""The virtual BMCs against DSP0266, one claim after the other: addresses, headers, status codes, methods, query parameters, PATCH,
sessions, accounts. Clause numbers are those of DSP0266 1.8 and later; capitals name the assertion of DMTF's
Redfish-Protocol-Validator, whose list this follows. What a service announces must work; what it does not have it must not announce.

usage: protocol.py --bin BUILD/bin
"""
import argparse
import re
import sys
import tempfile
import time
import xml.etree.ElementTree

import wire
from redfish_bmc import ACCOUNTS, JSON, ROOT, SESSIONS, Rules, bmcs_of, secret

ROLES = ROOT + "/AccountService/Roles"


def addresses(rule, bmc):
    for path in ("/redfish", ROOT, ROOT + "/", ROOT + "/odata", ROOT + "/$metadata"):
        answer = bmc.get(path, auth=None, headers={"Accept": "*/*"})
        rule("6.7 PROTO_STD_URIS_SUPPORTED, 13.3 SEC_READ_REQUIRES_AUTH", answer.status == 200, f"{path} is there without a login", answer)
    rule("6.6 PROTO_STD_URI_VERSION", bmc.get("/redfish", auth=None).json == {"v1": "/redfish/v1/"}, "/redfish lists exactly v1")
    plain, slash = bmc.get(ROOT, auth=None), bmc.get(ROOT + "/", auth=None)
    rule("6.7 PROTO_STD_URI_SERVICE_ROOT_REDIRECT", plain.json == slash.json and plain.json, "/redfish/v1 equals /redfish/v1/", plain)
    root = plain.json
    service = bmc.get(ROOT + "/odata", auth=None)
    value = {one.get("url", "").rstrip("/") for one in service.json.get("value", [])}
    children = {one["@odata.id"].rstrip("/") for key, one in root.items() if isinstance(one, dict) and "@odata.id" in one}
    rule("8.4.2 RESP_ODATA_SERVICE_CONTEXT", service.json.get("@odata.context") == "/redfish/v1/$metadata", "the service document names its context")
    rule("8.4.2 RESP_ODATA_SERVICE_VALUE_PROP", {ROOT} | children <= value, "and lists the root and all its children", (children - value, value))
    rule("8.4.2 RESP_ODATA_SERVICE_MIME_TYPE", (service["Content-Type"] or "").startswith(JSON), "as JSON", service)
    metadata = bmc.get(ROOT + "/$metadata", auth=None, headers={"Accept": "application/xml"})
    rule("8.4.1 RESP_ODATA_METADATA_MIME_TYPE", (metadata["Content-Type"] or "").startswith("application/xml"), "$metadata is XML", metadata)
    tree = xml.etree.ElementTree.fromstring(metadata.body)
    containers = [one for one in tree.iter() if one.tag.endswith("}EntityContainer")]
    version = root["@odata.type"].split(".")[1]
    rule("8.4.1 RESP_ODATA_METADATA_ENTITY_CONTAINER", len(containers) == 1 and f"ServiceRoot.{version}." in containers[0].get("Extends", ""),
         "with an EntityContainer of the root's version", metadata)
    rule("13.3.5 SEC_SESSIONS_URI_LOCATION", root["Links"]["Sessions"] == bmc.read(ROOT + "/SessionService")["Sessions"] == {"@odata.id": SESSIONS},
         "root and SessionService name the same Sessions")


def headers(rule, bmc):
    paths = [ROOT, ROOT + "/", SESSIONS, ACCOUNTS, bmc.members(ACCOUNTS)[0], ROOT + "/Chassis", bmc.members(ROOT + "/Chassis")[0],
             bmc.members(ROOT + "/Managers")[0] + "/NetworkProtocol", ROOT + "/CertificateService"]
    for path in paths:
        got, head = bmc.get(path), bmc.ask("HEAD", path)
        for answer, method in ((got, "GET"), (head, "HEAD")):
            rule("8.1 RESP_HEADERS_*", answer.status == 200 and answer["OData-Version"] == "4.0" and answer["Cache-Control"]
                 and (answer["Content-Type"] or "").startswith(JSON), f"{method} {path}: OData-Version, Cache-Control, Content-Type", answer)
            rule("8.1 RESP_HEADERS_ALLOW_GET_OR_HEAD", {"GET", "HEAD"} <= set(re.split(", *", answer["Allow"] or "")), f"{method} {path}: Allow", answer)
            schema = got.json["@odata.type"].lstrip("#").rsplit(".", 1)[0]
            rule("8.2 RESP_HEADERS_LINK_SCHEMA_VER_MATCH", re.search(rf"<[^>]*/{re.escape(schema)}\.json>; *rel=describedby", answer["Link"] or ""),
                 f"{method} {path}: Link to the schema {schema}", answer)
        rule("7.4 REQ_HEAD_DIFFERS_FROM_GET", head.body == b"" and head["Content-Length"] == str(len(got.body)), f"HEAD {path} has no body", head)
        rule("6.5 RESP_HEADERS_ETAG, PROTO_ETAG_RFC7232", re.fullmatch(r'(W/)?"[^"]+"', got["ETag"] or "") and len(got.headers.get_all("ETag")) == 1,
             f"{path}: one ETag", got)
        rule("13.3 SEC_NO_AUTH_COOKIES", got["Set-Cookie"] is None, f"{path}: no cookie", got)
    same = bmc.get(ACCOUNTS, headers={"If-None-Match": bmc.get(ACCOUNTS)["ETag"]})
    rule("6.5 ETags", same.status == 304 and same.body == b"", "If-None-Match of the ETag is 304 without body", same)
    origin = bmc.get(ROOT, headers={"Origin": f"https://{bmc.host}:{bmc.port}"})
    rule("8.1 RESP_HEADERS_ACCESS_CONTROL_ALLOW_ORIGIN", origin["Access-Control-Allow-Origin"] in ("*", f"https://{bmc.host}:{bmc.port}"),
         "an Origin is answered", origin)
    for accept in (None, "application/json", "application/json;charset=utf-8", "*/*"):
        answer = bmc.get(ROOT + "/Chassis", headers={"Accept": accept})
        rule("7.1 REQ_HEADERS_ACCEPT, REQ_GET_NO_ACCEPT_HEADER", answer.status == 200 and answer.json, f"Accept {accept} gets JSON", answer)
    rule("7.2 REQ_GET_IGNORE_BODY", bmc.ask("GET", ROOT + "/Chassis", {"x": 1}).json == bmc.read(ROOT + "/Chassis"), "the body of a GET is ignored")
    for version, status in (("4.0", 200), (None, 200), ("4.1", 412), ("3.0", 412)):
        answer = bmc.get(ROOT, headers={"OData-Version": version}, auth=None)
        rule("7.1 REQ_HEADERS_ODATA_VERSION", answer.status == status and (status == 200 or answer.is_error()), f"OData-Version {version} is {status}", answer)
    rule("13.3.1 SEC_HEADERS_FIRST", bmc.get(SESSIONS, headers={"OData-Version": "4.1"}, auth=None).status == 401, "the login is asked for before the version")
    unread = bmc.raw(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")
    rule("8.6 RESP_STATUS_BAD_REQUEST", unread.status == 400 and unread.is_error(), "what is not HTTP is 400 with an error of Redfish's", unread)


def methods(rule, bmc):
    chassis = bmc.members(ROOT + "/Chassis")[-1]
    # Of several chassis only the first can be changed; a CDU has one.
    fixed = [("PATCH", chassis)] if chassis != bmc.members(ROOT + "/Chassis")[0] else []
    for method, path in (("FAKEMETHODFORTEST", ROOT), ("PUT", ROOT + "/Chassis"), ("DELETE", ROOT + "/"), ("PATCH", ROOT + "/"), ("POST", ROOT + "/Chassis"),
                         ("PATCH", ROOT + "/Chassis"), ("PATCH", SESSIONS), ("DELETE", chassis), ("POST", "/redfish"), ("DELETE", ROOT + "/$metadata"),
                         ("PUT", bmc.members(ACCOUNTS)[0]), ("PATCH", ROLES + "/ReadOnly"), ("DELETE", ROLES + "/ReadOnly"), *fixed):
        answer = bmc.ask(method, path, b"this is not JSON")
        allowed = set(re.split(", *", answer["Allow"] or ""))
        rule("6.2 PROTO_HTTP_UNSUPPORTED_METHODS, 8.1 RESP_HEADERS_ALLOW_METHOD_NOT_ALLOWED", answer.status == 405 and "GET" in allowed
             and method not in allowed and answer.is_error(), f"{method} {path} is 405 with Allow, whatever its body", answer)
    for path in (ROOT + "/Nothing", chassis + "/Sensors/none", SESSIONS + "/none"):
        answer = bmc.get(path)
        rule("8.3 status codes", answer.status == 404 and answer.is_error(), f"GET {path} is 404 with an error body", answer)


def unauthenticated(rule, bmc):
    account = bmc.members(ACCOUNTS)[0]
    wrong = [("no login", None), ("a wrong password", bmc.basic_of(bmc.user, secret())), ("a made-up user", bmc.basic_of("rfpv0000", secret())),
             ("a made-up token", {"X-Auth-Token": secret()}), ("rubbish", {"Authorization": "Basic !!!"})]
    for what, auth in wrong:
        for method, path in (("GET", SESSIONS), ("GET", ROOT + "/RPVfoobar"), ("PATCH", account), ("DELETE", account), ("POST", ACCOUNTS), ("POST", ROOT)):
            answer = bmc.ask(method, path, {"UserName": "x"} if method in ("POST", "PATCH") else None, auth=auth)
            rule("8.1 RESP_HEADERS_WWW_AUTHENTICATE, 13.3 SEC_WRITE_REQUIRES_AUTH", answer.status == 401 and "Basic" in (answer["WWW-Authenticate"] or "")
                 and answer.is_error(), f"{method} {path} with {what} is 401 with a challenge", answer)
            told = answer.body.decode()
            rule("13.3.3 SEC_NO_PRIV_INFO_IN_MSGS", bmc.password not in told and bmc.user not in told and not re.search(r"[\w=]{20,}", told.replace("ResourceAtUriUnauthorized", "")),
                 f"{method} {path} with {what}: nothing secret in it", answer)


def collection_count(bmc, path):
    return bmc.read(path)["Members@odata.count"]


def queries(rule, bmc):
    features = bmc.read(ROOT)["ProtocolFeaturesSupported"]
    chassis, main = ROOT + "/Chassis", bmc.members(ROOT + "/Chassis")[0]
    unknown = bmc.get(ROOT + "/?$rpvunknown", auth=None)
    rule("7.3 REQ_QUERY_UNSUPPORTED_DOLLAR_PARAMS, _EXT_ERROR", unknown.status == 501 and unknown.is_error() and b"$rpvunknown" in unknown.body,
         "an unknown $parameter is 501 and is named", unknown)
    rule("7.3 REQ_QUERY_IGNORE_UNSUPPORTED", bmc.get(ROOT + "/?rpvunknown=1", auth=None).json == bmc.read(ROOT), "one without $ is ignored")
    for key, query in (("FilterQuery", "$filter=Name eq 'x'".replace(" ", "%20")), ("SelectQuery", "$select=Name")):
        answer = bmc.get(chassis + "?" + query)
        rule("7.3 announced and true", answer.status == (200 if features[key] else 501), f"{key} {features[key]}: {answer.status}", answer)
    rule("7.3 REQ_QUERY_INVALID_VALUES", features["OnlyMemberQuery"] and bmc.get(SESSIONS + "?only=foo").status == 400, "?only=foo is 400")
    rule("7.3 REQ_QUERY_INVALID_VALUES", features["ExcerptQuery"] and bmc.get(ROOT + "/?excerpt=foo").status == 400, "?excerpt=foo is 400")
    rule("7.3 only", bmc.get(ROOT + "/AccountService/Accounts?only").json == bmc.read(bmc.members(ACCOUNTS)[0]), "?only gives the only member")
    rule("7.3 only", bmc.get(ROLES + "?only").json == bmc.read(ROLES), "of several it gives the collection")
    rule("7.3 only", bmc.get(main + "?only").status == 400, "of what is no collection 400")
    sensor = bmc.members(next(one for one in bmc.members(chassis) if "Sensors" in bmc.read(one)) + "/Sensors")[0]
    rule("7.3 excerpt, 9.11", set(bmc.get(sensor + "?excerpt").json) == {"@odata.id", "@odata.type", "Reading"}, "the excerpt of a sensor is its reading",
         bmc.get(sensor + "?excerpt"))
    rule("7.3 excerpt", bmc.get(chassis + "?excerpt").status == 400, "of what has none 400")
    count = collection_count(bmc, ROLES)
    page = bmc.get(ROLES + "?$skip=1&$top=1").json
    rule("7.3 $skip and $top, 7.2 REQ_GET_COLLECTION_COUNT_PROP_TOTAL", len(page["Members"]) == 1 and page["Members@odata.count"] == count
         and page["Members"][0] == bmc.read(ROLES)["Members"][1], "a page of one; the count stays the total", page)
    followed, at = [], ROLES + "?$top=1"
    while at and len(followed) < 9:
        part = bmc.get(at).json
        followed, at = followed + part["Members"], part.get("Members@odata.nextLink")
    rule("9.5 nextLink", followed == bmc.read(ROLES)["Members"], "following the next links gives all of them once", followed)
    for query in ("$top=many", "$skip=-1", "$top=1.5"):
        rule("7.3 REQ_QUERY_INVALID_VALUES", bmc.get(f"{ROLES}?{query}").status == 400, f"{query} is 400", bmc.get(f"{ROLES}?{query}"))
    rule("7.3 REQ_QUERY_INVALID_VALUES", bmc.get(main + "?$top=1").status == 400, "$top of what is no collection is 400")
    expansion(rule, bmc, features["ExpandQuery"], chassis, main)


def expansion(rule, bmc, expand, chassis, main):
    if not expand["NoLinks"]:
        rule("7.3.1 announced and true", not any(expand.get(key) for key in ("ExpandAll", "Links", "Levels")) and "MaxLevels" not in expand
             and all(bmc.get(f"{chassis}?$expand={how}").status == 501 for how in (".", "*", "~", ".($levels=1)")), "no $expand is announced, and each is 501", expand)
        return
    whole = bmc.get(chassis + "?$expand=.($levels=1)").json
    rule("7.3.1 $expand=.", [one.get("Id") for one in whole["Members"]] == [uri.rsplit("/", 1)[1] for uri in bmc.members(chassis)], "members come whole", whole)
    plain, one = bmc.read(main), bmc.get(main + "?$expand=.").json
    inside = [key for key, value in plain.items() if isinstance(value, dict) and set(value) == {"@odata.id"}]
    rule("7.3.1 $expand=.", inside and all("Name" in one[key] for key in inside) and one["Links"] == plain["Links"], "so do subordinates, but not Links", one)
    every = bmc.get(main + "?$expand=*").json
    links = [value[0] for value in every["Links"].values() if isinstance(value, list)]
    rule("7.3.1 $expand=*", expand["ExpandAll"] and links and all("Name" in link for link in links), "* expands Links too", every)
    rule("7.3.1 encoded", bmc.get(chassis + "?%24expand=.(%24levels=1)").json["Members"][0].get("Id"), "an escaped $ is a $")
    beyond = bmc.get(f"{chassis}?$expand=.($levels={expand['MaxLevels'] + 1})")
    rule("7.3.1 MaxLevels", beyond.status == 400 and "QueryParameterOutOfRange" in beyond.messages(), "more levels than announced are 400", beyond)
    for how in ("", "x", ".($levels=a)", ".($depth=1)"):
        rule("7.3 REQ_QUERY_INVALID_VALUES", bmc.get(f"{chassis}?$expand={how}").status == 400, f"$expand={how} is 400")
    rule("7.3.1 announced and true", expand["Links"] is False and bmc.get(chassis + "?$expand=~").status == 501, "~ is not announced and 501")


def sessions(rule, bmc):
    before = collection_count(bmc, SESSIONS)
    answer, token = bmc.log_in()
    body, uri = answer.json, answer["Location"]
    rule("13.3.5 SEC_SESSION_POST_RESPONSE", answer.status == 201 and {"@odata.id", "@odata.type", "Id", "Name", "UserName"} <= set(body)
         and body["@odata.id"] == uri and body["UserName"] == bmc.user, "201 with Location and the session", answer)
    again, other = bmc.log_in()
    tokens = [token["X-Auth-Token"], other["X-Auth-Token"]]
    rule("13.3.5 RESP_HEADERS_X_AUTH_TOKEN", all(re.fullmatch("[0-9a-f]{32,}", one) for one in tokens) and tokens[0] != tokens[1]
         and all(4 <= len(set(one)) for one in tokens), "tokens are long, and differ")
    rule("7.9 REQ_POST_CREATE_NOT_IDEMPOTENT", again["Location"] != uri and collection_count(bmc, SESSIONS) == before + 2, "two POSTs, two sessions")
    rule("13.3.5 session", bmc.get(uri, auth=token).json["UserName"] == bmc.user and tokens[0] not in bmc.get(uri).body.decode()
         and bmc.get(uri).json.get("Token") is None, "it is read back without its token")
    third = bmc.ask("POST", SESSIONS + "/Members", {"UserName": bmc.user, "Password": bmc.password}, auth=None)
    rule("7.9 REQ_POST_CREATE_TO_MEMBERS_PROP", third.status == 201 and third["X-Auth-Token"], "POST to Members is the same", third)
    listening = bmc.connect()
    listening.request("GET", ROOT + "/Chassis", headers=token)
    listening.getresponse().read()
    gone = bmc.ask("DELETE", uri, auth=token)
    rule("7.10 REQ_DELETE_METHOD_REQUIRED", gone.status in (200, 204) and bmc.get(uri).status == 404, "DELETE ends it", gone)
    rule("13.3.5 session", bmc.get(ROOT + "/Chassis", auth=token).status == 401, "its token opens nothing any more")
    rule("13.3.5 SEC_SESSION_TERMINATION_SIDE_EFFECTS", bmc.get(ROOT + "/Chassis", auth=other).status == 200, "the other session lives")
    listening.close()
    rule("13.3 SEC_BASIC_AUTH_STANDALONE", collection_count(bmc, SESSIONS) == before + 2, "Basic makes no session")
    for name, wish in (("nothing", {}), ("no password", {"UserName": bmc.user}), ("a number", {"UserName": bmc.user, "Password": 7}), ("a list", [])):
        refused = bmc.ask("POST", SESSIONS, wish, auth=None)
        rule("7.9, 8.6 RESP_STATUS_BAD_REQUEST, 7.5 REQ_DATA_MOD_ERRORS", refused.status == 400 and refused.is_error() and not refused["Location"],
             f"a login with {name} is 400", refused)
    bad = secret()
    refused = bmc.log_in(password=bad)[0]
    rule("13.3.3 SEC_NO_PRIV_INFO_IN_MSGS", refused.status == 401 and refused.is_error() and bad not in refused.body.decode() and not refused["X-Auth-Token"],
         "a wrong password is 401 and not repeated", refused)
    for one in (again, third):
        bmc.ask("DELETE", one["Location"])


def changes(rule, bmc):
    """PATCH, on the account of the validator's choice and on the array it uses."""
    protocol = bmc.members(ROOT + "/Managers")[0] + "/NetworkProtocol"
    if not bmc.read(protocol):
        protocol = bmc.members(ROOT + "/Managers")[-1] + "/NetworkProtocol"

    def servers(wish):
        answer = bmc.ask("PATCH", protocol, {"NTP": {"NTPServers": wish}}, {"If-Match": bmc.get(protocol)["ETag"]})
        return answer.status, bmc.read(protocol)["NTP"]["NTPServers"]

    rule("7.7 PATCH of an array", servers(["a.example", "b.example", "c.example"]) == (200, ["a.example", "b.example", "c.example"]), "an array is set")
    rule("7.7 REQ_PATCH_ARRAY_ELEMENT_REMOVE", servers([None, {}, {}]) == (200, ["b.example", "c.example"]), "null removes, {} leaves")
    rule("7.7 REQ_PATCH_ARRAY_ELEMENT_UNCHANGED", servers([{}, "d.example", "e.example"]) == (200, ["b.example", "d.example", "e.example"]), "and others are set and added")
    rule("7.7 REQ_PATCH_ARRAY_OPERATIONS_ORDER", servers([None, "f.example", {}, "g.example"]) == (200, ["f.example", "e.example", "g.example"]),
         "modifications, deletions, additions")
    rule("7.7 REQ_PATCH_ARRAY_TRUNCATE", servers([{}]) == (200, ["f.example"]), "fewer elements cut the rest off")
    rule("7.7 PATCH of an array", servers([7])[0] == 400 and servers("x")[0] == 400 and servers([{}])[1] == ["f.example"], "a wrong kind is 400 and changes nothing")
    rule("7.7 PATCH of an array", servers([]) == (200, []), "an empty one empties it")


def patched(rule, bmc, uri):
    before = bmc.get(uri)
    bad = bmc.ask("PATCH", uri, {"BogusProp": "foo"}, {"If-Match": before["ETag"]})
    rule("7.6 REQ_PATCH_BAD_PROP", bad.status == 400 and bad.is_error() and "PropertyUnknown" in bad.messages() and b"BogusProp" in bad.body,
         "only unknown properties: 400, and they are named", bad)
    fixed = bmc.ask("PATCH", uri, {"Id": "7", "Name": "x"})
    rule("7.6 REQ_PATCH_BAD_PROP", fixed.status == 400 and fixed.messages() == ["PropertyNotWritable"] * 2, "only read-only ones: 400, each named", fixed)
    rule("7.5 REQ_DATA_MOD_ERRORS", bmc.get(uri).body == before.body, "and nothing has changed")
    mixed = bmc.ask("PATCH", uri, {"Password": secret(), "BogusProp": "foo", "Locked": True}, {"If-Match": before["ETag"]})
    rule("7.6 REQ_PATCH_MIXED_PROPS, 9.8", mixed.status == 200 and mixed.json["@odata.id"] == uri
         and {one for one in mixed.json if one.endswith("@Message.ExtendedInfo")} == {"@Message.ExtendedInfo", "BogusProp@Message.ExtendedInfo", "Locked@Message.ExtendedInfo"},
         "mixed: 200, the resource, and which were not changed", mixed)
    for wish in ({"@odata.id": uri + "/"}, {"@odata.etag": "x"}, {}):
        nothing = bmc.ask("PATCH", uri, wish)
        rule("7.6 REQ_PATCH_ODATA_PROPS", nothing.status == 400 and nothing.messages() == ["NoOperation"], f"{wish}: NoOperation", nothing)
    for what, text in (("no JSON", "{"), ("an array", "[]")):
        answer = bmc.ask("PATCH", uri, text, {"Content-Type": JSON})
        rule("8.6 RESP_STATUS_BAD_REQUEST", answer.status == 400 and answer.is_error(), f"{what} is 400", answer)
    typed = bmc.ask("PATCH", uri, {"Enabled": "yes", "RoleId": "King"})
    rule("7.6", typed.status == 400 and sorted(typed.messages()) == ["PropertyValueNotInList", "PropertyValueTypeError"], "wrong kind and wrong word are told apart", typed)
    before = bmc.get(uri)
    stale = bmc.ask("PATCH", uri, {"RoleId": "Operator"}, {"If-Match": before["ETag"][:-1] + 'foobar"'})
    rule("6.5 REQ_HEADERS_IF_MATCH, SEC_ACCOUNTS_SUPPORT_ETAGS", stale.status == 412 and stale.is_error() and bmc.get(uri).body == before.body,
         "a wrong If-Match is 412 and changes nothing", stale)
    good = bmc.ask("PATCH", uri, {"RoleId": "Operator"}, {"If-Match": before["ETag"]})
    rule("6.5 REQ_HEADERS_IF_MATCH", good.status == 200 and good.json["RoleId"] == "Operator" and good["ETag"] == bmc.get(uri)["ETag"] != before["ETag"],
         "the right one changes it, and the ETag", good)
    rule("6.5", bmc.ask("DELETE", uri, headers={"If-Match": before["ETag"]}).status == 412 and bmc.get(uri).status == 200, "a stale If-Match stops a DELETE")
    bmc.ask("PATCH", uri, {"RoleId": "ReadOnly"})


def accounts(rule, bmc):
    service = bmc.read(ROOT + "/AccountService")
    roles = {one.rsplit("/", 1)[1]: bmc.read(one) for one in bmc.members(service["Roles"]["@odata.id"])}
    rule("13.3.10 SEC_PRIV_SUPPORT_PREDEFINED_ROLES", set(roles) == {"Administrator", "Operator", "ReadOnly"} and all(
        role["IsPredefined"] and role["RoleId"] == role["Id"] and "Login" in role["AssignedPrivileges"] for role in roles.values()), "three predefined roles", roles)
    refused = bmc.ask("PATCH", ROLES + "/ReadOnly", {"AssignedPrivileges": ["Login", "ConfigureManager"]})
    rule("13.3.10 SEC_PRIV_PREDEFINED_ROLE_NOT_MODIFIABLE", refused.status in (400, 405) and bmc.read(ROLES + "/ReadOnly") == roles["ReadOnly"],
         "whose privileges stay", refused)
    user, password = "rfpv" + secret(4).lower(), secret(10)
    wish = {"UserName": user, "Password": password, "RoleId": "ReadOnly"}
    made = bmc.ask("POST", ACCOUNTS, wish)
    uri = made["Location"]
    rule("7.9 REQ_POST_CREATE_VIA_COLLECTION, REQ_POST_CREATE_URI_IN_LOCATION_HDR", made.status == 201 and uri in bmc.members(ACCOUNTS)
         and made.json["@odata.id"] == uri, "an account is made", made)
    account = bmc.get(uri)
    rule("13.3.6 PROTO_ETAG_ON_GET_ACCOUNT", account["ETag"] and made["ETag"] == account["ETag"], "with its ETag", account)
    rule("9.5 required properties", account.json["Password"] is None and account.json["RoleId"] == "ReadOnly" and account.json["Enabled"] is True
         and account.json["AccountTypes"] == ["Redfish"] and account.json["PasswordChangeRequired"] is False
         and account.json["Links"]["Role"]["@odata.id"] == ROLES + "/ReadOnly", "one role, and a password that is never shown", account)
    twice = bmc.ask("POST", ACCOUNTS, wish)
    rule("7.9", twice.status in (400, 409) and "ResourceAlreadyExists" in twice.messages() and not twice["Location"] and password not in twice.body.decode(),
         "the same name twice is refused", twice)
    for what, change in (("no role", {"RoleId": None}), ("an unknown role", {"RoleId": "King"}), ("a short password", {"Password": "short"}), ("an unknown property", {"Bogus": 1})):
        bad = bmc.ask("POST", ACCOUNTS, {key: value for key, value in {**wish, "UserName": "x" + user, **change}.items() if value is not None})
        rule("7.9 SEC_PRIV_ROLE_ASSIGNED_AT_ACCOUNT_CREATE, 7.5", bad.status == 400 and bad.is_error() and password not in bad.body.decode()
             and collection_count(bmc, ACCOUNTS) == 2, f"one with {what} is 400", bad)
    member = bmc.ask("POST", ACCOUNTS + "/Members", {**wish, "UserName": user + "2"})
    rule("7.9 REQ_POST_CREATE_TO_MEMBERS_PROP", member.status == 201, "POST to Members is the same", member)
    privileges(rule, bmc, uri, member["Location"], bmc.basic_of(user, password))
    patched(rule, bmc, uri)
    new = secret(12)
    rule("13.3.6", bmc.ask("PATCH", uri, {"Password": new}, {"If-Match": bmc.get(uri)["ETag"]}).status == 200
         and bmc.log_in(user, new)[0].status == 201 and bmc.log_in(user, password)[0].status == 401, "its password is changed")
    must_change(rule, bmc, uri, user, new)
    off = bmc.ask("PATCH", uri, {"Enabled": False})
    rule("13.3.6", off.status == 200 and bmc.log_in(user, secret())[0].status == 401, "it is switched off", off)
    for gone in (uri, member["Location"]):
        rule("7.10 REQ_DELETE_METHOD_REQUIRED", bmc.ask("DELETE", gone).status in (200, 204) and bmc.get(gone).status == 404 and gone not in bmc.members(ACCOUNTS), f"DELETE {gone}")
    own = bmc.members(ACCOUNTS)[0]
    last = bmc.ask("DELETE", own)
    rule("7.10, 8.3", last.status == 403 and bmc.get(own).status == 200 and bmc.ask("PATCH", own, {"Enabled": False}).status == 400, "the last administrator stays", last)


def privileges(rule, bmc, own, other, reader):
    chassis = bmc.members(ROOT + "/Chassis")[0]
    for method, path, body, status in (
            ("GET", ROOT + "/Chassis", None, 200), ("GET", own, None, 200), ("GET", other, None, 403), ("PATCH", other, {"Password": secret()}, 403),
            ("PATCH", own, {"RoleId": "Administrator"}, 400), ("DELETE", own, None, 403), ("POST", ACCOUNTS, {}, 403),
            ("PATCH", chassis, {"AssetTag": "x"}, 403), ("POST", ROOT + "/EventService/Subscriptions", {}, 403),
            ("POST", bmc.members(ROOT + "/Managers")[0] + "/Actions/Manager.Reset", {}, 403), ("POST", ROOT + "/UpdateService/Actions/UpdateService.SimpleUpdate", {}, 403)):
        answer = bmc.ask(method, path, body, auth=reader)
        rule("13.3.10 SEC_PRIV_OPERATION_TO_PRIV_MAPPING", answer.status == status and (status == 200 or answer.is_error()), f"ReadOnly: {method} {path} is {status}", answer)
    bmc.ask("PATCH", own, {"RoleId": "Operator"})
    rule("13.3.10 SEC_PRIV_OPERATION_TO_PRIV_MAPPING", bmc.ask("PATCH", chassis, {"AssetTag": bmc.dut}, auth=reader).status == 200
         and bmc.ask("POST", ACCOUNTS, {}, auth=reader).status == 403, "an Operator changes components and no accounts")
    bmc.ask("PATCH", own, {"RoleId": "ReadOnly"})


def must_change(rule, bmc, uri, user, password):
    bmc.ask("PATCH", uri, {"PasswordChangeRequired": True})
    auth = bmc.basic_of(user, password)
    login, token = bmc.log_in(user, password)
    rule("13.3.7 SEC_PWD_CHANGE_REQ_ALLOW_SESSION_LOGIN", login.status == 201 and "PasswordChangeRequired" in login.messages(), "a login says that the password must change", login)
    rule("13.3.7 SEC_PWD_CHANGE_REQ_ALLOW_GET_ACCOUNT", bmc.get(uri, auth=token).status == 200, "the account can be read")
    for method, path in (("GET", SESSIONS), ("GET", ROOT + "/Chassis"), ("DELETE", uri), ("POST", ACCOUNTS)):
        answer = bmc.ask(method, path, {} if method == "POST" else None, auth=auth)
        rule("13.3.7 SEC_PWD_CHANGE_REQ_DISALLOW_ALL_OTHERS", answer.status == 403 and answer.messages() == ["PasswordChangeRequired"], f"{method} {path} is 403", answer)
    other = bmc.ask("PATCH", uri, {"PasswordChangeRequired": False}, auth=auth)
    rule("13.3.7 SEC_PWD_CHANGE_REQ_DISALLOW_ALL_OTHERS", other.status in (400, 403), "it cannot be waived by its owner", other)
    changed = bmc.ask("PATCH", uri, {"Password": secret(12)}, {"If-Match": bmc.get(uri)["ETag"]}, auth=auth)
    rule("13.3.7 SEC_PWD_CHANGE_REQ_ALLOW_PATCH_PASSWORD", changed.status == 200 and changed.json["PasswordChangeRequired"] is False, "a new password clears it", changed)
    bmc.ask("DELETE", login["Location"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    rule, begin = Rules(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kiln-protocol-") as place, wire.Rack(options, place, "--rack", "small", "--seed", "7") as rack:
        bmcs = bmcs_of(rack, rule.checks)
        for dut in ("C01", "S01", "CDU01"):  # one of each role
            rule.dut = dut
            for part in (addresses, headers, methods, unauthenticated, queries, sessions, changes, accounts):
                part(rule, bmcs[dut])
    print(f"{time.monotonic() - begin:.1f} s")
    return rule.checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
