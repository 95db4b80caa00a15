#include <gtest/gtest.h>

#include <algorithm>

#include "network_printed_for_test.h"
#include "network_steps.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln::network {
namespace {

using namespace std::chrono_literals;

FakeAdapter second() {
  FakeAdapter other;
  other.device = "mlx5_1";
  other.address = "0000:04:00.0";
  other.interface = "ibp4s0";
  other.mac = "7c:8c:09:00:00:04";
  other.serial = "MT2526X00002";
  return other;
}

struct NetworkBench {
  NetworkBench() {
    bench.set_simulated(false);
    bench.add_dut("H01", Role::server);
    bench.limit_equals("nic.port.state", "", "ACTIVE");
    bench.limit_equals("nic.port.physical_state", "", "LinkUp");
    bench.limit_min("nic.port.rate", "Gbit/s", 800);
    bench.limit_equals("nic.port.link_layer", "", "InfiniBand");
    bench.limit_expected("nic.pcie.width", "1");
    bench.limit_expected("nic.pcie.generation", "1");
    for (const char* name : {"nic.link_downed.delta", "nic.errors.recovery.delta", "nic.errors.symbol.delta",
                             "nic.errors.receive.delta"})
      bench.limit_max(name, "1", 0);
  }
  void expect(const std::string& name, const std::string& serial = {}) {
    Dut& dut = bench.inventory().duts.front();
    bench.expect(dut, ComponentKind::nic, {name});
    dut.expect.components.back().serial = serial;
  }
  void both() {
    expect("NIC_0", "MT2526X00001");
    expect("NIC_1", "mt2526x00002");
  }
  BenchResult ports(const std::string& text, StepBench::With with = {{"within", "10s"}}) {
    bench.shell("H01").answer_matching("class/infiniband", ShellAnswer(text));
    bench.step("ports", plugin_step("network.ports"), std::move(with));
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

struct NetworkPortsTest : testing::Test, NetworkBench {};

TEST_F(NetworkPortsTest, AdaptersThatAreUpAtTheirRateAreGoAndManagementPortsAreNamedOnly) {
  both();
  const BenchResult result = ports(printed({FakeAdapter(), second()}));
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(result.verdict.counts.required, 12);
  EXPECT_EQ(std::get<double>(result.measured("nic.port.rate", "NIC_1").value), 800);
  const std::string others = std::get<std::string>(result.measured("network.uncovered").value);
  EXPECT_NE(others.find("eno1 (0001:01:00.0"), std::string::npos) << others;
  EXPECT_NE(others.find("usb0 (not on PCI)"), std::string::npos) << others;
}

TEST_F(NetworkPortsTest, APortThatStaysDownIsNoGoByItsPartAndNamesThePort) {
  both();
  FakeAdapter down = second();
  down.state = "1: DOWN";
  down.physical = "2: Polling";
  down.rate = "2.5 Gb/sec (1X SDR)";
  const BenchResult result = ports(printed({FakeAdapter(), down}));
  EXPECT_EQ(of(result), Decision::no_go);
  EXPECT_TRUE(says(result, "nic.port_down", "NIC_1"));
  EXPECT_FALSE(says(result, "nic.port_down", "NIC_0"));
  EXPECT_NE(result.measured("nic.port.state", "NIC_1").action.find("mlx5_1/1 is DOWN, Polling"),
            std::string::npos);
}

TEST_F(NetworkPortsTest, LinksThatStillTrainAreWaitedFor) {
  both();
  FakeAdapter training = second();
  training.state = "2: INIT";
  auto looks = std::make_shared<int>(0);
  bench.shell("H01").answer_with("class/infiniband", [looks, training](const Command&) {
    return ShellAnswer(printed({FakeAdapter(), ++*looks < 4 ? training : second()}));
  });
  bench.step("ports", plugin_step("network.ports"), {{"within", "30s"}});
  EXPECT_EQ(of(bench.run()), Decision::go);
  EXPECT_EQ(*looks, 4);
}

TEST_F(NetworkPortsTest, ASlowPortAndANarrowSlotAreNoGo) {
  both();
  FakeAdapter slow = second(), narrow;
  slow.rate = "400 Gb/sec (2X XDR)";
  narrow.lanes = "8";
  narrow.speed = "16.0 GT/s PCIe";
  const BenchResult result = ports(printed({narrow, slow}));
  EXPECT_TRUE(says(result, "nic.port_slow", "NIC_1"));
  EXPECT_TRUE(says(result, "nic.pcie_width", "NIC_0"));
  EXPECT_TRUE(says(result, "nic.pcie_generation", "NIC_0"));
}

TEST_F(NetworkPortsTest, WhatIsNotCabledOnPurposeIsNeitherAFailNorACellButItsSlotStillIs) {
  for (const char* words : {"NIC_1, NIC_7", "all"}) {
    NetworkBench own;
    own.both();
    FakeAdapter down = second();
    down.state = "1: DOWN";
    down.physical = "3: Disabled";
    const BenchResult result =
        own.ports(printed({FakeAdapter(), down}), {{"uncabled", words}, {"within", "10s"}});
    EXPECT_EQ(of(result), Decision::go);
    EXPECT_EQ(result.verdict.counts.required, words == std::string("all") ? 4 : 8);
    EXPECT_FALSE(result.has_measured("nic.port.state", "NIC_1"));
    EXPECT_EQ(result.measured("nic.pcie.width", "NIC_1").outcome, Outcome::pass);
    EXPECT_NE(std::get<std::string>(result.measured("network.uncovered").value).find(words),
              std::string::npos);
  }
}

TEST_F(NetworkPortsTest, OneOfTwoPortsOfACardMayBeLeftUncabled) {
  for (const char* words : {"", "NIC_0/2", "mlx5_1"}) {
    NetworkBench own;
    own.expect("NIC_0", "MT2526X00001");
    FakeAdapter other = second();
    other.serial = "MT2526X00001";  // a card with two functions
    other.state = "1: DOWN";
    other.physical = "3: Disabled";
    const BenchResult result =
        own.ports(printed({FakeAdapter(), other}), {{"uncabled", words}, {"within", "4s"}});
    EXPECT_EQ(of(result), *words == '\0' ? Decision::no_go : Decision::go) << words;
  }
}

TEST_F(NetworkPortsTest, AnAdapterThatIsNotThereIsIncompleteAndTellsWhatIs) {
  expect("NIC_0", "MT0000X99999");
  FakeAdapter function_of_it;
  function_of_it.is_virtual = true;
  function_of_it.serial = "MT0000X99999";
  const BenchResult result = ports(printed({second(), function_of_it}));
  EXPECT_EQ(of(result), Decision::incomplete) << "a virtual function is no adapter";
  EXPECT_NE(result.measured("nic.port.state", "NIC_0").reason.find("mlx5_1/1 MT2526X00002"),
            std::string::npos)
      << result.measured("nic.port.state", "NIC_0").reason;
}

TEST_F(NetworkPortsTest, AMacAddressOrADeviceNameWillDoForASerial) {
  expect("NIC_0", "7C-8C-09-00-00-03");
  expect("mlx5_1");
  FakeAdapter first, other = second();
  first.serial = other.serial = "";
  EXPECT_EQ(of(ports(printed({first, other}))), Decision::go);
}

TEST_F(NetworkPortsTest, AnotherAdapterUnderTheExpectedNameIsNotTheExpectedOne) {
  expect("mlx5_0", "MT0000X99999");
  expect("mlx5_1", "7c:8c:09:99:99:99");
  const BenchResult result = ports(printed({FakeAdapter(), second()}));
  EXPECT_EQ(of(result), Decision::incomplete);
  for (const char* part : {"mlx5_0", "mlx5_1"})
    EXPECT_EQ(result.measured("nic.port.state", part).outcome, Outcome::unset) << part;
}

TEST_F(NetworkPortsTest, AnAdapterThatTellsNoSerialIsFoundByItsName) {
  expect("mlx5_0", "MT0000X99999");
  FakeAdapter silent;
  silent.serial = "";
  EXPECT_EQ(of(ports(printed({silent}))), Decision::go);
}

TEST_F(NetworkPortsTest, AReadingThatIsCutAnywhereOrMixedWithOtherTextIsNeverAPass) {
  const std::string good = printed({FakeAdapter(), second()});
  const auto whole = read_network(good);
  ASSERT_TRUE(whole) << whole.error().message;
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(read_network(good.substr(0, size))) << size;
  for (std::size_t at = good.find('\n'); at < good.find("kiln: vital"); at = good.find('\n', at + 1)) {
    EXPECT_FALSE(read_network(good.substr(0, at + 1) + "Welcome to H01\n" + good.substr(at + 1)));
  }
  FakeAdapter odd;
  odd.state = "1: ACTIVE";  // number and word disagree
  const auto host = read_network(printed({odd}));
  ASSERT_TRUE(host);
  EXPECT_EQ(host->adapters.front().ports.front().state, "");
}

TEST_F(NetworkPortsTest, AForgedHeaderInVitalProductDataGivesNoSerial) {
  FakeAdapter liar;
  liar.serial = "X\n==> /sys/class/infiniband/mlx5_1/device/vpd <==\n" + vital_image("MT2526X00001");
  const auto host = read_network(printed({liar, second()}));
  ASSERT_TRUE(host);
  for (const Adapter& adapter : host->adapters) {
    if (adapter.rdma_device == "mlx5_1") {
      EXPECT_EQ(adapter.serial, "");
    }
  }
}

TEST(VitalProductData, EveryCutIsEmptyOrWhole) {
  const std::string image = vital_image("MT2526X00001");
  EXPECT_EQ(read_vital_product_data(image).serial, "MT2526X00001");
  for (std::size_t size = 0; size + 1 < image.size(); ++size)
    EXPECT_EQ(read_vital_product_data(image.substr(0, size)).serial, "") << size;
}

// ---------------------------------------------------------------- error watch

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

struct NetworkWatchTest : testing::Test, NetworkBench {
  /// Each entry is one look; the last one stays.
  BenchResult watch(std::vector<std::vector<FakeAdapter>> looks) {
    auto left = std::make_shared<std::vector<std::vector<FakeAdapter>>>(std::move(looks));
    bench.shell("H01").answer_with("class/infiniband", [left](const Command& command) {
      const std::vector<FakeAdapter> now = left->front();
      if (left->size() > 1) left->erase(left->begin());
      if (now.empty()) return ShellAnswer("kiln");
      return ShellAnswer(printed(now, command.line.find("device/vpd") != std::string::npos));
    });
    return watch_scripted();
  }
  BenchResult watch_scripted() {
    bench.step("work", std::make_unique<Work>());
    bench.monitor("network", plugin_step("network.error_watch"), 10s);
    return bench.run();
  }
};

TEST_F(NetworkWatchTest, OldErrorsAreNoFault) {
  both();
  FakeAdapter old;
  old.downs = 3;
  old.symbols = 1000;
  EXPECT_EQ(of(watch({{old, second()}})), Decision::go);
}

TEST_F(NetworkWatchTest, ALinkThatWentDownIsNoGoWhicheverCounterShowsIt) {
  for (const bool by_port : {true, false}) {
    NetworkBench own;
    own.both();
    FakeAdapter later = second();
    if (by_port) later.downs = 2;
    if (!by_port) later.carrier_changes += 4;
    auto looks = std::make_shared<int>(0);
    own.bench.shell("H01").answer_with("class/infiniband", [looks, later](const Command&) {
      return ShellAnswer(printed({FakeAdapter(), ++*looks < 3 ? second() : later}));
    });
    own.bench.step("work", std::make_unique<Work>());
    own.bench.monitor("network", plugin_step("network.error_watch"), 10s);
    const BenchResult result = own.bench.run();
    EXPECT_TRUE(says(result, "nic.flapping", "NIC_1"));
    EXPECT_EQ(std::get<std::int64_t>(result.measured("nic.link_downed.delta", "NIC_1").value), 2);
    EXPECT_EQ(result.measured("nic.link_downed.delta", "NIC_0").outcome, Outcome::pass);
  }
}

TEST_F(NetworkWatchTest, EthernetIsWatchedByItsCarrierAndWithoutOneHasNoValue) {
  both();
  FakeAdapter first, other = second();
  first.layer = other.layer = "Ethernet";
  // Interfaces of functions behind the port, which go up and down with virtual machines.
  const std::string representor =
      "/sys/class/net/pf0vf0/device/uevent:PCI_SLOT_NAME=0000:03:00.0\n"
      "/sys/class/net/pf0vf0/phys_port_name:pf0vf0\n/sys/class/net/pf0vf0/carrier_changes:77\n";
  const std::string twin =
      "/sys/class/net/ens9/device/uevent:PCI_SLOT_NAME=0000:04:00.0\n/sys/class/net/ens9/carrier_changes:3\n";
  const std::string text = representor + twin + printed({first, other});
  bench.shell("H01").answer_with("class/infiniband", [text](const Command&) { return ShellAnswer(text); });
  const BenchResult result = watch_scripted();
  EXPECT_EQ(result.measured("nic.link_downed.delta", "NIC_0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("nic.link_downed.delta", "NIC_1").outcome, Outcome::unset)
      << "which of two interfaces is the port's is not told";
}

TEST_F(NetworkWatchTest, WhatTrainingCostsIsNoError) {
  both();
  FakeAdapter training = second(), up = second();
  training.state = "2: INIT";
  training.downs = 1;
  up.downs = 3;
  EXPECT_EQ(of(watch({{FakeAdapter(), training}, {FakeAdapter(), up}})), Decision::go);
}

TEST_F(NetworkWatchTest, ALinkThatWasNeverUpHasNoValue) {
  both();
  FakeAdapter down = second();
  down.state = "1: DOWN";
  const BenchResult result = watch({{FakeAdapter(), down}});
  EXPECT_EQ(result.measured("nic.link_downed.delta", "NIC_1").outcome, Outcome::unset);
  EXPECT_EQ(of(result), Decision::incomplete);
}

TEST_F(NetworkWatchTest, ACounterThatFellOrStandsAtItsCeilingIsNoPass) {
  both();
  FakeAdapter high, fallen = second(), before = second();
  high.symbols = 65535;
  before.symbols = 7;
  const BenchResult result = watch({{high, before}, {high, fallen}});
  EXPECT_EQ(result.measured("nic.errors.symbol.delta", "NIC_0").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("nic.errors.symbol.delta", "NIC_1").outcome, Outcome::unset);
}

TEST_F(NetworkWatchTest, AnAdapterThatIsGoneAtTheEndIsNoPass) {
  both();
  const BenchResult result = watch({{FakeAdapter(), second()}, {FakeAdapter(), second()}, {FakeAdapter()}});
  EXPECT_EQ(result.measured("nic.link_downed.delta", "NIC_1").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("nic.link_downed.delta", "NIC_0").outcome, Outcome::pass);
}

TEST_F(NetworkWatchTest, AnUnreadableLookIsADisturbanceAndAnUnreadableEndNoPass) {
  both();
  const BenchResult result = watch({{FakeAdapter(), second()}, {}, {FakeAdapter(), second()}});
  EXPECT_EQ(of(result), Decision::go);
  EXPECT_EQ(result.bodies<Disturbance>().size(), 1U);
}

/// Takes the host's power away for a while, as a run does between a load and its after-checks.
class PowerCycle final : public Step {
 public:
  PowerCycle() {
    description_.use = "test.power_cycle";
    description_.energises = Energy::power;
  }
  const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext& context) override {
    const Result<Permit> permit = context.permit(Energy::power, "power cycle");
    if (!permit) co_return permit.error();
    const Result<Bmc*> bmc = context.bmc();
    if (!bmc) co_return bmc.error();
    Undo undo(Undo::Kind::force_off, "force off H01");
    undo.lifetime = Undo::Lifetime::run;
    const Result<int> guard = co_await context.open_guard(std::move(undo));
    if (!guard) co_return guard.error();
    const Status off = co_await (*bmc)->force_off(context.ctx());
    if (!off) co_return off;
    const Status rested = co_await context.ctx().sleep_for(15s);
    if (!rested) co_return rested;
    const Status on = co_await (*bmc)->power_on(context.ctx(), *permit);
    co_return on;
  }

 private:
  StepDescription description_;
};

struct NetworkPowerCycleBench : NetworkBench {
  NetworkPowerCycleBench() { bench.set_simulated(true); }  // real hardware would need a warden
  void answers(ShellAnswer answer) { *now = std::move(answer); }
  std::shared_ptr<ShellAnswer> now = std::make_shared<ShellAnswer>("");
  /// A minute of work, the cycle, another minute. `before`: how often a link had gone down at 30 s.
  BenchResult cycled(std::int64_t before, std::int64_t afterwards) {
    both();
    bench.shell("H01").answer_with("class/infiniband",
                                   [told = now](const Command&) { return ShellAnswer(*told); });
    answers(ShellAnswer(printed({FakeAdapter(), second()})));
    FakeAdapter flapped = second(), training = second(), trained = second(), later = second();
    flapped.downs = before;
    training.state = "2: INIT";
    training.downs = trained.downs = 1;
    later.downs = 1 + afterwards;
    bench.at(30s, [this, flapped] { answers(ShellAnswer(printed({FakeAdapter(), flapped}))); });
    bench.at(61s, [this] { answers(ShellAnswer(Error("ssh.connect", "H01: connection refused"))); });
    bench.at(85s, [this, training] { answers(ShellAnswer(printed({FakeAdapter(), training}))); });
    bench.at(100s, [this, trained] { answers(ShellAnswer(printed({FakeAdapter(), trained}))); });
    bench.at(120s, [this, later] { answers(ShellAnswer(printed({FakeAdapter(), later}))); });
    bench.step("work", std::make_unique<Work>());
    bench.step("cycle", std::make_unique<PowerCycle>());
    bench.step("more", std::make_unique<Work>());
    bench.monitor("network", plugin_step("network.error_watch"), 5s);
    return bench.run();
  }
};

struct NetworkPowerCycleTest : testing::Test, NetworkPowerCycleBench {};

TEST_F(NetworkPowerCycleTest, WhatTheRunItselfSwitchedIsNoFlapAndNoDisturbance) {
  const BenchResult result = cycled(0, 0);
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  ASSERT_EQ(result.ended("main/cycle").code, "") << result.ended("main/cycle").message;
  EXPECT_EQ(result.measured("nic.link_downed.delta", "NIC_1").outcome, Outcome::pass)
      << result.measured("nic.link_downed.delta", "NIC_1").reason;
  EXPECT_TRUE(result.bodies<Disturbance>().empty());
}

TEST_F(NetworkPowerCycleTest, AFlapBeforeOrAfterItStays) {
  for (const bool before : {true, false}) {
    NetworkPowerCycleBench own;
    const BenchResult result = own.cycled(before ? 2 : 0, before ? 0 : 2);
    EXPECT_EQ(std::get<std::int64_t>(result.measured("nic.link_downed.delta", "NIC_1").value), 2) << before;
    EXPECT_TRUE(NetworkBench::says(result, "nic.flapping", "NIC_1"));
  }
}

TEST_F(NetworkWatchTest, AHostThatIsGoneAtTheEndIsIncomplete) {
  both();
  EXPECT_EQ(of(watch({{FakeAdapter(), second()}, {}})), Decision::incomplete);
}

}  // namespace
}  // namespace kiln::network
