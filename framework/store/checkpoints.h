#pragma once
// Writes down what the station has signed of a run's record. Blocking; any thread, beside runs that are being
// written.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace kiln {

/// Appends it; on disk when it returns. `envelope`: DSSE in JSON, kept as it is. Errors: "checkpoint.no_run",
/// and those of opening a ledger.
Status add_checkpoint(const std::string& database, const std::string& run, const std::string& envelope,
                      std::int64_t utc_ns);

}  // namespace kiln
