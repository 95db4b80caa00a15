#include "bmc/ability_proof.h"

#include <gtest/gtest.h>

#include <set>

#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

class AbilityProof : public Tray {
 protected:
  Result<BmcProof> prove() {
    RedfishOptions options;
    options.base_url = "https://bmc.test";
    client = std::make_unique<RedfishClient>(service.client(), std::move(options));
    return ask<Result<BmcProof>>([&](const Ctx& ctx) { return prove_abilities(ctx, *client); });
  }
  AbilityFinding finding(BmcAbility ability) {
    const Result<BmcProof> proof = prove();
    if (!proof) {
      ADD_FAILURE() << proof.error().sentence();
      return {};
    }
    return *proof->find(ability);
  }
  static bool looked(const AbilityFinding& finding, const std::string& uri, const std::string& saw) {
    for (const LookedAt& place : finding.looked_at) {
      if (place.uri == uri && place.saw.find(saw) != std::string::npos) return true;
    }
    return false;
  }
  std::unique_ptr<RedfishClient> client;
};

TEST_F(AbilityProof, EachAbilityHasOneFindingAndItsWords) {
  const Result<BmcProof> proof = prove();
  ASSERT_TRUE(proof) << proof.error().sentence();
  ASSERT_EQ(proof->findings.size(), kBmcAbilities.size());
  std::set<std::string> names;
  for (std::size_t i = 0; i < kBmcAbilities.size(); ++i) {
    EXPECT_EQ(proof->findings[i].ability, kBmcAbilities[i]);
    EXPECT_FALSE(proof->findings[i].evidence.empty()) << to_string(kBmcAbilities[i]);
    EXPECT_TRUE(names.insert(std::string(to_string(kBmcAbilities[i]))).second);
    EXPECT_FALSE(phrase(kBmcAbilities[i]).empty());
    EXPECT_FALSE(cure(kBmcAbilities[i]).empty());
    EXPECT_EQ(proof->findings[i].uri.empty(), proof->findings[i].proof != Proof::has);
    EXPECT_TRUE(proof->findings[i].proof != Proof::lacks || !proof->findings[i].looked_at.empty())
        << to_string(kBmcAbilities[i]) << " is said to be missing without a place";
  }
}

TEST_F(AbilityProof, NothingIsTriedThatChanges) {
  ASSERT_TRUE(prove());
  for (const std::string& line : service.log) EXPECT_TRUE(line.starts_with("GET ")) << line;
}

TEST_F(AbilityProof, AResetIsProvedByWhatItsActionTakes) {
  const AbilityFinding off = finding(BmcAbility::force_off);
  EXPECT_EQ(off.proof, Proof::has);
  EXPECT_EQ(off.uri, kHost + "/Actions/ComputerSystem.Reset");
  EXPECT_EQ(off.evidence, "ForceOff, of On, ForceOff, ForceRestart");
  const AbilityFinding graceful = finding(BmcAbility::graceful_shutdown);
  EXPECT_EQ(graceful.proof, Proof::lacks);
  EXPECT_TRUE(looked(graceful, off.uri, "takes On, ForceOff, ForceRestart"));
}

TEST_F(AbilityProof, AnActionThatDoesNotSayWhatItTakesIsSaidToBeOne) {
  service.bodies.erase(kHost + "/ResetActionInfo");
  EXPECT_EQ(finding(BmcAbility::graceful_shutdown).evidence,
            "GracefulShutdown; it does not say which reset types it takes");
}

TEST_F(AbilityProof, WhatIsMissingIsNamedWithThePlacesWhereItWasLookedFor) {
  const AbilityFinding leaks = finding(BmcAbility::leak_detectors);
  EXPECT_EQ(leaks.proof, Proof::lacks);
  EXPECT_TRUE(looked(leaks, "/redfish/v1/Chassis/Chassis_0", "no LeakDetectors"));
  EXPECT_TRUE(looked(leaks, "/redfish/v1/Chassis/Chassis_0", "no ThermalSubsystem"));
  EXPECT_TRUE(looked(leaks, "/redfish/v1/", "no ThermalEquipment"));
}

TEST_F(AbilityProof, AnUpdateServiceWithoutAPushOfItsOwnTakesNoImage) {
  service.bodies["/redfish/v1/UpdateService"] =
      R"({"@odata.id":"/redfish/v1/UpdateService","Id":"U","Actions":{"#UpdateService.SimpleUpdate":{"target":"/redfish/v1/UpdateService/Actions/SimpleUpdate"}}})";
  const AbilityFinding update = finding(BmcAbility::firmware_update);
  EXPECT_EQ(update.proof, Proof::lacks);
  EXPECT_NE(update.evidence.find("SimpleUpdate"), std::string::npos);
  EXPECT_TRUE(looked(update, "/redfish/v1/UpdateService", "no MultipartHttpPushUri"));
  service.bodies["/redfish/v1/UpdateService"] =
      R"({"@odata.id":"/redfish/v1/UpdateService","Id":"U","ServiceEnabled":false,"HttpPushUri":"/push"})";
  EXPECT_NE(finding(BmcAbility::firmware_update).evidence.find("disabled"), std::string::npos);
  service.bodies["/redfish/v1/UpdateService"] =
      R"({"@odata.id":"/redfish/v1/UpdateService","Id":"U","MultipartHttpPushUri":"/push"})";
  EXPECT_EQ(finding(BmcAbility::firmware_update).proof, Proof::has);
}

