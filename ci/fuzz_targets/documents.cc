// status.xml of a CDU without Redfish: whatever bytes come, it is refused, or every value is one that can be
// measured, and none is left when the end is cut off.
#include <cmath>
#include <optional>

#include "ci/fuzz_targets/fuzz_target.h"
#include "tool_output/cooltera_status.h"

namespace kiln {
namespace {

void require_between(const std::optional<double>& value, double least, double most, const std::string& what) {
  if (value)
    require(std::isfinite(*value) && *value >= least && *value <= most,
            what + " is one that can be measured");
}

}  // namespace

void fuzz_one(const std::string& input) {
  const Result<tool_output::CoolteraStatus> read = tool_output::parse_cooltera_status(input);
  if (!read) {
    require(!read.error().code.empty() && !read.error().message.empty(), "an Error says what is wrong");
    return;
  }
  require(input.size() <= tool_output::kMaximumCoolteraStatus, "what is too large is refused");
  for (const auto& celsius : {read->primary_supply, read->primary_return, read->secondary_supply,
                              read->secondary_return, read->ambient, read->dew_point})
    require_between(celsius, -20, 120, "a temperature");
  for (const auto& flow : {read->primary_flow, read->secondary_flow})
    require_between(flow, 0, 10'000, "a flow");
  for (const auto& pressure : {read->primary_supply_pressure, read->primary_return_pressure,
                               read->secondary_supply_pressure, read->secondary_return_pressure})
    require_between(pressure, -100, 5'000, "a pressure");
  require_between(read->humidity, 0, 100, "a humidity");
  require_between(read->alarms, 0, 1'000, "a number of alarms");
  require(read->pumps.size() == (read->model == "FS1350" ? 3U : 2U), "a model has its own pumps");
  std::string cut = input;
  while (!cut.empty() && cut.back() != '>') cut.pop_back();
  if (!cut.empty()) cut.pop_back();
  require(!tool_output::parse_cooltera_status(cut), "without its last sign it is no whole document");
}

}  // namespace kiln
