#pragma once
// The note a failing ledger leaves beside the database, so that a later reader knows that the record did not
// simply end; and what happened after a record's end, such as the undos after its program died. For this
// folder and for the station's recovery.

#include <optional>
#include <string>
#include <vector>

#include "model/event.h"
#include "store/ledger_failure.h"

namespace kiln {

/// Best effort: the disk that failed may refuse this too.
void write_break_note(const std::string& database, const std::string& run, const LedgerFailure& failure);
/// "ledger.writer_gone", without number and time: the ledger did not fail, but there is something after its
/// end.
std::optional<LedgerFailure> read_break_note(const std::string& database, const std::string& run);

/// What happened after the break, or after the program that wrote the record had died, one JSON object per
/// line in a file of its own. Best effort, no fsync: the caller may be in the middle of a cut, and the disk
/// is one that has just failed.
void write_after_break(const std::string& database, const std::string& run, const Event& event);
/// After it was taken into the record of a run that goes on.
void forget_after_break(const std::string& database, const std::string& run);
/// In the order written; a line that cannot be read is left out. Sequences are 0: these are in no chain.
std::vector<Event> read_after_break(const std::string& database, const std::string& run);

}  // namespace kiln
