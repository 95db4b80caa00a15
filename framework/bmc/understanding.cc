#include "bmc/understanding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <optional>
#include <utility>

#include "bmc/redfish_time.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr std::size_t kMostOfOne = 100;

/// count: a whole number; flag_or_count: NVIDIA writes either for the same counter; words: a list of them, or
/// one; members: of a collection.
enum class Shape { number, count, text, words, flag, flag_or_count, time, unit, detector_state, members };

/// "*" in a path is each element of a list or each member of an object.
struct ViewProperty {
  std::string_view view, path;
  Shape shape;
};

constexpr std::array<std::string_view, 15> kPartViews{"Chassis",
                                                      "ComputerSystem",
                                                      "Processor",
                                                      "Memory",
                                                      "Drive",
                                                      "PowerSupply",
                                                      "Fan",
                                                      "Pump",
                                                      "Switch",
                                                      "NetworkAdapter",
                                                      "CoolantConnector",
                                                      "CoolingUnit",
                                                      "Manager",
                                                      "PowerDistribution",
                                                      "LeakDetector"};

/// Of every part (parts.h).
constexpr std::array<std::string_view, 13> kPartTexts{"SerialNumber",
                                                      "PartNumber",
                                                      "SparePartNumber",
                                                      "Model",
                                                      "Manufacturer",
                                                      "FirmwareVersion",
                                                      "FirmwarePackageVersion",
                                                      "Revision",
                                                      "BiosVersion",
                                                      "DeviceLocator",
                                                      "PowerState",
                                                      "Location/PartLocation/ServiceLabel",
                                                      "PhysicalLocation/PartLocation/ServiceLabel"};

/// Names and types as in Redfish 2025.4, and the older Thermal v1.7.3 and Power v1.7.3.
constexpr ViewProperty kProperties[] = {
    {"ServiceRoot", "RedfishVersion", Shape::text},
    {"ServiceRoot", "Vendor", Shape::text},
    {"ServiceRoot", "Product", Shape::text},
    {"ServiceRoot", "UUID", Shape::text},
    {"Sensor", "Reading", Shape::number},
    {"Sensor", "ReadingUnits", Shape::unit},
    {"Sensor", "ReadingType", Shape::text},
    {"Sensor", "ReadingBasis", Shape::text},
    {"Sensor", "ReadingTime", Shape::time},
    {"Sensor", "PhysicalContext", Shape::text},
    {"Sensor", "Thresholds/*/Reading", Shape::number},
    {"Thermal", "Temperatures/*/ReadingCelsius", Shape::number},
    {"Thermal", "Temperatures/*/Name", Shape::text},
    {"Thermal", "Temperatures/*/Status/State", Shape::text},
    {"Thermal", "Temperatures/*/Status/Health", Shape::text},
    {"Thermal", "Fans/*/Reading", Shape::number},
    {"Thermal", "Fans/*/ReadingRPM", Shape::number},
    {"Thermal", "Fans/*/ReadingUnits", Shape::unit},
    {"Thermal", "Fans/*/Status/State", Shape::text},
    {"Thermal", "Fans/*/Status/Health", Shape::text},
    {"Power", "Voltages/*/ReadingVolts", Shape::number},
    {"Power", "Voltages/*/Status/State", Shape::text},
    {"Power", "Voltages/*/Status/Health", Shape::text},
    {"Power", "PowerControl/*/PowerConsumedWatts", Shape::number},
    {"Power", "PowerSupplies/*/PowerInputWatts", Shape::number},
    {"Power", "PowerSupplies/*/SerialNumber", Shape::text},
    {"Power", "PowerSupplies/*/Status/State", Shape::text},
    {"Power", "PowerSupplies/*/Status/Health", Shape::text},
    {"Processor", "ProcessorType", Shape::text},
    {"ProcessorMetrics", "OperatingSpeedMHz", Shape::number},
    {"ProcessorMetrics", "Oem/Nvidia/ThrottleReasons", Shape::words},
    {"ProcessorMetrics", "CacheMetricsTotal/LifeTime/CorrectableECCErrorCount", Shape::count},
    {"ProcessorMetrics", "CacheMetricsTotal/LifeTime/UncorrectableECCErrorCount", Shape::count},
    {"EnvironmentMetrics", "TemperatureCelsius", Shape::number},
    {"EnvironmentMetrics", "PowerWatts", Shape::number},
    {"EnvironmentMetrics", "PowerLimitWatts/SetPoint", Shape::number},
    {"Memory", "MemoryDeviceType", Shape::text},
    {"Memory", "Oem/Nvidia/RowRemappingFailed", Shape::flag_or_count},
    {"Memory", "Oem/Nvidia/RowRemappingPending", Shape::flag_or_count},
    {"MemoryMetrics", "LifeTime/CorrectableECCErrorCount", Shape::count},
    {"MemoryMetrics", "LifeTime/UncorrectableECCErrorCount", Shape::count},
    {"Port", "PortProtocol", Shape::text},
    {"Port", "LinkState", Shape::text},
    {"Port", "LinkStatus", Shape::text},
    {"Port", "CurrentSpeedGbps", Shape::number},
    {"Port", "MaxSpeedGbps", Shape::number},
    {"Port", "ActiveWidth", Shape::count},
    {"Port", "Oem/Nvidia/RXWidth", Shape::count},
    {"PortMetrics", "RXBytes", Shape::number},
    {"PortMetrics", "TXBytes", Shape::number},
    {"PortMetrics", "Oem/Nvidia/NVLinkErrors/DataCRCCount", Shape::flag_or_count},
    {"PortMetrics", "Oem/Nvidia/NVLinkErrors/FlitCRCCount", Shape::flag_or_count},
    {"PortMetrics", "Oem/Nvidia/NVLinkErrors/ReplayCount", Shape::flag_or_count},
    {"PortMetrics", "Oem/Nvidia/NVLinkErrors/RecoveryCount", Shape::flag_or_count},
    {"PortMetrics", "Oem/Nvidia/NVLinkErrors/RuntimeError", Shape::flag_or_count},
    {"PortMetrics", "Oem/Nvidia/NVLinkErrors/TrainingError", Shape::flag_or_count},
    {"Switch", "SwitchType", Shape::text},
    {"PowerSupply", "PowerCapacityWatts", Shape::number},
    {"PowerSupply", "LineInputStatus", Shape::text},
    {"Fan", "SpeedPercent", Shape::number},
    {"Pump", "PumpSpeedPercent", Shape::number},
    {"LeakDetector", "DetectorState", Shape::detector_state},
    {"CoolantConnector", "FlowLitersPerMinute", Shape::number},
    {"CoolantConnector", "SupplyTemperatureCelsius", Shape::number},
    {"CoolantConnector", "ReturnTemperatureCelsius", Shape::number},
    {"CoolantConnector", "SupplyPressurekPa", Shape::number},
    {"CoolantConnector", "ReturnPressurekPa", Shape::number},
    {"CoolantConnector", "DeltaPressurekPa", Shape::number},
    {"CoolantConnector", "HeatRemovedkW", Shape::number},
    {"SoftwareInventory", "Version", Shape::text},
    {"SoftwareInventory", "Updateable", Shape::flag},
    {"LogEntry", "Created", Shape::time},
    {"LogEntry", "Severity", Shape::text},
    {"LogEntry", "MessageId", Shape::text},
    {"LogEntry", "Message", Shape::text},
    {"Task", "TaskState", Shape::text},
    {"Task", "TaskStatus", Shape::text},
    {"Task", "PercentComplete", Shape::count},
    {"Task", "StartTime", Shape::time},
    {"Task", "EndTime", Shape::time},
    {"Job", "JobState", Shape::text},
    {"Job", "JobStatus", Shape::text},
    {"Job", "PercentComplete", Shape::count},
    {"Manager", "DateTime", Shape::time},
};

