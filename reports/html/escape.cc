#include "html/escape.h"

#include <fmt/format.h>

#include <cstdint>

namespace kiln {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

/// The next character, and how many bytes it took; U+FFFD for a byte that begins none (overlong forms,
/// surrogates and what lies beyond Unicode included).
std::pair<char32_t, std::size_t> next_character(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {kReplacement, 1};
  char32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return {kReplacement, 1};
    code = (code << 6U) | (byte(at) & 0x3FU);
  }
  constexpr char32_t kLeast[]{0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
    return {kReplacement, 1};
  return {code, length};
}

/// Draws nothing, or changes how what is around it is drawn (Unicode 15, general categories Cc, Cf, Zl, Zp).
bool is_invisible(char32_t code, char32_t before) {
  if (code == '\t' || code == '\n') return false;
  if (code < 0x20 || (code >= 0x7F && code <= 0x9F)) return true;
  if (code == 0x200C || code == 0x200D)
    return before < 0x600;  // Persian, Hindi and others are spelled with them
  if (code == 0xAD || code == 0x34F || code == 0x61C || code == 0x180E || code == 0xFEFF || code == 0x3164)
    return true;
  return (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE0FFF) || (code & 0xFFFEU) == 0xFFFE;
}

}  // namespace

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
    } else if (code == kReplacement) {
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
