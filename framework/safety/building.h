#pragma once
// What the building knows about one rack, as its management system (BMS) tells it over MQTT: leaks,
// isolation, and where we may ask for isolation. No clock and no I/O of its own: messages are put in with the
// moment they came, answers are asked for a moment. Owned by BuildingLine; loop thread only.
//
// What is not known well is unknown, never clear: no value yet, null, bad quality, older than two republish
// periods, not a whole number, a BMS whose heartbeat is gone, a broker that was lost. A point exists when its
// metadata has come; a value before that is held. The level `Metadata` of a metadata topic replaced by
// `Value` gives the value's topic; nothing else is read from a topic.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/building_report.h"
#include "safety/building_messages.h"

namespace kiln {

enum class BuildingState { unknown, clear, tripped };
std::string_view to_string(BuildingState state);

struct BuildingAnswer {
  BuildingState state = BuildingState::unknown;
  std::string why;    ///< one sentence that names the point
  std::string point;  ///< what it is about: "RackLeakDetect at BMS/v1/PUB/Value/Rack/RackLeakDetect/7"
};

/// Topics on which the BMS's metadata names us as the writer; all empty until it does.
struct BuildingTopics {
  std::vector<std::string> liquid_isolation;      ///< RackLiquidIsolationRequest of our rack
  std::vector<std::string> electrical_isolation;  ///< RackElectricalIsolationRequest of our rack
  std::vector<std::string> tray_leak;             ///< RackLeakDetectTray of our rack
  std::vector<std::string> heartbeat;             ///< HeartbeatTimestampIntegration
};

/// Messages so far, but for what is there now: points and held.
struct BuildingCounts {
  std::size_t metadata = 0;         ///< understood
  std::size_t values = 0;           ///< of points that we ask about, or held
  std::size_t ignored = 0;          ///< values of other points, or on topics of no point
  std::size_t refused = 0;          ///< metadata of an unknown version or shape
  std::size_t garbage = 0;          ///< neither
  std::size_t retained_values = 0;  ///< kept by the broker: of unknown age, not taken
  std::size_t overflow = 0;         ///< points or values beyond what is kept
  std::size_t points = 0;
  std::size_t held = 0;  ///< values that wait for their metadata
};

class Building {
 public:
  /// Three heartbeats; one may be late and one lost (QoS 0).
  static constexpr Nanoseconds kHeartbeatGrace = 3 * kBuildingHeartbeat;
  static constexpr Nanoseconds kStale = 2 * kBuildingRepublish;

  /// `integration`: the name by which the BMS's metadata knows us; empty: we may write nothing.
  Building(std::string rack_location_id, std::string integration);

  /// One message as it came; `now_ns` is monotonic. Returns whether an answer may have changed by it.
  bool take(const std::string& topic, const std::string& payload, bool retained, std::int64_t now_ns);
  /// The broker is gone: what was missed meanwhile cannot be known, so values are unknown until they come
  /// again (at most kBuildingRepublish). Points and topics stay.
  void lose(std::string why);

  /// RackLeakDetect. A sensor with a fault is not clear.
  [[nodiscard]] BuildingAnswer rack_leak(std::int64_t now_ns) const;
  [[nodiscard]] BuildingAnswer rack_leak_sensor_fault(std::int64_t now_ns) const;
  /// LeakDetect of what serves our rack: equipment whose servesId names it, and what is a part of it or of
  /// the rack (associateId). One step of serving only: a chiller on the roof that serves the CDU is not
  /// meant.
  [[nodiscard]] BuildingAnswer equipment_leak(std::int64_t now_ns) const;
  /// Every leak point by itself, those of a sensor's own fault too, and every figure of the rack's coolant.
  [[nodiscard]] std::vector<BuildingLeakPoint> leak_points(std::int64_t now_ns) const;
  [[nodiscard]] std::vector<BuildingFigure> figures(std::int64_t now_ns) const;
  /// tripped: every status point of the rack reads Isolated. clear: one reads NotIsolated.
  [[nodiscard]] BuildingAnswer liquid_isolation(std::int64_t now_ns) const;
  [[nodiscard]] BuildingAnswer electrical_isolation(std::int64_t now_ns) const;
  /// Since the BMS's heartbeat last moved, the oldest of several; nullopt: none was heard.
  [[nodiscard]] std::optional<Nanoseconds> heartbeat_age(std::int64_t now_ns) const;

  [[nodiscard]] BuildingTopics topics() const;
  [[nodiscard]] BuildingCounts counts() const;
  /// Topic → why its message was refused or garbage; the first 100.
  [[nodiscard]] const std::map<std::string, std::string>& refused() const { return refused_; }

 private:
  struct Heard {
    BuildingValue value;
    std::int64_t came_ns = 0;
    std::string broken;  ///< why it cannot be read; empty: it can
  };
  struct Known {
    BuildingPoint point;
    std::string value_topic;  ///< the newest; for people
    std::optional<Heard> heard;
    std::optional<std::int64_t> beat_ns;  ///< of a heartbeat: when it last moved
    std::optional<double> beat;           ///< its value then
  };
  using Points = std::map<std::string, Known>;  ///< by metadata topic

  bool take_metadata(const std::string& topic, BuildingPoint point);
  bool take_value(const std::string& topic, Heard heard, bool retained);
  bool hear(Known& known, const std::string& topic, const Heard& heard);
  void note(const std::string& topic, const std::string& why);
  Known* point_of(const std::string& metadata_topic);
  Known* point_of_value(const std::string& topic);
  [[nodiscard]] bool concerns_us(const BuildingPoint& point) const;
  /// The rack, what serves it, and their parts.
  [[nodiscard]] const std::set<std::string>& ours() const;
  [[nodiscard]] std::string heartbeat_trouble(const std::string& metadata_topic, std::int64_t now_ns) const;
  [[nodiscard]] std::string why_unknown(const Points::value_type& entry, std::int64_t now_ns) const;
  [[nodiscard]] BuildingAnswer read(const Points::value_type& entry, std::int64_t now_ns) const;
  [[nodiscard]] std::vector<BuildingAnswer> read_all(BuildingPointKind kind, std::int64_t now_ns) const;
  [[nodiscard]] BuildingAnswer named_nowhere(const std::string& what) const;
  [[nodiscard]] BuildingAnswer worst(BuildingPointKind kind, std::int64_t now_ns) const;
  [[nodiscard]] BuildingAnswer isolated(BuildingPointKind kind, std::int64_t now_ns) const;

  std::string rack_;
  std::string integration_;
  Points points_;                      ///< that an answer may be about
  Points others_;                      ///< the rest of the hall, for what serves what
  std::map<std::string, Heard> held_;  ///< by value topic
  mutable std::set<std::string> ours_;
  mutable bool ours_known_ = false;  ///< false: metadata has come since
  std::map<std::string, std::string> refused_;
  std::string lost_;  ///< why the broker was lost; empty: it was not
  BuildingCounts counts_;
};

}  // namespace kiln
