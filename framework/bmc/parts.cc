#include "bmc/parts.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "bmc/redfish_error.h"
#include "bmc/understanding.h"

namespace kiln {
namespace {

std::string first_text(const JsonView& body, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const std::optional<std::string> text = body[name].text();
    if (text) return *text;
  }
  return {};
}

std::string location_of(const JsonView& body) {
  const std::string label = body.at({"Location", "PartLocation", "ServiceLabel"}).text_or_empty();
  if (!label.empty()) return label;
  const std::string physical = body.at({"PhysicalLocation", "PartLocation", "ServiceLabel"}).text_or_empty();
  return physical.empty() ? body["DeviceLocator"].text_or_empty() : physical;
}

constexpr std::array kStorage{"Storage", "SimpleStorage"};
constexpr std::array kConnectors{"PrimaryCoolantConnectors", "SecondaryCoolantConnectors"};
constexpr std::array<std::pair<const char*, ComponentKind>, 3> kThermalParts{
    {{"Fans", ComponentKind::fan},
     {"Pumps", ComponentKind::pump},
     {"CoolantConnectors", ComponentKind::coolant_connector}}};

/// What lies below a system and below a chassis, and can't be seen when that can't be read.
constexpr std::array kPartsOfSystem{ComponentKind::gpu, ComponentKind::cpu, ComponentKind::memory,
                                    ComponentKind::drive};
constexpr std::array kPartsOfChassis{ComponentKind::nic,          ComponentKind::drive,
                                     ComponentKind::power_supply, ComponentKind::fan,
                                     ComponentKind::pump,         ComponentKind::coolant_connector};

/// Parts that stand inside one of the older resources, read only where the newer one is not there.
struct OldParts {
  const char *resource, *list, *newer;
  ComponentKind kind;
};
constexpr std::array<OldParts, 2> kOldParts{
    {{"Power", "PowerSupplies", "PowerSubsystem", ComponentKind::power_supply},
     {"Thermal", "Fans", "ThermalSubsystem", ComponentKind::fan}}};

}  // namespace

Part part_from(const RedfishResource& resource, ComponentKind kind) {
  const JsonView body = resource.body;
  Part part;
  part.kind = kind;
  part.name = resource.id();
  part.serial = first_text(body, {"SerialNumber"});
  part.part_number = first_text(body, {"PartNumber", "SparePartNumber"});
  part.model = first_text(body, {"Model"});
  part.manufacturer = first_text(body, {"Manufacturer", "Vendor"});
  part.firmware = first_text(body, {"FirmwareVersion", "FirmwarePackageVersion", "Revision", "BiosVersion"});
  part.location = location_of(body);
  part.state = state_of(body);
  part.health = health_of(body);
  part.uri = resource.uri;
  const JsonView nvidia = body.at({"Oem", "Nvidia"});
  part.rack_slot = nvidia["ChassisPhysicalSlotNumber"].integer();
  part.tray_index = nvidia["ComputeTrayIndex"].integer();
  part.topology_id = nvidia["TopologyId"].integer();
  part.revision_id = nvidia["RevisionId"].integer();
  return part;
}

/// Parts so far: with the owner's Id for those that share a name, and the addresses that are in.
struct PartsReader::Found {
  std::vector<std::pair<std::string, Part>> parts;  ///< owner, part
  std::set<std::string> addresses;

