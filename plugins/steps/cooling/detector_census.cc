#include <fmt/format.h>

#include "cooling_steps.h"

namespace kiln::cooling {

using boost::asio::awaitable;

const StepDescription& DetectorCensus::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.detector_census";
    made.bmc = {{BmcAbility::leak_detectors, true, "to know the state of each detector"}};
    made.summary = "Every expected leak detector is there, enabled and dry";
    made.measurements = {
        {"leak_detector.state", "", ComponentKind::leak_detector, true, "leak_detector.fault", "",
         "dry, leak, suspect, fault or absent; only dry is good"},
        {"leak_detector.count", "1", ComponentKind::whole_dut, true, "leak_detector.absent",
         "seat or replace the missing detector", "detectors the BMC lists, against the expected number"}};
    made.default_timeout = std::chrono::seconds(60);
    return made;
  }();
  return description;
}

awaitable<Status> DetectorCensus::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<LeakCensus> census = co_await (*bmc)->leak_detectors(context.ctx());
  if (!census) co_return census.error();
  const auto states = detector_states(context.dut(), *census);
  for (const auto& [name, state] : states) {
    if (state.told) continue;
    co_return Error("leak_detector.unreadable",
                    fmt::format("{}: what its BMC says of leak detector {} cannot be used ({})",
                                context.dut().id, name, state.reason),
                    "run it again; a BMC that goes on so needs a reset or an update", Blame::peer);
  }
  std::int64_t listed = 0;
  for (const auto& [name, state] : states) {
    if (state.word != "absent") ++listed;
    Reading reading("leak_detector.state", name, state.word, Source{"redfish", state.uri});
    reading.fault_code = detector_fault_code(state.word);
    reading.action = detector_action(state.word);
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  const auto expected = context.dut().expect.of_kind(ComponentKind::leak_detector).size();
  Reading count("leak_detector.count", "", listed, Source{"redfish", "LeakDetectors"});
  count.expected = static_cast<std::int64_t>(expected);
  const Result<Outcome> outcome = co_await context.record(std::move(count));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace kiln::cooling
