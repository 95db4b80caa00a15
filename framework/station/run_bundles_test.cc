// Over ledgers that the real ledger wrote: what arrives is what was sent, and nothing else is taken.

#include "station/run_bundles.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "quality/attempts_for_test.h"
#include "station/import_mark.h"
#include "store/schema.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
using store_test::TemporaryDirectory;

/// A station with one run, and its bundle.
struct SentBundle {
  TemporaryDirectory from, to;
  SigningKey key = *SigningKey::generate();
  std::string run, bundle = from.file("home.kiln"), target = to.file("kiln.db");

  SentBundle() {
    run = store_test::record(from, RunForTest::whole("SN1", 80).events);
    const auto view = RunView::open(from.file("kiln.db"));
    const auto sent = export_runs(**view, {run}, key, bundle);
    EXPECT_TRUE(sent) << sent.error().sentence();
  }
  Result<ImportedRuns> import(bool untrusted = false) const {
    return import_runs(bundle, target, {key.verifying_key()}, untrusted);
  }
  void sql(const std::string& statement) const { EXPECT_EQ(store_test::sql(bundle, statement), ""); }
  [[nodiscard]] bool nothing_arrived() const {
    const auto view = RunView::open(target);
    return !view || (*view)->runs()->empty();
  }
};

TEST(RunBundles, WhatArrivesIsWhatWasSent) {
  const SentBundle sent;
  const auto imported = sent.import();
  ASSERT_TRUE(imported) << imported.error().sentence();
  EXPECT_EQ(imported->taken, std::vector<std::string>{sent.run});
  EXPECT_TRUE(imported->trusted);
  const auto there = RunView::open(sent.target);
  const auto here = RunView::open(sent.from.file("kiln.db"));
  EXPECT_TRUE((*there)->verify_chain(sent.run)->intact);
  EXPECT_EQ((*there)->run(sent.run)->chain_head, (*here)->run(sent.run)->chain_head);
  EXPECT_EQ((*there)->measurements(sent.run)->size(), (*here)->measurements(sent.run)->size());
  const auto mark = read_import_mark(sent.target, sent.run);
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->key_id, sent.key.verifying_key().id());
  EXPECT_EQ(mark->sentence().find("NOBODY"), std::string::npos);
}

TEST(RunBundles, TwiceIsTheSameAsOnce) {
  const SentBundle sent;
  ASSERT_TRUE(sent.import());
  const auto again = sent.import();
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_TRUE(again->taken.empty());
  EXPECT_EQ(again->here_already, std::vector<std::string>{sent.run});
  EXPECT_EQ((*RunView::open(sent.target))->runs()->size(), 1U);
}

TEST(RunBundles, ABundleIsReadAsARecord) {
  const SentBundle sent;
  const auto view = RunView::open(sent.bundle);
  ASSERT_TRUE(view) << view.error().sentence();
  EXPECT_EQ((*view)->find_run("last").value(), sent.run);
}

TEST(RunBundles, WithoutATrustedKeyItIsRefusedOrMarked) {
  const SentBundle sent;
  const SigningKey other = *SigningKey::generate();
  const auto refused = import_runs(sent.bundle, sent.target, {other.verifying_key()}, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "import.not_trusted");
  EXPECT_TRUE(sent.nothing_arrived());
  const auto taken = import_runs(sent.bundle, sent.target, {other.verifying_key()}, true);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->trusted);
  EXPECT_NE(read_import_mark(sent.target, sent.run)->sentence().find("TRUSTED BY NOBODY"), std::string::npos);
}

