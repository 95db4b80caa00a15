#pragma once
// The rack as one sees it from the front: one tile per DUT, the highest slot on top; what has no slot stands
// beside. A tile says id, role, slot and decision as word, glyph, colour and border, and leads to its
// reasons. Pure; text is escaped here.

#include <map>
#include <string>

#include "model/verdict.h"

namespace kiln {

/// `reasons`: DUT → anchor of its reasons on the page, for those that have any. Empty without DUTs.
std::string draw_elevation(const RunVerdict& verdict, const std::map<std::string, std::string>& reasons);

}  // namespace kiln
