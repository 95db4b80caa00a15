#include "files/building_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "files/field_reader.h"
#include "files/file_text.h"

namespace kiln {
namespace {

struct BrokerAddress {
  bool tls = true;
  std::string host;
  int port = 0;
};

/// mqtt[s]://HOST[:PORT]; a numeric IPv6 address stands in brackets. Ports by default: IANA, mqtt and
/// secure-mqtt.
std::optional<BrokerAddress> broker_address(const std::string& url) {
  constexpr int kHighestPort = 65535;
  BrokerAddress address;
  std::string rest;
  if (url.rfind("mqtts://", 0) == 0) {
    rest = url.substr(8);
    address.port = 8883;
  } else if (url.rfind("mqtt://", 0) == 0) {
    rest = url.substr(7);
    address.port = 1883;
    address.tls = false;
  }
  const bool brackets = !rest.empty() && rest.front() == '[';
  const auto end = brackets ? rest.find(']') : std::min(rest.find(':'), rest.size());
  if (end == std::string::npos) return std::nullopt;
  address.host = brackets ? rest.substr(1, end - 1) : rest.substr(0, end);
  std::string port = rest.substr(brackets ? end + 1 : end);
  const bool is_host =
      !address.host.empty() && std::all_of(address.host.begin(), address.host.end(), [brackets](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' ||
               (brackets && c == ':');
      });
  if (!is_host) return std::nullopt;
  if (port.empty()) return address;
  const bool digits = port.size() >= 2 && port.size() <= 6 && port.front() == ':' &&
                      std::all_of(port.begin() + 1, port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  address.port = std::stoi(port.substr(1));
  if (address.port < 1 || address.port > kHighestPort) return std::nullopt;
  return address;
}

/// By its number: what a name means is not for this file to say.
bool is_loopback(const std::string& host) {
  return host == "::1" || (host.rfind("127.", 0) == 0 && std::all_of(host.begin(), host.end(), [](char c) {
                             return c == '.' || (c >= '0' && c <= '9');
                           }));
}

/// mqtt-v3.1.1-os, 4.7.1: '#' is a whole level and the last one, '+' a whole level.
bool is_topic_filter(const std::string& text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '#' && text[at] != '+') continue;
    const bool begins = at == 0 || text[at - 1] == '/';
    const bool ends = at + 1 == text.size() || (text[at] == '+' && text[at + 1] == '/');
    if (!begins || !ends) return false;
  }
  return !text.empty();
}

class BuildingReader {
 public:
  BuildingReader(const std::string& file, const std::function<TlsTrust(const YamlNode&)>& read_tls,
                 std::vector<Problem>& problems)
      : file_(file), read_tls_(read_tls), problems_(problems) {}

  BuildingAccess read(const YamlNode& node);

 private:
  void problem(const Place& place, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({place, std::move(code), std::move(message), std::move(suggestion)});
  }
  void read_broker(FieldReader& reader, const YamlNode& node, BuildingAccess& building);
  void read_certificate(FieldReader& reader, BuildingAccess& building);
  void read_leak_points(FieldReader& reader, BuildingAccess& building);

