#include "bmc/redfish_bmc.h"

#include <gtest/gtest.h>

#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

TEST_F(Tray, IdentityTakesTheSerialOfTheTrayNotOfTheBaseboard) {
  const auto identity = ask<Result<BmcIdentity>>([&](const Ctx& ctx) { return bmc->identity(ctx); });
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->serial, "J901");
  EXPECT_EQ(identity->serial_source, "/redfish/v1/Chassis/Chassis_0");
  EXPECT_EQ(identity->product, "P3809");
  EXPECT_EQ(identity->manager_firmware, "3.00.0");
}

TEST_F(Tray, TheSlotIsTheOutermostChassisPlaceInTheRack) {
  const auto slot = [&] {
    bmc = service.bmc();
    return ask<Result<BmcIdentity>>([&](const Ctx& ctx) { return bmc->identity(ctx); })->slot;
  };
  EXPECT_EQ(slot(), std::nullopt) << "a BMC that does not say";
  std::string& tray = service.bodies["/redfish/v1/Chassis/Chassis_0"];
  const std::string silent = tray;
  const auto with = [&](const std::string& location) {
    tray = silent;
    tray.insert(tray.size() - 1, R"(,"Location":)" + location);
  };
  with(R"({"Placement":{"RackOffset":11,"RackOffsetUnits":"EIA_310"}})");
  EXPECT_EQ(slot(), 11);
  with(R"({"PartLocation":{"LocationType":"Slot","LocationOrdinalValue":"12"}})");
  EXPECT_EQ(slot(), 12);
  with(R"({"PartLocation":{"LocationType":"Bay","LocationOrdinalValue":3}})");
  EXPECT_EQ(slot(), std::nullopt) << "a bay of the tray is no slot of the rack";
  with(R"({"Placement":{"RackOffset":4000}})");
  EXPECT_EQ(slot(), std::nullopt);
  with(R"({"Placement":{"RackOffset":11}},"Links":{"ContainedBy":{"@odata.id":"/redfish/v1/Chassis/x"}})");
  EXPECT_EQ(slot(), std::nullopt) << "the place of a part inside is not the place of the tray";
}

TEST_F(Tray, PartsNobodyCouldListAreHiddenAndNotAbsent) {
  const auto of_kind = [&](ComponentKind kind) {
    bmc = service.bmc();
    const auto parts = ask<Result<std::vector<Part>>>([&](const Ctx& ctx) { return bmc->parts(ctx); });
    std::string text;
    if (!parts) return parts.error().code;
    for (const Part& part : *parts) {
      if (part.kind == kind) text += part.name + (part.unread.empty() ? " " : "? ");
    }
    return text;
  };
  EXPECT_EQ(of_kind(ComponentKind::gpu), "GPU_0 ");
  const std::string processors = kBoard + "/Processors";
  const auto good = service.bodies;
  for (const char* garbage : {"{\"Members\":[", "{\"error\":{\"code\":\"Base.1.15.0.InternalError\"}}"}) {
    service.bodies[processors] = garbage;
    EXPECT_EQ(of_kind(ComponentKind::gpu), "? ") << garbage;
    EXPECT_EQ(of_kind(ComponentKind::cpu), "? ");
    EXPECT_EQ(of_kind(ComponentKind::memory), "DIMM_0 ") << "what can be read hides nothing";
    EXPECT_FALSE(gpus()) << "a reading of GPUs that could not be found is no reading of none";
    service.bodies = good;
    service.bodies[kGpu] = garbage;
    EXPECT_EQ(of_kind(ComponentKind::gpu), "? ") << "one that is listed and cannot be read may be the GPU";
    EXPECT_EQ(of_kind(ComponentKind::cpu), "CPU_0 ? ");
    service.bodies = good;
    service.bodies[kBoard + "/Memory/DIMM_0"] = garbage;
    EXPECT_EQ(of_kind(ComponentKind::memory), "DIMM_0? ");
    service.bodies = good;
    service.bodies[kBoard] = garbage;
    EXPECT_EQ(of_kind(ComponentKind::gpu), "? ") << "below a system that cannot be read";
    service.bodies = good;
  }
  service.bodies.erase(processors);
  EXPECT_EQ(of_kind(ComponentKind::gpu), "") << "a link to nothing is an empty list";
}

TEST_F(Tray, PowerIsTheHostSystemsNotTheBaseboards) {
  EXPECT_EQ(*ask<Result<PowerState>>([&](const Ctx& ctx) { return bmc->power_state(ctx); }), PowerState::off);
  const std::string reset = "POST " + kHost + "/Actions/ComputerSystem.Reset";
  service.once[reset].push_back(reply(204));
  const Permit permit = PermitOffice::make(Energy::power, valid);
  EXPECT_TRUE(ask<Status>([&](const Ctx& ctx) { return bmc->power_on(ctx, permit); }));
  EXPECT_EQ(service.requests.back().body, R"({"ResetType":"On"})");
}

