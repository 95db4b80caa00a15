#include "tests_hw/virtual_rack/ssh_connection.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <cstring>
#include <utility>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/interpreter.h"
#include "tests_hw/virtual_rack/physics.h"

namespace kiln::virtual_rack {

namespace {

constexpr std::uint64_t kLoginGraceNs = 30'000'000'000;
constexpr int kMaxAuthTries = 6;  // as OpenSSH's sshd
constexpr std::size_t kMaxChannels = 64;
constexpr std::size_t kBufferLimit = 4U << 20;  // a command waits while its client does not read
constexpr std::size_t kWriteChunk = 32768;
constexpr int kMaxDispatches = 64;

const char* signal_name(int number) {
  switch (number) {
    case SIGTERM:
      return "TERM";
    case SIGKILL:
      return "KILL";
    case SIGINT:
      return "INT";
    case SIGHUP:
      return "HUP";
    case SIGPIPE:
      return "PIPE";
    default:
      return "ABRT";
  }
}

}  // namespace

struct SshConnection::Channel {
  ssh_channel channel = nullptr;
  ssh_channel_callbacks_struct callbacks{};
  std::string line;
  bool asked = false;  // an exec request has arrived
  bool started = false;
  bool gone = false;  // the client closed it
  bool done = false;  // everything is sent
  std::unique_ptr<Command> command;
  std::string unread;  // of standard input, before the command began
  bool input_ended = false;
  std::optional<Exit> end;
  Output output;
  std::size_t out_sent = 0;
  std::size_t err_sent = 0;

  [[nodiscard]] std::size_t buffered() const {
    return output.out.size() + output.err.size() - out_sent - err_sent;
  }
};

SshConnection::SshConnection(boost::asio::ip::tcp::socket socket, SshHost& server, bool mute)
    : socket_(std::move(socket)), server_(server), opened_ns_(monotonic_ns()), mute_(mute) {}

SshConnection::~SshConnection() { close(); }

void SshConnection::start(ssh_bind bind) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  session_ = ssh_new();
  event_ = ssh_event_new();
  // libssh closes the descriptor it was given; Asio keeps its own.
  const int descriptor = ::dup(socket_.native_handle());
  if (session_ == nullptr || event_ == nullptr || descriptor < 0 ||
      ssh_bind_accept_fd(bind, session_, descriptor) != SSH_OK) {
    if (descriptor >= 0) {
      ::close(descriptor);
    }
    close();
    return;
  }
  ssh_set_blocking(session_, 0);
  callbacks_.userdata = this;
  callbacks_.auth_password_function = &SshConnection::on_password;
  callbacks_.auth_pubkey_function = &SshConnection::on_public_key;
  callbacks_.channel_open_request_session_function = &SshConnection::on_open;
  ssh_callbacks_init(&callbacks_);
  ssh_set_server_callbacks(session_, &callbacks_);
  const int methods = (server_.password.empty() ? 0 : SSH_AUTH_METHOD_PASSWORD) |
                      (server_.authorized_keys.empty() ? 0 : SSH_AUTH_METHOD_PUBLICKEY);
  ssh_set_auth_methods(session_, methods);
  if (mute_) {
    wait_readable();
    return;
  }
  if (ssh_handle_key_exchange(session_) == SSH_ERROR || ssh_event_add_session(event_, session_) != SSH_OK) {
    close();
    return;
  }
  pump();
  wait_readable();
}

void SshConnection::wait_readable() {
  if (closed_) {
    return;
  }
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](boost::system::error_code error) {
                       if (error || self->closed_) {
                         return;
                       }
                       if (self->mute_) {
                         return;  // the host hangs: nothing is read any more
                       }
                       self->pump();
                       self->wait_readable();
                     });
}

void SshConnection::wait_writable() {
  if (closed_ || waiting_to_write_) {
    return;
  }
  waiting_to_write_ = true;
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](boost::system::error_code error) {
                       self->waiting_to_write_ = false;
                       if (!error && !self->closed_) {
                         self->pump();
                       }
                     });
}

int SshConnection::denied() {
  ++failures_;
  return SSH_AUTH_DENIED;
}

