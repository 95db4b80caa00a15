// Tables on sheets: widths by what the cells hold, headings again on each sheet, rows as high as they must
// be.

#include <algorithm>
#include <array>
#include <string_view>

#include "pdf/column_widths.h"
#include "pdf/page_flow.h"

namespace kiln {
namespace {

constexpr double kCellSide = 3, kCellAbove = 1.5, kCellBorder = 0.5;
constexpr double kCellSize = 7.0;
constexpr std::uint32_t kCellRule = 0xBBBBBB, kHeadGround = 0xEFEFEF;

struct SheetCell {
  std::vector<TextPiece> pieces;
  TextLook look;
  bool is_whole = false;  ///< not broken where it can be helped
  bool is_heading = false;
  std::shared_ptr<const ShapedText> text;
};

struct SheetRow {
  std::vector<SheetCell> cells;
  bool has_ground = false;
  std::uint32_t ground = 0;
};

std::string_view class_of_node(const pugi::xml_node& node) { return node.attribute("class").value(); }

SheetRow row_of(const pugi::xml_node& node) {
  SheetRow row;
  const Look* look = look_of_class(class_of_node(node));
  if (look != nullptr && std::string_view(look->css_class) != "go") {
    row.has_ground = true;
    row.ground = colour_of(look->tint);
  }
  for (const pugi::xml_node& child : node.children()) {
    const std::string_view name = child.name();
    if (name != "td" && name != "th") continue;
    SheetCell cell;
    cell.pieces = pieces_of(child);
    cell.is_heading = name == "th";
    cell.look.size = kCellSize;
    cell.look.bold = cell.is_heading;
    const std::string_view kind = class_of_node(child);
    if (kind == "n") cell.look.side = TextLook::Side::right;
    if (kind == "word") {
      cell.look.bold = true;
      if (look != nullptr) cell.look.ink = colour_of(look->ink);
    }
    cell.is_whole = kind == "n" || kind == "word";
    row.cells.push_back(std::move(cell));
  }
  return row;
}

void put_row_part(Sheets& sheets, const SheetRow& row, const std::vector<double>& widths, double left,
                  double height, const std::vector<std::pair<int, int>>& lines) {
  double x = left;
  for (std::size_t index = 0; index < row.cells.size(); ++index) {
    const SheetCell& cell = row.cells[index];
    SheetBox box;
    box.x = x;
    box.y = sheets.y();
    box.width = widths[index] + kCellBorder;
    box.height = height + kCellBorder;
    box.line = kCellBorder;
    box.ink = kCellRule;
    box.is_filled = cell.is_heading || row.has_ground;
    box.ground = cell.is_heading ? kHeadGround : row.ground;
    sheets.put(box);
    const auto [first, last] = lines[index];
    if (last > first) sheets.put(cell.text, x + kCellSide, sheets.y() + kCellAbove, first, last);
    x += widths[index];
  }
  sheets.move_to(sheets.sheet(), sheets.y() + height);
}

double row_height(const SheetRow& row) {
  double height = 0;
  for (const SheetCell& cell : row.cells) height = std::max(height, cell.text->height());
  return height + 2 * kCellAbove;
}

std::vector<std::pair<int, int>> whole_lines(const SheetRow& row) {
  std::vector<std::pair<int, int>> lines;
  for (const SheetCell& cell : row.cells) lines.emplace_back(0, cell.text->lines());
  return lines;
}

}  // namespace

void PageFlow::table(const pugi::xml_node& node, const Frame& frame) {
  std::vector<SheetRow> head;
  std::vector<SheetRow> rows;
  for (const auto& found : node.select_nodes(".//tr")) {
    const bool is_head = std::string_view(found.node().parent().name()) == "thead";
    (is_head ? head : rows).push_back(row_of(found.node()));
  }
  std::size_t columns = 0;
  for (const auto* part : {&head, &rows}) {
    for (const SheetRow& row : *part) columns = std::max(columns, row.cells.size());
  }
  if (columns == 0) return;
  std::vector<ColumnWish> wishes(columns);
  for (auto* part : {&head, &rows}) {
    for (SheetRow& row : *part) {
      row.cells.resize(columns);
      for (std::size_t index = 0; index < columns; ++index) {
        SheetCell& cell = row.cells[index];
        const TextShaper::Widths widths = shaper_.widths(cell.pieces, cell.look);
        ColumnWish& wish = wishes[index];
        wish.whole = std::max(wish.whole, widths.whole + 2 * kCellSide + 0.5);
        wish.word = std::max(wish.word, (cell.is_whole ? widths.whole : widths.word) + 2 * kCellSide + 0.5);
      }
    }
  }
  const std::vector<double> widths =
      column_widths(wishes, frame.width - kCellBorder, class_of_node(node) == "links");
  for (auto* part : {&head, &rows}) {
    for (SheetRow& row : *part) {
      for (std::size_t index = 0; index < columns; ++index) {
        SheetCell& cell = row.cells[index];
        cell.text = std::make_shared<const ShapedText>(
            shaper_.shape(cell.pieces, cell.look, std::max(4.0, widths[index] - 2 * kCellSide)));
        cell.pieces.clear();
      }
    }
  }
  double head_height = 0;
  for (const SheetRow& row : head) head_height += row_height(row);
  const bool repeats = head_height < kSheetHeight / 4;
  const auto put_head = [&] {
    for (const SheetRow& row : head)
      put_row_part(sheets_, row, widths, frame.left, row_height(row), whole_lines(row));
  };
  const double first_row = rows.empty() ? 0 : std::min(row_height(rows.front()), 120.0);
  sheets_.make_room(head_height + first_row);
  if (repeats) {
    put_head();
  } else {
    rows.insert(rows.begin(), head.begin(), head.end());
  }
  for (const SheetRow& row : rows) {
    const double height = row_height(row);
    const double sheet_room = kSheetHeight - kSheetTop - kSheetBottom - head_height;
    if (height > sheets_.room() && height <= std::max(sheet_room / 3, sheets_.room())) {
      sheets_.next_sheet();
      if (repeats) put_head();
    }
    std::vector<int> done(columns, 0);
    for (bool is_over = false; !is_over;) {
      is_over = true;
      bool moved = false;
      double part_height = 0;
      std::vector<std::pair<int, int>> lines;
      const double room = sheets_.room() - 2 * kCellAbove;
      for (std::size_t index = 0; index < columns; ++index) {
        const ShapedText& text = *row.cells[index].text;
        const int first = done[index];
        const int last = text.lines_within(first, room);
        lines.emplace_back(first, last);
        moved = moved || last > first;
        part_height = std::max(part_height, text.top_of(last) - text.top_of(first));
        if (last < text.lines()) is_over = false;
      }
      if (!moved && !is_over) {
        if (sheets_.room() > sheet_room - 1) break;  // a line higher than a sheet cannot be set
        sheets_.next_sheet();
        if (repeats) put_head();
        continue;
      }
      put_row_part(sheets_, row, widths, frame.left, part_height + 2 * kCellAbove, lines);
      for (std::size_t index = 0; index < columns; ++index) done[index] = lines[index].second;
      if (!is_over) {
        sheets_.next_sheet();
        if (repeats) put_head();
      }
    }
  }
  sheets_.gap(8);
}

}  // namespace kiln
