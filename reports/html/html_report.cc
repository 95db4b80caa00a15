// The report for people: one file, no script, nothing loaded from elsewhere. Page 1 answers the decision,
// why, which part and what to do; the rest is the evidence. Text goes through mustache, which escapes it with
// escape_text(); only drawings and the style sheet go in raw.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <kainjow/mustache.hpp>

#include "common/run_document.h"
#include "html/clock_section.h"
#include "html/comparison_section.h"
#include "html/elevation.h"
#include "html/escape.h"
#include "html/front_facts.h"
#include "html/html_page.h"
#include "html/look.h"
#include "html/measurement_section.h"
#include "html/page.h"
#include "html/page_sections.h"
#include "html/run_code.h"
#include "html/safety_section.h"
#include "html/style.h"
#include "model/interruption.h"

namespace kiln {
namespace {

constexpr std::size_t kCards = 3;       // reasons on page 1; A4 holds no more beside the rack
constexpr std::size_t kAlsoFailed = 4;  // failed parts in a line below them
constexpr std::size_t kCutCards = 3;
constexpr std::size_t kCardCharacters = 260;  // of one message on page 1; the table below has all of it

/// A reason with the DUT it is about.
struct PlacedReason {
  const DutVerdict* dut = nullptr;
  const Reason* reason = nullptr;
  std::string anchor;  ///< set on the first one of each DUT
};

/// The worst DUT first, inside a DUT as the verdict ordered them; each DUT's first reason goes before the
/// second ones, so that page 1 names as many DUTs as it can.
std::vector<PlacedReason> placed_reasons(const RunVerdict& verdict) {
  std::vector<const DutVerdict*> duts;
  for (const auto& dut : verdict.duts) {
    if (!dut.reasons.empty()) duts.push_back(&dut);
  }
  std::stable_sort(duts.begin(), duts.end(),
                   [](const DutVerdict* a, const DutVerdict* b) { return a->decision > b->decision; });
  std::vector<PlacedReason> placed;
  for (std::size_t index = 0; index < duts.size(); ++index)
    placed.push_back({duts[index], &duts[index]->reasons.front(), fmt::format("why-{}", index + 1)});
  for (const DutVerdict* dut : duts) {
    for (std::size_t index = 1; index < dut->reasons.size(); ++index)
      placed.push_back({dut, &dut->reasons[index], ""});
  }
  if (placed.size() <= kCards) {  // all of them fit: keep those of a DUT together
    std::stable_sort(placed.begin(), placed.end(), [&duts](const PlacedReason& a, const PlacedReason& b) {
      return std::find(duts.begin(), duts.end(), a.dut) < std::find(duts.begin(), duts.end(), b.dut);
    });
  } else {  // what failed is what somebody can mend
    std::stable_partition(placed.begin(), placed.end(),
                          [](const PlacedReason& one) { return one.reason->outcome == Outcome::fail; });
  }
  return placed;
}

const char* class_of(const Reason& reason) {
  switch (reason.outcome) {
    case Outcome::fail:
      return "no-go";
    case Outcome::marginal:
    case Outcome::pass:  // a retest that passed
      return "conditional";
    default:
      return "incomplete";
  }
}

PageData reason_data(const PlacedReason& placed, const RunDocument& document, bool in_full,
                     bool with_anchor) {
  const Reason& reason = *placed.reason;
  PageData row;
  row.set("class", class_of(reason));
  row.set("anchor", page_text(with_anchor ? placed.anchor : ""));
  row.set("dut", placed.dut->id);
  row.set("fru", page_text(reason.fru));
  row.set("where", shorten(part_words(*placed.dut, reason.fru, document), kCardCharacters));
  row.set("code", reason.code);
  row.set("message", in_full ? reason.message : shorten(reason.message, kCardCharacters));
  row.set("cells", page_text(reason.cells > 1 ? fmt::format("{} checks", reason.cells) : ""));
  row.set("no_action", reason.action.empty() && reason.outcome != Outcome::pass);
  row.set("action", page_text(in_full ? reason.action : shorten(reason.action, kCardCharacters)));
  return row;
}

/// Parts with a fail that no card is about: each once, with what to do.
void set_also_failed(PageData& page, const std::vector<PlacedReason>& placed) {
  std::set<std::pair<const DutVerdict*, std::string>> told;
  PageData also = page_list();
  std::size_t shown = 0, left = 0;
  for (std::size_t index = 0; index < placed.size(); ++index) {
    const PlacedReason& one = placed[index];
    const bool is_new = told.emplace(one.dut, one.reason->fru).second;
    if (index < kCards || !is_new || one.reason->outcome != Outcome::fail || !one.reason->waiver.empty())
      continue;
    if (shown == kAlsoFailed) {
      ++left;
      continue;
    }
    PageData row;
    row.set("where", shorten(one.dut->id + (one.reason->fru.empty() ? "" : " · " + one.reason->fru), 60));
    row.set("code", one.reason->code);
    row.set("action", page_text(shorten(one.reason->action, 90)));
    also.push_back(row);
    ++shown;
  }
  page.set("any_also", shown > 0);
  page.set("also_failed", also);
  page.set("also_more",
           page_text(left > 0 ? fmt::format("and {} more part{}", left, left > 1 ? "s" : "") : ""));
}

/// DUT → anchor of its first reason.
std::map<std::string, std::string> set_reasons(PageData& page, const RunVerdict& verdict,
                                               const RunDocument& document) {
  const std::vector<PlacedReason> placed = placed_reasons(verdict);
  std::map<std::string, std::string> anchors;
  PageData cards = page_list();
  PageData all = page_list();
  bool shortened = placed.size() > kCards;
  for (std::size_t index = 0; index < placed.size(); ++index) {
    const bool on_page_1 = index < kCards;
    const Reason& reason = *placed[index].reason;
    if (!placed[index].anchor.empty()) anchors[placed[index].dut->id] = placed[index].anchor;
    if (on_page_1) {
      PageData card = reason_data(placed[index], document, false, true);
      // Three reasons at one part are one part to mend: its numbers stand once.
      const bool again = index > 0 && placed[index - 1].dut == placed[index].dut &&
                         placed[index - 1].reason->fru == reason.fru;
      if (again)
        card.set("where", fmt::format("{}{}, the same part", placed[index].dut->id,
                                      reason.fru.empty() ? "" : " · " + shorten(reason.fru, 60)));
      cards.push_back(card);
    }
    if (count_characters(reason.message) > kCardCharacters ||
        count_characters(reason.action) > kCardCharacters)
      shortened = true;
    all.push_back(reason_data(placed[index], document, true, !on_page_1));
  }
  page.set("cards", cards);
  page.set("all_reasons_shown", shortened);
  page.set("all_reasons", all);
  set_also_failed(page, placed);
  std::string more;
  if (placed.size() > kCards)
    more = fmt::format("{} more reason{}, on {} DUT{} in all: table “Every reason in full” behind this page",
                       placed.size() - kCards, placed.size() - kCards > 1 ? "s" : "", anchors.size(),
                       anchors.size() > 1 ? "s" : "");
  else if (shortened)
    more = "Whole texts: table “Every reason in full” behind this page";
  page.set("more_reasons", page_text(more));
  return anchors;
}

/// What steps found out beside their values, of every DUT and of the rack.
void set_diagnoses(PageData& page, const RunVerdict& verdict) {
  PageData all = page_list();
  std::size_t count = 0;
  for (const auto& dut : verdict.duts) {
    for (const Diagnosed& found : dut.diagnoses) {
      if (found.code == kOddOneCode) continue;  // in the section of comparisons
      PageData row;
      row.set("dut", dut.id);
      row.set("fru", found.part);
      row.set("code", found.code);
      row.set("message", found.message);
      row.set("action", found.action);
      all.push_back(row);
      ++count;
    }
  }
  page.set("any_diagnosis", count > 0);
  page.set("diagnoses", all);
}

void set_cuts(PageData& page, const RunVerdict& verdict) {
  PageData cards = page_list();
  PageData all = page_list();
  std::size_t count = 0;
  for (const auto& dut : verdict.duts) {
    for (const auto& cut : dut.interlocks) {
      PageData row;
      row.set("dut", dut.id);
      row.set("cause", cut.cause);
      row.set("part", cut.part);
      row.set("message", cut.message);
      row.set("load", after_text(cut.detected_ns, cut.load_stopped_ns));
      row.set("off", after_text(cut.detected_ns, cut.off_confirmed_ns));
      all.push_back(row);
      row.set("message", shorten(cut.message, kCardCharacters));
      if (++count <= kCutCards) cards.push_back(row);
    }
  }
  page.set("cut_cards", cards);
  page.set("more_cuts",
           page_text(count > kCutCards ? fmt::format("and {} more cuts, see below", count - kCutCards) : ""));
  page.set("any_energy_cut", count > 0);
  page.set("all_cuts", all);
}

void set_counts(PageData& item, const Counts& counts) {
  item.set("required", std::to_string(counts.required));
  item.set("measured", std::to_string(counts.measured));
  item.set("failed", std::to_string(counts.failed));
  item.set("marginal", std::to_string(counts.marginal));
  item.set("waived", std::to_string(counts.waived));
  item.set("not_run", std::to_string(counts.not_run));
}

std::string role_words(Role role) {
  std::string words(to_string(role));
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

void set_duts(PageData& page, const RunVerdict& verdict) {
  PageData rows = page_list();
  std::map<Role, std::pair<int, Counts>> by_role;
  for (const auto& dut : verdict.duts) {
    const std::string decision = verdict.decision ? std::string(to_string(dut.decision)) : "SURVEY";
    const Look& look = look_of(decision);
    PageData row;
    row.set("id", dut.id);
    row.set("role", role_words(dut.role));
    row.set("slot", dut.slot ? fmt::format("U{}", *dut.slot) : "–");
    row.set("decision", decision);
    row.set("glyph", look.glyph);
    row.set("class", look.css_class);
    row.set("disturbances", std::to_string(dut.disturbances));
    set_counts(row, dut.counts);
    rows.push_back(row);
    auto& [count, counts] = by_role[dut.role];
    ++count;
    counts += dut.counts;
  }
  PageData roles = page_list();
  for (const auto& [role, tally] : by_role) {
    PageData row;
    row.set("role", role_words(role));
    row.set("duts", std::to_string(tally.first));
    set_counts(row, tally.second);
    roles.push_back(row);
  }
  page.set("duts", rows);
  page.set("no_dut", verdict.duts.empty());
  page.set("any_role", !verdict.duts.empty());
  page.set("roles", roles);
}

void set_head(PageData& page, const ReportInput& input, const RunDocument& document) {
  const std::string decision = decision_word(input);
  const Look& look = look_of(decision);
  page.set("style", kStyle);
  page.set("patterns", look_patterns());
  page.set("page_foot", plain_word(input.run.id));
  page.set("warning", first_warning(input));
  page.set("has_warning", !first_warning(input).empty());
  page.set("decision", decision);
  page.set("class", look.css_class);
  page.set("glyph", look.glyph);
  page.set("simulated", input.verdict.simulated);
  page.set("run", input.run.id);
  page.set("purpose", document.about.purpose.empty() ? "run" : document.about.purpose);
  page.set("rack", document.about.rack.empty() ? "not recorded" : document.about.rack);
  set_counts(page, input.verdict.counts);

  int disturbed = 0;
  for (const auto& item : document.disturbances) disturbed += item.count;
  page.set("disturbance_count", std::to_string(disturbed));
  std::string disturbances;
  if (disturbed > 0) {
    const DocumentDisturbance& first = document.disturbances.front();
    disturbances = fmt::format("Disturbed {} times, which says nothing about the hardware: {} {}{}",
                               disturbed, first.dut, shorten(first.code, 60),
                               document.disturbances.size() > 1
                                   ? fmt::format(" and {} other kinds", document.disturbances.size() - 1)
                                   : "");
  }
  page.set("disturbance_words", page_text(disturbances));
  const auto passed_later = std::count_if(document.sticky_fails.begin(), document.sticky_fails.end(),
                                          [](const DocumentStickyFail& item) { return item.passed_later; });
  page.set("sticky_words",
           page_text(passed_later == 0
                         ? ""
                         : fmt::format("{} checks failed and passed later: they stay failed", passed_later)));
  const bool any_reason = std::any_of(input.verdict.duts.begin(), input.verdict.duts.end(),
                                      [](const DutVerdict& dut) { return !dut.reasons.empty(); });
  std::string nothing_wrong;
  if (input.events.events.empty()) {
    nothing_wrong =
        "The record holds no event: nothing is known about any part, so nothing may be concluded.";
  } else if (!input.verdict.decision) {
    nothing_wrong = "A survey reads and decides nothing.";
  } else if (!any_reason && *input.verdict.decision == Decision::go) {
    nothing_wrong =
        fmt::format("All {} required checks were measured and none failed.{}", input.verdict.counts.required,
                    review_words(input.verdict).empty() ? " No action is needed." : "");
  } else if (!any_reason) {
    nothing_wrong = "The record gives no reason on any DUT: see the warning above and the counts.";
  }
  page.set("nothing_wrong", page_text(nothing_wrong));
  page.set("review_words", page_text(review_words(input.verdict)));

  PageData interruptions = page_list();
  for (const DocumentInterruption& item : document.interruptions) {
    PageData steps = page_list();
    for (const DocumentResumedSteps& step : item.steps) {
      PageData row;
      row.set("step", step.step);
      row.set("what", step.what);
      row.set("reason", step.reason);
      row.set("duts", fmt::format("{}", fmt::join(step.duts, " ")));
      steps.push_back(row);
    }
    PageData one;
    one.set("text", interruption_text(item.resumed));
    one.set("steps", steps);
    interruptions.push_back(one);
  }
  page.set("any_interruption", !document.interruptions.empty());
  page.set("interruptions", interruptions);

  PageData undos = page_list();
  for (const auto& [place, undo] : document.failed_undos) {
    PageData row;
    row.set("name", place);
    row.set("value", undo.undo + ": " + undo.message);
    undos.push_back(row);
  }
  page.set("any_failed_undo", !document.failed_undos.empty());
  page.set("failed_undos", undos);
}

class HtmlReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "html"; }
  std::string_view extension() const override { return "html"; }
  Result<std::string> render(const ReportInput& input) const override {
    return render_page(input, PageUse::screen);
  }
};

}  // namespace

