// The program over the wire: ready line, trust, login, restart, control, ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <chrono>
#include <map>
#include <thread>

#include "tests_hw/virtual_rack/test_support.h"

namespace kiln::virtual_rack::test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSystemReset = "/redfish/v1/Systems/System_0/Actions/ComputerSystem.Reset";

/// Asks until the answer pleases or ten seconds are over.
template <typename Ask, typename Done>
bool until(Ask ask, Done done) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < give_up) {
    if (done(ask())) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(Program, ReadyLineInventoryAndCredentialsAreAsAgreed) {
  RunningRack rack({"--rack", "small", "--seed", "3"});
  const json::object ready = json::parse(rack.ready_line()).as_object();
  EXPECT_EQ(ready.size(), 3U);
  EXPECT_TRUE(ready.at("ready").as_bool());
  EXPECT_EQ(std::string(ready.at("inventory").as_string()), (rack.directory() / "rack.yaml").string());
  EXPECT_THAT(std::string(ready.at("control").as_string()),
              ::testing::MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));
  struct stat info {};
  ASSERT_EQ(::stat((rack.directory() / "rack.credentials.yaml").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  const std::string text = rack.inventory();
  EXPECT_THAT(text, Not(HasSubstr(rack.password())));
  EXPECT_THAT(rack.ready_line(), Not(HasSubstr(rack.password())));
  const YAML::Node inventory = YAML::Load(text);
  EXPECT_EQ(inventory["rack"].as<std::string>(), "R01");
  EXPECT_EQ(inventory["product"].as<std::string>(), "virtual-gb300-nvl72");
  EXPECT_TRUE(inventory["simulated"].as<bool>());
  EXPECT_GE(inventory["time_scale"].as<double>(), 1.0);
  ASSERT_EQ(inventory["duts"].size(), 4U);
  EXPECT_TRUE(inventory["duts"][0]["host"]);
  EXPECT_FALSE(inventory["duts"][3]["host"]) << "a CDU has no host";
  rack.terminate();
  EXPECT_EQ(rack.wait(10), 0);
}

TEST(Program, ServesAsManyTraysAsAskedFor) {
  RunningRack rack({"--rack", "trays:3", "--seed", "3"});
  const YAML::Node inventory = YAML::Load(rack.inventory());
  std::map<std::string, int> roles;
  for (const YAML::Node& dut : inventory["duts"]) ++roles[dut["role"].as<std::string>()];
  EXPECT_EQ(roles, (std::map<std::string, int>{{"compute_tray", 3}, {"switch_tray", 2}, {"cdu", 1}}));
  EXPECT_EQ(rack.bmc("S02")->send("GET", "/redfish/v1/Systems").status, 200);
  const json::object log = json::parse(rack.control()->send("GET", "/log").body).as_object();
  EXPECT_EQ(log.at("total_ssh").to_number<int>(), 0);
  EXPECT_GE(log.at("total").to_number<int>(), 2);
}

TEST(Program, TheSameSeedGivesTheSameSerials) {
  RunningRack one({"--seed", "11"});
  RunningRack two({"--seed", "11"});
  RunningRack other({"--seed", "12"});
  const auto serial = [](const RunningRack& rack) {
    return YAML::Load(rack.inventory())["duts"][0]["expect"]["serial"].as<std::string>();
  };
  EXPECT_EQ(serial(one), serial(two));
  EXPECT_NE(serial(one), serial(other));
}

TEST(Program, EachBmcHasItsOwnPinnedCertificateAndPasswordsAreChecked) {
  RunningRack rack({"--seed", "3"});
  EXPECT_EQ(rack.bmc("C01")->send("GET", "/redfish/v1/Systems").status, 200);
  EXPECT_EQ(rack.bmc("C02", false)->send("GET", "/redfish/v1/Systems").status, 401);
  EXPECT_EQ(rack.bmc("C02", false)->log_in(rack.user(), "wrong"), "");
  const YAML::Node inventory = YAML::Load(rack.inventory());
  Client crossed(inventory["duts"][0]["bmc"]["url"].as<std::string>(),
                 inventory["duts"][1]["bmc"]["tls"]["pin_sha256"].as<std::string>());
  const Answer refused = crossed.send("GET", "/redfish/v1");
  EXPECT_EQ(refused.status, 0) << "another BMC's pin must not fit";
  EXPECT_THAT(refused.error, HasSubstr("key"));
}

TEST(Program, HttpIsKeptAliveAndHeadHasNoBody) {
  RunningRack rack({"--seed", "3"});
  const auto bmc = rack.bmc("C01");
  const Answer whole = bmc->send("GET", "/redfish/v1/Chassis");
  const Answer head = bmc->send("HEAD", "/redfish/v1/Chassis");
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.body.empty());
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(whole.body.size()));
  EXPECT_EQ(whole.headers.at("odata-version"), "4.0");
  EXPECT_THAT(whole.headers.at("link"), HasSubstr("ChassisCollection"));
  const Answer missing = bmc->send("GET", "/redfish/v1/%zz");
  EXPECT_EQ(missing.status, 400);
}

