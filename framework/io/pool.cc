#include "io/pool.h"

#include <utility>

namespace kiln {

Pool::Pool(std::string name, std::size_t depth) : name_(std::move(name)), free_(depth) {}

Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    if (pool_ != nullptr) pool_->give_back();
    pool_ = std::exchange(other.pool_, nullptr);
  }
  return *this;
}

Pool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back();
}

Pool::Lease Pool::take_free() {
  if (free_ == 0) return {};
  --free_;
  return Lease(this);
}

boost::asio::awaitable<Result<Pool::Lease>> Pool::acquire(const Ctx& ctx) {
  const Status go_on = ctx.check();
  if (!go_on) co_return go_on.error();
  if (free_ > 0) {
    --free_;
    co_return Lease(this);
  }
  const Completion<bool> turn;
  waiting_.push_back(turn);
  Result<bool> given = co_await turn.wait(ctx);
  if (!given) {
    turn.complete(false);
    std::erase_if(waiting_, [](const Completion<bool>& waiter) { return waiter.completed(); });
    Error error = given.error();
    co_return std::move(error).while_doing("waiting for a place in pool " + name_);
  }
  co_return Lease(this);
}

void Pool::give_back() {
  // The place goes straight to the one who waits longest, so that a newcomer cannot overtake.
  while (!waiting_.empty()) {
    const Completion<bool> next = std::move(waiting_.front());
    waiting_.pop_front();
    if (next.complete(true)) return;
  }
  ++free_;
}

std::size_t Pool::free_places() const { return free_; }

}  // namespace kiln
