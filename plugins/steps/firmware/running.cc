#include "running.h"

#include <algorithm>
#include <utility>

#include "nvos.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

awaitable<Result<Running>> read_over_nvos(const Ctx& ctx, Doors& doors, const FirmwareTarget& target) {
  Running running;
  const Result<Shell*> shell = doors.shell();
  if (!shell) co_return shell.error();
  running.source = Source{"ssh", nvos_version_command(target)};
  const Result<std::string> version = co_await nvos_version(ctx, **shell, target);
  if (version) {
    running.version = *version;
  } else if (version.error().code.starts_with("tool_output.") || version.error().code == "nvos.failed") {
    running.why_none = version.error().message;
  } else {
    co_return version.error();
  }
  co_return running;
}

}  // namespace

Doors doors_of(StepContext& context, Bmc& bmc) {
  return {bmc, [&context] { return context.shell(); }};
}

awaitable<Result<std::map<std::string, Running>>> read_running(const Ctx& ctx, Doors& doors,
                                                               std::vector<FirmwareTarget> targets) {
  std::map<std::string, Running> all;
  const bool asks_the_bmc = std::any_of(targets.begin(), targets.end(),
                                        [](const FirmwareTarget& target) { return !is_nvos(target.route); });
  std::vector<FirmwareItem> items;
  if (asks_the_bmc) {
    Result<std::vector<FirmwareItem>> read = co_await doors.bmc.firmware(ctx);
    if (!read) co_return read.error();
    items = std::move(*read);
  }
  for (const FirmwareTarget& target : targets) {
    Running running;
    if (is_nvos(target.route)) {
      Result<Running> read = co_await read_over_nvos(ctx, doors, target);
      if (!read) co_return read.error();
      running = std::move(*read);
    } else {
      running.source = Source{"redfish", "not in the firmware inventory"};
      running.why_none = "the component is not in the firmware inventory";
      for (const FirmwareItem& item : items) {
        if (item.id != target.component) continue;
        running.source = Source{"redfish", item.uri};
        running.version = item.version;
        running.standby_version = item.standby_version;
        running.why_none = "the BMC gives no version";
      }
    }
    all.insert_or_assign(target.component, std::move(running));
  }
  co_return all;
}

awaitable<Result<Running>> read_running_one(const Ctx& ctx, Doors& doors, FirmwareTarget target) {
  std::vector<FirmwareTarget> one{target};
  Result<std::map<std::string, Running>> read = co_await read_running(ctx, doors, std::move(one));
  if (!read) co_return read.error();
  Running running = std::move(read->at(target.component));
  co_return running;
}

bool is_wanted(const std::string& installed, const FirmwareTarget& target) {
  return same_version(installed, target.version, target.version_fields);
}

Reading version_reading(std::string measurement, const FirmwareTarget& target, Value version, Source source) {
  Reading reading(std::move(measurement), target.component, std::move(version), std::move(source));
  reading.expected = target.version;
  if (target.version_fields != VersionFields::by_form) reading.version_fields = target.version_fields;
  return reading;
}

}  // namespace kiln::firmware
