#include "bmc/leak.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

const std::string kTray = "/redfish/v1/Chassis/Chassis_0";
const std::string kDetectors = kTray + "/ThermalSubsystem/LeakDetection/LeakDetectors";

std::string detector(const std::string& id, const std::string& state, const std::string& status) {
  return R"({"@odata.id":")" + kDetectors + "/" + id + R"(","Id":")" + id + R"(","DetectorState":)" + state +
         R"(,"Status":)" + status + "}";
}
const std::string kGood = R"({"State":"Enabled","Health":"OK"})";

/// A tray with the detectors A and B under ThermalSubsystem.
void serve_tray(MockService& service) {
  service.bodies["/redfish/v1"] =
      R"({"@odata.id":"/redfish/v1/","Id":"R","Chassis":{"@odata.id":"/redfish/v1/Chassis"}})";
  service.bodies["/redfish/v1/Chassis"] =
      R"({"Members":[{"@odata.id":")" + kTray + R"("}],"Members@odata.count":1})";
  service.bodies[kTray] = R"({"@odata.id":")" + kTray +
                          R"(","Id":"Chassis_0","ThermalSubsystem":{"@odata.id":")" + kTray +
                          R"(/ThermalSubsystem"}})";
  service.bodies[kTray + "/ThermalSubsystem"] = R"({"Id":"ThermalSubsystem","LeakDetection":{"@odata.id":")" +
                                                kTray + R"(/ThermalSubsystem/LeakDetection"}})";
  service.bodies[kTray + "/ThermalSubsystem/LeakDetection"] =
      R"({"Id":"LeakDetection","LeakDetectors":{"@odata.id":")" + kDetectors + R"("}})";
  service.bodies[kDetectors] = R"({"Members":[{"@odata.id":")" + kDetectors + R"(/A"},{"@odata.id":")" +
                               kDetectors + R"(/B"}],"Members@odata.count":2})";
  service.bodies[kDetectors + "/A"] = detector("A", R"("OK")", kGood);
  service.bodies[kDetectors + "/B"] = detector("B", R"("OK")", kGood);
}

class Leak : public testing::Test {
 protected:
  Leak() { serve_tray(service); }
  Result<LeakCensus> census(Nanoseconds budget = 10min) {
    if (!bmc) bmc = service.bmc();
    return desk.ask<Result<LeakCensus>>([&](const Ctx& ctx) { return bmc->leak_detectors(ctx); }, budget);
  }
  /// "A dry, B leak"
  std::string picture() {
    const Result<LeakCensus> all = census();
    if (!all) return all.error().code;
    std::string text;
    for (const LeakDetectorReading& one : all->detectors) {
      text += (text.empty() ? "" : ", ") + one.name + " " + std::string(to_string(one.verdict.reading));
    }
    return text;
  }
  Desk desk;
  MockService service;
  std::unique_ptr<Bmc> bmc;
};

TEST_F(Leak, ADryTrayIsDry) { EXPECT_EQ(picture(), "A dry, B dry"); }

TEST_F(Leak, ALeakIsSeenAtOnce) {
  EXPECT_EQ(picture(), "A dry, B dry");
  service.bodies[kDetectors + "/B"] = detector("B", R"("Critical")", kGood);
  EXPECT_EQ(picture(), "A dry, B leak");
}

TEST_F(Leak, APollCostsOneRequestPerDetector) {
  EXPECT_EQ(picture(), "A dry, B dry");
  service.log.clear();
  EXPECT_EQ(picture(), "A dry, B dry");
  EXPECT_EQ(service.log.size(), 2U);
}

TEST_F(Leak, ANewDetectorIsFoundWithin31Polls) {
  EXPECT_EQ(picture(), "A dry, B dry");
  service.bodies[kDetectors] = R"({"Members":[{"@odata.id":")" + kDetectors + R"(/A"},{"@odata.id":")" +
                               kDetectors + R"(/B"},{"@odata.id":")" + kDetectors + R"(/C"}]})";
  service.bodies[kDetectors + "/C"] = detector("C", R"("OK")", kGood);
  std::string last;
  for (int i = 0; i < 31; ++i) {
    desk.pass(1s);
    last = picture();
  }
  EXPECT_EQ(last, "A dry, B dry, C dry");
}

