#pragma once
// The products of the matrix: which rack stands for each, and how its recipe is shortened. Pure.

#include <string>
#include <vector>

#include "matrix_run.h"

namespace kiln::matrix {

/// All that recipes/ has a folder for, but the demo's.
const std::vector<std::string>& all_products();

/// Servers, each with supplies and fans of its own, and no rack around them that anything is known of.
bool made_of_servers(const std::string& product);

/// The whole recipe of a rack of that product, with times that fit a test.
Order whole_recipe(const std::string& product);

}  // namespace kiln::matrix
