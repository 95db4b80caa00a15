#include "files/limits_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "files/problems_for_test.h"

namespace kiln {
namespace {

Parsed<ProductLimits> rows(const std::string& lines) {
  return parse_limits("limits: p\nrevision: 7\nrows:\n" + lines, "limits/p.yaml");
}

TEST(LimitsFile, ReadsEveryKindOfRule) {
  const auto parsed =
      rows(R"(  - {name: a.max, unit: Cel, max: 85, marginal: 80, source: "doc, rev 1, page 2"}
  - {name: a.min, unit: L/min/kW, min: 1.25, marginal_min: 1.5, source: site to fill, required: false}
  - {name: a.equals, unit: "1", equals: 0, source: s}
  - {name: a.flag, unit: "", equals: true, source: s}
  - {name: a.word, unit: "", equals: LinkUp, source: s}
  - {name: a.words, unit: "", one_of: [None, "SW_POWER_CAP"], source: s}
  - {name: a.version, unit: "", at_least_version: "1.10", source: s}
  - {name: a.expected, unit: "", expected: true, source: s}
  - {name: a.firmware, unit: "", expected: version, source: s}
  - {name: a.hex, unit: "", expected: version, version_fields: hex, source: s}
  - {name: a.max, unit: Cel, max: 90, source: s, when_part: GPU_3}
  - {name: a.max, unit: Cel, max: 70, source: s, when_role: cdu}
  - {name: a.max, unit: Cel, max: 60, source: s, when_role: cdu, when_part: "*/Primary*"}
)");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  const LimitsTable& table = *parsed.value;
  EXPECT_EQ(table.product, "p");
  EXPECT_EQ(table.revision, 7);
  EXPECT_EQ(table.find("a.max", "GPU_3", Role::server)->max, 90);
  EXPECT_EQ(table.find("a.max", "GPU_0", Role::server)->marginal, 80);
  EXPECT_EQ(table.find("a.max", "1/Secondary", Role::cdu)->max, 70);
  EXPECT_EQ(table.find("a.max", "1/Primary", Role::cdu)->max, 60);
  EXPECT_FALSE(table.find("a.min", "", Role::server)->required);
  EXPECT_TRUE(table.find("a.min", "", Role::server)->is_site_to_fill());
  EXPECT_EQ(table.find("a.equals", "", Role::server)->equals, Value{std::int64_t{0}});
  EXPECT_EQ(table.find("a.flag", "", Role::server)->equals, Value{true});
  EXPECT_EQ(table.find("a.word", "", Role::server)->equals, Value{std::string("LinkUp")});
  EXPECT_EQ(table.find("a.words", "", Role::server)->one_of.size(), 2U);
  EXPECT_TRUE(table.find("a.firmware", "", Role::server)->as_version);
  EXPECT_FALSE(table.find("a.firmware", "", Role::server)->version_fields);
  EXPECT_EQ(table.find("a.hex", "", Role::server)->version_fields, VersionFields::hex);
  EXPECT_EQ(table.find("a.max", "GPU_0", Role::server)->place.text(), "limits/p.yaml:4:5");
  EXPECT_EQ(table.sha256.size(), 64U);
}

TEST(LimitsFile, RowsThatCouldJudgeWronglyAreRefused) {
  struct Case {
    const char* row;
    const char* code;
  };
  for (const auto& [row, code] :
       {Case{"{name: a.b, unit: Cel, source: s}", "limits.no_rule"},
        Case{"{name: a.b, unit: Cel, max: 1, equals: 2, source: s}", "limits.two_rules"},
        Case{"{name: a.b, unit: Cel, min: 2, max: 1, source: s}", "limits.range"},
        Case{"{name: a.b, unit: Cel, max: 80, marginal: 85, source: s}", "limits.marginal"},
        Case{"{name: a.b, unit: Cel, min: 10, marginal_min: 5, source: s}", "limits.marginal"},
        Case{"{name: a.b, unit: Cel, max: 10, marginal_min: 5, source: s}", "limits.marginal"},
        Case{"{name: a.b, unit: Cel, min: 10, max: 20, marginal: 5, source: s}", "limits.marginal"},
        Case{"{name: a.b, unit: Cel, max: 20, version_fields: hex, source: s}", "limits.version_fields"},
        Case{"{name: a.b, unit: \"\", expected: true, version_fields: hex, source: s}",
             "limits.version_fields"},
        Case{"{name: a.b, max: 85, source: s}", "files.missing_key"},
        Case{"{name: a.b, unit: \"\", max: 85, source: s}", "limits.unit"},
        Case{"{name: a.b, unit: C, max: 85, source: s}", "limits.unit"},
        Case{"{name: a.b, unit: Cel, max: 85}", "files.missing_key"},
        Case{"{name: a.b, unit: Cel, max: 85, source: \"\"}", "files.no_value"},
        Case{"{name: a.b, unit: Cel, max: \"85\", source: s}", "files.wrong_type"},
        Case{"{name: a.b, unit: Cel, max: .nan, source: s}", "files.wrong_type"},
        Case{"{name: a.b, unit: Cel, max: inf, source: s}", "files.wrong_type"},
        Case{"{name: a.b, unit: Cel, max: , source: s}", "files.no_value"},
        Case{"{name: a.b, unit: \"\", equals: N/A, source: s}", "limits.value"},
        Case{"{name: a.b, unit: \"\", one_of: [OK, Unknown], source: s}", "limits.value"},
        Case{"{name: a.b, unit: \"\", one_of: [], source: s}", "files.empty_list"},
        Case{"{name: a.b, unit: \"\", expected: false, source: s}", "files.wrong_type"},
        Case{"{name: Hot, unit: Cel, max: 85, source: s}", "limits.name"},
        Case{"{name: a.b, unit: Cel, maximum: 85, source: s}", "files.unknown_key"},
        Case{"{name: a.b, unit: Cel, max: 85, source: s, required: \"true\"}", "files.wrong_type"}}) {
    const auto parsed = rows(std::string("  - ") + row + "\n");
    EXPECT_FALSE(parsed) << row;
    const auto problem = find_problem(parsed.problems, code);
    EXPECT_EQ(problem.place.line, 4) << row;
  }
}

TEST(LimitsFile, ADecisionRuleOfTheTableIsForRowsWithAnUncertainty) {
  const auto parsed = parse_limits(
      "limits: p\nrevision: 1\ndecision_rule: binary\nrows:\n"
      "  - {name: a.b, unit: Cel, max: 85, accuracy: 2, resolution: 1, source: s}\n"
      "  - {name: a.c, unit: Cel, max: 85, uncertainty: 1, decision_rule: simple, source: s}\n"
      "  - {name: a.d, unit: Cel, max: 85, source: s}\n",
      "p.yaml");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->rows[0].text(), "≤ 85 Cel (binary, U = 2.4 Cel, accepted ≤ 82.6 Cel)");
  EXPECT_EQ(parsed.value->rows[1].text(), "≤ 85 Cel (simple, U = 1 Cel)");
  EXPECT_EQ(parsed.value->rows[2].text(), "≤ 85 Cel");
}

TEST(LimitsFile, AGuardBandThatCannotBeMeantIsRefused) {
  const auto problems_of = [](const std::string& row) {
    const auto parsed = parse_limits("limits: p\nrevision: 1\nrows: [{" + row + ", source: s}]\n", "p.yaml");
    return all_text(parsed.problems);
  };
  EXPECT_NE(problems_of("name: a.b, unit: Cel, min: 20, max: 24, uncertainty: 2.1, decision_rule: binary")
                .find("no value could be accepted"),
            std::string::npos);
  EXPECT_EQ(problems_of("name: a.b, unit: Cel, min: 20, max: 24, uncertainty: 2.1"), "");
  EXPECT_NE(problems_of("name: a.b, unit: Cel, max: 85, marginal: 84, uncertainty: 2, decision_rule: binary")
                .find("the marginal band lies where the guard band fails"),
            std::string::npos);
  EXPECT_EQ(
      problems_of("name: a.b, unit: Cel, max: 85, marginal: 84, uncertainty: 2, decision_rule: four-state"),
      "");
  EXPECT_NE(problems_of("name: gpu.temperature.max, unit: Cel, max: 85, uncertainty: 50")
                .find("limits.implausible"),
            std::string::npos)
      << "an uncertainty in the wrong unit";
  EXPECT_NE(problems_of("name: a.b, unit: Cel, max: 85, uncertainty: 2, decision_rule: binry").find("binary"),
            std::string::npos)
      << "the nearest is suggested";
}

TEST(LimitsFile, ASecondRowForTheSamePartIsRefused) {
  const auto parsed =
      rows("  - {name: a.b, unit: Cel, max: 1, source: s}\n  - {name: a.b, unit: Cel, max: 2, source: s}\n");
  EXPECT_EQ(find_problem(parsed.problems, "limits.duplicate_row").place.line, 5);
}

TEST(LimitsFile, TheProductIsTheNameOfTheFile) {
  const auto parsed = parse_limits(
      "limits: q\nrevision: 1\nrows: [{name: a.b, unit: Cel, max: 1, source: s}]\n", "limits/p.yaml");
  EXPECT_EQ(find_problem(parsed.problems, "limits.name").place.line, 1);
}

TEST(LimitsFile, AnEmptyTableIsRefused) {
  find_problem(parse_limits("limits: p\nrevision: 1\nrows: []\n", "p.yaml").problems, "limits.empty");
  find_problem(parse_limits("limits: p\nrevision: 0\nrows: []\n", "p.yaml").problems, "files.wrong_type");
}

class LimitsWithFragments : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_ + "/shared"); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  Parsed<ProductLimits> table(const std::string& text) const {
    return parse_limits("limits: p\nrevision: 7\n" + text, folder_ + "/p.yaml");
  }
  static std::string fragment(int revision, const std::string& rows) {
    return "limits_fragment: f\nrevision: " + std::to_string(revision) + "\nrows:\n" + rows;
  }
  const std::string folder_ = ::testing::TempDir() + "kiln-limits-" + std::to_string(::getpid());
};

