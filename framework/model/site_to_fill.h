#pragma once
// "site to fill": what stands in a file that somebody has still to complete. Pure.

#include <string>

namespace kiln {

/// The text is "site to fill", in any case, or begins so and goes on with what is missing ("site to fill: no
/// public figure").
bool is_site_to_fill(const std::string& text);

}  // namespace kiln
