#include "model/rack_comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "model/robust_statistics.h"
#include "model/verdict.h"

namespace kiln {
namespace {

/// A rack of 18 trays of four GPUs of 18 links, as the record has it.
class RackRecord {
 public:
  explicit RackRecord(bool conditional = false, int trays = 18) : trays_(trays) {
    RunBegun begun;
    begun.rack = "R01";
    begun.purpose = "burn-in";
    begun.marginal_is_conditional = conditional;
    add("", "", begun);
    for (int tray = 0; tray < trays; ++tray) {
      DutPlanned planned;
      planned.role = Role::compute_tray;
      planned.slot = 11 + tray;
      add(name(tray), "", planned);
      CellPlanned cell;
      cell.cell = {"soak/load", name(tray), "gpu.present", ComponentKind::gpu, "GPU_0"};
      add(name(tray), "soak/load", cell);
      add(name(tray), "soak/load", StepBegun{});
      Measured present;
      present.name = "gpu.present";
      present.kind = ComponentKind::gpu;
      present.part = "GPU_0";
      present.value = true;
      present.outcome = Outcome::pass;
      add(name(tray), "soak/load", present);
    }
  }
  static std::string name(int tray) {
    std::string number = std::to_string(tray + 1);
    return "C" + std::string(number.size() < 2 ? 1 : 0, '0') + number;
  }
  void add(const std::string& dut, const std::string& step, EventBody body) {
    Event event;
    event.sequence = static_cast<std::int64_t>(events.size()) + 1;
    event.dut = dut;
    event.step = step;
    event.body = std::move(body);
    events.push_back(std::move(event));
  }
  void measure(int tray, const std::string& measurement, const std::string& part, Value value,
               const std::string& unit, Outcome outcome = Outcome::pass) {
    Measured body;
    body.name = measurement;
    body.part = part;
    body.value = std::move(value);
    body.unit = unit;
    body.outcome = outcome;
    add(name(tray), "soak/load", body);
  }
  /// `value(tray, gpu)` for every GPU.
  template <class Make>
  void measure_all(const std::string& measurement, const std::string& unit, Make value) {
    for (int tray = 0; tray < trays_; ++tray) {
      for (int gpu = 0; gpu < 4; ++gpu)
        measure(tray, measurement, "GPU_" + std::to_string(gpu), value(tray, gpu), unit);
    }
  }
  RunVerdict verdict(const std::string& end = "complete") {
    for (int tray = 0; tray < trays_; ++tray) add(name(tray), "soak/load", StepEnded{});
    RunEnded ended;
    ended.status = end;
    add("", "", ended);
    return roll_up(events);
  }
  std::vector<Event> events;

