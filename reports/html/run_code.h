#pragma once
// The code on page 1 (QR, ISO/IEC 18004) and what it says in letters beside it: which run this is, what it
// came to, and the hash that its whole record hangs on. With it a sheet of paper is found again in a record,
// and is seen to belong to it. Pure.

#include <string>

#include "common/report_format.h"

namespace kiln {

/// "KILN R-20261130-184832-a20c NO-GO 7ce67d60…": all 64 figures of the hash.
std::string run_code_text(const ReportInput& input);

/// As a drawing; empty without a record. Text is escaped here.
std::string draw_run_code(const ReportInput& input);

}  // namespace kiln
