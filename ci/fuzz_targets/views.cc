// Every verb of Bmc against a service that is what the input says, alone or over a whole tray. Letters of the
// heading choose: T a tray underneath, a to t one verb each (none: all of them), - without a login.
#include <algorithm>
#include <cmath>
#include <utility>

#include "bmc/json_view.h"
#include "bmc/redfish_bmc.h"
#include "ci/fuzz_targets/fuzz_target.h"
#include "ci/fuzz_targets/service_text.h"
#include "ci/fuzz_targets/tray_text.h"
#include "io/loop.h"

namespace kiln {

/// The key to permits, in this program only: the real office is above this floor.
class PermitOffice {
 public:
  static Permit make(Energy energy) { return Permit("C01", energy, std::make_shared<bool>(true)); }
};

namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kBudget = std::chrono::seconds(30);

void finite(const std::optional<double>& value, const std::string& uri) {
  require(!value || std::isfinite(*value), "a reading is finite: " + uri);
}

/// One input: its service, and what was said about it.
class Asked {
 public:
  Asked(std::unique_ptr<Bmc> bmc, std::string verbs) : bmc_(std::move(bmc)), verbs_(std::move(verbs)) {
    const bool any = std::any_of(verbs_.begin(), verbs_.end(), [](char c) { return c >= 'a' && c <= 't'; });
    if (!any) verbs_ = "abcdefghijklmnopqrst";
  }
  [[nodiscard]] bool wants(char verb) const { return verbs_.find(verb) != std::string::npos; }
  Bmc& bmc() { return *bmc_; }
  std::string take_said() {
    for (const Oddity& oddity : bmc_->take_oddities())
      said_ += oddity.uri + oddity.property + oddity.what + "\n";
    for (const std::string& disturbance : bmc_->take_disturbances()) said_ += disturbance + "\n";
    return std::exchange(said_, {});
  }
  /// True when there is a value.
  template <class T>
  bool keep(const Ctx& ctx, const Result<T>& result) {
    require(!ctx.deadline_ns() || ctx.now().monotonic_ns <= *ctx.deadline_ns() + kExchange.count(),
            "nothing outlasts its deadline");
    if (result) return true;
    require(!result.error().code.empty() && !result.error().message.empty(), "an Error says what is wrong");
    said_ += result.error().full() + "\n";
    return false;
  }

