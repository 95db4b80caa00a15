#pragma once
// StepContext: everything a step can reach, and nothing else. Made by the engine for one attempt of one step
// on one DUT (or on the rack); lives as long as the step's run(). Loop thread only. The fake is
// testing/step_bench.h.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bmc/bmc.h"
#include "engine/step.h"
#include "engine/step_window.h"
#include "io/ctx.h"
#include "io/http.h"
#include "io/process.h"
#include "io/shell.h"
#include "model/building_report.h"
#include "model/event.h"
#include "model/log_allowance.h"
#include "safety/firmware_write.h"
#include "safety/guard.h"
#include "safety/trip.h"

namespace kiln {

/// One value to record. Not an aggregate on purpose (coroutine parameters must have a constructor under g++
/// 12).
class Reading {
 public:
  Reading(std::string measurement, std::string part_name, Value read_value, Source read_from)
      : name(std::move(measurement)),
        part(std::move(part_name)),
        value(std::move(read_value)),
        source(std::move(read_from)) {}
  std::string name;  ///< declared by the step
  std::string part;  ///< empty for the DUT itself
  Value value;
  Source source;
  std::string unit;  ///< empty = the declared unit; another unit than the limit's is a fail with a reason
  std::optional<Value> expected;  ///< the inventory's value, for limits with rule `expected: true`
  /// How the fields of a version are meant, as whoever expects it says; a limits row that says it wins.
  std::optional<VersionFields> version_fields;
  std::string reason;  ///< for unset values: why there is none
  /// The value is what was seen and may be short of the truth, for `reason`: it can fail, but not pass; where
  /// it would, it is unset.
  bool at_least = false;
  std::string fault_code;  ///< of a fail, when the step knows better than its declaration
  std::string action;      ///< likewise
};

/// How something is undone. Closed list, so that another process can do it too.
class Undo {
 public:
  using Kind = UndoKind;
  /// step: undone at the latest when the step ends. run: stays until the DUT's work is over (a tray that was
  /// switched on).
  enum class Lifetime { step, run };
  Undo(Kind undo_kind, std::string what, std::string command_line = {})
      : kind(undo_kind), description(std::move(what)), command(std::move(command_line)) {}
  Kind kind;
  std::string description;  ///< "stop gpu_burn on C02"
  std::string command;      ///< for shell_command
  Lifetime lifetime = Lifetime::step;
  Nanoseconds budget{10'000'000'000};
};

/// When this run switched a DUT, on the monotonic clock in ns; 0: never.
struct Switched {
  std::int64_t off_ns = 0;  ///< it last began to take its power away or to restart it
  /// From when it is on again: it was asked on, or a firmware write that may restart it ended. After a plain
  /// restart this lies 30 s ahead, because a machine answers for a while before it goes down.
  std::int64_t on_ns = 0;
  [[nodiscard]] bool is_off() const { return off_ns != 0 && off_ns >= on_ns; }
};

class PromptRequest {
 public:
  enum class Answer { confirm, choice, number, text, scan };
  /// hold: the step asks again. abort_safe: the DUT's work ends and it is parked. fail: a measured fail.
  enum class OnTimeout { hold, abort_safe, fail };
  std::string id, text, picture;  ///< picture: a file name shown to the operator
  Answer answer = Answer::confirm;
  std::vector<std::string> choices;
  std::string pattern;  ///< for text and scan: ECMAScript regular expression, whole match
  std::optional<double> min, max;
  std::string unit;
  Nanoseconds timeout{600'000'000'000};
  std::vector<Nanoseconds> remind;
  OnTimeout on_timeout = OnTimeout::hold;
};

struct PromptAnswer {
  std::string text;  ///< as given
  /// A yes, or a valid answer. false: a no, a number outside min and max, or "it cannot be done".
  bool confirmed = false;
  std::string by;
};

/// A hazard that a watch has read, or can no longer rule out.
class Hazard {
 public:
  Hazard(std::string hazard_cause, std::string reason_code, std::string part_name, std::string what)
      : cause(std::move(hazard_cause)),
        code(std::move(reason_code)),
        part(std::move(part_name)),
        message(std::move(what)) {}
  std::string cause;  ///< "leak", "over-temperature", "flow", "telemetry-lost"
  std::string code;   ///< "leak.detected", "interlock.telemetry-lost"
  std::string part;
  std::string message;
  bool read = true;              ///< false: telemetry lost beyond its grace
  std::int64_t detected_ns = 0;  ///< monotonic; 0 = now
};

class StepContext {
 public:
  virtual ~StepContext() = default;

