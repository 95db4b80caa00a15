// Runner: what the warden says. It has its own watch over every DUT and cuts by itself; here its cut becomes
// the run's.

#include <fmt/format.h>

#include "engine/runner_impl.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

std::string since(std::int64_t at_ns, std::int64_t detected_ns) {
  if (at_ns == 0) return "not confirmed";
  return format_duration(Nanoseconds(std::max<std::int64_t>(at_ns - detected_ns, 0))) +
         " after it was detected";
}

}  // namespace

void Runner::Impl::start_what_the_warden_said() {
  for (const auto& said : std::exchange(said_early, {})) said();
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
  DutRun* origin = state->find(trip.dut);
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

void Runner::warden_watch(const std::string& dut, bool ready, const std::string& why) {
  Impl& impl = *impl_;
  if (!impl.state) {
    impl.said_early.emplace_back([this, dut, ready, why] { warden_watch(dut, ready, why); });
    return;
  }
  impl.state->permits.set_warden_watch(dut, ready, why);
  const auto look = impl.state->warden_looks.find(dut);
  if (ready && look != impl.state->warden_looks.end()) look->second->open();
}

void Runner::warden_tripped(const Trip& trip, const std::vector<std::string>& reach) {
  Impl& impl = *impl_;
  if (impl.interlocks == nullptr) {
    if (!impl.state) impl.said_early.emplace_back([this, trip, reach] { warden_tripped(trip, reach); });
    return;
  }
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
  if (impl.interlocks == nullptr) return;
  const DutRun* dut = impl.state->find(report.dut);
  const std::int64_t detected_ns = dut == nullptr ? 0 : dut->warden_detected_ns;
  std::string text =
      fmt::format("the warden's cut of {}: load stopped {}, off {}", report.dut,
                  since(report.load_stopped_ns, detected_ns), since(report.off_confirmed_ns, detected_ns));
  if (!report.problem.empty()) text += ": " + report.problem;
  impl.interlocks->start("note",
                         [&impl, dut = report.dut, text](Ctx& /*task*/) { return impl.note(dut, text); });
}

}  // namespace kiln
