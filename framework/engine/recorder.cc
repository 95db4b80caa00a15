#include "engine/recorder.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "model/grave_events.h"

namespace kiln {

Recorder::Recorder(const Ctx& root, EventSink& sink, RunObserver* observer,
                   std::function<void(const Error&)> on_failure)
    : ctx_(root.loop(), "record"),
      sink_(sink),
      observer_(observer),
      on_failure_(std::move(on_failure)),
      begun_ns_(root.now().monotonic_ns) {}

boost::asio::awaitable<Status> Recorder::record(Where where, EventBody body) {
  const Status done = co_await append(std::move(where), std::move(body), false);
  co_return done;
}

boost::asio::awaitable<Status> Recorder::record_durable(Where where, EventBody body) {
  const Status done = co_await append(std::move(where), std::move(body), true);
  co_return done;
}

boost::asio::awaitable<Status> Recorder::append(Where where, EventBody body, bool durable) {
  Event event;
  event.at = ctx_.now();
  event.dut = std::move(where.dut);
  event.step = std::move(where.step);
  event.iteration = where.iteration;
  event.attempt = where.attempt;
  event.body = std::move(body);
  const Status done = co_await append_event(std::move(event), durable);
  co_return done;
}

boost::asio::awaitable<Status> Recorder::record_as_it_was(Event event) {
  const Status done = co_await append_event(std::move(event), false);
  co_return done;
}

void Recorder::recall(const std::vector<Event>& record) {
  for (const Event& event : record) {
    verdict_.add(event);
    memory_.take(event);
  }
  if (record.empty()) return;
  last_sequence_ = record.back().sequence;
  // Samples count seconds since the run began; the monotonic clock may be that of another boot.
  const Instant now = ctx_.now();
  begun_ns_ = now.monotonic_ns - (now.utc_ns - record.front().at.utc_ns);
}

boost::asio::awaitable<Status> Recorder::append_event(Event event, bool durable) {
  if (failure_) {
    keep_if_grave(std::move(event));
    co_return *failure_;
  }
  Event kept = event;
  Result<std::int64_t> sequence = Error("ledger.failed", "the event was not accepted");
  if (durable) {
    sequence = co_await sink_.append_durable(ctx_, std::move(event));
  } else {
    sequence = co_await sink_.append(ctx_, std::move(event));
  }
  if (!sequence) {
    if (!failure_) {
      failure_ = sequence.error();
      on_failure_(*failure_);
    }
    keep_if_grave(std::move(kept));
    co_return sequence.error();
  }
  kept.sequence = *sequence;
  last_sequence_ = std::max(last_sequence_, *sequence);
  verdict_.add(kept);
  memory_.take(kept);
  if (observer_ != nullptr) observer_->on_event(kept);
  co_return success();
}

void Recorder::keep_if_grave(Event event) {
  if (!is_grave(event)) return;
  event.sequence = ++last_sequence_;
  verdict_.add(event);
  sink_.keep_beside(event);
  if (observer_ != nullptr) observer_->on_event(event);
  not_recorded_.push_back(std::move(event));
}

}  // namespace kiln
