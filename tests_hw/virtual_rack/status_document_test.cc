// status.xml of the virtual CDU, read back by the parser that it is meant for.
#include "tests_hw/virtual_rack/status_document.h"

#include <gtest/gtest.h>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/inventory.h"
#include "tests_hw/virtual_rack/physics.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tool_output/cooltera_status.h"

namespace kiln::virtual_rack {
namespace {

struct StatusDocument : testing::Test {
  StatusDocument() {
    RackOptions options;
    options.cooltera = true;
    options.seed = 11;
    rack = std::move(*build_rack(options, 1'000'000'000));
    pass(30);
  }
  void pass(int seconds) {
    for (int tick = 0; tick < seconds * 20; ++tick) advance(*rack, rack->now_ns + 50'000'000);
  }
  Dut& cdu() { return *rack->find("CDU01"); }
  tool_output::CoolteraStatus read() {
    auto status = tool_output::parse_cooltera_status(status_document(*rack, cdu()));
    EXPECT_TRUE(status) << status.error().full();
    return *status;
  }
  void strike(const std::string& text) { EXPECT_TRUE(add_fault(*rack, *parse_fault(text))) << text; }
  std::unique_ptr<RackModel> rack;
};

TEST_F(StatusDocument, it_says_what_the_unit_measures) {
  const tool_output::CoolteraStatus status = read();
  const CoolingUnit& unit = *cdu().cooling_unit;
  EXPECT_EQ(status.model, "FS600");
  EXPECT_EQ(status.doubt_count, 0U);
  EXPECT_NEAR(*status.secondary_supply, unit.secondary.supply_c.shown, 0.051);
  EXPECT_NEAR(*status.secondary_flow, unit.secondary.flow_lpm.shown, 0.051);
  EXPECT_NEAR(*status.secondary_supply_pressure, unit.secondary.supply_kpa.shown, 0.51);
  EXPECT_NEAR(*status.secondary_return_pressure, unit.secondary.return_kpa.shown, 0.51);
  EXPECT_NEAR(*status.primary_supply_pressure, unit.primary.supply_kpa.shown, 0.51);
  EXPECT_NEAR(*status.dew_point, unit.dew_point_c.shown, 0.051);
  EXPECT_EQ(status.pumps.size(), unit.pumps.size());
  EXPECT_EQ(status.alarms, 0.0);
}

TEST_F(StatusDocument, faults_of_the_unit_show_in_it) {
  strike("cdu-alarm@CDU01");
  strike("pump-stopped@CDU01:Pump_2");
  strike("supply-hot@CDU01");
  pass(60);
  const tool_output::CoolteraStatus status = read();
  EXPECT_EQ(status.alarms, 1.0);
  EXPECT_LT(*status.pumps[1].speed_percent, 1);
  EXPECT_GT(*status.secondary_supply, 40);
}

TEST_F(StatusDocument, it_is_all_that_is_served_and_needs_no_login) {
  RequestLog log;
  Bmc bmc(*rack, cdu(), Account{"kiln", "secret"}, log);
  HttpRequest request;
  request.method = "GET";
  request.path = "/status.xml";
  EXPECT_EQ(bmc.handle(request).status, 200U);
  request.method = "POST";
  EXPECT_EQ(bmc.handle(request).status, 405U);
  request.method = "GET";
  for (const char* other : {"/", "/redfish/v1", "/status.xml/x"}) {
    request.path = other;
    EXPECT_EQ(bmc.handle(request).status, 404U) << other;
  }
}

TEST_F(StatusDocument, the_rack_file_expects_what_it_tells_and_nothing_else) {
  const InventoryDut expected = expectation_of(*rack, cdu());
  EXPECT_TRUE(expected.is_cooltera);
  EXPECT_EQ(expected.leak_detectors, 0);
  for (const ExpectedComponent& part : expected.components)
    EXPECT_TRUE(part.kind == "coolant_connector" || part.kind == "pump") << part.kind;
  EXPECT_FALSE(fault_applies(cdu(), FaultKind::leak));
  EXPECT_EQ(fault_parts(*rack, cdu(), FaultKind::flow_lost).front(), "CDU/Secondary");
}

}  // namespace
}  // namespace kiln::virtual_rack
