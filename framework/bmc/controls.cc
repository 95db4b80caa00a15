#include "bmc/controls.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/nearest.h"
#include "bmc/power.h"

namespace kiln {
namespace {

constexpr const char* kLimit = "PowerLimitWatts";
constexpr const char* kValveControl = "#CoolantConnector.ValveControl";

Error no_part(const RedfishClient& client, const std::string& what, const std::string& name,
              const std::vector<std::string>& known) {
  return {
      "bmc.no_part",
      fmt::format("the BMC at {} has no {} '{}'{}", client.base_url(), what, name, did_you_mean(name, known)),
      "name it as the census does", Blame::recipe};
}

}  // namespace

boost::asio::awaitable<Result<double>> Controls::raise_power_limit(const Ctx& ctx, const Permit& permit,
                                                                   std::string gpu, double watts) {
  const Status good = check_permit(permit, Energy::power_limit);
  if (!good) co_return good.error();
  std::function<Status()> still_wanted = [&permit] { return check_permit(permit, Energy::power_limit); };
  Result<double> was = co_await set_power_limit(ctx, std::move(gpu), watts, Way::up, std::move(still_wanted));
  co_return was;
}

boost::asio::awaitable<Result<double>> Controls::lower_power_limit(const Ctx& ctx, std::string gpu,
                                                                   double watts) {
  std::function<Status()> always;
  Result<double> was = co_await set_power_limit(ctx, std::move(gpu), watts, Way::down, std::move(always));
  co_return was;
}

boost::asio::awaitable<Result<std::string>> Controls::environment_of(const Ctx& ctx, std::string gpu) {
  const Result<std::vector<GpuReading>> gpus = co_await gpus_.read(ctx);
  if (!gpus) co_return gpus.error();
  std::vector<std::string> names;
  for (const GpuReading& one : *gpus) names.push_back(one.name);
  const auto found = std::find(names.begin(), names.end(), gpu);
  if (found == names.end()) co_return no_part(tree_.client(), "GPU", gpu, names);
  const std::string processor = (*gpus)[static_cast<std::size_t>(found - names.begin())].uri;
  const Result<RedfishResource> resource = co_await tree_.client().get(ctx, processor);
  if (!resource) co_return resource.error();
  const std::optional<std::string> link = resource->body["EnvironmentMetrics"].link();
  if (!link) co_return unsupported(tree_.client(), fmt::format("has no EnvironmentMetrics at {}", processor));
  co_return *link;
}

boost::asio::awaitable<Result<double>> Controls::set_power_limit(const Ctx& ctx, std::string gpu,
                                                                 double watts, Way way,
                                                                 std::function<Status()> still_wanted) {
  const Result<std::string> uri = co_await environment_of(ctx, gpu);
  if (!uri) co_return uri.error();
  const Result<RedfishResource> environment = co_await tree_.client().get(ctx, *uri);
  if (!environment) co_return environment.error();
  const JsonView limit = environment->body[kLimit];
  const std::optional<double> before = limit["SetPoint"].number();
  if (!before)
    co_return unsupported(tree_.client(),
                          fmt::format("has no {}.SetPoint that could be set at {}", kLimit, *uri));
  const std::optional<double> least = limit["AllowableMin"].number();
  const std::optional<double> most = limit["AllowableMax"].number();
  if ((least && watts < *least) || (most && watts > *most) || !(watts > 0)) {
    co_return Error("bmc.out_of_range",
                    fmt::format("a power limit of {} W is outside what {} allows ({} to {} W, {})", watts,
                                gpu, least.value_or(0), most ? fmt::format("{}", *most) : "no limit", *uri),
                    "give one within", Blame::recipe);
  }
  if (way == Way::up && watts < *before) {
    co_return Error("bmc.not_a_raise",
                    fmt::format("{} W is less than the power limit of {} ({} W)", watts, gpu, *before),
                    "lower it, which needs no permit", Blame::recipe);
  }
  if (way == Way::down && watts > *before) {
    co_return Error("bmc.not_lowered",
                    fmt::format("{} W is more than the power limit of {} ({} W)", watts, gpu, *before),
                    "raise it, which needs a permit", Blame::recipe);
  }
  boost::json::object set_point;
  // BMCs that take 1400 refuse 1.4E3.
  const bool whole = watts == std::floor(watts);
  if (whole) set_point["SetPoint"] = static_cast<std::int64_t>(watts);
  if (!whole) set_point["SetPoint"] = watts;
  boost::json::object body;
  body[kLimit] = std::move(set_point);
  std::string text = boost::json::serialize(body);
  const Status done = co_await tree_.client().patch(ctx, *uri, std::move(text), std::move(still_wanted));
  if (!done) co_return done.error();
  co_return *before;
}

boost::asio::awaitable<Status> Controls::open_valve(const Ctx& ctx, const Permit& permit,
                                                    std::string connector) {
  const Status good = check_permit(permit, Energy::valve);
  if (!good) co_return good.error();
  std::function<Status()> still_wanted = [&permit] { return check_permit(permit, Energy::valve); };
  std::string state = "Open";
  Status done = co_await set_valve(ctx, std::move(connector), std::move(state), std::move(still_wanted));
  co_return done;
}

boost::asio::awaitable<Status> Controls::close_valve(const Ctx& ctx, std::string connector) {
  std::function<Status()> always;
  std::string state = "Closed";
  Status done = co_await set_valve(ctx, std::move(connector), std::move(state), std::move(always));
  co_return done;
}

boost::asio::awaitable<Status> Controls::set_valve(const Ctx& ctx, std::string connector, std::string state,
                                                   std::function<Status()> still_wanted) {
  const Result<std::map<std::string, std::string>> named = co_await cooling_.names(ctx);
  if (!named) co_return named.error();
  std::string uri;
  std::vector<std::string> names;
  for (const auto& [address, name] : *named) {
    names.push_back(name);
    if (name == connector) uri = address;
  }
  if (uri.empty()) co_return no_part(tree_.client(), "coolant connection", connector, names);
  const Result<RedfishResource> resource = co_await tree_.client().get(ctx, uri);
  if (!resource) co_return resource.error();
  const JsonView action = resource->body.at({"Actions", kValveControl});
  const std::optional<std::string> link = action["target"].verbatim();
  const std::optional<std::string> target = link ? tree_.client().local_path(*link) : std::nullopt;
  if (!target)
    co_return unsupported(tree_.client(), fmt::format("does not offer to move the valve of {}", uri));
  boost::json::object body;
  body["ValveState"] = state;
  std::string text = boost::json::serialize(body);
  const Result<RedfishAnswer> answer = co_await tree_.client().post(
      ctx, *target, "application/json", std::move(text), Repeat::always, std::move(still_wanted));
  if (!answer) co_return answer.error();
  co_return success();
}

}  // namespace kiln