Result<std::string> render_page(const ReportInput& input, PageUse use) {
  const RunDocument document = make_document(input);
  PageData page;
  set_head(page, input, document);
  set_front_facts(page, input, document);
  const std::map<std::string, std::string> anchors = set_reasons(page, input.verdict, document);
  page.set("elevation", draw_elevation(input.verdict, anchors));
  page.set("run_code", draw_run_code(input));
  set_diagnoses(page, input.verdict);
  set_cuts(page, input.verdict);
  set_safety(page, input);
  set_clock(page, input.bring_up);
  set_duts(page, input.verdict);
  set_attempts(page, document);
  set_drawings(page, document, use);
  set_comparison(page, document, input.verdict);
  set_measurements(page, document, use);
  set_record(page, input, document);
  kainjow::mustache::mustache page_template(kPage);
  page_template.set_custom_escape([](const std::string& text) { return escape_text(text); });
  if (!page_template.is_valid()) {
    return Error("report.template", "the page's template is not valid: " + page_template.error_message(), "",
                 Blame::station);
  }
  const Status drawn = document.source->failure();
  if (!drawn) return drawn.error();
  return page_template.render(page);
}

std::unique_ptr<ReportFormat> make_report_html() { return std::make_unique<HtmlReport>(); }

}  // namespace kiln
