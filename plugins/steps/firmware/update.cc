#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "firmware_steps.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

constexpr std::uintmax_t kLargestImage = 512ULL << 20;  // bytes; beyond any BMC's MaxImageSizeBytes seen
constexpr Nanoseconds kReadBackEvery = std::chrono::milliseconds(500);

/// The image DIRECTORY/COMPONENT-VERSION.fw; a relative directory is beside the rack file.
Result<std::string> read_image(const Inventory& inventory, const std::string& directory,
                               const std::string& component, const std::string& version) {
  namespace fs = std::filesystem;
  fs::path place = directory;
  if (place.is_relative()) place = fs::path(inventory.file).parent_path() / place;
  const fs::path file = place / fmt::format("{}-{}.fw", component, version);
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(file, failed);
  if (failed) {
    return Error("firmware.no_image", fmt::format("{}: {}", file.string(), failed.message()),
                 "put the vendor's image there under that name", Blame::operator_);
  }
  if (size == 0 || size > kLargestImage) {
    return Error("firmware.image_size", fmt::format("{} has {} bytes", file.string(), size),
                 "is it the right file?", Blame::operator_);
  }
  std::ifstream stream(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream || bytes.size() != size) {
    return Error("firmware.no_image", fmt::format("{} cannot be read to its end", file.string()), "",
                 Blame::operator_);
  }
  return bytes;
}

/// The installed version as the inventory has it now; empty when there is none.
awaitable<Result<std::string>> installed_version(const Ctx& ctx, Bmc& bmc, const std::string& component) {
  const Result<std::vector<FirmwareItem>> items = co_await bmc.firmware(ctx);
  if (!items) co_return items.error();
  for (const auto& item : *items) {
    if (item.id == component) co_return item.version;
  }
  co_return Error("firmware.unknown_component",
                  fmt::format("the firmware inventory has no component '{}'", component),
                  "see kiln show for the components it has", Blame::recipe);
}

bool is_version(const std::string& installed, const std::string& wanted) {
  return compare(canonical_version(installed), canonical_version(wanted)) ==
         std::partial_ordering::equivalent;
}

/// Reads the inventory until it shows the version, or the time is over: the last version that was read.
awaitable<Result<std::string>> wait_for_version(const Ctx& ctx, Bmc& bmc, const std::string& component,
                                                const std::string& wanted, Nanoseconds budget) {
  const Ctx waiting = ctx.child_within("version", budget);
  Result<std::string> last =
      Error("firmware.not_read", "the firmware inventory could not be read after the update");
  while (true) {
    Result<std::string> version = co_await installed_version(waiting, bmc, component);
    if (version) last = std::move(version);
    if (last && is_version(*last, wanted)) co_return last;
    const Status waited = co_await waiting.sleep_for(kReadBackEvery);
    if (!waited) {
      if (ctx.stopped()) co_return waited.error();
      co_return last;
    }
  }
}

/// One component's way from its image to the version that runs.
struct Writing {
  StepContext& context;
  const Permit& flash;
  std::optional<Permit> power;  ///< when the host is on, and a reset is what activates
  std::string component, before, wanted;
  UpdateRequest request;
  Result<std::string> after;
};

awaitable<Result<UpdateOutcome>> push_image(Writing& writing, Ctx& ctx, Bmc& bmc) {
  // Named first: g++ 12 destroys a closure twice that is a temporary of an awaited call (docs/traps.md, 1).
  StepContext& context = writing.context;
  std::function<void(const UpdateProgress&)> on_progress = [&context, component = writing.component](
                                                               const UpdateProgress& progress) {
    context.progress(fmt::format("{} {} {}", component, progress.task_state,
                                 progress.percent ? fmt::format("{} %", *progress.percent) : std::string{}));
  };
  UpdateRequest request = std::move(writing.request);
  Result<UpdateOutcome> outcome =
      co_await bmc.update_firmware(ctx, writing.flash, std::move(request), std::move(on_progress));
  co_return outcome;
}

/// Push, follow the task, reset to activate, read back. Runs under StepContext::flash: a person's stop does
/// not reach `ctx`, so it is looked for between writing and activating.
awaitable<Status> write_and_activate(Writing& writing, Ctx& ctx, Bmc& bmc) {
  const Result<UpdateOutcome> outcome = co_await push_image(writing, ctx, bmc);
  if (!outcome) co_return outcome.error();
  const Status stopped = writing.context.ctx().check();
  const Status noted = co_await writing.context.note(fmt::format(
      "update of {} from {} to {}: task {} {}{}", writing.component, writing.before, writing.wanted,
      outcome->task_state, outcome->message, stopped ? "" : "; not activated, because the run was stopped"));
  if (!noted) co_return noted;
  if (!stopped) co_return stopped;
  // Even a task that reports success may leave the old image running: the reset decides, the inventory tells.
  if (outcome->task_ok || outcome->task_vanished) {
    if (writing.power) {
      const Status restarted = co_await bmc.restart(ctx, *writing.power);
      if (!restarted) co_return restarted;
    }
    writing.after = co_await wait_for_version(ctx, bmc, writing.component, writing.wanted,
                                              writing.context.with().duration("activation"));
  } else {
    writing.after = co_await installed_version(ctx, bmc, writing.component);
  }
  if (!writing.after) co_return writing.after.error();
  co_return success();
}

