// The report for a terminal, a mail or a ticket: plain text, 100 columns where the content allows.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/clock_rows.h"
#include "common/how_to_verify.h"
#include "common/rack_links.h"
#include "common/run_document.h"
#include "common/run_safety.h"
#include "model/interruption.h"

namespace kiln {
namespace {

void add_duts(std::string& text, const RunVerdict& verdict) {
  for (const auto& dut : verdict.duts) {
    text +=
        fmt::format("\n{:<6} {:<13} {:<12} measured {} of {}, failed {}, marginal {}, not run {}\n", dut.id,
                    to_string(dut.role), verdict.decision ? to_string(dut.decision) : "", dut.counts.measured,
                    dut.counts.required, dut.counts.failed, dut.counts.marginal, dut.counts.not_run);
    for (const auto& reason : dut.reasons) {
      text += fmt::format("  {} {}{}: {}\n", reason.code, reason.fru,
                          reason.cells > 1 ? fmt::format(" ({} cells)", reason.cells) : "", reason.message);
      if (!reason.action.empty()) text += fmt::format("      do: {}\n", reason.action);
    }
    for (const Diagnosed& found : dut.diagnoses) {
      text += fmt::format("  diagnosis {}{}{}: {}\n", found.code, found.part.empty() ? "" : " ", found.part,
                          found.message);
      if (!found.action.empty()) text += fmt::format("      do: {}\n", found.action);
    }
    for (const auto& cut : dut.interlocks) {
      text += fmt::format("  INTERLOCK {} {}: {}; {}\n", cut.cause, cut.part, cut.message,
                          cut_times_sentence(cut));
    }
  }
}

/// Everything people have signed, also what does not hold.
void add_reviews(std::string& text, const ReportInput& input) {
  if (!input.reviews.entries.empty()) text += "\nReviews:\n";
  for (const ReviewEntry& entry : input.reviews.entries)
    text += fmt::format("  {:>3}  {}  {}{}\n", review_number(entry), format_utc(entry.recorded_utc_ns),
                        review_sentence(entry),
                        entry.invalid_because.empty() ? "" : "  DOES NOT HOLD: " + entry.invalid_because);
}

void add_clock(std::string& text, const BringUp& clock) {
  text += fmt::format(
      "\nBring-up of {}{}, over {} run{}:\n", clock.rack,
      clock.formerly.empty() ? "" : fmt::format(" (formerly {})", fmt::join(clock.formerly, ", ")),
      clock.runs, clock.runs == 1 ? "" : "s");
  for (const ClockRow& row : clock_rows(clock))
    text += fmt::format("  {:<28} {:<26} {:<14} {}\n", row.what, row.when,
                        row.after.empty() ? "" : "+" + row.after, row.run);
  if (clock.shares) text += fmt::format("  Where the time went, {}:\n", clock_span(clock));
  for (const ClockShareRow& row : clock_shares(clock))
    text += fmt::format("    {:<50} {:>14} {:>6}\n", row.what, row.time, row.share);
  for (const std::string& remark : clock.remarks) text += "  NOTE " + remark + "\n";
  for (const std::string& note : clock_notes(clock)) text += "  " + note + "\n";
}

/// Counted in one line each; what stands apart is told with its DUT above.
void add_comparisons(std::string& text, const RunDocument& document, const RunVerdict& verdict) {
  if (verdict.comparisons.empty()) return;
  text += "\nParts against their like (for review, never a fail):\n";
  for (const std::string& sentence : document.populations) text += "  " + sentence + "\n";
  for (const Comparison& comparison : verdict.comparisons) {
    const std::string of =
        comparison.population.empty() ? std::string(to_string(comparison.role)) : comparison.population;
    text += fmt::format("  {:<32} {:<14} {:>5} values  {}\n", comparison.measurement, of, comparison.n,
                        comparison.why_not.empty() ? fmt::format("{} for review", comparison.odd.size())
                                                   : "not compared: " + comparison.why_not);
  }
}

class TextReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "text"; }
  std::string_view extension() const override { return "txt"; }

