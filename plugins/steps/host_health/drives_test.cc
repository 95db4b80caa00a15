#include <gtest/gtest.h>

#include <algorithm>

#include "clock_facts.h"
#include "sections.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln::host_health {
namespace {

using namespace std::chrono_literals;

constexpr const char* kTwoDrives =
    R"({"blockdevices": [{"name":"nvme0n1","type":"disk","serial":"AAA","model":"M"},
      {"name":"nvme1n1","type":"disk","serial":"BBB","model":"M"},{"name":"sda","type":"disk","serial":"CCC","model":"S"}]})";
constexpr const char* kHealthy =
    R"({"critical_warning":0,"temperature":310,"avail_spare":100,"spare_thresh":10,"percent_used":2,"unsafe_shutdowns":7,"media_errors":0})";
constexpr const char* kWorn =
    R"({"critical_warning":1,"temperature":340,"avail_spare":5,"spare_thresh":10,"percent_used":97,"unsafe_shutdowns":7,"media_errors":3})";

std::string identity(const std::string& serial) { return R"({"sn":")" + serial + R"(  ","wctemp":343})"; }

struct RestOfHostBench {
  RestOfHostBench() {
    bench.set_simulated(false);
    bench.add_dut("H01", Role::server);
    bench.limit_max("drive.critical_warning", "1", 0);
    bench.limit_max("drive.media_errors", "1", 0);
    bench.limit_max("drive.endurance_used", "%", 90);
    bench.limit_min("drive.spare_margin", "%", 1);
    bench.limit_min("drive.temperature_margin", "K", 1);
    bench.limit_max("host.clock.offset", "s", 0.1);
    bench.limit_equals("host.fabric_manager.state", "", std::string("active"));
    bench.limit_expected("host.fabric_manager.version", "");
  }
  void expect(const std::string& name, const std::string& serial) {
    Dut& dut = bench.inventory().duts.front();
    bench.expect(dut, ComponentKind::drive, {name});
    dut.expect.components.back().serial = serial;
  }
  ScriptedShell& host() { return bench.shell("H01"); }
  BenchResult run(const std::string& use) {
    bench.step("one", plugin_step(use));
    return bench.run();
  }
  static Decision of(const BenchResult& result) { return result.verdict.find("H01")->decision; }
  static bool says(const BenchResult& result, const std::string& code, const std::string& part) {
    const auto& reasons = result.verdict.find("H01")->reasons;
    return std::any_of(reasons.begin(), reasons.end(),
                       [&](const Reason& reason) { return reason.code == code && reason.fru == part; });
  }
  StepBench bench;
};

std::string told(const std::string& first, const std::string& first_identity, const std::string& second,
                 const std::string& second_identity) {
  return "kiln: health nvme0n1\n" + first + "\nkiln: identity nvme0n1\n" + first_identity +
         "\nkiln: health nvme1n1\n" + second + "\nkiln: identity nvme1n1\n" + second_identity +
         "\nkiln: end\n";
}

struct DrivesTest : testing::Test, RestOfHostBench {
  BenchResult drives(const std::string& printed) {
    expect("NVMe_0", "AAA");
    expect("NVMe_1", "bbb");
    host().answer_matching("lsblk", ShellAnswer(kTwoDrives));
    host().answer_matching("nvme smart-log", ShellAnswer(printed));
    return run("host_health.drives");
  }
};

TEST_F(DrivesTest, HealthyDrivesAreGoAndUnsafeShutdownsAreToldOnly) {
  const BenchResult result = drives(told(kHealthy, identity("AAA"), kHealthy, identity("BBB")));
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("drive.unsafe_shutdowns", "NVMe_0").value), 7);
  EXPECT_NEAR(std::get<double>(result.measured("drive.temperature_margin", "NVMe_1").value), 33, 0.01);
}

TEST_F(DrivesTest, AWornDriveIsNoGoByItsPartAndItsWarningIsPutInWords) {
  const BenchResult result = drives(told(kHealthy, identity("AAA"), kWorn, identity("BBB")));
  EXPECT_EQ(of(result), Decision::no_go);
  for (const char* code : {"drive.worn", "drive.warning", "drive.media_errors"})
    EXPECT_TRUE(says(result, code, "NVMe_1")) << code;
  EXPECT_FALSE(says(result, "drive.worn", "NVMe_0"));
  EXPECT_NE(result.measured("drive.critical_warning", "NVMe_1").action.find("spare below its threshold"),
            std::string::npos);
}

