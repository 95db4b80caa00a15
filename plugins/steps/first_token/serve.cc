#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <utility>

#include "first_token_steps.h"
#include "questions.h"

namespace kiln::first_token {

using boost::asio::awaitable;

namespace {

constexpr double kNanosecondsPerSecond = 1e9;
constexpr std::int64_t kMostAtOnce = 4096, kMostQuestions = 100'000, kMostTokens = 32'768, kMostPerChunk = 64;
constexpr Nanoseconds kLongest = std::chrono::hours(1);  // every token's time is kept until the end

/// The smallest value that at least `share` of them do not exceed (nearest rank); nothing of nothing.
std::optional<double> quantile(std::vector<double>& values, double share) {
  if (values.empty()) return std::nullopt;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / kNanosecondsPerSecond; }

/// What the recipe itself names; the rack file's, otherwise.
std::optional<ServingAccess> written_server(const Parameters& with) {
  if (with.text("address").empty()) return std::nullopt;
  ServingAccess server;
  server.url = with.text("address");
  server.tls = {TlsTrust::Kind::insecure, with.text("insecure")};
  if (!with.text("ca").empty()) server.tls = {TlsTrust::Kind::certificate_authority, with.text("ca")};
  if (!with.text("pin_sha256").empty()) server.tls = {TlsTrust::Kind::pin, with.text("pin_sha256")};
  if (server.tls.value.empty() && is_plain_loopback(server.url))
    server.tls.value = "the model server is on loopback";
  return server;
}

Error in_recipe(const char* parameter, std::string message, std::string action = {}) {
  return Error("recipe.parameters", fmt::format("{}: {}", parameter, message), std::move(action),
               Blame::recipe);
}

Status within(const Parameters& with, const char* name, std::int64_t most) {
  const std::int64_t value = with.integer(name);
  if (value >= 1 && value <= most) return success();
  return in_recipe(name, fmt::format("must be from 1 to {}", most));
}

/// How the server is known for the one that is meant, as a report says it of BMCs.
std::string trust_text(const TlsTrust& trust) {
  if (trust.kind == TlsTrust::Kind::pin) return "pin";
  if (trust.kind == TlsTrust::Kind::certificate_authority) return "ca " + trust.value;
  return trust.value.empty() ? std::string("insecure") : "insecure: " + trust.value;
}

/// Where it ran, for the record: never the key, which the step does not have either.
Source source_of(const Question& question) {
  return {"http", question.base + (question.is_chat ? "/v1/chat/completions" : "/v1/completions")};
}

awaitable<Status> record_value(StepContext& context, const Question& question, std::string name, Value value,
                               std::string reason) {
  Reading reading(std::move(name), "", std::move(value), source_of(question));
  reading.reason = std::move(reason);
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

/// What came of all questions under load.
struct Figures {
  std::vector<double> first, gaps, rates;
  std::int64_t tokens = 0, uncounted = 0;
  int asked_again = 0;
  std::int64_t last_ns = 0;
};

Figures figures_of(const Load& load) {
  Figures figures;
  for (const Answered& one : load.answers) {
    if (one.asked_again) ++figures.asked_again;
    if (one.error) continue;
    const std::vector<std::int64_t>& times = one.token_times;
    figures.first.push_back(seconds(times.front() - one.asked_ns));
    for (std::size_t i = 1; i < times.size(); ++i) figures.gaps.push_back(seconds(times[i] - times[i - 1]));
    if (times.size() > 1 && times.back() > times.front())
      figures.rates.push_back(static_cast<double>(one.tokens - 1) / seconds(times.back() - times.front()));
    figures.tokens += one.tokens;
    figures.uncounted += one.has_usage ? 0 : 1;
    figures.last_ns = std::max(figures.last_ns, times.back());
  }
  return figures;
}

}  // namespace

const StepDescription& Serve::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "first_token.serve";
    made.summary =
        "A model served on the rack gives its first token, and tokens under load, over real HTTP streams";
    const std::string slow =
        "see GPU clocks, throttling and NVLink errors of the trays, and what else the server does meanwhile";
    const std::string wrong =
        "repeat the GPU diagnostics tray by tray: a GPU that computes nonsense shows in no counter";
    const auto whole = ComponentKind::whole_dut;
    made.measurements = {
        {"first_token.at", "", whole, false, "", "", "when the first token of the run came (UTC)"},
        {"first_token.alone", "s", whole, false, "", "",
         "from the first question, asked alone, to its first token"},
        {"first_token.wrong_answers", "1", whole, true, "first_token.wrong_answer", wrong,
         "answers that no sound model gives, or that the recipe did not expect"},
        {"first_token.time.p95", "s", whole, true, "first_token.slow", slow,
         "from a question to its first token, under load: 19 of 20 are as quick or quicker"},
        {"first_token.time.p50", "s", whole, false, "", "", "the same: half of them"},
        {"first_token.time.max", "s", whole, false, "", "", "the same: the slowest"},
        {"first_token.between_tokens.p95", "s", whole, true, "first_token.tokens_slow", slow,
         "from one token of an answer to the next, under load: 19 of 20"},
        {"first_token.between_tokens.p50", "s", whole, false, "", "", "the same: half of them"},
        {"first_token.between_tokens.max", "s", whole, false, "", "", "the same: the longest"},
        {"first_token.rate", "1/s", whole, true, "first_token.throughput", slow,
         "tokens per second, all answers together"},
        {"first_token.rate_of_one.p50", "1/s", whole, false, "", "",
         "tokens per second of one answer: half of them are slower"},
        {"first_token.answers", "1", whole, false, "", "", "whole answers under load"},
        {"first_token.errors", "1", whole, false, "", "", "questions under load without a whole answer"}};
    made.parameters = {
        {"address", ParameterType::text, "",
         "https://HOST:PORT of the server; empty: 'serving' of the rack file, with its key"},
        {"ca", ParameterType::text, "", "with address: file of who signed its certificate"},
        {"pin_sha256", ParameterType::text, "", "with address: its public key, as in a rack file"},
        {"insecure", ParameterType::text, "",
         "with address: why its certificate is not verified, or why there is none"},
        {"model", ParameterType::text, std::nullopt, "as the server names it"},
        {"prompts", ParameterType::list, "Count from one to one hundred in words.", "asked in turn"},
        {"expect", ParameterType::text, "", "what every answer must hold: ECMAScript regular expression"},
        {"api", ParameterType::text, "chat", "chat (/v1/chat/completions) or text (/v1/completions)"},
        {"concurrency", ParameterType::integer, "8", "questions at a time"},
        {"requests", ParameterType::integer, "64", "questions in all"},
        {"for", ParameterType::duration, "0s", "asks on until so much time is over, 1h at most"},
        {"max_tokens", ParameterType::integer, "128", "of one answer"},
        {"tokens_per_chunk", ParameterType::integer, "1",
         "the most that the server puts into one chunk (speculative decoding, stream intervals)"},
        {"ready_within", ParameterType::duration, "15m", "until the server lists the model"},
        {"first_token_within", ParameterType::duration, "60s", "one that has not come by then does not come"},
        {"stall_within", ParameterType::duration, "15s", "the longest silence inside an answer"}};
    made.energises = Energy::load;
    made.rack_scope = true;
    made.default_timeout = std::chrono::hours(2);
    return made;
  }();
  return description;
}

