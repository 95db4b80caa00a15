#include "files/inventory_text.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

namespace kiln {
namespace {

void emit_trust(YAML::Emitter& yaml, const TlsTrust& trust) {
  const char* kind = "pin_sha256";
  if (trust.kind == TlsTrust::Kind::certificate_authority) kind = "ca";
  if (trust.kind == TlsTrust::Kind::insecure) kind = "insecure";
  yaml << YAML::Key << "tls" << YAML::Value << YAML::Flow << YAML::BeginMap << YAML::Key << kind
       << YAML::Value << YAML::DoubleQuoted << trust.value << YAML::EndMap;
}

void emit_ssh(YAML::Emitter& yaml, const char* key, const HostAccess& host) {
  yaml << YAML::Key << key << YAML::Value << YAML::BeginMap;
  yaml << YAML::Key << "address" << YAML::Value << YAML::DoubleQuoted << host.address;
  yaml << YAML::Key << "port" << YAML::Value << host.port;
  yaml << YAML::Key << "user" << YAML::Value << YAML::DoubleQuoted << host.user;
  if (!host.credential.empty()) yaml << YAML::Key << "credential" << YAML::Value << host.credential;
  yaml << YAML::Key << "host_key" << YAML::Value << YAML::DoubleQuoted << host.host_key;
  yaml << YAML::EndMap;
}

void emit_doors(YAML::Emitter& yaml, const Dut& dut) {
  if (dut.bmc) {
    yaml << YAML::Key << "bmc" << YAML::Value << YAML::BeginMap;
    yaml << YAML::Key << "url" << YAML::Value << YAML::DoubleQuoted << dut.bmc->url;
    if (!dut.bmc->credential.empty()) yaml << YAML::Key << "credential" << YAML::Value << dut.bmc->credential;
    emit_trust(yaml, dut.bmc->tls);
    if (dut.bmc->jump) emit_ssh(yaml, "jump", *dut.bmc->jump);
    yaml << YAML::EndMap;
  }
  if (dut.host) emit_ssh(yaml, "host", *dut.host);
}

void emit_expectation(YAML::Emitter& yaml, const Expectation& expect) {
  // What the firmware baseline brings is in its own file.
  const bool has_parts = std::any_of(expect.components.begin(), expect.components.end(),
                                     [](const Component& part) { return !part.from_baseline; });
  if (expect.serial.empty() && !has_parts) return;
  yaml << YAML::Key << "expect" << YAML::Value << YAML::BeginMap;
  if (!expect.serial.empty())
    yaml << YAML::Key << "serial" << YAML::Value << YAML::DoubleQuoted << expect.serial;
  if (has_parts) {
    yaml << YAML::Key << "components" << YAML::Value << YAML::BeginSeq;
    for (const Component& component : expect.components) {
      if (component.from_baseline) continue;
      yaml << YAML::Flow << YAML::BeginMap;
      yaml << YAML::Key << "kind" << YAML::Value << std::string(to_string(component.kind));
      yaml << YAML::Key << "name" << YAML::Value << YAML::DoubleQuoted << component.name;
      if (!component.serial.empty())
        yaml << YAML::Key << "serial" << YAML::Value << YAML::DoubleQuoted << component.serial;
      if (!component.firmware.empty())
        yaml << YAML::Key << "firmware" << YAML::Value << YAML::DoubleQuoted << component.firmware;
      yaml << YAML::EndMap;
    }
    yaml << YAML::EndSeq;
  }
  yaml << YAML::EndMap;
}

void emit_texts(YAML::Emitter& yaml, const char* key, const std::vector<std::string>& texts) {
  yaml << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const std::string& text : texts) yaml << YAML::DoubleQuoted << text;
  yaml << YAML::EndSeq;
}

void emit_building(YAML::Emitter& yaml, const BuildingAccess& building) {
  const auto text = [&yaml](const char* key, const std::string& value) {
    if (!value.empty()) yaml << YAML::Key << key << YAML::Value << YAML::DoubleQuoted << value;
  };
  yaml << YAML::Key << "building" << YAML::Value << YAML::BeginMap;
  text("broker", building.broker);
  text("rack_location_id", building.rack_location_id);
  text("integration", building.integration);
  text("credential", building.credential);
  // Without TLS on loopback the reader takes that for the reason by itself, and takes it written, too.
  if (!building.tls.value.empty()) emit_trust(yaml, building.tls);
  text("certificate", building.certificate);
  std::vector<std::string> points;
  if (building.has_rack_leak) points.emplace_back("rack");
  if (building.has_equipment_leak) points.emplace_back("equipment");
  if (points.size() == 1) emit_texts(yaml, "leak_points", points);
  if (!building.filters.empty()) emit_texts(yaml, "filters", building.filters);
  yaml << YAML::EndMap;
}

void emit_events(YAML::Emitter& yaml, const EventListenerAccess& events) {
  const auto text = [&yaml](const char* key, const std::string& value) {
    if (!value.empty()) yaml << YAML::Key << key << YAML::Value << YAML::DoubleQuoted << value;
  };
  yaml << YAML::Key << "events" << YAML::Value << YAML::BeginMap;
  text("listen", events.address);
  if (events.port != 0) yaml << YAML::Key << "port" << YAML::Value << events.port;
  text("told_as", events.told_as);
  text("certificate", events.certificate);
  text("key", events.key);
  yaml << YAML::EndMap;
}

void emit_serving(YAML::Emitter& yaml, const ServingAccess& serving) {
  yaml << YAML::Key << "serving" << YAML::Value << YAML::BeginMap;
  yaml << YAML::Key << "url" << YAML::Value << YAML::DoubleQuoted << serving.url;
  if (!serving.credential.empty()) yaml << YAML::Key << "credential" << YAML::Value << serving.credential;
  emit_trust(yaml, serving.tls);
  yaml << YAML::EndMap;
}

}  // namespace

