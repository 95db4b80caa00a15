// Asking the person at the station, and recording who answered what. Time running out never passes.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <regex>

#include "sdk/step.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

std::optional<PromptRequest::Answer> answer_kind(const std::string& word) {
  if (word == "confirm") return PromptRequest::Answer::confirm;
  if (word == "choice") return PromptRequest::Answer::choice;
  if (word == "number") return PromptRequest::Answer::number;
  if (word == "text") return PromptRequest::Answer::text;
  if (word == "scan") return PromptRequest::Answer::scan;
  return std::nullopt;
}

std::optional<PromptRequest::OnTimeout> timeout_kind(const std::string& word) {
  if (word == "hold") return PromptRequest::OnTimeout::hold;
  if (word == "abort_safe") return PromptRequest::OnTimeout::abort_safe;
  if (word == "fail") return PromptRequest::OnTimeout::fail;
  return std::nullopt;
}

std::optional<double> optional_number(const std::string& text) { return tolerant_number_in(text, ""); }

PromptRequest make_request(const Parameters& with) {
  PromptRequest request;
  request.id = with.text("id");
  request.text = with.text("text");
  request.picture = with.text("picture");
  request.answer = answer_kind(with.text("answer")).value_or(PromptRequest::Answer::confirm);
  request.choices = with.list("choices");
  request.pattern = with.text("pattern");
  request.min = optional_number(with.text("min"));
  request.max = optional_number(with.text("max"));
  request.unit = with.text("unit");
  request.timeout = with.duration("timeout");
  for (const auto& text : with.list("remind")) {
    if (const auto after = parse_duration(text)) request.remind.push_back(*after);
  }
  request.on_timeout = timeout_kind(with.text("on_timeout")).value_or(PromptRequest::OnTimeout::hold);
  return request;
}

class Ask final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "prompt.ask";
      made.summary = "Ask the operator; the answer, who gave it and when are on record";
      made.measurements = {
          {"prompt.accepted", "", ComponentKind::whole_dut, true, "prompt.refused",
           "do what the prompt asks, then run again", "the operator confirmed or gave a valid answer"},
          {"prompt.answer", "", ComponentKind::whole_dut, false, "", "", "what was answered"}};
      made.parameters = {
          {"id", ParameterType::text, std::nullopt, "short name of the question, unique in the recipe"},
          {"text", ParameterType::text, std::nullopt, "what the operator is asked to do or to answer"},
          {"picture", ParameterType::text, "", "file name of a picture that shows it"},
          {"answer", ParameterType::text, "confirm", "confirm, choice, number, text or scan"},
          {"choices", ParameterType::list, "", "for choice"},
          {"pattern", ParameterType::text, "",
           "for text and scan: regular expression the whole answer must match"},
          {"min", ParameterType::text, "", "for number"},
          {"max", ParameterType::text, "", "for number"},
          {"unit", ParameterType::text, "", "for number"},
          {"timeout", ParameterType::duration, "10m", "how long to wait for an answer"},
          {"remind", ParameterType::list, "", "after these times the question is shown again"},
          {"on_timeout", ParameterType::text, "hold",
           "hold (ask again), abort_safe (park the DUT) or fail; there is no pass"}};
      made.default_timeout = std::chrono::hours(24);
      return made;
    }();
    return description;
  }

  Status check(const Parameters& with) const override {
    const auto refuse = [](const std::string& name, const std::string& word,
                           const std::vector<std::string>& known) {
      return Error("recipe.parameters",
                   fmt::format("{} '{}' is not known{}", name, word, did_you_mean(word, known)), "",
                   Blame::recipe);
    };
    if (!answer_kind(with.text("answer"))) {
      return refuse("answer", with.text("answer"), {"confirm", "choice", "number", "text", "scan"});
    }
    if (!timeout_kind(with.text("on_timeout"))) {
      return refuse("on_timeout", with.text("on_timeout"), {"hold", "abort_safe", "fail"});
    }
    if (with.text("answer") == "choice" && with.list("choices").empty()) {
      return Error("recipe.parameters", "answer 'choice' needs 'choices'", "", Blame::recipe);
    }
    if (!with.text("pattern").empty()) {
      try {
        const std::regex compiled(with.text("pattern"));
      } catch (const std::regex_error& wrong) {
        return Error(
            "recipe.parameters",
            fmt::format("pattern '{}' is no regular expression: {}", with.text("pattern"), wrong.what()), "",
            Blame::recipe);
      }
    }
    for (const auto* bound : {"min", "max"}) {
      if (!with.text(bound).empty() && !optional_number(with.text(bound)))
        return Error("recipe.parameters", fmt::format("{} '{}' is not a number", bound, with.text(bound)), "",
                     Blame::recipe);
    }
    for (const auto& text : with.list("remind")) {
      if (const auto parsed = parse_duration(text); !parsed) return parsed.error();
    }
    return success();
  }

  awaitable<Status> run(StepContext& context) override {
    const PromptRequest request = make_request(context.with());
    while (true) {
      PromptRequest question = request;
      const Result<PromptAnswer> answer = co_await context.prompt(std::move(question));
      if (answer) {
        const bool accepted = answer->confirmed;
        const Source source{"operator", fmt::format("{} by {}", request.id, answer->by)};
        Reading text("prompt.answer", "", answer->text, source);
        const Result<Outcome> noted = co_await context.record(std::move(text));
        if (!noted) co_return noted.error();
        Reading reading("prompt.accepted", "", accepted, source);
        const Result<Outcome> outcome = co_await context.record(std::move(reading));
        if (!outcome) co_return outcome.error();
        co_return success();
      }
      // With abort_safe the engine has parked the DUT.
      if (answer.error().code != "prompt.timeout") co_return answer.error();
      if (request.on_timeout == PromptRequest::OnTimeout::abort_safe) co_return answer.error();
      if (request.on_timeout == PromptRequest::OnTimeout::fail) {
        Reading reading("prompt.accepted", "", false,
                        Source{"operator", request.id + " was not answered in time"});
        reading.fault_code = "prompt.unanswered";
        const Result<Outcome> outcome = co_await context.record(std::move(reading));
        if (!outcome) co_return outcome.error();
        co_return success();
      }
      const Status holding =
          co_await context.note(fmt::format("'{}' was not answered; holding and asking again", request.id));
      if (!holding) co_return holding;
    }
  }
};

}  // namespace
}  // namespace kiln

KILN_PLUGIN("prompt", "1.0.0", "questions to the operator", kiln::Ask)
