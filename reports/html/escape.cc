#include "html/escape.h"

#include <fmt/format.h>

#include <cstdint>

#include "common/characters.h"

namespace kiln {

std::string escape_text(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 8);
  char32_t before = 0;
  while (!text.empty()) {
    const auto [code, length] = next_character(text);
    if (code == '&') {
      escaped += "&amp;";
    } else if (code == '<') {
      escaped += "&lt;";
    } else if (code == '>') {
      escaped += "&gt;";
    } else if (code == '"') {
      escaped += "&quot;";
    } else if (code == '\'') {
      escaped += "&#39;";
    } else if (code == kReplacementCharacter) {
      escaped += "\uFFFD";
    } else if (is_invisible(code, before)) {
      escaped += fmt::format("‹U+{:04X}›", static_cast<std::uint32_t>(code));
    } else {
      escaped += text.substr(0, length);
    }
    before = code;
    text.remove_prefix(length);
  }
  return escaped;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(next_character(text).second);
    ++count;
  }
  return count;
}

std::string shorten(const std::string& text, std::size_t characters) {
  if (text.size() <= characters) return text;
  std::string_view rest = text;
  std::size_t kept = 0;  // bytes of all but the last allowed character
  std::size_t counted = 0;
  while (!rest.empty()) {
    if (counted + 1 == characters) kept = text.size() - rest.size();
    if (counted == characters) return text.substr(0, kept) + "…";
    rest.remove_prefix(next_character(rest).second);
    ++counted;
  }
  return text;
}

std::string last_characters(const std::string& text, std::size_t characters) {
  std::size_t skipped = count_characters(text);
  std::string_view rest = text;
  for (; skipped > characters; --skipped) rest.remove_prefix(next_character(rest).second);
  return std::string(rest);
}

std::string plain_word(std::string_view text) {
  std::string plain;
  for (const char character : text) {
    const bool is_plain = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                          (character >= '0' && character <= '9') || character == '.' || character == '-' ||
                          character == '_';
    if (is_plain) plain += character;
  }
  return plain;
}

}  // namespace kiln
