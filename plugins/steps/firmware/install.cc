#include "install.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "activation.h"
#include "image.h"
#include "nvos.h"
#include "unwatched.h"
#include "writing.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

/// A BMC that has just restarted reads its detectors some time after it answers.
constexpr Nanoseconds kWatchedAgainWithin = std::chrono::seconds(180);
constexpr Nanoseconds kAskAgainEvery = std::chrono::milliseconds(500);
constexpr Nanoseconds kQuietLookTakes = std::chrono::seconds(2);
constexpr Nanoseconds kShellLookTakes = std::chrono::seconds(20);
constexpr Nanoseconds kPowerToldWithin = std::chrono::seconds(60);
/// No update under way for a minute: between two tasks of a bundle there is less.
constexpr int kQuietLooks = 12;
constexpr Nanoseconds kQuietLookEvery = std::chrono::seconds(5);
/// Somebody else's update: as long as the longest of ours.
constexpr Nanoseconds kUnderWayWithin = std::chrono::hours(1);

/// Leave, once the leak detectors are read again (after a BMC's restart nobody can say yet that they are
/// dry), and once nobody writes firmware of what this DUT serves, as one power shelf does beside another.
/// Every other refusal stands at once. `needs`: what must be left of the step's time afterwards.
awaitable<Result<Permit>> permit_in_turn(StepContext& context, Energy energy, std::string reason,
                                         Nanoseconds needs) {
  std::optional<Ctx> watched_again;
  while (true) {
    Result<Permit> leave = context.permit(energy, reason);
    if (leave) co_return leave;
    const std::string& code = leave.error().code;
    const bool others_write = code == "permit.flash_open";
    if (!others_write && code != "permit.no_leak_watch" && code != "permit.no_warden_watch") co_return leave;
    if (others_write && context.ctx().remaining() < needs) co_return leave;
    if (others_write) {
      watched_again.reset();
    } else if (!watched_again) {
      watched_again = context.ctx().child_within("leak detectors are read again", kWatchedAgainWithin);
    }
    context.progress(others_write ? "waits: " + leave.error().message
                                  : std::string("waits until the leak detectors are read again"));
    Status waited = success();
    if (others_write) {
      waited = co_await context.ctx().sleep_for(kAskAgainEvery);
    } else {
      waited = co_await watched_again->sleep_for(kAskAgainEvery);
    }
    if (context.ctx().stopped()) co_return waited.error();
    if (!waited) co_return leave;
  }
}

// ---------------------------------------------------------------- writing

awaitable<Result<UpdateOutcome>> push_image(Writing& writing, Ctx& ctx, Bmc& bmc) {
  // Named first: g++ 12 destroys a closure twice that is a temporary of an awaited call (docs/traps.md, 1).
  StepContext& context = writing.context;
  std::function<void(const UpdateProgress&)> on_progress = [&context, component = writing.target.component](
                                                               const UpdateProgress& progress) {
    context.progress(fmt::format("{} {} {}", component, progress.task_state,
                                 progress.percent ? fmt::format("{} %", *progress.percent) : std::string{}));
  };
  UpdateRequest request;
  request.component = writing.target.component;
  const std::string& file = writing.target.image;
  request.image_name = file.substr(file.rfind('/') + 1);
  request.image = std::move(writing.image);
  request.uri = writing.target.uri;
  request.targets = writing.target.targets;
  request.image_type = writing.target.image_type;
  const Ctx write = ctx.child_within("write", writing.target.write_within);
  Result<UpdateOutcome> outcome =
      co_await bmc.update_firmware(write, writing.flash, std::move(request), std::move(on_progress));
  co_return outcome;
}

awaitable<Result<UpdateOutcome>> install_over_nvos(Writing& writing, Ctx& ctx) {
  const Result<Shell*> shell = writing.context.shell();
  if (!shell) co_return shell.error();
  writing.context.progress(writing.target.component + " is installed by NVOS");
  const Ctx write = ctx.child_within("write", writing.target.write_within);
  std::string image = std::move(writing.image);
  const Result<bool> stayed = co_await nvos_install(write, **shell, writing.target, std::move(image));
  if (!stayed) co_return stayed.error();
  UpdateOutcome outcome;
  outcome.task_ok = *stayed;
  outcome.task_vanished = !*stayed;
  outcome.task_state = "installed";
  outcome.message = "by NVOS";
  co_return outcome;
}

// ---------------------------------------------------------------- how it ended

/// Errors that say that nothing was written, or that it was refused.
bool was_not_begun(const std::string& code) {
  return code == "bmc.refused" || code == "bmc.busy" || code == "bmc.login" || code == "bmc.forbidden" ||
         code == "bmc.not_found" || code == "bmc.unsupported" || code == "bmc.untrusted" ||
         code == "nvos.failed" || code.starts_with("firmware.") || code.starts_with("permit.");
}

