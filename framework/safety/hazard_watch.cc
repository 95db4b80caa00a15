#include "safety/hazard_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "safety/polling.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr int kOutsideInARow = 2;    // one reading may be a spike of the sensor
constexpr std::size_t kAtRest = 30;  // readings without load: a minute of them, whenever that was
constexpr Nanoseconds kBetweenLooks = std::chrono::milliseconds(100);  // between two looks
constexpr Nanoseconds kOldAfter = std::chrono::seconds(10);  // at least: slow BMCs look every few seconds
constexpr int kMovesOfATime = 3;  // a stamp of when the sensor was made, or its clock set, moves less
constexpr Nanoseconds kLongestLook = std::chrono::seconds(5);  // under load: what hangs is asked anew in time

/// A CDU whose pumps or valve follow the load is still fast when a load has just ended: the lowest counts.
std::optional<double> lowest(const std::deque<double>& values) {
  const auto found = std::min_element(values.begin(), values.end());
  return found == values.end() ? std::nullopt : std::optional(*found);
}

std::string shown(HazardKind kind, double value) {
  return fmt::format("{:.4g} {}", value, facts_of(kind).unit);
}

std::set<HazardKind> kinds_of(const std::vector<HazardRule>& rules) {
  std::set<HazardKind> kinds;
  for (const HazardRule& rule : rules) kinds.insert(rule.kind);
  return kinds;
}

bool is_outside(const HazardRule& rule, double value, const std::optional<double>& baseline) {
  if (rule.max && value > *rule.max) return true;
  if (rule.min && value < *rule.min) return true;
  return rule.least_share && baseline && value < *rule.least_share * *baseline;
}

}  // namespace

HazardWatch::HazardWatch(const Ctx& owner, HazardRules rules, std::map<std::string, HazardSource> duts,
                         std::function<Energised(const std::string&)> energised, HazardEars ears)
    : owner_(owner),
      rules_(std::move(rules)),
      duts_(std::move(duts)),
      energised_(std::move(energised)),
      ears_(std::move(ears)),
      polls_(owner) {}

void HazardWatch::start() {
  std::size_t turn = 0;
  for (const auto& [id, dut] : duts_) {
    const Nanoseconds first_pause = first_poll_pause(rules_.poll, turn++, duts_.size());
    if (rules_for(rules_, dut.role).empty()) continue;
    if (dut.readings == nullptr) {
      HazardReport blind;
      blind.dut = id;
      blind.power_ready = true;  // whether it can be reached at all is told elsewhere
      blind.why = fmt::format("{}: {}", id, dut.no_readings);
      ears_.watch(blind);
      continue;
    }
    polls_.start("hazards of " + id,
                 [this, id = id, first_pause](Ctx& task) { return watch(id, first_pause, task); });
  }
}

awaitable<void> HazardWatch::stop() {
  const Status ended = co_await polls_.stop_and_join(StopReason::sibling, "the watch is over");
  (void)ended;
}