Status Serve::check(const Parameters& with) const {
  for (const auto& [name, most] : {std::pair<const char*, std::int64_t>{"concurrency", kMostAtOnce},
                                   {"requests", kMostQuestions},
                                   {"max_tokens", kMostTokens},
                                   {"tokens_per_chunk", kMostPerChunk}}) {
    const Status good = within(with, name, most);
    if (!good) return good;
  }
  if (with.integer("requests") < with.integer("concurrency"))
    return in_recipe("requests", fmt::format("{} questions cannot be {} at a time", with.integer("requests"),
                                             with.integer("concurrency")));
  if (with.duration("for") > kLongest) return in_recipe("for", "1h at most");
  if (with.text("model").empty()) return in_recipe("model", "is empty", "name it as the server does");
  if (with.list("prompts").empty()) return in_recipe("prompts", "there are none");
  const std::string& api = with.text("api");
  if (api != "chat" && api != "text")
    return in_recipe("api", fmt::format("'{}' is not known{}", api, did_you_mean(api, {"chat", "text"})));
  try {
    const std::regex compiled(with.text("expect"), std::regex::ECMAScript);
  } catch (const std::regex_error&) {
    return in_recipe("expect", "is no regular expression", "ECMAScript's syntax");
  }
  const int ways = (with.text("ca").empty() ? 0 : 1) + (with.text("pin_sha256").empty() ? 0 : 1) +
                   (with.text("insecure").empty() ? 0 : 1);
  const std::optional<ServingAccess> server = written_server(with);
  if (!server) {
    if (ways > 0)
      return in_recipe("address", "ca, pin_sha256 and insecure are about an address, and there is none");
    return success();
  }
  if (!is_serving_url(server->url))
    return in_recipe("address", fmt::format("'{}' is not the address of a model server", server->url),
                     "write https://HOST:PORT");
  if (ways > 1)
    return in_recipe("address", "exactly one of ca, pin_sha256 and insecure",
                     "there is no fallback from one to another");
  if (const std::string why = why_untrusted(server->url, ways == 1, server->tls); !why.empty())
    return in_recipe("address", why);
  return success();
}

