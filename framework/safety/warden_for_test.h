#pragma once
// The warden with a scripted station on its socket, one tray of fakes and a building, under virtual time. For
// the tests of this folder.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/loop.h"
#include "io/scope.h"
#include "safety/warden.h"
#include "testing/fake_leak_detectors.h"
#include "testing/fake_power_switch.h"
#include "testing/fake_write_looks.h"
#include "testing/scripted_bms.h"
#include "testing/scripted_shell.h"
#include "testing/scripted_socket.h"

namespace kiln {

using namespace std::chrono_literals;

inline constexpr std::int64_t kSecondOfWarden = 1'000'000'000;

inline boost::asio::awaitable<void> run_to_status(Ctx& ctx, WardenParts parts, int& status) {
  status = co_await run_warden(ctx, std::move(parts));
}

struct WardenTest : testing::Test {
  WardenTest() {
    shell.answer("pkill -TERM -x gpu_burn", ShellAnswer("").after(200ms));
    parts.station = &socket;
    parts.version = "0.1.0";
    parts.build_stamp = "stamp";
    parts.open_bmc = [this](const WardenDut&) -> Result<WardenBmc> {
      WardenBmc bmc;
      bmc.power = std::make_unique<FakePowerSwitch>(power);
      bmc.leaks = std::make_unique<FakeLeakDetectors>(detectors);
      if (writes) bmc.writes = std::make_unique<FakeWriteLooks>(writes);
      return bmc;
    };
    parts.open_shell = [this](const WardenDut&) -> Result<std::unique_ptr<Shell>> {
      return std::unique_ptr<Shell>(std::make_unique<Borrowed>(shell));
    };
    parts.write_ends = [this](const std::string& journal, const std::map<int, UndoResult>& results,
                              const std::map<std::string, JournaledCut>& cuts) {
      written_cuts = cuts;
      EXPECT_EQ(journal, "/x.guards");
      written = results;
      written_ns = loop->clock().now().monotonic_ns;
    };
  }

  /// The warden owns its shells; the test keeps the scripted one.
  class Borrowed final : public Shell {
   public:
    explicit Borrowed(Shell& shell) : shell_(shell) {}
    boost::asio::awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
      Result<CommandResult> result = co_await shell_.run(ctx, std::move(command));
      co_return result;
    }
    boost::asio::awaitable<void> disconnect() override { co_await shell_.disconnect(); }

   private:
    Shell& shell_;
  };

  void hello(const std::string& stamp = "stamp") {
    WardenHello said;
    said.version = "0.1.0";
    said.build_stamp = stamp;
    said.run = "R-1";
    said.journal = "/x.guards";
    said.rack_ends_with_us = rack_ends_with_station;
    socket.put(encode(said));
    WardenDut dut;
    dut.id = "C01";
    dut.role = Role::compute_tray;
    dut.bmc_url = "https://x";
    dut.host_address = "x";
    dut.leak_detectors = expected;
    socket.put(encode(dut));
    if (has_building) {
      WardenBuilding building;
      building.rack = "R01";
      building.access.broker = "mqtts://bms:8883";
      building.access.host = "bms";
      building.access.rack_location_id = "L7";
      building.access.integration = "KILN";
      building.access.tls.kind = TlsTrust::Kind::certificate_authority;
      building.access.tls.value = "ca.pem";
      socket.put(encode(building));
    }
    socket.put(encode(WardenBegin{}));
  }
  void put(WardenMessage message) { socket.put(encode(message)); }
  void guards() {
    WardenGuard on;
    on.number = 1;
    on.undo = JournaledUndo(UndoKind::force_off, "C01", "force off C01");
    put(on);
    WardenGuard load;
    load.number = 2;
    load.undo = JournaledUndo(UndoKind::shell_command, "C01", "stop gpu_burn on C01");
    load.undo.command = "pkill -TERM -x gpu_burn";
    put(load);
  }
  /// Firmware of C01 is being written; number 3.
  void put_write(Nanoseconds budget) {
    WardenGuard write;
    write.number = 3;
    write.undo = JournaledUndo(UndoKind::firmware_write, "C01", "wait for the firmware write of UEFI on C01");
    write.undo.budget = budget;
    FirmwareWrite what("UEFI");
    what.was = "1.0";
    what.wanted = "2.0";
    what.write_within = 5min;
    what.active_within = 2min;
    write.undo.command = to_text(what);
    put(write);
  }
  void at(Nanoseconds when, std::function<void()> action) {
    loop->call_at(start + when.count(), std::move(action));
  }
  /// A beat every 500 ms from `from` to `to`.
  void beats(Nanoseconds from, Nanoseconds to) {
    for (Nanoseconds when = from; when <= to; when += 500ms) at(when, [this] { put(WardenBeat{1}); });
  }
  int run() {
    int status = -1;
    loop->run([&](Ctx& ctx) { return run_to_status(ctx, parts, status); });
    return status;
  }
  int run_with_bms() {
    has_building = true;
    bms.serve(broker);
    parts.open_building = [this](const WardenBuilding& building,
                                 const std::string& run) -> Result<std::unique_ptr<MqttClient>> {
      EXPECT_EQ(building.access.tls.value, "ca.pem");
      EXPECT_EQ(run, "R-1");
      return std::unique_ptr<MqttClient>(std::make_unique<LentMqtt>(broker));
    };
    hello();
    guards();
    int status = -1;
    loop->run([&](Ctx& ctx) { return beside_the_bms(ctx, status); });
    return status;
  }
  boost::asio::awaitable<void> beside_the_bms(Ctx& ctx, int& status) {
    Scope scope(ctx);
    scope.start("bms", [this](Ctx& inner) { return bms.play(inner, broker); });
    co_await run_to_status(ctx, parts, status);
    co_await scope.stop_and_join(StopReason::shutdown, "the test is over");
  }
  template <class Body>
  std::vector<Body> all() const {
    std::vector<Body> found;
    for (const WardenMessage& message : heard()) {
      if (const auto* body = std::get_if<Body>(&message)) found.push_back(*body);
    }
    return found;
  }
  std::vector<WardenMessage> heard() const {
    std::vector<WardenMessage> all;
    for (const std::string& text : socket.sent) all.push_back(*decode_warden_message(text));
    return all;
  }
  template <class Body>
  int count() const {
    int found = 0;
    for (const WardenMessage& message : heard()) found += std::holds_alternative<Body>(message) ? 1 : 0;
    return found;
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  ScriptedSocket socket;
  ScriptedShell shell;
  std::shared_ptr<FakePower> power = std::make_shared<FakePower>();
  std::vector<std::string> expected;  ///< leak detectors of C01
  bool has_building = false, rack_ends_with_station = false;
  ScriptedMqtt broker;
  ScriptedBms bms;
  std::shared_ptr<FakeDetectors> detectors = std::make_shared<FakeDetectors>();
  std::shared_ptr<WriteLook> writes;  ///< what the warden sees of a write; null: nothing
  WardenParts parts;
  std::map<int, UndoResult> written;
  std::map<std::string, JournaledCut> written_cuts;
  std::int64_t written_ns = 0;
};

}  // namespace kiln
