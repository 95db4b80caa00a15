#pragma once
// What a host prints of its network adapters, for the tests of this plugin's steps.

#include <cstdint>
#include <string>
#include <vector>

namespace kiln::network {

/// What one adapter of a host prints; everything is well unless a test changes it.
struct FakeAdapter {
  std::string device = "mlx5_0", address = "0000:03:00.0", interface = "ibp3s0", mac = "7c:8c:09:00:00:03";
  std::string serial = "MT2526X00001", state = "4: ACTIVE", physical = "5: LinkUp", layer = "InfiniBand";
  std::string rate = "800 Gb/sec (4X XDR)", lanes = "16", speed = "32.0 GT/s PCIe";
  std::int64_t downs = 0, carrier_changes = 2, symbols = 0;
  bool is_virtual = false;
};

inline std::string vital_image(const std::string& serial) {
  const std::string fields =
      std::string("PN") + '\x03' + "900" + "SN" + static_cast<char>(serial.size()) + serial;
  return std::string("\x82\x02\x00", 3) + "CX" + '\x90' + static_cast<char>(fields.size()) + '\0' + fields +
         '\x78';
}

inline std::string printed(const std::vector<FakeAdapter>& adapters, bool with_identity = true) {
  std::string text, vital;
  const auto line = [&text](const std::string& path, const std::string& value) {
    text += path + ":" + value + "\n";
  };
  for (const FakeAdapter& a : adapters) {
    const std::string rdma = "/sys/class/infiniband/" + a.device + "/",
                      net = "/sys/class/net/" + a.interface + "/";
    for (const std::string& base : {rdma, net}) {
      line(base + "device/uevent", "DRIVER=mlx5_core");
      line(base + "device/uevent", "PCI_SLOT_NAME=" + a.address);
      line(base + "device/current_link_width", a.lanes);
      line(base + "device/max_link_width", "16");
      line(base + "device/current_link_speed", a.speed);
      line(base + "device/max_link_speed", "32.0 GT/s PCIe");
      line(base + "device/../max_link_width", "16");
      line(base + "device/../max_link_speed", "32.0 GT/s PCIe");
      if (a.is_virtual) line(base + "device/physfn/vendor", "0x15b3");
    }
    const std::string port = rdma + "ports/1/";
    line(port + "state", a.state);
    line(port + "phys_state", a.physical);
    line(port + "rate", a.rate);
    line(port + "link_layer", a.layer);
    line(port + "counters/symbol_error", std::to_string(a.symbols));
    line(port + "counters/link_downed", std::to_string(a.downs));
    line(port + "counters/link_error_recovery", "0");
    line(port + "counters/port_rcv_errors", "0");
    line(net + "address", a.mac);
    line(net + "carrier_changes", std::to_string(a.carrier_changes));
    if (!a.serial.empty())
      vital += (vital.empty() ? "" : "\n") + ("==> " + rdma + "device/vpd <==\n") + vital_image(a.serial);
  }
  text += "/sys/class/net/usb0/device/uevent:DRIVER=cdc_ether\n/sys/class/net/lo/address:00:00:00:00:00:00\n";
  text +=
      "/sys/class/net/eno1/device/uevent:PCI_SLOT_NAME=0001:01:00.0\n/sys/class/net/eno1/"
      "address:7c:8c:09:00:00:01\n";
  text += "/sys/class/net/eno1/operstate:down\n/sys/class/net/eno1/type:1\n";
  if (with_identity) text += "kiln: vital product data\n" + vital + "\n";
  return text + "kiln: end\n";
}

}  // namespace kiln::network
