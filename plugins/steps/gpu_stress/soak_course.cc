#include "soak_course.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace kiln::gpu_stress {

namespace {

const Source kCourse{"computed", "BMC and nvidia-smi -q -x during the load"};
const Source kLink{"ssh", kQueryCommand};

Reading without(const std::string& measurement, const std::string& part, const Source& source,
                std::string why) {
  Reading reading(measurement, part, std::monostate{}, source);
  reading.reason = std::move(why);
  return reading;
}

/// The source that has more values there: one that fell silent says nothing of the rest of the load.
const Trace* with_more(const Trace& bmc, const Trace& driver, std::int64_t from, std::int64_t to,
                       std::size_t needed) {
  const auto inside = [from, to](const Trace& trace) {
    return static_cast<std::size_t>(std::count_if(trace.begin(), trace.end(), [from, to](const Point& point) {
      return point.at_ns >= from && point.at_ns <= to;
    }));
  };
  const std::size_t of_bmc = inside(bmc), of_driver = inside(driver);
  if (std::max(of_bmc, of_driver) < needed) return nullptr;
  return of_bmc >= of_driver ? &bmc : &driver;
}

/// The longest time of [from, to] without a value, s.
double longest_silence(const Trace& trace, std::int64_t from, std::int64_t to) {
  std::int64_t last = from, longest = 0;
  for (const Point& point : trace) {
    if (point.at_ns < from || point.at_ns > to) continue;
    longest = std::max(longest, point.at_ns - last);
    last = point.at_ns;
  }
  return static_cast<double>(std::max(longest, to - last)) / 1e9;
}

std::optional<double> mean_of(const Trace& bmc, const Trace& driver, std::int64_t from, std::int64_t to,
                              std::size_t needed) {
  const Steady steady = steady_values(bmc, driver, from, to, needed);
  if (steady.values.empty()) return std::nullopt;
  double sum = 0;
  for (const double value : steady.values) sum += value;
  return sum / static_cast<double>(steady.values.size());
}

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace

Nanoseconds slope_window(const Parameters& with) {
  const Nanoseconds own = with.duration("slope_window");
  return own.count() == 0 ? with.duration("settle") : own;
}

SoakCourse::SoakCourse(const StepContext& context, const Telemetry& telemetry)
    : telemetry_(telemetry),
      needed_(static_cast<std::size_t>(std::max<std::int64_t>(context.with().integer("minimum_samples"), 1))),
      settled_(telemetry.begun_ns + context.with().duration("settle").count()),
      // A reading taken as the load ends shows the idle GPU behind it: the last interval proves nothing about
      // the load.
      to_(std::min(telemetry.ended_ns, telemetry.begun_ns + context.with().duration("for").count()) -
          context.with().duration("every").count()),
      max_gap_(context.with().duration("max_gap").count()),
      floor_percent_(context.with().number("power_floor")) {
  rule_.slope = context.with().number("slope");
  rule_.window_ns = slope_window(context.with()).count();
  rule_.earliest_ns = std::max(settled_, telemetry.begun_ns + rule_.window_ns);
  rule_.latest_ns = std::min(to_, telemetry.begun_ns + context.with().duration("steady_within").count());
  for (const auto& [part, gpu] : telemetry.gpus) {
    SteadyState state = find_steady(gpu.out_of_band.temperature, rule_);
    if (!state.judged_ns) state = find_steady(gpu.in_band.temperature, rule_);
    states_[part] = state;
  }
  find_spreads();
}

std::int64_t SoakCourse::steady_from(const std::string& part) const {
  return states_.at(part).at_ns.value_or(settled_);
}

void SoakCourse::find_spreads() {
  std::map<std::string, double> powers, temperatures, clocks;
  for (const auto& [part, gpu] : telemetry_.gpus) {
    const std::int64_t from = steady_from(part);
    const GpuTraces &bmc = gpu.out_of_band, &driver = gpu.in_band;
    if (const auto mean = mean_of(bmc.power, driver.power, from, to_, needed_)) powers[part] = *mean;
    if (const auto mean = mean_of(bmc.temperature, driver.temperature, from, to_, needed_))
      temperatures[part] = *mean;
    if (const auto mean = mean_of(bmc.clock, driver.clock, from, to_, needed_)) clocks[part] = *mean;
  }
  // In percent of the mean of all, which a single odd one moves little.
  const auto relative = [](const std::map<std::string, double>& values) {
    double sum = 0;
    for (const auto& [part, value] : values) sum += value;
    std::map<std::string, double> shares = distances(values);
    for (auto& [part, distance] : shares) {
      distance = sum > 0 ? 100 * distance * static_cast<double>(values.size()) / sum : 0;
    }
    return shares;
  };
  power_spread_ = relative(powers);
  clock_spread_ = relative(clocks);
  temperature_spread_ = distances(temperatures);
}

Reading SoakCourse::steady(const std::string& part, const SteadyState& state) const {
  if (state.at_ns) return Reading("gpu.steady", part, std::string("steady"), kCourse);
  // That it was not steady earlier says nothing of what nobody has looked at since.
  if (!state.judged_ns || *state.judged_ns < rule_.latest_ns - rule_.window_ns) {
    return without(
        "gpu.steady", part, kCourse,
        fmt::format("too few temperatures in the last {:.0f} s that it may take to tell their slope",
                    seconds(rule_.window_ns)));
  }
  Reading reading("gpu.steady", part, std::string("not steady"), kCourse);
  reading.action = fmt::format(
      "{:+.1f} K/min after {:.0f} s, at most {} K/min is steady: check coolant flow and the cold plate's "
      "mounting",
      *state.last_slope, seconds(*state.judged_ns - telemetry_.begun_ns), rule_.slope);
  return reading;
}

void SoakCourse::add_power(const std::string& part, std::vector<Reading>& readings) const {
  const GpuTelemetry& gpu = telemetry_.gpus.at(part);
  const Trace* power = with_more(gpu.out_of_band.power, gpu.in_band.power, settled_, to_, needed_);
  std::string why;
  if (!gpu.power_limit) why = "neither the BMC nor nvidia-smi told a power limit";
  if (power == nullptr) why = fmt::format("fewer than {} powers were read behind settle", needed_);
  if (why.empty() && longest_silence(*power, settled_, to_) > seconds(max_gap_)) {
    why = fmt::format("no power was read for {:.1f} s of the load", longest_silence(*power, settled_, to_));
  }
  if (!why.empty()) {
    readings.push_back(without("gpu.power.share", part, kCourse, why));
    readings.push_back(without("gpu.power.dip", part, kCourse, why));
    return;
  }
  const double floor = *gpu.power_limit * floor_percent_ / 100;
  const Share share = share_at_least(*power, floor, settled_, to_);
  const Source source{"computed",
                      fmt::format("samples of {:.0f} W ({} % of the limit) or more", floor, floor_percent_)};
  readings.emplace_back("gpu.power.share", part, share.percent, source);
  readings.emplace_back("gpu.power.dip", part, share.longest_s, source);
}

std::vector<Reading> SoakCourse::readings(const std::string& part) const {
  const SteadyState& state = states_.at(part);
  std::vector<Reading> made;
  made.push_back(steady(part, state));
  Value after;
  if (state.at_ns) after = seconds(*state.at_ns - telemetry_.begun_ns);
  made.emplace_back("gpu.steady.after", part, after, kCourse);
  add_power(part, made);
  const auto add_spread = [&made, &part](const char* measurement, const std::map<std::string, double>& all) {
    const auto found = all.find(part);
    if (found != all.end()) {
      made.emplace_back(measurement, part, found->second, kCourse);
    } else {
      made.push_back(without(measurement, part, kCourse,
                             "three GPUs with values in their steady part are needed to tell an odd one"));
    }
  };
  add_spread("gpu.power.spread", power_spread_);
  add_spread("gpu.temperature.spread", temperature_spread_);
  add_spread("gpu.clock.spread", clock_spread_);
  return made;
}

std::vector<Reading> pcie_readings(const std::string& part, const GpuTelemetry& gpu,
                                   const tool_output::GpuQuery* before, const tool_output::GpuQuery* after,
                                   const Telemetry& telemetry) {
  std::vector<Reading> made;
  if (gpu.pcie_generation) {
    made.emplace_back("gpu.pcie.generation", part, std::int64_t{*gpu.pcie_generation}, kLink);
    if (before != nullptr && before->pcie.max_generation)
      made.back().expected = std::int64_t{*before->pcie.max_generation};
  } else {
    made.push_back(without("gpu.pcie.generation", part, kLink, "nvidia-smi told no generation under load"));
  }
  const auto no_replays = [&made, &part](std::string why) {
    made.push_back(without("gpu.pcie.replays", part, kLink, std::move(why)));
  };
  if (before == nullptr || after == nullptr || !before->pcie.replays || !after->pcie.replays) {
    no_replays("nvidia-smi did not count PCIe replays before and after the load");
    return made;
  }
  if (*after->pcie.replays < *before->pcie.replays) {
    no_replays(fmt::format("the counter of PCIe replays fell from {} to {}: it was reset",
                           *before->pcie.replays, *after->pcie.replays));
    return made;
  }
  const double minutes = seconds(telemetry.ended_ns - telemetry.begun_ns) / 60;
  const auto budget =
      replay_budget(gpu.pcie_generation.value_or(0), after->pcie.current_width.value_or(0), minutes);
  if (!budget) {
    no_replays(
        "nvidia-smi told no generation and width of the link, so that nothing is known to set them against");
    return made;
  }
  const auto rise = static_cast<double>(*after->pcie.replays - *before->pcie.replays);
  made.emplace_back(
      "gpu.pcie.replays", part, 100 * rise / *budget,
      Source{"ssh", fmt::format("{}: {:.0f} replays, {:.0f} allowed", kQueryCommand, rise, *budget)});
  return made;
}

}  // namespace kiln::gpu_stress
