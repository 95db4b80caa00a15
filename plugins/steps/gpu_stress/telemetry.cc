#include "telemetry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace kiln::gpu_stress {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kReadBudget = std::chrono::seconds(15);
/// Coolant moves slowly and costs requests.
constexpr Nanoseconds kCoolantEvery = std::chrono::seconds(5);
/// Below this power (W) a thermal resistance is noise.
constexpr double kLeastPower = 50;

void add(Trace& trace, std::int64_t now, const std::optional<double>& value) {
  if (value) trace.push_back({now, *value});
}

/// The lower one is what holds.
void take_power_limit(GpuTelemetry& gpu, const std::optional<double>& limit) {
  if (!limit || *limit <= 0) return;
  gpu.power_limit = std::min(gpu.power_limit.value_or(*limit), *limit);
}

void take_reason(GpuTelemetry& gpu, const std::string& word) {
  const std::string reason = canonical_reason(word);
  if (reason == "sw_power_cap") {
    gpu.power_capped = true;
  } else if (!reason.empty()) {
    gpu.slowdowns.insert(reason);
  }
}

awaitable<Status> take_reading(StepContext& context, Telemetry& telemetry, const GpuReading& reading) {
  const auto found = telemetry.gpus.find(reading.name);
  if (found == telemetry.gpus.end()) co_return success();
  GpuTelemetry& gpu = found->second;
  const std::int64_t now = context.ctx().now().monotonic_ns;
  add(gpu.out_of_band.temperature, now, reading.temperature);
  add(gpu.out_of_band.memory_temperature, now, reading.memory_temperature);
  add(gpu.out_of_band.power, now, reading.power);
  add(gpu.out_of_band.clock, now, reading.clock_mhz);
  take_power_limit(gpu, reading.power_limit);
  // A BMC that prints no reason looks like one that does not know the property; a reading proves that it
  // answered.
  if (!reading.throttle_reasons.empty()) gpu.slowdown_source_seen = true;
  for (const auto& word : reading.throttle_reasons) take_reason(gpu, word);
  const Status t = co_await context.sample("gpu.temperature", reading.name, "Cel", reading.temperature);
  if (!t) co_return t;
  const Status m =
      co_await context.sample("gpu.memory_temperature", reading.name, "Cel", reading.memory_temperature);
  if (!m) co_return m;
  const Status p = co_await context.sample("gpu.power", reading.name, "W", reading.power);
  if (!p) co_return p;
  const Status c = co_await context.sample("gpu.clock", reading.name, "MHz", reading.clock_mhz);
  co_return c;
}

awaitable<Status> take_coolant(const Ctx& ctx, StepContext& context, Bmc& bmc, Telemetry& telemetry) {
  Ctx limited = ctx.child_within("coolant", kReadBudget);
  const Result<std::vector<CoolantReading>> readings = co_await bmc.coolant(limited);
  if (!readings) co_return readings.error();
  double sum = 0;
  int count = 0;
  for (const auto& reading : *readings) {
    if (!reading.supply_temperature) continue;
    sum += *reading.supply_temperature;
    ++count;
    telemetry.coolant_uri = reading.uri;
  }
  if (count > 0) telemetry.coolant_supply.push_back({context.ctx().now().monotonic_ns, sum / count});
  co_return success();
}

awaitable<Status> wait_for_next(const Ctx& ctx, std::int64_t started, Nanoseconds every) {
  const std::int64_t next = started + every.count();
  const Nanoseconds pause(std::max<std::int64_t>(next - ctx.now().monotonic_ns, 1'000'000));
  const Status waited = co_await ctx.sleep_for(pause);
  co_return waited;
}

void take_query(StepContext& context, Telemetry& telemetry, const tool_output::NvidiaSmiQuery& query) {
  const std::int64_t now = context.ctx().now().monotonic_ns;
  const GpuMatch match = match_gpus(context.dut(), query);
  for (auto& [name, gpu] : telemetry.gpus) {
    const auto found = match.by_name.find(name);
    if (found == match.by_name.end()) continue;
    const tool_output::GpuQuery& read = *found->second;
    if (read.lost) gpu.lost = true;
    add(gpu.in_band.temperature, now, read.temperature.gpu);
    add(gpu.in_band.memory_temperature, now, read.temperature.memory);
    add(gpu.in_band.power, now, read.power.draw);
    add(gpu.in_band.clock, now, read.clocks.sm ? read.clocks.sm : read.clocks.graphics);
    if (read.pcie.current_generation)
      gpu.pcie_generation = std::max(gpu.pcie_generation.value_or(0), *read.pcie.current_generation);
    take_power_limit(gpu, read.power.current_limit);
    const auto& why = read.clock_events;
    if (why.hw_slowdown || why.hw_thermal_slowdown || why.sw_thermal_slowdown)
      gpu.slowdown_source_seen = true;
    for (const auto& word : why.active_slowdowns()) take_reason(gpu, word);
  }
}

}  // namespace

