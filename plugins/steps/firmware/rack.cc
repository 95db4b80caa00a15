// What is asked once for the whole rack: whether a tier may be passed, and whether firmware is mixed.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "firmware_steps.h"
#include "running.h"

namespace kiln::firmware {

using boost::asio::awaitable;

// ---------------------------------------------------------------- one tier

const StepDescription& Tier::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.tier";
    made.bmc = {{BmcAbility::firmware_inventory, true, "to know which version each component runs"}};
    made.summary =
        "Everything of some roles runs its baseline, before anything that depends on them is touched";
    made.measurements = {{"firmware.tier.off_baseline", "1", ComponentKind::whole_dut, true,
                          "firmware.tier_off_baseline",
                          "bring these components to the baseline first; what depends on them waits",
                          "components of these roles that do not run the baseline"}};
    made.parameters = {
        {"roles", ParameterType::list, std::nullopt, "power_shelf, switch_tray, compute_tray, …"}};
    made.rack_scope = true;
    made.default_timeout = std::chrono::minutes(10);
    made.on_resume = ResumePolicy::verify;
    return made;
  }();
  return description;
}

Status Tier::check(const Parameters& with) const {
  for (const std::string& word : with.list("roles")) {
    if (role_from(word) && role_from(word) != Role::rack) continue;
    return Error("recipe.parameters",
                 fmt::format("'{}' is not a role{}", word, did_you_mean(word, role_names())), "",
                 Blame::recipe);
  }
  return success();
}

