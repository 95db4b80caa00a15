#include "bmc/leak_policy.h"

#include <utility>

namespace kiln {

boost::asio::awaitable<Status> LeakPolicyReader::walk(const Ctx& ctx) {
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  std::vector<LeakPolicy> places;
  for (const RedfishResource& one : chassis->members) {
    // Every GPU is a chassis too; only what has cooling of its own is asked.
    if (!one.body["ThermalSubsystem"].exists() && !one.body["LeakDetectors"].exists()) continue;
    LeakPolicy place;
    place.place = one.id();
    place.uri = without_trailing_slash(one.uri) + "/Oem/Nvidia/Policies/LeakDetectionPolicy";
    places.push_back(std::move(place));
  }
  places_ = std::move(places);
  co_return success();
}

boost::asio::awaitable<Result<std::vector<LeakPolicy>>> LeakPolicyReader::read(const Ctx& ctx) {
  if (!places_) {
    const Status walked = co_await walk(ctx);
    if (!walked) co_return walked.error();
  }
  std::vector<LeakPolicy> offered, policies;
  for (const LeakPolicy& place : *places_) {
    const Result<RedfishResource> read = co_await tree_.client().get(ctx, place.uri);
    if (!read && read.error().code == "bmc.not_found") continue;
    if (!read) co_return read.error();
    LeakPolicy policy = place;
    policy.enabled = read->body["PolicyEnabled"].boolean();
    policy.reaction_delay_seconds = read->body["ReactionDelaySeconds"].number();
    offered.push_back(place);
    policies.push_back(std::move(policy));
  }
  places_ = std::move(offered);
  co_return policies;
}

}  // namespace kiln
