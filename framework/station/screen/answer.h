#pragma once
// What an operator typed or scanned, read against the question. Pure.

#include <optional>
#include <string>

#include "engine/step_context.h"

namespace kiln {

/// Either an answer, or why what was typed is none and has to be given again. "!" and a reason is the answer
/// "it cannot be done" to any question.
struct ReadAnswer {
  std::optional<PromptAnswer> answer;  ///< `by` is left empty
  std::string why_not;
};
ReadAnswer read_answer(const PromptRequest& request, const std::string& typed);

/// "y or n", "1 tight, 2 loose", "a number in L/min", "scan the label".
std::string answer_hint(const PromptRequest& request);

}  // namespace kiln
