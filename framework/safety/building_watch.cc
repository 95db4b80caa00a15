#include "safety/building_watch.h"

#include <fmt/format.h>

#include <utility>

#include "safety/building_door.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kLook = std::chrono::seconds(1);  // also without news: time alone makes values old

/// Seconds that pass in a sentence are no news.
std::string without_numbers(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

}  // namespace

BuildingWatch::BuildingWatch(const Ctx& owner, WardenBuilding building, const InterlockRules& rules,
                             std::unique_ptr<MqttClient> client, std::string no_client, BuildingEars ears)
    : owner_(owner),
      building_(std::move(building)),
      confirm_(rules.building_confirm),
      client_(std::move(client)),
      no_client_(std::move(no_client)),
      ears_(std::move(ears)),
      rack_{building_.access.has_rack_leak, Cause("leak", building_.rack, rules.building_grace),
            &Building::rack_leak},
      equipment_{building_.access.has_equipment_leak, Cause("leak", building_.rack, rules.building_grace),
                 &Building::equipment_leak},
      work_(owner),
      requests_(owner) {
  if (client_) line_.emplace(*client_, line_options(building_.access));
}

void BuildingWatch::start() {
  if (!line_) {
    WatchReport blind;
    blind.dut = building_.rack;
    blind.code = kNoBroker;
    blind.why = fmt::format("{}: there is no line to the broker {} of the building: {}", building_.rack,
                            building_.access.broker, no_client_);
    ears_.watch(blind);
    return;
  }
  line_->on_change([this] {
    if (look_now_) look_now_->complete(true);
  });
  work_.start("line", [this](Ctx& task) { return line_->run(task); });
  work_.start("watch", [this](Ctx& task) { return watch(task); });
}

awaitable<void> BuildingWatch::watch(Ctx& task) {
  while (!task.stopped()) {
    look(task.now().monotonic_ns);
    const Completion<bool> now;
    look_now_ = now;
    Ctx rest = task.child_within("rest", kLook);
    const Result<bool> woken = co_await now.wait(rest);
    (void)woken;  // by a change, or the time is over
  }
}

void BuildingWatch::look(std::int64_t now_ns) {
  const Point* not_ready = nullptr;
  for (Point* point : {&rack_, &equipment_}) {
    look_at(*point, now_ns);
    if (point->expected && not_ready == nullptr && !point->cause.ready(now_ns)) not_ready = point;
  }
  say(not_ready);
}

void BuildingWatch::look_at(Point& point, std::int64_t now_ns) {
  Look look = look_of((line_->building().*point.read)(now_ns));
  // What the site says it does not have is nobody's loss; that it reads a leak counts all the same.
  if (!point.expected && look.state != CauseState::tripped) return;
  if (look.state == CauseState::unknown) {
    point.cause.miss(look.why, now_ns);
  } else {
    point.cause.see(std::move(look), now_ns);
  }
  std::optional<Trip> found = point.cause.trip(now_ns);
  const char* const name = &point == &rack_ ? "rack " : "equipment ";
  if (found && tripped_.insert(name + found->code).second) ears_.trip(std::move(*found));
}

Look BuildingWatch::look_of(const BuildingAnswer& answer) const {
  Look look;
  look.part = answer.point;
  look.why = answer.why;
  if (answer.state == BuildingState::clear) look.state = CauseState::clear;
  if (answer.state == BuildingState::tripped) {
    look.state = CauseState::tripped;
    look.code = "leak.detected";
    look.word = "leak";
  }
  if (line_->connected()) return look;
  look.why = fmt::format("{}; the building's broker {} is not reached: {}", answer.why,
                         building_.access.broker, line_->trouble().message);
  return look;
}

void BuildingWatch::say(const Point* not_ready) {
  WatchReport report;
  report.dut = building_.rack;
  report.ready = not_ready == nullptr;
  if (not_ready != nullptr) {
    report.why = not_ready->cause.why_not();
    const bool tried = line_->trouble().code != "building.not_connected";
    if (!line_->connected() && tried) report.code = kNoBroker;
  }
  if (said_ && said_->ready == report.ready && said_->code == report.code &&
      without_numbers(said_->why) == without_numbers(report.why))
    return;
  said_ = report;
  ears_.watch(report);
}

void BuildingWatch::isolate(bool liquid, bool electrical, const std::string& why) {
  if (over_ || ((!liquid || liquid_) && (!electrical || electrical_))) return;
  liquid_ = liquid_ || liquid;
  electrical_ = electrical_ || electrical;
  IsolationReport report;
  report.liquid = liquid;
  report.electrical = electrical;
  report.why = why;
  report.asked_ns = owner_.now().monotonic_ns;
  tell(report);
  if (line_) {
    requests_.start("isolation", [this, report](Ctx& task) { return request(report, task); });
    return;
  }
  report.said = no_client_;
  tell(report);
}

awaitable<void> BuildingWatch::request(IsolationReport report, Ctx& task) {
  {
    Ctx limited = task.child_within("isolation of the rack", confirm_);
    co_await confirm(report, limited);
  }
  if (task.stopped()) co_return;
  tell(report);
  if (report.confirmed_ns != 0) co_return;
  // A valve that takes longer still closes, and somebody may help it by hand.
  work_.start("late isolation", [this, report](Ctx& late) { return confirm_later(report, late); });
}

awaitable<void> BuildingWatch::confirm_later(IsolationReport report, Ctx& task) {
  co_await confirm(report, task);
  if (report.confirmed_ns != 0) tell(report);
}

awaitable<void> BuildingWatch::confirm(IsolationReport& report, const Ctx& ctx) {
  const Result<BuildingIsolation> read = co_await line_->isolate(ctx, report.liquid, report.electrical);
  if (!read) {
    report.said = read.error().sentence();
    co_return;
  }
  report.confirmed_ns = ctx.now().monotonic_ns;
  report.said.clear();
  if (report.liquid) report.said = read->liquid.why;
  if (report.electrical) report.said += (report.said.empty() ? "" : "; ") + read->electrical.why;
}

void BuildingWatch::tell(const IsolationReport& report) {
  last_ = report;
  ears_.isolation(report);
}

awaitable<void> BuildingWatch::settle() {
  const Status joined = co_await requests_.join();
  (void)joined;
}

awaitable<void> BuildingWatch::stop() {
  over_ = true;
  work_.request_stop(StopReason::sibling, "the watch is over");  // from here on nothing trips
  const Status requests = co_await requests_.stop_and_join(StopReason::sibling, "the watch is over");
  (void)requests;
  const Status work = co_await work_.stop_and_join(StopReason::sibling, "the watch is over");
  (void)work;
}

}  // namespace kiln
