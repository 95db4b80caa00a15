#pragma once
// Reading numbers and words the way BMCs and tools really print them, without turning "no value" into a
// value. Pure functions, used by every reader of outside data.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// True for the ways of saying "no value": empty, blanks, "N/A", "[N/A]", "NA", "Not Supported", "[Not
/// Supported]", "None", "null", "Unknown", "-", "ERR!", "Requested functionality has been deprecated",
/// "Insufficient Permissions",
/// "[Unknown Error]", "GPU is lost". Case does not matter.
bool means_unset(std::string_view text);

/// DCGM's blank integers and floats (dcgm_structs.h: DCGM_INT64_BLANK 0x7ffffffffffffff0 …
/// 0x7fffffffffffffff, DCGM_FP64_BLANK 140737488355328.0 and the values just above): never a reading.
bool is_sentinel(double number);

/// A number with optional blanks and an optional unit behind it ("  61.5 C", "1,234 MiB"): value and unit.
struct NumberWithUnit {
  double value = 0;
  std::string unit;
};
/// nullopt for unset words, sentinels, NaN, infinity, and text that is not a number with a unit.
std::optional<NumberWithUnit> tolerant_number(std::string_view text);
/// The same, but any unit other than `unit` (or none) is nullopt.
std::optional<double> tolerant_number_in(std::string_view text, std::string_view unit);
/// Whole numbers, also printed as "4.0"; "4.5" is nullopt. Range: int64 up to 2^53.
std::optional<std::int64_t> tolerant_integer(std::string_view text);
/// true/false, "yes"/"no", "enabled"/"disabled", 1/0; nullopt for the rest.
std::optional<bool> tolerant_boolean(std::string_view text);

/// Trims blanks and control characters at both ends and replaces control characters inside by one blank each.
std::string tidy_text(std::string_view text);

/// ISO 8601 durations as BMCs count them ("PT0S", "P1DT2H3.5S"): seconds. Years and months are refused.
std::optional<double> iso8601_seconds(std::string_view text);

/// The UCUM code for the unit words BMCs use ("C", "Celsius" → "Cel"; "PSI" → "[psi]"; "Percent" → "%";
/// "LPM" → "L/min"); unknown words come back as they were, empty stays empty.
std::string canonical_unit(std::string_view unit);
/// True when canonical_unit knows it, or it is one of the other units that the standard's sensors have.
bool is_known_unit(std::string_view unit);
/// Converts between the units we know to be of one kind (kPa, Pa, [psi], bar; W, kW; Cel, K; kW.h, J, Wh;
/// L/min, m3/h); nullopt when they are not of one kind.
std::optional<double> convert_unit(double value, std::string_view from, std::string_view to);

}  // namespace kiln
