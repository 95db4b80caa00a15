#include "quality/lineage.h"

#include <gtest/gtest.h>

#include "quality/runs_for_test.h"

namespace kiln {
namespace {

/// Two trays, each with one GPU.
TrayRunForTest tray_run(const std::string& id, int day, const std::string& gpu_1, const std::string& gpu_2,
                        const std::string& tray_1 = "SN1", const std::string& tray_2 = "SN2") {
  TrayRunForTest run(id, day);
  run.begin();
  run.tray("C01", tray_1);
  run.tray("C02", tray_2);
  run.part("C01", "GPU_0", gpu_1);
  run.part("C02", "GPU_0", gpu_2);
  return run;
}

LineageAnswer answer_of(const LineageReader& reader, const std::string& asked) {
  const Result<LineageAnswer> answer = reader.ask(asked);
  EXPECT_TRUE(answer) << answer.error().sentence();
  return answer ? *answer : LineageAnswer{};
}

TEST(Lineage, APartIsFollowedFromPlaceToPlace) {
  LineageReader reader;
  // Read in another order than they were run in.
  tray_run("R-2", 2, "G-NEW", "G-A").tell(reader);
  tray_run("R-1", 1, "G-A", "G-B").tell(reader);
  const LineageAnswer answer = answer_of(reader, "G-A");
  EXPECT_TRUE(answer.is_serial);
  ASSERT_EQ(answer.sightings.size(), 2U);
  EXPECT_EQ(answer.sightings[0].place(), "R01/C01 GPU_0");
  EXPECT_EQ(answer.sightings[1].place(), "R01/C02 GPU_0");
  ASSERT_EQ(answer.exchanges.size(), 2U);
  EXPECT_EQ(answer.exchanges[0].dut, "C01");
  EXPECT_EQ(answer.exchanges[0].from, "G-A");
  EXPECT_EQ(answer.exchanges[0].to, "G-NEW");
  EXPECT_EQ(answer.exchanges[0].run_before, "R-1");
  EXPECT_EQ(answer.exchanges[0].run_after, "R-2");
  EXPECT_EQ(answer.exchanges[0].went_to, "R01/C02 GPU_0 in R-2");
  EXPECT_EQ(answer.exchanges[0].came_from, "");
  EXPECT_EQ(answer.exchanges[1].from, "G-B");
  EXPECT_EQ(answer.exchanges[1].came_from, "R01/C01 GPU_0 in R-1");
  EXPECT_EQ(answer.exchanges[1].went_to, "");
}

TEST(Lineage, ATrayThatMovesKeepsItsParts) {
  LineageReader reader;
  tray_run("R-1", 1, "G-A", "G-B", "SN1", "SN2").tell(reader);
  tray_run("R-2", 2, "G-B", "G-A", "SN2", "SN1").tell(reader);  // the two trays changed places
  const LineageAnswer tray = answer_of(reader, "SN1");
  ASSERT_EQ(tray.sightings.size(), 2U);
  EXPECT_EQ(tray.sightings[1].dut, "C02");
  ASSERT_EQ(tray.exchanges.size(), 2U);
  for (const Exchange& one : tray.exchanges) EXPECT_EQ(one.part, "");
  // Asked for the place, the part there is another one, with its tray.
  const LineageAnswer place = answer_of(reader, "C01:GPU_0");
  EXPECT_FALSE(place.is_serial);
  ASSERT_EQ(place.exchanges.size(), 1U);
  EXPECT_TRUE(place.exchanges[0].with_its_dut);
}

TEST(Lineage, OfADutAlsoWhatWasExchangedInIt) {
  LineageReader reader;
  tray_run("R-1", 1, "G-A", "G-B").tell(reader);
  tray_run("R-2", 2, "G-C", "G-B").tell(reader);
  for (const char* asked : {"SN1", "C01", "R01/C01"}) {
    const LineageAnswer answer = answer_of(reader, asked);
    EXPECT_EQ(answer.sightings.size(), 2U) << asked;
    ASSERT_EQ(answer.exchanges.size(), 1U) << asked;
    EXPECT_EQ(answer.exchanges[0].to, "G-C") << asked;
  }
  EXPECT_TRUE(answer_of(reader, "SN2").exchanges.empty());
}

TEST(Lineage, ASightingSaysWhatTheRunCameTo) {
  LineageReader reader;
  TrayRunForTest run = tray_run("R-1", 1, "G-A", "G-B");
  run.cell("C01", "GPU_0", "gpu.temperature.max");
  run.measure("C01", "GPU_0", "gpu.temperature.max", 99.0, Outcome::fail);
  run.end();
  run.tell(reader);
  const LineageAnswer gpu = answer_of(reader, "G-A");
  ASSERT_EQ(gpu.sightings.size(), 1U);
  EXPECT_EQ(gpu.sightings[0].decision, Decision::no_go);
  EXPECT_TRUE(gpu.sightings[0].reason_is_its_own);
  EXPECT_EQ(gpu.sightings[0].first_reason.rfind("gpu.hot GPU_0", 0), 0U) << gpu.sightings[0].first_reason;
  const LineageAnswer tray = answer_of(reader, "SN1");
  EXPECT_EQ(tray.sightings.at(0).decision, Decision::no_go);
}

TEST(Lineage, WhatWasOnlyExpectedWasNotSeen) {
  LineageReader reader;
  TrayRunForTest run("R-1", 1);
  run.begin();
  DutPlanned planned;
  planned.expected_serial = "SN-EXPECTED";
  run.add("C01", "", planned);
  Measured serial;
  serial.name = "gpu.serial";
  serial.kind = ComponentKind::gpu;
  serial.part = "GPU_1";
  serial.value = std::string("G-MEASURED");
  run.add("C01", "identity/parts", serial);
  run.tell(reader);
  EXPECT_FALSE(reader.ask("SN-EXPECTED"));
  EXPECT_EQ(answer_of(reader, "G-MEASURED").sightings.at(0).part, "GPU_1");
}

TEST(Lineage, AnUnknownSerialSuggestsTheNearest) {
  LineageReader reader;
  tray_run("R-1", 1, "1652924000123", "1652924000777").tell(reader);
  const auto wrong = reader.ask("1652924000132");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "history.unknown");
  EXPECT_NE(wrong.error().message.find("1652924000123"), std::string::npos) << wrong.error().message;
  EXPECT_FALSE(LineageReader().ask("C01"));
}

TEST(Lineage, ASerialThatManyPartsShareIsDoubted) {
  LineageReader reader;
  tray_run("R-1", 1, "0000", "0000").tell(reader);
  const LineageAnswer answer = answer_of(reader, "0000");
  EXPECT_EQ(answer.sightings.size(), 2U);
  ASSERT_EQ(answer.cautions.size(), 1U);
}

}  // namespace
}  // namespace kiln
