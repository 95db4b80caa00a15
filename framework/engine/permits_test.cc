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

}  // namespace
}  // namespace kiln
