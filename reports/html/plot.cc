#include "html/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "common/series_limits.h"
#include "html/chart.h"
#include "html/escape.h"
#include "html/look.h"
#include "html/series_band.h"

namespace kiln {
namespace {

constexpr double kWidth = 720;
constexpr double kPlotHeight = 236;  // without the legend
constexpr double kLegendRow = 15;
constexpr std::size_t kNameCharacters = 30;
constexpr std::size_t kSingleLines = 12;  // more than these become a band
constexpr std::size_t kDrawnOutliers = 6;
constexpr std::size_t kColumns = 300;  // of a line; more samples than four a column are thinned
constexpr std::array<const char*, 7> kColours{"#0072B2", "#009E73", "#B04A86", "#7A5C00",
                                              "#56B4E9", "#000000", "#6A3D9A"};
// Colour and dashes repeat after different counts, so that neighbours differ in both.
constexpr std::array<const char*, 4> kDashes{"", "7 3", "2 2", "9 3 2 3"};

struct Line {
  const DocumentSeries* series = nullptr;
  std::vector<SeriesLimit> limits;
};

using GroupKey = std::tuple<std::string, std::string, std::string, std::string>;  // name, role, unit, limits

std::string name_of(const DocumentSeries& series) {
  return series.part.empty() ? series.dut : series.dut + " " + series.part;
}

std::string stroke(std::size_t index) {
  const char* dashes = kDashes.at(index % kDashes.size());
  return fmt::format("fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"{}",
                     kColours.at(index % kColours.size()),
                     *dashes == '\0' ? "" : fmt::format(" stroke-dasharray=\"{}\"", dashes));
}

/// What is kept of the samples of one column of the picture.
class Column {
 public:
  void add(double t, double value) {
    const std::size_t index = count_++;
    const Kept sample{index, {t, value}};
    if (index == 0) first_ = low_ = high_ = sample;
    last_ = sample;
    if (!std::isfinite(value)) {
      // Between two gaps side by side there is nothing to draw.
      if (gaps_.empty() || gaps_.back().first + 1 != index) gaps_.push_back(sample);
      return;
    }
    if (!(low_.second.second <= value)) low_ = sample;
    if (!(high_.second.second >= value)) high_ = sample;
  }
  /// Adds them in their order, each once, and begins anew.
  void end(std::vector<std::pair<double, double>>& kept) {
    if (count_ == 0) return;
    std::map<std::size_t, std::pair<double, double>> picked(gaps_.begin(), gaps_.end());
    for (const Kept& sample : {first_, low_, high_, last_}) picked.insert(sample);
    for (const auto& [index, sample] : picked) kept.push_back(sample);
    count_ = 0;
    gaps_.clear();
  }

