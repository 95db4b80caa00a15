#pragma once
// Everything a run needs from files and plugins, read and checked before anything is touched. Blocking, at
// start only.

#include <optional>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "files/credentials.h"
#include "model/interlock_rules.h"
#include "model/product_limits.h"
#include "station/command_line.h"
#include "station/paths.h"
#include "station/plugin_host.h"

namespace kiln {

/// One thing wrong with what was given; `place` may be empty.
struct SetupProblem {
  std::string place, code, message;
};

struct RunSetup {
  LoadedPlugins plugins;
  Recipe recipe;
  std::optional<Inventory> inventory;
  std::optional<ProductLimits> limits;
  Credentials credentials;
  InterlockRules rules;  ///< tightened by what the recipe asks for
  std::optional<Plan> plan;
  std::vector<SetupProblem> problems;  ///< empty: the plan is there (when an inventory was given)

  [[nodiscard]] bool ok() const { return problems.empty(); }
};

/// Reads recipe, inventory (when line.rack_file is set), limits and credentials, and plans. All problems at
/// once.
RunSetup set_up(const CommandLine& line, const Paths& paths, const std::string& recipe_name);

/// Whether anything in the plan switches on, loads or flashes hardware, or masks a leak detector: then the
/// warden must be there.
bool needs_warden(const Plan& plan);

/// Prints the problems to standard error, one per line, ending with how many there are.
void print_problems(const std::vector<SetupProblem>& problems);
/// {"problems":[{place,code,message}]}
std::string problems_json(const std::vector<SetupProblem>& problems);

/// "SERIAL" or "DUT=SERIAL" → labels["scanned_serial"] of that DUT.
void apply_scans(const std::vector<std::string>& scans, const std::vector<std::string>& dut_filter,
                 Inventory& inventory, std::vector<SetupProblem>& problems);

/// The plugin directory in force: --plugins, else the installed one.
std::string plugin_directory(const CommandLine& line, const Paths& paths);
std::string database_path(const CommandLine& line, const Paths& paths);

}  // namespace kiln
