#pragma once
// Whether what lies at a path can have been put there by those only whom the station trusts. Blocking, at
// start only.

#include <optional>
#include <string>

namespace kiln {

enum class TrustedOwner { root_or_user, root };

struct NotTrusted {
  std::string what, cure;
  bool unreadable = false;  ///< it is not there, or cannot be looked at
};

/// nullopt: the file, its directory and all parents belong to whom they should, and nobody else can write
/// there. Links are followed. The offender is named.
std::optional<NotTrusted> why_not_trusted(const std::string& path, TrustedOwner owner);

}  // namespace kiln