TEST_F(DrivesTest, ADriveThatHangsHasNoValueAndTheOthersHave) {
  const BenchResult result = drives(told("", "", kHealthy, identity("BBB")));
  EXPECT_EQ(of(result), Decision::incomplete);
  EXPECT_EQ(result.measured("drive.media_errors", "NVMe_0").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("drive.media_errors", "NVMe_1").outcome, Outcome::pass);
}

TEST_F(DrivesTest, ADeviceThatIsAnotherDriveByNowHasNoValue) {
  const BenchResult result = drives(told(kHealthy, identity("BBB"), kHealthy, identity("BBB")));
  EXPECT_EQ(result.measured("drive.media_errors", "NVMe_0").outcome, Outcome::unset);
}

TEST_F(DrivesTest, AnswersThatAreCutAnywhereAreNeverAPass) {
  const std::string whole = told(kHealthy, identity("AAA"), kHealthy, identity("BBB"));
  const std::vector<Question> asked{
      {"health nvme0n1", ""}, {"identity nvme0n1", ""}, {"health nvme1n1", ""}, {"identity nvme1n1", ""}};
  ASSERT_TRUE(answers_of(whole, asked));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(answers_of(whole.substr(0, size), asked)) << size;
  EXPECT_FALSE(answers_of("motd\n" + whole, asked));
  EXPECT_FALSE(answers_of(told("kiln: health nvme1n1\n" + std::string(kHealthy), "", "", ""), asked))
      << "one drive's answer may not pretend to be another's";
}

