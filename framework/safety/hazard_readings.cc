#include "safety/hazard_readings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <utility>

#include "model/tolerant.h"

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

constexpr std::size_t kHazardsAtOnce = 2;  // requests to one BMC, beside those of the leak watch
constexpr int kReadsPerWalk = 60;          // parts come and go rarely
constexpr int kReadsBeforeFirstTry = 5;    // where something is wanted that was not found; doubled each time
constexpr std::array kCoolingUnitKinds{"CDUs", "RPUs", "HeatExchangers"};  // ThermalEquipment v1.2.0
constexpr std::array kCoolingSides{"Primary", "Secondary"};

/// One property of one resource.
struct Source {
  HazardKind kind = HazardKind::gpu_temperature;
  std::string part, uri;
  std::string property;  ///< of the resource; "TemperatureSummaryCelsius/Intake" is one within another
  std::string excerpt;   ///< of a Sensor: the EnvironmentMetrics that shows it too; empty: none does
};

/// A Redfish excerpt {"Reading": x}, or, as some write it, x itself; numbers may be text.
std::optional<double> value_of(const json::value* found) {
  if (found != nullptr && found->is_object()) found = found->as_object().if_contains("Reading");
  if (found == nullptr) return std::nullopt;
  if (found->is_number()) {
    const double number = found->to_number<double>();
    return is_sentinel(number) ? std::nullopt : std::optional(number);
  }
  if (!found->is_string()) return std::nullopt;
  const std::optional<NumberWithUnit> read = tolerant_number(std::string(found->as_string()));
  return read ? std::optional(read->value) : std::nullopt;
}

const json::value* property_of(const json::value& body, const std::string& property) {
  const auto slash = property.find('/');
  if (slash == std::string::npos) return json_at(body, {property});
  return json_at(body, {property.substr(0, slash), property.substr(slash + 1)});
}

bool is_not_there(const json::value& body) { return json_text_at(body, {"Status", "State"}) == "Absent"; }

/// Sensor v1.7.0 ReadingBasis: Zero | Delta | Headroom. Older ones show it by having lower thresholds only.
bool is_distance(const json::value& sensor) {
  const std::string basis = json_text_at(sensor, {"ReadingBasis"});
  if (!basis.empty()) return basis != "Zero";
  const json::value* thresholds = json_at(sensor, {"Thresholds"});
  if (thresholds == nullptr || !thresholds->is_object()) return false;
  bool lower = false;
  bool upper = false;
  for (const auto& [name, threshold] : thresholds->as_object()) {
    if (!value_of(&threshold)) continue;
    lower = lower || name.starts_with("Lower");
    upper = upper || name.starts_with("Upper");
  }
  return lower && !upper;
}

/// A Sensor that can be read in place of the excerpt of it: then its age is known too.
bool tells_its_time(const json::value& sensor) {
  const std::string units = json_text_at(sensor, {"ReadingUnits"});
  return !json_text_at(sensor, {"ReadingTime"}).empty() && value_of(json_at(sensor, {"Reading"})) &&
         (units.empty() || units == "Cel");
}

class RedfishHazardReadings final : public HazardReadings {
 public:
  explicit RedfishHazardReadings(std::shared_ptr<RedfishLine> line) : line_(std::move(line)) {}

