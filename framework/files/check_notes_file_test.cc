#include "files/check_notes_file.h"

#include "files/problems_for_test.h"

namespace kiln {
namespace {

Parsed<CheckNotes> notes_of(const std::string& rows) {
  return parse_check_notes("checks:\n" + rows, "checks.yaml");
}

TEST(CheckNotes, AWholeNameComesBeforeAPattern) {
  const auto parsed = notes_of(
      "  - {check: \"*.serial\", source: any, proof: none, not_it: n, others: []}\n"
      "  - {check: inventory.serial, source: its own, proof: gpu-missing, not_it: n, others: [DCGM, "
      "gpud]}\n");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(find_note(*parsed.value, "inventory.serial")->source, "its own");
  EXPECT_EQ(find_note(*parsed.value, "inventory.serial")->others.size(), 2U);
  EXPECT_EQ(find_note(*parsed.value, "gpu.serial")->source, "any");
  EXPECT_EQ(find_note(*parsed.value, "gpu.serial")->proof, "");
  EXPECT_EQ(find_note(*parsed.value, "gpu.in_band.serial"), nullptr) << "* is one word";
  EXPECT_EQ(find_note(*parsed.value, "gpu.hot"), nullptr);
}

TEST(CheckNotes, WhatIsWrongIsSaidWithItsPlace) {
  const std::string good = "  - {check: a.b, source: s, proof: none, not_it: n, others: []}\n";
  EXPECT_EQ(find_problem(notes_of(good + good).problems, "checks.duplicate").place.line, 3);
  find_problem(notes_of("  - {check: Hot, source: s, proof: none, not_it: n, others: []}\n").problems,
               "checks.name");
  find_problem(notes_of("  - {check: a.b, source: s, proof: none, others: []}\n").problems,
               "files.missing_key");
  find_problem(notes_of("  - {check: a.b, sorce: s, proof: none, not_it: n, others: []}\n").problems,
               "files.unknown_key");
}

}  // namespace
}  // namespace kiln
