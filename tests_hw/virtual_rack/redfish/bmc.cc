#include "tests_hw/virtual_rack/redfish/bmc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kSessions = "/redfish/v1/SessionService/Sessions";
/// Collections longer than this come in pages with Members@odata.nextLink (DSP0266, 7.3.2).
constexpr std::size_t kPage = 250;
/// A Manager.Reset is carried out this long after it was accepted, so that its answer still leaves.
constexpr std::uint64_t kResetAfterNs = 150'000'000;

constexpr std::string_view kMetadata =
    R"(<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">
  <edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/ServiceRoot_v1.xml">
    <edmx:Include Namespace="ServiceRoot"/>
    <edmx:Include Namespace="ServiceRoot.v1_15_0"/>
  </edmx:Reference>
  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">
      <EntityContainer Name="Service" Extends="ServiceRoot.v1_15_0.ServiceContainer"/>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
)";

std::string trimmed_path(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

struct Query {
  bool expand = false;
  std::size_t skip = 0;
  std::size_t top = kPage;
  std::string unknown;  ///< the first $parameter that is not supported
};

Query read_query(const std::string& text) {
  Query query;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find('&', begin);
    if (end == std::string::npos) end = text.size();
    std::string one = text.substr(begin, end - begin);
    begin = end + 1;
    if (one.starts_with("%24")) one.replace(0, 3, "$");
    if (one.empty() || one.front() != '$') continue;  // unknown words without $ are ignored (DSP0266, 7.3)
    const std::size_t equals = one.find('=');
    const std::string name = one.substr(0, equals);
    const std::string value = equals == std::string::npos ? std::string() : one.substr(equals + 1);
    std::size_t number = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool numeric = parsed.ec == std::errc() && parsed.ptr == value.data() + value.size();
    if (name == "$expand") {
      query.expand = true;
    } else if (name == "$skip" && numeric) {
      query.skip = number;
    } else if (name == "$top" && numeric) {
      query.top = std::min(number, kPage);
    } else if (query.unknown.empty()) {
      query.unknown = name;
    }
  }
  return query;
}

std::string schema_link(const json::object& body) {
  const json::value* type = body.if_contains("@odata.type");
  if (type == nullptr || !type->is_string() || type->as_string().empty()) return {};
  std::string name(type->as_string().subview(1));
  const std::size_t last = name.rfind('.');
  if (last == std::string::npos) return {};
  name.resize(last);
  // A collection's type is its name twice.
  return fmt::format("<http://redfish.dmtf.org/schemas/v1/{}.json>; rel=describedby", name);
}

}  // namespace

Bmc::Bmc(RackModel& the_rack, Dut& the_dut, Account account, RequestLog& log)
    : rack(the_rack),
      dut(the_dut),
      sessions(std::move(account)),
      log_(log),
      router_(router_for(the_dut.role)) {
  for (const Sensor& sensor : dut.sensors) {
    sensor_uris_[sensor.value] = fmt::format("{}/Chassis/{}/Sensors/{}", kRoot, sensor.chassis, sensor.id);
    const bool coolant = sensor.reading_type == "LiquidFlow" || sensor.reading_type == "PressurekPa";
    if (coolant || sensor.reading_type == "Temperature") freezes_.insert(sensor.value);
  }
  seen_ready_at_ns_ = dut.bmc_ready_at_ns;
  seen_power_ = dut.power;
  settings.asset_tag = dut.id;
}

Bmc::~Bmc() = default;

std::uint64_t Bmc::now_ns() const { return rack.now_ns; }

std::string Bmc::now_text() const { return date_time(bmc_utc_ns(rack, dut, rack.now_ns)); }

std::optional<std::string> Bmc::sensor_uri(const Reading& reading) const {
  const auto found = sensor_uris_.find(&reading);
  if (found == sensor_uris_.end()) return std::nullopt;
  return found->second;
}

const Fault* Bmc::frozen(const Reading& reading) const {
  const Fault* fault = active_fault(rack, dut, FaultKind::readings_frozen);
  return fault != nullptr && freezes_.contains(&reading) ? fault : nullptr;
}

double Bmc::told(const Reading& reading) const {
  if (frozen(reading) == nullptr) {
    frozen_.erase(&reading);
    return reading.shown;
  }
  return frozen_.try_emplace(&reading, reading.shown).first->second;
}

std::string Bmc::reading_time_text(const Reading& reading) const {
  const Fault* fault = frozen(reading);
  return fault == nullptr ? now_text() : date_time(bmc_utc_ns(rack, dut, fault->active_since_ns));
}

