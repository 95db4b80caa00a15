#include "tests_hw/virtual_rack/host_commands/network_files.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kiln::virtual_rack {

namespace {

constexpr std::string_view kRdma = "/sys/class/infiniband/", kNet = "/sys/class/net/";
constexpr int kLanes = 16;
constexpr double kNdr = 400;  // four lanes of it; XDR is twice that
constexpr const char* kSpeed = "32.0 GT/s PCIe";
constexpr const char* kOldSpeed = "8.0 GT/s PCIe";

constexpr std::array kOfDevice{"device/uevent",           "device/current_link_width",
                               "device/max_link_width",   "device/current_link_speed",
                               "device/max_link_speed",   "device/../max_link_width",
                               "device/../max_link_speed"};
constexpr std::array kOfRdma{"device/vpd",
                             "ports/1/state",
                             "ports/1/phys_state",
                             "ports/1/rate",
                             "ports/1/link_layer",
                             "ports/1/counters/symbol_error",
                             "ports/1/counters/link_downed",
                             "ports/1/counters/link_error_recovery",
                             "ports/1/counters/port_rcv_errors"};
constexpr std::array kOfInterface{
    "address", "operstate", "carrier", "speed", "carrier_changes", "type", "statistics/rx_crc_errors"};

bool is_ethernet(const Nic& nic) { return nic.device.starts_with("en"); }

/// InfiniBand's name of a rate over four lanes.
std::string_view rate_name(double gbps) { return gbps > kNdr ? "XDR" : gbps >= kNdr ? "NDR" : "EDR"; }

std::string pci_address(std::size_t nic) { return fmt::format("0000:{:02x}:00.0", 3 + nic); }

std::string vital_field(const std::string& key, const std::string& value) {
  return key + static_cast<char>(value.size()) + value;
}

std::string resource(unsigned char tag, const std::string& data) {
  return std::string{static_cast<char>(tag), static_cast<char>(data.size() & 0xff),
                     static_cast<char>(data.size() >> 8)} +
         data;
}

/// PCI Local Bus 3.0, appendix I.
std::string vital_product_data(const Nic& nic) {
  return resource(0x82, nic.model) +
         resource(0x90, vital_field("PN", nic.part_number) + vital_field("EC", "A6") +
                            vital_field("SN", nic.serial) + vital_field("V0", "PCIeGen5 x16") +
                            vital_field("RV", std::string(1, '\x5a'))) +
         '\x78';
}

std::optional<std::string> of_pci(const Nic& nic, std::size_t index, std::string_view attribute) {
  if (attribute == "device/uevent") {
    const char* device = is_ethernet(nic)        ? "101D"
                         : nic.speed_gbps > kNdr ? "1023"
                                                 : "1021";  // ConnectX-6 Dx, 8, 7
    return fmt::format("DRIVER=mlx5_core\nPCI_CLASS={}\nPCI_ID=15B3:{}\nPCI_SLOT_NAME={}\n",
                       is_ethernet(nic) ? "20000" : "20700", device, pci_address(index));
  }
  const bool current = attribute.find("current_") != std::string_view::npos;
  if (attribute.ends_with("link_width"))
    return fmt::format("{}\n", current && nic.pcie_narrow ? kLanes / 2 : kLanes);
  if (attribute.ends_with("link_speed"))
    return fmt::format("{}\n", current && nic.pcie_slow ? kOldSpeed : kSpeed);
  return std::nullopt;
}

std::optional<std::string> of_rdma(const Nic& nic, std::string_view attribute) {
  if (attribute == "device/vpd") return vital_product_data(nic);
  if (attribute == "ports/1/state") return nic.link_up ? "4: ACTIVE\n" : "1: DOWN\n";
  if (attribute == "ports/1/phys_state") return nic.link_up ? "5: LinkUp\n" : "2: Polling\n";
  if (attribute == "ports/1/link_layer")
    return !nic.link_layer_known ? "Unspecified\n" : is_ethernet(nic) ? "Ethernet\n" : "InfiniBand\n";
  if (attribute == "ports/1/rate")
    return nic.link_up ? fmt::format("{:.0f} Gb/sec (4X {})\n", nic.speed_gbps, rate_name(nic.speed_gbps))
                       : "2.5 Gb/sec (1X SDR)\n";
  if (attribute == "ports/1/counters/link_downed") return fmt::format("{}\n", nic.link_downed);
  if (attribute == "ports/1/counters/symbol_error") return fmt::format("{}\n", nic.symbol_errors);
  if (attribute == "ports/1/counters/link_error_recovery") return fmt::format("{}\n", nic.recoveries);
  if (attribute == "ports/1/counters/port_rcv_errors") return fmt::format("{}\n", nic.receive_errors);
  return "0\n";
}

std::optional<std::string> of_interface(const Nic& nic, std::string_view attribute) {
  if (attribute == "address") return nic.mac + "\n";
  if (attribute == "operstate") return nic.link_up ? "up\n" : "down\n";
  if (attribute == "carrier") return nic.link_up ? "1\n" : "0\n";
  if (attribute == "speed") return fmt::format("{:.0f}\n", nic.link_up ? nic.speed_gbps * 1000 : -1);
  if (attribute == "carrier_changes") return fmt::format("{}\n", 2 + 2 * nic.link_downed);
  if (attribute == "type") return is_ethernet(nic) ? "1\n" : "32\n";  // ARPHRD_ETHER, ARPHRD_INFINIBAND
  return "0\n";
}

/// The port of the management network, and the BMC's own.
std::optional<std::string> of_management(bool usb, std::string_view attribute) {
  if (attribute == "device/uevent")
    return usb ? "DEVTYPE=usb_interface\nDRIVER=cdc_ether\n"
               : "DRIVER=igb\nPCI_CLASS=20000\nPCI_ID=8086:1533\nPCI_SLOT_NAME=0001:01:00.0\n";
  if (attribute.starts_with("device/")) {
    if (usb) return std::nullopt;
    return attribute.ends_with("width") ? "1\n" : "2.5 GT/s PCIe\n";
  }
  if (attribute == "address") return usb ? "4e:2a:54:00:00:01\n" : "7c:8c:09:00:00:01\n";
  if (attribute == "operstate") return usb ? "unknown\n" : "up\n";
  if (attribute == "carrier" || attribute == "type") return "1\n";
  if (attribute == "speed") return usb ? "-1\n" : "1000\n";
  return "0\n";
}

std::string rdma_device(std::size_t index) { return fmt::format("mlx5_{}", index); }

}  // namespace

