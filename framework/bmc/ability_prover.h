#pragma once
// The prover behind prove_abilities (ability_proof.h): one verb per ability, over the readers that steps use.
// Private to bmc/. Loop thread only.

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bmc/ability_proof.h"
#include "bmc/cooling.h"
#include "bmc/power.h"
#include "bmc/redfish_client.h"
#include "bmc/redfish_error.h"

namespace kiln {

/// Where what an ability rests on stands in a service; see the headers of the readers for the versions of the
/// schemas.
const std::vector<LinkPath>& places_of(BmcAbility ability);

class AbilityProver {
 public:
  explicit AbilityProver(RedfishClient& client) : client_(client) {}

  boost::asio::awaitable<Result<BmcProof>> prove(const Ctx& ctx);

 private:
  using Verb = boost::asio::awaitable<void> (AbilityProver::*)(const Ctx& ctx, AbilityFinding& finding);
  static const std::map<BmcAbility, Verb>& verbs();

  boost::asio::awaitable<void> identity(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> power_state(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> reset(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> manager_reset(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> full_power_cycle(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> gpu_power_limit(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> coolant_valves(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> parts(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> sensors(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> leak_detectors(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> leak_policies(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> coolant(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> pumps(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> gpus(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> nvlinks(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> firmware_inventory(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> firmware_update(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> event_log(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> clock(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> whole_tree(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> metric_reports(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> event_stream(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> event_subscription(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> power_chain(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<void> platform_setup(const Ctx& ctx, AbilityFinding& finding);

  boost::asio::awaitable<Status> look(const Ctx& ctx, AbilityFinding& finding);
  boost::asio::awaitable<Result<SessionFacts>> sessions(const Ctx& ctx);

  static void has(AbilityFinding& finding, std::string evidence, std::string uri) {
    finding.proof = Proof::has;
    finding.evidence = std::move(evidence);
    finding.uri = std::move(uri);
  }
  static void lacks(AbilityFinding& finding, std::string what) {
    finding.proof = Proof::lacks;
    finding.evidence = std::move(what);
  }
  void failed(AbilityFinding& finding, const Error& error) {
    if (is_exchange_error(error)) silent_ = error;
    finding.proof = error.code == "bmc.unsupported" ? Proof::lacks : Proof::unread;
    finding.evidence = finding.proof == Proof::lacks ? error.message : error.sentence();
  }

  RedfishClient& client_;
  ServiceTree tree_{client_};
  AbilityPlaces places_{tree_};
  PowerControl power_{tree_};
  CoolingReader cooling_{tree_};
  std::vector<GpuReading> gpu_readings_;
  std::vector<CoolantReading> connectors_;
  BmcIdentity identity_;
  std::optional<Error> silent_;  ///< the last thing that was asked was not answered, or may not be asked
};

template <class Items, class Has>
int count_of(const Items& items, Has has) {
  return static_cast<int>(std::count_if(items.begin(), items.end(), has));
}

}  // namespace kiln
