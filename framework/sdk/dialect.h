#pragma once
// For plugins that bring a dialect: a class, and what it is recognised by. Nothing else of the framework is
// needed, and nothing else should be: a dialect states facts, it does not act.

#include <memory>
#include <vector>

#include "bmc/dialect.h"
#include "sdk/plugin_descriptor.h"

/// In exactly one .cc of a plugin, at file scope: KILN_DIALECT("hpe_ilo", "1.0.0", kiln::HpeIlo)
#define KILN_DIALECT(plugin_name, plugin_version, dialect_class)                       \
  namespace {                                                                          \
  void kiln_make_dialects(std::vector<std::shared_ptr<const ::kiln::Dialect>>& into) { \
    into.push_back(std::make_shared<dialect_class>());                                 \
  }                                                                                    \
  }                                                                                    \
  KILN_DESCRIPTOR(plugin_name, plugin_version, "how a kind of BMC speaks", nullptr, &kiln_make_dialects)
