#include "station/real_devices.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "base/nearest.h"
#include "bmc/bmc_peer.h"
#include "bmc/cooltera_bmc.h"
#include "bmc/redfish_bmc.h"
#include "bmc/redfish_client.h"
#include "bmc/redfish_session.h"
#include "io/libssh_shell.h"
#include "io/mosquitto_mqtt.h"
#include "io/post_listener.h"
#include "io/ssh_jump.h"
#include "model/bmc_place.h"
#include "model/bmc_protocol.h"
#include "model/serving_access.h"
#include "safety/building_door.h"
#include "safety/stay_clear.h"
#include "station/keyed_http.h"
#include "station/sessions_by_way.h"
#include "station/sessions_on_disk.h"

namespace kiln {
namespace {

constexpr std::size_t kHandshakes = 16;     // SSH key exchanges at once: 0.7 ms of the loop each
constexpr std::size_t kJumpHandshakes = 4;  // of their own: hosts that hang must not keep BMCs out of reach
constexpr std::size_t kModelServerBody = 4U << 20U;  // a list of models, or an error
constexpr std::size_t kRequestsAtOnce = 3;  // to one BMC: two reads, and a stream of events beside them

bool is_read_by_cooltera(const Dut& dut) {
  return dut.bmc && bmc_protocol_of(dut.bmc->url) == BmcProtocol::cooltera;
}

Error no_redfish(const Dut& dut) {
  return {"bmc.unsupported",
          fmt::format("{} is read by {} in the rack file: there is no Redfish service to ask", dut.id,
                      to_string(BmcProtocol::cooltera)),
          "", Blame::operator_};
}

}  // namespace

RealDevices::RealDevices(Loop& loop, Credentials credentials, const std::string& state_directory,
                         Dialects dialects)
    : loop_(loop),
      credentials_(std::move(credentials)),
      curl_(loop),
      dialects_(std::move(dialects)),
      handshakes_("ssh_handshake", kHandshakes),
      jump_handshakes_("jump_handshake", kJumpHandshakes),
      processes_(make_process_launcher(loop)) {
  Result<std::shared_ptr<SessionsOnDisk>> sessions = SessionsOnDisk::open(state_directory, loop.clock());
  if (sessions) sessions_ = std::move(*sessions);
  if (!sessions) log_warning("sessions at BMCs are not noted: {}", sessions.error().sentence());
}

Result<Credential> RealDevices::credential(const std::string& dut, const std::string& name) const {
  if (name.empty()) return Credential{};
  const auto found = credentials_.find(name);
  if (found != credentials_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, value] : credentials_) names.push_back(known);
  return Error("credentials.unknown",
               fmt::format("{} names the credential '{}', which the credentials file does not have{}", dut,
                           name, did_you_mean(name, names)),
               "add it to the credentials file", Blame::operator_);
}

std::shared_ptr<PostListener> RealDevices::post_listener(const std::string& bmc_url) {
  const bool here = bmc_url.starts_with("https://127.") || bmc_url.starts_with("https://[::1]");
  if (!events_ && !here) return nullptr;
  if (std::exchange(listener_asked_, true)) return listener_;
  PostListenerOptions options;
  if (events_) {
    options.address = events_->address;
    options.port = events_->port;
    options.told_as = events_->told_as;
    options.certificate_file = events_->certificate;
    options.key_file = events_->key;
  }
  Result<std::shared_ptr<PostListener>> opened = open_post_listener(loop_, options);
  if (opened) listener_ = std::move(*opened);
  if (!opened) log_warning("BMCs cannot deliver events: {}", opened.error().sentence());
  return listener_;
}

struct RealDevices::RedfishDoor {
  std::unique_ptr<HttpClient> client;
  RedfishOptions options;
};

