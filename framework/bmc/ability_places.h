#pragma once
// Where in a Redfish service something is to be found, as paths of links from the service root, and where
// such a path ends on a given BMC: the evidence for "it has none" is the address at which it was looked for.
// Reads only; each resource once. Owned by whoever proves abilities; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

/// Member names from the root on; "Chassis*" goes on with every member of that collection,
/// "Actions/#Manager.Reset" is a member within a member. The last one is what is looked for.
using LinkPath = std::vector<std::string_view>;

/// One address at which the last member was looked for.
struct LookedAt {
  std::string uri;
  std::string saw;  ///< "no ThermalSubsystem", "LeakDetectors holds none"
};

struct PathEnds {
  std::vector<RedfishResource> reached;  ///< resources that have the last member
  std::vector<LookedAt> missing;         ///< where the path ended before
};

class AbilityPlaces {
 public:
  explicit AbilityPlaces(ServiceTree& tree) : tree_(tree) {}
  /// Errors of the exchange only. What is there and cannot be read is a place where the path ends.
  boost::asio::awaitable<Result<PathEnds>> walk(const Ctx& ctx, LinkPath path);

 private:
  struct Behind {
    std::vector<RedfishResource> resources;
    std::string ends;  ///< not empty: what was seen instead
  };
  boost::asio::awaitable<Result<Behind>> behind(const Ctx& ctx, RedfishResource from, std::string name,
                                                bool many);

  ServiceTree& tree_;
  std::map<std::string, Behind> known_;  ///< by "uri name"
};

/// A member within members: "Actions/#Manager.Reset".
JsonView member_within(JsonView body, std::string_view path);

}  // namespace kiln
