#include <fmt/format.h>

#include "host_steps.h"
#include "sdk/tool_output.h"

namespace kiln::host_health {

using boost::asio::awaitable;

const StepDescription& Disk::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "host_health.disk";
    made.summary = "Write a file with checksums, read it back and compare every block";
    made.measurements = {
        {"disk.verify.errors", "1", ComponentKind::whole_dut, true, "disk.wrong_data",
         "check cabling, then replace the drive", "jobs that read back something else than was written"},
        {"disk.write.rate", "MBy/s", ComponentKind::whole_dut, false, "", "", "while writing"}};
    made.parameters = {{"directory", ParameterType::text, "/var/tmp", "on the drive to test"},
                       {"size", ParameterType::text, "256m", "of the file, as fio reads it"},
                       {"limit", ParameterType::duration, "10m", "hard time limit on the host"}};
    made.energises = Energy::host_stress;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::minutes(15);
    return made;
  }();
  return description;
}

awaitable<Status> Disk::run(StepContext& context) {
  const Result<Permit> permit = context.permit(Energy::host_stress, "disk verification");
  if (!permit) co_return permit.error();
  const std::string file = shell_quoted(context.with().text("directory") + "/kiln-disk-check");
  Undo undo(Undo::Kind::shell_command, "stop fio and remove its file", "pkill -TERM -x fio; rm -f " + file);
  const Result<int> guard = co_await context.open_guard(std::move(undo));
  if (!guard) co_return guard.error();
  const std::string line = fmt::format(
      "fio --name=verify --filename={} --size={} --rw=write --bs=1m --direct=0 --end_fsync=1 --verify=crc32c "
      "--do_verify=1 "
      "--verify_fatal=1 --output-format=json",
      file, shell_quoted(context.with().text("size")));
  const Result<CommandResult> answer = co_await run_tool(context, line, context.with().duration("limit"));
  if (!answer) co_return answer.error();
  const Status cleaned = co_await context.close_guard(*guard);
  if (!cleaned) co_return cleaned;
  const Status attached = co_await context.attach("fio.json", "application/json", answer->out + answer->err);
  if (!attached) co_return attached;
  const auto parsed = tool_output::parse_fio_json(answer->out);
  if (!parsed) co_return parsed.error();
  Value errors;
  const auto verdict = parsed->verdict();
  if (verdict == tool_output::ToolVerdict::fail) {
    std::int64_t failed = 0;
    for (const auto& job : parsed->jobs) failed += job.error != 0 ? 1 : 0;
    errors = std::max<std::int64_t>(1, failed);
  } else if (verdict == tool_output::ToolVerdict::pass && answer->exit_status == 0 && !parsed->jobs.empty()) {
    errors = std::int64_t{0};
  }
  Reading reading("disk.verify.errors", "", errors, Source{"ssh", line});
  reading.reason =
      fmt::format("fio did not prove a complete verified run (exit status {})", answer->exit_status);
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace kiln::host_health
