#include "quality/difference_noise.h"

#include <cmath>

#include "model/rack_comparison.h"

namespace kiln {
namespace {

using Basis = DifferenceNoise::Basis;

/// The step in which sources tell it; 0: not known.
double resolution_of(const std::string& measurement) {
  const ComparedMeasurement* known = find_compared(measurement);
  return known == nullptr ? 0 : known->resolution;
}

std::optional<RobustSpread> spread_of(const std::vector<double>& values, std::size_t least,
                                      const std::string& measurement) {
  if (values.size() < least) return std::nullopt;
  return robust_spread(values, resolution_of(measurement));
}

std::optional<DifferenceNoise> both(Basis basis, const std::optional<RobustSpread>& a,
                                    const std::optional<RobustSpread>& b) {
  if (!a && !b) return std::nullopt;
  DifferenceNoise noise;
  noise.basis = basis;
  const double sigma_a = a ? a->sigma : b->sigma;
  const double sigma_b = b ? b->sigma : a->sigma;
  noise.sigma = std::hypot(sigma_a, sigma_b);
  noise.n = (a ? a->n : 0) + (b ? b->n : 0);
  return noise;
}

}  // namespace

NoiseFinder::NoiseFinder(const RunPicture& run) : run_(run) {
  for (const auto& [id, dut] : run.duts) {
    for (const auto& [key, value] : dut.values) {
      const std::optional<double> number = as_number(value.value);
      if (number && std::isfinite(*number)) like_[{key.measurement, key.step, dut.role}].push_back(*number);
    }
  }
}

std::optional<RobustSpread> NoiseFinder::repeats(const std::string& dut, const PictureKey& key) const {
  const DutPicture* found = run_.find(dut);
  if (found == nullptr) return std::nullopt;
  const auto value = found->values.find(key);
  if (value == found->values.end()) return std::nullopt;
  return spread_of(value->second.repeats, kLeastRepeats, key.measurement);
}

std::optional<RobustSpread> NoiseFinder::samples(const std::string& dut, const PictureKey& key) const {
  const DutPicture* found = run_.find(dut);
  if (found == nullptr) return std::nullopt;
  const auto value = found->values.find(key);
  if (value == found->values.end()) return std::nullopt;
  const PictureSeries* best = nullptr;
  std::size_t longest = 0;
  for (const auto& [name, series] : found->series) {
    const bool leads_to = name.second == key.part && series.unit == value->second.unit &&
                          (key.measurement == name.first || key.measurement.starts_with(name.first + "."));
    if (!leads_to || name.first.size() < longest) continue;
    best = &series;
    longest = name.first.size();
  }
  if (best == nullptr) return std::nullopt;
  // A run warms up in its first half.
  const auto half = best->values.begin() + static_cast<std::ptrdiff_t>(best->values.size() / 2);
  return spread_of({half, best->values.end()}, kLeastSamples, key.measurement);
}

std::optional<RobustSpread> NoiseFinder::like_parts(const std::string& dut, const PictureKey& key) const {
  const DutPicture* found = run_.find(dut);
  if (found == nullptr) return std::nullopt;
  const auto like = like_.find({key.measurement, key.step, found->role});
  if (like == like_.end()) return std::nullopt;
  return spread_of(like->second, kLeastLikeParts, key.measurement);
}

DifferenceNoise difference_noise(const NoiseFinder& a, const std::string& dut_a, const PictureKey& key_a,
                                 const NoiseFinder& b, const std::string& dut_b, const PictureKey& key_b,
                                 bool other_unit) {
  const auto repeats = both(Basis::repeats, a.repeats(dut_a, key_a), b.repeats(dut_b, key_b));
  const auto samples = both(Basis::samples, a.samples(dut_a, key_a), b.samples(dut_b, key_b));
  const auto like = both(Basis::like_parts, a.like_parts(dut_a, key_a), b.like_parts(dut_b, key_b));
  if (other_unit && like) return *like;
  if (repeats) return *repeats;
  if (samples) return *samples;
  return like.value_or(DifferenceNoise{});
}

std::string_view to_string(DifferenceNoise::Basis basis) {
  switch (basis) {
    case Basis::unknown:
      return "noise unknown";
    case Basis::repeats:
      return "repeats";
    case Basis::samples:
      return "samples";
    case Basis::like_parts:
      return "like parts";
  }
  return "noise unknown";
}

}  // namespace kiln
