#include "questions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <regex>
#include <utility>

#include "sdk/scope.h"

namespace kiln::first_token {

namespace json = boost::json;
using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kPollEvery = std::chrono::seconds(1);
constexpr Nanoseconds kPollBudget = std::chrono::seconds(10);
constexpr Nanoseconds kLookEvery =
    std::chrono::milliseconds(100);  // whether a stream is over or stands still
constexpr int kSameList = 3;  // times that a server without the model is asked again: it may be adding it
constexpr int kHttpOk = 200;
constexpr std::size_t kMatched = 4096;  // bytes of an answer that a pattern is looked for in

std::string body_of(const Question& question, std::size_t number) {
  const std::string& prompt = question.prompts.at(number % question.prompts.size());
  json::object body;
  body["model"] = question.expected.model;
  body["stream"] = true;
  body["max_tokens"] = question.expected.max_tokens;
  body["temperature"] = 0;
  json::object options;
  options["include_usage"] = true;
  body["stream_options"] = std::move(options);
  if (question.is_chat) {
    json::object message;
    message["role"] = "user";
    message["content"] = prompt;
    json::array messages;
    messages.push_back(std::move(message));
    body["messages"] = std::move(messages);
  } else {
    body["prompt"] = prompt;
  }
  return json::serialize(body);
}

HttpRequest request_of(const Question& question, std::size_t number) {
  HttpRequest request("POST",
                      question.base + (question.is_chat ? "/v1/chat/completions" : "/v1/completions"));
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
  request.body = body_of(question, number);
  return request;
}

/// The library's matcher takes stack for every letter it goes back over: of a long answer its beginning is
/// looked at.
bool holds(const std::string& text, const std::string& pattern) {
  try {
    const std::regex expected(pattern, std::regex::ECMAScript);
    return std::regex_search(
        text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(text.size(), kMatched)), expected);
  } catch (const std::regex_error&) {
    return false;  // too much work; that it is none at all was said before the run
  }
}

/// Of a permit that an interlock has revoked; nullopt: all hold.
std::optional<Error> revoked(const Question& question) {
  for (const Permit& permit : *question.permits) {
    if (permit.valid()) continue;
    return Error("permit.revoked", fmt::format("{} was cut while the model answered", permit.dut()), "",
                 Blame::peer);
  }
  return std::nullopt;
}

/// Between a request and what watches it.
struct Watched {
  AnswerStream stream;
  std::int64_t asked_ns = 0;
  std::int64_t heard_ns = 0;  ///< the last piece with a token; asked_ns before the first
  std::int64_t first_token_utc_ns = 0;
  std::size_t tokens = 0;
  std::optional<Error> stopped;  ///< why the watch ended it
};

/// Ends a request that has all it needs, that stands still, or that must not go on.
awaitable<void> watch(Ctx& task, const Question& question, Watched& watched, Ctx& request) {
  for (;;) {
    const Status waited = co_await task.sleep_for(kLookEvery);
    if (!waited) co_return;
    const std::int64_t silent_ns = task.now().monotonic_ns - watched.heard_ns;
    if (std::optional<Error> cut = revoked(question)) {
      watched.stopped = std::move(*cut);
    } else if (watched.stream.settled()) {
      // A server that has said [DONE] and keeps the stream open has said all.
    } else if (watched.tokens == 0 && silent_ns >= question.first_token_within.count()) {
      watched.stopped = Error("first_token.none",
                              fmt::format("no token within {}", format_duration(question.first_token_within)),
                              "see the server's log, and what else it is asked for", Blame::peer);
    } else if (watched.tokens > 0 && silent_ns >= question.stall_within.count()) {
      watched.stopped = Error("first_token.stalled",
                              fmt::format("nothing came for {} after {} tokens",
                                          format_duration(question.stall_within), watched.tokens),
                              "see the server's log: a rank that hangs looks like this", Blame::peer);
    } else {
      continue;
    }
    request.request_stop(StopReason::sibling, "the answer is over");
    co_return;
  }
}

/// What the server has said is no connection, or no model yet: worth waiting for.
bool mends_by_waiting(const Error& error) {
  return error.code == "http.connect" || error.code == "http.connection_lost" ||
         error.code == "http.timeout" || error.code == "http.resolve" || error.code == "ctx.deadline";
}

}  // namespace

