#pragma once
// Ctx is the thread of a task: its deadline, why it must stop, where it is, and the loop it waits on. First
// parameter, by reference, of every function that can wait. Not stored in members that outlive the call. Loop
// thread only.
//
// Stopping does not use Asio's cancellation (an awaitable cancelled that way cannot await again): every wait
// in the project is a Completion (io/completion.h) that ends with a value, at the deadline, or when Ctx is
// asked to stop. Code under a stopped Ctx gets an Error with code "ctx.stopped" or "ctx.deadline" from its
// next wait and returns; what must still run then runs under shielded().

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "io/loop.h"

namespace kiln {

/// none: go on. gate: a phase it depends on failed. sibling: the scope is closing because another task
/// decided it. parked: work on this DUT must not go on, by what its recipe says (a question nobody answered).
enum class StopReason { none, deadline, operator_stop, interlock, gate, sibling, shutdown, parked };
std::string_view to_string(StopReason reason);

class Ctx {
 public:
  /// A root without deadline. Only Loop and tests make one.
  Ctx(Loop& loop, std::string crumb);
  Ctx(Ctx&&) noexcept;
  Ctx& operator=(Ctx&&) noexcept;
  Ctx(const Ctx&) = delete;
  Ctx& operator=(const Ctx&) = delete;
  ~Ctx();

  /// Inherits deadline and stop; stopping the child does not stop the parent.
  [[nodiscard]] Ctx child(std::string crumb) const;
  /// As child, with a deadline no later than now + budget; it can only shorten the parent's.
  [[nodiscard]] Ctx child_within(std::string crumb, Nanoseconds budget) const;
  /// For shielded() and nothing else: does not inherit the parent's stop or deadline.
  [[nodiscard]] Ctx shield(std::string crumb, Nanoseconds budget) const;

  /// Asks this Ctx and all its children to stop. The first reason stays.
  void request_stop(StopReason reason, std::string message) const;

  [[nodiscard]] StopReason stop_reason() const;  ///< deadline is reported once it has passed
  [[nodiscard]] bool stopped() const { return stop_reason() != StopReason::none; }
  /// Success, or the Error a wait would give now.
  [[nodiscard]] Status check() const;

  [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;  ///< monotonic
  [[nodiscard]] Nanoseconds remaining() const;                    ///< Nanoseconds::max() without a deadline
  [[nodiscard]] Instant now() const { return loop().clock().now(); }
  [[nodiscard]] Loop& loop() const;
  [[nodiscard]] std::string crumbs() const;  ///< "R01 | C02 | soak/load"

  /// Waits; ends early with an Error on stop or deadline. A coroutine: `Status s = co_await
  /// ctx.sleep_for(10s);`
  [[nodiscard]] boost::asio::awaitable<Status> sleep_for(Nanoseconds duration) const;

  /// Calls back once, on the loop thread, when a stop is requested (also if it already was). The subscription
  /// ends when the returned token dies. For the primitives of io/.
  using StopToken = std::shared_ptr<void>;
  [[nodiscard]] StopToken on_stop(std::function<void()> callback) const;

 private:
  struct Node;
  explicit Ctx(std::shared_ptr<Node> node);
  std::shared_ptr<Node> node_;
};

/// The only way to work after a stop: runs `work` under a fresh Ctx with its own budget, whatever the state
/// of `ctx`. Always awaits `work` to its end.
boost::asio::awaitable<Status> shielded(const Ctx& ctx, std::string crumb, Nanoseconds budget,
                                        std::function<boost::asio::awaitable<Status>(Ctx&)> work);

}  // namespace kiln
