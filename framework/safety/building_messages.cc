#include "safety/building_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <cmath>
#include <utility>

#include "model/enum_words.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

namespace json = boost::json;
using Kind = BuildingPointKind;

constexpr std::array<EnumWord<Kind>, 14> kPointTypes{
    {{Kind::rack_leak, "RackLeakDetect"},
     {Kind::rack_leak_sensor_fault, "RackLeakSensorFault"},
     {Kind::equipment_leak, "LeakDetect"},
     {Kind::liquid_isolation, "RackLiquidIsolationStatus"},
     {Kind::electrical_isolation, "RackElectricalIsolationStatus"},
     {Kind::liquid_request, "RackLiquidIsolationRequest"},
     {Kind::electrical_request, "RackElectricalIsolationRequest"},
     {Kind::tray_leak, "RackLeakDetectTray"},
     {Kind::bms_heartbeat, "HeartbeatTimestampBms"},
     {Kind::integration_heartbeat, "HeartbeatTimestampIntegration"},
     {Kind::rack_flow, "RackLiquidFlow"},
     {Kind::rack_supply_temperature, "RackLiquidSupplyTemperature"},
     {Kind::rack_return_temperature, "RackLiquidReturnTemperature"},
     {Kind::rack_valve_position, "RackControlValvePosition"}}};

// Metadata without a version is of the first edition, which has no such field.
constexpr std::array<std::string_view, 3> kKnownVersions{"1.0.0", "v1", "2024_10_18"};

// The numbers are fixed (0 and 1, descriptions of the *PointFields schemas), the texts are the site's. Those
// that are known must not say the opposite of their number.
constexpr std::array<std::string_view, 8> kClearWords{"noleak", "nofault", "notisolated", "dry",
                                                      "normal", "ok",      "clear",       "norequest"};
constexpr std::array<std::string_view, 6> kTrippedWords{"leak", "fault", "isolated",
                                                        "wet",  "alarm", "leaking"};

constexpr double kExact = 9007199254740992.0;  // 2^53: beyond it a double skips whole numbers

Error no_message(const std::string& what) { return {"building.garbage", what, "", Blame::peer}; }
Error unknown_metadata(const std::string& what) {
  return {"building.metadata", what, "ask the site which catalogue its BMS speaks", Blame::peer};
}

std::string shown_json(const json::value& value) {
  std::string text = tidy_text(json::serialize(value));
  return text.size() > 60 ? text.substr(0, 60) + "…" : text;
}

