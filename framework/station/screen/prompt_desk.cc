#include "station/screen/prompt_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "station/screen/answer.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kLongestAnswer = 512;  // bytes; a scanner's label is far shorter

}  // namespace

struct PromptDesk::Question {
  std::string dut;
  PromptRequest request;
  std::string typed;
  std::string why_not;
  bool on_screen = false;
  std::int64_t ends_ns = 0;
  Completion<bool> turn;
  Completion<Result<PromptAnswer>> done;
  bool in_escape =
      false;  ///< inside an escape sequence of the keyboard: arrows and function keys say nothing
};

PromptDesk::PromptDesk(PromptDeskOptions options, OnChange on_change)
    : options_(std::move(options)), on_change_(std::move(on_change)) {}
PromptDesk::~PromptDesk() = default;

awaitable<Result<PromptAnswer>> PromptDesk::ask(const Ctx& ctx, std::string dut, PromptRequest request) {
  if (!options_.nobody_because.empty()) {
    co_return no_input(dut, request.id);
  }
  const auto question = std::make_shared<Question>();
  question->dut = std::move(dut);
  question->request = std::move(request);
  queue_.push_back(question);
  if (queue_.size() == 1) question->turn.complete(true);
  const Result<bool> turn = co_await question->turn.wait(ctx);
  if (!turn) {
    leave(question);
    co_return turn.error();
  }
  if (!options_.nobody_because.empty()) {
    leave(question);
    co_return no_input(question->dut, question->request.id);
  }
  question->on_screen = true;
  question->ends_ns = ctx.now().monotonic_ns + question->request.timeout.count();
  on_change_(Change::shown, shown(*question));
  Result<PromptAnswer> answer = co_await wait_for_answer(ctx, question);
  const ShownPrompt last = shown(*question);
  leave(question);
  if (answer) {
    answer->by = options_.operator_name.empty() ? "unnamed operator" : options_.operator_name;
    on_change_(Change::answered, last);
  } else {
    on_change_(answer.error().code == "prompt.timeout" ? Change::timed_out : Change::withdrawn, last);
  }
  co_return answer;
}

awaitable<Result<PromptAnswer>> PromptDesk::wait_for_answer(const Ctx& ctx,
                                                            std::shared_ptr<Question> question) {
  const std::int64_t shown_ns = ctx.now().monotonic_ns;
  std::vector<Nanoseconds> pauses = question->request.remind;
  std::sort(pauses.begin(), pauses.end());
  std::erase_if(pauses, [&](Nanoseconds after) { return after >= question->request.timeout; });
  pauses.push_back(question->request.timeout);
  for (std::size_t at = 0; at < pauses.size(); ++at) {
    const Nanoseconds rest(shown_ns + pauses[at].count() - ctx.now().monotonic_ns);
    Ctx pause = ctx.child_within("prompt", std::max(rest, Nanoseconds(0)));
    Result<Result<PromptAnswer>> ended = co_await question->done.wait(pause);
    if (ended) co_return *ended;
    const Status go_on = ctx.check();
    if (!go_on) co_return go_on.error();
    if (at + 1 < pauses.size()) on_change_(Change::reminded, shown(*question));
  }
  co_return Error("prompt.timeout",
                  fmt::format("{}: '{}' was not answered within {}", question->dut, question->request.id,
                              format_duration(question->request.timeout)),
                  "answer it, or give it more time", Blame::operator_);
}

Error PromptDesk::no_input(const std::string& dut, const std::string& id) const {
  return Error("prompt.no_input",
               fmt::format("{}: '{}' needs an answer and {}", dut, id, options_.nobody_because),
               "run it from a terminal, without --no-input", Blame::operator_);
}

void PromptDesk::close(const std::string& nobody_because) {
  options_.nobody_because = nobody_because;
  for (const auto& question : queue_) question->done.complete(no_input(question->dut, question->request.id));
}

void PromptDesk::leave(const std::shared_ptr<Question>& question) {
  const auto found = std::find(queue_.begin(), queue_.end(), question);
  if (found != queue_.end()) queue_.erase(found);
  if (!queue_.empty()) queue_.front()->turn.complete(true);
}

ShownPrompt PromptDesk::shown(const Question& question) const {
  ShownPrompt prompt;
  prompt.dut = question.dut;
  prompt.id = question.request.id;
  prompt.text = question.request.text;
  prompt.picture = question.request.picture;
  prompt.hint = answer_hint(question.request);
  prompt.typed = question.typed;
  prompt.why_not = question.why_not;
  prompt.waiting_behind = queue_.empty() ? 0 : queue_.size() - 1;
  prompt.ends_ns = question.ends_ns;
  return prompt;
}

std::optional<ShownPrompt> PromptDesk::current() const {
  if (queue_.empty() || !queue_.front()->on_screen) return std::nullopt;
  return shown(*queue_.front());
}

void PromptDesk::typed(std::string_view bytes) {
  for (const char byte : bytes) {
    if (queue_.empty() || !queue_.front()->on_screen || queue_.front()->done.completed()) return;
    key(byte);
  }
}

void PromptDesk::key(char byte) {
  Question& question = *queue_.front();
  if (question.in_escape) {
    // ESC [ … letter, ESC O letter: the bytes up to the final letter or '~'.
    const bool final_byte = (byte >= '@' && byte <= '~' && byte != '[' && byte != 'O');
    if (final_byte) question.in_escape = false;
    return;
  }
  switch (byte) {
    case '\x1b':
      question.in_escape = true;
      return;
    case '\r':
    case '\n':
      enter();
      return;
    case '\x15':  // Ctrl-U
      question.typed.clear();
      return;
    case '\b':
    case '\x7f':
      while (!question.typed.empty()) {
        const auto last = static_cast<unsigned char>(question.typed.back());
        question.typed.pop_back();
        if ((last & 0xC0U) != 0x80U) break;  // the first byte of a UTF-8 character
      }
      return;
    default:
      break;
  }
  const bool control = static_cast<unsigned char>(byte) < 0x20;
  if (!control && question.typed.size() < kLongestAnswer) question.typed += byte;
}

void PromptDesk::enter() {
  const std::shared_ptr<Question> question = queue_.front();
  const std::string typed = std::exchange(question->typed, {});
  ReadAnswer read = read_answer(question->request, typed);
  if (!read.answer) {
    question->why_not = read.why_not;
    on_change_(Change::refused, shown(*question));
    return;
  }
  question->why_not.clear();
  question->done.complete(Result<PromptAnswer>(*std::move(read.answer)));
}

}  // namespace kiln
