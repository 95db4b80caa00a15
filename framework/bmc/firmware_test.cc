#include <gtest/gtest.h>

#include "bmc/firmware_update.h"
#include "bmc/large_body.h"
#include "bmc/redfish_time.h"
#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

class Update : public Tray {
 protected:
  Update() {
    service.bodies["/redfish/v1/UpdateService"] =
        R"({"@odata.id":"/redfish/v1/UpdateService","Id":"U","MultipartHttpPushUri":"/redfish/v1/push",
      "FirmwareInventory":{"@odata.id":"/redfish/v1/FI"},"MaxImageSizeBytes":1000})";
    service.bodies["/redfish/v1/FI"] = collection({"/redfish/v1/FI/UEFI", "/redfish/v1/FI/Fixed"});
    service.bodies["/redfish/v1/FI/UEFI"] = R"({"Id":"UEFI","Version":" 1.04 ","Updateable":true})";
    service.bodies["/redfish/v1/FI/Fixed"] = R"({"Id":"Fixed","Version":null,"Updateable":"false"})";
    request.component = "UEFI";
    request.image_name = "bios\".fw";
    request.image = std::string("\r\n--bin\0ary", 11);
  }
  Result<UpdateOutcome> update(Nanoseconds budget = 10min) {
    const Permit permit = PermitOffice::make(Energy::flash, valid);
    return ask<Result<UpdateOutcome>>(
        [&](const Ctx& ctx) {
          return bmc->update_firmware(ctx, permit, request,
                                      [this](const UpdateProgress& p) { progress.push_back(p); });
        },
        budget);
  }
  void accept() {
    service.once["POST /redfish/v1/push"].push_back(
        reply(202, R"({"@odata.id":"/redfish/v1/TaskService/Tasks/7","Id":"7"})",
              {{"Location", "/redfish/v1/TaskMonitor/7"}}));
  }
  void task(const std::string& state, int percent, const std::string& status = "OK") {
    service.once["GET /redfish/v1/TaskService/Tasks/7"].push_back(
        reply(200, R"({"Id":"7","TaskState":")" + state + R"(","TaskStatus":")" + status +
                       R"(","PercentComplete":)" + std::to_string(percent) + "}"));
  }
  UpdateRequest request;
  std::vector<UpdateProgress> progress;
};

TEST_F(Update, InventoryIsTidy) {
  const auto items =
      ask<Result<std::vector<FirmwareItem>>>([&](const Ctx& ctx) { return bmc->firmware(ctx); });
  ASSERT_TRUE(items);
  ASSERT_EQ(items->size(), 2U);
  EXPECT_EQ(items->at(0).version, "1.04");
  EXPECT_EQ(items->at(1).version, "");
  EXPECT_EQ(items->at(1).updateable, false);
}

TEST_F(Update, WithoutABiosInTheInventoryTheSystemsVersionStands) {
  service.bodies["/redfish/v1/FI"] = collection({});
  const auto items =
      ask<Result<std::vector<FirmwareItem>>>([&](const Ctx& ctx) { return bmc->firmware(ctx); });
  ASSERT_EQ(items->size(), 1U);
  EXPECT_EQ(items->at(0).id, "BiosVersion");
  EXPECT_EQ(items->at(0).version, "1.04");
}

TEST_F(Update, PushesAFormAndFollowsTheTask) {
  accept();
  task("New", 0);
  task("Downloading…", 20);
  task("Running", 80);
  task("Completed", 100);
  const auto outcome = update();
  ASSERT_TRUE(outcome) << outcome.error().full();
  EXPECT_TRUE(outcome->task_ok);
  EXPECT_EQ(progress.size(), 4U);
  for (const HttpRequest& sent : service.requests) {
    if (sent.method != "POST") continue;
    EXPECT_NE(sent.body.find(request.image), std::string::npos);
    EXPECT_NE(sent.body.find(R"("Targets":["/redfish/v1/FI/UEFI"])"), std::string::npos);
    EXPECT_NE(sent.body.find("filename=\"bios.fw\""), std::string::npos);
  }
}

