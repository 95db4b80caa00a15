// The Redfish service: sessions, preconditions, power, updates, logs, disturbances.

#include "tests_hw/virtual_rack/redfish/bmc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests_hw/virtual_rack/redfish/bmc_test_rig.h"
#include "tests_hw/virtual_rack/redfish/multipart.h"

namespace kiln::virtual_rack::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSystem = "/redfish/v1/Systems/System_0";
constexpr const char* kReset = "/redfish/v1/Systems/System_0/Actions/ComputerSystem.Reset";
constexpr const char* kInventory = "/redfish/v1/UpdateService/FirmwareInventory/";

std::string text(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string("(no text)");
}

std::string multipart(const std::string& parameters, const std::string& file) {
  return "--XyZ\r\nContent-Disposition: form-data; name=\"UpdateParameters\"\r\nContent-Type: "
         "application/json\r\n\r\n" +
         parameters +
         "\r\n--XyZ\r\nContent-Disposition: form-data; name=\"UpdateFile\"; filename=\"image.fw\"\r\n"
         "Content-Type: application/octet-stream\r\n\r\n" +
         file + "\r\n--XyZ--\r\n";
}

HttpResponse push(BmcRig& rig, const std::string& image,
                  const std::string& parameters = R"({"Targets":[]})") {
  return rig.send("POST", "/redfish/v1/UpdateService/update-multipart", multipart(parameters, image),
                  {{"Content-Type", "multipart/form-data; boundary=XyZ"}});
}

TEST(Session, RootIsOpenAndEverythingElseAsksForALogin) {
  BmcRig rig;
  EXPECT_EQ(rig.send("GET", "/redfish").body, "{\"v1\":\"/redfish/v1/\"}\n");
  EXPECT_EQ(rig.send("GET", "/redfish/v1").status, 200U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/").status, 200U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/$metadata").content_type, "application/xml");
  const HttpResponse refused = rig.send("GET", "/redfish/v1/Systems");
  EXPECT_EQ(refused.status, 401U);
  EXPECT_THAT(header_value(refused.headers, "WWW-Authenticate"), HasSubstr("Basic"));
  EXPECT_THAT(refused.body, HasSubstr("ExtendedInfo"));
}

TEST(Session, LoginGivesTokenLocationAndBodyAndLogoutEndsIt) {
  BmcRig rig;
  rig.log_in();
  EXPECT_EQ(text(rig.get(rig.session), "UserName"), "kiln");
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems").status, 200U);
  EXPECT_EQ(rig.send("DELETE", rig.session).status, 204U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems").status, 401U);
}

TEST(Session, AWrongPasswordOrShapeIsRefusedAndNeverEchoed) {
  BmcRig rig;
  const std::string uri = "/redfish/v1/SessionService/Sessions";
  const HttpResponse wrong = rig.send("POST", uri, R"({"UserName":"kiln","Password":"hunter2"})");
  EXPECT_EQ(wrong.status, 401U);
  EXPECT_THAT(wrong.body, ::testing::Not(HasSubstr("hunter2")));
  EXPECT_EQ(rig.send("POST", uri, "not json").status, 400U);
  EXPECT_EQ(rig.send("POST", uri, R"({"UserName":"kiln"})").status, 400U);
  EXPECT_EQ(rig.send("POST", uri, R"({"UserName":"kiln","Password":7})").status, 400U);
}

TEST(Session, TheSeventeenthIsRefusedUntilOneLeavesOrGrowsOld) {
  BmcRig rig;
  for (std::size_t i = 0; i < Sessions::kMaxSessions; ++i) rig.log_in();
  const std::string body = R"({"UserName":"kiln","Password":"secret"})";
  const HttpResponse full = rig.send("POST", "/redfish/v1/SessionService/Sessions", body);
  EXPECT_EQ(full.status, 503U);
  EXPECT_THAT(full.body, HasSubstr("SessionLimitExceeded"));
  EXPECT_EQ(rig.send("DELETE", rig.session).status, 204U);
  rig.log_in();
  rig.rack->now_ns += (Sessions::kIdleSeconds + 1) * 1'000'000'000ULL;
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems").status, 401U) << "an idle session must end";
  rig.log_in();
}

TEST(Session, BasicCredentialsAreAcceptedPerRequest) {
  BmcRig rig;
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems", "", {{"Authorization", "Basic a2lsbjpzZWNyZXQ="}}).status,
            200U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems", "", {{"Authorization", "Basic a2lsbjp3cm9uZw=="}}).status,
            401U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems", "", {{"Authorization", "Basic !!!"}}).status, 401U);
}

TEST(Preconditions, PatchWithAStaleTagChangesNothing) {
  BmcRig rig;
  rig.log_in();
  const HttpResponse before = rig.send("GET", kSystem);
  const std::string tag = header_value(before.headers, "ETag");
  ASSERT_FALSE(tag.empty());
  EXPECT_EQ(rig.send("GET", kSystem, "", {{"If-None-Match", tag}}).status, 304U);
  EXPECT_EQ(rig.send("PATCH", kSystem, R"({"AssetTag":"X"})", {{"If-Match", "\"stale\""}}).status, 412U);
  EXPECT_EQ(rig.send("GET", kSystem).body, before.body);
  const HttpResponse changed = rig.send("PATCH", kSystem, R"({"AssetTag":"X"})", {{"If-Match", tag}});
  EXPECT_EQ(changed.status, 200U);
  EXPECT_EQ(text(*parse_object(changed.body), "AssetTag"), "X");
  EXPECT_NE(header_value(changed.headers, "ETag"), tag);
  EXPECT_EQ(rig.send("PATCH", kSystem, R"({"AssetTag":"Y"})", {{"If-Match", "*"}}).status, 200U);
}

TEST(Preconditions, WrongMethodsVersionsAndQueriesAreNamed) {
  BmcRig rig;
  rig.log_in();
  const HttpResponse refused = rig.send("DELETE", kSystem);
  EXPECT_EQ(refused.status, 405U);
  EXPECT_EQ(header_value(refused.headers, "Allow"), "GET, HEAD, PATCH");
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems/Nobody").status, 404U);
  EXPECT_EQ(rig.send("PUT", "/redfish/v1/Systems/Nobody").status, 404U);
  EXPECT_EQ(rig.send("GET", kSystem, "", {{"OData-Version", "4.1"}}).status, 412U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Chassis?$expand=.($levels=1)").status, 501U)
      << "AMI trays do not expand";
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Chassis?$filter=x").status, 501U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Chassis?whatever=1").status, 200U);
}

