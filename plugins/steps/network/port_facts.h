#pragma once
// What a Linux host says about its network adapters, read from one shell command. Pure functions.
//
// Names and meanings: Linux Documentation/ABI/stable/sysfs-class-infiniband, ABI/testing/sysfs-class-net and
// sysfs-bus-pci. A reading that is cut short, or holds a line that cannot come from these files, is refused
// as a whole: nothing of it may look like a port that is up.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::network {

/// Counters by our names.
constexpr const char* kSymbol = "symbol";            ///< InfiniBand: errors behind forward error correction
constexpr const char* kLinkDowned = "link_downed";   ///< InfiniBand: the link went down
constexpr const char* kRecovery = "recovery";        ///< InfiniBand: the link recovered by itself
constexpr const char* kReceive = "receive";          ///< packets received with errors
constexpr const char* kCarrier = "carrier_changes";  ///< of the interface: up and down both count

struct Port {
  std::string name;                               ///< "mlx5_0/1"; "eno1" where there is no RDMA
  std::string state, physical_state, link_layer;  ///< "ACTIVE", "LinkUp", "InfiniBand"; empty: not told
  std::optional<double> rate_gbps;
  std::map<std::string, std::int64_t> counters;
};

/// Lanes and generation of a PCIe link, and what both of its ends can. 0: not told.
struct PciLink {
  std::int64_t lanes = 0, possible_lanes = 0;
  std::int64_t generation = 0, possible_generation = 0;
};

/// One PCI function with a network driver.
struct Adapter {
  std::string address;  ///< "0000:03:00.0"
  std::string driver, serial, part_number;
  std::string rdma_device;                  ///< "mlx5_0"; empty: plain Ethernet
  std::map<std::string, std::string> macs;  ///< by interface
  bool is_virtual_function = false;
  PciLink link;
  std::vector<Port> ports;
};

struct HostNetwork {
  std::vector<Adapter> adapters;        ///< by PCI address
  std::vector<std::string> not_on_pci;  ///< interfaces of USB and the like, such as the BMC's
};

/// The command whose output read_network reads. `with_identity`: also serial numbers, which are slow to read.
std::string network_command(bool with_identity);
Result<HostNetwork> read_network(const std::string& printed);

/// The serial and part number of a PCI vital product data image (PCI Local Bus 3.0, appendix I); empty where
/// it has none or is malformed.
struct VitalProductData {
  std::string serial, part_number;
};
VitalProductData read_vital_product_data(const std::string& bytes);

/// The ports of a rack file's `nic`: by serial, MAC address, RDMA device, interface or PCI address. Virtual
/// functions are never a part's.
struct PortsOfPart {
  std::vector<const Adapter*> adapters;
  std::vector<const Port*> ports;
};
PortsOfPart ports_of(const HostNetwork& host, const Component& part);

/// What a recipe says is not cabled on purpose: "NIC_4" (all its ports), "NIC_4/2" (its second), "mlx5_3",
/// "eno1"; "all" on a stand without a network.
class Uncabled {
 public:
  explicit Uncabled(const std::string& words);
  [[nodiscard]] bool whole_part(const std::string& part) const;
  /// `number` from 1, in the order of ports_of.
  [[nodiscard]] bool port(const std::string& part, std::size_t number, const Port& port) const;

 private:
  std::vector<std::string> words_;
};

}  // namespace kiln::network
