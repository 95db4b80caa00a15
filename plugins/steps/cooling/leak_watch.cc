#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cooling_steps.h"
#include "sdk/events.h"
#include "sdk/scope.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

constexpr double kNanosecondsPerSecond = 1e9;
constexpr Nanoseconds kPolicyBudget = std::chrono::seconds(2);
constexpr Nanoseconds kLongestPoll = std::chrono::seconds(3);  // then it is asked anew
constexpr Nanoseconds kShortestPoll = std::chrono::seconds(1);
constexpr Nanoseconds kLongestGrace =
    std::chrono::seconds(30);  // ours: longer blindness is not waited out beside a load

/// How bad a word is, to keep the worst that was seen of each detector.
int badness(const std::string& word) {
  if (word == "dry") return 0;
  if (word == "absent") return 1;
  if (word == "fault") return 2;
  if (word == "suspect") return 3;
  return 4;
}

/// The detector that is being tested on this DUT; empty: none. A warden that is gone ends no mask, so its
/// time is kept here too.
std::string masked_now(const StepContext& context) {
  const std::optional<MaskReport> mask = context.masked_detector();
  if (!mask || mask->state != MaskReport::State::on) return {};
  const bool over = context.ctx().now().monotonic_ns - mask->since_ns > kMaskLasts.count();
  return over ? std::string() : mask->part;
}

/// What the watch knows between two polls.
struct WatchMemory {
  std::map<std::string, DetectorState> worst;
  std::map<std::string, std::string> told;  ///< detector → the word that is in the record already
  std::int64_t last_good_ns = 0;            ///< last poll that read every detector dry
  std::int64_t patient_since_ns = 0;        ///< when a planned silence ended that was not read dry since
  std::int64_t last_read_ns = 0;            ///< last poll that was answered
  double longest_gap_s = 0;                 ///< between answered polls, apart from planned silences
  double longest_planned_s = 0;             ///< of these
  bool planned = false;                     ///< the BMC may be away now
  bool gap_is_planned = false;              ///< it was away by plan since the last answer
  std::int64_t polls = 0;
  std::int64_t unanswered = 0;
  std::int64_t hurried = 0;  ///< polls that an event brought forward
  bool armed = false;
  bool tripped = false;
  bool permits = false;  ///< the DUT may be energised, as far as this watch goes
  /// Since when nothing has shown dry.
  [[nodiscard]] std::int64_t blind_since_ns() const { return std::max(last_good_ns, patient_since_ns); }
  /// Why dry could not be shown at the very end; empty: it was. What was dry earlier is no proof for later.
  std::string not_seen_last;
};

/// From the begin of a poll to the next that an event may bring forward: the first event is answered at once,
/// but a storm of them, each of which finds all dry, must not keep the BMC from anything else. Both are ours.
constexpr Nanoseconds kLeastBetweenPolls = std::chrono::milliseconds(50);
constexpr Nanoseconds kLeastAfterDry = std::chrono::milliseconds(250);

/// What the BMC says by itself hurries the next poll, and does nothing else: an event is no reading.
struct Ears {
  std::optional<Ctx> pause;  ///< between two polls; an event ends it
  bool heard = false;
  void hear(const BmcEvent& event) {
    const bool concerns_leaks = event.fact == BmcEvent::Fact::leak || event.fact == BmcEvent::Fact::missed;
    if (!concerns_leaks) return;
    heard = true;
    if (pause) pause->request_stop(StopReason::sibling, "the BMC told of an event");
  }
};

/// Beside the polls; without events they go on alone.
awaitable<void> hear_events(Ctx& ctx, StepContext& context, Bmc& bmc, std::shared_ptr<Ears> ears) {
  std::function<void(const BmcEvent&)> on_event = [ears](const BmcEvent& event) { ears->hear(event); };
  const Status ended = co_await bmc.listen(ctx, std::move(on_event));
  if (ctx.stopped() || ended) co_return;
  std::string why = fmt::format("leak detectors are polled without events: {}", ended.error().message);
  const Status noted = co_await context.note(std::move(why));
  (void)noted;  // what is broken with the record is told by whoever measures
}

