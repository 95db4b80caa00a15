// kiln-warden: started by kiln with a socket as its standard input; of no use by itself.

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/build_stamp.h"
#include "base/version.h"
#include "io/curl_http.h"
#include "io/libssh_shell.h"
#include "io/loop.h"
#include "io/mosquitto_mqtt.h"
#include "io/name_lock.h"
#include "io/ssh_jump.h"
#include "safety/building_door.h"
#include "safety/guard_journal.h"
#include "safety/warden.h"
#include "safety/warden_bmc.h"

namespace kiln {
namespace {

constexpr std::size_t kHandshakes = 16;  // SSH key exchanges at once
constexpr std::size_t kJumpHandshakes = 4;
constexpr int kJournalAttempts = 400;
constexpr useconds_t kJournalAgain_us = 50'000;
constexpr std::size_t kRequests =
    8;  // to one BMC: more than the watches ever have under way (4, 2 and a stream)

/// As far as the system allows: it must get its turn on a machine that is busy with everything else.
void take_precedence() {
  (void)::setpriority(PRIO_PROCESS, 0, -20);
  rlimit locked{};
  const bool unlimited = ::getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur == RLIM_INFINITY;
  // Under a limit, memory that must be locked would be refused when it is needed most.
  if (unlimited || ::geteuid() == 0) (void)::mlockall(MCL_CURRENT | MCL_FUTURE);
}

void write_ends(const std::string& path, const std::map<int, UndoResult>& results,
                const std::map<std::string, JournaledCut>& cuts) {
  static const SystemClock clock;
  Result<std::unique_ptr<GuardJournal>> journal = GuardJournal::take_over(path, clock);
  // A big station that is killed lets go of its files one after the other; the socket may be the first.
  for (int again = 0; !journal && journal.error().code == "guard.journal_in_use" && again < kJournalAttempts;
       ++again) {
    ::usleep(kJournalAgain_us);  // trap 5: everything is off and the loop has nothing left to do
    journal = GuardJournal::take_over(path, clock);
  }
  if (!journal) return;  // what it says stays open is then undone once more by kiln recover
  for (const auto& [dut, cut] : cuts) {
    const Result<int> number = (*journal)->open(to_journal(cut));
    if (!number) break;  // the ends of guards matter more, and are written over what is there
    const Status told = (*journal)->end(*number, GuardEnd::undone, "by the warden");
    (void)told;
  }
  for (const auto& [number, result] : results) {
    const Status written =
        (*journal)->end(number, result.how,
                        fmt::format("by the warden{}{}", result.message.empty() ? "" : ": ", result.message));
    (void)written;
  }
}

boost::asio::awaitable<void> watch(Ctx& ctx, WardenParts& parts, int& status) {
  status = co_await run_warden(ctx, std::move(parts));
}

SshOptions jump_options(const WardenDut& dut) {
  SshOptions options;
  options.address = dut.jump_address;
  options.port = dut.jump_port;
  options.user = dut.jump_user;
  options.password = dut.jump_password;
  options.key_file = dut.jump_key_file;
  options.host_key = dut.jump_host_key;
  options.connect_timeout = std::chrono::seconds(5);  // as of a request: a cut waits for it
  return options;
}

int run() {
  // It ends when the station has ended, and not before: neither by a key at a terminal nor with a session.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(number, SIG_IGN);
  const std::unique_ptr<Loop> loop = Loop::real();
  const Result<std::unique_ptr<MessageSocket>> station = adopt_message_socket(*loop, STDIN_FILENO);
  if (!station) {
    std::cerr << "kiln-warden is started by kiln, not by hand (" << station.error().message << ")\n";
    return 2;
  }
  take_precedence();
  CurlEngine curl(*loop);
  Pool handshakes("ssh_handshake", kHandshakes);
  Pool jump_handshakes("jump_handshake", kJumpHandshakes);  // hosts that hang keep no BMC out of reach
  WardenParts parts;
  parts.station = station->get();
  parts.version = kVersion;
  parts.build_stamp = kBuildStamp;
  Loop* the_loop = loop.get();
  std::map<std::string, std::shared_ptr<SshJump>> jumps;  // by user, address and key
  parts.open_bmc = [&curl, &jumps, the_loop, &jump_handshakes](const WardenDut& dut) -> Result<WardenBmc> {
    HttpOptions options;
    if (!dut.jump_address.empty()) {
      std::shared_ptr<SshJump>& jump =
          jumps[fmt::format("{}@{}:{} {} {}", dut.jump_user, dut.jump_address, dut.jump_port,
                            dut.jump_key_file, dut.jump_host_key)];
      if (!jump) jump = make_ssh_jump(*the_loop, jump_handshakes, jump_options(dut));
      options.jump = jump;
    }
    options.trust = dut.bmc_trust;
    options.request_timeout = std::chrono::seconds(5);
    options.max_concurrent = kRequests;
    Result<std::unique_ptr<HttpClient>> client = curl.client(std::move(options));
    if (!client) return client.error();
    return make_warden_bmc(std::move(*client), dut);
  };
  parts.open_shell = [the_loop, &handshakes](const WardenDut& dut) -> Result<std::unique_ptr<Shell>> {
    SshOptions options;
    options.address = dut.host_address;
    options.port = dut.host_port;
    options.user = dut.host_user;
    options.password = dut.host_password;
    options.key_file = dut.host_key_file;
    options.host_key = dut.host_key;
    return make_libssh_shell(*the_loop, handshakes, std::move(options));
  };
  parts.open_building = [the_loop](const WardenBuilding& building, const std::string& run) {
    return make_mosquitto_mqtt(*the_loop, mqtt_options(building, "kiln-" + run));
  };
  parts.write_ends = write_ends;
  const Result<std::unique_ptr<MessageDoor>> door =
      open_message_door(*loop, fmt::format("{}{}", kStopDoors, ::getpid()));
  if (door) parts.door = door->get();  // without it everything else still holds
  // Held until it ends: no second warden has the same DUTs, and nobody recovers what it is undoing.
  std::vector<NameLock> locks;
  parts.begin = [&locks](const WardenHello& hello, const std::vector<std::string>& bmcs) -> Status {
    std::set<std::string> names{warden_lock_name(hello.journal)};
    for (const std::string& place : bmcs) names.insert("warded " + place);
    for (const std::string& name : names) {
      Result<NameLock> taken = NameLock::take(name);
      if (!taken && taken.error().code == "lock.taken") {
        return Error("warden.busy",
                     fmt::format("the warden of an earlier run still has work to do there ({}: {})", name,
                                 taken.error().message),
                     "wait until it has ended", Blame::station);
      }
      if (!taken) return taken.error();
      locks.push_back(std::move(*taken));
    }
    return success();
  };
  int status = 4;
  loop->run([&parts, &status](Ctx& ctx) { return watch(ctx, parts, status); });
  return status;
}

}  // namespace
}  // namespace kiln

int main() { return kiln::run(); }
