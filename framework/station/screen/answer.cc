#include "station/screen/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <regex>

#include "base/nearest.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

ReadAnswer again(std::string why) { return {std::nullopt, std::move(why)}; }

ReadAnswer given(std::string text, bool confirmed = true) {
  ReadAnswer read;
  read.answer.emplace();
  read.answer->text = std::move(text);
  read.answer->confirmed = confirmed;
  return read;
}

ReadAnswer confirmation(const std::string& text) {
  const std::string word = lower(text);
  if (word == "y" || word == "yes") return given("yes");
  if (word == "n" || word == "no") return given("no", false);
  return again("answer y or n");
}

ReadAnswer choice(const PromptRequest& request, const std::string& text) {
  for (std::size_t at = 0; at < request.choices.size(); ++at) {
    if (text == std::to_string(at + 1) || lower(text) == lower(request.choices[at]))
      return given(request.choices[at]);
  }
  return again(fmt::format("'{}' is none of the choices{}", text, did_you_mean(text, request.choices)));
}

/// A value outside min and max is an answer too: the true one, and a refused one.
ReadAnswer number(const PromptRequest& request, const std::string& text) {
  const auto value = tolerant_number(text);
  if (!value) return again(fmt::format("'{}' is not a number", text));
  if (!value->unit.empty() && value->unit != request.unit &&
      canonical_unit(value->unit) != canonical_unit(request.unit)) {
    return again(fmt::format("in {}, please", request.unit.empty() ? "no unit" : request.unit));
  }
  const bool inside =
      (!request.min || value->value >= *request.min) && (!request.max || value->value <= *request.max);
  return given(fmt::format("{}{}{}", value->value, request.unit.empty() ? "" : " ", request.unit), inside);
}

ReadAnswer words(const PromptRequest& request, const std::string& text) {
  if (text.empty()) return again("an empty line is no answer");
  if (request.pattern.empty()) return given(text);
  try {
    if (std::regex_match(text, std::regex(request.pattern))) return given(text);
  } catch (const std::regex_error& wrong) {
    return again(fmt::format("the recipe's pattern cannot be used ({}); answer '!' and why", wrong.what()));
  }
  return again(fmt::format("'{}' does not look like what is asked for ({})", text, request.pattern));
}

}  // namespace

ReadAnswer read_answer(const PromptRequest& request, const std::string& typed) {
  const std::string text = tidy_text(typed);
  if (!text.empty() && text.front() == '!') {
    const std::string reason = tidy_text(text.substr(1));
    if (reason.empty()) return again("write why behind the '!'");
    return given("cannot: " + reason, false);
  }
  switch (request.answer) {
    case PromptRequest::Answer::confirm:
      return confirmation(text);
    case PromptRequest::Answer::choice:
      return choice(request, text);
    case PromptRequest::Answer::number:
      return number(request, text);
    case PromptRequest::Answer::text:
    case PromptRequest::Answer::scan:
      return words(request, text);
  }
  return again("this kind of question cannot be answered here");
}

std::string answer_hint(const PromptRequest& request) {
  switch (request.answer) {
    case PromptRequest::Answer::confirm:
      return "y or n";
    case PromptRequest::Answer::choice: {
      std::string text;
      for (std::size_t at = 0; at < request.choices.size(); ++at)
        text += fmt::format("{}{} {}", at == 0 ? "" : ", ", at + 1, request.choices[at]);
      return text;
    }
    case PromptRequest::Answer::number:
      return request.unit.empty() ? "a number" : "a number in " + request.unit;
    case PromptRequest::Answer::text:
      return "text";
    case PromptRequest::Answer::scan:
      return "scan the label";
  }
  return {};
}

}  // namespace kiln
