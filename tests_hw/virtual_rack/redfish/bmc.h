#pragma once
// One BMC: the Redfish service of one DUT, over the DUT's state in the rack model.
//
// It knows nothing of sockets: handle() turns a request into an answer; the program gives it to an
// HttpServer. Thread: the rack's loop. Lives as long as the program; the rack and the DUT outlive it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/redfish/disturbance.h"
#include "tests_hw/virtual_rack/redfish/router.h"
#include "tests_hw/virtual_rack/redfish/sessions.h"
#include "tests_hw/virtual_rack/redfish/subscriptions.h"
#include "tests_hw/virtual_rack/redfish/tasks.h"
#include "tests_hw/virtual_rack/request_log.h"
#include "tests_hw/virtual_rack/tls_identity.h"

namespace kiln::virtual_rack {

/// What a client may PATCH and read back.
struct BmcSettings {
  std::string boot_target = "None";
  std::string boot_enabled = "Disabled";
  std::string asset_tag;
  bool location_indicator = false;
  /// NVIDIA LeakDetectionPolicy: the tray's own reaction. Off at first (assumed), so that a station must do
  /// the work.
  bool leak_policy_enabled = false;
  std::int64_t leak_reaction_delay_s = 0;
  std::vector<std::string> ntp_servers;
  bool update_reserved = false;  ///< HttpPushUriTargetsBusy
  std::vector<std::string> update_targets;
};

class Bmc {
 public:
  Bmc(RackModel& rack, Dut& dut, Account account, RequestLog& log);
  ~Bmc();
  Bmc(const Bmc&) = delete;
  Bmc& operator=(const Bmc&) = delete;

  /// Answers one request and logs it. Never throws.
  [[nodiscard]] HttpResponse handle(const HttpRequest& request);

  /// Brings update tasks forward, carries out a Manager.Reset whose answer has left, and notices restarts.
  /// Call it after each advance() of the rack.
  void tick();

  /// How long the BMC does not answer, once for every restart noticed by tick(): the caller refuses
  /// connections.
  [[nodiscard]] std::optional<std::chrono::milliseconds> take_restart();

  /// The resource at a URI, as GET would give it, without session, disturbance or log. For tests and $expand.
  [[nodiscard]] std::optional<json::object> read(std::string_view uri);

  /// From now on every entry of the event log leaves through it too, as an Event.
  [[nodiscard]] std::shared_ptr<HttpStream> open_event_stream();
  /// To whoever has subscribed; in no log.
  void send_event(const EventEntry& event);
  int test_events = 0;  ///< sent so far

  // What the program around it gives it; without them there is no push of events and no other certificate.
  using Undelivered = std::function<void()>;
  /// Posts an event, tries again as EventService tells, and calls the third when it has given up. Never at
  /// once.
  std::function<void(const std::string& destination, std::string body, Undelivered)> deliver_event;
  std::function<void(TlsIdentity)> use_identity;
  std::string certificate_pem;  ///< what HTTPS shows
  std::uint16_t https_port = 0;

  void reset_manager_soon();
  void cycle_power_soon();
  /// A boot's one-time override ends here.
  void consume_boot_override();

  [[nodiscard]] std::uint64_t now_ns() const;
  [[nodiscard]] std::string now_text() const;  ///< UTC by this BMC's clock
  /// URI of the Sensor that shows this reading; none when it has no sensor.
  [[nodiscard]] std::optional<std::string> sensor_uri(const Reading& reading) const;
  /// What this BMC tells of it now, and when it has last looked (UTC by its own clock).
  [[nodiscard]] double told(const Reading& reading) const;
  [[nodiscard]] std::string reading_time_text(const Reading& reading) const;
  /// {"Reading": shown or null, "DataSourceUri": …}; null while the DUT is off when it needs power.
  [[nodiscard]] json::object excerpt(const Reading& reading, int digits, bool needs_power) const;
  [[nodiscard]] bool powered() const { return dut.power != PowerState::off; }

  RackModel& rack;
  Dut& dut;
  Sessions sessions;
  Subscriptions subscriptions;
  Tasks tasks;
  BmcSettings settings;
  const ManagerAccount* requester = nullptr;  ///< whose request is being answered; null: nobody's

 private:
  HttpResponse answer(const HttpRequest& request);
  HttpResponse answer_route(const HttpRequest& request);
  HttpResponse get_answer(const HttpRequest& request, const Route& route, const Address& address);
  HttpResponse patch_answer(const HttpRequest& request, const Route& route, const Address& address,
                            const json::object& before);
  [[nodiscard]] const Fault* frozen(const Reading& reading) const;  ///< null: it is live
  void restarted();
  void react_to_leak();
  void tell_events();

  RequestLog& log_;
  const Router& router_;
  Disturbance disturbance_;
  std::unordered_map<const Reading*, std::string> sensor_uris_;
  std::unordered_set<const Reading*> freezes_;                 ///< temperatures and coolant
  mutable std::unordered_map<const Reading*, double> frozen_;  ///< what it goes on telling
  std::optional<std::uint64_t> manager_reset_at_ns_;
  std::optional<std::uint64_t> power_cycle_at_ns_;
  std::uint64_t seen_ready_at_ns_ = 0;
  std::optional<std::chrono::milliseconds> restart_;
  std::uint64_t seen_boot_ns_ = 0;  ///< the boot under way or last done
  std::optional<std::uint64_t> leak_since_ns_;
  int told_event_ = 0;  ///< id of the last entry that has left
};

}  // namespace kiln::virtual_rack
