#include "safety/warden_messages.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <string_view>
#include <utility>

#include "safety/guard_words.h"
#include "safety/hazard_messages.h"
#include "safety/mask_messages.h"
#include "safety/message_fields.h"

namespace kiln {
namespace {

namespace json = boost::json;
using detail::Fields;
using detail::hazard_rules_from;
using detail::json_of;
using detail::kMost;
using detail::list_of;
using detail::read_hazard_report;
using detail::read_mask_report;
using detail::read_silence_report;

constexpr std::array<EnumWord<TlsTrust::Kind>, 3> kTrustWords{{{TlsTrust::Kind::pin, "pin"},
                                                               {TlsTrust::Kind::certificate_authority, "ca"},
                                                               {TlsTrust::Kind::insecure, "insecure"}}};

Error garbage(const std::string& what) {
  return {"warden.garbage", "between station and warden: " + what, "", Blame::station};
}

void write(json::object& into, const WardenHello& hello) {
  into["type"] = "hello";
  into["version"] = hello.version;
  into["build_stamp"] = hello.build_stamp;
  into["run"] = hello.run;
  into["journal"] = hello.journal;
  into["rack_ends_with_us"] = hello.rack_ends_with_us;
  into["leak_poll_ns"] = hello.rules.leak_poll.count();
  into["leak_grace_ns"] = hello.rules.leak_grace.count();
  into["off_confirm_ns"] = hello.rules.off_confirm.count();
  into["tray_leak_cuts_rack"] = hello.rules.tray_leak_cuts_rack;
  into["cut_reaches_shelves"] = hello.rules.cut_reaches_shelves;
  into["building_grace_ns"] = hello.rules.building_grace.count();
  into["building_confirm_ns"] = hello.rules.building_confirm.count();
  into["cut_reaches_building"] = hello.rules.cut_reaches_building;
  into["causes_that_cut_rack"] =
      list_of({hello.rules.causes_that_cut_rack.begin(), hello.rules.causes_that_cut_rack.end()});
  into["hazards"] = json_of(hello.rules.hazards);
}
void write(json::object& into, const WardenDut& dut) {
  into["type"] = "dut";
  into["id"] = dut.id;
  into["role"] = to_string(dut.role);
  into["leak_detectors"] = list_of(dut.leak_detectors);
  into["bmc_url"] = dut.bmc_url;
  into["bmc_trust"] = word_of(kTrustWords, dut.bmc_trust.kind);
  into["bmc_trust_value"] = dut.bmc_trust.value;
  into["bmc_user"] = dut.bmc_user;
  into["bmc_password"] = dut.bmc_password.expose();
  into["jump_address"] = dut.jump_address;
  into["jump_port"] = dut.jump_port;
  into["jump_user"] = dut.jump_user;
  into["jump_password"] = dut.jump_password.expose();
  into["jump_key_file"] = dut.jump_key_file;
  into["jump_host_key"] = dut.jump_host_key;
  into["host_address"] = dut.host_address;
  into["host_port"] = dut.host_port;
  into["host_user"] = dut.host_user;
  into["host_password"] = dut.host_password.expose();
  into["host_key_file"] = dut.host_key_file;
  into["host_key"] = dut.host_key;
}
void write(json::object& into, const WardenBuilding& building) {
  const BuildingAccess& access = building.access;
  into["type"] = "building";
  into["rack"] = building.rack;
  into["broker"] = access.broker;
  into["host"] = access.host;
  into["port"] = access.port;
  into["rack_location_id"] = access.rack_location_id;
  into["integration"] = access.integration;
  into["trust"] = word_of(kTrustWords, access.tls.kind);
  into["trust_value"] = access.tls.value;
  into["certificate"] = access.certificate;
  into["has_rack_leak"] = access.has_rack_leak;
  into["has_equipment_leak"] = access.has_equipment_leak;
  into["filters"] = list_of(access.filters);
  into["user"] = building.user;
  into["password"] = building.password.expose();
  into["key_file"] = building.key_file;
}
void write(json::object& into, const WardenBegin& /*begin*/) { into["type"] = "begin"; }
void write(json::object& into, const WardenBeat& beat) {
  into["type"] = "beat";
  into["number"] = beat.number;
}
void write(json::object& into, const WardenGuard& guard) {
  into["type"] = "guard";
  into["number"] = guard.number;
  into["kind"] = to_string(guard.undo.kind);
  into["dut"] = guard.undo.dut;
  into["step"] = guard.undo.step;
  into["description"] = guard.undo.description;
  into["command"] = guard.undo.command;
  into["budget_ns"] = guard.undo.budget.count();
}
void write(json::object& into, const WardenGuardEnd& end) {
  into["type"] = "guard_end";
  into["number"] = end.number;
  into["how"] = to_string(end.how);
}
void write(json::object& into, const WardenMask& mask) {
  into["type"] = "mask";
  into["dut"] = mask.dut;
  into["part"] = mask.part;
}
void write(json::object& into, const WardenUnmask& /*unmask*/) { into["type"] = "unmask"; }
void write(json::object& into, const WardenMasked& masked) {
  into = json_of(masked.report);
  into["type"] = "masked";
}
void write(json::object& into, const WardenSilence& silence) {
  into["type"] = "silence";
  into["dut"] = silence.dut;
  into["number"] = silence.number;
  into["longest_ns"] = silence.longest.count();
}
void write(json::object& into, const WardenSilenced& silenced) {
  into = json_of(silenced.report);
  into["type"] = "silenced";
}
void write(json::object& into, const WardenLeave& /*leave*/) { into["type"] = "leave"; }
void write(json::object& into, const WardenReady& ready) {
  into["type"] = "ready";
  into["version"] = ready.version;
  into["build_stamp"] = ready.build_stamp;
  json::object unreachable;
  for (const auto& [dut, why] : ready.unreachable) unreachable[dut] = why;
  into["unreachable"] = std::move(unreachable);
}
void write(json::object& into, const WardenRefused& refused) {
  into["type"] = "refused";
  into["why"] = refused.why;
}
void write(json::object& into, const WardenWatch& watch) {
  into["type"] = "watch";
  into["dut"] = watch.report.dut;
  into["ready"] = watch.report.ready;
  into["why"] = watch.report.why;
  into["part"] = watch.report.part;
  into["word"] = watch.report.word;
  into["code"] = watch.report.code;
}
void write(json::object& into, const WardenHazard& hazard) {
  into = json_of(hazard.report);
  into["type"] = "hazard";
}
void write(json::object& into, const WardenTripped& tripped) {
  into["type"] = "tripped";
  into["cause"] = tripped.trip.cause;
  into["code"] = tripped.trip.code;
  into["dut"] = tripped.trip.dut;
  into["part"] = tripped.trip.part;
  into["message"] = tripped.trip.message;
  into["read"] = tripped.trip.read;
  into["detected_ns"] = tripped.trip.detected_ns;
  into["reach"] = list_of(tripped.reach);
}
json::object object_of(const CutReport& report) {
  json::object object;
  object["dut"] = report.dut;
  object["load_stopped_ns"] = report.load_stopped_ns;
  object["off_confirmed_ns"] = report.off_confirmed_ns;
  object["problem"] = report.problem;
  return object;
}
void write(json::object& into, const WardenCut& cut) {
  into["type"] = "cut";
  into["report"] = object_of(cut.report);
}
void write(json::object& into, const WardenIsolation& isolation) {
  into["type"] = "isolation";
  into["liquid"] = isolation.report.liquid;
  into["electrical"] = isolation.report.electrical;
  into["why"] = isolation.report.why;
  into["asked_ns"] = isolation.report.asked_ns;
  into["confirmed_ns"] = isolation.report.confirmed_ns;
  into["said"] = isolation.report.said;
}
void write(json::object& into, const StopEverything& stop) {
  into["type"] = "stop_everything";
  into["by"] = stop.by;
  into["reason"] = stop.reason;
  into["run"] = stop.run;
}
void write(json::object& into, const EverythingStopped& stopped) {
  into["type"] = "everything_stopped";
  into["run"] = stopped.run;
  json::array cuts;
  for (const CutReport& cut : stopped.cuts) cuts.push_back(object_of(cut));
  into["cuts"] = std::move(cuts);
}
void write(json::object& into, const WardenActing& acting) {
  into["type"] = "acting";
  into["why"] = acting.why;
}
void write(json::object& into, const WardenDone& done) {
  into["type"] = "done";
  into["undone"] = done.undone;
  into["failed"] = done.failed;
}

WardenHello read_hello(Fields& fields) {
  WardenHello hello;
  hello.version = fields.text("version");
  hello.build_stamp = fields.text("build_stamp");
  hello.run = fields.text("run");
  hello.journal = fields.text("journal");
  hello.rack_ends_with_us = fields.flag("rack_ends_with_us");
  hello.rules.leak_poll = Nanoseconds(fields.number("leak_poll_ns", 1, kMost));
  hello.rules.leak_grace = Nanoseconds(fields.number("leak_grace_ns", 1, kMost));
  hello.rules.off_confirm = Nanoseconds(fields.number("off_confirm_ns", 1, kMost));
  hello.rules.tray_leak_cuts_rack = fields.flag("tray_leak_cuts_rack");
  hello.rules.cut_reaches_shelves = fields.flag("cut_reaches_shelves");
  hello.rules.building_grace = Nanoseconds(fields.number("building_grace_ns", 1, kMost));
  hello.rules.building_confirm = Nanoseconds(fields.number("building_confirm_ns", 1, kMost));
  hello.rules.cut_reaches_building = fields.flag("cut_reaches_building");
  for (std::string& cause : fields.list("causes_that_cut_rack"))
    hello.rules.causes_that_cut_rack.insert(std::move(cause));
  if (std::optional<HazardRules> hazards = hazard_rules_from(fields.value("hazards")))
    hello.rules.hazards = std::move(*hazards);
  else
    fields.wrong("hazards");
  return hello;
}

WardenDut read_dut(Fields& fields) {
  WardenDut dut;
  dut.id = fields.text("id");
  const std::optional<Role> role = role_from(fields.text("role"));
  if (role) dut.role = *role;
  if (!role) fields.wrong("role");
  dut.leak_detectors = fields.list("leak_detectors");
  dut.bmc_url = fields.text("bmc_url");
  dut.bmc_trust.kind = fields.word("bmc_trust", kTrustWords);
  dut.bmc_trust.value = fields.text("bmc_trust_value");
  dut.bmc_user = fields.text("bmc_user");
  dut.bmc_password = Secret(fields.text("bmc_password"));
  dut.jump_address = fields.text("jump_address");
  dut.jump_port = static_cast<std::uint16_t>(fields.number("jump_port", 0, 65535));
  dut.jump_user = fields.text("jump_user");
  dut.jump_password = Secret(fields.text("jump_password"));
  dut.jump_key_file = fields.text("jump_key_file");
  dut.jump_host_key = fields.text("jump_host_key");
  dut.host_address = fields.text("host_address");
  dut.host_port = static_cast<std::uint16_t>(fields.number("host_port", 0, 65535));
  dut.host_user = fields.text("host_user");
  dut.host_password = Secret(fields.text("host_password"));
  dut.host_key_file = fields.text("host_key_file");
  dut.host_key = fields.text("host_key");
  if (dut.id.empty()) fields.wrong("id");
  return dut;
}

WardenBuilding read_building(Fields& fields) {
  constexpr std::int64_t kHighestPort = 65535;
  WardenBuilding building;
  BuildingAccess& access = building.access;
  building.rack = fields.text("rack");
  access.broker = fields.text("broker");
  access.host = fields.text("host");
  access.port = static_cast<std::uint16_t>(fields.number("port", 1, kHighestPort));
  access.rack_location_id = fields.text("rack_location_id");
  access.integration = fields.text("integration");
  access.tls.kind = fields.word("trust", kTrustWords);
  access.tls.value = fields.text("trust_value");
  access.certificate = fields.text("certificate");
  access.has_rack_leak = fields.flag("has_rack_leak");
  access.has_equipment_leak = fields.flag("has_equipment_leak");
  access.filters = fields.list("filters");
  building.user = fields.text("user");
  building.password = Secret(fields.text("password"));
  building.key_file = fields.text("key_file");
  if (building.rack.empty()) fields.wrong("rack");
  if (access.host.empty()) fields.wrong("host");
  if (access.rack_location_id.empty()) fields.wrong("rack_location_id");
  if (access.tls.kind == TlsTrust::Kind::pin || access.tls.value.empty()) fields.wrong("trust");
  if (!access.has_rack_leak && !access.has_equipment_leak) fields.wrong("has_rack_leak");
  return building;
}

WardenIsolation read_isolation(Fields& fields) {
  WardenIsolation isolation;
  isolation.report.liquid = fields.flag("liquid");
  isolation.report.electrical = fields.flag("electrical");
  isolation.report.why = fields.text("why");
  isolation.report.asked_ns = fields.number("asked_ns", 0, kMost);
  isolation.report.confirmed_ns = fields.number("confirmed_ns", 0, kMost);
  isolation.report.said = fields.text("said");
  return isolation;
}

WardenGuard read_guard(Fields& fields) {
  WardenGuard guard;
  guard.number = static_cast<int>(fields.number("number", 1, std::numeric_limits<int>::max()));
  guard.undo.kind = fields.word("kind", kUndoKindWords);
  guard.undo.dut = fields.text("dut");
  guard.undo.step = fields.text("step");
  guard.undo.description = fields.text("description");
  guard.undo.command = fields.text("command");
  guard.undo.budget = Nanoseconds(fields.number("budget_ns", 0, kMost));
  return guard;
}

WardenReady read_ready(Fields& fields) {
  WardenReady ready;
  ready.version = fields.text("version");
  ready.build_stamp = fields.text("build_stamp");
  ready.unreachable = fields.texts("unreachable");
  return ready;
}

WardenTripped read_tripped(Fields& fields) {
  WardenTripped tripped;
  tripped.trip.cause = fields.text("cause");
  tripped.trip.code = fields.text("code");
  tripped.trip.dut = fields.text("dut");
  tripped.trip.part = fields.text("part");
  tripped.trip.message = fields.text("message");
  tripped.trip.read = fields.flag("read");
  tripped.trip.detected_ns = fields.number("detected_ns", 0, kMost);
  tripped.reach = fields.list("reach");
  return tripped;
}

/// `value`: of the field `key`, which is wrong when this is no report.
CutReport read_report(const json::value& value, std::string_view key, Fields& into) {
  CutReport report;
  if (!value.is_object()) {
    into.wrong(key);
    return report;
  }
  Fields fields(value.as_object());
  report.dut = fields.text("dut");
  report.load_stopped_ns = fields.number("load_stopped_ns", 0, kMost);
  report.off_confirmed_ns = fields.number("off_confirmed_ns", 0, kMost);
  report.problem = fields.text("problem");
  if (!fields.wrong().empty()) into.wrong(key);
  return report;
}

WardenCut read_cut(Fields& fields) {
  WardenCut cut;
  cut.report = read_report(fields.value("report"), "report", fields);
  return cut;
}

EverythingStopped read_stopped(Fields& fields) {
  EverythingStopped stopped;
  stopped.run = fields.text("run");
  const json::value cuts = fields.value("cuts");
  if (!cuts.is_array()) {
    fields.wrong("cuts");
    return stopped;
  }
  for (const json::value& cut : cuts.as_array()) stopped.cuts.push_back(read_report(cut, "cuts", fields));
  return stopped;
}

std::optional<WardenMessage> read(const std::string& type, Fields& fields) {
  if (type == "hello") return read_hello(fields);
  if (type == "dut") return read_dut(fields);
  if (type == "building") return read_building(fields);
  if (type == "begin") return WardenBegin{};
  if (type == "beat") return WardenBeat{fields.number("number", 0, kMost)};
  if (type == "guard") return read_guard(fields);
  if (type == "guard_end") {
    WardenGuardEnd end;
    end.number = static_cast<int>(fields.number("number", 1, std::numeric_limits<int>::max()));
    end.how = fields.word("how", kGuardEndWords);
    return end;
  }
  if (type == "mask") {
    WardenMask mask;
    mask.dut = fields.text("dut");
    mask.part = fields.text("part");
    return mask;
  }
  if (type == "unmask") return WardenUnmask{};
  if (type == "masked") return WardenMasked{read_mask_report(fields)};
  if (type == "silence") {
    WardenSilence silence;
    silence.dut = fields.text("dut");
    silence.number = static_cast<int>(fields.number("number", 0, std::numeric_limits<int>::max()));
    silence.longest = Nanoseconds(fields.number("longest_ns", 0, kLongestSilence.count()));
    return silence;
  }
  if (type == "silenced") return WardenSilenced{read_silence_report(fields)};
  if (type == "leave") return WardenLeave{};
  if (type == "ready") return read_ready(fields);
  if (type == "refused") return WardenRefused{fields.text("why")};
  if (type == "watch") {
    WardenWatch watch;
    watch.report.dut = fields.text("dut");
    watch.report.ready = fields.flag("ready");
    watch.report.why = fields.text("why");
    watch.report.part = fields.text("part");
    watch.report.word = fields.text("word");
    watch.report.code = fields.text("code");
    return watch;
  }
  if (type == "hazard") return WardenHazard{read_hazard_report(fields)};
  if (type == "tripped") return read_tripped(fields);
  if (type == "cut") return read_cut(fields);
  if (type == "isolation") return read_isolation(fields);
  if (type == "everything_stopped") return read_stopped(fields);
  if (type == "stop_everything") {
    StopEverything stop;
    stop.by = fields.text("by");
    stop.reason = fields.text("reason");
    stop.run = fields.text("run");
    return stop;
  }
  if (type == "acting") return WardenActing{fields.text("why")};
  if (type == "done") {
    WardenDone done;
    done.undone = static_cast<int>(fields.number("undone", 0, std::numeric_limits<int>::max()));
    done.failed = static_cast<int>(fields.number("failed", 0, std::numeric_limits<int>::max()));
    return done;
  }
  return std::nullopt;
}

}  // namespace

std::string encode(const WardenMessage& message) {
  json::object object;
  std::visit([&object](const auto& body) { write(object, body); }, message);
  object["protocol"] = kWardenProtocol;
  return json::serialize(object);
}

Result<WardenMessage> decode_warden_message(const std::string& text) {
  boost::system::error_code failed;
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // a description may quote what a device said
  const json::value parsed = json::parse(text, failed, {}, options);
  if (failed || !parsed.is_object()) return garbage("a message that is no JSON object");
  Fields fields(parsed.as_object());
  const std::int64_t protocol = fields.number("protocol", 0, kMost);
  const std::string type = fields.text("type");
  if (!fields.wrong().empty()) return garbage(fmt::format("a message without '{}'", fields.wrong()));
  if (protocol != kWardenProtocol) {
    return Error(
        "warden.unknown",
        fmt::format("a message of protocol {}, and this program speaks {}", protocol, kWardenProtocol),
        "install Kiln anew: its programs belong together", Blame::station);
  }
  std::optional<WardenMessage> message = read(type, fields);
  if (!message) {
    return Error("warden.unknown", fmt::format("a message of the unknown type '{}'", type),
                 "install Kiln anew: its programs belong together", Blame::station);
  }
  if (!fields.wrong().empty())
    return garbage(fmt::format("'{}' of a '{}' message is missing or of another type", fields.wrong(), type));
  return std::move(*message);
}

}  // namespace kiln
