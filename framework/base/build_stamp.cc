// KILN_BUILD_STAMP is written at build time (ci/cmake/WriteBuildStamp.cmake) and included by the compiler's
// command line. This file is in no library: CMake gives its object to whoever carries a stamp.
#include "base/build_stamp.h"

namespace kiln {

const char kBuildStamp[] = KILN_BUILD_STAMP;

}  // namespace kiln
