// The warden's promises under virtual time: what it undoes, when, and what it leaves alone.
#include "safety/warden.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "io/scope.h"
#include "testing/fake_leak_detectors.h"
#include "testing/fake_power_switch.h"
#include "testing/scripted_bms.h"
#include "testing/scripted_shell.h"
#include "testing/scripted_socket.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr std::int64_t kSecondOfWarden = 1'000'000'000;

awaitable<void> run_to_status(Ctx& ctx, WardenParts parts, int& status) {
  status = co_await run_warden(ctx, std::move(parts));
}

struct WardenTest : testing::Test {
  WardenTest() {
    shell.answer("pkill -TERM -x gpu_burn", ShellAnswer("").after(200ms));
    parts.station = &socket;
    parts.version = "0.1.0";
    parts.build_stamp = "stamp";
    parts.open_bmc = [this](const WardenDut&) -> Result<WardenBmc> {
      WardenBmc bmc;
      bmc.power = std::make_unique<FakePowerSwitch>(power);
      bmc.leaks = std::make_unique<FakeLeakDetectors>(detectors);
      return bmc;
    };
    parts.open_shell = [this](const WardenDut&) -> Result<std::unique_ptr<Shell>> {
      return std::unique_ptr<Shell>(std::make_unique<Borrowed>(shell));
    };
    parts.write_ends = [this](const std::string& journal, const std::map<int, UndoResult>& results,
                              const std::map<std::string, JournaledCut>& cuts) {
      written_cuts = cuts;
      EXPECT_EQ(journal, "/x.guards");
      written = results;
      written_ns = loop->clock().now().monotonic_ns;
    };
  }

  /// The warden owns its shells; the test keeps the scripted one.
  class Borrowed final : public Shell {
   public:
    explicit Borrowed(Shell& shell) : shell_(shell) {}
    awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
      Result<CommandResult> result = co_await shell_.run(ctx, std::move(command));
      co_return result;
    }
    awaitable<void> disconnect() override { co_await shell_.disconnect(); }

