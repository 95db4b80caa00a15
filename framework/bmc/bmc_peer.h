#pragma once
// What all connections of this station to one BMC know of it: which platform it is, which collections it
// expands truthfully, whether its entity tags can be believed, how fast it may be read and whether it answers
// at all. Found out once, by whoever needs it first. Owned by the connections; loop thread only.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "bmc/dialect.h"
#include "bmc/entity_tags.h"
#include "bmc/request_budget.h"

namespace kiln {

struct BmcPeer {
  std::shared_ptr<const Platform> platform;  ///< null: not recognised yet
  std::int64_t platform_until_ns = 0;        ///< monotonic; then it is looked at again. 0: it stays
  /// By the last segment of a collection's address ("Sensors"): whether its members come whole with $expand.
  std::map<std::string, bool> expands;
  EntityTags tags;
  RequestBudget budget;
  CircuitBreaker breaker;
};

}  // namespace kiln
