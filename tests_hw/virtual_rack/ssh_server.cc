#include "tests_hw/virtual_rack/ssh_server.h"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/physics.h"
#include "tests_hw/virtual_rack/ssh_connection.h"

namespace kiln::virtual_rack {

namespace {

using boost::asio::ip::tcp;

constexpr auto kSshTick = std::chrono::milliseconds(20);
constexpr int kDrops = 1;
constexpr std::size_t kMaxConnections = 64;
constexpr std::uint64_t kDropAfterNs = 150'000'000;

}  // namespace

class SshServer::Impl : public std::enable_shared_from_this<SshServer::Impl> {
 public:
  Impl(boost::asio::io_context& loop, RackModel& rack, Dut& dut, RequestLog& log, SshServerOptions options)
      : loop_(loop),
        host_{{rack, dut}, log, options.user, options.password, {}, {}},
        options_(std::move(options)),
        acceptor_(loop),
        timer_(loop) {}

  ~Impl() {
    if (bind_ != nullptr) {
      ssh_bind_free(bind_);
    }
  }

  Status start() {
    if (Status made = make_key(); !made) {
      return made;
    }
    for (const std::string& line : options_.authorized_keys) {
      if (Status added = add_authorized(line); !added) {
        return added;
      }
    }
    const auto address = boost::asio::ip::make_address(options_.address, error_);
    if (error_) {
      return Error("ssh.port", fmt::format("'{}' is not an address", options_.address));
    }
    endpoint_ = tcp::endpoint(address, options_.port);
    if (Status taken = take_port(); !taken) {
      return taken;
    }
    tick();
    return success();
  }

  void stop() {
    stopped_ = true;
    timer_.cancel();
    acceptor_.close(error_);
    close_connections();
    host_.orphans.clear();
  }

