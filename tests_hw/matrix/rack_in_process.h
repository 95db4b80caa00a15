#pragma once
// The virtual rack without its wire: the same model, Redfish services, host programs and model server as
// kiln-virtual-rack, in this process and on the loop of whoever tests. Nothing of TLS, SSH and sockets is
// here; what their servers do to a request (a BMC that restarts, a host that hangs or drops its connections)
// is, because faults are made of it.
//
// Owner: a Run of matrix_station.h. Lives on one simulated loop; its clients and shells must go before it.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "io/completion.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/shell.h"
#include "tests_hw/virtual_rack/host_commands/command.h"
#include "tests_hw/virtual_rack/inventory.h"
#include "tests_hw/virtual_rack/model_server.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/request_log.h"

namespace kiln::matrix {

/// What stands where an HTTPS server would: who answers, and whether anybody is there.
struct HttpDoor {
  virtual_rack::HttpHandler answer;
  std::int64_t closed_until_ns = 0;  ///< monotonic; connections are refused before
  /// Exchanges and streams under way; completed with false, they have lost their connection.
  std::list<Completion<bool>> under_way;
  int breaks = 0;  ///< so often
  void break_all();
};

/// A command that runs on a host, and who waits for it.
struct RunningCommand {
  std::unique_ptr<virtual_rack::Command> command;
  bool lost = false;  ///< its connection was cut
};

/// What stands where an SSH server would.
struct HostDoor {
  HostDoor(virtual_rack::Host where, virtual_rack::RequestLog& commands) : host(where), log(commands) {}
  virtual_rack::Host host;
  virtual_rack::RequestLog& log;
  std::list<std::shared_ptr<RunningCommand>> running;
  /// As those of the SSH server: they go on until they end, or write into the pipe that nobody reads.
  std::list<std::unique_ptr<virtual_rack::Command>> orphans;
  int connections_cut = 0;  ///< so often everybody had to connect again
  std::uint64_t drop_at_ns = 0;
  [[nodiscard]] bool hangs() const;
};

struct RackWishes {
  std::string rack = "small";
  std::uint64_t seed = 1;
  double time_scale = 0;  ///< 0: that of physics.yaml
  bool firmware_current = true;
  std::string product;    ///< as RackOptions
  bool cooltera = false;  ///< likewise
  /// What is different in this rack, once, before anybody asks it; and what changes as time goes by. May be
  /// empty.
  std::function<void(virtual_rack::RackModel&)> adjust;
  std::function<void(virtual_rack::RackModel&, double seconds)> drift;
  Nanoseconds tick{50'000'000};  ///< of physics
  /// Last word on what a BMC answers; may be empty.
  std::function<void(const virtual_rack::Dut&, const virtual_rack::HttpRequest&, virtual_rack::HttpResponse&)>
      distort;
};

class RackInProcess {
 public:
  /// `directory`: where rack.yaml, its credentials and the firmware image go. Throws std::runtime_error when
  /// the rack cannot be built: a test that goes on without one proves nothing.
  RackInProcess(Loop& loop, RackWishes wishes, const std::string& directory, const std::string& product);
  ~RackInProcess();
  RackInProcess(const RackInProcess&) = delete;
  RackInProcess& operator=(const RackInProcess&) = delete;

  /// Clients for what the rack file names; `url` as it stands there. Null: nobody is there.
  [[nodiscard]] std::unique_ptr<HttpClient> http(const std::string& url, std::size_t at_once,
                                                 Nanoseconds timeout);
  [[nodiscard]] std::unique_ptr<Shell> shell(std::uint16_t port);

  [[nodiscard]] virtual_rack::RackModel& model() { return *model_; }
  [[nodiscard]] const std::string& inventory_file() const { return inventory_file_; }
  [[nodiscard]] const std::string& password() const { return facts_.password; }
  [[nodiscard]] const std::string& serving_key() const { return facts_.serving_key; }
  [[nodiscard]] const virtual_rack::RequestLog& log() const { return log_; }

 private:
  void add_dut(virtual_rack::Dut& dut);
  void tick();
  void look_at_host(HostDoor& door);
  void send_tokens();

  Loop& loop_;
  RackWishes wishes_;
  std::unique_ptr<virtual_rack::RackModel> model_;
  virtual_rack::InventoryRack facts_;
  virtual_rack::RequestLog log_{64};
  std::vector<std::unique_ptr<virtual_rack::Bmc>> bmcs_;
  std::vector<std::unique_ptr<HttpDoor>> bmc_doors_;  ///< in the order of bmcs_
  std::vector<std::unique_ptr<HostDoor>> host_doors_;
  std::unique_ptr<virtual_rack::ModelServer> serving_;
  HttpDoor serving_door_;
  std::string inventory_file_;
  Loop::TimerId timer_ = 0, tokens_ = 0;
};

/// `door` outlives them.
std::unique_ptr<HttpClient> make_rack_http(HttpDoor& door, std::size_t at_once, Nanoseconds timeout);
std::unique_ptr<Shell> make_rack_shell(HostDoor& door);

}  // namespace kiln::matrix
