#include "station/screen/printable.h"

#include <fmt/format.h>
#include <locale.h>
#include <wchar.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace kiln {
namespace {

/// The classification of characters must not depend on how the station's user set LANG.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = uselocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;
  ~Utf8Locale() {
    if (locale_ == nullptr) return;
    uselocale(before_);
    freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

/// Calls back with each character as bytes and code point; broken bytes come one by one with code point 0.
template <class Callback>
void for_each_character(std::string_view text, Callback callback) {
  const Utf8Locale utf8;
  std::mbstate_t state{};
  while (!text.empty()) {
    wchar_t character = 0;
    const std::size_t length = std::mbrtowc(&character, text.data(), text.size(), &state);
    // glibc also decodes what UTF-8 no longer may hold (RFC 3629): beyond U+10FFFF, and surrogates.
    const bool forbidden = character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF);
    if (length == 0 || length > text.size() || forbidden) {
      state = {};
      callback(text.substr(0, 1), wchar_t{0});
      text.remove_prefix(1);
      continue;
    }
    callback(text.substr(0, length), character);
    text.remove_prefix(length);
  }
}

/// Marks that reorder or hide what follows (Unicode TR 9, TR 36).
bool is_deceptive(wchar_t character) {
  return (character >= 0x200B && character <= 0x200F) || (character >= 0x2028 && character <= 0x202E) ||
         (character >= 0x2060 && character <= 0x2069) || character == 0xFEFF || character == 0x061C;
}

std::string_view in_ascii(wchar_t character) {
  static constexpr std::array<std::pair<wchar_t, std::string_view>, 9> kWords{{{L'→', "->"},
                                                                               {L'–', "-"},
                                                                               {L'—', "-"},
                                                                               {L'…', "..."},
                                                                               {L'·', "."},
                                                                               {L'×', "x"},
                                                                               {L'≥', ">="},
                                                                               {L'≤', "<="},
                                                                               {L'°', " deg "}}};
  for (const auto& [known, word] : kWords) {
    if (known == character) return word;
  }
  return "?";
}

}  // namespace

std::string printable(std::string_view text, bool unicode) {
  std::string clean;
  for_each_character(text, [&clean, unicode](std::string_view bytes, wchar_t character) {
    if (character == L'\n' || character == L'\t' || character == L'\r') {
      clean += ' ';
    } else if (character < 0x20 || (character >= 0x7F && character < 0xA0) || is_deceptive(character)) {
      clean += '?';
    } else if (character > 0x7F && !unicode) {
      clean += in_ascii(character);
    } else {
      clean += bytes;
    }
  });
  return clean;
}

int display_width(std::string_view text) {
  int columns = 0;
  for_each_character(text, [&columns](std::string_view, wchar_t character) {
    const int width = wcwidth(character);
    columns += width < 0 ? 1 : width;
  });
  return columns;
}

std::string fitted(std::string_view text, int columns, bool unicode) {
  if (columns <= 0) return {};
  const int width = display_width(text);
  if (width <= columns)
    return std::string(text) + std::string(static_cast<std::size_t>(columns - width), ' ');
  std::string cut;
  int taken = 0;
  bool full = false;
  for_each_character(text, [&](std::string_view bytes, wchar_t character) {
    const int wide = wcwidth(character) < 0 ? 1 : wcwidth(character);
    if (full || taken + wide > columns - 1) {
      full = true;
      return;
    }
    cut += bytes;
    taken += wide;
  });
  cut += unicode ? "…" : "~";
  return cut + std::string(static_cast<std::size_t>(columns - taken - 1), ' ');
}

std::vector<std::string> wrapped(std::string_view text, int columns, std::size_t most, bool unicode) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < most) {
    std::size_t end = 0;         // bytes that fit
    std::size_t last_blank = 0;  // a break nearer to the left
    int taken = 0;
    bool full = false;
    std::size_t at = 0;
    for_each_character(text, [&](std::string_view bytes, wchar_t character) {
      const int wide = wcwidth(character) < 0 ? 1 : wcwidth(character);
      if (!full && taken + wide > columns) full = true;
      if (!full) {
        taken += wide;
        if (character == L' ') last_blank = at;
        end = at + bytes.size();
      } else if (at == end && character == L' ') {
        last_blank = at;  // the word ends exactly at the edge
      }
      at += bytes.size();
    });
    const bool rest = end < text.size();
    if (rest && lines.size() + 1 == most) {
      lines.push_back(fitted(text, columns, unicode));
      return lines;
    }
    if (rest && last_blank > 0) end = last_blank;
    if (end == 0) end = text.size();  // narrower than one character: nothing sensible can be done
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
  return lines;
}

std::string clock_text(long long seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace kiln
