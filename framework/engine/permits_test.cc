// Code that energises without a permit does not compile: each call is well-formed with one and ill-formed
// without, and nobody but the permit office can make one. (ctest "permits.without_one_nothing_compiles" has
// the compiler say so too.)
#include <gtest/gtest.h>

#include <type_traits>

#include "bmc/bmc.h"
#include "engine/load.h"
#include "engine/permit_office.h"
#include "io/loop.h"
#include "testing/scripted_shell.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

template <class B>
concept PowersOnWithout = requires(B& bmc, const Ctx& ctx) {
  bmc.power_on(ctx);
};
template <class B>
concept PowersOnWith = requires(B& bmc, const Ctx& ctx, const Permit& permit) {
  bmc.power_on(ctx, permit);
};
template <class B>
concept RestartsWithout = requires(B& bmc, const Ctx& ctx) {
  bmc.restart(ctx);
};
template <class B>
concept RestartsWith = requires(B& bmc, const Ctx& ctx, const Permit& permit) {
  bmc.restart(ctx, permit);
};
template <class B>
concept FlashesWithout = requires(B& bmc, const Ctx& ctx, UpdateRequest request) {
  bmc.update_firmware(ctx, std::move(request), nullptr);
};
template <class B>
concept FlashesWith = requires(B& bmc, const Ctx& ctx, const Permit& permit, UpdateRequest request) {
  bmc.update_firmware(ctx, permit, std::move(request), nullptr);
};
template <class S>
concept LoadsWithout = requires(S& shell, const Ctx& ctx, Command command) {
  run_load(ctx, shell, std::move(command));
};
template <class S>
concept LoadsWith = requires(S& shell, const Ctx& ctx, const Permit& permit, Command command) {
  run_load(ctx, permit, shell, std::move(command));
};

static_assert(!PowersOnWithout<Bmc> && PowersOnWith<Bmc>);
static_assert(!RestartsWithout<Bmc> && RestartsWith<Bmc>);
static_assert(!FlashesWithout<Bmc> && FlashesWith<Bmc>);
static_assert(!LoadsWithout<Shell> && LoadsWith<Shell>);

static_assert(!std::is_default_constructible_v<Permit>);
static_assert(!std::is_copy_constructible_v<Permit> && !std::is_copy_assignable_v<Permit>);
static_assert(std::is_move_constructible_v<Permit>);
static_assert(!std::is_constructible_v<Permit, std::string, Energy, std::shared_ptr<const bool>>);

awaitable<void> load(Ctx& ctx, PermitOffice& office, const Dut& dut, Energy energy, bool cut, Shell& shell,
                     std::string& code) {
  const Result<Permit> permit = office.grant(dut, energy);
  if (cut) office.cut(dut.id);
  Command command("gpu_burn 60");
  const Result<CommandResult> result = co_await run_load(ctx, *permit, shell, std::move(command));
  code = result ? "" : result.error().code;
}

TEST(RunLoad, ARevokedPermitOrOneForAnotherEnergyStartsNothing) {
  struct Case {
    Energy energy;
    bool cut;
    const char* code;
  };
  for (const auto& [energy, cut, wanted] :
       {Case{Energy::load, false, ""}, Case{Energy::load, true, "permit.revoked"},
        Case{Energy::power, false, "permit.wrong_energy"}}) {
    Inventory inventory;
    inventory.simulated = true;
    Dut dut;
    dut.id = "C01";
    PermitOffice office(inventory);
    ScriptedShell shell;
    shell.answer("gpu_burn 60", ShellAnswer(""));
    std::string code;
    const auto loop = Loop::simulated();
    loop->run([&, energy = energy, cut = cut](Ctx& ctx) {
      return load(ctx, office, dut, energy, cut, shell, code);
    });
    EXPECT_EQ(code, wanted);
    EXPECT_EQ(shell.commands().size(), code.empty() ? 1U : 0U);
    if (code.empty()) {
      EXPECT_EQ(shell.commands().front().lease, kLoadLease);
    }
  }
}

