#pragma once
// Parts against their like, and all links of the rack: what no single limit shows.

#include "html/page_sections.h"

namespace kiln {

/// any_comparison, comparison_words, comparisons, any_odd, odd_ones, odd_more, any_link, link_words,
/// link_head, link_trays, link_legend, any_marked_link, marked_links, marked_more.
void set_comparison(PageData& page, const RunDocument& document, const RunVerdict& verdict);

/// "2 values stand apart from their like …", empty when none does: for page 1.
std::string review_words(const RunVerdict& verdict);

}  // namespace kiln
