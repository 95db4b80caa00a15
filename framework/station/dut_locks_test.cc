// Two runs never drive one DUT.
#include "station/dut_locks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace kiln {
namespace {

/// Addresses no other test uses.
Plan plan_of(const std::vector<std::string>& ids) {
  Plan plan;
  for (const std::string& id : ids) {
    Dut dut;
    dut.id = id;
    dut.bmc.emplace();
    dut.bmc->url = fmt::format("https://{}.locks.test/{}", id, ::getpid());
    dut.host.emplace();
    dut.host->address = std::string(200, 'x') + id;
    plan.inventory.duts.push_back(dut);
    plan.duts.push_back(id);
  }
  return plan;
}

TEST(DutLocks, ABusyDutIsNamedWithWhoHasIt) {
  const Plan both = plan_of({"C01", "C02"});
  const Result<DutLocks> first = DutLocks::take(both);
  ASSERT_TRUE(first) << first.error().message;
  const Result<DutLocks> second = DutLocks::take(plan_of({"C02"}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "dut.busy");
  EXPECT_NE(second.error().message.find("C02"), std::string::npos);
  EXPECT_NE(second.error().message.find(fmt::format("process {}", ::getpid())), std::string::npos)
      << second.error().message;
  EXPECT_TRUE(DutLocks::take(plan_of({"C03"}))) << "others are free";
}

TEST(DutLocks, WhatWasTakenIsFreeAgainAlsoAfterARefusal) {
  {
    const Result<DutLocks> held = DutLocks::take(plan_of({"C02"}));
    ASSERT_TRUE(held);
    EXPECT_FALSE(DutLocks::take(plan_of({"C01", "C02"})));
    EXPECT_TRUE(DutLocks::take(plan_of({"C01"}))) << "all or none";
  }
  EXPECT_TRUE(DutLocks::take(plan_of({"C01", "C02"})));
}

TEST(DutLocks, TheSameAddressBehindTwoJumpHostsIsTwoBmcs) {
  Plan one = plan_of({"C01"});
  one.inventory.duts.front().host.reset();
  one.inventory.duts.front().bmc->jump.emplace();
  one.inventory.duts.front().bmc->jump->address = "10.0.1.1";
  Plan other = one;
  other.inventory.duts.front().bmc->jump->address = "10.0.1.2";
  const Result<DutLocks> first = DutLocks::take(one);
  ASSERT_TRUE(first);
  EXPECT_TRUE(DutLocks::take(other));
  other.inventory.duts.front().bmc->jump->address = "10.0.1.1";
  const Result<DutLocks> same = DutLocks::take(other);
  ASSERT_FALSE(same);
  EXPECT_NE(same.error().message.find(" by 10.0.1.1:22"), std::string::npos) << same.error().message;
}

TEST(DutLocks, AProcessThatDiesLetsGo) {
  const Plan plan = plan_of({"C01"});
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<DutLocks> held = DutLocks::take(plan);
    const char answer = held ? 'y' : 'n';
    [[maybe_unused]] const ssize_t told = ::write(ready[1], &answer, 1);
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const Result<DutLocks> refused = DutLocks::take(plan);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(fmt::format("process {}", child)), std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(DutLocks::take(plan));
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace kiln
