#pragma once
// The signs a person meets on every screen: one word, one glyph and one colour per state, the same
// everywhere. Colour is never alone (WCAG 2.2, 1.4.1): the word and the glyph say it too. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "model/verdict.h"

namespace kiln {

/// unknown: error, not run or incomplete. waiting: for the operator.
enum class Sign { pass, fail, marginal, unknown, running, waiting, idle };

/// How many colours the terminal has: none, the 8 of ANSI, the 256 of xterm, 24 bits.
enum class ColourDepth { none, basic, indexed, direct };

/// "✔" or, for terminals without UTF-8, "OK"; one or two columns.
std::string_view glyph(Sign sign, bool unicode);
Sign sign_of(const std::optional<Decision>& decision);

/// The text in the sign's colour (Okabe-Ito, which colour-blind people can tell apart), and reset after it.
std::string paint(std::string_view text, Sign sign, ColourDepth depth, bool bold = false);

}  // namespace kiln
