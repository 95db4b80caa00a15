#pragma once
// Completion<T>: the one thing a coroutine of ours waits on. A producer (curl, libssh, a timer, another
// coroutine) calls complete() once; the waiter gets the value, or an Error when its Ctx's deadline passes or
// its Ctx is stopped, whichever comes first. The producer may outlive the waiter: both share the state. Loop
// thread only; from another thread, post first.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "io/ctx.h"

namespace kiln {

namespace detail {
/// Where a producer, the deadline and the stop meet: the first of them makes the coroutine that waits go on,
/// the others find it open.
class Gate {
 public:
  Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();
  void open();
  /// As open(), but the waiter goes on before this returns.
  void open_here();
  /// Returns when it was opened, at the deadline, or on stop; it is shut again then.
  static boost::asio::awaitable<void> wait(const Ctx& ctx, std::shared_ptr<Gate> gate);

 private:
  class Parked;
  std::unique_ptr<Parked> parked_;
  bool open_ = false;
};

/// Suspends the calling coroutine until `resume` is called (once, on the loop thread).
boost::asio::awaitable<void> suspend(Loop& loop, std::function<void(std::function<void()> resume)> start);
/// The untyped half of Completion::wait: returns when `arm`'s callback was called, at the deadline, or on
/// stop.
boost::asio::awaitable<Status> wait_until(const Ctx& ctx, std::function<bool()> ready,
                                          std::function<void(std::function<void()>)> arm);
}  // namespace detail

template <class T>
class Completion {
 public:
  Completion() : state_(std::make_shared<State>()) {}

  /// First call wins; later ones are ignored. Returns whether it was the first.
  bool complete(T value) const {
    if (!keep(std::move(value))) return false;
    state_->open();
    return true;
  }
  /// As complete(), but the waiter goes on before this returns: for a producer who is nobody's callback, has
  /// nothing of a library on its stack and is done with its own state. Saves a turn of the loop.
  bool complete_here(T value) const {
    if (!keep(std::move(value))) return false;
    const std::shared_ptr<State> state = state_;  // ours may be gone by then
    state->open_here();
    return true;
  }
  [[nodiscard]] bool completed() const { return state_->value.has_value(); }

  /// The value (moved out), or why the wait ended without it. One waiter, once.
  boost::asio::awaitable<Result<T>> wait(const Ctx& ctx) const {
    const std::shared_ptr<State> state = state_;
    Status go_on = success();
    if (!state->value) go_on = ctx.check();
    while (go_on && !state->value) {
      co_await detail::Gate::wait(ctx, state);
      if (!state->value) go_on = ctx.check();
    }
    // Constructed in place, because T may be a Result itself.
    if (state->value) {
      Result<T> given(boost::system::in_place_value, std::move(*state->value));
      co_return given;
    }
    Result<T> ended(boost::system::in_place_error, std::move(go_on).error());
    co_return ended;
  }

 private:
  struct State final : detail::Gate {
    std::optional<T> value;
  };
  bool keep(T value) const {
    if (state_->value) return false;
    state_->value.emplace(std::move(value));
    return true;
  }
  std::shared_ptr<State> state_;
};

}  // namespace kiln
