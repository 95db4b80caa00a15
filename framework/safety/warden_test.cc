// The warden's promises to a station, under virtual time: what it undoes, when, and what it leaves alone.
#include "safety/warden_for_test.h"

namespace kiln {
namespace {

TEST_F(WardenTest, AStationThatLeavesInOrderIsLeftAlone) {
  hello();
  guards();
  beats(0s, 5s);
  at(5s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  EXPECT_TRUE(power->on) << "the station has its own teardown";
  EXPECT_EQ(count<WardenReady>(), 1);
  EXPECT_EQ(count<WardenBeat>(), 11) << "each beat is answered";
  EXPECT_EQ(power->left, 1) << "logged out";
}

TEST_F(WardenTest, AStationThatDiesHasEverythingUndoneAtOnce) {
  hello();
  guards();
  beats(0s, 5s);
  at(5200ms, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_FALSE(power->on);
  EXPECT_LE(power->off_ns - start, 5 * kSecondOfWarden + 300'000'000) << "without waiting for a silence";
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[1].how, GuardEnd::undone);
  EXPECT_EQ(written[2].how, GuardEnd::undone);
  EXPECT_GE(written_ns, power->off_ns) << "cut first, then journal";
}

TEST_F(WardenTest, WhatWasSaidJustBeforeItDiedCounts) {
  hello();
  at(1s, [this] {
    guards();
    socket.close();
  });
  EXPECT_EQ(run(), 3);
  EXPECT_FALSE(power->on);
}

TEST_F(WardenTest, ASilentStationIsGivenUpAfterTwoSecondsAndLearnsIt) {
  hello();
  guards();
  beats(0s, 5s);
  beats(20s, 21s);
  at(21200ms, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  EXPECT_FALSE(power->on);
  EXPECT_GE(power->off_ns - start, 7 * kSecondOfWarden);
  EXPECT_LE(power->off_ns - start, 7 * kSecondOfWarden + 100'000'000);
  EXPECT_GE(count<WardenActing>(), 2) << "when it acts, and to each beat of a station that comes back";
  EXPECT_EQ(count<WardenDone>(), 1);
}

TEST_F(WardenTest, GarbageIsAStationThatCannotBeTrusted) {
  hello();
  guards();
  at(1s, [this] { socket.put("{\"protocol\":3,\"type\":\"beat\""); });
  at(1200ms, [this] { socket.close(); });
  run();
  EXPECT_FALSE(power->on);
  EXPECT_LE(power->off_ns - start, kSecondOfWarden + 100'000'000);
}

TEST_F(WardenTest, GuardsThatHaveEndedAreNotUndone) {
  hello();
  guards();
  put(WardenGuardEnd{2, GuardEnd::undone});
  put(WardenGuardEnd{1, GuardEnd::not_needed});
  at(1s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_TRUE(power->on);
  EXPECT_EQ(power->asked_off, 0);
  EXPECT_TRUE(written.empty());
}

TEST_F(WardenTest, OneThatFailedToEndIsUndone) {
  hello();
  guards();
  put(WardenGuardEnd{1, GuardEnd::failed});
  at(1s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_FALSE(power->on);
}

TEST_F(WardenTest, AHostThatHangsHoldsNothingUp) {
  shell.answer("pkill -TERM -x gpu_burn", ShellAnswer::never());
  hello();
  guards();
  beats(0s, 70s);
  at(70s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_LE(power->off_ns - start, 70 * kSecondOfWarden + 100'000'000);
  EXPECT_LE(written_ns - start, 71 * kSecondOfWarden) << "power that is off ends the wait for the host";
  EXPECT_EQ(written[2].how, GuardEnd::undone);
}

TEST_F(WardenTest, ABmcThatIsBusyIsAskedAgainUntilItObeys) {
  power->refuses = Error("http.connect", "refused");
  hello();
  at(9s, [this] {
    guards();
    socket.close();
  });
  at(12s, [this] { power->refuses.reset(); });
  beats(0s, 8500ms);
  EXPECT_EQ(run(), 3);
  EXPECT_FALSE(power->on);
  EXPECT_LE(power->off_ns - start, 12 * kSecondOfWarden + 200'000'000);
}

TEST_F(WardenTest, PowerThatStaysOnIsNeverCalledOff) {
  power->obeys = false;
  hello();
  guards();
  at(1s, [this] { socket.close(); });
  EXPECT_EQ(run(), 4);
  EXPECT_EQ(written[1].how, GuardEnd::failed);
  EXPECT_NE(written[1].message.find("does not read back Off"), std::string::npos) << written[1].message;
  EXPECT_EQ(written[2].how, GuardEnd::undone) << "the load was ended by its host";
}

TEST_F(WardenTest, AFirmwareWriteIsWaitedForUntilItsOwnDeadline) {
  hello();
  guards();
  at(1s, [this] {
    put_write(30s);
    socket.close();
  });
  EXPECT_EQ(run(), 3);
  EXPECT_GE(power->off_ns - start, 31 * kSecondOfWarden);
  EXPECT_LE(power->off_ns - start, 32 * kSecondOfWarden);
  EXPECT_EQ(written[3].how, GuardEnd::undone);
  EXPECT_NE(written[3].message.find("what runs there is not known"), std::string::npos) << written[3].message;
}

TEST_F(WardenTest, AWriteOfWhatIsOffIsWaitedForTooBeforeTheWardenLeaves) {
  hello();
  put_write(30s);
  at(1s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_GE(written_ns - start, 30 * kSecondOfWarden) << "nobody else touches it meanwhile";
  EXPECT_EQ(power->asked_off, 0);
}

TEST_F(WardenTest, AStationThatWokeUpAndUndidItsOwnIsNotCutLater) {
  hello();
  guards();
  put_write(60s);
  beats(0s, 1s);
  at(10s, [this] { put(WardenGuardEnd{2, GuardEnd::undone}); });
  at(11s, [this] {
    power->on = false;
    put(WardenGuardEnd{1, GuardEnd::undone});
    put(WardenGuardEnd{3, GuardEnd::not_needed});
  });
  beats(10s, 70s);
  at(12s, [this] { power->on = true; });  // by the next run
  at(71s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  EXPECT_TRUE(power->on);
  EXPECT_EQ(power->asked_off, 0);
}

TEST_F(WardenTest, AStationThatLeavesTakesTheWaitingWardenWithIt) {
  hello();
  guards();
  put_write(600s);
  beats(0s, 1s);
  at(10s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  EXPECT_LE(loop->clock().now().monotonic_ns - start, 11 * kSecondOfWarden);
  EXPECT_EQ(power->asked_off, 0);
}

TEST_F(WardenTest, ARunThatAnotherWardenStillHasIsRefused) {
  parts.begin = [](const WardenHello&, const std::vector<std::string>& bmcs) -> Status {
    EXPECT_EQ(bmcs, (std::vector<std::string>{"https://x"}));
    return Error("warden.busy", "the warden of an earlier run");
  };
  hello();
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(count<WardenRefused>(), 1);
  EXPECT_EQ(power->prepared, 0);
}

TEST_F(WardenTest, WhatIsBehindAnotherJumpHostIsAnotherBmc) {
  std::vector<std::string> asked;
  parts.begin = [&asked](const WardenHello&, const std::vector<std::string>& bmcs) -> Status {
    asked = bmcs;
    return Error("warden.busy", "this test wants to know no more");
  };
  const auto dut = [](const std::string& id, const std::string& url, const std::string& jump) {
    WardenDut facts;
    facts.id = id;
    facts.bmc_url = url;
    facts.jump_address = jump;
    return facts;
  };
  WardenHello said;
  said.version = "0.1.0";
  said.build_stamp = "stamp";
  put(said);
  put(dut("C01", "https://10.0.0.4/", "192.0.2.7"));
  put(dut("C02", "https://10.0.0.4", "192.0.2.8"));
  put(dut("C03", "", ""));
  put(WardenBegin{});
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(asked, (std::vector<std::string>{"https://10.0.0.4 by 192.0.2.7:22",
                                             "https://10.0.0.4 by 192.0.2.8:22"}));
}

TEST_F(WardenTest, AWriteThatIsOverHoldsNothingUp) {
  hello();
  guards();
  put_write(600s);
  put(WardenGuardEnd{3, GuardEnd::not_needed});
  at(1s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_LE(power->off_ns - start, 2 * kSecondOfWarden);
}

TEST_F(WardenTest, AnotherBuildIsRefused) {
  hello("other");
  EXPECT_EQ(run(), 2);
  ASSERT_EQ(count<WardenRefused>(), 1);
  EXPECT_NE(std::get<WardenRefused>(heard().front()).why.find("build"), std::string::npos);
  EXPECT_EQ(power->prepared, 0);
}

TEST_F(WardenTest, AStationThatSaysNothingAtTheStartIsNotWaitedForForEver) {
  EXPECT_EQ(run(), 2);
  EXPECT_LE(loop->clock().now().monotonic_ns - start, 11 * kSecondOfWarden);
}

TEST_F(WardenTest, ABmcThatCannotBeReachedIsNamedBeforeAnythingIsSwitchedOn) {
  power->refuses = Error("http.connect", "no connection to the BMC");
  hello();
  at(15s, [this] { put(WardenLeave{}); });
  beats(0s, 15s);
  EXPECT_EQ(run(), 0);
  for (const WardenMessage& message : heard()) {
    if (const auto* ready = std::get_if<WardenReady>(&message)) {
      EXPECT_NE(ready->unreachable.at("C01").find("no connection"), std::string::npos);
    }
  }
  EXPECT_EQ(count<WardenReady>(), 1);
}

}  // namespace
}  // namespace kiln
