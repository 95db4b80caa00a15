#pragma once
// The section "Safety" as data for the template.

#include "common/report_format.h"
#include "html/page_sections.h"

namespace kiln {

/// any_safety, safety_words, any_may_be_on, may_be_on, any_wet, wet, undos, any_cut, cuts, any_policy,
/// policy_words, any_mask, masks, any_permit, permits.
void set_safety(PageData& page, const ReportInput& input);

}  // namespace kiln
