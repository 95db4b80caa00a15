#pragma once
// A recipe as data: phases of steps, what runs beside them, what is undone after them. Read by files/,
// planned by engine/. Everything here was checked for form; whether names exist is checked by the planner,
// which knows the plugins.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/hazard.h"
#include "model/inventory.h"

namespace kiln {

/// Where something was written, for messages: "recipes/demo.yaml:12:7".
struct Place {
  std::string file;
  int line = 0;    ///< 1-based; 0 = unknown
  int column = 0;  ///< 1-based
  [[nodiscard]] std::string text() const;
};

enum class Purpose { bring_up, burn_in, field, survey, triage };
std::string_view to_string(Purpose purpose);
std::optional<Purpose> purpose_from(std::string_view word);
std::vector<std::string> purpose_names();

/// What becomes of a step's result when the run is resumed after its station had died, from least to most.
/// keep ("continue"): a result that is complete stands. verify: the outcome is read again from the device,
/// and what is not as it should be is done. restart: from its beginning. manual: the same, after a person at
/// the terminal has said so.
enum class ResumePolicy { keep, verify, restart, manual };
std::string_view to_string(ResumePolicy policy);  ///< "continue", "verify", "restart", "manual"
std::optional<ResumePolicy> resume_policy_from(std::string_view word);
std::vector<std::string> resume_policy_names();

/// A parameter's value after ${name} substitution. Lists and maps nest.
struct ParameterValue;
using ParameterList = std::vector<ParameterValue>;
using ParameterMap = std::map<std::string, ParameterValue>;
struct ParameterValue {
  std::variant<std::string, bool, double, ParameterList, ParameterMap> value;
  Place place;
  /// The scalar as it was written ("60s", "4", "true"); empty for lists and maps.
  std::string text;
};

/// Which DUTs a step runs on. An empty selector never matches; "all" sets `all`.
struct Selector {
  bool all = false;
  std::vector<Role> roles;
  std::vector<std::string> ids;
  std::optional<int> slot_from;
  std::optional<int> slot_to;
  std::map<std::string, std::string> labels;
  Place place;

  /// True when the step runs once for the rack instead of once per DUT: {role: rack}.
  [[nodiscard]] bool is_rack_scope() const;
  [[nodiscard]] bool matches(const Dut& dut) const;
};

struct Retry {
  int attempts = 1;  ///< in all; only attempts that ended in error are repeated
  Nanoseconds delay{0};
};

struct StepSpec {
  std::string name;  ///< unique inside the recipe
  std::string use;   ///< plugin and kind: "cooling.flow"
  Selector duts;
  ParameterMap with;
  std::optional<Nanoseconds> timeout;
  Retry retry;
  int repeat = 1;                         ///< run the step this many times, each a record of its own
  std::optional<Nanoseconds> repeat_for;  ///< repeat until this much unbroken time has passed
  bool barrier_before = false;            ///< all selected DUTs wait for each other before it starts
  bool barrier_after = false;
  int quorum = 0;  ///< rack step: DUTs that must still be running; 0 = all selected
  std::vector<std::string> requires_measurements;  ///< exec: names the recipe demands
  std::optional<ResumePolicy> on_resume;           ///< no less than the step itself demands
  Place place;
};

struct PhaseSpec {
  std::string name;
  bool gate = false;
  std::vector<std::string> needs;  ///< phases that must have passed on this DUT
  std::vector<StepSpec> setup;
  std::vector<StepSpec> steps;
  std::vector<StepSpec> teardown;  ///< shielded; runs also when the phase failed or was stopped
  Place place;
};

struct MonitorSpec {
  std::string name;
  std::string use;
  Selector duts;
  Nanoseconds every{1'000'000'000};
  ParameterMap with;
  Place place;
};

struct InterlockSpec {
  std::string cause;  ///< "leak"
  std::string scope;  ///< "tray" | "rack"
  Place place;
};

struct Recipe {
  std::string name;
  std::string version;
  std::string product;
  Purpose purpose = Purpose::burn_in;
  std::string description;
  std::vector<std::string> required_plugins;
  std::map<Role, int> required_roles;
  std::map<std::string, std::string> parameters;  ///< defaults, overridable by --set
  std::vector<MonitorSpec> monitors;
  std::vector<InterlockSpec> interlocks;
  std::vector<HazardRule> hazards;  ///< watched beside the station's own rows, so none is weakened by it
  std::vector<PhaseSpec> phases;
  std::vector<StepSpec> teardown;
  bool marginal_is_conditional = false;  ///< recipe `marginal: conditional`
  std::string file;
  std::string sha256;  ///< of the resolved recipe: file bytes and included fragments
};

}  // namespace kiln
