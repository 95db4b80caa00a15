#pragma once
// For plugins that bring steps.

#include <memory>
#include <vector>

#include "engine/step.h"
#include "sdk/plugin_descriptor.h"

/// In exactly one .cc of a plugin, at file scope:
///   KILN_PLUGIN("cooling", "1.0.0", "coolant loop and leak detectors", DetectorCensus, Flow, HeatBalance)
#define KILN_PLUGIN(plugin_name, plugin_version, plugin_summary, ...)      \
  namespace {                                                              \
  void kiln_make_steps(std::vector<std::unique_ptr<::kiln::Step>>& into) { \
    ::kiln::detail::append_steps<__VA_ARGS__>(into);                       \
  }                                                                        \
  }                                                                        \
  KILN_DESCRIPTOR(plugin_name, plugin_version, plugin_summary, &kiln_make_steps, nullptr)

namespace kiln::detail {
template <class... Steps>
void append_steps(std::vector<std::unique_ptr<Step>>& into) {
  (into.push_back(std::make_unique<Steps>()), ...);
}
}  // namespace kiln::detail
