#include "engine/eligibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace kiln {
namespace {

using testing::HasSubstr;

class FlowStep final : public Step {
 public:
  FlowStep() {
    description_.use = "flow.read";
    description_.measurements = {{"coolant.flow", "L/min", ComponentKind::whole_dut, true, "", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext&) override { co_return success(); }

 private:
  StepDescription description_;
};

Instrument instrument(const std::string& measures) { return {"meter", "", "K-1", 0, {measures}}; }

TEST(EligibilityTest, OnlyInstrumentsThatWhatIsRequiredRestsOnCount) {
  Plan plan;
  plan.inventory.instruments = {instrument("coolant.flow"), instrument("coolant.*"), instrument("water.*")};
  CellPlanned planned;
  planned.cell.measurement = "coolant.flow";
  plan.cells.push_back(planned);
  EXPECT_EQ(instruments_used(plan).size(), 2U);
  plan.cells.clear();
  EXPECT_TRUE(instruments_used(plan).empty());
}

TEST(EligibilityTest, AnInstrumentThatIsNearlyNamedRightIsAProblem) {
  StepCatalog catalog;
  std::vector<std::unique_ptr<Step>> steps;
  steps.push_back(std::make_unique<FlowStep>());
  ASSERT_TRUE(catalog.add(PluginFacts{"flow", "1", "", ""}, std::move(steps)));
  Inventory inventory;
  inventory.file = "rack.yaml";
  inventory.instruments = {instrument("coolant.flow"), instrument("coolant.*"), instrument("site.own.meter")};
  EXPECT_TRUE(misnamed_instruments(inventory, catalog).empty()) << "a site's own checks name what they like";
  inventory.instruments = {instrument("coolant.flwo")};
  const auto problems = misnamed_instruments(inventory, catalog);
  ASSERT_EQ(problems.size(), 1U);
  inventory.instruments = {instrument("coolent.*")};
  EXPECT_EQ(misnamed_instruments(inventory, catalog).size(), 1U);
  EXPECT_EQ(problems.front().code, "plan.instrument");
  EXPECT_EQ(problems.front().place, "rack.yaml");
  EXPECT_THAT(problems.front().message, HasSubstr("did you mean 'coolant.flow'?"));
}

}  // namespace
}  // namespace kiln