TEST_F(Update, ATaskThatEndsInExceptionIsNotOkEvenAt100Percent) {
  accept();
  task("Running", 100);
  task("Exception", 100);
  EXPECT_FALSE(update()->task_ok);
}

TEST_F(Update, ATaskThatVanishesIsSaidToHaveVanished) {
  accept();
  task("Running", 50);
  const auto outcome = update();
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->task_vanished);
  EXPECT_FALSE(outcome->task_ok);
}

TEST_F(Update, ATaskThatNeverEndsEndsAtTheDeadline) {
  accept();
  service.bodies["/redfish/v1/TaskService/Tasks/7"] =
      R"({"Id":"7","TaskState":"foobared","PercentComplete":3})";
  const auto outcome = update(30s);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "ctx.deadline");
}

TEST_F(Update, ABmcThatResetsWhileItFlashesIsWaitedForAndItsTaskFollowedToTheEnd) {
  accept();
  // Away for some minutes: refused connections, then a service that is still starting.
  for (int i = 0; i < 30; ++i) {
    service.broken["GET /redfish/v1/TaskService/Tasks/7"].push_back(
        Error("http.connect", "connection refused", "", Blame::peer));
  }
  for (int i = 0; i < 4; ++i) service.once["GET /redfish/v1/TaskService/Tasks/7"].push_back(reply(503, "{}"));
  task("Running", 80);
  task("Completed", 100);
  const auto outcome = update(1h);
  ASSERT_TRUE(outcome) << outcome.error().full();
  EXPECT_TRUE(outcome->task_ok);
  EXPECT_FALSE(outcome->task_vanished);
  EXPECT_EQ(service.count("POST /redfish/v1/push"), 1) << "the image is sent once";
  EXPECT_FALSE(bmc->take_disturbances().empty()) << "the silence is on record";
}

TEST_F(Update, ABmcThatLostTheTaskInItsResetLeavesTheAnswerToTheInventory) {
  accept();
  for (int i = 0; i < 10; ++i) {
    service.broken["GET /redfish/v1/TaskService/Tasks/7"].push_back(
        Error("http.connect", "connection refused", "", Blame::peer));
  }
  const auto outcome = update(1h);
  ASSERT_TRUE(outcome) << outcome.error().full();
  EXPECT_TRUE(outcome->task_vanished);
  EXPECT_FALSE(outcome->task_ok);
}

TEST_F(Update, ABmcThatDoesNotComeBackIsAnErrorAndNeverASuccess) {
  accept();
  for (int i = 0; i < 5000; ++i) {
    service.broken["GET /redfish/v1/TaskService/Tasks/7"].push_back(
        Error("http.connect", "connection refused", "", Blame::peer));
  }
  const auto outcome = update(1h);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().full().find("waiting for the update"), std::string::npos)
      << outcome.error().full();
}

TEST_F(Update, WrongWishesAreRefusedBeforeAnythingIsSent) {
  request.component = "UEFl";
  EXPECT_EQ(update().error().code, "firmware.unknown_component");
  EXPECT_NE(update().error().message.find("UEFI"), std::string::npos) << "the nearest name is suggested";
  request.component = "Fixed";
  EXPECT_EQ(update().error().code, "firmware.not_updateable");
  request.component = "UEFI";
  request.image.assign(1001, 'x');
  EXPECT_EQ(update().error().code, "firmware.image_too_large");
  *valid = false;
  EXPECT_EQ(update().error().code, "permit.revoked");
  EXPECT_EQ(service.count("POST /redfish/v1/push"), 0);
}

TEST_F(Update, TheTargetsAndTheImageTypeOfTheRequestAreSent) {
  request.targets = std::vector<std::string>{};
  request.image_type = "PLDM";
  accept();
  task("Completed", 100);
  ASSERT_TRUE(update());
  for (const HttpRequest& sent : service.requests) {
    if (sent.method != "POST") continue;
    EXPECT_NE(sent.body.find(R"("Targets":[])"), std::string::npos);
    EXPECT_NE(sent.body.find("name=\"OemParameters\""), std::string::npos);
    EXPECT_NE(sent.body.find(R"({"ImageType":"PLDM"})"), std::string::npos);
  }
}

