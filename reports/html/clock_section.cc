#include "html/clock_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/clock_rows.h"

namespace kiln {
namespace {

PageData texts_of_list(const std::vector<std::string>& sentences) {
  PageData list = page_list();
  for (const std::string& sentence : sentences) {
    PageData one;
    one.set("text", sentence);
    list.push_back(one);
  }
  return list;
}

}  // namespace

void set_clock(PageData& page, const BringUp& clock) {
  page.set(
      "clock_words",
      fmt::format(
          "{}{}: {} run{} on this station, up to this one.", clock.rack.empty() ? "The rack" : clock.rack,
          clock.formerly.empty() ? "" : fmt::format(" (formerly {})", fmt::join(clock.formerly, ", ")),
          clock.runs, clock.runs == 1 ? "" : "s"));
  PageData rows = page_list();
  for (const ClockRow& row : clock_rows(clock)) {
    PageData one;
    one.set("class", row.when == "not recorded" ? "incomplete" : "");
    one.set("what", row.what);
    one.set("when", row.when);
    one.set("after", row.after.empty() ? "–" : row.after);
    one.set("run", row.run);
    rows.push_back(one);
  }
  page.set("clock_rows", rows);
  PageData shares = page_list();
  for (const ClockShareRow& row : clock_shares(clock)) {
    PageData one;
    one.set("what", row.what);
    one.set("time", row.time);
    one.set("share", row.share);
    shares.push_back(one);
  }
  page.set("any_clock_share", clock.shares.has_value());
  page.set("clock_span", clock_span(clock));
  page.set("clock_shares", shares);
  page.set("clock_remarks", texts_of_list(clock.remarks));
  page.set("any_clock_note", !clock.notes.empty());
  page.set("clock_notes", texts_of_list(clock_notes(clock)));
}

}  // namespace kiln
