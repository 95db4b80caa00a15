#include "bmc/redfish_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "bmc/large_body.h"
#include "bmc/redfish_error.h"
#include "io/scope.h"

namespace kiln {
namespace {

constexpr Nanoseconds kLongestPause{4'000'000'000};
constexpr Nanoseconds kLongestRetryAfter{10'000'000'000};
constexpr int kNonsenseRetries = 4;       // what is still not JSON then, is so
constexpr std::size_t kMostKept = 2'000;  // oddities or disturbances between two takes
constexpr std::size_t kParallelReads = 2;
constexpr Nanoseconds kLongestRefusal{
    120'000'000'000};  // of reads by 429: budgets are a minute's, most often
constexpr std::int64_t kLoginDidNotHelp = 30'000'000'000;  // ns: as long as a refused password is remembered

bool is_busy(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

/// A lost connection, a timeout or a broken exchange, or a login put off: what a BMC that restarts looks
/// like.
/// What a jump host refuses (jump.host_key, jump.login, jump.refused) stays refused.
bool may_pass(const Error& error) {
  return error.code == "bmc.unreachable" || error.code == "bmc.busy" || error.code == "jump.connect" ||
         error.code == "jump.no_connection" || error.code == "jump.lost" || error.code == "jump.closed";
}

/// Seconds of a Retry-After (RFC 9110 10.2.3); its date form is ignored: BMC clocks are not ours.
std::optional<Nanoseconds> retry_after_of(const std::optional<std::string>& header) {
  if (!header) return std::nullopt;
  int seconds = 0;
  const auto [end, failure] = std::from_chars(header->data(), header->data() + header->size(), seconds);
  if (failure != std::errc() || end != header->data() + header->size() || seconds < 0) return std::nullopt;
  return std::min<Nanoseconds>(std::chrono::seconds(seconds), kLongestRetryAfter);
}

/// What the session adds must not move everything once more.
HttpRequest copy_to_sign(const HttpRequest& request) {
  HttpRequest copy(request.method, request.url);
  copy.headers.reserve(request.headers.size() + 2);
  copy.headers = request.headers;
  copy.body = request.body;
  copy.user = request.user;
  copy.password = request.password;
  copy.max_body = request.max_body;
  copy.timeout = request.timeout;
  return copy;
}

bool is_other_media(const HttpResponse& response) {
  const std::optional<std::string> type = response.header("Content-Type");
  return type && type->find("json") == std::string::npos && !type->empty();
}

}  // namespace

std::string without_trailing_slash(std::string uri) {
  while (uri.size() > 1 && uri.back() == '/') uri.pop_back();
  return uri;
}

std::string last_segment(const std::string& uri) {
  const std::string path = without_trailing_slash(uri);
  return path.substr(path.rfind('/') + 1);
}

std::string RedfishResource::id() const {
  const std::optional<std::string> given = body["Id"].text();
  if (given) return *given;
  const std::string path = without_trailing_slash(uri);
  return path.substr(path.rfind('/') + 1);
}

std::optional<std::string> RedfishAnswer::header(const std::string& name) const {
  HttpResponse response;
  response.headers = headers;
  return response.header(name);
}

RedfishClient::RedfishClient(std::unique_ptr<HttpClient> client, RedfishOptions options)
    : options_(std::move(options)),
      wire_(std::move(client), options_.base_url),
      session_(
          wire_, options_.user, options_.password, options_.max_depth,
          [this](const std::string& uri, const std::string& what) { note_oddity(uri, "", what); },
          [this](Quirk quirk, const std::string& uri) { note_quirk(quirk, uri); }, options_.login_door,
          options_.open_sessions) {
  if (!options_.peer) options_.peer = std::make_shared<BmcPeer>();
}

void RedfishClient::note_oddity(std::string uri, std::string property, std::string what) {
  for (const Oddity& known : oddities_) {
    if (known.uri == uri && known.property == property && known.what == what) return;
  }
  if (oddities_.size() >= kMostKept) {
    ++dropped_oddities_;
    return;
  }
  Oddity oddity{std::move(uri), std::move(property), std::move(what)};
  oddities_.push_back(std::move(oddity));
}

void RedfishClient::note_disturbance(std::string what) {
  if (disturbances_.size() < kMostKept) disturbances_.push_back(std::move(what));
}

std::vector<Oddity> RedfishClient::take_oddities() {
  std::vector<Oddity> taken = std::exchange(oddities_, {});
  if (dropped_oddities_ > 0) {
    Oddity more{"", "", fmt::format("and {} more oddities, not kept", std::exchange(dropped_oddities_, 0))};
    taken.push_back(std::move(more));
  }
  return taken;
}

std::vector<std::string> RedfishClient::take_disturbances() { return std::exchange(disturbances_, {}); }

void RedfishClient::note_unanswered(const Ctx& ctx, const Error& failure) {
  if (failure.code != "bmc.unreachable" && !failure.code.starts_with("jump.")) return;
  peer().breaker.unanswered(ctx.now().monotonic_ns);
}

void RedfishClient::note_quirk(Quirk quirk, std::string uri) {
  if (!quirks_noted_.insert(quirk).second) return;
  const QuirkFacts& facts = quirk_facts(quirk);
  AppliedQuirk applied{std::string(facts.name), "", std::string(facts.sentence), std::move(uri)};
  quirks_.emplace_back(quirk, std::move(applied));
  name_dialect(quirks_.back().first, quirks_.back().second);
}

/// As its platform knows it, once that is known: a login comes before.
void RedfishClient::name_dialect(Quirk quirk, AppliedQuirk& applied) const {
  const KnownQuirk* known = peer().platform ? peer().platform->find(quirk) : nullptr;
  if (known == nullptr || !applied.dialect.empty()) return;
  applied.dialect = peer().platform->dialect_of(quirk);
  applied.sentence = known->sentence;
}

void RedfishClient::name_dialects() {
  for (auto& [quirk, applied] : quirks_) name_dialect(quirk, applied);
}

std::vector<AppliedQuirk> RedfishClient::take_quirks() {
  name_dialects();
  std::vector<AppliedQuirk> taken;
  for (auto& [quirk, applied] : std::exchange(quirks_, {})) taken.push_back(std::move(applied));
  return taken;
}

/// Not where it did not just now, nor with a service that has answered nothing since the last one.
bool RedfishClient::login_may_help(const std::string& path, std::int64_t now_ns) const {
  const auto known = no_login_for_.find(path);
  if (known != no_login_for_.end() && now_ns < known->second) return false;
  return now_ns >= no_login_until_ns_ || worked_generation_ == session_.generation();
}

boost::asio::awaitable<Result<HttpResponse>> RedfishClient::signed_exchange(
    const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
  const std::string body = std::exchange(request.body, {});  // a firmware image is large
  for (int login = 0;; ++login) {
    const std::uint64_t seen = session_.generation();
    if (!session_.ready()) {
      Status ready = co_await session_.ensure(ctx, seen);
      if (!ready) co_return ready.error();
    }
    const std::uint64_t used = session_.generation();
    HttpRequest attempt = copy_to_sign(request);
    if (!body.empty()) {
      const Status copied = co_await append_in_slices(ctx, attempt.body, body);
      if (!copied) co_return copied.error();
    }
    session_.sign(attempt);
    auto answering =
        on_piece ? wire_.stream(ctx, std::move(attempt), on_piece) : wire_.send(ctx, std::move(attempt));
    Result<HttpResponse> response = co_await std::move(answering);
    if (!response || options_.user.empty()) co_return response;
    if (response->status != 401) {
      worked_generation_ = used;
      no_login_for_.erase(request.url);
      co_return response;
    }
    const std::int64_t now_ns = ctx.now().monotonic_ns;
    if (login > 0) {
      if (no_login_for_.size() >= kMostKept) no_login_for_.clear();
      no_login_for_[request.url] = no_login_until_ns_ = now_ns + kLoginDidNotHelp;
      co_return response;
    }
    if (!login_may_help(request.url, now_ns)) co_return response;
    // The session is gone: timed out, or the BMC restarted.
    note_disturbance(fmt::format("{} {}: the BMC no longer knows the session, logged in again",
                                 request.method, request.url));
    Status again = co_await session_.ensure(ctx, used);
    if (!again) co_return again.error();
  }
}

boost::asio::awaitable<Status> RedfishClient::pause_before_repeat(const Ctx& ctx, std::string what,
                                                                  int attempt, Error last,
                                                                  std::optional<std::string> retry_after) {
  Nanoseconds pause = options_.retry_delay;
  for (int i = 0; i < attempt && pause < kLongestPause; ++i) pause *= 2;
  pause = retry_after_of(retry_after).value_or(std::min(pause, kLongestPause));
  if (pause >= ctx.remaining()) co_return last;
  note_disturbance(fmt::format("{}: {}; repeated after {}", what, last.message, format_duration(pause)));
  Status slept = co_await ctx.sleep_for(pause);
  co_return slept;
}

boost::asio::awaitable<Status> RedfishClient::wait_for_turn(const Ctx& ctx, std::string path) {
  for (;;) {
    const std::int64_t now_ns = ctx.now().monotonic_ns;
    const std::int64_t next_ns = std::max(peer().budget.next_ns(now_ns), peer().breaker.next_ns(now_ns));
    if (next_ns <= now_ns) break;
    const Nanoseconds wait(next_ns - now_ns);
    if (wait >= ctx.remaining()) {
      co_return Error("bmc.busy",
                      fmt::format("GET {} was not sent: the BMC is given a pause of {}, which is longer than "
                                  "there is time",
                                  path, format_duration(wait)),
                      "Wait until the BMC answers again, or let fewer programs ask it.");
    }
    Status waited = co_await ctx.sleep_for(wait);
    if (!waited) co_return waited;
  }
  // Others may have waited for the same moment: counted when it is sent, so that nobody waits for who left.
  peer().breaker.tried(ctx.now().monotonic_ns);
  co_return success();
}

Result<RedfishResource> RedfishClient::resource_from(const HttpResponse& response, const std::string& uri) {
  if (response.status == 204)
    return Error("bmc.no_content", fmt::format("GET {} answered 204 without a resource", uri));
  Result<JsonDocument> document = JsonDocument::parse(response.body, options_.max_depth);
  if (!document) {
    if (response.status >= 300) return error_for_status(response.status, "GET", uri, std::nullopt);
    return Error("bmc.not_json",
                 fmt::format("GET {} answered {}, but {}", uri, response.status, document.error().message),
                 "Repeat; if it stays so, the BMC's firmware is at fault.");
  }
  if (document->repaired()) note_oddity(uri, "", "the body was not valid JSON and had to be repaired");
  const JsonView body = document->root();
  const bool success = response.status < 300;
  const bool plain = success && body.is_object() && !body.has_any({"error", "Error", "Message"});
  const std::optional<RedfishRefusal> refusal = plain ? std::nullopt : refusal_of(body);
  if (!body.is_object()) {
    if (!success) return error_for_status(response.status, "GET", uri, refusal);
    return Error("bmc.not_json", fmt::format("GET {} answered JSON that is no object", uri));
  }
  if ((!plain && is_nothing_but_error(body)) ||
      (!success && (response.status < 500 || !looks_like_resource(body)))) {
    if (!success) return error_for_status(response.status, "GET", uri, refusal);
    Error error = error_for_status(response.status, "GET", uri, refusal);
    error.code = "bmc.error_body";
    return error;
  }
  RedfishResource resource(uri, std::move(*document));
  resource.degraded = refusal.has_value() || !success;
  // DSP0266 6.5 wants the header; some services write it into the body only.
  std::optional<std::string> tag = response.header("ETag");
  if (!tag) tag = body["@odata.etag"].word();
  resource.etag = std::move(tag).value_or(std::string{});
  resource.bytes = response.body.size();
  resource.received_ns = response.received_ns;
  if (resource.degraded) {
    note_oddity(uri, "error",
                fmt::format("answered {} with an error beside the resource: {}", response.status,
                            refusal ? refusal->code : std::string("none named")));
  }
  return resource;
}

boost::asio::awaitable<Result<RedfishResource>> RedfishClient::get(const Ctx& ctx, std::string uri,
                                                                   std::optional<int> retries,
                                                                   Urgency urgency) {
  const std::optional<std::string> path = local_path(uri);
  if (!path) co_return Error("bmc.bad_link", fmt::format("'{}' is no address on this BMC", uri));
  const int most = retries.value_or(options_.retries);
  const std::int64_t begun_ns = ctx.now().monotonic_ns;
  for (int attempt = 0;; ++attempt) {
    if (urgency == Urgency::bulk) {
      Status turn = co_await wait_for_turn(ctx, *path);
      if (!turn) co_return turn.error();
    }
    const std::int64_t sent_ns = ctx.now().monotonic_ns;
    peer().budget.sent(sent_ns);
    HttpRequest request("GET", *path);
    request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}};
    Result<HttpResponse> response = co_await signed_exchange(ctx, std::move(request));
    std::optional<Error> failure;
    std::optional<std::string> retry_after;
    bool worth_repeating = false;
    int most_of_this = most;
    if (!response) {
      failure = response.error();
      worth_repeating = may_pass(*failure);
      note_unanswered(ctx, *failure);
    } else {
      peer().breaker.answered();
      Result<RedfishResource> resource = resource_from(*response, *path);
      if (resource) {
        resource->sent_ns = sent_ns;
        co_return resource;
      }
      failure = resource.error();
      worth_repeating =
          is_busy(response->status) || (failure->code == "bmc.not_json" && !is_other_media(*response));
      if (failure->code == "bmc.not_json") most_of_this = std::min(most, kNonsenseRetries);
      retry_after = response->header("Retry-After");
      if (response->status == 429) {
        const std::int64_t now_ns = ctx.now().monotonic_ns;
        peer().budget.refused(now_ns, retry_after_of(retry_after));
        // In bulk, how often it was refused says nothing: the budget holds the next read back.
        if (urgency == Urgency::bulk && now_ns - begun_ns < kLongestRefusal.count()) {
          note_disturbance(fmt::format("GET {}: {}; repeated when it may", *path, failure->message));
          --attempt;
          continue;
        }
      }
    }
    if (!worth_repeating || attempt >= most_of_this) co_return std::move(*failure);
    Status paused = co_await pause_before_repeat(ctx, "GET " + *path, attempt, std::move(*failure),
                                                 std::move(retry_after));
    if (!paused) co_return paused.error();
  }
}

boost::asio::awaitable<Result<HttpResponse>> RedfishClient::get_verbatim(const Ctx& ctx, std::string uri,
                                                                         std::string media, int retries) {
  const std::optional<std::string> path = local_path(uri);
  if (!path) co_return Error("bmc.bad_link", fmt::format("'{}' is no address on this BMC", uri));
  const std::int64_t begun_ns = ctx.now().monotonic_ns;
  for (int attempt = 0;; ++attempt) {
    Status turn = co_await wait_for_turn(ctx, *path);
    if (!turn) co_return turn.error();
    peer().budget.sent(ctx.now().monotonic_ns);
    HttpRequest request("GET", *path);
    request.headers = {{"Accept", media}, {"OData-Version", "4.0"}};
    Result<HttpResponse> response = co_await signed_exchange(ctx, std::move(request));
    Error failure;
    std::optional<std::string> retry_after;
    bool worth_repeating = false;
    if (!response) {
      failure = response.error();
      worth_repeating = may_pass(failure);
      note_unanswered(ctx, failure);
    } else {
      peer().breaker.answered();
      const bool nonsense = response->status == 200 && !is_other_media(*response) &&
                            !JsonDocument::parse(response->body, options_.max_depth);
      worth_repeating = is_busy(response->status) || nonsense;
      if (worth_repeating) failure = error_for_status(response->status, "GET", *path, std::nullopt);
      retry_after = response->header("Retry-After");
      if (response->status == 429) {
        const std::int64_t now_ns = ctx.now().monotonic_ns;
        peer().budget.refused(now_ns, retry_after_of(retry_after));
        if (now_ns - begun_ns < kLongestRefusal.count() && ctx.check()) {
          --attempt;
          continue;  // the budget holds the next one back
        }
      }
    }
    if (!worth_repeating || attempt >= retries) co_return response;
    Status paused = co_await pause_before_repeat(ctx, "GET " + *path, attempt, std::move(failure),
                                                 std::move(retry_after));
    // Without time for another try what was answered is the answer.
    if (!paused && (!response || ctx.stopped())) co_return paused.error();
    if (!paused) co_return response;
  }
}

struct RedfishClient::Batch {
  std::vector<std::string> uris;
  Urgency urgency = Urgency::normal;
  Freshness freshness = Freshness::fresh;
  std::vector<std::optional<Result<RedfishResource>>> results;
  std::size_t next = 0;
  std::optional<Error> ended;
};

boost::asio::awaitable<void> RedfishClient::fetch_batch(Ctx& ctx, RedfishClient& client,
                                                        std::shared_ptr<Batch> batch) {
  while (!batch->ended && batch->next < batch->uris.size()) {
    const std::size_t mine = batch->next++;
    auto reading = batch->freshness == Freshness::unless_changed
                       ? client.get_unless_changed(ctx, batch->uris[mine])
                       : client.get(ctx, batch->uris[mine], std::nullopt, batch->urgency);
    Result<RedfishResource> result = co_await std::move(reading);
    if (!result && is_exchange_error(result.error()) && !batch->ended) batch->ended = result.error();
    batch->results[mine].emplace(std::move(result));
  }
}

boost::asio::awaitable<Result<std::vector<Result<RedfishResource>>>> RedfishClient::get_all(
    const Ctx& ctx, std::vector<std::string> uris, Urgency urgency, Freshness freshness) {
  auto batch = std::make_shared<Batch>();
  batch->urgency = urgency;
  batch->freshness = freshness;
  batch->results.resize(uris.size());
  batch->uris = std::move(uris);
  Scope scope(ctx);
  const std::size_t workers = std::min(kParallelReads, batch->uris.size());
  for (std::size_t i = 0; i < workers; ++i) {
    scope.start(fmt::format("read {}", i),
                [this, batch](Ctx& own) { return fetch_batch(own, *this, batch); });
  }
  Status joined = co_await scope.join();
  if (!joined) co_return joined.error();
  if (batch->ended) co_return std::move(*batch->ended);
  std::vector<Result<RedfishResource>> results;
  results.reserve(batch->results.size());
  for (std::optional<Result<RedfishResource>>& result : batch->results) results.push_back(std::move(*result));
  co_return results;
}

boost::asio::awaitable<Result<RedfishAnswer>> RedfishClient::post(const Ctx& ctx, std::string uri,
                                                                  std::string content_type, std::string body,
                                                                  Repeat repeat,
                                                                  std::function<Status()> still_wanted,
                                                                  std::optional<Nanoseconds> timeout) {
  const std::optional<std::string> path = local_path(uri);
  if (!path) co_return Error("bmc.bad_link", fmt::format("'{}' is no address on this BMC", uri));
  answers_.clear();  // whatever it changes
  for (int attempt = 0;; ++attempt) {
    if (still_wanted) {
      const Status wanted = still_wanted();
      if (!wanted) co_return wanted.error();
    }
    HttpRequest request("POST", *path);
    request.headers = {
        {"Accept", "application/json"}, {"OData-Version", "4.0"}, {"Content-Type", content_type}};
    const Status copied = co_await append_in_slices(ctx, request.body, body);
    if (!copied) co_return copied.error();
    request.timeout = timeout;
    Result<HttpResponse> response = co_await signed_exchange(ctx, std::move(request));
    Error failure;
    std::optional<std::string> retry_after;
    bool again = false;
    if (!response) {
      failure = response.error();
      // Only the login itself ends as bmc.busy here: the request was not sent.
      again = repeat == Repeat::always ? may_pass(failure)
                                       : repeat != Repeat::never && failure.code == "bmc.busy";
    } else {
      RedfishAnswer answer;
      answer.status = response->status;
      answer.headers = response->headers;
      Result<JsonDocument> document = JsonDocument::parse(response->body, options_.max_depth);
      if (document) answer.document = std::move(*document);
      if (response->status < 300) co_return answer;
      failure = error_for_status(response->status, "POST", *path, refusal_of(answer.body()));
      const bool not_executed = response->status == 429 || response->status == 503;
      again = (repeat != Repeat::never && not_executed) ||
              (repeat == Repeat::always && is_busy(response->status));
      retry_after = response->header("Retry-After");
    }
    if (!again || attempt >= options_.retries) co_return failure;
    Status paused =
        co_await pause_before_repeat(ctx, "POST " + *path, attempt, failure, std::move(retry_after));
    if (!paused) co_return paused.error();
  }
}

boost::asio::awaitable<Status> RedfishClient::patch(const Ctx& ctx, std::string uri, std::string body,
                                                    std::function<Status()> still_wanted) {
  const std::optional<std::string> path = local_path(uri);
  if (!path) co_return Error("bmc.bad_link", fmt::format("'{}' is no address on this BMC", uri));
  answers_.clear();
  for (int attempt = 0;; ++attempt) {
    Result<RedfishResource> before = co_await get(ctx, *path);
    if (!before) co_return before.error();
    if (still_wanted) {
      const Status wanted = still_wanted();
      if (!wanted) co_return wanted;
    }
    HttpRequest request("PATCH", *path);
    request.headers = {
        {"Accept", "application/json"}, {"OData-Version", "4.0"}, {"Content-Type", "application/json"}};
    request.headers.emplace_back("If-Match", before->etag.empty() ? "*" : before->etag);
    request.body = body;
    Result<HttpResponse> response = co_await signed_exchange(ctx, std::move(request));
    if (!response) co_return response.error();
    if (response->status < 300) co_return success();
    const bool changed_meanwhile = response->status == 412 || response->status == 428;
    if (!changed_meanwhile || attempt > 0) {
      Result<JsonDocument> document = JsonDocument::parse(response->body, options_.max_depth);
      const JsonView said = document ? document->root() : JsonView();
      co_return error_for_status(response->status, "PATCH", *path, refusal_of(said));
    }
  }
}

boost::asio::awaitable<Status> RedfishClient::remove(const Ctx& ctx, std::string uri) {
  const std::optional<std::string> path = local_path(uri);
  if (!path) co_return Error("bmc.bad_link", fmt::format("'{}' is no address on this BMC", uri));
  answers_.clear();
  HttpRequest request("DELETE", *path);
  request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}};
  Result<HttpResponse> response = co_await signed_exchange(ctx, std::move(request));
  if (!response) co_return response.error();
  if (response->status < 300 || response->status == 404 || response->status == 410) co_return success();
  Result<JsonDocument> document = JsonDocument::parse(response->body, options_.max_depth);
  const JsonView said = document ? document->root() : JsonView();
  co_return error_for_status(response->status, "DELETE", *path, refusal_of(said));
}

boost::asio::awaitable<Result<HttpResponse>> RedfishClient::stream(
    const Ctx& ctx, std::string uri, std::function<void(const std::string&)> on_piece) {
  const std::optional<std::string> path = local_path(uri);
  if (!path) co_return Error("bmc.bad_link", fmt::format("'{}' is no address on this BMC", uri));
  HttpRequest request("GET", *path);
  // Some services have no stream for who does not ask for this type.
  request.headers = {
      {"Accept", "text/event-stream"}, {"Cache-Control", "no-cache"}, {"OData-Version", "4.0"}};
  Result<HttpResponse> response = co_await signed_exchange(ctx, std::move(request), std::move(on_piece));
  co_return response;
}

}  // namespace kiln
