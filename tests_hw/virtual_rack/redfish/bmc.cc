#include "tests_hw/virtual_rack/redfish/bmc.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/routes.h"
#include "tests_hw/virtual_rack/single_faults.h"

namespace kiln::virtual_rack {
namespace {

/// A Manager.Reset is carried out this long after it was accepted, so that its answer still leaves.
constexpr std::uint64_t kResetAfterNs = 150'000'000;

}  // namespace

Bmc::Bmc(RackModel& the_rack, Dut& the_dut, Account account, RequestLog& log)
    : rack(the_rack), dut(the_dut), sessions(std::move(account)), log_(log), router_(router_for(the_dut)) {
  for (const Sensor& sensor : dut.sensors) {
    sensor_uris_[sensor.value] = fmt::format("{}/Chassis/{}/Sensors/{}", kRoot, sensor.chassis, sensor.id);
    const bool coolant = sensor.reading_type == "LiquidFlow" || sensor.reading_type == "PressurekPa";
    if (coolant || sensor.reading_type == "Temperature") freezes_.insert(sensor.value);
  }
  seen_ready_at_ns_ = dut.bmc_ready_at_ns;
  seen_boot_ns_ = dut.host_up_at_ns;
  settings.asset_tag = dut.id;
}

Bmc::~Bmc() = default;

std::uint64_t Bmc::now_ns() const { return rack.now_ns; }

std::string Bmc::now_text() const { return date_time(bmc_utc_ns(rack, dut, rack.now_ns)); }

std::optional<std::string> Bmc::sensor_uri(const Reading& reading) const {
  const auto found = sensor_uris_.find(&reading);
  if (found == sensor_uris_.end()) return std::nullopt;
  return found->second;
}

const Fault* Bmc::frozen(const Reading& reading) const {
  const Fault* fault = active_fault(rack, dut, FaultKind::readings_frozen);
  return fault != nullptr && freezes_.contains(&reading) ? fault : nullptr;
}

double Bmc::told(const Reading& reading) const {
  if (frozen(reading) == nullptr) {
    frozen_.erase(&reading);
    return reading.shown;
  }
  return frozen_.try_emplace(&reading, reading.shown).first->second;
}

std::string Bmc::reading_time_text(const Reading& reading) const {
  const Fault* fault = frozen(reading);
  return fault == nullptr ? now_text() : date_time(bmc_utc_ns(rack, dut, fault->active_since_ns));
}

json::object Bmc::excerpt(const Reading& reading, int digits, bool needs_power) const {
  json::object object;
  const bool lost = active_fault(rack, dut, FaultKind::readings_lost) != nullptr;
  if (lost || (needs_power && !powered())) {
    object["Reading"] = nullptr;
  } else {
    object["Reading"] = rounded(told(reading), digits);
  }
  if (const std::optional<std::string> uri = sensor_uri(reading)) object["DataSourceUri"] = *uri;
  return object;
}

void Bmc::reset_manager_soon() { manager_reset_at_ns_ = rack.now_ns + kResetAfterNs; }

void Bmc::cycle_power_soon() { power_cycle_at_ns_ = rack.now_ns + kResetAfterNs; }

void Bmc::consume_boot_override() {
  if (settings.boot_enabled != "Once") return;
  settings.boot_enabled = "Disabled";
  settings.boot_target = "None";
}

void Bmc::restarted() {
  sessions.close_all();
  settings.update_reserved = false;
  settings.update_targets.clear();
  tasks.lose_all();
  subscriptions.end_streams();
}

void Bmc::react_to_leak() {
  bool leaking = false;
  for (const LeakDetector& detector : dut.detectors)
    leaking = leaking || detector.state == DetectorState::critical;
  if (!leaking || !settings.leak_policy_enabled) {
    leak_since_ns_.reset();
    return;
  }
  if (!leak_since_ns_) leak_since_ns_ = rack.now_ns;
  const std::uint64_t delay = static_cast<std::uint64_t>(settings.leak_reaction_delay_s) * 1'000'000'000ULL;
  const bool energised = dut.power == PowerState::on || dut.power == PowerState::powering_on;
  if (energised && rack.now_ns - *leak_since_ns_ >= delay) {
    request_power(rack, dut, PowerCommand::force_off);
  }
}

std::shared_ptr<HttpStream> Bmc::open_event_stream() {
  std::shared_ptr<HttpStream> stream = subscriptions.open_stream();
  stream->put(": this is the event stream of " + dut.id + "\n\n");
  return stream;
}

void Bmc::tell_events() {
  if (dut.last_event_id == told_event_) return;
  for (const EventEntry& event : dut.events) {
    if (event.id > told_event_) send_event(event);
  }
  told_event_ = dut.last_event_id;
}

void Bmc::tick() {
  const std::uint64_t now = rack.now_ns;
  tell_events();
  react_to_leak();
  tasks.advance(rack, dut, now);
  if (manager_reset_at_ns_ && now >= *manager_reset_at_ns_) {
    manager_reset_at_ns_.reset();
    reset_bmc(rack, dut);
  }
  if (power_cycle_at_ns_ && now >= *power_cycle_at_ns_) {
    power_cycle_at_ns_.reset();
    tasks.lose_all();  // what it was writing is not written
    cycle_all_power(rack, dut);
  }
  if (dut.bmc_ready_at_ns != seen_ready_at_ns_) {
    seen_ready_at_ns_ = dut.bmc_ready_at_ns;
    restarted();
    if (dut.bmc_ready_at_ns > now) {
      restart_ = std::chrono::milliseconds((dut.bmc_ready_at_ns - now) / 1'000'000 + 1);
    }
  }
  // A restart boots without the power ever going off.
  if (dut.host_up_at_ns != seen_boot_ns_) consume_boot_override();
  seen_boot_ns_ = dut.host_up_at_ns;
}

std::optional<std::chrono::milliseconds> Bmc::take_restart() { return std::exchange(restart_, std::nullopt); }

std::optional<json::object> Bmc::read(std::string_view uri) {
  Address address;
  const Route* route = router_.find(uri, address);
  if (route == nullptr || !route->get) return std::nullopt;
  std::optional<json::object> body = route->get(*this, address);
  if (body && !tell_otherwise(rack, dut, uri, *body)) return std::nullopt;
  return body;
}

}  // namespace kiln::virtual_rack