TEST_F(Leak, PollsThatAreBroughtForwardDoNotWalkSooner) {
  EXPECT_EQ(picture(), "A dry, B dry");
  service.log.clear();
  for (int i = 0; i < 80; ++i) {
    desk.pass(250ms);
    EXPECT_EQ(picture(), "A dry, B dry");
  }
  EXPECT_EQ(service.log.size(), 160U) << "20 s are no 30 polls of a second each";
}

TEST_F(Leak, AnUnreadableDetectorIsAFaultAndHidesNoSibling) {
  service.bodies.erase(kDetectors + "/A");
  EXPECT_EQ(picture(), "A fault, B dry");
  service.bodies[kDetectors + "/A"] = R"({"error":{"code":"Base.1.15.0.InternalError"}})";
  EXPECT_EQ(picture(), "A fault, B dry");
  service.bodies[kDetectors + "/A"] = "[]";
  EXPECT_EQ(picture(), "A fault, B dry");
  service.bodies[kDetectors + "/A"] = detector("A", R"("OK")", kGood);
  EXPECT_EQ(picture(), "A dry, B dry");
}

TEST_F(Leak, GarbageInThePlaceOfADetectorIsNoWordOfIts) {
  service.bodies[kDetectors + "/A"] = R"({"DetectorState":"O)";
  Result<LeakCensus> all = census();
  ASSERT_TRUE(all && all->detectors.size() == 2);
  EXPECT_EQ(all->detectors[0].verdict.reading, LeakReading::fault);
  EXPECT_FALSE(all->detectors[0].verdict.told);
  EXPECT_TRUE(all->detectors[1].verdict.told);
  service.bodies[kDetectors + "/A"] = R"({"error":{"code":"Base.1.15.0.InternalError"}})";
  all = census();
  ASSERT_TRUE(all && all->detectors.size() == 2);
  EXPECT_TRUE(all->detectors[0].verdict.told) << "the BMC says itself that it has none to show";
}

TEST_F(Leak, ADetectorThatLeavesTheListStaysInTheCensus) {
  EXPECT_EQ(picture(), "A dry, B dry");
  service.bodies.erase(kDetectors + "/B");
  service.bodies[kDetectors] =
      R"({"Members":[{"@odata.id":")" + kDetectors + R"(/A"}],"Members@odata.count":1})";
  for (int i = 0; i < 40; ++i) {
    desk.pass(1s);
    EXPECT_EQ(picture(), "A dry, B fault");
  }
}

TEST_F(Leak, FewerListedThanDeclaredAreFaults) {
  service.bodies[kDetectors] =
      R"({"Members":[{"@odata.id":")" + kDetectors + R"(/A"}],"Members@odata.count":3})";
  EXPECT_EQ(picture(), "A dry, Chassis_0/LeakDetectors#2 fault, Chassis_0/LeakDetectors#3 fault");
}

TEST_F(Leak, ACollectionInTroubleIsAFaultALinkToNothingIsNot) {
  service.bodies[kDetectors] = R"({"error":{"code":"Base.1.15.0.InternalError"}})";
  EXPECT_EQ(picture(), "Chassis_0/LeakDetectors fault");
  bmc.reset();
  service.bodies.erase(kDetectors);
  EXPECT_EQ(picture(), "");
}

TEST_F(Leak, NobodyAnsweringIsAnErrorNotAFault) {
  EXPECT_EQ(picture(), "A dry, B dry");
  service.handler = [](const HttpRequest&, const std::string&) { return reply(503); };
  EXPECT_EQ(picture(), "bmc.busy");
  service.handler = nullptr;
  for (int i = 0; i < 20; ++i)
    service.broken["GET " + kDetectors + "/A"].push_back(Error("http.connect", "refused"));
  EXPECT_EQ(picture(), "bmc.unreachable");
}

