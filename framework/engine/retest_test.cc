// Claims about what is done again of a run, and what for its sake; and what the record then says. Plans by
// hand, no hardware.

#include "engine/retest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>

#include "model/rework.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

/// Describes itself and is never run.
class UnrunStep final : public Step {
 public:
  explicit UnrunStep(StepDescription description) : description_(std::move(description)) {}
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext&) override { co_return success(); }

 private:
  StepDescription description_;
};

/// A rack of two trays, a switch tray and a CDU, with the phases of a small burn-in.
struct SmallPlan {
  Plan plan;
  std::list<UnrunStep> steps;

  SmallPlan() {
    plan.inventory.rack = "R01";
    plan.inventory.simulated = true;
    plan.rack.id = "R01";
    plan.rack.role = Role::rack;
    for (const auto& [id, role] : std::vector<std::pair<std::string, Role>>{{"C01", Role::compute_tray},
                                                                            {"C02", Role::compute_tray},
                                                                            {"S01", Role::switch_tray},
                                                                            {"CDU01", Role::cdu}}) {
      Dut dut;
      dut.id = id;
      dut.role = role;
      plan.inventory.duts.push_back(std::move(dut));
      plan.duts.push_back(id);
    }
    const std::vector<std::string> trays{"C01", "C02"}, all{"C01", "C02", "S01", "CDU01"},
        powered{"C01", "C02", "S01"};
    phase("log-before", {});
    add("before", trays, false).judged_by = "test.after";
    phase("cooling", {}, true);
    add("flow", all, true).proves_cooling = true;
    phase("power", {"cooling"}, true);
    add("on", powered, true).energises = Energy::power;
    phase("firmware", {"power"});
    add("versions", powered, true);
    phase("fabric", {"power"});
    add("links", powered, true);
    plan.phases.back().steps.back().spec.quorum = 3;
    phase("rack", {"power"});
    add("one-image", all, true);
    plan.phases.back().steps.back().rack_scope = true;
    phase("soak", {"cooling", "power"});
    add("prepare", trays, false);
    add("count", trays, true);
    add("load", trays, true).energises = Energy::load;
    phase("log-after", {});
    add("after", trays, true).looks_back = true;
    PlannedMonitor watch;
    watch.path = "monitor/heat";
    watch.duts = trays;
    StepDescription about;
    about.use = "test.heat";
    about.monitor = true;
    steps.emplace_back(std::move(about));
    watch.step = &steps.back();
    plan.monitors.push_back(std::move(watch));
    for (const std::string& dut : trays) cell("monitor/heat", dut);
    PlannedStep off;
    off.path = "teardown/off";
    off.duts = powered;
    StepDescription switches_off;
    switches_off.use = "test.off";
    steps.emplace_back(std::move(switches_off));
    off.step = &steps.back();
    plan.teardown.push_back(std::move(off));
  }
  void phase(const std::string& name, std::vector<std::string> needs, bool gate = false) {
    PlannedPhase made;
    made.spec.name = name;
    made.spec.needs = std::move(needs);
    made.spec.gate = gate;
    plan.phases.push_back(std::move(made));
  }
  void cell(const std::string& path, const std::string& dut) {
    CellPlanned planned;
    planned.cell = {path, dut, "part.good", ComponentKind::whole_dut, ""};
    plan.cells.push_back(std::move(planned));
  }
  /// The description may still be changed: steps are asked for it later.
  StepDescription& add(const std::string& name, const std::vector<std::string>& duts, bool is_check) {
    PlannedStep step;
    step.path = plan.phases.back().spec.name + "/" + name;
    step.duts = duts;
    StepDescription about;
    about.use = "test." + name;
    steps.emplace_back(std::move(about));
    step.step = &steps.back();
    if (is_check && name != "one-image") {
      for (const std::string& dut : duts) cell(step.path, dut);
    }
    if (name == "one-image") cell(step.path, "R01");
    plan.phases.back().steps.push_back(std::move(step));
    return const_cast<StepDescription&>(steps.back().describe());
  }
};

UnfinishedWork failed_on(std::set<StepOfDut> steps) {
  UnfinishedWork work;
  work.failed = static_cast<int>(steps.size());
  work.required = 20;
  work.steps = std::move(steps);
  return work;
}

std::set<StepOfDut> done_in(const Plan& plan) {
  std::set<StepOfDut> done;
  for (const PlannedPhase& phase : plan.phases) {
    for (const PlannedStep& step : phase.steps) {
      if (step.rack_scope) done.emplace("R01", step.path);
      if (step.rack_scope) continue;
      for (const std::string& dut : step.duts) done.emplace(dut, step.path);
    }
  }
  return done;
}

Retest retest_of(const std::set<StepOfDut>& steps) {
  SmallPlan whole;
  Result<Retest> retest = plan_retest(whole.plan, failed_on(steps));
  EXPECT_TRUE(retest) << retest.error().sentence();
  return retest ? std::move(*retest) : Retest{};
}

