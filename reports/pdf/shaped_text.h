#pragma once
// Text as it stands on a sheet: shaped and broken into lines by Pango with the fonts of this station, in the
// reading direction of its letters. What no font here can draw is shown by name (‹U+4E2D›), never as an empty
// box. Lengths in points (1/72 inch). A shaper and its texts stay on the thread that made them.

#include <pango/pangocairo.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace kiln {

/// How a text is set. `ink` is 0xRRGGBB.
struct TextLook {
  double size = 8.4;
  bool bold = false;
  bool mono = false;
  std::uint32_t ink = 0x111111;
  enum class Side { left, middle, right } side = Side::left;
};

/// A piece of a text that is set otherwise than the text around it.
struct TextPiece {
  std::string text;
  bool bold = false, mono = false;
  std::uint32_t ink = 0;   ///< 0: as the text
  std::uint32_t tint = 0;  ///< behind it; 0: none
  std::string language;    ///< "zh-CN": which forms its letters have; empty: English
};

/// Lines from top to bottom. Owns its layout.
class ShapedText {
 public:
  ShapedText() = default;
  /// Of the widest line.
  [[nodiscard]] double width() const { return width_; }
  [[nodiscard]] double height() const { return line_bottoms_.empty() ? 0 : line_bottoms_.back(); }
  [[nodiscard]] int lines() const { return static_cast<int>(line_bottoms_.size()); }
  /// Where a line begins, from the top of the text; of `lines()` the height.
  [[nodiscard]] double top_of(int line) const {
    return line <= 0 ? 0 : line_bottoms_[static_cast<std::size_t>(line) - 1];
  }
  /// The first line after `first` that does not end within `room`.
  [[nodiscard]] int lines_within(int first, double room) const;
  /// Draws lines [first, last) with the first of them at (x, y).
  void draw(cairo_t* cairo, double x, double y, int first, int last) const;

 private:
  friend class TextShaper;
  struct Unref {
    void operator()(PangoLayout* layout) const;
  };
  std::unique_ptr<PangoLayout, Unref> layout_;
  std::vector<double> line_bottoms_;
  double width_ = 0;
  std::uint32_t ink_ = 0;
};

class TextShaper {
 public:
  TextShaper();
  ~TextShaper();
  TextShaper(const TextShaper&) = delete;
  TextShaper& operator=(const TextShaper&) = delete;

  /// Whether Latin letters can be drawn. Pango goes on without any font and draws empty boxes.
  [[nodiscard]] bool has_fonts();

  /// `width`: where lines are broken; not positive: nowhere. A text of more than 16 KiB is cut, and says so.
  ShapedText shape(const std::vector<TextPiece>& pieces, const TextLook& look, double width);
  ShapedText shape(const std::string& text, const TextLook& look, double width);

  /// Width of the text in one line, and of its widest word.
  struct Widths {
    double whole = 0, word = 0;
  };
  Widths widths(const std::vector<TextPiece>& pieces, const TextLook& look);

  /// Characters that no font here can draw and that were shown by name.
  [[nodiscard]] const std::set<char32_t>& undrawable() const { return undrawable_; }

 private:
  ShapedText laid_out(const std::vector<TextPiece>& pieces, const TextLook& look, double width);
  std::set<char32_t> missing_in(PangoLayout* layout) const;

  PangoFontMap* fonts_ = nullptr;  ///< the thread's
  PangoContext* context_ = nullptr;
  std::set<char32_t> undrawable_;
};

}  // namespace kiln
