#include "io/loop.h"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "io/ctx.h"

namespace kiln {

namespace asio = boost::asio;

namespace {

constexpr const char* kStuck =
    "simulated time: every task waits, no timer is set and nothing outside is expected to answer "
    "(a Completion nobody completes, or a missing Loop::Hold)";

/// Pending callbacks by due time, then by age. Cancelled ones leave at once: a day of virtual polling arms
/// millions of deadlines that are never reached.
class TimerQueue {
 public:
  using Callback = std::function<void()>;

  Loop::TimerId add(std::int64_t due, Callback callback) {
    const Loop::TimerId id = ++last_id_;
    by_due_.emplace(Key{due, id}, std::move(callback));
    due_of_.emplace(id, due);
    return id;
  }

  void cancel(Loop::TimerId id) {
    const auto found = due_of_.find(id);
    if (found == due_of_.end()) return;
    by_due_.erase(Key{found->second, id});
    due_of_.erase(found);
  }

  [[nodiscard]] std::optional<std::int64_t> first_due() const {
    if (by_due_.empty()) return std::nullopt;
    return by_due_.begin()->first.first;
  }

  /// Runs what is due at `now` and still wanted. A timer armed meanwhile waits for the next round, so that a
  /// callback that re-arms itself for "now" cannot starve the loop.
  void run_due(std::int64_t now) {
    std::vector<Loop::TimerId> due;
    for (auto at = by_due_.begin(); at != by_due_.end() && at->first.first <= now; ++at) {
      due.push_back(at->first.second);
    }
    for (const Loop::TimerId id : due) {
      if (const auto found = due_of_.find(id); found != due_of_.end()) {
        auto node = by_due_.extract(Key{found->second, id});
        due_of_.erase(found);
        node.mapped()();
      }
    }
  }

 private:
  using Key = std::pair<std::int64_t, Loop::TimerId>;
  std::map<Key, Callback> by_due_;
  std::unordered_map<Loop::TimerId, std::int64_t> due_of_;
  Loop::TimerId last_id_ = 0;
};

/// Listens for SIGINT and SIGTERM while a run lasts.
class SignalFeed : public std::enable_shared_from_this<SignalFeed> {
 public:
  SignalFeed(asio::io_context& io, std::function<void(int)> on_signal)
      : signals_(io, SIGINT, SIGTERM), on_signal_(std::move(on_signal)) {}

  void listen() {
    signals_.async_wait([self = shared_from_this()](const boost::system::error_code& failed, int number) {
      if (failed) return;
      self->on_signal_(number);
      self->listen();
    });
  }
  void close() { signals_.cancel(); }

 private:
  asio::signal_set signals_;
  std::function<void(int)> on_signal_;
};

/// What both loops share: the io_context, the way main is run to its end, and posting.
class LoopOnAsio : public Loop {
 public:
  // A peer or a child that is gone must be an error of one write, not the end of the program; neither
  // libcurl, libssh nor pipes see to it. Children start with the default again (process.cc).
  // Likewise a file that may not grow any more (ulimit -f): the ledger says what that means.
  LoopOnAsio() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
  }

  void post(std::function<void()> callback) override { asio::post(io_, std::move(callback)); }
  asio::io_context& native() override { return io_; }

  void run(std::function<asio::awaitable<void>(Ctx&)> main, std::function<void(int)> on_signal) override {
    struct Outcome {
      bool finished = false;
      std::exception_ptr failure;
    };
    const auto outcome = std::make_shared<Outcome>();
    const auto work = asio::make_work_guard(io_);
    io_.restart();

    std::shared_ptr<SignalFeed> signals;
    if (on_signal) {
      signals = std::make_shared<SignalFeed>(io_, std::move(on_signal));
      signals->listen();
    }
    Ctx root(*this, "");
    asio::co_spawn(io_, main(root), [outcome](std::exception_ptr failure) {
      outcome->failure = std::move(failure);
      outcome->finished = true;
    });
    bool stuck = false;
    while (!outcome->finished) {
      if (turn()) continue;
      if (stuck) throw std::logic_error(kStuck);  // what waits now cannot even be stopped
      stuck = true;
      root.request_stop(StopReason::shutdown, kStuck);
    }

    if (signals) signals->close();
    io_.poll();  // what main's last statements left ready: closed sockets, the signal feed
    if (outcome->failure) std::rethrow_exception(outcome->failure);
    if (stuck) throw std::logic_error(kStuck);
  }

