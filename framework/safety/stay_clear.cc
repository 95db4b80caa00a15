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

}  // namespace kiln
