// Over ledgers that the real ledger wrote: what tells whose run it is is gone, what it found is not.
#include "station/redacted_run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "model/verdict.h"
#include "quality/attempts_for_test.h"
#include "station/run_bundles.h"
#include "store/store_paths.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using store_test::TemporaryDirectory;

/// Words that must not leave the station, wherever the run has them.
const std::vector<std::string> kTelling{"Ann Example",     "bench-3.hall.example.com", "10.20.30.41",
                                        "/home/ann/racks", "a0:36:9f:12:34:56",        "hunter22secret"};

/// A whole run in which a station, its people and its network are named everywhere.
std::vector<Event> telling_run() {
  std::vector<Event> events = RunForTest::whole("SN1TELLS77", 80).events;
  for (Event& event : events) {
    if (auto* begun = std::get_if<RunBegun>(&event.body)) {
      begun->operator_name = "Ann Example";
      begun->station = "bench-3.hall.example.com";
      begun->inventory_file = "/home/ann/racks/rack.yaml";
      begun->limits_file = "/home/ann/racks/limits.yaml";
      begun->kiln_version = "0.1.0";
    }
    if (auto* dut = std::get_if<DutPlanned>(&event.body)) {
      dut->bmc_url = "https://10.20.30.41:443";
      dut->host_address = "10.20.30.41";
      dut->serial = "SN1TELLS77";
    }
  }
  Event event = events[1];
  event.step = "";
  const Note moved{
      "Ann Example moved the cable of bench-3.hall.example.com; its rack file is /home/ann/racks/rack.yaml"};
  const auto add = [&events, &event](EventBody body) {
    event.body = std::move(body);
    events.insert(std::prev(events.end()), event);
  };
  add(moved);
  add(Disturbance{"bmc.slow", "10.20.30.41 answered late (MAC a0:36:9f:12:34:56)", 1});
  add(PromptAnswered{"look", "dry, says Ann Example", "Ann Example", "terminal", false});
  add(Note{"password=hunter22secret was printed by the tool"});
  add(StopRequested{"kiln abort by Ann Example", 2});
  std::int64_t sequence = 0;
  for (Event& one : events) one.sequence = ++sequence;
  return events;
}

std::string bytes_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

RunVerdict verdict_of(const RunView& view, const std::string& run) {
  return roll_up(view.events(run)->events);
}

struct Redacted {
  TemporaryDirectory from, to;
  SigningKey key = *SigningKey::generate();
  std::string run;
  std::unique_ptr<RunView> view;

  Redacted() {
    run = store_test::record(from, telling_run());
    view = *RunView::open(from.file("kiln.db"));
  }
  Result<ExportedRuns> send(const std::string& name, Redact redact) const {
    return export_runs(*view, {run}, key, to.file(name), redact);
  }
};

TEST(RedactedRun, NothingTellsWhoseItIsAndTheDecisionStands) {
  const Redacted one;
  const std::string before = bytes_of(one.view->database());
  const auto sent = one.send("home.kiln", Redact::names);
  ASSERT_TRUE(sent) << sent.error().sentence();
  EXPECT_GE(sent->replaced.at("people and stations"), 4U);
  EXPECT_GE(sent->replaced.at("addresses"), 2U);
  EXPECT_GE(sent->replaced.at("folders"), 3U);
  const std::string bundle = bytes_of(one.to.file("home.kiln"));
  for (const std::string& word : kTelling) {
    EXPECT_EQ(bundle.find(word), std::string::npos) << word;
    EXPECT_NE(before.find(word), std::string::npos) << word << " was not even there";
  }
  EXPECT_NE(bundle.find("SN1TELLS77"), std::string::npos) << "found again by its serial number";
  const auto copy = RunView::open(one.to.file("home.kiln"));
  ASSERT_TRUE(copy) << copy.error().sentence();
  EXPECT_TRUE((*copy)->verify_chain(one.run)->intact);
  const RunVerdict there = verdict_of(**copy, one.run), here = verdict_of(*one.view, one.run);
  EXPECT_EQ(there.decision, here.decision);
  EXPECT_EQ(there.counts.required, here.counts.required);
  EXPECT_EQ((*copy)->measurements(one.run)->size(), one.view->measurements(one.run)->size());
  ASSERT_FALSE(there.not_eligible_because.empty());
  EXPECT_NE(there.not_eligible_because.back().find(one.view->run(one.run)->chain_head), std::string::npos);
  EXPECT_EQ(bytes_of(one.view->database()), before) << "the record itself is only read";
}

