#pragma once
// The real Devices: libcurl and libssh doors to what the inventory names, with the credentials file's
// secrets. Loop thread; outlived by nothing it made.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bmc/dialect.h"
#include "engine/devices.h"
#include "files/credentials.h"
#include "io/curl_http.h"
#include "io/libssh_shell.h"
#include "io/pool.h"
#include "safety/redfish_line.h"
#include "safety/warden_messages.h"

namespace kiln {

struct BmcPeer;
struct LoginDoor;
class OpenSessions;
class PostListener;
class RedfishClient;
class SshJump;

class RealDevices final : public Devices {
 public:
  /// `state_directory`: where its sessions are noted, and those that a dead station has left are found; when
  /// that cannot be written, they are not.
  /// `dialects`: those that were loaded; without any, every BMC is taken for a standard one.
  RealDevices(Loop& loop, Credentials credentials, const std::string& state_directory,
              Dialects dialects = {});
  Result<std::unique_ptr<Bmc>> open_bmc(const Dut& dut) override;
  Result<std::unique_ptr<Shell>> open_shell(const Dut& dut) override;
  ProcessLauncher& processes() override { return *processes_; }

  Result<std::unique_ptr<HttpClient>> open_model_server(const ServingAccess& server,
                                                        std::size_t at_once) override;
  boost::asio::awaitable<Result<BuildingReport>> listen_to_building(const Ctx& ctx,
                                                                    const Inventory& inventory,
                                                                    Nanoseconds settle,
                                                                    Nanoseconds patience) override;

  /// As the rack file says; nullopt: on loopback, for BMCs there.
  void listen_for_events(std::optional<EventListenerAccess> events) { events_ = std::move(events); }
  /// What DUTs are made of may be read by entity tag from now on: for looking around, where nothing is
  /// judged.
  void read_parts_by_tag() { parts_by_tag_ = true; }
  /// The client of its BMC by itself, for whoever wants what it answers and not what that means. Errors as of
  /// open_bmc.
  Result<std::unique_ptr<RedfishClient>> open_redfish(const Dut& dut);
  /// A line to its BMC as the warden has one, for whoever must ask without a run; to be left.
  Result<std::shared_ptr<RedfishLine>> open_line(const Dut& dut);
  /// Of a DUT that serves a document in place of Redfish (model/bmc_protocol.h).
  Result<std::unique_ptr<HttpClient>> open_status_document(const Dut& dut);
  /// How the warden hears the building by itself; nullopt: the rack file names none. Error
  /// "credentials.unknown".
  [[nodiscard]] Result<std::optional<WardenBuilding>> warden_building(const Inventory& inventory) const;
  /// How the warden reaches the DUT by itself. Error "credentials.unknown".
  [[nodiscard]] Result<WardenDut> warden_dut(const Dut& dut) const;

 private:
  struct RedfishDoor;
  Result<RedfishDoor> redfish_door(const Dut& dut);
  /// How its BMC is spoken to; the jump host, where there is one, is shared by all that are behind it.
  Result<HttpOptions> http_options(const Dut& dut);
  Result<SshOptions> ssh_options(const std::string& dut, const HostAccess& host) const;
  Result<Credential> credential(const std::string& dut, const std::string& name) const;
  /// Where `dut` may deliver events; null: nowhere. Opened with the first that needs it.
  std::shared_ptr<PostListener> post_listener(const std::string& bmc_url);
  Loop& loop_;
  Credentials credentials_;
  CurlEngine curl_;
  std::shared_ptr<OpenSessions> sessions_;
  std::optional<EventListenerAccess> events_;
  std::shared_ptr<PostListener> listener_;
  bool listener_asked_ = false;
  bool parts_by_tag_ = false;
  Dialects dialects_;
  std::map<std::string, std::shared_ptr<BmcPeer>> peers_;          ///< by address
  std::map<std::string, std::shared_ptr<LoginDoor>> login_doors_;  ///< by address and user
  std::map<std::string, std::shared_ptr<SshJump>> jumps_;          ///< by user, address and key
  Pool handshakes_, jump_handshakes_;
  std::unique_ptr<ProcessLauncher> processes_;
};

}  // namespace kiln
