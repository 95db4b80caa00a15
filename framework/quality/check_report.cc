// One value per unit of one check: which of its parts speaks for a unit, and what may not be mixed.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "model/limit_bounds.h"
#include "quality/quality_report.h"

namespace kiln {
namespace {

/// Held by a control loop: the CDU's set point, not the unit, decides it.
bool is_regulated(const std::string& check) {
  return check.find("supply_temperature") != std::string::npos || check.find("coolant.supply") == 0 ||
         check.find("coolant.pressure.differential") == 0;
}

/// The part that speaks for a unit.
enum class Speaks { only, largest, smallest };

struct Chosen {
  const CheckValue* value = nullptr;
  std::string part;
};

Chosen speaker_of(const UnitAttempt& attempt, const std::string& part, Speaks speaks) {
  Chosen chosen;
  for (const auto& [name, value] : attempt.values) {
    if (!part.empty() && name != part) continue;
    const bool first = chosen.value == nullptr || !chosen.value->number;
    if (first || (value.number && (speaks == Speaks::smallest ? *value.number < *chosen.value->number
                                                              : *value.number > *chosen.value->number)))
      chosen = {&value, name};
  }
  return chosen;
}

/// What the units' values have in common, or have not.
struct Common {
  std::set<std::string> units, limits, firmware, versions;
  bool all_whole = true, attribute = false, several_parts = false;
};

Common common_of(const std::vector<const UnitAttempt*>& attempts, const std::string& part) {
  Common common;
  for (const UnitAttempt* attempt : attempts) {
    int parts = 0;
    for (const auto& [name, value] : attempt->values) {
      if (!part.empty() && name != part) continue;
      ++parts;
      common.attribute = common.attribute || value.attribute;
      if (!value.number) continue;
      common.units.insert(value.unit);
      common.limits.insert(value.limit_text);
      common.firmware.insert(value.firmware);
      common.all_whole = common.all_whole && (value.whole || std::floor(*value.number) == *value.number);
    }
    common.several_parts = common.several_parts || parts > 1;
    common.versions.insert(attempt->recipe + "@" + attempt->recipe_version);
  }
  return common;
}

CapabilityMeaning meaning_of(const Common& common, const std::string& check) {
  CapabilityMeaning meaning;
  const std::string unit = common.units.size() == 1 ? *common.units.begin() : std::string();
  meaning.counter = common.all_whole && (unit.empty() || unit == "1" || unit.front() == '{');
  meaning.regulated = is_regulated(check);
  if (common.firmware.size() > 1) meaning.mixed.emplace_back("firmware");
  if (common.limits.size() > 1) meaning.mixed.emplace_back("limits");
  if (common.versions.size() > 1) meaning.mixed.emplace_back("recipe revisions");
  meaning.firmware_unknown = common.firmware.size() == 1 && common.firmware.begin()->empty();
  return meaning;
}

CheckReport report_of(Role role, const std::vector<const UnitAttempt*>& attempts, const QualityQuery& query) {
  CheckReport report;
  report.name = query.check;
  report.part = query.part;
  report.role = role;
  const Common common = common_of(attempts, query.part);
  if (common.limits.size() == 1) report.limit_text = *common.limits.begin();
  if (common.units.size() == 1) report.unit = *common.units.begin();
  const LimitBounds bounds = bounds_of(report.limit_text);
  Speaks speaks = Speaks::only;
  if (common.several_parts) speaks = bounds.min && !bounds.max ? Speaks::smallest : Speaks::largest;
  if (speaks != Speaks::only)
    report.which =
        speaks == Speaks::smallest ? "the smallest of each unit's parts" : "the largest of each unit's parts";
  std::set<std::string> told;
  std::vector<double> values;
  for (const UnitAttempt* attempt : attempts) {
    const Chosen chosen = speaker_of(*attempt, query.part, speaks);
    if (chosen.value == nullptr || !told.insert(attempt->unit).second) continue;
    if (!chosen.value->number) {
      ++report.left_out;
      continue;
    }
    report.points.push_back({attempt->unit, attempt->run, attempt->station, chosen.part,
                             attempt->begun_utc_ns, *chosen.value->number});
    values.push_back(*chosen.value->number);
  }
  if (common.units.size() > 1) {
    report.chart.why_not = "units of measure are mixed on record: the values cannot be set beside each other";
    report.capability.why_not = report.chart.why_not;
    return report;
  }
  report.chart = control_chart(values);
  if (common.attribute && values.empty()) {
    report.chart.why_not = "it is an attribute: it has no value to draw";
    report.capability.why_not = "it is an attribute: it has no distribution";
    return report;
  }
  report.capability = capability(values, bounds.min, bounds.max, meaning_of(common, query.check));
  // The worst of several says nothing about the limit on the other side.
  if (report.capability.why_not.empty() && common.several_parts && bounds.min && bounds.max) {
    report.capability = Capability();
    report.capability.n = values.size();
    report.capability.why_not =
        "each unit has several parts and the limit has two sides: name one part (--check NAME:PART)";
  }
  return report;
}

}  // namespace

std::vector<CheckReport> check_reports(const std::vector<const UnitAttempt*>& attempts,
                                       const QualityQuery& query) {
  std::map<Role, std::vector<const UnitAttempt*>> by_role;
  for (const UnitAttempt* attempt : attempts) {
    const bool has = std::any_of(attempt->values.begin(), attempt->values.end(), [&query](const auto& item) {
      return query.part.empty() || item.first == query.part;
    });
    if (has) by_role[attempt->role].push_back(attempt);
  }
  std::vector<CheckReport> reports;
  for (const auto& [role, its] : by_role) reports.push_back(report_of(role, its, query));
  return reports;
}

}  // namespace kiln
