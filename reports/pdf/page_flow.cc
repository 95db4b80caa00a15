#include "pdf/page_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <sstream>

namespace kiln {
namespace {

constexpr double kBody = 8.4, kSmall = 7.4;
constexpr double kKeepWithHeading = 70;  // points of what follows that a heading wants on its sheet
constexpr std::uint32_t kBlack = 0x111111, kWhite = 0xFFFFFF, kGrey = 0x333333, kRule = 0xBBBBBB;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool has_class(const pugi::xml_node& node, std::string_view wanted) {
  std::string_view classes = node.attribute("class").value();
  while (!classes.empty()) {
    const auto end = std::min(classes.find(' '), classes.size());
    if (classes.substr(0, end) == wanted) return true;
    classes.remove_prefix(std::min(end + 1, classes.size()));
  }
  return false;
}

bool is_inline(std::string_view name) { return is_one_of(name, {"b", "a", "span", "code", "br", "i"}); }

bool has_blocks(const pugi::xml_node& node) {
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_element && !is_inline(child.name())) return true;
  }
  return false;
}

bool is_blank(const char* text) { return text[std::strspn(text, " \t\r\n")] == '\0'; }

void add_pieces(const pugi::xml_node& node, TextPiece look, bool keeps_space, std::vector<TextPiece>& out) {
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
      TextPiece piece = look;
      if (keeps_space) {
        piece.text = child.value();
      } else {
        bool spaced = !out.empty() && !out.back().text.empty() &&
                      (out.back().text.back() == ' ' || out.back().text.back() == '\n');
        if (out.empty()) spaced = true;  // none at the beginning
        for (const char* at = child.value(); *at != '\0'; ++at) {
          const bool is_space = *at == ' ' || *at == '\t' || *at == '\r' || *at == '\n';
          if (!is_space) piece.text += *at;
          if (is_space && !spaced) piece.text += ' ';
          spaced = is_space;
        }
      }
      if (!piece.text.empty()) out.push_back(std::move(piece));
      continue;
    }
    if (child.type() != pugi::node_element) continue;
    const std::string_view name = child.name();
    if (name == "br") {
      out.push_back({"\n", false, false, 0, 0, ""});
      continue;
    }
    TextPiece inner = look;
    inner.bold = inner.bold || name == "b";
    inner.mono = inner.mono || name == "code";
    if (const pugi::xml_attribute language = child.attribute("lang")) inner.language = language.value();
    if (const Look* marked = look_of_class(child.attribute("class").value());
        marked != nullptr && name == "b") {
      inner.ink = colour_of(marked->ink);
      inner.tint = colour_of(marked->tint);
    }
    add_pieces(child, inner, keeps_space, out);
  }
}

SheetBox filled_box(double x, double y, double width, double height, std::uint32_t ground) {
  SheetBox box;
  box.x = x;
  box.y = y;
  box.width = width;
  box.height = height;
  box.is_filled = true;
  box.ground = ground;
  return box;
}

SheetBox bordered_box(double x, double y, double width, double height, double line, std::uint32_t ink) {
  SheetBox box;
  box.x = x;
  box.y = y;
  box.width = width;
  box.height = height;
  box.line = line;
  box.ink = ink;
  return box;
}

/// The stripe beside a decision, which tells it apart without colour.
SheetBox stripe(const Look& look, double x, double y, double width, double height) {
  SheetBox box = filled_box(x, y, width, height, colour_of(look.colour));
  const std::string_view css = look.css_class;
  box.ink = colour_of(look.colour);
  if (css == "no-go") box.pattern = SheetBox::Pattern::hatch;
  if (css == "conditional") box.pattern = SheetBox::Pattern::dots;
  if (css == "incomplete") box.pattern = SheetBox::Pattern::dashes;
  if (box.pattern != SheetBox::Pattern::none) box.ground = colour_of(look.tint);
  return box;
}

}  // namespace

std::uint32_t colour_of(std::string_view css) {
  std::uint32_t colour = 0;
  if (!css.empty() && css.front() == '#') css.remove_prefix(1);
  std::from_chars(css.data(), css.data() + css.size(), colour, 16);
  if (css.size() == 3)
    colour = ((colour & 0xF00U) * 0x1100U) | ((colour & 0xF0U) * 0x110U) | ((colour & 0xFU) * 0x11U);
  return colour;
}

