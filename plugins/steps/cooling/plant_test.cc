// The guided tests of the coolant plant, and the comparison of its branches, in virtual time.
#include <gtest/gtest.h>

#include <cmath>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

constexpr const char* kLoop = "1/Secondary";

/// A tray that is off, and a CDU with two pumps whose loop is at rest under 180 kPa.
struct PlantTest : testing::Test {
  PlantTest() {
    bench.add_dut("C01", Role::compute_tray);
    bench.hardware("C01").power = PowerState::off;
    Dut& cdu = bench.add_dut("CDU01", Role::cdu);
    bench.expect(cdu, ComponentKind::coolant_connector, {"1/Primary", kLoop});
    bench.expect(cdu, ComponentKind::pump, {"Pump_1", "Pump_2"});
    FakeHardware& unit = bench.hardware("CDU01");
    unit.power = PowerState::on;
    for (const char* name : {"1/Primary", kLoop}) {
      CoolantReading reading;
      reading.name = name;
      reading.flow = 0;
      reading.supply_temperature = 25;
      reading.supply_pressure = 180;
      unit.coolant.push_back(reading);
    }
    for (const char* name : {"Pump_1", "Pump_2"}) {
      PumpReading pump;
      pump.name = name;
      pump.speed_percent = 0;
      unit.pumps.push_back(pump);
    }
    bench.answer_prompt("prepare CDU01", "yes");
    bench.answer_prompt("restore CDU01", "yes");
  }
  CoolantReading& loop() { return bench.hardware("CDU01").coolant[1]; }
  PumpReading& pump(std::size_t index) { return bench.hardware("CDU01").pumps[index]; }
  void hold(StepBench::With more = {}) {
    bench.limit_max("coolant.pressure_decay", "kPa/min", 0.2);
    StepBench::With with{{"hold", "10m"}, {"window", "30s"}};
    with.insert(with.end(), more.begin(), more.end());
    bench.step("hold", plugin_step("cooling.pressure_hold"), std::move(with));
  }
  Measured decay(const BenchResult& result) {
    return result.measured("coolant.pressure_decay", std::string("CDU01/") + kLoop);
  }
  /// `change` every second of the first half hour.
  void each_second(const std::function<void(double minute)>& change) {
    for (int second = 0; second < 1800; ++second)
      bench.at(std::chrono::seconds(second), [change, second] { change(second / 60.0); });
  }
  StepBench bench;
};

TEST_F(PlantTest, ATightLoopPassesAndItsFacilitySideIsNotAsked) {
  hold();
  each_second([this](double minute) { loop().supply_temperature = std::fmod(minute, 1) < 0.5 ? 25 : 25.1; });
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::pass) << decay(result).reason;
  EXPECT_NEAR(std::get<double>(result.measured("coolant.settled_after", "CDU01/1/Secondary").value), 60, 2);
}

TEST_F(PlantTest, ASlowLeakFailsAndIsMeasured) {
  hold();
  each_second([this](double minute) { loop().supply_pressure = 180 - 0.5 * minute; });
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).fault_code, "coolant.pressure_decay");
  EXPECT_NEAR(std::get<double>(decay(result).value), 0.5, 0.01);
}

TEST_F(PlantTest, ALoopThatCoolsIsNoLeak) {
  hold();
  each_second([this](double minute) {
    loop().supply_temperature = 27 - 0.1 * minute;
    loop().supply_pressure = 281.325 * (300.15 - 0.1 * minute) / 300.15 - 101.325;
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::pass) << decay(result).reason;
}

TEST_F(PlantTest, OldValuesAreNoTightLoop) {
  hold();
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::unset);
  EXPECT_NE(decay(result).reason.find("old values"), std::string::npos) << decay(result).reason;
}

TEST_F(PlantTest, APumpThatStartsEarlyInTheHoldEndsItToo) {
  hold();
  each_second([this](double minute) { loop().supply_temperature = std::fmod(minute, 1) < 0.5 ? 25 : 25.1; });
  bench.at(65s, [this] { pump(1).speed_percent = 40; });
  bench.at(75s, [this] { pump(1).speed_percent = 0; });
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::unset);
  EXPECT_NE(decay(result).reason.find("not at rest"), std::string::npos) << decay(result).reason;
}

TEST_F(PlantTest, UnderNoPressureNothingIsTold) {
  hold({{"settle_within", "2m"}});
  loop().supply_pressure = 20;
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::unset);
  EXPECT_NE(decay(result).reason.find("it stands at 20.0 kPa"), std::string::npos) << decay(result).reason;
}

TEST_F(PlantTest, WhileAPumpTurnsNothingIsTold) {
  hold({{"settle_within", "2m"}});
  pump(0).speed_percent = 60;
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::unset);
  EXPECT_NE(decay(result).reason.find("not at rest"), std::string::npos) << decay(result).reason;
}