TEST_F(Update, WhatTheBmcFetchesItselfGoesBySimpleUpdate) {
  request.image.clear();
  request.uri = "https://files/uefi.fw";
  EXPECT_EQ(update().error().code, "bmc.unsupported") << "it offers no such action";
  service.bodies["/redfish/v1/UpdateService"] =
      R"({"@odata.id":"/redfish/v1/UpdateService","Id":"U","FirmwareInventory":{"@odata.id":"/redfish/v1/FI"},
    "Actions":{"#UpdateService.SimpleUpdate":{"target":"/redfish/v1/US/SimpleUpdate",
      "TransferProtocol@Redfish.AllowableValues":["HTTPS","SCP"]}}})";
  service.once["POST /redfish/v1/US/SimpleUpdate"].push_back(
      reply(202, R"({"@odata.id":"/redfish/v1/TaskService/Tasks/7"})"));
  task("Completed", 100);
  const auto outcome = update();
  ASSERT_TRUE(outcome) << outcome.error().full();
  EXPECT_TRUE(outcome->task_ok);
  EXPECT_EQ(
      service.requests.at(service.requests.size() - 2).body,
      R"({"ImageURI":"https://files/uefi.fw","TransferProtocol":"HTTPS","Targets":["/redfish/v1/FI/UEFI"]})");
  request.uri = "tftp://files/uefi.fw";
  EXPECT_NE(update().error().message.find("it offers HTTPS, SCP"), std::string::npos);
}

/// A service that can be reserved, and keeps what is written to it.
class ReservedUpdate : public Update {
 protected:
  ReservedUpdate() {
    show();
    service.handler = [this](const HttpRequest& sent,
                             const std::string& path) -> std::optional<HttpResponse> {
      if (sent.method != "PATCH" || path != "/redfish/v1/UpdateService") return std::nullopt;
      patches.push_back(sent.body);
      busy = sent.body.find("true") != std::string::npos;
      show();
      return reply(204);
    };
  }
  void show() {
    service.bodies["/redfish/v1/UpdateService"] =
        std::string(
            R"({"@odata.id":"/redfish/v1/UpdateService","Id":"U","MultipartHttpPushUri":"/redfish/v1/push",
      "FirmwareInventory":{"@odata.id":"/redfish/v1/FI"},"HttpPushUriTargetsBusy":)") +
        (busy ? "true" : "false") + R"(,"HttpPushUriTargets":[)" + targets + "]}";
  }
  bool busy = false;
  std::string targets;
  std::vector<std::string> patches;
};

TEST_F(ReservedUpdate, AServiceThatCanBeReservedIsAndIsReleased) {
  accept();
  task("Completed", 100);
  ASSERT_TRUE(update());
  ASSERT_EQ(patches.size(), 2U);
  EXPECT_EQ(patches[0], R"({"HttpPushUriTargetsBusy":true,"HttpPushUriTargets":["/redfish/v1/FI/UEFI"]})");
  EXPECT_EQ(patches[1], R"({"HttpPushUriTargetsBusy":false,"HttpPushUriTargets":[]})");
}

TEST_F(ReservedUpdate, ItIsReleasedAlsoWhenTheImageIsRefusedOrTheTimeIsOver) {
  service.once["POST /redfish/v1/push"].push_back(reply(400, "{}"));
  EXPECT_FALSE(update());
  EXPECT_EQ(patches.size(), 2U);
  accept();
  service.bodies["/redfish/v1/TaskService/Tasks/7"] = R"({"Id":"7","TaskState":"Running"})";
  EXPECT_EQ(update(30s).error().code, "ctx.deadline");
  ASSERT_EQ(patches.size(), 4U);
  EXPECT_FALSE(busy);
}

TEST_F(ReservedUpdate, WhatSomebodyElseHasReservedIsNotWritten) {
  busy = true;
  targets = "\"/redfish/v1/FI/Other\"";
  show();
  const auto outcome = update();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "firmware.reserved");
  EXPECT_NE(outcome.error().message.find("/redfish/v1/FI/Other"), std::string::npos);
  EXPECT_EQ(service.count("POST /redfish/v1/push"), 0);
  EXPECT_TRUE(patches.empty()) << "nor released, because it is not ours";
}

