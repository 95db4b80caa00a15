#include "bmc/power_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "bmc/redfish_error.h"
#include "bmc/sensors.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr int kReadsPerPowerFind = 60;

std::optional<double> first_number(const JsonView& body, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const std::optional<double> number = body[name].number();
    if (number) return number;
  }
  return std::nullopt;
}

/// Delta writes a boolean, its older firmware a word.
std::optional<bool> switched_on_from(const JsonView& supply) {
  const JsonView power = supply.at({"Oem", "deltaenergysystems", "Power"});
  const std::optional<std::string> word = power.word();
  if (word && *word == "On") return true;
  if (word && *word == "Off") return false;
  return power.boolean();
}

std::string upper(std::string_view text) {
  std::string all(text);
  for (char& c : all) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return all;
}

/// RailVoltage is in the order of OutputRails [PowerSupplyMetrics v1.2.0]. The standard's own mockup of a
/// power shelf has 122.3 V and 49.03 V beside nominal voltages of 48 V and 120 V, so a voltage goes with the
/// nominal one that it is nearest to.
std::vector<SupplyRail> rails_from(const std::vector<JsonView>& voltages,
                                   const std::vector<JsonView>& rails) {
  std::vector<SupplyRail> nominal;
  for (const JsonView& rail : rails) {
    SupplyRail one;
    one.nominal = rail["NominalVoltage"].number();
    one.context = rail["PhysicalContext"].text_or_empty();
    nominal.push_back(std::move(one));
  }
  std::vector<SupplyRail> paired;
  for (const JsonView& printed : voltages) {
    const std::optional<double> voltage = printed.number();
    std::size_t nearest = nominal.size();
    for (std::size_t i = 0; voltage && i < nominal.size(); ++i) {
      if (!nominal[i].nominal) continue;
      const double here = std::abs(*voltage - *nominal[i].nominal);
      if (nearest == nominal.size() || here < std::abs(*voltage - *nominal[nearest].nominal)) nearest = i;
    }
    SupplyRail rail = nearest < nominal.size() ? nominal[nearest] : SupplyRail();
    rail.voltage = voltage;
    paired.push_back(std::move(rail));
  }
  return paired;
}

bool is_contained(const RedfishResource& chassis) {
  return chassis.body.at({"Links", "ContainedBy"}).link().has_value();
}

/// As parts() does it: with the owner's Id for those that share a name, and a number where that is not
/// enough.
void give_names(const std::vector<std::string>& owners, std::vector<PowerSupplyReading>& supplies) {
  std::map<std::string, int> uses;
  for (const PowerSupplyReading& one : supplies) ++uses[one.name];
  std::map<std::string, int> given;
  for (std::size_t i = 0; i < supplies.size(); ++i) {
    std::string& name = supplies[i].name;
    if (!owners[i].empty() && !name.empty() && uses[name] > 1) name = fmt::format("{}/{}", owners[i], name);
    const int nth = name.empty() ? 1 : ++given[name];
    if (nth > 1) name = fmt::format("{}#{}", name, nth);
  }
}

}  // namespace

bool names_power_input(std::string_view sensor_id) {
  const std::string id = upper(sensor_id);
  const auto has = [&id](std::string_view word) { return id.find(word) != std::string::npos; };
  return (has("PDB") || has("HSC") || has("BUSBAR") || has("BUS_BAR")) &&
         (has("VIN") || has("INPUT_VOLT") || has("INPUTVOLT") || has("VOLTAGE_IN"));
}

