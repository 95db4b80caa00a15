#pragma once
// The run as a picture per DUT: one row per step and attempt, its bars over the time of the whole run, its
// status as a word beside colour and border; load and cuts marked. Pure; text is escaped here.

#include <string>
#include <vector>

#include "common/run_document.h"

namespace kiln {

struct Timeline {
  std::string dut;      ///< empty: the run's own steps
  std::string summary;  ///< "14 rows, all complete", "14 rows: 1 error, 2 skipped"
  bool all_complete = true;
  std::string svg;
};

/// In order of the DUTs' names; those without any step have none.
std::vector<Timeline> draw_timelines(const RunDocument& document);

}  // namespace kiln
