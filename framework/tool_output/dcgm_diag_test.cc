#include "tool_output/dcgm_diag.h"

#include <gtest/gtest.h>

#include <string>

#include "tool_output/test_fixtures.h"

namespace kiln::tool_output {
namespace {

DcgmDiag parsed_diag(const std::string& text) {
  Result<DcgmDiag> diag = parse_dcgm_diag_json(text);
  EXPECT_TRUE(diag) << (diag ? "" : diag.error().full());
  return diag ? std::move(*diag) : DcgmDiag();
}

/// One test of one category with the given results list.
std::string with_results(const std::string& results, const std::string& root = "DCGM GPU Diagnostic") {
  return "{\"" + root +
         "\": {\"test_categories\": [{\"category\": \"Hardware\", \"tests\": [{\"name\": \"PCIe\", " +
         "\"results\": " + results + "}]}]}}";
}

TEST(DcgmDiagJson, ReadsVersion4WithSerials) {
  const DcgmDiag diag = parsed_diag(fixtures::kDcgm4);
  EXPECT_EQ(diag.version, "4.5.0");
  EXPECT_EQ(diag.driver_version, "580.95.05");
  EXPECT_EQ(diag.serial_of("GPU", 1), "1640000000002");
  ASSERT_EQ(diag.tests.size(), 2U);
  EXPECT_EQ(diag.tests[0].verdict, ToolVerdict::pass);
  const DcgmTest* memory = diag.test("Memory");
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(memory->category, "Hardware");
  EXPECT_EQ(memory->results[0].verdict, ToolVerdict::pass);
  EXPECT_EQ(memory->results[1].verdict, ToolVerdict::fail);
  EXPECT_EQ(memory->results[1].entity_id, 1);
  EXPECT_EQ(memory->results[1].warnings[0].error_id, 132);
  EXPECT_FALSE(memory->only_configuration());
  EXPECT_EQ(diag.verdict(), ToolVerdict::fail);
}

TEST(DcgmDiagJson, ReadsIdsInEveryForm) {
  const DcgmDiag diag = parsed_diag(fixtures::kDcgm2);
  EXPECT_FALSE(diag.tests[0].results[0].entity_id) << "no id: it speaks for all";
  ASSERT_EQ(diag.tests[1].results.size(), 2U);
  EXPECT_EQ(diag.tests[1].results[1].entity_id, 1);
  EXPECT_EQ(diag.tests[2].results[0].entity_id, 0);
  EXPECT_EQ(diag.verdict(), ToolVerdict::pass);
}

TEST(DcgmDiagJson, ReadsStatusInAnyCaseAndNothingElseAsPass) {
  const auto verdict = [](const std::string& status) {
    return parsed_diag(with_results("[{\"status\": \"" + status + "\"}]")).verdict();
  };
  EXPECT_EQ(verdict("Pass"), ToolVerdict::pass);
  EXPECT_EQ(verdict("PASS"), ToolVerdict::pass);
  EXPECT_EQ(verdict("Fail"), ToolVerdict::fail);
  EXPECT_EQ(verdict("WARN"), ToolVerdict::warn);
  EXPECT_EQ(verdict("Skip"), ToolVerdict::skip);
  EXPECT_EQ(verdict("Not Run"), ToolVerdict::not_run);
  EXPECT_EQ(verdict(""), ToolVerdict::not_run);
  EXPECT_EQ(verdict("Passable"), ToolVerdict::unknown);
}

TEST(DcgmDiagJson, TakesNothingMissingForAPass) {
  EXPECT_EQ(parsed_diag(with_results("[]")).verdict(), ToolVerdict::not_run);
  EXPECT_EQ(parsed_diag(with_results("null")).verdict(), ToolVerdict::not_run);
  EXPECT_EQ(parsed_diag(with_results("[{}]")).verdict(), ToolVerdict::not_run);
  EXPECT_EQ(parsed_diag(with_results("[{\"status\": 1}]")).verdict(), ToolVerdict::not_run);
  EXPECT_EQ(parsed_diag(with_results("[null, {\"status\": \"Pass\"}, null]")).verdict(), ToolVerdict::pass);
  EXPECT_EQ(parsed_diag(R"({"DCGM Diagnostic": {"test_categories": []}})").verdict(), ToolVerdict::not_run);
  EXPECT_EQ(parsed_diag(R"({"DCGM Diagnostic": {}})").verdict(), ToolVerdict::not_run);
}

TEST(DcgmDiagJson, BelievesTheWorseOfSummaryAndResults) {
  const std::string body = R"({"DCGM Diagnostic": {"test_categories": [{"category": "H", "tests": [
    {"name": "a", "results": [{"entity_group": "GPU", "entity_id": 0, "status": "Fail"}],
     "test_summary": {"status": "Pass"}},
    {"name": "b", "results": [{"entity_group": "GPU", "entity_id": 0, "status": "Pass"}],
     "test_summary": {"status": "Fail"}}]}]}})";
  const DcgmDiag diag = parsed_diag(body);
  EXPECT_EQ(diag.tests[0].verdict, ToolVerdict::fail);
  EXPECT_EQ(diag.tests[1].verdict, ToolVerdict::fail);
}

