// The schema as people meet it in the sqlite3 shell: explained, typed, and impossible to rewrite by accident.
#include "store/schema.h"

#include <gtest/gtest.h>

#include <sstream>

#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

const std::vector<std::string> kTables{"meta", "run",          "head",     "event",    "measurement",
                                       "cell", "series_chunk", "artifact", "rack_note"};

std::vector<Event> one_of_each_table() {
  CellPlanned cell;
  cell.cell = {"cooling/flow", "C01", "gpu.temperature.max", ComponentKind::gpu, "GPU_0"};
  cell.unit = "Cel";
  return {event_with(cell), measured("gpu.temperature.max", "GPU_0", 61.5), series("gpu.power", {{0, 1}}),
          event_with(Attached{"a.txt", "text/plain", "00", 1})};
}

TEST(Schema, EveryColumnOfEveryTableHasAComment) {
  TemporaryDirectory directory;
  record(directory, {});
  const std::string database = directory.file("kiln.db");
  EXPECT_EQ(query(database,
                  "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                  "name NOT LIKE 'sqlite_%' ORDER BY rowid)"),
            "meta,run,head,event,measurement,cell,series_chunk,artifact,rack_note,checkpoint,audit");
  const std::string schema = schema_sql();
  for (const std::string& table : kTables) {
    std::istringstream lines(query(database, "SELECT sql FROM sqlite_schema WHERE name = '" + table + "'"));
    std::string line;
    std::getline(lines, line);
    int columns = 0;
    while (std::getline(lines, line) && line[0] == ' ') {
      if (line.find("PRIMARY KEY (") != std::string::npos) continue;
      ++columns;
      EXPECT_NE(line.find(" -- "), std::string::npos) << table << ": " << line;
    }
    EXPECT_EQ(std::to_string(columns),
              query(database, "SELECT count(*) FROM pragma_table_info('" + table + "')"));
    const std::size_t at = schema.find("CREATE TABLE " + table + " (");
    ASSERT_NE(at, std::string::npos);
    const std::size_t line_before = schema.rfind('\n', at - 2);
    EXPECT_EQ(schema.compare(line_before + 1, 3, "-- "), 0)
        << "table " << table << " has no comment above it";
  }
}

TEST(Schema, EveryTableIsStrict) {
  TemporaryDirectory directory;
  record(directory, {});
  EXPECT_EQ(query(directory.file("kiln.db"),
                  "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND "
                  "type = 'table' AND name NOT LIKE 'sqlite_%' AND strict = 0"),
            "0");
  EXPECT_NE(sql(directory.file("kiln.db"), "INSERT INTO run VALUES (9, 'R-x', 'not a number', 0, 0, '', '')"),
            "");
}

TEST(Schema, RefusesToUpdateOrDeleteAnyRowOfTheRecord) {
  TemporaryDirectory directory;
  record(directory, one_of_each_table());
  const std::string database = directory.file("kiln.db");
  for (const std::string& table : kTables) {
    if (table == "meta" || table == "rack_note") continue;  // rack_notes_test.cc
    ASSERT_NE(query(database, "SELECT count(*) FROM " + table), "0") << table;
    EXPECT_NE(sql(database, "DELETE FROM " + table).find("append-only"), std::string::npos) << table;
    const std::string column = table == "run" ? "pid" : "sequence";
    EXPECT_NE(sql(database, "UPDATE " + table + " SET " + column + " = " + column).find("append-only"),
              std::string::npos)
        << table;
  }
  EXPECT_NE(sql(database, "UPDATE head SET sequence = 1").find("head moves forward"), std::string::npos);
}

TEST(Schema, ViewsShowMeasurementsAndCellsToPeople) {
  TemporaryDirectory directory;
  RunBegun begun;
  begun.rack = "R01";
  begun.recipe = "burn-in";
  std::vector<Event> events{event_with(begun)};
  for (Event& event : one_of_each_table()) events.push_back(std::move(event));
  CellPlanned unrun;
  unrun.cell = {"cooling/flow", "C02", "gpu.temperature.max", ComponentKind::gpu, "GPU_0"};
  events.push_back(event_with(unrun));
  const std::string run = record(directory, events);
  const std::string database = directory.file("kiln.db");
  EXPECT_EQ(query(database, "SELECT run || ' ' || rack || ' ' || recipe || ' ' || events FROM v_run"),
            run + " R01 burn-in 6");
  EXPECT_EQ(
      query(database,
            "SELECT at || ' ' || dut || ' ' || name || ' ' || part || ' ' || value || ' ' || unit || ' ' "
            "|| outcome FROM v_measurement"),
      "2023-11-14T22:13:20.123Z C01 gpu.temperature.max GPU_0 61.5 Cel pass");
  EXPECT_EQ(query(database,
                  "SELECT group_concat(dut || '=' || coalesce(outcome, 'not run'), ' ') FROM (SELECT * FROM "
                  "v_cell ORDER BY dut)"),
            "C01=pass C02=not run");
}

TEST(Schema, NumbersThatSqliteDoesNotKnowAreShownAsWords) {
  TemporaryDirectory directory;
  record(directory,
         {measured("a", "", std::numeric_limits<double>::quiet_NaN(), Outcome::fail), measured("b", "", true),
          measured("c", "", std::string("N/A")), measured("d", "", Value())});
  EXPECT_EQ(query(directory.file("kiln.db"),
                  "SELECT group_concat(name || '=' || value_type || '=' || coalesce(value, "
                  "'nothing'), ' ') FROM v_measurement"),
            "a=real=NaN b=boolean=true c=text=N/A d=none=nothing");
}

}  // namespace
}  // namespace kiln
