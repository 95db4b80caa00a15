#include "station/screen/vocabulary.h"

#include <fmt/format.h>

#include <array>

namespace kiln {
namespace {

/// In the order of Sign. Colours: Okabe and Ito, "Color Universal Design" (2008); their nearest of xterm's
/// 256 and ANSI's 16.
struct Look {
  std::string_view glyph, ascii;
  int red, green, blue;
  int indexed;
  int basic;
};
constexpr std::array<Look, 7> kLooks{{{"✔", "OK", 0, 158, 115, 36, 32},
                                      {"✖", "X", 213, 94, 0, 166, 31},
                                      {"▲", "!", 230, 159, 0, 178, 33},
                                      {"?", "?", 204, 121, 167, 175, 35},
                                      {"▶", ">", 86, 180, 233, 74, 36},
                                      {"☞", "@", 240, 228, 66, 227, 93},
                                      {"·", ".", 138, 138, 138, 245, 90}}};

const Look& look(Sign sign) { return kLooks.at(static_cast<std::size_t>(sign)); }

}  // namespace

std::string_view glyph(Sign sign, bool unicode) { return unicode ? look(sign).glyph : look(sign).ascii; }

Sign sign_of(const std::optional<Decision>& decision) {
  if (!decision) return Sign::idle;
  switch (*decision) {
    case Decision::go:
      return Sign::pass;
    case Decision::conditional:
      return Sign::marginal;
    case Decision::incomplete:
      return Sign::unknown;
    case Decision::no_go:
      return Sign::fail;
  }
  return Sign::unknown;
}

std::string paint(std::string_view text, Sign sign, ColourDepth depth, bool bold) {
  if (depth == ColourDepth::none || text.empty()) return std::string(text);
  const Look& chosen = look(sign);
  const char* weight = bold ? "1;" : "";
  switch (depth) {
    case ColourDepth::direct:
      return fmt::format("\x1b[{}38;2;{};{};{}m{}\x1b[0m", weight, chosen.red, chosen.green, chosen.blue,
                         text);
    case ColourDepth::indexed:
      return fmt::format("\x1b[{}38;5;{}m{}\x1b[0m", weight, chosen.indexed, text);
    default:
      return fmt::format("\x1b[{}{}m{}\x1b[0m", weight, chosen.basic, text);
  }
}

}  // namespace kiln
