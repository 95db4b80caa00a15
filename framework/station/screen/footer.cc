#include "station/screen/footer.h"

#include <fmt/format.h>

#include <algorithm>

#include "station/screen/printable.h"

namespace kiln {
namespace {

constexpr int kNarrowestTile = 36;
constexpr int kGap = 2;  // between two columns of tiles
constexpr std::size_t kPromptTextLines = 4;

class Footer {
 public:
  Footer(const RunProgress& progress, const FooterFacts& facts, ScreenSize size, const FooterStyle& style)
      : progress_(progress), facts_(facts), style_(style), width_(std::max(20, size.columns - 1)) {
    for (const auto& dut : progress.duts()) id_width_ = std::max(id_width_, display_width(dut.id));
  }

  std::string header() const {
    std::size_t running = 0, bad = 0, waiting = 0, over = 0;
    for (const auto& dut : progress_.duts()) {
      const Sign sign = dut.sign();
      if (sign == Sign::waiting) ++waiting;
      if (sign == Sign::fail || sign == Sign::unknown) ++bad;
      if (dut.over) ++over;
      if (sign == Sign::running) ++running;
    }
    const char* dot = style_.unicode ? " · " : " | ";
    std::string text = fmt::format("{} {}", facts_.rack, facts_.recipe);
    if (facts_.simulated) text += std::string(dot) + "SIMULATED";
    text += dot + clock_text((facts_.now_ns - facts_.begun_ns) / 1'000'000'000);
    if (!facts_.stopping.empty()) {
      text += fmt::format("{}STOPPING ({}): parking", dot, facts_.stopping);
      const auto energised = progress_.energised();
      if (!energised.empty()) text += fmt::format(", still to be undone: {}", fmt::join(energised, " "));
    } else {
      text += dot + time_left_text(facts_.left, style_.unicode);
    }
    text += fmt::format("{}{} of {} done", dot, over, progress_.duts().size());
    if (running > 0) text += fmt::format(", {} running", running);
    if (bad > 0) text += fmt::format(", {} not good", bad);
    if (waiting > 0) text += fmt::format(", {} waiting", waiting);
    return fitted(printable(text, style_.unicode), width_, style_.unicode);
  }

  /// The tiles in as few columns as fit into `rows` lines.
  std::vector<std::string> elevation(int rows) const {
    const auto& duts = progress_.duts();
    const int most_columns = std::max(1, (width_ + kGap) / (kNarrowestTile + kGap));
    for (int columns = 1; columns <= most_columns; ++columns) {
      const int needed = (static_cast<int>(duts.size()) + columns - 1) / columns;
      if (needed <= rows) return in_columns(columns, needed);
    }
    return put_together(rows);
  }

  std::vector<std::string> question(const ShownPrompt& prompt) const {
    std::vector<std::string> lines;
    std::string head =
        fmt::format("{} WAITING FOR OPERATOR  {}  {}  {} left", glyph(Sign::waiting, style_.unicode),
                    prompt.dut, prompt.id, clock_text((prompt.ends_ns - facts_.now_ns) / 1'000'000'000));
    if (prompt.waiting_behind > 0) head += fmt::format("  ({} more waiting)", prompt.waiting_behind);
    lines.push_back(paint(fitted(printable(head, style_.unicode), width_, style_.unicode), Sign::waiting,
                          style_.colours, true));
    for (auto& line :
         wrapped(printable(prompt.text, style_.unicode), width_ - 2, kPromptTextLines, style_.unicode))
      lines.push_back("  " + line);
    if (!prompt.picture.empty())
      lines.push_back(
          fitted("  picture: " + printable(prompt.picture, style_.unicode), width_, style_.unicode));
    if (!prompt.why_not.empty())
      lines.push_back(paint(fitted("  " + printable(prompt.why_not, style_.unicode), width_, style_.unicode),
                            Sign::fail, style_.colours));
    std::string line =
        fmt::format("  [{}; ! and why: it cannot be done] > ", printable(prompt.hint, style_.unicode));
    if (display_width(line) > width_ / 2) line = "  > ";
    // What was typed last is what the operator looks at: the beginning goes when it does not fit.
    std::string typed = printable(prompt.typed, style_.unicode);
    while (!typed.empty() && display_width(line) + display_width(typed) + 1 > width_) {
      typed.erase(typed.begin());
      while (!typed.empty() && (static_cast<unsigned char>(typed.front()) & 0xC0U) == 0x80U)
        typed.erase(typed.begin());
    }
    lines.push_back(line + typed + (style_.unicode ? "▏" : "_"));
    return lines;
  }

 private:
  std::string tile(const DutProgress& dut, int width) const {
    const Sign sign = dut.sign();
    const std::string place = dut.slot ? fmt::format("U{}", *dut.slot) : std::string();
    std::string name =
        fmt::format("{:>3} {}{} ", place, dut.id,
                    std::string(static_cast<std::size_t>(id_width_ - display_width(dut.id)), ' '));
    const std::string state =
        fmt::format("{}{} {:<10}", glyph(sign, style_.unicode),
                    style_.unicode ? "" : (glyph(sign, false).size() < 2 ? " " : ""), dut.word());
    std::string doing;
    if (!dut.over && !dut.step.empty()) {
      doing = dut.step;
      if (dut.in_step) doing += " " + clock_text((facts_.now_ns - dut.step_began) / 1'000'000'000);
      if (!dut.detail.empty()) doing += " " + dut.detail;
    }
    if (dut.fails > 0) doing = fmt::format("{} failed  {}", dut.fails, doing);
    const int rest = width - display_width(name) - display_width(state) - 1;
    return name + paint(state, sign, style_.colours, sign != Sign::idle) + " " +
           fitted(printable(doing, style_.unicode), std::max(0, rest), style_.unicode);
  }

  std::vector<std::string> in_columns(int columns, int rows) const {
    const auto& duts = progress_.duts();
    const int width = (width_ - kGap * (columns - 1)) / columns;
    std::vector<std::string> lines;
    for (int row = 0; row < rows; ++row) {
      std::string line;
      for (int column = 0; column < columns; ++column) {
        const auto at = static_cast<std::size_t>(column * rows + row);
        if (at >= duts.size()) continue;
        if (column > 0) line += std::string(kGap, ' ');
        line += tile(duts[at], width);
      }
      lines.push_back(std::move(line));
    }
    return lines;
  }

  /// What needs attention first, one line each; the rest counted by state and step.
  std::vector<std::string> put_together(int rows) const {
    std::vector<const DutProgress*> loud;
    std::vector<std::pair<std::string, std::vector<const DutProgress*>>> quiet;
    for (const auto& dut : progress_.duts()) {
      const Sign sign = dut.sign();
      if (sign == Sign::waiting || sign == Sign::fail || sign == Sign::unknown) {
        loud.push_back(&dut);
        continue;
      }
      const std::string key = dut.word() + "  " + (dut.over ? "" : dut.step);
      const auto found =
          std::find_if(quiet.begin(), quiet.end(), [&](const auto& group) { return group.first == key; });
      if (found == quiet.end()) {
        quiet.push_back({key, {&dut}});
      } else {
        found->second.push_back(&dut);
      }
    }
    std::vector<std::string> lines;
    const auto room = static_cast<std::size_t>(std::max(1, rows));
    for (const auto* dut : loud) {
      if (lines.size() + 1 + quiet.size() > room && lines.size() + 1 >= room) break;
      lines.push_back(tile(*dut, width_));
    }
    if (lines.size() < loud.size() && !lines.empty())
      lines.back() = fitted(fmt::format("    and {} more that are not good", loud.size() - lines.size() + 1),
                            width_, style_.unicode);
    for (const auto& [key, members] : quiet) {
      if (lines.size() >= room) break;
      std::string names;
      for (const auto* dut : members) names += " " + dut->id;
      const std::string text = fmt::format(
          "{} {}  {} DUTs:{}", glyph(members.front()->sign(), style_.unicode), key, members.size(), names);
      lines.push_back(paint(fitted(printable(text, style_.unicode), width_, style_.unicode),
                            members.front()->sign(), style_.colours));
    }
    return lines;
  }

  const RunProgress& progress_;
  const FooterFacts& facts_;
  const FooterStyle& style_;
  int width_;
  int id_width_ = 3;
};

}  // namespace

std::vector<std::string> footer_lines(const RunProgress& progress, const FooterFacts& facts,
                                      const std::optional<ShownPrompt>& prompt, ScreenSize size,
                                      const FooterStyle& style) {
  const Footer footer(progress, facts, size, style);
  std::vector<std::string> asked;
  if (prompt) asked = footer.question(*prompt);
  const int most = std::max(2, size.rows - 2);
  const int for_rack = most - 1 - static_cast<int>(asked.size());
  std::vector<std::string> lines{footer.header()};
  if (for_rack > 0) {
    for (auto& line : footer.elevation(for_rack)) lines.push_back(std::move(line));
  }
  for (auto& line : asked) lines.push_back(std::move(line));
  // A window of a few lines keeps the question, which is what cannot wait.
  if (static_cast<int>(lines.size()) > most) lines.erase(lines.begin(), lines.end() - most);
  return lines;
}

}  // namespace kiln
