#pragma once
// What kiln review shows a person before they sign: what is not as it should be first, then who has signed
// and what is still missing. Pure.

#include <map>
#include <string>
#include <vector>

#include "common/report_format.h"

namespace kiln {

/// Lines as they are to be read; whatever the record holds is in them as it is (printable_lines): a text with
/// a line break in it is still one line.
std::vector<std::string> review_sheet(const ReportInput& input);
/// Who has signed, the state of the sign-off, and what it waits for.
std::vector<std::string> sign_off_lines(const ReportInput& input);
/// One object: run, decision, sign_off, because, exceptions, reviews; `written`: the entry just made, 0:
/// none.
std::string review_json(const ReportInput& input, std::int64_t written,
                        const std::map<std::string, std::string>& reports);

/// Every line made printable by itself.
std::string printable_lines(const std::vector<std::string>& lines, bool unicode);

}  // namespace kiln
