#include "ocptv/sample_choice.h"

#include <algorithm>

namespace kiln {

SampleChoice::SampleChoice(std::size_t with_value, std::size_t most)
    : with_value_(with_value),
      stretches_(std::max<std::size_t>(most / 2, 1)),
      all_(with_value <= most),
      stretch_end_(with_value / stretches_) {}

void SampleChoice::add(double t, double value) {
  const Sample sample{t, value};
  if (!has_value(sample)) return;
  if (all_) {
    chosen_.push_back(sample);
    return;
  }
  while (seen_ >= stretch_end_ && stretch_ + 1 < stretches_) {
    end_stretch();
    ++stretch_;
    stretch_end_ = with_value_ * (stretch_ + 1) / stretches_;
  }
  if (!any_ || value < least_.second.second) least_ = {seen_, sample};
  if (!any_ || !(value < greatest_.second.second)) greatest_ = {seen_, sample};
  any_ = true;
  ++seen_;
}

void SampleChoice::end_stretch() {
  if (!any_) return;
  const auto [earlier, later] = std::minmax(least_, greatest_);
  chosen_.push_back(earlier.second);
  if (earlier.first != later.first) chosen_.push_back(later.second);
  any_ = false;
}

std::vector<std::pair<double, double>> SampleChoice::take() {
  end_stretch();
  return std::move(chosen_);
}

}  // namespace kiln
