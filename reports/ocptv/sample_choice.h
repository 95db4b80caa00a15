#pragma once
// Fewer samples of a series that is too long to be shown whole, without losing what matters in it. Pure.

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace kiln {

/// NaN stands for a sample that was taken and had no value.
inline bool has_value(const std::pair<double, double>& sample) {
  return std::isfinite(sample.first) && std::isfinite(sample.second);
}

/// Indices in rising order, at most `most` (at least 2) and all with a value: all of them when they are few
/// enough, else the least and the greatest of each of equal stretches, so that no excursion is lost.
std::vector<std::size_t> choose_samples(const std::vector<std::pair<double, double>>& samples,
                                        std::size_t most);

}  // namespace kiln
