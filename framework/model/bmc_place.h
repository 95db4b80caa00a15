#pragma once
// What sets a BMC apart from every other one that this station knows: its URL, and the jump host over which
// it is reached where there is one. Behind two jump hosts the same private URL is two BMCs. One that is
// reached in two ways cannot be known for one by its address. Pure.

#include <string>

#include "model/inventory.h"

namespace kiln {

/// " by 192.0.2.7:22", the jump host's address; empty: it is reached directly.
std::string bmc_way(const BmcAccess& bmc);
/// "https://10.0.0.4 by 192.0.2.7:22"; the URL alone for one that is reached directly.
std::string bmc_place(const BmcAccess& bmc);

}  // namespace kiln
