#include "html/comparison_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "common/rack_links.h"
#include "html/escape.h"
#include "html/look.h"
#include "model/rack_comparison.h"
#include "model/robust_statistics.h"

namespace kiln {
namespace {

constexpr std::size_t kOddShown = 100;
constexpr std::size_t kLinksShown = 100;  // by name; the view above them has all

std::string figure(double value) { return std::isfinite(value) ? fmt::format("{:.5g}", value) : "–"; }

std::string words_of_role(Role role) {
  std::string words(to_string(role));
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

PageData comparison_row(const Comparison& comparison) {
  PageData row;
  row.set("class", comparison.odd.empty() ? (comparison.why_not.empty() ? "" : "incomplete") : "conditional");
  row.set("measurement", comparison.measurement);
  row.set("step", comparison.step);
  row.set("of", comparison.population.empty() ? words_of_role(comparison.role) + "s of this rack"
                                              : "population " + comparison.population);
  row.set("n", std::to_string(comparison.n));
  row.set("left_out", std::to_string(comparison.left_out));
  const bool compared = comparison.why_not.empty();
  const bool one_median = compared && comparison.population.empty();
  const std::string unit = comparison.unit == "1" ? "" : " " + comparison.unit;
  row.set("median", one_median ? figure(comparison.median) + unit : "–");
  row.set("sigma", one_median ? figure(comparison.sigma) : "–");
  row.set("cut", compared ? fmt::format("{:.1f}", comparison.cut) : "–");
  row.set("places", comparison.by_place ? "each place by itself" : "all together");
  row.set("result", !compared                ? "NOT COMPARED: " + comparison.why_not
                    : comparison.odd.empty() ? std::string("none stands apart")
                                             : fmt::format("▲ {} for REVIEW", comparison.odd.size()));
  return row;
}

void set_odd_ones(PageData& page, const RunVerdict& verdict) {
  PageData rows = page_list();
  std::size_t count = 0;
  for (const Comparison& comparison : verdict.comparisons) {
    for (const OddOne& odd : comparison.odd) {
      if (++count > kOddShown) continue;
      PageData row;
      row.set("dut", odd.dut);
      row.set("part", odd.part);
      row.set("message", odd.message);
      row.set("action", odd.action);
      rows.push_back(row);
    }
  }
  page.set("any_odd", count > 0);
  page.set("odd_ones", rows);
  page.set(
      "odd_more",
      page_text(count > kOddShown ? fmt::format("and {} more, in the JSON report", count - kOddShown) : ""));
}

/// One GPU's links: plain characters run together, marked ones in an element with their figures.
std::string gpu_cell(const std::vector<const RackLink*>& links) {
  std::string cell;
  for (const RackLink* link : links) {
    const std::string character = link_character(*link);
    const bool plain = link->mark == LinkMark::quiet || link->mark == LinkMark::rate;
    if (plain) {
      cell += character;
      continue;
    }
    const Look& look = look_of(link->mark == LinkMark::failed    ? Outcome::fail
                               : link->mark == LinkMark::unknown ? Outcome::unset
                                                                 : Outcome::marginal);
    cell += fmt::format("<b class=\"{}\" title=\"{}: {}\">{}</b>", look.css_class, escape_text(link->part),
                        escape_text(link_words(*link)), character);
  }
  return cell;
}

void set_links(PageData& page, const RackLinks& links) {
  PageData trays = page_list();
  PageData marked = page_list();
  std::size_t count = 0;
  for (const RackLinkTray& tray : links.trays) {
    PageData row;
    PageData gpus = page_list();
    std::vector<const RackLink*> of_gpu;
    const auto end_gpu = [&] {
      if (of_gpu.empty()) return;
      PageData gpu;
      gpu.set("gpu", of_gpu.front()->gpu);
      gpu.set("cell", gpu_cell(of_gpu));
      gpus.push_back(gpu);
      of_gpu.clear();
    };
    for (const RackLink& link : tray.links) {
      if (!of_gpu.empty() && of_gpu.back()->gpu != link.gpu) end_gpu();
      of_gpu.push_back(&link);
      const bool plain =
          link.mark == LinkMark::quiet || link.mark == LinkMark::rate || link.mark == LinkMark::unknown;
      if (plain || ++count > kLinksShown) continue;
      PageData named;
      named.set("class", link.mark == LinkMark::failed ? "no-go" : "conditional");
      named.set("dut", tray.dut);
      named.set("part", link.part);
      named.set("mark", fmt::format("{} {}", link_character(link), to_string(link.mark)));
      named.set("figures", link_words(link));
      named.set("what", link.what);
      marked.push_back(named);
    }
    end_gpu();
    row.set("dut", tray.dut);
    row.set("slot", tray.slot ? fmt::format("U{}", *tray.slot) : "–");
    row.set("gpus", gpus);
    trays.push_back(row);
  }
  page.set("any_link", !links.empty());
  page.set("link_words", link_summary(links));
  page.set("link_trays", trays);
  page.set("link_legend", fmt::format("{}", fmt::join(link_legend(), "; ")));
  page.set("any_marked_link", count > 0);
  page.set("marked_links", marked);
  page.set("marked_more",
           page_text(count > kLinksShown ? fmt::format("and {} more", count - kLinksShown) : ""));
}

}  // namespace

void set_comparison(PageData& page, const RunDocument& document, const RunVerdict& verdict) {
  PageData rows = page_list();
  for (const Comparison& comparison : verdict.comparisons) rows.push_back(comparison_row(comparison));
  page.set("any_comparison", !verdict.comparisons.empty());
  page.set("comparisons", rows);
  page.set(
      "comparison_words",
      fmt::format("A value is odd when it lies, in the bad direction, beyond the cut (in robust standard "
                  "deviations) and far enough to matter. It is for a person to review: it fails nothing "
                  "and excuses nothing. Below {} values nothing is compared. In a rack of healthy parts "
                  "the cut alone calls a value odd in about one of ten thousand comparisons.",
                  kLeastToCompare));
  PageData populations = page_list();
  for (const std::string& sentence : document.populations) {
    PageData one;
    one.set("text", sentence);
    populations.push_back(one);
  }
  page.set("populations", populations);
  set_odd_ones(page, verdict);
  set_links(page, make_links(document, verdict));
}

std::string review_words(const RunVerdict& verdict) {
  std::size_t count = 0;
  for (const Comparison& comparison : verdict.comparisons) count += comparison.odd.size();
  if (count == 0) return {};
  return fmt::format("▲ REVIEW: {} value{} from {} like, within {} limit{}", count,
                     count == 1 ? " stands apart" : "s stand apart", count == 1 ? "its" : "their",
                     count == 1 ? "its" : "their", count == 1 ? "" : "s");
}

}  // namespace kiln
