#pragma once
// The version of Kiln: of all its programs, which belong together.

namespace kiln {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace kiln
