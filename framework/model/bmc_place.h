#pragma once
// What sets a BMC apart from every other one that this station knows: its address, and the jump host over
// which it is reached where there is one. Behind two jump hosts the same private address is two BMCs. One
// that is reached in two ways cannot be known for one by its address. Pure.

#include <cstdint>
#include <string>

#include "model/inventory.h"

namespace kiln {

/// One spelling for all of one base URL: small letters, no :443, no slash at the end, IPv6 as RFC 5952 has
/// it.
std::string bmc_address(const std::string& url);
/// " by 192.0.2.7:22", the jump host's address, spelled in one way; empty: it is reached directly.
std::string bmc_way(const BmcAccess& bmc);
/// "https://10.0.0.4 by 192.0.2.7:22"; the address alone for one that is reached directly.
std::string bmc_place(const BmcAccess& bmc);
/// The same; `jump_address` empty: it is reached directly.
std::string bmc_place(const std::string& url, const std::string& jump_address, std::uint16_t jump_port);

}  // namespace kiln