TEST(DcgmDiagJson, ReadsWarningsInEveryFormAndDoubtsAPassWithOne) {
  for (const char* warnings :
       {"\"alloc failed\"", "[\"alloc failed\"]", "[{\"warning\": \"alloc failed\"}]"}) {
    const DcgmDiag diag =
        parsed_diag(with_results("[{\"status\": \"Pass\", \"warnings\": " + std::string(warnings) + "}]"));
    ASSERT_EQ(diag.tests[0].results[0].warnings.size(), 1U) << warnings;
    EXPECT_EQ(diag.tests[0].results[0].warnings[0].text, "alloc failed");
    EXPECT_EQ(diag.verdict(), ToolVerdict::warn) << warnings;
  }
  EXPECT_EQ(
      parsed_diag(with_results(R"([{"status": "Pass", "warnings": "", "info": ["x", "y"]}])")).verdict(),
      ToolVerdict::pass);
}

TEST(DcgmDiagJson, TellsASettingFromAFault) {
  const auto with_severity = [](int severity) {
    return parsed_diag(
        with_results("[{\"status\": \"Fail\", \"entity_id\": 0, \"warnings\": [{\"warning\": \"w\", "
                     "\"error_id\": 29, \"error_category\": 8, \"error_severity\": " +
                     std::to_string(severity) + "}]}]"));
  };
  EXPECT_TRUE(with_severity(5).tests[0].only_configuration());
  EXPECT_EQ(with_severity(5).verdict(), ToolVerdict::fail) << "still the tool's word; the step decides";
  EXPECT_FALSE(with_severity(2).tests[0].only_configuration());
  EXPECT_FALSE(parsed_diag(with_results(R"([{"status": "Fail"}])")).tests[0].only_configuration());
}

TEST(DcgmDiagJson, TellsContentionFromAFaultByItsWordsUnlessTheCategoryIsOfHardware) {
  const auto failed = [](const std::string& text, const std::string& numbers) {
    return parsed_diag(
               with_results("[{\"status\": \"Fail\", \"entity_id\": 0, \"warnings\": [{\"warning\": \"" +
                            text + "\"" + numbers + "}]}]"))
        .tests[0]
        .results[0]
        .only_set_up();
  };
  for (const char* text :
       {"Unable to run: the requested operation could not be completed because the affected resource is in "
        "use.",
        "CUDA call cudaStreamCreate failed: all CUDA-capable devices are busy or unavailable",
        "Persistence mode for GPU 0 is currently disabled.", "GPU 0 is in use by pid 17"}) {
    EXPECT_TRUE(failed(text, "")) << text;
    EXPECT_TRUE(failed(text, R"(, "error_id": 29, "error_category": 6, "error_severity": 3)")) << text;
    EXPECT_FALSE(failed(text, R"(, "error_id": 81, "error_category": 10, "error_severity": 2)"))
        << "memory is hardware: " << text;
  }
  for (const char* text : {"GPU 0 calculated a result that differs from the expected one",
                           "A double bit error was detected", "", "the fan in use reports no speed"})
    EXPECT_FALSE(failed(text, "")) << text;
  EXPECT_FALSE(parsed_diag(with_results(R"([{"status": "Fail", "warnings": [{"warning": "resource in use"},
      {"warning": "miscompare at 0x10"}]}])"))
                   .tests[0]
                   .results[0]
                   .only_set_up())
      << "one warning of a fault is enough";
}

TEST(DcgmDiagJson, NeverPassesWithARuntimeError) {
  const DcgmDiag diag = parsed_diag(
      R"({"DCGM Diagnostic": {"runtime_error": "nvvs crashed", "test_categories": [{"category": "H", "tests": [
        {"name": "a", "results": [{"status": "Pass"}]}]}]}})");
  EXPECT_EQ(diag.runtime_error, "nvvs crashed");
  EXPECT_EQ(diag.verdict(), ToolVerdict::unknown);
}

TEST(DcgmDiagJson, FindsTheDocumentBehindABanner) {
  const DcgmDiag diag =
      parsed_diag("WARNING: {odd} banner {\nSuccessfully ran\n" + fixtures::kDcgm2 + "exit 226\n");
  EXPECT_EQ(diag.tests.size(), 3U);
  EXPECT_EQ(parsed_diag(R"({"DCGM Diagnostic": {"tests": [{"name": "x", "results": [{"status": "Pass"}]}]}})")
                .tests.size(),
            1U)
      << "tests without a category";
}

