#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "boot_id_for_test.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// A leak watch that reads dry until its time has come.
class LeakAt final : public Step {
 public:
  explicit LeakAt(Nanoseconds when) : when_(when) {
    description_.use = "test.leak_at";
    description_.monitor = true;
    description_.leak_watch = true;
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    context.watch_armed(true);
    const Status waited = co_await context.ctx().sleep_for(when_);
    if (!waited) co_return waited;
    Hazard hazard("leak", "leak.detected", "Detector_0", "Detector_0 reads wet");
    const Status tripped = co_await context.trip(std::move(hazard));
    if (!tripped) co_return tripped;
    const Status parked = co_await context.ctx().sleep_for(24h);
    co_return parked;
  }

 private:
  StepDescription description_;
  Nanoseconds when_;
};

/// Asks one DUT's BMC for what takes power away, at a given time.
class Switches final : public Step {
 public:
  using Answers = std::shared_ptr<std::vector<std::string>>;
  Switches(Nanoseconds when, Answers answers) : when_(when), answers_(std::move(answers)) {
    description_.use = "test.switches";
    description_.energises = Energy::power;
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Status waited = co_await context.ctx().sleep_for(when_);
    if (!waited) co_return waited;
    const Result<Bmc*> bmc = context.bmc();
    if (!bmc) co_return bmc.error();
    const Result<Permit> permit = context.permit(Energy::power, "switch");
    answers_->push_back(permit ? "permitted" : permit.error().code);
    const Status off = co_await (*bmc)->force_off(context.ctx());
    answers_->push_back(off ? "done" : off.error().code);
    const Status shut = co_await (*bmc)->graceful_shutdown(context.ctx());
    answers_->push_back(shut ? "done" : shut.error().code);
    const Status reset = co_await (*bmc)->reset_manager(context.ctx());
    answers_->push_back(reset ? "done" : reset.error().code);
    co_return success();
  }

 private:
  StepDescription description_;
  Nanoseconds when_;
  Answers answers_;
};

/// Does nothing for a minute.
class Later final : public Step {
 public:
  Later() { description_.use = "test.later"; }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Status waited = co_await context.ctx().sleep_for(1min);
    co_return waited;
  }

 private:
  StepDescription description_;
};

struct FirmwareTest : testing::Test {
  FirmwareTest() {
    std::string pattern = testing::TempDir() + "kiln-firmware-XXXXXX";
    place = mkdtemp(pattern.data());
    std::ofstream(place / "UEFI-2.0.0.fw") << "2.0.0";
    for (const char* name :
         {"firmware.version", "firmware.version.after_update", "firmware.standby_version"}) {
      Limit row;
      row.name = name;
      row.expected = row.as_version = true;
      bench.limit(std::move(row));
    }
    add("C01");
    bench.shell("C01").answer("true", ShellAnswer(""));
    tell_boot_id(bench, "C01");
  }
  ~FirmwareTest() override { std::filesystem::remove_all(place); }

  Dut& add(const std::string& id, Role role = Role::compute_tray) {
    Dut& dut = bench.add_dut(id, role);
    bench.expect(dut, ComponentKind::firmware, {"UEFI"});
    dut.expect.components.back().firmware = "2.0.0";
    FakeHardware& hardware = bench.hardware(id);
    hardware.power = PowerState::on;
    FirmwareItem item;
    item.id = "UEFI";
    item.version = "1.9.0";
    item.uri = "/redfish/v1/UpdateService/FirmwareInventory/UEFI";
    hardware.firmware = {item};
    return dut;
  }
  StepSpec& update(StepBench::With with = {}) {
    with.emplace_back("component", "UEFI");
    with.emplace_back("images", place.string());
    return bench.step("update", plugin_step("firmware.update"), std::move(with));
  }
  FakeHardware& hardware() { return bench.hardware("C01"); }
  std::ptrdiff_t position(const std::string& call) {
    const auto& calls = hardware().calls;
    return std::find(calls.begin(), calls.end(), call) - calls.begin();
  }
  bool called(const std::string& call) {
    return position(call) < static_cast<std::ptrdiff_t>(hardware().calls.size());
  }
  static Decision of(const BenchResult& result, const std::string& dut = "C01") {
    return result.verdict.find(dut)->decision;
  }
  static const Reason* reason(const BenchResult& result, const std::string& code) {
    for (const Reason& item : result.verdict.find("C01")->reasons) {
      if (item.code == code) return &item;
    }
    return nullptr;
  }
  static bool has_pass(const BenchResult& result) {
    const auto& cells = result.verdict.find("C01")->cells;
    return std::any_of(cells.begin(), cells.end(),
                       [](const CellVerdict& cell) { return cell.state == CellState::passed; });
  }
  std::filesystem::path place;
  StepBench bench;
};