 private:
  using Kept = std::pair<std::size_t, std::pair<double, double>>;  ///< number in the column, and the sample
  std::size_t count_ = 0;
  Kept first_, low_, high_, last_;
  std::vector<Kept> gaps_;
};

/// Thinned so that the first, lowest, highest and last of each column stay; a missing value stays a gap.
std::vector<std::pair<double, double>> thinned(const DocumentSeries& series, const Range& time) {
  std::vector<std::pair<double, double>> kept;
  if (series.extent.samples <= static_cast<std::int64_t>(4 * kColumns)) {
    series.for_each_sample([&kept](double t, double value) { kept.emplace_back(t, value); });
    return kept;
  }
  const auto column_of = [&](double t) {
    return static_cast<int>((t - time.low) / time.span() * static_cast<double>(kColumns));
  };
  Column column;
  std::optional<int> at;
  series.for_each_sample([&](double t, double value) {
    const int here = column_of(t);
    if (at && *at != here) column.end(kept);
    at = here;
    column.add(t, value);
  });
  column.end(kept);
  return kept;
}

std::string draw_line(const DocumentSeries& series, const Frame& frame, std::size_t style) {
  std::string path;
  bool pen_down = false;
  std::size_t alone = 0;
  for (const auto& [t, value] : thinned(series, frame.time)) {
    if (!std::isfinite(t) || !std::isfinite(value)) {
      if (pen_down && alone == 1) path += "h0.1";
      pen_down = false;  // a gap in the data is a gap in the line
      continue;
    }
    path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", frame.x(t), frame.y(value));
    alone = pen_down ? alone + 1 : 1;
    pen_down = true;
  }
  if (pen_down && alone == 1) path += "h0.1";  // one sample between two gaps is a dot
  if (path.empty()) return {};
  return fmt::format("<path class=\"line\" d=\"{}\" {} stroke-linecap=\"round\"><title>{}</title></path>",
                     path, stroke(style), escape_text(name_of(series)));
}

std::string draw_band(const SeriesBand& band, const Frame& frame) {
  std::string edge;
  std::string back;
  std::string median;
  for (const auto& point : band.points) {
    const double x = frame.x(point.t);
    edge += fmt::format("{}{:.1f} {:.1f}", edge.empty() ? "M" : "L", x, frame.y(point.high));
    back = fmt::format("L{:.1f} {:.1f}", x, frame.y(point.low)) + back;
    median += fmt::format("{}{:.1f} {:.1f}", median.empty() ? "M" : "L", x, frame.y(point.median));
  }
  return fmt::format(
      "<path class=\"band\" d=\"{}{}Z\" fill=\"#56B4E9\" fill-opacity=\"0.4\" "
      "stroke=\"#56B4E9\"><title>lowest "
      "to highest of all</title></path><path class=\"median\" d=\"{}\" fill=\"none\" stroke=\"#0B4468\" "
      "stroke-width=\"2.2\"><title>median of all</title></path>",
      edge, back, median);
}

std::string draw_axes(const Frame& frame) {
  std::string drawing;
  for (const double value : ticks(frame.value)) {
    drawing += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#E3E3E3\"/>"
        "<text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.6g}</text>",
        frame.left, frame.right, frame.y(value), frame.left - 5, frame.y(value) + 3.5, value);
  }
  for (const double t : time_ticks(frame.time)) {
    drawing += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"#888\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>",
        frame.x(t), frame.bottom, frame.bottom + 4, frame.bottom + 15, time_text(t, frame.time.span()));
  }
  drawing += fmt::format(
      "<path d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\" fill=\"none\" stroke=\"#888\"/>"
      "<text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\" fill=\"#555\">since the run began</text>",
      frame.left, frame.top, frame.bottom, frame.right, frame.bottom + 27);
  return drawing;
}

struct Bound {
  double value = 0;
  bool marginal = false;
  bool upper = true;
  std::string words;
};

std::vector<Bound> bounds_in(const std::vector<SeriesLimit>& limits) {
  std::vector<Bound> list;
  for (const auto& limit : limits) {
    const LimitBounds& bounds = limit.bounds;
    const std::string words = limit.measurement + " " + limit.limit_text;
    if (bounds.max) list.push_back({*bounds.max, false, true, words});
    if (bounds.min) list.push_back({*bounds.min, false, false, words});
    if (bounds.marginal) list.push_back({*bounds.marginal, true, true, "marginal above"});
    if (bounds.marginal_min) list.push_back({*bounds.marginal_min, true, false, "marginal below"});
  }
  return list;
}

/// Makes room for the limits. How far a value is from its limit is what a reader wants to see, so that only a
/// limit of another order of size, which would press the data flat, is left outside.
void make_room(Range& value, const std::vector<Bound>& bounds) {
  Range data = value;
  if (!(data.span() > 0)) {
    const double room = std::max(1e-3, std::abs(data.high) * 0.05);
    data.low -= room;
    data.high += room;
  }
  value = data;
  for (const auto& bound : bounds) {
    Range with = data;
    with.add(bound.value);
    const double distance = with.span() - data.span();
    if (with.span() <= 5 * data.span() || distance <= 0.6 * std::max(std::abs(data.low), std::abs(data.high)))
      value.add(bound.value);
  }
  const double room = value.span() * 0.09;
  value.low -= room;
  value.high += room;
}