constexpr const char* kIncludeF = "include: [{fragment: shared/f.yaml, revision: 2}]\n";

TEST_F(LimitsWithFragments, TheTablesOwnRowStandsInsteadOfAFragments) {
  write("shared/f.yaml", fragment(2,
                                  "  - {name: a.b, unit: Cel, max: 1, source: s}\n"
                                  "  - {name: a.c, unit: Cel, max: 3, source: s}\n"
                                  "allowed_log_entries: [{origin: /a, reason: r, source: s}]\n"));
  const auto parsed = table(std::string(kIncludeF) + "rows: [{name: a.b, unit: Cel, max: 2, source: s}]\n");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->rows.size(), 2U);
  EXPECT_EQ(parsed.value->find("a.b", "", Role::server)->max, 2);
  EXPECT_EQ(parsed.value->find("a.c", "", Role::server)->max, 3);
  EXPECT_EQ(parsed.value->find("a.c", "", Role::server)->place.file, folder_ + "/shared/f.yaml");
  EXPECT_EQ(parsed.value->allowed_log_entries.size(), 1U);
  EXPECT_TRUE(table(kIncludeF)) << "rows of its own are not needed beside those of a fragment";
}

TEST_F(LimitsWithFragments, WhatAFragmentSaysIsPartOfTheTablesHash) {
  write("shared/f.yaml", fragment(2, "  - {name: a.b, unit: Cel, max: 1, source: s}\n"));
  const std::string before = table(kIncludeF).value->sha256;
  EXPECT_EQ(table(kIncludeF).value->sha256, before);
  write("shared/f.yaml", fragment(2, "  - {name: a.b, unit: Cel, max: 9, source: s}\n"));
  EXPECT_NE(table(kIncludeF).value->sha256, before) << "also when nobody counted up its revision";
}

