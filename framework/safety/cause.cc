#include "safety/cause.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/leak_order.h"

namespace kiln {
namespace {

std::string shown_name(const DetectorLook& look, const std::vector<std::string>& expected) {
  for (const std::string& name : expected) {
    if (look.is_named(name)) return name;
  }
  return look.id;
}

}  // namespace

Cause::Cause(std::string name, std::string dut, Nanoseconds grace)
    : name_(std::move(name)), dut_(std::move(dut)), grace_(grace), patience_(grace) {
  last_.why = "it has not been read yet";
}

void Cause::see(Look look, std::int64_t now_ns) {
  last_ = std::move(look);
  seen_ns_ = now_ns;
  if (last_.state == CauseState::clear) clear_ns_ = now_ns;
}

void Cause::miss(const std::string& why, std::int64_t now_ns) {
  // A leak that was read stays one until somebody reads otherwise.
  if (last_.state == CauseState::tripped) return;
  Look look;
  look.why = why;
  see(std::move(look), now_ns);
}

std::optional<Trip> Cause::trip(std::int64_t now_ns) const {
  Trip trip;
  trip.dut = dut_;
  trip.part = last_.part;
  trip.detected_ns = now_ns;
  if (last_.state == CauseState::tripped) {
    trip.cause = name_;
    trip.code = last_.code;
    trip.detected_ns = seen_ns_;
    trip.message = fmt::format("{}: {}", dut_, last_.why);
    return trip;
  }
  if (!clear_ns_ || now_ns - std::max(*clear_ns_, patient_since_ns_) <= patience_.count())
    return std::nullopt;
  trip.cause = "telemetry-lost";
  trip.code = "interlock.telemetry-lost";
  trip.read = false;
  trip.message = fmt::format("{}: no {} could be ruled out for {} ({})", dut_, name_,
                             format_duration(Nanoseconds(now_ns - *clear_ns_)), last_.why);
  return trip;
}

bool Cause::ready(std::int64_t now_ns) const {
  return last_.state == CauseState::clear && clear_ns_ && now_ns - *clear_ns_ <= grace_.count();
}

std::string Cause::why_not() const { return fmt::format("{}: {}", dut_, last_.why); }

Look judge_leak_detectors(const std::vector<std::string>& expected, const std::vector<DetectorLook>& looks) {
  Look look;
  // Of two that are not dry, the one that has said so itself.
  const auto rank = [](const DetectorLook& one) {
    return 2 * badness(one.verdict.reading) + (one.answered ? 1 : 0);
  };
  const auto worst =
      std::max_element(looks.begin(), looks.end(),
                       [&rank](const DetectorLook& a, const DetectorLook& b) { return rank(a) < rank(b); });
  if (worst != looks.end() && worst->verdict.reading != LeakReading::dry) {
    look.part = shown_name(*worst, expected);
    look.why = fmt::format("leak detector {} reports {}", look.part, worst->verdict.reason);
    if (worst->verdict.reading == LeakReading::fault) {
      look.why = fmt::format("leak detector {} cannot say dry: {}", look.part, worst->verdict.reason);
      // Absent by its own word is told apart from broken, because the cure differs.
      const bool absent = worst->answer.detector_state == "Absent" || worst->answer.state == "Absent";
      if (worst->answered) look.word = absent ? "absent" : "fault";
      if (worst->answered) look.code = "leak_detector." + look.word;
      return look;
    }
    look.word = to_string(worst->verdict.reading);
    look.state = CauseState::tripped;
    look.code = worst->verdict.reading == LeakReading::leak ? "leak.detected" : "leak.suspected";
    return look;
  }
  for (const std::string& name : expected) {
    if (std::any_of(looks.begin(), looks.end(),
                    [&name](const DetectorLook& one) { return one.is_named(name); }))
      continue;
    look.part = name;
    look.why = fmt::format("leak detector {} is not in the BMC's list of {} detectors", name, looks.size());
    look.word = "absent";
    look.code = "leak_detector.absent";
    return look;
  }
  look.state = CauseState::clear;
  return look;
}

}  // namespace kiln
