#pragma once
// Where questions to the operator wait for their turn: one is shown at a time, the others queue. Gets keys
// from whoever reads the keyboard. A question ends with an answer, with its time, or with its DUT's stop;
// never by itself with a yes. Loop thread only; outlives every ask().

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/devices.h"
#include "io/completion.h"

namespace kiln {

struct PromptDeskOptions {
  std::string operator_name;   ///< recorded as who answered; empty: "unnamed operator"
  std::string nobody_because;  ///< not empty: nobody can answer, and this says why
};

/// A question as the screen shows it.
struct ShownPrompt {
  std::string dut, id, text, picture, hint;
  std::string typed;    ///< what stands behind the cursor
  std::string why_not;  ///< why the last answer was none
  std::size_t waiting_behind = 0;
  std::int64_t ends_ns = 0;  ///< monotonic
};

class PromptDesk final : public Operator {
 public:
  /// What the screen must do: shown (also again, as a reminder, or after an answer that was none), answered,
  /// withdrawn (time, or the DUT stopped).
  enum class Change { shown, reminded, refused, answered, timed_out, withdrawn };
  using OnChange = std::function<void(Change change, const ShownPrompt& prompt)>;

  PromptDesk(PromptDeskOptions options, OnChange on_change);
  ~PromptDesk() override;
  PromptDesk(const PromptDesk&) = delete;
  PromptDesk& operator=(const PromptDesk&) = delete;

  boost::asio::awaitable<Result<PromptAnswer>> ask(const Ctx& ctx, std::string dut,
                                                   PromptRequest request) override;

  /// Keys, as a terminal gives them; those typed before a question was shown do not answer it.
  void typed(std::string_view bytes);

  /// Nobody will answer any more (the terminal went away): open questions end with prompt.no_input, and so do
  /// later ones.
  void close(const std::string& nobody_because);

  [[nodiscard]] std::optional<ShownPrompt> current() const;

 private:
  struct Question;
  void key(char byte);
  void enter();
  [[nodiscard]] Error no_input(const std::string& dut, const std::string& id) const;
  void leave(const std::shared_ptr<Question>& question);
  [[nodiscard]] ShownPrompt shown(const Question& question) const;
  boost::asio::awaitable<Result<PromptAnswer>> wait_for_answer(const Ctx& ctx,
                                                               std::shared_ptr<Question> question);

  PromptDeskOptions options_;
  OnChange on_change_;
  std::deque<std::shared_ptr<Question>> queue_;
};

}  // namespace kiln
