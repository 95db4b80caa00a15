#include "engine/host_tool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kAnswerBudget = std::chrono::seconds(20);
constexpr std::size_t kLongestLine = 200;
// Exit statuses of timeout(1), coreutils, and of a POSIX shell.
constexpr int kTimedOut = 124;
constexpr int kKilled = 137;
constexpr int kNoSuchCommand = 127;

}  // namespace

std::string first_line_of(const CommandResult& result) {
  for (const std::string* text : {&result.err, &result.out}) {
    const std::size_t start = text->find_first_not_of(" \t\r\n");
    if (start == std::string::npos) continue;
    return text->substr(start, std::min(text->find('\n', start) - start, kLongestLine));
  }
  return "it printed nothing";
}

awaitable<Result<CommandResult>> run_host_tool(StepContext& context, const Permit& permit, Shell& shell,
                                               HostTool tool) {
  Undo undo(Undo::Kind::shell_command, fmt::format("stop {} on {}", tool.program, context.dut().id),
            "pkill -TERM -x " + tool.program);
  const Result<int> guard = co_await context.open_guard(std::move(undo));
  if (!guard) co_return guard.error();
  Ctx limited = context.ctx().child_within(tool.program, tool.limit + kAnswerBudget);
  Command command(fmt::format("timeout --signal=TERM --kill-after=5 {} {} {}",
                              std::max<std::int64_t>(tool.limit.count() / 1'000'000'000, 1), tool.program,
                              tool.arguments));
  Result<CommandResult> result = co_await run_load(limited, permit, shell, std::move(command));
  if (!result) co_return result.error();
  if (result->exit_status == kTimedOut || result->exit_status == kKilled || result->signal) {
    co_return Error(tool.program + ".hung",
                    fmt::format("{}: {} was killed before it was done", context.dut().id, tool.program),
                    "look at the kernel log for the GPU or link that hangs", Blame::peer);
  }
  std::string why = fmt::format("{} ended by itself with status {}", tool.program, result->exit_status);
  const Status released = co_await context.release_guard(*guard, std::move(why));
  if (!released) co_return released.error();
  if (result->exit_status == kNoSuchCommand) {
    co_return Error(tool.program + ".not_installed",
                    fmt::format("{}: {} is not installed on the host", context.dut().id, tool.program),
                    "install it in the PATH of the host image", Blame::peer);
  }
  co_return result;
}

}  // namespace kiln
