// The fans of one DUT: what is still cooled by air in a liquid-cooled tray, and all of a server.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "platform_steps.h"

namespace kiln::platform {

using boost::asio::awaitable;

namespace {

/// OpenBMC writes RPM, the standard {rev}/min (Sensor v1.11.0 Rotational).
bool tells_a_fan(const SensorReading& sensor) {
  return sensor.reading_type == "Rotational" && sensor.unit == "{rev}/min";
}

}  // namespace

const StepDescription& Fans::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "platform.fans";
    made.bmc = {{BmcAbility::parts, true, "to read the state of each fan"},
                {BmcAbility::sensors, false, "to read how fast they turn"}};
    made.summary = "No fan has failed, and none turns too slowly or too fast";
    const ComponentKind dut = ComponentKind::whole_dut;
    const std::string action = "replace the fan; look for a cable in it first";
    made.measurements = {
        {"fan.failed", "1", dut, true, "fan.failed", action, "fans that are missing or not well"},
        {"fan.speed.lowest", "{rev}/min", dut, true, "fan.slow", action, "slowest fan, while the DUT is on"},
        {"fan.speed.highest", "{rev}/min", dut, true, "fan.fast",
         "find out why it must: a fan at its end is one that makes up for another, or for a hot inlet",
         "fastest fan, while the DUT is on"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Fans::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                     const Dut& dut) const {
  if (dut.expect.of_kind(ComponentKind::fan).empty()) return {};
  return Step::parts(measurement, with, dut);
}

awaitable<Status> Fans::run(StepContext& context) {
  const std::vector<const Component*> expected = context.dut().expect.of_kind(ComponentKind::fan);
  if (expected.empty()) co_return success();
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::vector<Part>> parts = co_await (*bmc)->parts(context.ctx());
  if (!parts) co_return parts.error();
  const Result<std::vector<SensorReading>> sensors = co_await (*bmc)->sensors(context.ctx());
  if (!sensors) co_return sensors.error();
  std::vector<std::string> bad, unread;
  for (const Component* fan : expected) {
    const auto found = std::find_if(parts->begin(), parts->end(), [fan](const Part& part) {
      return part.kind == ComponentKind::fan && part.name == fan->name;
    });
    if (found != parts->end() && !found->unread.empty()) {
      unread.push_back(fmt::format("{} ({})", fan->name, found->unread));
    } else if (found == parts->end()) {
      bad.push_back(fan->name + " is not listed");
    } else if (found->state == "Absent" || found->health == "Critical" || found->health == "Warning") {
      bad.push_back(fmt::format("{} is {}", fan->name, found->state == "Absent" ? "absent" : found->health));
    }
  }
  // A list that could not be read hides fans; they are not missing.
  const bool hidden = std::any_of(parts->begin(), parts->end(), [](const Part& part) {
    return part.kind == ComponentKind::fan && part.name.empty();
  });
  Value failed;
  if (!hidden && (!bad.empty() || unread.empty())) failed = static_cast<std::int64_t>(bad.size());
  Reading state("fan.failed", "", failed, Source{"redfish", "ThermalSubsystem Fans"});
  state.reason = hidden ? std::string("a list of fans could not be read")
                        : fmt::format("not read: {}", fmt::join(unread, ", "));
  if (!bad.empty())
    state.action = fmt::format("replace it, and look for a cable in it first: {}", fmt::join(bad, ", "));
  const Result<Outcome> judged = co_await context.record(std::move(state));
  if (!judged) co_return judged.error();
  const SensorReading* slowest = nullptr;
  const SensorReading* fastest = nullptr;
  for (const SensorReading& sensor : *sensors) {
    if (!tells_a_fan(sensor) || !sensor.value) continue;
    if (slowest == nullptr || *sensor.value < *slowest->value) slowest = &sensor;
    if (fastest == nullptr || *sensor.value > *fastest->value) fastest = &sensor;
  }
  for (const bool low : {true, false}) {
    const SensorReading* one = low ? slowest : fastest;
    Value speed;
    if (one != nullptr) speed = *one->value;
    const std::string uri = one != nullptr ? one->uri : std::string();
    Reading reading(low ? "fan.speed.lowest" : "fan.speed.highest", "", speed, Source{"redfish", uri});
    reading.reason = "no sensor tells how fast a fan turns";
    if (one != nullptr) reading.action = fmt::format("look at {}", one->name);
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

}  // namespace kiln::platform
