#include "html/run_code.h"

#include <fmt/format.h>
#include <qrencode.h>

#include <memory>

#include "html/escape.h"
#include "html/page_sections.h"

namespace kiln {
namespace {

constexpr int kQuietModules = 4;           // ISO/IEC 18004:2015, 6.3.8: around the code nothing is drawn
constexpr double kCodeSide = 92;           // of the drawing, and width of the code, in px
constexpr double kCodeColumn = 345;        // of the column it stands in
constexpr std::size_t kCodeHashLine = 32;  // figures of the hash on a line

struct FreeCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};

/// One bar for each run of dark modules of a row.
std::string bars_of(const QRcode& code) {
  std::string path;
  for (int row = 0; row < code.width; ++row) {
    for (int column = 0; column < code.width;) {
      const auto dark = [&](int at) { return (code.data[row * code.width + at] & 1U) != 0; };
      if (!dark(column)) {
        ++column;
        continue;
      }
      int end = column;
      while (end < code.width && dark(end)) ++end;
      path += fmt::format("M{} {}h{}v1h-{}z", column + kQuietModules, row + kQuietModules, end - column,
                          end - column);
      column = end;
    }
  }
  return path;
}

}  // namespace

std::string run_code_text(const ReportInput& input) {
  return fmt::format("KILN {} {}{} {}", input.run.id, input.verdict.simulated ? "SIMULATED " : "",
                     decision_word(input), input.run.chain_head);
}

std::string draw_run_code(const ReportInput& input) {
  if (input.run.chain_head.empty()) return {};
  // Level M mends 15 % of the code: a stamp or a fold.
  const std::unique_ptr<QRcode, FreeCode> code(
      QRcode_encodeString8bit(run_code_text(input).c_str(), 0, QR_ECLEVEL_M));
  if (!code) return {};  // longer than a code holds
  const double scale = kCodeSide / (code->width + 2 * kQuietModules);
  const std::string& head = input.run.chain_head;
  const std::string name = escape_text(input.run.id), decision = escape_text(decision_word(input));
  std::string lines;
  double y = 12;
  const auto line = [&](const std::string& text, const char* look) {
    lines += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" font-size=\"9.5\"{}>{}</text>", kCodeSide + 6, y,
                         look, text);
    y += 14;
  };
  line(name, " font-weight=\"bold\"");
  line(decision, "");
  line("record, SHA-256:", "");
  line(escape_text(head.substr(0, std::min(head.size(), kCodeHashLine))), " font-family=\"monospace\"");
  if (head.size() > kCodeHashLine)
    line(escape_text(head.substr(kCodeHashLine)), " font-family=\"monospace\"");
  return fmt::format(
      "<svg class=\"run-code\" viewBox=\"0 0 {0:.0f} {1:.0f}\" style=\"max-width:{0:.0f}px\" role=\"img\" "
      "aria-labelledby=\"run-code-title\"><title id=\"run-code-title\">Code of {2}: run, decision and hash "
      "of its "
      "record</title><rect width=\"{1:.0f}\" height=\"{1:.0f}\" fill=\"#fff\"/><path "
      "transform=\"scale({3:.4f})\" "
      "fill=\"#000\" d=\"{4}\"/>{5}</svg>",
      kCodeColumn, kCodeSide, name, scale, bars_of(*code), lines);
}

}  // namespace kiln
