#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "gpu_steps.h"
#include "in_band.h"

namespace kiln::gpu_stress {

using boost::asio::awaitable;
using tool_output::DcgmDiag;
using tool_output::DcgmResult;
using tool_output::DcgmTest;
using tool_output::ToolVerdict;

namespace {

/// What the diagnostic says about one GPU.
struct GpuResult {
  ToolVerdict verdict = ToolVerdict::not_run;
  int results = 0;
  std::string text;  ///< what spoke against pass
};

bool may_skip(const std::vector<std::string>& names, const DcgmDiag& diag, const DcgmTest& test) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return diag.test(name) == &test; });
}

void add_text(GpuResult& gpu, const DcgmTest& test, const DcgmResult& result) {
  std::string text = fmt::format("{}: {}", test.name, result.status);
  if (!result.warnings.empty()) text += fmt::format(" ({})", result.warnings.front().text);
  gpu.text += (gpu.text.empty() ? "" : "; ") + text;
}

GpuResult result_of(const DcgmDiag& diag, std::int64_t entity, const std::vector<std::string>& skippable) {
  GpuResult gpu;
  ToolVerdict worst = ToolVerdict::pass;
  for (const DcgmTest& test : diag.tests) {
    for (const DcgmResult& result : test.results) {
      if (result.entity_group != "GPU" || result.entity_id.value_or(entity) != entity) continue;
      if (result.verdict == ToolVerdict::skip && may_skip(skippable, diag, test)) continue;
      ToolVerdict verdict = result.verdict;
      // A node's setting, or somebody else on the GPU, is no verdict on it.
      if (result.only_set_up()) verdict = ToolVerdict::unknown;
      ++gpu.results;
      worst = tool_output::worse(worst, verdict);
      if (verdict != ToolVerdict::pass) add_text(gpu, test, result);
    }
  }
  if (gpu.results > 0) gpu.verdict = worst;
  return gpu;
}

/// DCGM's number of each expected GPU: by serial where DCGM tells it, else by the driver's order.
std::map<std::string, std::int64_t> entities_of(const Dut& dut, const DcgmDiag& diag,
                                                const tool_output::NvidiaSmiQuery& query) {
  const GpuMatch match = match_gpus(dut, query);
  std::map<std::string, std::int64_t> entities;
  for (const auto& [name, gpu] : match.by_name) {
    const auto place = std::find_if(query.gpus.begin(), query.gpus.end(),
                                    [gpu = gpu](const auto& each) { return &each == gpu; });
    std::int64_t entity = place - query.gpus.begin();
    for (const auto& known : diag.entities) {
      if (known.group == "GPU" && !known.serial.empty() && known.serial == gpu->serial) entity = known.id;
    }
    entities[name] = entity;
  }
  return entities;
}

Reading reading_of(const std::string& part, const GpuResult& gpu, const DcgmDiag& diag) {
  Reading reading("dcgm.result", part, std::string(to_string(gpu.verdict)), Source{"ssh", "dcgmi diag"});
  if (!gpu.text.empty()) reading.action = fmt::format("see DCGM: {}", gpu.text);
  const bool proves_nothing = gpu.verdict == ToolVerdict::not_run || gpu.verdict == ToolVerdict::unknown ||
                              gpu.verdict == ToolVerdict::skip ||
                              (gpu.verdict != ToolVerdict::fail && diag.incomplete);
  if (proves_nothing) {
    reading.value = std::monostate{};
    reading.reason = !gpu.text.empty() ? gpu.text
                     : diag.incomplete ? diag.incomplete_reason
                                       : "DCGM has no result for this GPU";
  }
  return reading;
}

}  // namespace

