#include "pdf/shaped_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/characters.h"

#if defined(__SANITIZE_ADDRESS__)
// fontconfig keeps what its caches hold by offset, where a search for pointers finds no way to it; cairo 1.16
// forgets a list of 768 bytes for each document.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig.so\nleak:libcairo.so\n"; }
#endif

namespace kiln {
namespace {

constexpr std::size_t kLongestText = 16'384;  // bytes: more of one text would fill sheets with nothing else
// Pango's time for one paragraph grows faster than its length.
constexpr std::size_t kLongestParagraph = 2'000;
constexpr const char* kSans = "Noto Sans, DejaVu Sans, Liberation Sans, sans-serif";
constexpr const char* kMono = "DejaVu Sans Mono, Noto Sans Mono, Liberation Mono, monospace";

double points(int pango_units) { return static_cast<double>(pango_units) / PANGO_SCALE; }

std::uint16_t channel(std::uint32_t colour, unsigned shift) {
  return static_cast<std::uint16_t>(((colour >> shift) & 0xFFU) * 257U);
}

void put_attribute(PangoAttrList* list, PangoAttribute* attribute, std::size_t from, std::size_t to) {
  attribute->start_index = static_cast<guint>(from);
  attribute->end_index = static_cast<guint>(to);
  pango_attr_list_insert(list, attribute);  // takes it
}

/// A line feed after each stretch of text without one that is too long for one paragraph.
std::string with_breaks(const std::string& text) {
  if (text.size() <= kLongestParagraph) return text;
  std::string broken;
  std::size_t since = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto [code, length] = next_character(rest);
    if (since >= kLongestParagraph) {
      broken += '\n';
      since = 0;
    }
    since = code == U'\n' ? 0 : since + length;
    broken += rest.substr(0, length);
    rest.remove_prefix(length);
  }
  return broken;
}

std::string by_name(const std::string& text, const std::set<char32_t>& missing) {
  std::string named;
  for (std::string_view rest = text; !rest.empty();) {
    const auto [code, length] = next_character(rest);
    if (missing.count(code) != 0) {
      named += fmt::format("‹U+{:04X}›", static_cast<std::uint32_t>(code));
    } else {
      named += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  return named;
}

}  // namespace

void ShapedText::Unref::operator()(PangoLayout* layout) const { g_object_unref(layout); }

int ShapedText::lines_within(int first, double room) const {
  int last = first;
  while (last < lines() && top_of(last + 1) - top_of(first) <= room + 0.01) ++last;
  return last;
}

void ShapedText::draw(cairo_t* cairo, double x, double y, int first, int last) const {
  cairo_set_source_rgb(cairo, ((ink_ >> 16U) & 0xFFU) / 255.0, ((ink_ >> 8U) & 0xFFU) / 255.0,
                       (ink_ & 0xFFU) / 255.0);
  PangoLayoutIter* at = pango_layout_get_iter(layout_.get());
  int number = 0;
  do {
    if (number >= first && number < last) {
      PangoRectangle line;
      pango_layout_iter_get_line_extents(at, nullptr, &line);
      cairo_move_to(cairo, x + points(line.x),
                    y + points(pango_layout_iter_get_baseline(at)) - top_of(first));
      pango_cairo_show_layout_line(cairo, pango_layout_iter_get_line_readonly(at));
    }
    ++number;
  } while (number < last && pango_layout_iter_next_line(at) != 0);
  pango_layout_iter_free(at);
}

// The thread's own font map: one made and given back for each report would leave memory of fontconfig behind.
TextShaper::TextShaper() : fonts_(pango_cairo_font_map_get_default()) {
  context_ = pango_font_map_create_context(fonts_);
  // One unit is one point, and letters stand where their outlines say, not on pixels of some screen.
  pango_cairo_context_set_resolution(context_, 72.0);
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(context_, options);
  cairo_font_options_destroy(options);
  pango_context_set_round_glyph_positions(context_, 0);
  pango_context_set_language(context_, pango_language_from_string("en"));
}

TextShaper::~TextShaper() { g_object_unref(context_); }

bool TextShaper::has_fonts() {
  const ShapedText letter = laid_out({{"A", false, false, 0, 0, {}}}, {}, 0);
  return pango_layout_get_unknown_glyphs_count(letter.layout_.get()) == 0;
}

ShapedText TextShaper::laid_out(const std::vector<TextPiece>& pieces, const TextLook& look, double width) {
  ShapedText shaped;
  shaped.ink_ = look.ink;
  shaped.layout_.reset(pango_layout_new(context_));
  PangoLayout* layout = shaped.layout_.get();
  PangoFontDescription* font = pango_font_description_from_string(look.mono ? kMono : kSans);
  pango_font_description_set_size(font, static_cast<int>(look.size * PANGO_SCALE));
  if (look.bold) pango_font_description_set_weight(font, PANGO_WEIGHT_BOLD);
  pango_layout_set_font_description(layout, font);
  pango_font_description_free(font);
  pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_auto_dir(layout, 1);
  if (width > 0) pango_layout_set_width(layout, static_cast<int>(width * PANGO_SCALE));
  if (look.side == TextLook::Side::middle) pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER);
  if (look.side == TextLook::Side::right) pango_layout_set_alignment(layout, PANGO_ALIGN_RIGHT);
  std::string text;
  PangoAttrList* attributes = pango_attr_list_new();
  for (const TextPiece& piece : pieces) {
    const std::size_t from = text.size();
    text += piece.text;
    if (piece.bold) put_attribute(attributes, pango_attr_weight_new(PANGO_WEIGHT_BOLD), from, text.size());
    if (piece.mono) put_attribute(attributes, pango_attr_family_new(kMono), from, text.size());
    if (!piece.language.empty())
      put_attribute(attributes, pango_attr_language_new(pango_language_from_string(piece.language.c_str())),
                    from, text.size());
    if (piece.ink != 0)
      put_attribute(
          attributes,
          pango_attr_foreground_new(channel(piece.ink, 16), channel(piece.ink, 8), channel(piece.ink, 0)),
          from, text.size());
    if (piece.tint != 0)
      put_attribute(
          attributes,
          pango_attr_background_new(channel(piece.tint, 16), channel(piece.tint, 8), channel(piece.tint, 0)),
          from, text.size());
  }
  pango_layout_set_attributes(layout, attributes);
  pango_attr_list_unref(attributes);
  pango_layout_set_text(layout, text.data(), static_cast<int>(text.size()));
  PangoLayoutIter* at = pango_layout_get_iter(layout);
  do {
    int top = 0;
    int bottom = 0;
    pango_layout_iter_get_line_yrange(at, &top, &bottom);
    shaped.line_bottoms_.push_back(points(bottom));
    PangoRectangle line;
    pango_layout_iter_get_line_extents(at, nullptr, &line);
    shaped.width_ = std::max(shaped.width_, points(line.width));
  } while (pango_layout_iter_next_line(at) != 0);
  pango_layout_iter_free(at);
  return shaped;
}

std::set<char32_t> TextShaper::missing_in(PangoLayout* layout) const {
  std::set<char32_t> missing;
  PangoLayoutIter* at = pango_layout_get_iter(layout);
  do {
    const PangoLayoutRun* run = pango_layout_iter_get_run_readonly(at);
    if (run == nullptr) continue;  // the end of a line
    for (int index = 0; index < run->glyphs->num_glyphs; ++index) {
      const PangoGlyph glyph = run->glyphs->glyphs[index].glyph;
      if (glyph != PANGO_GLYPH_EMPTY && (glyph & PANGO_GLYPH_UNKNOWN_FLAG) != 0)
        missing.insert(static_cast<char32_t>(glyph & ~PANGO_GLYPH_UNKNOWN_FLAG));
    }
  } while (pango_layout_iter_next_run(at) != 0);
  pango_layout_iter_free(at);
  return missing;
}

ShapedText TextShaper::shape(const std::vector<TextPiece>& pieces, const TextLook& look, double width) {
  std::vector<TextPiece> kept;
  std::size_t room = kLongestText;
  for (TextPiece piece : pieces) {
    const std::size_t whole = piece.text.size();
    piece.text = with_breaks(visible_text(piece.text, room));
    kept.push_back(std::move(piece));
    if (whole >= room) break;
    room -= whole;
  }
  ShapedText shaped = laid_out(kept, look, width);
  if (pango_layout_get_unknown_glyphs_count(shaped.layout_.get()) == 0) return shaped;
  const std::set<char32_t> missing = missing_in(shaped.layout_.get());
  undrawable_.insert(missing.begin(), missing.end());
  for (TextPiece& piece : kept) piece.text = by_name(piece.text, missing);
  return laid_out(kept, look, width);
}

ShapedText TextShaper::shape(const std::string& text, const TextLook& look, double width) {
  return shape(std::vector<TextPiece>{{text, false, false, 0, 0, {}}}, look, width);
}

TextShaper::Widths TextShaper::widths(const std::vector<TextPiece>& pieces, const TextLook& look) {
  ShapedText shaped = shape(pieces, look, 0);
  Widths widths{shaped.width(), 0};
  PangoLayout* layout = shaped.layout_.get();
  pango_layout_set_wrap(layout, PANGO_WRAP_WORD);
  pango_layout_set_width(layout, PANGO_SCALE);
  int whole = 0;
  pango_layout_get_size(layout, &whole, nullptr);
  widths.word = std::min(points(whole), widths.whole);
  return widths;
}

}  // namespace kiln
