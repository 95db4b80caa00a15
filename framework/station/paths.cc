#include "station/paths.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "base/nearest.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

/// Only recipes lie under recipes/ outside these folders.
bool is_support_folder(const std::string& name) {
  return name == "limits" || name == "shared" || name == "baselines";
}

}  // namespace

Result<Paths> find_paths() {
  std::error_code failed;
  const fs::path executable = fs::read_symlink("/proc/self/exe", failed);
  if (failed) {
    return Error("station.executable",
                 fmt::format("cannot find the program's own place: {}", failed.message()),
                 "is /proc mounted?", Blame::station);
  }
  Paths paths;
  paths.executable = executable.string();
  const fs::path root = executable.parent_path().parent_path();
  paths.plugins = (root / "lib/kiln/plugins").string();
  paths.share = (root / "share/kiln").string();
  paths.warden = (executable.parent_path() / "kiln-warden").string();
  paths.virtual_rack = (executable.parent_path() / "kiln-virtual-rack").string();
  const char* state_home = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state_home != nullptr && *state_home == '/') {
    paths.state = (fs::path(state_home) / "kiln").string();
  } else {
    paths.state = (fs::path(home != nullptr && *home != '\0' ? home : "/tmp") / ".local/state/kiln").string();
  }
  return paths;
}

std::vector<std::string> shipped_recipes(const Paths& paths) {
  std::vector<std::string> names;
  const fs::path root = fs::path(paths.share) / "recipes";
  std::error_code failed;
  for (fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, failed), end;
       !failed && it != end; it.increment(failed)) {
    if (it->is_directory() && is_support_folder(it->path().filename().string())) {
      it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file() || it->path().extension() != ".yaml") continue;
    fs::path name = it->path().lexically_relative(root);
    names.push_back(name.replace_extension().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> find_recipe(const Paths& paths, const std::string& named) {
  std::error_code failed;
  if (fs::is_regular_file(named, failed)) return fs::absolute(named).string();
  const fs::path shipped = fs::path(paths.share) / "recipes" / named;
  if (fs::is_regular_file(shipped, failed)) return shipped.string();
  const fs::path with_extension = shipped.string() + ".yaml";
  if (fs::is_regular_file(with_extension, failed)) return with_extension.string();
  return Error("recipe.not_found",
               fmt::format("there is no recipe '{}'{}", named, did_you_mean(named, shipped_recipes(paths))),
               "give a file, or one of: kiln lint --list", Blame::operator_);
}

std::string find_interlock_rules(const Paths& paths) {
  const std::string own = "/etc/kiln/interlock_rules.yaml";
  std::error_code failed;
  // One that cannot be read must not be passed over in silence.
  if (fs::exists(own, failed) || failed) return own;
  return paths.share + "/config/interlock_rules.yaml";
}

std::string find_limits(const Paths& paths, const std::string& recipe_file, const std::string& product) {
  std::error_code failed;
  const std::string name = product + ".yaml";
  for (fs::path folder = fs::path(recipe_file).parent_path(); !folder.empty() && folder != folder.root_path();
       folder = folder.parent_path()) {
    const fs::path candidate = folder / "limits" / name;
    if (fs::is_regular_file(candidate, failed)) return candidate.string();
    if (folder.filename() == "recipes") break;
  }
  const fs::path shipped = fs::path(paths.share) / "recipes/limits" / name;
  return fs::is_regular_file(shipped, failed) ? shipped.string() : std::string{};
}

}  // namespace kiln
