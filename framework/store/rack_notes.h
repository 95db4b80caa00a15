#pragma once
// Writes down what a person says about a rack. Blocking; any thread, beside runs that are being written.

#include <string>

#include "base/result.h"
#include "model/bring_up.h"

namespace kiln {

/// Appends it; on disk when it returns. Makes the record when there is none. Empty database: the default.
/// Errors: those of opening a ledger.
Status add_rack_note(const std::string& database, const RackNote& note);

}  // namespace kiln
