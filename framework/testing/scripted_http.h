#pragma once
// An HttpClient that answers from a script. A request that nobody scripted fails the running test and gets an
// Error. Loop thread only.
//
//   ScriptedHttp http;
//   http.answer("GET", "/redfish/v1", HttpAnswer(200, R"({"RedfishVersion": "1.18.0"})"));
//   http.answer_once("POST", "/redfish/v1/SessionService/Sessions", HttpAnswer(503, "").header("Retry-After",
//   "2"));

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/http.h"

namespace kiln {

/// What a scripted peer says, and how long it takes to say it.
class HttpAnswer {
 public:
  explicit HttpAnswer(int status, std::string body = {});
  /// There is no complete exchange: HttpAnswer(Error("http.connect", "…")).
  explicit HttpAnswer(Error error);
  /// The peer never answers: the wait ends by deadline or stop only.
  static HttpAnswer never();

  HttpAnswer&& header(std::string name, std::string value) &&;
  /// Time of the loop that passes before the answer.
  HttpAnswer&& after(Nanoseconds delay) &&;
  /// Of a stream: so long after what is before it, this comes; behind the last one the answer ends as it
  /// would without.
  HttpAnswer&& piece(Nanoseconds delay, std::string text) &&;
  /// Behind the last piece nothing comes any more, and no end.
  HttpAnswer&& stalls() &&;
  /// Behind the last piece the connection breaks.
  HttpAnswer&& breaks(Error error) &&;

 private:
  friend class ScriptedHttp;
  HttpResponse response_;
  std::optional<Error> error_;
  Nanoseconds delay_{0};
  bool silent_ = false;
  std::vector<std::pair<Nanoseconds, std::string>> pieces_;
};

class ScriptedHttp final : public HttpClient {
 public:
  using Responder = std::function<HttpAnswer(const HttpRequest&)>;

  /// `url`: the whole URL, or only its path and query ("/redfish/v1"), as the client will ask for it.
  /// Answers every such request that no answer_once is left for; a later call replaces an earlier one.
  void answer(const std::string& method, const std::string& url, HttpAnswer answer);
  /// Answers one request; several are used in the order given.
  void answer_once(const std::string& method, const std::string& url, HttpAnswer answer);
  /// For peers with a memory: called for each such request.
  void answer_with(const std::string& method, const std::string& url, Responder responder);

  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) override;
  /// The body of a scripted 200 is one piece, or those that were given; then the peer ends the stream.
  boost::asio::awaitable<Result<HttpResponse>> stream(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) override;

  /// Every request so far, in order, answered or not.
  [[nodiscard]] const std::vector<HttpRequest>& requests() const { return requests_; }
  /// "GET /redfish/v1" per request: what tests mostly compare.
  [[nodiscard]] std::vector<std::string> request_lines() const;
  /// answer_once entries nobody asked for.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  struct Script {
    std::deque<HttpAnswer> once;
    Responder always;
  };
  Script* script_for(const HttpRequest& request);
  /// What the script says to it, and its delay is over.
  boost::asio::awaitable<HttpAnswer> answer_to(const Ctx& ctx, HttpRequest request);
  static boost::asio::awaitable<Result<HttpResponse>> finished(const Ctx& ctx, HttpAnswer answer);
  std::map<std::string, Script> scripts_;  ///< by "METHOD url"
  std::vector<HttpRequest> requests_;
};

/// For those who want to own their client, while the test keeps the script. The script outlives it.
class SharedHttp final : public HttpClient {
 public:
  explicit SharedHttp(ScriptedHttp& http) : http_(http) {}
  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) override {
    Result<HttpResponse> answer = co_await http_.send(ctx, std::move(request));
    co_return answer;
  }
  boost::asio::awaitable<Result<HttpResponse>> stream(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) override {
    Result<HttpResponse> answer = co_await http_.stream(ctx, std::move(request), std::move(on_piece));
    co_return answer;
  }

 private:
  ScriptedHttp& http_;
};

}  // namespace kiln