PowerSupplyReading supply_from(const JsonView& supply, const JsonView* metrics) {
  PowerSupplyReading reading;
  reading.state = state_of(supply);
  reading.health = health_of(supply);
  reading.capacity = first_number(supply, {"PowerCapacityWatts"});
  reading.line_input = supply["LineInputStatus"].text_or_empty();
  reading.switched_on = switched_on_from(supply);
  const JsonView values = metrics == nullptr ? supply : *metrics;
  reading.input_voltage = first_number(values, {"InputVoltage", "LineInputVoltage"});
  reading.input_power = first_number(values, {"InputPowerWatts", "PowerInputWatts"});
  reading.output_power =
      first_number(values, {"OutputPowerWatts", "PowerOutputWatts", "LastPowerOutputWatts"});
  reading.rails = rails_from(values["RailVoltage"].elements(), supply["OutputRails"].elements());
  return reading;
}

awaitable<Status> PowerChainReader::find_supplies(const Ctx& ctx, const RedfishResource& from, JsonView link,
                                                  std::string owner, Places& found) {
  Result<MemberList> list = co_await tree_.follow(ctx, from, std::move(link));
  if (!list) co_return list.error();
  for (const RedfishResource& member : list->members) {
    if (!found.known.insert(without_trailing_slash(member.uri)).second) continue;
    Supply supply;
    supply.owner = owner;
    supply.name = member.id();
    supply.uri = member.uri;
    supply.metrics = tree_.path_of(member, member.body["Metrics"]).value_or(std::string{});
    found.supplies.push_back(std::move(supply));
  }
  for (const MemberList::Unread& member : list->unread) {
    if (member.error.code == "bmc.not_found") continue;
    if (!found.known.insert(without_trailing_slash(member.uri)).second) continue;
    Supply supply;
    supply.owner = owner;
    supply.name = last_segment(member.uri);
    supply.uri = member.uri;
    supply.unread = member.error.message;
    found.supplies.push_back(std::move(supply));
  }
  if (list->whole) {  // how many there are, nobody could read
    Supply hidden;
    hidden.owner = owner;
    hidden.uri = list->whole->uri;
    hidden.unread = list->whole->error.message;
    found.supplies.push_back(std::move(hidden));
  }
  co_return success();
}

awaitable<Status> PowerChainReader::find_inputs(const Ctx& ctx, const RedfishResource& chassis,
                                                Places& found) {
  const std::optional<std::string> path = tree_.path_of(chassis, chassis.body["Sensors"]);
  if (!path) co_return success();
  Result<MemberList> list = co_await tree_.list(ctx, *path);
  if (!list) {
    if (is_exchange_error(list.error())) co_return list.error();
    co_return success();  // what cannot be listed tells nothing
  }
  std::vector<std::string> uris;
  for (const RedfishResource& member : list->members) uris.push_back(member.uri);
  for (const MemberList::Unread& member : list->unread) uris.push_back(member.uri);
  for (const std::string& uri : uris) {
    if (!names_power_input(last_segment(uri))) continue;
    if (found.known.insert(without_trailing_slash(uri)).second) found.inputs.push_back(uri);
  }
  co_return success();
}

awaitable<Status> PowerChainReader::find_in_chassis(const Ctx& ctx, const RedfishResource& chassis,
                                                    Places& found) {
  const JsonView subsystem_link = chassis.body["PowerSubsystem"];
  Result<std::optional<RedfishResource>> subsystem = co_await tree_.resource(ctx, chassis, subsystem_link);
  if (!subsystem) co_return subsystem.error();
  if (*subsystem) {
    const JsonView link = (*subsystem)->body["PowerSupplies"];
    Status supplies = co_await find_supplies(ctx, **subsystem, link, chassis.id(), found);
    if (!supplies) co_return supplies;
    if (!(*subsystem)->body["PowerSupplyRedundancy"].elements().empty())
      found.subsystems.push_back((*subsystem)->uri);
  } else if (!subsystem_link.exists()) {
    const std::optional<std::string> older = tree_.path_of(chassis, chassis.body["Power"]);
    if (older) found.older.push_back({chassis.id(), *older});
  }
  if (!is_contained(chassis)) {
    const std::optional<std::string> drawn = tree_.path_of(chassis, chassis.body["EnvironmentMetrics"]);
    if (drawn) found.drawn.push_back(*drawn);
  }
  Status inputs = co_await find_inputs(ctx, chassis, found);
  co_return inputs;
}