const Look* look_of_class(std::string_view css_class) {
  if (css_class.find("no-go") != std::string_view::npos || css_class.find("cut") != std::string_view::npos)
    return &look_of("NO-GO");
  if (css_class.find("conditional") != std::string_view::npos) return &look_of("CONDITIONAL");
  if (css_class.find("incomplete") != std::string_view::npos) return &look_of("INCOMPLETE");
  if (css_class.find("survey") != std::string_view::npos) return &look_of("SURVEY");
  if (css_class == "go" || css_class.find("go ") == 0 || css_class.find(" go") != std::string_view::npos)
    return &look_of("GO");
  return nullptr;
}

std::vector<TextPiece> pieces_of(const pugi::xml_node& node) {
  std::vector<TextPiece> pieces;
  add_pieces(node, {}, std::string_view(node.name()) == "pre", pieces);
  while (!pieces.empty()) {
    std::string& last = pieces.back().text;
    while (!last.empty() && (last.back() == ' ' || last.back() == '\n')) last.pop_back();
    if (!last.empty()) break;
    pieces.pop_back();
  }
  return pieces;
}

Status PageFlow::set(const std::string& page) {
  // Of the head nothing is set, and it need not be XML.
  const std::size_t begin = page.find("<body");
  const std::size_t end = page.rfind("</body>");
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return Error("report.page_unreadable", "the page has no body", "", Blame::station);
  const pugi::xml_parse_result parsed = document_.load_buffer(
      page.data() + begin, end + 7 - begin, pugi::parse_default | pugi::parse_ws_pcdata, pugi::encoding_utf8);
  if (!parsed) {
    const auto at = static_cast<std::size_t>(parsed.offset);
    return Error("report.page_unreadable",
                 fmt::format("the page cannot be read as XML: {} at '{}'", parsed.description(),
                             page.substr(begin + at, 60)),
                 "", Blame::station);
  }
  const pugi::xml_node body = document_.child("body");
  all_open_ = has_class(body, "print-all");
  blocks(body.child("main"), {});
  return trouble_;
}

PageFlow::TextPointer PageFlow::shaped(const pugi::xml_node& node, const TextLook& look, double width) {
  return std::make_shared<const ShapedText>(shaper_.shape(pieces_of(node), look, width));
}

void PageFlow::blocks(const pugi::xml_node& parent, const Frame& frame) {
  for (const pugi::xml_node& child : parent.children()) {
    if (child.type() == pugi::node_element) {
      block(child, frame);
    } else if ((child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) &&
               !is_blank(child.value())) {
      // Text that stands beside blocks is set as a paragraph of its own.
      sheets_.flow(std::make_shared<const ShapedText>(shaper_.shape(child.value(), {}, frame.width)),
                   frame.left);
    }
  }
}

void PageFlow::block(const pugi::xml_node& node, const Frame& frame) {
  const std::string_view name = node.name();
  if (is_one_of(name, {"h1", "h2", "h3", "h4"})) return heading(node, frame);
  if (name == "table") return table(node, frame);
  if (name == "svg") {
    if (!has_class(node, "defs")) drawing(node, frame, kSheetHeight);
    return;
  }
  if (name == "figure") return figure(node, frame);
  if (name == "details") return details(node, frame);
  if (name == "ul" || name == "ol") return list(node, frame);
  if (name == "dl") return counts(node, frame);
  if (name == "section") {
    blocks(node, frame);
    if (has_class(node, "page1")) sheets_.next_sheet();
    return;
  }
  if (has_class(node, "head")) return head_line(node, frame);
  if (has_class(node, "loud"))
    return filled(node, frame, {9.4, true, false, kWhite, TextLook::Side::left}, 0x7A3300);
  if (has_class(node, "banner"))
    return filled(node, frame, {9.4, true, false, kWhite, TextLook::Side::middle}, kBlack);
  if (has_class(node, "verdict")) return verdict(node, frame);
  if (has_class(node, "signoff")) return beside_bar(node, frame);
  if (has_class(node, "front")) return front(node, frame);
  if (has_class(node, "card")) return card(node, frame);
  if (has_class(node, "printed")) return paragraph(node, frame, {kBody, true, false, kBlack}, 4);
  if (name == "pre") return paragraph(node, frame, {kSmall, false, true, kBlack}, 4);
  if (has_blocks(node)) return blocks(node, frame);
  TextLook look{kBody, false, false, kBlack, TextLook::Side::left};
  if (has_class(node, "says")) look.size = 10;
  if (has_class(node, "small") || has_class(node, "code"))
    look = {kSmall, false, false, kGrey, TextLook::Side::left};
  if (has_class(node, "do")) look.bold = true;
  paragraph(node, frame, look, 4);
}

