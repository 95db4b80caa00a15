#include "port_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/split.hpp>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>

namespace kiln::network {

namespace {

constexpr std::string_view kRdma = "/sys/class/infiniband/", kNet = "/sys/class/net/";
constexpr std::string_view kIdentity = "kiln: vital product data", kEnd = "kiln: end";
constexpr std::size_t kVitalBytes = 1024;

// "device/.." is the slot's own end of the link: the kernel resolves it in the tree of devices.
constexpr std::array<std::string_view, 6> kOfDevice{
    "device/uevent",         "device/physfn/vendor",      "device/current_link_width",
    "device/max_link_width", "device/current_link_speed", "device/max_link_speed"};
constexpr std::array<std::string_view, 2> kOfSlot{"device/../max_link_width", "device/../max_link_speed"};
constexpr std::array<std::string_view, 4> kOfPort{"state", "phys_state", "rate", "link_layer"};
constexpr std::array<std::string_view, 8> kOfInterface{
    "address", "operstate",     "carrier", "speed", "carrier_changes", "statistics/rx_crc_errors",
    "type",    "phys_port_name"};

struct PortCounter {
  std::string_view file;
  const char* name;
  /// The agent's attribute saturates there (InfiniBand 1.5, PortCounters): what stands at it counts no more.
  std::int64_t ceiling;
};
constexpr std::array<PortCounter, 4> kPortCounters{{{"counters/symbol_error", kSymbol, 65535},
                                                    {"counters/link_downed", kLinkDowned, 255},
                                                    {"counters/link_error_recovery", kRecovery, 255},
                                                    {"counters/port_rcv_errors", kReceive, 65535}}};

/// All that was printed of one device ("mlx5_0", "eno1"), by the rest of the path.
using Attributes = std::map<std::string, std::string, std::less<>>;

struct Printed {
  std::map<std::string, Attributes> rdma, net;
  std::map<std::string, std::string> vital;  ///< by RDMA device
};

/// What the kernel lets an interface be called: nothing with blanks, slashes or colons in it.
bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c < '\x7f' && c != '/' && c != ':'; });
}

bool is_attribute(std::string_view of, std::string_view attribute) {
  const auto among = [&attribute](const auto& list) {
    return std::find(list.begin(), list.end(), attribute) != list.end();
  };
  if (among(kOfDevice) || among(kOfSlot)) return true;
  if (of == kNet) return among(kOfInterface);
  constexpr std::string_view kPorts = "ports/";
  if (!attribute.starts_with(kPorts)) return false;
  attribute.remove_prefix(kPorts.size());
  const auto slash = attribute.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view number = attribute.substr(0, slash);
  if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string_view::npos)
    return false;
  attribute.remove_prefix(slash + 1);
  return among(kOfPort) || std::any_of(kPortCounters.begin(), kPortCounters.end(),
                                       [&attribute](const PortCounter& c) { return c.file == attribute; });
}

Error odd(std::string what) {
  return Error("network.unreadable", "the host's ports: " + std::move(what),
               "see what else writes to the standard output of a login (profile, banner)", Blame::peer);
}

/// One line "PATH:VALUE" of grep.
Status take_line(const std::string& line, Printed& printed) {
  for (const std::string_view root : {kRdma, kNet}) {
    if (!line.starts_with(root)) continue;
    const auto name_end = line.find('/', root.size());
    const auto colon = line.find(':', root.size());
    if (name_end == std::string::npos || colon == std::string::npos || colon < name_end) break;
    const std::string name = line.substr(root.size(), name_end - root.size());
    const std::string attribute = line.substr(name_end + 1, colon - name_end - 1);
    const std::string value = tidy_text(line.substr(colon + 1));
    if (!is_name(name) || !is_attribute(root, attribute)) break;
    auto& attributes = (root == kRdma ? printed.rdma : printed.net)[name];
    const auto [there, is_new] = attributes.emplace(attribute, value);
    if (attribute == "device/uevent") {
      if (!is_new) there->second += "\n" + value;
    } else if (!is_new) {
      return odd(fmt::format("{} {} was printed twice", name, attribute));
    }
    return success();
  }
  return odd(fmt::format("'{}' is no attribute of a port", tidy_text(line.substr(0, 120))));
}

