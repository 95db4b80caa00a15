#include "pdf/sheets.h"

#include <cairo-pdf.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/time.h"
#include "base/version.h"

namespace kiln {
namespace {

constexpr double kMarkSize = 7.2;

Error not_made(const std::string& why) {
  return {"report.pdf", "the PDF report cannot be made: " + why, "the other formats hold the same",
          Blame::station};
}

void set_ink(cairo_t* cairo, std::uint32_t colour) {
  cairo_set_source_rgb(cairo, ((colour >> 16U) & 0xFFU) / 255.0, ((colour >> 8U) & 0xFFU) / 255.0,
                       (colour & 0xFFU) / 255.0);
}

cairo_status_t append(void* text, const unsigned char* bytes, unsigned length) {
  try {
    static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), length);
  } catch (const std::exception&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
  return CAIRO_STATUS_SUCCESS;
}

void draw_pattern(cairo_t* cairo, const SheetBox& box) {
  cairo_save(cairo);
  cairo_rectangle(cairo, box.x, box.y, box.width, box.height);
  cairo_clip(cairo);
  set_ink(cairo, box.ink);
  switch (box.pattern) {
    case SheetBox::Pattern::none:
      break;
    case SheetBox::Pattern::hatch:
      cairo_set_line_width(cairo, 3.5);
      for (double at = box.y - box.width; at < box.y + box.height; at += 10) {
        cairo_move_to(cairo, box.x - 2, at + box.width + 2);
        cairo_line_to(cairo, box.x + box.width + 2, at - 2);
      }
      cairo_stroke(cairo);
      break;
    case SheetBox::Pattern::dots:
      for (double y = box.y + 4; y < box.y + box.height; y += 7) {
        for (double x = box.x + 4; x < box.x + box.width; x += 7) {
          cairo_arc(cairo, x, y, 2, 0, 6.283185307);
          cairo_fill(cairo);
        }
      }
      break;
    case SheetBox::Pattern::dashes:
      for (double y = box.y; y < box.y + box.height; y += 12) {
        cairo_rectangle(cairo, box.x, y, box.width, 6);
        cairo_fill(cairo);
      }
      break;
  }
  cairo_restore(cairo);
}

void draw_box(cairo_t* cairo, const SheetBox& box) {
  if (box.is_filled) {
    set_ink(cairo, box.ground);
    cairo_rectangle(cairo, box.x, box.y, box.width, box.height);
    cairo_fill(cairo);
  }
  if (box.pattern != SheetBox::Pattern::none) draw_pattern(cairo, box);
  if (box.line <= 0) return;
  set_ink(cairo, box.ink);
  cairo_set_line_width(cairo, box.line);
  if (box.dash > 0) cairo_set_dash(cairo, &box.dash, 1, 0);
  cairo_rectangle(cairo, box.x + box.line / 2, box.y + box.line / 2, box.width - box.line,
                  box.height - box.line);
  cairo_stroke(cairo);
  cairo_set_dash(cairo, nullptr, 0, 0);
}

}  // namespace

void SheetDrawing::Unref::operator()(RsvgHandle* handle) const { g_object_unref(handle); }

Result<std::shared_ptr<SheetDrawing>> SheetDrawing::read(const std::string& svg) {
  GError* failed = nullptr;
  auto drawing = std::make_shared<SheetDrawing>();
  drawing->handle_.reset(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &failed));
  if (drawing->handle_ == nullptr) {
    const std::string why = failed == nullptr ? "no reason given" : failed->message;
    g_clear_error(&failed);
    return Error("report.drawing", "a drawing cannot be read: " + why, "", Blame::station);
  }
  gboolean has_width = 0;
  gboolean has_height = 0;
  gboolean has_box = 0;
  RsvgLength width;
  RsvgLength height;
  RsvgRectangle box = {0, 0, 0, 0};
  rsvg_handle_get_intrinsic_dimensions(drawing->handle_.get(), &has_width, &width, &has_height, &height,
                                       &has_box, &box);
  if (has_box == 0 || box.width <= 0 || box.height <= 0)
    return Error("report.drawing", "a drawing has no viewBox", "", Blame::station);
  drawing->width_ = box.width;
  drawing->height_ = box.height;
  return drawing;
}

void SheetDrawing::draw(cairo_t* cairo, double x, double y, double width, double height) const {
  const RsvgRectangle place = {x, y, width, height};
  rsvg_handle_render_document(handle_.get(), cairo, &place, nullptr);
}

Sheets::Sheets() : sheets_(1) {}

void Sheets::move_to(std::size_t sheet, double y) {
  sheet_ = sheet;
  if (sheets_.size() <= sheet_) sheets_.resize(sheet_ + 1);
  y_ = y;
}

