#pragma once
// The one symbol a plugin exports. It is read before any virtual call: a plugin built by another compiler,
// Boost or SDK is refused with a sentence instead of crashing.

#include <boost/version.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/build_stamp.h"

namespace kiln {

class Step;
class Dialect;

/// Raised with every change of a class that crosses the border.
inline constexpr std::uint32_t kSdkVersion = 5;

struct PluginDescriptor {
  std::uint32_t magic;  ///< kPluginMagic
  std::uint32_t sdk_version;
  const char* compiler;  ///< __VERSION__
  std::uint32_t boost_version;
  const char* build_stamp;  ///< of the build that made it (base/build_stamp.h)
  const char* name;         ///< folder name
  const char* version;
  const char* summary;
  /// What the plugin brings, owned by the caller; null where it brings none of that kind. Must not throw.
  void (*make_steps)(std::vector<std::unique_ptr<Step>>& into);
  void (*make_dialects)(std::vector<std::shared_ptr<const Dialect>>& into);
};

inline constexpr std::uint32_t kPluginMagic = 0x4b494c4e;  // "KILN"

}  // namespace kiln

/// The descriptor itself; plugins use KILN_PLUGIN (sdk/plugin.h) or KILN_DIALECT (sdk/dialect.h).
#define KILN_DESCRIPTOR(plugin_name, plugin_version, plugin_summary, steps, dialects)                      \
  extern "C" __attribute__((visibility("default"))) const ::kiln::PluginDescriptor kiln_plugin_descriptor; \
  const ::kiln::PluginDescriptor kiln_plugin_descriptor = {                                                \
      ::kiln::kPluginMagic, ::kiln::kSdkVersion, __VERSION__,    BOOST_VERSION, ::kiln::kBuildStamp,       \
      plugin_name,          plugin_version,      plugin_summary, steps,         dialects};