TEST(Program, PowerOnBootsTheHostAndTheStateEndpointSeesIt) {
  RunningRack rack({"--seed", "3", "--time-scale", "100"});
  const auto bmc = rack.bmc("C01");
  const auto control = rack.control();
  const auto state = [&] {
    return json::parse(control->send("GET", "/state").body).at("duts").at("C01").as_object();
  };
  EXPECT_EQ(std::string(state().at("power").as_string()), "Off");
  EXPECT_EQ(bmc->send("POST", kSystemReset, R"({"ResetType":"On"})").status, 204);
  EXPECT_TRUE(until(state, [](const json::object& dut) { return dut.at("host_up").as_bool(); }));
  EXPECT_EQ(std::string(state().at("power").as_string()), "On");
  EXPECT_FALSE(state().at("load").as_bool());
  EXPECT_EQ(state().at("detectors").as_object().size(), 4U);
  EXPECT_EQ(bmc->send("POST", kSystemReset, R"({"ResetType":"ForceOff"})").status, 204);
  EXPECT_TRUE(until(state, [](const json::object& dut) { return dut.at("power").as_string() == "Off"; }));
}

TEST(Program, AManagerResetRefusesConnectionsThenComesBackWithoutSessions) {
  RunningRack rack({"--seed", "3"});
  const auto bmc = rack.bmc("C01");
  EXPECT_EQ(
      bmc->send("POST", "/redfish/v1/Managers/BMC_0/Actions/Manager.Reset", R"({"ResetType":"ForceRestart"})")
          .status,
      204);
  const auto fresh = [&] { return rack.bmc("C01", false)->send("GET", "/redfish/v1"); };
  EXPECT_TRUE(until(fresh, [](const Answer& answer) {
    return answer.status == 0 && answer.error.find("connect") != std::string::npos;
  })) << "it must go away";
  EXPECT_TRUE(until(fresh, [](const Answer& answer) { return answer.status == 200; })) << "and come back";
  EXPECT_EQ(bmc->send("GET", "/redfish/v1/Systems").status, 401) << "its sessions are gone";
  EXPECT_EQ(rack.bmc("C02")->send("GET", "/redfish/v1/Systems").status, 200) << "others never noticed";
}

TEST(Control, LogListsEveryRequestInOrderWithTimes) {
  RunningRack rack({"--seed", "3"});
  const auto bmc = rack.bmc("S01");
  bmc->send("GET", "/redfish/v1/Chassis?a=b");
  const auto control = rack.control();
  const json::object log = json::parse(control->send("GET", "/log").body).as_object();
  const json::array& entries = log.at("entries").as_array();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(std::string(entries[0].at("method").as_string()), "POST");
  EXPECT_EQ(std::string(entries[1].at("dut").as_string()), "S01");
  EXPECT_EQ(std::string(entries[1].at("uri").as_string()), "/redfish/v1/Chassis?a=b");
  EXPECT_LT(entries[0].at("monotonic_ns").to_number<std::uint64_t>(),
            entries[1].at("monotonic_ns").to_number<std::uint64_t>());
  const std::string since = std::to_string(entries[1].at("monotonic_ns").to_number<std::uint64_t>());
  const json::object later = json::parse(control->send("GET", "/log?since=" + since).body).as_object();
  EXPECT_EQ(later.at("entries").as_array().size(), 1U);
  EXPECT_EQ(control->send("GET", "/log?since=x").status, 400);
}

