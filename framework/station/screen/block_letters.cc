#include "station/screen/block_letters.h"

#include <array>

namespace kiln {
namespace {

struct Letter {
  char letter;
  std::array<std::string_view, 5> rows;
};

constexpr std::array<Letter, 17> kLetters{{{'A', {" ### ", "#   #", "#####", "#   #", "#   #"}},
                                           {'C', {" ####", "#    ", "#    ", "#    ", " ####"}},
                                           {'D', {"#### ", "#   #", "#   #", "#   #", "#### "}},
                                           {'E', {"#####", "#    ", "#### ", "#    ", "#####"}},
                                           {'G', {" ####", "#    ", "#  ##", "#   #", " ### "}},
                                           {'I', {"###", " # ", " # ", " # ", "###"}},
                                           {'L', {"#    ", "#    ", "#    ", "#    ", "#####"}},
                                           {'M', {"#   #", "## ##", "# # #", "#   #", "#   #"}},
                                           {'N', {"#   #", "##  #", "# # #", "#  ##", "#   #"}},
                                           {'O', {" ### ", "#   #", "#   #", "#   #", " ### "}},
                                           {'P', {"#### ", "#   #", "#### ", "#    ", "#    "}},
                                           {'R', {"#### ", "#   #", "#### ", "#  # ", "#   #"}},
                                           {'S', {" ####", "#    ", " ### ", "    #", "#### "}},
                                           {'T', {"#####", "  #  ", "  #  ", "  #  ", "  #  "}},
                                           {'U', {"#   #", "#   #", "#   #", "#   #", " ### "}},
                                           {'V', {"#   #", "#   #", "#   #", " # # ", "  #  "}},
                                           {'Y', {"#   #", " # # ", "  #  ", "  #  ", "  #  "}}}};
constexpr std::array<std::string_view, 5> kDash{"    ", "    ", "####", "    ", "    "};
constexpr std::array<std::string_view, 5> kBlank{"   ", "   ", "   ", "   ", "   "};

const std::array<std::string_view, 5>& rows_of(char letter) {
  if (letter == '-') return kDash;
  for (const auto& known : kLetters) {
    if (known.letter == letter) return known.rows;
  }
  return kBlank;
}

}  // namespace

std::vector<std::string> block_letters(std::string_view word, bool unicode) {
  std::vector<std::string> lines(5);
  for (const char letter : word) {
    const auto& rows = rows_of(letter);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (!lines[row].empty()) lines[row] += ' ';
      for (const char dot : rows.at(row)) {
        if (dot == '#' && unicode) {
          lines[row] += "█";
        } else {
          lines[row] += dot;
        }
      }
    }
  }
  return lines;
}

}  // namespace kiln
