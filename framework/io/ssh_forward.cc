#include "io/ssh_forward.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace kiln::detail {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kPiece = 16U * 1024U;
constexpr int kStepsPerTurn = 16;  // then the other DUTs have their turn

/// A directory of this process alone, for as long as it lives: others cannot even look for what is in it.
class MeetingPlace {
 public:
  MeetingPlace() {
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::temp_directory_path(failed);
    std::string pattern = ((failed ? std::filesystem::path("/tmp") : folder) / "kiln-jump-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) folder_ = pattern;
  }
  MeetingPlace(const MeetingPlace&) = delete;
  MeetingPlace& operator=(const MeetingPlace&) = delete;
  ~MeetingPlace() {
    if (!folder_.empty()) ::rmdir(folder_.c_str());
  }
  std::string next() { return folder_.empty() ? std::string() : fmt::format("{}/{}", folder_, ++last_); }

 private:
  std::string folder_;
  std::uint64_t last_ = 0;
};

/// Empty: there is no room for it.
std::string meeting_path() {
  static MeetingPlace place;  // loop thread only
  return place.next();
}

sockaddr* as_address(sockaddr_un* address) {
  return static_cast<sockaddr*>(static_cast<void*>(address));  // as socket(7) has it
}

}  // namespace

ForwardedStream::ForwardedStream(Loop& loop, std::shared_ptr<SshConnection> connection, std::string host,
                                 std::uint16_t port, std::function<void()> on_end)
    : loop_(loop),
      connection_(std::move(connection)),
      host_(std::move(host)),
      port_(port),
      on_end_(std::move(on_end)),
      near_(loop.native()) {}

ForwardedStream::~ForwardedStream() {
  on_end_ = {};
  close();
  if (end_ >= 0) ::close(end_);
  leave_meeting();
}

void ForwardedStream::leave_meeting() {
  if (meet_ < 0) return;
  ::close(std::exchange(meet_, -1));
  ::unlink(address_.where.sun_path);
}

Result<std::shared_ptr<ForwardedStream>> ForwardedStream::open(Loop& loop,
                                                               std::shared_ptr<SshConnection> connection,
                                                               std::string host, std::uint16_t port,
                                                               std::function<void()> on_end) {
  auto stream = std::make_shared<ForwardedStream>(loop, std::move(connection), std::move(host), port,
                                                  std::move(on_end));
  constexpr int kKind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  constexpr int kQueue = 8;  // strangers that knock meanwhile are turned away, and must not fill it
  stream->end_ = ::socket(AF_UNIX, kKind, 0);
  stream->meet_ = ::socket(AF_UNIX, kKind, 0);
  LocalAddress& address = stream->address_;
  const std::string path = meeting_path();
  address.where.sun_family = AF_UNIX;
  address.size = sizeof address.where;
  const bool fits = !path.empty() && path.size() < sizeof address.where.sun_path;
  if (fits) std::memcpy(address.where.sun_path, path.c_str(), path.size() + 1);
  const bool good = fits && stream->end_ >= 0 && stream->meet_ >= 0 &&
                    ::bind(stream->meet_, as_address(&address.where), address.size) == 0 &&
                    ::listen(stream->meet_, kQueue) == 0;
  if (!good) {
    return Error(
        "jump.station",
        fmt::format("no socket can be made for {}:{}: {}", stream->host_, port, std::strerror(errno)),
        "raise the limit of open files, and see whether there is room in the directory for temporary files",
        Blame::station);
  }
  stream->channel_ = ssh_channel_new(stream->connection_->session());
  if (stream->channel_ == nullptr)
    return Error("jump.station", "libssh gives no channel", "", Blame::station);
  stream->callbacks_.userdata = stream.get();
  stream->callbacks_.channel_data_function = &on_data;
  stream->callbacks_.channel_eof_function = &on_channel_end;
  stream->callbacks_.channel_close_function = &on_channel_end;
  ssh_callbacks_init(&stream->callbacks_);
  ssh_set_channel_callbacks(stream->channel_, &stream->callbacks_);
  stream->wake();  // not now: the caller may stand within a callback of its own
  return stream;
}

int ForwardedStream::take_end() { return std::exchange(end_, -1); }

