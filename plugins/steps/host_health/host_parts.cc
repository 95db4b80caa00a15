#include "host_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/json.hpp>
#include <set>
#include <sstream>
#include <utility>

namespace kiln::host_health {

namespace json = boost::json;

// Linux EDAC sysfs interface (Documentation/admin-guide/RAS): ce_count and ue_count of a controller include
// errors of no known DIMM; DIMMs are dimmN, or rankN where the driver counts ranks.
const char* const kEdacCommand =
    "sh -c 'cd /sys/devices/system/edac/mc 2>/dev/null && for m in mc[0-9]*; do [ -d \"$m\" ] || continue; "
    "echo \"$m|$(cat $m/ce_count)|$(cat $m/ue_count)|\"; for d in $m/dimm[0-9]* $m/rank[0-9]*; do [ -d "
    "\"$d\" ] || "
    "continue; echo \"$d|$(cat $d/dimm_ce_count)|$(cat $d/dimm_ue_count)|$(cat $d/dimm_label)\"; done; done; "
    "echo "
    "end'";

namespace {

/// What vendors write where they have nothing to say, beyond what every source does.
bool says_nothing(const std::string& text) {
  if (means_unset(text)) return true;
  for (const char* word :
       {"not specified", "no dimm", "to be filled by o.e.m.", "empty", "no module installed"}) {
    if (boost::algorithm::iequals(text, word)) return true;
  }
  return text.find_first_not_of('0') == std::string::npos;
}

std::string text_of(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  const std::string text = tidy_text(std::string_view(value->as_string()));
  return means_unset(text) ? std::string{} : text;
}

/// RAM disks and images are no drives, although lsblk calls some of them disks.
bool is_hardware_disk(const std::string& name) {
  for (const char* prefix : {"loop", "zram", "ram", "nbd"}) {
    if (name.starts_with(prefix)) return false;
  }
  return true;
}

/// One type 17 structure, key by key.
using Structure = std::map<std::string, std::string>;

void take_dimm(const Structure& structure, PartList& list) {
  const auto value = [&structure](const char* key) {
    const auto found = structure.find(key);
    return found == structure.end() || says_nothing(found->second) ? std::string{} : found->second;
  };
  if (value("Size").empty()) return;  // an empty slot
  HostPart part;
  part.name = value("Locator");
  const std::string bank = value("Bank Locator");
  if (!bank.empty()) part.other_name = bank + "/" + part.name;
  part.serial = value("Serial Number");
  part.model = value("Part Number");
  list.parts.push_back(std::move(part));
}

}  // namespace

PartList read_cpus(const std::string& printed, CpuFacts& facts) {
  PartList list;
  std::set<std::string> sockets, cores;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> fields;
    boost::algorithm::split(fields, line, boost::algorithm::is_any_of(","));
    if (fields.size() < 3 || !tolerant_integer(fields[0])) continue;
    ++facts.threads;
    if (!tolerant_integer(fields[2])) continue;  // some virtual machines have no sockets
    sockets.insert(tidy_text(fields[2]));
    cores.insert(fields[2] + "," + fields[1]);
  }
  facts.sockets = static_cast<int>(sockets.size());
  facts.cores = static_cast<int>(cores.size());
  for (const std::string& socket : sockets) {
    HostPart part;
    part.name = "socket" + socket;
    list.parts.push_back(std::move(part));
  }
  if (sockets.empty()) list.unreadable = "lscpu names no socket";
  return list;
}

PartList read_dimms(const std::string& printed) {
  PartList list;
  bool inside = false, any = false;
  Structure structure;
  const auto close = [&] {
    if (inside) take_dimm(structure, list);
    structure.clear();
    inside = false;
  };
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() != '\t') {
      close();
      inside = tidy_text(line) == "Memory Device";
      any = any || inside;
      continue;
    }
    const auto colon = line.find(':');
    if (!inside || colon == std::string::npos) continue;
    structure[tidy_text(line.substr(0, colon))] = tidy_text(line.substr(colon + 1));
  }
  close();
  if (!any) list.unreadable = "SMBIOS describes no memory slot";
  return list;
}

PartList read_drives(const std::string& printed) {
  PartList list;
  boost::system::error_code failed;
  const json::value root = json::parse(printed, failed);
  const json::value* devices =
      failed || !root.is_object() ? nullptr : root.as_object().if_contains("blockdevices");
  if (devices == nullptr || !devices->is_array()) {
    list.unreadable = "lsblk printed no list of devices";
    return list;
  }
  for (const json::value& item : devices->as_array()) {
    if (!item.is_object()) continue;
    const json::object& device = item.as_object();
    HostPart part;
    part.name = text_of(device, "name");
    if (text_of(device, "type") != "disk" || !is_hardware_disk(part.name)) continue;
    part.serial = text_of(device, "serial");
    part.model = text_of(device, "model");
    list.parts.push_back(std::move(part));
  }
  return list;
}

PartList read_nics(const std::string& printed) {
  PartList list;
  bool ended = false;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    HostPart part;
    words >> part.name >> part.serial;
    if (line == "end") {
      ended = true;
    } else if (!part.name.empty()) {
      list.parts.push_back(std::move(part));
    }
  }
  if (!ended) list.unreadable = "the list of network interfaces was cut short";
  return list;
}

bool same_serial(const std::string& a, const std::string& b) {
  return boost::algorithm::iequals(tidy_text(a), tidy_text(b));
}

Found find_part(const PartList& list, const Component& expected) {
  Found found;
  if (!expected.serial.empty()) {
    for (const HostPart& part : list.parts) {
      if (!part.serial.empty() && same_serial(part.serial, expected.serial)) return {&part, false};
    }
  }
  for (const HostPart& part : list.parts) {
    if (part.name != expected.name && part.other_name != expected.name) continue;
    if (found.part != nullptr) return {nullptr, true};
    found.part = &part;
  }
  return found;
}

Found find_among(const PartList& list, const std::vector<const Component*>& all, const Component& expected) {
  const auto called_socket = [](const Component* one) { return one->name.starts_with("socket"); };
  if (expected.kind != ComponentKind::cpu || std::any_of(all.begin(), all.end(), called_socket))
    return find_part(list, expected);
  const auto place = std::find(all.begin(), all.end(), &expected) - all.begin();
  Found found;
  if (static_cast<std::size_t>(place) < list.parts.size())
    found.part = &list.parts[static_cast<std::size_t>(place)];
  return found;
}

bool host_tells(const Component& expected) {
  if (expected.kind != ComponentKind::nic || expected.serial.empty()) return true;
  std::string digits = tidy_text(expected.serial);
  std::erase_if(digits, [](char c) { return c == ':' || c == '-'; });
  constexpr std::size_t kMacDigits = 12;
  return digits.size() == kMacDigits &&
         digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

std::optional<std::map<std::string, EdacCounter>> read_edac(const std::string& printed) {
  std::map<std::string, EdacCounter> counters;
  bool ended = false;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    if (line == "end") {
      ended = true;
      continue;
    }
    std::vector<std::string> fields;
    boost::algorithm::split(fields, line, boost::algorithm::is_any_of("|"));
    if (fields.size() < 4) continue;
    EdacCounter counter;
    counter.correctable = tolerant_integer(fields[1]);
    counter.uncorrectable = tolerant_integer(fields[2]);
    counter.label = tidy_text(fields[3]);
    counters[fields[0]] = std::move(counter);
  }
  if (!ended) return std::nullopt;
  return counters;
}

}  // namespace kiln::host_health
