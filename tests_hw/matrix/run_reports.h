#pragma once
// What programs read of a run, judged: whatever struck the rack, an OCPTV stream keeps the rules between its
// lines and ends as the decision says, and JUnit is red unless the run is GO. Blocking.

#include <string>
#include <vector>

#include "model/event.h"
#include "model/verdict.h"

namespace kiln::matrix {

/// One sentence per thing that is wrong; empty: nothing is. With KILN_MATRIX_STREAMS the stream is left in
/// that folder.
std::string wrong_with_reports(std::vector<Event> record, const RunVerdict& verdict);

}  // namespace kiln::matrix
