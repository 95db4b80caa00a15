#pragma once
// What happens to a recipe's tree before it is read: fragments are put in, parameters are filled in. Internal
// to files/.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "files/recipe_file.h"
#include "files/yaml_node.h"

namespace kiln {

/// Puts the phases of fragments in place of `include` items of `root`'s phases. Appends path as written and
/// hash of every fragment, in order of appearance.
void expand_includes(YamlNode& root, const std::string& file, const RecipeOptions& options,
                     std::vector<std::pair<std::string, std::string>>& hashes,
                     std::vector<Problem>& problems);

/// Replaces ${name} in every value of the tree, keys and `parameters` excepted.
/// What comes from `overridden` has that as its place: the file is not to blame for it.
void substitute_parameters(YamlNode& root, const std::map<std::string, std::string>& parameters,
                           const std::map<std::string, std::string>& overridden,
                           std::vector<Problem>& problems);

}  // namespace kiln
