#include "html/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "html/chart.h"
#include "html/escape.h"
#include "html/look.h"

namespace kiln {
namespace {

constexpr double kTimelineWidth = 720;
constexpr double kNames = 200;   // of the column of names, on the left
constexpr double kStatus = 106;  // of the column of words, on the right
constexpr double kRow = 15;
constexpr double kTop = 22;

/// One line of the picture: a step's attempts of the same number, over all its iterations.
struct Row {
  std::string step;
  int attempt = 1;
  bool monitor = false;
  std::vector<const DocumentStep*> bars;
};

int badness(WorkStatus status) {
  switch (status) {
    case WorkStatus::interlocked:
      return 4;
    case WorkStatus::error:
      return 3;
    case WorkStatus::aborted:
      return 2;
    case WorkStatus::skipped:
      return 1;
    case WorkStatus::complete:
      return 0;
  }
  return 3;
}

const DocumentStep& worst_of(const Row& row) {
  return **std::max_element(row.bars.begin(), row.bars.end(),
                            [](const DocumentStep* a, const DocumentStep* b) {
                              return badness(a->ended.status) < badness(b->ended.status);
                            });
}

/// Steps in order of beginning, monitors after them: they run beside everything.
std::vector<Row> rows_of(const std::vector<const DocumentStep*>& steps) {
  std::map<std::tuple<bool, std::string, int>, std::size_t> known;
  std::vector<Row> rows;
  for (const bool monitors : {false, true}) {
    for (const DocumentStep* step : steps) {
      if (step->monitor != monitors) continue;
      const auto [found, is_new] = known.try_emplace({monitors, step->step, step->attempt}, rows.size());
      if (is_new) rows.push_back({step->step, step->attempt, monitors, {}});
      rows[found->second].bars.push_back(step);
    }
  }
  return rows;
}

std::string draw_bar(const RunDocument& document, const DocumentStep& step, const Frame& frame, double y,
                     bool thin) {
  const Look& look = look_of(step.ended.status);
  const std::string why =
      step.ended.code.empty() ? "" : fmt::format(", {}: {}", step.ended.code, step.ended.message);
  const double height = thin ? 5 : kRow - 4;
  const double top = y + (kRow - height) / 2;
  if (step.begun_ns == 0) {  // it never began: a mark where the record says so
    return fmt::format(
        "<circle class=\"bar {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"#fff\" stroke=\"{}\"><title>{}{}"
        "</title></circle>",
        look.css_class,
        frame.x(std::clamp(seconds_into(document, step.ended_ns), frame.time.low, frame.time.high)),
        y + kRow / 2, look.colour, to_string(step.ended.status), escape_text(why));
  }
  const std::int64_t end = step.ended_ns == 0 ? document.ended_ns : step.ended_ns;
  const double x = frame.x(seconds_into(document, step.begun_ns));
  const double width = std::max(2.0, frame.x(seconds_into(document, end)) - x);
  return fmt::format(
      "<rect class=\"bar {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
      "stroke=\"{}\"{}><title>{}, {:.2f} s, begun {:.2f} s into the run{}</title></rect>",
      look.css_class, x, top, width, height, look.badge, look.colour,
      step.ended.status == WorkStatus::error ? " stroke-dasharray=\"3 2\"" : "", to_string(step.ended.status),
      static_cast<double>(end - step.begun_ns) / 1e9, seconds_into(document, step.begun_ns),
      escape_text(why));
}

std::string draw_row(const RunDocument& document, const Row& row, const Frame& frame, double y) {
  const DocumentStep& worst = worst_of(row);
  const Look& look = look_of(worst.ended.status);
  std::string name = row.step;
  if (row.attempt > 1) name += fmt::format(", attempt {}", row.attempt);
  std::string drawing =
      fmt::format("<text x=\"2\" y=\"{:.1f}\"{}>{}<title>{}</title></text>", y + 11,
                  row.monitor ? " fill=\"#555\"" : "", escape_text(shorten(name, 34)), escape_text(name));
  for (const DocumentStep* step : row.bars) drawing += draw_bar(document, *step, frame, y, row.monitor);
  std::string word(to_string(worst.ended.status));
  if (row.bars.size() > 1) {
    const auto same = std::count_if(row.bars.begin(), row.bars.end(), [&worst](const DocumentStep* step) {
      return step->ended.status == worst.ended.status;
    });
    word = fmt::format("{} of {} {}", same, row.bars.size(), word);
  }
  const bool good = worst.ended.status == WorkStatus::complete;
  drawing += fmt::format("<text class=\"status\" x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\"{}>{} {}</text>",
                         kTimelineWidth - kStatus + 6, y + 11, good ? "#444" : look.ink,
                         good ? "" : " font-weight=\"700\"", look.glyph, word);
  return drawing;
}

std::string summary_of(const std::vector<Row>& rows, bool& all_complete) {
  std::map<WorkStatus, int> tally;
  int bars = 0;
  for (const auto& row : rows) {
    for (const DocumentStep* step : row.bars) {
      ++bars;
      ++tally[step->ended.status];
    }
  }
  all_complete = tally[WorkStatus::complete] == bars;
  if (all_complete) return fmt::format("{} step runs, all complete", bars);
  std::string words;
  for (const auto& [status, count] : tally) {
    if (count > 0) words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, to_string(status));
  }
  return fmt::format("{} step runs: {}", bars, words);
}

}  // namespace

std::vector<Timeline> draw_timelines(const RunDocument& document) {
  if (document.ended_ns <= document.begun_ns) return {};
  std::map<std::string, std::vector<const DocumentStep*>> by_dut;
  for (const auto& step : document.steps) by_dut[step.dut].push_back(&step);
  std::vector<Timeline> timelines;
  for (const auto& [dut, steps] : by_dut) {
    const std::vector<Row> rows = rows_of(steps);
    Frame frame{kNames, kTop, kTimelineWidth - kStatus, kTop + kRow * static_cast<double>(rows.size()) + 3,
                {},     {}};
    frame.time.low = 0;
    frame.time.high = seconds_into(document, document.ended_ns);
    Timeline timeline;
    timeline.dut = dut;
    timeline.summary = summary_of(rows, timeline.all_complete);
    std::string drawing = draw_loads(document, frame, dut);
    for (const double t : time_ticks(frame.time)) {
      drawing += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"#E3E3E3\"/>"
          "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\" fill=\"#444\">{4}</text>",
          frame.x(t), frame.top - 3, frame.bottom, frame.top - 7, time_text(t, frame.time.span()));
    }
    double y = frame.top;
    for (const auto& row : rows) {
      drawing += draw_row(document, row, frame, y);
      y += kRow;
    }
    const CutMarks cuts = draw_cuts(document, frame, frame.bottom + 2, dut);
    drawing += cuts.svg;
    const std::string label =
        fmt::format("Timeline of {}: {}", dut.empty() ? "the run" : dut, timeline.summary);
    timeline.svg = fmt::format(
        "<svg class=\"timeline\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">{}</svg>",
        kTimelineWidth, frame.bottom + cuts.height + 4, escape_text(label), drawing);
    timelines.push_back(std::move(timeline));
  }
  return timelines;
}

}  // namespace kiln