/// `begun_ns`: when the last poll began.
awaitable<Status> pause_between_polls(const Ctx& ctx, std::shared_ptr<Ears> ears, std::int64_t begun_ns,
                                      Nanoseconds pause, Nanoseconds least) {
  if (!ears->heard) {
    ears->pause.emplace(ctx.child("between polls"));
    const Status slept = co_await ears->pause->sleep_for(pause);
    ears->pause.reset();
    if (slept || ctx.stopped()) co_return slept;
  }
  const std::int64_t earliest = begun_ns + least.count();
  const Nanoseconds left(std::max<std::int64_t>(earliest - ctx.now().monotonic_ns, 1'000'000));
  const Status waited = co_await ctx.sleep_for(left);
  co_return waited;
}

/// The hazard of this poll, if there is one.
std::optional<Hazard> hazard_of(const StepContext& context,
                                const std::map<std::string, DetectorState>& states, WatchMemory& memory,
                                std::int64_t now, Nanoseconds grace) {
  bool all_dry = !states.empty();
  const std::string* faulty = nullptr;
  for (const auto& [name, state] : states) {
    // An answer that is garbage is none: it proves neither dry nor a fault.
    if (!state.told) {
      all_dry = false;
      faulty = &name;
      continue;
    }
    // What has just restarted says of no detector how it is; only a leak is believed then.
    const bool is_wet = state.word == "leak" || state.word == "suspect";
    if (memory.planned && !is_wet && state.word != "dry") {
      all_dry = false;
      faulty = &name;
      continue;
    }
    auto& worst = memory.worst[name];
    if (worst.word.empty() || badness(state.word) > badness(worst.word)) worst = state;
    if (is_wet) {
      Hazard hazard("leak", detector_fault_code(state.word), name,
                    fmt::format("{}: leak detector {} reports {}", context.dut().id, name, state.reason));
      hazard.detected_ns = now;
      return hazard;
    }
    if (state.word != "dry") {
      all_dry = false;
      faulty = &name;
    }
  }
  if (all_dry) {
    memory.last_good_ns = now;
    return std::nullopt;
  }
  if (!memory.armed || now - memory.blind_since_ns() <= grace.count() || faulty == nullptr)
    return std::nullopt;
  Hazard hazard("telemetry-lost", "interlock.telemetry-lost", *faulty,
                fmt::format("{}: leak detector {} has not been able to say dry for {}", context.dut().id,
                            *faulty, format_duration(Nanoseconds(now - memory.last_good_ns))));
  hazard.read = false;
  hazard.detected_ns = now;
  return hazard;
}

/// How long dry may go unproven now.
Nanoseconds patience_now(const StepContext& context, WatchMemory& memory, Nanoseconds grace,
                         std::int64_t now) {
  const std::optional<Nanoseconds> silence = context.planned_silence();
  if (memory.planned && !silence) memory.patient_since_ns = now;
  memory.planned = silence.has_value();
  memory.gap_is_planned = memory.gap_is_planned || memory.planned;
  return std::max(grace, silence.value_or(grace));
}

/// Every detector was answered for.
void note_gap(WatchMemory& memory, std::int64_t now) {
  double& longest = memory.gap_is_planned ? memory.longest_planned_s : memory.longest_gap_s;
  longest = std::max(longest, static_cast<double>(now - memory.last_read_ns) / kNanosecondsPerSecond);
  memory.last_read_ns = now;
  memory.gap_is_planned = memory.planned;
}

std::optional<Hazard> hazard_of_silence(const StepContext& context, const WatchMemory& memory,
                                        std::int64_t now, Nanoseconds grace, const Error& error) {
  if (!memory.armed || now - memory.blind_since_ns() <= grace.count()) return std::nullopt;
  Hazard hazard("telemetry-lost", "interlock.telemetry-lost", "",
                fmt::format("{}: leak detectors could not be read for {} ({})", context.dut().id,
                            format_duration(Nanoseconds(now - memory.last_good_ns)), error.message));
  hazard.read = false;
  hazard.detected_ns = now;
  return hazard;
}

