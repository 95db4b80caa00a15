#pragma once
// What page 1 says besides its reasons: the decision in a sentence, on what, by what and by whom, and how far
// it is signed. In the words of the report's second language, too, where it has one.

#include "html/page_sections.h"

namespace kiln {

/// decision_says, facts, decided_by, sign-off and its people, local words.
void set_front_facts(PageData& page, const ReportInput& input, const RunDocument& document);

/// "C01 (compute tray, U11) · GPU_0 · serial 1324…, part number …": as much of it as the record knows.
std::string part_words(const DutVerdict& dut, const std::string& part, const RunDocument& document);

}  // namespace kiln
