#include "files/inventory_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/nearest.h"
#include "files/building_access.h"
#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/firmware_baseline_file.h"
#include "files/instruments_reader.h"
#include "files/yaml_node.h"
#include "model/bmc_place.h"
#include "model/bmc_protocol.h"
#include "model/serving_access.h"

namespace kiln {
namespace {

/// What a person writes for "how many of these".
struct CountKey {
  const char* key;
  ComponentKind kind;
};
constexpr std::array<CountKey, 14> kCounts{{{"gpus", ComponentKind::gpu},
                                            {"nvlinks", ComponentKind::nvlink},
                                            {"nvswitches", ComponentKind::nvswitch},
                                            {"leak_detectors", ComponentKind::leak_detector},
                                            {"coolant_connectors", ComponentKind::coolant_connector},
                                            {"pumps", ComponentKind::pump},
                                            {"fans", ComponentKind::fan},
                                            {"power_supplies", ComponentKind::power_supply},
                                            {"cpus", ComponentKind::cpu},
                                            {"memory_modules", ComponentKind::memory},
                                            {"drives", ComponentKind::drive},
                                            {"nics", ComponentKind::nic},
                                            {"firmware_items", ComponentKind::firmware},
                                            {"sensors", ComponentKind::sensor}}};
constexpr int kMostParts = 100'000;

bool is_base64_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/// Base64 of 32 bytes: 43 characters and one '='.
bool is_sha256_base64(const std::string& text) {
  return text.size() == 44 && text.back() == '=' && std::all_of(text.begin(), text.end() - 1, is_base64_char);
}

/// "ssh-ed25519 AAAA…": type and base64, as in known_hosts; a comment behind them is not part of the key.
bool is_host_key(const std::string& text) {
  const auto blank = text.find(' ');
  if (blank == std::string::npos || text.find(' ', blank + 1) != std::string::npos) return false;
  const std::string type = text.substr(0, blank);
  const std::string key = text.substr(blank + 1);
  const bool known = type.rfind("ssh-", 0) == 0 || type.rfind("ecdsa-", 0) == 0;
  return known && key.rfind("AAAA", 0) == 0 && key.size() >= 40 &&
         std::all_of(key.begin(), key.end(), [](char c) { return is_base64_char(c) || c == '='; });
}

/// Scheme and host in lower case, no slash at the end: two spellings of one address are one address.
std::string address_of(const std::string& url) {
  std::string address = url;
  std::transform(address.begin(), address.end(), address.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  while (!address.empty() && address.back() == '/') address.pop_back();
  return address;
}

bool is_loopback_address(const std::string& address) {
  return address.rfind("127.", 0) == 0 || address == "::1" || address == "localhost";
}

bool is_https_url(const std::string& url) {
  const std::string scheme = "https://";
  if (url.compare(0, scheme.size(), scheme) != 0 || url.size() == scheme.size() || url[scheme.size()] == '/')
    return false;
  return std::none_of(url.begin(), url.end(),
                      [](char c) { return c == ' ' || c == '@' || c == '?' || c == '#' || c == '\t'; });
}

class InventoryReader {
 public:
  InventoryReader(const std::string& file, std::vector<Problem>& problems)
      : file_(file), problems_(problems) {}

  Inventory read(const YamlNode& root);

 private:
  void problem(const Place& place, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({place, std::move(code), std::move(message), std::move(suggestion)});
  }
  void unique(const std::string& what, const std::string& value, const Place& place);
  Dut read_dut(const YamlNode& node);
  EventListenerAccess read_events(const YamlNode& node);
  ServingAccess read_serving(const YamlNode& node);
  BmcAccess read_bmc(const YamlNode& node);
  void check_status_document(const Dut& dut, const YamlNode& node);
  TlsTrust read_tls(const YamlNode& node);
  HostAccess read_ssh(const YamlNode& node, const std::string& what);
  HostAccess read_host(const YamlNode& node);
  Expectation read_expectation(const YamlNode& node, const std::string& dut);
  void read_components(const YamlNode& list, Expectation& expect);
  void refuse_jumps_over_duts(const Inventory& inventory);

  std::string file_;
  std::vector<Problem>& problems_;
  std::map<std::pair<std::string, std::string>, Place> seen_;
  std::vector<std::pair<Place, HostAccess>> jumps_;
  bool uses_credentials_ = false;
};

void InventoryReader::unique(const std::string& what, const std::string& value, const Place& place) {
  if (value.empty()) return;
  const auto [first, is_new] = seen_.try_emplace({what, value}, place);
  if (is_new) return;
  problem(place, "inventory.duplicate",
          fmt::format("the {} '{}' is already in line {}", what, value, first->second.line));
}

/// Whether the station has that address, only listening on it can tell.
EventListenerAccess InventoryReader::read_events(const YamlNode& node) {
  constexpr int kHighestPort = 65535;
  EventListenerAccess events;
  FieldReader reader(node, "events", problems_);
  events.address = reader.text("listen", Need::required).value_or("");
  events.port = static_cast<std::uint16_t>(reader.integer("port", 0, kHighestPort).value_or(0));
  events.told_as = reader.text("told_as").value_or("");
  if (const auto certificate = reader.text("certificate")) events.certificate = beside(file_, *certificate);
  if (const auto key = reader.text("key")) events.key = beside(file_, *key);
  reader.finish();
  const bool numeric = events.address.find_first_not_of("0123456789abcdefABCDEF.:") == std::string::npos;
  if (!numeric) {
    problem(node.place, "inventory.events", fmt::format("'{}' is no numeric address", events.address),
            "write the station's address on the network of the BMCs");
  }
  if (events.certificate.empty() != events.key.empty())
    problem(node.place, "inventory.events", "a certificate and its key go together",
            "name both files, or none");
  const bool anywhere = events.address == "0.0.0.0" || events.address == "::";
  if (anywhere && events.told_as.empty()) {
    problem(node.place, "inventory.events", "the BMCs cannot be told to reach 'any address'",
            "say by which address or name they reach the station: told_as");
  }
  return events;
}

ServingAccess InventoryReader::read_serving(const YamlNode& node) {
  ServingAccess serving;
  FieldReader reader(node, "serving", problems_);
  serving.url = reader.text("url", Need::required).value_or("");
  serving.credential = reader.text("credential").value_or("");
  uses_credentials_ = uses_credentials_ || !serving.credential.empty();
  const YamlNode* tls = reader.take("tls");
  if (tls != nullptr) serving.tls = read_tls(*tls);
  reader.finish();
  if (serving.url.empty()) return serving;
  const Place& place = node.find("url")->place;
  if (!is_serving_url(serving.url)) {
    problem(place, "inventory.url", fmt::format("'{}' is not the address of a model server", serving.url),
            "write https://HOST:PORT; its API key belongs into the credentials file");
  } else if (const std::string why = why_untrusted(serving.url, tls != nullptr, serving.tls); !why.empty()) {
    problem(place, "inventory.trust", why, "write https:// and tls: {ca: FILE}, or tls: {insecure: \"why\"}");
  } else if (tls == nullptr) {
    serving.tls = {TlsTrust::Kind::insecure, "the model server is on loopback"};
  }
  return serving;
}

TlsTrust InventoryReader::read_tls(const YamlNode& node) {
  TlsTrust trust;
  FieldReader reader(node, "tls", problems_);
  const auto pin = reader.text("pin_sha256");
  const auto authority = reader.text("ca");
  const auto insecure = reader.text("insecure");
  reader.finish();
  if (!reader.is_map()) return trust;
  const int ways =
      (reader.has("pin_sha256") ? 1 : 0) + (reader.has("ca") ? 1 : 0) + (reader.has("insecure") ? 1 : 0);
  if (ways != 1) {
    problem(node.place, "inventory.trust", "tls must name exactly one of pin_sha256, ca and insecure",
            "one way only: there is no fallback from one to another");
    return trust;
  }
  if (pin) {
    trust.kind = TlsTrust::Kind::pin;
    trust.value = *pin;
    if (!is_sha256_base64(*pin)) {
      problem(node.place, "inventory.trust", "pin_sha256 is not the base64 of a SHA-256",
              "it is 44 characters long and ends in '='");
    }
  } else if (authority) {
    trust.kind = TlsTrust::Kind::certificate_authority;
    trust.value = beside(file_, *authority);
    const auto text = read_file_text(trust.value);
    if (!text)
      problem(node.place, "inventory.trust",
              fmt::format("the CA file {}: {}", trust.value, text.problems.front().message));
  } else if (insecure) {
    trust.kind = TlsTrust::Kind::insecure;
    trust.value = *insecure;
    if (insecure->find_first_not_of(" \t") == std::string::npos || plain_boolean(*node.find("insecure"))) {
      problem(node.place, "inventory.trust", "insecure needs a reason, which is printed in the report",
              "write insecure: \"why this certificate is not verified\"");
    }
  }
  return trust;
}

BmcAccess InventoryReader::read_bmc(const YamlNode& node) {
  BmcAccess bmc;
  FieldReader reader(node, "bmc", problems_);
  bmc.url = reader.text("url", Need::required).value_or("");
  if (!bmc.url.empty() && !is_https_url(bmc.url)) {
    problem(node.find("url")->place, "inventory.url",
            fmt::format("'{}' is not the address of a BMC", bmc.url),
            "write https://HOST or https://HOST:PORT; user and password belong into the credentials file");
  }
  const std::vector<std::string> protocols(kBmcProtocolWords.begin(), kBmcProtocolWords.end());
  const auto word = reader.word("protocol", protocols);
  const BmcProtocol protocol = word ? *bmc_protocol_from(*word) : BmcProtocol::redfish;
  if (protocol == BmcProtocol::redfish && bmc_protocol_of(bmc.url) != protocol) {
    problem(node.find("url")->place, "inventory.url",
            fmt::format("'{}' is no Redfish service but the document of a CDU", bmc.url),
            "write protocol: cooltera beside it");
  }
  bmc.url = bmc_url_with(bmc.url, protocol);
  bmc.credential = reader.text("credential").value_or("");
  if (protocol == BmcProtocol::cooltera && !bmc.credential.empty())
    problem(node.place, "inventory.protocol", "a Cooltera CDU is read without a login",
            "leave 'credential' out");
  uses_credentials_ = uses_credentials_ || !bmc.credential.empty();
  if (const YamlNode* tls = reader.take("tls", Need::required)) bmc.tls = read_tls(*tls);
  // One jump host leads to many BMCs: it is not unique.
  if (const YamlNode* jump = reader.take("jump")) {
    bmc.jump = read_ssh(*jump, "jump");
    jumps_.emplace_back(jump->place, *bmc.jump);
  }
  // Behind two jump hosts the same address is two BMCs.
  const std::string address = address_of(bmc.url);
  unique("BMC address", address.empty() ? address : address + bmc_way(bmc), node.place);
  reader.finish();
  return bmc;
}

HostAccess InventoryReader::read_host(const YamlNode& node) {
  HostAccess host = read_ssh(node, "host");
  if (!host.address.empty())
    unique("host address", fmt::format("{}:{}", address_of(host.address), host.port), node.place);
  return host;
}

HostAccess InventoryReader::read_ssh(const YamlNode& node, const std::string& what) {
  constexpr int kHighestPort = 65535;
  HostAccess host;
  FieldReader reader(node, what, problems_);
  host.address = reader.text("address", Need::required).value_or("");
  host.port = static_cast<std::uint16_t>(reader.integer("port", 1, kHighestPort).value_or(22));
  host.user = reader.text("user").value_or(host.user);
  host.credential = reader.text("credential").value_or("");
  uses_credentials_ = uses_credentials_ || !host.credential.empty();
  host.host_key = reader.text("host_key", Need::required).value_or("");
  if (!host.host_key.empty() && !is_host_key(host.host_key)) {
    problem(node.find("host_key")->place, "inventory.host_key", "host_key is not an SSH public key",
            "write type and key as ssh-keyscan prints them: \"ssh-ed25519 AAAA…\"");
  }
  reader.finish();
  return host;
}

void InventoryReader::read_components(const YamlNode& list, Expectation& expect) {
  std::set<std::pair<ComponentKind, std::string>> names;
  auto kinds = component_kind_names();
  kinds.erase(std::remove(kinds.begin(), kinds.end(), to_string(ComponentKind::whole_dut)), kinds.end());
  for (const YamlNode& item : list.items) {
    Component component;
    FieldReader reader(item, "component", problems_);
    const auto kind = reader.word("kind", kinds, Need::required);
    component.name = reader.text("name", Need::required).value_or("");
    component.serial = reader.text("serial").value_or("");
    component.firmware = reader.text("firmware").value_or("");
    reader.finish();
    if (!kind || component.name.empty()) continue;
    component.kind = component_kind_from(*kind).value_or(ComponentKind::whole_dut);
    if (!names.insert({component.kind, component.name}).second) {
      problem(item.place, "inventory.duplicate",
              fmt::format("the {} '{}' is listed twice", *kind, component.name));
    }
    unique(fmt::format("serial of a {}", *kind), component.serial, item.place);
    expect.components.push_back(std::move(component));
  }
}

Expectation InventoryReader::read_expectation(const YamlNode& node, const std::string& dut) {
  Expectation expect;
  FieldReader reader(node, "expect", problems_);
  expect.serial = reader.text("serial").value_or("");
  unique("serial of a DUT", expect.serial, node.place);
  if (const YamlNode* list = reader.take_list("components")) read_components(*list, expect);
  for (const auto& [key, kind] : kCounts) {
    const auto count = reader.integer(key, 0, kMostParts);
    if (!count) continue;
    expect.counts[kind] = *count;
    // A number alone names no part, and a part without a name can be missed by every check.
    const auto listed = expect.of_kind(kind).size();
    if (listed != static_cast<std::size_t>(*count)) {
      problem(node.find(key)->place, "inventory.count",
              fmt::format("{}: '{}' says {}, but components lists {} of kind {}", dut, key, *count, listed,
                          to_string(kind)),
              "list every part under 'components': {kind: …, name: …}");
    }
  }
  reader.finish();
  return expect;
}

Dut InventoryReader::read_dut(const YamlNode& node) {
  constexpr int kHighestSlot = 99;
  Dut dut;
  FieldReader reader(node, "dut", problems_);
  dut.id = reader.text("id", Need::required).value_or("");
  if (!dut.id.empty() && !is_name(dut.id)) {
    problem(node.find("id")->place, "inventory.name", fmt::format("'{}' is not an id", dut.id),
            "ids are like C01, S01, CDU01, P01");
  }
  unique("id", dut.id, node.place);
  auto roles = role_names();
  roles.erase(std::remove(roles.begin(), roles.end(), to_string(Role::rack)),
              roles.end());  // the rack is no part of itself
  if (const auto role = reader.word("role", roles, Need::required))
    dut.role = role_from(*role).value_or(Role::server);
  dut.slot = reader.integer("slot", 1, kHighestSlot);
  if (dut.slot) unique("slot", fmt::to_string(*dut.slot), node.place);
  if (const YamlNode* bmc = reader.take("bmc")) dut.bmc = read_bmc(*bmc);
  if (const YamlNode* host = reader.take("host")) dut.host = read_host(*host);
  if (reader.is_map() && !reader.has("bmc") && !reader.has("host")) {
    problem(node.place, "inventory.unreachable",
            fmt::format("'{}' has neither a bmc nor a host, so nothing can be asked of it", dut.id));
  }
  if (const YamlNode* expect = reader.take("expect")) dut.expect = read_expectation(*expect, dut.id);
  if (const YamlNode* labels = reader.take_map("labels")) {
    for (const YamlNode::Field& label : labels->fields) {
      const auto value = scalar_text(label.value, fmt::format("label '{}'", label.key), problems_);
      if (value) dut.labels[label.key] = *value;
    }
  }
  reader.finish();
  if (dut.bmc && bmc_protocol_of(dut.bmc->url) == BmcProtocol::cooltera) check_status_document(dut, node);
  return dut;
}

/// What its document does not tell would be missing in every run.
void InventoryReader::check_status_document(const Dut& dut, const YamlNode& node) {
  if (dut.role != Role::cdu) {
    problem(node.place, "inventory.protocol",
            fmt::format("{} is no CDU (it is a {}), and only a CDU is read by cooltera", dut.id,
                        to_string(dut.role)));
  }
  const std::vector<std::string> sides{std::string(kCoolteraPrimary), std::string(kCoolteraSecondary)};
  const std::vector<std::string> pumps{"Pump_1", "Pump_2", "Pump_3"};
  for (const Component& part : dut.expect.components) {
    const bool side = part.kind == ComponentKind::coolant_connector;
    if (!side && part.kind != ComponentKind::pump) {
      problem(
          node.place, "inventory.protocol",
          fmt::format("{}: a Cooltera CDU tells of no {} ('{}')", dut.id, to_string(part.kind), part.name),
          "list its coolant connectors and pumps only");
      continue;
    }
    const std::vector<std::string>& known = side ? sides : pumps;
    if (std::find(known.begin(), known.end(), part.name) != known.end()) continue;
    problem(node.place, "inventory.protocol",
            fmt::format("{}: a Cooltera CDU has no {} '{}'{}", dut.id, to_string(part.kind), part.name,
                        did_you_mean(part.name, known)),
            fmt::format("they are {}", fmt::join(known, ", ")));
  }
}

/// Who cuts the energy of a DUT must not go by a host that the cut switches off: the next look would be
/// blind.
void InventoryReader::refuse_jumps_over_duts(const Inventory& inventory) {
  for (const auto& [place, jump] : jumps_) {
    const std::string address = address_of(jump.address);
    for (const Dut& dut : inventory.duts) {
      if (address.empty() || !dut.host || address_of(dut.host->address) != address) continue;
      // On loopback, where simulated hosts and their jump host live, the port tells machines apart.
      if (is_loopback_address(address) && dut.host->port != jump.port) continue;
      problem(place, "inventory.jump",
              fmt::format("the jump host {} is the host of {}: a cut would switch off its own way to the BMC",
                          jump.address, dut.id),
              "reach the BMC by a host that is no DUT of this rack");
      break;
    }
  }
}

Inventory InventoryReader::read(const YamlNode& root) {
  constexpr double kFastest = 10'000;
  Inventory inventory;
  inventory.file = file_;
  FieldReader reader(root, "the inventory", problems_);
  inventory.rack = reader.text("rack", Need::required).value_or("");
  if (!inventory.rack.empty() && !is_name(inventory.rack)) {
    problem(root.find("rack")->place, "inventory.name",
            fmt::format("'{}' is not an id of a rack", inventory.rack), "ids are like R01");
  }
  unique("id", inventory.rack, root.place);
  inventory.product = reader.text("product", Need::required).value_or("");
  if (!inventory.product.empty() && !is_name(inventory.product)) {
    problem(root.find("product")->place, "inventory.name",
            fmt::format("'{}' is not a name of a product", inventory.product));
  }
  inventory.simulated = reader.boolean("simulated").value_or(false);
  if (inventory.product.rfind("virtual-", 0) == 0 && !inventory.simulated) {
    problem(
        root.find("product")->place, "inventory.virtual_product",
        fmt::format("'{}' is a simulated product, but the rack is not marked simulated", inventory.product),
        "real hardware is never judged by limits of a simulation");
  }
  if (const auto scale = reader.number("time_scale")) {
    inventory.time_scale = *scale;
    const Place& place = root.find("time_scale")->place;
    if (*scale < 1 || *scale > kFastest)
      problem(place, "files.wrong_type", fmt::format("time_scale must be from 1 to {}", kFastest));
    if (*scale != 1 && !inventory.simulated)
      problem(place, "inventory.time_scale", "only a simulated rack has a time scale");
  }
  reader.text("description");
  if (const auto credentials = reader.text("credentials"))
    inventory.credentials_file = beside(file_, *credentials);
  if (const YamlNode* building = reader.take("building")) {
    const auto tls = [this](const YamlNode& node) { return read_tls(node); };
    inventory.building = read_building_access(*building, file_, tls, problems_);
    uses_credentials_ = uses_credentials_ || !inventory.building->credential.empty();
  }
  if (const YamlNode* events = reader.take("events")) inventory.events = read_events(*events);
  if (const YamlNode* serving = reader.take("serving")) inventory.serving = read_serving(*serving);
  if (const YamlNode* instruments = reader.take_list("instruments"))
    inventory.instruments = read_instruments(*instruments, problems_);
  if (const YamlNode* duts = reader.take_list("duts", Need::required)) {
    for (const YamlNode& item : duts->items) inventory.duts.push_back(read_dut(item));
    if (duts->items.empty()) problem(duts->place, "inventory.empty", "the rack has no DUTs");
    refuse_jumps_over_duts(inventory);
  }
  if (const auto named = reader.text("firmware")) {
    Parsed<FirmwareBaselineFile> baseline = read_firmware_baseline(beside(file_, *named));
    const Place& place = root.find("firmware")->place;
    for (const Problem& found : baseline.problems) {
      const bool is_missing = found.place.line == 0;
      problems_.push_back(found);
      if (is_missing) problems_.back().place = place;
    }
    if (baseline) apply_firmware_baseline(*baseline.value, place, inventory, problems_);
  }
  reader.finish();
  if (uses_credentials_ && inventory.credentials_file.empty()) {
    problem(root.place, "inventory.no_credentials_file",
            "credentials are named, but the inventory names no credentials file", "write credentials: FILE");
  }
  return inventory;
}

}  // namespace

Parsed<Inventory> parse_inventory(const std::string& text, const std::string& file) {
  Parsed<Inventory> parsed;
  const auto tree = parse_yaml(text, file, Sensitivity::plain, parsed.problems);
  if (!tree) return parsed;
  InventoryReader reader(file, parsed.problems);
  Inventory inventory = reader.read(*tree);
  inventory.sha256 = sha256_hex(text);
  sort_by_place(parsed.problems);
  if (parsed.problems.empty()) parsed.value = std::move(inventory);
  return parsed;
}

Parsed<Inventory> read_inventory(const std::string& path) {
  auto text = read_file_text(path);
  if (text) return parse_inventory(text.value->bytes, path);
  Parsed<Inventory> parsed;
  parsed.problems = std::move(text.problems);
  return parsed;
}

}  // namespace kiln
