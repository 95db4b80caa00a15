#pragma once
// When a step ran. Plain data.

#include <cstdint>
#include <optional>
#include <string>

namespace kiln {

struct StepWindow {
  std::string step;  ///< "soak/load"
  std::int64_t begun_utc_ns = 0;
  std::optional<std::int64_t> ended_utc_ns;  ///< nullopt: it still runs, or its station died in it
};

}  // namespace kiln
