// One rack, one set-up: hosts of one role have the same BIOS settings. Needs no profile, so that it finds
// what drifted on a product of which nobody has written one.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "platform_steps.h"

namespace kiln::platform {

using boost::asio::awaitable;

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return text;
}

std::vector<std::string> words_in(const std::string& text) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// value -> the DUTs that have it
using Holders = std::map<std::string, std::vector<std::string>>;

std::string who_has_which(const Holders& holders) {
  constexpr std::size_t kNamed = 6;
  std::vector<std::string> words;
  for (const auto& [value, duts] : holders) {
    const std::string shown = value.empty() ? "nothing" : value;
    words.push_back(duts.size() > kNamed ? fmt::format("{} on {} hosts", shown, duts.size())
                                         : fmt::format("{} on {}", shown, fmt::join(duts, ", ")));
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

}  // namespace

bool is_a_machines_own(const std::string& setting, const std::vector<std::string>& words) {
  const std::string name = lower(setting);
  return std::any_of(words.begin(), words.end(), [&name](const std::string& word) {
    return name.find(lower(word)) != std::string::npos;
  });
}

const StepDescription& SameSetup::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "platform.same_setup";
    made.rack_scope = true;
    made.bmc = {{BmcAbility::platform_setup, true, "to read the BIOS settings of each host"}};
    made.summary = "Hosts of one role have the same BIOS settings";
    made.measurements = {{"platform.bios.mixed", "1", ComponentKind::whole_dut, true, "platform.bios_mixed",
                          "set the few as the many and restart them",
                          "BIOS settings that are not the same on all hosts of a role"}};
    made.parameters = {
        {"own", ParameterType::text, "asset,serial,uuid,mac,address,bootorder,hostname,date,time",
         "words in the names of settings that each machine has of its own, with commas between them"}};
    made.default_timeout = std::chrono::minutes(10);
    return made;
  }();
  return description;
}

awaitable<Status> SameSetup::run(StepContext& context) {
  const std::vector<std::string> own = words_in(context.with().text("own"));
  std::map<std::string, Holders> settings;        // by "name of role"
  std::map<Role, std::vector<std::string>> told;  // who told any
  std::vector<std::string> unknown;
  std::map<Role, int> hosts;
  for (const Dut* dut : context.duts()) {
    const bool host = dut->role == Role::compute_tray || dut->role == Role::server;
    if (!host || !dut->bmc) continue;
    const std::string id = dut->id;
    const Result<Bmc*> bmc = context.bmc_of(id);
    if (!bmc) co_return bmc.error();
    const Result<PlatformSetup> setup = co_await (*bmc)->platform_setup(context.ctx());
    if (!setup) co_return setup.error();
    ++hosts[dut->role];
    if (setup->bios.empty()) unknown.push_back(id);
    if (!setup->bios.empty()) told[dut->role].push_back(id);
    for (const auto& [name, value] : setup->bios) {
      if (!is_a_machines_own(name, own))
        settings[fmt::format("{} of {}", name, to_string(dut->role))][value].push_back(id);
    }
  }
  std::int64_t mixed = 0;
  std::vector<std::string> which;
  for (const auto& [name, holders] : settings) {
    if (holders.size() < 2) continue;
    ++mixed;
    which.push_back(fmt::format("{}: {}", name, who_has_which(holders)));
    Diagnosed diagnosis;
    diagnosis.code = "platform.bios_mixed";
    diagnosis.part = name;
    diagnosis.message = which.back();
    diagnosis.action = "set the few as the many and restart them";
    const Status recorded = co_await context.diagnose(std::move(diagnosis));
    if (!recorded) co_return recorded;
  }
  const bool compared =
      std::any_of(told.begin(), told.end(), [](const auto& one) { return one.second.size() > 1; });
  Reading reading("platform.bios.mixed", "", std::monostate{},
                  Source{"redfish", "Bios Attributes of all hosts"});
  // What differs is known, whoever else tells nothing.
  if (mixed > 0 || (unknown.empty() && compared)) reading.value = mixed;
  reading.reason = !unknown.empty() ? fmt::format("no BIOS settings are told of {}", fmt::join(unknown, ", "))
                                    : std::string("there are no two hosts of a role to compare");
  if (mixed > 0)
    reading.action = fmt::format("set the few as the many and restart them; {}", fmt::join(which, "; "));
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

}  // namespace kiln::platform
