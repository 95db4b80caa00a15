#include "station/trusted_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace kiln {
namespace {

namespace fs = std::filesystem;

std::optional<NotTrusted> look_at(const fs::path& path, bool is_parent, TrustedOwner owner) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0)
    return NotTrusted{fmt::format("{}: {}", path.string(), std::strerror(errno)), "", true};
  const bool of_user = owner == TrustedOwner::root_or_user && facts.st_uid == geteuid();
  if (facts.st_uid != 0 && !of_user) {
    return NotTrusted{fmt::format("{} belongs to user {}, not to root{}", path.string(), facts.st_uid,
                                  owner == TrustedOwner::root ? "" : " or you"),
                      "chown it to root"};
  }
  const bool others_write = (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  // A sticky directory of root, such as /tmp, lets nobody replace what belongs to somebody else.
  const bool sticky_parent = is_parent && (facts.st_mode & S_ISVTX) != 0 && facts.st_uid == 0;
  if (others_write && !sticky_parent) {
    return NotTrusted{fmt::format("{} can be written by its group or by everybody", path.string()),
                      fmt::format("chmod go-w {}", path.string())};
  }
  return std::nullopt;
}

}  // namespace

std::optional<NotTrusted> why_not_trusted(const std::string& path, TrustedOwner owner) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  if (failed) return NotTrusted{fmt::format("{}: {}", path, failed.message()), "", true};
  bool is_parent = false;
  for (fs::path at = real;; at = at.parent_path()) {
    if (auto why = look_at(at, is_parent, owner)) return why;
    if (at == at.root_path()) return std::nullopt;
    is_parent = true;
  }
}

}  // namespace kiln
