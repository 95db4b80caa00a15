#include "model/bmc_place.h"

#include <fmt/format.h>

namespace kiln {

std::string bmc_way(const BmcAccess& bmc) {
  if (!bmc.jump) return {};
  const bool v6 = bmc.jump->address.find(':') != std::string::npos;
  return fmt::format(" by {}{}{}:{}", v6 ? "[" : "", bmc.jump->address, v6 ? "]" : "", bmc.jump->port);
}

std::string bmc_place(const BmcAccess& bmc) { return bmc.url + bmc_way(bmc); }

}  // namespace kiln