/// A write whose end nobody told may still go on: what the component holds is then not known, and its power
/// stays, until the BMC says that no update is under way or the time of this flash is over.
awaitable<Status> leave_in_peace(Writing& writing, const Ctx& ctx, Bmc& bmc, Error failure) {
  if (was_not_begun(failure.code) || ctx.stopped()) co_return success();
  Diagnosed diagnosis;
  diagnosis.code = "firmware.interrupted";
  diagnosis.part = writing.target.component;
  diagnosis.message =
      fmt::format("how the write of {} ended is not known ({}): unknown until it is read again",
                  writing.target.component, failure.message);
  diagnosis.action = "read its version before anything else; give it a longer write_within in the baseline";
  const Status told = co_await writing.context.diagnose(std::move(diagnosis));
  if (!told) co_return told;
  int quiet = 0;  // looks in which the BMC told of no update
  while (quiet < kQuietLooks && !ctx.stopped()) {
    const Ctx look = ctx.child_within("look", kQuietLookTakes);
    const Result<std::size_t> under_way = co_await bmc.updates_under_way(look);
    const bool none = under_way && *under_way == 0 && !is_nvos(writing.target.route);
    quiet = none ? quiet + 1 : 0;
    const Status waited = co_await ctx.sleep_for(kQuietLookEvery);
    (void)waited;
  }
  co_return success();
}

/// After the connection was lost in an installation: until NVOS says that the image runs or will run next. An
/// installation that goes on inside the switch is not rebooted.
awaitable<Status> wait_until_installed(Writing& writing, const Ctx& ctx) {
  const Result<Shell*> shell = writing.context.shell();
  if (!shell) co_return shell.error();
  const Ctx waiting = ctx.child_within("installation by NVOS", writing.target.write_within);
  while (true) {
    const Ctx look = waiting.child_within("look", kShellLookTakes);
    const Result<bool> ready = co_await nvos_is_installed(look, **shell, writing.target);
    if (ready && *ready) co_return success();
    if (!ready) co_await (*shell)->disconnect();
    const Status waited = co_await waiting.sleep_for(kQuietLookEvery);
    if (waited) continue;
    if (ctx.stopped()) co_return waited.error();
    co_return Error("firmware.not_installed",
                    fmt::format("{}: the connection was lost while it was installed, and NVOS does not say "
                                "that it is there",
                                writing.target.component),
                    "see on the switch: nv show system image");
  }
}

/// Runs under StepContext::flash: a person's stop does not reach `ctx`, so it is looked for between writing
/// and activating.
awaitable<Status> write_and_activate(Writing& writing, Ctx& ctx, Bmc& bmc) {
  Result<UpdateOutcome> outcome = UpdateOutcome{};
  if (is_nvos(writing.target.route)) {
    outcome = co_await install_over_nvos(writing, ctx);
  } else {
    outcome = co_await push_image(writing, ctx, bmc);
  }
  if (!outcome) {
    const Status told = co_await leave_in_peace(writing, ctx, bmc, outcome.error());
    if (!told) co_return told;
    co_return outcome.error();
  }
  const Status stopped = writing.context.ctx().check();
  const Status noted = co_await writing.context.note(
      fmt::format("update of {} from {} to {}: task {} {}{}", writing.target.component,
                  writing.before.version, writing.target.version, outcome->task_state, outcome->message,
                  stopped ? "" : "; not activated, because the run was stopped"));
  if (!noted) co_return noted;
  if (!stopped) co_return stopped;
  if (!outcome->task_ok && !outcome->task_vanished) {
    Result<Running> running = co_await read_now(writing, ctx, bmc);
    if (!running) co_return running.error();
    writing.after = std::move(*running);
    co_return success();
  }
  // Even a task that reports success may leave the old image running: the activation decides, what is read
  // afterwards tells.
  writing.saw_a_task = is_nvos(writing.target.route) || !outcome->task_uri.empty();
  if (outcome->task_vanished && is_nvos(writing.target.route)) {
    const Status installed = co_await wait_until_installed(writing, ctx);
    if (!installed) co_return installed;
  }
  if (outcome->task_vanished) {
    const bool runs = co_await restarted_by_itself(writing, ctx, bmc);
    if (runs) co_return success();
  }
  const Status activated = co_await activate(writing, ctx, bmc);
  if (!activated) co_return activated;
  const Status read = co_await wait_for_version(writing, ctx, bmc, writing.target.active_within);
  co_return read;
}

