#pragma once
// What run, demo and resume share: from a checked setup to reports and an exit code.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/runner.h"
#include "io/loop.h"
#include "station/command_line.h"
#include "station/console.h"
#include "station/paths.h"
#include "station/resumable.h"
#include "station/run_setup.h"

namespace kiln {

/// Delivers SIGINT and SIGTERM to whatever is running at that moment.
struct StopSwitch {
  std::function<void(int)> on_signal;
  int pending = 0;  ///< arrived before anything could be stopped
  void signal(int number);
};

/// Runs the plan of `setup` and prints the outcome. Everything wrong was printed. Returns the exit code.
/// `before`: the run that is gone on with; null: a new one.
boost::asio::awaitable<int> execute_run(Ctx& ctx, const CommandLine& line, const Paths& paths,
                                        RunSetup& setup, StopSwitch& stop, Resumable* before = nullptr);

}  // namespace kiln