awaitable<Status> Tier::run(StepContext& context) {
  const std::vector<std::string> roles = context.with().list("roles");
  std::set<std::string> present;
  for (const Dut* dut : context.duts()) present.insert(dut->id);
  std::int64_t off = 0;
  std::string where, who;
  for (const Dut& dut : context.inventory().duts) {
    const std::string role(to_string(dut.role));
    if (std::find(roles.begin(), roles.end(), role) == roles.end()) continue;
    if (dut.firmware_targets.empty()) continue;
    if (!present.contains(dut.id)) {
      co_return Error("firmware.tier_unknown",
                      fmt::format("{} is out of the run: what it runs is not known", dut.id),
                      "mend it, or leave it out of the selection", Blame::operator_);
    }
    const Result<Bmc*> bmc = context.bmc_of(dut.id);
    if (!bmc) co_return bmc.error();
    Doors doors(**bmc, [&context, id = dut.id] { return context.shell_of(id); });
    std::vector<FirmwareTarget> asked = dut.firmware_targets;
    const Result<std::map<std::string, Running>> running =
        co_await read_running(context.ctx(), doors, std::move(asked));
    if (!running) co_return running.error();
    where += (where.empty() ? "" : ", ") + dut.id;
    for (const FirmwareTarget& target : dut.firmware_targets) {
      const Running& now = running->at(target.component);
      if (is_wanted(now.version, target)) continue;
      ++off;
      who += fmt::format("{}{}:{}", who.empty() ? "" : ", ", dut.id, target.component);
      Diagnosed diagnosis;
      diagnosis.code = "firmware.tier_off_baseline";
      diagnosis.part = dut.id + ":" + target.component;
      diagnosis.message = fmt::format("{} of {} runs {}, the baseline says {}", target.component, dut.id,
                                      now.version.empty() ? now.why_none : now.version, target.version);
      diagnosis.action = "bring it to the baseline before what depends on it is touched";
      const Status told = co_await context.diagnose(std::move(diagnosis));
      if (!told) co_return told;
    }
  }
  Reading reading("firmware.tier.off_baseline", "", off,
                  Source{"redfish", "firmware inventories of " + where});
  if (off > 0) reading.action = "bring these to the baseline first, what depends on them waits: " + who;
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

// ---------------------------------------------------------------- mixed firmware

namespace {

/// Who runs which version of one kind of component.
using Versions = std::map<std::string, std::vector<std::string>>;  // canonical → DUT:component

/// Components that differ by their number only are of one kind: "HGX_FW_GPU_0" → "HGX_FW_GPU_*".
std::string kind_of(const std::string& component) {
  std::string kind;
  for (std::size_t i = 0; i < component.size(); ++i) {
    const auto is_digit = [&component](std::size_t at) {
      return at < component.size() && component[at] >= '0' && component[at] <= '9';
    };
    const bool begins = is_digit(i) && i > 0 && (component[i - 1] == '_' || component[i - 1] == '-');
    if (!begins) {
      kind += component[i];
      continue;
    }
    std::size_t end = i;
    while (is_digit(end)) ++end;
    const bool whole = end == component.size() || component[end] == '_' || component[end] == '-';
    kind += whole ? "*" : component.substr(i, end - i);
    i = end - 1;
  }
  return kind;
}

std::string canonical_text(const std::string& version) {
  const CanonicalVersion canonical = canonical_version(version);
  return fmt::format("{}", fmt::join(canonical.runs, "."));
}

/// "97.10 on 71, 97.9 on C03:HGX_FW_GPU_2": the few are named, the many are counted.
std::string who_runs_what(const Versions& versions) {
  constexpr std::size_t kNamed = 6;
  std::vector<std::string> words;
  for (const auto& [version, places] : versions) {
    words.push_back(places.size() > kNamed ? fmt::format("{} on {}", version, places.size())
                                           : fmt::format("{} on {}", version, fmt::join(places, ", ")));
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

/// Of these a version is to be expected; a fan or a leak detector has none to tell.
bool carries_firmware(ComponentKind kind) {
  return kind == ComponentKind::gpu || kind == ComponentKind::nvswitch || kind == ComponentKind::drive ||
         kind == ComponentKind::nic || kind == ComponentKind::power_supply;
}

/// What could not be compared, by name.
class NotCompared {
 public:
  /// Nobody can say what it runs, so that nothing is proven.
  std::vector<std::string> unknown;
  /// It is there and tells no version: its inventory entry may, under another name.
  std::vector<std::string> silent;
  [[nodiscard]] std::size_t count() const { return unknown.size() + silent.size(); }
};

/// The first few by name, and how many there are.
std::string first_of(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 12;
  const std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kNamed)));
  return fmt::format(
      "{}{}", fmt::join(shown, ", "),
      shown.size() < names.size() ? fmt::format(" and {} more", names.size() - shown.size()) : "");
}

/// All of them in the record; a person sees the first few in a note.
awaitable<Status> tell_not_compared(StepContext& context, const NotCompared& left_out) {
  Reading count("firmware.mix.not_compared", "", static_cast<std::int64_t>(left_out.count()),
                Source{"redfish", "firmware inventories and parts that tell no version"});
  const Result<Outcome> counted = co_await context.record(std::move(count));
  if (!counted) co_return counted.error();
  if (left_out.count() == 0) co_return success();
  std::string text = "not compared, because no version is told:";
  if (!left_out.unknown.empty())
    text += fmt::format(" what runs is not known: {};", first_of(left_out.unknown));
  if (!left_out.silent.empty())
    text += fmt::format(" parts without a version: {};", first_of(left_out.silent));
  text += " firmware-not-compared.txt has them all";
  const Status noted = co_await context.note(std::move(text));
  if (!noted) co_return noted;
  std::string list;
  for (const std::string& name : left_out.unknown) list += name + ": what runs is not known\n";
  for (const std::string& name : left_out.silent) list += name + ": the part tells no version\n";
  std::string file = "firmware-not-compared.txt", type = "text/plain";
  const Status attached = co_await context.attach(std::move(file), std::move(type), std::move(list));
  co_return attached;
}

}  // namespace

