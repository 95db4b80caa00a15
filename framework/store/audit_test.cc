// What people have signed is kept in one chain, in order, and nobody rewrites it.

#include <gtest/gtest.h>

#include "store/audit_trail.h"
#include "store/migrations.h"
#include "store/schema.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

Result<AuditRow> add(const std::string& path, const std::string& run, const std::string& head,
                     const std::string& statement = "{\"act\":\"approve\"}\n") {
  AuditRow row;
  row.run = run;
  row.statement = statement;
  row.signature = "-----BEGIN SSH SIGNATURE-----";
  row.recorded_utc_ns = 17;
  return add_audit_entry(
      path, row, head, [](const AuditRow& entry) -> Result<std::string> { return "signed " + entry.chain; });
}

TEST(Audit, IsOneChainOverAllRuns) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {event_with(RunBegun{})}), other = record(directory, {});
  const std::string path = directory.file("kiln.db");
  const Result<AuditRow> first = add(path, run, std::string(kNoAuditYet));
  ASSERT_TRUE(first) << first.error().sentence();
  const Result<AuditRow> second = add(path, other, first->chain);
  ASSERT_TRUE(second) << second.error().sentence();
  EXPECT_EQ(second->number, 2);
  const auto view = RunView::open(path);
  ASSERT_TRUE(view);
  const Result<std::vector<AuditRow>> rows = (*view)->audit();
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].run, run);
  EXPECT_EQ((*rows)[1].run, other);
  EXPECT_EQ((*rows)[1].envelope, "signed " + second->chain);
  EXPECT_EQ(audit_hash(std::string(kNoAuditYet), (*rows)[0]), (*rows)[0].chain);
  EXPECT_EQ(audit_hash((*rows)[0].chain, (*rows)[1]), (*rows)[1].chain);
  AuditRow changed = (*rows)[1];
  changed.recorded_utc_ns = 18;
  EXPECT_NE(audit_hash((*rows)[0].chain, changed), changed.chain);
  changed = (*rows)[1];
  changed.statement += changed.signature;  // a byte that moves from one column to the next
  changed.signature.clear();
  EXPECT_NE(audit_hash((*rows)[0].chain, changed), changed.chain);
}

TEST(Audit, WhatWasSignedForAnotherPlaceIsRefused) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {});
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(add(path, run, std::string(kNoAuditYet)));
  const Result<AuditRow> late = add(path, run, std::string(kNoAuditYet));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "audit.moved_on");
  EXPECT_EQ(query(path, "SELECT count(*) FROM audit"), "1");
}

TEST(Audit, KeepsNothingThatTheStationDidNotSignOrThatIsOfNoRun) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {});
  const std::string path = directory.file("kiln.db");
  AuditRow row;
  row.run = run;
  const Result<AuditRow> unsigned_one = add_audit_entry(
      path, row, std::string(kNoAuditYet),
      [](const AuditRow&) -> Result<std::string> { return Error("key.not_usable", "no key"); });
  ASSERT_FALSE(unsigned_one);
  EXPECT_EQ(unsigned_one.error().code, "key.not_usable");
  const Result<AuditRow> of_none = add(path, "R-none", std::string(kNoAuditYet));
  ASSERT_FALSE(of_none);
  EXPECT_EQ(of_none.error().code, "audit.no_run");
  EXPECT_EQ(query(path, "SELECT count(*) FROM audit"), "0");
  EXPECT_TRUE(add(path, run, std::string(kNoAuditYet))) << "the lock is free again";
}

TEST(Audit, NobodyRewritesIt) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {});
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(add(path, run, std::string(kNoAuditYet)));
  EXPECT_NE(sql(path, "UPDATE audit SET statement = ''"), "");
  EXPECT_NE(sql(path, "DELETE FROM audit"), "");
}

TEST(Audit, ARecordOfBeforeItHasNoneAndIsBroughtUpToIt) {
  const TemporaryDirectory directory;
  const std::string run = record(directory, {});
  const std::string path = directory.file("kiln.db");
  const char* const form =
      "SELECT group_concat(sql) FROM (SELECT sql FROM sqlite_schema WHERE tbl_name = 'audit' ORDER BY name)";
  const std::string now = query(path, form);
  ASSERT_EQ(sql(path,
                "DROP TABLE audit; PRAGMA user_version = 3; UPDATE meta SET value = '3' WHERE name = "
                "'schema_version'"),
            "");
  {
    const auto view = RunView::open(path);
    ASSERT_TRUE(view);
    const Result<std::vector<AuditRow>> none = (*view)->audit();
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
  }
  ASSERT_TRUE(add(path, run, std::string(kNoAuditYet)));
  EXPECT_EQ(query(path, form), now);
  EXPECT_EQ(query(path, "PRAGMA user_version"), std::to_string(kSchemaVersion));
}

}  // namespace
}  // namespace kiln
