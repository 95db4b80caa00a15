// Events as BMCs really send them, read into facts; repeated and missing ones are told apart.

#include "bmc/bmc_event.h"

#include <gtest/gtest.h>

#include <limits>

namespace kiln {
namespace {

constexpr int kEventDepth = 64;

BmcEvent one_event(const std::string& payload) {
  const std::vector<BmcEvent> events = read_bmc_events(payload, kEventDepth);
  EXPECT_EQ(events.size(), 1U) << payload;
  return events.empty() ? BmcEvent() : events.front();
}

std::string event_of(const std::string& members) { return R"({"Events":[{)" + members + "}]}"; }

TEST(BmcEvent, ALeakIsKnownByWhereItComesFromWhateverItsMessageIs) {
  const BmcEvent event = one_event(event_of(
      R"("EventId":"7","MessageId":"ResourceEvent.1.0.ResourceStatusChangedCritical","Severity":"Critical",
      "EventTimestamp":"2026-01-02T03:04:05Z","EventType":"","OriginOfCondition":{"@odata.id":
      "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection/LeakDetectors/leakage1"})"));
  EXPECT_EQ(event.fact, BmcEvent::Fact::leak);
  EXPECT_TRUE(event.wet);
  EXPECT_EQ(event.part, "leakage1");
  EXPECT_EQ(event.entry.id, "7");
  EXPECT_EQ(event.entry.created, "2026-01-02T03:04:05Z");
}

TEST(BmcEvent, WhatADetectorSaysOfItselfIsNoLeak) {
  const BmcEvent event = one_event(event_of(
      R"("MessageId":"Environmental.1.4.LeakDetectorFailure","MessageSeverity":"Critical",
      "OriginOfCondition":"/redfish/v1/Chassis/1/LeakDetectors/LeakDetector_3/")"));
  EXPECT_EQ(event.fact, BmcEvent::Fact::leak);
  EXPECT_FALSE(event.wet);
  EXPECT_EQ(event.part, "LeakDetector_3");  // a plain string, with a slash at its end
}

TEST(BmcEvent, PowerStatusTestAndAnythingElseAreTold) {
  EXPECT_EQ(one_event(event_of(R"("MessageId":"ResourceEvent.1.3.ResourcePoweredOff")")).power,
            PowerState::off);
  EXPECT_EQ(one_event(event_of(R"("MessageId":"OpenBMC.0.1.DCPowerOn")")).power, PowerState::on);
  const BmcEvent vague = one_event(event_of(R"("MessageId":"OpenBMC.0.1.PowerStateChanged")"));
  EXPECT_EQ(vague.fact, BmcEvent::Fact::power);
  EXPECT_FALSE(vague.power);
  EXPECT_EQ(one_event(event_of(R"("MessageId":"ResourceEvent.1.0.ResourceStatusChangedOK")")).fact,
            BmcEvent::Fact::status);
  EXPECT_EQ(one_event(event_of(R"("MessageId":"ResourceEvent.1.3.TestMessage")")).fact, BmcEvent::Fact::test);
  EXPECT_EQ(one_event(event_of(R"("Message":"no id at all")")).fact, BmcEvent::Fact::log_entry);
}

TEST(BmcEvent, AMetricReportGivesTheSameValuesAsWhenItIsRead) {
  const BmcEvent event = one_event(
      R"({"@odata.id":"/redfish/v1/TelemetryService/MetricReports/Power","Id":"Power","MetricValues":[
      {"MetricProperty":"/redfish/v1/Chassis/1/EnvironmentMetrics#/PowerWatts/Reading","MetricValue":"812.5"}]})");
  EXPECT_EQ(event.fact, BmcEvent::Fact::metrics);
  EXPECT_EQ(event.part, "Power");
  ASSERT_EQ(event.values.size(), 1U);
  EXPECT_EQ(event.values.begin()->second, "812.5");
}

TEST(BmcEvent, WhatIsNoEventGivesNothingAndHarmsNobody) {
  for (const char* text : {"", "null", "[]", "{", "\"text\"", R"({"Events":null})",
                           R"({"Events":[null,1,"x"]})", R"({"Events":{}})", "\xff\xfe{}"}) {
    for (const BmcEvent& event : read_bmc_events(text, kEventDepth)) {
      EXPECT_EQ(event.fact, BmcEvent::Fact::log_entry) << text;
    }
  }
  EXPECT_TRUE(read_bmc_events(std::string(10'000, '['), kEventDepth).empty());
  // Members of the wrong kind cost that member, not the event.
  const BmcEvent odd = one_event(event_of(R"("EventId":7,"MessageId":["A.1.0.B"],"OriginOfCondition":5)"));
  EXPECT_EQ(odd.entry.id, "7");
  EXPECT_EQ(odd.entry.message_id, "A.1.0.B");
  EXPECT_EQ(odd.part, "");
}

TEST(BmcEvent, AMessageIsTheSameInEveryVersionOfItsRegistry) {
  EXPECT_EQ(message_key("Base.1.18.X"), message_key("Base.1.19.X"));
  EXPECT_EQ(message_key("X"), "X");
  EXPECT_EQ(message_key(""), "");
}

BmcEvent numbered(const std::string& id, const std::string& created = "t") {
  BmcEvent event;
  event.entry.id = id;
  event.entry.created = created;
  return event;
}

TEST(EventMemory, ARepeatedEventIsNotNewButTheSameIdAtAnotherTimeIs) {
  EventMemory memory;
  EXPECT_TRUE(memory.is_new(numbered("1")));
  EXPECT_FALSE(memory.is_new(numbered("1")));
  EXPECT_TRUE(memory.is_new(numbered("1", "later")));  // counted anew
  EXPECT_TRUE(memory.is_new(numbered("", "")));
  EXPECT_TRUE(memory.is_new(numbered("", "")));  // nothing says that it is the same
}

TEST(EventMemory, ItForgetsTheOldestAndStaysSmall) {
  EventMemory memory;
  for (int i = 0; i < 600; ++i) EXPECT_TRUE(memory.is_new(numbered(std::to_string(i))));
  EXPECT_FALSE(memory.is_new(numbered("599")));
  EXPECT_TRUE(memory.is_new(numbered("0")));
}

TEST(EventMemory, AGapIsSeenAndDisorderOrAnotherCountIsNone) {
  EventMemory memory;
  EXPECT_FALSE(memory.leaves_a_gap("10"));
  EXPECT_FALSE(memory.leaves_a_gap("11"));
  EXPECT_TRUE(memory.leaves_a_gap("13"));
  EXPECT_FALSE(memory.leaves_a_gap("12"));  // it was only late
  EXPECT_FALSE(memory.leaves_a_gap("1000001"));
  EXPECT_FALSE(memory.leaves_a_gap("14"));
  EXPECT_TRUE(memory.leaves_a_gap("16"));
  EXPECT_FALSE(memory.leaves_a_gap(""));
  EXPECT_FALSE(memory.leaves_a_gap("uuid-7"));
  memory.forget_ids();
  EXPECT_FALSE(memory.leaves_a_gap("400"));
}

TEST(EventMemory, TheLargestIdsDoNotOverflow) {
  EventMemory memory;
  const std::string largest = std::to_string(std::numeric_limits<std::int64_t>::max());
  const std::string smallest = std::to_string(std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(memory.leaves_a_gap(largest));
  EXPECT_FALSE(memory.leaves_a_gap(smallest));
  EXPECT_FALSE(memory.leaves_a_gap(largest));
}

}  // namespace
}  // namespace kiln
