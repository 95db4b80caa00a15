// Registries and JsonSchemas: what the messages and types that a BMC uses are described by
// (DSP0266 9.5.11, 9.5.12). The bodies of the registries are here (config/registries.yaml); the schemas are
// DMTF's, and are named where they are published, by the same address that the Link header of each resource
// names.

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "tests_hw/virtual_rack/config_reader.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kRegistries = "/redfish/v1/Registries";
constexpr std::string_view kSchemas = "/redfish/v1/JsonSchemas";

struct MessageRegistry {
  std::string prefix, version, name;
  json::object messages;

  [[nodiscard]] std::string id() const { return fmt::format("{}.{}", prefix, version); }
  /// As MessageIds begin: "Base.1.13".
  [[nodiscard]] std::string short_id() const { return id().substr(0, id().rfind('.')); }
  [[nodiscard]] std::string uri() const { return fmt::format("{}/{}", kRegistries, id()); }
};

json::object registry_message(const YAML::Node& entry) {
  const auto arguments = entry[0].as<int>();
  json::object message;
  message["Description"] = entry[2].as<std::string>();
  message["Message"] = entry[2].as<std::string>();
  message["MessageSeverity"] = entry[1].as<std::string>();
  message["NumberOfArgs"] = arguments;
  if (arguments > 0) {
    json::array types;
    for (int i = 0; i < arguments; ++i) types.emplace_back("string");
    message["ParamTypes"] = std::move(types);
  }
  message["Resolution"] = "See the message.";
  return message;
}

const std::vector<MessageRegistry>& message_registries() {
  static const std::vector<MessageRegistry> all = [] {
    std::vector<MessageRegistry> registries;
    for (const YAML::Node& entry : load_config("registries.yaml")) {
      MessageRegistry one;
      one.prefix = entry["prefix"].as<std::string>();
      one.version = entry["version"].as<std::string>();
      one.name = entry["name"].as<std::string>();
      for (const auto& message : entry["messages"]) {
        one.messages[message.first.as<std::string>()] = registry_message(message.second);
      }
      registries.push_back(std::move(one));
    }
    return registries;
  }();
  return all;
}

const MessageRegistry* registry_by_id(std::string_view id) {
  const auto& all = message_registries();
  const auto found =
      std::find_if(all.begin(), all.end(), [id](const MessageRegistry& one) { return one.id() == id; });
  return found == all.end() ? nullptr : &*found;
}

const std::vector<std::string>& schema_types() {
  static const auto types = load_config("schemas.yaml")["types"].as<std::vector<std::string>>();
  return types;
}

/// Where a file of either kind is to be had, in the one language there is.
json::array file_location(std::string_view property, const std::string& address) {
  json::object place;
  place["Language"] = "en";
  place[property] = address;
  json::array places;
  places.push_back(std::move(place));
  return places;
}

json::object registry_file(const MessageRegistry& registry) {
  json::object body = resource(registry.uri(), "MessageRegistryFile.v1_1_3", registry.id(), registry.name);
  body["Registry"] = registry.short_id();
  body["Languages"] = json::array{"en"};
  body["Location"] = file_location("Uri", registry.uri() + "/" + registry.id() + ".json");
  return body;
}

/// A registry is a document of its own: without an address, as DMTF publishes them.
json::object registry_document(const MessageRegistry& registry) {
  json::object body;
  body["@odata.type"] = "#MessageRegistry.v1_6_0.MessageRegistry";
  body["Id"] = registry.id();
  body["Name"] = registry.name;
  body["Language"] = "en";
  body["RegistryPrefix"] = registry.prefix;
  body["RegistryVersion"] = registry.version;
  body["OwningEntity"] = "DMTF";
  body["Messages"] = registry.messages;
  return body;
}

json::object schema_file(const std::string& type) {
  json::object body =
      resource(fmt::format("{}/{}", kSchemas, type), "JsonSchemaFile.v1_1_5", type, type + " Schema File");
  body["Schema"] = fmt::format("#{}.{}", type, type.substr(0, type.find('.')));
  body["Languages"] = json::array{"en"};
  body["Location"] =
      file_location("PublicationUri", fmt::format("http://redfish.dmtf.org/schemas/v1/{}.json", type));
  return body;
}

}  // namespace

void add_registry_routes(Router& router) {
  router.get(kRegistries, [](Bmc&, const Address& a) {
    std::vector<std::string> members;
    for (const MessageRegistry& one : message_registries()) members.push_back(one.uri());
    return std::optional(collection(a.uri, "MessageRegistryFileCollection", "Message Registries", members));
  });
  router.get("/redfish/v1/Registries/{}", [](Bmc&, const Address& a) -> std::optional<json::object> {
    const MessageRegistry* registry = registry_by_id(a[0]);
    if (registry == nullptr) return std::nullopt;
    return registry_file(*registry);
  });
  router.get("/redfish/v1/Registries/{}/{}", [](Bmc&, const Address& a) -> std::optional<json::object> {
    const MessageRegistry* registry = registry_by_id(a[0]);
    if (registry == nullptr || a[1] != registry->id() + ".json") return std::nullopt;
    return registry_document(*registry);
  });
  router.get(kSchemas, [](Bmc&, const Address& a) {
    std::vector<std::string> members;
    for (const std::string& type : schema_types()) members.push_back(fmt::format("{}/{}", kSchemas, type));
    return std::optional(collection(a.uri, "JsonSchemaFileCollection", "Schema Files", members));
  });
  router.get("/redfish/v1/JsonSchemas/{}", [](Bmc&, const Address& a) -> std::optional<json::object> {
    const auto& types = schema_types();
    if (std::find(types.begin(), types.end(), a[0]) == types.end()) return std::nullopt;
    return schema_file(a[0]);
  });
}

}  // namespace kiln::virtual_rack
