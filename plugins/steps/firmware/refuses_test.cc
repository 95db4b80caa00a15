// What a BMC must refuse: each case against a BMC that refuses, one that takes everything, one that is
// harmed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "boot_id_for_test.h"
#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class RefusesTest : public testing::Test {
 protected:
  RefusesTest() {
    std::string pattern = testing::TempDir() + "kiln-refuses-XXXXXX";
    place = mkdtemp(pattern.data());
    const std::string good(1000, 'g');
    for (const char* name : {"UEFI.fw", "unsigned.fw", "wrong-target.fw", "older.fw"})
      std::ofstream(place / name) << (std::string(name) == "UEFI.fw" ? good : name);
    for (const char* one : {"corrupt", "truncated", "unsigned", "wrong_target", "oversize", "older"})
      bench.limit_equals(std::string("firmware.refuses.") + one, "", std::string("refused"));
    for (const char* one : {"same_image", "power_loss"})
      bench.limit_equals(std::string("firmware.refuses.") + one, "", std::string("unharmed"));
    dut = &bench.add_dut("C01", Role::compute_tray);
    FirmwareTarget target;
    target.component = "UEFI";
    target.version = "2.0";
    target.image = (place / "UEFI.fw").string();
    target.sha256 = sha256_hex(good);
    target.write_within = 10min;
    target.active_within = 1min;
    dut->firmware_targets.push_back(target);
    FirmwareItem item;
    item.id = "UEFI";
    item.version = "2.0";
    hardware().firmware = {item};
    hardware().power = PowerState::on;
    hardware().on_update = [this, good](FakeHardware& fake, const UpdateRequest& request) {
      sent.push_back(request.image);
      const bool is_good = request.image == good;
      if (is_good || takes_everything)
        fake.firmware.front().version = is_good ? "2.0" : fake.firmware.front().version;
      fake.update_outcome =
          is_good || takes_everything
              ? UpdateOutcome{true, false, true, "Completed", "done", "/t/1"}
              : UpdateOutcome{false, false, false, "Exception", "VerificationFailed", "/t/1"};
    };
    bench.shell("C01").answer("true", ShellAnswer(""));
    tell_boot_id(bench, "C01");
  }
  ~RefusesTest() override { std::filesystem::remove_all(place); }
  FakeHardware& hardware() { return bench.hardware("C01"); }
  BenchResult run_cases(const std::vector<std::string>& cases) {
    StepSpec& spec = bench.step("refuses", plugin_step("firmware.refuses"),
                                {{"component", "UEFI"}, {"oversize_mib", "1"}});
    std::vector<std::string> with_control = cases;  // a good image that is taken
    if (std::find(cases.begin(), cases.end(), "power_loss") == cases.end() &&
        std::find(cases.begin(), cases.end(), "same_image") == cases.end())
      with_control.emplace_back("same_image");
    if (!cases.empty()) spec.with["cases"] = StepBench::list_of(with_control);
    spec.timeout = 1h;
    return bench.run();
  }
  /// For ten seconds after a full power cycle.
  void bmc_goes_away() {
    hardware().on_activation = [this](FakeHardware& fake, const std::string& verb) {
      if (verb == "full_power_cycle") fake.unreachable = Error("bmc.unreachable", "no answer");
    };
    for (int second = 1; second < 120; ++second) {
      bench.at(std::chrono::seconds(second), [this] {
        if (hardware().unreachable && ++seconds_away == 10) hardware().unreachable.reset();
      });
    }
  }
  static Outcome outcome(const BenchResult& result, const std::string& name) {
    return result.measured("firmware.refuses." + name, "UEFI").outcome;
  }
  std::filesystem::path place;
  StepBench bench;
  Dut* dut = nullptr;
  std::vector<std::string> sent;
  bool takes_everything = false;
  int seconds_away = 0;
};

const std::vector<std::string> kBadImages{"corrupt",      "truncated", "unsigned",
                                          "wrong_target", "oversize",  "older"};

TEST_F(RefusesTest, ABmcThatRefusesWhatItMustPasses) {
  const BenchResult result = run_cases(kBadImages);
  for (const std::string& one : kBadImages) EXPECT_EQ(outcome(result, one), Outcome::pass) << one;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  ASSERT_EQ(sent.size(), kBadImages.size() + 1) << "and the good one";
  EXPECT_EQ(sent[1].size(), 500U) << "truncated";
  EXPECT_EQ(sent[2], "unsigned.fw") << "the file of that case";
  EXPECT_EQ(sent[4].size(), 1024U * 1024U) << "oversize";
}

