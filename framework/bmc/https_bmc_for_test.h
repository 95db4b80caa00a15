#pragma once
// A RedfishClient on the real HTTP client, against a peer on loopback with real TLS: for what only bytes on
// the wire can show. Test code only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bmc/redfish_client.h"
#include "io/curl_http.h"
#include "io/https_peer_for_test.h"
#include "io/loop.h"

namespace kiln {

/// "HTTP/1.1 200 OK" and the like with Content-Length and one header more ("ETag: 1\r\n").
inline PeerReply answer_of(int status, const std::string& body, const std::string& more = {}) {
  PeerReply reply;
  reply.bytes = "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + more +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  return reply;
}

inline PeerReply closed_after(PeerReply reply) {
  reply.close = true;
  return reply;
}

/// The peer's answers by "METHOD path": several are used up one by one, the last one stays.
class HttpsBmc : public testing::Test {
 protected:
  using Clock = std::chrono::steady_clock;

  HttpsBmc() {
    says("GET /redfish/v1/",
         answer_of(200, R"({"Id":"R","Links":{"Sessions":{"@odata.id":"/redfish/v1/Sessions"}}})"));
    says("POST /redfish/v1/Sessions",
         answer_of(201, "{}", "X-Auth-Token: t-1\r\nLocation: /redfish/v1/Sessions/1\r\n"));
    says("GET /redfish/v1/Thing", answer_of(200, kThing));
  }

  void says(const std::string& line, PeerReply reply) {
    const std::lock_guard lock(mutex_);
    answers_[line] = {std::move(reply)};
  }
  void says_next(const std::string& line, PeerReply reply) {
    const std::lock_guard lock(mutex_);
    answers_[line].push_back(std::move(reply));
  }

  /// Fresh, with nothing kept of what was before. No repetitions, so that each error is what one exchange
  /// ended in.
  void make(const std::string& user = "", int retries = 0) {
    HttpOptions options;
    options.trust = trust;
    options.max_body = max_body;
    options.connect_timeout = std::chrono::seconds(60);  // a loaded machine shakes hands slowly
    options.request_timeout = std::chrono::seconds(90);
    Result<std::unique_ptr<HttpClient>> http = engine_.client(std::move(options));
    ASSERT_TRUE(http) << http.error().full();
    RedfishOptions redfish;
    redfish.base_url = peer.url("");
    redfish.user = user;
    redfish.password = Secret("s3cret");
    redfish.retries = retries;
    redfish.retry_delay = std::chrono::milliseconds(1);
    client = std::make_unique<RedfishClient>(std::move(*http), redfish);
  }

  Result<RedfishResource> get(const std::string& path, Nanoseconds budget = std::chrono::seconds(60)) {
    Result<RedfishResource> answer = Error("test.unset", "no answer");
    loop_->run([&](Ctx& ctx) { return get_into(ctx, *client, path, budget, &answer); });
    return answer;
  }
  std::string code_of(const std::string& path, Nanoseconds budget = std::chrono::seconds(60)) {
    const Result<RedfishResource> answer = get(path, budget);
    return answer ? "no error" : answer.error().code;
  }
  Result<RedfishAnswer> post(const std::string& path, Repeat repeat, const std::string& body = "{}") {
    Result<RedfishAnswer> answer = Error("test.unset", "no answer");
    loop_->run([&](Ctx& ctx) { return post_into(ctx, *client, path, body, repeat, &answer); });
    return answer;
  }
  Status patch(const std::string& path) {
    Status answer = Error("test.unset", "no answer");
    loop_->run([&](Ctx& ctx) { return patch_into(ctx, *client, path, &answer); });
    return answer;
  }

  [[nodiscard]] std::vector<PeerRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] int count(const std::string& line) const {
    int many = 0;
    for (const PeerRequest& request : requests()) many += request.method + " " + request.path == line ? 1 : 0;
    return many;
  }

  static inline const std::string kThing = R"({"@odata.id":"/redfish/v1/Thing","Id":"Thing","Value":1})";
  TestCertificate certificate;
  TlsTrust trust{TlsTrust::Kind::pin, certificate.pin_sha256()};
  std::size_t max_body = 32U * 1024U * 1024U;

 private:
  PeerReply answer(const PeerRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const auto found = answers_.find(request.method + " " + request.path);
    if (found == answers_.end())
      return answer_of(404, R"({"error":{"code":"Base.1.0.ResourceMissingAtURI"}})");
    PeerReply reply = found->second.front();
    if (found->second.size() > 1) found->second.pop_front();
    return reply;
  }
  static boost::asio::awaitable<void> get_into(Ctx& ctx, RedfishClient& from, std::string path,
                                               Nanoseconds budget, Result<RedfishResource>* into) {
    const Ctx limited = ctx.child_within("get", budget);
    *into = co_await from.get(limited, path);
  }
  static boost::asio::awaitable<void> post_into(Ctx& ctx, RedfishClient& from, std::string path,
                                                std::string body, Repeat repeat,
                                                Result<RedfishAnswer>* into) {
    const Ctx limited = ctx.child_within("post", std::chrono::seconds(60));
    *into = co_await from.post(limited, path, "application/json", body, repeat);
  }
  static boost::asio::awaitable<void> patch_into(Ctx& ctx, RedfishClient& from, std::string path,
                                                 Status* into) {
    const Ctx limited = ctx.child_within("patch", std::chrono::seconds(60));
    *into = co_await from.patch(limited, path, "{}");
  }

  mutable std::mutex mutex_;  // the peer answers on a thread of its own
  std::map<std::string, std::deque<PeerReply>> answers_;
  std::vector<PeerRequest> requests_;

 protected:
  HttpsPeer peer{certificate, [this](const PeerRequest& request) { return answer(request); }};
  std::unique_ptr<Loop> loop_ = Loop::real();
  CurlEngine engine_{*loop_};
  std::unique_ptr<RedfishClient> client;
};

}  // namespace kiln
