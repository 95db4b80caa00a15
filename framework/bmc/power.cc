#include "bmc/power.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <utility>

#include "bmc/redfish_error.h"

namespace kiln {
namespace {

const std::string kSystemReset = "#ComputerSystem.Reset";
const std::string kChassisReset = "#Chassis.Reset";
const std::string kManagerReset = "#Manager.Reset";

std::vector<std::string> words_of(const JsonView& list) {
  std::vector<std::string> words;
  for (const JsonView& element : list.elements()) {
    const std::optional<std::string> word = element.word();
    if (word && !word->empty()) words.push_back(*word);
  }
  return words;
}

PowerState power_state_from(const std::string& word) {
  if (word == "On") return PowerState::on;
  if (word == "Off") return PowerState::off;
  if (word == "PoweringOn") return PowerState::powering_on;
  if (word == "PoweringOff") return PowerState::powering_off;
  return PowerState::unknown;
}

/// `Power` of some member of its Oem object, true or "On" (Delta).
std::optional<bool> oem_power(const JsonView& body) {
  for (const auto& [vendor, said] : body["Oem"].members()) {
    const JsonView power = said["Power"];
    if (power.is_boolean()) return power.boolean();
    const PowerState state = power_state_from(power.is_string() ? power.text_or_empty() : std::string());
    if (state == PowerState::on || state == PowerState::off) return state == PowerState::on;
  }
  return std::nullopt;
}

std::string reset_body(const std::string& reset_type) {
  boost::json::object body;
  body["ResetType"] = reset_type;
  return boost::json::serialize(body);
}

}  // namespace

const std::vector<std::string>& reset_types(PowerVerb verb) {
  static const std::map<PowerVerb, std::vector<std::string>> types{
      {PowerVerb::on, {"On", "ForceOn", "PushPowerButton"}},
      {PowerVerb::force_off, {"ForceOff"}},
      {PowerVerb::graceful_shutdown, {"GracefulShutdown"}},
      {PowerVerb::restart, {"ForceRestart", "PowerCycle", "GracefulRestart"}},
      {PowerVerb::manager_reset, {"GracefulRestart", "ForceRestart"}}};
  return types.at(verb);
}

std::string choose_reset(const std::vector<std::string>& wishes, const std::vector<std::string>& allowed) {
  if (allowed.empty()) return wishes.front();
  for (const std::string& wish : wishes) {
    if (std::find(allowed.begin(), allowed.end(), wish) != allowed.end()) return wish;
  }
  return {};
}

std::string_view to_string(PowerState state) {
  switch (state) {
    case PowerState::on:
      return "on";
    case PowerState::off:
      return "off";
    case PowerState::powering_on:
      return "powering_on";
    case PowerState::powering_off:
      return "powering_off";
    case PowerState::unknown:
      return "unknown";
  }
  return "unknown";
}

Error unsupported(const RedfishClient& client, const std::string& what) {
  return {"bmc.unsupported", fmt::format("the BMC at {} {}", client.base_url(), what),
          "Leave this step out for this kind of DUT, or update the BMC's firmware."};
}

Status check_permit(const Permit& permit, Energy energy) {
  if (!permit.valid()) {
    return Error("permit.revoked", fmt::format("leave to energise {} was revoked", permit.dut()),
                 "Find out which interlock revoked it before trying again.", Blame::station);
  }
  if (permit.energy() != energy) {
    return Error("permit.wrong_energy",
                 fmt::format("the permit for {} is for {}, not for {}", permit.dut(),
                             to_string(permit.energy()), to_string(energy)),
                 "This is a fault of the step: it must ask for the right permit.", Blame::station);
  }
  return success();
}

boost::asio::awaitable<Result<PowerTarget>> PowerControl::target_from(const Ctx& ctx,
                                                                      RedfishResource resource,
                                                                      std::string action_name) {
  PowerTarget found;
  found.uri = resource.uri;
  found.is_system = action_name == kSystemReset;
  const JsonView action = resource.body.at({"Actions", action_name});
  const std::optional<std::string> link = action["target"].verbatim();
  if (link) found.action = tree_.client().local_path(*link).value_or(std::string{});
  found.allowed = words_of(action["ResetType@Redfish.AllowableValues"]);
  const std::optional<std::string> info_link = action["@Redfish.ActionInfo"].link();
  if (!found.allowed.empty() || !info_link) co_return found;
  Result<RedfishResource> info = co_await tree_.client().get(ctx, *info_link);
  if (!info) {
    if (is_exchange_error(info.error())) co_return info.error();
    co_return found;
  }
  for (const JsonView& parameter : info->body["Parameters"].elements()) {
    if (parameter["Name"].text_or_empty() == "ResetType")
      found.allowed = words_of(parameter["AllowableValues"]);
  }
  co_return found;
}

boost::asio::awaitable<Result<PowerTarget>> PowerControl::find(const Ctx& ctx) {
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  const RedfishResource* best = nullptr;
  int best_rank = 0;
  for (const RedfishResource& system : systems->members) {
    const bool has_action = system.body.at({"Actions", kSystemReset, "target"}).is_string();
    const bool has_state = system.body["PowerState"].exists();
    if (!has_action && !has_state) continue;
    const std::string type = system.body["SystemType"].text_or_empty();
    const bool physical = type.empty() || type == "Physical";
    const bool baseboard = system.id().starts_with("HGX_");
    const int rank = (has_action ? 8 : 0) + (physical ? 4 : 0) + (baseboard ? 0 : 2) + 1;
    if (rank > best_rank) {
      best = &system;
      best_rank = rank;
    }
  }
  if (best != nullptr) {
    Result<PowerTarget> found = co_await target_from(ctx, *best, kSystemReset);
    co_return found;
  }
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  for (const RedfishResource& one : chassis->members) {
    const bool has_action = one.body.at({"Actions", kChassisReset, "target"}).is_string();
    const bool has_state = one.body["PowerState"].exists();
    if (!has_action && !has_state) continue;
    const bool contained = one.body.at({"Links", "ContainedBy"}).exists();
    const int rank = (contained ? 0 : 4) + (has_state ? 2 : 0) + (has_action ? 1 : 0);
    if (rank > best_rank) {
      best = &one;
      best_rank = rank;
    }
  }
  if (best == nullptr) {
    Result<std::shared_ptr<const Platform>> platform = co_await tree_.platform(ctx);
    if (!platform) co_return platform.error();
    for (const RedfishResource& one : chassis->members) {
      const bool outermost = !one.body.at({"Links", "ContainedBy"}).exists();
      if (!(*platform)->has(Quirk::power_state_in_oem) || !outermost) continue;
      if (one.body["PowerSubsystem"].link() || oem_power(one.body)) best = &one;
      if (best != nullptr) break;
    }
  }
  if (best == nullptr)
    co_return unsupported(tree_.client(), "has no system and no chassis with a power state");
  Result<PowerTarget> found = co_await target_from(ctx, *best, kChassisReset);
  co_return found;
}

boost::asio::awaitable<Result<PowerTarget>> PowerControl::target(const Ctx& ctx) {
  if (target_) co_return *target_;
  Result<PowerTarget> found = co_await find(ctx);
  if (found) target_ = *found;
  co_return found;
}

boost::asio::awaitable<Result<PowerState>> PowerControl::state(const Ctx& ctx) {
  Result<PowerTarget> found = co_await target(ctx);
  if (!found) co_return found.error();
  Result<RedfishResource> resource = co_await tree_.client().get(ctx, found->uri);
  if (!resource) {
    target_.reset();  // look again: the BMC may have been updated
    co_return resource.error();
  }
  const JsonView printed = resource->body["PowerState"];
  const PowerState state = power_state_from(printed.text_or_empty());
  if (!printed.exists() && !found->is_system) {
    Result<std::shared_ptr<const Platform>> platform = co_await tree_.platform(ctx);
    if (!platform) co_return platform.error();
    if ((*platform)->has(Quirk::power_state_in_oem)) {
      Result<PowerState> of_supplies = co_await state_of_supplies(ctx, *resource);
      co_return of_supplies;
    }
  }
  if (state == PowerState::unknown) {
    tree_.client().note_oddity(found->uri, "PowerState", fmt::format("is {}", printed.printed()));
  }
  co_return state;
}

/// Of the chassis itself where it says it; else on when every supply says so, off when none does. Anything
/// between is not known.
boost::asio::awaitable<Result<PowerState>> PowerControl::state_of_supplies(const Ctx& ctx,
                                                                           RedfishResource chassis) {
  tree_.client().note_quirk(Quirk::power_state_in_oem, chassis.uri);
  const std::optional<bool> of_chassis = oem_power(chassis.body);
  if (of_chassis) co_return *of_chassis ? PowerState::on : PowerState::off;
  const JsonView subsystem_link = chassis.body["PowerSubsystem"];
  Result<std::optional<RedfishResource>> subsystem = co_await tree_.resource(ctx, chassis, subsystem_link);
  if (!subsystem) co_return subsystem.error();
  if (!*subsystem) co_return PowerState::unknown;
  const JsonView supplies_link = (*subsystem)->body["PowerSupplies"];
  Result<MemberList> supplies = co_await tree_.follow(ctx, **subsystem, supplies_link);
  if (!supplies) co_return supplies.error();
  std::size_t on = 0, off = 0;
  for (const RedfishResource& supply : supplies->members) {
    const std::optional<bool> power = oem_power(supply.body);
    if (power) ++(*power ? on : off);
  }
  const bool all = supplies->unread.empty() && on + off == supplies->members.size() && on + off > 0;
  if (all && off == 0) co_return PowerState::on;
  if (all && on == 0) co_return PowerState::off;
  co_return PowerState::unknown;
}

boost::asio::awaitable<Status> PowerControl::reset(const Ctx& ctx, std::vector<std::string> wishes,
                                                   Repeat repeat, std::function<Status()> still_wanted,
                                                   PowerState goal) {
  Result<PowerTarget> found = co_await target(ctx);
  if (!found) co_return found.error();
  if (found->action.empty()) {
    co_return unsupported(tree_.client(), fmt::format("does not offer to switch {}", found->uri));
  }
  const std::string type = choose_reset(wishes, found->allowed);
  if (type.empty()) {
    co_return unsupported(tree_.client(),
                          fmt::format("offers none of {} at {}", fmt::join(wishes, ", "), found->action));
  }
  Result<RedfishAnswer> answer = co_await tree_.client().post(
      ctx, found->action, "application/json", reset_body(type), repeat, std::move(still_wanted));
  if (answer) co_return success();
  Error refused = answer.error();
  if (is_exchange_error(refused) || refused.code.starts_with("permit.") || goal == PowerState::unknown)
    co_return refused;
  // Many BMCs refuse what is already so. Only a state read back counts.
  Result<PowerState> now = co_await state(ctx);
  if (now && *now == goal) co_return success();
  co_return refused;
}

boost::asio::awaitable<Status> PowerControl::power_on(const Ctx& ctx, const Permit& permit) {
  const Status good = check_permit(permit, Energy::power);
  if (!good) co_return good.error();
  std::vector<std::string> wishes = reset_types(PowerVerb::on);
  std::function<Status()> still_wanted = [&permit] { return check_permit(permit, Energy::power); };
  Status done = co_await reset(ctx, std::move(wishes), Repeat::if_not_executed, std::move(still_wanted),
                               PowerState::on);
  co_return done;
}

boost::asio::awaitable<Status> PowerControl::restart(const Ctx& ctx, const Permit& permit) {
  const Status good = check_permit(permit, Energy::power);
  if (!good) co_return good.error();
  std::vector<std::string> wishes = reset_types(PowerVerb::restart);
  std::function<Status()> still_wanted = [&permit] { return check_permit(permit, Energy::power); };
  Status done = co_await reset(ctx, std::move(wishes), Repeat::if_not_executed, std::move(still_wanted),
                               PowerState::unknown);
  co_return done;
}

boost::asio::awaitable<Status> PowerControl::force_off(const Ctx& ctx) {
  std::vector<std::string> wishes = reset_types(PowerVerb::force_off);
  std::function<Status()> still_wanted;
  Status done =
      co_await reset(ctx, std::move(wishes), Repeat::always, std::move(still_wanted), PowerState::off);
  co_return done;
}

boost::asio::awaitable<Status> PowerControl::graceful_shutdown(const Ctx& ctx) {
  std::vector<std::string> wishes = reset_types(PowerVerb::graceful_shutdown);
  std::function<Status()> still_wanted;
  Status done = co_await reset(ctx, std::move(wishes), Repeat::if_not_executed, std::move(still_wanted),
                               PowerState::off);
  co_return done;
}

boost::asio::awaitable<Result<PowerTarget>> PowerControl::manager_target(const Ctx& ctx) {
  Result<RedfishResource> root = co_await tree_.root(ctx);
  if (!root) co_return root.error();
  const JsonView provider = root->body["Links"]["ManagerProvidingService"];
  Result<std::optional<RedfishResource>> own = co_await tree_.resource(ctx, *root, provider);
  if (!own) co_return own.error();
  std::optional<RedfishResource> manager = *own;
  if (!manager || !manager->body.at({"Actions", kManagerReset}).exists()) {
    Result<MemberList> managers = co_await tree_.top(ctx, "Managers");
    if (!managers) co_return managers.error();
    for (const RedfishResource& one : managers->members) {
      if (!one.body.at({"Actions", kManagerReset}).exists()) continue;
      manager = one;
      break;
    }
  }
  if (!manager) co_return unsupported(tree_.client(), "has no manager that can be reset");
  Result<PowerTarget> found = co_await target_from(ctx, *manager, kManagerReset);
  co_return found;
}

boost::asio::awaitable<Status> PowerControl::reset_manager(const Ctx& ctx) {
  Result<PowerTarget> found = co_await manager_target(ctx);
  if (!found) co_return found.error();
  const std::string type = choose_reset(reset_types(PowerVerb::manager_reset), found->allowed);
  if (found->action.empty() || type.empty()) {
    co_return unsupported(tree_.client(), fmt::format("does not offer to restart {}", found->uri));
  }
  Result<RedfishAnswer> answer = co_await tree_.client().post(ctx, found->action, "application/json",
                                                              reset_body(type), Repeat::if_not_executed);
  if (!answer) co_return answer.error();
  co_return success();
}

boost::asio::awaitable<Status> PowerControl::offers(const Ctx& ctx, BmcAbility ability) {
  static const std::map<BmcAbility, PowerVerb> kVerbs{
      {BmcAbility::power_on, PowerVerb::on},
      {BmcAbility::force_off, PowerVerb::force_off},
      {BmcAbility::graceful_shutdown, PowerVerb::graceful_shutdown},
      {BmcAbility::restart, PowerVerb::restart},
      {BmcAbility::manager_reset, PowerVerb::manager_reset}};
  if (ability == BmcAbility::full_power_cycle) {
    const Result<FullPowerCycle> way = co_await full_cycle(ctx);
    if (!way) co_return way.error();
    co_return success();
  }
  const auto verb = kVerbs.find(ability);
  if (verb == kVerbs.end()) {
    co_return unsupported(tree_.client(),
                          fmt::format("cannot say beforehand whether one can {}", phrase(ability)));
  }
  Result<PowerTarget> found = Error("bmc.unsupported", "");
  if (ability == BmcAbility::manager_reset) {
    found = co_await manager_target(ctx);
  } else {
    found = co_await target(ctx);
  }
  if (!found) co_return found.error();
  const std::vector<std::string>& wishes = reset_types(verb->second);
  if (!found->action.empty() && !choose_reset(wishes, found->allowed).empty()) co_return success();
  co_return unsupported(tree_.client(),
                        found->action.empty()
                            ? fmt::format("has no reset action at {}", found->uri)
                            : fmt::format("takes {} at {}, and none of {}", fmt::join(found->allowed, ", "),
                                          found->action, fmt::join(wishes, ", ")));
}

boost::asio::awaitable<Result<HostStart>> PowerControl::host_start(const Ctx& ctx) {
  const Result<PowerTarget> found = co_await target(ctx);
  if (!found) co_return found.error();
  const Result<RedfishResource> resource = co_await tree_.client().get(ctx, found->uri);
  if (!resource) {
    target_.reset();  // look again: the BMC may have been updated
    co_return resource.error();
  }
  HostStart start;
  start.uri = found->uri;
  start.power = power_state_from(resource->body["PowerState"].text_or_empty());
  start.last_reset = resource->body["LastResetTime"].text_or_empty();
  start.boot_progress = resource->body.at({"BootProgress", "LastState"}).text_or_empty();
  co_return start;
}

boost::asio::awaitable<Result<std::optional<FullPowerCycle>>> PowerControl::full_cycle_of(
    const Ctx& ctx, const RedfishResource& resource, std::string action_name) {
  std::optional<FullPowerCycle> way;
  Result<PowerTarget> offered = co_await target_from(ctx, resource, action_name);
  if (!offered) co_return offered.error();
  const bool offers =
      std::find(offered->allowed.begin(), offered->allowed.end(), "FullPowerCycle") != offered->allowed.end();
  if (offers && !offered->action.empty()) way.emplace(offered->action, "FullPowerCycle");
  co_return way;
}

boost::asio::awaitable<Result<FullPowerCycle>> PowerControl::full_cycle(const Ctx& ctx) {
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  for (const RedfishResource& system : systems->members) {
    Result<std::optional<FullPowerCycle>> way = co_await full_cycle_of(ctx, system, kSystemReset);
    if (!way) co_return way.error();
    if (*way) co_return **way;
  }
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  for (const RedfishResource& one : chassis->members) {
    const std::optional<std::string> link =
        one.body.at({"Actions", "Oem", "#NvidiaChassis.AuxPowerReset", "target"}).verbatim();
    const std::optional<std::string> path = link ? tree_.client().local_path(*link) : std::nullopt;
    if (!path) continue;
    FullPowerCycle way(*path, "AuxPowerCycle");
    co_return way;
  }
  for (const RedfishResource& system : systems->members) {
    const std::optional<std::string> link =
        system.body.at({"Actions", "Oem", "#LenovoComputerSystem.SystemReset", "target"}).verbatim();
    const std::optional<std::string> path = link ? tree_.client().local_path(*link) : std::nullopt;
    if (!path) continue;
    FullPowerCycle way(*path, "ACPowerCycle");
    co_return way;
  }
  for (const RedfishResource& one : chassis->members) {
    Result<std::optional<FullPowerCycle>> way = co_await full_cycle_of(ctx, one, kChassisReset);
    if (!way) co_return way.error();
    if (*way) co_return **way;
  }
  co_return unsupported(tree_.client(),
                        "offers no way to take all power away (FullPowerCycle, AuxPowerCycle)");
}

boost::asio::awaitable<Status> PowerControl::full_power_cycle(const Ctx& ctx, const Permit& permit) {
  const Status good = check_permit(permit, Energy::power);
  if (!good) co_return good.error();
  const Result<FullPowerCycle> way = co_await full_cycle(ctx);
  if (!way) co_return way.error();
  std::function<Status()> still_wanted = [&permit] { return check_permit(permit, Energy::power); };
  std::string body = reset_body(way->reset_type);
  Result<RedfishAnswer> answer =
      co_await tree_.client().post(ctx, way->action, "application/json", std::move(body),
                                   Repeat::if_not_executed, std::move(still_wanted));
  // A BMC that loses its power may not get round to an answer: then only what is read afterwards counts.
  const bool gone = !answer && (answer.error().code == "bmc.unreachable" ||
                                answer.error().code == "jump.lost" || answer.error().code == "jump.closed");
  if (!answer && !gone) co_return answer.error();
  co_return success();
}

}  // namespace kiln
