#include "safety/stay_clear.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "io/scope.h"
#include "safety/building_door.h"
#include "safety/building_line.h"
#include "safety/cause.h"

namespace kiln {
namespace {

constexpr Nanoseconds kReadEvery = std::chrono::seconds(1);
/// A BMS says everything again every 100 s.
constexpr Nanoseconds kFirstValues = kBuildingRepublish + std::chrono::seconds(10);
constexpr Nanoseconds kHazardsEvery = std::chrono::seconds(2);
constexpr Nanoseconds kHazardAnswer = std::chrono::seconds(10);  // many resources, on a slow BMC
constexpr Nanoseconds kAnswer = std::chrono::seconds(5);

Error not_clear(const std::string& why) {
  return {"release.not_clear", why, "find and mend the cause, then release again", Blame::peer};
}

}  // namespace

boost::asio::awaitable<Status> stay_clear(const Ctx& ctx, LeakDetectors& detectors, std::string dut,
                                          std::vector<std::string> expected, Nanoseconds so_long) {
  const std::int64_t until_ns = ctx.now().monotonic_ns + so_long.count();
  while (true) {
    Ctx limited = ctx.child_within("reading", kAnswer);
    const Result<std::vector<DetectorLook>> looks = co_await detectors.read(limited);
    if (ctx.stopped()) co_return ctx.check();
    if (!looks)
      co_return not_clear(dut + ": its leak detectors could not be read (" + looks.error().message + ")");
    const Look look = judge_leak_detectors(expected, *looks);
    if (look.state != CauseState::clear) co_return not_clear(dut + ": " + look.why);
    if (ctx.now().monotonic_ns >= until_ns) co_return success();
    const Status waited = co_await ctx.sleep_for(kReadEvery);
    if (!waited) co_return waited;
  }
}

namespace {

/// Empty: nothing of it is amiss.
std::string why_not_clear(const HazardRule& rule, const HazardReading& reading) {
  const HazardFacts& facts = facts_of(rule.kind);
  if (!reading.value && facts.cause == "over-temperature") return "";
  if (!reading.value)
    return fmt::format("the {} of {} is not known: {}", facts.name, reading.part, reading.why);
  const bool stands = rule.least_share && *reading.value <= 0;
  const bool outside = (rule.min && *reading.value < *rule.min) || (rule.max && *reading.value > *rule.max);
  if (!stands && !outside) return "";
  return fmt::format("the {} of {} is {:.4g} {}, and must be {}", facts.name, reading.part, *reading.value,
                     facts.unit, bounds_text(rule));
}

std::string first_not_clear(const std::vector<HazardRule>& rules,
                            const std::vector<HazardReading>& readings) {
  for (const HazardRule& rule : rules) {
    for (const HazardReading& reading : readings) {
      if (reading.kind != rule.kind) continue;
      if (std::string why = why_not_clear(rule, reading); !why.empty()) return why;
    }
  }
  return "";
}

}  // namespace

boost::asio::awaitable<Status> hazards_stay_clear(const Ctx& ctx, HazardReadings& readings,
                                                  std::vector<HazardRule> rules, std::string dut,
                                                  Nanoseconds so_long) {
  std::set<HazardKind> kinds;
  for (const HazardRule& rule : rules) kinds.insert(rule.kind);
  if (kinds.empty()) co_return success();
  const std::int64_t until_ns = ctx.now().monotonic_ns + so_long.count();
  while (true) {
    Ctx limited = ctx.child_within("reading", kHazardAnswer);
    std::set<HazardKind> wanted = kinds;
    const Result<HazardLook> found = co_await readings.read(limited, std::move(wanted), false);
    if (ctx.stopped()) co_return ctx.check();
    if (!found)
      co_return not_clear(dut + ": its heat and coolant could not be read (" + found.error().message + ")");
    const std::string why = found->not_seen.empty()
                                ? first_not_clear(rules, found->readings)
                                : "not all of its heat and coolant could be found (" + found->not_seen + ")";
    if (!why.empty()) co_return not_clear(dut + ": " + why);
    if (ctx.now().monotonic_ns >= until_ns) co_return success();
    const Status waited = co_await ctx.sleep_for(kHazardsEvery);
    if (!waited) co_return waited;
  }
}

namespace {

/// Empty: every leak point that the site has reads clear.
std::string why_not_clear(const BuildingLine& line, const WardenBuilding& building, std::int64_t now_ns) {
  std::vector<BuildingAnswer> answers;
  if (building.access.has_rack_leak) answers.push_back(line.building().rack_leak(now_ns));
  if (building.access.has_equipment_leak) answers.push_back(line.building().equipment_leak(now_ns));
  for (const BuildingAnswer& answer : answers) {
    if (answer.state == BuildingState::clear) continue;
    if (line.connected()) return answer.why;
    return fmt::format("{}; the building's broker {} is not reached: {}", answer.why, building.access.broker,
                       line.trouble().message);
  }
  return "";
}

boost::asio::awaitable<Status> watch_building(const Ctx& ctx, const BuildingLine& line,
                                              const WardenBuilding& building, Nanoseconds so_long) {
  const std::int64_t begun_ns = ctx.now().monotonic_ns;
  std::optional<std::int64_t> clear_ns;
  while (true) {
    const std::int64_t now_ns = ctx.now().monotonic_ns;
    const std::string why = why_not_clear(line, building, now_ns);
    const bool first_values = !clear_ns && now_ns - begun_ns < kFirstValues.count();
    if (!why.empty() && !first_values) co_return not_clear(building.rack + ": " + why);
    if (why.empty() && !clear_ns) clear_ns = now_ns;
    if (clear_ns && now_ns - *clear_ns >= so_long.count()) co_return success();
    const Status waited = co_await ctx.sleep_for(kReadEvery);
    if (!waited) co_return waited;
  }
}

}  // namespace

boost::asio::awaitable<Status> building_stays_clear(const Ctx& ctx, MqttClient& client,
                                                    WardenBuilding building, Nanoseconds so_long) {
  BuildingLineOptions options = line_options(building.access);
  options.integration.clear();  // whoever releases writes nothing there
  BuildingLine line(client, std::move(options));
  Scope listening(ctx);
  listening.start("building", [&line](Ctx& task) { return line.run(task); });
  Status clear = co_await watch_building(ctx, line, building, so_long);
  const Status ended = co_await listening.stop_and_join(StopReason::sibling, "it was read");
  (void)ended;
  co_return clear;
}

namespace {

BuildingReport report_of(const BuildingLine& line, const BuildingAccess& access, std::int64_t now_ns) {
  BuildingReport report;
  report.leaks = line.building().leak_points(now_ns);
  report.figures = line.building().figures(now_ns);
  report.expects_rack_leak = access.has_rack_leak;
  report.expects_equipment_leak = access.has_equipment_leak;
  if (!line.connected()) report.trouble = line.trouble().message;
  return report;
}

/// Nothing that was waited for is missing any more.
bool is_whole(const BuildingReport& report) {
  bool rack = !report.expects_rack_leak, equipment = !report.expects_equipment_leak;
  for (const BuildingLeakPoint& point : report.leaks) {
    if (point.state == "unknown") return false;
    rack = rack || point.kind == "rack";
    equipment = equipment || point.kind == "equipment";
  }
  return rack && equipment && report.trouble.empty();
}

boost::asio::awaitable<Result<BuildingReport>> hear_building(const Ctx& ctx, const BuildingLine& line,
                                                             const BuildingAccess& access, Nanoseconds settle,
                                                             Nanoseconds patience) {
  const std::int64_t begun_ns = ctx.now().monotonic_ns;
  std::optional<std::int64_t> reached_ns;
  while (true) {
    const std::int64_t now_ns = ctx.now().monotonic_ns;
    BuildingReport report = report_of(line, access, now_ns);
    if (report.trouble.empty() && !reached_ns) reached_ns = now_ns;
    if (!report.trouble.empty()) reached_ns.reset();
    const bool settled = reached_ns && now_ns - *reached_ns >= settle.count();
    if ((settled && is_whole(report)) || now_ns - begun_ns >= patience.count()) co_return report;
    const Status waited = co_await ctx.sleep_for(kReadEvery);
    if (!waited) co_return waited.error();
  }
}

}  // namespace

boost::asio::awaitable<Result<BuildingReport>> listen_to_building(const Ctx& ctx, MqttClient& client,
                                                                  WardenBuilding building, Nanoseconds settle,
                                                                  Nanoseconds patience) {
  BuildingLineOptions options = line_options(building.access);
  options.integration.clear();  // whoever only looks writes nothing there
  BuildingLine line(client, std::move(options));
  Scope listening(ctx);
  listening.start("building", [&line](Ctx& task) { return line.run(task); });
  Result<BuildingReport> heard = co_await hear_building(ctx, line, building.access, settle, patience);
  const Status ended = co_await listening.stop_and_join(StopReason::sibling, "it was heard");
  (void)ended;
  co_return heard;
}

}  // namespace kiln