TEST(Query, SwitchTrayExpandsMembersAndPagesLongCollections) {
  BmcRig rig("S01");
  rig.log_in();
  const json::object expanded = rig.get("/redfish/v1/Systems?$expand=.($levels=1)");
  EXPECT_EQ(text(expanded.at("Members").as_array().at(0).as_object(), "Id"), "System_0");
  const std::string ports = "/redfish/v1/Fabrics/HGX_NVLinkFabric_0/Switches/NVSwitch_0/Ports";
  const json::object page = rig.get(ports + "?$skip=70");
  EXPECT_EQ(page.at("Members").as_array().size(), 2U);
  EXPECT_EQ(page.at("Members@odata.count").to_number<int>(), 72) << "the count is always the total";
  const json::object first = rig.get(ports + "?$top=10");
  EXPECT_THAT(text(first, "Members@odata.nextLink"), HasSubstr("$skip=10"));
}

TEST(Power, OnTakesItsTimeBootsAndForceOffIsConfirmedByReadingBack) {
  BmcRig rig;
  rig.log_in();
  EXPECT_EQ(text(rig.get(kSystem), "PowerState"), "Off");
  EXPECT_EQ(rig.send("POST", kReset, R"({"ResetType":"On"})").status, 204U);
  rig.pass(0.05);
  EXPECT_EQ(text(rig.get(kSystem), "PowerState"), "PoweringOn");
  rig.pass(60);
  EXPECT_EQ(text(rig.get(kSystem), "PowerState"), "On");
  EXPECT_EQ(text(rig.get(kSystem).at("BootProgress").as_object(), "LastState"), "OSRunning");
  EXPECT_EQ(rig.send("POST", kReset, R"({"ResetType":"On"})").status, 204U) << "already on is no error";
  EXPECT_EQ(rig.send("POST", kReset, R"({"ResetType":"ForceOff"})").status, 204U);
  rig.pass(20);
  EXPECT_EQ(text(rig.get(kSystem), "PowerState"), "Off");
  EXPECT_EQ(rig.send("POST", kReset, R"({"ResetType":"Nonsense"})").status, 400U);
  EXPECT_EQ(rig.send("POST", kReset, "{}").status, 400U);
}