TEST_F(Tray, EnergyNeedsAValidPermitOfItsKind) {
  const Permit wrong = PermitOffice::make(Energy::flash, valid);
  const auto on = [&](const Permit& permit) {
    return ask<Status>([&](const Ctx& ctx) { return bmc->power_on(ctx, permit); }).error().code;
  };
  EXPECT_EQ(on(wrong), "permit.wrong_energy");
  const Permit revoked = PermitOffice::make(Energy::power, std::make_shared<bool>(false));
  EXPECT_EQ(on(revoked), "permit.revoked");
  EXPECT_EQ(ask<Status>([&](const Ctx& ctx) { return bmc->restart(ctx, revoked); }).error().code,
            "permit.revoked");
  EXPECT_TRUE(service.log.empty()) << "nothing was asked of the BMC";
}

TEST_F(Tray, APermitRevokedBetweenRepetitionsEndsThem) {
  const Permit permit = PermitOffice::make(Energy::power, valid);
  service.handler = [&](const HttpRequest& request, const std::string&) -> std::optional<HttpResponse> {
    if (request.method != "POST") return std::nullopt;
    *valid = false;
    return reply(503);
  };
  EXPECT_EQ(ask<Status>([&](const Ctx& ctx) { return bmc->power_on(ctx, permit); }).error().code,
            "permit.revoked");
  EXPECT_EQ(service.count("POST " + kHost + "/Actions/ComputerSystem.Reset"), 1);
}

TEST_F(Tray, ForceOffIsRepeatedAndBeingOffAlreadyIsFine) {
  const std::string reset = "POST " + kHost + "/Actions/ComputerSystem.Reset";
  service.broken[reset].push_back(Error("http.timeout", "silence"));
  service.once[reset].push_back(reply(503));
  service.once[reset].push_back(reply(409, R"({"error":{"code":"Base.1.0.ResourceInStandby"}})"));
  EXPECT_TRUE(ask<Status>([&](const Ctx& ctx) { return bmc->force_off(ctx); }));
  service.once[reset].push_back(reply(409));
  service.bodies[kHost].replace(service.bodies[kHost].find("\"Off\""), 5, "\"On\"");
  EXPECT_FALSE(ask<Status>([&](const Ctx& ctx) { return bmc->force_off(ctx); })) << "refused while it is on";
}

TEST_F(Tray, TheFirstLeakCensusFindsTheSwitchSoThatACutIsOneRequest) {
  EXPECT_TRUE(ask<Result<LeakCensus>>([&](const Ctx& ctx) { return bmc->leak_detectors(ctx); }));
  service.log.clear();
  service.once["POST " + kHost + "/Actions/ComputerSystem.Reset"].push_back(reply(204));
  EXPECT_TRUE(ask<Status>([&](const Ctx& ctx) { return bmc->force_off(ctx); }));
  EXPECT_EQ(service.log.size(), 1U);
}

TEST_F(Tray, WithoutSystemsTheChassisIsSwitchedAndWithoutBothItIsASentence) {
  service.bodies["/redfish/v1"] = R"({"Id":"R","Chassis":{"@odata.id":"/redfish/v1/Chassis"}})";
  EXPECT_EQ(ask<Result<PowerState>>([&](const Ctx& ctx) { return bmc->power_state(ctx); }).error().code,
            "bmc.unsupported");
  service.bodies["/redfish/v1/Chassis/Chassis_0"] =
      R"({"@odata.id":"/redfish/v1/Chassis/Chassis_0","Id":"Chassis_0","PowerState":"On"})";
  EXPECT_EQ(*ask<Result<PowerState>>([&](const Ctx& ctx) { return bmc->power_state(ctx); }), PowerState::on);
  EXPECT_EQ(ask<Status>([&](const Ctx& ctx) { return bmc->force_off(ctx); }).error().code, "bmc.unsupported");
}

TEST_F(Tray, PartsAreListedOnceWithTheirSerials) {
  const auto parts = ask<Result<std::vector<Part>>>([&](const Ctx& ctx) { return bmc->parts(ctx); });
  ASSERT_TRUE(parts);
  std::map<std::string, std::string> serials;
  for (const Part& part : *parts) serials[std::string(to_string(part.kind)) + " " + part.name] = part.serial;
  EXPECT_EQ(serials.at("gpu GPU_0"), "g0");
  EXPECT_EQ(serials.at("cpu CPU_0"), "c0");
  EXPECT_EQ(serials.at("memory DIMM_0"), "d0");
  EXPECT_EQ(serials.at("whole_dut Chassis_0"), "J901");
  EXPECT_FALSE(serials.contains("memory GPU_0_DRAM_0")) << "memory of a GPU is no part of its own";
}