struct HazardPermits : testing::Test {
  HazardPermits() {
    inventory.simulated = true;
    for (const auto& [id, role] : std::vector<std::pair<std::string, Role>>{
             {"C01", Role::compute_tray}, {"C02", Role::compute_tray}, {"CDU01", Role::cdu}}) {
      Dut dut;
      dut.id = id;
      dut.role = role;
      Component connector;
      connector.kind = ComponentKind::coolant_connector;
      connector.name = "1";
      dut.expect.components.push_back(connector);
      inventory.duts.push_back(dut);
    }
    office.emplace(inventory);
    for (const char* id : {"C01", "C02", "CDU01"}) {
      office->require_hazard_watch(id);
      office->set_cooling_proven(id);
    }
  }
  void say(const std::string& dut, bool power, bool load, const std::string& why = {}) {
    HazardReport report;
    report.dut = dut;
    report.power_ready = power;
    report.load_ready = load;
    report.why = why;
    office->set_hazard_watch(report);
  }
  std::string code(const std::string& dut, Energy energy) {
    const Result<Permit> permit = office->grant(*inventory.find(dut), energy);
    return permit ? "" : permit.error().code;
  }
  Inventory inventory;
  std::optional<PermitOffice> office;
};

TEST_F(HazardPermits, LoadWantsTheWardensWordAboutTheTrayAndItsCduAndPowerOnlyThatNothingIsAmiss) {
  EXPECT_EQ(code("C01", Energy::power), "") << "a tray that is off has nothing to say";
  EXPECT_EQ(code("C01", Energy::load), "permit.no_hazard_watch");
  say("C01", true, true);
  EXPECT_EQ(code("C01", Energy::load), "permit.no_hazard_watch") << "its CDU has not been read";
  say("CDU01", true, true);
  EXPECT_EQ(code("C01", Energy::load), "");
  EXPECT_EQ(code("C02", Energy::load), "permit.no_hazard_watch");
  say("C01", true, false, "C01: the GPU temperature of GPU_0 is not known: no value");
  EXPECT_EQ(code("C01", Energy::load), "permit.no_hazard_watch");
  EXPECT_EQ(code("C01", Energy::power), "");
  EXPECT_EQ(code("C01", Energy::host_stress), "");
}

TEST_F(HazardPermits, WhileABmcIsAwayByPlanNothingThatItWatchesIsEnergised) {
  office->set_silent("C01", true);
  EXPECT_EQ(code("C01", Energy::power), "permit.silent");
  EXPECT_EQ(code("C02", Energy::power), "");
  office->set_silent("C01", false);
  EXPECT_EQ(code("C01", Energy::power), "");
  office->set_silent("CDU01", true);
  EXPECT_EQ(code("C02", Energy::power), "permit.silent") << "it is served by that CDU";
  EXPECT_EQ(office->all_judged(*inventory.find("C02")).error().code, "permit.silent");
  EXPECT_EQ(code("C02", Energy::host_stress), "");
}

TEST_F(HazardPermits, WhatReadsBeyondItsBoundsRefusesEveryEnergy) {
  say("C01", true, true);
  say("C02", true, true);
  say("CDU01", false, false,
      "CDU01: the coolant reservoir level of 1/Reservoir_1 is 4 %, and must be ≥ 10 %");
  for (const Energy energy : {Energy::power, Energy::load, Energy::flash}) {
    EXPECT_EQ(code("C01", energy), "permit.hazard");
    EXPECT_EQ(code("C02", energy), "permit.hazard");
  }
  const Result<Permit> refused = office->grant(*inventory.find("C01"), Energy::power);
  EXPECT_NE(refused.error().message.find("1/Reservoir_1 is 4 %"), std::string::npos)
      << refused.error().message;
}

TEST_F(HazardPermits, OnlyWhatMayStillComeIsWaitedFor) {
  const Dut& dut = *inventory.find("C01");
  ASSERT_TRUE(office->why_wait_with_load(dut));
  say("CDU01", true, true);
  say("C01", true, false, "C01: the GPU temperature of GPU_0 is not known: no value");
  ASSERT_TRUE(office->why_wait_with_load(dut));
  EXPECT_NE(office->why_wait_with_load(dut)->find("GPU_0"), std::string::npos);
  say("C01", false, false, "C01: hot");
  EXPECT_FALSE(office->why_wait_with_load(dut)) << "that is refused at once";
  say("C01", true, true);
  EXPECT_FALSE(office->why_wait_with_load(dut));
}

}  // namespace
}  // namespace kiln