TEST(Power, SensorsThatNeedPowerReadNullInStandby) {
  BmcRig rig;
  rig.log_in();
  const std::string uri = "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_0/EnvironmentMetrics";
  EXPECT_TRUE(rig.get(uri).at("TemperatureCelsius").as_object().at("Reading").is_null());
  rig.send("POST", kReset, R"({"ResetType":"On"})");
  rig.pass(60);
  EXPECT_GT(rig.get(uri).at("TemperatureCelsius").as_object().at("Reading").to_number<double>(), 15.0);
}

TEST(Readings, FrozenOnesStayWhatTheyAreAndSoDoesTheirTime) {
  BmcRig rig("C01", "small", true);
  rig.log_in();
  rig.pass(60);
  const std::string gpu = "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_0/EnvironmentMetrics";
  const auto value = [&] {
    return rig.get(gpu).at("TemperatureCelsius").as_object().at("Reading").to_number<double>();
  };
  const std::string sensor = text(rig.get(gpu).at("TemperatureCelsius").as_object(), "DataSourceUri");
  ASSERT_FALSE(sensor.empty());
  const auto time = [&] { return text(rig.get(sensor), "ReadingTime"); };
  const std::string before = time();
  rig.pass(5);
  EXPECT_NE(time(), before);
  ASSERT_TRUE(add_fault(*rig.rack, *parse_fault("readings-frozen@C01")));
  rig.pass(1);
  const double frozen = value();
  const std::string since = time();
  for (Gpu& part : rig.bmc->dut.gpus) part.temperature_c.shown += 30;
  rig.pass(5);
  EXPECT_EQ(value(), frozen);
  EXPECT_NEAR(rig.get(sensor).at("Reading").to_number<double>(), frozen, 0.01);
  EXPECT_EQ(time(), since);
  ASSERT_TRUE(clear_fault(*rig.rack, *parse_fault("readings-frozen@C01")));
  rig.pass(1);
  EXPECT_NE(time(), since);
}

TEST(Power, ABootOverrideForOneBootEndsWithIt) {
  BmcRig rig;
  rig.log_in();
  const std::string wish =
      R"({"Boot":{"BootSourceOverrideTarget":"Pxe","BootSourceOverrideEnabled":"Once"}})";
  EXPECT_EQ(rig.send("PATCH", kSystem, wish).status, 200U);
  EXPECT_EQ(rig.send("PATCH", kSystem, R"({"Boot":{"BootSourceOverrideTarget":"Tape"}})").status, 400U);
  rig.send("POST", kReset, R"({"ResetType":"On"})");
  rig.pass(60);
  EXPECT_EQ(text(rig.get(kSystem).at("Boot").as_object(), "BootSourceOverrideEnabled"), "Disabled");
}

TEST(Update, AnImageIsWrittenThenRunsAfterTheReset) {
  BmcRig rig("C01", "small", true);
  rig.log_in();
  rig.pass(60);
  const std::string item = kInventory + rig.rack->update_component;
  const std::string old = text(rig.get(item), "Version");
  ASSERT_NE(old, rig.rack->update_version);
  const HttpResponse accepted =
      push(rig, make_firmware_image({rig.rack->update_component, rig.rack->update_version}, 5000));
  ASSERT_EQ(accepted.status, 202U) << accepted.body;
  const std::string task = text(*parse_object(accepted.body), "@odata.id");
  const std::string monitor = header_value(accepted.headers, "Location");
  EXPECT_EQ(text(rig.get(task), "TaskState"), "Running");
  EXPECT_EQ(text(rig.get(task), "TaskMonitor"), monitor);
  EXPECT_EQ(rig.send("GET", monitor).status, 202U);
  rig.pass(flash_seconds(*rig.rack) / 2);
  const std::int64_t half = rig.get(task).at("PercentComplete").to_number<std::int64_t>();
  EXPECT_GT(half, 20);
  EXPECT_LT(half, 80);
  EXPECT_EQ(push(rig, make_firmware_image({rig.rack->update_component, "x"}, 10)).status, 503U)
      << "one at a time";
  rig.pass(flash_seconds(*rig.rack) / 2 + 0.5);
  EXPECT_EQ(text(rig.get(task), "TaskState"), "Completed");
  EXPECT_EQ(rig.send("GET", monitor).status, 200U);
  EXPECT_EQ(rig.send("GET", monitor + "0").status, 404U);
  EXPECT_EQ(text(rig.get(item), "Version"), old) << "not before the reset";
  rig.send("POST", kReset, R"({"ResetType":"PowerCycle"})");
  rig.pass(90);
  EXPECT_EQ(text(rig.get(item), "Version"), rig.rack->update_version);
}

