#include "bmc/identity.h"

#include <array>
#include <optional>
#include <utility>

#include "bmc/redfish_error.h"

namespace kiln {
namespace {

struct Equipment {
  const char *service, *collection;
};
constexpr std::int64_t kMostRackUnits = 100;  // no rack is that tall

constexpr std::array<Equipment, 2> kEquipment{
    {{"ThermalEquipment", "CDUs"}, {"PowerEquipment", "PowerShelves"}}};

/// Takes over what is not known yet; true when the serial is known afterwards.
bool take(const RedfishResource& resource, BmcIdentity& identity) {
  const JsonView body = resource.body;
  if (identity.model.empty()) identity.model = body["Model"].text_or_empty();
  if (identity.manufacturer.empty()) identity.manufacturer = body["Manufacturer"].text_or_empty();
  if (identity.serial.empty()) {
    identity.serial = body["SerialNumber"].text_or_empty();
    if (!identity.serial.empty()) identity.serial_source = resource.uri;
  }
  return !identity.serial.empty();
}

boost::asio::awaitable<Status> take_from_system(const Ctx& ctx, ServiceTree& tree, PowerControl& power,
                                                BmcIdentity& identity) {
  Result<PowerTarget> target = co_await power.target(ctx);
  if (!target) {
    if (target.error().code == "bmc.unsupported") co_return success();
    co_return target.error();
  }
  if (!target->is_system) co_return success();
  Result<RedfishResource> system = co_await tree.client().get(ctx, target->uri);
  if (!system) {
    if (is_exchange_error(system.error())) co_return system.error();
    co_return success();
  }
  if (take(*system, identity)) co_return success();
  const JsonView links = system->body["Links"]["Chassis"];
  Result<MemberList> chassis = co_await tree.follow(ctx, *system, links);
  if (!chassis) co_return chassis.error();
  for (const RedfishResource& one : chassis->members) {
    if (take(one, identity)) break;
  }
  co_return success();
}

boost::asio::awaitable<Status> take_from_equipment(const Ctx& ctx, ServiceTree& tree, BmcIdentity& identity) {
  for (const Equipment& kind : kEquipment) {
    Result<std::optional<RedfishResource>> service = co_await tree.service(ctx, kind.service);
    if (!service) co_return service.error();
    if (!*service) continue;
    const JsonView link = (*service)->body[kind.collection];
    Result<MemberList> units = co_await tree.follow(ctx, **service, link);
    if (!units) co_return units.error();
    for (const RedfishResource& unit : units->members) {
      if (take(unit, identity)) co_return success();
    }
  }
  Result<MemberList> chassis = co_await tree.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  for (const RedfishResource& one : chassis->members) {
    if (one.body["Links"]["ContainedBy"].exists()) continue;
    if (take(one, identity)) co_return success();
  }
  co_return success();
}

/// The rack unit, from the two ways Resource.Location has of saying it (Redfish Resource v1.12, Location).
std::optional<int> slot_of(const JsonView& body) {
  std::optional<std::int64_t> slot = body.at({"Location", "Placement", "RackOffset"}).integer();
  if (!slot && body.at({"Location", "PartLocation", "LocationType"}).text_or_empty() == "Slot")
    slot = body.at({"Location", "PartLocation", "LocationOrdinalValue"}).integer();
  if (!slot || *slot < 0 || *slot > kMostRackUnits) return std::nullopt;
  return static_cast<int>(*slot);
}

/// Of the outermost chassis that says it. Those inside others tell their place in the tray.
boost::asio::awaitable<Status> take_slot(const Ctx& ctx, ServiceTree& tree, BmcIdentity& identity) {
  Result<MemberList> chassis = co_await tree.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  for (const RedfishResource& one : chassis->members) {
    if (one.body["Links"]["ContainedBy"].exists()) continue;
    identity.slot = slot_of(one.body);
    if (!identity.slot) continue;
    identity.slot_source = one.uri;
    break;
  }
  co_return success();
}

boost::asio::awaitable<Status> take_manager(const Ctx& ctx, ServiceTree& tree, const RedfishResource& root,
                                            BmcIdentity& identity) {
  const JsonView provider = root.body["Links"]["ManagerProvidingService"];
  Result<std::optional<RedfishResource>> own = co_await tree.resource(ctx, root, provider);
  if (!own) co_return own.error();
  if (*own) {
    identity.manager_firmware = (*own)->body["FirmwareVersion"].text_or_empty();
    if (!identity.manager_firmware.empty()) co_return success();
  }
  Result<MemberList> managers = co_await tree.top(ctx, "Managers");
  if (!managers) co_return managers.error();
  for (const RedfishResource& manager : managers->members) {
    identity.manager_firmware = manager.body["FirmwareVersion"].text_or_empty();
    if (!identity.manager_firmware.empty()) break;
  }
  co_return success();
}

}  // namespace

boost::asio::awaitable<Result<BmcIdentity>> read_identity(const Ctx& ctx, ServiceTree& tree,
                                                          PowerControl& power) {
  Result<RedfishResource> root = co_await tree.root(ctx);
  if (!root) co_return root.error();
  Result<std::shared_ptr<const Platform>> platform = co_await tree.platform(ctx);
  if (!platform) co_return std::move(platform.error()).while_doing("reading the BMC's identity");
  BmcIdentity identity;
  identity.uri = root->uri;
  identity.platform = (*platform)->name();
  identity.redfish_version = root->body["RedfishVersion"].text_or_empty();
  identity.vendor = root->body["Vendor"].text_or_empty();
  identity.product = root->body["Product"].text_or_empty();
  identity.uuid = root->body["UUID"].text_or_empty();
  Status system = co_await take_from_system(ctx, tree, power, identity);
  if (!system) co_return std::move(system.error()).while_doing("reading the BMC's identity");
  if (identity.serial.empty()) {
    Status equipment = co_await take_from_equipment(ctx, tree, identity);
    if (!equipment) co_return std::move(equipment.error()).while_doing("reading the BMC's identity");
  }
  Status slot = co_await take_slot(ctx, tree, identity);
  if (!slot) co_return std::move(slot.error()).while_doing("reading the BMC's place");
  Status manager = co_await take_manager(ctx, tree, *root, identity);
  if (!manager) co_return std::move(manager.error()).while_doing("reading the BMC's identity");
  co_return identity;
}

}  // namespace kiln
