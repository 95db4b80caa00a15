#pragma once
// A command running on a DUT's host. What it prints and when it ends follows from the rack's state alone.
// Owner: the SSH channel that asked for it, later the server when the channel is gone. Thread: the rack's
// loop.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// Where a command runs. Both outlive every command.
struct Host {
  RackModel& rack;
  Dut& dut;
};

struct Output {
  std::string out;
  std::string err;
};

/// How a command ended: by itself with a status, or by a signal.
struct Exit {
  int status = 0;
  int signal = 0;
};

class Command {
 public:
  Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  virtual ~Command() = default;

  /// Does what is due at rack.now_ns, appends what it prints, and returns its end once it has ended.
  /// Called about every 20 ms until it returns an end; never again after that.
  virtual std::optional<Exit> step(Output& output) = 0;

  /// Asks it to end, as kill(2) does; it ends in one of the next steps.
  virtual void signal(int /*number*/) {}

  /// What the client writes to its standard input, and that it will write no more. Most programs read none.
  virtual void input(const std::string& /*bytes*/) {}
  virtual void input_ended() {}
};

/// A command that is done as soon as it is asked for.
class FinishedCommand final : public Command {
 public:
  explicit FinishedCommand(std::string out, int status = 0, std::string err = {})
      : out_(std::move(out)), err_(std::move(err)), status_(status) {}

  std::optional<Exit> step(Output& output) override {
    output.out += out_;
    output.err += err_;
    return Exit{status_, 0};
  }

 private:
  std::string out_;
  std::string err_;
  int status_;
};

inline std::unique_ptr<Command> finished(std::string out, int status = 0, std::string err = {}) {
  return std::make_unique<FinishedCommand>(std::move(out), status, std::move(err));
}

using Arguments = std::vector<std::string>;  // [0] is the program's name

}  // namespace kiln::virtual_rack
