#include "tests_hw/virtual_rack/model_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <string_view>
#include <utility>

#include "tests_hw/virtual_rack/physics.h"
#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::int64_t kMade = 1767225600;  // 2026-01-01: "created" of the model and of every answer
constexpr std::int64_t kLongestContext = 4096;
constexpr double kServingUtilisation = 0.55;  // assumed: generation is bound by memory, not by arithmetic
constexpr double kServingNvlink = 0.2;        // assumed

std::uint64_t in_ns(std::chrono::nanoseconds time) { return static_cast<std::uint64_t>(time.count()); }

/// An error as vLLM's OpenAI server words it.
HttpResponse model_error(unsigned status, std::string_view type, std::string_view message,
                         std::string_view parameter = {}) {
  json::object error;
  error["message"] = message;
  error["type"] = type;
  error["param"] = parameter.empty() ? json::value(nullptr) : json::value(parameter);
  error["code"] = status;
  json::object body;
  body["error"] = std::move(error);
  return json_response(status, body);
}

HttpResponse bad_request(std::string_view message, std::string_view parameter = {}) {
  return model_error(400, "BadRequestError", message, parameter);
}

/// Words of a prompt: what stands in for its tokens.
std::int64_t prompt_tokens(std::string_view text) {
  std::int64_t words = 0;
  bool inside = false;
  for (const char letter : text) {
    const bool blank = letter == ' ' || letter == '\n' || letter == '\t';
    if (!blank && !inside) ++words;
    inside = !blank;
  }
  return std::max<std::int64_t>(words, 1);
}

/// The text of a chat, or nothing when it is none.
std::optional<std::string> chat_text(const json::object& body) {
  const json::value* messages = body.if_contains("messages");
  if (messages == nullptr || !messages->is_array() || messages->as_array().empty()) return std::nullopt;
  std::string text;
  for (const json::value& message : messages->as_array()) {
    if (!message.is_object()) return std::nullopt;
    const json::value* role = message.as_object().if_contains("role");
    const json::value* content = message.as_object().if_contains("content");
    if (role == nullptr || !role->is_string() || content == nullptr || !content->is_string())
      return std::nullopt;
    text += std::string(content->as_string()) + "\n";
  }
  return text;
}

std::string event_line(const json::value& data) { return "data: " + json::serialize(data) + "\n\n"; }

}  // namespace

/// What a request wants.
struct ModelServer::Asked {
  bool chat = true;
  std::string id;
  std::string model;
  std::int64_t prompt = 0;
  std::size_t tokens = 0;
  bool by_length = false;  ///< max_tokens ends it
  bool usage = false;      ///< a last chunk with the counts
};

struct ModelServer::Answer {
  Asked asked;
  std::weak_ptr<HttpStream> stream;
  std::size_t sent = 0;
  std::uint64_t due_ns = 0;
  bool begun = false;  ///< the chunk with the role has left
  bool over = false;

  [[nodiscard]] json::object chunk() const {
    json::object made;
    made["id"] = asked.id;
    made["object"] = asked.chat ? "chat.completion.chunk" : "text_completion";
    made["created"] = kMade;
    made["model"] = asked.model;
    return made;
  }
  [[nodiscard]] std::string piece(const std::string& text, const char* finish_reason, bool role) const {
    json::object choice;
    choice["index"] = 0;
    if (asked.chat) {
      json::object delta;
      if (role) delta["role"] = "assistant";
      if (role || finish_reason == nullptr) delta["content"] = text;
      choice["delta"] = std::move(delta);
    } else {
      choice["text"] = text;
    }
    choice["logprobs"] = nullptr;
    choice["finish_reason"] = finish_reason == nullptr ? json::value(nullptr) : json::value(finish_reason);
    json::object made = chunk();
    json::array choices;
    choices.push_back(std::move(choice));
    made["choices"] = std::move(choices);
    return event_line(made);
  }
  [[nodiscard]] json::object usage() const {
    json::object counts;
    counts["prompt_tokens"] = asked.prompt;
    counts["total_tokens"] = asked.prompt + static_cast<std::int64_t>(asked.tokens);
    counts["completion_tokens"] = asked.tokens;
    return counts;
  }
};

ModelServer::ModelServer(RackModel& rack, RequestLog& log, std::string api_key,
                         std::function<std::uint64_t()> now)
    : rack_(rack), log_(log), api_key_(std::move(api_key)), now_(std::move(now)) {}
ModelServer::~ModelServer() = default;

bool ModelServer::struck(FaultKind kind) const {
  // The model lies over all trays: what is wrong with the part on one of them is wrong with every answer.
  return std::any_of(rack_.duts.begin(), rack_.duts.end(),
                     [&](const Dut& dut) { return active_fault(rack_, dut, kind) != nullptr; });
}

