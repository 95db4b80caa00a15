#pragma once
// What a run looks like right now, DUT by DUT, computed from its events as they are committed. It shows; it
// does not judge: the verdict is computed from the record when the run is over. Loop thread only.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/plan.h"
#include "model/event.h"
#include "station/screen/vocabulary.h"

namespace kiln {

/// One DUT, or the rack's own steps.
struct DutProgress {
  std::string id;
  Role role = Role::server;
  std::optional<int> slot;
  std::string step;             ///< "soak/load", the last one that began; empty before the first
  bool in_step = false;         ///< it is still at it
  std::int64_t step_began = 0;  ///< monotonic
  std::string detail;           ///< what the step says of itself: "62 %, 71 Cel"
  int fails = 0, marginals = 0;
  std::size_t unproved = 0;  ///< required checks that have no pass or fail yet
  int not_done = 0;          ///< steps that ended otherwise than complete and are not tried again
  bool cut = false;          ///< an interlock removed its energy
  bool waiting = false;
  bool over = false;  ///< all its steps have ended, teardown too
  int open_undos = 0;

  [[nodiscard]] Sign sign() const;
  /// "RUNNING", "FAIL", "CUT", "PASS": at most ten columns.
  [[nodiscard]] std::string word() const;
};

class RunProgress {
 public:
  explicit RunProgress(const Plan& plan);

  void on_event(const Event& event);
  void on_progress(const std::string& dut, const std::string& step, const std::string& text);
  void set_waiting(const std::string& dut, bool waiting);

  /// As they stand in the rack, highest slot first; then those without a slot, in order of the inventory; the
  /// rack's own steps last.
  [[nodiscard]] const std::vector<DutProgress>& duts() const { return duts_; }
  [[nodiscard]] const DutProgress* find(const std::string& id) const;

  /// When the step's attempt on the DUT began (of a step repeated by time: its first one), 0 when it is not
  /// running now. Monitors are not counted.
  [[nodiscard]] std::int64_t running_since(const std::string& dut, const std::string& path) const;
  /// It has ended for good on that DUT, in whatever way.
  [[nodiscard]] bool has_ended(const std::string& dut, const std::string& path) const;
  /// DUTs on which the step has ended, and DUTs it is planned for.
  [[nodiscard]] std::pair<std::size_t, std::size_t> ended_of(const std::string& path) const;
  /// DUTs with something switched on that is still to be undone.
  [[nodiscard]] std::vector<std::string> energised() const;

 private:
  using StepOfDut = std::pair<std::string, std::string>;  // dut, path
  DutProgress* mutable_find(const std::string& id);
  void on_step_ended(DutProgress& dut, const Event& event, const StepEnded& ended);
  void note_if_over(DutProgress& dut);

  using CellOfDut = std::tuple<std::string, std::string, std::string, std::string>;  // dut, step, name, part

  std::vector<DutProgress> duts_;
  std::set<CellOfDut> unproved_;
  std::map<StepOfDut, int> planned_;  ///< how many iterations; 0: by time
  std::map<std::string, std::size_t> planned_duts_;
  std::map<StepOfDut, std::int64_t> running_, first_began_;
  std::map<StepOfDut, int> ended_;  ///< iterations that ended
  std::set<StepOfDut> finished_;
  std::set<std::string> monitors_;
};

}  // namespace kiln
