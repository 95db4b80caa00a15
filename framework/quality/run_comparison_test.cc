#include "quality/run_comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "quality/runs_for_test.h"

namespace kiln {
namespace {

using Movement = ValueDifference::Movement;
using Basis = DifferenceNoise::Basis;

/// Two trays with four GPUs each; `hot` is added to GPU_2 of C01.
TrayRunForTest two_trays(const std::string& id, double hot, int day = 0) {
  TrayRunForTest run(id, day);
  run.begin();
  for (const char* dut : {"C01", "C02"}) {
    run.tray(dut, std::string("SN-") + dut);
    for (int gpu = 0; gpu < 4; ++gpu) {
      const std::string part = "GPU_" + std::to_string(gpu);
      run.part(dut, part, std::string("G-") + dut + "-" + std::to_string(gpu));
      const double more = gpu == 2 && std::string(dut) == "C01" ? hot : 0;
      const double value = 70 + 0.4 * gpu + more;
      run.measure(dut, part, "gpu.temperature.max", value, value > 85 ? Outcome::fail : Outcome::pass);
    }
  }
  run.end();
  return run;
}

const ValueDifference* find_difference(const RunComparison& comparison, const std::string& dut,
                                       const std::string& part,
                                       const std::string& name = "gpu.temperature.max") {
  for (const ValueDifference& one : comparison.differences) {
    if (one.dut_b == dut && one.part == part && one.measurement == name) return &one;
  }
  return nullptr;
}

bool has_fact(const RunComparison& comparison, const std::string& what, const std::string& b) {
  for (const FactChange& one : comparison.facts) {
    if (one.what == what && one.b == b) return true;
  }
  return false;
}

TEST(RunComparison, AValueBeyondItsNoiseStandsFirst) {
  const auto comparison =
      compare_runs(two_trays("R-1", 0).picture(), "", two_trays("R-2", 9, 1).picture(), "");
  ASSERT_TRUE(comparison) << comparison.error().sentence();
  ASSERT_FALSE(comparison->differences.empty());
  const ValueDifference& first = comparison->differences.front();
  EXPECT_EQ(first.dut_b, "C01");
  EXPECT_EQ(first.part, "GPU_2");
  EXPECT_EQ(first.movement, Movement::moved);
  EXPECT_NEAR(first.difference.value_or(0), 9, 1e-9);
  EXPECT_NEAR(first.relative.value_or(0), 9 / 70.8, 1e-9);
  EXPECT_EQ(first.noise.basis, Basis::like_parts);
  EXPECT_EQ(comparison->count(Movement::moved), 1U);
  EXPECT_EQ(comparison->count(Movement::same), 7U);
  EXPECT_TRUE(comparison->facts.empty()) << comparison->facts.front().what;
}

TEST(RunComparison, AWorseOutcomeComesBeforeAnyMovement) {
  TrayRunForTest b = two_trays("R-2", 30);  // 100.8: a fail
  const auto comparison = compare_runs(two_trays("R-1", 0).picture(), "", b.picture(), "");
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->differences.front().movement, Movement::worse);
  EXPECT_TRUE(has_fact(*comparison, "decision", "NO-GO"));
  const auto back = compare_runs(b.picture(), "", two_trays("R-1", 0).picture(), "");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->differences.front().movement, Movement::better);
}

TEST(RunComparison, NoiseThatNobodyKnowsIsNotInvented) {
  TrayRunForTest a("R-1"), b("R-2");
  for (TrayRunForTest* run : {&a, &b}) {
    run->begin();
    run->tray("C01", "SN1");
    run->measure("C01", "GPU_0", "gpu.temperature.max", run == &a ? 70.0 : 80.0);
  }
  const auto comparison = compare_runs(a.picture(), "", b.picture(), "");
  ASSERT_TRUE(comparison);
  const ValueDifference* found = find_difference(*comparison, "C01", "GPU_0");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->noise.basis, Basis::unknown);
  EXPECT_FALSE(found->distance);
  EXPECT_EQ(found->movement, Movement::noise_unknown);
}

TEST(RunComparison, RepeatsAreTheNoiseOfTheSameUnitAndLikePartsThatOfTwo) {
  TrayRunForTest a = two_trays("R-1", 0), b = two_trays("R-2", 0, 1);
  for (const double value : {69.9, 70.0, 70.1, 70.2}) {
    a.measure("C01", "GPU_0", "gpu.temperature.max", value);
    b.measure("C01", "GPU_0", "gpu.temperature.max", value + 0.05);
  }
  const auto same = compare_runs(a.picture(), "C01", b.picture(), "C01");
  ASSERT_TRUE(same);
  EXPECT_EQ(find_difference(*same, "C01", "GPU_0")->noise.basis, Basis::repeats);
  EXPECT_EQ(find_difference(*same, "C01", "GPU_0")->movement, Movement::within_noise);
  const auto other = compare_runs(a.picture(), "C01", b.picture(), "C02");
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->pairs.front().other_unit);
  EXPECT_EQ(find_difference(*other, "C02", "GPU_0")->noise.basis, Basis::like_parts);
}