void take_vital(const std::string& bytes, Printed& printed) {
  for (const auto& [device, attributes] : printed.rdma) {
    const std::string header = fmt::format("==> {}{}/device/vpd <==\n", kRdma, device);
    const auto at = bytes.find(header);
    // Twice: somebody's data looks like a header, and whose the serial is cannot be told.
    if (at == std::string::npos || bytes.find(header, at + 1) != std::string::npos) continue;
    printed.vital[device] = bytes.substr(at + header.size(), kVitalBytes);
  }
}

Result<Printed> take_apart(const std::string& text) {
  const std::string last = std::string(kEnd) + "\n", heading = std::string(kIdentity) + "\n";
  if (!text.ends_with(last)) return odd("the reading was cut short");
  std::string attributes = text.substr(0, text.size() - last.size()), vital;
  if (const auto at = attributes.find(heading); at != std::string::npos) {
    vital = attributes.substr(at + heading.size());
    attributes.resize(at);
  }
  if (!attributes.empty() && attributes.back() != '\n') return odd("its last line was cut short");
  Printed printed;
  std::istringstream lines(attributes);
  for (std::string line; std::getline(lines, line);) {
    const Status taken = take_line(line, printed);
    if (!taken) return taken.error();
  }
  take_vital(vital, printed);
  return printed;
}

std::string value_of(const Attributes& attributes, std::string_view key) {
  const auto found = attributes.find(key);
  return found == attributes.end() || means_unset(found->second) ? std::string() : found->second;
}

/// "PCI_SLOT_NAME" and such.
std::string uevent_value(const Attributes& attributes, std::string_view key) {
  std::istringstream lines(value_of(attributes, "device/uevent"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == '=')
      return line.substr(key.size() + 1);
  }
  return {};
}

/// "4: ACTIVE" with the number that belongs to the word (InfiniBand 1.5, PortInfo); empty otherwise.
std::string state_word(const std::string& text, const std::vector<std::pair<int, std::string>>& words) {
  for (const auto& [number, word] : words) {
    if (text == fmt::format("{}: {}", number, word)) return word;
  }
  return {};
}

/// "400 Gb/sec (4X NDR)" of an RDMA port.
std::optional<double> rate_of(const std::string& text) {
  const auto unit = text.find(" Gb/sec");
  if (unit == std::string::npos) return std::nullopt;
  const auto rate = tolerant_number_in(text.substr(0, unit), "");
  if (!rate || *rate <= 0) return std::nullopt;
  return rate;
}

std::optional<std::int64_t> count_of(const Attributes& attributes, const std::string& key) {
  const auto count = tolerant_integer(value_of(attributes, key));
  if (!count || *count < 0) return std::nullopt;
  return count;
}

std::int64_t lanes_of(const Attributes& attributes, std::string_view key) {
  // The kernel prints 0 for a link that is down and 255 for one it does not know.
  const auto lanes = count_of(attributes, std::string(key));
  return lanes && *lanes <= 32 ? *lanes : 0;
}

std::int64_t generation_of(const Attributes& attributes, std::string_view key) {
  const std::string text = value_of(attributes, key);  // "32.0 GT/s PCIe"
  static const std::map<std::string, std::int64_t, std::less<>> kKnown{
      {"2.5", 1}, {"5.0", 2},  {"5", 2},  {"8.0", 3},  {"8", 3}, {"16.0", 4},
      {"16", 4},  {"32.0", 5}, {"32", 5}, {"64.0", 6}, {"64", 6}};
  const auto unit = text.find(" GT/s");
  const auto found = unit == std::string::npos ? kKnown.end() : kKnown.find(text.substr(0, unit));
  return found == kKnown.end() ? 0 : found->second;
}

