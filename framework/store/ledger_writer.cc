#include "store/ledger_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <utility>

namespace kiln {
namespace {

/// CLOCK_MONOTONIC, as condition variables count it; the disk knows no virtual time.
std::chrono::steady_clock::time_point real_now() {
  return std::chrono::steady_clock::time_point(Nanoseconds(SystemClock().now().monotonic_ns));
}

}  // namespace

LedgerWriter::LedgerWriter(EventRows rows, std::string run, Limits limits, Callbacks callbacks)
    : limits_(limits),
      callbacks_(std::move(callbacks)),
      run_(std::move(run)),
      rows_(std::move(rows)),
      last_taken_(rows_.last_committed()),
      last_committed_(rows_.last_committed()) {
  thread_ = std::thread([this] { this->run(); });
}

LedgerWriter::Offer LedgerWriter::offer(Event& event, bool urgent) {
  const std::lock_guard lock(mutex_);
  if (failure_) return {Offered::failed, 0};
  if (closing_) return {Offered::closed, 0};
  if (uncommitted_ >= std::max<std::size_t>(limits_.channel_rows, 1)) return {Offered::full, 0};
  if (pending_.empty()) oldest_ = real_now();
  event.sequence = ++last_taken_;
  pending_.push_back(std::move(event));
  ++uncommitted_;
  if (urgent) {
    urgent_up_to_ = last_taken_;
    awaited_.insert(last_taken_);
  }
  // The writer sleeps through everything else: it wakes by itself when the oldest row is due.
  if (urgent || pending_.size() == 1 || pending_.size() == limits_.commit_rows) work_.notify_one();
  return {Offered::taken, last_taken_};
}

void LedgerWriter::hurry() {
  const std::lock_guard lock(mutex_);
  urgent_up_to_ = last_taken_;
  work_.notify_one();
}

std::int64_t LedgerWriter::last_taken() const {
  const std::lock_guard lock(mutex_);
  return last_taken_;
}

Status LedgerWriter::wait_until_committed() {
  hurry();
  std::unique_lock lock(mutex_);
  const std::int64_t wanted = last_taken_;
  progress_.wait(lock, [&] { return failure_ || last_committed_ >= wanted; });
  if (last_committed_ >= wanted) return success();
  return failure_->error;
}

std::optional<LedgerFailure> LedgerWriter::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void LedgerWriter::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void LedgerWriter::run() {
  for (;;) {
    std::vector<Event> group = next_group();
    if (group.empty()) break;
    if (!write(std::move(group))) return;
  }
  rows_.close();
}

std::vector<Event> LedgerWriter::next_group() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return !pending_.empty() || closing_; });
  // A channel smaller than a group is full before the group is: then there is nothing to wait for.
  const std::size_t enough = std::max<std::size_t>(std::min(limits_.commit_rows, limits_.channel_rows), 1);
  const auto due = oldest_ + limits_.commit_interval;
  work_.wait_until(lock, due, [this, enough] {
    return closing_ || pending_.size() >= enough || urgent_up_to_ > last_committed_;
  });
  const std::size_t size = std::min(pending_.size(), std::max<std::size_t>(limits_.commit_rows, 1));
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(size);
  std::vector<Event> group(std::make_move_iterator(pending_.begin()), std::make_move_iterator(end));
  pending_.erase(pending_.begin(), end);
  return group;
}

bool LedgerWriter::write(std::vector<Event> group) {
  try {
    const Status done = rows_.commit(group);
    if (!done) {
      fail(done.error(), std::move(group));
      return false;
    }
  } catch (const std::exception& thrown) {
    fail(Error("ledger.exception", thrown.what(), {}, Blame::station), std::move(group));
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    uncommitted_ -= group.size();
    last_committed_ = rows_.last_committed();
    awaited_.erase(awaited_.begin(), awaited_.upper_bound(last_committed_));
    progress_.notify_all();
  }
  if (callbacks_.committed) callbacks_.committed(std::move(group));
  return true;
}

void LedgerWriter::fail(const Error& cause, std::vector<Event> group) {
  const std::int64_t last = rows_.last_committed();
  LedgerFailure failure;
  failure.error =
      Error("ledger.failed",
            fmt::format("the record of run {} stopped after event {}: {}", run_, last, cause.message),
            cause.code == "sqlite.full" ? "free space on that disk; what was recorded so far is safe"
                                        : "look at that disk; what was recorded so far is safe",
            Blame::station);
  failure.last_committed = last;
  failure.utc_ns = SystemClock().now().utc_ns;
  rows_.abandon();
  {
    // From here on nothing is taken: what is offered meanwhile must not be left waiting for a commit.
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    std::move(pending_.begin(), pending_.end(), std::back_inserter(group));
    pending_.clear();
    std::erase_if(group, [this](const Event& event) { return awaited_.contains(event.sequence); });
  }
  if (callbacks_.failed) callbacks_.failed(failure, group);
  const std::lock_guard lock(mutex_);
  progress_.notify_all();
}

}  // namespace kiln
