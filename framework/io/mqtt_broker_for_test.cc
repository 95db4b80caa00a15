#include "io/mqtt_broker_for_test.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

namespace kiln {

using boost::asio::ip::tcp;
namespace fs = std::filesystem;

namespace {

tcp::endpoint on_loopback(std::uint16_t port) {
  return tcp::endpoint(boost::asio::ip::address_v4::loopback(), port);
}

bool somebody_listens(std::uint16_t port) {
  boost::asio::io_context io;
  tcp::socket socket(io);
  boost::system::error_code failed;
  socket.connect(on_loopback(port), failed);
  return !failed;
}

}  // namespace

std::uint16_t free_loopback_port() {
  boost::asio::io_context io;
  return tcp::acceptor(io, on_loopback(0)).local_endpoint().port();
}

MosquittoBroker::MosquittoBroker(std::string extra) : extra_(std::move(extra)) {
  std::string pattern = testing::TempDir() + "kiln-mqtt-XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
  write("ca.pem", authority_.certificate_pem);
  write("stranger.pem", TestCertificate().certificate_pem);
  write("broker.pem", leaf_.certificate_pem);
  write("broker.key", leaf_.key_pem);
  const TestCertificate ours(authority_);
  write("ours.pem", ours.certificate_pem);
  write("ours.key", ours.key_pem);
  start();
}

MosquittoBroker::~MosquittoBroker() {
  end();
  fs::remove_all(folder_);
}

void MosquittoBroker::start() {
  if (port_ == 0) port_ = free_loopback_port();  // a broker that comes back has the address it had
  std::ofstream(folder_ / "mosquitto.conf")
      << "listener " << port_ << " 127.0.0.1\ncafile " << file("ca.pem") << "\ncertfile "
      << file("broker.pem") << "\nkeyfile " << file("broker.key") << "\n"
      << (::geteuid() == 0 ? "user root\n" : "") << "log_dest none\n"
      << extra_;
  const std::string config = file("mosquitto.conf");
  pid_ = ::fork();
  if (pid_ == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    for (int target = 0; target < 3; ++target) ::dup2(null, target);
    ::execl(kMosquittoBroker, kMosquittoBroker, "-c", config.c_str(), nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 1000 && !somebody_listens(port_); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

void MosquittoBroker::end() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

MqttOptions MosquittoBroker::options(const std::string& client_id) const {
  MqttOptions options;
  options.host = "127.0.0.1";
  options.port = port_;
  options.client_id = client_id;
  options.ca_file = file("ca.pem");
  return options;
}

MqttOptions MosquittoBroker::with_certificate() const {
  MqttOptions made = options("kiln");
  made.certificate_file = file("ours.pem");
  made.key_file = file("ours.key");
  return made;
}

void MosquittoBroker::write(const std::string& name, const std::string& text) const {
  std::ofstream(folder_ / name) << text;
}

struct RawMqttPeer::Impl {
  Impl(std::vector<std::string> says, bool does_leave) : replies(std::move(says)), leaves(does_leave) {
    thread = std::thread([this] { serve(); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    somebody_listens(port);  // wakes an accept that nobody came to
    thread.join();
  }
  void serve() {
    tcp::socket socket(io);
    boost::system::error_code failed;
    acceptor.accept(socket, failed);
    std::array<char, 4096> said{};
    for (const std::string& reply : replies) {
      if (!failed) socket.read_some(boost::asio::buffer(said), failed);
      if (!failed) boost::asio::write(socket, boost::asio::buffer(reply), failed);
    }
    while (!failed && !leaves) socket.read_some(boost::asio::buffer(said), failed);
  }

  std::vector<std::string> replies;
  bool leaves;
  boost::asio::io_context io{1};
  tcp::acceptor acceptor{io, on_loopback(0)};
  std::uint16_t port = acceptor.local_endpoint().port();
  std::thread thread;
};

RawMqttPeer::RawMqttPeer(std::vector<std::string> replies, bool leaves)
    : impl_(std::make_unique<Impl>(std::move(replies), leaves)) {}
RawMqttPeer::~RawMqttPeer() = default;

MqttOptions RawMqttPeer::options() const {
  MqttOptions options;
  options.host = "127.0.0.1";
  options.port = impl_->port;
  options.client_id = "kiln";
  options.insecure = "a peer of a test";
  return options;
}

}  // namespace kiln
