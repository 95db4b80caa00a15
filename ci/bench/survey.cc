// A survey of one BMC of 1,800 resources over TLS, beside plain reads of the same addresses by the same
// client, in turns; then one more of a BMC that answers 429 beyond so many requests a second. The peer is
// this program again, in a process of its own. What counts is how many requests a survey takes for what there
// is (1.00: each resource once), what it costs beside the plain reads, and how long a BMC that refuses makes
// it.
#include "bmc/survey.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
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

constexpr int kSensorsOfOne = 48;  // of a chassis; about what a GB300 tray has

struct Options {
  int rounds = 5;
  int resources = 1800;
  int allowed = 100;  // requests a second of the BMC that refuses
  bool serve = false;
  std::string json_file;
};

// ---- the fixture

json::object link_to(const std::string& uri) { return json::object{{"@odata.id", uri}}; }

json::object collection_of(const std::string& uri, const std::string& type,
                           const std::vector<std::string>& members) {
  json::array links;
  for (const std::string& member : members) links.push_back(link_to(member));
  const std::string name = type + "Collection";
  return json::object{{"@odata.id", uri},
                      {"@odata.type", "#" + name + "." + name},
                      {"Name", type + "s"},
                      {"Members@odata.count", links.size()},
                      {"Members", std::move(links)}};
}

json::object sensor_at(const std::string& uri, int number) {
  return json::object{{"@odata.id", uri},
                      {"@odata.type", "#Sensor.v1_9_0.Sensor"},
                      {"Id", uri.substr(uri.rfind('/') + 1)},
                      {"Name", fmt::format("Temperature {}", number)},
                      {"Reading", 20.0 + number % 50},
                      {"ReadingType", "Temperature"},
                      {"ReadingUnits", "Cel"},
                      {"PhysicalContext", "GPU"},
                      {"ReadingTime", "2026-01-01T00:00:00+00:00"},
                      {"Thresholds",
                       {{"UpperCritical", {{"Reading", 95.0}, {"Activation", "Increasing"}}},
                        {"UpperCaution", {{"Reading", 85.0}, {"Activation", "Increasing"}}}}},
                      {"RelatedItem", json::array{link_to(uri.substr(0, uri.find("/Sensors")))}},
                      {"Status", {{"State", "Enabled"}, {"Health", "OK"}, {"HealthRollup", "OK"}}}};
}

/// As many resources as asked, all linked: chassis with their sensors.
std::map<std::string, std::string> tree_of(int resources) {
  std::map<std::string, std::string> bodies;
  const std::string chassis = "/redfish/v1/Chassis";
  std::vector<std::string> all;
  int left = resources - 2;  // the root and the collection
  for (int number = 0; left > 0; ++number) {
    const std::string uri = fmt::format("{}/Chassis_{}", chassis, number);
    json::object body{{"@odata.id", uri},
                      {"@odata.type", "#Chassis.v1_22_0.Chassis"},
                      {"Id", fmt::format("Chassis_{}", number)},
                      {"Name", "Chassis"},
                      {"ChassisType", "Module"},
                      {"Status", {{"State", "Enabled"}, {"Health", "OK"}}}};
    all.push_back(uri);
    --left;
    if (left > 0) {
      std::vector<std::string> sensors;
      --left;  // their collection
      for (int i = 0; i < kSensorsOfOne && left > 0; ++i, --left) {
        sensors.push_back(fmt::format("{}/Sensors/Sensor_{}", uri, i));
        bodies[sensors.back()] = json::serialize(sensor_at(sensors.back(), i));
      }
      bodies[uri + "/Sensors"] = json::serialize(collection_of(uri + "/Sensors", "Sensor", sensors));
      body["Sensors"] = link_to(uri + "/Sensors");
    }
    bodies[uri] = json::serialize(body);
  }
  bodies[chassis] = json::serialize(collection_of(chassis, "Chassis", all));
  bodies["/redfish/v1"] = json::serialize(json::object{{"@odata.id", "/redfish/v1/"},
                                                       {"@odata.type", "#ServiceRoot.v1_15_0.ServiceRoot"},
                                                       {"Id", "RootService"},
                                                       {"Name", "Root"},
                                                       {"RedfishVersion", "1.17.0"},
                                                       {"Chassis", link_to(chassis)}});
  return bodies;
}

