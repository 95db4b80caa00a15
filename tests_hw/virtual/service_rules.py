#!/usr/bin/env python3
"""Every resource of a BMC of each role, read from the root down, against the data model of DSP0266 clause 9 and what DMTF's
Redfish-Service-Validator asks of one: required properties, types, addresses, links, actions, enumerations, formats, excerpts. Once in
standby, once switched on with a leak. The schemas themselves are not part of the project: what is asked of single
properties stands in the tables below.

usage: service_rules.py --bin BUILD/bin
"""
import argparse
import collections
import json
import re
import sys
import tempfile
import time

import wire
from redfish_bmc import JSON, ROOT, SESSIONS, Rules, bmcs_of, is_message

TYPE = re.compile(r"#(\w+)\.(?:v\d+_\d+_\d+\.(\w+)|(\w+))")
ID = r"[^/]+"
CHASSIS, SYSTEM, MANAGER, CDU = (f"{ROOT}/{one}/{ID}" for one in ("Chassis", "Systems", "Managers", "ThermalEquipment/CDUs"))
PROCESSOR, MEMORY, DRIVE = f"{SYSTEM}/Processors/{ID}", f"{SYSTEM}/Memory/{ID}", f"{SYSTEM}/Storage/{ID}/Drives/{ID}"
SWITCH, ADAPTER = f"{ROOT}/Fabrics/{ID}/Switches/{ID}", f"{CHASSIS}/NetworkAdapters/{ID}"
THERMAL, LEAKS = f"{CHASSIS}/ThermalSubsystem", f"({CHASSIS}/ThermalSubsystem|{CDU})/LeakDetection"
PORT = f"({PROCESSOR}|{SWITCH}|{ADAPTER})/Ports/{ID}"
LOGS = f"({SYSTEM}|{MANAGER}|{CHASSIS})/LogServices"
# Where the schema of a type allows it to stand (Redfish.Uris); a collection is where its members are, one segment up.
URIS = {
    "ServiceRoot": ROOT, "SessionService": f"{ROOT}/SessionService", "Session": f"{SESSIONS}/{ID}", "AccountService": f"{ROOT}/AccountService",
    "ManagerAccount": f"{ROOT}/AccountService/Accounts/{ID}", "Role": f"{ROOT}/AccountService/Roles/{ID}", "CertificateService": f"{ROOT}/CertificateService",
    "CertificateLocations": f"{ROOT}/CertificateService/CertificateLocations", "Certificate": f"{MANAGER}/NetworkProtocol/HTTPS/Certificates/{ID}",
    "EventService": f"{ROOT}/EventService", "EventDestination": f"{ROOT}/EventService/Subscriptions/{ID}", "TaskService": f"{ROOT}/TaskService",
    "Task": f"{ROOT}/TaskService/Tasks/{ID}", "UpdateService": f"{ROOT}/UpdateService", "SoftwareInventory": f"{ROOT}/UpdateService/FirmwareInventory/{ID}",
    "TelemetryService": f"{ROOT}/TelemetryService", "MetricReport": f"{ROOT}/TelemetryService/MetricReports/{ID}",
    "MetricReportDefinition": f"{ROOT}/TelemetryService/MetricReportDefinitions/{ID}", "Manager": MANAGER, "ManagerNetworkProtocol": f"{MANAGER}/NetworkProtocol",
    "EthernetInterface": f"{MANAGER}/EthernetInterfaces/{ID}", "Chassis": CHASSIS, "Sensor": f"{CHASSIS}/Sensors/{ID}", "ThermalSubsystem": THERMAL,
    "ThermalMetrics": f"{THERMAL}/ThermalMetrics", "Fan": f"{THERMAL}/Fans/{ID}", "PowerSubsystem": f"{CHASSIS}/PowerSubsystem",
    "PowerSupply": f"{CHASSIS}/PowerSubsystem/PowerSupplies/{ID}", "PowerSupplyMetrics": f"{CHASSIS}/PowerSubsystem/PowerSupplies/{ID}/Metrics",
    "EnvironmentMetrics": f"({CHASSIS}|{PROCESSOR}|{MEMORY}|{DRIVE}|{SWITCH}|{CDU})/EnvironmentMetrics", "NetworkAdapter": ADAPTER,
    "CoolantConnector": f"({THERMAL}/CoolantConnectors|{CDU}/(Primary|Secondary)CoolantConnectors)/{ID}", "LeakDetection": LEAKS,
    "LeakDetector": f"{LEAKS}/LeakDetectors/{ID}", "ComputerSystem": SYSTEM, "Processor": PROCESSOR, "ProcessorMetrics": f"{PROCESSOR}/ProcessorMetrics",
    "Memory": MEMORY, "MemoryMetrics": f"{MEMORY}/MemoryMetrics", "Storage": f"{SYSTEM}/Storage/{ID}", "Drive": DRIVE, "Port": PORT, "PortMetrics": f"{PORT}/Metrics",
    "LogService": f"{LOGS}/{ID}", "LogEntry": f"{LOGS}/{ID}/Entries/{ID}", "Fabric": f"{ROOT}/Fabrics/{ID}", "Switch": SWITCH,
    "ThermalEquipment": f"{ROOT}/ThermalEquipment", "CoolingLoop": f"{ROOT}/ThermalEquipment/CoolingLoops/{ID}", "CoolingUnit": CDU, "Pump": f"{CDU}/Pumps/{ID}", "Reservoir": f"{CDU}/Reservoirs/{ID}", "Filter": f"{CDU}/Filters/{ID}",
    "Bios": f"{SYSTEM}/Bios", "SecureBoot": f"{SYSTEM}/SecureBoot", "ComponentIntegrity": f"{ROOT}/ComponentIntegrity/{ID}",
    "MessageRegistryFile": f"{ROOT}/Registries/{ID}", "JsonSchemaFile": f"{ROOT}/JsonSchemas/{ID}"}