const StepDescription& Mix::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.mix";
    made.bmc = {{BmcAbility::firmware_inventory, true, "to know which version each component runs"},
                {BmcAbility::parts, true, "to know the firmware of drives, NICs and power supplies"}};
    made.summary = "The same kind of component runs the same firmware in the whole rack, baseline or not";
    made.measurements = {{"firmware.mixed_components", "1", ComponentKind::whole_dut, true, "firmware.mixed",
                          "bring the few to what the many run, or all to the baseline",
                          "kinds of components that run more than one version in this rack"},
                         {"firmware.mix.not_compared", "1", ComponentKind::whole_dut, false, "", "",
                          "components and parts that tell no version; the attached list names them"}};
    made.rack_scope = true;
    made.default_timeout = std::chrono::minutes(10);
    made.on_resume = ResumePolicy::verify;
    return made;
  }();
  return description;
}

awaitable<Status> Mix::run(StepContext& context) {
  std::map<std::string, Versions> kinds;
  std::vector<std::string> read_from;
  NotCompared left_out;
  for (const Dut* dut : context.duts()) {
    if (!dut->bmc) continue;
    const Result<Bmc*> bmc = context.bmc_of(dut->id);
    if (!bmc) co_return bmc.error();
    const Result<std::vector<FirmwareItem>> items = co_await (*bmc)->firmware(context.ctx());
    if (!items) co_return items.error();
    const std::string role(to_string(dut->role));
    for (const FirmwareItem& item : *items) {
      const std::string version = canonical_text(item.version);
      if (version.empty()) left_out.unknown.push_back(dut->id + ":" + item.id);
      if (version.empty()) continue;
      kinds[role + " " + kind_of(item.id)][version].push_back(dut->id + ":" + item.id);
    }
    const Result<std::vector<Part>> parts = co_await (*bmc)->parts(context.ctx());
    if (!parts) co_return parts.error();
    for (const Part& part : *parts) {
      if (!part.unread.empty()) left_out.unknown.push_back(fmt::format("{}:{}", dut->id, part.uri));
      const std::string version = canonical_text(part.firmware);
      const bool is_there = part.unread.empty() && part.state != "Absent";
      const bool tells = !version.empty() && !part.model.empty();
      if (!tells && is_there && carries_firmware(part.kind)) {
        left_out.silent.push_back(fmt::format(
            "{}:{}{}", dut->id, part.name, version.empty() ? "" : " (no model, so that it is of no kind)"));
      }
      if (!tells) continue;
      kinds[fmt::format("{} {}", to_string(part.kind), part.model)][version].push_back(dut->id + ":" +
                                                                                       part.name);
    }
    read_from.push_back(dut->id);
  }
  for (const Dut& dut : context.inventory().duts) {
    const bool asked = std::find(read_from.begin(), read_from.end(), dut.id) != read_from.end();
    if (dut.bmc && !asked) left_out.unknown.push_back(dut.id);
  }
  std::int64_t mixed = 0;
  std::string who;
  for (const auto& [kind, versions] : kinds) {
    if (versions.size() < 2) continue;
    ++mixed;
    who += fmt::format("{}{}: {}", who.empty() ? "" : "; ", kind, who_runs_what(versions));
    Diagnosed diagnosis;
    diagnosis.code = "firmware.mixed";
    diagnosis.part = kind;
    diagnosis.message =
        fmt::format("{} runs {} versions: {}", kind, versions.size(), who_runs_what(versions));
    diagnosis.action = "bring the few to what the many run, or all to the baseline";
    const Status told = co_await context.diagnose(std::move(diagnosis));
    if (!told) co_return told;
  }
  Reading reading(
      "firmware.mixed_components", "", mixed,
      Source{"redfish", fmt::format("firmware inventories and parts of {}", fmt::join(read_from, ", "))});
  // What nobody told can only make it worse.
  reading.at_least = !left_out.unknown.empty();
  reading.reason = fmt::format("what runs is not known of {} places: {}", left_out.unknown.size(),
                               first_of(left_out.unknown));
  if (mixed > 0) {
    reading.action = "bring the few to what the many run, or all to the baseline: " + who;
    if (!left_out.unknown.empty()) reading.action += "; " + reading.reason;
  }
  const Status told = co_await tell_not_compared(context, left_out);
  if (!told) co_return told;
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

}  // namespace kiln::firmware
