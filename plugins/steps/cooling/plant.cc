// What a cooling unit is like before anything hot runs on its coolant: no condensation, a full reservoir,
// filters.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "cooling_steps.h"
#include "loop_at_rest.h"

namespace kiln::cooling {

using boost::asio::awaitable;

double dew_point_of(double air_temperature, double humidity) {
  constexpr double kSlope = 17.62;
  constexpr double kOffset = 243.12;  // Cel
  const double gamma = std::log(humidity / 100) + kSlope * air_temperature / (kOffset + air_temperature);
  return kOffset * gamma / (kSlope - gamma);
}

Source cooling_source(const Dut& dut, std::string uri) {
  const BmcProtocol protocol = dut.bmc ? bmc_protocol_of(dut.bmc->url) : BmcProtocol::redfish;
  return Source{std::string(to_string(protocol)), std::move(uri)};
}

namespace {

/// CoolantQuality of CoolingLoop v1.1.0, from good to bad; what is no word of it is worst.
int badness_of_quality(const std::string& word) {
  if (word == "OK") return 0;
  return word == "Warning" ? 1 : word == "Critical" ? 2 : 3;
}

/// The dew point that a unit tells, or that follows from its air.
struct DewPoint {
  std::optional<double> value;  ///< Cel
  bool computed = false;
};

DewPoint dew_point_at(const CoolingUnitReading& unit) {
  if (unit.dew_point) return {unit.dew_point, false};
  const bool air = unit.air_temperature && unit.humidity && *unit.humidity > 0 && *unit.humidity <= 100;
  if (!air) return {};
  return {dew_point_of(*unit.air_temperature, *unit.humidity), true};
}

/// The coldest coolant that leaves the DUT for the rack; nullopt: a connection does not tell.
std::optional<double> coldest_supply(const Dut& dut, const std::vector<CoolantReading>& readings) {
  std::optional<double> coldest;
  for (const std::string& name : secondary_connections(dut)) {
    const auto found = std::find_if(readings.begin(), readings.end(),
                                    [&name](const CoolantReading& one) { return one.name == name; });
    if (found == readings.end() || !found->supply_temperature) return std::nullopt;
    coldest = std::min(coldest.value_or(*found->supply_temperature), *found->supply_temperature);
  }
  return coldest;
}

/// Of several units in one DUT the worst counts, and one that does not tell leaves it unknown.
struct PlantFindings {
  Value margin, reservoir, filter, alarms, quality;
  std::string margin_why, reservoir_why, margin_from, uri;
};

PlantFindings findings_from(const Dut& dut, const std::vector<CoolingUnitReading>& units,
                            const std::vector<CoolantReading>& readings) {
  PlantFindings found;
  std::optional<double> margin;
  std::optional<double> level;
  std::optional<double> drop;
  std::optional<double> alarms;
  std::string quality;
  const std::optional<double> supply = coldest_supply(dut, readings);
  if (!supply) found.margin_why = "a connection to the rack tells no supply temperature";
  if (units.empty()) found.margin_why = found.reservoir_why = "the BMC lists no cooling unit";
  for (const CoolingUnitReading& unit : units) {
    found.uri = unit.uri;
    const DewPoint dew = dew_point_at(unit);
    if (!dew.value) {
      found.margin_why =
          fmt::format("unit {} tells neither a dew point nor temperature and humidity of its air", unit.name);
    } else if (supply) {
      const double here = *supply - *dew.value;
      if (!margin || here < *margin) {
        margin = here;
        found.margin_from = fmt::format("supply {:.1f} Cel, dew point {:.1f} Cel{}", *supply, *dew.value,
                                        dew.computed ? " from temperature and humidity of the air" : "");
      }
    }
    if (unit.reservoir_level) level = std::min(level.value_or(*unit.reservoir_level), *unit.reservoir_level);
    if (!unit.reservoir_level)
      found.reservoir_why = fmt::format("unit {} tells no level of a reservoir", unit.name);
    if (unit.filter_pressure) drop = std::max(drop.value_or(*unit.filter_pressure), *unit.filter_pressure);
    if (unit.alarms) alarms = alarms.value_or(0) + *unit.alarms;
    if (!unit.coolant_quality.empty() &&
        (quality.empty() || badness_of_quality(unit.coolant_quality) > badness_of_quality(quality)))
      quality = unit.coolant_quality;
  }
  if (margin && found.margin_why.empty()) found.margin = *margin;
  if (level && found.reservoir_why.empty()) found.reservoir = *level;
  if (drop) found.filter = *drop;
  if (alarms) found.alarms = *alarms;
  if (!quality.empty()) found.quality = quality;
  return found;
}

}  // namespace

const StepDescription& Plant::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.plant";
    made.bmc = {{BmcAbility::coolant, true, "to read supply temperature, air, reservoirs and filters"}};
    made.summary =
        "A CDU's coolant is warmer than the dew point of the air and good, its reservoir full enough, its "
        "filters "
        "clean, and it has no alarm";
    made.measurements = {
        {"coolant.dew_point_margin", "K", ComponentKind::whole_dut, true, "coolant.condensation",
         "raise the CDU's set point or dry the hall: what condenses on hoses and cold plates is water in the "
         "rack",
         "coldest supply to the rack, less the dew point of the air"},
        {"coolant.reservoir_level", "%", ComponentKind::whole_dut, true, "coolant.reservoir_low",
         "fill it with the coolant that is in it, and find out where the rest went",
         "lowest level of its reservoirs"},
        {"coolant.filter_pressure", "kPa", ComponentKind::whole_dut, true, "coolant.filter_clogged",
         "clean or change the filter, and find out what is in it", "highest drop over one of its filters"},
        {"coolant.quality", "", ComponentKind::whole_dut, true, "coolant.quality",
         "have the coolant analysed, and filtered or changed: what grows or settles in it blocks cold plates",
         "what it says of the coolant in its loops"},
        {"coolant.alarms", "1", ComponentKind::whole_dut, true, "coolant.unit_alarm",
         "read the alarm at the unit itself, and clear its cause", "alarms that the unit itself has"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Plant::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                      const Dut& dut) const {
  // Which of these a unit tells is not in the rack file: each that it tells is judged. Only by what it is
  // read decides that it counts its alarms, and has no reservoir.
  const bool cooltera = dut.bmc && bmc_protocol_of(dut.bmc->url) == BmcProtocol::cooltera;
  if (measurement.name == "coolant.filter_pressure" || measurement.name == "coolant.quality") return {};
  if (measurement.name == (cooltera ? "coolant.reservoir_level" : "coolant.alarms")) return {};
  return Step::parts(measurement, with, dut);
}

namespace {

struct PlantReading {
  const char* name;
  const Value& value;
  const std::string &why, &from;
  bool only_if_told;
};

}  // namespace

awaitable<Status> Plant::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::vector<CoolingUnitReading>> units = co_await (*bmc)->cooling_units(context.ctx());
  if (!units) co_return units.error();
  const Result<std::vector<CoolantReading>> readings = co_await (*bmc)->coolant(context.ctx());
  if (!readings) co_return readings.error();
  const PlantFindings found = findings_from(context.dut(), *units, *readings);
  const bool cooltera = context.dut().bmc && bmc_protocol_of(context.dut().bmc->url) == BmcProtocol::cooltera;
  const std::string uncounted = "the unit does not tell how many alarms it has";
  const std::string nothing;
  const std::vector<PlantReading> all{
      {"coolant.dew_point_margin", found.margin, found.margin_why, found.margin_from, false},
      {"coolant.reservoir_level", found.reservoir, found.reservoir_why, found.uri, cooltera},
      {"coolant.filter_pressure", found.filter, nothing, found.uri, true},
      {"coolant.quality", found.quality, nothing, found.uri, true},
      {"coolant.alarms", found.alarms, uncounted, found.uri, !cooltera}};
  for (const PlantReading& one : all) {
    if (one.only_if_told && std::holds_alternative<std::monostate>(one.value)) continue;
    Reading reading(one.name, "", one.value, cooling_source(context.dut(), one.from));
    reading.reason = one.why;
    const Result<Outcome> judged = co_await context.record(std::move(reading));
    if (!judged) co_return judged.error();
  }
  co_return success();
}

}  // namespace kiln::cooling
