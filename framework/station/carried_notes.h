#pragma once
// What people have noted of a rack (kiln receive), on its way from one station to another beside the rack's
// runs, so that the bring-up clock at home begins when the rack arrived. Blocking.

#include <string>

#include "base/result.h"
#include "store/run_view.h"

namespace kiln {

inline constexpr const char* kCarriedNotesName = "notes.json";

/// The file for a bundle: every note about the run's rack; empty when there is none. Errors: those of
/// reading.
Result<std::string> notes_to_carry(const RunView& view, const std::string& run);

/// Error "notes.not_readable", naming the field; also of one about another rack than `rack`.
Status check_carried_notes(const std::string& text, const std::string& rack);

/// Writes down those that this record does not have, as they were: who, when, where. How many that were.
/// Errors: those of check_carried_notes (nothing is written); those of opening a ledger.
Result<int> take_carried_notes(const std::string& database, const std::string& text, const std::string& rack);

}  // namespace kiln
