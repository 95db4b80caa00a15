#include "html/measurement_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
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

constexpr std::size_t kSingleRows = 8000;  // some 2 MB of page; beyond, like values share a row
constexpr std::size_t kSingleBad = 2000;   // what is not good keeps a row of its own up to this many

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

bool is_quiet(Outcome outcome) { return outcome == Outcome::pass || outcome == Outcome::informational; }

std::string part_of(const DocumentMeasurement& entry) {
  return entry.measured.part.empty() ? entry.dut : entry.measured.part;
}

PageData measurement_row(const DocumentMeasurement& entry, bool sticky, LimitRegister& limits) {
  const Measured& measured = entry.measured;
  PageData row;
  const Look& look = look_of(measured.outcome);
  row.set("class", page_text(is_quiet(measured.outcome) && !sticky ? "" : sticky ? "no-go" : look.css_class));
  row.set("part", part_of(entry));
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

/// "/redfish/v1/Chassis/…": what all of them begin with, up to a slash.
std::string common_beginning(const std::string& one, const std::string& other) {
  const auto end = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first;
  const std::size_t slash = one.substr(0, static_cast<std::size_t>(end - one.begin())).rfind('/');
  return slash == std::string::npos ? "" : one.substr(0, slash + 1);
}

/// "GPU_0/NVLink_0…17, GPU_1/NVLink_0…17": all parts, those that are counted through as a range.
std::string part_ranges(const RunDocument& document, const std::vector<std::size_t>& like) {
  std::string text, stem;
  long from = 0, last = 0;
  const auto put = [&] {
    if (stem.empty()) return;
    text += text.empty() ? "" : ", ";
    text += from == last ? fmt::format("{}{}", stem, from) : fmt::format("{}{}…{}", stem, from, last);
    stem.clear();
  };
  for (const std::size_t index : like) {
    const std::string part = part_of(document.measurements[index]);
    const std::size_t digits = part.find_last_not_of("0123456789") + 1;  // npos + 1 is 0
    const std::string number = part.substr(digits);
    const bool is_counted =
        !number.empty() && number.size() < 10 && digits > 0 && (number == "0" || number[0] != '0');
    const long value = is_counted ? std::stol(number) : 0;
    if (is_counted && part.substr(0, digits) == stem && value == last + 1) {
      last = value;
      continue;
    }
    put();
    if (is_counted) {
      stem = part.substr(0, digits);
      from = last = value;
    } else {
      text += (text.empty() ? "" : ", ") + part;
    }
  }
  put();
  return text;
}

/// One row for values that differ in part, value and margin only. All parts and values stand in it.
PageData row_of_like(const RunDocument& document, const std::vector<std::size_t>& like,
                     LimitRegister& limits) {
  const DocumentMeasurement& first = document.measurements[like.front()];
  PageData row = measurement_row(first, false, limits);
  if (like.size() == 1) return row;
  const Measured* lowest = nullptr;
  const Measured* highest = nullptr;
  const Measured* nearest = nullptr;  // to its limit
  std::size_t numbers = 0;
  std::set<std::string> values;
  std::string each;
  std::string source = first.measured.source.detail;
  for (const std::size_t index : like) {
    const Measured& measured = document.measurements[index].measured;
    if (index != like.front() && !measured.limit_text.empty()) limits.number_of(measured);
    const std::optional<double> number = as_number(measured.value);
    if (number && !std::isnan(*number)) {
      ++numbers;
      if (lowest == nullptr || *number < *as_number(lowest->value)) lowest = &measured;
      if (highest == nullptr || *number > *as_number(highest->value)) highest = &measured;
    }
    if (measured.margin_percent &&
        (nearest == nullptr || *measured.margin_percent < *nearest->margin_percent))
      nearest = &measured;
    values.insert(value_text(measured));
    each += fmt::format("{}{} {}", each.empty() ? "" : " · ", part_of(document.measurements[index]),
                        to_text(measured.value));
    if (measured.source.detail != source) source = common_beginning(source, measured.source.detail);
  }
  row.set("part", values.size() == 1 ? fmt::format("{} values: {}", like.size(), part_ranges(document, like))
                                     : fmt::format("{} values: {} … {}", like.size(), part_of(first),
                                                   part_of(document.measurements[like.back()])));
  if (values.size() == 1) {
    row.set("value", "each " + *values.begin());
  } else if (lowest != nullptr) {
    row.set("value",
            fmt::format(
                "{} to {}{}", to_text(lowest->value), value_text(*highest),
                numbers == like.size() ? "" : fmt::format(", {} without a number", like.size() - numbers)));
  } else {
    row.set("value", fmt::format("{} different", values.size()));
  }
  if (nearest != nullptr) row.set("margin", "least " + margin_text(*nearest));
  if (source != first.measured.source.detail) source += "…";
  row.set("source", first.measured.source.kind + " " + source);
  const std::string& reason = first.measured.reason;
  row.set("reason", values.size() == 1 ? reason : reason.empty() ? each : reason + " – " + each);
  return row;
}

/// Rows of one DUT and step, in order of first appearance.
struct Group {
  std::string dut, step;
  std::vector<std::size_t> rows;
  std::size_t bad = 0;
};

/// What values must have in common to be alike.
using LikeKey = std::tuple<std::string, std::string, std::string, std::string, int, Outcome, std::string,
                           std::string, int, int>;

LikeKey like_key(const DocumentMeasurement& entry) {
  const Measured& measured = entry.measured;
  return {measured.name,
          measured.unit,
          measured.limit_text,
          measured.limit_source,
          measured.limits_revision,
          measured.outcome,
          measured.source.kind,
          measured.reason,
          entry.iteration,
          entry.attempt};
}

/// Decides which values share a row, over the whole page.
class RowShare {
 public:
  RowShare(const RunDocument& document, const std::set<std::size_t>& passed_after_fail)
      : document_(document),
        passed_after_fail_(passed_after_fail),
        shares_(document.measurements.size() > kSingleRows) {}

  /// The values of each row, in the order in which their first appeared.
  std::vector<std::vector<std::size_t>> rows_of(const std::vector<std::size_t>& group) {
    std::vector<std::vector<std::size_t>> rows;
    std::map<LikeKey, std::size_t> known;
    for (const std::size_t index : group) {
      const DocumentMeasurement& entry = document_.measurements[index];
      const bool is_bad = !is_quiet(entry.measured.outcome);
      const bool stands_alone =
          !shares_ || passed_after_fail_.contains(index) || (is_bad && bad_++ < kSingleBad);
      if (!stands_alone) {
        const auto [found, is_new] = known.try_emplace(like_key(entry), rows.size());
        if (!is_new) {
          rows[found->second].push_back(index);
          continue;
        }
      }
      rows.push_back({index});
    }
    return rows;
  }
  [[nodiscard]] bool shares() const { return shares_; }

 private:
  const RunDocument& document_;
  const std::set<std::size_t>& passed_after_fail_;
  bool shares_ = false;
  std::size_t bad_ = 0;
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
  RowShare share(document, passed_after_fail);
  PageData groups = page_list();
  for (const auto& group : grouped(document)) {
    const std::vector<std::vector<std::size_t>> shared = share.rows_of(group.rows);
    const bool is_open = group.bad != 0 && shared.size() <= kOpenRows;
    PageData rows = page_list();
    for (const std::vector<std::size_t>& like : shared) {
      PageData row = passed_after_fail.contains(like.front())
                         ? measurement_row(document.measurements[like.front()], true, limits)
                         : row_of_like(document, like, limits);
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
                       "the distance to the nearest limit in percent of it; negative is beyond it.{}",
                       count,
                       share.shares() ? " Of one DUT and step, values that differ in nothing else share a "
                                        "row: report.json has each of them whole."
                                      : ""));
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