/// What is not dry is in the record at once: the last word of a watch is lost when its station dies.
awaitable<Status> record_what_is_not_dry(StepContext& context, WatchMemory& memory) {
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::leak_detector)) {
    const auto found = memory.worst.find(expected->name);
    if (found == memory.worst.end() || badness(found->second.word) == 0) continue;
    std::string& told = memory.told[expected->name];
    if (told == found->second.word) continue;
    told = found->second.word;
    Reading reading("leak_watch.state", expected->name, told, Source{"redfish", found->second.uri});
    reading.fault_code = detector_fault_code(told);
    reading.action = detector_action(told);
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

awaitable<Status> record_watch(StepContext& context, WatchMemory& memory) {
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::leak_detector)) {
    const auto found = memory.worst.find(expected->name);
    Value value;
    const bool stale =
        !memory.not_seen_last.empty() && found != memory.worst.end() && found->second.word == "dry";
    if (found != memory.worst.end() && !stale) value = found->second.word;
    const std::string uri = found == memory.worst.end() ? "" : found->second.uri;
    Reading reading("leak_watch.state", expected->name, value, Source{"redfish", uri});
    reading.reason =
        stale ? memory.not_seen_last : std::string("the watch never got an answer about this detector");
    if (found != memory.worst.end()) {
      reading.fault_code = detector_fault_code(found->second.word);
      reading.action = detector_action(found->second.word);
    }
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  Reading gap("leak_watch.gap", "", memory.longest_gap_s,
              Source{"computed", "longest time between two answered polls"});
  const Result<Outcome> gap_outcome = co_await context.record(std::move(gap));
  if (!gap_outcome) co_return gap_outcome.error();
  Reading planned("leak_watch.planned_silence", "", memory.longest_planned_s,
                  Source{"computed", "longest time in which the BMC was away to run new firmware"});
  const Result<Outcome> planned_outcome = co_await context.record(std::move(planned));
  if (!planned_outcome) co_return planned_outcome.error();
  Reading polls("leak_watch.polls", "", memory.polls, Source{"computed", "polls of all detectors"});
  const Result<Outcome> polls_outcome = co_await context.record(std::move(polls));
  if (!polls_outcome) co_return polls_outcome.error();
  Reading unanswered("leak_watch.unanswered", "", memory.unanswered,
                     Source{"computed", "polls without an answer"});
  const Result<Outcome> unanswered_outcome = co_await context.record(std::move(unanswered));
  if (!unanswered_outcome) co_return unanswered_outcome.error();
  Reading hurried("leak_watch.hurried", "", memory.hurried,
                  Source{"redfish", "events of the BMC's EventService"});
  const Result<Outcome> hurried_outcome = co_await context.record(std::move(hurried));
  if (!hurried_outcome) co_return hurried_outcome.error();
  co_return success();
}

/// "enabled, acts after 5 s"; "not offered" where no chassis has a policy.
std::string in_words(const std::vector<LeakPolicy>& policies) {
  std::string text;
  for (const LeakPolicy& policy : policies) {
    if (!text.empty()) text += "; ";
    if (policies.size() > 1) text += policy.place + " ";
    text += !policy.enabled ? "unknown" : *policy.enabled ? "enabled" : "off";
    if (policy.reaction_delay_seconds)
      text += fmt::format(", acts after {} s", *policy.reaction_delay_seconds);
  }
  return text.empty() ? "not offered" : text;
}

/// What the BMC would do about a leak by itself. For the record: nothing relies on it, so nothing waits for
/// it longer than `budget`.
awaitable<Status> record_policy(StepContext& context, Bmc& bmc, std::string name, Nanoseconds budget,
                                const Ctx& ctx) {
  Ctx limited = ctx.child_within("leak policy", budget);
  const Result<std::vector<LeakPolicy>> policies = co_await bmc.leak_policies(limited);
  Value value;
  if (policies) value = in_words(*policies);
  const std::string uri = policies && !policies->empty() ? policies->front().uri : "";
  Reading reading(std::move(name), "", value, Source{"redfish", uri});
  if (!policies) reading.reason = policies.error().message;
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

constexpr Nanoseconds kAskAgainEvery = std::chrono::milliseconds(100);

/// One more census when the work is over, asked for until it is answered or `ctx`'s time is over: a leak
/// after the last poll, and a watch that went blind, must not end as dry.
awaitable<Status> read_once_more(StepContext& context, Bmc& bmc, WatchMemory& memory, Nanoseconds grace,
                                 Ctx& ctx) {
  while (true) {
    const Result<LeakCensus> census = co_await bmc.leak_detectors(ctx);
    ++memory.polls;
    if (census) {
      memory.not_seen_last.clear();
      const std::int64_t now = ctx.now().monotonic_ns;
      memory.planned = false;  // no plan outlives the work
      const auto states = detector_states(context.dut(), *census);
      std::optional<Hazard> hazard = hazard_of(context, states, memory, now, grace);
      const auto untold =
          std::find_if(states.begin(), states.end(), [](const auto& one) { return !one.second.told; });
      if (!hazard && untold != states.end()) {
        ++memory.unanswered;
        memory.not_seen_last = fmt::format("dry could not be shown when the work ended: {}: {}",
                                           untold->first, untold->second.reason);
        const Status waited = co_await ctx.sleep_for(kAskAgainEvery);
        if (!waited) co_return waited;
        continue;
      }
      if (!hazard) co_return success();
      memory.tripped = true;
      context.watch_armed(false);
      const Status cut = co_await context.trip(std::move(*hazard));
      co_return cut;
    }
    ++memory.unanswered;
    memory.not_seen_last =
        fmt::format("dry could not be shown when the work ended: {}", census.error().message);
    const Status waited = co_await ctx.sleep_for(kAskAgainEvery);
    if (!waited) co_return waited;
  }
}

}  // namespace

