// The power chain of a rack, in virtual time: what is well, what is not, and what is not told.
#include <gtest/gtest.h>

#include "plugins/steps/power_chain/bus_bar.h"
#include "plugins/steps/power_chain/power_chain_steps.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using power_chain::Figure;
using power_chain::Round;

PowerSupplyReading good_supply(const std::string& name) {
  PowerSupplyReading supply;
  supply.name = name;
  supply.state = "Enabled";
  supply.health = "OK";
  supply.line_input = "Normal";
  supply.input_voltage = 240;
  supply.output_power = 1000;
  supply.capacity = 5500;
  supply.rails = {{50.0, 50.0, "DCBus"}};
  return supply;
}

/// What the watch is beside: a minute of nothing.
class Minute final : public Step {
 public:
  Minute() {
    description_.use = "test.minute";
    description_.measurements = {{"test.minute", "", ComponentKind::whole_dut, true, "test.bad", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext& context) override {
    const Status waited = co_await context.ctx().sleep_for(60s);
    if (!waited) co_return waited;
    Reading reading("test.minute", "", true, Source{"test", ""});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

/// Two shelves with three supplies each, and three trays that draw what they deliver.
struct PowerChainTest : testing::Test {
  PowerChainTest() {
    for (const char* id : {"C01", "C02", "S01"}) {
      bench.add_dut(id, id[0] == 'S' ? Role::switch_tray : Role::compute_tray);
      tray(id).power = 2000;
      tray(id).inputs = {{"PDB_HSC_0_Vin", 49.98, "/v"}};
    }
    for (const char* id : {"P01", "P02"}) {
      Dut& shelf = bench.add_dut(id, Role::power_shelf);
      bench.expect(shelf, ComponentKind::power_supply, {"PSU_1", "PSU_2", "PSU_3"});
      for (const char* name : {"PSU_1", "PSU_2", "PSU_3"}) tray(id).supplies.push_back(good_supply(name));
    }
    bench.limit(one_of("power_supply.state", {"ok", "standby"}));
    bench.limit_range("power_supply.input_voltage", "V", 216, 264);
    bench.limit_max("power_supply.rail_deviation", "%", 5);
    Limit redundancy;
    redundancy.name = "power_supply.redundancy";
    redundancy.equals = std::string("redundant");
    redundancy.required = false;
    redundancy.source = "test";
    bench.limit(redundancy);
    bench.limit_range("power.bus_bar.balance", "1", 0.95, 1.05);
    bench.limit_min("power.bus_bar.headroom", "1", 1);
    bench.limit_range("power_supply.load_share", "1", 0.75, 1.25);
    bench.limit_range("power.input_voltage", "V", 47.5, 52.5);
    bench.limit_max("power.input_voltage.drop", "V", 1);
  }
  static Limit one_of(const std::string& name, std::vector<std::string> values) {
    Limit row;
    row.name = name;
    row.one_of = std::move(values);
    row.source = "test";
    return row;
  }
  PowerChain& tray(const std::string& id) { return bench.hardware(id).power_chain; }
  PowerSupplyReading& supply(const std::string& id, std::size_t index) { return tray(id).supplies[index]; }
  void supplies() { bench.step("supplies", plugin_step("power_chain.supplies"), {}, {"P01"}); }
  /// A watch beside a step that takes a minute.
  BenchResult watch() {
    bench.monitor("bus_bar", plugin_step("power_chain.bus_bar"), 5s, {{"settle", "10s"}});
    bench.limit_equals("test.minute", "", true);
    bench.step("minute", std::make_unique<Minute>());
    return bench.run();
  }
  static std::string text(const Measured& measured) {
    const auto* word = std::get_if<std::string>(&measured.value);
    return word == nullptr ? "no word: " + measured.reason : *word;
  }
  StepBench bench;
};

TEST_F(PowerChainTest, AGoodShelfPasses) {
  supplies();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("P01")->decision, Decision::go);
  EXPECT_EQ(result.measured("power_supply.redundancy").outcome, Outcome::unset)
      << "a shelf that tells of no group is not redundant for that";
}

TEST_F(PowerChainTest, ASupplyThatIsNotThereIsAbsentAndAFail) {
  supplies();
  tray("P01").supplies.pop_back();
  const BenchResult result = bench.run();
  const Measured state = result.measured("power_supply.state", "PSU_3");
  EXPECT_EQ(text(state), "absent");
  EXPECT_EQ(state.fault_code, "power_supply.failed");
  EXPECT_EQ(result.measured("power_supply.input_voltage", "PSU_3").outcome, Outcome::unset);
}

TEST_F(PowerChainTest, AListThatCouldNotBeReadHidesSuppliesAndIsNoFail) {
  supplies();
  tray("P01").supplies.clear();
  PowerSupplyReading hidden;
  hidden.unread = "503 for ever";
  tray("P01").supplies.push_back(hidden);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("power_supply.state", "PSU_1").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("power_supply.state", "PSU_1").reason, "503 for ever");
  EXPECT_EQ(result.verdict.find("P01")->decision, Decision::incomplete);
}

TEST_F(PowerChainTest, WhatASupplySaysOfItselfCounts) {
  std::string why;
  PowerSupplyReading one = good_supply("PSU_1");
  EXPECT_EQ(power_chain::supply_word(one, why), "ok");
  one.health = "Warning";
  EXPECT_EQ(power_chain::supply_word(one, why), "failed");
  one.health = "";
  EXPECT_EQ(power_chain::supply_word(one, why), "") << "no health is no pass";
  EXPECT_EQ(why, "it tells no Health");
  one = good_supply("PSU_1");
  one.line_input = "LossOfInput";
  EXPECT_EQ(power_chain::supply_word(one, why), "no input");
  one = good_supply("PSU_1");
  one.switched_on = false;
  EXPECT_EQ(power_chain::supply_word(one, why), "off") << "Delta says Enabled of what is switched off";
  one = good_supply("PSU_1");
  one.state = "Quiesced";
  EXPECT_EQ(power_chain::supply_word(one, why), "failed");
}

TEST_F(PowerChainTest, ARailAndAnInputOutsideTheirRangeFail) {
  supplies();
  supply("P01", 0).rails = {{122.3, 120.0, "ACOutput"}, {46.9, 50.0, "DCBus"}};
  supply("P01", 1).input_voltage = 190;
  supply("P01", 2).rails = {{50.0, std::nullopt, ""}};
  const BenchResult result = bench.run();
  EXPECT_NEAR(std::get<double>(result.measured("power_supply.rail_deviation", "PSU_1").value), 6.2, 0.01);
  EXPECT_EQ(result.measured("power_supply.rail_deviation", "PSU_1").fault_code, "power_supply.rail");
  EXPECT_EQ(result.measured("power_supply.input_voltage", "PSU_2").fault_code, "power_supply.input");
  EXPECT_EQ(result.measured("power_supply.rail_deviation", "PSU_3").outcome, Outcome::unset);
}

TEST_F(PowerChainTest, AGroupThatHasLostItsRedundancySaysSo) {
  supplies();
  tray("P01").redundancy = {{"NPlusM", 2, 3, "Enabled", "Critical", "/p"}};
  EXPECT_EQ(text(bench.run().measured("power_supply.redundancy")), "lost");
}

TEST_F(PowerChainTest, AShelfThatDoesNotAnswerHasNoResult) {
  supplies();
  bench.hardware("P01").failing["power_chain"] = Error("bmc.timeout", "no answer");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/supplies", "P01").status, WorkStatus::error);
  EXPECT_EQ(result.verdict.find("P01")->decision, Decision::incomplete);
}

TEST_F(PowerChainTest, WhatIsDrawnIsWhatIsDelivered) {
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("power.bus_bar.balance").outcome, Outcome::pass)
      << result.measured("power.bus_bar.balance").reason;
  EXPECT_DOUBLE_EQ(std::get<double>(result.measured("power.bus_bar.balance").value), 1);
  EXPECT_DOUBLE_EQ(std::get<double>(result.measured("power.bus_bar.headroom").value), 16500.0 / 6000);
  EXPECT_EQ(result.measured("power_supply.load_share", "P02/PSU_3").outcome, Outcome::pass);
  EXPECT_NEAR(std::get<double>(result.measured("power.input_voltage.drop", "S01/input").value), 0.02, 1e-9);
}

TEST_F(PowerChainTest, WhatNobodyHasInTheRackFileUnbalancesTheBusBar) {
  tray("C02").power = 1500;
  const Measured balance = watch().measured("power.bus_bar.balance");
  EXPECT_EQ(balance.fault_code, "power.bus_bar.unbalanced");
}

TEST_F(PowerChainTest, ASupplyThatDoesNotTakeItsShareIsFoundThoughItSaysItIsWell) {
  supply("P02", 1).output_power = 500;
  for (const std::size_t index : {std::size_t{0}, std::size_t{2}}) supply("P02", index).output_power = 1250;
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("power_supply.load_share", "P02/PSU_2").fault_code, "power_supply.odd_share");
  EXPECT_EQ(result.measured("power.bus_bar.balance").outcome, Outcome::pass);
}

