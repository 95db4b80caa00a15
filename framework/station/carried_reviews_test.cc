// What people have signed travels with a run, holds where it arrives, and cannot be changed or held back
// there.

#include "station/carried_reviews.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "base/sha256.h"
#include "quality/attempts_for_test.h"
#include "station/carried_notes.h"
#include "station/import_mark.h"
#include "station/reviews.h"
#include "station/run_bundles.h"
#include "station/signatures_for_test.h"
#include "store/audit_trail.h"
#include "store/rack_notes.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using store_test::TemporaryDirectory;

/// A station where a run was recorded, and one that it is sent to.
struct TwoStations {
  TemporaryDirectory from, to;
  SigningKey key = *SigningKey::generate(), home = *SigningKey::generate();
  SignaturesForTest people;
  std::string run, signers = to.file("allowed_signers"), target = to.file("kiln.db");
  int bundles = 0;
  std::int64_t clock = 0;

  TwoStations() {
    run = store_test::record(from, RunForTest::whole("SN1", 80).events);
    for (const char* name : {"qa@site", "lead@site"}) people.allowed.insert({name, "kiln-review"});
    std::ofstream(signers) << "# whom SignaturesForTest knows\n";
    ::chmod(signers.c_str(), 0600);
  }
  void review(const std::string& act, const std::string& signer, std::int64_t withdraws = 0) {
    sign(from.file("kiln.db"), key, act, signer, withdraws);
  }
  void sign(const std::string& database, const SigningKey& station, const std::string& act,
            const std::string& signer, std::int64_t withdraws) {
    const auto view = RunView::open(database);
    const RunSummary summary = *(*view)->run(run);
    const std::vector<AuditRow> trail = *(*view)->audit();
    ReviewStatement said;
    said.act = act;
    said.run = run;
    said.rack = summary.about.rack;
    said.decision = "GO";
    said.operator_name = summary.about.operator_name;
    said.events = summary.events;
    said.chain_head = summary.chain_head;
    said.signer = signer;
    said.reason = "seen";
    said.withdraws = withdraws;
    said.at = "2026-03-01T08:00:00Z";
    said.previous = trail.empty() ? std::string(kNoAuditYet) : trail.back().chain;
    AuditRow row;
    row.run = run;
    row.statement = to_json(said);
    row.signature = *people.sign(signer, "kiln-review", row.statement);
    row.recorded_utc_ns = ++clock;
    const auto added = add_audit_entry(database, row, said.previous, [&station](const AuditRow& one) {
      const AuditAttestation word{one.number, one.run, one.chain, one.recorded_utc_ns};
      return Result<std::string>(to_json(*seal(station, std::string(kAuditType), to_json(word))));
    });
    ASSERT_TRUE(added) << added.error().sentence();
  }
  std::string sent() {
    const std::string bundle = from.file(std::to_string(++bundles) + ".kiln");
    const auto view = RunView::open(from.file("kiln.db"));
    const auto done = export_runs(**view, {run}, key, bundle);
    EXPECT_TRUE(done) << done.error().sentence();
    return bundle;
  }
  Result<ImportedRuns> taken(const std::string& bundle, bool trusted = true) const {
    std::vector<VerifyingKey> keys;
    if (trusted) keys.push_back(key.verifying_key());
    return import_runs(bundle, target, keys, !trusted);
  }
  /// Somebody signs where it was sent to, in a trail of that station.
  void review_there(const std::string& act, const std::string& signer, std::int64_t withdraws = 0) {
    sign(target, home, act, signer, withdraws);
  }
  std::string sent_on() {
    const std::string bundle = to.file(std::to_string(++bundles) + ".kiln");
    const auto view = RunView::open(target);
    const auto done = export_runs(**view, {run}, home, bundle);
    EXPECT_TRUE(done) << done.error().sentence();
    return bundle;
  }
  std::string decided(const std::string& database, const std::vector<VerifyingKey>& keys) {
    const auto view = RunView::open(database);
    const RunReviews reviews = read_reviews(**view, run, {signers, keys, {}, &people}, 2);
    RunVerdict verdict;
    verdict.ended = true;
    verdict.decision = Decision::go;
    verdict.duts.resize(2);
    put_sign_off(verdict, (*view)->run(run)->about.operator_name, reviews);
    return verdict.sign_off;
  }
  /// As the station it was sent to reads them: with the key that the bundle was trusted by.
  RunReviews there() {
    const auto view = RunView::open(target);
    return read_reviews(**view, run, {signers, {}, {}, &people}, 2);
  }
  [[nodiscard]] std::string kept() const { return to.file("runs/" + run + ".reviews.json"); }
};

