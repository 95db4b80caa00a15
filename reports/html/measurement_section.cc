#include "html/measurement_section.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "html/look.h"

namespace kiln {
namespace {

constexpr std::size_t kPrintedRows = 600;  // about 15 sheets; more are printed only where opened
constexpr std::size_t kOpenRows = 60;      // a group with something bad stands open up to this length

using LimitKey = std::tuple<std::string, std::string, std::string, int>;  // name, limit, origin, revision

/// Numbers the limits as rows refer to them.
class LimitRegister {
 public:
  std::size_t number_of(const Measured& measured) {
    const LimitKey key{measured.name, measured.limit_text, measured.limit_source, measured.limits_revision};
    const auto [found, is_new] = known_.try_emplace(key, order_.size());
    if (is_new) order_.push_back({key, 0});
    ++order_[found->second].second;
    return found->second + 1;
  }
  [[nodiscard]] PageData rows() const {
    PageData list = page_list();
    for (std::size_t index = 0; index < order_.size(); ++index) {
      const auto& [name, limit, origin, revision] = order_[index].first;
      PageData row;
      row.set("number", std::to_string(index + 1));
      row.set("name", name);
      row.set("limit", limit);
      row.set("origin", origin);
      row.set("revision", std::to_string(revision));
      row.set("uses", std::to_string(order_[index].second));
      list.push_back(row);
    }
    return list;
  }
  [[nodiscard]] bool empty() const { return order_.empty(); }

 private:
  std::map<LimitKey, std::size_t> known_;
  std::vector<std::pair<LimitKey, int>> order_;
};

std::string margin_text(const Measured& measured) {
  return measured.margin_percent ? fmt::format("{:+.1f} %", *measured.margin_percent) : "";
}

PageData measurement_row(const DocumentMeasurement& entry, bool sticky, LimitRegister& limits) {
  const Measured& measured = entry.measured;
  PageData row;
  const Look& look = look_of(measured.outcome);
  const bool is_quiet = measured.outcome == Outcome::pass || measured.outcome == Outcome::informational;
  row.set("class", page_text(is_quiet && !sticky ? "" : sticky ? "no-go" : look.css_class));
  row.set("part", measured.part.empty() ? entry.dut : measured.part);
  row.set("name", measured.name);
  row.set("value", value_text(measured));
  row.set("limit", page_text(measured.limit_text));
  row.set("limit_number", measured.limit_text.empty() ? "" : std::to_string(limits.number_of(measured)));
  row.set("margin", margin_text(measured));
  row.set("outcome", fmt::format("{} {}{}", look.glyph, to_string(measured.outcome),
                                 sticky ? ", but failed before" : ""));
  row.set("attempt", attempt_text(entry.iteration, entry.attempt));
  row.set("source", measured.source.kind + " " + measured.source.detail);
  row.set("reason", measured.reason);
  return row;
}

/// Rows of one DUT and step, in order of first appearance.
struct Group {
  std::string dut, step;
  std::vector<std::size_t> rows;
  std::size_t bad = 0;
};

std::vector<Group> grouped(const RunDocument& document) {
  std::map<std::pair<std::string, std::string>, std::size_t> known;
  std::vector<Group> groups;
  for (std::size_t index = 0; index < document.measurements.size(); ++index) {
    const DocumentMeasurement& entry = document.measurements[index];
    const auto [found, is_new] = known.try_emplace({entry.dut, entry.step}, groups.size());
    if (is_new) groups.push_back({entry.dut, entry.step, {}, 0});
    Group& group = groups[found->second];
    group.rows.push_back(index);
    const Outcome outcome = entry.measured.outcome;
    if (outcome == Outcome::fail || outcome == Outcome::unset || outcome == Outcome::skipped) ++group.bad;
  }
  return groups;
}

}  // namespace

void set_measurements(PageData& page, const RunDocument& document, PageUse use) {
  std::set<std::size_t> passed_after_fail;
  for (const auto& item : document.sticky_fails) {
    bool failed = false;
    for (const std::size_t index : item.measurements) {
      const Outcome outcome = document.measurements[index].measured.outcome;
      if (failed && (outcome == Outcome::pass || outcome == Outcome::marginal))
        passed_after_fail.insert(index);
      if (outcome == Outcome::fail) failed = true;
    }
  }
  const std::size_t count = document.measurements.size();
  const bool all_printed = count <= kPrintedRows;
  LimitRegister limits;
  PageData groups = page_list();
  for (const auto& group : grouped(document)) {
    const bool is_open = group.bad != 0 && group.rows.size() <= kOpenRows;
    PageData rows = page_list();
    for (const std::size_t index : group.rows) {
      PageData row =
          measurement_row(document.measurements[index], passed_after_fail.count(index) != 0, limits);
      if (use == PageUse::screen || is_open || all_printed) rows.push_back(std::move(row));
    }
    PageData item;
    item.set("dut", group.dut.empty() ? "the run" : group.dut);
    item.set("step", group.step);
    item.set("tally", group.bad == 0
                          ? fmt::format("{} measurements", group.rows.size())
                          : fmt::format("{} measurements, {} not good", group.rows.size(), group.bad));
    item.set("open", is_open);
    item.set("rows", std::move(rows));
    groups.push_back(std::move(item));
  }
  page.set("groups", std::move(groups));
  page.set("rows_words",
           fmt::format("{} values with the limit that judged them and where each was read. The margin is "
                       "the distance to the nearest limit in percent of it; negative is beyond it.",
                       count));
  page.set("body_class", all_printed ? "print-all" : "");
  page.set(
      "not_printed",
      page_text(all_printed
                    ? ""
                    : fmt::format(
                          "Closed sections are not printed: {} values would fill too many sheets. They stand "
                          "in report.html, where what is opened is printed, and in report.json.",
                          count)));
  page.set("any_limit", !limits.empty());
  page.set("limits", limits.rows());
}

}  // namespace kiln
