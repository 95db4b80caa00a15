#include "html/plot.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/record_for_test.h"
#include "html/chart.h"
#include "html/series_band.h"

namespace kiln {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::pair<double, double>> around(double level, int samples = 60) {
  std::vector<std::pair<double, double>> points;
  for (int t = 0; t < samples; ++t) points.emplace_back(t, level + 0.3 * (t % 4));
  return points;
}

Plot only_plot(RecordForTest& record) {
  const auto plots = draw_series(make_document(record.done()));
  EXPECT_EQ(plots.size(), 1U);
  return plots.empty() ? Plot() : plots.front();
}

TEST(Plot, TheLimitThatJudgedIsDrawnWithItsText) {
  RecordForTest record;
  record.require("C01", "soak/load", "gpu.temperature.max", "GPU_1", "Cel", "≤ 85 Cel (marginal above 80)");
  record.series("C01", "GPU_1", around(60));
  const Plot plot = only_plot(record);
  EXPECT_EQ(count_in(plot.svg, "class=\"limit\""), 1);
  EXPECT_EQ(count_in(plot.svg, "class=\"marginal\""), 1);
  EXPECT_NE(plot.svg.find("gpu.temperature.max ≤ 85 Cel (marginal above 80)"), std::string::npos);
  EXPECT_NE(plot.caption.find("1 not measured"), std::string::npos) << plot.caption;
}

TEST(Plot, ALimitFarAwayIsToldAndDoesNotFlattenTheData) {
  RecordForTest record;
  record.series("C01", "GPU_0", around(5));
  const Plot plot = only_plot(record);
  EXPECT_EQ(count_in(plot.svg, "<line class=\"limit\""), 0);
  EXPECT_NE(plot.svg.find("↑ gpu.temperature.max ≤ 85 Cel (outside this picture)"), std::string::npos);
}

TEST(Plot, SteadyValuesAreStillSeenAgainstTheirLimit) {
  RecordForTest record;
  record.require("C01", "soak/load", "coolant.flow", "Loop", "L/min", "≥ 8.6 L/min");
  record.series("C01", "Loop", {{0, 10.3}, {1, 10.31}, {2, 10.3}}, "coolant.flow", "L/min");
  EXPECT_EQ(count_in(only_plot(record).svg, "<line class=\"limit\""), 1);
}

TEST(Plot, AnUnjudgedSeriesSaysSo) {
  RecordForTest record;
  record.series("C01", "GPU_0", around(5), "fan.speed", "rpm");
  const Plot plot = only_plot(record);
  EXPECT_EQ(plot.svg.find("class=\"limit\""), std::string::npos);
  EXPECT_NE(plot.caption.find("not judged"), std::string::npos);
}

TEST(Plot, FewLinesAreNamedOneByOne) {
  RecordForTest record;
  for (int gpu = 1; gpu <= 4; ++gpu)
    record.series("C01", "GPU_" + std::to_string(gpu), around(50 + gpu), "x", "W");
  const Plot plot = only_plot(record);
  EXPECT_EQ(count_in(plot.svg, "class=\"line\""), 4);
  for (const char* name : {"C01 GPU_1  51 … 51.9", "C01 GPU_4  54 … 54.9"})
    EXPECT_NE(plot.svg.find(name), std::string::npos) << name;
}

TEST(Plot, LinesUnderOtherLimitsGetAPictureOfTheirOwn) {
  RecordForTest record;
  record.require("C01", "soak/load", "gpu.temperature.max", "GPU_1", "Cel", "≤ 70 Cel");
  record.series("C01", "GPU_0", around(60));
  record.series("C01", "GPU_1", around(60));
  EXPECT_EQ(draw_series(make_document(record.done())).size(), 2U);
}

TEST(Plot, ManyLinesBecomeABandAndTheOneApartIsDrawn) {
  RecordForTest record;
  for (int gpu = 0; gpu < 72; ++gpu)
    record.series("C01", "GPU_" + std::to_string(100 + gpu), around(gpu == 40 ? 75 : 60 + 0.01 * gpu), "x",
                  "W");
  const Plot plot = only_plot(record);
  EXPECT_EQ(count_in(plot.svg, "class=\"band\""), 1);
  EXPECT_EQ(count_in(plot.svg, "class=\"line\""), 1);
  EXPECT_NE(plot.svg.find("C01 GPU_140"), std::string::npos);
  EXPECT_NE(plot.caption.find("72 lines as a band"), std::string::npos);
}

TEST(Plot, ThePartThatFailedIsDrawnThoughItLiesAmongTheOthers) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.0, "hot");
  for (int gpu = 0; gpu < 20; ++gpu) {
    const std::string part = "GPU_" + std::to_string(gpu);
    if (gpu > 0) record.require("C01", "soak/load", "gpu.temperature.max", part, "Cel", "≤ 85 Cel");
    record.series("C01", part, around(60));
  }
  const Plot plot = only_plot(record);
  EXPECT_EQ(count_in(plot.svg, "class=\"line\""), 1);
  EXPECT_NE(plot.svg.find("✖ fail"), std::string::npos);
  EXPECT_NE(plot.caption.find("1 fail (C01 GPU_0), 19 not measured"), std::string::npos) << plot.caption;
}