/// The member of a collection by the collection's name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kMembersOf{
    {{"Sensors", "Sensor"},
     {"Processors", "Processor"},
     {"Memory", "Memory"},
     {"Ports", "Port"},
     {"Drives", "Drive"},
     {"Fans", "Fan"},
     {"Pumps", "Pump"},
     {"PowerSupplies", "PowerSupply"},
     {"LeakDetectors", "LeakDetector"},
     {"CoolantConnectors", "CoolantConnector"},
     {"PrimaryCoolantConnectors", "CoolantConnector"},
     {"SecondaryCoolantConnectors", "CoolantConnector"},
     {"FirmwareInventory", "SoftwareInventory"},
     {"SoftwareInventory", "SoftwareInventory"},
     {"Entries", "LogEntry"},
     {"Tasks", "Task"},
     {"Jobs", "Job"},
     {"Chassis", "Chassis"},
     {"Systems", "ComputerSystem"},
     {"Managers", "Manager"},
     {"Switches", "Switch"},
     {"CDUs", "CoolingUnit"}}};

constexpr std::array<std::string_view, 5> kDetectorStates{"OK", "Warning", "Critical", "Unavailable",
                                                          "Absent"};  // LeakDetector v1.6.0

bool says_nothing(const JsonView& value) {
  if (!value.exists() || value.is_null()) return true;
  if (value.is_string()) return means_unset(value.verbatim().value_or(std::string{}));
  if (value.is_array()) return value.elements().empty();
  if (value.is_object()) return value.members().empty();
  return false;
}

bool understood_number(const JsonView& value) {
  if (says_nothing(value) || value.is_number()) return true;  // a sentinel is a number that says nothing
  if (value.is_object()) {
    const JsonView reading = value["Reading"];
    return reading.exists() && !reading.is_object() && understood_number(reading);
  }
  if (value.is_array()) {
    const std::vector<JsonView> list = value.elements();
    return list.size() == 1 && !list.front().is_array() && understood_number(list.front());
  }
  return value.number().has_value();
}

bool understood_count(const JsonView& value) {
  return understood_number(value) && (!value.number() || value.integer());
}