/// The bundle of a run after `change`; empty: it was refused.
std::string redacted(const std::function<void(std::vector<Event>&)>& change, std::string* code = nullptr) {
  const TemporaryDirectory from, to;
  std::vector<Event> events = telling_run();
  change(events);
  const SigningKey key = *SigningKey::generate();
  const std::string run = store_test::record(from, events);
  const auto view = *RunView::open(from.file("kiln.db"));
  const auto sent = export_runs(*view, {run}, key, to.file("home.kiln"), Redact::names);
  if (!sent && code != nullptr) *code = sent.error().code;
  return sent ? bytes_of(to.file("home.kiln")) : std::string();
}

RunBegun& begun_of(std::vector<Event>& events) { return std::get<RunBegun>(events.front().body); }

TEST(RedactedRun, NamesThatLookLikeNothingGoTooAndTheirPartsAsWell) {
  const std::string bundle = redacted([](std::vector<Event>& events) {
    begun_of(events).station = "workshop";
    begun_of(events).operator_name = "Zoltan";
    begun_of(events).approvals = {
        "recipe l10@1.0.0 approved by berta@site until 2027-01-01 (SHA256:" + std::string(43, 'k') + ")"};
    begun_of(events).not_eligible_because = {"limits x@1 are not approved (berta@site: expired)"};
    begun_of(events).firmware_baseline = "gb300 revision 3 (/srv/secret-project/base.yaml)";
    std::get<DutPlanned>(events[1].body).tls = "ca /home/hidden/site-ca.pem";
    // What no recursion over characters would survive.
    const std::string many(300'000, 'x');
    begun_of(events).not_eligible_because.push_back(many + "@" + many);
    Event event = events[1];
    event.body = Note{"/tmp/" + many + "/" + many};
    events.insert(std::prev(events.end()), event);
    event.body = Note{"workshop: Zoltan Example was told by berta@site; see /home/zoltan/notes"};
    events.insert(std::prev(events.end()), event);
    Interlocked cut;
    cut.cause = "emergency-stop";
    cut.code = "interlock.emergency-stop";
    cut.hazard_read = false;
    cut.message = "everything was stopped by Ferdinand: smoke";
    event.body = cut;
    events.insert(std::prev(events.end()), event);
  });
  ASSERT_FALSE(bundle.empty());
  EXPECT_EQ(bundle.find("/home/hidden"), std::string::npos) << "the file of an authority";
  for (const char* word :
       {"workshop", "Zoltan", "zoltan", "berta@site", "secret-project", "Ferdinand", "kkkkkkkkkkkk"})
    EXPECT_EQ(bundle.find(word), std::string::npos) << word;
  EXPECT_NE(bundle.find("gb300 revision 3 (base.yaml)"), std::string::npos) << "the file's own name stays";
}

TEST(RedactedRun, ANameThatIsAWordOfTheRecordChangesNoMeaning) {
  std::string code;
  // As a member's name it stays; as a word of a sentence it goes.
  const std::string bundle =
      redacted([](std::vector<Event>& events) { begun_of(events).operator_name = "message"; }, &code);
  EXPECT_TRUE(!bundle.empty() || code == "export.redaction") << code;
  // A DUT that is called like a person cannot be carried without either.
  EXPECT_EQ(
      redacted([](std::vector<Event>& events) { begun_of(events).operator_name = "compute_tray"; }, &code),
      "");
  EXPECT_EQ(code, "export.redaction");
}

TEST(RedactedRun, SerialNumbersGoOnlyWhenAsked) {
  const Redacted one;
  ASSERT_TRUE(one.send("home.kiln", Redact::names_and_serials));
  EXPECT_EQ(bytes_of(one.to.file("home.kiln")).find("SN1TELLS77"), std::string::npos);
}

TEST(RedactedRun, TwiceIsTheSameCopy) {
  const Redacted one;
  ASSERT_TRUE(one.send("a.kiln", Redact::names));
  ASSERT_TRUE(one.send("b.kiln", Redact::names));
  const std::string target = one.to.file("home.db");
  const auto first = import_runs(one.to.file("a.kiln"), target, {one.key.verifying_key()}, false);
  ASSERT_TRUE(first) << first.error().sentence();
  EXPECT_EQ(first->taken.size(), 1U);
  const auto again = import_runs(one.to.file("b.kiln"), target, {one.key.verifying_key()}, false);
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(again->here_already.size(), 1U);
  // The whole run is another one there, and is not mixed with its copy.
  ASSERT_TRUE(one.send("whole.kiln", Redact::nothing));
  const auto whole = import_runs(one.to.file("whole.kiln"), target, {one.key.verifying_key()}, false);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, "import.other_run");
}

TEST(RedactedRun, NothingIsLeftBesideTheBundle) {
  const Redacted one;
  ASSERT_TRUE(one.send("home.kiln", Redact::names));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(one.to.file("."))) {
    EXPECT_EQ(entry.path().filename(), "home.kiln");
    ++files;
  }
  EXPECT_EQ(files, 1U);
}

}  // namespace
}  // namespace kiln