std::string draw_bounds(const std::vector<Bound>& bounds, const Frame& frame) {
  std::string drawing;
  double off_picture = frame.top + 10;
  for (const auto& bound : bounds) {
    const std::string number = fmt::format("{:.6g}", bound.value);
    const std::string words = bound.marginal ? bound.words + " " + number : bound.words;
    const char* ink = bound.marginal ? "#5E4100" : "#7A3300";
    constexpr const char* kHalo = "stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\"";
    if (bound.value < frame.value.low || bound.value > frame.value.high) {
      if (bound.marginal) continue;  // its words stand in the limit's text
      drawing += fmt::format(
          "<text class=\"limit\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\" fill=\"{}\" {}>{} {} (outside "
          "this "
          "picture)</text>",
          frame.right - 4, off_picture, ink, kHalo, bound.value > frame.value.high ? "↑" : "↓",
          escape_text(shorten(words, 90)));
      off_picture += 12;
      continue;
    }
    const double y = frame.y(bound.value);
    // The words stand on the side of the line that is not allowed, where there is room and no data.
    const double words_y = bound.marginal ? (bound.upper ? y + 11 : y - 4) : (bound.upper ? y - 4 : y + 11);
    drawing += fmt::format(
        "<line class=\"{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
        "stroke-width=\"{}\"{}/>",
        bound.marginal ? "marginal" : "limit", frame.left, frame.right, y, y,
        bound.marginal ? "#E69F00" : "#D55E00", bound.marginal ? "1.4" : "2",
        bound.marginal ? " stroke-dasharray=\"4 3\"" : "");
    drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\"{} {}>{}</text>", frame.left + 6,
                           words_y, ink, bound.marginal ? "" : " font-weight=\"700\"", kHalo,
                           escape_text(shorten(words, 100)));
  }
  return drawing;
}

std::string range_text(const DocumentSeries& series) {
  const SeriesExtent& extent = series.extent;
  if (!(extent.low <= extent.high)) return "no value";
  return fmt::format("{:.5g} … {:.5g}", extent.low, extent.high);
}

const SeriesLimit* worst_limit(const Line& line) {
  const SeriesLimit* worst = nullptr;
  for (const auto& limit : line.limits) {
    if (!limit.judged || limit.worst == Outcome::pass) continue;
    if (worst == nullptr || limit.worst == Outcome::fail) worst = &limit;
  }
  return worst;
}

/// Names of parts differ at their end: what is left out is the middle.
std::string short_name(const std::string& name, std::size_t characters) {
  const std::size_t count = count_characters(name);
  if (count <= characters) return name;
  const std::size_t head = characters / 3;
  return shorten(name, head + 1) + last_characters(name, characters - head - 1);
}

std::string legend_words(const Line& line) {
  std::string words =
      fmt::format("{}  {}", short_name(name_of(*line.series), kNameCharacters), range_text(*line.series));
  if (const SeriesLimit* worst = worst_limit(line); worst != nullptr)
    words += fmt::format("  {} {}", look_of(worst->worst).glyph, to_string(worst->worst));
  return words;
}

/// "8 pass", "1 fail (C02 GPU_1), 7 pass", "2 not judged": over the limits of all lines.
std::string judged_words(const std::vector<Line>& lines, const std::string& measurement) {
  std::map<std::string, int> tally;
  std::string failed;
  int named = 0;
  for (const auto& line : lines) {
    for (const auto& limit : line.limits) {
      if (limit.measurement != measurement) continue;
      ++tally[limit.judged ? std::string(to_string(limit.worst)) : "not measured"];
      if (limit.judged && limit.worst == Outcome::fail && ++named <= 8)
        failed += (failed.empty() ? "" : ", ") + name_of(*line.series);
    }
  }
  std::string words;
  for (const auto& [outcome, count] : tally) {
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, outcome);
    if (outcome == "fail") words += fmt::format(" ({}{})", failed, named > 8 ? ", …" : "");
  }
  return words;
}

