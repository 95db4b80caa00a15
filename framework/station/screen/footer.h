#pragma once
// The live footer: the rack as it stands, what each DUT is doing, how long it will take, and the question
// that waits for the operator. Turns state into lines; knows no terminal. Pure.

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "station/screen/prompt_desk.h"
#include "station/screen/run_progress.h"
#include "station/screen/time_left.h"

namespace kiln {

struct ScreenSize {
  int rows = 24;
  int columns = 80;
};

struct FooterFacts {
  std::string rack, recipe;  ///< "R01", "demo-small@1.0.0"
  bool simulated = false;
  std::int64_t begun_ns = 0, now_ns = 0;  ///< monotonic
  TimeLeft left;
  std::string stopping;  ///< not empty: who asked to stop; the run is parking
};

struct FooterStyle {
  bool unicode = true;
  ColourDepth colours = ColourDepth::none;
};

/// At most rows - 2 lines, each at most columns - 1 wide (colour codes not counted), without line breaks. A
/// rack that does not fit is shown in columns; one that still does not, with its quiet DUTs put together.
std::vector<std::string> footer_lines(const RunProgress& progress, const FooterFacts& facts,
                                      const std::optional<ShownPrompt>& prompt, ScreenSize size,
                                      const FooterStyle& style);

}  // namespace kiln