TEST_F(PlantTest, APumpThatStartsDuringTheHoldEndsIt) {
  hold();
  bench.at(5min, [this] { pump(1).speed_percent = 40; });
  bench.at(6min, [this] { pump(1).speed_percent = 0; });
  EXPECT_EQ(decay(bench.run()).outcome, Outcome::unset);
}

TEST_F(PlantTest, WhereNothingShowsThatItRestsNothingIsTold) {
  hold({{"settle_within", "2m"}});
  loop().flow.reset();
  pump(0).speed_percent.reset();
  pump(1).speed_percent.reset();
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::unset);
  EXPECT_NE(decay(result).reason.find("neither a flow nor a pump"), std::string::npos)
      << decay(result).reason;
}

TEST_F(PlantTest, AGaugeThatGoesAwayDuringTheHoldTellsNothing) {
  hold();
  bench.at(4min, [this] { loop().supply_pressure.reset(); });
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::unset);
  EXPECT_NE(decay(result).reason.find("readings of the hold are missing"), std::string::npos)
      << decay(result).reason;
}

TEST_F(PlantTest, ALossThatEmptiesTheLoopIsNotUnset) {
  hold();
  each_second([this](double minute) { loop().supply_pressure = 180 - 12 * minute; });
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::fail) << decay(result).reason;
}

TEST_F(PlantTest, NobodyStopsAPumpUnderATrayThatIsOn) {
  hold();
  bench.hardware("C01").power = PowerState::on;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/hold", "R01").code, "cooling.loop_in_use");
  EXPECT_TRUE(result.bodies<PromptShown>().empty());
}

TEST_F(PlantTest, APersonWhoSaysNoHasNotPreparedIt) {
  bench.answer_prompt("prepare CDU01", "no");
  hold();
  const BenchResult result = bench.run();
  EXPECT_EQ(decay(result).outcome, Outcome::unset);
}

// --- the unit itself

struct UnitTest : PlantTest {
  UnitTest() {
    bench.limit_min("coolant.dew_point_margin", "K", 2);
    bench.limit_min("coolant.reservoir_level", "%", 20);
    bench.limit_max("coolant.filter_pressure", "kPa", 50);
    bench.limit_equals("coolant.quality", "", std::string("OK"));
    bench.limit_equals("coolant.alarms", "1", std::int64_t{0});
    bench.step("plant", plugin_step("cooling.plant"), {}, {"CDU01"});
    CoolingUnitReading unit;
    unit.name = "1";
    unit.dew_point = 11;
    unit.reservoir_level = 84;
    bench.hardware("CDU01").cooling_units.push_back(unit);
  }
  CoolingUnitReading& unit() { return bench.hardware("CDU01").cooling_units.front(); }
};

TEST_F(UnitTest, AMarginAndAFullReservoirPass) {
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("coolant.dew_point_margin").value, Value{14.0});
  EXPECT_EQ(result.measured("coolant.reservoir_level").outcome, Outcome::pass);
}

TEST_F(UnitTest, DampAirFails) {
  unit().dew_point = 23.5;
  const Measured margin = bench.run().measured("coolant.dew_point_margin");
  EXPECT_EQ(margin.fault_code, "coolant.condensation");
  EXPECT_EQ(margin.source.detail, "supply 25.0 Cel, dew point 23.5 Cel");
}

TEST_F(UnitTest, ADewPointFollowsFromTheAir) {
  // Published tables: 25 Cel at 50 % have their dew point at 13.9 Cel.
  unit().dew_point.reset();
  unit().air_temperature = 25;
  unit().humidity = 50;
  const Measured margin = bench.run().measured("coolant.dew_point_margin");
  EXPECT_NEAR(std::get<double>(margin.value), 25 - 13.86, 0.05);
}

TEST_F(UnitTest, WhatIsNotToldIsNoPass) {
  unit().dew_point.reset();
  unit().humidity = 50;
  unit().reservoir_level.reset();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("coolant.dew_point_margin").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("coolant.reservoir_level").outcome, Outcome::unset);
}

TEST_F(UnitTest, TheWorseOfTwoUnitsCountsAndOneThatIsSilentLeavesItUnknown) {
  CoolingUnitReading other = unit();
  other.name = "2";
  other.dew_point = 20;
  other.reservoir_level.reset();
  bench.hardware("CDU01").cooling_units.push_back(other);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("coolant.dew_point_margin").value, Value{5.0});
  EXPECT_EQ(result.measured("coolant.reservoir_level").outcome, Outcome::unset);
}