// ---- the peer: what was asked of it is told by itself, at /count

PeerReply status_reply(int status, const std::string& body) {
  PeerReply reply;
  reply.bytes = fmt::format(
      "HTTP/1.1 {} X\r\nOData-Version: 4.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      status, body.size(), body);
  return reply;
}

/// What one BMC was asked; with a bound, the requests beyond it in each second are refused.
class CountingBmc {
 public:
  CountingBmc(const std::map<std::string, std::string>& bodies, int allowed)
      : bodies_(bodies), allowed_(allowed) {}
  PeerReply answer(const PeerRequest& request) {
    std::string path = request.path;
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path == "/count") {
      const PeerReply told =
          status_reply(200, json::serialize(json::object{{"asked", asked_}, {"refused", refused_}}));
      asked_ = refused_ = 0;
      return told;
    }
    ++asked_;
    if (allowed_ > 0) {
      const auto now = std::chrono::steady_clock::now();
      if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        in_second_ = 0;
      }
      if (++in_second_ > allowed_) {
        ++refused_;
        return status_reply(429, R"({"error":{"code":"Base.1.13.ServiceTemporarilyUnavailable"}})");
      }
    }
    const auto found = bodies_.find(path);
    if (found == bodies_.end())
      return status_reply(404, R"({"error":{"code":"Base.1.13.ResourceMissingAtURI"}})");
    return status_reply(200, found->second);
  }

 private:
  const std::map<std::string, std::string>& bodies_;
  int allowed_, asked_ = 0, refused_ = 0, in_second_ = 0;
  std::chrono::steady_clock::time_point second_;
};

int serve(const Options& options) {
  const TestCertificate certificate;
  const std::map<std::string, std::string> bodies = tree_of(options.resources);
  CountingBmc free(bodies, 0), bound(bodies, options.allowed);
  const HttpsPeer one(certificate, [&free](const PeerRequest& request) { return free.answer(request); });
  const HttpsPeer other(certificate, [&bound](const PeerRequest& request) { return bound.answer(request); });
  std::cout << json::serialize(json::object{
                   {"pin", certificate.pin_sha256()}, {"free", one.port()}, {"bound", other.port()}})
            << std::endl;
  std::array<char, 16> unread{};
  while (::read(STDIN_FILENO, unread.data(), unread.size()) > 0) {
  }
  return 0;
}

// ---- ours

struct Asked {
  int asked = 0, refused = 0;
};

class Station {
 public:
  Station(CurlEngine& engine, std::string base, std::string pin)
      : engine_(engine), base_(std::move(base)), pin_(std::move(pin)) {}

  /// A new one each time: nothing is known of the BMC.
  [[nodiscard]] std::unique_ptr<RedfishClient> client() const {
    HttpOptions options;
    options.trust = {TlsTrust::Kind::pin, pin_};
    Result<std::unique_ptr<HttpClient>> made = engine_.client(std::move(options));
    if (!made) throw std::runtime_error(made.error().full());
    RedfishOptions redfish;
    redfish.base_url = base_;
    return std::make_unique<RedfishClient>(std::move(*made), std::move(redfish));
  }

  asio::awaitable<Asked> asked(const Ctx& ctx) const {
    const std::unique_ptr<RedfishClient> other = client();
    const Result<RedfishResource> told = co_await other->get(ctx, "/count");
    if (!told) throw std::runtime_error(told.error().full());
    Asked counts;
    counts.asked = static_cast<int>(told->body["asked"].integer().value_or(0));
    counts.refused = static_cast<int>(told->body["refused"].integer().value_or(0));
    co_return counts;
  }

  asio::awaitable<void> survey(const Ctx& ctx, int resources) const {
    const std::unique_ptr<RedfishClient> own = client();
    Survey survey(*own);
    const Result<SurveyReport> report = co_await survey.run(ctx);
    if (!report) throw std::runtime_error(report.error().full());
    if (!report->complete || report->resources_read != resources) {
      throw std::runtime_error(
          fmt::format("a survey read {} of {} resources", report->resources_read, resources));
    }
  }

