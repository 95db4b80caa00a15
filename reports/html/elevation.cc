#include "html/elevation.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "html/escape.h"
#include "html/look.h"

namespace kiln {
namespace {

constexpr double kRails = 34;       // left edge of the rack; slot numbers stand before it
constexpr double kRackWidth = 286;  // of the rack, rails included
constexpr double kBeside = 132;     // of a tile beside the rack
constexpr double kBesideHeight = 46;
constexpr double kGap = 2.5;                 // between tiles
constexpr double kEmptySlots = 6;            // drawn for one or more empty units between two tiles
constexpr std::size_t kTilesPerColumn = 48;  // the units of a rack; more DUTs stand in a second column

std::string words(std::string_view identifier) {
  std::string text(identifier);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

double tile_height(std::size_t tiles) {
  if (tiles <= 8) return 34;
  if (tiles <= 14) return 26;
  if (tiles <= 24) return 19;
  return 15.5;
}

struct Tile {
  const DutVerdict* dut = nullptr;
  std::string decision;
  const Look* look = nullptr;
  std::string anchor;  ///< empty: leads nowhere
};

/// Title for who hovers or listens, link for who wants to know why.
std::string framed(const Tile& tile, const std::string& drawing) {
  const DutVerdict& dut = *tile.dut;
  const Counts& counts = dut.counts;
  std::string title = fmt::format(
      "{}, {}, {}: {}. {} of {} required checks measured, {} failed, {} marginal, {} not run", dut.id,
      words(to_string(dut.role)), dut.slot ? fmt::format("slot {}", *dut.slot) : "no slot", tile.decision,
      counts.measured, counts.required, counts.failed, counts.marginal, counts.not_run);
  if (!dut.reasons.empty()) {
    const Reason& first = dut.reasons.front();
    title += fmt::format(". {}{}", first.code, first.fru.empty() ? "" : " " + first.fru);
    if (dut.reasons.size() > 1) title += fmt::format(" and {} more", dut.reasons.size() - 1);
  }
  std::string group = fmt::format("<g class=\"tile {}\"><title>{}</title>{}</g>", tile.look->css_class,
                                  escape_text(title), drawing);
  if (tile.anchor.empty()) return group;
  return fmt::format("<a href=\"#{}\">{}</a>", escape_text(tile.anchor), group);
}

std::string box(const Tile& tile, double x, double y, double width, double height) {
  const Look& look = *tile.look;
  const double badge = std::min(height, 26.0);
  return fmt::format(
      "<rect x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2:.1f}\" height=\"{3:.1f}\" fill=\"{4}\"/>"
      "<rect x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{5:.1f}\" height=\"{3:.1f}\" fill=\"{6}\"/>"
      "<rect x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2:.1f}\" height=\"{3:.1f}\" fill=\"none\" stroke=\"{7}\" "
      "{8}/>"
      "<circle cx=\"{9:.1f}\" cy=\"{10:.1f}\" r=\"{11:.1f}\" fill=\"#fff\"/>"
      "<text x=\"{9:.1f}\" y=\"{12:.1f}\" text-anchor=\"middle\" font-weight=\"700\" "
      "fill=\"{13}\">{14}</text>",
      x, y, width, height, look.tint, badge, look.badge, look.colour, look.border, x + badge / 2,
      y + height / 2, std::min(8.0, badge / 2 - 1), y + height / 2 + 3.8, look.ink, look.glyph);
}

std::string in_rack(const Tile& tile, double left, double y, double height) {
  const DutVerdict& dut = *tile.dut;
  const double x = left + kRails + 6;
  const double width = kRackWidth - 12;
  const bool tall = height >= 30;
  const double base = tall ? y + 14 : y + height / 2 + 3.8;
  const double text = x + std::min(height, 26.0) + 6;
  std::string drawing = box(tile, x, y, width, height);
  drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">U{}</text>", left + kRails - 5,
                         y + height / 2 + 3.8, *dut.slot);
  drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-weight=\"700\" fill=\"#111\">{}</text>", text,
                         base, escape_text(shorten(dut.id, 9)));
  drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"#333\">{}</text>", text + 56, base,
                         words(to_string(dut.role)));
  drawing += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\" font-weight=\"700\" fill=\"{}\">{}</text>",
      x + width - 6, base, tile.look->ink, tile.decision);
  if (tall) {
    drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"#333\">{} of {} measured{}{}</text>", text,
                           y + 27, dut.counts.measured, dut.counts.required,
                           dut.counts.failed > 0 ? fmt::format(", {} failed", dut.counts.failed) : "",
                           dut.counts.not_run > 0 ? fmt::format(", {} not run", dut.counts.not_run) : "");
  }
  return framed(tile, drawing);
}

