#pragma once
// A Shell that answers from a script. A command that nobody scripted fails the running test and gets an
// Error. Loop thread only.
//
//   ScriptedShell shell;
//   shell.answer("nproc", ShellAnswer("64\n"));
//   shell.answer_matching("^stress-ng ", ShellAnswer("", 2, "stress-ng: unknown option").after(3s));

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/shell.h"

namespace kiln {

/// What a scripted command prints and how it ends, and how long it runs.
class ShellAnswer {
 public:
  explicit ShellAnswer(std::string out = {}, int exit_status = 0, std::string err = {});
  /// The command could not be run: ShellAnswer(Error("ssh.connection_lost", "…")).
  explicit ShellAnswer(Error error);
  /// Runs until the deadline or a stop. What it printed before is still given to on_output.
  static ShellAnswer never(std::string out = {});

  ShellAnswer&& killed_by(std::string signal) &&;
  /// Time of the loop that passes before the command ends.
  ShellAnswer&& after(Nanoseconds delay) &&;

 private:
  friend class ScriptedShell;
  CommandResult result_;
  std::optional<Error> error_;
  Nanoseconds delay_{0};
  bool silent_ = false;
};

class ScriptedShell final : public Shell {
 public:
  using Responder = std::function<ShellAnswer(const Command&)>;

  /// For exactly this command line, every time; a later call replaces an earlier one.
  void answer(const std::string& line, ShellAnswer answer);
  /// For exactly this command line, once; several are used in the order given, before the lasting answer.
  void answer_once(const std::string& line, ShellAnswer answer);
  /// For lines in which the (Perl) regular expression is found. Exact lines come first, then these in
  /// order.
  void answer_matching(const std::string& pattern, ShellAnswer answer);
  /// As answer_matching, for hosts with a memory: called for each such command.
  void answer_with(const std::string& pattern, Responder responder);

  boost::asio::awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override;
  boost::asio::awaitable<void> disconnect() override;
  [[nodiscard]] bool was_connected() const override { return was_connected_; }
  /// The host is as if it had never been reached.
  void never_connects() { was_connected_ = false; }

  /// Every command so far, in order, answered or not.
  [[nodiscard]] const std::vector<Command>& commands() const { return commands_; }
  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] int disconnects() const { return disconnects_; }
  /// answer_once entries nobody ran.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  struct Exact {
    std::string line;
    std::deque<ShellAnswer> once;
    Responder always;
  };
  struct Pattern {
    std::string text;
    std::function<bool(const std::string&)> found_in;
    Responder responder;
  };
  Exact& exact(const std::string& line);
  std::optional<ShellAnswer> find(const Command& command);
  void report_unscripted(const std::string& line) const;

  std::deque<Exact> exact_;
  std::vector<Pattern> patterns_;
  std::vector<Command> commands_;
  int disconnects_ = 0;
  bool was_connected_ = true;
};

}  // namespace kiln
