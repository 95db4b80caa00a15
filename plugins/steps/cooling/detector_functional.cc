// A guided functional test of every leak detector: a person wets one after the other, and the warden, which
// would cut for it, must see each leak and see it dry again.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cooling_steps.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

constexpr double kNanosecondsInASecond = 1e9;
constexpr Nanoseconds kLookEvery = std::chrono::milliseconds(50);
/// Of the 120 s of a mask, kept for the last reading and the unmasking: a detector that is still wet when its
/// mask ends is a leak, and its tray is cut.
constexpr Nanoseconds kKept = std::chrono::seconds(5);

/// What became of one detector.
struct Tested {
  std::string result;  ///< "seen and cleared", …; empty: it was not tested
  std::string why, by;
  std::optional<double> seen_after, cleared_after;  ///< s, since the person said so
};

std::vector<std::string> wanted(const Parameters& with, const Dut& dut) {
  std::vector<std::string> names = with.list("detectors");
  if (!names.empty()) return names;
  for (const Component* expected : dut.expect.of_kind(ComponentKind::leak_detector))
    names.push_back(expected->name);
  return names;
}

Status all_expected(const std::vector<std::string>& names, const Dut& dut) {
  if (names.empty()) {
    return Error(
        "cooling.no_detectors",
        fmt::format("the rack file expects no leak detectors of {}, so there is none to test", dut.id),
        "give its leak detectors under 'expect', or leave it out of this step", Blame::recipe);
  }
  std::vector<std::string> expected;
  for (const Component* one : dut.expect.of_kind(ComponentKind::leak_detector)) expected.push_back(one->name);
  for (const std::string& name : names) {
    if (std::find(expected.begin(), expected.end(), name) != expected.end()) continue;
    return Error("cooling.unknown_detector",
                 fmt::format("{} has no leak detector '{}'{}", dut.id, name, did_you_mean(name, expected)),
                 "name it as the rack file does", Blame::recipe);
  }
  return success();
}

PromptRequest question(const StepContext& context, const std::string& id, std::string text,
                       Nanoseconds timeout) {
  PromptRequest request;
  request.id = id;
  request.text = std::move(text);
  request.picture = context.with().text("picture");
  request.answer = PromptRequest::Answer::confirm;
  request.timeout = timeout;
  request.on_timeout = PromptRequest::OnTimeout::fail;
  return request;
}

double seconds(std::int64_t from_ns, std::int64_t to_ns) {
  return static_cast<double>(std::max<std::int64_t>(to_ns - from_ns, 0)) / kNanosecondsInASecond;
}

Nanoseconds left_of(const MaskReport& mask, std::int64_t now_ns) {
  return Nanoseconds(mask.since_ns + kMaskLasts.count() - kKept.count() - now_ns);
}

/// Until the warden has seen it (`dry`: dry again), the mask has ended or `most` is over. nullopt: it has
/// not.
awaitable<Result<std::optional<std::int64_t>>> seen(StepContext& context, bool dry, Nanoseconds most) {
  const std::int64_t until_ns = context.ctx().now().monotonic_ns + most.count();
  while (true) {
    const std::optional<MaskReport> mask = context.masked_detector();
    if (!mask) co_return std::optional<std::int64_t>();
    const std::int64_t at_ns = dry ? mask->dry_ns : mask->wet_ns;
    if (at_ns != 0) co_return std::optional<std::int64_t>(at_ns);
    if (mask->state != MaskReport::State::on || context.ctx().now().monotonic_ns >= until_ns)
      co_return std::optional<std::int64_t>();
    const Status waited = co_await context.ctx().sleep_for(kLookEvery);
    if (!waited) co_return waited.error();
  }
}

/// The masked part of the test. An Error: the work could not go on.
awaitable<Status> wet_and_dry(StepContext& context, std::string part, Tested& tested) {
  const std::string place = fmt::format("leak detector {} of {}", part, context.dut().id);
  const std::int64_t said_ns = context.ctx().now().monotonic_ns;
  context.progress(part + ": wet it now");
  const Nanoseconds within = context.with().duration("within");
  const Result<std::optional<std::int64_t>> wet = co_await seen(context, false, within);
  if (!wet) co_return wet.error();
  std::optional<MaskReport> mask = context.masked_detector();
  if (!*wet || !mask) {
    tested.result = "not seen";
    tested.why = fmt::format("the warden did not read it as leaking within {}; it said {}",
                             format_duration(within), mask && !mask->word.empty() ? mask->word : "nothing");
    co_return success();
  }
  tested.seen_after = seconds(said_ns, **wet);
  context.progress(part + ": seen; dry it now");
  const std::string dry_it =
      fmt::format("The leak at {} was seen after {:.1f} s. Dry it, then answer", place, *tested.seen_after);
  const Nanoseconds left = left_of(*mask, context.ctx().now().monotonic_ns);
  PromptRequest request = question(context, "dry " + part, dry_it, std::max(left, kLookEvery));
  const Result<PromptAnswer> dried = co_await context.prompt(std::move(request));
  if (!dried && !dried.error().code.starts_with("prompt.")) co_return dried.error();
  const std::int64_t dried_ns = context.ctx().now().monotonic_ns;
  mask = context.masked_detector();
  const Nanoseconds rest = mask ? left_of(*mask, dried_ns) : Nanoseconds(0);
  const Result<std::optional<std::int64_t>> dry = co_await seen(context, true, std::max(rest, kLookEvery));
  if (!dry) co_return dry.error();
  tested.result = *dry ? "seen and cleared" : "not cleared";
  if (*dry) tested.cleared_after = seconds(dried_ns, **dry);
  if (!*dry) tested.why = "it did not read dry again before its mask had to end";
  co_return success();
}

