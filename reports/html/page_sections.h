#pragma once
// The evidence behind page 1 as data for the template: what was repeated, measured, seen and used. Every key
// the template asks for inside a row is set in that row, because mustache would look it up further out.

#include <kainjow/mustache.hpp>
#include <string>

#include "common/run_document.h"
#include "html/html_page.h"

namespace kiln {

using PageData = kainjow::mustache::data;

PageData page_list();
/// The text, or false: an empty text would open its section.
PageData page_text(const std::string& text);
/// "2", or "2, round 3".
std::string attempt_text(int iteration, int attempt);
/// "312 ms", or "not confirmed" when one of the two is not known.
std::string after_text(std::int64_t from_ns, std::int64_t to_ns);

/// any_sticky, sticky, any_attempt, attempts, attempts_rest.
void set_attempts(PageData& page, const RunDocument& document);
/// any_timeline, timelines, any_plot, plots; on sheets without the drawings of closed timelines.
void set_drawings(PageData& page, const RunDocument& document, PageUse use);
/// Disturbances, prompts, notes, parts and the environment.
void set_record(PageData& page, const ReportInput& input, const RunDocument& document);

}  // namespace kiln