void Sheets::gap(double height) {
  if (!at_top()) y_ += height;
}

void Sheets::next_sheet() {
  if (at_top()) return;
  move_to(sheet_ + 1, kSheetTop);
}

bool Sheets::make_room(double height) {
  if (height <= room() || at_top()) return false;
  next_sheet();
  return true;
}

void Sheets::put(SheetBox box) { sheets_[sheet_].emplace_back(box); }

void Sheets::put(std::shared_ptr<const ShapedText> text, double x, double y, int first, int last) {
  sheets_[sheet_].emplace_back(PlacedText{std::move(text), x, y, first, last});
}

void Sheets::put(std::shared_ptr<const SheetDrawing> drawing, double x, double y, double width,
                 double height) {
  sheets_[sheet_].emplace_back(PlacedDrawing{std::move(drawing), x, y, width, height});
}

void Sheets::flow(std::shared_ptr<const ShapedText> text, double x) {
  int first = 0;
  while (first < text->lines()) {
    int last = text->lines_within(first, room());
    if (last == first) {
      if (!at_top()) {
        next_sheet();
        continue;
      }
      last = first + 1;  // a line higher than a sheet
    }
    put(text, x, y_, first, last);
    y_ += text->top_of(last) - text->top_of(first);
    first = last;
  }
}

void Sheets::mark(const std::string& heading) { headings_.push_back({heading, sheet_, y_}); }

void Sheets::draw(cairo_t* cairo, const Item& item) {
  if (const auto* box = std::get_if<SheetBox>(&item)) {
    draw_box(cairo, *box);
  } else if (const auto* text = std::get_if<PlacedText>(&item)) {
    text->text->draw(cairo, text->x, text->y, text->first, text->last);
  } else if (const auto* drawing = std::get_if<PlacedDrawing>(&item)) {
    drawing->drawing->draw(cairo, drawing->x, drawing->y, drawing->width, drawing->height);
  }
}

Result<std::string> Sheets::write(const SheetMarks& marks, TextShaper& shaper) const {
  std::string pdf;
  const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
      cairo_pdf_surface_create_for_stream(append, &pdf, kSheetWidth, kSheetHeight), cairo_surface_destroy);
  const std::string made = format_utc(marks.made_utc_ns);
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, marks.title.c_str());
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATOR,
                                 fmt::format("Kiln {}", kVersion).c_str());
  // Else cairo takes the time of day, and the same record would never make the same bytes twice.
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, made.c_str());
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_MOD_DATE, made.c_str());
  const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()), cairo_destroy);
  for (const Heading& heading : headings_) {
    cairo_pdf_surface_add_outline(
        surface.get(), CAIRO_PDF_OUTLINE_ROOT, heading.words.c_str(),
        fmt::format("page={} pos=[0.0 {:.1f}]", heading.sheet + 1, heading.y).c_str(),
        static_cast<cairo_pdf_outline_flags_t>(0));
  }
  const TextLook plain{kMarkSize, false, false, 0x333333, TextLook::Side::left};
  TextLook right = plain;
  right.side = TextLook::Side::right;
  TextLook loud = right;
  loud.bold = true;
  loud.ink = 0x111111;
  const ShapedText head = shaper.shape(marks.head, plain, kTextWidth * 0.62);
  const ShapedText warning = shaper.shape(marks.warning, loud, kTextWidth * 0.38);
  const ShapedText foot = shaper.shape(marks.foot, plain, kTextWidth * 0.8);
  for (std::size_t index = 0; index < sheets_.size(); ++index) {
    head.draw(cairo.get(), kSheetLeft, 22, 0, std::min(head.lines(), 1));
    warning.draw(cairo.get(), kSheetLeft + kTextWidth * 0.62, 22, 0, std::min(warning.lines(), 1));
    const double bottom = kSheetHeight - 32;
    foot.draw(cairo.get(), kSheetLeft, bottom, 0, std::min(foot.lines(), 1));
    const ShapedText number =
        shaper.shape(fmt::format("page {} of {}", index + 1, sheets_.size()), right, kTextWidth * 0.2);
    number.draw(cairo.get(), kSheetLeft + kTextWidth * 0.8, bottom, 0, 1);
    for (const Item& item : sheets_[index]) draw(cairo.get(), item);
    cairo_show_page(cairo.get());
  }
  if (cairo_status(cairo.get()) != CAIRO_STATUS_SUCCESS)
    return not_made(cairo_status_to_string(cairo_status(cairo.get())));
  cairo_surface_finish(surface.get());
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS)
    return not_made(cairo_status_to_string(cairo_surface_status(surface.get())));
  return pdf;
}

}  // namespace kiln
