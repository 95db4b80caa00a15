// What the station has signed of a record is kept beside it, in order, and nobody rewrites it.

#include "store/checkpoints.h"

#include <gtest/gtest.h>

#include "store/migrations.h"
#include "store/schema.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

TEST(Checkpoints, AreReadInOrderAndOfTheirRunOnly) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {event_with(RunBegun{})}), other = record(directory, {});
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(add_checkpoint(path, run, "{\"a\":1}", 7));
  ASSERT_TRUE(add_checkpoint(path, other, "{\"b\":1}", 8));
  ASSERT_TRUE(add_checkpoint(path, run, "{\"c\":1}", 9));
  const auto view = RunView::open(path);
  ASSERT_TRUE(view);
  const Result<std::vector<std::string>> kept = (*view)->checkpoints(run);
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, (std::vector<std::string>{"{\"a\":1}", "{\"c\":1}"}));
  EXPECT_EQ(query(path, "SELECT count(*) FROM checkpoint"), "3");
  const Result<RunSummary> summary = (*view)->run(run);
  ASSERT_TRUE(summary);
  EXPECT_EQ((*view)->chain_at(run, summary->events).value(), summary->chain_head);
  EXPECT_EQ((*view)->chain_at(run, summary->events + 1).value(), "");
}

TEST(Checkpoints, NobodyRewritesThem) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {});
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(add_checkpoint(path, run, "{}", 7));
  EXPECT_NE(sql(path, "UPDATE checkpoint SET envelope = ''"), "");
  EXPECT_NE(sql(path, "DELETE FROM checkpoint"), "");
  const Status none = add_checkpoint(path, "R-none", "{}", 7);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "checkpoint.no_run");
}

TEST(Checkpoints, ARecordOfBeforeThemHasNoneAndIsBroughtUpToThem) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {});
  const std::string path = directory.file("kiln.db");
  const char* const form =
      "SELECT group_concat(sql) FROM (SELECT sql FROM sqlite_schema WHERE tbl_name = 'checkpoint' ORDER BY "
      "name)";
  const std::string now = query(path, form);
  ASSERT_EQ(sql(path,
                "DROP TABLE audit; DROP TABLE checkpoint; PRAGMA user_version = 2; UPDATE meta SET value = "
                "'2' WHERE name = "
                "'schema_version'"),
            "");
  {
    const auto view = RunView::open(path);
    ASSERT_TRUE(view);
    EXPECT_TRUE((*view)->checkpoints(run).value().empty());
  }
  ASSERT_TRUE(add_checkpoint(path, run, "{}", 7));
  EXPECT_EQ(query(path, form), now);
  EXPECT_EQ(query(path, "PRAGMA user_version"), std::to_string(kSchemaVersion));
}

}  // namespace
}  // namespace kiln
