#pragma once
// Where to look for BMCs, as a person writes it: addresses, ranges, networks. Pure.

#include <string>
#include <vector>

#include "base/result.h"

namespace kiln {

/// Base URLs of: "10.0.0.5", "10.0.0.5:8443", "10.0.0.5-20" (the last number), "10.0.0.0/28" (without network
/// and broadcast address), "fd00::5", "[fd00::5]:8443", "bmc.example" and whole URLs with a base path. In the
/// order given, each once. Errors: discover.address (says which word, and what may be written),
/// discover.too_many (beyond 4096).
/// They come as bmc_address() spells them.
Result<std::vector<std::string>> bmc_addresses(const std::vector<std::string>& words);

}  // namespace kiln
