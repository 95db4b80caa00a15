#include "host_parts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln::host_health {
namespace {

using namespace std::chrono_literals;

constexpr const char* kTwoSockets =
    "# The following is the parsable format, which can be fed to other\n# CPU,Core,Socket\n"
    "0,0,0\n1,1,0\n2,0,1\n3,1,1\n4,0,0\n";

// As dmidecode 3.5 prints it: two slots of each bank share a locator, one slot is empty.
constexpr const char* kDimms =
    "# dmidecode 3.5\nGetting SMBIOS data from sysfs.\nSMBIOS 3.6.0 present.\n\n"
    "Handle 0x1000, DMI type 16, 23 bytes\nPhysical Memory Array\n\tLocation: System Board Or Motherboard\n"
    "\tNumber Of Devices: 3\n\n"
    "Handle 0x1100, DMI type 17, 92 bytes\nMemory Device\n\tSize: 64 GB\n\tLocator: A1\n\tBank Locator: P0 "
    "CH A\n"
    "\tSerial Number: 3A5F01C2\n\tPart Number: M321R8GA0BB0-CQKZJ  \n\n"
    "Handle 0x1101, DMI type 17, 92 bytes\nMemory Device\n\tSize: 64 GB\n\tLocator: DIMM 0\n\tBank Locator: "
    "P0 CH B\n"
    "\tSerial Number: 3A5F01C3\n\n"
    "Handle 0x1102, DMI type 17, 92 bytes\nMemory Device\n\tSize: 65536 MB\n\tLocator: DIMM 0\n"
    "\tBank Locator: P0 CH C\n\tSerial Number: Not Specified\n\n"
    "Handle 0x1103, DMI type 17, 92 bytes\nMemory Device\n\tSize: No Module Installed\n\tLocator: A2\n"
    "\tBank Locator: P0 CH A\n\tSerial Number: Unknown\n\n";

constexpr const char* kDrives =
    R"({"blockdevices": [
      {"name":"nvme0n1","type":"disk","serial":"S64ANE0T1","model":"SAMSUNG MZQL2"},
      {"name":"sda","type":"disk","serial":null,"model":null},
      {"name":"sr0","type":"rom","serial":"1","model":"DVD"},
      {"name":"loop0","type":"loop","serial":null,"model":null},
      {"name":"zram0","type":"disk","serial":null,"model":null}]})";

constexpr const char* kNics = "eno1 3c:ec:ef:00:11:22\nenp65s0f0np0 94:6d:ae:12:34:56\nend\n";

/// One host and the limits of this plugin.
struct HostBench {
  HostBench() {
    bench.set_simulated(false);
    bench.add_dut("H01", Role::server);
    for (const char* kind : {"cpu", "memory", "drive", "nic"}) {
      bench.limit_equals(std::string(kind) + ".present", "", true);
      bench.limit_expected(std::string(kind) + ".serial", "");
    }
    for (const char* name : {"edac.correctable.delta", "edac.uncorrectable.delta"})
      bench.limit_max(name, "1", 0);
    bench.limit_equals("edac.readable", "", true);
    bench.shell("H01").answer_matching("MemTotal", ShellAnswer("MemTotal:       1056561104 kB\n"));
  }
  void expect(ComponentKind kind, const std::string& name, const std::string& serial = {}) {
    Dut& dut = bench.inventory().duts.front();
    bench.expect(dut, kind, {name});
    dut.expect.components.back().serial = serial;
  }
  ScriptedShell& host() { return bench.shell("H01"); }
  /// Sources nobody scripted before are as on a good host.
  BenchResult run_parts() {
    host().answer_matching("lscpu", ShellAnswer(kTwoSockets));
    host().answer_matching("dmidecode", ShellAnswer(kDimms));
    host().answer_matching("lsblk", ShellAnswer(kDrives));
    host().answer_matching("class/net", ShellAnswer(kNics));
    host().answer_matching("edac", ShellAnswer("end\n"));
    bench.step("parts", plugin_step("host_health.parts"));
    return bench.run();
  }
  static Decision of(const BenchResult& result) { return result.verdict.find("H01")->decision; }
  static bool has_reason(const BenchResult& result, const std::string& code, const std::string& fru) {
    const auto& reasons = result.verdict.find("H01")->reasons;
    return std::any_of(reasons.begin(), reasons.end(),
                       [&](const Reason& reason) { return reason.code == code && reason.fru == fru; });
  }
  StepBench bench;
};

