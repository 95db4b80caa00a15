#include "bmc/redfish_bmc.h"

#include <map>
#include <utility>

#include "bmc/controls.h"
#include "bmc/cooling.h"
#include "bmc/event_log.h"
#include "bmc/event_stream.h"
#include "bmc/event_subscription.h"
#include "bmc/firmware.h"
#include "bmc/firmware_update.h"
#include "bmc/gpu.h"
#include "bmc/identity.h"
#include "bmc/leak.h"
#include "bmc/leak_policy.h"
#include "bmc/nvlink.h"
#include "bmc/parts.h"
#include "bmc/platform_setup.h"
#include "bmc/power.h"
#include "bmc/power_chain.h"
#include "bmc/redfish_client.h"
#include "bmc/sensors.h"
#include "bmc/service_tree.h"
#include "bmc/survey.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

class RedfishBmc final : public Bmc {
 public:
  RedfishBmc(std::unique_ptr<HttpClient> client, RedfishOptions options)
      : client_(std::move(client), std::move(options)) {}

  awaitable<Result<BmcIdentity>> identity(const Ctx& ctx) override {
    return read_identity(ctx, tree_, power_);  // and the platform with it
  }
  awaitable<Result<PowerState>> power_state(const Ctx& ctx) override { return power_.state(ctx); }
  awaitable<Status> power_on(const Ctx& ctx, const Permit& permit) override {
    return power_.power_on(ctx, permit);
  }
  awaitable<Status> force_off(const Ctx& ctx) override { return power_.force_off(ctx); }
  awaitable<Status> graceful_shutdown(const Ctx& ctx) override { return power_.graceful_shutdown(ctx); }
  awaitable<Status> restart(const Ctx& ctx, const Permit& permit) override {
    return power_.restart(ctx, permit);
  }
  awaitable<Status> reset_manager(const Ctx& ctx) override {
    forget_what_firmware_decides();
    return power_.reset_manager(ctx);
  }
  awaitable<Result<double>> raise_power_limit(const Ctx& ctx, const Permit& permit, std::string gpu,
                                              double watts) override {
    return controls_.raise_power_limit(ctx, permit, std::move(gpu), watts);
  }
  awaitable<Result<double>> lower_power_limit(const Ctx& ctx, std::string gpu, double watts) override {
    return controls_.lower_power_limit(ctx, std::move(gpu), watts);
  }
  awaitable<Status> open_valve(const Ctx& ctx, const Permit& permit, std::string connector) override {
    return controls_.open_valve(ctx, permit, std::move(connector));
  }
  awaitable<Status> close_valve(const Ctx& ctx, std::string connector) override {
    return controls_.close_valve(ctx, std::move(connector));
  }

