// GETs of sensor-sized bodies over TLS with keep-alive, by a bare libcurl-multi loop, by our HttpClient, and
// by our RedfishClient (which also has a login, reads JSON, keeps the ETag and would repeat what fails), in
// turns, against the same peers with the same headers. The peers are this program again, in a process of its
// own, so that this one's CPU time is the client's alone. The bare loop sets its handles up once, reads no
// header and keeps nothing: the ceiling.
#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bmc/redfish_client.h"
#include "ci/bench/comparison.h"
#include "ci/bench/own_peers.h"
#include "io/curl_http.h"
#include "io/https_peer_for_test.h"
#include "io/loop.h"
#include "io/scope.h"

namespace kiln::bench {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr int kPeers = 32;
constexpr const char* kToken = "1c8e2f0d9b7a46538e21f0c4d5b6a79801234567";
const std::string kSensor = "/redfish/v1/Chassis/Chassis_0/Sensors/HGX_GPU_0_TEMP_0";           // 2 KB
const std::string kMetrics = "/redfish/v1/Systems/System_0/Processors/GPU_0/ProcessorMetrics";  // 10 KB
const std::string kSessions = "/redfish/v1/SessionService/Sessions";

struct Options {
  int rounds = 7;
  int gets = 6000;
  int serve = 0;
  int alone_connections = kPeers;  ///< of the one line that is run without the others
  std::string alone;               ///< empty: all, in turns
  std::string peers;               ///< what --serve printed elsewhere; empty: it is started here
  std::string json_file;
};

// ---- the peers

/// A resource of at least that many bytes, in the shape of a sensor with what vendors add to it.
std::string resource(const std::string& uri, std::size_t bytes) {
  json::object body;
  body["@odata.id"] = uri;
  body["@odata.type"] = "#Sensor.v1_9_0.Sensor";
  body["Id"] = uri.substr(uri.rfind('/') + 1);
  body["Name"] = "GPU 0 temperature";
  body["Reading"] = 61.5;
  body["ReadingType"] = "Temperature";
  body["ReadingUnits"] = "Cel";
  body["PhysicalContext"] = "GPU";
  body["Status"] = {{"State", "Enabled"}, {"Health", "OK"}};
  json::array more;
  while (json::serialize(body).size() + json::serialize(more).size() < bytes) {
    json::object one;
    one["@odata.id"] = uri + "#/Oem/Members/" + std::to_string(more.size());
    one["Threshold"] = 85.0 + static_cast<double>(more.size()) / 8;
    one["Activation"] = "Increasing";
    more.push_back(std::move(one));
  }
  body["Oem"] = {{"Members", std::move(more)}};
  return json::serialize(body);
}

PeerReply reply(const std::string& body, const std::string& more_headers = {}) {
  PeerReply reply;
  reply.bytes = fmt::format(
      "HTTP/1.1 200 OK\r\nServer: AMI MegaRAC Redfish Service\r\nDate: Thu, 01 Jan 2026 00:00:00 "
      "GMT\r\nOData-Version: "
      "4.0\r\nCache-Control: no-cache, must-revalidate\r\nETag: \"1735689600\"\r\nContent-Type: "
      "application/json; "
      "charset=UTF-8\r\n{}Content-Length: {}\r\n\r\n{}",
      more_headers, body.size(), body);
  return reply;
}

int serve(int peers) {
  const TestCertificate certificate;
  const PeerReply sensor = reply(resource(kSensor, 2048));
  const PeerReply metrics = reply(resource(kMetrics, 10'240));
  const PeerReply session =
      reply("{}", fmt::format("X-Auth-Token: {}\r\nLocation: {}/1\r\n", kToken, kSessions));
  const PeerReply root =
      reply(R"({"@odata.id":"/redfish/v1/","Links":{"Sessions":{"@odata.id":")" + kSessions + R"("}}})");
  const HttpsPeer::Handler handler = [&sensor, &metrics, &session, &root](const PeerRequest& request) {
    if (request.path == kSensor) return sensor;
    if (request.path == kMetrics) return metrics;
    if (request.path.starts_with(kSessions)) return session;
    return root;
  };
  std::vector<std::unique_ptr<HttpsPeer>> all;
  json::object ready;
  ready["pin"] = certificate.pin_sha256();
  json::array ports;
  for (int i = 0; i < peers; ++i) {
    all.push_back(std::make_unique<HttpsPeer>(certificate, handler));
    ports.push_back(all.back()->port());
  }
  ready["ports"] = std::move(ports);
  std::cout << json::serialize(ready) << std::endl;
  std::array<char, 16> unread{};
  while (::read(STDIN_FILENO, unread.data(), unread.size()) > 0) {
  }
  return 0;
}

struct Peers {
  std::string pin;
  std::vector<std::string> bases;
};

// ---- the ceiling

/// libcurl's multi interface as its manual shows it with epoll: one handle per connection, made ready once.
class BareLoop {
 public:
  BareLoop(const Peers& peers, int connections)
      : multi_(curl_multi_init()), set_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (multi_ == nullptr || set_ < 0) throw std::runtime_error("no multi handle");
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &BareLoop::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &BareLoop::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    for (const std::string& line :
         {std::string("Accept: application/json"), std::string("OData-Version: 4.0"),
          std::string("X-Auth-Token: ") + kToken}) {
      headers_ = curl_slist_append(headers_, line.c_str());
    }
    for (int i = 0; i < connections; ++i) {
      auto transfer = std::make_unique<Transfer>();
      transfer->base = peers.bases[static_cast<std::size_t>(i)];
      transfer->easy = curl_easy_init();
      CURL* const easy = transfer->easy;
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
      curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
      curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
      curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
      curl_easy_setopt(easy, CURLOPT_PROXY, "");
      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);  // the pin below is what is checked, as on our side
      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
      curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, ("sha256//" + peers.pin).c_str());
      curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30'000L);
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &BareLoop::on_body);
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
      curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer.get());
      transfers_.push_back(std::move(transfer));
    }
  }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;
  ~BareLoop() {
    for (const auto& transfer : transfers_) curl_easy_cleanup(transfer->easy);
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
    ::close(set_);
  }

  void run(const std::string& path, int gets) {
    left_to_start_ = gets;
    running_ = 0;
    for (const auto& transfer : transfers_) {
      curl_easy_setopt(transfer->easy, CURLOPT_URL, (transfer->base + path).c_str());
      start(*transfer);
    }
    while (running_ > 0) turn();
  }

 private:
  struct Transfer {
    std::string base;
    CURL* easy = nullptr;
    std::string body;
  };

  void start(Transfer& transfer) {
    if (left_to_start_ == 0) return;
    --left_to_start_;
    ++running_;
    transfer.body.clear();
    curl_multi_add_handle(multi_, transfer.easy);
  }

  void turn() {
    std::array<epoll_event, 64> events{};
    const int wait = timeout_ms_ < 0 ? 1000 : static_cast<int>(std::min(timeout_ms_, 1000L));
    const int count = ::epoll_wait(set_, events.data(), static_cast<int>(events.size()), wait);
    int running = 0;
    if (count == 0 || timeout_ms_ == 0) {
      timeout_ms_ = -1;
      curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events.at(static_cast<std::size_t>(i));
      int what = (event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0;
      what |= (event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
      what |= (event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0;
      curl_multi_socket_action(multi_, event.data.fd, what, &running);
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
    }
  }

  void finish(CURL* easy, CURLcode code) {
    char* owner = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
    auto& transfer = *static_cast<Transfer*>(static_cast<void*>(owner));
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200 || transfer.body.size() < 2048) {
      throw std::runtime_error(fmt::format("bare loop: {}, status {}", curl_easy_strerror(code), status));
    }
    curl_multi_remove_handle(multi_, easy);
    --running_;
    start(transfer);
  }

  static std::size_t on_body(const char* data, std::size_t size, std::size_t count, void* target) {
    static_cast<Transfer*>(target)->body.append(data, size * count);
    return size * count;
  }
  static int on_socket(CURL* /*easy*/, curl_socket_t socket, int what, void* self, void* known) {
    auto* loop = static_cast<BareLoop*>(self);
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(loop->set_, EPOLL_CTL_DEL, socket, nullptr);
      return 0;
    }
    epoll_event event{};
    event.data.fd = socket;
    event.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    const int change = known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (::epoll_ctl(loop->set_, change, socket, &event) != 0) {
      ::epoll_ctl(loop->set_, change == EPOLL_CTL_ADD ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
    }
    if (known == nullptr) curl_multi_assign(loop->multi_, socket, self);
    return 0;
  }
  static int on_timer(CURLM* /*multi*/, long milliseconds, void* self) {
    static_cast<BareLoop*>(self)->timeout_ms_ = milliseconds;
    return 0;
  }

  CURLM* multi_;
  int set_;
  curl_slist* headers_ = nullptr;
  long timeout_ms_ = -1;
  int left_to_start_ = 0;
  int running_ = 0;
  std::vector<std::unique_ptr<Transfer>> transfers_;
};

// ---- ours

/// Counts down what the chains of one round share, and keeps the first failure.
class Share {
 public:
  explicit Share(int gets) : left(gets) {}
  int left;
  std::string failure;
};

asio::awaitable<void> http_chain(Ctx& ctx, HttpClient& client, std::string url,
                                 std::shared_ptr<Share> share) {
  while (share->left > 0 && share->failure.empty()) {
    --share->left;
    HttpRequest request("GET", url);
    request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}, {"X-Auth-Token", kToken}};
    const Result<HttpResponse> response = co_await client.send(ctx, std::move(request));
    if (!response) {
      share->failure = response.error().full();
    } else if (response->status != 200 || response->body.size() < 2048) {
      share->failure = fmt::format("status {}", response->status);
    }
  }
}

