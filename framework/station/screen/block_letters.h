#pragma once
// A word in letters five rows high: the verdict must be read from three metres. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// Five lines, without line breaks. Knows capital letters of the decisions and '-'; others become blanks.
std::vector<std::string> block_letters(std::string_view word, bool unicode);

}  // namespace kiln