std::string caption_of(const std::vector<Line>& lines) {
  const std::vector<SeriesLimit>& limits = lines.front().limits;
  if (limits.empty()) return "Recorded, not judged: no range limit of this run belongs to it.";
  std::string caption;
  for (const auto& limit : limits) {
    caption += fmt::format("{}{} {}: {}.", caption.empty() ? "Judged by " : " And by ", limit.measurement,
                           limit.limit_text, judged_words(lines, limit.measurement));
  }
  return caption;
}

/// Those that failed, then those that lie apart.
std::vector<std::size_t> worth_a_line(const std::vector<Line>& lines, const SeriesBand& band, double span) {
  std::vector<std::size_t> chosen;
  const auto choose = [&chosen](std::size_t index) {
    if (std::find(chosen.begin(), chosen.end(), index) == chosen.end()) chosen.push_back(index);
  };
  for (const Outcome wanted : {Outcome::fail, Outcome::unset, Outcome::marginal}) {
    for (std::size_t index = 0; index < lines.size(); ++index) {
      const SeriesLimit* worst = worst_limit(lines[index]);
      if (worst != nullptr && worst->worst == wanted) choose(index);
    }
  }
  for (const std::size_t index : outliers(band, span)) choose(index);
  return chosen;
}

struct Legend {
  std::vector<std::string> entries;  ///< drawings with their left end at 0 0
};

void add_entry(Legend& legend, const std::string& sample, const std::string& words, bool loud = false) {
  legend.entries.push_back(fmt::format("{}<text x=\"34\" y=\"3.5\"{}>{}</text>", sample,
                                       loud ? " font-weight=\"700\"" : "", escape_text(words)));
}

std::string draw_legend(const Legend& legend, double left, double top, std::size_t columns) {
  std::string drawing;
  const double width = (kWidth - left) / static_cast<double>(columns);
  for (std::size_t index = 0; index < legend.entries.size(); ++index) {
    drawing += fmt::format("<g class=\"legend\" transform=\"translate({:.1f} {:.1f})\">{}</g>",
                           left + static_cast<double>(index % columns) * width,
                           top + static_cast<double>(index / columns) * kLegendRow, legend.entries[index]);
  }
  return drawing;
}

