#pragma once
// Loads the plugins, steps and dialects, of the plugin directory. A plugin's file, directory and parents must
// belong to root or the user and be writable by nobody else; its descriptor is checked before any virtual
// call. Plugins are never unloaded. At start only.

#include <string>
#include <vector>

#include "base/result.h"
#include "bmc/dialect.h"
#include "engine/step_catalog.h"

namespace kiln {

struct RefusedPlugin {
  std::string file;
  Error reason;
};

struct LoadedPlugins {
  StepCatalog catalog;
  Dialects dialects;
  std::vector<RefusedPlugin> refused;
};

/// Empty when files there may be trusted; else an Error that names the offender: "plugin.untrusted".
Status check_trusted(const std::string& path);

/// One refused plugin does not hide the others. A missing directory gives an empty catalog and one refusal.
LoadedPlugins load_plugins(const std::string& directory);

}  // namespace kiln
