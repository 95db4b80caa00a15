#pragma once
// How far a value moves by itself: what a difference between two runs is measured by. Where a run does not
// tell, nothing is assumed. Pure; for this folder.

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "model/robust_statistics.h"
#include "quality/run_comparison.h"

namespace kiln {

/// The spreads that one run shows. Keeps a reference to it.
class NoiseFinder {
 public:
  explicit NoiseFinder(const RunPicture& run);
  [[nodiscard]] std::optional<RobustSpread> repeats(const std::string& dut, const PictureKey& key) const;
  /// Of the longest-named series with the same part and unit that the measurement's name begins with.
  [[nodiscard]] std::optional<RobustSpread> samples(const std::string& dut, const PictureKey& key) const;
  /// Of the same check by the same step on all DUTs of that role.
  [[nodiscard]] std::optional<RobustSpread> like_parts(const std::string& dut, const PictureKey& key) const;

 private:
  const RunPicture& run_;
  std::map<std::tuple<std::string, std::string, Role>, std::vector<double>> like_;  // measurement, step, role
};

/// Of a unit beside itself: its repeats, else its samples, else like parts. Of two units: like parts first,
/// because that is how units differ. Variances of both sides add up; a side that does not tell has the
/// other's.
DifferenceNoise difference_noise(const NoiseFinder& a, const std::string& dut_a, const PictureKey& key_a,
                                 const NoiseFinder& b, const std::string& dut_b, const PictureKey& key_b,
                                 bool other_unit);

}  // namespace kiln
