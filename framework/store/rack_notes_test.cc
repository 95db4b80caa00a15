// What people note about a rack is kept beside the runs, never changed, and read into its bring-up clock.

#include "store/rack_notes.h"

#include <gtest/gtest.h>

#include "store/migrations.h"
#include "store/schema.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

RackNote arrival(const std::string& rack, std::int64_t at_utc_ns) {
  RackNote note;
  note.rack = rack;
  note.at_utc_ns = at_utc_ns;
  note.by = "Kim";
  note.station = "ST-04";
  note.noted_utc_ns = at_utc_ns + 60'000'000'000;
  return note;
}

TEST(RackNotes, MakeTheRecordAndAreReadInOrder) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("kiln.db");
  RackNote waits = arrival("R01", 9);
  waits.what = RackNote::What::waits_for_parts;
  ASSERT_TRUE(add_rack_note(path, arrival("R01", 7)));
  ASSERT_TRUE(add_rack_note(path, waits));
  ASSERT_TRUE(add_rack_note(path, arrival("R01", 5)));
  const auto view = RunView::open(path);
  ASSERT_TRUE(view);
  const Result<std::vector<RackNote>> notes = (*view)->rack_notes();
  ASSERT_TRUE(notes);
  ASSERT_EQ(notes->size(), 3U);
  EXPECT_EQ((*notes)[0].at_utc_ns, 7);
  EXPECT_EQ((*notes)[1].what, RackNote::What::waits_for_parts);
  EXPECT_EQ((*notes)[2].by, "Kim");
  EXPECT_EQ((*notes)[2].station, "ST-04");
  EXPECT_TRUE((*view)->runs()->empty());
}

TEST(RackNotes, NobodyRewritesThem) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(add_rack_note(path, arrival("R01", 7)));
  EXPECT_NE(sql(path, "UPDATE rack_note SET at_utc_ns = 1"), "");
  EXPECT_NE(sql(path, "DELETE FROM rack_note"), "");
  EXPECT_NE(sql(path, "INSERT INTO rack_note VALUES (9, 'R01', 'sold', 1, 'Kim', 'S', 1)"), "");
}

TEST(RackNotes, ARecordOfBeforeThemIsReadWithoutAndBroughtUpToThem) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("kiln.db");
  { ASSERT_TRUE(open_for_writing(path)); }
  const std::string now =
      query(path,
            "SELECT group_concat(sql) FROM (SELECT sql FROM sqlite_schema WHERE tbl_name = 'rack_note' "
            "OR name = 'event_clock' ORDER BY name)");
  ASSERT_EQ(sql(path,
                "DROP TABLE rack_note; DROP TABLE audit; DROP TABLE checkpoint; DROP INDEX event_clock; "
                "PRAGMA user_version = "
                "1; UPDATE meta SET "
                "value = '1' "
                "WHERE name = 'schema_version'"),
            "");
  {
    const auto view = RunView::open(path);
    ASSERT_TRUE(view);
    EXPECT_TRUE((*view)->rack_notes()->empty());
  }
  ASSERT_TRUE(add_rack_note(path, arrival("R01", 7)));
  EXPECT_EQ(query(path,
                  "SELECT group_concat(sql) FROM (SELECT sql FROM sqlite_schema WHERE tbl_name = 'rack_note' "
                  "OR name = 'event_clock' ORDER BY name)"),
            now);
  EXPECT_EQ(query(path, "PRAGMA user_version"), std::to_string(kSchemaVersion));
}

TEST(RackNotes, TheClockIsReadOverTheRacksRunsAndNoOthers) {
  const TemporaryDirectory directory;
  const auto run_of = [&directory](const std::string& rack, const std::string& serial,
                                   const std::string& token) {
    RunBegun begun;
    begun.rack = rack;
    DutPlanned planned;
    planned.expected_serial = serial;
    std::vector<Event> events = {event_with(begun), event_with(planned)};
    if (!token.empty()) events.push_back(measured("first_token.at", "", token, Outcome::informational));
    events.push_back(event_with(RunEnded{"complete", ""}));
    return record(directory, std::move(events));
  };
  const std::string first = run_of("R01", "s1", "2023-11-14T22:13:20.000Z");
  run_of("R01", "s2", "2023-11-14T22:13:19.000Z");
  const std::string again = run_of("R01", "s1", "");
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(add_rack_note(path, arrival("R01", 1'699'999'990'000'000'000)));
  const auto view = RunView::open(path);
  ASSERT_TRUE(view);
  const Result<BringUp> clock = (*view)->bring_up(again);
  ASSERT_TRUE(clock) << clock.error().full();
  EXPECT_EQ(clock->runs, 2);
  ASSERT_TRUE(clock->first_token);
  EXPECT_EQ(clock->first_token->run, first);
  EXPECT_EQ(clock->since_arrival(clock->first_token), 10'000'000'000);
  EXPECT_EQ((*view)->bring_up(first)->runs, 1) << "what came later is not in an earlier run's report";
  EXPECT_EQ((*view)->bring_up("R-none").error().code, "run.unknown");
}

}  // namespace
}  // namespace kiln