void PageFlow::heading(const pugi::xml_node& node, const Frame& frame) {
  const bool is_large = std::string_view(node.name()) <= "h2";
  const bool is_narrow = frame.width < kTextWidth;
  const TextLook look{is_narrow ? 9.6 : is_large ? 12.4 : 9.2, true, false, kBlack, TextLook::Side::left};
  const TextPointer text = shaped(node, look, frame.width);
  sheets_.gap(is_narrow ? 2 : is_large ? 12 : 6);
  sheets_.make_room(text->height() + kKeepWithHeading);
  if (is_large && !is_narrow) {
    std::string words;
    for (const TextPiece& piece : pieces_of(node)) words += piece.text;
    sheets_.mark(words);
  }
  sheets_.flow(text, frame.left);
  if (is_large) {
    sheets_.put(filled_box(frame.left, sheets_.y() + 1, frame.width, is_narrow ? 0.6 : 1.2, kBlack));
    sheets_.gap(5);
  } else {
    sheets_.gap(2);
  }
}

void PageFlow::paragraph(const pugi::xml_node& node, const Frame& frame, const TextLook& look, double after) {
  const TextPointer text = shaped(node, look, frame.width);
  if (text->width() <= 0) return;
  sheets_.flow(text, frame.left);
  sheets_.gap(after);
}

/// What it is on the left, of which run on the right.
void PageFlow::head_line(const pugi::xml_node& node, const Frame& frame) {
  double lowest = sheets_.y();
  double left = frame.left;
  const double share = frame.width / 2;
  TextLook look{9.2, true, false, kBlack, TextLook::Side::left};
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    const TextPointer text = shaped(child, look, share);
    sheets_.put(text, left, sheets_.y(), 0, std::min(text->lines(), 3));
    lowest = std::max(lowest, sheets_.y() + text->top_of(std::min(text->lines(), 3)));
    left += share;
    look = {9.2, false, false, kBlack, TextLook::Side::right};
  }
  sheets_.move_to(sheets_.sheet(), lowest);
  sheets_.put(filled_box(frame.left, lowest + 1, frame.width, 1.2, kBlack));
  sheets_.gap(8);
}

void PageFlow::filled(const pugi::xml_node& node, const Frame& frame, const TextLook& look,
                      std::uint32_t ground) {
  constexpr double kInside = 9, kAbove = 4;
  const TextPointer text = shaped(node, look, frame.width - 2 * kInside);
  // Ground under each sheet's part of the text.
  int first = 0;
  while (first < text->lines()) {
    sheets_.make_room(2 * kAbove + text->top_of(first + 1) - text->top_of(first));
    const int last = std::max(first + 1, text->lines_within(first, sheets_.room() - 2 * kAbove));
    const double height = text->top_of(last) - text->top_of(first);
    sheets_.put(filled_box(frame.left, sheets_.y(), frame.width, height + 2 * kAbove, ground));
    sheets_.put(text, frame.left + kInside, sheets_.y() + kAbove, first, last);
    sheets_.move_to(sheets_.sheet(), sheets_.y() + height + 2 * kAbove);
    first = last;
  }
  sheets_.gap(5);
}

