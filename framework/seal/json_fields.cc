#include "seal/json_fields.h"

#include <fmt/format.h>

#include <utility>

namespace kiln {

namespace json = boost::json;

std::string JsonFields::text(std::string_view name) {
  const json::value* value = object_.if_contains(name);
  if (value == nullptr || !value->is_string()) {
    complain(name, "text");
    return {};
  }
  return std::string(value->as_string());
}

std::int64_t JsonFields::whole(std::string_view name) {
  const json::value* value = object_.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->as_int64() < 0) {
    complain(name, "whole number");
    return 0;
  }
  return value->as_int64();
}

bool JsonFields::yes_or_no(std::string_view name) {
  const json::value* value = object_.if_contains(name);
  if (value == nullptr || !value->is_bool()) {
    complain(name, "yes or no");
    return false;
  }
  return value->as_bool();
}

void JsonFields::complain(std::string_view name, std::string_view kind) {
  if (wrong_.empty()) wrong_ = fmt::format("{} is missing or no {}", name, kind);
}

Error unreadable_json(std::string_view code, std::string_view what, const std::string& why) {
  return {std::string(code), fmt::format("this is no {}: {}", what, why),
          "get the file again from where it was written", Blame::operator_};
}

Result<json::object> json_object_of(std::string_view text, std::string_view code, std::string_view what,
                                    std::string_view form, std::int64_t version) {
  boost::system::error_code failed;
  json::value root = json::parse(text, failed);
  if (failed) return unreadable_json(code, what, "it is no JSON (" + failed.message() + ")");
  if (!root.is_object()) return unreadable_json(code, what, "it is no JSON object");
  JsonFields fields(root.as_object());
  const std::int64_t found = fields.whole(form);
  if (!fields.wrong().empty()) return unreadable_json(code, what, fields.wrong());
  if (found != version)
    return unreadable_json(code, what, fmt::format("its form is {}, this program knows {}", found, version));
  return std::move(root.as_object());
}

}  // namespace kiln
