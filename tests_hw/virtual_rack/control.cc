#include "tests_hw/virtual_rack/control.h"

#include <fmt/format.h>

#include <charconv>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {
namespace {

HttpResponse refusal(unsigned status, std::string_view code, std::string_view message) {
  json::object error;
  error["code"] = code;
  error["message"] = message;
  json::object body;
  body["error"] = std::move(error);
  return json_response(status, body);
}

json::value time_or_null(std::uint64_t ns) { return ns == 0 ? json::value(nullptr) : json::value(ns); }

json::object dut_state(const Dut& dut) {
  json::object state;
  state["role"] = to_string(dut.role);
  state["slot"] = dut.slot > 0 ? json::value(dut.slot) : json::value(nullptr);
  state["power"] = to_string(dut.power);
  state["load"] = dut.load;
  state["host_up"] = dut.host_up;
  state["first_load_ns"] = dut.first_load_ns ? json::value(*dut.first_load_ns) : json::value(nullptr);
  state["power_w"] = rounded(dut.power_w.actual, 1);
  json::object detectors;
  for (const LeakDetector& detector : dut.detectors) {
    detectors[detector.name] =
        detector.status_state == "Enabled" ? std::string(to_string(detector.state)) : detector.status_state;
  }
  state["detectors"] = std::move(detectors);
  json::object temperatures;
  for (const Gpu& gpu : dut.gpus) temperatures[gpu.name] = rounded(gpu.temperature_c.actual, 2);
  for (const Cpu& cpu : dut.cpus) temperatures[cpu.name] = rounded(cpu.temperature_c.actual, 2);
  for (const SwitchChip& chip : dut.switches) temperatures[chip.name] = rounded(chip.temperature_c.actual, 2);
  state["temperatures"] = std::move(temperatures);
  if (dut.wet) state["flow_lpm"] = rounded(dut.coolant.flow_lpm.actual, 3);
  json::object firmware;
  for (const FirmwareItem& item : dut.firmware) firmware[item.name] = item.version;
  state["firmware"] = std::move(firmware);
  return state;
}

std::string_view state_word(FaultState state) {
  switch (state) {
    case FaultState::waiting:
      return "waiting";
    case FaultState::active:
      return "active";
    case FaultState::cleared:
      return "cleared";
  }
  return {};
}

json::object fault_entry(const Fault& fault) {
  json::object entry;
  entry["spec"] = fault.spec.text;
  entry["kind"] = fault_info(fault.spec.kind).name;
  entry["dut"] = fault.spec.dut;
  entry["part"] = fault.spec.part;
  entry["state"] = state_word(fault.state);
  entry["added_ns"] = fault.added_ns;
  entry["active_since_ns"] = time_or_null(fault.active_since_ns);
  entry["cleared_ns"] = time_or_null(fault.cleared_ns);
  return entry;
}

/// The SPECs of one list; an error answer when the list or a SPEC is wrong.
std::optional<HttpResponse> read_specs(const json::object& body, std::string_view name,
                                       std::vector<FaultSpec>& specs) {
  const json::value* list = body.if_contains(name);
  if (list == nullptr) return std::nullopt;
  if (!list->is_array())
    return refusal(400, "fault.spec", fmt::format("\"{}\" is not an array of SPECs", name));
  for (const json::value& text : list->as_array()) {
    if (!text.is_string())
      return refusal(400, "fault.spec", fmt::format("\"{}\" holds something else than text", name));
    Result<FaultSpec> spec = parse_fault(std::string_view(text.as_string()));
    if (!spec) return refusal(400, spec.error().code, spec.error().sentence());
    specs.push_back(std::move(*spec));
  }
  return std::nullopt;
}

}  // namespace