std::string inventory_text(const Inventory& inventory, const std::string& comment) {
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "rack" << YAML::Value << inventory.rack;
  yaml << YAML::Key << "product" << YAML::Value << inventory.product;
  if (inventory.simulated) yaml << YAML::Key << "simulated" << YAML::Value << true;
  if (inventory.simulated && inventory.time_scale != 1.0)
    yaml << YAML::Key << "time_scale" << YAML::Value << inventory.time_scale;
  if (!inventory.credentials_file.empty())
    yaml << YAML::Key << "credentials" << YAML::Value << YAML::DoubleQuoted << inventory.credentials_file;
  if (inventory.firmware_baseline)
    yaml << YAML::Key << "firmware" << YAML::Value << YAML::DoubleQuoted << inventory.firmware_baseline->file;
  if (inventory.building) emit_building(yaml, *inventory.building);
  if (inventory.events) emit_events(yaml, *inventory.events);
  if (inventory.serving) emit_serving(yaml, *inventory.serving);
  yaml << YAML::Key << "duts" << YAML::Value << YAML::BeginSeq;
  for (const Dut& dut : inventory.duts) {
    yaml << YAML::BeginMap;
    yaml << YAML::Key << "id" << YAML::Value << dut.id;
    yaml << YAML::Key << "role" << YAML::Value << std::string(to_string(dut.role));
    if (dut.slot) yaml << YAML::Key << "slot" << YAML::Value << *dut.slot;
    emit_doors(yaml, dut);
    emit_expectation(yaml, dut.expect);
    if (!dut.labels.empty()) {
      yaml << YAML::Key << "labels" << YAML::Value << YAML::BeginMap;
      for (const auto& [name, value] : dut.labels)
        yaml << YAML::Key << name << YAML::Value << YAML::DoubleQuoted << value;
      yaml << YAML::EndMap;
    }
    yaml << YAML::EndMap;
  }
  yaml << YAML::EndSeq << YAML::EndMap;
  std::string text;
  std::istringstream lines(comment);
  for (std::string line; std::getline(lines, line);) text += "# " + line + "\n";
  return text + yaml.c_str() + "\n";
}

}  // namespace kiln