TEST(RunComparison, SamplesOfTheSecondHalfAreNoiseAndWarmingUpIsNot) {
  TrayRunForTest a("R-1"), b("R-2");
  for (TrayRunForTest* run : {&a, &b}) {
    run->begin();
    run->tray("C01", "SN1");
    SeriesChunk chunk;
    chunk.name = "gpu.temperature";
    chunk.part = "GPU_0";
    chunk.unit = "Cel";
    for (int at = 0; at < 100; ++at)
      chunk.samples.emplace_back(at, at < 50 ? 20.0 + at : 70.0 + 0.2 * (at % 3));
    chunk.samples.emplace_back(100, std::nan(""));
    run->add("C01", "soak/load", chunk);
    run->measure("C01", "GPU_0", "gpu.temperature.max", run == &a ? 70.4 : 75.4);
  }
  const auto comparison = compare_runs(a.picture(), "", b.picture(), "");
  ASSERT_TRUE(comparison);
  const ValueDifference* found = find_difference(*comparison, "C01", "GPU_0");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->noise.basis, Basis::samples);
  EXPECT_LT(found->noise.sigma, 1.1);  // what the source tells in whole degrees counts as half of one
  EXPECT_EQ(found->movement, Movement::moved);
}

TEST(RunComparison, AFailIsNotHiddenByALaterPass) {
  TrayRunForTest a("R-1");
  a.begin();
  a.tray("C01", "SN1");
  a.measure("C01", "GPU_0", "gpu.temperature.max", 99.0, Outcome::fail);
  a.measure("C01", "GPU_0", "gpu.temperature.max", 60.0);
  const RunPicture picture = a.picture();
  const PictureValue& kept = picture.duts.at("C01").values.at({"gpu.temperature.max", "GPU_0", "soak/load"});
  EXPECT_EQ(kept.outcome, Outcome::fail);
  EXPECT_EQ(as_number(kept.value), 99.0);
}

TEST(RunComparison, TraysAreFoundBySerialNumberWhereverTheyStand) {
  TrayRunForTest b("R-2", 1);
  b.about.rack = "R07";
  b.begin();
  b.tray("C11", "SN-C01");
  b.part("C11", "GPU_0", "G-C01-0");
  b.part("C11", "GPU_2", "G-OTHER", "2.0");
  b.measure("C11", "GPU_0", "gpu.temperature.max", 70.0);
  const auto comparison = compare_runs(two_trays("R-1", 0).picture(), "C01", b.picture(), "");
  ASSERT_TRUE(comparison) << comparison.error().sentence();
  ASSERT_EQ(comparison->pairs.size(), 1U);
  EXPECT_EQ(comparison->pairs[0].b, "C11");
  EXPECT_EQ(comparison->pairs[0].by, PairedDuts::By::serial);
  EXPECT_FALSE(comparison->pairs[0].other_unit);
  EXPECT_TRUE(has_fact(*comparison, "serial number", "G-OTHER"));
  EXPECT_TRUE(has_fact(*comparison, "firmware", "2.0"));
  ASSERT_FALSE(comparison->only_in_one.empty());
  EXPECT_TRUE(comparison->only_in_one.front().in_a);
}

TEST(RunComparison, PartsThatChangedPlacesSayWhereTheyAre) {
  TrayRunForTest b("R-2", 1);
  b.begin();
  b.tray("C01", "SN-C01");
  b.tray("C02", "SN-C02");
  b.part("C01", "GPU_0", "G-C02-3");
  b.part("C02", "GPU_3", "G-C01-0");
  const auto comparison = compare_runs(two_trays("R-1", 0).picture(), "", b.picture(), "");
  ASSERT_TRUE(comparison);
  bool told = false;
  for (const FactChange& one : comparison->facts) {
    if (one.place == "C01 GPU_0" && one.what == "serial number")
      told = one.note == "G-C01-0 is now C02 GPU_3; G-C02-3 was C02 GPU_3";
  }
  EXPECT_TRUE(told);
}

TEST(RunComparison, SimulatedAndHardwareAreNeverComparedByNumbers) {
  TrayRunForTest a("R-1"), b("R-2");
  b.about.simulated = true;
  for (TrayRunForTest* run : {&a, &b}) {
    run->begin();
    run->tray("C01", "SN1");
    run->part("C01", "GPU_0", "G1", run == &a ? "1.0" : "1.1");
    run->measure("C01", "GPU_0", "gpu.temperature.max", run == &a ? 70.0 : 90.0);
  }
  const auto comparison = compare_runs(a.picture(), "", b.picture(), "");
  ASSERT_TRUE(comparison);
  EXPECT_NE(comparison->values_not_compared.find("SIMULATED"), std::string::npos);
  EXPECT_TRUE(comparison->differences.empty());
  EXPECT_TRUE(has_fact(*comparison, "firmware", "1.1"));
  EXPECT_TRUE(has_fact(*comparison, "simulated", "yes"));
}

