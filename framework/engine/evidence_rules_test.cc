// What is recorded must be judged, and what judges must be known.
#include "engine/evidence_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "engine/step_catalog.h"

namespace kiln {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DescribedStep final : public Step {
 public:
  explicit DescribedStep(StepDescription description) : description_(std::move(description)) {}
  const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext&) override { co_return success(); }

 private:
  StepDescription description_;
};

class EvidenceRulesTest : public testing::Test {
 protected:
  EvidenceRulesTest() {
    StepDescription before;
    before.use = "log.before";
    before.judged_by = "log.after";
    before.bmc = {{BmcAbility::event_log, true, "to know what is old"}};
    before.measurements = {{"log.readable", "", ComponentKind::whole_dut, true, "", "", ""}};
    StepDescription after;
    after.use = "log.after";
    after.bmc = {{BmcAbility::event_log, true, "to judge what is new"}};
    after.measurements = {{"log.unexpected", "1", ComponentKind::whole_dut, true, "", "", ""}};
    StepDescription heat;
    heat.use = "heat.read";
    heat.measurements = {{"heat.max", "Cel", ComponentKind::gpu, true, "", "", ""},
                         {"heat.seen", "Cel", ComponentKind::gpu, false, "", "", ""}};
    std::vector<std::unique_ptr<Step>> steps;
    for (StepDescription* one : {&before, &after, &heat})
      steps.push_back(std::make_unique<DescribedStep>(*one));
    PluginFacts facts;
    facts.name = "log";
    facts.version = "1";
    EXPECT_TRUE(catalog.add(std::move(facts), std::move(steps)));
    recipe.name = "r";
    recipe.file = "r.yaml";
    recipe.purpose = Purpose::burn_in;
    inventory.rack = "R01";
    for (const char* id : {"C01", "C02"}) {
      Dut dut;
      dut.id = id;
      dut.role = Role::compute_tray;
      Component gpu;
      gpu.kind = ComponentKind::gpu;
      gpu.name = "GPU_0";
      dut.expect.components.push_back(gpu);
      inventory.duts.push_back(dut);
    }
    for (const char* name : {"log.readable", "log.unexpected", "heat.max"}) row(name, "a document");
  }
  Limit& row(const std::string& name, const std::string& source) {
    Limit limit;
    limit.name = name;
    limit.unit = name == "heat.max" ? "Cel" : name == "log.unexpected" ? "1" : "";
    if (name == "log.readable") limit.equals = true;
    if (name != "log.readable") limit.max = 1;
    limit.source = source;
    limits.rows.push_back(limit);
    return limits.rows.back();
  }
  Limit& row_of(const std::string& name) {
    for (Limit& one : limits.rows) {
      if (one.name == name) return one;
    }
    throw std::logic_error(name);
  }
  void step(const std::string& name, const std::string& use, std::vector<std::string> duts = {}) {
    StepSpec spec;
    spec.name = name;
    spec.use = use;
    spec.duts.all = duts.empty();
    spec.duts.ids = std::move(duts);
    PhaseSpec phase;
    phase.name = "phase-" + name;
    phase.steps.push_back(spec);
    recipe.phases.push_back(phase);
  }
  PlanResult plan(bool with_inventory = true) {
    PlanRequest request;
    request.recipe = &recipe;
    request.inventory = with_inventory ? &inventory : nullptr;
    request.limits = &limits;
    request.allowed_log_entries = &allowed;
    request.catalog = &catalog;
    request.operator_name = "Ann";
    return make_plan(request);
  }
  std::vector<std::string> problems(bool with_inventory = true) {
    std::vector<std::string> found;
    for (const PlanProblem& one : plan(with_inventory).problems)
      found.push_back(one.code + ": " + one.message);
    return found;
  }
  std::vector<std::string> because() {
    PlanResult made = plan();
    for (const PlanProblem& one : made.problems) ADD_FAILURE() << one.code << " " << one.message;
    return made.plan ? made.plan->not_eligible_because : std::vector<std::string>{"no plan"};
  }
  StepCatalog catalog;
  Recipe recipe;
  Inventory inventory;
  LimitsTable limits;
  std::vector<LogAllowance> allowed;
};

// ---------------------------------------------------------------- recorded and judged

TEST_F(EvidenceRulesTest, WhatIsRecordedBeforeIsJudgedAfter) {
  step("before", "log.before");
  step("after", "log.after");
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(problems(false), IsEmpty());
}

TEST_F(EvidenceRulesTest, ARecipeThatRecordsAndNeverJudgesIsRefused) {
  step("before", "log.before");
  step("heat", "heat.read");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("plan.judged_by_none")));
  EXPECT_THAT(problems(false), Contains(HasSubstr("judged by log.after")))
      << "kiln lint says it without a rack";
}

