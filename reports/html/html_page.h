#pragma once
// The page that the html report is, for formats that show the same page by other means. Pure.

#include <string>

#include "common/report_format.h"

namespace kiln {

/// A screen can open what is closed; sheets cannot, so what stays closed on them is left out of the page.
enum class PageUse { screen, sheets };

/// Well-formed XML inside <body>. "report.template" when the page's template is not valid.
Result<std::string> render_page(const ReportInput& input, PageUse use);

}  // namespace kiln