Result<RealDevices::RedfishDoor> RealDevices::redfish_door(const Dut& dut) {
  if (!dut.bmc) {
    return Error("bmc.none", fmt::format("{} has no BMC in the rack file", dut.id), "add 'bmc:' to it",
                 Blame::operator_);
  }
  if (is_read_by_cooltera(dut)) return no_redfish(dut);
  Result<Credential> login = credential(dut.id, dut.bmc->credential);
  if (!login) return login.error();
  Result<HttpOptions> options = http_options(dut);
  if (!options) return options.error();
  options->max_concurrent = kRequestsAtOnce;
  Result<std::unique_ptr<HttpClient>> client = curl_.client(std::move(*options));
  if (!client) return std::move(Error(client.error())).while_doing("opening the BMC of " + dut.id);
  RedfishOptions redfish;
  redfish.base_url = dut.bmc->url;
  redfish.user = login->user;
  redfish.password = login->password;
  const std::string place = bmc_place(*dut.bmc);
  std::shared_ptr<LoginDoor>& door = login_doors_[place + " " + login->user];
  if (!door) door = std::make_shared<LoginDoor>();
  redfish.login_door = door;
  redfish.open_sessions = sessions_;
  if (sessions_ && dut.bmc->jump)
    redfish.open_sessions = std::make_shared<SessionsByWay>(sessions_, bmc_way(*dut.bmc));
  std::shared_ptr<BmcPeer>& peer = peers_[place];
  if (!peer) peer = std::make_shared<BmcPeer>();
  redfish.peer = peer;
  redfish.dialects = dialects_;
  redfish.parts_by_tag = parts_by_tag_;
  redfish.post_listener = [this, url = dut.bmc->url] { return post_listener(url); };
  return RedfishDoor{std::move(*client), std::move(redfish)};
}

Result<SshOptions> RealDevices::ssh_options(const std::string& dut, const HostAccess& host) const {
  Result<Credential> login = credential(dut, host.credential);
  if (!login) return login.error();
  SshOptions options;
  options.address = host.address;
  options.port = host.port;
  options.user = host.user.empty() ? login->user : host.user;
  options.password = login->password;
  options.key_file = login->key_file;
  options.host_key = host.host_key;
  return options;
}

Result<HttpOptions> RealDevices::http_options(const Dut& dut) {
  HttpOptions options;
  options.trust = dut.bmc->tls;
  if (!dut.bmc->jump) return options;
  const HostAccess& host = *dut.bmc->jump;
  Result<SshOptions> login = ssh_options(dut.id, host);
  if (!login) return login.error();
  std::shared_ptr<SshJump>& jump = jumps_[fmt::format("{}@{}:{} {} {}", login->user, host.address, host.port,
                                                      host.credential, host.host_key)];
  if (!jump) jump = make_ssh_jump(loop_, jump_handshakes_, std::move(*login));
  options.jump = jump;
  return options;
}

Result<std::unique_ptr<HttpClient>> RealDevices::open_status_document(const Dut& dut) {
  Result<HttpOptions> options = http_options(dut);
  if (!options) return options.error();
  options->max_concurrent = 1;  // what serves it is small
  Result<std::unique_ptr<HttpClient>> client = curl_.client(std::move(*options));
  if (!client) return std::move(Error(client.error())).while_doing("opening " + dut.id);
  return client;
}

Result<std::unique_ptr<Bmc>> RealDevices::open_bmc(const Dut& dut) {
  if (is_read_by_cooltera(dut)) {
    Result<std::unique_ptr<HttpClient>> client = open_status_document(dut);
    if (!client) return client.error();
    return make_cooltera_bmc(std::move(*client), dut.bmc->url);
  }
  Result<RedfishDoor> door = redfish_door(dut);
  if (!door) return door.error();
  return make_redfish_bmc(std::move(door->client), std::move(door->options));
}

Result<std::unique_ptr<RedfishClient>> RealDevices::open_redfish(const Dut& dut) {
  Result<RedfishDoor> door = redfish_door(dut);
  if (!door) return door.error();
  return std::make_unique<RedfishClient>(std::move(door->client), std::move(door->options));
}

Result<std::unique_ptr<Shell>> RealDevices::open_shell(const Dut& dut) {
  if (!dut.host) {
    return Error("shell.none", fmt::format("{} has no host in the rack file", dut.id), "add 'host:' to it",
                 Blame::operator_);
  }
  Result<SshOptions> options = ssh_options(dut.id, *dut.host);
  if (!options) return options.error();
  return make_libssh_shell(loop_, handshakes_, std::move(*options));
}