  awaitable<Result<HazardLook>> read(const Ctx& ctx, std::set<HazardKind> kinds, bool look_anew) override {
    if (look_anew || walk_in_ <= 0) {
      not_seen_.clear();
      const Status walked = co_await walk(ctx, kinds);
      // Those that are known answer at their own addresses, whatever stands in the way to them now.
      if (!walked && sources_.empty()) co_return walked.error();
      if (!walked) not_seen_ = walked.error().message;
      walk_in_ = not_seen_.empty() ? reads_until_the_next_walk(kinds) : 1;
    }
    --walk_in_;
    std::vector<std::string> uris;
    for (const Source& source : sources_) {
      if (std::find(uris.begin(), uris.end(), source.uri) == uris.end()) uris.push_back(source.uri);
    }
    const std::vector<Result<json::value>> bodies = co_await line_->get_all(ctx, uris, kHazardsAtOnce);
    const bool nobody = !bodies.empty() && std::all_of(bodies.begin(), bodies.end(), [](const auto& body) {
      return !body && !bmc_answered(body.error());
    });
    if (nobody) co_return bodies.front().error();
    std::map<std::string, const Result<json::value>*> by_uri;
    for (std::size_t i = 0; i < uris.size(); ++i) by_uri[uris[i]] = &bodies[i];
    HazardLook look;
    look.not_seen = not_seen_;
    std::vector<HazardReading>& readings = look.readings;
    for (const Source& source : sources_) {
      if (source.kind != HazardKind::dew_point_margin && kinds.contains(source.kind))
        add(readings, source, *by_uri.at(source.uri));
    }
    if (kinds.contains(HazardKind::dew_point_margin)) add_margins(readings, by_uri);
    for (Source& source : sources_) {
      const Result<json::value>& body = *by_uri.at(source.uri);
      if (source.excerpt.empty() || body || !bmc_answered(body.error())) continue;
      source = Source{source.kind, source.part, source.excerpt, "TemperatureCelsius",
                      ""};  // a Sensor that is gone
    }
    co_return look;
  }

 private:
  using Bodies = std::map<std::string, const Result<json::value>*>;

  static std::optional<double> believable(HazardKind kind, const json::value* found) {
    const std::optional<double> value = value_of(found);
    const HazardFacts& facts = facts_of(kind);
    if (!value || *value < facts.least || *value > facts.most) return std::nullopt;
    return value;
  }

  void add(std::vector<HazardReading>& readings, const Source& source, const Result<json::value>& body) {
    HazardReading reading;
    reading.kind = source.kind;
    reading.part = source.part;
    if (!body) {
      reading.why = body.error().message;
      walk_in_ = std::min(walk_in_, kReadsBeforeFirstTry);
    } else if (is_not_there(*body)) {
      return;
    } else {
      reading.value = believable(source.kind, property_of(*body, source.property));
      if (!reading.value) reading.why = fmt::format("{} of {} has no value", source.property, source.uri);
      reading.read_at = json_text_at(*body, {"ReadingTime"});
    }
    readings.push_back(std::move(reading));
  }

  /// The coldest that leaves the unit, less the dew point of the air around it.
  void add_margins(std::vector<HazardReading>& readings, const Bodies& by_uri) {
    for (const Source& source : sources_) {
      if (source.kind != HazardKind::dew_point_margin) continue;
      HazardReading reading;
      reading.kind = source.kind;
      reading.part = source.part;
      const Result<json::value>& body = *by_uri.at(source.uri);
      const std::optional<double> dew_point =
          body ? believable(HazardKind::inlet_temperature, property_of(*body, source.property))
               : std::nullopt;
      std::optional<double> coldest;
      for (const std::string& uri : supplies_[source.part]) {
        const auto supply = by_uri.find(uri);
        if (supply == by_uri.end() || !*supply->second) continue;
        const std::optional<double> value =
            believable(HazardKind::coolant_supply_temperature,
                       property_of(**supply->second, "SupplyTemperatureCelsius"));
        if (value) coldest = std::min(coldest.value_or(*value), *value);
      }
      if (dew_point && coldest) reading.value = *coldest - *dew_point;
      if (!dew_point) reading.why = fmt::format("{} of {} has no value", source.property, source.uri);
      if (dew_point && !coldest) reading.why = "no supply temperature of its secondary side could be read";
      readings.push_back(std::move(reading));
    }
  }

  /// Not there is an answer; anything else may hide parts.
  void miss(const Error& error) {
    if (error.code != "warden.not_found" && not_seen_.empty()) not_seen_ = error.message;
  }

  int reads_until_the_next_walk(const std::set<HazardKind>& kinds) {
    const bool all_found = std::all_of(kinds.begin(), kinds.end(), [this](HazardKind kind) {
      return std::any_of(sources_.begin(), sources_.end(),
                         [kind](const Source& source) { return source.kind == kind; });
    });
    if (all_found) return kReadsPerWalk;
    patience_ = std::min(patience_ * 2, kReadsPerWalk);
    return patience_;
  }

