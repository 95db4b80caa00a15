#pragma once
// Asking a model server: until it serves the model, once, and with many questions at a time. Loop thread
// only.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "answer_stream.h"
#include "sdk/http.h"
#include "sdk/step.h"

namespace kiln::first_token {

/// How one question went.
struct Answered {
  std::optional<Error> error;  ///< nullopt: a whole answer
  std::int64_t asked_ns = 0;   ///< monotonic, as all of these
  std::vector<std::int64_t> token_times;
  std::int64_t first_token_utc_ns = 0;
  std::int64_t tokens = 0;
  bool has_usage = false;
  std::string why_wrong;     ///< its text; empty: as expected
  bool asked_again = false;  ///< a kept connection was gone before the server had said a word
};

/// What is asked, of whom, under which limits.
struct Question {
  HttpClient* client = nullptr;
  std::string base;  ///< scheme, host, port, path
  Expectation expected;
  std::string pattern;  ///< that the answer must hold; empty: none
  std::vector<std::string> prompts;
  bool is_chat = true;
  Nanoseconds first_token_within{0}, stall_within{0};
  const std::vector<Permit>* permits = nullptr;
};

/// Until /v1/models lists the model. Errors: first_token.not_ready, first_token.other_model, first_token.key,
/// ctx.*, and http.* that waiting does not mend (a certificate that is not trusted).
boost::asio::awaitable<Status> wait_until_served(StepContext& context, const Question& question,
                                                 Nanoseconds within);

/// The question number `number`; never throws, and every error is in the answer.
boost::asio::awaitable<Answered> ask(const Ctx& ctx, const Question& question, std::size_t number);

/// What came of many.
struct Load {
  std::vector<Answered> answers;
  std::int64_t begun_ns = 0, ended_ns = 0;
  std::map<std::string, std::pair<int, Error>> errors;  ///< by code: how many, and the first
};

/// `at_once` questions at a time: `questions` in all, and on until `at_least` is over.
boost::asio::awaitable<Load> ask_many(StepContext& context, const Question& question, std::size_t at_once,
                                      std::size_t questions, Nanoseconds at_least);

}  // namespace kiln::first_token
