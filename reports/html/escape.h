#pragma once
// Text of a record on its way into a page. A record holds whatever hardware, vendors and people wrote: here
// it loses every means to become markup, to turn the reading direction, or to hide. Pure.

#include <string>
#include <string_view>

namespace kiln {

/// For element content and quoted attributes, in HTML and in SVG. Markup characters become entities. Control
/// characters, direction overrides and other invisible characters are shown by name (‹U+202E›), because two
/// serial numbers that look alike must be alike. What is no UTF-8 becomes U+FFFD.
std::string escape_text(std::string_view text);

/// At most `characters` characters, the last one an ellipsis if something is missing; never half a character.
/// Escape after shortening.
std::string shorten(const std::string& text, std::size_t characters);

/// The last `characters` characters, or all of them.
std::string last_characters(const std::string& text, std::size_t characters);

/// How many characters a reader would count.
std::size_t count_characters(std::string_view text);

/// For a quoted string inside the style sheet, where entities do not count: letters, digits, dot, dash and
/// underscore; everything else is left out.
std::string plain_word(std::string_view text);

}  // namespace kiln
