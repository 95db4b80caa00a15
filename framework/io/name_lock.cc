#include "io/name_lock.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/sha256.h"
#include "io/abstract_address.h"

namespace kiln {
namespace {

using detail::AbstractAddress;

/// A hash of the name, because a name may be longer than an address.
AbstractAddress address_of(const std::string& name) { return AbstractAddress("kiln-" + sha256_hex(name)); }

int socket_of_ours() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

/// "process 4711 of anna"; who listens on a socket is known to whoever connects (SO_PEERCRED, unix(7)).
std::string owner_of(const AbstractAddress& address) {
  const int descriptor = socket_of_ours();
  if (descriptor < 0) return "another process";
  ucred owner{};
  socklen_t size = sizeof owner;
  const bool known = ::connect(descriptor, address.generic(), address.length) == 0 &&
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

Result<NameLock> NameLock::take(const std::string& name) {
  const int descriptor = socket_of_ours();
  if (descriptor < 0)
    return Error("lock.failed", std::strerror(errno), "raise the limit of open files", Blame::station);
  NameLock lock(descriptor);
  const AbstractAddress address = address_of(name);
  if (::bind(descriptor, address.generic(), address.length) == 0 && ::listen(descriptor, 8) == 0) return lock;
  const int cause = errno;
  if (cause == EADDRINUSE) return Error("lock.taken", owner_of(address), "", Blame::operator_);
  return Error("lock.failed", std::strerror(cause), "", Blame::station);
}

NameLock::NameLock(NameLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
NameLock& NameLock::operator=(NameLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
NameLock::~NameLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace kiln
