#include "engine/undo.h"

#include <gtest/gtest.h>

#include "model/off_reading.h"
#include "testing/fake_bmc.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// A tray that is forced off by its run, or by kiln recover.
struct UndoTest : testing::Test {
  void run(bool on_may_come) {
    loop->run([this, on_may_come](Ctx& ctx) { return perform(ctx, on_may_come); });
  }
  awaitable<void> perform(Ctx& ctx, bool on_may_come) {
    const std::int64_t begun_ns = ctx.now().monotonic_ns;
    const Ctx limited = ctx.child_within("force off", 10s);
    const Result<std::string> off = co_await force_off_and_read_back(limited, bmc, "C01", on_may_come);
    took = Nanoseconds(ctx.now().monotonic_ns - begun_ns);
    said = off ? *off : off.error().code;
    const Status later = co_await ctx.sleep_for(30s);
    (void)later;
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  std::shared_ptr<FakeHardware> hardware = std::make_shared<FakeHardware>();
  FakeBmc bmc{hardware};
  std::string said;
  Nanoseconds took{0};
};

TEST_F(UndoTest, WhatIsOnIsOffAtOnce) {
  hardware->power = PowerState::on;
  run(false);
  EXPECT_EQ(said, "read back Off");
  EXPECT_LE(took, 100ms);
}

TEST_F(UndoTest, AnOnUnderWayIsForcedOffWhenItComes) {
  loop->call_at(loop->clock().now().monotonic_ns + Nanoseconds(1s).count(),
                [this] { hardware->power = PowerState::on; });
  run(true);
  EXPECT_EQ(hardware->power, PowerState::off);
  EXPECT_NE(said.find("came on after it had read Off"), std::string::npos) << said;
}

TEST_F(UndoTest, WhereAnOnMayComeOffMustLast) {
  run(true);
  EXPECT_EQ(said, "read back Off, and stayed so for 5s");
  EXPECT_GE(took, kOffSettles);
}

TEST_F(UndoTest, WhatIgnoresForceOffIsNotConfirmed) {
  hardware->power = PowerState::on;
  hardware->ignores_force_off = true;
  run(true);
  EXPECT_EQ(said, "undo.not_confirmed");
}

}  // namespace
}  // namespace kiln
