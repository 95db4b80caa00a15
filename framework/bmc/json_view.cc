#include "bmc/json_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <cstring>

#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr std::size_t kPrintedLength = 80;

std::optional<double> plain_number(const simdjson::dom::element& element) {
  double value = 0;
  if (element.get(value) != simdjson::SUCCESS) return std::nullopt;
  if (!std::isfinite(value) || is_sentinel(value)) return std::nullopt;
  return value;
}

/// Words that some firmware prints for a float it could not compute. JSON has no such values; null says the
/// same.
constexpr std::array<std::string_view, 8> kNotFinite = {"-Infinity", "Infinity", "-inf", "inf",
                                                        "-nan",      "nan",      "NaN",  "-NaN"};

/// Replaces what no JSON text may hold by something that means the same; leaves the structure alone.
std::string without_forbidden_bytes(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  std::size_t i = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (i < text.size()) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      out.append(text, i, 2);
      i += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (!in_string) {
      std::string_view rest(text);
      rest.remove_prefix(i);
      bool replaced = false;
      for (const std::string_view word : kNotFinite) {
        if (!rest.starts_with(word)) continue;
        out += "null";
        i += word.size();
        replaced = true;
        break;
      }
      if (replaced) continue;
    }
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    ++i;
  }
  return out;
}

/// Replaces bytes that are not UTF-8 by '?'.
std::string valid_utf8(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80           ? 1
                               : (lead >> 5) == 0x06 ? 2
                               : (lead >> 4) == 0x0e ? 3
                               : (lead >> 3) == 0x1e ? 4
                                                     : 0;
    if (length != 0 && i + length <= text.size() && simdjson::validate_utf8(text.data() + i, length)) {
      out.append(text, i, length);
      i += length;
    } else {
      out += '?';
      ++i;
    }
  }
  return out;
}

/// Infinities that came from numbers out of range have no JSON form either.
void drop_not_finite(boost::json::value& value) {
  if (value.is_double() && !std::isfinite(value.get_double())) {
    value = nullptr;
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) drop_not_finite(member.value());
  } else if (value.is_array()) {
    for (boost::json::value& element : value.get_array()) drop_not_finite(element);
  }
}

/// UTF-16 without a mark: a NUL beside each of the first letters. Blanks in their place would make names that
/// nobody finds.
bool is_wide(const std::string& text) {
  const std::size_t nul = text.find('\0');
  return nul < 2 && text.size() > nul + 2 && text[nul + 2] == '\0';
}

std::optional<std::string> repaired_text(const std::string& text, int max_depth) {
  if (is_wide(text)) return std::nullopt;
  boost::json::parse_options options;
  options.allow_trailing_commas = true;
  options.max_depth = static_cast<std::size_t>(max_depth);
  boost::system::error_code failure;
  const std::string clean = valid_utf8(without_forbidden_bytes(text));
  boost::json::value value = boost::json::parse(clean, failure, {}, options);
  if (failure) return std::nullopt;
  drop_not_finite(value);
  return boost::json::serialize(value);
}

