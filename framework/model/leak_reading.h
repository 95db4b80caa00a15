#pragma once
// What a leak detector's answer means. One pure function, used by every watcher, so that no two of them can
// disagree. Redfish LeakDetector v1.6.0: DetectorState OK | Warning | Critical | Unavailable | Absent;
// Status.State, Status.Health.

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// Only `dry` is good. `suspect`: Critical together with State Degraded (a sensor fault by NVIDIA firmware,
/// which a leak may cause): treated as a leak when something is energised. `fault`: the detector cannot say.
enum class LeakReading { dry, leak, suspect, fault };
std::string_view to_string(LeakReading reading);

/// The fields as printed; nullopt = missing, null or not text.
struct LeakDetectorAnswer {
  std::optional<std::string> detector_state;
  std::optional<std::string> state;
  std::optional<std::string> health;
};

struct LeakVerdict {
  LeakReading reading = LeakReading::fault;
  std::string reason;  ///< one clause: "DetectorState Critical"
  /// False: the BMC was there, and what it said of the detector could not be used.
  bool told = true;
};

/// dry needs State Enabled and DetectorState OK and Health OK or absent. Unknown words are never dry: an
/// unknown DetectorState of an Enabled detector counts as a leak, anything else as a fault.
LeakVerdict read_leak_detector(const LeakDetectorAnswer& answer);

}  // namespace kiln
