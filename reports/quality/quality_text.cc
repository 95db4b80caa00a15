// For a terminal, a mail or a ticket.

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "html/escape.h"
#include "quality/quality_page.h"

namespace kiln {
namespace {

constexpr std::size_t kCell = 44;  // characters of one cell; who needs all of a name asks for JSON
constexpr std::size_t kLastCell = 160;
constexpr std::size_t kSentence = 1000;
constexpr std::size_t kTextColumns = 110;

/// What was recorded cannot begin a line of its own, nor move a terminal's cursor.
std::string in_line(const std::string& text, std::size_t most) {
  std::string line = text;
  for (char& letter : line) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte == 0x7F) letter = ' ';
  }
  return shorten(line, most);
}

/// Broken at blanks, so that a line has no more than kTextColumns characters where words allow it.
std::string broken_lines(const std::string& sentence) {
  std::string text = "  ";
  std::size_t column = 2;
  std::istringstream words(sentence);
  for (std::string word; words >> word;) {
    const std::size_t width = count_characters(word);
    if (column > 2 && word != "%" && column + 1 + width > kTextColumns) {
      text += "\n  ";
      column = 2;
    }
    if (column > 2) text += " ";
    text += word;
    column += width + 1;
  }
  return text + "\n";
}

std::string table_text(const QualitySection& section) {
  std::vector<std::vector<std::string>> rows;
  rows.push_back(section.header);
  rows.insert(rows.end(), section.rows.begin(), section.rows.end());
  std::vector<std::size_t> widths(section.header.size());
  for (auto& row : rows) {
    row.resize(widths.size());
    for (std::size_t at = 0; at < row.size(); ++at) {
      row[at] = in_line(row[at], at + 1 < row.size() ? kCell : kLastCell);
      widths[at] = std::max(widths[at], count_characters(row[at]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t at = 0; at < row.size(); ++at) {
      line += " " + row[at];
      if (at + 1 < row.size()) line += std::string(widths[at] - count_characters(row[at]) + 1, ' ');
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string render_text(const QualityPage& page) {
  std::string text = page.title + "\n";
  for (const std::string& loud : page.loud) text += "*** " + in_line(loud, kSentence) + " ***\n";
  for (const std::string& sentence : page.about) text += in_line(sentence, kSentence) + "\n";
  for (const QualitySection& section : page.sections) {
    text += "\n" + in_line(section.title, 200) + "\n";
    for (const std::string& sentence : section.sentences) text += broken_lines(in_line(sentence, kSentence));
    if (!section.header.empty()) text += table_text(section);
    for (const std::string& sentence : section.below) text += broken_lines(in_line(sentence, kSentence));
  }
  return text;
}

std::string quality_text(const QualityReport& report) { return render_text(make_quality_page(report)); }

}  // namespace kiln