simdjson::error_code parse_into(const std::string& text, int max_depth, simdjson::dom::document& document) {
  // One parser per thread keeps its buffers; it is rebuilt only for another depth.
  thread_local simdjson::dom::parser parser;
  thread_local int depth = 0;
  if (depth != max_depth || parser.capacity() < text.size()) {
    const simdjson::error_code grown =
        parser.allocate(std::max<std::size_t>(text.size(), 65'536), static_cast<std::size_t>(max_depth));
    if (grown != simdjson::SUCCESS) return grown;
    depth = max_depth;
  }
  return parser.parse_into_document(document, text).error();
}

/// Documents that nobody reads any more, for the next texts of about their size: what is polled has the same
/// size each time, and a document takes ten times its text, which the allocator would look for anew.
class SpareDocuments : public std::enable_shared_from_this<SpareDocuments> {
 public:
  SpareDocuments() { spare_.reserve(kMostSpare); }
  std::shared_ptr<simdjson::dom::document> take(std::size_t size) {
    const auto fits = [size](const auto& one) {
      return one->capacity() >= size && one->capacity() <= 2 * size;
    };
    const auto found = std::find_if(spare_.begin(), spare_.end(), fits);
    std::unique_ptr<simdjson::dom::document> taken;
    if (found == spare_.end()) {
      taken = std::make_unique<simdjson::dom::document>();
    } else {
      taken = std::move(*found);
      spare_.erase(found);
    }
    // They may outlive the thread's own hold on this.
    return {taken.release(), [self = shared_from_this()](simdjson::dom::document* done) {
              self->keep(std::unique_ptr<simdjson::dom::document>(done));
            }};
  }

 private:
  static constexpr std::size_t kMostSpare = 4;
  static constexpr std::size_t kLargestSpare = 64UL * 1024UL;  // bytes of text

  void keep(std::unique_ptr<simdjson::dom::document> done) {
    if (done->capacity() == 0 || done->capacity() > kLargestSpare) return;
    if (spare_.size() == kMostSpare) spare_.erase(spare_.begin());
    spare_.push_back(std::move(done));
  }

  std::vector<std::unique_ptr<simdjson::dom::document>> spare_;  ///< the one that was let go last is the last
};

std::shared_ptr<simdjson::dom::document> document_for(std::size_t size) {
  thread_local const auto spare = std::make_shared<SpareDocuments>();
  return spare->take(size);
}

}  // namespace

JsonView JsonView::operator[](std::string_view name) const {
  simdjson::dom::object object;
  if (!element_ || element_->get(object) != simdjson::SUCCESS) return {};
  simdjson::dom::element member;
  if (object.at_key(name).get(member) != simdjson::SUCCESS) return {};
  return {document_, member};
}

JsonView JsonView::at(std::initializer_list<std::string_view> path) const {
  JsonView view = *this;
  for (const std::string_view name : path) view = view[name];
  return view;
}

bool JsonView::has_any(std::initializer_list<std::string_view> names) const {
  simdjson::dom::object object;
  if (!element_ || element_->get(object) != simdjson::SUCCESS) return false;
  for (auto field = object.begin(); field != object.end(); ++field) {
    const std::string_view key = field.key();
    for (const std::string_view name : names) {
      if (key == name) return true;
    }
  }
  return false;
}

int JsonView::occurrences(std::string_view name) const {
  simdjson::dom::object object;
  if (!element_ || element_->get(object) != simdjson::SUCCESS) return 0;
  int count = 0;
  for (const auto field : object) count += field.key == name ? 1 : 0;
  return count;
}

std::optional<std::string> JsonView::verbatim() const {
  std::string_view text;
  if (!element_ || element_->get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> JsonView::word() const {
  std::optional<std::string> text = verbatim();
  if (!text) return std::nullopt;
  return tidy_text(*text);
}

std::optional<std::string> JsonView::text() const {
  if (!element_) return std::nullopt;
  if (element_->is_string()) {
    std::string tidy = word().value_or(std::string{});
    if (means_unset(tidy)) return std::nullopt;
    return tidy;
  }
  if (element_->is_bool()) return element_->get_bool().value_unsafe() ? "true" : "false";
  if (element_->is_number()) return printed();
  if (element_->is_array()) {
    const std::vector<JsonView> list = elements();
    if (list.size() == 1 && !list.front().is_array()) return list.front().text();
  }
  return std::nullopt;
}

std::optional<double> JsonView::number() const {
  if (!element_) return std::nullopt;
  if (element_->is_number()) return plain_number(*element_);
  if (element_->is_string()) {
    const std::optional<NumberWithUnit> read = tolerant_number(verbatim().value_or(std::string{}));
    return read ? std::optional<double>(read->value) : std::nullopt;
  }
  if (element_->is_object()) {
    const JsonView reading = (*this)["Reading"];
    return reading.is_object() ? std::nullopt : reading.number();
  }
  if (element_->is_array()) {
    const std::vector<JsonView> list = elements();
    if (list.size() == 1 && !list.front().is_array()) return list.front().number();
  }
  return std::nullopt;
}

std::optional<std::int64_t> JsonView::integer() const {
  const std::optional<double> value = number();
  constexpr double kLargest = 9007199254740992.0;  // 2^53: beyond it a double no longer counts one by one
  if (!value || std::trunc(*value) != *value || std::abs(*value) > kLargest) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> JsonView::boolean() const {
  if (!element_) return std::nullopt;
  bool value = false;
  if (element_->get(value) == simdjson::SUCCESS) return value;
  const std::optional<std::string> printed_text = text();
  return printed_text ? tolerant_boolean(*printed_text) : std::nullopt;
}

std::optional<std::string> JsonView::link() const {
  std::optional<std::string> address = is_object() ? (*this)["@odata.id"].verbatim() : verbatim();
  if (address && address->empty()) return std::nullopt;
  return address;
}

std::vector<JsonView> JsonView::elements() const {
  std::vector<JsonView> list;
  simdjson::dom::array array;
  if (element_ && element_->get(array) == simdjson::SUCCESS) {
    for (const simdjson::dom::element element : array) list.push_back({document_, element});
  } else if (is_object() || is_string()) {
    list.push_back(*this);
  }
  return list;
}

std::vector<std::pair<std::string, JsonView>> JsonView::members() const {
  std::vector<std::pair<std::string, JsonView>> list;
  simdjson::dom::object object;
  if (!element_ || element_->get(object) != simdjson::SUCCESS) return list;
  for (const auto field : object) list.emplace_back(std::string(field.key), JsonView(document_, field.value));
  return list;
}

std::string JsonView::minified() const { return element_ ? simdjson::minify(*element_) : std::string(); }

std::string JsonView::printed() const {
  if (!element_) return "nothing";
  std::string text = tidy_text(minified());
  if (text.size() <= kPrintedLength) return text;
  std::size_t end = kPrintedLength;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a letter
  return text.substr(0, end) + "…";
}

Result<JsonDocument> JsonDocument::parse(const std::string& text, int max_depth) {
  const std::shared_ptr<simdjson::dom::document> document = document_for(text.size());
  simdjson::error_code failure = parse_into(text, max_depth, *document);
  if (failure == simdjson::SUCCESS) return JsonDocument(document, false);
  if (failure == simdjson::DEPTH_ERROR) {
    return Error("json.too_deep", fmt::format("the body nests deeper than {} levels", max_depth));
  }
  const std::string reason = simdjson::error_message(failure);
  const std::optional<std::string> repaired = repaired_text(text, max_depth);
  if (repaired) failure = parse_into(*repaired, max_depth, *document);
  if (!repaired || failure != simdjson::SUCCESS) {
    return Error("json.invalid",
                 fmt::format("the body of {} bytes is not JSON ({})", text.size(), tidy_text(reason)));
  }
  return JsonDocument(document, true);
}

JsonView JsonDocument::root() const { return {document_, document_->root()}; }

}  // namespace kiln
