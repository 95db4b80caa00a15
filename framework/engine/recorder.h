#pragma once
// Recorder: the run's one door to the ledger. Stamps events with both clocks, feeds the running verdict and
// the observer, and goes on recording after a stop: what happened during teardown belongs to the record too.
// Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "engine/devices.h"
#include "engine/run_memory.h"
#include "io/ctx.h"
#include "model/event.h"
#include "model/verdict.h"
#include "store/event_sink.h"

namespace kiln {

/// Where in the run something happened. Has constructors on purpose (coroutine parameter).
class Where {
 public:
  Where() = default;
  explicit Where(std::string dut_id) : dut(std::move(dut_id)) {}
  Where(std::string dut_id, std::string step_path, int iteration_number, int attempt_number)
      : dut(std::move(dut_id)),
        step(std::move(step_path)),
        iteration(iteration_number),
        attempt(attempt_number) {}
  std::string dut, step;
  int iteration = 1, attempt = 1;
};

class Recorder {
 public:
  /// `on_failure` is called once, when the ledger refuses an event: the run must end.
  Recorder(const Ctx& root, EventSink& sink, RunObserver* observer,
           std::function<void(const Error&)> on_failure);

  /// Of a run that goes on: what its record holds already counts for the verdict, and its time goes on.
  void recall(const std::vector<Event>& record);
  /// An event of before, with its own time.
  boost::asio::awaitable<Status> record_as_it_was(Event event);
  boost::asio::awaitable<Status> record(Where where, EventBody body);
  /// As record, and returns once it is on disk.
  boost::asio::awaitable<Status> record_durable(Where where, EventBody body);

  [[nodiscard]] RunVerdict verdict() const { return verdict_.verdict(); }
  [[nodiscard]] std::int64_t begun_ns() const { return begun_ns_; }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  /// After a failure: what happened that no record may lack, in order. Also handed to EventSink::keep_beside.
  [[nodiscard]] const std::vector<Event>& not_recorded() const { return not_recorded_; }
  /// What the record says so far.
  [[nodiscard]] const RunMemory& memory() const { return memory_; }

 private:
  boost::asio::awaitable<Status> append(Where where, EventBody body, bool durable);
  boost::asio::awaitable<Status> append_event(Event event, bool durable);
  void keep_if_grave(Event event);
  Ctx ctx_;  // never stopped: see the class comment
  EventSink& sink_;
  RunObserver* observer_;
  std::function<void(const Error&)> on_failure_;
  VerdictAccumulator verdict_;
  RunMemory memory_;
  std::int64_t begun_ns_;
  std::optional<Error> failure_;
  std::vector<Event> not_recorded_;
  std::int64_t last_sequence_ = 0;
};

}  // namespace kiln
