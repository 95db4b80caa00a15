#include "station/rerun_basis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "station/resumable.h"

namespace kiln {
namespace {

Error no_rerun(std::string code, std::string what, std::string action) {
  return {std::move(code), std::move(what), std::move(action), Blame::operator_};
}

}  // namespace

Result<RerunBasis> read_rerun_basis(const RunView& view, const std::string& run) {
  const Result<RunSummary> summary = view.run(run);
  if (!summary) return summary.error();
  if (summary->state == RunState::running)
    return no_rerun("run.alive", fmt::format("{} is being driven by process {}", run, summary->pid),
                    fmt::format("join it: kiln watch {}", run));
  if (summary->broken && !summary->broken->writer_gone)
    return no_rerun("rerun.record_broken", summary->broken->sentence(), "run it anew");
  const Result<ChainCheck> chain = view.verify_chain(run);
  if (!chain) return chain.error();
  if (!chain->intact)
    return no_rerun("rerun.record_changed",
                    fmt::format("the record of {} is not as it was written: {}", run, chain->reason),
                    "keep the file as evidence, and run it anew");
  const Result<RunEvents> events = view.events(run);
  if (!events) return events.error();
  RerunBasis basis;
  basis.run = run;
  basis.about = summary->about;
  if (basis.about.recipe_file.empty())
    return no_rerun("rerun.old_record",
                    fmt::format("the record of {} does not say which recipe file it ran", run),
                    "run it anew");
  const RunVerdict verdict = roll_up(*events);
  if (!verdict.decision)
    return no_rerun("rerun.survey", fmt::format("{} is a survey: it decides nothing, so nothing failed", run),
                    "run it anew");
  basis.work = unfinished_work(verdict, events->events);
  if (!basis.work.steps.empty()) return basis;
  if (!basis.work.beyond_steps.empty())
    return no_rerun("rerun.beyond_steps",
                    fmt::format("{} is {}, and no step can be done again for it: {}", run,
                                to_string(*verdict.decision), fmt::join(basis.work.beyond_steps, "; ")),
                    "see to that, then run it anew");
  return no_rerun(
      "rerun.nothing_failed",
      fmt::format("{} is {}: nothing failed, and nothing was left out", run, to_string(*verdict.decision)),
      fmt::format("see kiln show {}", run));
}

CommandLine command_line_to_rerun(const CommandLine& typed, const RerunBasis& basis) {
  CommandLine line = command_line_as_begun(typed, basis.about);
  line.operator_name = typed.operator_name;
  if (!typed.rack_file.empty()) line.rack_file = typed.rack_file;
  if (!typed.scans.empty()) line.scans = typed.scans;
  line.retest_of = basis.run;
  line.retest_cause = typed.retest_cause;
  return line;
}

Status refuse_another_basis(const RerunBasis& basis, const RunSetup& now, const CommandLine& line) {
  const RunBegun& about = basis.about;
  const Plan& plan = *now.plan;
  std::vector<std::string> changed;
  const auto compare = [&changed](bool same, std::string what) {
    if (!same) changed.push_back(std::move(what));
  };
  const auto& baseline = plan.inventory.firmware_baseline;
  compare(about.recipe_sha256 == plan.recipe.sha256,
          fmt::format("the recipe {} or a fragment of it", about.recipe_file));
  compare(about.parameters == plan.recipe.parameters, "a parameter of the recipe");
  compare(about.limits_sha256 == plan.limits.sha256,
          fmt::format("the limits {}", plan.limits.file.empty() ? about.limits_file : plan.limits.file));
  compare(about.firmware_baseline_sha256 == (baseline ? baseline->sha256 : std::string()),
          fmt::format("the firmware baseline {}", about.firmware_baseline));
  compare(about.rack == plan.inventory.rack && about.product == plan.inventory.product &&
              about.simulated == plan.inventory.simulated,
          fmt::format("the rack ({} of {} then, {} of {} now)", about.rack, about.product,
                      plan.inventory.rack, plan.inventory.product));
  if (!changed.empty())
    return no_rerun(
        "rerun.changed",
        fmt::format("since {} began, this was changed: {}: it would be another test, not a retest", basis.run,
                    fmt::join(changed, "; ")),
        "put it back as it was, or run it anew");
  if (about.inventory_sha256 != plan.inventory.sha256 && line.retest_cause.empty())
    return no_rerun(
        "rerun.changed",
        fmt::format("the rack file {} is not as it was when {} began", plan.inventory.file, basis.run),
        "say what was exchanged or corrected: --cause TEXT; or put it back as it was");
  return success();
}

}  // namespace kiln
