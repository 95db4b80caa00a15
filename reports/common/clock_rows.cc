#include "common/clock_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"

namespace kiln {
namespace {

constexpr const char* kNotRecorded = "not recorded";

/// Whole seconds; what is shorter in milliseconds.
std::string span_text(std::int64_t ns) {
  constexpr std::int64_t kSecond = 1'000'000'000, kMillisecond = 1'000'000;
  const std::int64_t step = ns < 10 * kSecond ? kMillisecond : kSecond;
  return format_duration(Nanoseconds(ns / step * step));
}

ClockRow row_of(const BringUp& clock, std::string what, const std::optional<ClockMilestone>& milestone) {
  ClockRow row{std::move(what), kNotRecorded, "", ""};
  if (!milestone) return row;
  row.when = format_utc(milestone->at_utc_ns);
  row.run = milestone->run;
  if (const std::optional<std::int64_t> since = clock.since_arrival(milestone)) row.after = span_text(*since);
  return row;
}

std::string what_words(RackNote::What what) {
  switch (what) {
    case RackNote::What::arrived:
      return "arrived";
    case RackNote::What::waits_for_parts:
      return "waits for parts";
    case RackNote::What::waits_for_plant:
      return "waits for the plant";
    case RackNote::What::waits_for_people:
      return "waits for people";
    case RackNote::What::goes_on:
      return "goes on";
  }
  return "?";
}

}  // namespace

std::vector<ClockRow> clock_rows(const BringUp& clock) {
  std::vector<ClockRow> rows;
  ClockRow arrived{"arrived", kNotRecorded, "", ""};
  if (clock.arrived) {
    arrived.when = format_utc(clock.arrived->at_utc_ns);
    arrived.run = "noted by " + clock.arrived->by;
  }
  rows.push_back(std::move(arrived));
  rows.push_back(row_of(clock, "first run begun", clock.first_run));
  // Where its moment puts it; at the end of the phases when nobody knows.
  bool powered = !clock.powered;
  for (const ClockMilestone& phase : clock.phases) {
    if (!powered && clock.powered->at_utc_ns <= phase.at_utc_ns) {
      rows.push_back(row_of(clock, "first powered", clock.powered));
      powered = true;
    }
    rows.push_back(row_of(clock, "passed " + phase.what, phase));
  }
  if (!powered || !clock.powered) rows.push_back(row_of(clock, "first powered", clock.powered));
  rows.push_back(row_of(clock, "first token", clock.first_token));
  return rows;
}

std::vector<ClockShareRow> clock_shares(const BringUp& clock) {
  std::vector<ClockShareRow> rows;
  if (!clock.shares) return rows;
  const auto total = static_cast<double>(clock.shares->total());
  const auto add = [&](const char* what, std::int64_t ns) {
    rows.push_back({what, span_text(ns),
                    total > 0 ? fmt::format("{:.0f} %", 100 * static_cast<double>(ns) / total) : ""});
  };
  add("tests running", clock.shares->tests_ns);
  add("people: an open question, or somebody waited for", clock.shares->people_ns);
  add("parts, as noted", clock.shares->parts_ns);
  add("plant, as noted", clock.shares->plant_ns);
  add("nobody working, as far as is recorded", clock.shares->nobody_ns);
  add("in all", clock.shares->total());
  return rows;
}

std::string clock_span(const BringUp& clock) {
  if (!clock.shares) return "";
  const bool from_arrival = clock.arrived && clock.begins_utc_ns == clock.arrived->at_utc_ns;
  return fmt::format(
      "from {} to {}",
      from_arrival    ? "its arrival"
      : clock.arrived ? "its first run"
                      : "its first run (its arrival is not recorded)",
      clock.first_token ? "its first token" : "the end of its last run (there was no first token yet)");
}

std::vector<std::string> clock_notes(const BringUp& clock) {
  std::vector<std::string> sentences;
  for (const RackNote& note : clock.notes) {
    sentences.push_back(fmt::format("{}: {} {} (noted {} by {} at {})", format_utc(note.at_utc_ns), note.rack,
                                    what_words(note.what), format_utc(note.noted_utc_ns), note.by,
                                    note.station));
  }
  return sentences;
}

}  // namespace kiln