int SshConnection::on_password(ssh_session /*session*/, const char* user, const char* password, void* self) {
  auto& connection = *static_cast<SshConnection*>(self);
  const SshHost& server = connection.server_;
  if (server.password.empty() || server.user != user || server.password != password) {
    return connection.denied();
  }
  connection.authenticated_ = true;
  return SSH_AUTH_SUCCESS;
}

int SshConnection::on_public_key(ssh_session /*session*/, const char* user, ssh_key key, char state,
                                 void* self) {
  auto& connection = *static_cast<SshConnection*>(self);
  const SshHost& server = connection.server_;
  bool known = false;
  for (const SshKey& authorized : server.authorized_keys) {
    known = known || ssh_key_cmp(authorized.get(), key, SSH_KEY_CMP_PUBLIC) == 0;
  }
  if (!known || server.user != user) {
    return connection.denied();
  }
  if (state == SSH_PUBLICKEY_STATE_NONE) {
    return SSH_AUTH_SUCCESS;  // the client only asked whether this key would do
  }
  if (state != SSH_PUBLICKEY_STATE_VALID) {
    return connection.denied();
  }
  connection.authenticated_ = true;
  return SSH_AUTH_SUCCESS;
}

ssh_channel SshConnection::on_open(ssh_session session, void* self) {
  auto& connection = *static_cast<SshConnection*>(self);
  if (connection.channels_.size() >= kMaxChannels) {
    return nullptr;
  }
  auto state = std::make_unique<Channel>();
  state->channel = ssh_channel_new(session);
  if (state->channel == nullptr) {
    return nullptr;
  }
  state->callbacks.userdata = state.get();
  state->callbacks.channel_exec_request_function = &SshConnection::on_exec;
  state->callbacks.channel_env_request_function = &SshConnection::on_env;
  state->callbacks.channel_data_function = &SshConnection::on_data;
  state->callbacks.channel_eof_function = &SshConnection::on_eof;
  state->callbacks.channel_close_function = &SshConnection::on_closed;
  ssh_callbacks_init(&state->callbacks);
  ssh_set_channel_callbacks(state->channel, &state->callbacks);
  connection.channels_.push_back(std::move(state));
  return connection.channels_.back()->channel;
}

int SshConnection::on_exec(ssh_session /*session*/, ssh_channel /*channel*/, const char* command,
                           void* state) {
  auto& channel = *static_cast<Channel*>(state);
  if (channel.asked) {
    return 1;
  }
  channel.asked = true;
  channel.line = command;
  return 0;
}

int SshConnection::on_env(ssh_session /*session*/, ssh_channel /*channel*/, const char* /*name*/,
                          const char* /*value*/, void* /*state*/) {
  return 0;
}

int SshConnection::on_data(ssh_session /*session*/, ssh_channel /*channel*/, void* data, std::uint32_t size,
                           int is_stderr, void* state) {
  auto& channel = *static_cast<Channel*>(state);
  if (is_stderr == 0) channel.unread.append(static_cast<const char*>(data), size);
  return static_cast<int>(size);
}

void SshConnection::on_eof(ssh_session /*session*/, ssh_channel /*channel*/, void* state) {
  static_cast<Channel*>(state)->input_ended = true;
}

void SshConnection::on_closed(ssh_session /*session*/, ssh_channel /*channel*/, void* state) {
  static_cast<Channel*>(state)->gone = true;
}

/// Lets libssh read and answer; false: the connection is over.
bool SshConnection::dispatch() {
  for (int round = 0; round < kMaxDispatches; ++round) {
    const int result = ssh_event_dopoll(event_, 0);
    if (result == SSH_ERROR) {
      return false;
    }
    if (result == SSH_AGAIN) {
      break;
    }
  }
  return ssh_is_connected(session_) != 0 && failures_ < kMaxAuthTries;
}

