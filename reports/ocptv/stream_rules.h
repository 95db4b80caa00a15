#pragma once
// What an OCPTV stream must keep beyond the shape of each line: order, references, the four pairs of status
// and result, and what readers rely on. The schema cannot say any of it. Reads the text alone, so that it
// judges streams of any origin. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// One sentence per broken rule with the number of its line, the first 20; empty for a stream that keeps all.
/// A stream that ends too early breaks the rule of the testRunEnd.
std::vector<std::string> broken_rules(std::string_view stream);

}  // namespace kiln