awaitable<Status> test_one(StepContext& context, std::string part, Tested& tested) {
  const std::string text = fmt::format(
      "Be at leak detector {} of {} with {}. Answer, and wet it when it says 'wet it now' "
      "here: from then on it is not judged for {}",
      part, context.dut().id, context.with().text("how"), format_duration(kMaskLasts));
  PromptRequest request = question(context, "wet " + part, text, context.with().duration("patience"));
  const Result<PromptAnswer> ready = co_await context.prompt(std::move(request));
  if (!ready && !ready.error().code.starts_with("prompt.")) co_return ready.error();
  if (!ready || !ready->confirmed) {
    tested.why =
        ready ? fmt::format("{} could not do it: {}", ready->by, ready->text) : ready.error().message;
    co_return success();
  }
  tested.by = ready->by;
  const Status masked = co_await context.mask_detector(part);
  if (!masked) co_return masked;
  const Status done = co_await wet_and_dry(context, part, tested);
  const Status unmasked = co_await context.unmask_detector();
  co_return done ? unmasked : done;
}

awaitable<Status> record_one(StepContext& context, std::string part, const Tested& tested) {
  const Source source{"operator", tested.by.empty() ? "nobody did it" : "wetted by " + tested.by};
  Value word;
  if (!tested.result.empty()) word = tested.result;
  Reading result("detector_test.result", part, word, source);
  result.reason = tested.why;
  if (tested.result == "not cleared") result.fault_code = "leak_detector.not_cleared";
  if (tested.result == "not cleared")
    result.action = "dry it and look for a leak; replace the detector if it stays wet";
  const Result<Outcome> told = co_await context.record(std::move(result));
  if (!told) co_return told.error();
  if (!tested.why.empty() && !tested.result.empty()) {
    std::string text = fmt::format("{}: {}: {}", part, tested.result, tested.why);
    const Status noted = co_await context.note(std::move(text));
    if (!noted) co_return noted;
  }
  const Source warden{"warden", "its own reading of the detector, while masked"};
  Value seen_after;
  if (tested.seen_after) seen_after = *tested.seen_after;
  Reading seen("detector_test.seen_after", part, seen_after, warden);
  seen.reason = tested.why;
  const Result<Outcome> seen_told = co_await context.record(std::move(seen));
  if (!seen_told) co_return seen_told.error();
  Value cleared_after;
  if (tested.cleared_after) cleared_after = *tested.cleared_after;
  Reading cleared("detector_test.cleared_after", part, cleared_after, warden);
  cleared.reason = tested.why;
  const Result<Outcome> cleared_told = co_await context.record(std::move(cleared));
  if (!cleared_told) co_return cleared_told.error();
  co_return success();
}

}  // namespace

const StepDescription& DetectorTest::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.detector_test";
    made.bmc = {{BmcAbility::leak_detectors, true, "to see the detector that is made wet"}};
    made.summary =
        "A person wets each leak detector of a DUT that is off; the warden must see it, and see it dry again";
    made.measurements = {
        {"detector_test.result", "", ComponentKind::leak_detector, true, "leak_detector.not_seen",
         "replace the detector or its cable: it does not say what happens to it",
         "seen and cleared, not seen, or not cleared; only the first is good"},
        {"detector_test.seen_after", "s", ComponentKind::leak_detector, true, "leak_detector.slow",
         "replace the detector or its cable, or see why its BMC is slow",
         "from the word to wet it to the warden's reading: a hand, the detector and the poll"},
        {"detector_test.cleared_after", "s", ComponentKind::leak_detector, false, "", "",
         "from the person's word that it is dry to the warden's reading"}};
    made.parameters = {
        {"detectors", ParameterType::list, "", "names; none given: every expected one"},
        {"within", ParameterType::duration, "30s", "how long to wait for it to be seen"},
        {"how", ParameterType::text, "a few drops of deionised water and a cloth", "what it is wetted with"},
        {"picture", ParameterType::text, "", "file name of a picture that shows the detectors"},
        {"patience", ParameterType::duration, "10m", "how long to wait for the person, per detector"}};
    made.masks_detectors = true;
    made.default_timeout = std::chrono::hours(4);
    return made;
  }();
  return description;
}

Status DetectorTest::check(const Parameters& with) const {
  const Nanoseconds within = with.duration("within");
  if (within > Nanoseconds(0) && within <= kMaskLasts / 2) return success();
  return Error("cooling.detector_test",
               fmt::format("cooling.detector_test: 'within' is {}; of the {} that a detector is masked, some "
                           "must be left to dry it",
                           format_duration(within), format_duration(kMaskLasts)),
               fmt::format("give more than 0 s and at most {}", format_duration(kMaskLasts / 2)),
               Blame::recipe);
}

std::vector<std::string> DetectorTest::parts(const MeasurementDeclaration& /*measurement*/,
                                             const Parameters& with, const Dut& dut) const {
  return wanted(with, dut);
}

awaitable<Status> DetectorTest::run(StepContext& context) {
  // Before anybody walks there.
  const Status known = all_expected(wanted(context.with(), context.dut()), context.dut());
  if (!known) co_return known;
  for (const std::string& part : wanted(context.with(), context.dut())) {
    Tested tested;
    const Status done = co_await test_one(context, part, tested);
    if (!done) co_return done;
    const Status recorded = co_await record_one(context, part, tested);
    if (!recorded) co_return recorded;
  }
  co_return success();
}

}  // namespace kiln::cooling
