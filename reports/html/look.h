#pragma once
// The vocabulary of the eye: word, glyph, colour and border of a decision or a status, the same on every
// drawing and in the style sheet. Colours by Okabe and Ito (https://jfly.uni-koeln.de/color/); none of them
// says anything alone. Pure.

#include <string>
#include <string_view>

#include "model/event.h"

namespace kiln {

struct Look {
  const char* css_class;
  const char* glyph;
  const char* colour;  ///< of badges and borders
  const char* tint;    ///< behind text
  const char* ink;     ///< of text: at least 7:1 on white and on the tint
  const char* badge;   ///< what fills a badge: the colour, or one of look_patterns()
  const char* border;  ///< attributes of an SVG border
};

/// Of "GO", "NO-GO", "CONDITIONAL", "INCOMPLETE" and "SURVEY"; anything else looks incomplete.
const Look& look_of(std::string_view decision);
const Look& look_of(WorkStatus status);
/// Of an outcome, for rows and marks.
const Look& look_of(Outcome outcome);

/// <defs> of the patterns the looks refer to; once per page, before the first drawing.
std::string look_patterns();

}  // namespace kiln
