#pragma once
// What this program is: its version and the stamp of its build, which plugins must share.

#include <string>

#include "base/version.h"

namespace kiln {

std::string build_stamp();

}  // namespace kiln
