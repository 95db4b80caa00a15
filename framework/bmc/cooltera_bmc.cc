#include "bmc/cooltera_bmc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "bmc/bmc_event.h"
#include "bmc/redfish_error.h"
#include "model/bmc_protocol.h"
#include "tool_output/cooltera_status.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using tool_output::CoolteraStatus;

constexpr std::array kCoolteraAbilities{BmcAbility::identity, BmcAbility::sensors, BmcAbility::coolant,
                                        BmcAbility::pumps};
constexpr std::size_t kMostCoolteraOddities = 100;

std::optional<double> difference(const std::optional<double>& high, const std::optional<double>& low) {
  if (!high || !low) return std::nullopt;
  return *high - *low;
}

class CoolteraBmc final : public Bmc {
 public:
  CoolteraBmc(std::unique_ptr<HttpClient> client, std::string url)
      : client_(std::move(client)), url_(std::move(url)) {}

  awaitable<Result<BmcIdentity>> identity(const Ctx& ctx) override {
    const Result<CoolteraStatus> status = co_await read(ctx);
    if (!status) co_return status.error();
    BmcIdentity identity;
    identity.vendor = identity.manufacturer = "Cooltera";
    identity.product = identity.model = status->model;
    identity.uri = uri();
    identity.platform = std::string(to_string(BmcProtocol::cooltera));
    co_return identity;
  }
  awaitable<Result<PowerState>> power_state(const Ctx& /*ctx*/) override { co_return PowerState::unknown; }
  awaitable<Status> power_on(const Ctx& /*ctx*/, const Permit& /*permit*/) override {
    co_return unsupported("is not switched on");
  }
  awaitable<Status> force_off(const Ctx& /*ctx*/) override { co_return unsupported("is not switched off"); }
  awaitable<Status> graceful_shutdown(const Ctx& /*ctx*/) override {
    co_return unsupported("is not shut down");
  }
  awaitable<Status> restart(const Ctx& /*ctx*/, const Permit& /*permit*/) override {
    co_return unsupported("is not restarted");
  }
  awaitable<Result<double>> raise_power_limit(const Ctx& /*ctx*/, const Permit& /*permit*/,
                                              std::string /*gpu*/, double /*watts*/) override {
    co_return unsupported("has no GPU");
  }
  awaitable<Result<double>> lower_power_limit(const Ctx& /*ctx*/, std::string /*gpu*/,
                                              double /*watts*/) override {
    co_return unsupported("has no GPU");
  }
  awaitable<Status> open_valve(const Ctx& /*ctx*/, const Permit& /*permit*/,
                               std::string /*connector*/) override {
    co_return unsupported("moves no valve");
  }
  awaitable<Status> close_valve(const Ctx& /*ctx*/, std::string /*connector*/) override {
    co_return unsupported("moves no valve");
  }
  awaitable<Status> reset_manager(const Ctx& /*ctx*/) override { co_return unsupported("is not reset"); }

