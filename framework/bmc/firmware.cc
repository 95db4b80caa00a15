#include "bmc/firmware.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/erase.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <utility>

namespace kiln {
namespace {

/// Dell names inventory entries "Installed-<id>-<version>__<part>" and lists, beside what runs, what ran
/// before ("Previous-") and what could be had ("Available-"); OpenBMC lists the other of two images as
/// standby.
bool is_other_image(const std::string& id, const std::string& state) {
  return id.starts_with("Previous-") || id.starts_with("Available-") ||
         (boost::algorithm::iequals(state, "StandbyOffline") ||
          boost::algorithm::iequals(state, "StandbySpare"));
}

/// Without what changes with every version.
std::string lasting_id(const std::string& id) {
  const std::size_t part = id.find("__");
  return id.starts_with("Installed-") && part != std::string::npos && part + 2 < id.size()
             ? id.substr(part + 2)
             : id;
}

/// HPE calls it System ROM. "VBIOS" is a GPU's.
bool names_a_bios(const std::string& id) {
  std::string words = boost::algorithm::to_upper_copy(id);
  boost::algorithm::erase_all(words, "VBIOS");
  return words.find("BIOS") != std::string::npos || words.find("UEFI") != std::string::npos ||
         words.find("SYSTEM ROM") != std::string::npos;
}

/// One image of the inventory, with what tells whose bank it is in.
struct BankImage {
  std::string id, software_id, related, version, uri;
  [[nodiscard]] bool is_of_same_component(const BankImage& other) const {
    if (id == other.id) return true;
    if (!software_id.empty() && software_id == other.software_id) return true;
    return !related.empty() && related == other.related;
  }
};

BankImage bank_image(const RedfishResource& member, const FirmwareItem& item) {
  BankImage image;
  image.id = lasting_id(item.id);
  if (const std::size_t part = item.id.find("__"); part != std::string::npos)
    image.id = item.id.substr(part + 2);
  image.software_id = member.body["SoftwareId"].text_or_empty();
  const std::vector<JsonView> related = member.body["RelatedItem"].elements();
  if (related.size() == 1) image.related = related.front().link().value_or(std::string{});
  image.version = item.version;
  image.uri = item.uri;
  return image;
}

/// A standby image stands beside the running one it belongs to, when that is exactly one.
void add_standby(std::vector<FirmwareItem>& items, const std::vector<BankImage>& running,
                 const std::vector<BankImage>& standby) {
  for (const BankImage& image : standby) {
    std::size_t found = 0, matches = 0;
    for (std::size_t i = 0; i < running.size(); ++i) {
      if (!running[i].is_of_same_component(image)) continue;
      found = i;
      ++matches;
    }
    if (matches != 1) continue;
    items[found].standby_version = image.version;
    items[found].standby_uri = image.uri;
  }
}

}  // namespace

boost::asio::awaitable<Result<std::vector<FirmwareItem>>> FirmwareReader::inventory(const Ctx& ctx) {
  std::vector<FirmwareItem> items;
  Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "UpdateService");
  if (!service) co_return std::move(service.error()).while_doing("reading the firmware inventory");
  bool has_bios = false;
  if (*service) {
    std::vector<BankImage> running, standby;
    Result<std::shared_ptr<const Platform>> platform = co_await tree_.platform(ctx);
    if (!platform) co_return std::move(platform.error()).while_doing("reading the firmware inventory");
    const bool lists_others = (*platform)->has(Quirk::inventory_lists_other_images);
    JsonView link = (*service)->body["FirmwareInventory"];
    if (!link.exists()) link = (*service)->body["SoftwareInventory"];  // Intel: BMC and BIOS are in there
    Result<MemberList> list = co_await tree_.follow(ctx, **service, link);
    if (!list) co_return std::move(list.error()).while_doing("reading the firmware inventory");
    for (const RedfishResource& member : list->members) {
      FirmwareItem item;
      item.id = member.id();
      item.version = member.body["Version"].text_or_empty();
      item.updateable = member.body["Updateable"].boolean();
      item.state = state_of(member.body);
      item.uri = member.uri;
      if (lists_others) {
        const bool other = is_other_image(item.id, item.state);
        if (other) tree_.client().note_quirk(Quirk::inventory_lists_other_images, item.uri);
        // What ran before is the other bank; what could be had is nowhere yet.
        if (other && !item.id.starts_with("Available-")) standby.push_back(bank_image(member, item));
        if (other) continue;
        running.push_back(bank_image(member, item));
        item.id = lasting_id(item.id);
      }
      has_bios = has_bios || names_a_bios(item.id) || names_a_bios(member.body["Name"].text_or_empty());
      items.push_back(std::move(item));
    }
    if (lists_others) add_standby(items, running, standby);
    for (const MemberList::Unread& unread : list->unread) {
      FirmwareItem item;
      const std::string path = without_trailing_slash(unread.uri);
      item.id = path.substr(path.rfind('/') + 1);
      item.uri = unread.uri;
      items.push_back(std::move(item));
    }
  }
  if (has_bios) co_return items;
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  std::vector<FirmwareItem> bios;
  std::vector<std::string> owners;
  for (const RedfishResource& system : systems->members) {
    FirmwareItem item;
    item.id = "BiosVersion";
    item.version = system.body["BiosVersion"].text_or_empty();
    item.uri = system.uri;
    if (item.version.empty()) continue;
    owners.push_back(system.id());
    tree_.client().note_quirk(Quirk::bios_only_in_system, system.uri);
    bios.push_back(std::move(item));
  }
  for (std::size_t i = 0; i < bios.size(); ++i) {
    if (bios.size() > 1) bios[i].id = fmt::format("{}/BiosVersion", owners[i]);
    items.push_back(std::move(bios[i]));
  }
  co_return items;
}

}  // namespace kiln