TEST_F(ReservedUpdate, OurOwnReservationOfBeforeACrashIsTakenOver) {
  busy = true;
  targets = "\"/redfish/v1/FI/UEFI\"";
  show();
  accept();
  task("Completed", 100);
  ASSERT_TRUE(update());
  EXPECT_FALSE(busy);
  const std::vector<std::string> said = bmc->take_disturbances();
  ASSERT_FALSE(said.empty());
  EXPECT_NE(said.front().find("taken over"), std::string::npos);
}

TEST_F(ReservedUpdate, AReservationForNothingIsNeverTakenForOurs) {
  busy = true;
  show();
  request.targets = std::vector<std::string>{};
  EXPECT_EQ(update().error().code, "firmware.reserved");
  EXPECT_EQ(service.count("POST /redfish/v1/push"), 0);
}

TEST_F(Update, AnImageThatIsAcceptedWithoutATaskIsNotKnownToBeWritten) {
  service.once["POST /redfish/v1/push"].push_back(reply(202, "{}"));
  const auto outcome = update();
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->task_ok);
  EXPECT_TRUE(outcome->task_vanished);
}

TEST_F(Update, AnUploadMayTakeAsLongAsItsWrite) {
  accept();
  task("Completed", 100);
  ASSERT_TRUE(update(10min));
  for (const HttpRequest& sent : service.requests) {
    if (sent.method != "POST") continue;
    ASSERT_TRUE(sent.timeout);
    EXPECT_GT(*sent.timeout, 9min);
  }
}

TEST_F(Update, ABigImageIsSentWithEverybodysTurnInBetween) {
  constexpr std::size_t kSlices = 20;
  service.bodies["/redfish/v1/UpdateService"] =
      R"({"@odata.id":"/redfish/v1/UpdateService","Id":"U","MultipartHttpPushUri":"/redfish/v1/push",
      "FirmwareInventory":{"@odata.id":"/redfish/v1/FI"}})";
  request.image.assign(kSlices * kBodySlice, 'k');  // the first sign of each boundary
  accept();
  task("Completed", 100);
  const std::int64_t before_ns = desk.now_ns();
  const auto outcome = update();
  ASSERT_TRUE(outcome) << outcome.error().full();
  EXPECT_TRUE(outcome->task_ok);
  // Searched once and copied three times, with a turn of 1 ms for others after each slice.
  EXPECT_GE(desk.now_ns() - before_ns, Nanoseconds(4 * (kSlices - 1) * 1ms).count());
  for (const HttpRequest& sent : service.requests) {
    if (sent.method == "POST" && sent.url.ends_with("/push")) {
      EXPECT_NE(sent.body.find(request.image), std::string::npos);
    }
  }
}

/// Tasks that somebody has begun.
class UnderWay : public Update {
 protected:
  UnderWay() {
    std::string& root = service.bodies["/redfish/v1"];
    root.insert(root.find("\"Systems\""), R"("Tasks":{"@odata.id":"/redfish/v1/TaskService"},)");
    service.bodies["/redfish/v1/TaskService"] =
        R"({"Id":"T","Tasks":{"@odata.id":"/redfish/v1/TaskService/Tasks"}})";
    service.bodies["/redfish/v1/TaskService/Tasks"] =
        collection({"/redfish/v1/TaskService/Tasks/3", "/redfish/v1/TaskService/Tasks/7"});
    service.bodies["/redfish/v1/TaskService/Tasks/3"] =
        R"({"@odata.id":"/redfish/v1/TaskService/Tasks/3","Id":"3","Name":"Crash dump","TaskState":"Running"})";
    show_task("Running");
  }
  void show_task(const std::string& state) {
    service.bodies["/redfish/v1/TaskService/Tasks/7"] =
        R"({"@odata.id":"/redfish/v1/TaskService/Tasks/7","Id":"7","Name":"Task 7","TaskState":")" + state +
        R"(","Messages":[{"MessageId":"Update.1.0.TransferringToComponent","Message":"goes on"}]})";
  }
  Result<std::size_t> under_way() {
    return ask<Result<std::size_t>>([this](const Ctx& ctx) { return bmc->updates_under_way(ctx); });
  }
  Result<std::vector<UpdateOutcome>> wait() {
    return ask<Result<std::vector<UpdateOutcome>>>(
        [this](const Ctx& ctx) { return bmc->wait_for_updates(ctx, {}); }, 1h);
  }
};

