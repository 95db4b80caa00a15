#pragma once
// What a DUT is made of, over Redfish. Parts are what can be replaced: systems and chassis,
// processors, memory modules (memory that is part of a GPU, HBM or GDDR, is not a part of its own), drives,
// network adapters, fans, power supplies, NVLink switches, coolant connectors, pumps. Absent parts are
// listed. Each resource once, whatever links to it. Name: its Id, with its owner's Id before it where two of
// a kind share one, and a number behind it where that does not help. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <set>
#include <string>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

class PartsReader {
 public:
  explicit PartsReader(SettledTree& tree) : tree_(tree) {}
  boost::asio::awaitable<Result<std::vector<Part>>> parts(const Ctx& ctx);

 private:
  struct Found;
  boost::asio::awaitable<Status> add_members(const Ctx& ctx, const RedfishResource& from, JsonView link,
                                             ComponentKind kind, Found& found);
  boost::asio::awaitable<Status> parts_of_system(const Ctx& ctx, const RedfishResource& system, Found& found);
  boost::asio::awaitable<Status> parts_of_chassis(const Ctx& ctx, const RedfishResource& chassis,
                                                  Found& found);
  boost::asio::awaitable<Status> parts_of_equipment(const Ctx& ctx, Found& found);
  boost::asio::awaitable<Status> parts_of_fabrics(const Ctx& ctx, Found& found);

  SettledTree& tree_;
};

/// The common identity members of any part.
Part part_from(const RedfishResource& resource, ComponentKind kind);

}  // namespace kiln
