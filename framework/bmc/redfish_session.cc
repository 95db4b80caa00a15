#include "bmc/redfish_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "bmc/json_view.h"
#include "bmc/redfish_error.h"

namespace kiln {
namespace {

constexpr std::int64_t kRefusalKept =
    30'000'000'000;  // ns: below the shortest lockout seen (60 s), long enough to stop hammering

constexpr Nanoseconds kEndingLeft =
    std::chrono::seconds(2);          // at a logout, or before a login to a full table
constexpr std::size_t kRandomId = 8;  // letters: OpenBMC's have 10, iLO's more

HttpRequest get_request(const std::string& uri) {
  HttpRequest request("GET", uri);
  request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}};
  return request;
}

std::optional<JsonDocument> json_of(const HttpResponse& response, int max_depth) {
  if (response.body.empty()) return std::nullopt;
  Result<JsonDocument> document = JsonDocument::parse(response.body, max_depth);
  if (!document) return std::nullopt;
  return std::move(*document);
}

bool asks_for_basic(const HttpResponse& response) {
  const std::optional<std::string> challenge = response.header("WWW-Authenticate");
  return challenge && challenge->find("Basic") != std::string::npos;
}

}  // namespace

RedfishSession::RedfishSession(RedfishWire& wire, std::string user, Secret password, int max_depth,
                               std::function<void(const std::string&, const std::string&)> note,
                               std::function<void(Quirk, const std::string&)> quirk,
                               std::shared_ptr<LoginDoor> door, std::shared_ptr<OpenSessions> kept)
    : wire_(wire),
      user_(std::move(user)),
      password_(std::move(password)),
      max_depth_(max_depth),
      note_(std::move(note)),
      quirk_(std::move(quirk)),
      door_(door ? std::move(door) : std::make_shared<LoginDoor>()),
      kept_(std::move(kept)) {}

void RedfishSession::sign(HttpRequest& request) const {
  if (proof_ == Proof::token) {
    request.headers.emplace_back("X-Auth-Token", token_.expose());
    const bool changes = request.method != "GET" && request.method != "HEAD";
    if (changes && !csrf_token_.empty()) request.headers.emplace_back("X-CSRFTOKEN", csrf_token_.expose());
  } else if (proof_ == Proof::basic) {
    request.user = user_;
    request.password = password_;
  }
}

void RedfishSession::use_basic(const std::string& uri, const std::string& why) {
  proof_ = Proof::basic;
  session_uri_.clear();
  note_(uri, why + ": Basic authentication is used");
  quirk_(Quirk::basic_only, uri);
}

boost::asio::awaitable<Status> RedfishSession::ensure(const Ctx& ctx, std::uint64_t stale_generation) {
  if (user_.empty() || (ready_ && generation_ > stale_generation)) co_return success();
  Result<Pool::Lease> lease = co_await door_->pool.acquire(ctx);
  if (!lease) co_return lease.error();
  if (ready_ && generation_ > stale_generation) co_return success();
  if (door_->refused && ctx.now().monotonic_ns < door_->refused_until_ns) co_return *door_->refused;
  door_->refused.reset();
  ready_ = false;
  Status done = co_await login(ctx);
  if (done) {
    ++generation_;
    ready_ = true;
  } else if (done.error().code == "bmc.login") {
    door_->refused = done.error();
    door_->refused_until_ns = ctx.now().monotonic_ns + kRefusalKept;
  }
  co_return done;
}

boost::asio::awaitable<Result<std::string>> RedfishSession::sessions_uri(const Ctx& ctx) {
  HttpRequest request = get_request(kServiceRoot);
  Result<HttpResponse> root = co_await wire_.send(ctx, std::move(request));
  if (!root) co_return root.error();
  if (root->status == 401) co_return std::string{};  // a root that asks for a password: Basic is all there is
  if (root->status >= 300) co_return error_for_status(root->status, "GET", kServiceRoot, std::nullopt);
  const std::optional<JsonDocument> document = json_of(*root, max_depth_);
  if (!document) {
    co_return Error("bmc.busy", fmt::format("GET {} answered something that is not JSON", kServiceRoot),
                    "Check that the address is a BMC with Redfish.");
  }
  const JsonView body = document->root();
  const std::optional<std::string> direct = body.at({"Links", "Sessions"}).link();
  if (direct) co_return wire_.local_path(*direct).value_or(std::string{});
  const std::optional<std::string> service = body["SessionService"].link();
  const std::optional<std::string> service_path = service ? wire_.local_path(*service) : std::nullopt;
  if (!service_path) co_return std::string{};
  HttpRequest ask = get_request(*service_path);
  ask.user = user_;
  ask.password = password_;
  Result<HttpResponse> answer = co_await wire_.send(ctx, std::move(ask));
  if (!answer) co_return answer.error();
  const std::optional<JsonDocument> described = json_of(*answer, max_depth_);
  const std::optional<std::string> link = described ? described->root()["Sessions"].link() : std::nullopt;
  if (link) co_return wire_.local_path(*link).value_or(std::string{});
  co_return std::string{};
}

