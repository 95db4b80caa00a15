#include "rack_in_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/physics.h"

namespace kiln::matrix {
namespace {

constexpr std::uint16_t kFirstBmc = 10'000, kFirstHost = 20'000, kServing = 30'000;
// As ssh_server.cc: how long after a command began its connection is dropped, and how often.
constexpr std::uint64_t kDropAfterNs = 150'000'000;
constexpr int kDrops = 1;
constexpr const char* kUser = "kiln";
// Nobody looks at them here; the rack file must have them.
constexpr const char* kPin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
constexpr const char* kHostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAclE5NjfKth5H+d4697joymLn8X85M08zcXvk0IZRiN";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().sentence());
  return std::move(*result);
}

/// Of "https://127.0.0.1:10003/…"; 0: there is none.
std::uint16_t port_of(const std::string& url) {
  const std::size_t host = url.find("://");
  const std::size_t colon = host == std::string::npos ? host : url.find(':', host + 3);
  if (colon == std::string::npos) return 0;
  std::uint16_t port = 0;
  const auto read = std::from_chars(url.data() + colon + 1, url.data() + url.size(), port);
  return read.ec == std::errc() ? port : 0;
}

}  // namespace

void HttpDoor::break_all() {
  ++breaks;
  const std::list<Completion<bool>> broken = std::exchange(under_way, {});
  for (const Completion<bool>& each : broken) each.complete(false);
}

bool HostDoor::hangs() const {
  return active_fault(host.rack, host.dut, virtual_rack::FaultKind::host_hang) != nullptr;
}

RackInProcess::RackInProcess(Loop& loop, RackWishes wishes, const std::string& directory,
                             const std::string& product)
    : loop_(loop), wishes_(std::move(wishes)) {
  virtual_rack::RackOptions build;
  build.rack = wishes_.rack;
  build.seed = wishes_.seed;
  build.time_scale = wishes_.time_scale;
  build.powered_on = false;
  build.firmware_current = wishes_.firmware_current;
  build.product = wishes_.product;
  build.cooltera = wishes_.cooltera;
  const Instant now = loop_.clock().now();
  model_ = must(build_rack(build, static_cast<std::uint64_t>(now.monotonic_ns)));
  model_->utc_at_start_ns = now.utc_ns;
  if (wishes_.adjust) wishes_.adjust(*model_);
  facts_.rack = model_->rack_id;
  facts_.product = product.empty() ? model_->product : product;
  facts_.time_scale = model_->time_scale();
  facts_.user = kUser;
  facts_.password = fmt::format("{:016x}", model_->random());
  facts_.serving_key = fmt::format("{:016x}", model_->random());
  facts_.serving_port = kServing;
  facts_.serving_pin = kPin;
  for (virtual_rack::Dut& dut : model_->duts) add_dut(dut);
  serving_ = std::make_unique<virtual_rack::ModelServer>(*model_, log_, facts_.serving_key, [this] {
    return static_cast<std::uint64_t>(loop_.clock().now().monotonic_ns);
  });
  serving_door_.answer = [this](const virtual_rack::HttpRequest& request) {
    virtual_rack::HttpResponse answered = serving_->handle(request);
    send_tokens();
    return answered;
  };
  const Status image = write_firmware_image(directory, *model_);
  if (!image) throw std::runtime_error(image.error().sentence());
  inventory_file_ = must(write_inventory(directory, facts_)).string();
  tick();
}

RackInProcess::~RackInProcess() {
  loop_.cancel(timer_);
  loop_.cancel(tokens_);
}