TEST(Retest, OnlyWhatFailedAndWhatItNeeds) {
  const Retest retest = retest_of({{"C01", "firmware/versions"}});
  const std::set<StepOfDut> done = done_in(retest.plan);
  EXPECT_TRUE(done.contains({"C01", "firmware/versions"}));
  EXPECT_TRUE(done.contains({"C01", "power/on"}));
  EXPECT_TRUE(done.contains({"C01", "cooling/flow"}));
  EXPECT_FALSE(done.contains({"C02", "firmware/versions"}));
  EXPECT_FALSE(done.contains({"C02", "power/on"}));
  EXPECT_TRUE(done.contains({"C01", "soak/load"})) << "it is on, and what watches it expects load";
  EXPECT_FALSE(done.contains({"C01", "fabric/links"}));
  EXPECT_EQ(retest.wanted, (std::set<StepOfDut>{{"C01", "firmware/versions"}}));
}

TEST(Retest, WhatServesTheRackIsThereToo) {
  const Retest retest = retest_of({{"C01", "firmware/versions"}});
  const std::set<StepOfDut> done = done_in(retest.plan);
  EXPECT_TRUE(done.contains({"S01", "power/on"}));
  EXPECT_TRUE(done.contains({"CDU01", "cooling/flow"}));
  EXPECT_EQ(retest.plan.duts, (std::vector<std::string>{"C01", "S01", "CDU01"}));
  // Its own check is not done again: it did not fail.
  EXPECT_FALSE(done.contains({"S01", "firmware/versions"}));
}

TEST(Retest, LoadIsPreparedButItsPhasesOtherChecksAreNotDoneAgain) {
  const std::set<StepOfDut> done = done_in(retest_of({{"C02", "soak/load"}}).plan);
  EXPECT_TRUE(done.contains({"C02", "soak/prepare"}));  // no check: there for what follows
  EXPECT_FALSE(done.contains({"C02", "soak/count"}));
  EXPECT_TRUE(done.contains({"C02", "cooling/flow"}));
  EXPECT_FALSE(done.contains({"C01", "soak/load"}));
}

TEST(Retest, LogsAreReadBeforeAndAfterWhatEnergises) {
  const std::set<StepOfDut> loaded = done_in(retest_of({{"C02", "soak/load"}}).plan);
  EXPECT_TRUE(loaded.contains({"C02", "log-before/before"}));
  EXPECT_TRUE(loaded.contains({"C02", "log-after/after"}));
  const std::set<StepOfDut> read = done_in(retest_of({{"CDU01", "cooling/flow"}}).plan);
  EXPECT_EQ(read, (std::set<StepOfDut>{{"CDU01", "cooling/flow"}}));
}

TEST(Retest, WhatFailedBesideTheLoadNeedsTheLoad) {
  const Retest retest = retest_of({{"C01", "monitor/heat"}});
  EXPECT_TRUE(done_in(retest.plan).contains({"C01", "soak/load"}));
  ASSERT_EQ(retest.plan.monitors.size(), 1U);
  EXPECT_EQ(retest.plan.monitors[0].duts, (std::vector<std::string>{"C01"}));
}

TEST(Retest, WhatIsNotLoadedIsNotWatchedAsIfItWere) {
  // The proof of cooling needs no power: who watches heat would find nobody at home.
  const Retest dark = retest_of({{"C01", "cooling/flow"}});
  EXPECT_TRUE(dark.plan.monitors.empty());
  for (const CellPlanned& planned : dark.plan.cells) EXPECT_NE(planned.cell.step, "monitor/heat");
  const Retest loaded = retest_of({{"C02", "soak/load"}});
  ASSERT_EQ(loaded.plan.monitors.size(), 1U);
  EXPECT_EQ(loaded.plan.monitors[0].duts, (std::vector<std::string>{"C02"}));
}

TEST(Retest, WhoMustMeetMeetsAgain) {
  const std::set<StepOfDut> links = done_in(retest_of({{"C01", "fabric/links"}}).plan);
  for (const char* dut : {"C01", "C02", "S01"}) {
    EXPECT_TRUE(links.contains({dut, "fabric/links"})) << dut;
    EXPECT_TRUE(links.contains({dut, "power/on"})) << dut;
  }
  const Retest rack = retest_of({{"R01", "rack/one-image"}});
  EXPECT_TRUE(done_in(rack.plan).contains({"R01", "rack/one-image"}));
  EXPECT_TRUE(rack.plan.has_rack_cells);
  EXPECT_EQ(rack.plan.duts.size(), 4U);
}