  Result<std::string> render(const ReportInput& input) const override {
    const RunDocument document = make_document(input);
    const RunBegun& about = document.about;
    std::string text;
    if (const std::string warning = first_warning(input); !warning.empty()) text += warning + "\n\n";
    for (const auto& [place, undo] : document.failed_undos) {
      text += fmt::format("NOT UNDONE: {} ({}): {}\n\n", undo.undo, place, undo.message);
    }
    text += fmt::format("{}\n", decision_word(input));
    if (input.verdict.simulated) {
      text += fmt::format("SIMULATED RACK – NOT HARDWARE (physics {} times faster than real time)\n",
                          about.time_scale);
    }
    const Counts& counts = input.verdict.counts;
    text += fmt::format("measured {} of {} required; failed {}, marginal {}, waived {}, not run {}\n",
                        counts.measured, counts.required, counts.failed, counts.marginal, counts.waived,
                        counts.not_run);
    text += fmt::format("sign-off: {}{}\n", input.verdict.sign_off,
                        input.verdict.not_eligible_because.empty()
                            ? ""
                            : fmt::format(" ({})", fmt::join(input.verdict.not_eligible_because, "; ")));
    for (const std::string& why : input.verdict.sign_off_because) text += fmt::format("  {}\n", why);
    text += fmt::format("run {}  {}@{}  rack {}  {} – {}\n", input.run.id, about.recipe, about.recipe_version,
                        about.rack, format_utc(document.begun_utc_ns), format_utc(document.ended_utc_ns));
    text += fmt::format(
        "station {}, {}; limits revision {} ({})\n", about.station,
        about.operator_name.empty() ? "engineering run, no operator" : "operator " + about.operator_name,
        about.limits_revision, about.limits_sha256.substr(0, 12));
    if (!about.firmware_baseline.empty())
      text += fmt::format("firmware baseline {} ({})\n", about.firmware_baseline,
                          about.firmware_baseline_sha256.substr(0, 12));
    if (!about.interlock_rules.empty())
      text += fmt::format("interlock rules {} ({})\n", about.interlock_rules,
                          about.interlock_rules_sha256.substr(0, 12));
    for (const Instrument& instrument : about.instruments)
      text += fmt::format("instrument {}\n", calibration_sentence(instrument));
    for (const DocumentInterruption& item : document.interruptions) {
      text += "\n" + interruption_text(item.resumed) + "\n";
      for (const DocumentResumedSteps& step : item.steps) {
        text += fmt::format("  {:<28} {}: {} ({})\n", step.step, step.what, step.reason,
                            fmt::join(step.duts, " "));
      }
    }
    for (const std::string& who : about.approvals) text += who + "\n";
    add_reviews(text, input);
    const RunSafety safety = make_safety(input);
    if (!safety.empty()) {
      text += "\nSafety: " + safety_sentence(safety) + "\n";
      for (const std::string& item : safety.may_be_on) text += "  MAY BE ON " + item + "\n";
      for (const std::string& item : safety.wet) text += "  WET when it was read: " + item + "\n";
      const std::string policy = policy_sentence(safety);
      if (!policy.empty()) text += "  " + policy + "\n";
    }
    add_clock(text, input.bring_up);
    add_duts(text, input.verdict);
    add_comparisons(text, document, input.verdict);
    if (const std::string links = link_text(make_links(document, input.verdict)); !links.empty())
      text += "\nLinks: " + links;
    if (!document.retries.empty()) text += "\nAttempts repeated after an error:\n";
    for (const auto& [place, retried] : document.retries) {
      text += fmt::format("  {}: attempt {} after {} ({})\n", place, retried.next_attempt, retried.code,
                          retried.message);
    }
    if (!document.disturbances.empty()) text += "\nDisturbances (they say nothing about the hardware):\n";
    for (const auto& item : document.disturbances) {
      text += fmt::format("  {:<6} {} × {}: {}\n", item.dut, item.count, item.code, item.message);
    }
    text +=
        "\n" + (input.station_key.empty() ? "NOT SEALED: this station had no key to sign its reports with.\n"
                                          : verify_text(input.station_key, input.reviews.entries));
    text += fmt::format("\nRESULT unit={} recipe={}@{} verdict={} fail={} marginal={} notrun={} run={}\n",
                        about.rack, about.recipe, about.recipe_version, decision_word(input), counts.failed,
                        counts.marginal, counts.not_run, input.run.id);
    return text;
  }
};

}  // namespace

std::unique_ptr<ReportFormat> make_report_text() { return std::make_unique<TextReport>(); }

}  // namespace kiln