awaitable<Status> let_them_end(StepContext& context, Ctx& ctx, Bmc& bmc) {
  std::function<void(const UpdateProgress&)> on_progress = [&context](const UpdateProgress& progress) {
    context.progress(fmt::format("an update under way: {} {}", progress.task_state,
                                 progress.percent ? fmt::format("{} %", *progress.percent) : std::string{}));
  };
  const Result<bool> borne = co_await bear_an_update_under_way(context, ctx);
  if (!borne) co_return borne.error();
  const Result<std::vector<UpdateOutcome>> ended = co_await bmc.wait_for_updates(ctx, std::move(on_progress));
  if (!ended) co_return ended.error();
  const Status dry = co_await watched_again(context, ctx);
  if (!dry) co_return dry;
  for (const UpdateOutcome& outcome : *ended) {
    const std::string how = outcome.task_vanished ? "its task vanished" : outcome.task_state;
    std::string text = fmt::format("an update that was under way has ended: {} {} ({})", how, outcome.message,
                                   outcome.task_uri);
    const Status noted = co_await context.note(std::move(text));
    if (!noted) co_return noted;
  }
  co_return success();
}

}  // namespace

std::optional<Refusal> why_not_install(const FirmwareTarget& target, const Running& running) {
  Refusal refusal;
  if (running.version.empty() && !target.downgrade) {
    refusal.code = "firmware.version_unknown";
    refusal.reason = fmt::format(
        "what {} runs is not known ({}): it may be newer than the baseline, or too old "
        "for one step",
        target.component, running.why_none);
    refusal.action = "make it tell its version, or write downgrade: allow for it in the baseline";
    return refusal;
  }
  const auto order =
      compare(canonical_version(running.version), canonical_version(target.version), target.version_fields);
  if (order != std::partial_ordering::less && order != std::partial_ordering::equivalent &&
      !target.downgrade) {
    const bool newer = order == std::partial_ordering::greater;
    refusal.code = newer ? "firmware.newer_than_baseline" : "firmware.not_comparable";
    refusal.reason = fmt::format("{} runs {}, which {} the baseline's {}", target.component, running.version,
                                 newer ? "is newer than" : "cannot be ordered against", target.version);
    refusal.action =
        newer ? "have whoever owns the baseline write downgrade: allow for it, or raise its version"
              : "have whoever owns the baseline write version_fields: hex or decimal, or downgrade: "
                "allow for it";
    return refusal;
  }
  if (target.image.empty() && target.uri.empty()) {
    refusal.code = "firmware.no_image";
    refusal.reason = fmt::format("{} is off the baseline, which names no image for it", target.component);
    refusal.action = "add image and sha256 to the baseline, or update it the way its vendor describes";
    return refusal;
  }
  if (target.from_at_least.empty()) return std::nullopt;
  const auto step = compare(canonical_version(running.version), canonical_version(target.from_at_least),
                            target.version_fields);
  if (step == std::partial_ordering::greater || step == std::partial_ordering::equivalent)
    return std::nullopt;
  // What tells no version comes here only where downgrade: allow says that it may be anything.
  if (step == std::partial_ordering::unordered && running.version.empty()) return std::nullopt;
  if (step == std::partial_ordering::unordered) {
    refusal.code = "firmware.not_comparable";
    refusal.reason =
        fmt::format("{} runs {}, which cannot be ordered against {}, from which on {} may be installed",
                    target.component, running.version, target.from_at_least, target.version);
    refusal.action = "have whoever owns the baseline write version_fields: hex or decimal";
    return refusal;
  }
  refusal.code = "firmware.step_missing";
  refusal.reason = fmt::format("{} runs {}, and {} may only be installed from {} on", target.component,
                               running.version, target.version, target.from_at_least);
  refusal.action = fmt::format("update it to {} first", target.from_at_least);
  return refusal;
}

Nanoseconds flash_budget(const StepContext& context, const FirmwareTarget& target) {
  const Nanoseconds unwatched = blinds_leak_watch(context, target) ? unwatched_budget() : Nanoseconds::zero();
  return target.write_within + activation_budget(target) + unwatched;
}

bool is_at_target(const FirmwareTarget& target, const Running& running) {
  if (running.restart.is_missing() || !is_wanted(running.version, target)) return false;
  return !target.both_banks || is_wanted(running.standby_version, target);
}

