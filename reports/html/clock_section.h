#pragma once
// The section "Bring-up clock" as data for the template.

#include "html/page_sections.h"
#include "model/bring_up.h"

namespace kiln {

/// clock_words, clock_rows, any_clock_share, clock_span, clock_shares, clock_remarks, any_clock_note,
/// clock_notes.
void set_clock(PageData& page, const BringUp& clock);

}  // namespace kiln
