#pragma once
// The key by which this station says "recorded here, by this build": made at the first need, kept beside the
// record, and known to whoever must trust it by its id. Blocking.

#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"

namespace kiln {

/// STATE/keys/station.key, mode 0600, with station.pub.pem beside it. Programs that start together make one.
/// Errors: "station_key.not_safe" when others can read it, "station_key.not_usable".
Result<SigningKey> station_key(const std::string& state);

/// The public half, when there is a key; and those of other stations in the given files.
/// Errors: "station_key.not_usable", naming the file.
Result<std::vector<VerifyingKey>> trusted_station_keys(const std::string& state,
                                                       const std::vector<std::string>& files);

}  // namespace kiln