/// The other end has connected by now: it did so in the turn in which it was given out.
bool ForwardedStream::meet() {
  if (near_.is_open()) return true;
  int met = -1;
  while (met < 0) {
    met = ::accept4(meet_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (met < 0 && errno == EINTR) continue;
    if (met < 0) break;
    ucred who{};
    socklen_t size = sizeof who;
    const bool ours = ::getsockopt(met, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == ::getpid();
    if (ours) break;
    ::close(met);
    met = -1;
  }
  leave_meeting();
  if (met < 0) {
    end(std::nullopt);  // nobody wants it any more
    return false;
  }
  near_.assign(met);
  // Who has closed its end waits for nothing, also while the jump host is still looking for the other one.
  near_.async_wait(asio::posix::descriptor_base::wait_error,
                   [weak = weak_from_this()](const boost::system::error_code& closed) {
                     const auto self = weak.lock();
                     if (self && !closed && self->state_ == State::opening) self->close();
                   });
  return true;
}

/// What came stays in the channel's buffer until there is room for it here: so its window closes.
int ForwardedStream::on_data(ssh_session, ssh_channel, void*, std::uint32_t, int, void* self) {
  static_cast<ForwardedStream*>(self)->connection_->happened();
  return 0;
}

void ForwardedStream::on_channel_end(ssh_session, ssh_channel, void* self) {
  static_cast<ForwardedStream*>(self)->connection_->happened();
}

void ForwardedStream::wake() {
  if (state_ == State::ended || std::exchange(posted_, true)) return;
  loop_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->posted_ = false;
    self->turn();
  });
}

void ForwardedStream::turn() {
  if (state_ == State::ended) return;
  const auto self = shared_from_this();  // whoever is told of the end may let go of us
  if (connection_->failure()) {
    const Error& lost = *connection_->failure();
    end(Error("jump.lost",
              fmt::format("the connection by way of the jump host {} was lost: {}", connection_->where(),
                          lost.message),
              "check the jump host and the way to it; the device behind it may be well"));
    return;
  }
  if (!meet()) return;
  listen();
  if (state_ == State::opening) advance_opening();
  bool moved = state_ == State::open;
  for (int step = 0; step < kStepsPerTurn && moved; ++step) {
    moved = from_far();
    if (state_ == State::ended) return;
    moved = from_near() || moved;
    if (state_ == State::ended) return;
  }
  connection_->pump();
  if (state_ == State::ended) return;
  if (moved) wake();
  wait_for_more();
}

Error ForwardedStream::refusal() const {
  const std::string text = connection_->error_text();
  const std::string way = fmt::format("{}:{} by way of the jump host {}", host_, port_, connection_->where());
  // "Channel opening failure: channel 43 error (1) open failed": the number is RFC 4254 5.1's.
  if (text.find("error (1)") != std::string::npos) {
    return {"jump.refused", fmt::format("{}: the jump host forbids to forward connections", way),
            "allow it in the jump host's sshd_config (AllowTcpForwarding, PermitOpen) for this user"};
  }
  if (text.find("error (2)") != std::string::npos) {
    return {"jump.no_connection", fmt::format("{}: the jump host gets no connection there", way),
            "check power, cable and address of the device as seen from the jump host"};
  }
  return {"jump.refused", fmt::format("{}: the jump host does not connect ({})", way, text),
          "see the jump host's log"};
}

void ForwardedStream::advance_opening() {
  asked_ = true;
  int code = ssh_channel_open_forward(channel_, host_.c_str(), port_, "127.0.0.1", 0);
  if (code == SSH_AGAIN) {
    connection_->pump();
    if (connection_->failure()) return wake();
    code = ssh_channel_open_forward(channel_, host_.c_str(), port_, "127.0.0.1", 0);
  }
  if (code == SSH_AGAIN) return;
  if (code == SSH_OK) {
    state_ = State::open;
    return;
  }
  end(refusal());
}

