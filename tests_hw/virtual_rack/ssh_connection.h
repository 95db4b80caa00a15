#pragma once
// One SSH connection of a virtual host: libssh server session, pumped by socket readiness and by the server's
// tick. Made and ticked by ssh_server.cc. Thread: the rack's loop.
//
// libssh may dispatch any packet inside any call, so its callbacks only note what arrived; the work is done
// after the call has returned. Nothing is written inside a callback: it would overtake the answer to the
// request.

#include <libssh/callbacks.h>
#include <libssh/server.h>

#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "tests_hw/virtual_rack/host_commands/command.h"
#include "tests_hw/virtual_rack/request_log.h"

namespace kiln::virtual_rack {

struct SshKeyFree {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using SshKey = std::unique_ptr<ssh_key_struct, SshKeyFree>;

/// What a connection needs of its server; outlives it.
struct SshHost {
  Host host;
  RequestLog& log;
  std::string user;
  std::string password;
  std::vector<SshKey> authorized_keys;
  /// Commands whose channel went away; they live on until they end or write (and then die of a closed pipe).
  std::list<std::unique_ptr<Command>> orphans;
};

class SshConnection : public std::enable_shared_from_this<SshConnection> {
 public:
  /// `mute` accepts the connection and never says a word.
  SshConnection(boost::asio::ip::tcp::socket socket, SshHost& server, bool mute);
  ~SshConnection();
  SshConnection(const SshConnection&) = delete;
  SshConnection& operator=(const SshConnection&) = delete;

  void start(ssh_bind bind);
  /// Steps running commands and flushes output.
  void tick();
  /// Closes at once; running commands become orphans of the server.
  void close();

  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool running_command() const;
  /// From now on the connection stays open and says nothing.
  void mute() { mute_ = true; }
  [[nodiscard]] bool muted() const { return mute_; }

 private:
  struct Channel;

  static int on_password(ssh_session session, const char* user, const char* password, void* self);
  static int on_public_key(ssh_session session, const char* user, ssh_key key, char state, void* self);
  static ssh_channel on_open(ssh_session session, void* self);
  static int on_exec(ssh_session session, ssh_channel channel, const char* command, void* state);
  static int on_env(ssh_session session, ssh_channel channel, const char* name, const char* value,
                    void* state);
  static int on_data(ssh_session session, ssh_channel channel, void* data, std::uint32_t size, int is_stderr,
                     void* state);
  static void on_eof(ssh_session session, ssh_channel channel, void* state);
  static void on_closed(ssh_session session, ssh_channel channel, void* state);

  void wait_readable();
  void wait_writable();
  void pump();
  bool dispatch();
  void work();
  bool work_on(Channel& channel);
  void finish(Channel& channel);
  int denied();

  boost::asio::ip::tcp::socket socket_;
  SshHost& server_;
  ssh_session session_ = nullptr;
  ssh_event event_ = nullptr;
  ssh_server_callbacks_struct callbacks_{};
  std::list<std::unique_ptr<Channel>> channels_;
  std::uint64_t opened_ns_ = 0;
  int failures_ = 0;
  bool authenticated_ = false;
  bool mute_ = false;
  bool pumping_ = false;
  bool waiting_to_write_ = false;
  bool closed_ = false;
};

}  // namespace kiln::virtual_rack
