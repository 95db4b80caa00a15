#pragma once
// What is read of the GPUs beside a load, from the BMC and from the driver, and what it says in the end.
// Filled by sampling tasks on the loop thread, read when they have ended.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "in_band.h"

namespace kiln::gpu_stress {

struct Point {
  std::int64_t at_ns = 0;
  double value = 0;
};

/// One quantity of one GPU from one source.
using Trace = std::vector<Point>;

struct GpuTraces {
  Trace temperature, memory_temperature, power, clock;
};

/// Everything about one expected GPU.
struct GpuTelemetry {
  GpuTraces out_of_band, in_band;
  std::set<std::string> slowdowns;  ///< canonical words that take performance away, without sw_power_cap
  bool power_capped = false;
  bool slowdown_source_seen = false;   ///< some source told reasons at all
  bool lost = false;                   ///< the driver lost the GPU under load
  std::optional<int> pcie_generation;  ///< highest under load: links slow down while they idle
  std::optional<double> power_limit;   ///< W, lowest that either source told
};

struct Telemetry {
  std::map<std::string, GpuTelemetry> gpus;  ///< by expected part
  Trace coolant_supply;                      ///< mean of the tray's connections
  std::string coolant_uri;
  std::int64_t begun_ns = 0, ended_ns = 0;  ///< of the load
  int out_of_band_failures = 0, in_band_failures = 0;
  std::string last_failure;
};

/// Samples until `ctx` is stopped. Failed reads are counted, never fatal.
boost::asio::awaitable<void> sample_out_of_band(const Ctx& ctx, StepContext& context, Bmc& bmc,
                                                Telemetry& telemetry, Nanoseconds every);
boost::asio::awaitable<void> sample_in_band(const Ctx& ctx, StepContext& context, Shell& shell,
                                            Telemetry& telemetry, Nanoseconds every);

/// "HWThermalSlowdown" and "hw_thermal_slowdown" → "hw_thermal_slowdown"; empty for what takes nothing away.
std::string canonical_reason(const std::string& word);

/// The values of [from, to] of the source that has at least `needed` there, out of band first.
struct Steady {
  std::vector<double> values;
  std::string source;  ///< "redfish" or "ssh"; empty when neither has enough
  std::size_t most = 0;
};
Steady steady_values(const Trace& out_of_band, const Trace& in_band, std::int64_t from, std::int64_t to,
                     std::size_t needed);
/// Longest time (s) of the load without a temperature from either source.
double longest_gap(const GpuTelemetry& gpu, const Telemetry& telemetry);
/// Mean of (temperature − coolant supply) / power over points that stand together; unset with a reason.
struct ThermalResistance {
  std::optional<double> value;
  std::string why;
};
ThermalResistance thermal_resistance(const GpuTelemetry& gpu, const Telemetry& telemetry, std::int64_t from,
                                     std::int64_t to, std::size_t needed);

}  // namespace kiln::gpu_stress