Plot draw_group(const RunDocument& document, const std::string& title, const std::vector<Line>& lines) {
  const double above = height_of_cuts(document);
  Frame frame{58, 8 + above, kWidth - 10, kPlotHeight + above - 34, {}, {}};
  for (const auto& line : lines) {
    const SeriesExtent& extent = line.series->extent;
    for (const double t : {extent.begun, extent.ended}) frame.time.add(t);
    for (const double value : {extent.low, extent.high}) frame.value.add(value);
  }
  Plot plot;
  if (frame.time.empty() || frame.value.empty()) return plot;
  if (!(frame.time.span() > 0)) frame.time.high = frame.time.low + 1;
  const Range data = frame.value;
  const std::vector<Bound> bounds = bounds_in(lines.front().limits);
  make_room(frame.value, bounds);
  std::string drawing = draw_loads(document, frame) + draw_axes(frame);
  Legend legend;
  plot.caption = caption_of(lines);
  const auto add_single = [&](const Line& line, std::size_t style) {
    drawing += draw_line(*line.series, frame, style);
    add_entry(legend, fmt::format("<path d=\"M2 0H28\" {}/>", stroke(style)), legend_words(line),
              worst_limit(line) != nullptr);
  };
  if (lines.size() <= kSingleLines) {
    for (std::size_t index = 0; index < lines.size(); ++index) add_single(lines[index], index);
  } else {
    std::vector<const DocumentSeries*> all;
    all.reserve(lines.size());
    for (const auto& line : lines) all.push_back(line.series);
    const SeriesBand band = make_band(all, frame.time, 240);
    drawing += draw_band(band, frame);
    add_entry(legend, R"(<rect x="2" y="-5" width="26" height="10" fill="#56B4E9" fill-opacity="0.4"/>)",
              fmt::format("lowest to highest of {} lines", lines.size()));
    add_entry(legend, R"(<path d="M2 0H28" stroke="#0B4468" stroke-width="2.2"/>)", "their median");
    std::vector<std::size_t> singles = worth_a_line(lines, band, data.span());
    const std::size_t found = singles.size();
    singles.resize(std::min(found, kDrawnOutliers));
    std::size_t style = 1;
    for (const std::size_t index : singles) add_single(lines[index], style++);
    plot.caption += fmt::format(" {} lines as a band; ", lines.size());
    plot.caption += found == 0
                        ? "none failed or lies apart from the others."
                        : fmt::format("{} failed or lie apart from the others, {} of them drawn singly.",
                                      found, singles.size());
  }
  drawing += draw_bounds(bounds, frame) + draw_cuts(document, frame, 0).svg;
  const bool short_words = std::all_of(lines.begin(), lines.end(), [](const Line& line) {
    return count_characters(name_of(*line.series)) <= 12 && worst_limit(line) == nullptr;
  });
  const std::size_t columns = short_words && legend.entries.size() > 4 ? 3 : 2;
  const auto rows = static_cast<double>((legend.entries.size() + columns - 1) / columns);
  drawing += draw_legend(legend, frame.left, frame.bottom + 38, columns);
  plot.title = title;
  plot.svg = fmt::format(
      "<svg class=\"plot\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
      "aria-label=\"{}\"><title>{}</title><desc>{} "
      "lines between {:.5g} and {:.5g}. {}</desc>{}</svg>",
      kWidth, frame.bottom + 36 + rows * kLegendRow, escape_text(title), escape_text(title), lines.size(),
      data.low, data.high, escape_text(plot.caption), drawing);
  return plot;
}

}  // namespace

std::vector<Plot> draw_series(const RunDocument& document) {
  const SeriesLimits limits(document);
  std::map<GroupKey, std::vector<Line>> groups;
  std::map<std::string, std::set<std::string>> roles_of_name;
  for (const auto& series : document.series) {
    Line line;
    line.series = &series;
    line.limits = limits.of(series);
    std::string rule;
    for (const auto& limit : line.limits) rule += limit.measurement + " " + limit.limit_text + "\n";
    const auto planned = document.duts.find(series.dut);
    std::string role = planned == document.duts.end() ? "" : std::string(to_string(planned->second.role));
    std::replace(role.begin(), role.end(), '_', ' ');
    roles_of_name[series.name].insert(role);
    groups[{series.name, role, series.unit, rule}].push_back(std::move(line));
  }
  std::vector<const std::vector<DocumentChunk>*> order;
  std::int64_t samples = 0;
  for (const auto& [key, lines] : groups) {
    for (const Line& line : lines) {
      order.push_back(&line.series->chunks);
      samples += line.series->extent.samples;
    }
  }
  document.source->plan(order, samples);
  std::vector<Plot> plots;
  for (const auto& [key, lines] : groups) {
    const auto& [name, role, unit, rule] = key;
    std::string title = unit.empty() || unit == "1" ? name : fmt::format("{} ({})", name, unit);
    if (roles_of_name[name].size() > 1 && !role.empty()) title += ", " + role;
    Plot plot = draw_group(document, title, lines);
    if (!plot.svg.empty()) plots.push_back(std::move(plot));
  }
  return plots;
}

}  // namespace kiln
