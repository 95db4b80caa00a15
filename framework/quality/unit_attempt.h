#pragma once
// One unit's attempt at one operation (recipe), as a run's record tells it: who was tested, how it ended,
// what failed first, how long it carried load. Made from events alone, with the verdict of verdict.h. Plain
// data; one thread at a time per reader.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/event.h"
#include "model/verdict.h"

namespace kiln {

/// How an attempt ended. The last three are INCOMPLETE: without a measured fail and without evidence for a
/// GO, so that they say nothing about the hardware. cut_short: because another unit of the run failed, or
/// energy was cut. stopped: because a person stopped the run. station_error: all others.
enum class AttemptResult { passed, conditional, failed, station_error, cut_short, stopped };
std::string_view to_string(AttemptResult result);

struct AttemptFail {
  std::string code, part, message;
};

/// The value of the check that was asked for.
struct CheckValue {
  std::optional<double> number;  ///< none: no value, an attribute, NaN, infinite
  bool whole = false;            ///< it was recorded as an integer
  bool attribute = false;        ///< a word or yes/no
  std::string unit, limit_text;
  std::string firmware;  ///< what it was measured under; empty: not on record
  std::int64_t sequence = 0;
};

struct UnitAttempt {
  std::string run, recipe, recipe_version, product, station;
  std::int64_t begun_utc_ns = 0;
  bool simulated = false;
  bool set_by_hand = false;  ///< parameters of the recipe were overridden
  std::string unit;          ///< serial number; without one "rack/DUT", which is another unit when trays move
  bool serial_known = false;
  Role role = Role::server;
  AttemptResult result = AttemptResult::station_error;
  std::vector<AttemptFail> fails;            ///< of a failed one, worst first
  std::map<std::string, std::string> parts;  ///< serial number by part, as found
  double load_hours = 0;
  std::optional<double> failed_at_hours;     ///< of load_hours: its first fail that came under load, or was
                                             ///< judged by the step that had loaded it
  std::map<std::string, CheckValue> values;  ///< by part
};

/// Reads one run after another.
class RunAttemptReader {
 public:
  /// `check`: whose values are kept; empty: none.
  explicit RunAttemptReader(std::string check = {}) : check_(std::move(check)) {}

  void begin_run(std::string id, std::int64_t begun_utc_ns);
  /// In order of sequence.
  void add(const Event& event);
  /// `why_not`: what keeps the run from being counted ("a survey decides nothing"); empty: it counts.
  struct Taken {
    std::string why_not;
    std::vector<UnitAttempt> attempts;
  };
  Taken end_run();
  /// Names of all measurements with a number, of all runs: for "did you mean".
  [[nodiscard]] const std::set<std::string>& names() const { return names_; }

 private:
  /// What one DUT carries, from its permits to load.
  struct Load {
    std::map<std::string, std::pair<std::string, std::int64_t>>
        open;                                      // step → the undo that ends it, since when
    std::set<std::string> loaded_by;               // steps, ever
    std::map<std::string, std::string> last_undo;  // by step
    std::int64_t total_ns = 0;
    std::int64_t since_ns = 0;  // of the open stretch
    std::optional<std::int64_t> failed_ns;
  };
  [[nodiscard]] static std::int64_t carried(const Load& load, std::int64_t at_ns);
  static void close(Load& load, const std::string& step, std::int64_t at_ns);
  static void close_all(Load& load, std::int64_t at_ns);
  void take_load(const Event& event);
  void take_fail(const Event& event);
  void take_value(const Event& event, const Measured& measured);
  [[nodiscard]] std::string firmware_of(const std::string& dut, ComponentKind kind) const;
  [[nodiscard]] UnitAttempt attempt_of(const DutVerdict& dut, const RunVerdict& verdict,
                                       const std::map<std::string, int>& serials) const;
  [[nodiscard]] std::string serial_of(const std::string& dut) const;
  [[nodiscard]] AttemptResult result_of(const DutVerdict& dut, const RunVerdict& verdict) const;

  std::string check_;
  std::set<std::string> names_;

  // of the run that is being read
  std::string run_;
  std::int64_t begun_utc_ns_ = 0;
  VerdictAccumulator verdict_;
  std::optional<RunBegun> begun_;
  std::map<std::string, DutPlanned> duts_;
  std::set<std::string> errors_;  // DUTs of which a step could not do its work
  std::map<std::string, Load> loads_;
  std::map<std::string, std::vector<PartSeen>> parts_;
  std::map<std::pair<std::string, std::string>, std::pair<CheckValue, ComponentKind>> values_;  // DUT, part
  std::int64_t last_ns_ = 0;
};

}  // namespace kiln