bool ModelServer::loading_fault() {
  for (const Dut& dut : rack_.duts) {
    const Fault* fault = active_fault(rack_, dut, FaultKind::model_loading);
    if (fault == nullptr) continue;
    if (fault_loading_ns_ == 0 || fault_seen_ns_ != fault->active_since_ns) {
      fault_seen_ns_ = fault->active_since_ns;
      fault_loading_ns_ = now_();
    }
    return now_() - fault_loading_ns_ < in_ns(kLoadingFor);
  }
  return false;
}

bool ModelServer::loaded() {
  const bool up = std::all_of(rack_.duts.begin(), rack_.duts.end(),
                              [](const Dut& dut) { return !dut.computes() || dut.host_up; });
  if (!up) {
    up_since_ns_ = 0;
    return false;
  }
  if (up_since_ns_ == 0) up_since_ns_ = now_();
  const double needed = static_cast<double>(in_ns(kLoads)) / std::max(rack_.time_scale(), 1.0);
  return static_cast<double>(now_() - up_since_ns_) >= needed;
}

std::string ModelServer::model() const { return struck(FaultKind::model_other) ? kOtherModel : kModel; }

HttpResponse ModelServer::handle(const HttpRequest& request) {
  HttpResponse answer;
  const bool models = request.path == "/v1/models";
  const bool chat = request.path == "/v1/chat/completions";
  const bool text = request.path == "/v1/completions";
  const bool is_up = loaded();
  if (!is_up || loading_fault()) {
    answer = model_error(503, "ServiceUnavailableError", "The model is being loaded.");
    answer.headers.emplace_back("Retry-After", "1");
  } else if (request.header("Authorization") != "Bearer " + api_key_) {
    json::object body;
    body["error"] = "Unauthorized";
    answer = json_response(401, body);
    answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  } else if (models && request.method == "GET") {
    json::object one;
    one["id"] = model();
    one["object"] = "model";
    one["created"] = kMade;
    one["owned_by"] = "vllm";
    one["root"] = model();
    one["parent"] = nullptr;
    one["max_model_len"] = kLongestContext;
    json::array data;
    data.push_back(std::move(one));
    json::object body;
    body["object"] = "list";
    body["data"] = std::move(data);
    answer = json_response(200, body);
  } else if ((chat || text) && request.method == "POST") {
    answer = complete(request, chat);
  } else {
    json::object body;
    body["detail"] = models || chat || text ? "Method Not Allowed" : "Not Found";
    answer = json_response(models || chat || text ? 405 : 404, body);
  }
  log_.add("serving", request.method, request.path, answer.status);
  return answer;
}

HttpResponse ModelServer::complete(const HttpRequest& request, bool chat) {
  const std::optional<json::object> body = parse_object(request.body);
  if (!body) return bad_request("The body is not a JSON object.");
  const json::value* named = body->if_contains("model");
  if (named == nullptr || !named->is_string()) return bad_request("Field required: model", "model");
  if (std::string_view(named->as_string()) != model()) {
    return model_error(404, "NotFoundError",
                       fmt::format("The model `{}` does not exist.", std::string_view(named->as_string())),
                       "model");
  }
  Asked asked;
  asked.chat = chat;
  asked.model = model();
  std::optional<std::string> prompt;
  if (chat) {
    prompt = chat_text(*body);
    if (!prompt) return bad_request("messages must be a list of role and content", "messages");
  } else {
    const json::value* text = body->if_contains("prompt");
    if (text == nullptr || !text->is_string()) return bad_request("Field required: prompt", "prompt");
    prompt = std::string(text->as_string());
  }
  asked.prompt = prompt_tokens(*prompt);
  std::int64_t most = static_cast<std::int64_t>(kNaturalEnd);
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    const json::value* given = body->if_contains(name);
    if (given == nullptr || given->is_null()) continue;
    if (!given->is_int64() || given->as_int64() < 1)
      return bad_request(fmt::format("{} must be at least 1", name), name);
    most = given->as_int64();
  }
  if (asked.prompt + most > kLongestContext) {
    return bad_request(fmt::format("This model's maximum context length is {} tokens.", kLongestContext));
  }
  asked.by_length = most < static_cast<std::int64_t>(kNaturalEnd);
  asked.tokens = static_cast<std::size_t>(std::min(most, static_cast<std::int64_t>(kNaturalEnd)));
  asked.id = fmt::format("{}-{:08x}", chat ? "chatcmpl" : "cmpl", ++number_);
  const json::value* stream = body->if_contains("stream");
  const json::value* options = body->if_contains("stream_options");
  const bool streams = stream != nullptr && stream->is_bool() && stream->as_bool();
  if (options != nullptr && !options->is_null()) {
    if (!streams || !options->is_object())
      return bad_request("Stream options can only be defined when `stream=True`.", "stream_options");
    const json::value* usage = options->as_object().if_contains("include_usage");
    asked.usage = usage != nullptr && usage->is_bool() && usage->as_bool();
  }
  if (!streams) return whole_answer(asked);

  HttpResponse response;
  response.content_type = "text/event-stream; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.stream = std::make_shared<HttpStream>();
  auto answer = std::make_unique<Answer>();
  answer->asked = std::move(asked);
  answer->stream = response.stream;
  const std::chrono::nanoseconds first = struck(FaultKind::first_token_slow)
                                             ? std::chrono::nanoseconds(kSlowFirstToken)
                                             : kFirstToken + kFirstTokenPerStream * answers_.size();
  answer->due_ns = now_() + in_ns(first);
  answers_.push_back(std::move(answer));
  put_load();
  return response;
}