TEST_F(Tray, SensorsHaveUcumUnitsAndKeepTheirSiblings) {
  service.bodies[kGpuChassis + "/Sensors/T1"] = R"({"error":{"code":"Base.1.15.0.InternalError"}})";
  const auto sensors =
      ask<Result<std::vector<SensorReading>>>([&](const Ctx& ctx) { return bmc->sensors(ctx); });
  ASSERT_TRUE(sensors);
  ASSERT_EQ(sensors->size(), 2U);
  EXPECT_EQ(sensors->at(0).name, "T0");
  EXPECT_EQ(sensors->at(0).unit, "Cel");
  EXPECT_EQ(sensors->at(0).value, 31.2);
  EXPECT_EQ(sensors->at(1).name, "T1");
  EXPECT_FALSE(sensors->at(1).value);
  EXPECT_FALSE(bmc->take_oddities().empty());
}

TEST_F(Tray, CoolantIsReadFromTraysAndUnits) {
  service.bodies["/redfish/v1/Chassis/Chassis_0"] =
      R"({"@odata.id":"/redfish/v1/Chassis/Chassis_0","Id":"Chassis_0","ThermalSubsystem":{"@odata.id":"/redfish/v1/TS"}})";
  service.bodies["/redfish/v1/TS"] =
      R"({"Id":"TS","CoolantConnectors":{"@odata.id":"/redfish/v1/TS/CC"},"Pumps":{"@odata.id":"/redfish/v1/TS/Pumps"}})";
  service.bodies["/redfish/v1/TS/CC"] = collection({"/redfish/v1/TS/CC/0", "/redfish/v1/TS/CC/1"});
  service.bodies["/redfish/v1/TS/CC/0"] =
      R"({"Id":"0","FlowLitersPerMinute":{"Reading":"42.5"},"SupplyTemperatureCelsius":25,
    "ReturnTemperatureCelsius":[37.5],"SupplyPressurekPa":{"Reading":137},"ReturnPressurekPa":{"Reading":103},"HeatRemovedkW":null})";
  service.bodies["/redfish/v1/TS/Pumps"] = collection({"/redfish/v1/TS/Pumps/1"});
  service.bodies["/redfish/v1/TS/Pumps/1"] =
      R"({"Id":"1","PumpSpeedPercent":{"Reading":62},"Status":{"State":"Enabled","Health":"OK"}})";
  const auto coolant =
      ask<Result<std::vector<CoolantReading>>>([&](const Ctx& ctx) { return bmc->coolant(ctx); });
  ASSERT_TRUE(coolant);
  ASSERT_EQ(coolant->size(), 2U);
  EXPECT_EQ(coolant->at(0).name, "Chassis_0/0");
  EXPECT_EQ(coolant->at(0).flow, 42.5);
  EXPECT_EQ(coolant->at(0).return_temperature, 37.5);
  EXPECT_EQ(coolant->at(0).delta_pressure, 34);
  EXPECT_FALSE(coolant->at(0).heat_removed);
  EXPECT_EQ(coolant->at(1).name, "Chassis_0/1") << "one that can't be read is listed without values";
  EXPECT_FALSE(coolant->at(1).flow);
  const auto parts = ask<Result<std::vector<Part>>>([&](const Ctx& ctx) { return bmc->parts(ctx); });
  std::vector<std::string> names;
  for (const Part& part : *parts) {
    if (part.kind == ComponentKind::coolant_connector) names.push_back(part.name);
  }
  EXPECT_EQ(names, std::vector<std::string>{"Chassis_0/0"}) << "the same name as its readings have";
  const auto pumps = ask<Result<std::vector<PumpReading>>>([&](const Ctx& ctx) { return bmc->pumps(ctx); });
  ASSERT_EQ(pumps->size(), 1U);
  EXPECT_EQ(pumps->at(0).speed_percent, 62);
}

