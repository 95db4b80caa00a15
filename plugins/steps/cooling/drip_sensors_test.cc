// The drip sensors of an enclosure by ipmitool: two bytes or nothing, and the password in no argument.
#include "drip_sensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <utility>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln::cooling {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// ipmitool, as far as the step sees it.
class FakeIpmitool final : public ProcessLauncher {
 public:
  awaitable<Result<CommandResult>> run(const Ctx& /*ctx*/, ProcessSpec spec) override {
    asked.push_back(spec.argv);
    environment = spec.environment;
    input = spec.input;
    co_return answer;
  }
  awaitable<Result<std::unique_ptr<RunningProcess>>> start(const Ctx& /*ctx*/,
                                                           ProcessSpec /*spec*/) override {
    co_return Error("process.start", "not here");
  }
  void says(int status, std::string out, std::string err = "") {
    CommandResult result;
    result.exit_status = status;
    result.out = std::move(out);
    result.err = std::move(err);
    answer = std::move(result);
  }
  Result<CommandResult> answer = Error("process.not_found", "ipmitool");
  std::vector<std::vector<std::string>> asked;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string input;
};

awaitable<void> ask_drip(Ctx& ctx, ProcessLauncher& processes, SmmAccess access,
                         std::optional<Result<DripBytes>>& found) {
  Result<DripBytes> read = co_await read_drip_sensors(ctx, processes, std::move(access));
  found.emplace(std::move(read));
}

struct DripTest : testing::Test {
  DripTest() {
    std::string name = testing::TempDir() + "smm-password-XXXXXX";
    const int file = ::mkstemp(name.data());
    EXPECT_GE(file, 0);
    ::close(file);
    std::ofstream(name) << "PASSW0RD-of-the-SMM";
    access = {"10.0.0.30", "USERID", name};
  }
  ~DripTest() override { std::remove(access.password_file.c_str()); }
  DripTest(const DripTest&) = delete;
  DripTest& operator=(const DripTest&) = delete;
  Result<DripBytes> read() {
    std::optional<Result<DripBytes>> found;
    const std::unique_ptr<Loop> loop = Loop::simulated();
    loop->run([&](Ctx& ctx) { return ask_drip(ctx, ipmitool, access, found); });
    return *found;
  }
  FakeIpmitool ipmitool;
  SmmAccess access;
};

TEST_F(DripTest, BothThereAndDry) {
  ipmitool.says(0, " 03 00\n");
  const Result<DripBytes> bytes = read();
  ASSERT_TRUE(bytes) << bytes.error().full();
  EXPECT_EQ(drip_word(*bytes, 1), "dry");
  EXPECT_EQ(drip_word(*bytes, 2), "dry");
  EXPECT_EQ(unknown_wet_sensor(*bytes), 0);
}

TEST_F(DripTest, EachBitIsOneSensorAndWetCountsBeforeAbsent) {
  const DripBytes first_wet{0x03, 0x01}, second_gone{0x01, 0x00}, gone_and_wet{0x00, 0x02}, none{0x00, 0x00};
  EXPECT_EQ(drip_word(first_wet, 1), "leak");
  EXPECT_EQ(drip_word(first_wet, 2), "dry");
  EXPECT_EQ(drip_word(second_gone, 2), "absent");
  EXPECT_EQ(drip_word(gone_and_wet, 2), "leak");
  EXPECT_EQ(drip_word(none, 1), "absent");
  EXPECT_EQ(unknown_wet_sensor(DripBytes{0x03, 0x20}), 6) << "nobody knows of it, and it is wet";
}

TEST_F(DripTest, CutOrForeignIsNeverAnAnswer) {
  const std::string whole = " 03 00";
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_drip_bytes(std::string_view(whole).substr(0, length))) << length;
  for (const char* foreign :
       {"", "\n", "0300", "03 0", "03 00 00", "3 0", "03,00", "0x03 0x00", "ok\n 03 00\n",
        " 03 00\nUnable to send RAW command", "03 0g", "-3 00", "03\t00"})
    EXPECT_FALSE(parse_drip_bytes(foreign)) << foreign;
  EXPECT_TRUE(parse_drip_bytes("03 00\r\n"));
  EXPECT_TRUE(parse_drip_bytes(" 0F Ff "));
}