namespace {

/// The run's first answer, asked alone: it may wait for kernels to be compiled and caches to be filled, and
/// so is no measure of what comes after it.
awaitable<Result<bool>> ask_first(StepContext& context, const Question& question) {
  context.progress("waits for the first token");
  const Answered first = co_await ask(context.ctx(), question, 0);
  if (first.error) co_return *first.error;
  const double alone = seconds(first.token_times.front() - first.asked_ns);
  Value at;
  std::string why;
  if (first.why_wrong.empty()) at = format_utc(first.first_token_utc_ns);
  if (!first.why_wrong.empty()) why = fmt::format("the first answer is none: {}", first.why_wrong);
  Value taken = alone;
  std::string none;
  std::string name = "first_token.alone";
  const Status recorded =
      co_await record_value(context, question, std::move(name), std::move(taken), std::move(none));
  if (!recorded) co_return recorded.error();
  std::string when = "first_token.at";
  const Status told = co_await record_value(context, question, std::move(when), std::move(at), why);
  if (!told) co_return told.error();
  std::string text = why.empty() ? fmt::format("first token at {}, {:.3f} s after the question",
                                               format_utc(first.first_token_utc_ns), alone)
                                 : why;
  const Status noted = co_await context.note(std::move(text));
  if (!noted) co_return noted.error();
  co_return first.why_wrong.empty();
}

awaitable<Status> record_load(StepContext& context, const Question& question, const Load& load,
                              bool first_is_right) {
  Figures figures = figures_of(load);
  std::int64_t errors = 0;
  std::string why;
  for (const auto& [code, found] : load.errors) {
    errors += found.first;
    why += fmt::format("{}{} ({})", why.empty() ? "" : ", ", code, found.first);
    Disturbance disturbed;
    disturbed.code = code;
    disturbed.message = found.second.message;
    disturbed.count = found.first;
    const Status told = co_await context.disturbance(std::move(disturbed));
    if (!told) co_return told;
  }
  if (figures.asked_again > 0) {
    Disturbance disturbed;
    disturbed.code = "first_token.asked_again";
    disturbed.message = "a kept connection was gone before the server had said a word";
    disturbed.count = figures.asked_again;
    const Status told = co_await context.disturbance(std::move(disturbed));
    if (!told) co_return told;
  }
  if (!why.empty())
    why = fmt::format("{} of {} questions had no whole answer: {}", errors, load.answers.size(), why);
  std::int64_t wrong = first_is_right ? 0 : 1;
  std::string example;
  for (const Answered& one : load.answers) {
    if (one.error || one.why_wrong.empty()) continue;
    ++wrong;
    if (example.empty()) example = one.why_wrong;
  }
  Reading wrong_answers("first_token.wrong_answers", "", wrong, source_of(question));
  wrong_answers.reason = why;
  wrong_answers.at_least = errors > 0;  // what is wrong stays wrong; what was not answered may be, too
  const Result<Outcome> judged = co_await context.record(std::move(wrong_answers));
  if (!judged) co_return judged.error();
  if (!example.empty()) {
    std::string text = fmt::format("{} wrong answers, for example: {}", wrong, example);
    const Status noted = co_await context.note(std::move(text));
    if (!noted) co_return noted;
  }
  const double span = seconds(figures.last_ns - load.begun_ns);
  std::optional<double> rate;
  if (span > 0) rate = static_cast<double>(figures.tokens) / span;
  const std::vector<std::pair<const char*, std::optional<double>>> values = {
      {"first_token.time.p95", quantile(figures.first, 0.95)},
      {"first_token.time.p50", quantile(figures.first, 0.5)},
      {"first_token.time.max", quantile(figures.first, 1)},
      {"first_token.between_tokens.p95", quantile(figures.gaps, 0.95)},
      {"first_token.between_tokens.p50", quantile(figures.gaps, 0.5)},
      {"first_token.between_tokens.max", quantile(figures.gaps, 1)},
      {"first_token.rate", rate},
      {"first_token.rate_of_one.p50", quantile(figures.rates, 0.5)}};
  for (const auto& [measured, found] : values) {
    // Of a server that broke off, nothing is measured: neither that the rack is slow nor that it is quick.
    Value value;
    if (found && errors == 0) value = *found;
    std::string name = measured;
    std::string reason = errors > 0 ? why : std::string("no answer had two tokens that came apart");
    const Status recorded =
        co_await record_value(context, question, std::move(name), std::move(value), std::move(reason));
    if (!recorded) co_return recorded;
  }
  const std::vector<std::pair<const char*, std::int64_t>> counts = {
      {"first_token.answers", static_cast<std::int64_t>(figures.first.size())},
      {"first_token.errors", errors}};
  for (const auto& [measured, count] : counts) {
    std::string name = measured;
    Value value = count;
    std::string none;
    const Status recorded =
        co_await record_value(context, question, std::move(name), std::move(value), std::move(none));
    if (!recorded) co_return recorded;
  }
  if (figures.uncounted > 0) {
    std::string text = fmt::format(
        "{} answers came without the server's own count of tokens: chunks were counted", figures.uncounted);
    const Status noted = co_await context.note(std::move(text));
    if (!noted) co_return noted;
  }
  if (errors == 0) co_return success();
  const auto most =
      std::max_element(load.errors.begin(), load.errors.end(),
                       [](const auto& a, const auto& b) { return a.second.first < b.second.first; });
  Error error = most->second.second;
  co_return std::move(error).while_doing(why);
}

}  // namespace

