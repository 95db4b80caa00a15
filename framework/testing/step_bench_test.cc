#include "testing/step_bench.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace kiln {
namespace {

/// Reads the sensors, and says so or not.
class ReadsSensors final : public Step {
 public:
  explicit ReadsSensors(bool says_so) {
    description_.use = "bench.reads_sensors";
    description_.measurements = {{"bench.sensors", "1", ComponentKind::whole_dut, true, "bench.few", "", ""}};
    if (says_so) description_.bmc = {{BmcAbility::sensors, true, "to read them"}};
  }
  [[nodiscard]] const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext& context) override {
    const Result<Bmc*> bmc = context.bmc();
    if (!bmc) co_return bmc.error();
    const Result<std::vector<SensorReading>> sensors = co_await (*bmc)->sensors(context.ctx());
    if (!sensors) co_return sensors.error();
    Reading count("bench.sensors", "", static_cast<std::int64_t>(sensors->size()), Source{"redfish", ""});
    const Result<Outcome> outcome = co_await context.record(std::move(count));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

void run_bench(bool says_so) {
  StepBench bench;
  bench.add_dut("C01", Role::server);
  bench.limit_min("bench.sensors", "1", 0);
  bench.step("read", std::make_unique<ReadsSensors>(says_so));
  const BenchResult result = bench.run();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
}

TEST(StepBenchTest, AnAbilityThatAStepUsesAndDoesNotNameFailsItsTests) {
  EXPECT_NONFATAL_FAILURE(run_bench(false), "asks its BMC for 'sensors'");
}

TEST(StepBenchTest, OneThatItNamesDoesNot) { run_bench(true); }

}  // namespace
}  // namespace kiln
