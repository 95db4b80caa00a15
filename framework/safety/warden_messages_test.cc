// What is said between station and warden survives the way, and nothing else gets through.
#include "safety/warden_messages.h"

#include <gtest/gtest.h>

#include <random>

namespace kiln {
namespace {

std::vector<WardenMessage> one_of_each() {
  WardenHello hello;
  hello.version = "0.1.0";
  hello.build_stamp = "abc";
  hello.run = "R-1";
  hello.journal = "/var/lib/x.guards";
  hello.rack_ends_with_us = true;
  WardenDut dut;
  dut.id = "C01";
  dut.bmc_url = "https://[::1]:4101";
  dut.bmc_trust.kind = TlsTrust::Kind::insecure;
  dut.bmc_trust.value = "a reason with \"quotes\"";
  dut.bmc_user = "root";
  dut.bmc_password = Secret("p\xC3\xA4ss");
  dut.jump_address = "10.0.1.1";
  dut.jump_port = 2200;
  dut.jump_user = "kiln";
  dut.jump_password = Secret("jump \"word\"");
  dut.jump_key_file = "/keys/jump";
  dut.jump_host_key = "ssh-ed25519 AAAB";
  dut.host_address = "127.0.0.1";
  dut.host_port = 65535;
  dut.host_key = "ssh-ed25519 AAAA";
  WardenGuard guard;
  guard.number = 1024;
  guard.undo = JournaledUndo(UndoKind::shell_command, "C01", "stop gpu_burn on C01");
  guard.undo.command = "pkill -TERM -x gpu_burn";
  guard.undo.step = "soak/load";
  WardenReady ready;
  ready.unreachable["C02"] = "no connection";
  hello.rules.leak_poll = std::chrono::milliseconds(250);
  dut.role = Role::switch_tray;
  dut.leak_detectors = {"LeakDetector_0", "Chassis_0/LeakDetector_1"};
  HazardRule flow;
  flow.kind = HazardKind::coolant_flow;
  flow.roles = {Role::cdu, Role::server};
  flow.min = 0.1;
  flow.max = 1e3;
  flow.least_share = 0.5;
  flow.required = true;
  hello.rules.hazards.rows = {flow};
  hello.rules.causes_that_cut_rack = {"lost-flow"};
  WardenHazard hazard;
  hazard.report =
      HazardReport{"C01", true, false, "C01: it is hot", "over_temperature.gpu", "GPU_0", {"x", "y"}};
  WardenMasked masked;
  masked.report =
      MaskReport{"C01", "LeakDetector_0", MaskReport::State::ended, "C01: 2m are over", 5, 6, 7, "dry"};
  WardenTripped tripped;
  tripped.trip.cause = "leak";
  tripped.trip.code = "leak.detected";
  tripped.trip.dut = "C01";
  tripped.trip.part = "LeakDetector_0";
  tripped.trip.message = "C01: leak detector LeakDetector_0 reports DetectorState Critical";
  tripped.trip.read = false;
  tripped.trip.detected_ns = 17;
  tripped.reach = {"C01", "C02"};
  WardenCut cut;
  cut.report = CutReport{"C01", 20, 30, "no answer"};
  WardenBuilding building;
  building.rack = "R01";
  building.access.broker = "mqtts://[::1]:8884";
  building.access.host = "::1";
  building.access.port = 8884;
  building.access.rack_location_id = "hall 3 / 17";
  building.access.integration = "KILN";
  building.access.tls.kind = TlsTrust::Kind::certificate_authority;
  building.access.tls.value = "/etc/kiln/bms.pem";
  building.access.certificate = "/etc/kiln/kiln.pem";
  building.access.has_equipment_leak = false;
  building.access.filters = {"BMS/v1/PUB/Metadata/Rack/#", "BMS/v1/PUB/Value/#"};
  building.user = "kiln";
  building.password = Secret("s3cret");
  building.key_file = "/etc/kiln/kiln.key";
  WardenIsolation isolation;
  isolation.report.liquid = true;
  isolation.report.why = "R01: a leak";
  isolation.report.asked_ns = 40;
  isolation.report.confirmed_ns = 50;
  isolation.report.said = "RackLiquidIsolationStatus reads Isolated (1)";
  return {hello,
          dut,
          building,
          WardenBegin{},
          WardenBeat{7},
          guard,
          WardenGuardEnd{3, GuardEnd::failed},
          WardenMask{"C01", "Chassis_0/LeakDetector_0"},
          WardenUnmask{},
          masked,
          WardenSilence{"C01", 4, std::chrono::minutes(10)},
          WardenSilenced{{"C01", 4, SilenceReport::State::ended, "C01: the station reads it again", 5}},
          WardenLeave{},
          ready,
          WardenRefused{"why"},
          WardenWatch{{"C01", false, "C01: not dry", "LeakDetector_0", "absent", "leak_detector.absent"}},
          tripped,
          cut,
          isolation,
          hazard,
          StopEverything{"anna", "smoke at C17", "R-1"},
          EverythingStopped{"R-1", {CutReport{"C01", 20, 30, ""}, CutReport{"C02", 0, 0, "no answer"}}},
          WardenActing{"why"},
          WardenDone{3, 1}};
}

TEST(WardenMessages, EachComesBackAsItWas) {
  const std::vector<WardenMessage> all = one_of_each();
  EXPECT_EQ(all.size(), std::variant_size_v<WardenMessage>);
  for (const WardenMessage& message : all) {
    const std::string text = encode(message);
    const Result<WardenMessage> back = decode_warden_message(text);
    ASSERT_TRUE(back) << back.error().message << " " << text;
    EXPECT_EQ(back->index(), message.index());
    EXPECT_EQ(encode(*back), text);
  }
  const auto dut = std::get<WardenDut>(*decode_warden_message(encode(all[1])));
  EXPECT_EQ(dut.bmc_password.expose(), "p\xC3\xA4ss");
  EXPECT_EQ(dut.bmc_trust.kind, TlsTrust::Kind::insecure);
  const auto building = std::get<WardenBuilding>(*decode_warden_message(encode(all[2])));
  EXPECT_EQ(building.password.expose(), "s3cret");
  EXPECT_EQ(building.access.filters.size(), 2U);
  EXPECT_FALSE(building.access.has_equipment_leak);
  const auto hello = std::get<WardenHello>(*decode_warden_message(encode(all[0])));
  ASSERT_EQ(hello.rules.hazards.rows.size(), 1U);
  const HazardRule& flow = hello.rules.hazards.rows.front();
  EXPECT_EQ(flow.kind, HazardKind::coolant_flow);
  EXPECT_EQ(flow.roles, (std::vector<Role>{Role::cdu, Role::server}));
  EXPECT_EQ(flow.min, 0.1);
  EXPECT_EQ(flow.max, 1000.0);
  EXPECT_EQ(flow.least_share, 0.5);
  EXPECT_TRUE(flow.required);
  EXPECT_TRUE(hello.rules.causes_that_cut_rack.contains("lost-flow"));
}

TEST(WardenMessages, AHazardRuleThatWouldWatchNothingIsNone) {
  WardenHello hello = std::get<WardenHello>(one_of_each()[0]);
  ASSERT_TRUE(decode_warden_message(encode(hello)));
  hello.rules.hazards.rows.emplace_back();
  const Result<WardenMessage> read = decode_warden_message(encode(hello));
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("hazards"), std::string::npos) << read.error().message;
}

TEST(WardenMessages, WhatIsCutShortOrChangedIsRefusedOrStillAMessage) {
  std::mt19937 random(20260101);
  for (const WardenMessage& message : one_of_each()) {
    const std::string text = encode(message);
    for (std::size_t length = 0; length < text.size(); ++length)
      EXPECT_FALSE(decode_warden_message(text.substr(0, length))) << text.substr(0, length);
    for (int times = 0; times < 2000; ++times) {
      std::string changed = text;
      for (int bytes = 0; bytes < 3; ++bytes)
        changed[random() % changed.size()] = static_cast<char>(random() % 256);
      const Result<WardenMessage> read = decode_warden_message(changed);
      if (!read) {
        EXPECT_TRUE(read.error().code == "warden.garbage" || read.error().code == "warden.unknown");
      }
    }
  }
}

TEST(WardenMessages, ABuildingThatCouldNotBeTrustedIsNone) {
  const WardenBuilding good = std::get<WardenBuilding>(one_of_each()[2]);
  const auto refused = [](const WardenBuilding& building) {
    const Result<WardenMessage> read = decode_warden_message(encode(building));
    return !read && read.error().code == "warden.garbage";
  };
  EXPECT_FALSE(refused(good));
  WardenBuilding bad = good;
  bad.access.tls.kind = TlsTrust::Kind::pin;
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.access.tls.value.clear();
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.rack.clear();
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.access.rack_location_id.clear();
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.access.port = 0;
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.access.has_rack_leak = false;
  EXPECT_TRUE(refused(bad)) << "no leak point at all";
}

TEST(WardenMessages, OtherProtocolsTypesAndValuesAreNamed) {
  EXPECT_EQ(decode_warden_message(R"({"protocol":2,"type":"beat","number":1})").error().code,
            "warden.unknown");
  EXPECT_EQ(decode_warden_message(R"({"protocol":8,"type":"open_valve"})").error().code, "warden.unknown");
  for (const char* text :
       {"", "null", "[]", "{}", R"({"protocol":8})", R"({"protocol":8,"type":"beat","number":-1})",
        R"({"protocol":8,"type":"beat","number":"1"})",
        R"({"protocol":8,"type":"guard_end","number":1,"how":"maybe"})",
        R"({"protocol":8,"type":"ready","version":"","build_stamp":"","unreachable":{"C01":1}})"}) {
    const Result<WardenMessage> read = decode_warden_message(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, "warden.garbage") << text;
  }
}

}  // namespace
}  // namespace kiln
