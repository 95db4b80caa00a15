#pragma once
// What one BMC can do, each ability proved by what it shows: the resource, property or action is there, at
// this address; or it is missing, and this is where it was looked for. Nothing is ever tried that changes
// anything: only GET is sent, beside the login. The same readers look that a step's verbs use (bmc.h), so
// that what is proved here is what a step will get. Owned by the caller; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bmc/ability.h"
#include "bmc/ability_places.h"
#include "bmc/bmc.h"

namespace kiln {

class RedfishClient;

/// How one ability stands. unread: the BMC was asked and what it said, or that it said nothing, proves
/// neither.
enum class Proof { has, lacks, unread };
std::string_view to_string(Proof proof);

struct AbilityFinding {
  BmcAbility ability = BmcAbility::identity;
  Proof proof = Proof::unread;
  std::string evidence;                ///< "4 detectors: 4 dry"; of what is lacking: what is missing
  std::string uri;                     ///< where it was seen; empty when it was not
  std::vector<LookedAt> looked_at;     ///< of what is lacking: where it was looked for
  std::map<ComponentKind, int> kinds;  ///< of `parts`, without absent ones
  std::vector<ComponentKind> hidden;   ///< of `parts`: kinds that may be where nobody could look
};

/// What a service says of its own sessions. Absent: it does not say.
struct SessionFacts {
  std::string uri;  ///< of the SessionService; empty: there is none
  std::optional<std::int64_t> timeout_seconds, open, most;
  std::string most_source;  ///< the property that told `most`
};

struct BmcProof {
  BmcIdentity identity;
  Role role = Role::server;              ///< by its dialects and parts
  std::vector<AbilityFinding> findings;  ///< one of each, in the order of kBmcAbilities
  SessionFacts sessions;
  std::vector<AppliedQuirk> quirks;
  std::vector<Oddity> oddities;
  std::vector<std::string> disturbances;
  std::uint64_t requests = 0;

  [[nodiscard]] const AbilityFinding* find(BmcAbility ability) const;
};

/// The proof of all abilities. An Error when the BMC could not be reached, logged in to or made out at all;
/// one thing that cannot be read is a finding.
boost::asio::awaitable<Result<BmcProof>> prove_abilities(const Ctx& ctx, RedfishClient& client);

/// What a DUT is by its dialects; where they do not say, by its parts.
Role role_of(const std::string& platform, const std::map<ComponentKind, int>& kinds);

}  // namespace kiln
