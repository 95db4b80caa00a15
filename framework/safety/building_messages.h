#pragma once
// The messages of the building management system (BMS), read and written: metadata says what a point is, a
// value what it reads. The contract is NVIDIA's AsyncAPI "BMS Event Bus" 1.0.0 (repository
// NVIDIA/dsx-exchange, at c24771c) and the catalogue 2024_10_18 before it. Which of the two a message is, and
// what it is about, is read from its fields; topics are opaque but for one level (building.h). Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace kiln {

/// Values come on change and again after so long (AsyncAPI, "How to use this spec").
inline constexpr Nanoseconds kBuildingRepublish = std::chrono::seconds(100);
/// HeartbeatTimestampBms, and ours (AsyncAPI, objectType System).
inline constexpr Nanoseconds kBuildingHeartbeat = std::chrono::seconds(10);

/// What we ask of the building; `other` is everything else.
enum class BuildingPointKind {
  other,
  rack_leak,                ///< RackLeakDetect
  rack_leak_sensor_fault,   ///< RackLeakSensorFault
  equipment_leak,           ///< LeakDetect of a CDU, a rope, a drip pan, …
  liquid_isolation,         ///< RackLiquidIsolationStatus
  electrical_isolation,     ///< RackElectricalIsolationStatus
  liquid_request,           ///< RackLiquidIsolationRequest, written by an integration
  electrical_request,       ///< RackElectricalIsolationRequest, likewise
  tray_leak,                ///< RackLeakDetectTray, likewise
  bms_heartbeat,            ///< HeartbeatTimestampBms
  integration_heartbeat,    ///< HeartbeatTimestampIntegration, written by an integration
  rack_flow,                ///< RackLiquidFlow
  rack_supply_temperature,  ///< RackLiquidSupplyTemperature
  rack_return_temperature,  ///< RackLiquidReturnTemperature
  rack_valve_position,      ///< RackControlValvePosition
};

/// Written by the integration that its metadata names, never by the BMS.
bool is_written_by_an_integration(BuildingPointKind kind);
/// A number with a unit; everything else that is asked about is a state or a sign of life.
bool is_figure(BuildingPointKind kind);
/// Carries a rackLocationId.
bool is_of_a_rack(BuildingPointKind kind);

/// The metadata of one point, as far as it concerns us.
struct BuildingPoint {
  BuildingPointKind kind = BuildingPointKind::other;
  std::string object_type, point_type;         ///< "CDU", "LeakDetect"
  std::string rack_location_id;                ///< of Rack points
  std::string object_id;                       ///< of equipment and heartbeats
  std::vector<std::string> serves;             ///< objectIds, or a rackLocationId, that the equipment feeds
  std::vector<std::string> associates;         ///< what the point is a part of
  std::vector<std::string> process_area;       ///< "Secondary", "Supply"
  std::string integration;                     ///< who writes its value; empty: the BMS
  std::string scope;                           ///< of a heartbeat: the topics it speaks for; empty: all
  std::map<std::int64_t, std::string> states;  ///< stateText
  std::string unit;                            ///< engUnit, as printed
  bool operator==(const BuildingPoint&) const = default;
};

struct BuildingValue {
  std::optional<double> value;    ///< nullopt: null, the BMS has no reading
  std::int64_t quality = 0;       ///< 1: good; anything else: not to be trusted
  std::int64_t timestamp_ms = 0;  ///< since 1970 by the clock of the source, which is nobody's business here
};

using BuildingMessage = std::variant<BuildingPoint, BuildingValue>;

/// Error codes: building.garbage (no JSON object, or neither metadata nor a value as it must be),
/// building.metadata (metadata of a version or shape that we do not know).
Result<BuildingMessage> decode_building_message(const std::string& payload);

/// A value of ours, of good quality.
std::string encode_building_value(std::int64_t value, std::int64_t utc_ns);

}  // namespace kiln