std::string beside_rack(const Tile& tile, double x, double y) {
  const DutVerdict& dut = *tile.dut;
  std::string drawing = box(tile, x, y, kBeside, kBesideHeight);
  drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-weight=\"700\" fill=\"#111\">{}</text>",
                         x + 32, y + 14, escape_text(shorten(dut.id, 14)));
  drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"#333\">{} · no slot</text>", x + 32, y + 27,
                         words(to_string(dut.role)));
  drawing += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-weight=\"700\" fill=\"{}\">{}</text>", x + 32,
                         y + 40, tile.look->ink, tile.decision);
  return framed(tile, drawing);
}

struct Extent {
  double width = 0, height = 0;
};

/// The rack of one column of tiles between its rails.
std::string draw_column(const std::vector<Tile>& tiles, double left, double height, Extent& extent) {
  std::string drawing;
  double y = 8;
  std::optional<int> above;
  for (const Tile& tile : tiles) {
    const int slot = *tile.dut->slot;
    if (above && *above - slot > 1) {
      drawing += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#bbb\" "
          "stroke-dasharray=\"1 4\"/>",
          left + kRails + 10, left + kRails + kRackWidth - 10, y + kEmptySlots / 2 - kGap / 2);
      y += kEmptySlots;
    }
    drawing += in_rack(tile, left, y, height);
    y += height + kGap;
    above = slot;
  }
  const double bottom = y - kGap + 8;
  std::string rails = fmt::format(
      "<rect x=\"{:.1f}\" y=\"1\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"3\" fill=\"#fff\" "
      "stroke=\"#444\" stroke-width=\"2\"/>",
      left + kRails, kRackWidth, bottom - 1);
  extent.width = std::max(extent.width, left + kRails + kRackWidth + 2);
  extent.height = std::max(extent.height, bottom + 2);
  return rails + drawing;
}

}  // namespace

std::string draw_elevation(const RunVerdict& verdict, const std::map<std::string, std::string>& reasons) {
  std::vector<Tile> slotted;
  std::vector<Tile> loose;
  for (const auto& dut : verdict.duts) {
    Tile tile;
    tile.dut = &dut;
    tile.decision = verdict.decision ? std::string(to_string(dut.decision)) : "SURVEY";
    tile.look = &look_of(tile.decision);
    const auto anchor = reasons.find(dut.id);
    if (anchor != reasons.end()) tile.anchor = anchor->second;
    (dut.slot ? slotted : loose).push_back(std::move(tile));
  }
  if (slotted.empty() && loose.empty()) return {};
  std::stable_sort(slotted.begin(), slotted.end(),
                   [](const Tile& a, const Tile& b) { return *a.dut->slot > *b.dut->slot; });
  const double height = tile_height(std::min(slotted.size(), kTilesPerColumn));
  std::string drawing;
  Extent extent;
  for (std::size_t begin = 0; begin < slotted.size(); begin += kTilesPerColumn) {
    const std::size_t end = std::min(slotted.size(), begin + kTilesPerColumn);
    const std::vector<Tile> column(slotted.begin() + static_cast<std::ptrdiff_t>(begin),
                                   slotted.begin() + static_cast<std::ptrdiff_t>(end));
    drawing += draw_column(column, begin == 0 ? 0 : extent.width + 6, height, extent);
  }
  const double beside = slotted.empty() ? 2 : extent.width + 10;
  // What stands beside fills columns as high as the rack, or of eight when there is no rack to stand beside.
  const auto per_column = static_cast<std::size_t>(
      std::max(slotted.empty() ? 8.0 : 1.0, (extent.height + 6) / (kBesideHeight + 6)));
  for (std::size_t index = 0; index < loose.size(); ++index) {
    const double x = beside + static_cast<double>(index / per_column) * (kBeside + 8);
    const double y = 2 + static_cast<double>(index % per_column) * (kBesideHeight + 6);
    drawing += beside_rack(loose[index], x, y);
    extent.width = std::max(extent.width, x + kBeside + 2);
    extent.height = std::max(extent.height, y + kBesideHeight + 2);
  }
  std::map<std::string, int> tally;
  for (const auto* tiles : {&slotted, &loose}) {
    for (const Tile& tile : *tiles) ++tally[tile.decision];
  }
  std::string summary;
  for (const auto& [decision, count] : tally)
    summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, decision);
  return fmt::format(
      "<svg class=\"elevation\" viewBox=\"0 0 {0:.0f} {1:.0f}\" style=\"max-width:{4:.0f}px\" role=\"group\" "
      "aria-labelledby=\"elevation-title elevation-desc\"><title id=\"elevation-title\">Rack "
      "elevation</title>"
      "<desc id=\"elevation-desc\">{2} DUTs, the highest slot on top: {3}.</desc>{5}</svg>",
      extent.width, extent.height, slotted.size() + loose.size(), summary, extent.width * 1.35, drawing);
}

}  // namespace kiln
