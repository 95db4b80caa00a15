// The heat of a whole rack: from its trays into the coolant and on to the CDU, in virtual time.
#include "rack_heat.h"

#include <gtest/gtest.h>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using cooling::HeatRound;

constexpr const char* kHose = "Chassis_0/CoolantConnector_0";
constexpr double kPg25 = 0.0667;

/// What the watch runs beside.
class HeatMinute final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "test.minute";
      made.summary = "takes a minute";
      made.measurements = {{"test.minute", "", ComponentKind::whole_dut, true, "test.minute", "", ""}};
      return made;
    }();
    return description;
  }
  awaitable<Status> run(StepContext& context) override {
    const Status waited = co_await context.ctx().sleep_for(60s);
    if (!waited) co_return waited;
    Reading reading("test.minute", "", true, Source{"test", ""});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }
};

/// Two trays of 6 kW with 10 L/min each, and a CDU through which both flow.
struct RackHeatTest : testing::Test {
  RackHeatTest() {
    for (const char* id : {"C01", "C02"}) {
      Dut& tray = bench.add_dut(id, Role::compute_tray);
      bench.expect(tray, ComponentKind::coolant_connector, {kHose});
      bench.hardware(id).power_chain.power = 6000;
      bench.hardware(id).coolant.push_back(side(kHose, 10, 25, 25 + 6 / (10 * kPg25)));
    }
    Dut& cdu = bench.add_dut("CDU01", Role::cdu);
    bench.expect(cdu, ComponentKind::coolant_connector, {"1/Primary", "1/Secondary"});
    bench.hardware("CDU01").coolant.push_back(side("1/Primary", 30, 16, 21));
    bench.hardware("CDU01").coolant.push_back(side("1/Secondary", 20, 25, 25 + 12 / (20 * kPg25)));
    bench.limit_range("coolant.rack_heat_balance", "1", 0.85, 1.15);
    bench.limit_range("coolant.unit_heat_balance", "1", 0.9, 1.1);
  }
  static CoolantReading side(const char* name, double flow, double supply, double back) {
    CoolantReading reading;
    reading.name = name;
    reading.flow = flow;
    reading.supply_temperature = supply;
    reading.return_temperature = back;
    return reading;
  }
  CoolantReading& tray(const char* id) { return bench.hardware(id).coolant.front(); }
  CoolantReading& unit() { return bench.hardware("CDU01").coolant.back(); }
  BenchResult watch() {
    bench.monitor("rack_heat", plugin_step("cooling.rack_heat"), 5s, {{"settle", "10s"}});
    bench.limit_equals("test.minute", "", true);
    bench.step("minute", std::make_unique<HeatMinute>());
    return bench.run();
  }
  static Measured rack(const BenchResult& result) { return result.measured("coolant.rack_heat_balance"); }
  static Measured units(const BenchResult& result) {
    return result.measured("coolant.unit_heat_balance", "CDU01/1/Secondary");
  }
  StepBench bench;
};

TEST_F(RackHeatTest, WhatIsDrawnIsCarriedAwayAndArrives) {
  const BenchResult result = watch();
  EXPECT_NEAR(std::get<double>(rack(result).value), 1, 1e-9) << rack(result).reason;
  EXPECT_NEAR(std::get<double>(units(result).value), 1, 1e-9) << units(result).reason;
}

TEST_F(RackHeatTest, AMeterOfTheCduThatTellsTooLittleFailsAndTheTraysDoNot) {
  unit().flow = 16;
  const BenchResult result = watch();
  EXPECT_EQ(rack(result).outcome, Outcome::pass);
  EXPECT_EQ(units(result).fault_code, "coolant.unit_heat_balance");
  EXPECT_NEAR(std::get<double>(units(result).value), 0.8, 1e-9);
}

TEST_F(RackHeatTest, HeatThatIsNotInTheCoolantFails) {
  tray("C01").flow = 4;
  EXPECT_EQ(rack(watch()).fault_code, "coolant.rack_heat_balance");
}

TEST_F(RackHeatTest, WhereOneTrayDoesNotTellThereIsNoSum) {
  tray("C02").flow.reset();
  const BenchResult result = watch();
  EXPECT_EQ(rack(result).outcome, Outcome::unset);
  EXPECT_NE(rack(result).reason.find("C02"), std::string::npos) << rack(result).reason;
  EXPECT_EQ(units(result).outcome, Outcome::unset);
}

TEST_F(RackHeatTest, WhereTheCduDoesNotAnswerOnlyItsOwnBalanceIsMissing) {
  bench.hardware("CDU01").failing["coolant"] = Error("bmc.busy", "503");
  const BenchResult result = watch();
  EXPECT_EQ(rack(result).outcome, Outcome::pass);
  EXPECT_EQ(units(result).outcome, Outcome::unset);
  EXPECT_NE(units(result).reason.find("503"), std::string::npos) << units(result).reason;
}

HeatRound heat_round(int second, double drawn_kw, double trays, std::optional<double> units = 0) {
  HeatRound round;
  round.at_ns = Nanoseconds(std::chrono::seconds(second)).count();
  round.drawn_kw = drawn_kw;
  round.trays = trays;
  round.units = units;
  return round;
}

TEST(HeatRoundsTest, OnlyTheLongestStretchAtLoadCounts) {
  std::vector<HeatRound> rounds;
  for (int second = 0; second < 10; ++second) rounds.push_back(heat_round(second, 1, 10));
  for (int second = 10; second < 40; ++second) rounds.push_back(heat_round(second, 10, 150));
  rounds[20].missing = "C01: 503";
  for (int second = 40; second < 50; ++second)
    rounds.push_back(heat_round(second, second % 2 == 0 ? 1 : 10, 10));
  const std::vector<HeatRound> loaded = cooling::loaded_rounds(rounds, 5s);
  EXPECT_EQ(loaded.size(), 24U);
  EXPECT_NEAR(*cooling::rack_balance(loaded, kPg25).value, 150 * kPg25 / 10, 1e-9);
}

TEST(HeatRoundsTest, NothingIsNoFigure) {
  EXPECT_FALSE(cooling::rack_balance({}, kPg25).value);
  EXPECT_FALSE(cooling::unit_balance({}).value);
  EXPECT_FALSE(cooling::unit_balance({heat_round(0, 10, 150, std::nullopt)}).value) << "no CDU was read";
  EXPECT_FALSE(cooling::unit_balance({heat_round(0, 10, 0, 150)}).value) << "cold trays";
}

TEST(HeatRoundsTest, AUnitThatIsSilentInMostRoundsHasNoFigure) {
  std::vector<HeatRound> rounds(5, heat_round(0, 10, 150, 150));
  for (std::size_t index = 0; index < 3; ++index) rounds[index].unit_missing = "CDU01: 503";
  const cooling::HeatFigure figure = cooling::unit_balance(rounds);
  EXPECT_FALSE(figure.value);
  EXPECT_EQ(figure.why, "CDU01: 503");
}

}  // namespace
}  // namespace kiln