TEST_F(PowerChainTest, ABadContactIsFoundByItsDrop) {
  tray("C02").inputs.push_back({"PDB_HSC_1_Vin", 48.0, "/v1"});
  const BenchResult result = watch();
  const Measured drop = result.measured("power.input_voltage.drop", "C02/input");
  EXPECT_EQ(drop.fault_code, "power.contact_resistance");
  EXPECT_NEAR(std::get<double>(drop.value), 2, 1e-9) << "the lowest of its inputs, below the shelves' rails";
  EXPECT_EQ(result.measured("power.input_voltage", "C02/input").outcome, Outcome::pass);
}

TEST_F(PowerChainTest, AnInputOfAnotherBusIsNoBadContact) {
  tray("C02").inputs.push_back({"PDB_12V_HSC_0_Vin", 12.1, "/v1"});
  const Measured drop = watch().measured("power.input_voltage.drop", "C02/input");
  EXPECT_NEAR(std::get<double>(drop.value), 0.02, 1e-9);
}

TEST_F(PowerChainTest, WithOneShelfTheRackHasNoneToLose) {
  tray("P02").supplies.clear();
  PowerSupplyReading off = good_supply("PSU_1");
  off.switched_on = false;
  tray("P02").supplies.push_back(off);
  for (PowerSupplyReading& one : tray("P01").supplies) one.output_power = 2000;
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("power.bus_bar.headroom").fault_code, "power.bus_bar.no_headroom");
  EXPECT_EQ(result.measured("power.bus_bar.balance").outcome, Outcome::pass);
}