namespace {

/// Found before the write.
Error no_time(const StepContext& context, const FirmwareTarget& target) {
  return {
      "firmware.no_time",
      fmt::format("{} may take {}, and its step has {} left", target.component,
                  format_duration(flash_budget(context, target)), format_duration(context.ctx().remaining())),
      "give the step a longer timeout; nothing was written", Blame::recipe};
}

constexpr const char* kAnotherIsWritten = "permit.flash_open";

awaitable<Status> write_as_announced(Writing& writing, Ctx& ctx, Bmc& bmc,
                                     const std::function<awaitable<Status>()>& before_write, bool blinds) {
  if (before_write) {
    const Status begins = co_await before_write();
    if (!begins) co_return begins;
  }
  Status written = success();
  if (blinds) {
    std::function<awaitable<Status>(Writing&, Ctx&, Bmc&)> work = write_and_activate;
    written = co_await write_unwatched(writing, ctx, bmc, std::move(work));
  } else {
    written = co_await write_and_activate(writing, ctx, bmc);
  }
  co_return written;
}

/// For whoever finds this station dead. What NVOS tells is in no BMC's inventory.
FirmwareWrite as_journaled(const FirmwareTarget& target, const Running& before) {
  FirmwareWrite write(target.component);
  if (is_nvos(target.route)) return write;
  write.was = before.version;
  write.wanted = target.version;
  write.version_fields = target.version_fields;
  write.write_within = target.write_within;
  write.active_within = target.active_within;
  return write;
}

/// With leave, which may come too late: then another write was quicker, `begun` is false and the Error is
/// kAnotherIsWritten.
awaitable<Result<Running>> install_in_turn(StepContext& context, const FirmwareTarget& target,
                                           const Running& before, bool host_on, std::string& image,
                                           const std::function<awaitable<Status>()>& before_write,
                                           bool& begun) {
  std::string reason = fmt::format("{}: {} to {}", target.component, before.version, target.version);
  const bool is_planned = !target.sha256.empty() || !target.uri.empty();  // else it takes what its step has
  const Nanoseconds budget = flash_budget(context, target);
  const Nanoseconds needs = is_planned ? budget : Nanoseconds::zero();
  if (context.ctx().remaining() < needs) co_return no_time(context, target);
  const Result<Permit> flash = co_await permit_in_turn(context, Energy::flash, std::move(reason), needs);
  if (!flash && flash.error().code == kAnotherIsWritten) co_return no_time(context, target);
  if (!flash) co_return flash.error();
  Writing writing(context, *flash, target, before);
  writing.host_was_on = host_on;
  const bool blinds = blinds_leak_watch(context, target);
  if (takes_power(target, host_on) || is_switched_off_for(context, target, host_on)) {
    std::string activation = "activate " + target.component;
    Result<Permit> leave = co_await permit_in_turn(context, Energy::power, std::move(activation), needs);
    if (!leave) co_return leave.error();
    writing.power = std::move(*leave);
  }
  std::function<awaitable<Status>(Ctx&, Bmc&)> write = [&writing, &image, &before_write, &begun, blinds](
                                                           Ctx& ctx, Bmc& raw) {
    begun = true;
    writing.image = std::move(image);
    return write_as_announced(writing, ctx, raw, before_write, blinds);
  };
  FirmwareWrite what = as_journaled(target, before);
  const Status written = co_await context.flash(std::move(what), budget, std::move(write));
  if (!written) co_return written.error();
  writing.after.restart = std::move(writing.restart);
  co_return std::move(writing.after);
}

}  // namespace

awaitable<Result<Running>> install(StepContext& context, FirmwareTarget target, Running before,
                                   std::function<awaitable<Status>()> before_write) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  std::string image;
  if (target.uri.empty()) {
    FirmwareTarget whose = target;
    Result<std::string> read = co_await read_image(context.ctx(), std::move(whose));
    if (!read) co_return read.error();
    image = std::move(*read);
  }
  const Result<PowerState> power = co_await wait_until_back(context.ctx(), **bmc, kPowerToldWithin);
  if (!power) co_return power.error();
  const bool host_on = *power == PowerState::on || *power == PowerState::powering_on;
  const Status activatable = co_await can_be_activated(context, **bmc, target, host_on);
  if (!activatable) co_return activatable.error();
  Result<Running> installed = Error(kAnotherIsWritten, "");
  bool begun = false;
  while (!installed && !begun && installed.error().code == kAnotherIsWritten)
    installed = co_await install_in_turn(context, target, before, host_on, image, before_write, begun);
  co_return installed;
}

awaitable<Status> let_updates_end(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::size_t> under_way = co_await (*bmc)->updates_under_way(context.ctx());
  if (!under_way) co_return under_way.error();
  if (*under_way == 0) co_return success();
  std::function<awaitable<Status>(Ctx&, Bmc&)> wait = [&context](Ctx& ctx, Bmc& raw) {
    return let_them_end(context, ctx, raw);
  };
  const Status ended = co_await context.flash("an update under way", kUnderWayWithin, std::move(wait));
  co_return ended;
}

}  // namespace kiln::firmware