TEST_F(Tray, AUnitTellsOfItsAirItsReservoirsAndItsFilters) {
  service.bodies["/redfish/v1"] =
      R"({"@odata.id":"/redfish/v1","RedfishVersion":"1.18.0","Chassis":{"@odata.id":"/redfish/v1/Chassis"},
      "ThermalEquipment":{"@odata.id":"/redfish/v1/TE"}})";
  service.bodies["/redfish/v1/TE"] = R"({"Id":"TE","CDUs":{"@odata.id":"/redfish/v1/TE/CDUs"}})";
  service.bodies["/redfish/v1/TE/CDUs"] = collection({"/redfish/v1/TE/CDUs/1"});
  service.bodies["/redfish/v1/TE/CDUs/1"] =
      R"({"@odata.id":"/redfish/v1/TE/CDUs/1","Id":"1","EnvironmentMetrics":{"@odata.id":"/redfish/v1/TE/CDUs/1/EM"},
      "Reservoirs":{"@odata.id":"/redfish/v1/TE/CDUs/1/R"},"Filters":{"@odata.id":"/redfish/v1/TE/CDUs/1/F"}})";
  service.bodies["/redfish/v1/TE/CDUs/1/EM"] =
      R"({"Id":"EM","DewPointCelsius":{"Reading":"11.5"},"TemperatureCelsius":{"Reading":24},"HumidityPercent":{"Reading":null}})";
  service.bodies["/redfish/v1/TE/CDUs/1/R"] =
      collection({"/redfish/v1/TE/CDUs/1/R/1", "/redfish/v1/TE/CDUs/1/R/2", "/redfish/v1/TE/CDUs/1/R/3"});
  service.bodies["/redfish/v1/TE/CDUs/1/R/1"] = R"({"Id":"1","FluidLevelPercent":{"Reading":80}})";
  service.bodies["/redfish/v1/TE/CDUs/1/R/2"] = R"({"Id":"2","FluidLevelPercent":{"Reading":55}})";
  service.bodies["/redfish/v1/TE/CDUs/1/R/3"] =
      R"({"Id":"3","ReservoirType":"Overflow","FluidLevelPercent":{"Reading":0}})";
  service.bodies["/redfish/v1/TE/CDUs/1/F"] = collection({"/redfish/v1/TE/CDUs/1/F/1"});
  service.bodies["/redfish/v1/TE/CDUs/1/F/1"] = R"({"Id":"1","DeltaLiquidPressurekPa":{"Reading":8}})";
  const auto ask_units = [&] {
    return ask<Result<std::vector<CoolingUnitReading>>>(
        [&](const Ctx& ctx) { return bmc->cooling_units(ctx); });
  };
  const auto units = ask_units();
  ASSERT_TRUE(units);
  ASSERT_EQ(units->size(), 1U);
  EXPECT_EQ(units->front().name, "1");
  EXPECT_EQ(units->front().dew_point, 11.5);
  EXPECT_EQ(units->front().air_temperature, 24);
  EXPECT_FALSE(units->front().humidity);
  EXPECT_EQ(units->front().reservoir_level, 55) << "the lowest, and no overflow";
  EXPECT_EQ(units->front().filter_pressure, 8);
  service.bodies["/redfish/v1/TE/CDUs/1/R/2"] = R"({"Id":"2","FluidLevelPercent":{"Reading":null}})";
  EXPECT_FALSE(ask_units()->front().reservoir_level) << "the one that says nothing may be the empty one";
}

TEST_F(Tray, AUnitThatCannotBeReadIsListedAndTellsNothing) {
  service.bodies["/redfish/v1"] =
      R"({"@odata.id":"/redfish/v1","RedfishVersion":"1.18.0","Chassis":{"@odata.id":"/redfish/v1/Chassis"},
      "ThermalEquipment":{"@odata.id":"/redfish/v1/TE"}})";
  service.bodies["/redfish/v1/TE"] = R"({"Id":"TE","CDUs":{"@odata.id":"/redfish/v1/TE/CDUs"}})";
  service.bodies["/redfish/v1/TE/CDUs"] = collection({"/redfish/v1/TE/CDUs/1", "/redfish/v1/TE/CDUs/2"});
  service.bodies["/redfish/v1/TE/CDUs/1"] = R"({"@odata.id":"/redfish/v1/TE/CDUs/1","Id":"1"})";
  const auto units =
      ask<Result<std::vector<CoolingUnitReading>>>([&](const Ctx& ctx) { return bmc->cooling_units(ctx); });
  ASSERT_TRUE(units);
  ASSERT_EQ(units->size(), 2U);
  EXPECT_EQ(units->back().name, "2");
  EXPECT_FALSE(units->back().dew_point);
}

TEST_F(Tray, ResettingTheManagerAsksTheManager) {
  service.once["POST /redfish/v1/Managers/BMC_0/Actions/Manager.Reset"].push_back(reply(204));
  EXPECT_TRUE(ask<Status>([&](const Ctx& ctx) { return bmc->reset_manager(ctx); }));
}

}  // namespace
}  // namespace kiln