boost::asio::awaitable<Result<HttpResponse>> RedfishSession::post_login(const Ctx& ctx, std::string uri) {
  boost::json::object credentials;
  credentials["UserName"] = user_;
  credentials["Password"] = password_.expose();
  HttpRequest request("POST", uri);
  request.headers = {
      {"Accept", "application/json"}, {"Content-Type", "application/json"}, {"OData-Version", "4.0"}};
  request.body = boost::json::serialize(credentials);
  Result<HttpResponse> answer = co_await wire_.send(ctx, request);
  if (!answer || answer->status != 401 || !asks_for_basic(*answer)) co_return answer;
  // Some services guard the login itself with Basic.
  request.user = user_;
  request.password = password_;
  Result<HttpResponse> second = co_await wire_.send(ctx, std::move(request));
  co_return second;
}

void RedfishSession::forget_session() {
  if (kept_ && session_) kept_->ended(*session_);
  session_.reset();
  proof_ = Proof::none;
  token_ = Secret();
  csrf_token_ = Secret();
  session_uri_.clear();
}

/// Services count their sessions anew after a restart: what has an address now may be somebody else's. The
/// time tells, and so does an address that no service gives twice.
bool RedfishSession::can_be_known_again(const OpenSession& session) {
  const std::string id = session.uri.substr(session.uri.rfind('/') + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool counted = std::all_of(id.begin(), id.end(), is_digit);
  return !session.created.empty() || (!counted && id.size() >= kRandomId);
}

boost::asio::awaitable<RedfishSession::Left> RedfishSession::end_one_left(const Ctx& ctx,
                                                                          const OpenSession& left) {
  HttpRequest look = get_request(left.uri);
  sign(look);
  const Result<HttpResponse> seen = co_await wire_.send(ctx, std::move(look));
  if (!seen || seen->status == 401 || seen->status == 403) co_return Left::no_answer;
  const std::optional<JsonDocument> document = json_of(*seen, max_depth_);
  const bool gone = seen->status == 404 || seen->status == 410;
  const bool told = seen->status == 200 && document && document->root()["UserName"].text().has_value();
  if (!gone && !told) co_return Left::stays;
  bool the_same = false;
  if (told) {
    const JsonView body = document->root();
    const std::string type = body["@odata.type"].text_or_empty();
    the_same = (type.empty() || type.starts_with("#Session.")) &&
               body["UserName"].text_or_empty() == left.user &&
               body["CreatedTime"].text_or_empty() == left.created;
  }
  if (!the_same) {
    kept_->settled(left);
    co_return Left::stays;
  }
  HttpRequest request("DELETE", left.uri);
  request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}};
  sign(request);
  const Result<HttpResponse> answer = co_await wire_.send(ctx, std::move(request));
  if (!answer || answer->status == 401 || answer->status == 403) co_return Left::no_answer;
  const bool ended = answer->status < 300 || answer->status == 404 || answer->status == 410;
  const bool busy = answer->status == 408 || answer->status == 429 || answer->status >= 500;
  if (busy) co_return Left::stays;
  kept_->settled(left);
  note_(left.uri,
        ended ? "a session that a station had left here was ended"
              : fmt::format("a session that a station had left here cannot be ended: {}", answer->status));
  co_return ended ? Left::ended : Left::stays;
}

/// Subscriptions are noted beside them, and are no business of a login.
std::vector<OpenSession> RedfishSession::sessions_left() const {
  std::vector<OpenSession> all = kept_->left(wire_.base_url());
  std::erase_if(all, [](const OpenSession& one) { return !one.context.empty(); });
  return all;
}

boost::asio::awaitable<int> RedfishSession::end_left(const Ctx& ctx, std::string collection) {
  int ended = 0;
  while (collection.ends_with('/')) collection.pop_back();
  if (!kept_ || collection.empty()) co_return ended;
  const Ctx limited = ctx.child_within("sessions left here", std::min(kEndingLeft, ctx.remaining() / 2));
  const std::vector<OpenSession> all = sessions_left();
  for (const OpenSession& left : all) {
    // A note is a file: what it names must be a session of this service, and nothing else.
    const bool a_session = left.uri.starts_with(collection + "/") && wire_.local_path(left.uri) == left.uri;
    const bool ours_now = left.uri == session_uri_;
    if (!a_session || ours_now) {
      kept_->settled(left);
      continue;
    }
    const Left how = co_await end_one_left(limited, left);
    if (how == Left::no_answer) break;
    if (how == Left::ended) ++ended;
  }
  co_return ended;
}

