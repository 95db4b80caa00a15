#include "bmc/cooling.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "bmc/redfish_error.h"

namespace kiln {
namespace {

constexpr int kReadsPerUnitFind = 60;
constexpr std::array kCoolingUnitKinds{"CDUs", "RPUs", "HeatExchangers"};  // ThermalEquipment v1.2.0
constexpr std::array kSides{"Primary", "Secondary"};

}  // namespace

CoolantReading coolant_from(const RedfishResource& connector, const std::string& name) {
  const JsonView body = connector.body;
  CoolantReading reading;
  reading.name = name;
  reading.uri = connector.uri;
  reading.state = state_of(body);
  reading.health = health_of(body);
  reading.flow = body["FlowLitersPerMinute"].number();
  reading.supply_temperature = body["SupplyTemperatureCelsius"].number();
  reading.return_temperature = body["ReturnTemperatureCelsius"].number();
  reading.supply_pressure = body["SupplyPressurekPa"].number();
  reading.delta_pressure = body["DeltaPressurekPa"].number();
  if (!reading.delta_pressure && reading.supply_pressure) {
    const std::optional<double> back = body["ReturnPressurekPa"].number();
    if (back) reading.delta_pressure = *reading.supply_pressure - *back;
  }
  reading.heat_removed = body["HeatRemovedkW"].number();
  reading.valve_position = body["ValvePositionPercent"].number();
  reading.valve_state = body["ValveState"].text_or_empty();
  reading.valve_reason = body["ValveStateReason"].text_or_empty();
  return reading;
}

boost::asio::awaitable<Result<std::vector<std::string>>> CoolingReader::listed(const Ctx& ctx,
                                                                               const RedfishResource& from,
                                                                               JsonView link) {
  std::vector<std::string> uris;
  const std::optional<std::string> path = tree_.path_of(from, link);
  if (!path) co_return uris;
  Result<MemberList> list = co_await tree_.list(ctx, *path);
  if (!list) {
    if (is_exchange_error(list.error())) co_return list.error();
    tree_.client().note_oddity(*path, "", list.error().message);
    co_return uris;
  }
  for (const RedfishResource& member : list->members) uris.push_back(member.uri);
  for (const MemberList::Unread& member : list->unread) uris.push_back(member.uri);
  co_return uris;
}

boost::asio::awaitable<Status> CoolingReader::find_connectors(const Ctx& ctx, const RedfishResource& from,
                                                              JsonView link, std::string owner,
                                                              std::string side, Places& found) {
  Result<std::vector<std::string>> uris = co_await listed(ctx, from, std::move(link));
  if (!uris) co_return uris.error();
  for (const std::string& uri : *uris) {
    Place place;
    place.owner = owner;
    place.id = last_segment(uri);
    place.uri = uri;
    const bool says_so = place.id.starts_with("Primary") || place.id.starts_with("Secondary");
    place.name = side.empty() || says_so ? fmt::format("{}/{}", owner, place.id)
                                         : fmt::format("{}/{}_{}", owner, side, place.id);
    found.connectors.push_back(std::move(place));
  }
  co_return success();
}

boost::asio::awaitable<Status> CoolingReader::find_pumps(const Ctx& ctx, const RedfishResource& from,
                                                         JsonView link, std::string owner, Places& found) {
  Result<std::vector<std::string>> uris = co_await listed(ctx, from, std::move(link));
  if (!uris) co_return uris.error();
  for (const std::string& uri : *uris) {
    bool known = false;
    for (const Place& pump : found.pumps)
      known = known || without_trailing_slash(pump.uri) == without_trailing_slash(uri);
    if (known) continue;
    Place place;
    place.owner = owner;
    place.id = last_segment(uri);
    place.uri = uri;
    found.pumps.push_back(std::move(place));
  }
  co_return success();
}

boost::asio::awaitable<Status> CoolingReader::find_unit(const Ctx& ctx, const RedfishResource& unit,
                                                        Places& found) {
  Unit made;
  made.name = unit.id();
  made.uri = unit.uri;
  const std::optional<std::string> environment = tree_.path_of(unit, unit.body["EnvironmentMetrics"]);
  if (environment) made.environment.push_back({unit.id(), last_segment(*environment), "", *environment});
  const JsonView reservoirs_link = unit.body["Reservoirs"];
  Result<std::vector<std::string>> reservoirs = co_await listed(ctx, unit, reservoirs_link);
  if (!reservoirs) co_return reservoirs.error();
  for (const std::string& uri : *reservoirs)
    made.reservoirs.push_back({unit.id(), last_segment(uri), "", uri});
  const JsonView filters_link = unit.body["Filters"];
  Result<std::vector<std::string>> filters = co_await listed(ctx, unit, filters_link);
  if (!filters) co_return filters.error();
  for (const std::string& uri : *filters) made.filters.push_back({unit.id(), last_segment(uri), "", uri});
  found.units.push_back(std::move(made));
  co_return success();
}

boost::asio::awaitable<Status> CoolingReader::find_loops(const Ctx& ctx, const RedfishResource& equipment,
                                                         Places& found) {
  const JsonView link = equipment.body["CoolingLoops"];
  Result<std::vector<std::string>> uris = co_await listed(ctx, equipment, link);
  if (!uris) co_return uris.error();
  for (const std::string& uri : *uris) found.loops.push_back({"", last_segment(uri), "", uri});
  co_return success();
}

boost::asio::awaitable<Result<std::shared_ptr<const CoolingReader::Places>>> CoolingReader::places(
    const Ctx& ctx) {
  if (places_ && reads_since_find_ < kReadsPerUnitFind) {
    ++reads_since_find_;
    co_return places_;
  }
  auto found = std::make_shared<Places>();
  Result<std::optional<RedfishResource>> equipment = co_await tree_.service(ctx, "ThermalEquipment");
  if (!equipment) co_return equipment.error();
  if (*equipment) {
    for (const char* kind : kCoolingUnitKinds) {
      const JsonView units_link = (*equipment)->body[kind];
      Result<MemberList> units = co_await tree_.follow(ctx, **equipment, units_link);
      if (!units) co_return units.error();
      for (const RedfishResource& unit : units->members) {
        for (const char* side : kSides) {
          const JsonView link = unit.body[fmt::format("{}CoolantConnectors", side)];
          Status done = co_await find_connectors(ctx, unit, link, unit.id(), side, *found);
          if (!done) co_return done.error();
        }
        const JsonView pumps_link = unit.body["Pumps"];
        Status done = co_await find_pumps(ctx, unit, pumps_link, unit.id(), *found);
        if (!done) co_return done.error();
        Status known = co_await find_unit(ctx, unit, *found);
        if (!known) co_return known.error();
      }
      // One that could not be read is there all the same, and tells nothing.
      for (const MemberList::Unread& unread : units->unread) {
        Unit hidden;
        hidden.name = last_segment(unread.uri);
        hidden.uri = unread.uri;
        found->units.push_back(std::move(hidden));
      }
    }
  }
  if (*equipment) {
    Status loops = co_await find_loops(ctx, **equipment, *found);
    if (!loops) co_return loops.error();
  }
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  for (const RedfishResource& one : chassis->members) {
    const JsonView subsystem_link = one.body["ThermalSubsystem"];
    Result<std::optional<RedfishResource>> subsystem = co_await tree_.resource(ctx, one, subsystem_link);
    if (!subsystem) co_return subsystem.error();
    if (!*subsystem) continue;
    const JsonView connectors_link = (*subsystem)->body["CoolantConnectors"];
    Status connectors = co_await find_connectors(ctx, **subsystem, connectors_link, one.id(), "", *found);
    if (!connectors) co_return connectors.error();
    const JsonView pumps_link = (*subsystem)->body["Pumps"];
    Status pumps = co_await find_pumps(ctx, **subsystem, pumps_link, one.id(), *found);
    if (!pumps) co_return pumps.error();
  }
  std::map<std::string, int> uses;
  for (const Place& pump : found->pumps) ++uses[pump.id];
  for (Place& pump : found->pumps)
    pump.name = uses[pump.id] > 1 ? fmt::format("{}/{}", pump.owner, pump.id) : pump.id;
  places_ = std::move(found);
  reads_since_find_ = 0;
  co_return places_;
}

boost::asio::awaitable<Result<std::map<std::string, std::string>>> CoolingReader::names(const Ctx& ctx) {
  Result<std::shared_ptr<const Places>> known = co_await places(ctx);
  if (!known) co_return known.error();
  std::map<std::string, std::string> names;
  for (const Place& place : (*known)->connectors) names[without_trailing_slash(place.uri)] = place.name;
  for (const Place& place : (*known)->pumps) names[without_trailing_slash(place.uri)] = place.name;
  co_return names;
}

boost::asio::awaitable<Result<std::vector<Result<RedfishResource>>>> CoolingReader::read(
    const Ctx& ctx, const std::vector<Place>& places) {
  std::vector<std::string> uris;
  for (const Place& place : places) uris.push_back(place.uri);
  Result<std::vector<Result<RedfishResource>>> results =
      co_await tree_.client().get_all(ctx, std::move(uris));
  if (!results) co_return results;
  for (std::size_t i = 0; i < results->size(); ++i) {
    if ((*results)[i]) continue;
    tree_.client().note_oddity(places[i].uri, "", (*results)[i].error().message);
    reads_since_find_ = kReadsPerUnitFind;  // look again next time
  }
  co_return results;
}

boost::asio::awaitable<Result<std::vector<CoolantReading>>> CoolingReader::coolant(const Ctx& ctx) {
  Result<std::shared_ptr<const Places>> known = co_await places(ctx);
  if (!known) co_return std::move(known.error()).while_doing("looking for coolant connectors");
  const std::vector<Place>& connectors = (*known)->connectors;
  Result<std::vector<Result<RedfishResource>>> results = co_await read(ctx, connectors);
  if (!results) co_return results.error();
  std::vector<CoolantReading> readings;
  for (std::size_t i = 0; i < results->size(); ++i) {
    const Result<RedfishResource>& one = (*results)[i];
    CoolantReading reading;
    if (one) reading = coolant_from(*one, connectors[i].name);
    reading.name = connectors[i].name;
    reading.uri = connectors[i].uri;
    readings.push_back(std::move(reading));
  }
  co_return readings;
}

boost::asio::awaitable<Result<std::vector<PumpReading>>> CoolingReader::pumps(const Ctx& ctx) {
  Result<std::shared_ptr<const Places>> known = co_await places(ctx);
  if (!known) co_return std::move(known.error()).while_doing("looking for pumps");
  const std::vector<Place>& pumps = (*known)->pumps;
  Result<std::vector<Result<RedfishResource>>> results = co_await read(ctx, pumps);
  if (!results) co_return results.error();
  std::vector<PumpReading> readings;
  for (std::size_t i = 0; i < results->size(); ++i) {
    const Result<RedfishResource>& one = (*results)[i];
    PumpReading reading;
    reading.name = pumps[i].name;
    reading.uri = pumps[i].uri;
    if (one) {
      reading.speed_percent = one->body["PumpSpeedPercent"].number();
      reading.state = state_of(one->body);
      reading.health = health_of(one->body);
    }
    readings.push_back(std::move(reading));
  }
  co_return readings;
}

boost::asio::awaitable<Result<std::vector<CoolingUnitReading>>> CoolingReader::cooling_units(const Ctx& ctx) {
  Result<std::shared_ptr<const Places>> known = co_await places(ctx);
  if (!known) co_return std::move(known.error()).while_doing("looking for cooling units");
  std::vector<CoolingUnitReading> readings;
  if ((*known)->units.empty()) co_return readings;
  Result<std::vector<Result<RedfishResource>>> loops = co_await read(ctx, (*known)->loops);
  if (!loops) co_return loops.error();
  std::string quality;
  bool all_read = true;
  for (const Result<RedfishResource>& one : *loops) {
    all_read = all_read && one;
    const std::string said = one ? one->body["CoolantQuality"].text_or_empty() : std::string();
    // "OK", "Warning", "Critical"; a word that is none of them is kept, and is not good.
    if (!said.empty() && (quality.empty() || quality == "OK" || said == "Critical")) quality = said;
  }
  if (!all_read && quality == "OK") quality.clear();  // of a loop that could not be read nobody knows
  for (const Unit& unit : (*known)->units) {
    CoolingUnitReading reading;
    reading.coolant_quality = quality;
    reading.name = unit.name;
    reading.uri = unit.environment.empty() ? unit.uri : unit.environment.front().uri;
    Result<std::vector<Result<RedfishResource>>> air = co_await read(ctx, unit.environment);
    if (!air) co_return air.error();
    for (const Result<RedfishResource>& one : *air) {
      if (!one) continue;
      reading.dew_point = one->body["DewPointCelsius"].number();
      reading.air_temperature = one->body["TemperatureCelsius"].number();
      reading.humidity = one->body["HumidityPercent"].number();
    }
    Result<std::vector<Result<RedfishResource>>> reservoirs = co_await read(ctx, unit.reservoirs);
    if (!reservoirs) co_return reservoirs.error();
    bool unread = false;  // one that does not answer may be the empty one
    for (const Result<RedfishResource>& one : *reservoirs) {
      if (one && one->body["ReservoirType"].text() == "Overflow") continue;
      const std::optional<double> level = one ? one->body["FluidLevelPercent"].number() : std::nullopt;
      unread = unread || !level;
      if (level) reading.reservoir_level = std::min(reading.reservoir_level.value_or(*level), *level);
    }
    if (unread) reading.reservoir_level.reset();
    Result<std::vector<Result<RedfishResource>>> filters = co_await read(ctx, unit.filters);
    if (!filters) co_return filters.error();
    for (const Result<RedfishResource>& one : *filters) {
      const std::optional<double> drop = one ? one->body["DeltaLiquidPressurekPa"].number() : std::nullopt;
      if (drop) reading.filter_pressure = std::max(reading.filter_pressure.value_or(*drop), *drop);
    }
    readings.push_back(std::move(reading));
  }
  co_return readings;
}

}  // namespace kiln
