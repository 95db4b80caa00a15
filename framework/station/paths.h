#pragma once
// Where the program finds its parts, from its own place on disk: in an install (…/bin/kiln,
// …/lib/kiln/plugins, …/share/kiln) and in a build tree (build/<preset>/{bin,lib/kiln/plugins,share/kiln})
// alike. Blocking, at start only.

#include <string>
#include <vector>

#include "base/result.h"

namespace kiln {

struct Paths {
  std::string executable;    ///< /…/bin/kiln
  std::string plugins;       ///< /…/lib/kiln/plugins
  std::string share;         ///< /…/share/kiln
  std::string warden;        ///< /…/bin/kiln-warden
  std::string virtual_rack;  ///< /…/bin/kiln-virtual-rack
  std::string state;         ///< $XDG_STATE_HOME/kiln or ~/.local/state/kiln
};

Result<Paths> find_paths();

/// A recipe as a person names it: a file, or a name under share/recipes ("demo/small", with or without
/// .yaml).
Result<std::string> find_recipe(const Paths& paths, const std::string& named);
/// limits/<product>.yaml: beside the recipe tree it belongs to, else under share. Empty when there is none.
std::string find_limits(const Paths& paths, const std::string& recipe_file, const std::string& product);
/// The station's floor rules: /etc/kiln/interlock_rules.yaml, else those that are shipped.
std::string find_interlock_rules(const Paths& paths);
/// All recipes under share/recipes, as names.
std::vector<std::string> shipped_recipes(const Paths& paths);

}  // namespace kiln
