// Power: switch a DUT on and know that it is on, switch it off and know that it is off. Accepted is not done:
// every change is read back until the BMC reports it (some BMCs take seconds, some never do it).

#include <fmt/format.h>

#include "sdk/step.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kReadBackEvery = std::chrono::milliseconds(250);
/// An exchange has 30 s and its repetitions some 20 s: an answer that took longer was heard by a station that
/// was stopped meanwhile, and is old.
constexpr Nanoseconds kLongestAnswer = std::chrono::seconds(60);
constexpr Nanoseconds kLastWordCounts =
    std::chrono::seconds(10);  // or a third of the wait: a BMC that is busy answers late

/// Reads back until `wanted`, the deadline of `ctx`, or a stop. Single failed reads are survived: a BMC may
/// be busy. "power.not_confirmed": at the end it still said something else. "power.not_read": it said nothing
/// for so long, or nobody asked (a station that was stopped), that what it is now is not known.
awaitable<Result<double>> wait_for_power(const Ctx& ctx, Bmc& bmc, PowerState wanted) {
  const std::int64_t started = ctx.now().monotonic_ns;
  std::string last = "no answer yet";
  std::int64_t told_ns = started;  // when it answered last
  bool told = false;
  while (true) {
    const std::int64_t asked_ns = ctx.now().monotonic_ns;
    const Result<PowerState> state = co_await bmc.power_state(ctx);
    if (state && *state == wanted) co_return static_cast<double>(ctx.now().monotonic_ns - started) / 1e9;
    const bool fresh = Nanoseconds(ctx.now().monotonic_ns - asked_ns) <= kLongestAnswer;
    if (state && *state != PowerState::unknown && fresh) {
      told = true;
      told_ns = ctx.now().monotonic_ns;
    }
    last = state ? std::string(to_string(*state)) : state.error().message;
    const Status waited = co_await ctx.sleep_for(kReadBackEvery);
    if (!waited && waited.error().code != "ctx.deadline")
      co_return waited.error();  // stopped: it says nothing
    const std::int64_t now_ns = ctx.now().monotonic_ns;
    const Nanoseconds silent(now_ns - told_ns);
    const bool counts =
        told && silent <= std::max<Nanoseconds>(kLastWordCounts, Nanoseconds(now_ns - started) / 3);
    if (!waited && !counts) {
      co_return Error("power.not_read",
                      fmt::format("whether it is {} is not known: its BMC has not said so for {} ({})",
                                  to_string(wanted), format_duration(silent), last),
                      "check the BMC and its network, then run again", Blame::peer);
    }
    if (!waited) {
      co_return Error("power.not_confirmed",
                      fmt::format("the BMC does not read back {} (last: {})", to_string(wanted), last),
                      "check the power shelf and the BMC's event log", Blame::peer);
    }
  }
}

/// Until a command runs on the host: it has booted and lets us in.
awaitable<Status> wait_for_host(const Ctx& ctx, Shell& shell) {
  std::string last = "no answer yet";
  while (true) {
    Ctx attempt = ctx.child_within("host answers", std::chrono::seconds(5));
    Command command("true");
    const Result<CommandResult> result = co_await shell.run(attempt, std::move(command));
    if (result && result->ok()) co_return success();
    if (!result) {
      last = result.error().message;
      // A wrong key or password does not get better by waiting.
      if (result.error().code == "ssh.host_key" || result.error().code == "ssh.authentication")
        co_return result.error();
    }
    // A connection from before a reset may never say that it is dead.
    co_await shell.disconnect();
    const Status waited = co_await ctx.sleep_for(kReadBackEvery);
    if (!waited && waited.error().code != "ctx.deadline") co_return waited.error();
    if (!waited) {
      co_return Error("host.not_up", fmt::format("the host does not answer over SSH: {}", last),
                      "look at its console for where the boot stopped", Blame::peer);
    }
  }
}

