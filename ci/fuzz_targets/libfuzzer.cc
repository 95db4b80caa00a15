// The door libFuzzer knocks at.
#include <cstddef>
#include <cstdint>

#include "ci/fuzz_targets/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kiln::fuzz_one(std::string(data, data + size));
  return 0;
}