Result<std::unique_ptr<HttpClient>> RealDevices::open_model_server(const ServingAccess& server,
                                                                   std::size_t at_once) {
  Result<Credential> login = credential("serving", server.credential);
  if (!login) return login.error();
  HttpOptions options;
  options.trust = server.tls;
  options.max_concurrent = at_once;
  options.max_body = kModelServerBody;
  Result<std::unique_ptr<HttpClient>> client = curl_.client(std::move(options));
  if (!client) return std::move(Error(client.error())).while_doing("opening the model server");
  return std::unique_ptr<HttpClient>(
      std::make_unique<KeyedHttp>(std::move(*client), serving_base(server.url), std::move(login->api_key)));
}

boost::asio::awaitable<Result<BuildingReport>> RealDevices::listen_to_building(const Ctx& ctx,
                                                                               const Inventory& inventory,
                                                                               Nanoseconds settle,
                                                                               Nanoseconds patience) {
  Result<std::optional<WardenBuilding>> told = warden_building(inventory);
  if (!told) co_return told.error();
  if (!*told) co_return Error("building.none", fmt::format("{} names no building", inventory.file));
  std::string client_id = fmt::format("kiln-look-{}", ::getpid());  // the warden of this run has its own
  Result<std::unique_ptr<MqttClient>> client =
      make_mosquitto_mqtt(loop_, mqtt_options(**told, std::move(client_id)));
  if (!client) co_return client.error();
  WardenBuilding building = std::move(**told);
  Result<BuildingReport> heard =
      co_await kiln::listen_to_building(ctx, **client, std::move(building), settle, patience);
  co_return heard;
}

Result<std::shared_ptr<RedfishLine>> RealDevices::open_line(const Dut& dut) {
  if (!dut.bmc)
    return Error("bmc.none", fmt::format("{} has no BMC in the rack file", dut.id), "", Blame::operator_);
  if (is_read_by_cooltera(dut)) return no_redfish(dut);
  const Result<Credential> login = credential(dut.id, dut.bmc->credential);
  if (!login) return login.error();
  Result<HttpOptions> options = http_options(dut);
  if (!options) return options.error();
  Result<std::unique_ptr<HttpClient>> client = curl_.client(std::move(*options));
  if (!client) return client.error();
  return std::make_shared<RedfishLine>(std::move(*client), dut.bmc->url, login->user, login->password);
}

Result<std::optional<WardenBuilding>> RealDevices::warden_building(const Inventory& inventory) const {
  std::optional<WardenBuilding> told;
  if (!inventory.building) return told;
  const Result<Credential> login = credential("the building", inventory.building->credential);
  if (!login) return login.error();
  told.emplace();
  told->rack = inventory.rack;
  told->access = *inventory.building;
  told->user = login->user;
  told->password = login->password;
  told->key_file = login->key_file;
  return told;
}

Result<WardenDut> RealDevices::warden_dut(const Dut& dut) const {
  WardenDut told;
  told.id = dut.id;
  told.role = dut.role;
  for (const Component* detector : dut.expect.of_kind(ComponentKind::leak_detector))
    told.leak_detectors.push_back(detector->name);
  if (dut.bmc) {
    const Result<Credential> login = credential(dut.id, dut.bmc->credential);
    if (!login) return login.error();
    told.bmc_url = dut.bmc->url;
    told.bmc_trust = dut.bmc->tls;
    told.bmc_user = login->user;
    told.bmc_password = login->password;
    if (dut.bmc->jump) {
      const Result<SshOptions> jump = ssh_options(dut.id, *dut.bmc->jump);
      if (!jump) return jump.error();
      told.jump_address = jump->address;
      told.jump_port = jump->port;
      told.jump_user = jump->user;
      told.jump_password = jump->password;
      told.jump_key_file = jump->key_file;
      told.jump_host_key = jump->host_key;
    }
  }
  if (dut.host) {
    const Result<Credential> login = credential(dut.id, dut.host->credential);
    if (!login) return login.error();
    told.host_address = dut.host->address;
    told.host_port = dut.host->port;
    told.host_user = dut.host->user.empty() ? login->user : dut.host->user;
    told.host_password = login->password;
    told.host_key_file = login->key_file;
    told.host_key = dut.host->host_key;
  }
  return told;
}

}  // namespace kiln
