#include "restart_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";
constexpr Nanoseconds kEvidenceLookEvery = std::chrono::milliseconds(500);
constexpr Nanoseconds kBootIdTakes = std::chrono::seconds(5);

/// A UUID as the kernel prints it.
bool is_boot_id(const std::string& text) {
  constexpr std::size_t kSigns = 36;
  return text.size() == kSigns && std::all_of(text.begin(), text.end(), [](char sign) {
           return (sign >= '0' && sign <= '9') || (sign >= 'a' && sign <= 'f') || sign == '-';
         });
}

awaitable<Result<std::string>> read_boot_id(Writing& writing, const Ctx& ctx) {
  const Result<Shell*> shell = writing.context.shell();
  if (!shell) co_return shell.error();
  const Ctx look = ctx.child_within("boot id", kBootIdTakes);
  Command command(std::string("cat ") + kBootIdFile);
  const Result<CommandResult> answer = co_await (*shell)->run(look, std::move(command));
  if (!answer) {
    // A connection from before the restart may never say that it is dead.
    co_await (*shell)->disconnect();
    co_return answer.error();
  }
  std::string id = tidy_text(answer->out);
  if (answer->ok() && is_boot_id(id)) co_return id;
  co_return Error("firmware.no_boot_id", fmt::format("the host does not tell its boot id ({})", kBootIdFile));
}

/// Stages of a start in their order (ComputerSystem v1.13 BootProgressTypes); -1: none of them.
int boot_stage(const std::string& word) {
  constexpr std::array<std::string_view, 10> kStages{"None",
                                                     "PrimaryProcessorInitializationStarted",
                                                     "BusInitializationStarted",
                                                     "MemoryInitializationStarted",
                                                     "SecondaryProcessorInitializationStarted",
                                                     "PCIResourceConfigStarted",
                                                     "SystemHardwareInitializationComplete",
                                                     "SetupEntered",
                                                     "OSBootStarted",
                                                     "OSRunning"};
  const auto found = std::find(kStages.begin(), kStages.end(), word);
  return found == kStages.end() ? -1 : static_cast<int>(found - kStages.begin());
}

void keep_evidence(Writing& writing, std::string seen, Source source) {
  writing.restart.seen = std::move(seen);
  writing.restart.source = std::move(source);
  writing.restart.why_none.clear();
}

/// By the host itself. true: there is evidence.
awaitable<bool> booted_anew(Writing& writing, const Ctx& ctx, std::string before) {
  const Result<std::string> now = co_await read_boot_id(writing, ctx);
  if (!now && ctx.stopped()) co_return false;  // the time is over: what was seen before stands
  if (!now) {
    writing.restart.why_none =
        fmt::format("its boot id was {}, and it could not be asked again: {}", before, now.error().message);
    co_return false;
  }
  if (*now == before) {
    writing.restart.why_none =
        fmt::format("its boot id is {}, as it was before: it has not restarted", before);
    co_return false;
  }
  keep_evidence(writing, fmt::format("boot id {} before, {} after", before, *now),
                Source{"ssh", kBootIdFile});
  co_return true;
}

/// By its BMC. true: there is evidence. `seen`: of an earlier look; a host that went down counts when it is
/// up again.
awaitable<bool> told_to_have_restarted(Writing& writing, const Ctx& ctx, Bmc& bmc, HostStart before,
                                       std::string& seen) {
  const Result<HostStart> now = co_await bmc.host_start(ctx);
  if (!now) co_return false;
  if (seen.empty()) seen = restart_seen(before, *now);
  if (seen.empty()) co_return false;
  const bool is_down = now->power == PowerState::off || now->power == PowerState::powering_off ||
                       now->power == PowerState::powering_on;
  if (is_down) {
    writing.restart.why_none = fmt::format("{}, and its power reads {} since: it has not come up again", seen,
                                           to_string(now->power));
    co_return false;
  }
  keep_evidence(writing, seen, Source{"redfish", now->uri});
  co_return true;
}

}  // namespace

std::string restart_seen(const HostStart& before, const HostStart& now) {
  if (now.power == PowerState::off || now.power == PowerState::powering_on)
    return fmt::format("its power was seen {}", to_string(now.power));
  if (!before.last_reset.empty() && !now.last_reset.empty() && before.last_reset != now.last_reset)
    return fmt::format("LastResetTime {} before, {} after", before.last_reset, now.last_reset);
  const int was = boot_stage(before.boot_progress), is = boot_stage(now.boot_progress);
  if (was >= 0 && is >= 0 && is < was)
    return fmt::format("BootProgress went back from {} to {}", before.boot_progress, now.boot_progress);
  return {};
}

awaitable<HostBefore> look_before_restart(Writing& writing, const Ctx& ctx, Bmc& bmc) {
  HostBefore before;
  before.why_no_boot_id = "it has no host that could be asked";
  if (writing.context.dut().host) {
    Result<std::string> id = co_await read_boot_id(writing, ctx);
    if (id) before.boot_id = std::move(*id);
    if (!id) before.why_no_boot_id = id.error().message;
  }
  Result<HostStart> told = co_await bmc.host_start(ctx);
  if (told) before.told = std::move(*told);
  co_return before;
}

awaitable<Status> find_restart_evidence(Writing& writing, const Ctx& ctx, Bmc& bmc, HostBefore before) {
  writing.restart.asked = true;
  writing.restart.why_none = fmt::format(
      "no boot id from before ({}); the BMC showed neither power off, nor another LastResetTime, nor a "
      "BootProgress that went back",
      before.why_no_boot_id);
  const Ctx waiting = ctx.child_within("evidence of the restart", writing.target.active_within);
  std::string seen;
  while (true) {
    bool has_evidence = false;
    if (before.boot_id) {
      std::string id = *before.boot_id;
      has_evidence = co_await booted_anew(writing, waiting, std::move(id));
    } else if (before.told) {
      HostStart told = *before.told;
      has_evidence = co_await told_to_have_restarted(writing, waiting, bmc, std::move(told), seen);
    }
    if (has_evidence) co_return success();
    const Status waited = co_await waiting.sleep_for(kEvidenceLookEvery);
    if (waited) continue;
    if (ctx.stopped()) co_return waited.error();
    co_return success();
  }
}

awaitable<void> find_still_off(Writing& writing, const Ctx& ctx, Bmc& bmc) {
  writing.restart.asked = true;
  const Result<HostStart> now = co_await bmc.host_start(ctx);
  if (now && now->power == PowerState::off) {
    keep_evidence(writing, "its host is off: what was written runs from its next start",
                  Source{"redfish", now->uri});
  } else {
    writing.restart.why_none =
        now ? "its host was off before the write and no longer is: what it runs is not known"
            : now.error().message;
  }
}

}  // namespace kiln::firmware
