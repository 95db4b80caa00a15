#include "testing/scripted_http.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <utility>

#include "base/nearest.h"
#include "io/completion.h"

namespace kiln {

namespace {

/// "https://host:1/redfish/v1?x" → "/redfish/v1?x".
std::string path_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const std::size_t path = url.find('/', scheme + 3);
  return path == std::string::npos ? "/" : url.substr(path);
}

}  // namespace

HttpAnswer::HttpAnswer(int status, std::string body) {
  response_.status = status;
  response_.body = std::move(body);
}
HttpAnswer::HttpAnswer(Error error) : error_(std::move(error)) {}

HttpAnswer HttpAnswer::never() {
  HttpAnswer answer(0);
  answer.silent_ = true;
  return answer;
}

HttpAnswer&& HttpAnswer::header(std::string name, std::string value) && {
  response_.headers.emplace_back(std::move(name), std::move(value));
  return std::move(*this);
}

HttpAnswer&& HttpAnswer::after(Nanoseconds delay) && {
  delay_ = delay;
  return std::move(*this);
}

HttpAnswer&& HttpAnswer::piece(Nanoseconds delay, std::string text) && {
  pieces_.emplace_back(delay, std::move(text));
  return std::move(*this);
}

HttpAnswer&& HttpAnswer::stalls() && {
  silent_ = true;
  return std::move(*this);
}

HttpAnswer&& HttpAnswer::breaks(Error error) && {
  error_ = std::move(error);
  return std::move(*this);
}

void ScriptedHttp::answer(const std::string& method, const std::string& url, HttpAnswer answer) {
  answer_with(method, url, [fixed = std::move(answer)](const HttpRequest&) { return fixed; });
}

void ScriptedHttp::answer_once(const std::string& method, const std::string& url, HttpAnswer answer) {
  scripts_[method + " " + url].once.push_back(std::move(answer));
}

void ScriptedHttp::answer_with(const std::string& method, const std::string& url, Responder responder) {
  scripts_[method + " " + url].always = std::move(responder);
}

ScriptedHttp::Script* ScriptedHttp::script_for(const HttpRequest& request) {
  for (const std::string& url : {request.url, path_of(request.url)}) {
    const auto found = scripts_.find(request.method + " " + url);
    if (found != scripts_.end() && (!found->second.once.empty() || found->second.always))
      return &found->second;
  }
  return nullptr;
}

boost::asio::awaitable<Result<HttpResponse>> ScriptedHttp::send(const Ctx& ctx, HttpRequest request) {
  HttpAnswer answer = co_await answer_to(ctx, std::move(request));
  Result<HttpResponse> response = co_await finished(ctx, std::move(answer));
  co_return response;
}

boost::asio::awaitable<HttpAnswer> ScriptedHttp::answer_to(const Ctx& ctx, HttpRequest request) {
  requests_.push_back(request);
  const Status go_on = ctx.check();
  if (!go_on) co_return HttpAnswer(go_on.error());

  Script* script = script_for(request);
  if (script == nullptr) {
    const std::string line = request.method + " " + path_of(request.url);
    std::vector<std::string> known;
    for (const auto& [key, value] : scripts_) known.push_back(key);
    ADD_FAILURE() << "request that is not in the script: " << line << did_you_mean(line, known)
                  << "\nscripted: " << fmt::format("{}", fmt::join(known, ", "));
    co_return HttpAnswer(Error("test.unscripted", "no answer is scripted for " + line));
  }
  HttpAnswer answer(0);
  if (!script->once.empty()) {
    answer = std::move(script->once.front());
    script->once.pop_front();
  } else {
    answer = script->always(request);
  }
  if (answer.delay_.count() > 0) {
    const Status waited = co_await ctx.sleep_for(answer.delay_);
    if (!waited) co_return HttpAnswer(waited.error());
  }
  co_return answer;
}

boost::asio::awaitable<Result<HttpResponse>> ScriptedHttp::finished(const Ctx& ctx, HttpAnswer answer) {
  if (answer.silent_) {
    const Completion<bool> never;
    Result<bool> ended = co_await never.wait(ctx);
    co_return ended.error();
  }
  if (answer.error_) co_return std::move(*answer.error_);
  answer.response_.received_ns = ctx.now().monotonic_ns;
  co_return std::move(answer.response_);
}

boost::asio::awaitable<Result<HttpResponse>> ScriptedHttp::stream(
    const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
  HttpAnswer answer = co_await answer_to(ctx, std::move(request));
  for (const auto& [delay, text] : answer.pieces_) {
    const Status waited = co_await ctx.sleep_for(delay);
    if (!waited) co_return waited.error();
    on_piece(text);
  }
  const bool in_pieces = !answer.pieces_.empty();
  Result<HttpResponse> response = co_await finished(ctx, std::move(answer));
  if (!in_pieces && response && response->status == 200) on_piece(std::exchange(response->body, {}));
  co_return response;
}

std::vector<std::string> ScriptedHttp::request_lines() const {
  std::vector<std::string> lines;
  for (const HttpRequest& request : requests_) lines.push_back(request.method + " " + path_of(request.url));
  return lines;
}

std::vector<std::string> ScriptedHttp::unused() const {
  std::vector<std::string> left;
  for (const auto& [key, script] : scripts_) left.insert(left.end(), script.once.size(), key);
  return left;
}

}  // namespace kiln
