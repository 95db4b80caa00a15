// The shape of every role's tree: no dangling link, required properties, pointers of metric reports resolve,
// and what the inventory expects is what the tree holds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "tests_hw/virtual_rack/inventory.h"
#include "tests_hw/virtual_rack/redfish/bmc_test_rig.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack::test {
namespace {

/// Every "@odata.id", "DataSourceUri" and action target in a body. Targets go to `targets`.
void collect(const json::value& value, std::set<std::string>& uris, std::set<std::string>& targets) {
  if (value.is_array()) {
    for (const json::value& element : value.as_array()) collect(element, uris, targets);
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.as_object()) {
    if (member.is_string() &&
        (key == "@odata.id" || key == "DataSourceUri" || key == "Members@odata.nextLink")) {
      uris.emplace(member.as_string());
    } else if (member.is_string() && key == "target") {
      targets.emplace(member.as_string());
    } else {
      collect(member, uris, targets);
    }
  }
}

std::map<std::string, json::object> walk(BmcRig& rig) {
  std::map<std::string, json::object> seen;
  std::deque<std::string> todo = {"/redfish/v1"};
  while (!todo.empty()) {
    const std::string uri = todo.front();
    todo.pop_front();
    if (seen.count(uri) > 0) continue;
    const HttpResponse answer = rig.send("GET", uri);
    EXPECT_EQ(answer.status, 200U) << "dangling: " << uri;
    const std::optional<json::object> body = parse_object(answer.body);
    EXPECT_TRUE(body) << uri;
    seen[uri] = body.value_or(json::object{});
    std::set<std::string> uris;
    std::set<std::string> targets;
    collect(seen[uri], uris, targets);
    for (const std::string& next : uris) todo.push_back(next);
    for (const std::string& target : targets) {
      EXPECT_THAT(target, ::testing::StartsWith(uri + "/Actions/")) << uri;
      EXPECT_EQ(rig.send("GET", target).status, 405U) << "an action takes POST only: " << target;
    }
  }
  return seen;
}

struct Case {
  const char* dut;
  const char* rack;
  std::size_t at_least;  ///< resources
  const char* product = "";
};

class Tree : public ::testing::TestWithParam<std::tuple<Case, bool>> {};

TEST_P(Tree, HasNoDanglingLinkAndEveryResourceIsWellFormed) {
  const auto& [which, powered] = GetParam();
  BmcRig rig(which.dut, which.rack, powered, which.product);
  rig.log_in();
  rig.pass(powered ? 60 : 0.2);
  rig.log_in();
  const std::map<std::string, json::object> tree = walk(rig);
  EXPECT_GE(tree.size(), which.at_least);
  for (const auto& [uri, body] : tree) {
    ASSERT_TRUE(body.contains("@odata.id")) << uri;
    EXPECT_EQ(std::string(body.at("@odata.id").as_string()), uri);
    ASSERT_TRUE(body.contains("@odata.type")) << uri;
    EXPECT_TRUE(body.contains("Name")) << uri;
    const std::string type(body.at("@odata.type").as_string());
    EXPECT_EQ(type.front(), '#') << uri;
    if (body.contains("Members")) {
      EXPECT_EQ(body.at("Members@odata.count").to_number<std::size_t>(), body.at("Members").as_array().size())
          << uri;
      EXPECT_FALSE(body.contains("Id")) << uri;
      continue;
    }
    ASSERT_TRUE(body.contains("Id")) << uri;
    if (uri == "/redfish/v1") continue;
    EXPECT_EQ(std::string(body.at("Id").as_string()), uri.substr(uri.rfind('/') + 1)) << uri;
  }
}

TEST_P(Tree, MetricReportsPointAtPropertiesThatAreThere) {
  const auto& [which, powered] = GetParam();
  BmcRig rig(which.dut, which.rack, powered, which.product);
  rig.log_in();
  rig.pass(powered ? 60 : 0.2);
  rig.log_in();
  std::map<std::string, json::object> known;
  std::size_t values = 0;
  const json::object reports = rig.get("/redfish/v1/TelemetryService/MetricReports");
  for (const json::value& member : reports.at("Members").as_array()) {
    const json::object report = rig.get(std::string(member.as_object().at("@odata.id").as_string()));
    for (const json::value& value : report.at("MetricValues").as_array()) {
      ++values;
      ASSERT_TRUE(value.as_object().at("MetricValue").is_string());
      const std::string property(value.as_object().at("MetricProperty").as_string());
      const std::size_t hash = property.find('#');
      ASSERT_NE(hash, std::string::npos) << property;
      const std::string uri = property.substr(0, hash);
      if (known.count(uri) == 0) known[uri] = rig.get(uri);
      boost::system::error_code error;
      EXPECT_NE(json::value(known[uri]).find_pointer(property.substr(hash + 1), error), nullptr) << property;
    }
  }
  EXPECT_GT(values, powered ? 2U : 0U);
}

TEST_P(Tree, HoldsEveryPartTheInventoryExpects) {
  const auto& [which, powered] = GetParam();
  BmcRig rig(which.dut, which.rack, powered, which.product);
  rig.log_in();
  const std::map<std::string, json::object> tree = walk(rig);
  std::set<std::string> ids;
  std::set<std::string> serials;
  std::set<std::string> pairs;  // "<owner>/<id>" by the last two resource names of an address
  for (const auto& [uri, body] : tree) {
    const std::string id = uri.substr(uri.rfind('/') + 1);
    ids.insert(id);
    if (body.contains("SerialNumber")) serials.insert(std::string(body.at("SerialNumber").as_string()));
    std::string owner = uri;
    for (int i = 0; i < 2; ++i) owner = owner.substr(0, owner.rfind('/'));
    pairs.insert(owner.substr(owner.rfind('/') + 1) + "/" + id);
    owner = owner.substr(0, owner.rfind('/'));
    pairs.insert(owner.substr(owner.rfind('/') + 1) + "/" + id);
  }
  const InventoryDut expected = expectation_of(*rig.rack, rig.bmc->dut);
  EXPECT_FALSE(expected.components.empty());
  EXPECT_TRUE(serials.count(expected.serial) == 1) << expected.serial;
  std::set<std::string> unique;
  for (const ExpectedComponent& part : expected.components) {
    EXPECT_TRUE(unique.insert(part.kind + " " + part.name).second)
        << "twice: " << part.kind << " " << part.name;
    const bool paired = part.name.find('/') != std::string::npos;
    EXPECT_TRUE(paired ? pairs.count(part.name) > 0 : ids.count(part.name) > 0)
        << part.kind << " " << part.name;
    EXPECT_TRUE(part.serial.empty() || serials.count(part.serial) > 0) << part.name << " " << part.serial;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Roles, Tree,
    ::testing::Combine(::testing::Values(Case{"C01", "small", 250}, Case{"S01", "small", 330},
                                         Case{"CDU01", "small", 40}, Case{"P01", "nvl72", 40},
                                         Case{"C01", "small", 250, "vera-rubin-nvl72"},
                                         Case{"N01", "servers", 900, "hgx-h100"},
                                         Case{"N02", "servers", 900, "hgx-b300"},
                                         Case{"N01", "servers", 400, "lenovo-sr675v3"},
                                         Case{"N01", "servers", 100, "generic-server"}),
                       ::testing::Bool()),
    [](const auto& tested) {
      const Case& which = std::get<0>(tested.param);
      std::string name = std::string(which.dut) + which.product + (std::get<1>(tested.param) ? "On" : "Off");
      std::erase(name, '-');
      return name;
    });

TEST(Rack, PowerShelfHasNoSystemsAndSixSupplies) {
  BmcRig rig("P01", "nvl72");
  rig.log_in();
  EXPECT_FALSE(rig.get("/redfish/v1").contains("Systems"));
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems").status, 404U);
  const json::object supplies = rig.get("/redfish/v1/Chassis/chassis/PowerSubsystem/PowerSupplies");
  EXPECT_EQ(supplies.at("Members").as_array().size(), 6U);
}

TEST(Rack, ComputeTrayLooksLikeAGb300Tray) {
  BmcRig rig;
  rig.log_in();
  EXPECT_EQ(std::string(rig.get("/redfish/v1").at("Vendor").as_string()), "AMI");
  const InventoryDut expected = expectation_of(*rig.rack, rig.bmc->dut);
  EXPECT_EQ(expected.gpus, 4);
  EXPECT_EQ(expected.nvlinks, 72);
  EXPECT_EQ(expected.leak_detectors, 4);
}

TEST(Rack, AnNvl72RackHasItsPublicCounts) {
  BmcRig rig("C01", "nvl72");
  std::map<std::string, int> roles;
  int gpus = 0;
  int detectors = 0;
  int supplies = 0;
  for (const Dut& dut : rig.rack->duts) {
    ++roles[std::string(to_string(dut.role))];
    gpus += static_cast<int>(dut.gpus.size());
    if (dut.role != Role::cdu) detectors += static_cast<int>(dut.detectors.size());
    supplies += static_cast<int>(dut.supplies.size());
  }
  EXPECT_EQ(roles["compute_tray"], 18);
  EXPECT_EQ(roles["switch_tray"], 9);
  EXPECT_EQ(roles["cdu"], 1);
  EXPECT_EQ(roles["power_shelf"], 8);
  EXPECT_EQ(gpus, 72);
  EXPECT_EQ(detectors, 18 * 4 + 9 * 8);
  EXPECT_EQ(supplies, 48);
}

}  // namespace
}  // namespace kiln::virtual_rack::test
