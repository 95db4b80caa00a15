// The bring-up clock in every format: what is not recorded says so, corrections stand beside what they
// correct, and nothing that people wrote becomes part of a page.

#include "common/clock_rows.h"

#include <gtest/gtest.h>

#include "common/record_for_test.h"

namespace kiln {
namespace {

constexpr std::int64_t kMoment = 1'700'000'000'000'000'000;
constexpr std::int64_t kMinute = 60'000'000'000;

RackNote arrival(const std::string& by, std::int64_t at) {
  RackNote note;
  note.rack = "R01";
  note.by = by;
  note.station = "ST-04";
  note.at_utc_ns = note.noted_utc_ns = at;
  return note;
}

BringUp clock() {
  BringUp made;
  made.rack = "R01";
  made.runs = 2;
  made.notes = {arrival("Kim", kMoment), arrival("<b>Lee</b>", kMoment - kMinute)};
  made.arrived = made.notes.back();
  made.first_run = ClockMilestone{"", kMoment + kMinute, "R-1"};
  made.phases = {ClockMilestone{"cooling", kMoment + 2 * kMinute, "R-1"},
                 ClockMilestone{"soak", kMoment + 4 * kMinute, "R-2"}};
  made.powered = ClockMilestone{"", kMoment + 3 * kMinute, "R-1"};
  made.begins_utc_ns = kMoment - kMinute;
  made.ends_utc_ns = kMoment + 9 * kMinute;
  made.shares = ClockShares{kMinute, 2 * kMinute, 3 * kMinute, 0, 4 * kMinute};
  made.remarks = {"the station's clock was set back"};
  return made;
}

TEST(ClockRows, StandInTheOrderOfTimeWithTheTimeSinceTheArrival) {
  const std::vector<ClockRow> rows = clock_rows(clock());
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].run, "noted by <b>Lee</b>");
  EXPECT_EQ(rows[1].after, "2m");
  EXPECT_EQ(rows[2].what, "passed cooling");
  EXPECT_EQ(rows[3].what, "first powered");
  EXPECT_EQ(rows[4].what, "passed soak");
  EXPECT_EQ(rows[5].what, "first token");
  EXPECT_EQ(rows[5].when, "not recorded");
  EXPECT_EQ(rows[5].after, "");
}

TEST(ClockRows, WithoutAnyRecordNothingIsZero) {
  const std::vector<ClockRow> rows = clock_rows(BringUp());
  ASSERT_EQ(rows.size(), 4U);
  for (const ClockRow& row : rows) EXPECT_EQ(row.when + row.after, "not recorded") << row.what;
  EXPECT_TRUE(clock_shares(BringUp()).empty());
}

TEST(ClockRows, EveryFormatTellsThem) {
  RecordForTest record;
  record.end();
  record.input.bring_up = clock();
  const ReportInput& input = record.done();
  const std::string page = render_report("html", input);
  const std::string text = render_report("text", input);
  for (const std::string* format : {&page, &text}) {
    for (const char* wanted :
         {"passed cooling", "first powered", "not recorded", "set back", "tests running"})
      EXPECT_NE(format->find(wanted), std::string::npos) << wanted;
  }
  EXPECT_EQ(page.find("<b>Lee"), std::string::npos) << "a name is text";
  EXPECT_NE(text.find("40 %"), std::string::npos);
  EXPECT_NE(render_report("json", input).find("\"first_token\":null"), std::string::npos);
}

}  // namespace
}  // namespace kiln
