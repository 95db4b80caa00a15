#include "chunk.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cctype>
#include <string_view>

namespace kiln::first_token {

namespace json = boost::json;

namespace {

constexpr std::size_t kShown = 200;  // bytes of what a server said, in a message

Error malformed(const std::string& what, const std::string& data) {
  return Error("first_token.malformed", fmt::format("{}: {}", what, error_text(data)),
               "ask the server by hand (curl -N) and see what it sends", Blame::peer);
}

/// A member that is text; nullopt: it is something else. Absent or null is empty.
std::optional<std::string> text_member(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return std::nullopt;
  return std::string(value->as_string());
}

/// Text of a delta or of a completion; nullopt when it is no text.
std::optional<std::string> text_of_choice(const json::object& choice) {
  std::string all;
  const auto add = [&all](const json::object& from, const char* name) {
    const std::optional<std::string> part = text_member(from, name);
    if (part) all += *part;
    return part.has_value();
  };
  if (!add(choice, "text")) return std::nullopt;
  const json::value* delta = choice.if_contains("delta");
  if (delta == nullptr || delta->is_null()) return all;
  if (!delta->is_object()) return std::nullopt;
  for (const char* name : {"reasoning_content", "reasoning", "content"}) {
    if (!add(delta->as_object(), name)) return std::nullopt;
  }
  return all;
}

std::optional<std::string> message_of(const json::object& body) {
  const json::value* error = body.if_contains("error");
  if (error != nullptr && error->is_string()) return std::string(error->as_string());
  const json::object* holder = error != nullptr && error->is_object() ? &error->as_object() : &body;
  for (const char* name : {"message", "detail"}) {
    const json::value* said = holder->if_contains(name);
    if (said != nullptr && said->is_string()) return std::string(said->as_string());
  }
  return std::nullopt;
}

std::string one_line(std::string text) {
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = ' ';
  }
  if (text.size() <= kShown) return text;
  std::size_t end = kShown;
  // Not in the middle of a letter (RFC 3629: bytes 10xxxxxx go on).
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + "…";
}

}  // namespace

std::string error_text(const std::string& body) {
  boost::system::error_code failed;
  const json::value parsed = json::parse(body, failed);
  if (!failed && parsed.is_object()) {
    if (const std::optional<std::string> message = message_of(parsed.as_object())) return one_line(*message);
  }
  if (body.empty()) return "it says nothing";
  // Bytes that are no text must not reach the record.
  const bool is_ascii = body.find_first_not_of(
                            "\t\r\n !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                            "abcdefghijklmnopqrstuvwxyz{|}~") == std::string::npos;
  if (failed && !is_ascii) return fmt::format("{} bytes that are no text", body.size());
  return one_line(body);
}

Result<Chunk> parse_chunk(const std::string& data) {
  boost::system::error_code failed;
  const json::value parsed = json::parse(data, failed);
  if (failed || !parsed.is_object()) return malformed("an event is no JSON object", data);
  const json::object& body = parsed.as_object();
  const json::value* error = body.if_contains("error");
  const json::value* object = body.if_contains("object");
  const bool is_error = (error != nullptr && !error->is_null()) ||
                        (object != nullptr && object->is_string() && object->as_string() == "error");
  if (is_error) {
    return Error("first_token.server_error", fmt::format("the server broke off with: {}", error_text(data)),
                 "see the server's log", Blame::peer);
  }
  Chunk chunk;
  const std::optional<std::string> id = text_member(body, "id");
  const std::optional<std::string> model = text_member(body, "model");
  if (!id || !model) return malformed("an event whose id or model is no text", data);
  chunk.id = *id;
  chunk.model = *model;
  if (const json::value* usage = body.if_contains("usage"); usage != nullptr && !usage->is_null()) {
    const json::value* tokens =
        usage->is_object() ? usage->as_object().if_contains("completion_tokens") : nullptr;
    if (tokens == nullptr || !tokens->is_int64() || tokens->as_int64() < 0)
      return malformed("an event whose usage counts nothing", data);
    chunk.completion_tokens = tokens->as_int64();
  }
  const json::value* choices = body.if_contains("choices");
  if (choices == nullptr || !choices->is_array()) return malformed("an event without choices", data);
  if (choices->as_array().empty()) {
    if (!chunk.completion_tokens) return malformed("an event with nothing in it", data);
    return chunk;
  }
  const json::value& first = choices->as_array().front();
  if (choices->as_array().size() != 1 || !first.is_object())
    return malformed("an event with more than one choice", data);
  const json::object& choice = first.as_object();
  const json::value* index = choice.if_contains("index");
  if (index != nullptr && !(index->is_int64() && index->as_int64() == 0))
    return malformed("an event of another choice", data);
  std::optional<std::string> text = text_of_choice(choice);
  const std::optional<std::string> reason = text_member(choice, "finish_reason");
  if (!text || !reason) return malformed("an event whose text is no text", data);
  chunk.has_choice = true;
  chunk.text = std::move(*text);
  chunk.finish_reason = *reason;
  return chunk;
}

Result<std::vector<std::string>> parse_models(const std::string& body) {
  boost::system::error_code failed;
  const json::value parsed = json::parse(body, failed);
  const json::value* data = !failed && parsed.is_object() ? parsed.as_object().if_contains("data") : nullptr;
  if (data == nullptr || !data->is_array()) return malformed("/v1/models is no list of models", body);
  std::vector<std::string> names;
  for (const json::value& one : data->as_array()) {
    const json::value* id = one.is_object() ? one.as_object().if_contains("id") : nullptr;
    if (id == nullptr || !id->is_string()) return malformed("/v1/models lists what has no name", body);
    names.emplace_back(id->as_string());
  }
  return names;
}

}  // namespace kiln::first_token
