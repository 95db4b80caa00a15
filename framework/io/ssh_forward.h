#pragma once
// ForwardedStream: a connection from an SSH host on to something behind it (RFC 4254 7.2, "direct-tcpip"), as
// a local stream socket. No port is opened on this station. Private to io/. Loop thread only.
//
// libcurl 7.88 connects also a socket of which it was told that it is connected already (mended in 8.0), so
// that a socket pair does not do; and keeps no connection to an address that it cannot print, so that an
// abstract one does not, either. The two ends meet at a path in a directory of this process alone, which is
// there from open() to the next turn of the loop, and nobody but this process is let in.
//
// Bounded: at most 16 KiB are held here in each direction; what nobody takes stays in the socket, and in
// libssh within the channel's window (1.28 MB), and then the other side has to wait.

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "io/ssh_connection.h"
#include "io/ssh_jump.h"

namespace kiln::detail {

class ForwardedStream : public std::enable_shared_from_this<ForwardedStream> {
 public:
  /// Begins to connect. `connection` is logged in. `on_end` is called once, posted, when it is over.
  static Result<std::shared_ptr<ForwardedStream>> open(Loop& loop, std::shared_ptr<SshConnection> connection,
                                                       std::string host, std::uint16_t port,
                                                       std::function<void()> on_end);
  ForwardedStream(Loop& loop, std::shared_ptr<SshConnection> connection, std::string host, std::uint16_t port,
                  std::function<void()> on_end);
  ForwardedStream(const ForwardedStream&) = delete;
  ForwardedStream& operator=(const ForwardedStream&) = delete;
  ~ForwardedStream();

  /// The end that is to be used, once; whoever takes it closes it, and connects it to address() at once.
  /// Non-blocking.
  int take_end();
  [[nodiscard]] const LocalAddress& address() const { return address_; }
  /// Why it is over; nullopt while it is not, and when its user has closed it.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  /// Breaks it off.
  void close();

 private:
  enum class State { opening, open, ended };

  static int on_data(ssh_session session, ssh_channel channel, void* data, std::uint32_t size, int is_stderr,
                     void* self);
  static void on_channel_end(ssh_session session, ssh_channel channel, void* self);
  void wake();
  void turn();
  bool meet();
  void leave_meeting();
  void advance_opening();
  /// One step each way; false: nothing could be moved.
  bool from_far();
  bool from_near();
  void listen();
  void wait_for_more();
  void end(std::optional<Error> why);
  [[nodiscard]] Error refusal() const;

  Loop& loop_;
  std::shared_ptr<SshConnection> connection_;
  std::string host_;
  std::uint16_t port_;
  std::function<void()> on_end_;
  boost::asio::posix::stream_descriptor near_;
  int end_ = -1;   ///< not yet taken
  int meet_ = -1;  ///< where it is waited for; open until the first turn
  LocalAddress address_;
  ssh_channel channel_ = nullptr;
  ssh_channel_callbacks_struct callbacks_{};
  State state_ = State::opening;
  bool asked_ = false;  ///< the jump host was asked to connect
  std::string to_near_, to_far_;
  bool far_is_over_ = false;
  bool posted_ = false, listening_ = false, reading_ = false, writing_ = false;
  std::optional<Error> failure_;
};

}  // namespace kiln::detail