TEST_F(UnderWay, OnlyUpdatesThatHaveNotEndedCount) {
  EXPECT_EQ(*under_way(), 1U) << "a dump is no update";
  show_task("Completed");
  EXPECT_EQ(*under_way(), 0U);
  EXPECT_TRUE(wait()->empty());
}

TEST_F(UnderWay, AreWaitedForToTheirEnd) {
  int asked = 0;
  service.handler = [&](const HttpRequest&, const std::string& path) -> std::optional<HttpResponse> {
    if (path == "/redfish/v1/TaskService/Tasks/7" && ++asked == 5) show_task("Completed");
    return std::nullopt;
  };
  const auto ended = wait();
  ASSERT_TRUE(ended) << ended.error().full();
  ASSERT_EQ(ended->size(), 1U);
  EXPECT_TRUE(ended->front().task_ok);
  EXPECT_EQ(ended->front().message_ids.front(), "Update.1.0.TransferringToComponent");
}

TEST_F(UnderWay, OneThatNobodyFinishesIsForAPersonToSee) {
  const auto ended = wait();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "firmware.update_under_way");
}

TEST_F(UnderWay, AServiceWithoutTasksHasNone) {
  service.bodies.erase("/redfish/v1/TaskService");
  EXPECT_EQ(*under_way(), 0U);
}

// ---------------------------------------------------------------- all power

class FullPowerCycle : public Tray {
 protected:
  Status cycle() {
    const Permit permit = PermitOffice::make(Energy::power, valid);
    return ask<Status>([&](const Ctx& ctx) { return bmc->full_power_cycle(ctx, permit); });
  }
  std::string sent_to() {
    std::string line;
    for (const HttpRequest& request : service.requests) {
      if (request.method == "POST")
        line = request.url.substr(request.url.find("/redfish")) + " " + request.body;
    }
    return line;
  }
};

TEST_F(FullPowerCycle, IsTheSystemsOwnWhereItOffersIt) {
  service.bodies[kHost + "/ResetActionInfo"] =
      R"({"Id":"i","Parameters":[{"Name":"ResetType","AllowableValues":["On","FullPowerCycle"]}]})";
  service.once["POST " + kHost + "/Actions/ComputerSystem.Reset"].push_back(reply(204));
  ASSERT_TRUE(cycle());
  EXPECT_EQ(sent_to(), kHost + R"(/Actions/ComputerSystem.Reset {"ResetType":"FullPowerCycle"})");
}

TEST_F(FullPowerCycle, IsTheAuxiliaryPowerOfNvidiasChassis) {
  service.bodies["/redfish/v1/Chassis"] = collection({"/redfish/v1/Chassis/BMC_0"});
  service.bodies["/redfish/v1/Chassis/BMC_0"] =
      R"({"@odata.id":"/redfish/v1/Chassis/BMC_0","Id":"BMC_0","Actions":{"Oem":{"#NvidiaChassis.AuxPowerReset":
      {"target":"/redfish/v1/Chassis/BMC_0/Actions/Oem/NvidiaChassis.AuxPowerReset"}}}})";
  service.once["POST /redfish/v1/Chassis/BMC_0/Actions/Oem/NvidiaChassis.AuxPowerReset"].push_back(
      reply(204));
  ASSERT_TRUE(cycle());
  EXPECT_EQ(
      sent_to(),
      R"(/redfish/v1/Chassis/BMC_0/Actions/Oem/NvidiaChassis.AuxPowerReset {"ResetType":"AuxPowerCycle"})");
}

TEST_F(FullPowerCycle, IsAnErrorWhereNobodyOffersIt) {
  EXPECT_EQ(cycle().error().code, "bmc.unsupported");
  *valid = false;
  EXPECT_EQ(cycle().error().code, "permit.revoked");
}

