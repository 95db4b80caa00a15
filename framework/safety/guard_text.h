#pragma once
// The JSON texts inside guard records. Keys are never reused for another meaning; unknown keys are ignored.
// Pure.

#include <string>

#include "safety/guard_journal.h"

namespace kiln {

std::string owner_text(const JournalOwner& owner);
std::string entry_text(const GuardEntry& entry);
/// Error "guard.damaged": not the text of a header, of a guard.
Result<JournalOwner> owner_from(const std::string& text);
Result<GuardEntry> entry_from(const std::string& text);

}  // namespace kiln