bool understood_text(const JsonView& value) {
  if (says_nothing(value)) return true;
  if (value.is_array()) {
    const std::vector<JsonView> list = value.elements();
    return list.size() == 1 && !list.front().is_array() && understood_text(list.front());
  }
  return !value.is_object();
}

bool understood_flag(const JsonView& value) { return says_nothing(value) || value.boolean().has_value(); }

bool understood_time(const JsonView& value) {
  if (says_nothing(value)) return true;
  const std::string printed = value.word().value_or(std::string{});
  return parse_redfish_time(printed).has_value() || printed.starts_with("0000-00-00");
}

bool understood_words(const JsonView& value) {
  const std::vector<JsonView> list = value.elements();
  return says_nothing(value) || value.is_string() ||
         (value.is_array() &&
          std::all_of(list.begin(), list.end(), [](const JsonView& one) { return one.is_string(); }));
}

bool understood_state_word(const JsonView& value) {
  if (says_nothing(value)) return true;
  const std::string word = value.word().value_or(std::string{});
  return std::any_of(kDetectorStates.begin(), kDetectorStates.end(),
                     [&word](std::string_view known) { return boost::algorithm::iequals(known, word); });
}

/// What is wrong with it; nullopt: nothing.
std::optional<std::string> complaint(const JsonView& value, Shape shape) {
  const auto unless = [&value](bool good, std::string_view kind) {
    return good ? std::optional<std::string>() : fmt::format("{} is no {}", value.printed(), kind);
  };
  switch (shape) {
    case Shape::number:
      return unless(understood_number(value), "number");
    case Shape::count:
      return unless(understood_count(value), "whole number");
    case Shape::text:
      return unless(understood_text(value), "text");
    case Shape::words:
      return unless(understood_words(value), "list of words");
    case Shape::flag:
      return unless(understood_flag(value), "yes or no");
    case Shape::flag_or_count:
      return unless(understood_flag(value) || understood_count(value), "count");
    case Shape::time:
      return unless(understood_time(value), "time");
    case Shape::unit:
      return unless(says_nothing(value) || (value.is_string() && is_known_unit(value.text_or_empty())),
                    "unit that is known");
    case Shape::detector_state:
      return unless(understood_state_word(value), "word of DetectorState");
    case Shape::members:
      return unless(says_nothing(value) || value.is_array(), "list");
  }
  return std::nullopt;
}

/// Judges what lies at `path` below `value`, each element of a "*".
void look_at(const JsonView& value, std::string_view path, std::string place, Shape shape,
             std::vector<NotUnderstood>& found) {
  if (found.size() >= kMostOfOne) return;
  if (path.empty()) {
    std::optional<std::string> wrong = complaint(value, shape);
    if (wrong) found.push_back({std::move(place), std::move(*wrong)});
    return;
  }
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view step = path.substr(0, end);
  const std::string_view rest = end == path.size() ? std::string_view() : path.substr(end + 1);
  const auto below = [&place](std::string_view name) {
    return place.empty() ? std::string(name) : fmt::format("{}/{}", place, name);
  };
  if (step != "*") {
    const JsonView member = value[step];
    if (member.exists()) look_at(member, rest, below(step), shape, found);
    return;
  }
  if (value.is_array()) {
    const std::vector<JsonView> elements = value.elements();
    for (std::size_t i = 0; i < elements.size(); ++i)
      look_at(elements[i], rest, below(std::to_string(i)), shape, found);
    return;
  }
  for (const auto& [name, member] : value.members()) look_at(member, rest, below(name), shape, found);
}

}  // namespace

std::string view_of(const JsonView& body, std::string_view uri) {
  std::string type = body["@odata.type"].text_or_empty();
  if (type.starts_with('#')) type.erase(0, 1);
  type = type.substr(0, type.find('.'));
  if (!type.empty()) return type;
  std::string_view path = uri.substr(0, uri.find_first_of("#?"));
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t last = path.rfind('/');
  if (last == std::string_view::npos) return {};
  path = path.substr(0, last);
  const std::string_view owner = path.substr(path.rfind('/') + 1);
  for (const auto& [collection, member] : kMembersOf) {
    if (owner == collection) return std::string(member);
  }
  return {};
}

std::vector<NotUnderstood> not_understood_in(const JsonView& body, std::string_view uri) {
  std::vector<NotUnderstood> found;
  const std::string view = view_of(body, uri);
  if (view.ends_with("Collection")) look_at(body, "Members", {}, Shape::members, found);
  const bool is_part = std::find(kPartViews.begin(), kPartViews.end(), view) != kPartViews.end();
  if (is_part) {
    for (const std::string_view path : kPartTexts) look_at(body, path, {}, Shape::text, found);
  }
  bool has_view = is_part;
  for (const ViewProperty& property : kProperties) {
    if (property.view != view) continue;
    has_view = true;
    look_at(body, property.path, {}, property.shape, found);
  }
  if (has_view) {
    look_at(body, "Status/State", {}, Shape::text, found);
    look_at(body, "Status/Health", {}, Shape::text, found);
  }
  return found;
}

}  // namespace kiln
