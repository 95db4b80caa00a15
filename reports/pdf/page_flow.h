#pragma once
// The page of the HTML report, set on sheets. It walks the page that reports/html makes, so that both say the
// same by construction: what it knows (headings, tables, drawings, the boxes of page 1) it sets as that, and
// of what it does not know it sets the text. Nothing of the page is executed, followed or loaded: it is read
// as XML, and its text is drawn as letters. One flow, one report; used by one thread.

#include <memory>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "html/look.h"
#include "pdf/sheets.h"

namespace kiln {

class PageFlow {
 public:
  PageFlow(Sheets& sheets, TextShaper& shaper) : sheets_(sheets), shaper_(shaper) {}

  /// `page`: of render_page(). "report.page_unreadable" when it is no XML.
  Status set(const std::string& page);

 private:
  /// Where things are put: the sheet's text, a column of page 1, the inside of a card.
  struct Frame {
    double left = kSheetLeft, width = kTextWidth;
  };
  using TextPointer = std::shared_ptr<const ShapedText>;

  void blocks(const pugi::xml_node& parent, const Frame& frame);
  void block(const pugi::xml_node& node, const Frame& frame);
  void heading(const pugi::xml_node& node, const Frame& frame);
  void paragraph(const pugi::xml_node& node, const Frame& frame, const TextLook& look, double after);
  void head_line(const pugi::xml_node& node, const Frame& frame);
  void filled(const pugi::xml_node& node, const Frame& frame, const TextLook& look, std::uint32_t ground);
  void verdict(const pugi::xml_node& node, const Frame& frame);
  void counts(const pugi::xml_node& node, const Frame& frame);
  void beside_bar(const pugi::xml_node& node, const Frame& frame);
  void front(const pugi::xml_node& node, const Frame& frame);
  void card(const pugi::xml_node& node, const Frame& frame);
  void details(const pugi::xml_node& node, const Frame& frame);
  void list(const pugi::xml_node& node, const Frame& frame);
  void figure(const pugi::xml_node& node, const Frame& frame);
  void drawing(const pugi::xml_node& node, const Frame& frame, double most_height);
  void table(const pugi::xml_node& node, const Frame& frame);

  [[nodiscard]] TextPointer shaped(const pugi::xml_node& node, const TextLook& look, double width);

  Sheets& sheets_;
  TextShaper& shaper_;
  bool all_open_ = false;  ///< closed sections are printed, too
  pugi::xml_document document_;

  Status trouble_ = success();  ///< the first drawing that could not be read
};

/// Pieces of a text as its inline elements set it: bold, code, marked; white space as a browser shows it.
std::vector<TextPiece> pieces_of(const pugi::xml_node& node);

/// Look of a row, card or word by its class; null: of none.
const Look* look_of_class(std::string_view css_class);

/// "#D55E00" → 0xD55E00.
std::uint32_t colour_of(std::string_view css);

}  // namespace kiln