TEST_F(RefusesTest, ABmcThatTakesEverythingFailsEachCase) {
  takes_everything = true;
  const BenchResult result = run_cases(kBadImages);
  for (const std::string& one : kBadImages) EXPECT_EQ(outcome(result, one), Outcome::fail) << one;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_THAT(result.measured("firmware.refuses.corrupt", "UEFI").action,
              HasSubstr("write the right image over it"));
}

TEST_F(RefusesTest, ABmcThatRefusesAndIsHarmedAllTheSameFails) {
  hardware().on_update = [](FakeHardware& fake, const UpdateRequest&) {
    fake.firmware.front().version = "0.0";
    fake.update_outcome = UpdateOutcome{false, false, false, "Exception", "", "/t/1"};
  };
  EXPECT_EQ(outcome(run_cases({"corrupt"}), "corrupt"), Outcome::fail);
}

TEST_F(RefusesTest, ABmcThatDoesNotAnswerProvesNothing) {
  hardware().failing.insert_or_assign("update_firmware", Error("bmc.unreachable", "no answer"));
  const BenchResult result = run_cases({"corrupt"});
  EXPECT_FALSE(result.has_measured("firmware.refuses.corrupt", "UEFI"));
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(RefusesTest, TheSameImageAgainChangesNothing) {
  EXPECT_EQ(outcome(run_cases({"same_image"}), "same_image"), Outcome::pass);
}

TEST_F(RefusesTest, PowerIsTakenWhileItWritesAndItIsWrittenAgain) {
  hardware().update_takes = 1min;
  bmc_goes_away();
  const BenchResult result = run_cases({"power_loss"});
  EXPECT_EQ(outcome(result, "power_loss"), Outcome::pass) << result.ended("main/refuses").message;
  EXPECT_EQ(sent.size(), 1U) << "the first write never came to its end";
  EXPECT_EQ(std::count(hardware().calls.begin(), hardware().calls.end(), "full_power_cycle"), 1);
}

TEST_F(RefusesTest, AComponentThatDoesNotSurviveALossOfPowerFails) {
  hardware().update_takes = 1min;
  hardware().on_activation = [](FakeHardware& fake, const std::string& verb) {
    if (verb == "full_power_cycle") fake.firmware.clear();
  };
  EXPECT_EQ(outcome(run_cases({"power_loss"}), "power_loss"), Outcome::fail);
}

TEST_F(RefusesTest, ABmcThatKeepsItsPowerProvesNothing) {
  hardware().update_takes = 1min;
  const BenchResult result = run_cases({"power_loss"});
  EXPECT_EQ(result.ended("main/refuses").code, "firmware.power_not_lost");
  EXPECT_FALSE(result.has_measured("firmware.refuses.power_loss", "UEFI"));
}

TEST_F(RefusesTest, WithoutAGoodImageThatIsTakenARefusalProvesNothing) {
  StepSpec& spec = bench.step("refuses", plugin_step("firmware.refuses"), {{"component", "UEFI"}});
  spec.with["cases"] = StepBench::list_of({"corrupt"});
  const BenchResult result = bench.run();
  ASSERT_FALSE(result.problems.empty());
  EXPECT_THAT(result.problems.front().message, HasSubstr("a BMC that refuses everything would pass"));
  EXPECT_TRUE(sent.empty());
}

TEST_F(RefusesTest, ABmcThatRefusesEverythingDoesNotPass) {
  hardware().failing.insert_or_assign("update_firmware", Error("bmc.refused", "400: malformed"));
  EXPECT_NE(run_cases({"corrupt"}).verdict.find("C01")->decision, Decision::go);
}

TEST_F(RefusesTest, NothingOfThisIsDoneToHardware) {
  bench.set_simulated(false);
  dut->labels["cooling"] = "air";
  const BenchResult result = run_cases({});
  EXPECT_EQ(result.ended("main/refuses").code, "firmware.simulated_only");
  EXPECT_TRUE(sent.empty());
}

}  // namespace
}  // namespace kiln
