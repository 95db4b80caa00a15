#include "io/message_door.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "io/abstract_address.h"
#include "io/completion.h"

namespace kiln {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr std::size_t kLongestDoorName = 90;

using detail::AbstractAddress;

Error door_failed(const std::string& what, int cause) {
  return {"socket.failed", fmt::format("{}: {}", what, std::strerror(cause)), "", Blame::station};
}

/// Abstract addresses have no owner in the file system: whoever comes is looked at.
bool may_come_in(int descriptor) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == 0 || peer.uid == ::geteuid());
}

class AbstractDoor final : public MessageDoor {
 public:
  AbstractDoor(Loop& loop, int descriptor)
      : loop_(loop),
        descriptor_(std::make_shared<asio::posix::stream_descriptor>(loop.native(), descriptor)) {}
  AbstractDoor(const AbstractDoor&) = delete;
  AbstractDoor& operator=(const AbstractDoor&) = delete;
  ~AbstractDoor() override { descriptor_->close(); }

  awaitable<Result<std::unique_ptr<MessageSocket>>> accept(const Ctx& ctx) override {
    while (true) {
      const int got = ::accept4(descriptor_->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      const int cause = errno;
      if (got >= 0 && may_come_in(got)) co_return adopt_message_socket(loop_, got);
      if (got >= 0) {
        ::close(got);
        continue;
      }
      if (cause == EINTR || cause == ECONNABORTED) continue;
      if (cause != EAGAIN && cause != EWOULDBLOCK) co_return door_failed("accept", cause);
      const Completion<bool> ready;
      const std::shared_ptr<asio::posix::stream_descriptor> descriptor = descriptor_;
      descriptor->async_wait(asio::posix::stream_descriptor::wait_read,
                             [ready, descriptor](boost::system::error_code) { ready.complete(true); });
      const Result<bool> waited = co_await ready.wait(ctx);
      if (!waited) co_return waited.error();
    }
  }

 private:
  Loop& loop_;
  std::shared_ptr<asio::posix::stream_descriptor> descriptor_;
};

int door_socket() { return ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

}  // namespace

Result<std::unique_ptr<MessageDoor>> open_message_door(Loop& loop, const std::string& name) {
  if (name.empty() || name.size() > kLongestDoorName)
    return door_failed("a door named " + name, ENAMETOOLONG);
  const int descriptor = door_socket();
  if (descriptor < 0) return door_failed("socket", errno);
  const AbstractAddress address(name);
  if (::bind(descriptor, address.generic(), address.length) != 0 || ::listen(descriptor, 256) != 0) {
    const int cause = errno;
    ::close(descriptor);
    if (cause == EADDRINUSE) return Error("socket.taken", name + " is taken", "", Blame::station);
    return door_failed("listen", cause);
  }
  return std::unique_ptr<MessageDoor>(std::make_unique<AbstractDoor>(loop, descriptor));
}

Result<std::unique_ptr<MessageSocket>> knock(Loop& loop, const std::string& name) {
  if (name.empty() || name.size() > kLongestDoorName)
    return door_failed("a door named " + name, ENAMETOOLONG);
  const int descriptor = door_socket();
  if (descriptor < 0) return door_failed("socket", errno);
  const AbstractAddress address(name);
  if (::connect(descriptor, address.generic(), address.length) != 0) {
    const int cause = errno;
    ::close(descriptor);
    if (cause == EAGAIN)
      return Error("socket.busy", name + ": too many are waiting there", "", Blame::station);
    if (cause == ECONNREFUSED)
      return Error("socket.closed", name + ": nobody is there any more", "", Blame::station);
    return door_failed("connect", cause);
  }
  return adopt_message_socket(loop, descriptor);
}

std::vector<std::string> message_doors(const std::string& prefix) {
  // proc(5), /proc/net/unix: the last column is the path; an abstract one begins with '@'.
  std::vector<std::string> names;
  std::ifstream table("/proc/net/unix");
  for (std::string line; std::getline(table, line);) {
    const std::size_t at = line.rfind(" @" + prefix);
    if (at == std::string::npos) continue;
    const std::string name = line.substr(at + 2);
    // Its own end of every connection has the door's name too.
    bool known = false;
    for (const std::string& one : names) known = known || one == name;
    if (!known) names.push_back(name);
  }
  return names;
}

}  // namespace kiln
