#pragma once
// Firmware inventory, over UpdateService. Owned by the Bmc; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

class FirmwareReader {
 public:
  explicit FirmwareReader(ServiceTree& tree) : tree_(tree) {}

  /// FirmwareInventory members; where none of them is a BIOS or UEFI, the systems' BiosVersion under the Id
  /// "BiosVersion" ("<system>/BiosVersion" when several have one). What only waits in the other bank of a
  /// component is no member of its own: it stands in the running one's standby_version, where it can be told
  /// whose it is (by its Id, its SoftwareId or what it relates to).
  boost::asio::awaitable<Result<std::vector<FirmwareItem>>> inventory(const Ctx& ctx);

 private:
  ServiceTree& tree_;
};

}  // namespace kiln
