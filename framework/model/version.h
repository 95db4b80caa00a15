#pragma once
// Canonical comparison of firmware versions as vendors print them ("GB200Nvl-25.08-B", "3.00.0", "01.05.0 ",
// "XX-1.2"). Pure. Never compares as plain strings.

#include <compare>
#include <string>
#include <vector>

namespace kiln {

/// A version split into numeric and alphabetic runs, trimmed, with a leading "v", "XX-" or "XX_" prefix
/// dropped.
struct CanonicalVersion {
  std::vector<std::string> runs;  ///< numbers without leading zeros, words in lower case
  std::string original;

  [[nodiscard]] bool empty() const { return runs.empty(); }
};

CanonicalVersion canonical_version(const std::string& printed);
/// equal: the same runs; less/greater: the first different run decides, numbers as numbers, a missing run is
/// less, but what has a pre-release word more ("1.5-rc1", "2.0 beta") comes before the release; unordered: a
/// number meets a word, or either is empty.
std::partial_ordering compare(const CanonicalVersion& a, const CanonicalVersion& b);

}  // namespace kiln
