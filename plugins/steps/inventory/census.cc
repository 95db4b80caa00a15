#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "inventory_steps.h"

namespace kiln::inventory {

using boost::asio::awaitable;

namespace {

bool is_present(const Part& part) { return part.state != "Absent" && part.state != "UnavailableOffline"; }

std::string prefix_of(ComponentKind kind) {
  for (const auto& [known, prefix] : counted_kinds()) {
    if (known == kind) return prefix;
  }
  return {};
}

awaitable<Status> record_identity(StepContext& context, const BmcIdentity& identity) {
  const Dut& dut = context.dut();
  const Source source{"redfish", identity.serial_source};
  PartSeen seen;
  seen.kind = ComponentKind::whole_dut;
  seen.serial = identity.serial;
  seen.model = identity.model;
  seen.firmware = identity.manager_firmware;
  seen.source = source;
  const Status noted = co_await context.seen(std::move(seen));
  if (!noted) co_return noted;
  Value serial;
  if (!identity.serial.empty()) serial = identity.serial;
  if (!dut.expect.serial.empty()) {
    Reading reading("inventory.serial", "", serial, source);
    reading.expected = dut.expect.serial;
    reading.reason = "the BMC reports no serial number";
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  if (dut.slot) {
    Value slot;
    if (identity.slot) slot = std::int64_t{*identity.slot};
    Reading reading("inventory.slot", "", slot, Source{"redfish", identity.slot_source});
    reading.expected = std::int64_t{*dut.slot};
    reading.reason = "the BMC does not say where in the rack it sits";
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  const auto scanned = dut.labels.find("scanned_serial");
  if (scanned != dut.labels.end()) {
    Reading reading("inventory.scanned_serial", "", serial, source);
    reading.expected = scanned->second;
    reading.reason = "the BMC reports no serial number to compare the scanned one with";
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

/// `hidden`: why parts of this kind may be where nobody could look; empty when everything was read.
awaitable<Status> record_part(StepContext& context, const Component& expected, const Part* found,
                              const std::string& hidden) {
  const std::string prefix = prefix_of(expected.kind);
  const std::string uri = found == nullptr ? "not in any collection of the BMC" : found->uri;
  // What could not be read is neither there nor absent.
  const std::string unknown = found == nullptr ? hidden : found->unread;
  Value is_there;
  if (unknown.empty()) is_there = found != nullptr && is_present(*found);
  Reading present(prefix + ".present", expected.name, is_there, Source{"redfish", uri});
  present.reason = unknown;
  const Result<Outcome> present_outcome = co_await context.record(std::move(present));
  if (!present_outcome) co_return present_outcome.error();
  if (found != nullptr) {
    PartSeen seen;
    seen.kind = expected.kind;
    seen.part = expected.name;
    seen.serial = found->serial;
    seen.part_number = found->part_number;
    seen.model = found->model;
    seen.firmware = found->firmware;
    seen.source = Source{"redfish", found->uri};
    const Status noted = co_await context.seen(std::move(seen));
    if (!noted) co_return noted;
  }
  if (expected.serial.empty()) co_return success();
  Value serial;
  if (found != nullptr && !found->serial.empty()) serial = found->serial;
  Reading reading(prefix + ".serial", expected.name, serial, Source{"redfish", uri});
  reading.expected = expected.serial;
  reading.reason = !unknown.empty()   ? unknown
                   : found == nullptr ? "the part is not there"
                                      : "the BMC reports no serial number for it";
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace

const std::vector<std::pair<ComponentKind, std::string>>& counted_kinds() {
  static const std::vector<std::pair<ComponentKind, std::string>> kinds{
      {ComponentKind::gpu, "gpu"},
      {ComponentKind::nvswitch, "nvswitch"},
      {ComponentKind::cpu, "cpu"},
      {ComponentKind::memory, "memory"},
      {ComponentKind::drive, "drive"},
      {ComponentKind::nic, "nic"},
      {ComponentKind::power_supply, "power_supply"},
      {ComponentKind::fan, "fan"}};
  return kinds;
}

const StepDescription& Census::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "inventory.census";
    made.bmc = {{BmcAbility::identity, true, "to compare its serial number and place with the rack file"},
                {BmcAbility::parts, true, "to know that each part is there"}};
    made.summary = "Identity and parts as the BMC reports them, against the rack file";
    made.measurements = {
        {"inventory.serial", "", ComponentKind::whole_dut, true, "inventory.serial_mismatch",
         "this is not the tray the rack file means: check position and label", "serial the BMC reports"},
        {"inventory.slot", "", ComponentKind::whole_dut, true, "inventory.slot_mismatch",
         "this tray is in another slot than the rack file says: move it, or correct the file",
         "rack unit the BMC reports"},
        {"inventory.scanned_serial", "", ComponentKind::whole_dut, true, "inventory.serial_mismatch",
         "the label and the BMC disagree: check position, label and board swap records",
         "serial the BMC reports, against the scanned one"}};
    for (const auto& [kind, prefix] : counted_kinds()) {
      made.measurements.push_back({prefix + ".present", "", kind, true, prefix + ".missing",
                                   "reseat or replace the part",
                                   "the part is in the BMC's inventory and not Absent"});
      made.measurements.push_back({prefix + ".serial", "", kind, true, "inventory.serial_mismatch",
                                   "find out which part was swapped and correct the record or the part",
                                   "serial the BMC reports for the part"});
    }
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Census::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                       const Dut& dut) const {
  if (measurement.name == "inventory.serial" && dut.expect.serial.empty()) return {};
  if (measurement.name == "inventory.slot" && !dut.slot) return {};
  if (measurement.name == "inventory.scanned_serial" && !dut.labels.contains("scanned_serial")) return {};
  if (measurement.per == ComponentKind::whole_dut || !measurement.name.ends_with(".serial")) {
    return Step::parts(measurement, with, dut);
  }
  std::vector<std::string> names;
  for (const Component* component : dut.expect.of_kind(measurement.per)) {
    if (!component->serial.empty()) names.push_back(component->name);
  }
  return names;
}

awaitable<Status> Census::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<BmcIdentity> identity = co_await (*bmc)->identity(context.ctx());
  if (!identity) co_return identity.error();
  const Status identified = co_await record_identity(context, *identity);
  if (!identified) co_return identified;
  const Result<std::vector<Part>> parts = co_await (*bmc)->parts(context.ctx());
  if (!parts) co_return parts.error();
  std::map<std::pair<ComponentKind, std::string>, const Part*> by_name;
  std::map<ComponentKind, std::string> hidden;
  for (const auto& part : *parts) {
    if (part.name.empty() && !part.unread.empty()) {
      hidden[part.kind] = fmt::format("{} could not be read: {}", part.uri, part.unread);
    } else {
      by_name[{part.kind, part.name}] = &part;
    }
  }
  for (const auto& [kind, prefix] : counted_kinds()) {
    for (const Component* expected : context.dut().expect.of_kind(kind)) {
      const auto found = by_name.find({kind, expected->name});
      const Part* part = found == by_name.end() ? nullptr : found->second;
      const Status recorded = co_await record_part(context, *expected, part, hidden[kind]);
      if (!recorded) co_return recorded;
    }
  }
  co_return success();
}

}  // namespace kiln::inventory