  void know(HazardKind kind, const std::string& part, const std::string& uri, const std::string& property,
            const std::string& excerpt = "") {
    const bool known = std::any_of(sources_.begin(), sources_.end(), [&](const Source& source) {
      return source.kind == kind && source.uri == uri && source.property == property;
    });
    if (!known) sources_.push_back({kind, part, uri, property, excerpt});
  }

  static bool any(const std::set<HazardKind>& wanted, std::initializer_list<HazardKind> kinds) {
    return std::any_of(kinds.begin(), kinds.end(), [&](HazardKind kind) { return wanted.contains(kind); });
  }

  awaitable<Status> walk(const Ctx& ctx, const std::set<HazardKind>& kinds) {
    const bool gpus = any(kinds, {HazardKind::gpu_temperature, HazardKind::gpu_memory_temperature});
    const bool coolant = any(kinds, {HazardKind::coolant_flow, HazardKind::coolant_pressure,
                                     HazardKind::coolant_supply_temperature, HazardKind::coolant_reservoir,
                                     HazardKind::dew_point_margin});
    if (gpus) {
      const Status walked = co_await walk_systems(ctx, kinds);
      if (!walked) co_return walked;
    }
    if (coolant || kinds.contains(HazardKind::inlet_temperature)) {
      const Status walked = co_await walk_chassis(ctx, kinds);
      if (!walked) co_return walked;
    }
    if (coolant) {
      const Status walked = co_await walk_units(ctx, kinds);
      if (!walked) co_return walked;
    }
    co_return success();
  }

  /// The members of a collection; those that cannot be read are left out, and an Error means nobody answers.
  awaitable<Result<std::vector<std::pair<std::string, json::value>>>> members(const Ctx& ctx,
                                                                              std::string uri) {
    std::vector<std::pair<std::string, json::value>> found;
    if (uri.empty()) co_return found;
    const Result<json::value> list = co_await line_->get(ctx, uri);
    if (!list && !bmc_answered(list.error())) co_return list.error();
    if (!list) miss(list.error());
    if (!list) co_return found;
    const std::vector<std::string> links = member_links(*list);
    std::vector<Result<json::value>> bodies = co_await line_->get_all(ctx, links, kHazardsAtOnce);
    for (std::size_t i = 0; i < links.size(); ++i) {
      if (!bodies[i] && !bmc_answered(bodies[i].error())) co_return bodies[i].error();
      if (!bodies[i]) miss(bodies[i].error());
      if (bodies[i]) found.emplace_back(links[i], std::move(*bodies[i]));
    }
    co_return found;
  }

  awaitable<Status> walk_systems(const Ctx& ctx, const std::set<HazardKind>& kinds) {
    const auto systems = co_await members(ctx, "/redfish/v1/Systems");
    if (!systems) co_return systems.error();
    for (const auto& [system_uri, system] : *systems) {
      const std::string collection = link_in(system, {"Processors"});
      const auto processors = co_await members(ctx, collection);
      if (!processors) co_return processors.error();
      for (const auto& [uri, processor] : *processors) {
        if (json_text_at(processor, {"ProcessorType"}) != "GPU") continue;
        const Status walked = co_await walk_gpu(ctx, uri, processor, kinds);
        if (!walked) co_return walked;
      }
    }
    co_return success();
  }

  awaitable<Status> walk_gpu(const Ctx& ctx, std::string uri, const json::value& processor,
                             const std::set<HazardKind>& kinds) {
    const std::string name = last_segment_of(uri);
    if (kinds.contains(HazardKind::gpu_temperature)) {
      const std::string environment = link_in(processor, {"EnvironmentMetrics"});
      const Status settled = co_await settle(ctx, HazardKind::gpu_temperature, name, environment);
      if (!settled) co_return settled;
    }
    const json::value* memories = json_at(processor, {"Links", "Memory"});
    const bool wanted = kinds.contains(HazardKind::gpu_memory_temperature);
    if (!wanted || memories == nullptr || !memories->is_array()) co_return success();
    for (const json::value& link : memories->as_array()) {
      const std::string memory_uri = local_path_of(json_text_at(link, {"@odata.id"}));
      if (memory_uri.empty()) continue;
      const Result<json::value> memory = co_await line_->get(ctx, memory_uri);
      if (!memory && !bmc_answered(memory.error())) co_return memory.error();
      if (!memory) miss(memory.error());
      if (!memory) continue;
      const std::string environment = link_in(*memory, {"EnvironmentMetrics"});
      const std::string memory_name = last_segment_of(memory_uri);
      const Status settled =
          co_await settle(ctx, HazardKind::gpu_memory_temperature, memory_name, environment);
      if (!settled) co_return settled;
    }
    co_return success();
  }

