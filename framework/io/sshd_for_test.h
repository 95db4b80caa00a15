#pragma once
// OpenSSH's own sshd on loopback, for tests of what speaks to it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/libssh_shell.h"

namespace kiln {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::uint16_t free_port() {
  boost::asio::io_context io;
  return boost::asio::ip::tcp::acceptor(
             io, boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0))
      .local_endpoint()
      .port();
}

/// Its own configuration, host keys and authorized key, the current user. Commands look for programs in
/// folder()/bin first.
class Sshd {
 public:
  /// `max_sessions`: 0 leaves sshd's own. `settings`: more lines of sshd_config.
  explicit Sshd(int max_sessions = 0, std::string settings = {})
      : max_sessions_(max_sessions), settings_(std::move(settings)) {
    std::string pattern = testing::TempDir() + "kiln-sshd-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
    std::filesystem::create_directory(folder_ / "bin");
    for (const char* name : {"host_ed25519", "user_ed25519", "stranger_ed25519"}) keygen("ed25519", name);
    keygen("ecdsa", "host_ecdsa");
    std::filesystem::copy_file(folder_ / "user_ed25519.pub", folder_ / "authorized_keys");
    std::filesystem::permissions(folder_ / "authorized_keys",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);  // where sshd, as root, confines its unprivileged half
    start();
  }
  Sshd(const Sshd&) = delete;
  Sshd& operator=(const Sshd&) = delete;
  ~Sshd() {
    stop();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] bool running() const { return pid_ > 0; }
  [[nodiscard]] SshOptions options() const {
    SshOptions options;
    options.address = "127.0.0.1";
    options.port = port_;
    options.user = ::getpwuid(::geteuid())->pw_name;
    options.key_file = folder_ / "user_ed25519";
    options.host_key = public_key("host_ed25519");
    options.connect_timeout = std::chrono::seconds(60);  // a loaded machine forks slowly
    return options;
  }
  [[nodiscard]] std::filesystem::path folder() const { return folder_; }
  [[nodiscard]] std::string public_key(const std::string& name) const {
    return read_file(folder_ / (name + ".pub"));
  }

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
    for (const pid_t one : frozen_) ::kill(one, SIGKILL);
    frozen_.clear();
  }
  /// Connections that there are say nothing any more, and are not closed; new ones are as ever.
  void freeze() {
    std::vector<pid_t> open{pid_};
    while (!open.empty()) {
      const std::string number = std::to_string(open.back());
      open.pop_back();
      std::istringstream children(read_file("/proc/" + number + "/task/" + number + "/children"));
      for (pid_t child = 0; children >> child;) {
        if (std::find(frozen_.begin(), frozen_.end(), child) == frozen_.end()) frozen_.push_back(child);
        ::kill(child, SIGSTOP);
        open.push_back(child);
      }
    }
  }
  /// The processes sshd has made for connections outlive it: this ends them too, as a power cut of the host
  /// would.
  void cut() {
    const std::string number = std::to_string(pid_);
    std::istringstream children(read_file("/proc/" + number + "/task/" + number + "/children"));
    for (pid_t child = 0; children >> child;) ::kill(child, SIGKILL);
    stop();
  }
  /// On a port of its own; a host that comes back has the address it had. Between the choice of a port and
  /// sshd's taking of it another test's sshd may take it: whose keys then answer is no matter of luck,
  /// because what counts is what this sshd itself says of its port.
  void start() {
    const bool comes_back = port_ != 0;
    for (int tries = 0; tries < 20; ++tries) {
      if (!comes_back) port_ = free_port();
      if (listens()) return;
      if (comes_back) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << "sshd took no port: " << read_file(folder_ / "sshd.log");
    pid_ = 0;
  }

 private:
  /// Starts sshd on port_; false: it ended, or does not say within a minute that it listens.
  bool listens() {
    std::filesystem::remove(folder_ / "sshd.log");
    std::ofstream(folder_ / "sshd_config")
        << "ListenAddress 127.0.0.1\nPort " << port_ << "\nHostKey " << (folder_ / "host_ed25519").string()
        << "\nHostKey " << (folder_ / "host_ecdsa").string() << "\nAuthorizedKeysFile "
        << (folder_ / "authorized_keys").string()
        << "\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication yes\n"
           "PermitRootLogin yes\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
           // bash under sshd reads the user's .bashrc with every command unless it is a shell within a shell.
           "SetEnv SHLVL=2 PATH="
        << (folder_ / "bin").string() << ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        << (max_sessions_ == 0 ? std::string() : "MaxSessions " + std::to_string(max_sessions_) + "\n")
        << settings_;
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string config = folder_ / "sshd_config";
      const std::string log = folder_ / "sshd.log";
      const int null = ::open("/dev/null", O_RDWR);
      ::dup2(null, 0);
      ::dup2(null, 1);
      ::dup2(null, 2);
      ::execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-E", log.c_str(), "-f", config.c_str(), nullptr);
      ::_exit(127);
    }
    const std::string wanted = "Server listening on 127.0.0.1 port " + std::to_string(port_) + ".";
    for (int i = 0; i < 6000; ++i) {
      if (read_file(folder_ / "sshd.log").find(wanted) != std::string::npos) return true;
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    stop();
    return false;
  }
  void keygen(const std::string& type, const std::string& name) const {
    const std::string command =
        "ssh-keygen -q -t " + type + " -N '' -C test -f '" + (folder_ / name).string() + "'";
    const int made = std::system(command.c_str());  // NOLINT: our own words only
    ASSERT_EQ(made, 0);
  }
  std::filesystem::path folder_;
  int max_sessions_;
  std::string settings_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
  std::vector<pid_t> frozen_;
};

}  // namespace kiln