// ---------------------------------------------------------------- updating

TEST_F(FirmwareTest, AShelfWaitsUntilTheOtherOneIsWritten) {
  for (const char* id : {"P01", "P02"}) add(id, Role::power_shelf);
  bool first_is_done = false, second_began = false;
  bench.hardware("P01").update_takes = 5min;
  bench.hardware("P01").on_update = [&first_is_done](FakeHardware& fake, const UpdateRequest& request) {
    first_is_done = true;
    fake.firmware.front().version = request.image;
  };
  bench.hardware("P02").on_call = [&](const std::string& verb) {
    if (verb != "update_firmware") return;
    second_began = true;
    EXPECT_TRUE(first_is_done) << "nobody writes on a shelf while the other one is written";
  };
  bench.step("later", std::make_unique<Later>(), {}, {"P02"});
  StepBench::With with{{"component", "UEFI"}, {"images", place.string()}};
  StepSpec& spec = bench.step("update", plugin_step("firmware.update"), std::move(with), {"P01", "P02"});
  spec.timeout = 1h;
  const BenchResult result = bench.run();
  for (const auto& problem : result.problems) ADD_FAILURE() << problem.message;
  EXPECT_TRUE(second_began);
  for (const char* id : {"P01", "P02"}) EXPECT_EQ(of(result, id), Decision::go) << id;
}

TEST_F(FirmwareTest, AnUpdateIsGoWhenTheInventoryShowsTheVersionAfterTheReset) {
  update();
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_LT(position("update_firmware ended"), position("restart"));
  EXPECT_EQ(std::get<std::string>(result.measured("firmware.version.after_update", "UEFI").value), "2.0.0");
  EXPECT_EQ(result.bodies<PermitGranted>().size(), 2U) << "one to flash, one to restart";
}

TEST_F(FirmwareTest, TheWriteStandsInTheGuardJournalWhileItLasts) {
  hardware().update_takes = 5min;
  update().timeout = 20min;
  const BenchResult result = bench.run();
  ASSERT_EQ(result.journal.size(), 1U);
  const MemoryJournal::Entry& write = result.journal.front();
  EXPECT_EQ(write.undo.kind, UndoKind::firmware_write);
  EXPECT_EQ(write.undo.dut, "C01");
  EXPECT_EQ(write.undo.description, "wait for the firmware write of UEFI on C01");
  EXPECT_GE(write.undo.budget, 19min) << "until the deadline of its step";
  EXPECT_LE(write.undo.budget, 21min);
  EXPECT_EQ(write.state, GuardEnd::not_needed);
  EXPECT_TRUE(result.bodies<GuardOpened>().empty()) << "it is no undo of the run's";
}

TEST_F(FirmwareTest, NothingIsWrittenThatNobodyElseWouldKnowOf) {
  bench.fail_journal(Error("guard.not_writable", "the disk is full"));
  update();
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result), Decision::incomplete);
  EXPECT_FALSE(called("update_firmware"));
}

TEST_F(FirmwareTest, ATaskThatReportsSuccessAndChangesNothingIsNoGo) {
  hardware().on_update = [](FakeHardware&, const UpdateRequest&) {};
  update({{"activation", "10s"}});
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_NE(reason(result, "firmware.update_failed"), nullptr);
}

TEST_F(FirmwareTest, AFailedTaskIsJudgedByWhatTheInventoryShowsAndIsNotActivated) {
  hardware().on_update = [](FakeHardware&, const UpdateRequest&) {};
  hardware().update_outcome = UpdateOutcome{false, false, false, "Exception", "image refused", "/t/1"};
  update();
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_FALSE(called("restart"));
}

TEST_F(FirmwareTest, ATaskThatVanishedWithTheBmcIsDecidedByTheInventory) {
  hardware().update_outcome = UpdateOutcome{false, true, false, "", "404", "/t/1"};
  update();
  EXPECT_EQ(of(bench.run()), Decision::go);
}

