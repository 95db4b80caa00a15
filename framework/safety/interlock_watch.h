#pragma once
// InterlockWatch: the warden's own watch over every DUT of a run, and its cut. Polls each DUT's leak
// detectors on the warden's own line; a hazard takes the energy of everything in its reach away: loads ended
// and chassis forced off side by side, at once, and only then told. What does not read back Off in time
// escalates to the power shelves; a leak of the whole rack, and shelves that stay on, to the building. A DUT
// is cut once per run and stays cut. One detector at a time may be masked for its functional test, with what
// it watches off. A BMC whose own firmware is being written, with what it watches off, may be away for longer
// than the grace. Shelves that feed a firmware write stay on, as long as no hazard was read. Loop thread
// only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/completion.h"
#include "io/scope.h"
#include "model/interlock_rules.h"
#include "model/inventory.h"
#include "safety/cause.h"
#include "safety/detector_mask.h"
#include "safety/leak_events.h"
#include "safety/undoing.h"

namespace kiln {

/// One DUT as the watch sees it. The pointers may be null, with the reason why; they outlive the watch.
struct WatchedDut {
  Role role = Role::server;
  std::vector<std::string> leak_detectors;  ///< expected, by name; empty: none to watch
  LeakDetectors* leaks = nullptr;
  LeakEvents* events = nullptr;
  PowerSwitch* power = nullptr;
  Shell* shell = nullptr;
  std::string no_power, no_shell;
};

/// Who is told, and never waited for: each returns at once.
struct InterlockEars {
  std::function<void(const WatchReport& report)> watch;
  /// Begun: `reach` is being cut.
  std::function<void(const Trip& trip, const std::vector<std::string>& reach)> tripped;
  std::function<void(const CutReport& report)> cut;
  /// The building is to isolate the rack; said after the cut was begun. `why`: a sentence. May be empty:
  /// there is no building to ask.
  std::function<void(bool liquid, bool electrical, const std::string& why)> isolate;
  /// A tray's leak was read for the first time. May be empty.
  std::function<void()> tray_leak;
  /// The mask began, was refused, ended, or its detector has changed its word. May be empty.
  std::function<void(const MaskReport& report)> masked;
  /// A planned silence began, was refused, or ended. May be empty.
  std::function<void(const SilenceReport& report)> silenced;
};

class InterlockWatch {
 public:
  /// `open_guards`: what the DUT's cut has to undo, oldest first. `on_asked_ns`: when (monotonic) an On may
  /// last have been asked for there; 0: never.
  InterlockWatch(const Ctx& owner, InterlockRules rules, std::map<std::string, WatchedDut> duts,
                 std::function<std::vector<NumberedUndo>(const std::string& dut)> open_guards,
                 std::function<std::int64_t(const std::string& dut)> on_asked_ns, InterlockEars ears);
  InterlockWatch(const InterlockWatch&) = delete;
  InterlockWatch& operator=(const InterlockWatch&) = delete;

  void start();
  /// A hazard that somebody else has seen, or a person's wish: the same cut. `everything`: whatever its place
  /// is.
  void trip(Trip trip, bool everything);
  /// Begins to see whether detector `part` may be masked, and masks it; ears.masked says what came of it.
  void mask(const std::string& dut, const std::string& part);
  /// Judges it again from its next reading on.
  void unmask(const std::string& why);
  /// Begins to see whether the BMC of `dut` may be away for `longest` from one reading to the next, and bears
  /// it; ears.silenced says what came of it. Only while a guard of its firmware write is open, with it (of a
  /// CDU: everything) read Off and every detector dry. A leak that is read meanwhile cuts as ever. Ends with
  /// that guard, and when the DUT is on again.
  /// `number`: of the announcement, for the reports.
  void begin_silence(const std::string& dut, int number, Nanoseconds longest);
  void end_silence(const std::string& dut, const std::string& why);
  /// What the station is about to do there begins: nothing stands in the way of seeing what happens. A write
  /// of firmware ends a mask only.
  void guard_opens(const JournaledUndo& undo);
  /// Nothing is being cut now.
  [[nodiscard]] bool at_rest() const { return cuts_.running() == 0; }
  /// Ends the polling and waits until what was begun to be cut is cut, or has been asked for Off for 10 min;
  /// without `finish_cuts` it is given up.
  boost::asio::awaitable<void> stop(bool finish_cuts = true);

