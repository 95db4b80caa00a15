// When energy may be permitted and when it has to go: every answer of a leak detector, and silence.
#include "safety/cause.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSecond = 1'000'000'000;

DetectorLook look(const std::string& id, std::optional<std::string> detector_state = "OK",
                  std::optional<std::string> state = "Enabled",
                  std::optional<std::string> health = std::nullopt) {
  DetectorLook one;
  one.id = id;
  one.place = "Chassis_0";
  one.answer.detector_state = std::move(detector_state);
  one.answer.state = std::move(state);
  one.answer.health = std::move(health);
  one.verdict = read_leak_detector(one.answer);
  return one;
}

const std::vector<std::string> kExpected{"LeakDetector_0", "LeakDetector_1"};

TEST(LeakCause, EveryAnswerOfADetector) {
  struct Case {
    const char* what;
    std::vector<DetectorLook> looks;
    CauseState state;
    const char* why;
  };
  const DetectorLook good = look("LeakDetector_1");
  const Case cases[] = {
      {"dry", {look("LeakDetector_0"), good}, CauseState::clear, ""},
      {"dry in other letters", {look("LeakDetector_0", "Ok"), good}, CauseState::clear, ""},
      {"named with its place", {look("LeakDetector_0"), good, look("spare")}, CauseState::clear, ""},
      {"leak",
       {look("LeakDetector_0", "Critical"), good},
       CauseState::tripped,
       "LeakDetector_0 reports DetectorState Critical"},
      {"leak, warning", {look("LeakDetector_0", "Warning"), good}, CauseState::tripped, "LeakDetector_0"},
      {"Degraded and Critical",
       {look("LeakDetector_0", "Critical", "Degraded"), good},
       CauseState::tripped,
       "State Degraded"},
      {"wet, and not expected",
       {look("LeakDetector_0"), good, look("rope", "Critical")},
       CauseState::tripped,
       "rope"},
      {"wet beside a fault",
       {look("LeakDetector_0", "Unavailable"), look("LeakDetector_1", "Critical")},
       CauseState::tripped,
       "LeakDetector_1"},
      {"a word nobody knows", {look("LeakDetector_0", "Moist"), good}, CauseState::tripped, "Moist"},
      {"a number where a word belongs", {look("LeakDetector_0", "0.02"), good}, CauseState::tripped, "0.02"},
      {"absent",
       {look("LeakDetector_0", "Absent", "Absent"), good},
       CauseState::unknown,
       "LeakDetector_0 cannot say dry: DetectorState Absent"},
      {"disabled", {look("LeakDetector_0", "OK", "Disabled"), good}, CauseState::unknown, "State Disabled"},
      {"unavailable", {look("LeakDetector_0", "Unavailable"), good}, CauseState::unknown, "Unavailable"},
      {"null", {look("LeakDetector_0", std::nullopt), good}, CauseState::unknown, "DetectorState missing"},
      {"not applicable", {look("LeakDetector_0", "N/A"), good}, CauseState::unknown, "N/A"},
      {"no state", {look("LeakDetector_0", "OK", std::nullopt), good}, CauseState::unknown, "State missing"},
      {"not healthy",
       {look("LeakDetector_0", "OK", "Enabled", "Warning"), good},
       CauseState::unknown,
       "Health Warning"},
      {"missing from the census",
       {good},
       CauseState::unknown,
       "LeakDetector_0 is not in the BMC's list of 1"},
      {"none at all", {}, CauseState::unknown, "LeakDetector_0 is not in the BMC's list of 0"},
  };
  for (const Case& one : cases) {
    const Look judged = judge_leak_detectors(kExpected, one.looks);
    EXPECT_EQ(judged.state, one.state) << one.what << ": " << judged.why;
    EXPECT_NE(judged.why.find(one.why), std::string::npos) << one.what << ": " << judged.why;
    Cause cause("leak", "C01", 5s);
    cause.see(judged, kSecond);
    EXPECT_EQ(cause.ready(kSecond), one.state == CauseState::clear) << one.what;
    EXPECT_EQ(cause.trip(kSecond).has_value(), one.state == CauseState::tripped) << one.what;
    if (one.state != CauseState::clear) {
      EXPECT_TRUE(cause.why_not().starts_with("C01: ")) << cause.why_not();
    }
  }
}