awaitable<Status> wait_until_served(StepContext& context, const Question& question, Nanoseconds within) {
  const std::string url = question.base + "/v1/models";
  const std::string& model = question.expected.model;
  Ctx waiting = context.ctx().child_within("model server", within);
  std::string last = "it did not answer";
  std::vector<std::string> listed;
  int same = 0;
  for (;;) {
    Ctx polling = waiting.child_within("GET /v1/models", kPollBudget);
    HttpRequest request("GET", url);
    const Result<HttpResponse> response = co_await question.client->send(polling, std::move(request));
    if (!response) {
      const Status go_on = context.ctx().check();
      if (!go_on) co_return go_on;
      if (!mends_by_waiting(response.error())) co_return response.error();
      // That our own time is over is not what the server said last.
      if (!waiting.stopped()) last = response.error().message;
    } else if (response->status == kHttpOk) {
      Result<std::vector<std::string>> models = parse_models(response->body);
      if (!models) co_return models.error();
      if (std::find(models->begin(), models->end(), model) != models->end()) co_return success();
      same = *models == listed && !models->empty() ? same + 1 : 0;
      listed = std::move(*models);
      if (same >= kSameList) {
        co_return Error("first_token.other_model",
                        fmt::format("{} serves {}, not '{}'{}", question.base,
                                    error_text(fmt::format("{}", fmt::join(listed, ", "))), model,
                                    did_you_mean(model, listed)),
                        "name the model as the server does", Blame::recipe);
      }
      last = listed.empty() ? std::string("it serves no model yet")
                            : fmt::format("it does not serve '{}'", model);
    } else if (response->status == 401 || response->status == 403) {
      co_return Error("first_token.key",
                      fmt::format("{}: HTTP {}: {}", url, response->status, error_text(response->body)),
                      "see 'credential' of 'serving' in the rack file, and that key in the credentials file",
                      Blame::operator_);
    } else {
      last = fmt::format("HTTP {}: {}", response->status, error_text(response->body));
    }
    context.progress("waits for the model: " + last);
    const Status waited = co_await waiting.sleep_for(kPollEvery);
    if (waited) continue;
    const Status go_on = context.ctx().check();
    if (!go_on) co_return go_on;
    co_return Error("first_token.not_ready",
                    fmt::format("{} does not serve '{}' within {}: {}", question.base, model,
                                format_duration(within), last),
                    "see the server's log; a large model takes its time: ready_within", Blame::peer);
  }
}

awaitable<Answered> ask(const Ctx& ctx, const Question& question, std::size_t number) {
  Answered answered;
  answered.error = revoked(question);
  if (answered.error) co_return answered;
  Ctx asking = ctx.child("question");
  const HttpRequest request = request_of(question, number);
  Watched watched{AnswerStream(question.expected), ctx.now().monotonic_ns, ctx.now().monotonic_ns, 0, 0, {}};
  std::function<void(const std::string&)> on_piece = [&watched, &asking](const std::string& piece) {
    const Instant now = asking.now();
    watched.stream.take(piece, now.monotonic_ns);
    const std::size_t tokens = watched.stream.token_times().size();
    if (tokens == watched.tokens) return;
    if (watched.tokens == 0) watched.first_token_utc_ns = now.utc_ns;
    watched.tokens = tokens;
    watched.heard_ns = now.monotonic_ns;
  };
  Scope beside(ctx);
  beside.start("watch",
               [&question, &watched, &asking](Ctx& task) { return watch(task, question, watched, asking); });
  Result<HttpResponse> ended = co_await question.client->stream(asking, request, on_piece);
  // A server may close a connection that was kept while we ask on it (RFC 9112, 9.3.1). A question changes
  // nothing, so it may be asked again, once; its time goes on.
  if (!ended && ended.error().code == "http.connection_lost" && watched.stream.bytes() == 0 &&
      !asking.stopped()) {
    answered.asked_again = true;
    ended = co_await question.client->stream(asking, request, on_piece);
  }
  std::string over = "the answer is over";
  const Status joined = co_await beside.stop_and_join(StopReason::sibling, std::move(over));
  (void)joined;  // the watch does not throw
  const Status go_on = ctx.check();
  answered.error = watched.stream.judge(ended);
  if (answered.error && watched.stopped && !watched.stream.settled())
    answered.error = std::move(watched.stopped);
  if (answered.error && !go_on) answered.error = go_on.error();
  answered.asked_ns = watched.asked_ns;
  answered.first_token_utc_ns = watched.first_token_utc_ns;
  answered.token_times = watched.stream.token_times();
  answered.tokens = watched.stream.tokens();
  answered.has_usage = watched.stream.has_usage();
  if (answered.error) co_return answered;
  const std::string& text = watched.stream.text();
  answered.why_wrong = why_not_text(text, watched.stream.finish_reason() == "length");
  if (answered.why_wrong.empty() && !question.pattern.empty()) {
    if (!holds(text, question.pattern))
      answered.why_wrong = fmt::format("'{}' is not what was expected", error_text(text));
  }
  co_return answered;
}

namespace {

/// What the workers share.
struct Work {
  Load load;
  std::size_t next = 0, questions = 0;
  std::int64_t until_ns = 0;
  bool stopped = false;
};

awaitable<void> work(Ctx& task, const Question& question, Work& shared) {
  while (!shared.stopped) {
    const bool enough = shared.next >= shared.questions && task.now().monotonic_ns >= shared.until_ns;
    if (enough) co_return;
    const std::size_t number = ++shared.next;
    Answered answered = co_await ask(task, question, number);
    if (answered.error) {
      auto& [count, first] = shared.load.errors[answered.error->code];
      if (count++ == 0) first = *answered.error;
      // What has failed once is no measurement any more, and asking on would only heat the rack.
      shared.stopped = true;
    }
    shared.load.answers.push_back(std::move(answered));
  }
}

}  // namespace

awaitable<Load> ask_many(StepContext& context, const Question& question, std::size_t at_once,
                         std::size_t questions, Nanoseconds at_least) {
  Work shared;
  shared.questions = questions;
  shared.load.begun_ns = context.ctx().now().monotonic_ns;
  shared.until_ns = shared.load.begun_ns + at_least.count();
  Scope workers(context.ctx());
  for (std::size_t each = 0; each < at_once; ++each) {
    workers.start("asks", [&question, &shared](Ctx& task) { return work(task, question, shared); });
  }
  const Status joined = co_await workers.join();
  if (!joined) shared.load.errors[joined.error().code] = {1, joined.error()};
  shared.load.ended_ns = context.ctx().now().monotonic_ns;
  co_return std::move(shared.load);
}

}  // namespace kiln::first_token
