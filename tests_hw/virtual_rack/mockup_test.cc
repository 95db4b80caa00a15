// Captured trees: three layouts, read-only, behind a login; and every tree with a service root among the
// samples.

#include "tests_hw/virtual_rack/mockup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests_hw/virtual_rack/test_support.h"

namespace kiln::virtual_rack::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kRootBody =
    "{ \"@odata.id\": \"/redfish/v1\",\r\n  \"@odata.type\": \"#ServiceRoot.v1_0_2.ServiceRoot\" ,"
    "\"Systems\": {\"@odata.id\": \"/redfish/v1/Systems\"}, \"Links\": {\"Sessions\": {\"@odata.id\": "
    "\"/redfish/v1/Sessions\"}} }";
constexpr const char* kSystemsBody =
    "{\"@odata.id\":\"/redfish/v1/Systems\", \"Members\" : [ ] , \"x\": 1.50}";

class Layout : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string layout = GetParam();
    if (layout == "folders") {
      tree.write("redfish/v1/index.json", kRootBody);
      tree.write("redfish/v1/Systems/index.json", kSystemsBody);
    } else if (layout == "folders without prefix") {
      tree.write("index.json", kRootBody);
      tree.write("Systems/index.json", kSystemsBody);
    } else {
      tree.write("_redfish_v1.json", kRootBody);
      tree.write("_redfish_v1_Whatever.json",
                 kSystemsBody);  // the address inside wins over an unrelated name
    }
  }
  TemporaryDirectory tree;
};

TEST_P(Layout, IsRecognisedAndServedByteForByteReadOnly) {
  const Result<MockupTree> opened = MockupTree::open(tree.path());
  ASSERT_TRUE(opened) << opened.error().full();
  EXPECT_EQ(opened->layout(), GetParam());
  EXPECT_EQ(opened->files().size(), 2U);

  RunningRack rack({"--mockup", tree.path().string()});
  const YAML::Node inventory = YAML::Load(rack.inventory());
  EXPECT_TRUE(inventory["simulated"].as<bool>());
  EXPECT_EQ(inventory["product"].as<std::string>(), "generic");
  EXPECT_EQ(inventory["duts"][0]["id"].as<std::string>(), "B01");
  EXPECT_EQ(inventory["duts"][0]["role"].as<std::string>(), "server");
  EXPECT_FALSE(inventory["duts"][0]["expect"]);
  EXPECT_FALSE(inventory["duts"][0]["host"]);

  const auto stranger = rack.bmc("B01", false);
  EXPECT_EQ(stranger->send("GET", "/redfish/v1").body, kRootBody);
  EXPECT_EQ(stranger->send("GET", "/redfish/v1/Systems").status, 401);
  const auto bmc = rack.bmc("B01");
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/Systems").body, kSystemsBody);
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/Systems/").body, kSystemsBody);
  EXPECT_EQ(bmc->send("PATCH", "/redfish/v1/Systems", "{}").status, 405);
  EXPECT_EQ(bmc->send("POST", "/redfish/v1/Systems", "{}").status, 405);
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/Chassis").status, 404);
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/../../../etc/passwd").status, 404);
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/Systems/..%2f..%2fetc").status, 404);
  // The place where this tree says sessions are made.
  Client& other = *stranger;
  const Answer made =
      other.send("POST", "/redfish/v1/Sessions",
                 "{\"UserName\":\"" + rack.user() + "\",\"Password\":\"" + rack.password() + "\"}");
  ASSERT_EQ(made.status, 201) << made.body;
  other.set_token(made.headers.at("x-auth-token"));
  EXPECT_EQ(other.send("DELETE", made.headers.at("location")).status, 204);
  EXPECT_EQ(other.send("GET", "/redfish/v1/Systems").status, 401);
  EXPECT_EQ(rack.control()->send("POST", "/faults", "{\"add\":[\"leak@B01\"]}").status, 400);
}