TEST(Update, AFailingFlashEndsInExceptionAndLeavesTheOldVersion) {
  BmcRig rig("C01", "small", true);
  rig.log_in();
  const Result<FaultSpec> spec = parse_fault("firmware-update-fails@C01:" + rig.rack->update_component);
  ASSERT_TRUE(spec) << spec.error().full();
  ASSERT_TRUE(add_fault(*rig.rack, *spec));
  const std::string item = kInventory + rig.rack->update_component;
  const std::string old = text(rig.get(item), "Version");
  const HttpResponse accepted =
      push(rig, make_firmware_image({rig.rack->update_component, rig.rack->update_version}, 5000));
  ASSERT_EQ(accepted.status, 202U);
  rig.pass(flash_seconds(*rig.rack) + 0.5);
  const json::object task = rig.get(text(*parse_object(accepted.body), "@odata.id"));
  EXPECT_EQ(rig.send("GET", header_value(accepted.headers, "Location")).status, 500U);
  EXPECT_EQ(text(task, "TaskState"), "Exception");
  EXPECT_EQ(text(task, "TaskStatus"), "Critical");
  rig.send("POST", kReset, R"({"ResetType":"PowerCycle"})");
  rig.pass(90);
  EXPECT_EQ(text(rig.get(item), "Version"), old);
}

TEST(Update, ADamagedForeignOrMisdirectedImageIsRefused) {
  BmcRig rig;
  rig.log_in();
  std::string image = make_firmware_image({rig.rack->update_component, "9.9"}, 500);
  image.back() = static_cast<char>(image.back() ^ 1);
  EXPECT_EQ(push(rig, image).status, 400U) << "one flipped bit";
  EXPECT_EQ(push(rig, make_firmware_image({"FW_TOASTER", "1"}, 10)).status, 400U);
  EXPECT_EQ(push(rig, make_firmware_image({rig.rack->update_component, "9.9"}, 10),
                 R"({"Targets":["/redfish/v1/UpdateService/FirmwareInventory/FW_BMC_0"]})")
                .status,
            400U);
  EXPECT_EQ(push(rig, "rubbish", R"({"Targets":[]})").status, 400U);
  EXPECT_EQ(rig.send("POST", "/redfish/v1/UpdateService/update-multipart", "x").status, 415U);
  EXPECT_TRUE(rig.bmc->tasks.all().empty());
}

TEST(Update, SimpleUpdateTakesTheImageByName) {
  BmcRig rig;
  rig.log_in();
  const std::string uri = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate";
  const std::string good = R"({"ImageURI":"http://10.0.0.1/images/)" + rig.rack->update_component +
                           R"(-9.9.9.fw","TransferProtocol":"HTTP"})";
  EXPECT_EQ(rig.send("POST", uri, good).status, 202U);
  for (const char* wrong :
       {"http://10.0.0.1/nothing.bin", "http://10.0.0.1/.fw", "http://10.0.0.1/UEFI.fw",
        "http://10.0.0.1/-1.fw", "http://10.0.0.1/UEFI-.fw", "UEFI-1.fw", "http://UEFI-1.fw", ""}) {
    json::object body;
    body["ImageURI"] = wrong;
    EXPECT_EQ(rig.send("POST", uri, json::serialize(body)).status, 400U) << wrong;
  }
  EXPECT_EQ(rig.send("POST", uri, R"({"ImageURI":"ftp://a/UEFI-1.fw","TransferProtocol":"FTP"})").status,
            400U);
}

TEST(Restart, AManagerResetLosesSessionsAndTasksAndReportsItsAbsence) {
  BmcRig rig;
  rig.log_in();
  ASSERT_EQ(push(rig, make_firmware_image({rig.rack->update_component, "9"}, 10)).status, 202U);
  EXPECT_EQ(
      rig.send("POST", "/redfish/v1/Managers/BMC_0/Actions/Manager.Reset", R"({"ResetType":"ForceRestart"})")
          .status,
      204U);
  EXPECT_FALSE(rig.bmc->take_restart()) << "the answer leaves first";
  rig.pass(0.3);
  const auto away = rig.bmc->take_restart();
  ASSERT_TRUE(away);
  EXPECT_GT(away->count(), 100);
  EXPECT_TRUE(rig.bmc->sessions.all().empty());
  EXPECT_TRUE(rig.bmc->tasks.all().empty());
  EXPECT_FALSE(rig.bmc->take_restart()) << "told once";
}