TEST(Retest, NoCellIsLeftThatNobodyFills) {
  for (const StepOfDut& step : {StepOfDut{"C01", "firmware/versions"}, StepOfDut{"C02", "soak/load"},
                                StepOfDut{"C01", "fabric/links"}, StepOfDut{"R01", "rack/one-image"}}) {
    const Retest retest = retest_of({step});
    const std::set<StepOfDut> done = done_in(retest.plan);
    for (const CellPlanned& planned : retest.plan.cells) {
      const Cell& cell = planned.cell;
      const bool watched = cell.step == "monitor/heat";
      EXPECT_TRUE(watched || done.contains({cell.dut, cell.step})) << cell.dut << " " << cell.step;
    }
    for (const PlannedStep& torn : retest.plan.teardown) {
      for (const std::string& dut : torn.duts)
        EXPECT_NE(std::find(retest.plan.duts.begin(), retest.plan.duts.end(), dut), retest.plan.duts.end());
    }
  }
}

TEST(Retest, AStepThatIsGoneIsRefused) {
  SmallPlan whole;
  const Result<Retest> retest = plan_retest(whole.plan, failed_on({{"C01", "soak/gone"}}));
  ASSERT_FALSE(retest);
  EXPECT_EQ(retest.error().code, "rerun.step_gone");
  EXPECT_NE(retest.error().message.find("soak/gone on C01"), std::string::npos);
}

Event event_of(std::int64_t sequence, const std::string& dut, const std::string& step, EventBody body) {
  Event event;
  event.sequence = sequence;
  event.dut = dut;
  event.step = step;
  event.body = std::move(body);
  return event;
}

std::vector<Event> recorded(const std::string& retest_of, const std::string& cause, Outcome outcome) {
  RunBegun begun;
  begun.rack = "R01";
  begun.purpose = "burn-in";
  begun.retest_of = retest_of;
  CellPlanned cell;
  cell.cell = {"soak/load", "C01", "part.good", ComponentKind::whole_dut, ""};
  CellPlanned other = cell;
  other.cell.step = "soak/never";
  Measured measured;
  measured.name = "part.good";
  measured.outcome = outcome;
  std::vector<Event> events{event_of(1, "", "", begun), event_of(2, "C01", "", DutPlanned{}),
                            event_of(3, "C01", "soak/load", cell)};
  if (!cause.empty()) events.push_back(event_of(9, "", "", Diagnosed{kReworkCode, "", cause, ""}));
  if (outcome == Outcome::unset) events.push_back(event_of(4, "C01", "soak/never", other));
  events.push_back(event_of(5, "C01", "soak/load", StepBegun{}));
  events.push_back(event_of(6, "C01", "soak/load", measured));
  events.push_back(event_of(7, "C01", "soak/load", StepEnded{}));
  RunEnded ended;
  ended.status = "complete";
  events.push_back(event_of(8, "", "", ended));
  return events;
}

TEST(Retest, WhatIsUnfinishedIsReadFromTheRecord) {
  const std::vector<Event> good = recorded("", "", Outcome::pass);
  EXPECT_TRUE(unfinished_work(roll_up(good), good).steps.empty());
  const std::vector<Event> bad = recorded("", "", Outcome::fail);
  const UnfinishedWork failed = unfinished_work(roll_up(bad), bad);
  EXPECT_EQ(failed.steps, (std::set<StepOfDut>{{"C01", "soak/load"}}));
  EXPECT_EQ(failed.failed, 1);
  const std::vector<Event> holes = recorded("", "", Outcome::unset);
  const UnfinishedWork left = unfinished_work(roll_up(holes), holes);
  EXPECT_TRUE(left.steps.contains({"C01", "soak/never"}));
  EXPECT_EQ(left.not_run, 2);
}

TEST(Retest, APassWithoutACauseIsConditionalAndWithOneListsTheRework) {
  const RunVerdict unexplained = roll_up(recorded("R-1", "", Outcome::pass));
  EXPECT_EQ(unexplained.decision, Decision::conditional);
  EXPECT_EQ(unexplained.duts.at(0).reasons.at(0).code, "retest.pass_after_fail");
  EXPECT_EQ(exit_code(unexplained), 3);
  const RunVerdict repaired = roll_up(recorded("R-1", "GPU_3 reseated", Outcome::pass));
  EXPECT_EQ(repaired.decision, Decision::go);
  // What a step says of a DUT is nobody's statement about the run.
  std::vector<Event> by_a_step = recorded("R-1", "", Outcome::pass);
  by_a_step.push_back(event_of(9, "C01", "soak/load", Diagnosed{kReworkCode, "", "none", ""}));
  EXPECT_EQ(roll_up(by_a_step).decision, Decision::conditional);
  ASSERT_EQ(repaired.duts.at(0).reasons.size(), 1U);
  EXPECT_EQ(repaired.duts[0].reasons[0].code, "retest.rework");
  EXPECT_NE(repaired.duts[0].reasons[0].message.find("GPU_3 reseated"), std::string::npos);
  EXPECT_EQ(roll_up(recorded("R-1", "GPU_3 reseated", Outcome::fail)).decision, Decision::no_go);
  EXPECT_EQ(roll_up(recorded("R-1", "GPU_3 reseated", Outcome::unset)).decision, Decision::incomplete);
}

}  // namespace
}  // namespace kiln
