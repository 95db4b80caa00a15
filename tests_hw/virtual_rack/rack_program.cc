#include "tests_hw/virtual_rack/rack_program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <ostream>
#include <random>

#include "tests_hw/virtual_rack/config_reader.h"
#include "tests_hw/virtual_rack/control.h"
#include "tests_hw/virtual_rack/event_delivery.h"
#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/http_server.h"
#include "tests_hw/virtual_rack/inventory.h"
#include "tests_hw/virtual_rack/mockup.h"
#include "tests_hw/virtual_rack/model_server.h"
#include "tests_hw/virtual_rack/physics.h"
#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/single_faults.h"
#include "tests_hw/virtual_rack/ssh_server.h"

namespace kiln::virtual_rack {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;

constexpr std::chrono::milliseconds kPhysicsTick{50};
constexpr std::uint16_t kHostPorts = 100;   // above --port-base
constexpr std::uint16_t kControlPort = 99;  // above --port-base
constexpr std::uint16_t kServingPort = 98;  // above --port-base
constexpr const char* kUser = "kiln";

/// A stop because of bad input (2) or something that could not be done (4).
struct Failure {
  int exit_code;
  std::string message;
};

/// Every DUT takes two listeners and a handful of connections, which many trays together do not find in the
/// usual 1024.
void allow_many_connections() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

/// The checks that find each fault, by its kind: what config/checks.yaml calls their proof.
std::map<std::string, std::vector<std::string>, std::less<>> checks_by_fault() {
  std::map<std::string, std::vector<std::string>, std::less<>> found;
  const YAML::Node notes = load_config("checks.yaml");
  for (const YAML::Node& note : notes["checks"]) {
    const auto proof = field<std::string>(note, "proof");
    found[proof.substr(0, proof.find(':'))].push_back(field<std::string>(note, "check"));
  }
  return found;
}

void list_faults(const ProgramOptions& options, std::ostream& out) {
  const auto checks = checks_by_fault();
  json::array list;
  for (const FaultInfo& info : fault_catalogue()) {
    const auto by = checks.find(info.name);
    if (!options.json) {
      out << fmt::format("{:<25} {:<9} {:<24} {}\n", info.name, to_string(info.fault_class),
                         info.part_kind.empty() ? "-" : info.part_kind, info.description);
      if (by != checks.end()) out << fmt::format("{:<25} found by {}\n", "", fmt::join(by->second, ", "));
      continue;
    }
    json::object one;
    one["kind"] = info.name;
    one["class"] = to_string(info.fault_class);
    one["part"] = info.part_kind;
    one["description"] = info.description;
    one["told_by_one"] = is_single_fault(info.kind);
    one["checks"] = by == checks.end() ? json::array() : json::value_from(by->second).as_array();
    list.push_back(std::move(one));
  }
  if (options.json) {
    json::object body;
    body["faults"] = std::move(list);
    out << json::serialize(body) << "\n";
  }
}

/// A BMC answers in JSON even what it cannot read (DSP0266 8.6).
HttpResponse refused_unread(unsigned status, const std::string& text) {
  HttpResponse response =
      error_response(status, status == 413 ? "PayloadTooLarge" : "UnrecognizedRequestBody", text);
  response.headers.emplace_back("OData-Version", "4.0");
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

class RackProgram {
 public:
  RackProgram(const ProgramOptions& options, std::ostream& out, std::ostream& err)
      : options_(options),
        out_(out),
        err_(err),
        signals_(loop_, SIGINT, SIGTERM),
        timer_(loop_),
        tokens_(loop_) {}

  ~RackProgram() {
    for (const auto& server : servers_) server->stop();
    for (const auto& host : hosts_) host->stop();
    // What was closed still has handlers to run; they must not outlive what they refer to.
    loop_.restart();
    loop_.poll();
  }
  RackProgram(const RackProgram&) = delete;
  RackProgram& operator=(const RackProgram&) = delete;

  int run() {
    make_directory();
    password_ = random_hex(16);
    if (options_.mockup.empty()) {
      start_rack();
    } else {
      start_mockup();
    }
    control_ = std::make_unique<Control>(rack_.get(), log_);
    const std::uint16_t control_port = serve("control", port(kControlPort), std::nullopt,
                                             [this](const HttpRequest& r) { return control_->handle(r); });
    const Result<fs::path> inventory = write_inventory(directory_, inventory_);
    if (!inventory) throw Failure{4, inventory.error().sentence()};

    json::object ready;
    ready["ready"] = true;
    ready["inventory"] = inventory->string();
    ready["control"] = fmt::format("127.0.0.1:{}", control_port);
    out_ << json::serialize(ready) << std::endl;

    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) loop_.stop();
    });
    tick();
    loop_.run();
    return 0;
  }

 private:
  std::uint16_t port(std::size_t offset) const {
    return options_.port_base == 0 ? std::uint16_t{0}
                                   : static_cast<std::uint16_t>(options_.port_base + offset);
  }

  void make_directory() {
    std::error_code error;
    if (options_.out.empty()) {
      std::string pattern = (fs::temp_directory_path(error) / "kiln-virtual-rack-XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr) {
        throw Failure{4, fmt::format("cannot make a directory like {}", pattern)};
      }
      directory_ = pattern;
      return;
    }
    fs::create_directories(options_.out, error);
    if (error) throw Failure{4, fmt::format("--out {}: {}", options_.out, error.message())};
    directory_ = fs::absolute(options_.out);
  }

  std::uint16_t serve(const std::string& name, std::uint16_t wanted, std::optional<TlsIdentity> tls,
                      HttpHandler handler) {
    HttpServerOptions server;
    server.name = name;
    server.port = wanted;
    if (tls) server.refusal = refused_unread;
    server.tls = std::move(tls);
    servers_.push_back(make_http_server(loop_, std::move(server), std::move(handler)));
    return servers_.back()->port();
  }

  void start_rack() {
    RackOptions build;
    build.rack = options_.rack;
    build.product = options_.product;
    build.seed = options_.seed ? *options_.seed : std::random_device{}();
    build.time_scale = options_.time_scale;
    build.powered_on = options_.powered_on;
    build.event_service = !options_.no_events;
    build.firmware_behind = options_.firmware_behind;
    build.firmware_current = options_.firmware_current;
    build.cooltera = options_.cooltera;
    Result<std::unique_ptr<RackModel>> rack = build_rack(build, monotonic_ns());
    if (!rack) throw Failure{2, rack.error().sentence()};
    rack_ = std::move(*rack);
    err_ << fmt::format("kiln-virtual-rack: rack {}, seed {}, time scale {}\n", rack_->name, rack_->seed,
                        rack_->time_scale());

    if (options_.port_base != 0 && rack_->duts.size() > kServingPort) {
      throw Failure{2, fmt::format("--port-base has room for {} DUTs, and this rack has {}: leave it out",
                                   kServingPort, rack_->duts.size())};
    }
    inventory_.rack = rack_->rack_id;
    inventory_.product = rack_->product;
    inventory_.time_scale = rack_->time_scale();
    inventory_.user = kUser;
    inventory_.password = password_;
    for (std::size_t i = 0; i < rack_->duts.size(); ++i) start_dut(rack_->duts[i], i);
    start_serving();
    if (Status image = write_firmware_image(directory_, *rack_); !image)
      throw Failure{4, image.error().sentence()};
    if (rack_->firmware_behind) {
      if (Status baseline = write_firmware_baseline(directory_, *rack_); !baseline)
        throw Failure{4, baseline.error().sentence()};
      inventory_.firmware_baseline = fmt::format("firmware/{}.yaml", rack_->product);
    }

    for (const std::string& text : options_.faults) {
      const Result<FaultSpec> spec = parse_fault(text);
      if (!spec) throw Failure{2, fmt::format("--fault {}: {}", text, spec.error().sentence())};
      const Result<std::uint64_t> added = add_fault(*rack_, *spec);
      if (!added) throw Failure{2, fmt::format("--fault {}: {}", text, added.error().sentence())};
    }
  }

  void start_dut(Dut& dut, std::size_t index) {
    InventoryDut entry = expectation_of(*rack_, dut);
    bmcs_.push_back(std::make_unique<Bmc>(*rack_, dut, Account{kUser, password_}, log_));
    Bmc* bmc = bmcs_.back().get();
    TlsIdentity identity = make_tls_identity(fmt::format("{}-bmc", dut.id));
    entry.bmc_pin = identity.spki_sha256_base64;
    bmc->certificate_pem = identity.certificate_pem;
    entry.bmc_port = serve("BMC of " + dut.id, port(index), std::move(identity),
                           [bmc](const HttpRequest& request) { return bmc->handle(request); });
    bmc->https_port = entry.bmc_port;
    HttpServer* server = servers_.back().get();
    bmc_servers_.push_back(server);
    bmc->use_identity = [server](TlsIdentity other) { server->use_identity(std::move(other)); };
    bmc->deliver_event = [this](const std::string& destination, std::string body, Bmc::Undelivered given_up) {
      deliver_event(loop_, destination, std::move(body), std::move(given_up));
    };
    if (dut.has_host()) {
      SshServerOptions host;
      host.dut = dut.id;
      host.port = port(kHostPorts + index);
      host.password = password_;
      hosts_.push_back(std::make_unique<SshServer>(loop_, *rack_, log_, host));
      if (Status started = hosts_.back()->start(); !started) throw Failure{4, started.error().sentence()};
      entry.host_port = hosts_.back()->port();
      entry.host_key = hosts_.back()->host_key_line();
    }
    inventory_.duts.push_back(std::move(entry));
  }

  void start_serving() {
    inventory_.serving_key = random_hex(16);
    model_ = std::make_unique<ModelServer>(*rack_, log_, inventory_.serving_key);
    TlsIdentity identity = make_tls_identity("model-server");
    inventory_.serving_pin = identity.spki_sha256_base64;
    HttpServerOptions server;
    server.name = "model server";
    server.port = port(kServingPort);
    server.tls = std::move(identity);
    servers_.push_back(make_http_server(loop_, std::move(server), [this](const HttpRequest& request) {
      HttpResponse response = model_->handle(request);
      send_tokens();
      return response;
    }));
    inventory_.serving_port = servers_.back()->port();
  }

  /// Tokens come closer together than the ticks of physics.
  void send_tokens() {
    const std::optional<std::uint64_t> next = model_->next_ns();
    if (!next) return;
    const std::uint64_t now = monotonic_ns();
    // One that stalls is due all the while.
    const auto wait = std::max<std::int64_t>(static_cast<std::int64_t>(*next - now), 1'000'000);
    tokens_.expires_after(std::chrono::nanoseconds(wait));
    tokens_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      model_->tick();
      send_tokens();
    });
  }

  void start_mockup() {
    if (!options_.faults.empty())
      throw Failure{2, "a mockup is served as it was captured: --fault needs --rack"};
    Result<MockupTree> tree = MockupTree::open(options_.mockup);
    if (!tree) throw Failure{2, tree.error().sentence()};
    err_ << fmt::format("kiln-virtual-rack: mockup {}, layout {}, {} files\n", options_.mockup,
                        tree->layout(), tree->files().size());
    mockup_ = std::make_unique<MockupBmc>(std::move(*tree), "B01", Account{kUser, password_}, log_);
    inventory_.rack = "R01";
    inventory_.product = "generic";
    inventory_.user = kUser;
    inventory_.password = password_;
    InventoryDut entry;
    entry.id = "B01";
    entry.role = "server";
    TlsIdentity identity = make_tls_identity("B01-bmc");
    entry.bmc_pin = identity.spki_sha256_base64;
    entry.bmc_port = serve("mockup", port(0), std::move(identity),
                           [this](const HttpRequest& request) { return mockup_->handle(request); });
    inventory_.duts.push_back(std::move(entry));
  }

  /// True when the one we belong to is gone.
  bool orphaned() const {
    if (options_.parent_pid > 0 && ::kill(options_.parent_pid, 0) != 0 && errno == ESRCH) return true;
    if (!options_.exit_with_stdin) return false;
    for (;;) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      if (::poll(&input, 1, 0) <= 0) return false;
      std::array<char, 256> unread{};
      if (::read(STDIN_FILENO, unread.data(), unread.size()) <= 0) return true;
    }
  }

  void tick() {
    if (orphaned()) {
      loop_.stop();
      return;
    }
    if (rack_) {
      advance(*rack_, monotonic_ns());
      model_->tick();
      for (std::size_t i = 0; i < bmcs_.size(); ++i) {
        bmcs_[i]->tick();
        if (const auto away = bmcs_[i]->take_restart()) bmc_servers_[i]->refuse_for(*away);
      }
    }
    timer_.expires_after(kPhysicsTick);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) tick();
    });
  }

  const ProgramOptions& options_;
  std::ostream& out_;
  std::ostream& err_;
  asio::io_context loop_{1};
  asio::signal_set signals_;
  asio::steady_timer timer_;
  asio::steady_timer tokens_;
  RequestLog log_;
  std::string password_;
  fs::path directory_;
  InventoryRack inventory_;
  std::unique_ptr<RackModel> rack_;
  std::vector<std::unique_ptr<Bmc>> bmcs_;
  std::unique_ptr<MockupBmc> mockup_;
  std::unique_ptr<ModelServer> model_;
  std::unique_ptr<Control> control_;
  std::vector<std::unique_ptr<HttpServer>> servers_;
  std::vector<HttpServer*> bmc_servers_;  // in the order of bmcs_
  std::vector<std::unique_ptr<SshServer>> hosts_;
};

}  // namespace

int run_program(const ProgramOptions& options, std::ostream& out, std::ostream& err) {
  if (options.list_faults) {
    list_faults(options, out);
    return 0;
  }
  try {
    allow_many_connections();
    RackProgram program(options, out, err);
    return program.run();
  } catch (const Failure& failure) {
    err << "kiln-virtual-rack: " << failure.message << "\n";
    return failure.exit_code;
  } catch (const std::exception& error) {
    err << "kiln-virtual-rack: " << error.what() << "\n";
    return 4;
  }
}

}  // namespace kiln::virtual_rack