TEST(CarriedReviews, WhatPeopleSignedHoldsWhereItArrives) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  stations.review("countersign", "lead@site");
  const auto done = stations.taken(stations.sent());
  ASSERT_TRUE(done) << done.error().sentence();
  EXPECT_EQ(done->with_reviews, std::vector<std::string>{stations.run});
  const RunReviews reviews = stations.there();
  EXPECT_TRUE(reviews.problems.empty());
  ASSERT_EQ(reviews.entries.size(), 2U);
  for (const ReviewEntry& entry : reviews.entries) {
    EXPECT_EQ(entry.invalid_because, "");
    EXPECT_FALSE(entry.station.empty());
    EXPECT_EQ(entry.key, "SHA256:" + entry.signer);
  }
}

TEST(CarriedReviews, AStationThatKnowsNeitherPeopleNorTheStationBelievesNothing) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  const std::string bundle = stations.sent();
  ASSERT_TRUE(stations.taken(bundle));
  stations.people.allowed.clear();
  EXPECT_NE(stations.there().entries.at(0).invalid_because, "");
  TwoStations others;
  others.review("approve", "qa@site");
  ASSERT_TRUE(others.taken(others.sent(), false));
  ASSERT_EQ(others.there().entries.size(), 1U);
  EXPECT_NE(others.there().entries[0].invalid_because.find("no station that is known"), std::string::npos);
}

TEST(CarriedReviews, WhatIsChangedOrTakenAwayThereIsFound) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  stations.review("reject", "lead@site");
  const std::string bundle = stations.sent();
  ASSERT_TRUE(stations.taken(bundle));
  std::filesystem::remove(stations.kept());
  EXPECT_FALSE(stations.there().problems.empty());
  EXPECT_FALSE(carried_reviews(stations.target, stations.run));
  ASSERT_TRUE(stations.taken(bundle)) << "the bundle mends it";
  EXPECT_TRUE(stations.there().problems.empty());
  std::ofstream(stations.kept()) << "[]\n";
  EXPECT_FALSE(stations.there().problems.empty()) << "a rejection is not made to vanish";
}

TEST(CarriedReviews, ANewerBundleBringsWhatWasSignedSinceAndAnOlderOneTakesNothingAway) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  const std::string older = stations.sent();
  stations.review("reject", "lead@site");
  const std::string newer = stations.sent();
  ASSERT_TRUE(stations.taken(older));
  EXPECT_EQ(stations.there().entries.size(), 1U);
  const auto done = stations.taken(newer);
  ASSERT_TRUE(done) << done.error().sentence();
  EXPECT_TRUE(done->taken.empty());
  EXPECT_EQ(done->with_reviews.size(), 1U);
  EXPECT_EQ(stations.there().entries.size(), 2U);
  const auto back = stations.taken(older);
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->with_reviews.empty());
  EXPECT_EQ(stations.there().entries.size(), 2U);
  std::filesystem::remove(stations.kept());
  EXPECT_FALSE(stations.taken(older)) << "an older bundle does not take the place of what was lost";
}

TEST(CarriedReviews, NoStationSpeaksForAnother) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  const auto all = carried_reviews(stations.target, stations.run);
  ASSERT_TRUE(all);
  const SigningKey stranger = *SigningKey::generate();
  const Envelope forged = *seal(stranger, std::string(kCarriedReviewsType), all->at(0).envelope.payload);
  const std::string list = boost::json::serialize(boost::json::array{to_json(forged)}) + "\n";
  auto mark = read_import_mark(stations.target, stations.run);
  mark->reviews_sha256 = sha256_hex(list);
  ASSERT_TRUE(write_import_mark(stations.target, *mark));
  std::ofstream(stations.kept()) << list;
  EXPECT_NE(stations.there().entries.at(0).invalid_because.find("no station that is known"),
            std::string::npos);
}

