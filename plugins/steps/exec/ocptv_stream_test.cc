// Another program's OCPTV stream: what it lacks is never a pass, what it found is never lost.
#include "ocptv_stream.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "ocptv_validator.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// A stream, with a number and a time in each line.
std::string stream_of(const std::vector<std::string>& members, int first = 0) {
  std::string text;
  for (const std::string& member : members)
    text += fmt::format(R"({{"sequenceNumber":{},"timestamp":"2026-03-01T12:00:00Z",{}}})"
                        "\n",
                        first++, member);
  return text;
}

std::string step(const std::string& id, const std::string& artifact) {
  return fmt::format(R"("testStepArtifact":{{"testStepId":"{}",{}}})", id, artifact);
}

const std::string kVersion = R"("schemaVersion":{"major":2,"minor":0})";
const std::string kRunStart =
    R"("testRunArtifact":{"testRunStart":{"name":"fans","version":"1","commandLine":"fans","parameters":{},"dutInfo":{"dutInfoId":"1","hardwareInfos":[{"hardwareInfoId":"0","name":"FAN_0"},{"hardwareInfoId":"1","name":"FAN"},{"hardwareInfoId":"2","name":"FAN"}]}}})";
const std::string kNoise51 = R"("measurement":{"name":"fan.noise","value":51.5,"unit":"dB"})";
const std::string kPassed = R"("diagnosis":{"verdict":"fans-good","type":"PASS"})";
const std::string kFailed = R"("diagnosis":{"verdict":"fan-worn","type":"FAIL","hardwareInfoId":"0"})";

std::string run_end(const std::string& status, const std::string& result) {
  return fmt::format(R"("testRunArtifact":{{"testRunEnd":{{"status":"{}","result":"{}"}}}})", status, result);
}

std::vector<std::string> healthy() {
  return {
      kVersion,
      kRunStart,
      step("0", R"("testStepStart":{"name":"noise"})"),
      step("0", kNoise51),
      step(
          "0",
          R"("measurementSeriesStart":{"measurementSeriesId":"0","name":"fan.speed","unit":"1/min","validators":[{"type":"GREATER_THAN","value":1000}]})"),
      step("0", R"("measurementSeriesElement":{"index":1,"value":4010,"measurementSeriesId":"0"})"),
      step("0", R"("measurementSeriesElement":{"index":0,"value":4000,"measurementSeriesId":"0"})"),
      step("0", R"("measurementSeriesEnd":{"measurementSeriesId":"0","totalCount":2})"),
      step("0", kPassed),
      step("0", R"("testStepEnd":{"status":"COMPLETE"})"),
      run_end("COMPLETE", "PASS")};
}

ForeignOutput read(const std::string& text) {
  OcptvReader reader;
  reader.take(text);
  reader.end();
  return reader.output();
}

std::string trouble(const std::string& text) {
  const ForeignOutput output = read(text);
  return output.trouble ? output.trouble->code : "";
}

std::string trouble(const std::vector<std::string>& members) { return trouble(stream_of(members)); }

Decision decision_of(const std::string& text) {
  StepBench bench;
  bench.add_dut("C01", Role::compute_tray);
  bench.limit_max("exec.failed_diagnoses", "1", 0);
  bench.limit_max("fan.noise", "dB", 60);
  bench.shell("C01").answer_matching("pgrep", ShellAnswer("", 1));
  bench.shell("C01").answer_matching("cat fans.jsonl", ShellAnswer(text));
  StepSpec& spec = bench.step("fans", plugin_step("exec.run"), {{"command", "cat fans.jsonl"}});
  spec.requires_measurements = {"fan.noise"};
  return bench.run().verdict.find("C01")->decision;
}

TEST(OcptvStream, AWholeOneIsReadWithoutTrouble) {
  const ForeignOutput output = read(stream_of(healthy()));
  EXPECT_FALSE(output.trouble) << output.trouble->message;
  EXPECT_EQ(output.measurements.size(), 1U);
  EXPECT_EQ(output.garbage_lines, 0);
  EXPECT_EQ(output.streams, 1);
  EXPECT_EQ(decision_of(stream_of(healthy())), Decision::go);
  EXPECT_EQ(trouble(stream_of(healthy()) + "chatter between them\n" + stream_of(healthy())), "")
      << "two programs one after the other";
}

TEST(OcptvStream, OneThatWasCutAnywhereIsNeverGo) {
  const std::string whole = stream_of(healthy());
  for (std::size_t at = 1; at + 1 < whole.size(); at += 13) {
    const ForeignOutput output = read(whole.substr(0, at));
    EXPECT_TRUE(output.trouble || output.measurements.empty()) << at;
  }
  std::string head;
  std::istringstream lines(whole);
  for (std::string line; std::getline(lines, line);) {
    if (!head.empty()) {
      EXPECT_EQ(decision_of(head), Decision::incomplete) << head;
    }
    head += line + "\n";
  }
  EXPECT_EQ(trouble(std::vector<std::string>{kVersion, kRunStart}), "exec.stream_truncated");
}

