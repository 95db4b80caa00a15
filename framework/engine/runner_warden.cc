// Runner: what the warden says. It has its own watch over every DUT and cuts by itself; here its cut becomes
// the run's.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/detector_masks.h"
#include "engine/planned_silence.h"
#include "engine/runner_impl.h"
#include "model/interlock_reach.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kWardenSaysIt = std::chrono::seconds(5);  // its poll, the question, and the way here

std::string since(std::int64_t at_ns, std::int64_t detected_ns) {
  if (at_ns == 0) return "not confirmed";
  return format_duration(Nanoseconds(std::max<std::int64_t>(at_ns - detected_ns, 0))) +
         " after it was detected";
}

}  // namespace

void Runner::Impl::start_what_the_warden_said() {
  hears_the_warden = true;
  for (const auto& said : std::exchange(said_early, {})) said();
}

bool Runner::Impl::keep_for_later(std::function<void()> said) {
  if (!hears_the_warden) said_early.push_back(std::move(said));
  return !hears_the_warden;
}

awaitable<void> Runner::Impl::note(std::string dut, std::string text) {
  Note body_of_note;
  body_of_note.text = std::move(text);
  EventBody body = std::move(body_of_note);
  Where where(dut);
  const Status recorded = co_await recorder->record(std::move(where), std::move(body));
  (void)recorded;  // a failed ledger ends the run by itself
}

awaitable<void> Runner::Impl::cut_as_told(Trip trip, std::vector<std::string> reach) {
  DutRun* origin = trip.dut == plan.rack.id ? state->rack.get() : state->find(trip.dut);
  if (origin == nullptr && !reach.empty()) origin = state->find(reach.front());
  if (origin == nullptr) co_return;
  Hazard hazard(trip.cause, trip.code, trip.part, trip.message);
  hazard.read = trip.read;
  hazard.detected_ns = trip.detected_ns;
  Where where(origin->dut.id);
  std::set<std::string> also(reach.begin(), reach.end());
  const Status done = co_await cut(*state, *origin, std::move(where), std::move(hazard), std::move(also));
  (void)done;  // what could be confirmed is in the record
}

awaitable<void> Runner::Impl::record_fault(WatchReport report) {
  for (const auto& planned : plan.cells) {
    const Cell& cell = planned.cell;
    const auto watch =
        std::find_if(plan.monitors.begin(), plan.monitors.end(), [&cell](const PlannedMonitor& monitor) {
          return monitor.path == cell.step && monitor.step->describe().leak_watch;
        });
    if (watch == plan.monitors.end() || cell.dut != report.dut || cell.part != report.part ||
        cell.kind != ComponentKind::leak_detector)
      continue;
    Measured measured;
    measured.name = cell.measurement;
    measured.kind = cell.kind;
    measured.part = cell.part;
    measured.value = report.word;
    measured.unit = planned.unit;
    measured.outcome = Outcome::fail;
    measured.limit_text = planned.limit_text;
    measured.reason = report.why;
    measured.fault_code = report.code;
    measured.action = "find out why the detector does not say dry, also when it does again";
    measured.source = Source{"redfish", "read by the warden"};
    Where where(cell.dut, cell.step, 1, 1);
    EventBody body = std::move(measured);
    const Status recorded = co_await recorder->record(std::move(where), std::move(body));
    (void)recorded;  // a failed ledger ends the run by itself
  }
}

bool Runner::Impl::leaks_whole_rack() const {
  if (state->leaking.empty()) return false;
  return std::any_of(state->leaking.begin(), state->leaking.end(), [this](const std::string& id) {
    const DutRun* dut = id == plan.rack.id ? state->rack.get() : state->find(id);
    return dut != nullptr && concerns_whole_rack(dut->dut.role, state->leaking.size(), false);
  });
}

void Runner::Impl::expect_isolation() {
  if (isolation_expected || parts.isolation_confirm.count() == 0 || interlocks == nullptr) return;
  isolation_expected = true;
  interlocks->start("isolation", [this](Ctx& task) { return wait_for_isolation(task); });
}

awaitable<void> Runner::Impl::wait_for_isolation(const Ctx& ctx) {
  Ctx limited = ctx.child_within("isolation of the rack", parts.isolation_confirm + kWardenSaysIt);
  const Status told = co_await isolation_told.wait(limited);
  if (told && !trouble) co_return;
  co_await note(plan.rack.id, isolation_asked
                                  ? "whether the building has isolated the rack is not known: the warden did "
                                    "not say what became of it"
                                  : "the building was not asked to isolate the rack: the warden did not say "
                                    "that it has asked");
}

