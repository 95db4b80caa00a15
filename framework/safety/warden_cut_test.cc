// What the warden cuts by itself, beside a station that works, hangs or is dead; and who asks it to.
#include "safety/warden_for_test.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

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

/// An update ends with an On, for which no guard is opened: the write's own stands for it.
struct WardenBesideAnUpdate : WardenTest {
  WardenBesideAnUpdate() {
    expected = {"LeakDetector_0"};
    detectors->put("LeakDetector_0");
    power->on = false;
    hello();
    beats(0s, 200s);
    put_write(600s);
  }
  void end_write(Nanoseconds when) {
    at(when, [this] { put(WardenGuardEnd{3, GuardEnd::not_needed}); });
  }
  void leak(Nanoseconds when) {
    at(when, [this] { detectors->put("LeakDetector_0", "Critical"); });
  }
  void comes_on(Nanoseconds when) { power->comes_on_ns = start + when.count(); }
  /// Seconds from the start; -1: it was not confirmed.
  double off_confirmed() {
    at(200s, [this] { put(WardenLeave{}); });
    EXPECT_EQ(run(), 0);
    const auto cuts = all<WardenCut>();
    if (cuts.empty() || cuts.back().report.off_confirmed_ns == 0) return -1;
    return static_cast<double>(cuts.back().report.off_confirmed_ns - start) / kSecondOfWarden;
  }
};

TEST_F(WardenBesideAnUpdate, AnOffThatIsReadWhileItIsWrittenMustLast) {
  leak(70s);
  comes_on(74s);
  EXPECT_GE(off_confirmed(), 74);
  EXPECT_FALSE(power->on);
}

TEST_F(WardenBesideAnUpdate, AnOffThatIsReadJustAfterItMustLast) {
  end_write(70s);
  leak(75s);
  comes_on(79s);
  EXPECT_GE(off_confirmed(), 79);
  EXPECT_FALSE(power->on);
}

TEST_F(WardenBesideAnUpdate, AnOffThatIsReadAMinuteAfterItCountsAtOnce) {
  end_write(70s);
  leak(131s);
  const double confirmed = off_confirmed();
  EXPECT_GE(confirmed, 131);
  EXPECT_LE(confirmed, 132.5);
}

TEST_F(WardenBesideAnUpdate, AGuardOfBeforeIsAsYoungAsTheUpdate) {
  guards();
  end_write(70s);
  leak(75s);
  comes_on(79s);
  EXPECT_GE(off_confirmed(), 79);
  EXPECT_FALSE(power->on);
}

TEST_F(WardenTest, AStationThatDiesJustAfterAnUpdateLeavesAnOffThatMustLast) {
  power->on = false;
  power->comes_on_ns = start + 79 * kSecondOfWarden;
  hello();
  guards();
  put_write(600s);
  beats(0s, 75s);
  at(70s, [this] { put(WardenGuardEnd{3, GuardEnd::not_needed}); });
  at(75s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_FALSE(power->on);
  EXPECT_GE(written.at(1).at_ns - start, 79 * kSecondOfWarden) << written.at(1).message;
}

TEST_F(WardenTest, AWriteThatItsBmcShowsToBeOverIsNotWaitedForAnyMore) {
  writes = std::make_shared<WriteLook>();
  hello();
  guards();
  put_write(1h);
  at(1s, [this] { socket.close(); });
  at(300s, [this] {
    EXPECT_TRUE(power->on) << "its BMC does not answer";
    writes->updates = 0;
    writes->version = "2.0";
  });
  EXPECT_EQ(run(), 3);
  EXPECT_FALSE(power->on);
  EXPECT_GE(power->off_ns - start, 360 * kSecondOfWarden);
  EXPECT_LE(power->off_ns - start, 380 * kSecondOfWarden);
  EXPECT_NE(written.at(3).message.find("runs 2.0 now"), std::string::npos) << written.at(3).message;
}

TEST_F(WardenTest, AWriteOfWhichItsBmcTellsNothingIsWaitedForAllItsTime) {
  writes = std::make_shared<WriteLook>();
  writes->updates = 0;
  hello();
  guards();
  put_write(1h);
  at(1s, [this] { socket.close(); });
  EXPECT_EQ(run(), 3);
  EXPECT_GE(power->off_ns - start, 3600 * kSecondOfWarden);
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

}  // namespace
}  // namespace kiln
