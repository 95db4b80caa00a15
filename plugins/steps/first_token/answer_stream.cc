#include "answer_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kiln::first_token {

namespace {

constexpr std::size_t kMostBytes = 64U << 20U;        // of one answer; none is as long as that
constexpr std::size_t kMostText = 1U << 20U;          // of it that is kept
constexpr std::int64_t kChunksBeyond = 16;            // role, reason, usage, and what a server likes to add
constexpr std::size_t kRepeated = 8;                  // the shortest text of one character that is none
constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr int kOk = 200;

Error cut(std::string message) {
  return Error("first_token.cut", std::move(message),
               "see the server's log, and what lies between it and the station", Blame::peer);
}

}  // namespace

void AnswerStream::wrong(std::string code, std::string message, std::string action) {
  if (!wrong_) wrong_ = Error(std::move(code), std::move(message), std::move(action), Blame::peer);
}

void AnswerStream::take(const std::string& piece, std::int64_t now_ns) {
  if (settled()) return;
  bytes_ += piece.size();
  for (const std::string& data : events_.feed(piece)) {
    if (settled()) return;
    take_event(data, now_ns);
  }
  if (bytes_ > kMostBytes || events_.dropped() > 0)
    wrong("first_token.malformed", "the answer has no end", "ask the server by hand and see what it sends");
}

void AnswerStream::take_event(const std::string& data, std::int64_t now_ns) {
  if (data == "[DONE]") {
    done_ = true;
    return;
  }
  Result<Chunk> chunk = parse_chunk(data);
  if (!chunk) {
    if (!wrong_) wrong_ = chunk.error();
    return;
  }
  if (chunk->model != expected_.model) {
    wrong("first_token.other_model",
          fmt::format("the answer is by the model '{}', and '{}' was asked for", error_text(chunk->model),
                      expected_.model),
          "see what the server serves, and under which name");
    return;
  }
  if (id_.empty()) id_ = chunk->id;
  if (chunk->id != id_) {
    wrong("first_token.malformed",
          fmt::format("pieces of two answers in one stream: {} and {}", id_, error_text(chunk->id)));
    return;
  }
  if (chunk->completion_tokens) usage_ = chunk->completion_tokens;
  if (!chunk->has_choice) return;
  ++chunks_;
  if (!chunk->text.empty()) {
    if (!finish_reason_.empty()) {
      wrong("first_token.malformed", "text behind the end of the answer");
      return;
    }
    token_times_.push_back(now_ns);
    if (text_.size() + chunk->text.size() <= kMostText) text_ += chunk->text;
  }
  if (!chunk->finish_reason.empty()) finish_reason_ = chunk->finish_reason;
  if (chunks_ > expected_.max_tokens + kChunksBeyond)
    wrong("first_token.usage",
          fmt::format("{} chunks, and at most {} tokens were asked for", chunks_, expected_.max_tokens),
          "see whether the server obeys max_tokens");
}

std::optional<Error> AnswerStream::why_no_stream(const HttpResponse& response) const {
  if (response.status != kOk) {
    const std::string said = error_text(response.body);
    const bool busy = response.status == 429 || response.status == 503;
    const bool key = response.status == 401 || response.status == 403;
    const char* action = "see the server's log";
    if (busy) action = "see what else the server is asked for meanwhile, and whether it is up";
    if (key) action = "see 'credential' of 'serving' in the rack file, and that key in the credentials file";
    return Error(busy  ? "first_token.busy"
                 : key ? "first_token.key"
                       : "first_token.http_status",
                 fmt::format("HTTP {}: {}", response.status, said), action, Blame::peer);
  }
  const std::string type = response.header("Content-Type").value_or("");
  if (type.starts_with("text/event-stream")) return std::nullopt;
  return Error("first_token.not_a_stream",
               fmt::format("a stream was asked for, and the answer is '{}'", error_text(type)),
               "see whether the server, or a proxy before it, streams at all", Blame::peer);
}

std::optional<Error> AnswerStream::why_usage_wrong() const {
  if (!usage_) return std::nullopt;
  const auto with_text = static_cast<std::int64_t>(token_times_.size());
  // A token that ends the answer, and one that has no text of its own yet, is counted and comes without text.
  const std::int64_t most = chunks_ * expected_.tokens_per_chunk + 1;
  if (*usage_ >= with_text && *usage_ <= most && *usage_ <= expected_.max_tokens) return std::nullopt;
  return Error("first_token.usage",
               fmt::format("the server counts {} tokens; {} chunks with text came, {} in all, and at most {} "
                           "tokens were asked for",
                           *usage_, with_text, chunks_, expected_.max_tokens),
               "a server that sends several tokens at once needs 'tokens_per_chunk' in the recipe",
               Blame::peer);
}

std::optional<Error> AnswerStream::judge(const Result<HttpResponse>& ended) const {
  if (ended) {
    if (std::optional<Error> no_stream = why_no_stream(*ended)) return no_stream;
  }
  if (wrong_) return wrong_;
  if (!done_) {
    if (!ended) {
      const Error& error = ended.error();
      if (error.code == "http.connection_lost" || error.code == "http.protocol")
        return cut(fmt::format("the connection broke after {} chunks with text: {}", token_times_.size(),
                               error.message));
      return error;
    }
    if (token_times_.empty())
      return Error("first_token.empty", "the stream ended without a single token", "see the server's log",
                   Blame::peer);
    return cut(
        fmt::format("the stream ended without [DONE], after {} chunks with text", token_times_.size()));
  }
  if (token_times_.empty())
    return Error("first_token.empty", "a whole stream without a single token", "see the server's log",
                 Blame::peer);
  if (finish_reason_ != "stop" && finish_reason_ != "length") {
    return Error("first_token.unfinished",
                 finish_reason_.empty() ? std::string("the answer ended without a reason")
                                        : fmt::format("the answer ended by '{}'", error_text(finish_reason_)),
                 "see the server's log", Blame::peer);
  }
  return why_usage_wrong();
}

std::int64_t AnswerStream::tokens() const {
  const auto counted = static_cast<std::int64_t>(token_times_.size());
  return usage_ && !why_usage_wrong() ? *usage_ : counted;
}

std::string why_not_text(const std::string& text, bool cut_by_length) {
  std::string_view seen = text;
  // max_tokens may end it in the middle of a letter.
  while (cut_by_length && seen.ends_with(kReplacement)) seen.remove_suffix(3);
  if (seen.find_first_not_of(" \t\r\n") == std::string_view::npos) return "nothing visible in it";
  if (seen.find(kReplacement) != std::string_view::npos) return "characters in it that are no text";
  const bool control = std::any_of(seen.begin(), seen.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
  });
  if (control) return "control characters in it";
  std::string letters;
  for (const char c : seen) {
    if (c != ' ' && c != '\n') letters.push_back(c);
  }
  if (letters.size() >= kRepeated && letters.find_first_not_of(letters.front()) == std::string::npos)
    return fmt::format("'{}' again and again", letters.front());
  return "";
}

}  // namespace kiln::first_token