   private:
    Shell& shell_;
  };

  void hello(const std::string& stamp = "stamp") {
    WardenHello said;
    said.version = "0.1.0";
    said.build_stamp = stamp;
    said.run = "R-1";
    said.journal = "/x.guards";
    said.rack_ends_with_us = rack_ends_with_station;
    socket.put(encode(said));
    WardenDut dut;
    dut.id = "C01";
    dut.role = Role::compute_tray;
    dut.bmc_url = "https://x";
    dut.host_address = "x";
    dut.leak_detectors = expected;
    socket.put(encode(dut));
    if (has_building) {
      WardenBuilding building;
      building.rack = "R01";
      building.access.broker = "mqtts://bms:8883";
      building.access.host = "bms";
      building.access.rack_location_id = "L7";
      building.access.integration = "KILN";
      building.access.tls.kind = TlsTrust::Kind::certificate_authority;
      building.access.tls.value = "ca.pem";
      socket.put(encode(building));
    }
    socket.put(encode(WardenBegin{}));
  }
  void put(WardenMessage message) { socket.put(encode(message)); }
  void guards() {
    WardenGuard on;
    on.number = 1;
    on.undo = JournaledUndo(UndoKind::force_off, "C01", "force off C01");
    put(on);
    WardenGuard load;
    load.number = 2;
    load.undo = JournaledUndo(UndoKind::shell_command, "C01", "stop gpu_burn on C01");
    load.undo.command = "pkill -TERM -x gpu_burn";
    put(load);
  }
  /// Firmware of C01 is being written; number 3.
  void put_write(Nanoseconds budget) {
    WardenGuard write;
    write.number = 3;
    write.undo = JournaledUndo(UndoKind::firmware_write, "C01", "wait for the firmware write of UEFI on C01");
    write.undo.budget = budget;
    put(write);
  }
  void at(Nanoseconds when, std::function<void()> action) {
    loop->call_at(start + when.count(), std::move(action));
  }
  /// A beat every 500 ms from `from` to `to`.
  void beats(Nanoseconds from, Nanoseconds to) {
    for (Nanoseconds when = from; when <= to; when += 500ms) at(when, [this] { put(WardenBeat{1}); });
  }
  int run() {
    int status = -1;
    loop->run([&](Ctx& ctx) { return run_to_status(ctx, parts, status); });
    return status;
  }
  int run_with_bms() {
    has_building = true;
    bms.serve(broker);
    parts.open_building = [this](const WardenBuilding& building,
                                 const std::string& run) -> Result<std::unique_ptr<MqttClient>> {
      EXPECT_EQ(building.access.tls.value, "ca.pem");
      EXPECT_EQ(run, "R-1");
      return std::unique_ptr<MqttClient>(std::make_unique<LentMqtt>(broker));
    };
    hello();
    guards();
    int status = -1;
    loop->run([&](Ctx& ctx) { return beside_the_bms(ctx, status); });
    return status;
  }
  awaitable<void> beside_the_bms(Ctx& ctx, int& status) {
    Scope scope(ctx);
    scope.start("bms", [this](Ctx& inner) { return bms.play(inner, broker); });
    co_await run_to_status(ctx, parts, status);
    co_await scope.stop_and_join(StopReason::shutdown, "the test is over");
  }
  template <class Body>
  std::vector<Body> all() const {
    std::vector<Body> found;
    for (const WardenMessage& message : heard()) {
      if (const auto* body = std::get_if<Body>(&message)) found.push_back(*body);
    }
    return found;
  }
  std::vector<WardenMessage> heard() const {
    std::vector<WardenMessage> all;
    for (const std::string& text : socket.sent) all.push_back(*decode_warden_message(text));
    return all;
  }
  template <class Body>
  int count() const {
    int found = 0;
    for (const WardenMessage& message : heard()) found += std::holds_alternative<Body>(message) ? 1 : 0;
    return found;
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  ScriptedSocket socket;
  ScriptedShell shell;
  std::shared_ptr<FakePower> power = std::make_shared<FakePower>();
  std::vector<std::string> expected;  ///< leak detectors of C01
  bool has_building = false, rack_ends_with_station = false;
  ScriptedMqtt broker;
  ScriptedBms bms;
  std::shared_ptr<FakeDetectors> detectors = std::make_shared<FakeDetectors>();
  WardenParts parts;
  std::map<int, UndoResult> written;
  std::map<std::string, JournaledCut> written_cuts;
  std::int64_t written_ns = 0;
};

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
  parts.begin = [](const WardenHello&, const std::vector<std::string>& urls) -> Status {
    EXPECT_EQ(urls, (std::vector<std::string>{"https://x"}));
    return Error("warden.busy", "the warden of an earlier run");
  };
  hello();
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(count<WardenRefused>(), 1);
  EXPECT_EQ(power->prepared, 0);
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

