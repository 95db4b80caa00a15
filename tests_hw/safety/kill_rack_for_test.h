#pragma once
// A simulated rack under a station that dies and its warden: what is on, what is loaded, and since when. Both
// reach it through requests that travel for 20 ms and are carried out when they arrive, in order of arrival,
// whether or not who sent them still lives. A machine comes on a second after it was asked to and reads Off
// until then. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/completion.h"
#include "io/loop.h"
#include "io/shell.h"
#include "model/inventory.h"
#include "safety/warden.h"
#include "testing/fake_bmc.h"

namespace kiln::kills {

inline constexpr Nanoseconds kTravel = std::chrono::milliseconds(20);
inline constexpr Nanoseconds kWriteTakes = std::chrono::seconds(6);

/// gpu_burn on one host.
struct Load {
  std::int64_t lease_ns = 0;  ///< as it was started; 0: without one
  Completion<int> ended;      ///< exit status
};

struct Machine {
  FakeHardware hardware;  ///< what it says of itself; its power is here
  bool on = false;
  int asked = 0;           ///< On requests; only the last one may switch on
  bool coming_on = false;  ///< reads Off and will not stay so
  bool writing = false;    ///< firmware, which a loss of power ruins
  int boots = 0;           ///< how often its host has begun to start
  std::string staged;      ///< version that was written and runs from the next reset on
  std::shared_ptr<Load> load;
  std::int64_t on_ns = 0, off_ns = 0, load_ended_ns = 0;  ///< when that last happened
};

/// What a force-off does to a machine that reads Off. obedient: it takes back an On that is under way.
/// stubborn: nothing, and the machine comes on.
enum class Bmcs { obedient, stubborn };

class Rack {
 public:
  Rack(Loop& loop, const Inventory& inventory, Bmcs bmcs);

  Machine& machine(const std::string& id) { return *machines_.at(id); }
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Machine>>& machines() const { return machines_; }
  [[nodiscard]] std::int64_t now_ns() const { return loop_.clock().now().monotonic_ns; }

  // Requests as they arrive. Each returns at once; `then` is called when it was carried out.
  void ask_on(const std::string& id, std::function<void()> then);
  void ask_off(const std::string& id, std::function<void()> then);
  /// A component is written for 6 s, whoever has asked; the next reset activates it.
  void ask_write(const std::string& id, const std::string& version, std::function<void()> then);
  void ask_restart(const std::string& id, std::function<void()> then);
  /// Runs for `length`, or until the host's power is gone or end_load().
  void start_load(const std::string& id, Nanoseconds length, std::shared_ptr<Load> load);
  /// As pkill: 0, or 1 when nothing ran.
  int end_load(const std::string& id, int exit_status);
  /// Nobody renews a lease any more: each host ends what runs under one.
  void leases_run_out();
  /// One way.
  boost::asio::awaitable<Status> travel(const Ctx& ctx) const;
  /// As travel, to a BMC.
  boost::asio::awaitable<Status> reach(const Ctx& ctx, const std::string& id) const;
  /// From now on one of its detectors says that it leaks.
  void leak(const std::string& id);
  /// From now on its BMC answers nobody and does nothing.
  void silence(const std::string& id) { silent_.insert(id); }

  /// Asked before anything is switched on or loaded, where the undo must stand by then: an answer is what is
  /// wrong.
  std::function<std::optional<std::string>(const std::string& id, UndoKind undo)> before_deed;
  std::vector<std::string> wrong;
  bool may_ruin_writes = false;  ///< a leak does not wait
  /// What was asked for and what has arrived: "off sent by the warden", "off received", "load end received",
  /// "load began", "write began". May be empty.
  std::function<void(const char* what, const std::string& id)> on_heard;
  void hear(const char* what, const std::string& id) const {
    if (on_heard) on_heard(what, id);
  }

 private:
  void deed(const std::string& id, UndoKind undo);
  void power_lost(const std::string& id);
  Loop& loop_;
  Bmcs bmcs_;
  std::map<std::string, std::unique_ptr<Machine>> machines_;
  std::set<std::string> silent_, shelves_;
};

/// What `id` answers to the driver's and the kernel's own programs.
std::string nvidia_smi_xml();
std::string kernel_log();
std::string burn_output();

/// The warden's ways to the rack. `alive`: false once it is dead, and nothing it does has an effect.
WardenBmc warden_bmc(Rack& rack, const std::string& id, std::shared_ptr<const bool> alive);
std::unique_ptr<Shell> warden_shell(Rack& rack, const std::string& id, std::shared_ptr<const bool> alive);

}  // namespace kiln::kills