TEST(RunComparison, AnotherProductIsNotComparedAndAnotherRecipeIsSaid) {
  TrayRunForTest a = two_trays("R-1", 0);
  TrayRunForTest b("R-2");
  b.about.product = "hgx-h100";
  b.begin();
  b.tray("C01", "SN-X");
  b.measure("C01", "GPU_0", "gpu.temperature.max", 60.0);
  const auto product = compare_runs(a.picture(), "", b.picture(), "");
  ASSERT_TRUE(product);
  EXPECT_NE(product->values_not_compared.find("products differ"), std::string::npos);
  TrayRunForTest c("R-3");
  c.about.recipe = "l11";
  c.begin();
  c.tray("C01", "SN-C01");
  c.measure("C01", "GPU_0", "gpu.temperature.max", 60.0, Outcome::pass, "soak-long/load");
  const auto recipe = compare_runs(a.picture(), "C01", c.picture(), "");
  ASSERT_TRUE(recipe);
  ASSERT_FALSE(recipe->cautions.empty());
  EXPECT_NE(recipe->cautions.front().find("recipes differ"), std::string::npos);
  // The step has another name there: the value is found all the same.
  const ValueDifference* found = find_difference(*recipe, "C01", "GPU_0");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->step, "soak/load → soak-long/load");
}

TEST(RunComparison, WhatWasPlannedAndNotRunSaysWhy) {
  TrayRunForTest b("R-2", 1);
  b.begin();
  b.tray("C01", "SN-C01");
  b.cell("C01", "GPU_2", "gpu.temperature.max");
  StepEnded ended;
  ended.status = WorkStatus::error;
  ended.code = "bmc.unreachable";
  ended.message = "no answer";
  b.add("C01", "soak/load", ended);
  const auto comparison = compare_runs(two_trays("R-1", 0).picture(), "C01", b.picture(), "");
  ASSERT_TRUE(comparison);
  bool told = false;
  for (const OnlyInOne& one : comparison->only_in_one)
    told = told || (one.in_a && one.part == "GPU_2" && one.why.find("bmc.unreachable") != std::string::npos);
  EXPECT_TRUE(told);
}

TEST(RunComparison, ADutThatIsNotThereSuggestsTheNearest) {
  const RunPicture run = two_trays("R-1", 0).picture();
  const auto wrong = compare_runs(run, "C0l", run, "C02");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "compare.dut");
  EXPECT_NE(wrong.error().message.find("did you mean"), std::string::npos);
  TrayRunForTest other("R-9");
  other.begin();
  other.tray("S01", "SN-S01");
  const auto none = compare_runs(run, "C01", other.picture(), "");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "compare.no_partner");
}

TEST(RunComparison, NumbersThatAreNoneAreNotReckonedWith) {
  TrayRunForTest a("R-1"), b("R-2");
  for (TrayRunForTest* run : {&a, &b}) {
    run->begin();
    run->tray("C01", "SN1");
    run->measure("C01", "GPU_0", "gpu.temperature.max",
                 run == &a ? Value(70.0) : Value(std::numeric_limits<double>::quiet_NaN()),
                 run == &a ? Outcome::pass : Outcome::fail);
    run->measure("C01", "GPU_1", "gpu.temperature.max", run == &a ? Value(70.0) : Value(),
                 run == &a ? Outcome::pass : Outcome::unset);
    run->measure("C01", "GPU_2", "gpu.errors", run == &a ? Value(std::int64_t{0}) : Value(std::int64_t{4}));
  }
  const auto comparison = compare_runs(a.picture(), "", b.picture(), "");
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->count(Movement::worse), 2U);
  for (const char* part : {"GPU_0", "GPU_1"})
    EXPECT_FALSE(find_difference(*comparison, "C01", part)->difference) << part;
  const ValueDifference* from_zero = find_difference(*comparison, "C01", "GPU_2", "gpu.errors");
  EXPECT_EQ(from_zero->difference, 4.0);
  EXPECT_FALSE(from_zero->relative);  // of nothing there is no share
}

TEST(RunPicture, ALongSeriesIsThinnedOutAndKeepsItsSpread) {
  TrayRunForTest run("R-1");
  run.begin();
  run.tray("C01", "SN1");
  for (int chunk = 0; chunk < 40; ++chunk) {
    SeriesChunk samples;
    samples.name = "gpu.temperature";
    samples.part = "GPU_0";
    samples.unit = "Cel";
    for (int at = 0; at < 1000; ++at) samples.samples.emplace_back(chunk * 1000 + at, at % 7);
    run.add("C01", "soak/load", samples);
  }
  const RunPicture picture = run.picture();
  const PictureSeries& kept = picture.duts.at("C01").series.at({"gpu.temperature", "GPU_0"});
  EXPECT_LE(kept.values.size(), 4096U);
  EXPECT_GE(kept.values.size(), 1024U);
}

TEST(RunPicture, ARecordWithoutABeginningIsNone) {
  RunPictureReader reader("R-1", 0);
  const auto picture = reader.finish();
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, "picture.no_beginning");
}

}  // namespace
}  // namespace kiln