  /// Takes the temperature of an EnvironmentMetrics, once it is known that it is one.
  awaitable<Status> settle(const Ctx& ctx, HazardKind kind, std::string part, std::string uri) {
    if (uri.empty() || !settled_.insert(uri).second) co_return success();
    const Result<json::value> environment = co_await line_->get(ctx, uri);
    if (!environment) settled_.erase(uri);
    if (!environment && !bmc_answered(environment.error())) co_return environment.error();
    if (!environment) miss(environment.error());
    if (!environment || json_at(*environment, {"TemperatureCelsius"}) == nullptr) {
      settled_.erase(uri);
      co_return success();
    }
    const std::string source =
        local_path_of(json_text_at(*environment, {"TemperatureCelsius", "DataSourceUri"}));
    if (!source.empty()) {
      const Result<json::value> sensor = co_await line_->get(ctx, source);
      if (!sensor) settled_.erase(uri);
      if (!sensor && !bmc_answered(sensor.error())) co_return sensor.error();
      if (!sensor) miss(sensor.error());
      if (!sensor || is_distance(*sensor)) co_return success();
      if (tells_its_time(*sensor)) {
        std::erase_if(sources_, [&](const Source& known) { return known.kind == kind && known.uri == uri; });
        know(kind, part, source, "Reading", uri);
        co_return success();
      }
      // What has no value now, without power say, may tell its time later.
      if (!value_of(json_at(*sensor, {"Reading"}))) settled_.erase(uri);
    }
    know(kind, part, uri, "TemperatureCelsius");
    co_return success();
  }

  void know_connector(const std::string& part, const std::string& uri) {
    know(HazardKind::coolant_flow, part, uri, "FlowLitersPerMinute");
    know(HazardKind::coolant_pressure, part, uri, "SupplyPressurekPa");
    know(HazardKind::coolant_supply_temperature, part, uri, "SupplyTemperatureCelsius");
  }

  awaitable<Status> walk_chassis(const Ctx& ctx, const std::set<HazardKind>& kinds) {
    const auto chassis = co_await members(ctx, "/redfish/v1/Chassis");
    if (!chassis) co_return chassis.error();
    for (const auto& [uri, body] : *chassis) {
      const std::string subsystem_uri = link_in(body, {"ThermalSubsystem"});
      if (subsystem_uri.empty()) continue;
      const Result<json::value> subsystem = co_await line_->get(ctx, subsystem_uri);
      if (!subsystem && !bmc_answered(subsystem.error())) co_return subsystem.error();
      if (!subsystem) miss(subsystem.error());
      if (!subsystem) continue;
      const std::string name = last_segment_of(uri);
      const std::string metrics = link_in(*subsystem, {"ThermalMetrics"});
      if (kinds.contains(HazardKind::inlet_temperature) && !metrics.empty()) {
        const Result<json::value> summary = co_await line_->get(ctx, metrics);
        if (!summary && !bmc_answered(summary.error())) co_return summary.error();
        if (!summary) miss(summary.error());
        if (summary && json_at(*summary, {"TemperatureSummaryCelsius", "Intake"}) != nullptr)
          know(HazardKind::inlet_temperature, name, metrics, "TemperatureSummaryCelsius/Intake");
      }
      const std::string connectors_uri = link_in(*subsystem, {"CoolantConnectors"});
      const auto connectors = co_await members(ctx, connectors_uri);
      if (!connectors) co_return connectors.error();
      for (const auto& [connector_uri, connector] : *connectors) {
        if (offers_any(connector))
          know_connector(fmt::format("{}/{}", name, last_segment_of(connector_uri)), connector_uri);
      }
    }
    co_return success();
  }

