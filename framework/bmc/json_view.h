#pragma once
// Reading JSON the way BMCs really write it: numbers as text, text as numbers, objects {Reading,
// DataSourceUri} or lists where the schema has a scalar, null and "N/A" for "no value". A JsonView is a cheap
// handle that keeps its document alive; an absent member is a view that does not exist, so chains like
// root["Status"]["State"] need no checks. Built on simdjson. Loop thread only.

#include <simdjson.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kiln {

class JsonView {
 public:
  JsonView() = default;

  [[nodiscard]] bool exists() const { return element_.has_value(); }
  [[nodiscard]] bool is_null() const { return element_ && element_->is_null(); }
  [[nodiscard]] bool is_object() const { return element_ && element_->is_object(); }
  [[nodiscard]] bool is_array() const { return element_ && element_->is_array(); }
  [[nodiscard]] bool is_string() const { return element_ && element_->is_string(); }
  [[nodiscard]] bool is_boolean() const { return element_ && element_->is_bool(); }
  [[nodiscard]] bool is_number() const { return element_ && element_->is_number(); }

  /// The first member of that name; a view that does not exist when there is none or this is no object.
  [[nodiscard]] JsonView operator[](std::string_view name) const;
  [[nodiscard]] JsonView at(std::initializer_list<std::string_view> path) const;
  /// An object has a member of one of these names: one look at all of its names.
  [[nodiscard]] bool has_any(std::initializer_list<std::string_view> names) const;
  /// How often an object has a member of that name; more than once is against RFC 8259 and hides something.
  [[nodiscard]] int occurrences(std::string_view name) const;

  /// A JSON string, tidied (no control characters, no blanks at the ends); nullopt for anything else.
  [[nodiscard]] std::optional<std::string> word() const;
  /// What a person would read: a string, number or boolean, or the only element of a list; nullopt for null,
  /// for the ways of saying "no value", for objects and for longer lists.
  [[nodiscard]] std::optional<std::string> text() const;
  [[nodiscard]] std::string text_or_empty() const { return text().value_or(std::string{}); }
  /// A JSON string exactly as sent: for addresses, which are never tidied.
  [[nodiscard]] std::optional<std::string> verbatim() const;
  /// A number, a number as text, `Reading` of an object, or the only element of a list. Never a sentinel, NaN
  /// or infinity.
  [[nodiscard]] std::optional<double> number() const;
  /// As number(), whole ones only ("4.0" is 4). A boolean is not a number.
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  /// The address in `@odata.id`, or this string itself where a reference was written as plain text.
  [[nodiscard]] std::optional<std::string> link() const;

  /// The elements of a list. An object or string where a list belongs counts as a list of one; nothing else
  /// does.
  [[nodiscard]] std::vector<JsonView> elements() const;
  /// Members in the order sent, repeated names included; empty for anything but an object.
  [[nodiscard]] std::vector<std::pair<std::string, JsonView>> members() const;
  /// Compact JSON, all of it.
  [[nodiscard]] std::string minified() const;
  /// The same for messages; tidy, and cut after 80 characters.
  [[nodiscard]] std::string printed() const;

 private:
  friend class JsonDocument;
  JsonView(std::shared_ptr<const simdjson::dom::document> document, simdjson::dom::element element)
      : document_(std::move(document)), element_(element) {}
  std::shared_ptr<const simdjson::dom::document> document_;
  std::optional<simdjson::dom::element> element_;
};

/// One parsed body. Copies share it.
class JsonDocument {
 public:
  /// `max_depth` bounds nesting. Text that is not JSON is repaired where that takes nothing away: byte order
  /// mark, raw control characters, invalid UTF-8, bare NaN and Infinity (become null), trailing commas,
  /// integers too big. A cut text stays an Error: "json.invalid", and so does one too deep: "json.too_deep".
  static Result<JsonDocument> parse(const std::string& text, int max_depth);

  [[nodiscard]] JsonView root() const;
  [[nodiscard]] bool repaired() const { return repaired_; }

 private:
  JsonDocument(std::shared_ptr<const simdjson::dom::document> document, bool repaired)
      : document_(std::move(document)), repaired_(repaired) {}
  std::shared_ptr<const simdjson::dom::document> document_;
  bool repaired_ = false;
};

}  // namespace kiln