/// Leave for the write and for the reset that activates it, then both.
awaitable<Result<std::string>> bring_to_version(StepContext& context, std::string component,
                                                std::string before, std::string wanted) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  Result<std::string> image =
      read_image(context.inventory(), context.with().text("images"), component, wanted);
  if (!image) co_return image.error();
  const Result<PowerState> power = co_await (*bmc)->power_state(context.ctx());
  if (!power) co_return power.error();
  const Result<Permit> flash =
      context.permit(Energy::flash, fmt::format("{}: {} to {}", component, before, wanted));
  if (!flash) co_return flash.error();
  Writing writing{context, *flash, std::nullopt, component, before, wanted, {}, before};
  if (*power == PowerState::on) {
    Result<Permit> restart = context.permit(Energy::power, "activate " + component);
    if (!restart) co_return restart.error();
    writing.power = std::move(*restart);
  }
  writing.request.component = component;
  writing.request.image_name = fmt::format("{}-{}.fw", component, wanted);
  writing.request.image = std::move(*image);
  std::function<awaitable<Status>(Ctx&, Bmc&)> write = [&writing](Ctx& ctx, Bmc& raw) {
    return write_and_activate(writing, ctx, raw);
  };
  const Status written = co_await context.flash(component, std::move(write));
  if (!written) co_return written.error();
  co_return writing.after;
}

/// The host answers again after the activation reset.
awaitable<Status> wait_for_host(const Ctx& ctx, Shell& shell) {
  while (true) {
    const Ctx attempt = ctx.child_within("host answers", std::chrono::seconds(5));
    Command command("true");
    const Result<CommandResult> result = co_await shell.run(attempt, std::move(command));
    if (result && result->ok()) co_return success();
    // A connection from before the reset may never say that it is dead.
    co_await shell.disconnect();
    const Status waited = co_await ctx.sleep_for(kReadBackEvery);
    if (!waited) co_return waited;
  }
}

}  // namespace

const StepDescription& Update::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.update";
    made.summary = "Bring one component to the version of the rack file and read back that it runs it";
    made.measurements = {
        {"firmware.version.after_update", "", ComponentKind::firmware, true, "firmware.update_failed",
         "read the update task's message; flash again by the vendor's recovery path",
         "installed version after update and activation"},
        {"firmware.update.time", "s", ComponentKind::firmware, false, "", "", "upload to read back"}};
    made.parameters = {{"component", ParameterType::text, std::nullopt, "Id in the firmware inventory"},
                       {"images", ParameterType::text, "firmware",
                        "directory of COMPONENT-VERSION.fw files, beside the rack file if relative"},
                       {"activation", ParameterType::duration, "10m",
                        "how long the new version may take to show after the reset"},
                       {"host", ParameterType::boolean, "true", "wait until the host answers again"}};
    made.energises = Energy::flash;
    made.on_resume = ResumePolicy::verify;
    made.default_timeout = std::chrono::minutes(40);
    return made;
  }();
  return description;
}

Status Update::check(const Parameters& with) const {
  const std::string& component = with.text("component");
  if (component.empty() || component.find('/') != std::string::npos) {
    return Error("recipe.parameters", fmt::format("'{}' is not the Id of a firmware component", component),
                 "use the Id of the firmware inventory, such as UEFI", Blame::recipe);
  }
  return success();
}

std::vector<std::string> Update::parts(const MeasurementDeclaration& /*measurement*/, const Parameters& with,
                                       const Dut& /*dut*/) const {
  return {with.text("component")};
}

awaitable<Status> Update::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const std::string component = context.with().text("component");
  const std::string wanted = expected_version(context.dut(), component);
  if (wanted.empty()) {
    co_return Error("firmware.no_baseline",
                    fmt::format("the rack file gives {} no version for '{}'", context.dut().id, component),
                    "add it under expect.components", Blame::operator_);
  }
  const Result<std::string> before = co_await installed_version(context.ctx(), **bmc, component);
  if (!before) co_return before.error();
  const std::int64_t started = context.ctx().now().monotonic_ns;
  Result<std::string> after = *before;
  if (!is_version(*before, wanted)) {
    after = co_await bring_to_version(context, component, *before, wanted);
    if (!after) co_return after.error();
  }
  Value version;
  if (!after->empty()) version = *after;
  Reading reading("firmware.version.after_update", component, version,
                  Source{"redfish", "FirmwareInventory/" + component});
  reading.expected = wanted;
  reading.reason = "the BMC gives no version";
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  Reading time("firmware.update.time", component,
               static_cast<double>(context.ctx().now().monotonic_ns - started) / 1e9,
               Source{"computed", "from upload to read back"});
  const Result<Outcome> timed = co_await context.record(std::move(time));
  if (!timed) co_return timed.error();
  if (!context.dut().host || !context.with().boolean("host")) co_return success();
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Status up = co_await wait_for_host(context.ctx(), **shell);
  co_return up;
}

}  // namespace kiln::firmware
