#include "station/version.h"

#include "base/build_stamp.h"

namespace kiln {

std::string build_stamp() { return kBuildStamp; }

}  // namespace kiln
