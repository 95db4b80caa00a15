#pragma once
// The one event loop on which every DUT's coroutines run: the only file that creates an io_context. One
// thread, never blocked. Two kinds behind one face: real (the machine's clock) and simulated (time jumps to
// the next timer as soon as nothing is ready and no outside work is held), so that a 24-hour recipe runs in
// its CPU time.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"

namespace boost::asio {
class io_context;
}

namespace kiln {

class Ctx;

/// Making one ignores SIGPIPE and SIGXFSZ for the whole program.
class Loop {
 public:
  /// Runs on the machine's clocks.
  static std::unique_ptr<Loop> real();
  /// Virtual time, starting at `start`.
  static std::unique_ptr<Loop> simulated(Instant start = {1'000'000'000, 1'700'000'000'000'000'000});

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;

  [[nodiscard]] virtual const Clock& clock() const = 0;

  using TimerId = std::uint64_t;
  /// Calls back on the loop thread at or after `monotonic_ns`, in order of due time, then of creation.
  virtual TimerId call_at(std::int64_t monotonic_ns, std::function<void()> callback) = 0;
  /// After this the callback will not run. Unknown ids are ignored.
  virtual void cancel(TimerId id) = 0;
  /// Runs the callback on the loop thread soon. The only member other threads may call.
  virtual void post(std::function<void()> callback) = 0;

  /// While any Hold lives, simulated time stands still: a thread or a peer outside the loop is expected to
  /// answer.
  class Hold {
   public:
    explicit Hold(Loop& loop);
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    Loop* loop_;
  };

  /// Runs `main` with a root Ctx until it returns and every task it started has ended. SIGINT and SIGTERM,
  /// when `on_signal` is given, are delivered on the loop thread with their number. An exception of `main` is
  /// rethrown.
  virtual void run(std::function<boost::asio::awaitable<void>(Ctx&)> main,
                   std::function<void(int)> on_signal = {}) = 0;

  /// For io/ only.
  virtual boost::asio::io_context& native() = 0;

 protected:
  Loop() = default;
  virtual void hold_changed(int by) = 0;
};

}  // namespace kiln
