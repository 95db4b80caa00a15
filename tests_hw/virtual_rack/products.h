#pragma once
// What a product is made of: trays.yaml, and what config/products/<product>.yaml changes of it. Pure.

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "tests_hw/virtual_rack/rack_layout.h"

namespace kiln::virtual_rack {

/// Every product that a rack can be of: recipes/limits has a table for each.
const std::vector<std::string>& product_names();

/// Error rack.product: unknown (with the nearest name), or made of something else than this rack.
Status check_product(const RackLayout& layout, const std::string& product);

/// Parts by role, "update" and "physics" (constants that differ; may be none). `product` has passed
/// check_product(). Throws ConfigError.
YAML::Node kinds_of(const std::string& product);

}  // namespace kiln::virtual_rack