awaitable<Status> Serve::run(StepContext& context) {
  const Parameters& with = context.with();
  const std::optional<ServingAccess> written = written_server(with);
  const auto at_once = static_cast<std::size_t>(with.integer("concurrency"));
  Result<std::unique_ptr<HttpClient>> client = context.model_server(written ? &*written : nullptr, at_once);
  if (!client) co_return client.error();

  std::vector<Permit> permits;
  Question question;
  question.client = client->get();
  question.base = serving_base(written ? written->url : context.inventory().serving->url);
  question.expected = {with.text("model"), with.integer("max_tokens"), with.integer("tokens_per_chunk")};
  question.pattern = with.text("expect");
  question.prompts = with.list("prompts");
  question.is_chat = with.text("api") == "chat";
  question.first_token_within = with.duration("first_token_within");
  question.stall_within = with.duration("stall_within");
  question.permits = &permits;
  std::string asks = fmt::format("asks {} ({})", question.base,
                                 trust_text(written ? written->tls : context.inventory().serving->tls));
  const Status said = co_await context.note(std::move(asks));
  if (!said) co_return said;
  const Status served = co_await wait_until_served(context, question, with.duration("ready_within"));
  if (!served) co_return served;
  for (const Dut* dut : context.duts()) {
    // What computes. That the model lies over all of them, nobody tells; it is what this run is about.
    if (dut->role != Role::compute_tray && dut->role != Role::server) continue;
    Result<Permit> permit = context.permit_of(dut->id, Energy::load, "answer questions with a model");
    if (!permit) co_return permit.error();
    permits.push_back(std::move(*permit));
  }
  const Result<bool> first_is_right = co_await ask_first(context, question);
  if (!first_is_right) co_return first_is_right.error();
  context.progress(fmt::format("asks {} questions, {} at a time", with.integer("requests"), at_once));
  const Load load = co_await ask_many(
      context, question, at_once, static_cast<std::size_t>(with.integer("requests")), with.duration("for"));
  const Status go_on = context.ctx().check();
  if (!go_on) co_return go_on;
  const Status recorded = co_await record_load(context, question, load, *first_is_right);
  co_return recorded;
}

}  // namespace kiln::first_token