TEST_F(FirmwareTest, AVersionThatShowsLateCountsAndOneThatCannotBeReadIsIncomplete) {
  hardware().on_update = [](FakeHardware&, const UpdateRequest&) {};
  bench.at(60s, [this] { hardware().firmware.front().version = "02.00.0 "; });
  update();
  EXPECT_EQ(of(bench.run()), Decision::go) << "equal as versions";

  StepBench own;
  for (const char* name : {"firmware.version.after_update", "firmware.standby_version"}) {
    Limit row;
    row.name = name;
    row.expected = row.as_version = true;
    own.limit(std::move(row));
  }
  Dut& dut = own.add_dut("C01", Role::compute_tray);
  own.expect(dut, ComponentKind::firmware, {"UEFI"});
  dut.expect.components.back().firmware = "2.0.0";
  own.hardware("C01").firmware = hardware().firmware;
  own.hardware("C01").firmware.front().version = "1.9.0";
  own.hardware("C01").on_update = [](FakeHardware& fake, const UpdateRequest&) {
    fake.failing.insert_or_assign("firmware", Error("bmc.unreachable", "no answer"));
  };
  own.step("update", plugin_step("firmware.update"),
           {{"component", "UEFI"}, {"images", place.string()}, {"activation", "10s"}});
  EXPECT_EQ(of(own.run()), Decision::incomplete);
}

TEST_F(FirmwareTest, AComponentAtItsVersionIsNotFlashed) {
  hardware().firmware.front().version = "v2.00.0";
  update();
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_FALSE(called("update_firmware"));
  EXPECT_TRUE(result.bodies<PermitGranted>().empty());
}

TEST_F(FirmwareTest, WithoutImageOrBaselineNothingIsFlashed) {
  std::filesystem::remove(place / "UEFI-2.0.0.fw");
  update();
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result), Decision::incomplete);
  EXPECT_EQ(result.ended("main/update").code, "firmware.no_image");
  EXPECT_FALSE(called("update_firmware"));
}

TEST_F(FirmwareTest, ATrayThatIsOffIsFlashedWithoutARestart) {
  hardware().power = PowerState::off;
  update({{"host", "false"}});
  EXPECT_EQ(of(bench.run()), Decision::go);
  EXPECT_FALSE(called("restart"));
}

