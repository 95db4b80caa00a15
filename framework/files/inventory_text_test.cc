#include "files/inventory_text.h"

#include <gtest/gtest.h>

#include "files/inventory_file.h"

namespace kiln {
namespace {

TEST(InventoryText, IsReadBackAsItWas) {
  const std::string pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  Inventory rack;
  rack.rack = "R01";
  rack.product = "gb300-nvl72";
  Dut tray;
  tray.id = "C01";
  tray.role = Role::compute_tray;
  tray.slot = 11;
  tray.bmc = BmcAccess{"https://10.0.0.1:8443/bmc1", "", {TlsTrust::Kind::pin, pin}};
  tray.host = HostAccess{"fd00::1", 2222, "root", "",
                         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJf0aVd3LK7F5xW5dB5Ck1d0fJwzF4k9cQ3nA2B3c4d5"};
  tray.expect.serial = "7: \"odd\" # serial";
  tray.expect.components = {{ComponentKind::gpu, "GPU_0", "0012", ""},
                            {ComponentKind::nvlink, "GPU_0/NVLink_3", "", ""},
                            {ComponentKind::firmware, "HGX_FW_BMC_0", "", "1.10"}};
  rack.duts.push_back(tray);
  const std::string text = inventory_text(rack, "found by looking\nat the rack");
  EXPECT_TRUE(text.starts_with("# found by looking\n# at the rack\n")) << text;
  const Parsed<Inventory> back = parse_inventory(text, "rack.yaml");
  ASSERT_TRUE(back) << text << (back.problems.empty() ? "" : back.problems.front().message);
  ASSERT_EQ(back.value->duts.size(), 1U);
  const Dut& read = back.value->duts.front();
  EXPECT_EQ(read.id, tray.id);
  EXPECT_EQ(read.role, tray.role);
  EXPECT_EQ(read.slot, tray.slot);
  EXPECT_EQ(read.bmc->url, tray.bmc->url);
  EXPECT_EQ(read.bmc->tls.value, pin);
  EXPECT_EQ(read.host->address, tray.host->address);
  EXPECT_EQ(read.host->port, tray.host->port);
  EXPECT_EQ(read.host->host_key, tray.host->host_key);
  EXPECT_EQ(read.expect.serial, tray.expect.serial);
  ASSERT_EQ(read.expect.components.size(), 3U);
  EXPECT_EQ(read.expect.components[0].serial, "0012") << "no number";
  EXPECT_EQ(read.expect.components[2].firmware, "1.10");
}

}  // namespace
}  // namespace kiln