  /// The same addresses, two side by side as a survey reads them, without looking at what they say.
  asio::awaitable<void> plain(const Ctx& ctx, std::vector<std::string> uris) const {
    const std::unique_ptr<RedfishClient> own = client();
    const Result<std::vector<Result<RedfishResource>>> read = co_await own->get_all(ctx, std::move(uris));
    if (!read) throw std::runtime_error(read.error().full());
  }

 private:
  CurlEngine& engine_;
  std::string base_, pin_;
};

asio::awaitable<void> measure(const Ctx& ctx, const Options& options, const json::value& ready) {
  CurlEngine engine(ctx.loop());
  const std::string pin(ready.at("pin").as_string());
  const auto base = [&ready](const char* name) {
    return fmt::format("https://127.0.0.1:{}", ready.at(name).to_number<int>());
  };
  const Station station(engine, base("free"), pin);
  std::vector<std::string> uris;
  for (const auto& [uri, body] : tree_of(options.resources)) uris.push_back(uri);
  const std::string ceiling = "bare reads of the same addresses";
  Comparison comparison("resources");
  int requests = 0;
  for (int round = 0; round < options.rounds; ++round) {
    const Meter plain_meter;
    co_await station.plain(ctx, uris);
    comparison.note(ceiling, {}, plain_meter.used(options.resources));
    const Asked before = co_await station.asked(ctx);
    static_cast<void>(before);
    const Meter survey_meter;
    co_await station.survey(ctx, options.resources);
    comparison.note("survey", {ceiling}, survey_meter.used(options.resources));
    const Asked after = co_await station.asked(ctx);
    requests = std::max(requests, after.asked);
  }
  comparison.print();
  const Station spared(engine, base("bound"), pin);
  const Meter bound_meter;
  co_await spared.survey(ctx, options.resources);
  const Used used = bound_meter.used(options.resources);
  const Asked bound = co_await spared.asked(ctx);
  const double least = static_cast<double>(options.resources) / options.allowed;
  fmt::print("{} requests for {} resources: {:.3f} each\n", requests, options.resources,
             static_cast<double>(requests) / options.resources);
  fmt::print(
      "a BMC that bears {} requests a second: {} requests, {} of them refused, {:.1f} s ({:.1f} s at "
      "least)\n",
      options.allowed, bound.asked, bound.refused, used.wall_seconds, least);
  if (options.json_file.empty()) co_return;
  json::object figures = comparison.json();
  figures["resources"] = options.resources;
  figures["requests"] = requests;
  figures["bound"] = json::object{{"allowed_per_second", options.allowed},
                                  {"requests", bound.asked},
                                  {"refused", bound.refused},
                                  {"seconds", used.wall_seconds},
                                  {"least_seconds", least}};
  std::ofstream out(options.json_file);
  out << json::serialize(figures) << "\n";
  if (!out.flush()) throw std::runtime_error(options.json_file + " cannot be written");
}

asio::awaitable<void> run(Ctx& ctx, const Options& options) {
  OwnPeers server;
  std::vector<std::string> arguments{"--serve", "--resources", std::to_string(options.resources), "--allowed",
                                     std::to_string(options.allowed)};
  const json::value ready = co_await server.start(ctx, std::move(arguments));
  co_await measure(ctx, options, ready);
  co_await server.stop();
}

}  // namespace
}  // namespace kiln::bench

int main(int argc, char** argv) {
  kiln::bench::Options options;
  CLI::App app("What a survey of one BMC takes and costs", "bench_survey");
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--resources", options.resources)->check(CLI::Range(10, 15'000))->capture_default_str();
  app.add_option("--allowed", options.allowed, "requests a second that the refusing BMC bears")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--json", options.json_file, "also write all rounds to this file");
  app.add_flag("--serve", options.serve, "be the peers, until standard input closes");
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.serve) return kiln::bench::serve(options);
    const auto loop = kiln::Loop::real();
    loop->run([&options](kiln::Ctx& ctx) { return kiln::bench::run(ctx, options); });
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_survey: " << error.what() << "\n";
    return 4;
  }
}
