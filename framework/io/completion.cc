#include "io/completion.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace kiln::detail {

namespace asio = boost::asio;

/// A coroutine that waits. Its handler cannot be copied, and its type is nobody's business. One that is
/// dropped takes its coroutine along, and whoever waits for that waits for ever: so there may be several,
/// though a Completion promises nothing to the second.
class Gate::Parked {
 public:
  explicit Parked(Loop& loop) : loop_(loop) {}
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;
  virtual ~Parked() = default;
  virtual void go_on() = 0;
  std::unique_ptr<Parked> next;
  [[nodiscard]] Loop& loop() const { return loop_; }

  template <class Handler>
  static std::unique_ptr<Parked> of(Loop& loop, Handler handler);

 private:
  Loop& loop_;
};

template <class Handler>
std::unique_ptr<Gate::Parked> Gate::Parked::of(Loop& loop, Handler handler) {
  class Holder final : public Parked {
   public:
    Holder(Loop& on, Handler held) : Parked(on), handler_(std::move(held)) {}
    void go_on() override { std::move(handler_)(); }

   private:
    Handler handler_;
  };
  return std::make_unique<Holder>(loop, std::move(handler));
}

Gate::Gate() = default;
Gate::~Gate() = default;

/// Going on goes through the loop's queue, never straight from the producer: a library callback must not find
/// our coroutines on its stack.
void Gate::open() {
  open_ = true;
  while (parked_) {
    std::unique_ptr<Parked> first = std::move(parked_);
    parked_ = std::move(first->next);
    Loop& loop = first->loop();
    asio::post(loop.native(), [parked = std::move(first)] { parked->go_on(); });
  }
}

void Gate::open_here() {
  open_ = true;
  std::unique_ptr<Parked> all = std::move(parked_);
  while (all) {
    const std::unique_ptr<Parked> first = std::move(all);
    all = std::move(first->next);
    first->go_on();
  }
}

asio::awaitable<void> Gate::wait(const Ctx& ctx, std::shared_ptr<Gate> gate) {
  Loop& loop = ctx.loop();
  const Ctx::StopToken stop = ctx.on_stop([gate] { gate->open(); });
  std::optional<Loop::TimerId> timer;
  if (const std::optional<std::int64_t> deadline = ctx.deadline_ns()) {
    timer = loop.call_at(*deadline, [gate] { gate->open(); });
  }
  auto initiate = [&loop, gate](auto handler) {
    std::unique_ptr<Parked>* last = &gate->parked_;
    while (*last) last = &(*last)->next;
    *last = Parked::of(loop, std::move(handler));
    if (gate->open_) gate->open();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                       asio::use_awaitable);
  if (timer) loop.cancel(*timer);
  gate->open_ = false;
}

asio::awaitable<void> suspend(Loop& loop, std::function<void(std::function<void()> resume)> start) {
  auto initiate = [&loop, begin = std::move(start)](auto handler) {
    // std::function wants copies and the handler cannot be copied. Resuming goes through the loop's queue,
    // never straight from the producer: a library callback must not find our coroutines on its stack.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    begin([&loop, shared] { loop.post([shared] { std::move (*shared)(); }); });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                     asio::use_awaitable);
}

asio::awaitable<Status> wait_until(const Ctx& ctx, std::function<bool()> ready,
                                   std::function<void(std::function<void()>)> arm) {
  if (ready()) co_return success();
  Status go_on = ctx.check();
  if (!go_on) co_return go_on;

  const auto gate = std::make_shared<Gate>();
  arm([gate] { gate->open(); });
  co_await Gate::wait(ctx, gate);

  if (ready()) co_return success();
  co_return ctx.check();
}

}  // namespace kiln::detail
