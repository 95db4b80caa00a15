#include "bmc/ability_proof.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "bmc/ability_prover.h"
#include "bmc/identity.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr int kMostSilences = 2;

/// What stands at the end of a path that was walked to it, and yet proves nothing: "Sensors holds none".
std::string held_nothing(const LinkPath& path) {
  const std::string_view last = path.back();
  return last.find('/') == std::string_view::npos ? fmt::format("{} is there and proves nothing", last)
                                                  : fmt::format("{} is there", last);
}

/// Numbers of simultaneous sessions have no place in the standard [SessionService v1.2.0]; vendors name them
/// so.
std::optional<std::pair<std::string, std::int64_t>> most_sessions(const JsonView& body, int depth) {
  for (const auto& [name, value] : body.members()) {
    const bool named = name.find("MaxSession") != std::string::npos ||
                       name.find("MaxConcurrentSession") != std::string::npos ||
                       name.find("MaximumSession") != std::string::npos ||
                       name.find("SessionLimit") != std::string::npos;
    const std::optional<std::int64_t> number = value.is_object() ? std::nullopt : value.integer();
    if (named && number && *number > 0) return std::pair(name, *number);
    if (!value.is_object() || depth == 0) continue;
    std::optional<std::pair<std::string, std::int64_t>> below = most_sessions(value, depth - 1);
    if (below) return below;
  }
  return std::nullopt;
}

}  // namespace

const std::vector<LinkPath>& places_of(BmcAbility ability) {
  static const std::vector<LinkPath> resets{{"Systems*", "Actions/#ComputerSystem.Reset"},
                                            {"Chassis*", "Actions/#Chassis.Reset"}};
  static const std::map<BmcAbility, std::vector<LinkPath>> places{
      {BmcAbility::identity, {{"Systems*", "SerialNumber"}, {"Chassis*", "SerialNumber"}}},
      {BmcAbility::power_state, {{"Systems*", "PowerState"}, {"Chassis*", "PowerState"}}},
      {BmcAbility::power_on, resets},
      {BmcAbility::force_off, resets},
      {BmcAbility::graceful_shutdown, resets},
      {BmcAbility::restart, resets},
      {BmcAbility::manager_reset, {{"Managers*", "Actions/#Manager.Reset"}}},
      {BmcAbility::full_power_cycle,
       {{"Systems*", "Actions/#ComputerSystem.Reset"},
        {"Chassis*", "Actions/Oem/#NvidiaChassis.AuxPowerReset"},
        {"Systems*", "Actions/Oem/#LenovoComputerSystem.SystemReset"}}},
      {BmcAbility::gpu_power_limit,
       {{"Systems*", "Processors*", "EnvironmentMetrics", "PowerLimitWatts/SetPoint"}}},
      {BmcAbility::coolant_valves,
       {{"ThermalEquipment", "CDUs*", "PrimaryCoolantConnectors*", "Actions/#CoolantConnector.ValveControl"},
        {"ThermalEquipment", "CDUs*", "SecondaryCoolantConnectors*",
         "Actions/#CoolantConnector.ValveControl"},
        {"Chassis*", "ThermalSubsystem", "CoolantConnectors*", "Actions/#CoolantConnector.ValveControl"}}},
      {BmcAbility::parts, {{"Systems"}, {"Chassis"}}},
      {BmcAbility::sensors, {{"Chassis*", "Sensors"}, {"Chassis*", "Thermal"}, {"Chassis*", "Power"}}},
      {BmcAbility::leak_detectors,
       {{"Chassis*", "LeakDetectors"},
        {"Chassis*", "ThermalSubsystem", "LeakDetection", "LeakDetectors"},
        {"ThermalEquipment", "CDUs*", "LeakDetection", "LeakDetectors"}}},
      {BmcAbility::leak_policies, {{"Chassis*", "ThermalSubsystem"}, {"Chassis*", "LeakDetectors"}}},
      {BmcAbility::coolant,
       {{"ThermalEquipment", "CDUs*", "PrimaryCoolantConnectors"},
        {"ThermalEquipment", "CDUs*", "SecondaryCoolantConnectors"},
        {"Chassis*", "ThermalSubsystem", "CoolantConnectors"}}},
      {BmcAbility::pumps,
       {{"ThermalEquipment", "CDUs*", "Pumps"}, {"Chassis*", "ThermalSubsystem", "Pumps"}}},
      {BmcAbility::gpus, {{"Systems*", "Processors"}}},
      {BmcAbility::nvlinks, {{"Systems*", "Processors*", "Ports"}, {"Fabrics*", "Switches*", "Ports"}}},
      {BmcAbility::firmware_inventory, {{"UpdateService", "FirmwareInventory"}, {"Systems*", "BiosVersion"}}},
      {BmcAbility::firmware_update,
       {{"UpdateService", "MultipartHttpPushUri"}, {"UpdateService", "HttpPushUri"}}},
      {BmcAbility::event_log,
       {{"Systems*", "LogServices*", "Entries"},
        {"Managers*", "LogServices*", "Entries"},
        {"Chassis*", "LogServices*", "Entries"}}},
      {BmcAbility::clock, {{"Managers*", "DateTime"}}},
      {BmcAbility::metric_reports, {{"TelemetryService", "MetricReports"}}},
      {BmcAbility::event_stream, {{"EventService", "ServerSentEventUri"}}},
      {BmcAbility::event_subscription, {{"EventService", "Subscriptions"}}},
      {BmcAbility::power_chain,
       {{"Chassis*", "PowerSubsystem", "PowerSupplies"},
        {"Chassis*", "EnvironmentMetrics", "PowerWatts"},
        {"Chassis*", "Power"}}},
      {BmcAbility::platform_setup,
       {{"Systems*", "SecureBoot"}, {"Systems*", "Bios"}, {"ComponentIntegrity"}}}};
  static const std::vector<LinkPath> none;
  const auto found = places.find(ability);
  return found == places.end() ? none : found->second;
}

