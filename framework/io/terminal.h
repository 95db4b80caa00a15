#pragma once
// The terminal of the person at the station, or the pipe or file in its place: lines out, keys in. Writing
// never blocks: a terminal stopped with Ctrl-S, a dead SSH connection or a reader that sleeps must not stop
// the loop, which watches for leaks. Loop thread only. The fake is testing/scripted_terminal.h.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "io/ctx.h"

namespace kiln {

struct TerminalSize {
  int rows = 24;
  int columns = 80;
};

class Terminal {
 public:
  virtual ~Terminal() = default;

  /// Output is a terminal that can move its cursor (TERM is set and not "dumb").
  [[nodiscard]] virtual bool can_draw() const = 0;
  /// Keys can be read: input and output are terminals, so that a person sees what is asked.
  [[nodiscard]] virtual bool can_read() const = 0;
  /// As the window is now; 24 x 80 where nobody knows.
  [[nodiscard]] virtual TerminalSize size() const = 0;

  /// Takes the text; what the terminal does not take at once follows later, in order. Beyond 1 MiB of waiting
  /// text the oldest lines are dropped, and a line says how many.
  virtual void write(std::string_view text) = 0;
  /// Waits until what is waiting was taken, at most until the deadline of `ctx`.
  virtual boost::asio::awaitable<void> drain(const Ctx& ctx) = 0;

  /// true: each key by itself and not echoed. false, and when the object dies: as it was before.
  virtual void take_keys(bool take) = 0;
  /// The next bytes typed. Waits while another program has the keyboard. Errors: terminal.gone, and those of
  /// every wait.
  virtual boost::asio::awaitable<Result<std::string>> read(const Ctx& ctx) = 0;
  /// Forgets what was typed and not yet read: it was meant for an earlier question.
  virtual void discard_typed() = 0;
};

/// On two descriptors of this program, which stay the caller's.
std::unique_ptr<Terminal> make_terminal(Loop& loop, int output, int input);

/// A run outlives its terminal. Closing the window (SIGHUP), Ctrl-Z (SIGTSTP), Ctrl-\ (SIGQUIT) and reading
/// or writing in the background would stop the station and leave what it energised alone; from here on they
/// are ignored. SIGINT and SIGTERM, which park first, are not touched. Children start with the defaults
/// again.
void outlive_the_terminal();

}  // namespace kiln
