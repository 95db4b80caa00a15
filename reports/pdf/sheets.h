#pragma once
// The sheets of a report before they are written: what lies where on each of them, so that "page n of m" is
// known before the first is drawn. A4; lengths in points, from the upper left corner. Used by one thread.

#include <librsvg/rsvg.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "pdf/shaped_text.h"

namespace kiln {

inline constexpr double kSheetWidth = 595.28, kSheetHeight = 841.89;  // ISO 216: 210 mm × 297 mm
inline constexpr double kSheetLeft = 32, kSheetTop = 44, kSheetBottom = 44;
inline constexpr double kTextWidth = kSheetWidth - 2 * kSheetLeft;

/// What stands on every sheet.
struct SheetMarks {
  std::string title;             ///< of the document: decision, rack and run
  std::string head, foot;        ///< upper line, and lower left; "page n of m" stands lower right
  std::string warning;           ///< upper right, bold: SIMULATED RACK – NOT HARDWARE; may be empty
  std::int64_t made_utc_ns = 0;  ///< the document's date; the same record makes the same bytes
};

/// Border and ground of a stretch of the sheet. Colours 0xRRGGBB.
struct SheetBox {
  double x = 0, y = 0, width = 0, height = 0;
  bool is_filled = false;
  std::uint32_t ground = 0xFFFFFF;
  double line = 0;  ///< width of the border; 0: none
  std::uint32_t ink = 0x111111;
  double dash = 0;  ///< length of dash and gap; 0: solid
  /// Beside colour, what the eye tells decisions by.
  enum class Pattern { none, hatch, dots, dashes } pattern = Pattern::none;
};

/// An SVG drawing, of a width and height of its own.
class SheetDrawing {
 public:
  /// "report.drawing" when it cannot be read. Nothing is loaded from elsewhere.
  static Result<std::shared_ptr<SheetDrawing>> read(const std::string& svg);
  [[nodiscard]] double width() const { return width_; }
  [[nodiscard]] double height() const { return height_; }
  void draw(cairo_t* cairo, double x, double y, double width, double height) const;

 private:
  struct Unref {
    void operator()(RsvgHandle* handle) const;
  };
  std::unique_ptr<RsvgHandle, Unref> handle_;
  double width_ = 0, height_ = 0;
};

class Sheets {
 public:
  Sheets();

  // Where the next thing goes: a place that moves down and on to the next sheet.
  [[nodiscard]] double y() const { return y_; }
  [[nodiscard]] std::size_t sheet() const { return sheet_; }
  [[nodiscard]] double room() const { return kSheetHeight - kSheetBottom - y_; }
  [[nodiscard]] bool at_top() const { return y_ <= kSheetTop; }
  void move_to(std::size_t sheet, double y);
  void gap(double height);        ///< none at the top of a sheet
  void next_sheet();              ///< always begins one, unless this one is still empty there
  bool make_room(double height);  ///< next sheet when there is less; whether it went there

  // What is put stays where it is put.
  void put(SheetBox box);
  void put(std::shared_ptr<const ShapedText> text, double x, double y, int first, int last);
  void put(std::shared_ptr<const SheetDrawing> drawing, double x, double y, double width, double height);
  /// Puts all lines of it at x, as many sheets as it takes, and moves on.
  void flow(std::shared_ptr<const ShapedText> text, double x);
  /// A heading for the outline that viewers show beside the sheets.
  void mark(const std::string& heading);

  [[nodiscard]] std::size_t count() const { return sheets_.size(); }
  /// The PDF. "report.pdf" when it cannot be made.
  [[nodiscard]] Result<std::string> write(const SheetMarks& marks, TextShaper& shaper) const;

 private:
  struct PlacedText {
    std::shared_ptr<const ShapedText> text;
    double x = 0, y = 0;
    int first = 0, last = 0;
  };
  struct PlacedDrawing {
    std::shared_ptr<const SheetDrawing> drawing;
    double x = 0, y = 0, width = 0, height = 0;
  };
  using Item = std::variant<SheetBox, PlacedText, PlacedDrawing>;
  struct Heading {
    std::string words;
    std::size_t sheet = 0;
    double y = 0;
  };
  static void draw(cairo_t* cairo, const Item& item);

  std::vector<std::vector<Item>> sheets_;
  std::vector<Heading> headings_;
  std::size_t sheet_ = 0;
  double y_ = kSheetTop;
};

}  // namespace kiln
