#pragma once
// Reads the embedded YAML files; for the builder of the rack. Pure.

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <stdexcept>
#include <string>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// A wrong configuration file; turned into an Error at the door of build_rack().
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An embedded file, by its path under config/. Throws ConfigError when the build has no such file.
YAML::Node load_config(const std::string& path);

/// physics.yaml: every constant must be there, and nothing else may be.
Physics load_physics();

/// Puts the constants that `changes` names in place of those of physics.yaml. `file`: for the message.
void change_physics(Physics& physics, const YAML::Node& changes, const std::string& file);

template <class T>
T field(const YAML::Node& node, const char* name) {
  const YAML::Node value = node[name];
  if (!value) {
    throw ConfigError(fmt::format("line {}: field '{}' is missing", node.Mark().line + 1, name));
  }
  try {
    return value.as<T>();
  } catch (const YAML::Exception&) {
    throw ConfigError(fmt::format("line {}: field '{}' has the wrong type", value.Mark().line + 1, name));
  }
}

}  // namespace kiln::virtual_rack
