#pragma once
// Step: one kind of work, implemented by a plugin. It describes itself (what it measures, with which
// parameters, whether it energises) and runs over one DUT, or once for the rack. It records measurements and
// never knows its limits. Implemented by plugins, owned by the plugin host, called on the loop thread. One
// object serves many concurrent runs: run() keeps its state in locals.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bmc/ability.h"
#include "model/inventory.h"
#include "model/permit.h"
#include "model/recipe.h"

namespace kiln {

class StepContext;

/// A measurement a step may record. A judged one needs a row in the limits table of every product it is used
/// with; a row that is `required` makes one cell per expected part.
struct MeasurementDeclaration {
  std::string name;  ///< dotted lower case: "gpu.temperature.max"
  std::string unit;  ///< UCUM; "1" for counts and ratios, "" for words
  ComponentKind per = ComponentKind::whole_dut;
  bool judged = true;      ///< false: informational, no limit, no cell
  std::string fault_code;  ///< reason code of a fail: "gpu.hot"
  std::string action;      ///< what to do about the part when it fails
  std::string summary;     ///< what it says about the hardware
};

enum class ParameterType { text, number, integer, duration, boolean, list, map };
std::string_view to_string(ParameterType type);

struct ParameterDeclaration {
  std::string name;
  ParameterType type = ParameterType::text;
  std::optional<std::string> default_text;  ///< as written in a recipe; absent = the recipe must give it
  std::string summary;
};

/// What a step asks of a BMC. A verb that it does not name here fails its tests (testing/step_bench.h).
/// `required`: without it the step cannot do its work; else it does less, or does it otherwise.
struct BmcNeed {
  BmcAbility ability = BmcAbility::identity;
  bool required = true;
  std::string for_what;  ///< "to know the state of each detector"
};

struct StepDescription {
  std::string use;  ///< "cooling.flow"; the part before the dot is the plugin's folder
  std::string summary;
  std::vector<MeasurementDeclaration> measurements;
  std::vector<ParameterDeclaration> parameters;
  /// Every ability of a BMC that the step, or the engine at its request (a guard's undo, a firmware write, a
  /// mask), makes use of.
  std::vector<BmcNeed> bmc;
  std::optional<Energy> energises;
  bool rack_scope = false;  ///< runs once for the rack ({role: rack}) instead of per DUT
  bool monitor = false;     ///< runs beside the phases until they are over
  bool leak_watch = false;  ///< a monitor that cuts on a leak: load on a DUT with detectors needs one
  /// What it measures goes over NVLink: while this run has a far end switched off it is skipped, and what it
  /// read then is unset.
  bool uses_fabric = false;
  /// It asks for detectors to be masked (StepContext::mask_detector).
  bool masks_detectors = false;
  bool proves_cooling = false;  ///< load on a liquid-cooled DUT needs one to have passed on it before
  bool recipe_declares_measurements = false;  ///< exec: names come from the recipe's `requires`
  /// After the station died, see docs/operating.md. A result may be kept where it holds by itself: measured
  /// inside the step, and no less true after a power cycle. Never of power, firmware writes (verify at least)
  /// and proofs of cooling.
  ResumePolicy on_resume = ResumePolicy::restart;
  /// It judges what earlier steps left behind (a log, counters since boot): where it has not ended, no load
  /// before it is kept.
  bool looks_back = false;
  /// Not empty: the use of the step that judges what this one only records, such as event_log.after of
  /// event_log.before. A recipe that decides something and does not have that one later on the same DUTs is
  /// refused: what was recorded would be scrubbed by nobody.
  std::string judged_by;
  Nanoseconds default_timeout{600'000'000'000};
};

/// Checked parameters of one use of a step: every declared name has a value of its type.
/// What is wrong with one parameter; `place` is empty when the parameter is missing.
struct ParameterProblem {
  Place place;
  std::string message;
};

class Parameters {
 public:
  Parameters() = default;
  /// All problems at once: unknown names (with the nearest), missing ones, wrong types.
  static Result<Parameters> bind(const StepDescription& step, const ParameterMap& with,
                                 std::vector<ParameterProblem>* problems);

  [[nodiscard]] const std::string& text(const std::string& name) const;
  [[nodiscard]] double number(const std::string& name) const;
  [[nodiscard]] std::int64_t integer(const std::string& name) const;
  [[nodiscard]] Nanoseconds duration(const std::string& name) const;
  [[nodiscard]] bool boolean(const std::string& name) const;
  /// The texts of a list of scalars; a scalar is a list of one; empty when the default is empty.
  [[nodiscard]] std::vector<std::string> list(const std::string& name) const;
  /// The raw value, for maps and nested lists; nullptr when the recipe gave none.
  [[nodiscard]] const ParameterValue* raw(const std::string& name) const;

 private:
  std::map<std::string, std::string> texts_;
  ParameterMap raw_;
};

class Step {
 public:
  virtual ~Step() = default;
  [[nodiscard]] virtual const StepDescription& describe() const = 0;
  /// What lint can say about the parameters beyond their types.
  [[nodiscard]] virtual Status check(const Parameters& with) const;
  /// The parts on which `measurement` is due on `dut`. Default: the expected components of its kind, or the
  /// DUT itself. An empty answer for a part-wise measurement makes no cells.
  [[nodiscard]] virtual std::vector<std::string> parts(const MeasurementDeclaration& measurement,
                                                       const Parameters& with, const Dut& dut) const;
  /// The work. An Error says that it could not be done; what hardware did wrong is recorded, not returned.
  virtual boost::asio::awaitable<Status> run(StepContext& context) = 0;
};

}  // namespace kiln
