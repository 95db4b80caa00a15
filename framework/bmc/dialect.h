#pragma once
// Dialects: how a class of platforms strays from the Redfish standard, as named quirks. A dialect is a plugin
// (plugins/dialects/<name>); it recognises a service by facts that the service itself states, never by
// marketing names. Several may match one BMC (a firmware stack, and the tray it sits in): all of their quirks
// hold, and the one of the highest layer gives the name. Steps never see dialects. Plain data, any thread.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// What a service says of itself: its root, its systems and managers, and what its chassis are called. Words
/// as printed, tidied of blanks; empty where it says nothing.
struct ServiceFacts {
  struct Item {
    std::string id, manufacturer, model;
    std::string sku;               ///< ordering number: "7Z23CTO1WW"
    std::string firmware;          ///< FirmwareVersion of a manager
    std::vector<std::string> oem;  ///< members of its Oem object: "Lenovo"
  };
  std::string redfish_version, vendor, product;
  std::vector<std::string> oem;  ///< members of the root's Oem object: "Ami", "Dell", "Hpe"
  std::vector<std::string>
      services;  ///< members of the root that lead somewhere: "Systems", "PowerEquipment"
  std::vector<Item> systems, managers;
  std::vector<std::string> chassis;  ///< last segments of the chassis' addresses: "HGX_GPU_0"
  bool complete = true;              ///< false: something of this could not be read just now

  // In this header, so that a dialect needs nothing of the program that loads it.
  [[nodiscard]] bool offers(std::string_view service) const {
    return std::find(services.begin(), services.end(), service) != services.end();
  }
  /// Of the root, a system or a manager; as printed.
  [[nodiscard]] bool has_oem(std::string_view name) const {
    const auto among = [name](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    const auto has = [&among](const Item& item) { return among(item.oem); };
    return among(oem) || std::any_of(systems.begin(), systems.end(), has) ||
           std::any_of(managers.begin(), managers.end(), has);
  }
  [[nodiscard]] bool has_chassis(std::string_view prefix) const {
    return std::any_of(chassis.begin(), chassis.end(),
                       [prefix](const std::string& one) { return one.starts_with(prefix); });
  }
  [[nodiscard]] bool has_system(std::string_view prefix) const {
    return std::any_of(systems.begin(), systems.end(),
                       [prefix](const Item& item) { return item.id.starts_with(prefix); });
  }
};

/// A deviation the framework knows how to live with. What each means for the framework: quirk_facts().
enum class Quirk {
  basic_only,
  bios_only_in_system,
  csrf_token,
  entity_tags_unreliable,
  expand_unreliable,
  inventory_lists_other_images,
  power_state_in_oem,
  root_without_navigation,
  task_becomes_job,
};
inline constexpr std::size_t kQuirkCount = 9;

struct QuirkFacts {
  std::string_view name;      ///< as in code, records and reports
  std::string_view sentence;  ///< what is odd, and what is done about it
  bool seen_by_itself;        ///< the framework notices it without a dialect's word; else it must be declared
};
const QuirkFacts& quirk_facts(Quirk quirk);

/// One quirk of one dialect.
struct KnownQuirk {
  Quirk quirk;
  std::string sentence;  ///< how it shows on this platform
  std::string source;    ///< where that is known from
  /// Firmware of the manager that has it: from the first on, before the second; empty: no bound. A firmware
  /// that is not known, or cannot be compared, has it.
  std::string from_firmware, before_firmware;
};

/// The layers, lowest first. On one layer at most one dialect may match a service.
enum class DialectLayer { standard, firmware_stack, equipment, platform };

class Dialect {
 public:
  virtual ~Dialect() = default;
  [[nodiscard]] virtual std::string name() const = 0;  ///< its folder's name
  [[nodiscard]] virtual std::string summary() const = 0;
  [[nodiscard]] virtual DialectLayer layer() const = 0;
  [[nodiscard]] virtual bool matches(const ServiceFacts& facts) const = 0;
  /// Of the service with these facts, which it matches.
  [[nodiscard]] virtual std::vector<KnownQuirk> quirks(const ServiceFacts& facts) const = 0;
};

using Dialects = std::vector<std::shared_ptr<const Dialect>>;

/// What one service turned out to be.
class Platform {
 public:
  /// The dialects that match, highest layer first; none gives "generic".
  Platform(const Dialects& known, const ServiceFacts& facts);

  /// "nvidia_nvl72_tray, ami_megarac"
  [[nodiscard]] std::string name() const;
  [[nodiscard]] const std::vector<std::string>& dialects() const { return names_; }
  /// The quirk as the highest of its dialects knows it; nullptr: none of them has it.
  [[nodiscard]] const KnownQuirk* find(Quirk quirk) const;
  [[nodiscard]] bool has(Quirk quirk) const { return find(quirk) != nullptr; }
  /// Who told of it; empty: nobody.
  [[nodiscard]] std::string dialect_of(Quirk quirk) const;
  [[nodiscard]] const std::vector<KnownQuirk>& quirks() const { return quirks_; }

 private:
  std::vector<std::string> names_;
  std::vector<KnownQuirk> quirks_;
  std::vector<std::string> told_by_;  ///< of each quirk
};

}  // namespace kiln
