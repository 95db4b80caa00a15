#include "io/message_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "io/completion.h"

namespace kiln {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

Error failed(const char* what, int cause) {
  return {"socket.failed",
          fmt::format("the socket between two of our programs: {}: {}", what, std::strerror(cause)), "",
          Blame::station};
}

class SequencedPackets final : public MessageSocket {
 public:
  SequencedPackets(Loop& loop, int descriptor)
      : descriptor_(std::make_shared<asio::posix::stream_descriptor>(loop.native(), descriptor)),
        buffer_(kLongestMessage + 1, '\0') {}
  SequencedPackets(const SequencedPackets&) = delete;
  SequencedPackets& operator=(const SequencedPackets&) = delete;
  ~SequencedPackets() override { descriptor_->close(); }

  awaitable<Status> send(const Ctx& ctx, std::string message) override {
    if (message.empty() || message.size() > kLongestMessage) {
      co_return Error("socket.too_long",
                      fmt::format("a message of {} bytes; at most {}", message.size(), kLongestMessage), "",
                      Blame::station);
    }
    while (true) {
      const ssize_t sent =
          ::send(descriptor_->native_handle(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) co_return success();
      const int cause = errno;
      if (cause == EINTR) continue;
      if (cause == EPIPE || cause == ECONNRESET) co_return closed();
      if (cause != EAGAIN && cause != EWOULDBLOCK && cause != ENOBUFS) co_return failed("send", cause);
      const Status ready = co_await wait(ctx, asio::posix::stream_descriptor::wait_write);
      if (!ready) co_return ready;
    }
  }

  awaitable<Result<std::string>> receive(const Ctx& ctx) override {
    while (true) {
      std::optional<Result<std::string>> now = try_receive();
      if (now) co_return std::move(*now);
      const Status ready = co_await wait(ctx, asio::posix::stream_descriptor::wait_read);
      if (ready) continue;
      // A program that was stopped itself finds its deadline over and the message waiting: that counts.
      now = try_receive();
      if (now && *now) co_return std::move(*now);
      co_return ready.error();
    }
  }

 private:
  static Error closed() {
    return {"socket.closed", "the program at the other end is gone", "", Blame::station};
  }

  /// nullopt: nothing is there yet.
  std::optional<Result<std::string>> try_receive() {
    while (true) {
      const ssize_t received =
          ::recv(descriptor_->native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      const int cause = errno;
      if (received == 0) return closed();
      if (received > 0 && static_cast<std::size_t>(received) > kLongestMessage)
        return Error("socket.too_long", "a message longer than any of ours", "", Blame::station);
      if (received > 0) return buffer_.substr(0, static_cast<std::size_t>(received));
      if (cause == EINTR) continue;
      if (cause == EAGAIN || cause == EWOULDBLOCK) return std::nullopt;
      if (cause == ECONNRESET) return closed();
      return failed("receive", cause);
    }
  }

  awaitable<Status> wait(const Ctx& ctx, asio::posix::stream_descriptor::wait_type what) {
    const Completion<bool> ready;
    const std::shared_ptr<asio::posix::stream_descriptor> descriptor = descriptor_;
    descriptor->async_wait(what, [ready, descriptor](boost::system::error_code) { ready.complete(true); });
    const Result<bool> waited = co_await ready.wait(ctx);
    if (!waited) co_return waited.error();
    co_return success();
  }

  std::shared_ptr<asio::posix::stream_descriptor> descriptor_;
  std::string buffer_;
};

}  // namespace

Result<MessageSocketPair> make_message_socket_pair(Loop& loop) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return failed("socketpair", errno);
  MessageSocketPair pair;
  pair.ours = std::make_unique<SequencedPackets>(loop, ends[0]);
  pair.theirs = ends[1];
  return pair;
}

Result<std::unique_ptr<MessageSocket>> adopt_message_socket(Loop& loop, int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return failed("not a socket", errno);
  if (type != SOCK_SEQPACKET) return failed("of another type", EPROTOTYPE);
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return std::unique_ptr<MessageSocket>(std::make_unique<SequencedPackets>(loop, descriptor));
}

}  // namespace kiln
