#pragma once
// A tool that loads hardware, run on the host of a DUT under a hard time limit and behind a guard that ends
// it there: for steps that wait for its whole output. Loop thread.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "engine/load.h"
#include "engine/step_context.h"

namespace kiln {

struct HostTool {
  std::string program;    ///< one word, also what its process is called: "nvbandwidth"
  std::string arguments;  ///< as the shell reads them
  Nanoseconds limit{};    ///< it is killed on the host after this, in whole seconds
};

/// Its output, whatever its exit status. Errors: those of Shell and of the guard, and of the tool's name
/// "<program>.hung" (killed before it was done) and "<program>.not_installed".
boost::asio::awaitable<Result<CommandResult>> run_host_tool(StepContext& context, const Permit& permit,
                                                            Shell& shell, HostTool tool);

/// The first line that it printed, on standard error before standard output; at most 200 characters.
std::string first_line_of(const CommandResult& result);

}  // namespace kiln