Status LeakWatch::check(const Parameters& with) const {
  const Nanoseconds grace = with.duration("grace");
  if (grace > Nanoseconds(0) && grace <= kLongestGrace) return success();
  return Error(
      "cooling.grace",
      fmt::format("cooling.leak_watch: 'grace' is {}; a watch that is blind longer than {} protects nobody",
                  format_duration(grace), format_duration(kLongestGrace)),
      "give a grace above 0 s and up to that", Blame::recipe);
}

const StepDescription& LeakWatch::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.leak_watch";
    made.bmc = {{BmcAbility::leak_detectors, true, "to cut on a leak"},
                {BmcAbility::event_stream, false, "to look at once when it tells of a leak by itself"},
                {BmcAbility::leak_policies, false, "to have on record what it does by itself about a leak"}};
    made.summary =
        "Poll the leak detectors beside everything; cut energy on a leak, or when dry can no longer be shown";
    made.measurements = {
        {"leak_watch.state", "", ComponentKind::leak_detector, true, "leak_detector.fault", "",
         "the worst the detector said during the run; only dry is good"},
        {"leak_watch.gap", "s", ComponentKind::whole_dut, false, "", "",
         "longest time between two answered polls"},
        {"leak_watch.planned_silence", "s", ComponentKind::whole_dut, false, "", "",
         "longest time between two answered polls while the BMC was away to run new firmware, with the DUT "
         "off; not in leak_watch.gap"},
        {"leak_watch.polls", "1", ComponentKind::whole_dut, false, "", "", "polls of all detectors"},
        {"leak_watch.unanswered", "1", ComponentKind::whole_dut, false, "", "", "polls without an answer"},
        {"leak_watch.hurried", "1", ComponentKind::whole_dut, false, "", "",
         "polls that an event of the BMC brought forward"},
        {"leak_policy.before", "", ComponentKind::whole_dut, false, "", "",
         "what the BMC would do about a leak by itself, when the watch began; nothing relies on it"},
        {"leak_policy.after", "", ComponentKind::whole_dut, false, "", "", "the same, when the watch ended"}};
    made.parameters = {{"grace", ParameterType::duration, "5s",
                        "how long dry may go unproven on an energised DUT before it is cut"}};
    made.monitor = true;
    made.leak_watch = true;
    return made;
  }();
  return description;
}

