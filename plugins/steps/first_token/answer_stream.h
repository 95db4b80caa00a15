#pragma once
// One streamed answer, judged while it comes: what arrived when, and whether the stream is whole. Nothing
// that is not proven by the stream itself counts: an answer is whole only with text, a finish reason, [DONE],
// the model that was asked for, one id, and counts that agree with its chunks. Pure; one thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chunk.h"
#include "sdk/http.h"

namespace kiln::first_token {

struct Expectation {
  std::string model;
  std::int64_t max_tokens = 0;        ///< as asked for
  std::int64_t tokens_per_chunk = 1;  ///< the most that one chunk may carry
};

class AnswerStream {
 public:
  explicit AnswerStream(Expectation expected) : expected_(std::move(expected)) {}

  /// A piece of the body, and when it came. What is behind [DONE], or behind what is wrong, is passed over.
  void take(const std::string& piece, std::int64_t now_ns);
  /// It needs nothing more: whole, or wrong already.
  [[nodiscard]] bool settled() const { return done_ || wrong_.has_value(); }
  /// How the exchange ended. nullopt: the answer is whole. Codes: README.md.
  [[nodiscard]] std::optional<Error> judge(const Result<HttpResponse>& ended) const;

  [[nodiscard]] const std::vector<std::int64_t>& token_times() const {
    return token_times_;
  }  ///< of chunks with text
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& finish_reason() const { return finish_reason_; }
  /// By the server's counts where they are believed, else as counted.
  [[nodiscard]] std::int64_t tokens() const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  ///< of the body so far
  [[nodiscard]] bool has_usage() const { return usage_.has_value(); }

 private:
  void take_event(const std::string& data, std::int64_t now_ns);
  void wrong(std::string code, std::string message, std::string action = {});
  [[nodiscard]] std::optional<Error> why_no_stream(const HttpResponse& response) const;
  [[nodiscard]] std::optional<Error> why_usage_wrong() const;

  Expectation expected_;
  ServerSentEvents events_;
  std::optional<Error> wrong_;
  std::string id_, text_, finish_reason_;
  std::vector<std::int64_t> token_times_;
  std::int64_t chunks_ = 0;  ///< with a choice, whether or not they carry text
  std::optional<std::int64_t> usage_;
  std::size_t bytes_ = 0;
  bool done_ = false;
};

/// Why a text cannot be what a sound model has answered; empty: nothing speaks against it. Ours: nothing
/// visible in it, characters that are no text, or one character again and again, which is what is left when
/// the logits are not numbers.
[[nodiscard]] std::string why_not_text(const std::string& text, bool cut_by_length);

}  // namespace kiln::first_token