TEST_F(DrivesTest, SmartctlIsAskedWhereNvmeCliIsNotThere) {
  expect("NVMe_0", "AAA");
  host().answer_matching("lsblk", ShellAnswer(kTwoDrives));
  host().answer_matching("nvme smart-log",
                         ShellAnswer("kiln: health nvme0n1\n\nkiln: identity nvme0n1\n\nkiln: end\n"));
  host().answer_matching(
      "smartctl",
      ShellAnswer(
          "kiln: health nvme0n1\n"
          R"({"smartctl":{"exit_status":0},"nvme_smart_health_information_log":{"critical_warning":0,"temperature":42,"available_spare":100,"available_spare_threshold":10,"percentage_used":0,"unsafe_shutdowns":15,"media_errors":0}})"
          "\n\nkiln: identity nvme0n1\n\nkiln: end\n"));
  const BenchResult result = run("host_health.drives");
  EXPECT_EQ(result.measured("drive.media_errors", "NVMe_0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("drive.temperature_margin", "NVMe_0").outcome, Outcome::unset);
}

TEST_F(DrivesTest, ADriveThatIsNoNvmeOrNotThereHasNoValueAndSaysWhy) {
  expect("sda", "CCC");
  expect("NVMe_9", "ZZZ");
  host().answer_matching("lsblk", ShellAnswer(kTwoDrives));
  const BenchResult result = run("host_health.drives");
  EXPECT_EQ(of(result), Decision::incomplete);
  EXPECT_NE(result.measured("drive.media_errors", "sda").reason.find("no NVMe"), std::string::npos);
  EXPECT_NE(result.measured("drive.media_errors", "NVMe_9").reason.find("does not see"), std::string::npos);
}

TEST_F(DrivesTest, AHostileDeviceNameNeverReachesACommandLine) {
  expect("NVMe_0", "AAA");
  host().answer_matching(
      "lsblk", ShellAnswer(R"({"blockdevices":[{"name":"nvme0n1;reboot","type":"disk","serial":"AAA"}]})"));
  (void)run("host_health.drives");
  for (const std::string& line : host().lines()) EXPECT_EQ(line.find("reboot"), std::string::npos) << line;
}

// ---------------------------------------------------------------- clock

constexpr const char* kChrony =
    "0A000001,10.0.0.1,3,1764470000.000000001,-0.000012,0.000004211,0.00001802,-8.212,0.001,0.021,0.000412,0."
    "000311,64.2,Normal";

struct HostClockTest : testing::Test, RestOfHostBench {
  BenchResult clock(const std::string& chrony, const std::string& timedatectl = "NTPSynchronized=yes") {
    host().answer_matching("chronyc",
                           ShellAnswer("kiln: chrony\n" + chrony + "\nkiln: timedatectl\n" + timedatectl +
                                       "\n\nkiln: clocksource\ntsc\n\nkiln: governor\nperformance\n"
                                       "performance\n\nkiln: end\n"));
    return run("host_health.clock");
  }
};

TEST_F(HostClockTest, ASynchronisedClockIsGoAndThePolicyIsToldOnly) {
  const BenchResult result = clock(kChrony);
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(std::get<std::string>(result.measured("host.clock.reference").value), "10.0.0.1, stratum 3");
  EXPECT_EQ(std::get<std::string>(result.measured("host.clocksource").value), "tsc");
  EXPECT_EQ(std::get<std::string>(result.measured("host.cpu.governor").value), "performance");
}

TEST_F(HostClockTest, AClockThatChronySaysIsAstrayIsNoGo) {
  std::string off = kChrony;
  off.replace(off.find("-0.000012"), 9, "173.000012");
  const BenchResult result = clock(off);
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_TRUE(says(result, "host.clock_astray", ""));
}

TEST_F(HostClockTest, WithoutATimeServiceTheStationsClockIsTheMeasure) {
  for (const double off_s : {0.0, 0.5}) {
    RestOfHostBench own;
    own.host().answer_matching(
        "chronyc", ShellAnswer("kiln: chrony\n506 Cannot talk to daemon\n\nkiln: timedatectl\n\n\nkiln: "
                               "clocksource\n\nkiln: governor\n\nkiln: end\n"));
    // The bench's clock begins there and stands still while a scripted host answers.
    own.host().answer_matching("^date",
                               ShellAnswer(off_s > 0 ? "1700000000.500000000\n" : "1700000000.010000000\n"));
    const BenchResult result = own.run("host_health.clock");
    EXPECT_EQ(result.measured("host.clock.offset").outcome, off_s > 0 ? Outcome::fail : Outcome::pass);
    EXPECT_EQ(result.measured("host.clock.reference").outcome, Outcome::unset);
  }
}

TEST(ChronyTracking, WhatIsNotSynchronisedOrNotItsLineIsNothing) {
  ASSERT_TRUE(read_chrony(kChrony));
  EXPECT_TRUE(read_chrony(kChrony)->synchronised);
  std::string own_clock = kChrony, lost = kChrony;
  own_clock.replace(0, 8, "7F7F0101");
  lost.replace(lost.find("Normal"), 6, "Not synchronised");
  EXPECT_FALSE(read_chrony(own_clock)->synchronised) << "its own clock, served for want of a better one";
  EXPECT_FALSE(read_chrony(lost)->synchronised);
  const std::string whole = kChrony;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_chrony(whole.substr(0, size))) << size;
  EXPECT_FALSE(read_date("1767225600"));
  EXPECT_FALSE(read_date("1767225600.00000000x"));
  EXPECT_EQ(read_date("1767225600.123456789\n"), 1'767'225'600'123'456'789);
}

// ---------------------------------------------------------------- Fabric Manager

struct FabricManagerTest : testing::Test, RestOfHostBench {
  BenchResult service(const std::string& state, const std::string& version) {
    host().answer_matching("fabricmanager",
                           ShellAnswer("kiln: state\n" + state + "\nkiln: version\n" + version +
                                       "\nkiln: driver\n580.95.05\n\nkiln: end\n"));
    return run("host_health.fabric_manager");
  }
};

TEST_F(FabricManagerTest, OneThatRunsAndFitsTheDriverIsGo) {
  EXPECT_EQ(of(service("active\n", "Fabric Manager version is : 580.95.05\n")), Decision::go);
}

TEST_F(FabricManagerTest, OneThatStandsOrIsOfAnotherVersionIsNoGo) {
  const BenchResult result = service("failed\n", "Fabric Manager version is : 570.10\n");
  EXPECT_EQ(result.measured("host.fabric_manager.state").outcome, Outcome::fail);
  EXPECT_EQ(result.measured("host.fabric_manager.version").outcome, Outcome::fail);
}

TEST_F(FabricManagerTest, AHostThatDoesNotTellIsIncomplete) {
  EXPECT_EQ(of(service("\n", "\n")), Decision::incomplete);
}

}  // namespace
}  // namespace kiln::host_health