void PageFlow::verdict(const pugi::xml_node& node, const Frame& frame) {
  constexpr double kStripe = 26, kInside = 10;
  const Look* found = look_of_class(node.attribute("class").value());
  const Look& look = found == nullptr ? look_of("") : *found;
  const TextLook words{27, true, false, colour_of(look.ink), TextLook::Side::left};
  const TextPointer text = shaped(node, words, frame.width - kStripe - 2 * kInside);
  const double height = text->height() + 10;
  sheets_.make_room(height);
  const double y = sheets_.y();
  sheets_.put(filled_box(frame.left, y, frame.width, height, colour_of(look.tint)));
  sheets_.put(stripe(look, frame.left + 1, y + 1, kStripe, height - 2));
  const std::string_view css = look.css_class;
  SheetBox border = bordered_box(frame.left, y, frame.width, height,
                                 css == "no-go" ? 5
                                 : css == "go"  ? 2
                                                : 3.5,
                                 colour_of(look.colour));
  border.dash = css == "conditional" ? 3.5 : css == "incomplete" ? 10 : 0;
  sheets_.put(border);
  sheets_.put(text, frame.left + kStripe + kInside, y + 5, 0, text->lines());
  sheets_.move_to(sheets_.sheet(), y + height);
  sheets_.gap(5);
}

/// Name above value, side by side.
void PageFlow::counts(const pugi::xml_node& node, const Frame& frame) {
  std::vector<std::pair<TextPointer, TextPointer>> cells;
  std::size_t number = 0;
  for (const pugi::xml_node& child : node.children("div")) {
    (void)child;
    ++number;
  }
  if (number == 0) return;
  constexpr double kGap = 4, kInside = 5;
  const double width = (frame.width + kGap) / static_cast<double>(number) - kGap;
  double height = 0;
  for (const pugi::xml_node& child : node.children("div")) {
    const TextPointer name =
        shaped(child.child("dt"), {kSmall, false, false, kGrey, TextLook::Side::left}, width - 2 * kInside);
    const TextPointer value =
        shaped(child.child("dd"), {11.5, true, false, kBlack, TextLook::Side::left}, width - 2 * kInside);
    height = std::max(height, name->height() + value->height() + 4);
    cells.emplace_back(name, value);
  }
  sheets_.make_room(height);
  double x = frame.left;
  for (const auto& [name, value] : cells) {
    sheets_.put(bordered_box(x, sheets_.y(), width, height, 0.6, kRule));
    sheets_.put(name, x + kInside, sheets_.y() + 2, 0, name->lines());
    sheets_.put(value, x + kInside, sheets_.y() + 2 + name->height(), 0, value->lines());
    x += width + kGap;
  }
  sheets_.move_to(sheets_.sheet(), sheets_.y() + height);
  sheets_.gap(5);
}

void PageFlow::beside_bar(const pugi::xml_node& node, const Frame& frame) {
  const std::size_t sheet = sheets_.sheet();
  const double y = sheets_.y();
  const Frame inside{frame.left + 10, frame.width - 10};
  if (has_blocks(node)) {
    blocks(node, inside);
  } else {
    paragraph(node, inside, {kBody, false, false, kBlack, TextLook::Side::left}, 0);
  }
  if (sheets_.sheet() == sheet) sheets_.put(filled_box(frame.left, y, 3, sheets_.y() - y, kBlack));
  sheets_.gap(5);
}

/// The rack on the left, why and what to do on the right.
void PageFlow::front(const pugi::xml_node& node, const Frame& frame) {
  constexpr double kGap = 16;
  const double left_width = (frame.width - kGap) * 0.44;
  const Frame right{frame.left + left_width + kGap, frame.width - kGap - left_width};
  const std::size_t sheet = sheets_.sheet();
  const double y = sheets_.y();
  std::pair<std::size_t, double> lowest{sheet, y};
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    sheets_.move_to(sheet, y);
    blocks(child, has_class(child, "rack") ? Frame{frame.left, left_width} : right);
    lowest = std::max(lowest, {sheets_.sheet(), sheets_.y()});
  }
  sheets_.move_to(lowest.first, lowest.second);
}