void SshConnection::pump() {
  if (closed_ || mute_ || pumping_) {
    return;
  }
  pumping_ = true;
  const bool alive = server_.host.dut.host_up && dispatch();  // a host that went down answers nothing more
  if (alive) {
    work();
  }
  pumping_ = false;
  if (!alive || closed_) {
    closed_ = true;
    close();
    return;
  }
  if ((ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0) {
    wait_writable();
  }
}

void SshConnection::work() {
  // Try, flush, try again: every write may have let packets in that make more work.
  for (bool again = true; again && !closed_;) {
    again = false;
    for (auto& channel : channels_) {
      again = work_on(*channel) || again;
    }
    if (again && !dispatch()) {
      closed_ = true;
      return;
    }
    for (auto it = channels_.begin(); it != channels_.end();) {
      if ((*it)->done || (*it)->gone) {
        finish(**it);
        it = channels_.erase(it);
      } else {
        ++it;
      }
    }
  }
}

bool SshConnection::work_on(Channel& channel) {
  if (channel.gone || channel.done || !channel.asked) {
    return false;
  }
  if (!channel.started) {
    channel.started = true;
    advance(server_.host.rack, monotonic_ns());
    server_.log.add(server_.host.dut.id, "SSH", channel.line);
    channel.command = interpret(server_.host, channel.line);
  }
  if (channel.command && !channel.unread.empty()) channel.command->input(std::exchange(channel.unread, {}));
  if (channel.command && std::exchange(channel.input_ended, false)) channel.command->input_ended();
  if (channel.command && !channel.end && channel.buffered() < kBufferLimit) {
    channel.end = channel.command->step(channel.output);
  }
  bool wrote = false;
  const auto send = [&](const std::string& text, std::size_t& sent, bool is_error) {
    while (sent < text.size() && !channel.gone) {
      const auto size = static_cast<std::uint32_t>(std::min(text.size() - sent, kWriteChunk));
      const int written = is_error ? ssh_channel_write_stderr(channel.channel, text.data() + sent, size)
                                   : ssh_channel_write(channel.channel, text.data() + sent, size);
      if (written <= 0) {
        return;  // the window is full; the client's next window adjustment wakes us
      }
      sent += static_cast<std::size_t>(written);
      wrote = true;
    }
  };
  send(channel.output.out, channel.out_sent, false);
  send(channel.output.err, channel.err_sent, true);
  if (channel.buffered() == 0) {
    channel.output = {};
    channel.out_sent = channel.err_sent = 0;
    if (channel.end && !channel.gone) {
      if (channel.end->signal != 0) {
        ssh_channel_request_send_exit_signal(channel.channel, signal_name(channel.end->signal), 0, "", "");
      } else {
        ssh_channel_request_send_exit_status(channel.channel, channel.end->status);
      }
      ssh_channel_send_eof(channel.channel);
      ssh_channel_close(channel.channel);
      channel.done = true;
      wrote = true;
    }
  }
  return wrote;
}

void SshConnection::finish(Channel& channel) {
  if (channel.command && !channel.end) {
    channel.command->input_ended();
    server_.orphans.push_back(std::move(channel.command));
  }
  ssh_remove_channel_callbacks(channel.channel,
                               &channel.callbacks);  // freeing is deferred: they would still fire
  ssh_channel_free(channel.channel);
  channel.channel = nullptr;
}

bool SshConnection::running_command() const {
  for (const auto& channel : channels_) {
    if (channel->command && !channel->end) {
      return true;
    }
  }
  return false;
}

void SshConnection::tick() {
  if (closed_ || mute_) {
    return;
  }
  if (!authenticated_ && monotonic_ns() - opened_ns_ > kLoginGraceNs) {
    close();
    return;
  }
  if (!channels_.empty()) {
    pump();
  }
}

void SshConnection::close() {
  if (pumping_) {
    closed_ = true;  // pump() comes back here
    return;
  }
  closed_ = true;
  // The cut comes first: what libssh would still say while it tidies up must not look like an orderly end.
  boost::system::error_code ignored;
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  for (auto& channel : channels_) {
    finish(*channel);
  }
  channels_.clear();
  if (event_ != nullptr && session_ != nullptr) {
    ssh_event_remove_session(event_, session_);
  }
  if (event_ != nullptr) {
    ssh_event_free(event_);
    event_ = nullptr;
  }
  if (session_ != nullptr) {
    ssh_free(session_);
    session_ = nullptr;
  }
  socket_.close(ignored);
}

}  // namespace kiln::virtual_rack