  awaitable<Result<std::vector<Part>>> parts(const Ctx& /*ctx*/) override {
    co_return unsupported("lists no parts");
  }
  awaitable<Result<std::vector<SensorReading>>> sensors(const Ctx& ctx) override {
    const Result<CoolteraStatus> status = co_await read(ctx);
    if (!status) co_return status.error();
    std::vector<SensorReading> readings;
    const auto add = [&readings, this](const char* tag, const std::optional<double>& value, const char* unit,
                                       const char* type) {
      SensorReading reading;
      reading.name = tag;
      reading.value = value;
      reading.unit = unit;
      reading.reading_type = type;
      reading.uri = uri() + "#" + tag;
      readings.push_back(std::move(reading));
    };
    add("t1", status->primary_supply, "Cel", "Temperature");
    add("t2", status->secondary_supply, "Cel", "Temperature");
    add("t3", status->ambient, "Cel", "Temperature");
    add("t4", status->secondary_return, "Cel", "Temperature");
    add("t5", status->primary_return, "Cel", "Temperature");
    add("dw", status->dew_point, "Cel", "Temperature");
    add("rh", status->humidity, "%", "Humidity");
    add("primflow", status->primary_flow, "L/min", "LiquidFlowLPM");
    add("secflow", status->secondary_flow, "L/min", "LiquidFlowLPM");
    co_return readings;
  }
  awaitable<Result<LeakCensus>> leak_detectors(const Ctx& /*ctx*/) override {
    co_return unsupported("tells of no leak detectors");
  }
  awaitable<Result<std::vector<LeakPolicy>>> leak_policies(const Ctx& /*ctx*/) override {
    co_return std::vector<LeakPolicy>();
  }
  awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx) override {
    const Result<CoolteraStatus> status = co_await read(ctx);
    if (!status) co_return status.error();
    CoolantReading primary;
    primary.name = std::string(kCoolteraPrimary);
    primary.flow = status->primary_flow;
    primary.supply_temperature = status->primary_supply;
    primary.return_temperature = status->primary_return;
    primary.supply_pressure = status->primary_supply_pressure;
    primary.delta_pressure = difference(status->primary_supply_pressure, status->primary_return_pressure);
    CoolantReading secondary;
    secondary.name = std::string(kCoolteraSecondary);
    secondary.flow = status->secondary_flow;
    secondary.supply_temperature = status->secondary_supply;
    secondary.return_temperature = status->secondary_return;
    secondary.supply_pressure = status->secondary_supply_pressure;
    secondary.delta_pressure =
        difference(status->secondary_supply_pressure, status->secondary_return_pressure);
    primary.uri = secondary.uri = uri();
    std::vector<CoolantReading> readings;
    readings.push_back(std::move(primary));
    readings.push_back(std::move(secondary));
    co_return readings;
  }
  awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx) override {
    const Result<CoolteraStatus> status = co_await read(ctx);
    if (!status) co_return status.error();
    std::vector<PumpReading> readings;
    for (const tool_output::CoolteraPump& pump : status->pumps) {
      PumpReading reading;
      reading.name = pump.name;
      reading.speed_percent = pump.speed_percent;
      reading.uri = uri();
      readings.push_back(std::move(reading));
    }
    co_return readings;
  }
  awaitable<Result<std::vector<CoolingUnitReading>>> cooling_units(const Ctx& ctx) override {
    const Result<CoolteraStatus> status = co_await read(ctx);
    if (!status) co_return status.error();
    CoolingUnitReading unit;
    unit.name = std::string(kCoolteraUnit);
    unit.dew_point = status->dew_point;
    unit.air_temperature = status->ambient;
    unit.humidity = status->humidity;
    unit.alarms = status->alarms;
    unit.uri = uri();
    std::vector<CoolingUnitReading> units;
    units.push_back(std::move(unit));
    co_return units;
  }
  awaitable<Result<PowerChain>> power_chain(const Ctx& /*ctx*/) override {
    co_return unsupported("tells of no power supplies");
  }
  awaitable<Result<PlatformSetup>> platform_setup(const Ctx& /*ctx*/) override {
    co_return unsupported("has no host");
  }
  awaitable<Result<std::vector<GpuReading>>> gpus(const Ctx& /*ctx*/) override {
    co_return unsupported("has no GPU");
  }
  awaitable<Result<std::vector<NvlinkReading>>> nvlinks(const Ctx& /*ctx*/) override {
    co_return unsupported("has no NVLink");
  }
  awaitable<Result<std::vector<FirmwareItem>>> firmware(const Ctx& /*ctx*/) override {
    co_return unsupported("tells of no firmware");
  }
  awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& /*ctx*/, const Permit& /*permit*/, UpdateRequest /*request*/,
      std::function<void(const UpdateProgress&)> /*on_progress*/) override {
    co_return unsupported("takes no firmware");
  }
  awaitable<Result<std::size_t>> updates_under_way(const Ctx& /*ctx*/) override { co_return std::size_t{0}; }
  awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx& /*ctx*/, std::function<void(const UpdateProgress&)> /*on_progress*/) override {
    co_return std::vector<UpdateOutcome>();
  }
  awaitable<Status> full_power_cycle(const Ctx& /*ctx*/, const Permit& /*permit*/) override {
    co_return unsupported("is not switched");
  }
  awaitable<Result<std::vector<LogEntry>>> event_log(const Ctx& /*ctx*/,
                                                     std::string /*newer_than*/) override {
    co_return unsupported("keeps no log that can be read");
  }
  awaitable<Result<std::vector<EventLog>>> event_logs(const Ctx& /*ctx*/) override {
    co_return unsupported("keeps no log that can be read");
  }
  awaitable<Result<std::vector<EventLog>>> event_logs_again(const Ctx& /*ctx*/) override {
    co_return unsupported("keeps no log that can be read");
  }
  awaitable<Result<std::optional<double>>> clock_offset(const Ctx& /*ctx*/) override {
    co_return std::optional<double>();
  }
  awaitable<Result<SurveyReport>> survey(const Ctx& /*ctx*/) override {
    co_return unsupported("has no tree to walk");
  }
  awaitable<Status> logout(const Ctx& /*ctx*/) override { co_return success(); }
  std::vector<Oddity> take_oddities() override { return std::exchange(oddities_, {}); }
  std::vector<std::string> take_disturbances() override { return {}; }
  std::vector<AppliedQuirk> take_quirks() override { return {}; }
  awaitable<Status> listen(const Ctx& /*ctx*/, std::function<void(const BmcEvent&)> /*on_event*/) override {
    co_return Error("bmc.no_events", "a Cooltera CDU says nothing by itself", "", Blame::peer);
  }
  awaitable<Status> offers(const Ctx& /*ctx*/, BmcAbility ability) override {
    if (cooltera_offers(ability)) co_return success();
    co_return unsupported(fmt::format("cannot {}", phrase(ability)));
  }
  awaitable<Result<HostStart>> host_start(const Ctx& /*ctx*/) override {
    co_return unsupported("has no host");
  }

 private:
  [[nodiscard]] Error unsupported(const std::string& what) const {
    return {"bmc.unsupported", fmt::format("the CDU at {} is a Cooltera, which {}", url_, what),
            "leave it out of this step", Blame::recipe};
  }
  /// As the sources of readings are called: without the host.
  static std::string uri() { return std::string(kCoolteraDocument); }

  awaitable<Result<CoolteraStatus>> read(const Ctx& ctx) {
    HttpRequest request("GET", url_);
    request.max_body = tool_output::kMaximumCoolteraStatus;
    Result<HttpResponse> answer = co_await client_->send(ctx, std::move(request));
    if (!answer) co_return error_for_transport(answer.error(), url_);
    if (answer->status != 200) co_return error_for_status(answer->status, "GET", url_, std::nullopt);
    Result<CoolteraStatus> status = tool_output::parse_cooltera_status(answer->body);
    if (!status) {
      co_return Error("bmc.not_understood", fmt::format("{}: {}", url_, status.error().message),
                      "look at it in a browser; a model that is not known needs a newer Kiln", Blame::peer);
    }
    for (const tool_output::Doubt& doubt : status->doubts) {
      const bool noted = std::any_of(oddities_.begin(), oddities_.end(),
                                     [&doubt](const Oddity& known) { return known.property == doubt.field; });
      if (noted || oddities_.size() >= kMostCoolteraOddities) continue;
      oddities_.push_back({uri(), doubt.field, fmt::format("'{}' is no value of it", doubt.text)});
    }
    co_return status;
  }

  std::unique_ptr<HttpClient> client_;
  std::string url_;
  std::vector<Oddity> oddities_;
};

}  // namespace

bool cooltera_offers(BmcAbility ability) {
  return std::find(kCoolteraAbilities.begin(), kCoolteraAbilities.end(), ability) != kCoolteraAbilities.end();
}

std::unique_ptr<Bmc> make_cooltera_bmc(std::unique_ptr<HttpClient> client, std::string url) {
  return std::make_unique<CoolteraBmc>(std::move(client), std::move(url));
}

}  // namespace kiln
