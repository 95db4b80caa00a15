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

constexpr std::size_t kMostMembers = 64;          // of a collection that is looked through
constexpr std::size_t kLargestAnswer = 4U << 20;  // bytes; a system is some 10 kB

const json::value* at(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* here = &from;
  for (const std::string_view key : path) {
    if (!here->is_object()) return nullptr;
    here = here->as_object().if_contains(key);
    if (here == nullptr) return nullptr;
  }
  return here;
}

std::string text_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* found = at(from, path);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

/// Links are local paths; some BMCs write them as whole addresses (DSP0266 8.2 allows both).
std::string local(const std::string& link) {
  const auto scheme = link.find("://");
  if (scheme == std::string::npos) return link;
  const auto path = link.find('/', scheme + 3);
  return path == std::string::npos ? std::string() : link.substr(path);
}

class RedfishPowerSwitch final : public PowerSwitch {
 public:
  RedfishPowerSwitch(std::unique_ptr<HttpClient> http, std::string base_url, std::string user,
                     Secret password)
      : http_(std::move(http)),
        base_url_(std::move(base_url)),
        user_(std::move(user)),
        password_(std::move(password)) {
    while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
  }

  awaitable<Status> prepare(const Ctx& ctx) override {
    const Status in = co_await log_in(ctx);
    if (!in) co_return in;
    for (const char* const collection : {"/redfish/v1/Systems", "/redfish/v1/Chassis"}) {
      const bool systems = std::string_view(collection).ends_with("Systems");
      const Result<json::value> list = co_await get(ctx, collection);
      if (!list && list.error().code != "warden.bmc") co_return list.error();
      if (!list) continue;
      const Status looked = co_await look_through(ctx, *list, systems);
      if (!looked) co_return looked;
      if (!action_.empty()) co_return success();
    }
    co_return Error("warden.no_power",
                    fmt::format("the BMC at {} offers nothing that can be forced off", base_url_),
                    "see what its Systems and Chassis offer under Actions", Blame::peer);
  }

  awaitable<Status> force_off(const Ctx& ctx) override {
    if (action_.empty()) {
      const Status prepared = co_await prepare(ctx);
      if (!prepared) co_return prepared;
    }
    const std::string action = action_;
    Result<HttpResponse> answer = co_await send(ctx, "POST", action, R"({"ResetType":"ForceOff"})");
    if (!answer) co_return answer.error();
    if (answer->status < 300) co_return success();
    // Many BMCs refuse what is already so; only the state that is read back counts.
    const int status = answer->status;
    const Result<bool> off = co_await is_off(ctx);
    if (off && *off) co_return success();
    if (status == 404) action_.clear();
    co_return refusal("POST", action, status);
  }

  awaitable<Result<bool>> is_off(const Ctx& ctx) override {
    if (resource_.empty()) {
      const Status prepared = co_await prepare(ctx);
      if (!prepared) co_return prepared.error();
    }
    const std::string resource = resource_;
    const Result<json::value> body = co_await get(ctx, resource);
    if (!body) co_return body.error();
    co_return text_at(*body, {"PowerState"}) == "Off";
  }

  awaitable<void> leave(const Ctx& ctx) override {
    if (session_.empty()) co_return;
    const std::string session = std::exchange(session_, {});
    Result<HttpResponse> gone = co_await send_once(ctx, "DELETE", session, "");
    (void)gone;
    token_ = Secret();
  }

 private:
  static Error refusal(const std::string& method, const std::string& uri, int status) {
    return {"warden.bmc", fmt::format("{} {} was answered with {}", method, uri, status), "", Blame::peer};
  }