std::optional<std::int64_t> whole_number(const json::value& value) {
  if (value.is_int64()) return value.as_int64();
  if (!value.is_double()) return std::nullopt;
  const double number = value.as_double();
  if (!(std::abs(number) < kExact) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::string plain_word(const std::string& text) {
  std::string word;
  for (const char c : text) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0)
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return word;
}

template <std::size_t N>
bool among(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Takes fields out of metadata; the first that is of another type is remembered.
class PointFields {
 public:
  explicit PointFields(const json::object& object) : object_(object) {}
  /// Empty when absent or null.
  std::string text(std::string_view key) {
    const json::value* const found = there(key);
    if (found == nullptr) return {};
    if (!found->is_string()) return wrong(key, *found);
    return std::string(found->as_string());
  }
  /// A list of texts; a single text is a list of one.
  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> all;
    const json::value* const found = there(key);
    if (found == nullptr) return all;
    if (found->is_string()) {
      all.emplace_back(found->as_string());
    } else if (found->is_array()) {
      for (const json::value& entry : found->as_array()) {
        if (!entry.is_string()) wrong(key, entry);
        if (entry.is_string()) all.emplace_back(entry.as_string());
      }
    } else {
      wrong(key, *found);
    }
    return all;
  }
  std::map<std::int64_t, std::string> states() {
    std::map<std::int64_t, std::string> all;
    const json::value* const found = there("stateText");
    if (found == nullptr) return all;
    if (!found->is_array()) wrong("stateText", *found);
    if (!found->is_array()) return all;
    for (const json::value& entry : found->as_array()) {
      const json::object* const state = entry.if_object();
      const json::value* const value = state == nullptr ? nullptr : state->if_contains("value");
      const json::value* const text = state == nullptr ? nullptr : state->if_contains("text");
      const std::optional<std::int64_t> number = value == nullptr ? std::nullopt : whole_number(*value);
      if (!number || text == nullptr || !text->is_string() || all.count(*number) > 0) {
        wrong("stateText", entry);
        continue;
      }
      all.emplace(*number, text->as_string());
    }
    return all;
  }
  [[nodiscard]] const json::value* there(std::string_view key) const {
    const json::value* const found = object_.if_contains(key);
    return found == nullptr || found->is_null() ? nullptr : found;
  }
  std::string wrong(std::string_view key, const json::value& value) {
    if (wrong_.empty()) wrong_ = fmt::format("{} is {}", key, shown_json(value));
    return {};
  }
  [[nodiscard]] const std::string& first_wrong() const { return wrong_; }

 private:
  const json::object& object_;
  std::string wrong_;
};

bool is_state(Kind kind) {
  return kind == Kind::rack_leak || kind == Kind::rack_leak_sensor_fault || kind == Kind::equipment_leak ||
         kind == Kind::liquid_isolation || kind == Kind::electrical_isolation;
}
Status check_version(const PointFields& fields) {
  const json::value* const version = fields.there("version");
  if (version == nullptr) return success();
  if (version->is_string() && among(kKnownVersions, version->as_string())) return success();
  return unknown_metadata("metadata of the unknown version " + shown_json(*version));
}

Status check_states(const BuildingPoint& point) {
  if (point.states.count(0) == 0 || point.states.count(1) == 0)
    return unknown_metadata(point.point_type + ": stateText does not say what 0 and 1 are");
  if (among(kTrippedWords, plain_word(point.states.at(0))) ||
      among(kClearWords, plain_word(point.states.at(1)))) {
    return unknown_metadata(fmt::format("{}: stateText says {} of 0 and {} of 1, the contract the opposite",
                                        point.point_type, tidy_text(point.states.at(0)),
                                        tidy_text(point.states.at(1))));
  }
  return success();
}

Result<BuildingMessage> decode_metadata(const json::object& object) {
  PointFields fields(object);
  const Status known = check_version(fields);
  if (!known) return known.error();
  BuildingPoint point;
  point.object_type = fields.text("objectType");
  point.point_type = fields.text("pointType");
  point.rack_location_id = fields.text("rackLocationId");
  point.object_id = fields.text("objectId");
  point.serves = fields.texts("servesId");
  point.associates = fields.texts("associateId");
  point.process_area = fields.texts("processArea");
  point.integration = fields.text("integration");
  point.scope = fields.text("scope");
  point.states = fields.states();
  point.unit = fields.text("engUnit");
  if (!fields.first_wrong().empty())
    return unknown_metadata("metadata of an unknown shape: " + fields.first_wrong());
  if (point.object_type.empty() || point.point_type.empty())
    return unknown_metadata("metadata of an unknown shape: objectType or pointType is missing");
  if (fields.there("engUnit") != nullptr && fields.there("stateText") != nullptr)
    return unknown_metadata(point.point_type + ": both engUnit and stateText");
  point.kind = value_of(kPointTypes, point.point_type).value_or(Kind::other);
  if (is_of_a_rack(point.kind) && point.rack_location_id.empty())
    return unknown_metadata(point.point_type + ": no rackLocationId");
  if (is_written_by_an_integration(point.kind) && point.integration.empty())
    return unknown_metadata(point.point_type + ": no integration is named to write it");
  if (is_state(point.kind)) {
    const Status states = check_states(point);
    if (!states) return states.error();
  }
  return BuildingMessage(std::move(point));
}

Result<BuildingMessage> decode_value(const json::object& object) {
  BuildingValue read;
  const json::value& value = object.at("value");
  if (value.is_double()) read.value = value.as_double();
  if (value.is_int64()) read.value = static_cast<double>(value.as_int64());
  if (value.is_uint64()) read.value = static_cast<double>(value.as_uint64());
  if (!read.value && !value.is_null()) return no_message("a value that is " + shown_json(value));
  if (read.value && !std::isfinite(*read.value)) return no_message("a value that is no number");
  const json::value* const quality = object.if_contains("quality");
  const std::optional<std::int64_t> good = quality == nullptr ? std::nullopt : whole_number(*quality);
  if (!good) return no_message("a value without a whole quality");
  const json::value* const timestamp = object.if_contains("timestamp");
  const std::optional<std::int64_t> when = timestamp == nullptr ? std::nullopt : whole_number(*timestamp);
  if (!when) return no_message("a value without a whole timestamp");
  read.quality = *good;
  read.timestamp_ms = *when;
  return BuildingMessage(read);
}

}  // namespace

bool is_written_by_an_integration(BuildingPointKind kind) {
  return kind == Kind::liquid_request || kind == Kind::electrical_request || kind == Kind::tray_leak ||
         kind == Kind::integration_heartbeat;
}

bool is_figure(BuildingPointKind kind) {
  return kind == Kind::rack_flow || kind == Kind::rack_supply_temperature ||
         kind == Kind::rack_return_temperature || kind == Kind::rack_valve_position;
}

bool is_of_a_rack(BuildingPointKind kind) {
  return kind != Kind::other && kind != Kind::equipment_leak && kind != Kind::bms_heartbeat &&
         kind != Kind::integration_heartbeat;
}

Result<BuildingMessage> decode_building_message(const std::string& payload) {
  boost::system::error_code failed;
  const json::value document = json::parse(payload, failed);
  if (failed) return no_message(payload.empty() ? "an empty message" : "no JSON: " + failed.message());
  const json::object* const object = document.if_object();
  if (object == nullptr) return no_message("no JSON object: " + shown_json(document));
  if (object->contains("objectType") || object->contains("pointType")) return decode_metadata(*object);
  if (object->contains("value")) return decode_value(*object);
  return no_message("neither metadata nor a value: " + shown_json(document));
}

std::string encode_building_value(std::int64_t value, std::int64_t utc_ns) {
  return fmt::format(R"({{"value":{},"timestamp":{},"quality":1}})", value, utc_ns / 1'000'000);
}

}  // namespace kiln