  awaitable<Result<std::vector<Part>>> parts(const Ctx& ctx) override {
    Result<std::vector<Part>> parts = co_await parts_.parts(ctx);
    if (!parts) co_return parts;
    // One part has one name, whoever lists it.
    Result<std::map<std::string, std::string>> wet = co_await cooling_.names(ctx);
    if (!wet) co_return wet.error();
    for (Part& part : *parts) {
      const auto known = wet->find(without_trailing_slash(part.uri));
      if (known != wet->end()) part.name = known->second;
    }
    // Leak detectors keep addresses of their own kind; the census knows them all.
    Result<LeakCensus> census = co_await leak_.read(ctx);
    if (!census) co_return census.error();
    for (const LeakDetectorReading& detector : census->detectors) {
      Part part;
      part.kind = ComponentKind::leak_detector;
      part.name = detector.name;
      part.state = detector.answer.state.value_or(std::string{});
      part.health = detector.answer.health.value_or(std::string{});
      part.uri = detector.uri;
      parts->push_back(std::move(part));
    }
    co_return parts;
  }
  awaitable<Result<std::vector<SensorReading>>> sensors(const Ctx& ctx) override {
    return sensors_.read(ctx);
  }
  awaitable<Result<LeakCensus>> leak_detectors(const Ctx& ctx) override {
    Result<LeakCensus> census = co_await leak_.read(ctx);
    // Who watches leaks may have to cut: the way to the switch is found while there is time.
    if (census && !switch_looked_for_) {
      switch_looked_for_ = true;
      const Result<PowerTarget> known = co_await power_.target(ctx);
      (void)known;
    }
    co_return census;
  }
  awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx) override {
    return cooling_.coolant(ctx);
  }
  awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx) override { return cooling_.pumps(ctx); }
  awaitable<Result<std::vector<CoolingUnitReading>>> cooling_units(const Ctx& ctx) override {
    return cooling_.cooling_units(ctx);
  }
  awaitable<Result<PowerChain>> power_chain(const Ctx& ctx) override { return power_chain_.read(ctx); }
  awaitable<Result<PlatformSetup>> platform_setup(const Ctx& ctx) override { return setup_.read(ctx); }
  awaitable<Result<std::vector<GpuReading>>> gpus(const Ctx& ctx) override { return gpu_.read(ctx); }
  awaitable<Result<std::vector<NvlinkReading>>> nvlinks(const Ctx& ctx) override { return nvlink_.read(ctx); }

  awaitable<Result<std::vector<FirmwareItem>>> firmware(const Ctx& ctx) override {
    return firmware_.inventory(ctx);
  }
  awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> on_progress) override {
    forget_what_firmware_decides();
    return updater_.update(ctx, permit, std::move(request), std::move(on_progress));
  }
  awaitable<Result<std::size_t>> updates_under_way(const Ctx& ctx) override {
    return updater_.under_way(ctx);
  }
  awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx& ctx, std::function<void(const UpdateProgress&)> on_progress) override {
    forget_what_firmware_decides();
    return updater_.wait_for_updates(ctx, std::move(on_progress));
  }
  awaitable<Status> full_power_cycle(const Ctx& ctx, const Permit& permit) override {
    forget_what_firmware_decides();
    return power_.full_power_cycle(ctx, permit);
  }

  awaitable<Result<std::vector<LogEntry>>> event_log(const Ctx& ctx, std::string newer_than) override {
    return log_.read(ctx, std::move(newer_than));
  }
  awaitable<Result<std::vector<LeakPolicy>>> leak_policies(const Ctx& ctx) override {
    return leak_policies_.read(ctx);
  }
  awaitable<Result<std::optional<double>>> clock_offset(const Ctx& ctx) override {
    return log_.clock_offset(ctx);
  }
  awaitable<Result<SurveyReport>> survey(const Ctx& ctx) override {
    Survey survey(client_);
    Result<SurveyReport> report = co_await survey.run(ctx);
    if (report) report->oddities = client_.take_oddities();
    co_return report;
  }
  awaitable<Status> logout(const Ctx& ctx) override { return client_.logout(ctx); }

  std::vector<Oddity> take_oddities() override { return client_.take_oddities(); }
  std::vector<std::string> take_disturbances() override { return client_.take_disturbances(); }
  std::vector<AppliedQuirk> take_quirks() override { return client_.take_quirks(); }
  awaitable<Status> listen(const Ctx& ctx, std::function<void(const BmcEvent&)> on_event) override {
    Status ended = co_await events_.listen(ctx, on_event);
    const bool no_stream = !ended && ended.error().code == "bmc.no_events";
    const auto& listener_of = client_.options().post_listener;
    std::shared_ptr<PostListener> listener = no_stream && listener_of ? listener_of() : nullptr;
    if (!listener) co_return ended;
    EventSubscription subscription(tree_, std::move(listener), client_.options().open_sessions);
    Status undelivered = co_await subscription.listen(ctx, std::move(on_event));
    if (!undelivered && undelivered.error().code == "bmc.no_events")
      undelivered.error().message += "; " + ended.error().message;
    co_return undelivered;
  }
  awaitable<Result<std::vector<EventLog>>> event_logs(const Ctx& ctx) override { return log_.read_logs(ctx); }
  awaitable<Result<std::vector<EventLog>>> event_logs_again(const Ctx& ctx) override {
    return log_.read_logs_again(ctx);
  }
  awaitable<Status> offers(const Ctx& ctx, BmcAbility ability) override {
    return power_.offers(ctx, ability);
  }
  awaitable<Result<HostStart>> host_start(const Ctx& ctx) override { return power_.host_start(ctx); }

 private:
  /// Another firmware may be another dialect.
  void forget_what_firmware_decides() {
    client_.name_dialects();
    client_.peer().platform.reset();
    client_.peer().expands.clear();
    client_.forget_answers();
  }

  RedfishClient client_;
  ServiceTree tree_{client_};
  SettledTree settled_{client_};  // parts only
  LeakPolicyReader leak_policies_{tree_};
  PowerControl power_{tree_};
  LeakReader leak_{tree_};
  CoolingReader cooling_{tree_};
  PowerChainReader power_chain_{tree_};
  PlatformSetupReader setup_{tree_};
  GpuReader gpu_{tree_};
  Controls controls_{tree_, gpu_, cooling_};
  NvlinkReader nvlink_{tree_};
  PartsReader parts_{settled_};
  SensorReader sensors_{tree_};
  FirmwareReader firmware_{tree_};
  FirmwareUpdater updater_{tree_, firmware_};
  EventLogReader log_{tree_};
  EventReader events_{tree_};
  bool switch_looked_for_ = false;
};

}  // namespace

std::unique_ptr<Bmc> make_redfish_bmc(std::unique_ptr<HttpClient> client, RedfishOptions options) {
  return std::make_unique<RedfishBmc>(std::move(client), std::move(options));
}

}  // namespace kiln