TEST(Plot, APeakOfOneSampleSurvivesThinning) {
  RecordForTest record;
  auto points = around(60, 100'000);
  points[54'321].second = 84.9;
  record.series("C01", "GPU_0", points);
  const Plot plot = only_plot(record);
  const std::string path = plot.svg.substr(plot.svg.find("class=\"line\" d=\""));
  double top = 1e9;
  for (std::size_t at = path.find('M'); at != std::string::npos; at = path.find('L', at + 1)) {
    const auto space = path.find(' ', at);
    top = std::min(top, std::stod(path.substr(space + 1)));
  }
  EXPECT_LT(top, 40) << "84.9 is drawn near the limit of 85";
  EXPECT_LT(plot.svg.size(), 60'000U);
}

TEST(Plot, GapsStayGapsAndNothingIsNan) {
  RecordForTest record;
  record.series("C01", "GPU_0", {{0, kNan}, {1, 50}, {2, HUGE_VAL}, {3, 51}, {4, 52}, {kNan, 53}});
  const Plot plot = only_plot(record);
  EXPECT_EQ(plot.svg.find("nan"), std::string::npos);
  EXPECT_EQ(plot.svg.find("inf"), std::string::npos);
  EXPECT_NE(plot.svg.find("h0.1M"), std::string::npos) << "one sample between two gaps is a dot";
}

TEST(Plot, ASeriesWithoutAnyValueHasNoPicture) {
  RecordForTest record;
  record.series("C01", "GPU_0", {{0, kNan}, {1, kNan}});
  EXPECT_TRUE(draw_series(make_document(record.done())).empty());
}

TEST(Plot, OneSampleAndConstantValuesAreDrawn) {
  for (const double level : {0.0, 5.0, -1e12, 1e-9}) {
    RecordForTest record;
    record.series("C01", "GPU_0", {{3, level}}, "x", "W");
    EXPECT_EQ(count_in(only_plot(record).svg, "class=\"line\""), 1) << level;
  }
}

TEST(Plot, LoadAndCutAreMarked) {
  RecordForTest record;
  record.add("C01", "soak/load", PermitGranted{"load", "burn"});
  record.series("C01", "GPU_0", around(60));
  Interlocked cut;
  cut.cause = "leak";
  cut.part = "LeakDetector_2";
  cut.detected_ns = 20'000'000'000;
  record.add("C01", "monitor/leak", cut);
  for (int filler = 0; filler < 30; ++filler) record.add("C01", "soak/load", Note{});
  const Plot plot = only_plot(record);
  EXPECT_EQ(count_in(plot.svg, "class=\"load\""), 1);
  EXPECT_NE(plot.svg.find("✖ C01 cut: leak LeakDetector_2"), std::string::npos);
}

TEST(SeriesBand, LowMedianAndHighOfAllLines) {
  RecordForTest record;
  record.series("C01", "GPU_0", {{0, 0}, {9, 0}});
  record.series("C01", "GPU_1", {{0, 10}, {9, 10}});
  record.series("C01", "GPU_2", {{0, 20}, {9, 90}});
  const ReportInput& input = record.done();
  const RunDocument document = make_document(input);
  const std::vector<DocumentSeries>& series = document.series;
  const SeriesBand band = make_band({&series[0], &series[1], &series[2]}, Range{0, 10}, 10);
  ASSERT_EQ(band.points.size(), 2U);
  EXPECT_EQ(band.points[0].low, 0);
  EXPECT_EQ(band.points[0].median, 10);
  EXPECT_EQ(band.points[0].high, 20);
  EXPECT_EQ(band.points[1].high, 90);
  EXPECT_EQ(band.deviations[1], 0);
}

TEST(SeriesBand, ChanceMakesNoOutlier) {
  SeriesBand band;
  band.deviations = {1, 1.2, 0.8, 1.1, 0.9, 1.4};
  EXPECT_TRUE(outliers(band, 10).empty());
  band.deviations.push_back(6);
  EXPECT_EQ(outliers(band, 10), (std::vector<std::size_t>{6}));
  EXPECT_TRUE(outliers(band, 1000).empty()) << "too near to be told apart by eye";
  EXPECT_TRUE(outliers(SeriesBand(), 1).empty());
}

TEST(Chart, TicksAreRoundAndInside) {
  EXPECT_EQ(ticks(Range{0, 10}), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  for (const double span : {1e-9, 0.7, 3.0, 42.0, 1e15}) {
    const auto list = ticks(Range{-span / 3, span});
    EXPECT_GE(list.size(), 3U) << span;
    EXPECT_LE(list.size(), 12U) << span;
  }
  EXPECT_TRUE(ticks(Range()).empty());
  for (const double span : {1.0, 25.0, 600.0, 86'400.0, 40.0 * 86'400}) {
    const auto list = time_ticks(Range{0, span});
    EXPECT_GE(list.size(), 3U) << span;
    EXPECT_LE(list.size(), 10U) << span;
  }
  EXPECT_EQ(time_text(12, 20), "12 s");
  EXPECT_EQ(time_text(200, 600), "3:20");
  EXPECT_EQ(time_text(4 * 3600 + 300, 86'400), "4 h 05");
}

}  // namespace
}  // namespace kiln
