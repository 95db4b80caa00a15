#pragma once
// An EventSink that keeps events in memory: for tests of everything that records. Can be told to fail like a
// full disk. Loop thread only.

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/event.h"
#include "store/event_sink.h"

namespace kiln {

class MemoryLedger final : public EventSink {
 public:
  boost::asio::awaitable<Result<std::int64_t>> append(const Ctx& /*ctx*/, Event event) override {
    co_return take(std::move(event), false);
  }
  boost::asio::awaitable<Result<std::int64_t>> append_durable(const Ctx& /*ctx*/, Event event) override {
    co_return take(std::move(event), true);
  }

  MemoryLedger() = default;
  /// Of a run that goes on: what is recorded follows `before`.
  explicit MemoryLedger(std::vector<Event> before) : events_(std::move(before)) {}

  void keep_beside(const Event& event) override { beside_.push_back(event); }

  /// Takes this many more events, then fails for good, as the ledger does on a full disk.
  void fail_after(std::size_t more) { capacity_ = events_.size() + more; }

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// What was kept after it failed.
  [[nodiscard]] const std::vector<Event>& beside() const { return beside_; }
  /// Sequences that were appended as durable.
  [[nodiscard]] const std::vector<std::int64_t>& durable() const { return durable_; }

  /// The bodies of one kind, in order.
  template <class Body>
  [[nodiscard]] std::vector<Body> bodies() const {
    std::vector<Body> found;
    for (const Event& event : events_) {
      if (const Body* body = std::get_if<Body>(&event.body)) found.push_back(*body);
    }
    return found;
  }

  /// Called with each event as soon as it is taken, until the token dies.
  using Committed = std::function<void(const std::vector<Event>& events)>;
  [[nodiscard]] std::shared_ptr<void> on_committed(Committed callback) {
    auto token = std::make_shared<Committed>(std::move(callback));
    subscribers_.push_back(token);
    return token;
  }

 private:
  Result<std::int64_t> take(Event event, bool durable) {
    if (capacity_ && events_.size() >= *capacity_) {
      return Error("ledger.failed",
                   "the record could not be written: disk full; the last event on disk is " +
                       std::to_string(events_.size()),
                   "free space where the database lies, then run again", Blame::station);
    }
    event.sequence = static_cast<std::int64_t>(events_.size()) + 1;
    const std::int64_t sequence = event.sequence;
    events_.push_back(std::move(event));
    if (durable) durable_.push_back(sequence);
    const std::vector<Event> batch{events_.back()};
    std::erase_if(subscribers_, [](const auto& weak) { return weak.expired(); });
    const auto subscribers = subscribers_;
    for (const auto& weak : subscribers) {
      if (const auto callback = weak.lock()) (*callback)(batch);
    }
    return sequence;
  }

  std::vector<Event> events_;
  std::vector<Event> beside_;
  std::vector<std::int64_t> durable_;
  std::optional<std::size_t> capacity_;
  std::vector<std::weak_ptr<Committed>> subscribers_;
};

}  // namespace kiln
