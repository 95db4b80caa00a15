#pragma once
// Series as pictures: lines of the same name, unit and limits share one, with the limit that judged them, the
// stretch under load and the moment of a cut. Few lines are drawn singly with a legend; many become a band
// with those that stand out. Pure; text is escaped here.

#include <string>
#include <vector>

#include "common/run_document.h"

namespace kiln {

struct Plot {
  std::string title;    ///< "gpu.temperature (Cel), compute tray"; not escaped
  std::string caption;  ///< what is drawn and by what it was judged; not escaped
  std::string svg;
};

/// By name; series without a finite sample have none.
std::vector<Plot> draw_series(const RunDocument& document);

}  // namespace kiln