void Runner::warden_isolation(const IsolationReport& report) {
  Impl& impl = *impl_;
  if (impl.keep_for_later([this, report] { warden_isolation(report); }) || impl.interlocks == nullptr) return;
  impl.isolation_asked = true;
  impl.expect_isolation();
  impl.interlocks->start("note", [&impl, text = sentence_of(report)](Ctx& /*task*/) {
    return impl.note(impl.plan.rack.id, text);
  });
  if (!report.said.empty()) impl.isolation_told.open();
}

void Runner::warden_watch(const WatchReport& report) {
  Impl& impl = *impl_;
  if (impl.keep_for_later([this, report] { warden_watch(report); })) return;
  impl.state->permits.set_warden_watch(report.dut, report.ready, report.why);
  const auto look = impl.state->warden_looks.find(report.dut);
  // Without a broker nothing comes that could be waited for.
  const bool decided = report.ready || report.code == kNoBroker;
  if (decided && look != impl.state->warden_looks.end()) look->second->open();
  // A leak is told as the cut; and a BMC that has just restarted says of no detector how it is.
  const bool restarts = impl.state->silences.contains(report.dut);
  const bool at_fault = !restarts && (report.word == "fault" || report.word == "absent");
  if (!at_fault || impl.interlocks == nullptr || !impl.faults_seen.insert({report.dut, report.part}).second)
    return;
  impl.interlocks->start("fault", [&impl, report](Ctx& /*task*/) { return impl.record_fault(report); });
}

void Runner::warden_hazard(const HazardReport& report) {
  Impl& impl = *impl_;
  if (impl.keep_for_later([this, report] { warden_hazard(report); })) return;
  impl.state->permits.set_hazard_watch(report);
  if (impl.interlocks == nullptr || report.not_offered.empty() || !report.load_ready ||
      !impl.not_offered_told.insert(report.dut).second)
    return;
  std::string text = fmt::format("{}: the warden does not watch {}: its BMC does not offer it", report.dut,
                                 fmt::join(report.not_offered, ", "));
  impl.interlocks->start("note", [&impl, dut = report.dut, text = std::move(text)](Ctx& /*task*/) {
    return impl.note(dut, text);
  });
}

void Runner::warden_masked(const MaskReport& report) {
  if (impl_->state) take_mask_report(*impl_->state, report);
}

void Runner::warden_silenced(const SilenceReport& report) {
  if (impl_->state) take_silence_report(*impl_->state, report);
}

void Runner::warden_tripped(const Trip& trip, const std::vector<std::string>& reach) {
  Impl& impl = *impl_;
  if (impl.keep_for_later([this, trip, reach] { warden_tripped(trip, reach); }) || impl.interlocks == nullptr)
    return;
  for (const std::string& id : reach) {
    DutRun* dut = impl.state->find(id);
    if (dut != nullptr && dut->warden_detected_ns == 0) dut->warden_detected_ns = trip.detected_ns;
  }
  const std::string told = fmt::format("the warden cut {}: {}", fmt::join(reach, ", "), trip.message);
  if (!reach.empty())
    impl.interlocks->start("note",
                           [&impl, dut = trip.dut, told](Ctx& /*task*/) { return impl.note(dut, told); });
  impl.interlocks->start("cut",
                         [&impl, trip, reach](Ctx& /*task*/) { return impl.cut_as_told(trip, reach); });
}

void Runner::warden_cut(const CutReport& report) {
  Impl& impl = *impl_;
  if (impl.keep_for_later([this, report] { warden_cut(report); }) || impl.interlocks == nullptr) return;
  DutRun* dut = impl.state->find(report.dut);
  if (dut != nullptr) dut->warden_load_stopped_ns = report.load_stopped_ns;
  if (dut != nullptr) dut->warden_off_confirmed_ns = report.off_confirmed_ns;
  const std::int64_t detected_ns = dut == nullptr ? 0 : dut->warden_detected_ns;
  std::string text =
      fmt::format("the warden's cut of {}: load stopped {}, off {}", report.dut,
                  since(report.load_stopped_ns, detected_ns), since(report.off_confirmed_ns, detected_ns));
  if (!report.problem.empty()) text += ": " + report.problem;
  impl.interlocks->start("note",
                         [&impl, dut = report.dut, text](Ctx& /*task*/) { return impl.note(dut, text); });
}

}  // namespace kiln
