#include "station/verdict_block.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/plan.h"
#include "model/interruption.h"
#include "station/console.h"
#include "station/screen/block_letters.h"
#include "station/screen/printable.h"

namespace kiln {
namespace {

constexpr std::size_t kReviewsShown = 10;

}  // namespace

VerdictStyle verdict_style(const std::string& color) {
  VerdictStyle style;
  style.unicode = locale_is_utf8();
  style.colours = colour_depth(color, STDOUT_FILENO);
  return style;
}

std::string verdict_block(const RunVerdict& verdict, const std::string& run, const RunBegun& about,
                          const std::map<std::string, std::string>& reports, const VerdictStyle& style) {
  const std::string decision = verdict.decision ? std::string(to_string(*verdict.decision)) : "SURVEY";
  const Sign sign = sign_of(verdict.decision);
  const std::string sign_text = std::string("[") + std::string(glyph(sign, false)) + "]";
  const std::string mark(style.unicode ? glyph(sign, true) : std::string_view(sign_text));
  std::string text = "\n";
  const auto letters = block_letters(decision, style.unicode);
  const std::string indent(static_cast<std::size_t>(display_width(mark)), ' ');
  for (std::size_t row = 0; row < letters.size(); ++row)
    text +=
        paint((row == letters.size() / 2 ? mark : indent) + "  " + letters[row], sign, style.colours, true) +
        "\n";
  text += fmt::format("\n{} {}\n", mark, decision);
  if (verdict.simulated) text += printable("SIMULATED RACK – NOT HARDWARE", style.unicode) + "\n";
  const auto& because = verdict.not_eligible_because;
  if (std::find(because.begin(), because.end(), kOnlyAPart) != because.end())
    text += "ONLY A PART OF THE RACK WAS SELECTED: the rest is not judged\n";
  text += fmt::format("measured {} of {} required, {} failed, {} marginal, {}{} not run; sign-off: {}\n",
                      verdict.counts.measured, verdict.counts.required, verdict.counts.failed,
                      verdict.counts.marginal,
                      verdict.counts.waived == 0 ? "" : fmt::format("{} waived, ", verdict.counts.waived),
                      verdict.counts.not_run, verdict.sign_off);
  for (const std::string& why : verdict.sign_off_because) text += printable("  " + why, style.unicode) + "\n";
  for (const RunResumed& resumed : verdict.interruptions)
    text += printable(interruption_text(resumed), style.unicode) + "\n";
  for (const auto& dut : verdict.duts) {
    for (const auto& reason : dut.reasons) {
      const std::string line =
          fmt::format("  {:<6} {:<28} {} {}{}", dut.id, reason.code, reason.fru, reason.message,
                      reason.action.empty() ? "" : " → " + reason.action);
      text += printable(line, style.unicode) + "\n";
    }
    for (const auto& cut : dut.interlocks) {
      const auto after = [&cut](std::int64_t then) {
        return then == 0 ? std::string("not confirmed")
                         : fmt::format("after {:.0f} ms", static_cast<double>(then - cut.detected_ns) / 1e6);
      };
      const std::string line =
          fmt::format("  {:<6} INTERLOCK {}: load stopped {}, off confirmed {}", dut.id, cut.cause,
                      after(cut.load_stopped_ns), after(cut.off_confirmed_ns));
      text += printable(line, style.unicode) + "\n";
    }
  }
  std::size_t odd_ones = 0;
  for (const Comparison& comparison : verdict.comparisons) {
    for (const OddOne& odd : comparison.odd) {
      if (++odd_ones > kReviewsShown) continue;
      const std::string line =
          fmt::format("  {:<6} {:<28} {} {} → {}", odd.dut, "REVIEW", odd.part, odd.message, odd.action);
      text += printable(line, style.unicode) + "\n";
    }
  }
  if (odd_ones > kReviewsShown)
    text += fmt::format("  and {} more for REVIEW, in the report\n", odd_ones - kReviewsShown);
  for (const auto& [format, path] : reports) text += fmt::format("report ({}): {}\n", format, path);
  const auto html = reports.find("html");
  const std::string result = fmt::format(
      "RESULT unit={} recipe={}@{} verdict={} fail={} marginal={} notrun={} run={} report={}", about.rack,
      about.recipe, about.recipe_version, decision, verdict.counts.failed, verdict.counts.marginal,
      verdict.counts.not_run, run, html == reports.end() ? "-" : html->second);
  return text + printable(result, true) + "\n";
}

}  // namespace kiln