TEST(CarriedReviews, WhatComesBackUndoesNoWithdrawal) {
  TwoStations stations;
  ASSERT_TRUE(stations.taken(stations.sent()));
  stations.review_there("approve", "qa@site");
  stations.review_there("countersign", "lead@site");
  const std::vector<VerifyingKey> own{stations.home.verifying_key()};
  EXPECT_EQ(stations.decided(stations.target, own), "signed");
  const std::string then = stations.sent_on();
  stations.review_there("withdraw", "qa@site", 1);
  EXPECT_EQ(stations.decided(stations.target, own), "unsigned");
  const auto back = import_runs(then, stations.target, own, false);
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(stations.decided(stations.target, own), "unsigned");
}

TEST(CarriedReviews, ACountersignatureOfBeforeTheApprovalCountsForNothing) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  stations.review_there("countersign", "lead@site");
  const std::vector<VerifyingKey> own{stations.home.verifying_key()};
  EXPECT_EQ(stations.decided(stations.target, own), "signed") << "one there, one here";
  stations.review("withdraw", "qa@site", 1);
  stations.review("approve", "qa@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  EXPECT_EQ(stations.decided(stations.target, own), "unsigned");
  stations.review_there("countersign", "lead@site");
  EXPECT_EQ(stations.decided(stations.target, own), "signed");
}

TEST(CarriedReviews, AtAThirdStationBothTrailsCountWhereBothKeysWereTrusted) {
  for (const bool knows_both : {true, false}) {
    TwoStations stations;
    stations.review("approve", "qa@site");
    ASSERT_TRUE(stations.taken(stations.sent()));
    stations.review_there("countersign", "lead@site");
    TemporaryDirectory third;
    std::vector<VerifyingKey> keys{stations.home.verifying_key()};
    if (knows_both) keys.push_back(stations.key.verifying_key());
    ASSERT_TRUE(import_runs(stations.sent_on(), third.file("kiln.db"), keys, false));
    EXPECT_EQ(stations.decided(third.file("kiln.db"), {}), knows_both ? "signed" : "unsigned");
  }
}

TEST(CarriedReviews, TwoTrailsOfOneNameAndOneKeyAreTwo) {
  TwoStations stations;
  stations.review("reject", "lead@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  // The same key again, in another record: its own entry 1 is somebody else's.
  stations.sign(stations.target, stations.key, "approve", "qa@site", 0);
  stations.sign(stations.target, stations.key, "withdraw", "qa@site", 1);
  TemporaryDirectory third;
  ASSERT_TRUE(import_runs(
      [&] {
        const std::string bundle = stations.to.file("both.kiln");
        const auto view = RunView::open(stations.target);
        EXPECT_TRUE(export_runs(**view, {stations.run}, stations.key, bundle));
        return bundle;
      }(),
      third.file("kiln.db"), {stations.key.verifying_key()}, false));
  EXPECT_EQ(stations.decided(third.file("kiln.db"), {}), "rejected");
}

TEST(CarriedReviews, WhereARunWasRecordedItsOwnTrailCountsAndTheRestIsNamed) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  stations.review_there("reject", "lead@site");
  const auto back =
      import_runs(stations.sent_on(), stations.from.file("kiln.db"), {stations.home.verifying_key()}, false);
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(back->reviews_left, std::vector<std::string>{stations.run});
}

TEST(CarriedReviews, TakenUntrustedFirstAndTrustedLaterItHolds) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  const std::string bundle = stations.sent();
  const auto first = stations.taken(bundle, false);
  ASSERT_TRUE(first) << first.error().sentence();
  EXPECT_NE(stations.there().entries.at(0).invalid_because, "");
  ASSERT_TRUE(stations.taken(bundle));
  EXPECT_EQ(stations.there().entries.at(0).invalid_because, "");
  stations.review("reject", "lead@site");
  ASSERT_TRUE(stations.taken(stations.sent(), false));
  EXPECT_EQ(stations.there().entries.size(), 1U) << "nobody stands for it";
}

