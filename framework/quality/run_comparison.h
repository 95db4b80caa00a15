#pragma once
// Two runs set beside each other, or two DUTs: first what is not the same about them, then the values that
// moved, each against how far such values move by themselves. It judges nothing: limits do. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quality/run_picture.h"

namespace kiln {

/// A value is called moved from so many robust standard deviations of a difference on: chance alone gives
/// about one in sixteen thousand normally distributed ones.
inline constexpr double kMovedBeyond = 4;
/// A spread of fewer values is none.
inline constexpr std::size_t kLeastRepeats = 4;
inline constexpr std::size_t kLeastSamples = 16;
inline constexpr std::size_t kLeastLikeParts = 6;

/// What one run, or one side of the comparison, differs in from the other. Empty: it has none.
struct FactChange {
  std::string place;  ///< "C03 GPU_2", "C03"; empty: the run
  std::string what;   ///< "recipe version", "serial number", "firmware.version"
  std::string a, b;
  std::string note;  ///< "now C07 GPU_1": where a part of A is found in B; or how it was judged
};

struct PairedDuts {
  enum class By { asked_for, serial, place };
  std::string a, b;  ///< ids
  Role role = Role::server;
  By by = By::place;
  std::string serial_a, serial_b;
  Decision decision_a = Decision::incomplete, decision_b = Decision::incomplete;
  std::string first_reason_a, first_reason_b;
  /// Both serial numbers are on record and not the same, or it was asked for DUTs in two places of one run.
  bool other_unit = false;
};
std::string_view to_string(PairedDuts::By by);  ///< "asked for", "serial number", "place"

/// By what a difference is measured: the robust standard deviation of one value.
struct DifferenceNoise {
  enum class Basis {
    unknown,
    repeats,    ///< the same check on the same part, more than once in its run
    samples,    ///< the second half of the series that the value comes from
    like_parts  ///< the same check on the other parts of that kind in its run
  };
  Basis basis = Basis::unknown;
  double sigma = 0;   ///< of the difference; 0: all those values are the same
  std::size_t n = 0;  ///< values it is known from, of both sides
};
std::string_view to_string(DifferenceNoise::Basis basis);  ///< "noise unknown", "repeats", …

struct ValueDifference {
  /// In order of interest.
  enum class Movement { worse, better, moved, noise_unknown, within_noise, same };
  std::string dut_a, dut_b, measurement, part, step, unit, limit_a, limit_b;
  ComponentKind kind = ComponentKind::whole_dut;
  Value a, b;
  Outcome outcome_a = Outcome::informational, outcome_b = Outcome::informational;
  std::optional<double> difference;  ///< B minus A; none: one of them is no number
  std::optional<double> relative;    ///< of A's magnitude; none: A is zero
  DifferenceNoise noise;
  std::optional<double> distance;  ///< difference in sigmas of it; infinite beside values that never differ
  Movement movement = Movement::same;
};
std::string_view to_string(ValueDifference::Movement movement);

struct OnlyInOne {
  bool in_a = false;  ///< else in B
  std::string dut, measurement, part, step;
  Outcome outcome = Outcome::informational;
  std::string why;  ///< the other's reason, when it planned the check and did not run it
};

struct RunSide {
  std::string run, dut;  ///< DUT that was asked for; empty: all
  std::int64_t begun_utc_ns = 0;
  std::string rack, product, recipe, station;
  std::optional<Decision> decision;
  bool simulated = false;
};

struct RunComparison {
  RunSide a, b;
  std::vector<std::string> cautions;  ///< what weakens the comparison
  std::string values_not_compared;    ///< why only identity was compared; empty: all was
  std::vector<FactChange> facts;
  std::vector<PairedDuts> pairs;
  std::vector<std::string> only_a, only_b;   ///< DUTs without a partner
  std::vector<ValueDifference> differences;  ///< the most interesting first
  std::vector<OnlyInOne> only_in_one;
  [[nodiscard]] std::size_t count(ValueDifference::Movement movement) const;
};

/// `dut_a`, `dut_b`: ids or serial numbers; empty: all DUTs, paired by serial number where both runs have it,
/// else by id. With one of them empty the other's partner is looked for. Errors "compare.dut" (suggests the
/// nearest), "compare.no_partner".
Result<RunComparison> compare_runs(const RunPicture& a, const std::string& dut_a, const RunPicture& b,
                                   const std::string& dut_b);

}  // namespace kiln