TEST(OcptvStream, OneThatLostALineIsNeverGo) {
  const std::vector<std::string> whole = healthy();
  std::vector<std::string> lines;
  std::istringstream text(stream_of(whole));
  for (std::string line; std::getline(text, line);) lines.push_back(line + "\n");
  for (std::size_t lost = 0; lost < lines.size(); ++lost) {
    std::string rest;
    std::string garbled;
    for (std::size_t at = 0; at < lines.size(); ++at) {
      if (at != lost) rest += lines[at];
      garbled += at == lost ? lines[at].substr(0, lines[at].size() / 2) + "\n" : lines[at];
    }
    EXPECT_NE(decision_of(rest), Decision::go) << "without line " << lost + 1;
    EXPECT_NE(decision_of(garbled), Decision::go) << "with half of line " << lost + 1;
  }
  EXPECT_EQ(trouble(lines[0] + lines[1] + lines[3]), "exec.stream_gap");
}

TEST(OcptvStream, AFailOfADamagedOneStaysAFail) {
  std::vector<std::string> members = healthy();
  members.insert(members.begin() + 4, step("0", kFailed));
  EXPECT_EQ(decision_of(stream_of(members)), Decision::no_go);
  members.pop_back();
  EXPECT_EQ(trouble(members), "exec.stream_truncated");
  EXPECT_EQ(decision_of(stream_of(members)), Decision::no_go);
}

TEST(OcptvStream, AnotherVersionIsRefusedAndOldDialectsAreToo) {
  for (const char* version : {R"("schemaVersion":{"major":1,"minor":0})", R"("schemaVersion":{"major":3})",
                              R"("schemaVersion":{"major":"2"})", R"("schemaVersion":null)"}) {
    std::vector<std::string> members = healthy();
    members[0] = version;
    EXPECT_EQ(trouble(members), "exec.stream_version") << version;
    EXPECT_EQ(decision_of(stream_of(members)), Decision::incomplete);
  }
  std::vector<std::string> old = healthy();
  old.erase(old.begin());
  EXPECT_EQ(trouble(old), "exec.stream_version");
}

TEST(OcptvStream, ItsEndMustBeOneAndSayThatTheWorkWasDone) {
  const auto with_end = [](const std::string& end) {
    std::vector<std::string> members = healthy();
    members.back() = end;
    return members;
  };
  EXPECT_EQ(trouble(with_end(run_end("ERROR", "NOT_APPLICABLE"))), "exec.foreign_error");
  EXPECT_EQ(trouble(with_end(run_end("ERROR", "PASS"))), "exec.foreign_error");
  EXPECT_EQ(trouble(with_end(run_end("COMPLETE", "NOT_APPLICABLE"))), "exec.foreign_error");
  EXPECT_EQ(trouble(with_end(run_end("", ""))), "exec.foreign_error");
  EXPECT_EQ(trouble(with_end(run_end("SKIP", "NOT_APPLICABLE"))), "exec.foreign_skip");
  std::vector<std::string> twice = healthy();
  twice.push_back(run_end("COMPLETE", "PASS"));
  EXPECT_EQ(trouble(twice), "exec.stream_damaged");
  EXPECT_EQ(trouble(std::vector<std::string>{run_end("COMPLETE", "PASS")}), "exec.stream_damaged")
      << "the tail alone";
  EXPECT_EQ(decision_of(stream_of(with_end(run_end("COMPLETE", "FAIL")))), Decision::no_go)
      << "a result of FAIL without a diagnosis is one all the same";
}

TEST(OcptvStream, OpenStepsAndMissingElementsAreDamage) {
  std::vector<std::string> members = healthy();
  members[9] = step("0", R"("log":{"severity":"INFO","message":"no end"})");
  EXPECT_EQ(trouble(members), "exec.stream_truncated");
  members = healthy();
  members[6] = step("0", R"("log":{"severity":"INFO","message":"no element"})");
  EXPECT_EQ(trouble(members), "exec.stream_truncated");
  members = healthy();
  members[7] = step("0", R"("log":{"severity":"INFO","message":"the series stays open"})");
  EXPECT_EQ(trouble(members), "exec.stream_truncated");
  members = healthy();
  members[2] = step("1", R"("testStepStart":{"name":"another"})");
  EXPECT_EQ(trouble(members), "exec.stream_damaged");
}

TEST(OcptvStream, AnErrorOfTheProgramIsAnErrorOfTheStepAlsoWithoutAStream) {
  const std::string error = step("0", R"("error":{"symptom":"no-driver","message":"cannot open /dev/fan"})");
  std::vector<std::string> members = healthy();
  members[3] = error;
  EXPECT_EQ(trouble(members), "exec.foreign_error");
  EXPECT_EQ(trouble("{" + error + "}\n"), "exec.foreign_error");
  EXPECT_EQ(decision_of("{" + step("0", kNoise51) + "}\n{" + error + "}\n"), Decision::incomplete);
}

