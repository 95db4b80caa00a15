#include "bmc/sensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <map>
#include <utility>

#include "bmc/redfish_error.h"
#include "bmc/understanding.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr std::array kOlderResources{"Thermal", "Power"};

/// One kind of entry in the older Thermal and Power resources: where its reading stands, and its unit.
struct OlderReading {
  std::string_view list, value, unit, type;
};
constexpr std::array<OlderReading, 6> kOlderReadings{
    {{"Temperatures", "ReadingCelsius", "Cel", "Temperature"},
     {"Fans", "Reading", "", "Rotational"},
     {"Fans", "ReadingRPM", "RPM", "Rotational"},
     {"Voltages", "ReadingVolts", "V", "Voltage"},
     {"PowerControl", "PowerConsumedWatts", "W", "Power"},
     {"PowerSupplies", "PowerInputWatts", "W", "Power"}}};

/// Sensor v1.11.0, ReadingType. The first of a unit is the type that the unit alone stands for.
constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kUnitsOfTypes{
    {{"Temperature", "Cel"},
     {"Power", "W"},
     {"Voltage", "V"},
     {"Current", "A"},
     {"Rotational", "{rev}/min"},
     {"Percent", "%"},
     {"Humidity", "%"},
     {"ValvePosition", "%"},
     {"Valve", "%"},
     {"EnergyJoules", "J"},
     {"EnergykWh", "kW.h"},
     {"EnergyWh", "W.h"},
     {"Frequency", "Hz"},
     {"PressurekPa", "kPa"},
     {"PressurePa", "Pa"},
     {"PressureGaugekPa", "kPa"},
     {"LiquidFlowLPM", "L/min"},
     {"LiquidFlow", "L/s"},
     {"Heat", "kW"},
     {"Altitude", "m"},
     {"LiquidLevel", "cm"},
     {"AirFlowCMM", "m3/min"}}};

bool same_quantity(std::string_view one, std::string_view other) {
  return one == other || convert_unit(1, one, other).has_value();
}

std::string_view type_of_unit(std::string_view unit) {
  for (const auto& [type, of_type] : kUnitsOfTypes) {
    if (of_type == unit) return type;
  }
  for (const auto& [type, of_type] : kUnitsOfTypes) {
    if (same_quantity(of_type, unit)) return type;
  }
  return {};
}

/// Gives a unit its type where the two disagree or there is none.
void settle_type(SensorReading& reading) {
  if (reading.unit.empty()) return;
  const std::string_view usual = unit_of_reading_type(reading.reading_type);
  const bool of_no_known_unit = usual.empty() && !reading.reading_type.empty();
  if (of_no_known_unit || (!usual.empty() && same_quantity(usual, reading.unit))) return;
  const std::string_view type = type_of_unit(reading.unit);
  if (!type.empty()) reading.reading_type = std::string(type);
}

/// What is not there or switched off measures nothing: the 0 that some firmware prints would be within every
/// limit.
void drop_value_of_absent(SensorReading& reading) {
  for (const char* state : {"Absent", "Disabled", "UnavailableOffline"}) {
    if (boost::algorithm::iequals(reading.state, state)) reading.value.reset();
  }
}

/// Letters and digits only, small.
std::string letters_of(const std::string& name) {
  std::string letters;
  for (const char c : name) {
    const bool big = c >= 'A' && c <= 'Z';
    if (big || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      letters += big ? static_cast<char>(c + 32) : c;
  }
  return letters;
}

}  // namespace

std::string_view unit_of_reading_type(std::string_view reading_type) {
  for (const auto& [type, unit] : kUnitsOfTypes) {
    if (type == reading_type) return unit;
  }
  return {};
}