TEST_F(Leak, GarbageOnTheWayToTheDetectorsIsAnErrorNotAbsence) {
  for (const std::string& uri : {std::string("/redfish/v1/Chassis"), kTray, kTray + "/ThermalSubsystem",
                                 kTray + "/ThermalSubsystem/LeakDetection", kDetectors}) {
    for (const char* garbage : {"{\"Members\":[", "{\"error\":{\"code\":\"Base.1.15.0.InternalError\"}}"}) {
      // What the BMC itself refuses hides only what is below it.
      if (uri.size() > kTray.size() - 1 && garbage[2] == 'e') continue;
      bmc.reset();
      const std::string good = service.bodies[uri];
      service.bodies[uri] = garbage;
      EXPECT_EQ(picture(), garbage[2] == 'e' ? "bmc.error_body" : "bmc.not_json") << uri;
      service.bodies[uri] = good;
      EXPECT_EQ(picture(), "A dry, B dry") << "and it is looked for again";
      // Known detectors are read at their own addresses.
      service.bodies[uri] = garbage;
      for (int i = 0; i < 40; ++i) {
        desk.pass(1s);
        EXPECT_EQ(picture(), "A dry, B dry");
      }
      service.bodies[uri] = good;
    }
  }
  bmc.reset();
  service.bodies.erase("/redfish/v1/Chassis");
  EXPECT_EQ(picture(), "") << "a link to nothing is an empty list";
}

TEST_F(Leak, PagesAreFollowed) {
  service.bodies[kDetectors] = R"({"Members":[{"@odata.id":")" + kDetectors +
                               R"(/A"}],"Members@odata.count":2,"Members@odata.nextLink":")" + kDetectors +
                               R"(?$skip=1"})";
  service.bodies[kDetectors + "?$skip=1"] =
      R"({"Members":[{"@odata.id":")" + kDetectors + R"(/B"}],"Members@odata.count":2})";
  EXPECT_EQ(picture(), "A dry, B dry");
}

TEST_F(Leak, TheSameDetectorAtTwoAddressesIsOneAndTheWorseCounts) {
  const std::string newer = kTray + "/LeakDetectors";
  service.bodies[kTray] = R"({"@odata.id":")" + kTray +
                          R"(","Id":"Chassis_0","LeakDetectors":{"@odata.id":")" + newer +
                          R"("},"ThermalSubsystem":{"@odata.id":")" + kTray + R"(/ThermalSubsystem"}})";
  service.bodies[newer] = R"({"Members":[{"@odata.id":")" + newer + R"(/A"},{"@odata.id":")" + newer +
                          R"(/B/"}],"Members@odata.count":2})";
  service.bodies[newer + "/A"] = detector("A", R"("OK")", kGood);
  service.bodies[newer + "/B"] = detector("B", R"("Warning")", kGood);
  EXPECT_EQ(picture(), "A dry, B leak");
}

TEST_F(Leak, ACoolingUnitsDetectorsAreFoundThroughGroupsToo) {
  service.bodies["/redfish/v1"] = R"({"Id":"R","Chassis":{"@odata.id":"/redfish/v1/Chassis"},
    "ThermalEquipment":{"@odata.id":"/redfish/v1/ThermalEquipment"}})";
  service.bodies["/redfish/v1/ThermalEquipment"] =
      R"({"Id":"T","CDUs":{"@odata.id":"/redfish/v1/ThermalEquipment/CDUs"}})";
  service.bodies["/redfish/v1/ThermalEquipment/CDUs"] =
      R"({"Members":[{"@odata.id":"/redfish/v1/ThermalEquipment/CDUs/1"}]})";
  service.bodies["/redfish/v1/ThermalEquipment/CDUs/1"] =
      R"({"@odata.id":"/redfish/v1/ThermalEquipment/CDUs/1","Id":"1","LeakDetection":{"@odata.id":"/redfish/v1/LD"},
          "Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/Chassis_0"}]}})";
  service.bodies["/redfish/v1/LD"] =
      R"({"Id":"LD","LeakDetectorGroups":[{"GroupName":"g","Detectors":[
     {"DataSourceUri":")" +
      kDetectors + R"(/A","DetectorState":"OK"},{"DataSourceUri":"/redfish/v1/LD/Pan","DetectorState":"OK"},
     {"DeviceName":"Rope","DetectorState":"OK"}]}]})";
  service.bodies["/redfish/v1/LD/Pan"] =
      R"({"Id":"Pan","DetectorState":"OK","Status":{"State":"Enabled","Health":"OK"}})";
  EXPECT_EQ(picture(), "A dry, B dry, Pan dry, 1/Rope fault")
      << "one without an address can't be read, so it is not dry";
}

