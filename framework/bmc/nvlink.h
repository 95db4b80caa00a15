#pragma once
// NVLink ports out of band: ports of GPUs and of NVLink switches, by PortProtocol NVLink or an Id that begins
// with "NVLink". Name: "<processor or switch Id>/<port Id>". A port once found stays in the list; one that
// can't be read has no values. Addresses are found anew every 60 reads and when one fails. Owned by the Bmc;
// loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

class NvlinkReader {
 public:
  explicit NvlinkReader(ServiceTree& tree) : tree_(tree) {}
  boost::asio::awaitable<Result<std::vector<NvlinkReading>>> read(const Ctx& ctx);

 private:
  struct Port {
    std::string name, uri, metrics;
  };
  using Ports = std::vector<Port>;
  boost::asio::awaitable<Result<std::shared_ptr<const Ports>>> ports(const Ctx& ctx);
  boost::asio::awaitable<Status> find_below(const Ctx& ctx, const RedfishResource& owner,
                                            bool owner_is_nvlink, Ports& found);

  ServiceTree& tree_;
  std::shared_ptr<const Ports> ports_;
  int reads_since_find_ = 0;
};

/// Fills in what a PortMetrics resource counts, by canonical names [PortMetrics v1.3.0; Oem.Nvidia
/// NvidiaPortMetrics v1.1.0, v1.4.0 and v1.6.0: NVLinkErrors and the counters beside it].
void take_port_metrics(const JsonView& metrics, NvlinkReading& reading);

}  // namespace kiln
