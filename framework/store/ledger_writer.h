#pragma once
// The thread that commits. Events go in by offer() from one producer thread; groups come out on disk. Knows
// no event loop: what happened is told by callbacks on the writer thread. For Ledger, and for tests.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/event.h"
#include "store/event_rows.h"
#include "store/ledger_failure.h"

namespace kiln {

class LedgerWriter {
 public:
  struct Limits {
    std::size_t channel_rows = 8192;
    std::size_t commit_rows = 1024;
    Nanoseconds commit_interval{100'000'000};
  };
  struct Callbacks {
    std::function<void(std::vector<Event> group)> committed;
    /// At most once; nothing is committed after it. `lost`: what was taken, is not on disk, and whose sender
    /// does not wait to hear of it: those that wait are told.
    std::function<void(const LedgerFailure& failure, const std::vector<Event>& lost)> failed;
  };

  LedgerWriter(EventRows rows, std::string run, Limits limits, Callbacks callbacks);
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;
  ~LedgerWriter() { close(); }

  enum class Offered { taken, full, failed, closed };
  struct Offer {
    Offered result = Offered::closed;
    std::int64_t sequence = 0;
  };
  /// Moves from the event only when it was taken. `urgent`: commit at once.
  Offer offer(Event& event, bool urgent);
  /// Commits what was taken so far at once.
  void hurry();
  [[nodiscard]] std::int64_t last_taken() const;
  /// Blocks until everything taken is on disk, or writing failed.
  Status wait_until_committed();
  [[nodiscard]] std::optional<LedgerFailure> failure() const;

  /// Commits what was taken, ends the thread, closes the file. Later calls do nothing.
  void close();

 private:
  void run();
  /// Waits for a group; empty when closing.
  std::vector<Event> next_group();
  bool write(std::vector<Event> group);
  void fail(const Error& cause, std::vector<Event> group);

  const Limits limits_;
  const Callbacks callbacks_;
  const std::string run_;
  EventRows rows_;  // writer thread only, once it runs

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable progress_;
  std::deque<Event> pending_;
  std::chrono::steady_clock::time_point oldest_;  // when pending_ became non-empty
  std::size_t uncommitted_ = 0;                   // taken and not yet on disk
  std::int64_t last_taken_ = 0;
  std::int64_t urgent_up_to_ = 0;
  std::set<std::int64_t> awaited_;  // sequences of urgent ones that are not on disk
  std::int64_t last_committed_ = 0;
  std::optional<LedgerFailure> failure_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace kiln