TEST_F(UnitTest, NoUnitAndNoSupplyAreNoPass) {
  bench.hardware("CDU01").cooling_units.clear();
  loop().supply_temperature.reset();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("coolant.dew_point_margin").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("coolant.reservoir_level").reason, "the BMC lists no cooling unit");
}

// --- pumps

struct PumpTest : PlantTest {
  PumpTest() {
    bench.limit_min("pump.redundancy.flow_share", "1", 0.9);
    bench.limit_equals("pump.redundancy.restarted", "", true);
    bench.step("pumps", plugin_step("cooling.pump_redundancy"),
               {{"samples", "3"}, {"settle", "5s"}, {"within", "10s"}});
    loop().flow = 200;
    for (std::size_t i : {0U, 1U}) pump(i).speed_percent = 60;
    for (const char* name : {"Pump_1", "Pump_2"}) {
      bench.answer_prompt(std::string("stop CDU01 ") + name, "yes");
      bench.answer_prompt(std::string("start CDU01 ") + name, "yes");
    }
    // The person's hand: 3 s of flow before, then 5 s and 3 s more with one pump, and the next.
    person(0, 3s, 16s);
    person(1, 20s, 33s);
  }
  void person(std::size_t index, Nanoseconds stops, Nanoseconds starts) {
    bench.at(stops, [this, index] {
      pump(index).speed_percent = 0;
      loop().flow = 200 * carries[index];
    });
    bench.at(starts, [this, index] {
      if (!comes_back) return;
      pump(index).speed_percent = 60;
      loop().flow = 200;
    });
  }
  Measured share(const BenchResult& result, const std::string& name) {
    return result.measured("pump.redundancy.flow_share", "CDU01/" + name);
  }
  double carries[2] = {0.97, 0.97};  ///< the other, while this one stands
  bool comes_back = true;
};

TEST_F(PumpTest, EachCarriesTheRackAlone) {
  const BenchResult result = bench.run();
  for (const char* name : {"Pump_1", "Pump_2"}) {
    EXPECT_NEAR(std::get<double>(share(result, name).value), 0.97, 0.001);
    EXPECT_EQ(share(result, name).source.detail, "stopped by tester");
  }
}

TEST_F(PumpTest, OneThatCannotIsFoundWhenTheOtherStands) {
  carries[0] = 0.5;
  const BenchResult result = bench.run();
  EXPECT_EQ(share(result, "Pump_1").fault_code, "pump.no_redundancy");
  EXPECT_EQ(share(result, "Pump_2").outcome, Outcome::pass);
}

TEST_F(PumpTest, OneThatDoesNotComeBackFailsAndNoOtherIsStopped) {
  comes_back = false;
  const BenchResult result = bench.run();
  const Measured back = result.measured("pump.redundancy.restarted", "CDU01/Pump_1");
  EXPECT_EQ(back.fault_code, "pump.not_restarted");
  for (const PromptShown& asked : result.bodies<PromptShown>())
    EXPECT_EQ(asked.prompt.find("Pump_2"), std::string::npos) << asked.prompt;
}

TEST_F(PumpTest, OnePumpAloneIsNoRedundancy) {
  auto& components = bench.inventory().duts[1].expect.components;
  components.erase(std::remove_if(components.begin(), components.end(),
                                  [](const Component& one) { return one.name == "Pump_2"; }),
                   components.end());
  EXPECT_EQ(bench.run().ended("main/pumps", "R01").code, "cooling.one_pump");
}

TEST_F(PumpTest, ATrayThatIsOnKeepsEveryPump) {
  bench.hardware("C01").power = PowerState::on;
  EXPECT_EQ(bench.run().ended("main/pumps", "R01").code, "cooling.loop_in_use");
}

// --- what else the unit tells

TEST_F(UnitTest, AFullFilterAndBadCoolantFailAndWhatIsNotToldIsNotMissed) {
  unit().filter_pressure = 80;
  unit().coolant_quality = "Warning";
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("coolant.filter_pressure").fault_code, "coolant.filter_clogged");
  EXPECT_EQ(result.measured("coolant.quality").fault_code, "coolant.quality");
  EXPECT_FALSE(result.has_measured("coolant.alarms")) << "only a status document counts them";
}

TEST_F(UnitTest, OfTwoUnitsTheWorstCoolantCountsAndAnUnknownWordIsWorst) {
  unit().coolant_quality = "Critical";
  CoolingUnitReading other = unit();
  other.coolant_quality = "Brown";
  bench.hardware("CDU01").cooling_units.push_back(other);
  EXPECT_EQ(bench.run().measured("coolant.quality").value, Value{std::string("Brown")});
}

struct StatusDocumentTest : UnitTest {
  StatusDocumentTest() {
    bench.inventory().duts[1].bmc->url = "https://127.0.0.1:1/status.xml";
    unit().reservoir_level.reset();
    unit().alarms = 0;
  }
};

