#pragma once
// The values of a run as data for the template: by DUT and step, each with the limit that judged it.

#include "common/run_document.h"
#include "html/html_page.h"
#include "html/page_sections.h"

namespace kiln {

/// rows_words, not_printed, body_class, groups, any_limit, limits; on sheets without the rows of closed
/// groups.
void set_measurements(PageData& page, const RunDocument& document, PageUse use);
}  // namespace kiln