struct PartsTest : testing::Test, HostBench {};

// ---------------------------------------------------------------- parts

TEST_F(PartsTest, EveryExpectedPartThatIsThereIsGo) {
  expect(ComponentKind::cpu, "socket0");
  expect(ComponentKind::cpu, "socket1");
  expect(ComponentKind::memory, "A1", "3a5f01c2");
  expect(ComponentKind::memory, "P0 CH C/DIMM 0");
  expect(ComponentKind::drive, "nvme0n1", "S64ANE0T1");
  expect(ComponentKind::nic, "eno1", "3C:EC:EF:00:11:22");
  const BenchResult result = run_parts();
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(result.verdict.counts.required, 9);
  EXPECT_EQ(std::get<std::string>(result.measured("host.parts.uncovered").value),
            "memory DIMM 0, drive sda, nic enp65s0f0np0");
  EXPECT_EQ(std::get<std::string>(result.measured("host.parts.unread").value), "none");
  EXPECT_EQ(std::get<double>(result.measured("host.cpu.cores").value), 4);
  EXPECT_EQ(std::get<double>(result.measured("host.memory.size").value), 1056561104.0 * 1024);
  EXPECT_EQ(result.bodies<PartSeen>().size(), 6U);
}

TEST_F(PartsTest, PartsCalledAsTheBmcCallsThemAreFoundWhereTheHostCanTell) {
  expect(ComponentKind::cpu, "CPU_0");
  expect(ComponentKind::cpu, "CPU_1");
  expect(ComponentKind::nic, "NIC_0", "MT2345X01234");  // of the adapter: BMC and network.ports read it
  const BenchResult result = run_parts();
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(result.verdict.counts.required, 2);
  EXPECT_EQ(std::get<std::string>(result.measured("host.parts.uncovered").value),
            "memory A1, memory DIMM 0, memory DIMM 0, drive nvme0n1, drive sda, nic eno1, nic enp65s0f0np0");
}

TEST_F(PartsTest, ACpuTooManyForTheSocketsIsMissingByTheBmcsName) {
  for (const char* name : {"CPU_0", "CPU_1", "CPU_2"}) expect(ComponentKind::cpu, name);
  const BenchResult result = run_parts();
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_TRUE(has_reason(result, "cpu.missing", "CPU_2"));
  EXPECT_FALSE(has_reason(result, "cpu.missing", "CPU_1"));
}

TEST_F(PartsTest, APartThatAReadableSourceDoesNotHaveIsNoGoByName) {
  const std::vector<std::pair<ComponentKind, std::string>> missing{{ComponentKind::cpu, "socket2"},
                                                                   {ComponentKind::memory, "A2"},
                                                                   {ComponentKind::drive, "sr0"},
                                                                   {ComponentKind::nic, "lo"}};
  for (const auto& [kind, name] : missing) expect(kind, name);
  const BenchResult result = run_parts();
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_TRUE(has_reason(result, "cpu.missing", "socket2"));
  EXPECT_TRUE(has_reason(result, "memory.missing", "A2")) << "a slot without a module";
  EXPECT_TRUE(has_reason(result, "drive.missing", "sr0"));
  EXPECT_TRUE(has_reason(result, "nic.missing", "lo")) << "no device behind it";
}

