// What every format of the quality page must show, and that nothing recorded can become part of a page.

#include "quality/quality_page.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <limits>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace kiln {
namespace {

/// Empty when it fits reports/quality/quality.schema.json.
std::string quality_misfit(const std::string& text) {
  std::ifstream stream(KILN_SOURCE_DIR "/reports/quality/quality.schema.json");
  const std::string schema_text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  const boost::json::value schema_document = boost::json::parse(schema_text);
  valijson::Schema schema;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  const valijson::adapters::BoostJsonAdapter schema_adapter(schema_document);
  parser.populateSchema(schema_adapter, schema);
  const boost::json::value document = boost::json::parse(text);
  const valijson::adapters::BoostJsonAdapter adapter(document);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(schema, adapter, &results)) return {};
  valijson::ValidationResults::Error error;
  std::string all;
  while (results.popError(error)) {
    for (const auto& part : error.context) all += part;
    all += error.description + "; ";
  }
  return all.empty() ? "does not fit" : all;
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

}  // namespace
}  // namespace kiln
