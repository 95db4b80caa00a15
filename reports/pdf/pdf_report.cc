// The report for people who file and print: the page of the HTML report on sheets of A4. Drawn in this
// process by cairo, Pango and librsvg: no browser, no child process, nothing loaded. The same record makes
// the same bytes where the same fonts are installed.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/run_document.h"
#include "html/html_page.h"
#include "pdf/page_flow.h"

namespace kiln {
namespace {

constexpr std::size_t kHashCharacters = 16;
constexpr const char* kSimulatedWords = "SIMULATED RACK – NOT HARDWARE";

SheetMarks marks_of(const ReportInput& input) {
  const RunDocument document = make_document(input);
  const std::string decision = decision_word(input);
  const std::string rack = document.about.rack.empty() ? "rack not recorded" : "rack " + document.about.rack;
  SheetMarks marks;
  marks.title = fmt::format("{} – {} – {}", decision, rack, input.run.id);
  marks.head = fmt::format("{} · {} · {}", decision, rack, first_warning(input));
  if (first_warning(input).empty()) marks.head = fmt::format("{} · {}", decision, rack);
  marks.foot = fmt::format(
      "{} · record SHA-256 {}", input.run.id,
      input.run.chain_head.empty() ? "none" : input.run.chain_head.substr(0, kHashCharacters) + "…");
  if (input.verdict.simulated) marks.warning = kSimulatedWords;
  marks.made_utc_ns = document.ended_utc_ns;
  return marks;
}

class PdfReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "pdf"; }
  std::string_view extension() const override { return "pdf"; }

  Result<std::string> render(const ReportInput& input) const override {
    const Result<std::string> page = render_page(input, PageUse::sheets);
    if (!page) return page.error();
    TextShaper shaper;
    if (!shaper.has_fonts()) {
      return Error("report.no_fonts", "the PDF report cannot be made: this station has no font",
                   "install fonts-dejavu-core; the other formats hold the same", Blame::station);
    }
    Sheets sheets;
    PageFlow flow(sheets, shaper);
    const Status set = flow.set(*page);
    if (!set) return Error(set.error()).while_doing("setting the PDF report");
    if (!shaper.undrawable().empty()) {
      const std::string words = fmt::format(
          "{} characters of this record are in no font of this station and stand by name, as ‹U+4E2D›: "
          "install fonts-noto-core and fonts-noto-cjk and write the report again to see them.",
          shaper.undrawable().size());
      sheets.gap(6);
      sheets.flow(std::make_shared<const ShapedText>(shaper.shape(words, {}, kTextWidth)), kSheetLeft);
    }
    return sheets.write(marks_of(input), shaper);
  }
};

}  // namespace

std::unique_ptr<ReportFormat> make_report_pdf() { return std::make_unique<PdfReport>(); }

}  // namespace kiln
