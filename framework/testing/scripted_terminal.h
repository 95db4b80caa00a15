#pragma once
// The double of io/terminal.h: keeps what was written and types what the test says, at simulated times. Loop
// thread only.

#include <string>
#include <utility>
#include <vector>

#include "io/completion.h"
#include "io/terminal.h"

namespace kiln {

class ScriptedTerminal final : public Terminal {
 public:
  bool draws = true;
  bool reads = true;
  TerminalSize window;
  bool keys_taken = false;
  int discarded = 0;

  /// Types `keys` when the run has lasted `after`; in order of `after`.
  void type_after(Nanoseconds after, std::string keys) { script_.emplace_back(after, std::move(keys)); }

  [[nodiscard]] const std::string& written() const { return written_; }

  [[nodiscard]] bool can_draw() const override { return draws; }
  [[nodiscard]] bool can_read() const override { return reads; }
  [[nodiscard]] TerminalSize size() const override { return window; }
  void write(std::string_view text) override { written_ += text; }
  boost::asio::awaitable<void> drain(const Ctx& /*ctx*/) override { co_return; }
  void take_keys(bool take) override { keys_taken = take; }
  boost::asio::awaitable<Result<std::string>> read(const Ctx& ctx) override {
    if (begun_ns_ == 0) begun_ns_ = ctx.now().monotonic_ns;
    if (next_ >= script_.size()) {
      Completion<bool> never;
      const Result<bool> waited = co_await never.wait(ctx);
      co_return waited.error();
    }
    const auto [after, keys] = script_[next_++];
    const Nanoseconds rest(begun_ns_ + after.count() - ctx.now().monotonic_ns);
    if (rest > Nanoseconds(0)) {
      const Status waited = co_await ctx.sleep_for(rest);
      if (!waited) co_return waited.error();
    }
    co_return keys;
  }
  void discard_typed() override { ++discarded; }

 private:
  std::vector<std::pair<Nanoseconds, std::string>> script_;
  std::size_t next_ = 0;
  std::int64_t begun_ns_ = 0;
  std::string written_;
};

}  // namespace kiln
