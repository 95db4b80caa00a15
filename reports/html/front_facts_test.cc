// Claims about page 1 beside its reasons: who, by what, how much, and in which language.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "common/local_words.h"
#include "common/record_for_test.h"

namespace kiln {
namespace {

std::string front_of(const ReportInput& input) {
  const std::string page = render_report("html", input);
  return page.substr(page.find("class=\"page1\""), page.find("</section>") - page.find("class=\"page1\""));
}

RunBegun& begun_of(RecordForTest& record) {
  return std::get<RunBegun>(record.input.events.events.front().body);
}

TEST(FrontFacts, ThePartIsNamedWithSlotSerialAndPartNumber) {
  RecordForTest record;
  record.add("C01", "identity/read",
             PartSeen{ComponentKind::gpu, "GPU_0", "1324123456789", "699-2G548", "", "", {}});
  record.add("C01", "identity/read", PartSeen{ComponentKind::gpu, "GPU_1", "999", "", "", "", {}});
  record.measured(Outcome::fail, 91.5, "hot");
  record.end();
  const std::string front = front_of(record.done());
  EXPECT_NE(front.find("C01 (compute tray, U11) · GPU_0 · serial 1324123456789 · part number 699-2G548"),
            std::string::npos);
  EXPECT_EQ(front.find("999"), std::string::npos) << "a neighbour's serial";
}

TEST(FrontFacts, TheDecisionIsSaidInASentenceWithWhatWasMeasured) {
  RecordForTest bad;
  bad.measured(Outcome::fail, 91.5, "hot");
  bad.end();
  EXPECT_NE(front_of(bad.done())
                .find("Do not ship:</b> C01 GPU_0 failed. Of this rack, 1 of 1 required checks were "
                      "measured, 1 of them failed."),
            std::string::npos);
  RecordForTest good;
  good.measured(Outcome::pass, 60.0);
  good.end();
  EXPECT_NE(front_of(good.done()).find("Passed:</b> 1 of 1 required checks were measured, none failed."),
            std::string::npos);
  RecordForTest unknown;
  unknown.end();
  EXPECT_NE(
      front_of(unknown.done()).find("Not decided:</b> 0 of 1 required checks were measured, 1 were not"),
      std::string::npos);
}

TEST(FrontFacts, WhoDecidedAndByWhichLimitsIsSaid) {
  RecordForTest record;
  begun_of(record).limits_file = "/usr/share/kiln/recipes/limits/gb300-nvl72.yaml";
  begun_of(record).limits_revision = 7;
  begun_of(record).station = "ST-04";
  begun_of(record).recipe_sha256 = std::string(64, '9');
  record.measured(Outcome::pass, 60.0);
  record.end();
  const std::string front = front_of(record.done());
  for (const char* wanted : {"gb300-nvl72.yaml revision 7", "ST-04", "demo@1.0.0", "999999999999…"})
    EXPECT_NE(front.find(wanted), std::string::npos) << wanted;
}

TEST(FrontFacts, TheSoakIsTheShortestOfWhatEachDutHadInOnePiece) {
  RecordForTest record;
  record.plan("C02", Role::compute_tray, 12);
  begun_of(record).parameters["soak"] = "72h";
  PermitGranted load;
  load.energy = "load";
  record.add("C01", "soak/load", load);
  record.add("C02", "soak/load", load);
  record.plan("R01", Role::rack, std::nullopt);
  record.add("C02", "soak/load", StepEnded{});  // after two seconds
  record.add("R01", "data/all", load);
  record.add("R01", "data/all", StepEnded{});  // no DUT's soak
  record.measured(Outcome::pass, 60.0);
  record.end();
  const std::string front = front_of(record.done());
  EXPECT_NE(front.find("72h asked; 2 of 2 under load, the shortest of them 2s in one piece (C02)"),
            std::string::npos);
}

TEST(FrontFacts, TheSoakNamesWhoHadNone) {
  RecordForTest record;
  record.plan("C02", Role::compute_tray, 12);
  PermitGranted load;
  load.energy = "load";
  record.add("C02", "soak/load", load);
  record.add("C02", "soak/load", StepEnded{});
  record.end();
  EXPECT_NE(front_of(record.done())
                .find("1 of 2 under load, the shortest of them 1s in one piece (C02); never: C01"),
            std::string::npos);
}

TEST(FrontFacts, EachFailedPartIsThereAndWhatWasNotRunComesAfterIt) {
  RecordForTest record;
  for (int index = 0; index < 6; ++index) {
    CellPlanned cell;
    cell.cell = {"soak/load", "C01", "gpu.temperature.max", ComponentKind::gpu,
                 fmt::format("GPU_{}", index + 10)};
    record.add("C01", "soak/load", cell);
    Measured hot;
    hot.name = "gpu.temperature.max";
    hot.kind = ComponentKind::gpu;
    hot.part = cell.cell.part;
    hot.value = 91.0;
    hot.outcome = Outcome::fail;
    hot.fault_code = "gpu.hot";
    hot.action = "look at its cold plate";
    record.add("C01", "soak/load", hot);
  }
  CellPlanned never;
  never.cell = {"late/never", "C01", "late.value", ComponentKind::whole_dut, ""};
  record.add("C01", "late/never", never);
  record.end();
  const std::string front = front_of(record.done());
  for (int index = 0; index < 6; ++index)
    EXPECT_NE(front.find(fmt::format("GPU_{}", index + 10)), std::string::npos) << index;
  EXPECT_EQ(count_in(front, "→ look at its cold plate"), 6);
  EXPECT_NE(front.find("late/never was never reached"), std::string::npos) << "its cause is among the facts";
  EXPECT_NE(front.find("table “Every reason in full” behind this page"), std::string::npos);
}

TEST(FrontFacts, ACutNamesItsPartAndCause) {
  RecordForTest record;
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  cut.part = "LeakDetector_0";
  cut.detected_ns = 1'000'000'000;
  cut.load_stopped_ns = 1'223'000'000;
  for (int times = 0; times < 5; ++times) record.add("C01", "monitor/leak_watch", cut);
  record.end();
  const std::string front = front_of(record.done());
  EXPECT_EQ(count_in(front, "ENERGY REMOVED · C01 · LeakDetector_0 · leak"), 3);
  EXPECT_NE(front.find("and 2 more cuts, see below"), std::string::npos);
}

TEST(FrontFacts, ASecondLanguageStandsBesideEnglishAndNeverInstead) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "hot");
  record.end();
  ReportInput& input = record.done();
  const std::string english = front_of(input);
  EXPECT_EQ(english.find("class=\"local\""), std::string::npos) << "unless it is asked for";
  input.language = "zh-CN";
  const std::string both = front_of(input);
  for (const char* wanted :
       {"✖ NO-GO", "不合格", "Do not ship", "不得出货", "Sign-off", "签核", "not-eligible", "不可签核",
        "模拟机柜", "SIMULATED RACK – NOT HARDWARE", "check the cold plate"})
    EXPECT_NE(both.find(wanted), std::string::npos) << wanted;
}

TEST(FrontFacts, EveryWordOfTheTableIsTranslatedOnce) {
  std::set<std::string_view> seen;
  for (const std::string_view word : words_with_translation()) {
    EXPECT_TRUE(seen.insert(word).second) << word;
    for (const std::string& language : local_languages())
      EXPECT_FALSE(local_word(language, word).empty()) << word;
  }
  EXPECT_TRUE(local_word("", "GO").empty());
  EXPECT_TRUE(local_word("xx", "GO").empty());
  EXPECT_TRUE(local_word("zh-CN", "a part's name").empty());
  for (const char* word : {"GO", "NO-GO", "CONDITIONAL", "INCOMPLETE", "SURVEY", "unsigned", "signed",
                           "rejected", "not-eligible"})
    EXPECT_EQ(seen.count(word), 1U) << word;
}

}  // namespace
}  // namespace kiln