TEST(RunBundles, WhateverIsChangedIsFoundAlsoWhenNobodyIsTrusted) {
  const std::vector<std::pair<std::string, std::string>> changes{
      {"a time", "UPDATE event SET utc_ns = utc_ns + 1 WHERE sequence = 4"},
      {"an outcome", "UPDATE event SET body = replace(body, '\"pass\"', '\"fail\"') WHERE kind = 'measured'"},
      {"a typed row", "UPDATE measurement SET value_real = 70"},
      {"an event gone", "DELETE FROM event WHERE sequence = 3"},
      {"the tail cut", "DELETE FROM event WHERE sequence = (SELECT max(sequence) FROM event)"},
      {"the head", "UPDATE head SET chain = zeroblob(32)"},
      {"another run added", "INSERT INTO run SELECT 99, 'R-20260101-000000-abcd', 1, 1, 1, '', '' FROM run"},
      {"a file added", "INSERT INTO bundle_file VALUES ('report', 'R-1', '../../x', 'aa', x'00')"},
      {"the manifest",
       "UPDATE bundle SET envelope = replace(envelope, '\"payload\":\"', '\"payload\":\"AAAA')"},
      {"no manifest", "DELETE FROM bundle"},
      {"two manifests", "INSERT INTO bundle SELECT envelope FROM bundle"},
      {"a trigger", "CREATE TRIGGER sly AFTER INSERT ON run BEGIN SELECT 1; END"},
      {"a view", "CREATE VIEW sly AS SELECT * FROM event"},
      {"a table less", "DROP TABLE checkpoint"},
  };
  for (const auto& [what, statement] : changes) {
    const SentBundle sent;
    sent.sql(statement);
    for (const bool untrusted : {false, true}) {
      const auto imported = sent.import(untrusted);
      EXPECT_FALSE(imported) << what;
      EXPECT_TRUE(sent.nothing_arrived()) << what;
      EXPECT_FALSE(read_import_mark(sent.target, sent.run)) << what;
    }
  }
}

TEST(RunBundles, WhatIsNoBundleIsSaid) {
  const SentBundle sent;
  const auto code_of = [&sent](const std::string& file) {
    const auto imported = import_runs(file, sent.target, {sent.key.verifying_key()}, true);
    return imported ? std::string("imported") : imported.error().code;
  };
  EXPECT_EQ(code_of(sent.from.file("gone.kiln")), "bundle.not_found");
  EXPECT_EQ(code_of(sent.from.file("kiln.db")), "bundle.not_a_bundle");
  std::ofstream(sent.from.file("garbage.kiln")) << std::string(20'000, 'x');
  EXPECT_EQ(code_of(sent.from.file("garbage.kiln")), "bundle.not_a_bundle");
  std::ofstream(sent.from.file("empty.kiln")).close();
  EXPECT_EQ(code_of(sent.from.file("empty.kiln")), "bundle.not_a_bundle");
  fs::copy_file(sent.bundle, sent.from.file("cut.kiln"));
  fs::resize_file(sent.from.file("cut.kiln"), fs::file_size(sent.bundle) / 2 / 4096 * 4096);
  EXPECT_EQ(code_of(sent.from.file("cut.kiln")).substr(0, 7), "bundle.");
  sent.sql("PRAGMA user_version = 9999");
  EXPECT_EQ(code_of(sent.bundle), "bundle.newer");
  EXPECT_TRUE(sent.nothing_arrived());
}

TEST(RunBundles, ARunOfThatIdThatIsAnotherOneIsNotReplaced) {
  const SentBundle sent;
  // The target has the same id with other events.
  ASSERT_TRUE(sent.import());
  ASSERT_EQ(
      store_test::sql(sent.target, "DROP TRIGGER head_forward_only; UPDATE head SET chain = zeroblob(32)"),
      "");
  const auto again = sent.import();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "import.other_run");
}

TEST(RunBundles, AnExportThatFailsLeavesNothing) {
  const TemporaryDirectory directory;
  const std::string run = store_test::record(directory, RunForTest::whole("SN1", 80).events);
  ASSERT_EQ(store_test::sql(directory.file("kiln.db"),
                            "DROP TRIGGER event_no_update; UPDATE event SET utc_ns = 1 WHERE sequence = 2"),
            "");
  const auto view = RunView::open(directory.file("kiln.db"));
  const auto sent = export_runs(**view, {run}, *SigningKey::generate(), directory.file("home.kiln"));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, "export.record_changed");
  EXPECT_FALSE(fs::exists(directory.file("home.kiln")));
  EXPECT_FALSE(fs::exists(directory.file("home.kiln.part")));
}

}  // namespace
}  // namespace kiln
