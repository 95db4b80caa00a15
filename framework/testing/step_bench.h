#pragma once
// The plugin author's test kit: runs steps of a plugin with the real engine on fake hardware under virtual
// time, and gives back what was recorded. A 24-hour soak takes milliseconds.
//
//   StepBench bench;
//   Dut& tray = bench.add_dut("C01", Role::compute_tray);
//   bench.expect(tray, ComponentKind::leak_detector, {"Detector_0", "Detector_1"});
//   bench.hardware("C01").add_dry_detectors(2);
//   bench.limit_equals("leak_detector.state", "", "dry");
//   bench.step("census", std::make_unique<DetectorCensus>(), {{"settle", "1s"}});
//   const BenchResult result = bench.run();
//   EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
//   EXPECT_EQ(result.measured("leak_detector.state", "Detector_1").outcome, Outcome::pass);

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/devices.h"
#include "engine/plan.h"
#include "engine/runner.h"
#include "engine/step.h"
#include "io/loop.h"
#include "model/verdict.h"
#include "testing/fake_bmc.h"
#include "testing/memory_journal.h"
#include "testing/memory_ledger.h"
#include "testing/scripted_http.h"
#include "testing/scripted_shell.h"

namespace kiln {

struct BenchResult {
  RunVerdict verdict;
  std::vector<Event> events;
  std::vector<PlanProblem> problems;
  std::vector<MemoryJournal::Entry> journal;  ///< undos in the order they were opened, and how they ended
  std::int64_t elapsed_ns = 0;                ///< virtual

  /// The last measurement of that name and part (on `dut` when given); fails the test when there is none.
  [[nodiscard]] Measured measured(const std::string& name, const std::string& part = {},
                                  const std::string& dut = {}) const;
  [[nodiscard]] std::vector<Measured> all_measured(const std::string& name) const;
  [[nodiscard]] bool has_measured(const std::string& name, const std::string& part = {}) const;
  /// The last step_ended of the step ("main/NAME", or "monitor/NAME").
  [[nodiscard]] StepEnded ended(const std::string& path, const std::string& dut = {}) const;
  template <class Body>
  [[nodiscard]] std::vector<Body> bodies() const {
    std::vector<Body> found;
    for (const Event& event : events) {
      if (const Body* body = std::get_if<Body>(&event.body)) found.push_back(*body);
    }
    return found;
  }
};

class StepBench {
 public:
  StepBench();
  ~StepBench();

  /// Simulated unless told otherwise. References stay valid.
  void set_simulated(bool simulated);
  Dut& add_dut(const std::string& id, Role role);
  /// Adds expected parts of one kind.
  void expect(Dut& dut, ComponentKind kind, const std::vector<std::string>& names);
  FakeHardware& hardware(const std::string& dut);
  ScriptedShell& shell(const std::string& dut);
  /// The rack file names a model server from now on, and this is what it says.
  ScriptedHttp& model_server();
  /// The rack file names a building from now on, and this is what it says.
  BuildingReport& building();

  void limit_max(const std::string& name, const std::string& unit, double max,
                 std::optional<double> marginal = {});
  void limit_min(const std::string& name, const std::string& unit, double min,
                 std::optional<double> marginal = {});
  void limit_range(const std::string& name, const std::string& unit, double min, double max);
  void limit_equals(const std::string& name, const std::string& unit, Value value);
  void limit_expected(const std::string& name, const std::string& unit);
  void limit(Limit row);
  void allow_log_entry(LogAllowance row) { allowed_log_entries_.push_back(std::move(row)); }

  using With = std::vector<std::pair<std::string, std::string>>;
  /// Adds a step of phase "main" on the given DUTs (none given: all; rack steps: the rack). Returns its spec,
  /// to change timeout, retry and so on.
  StepSpec& step(const std::string& name, std::unique_ptr<Step> step, With with = {},
                 std::vector<std::string> duts = {});
  /// Adds a monitor on all DUTs.
  MonitorSpec& monitor(const std::string& name, std::unique_ptr<Step> step, Nanoseconds every,
                       With with = {});
  StepSpec& teardown(const std::string& name, std::unique_ptr<Step> step, With with = {});
  /// For parameters that are lists or maps.
  static ParameterValue list_of(const std::vector<std::string>& items);
  Recipe& recipe() { return recipe_; }
  Inventory& inventory() { return inventory_; }

  /// Does `action` at that virtual time after the start of the run.
  void at(Nanoseconds when, std::function<void()> action);
  /// The run has a warden; what it says is said by `action` at that time.
  /// From now on load on these needs the warden's word about heat and coolant.
  void watch_hazards(std::set<std::string> duts) { hazard_watches_ = std::move(duts); }
  /// What earlier racks have shown: the run is set against it.
  void set_against(PopulationGiven given) { population_ = std::move(given); }
  void warden_at(Nanoseconds when, std::function<void(Runner&)> action);
  /// While the run is still being written down, between its first event and the first step.
  void warden_at_the_first_event(std::function<void(Runner&)> action);
  /// The run has a warden that masks detectors: it is asked with a report as of one that begins now, or of
  /// one that ends; what it says is said with Runner::warden_masked.
  void on_mask(std::function<void(Runner& runner, const MaskReport& asked)> action) {
    on_mask_ = std::move(action);
  }
  /// The same of a BMC that is to be away by plan (`asked`: on; or it is over: ended):
  /// Runner::warden_silenced.
  void on_silence(std::function<void(Runner& runner, const SilenceReport& asked)> action) {
    on_silence_ = std::move(action);
  }
  /// A person stops the run at that time.
  void stop_at(Nanoseconds when);
  /// What the operator answers, by prompt id; without one the prompt is never answered.
  void answer_prompt(const std::string& id, const std::string& text);
  void fail_ledger_after(std::size_t events) { fail_after_ = events; }
  /// No undo can be journaled.
  void fail_journal(Error error) { journal_error_ = std::move(error); }

  BenchResult run();
  /// As run, and the station dies when that many events are on disk: the result holds them and nothing else.
  BenchResult die_after(std::size_t events);
  /// Goes on with what `before` holds. The steps must have been added anew, to this bench or another of the
  /// same plan.
  BenchResult resume(const BenchResult& before);

 private:
  class FakeDevices;
  class FakeOperator;
  Recipe recipe_;
  Inventory inventory_;
  LimitsTable limits_;
  std::vector<LogAllowance> allowed_log_entries_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::map<std::string, std::shared_ptr<FakeHardware>> hardware_;
  std::map<std::string, std::unique_ptr<ScriptedShell>> shells_;
  BuildingReport building_report_;
  ScriptedHttp model_server_;
  std::vector<std::pair<Nanoseconds, std::function<void(Runner&)>>> actions_;
  std::map<std::string, std::string> answers_;
  bool has_warden_ = false;
  std::set<std::string> hazard_watches_;
  std::optional<PopulationGiven> population_;
  std::function<void(Runner&)> at_first_event_;
  std::function<void(Runner&, const MaskReport&)> on_mask_;
  std::function<void(Runner&, const SilenceReport&)> on_silence_;
  std::optional<std::size_t> fail_after_;
  std::optional<Error> journal_error_;
  int next_plugin_ = 0;
  const std::vector<Event>* before_ = nullptr;
};

}  // namespace kiln