void PageFlow::card(const pugi::xml_node& node, const Frame& frame) {
  constexpr double kBar = 5, kInside = 6, kAbove = 3;
  const Look* found = look_of_class(node.attribute("class").value());
  const Look& look = found == nullptr ? look_of("SURVEY") : *found;
  const double width = frame.width - kBar - 2 * kInside;
  std::vector<TextPointer> texts;
  double height = 2 * kAbove;
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    const bool is_bold = std::string_view(child.name()) == "h3" || has_class(child, "do");
    const double size = has_class(child, "code") ? kSmall : kBody;
    texts.push_back(shaped(child, {size, is_bold, false, kBlack, TextLook::Side::left}, width));
    height += texts.back()->height() + 1;
  }
  sheets_.make_room(height);
  const bool fits = height <= sheets_.room();
  const double y = sheets_.y();
  if (fits) {
    sheets_.put(bordered_box(frame.left, y, frame.width, height, has_class(node, "cut") ? 2 : 0.6,
                             has_class(node, "cut") ? colour_of(look.colour) : 0x999999));
    sheets_.put(stripe(look, frame.left, y, kBar, height));
  }
  sheets_.move_to(sheets_.sheet(), y + kAbove);
  for (const TextPointer& text : texts) {
    sheets_.flow(text, frame.left + kBar + kInside);
    sheets_.gap(1);
  }
  sheets_.gap(kAbove + 4);
}

void PageFlow::details(const pugi::xml_node& node, const Frame& frame) {
  const bool is_open = all_open_ || node.attribute("open");
  const pugi::xml_node summary = node.child("summary");
  if (summary) {
    const TextPointer text = shaped(summary, {kBody, true, false, kBlack, TextLook::Side::left}, frame.width);
    sheets_.gap(3);
    if (is_open) sheets_.make_room(text->height() + kKeepWithHeading);
    sheets_.flow(text, frame.left);
    sheets_.gap(2);
  }
  if (!is_open) return;
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_element && std::string_view(child.name()) != "summary")
      block(child, frame);
  }
}

void PageFlow::list(const pugi::xml_node& node, const Frame& frame) {
  for (const pugi::xml_node& child : node.children("li")) {
    const auto bullet = std::make_shared<const ShapedText>(shaper_.shape("•", {kBody}, 0));
    sheets_.make_room(bullet->height());
    sheets_.put(bullet, frame.left + 4, sheets_.y(), 0, 1);
    const Frame inside{frame.left + 14, frame.width - 14};
    if (has_blocks(child)) {
      blocks(child, inside);
    } else {
      paragraph(child, inside, {kBody, false, false, kBlack, TextLook::Side::left}, 1);
    }
  }
  sheets_.gap(3);
}

/// Title, drawing and caption stay together.
void PageFlow::figure(const pugi::xml_node& node, const Frame& frame) {
  double wanted = 34;
  for (const auto& found : node.select_nodes(".//svg")) {
    double box[4] = {0, 0, 0, 0};
    std::istringstream numbers(found.node().attribute("viewBox").value());
    for (double& one : box) numbers >> one;
    if (box[2] > 0) wanted += std::min(frame.width, box[2]) * box[3] / box[2];
  }
  sheets_.make_room(std::min(wanted, kSheetHeight / 2));
  blocks(node, frame);
  sheets_.gap(6);
}

void PageFlow::drawing(const pugi::xml_node& node, const Frame& frame, double most_height) {
  pugi::xml_document alone;
  pugi::xml_node copy = alone.append_copy(node);
  const auto set = [&copy](const char* name, const char* value) {
    if (!copy.attribute(name)) copy.append_attribute(name);
    copy.attribute(name).set_value(value);
  };
  set("xmlns", "http://www.w3.org/2000/svg");
  set("font-family", "Noto Sans, DejaVu Sans, Liberation Sans, sans-serif");
  set("font-size", "10.5");
  copy.remove_attribute("style");  // its width on a screen
  for (const auto& link : copy.select_nodes(".//a")) link.node().remove_attribute("href");
  copy.prepend_move(copy.append_copy(
      document_.child("body").find_child_by_attribute("svg", "class", "defs").child("defs")));
  std::ostringstream text;
  alone.print(text, "", pugi::format_raw);
  const Result<std::shared_ptr<SheetDrawing>> read = SheetDrawing::read(text.str());
  if (!read) {
    if (trouble_) trouble_ = read.error();
    return;
  }
  double width = frame.width;
  double height = width * (*read)->height() / (*read)->width();
  sheets_.make_room(std::min({height, most_height, kSheetHeight / 2}));
  const double room = std::min(most_height, sheets_.room());
  if (height > room) {
    width *= room / height;
    height = room;
  }
  sheets_.put(*read, frame.left, sheets_.y(), width, height);
  sheets_.move_to(sheets_.sheet(), sheets_.y() + height);
  sheets_.gap(5);
}

}  // namespace kiln