  [[nodiscard]] std::uint16_t port() const { return endpoint_.port(); }
  [[nodiscard]] const std::string& key_line() const { return key_line_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  Status make_key() {
    ssh_key key = nullptr;
    if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK) {
      return Error("ssh.key", fmt::format("no host key for {}: libssh could not make one", options_.dut));
    }
    char* base64 = nullptr;
    if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK) {
      ssh_key_free(key);
      return Error("ssh.key", fmt::format("no host key for {}: libssh could not write it", options_.dut));
    }
    key_line_ = std::string("ssh-ed25519 ") + base64;
    ssh_string_free_char(base64);
    bind_ = ssh_bind_new();
    const bool no_files = false;
    ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no_files);
    // The bind owns the key from here on.
    if (ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_IMPORT_KEY, key) != SSH_OK) {
      ssh_key_free(key);
      return Error("ssh.key", fmt::format("no host key for {}: {}", options_.dut, ssh_get_error(bind_)));
    }
    return success();
  }

  Status add_authorized(const std::string& line) {
    const std::size_t blank = line.find(' ');
    const std::string type = line.substr(0, blank);
    const std::string rest = blank == std::string::npos ? "" : line.substr(blank + 1);
    ssh_key key = nullptr;
    if (ssh_pki_import_pubkey_base64(rest.substr(0, rest.find(' ')).c_str(),
                                     ssh_key_type_from_name(type.c_str()), &key) != SSH_OK) {
      return Error("ssh.key",
                   fmt::format("an authorized key of {} cannot be read: type '{}'", options_.dut, type));
    }
    host_.authorized_keys.emplace_back(key);
    return success();
  }

  /// Binds without listening: the port is ours and refuses connections.
  Status take_port() {
    acceptor_.open(endpoint_.protocol(), error_);
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error_);
    acceptor_.bind(endpoint_, error_);
    if (error_) {
      return Error("ssh.port",
                   fmt::format("SSH of {}: {}:{}: {}", options_.dut, options_.address, endpoint_.port(),
                               error_.message()),
                   "choose another port", Blame::operator_);
    }
    endpoint_ = acceptor_.local_endpoint(error_);
    listening_ = false;
    return success();
  }

  void listen() {
    acceptor_.listen(boost::asio::socket_base::max_listen_connections, error_);
    if (!error_) {
      listening_ = true;
      accept();
    }
  }

  void refuse() {
    acceptor_.close(error_);
    // Another program could take the port in this moment; then we try again at the next tick.
    reserved_ = static_cast<bool>(take_port());
    close_connections();
    host_.orphans.clear();
  }

  void accept() {
    accepting_ = true;
    acceptor_.async_accept(
        [self = shared_from_this(), this](boost::system::error_code error, tcp::socket socket) {
          accepting_ = false;
          if (error == boost::asio::error::operation_aborted || stopped_) {
            return;
          }
          if (error) {
            return;  // out of descriptors, for example: the next tick tries again
          }
          if (host_.host.dut.host_up && connections_.size() < kMaxConnections) {
            const bool hang = active_fault(host_.host.rack, host_.host.dut, FaultKind::host_hang) != nullptr;
            auto connection = std::make_shared<SshConnection>(std::move(socket), host_, hang);
            connections_.push_back(connection);
            connection->start(bind_);
          }
          if (listening_ && acceptor_.is_open()) {
            accept();
          }
        });
  }

  void close_connections() {
    for (auto& connection : connections_) {
      connection->close();
    }
    connections_.clear();
  }

  /// Commands without a listener go on until they end by themselves or write into the pipe that nobody reads.
  void step_orphans() {
    for (auto it = host_.orphans.begin(); it != host_.orphans.end();) {
      Output output;
      const bool ended = (*it)->step(output).has_value();
      it = ended || !output.out.empty() || !output.err.empty() ? host_.orphans.erase(it) : std::next(it);
    }
  }

  void apply_faults() {
    RackModel& rack = host_.host.rack;
    const bool hang = active_fault(rack, host_.host.dut, FaultKind::host_hang) != nullptr;
    for (auto& connection : connections_) {
      if (hang) {
        connection->mute();
      } else if (connection->muted()) {
        connection->close();  // the host came back; what hung before is lost
      }
    }
    Fault* drop = active_fault(rack, host_.host.dut, FaultKind::ssh_drop);
    if (drop == nullptr || drop->strikes >= kDrops) {
      return;
    }
    for (auto& connection : connections_) {
      if (!connection->running_command()) {
        continue;
      }
      if (drop_at_ns_ == 0) {
        drop_at_ns_ = rack.now_ns + kDropAfterNs;
      } else if (rack.now_ns >= drop_at_ns_) {
        ++drop->strikes;
        drop_at_ns_ = 0;
        close_connections();
      }
      return;
    }
    drop_at_ns_ = 0;
  }

  void tick() {
    if (stopped_) {
      return;
    }
    advance(host_.host.rack, monotonic_ns());
    const bool up = host_.host.dut.host_up;
    if (!reserved_) {
      reserved_ = static_cast<bool>(take_port());
    }
    if (up && !listening_ && reserved_) {
      listen();
    } else if (!up && listening_) {
      refuse();
    }
    if (listening_ && !accepting_) {
      accept();
    }
    apply_faults();
    for (auto& connection : connections_) {
      connection->tick();
    }
    connections_.remove_if([](const auto& connection) { return connection->closed(); });
    step_orphans();
    timer_.expires_after(kSshTick);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) {
        self->tick();
      }
    });
  }

  boost::asio::io_context& loop_;
  SshHost host_;
  SshServerOptions options_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  tcp::endpoint endpoint_;
  ssh_bind bind_ = nullptr;
  std::string key_line_;
  std::list<std::shared_ptr<SshConnection>> connections_;
  boost::system::error_code error_;
  std::uint64_t drop_at_ns_ = 0;
  bool listening_ = false;
  bool accepting_ = false;
  bool reserved_ = true;
  bool stopped_ = false;
};

SshServer::SshServer(boost::asio::io_context& loop, RackModel& rack, RequestLog& log,
                     SshServerOptions options) {
  Dut* dut = rack.find(options.dut);
  if (dut != nullptr) {
    impl_ = std::make_shared<Impl>(loop, rack, *dut, log, std::move(options));
  }
}

SshServer::~SshServer() { stop(); }

Status SshServer::start() {
  if (!impl_) {
    return Error("ssh.dut", "the rack has no such DUT");
  }
  return impl_->start();
}

void SshServer::stop() {
  if (impl_) {
    impl_->stop();
  }
}

std::uint16_t SshServer::port() const { return impl_ ? impl_->port() : 0; }
std::string SshServer::host_key_line() const { return impl_ ? impl_->key_line() : std::string(); }
std::size_t SshServer::connections() const { return impl_ ? impl_->connections() : 0; }

}  // namespace kiln::virtual_rack
