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

/// Is shown every sample once and keeps at most `most` (at least 2) of those with a value: all of them when
/// they are few enough, else the least and the greatest of each of equal stretches, so that no excursion is
/// lost.
class SampleChoice {
 public:
  /// `with_value`: how many of the samples to come have a value.
  SampleChoice(std::size_t with_value, std::size_t most);
  void add(double t, double value);
  /// In the order they came.
  std::vector<std::pair<double, double>> take();

 private:
  void end_stretch();
  using Sample = std::pair<double, double>;
  std::size_t with_value_, stretches_;
  bool all_;
  std::size_t seen_ = 0, stretch_ = 0, stretch_end_ = 0;
  /// Of the stretch, with their numbers.
  std::pair<std::size_t, Sample> least_, greatest_;
  bool any_ = false;
  std::vector<Sample> chosen_;
};

}  // namespace kiln
