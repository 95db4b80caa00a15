#pragma once
// Text of a record on its way out of it, one character at a time. A record holds whatever hardware, vendors
// and people wrote: bytes that are no UTF-8, characters that turn the reading direction, names of a megabyte.
// Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace kiln {

/// What stands for what is no character (Unicode 15, 23.8).
inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// The next character, and how many bytes it took; U+FFFD for a byte that begins none (overlong forms,
/// surrogates and what lies beyond Unicode included). Not of empty text.
std::pair<char32_t, std::size_t> next_character(std::string_view text);

/// Draws nothing, or changes how what is around it is drawn (Unicode 15, general categories Cc, Cf, Zl, Zp);
/// tab and line feed are not meant. `before`: the character before it, 0 for none.
bool is_invisible(char32_t code, char32_t before);

/// The same text in valid UTF-8 and nothing else changed: for JSON, which escapes control characters itself.
/// What is longer than `longest` bytes is cut between two characters, and its end says so.
std::string valid_utf8(std::string_view text, std::size_t longest = std::string_view::npos);

/// The same with all that is invisible shown by name (‹U+202E›), tab and line feed kept: for formats that
/// cannot hold control characters (XML 1.0, 2.2 Char), and for people's eyes.
std::string visible_text(std::string_view text, std::size_t longest = std::string_view::npos);

}  // namespace kiln
