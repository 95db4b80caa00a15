#include "html/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "html/escape.h"

namespace kiln {
namespace {

constexpr std::size_t kCutsWithWords = 4;  // more words would leave no room for the picture
constexpr double kCutRow = 13;

/// Multiples of `step` inside the range.
std::vector<double> multiples(const Range& range, double step) {
  std::vector<double> list;
  const double first = std::ceil(range.low / step - 1e-9);
  for (int index = 0; index < 40; ++index) {
    const double at = (first + index) * step;
    if (at > range.high + step * 1e-9) break;
    list.push_back(at == 0 ? 0 : at);
  }
  return list;
}

}  // namespace

void Range::add(double value) {
  if (!std::isfinite(value)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

double Frame::x(double t) const { return left + (t - time.low) / time.span() * (right - left); }

double Frame::y(double v) const { return top + (value.high - v) / value.span() * (bottom - top); }

std::vector<double> ticks(const Range& range) {
  if (range.empty() || !(range.span() > 0)) return {};
  const double raw = range.span() / 5;
  const double magnitude = std::pow(10.0, std::floor(std::log10(raw)));
  double step = magnitude;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = magnitude * factor;
    if (step >= raw * 0.999) break;
  }
  return multiples(range, step);
}

std::vector<double> time_ticks(const Range& range) {
  if (range.empty() || !(range.span() > 0)) return {};
  constexpr std::array<double, 19> kSteps{0.5, 1,   2,    5,    10,   15,    30,    60,    120,  300,
                                          600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400};
  for (const double step : kSteps) {
    if (range.span() / step <= 8) return multiples(range, step);
  }
  return multiples(range, 86400 * std::ceil(range.span() / 86400 / 8));
}

std::string time_text(double seconds, double span) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (span <= 4) return fmt::format("{:.1f} s", seconds);
  if (span < 180) return fmt::format("{} s", whole);
  if (span < 3 * 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{} h {:02}", whole / 3600, whole / 60 % 60);
}

double seconds_into(const RunDocument& document, std::int64_t monotonic_ns) {
  return static_cast<double>(monotonic_ns - document.begun_ns) / 1e9;
}

std::string draw_loads(const RunDocument& document, const Frame& frame, const std::string& dut) {
  std::vector<std::pair<double, double>> stretches;
  for (const auto& load : document.loads) {
    if (!dut.empty() && load.dut != dut) continue;
    const double begin = std::max(seconds_into(document, load.begun_ns), frame.time.low);
    const double end = std::min(seconds_into(document, load.ended_ns), frame.time.high);
    if (begin < end) stretches.emplace_back(begin, end);
  }
  std::sort(stretches.begin(), stretches.end());
  std::string drawing;
  for (std::size_t index = 0; index < stretches.size();) {
    const double begin = stretches[index].first;
    double end = stretches[index].second;
    for (++index; index < stretches.size() && stretches[index].first <= end; ++index)
      end = std::max(end, stretches[index].second);
    drawing += fmt::format(
        "<rect class=\"load\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#EEF3F8\">"
        "<title>under load from {:.1f} s to {:.1f} s</title></rect>",
        frame.x(begin), frame.top, frame.x(end) - frame.x(begin), frame.bottom - frame.top, begin, end);
  }
  return drawing;
}

CutMarks draw_cuts(const RunDocument& document, const Frame& frame, double words_top,
                   const std::string& dut) {
  CutMarks marks;
  std::size_t drawn = 0;
  for (const auto& [place, cut] : document.interlocks) {
    if ((!dut.empty() && place != dut) || cut.detected_ns == 0) continue;
    const double t = seconds_into(document, cut.detected_ns);
    if (t < frame.time.low || t > frame.time.high) continue;
    const double x = frame.x(t);
    const std::string words = fmt::format("{} cut: {} {}", place, cut.cause, cut.part);
    const bool has_words = drawn < kCutsWithWords;
    const double baseline = words_top + kCutRow * static_cast<double>(drawn) + 10;
    const double from = has_words ? std::min(frame.top - 3, baseline - 8) : frame.top - 3;
    const double to = has_words ? std::max(frame.bottom, baseline) : frame.bottom;
    marks.svg += fmt::format(
        "<g class=\"cut\"><title>{0}, {1:.1f} s into the run</title><line x1=\"{2:.1f}\" x2=\"{2:.1f}\" "
        "y1=\"{3:.1f}\" y2=\"{4:.1f}\" stroke=\"#D55E00\" stroke-width=\"2\" stroke-dasharray=\"5 2\"/>",
        escape_text(words), t, x, from, to);
    if (has_words) {
      const bool on_the_right = x < (frame.left + frame.right) / 2;
      marks.svg += fmt::format(
          "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-weight=\"700\" fill=\"#7A3300\">✖ "
          "{}</text>",
          on_the_right ? x + 5 : x - 5, baseline, on_the_right ? "start" : "end",
          escape_text(shorten(words, 56)));
      marks.height += kCutRow;
    }
    marks.svg += "</g>";
    ++drawn;
  }
  return marks;
}

double height_of_cuts(const RunDocument& document, const std::string& dut) {
  const auto cuts = std::count_if(document.interlocks.begin(), document.interlocks.end(),
                                  [&dut](const auto& item) { return dut.empty() || item.first == dut; });
  return kCutRow * static_cast<double>(std::min<std::size_t>(static_cast<std::size_t>(cuts), kCutsWithWords));
}

}  // namespace kiln