TEST_F(PartsTest, ASourceThatCannotBeReadIsIncompleteAndSaysWhy) {
  struct Case {
    ComponentKind kind;
    const char *name, *command;
    ShellAnswer answer;
  };
  const std::vector<Case> cases{
      {ComponentKind::cpu, "socket0", "lscpu", ShellAnswer("", 127, "not found")},
      {ComponentKind::cpu, "socket0", "lscpu", ShellAnswer("# CPU,Core,Socket\n0,0,\n1,1,\n")},
      {ComponentKind::memory, "A1", "dmidecode", ShellAnswer("", 1, "/dev/mem: Permission denied")},
      {ComponentKind::memory, "A1", "dmidecode",
       ShellAnswer("# No SMBIOS nor DMI entry point found, sorry.\n")},
      {ComponentKind::drive, "nvme0n1", "lsblk", ShellAnswer("lsblk: unknown column\n", 1)},
      {ComponentKind::drive, "nvme0n1", "lsblk", ShellAnswer(R"({"blockdevices": [{"name":"nvme0n1")")},
      {ComponentKind::nic, "eno1", "class/net", ShellAnswer("eno1 3c:ec:ef")}};
  for (const Case& item : cases) {
    StepBench own;
    own.set_simulated(false);
    Dut& dut = own.add_dut("H01", Role::server);
    own.expect(dut, item.kind, {item.name});
    dut.expect.components.back().serial = item.kind == ComponentKind::nic ? "3c:ec:ef:00:11:22" : "S1";
    for (const char* kind : {"cpu", "memory", "drive", "nic"}) {
      own.limit_equals(std::string(kind) + ".present", "", true);
      own.limit_expected(std::string(kind) + ".serial", "");
    }
    own.shell("H01").answer_matching(item.command, item.answer);
    own.shell("H01").answer_matching("lscpu|dmidecode|lsblk|class/net|MemTotal|edac", ShellAnswer("", 1));
    own.step("parts", plugin_step("host_health.parts"));
    const BenchResult result = own.run();
    EXPECT_EQ(of(result), Decision::incomplete) << item.command;
    const Measured present = result.all_measured(std::string(to_string(item.kind)) + ".present").front();
    EXPECT_EQ(present.outcome, Outcome::unset) << item.command;
    EXPECT_FALSE(present.reason.empty()) << item.command;
    EXPECT_NE(std::get<std::string>(result.measured("host.parts.unread").value).find(to_string(item.kind)),
              std::string::npos);
  }
}

TEST_F(PartsTest, ADriveIsFoundByItsSerialWhateverItIsCalledToday) {
  expect(ComponentKind::drive, "nvme7n1", "S64ANE0T1");
  EXPECT_EQ(of(run_parts()), Decision::go);
}

TEST_F(PartsTest, AnotherSerialIsNoGoAndNoSerialIsIncomplete) {
  expect(ComponentKind::drive, "nvme0n1", "S64ANE0T9");
  expect(ComponentKind::drive, "sda", "WD1");
  expect(ComponentKind::cpu, "socket0", "X");
  const BenchResult result = run_parts();
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_TRUE(has_reason(result, "inventory.serial_mismatch", "nvme0n1"));
  EXPECT_EQ(result.measured("drive.serial", "sda").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("cpu.serial", "socket0").outcome, Outcome::unset);
}

TEST_F(PartsTest, ANameThatTwoDimmsHaveProvesNothing) {
  expect(ComponentKind::memory, "DIMM 0");
  const BenchResult result = run_parts();
  EXPECT_EQ(of(result), Decision::incomplete);
  EXPECT_NE(result.measured("memory.present", "DIMM 0").reason.find("Bank Locator/Locator"),
            std::string::npos);
}

