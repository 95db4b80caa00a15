// What the building's management system says of this rack: the leak points outside the trays, and what flows
// to it as the building measures it.

#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>
#include <string>

#include "cooling_steps.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

struct BuildingVerdict {
  std::optional<std::string> word;  ///< nullopt: not known
  std::string why, point;
};

/// Of all points of one kind: one that is tripped counts before one that is unknown.
BuildingVerdict verdict_on(const BuildingReport& report, const std::string& kind, const char* tripped) {
  BuildingVerdict verdict;
  bool any = false, unknown = false;
  for (const BuildingLeakPoint& point : report.leaks) {
    if (point.kind != kind) continue;
    any = true;
    if (point.state == "tripped") return {std::string(tripped), point.why, point.point};
    if (point.state == "clear" && !unknown)
      verdict.point += (verdict.point.empty() ? "" : ", ") + point.point;
    if (point.state == "clear") continue;
    if (!unknown) verdict = {std::nullopt, point.why, point.point};
    unknown = true;
  }
  if (!report.trouble.empty())
    return {std::nullopt, "the building's broker is not reached: " + report.trouble, verdict.point};
  if (unknown) return verdict;
  if (any) verdict.word = "clear";
  return verdict;
}

/// A kind that the site has and the BMS does not name is not known; one that the site does not have is not
/// missed.
BuildingVerdict expected_or_not(BuildingVerdict verdict, bool any, bool is_expected, const char* point_type) {
  if (any || !verdict.why.empty()) return verdict;
  if (!is_expected) verdict.word = "not_there";
  if (is_expected) verdict.why = fmt::format("the BMS names no {} for this rack", point_type);
  return verdict;
}

bool has_kind(const BuildingReport& report, const std::string& kind) {
  for (const BuildingLeakPoint& point : report.leaks) {
    if (point.kind == kind) return true;
  }
  return false;
}

struct FigureName {
  const char *point_type, *measurement, *unit;
};
// AsyncAPI "BMS Event Bus" 1.0.0, points of objectType Rack.
constexpr std::array kFigureNames{
    FigureName{"RackLiquidFlow", "building.coolant.flow", "L/min"},
    FigureName{"RackLiquidSupplyTemperature", "building.coolant.supply_temperature", "Cel"},
    FigureName{"RackLiquidReturnTemperature", "building.coolant.return_temperature", "Cel"},
    FigureName{"RackControlValvePosition", "building.valve.position", "%"}};

awaitable<Status> tell_verdict(StepContext& context, const char* name, BuildingVerdict verdict) {
  Value value;
  if (verdict.word) value = *verdict.word;
  Reading reading(name, "", value, Source{"building", verdict.point});
  reading.reason = verdict.why;
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

awaitable<Status> tell_figure(StepContext& context, const BuildingFigure& figure, std::string part) {
  for (const FigureName& known : kFigureNames) {
    if (figure.point_type != known.point_type) continue;
    Value value;
    std::string unit = figure.unit;
    if (figure.value) {
      const std::optional<double> converted = convert_unit(*figure.value, figure.unit, known.unit);
      value = converted.value_or(*figure.value);
      if (converted) unit = known.unit;
    }
    Reading reading(known.measurement, part, value, Source{"building", figure.point});
    reading.unit =
        figure.value ? unit : std::string();  // another unit than the limit's is a fail, and says so
    reading.reason = figure.why;
    const Result<Outcome> judged = co_await context.record(std::move(reading));
    if (!judged) co_return judged.error();
  }
  co_return success();
}

}  // namespace

const StepDescription& BuildingCheck::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.building";
    made.rack_scope = true;
    made.summary =
        "The building's leak points of this rack are there, fresh, dry and without a fault; what flows to it";
    made.measurements = {
        {"building.rack_leak", "", ComponentKind::whole_dut, true, "leak.building",
         "look for coolant under and in the rack before anything else", "clear, leak or not_there"},
        {"building.equipment_leak", "", ComponentKind::whole_dut, true, "leak.building",
         "look for coolant at what serves the rack: CDU, ropes, drip pans", "clear, leak or not_there"},
        {"building.leak_sensor", "", ComponentKind::whole_dut, true, "building.sensor_fault",
         "have the building's leak sensor mended: it would not see a leak", "clear, fault or not_there"},
        {"building.coolant.flow", "L/min", ComponentKind::sensor, true, "building.low_flow",
         "check the rack's valves in the building, then the CDU", "as the building measures it"},
        {"building.coolant.supply_temperature", "Cel", ComponentKind::sensor, true,
         "building.supply_temperature", "check the CDU's set point and the facility water",
         "as the building measures it"},
        {"building.coolant.return_temperature", "Cel", ComponentKind::sensor, false, "", "",
         "as the building measures it"},
        {"building.valve.position", "%", ComponentKind::sensor, true, "building.valve_position",
         "have the building open the rack's control valve", "of the rack's control valve"}};
    made.parameters = {
        {"settle", ParameterType::duration, "3s", "to listen at least, once the broker is reached"},
        {"patience", ParameterType::duration, "2m10s",
         "for values that have not come yet; a BMS says all of them again every 100 s"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> BuildingCheck::parts(const MeasurementDeclaration& measurement,
                                              const Parameters& with, const Dut& dut) const {
  if (measurement.per == ComponentKind::sensor)
    return {};  // the BMS has them or not: what it tells is judged
  return Step::parts(measurement, with, dut);
}

awaitable<Status> BuildingCheck::run(StepContext& context) {
  const Nanoseconds settle = context.with().duration("settle");
  const Nanoseconds patience = context.with().duration("patience");
  const Result<BuildingReport> report = co_await context.building(settle, patience);
  if (!report) co_return report.error();
  BuildingVerdict rack = expected_or_not(verdict_on(*report, "rack", "leak"), has_kind(*report, "rack"),
                                         report->expects_rack_leak, "RackLeakDetect");
  const Status told_rack = co_await tell_verdict(context, "building.rack_leak", std::move(rack));
  if (!told_rack) co_return told_rack;
  BuildingVerdict equipment =
      expected_or_not(verdict_on(*report, "equipment", "leak"), has_kind(*report, "equipment"),
                      report->expects_equipment_leak, "LeakDetect of what serves it");
  const Status told_equipment =
      co_await tell_verdict(context, "building.equipment_leak", std::move(equipment));
  if (!told_equipment) co_return told_equipment;
  BuildingVerdict sensor =
      expected_or_not(verdict_on(*report, "rack_sensor_fault", "fault"),
                      has_kind(*report, "rack_sensor_fault"), false, "RackLeakSensorFault");
  const Status told_sensor = co_await tell_verdict(context, "building.leak_sensor", std::move(sensor));
  if (!told_sensor) co_return told_sensor;
  std::map<std::string, int> seen;
  for (const BuildingFigure& figure : report->figures) {
    const int number = ++seen[figure.point_type];
    std::string part = number == 1 ? figure.point_type : fmt::format("{} {}", figure.point_type, number);
    const Status told = co_await tell_figure(context, figure, std::move(part));
    if (!told) co_return told;
  }
  co_return success();
}

}  // namespace kiln::cooling