TEST(Leak, ADetectorTellsStateAndTheEventLogTellsWhich) {
  BmcRig rig;
  rig.log_in();
  rig.pass(0.2);
  const std::string base = "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection/LeakDetectors/";
  const std::string name = rig.bmc->dut.detectors.at(1).name;
  EXPECT_EQ(text(rig.get(base + name), "DetectorState"), "OK");
  const Result<FaultSpec> spec = parse_fault("leak@C01:" + name);
  ASSERT_TRUE(spec);
  ASSERT_TRUE(add_fault(*rig.rack, *spec));
  rig.pass(2);
  EXPECT_EQ(text(rig.get(base + name), "DetectorState"), "Critical");
  const json::object entries = rig.get("/redfish/v1/Systems/System_0/LogServices/SEL/Entries");
  bool found = false;
  for (const json::value& entry : entries.at("Members").as_array()) {
    const json::value* about = entry.as_object().if_contains("Links");
    if (about == nullptr) continue;
    const std::string origin(
        about->as_object().at("OriginOfCondition").as_object().at("@odata.id").as_string());
    found = found || origin == base + name;
  }
  EXPECT_TRUE(found) << json::serialize(entries);
}

TEST(Leak, TheTraysOwnPolicyActsOnlyWhenSwitchedOn) {
  for (const bool enabled : {false, true}) {
    BmcRig rig("C01", "small", true);
    rig.log_in();
    const std::string policy = "/redfish/v1/Chassis/Chassis_0/Oem/Nvidia/Policies/LeakDetectionPolicy";
    if (enabled) {
      EXPECT_EQ(rig.send("PATCH", policy, R"({"PolicyEnabled":true,"ReactionDelaySeconds":0})").status, 200U);
    }
    EXPECT_EQ(rig.send("PATCH", policy, R"({"PolicyEnabled":"yes"})").status, 400U);
    const Result<FaultSpec> spec = parse_fault("leak@C01");
    ASSERT_TRUE(spec);
    ASSERT_TRUE(add_fault(*rig.rack, *spec));
    rig.pass(10);
    EXPECT_EQ(text(rig.get(kSystem), "PowerState"), enabled ? "Off" : "On");
  }
}

TEST(Gpu, AMissingOneIsNotInTheTreeAtAll) {
  BmcRig rig;
  const Result<FaultSpec> spec = parse_fault("gpu-missing@C01:GPU_2");
  ASSERT_TRUE(spec);
  ASSERT_TRUE(add_fault(*rig.rack, *spec));
  rig.pass(0.2);
  rig.log_in();
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_2").status, 404U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_2/Ports/NVLink_0").status,
            404U);
  EXPECT_THAT(rig.send("GET", "/redfish/v1/Systems/HGX_Baseboard_0/Processors").body,
              ::testing::Not(HasSubstr("GPU_2")));
  EXPECT_THAT(rig.send("GET", "/redfish/v1/TelemetryService/MetricReports/HGX_ProcessorMetrics_0").body,
              ::testing::Not(HasSubstr("GPU_2")));
}

class Nuisance : public ::testing::Test {
 protected:
  void add(const std::string& spec_text) {
    rig.log_in();
    const Result<FaultSpec> spec = parse_fault(spec_text);
    ASSERT_TRUE(spec) << spec.error().full();
    ASSERT_TRUE(add_fault(*rig.rack, *spec));
    rig.pass(0.1);
  }
  BmcRig rig;
};

TEST_F(Nuisance, Bmc503IsBoundedAndBeginsWithTheFirstRequest) {
  add("bmc-503@C01");
  rig.pass(30);
  const HttpResponse refused = rig.send("GET", "/redfish/v1/Systems");
  EXPECT_EQ(refused.status, 503U) << "the window waits for the first request";
  EXPECT_EQ(header_value(refused.headers, "Retry-After"), "1");
  rig.pass(6);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems").status, 200U);
}

TEST_F(Nuisance, ASlowBmcDelaysEveryAnswerForABoundedTime) {
  add("bmc-slow@C01");
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems").delay, Disturbance::kSlowDelay);
  rig.pass(9);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems").delay.count(), 0);
}