TEST_F(FirmwareTest, TheBaselineNamesWhatIsOldNewAndMissing) {
  Dut& dut = bench.inventory().duts.front();
  bench.expect(dut, ComponentKind::firmware, {"CPLD", "BMC", "FPGA"});
  for (std::size_t i = 1; i < dut.expect.components.size(); ++i) dut.expect.components[i].firmware = "1.10";
  hardware().firmware.front().version = "2.00.0";
  for (const auto& [id, version] : {std::pair{"CPLD", "1.9"}, std::pair{"BMC", "1.11"}}) {
    FirmwareItem item;
    item.id = id;
    item.version = version;
    hardware().firmware.push_back(item);
  }
  bench.step("baseline", plugin_step("firmware.baseline"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.version", "UEFI").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("firmware.version", "CPLD").outcome, Outcome::fail);
  EXPECT_EQ(result.measured("firmware.version", "BMC").outcome, Outcome::fail) << "newer is off the baseline";
  EXPECT_EQ(result.measured("firmware.version", "FPGA").outcome, Outcome::unset);
  EXPECT_EQ(of(result), Decision::no_go);
}

// ---------------------------------------------------------------- stops and cuts while flashing

TEST_F(FirmwareTest, AStopWaitsForTheFlashAndThenParksWithoutActivating) {
  hardware().update_takes = 5min;
  update();
  bench.stop_at(10s);
  const BenchResult result = bench.run();
  EXPECT_FALSE(hardware().update_ended_by) << "the write ran to its end";
  EXPECT_TRUE(called("update_firmware ended"));
  EXPECT_FALSE(called("restart")) << "nothing new is begun after a stop";
  EXPECT_GE(result.elapsed_ns, Nanoseconds(5min).count());
  EXPECT_LT(result.elapsed_ns, Nanoseconds(6min).count());
  EXPECT_EQ(of(result), Decision::incomplete);
  EXPECT_FALSE(has_pass(result));
  EXPECT_EQ(exit_code(result.verdict), 130);
  EXPECT_TRUE(result.bodies<Diagnosed>().empty()) << "it was not interrupted";
}

TEST_F(FirmwareTest, AStopDuringTheActivationWaitsUntilTheVersionShows) {
  hardware().on_update = [](FakeHardware&, const UpdateRequest&) {};
  bench.at(2min, [this] { hardware().firmware.front().version = "2.0.0"; });
  update();
  bench.stop_at(10s);
  const BenchResult result = bench.run();
  EXPECT_TRUE(called("restart"));
  EXPECT_GE(result.elapsed_ns, Nanoseconds(2min).count()) << "it was not powered off while it activates";
  EXPECT_EQ(exit_code(result.verdict), 130);
}

TEST_F(FirmwareTest, AStopWaitsNoLongerThanTheDeadlineOfTheFlash) {
  hardware().update_takes = 10h;
  update().timeout = 20min;
  bench.stop_at(10s);
  const BenchResult result = bench.run();
  EXPECT_GE(result.elapsed_ns, Nanoseconds(20min).count());
  EXPECT_LT(result.elapsed_ns, Nanoseconds(21min).count());
  ASSERT_NE(reason(result, "firmware.interrupted"), nullptr);
  EXPECT_EQ(reason(result, "firmware.interrupted")->fru, "UEFI");
  EXPECT_FALSE(has_pass(result));
  EXPECT_EQ(exit_code(result.verdict), 130);
}

TEST_F(FirmwareTest, ALeakCutsThroughAFlashAndTheComponentIsUnknown) {
  hardware().update_takes = 30min;
  bench.monitor("leak_watch", std::make_unique<LeakAt>(20s), 1s);
  update();
  const BenchResult result = bench.run();
  const auto cuts = result.bodies<Interlocked>();
  ASSERT_EQ(cuts.size(), 1U);
  EXPECT_LE(cuts.front().off_confirmed_ns - cuts.front().detected_ns, Nanoseconds(1s).count());
  EXPECT_EQ(hardware().power, PowerState::off);
  EXPECT_FALSE(called("update_firmware ended"));
  ASSERT_EQ(result.bodies<Diagnosed>().size(), 1U);
  EXPECT_EQ(result.bodies<Diagnosed>().front().code, "firmware.interrupted");
  EXPECT_EQ(result.bodies<Diagnosed>().front().part, "UEFI");
  ASSERT_NE(reason(result, "firmware.interrupted"), nullptr);
  EXPECT_EQ(reason(result, "firmware.interrupted")->fru, "UEFI");
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_EQ(exit_code(result.verdict), 5);
}

TEST_F(FirmwareTest, AnOffThatIsReadWhileItIsWrittenMustLast) {
  hardware().update_takes = 30min;
  bench.at(100s, [this] { hardware().power = PowerState::off; });  // what is written restarts it
  bench.monitor("leak_watch", std::make_unique<LeakAt>(110s), 1s);
  bench.at(113s, [this] { hardware().power = PowerState::on; });
  update();
  const BenchResult result = bench.run();
  const auto cuts = result.bodies<Interlocked>();
  ASSERT_EQ(cuts.size(), 1U);
  EXPECT_EQ(hardware().power, PowerState::off);
  EXPECT_GE(cuts.front().off_confirmed_ns - cuts.front().detected_ns, Nanoseconds(2s).count());
}

TEST_F(FirmwareTest, ALeakCutsAlsoWhileAStopWaitsForTheFlash) {
  hardware().update_takes = 30min;
  bench.monitor("leak_watch", std::make_unique<LeakAt>(60s), 1s);
  update();
  bench.stop_at(10s);
  const BenchResult result = bench.run();
  EXPECT_EQ(hardware().power, PowerState::off);
  EXPECT_LT(result.elapsed_ns, Nanoseconds(2min).count()) << "the cut does not wait";
  EXPECT_NE(reason(result, "firmware.interrupted"), nullptr);
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_EQ(exit_code(result.verdict), 130);
}

TEST_F(FirmwareTest, AVersionReadBeforeTheInterruptedWriteProvesNothing) {
  // What the component held before it was half overwritten is no pass; what is read afterwards counts.
  for (const bool read_again : {false, true}) {
    std::vector<Event> events;
    const auto add_event = [&events](EventBody body) {
      Event event;
      event.sequence = static_cast<std::int64_t>(events.size()) + 1;
      event.dut = "C01";
      event.step = "main/baseline";
      event.body = std::move(body);
      events.push_back(std::move(event));
    };
    RunBegun begun;
    begun.rack = "R01";
    add_event(begun);
    add_event(DutPlanned{});
    CellPlanned cell;
    cell.cell = Cell{"main/baseline", "C01", "firmware.version", ComponentKind::firmware, "UEFI"};
    add_event(cell);
    Measured measured;
    measured.name = "firmware.version";
    measured.kind = ComponentKind::firmware;
    measured.part = "UEFI";
    measured.value = std::string("2.0.0");
    measured.outcome = Outcome::pass;
    Diagnosed interrupted;
    interrupted.code = "firmware.interrupted";
    interrupted.part = "UEFI";
    add_event(StepBegun{});
    if (read_again) {
      add_event(interrupted);
      add_event(measured);
    } else {
      add_event(measured);
      add_event(interrupted);
    }
    add_event(StepEnded{});
    RunEnded ended;
    ended.status = "complete";
    add_event(ended);
    const RunVerdict verdict = roll_up(events);
    EXPECT_EQ(verdict.find("C01")->decision, read_again ? Decision::go : Decision::incomplete);
  }
}

TEST_F(FirmwareTest, NothingIsSwitchedByRecipeBesideAFlashItWouldReach) {
  hardware().update_takes = 5min;
  bench.add_dut("P01", Role::power_shelf);
  bench.add_dut("C02", Role::compute_tray);
  const auto answers = std::make_shared<std::vector<std::string>>();
  update();
  bench.recipe().phases.front().steps.back().duts.all = false;
  bench.recipe().phases.front().steps.back().duts.ids = {"C01"};
  bench.step("shelf", std::make_unique<Switches>(30s, answers), {}, {"P01"});
  const BenchResult result = bench.run();
  EXPECT_EQ(*answers, (std::vector<std::string>{"permit.flash_open", "permit.flash_open", "permit.flash_open",
                                                "permit.flash_open"}));
  EXPECT_EQ(result.ended("main/update").status, WorkStatus::complete);
  EXPECT_FALSE(
      std::count(bench.hardware("P01").calls.begin(), bench.hardware("P01").calls.end(), "force_off"));
}

TEST_F(FirmwareTest, AnotherTrayMayBeSwitchedBesideAFlash) {
  hardware().update_takes = 5min;
  bench.add_dut("C02", Role::compute_tray);
  const auto answers = std::make_shared<std::vector<std::string>>();
  update();
  bench.recipe().phases.front().steps.back().duts.all = false;
  bench.recipe().phases.front().steps.back().duts.ids = {"C01"};
  bench.step("other", std::make_unique<Switches>(30s, answers), {}, {"C02"});
  const BenchResult result = bench.run();
  EXPECT_EQ(*answers, (std::vector<std::string>{"permitted", "done", "done", "done"}));
}

/// Switches its DUT on behind a guard that lasts as long as the run.
class OnForTheRun final : public Step {
 public:
  OnForTheRun() {
    description_.use = "test.on";
    description_.energises = Energy::power;
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    Undo undo(Undo::Kind::force_off, "force off " + context.dut().id);
    undo.lifetime = Undo::Lifetime::run;
    const Result<int> guard = co_await context.open_guard(std::move(undo));
    if (!guard) co_return guard.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

TEST_F(FirmwareTest, AShelfIsParkedOnlyAfterTheFlashItFeeds) {
  hardware().update_takes = 5min;
  bench.add_dut("P01", Role::power_shelf);
  bench.hardware("P01").power = PowerState::on;
  bool flash_was_over = false;
  bench.hardware("P01").on_call = [&](const std::string& verb) {
    if (verb == "force_off") flash_was_over = called("update_firmware ended");
  };
  bench.step("shelf", std::make_unique<OnForTheRun>(), {}, {"P01"});
  StepSpec& spec = update();
  spec.duts.all = false;
  spec.duts.ids = {"C01"};
  bench.stop_at(10s);
  const BenchResult result = bench.run();
  EXPECT_EQ(bench.hardware("P01").power, PowerState::off) << "it is parked in the end";
  EXPECT_TRUE(flash_was_over);
  EXPECT_EQ(exit_code(result.verdict), 130);
}

}  // namespace
}  // namespace kiln
