#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bmc/ability_prover.h"
#include "bmc/gpu.h"
#include "bmc/leak.h"
#include "bmc/leak_policy.h"
#include "bmc/nvlink.h"
#include "bmc/parts.h"
#include "bmc/platform_setup.h"
#include "bmc/power_chain.h"
#include "bmc/sensors.h"

namespace kiln {

using boost::asio::awaitable;

awaitable<void> AbilityProver::identity(const Ctx& /*ctx*/, AbilityFinding& finding) {
  if (identity_.serial.empty()) {
    lacks(finding, "it has no serial number of the machine");
  } else {
    has(finding, fmt::format("serial number {}", identity_.serial), identity_.serial_source);
  }
  co_return;
}

awaitable<void> AbilityProver::power_state(const Ctx& ctx, AbilityFinding& finding) {
  const Result<PowerState> state = co_await power_.state(ctx);
  if (!state) {
    failed(finding, state.error());
    co_return;
  }
  const Result<PowerTarget> target = co_await power_.target(ctx);
  const std::string uri = target ? target->uri : std::string();
  if (*state == PowerState::unknown) {
    lacks(finding, fmt::format("what it says of its power at {} is no state that could be used", uri));
  } else {
    has(finding, fmt::format("it is {}", to_string(*state)), uri);
  }
}

awaitable<void> AbilityProver::reset(const Ctx& ctx, AbilityFinding& finding) {
  static const std::map<BmcAbility, PowerVerb> kVerbs{
      {BmcAbility::power_on, PowerVerb::on},
      {BmcAbility::force_off, PowerVerb::force_off},
      {BmcAbility::graceful_shutdown, PowerVerb::graceful_shutdown},
      {BmcAbility::restart, PowerVerb::restart}};
  const Result<PowerTarget> target = co_await power_.target(ctx);
  if (!target) {
    failed(finding, target.error());
    co_return;
  }
  const std::vector<std::string>& words = reset_types(kVerbs.at(finding.ability));
  if (target->action.empty()) {
    lacks(finding, fmt::format("{} has no reset action", target->uri));
    co_return;
  }
  const std::string type = choose_reset(words, target->allowed);
  if (type.empty()) {
    lacks(finding, fmt::format("{} takes {}, and none of {}", target->action,
                               fmt::join(target->allowed, ", "), fmt::join(words, ", ")));
    finding.looked_at.push_back({target->action, fmt::format("takes {}", fmt::join(target->allowed, ", "))});
  } else if (target->allowed.empty()) {
    has(finding, fmt::format("{}; it does not say which reset types it takes", type), target->action);
  } else {
    has(finding, fmt::format("{}, of {}", type, fmt::join(target->allowed, ", ")), target->action);
  }
}

awaitable<void> AbilityProver::manager_reset(const Ctx& ctx, AbilityFinding& finding) {
  const Result<PowerTarget> target = co_await power_.manager_target(ctx);
  if (!target) {
    failed(finding, target.error());
    co_return;
  }
  const std::vector<std::string>& words = reset_types(PowerVerb::manager_reset);
  const std::string type = choose_reset(words, target->allowed);
  if (target->action.empty() || type.empty()) {
    lacks(finding, fmt::format("{} does not offer {}", target->uri, fmt::join(words, " or ")));
    finding.looked_at.push_back({target->uri, fmt::format("takes {}", fmt::join(target->allowed, ", "))});
  } else {
    has(finding, type, target->action);
  }
}

awaitable<void> AbilityProver::full_power_cycle(const Ctx& ctx, AbilityFinding& finding) {
  const Result<FullPowerCycle> way = co_await power_.full_cycle(ctx);
  if (way) {
    has(finding, way->reset_type, way->action);
  } else {
    failed(finding, way.error());
  }
}

awaitable<void> AbilityProver::gpus(const Ctx& ctx, AbilityFinding& finding) {
  GpuReader reader(tree_);
  Result<std::vector<GpuReading>> readings = co_await reader.read(ctx);
  if (!readings) {
    failed(finding, readings.error());
    co_return;
  }
  gpu_readings_ = std::move(*readings);
  if (gpu_readings_.empty()) {
    lacks(finding, "it lists no GPU");
    co_return;
  }
  const auto with = [this](std::optional<double> GpuReading::*value) {
    return count_of(gpu_readings_, [value](const GpuReading& one) { return (one.*value).has_value(); });
  };
  const int ecc =
      count_of(gpu_readings_, [](const GpuReading& one) { return one.ecc_uncorrectable.has_value(); });
  has(finding,
      fmt::format("{} GPUs: temperature of {}, memory temperature of {}, power of {}, power limit of {}, "
                  "uncorrectable ECC errors of {}",
                  gpu_readings_.size(), with(&GpuReading::temperature), with(&GpuReading::memory_temperature),
                  with(&GpuReading::power), with(&GpuReading::power_limit), ecc),
      gpu_readings_.front().uri);
}

awaitable<void> AbilityProver::gpu_power_limit(const Ctx& ctx, AbilityFinding& finding) {
  // After gpus(): the same GPUs.
  int settable = 0;
  std::string range, uri;
  for (const GpuReading& gpu : gpu_readings_) {
    const Result<RedfishResource> processor = co_await client_.get(ctx, gpu.uri);
    if (!processor) {
      failed(finding, processor.error());
      co_return;
    }
    const JsonView link = processor->body["EnvironmentMetrics"];
    const Result<std::optional<RedfishResource>> environment = co_await tree_.resource(ctx, *processor, link);
    if (!environment) {
      failed(finding, environment.error());
      co_return;
    }
    if (!*environment) {
      finding.looked_at.push_back({gpu.uri, "no EnvironmentMetrics"});
      continue;
    }
    const JsonView limit = (*environment)->body["PowerLimitWatts"];
    if (!limit["SetPoint"].number()) {
      finding.looked_at.push_back({(*environment)->uri, "no PowerLimitWatts.SetPoint"});
      continue;
    }
    ++settable;
    if (!uri.empty()) continue;
    uri = (*environment)->uri;
    const std::optional<double> least = limit["AllowableMin"].number(), most = limit["AllowableMax"].number();
    if (least && most) range = fmt::format(", {} to {} W", *least, *most);
    std::string media = "application/json";
    const Result<HttpResponse> told = co_await client_.get_verbatim(ctx, uri, std::move(media), 1);
    const std::optional<std::string> allow = told ? told->header("Allow") : std::nullopt;
    if (allow && allow->find("PATCH") == std::string::npos) {
      lacks(finding, fmt::format("{} allows {} only", uri, *allow));
      finding.looked_at.push_back({uri, fmt::format("Allow: {}", *allow)});
      co_return;
    }
  }
  if (settable > 0) {
    has(finding, fmt::format("set point of {} of {} GPUs{}", settable, gpu_readings_.size(), range), uri);
  } else {
    lacks(finding,
          gpu_readings_.empty() ? std::string("it lists no GPU") : "no GPU has a power limit to be set");
  }
}

awaitable<void> AbilityProver::parts(const Ctx& ctx, AbilityFinding& finding) {
  SettledTree settled(client_);
  PartsReader reader(settled);
  const Result<std::vector<Part>> parts = co_await reader.parts(ctx);
  if (!parts) {
    failed(finding, parts.error());
    co_return;
  }
  int absent = 0;
  for (const Part& part : *parts) {
    if (!part.unread.empty()) {
      finding.hidden.push_back(part.kind);
      finding.looked_at.push_back({part.uri, part.unread});
    } else if (part.kind != ComponentKind::whole_dut) {
      part.state == "Absent" ? ++absent : ++finding.kinds[part.kind];
    }
  }
  std::vector<std::string> words;
  for (const auto& [kind, count] : finding.kinds)
    words.push_back(fmt::format("{} {}", count, to_string(kind)));
  if (absent > 0) words.push_back(fmt::format("{} absent", absent));
  if (!finding.hidden.empty()) words.push_back(fmt::format("{} places unreadable", finding.hidden.size()));
  const std::string uri = parts->empty() ? std::string() : parts->front().uri;
  if (!finding.kinds.empty()) {
    has(finding, fmt::format("{}", fmt::join(words, ", ")), uri);
  } else if (!finding.hidden.empty()) {
    finding.proof = Proof::unread;
    finding.evidence = fmt::format("{}: {}", finding.looked_at.front().uri, finding.looked_at.front().saw);
  } else {
    lacks(finding, "it lists no part");
  }
}

awaitable<void> AbilityProver::sensors(const Ctx& ctx, AbilityFinding& finding) {
  SensorReader reader(tree_);
  const Result<std::vector<SensorReading>> sensors = co_await reader.read(ctx);
  if (!sensors) {
    failed(finding, sensors.error());
    co_return;
  }
  if (sensors->empty()) {
    lacks(finding, "it has no sensor");
    co_return;
  }
  std::map<std::string, int> units;
  int with_value = 0;
  for (const SensorReading& sensor : *sensors) {
    ++units[sensor.unit.empty() ? "no unit" : sensor.unit];
    with_value += sensor.value ? 1 : 0;
  }
  std::vector<std::string> words;
  for (const auto& [unit, count] : units) words.push_back(fmt::format("{} {}", count, unit));
  has(finding,
      fmt::format("{} sensors, {} with a value: {}", sensors->size(), with_value, fmt::join(words, ", ")),
      sensors->front().uri);
}

awaitable<void> AbilityProver::leak_detectors(const Ctx& ctx, AbilityFinding& finding) {
  LeakReader reader(tree_);
  const Result<LeakCensus> census = co_await reader.read(ctx);
  if (!census) {
    failed(finding, census.error());
    co_return;
  }
  if (census->detectors.empty()) {
    lacks(finding, "it has no leak detector");
    co_return;
  }
  std::map<std::string, int> verdicts;
  int with_address = 0;
  std::string uri;
  for (const LeakDetectorReading& detector : census->detectors) {
    ++verdicts[std::string(to_string(detector.verdict.reading))];
    with_address += detector.uri.empty() ? 0 : 1;
    if (uri.empty()) uri = detector.uri;
  }
  std::vector<std::string> words;
  for (const auto& [word, count] : verdicts) words.push_back(fmt::format("{} {}", count, word));
  if (with_address == 0) {
    finding.proof = Proof::unread;
    finding.evidence = "what lists its leak detectors cannot be read";
    co_return;
  }
  has(finding, fmt::format("{} detectors: {}", census->detectors.size(), fmt::join(words, ", ")), uri);
}

awaitable<void> AbilityProver::leak_policies(const Ctx& ctx, AbilityFinding& finding) {
  LeakPolicyReader reader(tree_);
  const Result<std::vector<LeakPolicy>> policies = co_await reader.read(ctx);
  if (!policies) {
    failed(finding, policies.error());
    co_return;
  }
  if (policies->empty()) {
    lacks(finding, "it has no LeakDetectionPolicy");
    co_return;
  }
  std::vector<std::string> words;
  for (const LeakPolicy& policy : *policies) {
    const std::string delay =
        policy.reaction_delay_seconds ? fmt::format(", after {} s", *policy.reaction_delay_seconds) : "";
    const std::string on = !policy.enabled ? "does not say whether it is on" : *policy.enabled ? "on" : "off";
    words.push_back(fmt::format("{} {}{}", policy.place, on, delay));
  }
  has(finding, fmt::format("{}", fmt::join(words, "; ")), policies->front().uri);
}

awaitable<void> AbilityProver::coolant(const Ctx& ctx, AbilityFinding& finding) {
  Result<std::vector<CoolantReading>> readings = co_await cooling_.coolant(ctx);
  if (!readings) {
    failed(finding, readings.error());
    co_return;
  }
  connectors_ = std::move(*readings);
  if (connectors_.empty()) {
    lacks(finding, "it has no coolant connection");
    co_return;
  }
  const auto with = [this](std::optional<double> CoolantReading::*value) {
    return count_of(connectors_, [value](const CoolantReading& one) { return (one.*value).has_value(); });
  };
  has(finding,
      fmt::format("{} connections: flow of {}, supply temperature of {}, return temperature of {}, supply "
                  "pressure of {}",
                  connectors_.size(), with(&CoolantReading::flow), with(&CoolantReading::supply_temperature),
                  with(&CoolantReading::return_temperature), with(&CoolantReading::supply_pressure)),
      connectors_.front().uri);
}

awaitable<void> AbilityProver::coolant_valves(const Ctx& ctx, AbilityFinding& finding) {
  // After coolant(): the same connections.
  int valves = 0;
  std::string uri;
  for (const CoolantReading& connector : connectors_) {
    const Result<RedfishResource> resource = co_await client_.get(ctx, connector.uri);
    if (!resource) {
      failed(finding, resource.error());
      co_return;
    }
    const JsonView action = resource->body.at({"Actions", "#CoolantConnector.ValveControl"});
    if (!action["target"].is_string()) {
      finding.looked_at.push_back({connector.uri, "no Actions/#CoolantConnector.ValveControl"});
      continue;
    }
    if (uri.empty()) uri = connector.uri;
    ++valves;
  }
  if (valves > 0) {
    has(finding, fmt::format("{} of {} connections have a valve", valves, connectors_.size()), uri);
  } else {
    lacks(finding, connectors_.empty() ? std::string("it has no coolant connection")
                                       : "no coolant connection has a valve");
  }
}

awaitable<void> AbilityProver::pumps(const Ctx& ctx, AbilityFinding& finding) {
  const Result<std::vector<PumpReading>> pumps = co_await cooling_.pumps(ctx);
  if (!pumps) {
    failed(finding, pumps.error());
  } else if (pumps->empty()) {
    lacks(finding, "it has no pump");
  } else {
    const int speeds =
        count_of(*pumps, [](const PumpReading& pump) { return pump.speed_percent.has_value(); });
    has(finding, fmt::format("{} pumps: speed of {}", pumps->size(), speeds), pumps->front().uri);
  }
}

awaitable<void> AbilityProver::nvlinks(const Ctx& ctx, AbilityFinding& finding) {
  NvlinkReader reader(tree_);
  const Result<std::vector<NvlinkReading>> links = co_await reader.read(ctx);
  if (!links) {
    failed(finding, links.error());
  } else if (links->empty()) {
    lacks(finding, "it has no NVLink port");
  } else {
    const int counters = count_of(*links, [](const NvlinkReading& link) { return !link.errors.empty(); });
    const int speeds =
        count_of(*links, [](const NvlinkReading& link) { return link.speed_gbps.has_value(); });
    has(finding, fmt::format("{} ports: speed of {}, error counters of {}", links->size(), speeds, counters),
        links->front().uri);
  }
}

awaitable<void> AbilityProver::power_chain(const Ctx& ctx, AbilityFinding& finding) {
  PowerChainReader reader(tree_);
  const Result<PowerChain> chain = co_await reader.read(ctx);
  if (!chain) {
    failed(finding, chain.error());
    co_return;
  }
  if (chain->supplies.empty() && !chain->power && chain->inputs.empty()) {
    lacks(finding, "it has no power supply and does not say what it draws");
    co_return;
  }
  const int outputs =
      count_of(chain->supplies, [](const PowerSupplyReading& one) { return one.output_power.has_value(); });
  const int volts = count_of(chain->inputs, [](const PowerInput& one) { return one.voltage.has_value(); });
  const std::string uri = !chain->supplies.empty() ? chain->supplies.front().uri
                          : chain->power           ? chain->power_uri
                                                   : chain->inputs.front().uri;
  has(finding,
      fmt::format("{} supplies: output of {}; {}; voltage at {} inputs", chain->supplies.size(), outputs,
                  chain->power ? fmt::format("it draws {:.0f} W", *chain->power)
                               : std::string("it does not say what it draws"),
                  volts),
      uri);
}

awaitable<void> AbilityProver::platform_setup(const Ctx& ctx, AbilityFinding& finding) {
  PlatformSetupReader reader(tree_);
  const Result<PlatformSetup> setup = co_await reader.read(ctx);
  if (!setup) {
    failed(finding, setup.error());
    co_return;
  }
  const bool boot = setup->secure_boot || !setup->secure_boot_now.empty();
  const std::string uri = boot                       ? setup->secure_boot_uri
                          : !setup->bios.empty()     ? setup->bios_uri
                          : setup->integrity.empty() ? std::string()
                                                     : setup->integrity_uri;
  if (uri.empty()) {
    lacks(finding, "it tells of no secure boot, no BIOS settings and no integrity of components");
    co_return;
  }
  has(finding,
      fmt::format("{}; {} BIOS settings; integrity of {} components",
                  boot ? "secure boot" : "nothing of secure boot", setup->bios.size(),
                  setup->integrity.size()),
      uri);
}

}  // namespace kiln
