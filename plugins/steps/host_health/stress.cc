#include <fmt/format.h>

#include "host_steps.h"
#include "sdk/tool_output.h"

namespace kiln::host_health {

using boost::asio::awaitable;

namespace {

constexpr int kCommandNotFound = 127;  // POSIX shell

std::int64_t whole_seconds(Nanoseconds duration) {
  return std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

}  // namespace

awaitable<Result<CommandResult>> run_tool(StepContext& context, std::string line, Nanoseconds limit) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const std::string limited =
      fmt::format("timeout --signal=TERM --kill-after=5 {} {}", whole_seconds(limit), line);
  Command command(limited);
  Result<CommandResult> result = co_await (*shell)->run(context.ctx(), std::move(command));
  if (result && result->exit_status == kCommandNotFound) {
    co_return Error("tool.not_installed",
                    fmt::format("{}: '{}' is not installed on the host", context.dut().id,
                                line.substr(0, line.find(' '))),
                    "install it on the host", Blame::peer);
  }
  co_return result;
}

Stress::Stress(Target target) : target_(target) {
  const bool cpu = target == Target::cpu;
  description_.use = cpu ? "host_health.cpu_stress" : "host_health.memory_stress";
  description_.summary =
      cpu ? "Load all CPUs with verified methods" : "Fill memory with patterns and verify them";
  description_.measurements = {
      {cpu ? "cpu.stress.failures" : "memory.stress.failures", "1", ComponentKind::whole_dut, true,
       cpu ? "cpu.wrong_result" : "memory.wrong_data",
       cpu ? "replace the CPU" : "find the DIMM with EDAC and replace it",
       "stressors that computed or read back something wrong"},
      {cpu ? "cpu.stress.operations" : "memory.stress.operations", "1/s", ComponentKind::whole_dut, false, "",
       "", "bogo operations per second, all stressors"}};
  description_.parameters = {{"for", ParameterType::duration, "20s", "how long"},
                             {"share", ParameterType::text, cpu ? "0" : "60%",
                              cpu ? "instances; 0 = one per CPU" : "of the free memory to use"}};
  description_.energises = Energy::host_stress;
  description_.on_resume = ResumePolicy::keep;
  description_.default_timeout = std::chrono::hours(26);
}

awaitable<Status> Stress::run(StepContext& context) {
  const bool cpu = target_ == Target::cpu;
  const Result<Permit> permit = context.permit(Energy::host_stress, description_.summary);
  if (!permit) co_return permit.error();
  Undo undo(Undo::Kind::shell_command, "stop stress-ng", "pkill -TERM -x stress-ng");
  const Result<int> guard = co_await context.open_guard(std::move(undo));
  if (!guard) co_return guard.error();
  const Nanoseconds length = context.with().duration("for");
  const std::string share = shell_quoted(context.with().text("share"));
  const std::string line =
      fmt::format("stress-ng {} --verify --metrics-brief --timeout {}s",
                  cpu ? "--cpu " + share + " --cpu-method all" : "--vm 1 --vm-method all --vm-bytes " + share,
                  whole_seconds(length));
  const Result<CommandResult> answer = co_await run_tool(context, line, length + std::chrono::seconds(30));
  if (!answer) co_return answer.error();
  const Status released = co_await context.release_guard(*guard, "stress-ng ended by itself");
  if (!released) co_return released;
  const std::string text = answer->out + answer->err;
  const Status attached = co_await context.attach("stress-ng.txt", "text/plain", text);
  if (!attached) co_return attached;
  const auto parsed = tool_output::parse_stress_ng(text);
  if (!parsed) co_return parsed.error();
  const auto verdict = parsed->verdict();
  Value failures;
  if (verdict == tool_output::ToolVerdict::fail) {
    failures = static_cast<std::int64_t>(std::max<std::size_t>(1, parsed->failures.size()));
  } else if (verdict == tool_output::ToolVerdict::pass && answer->exit_status == 0) {
    failures = std::int64_t{0};
  }
  Reading reading(cpu ? "cpu.stress.failures" : "memory.stress.failures", "", failures, Source{"ssh", line});
  reading.reason =
      fmt::format("stress-ng did not prove a complete verified run (exit status {})", answer->exit_status);
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  double operations = 0;
  for (const auto& metric : parsed->metrics) operations += metric.operations_per_second_real.value_or(0);
  Reading rate(cpu ? "cpu.stress.operations" : "memory.stress.operations", "", operations,
               Source{"ssh", line});
  const Result<Outcome> rated = co_await context.record(std::move(rate));
  if (!rated) co_return rated.error();
  co_return success();
}

awaitable<Status> CpuStress::run(StepContext& context) {
  const Status done = co_await stress_.run(context);
  co_return done;
}

awaitable<Status> MemoryStress::run(StepContext& context) {
  const Status done = co_await stress_.run(context);
  co_return done;
}

}  // namespace kiln::host_health
