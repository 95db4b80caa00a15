#pragma once
// The technician's screen while a run goes on: permanent lines, so that scrolling back shows what happened;
// on a terminal a small live footer below them (the rack as it stands, what each DUT is doing, the time
// left); elsewhere plain lines with a heartbeat; and the operator's questions. All of it goes to standard
// error, so that standard output keeps the result. Loop thread only.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/devices.h"
#include "engine/plan.h"
#include "engine/resume.h"
#include "io/ctx.h"
#include "io/terminal.h"
#include "station/screen/time_left.h"
#include "station/screen/vocabulary.h"

namespace kiln {

struct ConsoleOptions {
  ColourDepth colours = ColourDepth::none;
  bool live = false;           ///< draw the footer
  bool unicode = true;         ///< else ASCII glyphs
  std::string nobody_because;  ///< not empty: nobody can answer a prompt, and this says why
  std::string operator_name;
};

/// What the command line wished.
struct ConsoleWishes {
  std::string color = "auto";  ///< auto, always or never
  bool no_input = false;
  bool plain = false;  ///< plain lines even on a terminal: the developer's log shares it
  std::string operator_name;
};

/// Wishes, NO_COLOR, COLORTERM, TERM and the locale, against what the terminal can do.
ConsoleOptions console_options(const ConsoleWishes& wishes, const Terminal& terminal);
/// Whether the locale of this program's environment writes UTF-8.
bool locale_is_utf8();
/// "auto" asks NO_COLOR and whether `descriptor` is a terminal.
ColourDepth colour_depth(const std::string& color, int descriptor);

class Console : public RunObserver, public Operator {
 public:
  /// After the plan is made, before anything runs. Plan and terminal outlive the console.
  virtual void begin(const Plan& plan, const std::string& run, TypicalDurations typical) = 0;
  /// After begin, of a run that goes on: what is kept of before stands, and what failed.
  virtual void recall(const Resumption& resumption) = 0;
  /// Redraws the footer or prints the heartbeat, and reads keys; runs until its Ctx stops.
  virtual boost::asio::awaitable<void> keep_fresh(Ctx& ctx) = 0;
  /// A person asked to stop: the footer shows it until the run has parked.
  virtual void stopping(const std::string& by) = 0;
  /// A line that needs attention.
  virtual void warn(const std::string& text) = 0;
  /// What the emergency stop does: Ctrl-X twice within 3 s, also while a question is open. Without it, or
  /// where no keys can be read, there is none.
  virtual void set_emergency_stop(std::function<void()> stop) = 0;
  /// Removes the footer; what was not yet printed is.
  virtual void end() = 0;
};

std::unique_ptr<Console> make_console(Loop& loop, Terminal& terminal, ConsoleOptions options);

}  // namespace kiln