/// What both ends can; a slot that tells nothing (a root complex) limits nothing.
std::int64_t of_both(std::int64_t device, std::int64_t slot) {
  return device == 0 || slot == 0 ? device : std::min(device, slot);
}

PciLink link_of(const Attributes& attributes) {
  PciLink link;
  link.lanes = lanes_of(attributes, "device/current_link_width");
  link.possible_lanes = of_both(lanes_of(attributes, "device/max_link_width"),
                                lanes_of(attributes, "device/../max_link_width"));
  link.generation = generation_of(attributes, "device/current_link_speed");
  link.possible_generation = of_both(generation_of(attributes, "device/max_link_speed"),
                                     generation_of(attributes, "device/../max_link_speed"));
  return link;
}

void add_rdma_ports(const std::string& device, const Attributes& attributes, Adapter& adapter) {
  static const std::vector<std::pair<int, std::string>> kStates{
      {1, "DOWN"}, {2, "INIT"}, {3, "ARMED"}, {4, "ACTIVE"}, {5, "ACTIVE_DEFER"}};
  static const std::vector<std::pair<int, std::string>> kPhysical{
      {1, "Sleep"},  {2, "Polling"},           {3, "Disabled"}, {4, "PortConfigurationTraining"},
      {5, "LinkUp"}, {6, "LinkErrorRecovery"}, {7, "Phy Test"}};
  std::map<int, Port> ports;
  for (const auto& [key, value] : attributes) {
    int number = 0;
    if (key.starts_with("ports/")) std::from_chars(key.data() + 6, key.data() + key.size(), number);
    if (number > 0) ports[number].name = fmt::format("{}/{}", device, number);
  }
  for (auto& [number, port] : ports) {
    const std::string base = fmt::format("ports/{}/", number);
    port.state = state_word(value_of(attributes, base + "state"), kStates);
    port.physical_state = state_word(value_of(attributes, base + "phys_state"), kPhysical);
    port.rate_gbps = rate_of(value_of(attributes, base + "rate"));
    port.link_layer = value_of(attributes, base + "link_layer");
    for (const PortCounter& counter : kPortCounters) {
      const auto count = count_of(attributes, base + std::string(counter.file));
      if (count && *count != counter.ceiling) port.counters[counter.name] = *count;
    }
    adapter.ports.push_back(std::move(port));
  }
}

/// An Ethernet interface says less, in other words.
Port ethernet_port(const std::string& name, const Attributes& attributes) {
  Port port;
  port.name = name;
  const std::string carrier = value_of(attributes, "carrier"), state = value_of(attributes, "operstate");
  if (carrier == "1") port.physical_state = "LinkUp";
  if (carrier == "0") port.physical_state = "Disabled";
  // An interface that is administratively down has no readable carrier.
  if (state == "up" || state == "down") port.state = state == "up" ? "ACTIVE" : "DOWN";
  if (carrier.empty() && state == "down") port.physical_state = "Disabled";
  port.link_layer = value_of(attributes, "type") == "1" ? "Ethernet" : "";  // ARPHRD_ETHER
  const auto megabits = count_of(attributes, "speed");                      // "-1": unknown
  if (megabits && *megabits > 0) port.rate_gbps = static_cast<double>(*megabits) / 1000;
  if (const auto errors = count_of(attributes, "statistics/rx_crc_errors")) port.counters[kReceive] = *errors;
  return port;
}

std::string hexadecimal_only(const std::string& text) {
  std::string kept;
  for (const char c : boost::algorithm::to_lower_copy(text)) {
    if (c != ':' && c != '-') kept += c;
  }
  return kept;
}