  awaitable<Result<HttpResponse>> send_once(const Ctx& ctx, std::string method, std::string uri,
                                            std::string body) {
    HttpRequest request(std::move(method), base_url_ + uri);
    request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}};
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    request.body = std::move(body);
    request.max_body = kLargestAnswer;
    if (!token_.empty()) {
      request.headers.emplace_back("X-Auth-Token", token_.expose());
    } else if (basic_) {
      request.user = user_;
      request.password = password_;
    }
    Result<HttpResponse> answer = co_await http_->send(ctx, std::move(request));
    co_return answer;
  }

  /// Logs in once more when the session has ended.
  awaitable<Result<HttpResponse>> send(const Ctx& ctx, std::string method, std::string uri,
                                       std::string body) {
    Result<HttpResponse> answer = co_await send_once(ctx, method, uri, body);
    if (!answer || answer->status != 401 || basic_) co_return answer;
    token_ = Secret();
    session_.clear();
    const Status in = co_await log_in(ctx);
    if (!in) co_return in.error();
    answer = co_await send_once(ctx, method, uri, body);
    co_return answer;
  }

  awaitable<Result<json::value>> get(const Ctx& ctx, std::string uri) {
    Result<HttpResponse> answer = co_await send(ctx, "GET", uri, "");
    if (!answer) co_return answer.error();
    if (answer->status != 200) co_return refusal("GET", uri, answer->status);
    boost::system::error_code failed;
    json::parse_options options;
    options.allow_invalid_utf8 = true;
    json::value body = json::parse(answer->body, failed, {}, options);
    if (failed || !body.is_object()) {
      co_return Error("warden.bmc", fmt::format("GET {} answered something that is no JSON object", uri),
                      "check that the address is a BMC with Redfish", Blame::peer);
    }
    co_return body;
  }

  awaitable<Status> log_in(const Ctx& ctx) {
    if (user_.empty() || !token_.empty() || basic_) co_return success();
    json::object login;
    login["UserName"] = user_;
    login["Password"] = password_.expose();
    // DSP0266 13.3.4.2: a service has its sessions there, or names them in its root; the root of those that
    // need a password is no help.
    std::string sessions = "/redfish/v1/SessionService/Sessions";
    const Result<json::value> root = co_await get_root(ctx);
    if (root) {
      const std::string named = local(text_at(*root, {"Links", "Sessions", "@odata.id"}));
      if (!named.empty()) sessions = named;
    } else if (root.error().code != "warden.bmc") {
      co_return root.error();
    }
    Result<HttpResponse> answer = co_await send_once(ctx, "POST", sessions, json::serialize(login));
    if (!answer) co_return answer.error();
    const std::optional<std::string> token = answer->header("X-Auth-Token");
    if (answer->status < 300 && token) {
      token_ = Secret(*token);
      session_ = local(answer->header("Location").value_or(""));
      co_return success();
    }
    if (answer->status == 404 || answer->status == 405 || answer->status == 501) {
      basic_ = true;
      co_return success();
    }
    // Only what is about the credentials is final; a BMC that is busy is asked again.
    if (answer->status != 400 && answer->status != 401 && answer->status != 403)
      co_return refusal("POST", sessions, answer->status);
    co_return Error("warden.login",
                    fmt::format("the BMC at {} refused the login with {}", base_url_, answer->status),
                    "check user and password in the credentials file", Blame::operator_);
  }

  awaitable<Result<json::value>> get_root(const Ctx& ctx) {
    Result<HttpResponse> answer = co_await send_once(ctx, "GET", "/redfish/v1/", "");
    if (!answer) co_return answer.error();
    boost::system::error_code failed;
    json::value body = json::parse(answer->body, failed);
    if (answer->status != 200 || failed || !body.is_object())
      co_return refusal("GET", "/redfish/v1/", answer->status);
    co_return body;
  }

  awaitable<Status> look_through(const Ctx& ctx, const json::value& list, bool systems) {
    const json::value* members = at(list, {"Members"});
    if (members == nullptr || !members->is_array()) co_return success();
    std::vector<std::string> links;
    for (const json::value& member : members->as_array()) {
      const std::string link = local(text_at(member, {"@odata.id"}));
      if (!link.empty() && links.size() < kMostMembers) links.push_back(link);
    }
    int best = 0;
    for (const std::string& link : links) {
      const Result<json::value> body = co_await get(ctx, link);
      if (!body && body.error().code != "warden.bmc") co_return body.error();
      if (!body) continue;  // one bad member does not hide its siblings
      const std::string action =
          local(text_at(*body, {"Actions", systems ? "#ComputerSystem.Reset" : "#Chassis.Reset", "target"}));
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
    const std::string type = text_at(system, {"SystemType"});
    const bool physical = type.empty() || type == "Physical";
    return 1 + (physical ? 4 : 0) + (text_at(system, {"Id"}).starts_with("HGX_") ? 0 : 2);
  }
  static int rank_of_chassis(const json::value& chassis) {
    const bool contained = at(chassis, {"Links", "ContainedBy"}) != nullptr;
    return 1 + (contained ? 0 : 4) + (text_at(chassis, {"PowerState"}).empty() ? 0 : 2);
  }

  std::unique_ptr<HttpClient> http_;
  std::string base_url_, user_;
  Secret password_;
  Secret token_;
  std::string session_;
  bool basic_ = false;
  std::string resource_, action_;
};

}  // namespace

std::unique_ptr<PowerSwitch> make_redfish_power_switch(std::unique_ptr<HttpClient> http, std::string base_url,
                                                       std::string user, Secret password) {
  return std::make_unique<RedfishPowerSwitch>(std::move(http), std::move(base_url), std::move(user),
                                              std::move(password));
}

}  // namespace kiln
