#pragma once
// A measuring instrument that the readings of a run rest on: a clamp-on flow meter, a conductivity meter, a
// calibrated CDU sensor. What it measured after its calibration was due proves nothing that QA may sign
// (ISO/IEC 17025:2017, 6.4.7 and 6.4.8: calibration is kept up, and its validity is known). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

struct Instrument {
  std::string name;                   ///< "flow-meter-7"
  std::string what;                   ///< in words; may be empty
  std::string certificate;            ///< by which the calibration is found again
  std::int64_t due_utc_ns = 0;        ///< end of the last day on which it holds
  std::vector<std::string> measures;  ///< measurement names, or beginnings of them: "coolant.*"
};

/// Whether it is what a measurement of this name is read with.
bool measures(const Instrument& instrument, std::string_view measurement);

/// "flow-meter-7, …": what it is and until when it is calibrated.
std::string calibration_sentence(const Instrument& instrument);

/// Why a run that was under way at `utc_ns` cannot be signed off; nullopt: it is calibrated.
std::optional<std::string> overdue_because(const Instrument& instrument, std::int64_t utc_ns);

}  // namespace kiln