INSTANTIATE_TEST_SUITE_P(Mockup, Layout, ::testing::Values("folders", "folders without prefix", "flat"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(Mockup, AFlatFileWithoutAnAddressIsFoundByItsName) {
  TemporaryDirectory tree;
  tree.write("_redfish_v1.json", kRootBody);
  tree.write("_redfish_v1_Chassis_1.json", "{\"error\": {}}");
  const Result<MockupTree> opened = MockupTree::open(tree.path());
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->file("/redfish/v1/Chassis/1"));
}

TEST(Mockup, AnswersAsTheHeadersFileBesideItSays) {
  TemporaryDirectory tree;
  tree.write("redfish/v1/index.json", kRootBody);
  tree.write("redfish/v1/Gone/index.json", "{\"error\":{}}");
  tree.write("redfish/v1/Gone/headers.json",
             "{\"GET\":{\"Content-Type\":\"text/plain\",\"ETag\":\"W/\\\"1\\\"\",\"X-Auth-Token\":\"t\","
             "\"Content-Length\":\"7\"},\"status\":404}");
  tree.write("elsewhere/1/index.json", "[");
  tree.write("elsewhere/1/headers.json", "{\"GET\":{},\"uri\":\"/redfish/v1/L/index.json?$skip=1&a=%2Fb\"}");
  tree.write("redfish/v1/a%20b/index.json", "{}");
  tree.write("redfish/v1/L/index.json", "{\"page\":1}");
  tree.write("redfish/v1/L/headers.json", "no JSON");
  RunningRack rack({"--mockup", tree.path().string()});
  const auto bmc = rack.bmc("B01");
  const Answer gone = bmc->send("GET", "/redfish/v1/Gone");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.body, "{\"error\":{}}");
  EXPECT_EQ(gone.headers.at("content-type"), "text/plain");
  EXPECT_EQ(gone.headers.at("etag"), "W/\"1\"");
  EXPECT_EQ(gone.headers.count("x-auth-token"), 0U);
  EXPECT_EQ(gone.headers.count("odata-version"), 0U) << "it was captured without";
  const Answer page = bmc->send("GET", "/redfish/v1/L/index.json?$skip=1&a=%2Fb");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "[");
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/L?$top=5").body, "{\"page\":1}") << "a query that was not captured";
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/L").headers.at("odata-version"), "4.0");
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/a%20b").body, "{}");
}

/// Every tree with a service root that stands beside the checkout, when it does.
const std::vector<std::string>& sample_trees() {
  static const std::vector<std::string> trees = {"cray-cmm",
                                                 "dmtf/public-cooling-unit",
                                                 "dmtf/public-power-shelf",
                                                 "dmtf/public-rackmount1",
                                                 "ecclesia-features/component_integrity",
                                                 "ecclesia-features/managers",
                                                 "ecclesia-features/sensors",
                                                 "hpe-cray-ex235n",
                                                 "hpe-dl380a-ilo6",
                                                 "intel",
                                                 "lambda-gathergpus",
                                                 "lambda-gb300-happypath",
                                                 "lambda-powershelf-delta",
                                                 "lenovo-sr670-xcc",
                                                 "lenovo-xcc-synthetic",
                                                 "nvidia-gh200-bmc",
                                                 "supermicro-x10"};
  return trees;
}

class Sample : public ::testing::TestWithParam<std::string> {};

TEST_P(Sample, OpensAndServesEveryCapturedFileAsItIs) {
  const char* shared = std::getenv("KILN_SHARED");
  const fs::path base = shared != nullptr ? fs::path(shared) : fs::path(KILN_SOURCE_DIR) / ".." / "shared";
  const fs::path directory = base / "samples" / "A_redfish" / GetParam();
  if (!fs::exists(directory)) GTEST_SKIP() << "no samples at " << directory << " (set KILN_SHARED)";
  Result<MockupTree> tree = MockupTree::open(directory);
  ASSERT_TRUE(tree) << tree.error().full();
  std::size_t candidates = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const bool flat = tree->layout() == "flat" && name.starts_with("_redfish_v1");
    if (entry.is_regular_file() && (flat || name == "index.json" || name == "index.xml")) ++candidates;
  }
  EXPECT_EQ(tree->files().size(), candidates) << "every captured file has an address of its own";
  const std::map<std::string, fs::path> files = tree->files();
  RequestLog log;
  MockupBmc bmc(std::move(*tree), "B01", {"kiln", "secret"}, log);
  for (const auto& [uri, path] : files) {
    HttpRequest request;
    request.method = "GET";
    request.path = uri;
    request.headers = {{"Authorization", "Basic a2lsbjpzZWNyZXQ="}};
    const HttpResponse answer = bmc.handle(request);
    std::ifstream in(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    ASSERT_EQ(answer.status, 200U) << uri;
    ASSERT_EQ(answer.body, bytes.str()) << uri;
  }
}

INSTANTIATE_TEST_SUITE_P(Trees, Sample, ::testing::ValuesIn(sample_trees()), [](const auto& tested) {
  std::string name = tested.param;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace kiln::virtual_rack::test
