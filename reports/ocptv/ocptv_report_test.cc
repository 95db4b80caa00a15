// OCPTV: every line fits the schema, every stream keeps the rules between lines, and no run that is not GO
// ends in PASS.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "common/record_for_test.h"
#include "common/run_document.h"
#include "ocptv/sample_choice.h"
#include "ocptv/stream_rules.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// reports/ocptv/line.schema.json, read once.
const valijson::Schema& line_schema() {
  static valijson::Schema schema;
  static const bool is_read = [] {
    std::ifstream stream(KILN_SOURCE_DIR "/reports/ocptv/line.schema.json");
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    const json::value document = json::parse(text);
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    const valijson::adapters::BoostJsonAdapter adapter(document);
    parser.populateSchema(adapter, schema);
    return true;
  }();
  EXPECT_TRUE(is_read);
  return schema;
}

bool fits_line_schema(const json::value& line) {
  const valijson::adapters::BoostJsonAdapter adapter(line);
  valijson::Validator validator;
  return validator.validate(line_schema(), adapter, nullptr);
}

struct OcptvRead {
  std::vector<json::object> lines;
  std::string text;
  explicit OcptvRead(const ReportInput& input) : text(render_report("ocptv", input)) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      json::value parsed = json::parse(line);
      EXPECT_TRUE(fits_line_schema(parsed)) << line.substr(0, 500);
      lines.push_back(parsed.as_object());
    }
    for (const std::string& sentence : broken_rules(text)) ADD_FAILURE() << sentence;
  }
  /// "COMPLETE/PASS"
  [[nodiscard]] std::string end() const {
    const json::object& end = lines.back().at("testRunArtifact").at("testRunEnd").as_object();
    return std::string(end.at("status").as_string()) + "/" + std::string(end.at("result").as_string());
  }
  [[nodiscard]] std::vector<json::object> of(const char* kind) const {
    std::vector<json::object> found;
    for (const json::object& line : lines) {
      for (const char* root : {"testRunArtifact", "testStepArtifact"}) {
        const json::value* artifact = line.if_contains(root);
        if (artifact != nullptr && artifact->as_object().contains(kind))
          found.push_back(artifact->at(kind).as_object());
      }
    }
    return found;
  }
  [[nodiscard]] int diagnoses(const char* type) const {
    int count = 0;
    for (const json::object& diagnosis : of("diagnosis")) count += diagnosis.at("type") == type ? 1 : 0;
    return count;
  }
};

TEST(OcptvReport, AGoRunPassesAndSaysThatItWasSimulated) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.end();
  const OcptvRead read(record.done());
  EXPECT_EQ(read.end(), "COMPLETE/PASS");
  EXPECT_EQ(read.diagnoses("FAIL") + read.diagnoses("UNKNOWN"), 0);
  const json::object start = read.of("testRunStart").at(0);
  EXPECT_EQ(start.at("dutInfo").at("dutInfoId"), "R01");
  EXPECT_EQ(start.at("metadata").at("notice"), "SIMULATED RACK - NOT HARDWARE");
  EXPECT_EQ(read.of("log").at(0).at("message"), "SIMULATED RACK - NOT HARDWARE");
  const json::object measurement = read.of("measurement").at(0);
  EXPECT_EQ(measurement.at("validators").at(0).at("type"), "LESS_THAN_OR_EQUAL");
  EXPECT_EQ(measurement.at("validators").at(0).at("value").to_number<double>(), 85);
  const json::object extension = read.of("extension").at(0).at("content").as_object();
  EXPECT_EQ(extension.at("signOff"), "not-eligible");
  EXPECT_EQ(extension.at("counts").at("measured").as_int64(), 1);
}

