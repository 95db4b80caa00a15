#include "ci/fuzz_targets/service_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ci/fuzz_targets/fuzz_target.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

const std::string kMark = "%% ";

class TextClient final : public HttpClient {
 public:
  explicit TextClient(ServiceText& service) : service_(service) {}
  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) override {
    Status slept = co_await ctx.sleep_for(kExchange);
    if (!slept) co_return slept.error();
    Result<HttpResponse> response = service_.answer(request);
    if (response) response->received_ns = ctx.now().monotonic_ns;
    co_return response;
  }

 private:
  ServiceText& service_;
};

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string take_word(std::string& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  std::string word = line.substr(0, end);
  line.erase(0, end + 1);
  return word;
}

/// " | ETag: "1" | Retry-After: 2"
HttpHeaders headers_of(const std::string& line) {
  HttpHeaders headers;
  std::size_t at = line.find('|');
  while (at != std::string::npos) {
    const std::size_t next = line.find('|', at + 1);
    const std::string one = line.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    const std::size_t colon = one.find(':');
    if (colon != std::string::npos)
      headers.emplace_back(tidy_text(one.substr(0, colon)), tidy_text(one.substr(colon + 1)));
    at = next;
  }
  return headers;
}

HttpResponse made(int status, std::string body, HttpHeaders headers = {}) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.headers = std::move(headers);
  return response;
}

}  // namespace

void ServiceText::lay(const std::string& text) {
  std::map<std::string, Answers> laid;
  std::size_t at = text.starts_with(kMark) ? 0 : text.find("\n" + kMark);
  heading = text.substr(0, at);
  while (at != std::string::npos) {
    if (text[at] == '\n') ++at;
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at + kMark.size(), line_end - at - kMark.size());
    const std::size_t next = text.find("\n" + kMark, line_end);
    const std::size_t body = std::min(line_end + 1, text.size());
    const std::string status_word = take_word(line);
    int status = 200;
    std::from_chars(status_word.data(), status_word.data() + status_word.size(), status);
    std::string method = "GET";
    if (!line.starts_with('/') && !line.starts_with('*')) method = take_word(line);
    const std::string path = take_word(line);
    laid[path == "*" ? path : method + " " + without_slash(path)].in_turn.push_back(made(
        std::clamp(status, 0, 999),
        next == std::string::npos || next >= body ? text.substr(body, next - body) : "", headers_of(line)));
    at = next;
  }
  for (auto& [key, answers] : laid) answers_[key] = std::move(answers);
}

std::unique_ptr<HttpClient> ServiceText::client() { return std::make_unique<TextClient>(*this); }

Result<HttpResponse> ServiceText::next_of(Answers& answers) const {
  const HttpResponse& response = answers.in_turn[answers.next];
  answers.next = std::min(answers.next + 1, answers.in_turn.size() - 1);
  switch (response.status) {
    case 0:
      return Error("http.connection_lost", "the connection broke");
    case 1:
      return Error("http.timeout", "no answer");
    case 2:
      return Error("http.tls_untrusted", "another key");
    case 3:
      return Error("http.body_too_large", "too large");
    default:
      return response;
  }
}

Result<HttpResponse> ServiceText::answer(const HttpRequest& request) {
  urls.push_back(request.url);
  require(request.url.starts_with(kFuzzedBmc + "/"), "a request stays at its BMC: " + request.url);
  const bool clean =
      std::all_of(request.url.begin(), request.url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  require(clean, "a URL holds what a URL may hold: " + request.url);
  for (const auto& [name, value] : request.headers) {
    require((name + value).find_first_of("\r\n") == std::string::npos, "a header is one line: " + name);
  }
  const std::string path = without_slash(request.url.substr(kFuzzedBmc.size()));
  for (const std::string& key : {request.method + " " + path, std::string("*")}) {
    const auto found = answers_.find(key);
    if (found != answers_.end()) return next_of(found->second);
  }
  if (request.method == "GET") return made(404, R"({"error":{"code":"Base.1.0.ResourceMissingAtURI"}})");
  if (request.method == "POST" && path.ends_with("/Sessions"))
    return made(201, "{}", {{"X-Auth-Token", "t-1"}, {"Location", path + "/1"}});
  return made(204, "");
}

}  // namespace kiln