TEST_F(PartsTest, EdacLabelsShowADimmButNotThatOneIsMissing) {
  host().answer_matching("dmidecode", ShellAnswer("", 127, "not found"));
  host().answer_matching("edac",
                         ShellAnswer("mc0|0|0|\nmc0/dimm0|0|0|CPU_SrcID#0_MC#0_Chan#0_DIMM#0\nend\n"));
  expect(ComponentKind::memory, "CPU_SrcID#0_MC#0_Chan#0_DIMM#0");
  expect(ComponentKind::memory, "A1");
  const BenchResult result = run_parts();
  EXPECT_EQ(result.measured("memory.present", "CPU_SrcID#0_MC#0_Chan#0_DIMM#0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("memory.present", "A1").outcome, Outcome::unset);
  EXPECT_EQ(of(result), Decision::incomplete);
}

TEST_F(PartsTest, AMemoryControllerIsKnownToEdacAlone) {
  host().answer_matching("edac", ShellAnswer("mc0|0|0|\nmc0/dimm0|0|0|A1\nend\n"));
  expect(ComponentKind::memory, "mc0/dimm0");
  expect(ComponentKind::memory, "mc1");
  const BenchResult result = run_parts();
  EXPECT_EQ(result.measured("memory.present", "mc0/dimm0").outcome, Outcome::pass);
  EXPECT_TRUE(has_reason(result, "memory.missing", "mc1")) << "SMBIOS knows no controllers";
  HostBench own;
  own.expect(ComponentKind::memory, "mc0");
  EXPECT_EQ(of(own.run_parts()), Decision::incomplete) << "a machine without EDAC cannot tell";
}

TEST_F(PartsTest, AHostThatIsGoneIsIncomplete) {
  expect(ComponentKind::drive, "nvme0n1");
  host().answer_matching("lscpu", ShellAnswer(Error("ssh.connection_lost", "H01: gone")));
  const BenchResult result = run_parts();
  EXPECT_EQ(of(result), Decision::incomplete);
  EXPECT_EQ(result.ended("main/parts").code, "ssh.connection_lost");
}

// ---------------------------------------------------------------- memory errors

/// Does nothing for a while, so that the watch beside it has something to watch.
class Work final : public Step {
 public:
  Work() { description_.use = "test.work"; }
  const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext& context) override {
    const Status worked = co_await context.ctx().sleep_for(60s);
    co_return worked;
  }

 private:
  StepDescription description_;
};

/// A host under the watch.
struct EdacBench : HostBench {
  /// Each entry is one reading; the last one stays.
  BenchResult watch(std::vector<std::string> readings) {
    host().answer_matching("^timeout .*edac", ShellAnswer(readings.front()));  // the parts step looks once
    auto left = std::make_shared<std::vector<std::string>>(std::move(readings));
    host().answer_with("^sh .*edac", [left](const Command&) {
      const std::string text = left->front();
      if (left->size() > 1) left->erase(left->begin());
      return ShellAnswer(text);
    });
    return watch_scripted();
  }
  BenchResult watch_scripted() {
    host().answer_matching("lscpu", ShellAnswer(kTwoSockets));
    host().answer_matching("dmidecode", ShellAnswer(kDimms));
    host().answer_matching("lsblk", ShellAnswer(kDrives));
    host().answer_matching("class/net", ShellAnswer(kNics));
    expect(ComponentKind::cpu, "socket0");  // a cell that the watch has nothing to do with
    bench.step("parts", plugin_step("host_health.parts"));
    bench.step("work", std::make_unique<Work>());
    bench.monitor("edac", plugin_step("host_health.edac_watch"), 10s);
    return bench.run();
  }
};

struct EdacTest : testing::Test, EdacBench {};

TEST_F(EdacTest, OldErrorsThatDoNotRiseAreGo) {
  expect(ComponentKind::memory, "A1");
  const BenchResult result = watch({"mc0|7|1|\nmc0/dimm0|7|1|P0 CH A A1\nend\n"});
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(result.measured("edac.correctable.delta", "A1").outcome, Outcome::pass);
  EXPECT_EQ(std::get<std::string>(result.measured("edac.uncovered").value), "mc0");
}

TEST_F(EdacTest, ARiseUnderLoadIsNoGoAndNamesTheDimm) {
  expect(ComponentKind::memory, "A1");
  const BenchResult result =
      watch({"mc0|7|0|\nmc0/dimm0|7|0|P0 CH A A1\nend\n", "mc0|9|0|\nmc0/dimm0|9|0|P0 CH A A1\nend\n"});
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_TRUE(has_reason(result, "memory.correctable_errors", "A1"));
  EXPECT_EQ(std::get<std::int64_t>(result.measured("edac.correctable.delta", "A1").value), 2);
}

TEST_F(EdacTest, AnErrorInTheLastSecondStillCounts) {
  host().answer_matching("^timeout .*edac", ShellAnswer("end\n"));
  host().answer(kEdacCommand, ShellAnswer("mc0|0|0|\nend\n"));
  bench.at(59s, [this] { host().answer(kEdacCommand, ShellAnswer("mc0|0|1|\nend\n")); });
  const BenchResult result = watch_scripted();
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_TRUE(has_reason(result, "memory.uncorrectable_errors", "mc0"));
}

TEST_F(EdacTest, ARiseWhereNothingWasExpectedIsNoGo) {
  EXPECT_EQ(of(watch({"mc0|0|0|\nend\n", "mc0|0|1|\nend\n"})), Decision::no_go);
}

TEST_F(EdacTest, AMachineWithoutEdacIsListedAsNotCoveredAndDeclaredDimmsAreIncomplete) {
  for (const bool declared : {false, true}) {
    EdacBench own;
    if (declared) own.expect(ComponentKind::memory, "A1");
    const BenchResult result = own.watch({"end\n"});
    EXPECT_EQ(of(result), declared ? Decision::incomplete : Decision::go);
    EXPECT_NE(std::get<std::string>(result.measured("edac.uncovered").value).find("no memory controller"),
              std::string::npos);
    if (declared) {
      EXPECT_EQ(result.measured("edac.correctable.delta", "A1").outcome, Outcome::unset);
    }
  }
}

TEST_F(EdacTest, ACounterThatFellHasNoValueButSeenErrorsStay) {
  expect(ComponentKind::memory, "mc0");
  const BenchResult result = watch({"mc0|5|0|\nend\n", "mc0|6|9|\nend\n", "mc0|0|0|\nend\n"});
  EXPECT_EQ(std::get<std::int64_t>(result.measured("edac.correctable.delta", "mc0").value), 1);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("edac.uncorrectable.delta", "mc0").value), 9);
  EdacBench own;
  own.expect(ComponentKind::memory, "mc0");
  EXPECT_EQ(of(own.watch({"mc0|5|0|\nend\n", "mc0|0|0|\nend\n"})), Decision::incomplete);
}

TEST_F(EdacTest, CountersThatCouldNeverBeReadAreIncompleteEvenWhenNothingIsDeclared) {
  EXPECT_EQ(of(watch({"mc0|5|"})), Decision::incomplete);
}

TEST_F(EdacTest, CountersThatAreGoneAtTheEndAreUnknownAlsoWhenNothingIsDeclared) {
  for (const bool declared : {false, true}) {
    EdacBench own;
    if (declared) own.expect(ComponentKind::memory, "mc0");
    EXPECT_EQ(of(own.watch({"mc0|5|0|\nend\n", "mc0|5|0|\nend\n", "mc0|5|"})), Decision::incomplete)
        << "half a watch proves nothing";
  }
}

TEST_F(EdacTest, AnUnreadableRoundIsADisturbance) {
  const BenchResult result = watch({"mc0|5|0|\nend\n", "mc0", "mc0|5|0|\nend\n"});
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(result.bodies<Disturbance>().size(), 1U);
}

}  // namespace
}  // namespace kiln::host_health
