// What every format of the quality page must show, and that nothing recorded can become part of a page.

#include "quality/quality_page.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>

#include "common/schema_for_test.h"

namespace kiln {
namespace {

std::string quality_misfit(const std::string& text) {
  return schema_misfit("reports/quality/quality.schema.json", text);
}

UnitAttempt tray(const std::string& serial, bool good, int day) {
  UnitAttempt attempt;
  attempt.run = "R-" + std::to_string(day);
  attempt.recipe = "l10";
  attempt.recipe_version = "1.0.0";
  attempt.station = "ST-01";
  attempt.begun_utc_ns = 1'780'000'000'000'000'000 + day * 86'400'000'000'000;
  attempt.unit = serial;
  attempt.serial_known = true;
  attempt.role = Role::compute_tray;
  attempt.result = good ? AttemptResult::passed : AttemptResult::failed;
  attempt.load_hours = 24;
  if (!good) {
    attempt.fails = {{"gpu.hot", "GPU_0", "too hot"}};
    attempt.failed_at_hours = 7;
  }
  CheckValue value;
  value.number = 70 + day % 5 + 0.1 * (day % 7);
  value.unit = "Cel";
  value.limit_text = "≤ 85 Cel";
  value.firmware = "bb";
  attempt.values["GPU_0"] = value;
  return attempt;
}

QualityReport report_of_trays(int count) {
  std::vector<UnitAttempt> attempts;
  for (int day = 0; day < count; ++day)
    attempts.push_back(tray("SN" + std::to_string(day), day % 10 != 3, day));
  QualityQuery query;
  query.check = "gpu.temperature.max";
  return make_quality_report(attempts, query);
}

std::vector<std::pair<std::string, std::string>> all_formats(const QualityReport& report) {
  return {{"text", quality_text(report)},
          {"json", quality_json(report)},
          {"csv", quality_csv(report)},
          {"html", quality_html(report)}};
}

TEST(QualityPage, EveryFormatHasTheNumbersAndTheirIntervals) {
  const QualityReport report = report_of_trays(40);
  for (const auto& [format, text] : all_formats(report)) {
    for (const char* wanted : {"gpu.hot", "GPU_0", "l10"})
      EXPECT_NE(text.find(wanted), std::string::npos) << format << " lacks " << wanted;
  }
  // 36 of 40: Wilson 95 % is 76.9 … 96.0 %.
  for (const std::string& text : {quality_text(report), quality_html(report)}) {
    for (const char* wanted : {"90.0 %", "36 of 40", "76.9 … 96.0 %", "control limits", "Nelson"})
      EXPECT_NE(text.find(wanted), std::string::npos) << wanted;
  }
  EXPECT_EQ(quality_misfit(quality_json(report)), "");
  const std::string csv = quality_csv(report);
  EXPECT_NE(csv.find("hardware,yield,l10,compute_tray,,first_pass_yield,0.9,0.769"), std::string::npos)
      << csv;
  const std::string html = quality_html(report);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http"), html.find("http-equiv")) << "nothing is loaded from elsewhere";
}

TEST(QualityPage, AnEmptyRecordIsASentence) {
  const QualityReport report = make_quality_report({}, {});
  EXPECT_EQ(quality_misfit(quality_json(report)), "");
  for (const std::string& text : {quality_text(report), quality_html(report)}) {
    EXPECT_NE(text.find("there is nothing to say about quality"), std::string::npos);
    EXPECT_EQ(text.find("0.0 %"), std::string::npos);
  }
  EXPECT_NE(quality_csv(report).find("no run is counted"), std::string::npos);
}

TEST(QualityPage, SimulatedAndWhatWasLeftOutStandOnEveryPage) {
  std::vector<UnitAttempt> attempts{tray("A", true, 1)};
  attempts[0].simulated = true;
  QualityQuery query;
  query.simulated = true;
  QualityReport report = make_quality_report(attempts, query);
  report.excluded = {{"R-77", "event 3 was changed"}};
  report.unreadable = {"/tmp/other.db: is no database"};
  for (const auto& [format, text] : all_formats(report)) {
    EXPECT_NE(text.find(format == "json" ? "\"simulated\":true" : "SIMULATED"), std::string::npos) << format;
    for (const char* wanted : {"R-77", "event 3 was changed", "other.db"})
      EXPECT_NE(text.find(wanted), std::string::npos) << format << " lacks " << wanted;
  }
  EXPECT_EQ(quality_misfit(quality_json(report)), "");
}

TEST(QualityPage, NothingRecordedBecomesMarkupAFormulaOrALine) {
  const std::string hostile =
      "<script>alert(1)</script>\"'\n*** GO ***\x1b[2J\xe2\x80\xae" + std::string(1'000'000, 'x');
  std::vector<UnitAttempt> attempts;
  for (int day = 0; day < 3; ++day) {
    attempts.push_back(tray(hostile + std::to_string(day), false, day));
    attempts.back().recipe = attempts.back().station = attempts.back().recipe_version = hostile;
    attempts.back().fails = {{hostile, hostile, hostile}};
    attempts.back().values["GPU_0"].number = day == 2 ? 1e6 : 70 + day;
  }
  attempts.push_back(tray("=1+1", false, 9));
  attempts.back().recipe = "=cmd|' /C calc'!A0";
  QualityQuery query;
  query.check = "gpu.temperature.max";
  QualityReport report = make_quality_report(attempts, query);
  report.excluded = {{hostile, hostile}};
  report.unreadable = {hostile};
  const std::string html = quality_html(report);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("\xe2\x80\xae"), std::string::npos) << "a mark that turns the reading direction";
  EXPECT_LT(html.size(), 200'000U);
  const std::string text = quality_text(report);
  EXPECT_EQ(text.find("\n*** GO"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 200'000U);
  const std::string csv = quality_csv(report);
  EXPECT_EQ(csv.find(",=cmd"), std::string::npos);
  EXPECT_NE(csv.find(",'=cmd"), std::string::npos);
  EXPECT_EQ(quality_misfit(quality_json(report)), "");
}

TEST(QualityPage, NaNAndInfinityAreNeverPrinted) {
  const double most = std::numeric_limits<double>::max();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<double>> cases{
      {most, -most, most, 1},  {nan, nan}, {1, nan, 2}, {5, 5, 5}, {1}, {most, most},
      {1e-320, 2e-320, 1e-320}};
  for (const auto& values : cases) {
    std::vector<UnitAttempt> attempts;
    for (std::size_t at = 0; at < 40; ++at) {
      attempts.push_back(tray("U" + std::to_string(at), at % 2 == 0, static_cast<int>(at)));
      attempts.back().values["GPU_0"].number = values[at % values.size()];
      if (values[at % values.size()] != values[at % values.size()])
        attempts.back().values["GPU_0"].number.reset();
      attempts.back().load_hours = values[at % values.size()];
    }
    QualityQuery query;
    query.check = "gpu.temperature.max";
    const QualityReport report = make_quality_report(attempts, query);
    for (const auto& [format, text] : all_formats(report)) {
      for (const char* wrong : {"nan", ",inf", " inf ", "-inf", ">inf", ":inf", "Infinity"})
        EXPECT_EQ(text.find(wrong), std::string::npos) << format << " prints " << wrong;
    }
    EXPECT_EQ(quality_misfit(quality_json(report)), "");
  }
}

/// A lot of 120 trays on two stations, the same on every machine.
QualityReport report_of_a_lot() {
  std::uint64_t state = 7;
  const auto uniform = [&state] {  // Knuth's MMIX generator: the standard's distributions differ by library
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<double>(state >> 11U) / 9007199254740992.0;
  };
  std::vector<UnitAttempt> attempts;
  for (int day = 0; day < 120; ++day) {
    const std::string serial = "16529240" + std::to_string(1000 + day);
    double value = 68 - 6 * 1.5;
    for (int draw = 0; draw < 12; ++draw) value += 1.5 * uniform();
    const bool bad = uniform() < (day % 3 == 0 ? 0.16 : 0.03);
    UnitAttempt attempt = tray(serial, !bad, day);
    attempt.product = "gb300-nvl72";
    attempt.recipe = "gb300-nvl72-l10";
    attempt.station = day % 3 == 0 ? "ST-02" : "ST-01";
    attempt.parts = {{"gpu GPU_0", serial}};
    attempt.values["GPU_0"].number = value;
    if (bad) {
      if (uniform() < 0.5) attempt.fails = {{"nvlink.down", "GPU_0/NVLink_3", ""}};
      attempt.failed_at_hours = 24 * uniform() * uniform();
      UnitAttempt again = tray(serial, true, day);
      again.run += "-2";
      again.begun_utc_ns += 90'000'000'000'000;
      again.recipe = attempt.recipe;
      again.station = attempt.station;
      again.parts = attempt.parts;
      if (uniform() < 0.6) again.parts["gpu GPU_0"] = "new";
      attempts.push_back(again);
    }
    attempts.push_back(attempt);
  }
  QualityQuery query;
  query.recipe = "gb300-nvl72-l10";
  query.check = "gpu.temperature.max";
  QualityReport report = make_quality_report(attempts, query);
  report.excluded = {
      {"R-20260814-071500-9c1e", "its record is not as it was written: event 4112 was changed"}};
  return report;
}

TEST(QualityPage, TheExampleInTheDocumentationIsWhatIsPrinted) {
  std::ifstream stream(KILN_SOURCE_DIR "/docs/quality.md");
  const std::string page{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  const std::string text = quality_text(report_of_a_lot());
  EXPECT_NE(page.find("```text\n" + text + "```"), std::string::npos) << text;
}

}  // namespace
}  // namespace kiln
