// The page for people: one file in the look of the report of a run. Everything that was recorded goes through
// escape_text(); nothing is loaded, and there is no script.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "html/chart.h"
#include "html/escape.h"
#include "html/style.h"
#include "quality/quality_page.h"

namespace kiln {
namespace {

constexpr double kBarWidth = 720, kBarRow = 20, kBarName = 250;
constexpr std::size_t kMostBars = 15;
constexpr double kChartWidth = 720, kChartHeight = 240;
constexpr std::size_t kMostPoints = 2000;  // drawn as marks; all of them are in the JSON and the CSV
constexpr std::size_t kCellLetters = 300;

std::string safe(const std::string& text) { return escape_text(shorten(text, kCellLetters)); }

std::string paragraphs(const std::vector<std::string>& sentences, const char* style) {
  std::string html;
  for (const std::string& sentence : sentences)
    html += fmt::format("<p class=\"{}\">{}</p>\n", style, escape_text(shorten(sentence, 2000)));
  return html;
}

std::string table_html(const QualitySection& section) {
  if (section.header.empty()) return {};
  std::string html = "<div class=\"wide\"><table><thead><tr>";
  for (const std::string& name : section.header) html += fmt::format("<th>{}</th>", safe(name));
  html += "</tr></thead><tbody>\n";
  for (const auto& row : section.rows) {
    html += "<tr>";
    for (const std::string& cell : row) html += fmt::format("<td>{}</td>", safe(cell));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

/// Bars of units, and the line of the cumulative share.
std::string bars_svg(const std::vector<ParetoRow>& rows) {
  const std::size_t count = std::min(rows.size(), kMostBars);
  const double most = std::max(1, rows.front().units);
  const double height = kBarRow * static_cast<double>(count) + 22;
  std::string svg = fmt::format(
      "<figure class=\"plot\"><svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"Pareto chart; its "
      "numbers are in "
      "the table\">",
      kBarWidth, height);
  const double left = kBarName;
  const double width = kBarWidth - kBarName - 60;
  std::string line;
  for (std::size_t at = 0; at < count; ++at) {
    const ParetoRow& row = rows[at];
    const double y = kBarRow * static_cast<double>(at) + 3;
    svg += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text><rect x=\"{:.1f}\" y=\"{:.1f}\" "
        "width=\"{:.1f}\" "
        "height=\"{:.1f}\" fill=\"#0072B2\"><title>{}: {} units</title></rect><text x=\"{:.1f}\" "
        "y=\"{:.1f}\">{}</text>",
        left - 6, y + 12, escape_text(shorten(row.what, 40)), left, y, width * row.units / most, kBarRow - 6,
        escape_text(shorten(row.what, 120)), row.units, left + width * row.units / most + 4, y + 12,
        row.units);
    line += fmt::format("{:.1f},{:.1f} ", left + width * row.cumulative, y + 7);
  }
  svg += fmt::format(
      "<polyline points=\"{}\" fill=\"none\" stroke=\"#7A3300\" stroke-width=\"1.5\" stroke-dasharray=\"4 "
      "2\"/>",
      line);
  svg += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\" fill=\"#7A3300\">cumulative share: right edge is "
      "100 %</text></svg>",
      left + width, height - 6);
  if (rows.size() > count)
    svg += fmt::format("<figcaption>{} more are in the table.</figcaption>", rows.size() - count);
  return svg + "</figure>\n";
}

std::string level_line(const Frame& frame, double value, const char* colour, const char* dashes,
                       const std::string& words) {
  if (value < frame.value.low || value > frame.value.high) return {};
  return fmt::format(
      "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"{3}\" "
      "stroke-dasharray=\"{4}\"/>"
      "<text x=\"{5:.1f}\" y=\"{6:.1f}\" fill=\"{3}\">{7}</text>",
      frame.left, frame.right, frame.y(value), colour, dashes, frame.right + 4, frame.y(value) + 3.5,
      escape_text(words));
}

std::string chart_svg(const CheckReport& check) {
  const ControlChart& chart = check.chart;
  Frame frame{64, 12, kChartWidth - 96, kChartHeight - 26, {}, {}};
  const std::size_t first = chart.values.size() > kMostPoints ? chart.values.size() - kMostPoints : 0;
  frame.time.add(static_cast<double>(first) - 0.5);
  frame.time.add(static_cast<double>(chart.values.size()) - 0.5);
  for (std::size_t at = first; at < chart.values.size(); ++at) frame.value.add(chart.values[at]);
  frame.value.add(chart.lower);
  frame.value.add(chart.upper);
  const double span = frame.value.span();
  // A limit that lies near is drawn; one far away would press the chart flat.
  for (const auto& limit : {check.capability.lower, check.capability.upper}) {
    if (limit && std::abs(*limit - chart.mean) < 2 * span) frame.value.add(*limit);
  }
  const double room = frame.value.span() * 0.05;
  frame.value.low -= room;
  frame.value.high += room;
  if (!(frame.value.span() > 0) || !std::isfinite(frame.value.span())) return {};
  std::string svg = fmt::format(
      "<figure class=\"plot\"><svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"Control chart; "
      "its numbers are in "
      "the text\">",
      kChartWidth, kChartHeight);
  for (const double tick : ticks(frame.value))
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", frame.left - 5,
                       frame.y(tick) + 3.5, figure_text(tick));
  svg += level_line(frame, chart.mean, "#333", "none", "mean");
  svg += level_line(frame, chart.upper, "#7A5C00", "6 3", "control limit");
  svg += level_line(frame, chart.lower, "#7A5C00", "6 3", "control limit");
  if (check.capability.upper) svg += level_line(frame, *check.capability.upper, "#D55E00", "2 2", "limit");
  if (check.capability.lower) svg += level_line(frame, *check.capability.lower, "#D55E00", "2 2", "limit");
  std::string path;
  std::string marks;
  for (std::size_t at = first; at < chart.values.size(); ++at) {
    const double x = frame.x(static_cast<double>(at));
    const double y = frame.y(chart.values[at]);
    path += fmt::format("{:.1f},{:.1f} ", x, y);
    const std::string words =
        escape_text(shorten(check.points[at].unit, 60)) + ": " + figure_text(chart.values[at]);
    if (chart.signals[at] == ChartSignal::beyond_limit) {
      marks += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"8\" height=\"8\" fill=\"#D55E00\"><title>{}, beyond "
          "limit</title></rect>",
          x - 4, y - 4, words);
    } else {
      marks +=
          fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\"><title>{}</title></circle>",
                      x, y, chart.signals[at] == ChartSignal::none ? "2" : "3.4",
                      chart.signals[at] == ChartSignal::none ? "#0072B2" : "#B04A86", words);
    }
  }
  svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"#0072B2\" stroke-width=\"1\"/>", path) +
         marks;
  svg += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\">units in order of their first attempt in the time asked "
      "for</text></svg>",
      frame.left, kChartHeight - 8);
  return svg + fmt::format(
                   "<figcaption>{} ({}). Square: beyond a control limit; large dot: part of a "
                   "run.{}</figcaption></figure>\n",
                   safe(check.name), safe(check.unit),
                   first > 0 ? fmt::format(" The last {} units are drawn.", kMostPoints) : std::string());
}

}  // namespace

