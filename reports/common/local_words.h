#pragma once
// The words of page 1 in a second language, beside the English ones and never instead of them: codes, units,
// part names, numbers and messages of a record stay as they were recorded. One table, local_words.cc. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// Languages that page 1 can be written in beside English: "zh-CN".
std::vector<std::string> local_languages();

/// What stands beside the English words `english` in `language`; empty: nothing (English alone, a language or
/// words that are not in the table).
std::string_view local_word(std::string_view language, std::string_view english);

/// All English words that the table has, for the test that page 1 uses no other.
std::vector<std::string_view> words_with_translation();

}  // namespace kiln