TEST(CarriedReviews, ARunWhoseMarkForgotWhatCameWithItIsNotSigned) {
  TwoStations stations;
  stations.review("reject", "lead@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  remove_import_mark(stations.target, stations.run);
  EXPECT_FALSE(stations.there().problems.empty());
}

TEST(CarriedReviews, OneTrailUnderTwoKeysIsOneAndAWithdrawalStrikesBothCopies) {
  TwoStations stations;
  const SigningKey renewed = *SigningKey::generate();
  const std::vector<VerifyingKey> keys{stations.key.verifying_key(), renewed.verifying_key()};
  stations.review("approve", "qa@site");
  stations.review("countersign", "lead@site");
  ASSERT_TRUE(import_runs(stations.sent(), stations.target, keys, false));
  EXPECT_EQ(stations.decided(stations.target, {}), "signed");
  stations.review("withdraw", "qa@site", 1);
  const std::string bundle = stations.from.file("renewed.kiln");
  const auto view = RunView::open(stations.from.file("kiln.db"));
  ASSERT_TRUE(export_runs(**view, {stations.run}, renewed, bundle));
  ASSERT_TRUE(import_runs(bundle, stations.target, keys, false));
  EXPECT_EQ(stations.decided(stations.target, {}), "unsigned");
}

TEST(CarriedReviews, AnApprovalHereAndACountersignatureThereAreTwoSignatures) {
  TwoStations stations;
  ASSERT_TRUE(stations.taken(stations.sent()));
  stations.review_there("approve", "qa@site");
  stations.review("countersign", "lead@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  EXPECT_EQ(stations.decided(stations.target, {stations.home.verifying_key()}), "signed");
}

TEST(CarriedReviews, ATrailThatWentTwoWaysIsNotBelieved) {
  TwoStations stations;
  stations.review("approve", "qa@site");
  const std::string copy = stations.from.file("copy.db");
  ASSERT_EQ(store_test::sql(stations.from.file("kiln.db"), "VACUUM INTO '" + copy + "'"), "");
  stations.review("reject", "lead@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  stations.sign(copy, stations.key, "countersign", "lead@site", 0);
  const std::string bundle = stations.from.file("copy.kiln");
  const auto view = RunView::open(copy);
  ASSERT_TRUE(export_runs(**view, {stations.run}, stations.key, bundle));
  ASSERT_TRUE(stations.taken(bundle));
  EXPECT_EQ(stations.decided(stations.target, {}), "rejected");
  EXPECT_FALSE(stations.there().problems.empty());
}

TEST(CarriedReviews, AWriteThatWasStoppedIsNoChange) {
  TwoStations stations;
  stations.review("reject", "lead@site");
  ASSERT_TRUE(stations.taken(stations.sent()));
  auto mark = read_import_mark(stations.target, stations.run);
  mark->next_sha256 = mark->reviews_sha256;  // written, and its mark was not
  mark->reviews_sha256 = sha256_hex("before");
  ASSERT_TRUE(write_import_mark(stations.target, *mark));
  EXPECT_TRUE(stations.there().problems.empty());
  EXPECT_EQ(stations.there().entries.size(), 1U);
}

TEST(CarriedReviews, GarbageIsSaid) {
  for (const char* text : {"", "{}", "[1]", R"(["{}"])", "[\"\xff\"]"}) {
    const auto read = read_carried_reviews(text);
    EXPECT_FALSE(read) << text;
  }
  EXPECT_TRUE(read_carried_reviews("[]"));
}

TEST(CarriedReviews, NotesAboutTheRackComeOnceAndAsTheyWere) {
  TwoStations stations;
  const auto rack = (*RunView::open(stations.from.file("kiln.db")))->run(stations.run)->about.rack;
  const RackNote arrived{rack, RackNote::What::arrived, 5, "dock", "st-04", 6};
  ASSERT_TRUE(add_rack_note(stations.from.file("kiln.db"), arrived));
  ASSERT_TRUE(
      add_rack_note(stations.from.file("kiln.db"), {"R99", RackNote::What::arrived, 5, "dock", "st-04", 6}));
  const std::string bundle = stations.sent();
  EXPECT_EQ(stations.taken(bundle)->notes, 1);
  EXPECT_EQ(stations.taken(bundle)->notes, 0);
  const auto notes = (*RunView::open(stations.target))->rack_notes();
  ASSERT_EQ(notes->size(), 1U);
  EXPECT_EQ(notes->front().by, "dock");
  EXPECT_EQ(notes->front().noted_utc_ns, 6);
  EXPECT_FALSE(take_carried_notes(stations.target, R"([{"rack":"R01","what":"vanished"}])", "R01"));
}

}  // namespace
}  // namespace kiln