bool is_network_path(const std::string& path) { return path.starts_with(kRdma) || path.starts_with(kNet); }

std::vector<std::string> network_paths(const Dut& dut) {
  std::vector<std::string> paths;
  const auto add = [&paths](std::string_view root, const std::string& name, const auto& attributes) {
    for (const char* attribute : attributes) paths.push_back(fmt::format("{}{}/{}", root, name, attribute));
  };
  for (std::size_t i = 0; i < dut.nics.size(); ++i) {
    add(kRdma, rdma_device(i), kOfDevice);
    add(kRdma, rdma_device(i), kOfRdma);
    add(kNet, dut.nics[i].device, kOfDevice);
    add(kNet, dut.nics[i].device, kOfInterface);
  }
  for (const char* name : {"eno1", "usb0"}) {
    add(kNet, name, kOfDevice);
    add(kNet, name, kOfInterface);
  }
  return paths;
}

std::optional<std::string> read_network_file(const Dut& dut, const std::string& path) {
  const bool rdma = path.starts_with(kRdma);
  const std::string_view inner = std::string_view(path).substr(rdma ? kRdma.size() : kNet.size());
  const auto slash = inner.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view name = inner.substr(0, slash), attribute = inner.substr(slash + 1);
  if (!rdma && (name == "eno1" || name == "usb0")) return of_management(name == "usb0", attribute);
  for (std::size_t i = 0; i < dut.nics.size(); ++i) {
    const Nic& nic = dut.nics[i];
    if (name != (rdma ? rdma_device(i) : nic.device)) continue;
    if (attribute.starts_with("device/") && attribute != "device/vpd") return of_pci(nic, i, attribute);
    return rdma ? of_rdma(nic, attribute) : of_interface(nic, attribute);
  }
  return std::nullopt;
}

}  // namespace kiln::virtual_rack
