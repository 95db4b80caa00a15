#include "safety/redfish_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "io/scope.h"

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

constexpr std::size_t kMostMembers = 256;         // of a collection that is looked through
constexpr std::size_t kLargestAnswer = 4U << 20;  // bytes; a system is some 10 kB

}  // namespace

bool bmc_answered(const Error& error) {
  return error.code == "warden.bmc" || error.code == "warden.not_found";
}

const json::value* json_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* here = &from;
  for (const std::string_view key : path) {
    if (!here->is_object()) return nullptr;
    here = here->as_object().if_contains(key);
    if (here == nullptr) return nullptr;
  }
  return here;
}

std::string json_text_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* found = json_at(from, path);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

std::string local_path_of(const std::string& link) {
  const auto scheme = link.find("://");
  if (scheme == std::string::npos) return link;
  const auto path = link.find('/', scheme + 3);
  return path == std::string::npos ? std::string() : link.substr(path);
}

std::string last_segment_of(std::string uri) {
  while (uri.size() > 1 && uri.back() == '/') uri.pop_back();
  return uri.substr(uri.rfind('/') + 1);
}

std::string link_in(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* found = json_at(from, path);
  return found == nullptr ? std::string() : local_path_of(json_text_at(*found, {"@odata.id"}));
}

std::vector<std::string> member_links(const json::value& collection) {
  std::vector<std::string> links;
  const json::value* members = json_at(collection, {"Members"});
  if (members == nullptr || !members->is_array()) return links;
  for (const json::value& member : members->as_array()) {
    std::string link = local_path_of(json_text_at(member, {"@odata.id"}));
    if (!link.empty() && links.size() < kMostMembers) links.push_back(std::move(link));
  }
  return links;
}

RedfishLine::RedfishLine(std::unique_ptr<HttpClient> http, std::string base_url, std::string user,
                         Secret password)
    : http_(std::move(http)),
      base_url_(std::move(base_url)),
      user_(std::move(user)),
      password_(std::move(password)) {
  while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
}

Error RedfishLine::refusal(const std::string& method, const std::string& uri, int status) {
  return {status == 404 ? "warden.not_found" : "warden.bmc",
          fmt::format("{} {} was answered with {}", method, uri, status), "", Blame::peer};
}

HttpRequest RedfishLine::request(std::string method, const std::string& uri) const {
  HttpRequest made(std::move(method), base_url_ + uri);
  made.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}};
  made.max_body = kLargestAnswer;
  if (!token_.empty()) {
    made.headers.emplace_back("X-Auth-Token", token_.expose());
  } else if (basic_) {
    made.user = user_;
    made.password = password_;
  }
  return made;
}

awaitable<Result<HttpResponse>> RedfishLine::send_once(const Ctx& ctx, std::string method, std::string uri,
                                                       std::string body) {
  HttpRequest asked = request(std::move(method), uri);
  if (!body.empty()) asked.headers.emplace_back("Content-Type", "application/json");
  asked.body = std::move(body);
  Result<HttpResponse> answer = co_await http_->send(ctx, std::move(asked));
  co_return answer;
}

awaitable<Result<HttpResponse>> RedfishLine::stream(const Ctx& ctx, std::string uri,
                                                    std::function<void(const std::string&)> on_piece) {
  const Status in = co_await log_in(ctx);
  if (!in) co_return in.error();
  HttpRequest asked = request("GET", uri);
  asked.headers.front().second = "text/event-stream";
  Result<HttpResponse> answer = co_await http_->stream(ctx, std::move(asked), std::move(on_piece));
  co_return answer;
}

awaitable<Result<HttpResponse>> RedfishLine::send(const Ctx& ctx, std::string method, std::string uri,
                                                  std::string body) {
  const Status in = co_await log_in(ctx);
  if (!in) co_return in.error();
  const std::string token = token_.expose();
  Result<HttpResponse> answer = co_await send_once(ctx, method, uri, body);
  if (!answer || answer->status != 401 || basic_) co_return answer;
  // Unless somebody else has opened a new one meanwhile.
  if (token_.expose() == token) {
    token_ = Secret();
    session_.clear();
  }
  const Status again = co_await log_in(ctx);
  if (!again) co_return again.error();
  answer = co_await send_once(ctx, method, uri, body);
  co_return answer;
}

awaitable<Result<json::value>> RedfishLine::get(const Ctx& ctx, std::string uri) {
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

awaitable<void> RedfishLine::leave(const Ctx& ctx) {
  if (session_.empty()) co_return;
  const std::string session = std::exchange(session_, {});
  Result<HttpResponse> gone = co_await send_once(ctx, "DELETE", session, "");
  (void)gone;
  token_ = Secret();
}

awaitable<std::vector<Result<json::value>>> RedfishLine::get_all(const Ctx& ctx,
                                                                 std::vector<std::string> uris,
                                                                 std::size_t at_once) {
  std::vector<Result<json::value>> bodies(uris.size(), Error("warden.bmc", "not asked"));
  std::size_t next = 0;
  Scope some(ctx);
  for (std::size_t lane = 0; lane < std::min(at_once, uris.size()); ++lane) {
    some.start("read",
               [this, &uris, &bodies, &next](Ctx& task) { return take_turns(task, uris, bodies, next); });
  }
  const Status joined = co_await some.join();
  (void)joined;
  co_return bodies;
}

awaitable<void> RedfishLine::take_turns(Ctx& task, const std::vector<std::string>& uris,
                                        std::vector<Result<json::value>>& bodies, std::size_t& next) {
  while (next < uris.size()) {
    const std::size_t mine = next++;
    Result<json::value> body = co_await get(task, uris[mine]);
    bodies[mine] = std::move(body);
  }
}

awaitable<Status> RedfishLine::log_in(const Ctx& ctx) {
  if (user_.empty() || !token_.empty() || basic_) co_return success();
  Result<Pool::Lease> alone = co_await door_.acquire(ctx);
  if (!alone) co_return alone.error();
  if (!token_.empty() || basic_) co_return success();
  const Status opened = co_await open_session(ctx);
  co_return opened;
}

awaitable<Status> RedfishLine::open_session(const Ctx& ctx) {
  json::object login;
  login["UserName"] = user_;
  login["Password"] = password_.expose();
  // DSP0266 13.3.4.2: a service has its sessions there, or names them in its root; the root of those that
  // need a password is no help.
  std::string sessions = "/redfish/v1/SessionService/Sessions";
  const Result<json::value> root = co_await get_root(ctx);
  if (root) {
    const std::string named = local_path_of(json_text_at(*root, {"Links", "Sessions", "@odata.id"}));
    if (!named.empty()) sessions = named;
  } else if (!bmc_answered(root.error())) {
    co_return root.error();
  }
  Result<HttpResponse> answer = co_await send_once(ctx, "POST", sessions, json::serialize(login));
  if (!answer) co_return answer.error();
  const std::optional<std::string> token = answer->header("X-Auth-Token");
  if (answer->status < 300 && token) {
    token_ = Secret(*token);
    session_ = local_path_of(answer->header("Location").value_or(""));
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

awaitable<Result<json::value>> RedfishLine::get_root(const Ctx& ctx) {
  Result<HttpResponse> answer = co_await send_once(ctx, "GET", "/redfish/v1/", "");
  if (!answer) co_return answer.error();
  boost::system::error_code failed;
  json::value body = json::parse(answer->body, failed);
  if (answer->status != 200 || failed || !body.is_object())
    co_return refusal("GET", "/redfish/v1/", answer->status);
  co_return body;
}

}  // namespace kiln