/// Not of a port but of a function behind it, in a switch that the adapter has inside ("pf0vf3" beside "p0":
/// Linux networking/devlink, switchdev).
bool is_representor(const Attributes& attributes) {
  const std::string name = value_of(attributes, "phys_port_name");
  return !name.empty() && (name.size() < 2 || name[0] != 'p' || name[1] < '0' || name[1] > '9');
}

bool same_word(const std::string& a, const std::string& b) {
  return !a.empty() && boost::algorithm::iequals(tidy_text(a), tidy_text(b));
}

bool has_serial(const Adapter& adapter, const std::string& serial) {
  if (same_word(adapter.serial, serial)) return true;
  return std::any_of(adapter.macs.begin(), adapter.macs.end(), [&serial](const auto& each) {
    return !each.second.empty() && hexadecimal_only(each.second) == hexadecimal_only(serial);
  });
}

bool has_name(const Adapter& adapter, const std::string& name) {
  return adapter.rdma_device == name || adapter.address == name || adapter.macs.contains(name);
}

/// Its own serial, or its MAC addresses where a MAC address is expected, say that it is another one.
bool contradicts(const Adapter& adapter, const std::string& serial) {
  if (serial.empty()) return false;
  const bool is_mac =
      serial.find_first_of(":-") != std::string::npos && hexadecimal_only(serial).size() == 12;
  return is_mac ? !adapter.macs.empty() : !adapter.serial.empty();
}

}  // namespace

std::string network_command(bool with_identity) {
  std::string line = "grep -asH ''";
  const auto add = [&line](std::string_view root, std::string_view inner) {
    line += fmt::format(" {}*/{}", root, inner);
  };
  for (const std::string_view root : {kRdma, kNet}) {
    for (const std::string_view attribute : kOfDevice) add(root, attribute);
    for (const std::string_view attribute : kOfSlot) add(root, attribute);
  }
  for (const std::string_view attribute : kOfPort) add(kRdma, fmt::format("ports/*/{}", attribute));
  for (const PortCounter& counter : kPortCounters) add(kRdma, fmt::format("ports/*/{}", counter.file));
  for (const std::string_view attribute : kOfInterface) add(kNet, attribute);
  // Only of RDMA devices: reading it from others makes some of them complain in the kernel log.
  if (with_identity)
    line += fmt::format("; echo '{}'; head -v -c {} {}*/device/vpd 2>/dev/null; echo", kIdentity, kVitalBytes,
                        kRdma);
  return line + fmt::format("; echo '{}'", kEnd);
}

Result<HostNetwork> read_network(const std::string& text) {
  const Result<Printed> printed = take_apart(text);
  if (!printed) return printed.error();
  std::map<std::string, Adapter> adapters;
  HostNetwork host;
  for (const auto& [device, attributes] : printed->rdma) {
    const std::string address = uevent_value(attributes, "PCI_SLOT_NAME");
    if (address.empty()) continue;  // RDMA in software (rxe, siw)
    Adapter& adapter = adapters[address];
    if (!adapter.rdma_device.empty()) return odd(fmt::format("{} has two RDMA devices", address));
    adapter.address = address;
    adapter.driver = uevent_value(attributes, "DRIVER");
    adapter.rdma_device = device;
    adapter.is_virtual_function = attributes.contains("device/physfn/vendor");
    adapter.link = link_of(attributes);
    add_rdma_ports(device, attributes, adapter);
    const auto vital = printed->vital.find(device);
    if (vital == printed->vital.end()) continue;
    const VitalProductData data = read_vital_product_data(vital->second);
    adapter.serial = data.serial;
    adapter.part_number = data.part_number;
  }
  std::map<std::string, std::vector<std::pair<std::string, const Attributes*>>> interfaces;
  for (const auto& [name, attributes] : printed->net) {
    const std::string address = uevent_value(attributes, "PCI_SLOT_NAME");
    if (!address.empty() && !is_representor(attributes)) interfaces[address].emplace_back(name, &attributes);
    // Without a device behind it: lo, bonds, bridges, tunnels.
    if (address.empty() && attributes.contains("device/uevent")) host.not_on_pci.push_back(name);
  }
  for (const auto& [address, list] : interfaces) {
    Adapter& adapter = adapters[address];
    const bool rdma = !adapter.rdma_device.empty();
    for (const auto& [name, attributes] : list) {
      adapter.macs[name] = value_of(*attributes, "address");
      if (!rdma) {
        adapter.address = address;
        adapter.driver = uevent_value(*attributes, "DRIVER");
        adapter.is_virtual_function = attributes->contains("device/physfn/vendor");
        adapter.link = link_of(*attributes);
        adapter.ports.push_back(ethernet_port(name, *attributes));
      }
      // Which interface belongs to which of several ports is not told here.
      const auto changes = count_of(*attributes, "carrier_changes");
      if (!changes || (rdma && (list.size() != 1 || adapter.ports.size() != 1))) continue;
      adapter.ports.back().counters[kCarrier] = *changes;
    }
  }
  for (auto& [address, adapter] : adapters) host.adapters.push_back(std::move(adapter));
  return host;
}

