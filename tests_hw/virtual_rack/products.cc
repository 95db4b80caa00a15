#include "tests_hw/virtual_rack/products.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/nearest.h"
#include "tests_hw/virtual_rack/config.h"
#include "tests_hw/virtual_rack/config_reader.h"

namespace kiln::virtual_rack {

namespace {

constexpr int kMostLikes = 4;  ///< a chain of "like" that is longer is a circle

/// Maps are merged, everything else is replaced.
YAML::Node merged(const YAML::Node& below, const YAML::Node& above) {
  if (!below || !below.IsMap() || !above.IsMap()) return YAML::Clone(above);
  YAML::Node both = YAML::Clone(below);
  for (const auto& pair : above) {
    const auto name = pair.first.as<std::string>();
    const YAML::Node under = below[name];
    both[name] = merged(under, pair.second);
  }
  return both;
}

/// The product's own file over the one that it is like.
YAML::Node changes_of(const std::string& product, int depth = 0) {
  if (depth > kMostLikes)
    throw ConfigError(fmt::format("products/{}.yaml: 'like' goes in a circle", product));
  const std::string path = fmt::format("products/{}.yaml", product);
  if (!embedded_config(path)) return YAML::Node(YAML::NodeType::Map);  // as trays.yaml has it
  const YAML::Node own = load_config(path);
  if (!own["like"]) return own;
  return merged(changes_of(own["like"].as<std::string>(), depth + 1), own);
}

bool made_of_servers(const std::string& product) { return static_cast<bool>(changes_of(product)["server"]); }

}  // namespace

const std::vector<std::string>& product_names() {
  static const std::vector<std::string> names{"virtual-gb300-nvl72",
                                              "gb200-nvl72",
                                              "gb300-nvl72",
                                              "lenovo-gb300-nvl72",
                                              "vera-rubin-nvl72",
                                              "hgx-h100",
                                              "hgx-h200",
                                              "hgx-b200",
                                              "hgx-b300",
                                              "lenovo-sr675v3",
                                              "generic-server"};
  return names;
}

Status check_product(const RackLayout& layout, const std::string& product) {
  const std::vector<std::string>& names = product_names();
  if (std::find(names.begin(), names.end(), product) == names.end()) {
    return Error("rack.product",
                 fmt::format("no product is known as '{}'{}", product, did_you_mean(product, names)),
                 fmt::format("the products are: {}", fmt::join(names, ", ")), Blame::operator_);
  }
  const bool servers = std::any_of(layout.groups.begin(), layout.groups.end(),
                                   [](const RackLayout::Group& group) { return group.role == Role::server; });
  if (servers == made_of_servers(product)) return success();
  return Error("rack.product",
               fmt::format("the rack {} is made of {}, and {} is not", layout.name,
                           servers ? "servers" : "trays", product),
               servers ? "name a server, or take the rack small or nvl72" : "take the rack hgx or servers",
               Blame::operator_);
}

YAML::Node kinds_of(const std::string& product) {
  return merged(load_config("trays.yaml"), changes_of(product));
}

}  // namespace kiln::virtual_rack