TEST_F(EvidenceRulesTest, JudgedTooEarlyIsNotJudged) {
  step("after", "log.after");
  step("before", "log.before");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("plan.judged_by_none")));
}

TEST_F(EvidenceRulesTest, TheDutsThatNobodyJudgesAreNamed) {
  step("before", "log.before");
  step("after", "log.after", {"C01"});
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("does not come after it on C02")));
}

TEST_F(EvidenceRulesTest, ASurveyDecidesNothingAndMayJustRecord) {
  recipe.purpose = Purpose::survey;
  step("before", "log.before");
  EXPECT_THAT(problems(), IsEmpty());
}

// ---------------------------------------------------------------- still to fill

TEST_F(EvidenceRulesTest, LimitsWithASourceLeaveTheRunEligible) {
  step("heat", "heat.read");
  EXPECT_THAT(because(), IsEmpty());
}

TEST_F(EvidenceRulesTest, ARowThatTheSiteHasStillToFillMakesTheRunIneligible) {
  step("heat", "heat.read");
  for (const char* source : {"site to fill", " Site to fill", "site to fill: no public figure"}) {
    row_of("heat.max").source = source;
    EXPECT_THAT(because(), ElementsAre(HasSubstr("heat.max"))) << source;
  }
  row_of("heat.max").source = "site to filling station 7, revision 2";
  EXPECT_THAT(because(), IsEmpty());
}

TEST_F(EvidenceRulesTest, ARowThatIsNotRequiredJudgesAllTheSame) {
  step("heat", "heat.read");
  step("before", "log.before");
  step("after", "log.after");
  row_of("heat.max").source = "site to fill";
  row_of("heat.max").required = false;
  EXPECT_THAT(because(), ElementsAre(HasSubstr("heat.max")));
}

TEST_F(EvidenceRulesTest, ARowThatNothingMeasuresJudgesNothing) {
  step("before", "log.before");
  step("after", "log.after");
  row_of("heat.max").source = "site to fill";
  EXPECT_THAT(because(), IsEmpty());
}

TEST_F(EvidenceRulesTest, ARowOfAPartThatIsNotThereJudgesNothing) {
  step("heat", "heat.read");
  row("heat.max", "site to fill").when_part = "GPU_7";
  EXPECT_THAT(because(), IsEmpty());
  limits.rows.back().when_part = "GPU_0";
  EXPECT_THAT(because(), ElementsAre(HasSubstr("heat.max")));
  limits.rows.back().when_part = "GPU_*";
  EXPECT_THAT(because(), ElementsAre(HasSubstr("heat.max")));
}

TEST_F(EvidenceRulesTest, ARowOfARoleThatIsNotThereJudgesNothing) {
  step("heat", "heat.read");
  row("heat.max", "site to fill").when_role = Role::cdu;
  EXPECT_THAT(because(), IsEmpty());
}

TEST_F(EvidenceRulesTest, RowsOfOtherPartsAndRolesDoNotLeaveAPartUnjudged) {
  step("heat", "heat.read");
  row_of("heat.max").when_role = Role::cdu;
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("for C01 GPU_0"), HasSubstr("for C02 GPU_0")));
  row_of("heat.max").when_role = Role::compute_tray;
  EXPECT_THAT(problems(), IsEmpty());
  row_of("heat.max").when_part = "GPU_1";
  EXPECT_THAT(problems(), Contains(HasSubstr("plan.no_limit")));
}

TEST_F(EvidenceRulesTest, AnAllowanceThatNobodyAccountsForMakesTheRunIneligible) {
  step("before", "log.before");
  step("after", "log.after");
  LogAllowance one;
  one.message_id = "ResourceEvent.1.0.ResourceStatusChangedWarning";
  one.reason = "retrains once";
  one.source = "site to fill";
  allowed.push_back(one);
  EXPECT_THAT(because(), ElementsAre(HasSubstr("ResourceStatusChangedWarning")));
  allowed[0].source = "vendor note 4711";
  EXPECT_THAT(because(), IsEmpty());
  allowed[0].reason = "site to fill";
  EXPECT_THAT(because(), ElementsAre(HasSubstr("allowed log entries")));
}

TEST_F(EvidenceRulesTest, AnAllowanceCountsOnlyWhereLogsAreRead) {
  step("heat", "heat.read");
  LogAllowance one;
  one.message = "*";
  one.reason = one.source = "site to fill";
  allowed.push_back(one);
  EXPECT_THAT(because(), IsEmpty());
}

TEST_F(EvidenceRulesTest, AHazardRowOfTheRecipeIsARowToo) {
  step("heat", "heat.read");
  HazardRule rule;
  rule.max = 80;
  rule.source = "site to fill";
  recipe.hazards.push_back(rule);
  EXPECT_THAT(because(), ElementsAre(HasSubstr("gpu-temperature")));
}

}  // namespace
}  // namespace kiln
