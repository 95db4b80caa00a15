#include "store/store_paths.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace kiln {
namespace fs = std::filesystem;
namespace {

std::string beside(const std::string& database, const char* directory) {
  return (fs::path(database).parent_path() / directory).string();
}

std::string run_file(const std::string& database, const std::string& run, const char* suffix) {
  return (fs::path(runs_directory(database)) / (run + suffix)).string();
}

}  // namespace

std::string errno_text(int number) { return std::generic_category().message(number); }

Result<std::string> default_database() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return (fs::path(state) / "kiln" / "kiln.db").string();
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/')
    return (fs::path(home) / ".local" / "state" / "kiln" / "kiln.db").string();
  return Error("ledger.no_directory", "no place for the record: neither XDG_STATE_HOME nor HOME is set",
               "set HOME, or name a file with --db", Blame::station);
}

Result<std::string> resolve_database(const std::string& database) {
  if (database.empty()) return default_database();
  std::error_code failed;
  const fs::path absolute = fs::absolute(database, failed);
  if (failed) {
    return Error("ledger.no_directory", fmt::format("{}: {}", database, failed.message()),
                 "run from a directory that exists, or give an absolute path", Blame::station);
  }
  return absolute.lexically_normal().string();
}

std::string runs_directory(const std::string& database) { return beside(database, "runs"); }
std::string artifacts_directory(const std::string& database) { return beside(database, "artifacts"); }
std::string artifact_path(const std::string& directory, const std::string& sha256) {
  const std::size_t cut = std::min<std::size_t>(2, sha256.size());
  return (fs::path(directory) / sha256.substr(0, cut) / sha256.substr(cut)).string();
}
std::string lock_file(const std::string& database, const std::string& run) {
  return run_file(database, run, ".lock");
}
std::string reserve_file(const std::string& database, const std::string& run) {
  return run_file(database, run, ".reserve");
}
std::string broken_file(const std::string& database, const std::string& run) {
  return run_file(database, run, ".broken");
}
std::string after_break_file(const std::string& database, const std::string& run) {
  return run_file(database, run, ".after");
}

Status make_directories(const std::string& directory) {
  const fs::path wanted(directory);
  fs::path so_far;
  for (const fs::path& part : wanted) {
    so_far /= part;
    if (so_far.empty() || ::mkdir(so_far.c_str(), 0700) == 0) continue;
    const int cause = errno;
    std::error_code ignored;
    if (fs::is_directory(so_far, ignored)) continue;
    return Error("ledger.not_writable",
                 fmt::format("the directory {} cannot be made: {}", so_far.string(), errno_text(cause)),
                 "give the user write permission there, or name another file with --db", Blame::station);
  }
  return success();
}

}  // namespace kiln