TEST(OcptvReport, AFailIsADiagnosisOnItsPartAndNoError) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "91.5 Cel is above the limit ≤ 85 Cel");
  record.measured(Outcome::pass, 60.0, "", 2);
  record.end();
  const OcptvRead read(record.done());
  EXPECT_EQ(read.end(), "COMPLETE/FAIL");
  EXPECT_TRUE(read.of("error").empty());
  const json::object diagnosis = read.of("diagnosis").at(0);
  EXPECT_EQ(diagnosis.at("verdict"), "gpu.hot");
  EXPECT_EQ(diagnosis.at("type"), "FAIL");
  const json::object start = read.of("testRunStart").at(0);
  const auto& parts = start.at("dutInfo").at("hardwareInfos").as_array();
  bool named = false;
  for (const json::value& part : parts)
    named = named ||
            (part.at("hardwareInfoId") == diagnosis.at("hardwareInfoId") && part.at("name") == "C01/GPU_0");
  EXPECT_TRUE(named);
}

TEST(OcptvReport, OnlyWhatCouldNotBeDoneIsAnError) {
  RecordForTest record;
  StepEnded ended;
  ended.status = WorkStatus::error;
  ended.code = "ssh.lost";
  ended.message = "the connection broke";
  record.add("C01", "soak/load", ended);
  record.add("", "", RunEnded{"complete", ""});
  const OcptvRead read(record.done());
  EXPECT_EQ(read.end(), "ERROR/NOT_APPLICABLE");
  ASSERT_EQ(read.of("error").size(), 1U);
  EXPECT_EQ(read.of("error")[0].at("symptom"), "ssh.lost");
  EXPECT_EQ(read.diagnoses("PASS") + read.diagnoses("FAIL"), 0);
}

TEST(OcptvReport, ARepeatedAttemptIsSeenAndLeavesTheRunAPass) {
  RecordForTest record;
  record.end_after_retry();
  const OcptvRead read(record.done());
  EXPECT_EQ(read.end(), "COMPLETE/PASS");
  EXPECT_EQ(read.of("testStepStart").size(), 3U) << "both attempts and the verdict";
  EXPECT_EQ(read.of("testStepEnd")[0].at("status"), "ERROR");
  EXPECT_TRUE(read.of("error").empty());
}

TEST(OcptvReport, TheFourPairsAreKeptWhateverHappened) {
  RecordForTest stopped;
  stopped.add("", "", StopRequested{"SIGINT", 2});
  stopped.add("", "", RunEnded{"stopped", ""});
  EXPECT_EQ(OcptvRead(stopped.done()).end(), "SKIP/NOT_APPLICABLE");
  RecordForTest survey;
  std::get<RunBegun>(survey.input.events.events.front().body).purpose = "survey";
  survey.measured(Outcome::pass, 60.0);
  survey.end();
  EXPECT_EQ(OcptvRead(survey.done()).end(), "SKIP/NOT_APPLICABLE");
  RecordForTest not_run;
  not_run.end();
  EXPECT_EQ(OcptvRead(not_run.done()).end(), "ERROR/NOT_APPLICABLE");
  EXPECT_EQ(OcptvRead(ReportInput()).end(), "ERROR/NOT_APPLICABLE");
  RecordForTest marginal;
  std::get<RunBegun>(marginal.input.events.events.front().body).marginal_is_conditional = true;
  marginal.measured(Outcome::marginal, 84.0);
  marginal.end();
  const OcptvRead conditional(marginal.done());
  EXPECT_EQ(conditional.end(), "COMPLETE/PASS");
  EXPECT_EQ(conditional.of("testRunStart").at(0).at("metadata").at("decision"), "CONDITIONAL");
}

