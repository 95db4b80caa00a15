#pragma once
// Where events go. The engine and the steps see this face only; the product puts the ledger behind it, tests
// put testing/memory_ledger.h. Loop thread only.
//
// An event is an aggregate: name it first and move it in, one await per statement.
//   Event event{...};
//   Result<std::int64_t> sequence = co_await sink.append(ctx, std::move(event));

#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "base/result.h"
#include "io/ctx.h"
#include "model/event.h"

namespace kiln {

class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;

  /// Takes the event and gives its sequence (from 1, without gaps; the `sequence` passed in is ignored).
  /// Waits only while the channel is full, first come first served; an accepted event is never dropped and
  /// `ctx` may already be stopped when there is room. Errors: "ctx.stopped", "ctx.deadline" (gave up waiting
  /// for room, the event was not taken), "ledger.failed" (sticky: nothing is taken any more),
  /// "ledger.closed".
  virtual boost::asio::awaitable<Result<std::int64_t>> append(const Ctx& ctx, Event event) = 0;

  /// As append, and resumes once the event's commit is on disk. Commits at once instead of waiting for the
  /// group. An Error "ctx.stopped" or "ctx.deadline" after the event was accepted ends only the wait: the
  /// event will still be committed.
  virtual boost::asio::awaitable<Result<std::int64_t>> append_durable(const Ctx& ctx, Event event) = 0;

  /// After "ledger.failed": what must not be forgotten all the same, such as a cut. Kept beside the record as
  /// far as that is still possible; quick, never waits for a disk.
  virtual void keep_beside(const Event& event) = 0;
};

}  // namespace kiln
