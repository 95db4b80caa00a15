#pragma once
// What kiln resume says before it touches anything. Pure.

#include <string>

#include "engine/resume.h"

namespace kiln {

/// Since when nothing is known of the run, and what becomes of each step; printable lines.
std::string resumption_text(const Plan& plan, const Resumption& resumption, const std::string& run);
/// The same as one JSON object in one line, without a newline (--list --json).
std::string resumption_json(const Resumption& resumption, const std::string& run);

}  // namespace kiln