TEST(OcptvReport, ACutFailsTheRunAlsoWhenNothingWasMeasured) {
  RecordForTest record;
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  cut.part = "Leak_1";
  cut.detected_ns = 5'000'000'000;
  cut.load_stopped_ns = 5'221'000'000;
  record.add("C01", "monitor/leak", cut);
  StepEnded ended;
  ended.status = WorkStatus::interlocked;
  record.add("C01", "soak/load", ended);
  record.add("", "", RunEnded{"complete", ""});
  const OcptvRead read(record.done());
  EXPECT_EQ(read.end(), "COMPLETE/FAIL");
  EXPECT_TRUE(read.of("error").empty()) << "water is no error of the diagnostic";
  std::string fatal;
  for (const json::object& log : read.of("log"))
    if (log.at("severity") == "FATAL") fatal = log.at("message").as_string();
  EXPECT_TRUE(fatal.ends_with("load stopped after 221 ms, off not confirmed")) << fatal;
}

TEST(OcptvReport, ABrokenRecordIsTheFirstThingItSaysAndNeverAPass) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.end();
  ReportInput& input = record.done();
  RecordBreak broken;
  broken.after_sequence = 5;
  broken.reason = "disk full";
  input.run.broken = broken;
  const OcptvRead read(input);
  EXPECT_TRUE(read.lines.at(1).at("testRunArtifact").as_object().contains("error"));
  EXPECT_EQ(read.end(), "ERROR/NOT_APPLICABLE");
}

TEST(OcptvReport, ValuesThatAreNoneAreWordsWithoutValidators) {
  RecordForTest record;
  record.measured(Outcome::fail, std::numeric_limits<double>::quiet_NaN(), "not a number");
  record.measured(Outcome::fail, std::numeric_limits<double>::infinity(), "not a number");
  record.measured(Outcome::unset, std::monostate{}, "N/A");
  record.measured(Outcome::fail, std::numeric_limits<std::int64_t>::max(), "too large");
  record.series("C01", "GPU_0", {{0, std::numeric_limits<double>::quiet_NaN()}, {1, 50}, {1e300, 51}});
  record.end();
  const OcptvRead read(record.done());
  const auto measurements = read.of("measurement");
  ASSERT_EQ(measurements.size(), 4U);
  EXPECT_EQ(measurements[0].at("value"), "NaN");
  EXPECT_EQ(measurements[2].at("value"), "no value");
  EXPECT_EQ(measurements[3].at("value"), "9223372036854775807");
  for (const json::object& measurement : measurements) EXPECT_FALSE(measurement.contains("validators"));
  EXPECT_EQ(read.of("measurementSeriesElement").size(), 2U);
  EXPECT_EQ(read.of("measurementSeriesStart")[0].at("metadata").at("samplesWithoutValue").to_number<int>(),
            1);
}

TEST(OcptvReport, AValidatorNeverSaysOtherwiseThanTheRecord) {
  RecordForTest record;
  record.measured(Outcome::fail, 60.0, "the value is in 'Cel', the limit in 'K'");  // 60 holds ≤ 85
  record.measured(Outcome::pass, std::string("dry"));
  std::get<Measured>(record.input.events.events.back().body).limit_text = "one of dry, OK (a.b)";
  record.measured(Outcome::pass, std::string(" Dry "));
  std::get<Measured>(record.input.events.events.back().body).limit_text = "= Dry";
  record.end();
  const auto measurements = OcptvRead(record.done()).of("measurement");
  EXPECT_FALSE(measurements.at(0).contains("validators"));
  EXPECT_EQ(measurements.at(1).at("validators").at(0).at("value"), "^(dry|OK \\(a\\.b\\))$");
  EXPECT_FALSE(measurements.at(2).contains("validators"));
}