TEST_F(StatusDocumentTest, ItsAlarmsAreJudgedAndItsReservoirIsNotMissed) {
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("coolant.alarms").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("coolant.alarms").source.kind, "cooltera");
  EXPECT_FALSE(result.has_measured("coolant.reservoir_level"));
  EXPECT_EQ(result.verdict.find("CDU01")->decision, Decision::go);
}

TEST_F(StatusDocumentTest, AnAlarmFails) {
  unit().alarms = 2;
  EXPECT_EQ(bench.run().measured("coolant.alarms").fault_code, "coolant.unit_alarm");
}

TEST_F(StatusDocumentTest, AlarmsThatAreNotCountedAreNoPass) {
  unit().alarms.reset();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("coolant.alarms").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("CDU01")->decision, Decision::incomplete);
}

TEST_F(StatusDocumentTest, AStepThatItCannotAnswerPassesItOver) {
  bench.limit_equals("leak_detector.state", "", std::string("dry"));
  bench.limit_expected("leak_detector.count", "1");
  bench.step("census", plugin_step("cooling.detector_census"));
  const BenchResult result = bench.run();
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.ended("main/census", "C01").status, WorkStatus::complete);
  for (const Measured& one : result.all_measured("leak_detector.count"))
    EXPECT_EQ(one.value, Value{std::int64_t{0}});
  EXPECT_EQ(result.all_measured("leak_detector.count").size(), 1U) << "of the tray alone";
}

TEST_F(StatusDocumentTest, AStepForNobodyElseIsRefused) {
  bench.limit_equals("leak_detector.state", "", std::string("dry"));
  bench.limit_expected("leak_detector.count", "1");
  bench.step("census", plugin_step("cooling.detector_census"), {}, {"CDU01"});
  const BenchResult result = bench.run();
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems[0].code, "plan.not_offered");
}

// --- branches

struct BalanceTest : testing::Test {
  explicit BalanceTest(int trays = 5) {
    for (int i = 1; i <= trays; ++i) {
      const std::string id = "C0" + std::to_string(i);
      Dut& tray = bench.add_dut(id, Role::compute_tray);
      bench.expect(tray, ComponentKind::coolant_connector, {"Chassis_0/CoolantConnector_0"});
      CoolantReading reading;
      reading.name = "Chassis_0/CoolantConnector_0";
      reading.flow = 10 + 0.1 * i;
      bench.hardware(id).coolant.push_back(reading);
    }
    bench.limit_min("coolant.flow.share_of_median", "1", 0.6, 0.92);
    bench.step("balance", plugin_step("cooling.flow_balance"));
  }
  Measured share(const BenchResult& result, const std::string& id) {
    return result.measured("coolant.flow.share_of_median", id + "/Chassis_0/CoolantConnector_0");
  }
  StepBench bench;
};

TEST_F(BalanceTest, AllOfAKindAreAlike) {
  const BenchResult result = bench.run();
  // The median of 10.1 to 10.5 is 10.3.
  EXPECT_NEAR(std::get<double>(share(result, "C01").value), 10.1 / 10.3, 1e-9);
}

TEST_F(BalanceTest, OneThatGetsLessStandsOut) {
  bench.hardware("C03").coolant[0].flow = 9;
  const BenchResult result = bench.run();
  EXPECT_EQ(share(result, "C03").outcome, Outcome::marginal);
  EXPECT_EQ(share(result, "C02").outcome, Outcome::pass);
}

TEST_F(BalanceTest, OneWithoutAFlowHasNoShareAndTheOthersDo) {
  bench.hardware("C03").coolant[0].flow.reset();
  const BenchResult result = bench.run();
  EXPECT_EQ(share(result, "C03").outcome, Outcome::unset);
  EXPECT_EQ(share(result, "C05").outcome, Outcome::pass);
}

TEST_F(BalanceTest, ABmcThatDoesNotAnswerCostsItsOwnTrayOnly) {
  bench.hardware("C02").failing["coolant"] = Error("bmc.busy", "503");
  const BenchResult result = bench.run();
  EXPECT_EQ(share(result, "C02").outcome, Outcome::unset);
  EXPECT_EQ(share(result, "C05").outcome, Outcome::pass);
}

struct FewBranchesTest : BalanceTest {
  FewBranchesTest() : BalanceTest(3) {}
};

TEST_F(FewBranchesTest, ThreeAreNoPopulation) {
  const BenchResult result = bench.run();
  EXPECT_EQ(share(result, "C01").outcome, Outcome::unset);
  EXPECT_NE(share(result, "C01").reason.find("at least 4"), std::string::npos) << share(result, "C01").reason;
}

}  // namespace
}  // namespace kiln