  /// A connection without instruments is a pipe.
  static bool offers_any(const json::value& connector) {
    return json_at(connector, {"FlowLitersPerMinute"}) != nullptr ||
           json_at(connector, {"SupplyPressurekPa"}) != nullptr ||
           json_at(connector, {"SupplyTemperatureCelsius"}) != nullptr;
  }

  awaitable<Status> walk_units(const Ctx& ctx, const std::set<HazardKind>& /*kinds*/) {
    const Result<json::value> equipment = co_await line_->get(ctx, "/redfish/v1/ThermalEquipment");
    if (!equipment && !bmc_answered(equipment.error())) co_return equipment.error();
    if (!equipment) miss(equipment.error());
    if (!equipment) co_return success();
    for (const char* const kind : kCoolingUnitKinds) {
      const std::string collection = link_in(*equipment, {kind});
      const auto units = co_await members(ctx, collection);
      if (!units) co_return units.error();
      for (const auto& [uri, unit] : *units) {
        const Status walked = co_await walk_unit(ctx, uri, unit);
        if (!walked) co_return walked;
      }
    }
    co_return success();
  }

  awaitable<Status> walk_unit(const Ctx& ctx, std::string uri, const json::value& unit) {
    const std::string name = last_segment_of(uri);
    for (const char* const side : kCoolingSides) {
      const std::string collection = link_in(unit, {fmt::format("{}CoolantConnectors", side)});
      const auto connectors = co_await members(ctx, collection);
      if (!connectors) co_return connectors.error();
      for (const auto& [connector_uri, connector] : *connectors) {
        if (!offers_any(connector)) continue;
        const std::string id = last_segment_of(connector_uri);
        const bool says_so = id.starts_with("Primary") || id.starts_with("Secondary");
        know_connector(says_so ? fmt::format("{}/{}", name, id) : fmt::format("{}/{}_{}", name, side, id),
                       connector_uri);
        if (std::string_view(side) == "Secondary") supplies_[name].insert(connector_uri);
      }
    }
    const std::string reservoirs_uri = link_in(unit, {"Reservoirs"});
    const auto reservoirs = co_await members(ctx, reservoirs_uri);
    if (!reservoirs) co_return reservoirs.error();
    for (const auto& [reservoir_uri, reservoir] : *reservoirs) {
      if (json_text_at(reservoir, {"ReservoirType"}) == "Overflow") continue;
      if (json_at(reservoir, {"FluidLevelPercent"}) != nullptr)
        know(HazardKind::coolant_reservoir,
             fmt::format("{}/Reservoir_{}", name, last_segment_of(reservoir_uri)), reservoir_uri,
             "FluidLevelPercent");
    }
    const std::string environment_uri = link_in(unit, {"EnvironmentMetrics"});
    if (environment_uri.empty()) co_return success();
    const Result<json::value> environment = co_await line_->get(ctx, environment_uri);
    if (!environment && !bmc_answered(environment.error())) co_return environment.error();
    if (!environment) miss(environment.error());
    if (environment && json_at(*environment, {"DewPointCelsius"}) != nullptr)
      know(HazardKind::dew_point_margin, name, environment_uri, "DewPointCelsius");
    co_return success();
  }

  std::shared_ptr<RedfishLine> line_;
  std::vector<Source> sources_;
  std::map<std::string, std::set<std::string>> supplies_;  ///< unit → connectors of its secondary side
  std::set<std::string> settled_;  ///< EnvironmentMetrics of which it is known what they are
  std::string not_seen_;           ///< of the last walk
  int walk_in_ = 0;
  int patience_ = kReadsBeforeFirstTry / 2;
};

}  // namespace

std::unique_ptr<HazardReadings> make_redfish_hazard_readings(std::shared_ptr<RedfishLine> line) {
  return std::make_unique<RedfishHazardReadings>(std::move(line));
}

}  // namespace kiln
