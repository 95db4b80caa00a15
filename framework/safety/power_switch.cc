#include "safety/power_switch.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

class RedfishPowerSwitch final : public PowerSwitch {
 public:
  explicit RedfishPowerSwitch(std::shared_ptr<RedfishLine> line) : line_(std::move(line)) {}

  awaitable<Status> prepare(const Ctx& ctx) override {
    const Status in = co_await line_->log_in(ctx);
    if (!in) co_return in;
    for (const char* const collection : {"/redfish/v1/Systems", "/redfish/v1/Chassis"}) {
      const bool systems = std::string_view(collection).ends_with("Systems");
      const Result<json::value> list = co_await line_->get(ctx, collection);
      if (!list && !bmc_answered(list.error())) co_return list.error();
      if (!list) continue;
      const Status looked = co_await look_through(ctx, *list, systems);
      if (!looked) co_return looked;
      if (!action_.empty()) co_return success();
    }
    co_return Error("warden.no_power",
                    fmt::format("the BMC at {} offers nothing that can be forced off", line_->base_url()),
                    "see what its Systems and Chassis offer under Actions", Blame::peer);
  }

  awaitable<Status> force_off(const Ctx& ctx) override {
    if (action_.empty()) {
      const Status prepared = co_await prepare(ctx);
      if (!prepared) co_return prepared;
    }
    const std::string action = action_;
    Result<HttpResponse> answer = co_await line_->send(ctx, "POST", action, R"({"ResetType":"ForceOff"})");
    if (!answer) co_return answer.error();
    if (answer->status < 300) co_return success();
    // Many BMCs refuse what is already so; only the state that is read back counts.
    const int status = answer->status;
    const Result<bool> off = co_await is_off(ctx);
    if (off && *off) co_return success();
    if (status == 404) action_.clear();
    co_return RedfishLine::refusal("POST", action, status);
  }

  awaitable<Result<bool>> is_off(const Ctx& ctx) override {
    if (resource_.empty()) {
      const Status prepared = co_await prepare(ctx);
      if (!prepared) co_return prepared.error();
    }
    const std::string resource = resource_;
    const Result<json::value> body = co_await line_->get(ctx, resource);
    if (!body) co_return body.error();
    const std::string state = json_text_at(*body, {"PowerState"});
    if (state.empty()) {
      co_return Error("warden.bmc",
                      fmt::format("{} of {} says nothing about its power", resource, line_->base_url()), "",
                      Blame::peer);
    }
    co_return state == "Off";
  }

  awaitable<void> leave(const Ctx& ctx) override { co_await line_->leave(ctx); }

 private:
  awaitable<Status> look_through(const Ctx& ctx, const json::value& list, bool systems) {
    int best = 0;
    const std::vector<std::string> links = member_links(list);
    for (const std::string& link : links) {
      const Result<json::value> body = co_await line_->get(ctx, link);
      if (!body && !bmc_answered(body.error())) co_return body.error();
      if (!body) continue;  // one bad member does not hide its siblings
      const std::string action = local_path_of(
          json_text_at(*body, {"Actions", systems ? "#ComputerSystem.Reset" : "#Chassis.Reset", "target"}));
      if (action.empty()) continue;
      const int rank = systems ? rank_of_system(*body) : rank_of_chassis(*body);
      if (rank <= best) continue;
      best = rank;
      action_ = action;
      resource_ = link;
    }
    co_return success();
  }

  static int rank_of_system(const json::value& system) {
    const std::string type = json_text_at(system, {"SystemType"});
    const bool physical = type.empty() || type == "Physical";
    return 1 + (physical ? 4 : 0) + (json_text_at(system, {"Id"}).starts_with("HGX_") ? 0 : 2);
  }
  static int rank_of_chassis(const json::value& chassis) {
    const bool contained = json_at(chassis, {"Links", "ContainedBy"}) != nullptr;
    return 1 + (contained ? 0 : 4) + (json_text_at(chassis, {"PowerState"}).empty() ? 0 : 2);
  }

  std::shared_ptr<RedfishLine> line_;
  std::string resource_, action_;
};

}  // namespace

std::unique_ptr<PowerSwitch> make_redfish_power_switch(std::shared_ptr<RedfishLine> line) {
  return std::make_unique<RedfishPowerSwitch>(std::move(line));
}

}  // namespace kiln
