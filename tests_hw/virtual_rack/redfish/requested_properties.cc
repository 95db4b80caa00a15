#include "tests_hw/virtual_rack/redfish/requested_properties.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiln::virtual_rack {
namespace {

void flatten(const json::object& object, const std::string& prefix,
             std::map<std::string, json::value>& leaves) {
  for (const auto& [key, value] : object) {
    if (key.find('@') != json::string_view::npos) continue;
    const std::string path = prefix + std::string(key);
    if (value.is_object()) {
      flatten(value.as_object(), path + "/", leaves);
    } else {
      leaves[path] = value;
    }
  }
}

/// The property a path names in a resource; null when the resource has none.
const json::value* property_at(const json::object& resource, std::string_view path) {
  const json::object* at = &resource;
  for (;;) {
    const std::size_t slash = path.find('/');
    const json::value* found = at->if_contains(path.substr(0, slash));
    if (found == nullptr || slash == std::string_view::npos) return found;
    if (!found->is_object()) return nullptr;
    at = &found->as_object();
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

std::optional<RequestedProperties> RequestedProperties::read(const std::string& body) {
  const std::optional<json::object> object = parse_object(body);
  if (!object) return std::nullopt;
  RequestedProperties requested;
  flatten(*object, "", requested.wanted_);
  return requested;
}

std::optional<json::value> RequestedProperties::take(const std::string& path) {
  const auto found = wanted_.find(path);
  if (found == wanted_.end()) return std::nullopt;
  json::value value = std::move(found->second);
  wanted_.erase(found);
  ++taken_;
  return value;
}

void RequestedProperties::refuse(const std::string& path, std::string message_id, std::string text,
                                 std::vector<std::string> arguments) {
  refused_.push_back({std::move(message_id), std::move(text), std::move(arguments), path});
  ++refused_taken_;
}

void RequestedProperties::wrong_type(const std::string& path, const json::value& value) {
  // A value may be a secret that stands in the wrong place: its kind is told, not itself.
  const std::string kind(json::to_string(value.kind()));
  refuse(
      path, "PropertyValueTypeError",
      fmt::format("The value {} for the property {} is not a type that the property can accept.", kind, path),
      {kind, path});
}

std::optional<bool> RequestedProperties::flag(const std::string& path) {
  const std::optional<json::value> value = take(path);
  if (!value) return std::nullopt;
  if (value->is_bool()) return value->as_bool();
  wrong_type(path, *value);
  return std::nullopt;
}

std::optional<std::string> RequestedProperties::text(const std::string& path, std::size_t shortest,
                                                     std::size_t longest) {
  const std::optional<json::value> value = take(path);
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    wrong_type(path, *value);
    return std::nullopt;
  }
  std::string text(value->as_string());
  if (text.size() >= shortest && text.size() <= longest) return text;
  // It may be a secret: the value is not told.
  refuse(path, "PropertyValueError",
         fmt::format("The value for the property {} has not between {} and {} characters.", path, shortest,
                     longest),
         {path});
  return std::nullopt;
}

std::optional<std::string> RequestedProperties::choice(const std::string& path,
                                                       const std::vector<std::string>& choices) {
  std::optional<std::string> word = text(path);
  if (!word || std::find(choices.begin(), choices.end(), *word) != choices.end()) return word;
  refuse(
      path, "PropertyValueNotInList",
      fmt::format("The value '{}' for the property {} is not in the list of acceptable values.", *word, path),
      {*word, path});
  return std::nullopt;
}

std::optional<std::int64_t> RequestedProperties::whole(const std::string& path, std::int64_t least,
                                                       std::int64_t most) {
  const std::optional<json::value> value = take(path);
  if (!value) return std::nullopt;
  if (!value->is_int64()) {
    wrong_type(path, *value);
    return std::nullopt;
  }
  const std::int64_t number = value->as_int64();
  if (number >= least && number <= most) return number;
  refuse(
      path, "PropertyValueOutOfRange",
      fmt::format("The value '{}' for the property {} is not between {} and {}.", number, path, least, most),
      {std::to_string(number), path});
  return std::nullopt;
}

std::optional<std::vector<std::string>> RequestedProperties::texts(const std::string& path,
                                                                   const std::vector<std::string>& now,
                                                                   std::size_t most) {
  const std::optional<json::value> value = take(path);
  if (!value) return std::nullopt;
  if (!value->is_array()) {
    wrong_type(path, *value);
    return std::nullopt;
  }
  std::vector<std::string> became;
  const json::array& wanted = value->as_array();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const json::value& one = wanted[i];
    if (one.is_null()) continue;
    if (one.is_string()) {
      became.emplace_back(one.as_string());
    } else if (one.is_object() && one.as_object().empty() && i < now.size()) {
      became.push_back(now[i]);
    } else {
      wrong_type(path, one);
      return std::nullopt;
    }
  }
  if (became.size() <= most) return became;
  refuse(path, "PropertyValueError", fmt::format("The array {} holds {} elements at most.", path, most),
         {path});
  return std::nullopt;
}

std::optional<std::vector<std::string>> RequestedProperties::list(const std::string& path) {
  return texts(path, {}, std::numeric_limits<std::size_t>::max());
}

void RequestedProperties::require(const std::string& path) {
  if (asks(path)) return;
  refuse(path, "PropertyMissing",
         fmt::format("The property {} is required and is missing from the request.", path), {path});
}

void RequestedProperties::close(const json::object& current) {
  for (const auto& [path, value] : wanted_) {
    const bool known = property_at(current, path) != nullptr;
    refused_.push_back({known ? "PropertyNotWritable" : "PropertyUnknown",
                        known ? fmt::format("The property {} is read-only.", path)
                              : fmt::format("The property {} is not one of this resource.", path),
                        {path},
                        path});
  }
  wanted_.clear();
}

}  // namespace kiln::virtual_rack
