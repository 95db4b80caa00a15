#pragma once
// The peers of a benchmark: the benchmark's own program again, in a process of its own, so that this one's
// CPU time is the client's alone. It says on one line of JSON what it serves, and ends when its standard
// input does.

#include <boost/json.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "io/process.h"

namespace kiln::bench {

class OwnPeers {
 public:
  /// `arguments`: what makes the program the peers.
  boost::asio::awaitable<boost::json::value> start(const Ctx& ctx, std::vector<std::string> arguments) {
    launcher_ = make_process_launcher(ctx.loop());
    arguments.insert(arguments.begin(), "/proc/self/exe");
    ProcessSpec spec(std::move(arguments));
    Result<std::unique_ptr<RunningProcess>> started = co_await launcher_->start(ctx, std::move(spec));
    if (!started) throw std::runtime_error(started.error().full());
    process_ = std::move(*started);
    const Result<std::string> line = co_await process_->read_line(ctx);
    if (!line) throw std::runtime_error(line.error().full());
    co_return boost::json::parse(*line);
  }
  boost::asio::awaitable<void> stop() {
    const CommandResult ended = co_await process_->stop();
    static_cast<void>(ended);  // it is told to end; how it did says nothing about the figures
  }

 private:
  std::unique_ptr<ProcessLauncher> launcher_;
  std::unique_ptr<RunningProcess> process_;
};

}  // namespace kiln::bench
