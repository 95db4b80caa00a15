#pragma once
// What a BMC does by itself about a leak: NVIDIA's LeakDetectionPolicy of a chassis
// (/redfish/v1/Chassis/{id}/Oem/Nvidia/Policies/LeakDetectionPolicy, NVIDIA bmcweb, schema
// NvidiaLeakDetectionPolicy v1_0_0). Read for the record only: nothing of ours relies on it, and nothing
// changes it. Owned by the Bmc; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bmc/bmc.h"
#include "bmc/service_tree.h"

namespace kiln {

class LeakPolicyReader {
 public:
  explicit LeakPolicyReader(ServiceTree& tree) : tree_(tree) {}
  /// One per chassis that has cooling of its own and offers a policy. Chassis are looked for once. Errors:
  /// those of RedfishClient::get, but for a policy that is not there.
  boost::asio::awaitable<Result<std::vector<LeakPolicy>>> read(const Ctx& ctx);

 private:
  boost::asio::awaitable<Status> walk(const Ctx& ctx);

  ServiceTree& tree_;
  std::optional<std::vector<LeakPolicy>> places_;  ///< with their addresses only; nullopt: not looked for yet
};

}  // namespace kiln
