#pragma once
// Reading one cell of a tool's output: "27 C", "[N/A]", "ERR!", "16x", "9223372036854775794". Pure, any
// thread. Why a cell has no number matters: "not available" is a property of the product, "lost" is a fault.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::tool_output {

enum class Absence {
  present,        ///< there is text that is none of the below
  empty,          ///< nothing, or blanks
  not_available,  ///< N/A, [N/A], Not Supported, deprecated, None, -, Function Not Found
  no_permission,  ///< Insufficient Permissions
  lost,           ///< GPU is lost, GPU requires reset: the device does not answer any more
  broken,         ///< ERR!, Unknown Error, Timeout: this reading failed
  sentinel,       ///< a number that stands for "blank": DCGM's 9223372036854775792..7, NVML's all-ones
};

std::string_view to_string(Absence absence);
/// Sources: nvidia-smi of drivers 375 to 590, NVML error strings, DCGM's dcgm_structs.h (blank values).
Absence absence_of(std::string_view cell);

struct Number {
  std::optional<double> value;         ///< finite, or unset
  Absence absence = Absence::present;  ///< when unset: why; `present` = the text is not understood
};

/// Reads "<number>[ ]<unit>" where the unit is one of `units` (compared without case; "" allows a bare
/// number). Trailing text, another unit, NaN and infinity leave the value unset with absence `present`.
Number read_number(std::string_view cell, std::initializer_list<std::string_view> units);
/// An unsigned counter without unit; blank values and all-ones are sentinels. Negative or fractional: unset.
struct Count {
  std::optional<std::uint64_t> value;
  Absence absence = Absence::present;
};
Count read_count(std::string_view cell);
/// Yes/No, True/False, Enabled/Disabled, Active/Not Active, On/Off, 1/0; unset otherwise.
std::optional<bool> read_flag(std::string_view cell);

std::string_view trim(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool contains_ignoring_case(std::string_view text, std::string_view part);
/// Lines without their "\n" or "\r\n"; a lone "\r" also ends a line (progress output rewrites its line with
/// it).
std::vector<std::string_view> split_lines(std::string_view text);
/// Fields between runs of blanks and tabs.
std::vector<std::string_view> split_fields(std::string_view line);
/// Whole-string numbers in the C locale, without units.
std::optional<double> to_double(std::string_view text);
std::optional<std::int64_t> to_integer(std::string_view text);
/// "00000000:0A:00.0", "0000:0a:00", "PCI:0009:01:00", "GPU0000:3B:00.0" -> "00000000:0a:00.0": eight-digit
/// domain, lower case, function 0 when not given. Unset when it is no PCI address.
std::optional<std::string> normal_pci_address(std::string_view text);
/// Drops what a launcher writes before each line: "0: " of `srun -l`, "[1,0]<stdout>:" of `mpirun
/// --tag-output`.
std::string_view without_launcher_prefix(std::string_view line);
/// Drops terminal colour sequences (ESC [ ... letter).
std::string without_escapes(std::string_view text);

}  // namespace kiln::tool_output
