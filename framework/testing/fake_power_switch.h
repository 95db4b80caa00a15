#pragma once
// A PowerSwitch over a state that the test sees and bends. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "safety/power_switch.h"

namespace kiln {

struct FakePower {
  bool on = true;
  bool obeys = true;     ///< false: force-off is accepted and nothing happens
  Nanoseconds takes{0};  ///< before each answer
  std::function<boost::asio::awaitable<void>()>
      sleeps;                    ///< once, after the first force-off: the asking program
  std::optional<Error> refuses;  ///< every request
  std::int64_t comes_on_ns = 0;  ///< an On is under way until then, which no force-off takes back; 0: none
  int asked_off = 0, prepared = 0, left = 0;
  std::int64_t off_ns = 0;
};

class FakePowerSwitch final : public PowerSwitch {
 public:
  explicit FakePowerSwitch(std::shared_ptr<FakePower> power) : power_(std::move(power)) {}
  boost::asio::awaitable<Status> prepare(const Ctx& ctx) override {
    const Status answered = co_await answer(ctx);
    if (answered) ++power_->prepared;
    co_return answered;
  }
  boost::asio::awaitable<Status> force_off(const Ctx& ctx) override {
    ++power_->asked_off;
    const Status answered = co_await answer(ctx);
    if (answered && power_->obeys && power_->on) {
      power_->on = false;
      power_->off_ns = ctx.now().monotonic_ns;
    }
    const auto sleeps = std::exchange(power_->sleeps, nullptr);
    if (sleeps) co_await sleeps();
    co_return answered;
  }
  boost::asio::awaitable<Result<bool>> is_off(const Ctx& ctx) override {
    const Status answered = co_await answer(ctx);
    if (!answered) co_return answered.error();
    co_return !power_->on;
  }
  boost::asio::awaitable<void> leave(const Ctx& /*ctx*/) override {
    ++power_->left;
    co_return;
  }

 private:
  boost::asio::awaitable<Status> answer(const Ctx& ctx) {
    const Status waited = co_await ctx.sleep_for(power_->takes);
    if (!waited) co_return waited;
    if (power_->refuses) co_return *power_->refuses;
    if (power_->comes_on_ns != 0 && ctx.now().monotonic_ns >= power_->comes_on_ns) {
      power_->on = true;
      power_->comes_on_ns = 0;
    }
    co_return success();
  }
  std::shared_ptr<FakePower> power_;
};

}  // namespace kiln
