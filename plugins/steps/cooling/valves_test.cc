// The valves of a tray's coolant connections, in virtual time.
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

struct ValveTest : testing::Test {
  ValveTest() {
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    bench.expect(tray, ComponentKind::coolant_connector, {"Chassis_0/CoolantConnector_0"});
    CoolantReading hose;
    hose.name = "Chassis_0/CoolantConnector_0";
    hose.valve_state = "Open";
    hose.valve_reason = "Normal";
    hose.valve_position = 100;
    bench.hardware("C01").coolant.push_back(hose);
    Limit state;
    state.name = "coolant.valve.state";
    state.one_of = {"open", "not_in_use"};
    state.source = "test";
    bench.limit(state);
    bench.limit_min("coolant.valve.position", "%", 80);
    bench.limit_expected("leak_detector.count", "1");  // a plan without any cell is refused
    bench.limit_equals("leak_detector.state", "", std::string("dry"));
    bench.step("census", plugin_step("cooling.detector_census"), {}, {"C01"});
    bench.step("valves", plugin_step("cooling.valves"), {}, {"C01"});
  }
  CoolantReading& hose(std::size_t index = 0) { return bench.hardware("C01").coolant[index]; }
  Measured state(const BenchResult& result, const std::string& name = "Chassis_0/CoolantConnector_0") {
    return result.measured("coolant.valve.state", name);
  }
  StepBench bench;
};

TEST_F(ValveTest, AnOpenOnePasses) {
  const BenchResult result = bench.run();
  EXPECT_EQ(state(result).outcome, Outcome::pass);
  EXPECT_EQ(result.measured("coolant.valve.position", "Chassis_0/CoolantConnector_0").outcome, Outcome::pass);
}

TEST_F(ValveTest, OneThatClosedForALeakIsALeakWhateverElseItSays) {
  hose().valve_reason = "LeakDetected";
  const BenchResult result = bench.run();
  EXPECT_EQ(state(result).fault_code, "leak.valve_closed") << "it says Open, too";
  EXPECT_FALSE(result.has_measured("coolant.valve.position"));
}

TEST_F(ValveTest, AClosedOneFailsAlsoWhenItIsSaidNotToBeInUse) {
  hose().valve_state = "Closed";
  hose().valve_reason = "NotInUse";
  EXPECT_EQ(state(bench.run()).fault_code, "coolant.valve_closed") << "the rack file expects it";
}

TEST_F(ValveTest, AConnectionThatNobodyExpectsMayBeOutOfUse) {
  CoolantReading spare = hose();
  spare.name = "Chassis_0/CoolantConnector_9";
  spare.valve_state = "Closed";
  spare.valve_reason = "NotInUse";
  bench.hardware("C01").coolant.push_back(spare);
  EXPECT_EQ(state(bench.run(), spare.name).outcome, Outcome::pass);
}

TEST_F(ValveTest, OneThatDoesNotStandAsItSaysFails) {
  hose().valve_position = 30;
  const BenchResult result = bench.run();
  EXPECT_EQ(state(result).outcome, Outcome::pass);
  EXPECT_EQ(result.measured("coolant.valve.position", "Chassis_0/CoolantConnector_0").fault_code,
            "coolant.valve_position");
}

TEST_F(ValveTest, AWordThatIsNoneIsNoPass) {
  hose().valve_state = "Ajar";
  EXPECT_EQ(state(bench.run()).outcome, Outcome::unset);
}

TEST_F(ValveTest, WhereThereIsNoValveNothingIsTold) {
  hose().valve_state = hose().valve_reason = "";
  hose().valve_position.reset();
  const BenchResult result = bench.run();
  EXPECT_FALSE(result.has_measured("coolant.valve.state"));
  EXPECT_EQ(result.ended("main/valves", "C01").status, WorkStatus::complete);
}

}  // namespace
}  // namespace kiln