TEST(OcptvStream, AValidatorThatDoesNotHoldIsAFailAndOneThatHoldsProvesNothing) {
  const auto measured = [](const std::string& value, const std::string& validators) {
    return "{" +
           step("0", fmt::format(
                         R"("measurement":{{"name":"fan.noise","unit":"dB","value":{},"validators":[{}]}})",
                         value, validators)) +
           "}\n";
  };
  const std::string below = R"({"type":"LESS_THAN","value":50,"name":"quiet"})";
  EXPECT_EQ(decision_of(measured("51.5", below)), Decision::no_go);
  EXPECT_EQ(read(measured("51.5", below)).diagnoses.at(0).verdict, "fan.noise.validator");
  EXPECT_EQ(decision_of(measured("49", below)), Decision::go);
  EXPECT_EQ(decision_of(measured("70", R"({"type":"LESS_THAN","value":100})")), Decision::no_go)
      << "the limits table judges";
  const ForeignOutput odd = read(measured(
      "5",
      R"({"type":"REGEX_MATCH","value":"."},{"type":"LESS_THAN","value":"6"},{"type":"NEW","value":1},7)"));
  EXPECT_EQ(odd.validators_not_worked_out, 4);
  EXPECT_TRUE(odd.diagnoses.empty());
  std::vector<std::string> members = healthy();
  members[5] = step("0", R"("measurementSeriesElement":{"index":1,"value":900,"measurementSeriesId":"0"})");
  EXPECT_EQ(decision_of(stream_of(members)), Decision::no_go) << "those of a series are for each element";
}

TEST(OcptvValidator, KeepsTheTableOfTheSpecification) {
  const auto held = [](const std::string& measured, const std::string& type, const std::string& value) {
    return holds(json::parse(measured), json::parse(R"({"type":")" + type + R"(","value":)" + value + "}"));
  };
  EXPECT_EQ(held("2", "EQUAL", "2.0"), true);
  EXPECT_EQ(held("\"a\"", "NOT_EQUAL", "\"a\""), false);
  EXPECT_EQ(held("true", "EQUAL", "true"), true);
  EXPECT_EQ(held("true", "EQUAL", "1"), std::nullopt) << "of one type";
  EXPECT_EQ(held("2", "LESS_THAN", "2"), false);
  EXPECT_EQ(held("2", "LESS_THAN_OR_EQUAL", "2"), true);
  EXPECT_EQ(held("2", "GREATER_THAN", "2"), false);
  EXPECT_EQ(held("2", "GREATER_THAN_OR_EQUAL", "2"), true);
  EXPECT_EQ(held("true", "GREATER_THAN", "0"), std::nullopt);
  EXPECT_EQ(held("2", "IN_SET", "[1,2]"), true);
  EXPECT_EQ(held("2", "IN_SET", "2"), true) << "as the published schema writes a set";
  EXPECT_EQ(held("2", "NOT_IN_SET", "[1,2]"), false);
  EXPECT_EQ(held("2", "NOT_IN_SET", "[\"2\"]"), std::nullopt);
  EXPECT_EQ(held("2", "IN_SET", "[]"), std::nullopt);
  EXPECT_EQ(holds(json::parse("2"), json::parse("{}")), std::nullopt);
}

TEST(OcptvStream, PartsAreCalledByTheirNamesWhereNamesTellThemApart) {
  std::vector<std::string> members = healthy();
  members[3] = step("0", R"("measurement":{"name":"fan.noise","value":1,"hardwareInfoId":"0"})");
  members[4] = step("0", R"("measurement":{"name":"fan.noise","value":1,"hardwareInfoId":"1"})");
  members[5] = step(
      "0",
      R"("measurement":{"name":"fan.noise","value":1,"hardwareInfoId":"0","subcomponent":{"name":"rotor"}})");
  const ForeignOutput output = read(stream_of(members));
  ASSERT_EQ(output.measurements.size(), 3U);
  EXPECT_EQ(output.measurements[0].part, "FAN_0");
  EXPECT_EQ(output.measurements[1].part, "1") << "two are called FAN";
  EXPECT_EQ(output.measurements[2].part, "FAN_0/rotor");
}

TEST(OcptvStream, AFloodOfOpenStepsIsNotKept) {
  std::vector<std::string> members{kVersion, kRunStart};
  for (int at = 0; at < 5'000; ++at)
    members.push_back(step(std::to_string(at), R"("testStepStart":{"name":"more"})"));
  EXPECT_TRUE(read(stream_of(members)).too_many);
}

}  // namespace
}  // namespace kiln