asio::awaitable<void> redfish_chain(Ctx& ctx, RedfishClient& client, std::string path,
                                    std::shared_ptr<Share> share) {
  while (share->left > 0 && share->failure.empty()) {
    --share->left;
    const Result<RedfishResource> resource = co_await client.get(ctx, path);
    if (!resource) {
      share->failure = resource.error().full();
    } else if (resource->body["Reading"].number() != 61.5) {
      share->failure = "the body is not the one that was served";
    }
  }
}

/// The clients of one number of connections, kept over all rounds as a station keeps them.
class Ours {
 public:
  Ours(CurlEngine& http_engine, CurlEngine& redfish_engine, const Peers& peers, int connections) {
    for (int i = 0; i < connections; ++i) {
      const std::string& base = peers.bases[static_cast<std::size_t>(i)];
      bases_.push_back(base);
      http_.push_back(client(http_engine, peers));
      RedfishOptions options;
      options.base_url = base;
      options.user = "admin";
      options.password = Secret("secret");
      redfish_.push_back(std::make_unique<RedfishClient>(client(redfish_engine, peers), std::move(options)));
    }
  }

  asio::awaitable<void> http(const Ctx& ctx, std::string path, int gets) {
    const auto share = std::make_shared<Share>(gets);
    Scope scope(ctx);
    for (std::size_t i = 0; i < http_.size(); ++i) {
      HttpClient& client = *http_[i];
      const std::string url = bases_[i] + path;
      scope.start("http", [&client, url, share](Ctx& own) { return http_chain(own, client, url, share); });
    }
    const Status joined = co_await scope.join();
    require(joined, *share);
  }