  [[nodiscard]] virtual const Ctx& ctx() const = 0;
  [[nodiscard]] virtual const Inventory& inventory() const = 0;
  /// The DUT under work; of a rack step: a DUT of role rack that carries the rack's id.
  [[nodiscard]] virtual const Dut& dut() const = 0;
  /// Of a rack step: the DUTs still in the run, in rack order; of a rack's monitor: all, whatever becomes of
  /// them. Of a DUT step: just that one.
  [[nodiscard]] virtual std::vector<const Dut*> duts() const = 0;
  [[nodiscard]] virtual const Parameters& with() const = 0;
  [[nodiscard]] virtual int attempt() const = 0;
  /// Of a monitor: the time between two rounds, from the recipe.
  [[nodiscard]] virtual Nanoseconds every() const = 0;

  /// Doors to the DUT. An Error when the inventory names none. Monitors get their own BMC connection.
  virtual Result<Bmc*> bmc() = 0;
  virtual Result<Shell*> shell() = 0;
  /// Of another DUT, for rack steps.
  virtual Result<Bmc*> bmc_of(const std::string& dut) = 0;
  virtual Result<Shell*> shell_of(const std::string& dut) = 0;
  virtual ProcessLauncher& processes() = 0;
  /// A door to the server that serves a model on the rack. `written`: as a recipe names it, and never with a
  /// key; null: as the rack file does (`serving`), with its API key, which no step sees. It refuses requests
  /// to any other address. `at_once`: in flight. Errors: serving.none, http.options, credentials.unknown.
  virtual Result<std::unique_ptr<HttpClient>> model_server(const ServingAccess* written,
                                                           std::size_t at_once) = 0;
  /// What the building's management system says of the rack, once all its leak points have a value and
  /// `settle` is over; at the latest after `patience`. Errors: building.none (the rack file names none).
  virtual boost::asio::awaitable<Result<BuildingReport>> building(Nanoseconds settle,
                                                                  Nanoseconds patience) = 0;
  /// What this run did to the power of any DUT, be it by a step, an undo or a cut. What depends on that DUT,
  /// such as a link's far end, then says nothing about the hardware.
  [[nodiscard]] virtual Switched switched(const std::string& dut) const = 0;

  /// Judges and records. Waits only when the ledger is behind. The outcome lets a step stop early; a name the
  /// step did not declare is a bug and comes back as the Error "step.undeclared_measurement".
  virtual boost::asio::awaitable<Result<Outcome>> record(Reading reading) = 0;
  /// A sample of a series for plots, written in chunks and never judged. nullopt = the source had no value.
  virtual boost::asio::awaitable<Status> sample(std::string name, std::string part, std::string unit,
                                                std::optional<double> value) = 0;
  virtual boost::asio::awaitable<Status> seen(PartSeen part) = 0;
  virtual boost::asio::awaitable<Status> diagnose(Diagnosed diagnosis) = 0;
  /// Something that disturbed the work without saying anything about the hardware.
  virtual boost::asio::awaitable<Status> disturbance(Disturbance disturbance) = 0;
  virtual boost::asio::awaitable<Status> note(std::string text) = 0;
  virtual boost::asio::awaitable<Status> attach(std::string name, std::string media_type,
                                                std::string bytes) = 0;
  /// A word for the live screen ("62 %, 71 Cel"); not recorded.
  virtual void progress(std::string text) = 0;

  /// Leave to energise this DUT. Errors: permit.no_warden, permit.no_leak_watch,
  /// permit.cooling_not_proven, permit.interlocked, permit.flash_open, permit.masked, permit.silent.
  virtual Result<Permit> permit(Energy energy, const std::string& reason) = 0;
  /// Of another DUT, for rack steps.
  virtual Result<Permit> permit_of(const std::string& dut, Energy energy, const std::string& reason) = 0;
  /// Runs `write`, which writes firmware of `component` with the flash permit it holds: under a Ctx that only
  /// an interlock, the step's own deadline and `budget` stop, because half a write is worse than a late stop.
  /// `write` gets the BMC that may also restart the DUT to activate; all others are refused that meanwhile
  /// (permit.flash_open). A write that was cut is recorded as "firmware.interrupted". After a person's stop
  /// `write` should begin nothing new: see ctx().
  /// `budget`: how long it may take, activation included; the shorter, the sooner a dead station's DUT can
  /// be switched off. What `component` says of versions shows whoever finds it dead that the write is over.
  virtual boost::asio::awaitable<Status> flash(
      FirmwareWrite component, Nanoseconds budget,
      std::function<boost::asio::awaitable<Status>(Ctx&, Bmc&)> write) = 0;

  /// Journals the undo durably; do the "do" only after it returned. Still open at the step's end: undone by
  /// the engine, newest first, shielded; on an interlock too.
  virtual boost::asio::awaitable<Result<int>> open_guard(Undo undo) = 0;
  /// Performs the undo now, under its own budget, even if the step was stopped.
  virtual boost::asio::awaitable<Status> close_guard(int guard) = 0;
  /// The undo is no longer needed, because what it undoes has ended by itself; `why` is recorded.
  virtual boost::asio::awaitable<Status> release_guard(int guard, std::string why) = 0;

  /// For a leak detector's functional test: takes `part` of this DUT out of what the warden and the leak
  /// watches judge, for 120 s at most, with the DUT off, nothing of this run open on it (of a CDU: on
  /// anything), one at a time in the whole run, and all others armed. Waits for its turn. What is energised
  /// meanwhile is refused. Ends with the step. Errors: mask.undeclared, mask.unknown_detector,
  /// mask.energised, mask.no_warden, mask.refused, mask.no_answer.
  virtual boost::asio::awaitable<Status> mask_detector(std::string part) = 0;
  /// What is masked on this DUT, and what the warden has seen of it since; also after it has ended, until
  /// unmask_detector. nullopt: nothing is.
  [[nodiscard]] virtual std::optional<MaskReport> masked_detector() const = 0;
  /// The detector is judged again from its next reading on: one that is still wet is a leak.
  virtual boost::asio::awaitable<Status> unmask_detector() = 0;

  /// Within flash() of firmware that restarts the DUT's own BMC, which reads its leak detectors: from now on,
  /// until end_silence or the end of the write, the leak watch and the warden bear it for `longest` (at most
  /// kLongestSilence) from one reading to the next. A leak that is read meanwhile cuts as ever. Needs the DUT
  /// (of a CDU: everything that it serves) off and every detector read dry; nothing there is energised
  /// meanwhile. Errors: silence.no_write, silence.too_long, silence.twice, silence.on, silence.not_dry,
  /// silence.refused, silence.no_answer.
  virtual boost::asio::awaitable<Status> begin_silence(const Ctx& ctx, Nanoseconds longest) = 0;
  /// Returns when both have read every detector dry again, at the latest with `ctx`; from then on their grace
  /// is as ever. Does nothing when none is planned. Errors: silence.not_read_again; it goes on then.
  virtual boost::asio::awaitable<Status> end_silence(const Ctx& ctx) = 0;
  /// Within flash(), before a permit from before the write is made use of: whether it would be granted now.
  /// Errors: as permit().
  [[nodiscard]] virtual Status still_permitted(Energy energy) const = 0;
  /// Of this DUT: so long its detectors may go unread now; nullopt: no longer than ever.
  [[nodiscard]] virtual std::optional<Nanoseconds> planned_silence() const = 0;

  /// Of a leak watch: every required detector of this DUT was read and is dry, or (false) no longer is.
  /// Nothing on the DUT may be energised before the first true.
  virtual void watch_armed(bool armed) = 0;
  /// Cuts: revokes permits, stops load and forces off in parallel, reads back, records. Returns when
  /// confirmed or given up.
  virtual boost::asio::awaitable<Status> trip(Hazard hazard) = 0;

  virtual boost::asio::awaitable<Result<PromptAnswer>> prompt(PromptRequest request) = 0;

  // For steps that look back. All of it is as the record has it, also of before a resume.
  [[nodiscard]] virtual std::int64_t run_begun_utc_ns() const = 0;
  /// Which step ran when on this DUT, in the order of their beginning, this one too; without monitors.
  [[nodiscard]] virtual std::vector<StepWindow> windows() const = 0;
  /// What was measured last on this DUT under that name, by any step; nullopt: nothing was.
  [[nodiscard]] virtual std::optional<Value> earlier(const std::string& name,
                                                     const std::string& part) const = 0;
  /// What the product's limits allow in event logs.
  [[nodiscard]] virtual const std::vector<LogAllowance>& allowed_log_entries() const = 0;
};

}  // namespace kiln
