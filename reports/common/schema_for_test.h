#pragma once
// Whether a document that a report wrote fits its published schema. For tests of all formats that have one.

#include <string>

namespace kiln {

/// Empty when `text` fits the draft-07 schema in `file` (seen from the source directory), else all that does
/// not.
std::string schema_misfit(const std::string& file, const std::string& text);

}  // namespace kiln
