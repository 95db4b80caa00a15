#pragma once
// The steps of the plugin that a test program is linked with, by their names in recipes. For the tests of
// plugins only: there is one descriptor per program.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/step.h"
#include "sdk/plugin.h"

extern "C" const kiln::PluginDescriptor kiln_plugin_descriptor;

namespace kiln {

/// A fresh one. Null, and the test has failed, when the plugin has no step of that name.
inline std::unique_ptr<Step> plugin_step(const std::string& use) {
  std::vector<std::unique_ptr<Step>> steps;
  kiln_plugin_descriptor.make_steps(steps);
  for (auto& step : steps) {
    if (step->describe().use == use) return std::move(step);
  }
  ADD_FAILURE() << "the plugin has no step '" << use << "'";
  return nullptr;
}

}  // namespace kiln