  const std::string& file_;
  const std::function<TlsTrust(const YamlNode&)>& read_tls_;
  std::vector<Problem>& problems_;
};

void BuildingReader::read_broker(FieldReader& reader, const YamlNode& node, BuildingAccess& building) {
  building.broker = reader.text("broker", Need::required).value_or("");
  const YamlNode* tls = reader.take("tls");
  if (tls != nullptr) building.tls = read_tls_(*tls);
  if (building.broker.empty()) return;
  const std::optional<BrokerAddress> address = broker_address(building.broker);
  const Place& place = node.find("broker")->place;
  if (!address) {
    problem(place, "inventory.url", fmt::format("'{}' is not the address of a broker", building.broker),
            "write mqtts://HOST or mqtts://HOST:PORT; user and password belong into the credentials file");
    return;
  }
  building.host = address->host;
  building.port = static_cast<std::uint16_t>(address->port);
  const bool pinned = tls != nullptr && tls->find("pin_sha256") != nullptr;
  const bool insecure = tls != nullptr && building.tls.kind == TlsTrust::Kind::insecure;
  const bool authority = tls != nullptr && building.tls.kind == TlsTrust::Kind::certificate_authority;
  if (pinned) {
    problem(tls->place, "inventory.trust", "the key of a broker cannot be pinned",
            "name who signed its certificate: tls: {ca: FILE}");
  } else if (address->tls && !authority) {
    problem(place, "inventory.trust",
            "mqtts verifies the broker's certificate, and nobody is named who signed it",
            "write tls: {ca: FILE}; without TLS it is mqtt:// and tls: {insecure: \"why\"}");
  } else if (!address->tls && authority) {
    problem(place, "inventory.trust", "mqtt:// is without TLS, so no certificate is verified",
            "write mqtts:// for TLS");
  } else if (!address->tls && !insecure) {
    if (is_loopback(address->host)) {
      building.tls.kind = TlsTrust::Kind::insecure;
      building.tls.value = "the broker is on loopback";
    } else {
      problem(place, "inventory.trust", "without TLS anybody on the way can say that the building is dry",
              "write mqtts:// and tls: {ca: FILE}, or tls: {insecure: \"why\"}");
    }
  }
}

void BuildingReader::read_certificate(FieldReader& reader, BuildingAccess& building) {
  building.credential = reader.text("credential").value_or("");
  const auto certificate = reader.text("certificate");
  if (!certificate) return;
  const Place& place = reader.take("certificate")->place;
  building.certificate = beside(file_, *certificate);
  const auto text = read_file_text(building.certificate);
  if (!text)
    problem(place, "inventory.trust",
            fmt::format("the certificate {}: {}", building.certificate, text.problems.front().message));
  if (building.credential.empty()) {
    problem(place, "inventory.trust", "a certificate of ours without a credential, whose key_file is its key",
            "write credential: NAME, and in the credentials file NAME: {user: …, key_file: FILE}");
  }
  if (building.tls.kind == TlsTrust::Kind::insecure)
    problem(place, "inventory.trust", "a certificate of ours, and no TLS to show it in", "write mqtts://");
}

void BuildingReader::read_leak_points(FieldReader& reader, BuildingAccess& building) {
  if (!reader.has("leak_points")) return;
  building.has_rack_leak = building.has_equipment_leak = false;
  for (const YamlNode* point : reader.take_some("leak_points")) {
    const auto word = scalar_text(*point, "a leak point", problems_);
    if (!word) continue;
    building.has_rack_leak = building.has_rack_leak || *word == "rack";
    building.has_equipment_leak = building.has_equipment_leak || *word == "equipment";
    if (*word != "rack" && *word != "equipment") {
      problem(point->place, "files.unknown_word", fmt::format("'{}' is no leak point", *word),
              suggest(*word, {"rack", "equipment"}));
    }
  }
  if (!building.has_rack_leak && !building.has_equipment_leak) {
    problem(reader.place(), "inventory.building", "a building without leak points warns of nothing",
            "write leak_points: [rack, equipment], or leave it out");
  }
}

BuildingAccess BuildingReader::read(const YamlNode& node) {
  BuildingAccess building;
  FieldReader reader(node, "building", problems_);
  read_broker(reader, node, building);
  building.rack_location_id = reader.text("rack_location_id", Need::required).value_or("");
  building.integration = reader.text("integration").value_or("");
  if (building.integration.find_first_of("/+#") != std::string::npos) {
    problem(
        node.find("integration")->place, "inventory.building",
        fmt::format("'{}' is no name of an integration: it is one level of a topic", building.integration),
        "write the name that the BMS's metadata has for us under 'integration'");
  }
  read_certificate(reader, building);
  read_leak_points(reader, building);
  if (const YamlNode* filters = reader.take_list("filters")) {
    for (const YamlNode& item : filters->items) {
      const std::string filter = scalar_text(item, "a filter", problems_).value_or("");
      building.filters.push_back(filter);
      if (!is_topic_filter(filter)) {
        problem(item.place, "inventory.building", fmt::format("'{}' is no topic filter of MQTT", filter),
                "'#' stands for the last levels, '+' for one");
      }
    }
    if (filters->items.empty())
      problem(filters->place, "inventory.building", "without filters nothing is heard",
              "leave 'filters' out");
  }
  reader.finish();
  return building;
}

}  // namespace

BuildingAccess read_building_access(const YamlNode& node, const std::string& file,
                                    const std::function<TlsTrust(const YamlNode&)>& read_tls,
                                    std::vector<Problem>& problems) {
  return BuildingReader(file, read_tls, problems).read(node);
}

}  // namespace kiln