void RackInProcess::add_dut(virtual_rack::Dut& dut) {
  virtual_rack::InventoryDut entry = expectation_of(*model_, dut);
  virtual_rack::Account account{kUser, facts_.password};
  bmcs_.push_back(std::make_unique<virtual_rack::Bmc>(*model_, dut, std::move(account), log_));
  virtual_rack::Bmc* bmc = bmcs_.back().get();
  entry.bmc_port = static_cast<std::uint16_t>(kFirstBmc + bmc_doors_.size());
  entry.bmc_pin = kPin;
  bmc->https_port = entry.bmc_port;
  bmc_doors_.push_back(std::make_unique<HttpDoor>());
  virtual_rack::Dut* whose = &dut;
  bmc_doors_.back()->answer = [this, bmc, whose](const virtual_rack::HttpRequest& request) {
    virtual_rack::HttpResponse answered = bmc->handle(request);
    if (wishes_.distort) wishes_.distort(*whose, request, answered);
    return answered;
  };
  if (dut.has_host()) {
    entry.host_port = static_cast<std::uint16_t>(kFirstHost + host_doors_.size());
    entry.host_key = kHostKey;
    host_doors_.push_back(std::make_unique<HostDoor>(virtual_rack::Host{*model_, dut}, log_));
  }
  facts_.duts.push_back(std::move(entry));
}

std::unique_ptr<HttpClient> RackInProcess::http(const std::string& url, std::size_t at_once,
                                                Nanoseconds timeout) {
  const std::uint16_t port = port_of(url);
  if (port == kServing) return make_rack_http(serving_door_, at_once, timeout);
  if (port < kFirstBmc || port >= kFirstBmc + bmc_doors_.size()) return nullptr;
  return make_rack_http(*bmc_doors_[port - kFirstBmc], at_once, timeout);
}

std::unique_ptr<Shell> RackInProcess::shell(std::uint16_t port) {
  if (port < kFirstHost || port >= kFirstHost + host_doors_.size()) return nullptr;
  return make_rack_shell(*host_doors_[port - kFirstHost]);
}

void RackInProcess::tick() {
  const std::int64_t now_ns = loop_.clock().now().monotonic_ns;
  if (wishes_.drift)
    wishes_.drift(*model_, static_cast<double>(now_ns - static_cast<std::int64_t>(model_->start_ns)) * 1e-9);
  advance(*model_, static_cast<std::uint64_t>(now_ns));
  serving_->tick();
  for (std::size_t number = 0; number < bmcs_.size(); ++number) {
    bmcs_[number]->tick();
    const auto away = bmcs_[number]->take_restart();
    if (!away) continue;
    bmc_doors_[number]->closed_until_ns = now_ns + Nanoseconds(*away).count();
    bmc_doors_[number]->break_all();
  }
  for (const std::unique_ptr<HostDoor>& door : host_doors_) look_at_host(*door);
  timer_ = loop_.call_at(now_ns + wishes_.tick.count(), [this] { tick(); });
}

/// As SshServer: a host that went down keeps nothing, a fault cuts its connections while a command runs, and
/// what has lost its connection goes on until it ends or writes.
void RackInProcess::look_at_host(HostDoor& door) {
  virtual_rack::Fault* drop = active_fault(*model_, door.host.dut, virtual_rack::FaultKind::ssh_drop);
  bool cut = !door.host.dut.host_up;
  if (drop != nullptr && drop->strikes < kDrops && !door.running.empty()) {
    if (door.drop_at_ns == 0) door.drop_at_ns = model_->now_ns + kDropAfterNs;
    if (model_->now_ns >= door.drop_at_ns) {
      ++drop->strikes;
      door.drop_at_ns = 0;
      cut = true;
    }
  } else {
    door.drop_at_ns = 0;
  }
  if (cut) {
    ++door.connections_cut;
    for (const std::shared_ptr<RunningCommand>& each : door.running) each->lost = true;
  }
  if (!door.host.dut.host_up) door.orphans.clear();
  for (auto at = door.orphans.begin(); at != door.orphans.end();) {
    virtual_rack::Output output;
    const bool ended = (*at)->step(output).has_value();
    at = ended || !output.out.empty() || !output.err.empty() ? door.orphans.erase(at) : std::next(at);
  }
}

void RackInProcess::send_tokens() {
  const std::optional<std::uint64_t> next = serving_->next_ns();
  if (!next) return;
  const std::int64_t now_ns = loop_.clock().now().monotonic_ns;
  loop_.cancel(tokens_);
  // One that stalls is due all the while.
  const std::int64_t due_ns = std::max(static_cast<std::int64_t>(*next), now_ns + 1'000'000);
  tokens_ = loop_.call_at(due_ns, [this] {
    serving_->tick();
    send_tokens();
  });
}

}  // namespace kiln::matrix