TEST_F(PowerChainTest, ATrayThatDoesNotSayWhatItDrawsLeavesTheSumUnknown) {
  tray("S01").power.reset();
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("power.bus_bar.balance").outcome, Outcome::unset);
  EXPECT_NE(result.measured("power.bus_bar.balance").reason.find("S01 does not say what it draws"),
            std::string::npos);
  EXPECT_EQ(result.measured("power.input_voltage.drop", "C01/input").outcome, Outcome::unset);
}

TEST_F(PowerChainTest, ABmcThatHangsLeavesTheSumUnknownAndHoldsNobody) {
  bench.hardware("P01").failing["power_chain"] = Error("bmc.timeout", "no answer");
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("power.bus_bar.balance").outcome, Outcome::unset);
  EXPECT_LT(result.elapsed_ns, Nanoseconds(2min).count());
}

TEST_F(PowerChainTest, ATrayThatTellsNoVoltageHasNone) {
  tray("C01").inputs.clear();
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("power.input_voltage.drop", "C01/input").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("power.input_voltage.drop", "C02/input").outcome, Outcome::pass);
}

Round at(int second, double drawn) {
  Round round;
  round.at_ns = second * 1'000'000'000LL;
  round.drawn = round.delivered = drawn;
  return round;
}

TEST(LoadedPart, IsTheLongestStretchBehindTheRise) {
  std::vector<Round> rounds;
  for (int second = 0; second < 10; ++second) rounds.push_back(at(second, 1000));
  for (int second = 10; second < 40; ++second) rounds.push_back(at(second, 10000));
  for (int second = 40; second < 50; ++second) rounds.push_back(at(second, second % 2 == 0 ? 1000 : 10000));
  rounds[20].missing = "one BMC was silent";
  const std::vector<Round> loaded = power_chain::loaded_part(rounds, 5s);
  ASSERT_EQ(loaded.size(), 24U);
  EXPECT_EQ(loaded.front().at_ns, 15'000'000'000);
}

TEST(LoadedPart, WithoutAnyPowerThereIsNone) {
  EXPECT_TRUE(power_chain::loaded_part({at(0, 0), at(10, 0)}, 0s).empty());
  EXPECT_FALSE(power_chain::balance_of({}).value);
  EXPECT_FALSE(power_chain::headroom_of({}).value);
}

TEST(Shares, AtLittleLoadTellNothing) {
  Round round = at(0, 400);
  for (const char* name : {"P01/1", "P01/2", "P01/3", "P01/4"}) round.supplies[name] = {100, 5500};
  const std::map<std::string, Figure> shares = power_chain::shares_of({round});
  EXPECT_FALSE(shares.at("P01/1").value);
  EXPECT_NE(shares.at("P01/1").why.find("too little"), std::string::npos);
}

TEST(Inputs, AmongFourTheMedianIsWhatTheyAreComparedWith) {
  Round round = at(0, 4000);
  round.rail = 54;  // another meter, which does not count then
  round.inputs = {{"C01", 50}, {"C02", 50.1}, {"C03", 49.9}, {"C04", 48}};
  const auto inputs = power_chain::inputs_of({round});
  EXPECT_NEAR(*inputs.at("C04").drop.value, 1.95, 1e-9);
  EXPECT_NEAR(*inputs.at("C02").drop.value, -0.15, 1e-9);
}

}  // namespace
}  // namespace kiln