 private:
  std::unique_ptr<Bmc> bmc_;
  std::string verbs_, said_;
};

awaitable<void> ask_state(Ctx& ctx, Asked* asked) {
  Bmc& bmc = asked->bmc();
  if (asked->wants('a')) {
    const Ctx own = ctx.child_within("identity", kBudget);
    Result<BmcIdentity> identity = co_await bmc.identity(own);
    asked->keep(own, identity);
  }
  if (asked->wants('b')) {
    const Ctx own = ctx.child_within("power", kBudget);
    Result<PowerState> state = co_await bmc.power_state(own);
    asked->keep(own, state);
  }
  if (asked->wants('c')) {
    const Ctx own = ctx.child_within("parts", kBudget);
    Result<std::vector<Part>> parts = co_await bmc.parts(own);
    asked->keep(own, parts);
  }
  if (asked->wants('d')) {
    const Ctx own = ctx.child_within("sensors", kBudget);
    Result<std::vector<SensorReading>> sensors = co_await bmc.sensors(own);
    if (asked->keep(own, sensors)) {
      for (const SensorReading& sensor : *sensors) finite(sensor.value, sensor.uri);
    }
  }
  if (asked->wants('e')) {
    const Ctx own = ctx.child_within("leaks", kBudget);
    Result<LeakCensus> census = co_await bmc.leak_detectors(own);
    asked->keep(own, census);
  }
  if (asked->wants('f')) {
    const Ctx own = ctx.child_within("leak policies", kBudget);
    Result<std::vector<LeakPolicy>> policies = co_await bmc.leak_policies(own);
    if (asked->keep(own, policies)) {
      for (const LeakPolicy& policy : *policies) finite(policy.reaction_delay_seconds, policy.uri);
    }
  }
}

awaitable<void> ask_readings(Ctx& ctx, Asked* asked) {
  Bmc& bmc = asked->bmc();
  if (asked->wants('g')) {
    const Ctx own = ctx.child_within("coolant", kBudget);
    Result<std::vector<CoolantReading>> coolant = co_await bmc.coolant(own);
    if (asked->keep(own, coolant)) {
      for (const CoolantReading& reading : *coolant) finite(reading.flow, reading.uri);
    }
  }
  if (asked->wants('h')) {
    const Ctx own = ctx.child_within("pumps", kBudget);
    Result<std::vector<PumpReading>> pumps = co_await bmc.pumps(own);
    if (asked->keep(own, pumps)) {
      for (const PumpReading& pump : *pumps) finite(pump.speed_percent, pump.uri);
    }
  }
  // Twice: the second reading may come from metric reports.
  for (int round = 0; round < 2 && asked->wants('i'); ++round) {
    const Ctx own = ctx.child_within("gpus", kBudget);
    Result<std::vector<GpuReading>> gpus = co_await bmc.gpus(own);
    if (!asked->keep(own, gpus)) continue;
    for (const GpuReading& gpu : *gpus) {
      finite(gpu.temperature, gpu.uri);
      finite(gpu.power, gpu.uri);
    }
  }
  for (int round = 0; round < 2 && asked->wants('j'); ++round) {
    const Ctx own = ctx.child_within("nvlinks", kBudget);
    Result<std::vector<NvlinkReading>> links = co_await bmc.nvlinks(own);
    if (!asked->keep(own, links)) continue;
    for (const NvlinkReading& link : *links) finite(link.bit_error_rate, link.uri);
  }
  if (asked->wants('k')) {
    const Ctx own = ctx.child_within("event log", kBudget);
    Result<std::vector<LogEntry>> entries = co_await bmc.event_log(own, "2023-11-14T22:15:20Z");
    asked->keep(own, entries);
  }
  if (asked->wants('l')) {
    const Ctx own = ctx.child_within("clock", kBudget);
    Result<std::optional<double>> offset = co_await bmc.clock_offset(own);
    if (asked->keep(own, offset)) finite(*offset, "clock");
  }
  if (asked->wants('m')) {
    const Ctx own = ctx.child_within("survey", kBudget);
    Result<SurveyReport> report = co_await bmc.survey(own);
    if (asked->keep(own, report)) {
      require(report->links_followed == report->resources_read + report->error_bodies +
                                            report->links_to_nothing + report->not_understood +
                                            report->unanswered,
              "a survey counts each link once");
    }
  }
}

awaitable<void> ask_firmware(Ctx& ctx, Asked* asked) {
  Bmc& bmc = asked->bmc();
  std::string component = "HGX_FW_GPU_0";
  if (asked->wants('n')) {
    const Ctx own = ctx.child_within("firmware", kBudget);
    Result<std::vector<FirmwareItem>> items = co_await bmc.firmware(own);
    if (asked->keep(own, items) && !items->empty()) component = items->front().id;
  }
  if (asked->wants('o')) {
    const Ctx own = ctx.child_within("update", std::chrono::minutes(5));
    const Permit permit = PermitOffice::make(Energy::flash);
    UpdateRequest request;
    request.component = component;
    request.image_name = "image.fwpkg";
    request.image = "image";
    const std::function<void(const UpdateProgress&)> on_progress = [](const UpdateProgress& progress) {
      require(!progress.percent || (*progress.percent >= 0 && *progress.percent <= 100),
              "per cent are per cent");
    };
    Result<UpdateOutcome> outcome =
        co_await bmc.update_firmware(own, permit, std::move(request), on_progress);
    asked->keep(own, outcome);
  }
}

awaitable<void> ask_controls(Ctx& ctx, Asked* asked) {
  Bmc& bmc = asked->bmc();
  const Ctx own = ctx.child_within("controls", kBudget);
  const Permit power = PermitOffice::make(Energy::power);
  if (asked->wants('p')) {
    Status on = co_await bmc.power_on(own, power);
    asked->keep(own, on);
    Status again = co_await bmc.restart(own, power);
    asked->keep(own, again);
  }
  if (asked->wants('q')) {
    const Ctx off_ctx = ctx.child_within("off", kBudget);
    Status off = co_await bmc.force_off(off_ctx);
    asked->keep(off_ctx, off);
    Status down = co_await bmc.graceful_shutdown(off_ctx);
    asked->keep(off_ctx, down);
  }
  if (asked->wants('r')) {
    const Ctx limit_ctx = ctx.child_within("limit", kBudget);
    const Permit raise = PermitOffice::make(Energy::power_limit);
    Result<double> raised = co_await bmc.raise_power_limit(limit_ctx, raise, "GPU_0", 900);
    if (asked->keep(limit_ctx, raised)) finite(*raised, "power limit");
    Result<double> lowered = co_await bmc.lower_power_limit(limit_ctx, "GPU_0", 200);
    if (asked->keep(limit_ctx, lowered)) finite(*lowered, "power limit");
  }
  if (asked->wants('s')) {
    const Ctx valve_ctx = ctx.child_within("valve", kBudget);
    const Permit valve = PermitOffice::make(Energy::valve);
    Status opened = co_await bmc.open_valve(valve_ctx, valve, "Chassis_0/0");
    asked->keep(valve_ctx, opened);
    Status closed = co_await bmc.close_valve(valve_ctx, "Chassis_0/0");
    asked->keep(valve_ctx, closed);
  }
  if (asked->wants('t')) {
    const Ctx reset_ctx = ctx.child_within("manager", kBudget);
    Status reset = co_await bmc.reset_manager(reset_ctx);
    asked->keep(reset_ctx, reset);
  }
}

awaitable<void> ask_everything(Ctx& ctx, Asked* asked) {
  co_await ask_state(ctx, asked);
  co_await ask_readings(ctx, asked);
  co_await ask_firmware(ctx, asked);
  co_await ask_controls(ctx, asked);
  const Ctx leaving = ctx.child_within("logout", kBudget);
  Status left = co_await asked->bmc().logout(leaving);
  asked->keep(leaving, left);
}

}  // namespace

void fuzz_one(const std::string& input) {
  ServiceText service;
  service.lay(input);
  const std::string heading = service.heading;
  if (heading.find('T') != std::string::npos) {
    service.lay(kTrayText);
    service.lay(input);
  }
  RedfishOptions options;
  options.base_url = kFuzzedBmc;
  options.user = heading.find('-') == std::string::npos ? "admin" : "";
  options.password = Secret("s3cret-word");
  options.retries = 2;
  options.survey_cap = 200;
  Asked asked(make_redfish_bmc(service.client(), options), heading);
  const auto loop = Loop::simulated();
  Asked* const one = &asked;
  loop->run([one](Ctx& ctx) { return ask_everything(ctx, one); });
  const std::string said = asked.take_said();
  require(simdjson::validate_utf8(said), "what is said can be written into a report");
  if (input.find("s3cret-word") == std::string::npos)
    require(said.find("s3cret-word") == std::string::npos, "the password is in no message");
}

}  // namespace kiln