  bool add(const std::string& owner, const RedfishResource& resource, ComponentKind kind) {
    if (!addresses.insert(without_trailing_slash(resource.uri)).second) return false;
    parts.emplace_back(owner, part_from(resource, kind));
    return true;
  }
  /// A member that is listed and can't be read is a part all the same.
  void add_unread(const std::string& owner, const MemberList::Unread& unread, ComponentKind kind) {
    if (unread.error.code == "bmc.not_found") return;  // a link to nothing
    if (!addresses.insert(without_trailing_slash(unread.uri)).second) return;
    Part part;
    part.kind = kind;
    const std::string path = without_trailing_slash(unread.uri);
    part.name = path.substr(path.rfind('/') + 1);
    part.uri = unread.uri;
    part.unread = unread.error.message;
    parts.emplace_back(owner, std::move(part));
  }
  /// What would list parts of this kind can't be read: they are not absent, they are unknown.
  void add_hidden(const std::string& uri, const std::string& why, ComponentKind kind) {
    Part part;
    part.kind = kind;
    part.uri = uri;
    part.unread = why;
    parts.emplace_back("", std::move(part));
  }
  void add_hidden(const MemberList& list, ComponentKind kind) {
    if (list.whole) add_hidden(list.whole->uri, list.whole->error.message, kind);
  }
  /// The subsystem that `link` leads to could not be read.
  void add_hidden(const RedfishResource& from, const JsonView& link, ComponentKind kind) {
    if (link.exists()) add_hidden(link.link().value_or(from.uri), "it could not be read", kind);
  }
};

boost::asio::awaitable<Status> PartsReader::add_members(const Ctx& ctx, const RedfishResource& from,
                                                        JsonView link, ComponentKind kind, Found& found) {
  Result<MemberList> list = co_await tree_.follow(ctx, from, std::move(link));
  if (!list) co_return list.error();
  for (const RedfishResource& member : list->members) found.add(from.id(), member, kind);
  for (const MemberList::Unread& unread : list->unread) found.add_unread(from.id(), unread, kind);
  found.add_hidden(*list, kind);
  co_return success();
}

boost::asio::awaitable<Status> PartsReader::parts_of_system(const Ctx& ctx, const RedfishResource& system,
                                                            Found& found) {
  found.add("", system, ComponentKind::whole_dut);
  const JsonView processors_link = system.body["Processors"];
  Result<MemberList> processors = co_await tree_.follow(ctx, system, processors_link);
  if (!processors) co_return processors.error();
  for (const RedfishResource& processor : processors->members) {
    const std::string type = processor.body["ProcessorType"].text_or_empty();
    if (type == "GPU") found.add(system.id(), processor, ComponentKind::gpu);
    if (type == "CPU" || type.empty()) found.add(system.id(), processor, ComponentKind::cpu);
  }
  for (const ComponentKind kind : {ComponentKind::gpu, ComponentKind::cpu}) {
    found.add_hidden(*processors, kind);
    // Which of the two it is, nobody could read.
    for (const MemberList::Unread& unread : processors->unread)
      found.add_hidden(unread.uri, unread.error.message, kind);
  }
  const JsonView memory_link = system.body["Memory"];
  Result<MemberList> memory = co_await tree_.follow(ctx, system, memory_link);
  if (!memory) co_return memory.error();
  for (const RedfishResource& module : memory->members) {
    const std::string type = module.body["MemoryDeviceType"].text_or_empty();
    if (type.starts_with("HBM") || type.starts_with("GDDR")) continue;
    found.add(system.id(), module, ComponentKind::memory);
  }
  found.add_hidden(*memory, ComponentKind::memory);
  for (const MemberList::Unread& unread : memory->unread)
    found.add_unread(system.id(), unread, ComponentKind::memory);
  for (const char* name : kStorage) {
    const JsonView storage_link = system.body[name];
    Result<MemberList> storage = co_await tree_.follow(ctx, system, storage_link);
    if (!storage) co_return storage.error();
    found.add_hidden(*storage, ComponentKind::drive);
    for (const MemberList::Unread& unread : storage->unread)
      found.add_hidden(unread.uri, unread.error.message, ComponentKind::drive);
    for (const RedfishResource& controller : storage->members) {
      const JsonView drives = controller.body["Drives"];
      Status added = co_await add_members(ctx, controller, drives, ComponentKind::drive, found);
      if (!added) co_return added;
    }
  }
  co_return success();
}