 private:
  int trays_;
};

const Comparison& of(const RunVerdict& verdict, const std::string& measurement) {
  for (const Comparison& comparison : verdict.comparisons) {
    if (comparison.measurement == measurement) return comparison;
  }
  ADD_FAILURE() << measurement << " was not compared";
  static const Comparison none;
  return none;
}

/// Spread over 2 % without chance: 0.98 to 1.02 of the usual.
double near(double usual, int tray, int gpu) { return usual * (1 + 0.02 * std::sin(7.0 * tray + 3.0 * gpu)); }

TEST(RackComparison, ADirtyColdPlateInsideItsLimitStandsApart) {
  RackRecord record;
  record.measure_all("gpu.thermal_resistance", "K/W", [](int tray, int gpu) {
    return tray == 6 && gpu == 2 ? 0.0295 * 1.14 : near(0.0295, tray, gpu);
  });
  const RunVerdict verdict = record.verdict();
  const Comparison& comparison = of(verdict, "gpu.thermal_resistance");
  EXPECT_EQ(comparison.n, 72U);
  EXPECT_TRUE(comparison.by_place);
  ASSERT_EQ(comparison.odd.size(), 1U);
  const OddOne& odd = comparison.odd.front();
  EXPECT_EQ(odd.dut, "C07");
  EXPECT_EQ(odd.part, "GPU_2");
  EXPECT_NEAR(odd.value, 0.03363, 1e-5);
  EXPECT_NE(odd.message.find("0.03363 K/W"), std::string::npos) << odd.message;
  EXPECT_NE(odd.message.find("72 like parts of this rack's compute trays"), std::string::npos) << odd.message;
  EXPECT_NE(odd.action.find("cold plate"), std::string::npos);
  // For review: the decision is that of the limits.
  ASSERT_TRUE(verdict.decision);
  EXPECT_EQ(*verdict.decision, Decision::go);
  EXPECT_EQ(verdict.counts.marginal, 0);
  const DutVerdict* tray = verdict.find("C07");
  ASSERT_NE(tray, nullptr);
  ASSERT_EQ(tray->diagnoses.size(), 1U);
  EXPECT_EQ(tray->diagnoses.front().code, "population.outlier");
  EXPECT_TRUE(tray->reasons.empty());
  EXPECT_TRUE(verdict.find("C06")->diagnoses.empty());
}

TEST(RackComparison, ARecipeThatReviewsMarginalValuesMakesItConditionalAndNothingWorse) {
  RackRecord record(true);
  record.measure_all("gpu.power.mean", "W",
                     [](int tray, int gpu) { return tray == 0 && gpu == 0 ? 1000 : near(1350, tray, gpu); });
  const RunVerdict verdict = record.verdict();
  ASSERT_TRUE(verdict.decision);
  EXPECT_EQ(*verdict.decision, Decision::conditional);
  EXPECT_EQ(exit_code(verdict), 3);
  ASSERT_EQ(verdict.find("C01")->reasons.size(), 1U);
  EXPECT_EQ(verdict.find("C01")->reasons.front().code, "population.outlier");
  EXPECT_EQ(verdict.find("C01")->reasons.front().outcome, Outcome::marginal);
  EXPECT_EQ(verdict.find("C02")->decision, Decision::go);
}

TEST(RackComparison, ItNeitherFailsNorExcusesAnything) {
  for (const bool conditional : {false, true}) {
    RackRecord record(conditional);
    record.measure_all("gpu.power.mean", "W", [](int tray, int gpu) {
      return tray == 0 && gpu == 0 ? 1000 : near(1350, tray, gpu);
    });
    record.measure(3, "gpu.xid.count", "GPU_1", std::int64_t{1}, "1", Outcome::fail);
    const RunVerdict verdict = record.verdict();
    EXPECT_EQ(*verdict.decision, Decision::no_go);
    EXPECT_EQ(verdict.find("C04")->decision, Decision::no_go);
    EXPECT_EQ(verdict.find("C04")->reasons.front().code, "gpu.xid.count");  // not the comparison's code
    // A value that has failed its limit is no matter of review.
    record.measure(0, "gpu.power.mean", "GPU_0", 1000.0, "W", Outcome::fail);
    const RunVerdict failed = roll_up(record.events);
    EXPECT_TRUE(of(failed, "gpu.power.mean").odd.empty());
    EXPECT_EQ(failed.find("C01")->decision, Decision::no_go);
  }
}

TEST(RackComparison, OnlyTheBadDirectionIsOdd) {
  RackRecord record;
  record.measure_all("gpu.thermal_resistance", "K/W", [](int tray, int gpu) {
    return tray == 6 && gpu == 2 ? 0.015 : near(0.0295, tray, gpu);
  });
  EXPECT_TRUE(of(record.verdict(), "gpu.thermal_resistance").odd.empty());
}

TEST(RackComparison, FarInNumbersButTooNearToMatterIsNotOdd) {
  RackRecord record;
  record.measure_all("nvlink.bandwidth", "GBy/s", [](int tray, int gpu) {
    return tray == 2 && gpu == 1 ? 770.0 : 774 + 0.01 * std::sin(7.0 * tray + gpu);
  });
  EXPECT_TRUE(of(record.verdict(), "nvlink.bandwidth").odd.empty());
}

TEST(RackComparison, APlaceThatIsHotterInEveryTrayIsNotOdd) {
  RackRecord record;
  // Coolant reaches GPU_3 last; one GPU_0 is as warm as every GPU_3.
  record.measure_all("gpu.temperature.max", "Cel", [](int tray, int gpu) {
    return tray == 9 && gpu == 0 ? 68.0 : 56 + 4.0 * gpu + (tray % 3);
  });
  const RunVerdict verdict = record.verdict();
  const Comparison& comparison = of(verdict, "gpu.temperature.max");
  ASSERT_EQ(comparison.odd.size(), 1U);
  EXPECT_EQ(comparison.odd.front().dut, "C10");
  EXPECT_EQ(comparison.odd.front().part, "GPU_0");
  EXPECT_NEAR(comparison.odd.front().usual, 57, 1);
}

TEST(RackComparison, TooFewAreNotComparedAndSaySo) {
  RackRecord record(false, 2);
  record.measure_all("gpu.power.mean", "W",
                     [](int tray, int gpu) { return tray + gpu == 0 ? 100.0 : 1350.0; });
  const RunVerdict verdict = record.verdict();
  const Comparison& comparison = of(verdict, "gpu.power.mean");
  EXPECT_EQ(comparison.why_not, "8 values, 16 are needed");
  EXPECT_TRUE(comparison.odd.empty());
}

TEST(RackComparison, WhatIsNoNumberOfTheQuantityIsLeftOutAndCounted) {
  RackRecord record;
  record.measure_all("gpu.power.mean", "W", [](int tray, int gpu) -> Value {
    if (tray == 0) {
      const std::vector<Value> no_numbers = {Value{}, std::numeric_limits<double>::quiet_NaN(),
                                             std::numeric_limits<double>::infinity(),
                                             std::int64_t{9223372036854775794}};
      return no_numbers.at(static_cast<std::size_t>(gpu));
    }
    if (tray == 1) return gpu == 0 ? Value{140737488355328.0} : gpu == 1 ? Value{0.0} : Value{-5.0};
    if (tray == 2) return std::string("1350");
    return near(1350, tray, gpu);
  });
  record.measure(3, "gpu.power.mean", "GPU_0", 1.35, "kW");
  const RunVerdict verdict = record.verdict();
  const Comparison& comparison = of(verdict, "gpu.power.mean");
  EXPECT_EQ(comparison.left_out, 13U);
  EXPECT_EQ(comparison.n, 59U);
  EXPECT_TRUE(comparison.odd.empty());
}

TEST(RackComparison, ANumberThatIsNotAllOfTheTruthIsLeftOut) {
  RackRecord record;
  record.measure_all("gpu.power.mean", "W", [](int tray, int gpu) { return near(1350, tray, gpu); });
  record.measure(0, "gpu.power.mean", "GPU_0", 1000.0, "W", Outcome::unset);
  const RunVerdict verdict = record.verdict();
  EXPECT_EQ(of(verdict, "gpu.power.mean").left_out, 1U);
  EXPECT_TRUE(of(verdict, "gpu.power.mean").odd.empty());
}

TEST(RackComparison, CountersAreNotCompared) {
  EXPECT_EQ(find_compared("nvlink.errors.replay.delta"), nullptr);
  EXPECT_EQ(find_compared("gpu.ecc.uncorrectable.delta"), nullptr);
  EXPECT_EQ(find_compared("gpu.xid.count"), nullptr);
}

TEST(RackComparison, OfTwoClustersNeitherIsOdd) {
  RackRecord record;  // five trays of eighteen from another lot
  record.measure_all("gpu.clock.min", "MHz", [](int tray, int) { return tray < 5 ? 1755.0 : 1920.0; });
  EXPECT_TRUE(of(record.verdict(), "gpu.clock.min").odd.empty());
}

TEST(RackComparison, TheNewestValueCountsInAnyOrderOfEvents) {
  RackRecord record;
  record.measure_all("gpu.power.mean", "W",
                     [](int tray, int gpu) { return tray == 0 && gpu == 0 ? 1000 : near(1350, tray, gpu); });
  record.measure(0, "gpu.power.mean", "GPU_0", 1349.0, "W");  // the soak was done again
  EXPECT_TRUE(of(record.verdict(), "gpu.power.mean").odd.empty());
  std::vector<Event> shuffled = record.events;
  std::mt19937 random(5);
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  EXPECT_TRUE(of(roll_up(shuffled), "gpu.power.mean").odd.empty());
}

void add_links(RackRecord& record, double odd_rate, double usual) {
  for (int tray = 0; tray < 18; ++tray) {
    for (int gpu = 0; gpu < 4; ++gpu) {
      for (int link = 0; link < 18; ++link) {
        const bool odd = tray == 4 && gpu == 1 && link == 17;
        record.measure(tray, "nvlink.effective_ber.max",
                       "GPU_" + std::to_string(gpu) + "/NVLink_" + std::to_string(link),
                       odd ? odd_rate : usual, "1");
      }
    }
  }
}

TEST(RackComparison, ALinkAHundredTimesWorseThanTheRackIsOddAmong1296) {
  for (const double usual : {0.0, 1.5e-254, 1e-15}) {  // 1.5e-254: how a tool says that it saw none
    RackRecord record;
    add_links(record, 2e-13, usual);
    const RunVerdict verdict = record.verdict();
    const Comparison& comparison = of(verdict, "nvlink.effective_ber.max");
    EXPECT_EQ(comparison.n, 1296U);
    ASSERT_EQ(comparison.odd.size(), 1U) << usual;
    EXPECT_EQ(comparison.odd.front().part, "GPU_1/NVLink_17");
    EXPECT_EQ(verdict.decision, Decision::go);
  }
  RackRecord record;  // a factor of 50 is not 100
  add_links(record, 5e-14, 1e-15);
  EXPECT_TRUE(of(record.verdict(), "nvlink.effective_ber.max").odd.empty());
}

TEST(RackComparison, AKnownPopulationIsComparedPlaceByPlaceForReview) {
  RackRecord record;
  PopulationGiven given;
  given.id = "P-7";
  given.racks = 40;
  for (int tray = 0; tray < 18; ++tray) {
    for (int gpu = 0; gpu < 4; ++gpu)
      given.rows.push_back({"gpu.thermal_resistance", "K/W", Role::compute_tray, 11 + tray,
                            "GPU_" + std::to_string(gpu), tray == 17 ? 29 : 40, 0.0295, 0.0004});
  }
  record.add("", "", given);
  // The whole rack is 15 % above the population: beside its own like no GPU stands apart.
  record.measure_all("gpu.thermal_resistance", "K/W",
                     [](int tray, int gpu) { return near(0.0295 * 1.15, tray, gpu); });
  const RunVerdict verdict = record.verdict();
  EXPECT_TRUE(of(verdict, "gpu.thermal_resistance").odd.empty());
  const Comparison& past = verdict.comparisons.back().measurement == "gpu.thermal_resistance"
                               ? verdict.comparisons.back()
                               : verdict.comparisons.front();
  ASSERT_EQ(past.population, "P-7");
  EXPECT_EQ(past.n, 68U);  // of tray 18 the population knows too few
  EXPECT_EQ(past.left_out, 4U);
  EXPECT_EQ(past.odd.size(), 68U);
  EXPECT_NE(past.odd.front().message.find("40 racks of population P-7"), std::string::npos);
  EXPECT_EQ(verdict.decision, Decision::go);
}

/// Healthy racks: 72 GPUs with seven measurements, 18 trays with three, with the spreads that the virtual
/// rack's files have (resistance 2 %, power 0.6 %, flow 0.8 %) or a real one may have (bandwidth 1 %, clock
/// 0.5 %). The rule of differences that matter is what keeps the findings below those of the cut alone.
TEST(RackComparison, AHealthyRackHasAFindingInFewerThanOneOfAThousand) {
  std::mt19937_64 random(4711);
  std::normal_distribution<double> normal;
  struct Kind {
    const char* name;
    const char* unit;
    double usual, spread;
    bool of_tray;
  };
  const std::vector<Kind> kinds = {{"gpu.thermal_resistance", "K/W", 0.0295, 0.02, false},
                                   {"gpu.temperature.max", "Cel", 65, 0.02, false},
                                   {"gpu.power.mean", "W", 1352, 0.006, false},
                                   {"gpu.burn.gflops", "1", 70000, 0.01, false},
                                   {"nvlink.bandwidth", "GBy/s", 774, 0.01, false},
                                   {"coolant.flow.under_load", "L/min", 9.8, 0.008, true},
                                   {"coolant.temperature_rise", "K", 10, 0.02, true}};
  constexpr int kRacks = 3000;
  int findings = 0;
  std::map<std::string, DutPlanned> duts;
  for (int tray = 0; tray < 18; ++tray) duts[RackRecord::name(tray)].role = Role::compute_tray;
  for (int rack = 0; rack < kRacks; ++rack) {
    RackComparison comparison;
    Event event;
    event.step = "soak/load";
    for (const Kind& kind : kinds) {
      for (int tray = 0; tray < 18; ++tray) {
        event.dut = RackRecord::name(tray);
        for (int gpu = 0; gpu < (kind.of_tray ? 1 : 4); ++gpu) {
          ++event.sequence;
          Measured measured;
          measured.name = kind.name;
          measured.unit = kind.unit;
          measured.part = kind.of_tray ? "Chassis_0/CoolantConnector_0" : "GPU_" + std::to_string(gpu);
          measured.value = kind.usual * (1 + kind.spread * normal(random));
          comparison.take(event, measured);
        }
      }
    }
    for (const Comparison& one : comparison.compare(duts)) {
      ASSERT_TRUE(one.why_not.empty()) << one.why_not;
      findings += static_cast<int>(one.odd.size());
    }
  }
  EXPECT_LT(findings, 3) << "in " << kRacks << " healthy racks";
}

}  // namespace
}  // namespace kiln