awaitable<Result<std::shared_ptr<const PowerChainReader::Places>>> PowerChainReader::places(const Ctx& ctx) {
  if (places_ && reads_since_find_ < kReadsPerPowerFind) {
    ++reads_since_find_;
    co_return places_;
  }
  auto found = std::make_shared<Places>();
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return std::move(chassis.error()).while_doing("looking for power supplies");
  for (const RedfishResource& one : chassis->members) {
    Status below = co_await find_in_chassis(ctx, one, *found);
    if (!below) co_return std::move(below.error()).while_doing("looking for power supplies");
  }
  Result<std::optional<RedfishResource>> equipment = co_await tree_.service(ctx, "PowerEquipment");
  if (!equipment) co_return equipment.error();
  if (*equipment) {
    const JsonView shelves_link = (*equipment)->body["PowerShelves"];
    Result<MemberList> shelves = co_await tree_.follow(ctx, **equipment, shelves_link);
    if (!shelves) co_return shelves.error();
    for (const RedfishResource& shelf : shelves->members) {
      const JsonView link = shelf.body["PowerSupplies"];
      Status below = co_await find_supplies(ctx, shelf, link, shelf.id(), *found);
      if (!below) co_return below.error();
    }
  }
  // Most chassis of a tray have no meter; those are not asked again.
  if (found->drawn.size() > 1) {
    const std::vector<std::string> all = found->drawn;
    Result<std::vector<Result<RedfishResource>>> metrics = co_await tree_.client().get_all(ctx, all);
    if (!metrics) co_return metrics.error();
    std::vector<std::string> telling;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (metrics->at(i) && metrics->at(i)->body["PowerWatts"].number()) telling.push_back(all[i]);
    }
    if (!telling.empty()) found->drawn = std::move(telling);
  }
  reads_since_find_ = 0;
  places_ = found;
  co_return places_;
}

awaitable<Status> PowerChainReader::read_supplies(const Ctx& ctx, const Places& places, PowerChain& chain) {
  std::vector<std::string> uris;
  for (const Supply& supply : places.supplies) {
    if (!supply.unread.empty()) continue;
    uris.push_back(supply.uri);
    if (!supply.metrics.empty()) uris.push_back(supply.metrics);
  }
  Result<std::vector<Result<RedfishResource>>> read = co_await tree_.client().get_all(ctx, uris);
  if (!read) co_return read.error();
  std::size_t next = 0;
  std::vector<std::string> owners;
  for (const Supply& supply : places.supplies) {
    PowerSupplyReading reading;
    reading.unread = supply.unread;
    if (supply.unread.empty()) {
      const Result<RedfishResource>& body = read->at(next++);
      const Result<RedfishResource>* metrics = supply.metrics.empty() ? nullptr : &read->at(next++);
      const bool has_metrics = metrics != nullptr && *metrics;
      if (body) reading = supply_from(body->body, has_metrics ? &(*metrics)->body : nullptr);
      if (!body) reading.unread = body.error().message;
      const bool lost = !body || (metrics != nullptr && !*metrics);
      if (lost) reads_since_find_ = kReadsPerPowerFind;
    }
    reading.name = supply.name;
    reading.uri = supply.uri;
    owners.push_back(supply.owner);
    chain.supplies.push_back(std::move(reading));
  }
  give_names(owners, chain.supplies);
  co_return success();
}