boost::asio::awaitable<Status> PartsReader::parts_of_chassis(const Ctx& ctx, const RedfishResource& chassis,
                                                             Found& found) {
  found.add("", chassis, ComponentKind::whole_dut);
  const JsonView adapters = chassis.body["NetworkAdapters"];
  Status nics = co_await add_members(ctx, chassis, adapters, ComponentKind::nic, found);
  if (!nics) co_return nics;
  const JsonView drives_link = chassis.body["Drives"];
  Status drives = co_await add_members(ctx, chassis, drives_link, ComponentKind::drive, found);
  if (!drives) co_return drives;
  const JsonView power_link = chassis.body["PowerSubsystem"];
  Result<std::optional<RedfishResource>> power = co_await tree_.resource(ctx, chassis, power_link);
  if (!power) co_return power.error();
  if (*power) {
    RedfishResource subsystem = **power;
    const JsonView supplies = subsystem.body["PowerSupplies"];
    Result<MemberList> list = co_await tree_.follow(ctx, subsystem, supplies);
    if (!list) co_return list.error();
    for (const RedfishResource& supply : list->members)
      found.add(chassis.id(), supply, ComponentKind::power_supply);
    for (const MemberList::Unread& unread : list->unread) {
      found.add_unread(chassis.id(), unread, ComponentKind::power_supply);
    }
    found.add_hidden(*list, ComponentKind::power_supply);
    // The link leads somewhere else: nobody knows how many there are.
    const std::string type = view_of(subsystem.body, "");
    if (!type.empty() && type != "PowerSubsystem" && !supplies.exists())
      found.add_hidden(subsystem.uri, "it is a " + type, ComponentKind::power_supply);
  } else {
    found.add_hidden(chassis, power_link, ComponentKind::power_supply);
  }
  const JsonView thermal_link = chassis.body["ThermalSubsystem"];
  Result<std::optional<RedfishResource>> thermal = co_await tree_.resource(ctx, chassis, thermal_link);
  if (!thermal) co_return thermal.error();
  if (*thermal) {
    for (const auto& [name, kind] : kThermalParts) {
      const JsonView link = (*thermal)->body[name];
      Result<MemberList> list = co_await tree_.follow(ctx, **thermal, link);
      if (!list) co_return list.error();
      for (const RedfishResource& member : list->members) found.add(chassis.id(), member, kind);
      for (const MemberList::Unread& unread : list->unread) found.add_unread(chassis.id(), unread, kind);
      found.add_hidden(*list, kind);
    }
  } else {
    for (const auto& [name, kind] : kThermalParts) found.add_hidden(chassis, thermal_link, kind);
  }
  // The older resources list supplies and fans inside one body.
  for (const OldParts& kind : kOldParts) {
    if (chassis.body[kind.newer].exists()) continue;
    const JsonView link = chassis.body[kind.resource];
    Result<std::optional<RedfishResource>> old = co_await tree_.resource(ctx, chassis, link);
    if (!old) co_return old.error();
    if (!*old) {
      found.add_hidden(chassis, link, kind.kind);
      continue;
    }
    const std::vector<JsonView> entries = (*old)->body[kind.list].elements();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      RedfishResource entry(fmt::format("{}#/{}/{}", (*old)->uri, kind.list, i), entries[i]);
      if (!found.add(chassis.id(), entry, kind.kind)) continue;
      const std::string name = first_text(entries[i], {"Name", "FanName", "MemberId"});
      if (!name.empty()) found.parts.back().second.name = name;
    }
  }
  co_return success();
}

boost::asio::awaitable<Status> PartsReader::parts_of_equipment(const Ctx& ctx, Found& found) {
  Result<std::optional<RedfishResource>> equipment = co_await tree_.service(ctx, "ThermalEquipment");
  if (!equipment) co_return equipment.error();
  if (*equipment) {
    const JsonView units_link = (*equipment)->body["CDUs"];
    Result<MemberList> units = co_await tree_.follow(ctx, **equipment, units_link);
    if (!units) co_return units.error();
    for (const RedfishResource& unit : units->members) {
      found.add("", unit, ComponentKind::whole_dut);
      const JsonView pumps = unit.body["Pumps"];
      Status added = co_await add_members(ctx, unit, pumps, ComponentKind::pump, found);
      if (!added) co_return added;
      for (const char* name : kConnectors) {
        const JsonView connectors = unit.body[name];
        Status connected =
            co_await add_members(ctx, unit, connectors, ComponentKind::coolant_connector, found);
        if (!connected) co_return connected;
      }
    }
  }
  Result<std::optional<RedfishResource>> power = co_await tree_.service(ctx, "PowerEquipment");
  if (!power) co_return power.error();
  if (!*power) co_return success();
  const JsonView shelves_link = (*power)->body["PowerShelves"];
  Result<MemberList> shelves = co_await tree_.follow(ctx, **power, shelves_link);
  if (!shelves) co_return shelves.error();
  for (const RedfishResource& shelf : shelves->members) {
    found.add("", shelf, ComponentKind::whole_dut);
    const JsonView supplies = shelf.body["PowerSupplies"];
    Status added = co_await add_members(ctx, shelf, supplies, ComponentKind::power_supply, found);
    if (!added) co_return added;
  }
  co_return success();
}