TEST_F(AbilityProof, APowerLimitThatMayOnlyBeReadIsNone) {
  EXPECT_EQ(finding(BmcAbility::gpu_power_limit).proof, Proof::has);
  const std::string environment = kGpu + "/EnvironmentMetrics";
  service.handler = [&](const HttpRequest& request, const std::string& path) -> std::optional<HttpResponse> {
    if (path != environment || request.method != "GET") return std::nullopt;
    return reply(200, service.bodies[environment],
                 {{"Content-Type", "application/json"}, {"Allow", "GET, HEAD"}});
  };
  const AbilityFinding limit = finding(BmcAbility::gpu_power_limit);
  EXPECT_EQ(limit.proof, Proof::lacks);
  EXPECT_TRUE(looked(limit, environment, "Allow: GET, HEAD"));
}

TEST_F(AbilityProof, ALinkToNothingIsMissingAndNotUnread) {
  service.bodies["/redfish/v1"].insert(1, R"("EventService":{"@odata.id":"/redfish/v1/EventService"},)");
  service.bodies["/redfish/v1/EventService"] =
      R"({"@odata.id":"/redfish/v1/EventService","Id":"E","Subscriptions":{"@odata.id":"/redfish/v1/EventService/Gone"},
          "ServerSentEventUri":"/redfish/v1/EventService/SSE"})";
  const AbilityFinding subscriptions = finding(BmcAbility::event_subscription);
  EXPECT_EQ(subscriptions.proof, Proof::lacks);
  EXPECT_TRUE(looked(subscriptions, "/redfish/v1/EventService/Gone", "nothing"));
  EXPECT_EQ(finding(BmcAbility::event_stream).uri, "/redfish/v1/EventService/SSE");
}

TEST_F(AbilityProof, WhatCannotBeReadIsNotMissing) {
  service.handler = [](const HttpRequest&, const std::string& path) -> std::optional<HttpResponse> {
    if (path != "/redfish/v1/Fabrics") return std::nullopt;
    return reply(200, R"({"error":{"code":"Base.1.0.InternalError","message":"no"}})");
  };
  const AbilityFinding links = finding(BmcAbility::nvlinks);
  EXPECT_EQ(links.proof, Proof::unread);
  EXPECT_FALSE(links.evidence.empty());
}

TEST_F(AbilityProof, ABmcThatFallsSilentIsNotAskedAboutEverything) {
  ASSERT_TRUE(ask<Result<BmcIdentity>>([&](const Ctx& ctx) { return bmc->identity(ctx); }));
  // Its identity is read, then nobody is there any more.
  std::size_t left = service.log.size();
  service.log.clear();
  service.handler = [&](const HttpRequest&, const std::string&) -> std::optional<HttpResponse> {
    if (left == 0) return reply(503);
    --left;
    return std::nullopt;
  };
  const Result<BmcProof> proof = prove();
  ASSERT_TRUE(proof) << proof.error().sentence();
  int unread = 0;
  for (const AbilityFinding& one : proof->findings) unread += one.proof == Proof::unread ? 1 : 0;
  EXPECT_GE(unread, 15);
  EXPECT_LT(service.log.size(), 80U);
}

TEST_F(AbilityProof, ABmcThatIsNotThereIsAnError) {
  service.bodies.clear();
  const Result<BmcProof> proof = prove();
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, "bmc.not_found");
}

TEST_F(AbilityProof, ASessionServiceTellsWhatItBears) {
  std::string& root = service.bodies["/redfish/v1"];
  root.insert(1, R"("SessionService":{"@odata.id":"/redfish/v1/SessionService"},)");
  service.bodies["/redfish/v1/SessionService"] =
      R"({"@odata.id":"/redfish/v1/SessionService","Id":"S","SessionTimeout":"1800","Oem":{"X":{"MaxConcurrentSessions":16}},
          "Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}})";
  service.bodies["/redfish/v1/SessionService/Sessions"] =
      collection({"/redfish/v1/SessionService/Sessions/1"});
  const Result<BmcProof> proof = prove();
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->sessions.timeout_seconds, 1800);
  EXPECT_EQ(proof->sessions.open, 1);
  EXPECT_EQ(proof->sessions.most, 16);
  EXPECT_EQ(proof->sessions.most_source, "MaxConcurrentSessions");
}

}  // namespace
}  // namespace kiln