json::object Bmc::excerpt(const Reading& reading, int digits, bool needs_power) const {
  json::object object;
  const bool lost = active_fault(rack, dut, FaultKind::readings_lost) != nullptr;
  if (lost || (needs_power && !powered())) {
    object["Reading"] = nullptr;
  } else {
    object["Reading"] = rounded(told(reading), digits);
  }
  if (const std::optional<std::string> uri = sensor_uri(reading)) object["DataSourceUri"] = *uri;
  return object;
}

void Bmc::reset_manager_soon() { manager_reset_at_ns_ = rack.now_ns + kResetAfterNs; }

void Bmc::consume_boot_override() {
  if (settings.boot_enabled != "Once") return;
  settings.boot_enabled = "Disabled";
  settings.boot_target = "None";
}

void Bmc::restarted() {
  sessions.close_all();
  tasks.lose_all();
  event_streams_.clear();
}

void Bmc::react_to_leak() {
  bool leaking = false;
  for (const LeakDetector& detector : dut.detectors)
    leaking = leaking || detector.state == DetectorState::critical;
  if (!leaking || !settings.leak_policy_enabled) {
    leak_since_ns_.reset();
    return;
  }
  if (!leak_since_ns_) leak_since_ns_ = rack.now_ns;
  const std::uint64_t delay = static_cast<std::uint64_t>(settings.leak_reaction_delay_s) * 1'000'000'000ULL;
  const bool energised = dut.power == PowerState::on || dut.power == PowerState::powering_on;
  if (energised && rack.now_ns - *leak_since_ns_ >= delay) {
    request_power(rack, dut, PowerCommand::force_off);
  }
}

std::shared_ptr<HttpStream> Bmc::open_event_stream() {
  auto stream = std::make_shared<HttpStream>();
  stream->put(": this is the event stream of " + dut.id + "\n\n");
  event_streams_.push_back(stream);
  return stream;
}

void Bmc::send_event(const std::string& text) {
  std::erase_if(event_streams_, [](const std::weak_ptr<HttpStream>& stream) { return stream.expired(); });
  for (const std::weak_ptr<HttpStream>& listener : event_streams_) {
    if (const std::shared_ptr<HttpStream> stream = listener.lock()) stream->put(text);
  }
}

void Bmc::tell_events() {
  if (dut.events.empty() || dut.events.back().id == told_event_) return;
  std::string pieces;
  for (const EventEntry& event : dut.events) {
    if (event.id > told_event_) pieces += server_sent_event(dut, event);
  }
  told_event_ = dut.events.back().id;
  send_event(pieces);
}

void Bmc::tick() {
  const std::uint64_t now = rack.now_ns;
  tell_events();
  react_to_leak();
  tasks.advance(rack, dut, now);
  if (manager_reset_at_ns_ && now >= *manager_reset_at_ns_) {
    manager_reset_at_ns_.reset();
    reset_bmc(rack, dut);
  }
  if (dut.bmc_ready_at_ns != seen_ready_at_ns_) {
    seen_ready_at_ns_ = dut.bmc_ready_at_ns;
    restarted();
    if (dut.bmc_ready_at_ns > now) {
      restart_ = std::chrono::milliseconds((dut.bmc_ready_at_ns - now) / 1'000'000 + 1);
    }
  }
  if (dut.power == PowerState::on && seen_power_ != PowerState::on) consume_boot_override();
  seen_power_ = dut.power;
}

std::optional<std::chrono::milliseconds> Bmc::take_restart() { return std::exchange(restart_, std::nullopt); }

std::optional<json::object> Bmc::read(std::string_view uri) {
  Address address;
  const Route* route = router_.find(uri, address);
  if (route == nullptr || !route->get) return std::nullopt;
  return route->get(*this, address);
}