awaitable<void> HazardWatch::watch(std::string id, Nanoseconds first_pause, Ctx& task) {
  const HazardSource& dut = duts_.at(id);
  Place place;
  place.rules = rules_for(rules_, dut.role);
  place.parts.resize(place.rules.size());
  const std::set<HazardKind> kinds = kinds_of(place.rules);
  Energised before;
  Nanoseconds period = first_pause;
  bool asked_again = false;
  while (!task.stopped()) {
    const std::int64_t asked_ns = task.now().monotonic_ns;
    const Energised now_on = energised_(id);
    // Much is there only when a tray is on.
    const bool look_anew = (now_on.at_all && !before.at_all) || (now_on.load && !before.load);
    before = now_on;
    // To find everything for the first time takes a slow BMC longer than to read it.
    const Nanoseconds patience =
        now_on.load ? std::min(kLongestLook, rules_.grace / 2) : std::max(kLongestLook, rules_.grace);
    Ctx look = task.child_within("hazards", patience);
    std::set<HazardKind> wanted = kinds;
    const Result<HazardLook> readings = co_await dut.readings->read(look, std::move(wanted), look_anew);
    if (task.stopped()) co_return;
    asked_again = !readings && !asked_again && overslept(asked_ns, patience, task.now().monotonic_ns);
    if (asked_again) continue;
    if (readings) place.not_seen = readings->not_seen;
    const bool restarts = now_on.restarts || energised_(id).restarts;
    if (restarts) {
      miss(place, "its BMC restarts to run new firmware");
    } else if (readings) {
      see(place, readings->readings, energised_(id).load, asked_ns);
    } else {
      miss(place, readings.error().message);
    }
    const std::int64_t now_ns = task.now().monotonic_ns;
    std::optional<Trip> found = trip_of(id, place, energised_(id), now_ns);
    if (found && tripped_.insert(id).second) ears_.trip(std::move(*found));
    say(id, place, now_ns);
    const std::int64_t pause = std::max(asked_ns + period.count() - now_ns, kBetweenLooks.count());
    period = rules_.poll;
    const Status waited = co_await task.sleep_for(Nanoseconds(pause));
    if (!waited) co_return;
  }
}

void HazardWatch::see(Place& place, const std::vector<HazardReading>& readings, bool load,
                      std::int64_t asked_ns) {
  place.asked = true;
  place.silent.clear();
  for (std::size_t number = 0; number < place.rules.size(); ++number) {
    const HazardRule& rule = place.rules[number];
    Parts& parts = place.parts[number];
    for (auto& [name, part] : parts) {
      part.known = false;
      part.why = fmt::format("{} offers no {} any more", name, facts_of(rule.kind).name);
    }
    for (const HazardReading& reading : readings) {
      if (reading.kind != rule.kind) continue;
      const auto [part, is_new] = parts.try_emplace(reading.part);
      if (is_new) part->second.clear_ns = asked_ns;
      judge(rule, part->second, reading, load, asked_ns);
    }
  }
}

void HazardWatch::judge(const HazardRule& rule, Watched& part, const HazardReading& reading, bool load,
                        std::int64_t asked_ns) const {
  part.known = reading.value.has_value();
  const std::string_view name = facts_of(rule.kind).name;
  if (!reading.value) {
    part.why = fmt::format("the {} of {} is not known: {}", name, reading.part, reading.why);
    return;
  }
  if (reading.read_at != part.read_at) {
    part.moves = part.read_at.empty() || reading.read_at.empty() ? 0 : part.moves + 1;
    part.read_at = reading.read_at;
    part.looked_ns = asked_ns;
  }
  if (part.moves >= kMovesOfATime && asked_ns - part.looked_ns > std::max(rules_.grace, kOldAfter).count()) {
    part.known = false;
    part.clear_ns = std::min(part.clear_ns, part.looked_ns);
    part.why = fmt::format("the {} of {} is an old one: its BMC has not looked since {}", name, reading.part,
                           part.read_at);
    return;
  }
  part.value = reading.value;
  const std::optional<double> baseline = lowest(part.at_rest);
  if (is_outside(rule, *reading.value, baseline)) {
    ++part.outside;
    part.why = fmt::format("the {} of {} is {}, and must be {}", name, reading.part,
                           shown(rule.kind, *reading.value), bounds_text(rule));
    if (rule.least_share && baseline) part.why += fmt::format(" ({})", shown(rule.kind, *baseline));
    return;
  }
  part.outside = 0;
  part.why.clear();
  part.clear_ns = asked_ns;
  if (load && !part.at_rest.empty()) return;
  part.at_rest.push_back(*reading.value);
  if (part.at_rest.size() > kAtRest) part.at_rest.pop_front();
}

