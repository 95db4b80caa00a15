#pragma once
// The last thing a run prints, on standard output: the decision in letters to be read from three metres, why,
// where the reports are, and one line for grep. Pure.

#include <map>
#include <string>

#include "model/verdict.h"
#include "station/screen/vocabulary.h"

namespace kiln {

struct VerdictStyle {
  bool unicode = true;
  ColourDepth colours = ColourDepth::none;
};
/// For standard output; `color` is the option's word.
VerdictStyle verdict_style(const std::string& color);

/// Ends in the line "RESULT unit=… recipe=… verdict=… fail=… marginal=… notrun=… run=… report=…". Text of
/// devices is made printable.
std::string verdict_block(const RunVerdict& verdict, const std::string& run, const RunBegun& about,
                          const std::map<std::string, std::string>& reports, const VerdictStyle& style);

}  // namespace kiln