TEST(TaskVerdict, KnowsTheWordsInAndOutsideTheStandard) {
  EXPECT_EQ(task_verdict("Completed", "OK"), TaskVerdict::succeeded);
  EXPECT_EQ(task_verdict("Completed", "Critical"), TaskVerdict::failed);
  EXPECT_EQ(task_verdict("Failed", "OK"), TaskVerdict::failed);
  EXPECT_EQ(task_verdict("Scheduled", "OK"), TaskVerdict::working);
  EXPECT_EQ(task_verdict("", ""), TaskVerdict::working);
}

TEST_F(Tray, EventLogIsOldestFirstAndFiltered) {
  service.bodies[kHost + "/LogServices"] =
      collection({kHost + "/LogServices/SEL", kHost + "/LogServices/Dump"});
  service.bodies[kHost + "/LogServices/Dump"] =
      R"({"Id":"Dump","Entries":{"@odata.id":"/redfish/v1/never"}})";
  service.bodies[kHost + "/LogServices/SEL"] = R"({"Id":"SEL","Entries":{"@odata.id":"/redfish/v1/E"}})";
  service.bodies["/redfish/v1/E"] = R"({"Members":[
    {"@odata.id":"/redfish/v1/E/3","Id":"3","Created":"2026-03-01T12:00:00.5+01:00","Message":"third"},
    {"@odata.id":"/redfish/v1/E/1","Id":"1","Created":"2026-03-01T10:00:00Z","Message":"first","Severity":"OK"},
    {"@odata.id":"/redfish/v1/E/2","Id":"2","Created":"01 Mar 2026, 10:30:00.000 AM","Message":"second","Links":{"OriginOfCondition":{"@odata.id":"/o"}}},
    {"@odata.id":"/redfish/v1/E/x","Id":"x","Created":"","Message":"when?"}]})";
  const auto log = [&](const std::string& after) {
    std::string text;
    const auto entries =
        ask<Result<std::vector<LogEntry>>>([&](const Ctx& ctx) { return bmc->event_log(ctx, after); });
    EXPECT_TRUE(entries);
    for (const LogEntry& entry : *entries) text += entry.message + " ";
    return text;
  };
  EXPECT_EQ(log(""), "when? first second third ");
  EXPECT_EQ(log("2026-03-01T10:30:00Z"), "when? third ");
  EXPECT_EQ(service.count("GET /redfish/v1/never"), 0);
}

TEST_F(Tray, TheClockOffsetIsTheirsMinusOurs) {
  // The simulated clock starts at 2023-11-14T22:13:20Z.
  const auto offset =
      ask<Result<std::optional<double>>>([&](const Ctx& ctx) { return bmc->clock_offset(ctx); });
  ASSERT_TRUE(offset);
  ASSERT_TRUE(*offset);
  EXPECT_NEAR(**offset, 120.0, 0.1);
}

TEST(RedfishTime, ReadsTheWaysBmcsPrintIt) {
  const std::int64_t noon = 1'772'366'400'000'000'000;  // 2026-03-01T12:00:00Z
  EXPECT_EQ(parse_redfish_time("2026-03-01T12:00:00Z"), noon);
  EXPECT_EQ(parse_redfish_time("2026-03-01T12:00:00"), noon) << "without zone: UTC";
  EXPECT_EQ(parse_redfish_time("2026-03-01 14:00:00+0200"), noon);
  EXPECT_EQ(parse_redfish_time("2026-03-01T06:30:00.123456789-05:30"), noon + 123'456'789);
  EXPECT_EQ(parse_redfish_time("2026-03-01T12:00:00.5Z"), noon + 500'000'000);
  EXPECT_EQ(parse_redfish_time("01 Mar 2026, 12:00:00.000 PM"), noon);
  EXPECT_EQ(parse_redfish_time("01 Mar 2026, 12:00:00.000 AM"), noon - 43'200'000'000'000);
  for (const char* text : {"", "N/A", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "03/01/2026 12:00:00",
                           "2026-03-01T12:00:00Zz", "2026-03-01", "99999-01-01T00:00:00Z",
                           "1 Foo 2026, 01:00:00", "2026-03-01T25:00:00Z"}) {
    EXPECT_FALSE(parse_redfish_time(text)) << text;
  }
}

}  // namespace
}  // namespace kiln