TEST_F(Leak, OddShapesOfTheStateAreNeverDry) {
  const std::vector<std::pair<std::string, std::string>> odd{
      {R"("OK")", R"("Enabled")"},
      {R"("OK")", "null"},
      {R"("OK")", R"({"State":null,"Health":"OK"})"},
      {R"("OK")", R"({"State":["Enabled","Disabled"]})"},
      {R"("OK")", R"({"State":"Enabled","Health":42})"},
      {R"("OK")", R"({"State":"Enabled","Health":{"Reading":"OK"}})"},
      {R"("OK")", R"({"State":"Enabled","State":"Absent"})"},
      {R"("OK","DetectorState":"Critical")", kGood},
      {R"("Critical","DetectorState":"OK")", kGood},
      {"null", kGood},
      {"true", kGood},
      {"0", kGood},
      {R"(["OK"])", kGood},
      {R"({"Reading":"OK"})", kGood},
      {R"("N/A")", kGood},
      {R"("LeakDetected")", kGood},
      {R"("OKAY")", kGood},
      {R"("OK")", R"({"State":"Disabled"})"},
      {R"("OK")", R"({"State":"Enabled","Health":"Critical"})"}};
  for (const auto& [state, status] : odd) {
    service.bodies[kDetectors + "/A"] = detector("A", state, status);
    const std::string now = picture();
    EXPECT_EQ(now.find("A dry"), std::string::npos) << state << " " << status;
    EXPECT_NE(now.find("B dry"), std::string::npos);
  }
}

/// Replaces one random place of a value by something of another type.
void swap_one(json::value& value, std::mt19937& random, int depth = 0) {
  const auto dice = [&random](std::size_t sides) { return random() % sides; };
  if (depth > 0 && (dice(4) == 0 || value.is_primitive())) {
    switch (dice(9)) {
      case 0:
        value = nullptr;
        break;
      case 1:
        value = static_cast<std::int64_t>(random());
        break;
      case 2:
        value = "N/A";
        break;
      case 3:
        value = json::array{value, value};
        break;
      case 4:
        value = json::object{{"Reading", value}};
        break;
      case 5:
        value = true;
        break;
      case 6:
        value = "\x01" + std::string(3, 'x');
        break;
      case 7:
        value = json::array{};
        break;
      default:
        value = 1e300;
        break;
    }
    return;
  }
  if (value.is_object() && !value.get_object().empty()) {
    auto at = value.get_object().begin() + static_cast<std::ptrdiff_t>(dice(value.get_object().size()));
    if (dice(8) == 0) {
      value.get_object().erase(at);
    } else {
      swap_one(at->value(), random, depth + 1);
    }
  } else if (value.is_array() && !value.get_array().empty()) {
    swap_one(value.get_array()[dice(value.get_array().size())], random, depth + 1);
  }
}