SensorReading sensor_from(const RedfishResource& sensor) {
  const JsonView body = sensor.body;
  SensorReading reading;
  reading.name = sensor.id();
  reading.value = body["Reading"].number();
  reading.reading_type = body["ReadingType"].text_or_empty();
  reading.unit = canonical_unit(body["ReadingUnits"].text_or_empty());
  if (!body["ReadingUnits"].is_string())
    reading.unit = std::string(unit_of_reading_type(reading.reading_type));
  settle_type(reading);
  reading.context = body["PhysicalContext"].text_or_empty();
  reading.state = state_of(body);
  reading.health = health_of(body);
  reading.uri = sensor.uri;
  drop_value_of_absent(reading);
  return reading;
}

/// A reading with what people call it.
struct SensorReader::Titled {
  SensorReading reading;
  std::string title;        ///< Name
  std::string aspect;       ///< PhysicalSubContext: "Input"
  bool unit_given = false;  ///< as a text, be it an empty one

  [[nodiscard]] bool is(const Titled& older) const {
    const bool alike = reading.unit.empty() ? !unit_given : same_quantity(reading.unit, older.reading.unit);
    if (!alike) return false;
    if (older.title.empty()) return false;
    if (older.title == title || letters_of(older.title) == letters_of(reading.name)) return true;
    // Cray: "CPU0 VCORE Voltage Output" is the output voltage of "CPU0 VCORE".
    const std::string typed = fmt::format("{} {}", title, older.reading.reading_type);
    return older.title == typed || older.title == fmt::format("{} {}", typed, aspect);
  }
};

boost::asio::awaitable<Result<std::vector<SensorReader::Titled>>> SensorReader::sensors_of(
    const Ctx& ctx, const RedfishResource& chassis) {
  std::vector<Titled> found;
  JsonView link = chassis.body["Sensors"];
  if (!link.exists() && !none_behind_.contains(chassis.uri)) {
    // DMTF's own power shelf has the collection under the name of its neighbour.
    const JsonView other = chassis.body["PowerSubsystem"];
    Result<std::optional<RedfishResource>> behind = co_await tree_.resource(ctx, chassis, other);
    if (!behind) co_return behind.error();
    if (*behind && view_of((*behind)->body, "") == "SensorCollection") {
      link = other;
      tree_.client().note_oddity(chassis.uri, "PowerSubsystem", "leads to a collection of sensors");
    } else if (*behind || !other.exists()) {
      none_behind_.insert(chassis.uri);
    }
  }
  Result<MemberList> sensors = co_await tree_.follow(ctx, chassis, link);
  if (!sensors) co_return sensors.error();
  for (const RedfishResource& sensor : sensors->members) {
    Titled one;
    one.reading = sensor_from(sensor);
    one.title = sensor.body["Name"].text_or_empty();
    one.aspect = sensor.body["PhysicalSubContext"].text_or_empty();
    one.unit_given = sensor.body["ReadingUnits"].is_string();
    const std::string printed = sensor.body["ReadingType"].text_or_empty();
    if (!printed.empty() && printed != one.reading.reading_type) {
      tree_.client().note_oddity(sensor.uri, "ReadingType",
                                 fmt::format("is {}, but the unit is {}: read as {}", printed,
                                             one.reading.unit, one.reading.reading_type));
    }
    found.push_back(std::move(one));
  }
  for (const MemberList::Unread& unread : sensors->unread) {
    if (unread.error.code == "bmc.not_found") continue;
    Titled one;
    one.reading.name = last_segment(unread.uri);
    one.reading.uri = unread.uri;
    one.unit_given = true;  // nothing is known of it: nothing is put into its place
    found.push_back(std::move(one));
  }
  co_return found;
}

