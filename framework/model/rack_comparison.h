#pragma once
// Values of one measurement set against their like: those of the other parts in the same rack, or a
// population that was kept of earlier racks. Whatever stands apart is for a person to review. It is never a
// fail, and never excuses one: the verdict of the limits stands (verdict.h says what a review does to it).
//
// Compared are measurements in which distance means something, in their bad direction only. Counters are not:
// nearly all are zero, and their limits judge them. Left out, and counted, are values that are no numbers of
// the quantity (none, NaN, infinite, another unit, the sentinels that tools print for "no value").

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "model/event.h"

namespace kiln {

/// What is compared, how, and from where on a difference is worth a person's time.
struct ComparedMeasurement {
  enum class Bad { high, low };
  /// Of `matters`: a share of the median; in the measurement's unit; in powers of ten, for rates of errors.
  enum class Scale { share, units, decades };
  std::string_view name;
  std::string_view unit;
  Bad bad = Bad::high;
  Scale scale = Scale::share;
  double matters = 0;
  double resolution = 0;       ///< the step in which sources tell it
  bool by_place = false;       ///< places in a tray differ (coolant runs past GPUs in series): each place is
                               ///< set against the same place of the other trays
  bool of_population = false;  ///< means the same in another rack: not what moves with its coolant
  bool from_0_to_1 = false;    ///< a share or a rate of errors: zero is a value of it
  std::string_view action;
};
const std::vector<ComparedMeasurement>& compared_measurements();
const ComparedMeasurement* find_compared(std::string_view name);

/// Rates of errors below this are all the same: at 425 Gbit/s, one bit in six hours. Tools print 0
/// or 1.5e-254 where they have seen none.
inline constexpr double kLowestErrorRate = 1e-16;

/// The number behind a value of that measurement; nullopt for what is left out.
std::optional<double> comparable(const ComparedMeasurement& rule, const Value& value,
                                 const std::string& unit);

/// The reason code of a value that stands apart.
inline constexpr const char* kOddOneCode = "population.outlier";

/// One value that stands apart.
struct OddOne {
  std::string dut, part;
  double value = 0;
  double usual = 0;     ///< the median it is set against, of its place where places are told apart
  double distance = 0;  ///< robust standard deviations in the bad direction
  std::string message;  ///< a sentence with all of it
  std::string action;
};

struct Comparison {
  std::string measurement, unit, step;
  Role role = Role::server;
  std::string population;    ///< empty: this rack; else the population's id
  std::size_t n = 0;         ///< values that were compared; of a population: of this rack
  std::size_t left_out = 0;  ///< no numbers of the quantity
  bool by_place = false;     ///< places were told apart
  double median = 0;         ///< of all; of a population: 0, each place has its own
  double sigma = 0;          ///< robust standard deviation
  double cut = 0;
  std::string why_not;      ///< not compared, because; empty: it was
  std::vector<OddOne> odd;  ///< the farthest first
};

/// Collects what may be compared from events, in any order; the newest value of a part counts.
class RackComparison {
 public:
  void take(const Event& event, const Measured& measured);
  void take(const Event& event, const PopulationGiven& given);
  /// `duts`: as they were planned. By measurement, step and role; against a population last.
  [[nodiscard]] std::vector<Comparison> compare(const std::map<std::string, DutPlanned>& duts) const;

 private:
  struct Latest {
    std::int64_t sequence = 0;
    Value value;
    std::string unit;
    Outcome outcome = Outcome::informational;
  };
  using Parts = std::map<std::pair<std::string, std::string>, Latest>;  // DUT, part
  void compare_with(const PopulationGiven& given, const std::map<std::string, DutPlanned>& duts,
                    std::vector<Comparison>& into) const;

  std::map<std::pair<std::string, std::string>, Parts> values_;  // measurement, step
  std::optional<std::pair<std::int64_t, PopulationGiven>> population_;
};

}  // namespace kiln
