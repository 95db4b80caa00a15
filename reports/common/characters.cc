#include "common/characters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace kiln {
namespace {

/// How many characters at the beginning are printable ASCII.
std::size_t plain_length(std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char one) {
    const auto byte = static_cast<unsigned char>(one);
    return byte < 0x20 || byte > 0x7E;
  });
  return static_cast<std::size_t>(end - text.begin());
}

template <class Put>
std::string rewritten(std::string_view text, std::size_t longest, Put put) {
  std::string written;
  written.reserve(std::min(text.size(), longest));
  const std::size_t whole = text.size();
  char32_t before = 0;
  while (!text.empty()) {
    // Most of a record is plain ASCII, which every format takes as it is.
    const std::size_t plain = plain_length(text.substr(0, longest - (whole - text.size())));
    if (plain > 0) {
      written += text.substr(0, plain);
      before = static_cast<unsigned char>(text[plain - 1]);
      text.remove_prefix(plain);
      continue;
    }
    const auto [code, length] = next_character(text);
    if (whole - text.size() + length > longest) {
      written += fmt::format("… [{} bytes]", whole);
      break;
    }
    put(written, code, before, text.substr(0, length));
    before = code;
    text.remove_prefix(length);
  }
  return written;
}

void put_valid(std::string& written, char32_t code, char32_t /*before*/, std::string_view bytes) {
  written += code == kReplacementCharacter ? std::string_view("\xEF\xBF\xBD") : bytes;
}

void put_visible(std::string& written, char32_t code, char32_t before, std::string_view bytes) {
  if (is_invisible(code, before)) {
    written += fmt::format("‹U+{:04X}›", static_cast<std::uint32_t>(code));
  } else {
    put_valid(written, code, before, bytes);
  }
}

}  // namespace

std::pair<char32_t, std::size_t> next_character(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {kReplacementCharacter, 1};
  char32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return {kReplacementCharacter, 1};
    code = (code << 6U) | (byte(at) & 0x3FU);
  }
  constexpr char32_t kLeast[]{0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
    return {kReplacementCharacter, 1};
  return {code, length};
}

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

std::string valid_utf8(std::string_view text, std::size_t longest) {
  return rewritten(text, longest, put_valid);
}

std::string visible_text(std::string_view text, std::size_t longest) {
  return rewritten(text, longest, put_visible);
}

}  // namespace kiln