HttpResponse Control::state() const {
  json::object body;
  body["monotonic_ns"] = monotonic_ns();
  json::object duts;
  if (rack_ != nullptr) {
    body["rack"] = rack_->name;
    body["seed"] = rack_->seed;
    body["time_scale"] = rack_->time_scale();
    for (const Dut& dut : rack_->duts) duts[dut.id] = dut_state(dut);
    json::array faults;
    for (const Fault& fault : rack_->faults) faults.push_back(fault_entry(fault));
    body["faults"] = std::move(faults);
  }
  body["duts"] = std::move(duts);
  return json_response(200, body);
}

HttpResponse Control::log(const HttpRequest& request) const {
  std::uint64_t since = 0;
  constexpr std::string_view kSince = "since=";
  if (request.query.starts_with(kSince)) {
    const char* first = request.query.data() + kSince.size();
    const char* last = request.query.data() + request.query.size();
    const auto parsed = std::from_chars(first, last, since);
    if (parsed.ec != std::errc() || parsed.ptr != last) {
      return refusal(400, "control.query", "since is a monotonic time in nanoseconds");
    }
  }
  json::array entries;
  for (const LoggedRequest& entry : log_.entries()) {
    if (entry.monotonic_ns < since) continue;
    json::object one;
    one["monotonic_ns"] = entry.monotonic_ns;
    one["dut"] = entry.dut;
    one["method"] = entry.method;
    one[entry.method == "SSH" ? "command" : "uri"] = entry.what;
    if (entry.status != 0) one["status"] = entry.status;
    entries.push_back(std::move(one));
  }
  json::object body;
  body["monotonic_ns"] = monotonic_ns();
  body["total"] = log_.total();
  body["total_ssh"] = log_.total_ssh();
  body["kept"] = log_.entries().size();
  body["entries"] = std::move(entries);
  return json_response(200, body);
}

HttpResponse Control::faults(const HttpRequest& request) {
  if (rack_ == nullptr)
    return refusal(400, "fault.mockup", "a mockup is served as it was captured: it takes no faults");
  const std::optional<json::object> body = parse_object(request.body);
  if (!body) return refusal(400, "fault.spec", "the body is not a JSON object {\"add\":[…],\"clear\":[…]}");
  for (const auto& member : *body) {
    if (member.key() != "add" && member.key() != "clear") {
      return refusal(400, "fault.spec",
                     fmt::format("unknown member \"{}\": only add and clear", std::string(member.key())));
    }
  }
  std::vector<FaultSpec> add;
  std::vector<FaultSpec> clear;
  if (std::optional<HttpResponse> wrong = read_specs(*body, "add", add)) return std::move(*wrong);
  if (std::optional<HttpResponse> wrong = read_specs(*body, "clear", clear)) return std::move(*wrong);

  json::array cleared;
  for (const FaultSpec& spec : clear) {
    const Result<int> count = clear_fault(*rack_, spec);
    if (!count) return refusal(404, count.error().code, count.error().sentence());
    json::object one;
    one["spec"] = spec.text;
    one["cleared"] = *count;
    one["cleared_ns"] = monotonic_ns();
    cleared.push_back(std::move(one));
  }
  json::array added;
  for (const FaultSpec& spec : add) {
    const Result<std::uint64_t> active = add_fault(*rack_, spec);
    if (!active) return refusal(400, active.error().code, active.error().sentence());
    added.push_back(fault_entry(rack_->faults.back()));
  }
  json::object answer;
  answer["monotonic_ns"] = monotonic_ns();
  answer["added"] = std::move(added);
  answer["cleared"] = std::move(cleared);
  return json_response(200, answer);
}

HttpResponse Control::handle(const HttpRequest& request) {
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/state") return reading ? state() : method_not_allowed("GET, HEAD");
  if (request.path == "/log") return reading ? log(request) : method_not_allowed("GET, HEAD");
  if (request.path == "/faults")
    return request.method == "POST" ? faults(request) : method_not_allowed("POST");
  return refusal(404, "control.unknown", "there is /state, /log and /faults");
}

}  // namespace kiln::virtual_rack