const std::map<BmcAbility, AbilityProver::Verb>& AbilityProver::verbs() {
  static const std::map<BmcAbility, Verb> all{
      {BmcAbility::identity, &AbilityProver::identity},
      {BmcAbility::power_state, &AbilityProver::power_state},
      {BmcAbility::power_on, &AbilityProver::reset},
      {BmcAbility::force_off, &AbilityProver::reset},
      {BmcAbility::graceful_shutdown, &AbilityProver::reset},
      {BmcAbility::restart, &AbilityProver::reset},
      {BmcAbility::manager_reset, &AbilityProver::manager_reset},
      {BmcAbility::full_power_cycle, &AbilityProver::full_power_cycle},
      {BmcAbility::gpu_power_limit, &AbilityProver::gpu_power_limit},
      {BmcAbility::coolant_valves, &AbilityProver::coolant_valves},
      {BmcAbility::parts, &AbilityProver::parts},
      {BmcAbility::sensors, &AbilityProver::sensors},
      {BmcAbility::leak_detectors, &AbilityProver::leak_detectors},
      {BmcAbility::leak_policies, &AbilityProver::leak_policies},
      {BmcAbility::coolant, &AbilityProver::coolant},
      {BmcAbility::pumps, &AbilityProver::pumps},
      {BmcAbility::gpus, &AbilityProver::gpus},
      {BmcAbility::nvlinks, &AbilityProver::nvlinks},
      {BmcAbility::firmware_inventory, &AbilityProver::firmware_inventory},
      {BmcAbility::firmware_update, &AbilityProver::firmware_update},
      {BmcAbility::event_log, &AbilityProver::event_log},
      {BmcAbility::clock, &AbilityProver::clock},
      {BmcAbility::whole_tree, &AbilityProver::whole_tree},
      {BmcAbility::metric_reports, &AbilityProver::metric_reports},
      {BmcAbility::event_stream, &AbilityProver::event_stream},
      {BmcAbility::event_subscription, &AbilityProver::event_subscription},
      {BmcAbility::power_chain, &AbilityProver::power_chain},
      {BmcAbility::platform_setup, &AbilityProver::platform_setup}};
  return all;
}

/// Where something that is lacking was looked for.
awaitable<Status> AbilityProver::look(const Ctx& ctx, AbilityFinding& finding) {
  for (const LinkPath& path : places_of(finding.ability)) {
    Result<PathEnds> ends = co_await places_.walk(ctx, path);
    if (!ends) co_return ends.error();
    for (const RedfishResource& one : ends->reached) {
      std::string saw = held_nothing(path);
      // The reader asks below each place that is cooled; the standard has no link to it.
      if (finding.ability == BmcAbility::leak_policies) saw = "no Oem/Nvidia/Policies/LeakDetectionPolicy";
      finding.looked_at.push_back({one.uri, std::move(saw)});
    }
    for (LookedAt& end : ends->missing) finding.looked_at.push_back(std::move(end));
  }
  // The same end of two paths is one place.
  std::vector<LookedAt> once;
  for (LookedAt& place : finding.looked_at) {
    const bool known = std::any_of(once.begin(), once.end(), [&place](const LookedAt& one) {
      return one.uri == place.uri && one.saw == place.saw;
    });
    if (!known) once.push_back(std::move(place));
  }
  finding.looked_at = std::move(once);
  co_return success();
}