bool ForwardedStream::from_far() {
  if (to_near_.empty() && !far_is_over_) {
    std::array<char, kPiece> piece{};
    const int got = ssh_channel_read_nonblocking(channel_, piece.data(), kPiece, 0);
    if (got > 0) {
      to_near_.assign(piece.data(), static_cast<std::size_t>(got));
    } else if (got == SSH_EOF || ssh_channel_is_eof(channel_) != 0 || ssh_channel_is_closed(channel_) != 0) {
      far_is_over_ = true;
      ::shutdown(near_.native_handle(), SHUT_WR);
      return true;
    } else if (got < 0 && got != SSH_AGAIN) {
      end(Error("jump.lost",
                fmt::format("{}:{} by way of the jump host {}: the channel broke ({})", host_, port_,
                            connection_->where(), connection_->error_text()),
                "see the jump host's log"));
      return false;
    }
  }
  if (to_near_.empty()) return false;
  const ssize_t wrote = ::send(near_.native_handle(), to_near_.data(), to_near_.size(), MSG_NOSIGNAL);
  if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (wrote < 0) {
    end(std::nullopt);  // its user has closed it
    return false;
  }
  to_near_.erase(0, static_cast<std::size_t>(wrote));
  return wrote > 0;
}

bool ForwardedStream::from_near() {
  if (to_far_.empty()) {
    std::array<char, kPiece> piece{};
    const ssize_t got = ::recv(near_.native_handle(), piece.data(), kPiece, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
      end(std::nullopt);  // its user has closed it
      return false;
    }
    to_far_.assign(piece.data(), static_cast<std::size_t>(got));
  }
  if (far_is_over_ && ssh_channel_is_closed(channel_) != 0) {
    end(Error("jump.closed",
              fmt::format("{}:{} by way of the jump host {}: the connection was closed", host_, port_,
                          connection_->where()),
              "the device may have been reset; see its own log"));
    return false;
  }
  const int wrote = ssh_channel_write(channel_, to_far_.data(), static_cast<std::uint32_t>(to_far_.size()));
  if (wrote == 0 || wrote == SSH_AGAIN) return false;
  if (wrote < 0) {
    end(Error("jump.lost",
              fmt::format("{}:{} by way of the jump host {}: the channel broke ({})", host_, port_,
                          connection_->where(), connection_->error_text()),
              "see the jump host's log"));
    return false;
  }
  to_far_.erase(0, static_cast<std::size_t>(wrote));
  return true;
}

/// Before anything is asked of libssh: any call of it may take in what this stream waits for, after which
/// nothing else need ever come (the host's word that it has connected, to who then waits for us to speak
/// first).
void ForwardedStream::listen() {
  if (std::exchange(listening_, true)) return;
  connection_->on_activity([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->listening_ = false;
    self->wake();
  });
}

void ForwardedStream::wait_for_more() {
  if (state_ == State::ended) return;
  listen();
  const std::weak_ptr<ForwardedStream> weak = weak_from_this();
  if (to_far_.empty() && state_ == State::open && !std::exchange(reading_, true)) {
    near_.async_wait(asio::posix::descriptor_base::wait_read,
                     [weak](const boost::system::error_code& closed) {
                       const auto self = weak.lock();
                       if (!self) return;
                       self->reading_ = false;
                       if (!closed) self->wake();
                     });
  }
  if (!to_near_.empty() && !std::exchange(writing_, true)) {
    near_.async_wait(asio::posix::descriptor_base::wait_write,
                     [weak](const boost::system::error_code& closed) {
                       const auto self = weak.lock();
                       if (!self) return;
                       self->writing_ = false;
                       if (!closed) self->wake();
                     });
  }
}

void ForwardedStream::close() { end(std::nullopt); }

void ForwardedStream::end(std::optional<Error> why) {
  if (state_ == State::ended) return;
  const bool was_opening = state_ == State::opening && asked_ && !why;  // else nobody will ever answer
  state_ = State::ended;
  failure_ = std::move(why);
  boost::system::error_code ignored;
  near_.close(ignored);
  leave_meeting();
  if (channel_ != nullptr) {
    ssh_remove_channel_callbacks(channel_, &callbacks_);  // freeing is put off until the host agrees
    if (was_opening && !connection_->failure()) {
      connection_->give_up(channel_);
    } else {
      ssh_channel_free(channel_);
    }
    channel_ = nullptr;
    connection_->pump();
  }
  if (on_end_) loop_.post(std::exchange(on_end_, {}));
}

}  // namespace kiln::detail
