#include "installed_record.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "install.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

/// A component with two banks is written into the one that does not run: after two writes both hold it.
constexpr int kMostWrites = 2;
constexpr const char* kRestartEvidence = "firmware.restart_evidence";

awaitable<Status> record_running(StepContext& context, const FirmwareTarget& target, const Running& now,
                                 const std::optional<Refusal>& refused) {
  Value version;
  if (!now.version.empty()) version = now.version;
  Reading reading = version_reading("firmware.version.after_update", target, std::move(version), now.source);
  reading.reason = now.why_none;
  if (now.restart.is_missing() && is_wanted(now.version, target)) {
    // The wrong version is a fail all the same; the right one may only be listed, and passes nothing.
    reading.value = std::monostate{};
    reading.reason = fmt::format("{} is listed, and there is no evidence that the host has started on it: {}",
                                 now.version, now.restart.why_none);
    reading.action = "restart the host by hand, see that it does, and compare with firmware.baseline";
  }
  if (refused) {
    reading.fault_code = refused->code;
    reading.action = refused->reason + "; " + refused->action;
  }
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  if (!target.both_banks) co_return success();
  Value standby;
  if (!now.standby_version.empty()) standby = now.standby_version;
  Reading other = version_reading("firmware.standby_version", target, std::move(standby), now.source);
  other.reason = "the BMC does not tell what the other bank holds";
  const Result<Outcome> also_judged = co_await context.record(std::move(other));
  if (!also_judged) co_return also_judged.error();
  co_return success();
}

awaitable<Status> record_before(StepContext& context, const FirmwareTarget& target, const Running& before) {
  Value version;
  if (!before.version.empty()) version = before.version;
  Reading reading("firmware.version.before_update", target.component, version, before.source);
  reading.reason = before.why_none;
  const Result<Outcome> recorded = co_await context.record(std::move(reading));
  if (!recorded) co_return recorded.error();
  co_return success();
}

/// In this run it was written, and nothing on record shows that its host has started on it: the station died
/// in between, or there was no evidence. What an inventory lists of it says nothing.
bool was_left_without_evidence(const StepContext& context, const FirmwareTarget& target) {
  const std::optional<Value> last = context.earlier(kRestartEvidence, target.component);
  return last && std::holds_alternative<std::monostate>(*last);
}

/// What was seen of the restart, with its source; without evidence: unset, and why.
awaitable<Status> record_evidence(StepContext& context, const FirmwareTarget& target,
                                  const RestartEvidence& restart) {
  if (!restart.asked) co_return success();
  Value seen;
  if (!restart.seen.empty()) seen = restart.seen;
  const Source source =
      restart.seen.empty() ? Source{"computed", "no evidence of a restart"} : restart.source;
  Reading reading(kRestartEvidence, target.component, std::move(seen), source);
  reading.reason = restart.why_none;
  const Result<Outcome> recorded = co_await context.record(std::move(reading));
  if (!recorded) co_return recorded.error();
  co_return success();
}

/// From here on the inventory says nothing, whatever becomes of the station.
awaitable<Status> record_write_begins(StepContext& context, const FirmwareTarget& target) {
  RestartEvidence none_yet;
  none_yet.asked = target.activation == FirmwareActivation::host_restart;
  none_yet.why_none = "its write begins";
  const Status open = co_await record_evidence(context, target, none_yet);
  co_return open;
}

}  // namespace

std::vector<BmcNeed> installing_needs() {
  return {{BmcAbility::firmware_inventory, true, "to read back which version runs"},
          {BmcAbility::firmware_update, true, "to send the image, and to see updates under way"},
          {BmcAbility::power_state, true, "to know whether a restart must activate it"},
          {BmcAbility::restart, false, "to activate what a restart of the host activates"},
          {BmcAbility::manager_reset, false, "to activate what a restart of the BMC activates"},
          {BmcAbility::full_power_cycle, false, "to activate CPLDs and roots of trust"},
          {BmcAbility::force_off, false, "before all power is taken away"},
          {BmcAbility::power_on, false, "after all power was taken away"}};
}

std::vector<MeasurementDeclaration> installed_measurements() {
  return {{"firmware.version.after_update", "", ComponentKind::firmware, true, "firmware.update_failed",
           "read the update task's message; flash again by the vendor's recovery path",
           "installed version after update and activation"},
          {"firmware.standby_version", "", ComponentKind::firmware, true, "firmware.standby_off_baseline",
           "update the component once more, so that its other bank is written too",
           "version in the other bank, where the baseline wants both"},
          {"firmware.version.before_update", "", ComponentKind::firmware, false, "", "",
           "installed version that was found"},
          {kRestartEvidence, "", ComponentKind::firmware, false, "", "",
           "what shows that the host has started on what was written"},
          {"firmware.update.time", "s", ComponentKind::firmware, false, "", "", "upload to read back"}};
}

awaitable<Result<bool>> bring_to(StepContext& context, FirmwareTarget target) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  FirmwareTarget asked = target;
  Doors doors = doors_of(context, **bmc);
  Result<Running> now = co_await read_running_one(context.ctx(), doors, std::move(asked));
  if (!now) co_return now.error();
  const Status noted = co_await record_before(context, target, *now);
  if (!noted) co_return noted.error();
  const std::int64_t started = context.ctx().now().monotonic_ns;
  if (was_left_without_evidence(context, target)) {
    now->restart.asked = true;
    now->restart.why_none =
        "it was written earlier in this run, and nothing showed that its host started on it";
  }
  std::optional<Refusal> refused;
  bool written = false;
  for (int write = 0; write < kMostWrites && !is_at_target(target, *now); ++write) {
    refused = why_not_install(target, *now);
    if (refused) break;
    const Status others = co_await let_updates_end(context);
    if (!others) co_return others.error();
    FirmwareTarget wanted = target;
    Running before = *now;
    std::function<awaitable<Status>()> begins = [&context, &target] {
      return record_write_begins(context, target);
    };
    now = co_await install(context, std::move(wanted), std::move(before), std::move(begins));
    if (!now) co_return now.error();
    written = true;
    // The other bank gets its turn only when the first write has worked.
    const bool one_is_done =
        target.both_banks && !now->restart.is_missing() && is_wanted(now->version, target);
    if (!one_is_done) break;
  }
  const Status shown = co_await record_evidence(context, target, now->restart);
  if (!shown) co_return shown.error();
  const Status judged = co_await record_running(context, target, *now, refused);
  if (!judged) co_return judged.error();
  if (written) {
    Reading time("firmware.update.time", target.component,
                 static_cast<double>(context.ctx().now().monotonic_ns - started) / 1e9,
                 Source{"computed", "from upload to read back"});
    const Result<Outcome> timed = co_await context.record(std::move(time));
    if (!timed) co_return timed.error();
  }
  co_return is_at_target(target, *now);
}

}  // namespace kiln::firmware