class PowerOn final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "power.on";
      made.bmc = {{BmcAbility::power_state, true, "to read back that it is on"},
                  {BmcAbility::power_on, true, "to switch it on"},
                  {BmcAbility::force_off, true, "to be switched off again at the end"}};
      made.summary = "Switch the DUT on, read back that it is on, and wait for its host";
      made.measurements = {
          {"power.on.confirmed", "", ComponentKind::whole_dut, true, "power.not_on",
           "check the power shelf, the tray's connectors and the BMC's event log",
           "the BMC reports On after it was asked to"},
          {"power.on.time", "s", ComponentKind::whole_dut, false, "", "", "from the request to On"},
          {"host.boot.time", "s", ComponentKind::whole_dut, false, "", "", "from On to a shell"}};
      made.parameters = {
          {"host", ParameterType::boolean, "true", "also wait until the host answers over SSH"}};
      made.energises = Energy::power;
      made.default_timeout = std::chrono::minutes(10);
      return made;
    }();
    return description;
  }

  awaitable<Status> run(StepContext& context) override {
    const Result<Bmc*> bmc = context.bmc();
    if (!bmc) co_return bmc.error();
    const Result<PowerState> before = co_await (*bmc)->power_state(context.ctx());
    if (!before) co_return before.error();
    const Result<Permit> permit = context.permit(Energy::power, "bring up the DUT");
    if (!permit) co_return permit.error();
    Undo undo(Undo::Kind::force_off, fmt::format("force off {}", context.dut().id));
    undo.lifetime = Undo::Lifetime::run;
    const Result<int> guard = co_await context.open_guard(std::move(undo));
    if (!guard) co_return guard.error();
    if (*before != PowerState::on) {
      const Status asked = co_await (*bmc)->power_on(context.ctx(), *permit);
      if (!asked) co_return asked;
    }
    const Result<double> seconds = co_await wait_for_power(context.ctx(), **bmc, PowerState::on);
    if (!seconds && seconds.error().code != "power.not_confirmed") co_return seconds.error();
    const Source source{"redfish", "PowerState of the system"};
    Reading confirmed("power.on.confirmed", "", seconds.has_value(), source);
    const Result<Outcome> outcome = co_await context.record(std::move(confirmed));
    if (!outcome) co_return outcome.error();
    if (!seconds) co_return seconds.error();
    Reading time("power.on.time", "", *seconds, source);
    const Result<Outcome> time_outcome = co_await context.record(std::move(time));
    if (!time_outcome) co_return time_outcome.error();
    if (!context.dut().host || !context.with().boolean("host")) co_return success();
    const Result<Shell*> shell = context.shell();
    if (!shell) co_return shell.error();
    context.progress("waiting for the host");
    const std::int64_t started = context.ctx().now().monotonic_ns;
    const Status up = co_await wait_for_host(context.ctx(), **shell);
    if (!up) co_return up;
    const double boot = static_cast<double>(context.ctx().now().monotonic_ns - started) / 1e9;
    Reading boot_time("host.boot.time", "", boot, Source{"ssh", "true"});
    const Result<Outcome> boot_outcome = co_await context.record(std::move(boot_time));
    if (!boot_outcome) co_return boot_outcome.error();
    co_return success();
  }
};

class PowerOff final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "power.off";
      made.bmc = {{BmcAbility::power_state, true, "to read back that it is off"},
                  {BmcAbility::force_off, true, "to switch it off"},
                  {BmcAbility::graceful_shutdown, false, "to let the system shut down first"}};
      made.summary = "Switch the DUT off and read back that it is off";
      made.measurements = {
          {"power.off.time", "s", ComponentKind::whole_dut, false, "", "", "from the request to Off"}};
      made.parameters = {{"graceful", ParameterType::duration, "0s",
                          "first ask the host to shut down and give it this long; 0s: force off at once"}};
      made.default_timeout = std::chrono::minutes(2);
      return made;
    }();
    return description;
  }

  awaitable<Status> run(StepContext& context) override {
    const Result<Bmc*> bmc = context.bmc();
    if (!bmc) co_return bmc.error();
    const std::int64_t started = context.ctx().now().monotonic_ns;
    const Result<PowerState> before = co_await (*bmc)->power_state(context.ctx());
    if (before && *before == PowerState::off) co_return success();
    const Nanoseconds grace = context.with().duration("graceful");
    bool off = false;
    if (grace.count() > 0) {
      Ctx graceful = context.ctx().child_within("graceful shutdown", grace);
      const Status asked = co_await (*bmc)->graceful_shutdown(graceful);
      if (asked) {
        const Result<double> confirmed = co_await wait_for_power(graceful, **bmc, PowerState::off);
        off = confirmed.has_value();
      }
    }
    if (!off) {
      const Status asked = co_await (*bmc)->force_off(context.ctx());
      if (!asked) co_return asked;
      const Result<double> confirmed = co_await wait_for_power(context.ctx(), **bmc, PowerState::off);
      if (!confirmed) co_return confirmed.error();
    }
    const double seconds = static_cast<double>(context.ctx().now().monotonic_ns - started) / 1e9;
    Reading time("power.off.time", "", seconds, Source{"redfish", "PowerState of the system"});
    const Result<Outcome> outcome = co_await context.record(std::move(time));
    if (!outcome) co_return outcome.error();
    co_return success();
  }
};

}  // namespace
}  // namespace kiln

KILN_PLUGIN("power", "1.0.0", "switching DUTs on and off, read back", kiln::PowerOn, kiln::PowerOff)
