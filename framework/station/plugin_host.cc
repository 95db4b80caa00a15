#include "station/plugin_host.h"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>

#include "base/build_stamp.h"
#include "sdk/plugin.h"
#include "station/trusted_files.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

/// A file that was copied in part (full disk, interrupted upgrade) ends the program inside dlopen, which maps
/// what is not there: SIGBUS. So what the loader will map is looked for first (ELF-64, program header table).
Status check_whole(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(in.tellg(), 0));
  const auto refuse = [&](const std::string& what) {
    return Error("plugin.not_loadable", fmt::format("{}: {}", file, what),
                 "copy or rebuild the plugin again, whole", Blame::station);
  };
  const auto read = [&in](std::uint64_t at, void* into, std::size_t bytes) {
    in.seekg(static_cast<std::streamoff>(at));
    in.read(static_cast<char*>(into), static_cast<std::streamsize>(bytes));
    return static_cast<bool>(in);
  };
  Elf64_Ehdr header{};
  if (!read(0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return refuse("it is no shared library of this machine");
  }
  for (std::uint64_t number = 0; number < header.e_phnum; ++number) {
    Elf64_Phdr segment{};
    if (!read(header.e_phoff + number * sizeof segment, &segment, sizeof segment) ||
        segment.p_offset > size || segment.p_filesz > size - segment.p_offset) {
      return refuse("it ends before its contents do");
    }
  }
  return success();
}

Status check_descriptor(const PluginDescriptor& plugin, const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    return Error("plugin.incompatible", fmt::format("{}: {}", file, what),
                 "rebuild the plugin with this version of Kiln", Blame::station);
  };
  if (plugin.magic != kPluginMagic) return refuse("its descriptor is not one of Kiln's");
  if (plugin.sdk_version != kSdkVersion) {
    return refuse(
        fmt::format("made for SDK version {}, this program has {}", plugin.sdk_version, kSdkVersion));
  }
  if (std::strcmp(plugin.compiler, __VERSION__) != 0) {
    return refuse(fmt::format("built with compiler {}, this program with {}", plugin.compiler, __VERSION__));
  }
  if (plugin.boost_version != BOOST_VERSION) {
    return refuse(
        fmt::format("built with Boost {}, this program with {}", plugin.boost_version, BOOST_VERSION));
  }
  if (std::strcmp(plugin.build_stamp, kBuildStamp) != 0) {
    return refuse(fmt::format("build stamp {}, this program has {}", plugin.build_stamp, kBuildStamp));
  }
  return success();
}

Status load_one(const std::string& file, LoadedPlugins& loaded) {
  if (const Status trusted = check_trusted(file); !trusted) return trusted;
  if (const Status whole = check_whole(file); !whole) return whole;
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* why = dlerror();
    return Error("plugin.not_loadable", fmt::format("{}: {}", file, why == nullptr ? "unknown reason" : why),
                 "rebuild the plugin with this version of Kiln", Blame::station);
  }
  const void* symbol = dlsym(library, "kiln_plugin_descriptor");
  if (symbol == nullptr) {
    return Error("plugin.incompatible", fmt::format("{}: has no kiln_plugin_descriptor", file),
                 "is it a Kiln plugin? See KILN_PLUGIN in sdk/plugin.h", Blame::station);
  }
  const auto& plugin = *static_cast<const PluginDescriptor*>(symbol);
  if (const Status fits = check_descriptor(plugin, file); !fits) return fits;
  PluginFacts facts;
  facts.name = plugin.name;
  facts.version = plugin.version;
  facts.summary = plugin.summary;
  facts.file = file;
  std::string thrown = "an exception of unknown type";
  try {  // it must not, but one plugin's bug is not to hide the others
    std::vector<std::unique_ptr<Step>> steps;
    Dialects dialects;
    if (plugin.make_steps != nullptr) plugin.make_steps(steps);
    if (plugin.make_dialects != nullptr) plugin.make_dialects(dialects);
    const Status added = loaded.catalog.add(std::move(facts), std::move(steps));
    if (added) loaded.dialects.insert(loaded.dialects.end(), dialects.begin(), dialects.end());
    return added;
  } catch (const std::exception& exception) {
    thrown = exception.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): `thrown` already says all that is known
  }
  return Error("plugin.threw", fmt::format("{}: threw while its contents were made: {}", file, thrown),
               "take it out of the plugin directory and report this to its author", Blame::station);
}

}  // namespace

Status check_trusted(const std::string& path) {
  const std::optional<NotTrusted> why = why_not_trusted(path, TrustedOwner::root_or_user);
  if (!why) return success();
  return Error(why->unreadable ? "plugin.unreadable" : "plugin.untrusted", why->what, why->cure,
               Blame::station);
}

LoadedPlugins load_plugins(const std::string& directory) {
  LoadedPlugins loaded;
  std::error_code failed;
  std::vector<std::string> files;
  for (fs::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() == ".so") files.push_back(it->path().string());
  }
  if (failed) {
    loaded.refused.push_back(
        {directory, Error("plugin.no_directory", fmt::format("{}: {}", directory, failed.message()),
                          "is the installation complete?", Blame::station)});
    return loaded;
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    if (Status done = load_one(file, loaded); !done) loaded.refused.push_back({file, done.error()});
  }
  return loaded;
}

}  // namespace kiln