std::string canonical_reason(const std::string& word) {
  std::string letters;
  for (const char c : word) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  static const std::map<std::string, std::string> known = {
      {"swpowercap", "sw_power_cap"},
      {"hwslowdown", "hw_slowdown"},
      {"hwthermalslowdown", "hw_thermal_slowdown"},
      {"hwpowerbrakeslowdown", "hw_power_brake_slowdown"},
      {"hwpowerbrake", "hw_power_brake_slowdown"},
      {"swthermalslowdown", "sw_thermal_slowdown"},
      {"syncboost", "sync_boost"},
      // The next ones take no performance away.
      {"", ""},
      {"na", ""},
      {"none", ""},
      {"idle", ""},
      {"gpuidle", ""},
      {"displayclocksetting", ""},
      {"clockoptimizedforprocessorengines", ""},
      {"applicationsclockssetting", ""},
      {"clocksoptimizedforpowerandthermals", ""}};
  const auto found = known.find(letters);
  return found == known.end() ? word : found->second;
}

awaitable<void> sample_out_of_band(const Ctx& ctx, StepContext& context, Bmc& bmc, Telemetry& telemetry,
                                   Nanoseconds every) {
  std::int64_t coolant_due = 0;
  while (!ctx.stopped()) {
    const std::int64_t started = ctx.now().monotonic_ns;
    Ctx limited = ctx.child_within("GPU telemetry", kReadBudget);
    const Result<std::vector<GpuReading>> readings = co_await bmc.gpus(limited);
    if (ctx.stopped()) co_return;
    if (readings) {
      for (const auto& reading : *readings) {
        const Status taken = co_await take_reading(context, telemetry, reading);
        if (!taken) co_return;  // a broken ledger ends the run by itself
      }
    } else {
      ++telemetry.out_of_band_failures;
      telemetry.last_failure = readings.error().message;
    }
    if (started >= coolant_due) {
      coolant_due = started + kCoolantEvery.count();
      const Status coolant = co_await take_coolant(ctx, context, bmc, telemetry);
      if (!coolant && !ctx.stopped()) telemetry.last_failure = coolant.error().message;
    }
    const Status waited = co_await wait_for_next(ctx, started, every);
    if (!waited) co_return;
  }
}

awaitable<void> sample_in_band(const Ctx& ctx, StepContext& context, Shell& shell, Telemetry& telemetry,
                               Nanoseconds every) {
  while (!ctx.stopped()) {
    const std::int64_t started = ctx.now().monotonic_ns;
    const Result<tool_output::NvidiaSmiQuery> query = co_await query_gpus(ctx, shell, kReadBudget);
    if (ctx.stopped()) co_return;
    if (query) {
      take_query(context, telemetry, *query);
    } else {
      ++telemetry.in_band_failures;
      telemetry.last_failure = query.error().message;
    }
    const Status waited = co_await wait_for_next(ctx, started, every);
    if (!waited) co_return;
  }
}

Steady steady_values(const Trace& out_of_band, const Trace& in_band, std::int64_t from, std::int64_t to,
                     std::size_t needed) {
  Steady steady;
  for (const auto& [trace, source] : {std::pair{&out_of_band, "redfish"}, std::pair{&in_band, "ssh"}}) {
    std::vector<double> values;
    for (const Point& point : *trace) {
      if (point.at_ns >= from && point.at_ns <= to) values.push_back(point.value);
    }
    steady.most = std::max(steady.most, values.size());
    if (values.size() < needed) continue;
    steady.values = std::move(values);
    steady.source = source;
    return steady;
  }
  return steady;
}

double longest_gap(const GpuTelemetry& gpu, const Telemetry& telemetry) {
  std::vector<std::int64_t> times{telemetry.begun_ns, telemetry.ended_ns};
  for (const Trace* trace : {&gpu.out_of_band.temperature, &gpu.in_band.temperature}) {
    for (const Point& point : *trace) times.push_back(std::min(point.at_ns, telemetry.ended_ns));
  }
  std::sort(times.begin(), times.end());
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < times.size(); ++i) longest = std::max(longest, times[i] - times[i - 1]);
  return static_cast<double>(longest) / 1e9;
}

ThermalResistance thermal_resistance(const GpuTelemetry& gpu, const Telemetry& telemetry, std::int64_t from,
                                     std::int64_t to, std::size_t needed) {
  ThermalResistance resistance;
  const Steady temperature =
      steady_values(gpu.out_of_band.temperature, gpu.in_band.temperature, from, to, needed);
  const Steady power = steady_values(gpu.out_of_band.power, gpu.in_band.power, from, to, needed);
  if (telemetry.coolant_supply.empty()) {
    resistance.why = "the BMC gave no coolant supply temperature during the load";
    return resistance;
  }
  if (temperature.values.empty() || power.values.empty()) {
    resistance.why = fmt::format("only {} steady temperatures and {} steady powers were read, {} are needed",
                                 temperature.most, power.most, needed);
    return resistance;
  }
  const auto mean = [](const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  };
  double supply = 0;
  for (const Point& point : telemetry.coolant_supply) supply += point.value;
  supply /= static_cast<double>(telemetry.coolant_supply.size());
  const double watts = mean(power.values);
  if (watts < kLeastPower) {
    resistance.why = fmt::format("the GPU drew only {:.0f} W, too little to tell", watts);
    return resistance;
  }
  resistance.value = (mean(temperature.values) - supply) / watts;
  return resistance;
}

}  // namespace kiln::gpu_stress
