#include "store/run_view.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <thread>

#include "store/event_json.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

RunBegun begun() {
  RunBegun body;
  body.recipe = "burn-in";
  body.rack = "R01";
  body.simulated = true;
  return body;
}

TEST(RunView, AFinishedRunIsCompleteWithWhatItWasAbout) {
  TemporaryDirectory directory;
  const std::string run =
      record(directory, {event_with(begun()), note("n"), event_with(RunEnded{"complete", ""})});
  const auto view = open_view(directory.file("kiln.db"));
  const Result<RunSummary> summary = view->run(run);
  ASSERT_TRUE(summary) << summary.error().full();
  EXPECT_EQ(summary->state, RunState::complete);
  EXPECT_EQ(summary->about.recipe, "burn-in");
  EXPECT_TRUE(summary->about.simulated);
  EXPECT_EQ(summary->end_status, "complete");
  EXPECT_EQ(summary->events, 3);
  EXPECT_TRUE(summary->ended);
  EXPECT_EQ(summary->pid, 0);
  EXPECT_EQ(summary->chain_head, view->verify_chain(run)->head);
}

StepEnded step_of(double seconds, WorkStatus status = WorkStatus::complete) {
  StepEnded ended;
  ended.status = status;
  ended.duration_ns = static_cast<std::int64_t>(seconds * 1e9);
  return ended;
}

