#include "tests_hw/virtual_rack/redfish/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "tests_hw/virtual_rack/http_message.h"

namespace kiln::virtual_rack {
namespace {

/// Collections longer than this come in pages with Members@odata.nextLink (DSP0266 7.3).
constexpr std::size_t kPage = 250;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

HttpResponse bad_value(std::string_view name, std::string_view value) {
  return error_response(
      400, "QueryParameterValueFormatError",
      fmt::format("The value '{}' for the parameter {} is of a format the parameter cannot accept.", value,
                  name),
      {std::string(value), std::string(name)});
}

HttpResponse not_offered(std::string_view name) {
  return error_response(501, "QueryNotSupported",
                        fmt::format("Querying with '{}' is not supported by this service.", name));
}

/// "." or "*", with "($levels=N)" behind it or not.
std::optional<HttpResponse> read_expand(std::string_view value, Query& query) {
  const std::string_view whole = value;
  if (value.empty()) return bad_value("$expand", whole);
  const char which = value.front();
  if (which == '~') return not_offered("$expand=~");
  if (which != '.' && which != '*') return bad_value("$expand", whole);
  query.expand = which == '.' ? Query::Expand::not_links : Query::Expand::all;
  value.remove_prefix(1);
  if (value.empty()) return std::nullopt;
  constexpr std::string_view kLevels = "($levels=";
  if (!value.starts_with(kLevels) || value.back() != ')') return bad_value("$expand", whole);
  value.remove_prefix(kLevels.size());
  value.remove_suffix(1);
  const std::optional<int> levels = number<int>(value);
  if (!levels) return bad_value("$expand", whole);
  if (*levels >= 1 && *levels <= Query::kMaxLevels) return std::nullopt;
  return error_response(400, "QueryParameterOutOfRange",
                        fmt::format("The value '{}' for the parameter $levels is not between 1 and {}.",
                                    *levels, Query::kMaxLevels),
                        {std::to_string(*levels), "$levels", fmt::format("1 to {}", Query::kMaxLevels)});
}

std::optional<HttpResponse> read_parameter(std::string_view name, const std::optional<std::string>& value,
                                           bool can_expand, Query& query) {
  const std::string given = value.value_or("");
  if (name == "only" || name == "excerpt") {
    if (value) return bad_value(name, given);
    (name == "only" ? query.only : query.excerpt) = true;
  } else if (name == "$skip" || name == "$top") {
    const std::optional<std::size_t> count = number<std::size_t>(given);
    if (!count) return bad_value(name, given);
    (name == "$skip" ? query.skip : query.top) = *count;
  } else if (name == "$expand" && can_expand) {
    return read_expand(given, query);
  } else if (name.starts_with('$')) {
    return not_offered(name);
  }
  return std::nullopt;
}

/// A reference property holds @odata.id and nothing else (DSP0266 9.4.5).
bool is_reference(const json::value& value) {
  return value.is_object() && value.as_object().size() == 1 && value.as_object().contains("@odata.id");
}

void expand_value(json::value& value, const ReadResource& read) {
  if (!is_reference(value)) return;
  const std::string uri(value.as_object().at("@odata.id").as_string());
  std::optional<json::object> whole = read(uri);
  if (whole) value = std::move(*whole);
}

}  // namespace

ReadQuery read_query(const std::string& text, bool can_expand) {
  ReadQuery read;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('&', begin), text.size());
    const std::string_view one = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (one.empty()) continue;
    const std::size_t equals = one.find('=');
    const std::optional<std::string> name = percent_decoded(one.substr(0, equals));
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = percent_decoded(one.substr(equals + 1));
    if (!name || (equals != std::string_view::npos && !value)) {
      read.refusal = bad_value(one.substr(0, equals), "?");
      return read;
    }
    read.refusal = read_parameter(*name, value, can_expand, read.query);
    if (read.refusal) return read;
  }
  const Query& query = read.query;
  if ((query.only || query.excerpt) &&
      (query.expand != Query::Expand::none || query.skip || query.top || query.only == query.excerpt)) {
    read.refusal = error_response(400, "QueryCombinationInvalid",
                                  "Two or more query parameters in the request cannot be used together.");
  }
  return read;
}

void cut_page(json::object& collection, const Query& query) {
  json::array& all = collection.at("Members").as_array();
  const std::size_t first = std::min(query.skip.value_or(0), all.size());
  const std::size_t last = first + std::min({query.top.value_or(kPage), kPage, all.size() - first});
  if (first == 0 && last == all.size()) return;
  const bool more = last < all.size();
  json::array part(all.begin() + static_cast<std::ptrdiff_t>(first),
                   all.begin() + static_cast<std::ptrdiff_t>(last));
  all = std::move(part);
  if (!more) return;
  // Only now: another property may move the others, and `all` with them. A client that asked for pages of its
  // own size gets the next of them.
  const std::string uri(collection.at("@odata.id").as_string());
  collection["Members@odata.nextLink"] = query.top ? fmt::format("{}?$skip={}&$top={}", uri, last, *query.top)
                                                   : fmt::format("{}?$skip={}", uri, last);
}

void expand_references(json::object& body, Query::Expand expand, const ReadResource& read) {
  for (auto& [key, value] : body) {
    if (key == "Actions" || (key == "Links" && expand == Query::Expand::not_links)) continue;
    if (is_reference(value)) {
      expand_value(value, read);
    } else if (value.is_object()) {
      expand_references(value.as_object(), expand, read);
    } else if (value.is_array()) {
      for (json::value& element : value.as_array()) {
        if (is_reference(element)) {
          expand_value(element, read);
        } else if (element.is_object() && !element.as_object().contains("@odata.id")) {
          expand_references(element.as_object(), expand, read);
        }
      }
    }
  }
}

std::optional<json::object> excerpt_of(const json::object& body) {
  const json::value* type = body.if_contains("@odata.type");
  if (type == nullptr || !type->is_string() || !type->as_string().starts_with("#Sensor.v")) {
    return std::nullopt;
  }
  json::object excerpt;
  for (const std::string_view name : {"@odata.id", "@odata.type", "Reading"}) {
    if (const json::value* value = body.if_contains(name)) excerpt[name] = *value;
  }
  return excerpt;
}

}  // namespace kiln::virtual_rack