awaitable<Status> PowerChainReader::read_older(const Ctx& ctx, const Places& places, PowerChain& chain) {
  std::vector<PowerSupplyReading> supplies;
  std::vector<std::string> owners;
  for (const OldPower& older : places.older) {
    Result<RedfishResource> power = co_await tree_.client().get(ctx, older.uri);
    if (!power) {
      if (is_exchange_error(power.error())) co_return power.error();
      reads_since_find_ = kReadsPerPowerFind;
      continue;
    }
    const std::vector<JsonView> entries = power->body["PowerSupplies"].elements();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      PowerSupplyReading reading = supply_from(entries[i], nullptr);
      for (const char* name : {"Name", "MemberId"}) {
        if (reading.name.empty()) reading.name = entries[i][name].text_or_empty();
      }
      reading.uri = fmt::format("{}#/PowerSupplies/{}", power->uri, i);
      owners.push_back(older.owner);
      supplies.push_back(std::move(reading));
    }
    for (const JsonView& control : power->body["PowerControl"].elements()) {
      const std::optional<double> drawn = control["PowerConsumedWatts"].number();
      if (!drawn || (chain.power && *chain.power >= *drawn)) continue;
      chain.power = drawn;
      chain.power_uri = power->uri;
    }
  }
  give_names(owners, supplies);
  for (PowerSupplyReading& one : supplies) chain.supplies.push_back(std::move(one));
  co_return success();
}

awaitable<Status> PowerChainReader::read_drawn(const Ctx& ctx, const Places& places, PowerChain& chain) {
  std::vector<std::string> uris = places.drawn;
  uris.insert(uris.end(), places.inputs.begin(), places.inputs.end());
  uris.insert(uris.end(), places.subsystems.begin(), places.subsystems.end());
  Result<std::vector<Result<RedfishResource>>> read = co_await tree_.client().get_all(ctx, uris);
  if (!read) co_return read.error();
  for (std::size_t i = 0; i < uris.size(); ++i) {
    const Result<RedfishResource>& one = read->at(i);
    if (!one) {
      reads_since_find_ = kReadsPerPowerFind;
      if (i >= places.drawn.size() && i < places.drawn.size() + places.inputs.size())
        chain.inputs.push_back({last_segment(uris[i]), std::nullopt, uris[i]});
      continue;
    }
    if (i < places.drawn.size()) {
      const std::optional<double> drawn = one->body["PowerWatts"].number();
      if (!drawn || (chain.power && *chain.power >= *drawn)) continue;
      chain.power = drawn;
      chain.power_uri = one->uri;
    } else if (i < places.drawn.size() + places.inputs.size()) {
      const SensorReading sensor = sensor_from(*one);
      const bool volts = sensor.unit == "V";
      chain.inputs.push_back({one->id(), volts ? sensor.value : std::nullopt, one->uri});
    } else {
      for (const JsonView& group : one->body["PowerSupplyRedundancy"].elements()) {
        SupplyRedundancy redundancy;
        redundancy.type = group["RedundancyType"].text_or_empty();
        redundancy.needed = group["MinNeededInGroup"].integer();
        redundancy.members = static_cast<std::int64_t>(group["RedundancyGroup"].elements().size());
        redundancy.state = state_of(group);
        redundancy.health = health_of(group);
        redundancy.uri = one->uri;
        chain.redundancy.push_back(std::move(redundancy));
      }
    }
  }
  co_return success();
}

awaitable<Result<PowerChain>> PowerChainReader::read(const Ctx& ctx) {
  Result<std::shared_ptr<const Places>> found = co_await places(ctx);
  if (!found) co_return found.error();
  const std::shared_ptr<const Places> at = *found;
  PowerChain chain;
  Status drawn = co_await read_drawn(ctx, *at, chain);
  if (!drawn) co_return std::move(drawn.error()).while_doing("reading what it draws");
  Status supplies = co_await read_supplies(ctx, *at, chain);
  if (!supplies) co_return std::move(supplies.error()).while_doing("reading power supplies");
  Status older = co_await read_older(ctx, *at, chain);
  if (!older) co_return std::move(older.error()).while_doing("reading power supplies");
  co_return chain;
}

}  // namespace kiln