awaitable<Status> LeakWatch::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Nanoseconds grace = context.with().duration("grace");
  WatchMemory memory;
  // Before the first reading, so that it delays no later one.
  const Status told =
      co_await record_policy(context, **bmc, "leak_policy.before", kPolicyBudget, context.ctx());
  if (!told) co_return told;
  memory.last_read_ns = context.ctx().now().monotonic_ns;
  bool asked_again = false;
  bool hurried = false;  // this poll was brought forward
  const auto ears = std::make_shared<Ears>();
  Scope listening(context.ctx());
  bool listens = false;
  while (!context.ctx().stopped()) {
    const std::int64_t started = context.ctx().now().monotonic_ns;
    // A poll that hangs must not outlast the grace for long, or silence would be noticed late.
    const Nanoseconds left(memory.last_good_ns + grace.count() - started);  // below 0 in a planned silence
    const Nanoseconds budget =
        memory.armed ? std::min(grace, std::clamp(left, kShortestPoll, kLongestPoll)) : grace;
    const std::string masked_before = masked_now(context);
    Ctx poll = context.ctx().child_within("leak poll", budget);
    const Result<LeakCensus> census = co_await (*bmc)->leak_detectors(poll);
    if (context.ctx().stopped()) break;
    const std::int64_t now = context.ctx().now().monotonic_ns;
    ++memory.polls;
    // After a sleep of this program nothing is known of the BMC: it is asked before it is judged.
    asked_again = !census && !asked_again && overslept(started, budget, now);
    if (asked_again) continue;
    const Nanoseconds patience = patience_now(context, memory, grace, now);
    std::optional<Hazard> hazard;
    if (census) {
      auto states = detector_states(context.dut(), *census);
      const bool all_told =
          std::all_of(states.begin(), states.end(), [](const auto& one) { return one.second.told; });
      if (!all_told) ++memory.unanswered;
      if (all_told) {
        note_gap(memory, now);
      }
      // An answer to a question from before the end of a mask may still tell of the test.
      const bool any_masked = states.erase(masked_before) + states.erase(masked_now(context)) > 0;
      const bool only_masked = any_masked && states.empty();  // nothing that could say dry, or not
      if (only_masked) memory.last_good_ns = now;
      if (!only_masked) hazard = hazard_of(context, states, memory, now, patience);
      if (!hazard && !only_masked && memory.last_good_ns == now && !memory.permits && !memory.tripped) {
        memory.armed = memory.permits = true;
        context.watch_armed(true);
      }
    } else {
      ++memory.unanswered;
      hazard = hazard_of_silence(context, memory, now, patience, census.error());
    }
    // Nothing is switched on again before every detector is read.
    if (memory.planned && memory.permits && memory.last_good_ns != now) {
      memory.permits = false;
      context.watch_armed(false);
    }
    if (hazard && !memory.tripped) {
      memory.tripped = true;
      context.watch_armed(false);
      const Status cut = co_await context.trip(std::move(*hazard));
      (void)cut;  // what could be confirmed is in the record
    }
    const Status recorded = co_await record_what_is_not_dry(context, memory);
    (void)recorded;  // a broken record must not end the watch
    // After the first poll, which everything waits for.
    if (!listens) {
      listens = true;
      Bmc* door = *bmc;
      listening.start("events",
                      [&context, door, ears](Ctx& own) { return hear_events(own, context, *door, ears); });
    }
    const std::int64_t next = started + context.every().count();
    const Nanoseconds pause(std::max<std::int64_t>(next - context.ctx().now().monotonic_ns, 1'000'000));
    const bool hurried_and_dry = hurried && memory.last_good_ns == now;
    const Nanoseconds least =
        std::min(hurried_and_dry ? kLeastAfterDry : kLeastBetweenPolls, context.every());
    const Status waited = co_await pause_between_polls(context.ctx(), ears, started, pause, least);
    if (!waited) break;
    hurried = std::exchange(ears->heard, false);
    if (hurried) ++memory.hurried;
  }
  listening.request_stop(StopReason::sibling, "the watch ends");
  if (!memory.tripped) {
    Bmc* door = *bmc;
    const Status last = co_await shielded(context.ctx(), "last leak reading", grace,
                                          [&context, door, &memory, grace](Ctx& ctx) {
                                            return read_once_more(context, *door, memory, grace, ctx);
                                          });
    (void)last;  // what it could not see is in `memory`
  }
  // Not before the last reading: a subscription takes a while to delete at a BMC that does not answer.
  const Status silent = co_await listening.join();
  (void)silent;  // it has done nothing but hurry
  Bmc* door = *bmc;
  const Status policy =
      co_await shielded(context.ctx(), "leak policy", kPolicyBudget, [&context, door](Ctx& ctx) {
        return record_policy(context, *door, "leak_policy.after", kPolicyBudget, ctx);
      });
  if (!policy) co_return policy;
  const Status recorded = co_await record_watch(context, memory);
  co_return recorded;
}

}  // namespace kiln::cooling
