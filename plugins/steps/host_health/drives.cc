#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host_parts.h"
#include "host_steps.h"
#include "sdk/tool_output.h"
#include "sections.h"

namespace kiln::host_health {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kListBudget = std::chrono::seconds(60), kHealthBudget = std::chrono::minutes(4);
constexpr int kSecondsEach = 20;
constexpr const char* kDriveList = "lsblk --json --nodeps --output NAME,TYPE,SERIAL,MODEL";

/// What is known of one expected drive.
struct DriveHealth {
  std::string device, serial;  ///< "nvme0n1" and what lsblk calls its serial
  tool_output::NvmeSmart smart;
  std::optional<double> warning_c;
  std::string why_not;  ///< nothing is known, and why
};

/// Goes into a command line: nothing but the kernel's own names of NVMe namespaces.
bool is_nvme_namespace(const std::string& name) {
  if (!name.starts_with("nvme")) return false;
  const auto n = name.find('n', 4);
  const auto digits = [](std::string_view text) {
    return !text.empty() && text.size() < 6 && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return n != std::string::npos && digits(std::string_view(name).substr(4, n - 4)) &&
         digits(std::string_view(name).substr(n + 1));
}

awaitable<Result<PartList>> list_drives(StepContext& context) {
  const Result<CommandResult> answer = co_await run_tool(context, kDriveList, kListBudget);
  if (!answer) co_return answer.error();
  PartList list = read_drives(answer->out);
  if (answer->exit_status != 0)
    list.unreadable = fmt::format("lsblk ended with status {}", answer->exit_status);
  co_return list;
}

DriveHealth placed(const PartList& list, const Component& part) {
  DriveHealth drive;
  const Found found = list.unreadable.empty() ? find_part(list, part) : Found();
  if (!list.unreadable.empty()) {
    drive.why_not = list.unreadable;
  } else if (found.part == nullptr) {
    drive.why_not = found.ambiguous ? fmt::format("several drives are called '{}'", part.name)
                                    : "the host does not see the drive";
  } else if (!is_nvme_namespace(found.part->name)) {
    drive.why_not = fmt::format("{} is no NVMe drive: its health is not read", found.part->name);
  } else {
    drive.device = found.part->name;
    drive.serial = found.part->serial;
  }
  return drive;
}

void take(DriveHealth& drive, const std::string& health, const std::string& identity) {
  const auto smart = tool_output::parse_nvme_smart(health);
  if (!smart) {
    drive.why_not = health.find_first_not_of(" \n") == std::string::npos
                        ? "neither nvme (nvme-cli) nor smartctl (smartmontools) told anything; they need root"
                        : smart.error().message;
    return;
  }
  drive.smart = *smart;
  const auto controller = tool_output::parse_nvme_controller(identity);
  if (!controller) return;  // smartctl tells no threshold
  drive.warning_c = controller->warning_temperature_c;
  if (!drive.serial.empty() && !controller->serial.empty() && !same_serial(drive.serial, controller->serial))
    drive.why_not = fmt::format("{} had serial {} a moment ago and has {} now", drive.device, drive.serial,
                                controller->serial);
}

/// All drives at once; `nvme`, else smartctl.
awaitable<Status> ask_drives(StepContext& context, std::vector<DriveHealth>& drives, bool by_smartctl) {
  std::vector<Question> questions;
  for (const DriveHealth& drive : drives) {
    if (drive.device.empty()) continue;
    const std::string device = "/dev/" + drive.device;
    questions.push_back({"health " + drive.device, by_smartctl
                                                       ? "smartctl --json --all " + device
                                                       : "nvme smart-log --output-format=json " + device});
    questions.push_back(
        {"identity " + drive.device, by_smartctl ? "true" : "nvme id-ctrl --output-format=json " + device});
  }
  if (questions.empty()) co_return success();
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Ctx limited = context.ctx().child_within("health of the drives", kHealthBudget);
  Command command(ask_all(questions, kSecondsEach));
  const Result<CommandResult> printed = co_await (*shell)->run(limited, std::move(command));
  if (!printed) co_return printed.error();
  const auto answers = answers_of(printed->out, questions);
  if (!answers) co_return answers.error();
  for (DriveHealth& drive : drives) {
    if (drive.device.empty()) continue;
    drive.why_not.clear();
    take(drive, answers->at("health " + drive.device), answers->at("identity " + drive.device));
  }
  co_return success();
}

Value counted_value(const std::optional<std::int64_t>& number) {
  if (!number) return std::monostate{};
  return *number;
}

std::vector<Reading> readings_of(const DriveHealth& drive, const std::string& part) {
  const Source source{"ssh", "NVMe SMART / health log of " + (drive.device.empty() ? part : drive.device)};
  const tool_output::NvmeSmart nothing;
  const tool_output::NvmeSmart& smart = drive.why_not.empty() ? drive.smart : nothing;
  std::vector<Reading> readings;
  readings.emplace_back("drive.critical_warning", part, counted_value(smart.critical_warning), source);
  if (smart.critical_warning.value_or(0) != 0)
    readings.back().action = fmt::format("{}: replace the drive, or cool it where only its temperature warns",
                                         tool_output::nvme_warning_words(*smart.critical_warning));
  readings.emplace_back("drive.media_errors", part, counted_value(smart.media_errors), source);
  readings.emplace_back("drive.endurance_used", part, counted_value(smart.percentage_used), source);
  Value spare, margin;
  if (smart.available_spare && smart.spare_threshold) spare = *smart.available_spare - *smart.spare_threshold;
  readings.emplace_back("drive.spare_margin", part, spare, source);
  if (smart.temperature_c && drive.warning_c && drive.why_not.empty())
    margin = *drive.warning_c - *smart.temperature_c;
  readings.emplace_back("drive.temperature_margin", part, margin, source);
  readings.emplace_back("drive.unsafe_shutdowns", part, counted_value(smart.unsafe_shutdowns), source);
  readings.emplace_back("drive.power_on_hours", part, counted_value(smart.power_on_hours), source);
  for (Reading& reading : readings)
    reading.reason = drive.why_not.empty() ? "the drive does not report it" : drive.why_not;
  return readings;
}

}  // namespace

const StepDescription& Drives::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "host_health.drives";
    made.summary =
        "Health of each NVMe drive by its own log: warnings, media errors, wear, spare, temperature";
    const ComponentKind drive = ComponentKind::drive;
    made.measurements = {
        {"drive.critical_warning", "1", drive, true, "drive.warning", "replace the drive",
         "bits of the drive's critical warning"},
        {"drive.media_errors", "1", drive, true, "drive.media_errors", "replace the drive",
         "data the drive could not read back right, since it was made"},
        {"drive.endurance_used", "%", drive, true, "drive.worn", "replace the drive",
         "share of its rated endurance that is used up"},
        {"drive.spare_margin", "%", drive, true, "drive.worn", "replace the drive",
         "spare blocks above the drive's own threshold"},
        {"drive.temperature_margin", "K", drive, true, "drive.hot",
         "see that air reaches the drive and its heat sink sits",
         "how far the drive is below its own warning temperature"},
        {"drive.unsafe_shutdowns", "1", drive, false, "", "", "how often power went without a goodbye"},
        {"drive.power_on_hours", "h", drive, false, "", "", "how long the drive has run"}};
    made.default_timeout = std::chrono::minutes(10);
    return made;
  }();
  return description;
}

awaitable<Status> Drives::run(StepContext& context) {
  const std::vector<const Component*> parts = context.dut().expect.of_kind(ComponentKind::drive);
  if (parts.empty()) co_return success();
  const Result<PartList> list = co_await list_drives(context);
  if (!list) co_return list.error();
  std::vector<DriveHealth> drives;
  for (const Component* part : parts) drives.push_back(placed(*list, *part));
  const Status asked = co_await ask_drives(context, drives, false);
  if (!asked) co_return asked;
  const bool none_told = std::all_of(drives.begin(), drives.end(), [](const DriveHealth& drive) {
    return drive.device.empty() || !drive.why_not.empty();
  });
  if (none_told) {
    const Status again = co_await ask_drives(context, drives, true);
    if (!again) co_return again;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::vector<Reading> readings = readings_of(drives[i], parts[i]->name);
    for (Reading& reading : readings) {
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
  }
  co_return success();
}

}  // namespace kiln::host_health
