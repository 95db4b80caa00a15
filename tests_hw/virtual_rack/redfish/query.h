#pragma once
// Query parameters (DSP0266 7.3): what ProtocolFeaturesSupported announces, and nothing else.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {

struct Query {
  enum class Expand { none, not_links, all };  ///< nothing, "." and "*"
  static constexpr int kMaxLevels = 1;

  Expand expand = Expand::none;
  bool only = false;
  bool excerpt = false;
  std::optional<std::size_t> skip;
  std::optional<std::size_t> top;

  /// Whether the answer is something other than the resource as it is.
  [[nodiscard]] bool shapes() const { return expand != Expand::none || only || excerpt || skip || top; }
};

/// The parameters of a request, or the answer that refuses them: 501 for a $parameter that is not offered,
/// 400 for a value that cannot be. Others without $ are ignored.
struct ReadQuery {
  Query query;
  std::optional<HttpResponse> refusal;
};
[[nodiscard]] ReadQuery read_query(const std::string& text, bool can_expand);

/// The resource at an address, as a plain GET gives it.
using ReadResource = std::function<std::optional<json::object>(std::string_view uri)>;

/// The page of a long collection that was asked for; Members@odata.count stays the total.
void cut_page(json::object& collection, const Query& query);
/// Puts resources in the place of the references to them, one level deep.
void expand_references(json::object& body, Query::Expand expand, const ReadResource& read);
/// What an excerpt holds of a resource; none when its type has no excerpt.
[[nodiscard]] std::optional<json::object> excerpt_of(const json::object& body);

}  // namespace kiln::virtual_rack
