#pragma once
// What the tests of MQTT talk to: mosquitto(8) on loopback with TLS, and a peer that says whatever bytes it
// is given. Both on a free port.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/https_peer_for_test.h"
#include "io/mqtt.h"

namespace kiln {

constexpr const char* kMosquittoBroker = "/usr/sbin/mosquitto";

std::uint16_t free_loopback_port();

/// A broker with a configuration of its own: `extra` lines beside TLS and the listener.
class MosquittoBroker {
 public:
  explicit MosquittoBroker(std::string extra = "allow_anonymous true\n");
  MosquittoBroker(const MosquittoBroker&) = delete;
  MosquittoBroker& operator=(const MosquittoBroker&) = delete;
  ~MosquittoBroker();
  void start();
  void end();  ///< killed
  /// ca.pem, stranger.pem (another authority), broker.pem, broker.key, ours.pem, ours.key (a client's).
  [[nodiscard]] std::string file(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] MqttOptions options(const std::string& client_id) const;
  [[nodiscard]] MqttOptions with_certificate() const;

 private:
  void write(const std::string& name, const std::string& text) const;
  TestCertificate authority_;
  TestCertificate leaf_{authority_};
  std::string extra_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
};

/// Answers each piece that the client sends with the next of `replies`, and then leaves or falls silent.
class RawMqttPeer {
 public:
  RawMqttPeer(std::vector<std::string> replies, bool leaves);
  RawMqttPeer(const RawMqttPeer&) = delete;
  RawMqttPeer& operator=(const RawMqttPeer&) = delete;
  ~RawMqttPeer();
  [[nodiscard]] MqttOptions options() const;  ///< plain

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln
