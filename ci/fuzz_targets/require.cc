#include <cstdio>
#include <cstdlib>

#include "ci/fuzz_targets/fuzz_target.h"

namespace kiln {

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "this does not hold: %s\n", what.c_str());
  std::abort();
}

}  // namespace kiln