# The type a link leads to, by the property it stands in; where the owner decides, by "Owner.Property".
TARGETS = {
    "Systems": "ComputerSystemCollection", "Chassis": "Chassis", "ServiceRoot.Chassis": "ChassisCollection", "Managers": "ManagerCollection", "Tasks": "TaskCollection",
    "ServiceRoot.Tasks": "TaskService", "SessionService": "SessionService", "Sessions": "SessionCollection", "AccountService": "AccountService",
    "Accounts": "ManagerAccountCollection", "Roles": "RoleCollection", "Role": "Role", "CertificateService": "CertificateService",
    "CertificateLocations": "CertificateLocations", "ManagerNetworkProtocol.Certificates": "CertificateCollection", "Certificates": "Certificate",
    "UpdateService": "UpdateService", "FirmwareInventory": "SoftwareInventoryCollection", "TelemetryService": "TelemetryService", "MetricReports": "MetricReportCollection",
    "MetricReport": "MetricReport", "MetricReportDefinitions": "MetricReportDefinitionCollection", "MetricReportDefinition": "MetricReportDefinition",
    "EventService": "EventService", "Subscriptions": "EventDestinationCollection", "Fabrics": "FabricCollection", "ThermalEquipment": "ThermalEquipment",
    "ManagerProvidingService": "Manager", "ManagedBy": "Manager", "ManagerForChassis": "Chassis", "ManagerForServers": "ComputerSystem", "NetworkProtocol": "ManagerNetworkProtocol",
    "EthernetInterfaces": "EthernetInterfaceCollection", "Sensors": "SensorCollection", "EnvironmentMetrics": "EnvironmentMetrics", "ThermalSubsystem": "ThermalSubsystem",
    "ThermalMetrics": "ThermalMetrics", "Fans": "FanCollection", "PowerSubsystem": "PowerSubsystem", "PowerSupplies": "PowerSupplyCollection",
    "NetworkAdapters": "NetworkAdapterCollection", "CoolantConnectors": "CoolantConnectorCollection", "PrimaryCoolantConnectors": "CoolantConnectorCollection",
    "SecondaryCoolantConnectors": "CoolantConnectorCollection", "LeakDetection": "LeakDetection", "LeakDetectors": "LeakDetectorCollection", "Contains": "Chassis",
    "ContainedBy": "Chassis", "ComputerSystems": "ComputerSystem", "Processors": "ProcessorCollection", "Chassis.Processors": "Processor", "Memory.Processors": "Processor",
    "Memory": "MemoryCollection", "Processor.Memory": "Memory", "Storage": "StorageCollection", "Drives": "Drive", "Ports": "PortCollection", "LogServices": "LogServiceCollection",
    "Entries": "LogEntryCollection", "Switches": "SwitchCollection", "CDUs": "CoolingUnitCollection", "CoolingLoops": "CoolingLoopCollection", "Pumps": "PumpCollection", "Reservoirs": "ReservoirCollection",
    "Filters": "FilterCollection", "RedundancyGroup": "Pump", "PowerSubsystem.RedundancyGroup": "PowerSupply", "ErrorInjection": "NvidiaErrorInjection", "Processor.Metrics": "ProcessorMetrics", "Memory.Metrics": "MemoryMetrics", "Port.Metrics": "PortMetrics",
    "Bios": "Bios", "SecureBoot": "SecureBoot", "ComponentIntegrity": "ComponentIntegrityCollection",
    "PowerSupply.Metrics": "PowerSupplyMetrics", "Registries": "MessageRegistryFileCollection", "JsonSchemas": "JsonSchemaFileCollection", "OriginOfCondition": None, "RelatedItem": None}  # None: any resource, but no collection
