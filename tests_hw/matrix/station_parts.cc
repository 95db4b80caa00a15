#include "station_parts.h"

#include <fmt/format.h>

#include <utility>

#include "bmc/cooltera_bmc.h"
#include "bmc/redfish_bmc.h"
#include "bmc/redfish_session.h"
#include "model/bmc_protocol.h"
#include "model/serving_access.h"
#include "safety/warden_bmc.h"
#include "station/keyed_http.h"

namespace kiln::matrix {

using boost::asio::awaitable;
using namespace std::chrono_literals;

namespace {

constexpr const char* kUser = "kiln";
// As real_devices.cc, warden_main.cc and io/http.h have them.
constexpr std::size_t kStationRequests = 3, kWardenRequests = 8;
constexpr Nanoseconds kStationTimeout = 30s, kWardenTimeout = 5s;

Error nobody(const std::string& who) {
  return {"matrix.nobody", fmt::format("{}: the rack has no such door", who)};
}

}  // namespace

Result<std::unique_ptr<Bmc>> RackDevices::open_bmc(const Dut& dut) {
  if (!dut.bmc) return nobody(dut.id);
  std::unique_ptr<HttpClient> client = rack_.http(dut.bmc->url, kStationRequests, kStationTimeout);
  if (!client) return nobody(dut.id);
  if (bmc_protocol_of(dut.bmc->url) == BmcProtocol::cooltera)
    return make_cooltera_bmc(std::move(client), dut.bmc->url);
  RedfishOptions options;
  options.base_url = dut.bmc->url;
  options.user = kUser;
  options.password = Secret(rack_.password());
  std::shared_ptr<LoginDoor>& door = login_doors_[dut.bmc->url];
  if (!door) door = std::make_shared<LoginDoor>();
  options.login_door = door;
  std::shared_ptr<BmcPeer>& peer = peers_[dut.bmc->url];
  if (!peer) peer = std::make_shared<BmcPeer>();
  options.peer = peer;
  options.dialects = dialects_;
  return make_redfish_bmc(std::move(client), std::move(options));
}

Result<std::unique_ptr<Shell>> RackDevices::open_shell(const Dut& dut) {
  std::unique_ptr<Shell> shell = dut.host ? rack_.shell(dut.host->port) : nullptr;
  if (!shell) return nobody("the host of " + dut.id);
  return shell;
}

Result<std::unique_ptr<HttpClient>> RackDevices::open_model_server(const ServingAccess& server,
                                                                   std::size_t at_once) {
  std::unique_ptr<HttpClient> client = rack_.http(server.url, at_once, kStationTimeout);
  if (!client) return nobody(server.url);
  return std::unique_ptr<HttpClient>(
      std::make_unique<KeyedHttp>(std::move(client), serving_base(server.url), Secret(rack_.serving_key())));
}

awaitable<Result<CommandResult>> RackDevices::NoProcesses::run(const Ctx& /*ctx*/, ProcessSpec /*spec*/) {
  co_return Error("process.start", "no program is started here");
}

awaitable<Result<std::unique_ptr<RunningProcess>>> RackDevices::NoProcesses::start(const Ctx& /*ctx*/,
                                                                                   ProcessSpec /*spec*/) {
  co_return Error("process.start", "no program is started here");
}

Result<WardenBmc> open_warden_bmc(RackInProcess& rack, const WardenDut& dut) {
  std::unique_ptr<HttpClient> client = rack.http(dut.bmc_url, kWardenRequests, kWardenTimeout);
  if (!client) return nobody(dut.id);
  return make_warden_bmc(std::move(client), dut);
}

Result<std::unique_ptr<Shell>> open_warden_shell(RackInProcess& rack, const WardenDut& dut) {
  std::unique_ptr<Shell> shell = rack.shell(dut.host_port);
  if (!shell) return nobody("the host of " + dut.id);
  return shell;
}

WardenDut told_to_warden(const Dut& dut, const std::string& user, const std::string& password) {
  WardenDut told;
  told.id = dut.id;
  told.role = dut.role;
  for (const Component* detector : dut.expect.of_kind(ComponentKind::leak_detector))
    told.leak_detectors.push_back(detector->name);
  if (dut.bmc) {
    told.bmc_url = dut.bmc->url;
    told.bmc_trust = dut.bmc->tls;
    told.bmc_user = user;
    told.bmc_password = Secret(password);
  }
  if (dut.host) {
    told.host_address = dut.host->address;
    told.host_port = dut.host->port;
    told.host_user = dut.host->user;
    told.host_password = Secret(password);
    told.host_key = dut.host->host_key;
  }
  return told;
}

class MessagePipe::End final : public MessageSocket {
 public:
  End(MessagePipe& pipe, Way& out, Way& in) : pipe_(pipe), out_(out), in_(in) {}
  awaitable<Status> send(const Ctx& /*ctx*/, std::string message) override {
    if (pipe_.closed_) co_return Error("socket.closed", "the other end is gone");
    out_.waiting.push_back(std::move(message));
    if (out_.news) out_.news->complete(true);
    co_return success();
  }
  awaitable<Result<std::string>> receive(const Ctx& ctx) override {
    while (in_.waiting.empty() && !pipe_.closed_) {
      const Completion<bool> news;
      in_.news = news;
      const Result<bool> waited = co_await news.wait(ctx);
      in_.news.reset();
      if (!waited) co_return waited.error();
    }
    if (in_.waiting.empty()) co_return Error("socket.closed", "the other end is gone");
    std::string text = std::move(in_.waiting.front());
    in_.waiting.pop_front();
    co_return text;
  }

 private:
  MessagePipe& pipe_;
  Way& out_;
  Way& in_;
};

std::unique_ptr<MessageSocket> MessagePipe::near_end() { return std::make_unique<End>(*this, there_, back_); }
std::unique_ptr<MessageSocket> MessagePipe::far_end() { return std::make_unique<End>(*this, back_, there_); }

void MessagePipe::close() {
  closed_ = true;
  if (there_.news) there_.news->complete(true);
  if (back_.news) back_.news->complete(true);
}

awaitable<Result<int>> WardenTask::ended(const Ctx& ctx) {
  Result<int> status = co_await ended_.wait(ctx);
  co_return status;
}

awaitable<Result<PromptAnswer>> NobodyThere::ask(const Ctx& /*ctx*/, std::string /*dut*/,
                                                 PromptRequest /*request*/) {
  co_return Error("prompt.no_input", "nobody is there");
}

std::int64_t VerdictSink::take(Event event) {
  event.sequence = ++last_;
  verdict_.add(event);
  if (keeps_record_ && !std::holds_alternative<SeriesChunk>(event.body)) record_.push_back(std::move(event));
  return last_;
}

awaitable<Result<std::int64_t>> VerdictSink::append(const Ctx& /*ctx*/, Event event) {
  co_return take(std::move(event));
}

awaitable<Result<std::int64_t>> VerdictSink::append_durable(const Ctx& /*ctx*/, Event event) {
  co_return take(std::move(event));
}

void VerdictSink::keep_beside(const Event& event) { verdict_.add(event); }

}  // namespace kiln::matrix