HttpResponse ModelServer::whole_answer(const Asked& asked) const {
  std::string text;
  for (std::size_t number = 0; number < asked.tokens; ++number) text += token(number);
  Answer answer;
  answer.asked = asked;
  json::object choice;
  choice["index"] = 0;
  if (asked.chat) {
    json::object message;
    message["role"] = "assistant";
    message["content"] = text;
    choice["message"] = std::move(message);
  } else {
    choice["text"] = text;
  }
  choice["logprobs"] = nullptr;
  choice["finish_reason"] = asked.by_length ? "length" : "stop";
  json::object body = answer.chunk();
  if (asked.chat) body["object"] = "chat.completion";
  json::array choices;
  choices.push_back(std::move(choice));
  body["choices"] = std::move(choices);
  body["usage"] = answer.usage();
  HttpResponse response = json_response(200, body);
  response.delay = kFirstToken + kToken * asked.tokens;
  return response;
}

std::string ModelServer::token(std::size_t number) const {
  // What is left of a model whose logits are not numbers: token 0 again and again, which is "!" in many
  // vocabularies.
  if (struck(FaultKind::answer_wrong)) return "!";
  static constexpr std::array<const char*, 8> kWords{"The",  " rack",    " is", " up",
                                                     " and", " answers", ".",   " Counting:"};
  if (number < kWords.size()) return kWords[number];
  return fmt::format(" {}", number - kWords.size() + 1);
}

void ModelServer::send_due(Answer& answer, std::uint64_t now_ns) {
  const std::shared_ptr<HttpStream> stream = answer.stream.lock();
  if (!stream || stream->ended()) {
    answer.over = true;
    return;
  }
  while (answer.due_ns <= now_ns) {
    if (!answer.begun && answer.asked.chat) stream->put(answer.piece("", nullptr, true));
    answer.begun = true;
    if (answer.sent >= kStrikeAfter && struck(FaultKind::stream_stall)) {
      answer.due_ns = now_ns + in_ns(kToken);  // until the fault is cleared
      return;
    }
    if (answer.sent >= kStrikeAfter && struck(FaultKind::stream_cut)) {
      stream->end();
      answer.over = true;
      return;
    }
    stream->put(answer.piece(token(answer.sent), nullptr, false));
    ++answer.sent;
    if (answer.sent == answer.asked.tokens) {
      stream->put(answer.piece("", answer.asked.by_length ? "length" : "stop", false));
      if (answer.asked.usage) {
        json::object last = answer.chunk();
        last["choices"] = json::array();
        last["usage"] = answer.usage();
        stream->put(event_line(last));
      }
      stream->put("data: [DONE]\n\n");
      stream->end();
      answer.over = true;
      return;
    }
    answer.due_ns += in_ns(struck(FaultKind::tokens_slow) ? kSlowToken : kToken);
  }
}

void ModelServer::tick() {
  const bool is_up = loaded();
  for (const auto& answer : answers_) {
    if (is_up) {
      send_due(*answer, now_());
      continue;
    }
    if (const std::shared_ptr<HttpStream> stream = answer->stream.lock()) stream->end();
    answer->over = true;
  }
  std::erase_if(answers_, [](const auto& answer) { return answer->over; });
  put_load();
}

std::optional<std::uint64_t> ModelServer::next_ns() const {
  std::optional<std::uint64_t> next;
  for (const auto& answer : answers_) {
    if (!next || answer->due_ns < *next) next = answer->due_ns;
  }
  return next;
}

void ModelServer::put_load() {
  for (Dut& dut : rack_.duts) {
    if (!dut.computes()) continue;
    const auto found = processes_.find(dut.id);
    const bool is_running = found != processes_.end() && find_process(dut, found->second) != nullptr;
    if (answers_.empty()) {
      if (is_running) end_process(rack_, dut, found->second);
      processes_.erase(dut.id);
    } else if (!is_running && dut.host_up) {
      Process serving;
      serving.name = "vllm";
      serving.gpu_utilisation = kServingUtilisation;
      serving.nvlink_utilisation = kServingNvlink;
      serving.stress = true;
      processes_[dut.id] = start_process(rack_, dut, std::move(serving));
    }
  }
}

}  // namespace kiln::virtual_rack