awaitable<Result<SessionFacts>> AbilityProver::sessions(const Ctx& ctx) {
  SessionFacts facts;
  const Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "SessionService");
  if (!service) co_return service.error();
  if (!*service) co_return facts;
  const RedfishResource& told = **service;
  facts.uri = told.uri;
  facts.timeout_seconds = told.body["SessionTimeout"].integer();
  const auto most = most_sessions(told.body, 3);
  if (most) facts.most_source = most->first;
  if (most) facts.most = most->second;
  const std::optional<std::string> uri = tree_.path_of(told, told.body["Sessions"]);
  if (!uri) co_return facts;
  const Result<RedfishResource> collection = co_await client_.get(ctx, *uri);
  if (collection) {
    facts.open = collection->body["Members@odata.count"].integer();
    if (!facts.open) facts.open = static_cast<std::int64_t>(collection->body["Members"].elements().size());
  } else if (is_exchange_error(collection.error())) {
    co_return collection.error();
  }
  co_return facts;
}

awaitable<Result<BmcProof>> AbilityProver::prove(const Ctx& ctx) {
  Result<BmcIdentity> identity = co_await read_identity(ctx, tree_, power_);
  if (!identity) co_return identity.error();
  identity_ = *identity;
  BmcProof proof;
  for (const BmcAbility ability : kBmcAbilities) {
    AbilityFinding finding;
    finding.ability = ability;
    proof.findings.push_back(std::move(finding));
  }
  // What a power limit or a valve belongs to is read before it.
  std::vector<std::size_t> order(kBmcAbilities.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_partition(order.begin(), order.end(), [](std::size_t i) {
    return kBmcAbilities[i] != BmcAbility::gpu_power_limit && kBmcAbilities[i] != BmcAbility::coolant_valves;
  });
  int silences = 0;
  for (const std::size_t i : order) {
    AbilityFinding& finding = proof.findings[i];
    // One resource may hang by itself; who does not answer about two is not asked on.
    if (silences >= kMostSilences) {
      failed(finding, *silent_);
      continue;
    }
    silent_.reset();
    const Verb verb = verbs().at(finding.ability);
    co_await (this->*verb)(ctx, finding);
    silences = silent_ ? silences + 1 : 0;
    if (finding.proof != Proof::lacks) continue;
    const Status looked = co_await look(ctx, finding);
    if (!looked) finding.looked_at.push_back({identity_.uri, looked.error().message});
  }
  Result<SessionFacts> sessions_told = co_await sessions(ctx);
  if (sessions_told) proof.sessions = std::move(*sessions_told);
  const AbilityFinding* parts_found = proof.find(BmcAbility::parts);
  proof.role = role_of(identity_.platform, parts_found->kinds);
  proof.identity = std::move(*identity);
  proof.quirks = client_.take_quirks();
  proof.oddities = client_.take_oddities();
  proof.disturbances = client_.take_disturbances();
  proof.requests = client_.requests_sent();
  co_return proof;
}

std::string_view to_string(Proof proof) {
  switch (proof) {
    case Proof::has:
      return "has";
    case Proof::lacks:
      return "lacks";
    case Proof::unread:
      return "unread";
  }
  return "unread";
}

const AbilityFinding* BmcProof::find(BmcAbility ability) const {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [ability](const AbilityFinding& one) { return one.ability == ability; });
  return found == findings.end() ? nullptr : &*found;
}

Role role_of(const std::string& platform, const std::map<ComponentKind, int>& kinds) {
  const auto speaks = [&platform](const std::string& dialect) {
    return (platform + ",").find(dialect + ",") != std::string::npos;
  };
  if (speaks("power_shelf")) return Role::power_shelf;
  if (speaks("cdu")) return Role::cdu;
  if (speaks("nvidia_nvl72_tray")) return Role::compute_tray;
  if (speaks("nvlink_switch_tray")) return Role::switch_tray;
  const bool only_switches = kinds.count(ComponentKind::nvswitch) > 0 && kinds.count(ComponentKind::gpu) == 0;
  return only_switches ? Role::switch_tray : Role::server;
}

awaitable<Result<BmcProof>> prove_abilities(const Ctx& ctx, RedfishClient& client) {
  AbilityProver prover(client);
  Result<BmcProof> proof = co_await prover.prove(ctx);
  co_return proof;
}

}  // namespace kiln