TEST(RunView, StepDurationsComeFromCompleteRunsOfTheSameRecipeOnly) {
  TemporaryDirectory directory;
  const auto at = [](const std::string& step, EventBody body) {
    Event event = event_with(std::move(body));
    event.step = step;
    return event;
  };
  RunBegun same = begun();
  same.recipe_sha256 = "aa";
  same.parameters["soak"] = "10s";
  RunBegun longer = same;
  longer.parameters["soak"] = "24h";
  const Event end = event_with(RunEnded{"complete", ""});
  record(directory, {event_with(same), at("soak/load", step_of(10)), at("soak/load", step_of(11)),
                     at("soak/load", step_of(3, WorkStatus::error)), end});
  record(directory, {event_with(longer), at("soak/load", step_of(86'400)), end});
  record(directory, {event_with(same), at("soak/load", step_of(5)), event_with(RunEnded{"stopped", ""})});
  record(directory, {event_with(same), at("soak/load", step_of(9)), end});
  const auto view = open_view(directory.file("kiln.db"));
  const Result<StepDurations> durations = view->step_durations("aa", same.parameters, 5);
  ASSERT_TRUE(durations) << durations.error().full();
  ASSERT_EQ(durations->size(), 1U);
  EXPECT_EQ(durations->at("soak/load"),
            (std::vector<Nanoseconds>{std::chrono::seconds(9), std::chrono::seconds(21)}))
      << "newest run first; repetitions added up; errors, stopped runs and other parameters left out";
}

TEST(RunView, ARunBeingWrittenIsRunningAndItsRowsAreReadable) {
  TemporaryDirectory directory;
  const auto loop = Loop::simulated();
  auto ledger = open_ledger(*loop, options_in(directory));
  const std::string run = ledger->run();
  ASSERT_TRUE(ledger->try_append(event_with(begun())));
  const auto view = open_view(directory.file("kiln.db"));
  EXPECT_EQ(view->run(run)->state, RunState::running);
  EXPECT_EQ(view->run(run)->pid, ::getpid());
  ledger.reset();
  EXPECT_EQ(view->run(run)->state, RunState::interrupted) << "it ended without a run_ended event";
  EXPECT_EQ(view->events(run)->events.size(), 1U);
}

TEST(RunView, ListsTheNewestRunFirst) {
  TemporaryDirectory directory;
  const std::string first = record(directory, {});
  const std::string second = record(directory, {});
  const auto view = open_view(directory.file("kiln.db"));
  const Result<std::vector<RunSummary>> runs = view->runs();
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ((*runs)[0].id, second);
  EXPECT_EQ((*runs)[1].id, first);
  EXPECT_EQ(*view->find_run("last"), second);
}

TEST(RunView, FindsARunByWhatAPersonTypes) {
  TemporaryDirectory directory;
  const std::string run = record(directory, {});
  const auto view = open_view(directory.file("kiln.db"));
  EXPECT_EQ(*view->find_run(run), run);
  EXPECT_EQ(*view->find_run(run.substr(2, 15)), run);
  std::string wrong = run;
  wrong[3] = wrong[3] == '9' ? '8' : '9';
  const Result<std::string> unknown = view->find_run(wrong);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, "run.unknown");
  EXPECT_NE(unknown.error().message.find(run), std::string::npos) << "it suggests the nearest";
  EXPECT_EQ(view->events("R-nope").error().code, "run.unknown");
  record(directory, {});
  EXPECT_EQ(view->find_run("R-").error().code, "run.ambiguous");
}

TEST(RunView, EventsComeInOrderFromWhereOneAsks) {
  TemporaryDirectory directory;
  const std::string run = record(directory, {note("1"), note("2"), note("3"), note("4")});
  const auto view = open_view(directory.file("kiln.db"));
  const Result<RunEvents> tail = view->events(run, 3);
  ASSERT_EQ(tail->events.size(), 2U);
  EXPECT_EQ(tail->events[0].sequence, 3);
  EXPECT_EQ(view->events(run, 5)->events.size(), 0U);
  EXPECT_FALSE(view->events(run, 5)->broken);
  int seen = 0;
  ASSERT_TRUE(view->for_each_event(run, 1, [&seen](Event&&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST(RunView, MeasurementsAreFoundByAnyCombination) {
  TemporaryDirectory directory;
  Event other_dut = measured("gpu.temperature", "GPU_0", 71.0);
  other_dut.dut = "C02";
  const std::string run =
      record(directory, {measured("gpu.temperature", "GPU_0", 61.5),
                         measured("gpu.temperature", "GPU_1", 99.0, Outcome::fail), note("between"),
                         measured("gpu.power", "GPU_0", std::int64_t{700}), other_dut});
  const auto view = open_view(directory.file("kiln.db"));
  const auto count = [&](const MeasurementFilter& filter) { return view->measurements(run, filter)->size(); };
  EXPECT_EQ(count({}), 4U);
  MeasurementFilter filter;
  filter.name = "gpu.temperature";
  EXPECT_EQ(count(filter), 3U);
  filter.part = "GPU_0";
  EXPECT_EQ(count(filter), 2U);
  filter.dut = "C02";
  const Result<std::vector<MeasurementRow>> found = view->measurements(run, filter);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ((*found)[0].sequence, 5);
  EXPECT_EQ((*found)[0].measured.value, Value(71.0));
  EXPECT_EQ((*found)[0].measured.source.detail, "/redfish/v1/Chassis/1");
  EXPECT_EQ((*found)[0].step, "cooling/flow");
  MeasurementFilter failed;
  failed.outcome = Outcome::fail;
  EXPECT_EQ(count(failed), 1U);
  MeasurementFilter injection;
  injection.name = "' OR 1=1 --";
  EXPECT_EQ(count(injection), 0U);
}

TEST(RunView, SeriesAreJoinedFromTheirChunks) {
  TemporaryDirectory directory;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string run = record(directory, {series("gpu.power", {{0.1, 700.1}, {1.1, nan}}), note("between"),
                                             series("gpu.power", {{2.1, 702}}), series("gpu.clock", {})});
  const auto view = open_view(directory.file("kiln.db"));
  const Result<std::vector<SeriesName>> names = view->series_names(run);
  ASSERT_EQ(names->size(), 2U);
  EXPECT_EQ((*names)[1], (SeriesName{"C01", "gpu.power", "GPU_0", "W", 3}));
  const Result<std::vector<SeriesPoint>> points = view->series(run, "C01", "gpu.power", "GPU_0");
  ASSERT_EQ(points->size(), 3U);
  EXPECT_EQ((*points)[0].value, 700.1);
  EXPECT_TRUE(std::isnan((*points)[1].value));
  EXPECT_EQ((*points)[2].t, 2.1);
  EXPECT_TRUE(view->series(run, "C01", "unknown", "")->empty());
  const Result<RunEvents> events = view->events(run);
  ASSERT_TRUE(events);
  const auto* chunk = std::get_if<SeriesChunk>(&events->events[0].body);
  ASSERT_NE(chunk, nullptr);
  EXPECT_EQ(chunk->samples.size(), 2U);
}

TEST(RunView, ArtifactsAreListedWithTheirPlace) {
  TemporaryDirectory directory;
  const auto loop = Loop::simulated();
  const auto ledger = open_ledger(*loop, options_in(directory));
  const Result<Attached> stored = ledger->artifacts().add_text("dmesg.txt", "text/plain", "abc");
  ASSERT_TRUE(stored);
  ASSERT_TRUE(ledger->try_append(event_with(*stored)));
  ASSERT_TRUE(ledger->close());
  const Result<std::vector<ArtifactRow>> artifacts = open_view(ledger->database())->artifacts(ledger->run());
  ASSERT_EQ(artifacts->size(), 1U);
  EXPECT_EQ((*artifacts)[0].attached.name, "dmesg.txt");
  EXPECT_EQ((*artifacts)[0].attached.bytes, 3);
  EXPECT_EQ((*artifacts)[0].dut, "C01");
  std::string content;
  std::ifstream((*artifacts)[0].path) >> content;
  EXPECT_EQ(content, "abc");
}

TEST(RunView, ReadsWholeGroupsWhileARunIsWritten) {
  TemporaryDirectory directory;
  LedgerOptions options = options_in(directory);
  options.commit_interval = Nanoseconds(1'000'000);
  options.channel_rows = 20'000;
  const auto loop = Loop::simulated();
  const auto ledger = open_ledger(*loop, options);
  const std::string run = ledger->run();
  std::atomic<bool> writing{true};
  std::size_t looks = 0;
  std::thread reader([&] {
    const auto view = open_view(options.database);
    std::size_t before = 0;
    while (writing) {
      const Result<RunEvents> events = view->events(run);
      ASSERT_TRUE(events) << events.error().full();
      EXPECT_FALSE(events->broken) << events->broken->sentence();
      EXPECT_GE(events->events.size(), before) << "what was seen must stay";
      before = events->events.size();
      const Result<ChainCheck> check = view->verify_chain(run);
      ASSERT_TRUE(check) << check.error().full();
      EXPECT_TRUE(check->intact) << check->reason;
      ++looks;
    }
  });
  for (int at = 0; at < 2'000; ++at) ASSERT_TRUE(ledger->try_append(measured("t", "", at * 0.5)));
  EXPECT_TRUE(ledger->close());
  writing = false;
  reader.join();
  EXPECT_EQ(open_view(options.database)->events(run)->events.size(), 2'000U);
}

TEST(RunView, AMissingRecordIsNotMade) {
  TemporaryDirectory directory;
  const Result<std::unique_ptr<RunView>> view = RunView::open(directory.file("kiln.db"));
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, "view.not_found");
  EXPECT_FALSE(std::filesystem::exists(directory.file("kiln.db")));
}

TEST(RunView, WhatIsNotARecordIsRefused) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("text")) << std::string(5000, 'x');
  EXPECT_EQ(RunView::open(directory.file("text")).error().code, "view.not_a_ledger");
  EXPECT_EQ(sql(directory.file("other.db"), "CREATE TABLE t (x)"), "");
  EXPECT_EQ(RunView::open(directory.file("other.db")).error().code, "view.not_a_ledger");
}

TEST(RunView, ARecordWhoseMakerWasKilledIsOneOfNoRuns) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("kiln.db")).close();
  EXPECT_EQ(RunView::open(directory.file("kiln.db")).error().code, "view.not_found");
  EXPECT_EQ(sql(directory.file("begun.db"), "PRAGMA journal_mode = WAL"), "");
  EXPECT_EQ(RunView::open(directory.file("begun.db")).error().code, "view.not_found");
}

TEST(RunView, ARecordOnReadOnlyMediaCanBeRead) {
  TemporaryDirectory directory;
  const std::string run = record(directory, {note("kept")});
  ::chmod(directory.file("kiln.db").c_str(), 0444);
  ::chmod(directory.path().c_str(), 0555);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    const Result<std::unique_ptr<RunView>> view = RunView::open(directory.file("kiln.db"));
    if (!view) std::fprintf(stderr, "%s\n", view.error().full().c_str());
    if (!view) ::_exit(1);
    const Result<RunEvents> events = (*view)->events(run);
    ::_exit(events && events->events.size() == 1 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ::chmod(directory.path().c_str(), 0755);
  EXPECT_EQ(status, 0);
}

// ---- a record that somebody or something damaged
// ------------------------------------------------------------------

/// Ten events of which the fifth is a measurement and the sixth a series.
std::string record_ten(const TemporaryDirectory& directory) {
  std::vector<Event> events;
  for (int at = 1; at <= 10; ++at) events.push_back(note("n" + std::to_string(at)));
  events[4] = measured("gpu.temperature", "GPU_0", 61.5);
  events[5] = series("gpu.power", {{0.5, 700}});
  return record(directory, events);
}

std::string drop_triggers(const std::string& table) {
  return "DROP TRIGGER " + table + "_no_update; DROP TRIGGER " + table + "_no_delete;";
}

ChainCheck check_after(const std::string& tampering) {
  TemporaryDirectory directory;
  const std::string run = record_ten(directory);
  EXPECT_EQ(sql(directory.file("kiln.db"), tampering), "");
  const Result<ChainCheck> check = open_view(directory.file("kiln.db"))->verify_chain(run);
  if (!check) {
    ADD_FAILURE() << check.error().full();
    return {};
  }
  return *check;
}

TEST(VerifyChain, AnUntouchedRecordIsIntact) {
  const ChainCheck check = check_after("SELECT 1");
  EXPECT_TRUE(check.intact) << check.reason;
  EXPECT_EQ(check.events, 10);
  EXPECT_EQ(check.head.size(), 64U);
}

TEST(VerifyChain, FindsAChangeOfAnyColumnOfAnEvent) {
  const char* changes[] = {"kind = 'diagnosed'",  "dut = 'C02'",          "step = 'x'",
                           "iteration = 2",       "attempt = 2",          "monotonic_ns = monotonic_ns + 1",
                           "utc_ns = utc_ns - 1", "chain = zeroblob(32)", "body = replace(body, 'n7', 'N7')"};
  for (const char* change : changes) {
    const ChainCheck check =
        check_after(drop_triggers("event") + "UPDATE event SET " + change + " WHERE sequence = 7");
    EXPECT_FALSE(check.intact) << change;
    EXPECT_EQ(check.bad_sequence, 7) << change;
    EXPECT_EQ(check.events, 6) << change;
    EXPECT_NE(check.reason.find("event 7 was changed"), std::string::npos) << check.reason;
  }
}

TEST(VerifyChain, FindsAnEventTakenOut) {
  const ChainCheck check = check_after(drop_triggers("event") + "DELETE FROM event WHERE sequence = 4");
  EXPECT_EQ(check.bad_sequence, 4);
  EXPECT_EQ(check.reason, "event 4 is missing");
}

TEST(VerifyChain, FindsAnEventTakenOutAndTheRestMovedUp) {
  const ChainCheck check = check_after(
      drop_triggers("event") + drop_triggers("measurement") + drop_triggers("series_chunk") +
      "DELETE FROM event WHERE sequence = 4; UPDATE event SET sequence = sequence - 1 WHERE sequence > 4;"
      "UPDATE measurement SET sequence = 4; UPDATE series_chunk SET sequence = 5;");
  EXPECT_FALSE(check.intact);
  EXPECT_EQ(check.bad_sequence, 4);
}

TEST(VerifyChain, FindsTwoEventsSwapped) {
  const ChainCheck check = check_after(drop_triggers("event") +
                                       "UPDATE event SET sequence = 100 WHERE sequence = 8;"
                                       "UPDATE event SET sequence = 8 WHERE sequence = 9;"
                                       "UPDATE event SET sequence = 9 WHERE sequence = 100;");
  EXPECT_FALSE(check.intact);
  EXPECT_EQ(check.bad_sequence, 8);
}

TEST(VerifyChain, FindsACutTail) {
  const ChainCheck check = check_after(drop_triggers("event") + "DELETE FROM event WHERE sequence > 7");
  EXPECT_EQ(check.bad_sequence, 8);
  EXPECT_EQ(check.reason, "the end was cut: events 8 to 10 are missing");
}

TEST(VerifyChain, FindsAnEventAdded) {
  const ChainCheck check = check_after(
      "INSERT INTO event SELECT run, 11, kind, dut, step, iteration, attempt, monotonic_ns, utc_ns, body, "
      "chain FROM "
      "event WHERE sequence = 10");
  EXPECT_FALSE(check.intact);
  EXPECT_EQ(check.bad_sequence, 11);
}

TEST(VerifyChain, FindsChangedSamples) {
  const ChainCheck check =
      check_after(drop_triggers("series_chunk") +
                  "UPDATE series_chunk SET samples = cast(samples || x'00000000' AS BLOB)");
  EXPECT_EQ(check.bad_sequence, 6);
}

TEST(VerifyChain, FindsATypedRowThatNoLongerSaysWhatTheEventSays) {
  const ChainCheck changed = check_after(drop_triggers("measurement") +
                                         "UPDATE measurement SET value_real = 60.5, outcome = 'pass'");
  EXPECT_EQ(changed.bad_sequence, 5);
  EXPECT_NE(changed.reason.find("measurement"), std::string::npos);
  const ChainCheck removed = check_after(drop_triggers("measurement") + "DELETE FROM measurement");
  EXPECT_EQ(removed.bad_sequence, 5);
  const ChainCheck added =
      check_after("INSERT INTO artifact SELECT run, 3, 'x', 'text/plain', '00', 1 FROM head");
  EXPECT_FALSE(added.intact);
  EXPECT_NE(added.reason.find("artifact"), std::string::npos);
}

TEST(VerifyChain, FindsAHeadThatWasMovedBackWithTheTail) {
  // Whoever cuts the events, the typed rows and the head alike leaves a chain that fits: only the head
  // printed in a report tells. What the check gives to compare must then differ.
  TemporaryDirectory directory;
  const std::string run = record_ten(directory);
  const std::string printed = open_view(directory.file("kiln.db"))->verify_chain(run)->head;
  EXPECT_EQ(sql(directory.file("kiln.db"),
                drop_triggers("event") +
                    "DROP TRIGGER head_forward_only;"
                    "UPDATE head SET sequence = 7, chain = (SELECT chain FROM event WHERE sequence = 7);"
                    "DELETE FROM event WHERE sequence > 7"),
            "");
  const Result<ChainCheck> check = open_view(directory.file("kiln.db"))->verify_chain(run);
  EXPECT_NE(check->head, printed);
}

TEST(BrokenRecord, ReadersGetWhatIsBeforeTheHoleAndWhereItIs) {
  TemporaryDirectory directory;
  const std::string run = record_ten(directory);
  EXPECT_EQ(
      sql(directory.file("kiln.db"), drop_triggers("event") + "DELETE FROM event WHERE sequence IN (4, 5)"),
      "");
  const Result<RunEvents> events = open_view(directory.file("kiln.db"))->events(run);
  ASSERT_TRUE(events) << events.error().full();
  EXPECT_EQ(events->events.size(), 3U);
  ASSERT_TRUE(events->broken);
  EXPECT_EQ(events->broken->after_sequence, 3);
  EXPECT_EQ(events->broken->sentence(),
            "RECORD BROKEN AT event 3, 2023-11-14T22:13:20.123Z: events 4 to 5 are missing");
}

TEST(BrokenRecord, ReadersAreToldOfACutTailAndOfAnUnreadableEvent) {
  {
    TemporaryDirectory directory;
    const std::string run = record_ten(directory);
    EXPECT_EQ(sql(directory.file("kiln.db"), drop_triggers("event") + "DELETE FROM event WHERE sequence > 8"),
              "");
    const Result<RunEvents> events = open_view(directory.file("kiln.db"))->events(run);
    EXPECT_EQ(events->events.size(), 8U);
    ASSERT_TRUE(events->broken);
    EXPECT_EQ(events->broken->after_sequence, 8);
  }
  TemporaryDirectory directory;
  const std::string run = record_ten(directory);
  EXPECT_EQ(sql(directory.file("kiln.db"),
                drop_triggers("event") + "UPDATE event SET body = '[]' WHERE sequence = 3"),
            "");
  const Result<RunEvents> events = open_view(directory.file("kiln.db"))->events(run);
  EXPECT_EQ(events->events.size(), 2U);
  ASSERT_TRUE(events->broken);
  EXPECT_EQ(events->broken->after_sequence, 2);
}

TEST(BrokenRecord, ADamagedFileGivesWhatIsBeforeTheDamage) {
  TemporaryDirectory directory;
  std::vector<Event> events;
  for (int at = 0; at < 2'000; ++at) events.push_back(note("event number " + std::to_string(at + 1)));
  const std::string run = record(directory, events);
  const std::string database = directory.file("kiln.db");
  // Destroy the page on which event 1500 lies.
  std::string bytes;
  {
    std::ifstream file(database, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  const std::size_t at = bytes.find("event number 1500");
  ASSERT_NE(at, std::string::npos);
  constexpr std::size_t kPage = 4096;
  {
    std::fstream file(database, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at / kPage * kPage));
    file << std::string(kPage, '\x5a');
  }
  const auto view = open_view(database);
  ASSERT_NE(view, nullptr);
  const Result<RunEvents> read = view->events(run);
  ASSERT_TRUE(read) << read.error().full();
  ASSERT_TRUE(read->broken);
  EXPECT_GT(read->events.size(), 500U) << read->broken->sentence();
  EXPECT_LT(read->events.size(), 1'500U);
  EXPECT_EQ(read->broken->after_sequence, static_cast<std::int64_t>(read->events.size()));
  const Result<ChainCheck> check = view->verify_chain(run);
  ASSERT_TRUE(check) << check.error().full();
  EXPECT_FALSE(check->intact);
}

}  // namespace
}  // namespace kiln
