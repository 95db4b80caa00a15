#pragma once
// Text that may go to a terminal. What devices answered can hold escape sequences, line breaks and marks that
// turn the reading direction: none of them may move the cursor or forge a line of ours. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// Control characters, broken UTF-8 and bidirectional marks become '?', line breaks and tabs one blank.
/// Without `unicode` everything outside ASCII is written with ASCII ("→" as "->", the unknown as '?').
std::string printable(std::string_view text, bool unicode);

/// Columns the text takes on a terminal: CJK counts two, combining marks none. For text from printable().
int display_width(std::string_view text);

/// Exactly `columns` wide: padded with blanks, or cut with "…" ("~" without `unicode`).
std::string fitted(std::string_view text, int columns, bool unicode);

/// Broken at blanks (inside a word only when it is wider than a line), at most `most` lines; the last one
/// ends in "…" when something is left over.
std::vector<std::string> wrapped(std::string_view text, int columns, std::size_t most, bool unicode);

/// "0:07", "12:04", "71:03:20".
std::string clock_text(long long seconds);

}  // namespace kiln
