#include "station/bmc_doctor.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "station/bmc_doctor_text.h"

namespace kiln {
namespace {

class AskingStep final : public Step {
 public:
  AskingStep(std::string use, std::vector<BmcNeed> needs, std::optional<Energy> energy = {}) {
    description_.use = std::move(use);
    description_.bmc = std::move(needs);
    description_.energises = energy;
  }
  [[nodiscard]] const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext& /*context*/) override { co_return success(); }

 private:
  StepDescription description_;
};

class BmcDoctor : public testing::Test {
 protected:
  BmcDoctor() {
    for (const BmcAbility ability : kBmcAbilities) {
      AbilityFinding finding;
      finding.ability = ability;
      finding.proof = Proof::has;
      finding.evidence = "there";
      finding.uri = "/redfish/v1/x";
      proof.findings.push_back(std::move(finding));
    }
    proof.findings[static_cast<std::size_t>(BmcAbility::parts)].kinds = {{ComponentKind::gpu, 4}};
    dut.id = "C01";
    dut.role = Role::compute_tray;
    dut.bmc = BmcAccess();
    dut.bmc->url = "https://10.0.0.5";
    dut.expect.serial = "S1";
    recipe.phases.emplace_back();
    recipe.phases.back().name = "main";
  }
  void step(const std::string& use, std::vector<BmcNeed> needs, std::optional<Energy> energy = {}) {
    std::vector<std::unique_ptr<Step>> steps;
    steps.push_back(std::make_unique<AskingStep>(use, std::move(needs), energy));
    PluginFacts facts;
    facts.name = use;
    ASSERT_TRUE(catalog.add(std::move(facts), std::move(steps)));
    StepSpec spec;
    spec.name = use;
    spec.use = use;
    spec.duts.all = true;
    recipe.phases.front().steps.push_back(std::move(spec));
  }
  AbilityFinding& finding(BmcAbility ability) { return proof.findings[static_cast<std::size_t>(ability)]; }
  RecipeDiagnosis diagnosis() { return diagnose("r", recipe, catalog, dut, proof); }