  asio::awaitable<void> redfish(const Ctx& ctx, std::string path, int gets) {
    const auto share = std::make_shared<Share>(gets);
    Scope scope(ctx);
    for (const auto& each : redfish_) {
      RedfishClient& client = *each;
      scope.start("redfish",
                  [&client, path, share](Ctx& own) { return redfish_chain(own, client, path, share); });
    }
    const Status joined = co_await scope.join();
    require(joined, *share);
  }

 private:
  static std::unique_ptr<HttpClient> client(CurlEngine& engine, const Peers& peers) {
    HttpOptions options;
    options.trust = {TlsTrust::Kind::pin, peers.pin};
    Result<std::unique_ptr<HttpClient>> made = engine.client(std::move(options));
    if (!made) throw std::runtime_error(made.error().full());
    return std::move(*made);
  }
  static void require(const Status& joined, const Share& share) {
    if (!joined) throw std::runtime_error(joined.error().full());
    if (!share.failure.empty()) throw std::runtime_error(share.failure);
  }

  std::vector<std::string> bases_;
  std::vector<std::unique_ptr<HttpClient>> http_;
  std::vector<std::unique_ptr<RedfishClient>> redfish_;
};

asio::awaitable<void> one_case(const Ctx& ctx, Comparison& comparison, BareLoop& bare, Ours& ours,
                               std::string path, std::string suffix, int gets) {
  const std::string ceiling = "bare libcurl multi" + suffix;
  const Meter bare_meter;
  bare.run(path, gets);
  comparison.note(ceiling, {}, bare_meter.used(gets));
  const Meter http_meter;
  co_await ours.http(ctx, path, gets);
  comparison.note("HttpClient" + suffix, {ceiling}, http_meter.used(gets));
  const Meter redfish_meter;
  co_await ours.redfish(ctx, path, gets);
  comparison.note("RedfishClient" + suffix, {ceiling}, redfish_meter.used(gets));
}

