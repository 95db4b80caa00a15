#include "model/event.h"

#include <array>

#include "model/enum_words.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<WorkStatus>, 5> kStatuses{{{WorkStatus::complete, "complete"},
                                                         {WorkStatus::error, "error"},
                                                         {WorkStatus::aborted, "aborted"},
                                                         {WorkStatus::interlocked, "interlocked"},
                                                         {WorkStatus::skipped, "skipped"}}};

struct KindName {
  std::string_view operator()(const RunBegun&) const { return "run_begun"; }
  std::string_view operator()(const DutPlanned&) const { return "dut_planned"; }
  std::string_view operator()(const CellPlanned&) const { return "cell_planned"; }
  std::string_view operator()(const PartSeen&) const { return "part_seen"; }
  std::string_view operator()(const PhaseBegun&) const { return "phase_begun"; }
  std::string_view operator()(const PhaseEnded&) const { return "phase_ended"; }
  std::string_view operator()(const StepBegun&) const { return "step_begun"; }
  std::string_view operator()(const StepEnded&) const { return "step_ended"; }
  std::string_view operator()(const Measured&) const { return "measured"; }
  std::string_view operator()(const SeriesChunk&) const { return "series_chunk"; }
  std::string_view operator()(const Diagnosed&) const { return "diagnosed"; }
  std::string_view operator()(const Disturbance&) const { return "disturbance"; }
  std::string_view operator()(const Retried&) const { return "retried"; }
  std::string_view operator()(const Attached&) const { return "attached"; }
  std::string_view operator()(const Interlocked&) const { return "interlocked"; }
  std::string_view operator()(const PermitGranted&) const { return "permit_granted"; }
  std::string_view operator()(const GuardOpened&) const { return "guard_opened"; }
  std::string_view operator()(const GuardClosed&) const { return "guard_closed"; }
  std::string_view operator()(const PromptShown&) const { return "prompt_shown"; }
  std::string_view operator()(const PromptAnswered&) const { return "prompt_answered"; }
  std::string_view operator()(const StopRequested&) const { return "stop_requested"; }
  std::string_view operator()(const Note&) const { return "note"; }
  std::string_view operator()(const RunResumed&) const { return "run_resumed"; }
  std::string_view operator()(const StepResumed&) const { return "step_resumed"; }
  std::string_view operator()(const RunEnded&) const { return "run_ended"; }
  std::string_view operator()(const DetectorMasked&) const { return "detector_masked"; }
  std::string_view operator()(const PopulationGiven&) const { return "population_given"; }
};

// Written out for every kind, so that a new kind does not compile until somebody decided.
struct NeedsDurableCommit {
  bool operator()(const RunBegun&) const { return true; }
  bool operator()(const DutPlanned&) const { return false; }
  bool operator()(const CellPlanned&) const { return false; }
  bool operator()(const PartSeen&) const { return false; }
  bool operator()(const PhaseBegun&) const { return false; }
  bool operator()(const PhaseEnded&) const { return false; }
  bool operator()(const StepBegun&) const { return false; }
  bool operator()(const StepEnded&) const { return true; }
  bool operator()(const Measured& measured) const { return measured.outcome == Outcome::fail; }
  bool operator()(const SeriesChunk&) const { return false; }
  bool operator()(const Diagnosed&) const { return false; }
  bool operator()(const Disturbance&) const { return false; }
  bool operator()(const Retried&) const { return false; }
  bool operator()(const Attached&) const { return false; }
  bool operator()(const Interlocked&) const { return true; }
  bool operator()(const PermitGranted&) const { return true; }
  bool operator()(const GuardOpened&) const { return true; }
  bool operator()(const GuardClosed&) const { return true; }
  bool operator()(const PromptShown&) const { return false; }
  bool operator()(const PromptAnswered&) const { return true; }
  bool operator()(const StopRequested&) const { return true; }
  bool operator()(const Note&) const { return false; }
  bool operator()(const RunResumed&) const { return true; }
  bool operator()(const StepResumed&) const { return false; }
  bool operator()(const DetectorMasked&) const { return true; }
  bool operator()(const PopulationGiven&) const { return false; }
  bool operator()(const RunEnded&) const { return true; }
};

}  // namespace

std::string_view to_string(WorkStatus status) { return word_of(kStatuses, status); }
std::optional<WorkStatus> work_status_from(std::string_view word) { return value_of(kStatuses, word); }

std::string_view kind_name(const EventBody& body) { return std::visit(KindName{}, body); }
bool needs_durable_commit(const EventBody& body) { return std::visit(NeedsDurableCommit{}, body); }

}  // namespace kiln