TEST(Control, FaultsAreAddedTimedClearedAndBadOnesRefused) {
  RunningRack rack({"--seed", "3"});
  const auto control = rack.control();
  const Answer added =
      control->send("POST", "/faults", R"({"add":["leak-warning@C02","hot-gpu@C01:GPU_1+5s"]})");
  ASSERT_EQ(added.status, 200) << added.body;
  const json::array faults = json::parse(added.body).at("added").as_array();
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_GT(faults[0].at("active_since_ns").to_number<std::uint64_t>(), 0U);
  EXPECT_TRUE(faults[1].at("active_since_ns").is_null()) << "waits for load";
  const auto detectors = [&] {
    return json::serialize(
        json::parse(control->send("GET", "/state").body).at("duts").at("C02").at("detectors"));
  };
  EXPECT_TRUE(
      until(detectors, [](const std::string& text) { return text.find("Warning") != std::string::npos; }));
  EXPECT_EQ(control->send("POST", "/faults", R"({"clear":["leak-warning@C02"]})").status, 200);
  EXPECT_TRUE(
      until(detectors, [](const std::string& text) { return text.find("Warning") == std::string::npos; }));
  for (const char* wrong :
       {R"({"add":["laek@C02"]})", R"({"add":["leak@C99"]})", R"({"add":["leak@C01:Nothing"]})",
        R"({"add":"leak@C01"})", R"({"ad":[]})", "[]", R"({"add":[7]})"}) {
    const Answer refused = control->send("POST", "/faults", wrong);
    EXPECT_EQ(refused.status, 400) << wrong;
    EXPECT_THAT(refused.body, HasSubstr("\"message\"")) << wrong;
  }
  EXPECT_THAT(control->send("POST", "/faults", R"({"add":["laek@C02"]})").body, HasSubstr("leak"));
  EXPECT_EQ(control->send("GET", "/faults").status, 405);
  EXPECT_EQ(control->send("GET", "/nothing").status, 404);
}

TEST(Program, TheBmcResetFaultTakesTheBmcAwayForAWhile) {
  RunningRack rack({"--seed", "3"});
  EXPECT_EQ(rack.control()->send("POST", "/faults", R"({"add":["bmc-reset@C01"]})").status, 200);
  const auto fresh = [&] { return rack.bmc("C01", false)->send("GET", "/redfish/v1"); };
  EXPECT_TRUE(until(fresh, [](const Answer& answer) { return answer.status == 0; }));
  EXPECT_TRUE(until(fresh, [](const Answer& answer) { return answer.status == 200; }));
}

TEST(Program, EndsWithItsStandardInput) {
  RunningRack rack({"--seed", "3", "--exit-with-stdin"});
  EXPECT_EQ(rack.wait(0.3), -1) << "it must not end by itself";
  rack.close_stdin();
  EXPECT_EQ(rack.wait(5), 0);
}

TEST(Program, BadInputIsNamedAndExits2) {
  const Finished fault = run_to_end({"--fault", "laek@C01"});
  EXPECT_EQ(fault.exit_code, 2);
  EXPECT_THAT(fault.err, HasSubstr("laek"));
  EXPECT_THAT(fault.out, Not(HasSubstr("ready")));
  EXPECT_EQ(run_to_end({"--rack", "huge"}).exit_code, 2);
  EXPECT_EQ(run_to_end({"--rack", "trays:0"}).exit_code, 2);
  const Finished ports = run_to_end({"--rack", "trays:100", "--port-base", "42000"});
  EXPECT_EQ(ports.exit_code, 2);
  EXPECT_THAT(ports.err, HasSubstr("--port-base"));
  EXPECT_EQ(run_to_end({"--mockup", "/nonexistent"}).exit_code, 2);
  EXPECT_EQ(run_to_end({"--mockup", "/tmp", "--rack", "small"}).exit_code, 2);
  TemporaryDirectory empty;
  const Finished mockup = run_to_end({"--mockup", empty.path().string()});
  EXPECT_EQ(mockup.exit_code, 2);
  EXPECT_THAT(mockup.err, HasSubstr("service root"));
  EXPECT_EQ(run_to_end({"--help"}).exit_code, 0);
}

TEST(Program, ListsItsFaultsForPeopleAndAsJson) {
  EXPECT_THAT(run_to_end({"--list-faults"}).out, HasSubstr("firmware-update-fails"));
  const Finished listed = run_to_end({"--list-faults", "--json"});
  EXPECT_EQ(listed.exit_code, 0);
  const json::value parsed = json::parse(listed.out);
  const json::array& faults = parsed.at("faults").as_array();
  EXPECT_GE(faults.size(), 22U);
  for (const json::value& fault : faults) {
    EXPECT_FALSE(fault.at("description").as_string().empty()) << json::serialize(fault);
    const std::string kind(fault.at("class").as_string());
    EXPECT_TRUE(kind == "hardware" || kind == "nuisance") << kind;
  }
}

}  // namespace
}  // namespace kiln::virtual_rack::test
