// Shell whose host is in the same process: no SSH and no sockets. The errors are those of the real one
// (io/libssh_shell.cc).

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "io/lease.h"
#include "rack_in_process.h"
#include "tests_hw/virtual_rack/host_commands/interpreter.h"
#include "tests_hw/virtual_rack/physics.h"

namespace kiln::matrix {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

constexpr Nanoseconds kConnects = 60ms, kNoAnswer = 10s;
constexpr Nanoseconds kStep = 20ms;  ///< as the SSH server steps its commands
/// One that runs for hours is looked at less often: its output comes a little later, which nobody judges.
constexpr Nanoseconds kLongestStep = 500ms;
constexpr int kShareOfAge = 40;

void append(std::string& kept, const std::string& piece, std::size_t most, std::size_t& dropped) {
  const std::size_t room = most - std::min(most, kept.size());
  kept += piece.substr(0, room);
  dropped += piece.size() - std::min(piece.size(), room);
}

class RackShell final : public Shell {
 public:
  explicit RackShell(HostDoor& door) : door_(door) {}

  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
    const Status there = co_await connect(ctx);
    if (!there) co_return there.error();
    advance(door_.host.rack, static_cast<std::uint64_t>(ctx.now().monotonic_ns));
    const std::string line = command.lease ? leased_line(command.line, *command.lease) : command.line;
    door_.log.add(door_.host.dut.id, "SSH", line);
    const auto running = std::make_shared<RunningCommand>();
    running->command = virtual_rack::interpret(door_.host, line);
    const auto noted = door_.running.insert(door_.running.end(), running);
    if (command.lease) running->command->input(kLeaseRenewal);
    if (!command.lease) {
      running->command->input(command.input);
      running->command->input_ended();
    }
    Result<CommandResult> result = co_await follow(ctx, &command, running.get());
    door_.running.erase(noted);
    if (!result) {
      running->command->input_ended();
      door_.orphans.push_back(std::move(running->command));
      if (result.error().code == "ssh.connection_lost") connected_ = false;
    }
    co_return result;
  }
  awaitable<void> disconnect() override {
    connected_ = false;
    co_return;
  }
  [[nodiscard]] bool was_connected() const override { return was_connected_; }

 private:
  awaitable<Status> connect(const Ctx& ctx) {
    const Status wanted = ctx.check();
    if (!wanted) co_return wanted;
    if (connected_ && seen_cuts_ == door_.connections_cut && !door_.hangs()) co_return success();
    connected_ = false;
    const std::string& host = door_.host.dut.id;
    const Status travelled = co_await ctx.sleep_for(kConnects);
    if (!travelled) co_return travelled;
    if (!door_.host.dut.host_up) co_return Error("ssh.connect", fmt::format("{}: connection refused", host));
    if (door_.hangs()) {
      const Status waited = co_await ctx.sleep_for(kNoAnswer);
      if (!waited) co_return waited;
      co_return Error("ssh.timeout", fmt::format("{}: the host accepts and says nothing", host));
    }
    connected_ = was_connected_ = true;
    seen_cuts_ = door_.connections_cut;
    co_return success();
  }

  awaitable<Result<CommandResult>> follow(const Ctx& ctx, Command* command, RunningCommand* running) {
    CommandResult result;
    const std::int64_t began_ns = ctx.now().monotonic_ns;
    std::int64_t renewed_ns = began_ns;
    for (;;) {
      if (running->lost)
        co_return Error("ssh.connection_lost", fmt::format("{}: the connection was lost", door_.host.dut.id));
      // A host that hangs reads nothing and says nothing; what runs on it goes on.
      if (!door_.hangs()) {
        if (const auto end = step(*command, *running, result)) {
          result.exit_status = end->signal == 0 ? end->status : -1;
          if (end->signal != 0)
            result.signal = end->signal == SIGTERM ? "TERM" : end->signal == SIGKILL ? "KILL" : "INT";
          co_return result;
        }
      }
      const std::int64_t now_ns = ctx.now().monotonic_ns;
      if (command->lease && !door_.hangs() &&
          now_ns - renewed_ns >= lease_renewal_every(*command->lease).count()) {
        running->command->input(kLeaseRenewal);
        renewed_ns = now_ns;
      }
      const Nanoseconds pause = std::clamp(Nanoseconds((now_ns - began_ns) / kShareOfAge), Nanoseconds(kStep),
                                           Nanoseconds(kLongestStep));
      const Status waited = co_await ctx.sleep_for(pause);
      if (!waited) co_return waited.error();
    }
  }

  static std::optional<virtual_rack::Exit> step(Command& command, RunningCommand& running,
                                                CommandResult& result) {
    virtual_rack::Output output;
    const std::optional<virtual_rack::Exit> end = running.command->step(output);
    if (!output.out.empty() && command.on_output) command.on_output(output.out);
    append(result.out, output.out, command.max_output, result.dropped_bytes);
    append(result.err, output.err, command.max_output, result.dropped_bytes);
    return end;
  }

  HostDoor& door_;
  bool connected_ = false, was_connected_ = false;
  int seen_cuts_ = 0;
};

}  // namespace

std::unique_ptr<Shell> make_rack_shell(HostDoor& door) { return std::make_unique<RackShell>(door); }

}  // namespace kiln::matrix
