#pragma once
// One event of a stream of completions, and the other answers of a server with OpenAI's interface, as bytes →
// typed values. Formats: OpenAI API reference, "The chat completion chunk object", "The completion object"
// (streamed) and "List models"; vLLM adds `reasoning_content` or `reasoning` to a delta, and puts an error
// into the stream as an event. Pure; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::first_token {

struct Chunk {
  std::string id, model;      ///< empty: it has none
  bool has_choice = false;    ///< false: the one that only counts
  std::string text;           ///< of the answer, or of the model's reasoning before it
  std::string finish_reason;  ///< empty: it goes on
  std::optional<std::int64_t> completion_tokens;
};

/// The data of an event. Errors: first_token.malformed, first_token.server_error (what the server says stands
/// in its message).
Result<Chunk> parse_chunk(const std::string& data);

/// The names of /v1/models. Error: first_token.malformed.
Result<std::vector<std::string>> parse_models(const std::string& body);

/// What an error body says, in one short line; whatever it is made of.
std::string error_text(const std::string& body);

}  // namespace kiln::first_token