  BmcProof proof;
  StepCatalog catalog;
  Recipe recipe;
  Dut dut;
};

TEST_F(BmcDoctor, ARecipeWhoseEveryNeedIsMetCanBeDone) {
  step("a.b", {{BmcAbility::sensors, true, "w"}});
  EXPECT_EQ(diagnosis().word, CanDo::can);
  EXPECT_TRUE(diagnosis().steps.empty());
}

TEST_F(BmcDoctor, ARecipeThatAsksNothingOfItIsNotForIt) {
  step("a.b", {});
  EXPECT_EQ(diagnosis().word, CanDo::not_for_it);
  recipe.phases.front().steps.front().duts = Selector();
  recipe.phases.front().steps.front().duts.roles = {Role::cdu};
  EXPECT_EQ(diagnosis().word, CanDo::not_for_it);
}

TEST_F(BmcDoctor, WhatIsRequiredAndMissingTakesTheStepAway) {
  step("a.b", {{BmcAbility::sensors, true, "w"}});
  step("a.c", {{BmcAbility::coolant, true, "w"}});
  finding(BmcAbility::coolant).proof = Proof::lacks;
  finding(BmcAbility::coolant).looked_at = {{"/redfish/v1/Chassis/1", "no ThermalSubsystem"}};
  const RecipeDiagnosis found = diagnosis();
  EXPECT_EQ(found.word, CanDo::in_part);
  EXPECT_EQ(found.able, 1U);
  ASSERT_EQ(found.steps.size(), 1U);
  EXPECT_EQ(found.steps.front().path, "main/a.c");
  EXPECT_FALSE(found.steps.front().able);
  EXPECT_EQ(found.steps.front().missing.front().looked_at.front().saw, "no ThermalSubsystem");
  finding(BmcAbility::sensors).proof = Proof::lacks;
  EXPECT_EQ(diagnosis().word, CanDo::cannot);
}

TEST_F(BmcDoctor, WhatIsOnlyBetterWithLeavesTheStepAble) {
  step("a.b", {{BmcAbility::leak_policies, false, "w"}});
  finding(BmcAbility::leak_policies).proof = Proof::lacks;
  const RecipeDiagnosis found = diagnosis();
  EXPECT_EQ(found.word, CanDo::in_part);
  EXPECT_TRUE(found.steps.front().able);
}

TEST_F(BmcDoctor, WhatCouldNotBeReadIsNotKnown) {
  step("a.b", {{BmcAbility::sensors, true, "w"}});
  finding(BmcAbility::sensors).proof = Proof::unread;
  EXPECT_EQ(diagnosis().word, CanDo::not_known);
}

TEST_F(BmcDoctor, NothingIsEnergisedThatCannotBeCut) {
  step("a.b", {{BmcAbility::sensors, true, "w"}});
  step("a.load", {}, Energy::load);
  finding(BmcAbility::force_off).proof = Proof::lacks;
  EXPECT_EQ(diagnosis().word, CanDo::cannot);
}

TEST_F(BmcDoctor, WhatTheRackFileExpectsNoneOfIsNotMissed) {
  step("a.b", {{BmcAbility::leak_detectors, true, "w"}});
  finding(BmcAbility::leak_detectors).proof = Proof::lacks;
  dut.expect.components = {{ComponentKind::gpu, "GPU_0", "", ""}};
  EXPECT_EQ(diagnosis().word, CanDo::can);
  dut.expect.components.push_back({ComponentKind::leak_detector, "L0", "", ""});
  EXPECT_EQ(diagnosis().word, CanDo::cannot);
}

TEST_F(BmcDoctor, AKindOfPartThatIsExpectedAndNotListedIsMissing) {
  step("a.b", {{BmcAbility::parts, true, "w"}});
  dut.expect.components = {{ComponentKind::gpu, "GPU_0", "", ""}, {ComponentKind::fan, "FAN_0", "", ""}};
  const RecipeDiagnosis found = diagnosis();
  EXPECT_EQ(found.word, CanDo::cannot);
  EXPECT_EQ(found.steps.front().missing.front().what, "the rack file expects 1 fan, the BMC lists none");
  finding(BmcAbility::parts).hidden = {ComponentKind::fan};
  EXPECT_EQ(diagnosis().word, CanDo::not_known);
}

TEST_F(BmcDoctor, EverythingIsSaidInBothLanguages) {
  step("a.c", {{BmcAbility::coolant, true, "to see"}});
  AbilityFinding& coolant = finding(BmcAbility::coolant);
  coolant.proof = Proof::lacks;
  coolant.evidence = "it has no coolant connection";
  for (int i = 0; i < 9; ++i)
    coolant.looked_at.push_back({"/redfish/v1/Chassis/" + std::to_string(i), "no ThermalSubsystem"});
  BmcDiagnosis whole;
  whole.dut = dut;
  whole.trust.verified = false;
  whole.trust.sentence = "bench";
  whole.proof = proof;
  whole.recipes = {diagnosis()};
  std::string text;
  for (const std::string& line : lines_of(whole, false)) text += line + "\n";
  EXPECT_NE(text.find("NOT VERIFIED: bench"), std::string::npos) << text;
  EXPECT_NE(text.find("LACKS  coolant"), std::string::npos) << text;
  EXPECT_NE(text.find("must be able to read its coolant connections, to see"), std::string::npos) << text;
  EXPECT_NE(text.find("and 6 more places"), std::string::npos) << text;
  EXPECT_NE(text.find(std::string(cure(BmcAbility::coolant))), std::string::npos) << text;
  const boost::json::object said = json_of(whole);
  EXPECT_EQ(said.at("recipes").at(0).at("can").as_string(), "cannot");
  EXPECT_EQ(said.at("abilities").as_array().size(), kBmcAbilities.size());
  EXPECT_EQ(said.at("recipes").at(0).at("steps").at(0).at("missing").at(0).at("looked_at").as_array().size(),
            9U);
  EXPECT_TRUE(said.at("complete").as_bool());
}

}  // namespace
}  // namespace kiln