std::string render_html(const QualityPage& page, const std::string& foot) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "base-uri "
      "'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n";
  html += fmt::format("<title>{}</title>\n<style>{}", escape_text(page.title), kStyle);
  // Every printed sheet says it, not the first one only.
  html += fmt::format(
      "@page {{ size: A4; margin: 11mm 11mm 14mm; @bottom-left {{ content: \"{}\"; font: 8pt sans-serif; }} "
      "@bottom-right {{ "
      "content: \"page \" counter(page) \" of \" counter(pages); font: 8pt sans-serif; }} "
      "}}\n</style>\n</head>\n<body>\n"
      "<main>\n",
      foot);
  html += fmt::format("<div class=\"head\"><b>{}</b></div>\n", escape_text(page.title));
  for (const std::string& loud : page.loud)
    html += fmt::format("<div class=\"loud\" role=\"alert\">{}</div>\n", escape_text(shorten(loud, 2000)));
  html += paragraphs(page.about, "text");
  for (const QualitySection& section : page.sections) {
    html += fmt::format("<h2>{}</h2>\n", safe(section.title));
    html += paragraphs(section.sentences, "text");
    if (section.bars != nullptr && !section.bars->empty()) html += bars_svg(*section.bars);
    if (section.chart != nullptr) html += chart_svg(*section.chart);
    html += table_html(section);
    html += paragraphs(section.below, "text");
  }
  html += "<p><b>END OF PAGE</b></p>\n</main>\n</body>\n</html>\n";
  return html;
}

std::string quality_html(const QualityReport& report) {
  return render_html(make_quality_page(report),
                     report.query.simulated ? "SIMULATED RACKS, NOT HARDWARE" : "Kiln quality");
}

}  // namespace kiln
