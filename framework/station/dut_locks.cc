#include "station/dut_locks.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "base/sha256.h"

namespace kiln {
namespace {

struct Address {
  sockaddr_un socket{};
  socklen_t length = 0;
};

/// The abstract name of a lock: a hash, because addresses may be longer than a name (107 bytes).
Address lock_address(const std::string& address) {
  const std::string name = "kiln-dut-" + sha256_hex(address);
  Address lock;
  lock.socket.sun_family = AF_UNIX;
  std::memcpy(lock.socket.sun_path + 1, name.data(), name.size());  // the first byte stays 0: abstract
  lock.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return lock;
}

const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.socket);  // NOLINT: what the call is made for
}

int socket_of_ours() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

/// "process 4711 of anna"; who listens on a socket is known to whoever connects (SO_PEERCRED, unix(7)).
std::string owner_of(const Address& address) {
  const int descriptor = socket_of_ours();
  if (descriptor < 0) return "another process";
  ucred owner{};
  socklen_t size = sizeof owner;
  const bool known = ::connect(descriptor, generic(address), address.length) == 0 &&
                     ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &owner, &size) == 0;
  ::close(descriptor);
  if (!known) return "another process";
  passwd entry{};
  passwd* found = nullptr;
  std::string room(4096, '\0');
  const bool named =
      ::getpwuid_r(owner.uid, &entry, room.data(), room.size(), &found) == 0 && found != nullptr;
  return fmt::format("process {} of {}", owner.pid,
                     named ? std::string(entry.pw_name) : std::to_string(owner.uid));
}

}  // namespace

DutLocks::DutLocks(DutLocks&& other) noexcept : descriptors_(std::exchange(other.descriptors_, {})) {}

DutLocks::~DutLocks() {
  for (const int descriptor : descriptors_) ::close(descriptor);
}

Result<DutLocks> DutLocks::take(const Plan& plan) {
  DutLocks locks;
  std::set<std::string> taken;
  for (const auto& id : plan.duts) {
    const Dut& dut = *plan.inventory.find(id);
    std::vector<std::string> addresses;
    if (dut.bmc) addresses.push_back(dut.bmc->url);
    if (dut.host) addresses.push_back(fmt::format("{}:{}", dut.host->address, dut.host->port));
    for (const auto& address : addresses) {
      if (!taken.insert(address).second) continue;
      const int descriptor = socket_of_ours();
      if (descriptor < 0) {
        return Error("station.locks", fmt::format("no lock for {}: {}", address, std::strerror(errno)),
                     "raise the limit of open files", Blame::station);
      }
      locks.descriptors_.push_back(descriptor);
      const Address lock = lock_address(address);
      const bool bound = ::bind(descriptor, generic(lock), lock.length) == 0 && ::listen(descriptor, 8) == 0;
      if (bound) continue;
      if (errno != EADDRINUSE) {
        return Error("station.locks", fmt::format("no lock for {}: {}", address, std::strerror(errno)), "",
                     Blame::station);
      }
      return Error(
          "dut.busy",
          fmt::format("{} ({}) is in use by another run on this machine: {}", id, address, owner_of(lock)),
          "wait for that run, or stop it: kiln abort last", Blame::operator_);
    }
  }
  return locks;
}

}  // namespace kiln