TEST(OcptvReport, AStreamIsWholeWithoutTheBeginningOfItsSteps) {
  ReportInput input;
  Event event;
  event.sequence = 1;
  event.at = {5'000'000'000, 1'700'000'000'000'000'000};
  event.dut = "C01";
  event.step = "soak/load";
  Measured measured;
  measured.name = "gpu.temperature.max";
  measured.outcome = Outcome::fail;
  event.body = measured;
  input.events.events = {event};
  input.verdict = roll_up(input.events.events);
  EXPECT_NE(OcptvRead(input).end(), "COMPLETE/PASS");
}

TEST(OcptvReport, HostileTextBreaksNoLine) {
  RecordForTest record;
  const std::string hostile =
      std::string("\"}\n{\"x\":1}\0\x01\xFF\xC0\u2028", 18) + std::string(1 << 20, 'x');
  std::get<RunBegun>(record.input.events.events.front().body).parameters[hostile] = hostile;
  record.plan(hostile, Role::compute_tray, 3);
  record.require(hostile, hostile, hostile, hostile, hostile, hostile);
  record.measured(Outcome::fail, hostile, hostile);
  record.add(hostile, hostile, Diagnosed{hostile, hostile, hostile, hostile});
  record.add(hostile, hostile, Disturbance{hostile, hostile, 2});
  Attached attached;
  attached.name = attached.media_type = hostile;
  record.add("C01", "soak/load", attached);
  record.series(hostile, hostile, {{0, 1}}, hostile, hostile);
  record.end();
  const OcptvRead read(record.done());
  EXPECT_NE(read.end(), "COMPLETE/PASS");
  EXPECT_LT(read.text.size(), 400'000U);
}

TEST(OcptvReport, LongSeriesKeepTheirExcursions) {
  std::vector<std::pair<double, double>> samples;
  for (int index = 0; index < 100'000; ++index)
    samples.emplace_back(index, index == 54'321 ? 99.0 : 50.0 + index % 3);
  SampleChoice choice(samples.size(), 1'000);
  for (const auto& [t, value] : samples) choice.add(t, value);
  const auto chosen = choice.take();
  EXPECT_LE(chosen.size(), 1'000U);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_NE(std::find(chosen.begin(), chosen.end(), std::pair(54'321.0, 99.0)), chosen.end());
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  for (int part = 0; part < 3; ++part) record.series("C01", "GPU_" + std::to_string(part), samples);
  record.end();
  const std::string text = render_report("ocptv", record.done());
  EXPECT_TRUE(broken_rules(text).empty());
  EXPECT_LE(count_in(text, "measurementSeriesElement"), 50'000);
  EXPECT_EQ(count_in(text, "\"samplesRecorded\":100000"), 3);
}

/// The rules must be able to refuse: every stream that lost its end, a line or its order is found.
TEST(OcptvRules, AStreamThatLostOrMovedALineIsFound) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.series("C01", "GPU_0", {{0, 1}, {1, 2}});
  record.end();
  const OcptvRead read(record.done());
  std::vector<std::string> lines;
  std::istringstream stream(read.text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line + "\n");
  const auto joined = [](const std::vector<std::string>& all) {
    std::string text;
    for (const std::string& line : all) text += line;
    return text;
  };
  for (std::size_t at = 0; at < lines.size(); ++at) {
    EXPECT_FALSE(
        broken_rules(joined({lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(at)})).empty())
        << "cut before line " << at + 1;
    std::vector<std::string> without = lines;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_FALSE(broken_rules(joined(without)).empty()) << "without line " << at + 1;
  }
  std::string passed = read.text;
  const auto at = passed.find("\"type\":\"PASS\"");
  passed.replace(at, 13, "\"type\":\"FAIL\"");
  EXPECT_FALSE(broken_rules(passed).empty()) << "PASS with a FAIL diagnosis";
  std::string pair = read.text;
  pair.replace(pair.find("\"result\":\"PASS\""), 15, "\"result\":\"NOT_APPLICABLE\"");
  EXPECT_FALSE(broken_rules(pair).empty());
  EXPECT_FALSE(fits_line_schema(json::parse(
      R"({"sequenceNumber":0,"timestamp":"2026-03-01T12:00:00","schemaVersion":{"major":2,"minor":0}})")))
      << "the schema must be able to refuse";
}

}  // namespace
}  // namespace kiln