HEALTH, STATE = {"OK", "Warning", "Critical"}, {"Enabled", "Disabled", "StandbyOffline", "StandbySpare", "InTest", "Starting", "Absent", "UnavailableOffline",
                                               "Deferring", "Quiesced", "Updating", "Qualified", "Degraded"}
ENUMS = {
    "Health": HEALTH, "HealthRollup": HEALTH, "State": STATE, "PowerState": {"On", "Off", "PoweringOn", "PoweringOff", "Paused"}, "MessageSeverity": HEALTH, "Severity": HEALTH,
    "SystemType": {"Physical"}, "ChassisType": {"RackMount", "Module", "Component", "Shelf", "Sled"}, "ManagerType": {"BMC"}, "LogEntryType": {"Event", "SEL", "OEM", "Multiple"},
    "EntryType": {"Event", "SEL", "Oem"}, "OverWritePolicy": {"WrapsWhenFull", "NeverOverWrites", "Unknown"}, "ProcessorType": {"GPU", "CPU"},
    "MemoryType": {"DRAM", "NVDIMM_N", "Cache"}, "MemoryDeviceType": {"HBM", "HBM2E", "HBM3", "LPDDR5_SDRAM", "DDR4", "DDR5"}, "MediaType": {"SSD", "HDD"},
    "ErrorCorrection": {"NoECC", "SingleBitECC", "MultiBitECC", "AddressParity"}, "Protocol": {"NVMe", "Redfish"}, "PortProtocol": {"NVLink", "Ethernet", "InfiniBand"},
    "PortType": {"BidirectionalPort"}, "LinkState": {"Enabled", "Disabled"}, "LinkStatus": {"LinkUp", "LinkDown", "NoLink", "Starting", "Training"},
    "LeakDetectorType": {"Moisture", "FloatSwitch"}, "DetectorState": {"OK", "Warning", "Critical", "Unavailable", "Absent"},
    "CriticalReactionType": {"None", "ForceOff", "GracefulShutdown"}, "WarningReactionType": {"None", "ForceOff", "GracefulShutdown"}, "TaskState": {"Running", "Completed", "Exception"},
    "TaskStatus": HEALTH, "ReadingType": {"Temperature", "Power", "Voltage", "Current", "Rotational", "Humidity", "LiquidFlowLPM", "PressurekPa", "Percent", "LiquidLevel", "Heat", "EnergyJoules"},
    "ReadingUnits": {"Cel", "W", "V", "A", "RPM", "{rev}/min", "%", "L/min", "kPa", "kW", "J"}, "EquipmentType": {"CDU", "HeatExchanger", "ImmersionUnit", "RPU"},
    "CoolantType": {"Water", "Hydrocarbon", "Fluorocarbon", "Dielectric"}, "CoolantConnectorType": {"Pair", "Supply", "Return", "Inline", "Closed"}, "PumpType": {"Liquid", "Compressor"},
    "ReservoirType": {"Reserve", "Overflow", "Inline", "Immersion"}, "RedundancyType": {"Failover", "NPlusM", "Sharing", "Sparing", "NotRedundant"}, "FabricType": {"NVLink"},
    "SwitchType": {"NVLink"}, "PowerSupplyType": {"AC", "DC", "ACorDC", "DCregulator"}, "LocationType": {"Slot", "Bay", "Connector", "Socket", "Backplane", "Embedded"},
    "RackOffsetUnits": {"EIA_310", "OpenU"}, "ControlMode": {"Automatic", "Override", "Manual", "Disabled"}, "SessionType": {"Redfish", "WebUI"},
    "RoleId": {"Administrator", "Operator", "ReadOnly"}, "SubscriptionType": {"RedfishEvent", "SSE"}, "EventFormatType": {"Event", "MetricReport"}, "CertificateType": {"PEM"},
    "BootSourceOverrideEnabled": {"Disabled", "Once", "Continuous"}, "MetricReportDefinitionType": {"OnRequest", "Periodic", "OnChange"}, "AddressOrigin": {"Static", "DHCP"},
    "BootSourceOverrideTarget": {"None", "Pxe", "Hdd", "Cd", "Usb", "Diags", "BiosSetup", "Utilities", "UefiShell"}, "CompletedTaskOverWritePolicy": {"Oldest", "Manual"},
    "PhysicalContext": {"DCBus", "Chassis", "Room", "Intake", "Exhaust", "GPU", "CPU"}, "FluidLevelStatus": {"OK", "Low", "High", "Critical"}, "ReportUpdates": {"Overwrite", "NewReport"},
    "LastState": {"None", "PrimaryProcessorInitializationStarted", "MemoryInitializationStarted", "SystemHardwareInitializationComplete", "OSBootStarted", "OSRunning"}}