  /// Every DUT that was cut, why, and how far it got.
  [[nodiscard]] const std::map<std::string, JournaledCut>& cuts() const { return done_; }
  [[nodiscard]] bool is_cut(const std::string& dut) const { return cut_.contains(dut); }
  /// Its BMC may be away by plan now, and what it watches was read Off.
  [[nodiscard]] bool is_silent(const std::string& dut) const { return silences_.contains(dut); }

 private:
  boost::asio::awaitable<void> watch(std::string id, Nanoseconds first_pause, Ctx& task);
  boost::asio::awaitable<void> listen(std::string id, Ctx& task);
  void heard(const std::string& id, const LeakEvent& event, std::int64_t now_ns);
  boost::asio::awaitable<void> cut_one(std::string id, Ctx& task);
  [[nodiscard]] bool has_shelves() const;
  boost::asio::awaitable<void> escalate(std::string id, Ctx& task);
  boost::asio::awaitable<void> shelf_off(std::string id, Ctx& task);
  boost::asio::awaitable<void> shelves_that_stay_on(std::string id, Ctx& task);
  void isolate(bool liquid, bool electrical, const std::string& why);
  void say_ready(const std::string& id, const Cause& cause, std::int64_t now_ns);
  std::vector<std::string> reach_of(const Trip& trip, bool everything);
  // The mask; in interlock_mask.cc.
  boost::asio::awaitable<void> mask_when_off(std::string id, std::string part, int asked, Ctx& task);
  [[nodiscard]] Status may_mask(const std::string& id, const std::string& part) const;
  boost::asio::awaitable<Status> all_off(std::string id, Ctx& task);
  void end_mask_in_time(const std::string& id, std::int64_t now_ns);
  boost::asio::awaitable<void> look_after_mask(std::string id, Ctx& task);
  [[nodiscard]] bool mask_concerns(const std::string& dut) const;
  void say_masked();
  // A planned silence; in interlock_silence.cc.
  struct Silence {
    int number = 0;
    Nanoseconds longest{0};
    std::int64_t since_ns = 0;
    std::string looked_at;  ///< of what a CDU serves: whose power was read last
  };
  boost::asio::awaitable<void> silence_when_off(std::string id, int number, Nanoseconds longest, int asked,
                                                Ctx& task);
  [[nodiscard]] Status may_be_silent(const std::string& id) const;
  [[nodiscard]] bool silence_concerns(const std::string& silent, const std::string& dut) const;
  void end_silences_for(const std::string& dut);
  boost::asio::awaitable<void> look_after_silence(std::string id, Cause& cause, Ctx& task);
  std::string whose_power_to_read(const std::string& id);
  [[nodiscard]] bool is_written(const std::string& dut) const;
  [[nodiscard]] bool waits_for_writes(const std::string& id, std::int64_t until_ns) const;
  [[nodiscard]] std::string written_elsewhere(const std::string& id) const;
  boost::asio::awaitable<bool> writes_elsewhere_end(std::string id, Ctx& task);
  boost::asio::awaitable<bool> reads_off_now(std::string id, Ctx& task);
  boost::asio::awaitable<void> go_on_to_shelves(std::string id, Ctx& task);

  const Ctx& owner_;
  InterlockRules rules_;
  std::map<std::string, WatchedDut> duts_;
  std::function<std::vector<NumberedUndo>(const std::string&)> open_guards_;
  std::function<std::int64_t(const std::string&)> on_asked_ns_;
  InterlockEars ears_;
  std::map<std::string, std::pair<bool, std::string>> said_ready_;
  DetectorMask mask_;
  int masks_asked_ = 0;  ///< an end that comes while one is still being decided ends that too
  std::map<std::string, Silence> silences_;    ///< by DUT whose BMC is away by plan
  std::map<std::string, int> silences_asked_;  ///< an end that comes while one is being decided ends that too
  std::map<std::string, Completion<bool>> poll_now_;  ///< by DUT that waits for its next poll
  std::set<std::string> tripped_;                     ///< by themselves: each trips once
  std::set<std::string> leaking_, cut_;
  /// A hazard was read there, also after it had been cut for lost telemetry; and one of the whole rack.
  std::set<std::string> hazard_read_;
  bool rack_hazard_ = false;
  std::map<std::string, JournaledCut> done_;
  bool escalated_ = false;
  std::set<std::string> shelves_on_;  ///< asked to go off, and not confirmed yet
  Scope polls_, cuts_;
};

}  // namespace kiln