 protected:
  /// Makes some progress; blocks only when there is none to make. False: none is possible any more.
  virtual bool turn() = 0;

  // Declared before what uses it, so that it is destroyed last.
  asio::io_context io_{1};
  TimerQueue timers_;
};

class RealLoop final : public LoopOnAsio {
 public:
  [[nodiscard]] const Clock& clock() const override { return clock_; }

  TimerId call_at(std::int64_t monotonic_ns, std::function<void()> callback) override {
    const TimerId id = timers_.add(monotonic_ns, std::move(callback));
    arm();
    return id;
  }
  void cancel(TimerId id) override { timers_.cancel(id); }

 protected:
  bool turn() override {
    io_.run_one();
    return true;
  }
  void hold_changed(int /*by*/) override {}

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  /// One kernel timer for all: moved only when something is due earlier; a late one is found when the early
  /// one fires.
  void arm() {
    const std::int64_t due = timers_.first_due().value_or(kNever);
    if (due >= armed_for_) return;
    armed_for_ = due;
    wake_.expires_at(std::chrono::steady_clock::time_point(Nanoseconds(due)));
    wake_.async_wait([this](const boost::system::error_code& moved) {
      if (moved) return;
      armed_for_ = kNever;
      timers_.run_due(clock_.now().monotonic_ns);
      arm();
    });
  }

  SystemClock clock_;
  asio::steady_timer wake_{io_};  // std::chrono::steady_clock is CLOCK_MONOTONIC here, as SystemClock is
  std::int64_t armed_for_ = kNever;
};

class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(Instant start) : start_(start), monotonic_ns_(start.monotonic_ns) {}
  [[nodiscard]] Instant now() const override {
    const std::int64_t monotonic = monotonic_ns_.load(std::memory_order_relaxed);
    return {monotonic, start_.utc_ns + (monotonic - start_.monotonic_ns)};
  }
  void advance_to(std::int64_t monotonic_ns) {
    if (monotonic_ns > monotonic_ns_.load(std::memory_order_relaxed)) {
      monotonic_ns_.store(monotonic_ns, std::memory_order_relaxed);
    }
  }

 private:
  Instant start_;
  std::atomic<std::int64_t> monotonic_ns_;
};

class SimulatedLoop final : public LoopOnAsio {
 public:
  explicit SimulatedLoop(Instant start) : clock_(start) {}
  [[nodiscard]] const Clock& clock() const override { return clock_; }

  TimerId call_at(std::int64_t monotonic_ns, std::function<void()> callback) override {
    return timers_.add(monotonic_ns, std::move(callback));
  }
  void cancel(TimerId id) override { timers_.cancel(id); }

 protected:
  bool turn() override {
    if (io_.poll() > 0) return true;
    if (holds_ > 0) {
      io_.run_one();
      return true;
    }
    const std::optional<std::int64_t> due = timers_.first_due();
    if (!due) return false;
    clock_.advance_to(*due);
    timers_.run_due(clock_.now().monotonic_ns);
    return true;
  }
  void hold_changed(int by) override { holds_ += by; }

 private:
  SimulatedClock clock_;
  int holds_ = 0;
};

}  // namespace

std::unique_ptr<Loop> Loop::real() { return std::make_unique<RealLoop>(); }
std::unique_ptr<Loop> Loop::simulated(Instant start) { return std::make_unique<SimulatedLoop>(start); }

Loop::Hold::Hold(Loop& loop) : loop_(&loop) { loop_->hold_changed(1); }
Loop::Hold::Hold(Hold&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)) {}
Loop::Hold::~Hold() {
  if (loop_ != nullptr) loop_->hold_changed(-1);
}

}  // namespace kiln
