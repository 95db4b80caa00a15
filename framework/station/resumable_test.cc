// Which run may be gone on with, and what of the notes beside a dead record is taken into it.

#include "station/resumable.h"

#include <gtest/gtest.h>

#include "store/record_break.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

RunBegun begun_on(const std::string& rack) {
  RunBegun begun;
  begun.recipe = "demo-small";
  begun.recipe_file = "/srv/recipes/demo/small.yaml";
  begun.rack = rack;
  begun.inventory_file = "/srv/rack.yaml";
  begun.overridden = {{"soak", "12s"}};
  begun.selection = {"C01", "S01"};
  begun.scanned_serial = "C01=A1, S01=B2";
  begun.operator_name = "Ann";
  return begun;
}

Event closing(const std::string& undo, const std::string& message) {
  GuardClosed closed;
  closed.undo = undo;
  closed.message = message;
  return event_with(closed);
}

Interlocked leak() {
  Interlocked cut;
  cut.cause = "leak";
  return cut;
}

/// A run that began a step and whose program died.
std::vector<Event> dead(const std::string& rack = "R01") {
  return {event_with(begun_on(rack)), event_with(StepBegun{"power.on", false, false}),
          event_with(GuardOpened{"force off C01"})};
}

struct ResumableTest : testing::Test {
  std::string write(std::vector<Event> events, EventBody last) {
    events.push_back(event_with(std::move(last)));
    return record(directory, events);
  }
  std::string write(const std::vector<Event>& events) { return record(directory, events); }
  [[nodiscard]] std::string database() const { return directory.file("kiln.db"); }
  [[nodiscard]] std::string why_not(const std::string& run) const {
    const Result<Resumable> found = read_resumable(*open_view(database()), run);
    return found ? "" : found.error().code;
  }
  [[nodiscard]] std::string chosen(const std::string& typed = {}) const {
    const Result<std::string> found = choose_interrupted_run(*open_view(database()), typed);
    return found ? *found : found.error().code;
  }
  TemporaryDirectory directory;
};

TEST_F(ResumableTest, TheInterruptedRunIsMeantWhenThereIsOne) {
  write(dead(), RunEnded{"complete", ""});
  const std::string run = write(dead());
  EXPECT_EQ(chosen(), run);
  EXPECT_EQ(chosen("R-20260101-000000-ffff"), "run.unknown");
}

TEST_F(ResumableTest, OneThatALaterRunOfItsRackFollowedMustBeNamed) {
  const std::string old = write(dead());
  write(dead(), RunEnded{"complete", ""});
  EXPECT_EQ(chosen(), "resume.none");
  EXPECT_EQ(chosen(old), old);
  const std::string elsewhere = write(dead("R02"));
  EXPECT_EQ(chosen(), elsewhere);
}

TEST_F(ResumableTest, OfTwoNoneIsGuessed) {
  const std::string first = write(dead());
  const std::string second = write(dead());
  const Result<std::string> found = choose_interrupted_run(*open_view(database()), "");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, "resume.ambiguous");
  EXPECT_NE(found.error().message.find(first), std::string::npos);
  EXPECT_NE(found.error().message.find(second), std::string::npos);
}

TEST_F(ResumableTest, OneThatDiedAtItsFirstMomentIsNotSaidNotToExist) {
  write(dead(), RunEnded{"complete", ""});
  const std::string unborn = write(std::vector<Event>{});
  EXPECT_EQ(chosen(), unborn);
  EXPECT_EQ(why_not(unborn), "resume.nothing_recorded");
  write(dead("R02"), RunEnded{"complete", ""});
  EXPECT_EQ(chosen(), "resume.none");
}

TEST_F(ResumableTest, WhatEndedInWhateverWayIsNotGoneOnWith) {
  EXPECT_EQ(why_not(write(dead())), "");
  EXPECT_EQ(why_not(write(dead(), RunEnded{"stopped", ""})), "resume.ended");
  EXPECT_EQ(why_not(write(dead(), StopRequested{"SIGINT", 2})), "resume.stopped");
  EXPECT_EQ(why_not(write(dead(), leak())), "resume.interlocked");
  EXPECT_EQ(why_not(write({event_with(begun_on("R01"))})), "resume.nothing_recorded");
  RunBegun old = begun_on("R01");
  old.recipe_file.clear();
  EXPECT_EQ(why_not(write({event_with(old), event_with(StepBegun{})})), "resume.old_record");
}

TEST_F(ResumableTest, ACutAfterItsDeathCountsToo) {
  const std::string run = write(dead());
  write_after_break(database(), run, event_with(leak()));
  EXPECT_EQ(why_not(run), "resume.interlocked");
}

TEST_F(ResumableTest, ARecordThatWasChangedIsNotReliedOn) {
  const std::string run = write(dead());
  ASSERT_EQ(sql(database(), "DROP TRIGGER event_no_update; UPDATE event SET dut = 'C02' WHERE sequence = 2"),
            "");
  EXPECT_EQ(why_not(run), "resume.record_changed");
}

TEST_F(ResumableTest, ARecordWhoseLedgerFailedIsNotReliedOn) {
  const std::string run = write(dead());
  LedgerFailure failure;
  failure.error = Error("ledger.failed", "disk full");
  failure.last_committed = 3;
  write_break_note(database(), run, failure);
  EXPECT_EQ(why_not(run), "resume.record_broken");
}

TEST_F(ResumableTest, AnUndoOfTheWardenIsTakenInOnceAndOneOfNothingIsOnlyTold) {
  std::vector<Event> events = dead();
  const Event twice = closing("force off S01", "by the warden: station died");
  events.insert(events.end(),
                {event_with(GuardOpened{"force off S01"}), twice});  // taken in at a first resume
  const std::string run = write(events);
  write_after_break(database(), run, twice);
  write_after_break(database(), run, closing("force off C01", "by the warden: station died"));
  write_after_break(database(), run, closing("force off C02", "by the warden: station died"));
  const Result<Resumable> found = read_resumable(*open_view(database()), run);
  ASSERT_TRUE(found) << found.error().full();
  ASSERT_EQ(found->beside.size(), 2U);
  EXPECT_EQ(std::get<GuardClosed>(found->beside[0].body).undo, "force off C01");
  EXPECT_NE(std::get<Note>(found->beside[1].body).text.find("force off C02"), std::string::npos);
}

TEST_F(ResumableTest, WhatTheRunBeganWithComesFromItsRecord) {
  CommandLine typed;
  typed.operator_name = "Bob";
  typed.settings = {"soak=1s"};
  typed.out_directory = "/tmp/reports";
  const CommandLine line = command_line_as_begun(typed, begun_on("R01"));
  EXPECT_EQ(line.recipe, "/srv/recipes/demo/small.yaml");
  EXPECT_EQ(line.rack_file, "/srv/rack.yaml");
  EXPECT_EQ(line.settings, std::vector<std::string>{"soak=12s"});
  EXPECT_EQ(line.dut_filter, (std::vector<std::string>{"C01", "S01"}));
  EXPECT_EQ(line.scans, (std::vector<std::string>{"C01=A1", "S01=B2"}));
  EXPECT_EQ(line.operator_name, "Ann");
  EXPECT_EQ(line.out_directory, "/tmp/reports");
}

}  // namespace
}  // namespace kiln
