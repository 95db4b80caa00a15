#include "ocptv/hardware_infos.h"

#include <fmt/format.h>

#include "ocptv/stream_lines.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// Optional members are left out, never null and never empty.
void put_unless_empty(json::object& object, const char* name, std::string_view value) {
  if (!value.empty()) object[name] = ocptv_string(value);
}

}  // namespace

HardwareInfos::HardwareInfos(const ReportInput& input, const RunDocument& document)
    : input_(input), document_(document), rack_(document.about.rack) {
  if (rack_.empty()) rack_ = input.run.about.rack.empty() ? "unknown rack" : input.run.about.rack;
  for (const DutVerdict& dut : input.verdict.duts) add(dut.id, "", ComponentKind::whole_dut);
  for (const auto& [dut, planned] : document.duts) add(dut, "", ComponentKind::whole_dut);
  for (const CellPlanned& planned : document.cells)
    add(planned.cell.dut, planned.cell.part, planned.cell.kind);
  for (const DocumentMeasurement& entry : document.measurements)
    add(entry.dut, entry.measured.part, entry.measured.kind);
  for (const auto& [dut, seen] : document.parts) {
    add(dut, seen.part, seen.kind);
    parts_[index_.at({dut.empty() ? rack_ : dut, seen.part})].seen = &seen;
  }
}

void HardwareInfos::add(const std::string& named, const std::string& part, ComponentKind kind) {
  const std::string& dut = named.empty() ? rack_ : named;
  if (!part.empty()) add(dut, "", ComponentKind::whole_dut);
  if (!index_.emplace(std::pair(dut, part), parts_.size()).second) return;
  std::string type(to_string(kind));
  if (part.empty()) {
    const DutVerdict* verdict = input_.verdict.find(dut);
    type =
        verdict != nullptr ? to_string(verdict->role) : to_string(dut == rack_ ? Role::rack : Role::server);
  }
  parts_.push_back({dut, part, std::move(type)});
}

std::string HardwareInfos::id_of(const std::string& dut, const std::string& part) const {
  const auto found = index_.find({dut.empty() ? rack_ : dut, part});
  return found == index_.end() ? std::string() : fmt::format("{}", found->second);
}

std::pair<std::string, std::string> HardwareInfos::place_of(const std::string& dut,
                                                            const std::string& part) const {
  std::string exact = id_of(dut, part);
  if (!exact.empty()) return {std::move(exact), ""};
  return {id_of(dut, ""), part};
}

json::object HardwareInfos::hardware_info(std::size_t index) const {
  const Part& part = parts_[index];
  json::object info;
  info["hardwareInfoId"] = fmt::format("{}", index);
  info["name"] = ocptv_string(part.name.empty() ? part.dut : part.dut + "/" + part.name);
  info["partType"] = ocptv_string(part.type);
  std::string location = "rack " + rack_;
  std::string serial, manager;
  const auto planned = document_.duts.find(part.dut);
  if (planned != document_.duts.end()) {
    if (planned->second.slot) location += fmt::format(" slot {}", *planned->second.slot);
    if (part.name.empty()) serial = planned->second.serial;
    manager = planned->second.bmc_url;
  }
  if (!part.name.empty()) location += " " + part.dut + " " + part.name;
  info["location"] = ocptv_string(location);
  if (part.dut != rack_) info["computerSystem"] = ocptv_string(part.dut);
  put_unless_empty(info, "manager", manager);
  if (part.seen != nullptr) {
    if (!part.seen->serial.empty()) serial = part.seen->serial;
    put_unless_empty(info, "partNumber", part.seen->part_number);
    put_unless_empty(info, "version", part.seen->firmware);
    if (part.seen->source.detail.starts_with("/redfish/"))
      put_unless_empty(info, "odataId", part.seen->source.detail);
  }
  put_unless_empty(info, "serialNumber", serial);
  return info;
}

json::object HardwareInfos::dut_info() const {
  json::object info;
  info["dutInfoId"] = ocptv_string(rack_);
  put_unless_empty(info, "name", document_.about.product);
  json::array hardware;
  hardware.reserve(parts_.size());
  for (std::size_t index = 0; index < parts_.size(); ++index) hardware.push_back(hardware_info(index));
  info["hardwareInfos"] = std::move(hardware);
  json::object station;
  station["softwareInfoId"] = "0";
  station["name"] = "kiln";
  put_unless_empty(station, "version", document_.about.kiln_version);
  put_unless_empty(station, "revision", document_.about.build_stamp);
  station["softwareType"] = "APPLICATION";
  json::array software;
  software.push_back(std::move(station));
  info["softwareInfos"] = std::move(software);
  return info;
}

}  // namespace kiln