TEST(LeakMutation, NoSwapOfTypesMakesAWetDetectorDry) {
  const char* given = std::getenv("KILN_TEST_SEED");
  const auto seed = static_cast<std::mt19937::result_type>(given != nullptr ? std::atoi(given) : 20'260'301);
  std::mt19937 random(seed);
  Desk desk;
  int seen = 0;
  for (int round = 0; round < 1'500; ++round) {
    MockService service;
    serve_tray(service);
    service.bodies[kDetectors + "/B"] =
        detector("B", R"("Critical")", R"({"State":"Enabled","Health":"Critical"})");
    for (std::size_t swaps = 1 + random() % 3; swaps > 0; --swaps) {
      auto body = service.bodies.begin();
      std::advance(body, static_cast<std::ptrdiff_t>(random() % service.bodies.size()));
      json::value value = json::parse(body->second);
      swap_one(value, random);
      body->second = json::serialize(value);
    }
    const std::unique_ptr<Bmc> bmc = service.bmc();
    const Result<LeakCensus> census =
        desk.ask<Result<LeakCensus>>([&](const Ctx& ctx) { return bmc->leak_detectors(ctx); });
    if (!census) continue;  // the root itself is unreadable: nothing is claimed
    for (const LeakDetectorReading& one : census->detectors) {
      if (one.uri.find("/B") == std::string::npos) continue;
      ++seen;
      EXPECT_NE(one.verdict.reading, LeakReading::dry)
          << "seed " << seed << " round " << round << ": " << service.bodies[kDetectors + "/B"];
    }
  }
  EXPECT_GT(seen, 500) << "the swaps left too little to judge";
}

TEST_F(Leak, TheBmcsOwnPolicyIsReadWhereItIsOffered) {
  bmc = service.bmc();
  const auto policies = [this] {
    return desk.ask<Result<std::vector<LeakPolicy>>>([&](const Ctx& ctx) { return bmc->leak_policies(ctx); });
  };
  Result<std::vector<LeakPolicy>> none = policies();
  ASSERT_TRUE(none) << none.error().full();
  EXPECT_TRUE(none->empty()) << "a tray without one";

  bmc = service.bmc();
  const std::string uri = kTray + "/Oem/Nvidia/Policies/LeakDetectionPolicy";
  service.bodies[uri] = R"({"Id":"LeakDetectionPolicy","PolicyEnabled":true,"ReactionDelaySeconds":5})";
  Result<std::vector<LeakPolicy>> found = policies();
  ASSERT_TRUE(found) << found.error().full();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ((*found)[0].place, "Chassis_0");
  EXPECT_EQ((*found)[0].enabled, true);
  EXPECT_EQ((*found)[0].reaction_delay_seconds, 5.0);
  EXPECT_EQ((*found)[0].uri, uri);

  service.bodies[uri] = R"({"Id":"LeakDetectionPolicy","PolicyEnabled":"perhaps"})";
  found = policies();
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_FALSE((*found)[0].enabled) << "a word where true or false belongs says nothing";
}

TEST(LeakSamples, CapturedDetectorsReadAsTheyShould) {
  const std::filesystem::path trees = shared_trees();
  if (trees.empty()) GTEST_SKIP() << "the captured trees are not at hand (KILN_SHARED)";
  MockService service;
  service.bodies = load_tree(trees / "dmtf/public-cooling-unit");
  Desk desk;
  const std::unique_ptr<Bmc> bmc = service.bmc();
  const Result<LeakCensus> census =
      desk.ask<Result<LeakCensus>>([&](const Ctx& ctx) { return bmc->leak_detectors(ctx); });
  ASSERT_TRUE(census);
  ASSERT_EQ(census->detectors.size(), 2U);
  for (const LeakDetectorReading& one : census->detectors)
    EXPECT_EQ(one.verdict.reading, LeakReading::dry) << one.name;

  const std::map<std::string, std::string> singles = load_tree(trees / "lambda-single");
  const std::string place = "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection/LeakDetectors/";
  const auto reading = [&](const std::string& id) {
    Result<JsonDocument> document = JsonDocument::parse(singles.at(place + id), 64);
    return read_leak_detector(leak_answer_of(document->root())).reading;
  };
  EXPECT_EQ(reading("Chassis_0_LeakDetector_0_ColdPlate"), LeakReading::dry);
  EXPECT_EQ(reading("Chassis_0_LeakDetector_1_Manifold"), LeakReading::leak)
      << "an unknown word of an enabled detector";
}

}  // namespace
}  // namespace kiln
