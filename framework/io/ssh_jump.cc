#include "io/ssh_jump.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "io/ssh_forward.h"
#include "io/ssh_link.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using detail::ForwardedStream;
using detail::SshConnection;

/// Ours: below it, silence says nothing.
constexpr std::int64_t kLeastQuietNs = 250'000'000;

/// An error of the way there, under a name that says so.
Error in_first_hop(Error error) {
  if (error.code.starts_with("ctx.")) return error;
  const std::string kind = error.code == "ssh.host_key"         ? "jump.host_key"
                           : error.code == "ssh.authentication" ? "jump.login"
                           : error.code == "ssh.protocol"       ? "jump.protocol"
                                                                : "jump.connect";
  error.code = kind;
  error.message = "the jump host: " + error.message;
  return error;
}

class LibsshJump final : public SshJump {
  using Streams = std::map<std::uint64_t, std::shared_ptr<ForwardedStream>>;

  /// Held by its user; the pump is ours until it is over.
  class Stream final : public JumpStream {
   public:
    explicit Stream(std::shared_ptr<ForwardedStream> stream) : stream_(std::move(stream)) {}
    int take_end() override { return stream_->take_end(); }
    const LocalAddress& address() const override { return stream_->address(); }
    std::optional<Error> failure() const override { return stream_->failure(); }

   private:
    std::shared_ptr<ForwardedStream> stream_;
  };

 public:
  LibsshJump(Loop& loop, Pool& handshakes, SshOptions options)
      : loop_(loop), link_(handshakes, std::move(options)), number_(next_number()) {}
  ~LibsshJump() override {
    for (const auto& [number, stream] : *streams_) stream->close();
  }

  awaitable<Status> ready(const Ctx& ctx) override {
    // Not when the doubt came: others may stand between ready() and connect().
    if (doubted_) {
      link_.forget(std::exchange(doubted_, nullptr));
      number_ = next_number();
    }
    const Result<std::shared_ptr<SshConnection>> connection = co_await link_.connected(ctx);
    if (!connection) co_return in_first_hop(connection.error());
    co_return success();
  }

  Result<std::shared_ptr<JumpStream>> connect(const std::string& host, std::uint16_t port) override {
    const std::shared_ptr<SshConnection> connection = link_.usable();
    if (!connection)
      return Error("jump.lost", fmt::format("{}: the connection to the jump host was lost", where()),
                   "check the jump host and the way to it");
    const std::uint64_t mine = next_stream_++;
    std::function<void()> on_end = [weak = std::weak_ptr<Streams>(streams_), mine] {
      if (const auto streams = weak.lock()) streams->erase(mine);
    };
    Result<std::shared_ptr<ForwardedStream>> stream =
        ForwardedStream::open(loop_, connection, host, port, std::move(on_end));
    if (!stream) return stream.error();
    streams_->emplace(mine, *stream);
    return std::shared_ptr<JumpStream>(std::make_shared<Stream>(*stream));
  }

  void unanswered(std::int64_t begun_ns) override {
    const std::shared_ptr<SshConnection> connection = link_.usable();
    if (!connection) return;
    const std::int64_t now_ns = loop_.clock().now().monotonic_ns;
    const std::int64_t quiet_ns = now_ns - std::max(connection->heard_ns(), begun_ns);
    // A device that is slow is none of the host's fault: others' answers, or the host's own, were heard.
    if (quiet_ns >= std::max<std::int64_t>((now_ns - begun_ns) / 2, kLeastQuietNs)) doubted_ = connection;
  }

  std::uint32_t number() const override { return number_; }
  std::string where() const override {
    const SshOptions& options = link_.options();
    return fmt::format("{}@{} port {}", options.user, options.address, options.port);
  }

 private:
  static std::uint32_t next_number() {
    static std::uint32_t last = 0;  // loop thread only
    return ++last;
  }

  Loop& loop_;
  detail::SshLink link_;
  std::shared_ptr<SshConnection> doubted_;  ///< to be forgotten
  std::shared_ptr<Streams> streams_ = std::make_shared<Streams>();
  std::uint64_t next_stream_ = 0;
  std::uint32_t number_;
};

}  // namespace

std::shared_ptr<SshJump> make_ssh_jump(Loop& loop, Pool& handshakes, SshOptions options) {
  return std::make_shared<LibsshJump>(loop, handshakes, std::move(options));
}

}  // namespace kiln
