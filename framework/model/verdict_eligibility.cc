// VerdictAccumulator: whether a run can be signed off at all, whatever it decided.
#include <fmt/format.h>

#include <algorithm>

#include "model/verdict.h"

namespace kiln {
namespace {

/// Steps name so what says for how long nothing was read: "gpu.telemetry.gap".
constexpr std::size_t kNamedGaps = 2;  // page 1 has no room for those of a whole rack
constexpr std::string_view kGapOfTelemetry = ".telemetry.gap";

void add_once(std::vector<std::string>& all, std::string why) {
  if (std::find(all.begin(), all.end(), why) == all.end()) all.push_back(std::move(why));
}

/// What was not watched for longer than is allowed, one sentence for the DUT.
std::string telemetry_gap_of(const DutVerdict& dut) {
  std::string first;
  int parts = 0;
  for (const CellVerdict& cell : dut.cells) {
    const bool measured_as_bad = cell.state == CellState::failed || cell.state == CellState::waived ||
                                 cell.code == "measurement.unset";
    if (!cell.cell.measurement.ends_with(kGapOfTelemetry) || !measured_as_bad) continue;
    if (parts++ == 0) first = cell.cell.part.empty() ? cell.message : cell.cell.part + ": " + cell.message;
  }
  for (const Interlocked& cut : dut.interlocks) {
    if (cut.hazard_read) continue;
    if (parts++ == 0) first = cut.message;
  }
  if (parts == 0) return {};
  return fmt::format("telemetry of {} was missing for longer than allowed: {}{}", dut.id, first,
                     parts > 1 ? fmt::format(" (and {} more)", parts - 1) : "");
}

}  // namespace

void VerdictAccumulator::judge_eligibility(RunVerdict& run) const {
  const RunBegun& begun = begun_->second;
  run.not_eligible_because = begun.not_eligible_because;
  if (begun.simulated && run.not_eligible_because.empty())
    run.not_eligible_because = {"the rack is simulated"};
  for (const RunResumed& resumed : run.interruptions) {
    for (const std::string& why : resumed.not_eligible_because) add_once(run.not_eligible_because, why);
  }
  for (const Instrument& instrument : begun.instruments) {
    if (std::optional<std::string> why = overdue_because(instrument, last_utc_ns_))
      add_once(run.not_eligible_because, *std::move(why));
  }
  std::size_t gaps = 0;
  for (const DutVerdict& dut : run.duts) {
    std::string why = telemetry_gap_of(dut);
    if (!why.empty() && gaps++ < kNamedGaps) add_once(run.not_eligible_because, std::move(why));
  }
  if (gaps > kNamedGaps)
    run.not_eligible_because.push_back(fmt::format("and of {} more DUTs", gaps - kNamedGaps));
  if (!run.not_eligible_because.empty()) run.sign_off = "not-eligible";
}

}  // namespace kiln