VitalProductData read_vital_product_data(const std::string& bytes) {
  VitalProductData data;
  const auto byte = [&bytes](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  constexpr unsigned kString = 0x82, kReadOnly = 0x90;
  for (std::size_t at = 0; at + 3 <= bytes.size();) {
    const unsigned tag = byte(at);
    if (tag != kString && tag != kReadOnly) break;  // the end, the writable part, or no such data at all
    const std::size_t size = byte(at + 1) + (std::size_t{byte(at + 2)} << 8);
    const std::size_t begin = at + 3, end = begin + size;
    if (end > bytes.size()) break;
    for (std::size_t field = begin; tag == kReadOnly && field + 3 <= end;) {
      const std::string key = bytes.substr(field, 2);
      const std::size_t length = byte(field + 2);
      if (field + 3 + length > end) return {};
      const std::string value = tidy_text(bytes.substr(field + 3, length));
      if (key == "SN" && !means_unset(value)) data.serial = value;
      if (key == "PN" && !means_unset(value)) data.part_number = value;
      field += 3 + length;
    }
    at = end;
  }
  return data;
}

PortsOfPart ports_of(const HostNetwork& host, const Component& part) {
  PortsOfPart found;
  const auto take = [&host, &found](const auto& is_it) {
    for (const Adapter& adapter : host.adapters) {
      if (adapter.is_virtual_function || !is_it(adapter)) continue;
      found.adapters.push_back(&adapter);
      for (const Port& port : adapter.ports) found.ports.push_back(&port);
    }
  };
  if (!part.serial.empty())
    take([&part](const Adapter& adapter) { return has_serial(adapter, part.serial); });
  if (!found.adapters.empty()) return found;
  // A name is no proof against a serial: who has exchanged an adapter has put the new one under the old name.
  take([&part](const Adapter& adapter) {
    return has_name(adapter, part.name) && !contradicts(adapter, part.serial);
  });
  return found;
}

Uncabled::Uncabled(const std::string& words) {
  boost::algorithm::split(words_, words, boost::algorithm::is_any_of(" ,"),
                          boost::algorithm::token_compress_on);
  std::erase(words_, std::string());
}

bool Uncabled::whole_part(const std::string& part) const {
  return std::any_of(words_.begin(), words_.end(),
                     [&part](const std::string& word) { return word == part || word == "all"; });
}

bool Uncabled::port(const std::string& part, std::size_t number, const Port& port) const {
  const std::string device = port.name.substr(0, port.name.find('/'));
  return std::any_of(words_.begin(), words_.end(), [&](const std::string& word) {
    return word == part || word == "all" || word == fmt::format("{}/{}", part, number) || word == port.name ||
           word == device;
  });
}

}  // namespace kiln::network
