#include "io/companion.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/process/v2/process.hpp>
#include <cstring>
#include <utility>

#include "io/completion.h"

namespace kiln {
namespace {

namespace process_v2 = boost::process::v2;
using boost::asio::awaitable;

class SpawnedCompanion final : public Companion {
 public:
  SpawnedCompanion(Loop& loop, pid_t pid) : pid_(pid), process_(loop.native().get_executor(), pid) {
    const Completion<int> done = done_;
    process_.async_wait(
        [done](boost::system::error_code failed, int status) { done.complete(failed ? -1 : status); });
  }
  SpawnedCompanion(const SpawnedCompanion&) = delete;
  SpawnedCompanion& operator=(const SpawnedCompanion&) = delete;
  ~SpawnedCompanion() override { process_.detach(); }  // else its destructor would end the program

  [[nodiscard]] int pid() const override { return pid_; }
  awaitable<Result<int>> ended(const Ctx& ctx) override {
    Result<int> status = co_await done_.wait(ctx);
    co_return status;
  }

 private:
  pid_t pid_;
  Completion<int> done_;
  process_v2::process process_;
};

}  // namespace

Result<std::unique_ptr<Companion>> start_companion(Loop& loop, const std::string& program, int socket) {
  if (::access(program.c_str(), X_OK) != 0) {
    return Error("process.not_found",
                 fmt::format("the program {} is not there ({})", program, std::strerror(errno)),
                 "install Kiln anew: its programs belong together", Blame::station);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, socket, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = program;
  const std::array<char*, 2> argv{name.data(), nullptr};
  pid_t pid = 0;
  const int cause = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (cause != 0) {
    return Error("process.start", fmt::format("{} cannot be started ({})", program, std::strerror(cause)),
                 "check that it is an executable file for this machine", Blame::station);
  }
  return std::unique_ptr<Companion>(std::make_unique<SpawnedCompanion>(loop, pid));
}

}  // namespace kiln