boost::asio::awaitable<Status> PartsReader::parts_of_fabrics(const Ctx& ctx, Found& found) {
  Result<MemberList> fabrics = co_await tree_.top(ctx, "Fabrics");
  if (!fabrics) co_return fabrics.error();
  for (const RedfishResource& fabric : fabrics->members) {
    const std::string fabric_type = fabric.body["FabricType"].text_or_empty();
    const JsonView link = fabric.body["Switches"];
    Result<MemberList> switches = co_await tree_.follow(ctx, fabric, link);
    if (!switches) co_return switches.error();
    found.add_hidden(*switches, ComponentKind::nvswitch);
    for (const MemberList::Unread& unread : switches->unread)
      found.add_unread(fabric.id(), unread, ComponentKind::nvswitch);
    for (const RedfishResource& one : switches->members) {
      const std::string type = one.body["SwitchType"].text().value_or(fabric_type);
      if (type == "NVLink") found.add(fabric.id(), one, ComponentKind::nvswitch);
    }
  }
  co_return success();
}

boost::asio::awaitable<Result<std::vector<Part>>> PartsReader::parts(const Ctx& ctx) {
  Found found;
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return std::move(systems.error()).while_doing("listing parts");
  for (const MemberList::Unread& unread : systems->unread) {
    for (const ComponentKind kind : kPartsOfSystem) found.add_hidden(unread.uri, unread.error.message, kind);
  }
  for (const RedfishResource& system : systems->members) {
    Status below = co_await parts_of_system(ctx, system, found);
    if (!below) co_return std::move(below.error()).while_doing("listing parts");
  }
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return std::move(chassis.error()).while_doing("listing parts");
  for (const MemberList::Unread& unread : chassis->unread) {
    for (const ComponentKind kind : kPartsOfChassis) found.add_hidden(unread.uri, unread.error.message, kind);
  }
  for (const RedfishResource& one : chassis->members) {
    Status below = co_await parts_of_chassis(ctx, one, found);
    if (!below) co_return std::move(below.error()).while_doing("listing parts");
  }
  Status fabrics = co_await parts_of_fabrics(ctx, found);
  if (!fabrics) co_return std::move(fabrics.error()).while_doing("listing parts");
  Status equipment = co_await parts_of_equipment(ctx, found);
  if (!equipment) co_return std::move(equipment.error()).while_doing("listing parts");

  std::map<std::pair<ComponentKind, std::string>, int> uses;
  for (const auto& [owner, part] : found.parts) ++uses[std::pair(part.kind, part.name)];
  std::map<std::pair<ComponentKind, std::string>, int> given;
  std::vector<Part> parts;
  for (auto& [owner, part] : found.parts) {
    if (!owner.empty() && !part.name.empty() && uses[std::pair(part.kind, part.name)] > 1)
      part.name = fmt::format("{}/{}", owner, part.name);
    // Two supplies of one owner may both be called "Power Supply Bay".
    const int nth = part.name.empty() ? 1 : ++given[std::pair(part.kind, part.name)];
    if (nth > 1) part.name = fmt::format("{}#{}", part.name, nth);
    parts.push_back(std::move(part));
  }
  co_return parts;
}

}  // namespace kiln