TEST(LeakCause, WhatWasNotAnsweredSaysNothingAboutTheDetector) {
  DetectorLook unread = look("LeakDetector_0", std::nullopt);
  unread.answered = false;
  const Look silent = judge_leak_detectors(kExpected, {unread, look("LeakDetector_1")});
  EXPECT_EQ(silent.state, CauseState::unknown);
  EXPECT_EQ(silent.word, "") << "a busy BMC is no broken detector";
  const Look told = judge_leak_detectors(kExpected, {unread, look("LeakDetector_1", "Absent", "Absent")});
  EXPECT_EQ(told.code, "leak_detector.absent");
  EXPECT_EQ(told.part, "LeakDetector_1") << "the one that has said so itself";
}

TEST(LeakCause, NamesAreFoundWithAndWithoutTheirPlace) {
  std::vector<DetectorLook> looks{look("LeakDetector_0"), look("LeakDetector_0")};
  looks[1].place = "Chassis_1";
  EXPECT_EQ(judge_leak_detectors({"Chassis_0/LeakDetector_0", "Chassis_1/LeakDetector_0"}, looks).state,
            CauseState::clear);
  EXPECT_EQ(judge_leak_detectors({"Chassis_0/LeakDetector_0", "Chassis_2/LeakDetector_0"}, looks).state,
            CauseState::unknown);
}

TEST(Cause, StartsUnknownAndPermitsNothing) {
  const Cause cause("leak", "C01", 5s);
  EXPECT_FALSE(cause.ready(0));
  EXPECT_FALSE(cause.trip(100 * kSecond)) << "nothing was ever permitted, so there is nothing to cut";
}

TEST(Cause, UnknownBeyondItsGraceTripsAndSaysSo) {
  Cause cause("leak", "C01", 5s);
  Look clear;
  clear.state = CauseState::clear;
  cause.see(clear, 10 * kSecond);
  EXPECT_TRUE(cause.ready(10 * kSecond));
  cause.miss("no answer", 12 * kSecond);
  EXPECT_FALSE(cause.ready(12 * kSecond)) << "nothing new is permitted in the dark";
  EXPECT_FALSE(cause.trip(15 * kSecond));
  const std::optional<Trip> trip = cause.trip(15 * kSecond + 1);
  ASSERT_TRUE(trip);
  EXPECT_EQ(trip->code, "interlock.telemetry-lost");
  EXPECT_FALSE(trip->read);
  EXPECT_NE(trip->message.find("no answer"), std::string::npos) << trip->message;
  cause.see(clear, 16 * kSecond);
  EXPECT_FALSE(cause.trip(16 * kSecond));
}

TEST(Cause, ClearIsNotReadyForEver) {
  Cause cause("leak", "C01", 5s);
  Look clear;
  clear.state = CauseState::clear;
  cause.see(clear, 10 * kSecond);
  EXPECT_FALSE(cause.ready(16 * kSecond)) << "a poll that hangs is no dry detector";
  EXPECT_TRUE(cause.trip(16 * kSecond));
}

TEST(Cause, ALeakThatWasReadStaysOneWhileNobodyAnswers) {
  Cause cause("leak", "C01", 5s);
  Look wet;
  wet.state = CauseState::tripped;
  wet.code = "leak.detected";
  cause.see(wet, kSecond);
  cause.miss("no answer", 2 * kSecond);
  ASSERT_TRUE(cause.trip(3 * kSecond));
  EXPECT_EQ(cause.trip(3 * kSecond)->code, "leak.detected");
  EXPECT_EQ(cause.trip(3 * kSecond)->detected_ns, kSecond);
}

}  // namespace
}  // namespace kiln
