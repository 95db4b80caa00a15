#pragma once
// Runs of several trays as events, for the tests that set runs beside each other.

#include <string>
#include <utility>
#include <vector>

#include "quality/lineage.h"
#include "quality/run_comparison.h"

namespace kiln {

/// The events of one run, without a store below them.
struct TrayRunForTest {
  std::string id;
  std::int64_t begun_utc_ns = 0;
  RunBegun about;
  std::vector<Event> events;

  explicit TrayRunForTest(std::string run, int day = 0)
      : id(std::move(run)), begun_utc_ns(1'780'000'000'000'000'000 + day * 86'400'000'000'000) {
    about.rack = "R01";
    about.product = "gb300-nvl72";
    about.recipe = "l10";
    about.recipe_version = "1.0.0";
    about.recipe_sha256 = "aa";
    about.limits_revision = 3;
    about.limits_sha256 = "cc";
    about.purpose = "burn-in";
    about.station = "ST-01";
  }
  void add(const std::string& dut, const std::string& step, EventBody body) {
    Event event;
    event.sequence = static_cast<std::int64_t>(events.size()) + 1;
    event.at.monotonic_ns = event.sequence * 1'000'000;
    event.at.utc_ns = begun_utc_ns + event.sequence * 1'000'000;
    event.dut = dut;
    event.step = step;
    event.body = std::move(body);
    events.push_back(std::move(event));
  }
  /// Once `about` is as it should be.
  void begin() { add("", "", about); }
  void tray(const std::string& dut, const std::string& serial) {
    DutPlanned planned;
    planned.role = Role::compute_tray;
    planned.serial = serial;
    add(dut, "", planned);
  }
  void part(const std::string& dut, const std::string& name, const std::string& serial,
            const std::string& firmware = "1.0") {
    PartSeen seen;
    seen.kind = ComponentKind::gpu;
    seen.part = name;
    seen.serial = serial;
    seen.firmware = firmware;
    seen.source = {"redfish", "/redfish/v1/Systems/1"};
    add(dut, "identity/parts", seen);
  }
  void measure(const std::string& dut, const std::string& part, const std::string& name, Value value,
               Outcome outcome = Outcome::pass, const std::string& step = "soak/load") {
    Measured measured;
    measured.name = name;
    measured.kind = ComponentKind::gpu;
    measured.part = part;
    measured.value = std::move(value);
    measured.unit = "Cel";
    measured.limit_text = "≤ 85 Cel";
    measured.outcome = outcome;
    if (outcome == Outcome::fail) measured.fault_code = "gpu.hot";
    add(dut, step, measured);
  }
  void cell(const std::string& dut, const std::string& part, const std::string& name) {
    CellPlanned planned;
    planned.cell = {"soak/load", dut, name, ComponentKind::gpu, part};
    add(dut, "soak/load", planned);
  }
  void end() {
    for (const char* dut : {"C01", "C02"}) add(dut, "soak/load", StepEnded{});
    RunEnded ended;
    ended.status = "complete";
    add("", "", ended);
  }
  [[nodiscard]] RunPicture picture() const {
    RunPictureReader reader(id, begun_utc_ns);
    for (const Event& event : events) reader.add(event);
    return *reader.finish();
  }
  void tell(LineageReader& reader) const {
    reader.begin_run(id, begun_utc_ns);
    for (const Event& event : events) reader.add(event);
    reader.end_run();
  }
};

}  // namespace kiln