HttpResponse Bmc::get_answer(const HttpRequest& request, const Route& route, const Address& address) {
  const Query query = read_query(request.query);
  if (!query.unknown.empty() || (query.expand && dut.role == Role::compute_tray)) {
    return error_response(501, "QueryNotSupportedOnResource",
                          fmt::format("Querying with '{}' is not supported on this resource.",
                                      query.unknown.empty() ? "$expand" : query.unknown));
  }
  std::optional<json::object> body = route.get(*this, address);
  if (!body) return not_found(address.uri);
  json::value* members = body->if_contains("Members");
  if (members != nullptr && members->is_array()) {
    json::array& all = members->as_array();
    const std::size_t first = std::min(query.skip, all.size());
    const std::size_t last = std::min(first + query.top, all.size());
    if (first > 0 || last < all.size()) {
      if (last < all.size())
        (*body)["Members@odata.nextLink"] = fmt::format("{}?$skip={}", address.uri, last);
      json::array part(all.begin() + static_cast<std::ptrdiff_t>(first),
                       all.begin() + static_cast<std::ptrdiff_t>(last));
      all = std::move(part);
    }
    if (query.expand) {
      for (json::value& member : all) {
        const std::string uri(member.as_object().at("@odata.id").as_string());
        std::optional<json::object> whole = read(uri);
        if (whole) member = std::move(*whole);
      }
    }
  }
  HttpResponse response = json_response(200, *body);
  const std::string tag = entity_tag(response.body);
  const std::string known = request.header("If-None-Match");
  if (!known.empty() && tag_matches(known, tag)) {
    response.status = 304;
    response.body.clear();
    response.content_type.clear();
  }
  response.headers.emplace_back("ETag", tag);
  const std::string schema = schema_link(*body);
  if (!schema.empty()) response.headers.emplace_back("Link", schema);
  return response;
}

HttpResponse Bmc::answer_route(const HttpRequest& request) {
  Address address;
  const Route* route = router_.find(request.path, address);
  if (route == nullptr) return not_found(request.path);
  const bool reading = request.method == "GET" || request.method == "HEAD";
  const Action* action = nullptr;
  if (request.method == "POST") action = &route->post;
  if (request.method == "PATCH") action = &route->patch;
  if (request.method == "DELETE") action = &route->remove;
  if (reading && route->stream) return route->stream(*this, address, request);
  if (reading ? !route->get : action == nullptr || !*action) {
    // An address without the resource itself is 404, whatever the method.
    if (route->get && !route->get(*this, address)) return not_found(address.uri);
    return method_not_allowed(route->allow());
  }
  if (reading) {
    HttpResponse response = get_answer(request, *route, address);
    response.headers.emplace_back("Allow", route->allow());
    return response;
  }
  if (request.method == "PATCH") {
    const std::optional<json::object> before = route->get ? route->get(*this, address) : std::nullopt;
    if (!before) return not_found(address.uri);
    const std::string wanted = request.header("If-Match");
    if (!wanted.empty() && !tag_matches(wanted, entity_tag(json_response(200, *before).body))) {
      return error_response(412, "PreconditionFailed", "The ETag supplied did not match the current ETag.");
    }
  }
  HttpResponse response = (*action)(*this, address, request);
  if (request.method == "PATCH" && response.status == 200) {
    HttpRequest again;
    again.method = "GET";
    again.path = request.path;
    return get_answer(again, *route, address);
  }
  return response;
}

HttpResponse Bmc::answer(const HttpRequest& request) {
  const std::string version = request.header("OData-Version");
  if (!version.empty() && version != "4.0") {
    return error_response(412, "HeaderInvalid",
                          fmt::format("Header 'OData-Version: {}' is not 4.0.", version));
  }
  if (std::optional<HttpResponse> other = disturbance_.instead(rack, dut, rack.now_ns))
    return std::move(*other);

  const std::string path = trimmed_path(request.path);
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (path == "/redfish/v1/$metadata") {
    if (!reading) return method_not_allowed("GET, HEAD");
    HttpResponse response;
    response.content_type = "application/xml";
    response.body = std::string(kMetadata);
    return response;
  }
  if (path == "/redfish") {
    if (!reading) return method_not_allowed("GET, HEAD");
    json::object versions;
    versions["v1"] = "/redfish/v1/";
    return json_response(200, versions);
  }
  // Open to all by DSP0266 13.3.3: the root, its OData forms, and logging in.
  const bool open = (reading && (path == kRoot || path == "/redfish/v1/odata")) ||
                    (request.method == "POST" &&
                     (path == kSessions || path == "/redfish/v1/SessionService/Sessions/Members"));
  if (!open && !sessions.authenticate(request, rack.now_ns)) return unauthorized();
  return answer_route(request);
}

HttpResponse Bmc::handle(const HttpRequest& request) {
  HttpResponse response;
  try {
    response = answer(request);
    disturbance_.change(rack, dut, rack.now_ns, request, response);
  } catch (const std::exception& e) {
    response = error_response(500, "InternalError", fmt::format("internal error: {}", e.what()));
  }
  response.headers.emplace_back("OData-Version", "4.0");
  response.headers.emplace_back("Cache-Control", "no-cache");
  std::string target = request.path;
  if (!request.query.empty()) target += "?" + request.query;
  log_.add(dut.id, request.method, target, response.status);
  return response;
}

}  // namespace kiln::virtual_rack