/// Whoever has no session may still prove who he is; our own places are ours to free.
boost::asio::awaitable<int> RedfishSession::free_places(const Ctx& ctx, std::string collection) {
  const std::int64_t now_ns = ctx.now().monotonic_ns;
  const bool any = kept_ && now_ns >= door_->no_freeing_until_ns && !sessions_left().empty();
  if (!any) co_return 0;
  door_->no_freeing_until_ns = now_ns + kRefusalKept;
  note_(collection, "all sessions are taken: Basic is used to end those that a station had left here");
  proof_ = Proof::basic;
  const int freed = co_await end_left(ctx, std::move(collection));
  proof_ = Proof::none;
  co_return freed;
}

boost::asio::awaitable<Status> RedfishSession::login(const Ctx& ctx) {
  forget_session();
  Result<std::string> found = co_await sessions_uri(ctx);
  if (!found) co_return std::move(found.error()).while_doing("logging in");
  const std::string uri = *found;
  if (uri.empty()) {
    use_basic(kServiceRoot, "the service has no sessions");
    co_return success();
  }
  Status opened = co_await open_session(ctx, uri);
  if (opened || opened.error().code != "bmc.sessions_full") co_return opened;
  const int freed = co_await free_places(ctx, uri);
  if (freed == 0) co_return opened;
  opened = co_await open_session(ctx, uri);
  co_return opened;
}

boost::asio::awaitable<Status> RedfishSession::open_session(const Ctx& ctx, std::string uri) {
  Result<HttpResponse> answer = co_await post_login(ctx, uri);
  if (!answer) co_return std::move(answer.error()).while_doing("logging in");
  const std::optional<JsonDocument> document = json_of(*answer, max_depth_);
  const std::optional<RedfishRefusal> refusal = document ? refusal_of(document->root()) : std::nullopt;
  const int status = answer->status;
  if (status == 404 || status == 405 || status == 501) {
    use_basic(uri, fmt::format("the session service answered {}", status));
    co_return success();
  }
  if (refusal && refusal->code.find("SessionLimitExceeded") != std::string::npos) {
    Error full = error_for_status(status, "POST", uri, refusal);
    full.code = "bmc.sessions_full";
    full.action = "Close unused sessions at the BMC, or wait until they time out.";
    co_return full;
  }
  if (status == 400 || status == 401 || status == 403) {
    Error error = error_for_status(status, "POST", uri, refusal);
    error.code = "bmc.login";
    error.message = fmt::format("the BMC at {} refused the user '{}' or the password ({})", wire_.base_url(),
                                user_, error.message);
    error.action = "Check the BMC's user and password in the credentials file.";
    error.blame = Blame::operator_;
    co_return error;
  }
  if (status >= 300) co_return error_for_status(status, "POST", uri, refusal);
  const std::optional<std::string> token = answer->header("X-Auth-Token");
  if (!token || token->empty()) {
    use_basic(uri, fmt::format("the session service answered {} without a token", status));
    co_return success();
  }
  std::optional<std::string> location = answer->header("Location");
  if (!location && document) location = document->root().link();
  if (location) session_uri_ = wire_.local_path(*location).value_or(std::string{});
  if (session_uri_.empty())
    note_(uri, "the login did not say where its session is: it cannot be ended, only time out");
  token_ = Secret(*token);
  // MegaRAC: "X-CSRFTOKEN" of the login's answer.
  const std::optional<std::string> csrf = answer->header("X-CSRFTOKEN");
  if (csrf && !csrf->empty()) {
    csrf_token_ = Secret(*csrf);
    quirk_(Quirk::csrf_token, uri);
  }
  proof_ = Proof::token;
  sessions_at_ = uri;
  if (kept_ && !session_uri_.empty()) {
    const std::string created = document ? document->root()["CreatedTime"].text_or_empty() : std::string();
    const OpenSession session{wire_.base_url(), session_uri_, user_, created};
    if (can_be_known_again(session)) session_ = session;
    if (session_) kept_->opened(*session_);
  }
  co_return success();
}

boost::asio::awaitable<Status> RedfishSession::logout(const Ctx& ctx) {
  ready_ = false;
  if (proof_ != Proof::token || session_uri_.empty()) {
    proof_ = Proof::none;
    co_return success();
  }
  // Now that nobody waits for anything.
  const int ended = co_await end_left(ctx, sessions_at_);
  (void)ended;  // each is told
  if (proof_ != Proof::token || session_uri_.empty()) co_return success();
  HttpRequest request("DELETE", session_uri_);
  request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}};
  sign(request);
  const std::optional<OpenSession> session = std::exchange(session_, std::nullopt);
  proof_ = Proof::none;
  token_ = Secret();
  csrf_token_ = Secret();
  session_uri_.clear();
  Result<HttpResponse> answer = co_await wire_.send(ctx, std::move(request));
  if (!answer) co_return std::move(answer.error()).while_doing("logging out");
  const int status = answer->status;
  const bool gone = status < 300 || status == 401 || status == 404 || status == 410;
  if (gone && kept_ && session) kept_->ended(*session);
  if (gone) co_return success();
  co_return error_for_status(status, "DELETE", "the session", std::nullopt);
}

}  // namespace kiln
