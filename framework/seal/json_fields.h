#pragma once
// Reads the fields of a signed JSON object strictly, and keeps the first that is not as it must be. For this
// folder only.

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln {

class JsonFields {
 public:
  explicit JsonFields(const boost::json::object& object) : object_(object) {}

  /// Empty, and wrong() set, when it is missing or of another type.
  std::string text(std::string_view name);
  /// Not negative.
  std::int64_t whole(std::string_view name);
  bool yes_or_no(std::string_view name);
  [[nodiscard]] bool has(std::string_view name) const { return object_.if_contains(name) != nullptr; }
  /// "decision is missing or no text"; empty: all were there.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void complain(std::string_view name, std::string_view kind);
  const boost::json::object& object_;
  std::string wrong_;
};

/// "this is no WHAT: WHY", for operators.
Error unreadable_json(std::string_view code, std::string_view what, const std::string& why);

/// The object in `text` when its whole number `form` is `version`.
Result<boost::json::object> json_object_of(std::string_view text, std::string_view code,
                                           std::string_view what, std::string_view form,
                                           std::int64_t version);

}  // namespace kiln
