#pragma once
// The course of a soak as measurements: steady state, power over its whole time, spread within the tray,
// PCIe.

#include <map>
#include <string>
#include <vector>

#include "soak_record.h"
#include "steady.h"

namespace kiln::gpu_stress {

/// When each GPU's temperature stood still, and what that makes of the means of all.
class SoakCourse {
 public:
  SoakCourse(const StepContext& context, const Telemetry& telemetry);

  /// First moment of a GPU's steady part; where it never came, that of `settle`.
  [[nodiscard]] std::int64_t steady_from(const std::string& part) const;
  /// `settle` after the start: what is judged over the whole load counts from here.
  [[nodiscard]] std::int64_t settled_ns() const { return settled_; }
  [[nodiscard]] std::int64_t to_ns() const { return to_; }
  [[nodiscard]] std::size_t needed() const { return needed_; }

  /// gpu.steady, gpu.steady.after, gpu.power.share, gpu.power.dip and the spreads of one GPU.
  [[nodiscard]] std::vector<Reading> readings(const std::string& part) const;

 private:
  void find_spreads();
  [[nodiscard]] Reading steady(const std::string& part, const SteadyState& state) const;
  void add_power(const std::string& part, std::vector<Reading>& readings) const;

  const Telemetry& telemetry_;
  std::size_t needed_;
  std::int64_t settled_, to_;
  SteadyRule rule_;
  std::int64_t max_gap_;
  double floor_percent_;
  std::map<std::string, SteadyState> states_;
  std::map<std::string, double> power_spread_, temperature_spread_, clock_spread_;
};

/// Of the parameter slope_window, or settle where that is 0s.
Nanoseconds slope_window(const Parameters& with);

/// gpu.pcie.generation under load and gpu.pcie.replays over it.
std::vector<Reading> pcie_readings(const std::string& part, const GpuTelemetry& gpu,
                                   const tool_output::GpuQuery* before, const tool_output::GpuQuery* after,
                                   const Telemetry& telemetry);

}  // namespace kiln::gpu_stress
