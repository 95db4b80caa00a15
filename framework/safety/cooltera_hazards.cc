#include "safety/cooltera_hazards.h"

#include <fmt/format.h>

#include <utility>

#include "model/bmc_protocol.h"
#include "tool_output/cooltera_status.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using tool_output::CoolteraStatus;

class CoolteraHazardReadings final : public HazardReadings {
 public:
  CoolteraHazardReadings(std::unique_ptr<HttpClient> http, std::string url)
      : http_(std::move(http)), url_(std::move(url)) {}

  awaitable<Result<HazardLook>> read(const Ctx& ctx, std::set<HazardKind> kinds,
                                     bool /*look_anew*/) override {
    HttpRequest request("GET", url_);
    request.max_body = tool_output::kMaximumCoolteraStatus;
    Result<HttpResponse> answer = co_await http_->send(ctx, std::move(request));
    if (!answer) co_return answer.error();
    if (answer->status != 200) {
      co_return Error("warden.bmc", fmt::format("GET {} was answered with {}", url_, answer->status), "",
                      Blame::peer);
    }
    const Result<CoolteraStatus> status = tool_output::parse_cooltera_status(answer->body);
    if (!status)
      co_return Error("warden.bmc", fmt::format("{}: {}", url_, status.error().message), "", Blame::peer);
    co_return look_at(*status, kinds);
  }

 private:
  static HazardLook look_at(const CoolteraStatus& status, const std::set<HazardKind>& kinds) {
    HazardLook look;
    const auto add = [&look, &kinds](HazardKind kind, std::string_view part, std::optional<double> value,
                                     const char* what) {
      if (!kinds.contains(kind)) return;
      HazardReading reading;
      reading.kind = kind;
      reading.part = std::string(part);
      reading.value = value;
      if (!value) reading.why = fmt::format("its document has no value for {}", what);
      look.readings.push_back(std::move(reading));
    };
    using enum HazardKind;
    add(coolant_flow, kCoolteraPrimary, status.primary_flow, "primflow");
    add(coolant_flow, kCoolteraSecondary, status.secondary_flow, "secflow");
    if (status.tells_primary_pressure)
      add(coolant_pressure, kCoolteraPrimary, status.primary_supply_pressure,
          "the facility's supply pressure");
    add(coolant_pressure, kCoolteraSecondary, status.secondary_supply_pressure, "the rack's supply pressure");
    add(coolant_supply_temperature, kCoolteraPrimary, status.primary_supply, "t1");
    add(coolant_supply_temperature, kCoolteraSecondary, status.secondary_supply, "t2");
    std::optional<double> margin;
    if (status.dew_point && status.secondary_supply) margin = *status.secondary_supply - *status.dew_point;
    add(dew_point_margin, kCoolteraUnit, margin, "t2 or dw");
    return look;
  }

  std::unique_ptr<HttpClient> http_;
  std::string url_;
};

}  // namespace

std::unique_ptr<HazardReadings> make_cooltera_hazard_readings(std::unique_ptr<HttpClient> http,
                                                              std::string url) {
  return std::make_unique<CoolteraHazardReadings>(std::move(http), std::move(url));
}

}  // namespace kiln