void HazardWatch::miss(Place& place, const std::string& why) const {
  place.silent = why;
  for (std::size_t number = 0; number < place.rules.size(); ++number) {
    for (auto& [name, part] : place.parts[number]) {
      part.known = false;
      part.why =
          fmt::format("the {} of {} was not read: {}", facts_of(place.rules[number].kind).name, name, why);
    }
  }
}

std::string HazardWatch::why_no_load(const Place& place, std::int64_t now_ns) const {
  if (!place.asked) return place.silent.empty() ? "heat and coolant have not been read yet" : place.silent;
  if (!place.not_seen.empty())
    return fmt::format("not all that its BMC offers of heat and coolant could be found ({})", place.not_seen);
  for (std::size_t number = 0; number < place.rules.size(); ++number) {
    const HazardRule& rule = place.rules[number];
    const std::string_view name = facts_of(rule.kind).name;
    if (rule.required && place.parts[number].empty())
      return fmt::format("its BMC offers no {}, which the station's interlock rules require", name);
    for (const auto& [part_name, part] : place.parts[number]) {
      if (part.outside > 0 || !part.known) return part.why;
      if (now_ns - part.clear_ns > rules_.grace.count())
        return fmt::format("the {} of {} was last known {} ago", name, part_name,
                           format_duration(Nanoseconds(now_ns - part.clear_ns)));
      if (rule.least_share && part.value && *part.value <= 0)
        return fmt::format("the {} of {} is {}", name, part_name, shown(rule.kind, *part.value));
    }
  }
  return "";
}

std::optional<Trip> HazardWatch::trip_of(const std::string& id, const Place& place, Energised energised,
                                         std::int64_t now_ns) const {
  if (!energised.at_all) return std::nullopt;
  Trip trip;
  trip.dut = id;
  trip.detected_ns = now_ns;
  for (std::size_t number = 0; number < place.rules.size(); ++number) {
    for (const auto& [name, part] : place.parts[number]) {
      if (part.outside < kOutsideInARow) continue;
      const HazardFacts& facts = facts_of(place.rules[number].kind);
      trip.cause = facts.cause;
      trip.code = facts.code;
      trip.part = name;
      trip.message = fmt::format("{}: {}", id, part.why);
      return trip;
    }
  }
  if (!energised.load) return std::nullopt;
  for (std::size_t number = 0; number < place.rules.size(); ++number) {
    for (const auto& [name, part] : place.parts[number]) {
      if (part.known || now_ns - part.clear_ns <= rules_.grace.count()) continue;
      trip.cause = "telemetry-lost";
      trip.code = "interlock.telemetry-lost";
      trip.read = false;
      trip.part = name;
      trip.message = fmt::format("{}: under load, {} ({})", id, part.why,
                                 format_duration(Nanoseconds(now_ns - part.clear_ns)));
      return trip;
    }
  }
  return std::nullopt;
}

void HazardWatch::say(const std::string& id, const Place& place, std::int64_t now_ns) {
  HazardReport report;
  report.dut = id;
  const std::string why = why_no_load(place, now_ns);
  report.load_ready = why.empty();
  if (!why.empty()) report.why = fmt::format("{}: {}", id, why);
  report.power_ready = true;
  for (std::size_t number = 0; number < place.rules.size(); ++number) {
    const HazardFacts& facts = facts_of(place.rules[number].kind);
    if (place.asked && place.not_seen.empty() && place.parts[number].empty())
      report.not_offered.emplace_back(facts.name);
    for (const auto& [name, part] : place.parts[number]) {
      if (part.outside < kOutsideInARow || !report.power_ready) continue;
      report.power_ready = false;
      report.why = fmt::format("{}: {}", id, part.why);
      report.code = facts.code;
      report.part = name;
    }
  }
  const auto last = said_.find(id);
  if (last != said_.end() && last->second.power_ready == report.power_ready &&
      last->second.load_ready == report.load_ready && last->second.why == report.why &&
      last->second.code == report.code && last->second.not_offered == report.not_offered)
    return;
  said_[id] = report;
  ears_.watch(report);
}

}  // namespace kiln
