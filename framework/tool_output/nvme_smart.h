#pragma once
// Health of an NVMe drive: what nvme-cli (smart-log, id-ctrl) and smartctl print as JSON. Pure, any thread.
//
// The values are those of the NVM Express base specification 1.4, 5.14.1.2 (SMART / Health Information) and
// 5.15.2.2 (Identify Controller). nvme-cli 1.x and 2.x differ in how they write big counters (number or text)
// and the critical warning (number, or an object with "value"); both give temperatures in kelvin, smartctl 7
// in degrees Celsius. What a drive does not report (0 K, a share above 100 %) is unset, never zero.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::tool_output {

struct NvmeSmart {
  std::optional<std::int64_t> critical_warning;  ///< bits; 0: none
  std::optional<std::int64_t> media_errors;
  std::optional<std::int64_t> percentage_used;  ///< of the endurance; may pass 100, 255 is "254 or more"
  std::optional<std::int64_t> available_spare, spare_threshold;  ///< percent
  std::optional<double> temperature_c;
  std::optional<std::int64_t> unsafe_shutdowns, power_on_hours;
};

/// Either tool's. An Error names what is missing: no JSON, cut, two documents, no health log in it.
Result<NvmeSmart> parse_nvme_smart(std::string_view text);

struct NvmeController {
  std::string serial, model, firmware;
  std::optional<double> warning_temperature_c, critical_temperature_c;
};

/// `nvme id-ctrl`.
Result<NvmeController> parse_nvme_controller(std::string_view text);

/// "spare below its threshold, read-only": the bits of a critical warning in words.
std::string nvme_warning_words(std::int64_t critical_warning);

}  // namespace kiln::tool_output