TEST_F(DripTest, ThePasswordIsInNoArgumentAndInNoEnvironment) {
  ipmitool.says(0, " 03 00\n");
  ASSERT_TRUE(read());
  ASSERT_EQ(ipmitool.asked.size(), 1U);
  const std::vector<std::string> wanted{
      "ipmitool",           "-I",  "lanplus", "-C",  "17", "-H", "10.0.0.30", "-U", "USERID", "-f",
      access.password_file, "raw", "0x34",    "0x05"};
  EXPECT_EQ(ipmitool.asked[0], wanted);
  for (const auto& [name, value] : ipmitool.environment)
    EXPECT_EQ(value.find("PASSW0RD"), std::string::npos) << name;
  EXPECT_TRUE(ipmitool.input.empty());
}

TEST_F(DripTest, NotInstalledAndNotAnsweredAreTwoThings) {
  EXPECT_EQ(read().error().code, "ipmitool.not_installed");
  ipmitool.says(1, "", "Error: Unable to establish IPMI v2 / RMCP+ session\n");
  const Result<DripBytes> refused = read();
  EXPECT_EQ(refused.error().code, "smm.no_answer");
  EXPECT_NE(refused.error().message.find("Unable to establish"), std::string::npos);
  ipmitool.says(1, " 03 00\n");
  EXPECT_FALSE(read()) << "an answer of a program that failed";
  ipmitool.says(0, " 03 00 00\n");
  EXPECT_EQ(read().error().code, "smm.not_understood");
}

TEST_F(DripTest, WhatIpmitoolWouldTakeForAnOptionIsNeverAsked) {
  ipmitool.says(0, " 03 00\n");
  const SmmAccess good = access;
  access.address = "-f/etc/shadow";
  EXPECT_EQ(read().error().code, "smm.address");
  access.address = "10.0.0.30 raw";
  EXPECT_EQ(read().error().code, "smm.address");
  access = good;
  access.user = "-P";
  EXPECT_EQ(read().error().code, "smm.user");
  access = good;
  access.password_file = "relative";
  EXPECT_EQ(read().error().code, "smm.password_file");
  access.password_file = "/nowhere/at/all";
  EXPECT_EQ(read().error().code, "smm.password_file");
  EXPECT_TRUE(ipmitool.asked.empty());
  access = good;
}

TEST_F(DripTest, APasswordFileThatOthersReadIsRefused) {
  ASSERT_EQ(::chmod(access.password_file.c_str(), 0640), 0);
  ipmitool.says(0, " 03 00\n");
  EXPECT_EQ(read().error().code, "smm.password_file");
  EXPECT_TRUE(ipmitool.asked.empty());
}

struct SmmStepTest : DripTest {
  SmmStepTest() {
    Dut& server = bench.add_dut("N01", Role::server);
    server.labels["smm"] = "10.0.0.30";
    bench.limit_equals("smm.drip.state", "", std::string("dry"));
    bench.step("drip", plugin_step("cooling.smm_drip"), {{"password_file", access.password_file}});
  }
  StepBench bench;
};

TEST_F(SmmStepTest, WithoutAnAnswerItIsNoPass) {
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/drip", "N01").status, WorkStatus::error);
  EXPECT_EQ(result.verdict.find("N01")->decision, Decision::incomplete);
}

TEST_F(SmmStepTest, AServerWithoutTheLabelIsSaid) {
  bench.inventory().duts[0].labels.clear();
  EXPECT_EQ(bench.run().ended("main/drip", "N01").code, "smm.none");
}

}  // namespace
}  // namespace kiln::cooling
