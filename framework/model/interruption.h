#pragma once
// How an interruption of a run reads, the same on screens and in every report. Pure.

#include <string>

#include "model/event.h"

namespace kiln {

/// "INTERRUPTED at 2026-03-01T12:00:00Z (after event 812); resumed 63 min later by Ann on station-3".
std::string interruption_text(const RunResumed& resumed);

/// "kept", "read again", "done again after a person was asked", "done again": what became of a step.
std::string_view resumed_word(const StepResumed& step);

}  // namespace kiln