const StepDescription& DcgmDiagnostic::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "gpu_stress.dcgm_diag";
    made.uses_fabric = true;
    made.summary = "NVIDIA's own diagnostic (dcgmi diag), judged per GPU";
    made.measurements = {{"dcgm.result", "", ComponentKind::gpu, true, "dcgm.failed",
                          "see the attached report of DCGM", "the worst result of all tests on this GPU"}};
    made.parameters = {
        {"level", ParameterType::integer, "3", "run level 1 to 4: seconds, 2 minutes, 30 minutes, 2 hours"},
        {"limit", ParameterType::duration, "150m", "hard time limit on the host"},
        {"may_skip", ParameterType::list, "", "names of tests whose skip is accepted"}};
    made.energises = Energy::load;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::hours(3);
    return made;
  }();
  return description;
}

Status DcgmDiagnostic::check(const Parameters& with) const {
  if (with.integer("level") >= 1 && with.integer("level") <= 4) return success();
  return Error("gpu_stress.dcgm_level",
               fmt::format("gpu_stress.dcgm_diag: there is no run level {}", with.integer("level")),
               "give a level from 1 to 4", Blame::recipe);
}

awaitable<Status> DcgmDiagnostic::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Result<tool_output::NvidiaSmiQuery> query = co_await query_gpus(context.ctx(), **shell, kQueryBudget);
  if (!query) co_return query.error();
  const Result<Permit> permit = context.permit(Energy::load, "run DCGM's stress tests");
  if (!permit) co_return permit.error();
  // The load is in nvvs, which DCGM's host engine starts; ending dcgmi alone would leave it running.
  Undo undo(Undo::Kind::shell_command, fmt::format("stop the DCGM diagnostic on {}", context.dut().id),
            "pkill -TERM -x nvvs");
  const Result<int> guard = co_await context.open_guard(std::move(undo));
  if (!guard) co_return guard.error();
  const Nanoseconds limit = context.with().duration("limit");
  Ctx limited = context.ctx().child_within("dcgmi diag", limit + kAnswerBudget);
  Command command(fmt::format("timeout --signal=TERM --kill-after=5 {} dcgmi diag -r {} -j",
                              limit.count() / 1'000'000'000, context.with().integer("level")));
  context.progress("DCGM diagnostic");
  const Result<CommandResult> result = co_await run_load(limited, *permit, **shell, std::move(command));
  if (!result) co_return result.error();
  if (const auto absent = not_installed(*result, "dcgmi", context.dut().id,
                                        "install datacenter-gpu-manager in the host image")) {
    const Status released = co_await context.release_guard(*guard, "dcgmi never started");
    if (!released) co_return released;
    co_return *absent;
  }
  if (result->exit_status == kTimedOut || result->exit_status == kKilled || result->signal) {
    co_return Error("dcgmi.hung",
                    fmt::format("{}: dcgmi diag was killed before it was done", context.dut().id),
                    "give it a longer 'limit', or look for the GPU that hangs", Blame::peer);
  }
  std::string why = fmt::format("dcgmi ended by itself with status {}", result->exit_status);
  const Status released = co_await context.release_guard(*guard, std::move(why));
  if (!released) co_return released;
  const Status attached = co_await context.attach("dcgmi-diag.json", "application/json", result->out);
  if (!attached) co_return attached;
  const Result<DcgmDiag> diag = tool_output::parse_dcgm_diag_json(result->out);
  if (!diag) {
    co_return Error("dcgmi.failed",
                    fmt::format("{}: dcgmi diag ended with status {}: {}", context.dut().id,
                                result->exit_status, first_line(*result)),
                    "check that nv-hostengine runs (systemctl status nvidia-dcgm)", Blame::peer);
  }
  if (!diag->runtime_error.empty()) {
    co_return Error("dcgmi.did_not_run",
                    fmt::format("{}: DCGM says: {}", context.dut().id, diag->runtime_error),
                    "see DCGM's log on the host", Blame::peer);
  }
  const auto entities = entities_of(context.dut(), *diag, *query);
  const std::vector<std::string> skippable = context.with().list("may_skip");
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::gpu)) {
    GpuResult gpu;
    const auto entity = entities.find(expected->name);
    if (entity != entities.end()) gpu = result_of(*diag, entity->second, skippable);
    Reading reading = reading_of(expected->name, gpu, *diag);
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

}  // namespace kiln::gpu_stress