# ResetType by what it is reset (Resource.ResetType and Manager).
RESETS = {"On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle"}
NULLABLE = re.compile(r"Reading|Password")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DURATION = re.compile(r"P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
FORMATS = [
    (re.compile(r"(.*DateTime|.*Time|Created|Modified|.*Timestamp|ValidNot\w+)"), DATE, "a date-time with its zone (9.4.3)"),
    (re.compile(r"\w+Duration|MinCollectionInterval"), DURATION, "a duration (9.4.4)"),
    (re.compile(r"UUID"), re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "a UUID (9.4.2)"),
    (re.compile(r"MACAddress|AssociatedMACAddresses"), re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"), "a MAC address"),
    (re.compile(r"DateTimeLocalOffset"), re.compile(r"[+-]\d\d:\d\d"), "an offset from UTC"),
    (re.compile(r"MessageId"), re.compile(r"\w+\.\d+\.\d+(\.\d+)?\.\w+"), "registry, version and key (9.4.9)")]
NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
ANNOTATION = re.compile(r"([A-Z]\w*)?@(odata\.(id|type|count|nextLink|context|etag)|Redfish\.(AllowableValues|ActionInfo|OperationApplyTimeSupport)|Message\.ExtendedInfo)")
SENSOR_EXCERPT = {"Reading", "DataSourceUri", "SpeedRPM"}
CONTROL_EXCERPT = {"Reading", "DataSourceUri", "SetPoint", "AllowableMin", "AllowableMax", "DefaultSetPoint", "ControlMode"}
REQUIRED = {"Role": ["RoleId"], "EventDestination": ["Context", "Protocol", "SubscriptionType"], "Session": ["UserName"], "MetricReport": ["MetricReportDefinition"],
            "LogEntry": ["EntryType"], "MessageRegistryFile": ["Languages", "Location", "Registry"], "JsonSchemaFile": ["Languages", "Location", "Schema"], "ManagerAccount": ["AccountTypes", "RoleId"], "Certificate": ["CertificateString", "CertificateType"]}


class Crawl:
    """All resources of one BMC; what is wrong is collected by rule, so that each rule is one claim."""

    def __init__(self, bmc):
        self.bmc, self.bodies, self.answers = bmc, {}, {}
        self.wrong = collections.defaultdict(list)
        self.connection = bmc.connect()
        todo = [ROOT]
        while todo:
            uri = todo.pop()
            if uri in self.bodies:
                continue
            self.bodies[uri] = self.fetch(uri)
            todo += [one for one in self.references(self.bodies[uri]) if one not in self.bodies]
        self.connection.close()

    def fetch(self, uri):
        self.connection.request("GET", uri, headers={**self.bmc.basic, "Accept": JSON})
        answer = self.connection.getresponse()
        text = answer.read()
        self.answers[uri] = answer
        self.say("9.4.5 no dangling link", answer.status != 200, f"{uri} is {answer.status}")
        self.say("13.3 no secret", self.bmc.password.encode() in text, uri)
        body = json.loads(text)
        return body if isinstance(body, dict) and answer.status == 200 else {}

    def references(self, value):
        if isinstance(value, dict):
            if isinstance(value.get("@odata.id"), str):
                yield value["@odata.id"]
            if isinstance(value.get("Members@odata.nextLink"), str):
                yield value["Members@odata.nextLink"]
            if isinstance(value.get("DataSourceUri"), str):
                yield value["DataSourceUri"]
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from self.references(one)

    def say(self, rule, wrong, detail):
        self.wrong[rule] += [detail] if wrong else []

    def kind(self, uri):
        match = TYPE.fullmatch(self.bodies.get(uri, {}).get("@odata.type", ""))
        return match[1] if match else ""

    def check(self):
        for uri, body in self.bodies.items():
            if body and "?" not in uri:
                self.resource(uri, body)

    def resource(self, uri, body):
        match = TYPE.fullmatch(body.get("@odata.type", ""))
        self.say("9.5.2 @odata.type is well-formed", not match or match[1] != (match[2] or match[3]), f"{uri}: {body.get('@odata.type')}")
        self.say("9.5.1 @odata.id is its address", body.get("@odata.id", "").rstrip("/") != uri, f"{uri}: {body.get('@odata.id')}")
        self.say("6.1 no address ends in a slash or is escaped", not re.fullmatch(r"(/[\w.~$-]+)+", uri), uri)
        if not match:
            return
        kind, collection = match[1], bool(match[3])
        self.say("9.5 Id and Name", not isinstance(body.get("Name"), str) or (not collection and not isinstance(body.get("Id"), str)), uri)
        self.say("9.5 required properties", any(name not in body for name in REQUIRED.get(kind, ())), f"{uri} {kind}")
        if collection:
            self.collection(uri, body)
        elif kind.startswith("Nvidia"):
            self.say("9.7 OEM resources", "/Oem/Nvidia/" not in uri, uri)
        else:
            self.say("9.12.4 where its type may stand", not re.fullmatch(URIS.get(kind, "-"), uri), f"{uri}: {kind}")
        if kind == "LogEntry":
            self.say("9.4.9 a message of its registry", not is_message(body), f"{uri}: {body.get('MessageId')} {body.get('MessageArgs')}")
        self.properties(uri, kind, body, "")
        for name, action in body.get("Actions", {}).items():
            self.action(uri, kind, name, action)

    def collection(self, uri, body):
        members, at = list(body["Members"]), body.get("Members@odata.nextLink")
        while at:
            members, at = members + self.bodies[at]["Members"], self.bodies[at].get("Members@odata.nextLink")
        ids = [one["@odata.id"] for one in members]
        self.say("9.5.9 Members@odata.count is the total", body.get("Members@odata.count") != len(members), uri)
        self.say("9.2 members once, below their collection", len(set(ids)) != len(ids) or any(one.rsplit("/", 1)[0] != uri for one in ids), uri)
        for one in ids:
            self.say("9.5.5 Id is the last segment", self.bodies.get(one, {}).get("Id") != one.rsplit("/", 1)[1], one)
            self.say("9.2 members are of the collection's type", self.kind(one) + "Collection" != self.kind(uri), one)

    def action(self, uri, kind, name, action):
        place = f"{uri} {name}"
        if name == "Oem":
            return
        self.say("9.5.13 action names", not re.fullmatch(rf"#{kind}\.\w+", name), place)
        self.say("9.5.13 action targets", action.get("target") != f"{uri}/Actions/{name[1:]}", f"{place}: {action.get('target')}")
        self.say("9.5.13 in an action", any(key not in ("target", "title") and not ANNOTATION.fullmatch(key) for key in action), f"{place}: {sorted(action)}")
        words = set(action.get("ResetType@Redfish.AllowableValues", ()))
        self.say("9.8.1 allowable values", not words <= RESETS, f"{place}: {words}")
        asked = self.bmc.get(action["target"])
        self.say("7.11 an action takes POST only", asked.status != 405 or asked["Allow"] != "POST", f"{place}: {asked}")

    def properties(self, uri, kind, body, path):
        for name, value in body.items():
            place = f"{uri} {path}{name}"
            if name == "Actions":
                continue
            self.say("9.6 property names", not NAME.fullmatch(name) and not ANNOTATION.fullmatch(name) and path != "Oem/", place)
            self.say("9.8 no @Redfish.Copyright", name.startswith("@Redfish.Copyright"), place)
            if name.endswith("@odata.count") and name != "Members@odata.count":
                self.say("9.5.9 counts of arrays", len(body.get(name[:-12], ())) != value, place)
            self.value(uri, kind, name, value, path, place)

    def value(self, uri, kind, name, value, path, place):
        if isinstance(value, list):
            for one in value:
                self.value(uri, kind, name, one, path, place)
            return
        if isinstance(value, dict):
            self.structure(uri, kind, name, value, path, place)
            return
        self.say("9.4 null only where the schema lets it", value is None and not NULLABLE.fullmatch(name), place)
        self.say("9.12.6 write-only is null", name == "Password" and value is not None, place)
        if value is None:
            return
        self.say("9.4 no empty text", value == "" and name != "Context", place)
        self.say("9.4 percentages", name.endswith("Percent") and not 0 <= value <= 100, f"{place}: {value}")
        if name in ENUMS and not path.startswith("Oem"):
            self.say("9.4 enumerations", value not in ENUMS[name], f"{place}: {value}")
        for names, form, what in FORMATS:
            if names.fullmatch(name) and isinstance(value, str):
                self.say(f"9.4 {what}", not form.fullmatch(value), f"{place}: {value}")
        if re.fullmatch(r"Reading|\w*(Count|Celsius|Watts|MHz|Mhz|Gbps|Bytes|MiB|GiB|Seconds|Hours|kPa|kW|Liters\w*)", name) and "@" not in name:
            self.say("9.4.1 numbers are numbers", isinstance(value, (str, bool)), f"{place}: {value!r}")

    def structure(self, uri, kind, name, value, path, place):
        if "@odata.id" in value and kind + "Collection" != name and not self.whole(value):
            self.reference(kind, name, value, place)
            return
        if name in ("Oem",):
            for vendor, inside in value.items():
                self.say("9.7.1 OEM objects have a type", not TYPE.fullmatch(inside.get("@odata.type", "")), f"{place}/{vendor}")
        if name == "Status":
            self.say("9.5.15 Status", not set(value) <= {"State", "Health", "HealthRollup"} or "State" not in value, f"{place}: {value}")
        if "Reading" in value and kind not in ("Sensor",):
            allowed = CONTROL_EXCERPT if "SetPoint" in value else SENSOR_EXCERPT
            self.say("9.11 excerpts hold excerpt properties only", not set(value) <= allowed, f"{place}: {sorted(value)}")
            source = value.get("DataSourceUri")
            if source:
                self.say("9.11 an excerpt's source is a Sensor with its reading", self.kind(source) != "Sensor" or
                         (self.bodies[source].get("Reading") is None) != (value["Reading"] is None), f"{place}: {source}")
        if "MessageId" in value:
            self.say("9.4.9 a message of its registry", not is_message(value), f"{place}: {value['MessageId']} {value.get('MessageArgs')}")
        if not self.whole(value):
            self.properties(uri, kind, value, f"{path}{name}/")

    @staticmethod
    def whole(value):
        """A member that its collection shows whole; it is looked at under its own address."""
        return "@odata.id" in value and "@odata.type" in value

    def reference(self, kind, name, value, place):
        self.say("9.4.5 a reference holds @odata.id only", set(value) != {"@odata.id"}, f"{place}: {sorted(value)}")
        target = self.kind(value["@odata.id"])
        if name == "Members":
            return
        wanted = TARGETS.get(f"{kind}.{name}", TARGETS.get(name, "no type that this suite knows"))
        good = target == wanted if wanted else target and not target.endswith("Collection")
        self.say("9.4.5 a link leads to the type its property says", not good, f"{place}: {target}, not {wanted}")

    def metric_reports(self):
        for uri, body in self.bodies.items():
            for one in body.get("MetricValues", ()):
                source, _, pointer = one["MetricProperty"].partition("#")
                at = self.bodies.get(source)
                for key in pointer.strip("/").split("/"):
                    at = at.get(key) if isinstance(at, dict) else None
                self.say("9.4.6 metric properties lead to a property", at is None, f"{uri}: {one['MetricProperty']}")
                self.say("9.4.1 metric values are strings", not isinstance(one["MetricValue"], str), uri)

    def registries(self):
        """Short name ("Base.1.13") → messages, of the documents that the registry files lead to (9.5.11)."""
        found = {}
        for uri in [one for one in self.bodies if self.kind(one) == "MessageRegistryFile"]:
            file = self.bodies[uri]
            document = self.fetch(file["Location"][0]["Uri"])
            whole = f"{document.get('RegistryPrefix')}.{document.get('RegistryVersion')}"
            self.say("9.5.11 a registry file leads to its registry", document.get("@odata.type", "").split(".")[0] != "#MessageRegistry" or
                     whole.rsplit(".", 1)[0] != file["Registry"] or document.get("Id") != file["Id"] or document.get("Language") not in file["Languages"], uri)
            for key, message in document.get("Messages", {}).items():
                count, words = message.get("NumberOfArgs"), set(re.findall(r"%(\d)", message.get("Message", "")))
                good = isinstance(count, int) and words <= {str(number + 1) for number in range(count)} and message.get("MessageSeverity") in HEALTH
                good = good and len(message.get("ParamTypes", ())) == count and message.get("Description") and message.get("Resolution")
                self.say("9.5.11 messages of a registry", not good, f"{uri} {key}: {message}")
            found[file["Registry"]] = document.get("Messages", {})
        return found

    def messages(self, value):
        if isinstance(value, dict) and "MessageId" in value:
            yield value["MessageId"], value.get("MessageArgs", [])
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from self.messages(one)

    def described(self):
        """What a BMC says is described where it says so: its messages in Registries, its types in JsonSchemas (9.5.12, 8.3.3)."""
        registries = self.registries()
        refused = self.bmc.ask("POST", SESSIONS, {"UserName": 7}).json
        for source, body in [*self.bodies.items(), ("a refused login", refused)]:
            for message, arguments in self.messages(body):
                registry, key = message.rsplit(".", 1)
                known = registries.get(registry, {}).get(key)
                self.say("9.4.9 messages are in Registries, with as many arguments", known is None or len(arguments) != known["NumberOfArgs"],
                         f"{source}: {message} {arguments}")
        schemas = {body["Schema"]: body["Location"][0].get("PublicationUri") for uri, body in self.bodies.items() if self.kind(uri) == "JsonSchemaFile"}
        for uri, answer in self.answers.items():
            kind = self.bodies.get(uri, {}).get("@odata.type")
            link = re.match(r"<([^>]+)>; *rel=describedby", answer.headers.get("Link", ""))
            if kind and "/Oem/" not in uri:
                self.say("8.3.3 Link and JsonSchemas name one schema", not link or schemas.get(kind) != link[1], f"{uri} {kind}: {answer.headers.get('Link')}")

    def allows(self):
        for uri, answer in self.answers.items():
            kind, allowed = self.kind(uri), set(re.split(", *", answer.headers.get("Allow", "")))
            writable = {"ManagerAccountCollection": {"POST"}, "SessionCollection": {"POST"}, "EventDestinationCollection": {"POST"}, "ManagerAccount": {"PATCH", "DELETE"},
                        "Session": {"DELETE"}, "EventDestination": {"PATCH", "DELETE"}, "Task": {"DELETE"}, "Chassis": {"PATCH"}, "ComputerSystem": {"PATCH"},
                        "ManagerNetworkProtocol": {"PATCH"}, "NvidiaLeakDetectionPolicy": {"PATCH"}, "UpdateService": {"PATCH"}}.get(kind, set())
            self.say("8.1 Allow names what the schema lets", not {"GET", "HEAD"} <= allowed <= {"GET", "HEAD"} | writable, f"{uri}: {allowed}")


def spoil(path, value):
    """A copy of a body in which one property is another, or missing."""
    def change(body):
        body = json.loads(json.dumps(body))
        at = body
        for key in path[:-1]:
            at = at[key]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value(at.get(path[-1])) if callable(value) else value
        return body
    return change


MAIN, HOST = f"{ROOT}/Chassis/Chassis_0", f"{ROOT}/Systems/System_0"
ENVIRONMENT = MAIN + "/EnvironmentMetrics"
# What a rule must notice on a compute tray: a rule that cannot fail claims nothing.
SPOILS = [
    ("9.5.1", MAIN, spoil(["@odata.id"], MAIN + "x")), ("9.5.2", MAIN, spoil(["@odata.type"], "#Chassis.v1_22.Chassis")), ("9.5 Id and Name", MAIN, spoil(["Name"], None)),
    ("9.5 required", f"{ROOT}/AccountService/Roles/Operator", spoil(["RoleId"], None)), ("9.12.4", MAIN, spoil(["@odata.type"], "#Fan.v1_6_0.Fan")),
    ("9.5.9 Members", f"{ROOT}/Systems", spoil(["Members@odata.count"], 3)), ("9.2 members once", f"{ROOT}/Systems", spoil(["Members"], lambda old: old + old[:1])),
    ("9.2 members are", f"{ROOT}/Systems", spoil(["Members"], [{"@odata.id": MAIN}])), ("9.4 null", MAIN, spoil(["Model"], lambda old: None)),
    ("9.4 no empty", MAIN, spoil(["Model"], "")), ("9.4 percentages", ENVIRONMENT, spoil(["HumidityPercent"], 120)), ("9.4 enumerations", HOST, spoil(["PowerState"], "on")),
    ("9.4 a date-time", f"{ROOT}/Managers/BMC_0", spoil(["DateTime"], "2026-01-01T00:00:00")), ("9.4 a UUID", HOST, spoil(["UUID"], "17")),
    ("9.4 a duration", f"{ROOT}/TelemetryService", spoil(["MinCollectionInterval"], "1 s")), ("9.4.1 numbers", ENVIRONMENT, spoil(["PowerWatts", "Reading"], "5")),
    ("9.4 a MAC", f"{ROOT}/Managers/BMC_0/EthernetInterfaces/lo", spoil(["MACAddress"], "00:00")), ("9.4.5 a reference", MAIN, spoil(["Sensors", "Name"], "x")),
    ("9.4.5 a link", MAIN, spoil(["Sensors", "@odata.id"], HOST)), ("9.4.5 a link", HOST, spoil(["Unheard"], {"@odata.id": MAIN})),
    ("9.5.13 action targets", HOST, spoil(["Actions", "#ComputerSystem.Reset", "target"], lambda old: old.replace("Reset", "reset"))),
    ("9.5.13 in an action", HOST, spoil(["Actions", "#ComputerSystem.Reset", "Other"], 1)), ("9.5.13 action names", HOST, spoil(["Actions"], lambda old: {"#Chassis.Reset": old["#ComputerSystem.Reset"]})),
    ("9.8.1", HOST, spoil(["Actions", "#ComputerSystem.Reset", "ResetType@Redfish.AllowableValues"], ["Explode"])), ("9.8 no @Redfish", MAIN, spoil(["@Redfish.Copyright"], "x")),
    ("9.6", MAIN, spoil(["bad_name"], 1)), ("9.7.1", ROOT, spoil(["Oem", "Ami", "@odata.type"], None)), ("9.5.15", MAIN, spoil(["Status", "HealthRollUp"], "OK")),
    ("9.11 excerpts", ENVIRONMENT, spoil(["PowerWatts", "Status"], "OK")), ("9.11 an excerpt's", ENVIRONMENT, spoil(["PowerWatts", "DataSourceUri"], HOST)),
    ("9.12.6", f"{ROOT}/AccountService/Accounts/1", spoil(["Password"], "x")), ("9.5.9 counts", f"{HOST}/Storage/1", spoil(["Drives@odata.count"], 7))]

# The same of what a resource says together with others.
SPOILS_TOGETHER = [
    ("8.3.3", f"{ROOT}/JsonSchemas/Chassis.v1_22_0", spoil(["Schema"], "#Chassis.v1_1_1.Chassis")), ("9.5.11 a registry", f"{ROOT}/Registries/Base.1.13.0", spoil(["Registry"], "Base.1.12")),
    ("9.4.9 messages are", MAIN, spoil(["Oem"], {"MessageId": "Base.1.13.Unheard"})), ("9.4.9 messages are", MAIN, spoil(["Oem"], {"MessageId": "Base.1.13.Success", "MessageArgs": ["x"]}))]


def notices(rule, seen):
    for name, uri, change in SPOILS_TOGETHER:
        seen.wrong.clear()
        kept, seen.bodies[uri] = seen.bodies[uri], change(seen.bodies[uri])
        seen.described()
        seen.bodies[uri] = kept
        rule(name, any(wrong and one.startswith(name) for one, wrong in seen.wrong.items()), f"a spoilt {uri} is noticed", dict(seen.wrong))
    for name, uri, change in SPOILS:
        seen.wrong.clear()
        seen.resource(uri, change(seen.bodies[uri]))
        rule(name, any(wrong and one.startswith(name) for one, wrong in seen.wrong.items()), f"a spoilt {uri} is noticed", dict(seen.wrong))


def crawl(rule, bmc, least, state):
    seen = Crawl(bmc)
    seen.check()
    seen.metric_reports()
    seen.described()
    seen.allows()
    rule("5.5 hypermedia", len(seen.bodies) >= least, f"{state}: {len(seen.bodies)} resources are found from the root")
    for name, wrong in sorted(seen.wrong.items()):
        rule(name, not wrong, f"{state}: every resource", f"{len(wrong)}: " + "\n".join(wrong[:12]))
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    options = parser.parse_args()
    rule, begin = Rules(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kiln-rules-") as place, wire.Rack(options, place, "--rack", "nvl72", "--seed", "7") as rack:
        bmcs = bmcs_of(rack, rule.checks)
        roles = {"C01": 250, "S01": 330, "CDU01": 45, "P01": 45}
        for dut, least in roles.items():
            rule.dut = dut
            login, _ = bmcs[dut].log_in()
            seen = crawl(rule, bmcs[dut], least, "in standby")
            if dut not in ("CDU01", "P01"):
                bmcs[dut].ask("POST", ROOT + "/Systems/System_0/Actions/ComputerSystem.Reset", {"ResetType": "On"})
                end = time.monotonic() + 30
                while not rack.get("/state")["duts"][dut]["host_up"] and time.monotonic() < end:
                    time.sleep(0.1)
            if dut == "C01":
                notices(rule, seen)
            if dut != "P01":
                rack.faults(add=[f"leak@{dut}"])
            time.sleep(1)
            seen = crawl(rule, bmcs[dut], least, "switched on, leaking")
            entries = [body for uri, body in seen.bodies.items() if seen.kind(uri) == "LogEntry"]
            rule("12.1 events", dut == "P01" or any("LeakDetectors" in json.dumps(one) for one in entries), "the leak is in the log, with its origin", entries[:2])
            bmcs[dut].ask("DELETE", login["Location"])
    print(f"{time.monotonic() - begin:.1f} s")
    return rule.checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
