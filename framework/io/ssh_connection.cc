#include "io/ssh_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <cerrno>
#include <utility>

#include "io/completion.h"
#include "io/ssh_keys.h"

namespace kiln::detail {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

constexpr int kSteps = 64;  ///< of 4 KiB libssh reads at once; then the other DUTs have their turn

// A host that is gone without a word is noticed after 10 + 3 × 5 s, also while a command prints nothing.
void set_keepalive(tcp::socket& socket) {
  boost::system::error_code ignored;  // only fails on a socket that is gone, which the caller checks
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const auto set = [&socket](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, 10);
  set(TCP_KEEPINTVL, 5);
  set(TCP_KEEPCNT, 3);
  set(TCP_USER_TIMEOUT, 25'000);  // milliseconds; the same for data that is never acknowledged
}

}  // namespace

SshConnection::SshConnection(Loop& loop, std::shared_ptr<const SshOptions> options)
    : loop_(loop), options_(std::move(options)), socket_(loop.native()) {}

SshConnection::~SshConnection() {
  if (session_ != nullptr) {
    if (event_ != nullptr) {
      if (!failure_) {
        // So that the goodbye closes libssh's descriptor, as every other end does (docs/traps.md 20).
        const socket_t none = SSH_INVALID_SOCKET;
        ssh_options_set(session_, SSH_OPTIONS_FD, &none);
        ssh_disconnect(session_);
      }
      ssh_event_remove_session(event_, session_);
      ssh_event_free(event_);
    }
    ssh_free(session_);
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

std::string SshConnection::where() const {
  return fmt::format("{}@{} port {}", options_->user, options_->address, options_->port);
}

std::string SshConnection::error_text() const {
  const char* const text = ssh_get_error(session_);
  return text != nullptr ? text : "";
}

awaitable<Result<std::shared_ptr<SshConnection>>> SshConnection::open(
    const Ctx& ctx, std::shared_ptr<const SshOptions> options, Pool& handshakes) {
  const auto connection = std::make_shared<SshConnection>(ctx.loop(), options);
  const Ctx connecting = ctx.child_within("ssh connect", options->connect_timeout);
  Status connected = co_await connection->connect_socket(connecting);
  if (!connected) co_return connected.error();
  const Nanoseconds left = connecting.remaining();
  const Result<Pool::Lease> place = co_await handshakes.acquire(ctx);
  if (!place) co_return place.error();
  const Ctx login = ctx.child_within("ssh login", left);
  Status prepared = connection->prepare_session();
  if (!prepared) co_return prepared.error();
  Status greeted = co_await connection->handshake(login);
  if (!greeted) co_return greeted.error();
  Status known = connection->check_host_key();  // before anything of ours is sent
  if (!known) co_return known.error();
  Status trusted = co_await connection->authenticate(login);
  if (!trusted) co_return trusted.error();
  connection->event_ = ssh_event_new();
  ssh_event_add_session(connection->event_, connection->session_);
  connection->pump();
  connection->watch();
  co_return connection;
}

awaitable<Status> SshConnection::connect_socket(const Ctx& ctx) {
  const auto self = shared_from_this();
  const std::string action = "check that the host is up, its address, and that sshd listens there";
  using Endpoints = Result<std::vector<tcp::endpoint>>;
  std::vector<tcp::endpoint> endpoints;
  boost::system::error_code not_numeric;
  const asio::ip::address address = asio::ip::make_address(options_->address, not_numeric);
  if (!not_numeric) {
    endpoints.emplace_back(address, options_->port);
  } else {
    const Completion<Endpoints> resolved;
    const auto resolver = std::make_shared<tcp::resolver>(loop_.native());
    resolver->async_resolve(options_->address, std::to_string(options_->port),
                            [resolved, resolver](const boost::system::error_code& failed,
                                                 const tcp::resolver::results_type& found) {
                              std::vector<tcp::endpoint> all(found.begin(), found.end());
                              resolved.complete(failed ? Endpoints(Error("ssh.connect", failed.message()))
                                                       : Endpoints(std::move(all)));
                            });
    const Loop::Hold hold(loop_);
    Result<Endpoints> answer = co_await resolved.wait(ctx);
    if (!answer) {
      resolver->cancel();
      co_return answer.error();
    }
    if (!*answer) {
      co_return Error("ssh.connect",
                      fmt::format("{}: the host name is unknown ({})", where(), answer->error().message),
                      "use a numeric address in the inventory, or check DNS");
    }
    endpoints = std::move(**answer);
  }

  std::string why = "no address";
  for (const tcp::endpoint& endpoint : endpoints) {
    const Completion<boost::system::error_code> connected;
    boost::system::error_code ignored;
    socket_.close(ignored);
    socket_.async_connect(
        endpoint, [connected, self](const boost::system::error_code& failed) { connected.complete(failed); });
    const Loop::Hold hold(loop_);
    Result<boost::system::error_code> outcome = co_await connected.wait(ctx);
    if (!outcome) {
      socket_.close(ignored);
      co_return outcome.error();
    }
    if (!*outcome && !socket_.is_open()) {
      co_return Error("ssh.connection_lost", fmt::format("{}: disconnected while connecting", where()),
                      action);
    }
    if (!*outcome) {
      set_keepalive(socket_);
      socket_.non_blocking(true, ignored);
      co_return success();
    }
    why = outcome->message();
  }
  co_return Error("ssh.connect", fmt::format("{}: no connection ({})", where(), why), action);
}

Status SshConnection::prepare_session() {
  Result<HostKey> key = HostKey::parse(options_->host_key);
  if (!key) return key.error();
  session_ = ssh_new();
  if (session_ == nullptr) return Error("ssh.protocol", "libssh: out of memory", "", Blame::station);
  const bool no_files = false;  // neither ~/.ssh/config nor known_hosts has a say
  const unsigned int port = options_->port;
  const std::string algorithms = key->algorithms();
  bool set = ssh_options_set(session_, SSH_OPTIONS_HOST, options_->address.c_str()) == SSH_OK;
  set = set && ssh_options_set(session_, SSH_OPTIONS_PORT, &port) == SSH_OK;
  set = set && ssh_options_set(session_, SSH_OPTIONS_USER, options_->user.c_str()) == SSH_OK;
  set = set && ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &no_files) == SSH_OK;
  set = set && ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") == SSH_OK;
  set = set && ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") == SSH_OK;
  // So that a host with several keys shows the one we know.
  set = set && ssh_options_set(session_, SSH_OPTIONS_HOSTKEYS, algorithms.c_str()) == SSH_OK;
  if (!set) {
    return Error("ssh.protocol", fmt::format("{}: unusable SSH settings ({})", where(), error_text()),
                 "check address, user and host_key in the inventory", Blame::recipe);
  }
  ssh_set_blocking(session_, 0);
  ssh_set_counters(session_, nullptr, &packets_);
  return success();
}

awaitable<Status> SshConnection::handshake(const Ctx& ctx) {
  // A descriptor of its own: libssh closes what it was given when the host says goodbye, long before we are
  // done with ours, and by then the number may be another connection's.
  const socket_t theirs = ::fcntl(socket_.native_handle(), F_DUPFD_CLOEXEC, 0);
  if (theirs < 0 || ssh_options_set(session_, SSH_OPTIONS_FD, &theirs) != SSH_OK) {
    if (theirs >= 0) ::close(theirs);
    co_return Error("ssh.protocol", fmt::format("{}: no descriptor is left", where()),
                    "raise the limit of open files", Blame::station);
  }
  std::function<int()> attempt = [this] { return ssh_connect(session_); };
  const Result<int> done = co_await repeat(ctx, SSH_AGAIN, std::move(attempt));
  if (!done) co_return done.error();
  if (*done == SSH_OK) co_return success();
  const std::string text = error_text();
  if (text.find("host key") != std::string::npos && text.find("no match") != std::string::npos) {
    const std::string type = options_->host_key.substr(0, options_->host_key.find(' '));
    co_return Error("ssh.host_key",
                    fmt::format("{}: the host has no {} key, which the inventory names", where(), type),
                    "make sure this is the right host; put its current host key into the inventory");
  }
  if (text.find("no match") != std::string::npos) {
    co_return Error("ssh.protocol", fmt::format("{}: no common cipher or key exchange ({})", where(), text),
                    "the host's sshd is too old or its settings are too narrow");
  }
  if (text.find("isconnect") != std::string::npos || text.find("reset") != std::string::npos) {
    co_return Error("ssh.connect",
                    fmt::format("{}: the host closed the connection during the handshake", where()),
                    "it may be booting, or refuse more connections (MaxStartups)");
  }
  co_return Error("ssh.protocol", fmt::format("{}: not a usable SSH server ({})", where(), text),
                  "check that the port is sshd's");
}

Status SshConnection::check_host_key() {
  Result<HostKey> expected = HostKey::parse(options_->host_key);
  if (!expected) return expected.error();
  Result<HostKey> shown = HostKey::of(session_);
  if (!shown) return shown.error();
  if (expected->same_as(*shown)) return success();
  return Error(
      "ssh.host_key",
      fmt::format("{}: the host's key is {}, the inventory names {}", where(), shown->fingerprint(),
                  expected->fingerprint()),
      "this may be another machine: check address and cabling; after a reinstallation put the new key into "
      "the inventory");
}

awaitable<Status> SshConnection::authenticate(const Ctx& ctx) {
  Status done = success();
  if (options_->key_file.empty()) {
    done = co_await authenticate_by_password(ctx);
  } else {
    done = co_await authenticate_by_key(ctx);
  }
  co_return done;
}

awaitable<Status> SshConnection::authenticate_by_key(const Ctx& ctx) {
  Result<PrivateKey> loaded = PrivateKey::load(options_->key_file);
  if (!loaded) co_return loaded.error();
  const PrivateKey key = std::move(*loaded);
  std::function<int()> attempt = [this, &key] {
    return ssh_userauth_publickey(session_, nullptr, key.get());
  };
  const Result<int> done = co_await repeat(ctx, SSH_AUTH_AGAIN, std::move(attempt));
  if (!done) co_return done.error();
  if (*done == SSH_AUTH_SUCCESS) co_return success();
  co_return Error("ssh.authentication",
                  fmt::format("{}: the host refuses the key {}", where(), options_->key_file),
                  "add its public part to the user's authorized_keys on the host");
}

awaitable<Status> SshConnection::authenticate_by_password(const Ctx& ctx) {
  std::function<int()> by_password = [this] {
    return ssh_userauth_password(session_, nullptr, options_->password.expose().c_str());
  };
  Result<int> done = co_await repeat(ctx, SSH_AUTH_AGAIN, std::move(by_password));
  if (!done) co_return done.error();
  bool dialogue_only = false;
  if (*done == SSH_AUTH_DENIED) {
    const auto offered = static_cast<unsigned int>(ssh_userauth_list(session_, nullptr));
    dialogue_only = (offered & SSH_AUTH_METHOD_PASSWORD) == 0 && (offered & SSH_AUTH_METHOD_INTERACTIVE) != 0;
  }
  // Many distributions ask for the password through PAM: the same secret, answered to the one hidden prompt.
  for (int round = 0; dialogue_only && round < 4; ++round) {
    std::function<int()> dialogue = [this] { return ssh_userauth_kbdint(session_, nullptr, nullptr); };
    done = co_await repeat(ctx, SSH_AUTH_AGAIN, std::move(dialogue));
    if (!done) co_return done.error();
    if (*done != SSH_AUTH_INFO) break;
    const int prompts = ssh_userauth_kbdint_getnprompts(session_);
    for (int i = 0; i < prompts; ++i) {
      char echo = 0;
      ssh_userauth_kbdint_getprompt(session_, static_cast<unsigned int>(i), &echo);
      const char* const reply = echo == 0 ? options_->password.expose().c_str() : options_->user.c_str();
      ssh_userauth_kbdint_setanswer(session_, static_cast<unsigned int>(i), reply);
    }
  }
  if (*done == SSH_AUTH_SUCCESS) co_return success();
  co_return Error("ssh.authentication", fmt::format("{}: the host refuses the user or password", where()),
                  "check the credentials file; the host may allow keys only");
}

awaitable<Result<int>> SshConnection::repeat(const Ctx& ctx, int again, std::function<int()> attempt) {
  for (;;) {
    const std::uint64_t seen = generation_;
    int code = attempt();
    // Before there is an event to pump, only calling again makes libssh send what it has queued.
    if (code == again && event_ == nullptr) code = attempt();
    if (code != again) {
      pump();
      co_return code;
    }
    pump();
    if (failure_) co_return *failure_;
    if (generation_ != seen) {
      Status go_on = ctx.check();
      if (!go_on) co_return go_on.error();
      continue;
    }
    Status more = co_await activity(ctx, seen);
    if (!more) co_return more.error();
  }
}

awaitable<Status> SshConnection::activity(const Ctx& ctx, std::uint64_t seen) {
  const auto self = shared_from_this();
  const Loop::Hold hold(loop_);
  std::function<bool()> ready = [self, seen] {
    return self->generation_ != seen || self->failure_.has_value();
  };
  std::function<void(std::function<void()>)> arm = [self](std::function<void()> wake) {
    self->waiters_.push_back(std::move(wake));
    self->watch();
  };
  // A busy channel is always ready; a stop must get through all the same.
  Status go_on = ctx.check();
  if (go_on) go_on = co_await wait_until(ctx, std::move(ready), std::move(arm));
  co_return go_on;
}

void SshConnection::on_activity(std::function<void()> wake) {
  waiters_.push_back(std::move(wake));
  watch();
}

void SshConnection::happened() {
  ++generation_;
  for (const auto& wake : std::exchange(waiters_, {})) wake();
}

void SshConnection::fail(Error error) {
  if (failure_) return;
  failure_ = std::move(error);
  happened();
}

void SshConnection::pump() {
  if (event_ == nullptr || failure_) return;
  drop_orphans();
  for (int step = 0; step < kSteps; ++step) {
    const int code = ssh_event_dopoll(event_, 0);
    if (code != SSH_OK) break;
    ++generation_;
  }
  // Whatever came may be what another channel waits for, and no callback tells of most of it (an opening that
  // was confirmed, a window that grew): nothing else on the socket would.
  if (std::exchange(packets_told_, packets_.in_packets) != packets_.in_packets) {
    heard_ns_ = loop_.clock().now().monotonic_ns;
    happened();
  }
  char byte = 0;
  const ssize_t left = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const bool ended = left == 0 || (left < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  if (ended || (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
    fail(Error("ssh.connection_lost", fmt::format("{}: the connection was lost", where()),
               "the host may have been reset or switched off; see its log"));
    return;
  }
  watch();
}

/// Frees channels whose opening nobody waits for any more, once the host has answered, whatever it has.
void SshConnection::drop_orphans() {
  const std::vector<ssh_channel> orphans = std::exchange(orphans_, {});
  for (const ssh_channel orphan : orphans) {
    // What was asked for once is not asked for again, of whatever kind it is: this tells how it stands, where
    // ssh_channel_is_open() takes a refusal for an answer that is still to come.
    if (ssh_channel_open_session(orphan) == SSH_AGAIN) {
      orphans_.push_back(orphan);
    } else {
      ssh_channel_free(orphan);
    }
  }
}

void SshConnection::watch() {
  if (failure_) return;
  if (!std::exchange(reading_, true)) {
    socket_.async_wait(tcp::socket::wait_read,
                       [weak = weak_from_this()](const boost::system::error_code& closed) {
                         const auto self = weak.lock();
                         if (!self) return;
                         self->reading_ = false;
                         if (!closed) self->heard_ns_ = self->loop_.clock().now().monotonic_ns;
                         if (!closed) self->on_ready();
                       });
  }
  const bool unsent = (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0;
  if (unsent && !std::exchange(writing_, true)) {
    socket_.async_wait(tcp::socket::wait_write,
                       [weak = weak_from_this()](const boost::system::error_code& closed) {
                         const auto self = weak.lock();
                         if (!self) return;
                         self->writing_ = false;
                         if (!closed) self->on_ready();
                       });
  }
}

void SshConnection::on_ready() {
  pump();
  happened();
}

}  // namespace kiln::detail