asio::awaitable<void> measure(const Ctx& ctx, const Options& options, const Peers& peers) {
  Comparison comparison("GETs");
  for (const int connections : {1, kPeers}) {
    CurlEngine http_engine(ctx.loop());
    CurlEngine redfish_engine(ctx.loop());
    BareLoop bare(peers, connections);
    Ours ours(http_engine, redfish_engine, peers, connections);
    // Connections, handshakes and logins come before the clock starts.
    bare.run(kSensor, connections * 4);
    co_await ours.http(ctx, kSensor, connections * 4);
    co_await ours.redfish(ctx, kSensor, connections * 4);
    for (int round = 0; round < options.rounds; ++round) {
      for (const std::string& path : {kSensor, kMetrics}) {
        const std::string suffix = fmt::format(", {} KB, {} connection{}", path == kSensor ? 2 : 10,
                                               connections, connections == 1 ? "" : "s");
        co_await one_case(ctx, comparison, bare, ours, path, suffix, options.gets);
      }
    }
  }
  comparison.print();
  comparison.write(options.json_file);
}

/// One line without the others, and no ratio: so that a profiler or strace sees nothing else.
asio::awaitable<void> run_alone(const Ctx& ctx, const Options& options, const Peers& peers) {
  CurlEngine engine(ctx.loop());
  BareLoop bare(peers, options.alone_connections);
  Ours ours(engine, engine, peers, options.alone_connections);
  for (int round = 0; round < options.rounds; ++round) {
    const Meter meter;
    if (options.alone == "bare") bare.run(kSensor, options.gets);
    if (options.alone == "http") co_await ours.http(ctx, kSensor, options.gets);
    if (options.alone == "redfish") co_await ours.redfish(ctx, kSensor, options.gets);
    const Used used = meter.used(options.gets);
    fmt::print("{}: {:.2f} us CPU each\n", options.alone, 1e6 * used.cpu_seconds / used.count);
  }
}

asio::awaitable<void> run(Ctx& ctx, const Options& options) {
  OwnPeers server;
  json::value ready;
  if (options.peers.empty()) {
    std::vector<std::string> arguments{"--serve", std::to_string(kPeers)};
    ready = co_await server.start(ctx, std::move(arguments));
  } else {
    ready = json::parse(options.peers);
  }
  Peers peers;
  peers.pin = std::string(ready.at("pin").as_string());
  for (const json::value& port : ready.at("ports").as_array()) {
    peers.bases.push_back(fmt::format("https://127.0.0.1:{}", port.to_number<int>()));
  }
  if (options.alone.empty()) {
    co_await measure(ctx, options, peers);
  } else {
    co_await run_alone(ctx, options, peers);
  }
  if (options.peers.empty()) co_await server.stop();
}

}  // namespace
}  // namespace kiln::bench

int main(int argc, char** argv) {
  kiln::bench::Options options;
  CLI::App app("GETs per CPU second of our client beside a bare libcurl-multi loop", "bench_redfish");
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--gets", options.gets, "in each round, by each line")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--json", options.json_file, "also write all rounds to this file");
  app.add_option("--alone", options.alone, "one line without the others, 2 KB, for a profiler")
      ->check(CLI::IsMember({"bare", "http", "redfish"}));
  app.add_option("--connections", options.alone_connections, "of --alone")
      ->check(CLI::Range(1, kiln::bench::kPeers))
      ->capture_default_str();
  app.add_option("--peers", options.peers, "the line that --serve has printed: those, and none of its own");
  app.add_option("--serve", options.serve, "be the peers: so many, until standard input closes")
      ->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.serve > 0) return kiln::bench::serve(options.serve);
    const auto loop = kiln::Loop::real();
    loop->run([&options](kiln::Ctx& ctx) { return kiln::bench::run(ctx, options); });
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_redfish: " << error.what() << "\n";
    return 4;
  }
}