TEST_F(LimitsWithFragments, AFragmentThatHasMovedOnIsRefused) {
  write("shared/f.yaml", fragment(3, "  - {name: a.b, unit: Cel, max: 1, source: s}\n"));
  const auto problem = find_problem(table(kIncludeF).problems, "limits.include_revision");
  EXPECT_EQ(problem.place.file, folder_ + "/p.yaml");
  EXPECT_EQ(problem.place.line, 3);
}

TEST_F(LimitsWithFragments, WhatIsWrongWithAFragmentIsSaidWithItsPlace) {
  write("shared/f.yaml", fragment(2, "  - {name: a.b, unit: C, max: 1, source: s}\n"));
  const auto problem = find_problem(table(kIncludeF).problems, "limits.unit");
  EXPECT_EQ(problem.place.file, folder_ + "/shared/f.yaml");
  EXPECT_EQ(problem.place.line, 4);
  write("shared/f.yaml", "limits: p\nrevision: 2\nrows: []\n");
  find_problem(table(kIncludeF).problems, "files.unknown_key");
  find_problem(table("include: [{fragment: shared/g.yaml, revision: 1}]\n").problems, "limits.include");
  find_problem(table("include: [{fragment: ../f.yaml, revision: 1}]\n").problems, "limits.include");
  find_problem(table("include: [{fragment: /f.yaml, revision: 1}]\n").problems, "limits.include");
  find_problem(table("include: [{fragment: shared/f.yaml}]\n").problems, "files.missing_key");
  find_problem(table("revison: 2\n").problems, "files.missing_key");
}

TEST_F(LimitsWithFragments, OneRowInTwoFragmentsIsNoDecision) {
  const std::string row = "  - {name: a.b, unit: Cel, max: 1, source: s}\n";
  write("shared/f.yaml", fragment(2, row));
  write("shared/g.yaml", fragment(1, row));
  const std::string both =
      "include: [{fragment: shared/f.yaml, revision: 2}, {fragment: shared/g.yaml, revision: 1}]\n";
  const auto problem = find_problem(table(both).problems, "limits.duplicate_row");
  EXPECT_EQ(problem.place.file, folder_ + "/shared/g.yaml");
  EXPECT_TRUE(table(both + "rows: [{name: a.b, unit: Cel, max: 2, source: s}]\n")) << "the table decides";
  find_problem(
      table("include: [{fragment: shared/f.yaml, revision: 2}, {fragment: ./shared/f.yaml, revision: 2}]\n")
          .problems,
      "limits.include");
}

Parsed<ProductLimits> allowing(const std::string& row) {
  return parse_limits(
      "limits: p\nrevision: 7\nrows: [{name: a.b, unit: Cel, max: 1, source: s}]\nallowed_log_entries:\n  "
      "- " +
          row + "\n",
      "limits/p.yaml");
}

TEST(LimitsFile, ReadsWhatIsAllowedInEventLogs) {
  const auto parsed = allowing(
      "{message_id: Base.1.18.X, origin: \"/redfish/v1/*\", message: \"*retrained*\", up_to: any, count: 4, "
      "reason: r, source: s}");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  ASSERT_EQ(parsed.value->allowed_log_entries.size(), 1U);
  const LogAllowance& row = parsed.value->allowed_log_entries[0];
  EXPECT_EQ(row.message_id, "Base.1.18.X");
  EXPECT_EQ(row.up_to, LogSeverity::other);
  EXPECT_EQ(row.count, 4);
  EXPECT_EQ(row.place.text(), "limits/p.yaml:5:5");
  EXPECT_EQ(allowing("{origin: /a, reason: r, source: s}").value->allowed_log_entries[0].up_to,
            LogSeverity::warning);
}

TEST(LimitsFile, AnAllowanceOfEverythingOrWithoutAReasonIsRefused) {
  for (const auto& [row, code] :
       {std::pair{"{reason: r, source: s}", "limits.allows_anything"},
        {"{message: \"**\", origin: \"*\", reason: r, source: s}", "limits.allows_anything"},
        {"{message_id: \"Base.*\", reason: r, source: s}", "limits.allows_anything"},
        {"{message_id: A.1.0.B, source: s}", "files.missing_key"},
        {"{message_id: A.1.0.B, reason: r}", "files.missing_key"},
        {"{message_id: A.1.0.B, up_to: Fatal, reason: r, source: s}", "files.unknown_word"},
        {"{message_id: A.1.0.B, count: 0, reason: r, source: s}", "files.wrong_type"},
        {"{mesage_id: A.1.0.B, reason: r, source: s}", "files.unknown_key"}}) {
    find_problem(allowing(row).problems, code);
  }
}

}  // namespace
}  // namespace kiln