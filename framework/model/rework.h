#pragma once
// What was found and repaired between a run that failed and the retest of it: a person's statement, recorded
// at the beginning of the retest as a diagnosis of the run as a whole (no DUT) with this code; its message is
// what was said. Without one a pass is no more than CONDITIONAL (model/verdict.h).

namespace kiln {

inline constexpr const char* kReworkCode = "retest.rework";

}  // namespace kiln