boost::asio::awaitable<Result<bool>> SensorReader::older_of(const Ctx& ctx, const RedfishResource& chassis,
                                                            JsonView link, std::vector<Titled>& into) {
  const bool linked = link.exists();
  Result<std::optional<RedfishResource>> read = co_await tree_.resource(ctx, chassis, std::move(link));
  if (!read) co_return read.error();
  if (!*read) co_return !linked;
  for (const OlderReading& kind : kOlderReadings) {
    const std::vector<JsonView> entries = (*read)->body[kind.list].elements();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const JsonView entry = entries[i];
      if (!entry[kind.value].exists()) continue;
      Titled one;
      SensorReading& reading = one.reading;
      for (const char* name : {"Name", "FanName", "MemberId"}) {
        if (one.title.empty()) one.title = entry[name].text_or_empty();
      }
      reading.value = entry[kind.value].number();
      const std::string printed = entry["ReadingUnits"].text().value_or(std::string(kind.unit));
      reading.unit = canonical_unit(kind.list == "Fans" ? printed : std::string(kind.unit));
      reading.reading_type = std::string(kind.type);
      settle_type(reading);
      reading.context = entry["PhysicalContext"].text_or_empty();
      reading.state = state_of(entry);
      reading.health = health_of(entry);
      reading.uri = fmt::format("{}#/{}/{}", (*read)->uri, kind.list, i);
      reading.name = one.title.empty() ? fmt::format("{}_{}", kind.list, i) : one.title;
      drop_value_of_absent(reading);
      into.push_back(std::move(one));
    }
  }
  co_return true;
}

/// Adds what is not there yet, and unit and type where a sensor has neither; false: the older ones were no
/// use.
bool SensorReader::merge(std::vector<Titled>& sensors, std::vector<Titled> older) {
  bool used = false;
  const std::size_t own = sensors.size();
  for (Titled& one : older) {
    const auto end = sensors.begin() + static_cast<std::ptrdiff_t>(own);
    const auto same =
        std::find_if(sensors.begin(), end, [&one](const Titled& sensor) { return sensor.is(one); });
    if (same == end) {
      sensors.push_back(std::move(one));
      used = true;
    } else if (same->reading.unit.empty()) {
      same->reading.unit = one.reading.unit;
      same->reading.reading_type = one.reading.reading_type;
      used = true;
    }
  }
  return used;
}

boost::asio::awaitable<Result<std::vector<SensorReading>>> SensorReader::read(const Ctx& ctx) {
  Result<MemberList> all = co_await tree_.top(ctx, "Chassis");
  if (!all) co_return std::move(all.error()).while_doing("reading sensors");
  std::vector<std::pair<std::string, SensorReading>> found;
  for (const RedfishResource& chassis : all->members) {
    Result<std::vector<Titled>> sensors = co_await sensors_of(ctx, chassis);
    if (!sensors) co_return std::move(sensors.error()).while_doing("reading sensors");
    if (!older_adds_nothing_.contains(chassis.uri)) {
      std::vector<Titled> older;
      bool all_answered = true;
      for (const char* name : kOlderResources) {
        const JsonView link = chassis.body[name];
        Result<bool> answered = co_await older_of(ctx, chassis, link, older);
        if (!answered) co_return std::move(answered.error()).while_doing("reading sensors");
        all_answered = all_answered && *answered;
      }
      const bool there = !older.empty();
      const bool used = merge(*sensors, std::move(older));
      // One that could not be read now may add something later.
      if (there && !used && all_answered) older_adds_nothing_.insert(chassis.uri);
    }
    for (Titled& one : *sensors) found.emplace_back(chassis.id(), std::move(one.reading));
  }
  std::map<std::string, int> uses;
  for (const auto& [owner, reading] : found) ++uses[reading.name];
  std::map<std::string, int> given;
  std::vector<SensorReading> readings;
  for (auto& [owner, reading] : found) {
    if (uses[reading.name] > 1) reading.name = fmt::format("{}/{}", owner, reading.name);
    const int nth = ++given[reading.name];
    if (nth > 1) reading.name = fmt::format("{}#{}", reading.name, nth);
    readings.push_back(std::move(reading));
  }
  co_return readings;
}

}  // namespace kiln