TEST_F(WardenTest, ItSeesALeakByItselfAndTellsTheStationAfterTheCutHasBegun) {
  expected = {"LeakDetector_0"};
  detectors->put("LeakDetector_0");
  hello();
  guards();
  beats(0s, 10s);
  at(5s, [this] { detectors->put("LeakDetector_0", "Critical"); });
  at(10s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  EXPECT_FALSE(power->on);
  EXPECT_LE(power->off_ns - start, 6 * kSecondOfWarden + 100'000'000);
  EXPECT_EQ(count<WardenTripped>(), 1);
  EXPECT_EQ(count<WardenCut>(), 1);
  EXPECT_EQ(count<WardenWatch>(), 2) << "ready, and not any more";
}

TEST_F(WardenTest, ALeakThatTheBuildingReadsIsCutAndTheRackIsIsolated) {
  bms.obeys_after = 2s;
  beats(0s, 25s);
  at(15s, [this] { bms.rope = 1; });
  at(25s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run_with_bms(), 0);
  EXPECT_FALSE(power->on);
  EXPECT_LE(power->off_ns - start, 17 * kSecondOfWarden + 100'000'000) << "as soon as the BMS says so";
  const auto tripped = all<WardenTripped>();
  ASSERT_EQ(tripped.size(), 1U);
  EXPECT_EQ(tripped[0].trip.dut, "R01");
  EXPECT_EQ(tripped[0].reach, (std::vector<std::string>{"C01"}));
  EXPECT_EQ(bms.asked.size(), 2U);
  const auto isolations = all<WardenIsolation>();
  ASSERT_EQ(isolations.size(), 2U);
  EXPECT_EQ(isolations[0].report.confirmed_ns, 0);
  EXPECT_NE(isolations[1].report.confirmed_ns, 0);
  const auto watches = all<WardenWatch>();
  ASSERT_GE(watches.size(), 3U) << "not read, ready, and not any more";
  EXPECT_EQ(watches.back().report.dut, "R01");
  EXPECT_FALSE(watches.back().report.ready);
  EXPECT_EQ(broker.goodbyes, 1) << "it leaves the broker in order";
}

TEST_F(WardenTest, BesideADeadStationWhatBecameOfTheIsolationIsWrittenDown) {
  bms.obeys_after = std::nullopt;
  at(20s, [this] { bms.leak = 1; });
  at(21s, [this] { socket.close(); });
  beats(0s, 21s);
  EXPECT_EQ(run_with_bms(), 3);
  ASSERT_TRUE(written_cuts.contains("C01"));
  const std::string& message = written_cuts["C01"].trip.message;
  EXPECT_NE(message.find("RackLeakDetect"), std::string::npos) << message;
  EXPECT_NE(message.find("not confirmed to have isolated the rack"), std::string::npos) << message;
  EXPECT_GE(written_ns - start, 80 * kSecondOfWarden) << "after the building had its time";
}

TEST_F(WardenTest, ABuildingThatCannotBeHeardIsSaidSo) {
  has_building = true;
  hello();
  beats(0s, 3s);
  at(3s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  const auto watches = all<WardenWatch>();
  ASSERT_EQ(watches.size(), 1U);
  EXPECT_EQ(watches[0].report.code, kNoBroker);
  EXPECT_NE(watches[0].report.why.find("speaks no MQTT"), std::string::npos);
}

TEST_F(WardenTest, AStationThatHangsDoesNotKeepALeakingTrayOn) {
  expected = {"LeakDetector_0"};
  detectors->put("LeakDetector_0");
  hello();
  guards();
  beats(0s, 5s);
  at(5100ms, [this] { detectors->put("LeakDetector_0", "Critical"); });
  at(20s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_LE(power->off_ns - start, 6 * kSecondOfWarden + 200'000'000)
      << "before its silence is noticed at 7 s";
  ASSERT_TRUE(written_cuts.contains("C01")) << "for the record of a station that could not be told";
  const std::optional<JournaledCut> back = from_journal(to_journal(written_cuts["C01"]));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->trip.code, "leak.detected");
  EXPECT_EQ(back->trip.part, "LeakDetector_0");
  EXPECT_EQ(back->report.dut, "C01");
  EXPECT_GT(back->report.off_confirmed_ns, 0);
  EXPECT_EQ(back->trip.message, written_cuts["C01"].trip.message);
}

/// The warden owns its guests' sockets; the test keeps what was said to them.
class Lent final : public MessageSocket {
 public:
  explicit Lent(std::shared_ptr<ScriptedSocket> socket) : socket_(std::move(socket)) {}
  awaitable<Status> send(const Ctx& ctx, std::string message) override {
    const Status sent = co_await socket_->send(ctx, std::move(message));
    co_return sent;
  }
  awaitable<Result<std::string>> receive(const Ctx& ctx) override {
    Result<std::string> heard = co_await socket_->receive(ctx);
    co_return heard;
  }

 private:
  std::shared_ptr<ScriptedSocket> socket_;
};

TEST_F(WardenTest, WhoeverKnocksWithAStopHasEverythingOffAndHearsIt) {
  ScriptedDoor door;
  parts.door = &door;
  hello();
  guards();
  beats(0s, 8s);
  const auto come = [&door](const std::string& says) {
    auto guest = std::make_shared<ScriptedSocket>();
    if (!says.empty()) guest->put(says);
    door.send_in(std::make_unique<Lent>(guest));
    return guest;
  };
  std::shared_ptr<ScriptedSocket> anna;
  at(1s, [&] { come("garbage"); });
  at(1100ms, [&] { come(""); });
  at(1500ms, [&] { EXPECT_TRUE(power->on) << "who says something else changes nothing"; });
  std::shared_ptr<ScriptedSocket> other;
  at(1200ms, [&] { other = come(encode(StopEverything{"anna", "smoke", "R-2"})); });
  at(2s, [&] { anna = come(encode(StopEverything{"anna", "smoke", ""})); });
  at(8s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  EXPECT_FALSE(power->on);
  EXPECT_LE(power->off_ns - start, 2 * kSecondOfWarden + 100'000'000);
  EXPECT_EQ(count<WardenTripped>(), 1);
  ASSERT_EQ(other->sent.size(), 1U);
  EXPECT_TRUE(std::get<EverythingStopped>(*decode_warden_message(other->sent.front())).cuts.empty())
      << "another run was meant";
  ASSERT_EQ(anna->sent.size(), 1U);
  const Result<WardenMessage> answer = decode_warden_message(anna->sent.front());
  ASSERT_TRUE(answer);
  const auto* stopped = std::get_if<EverythingStopped>(&*answer);
  ASSERT_NE(stopped, nullptr);
  EXPECT_EQ(stopped->run, "R-1");
  ASSERT_EQ(stopped->cuts.size(), 1U);
  EXPECT_GT(stopped->cuts.front().off_confirmed_ns, 0);
}

TEST_F(WardenTest, WhoMeansAnotherRunIsAnsweredAtOnceAlsoBesideACutThatNothingConfirms) {
  ScriptedDoor door;
  parts.door = &door;
  expected = {"LeakDetector_0"};
  detectors->put("LeakDetector_0");
  power->refuses = Error("http.connect", "no connection to the BMC");
  hello();
  guards();
  at(9s, [this] { socket.close(); });
  at(10s, [this] { detectors->put("LeakDetector_0", "Critical"); });
  auto guest = std::make_shared<ScriptedSocket>();
  at(120s, [&] {
    EXPECT_EQ(written_ns, 0) << "it is still at work";
    guest->put(encode(StopEverything{"anna", "smoke", "R-2"}));
    door.send_in(std::make_unique<Lent>(guest));
  });
  std::size_t answers = 0;
  at(121s, [&] { answers = guest->sent.size(); });
  EXPECT_EQ(run(), 4);
  EXPECT_EQ(answers, 1U);
}

TEST_F(WardenTest, ALeakDuringAFirmwareWriteIsCutAllTheSame) {
  expected = {"LeakDetector_0"};
  detectors->put("LeakDetector_0");
  hello();
  guards();
  put_write(600s);
  beats(0s, 10s);
  at(5s, [this] { detectors->put("LeakDetector_0", "Critical"); });
  at(10s, [this] { put(WardenLeave{}); });
  EXPECT_EQ(run(), 0);
  EXPECT_LE(power->off_ns - start, 6 * kSecondOfWarden + 100'000'000);
}

TEST_F(WardenTest, ALeakBesideADeadStationDoesNotWaitForTheFirmwareWrite) {
  expected = {"LeakDetector_0"};
  detectors->put("LeakDetector_0");
  hello();
  guards();
  put_write(600s);
  at(1s, [this] { socket.close(); });
  at(20s, [this] {
    EXPECT_TRUE(power->on) << "half a write is worse than a late cut";
    detectors->put("LeakDetector_0", "Critical");
  });
  EXPECT_EQ(run(), 3);
  EXPECT_LE(power->off_ns - start, 21 * kSecondOfWarden + 100'000'000);
  EXPECT_EQ(written_cuts.size(), 1U);
  EXPECT_LE(written_ns - start, 40 * kSecondOfWarden) << "what has no power is not being written";
}

/// Its station dies beside a leaking tray that does not obey.
struct WardenOfADeadStation : WardenTest {
  std::int64_t seconds_until_it_ends() {
    expected = {"LeakDetector_0"};
    detectors->put("LeakDetector_0");
    hello();
    guards();
    at(1s, [this] {
      detectors->put("LeakDetector_0", "Critical");
      power->obeys = false;
    });
    at(3s, [this] { socket.close(); });
    EXPECT_EQ(run(), 4);
    EXPECT_EQ(written_cuts.size(), 1U);
    return (loop->clock().now().monotonic_ns - start) / kSecondOfWarden;
  }
};

TEST_F(WardenOfADeadStation, AsksForOffForTenMinutes) { EXPECT_GE(seconds_until_it_ends(), 600); }

TEST_F(WardenOfADeadStation, DoesNotAskAVirtualRackThatEndedWithIt) {
  rack_ends_with_station = true;
  EXPECT_LE(seconds_until_it_ends(), 60);
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