TEST_F(Nuisance, BadJsonCutsSomeAnswersAndEnds) {
  add("bad-json@C01");
  int broken = 0;
  for (int i = 0; i < 20; ++i) broken += parse_object(rig.send("GET", "/redfish/v1/Systems").body) ? 0 : 1;
  EXPECT_EQ(broken, 5);
  rig.pass(6);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(parse_object(rig.send("GET", "/redfish/v1/Systems").body));
}

TEST_F(Nuisance, FloatAsIntLoosensNumbersButKeepsTheirValue) {
  add("float-as-int@C01");
  const json::object systems = rig.get("/redfish/v1/Systems");
  EXPECT_TRUE(systems.at("Members@odata.count").is_double());
  EXPECT_EQ(systems.at("Members@odata.count").as_double(), 2.0);
}

TEST(Multipart, ReadsPartsAndRefusesWhatIsCutShort) {
  const std::string body = multipart("{}", std::string("a\r\n--Xy\0b", 9));
  const auto parts = parse_multipart("multipart/form-data; boundary=\"XyZ\"", body);
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[1].body, std::string("a\r\n--Xy\0b", 9));
  EXPECT_EQ((*parts)[1].file_name, "image.fw");
  EXPECT_FALSE(parse_multipart("multipart/form-data", body));
  EXPECT_FALSE(parse_multipart("application/json", body));
  for (std::size_t length = 0; length + 6 < body.size(); length += 3) {
    EXPECT_FALSE(parse_multipart("multipart/form-data; boundary=XyZ", body.substr(0, length))) << length;
  }
}

TEST(Events, WhatIsLoggedLeavesThroughTheStreamAtOnce) {
  BmcRig rig;
  EXPECT_EQ(rig.send("GET", "/redfish/v1/EventService/SSE").status, 401U);
  rig.log_in();
  EXPECT_EQ(text(rig.get("/redfish/v1/EventService"), "ServerSentEventUri"), "/redfish/v1/EventService/SSE");
  const HttpResponse answer = rig.send("GET", "/redfish/v1/EventService/SSE");
  ASSERT_TRUE(answer.stream);
  EXPECT_EQ(answer.content_type, "text/event-stream");
  EXPECT_THAT(answer.stream->take(), HasSubstr(": this is the event stream"));
  const Result<FaultSpec> spec = parse_fault("leak@C01");
  ASSERT_TRUE(spec);
  ASSERT_TRUE(add_fault(*rig.rack, *spec));
  rig.pass(0.2);
  const std::string piece = answer.stream->take();
  EXPECT_THAT(piece, HasSubstr("data: {\"@odata.type\":\"#Event."));
  EXPECT_THAT(piece, HasSubstr("ResourceStatusChangedCritical"));
  EXPECT_THAT(piece, HasSubstr("/LeakDetectors/"));
  rig.pass(5);
  EXPECT_EQ(answer.stream->take(), "") << "once";
}

TEST(Events, ATestEventLeavesThroughTheStreamAndIsInNoLog) {
  BmcRig rig;
  rig.log_in();
  const std::string uri = "/redfish/v1/EventService/Actions/EventService.SubmitTestEvent";
  const HttpResponse answer = rig.send("GET", "/redfish/v1/EventService/SSE");
  ASSERT_TRUE(answer.stream);
  (void)answer.stream->take();
  EXPECT_EQ(rig.send("POST", uri, R"({"MessageId":"Base.1.13.Success","Message":"hello"})").status, 204U);
  const std::string piece = answer.stream->take();
  EXPECT_THAT(piece, HasSubstr("\"MessageId\":\"Base.1.13.Success\""));
  EXPECT_THAT(piece, HasSubstr("\"Message\":\"hello\""));
  EXPECT_THAT(rig.rack->find("C01")->events, testing::IsEmpty());
  EXPECT_EQ(rig.send("POST", uri, "{}").status, 400U);
  EXPECT_EQ(rig.send("POST", uri, R"({"MessageId":7})").status, 400U);
  EXPECT_EQ(rig.send("POST", uri, "[").status, 400U);
  EXPECT_EQ(answer.stream->take(), "");
}

TEST(Events, APowerShelfHasNone) {
  BmcRig rig("P01", "nvl72");
  rig.log_in();
  EXPECT_EQ(rig.send("GET", "/redfish/v1/EventService").status, 404U);
  EXPECT_EQ(rig.send("GET", "/redfish/v1/EventService/SSE").status, 404U);
}

}  // namespace
}  // namespace kiln::virtual_rack::test