TEST(DcgmDiagJson, RefusesEveryCutOfADocument) {
  const std::string& text = fixtures::kDcgm4;
  for (std::size_t length = 1; length + 2 < text.size(); length += 29) {
    const auto cut = parse_dcgm_diag_json(text.substr(0, length));
    EXPECT_FALSE(cut) << length;
  }
  EXPECT_EQ(parse_dcgm_diag_json(text.substr(0, text.size() - 4)).error().code, "tool_output.truncated");
}

TEST(DcgmDiagJson, RefusesOtherDocumentsWithTheReason) {
  const auto health =
      parse_dcgm_diag_json(R"({"body": {"Overall Health": {"value": "Healthy"}}, "header": ["x"]})");
  EXPECT_NE(health.error().message.find("another dcgmi command"), std::string::npos);
  EXPECT_FALSE(parse_dcgm_diag_json(R"({"properties": {"DCGM Diagnostic": {"type": "object"}}})"))
      << "the schema is no result";
  EXPECT_EQ(parse_dcgm_diag_json("Error: unable to establish a connection to the specified host: localhost\n")
                .error()
                .code,
            "tool_output.tool_failed");
  EXPECT_EQ(parse_dcgm_diag_json(fixtures::kDcgmTable).error().code, "tool_output.not_recognised");
  EXPECT_EQ(parse_dcgm_diag_json(R"({"DCGM Diagnostic": 5})").error().code, "tool_output.malformed");
  EXPECT_EQ(parse_dcgm_diag_json(R"({"DCGM Diagnostic": {"a": [1,,2]}})").error().code,
            "tool_output.malformed");
}

TEST(DcgmDiagTable, ReadsRowsAnnotationsAndLists) {
  const auto diag = parse_dcgm_diag_table(fixtures::kDcgmTable);
  ASSERT_TRUE(diag);
  EXPECT_FALSE(diag->incomplete);
  EXPECT_EQ(diag->version, "3.3.5");
  ASSERT_EQ(diag->tests.size(), 5U);
  EXPECT_EQ(diag->test("denylist")->verdict, ToolVerdict::pass);
  const DcgmTest* persistence = diag->test("Persistence Mode");
  ASSERT_NE(persistence, nullptr);
  EXPECT_EQ(persistence->verdict, ToolVerdict::fail);
  EXPECT_EQ(persistence->category, "Deployment");
  EXPECT_EQ(persistence->results[0].warnings.size(), 1U);
  const DcgmTest* memory = diag->test("GPU Memory");
  ASSERT_EQ(memory->results.size(), 4U) << "several rows of one test";
  EXPECT_EQ(memory->results[0].entity_id, 2);
  EXPECT_EQ(memory->verdict, ToolVerdict::fail);
  EXPECT_EQ(diag->test("EUD Test")->verdict, ToolVerdict::skip);
  EXPECT_EQ(diag->verdict(), ToolVerdict::fail);
}

TEST(DcgmDiagTable, ReadsEntityRowsOfVersion4) {
  const std::string table =
      "| Diagnostic                | Result        |\n+====+====+\n|-----  Hardware  ----+----|\n"
      "| memory                    | Pass          |\n|                           | GPU0: Pass    |\n"
      "|                           | GPU1: Fail    |\n+----+----+\n";
  const auto diag = parse_dcgm_diag_table(table);
  ASSERT_TRUE(diag);
  ASSERT_EQ(diag->tests.size(), 1U);
  EXPECT_EQ(diag->tests[0].verdict, ToolVerdict::fail);
  EXPECT_EQ(diag->tests[0].results[2].entity_id, 1);
}

TEST(DcgmDiagTable, NeverCompletesACutWordToAPass) {
  const auto verdict = [](const std::string& cell) {
    return parse_dcgm_diag_table("| Diagnostic | Result |\n+===+===+\n| PCIe | " + cell + " |\n+---+---+\n")
        ->verdict();
  };
  EXPECT_EQ(verdict("Pass - All"), ToolVerdict::pass);
  EXPECT_EQ(verdict("Pas"), ToolVerdict::unknown);
  EXPECT_EQ(verdict("Fai"), ToolVerdict::fail);
  EXPECT_EQ(verdict("Ski"), ToolVerdict::skip);
  EXPECT_EQ(verdict("Passed?"), ToolVerdict::unknown);
}

TEST(DcgmDiagTable, IsIncompleteWithoutItsClosingLine) {
  const std::string& table = fixtures::kDcgmTable;
  const auto cut = parse_dcgm_diag_table(table.substr(0, table.find("| PCIe")));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->incomplete);
  EXPECT_NE(cut->verdict(), ToolVerdict::pass);
  EXPECT_EQ(parse_dcgm_diag_table(table.substr(0, table.find("|-----  Deploy"))).error().code,
            "tool_output.truncated");
  EXPECT_EQ(parse_dcgm_diag_table("| GPU ID | Device Information |\n").error().code,
            "tool_output.not_recognised");
}

}  // namespace
}  // namespace kiln::tool_output
