#pragma once
// What a server sends, as text. Test code only.

#include <fmt/format.h>

#include <string>
#include <vector>

namespace kiln::first_token {

inline std::string event(const std::string& data) { return "data: " + data + "\n\n"; }
inline std::string chunk_text(const std::string& rest, const std::string& model = "m",
                              const std::string& id = "c-1") {
  return event(fmt::format(R"({{"id":"{}","object":"chat.completion.chunk","created":1,"model":"{}",{}}})",
                           id, model, rest));
}
inline std::string role_text() {
  return chunk_text(
      R"("choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}])");
}
inline std::string token_text(const std::string& text, const std::string& model = "m",
                              const std::string& id = "c-1") {
  return chunk_text(
      fmt::format(R"("choices":[{{"index":0,"delta":{{"content":"{}"}},"finish_reason":null}}])", text),
      model, id);
}
inline std::string reason_text(const std::string& reason = "stop") {
  return chunk_text(fmt::format(R"("choices":[{{"index":0,"delta":{{}},"finish_reason":"{}"}}])", reason));
}
inline std::string usage_text(int tokens) {
  return chunk_text(
      fmt::format(R"("choices":[],"usage":{{"prompt_tokens":3,"completion_tokens":{},"total_tokens":{}}})",
                  tokens, tokens + 3));
}
inline std::string done_text() { return event("[DONE]"); }

/// A whole answer of these tokens.
inline std::string whole_text(const std::vector<std::string>& tokens, int usage) {
  std::string all = role_text();
  for (const std::string& each : tokens) all += token_text(each);
  return all + reason_text() + usage_text(usage) + done_text();
}

}  // namespace kiln::first_token
