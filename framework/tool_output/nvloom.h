#pragma once
// nvloom_cli, versions 1.0 to 2.0: bandwidth over a rack's whole NVLink fabric, one process per GPU of all
// its hosts. It judges nothing but its own errors: a bandwidth is a measurement for the product's limits, so
// "ran" is all a test case can say. Pure, any thread. Source: nvloom's nvloom_cli.cpp, testcases.cpp,
// util.cpp.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tool_output/tool_output.h"

namespace kiln::tool_output {

enum class NvloomStatus { ran, waived, cut };
std::string_view to_string(NvloomStatus status);

/// "Process  3 (tray01): device 3: NVIDIA GB300 (00000019:01:00); rackGuid: 1b2c…": who measured.
struct NvloomProcess {
  std::int64_t rank = 0;
  std::string host;  ///< as gethostname(2) of that host tells it
  std::int64_t device = 0;
  std::string bus_id;     ///< "00000019:01:00.0"; empty when it is no PCI address
  std::string rack_guid;  ///< the NVLink domain it is in
};

/// A row of a case's matrix: "3  781.20" of the process 3, "3->7  772.04" of a copy from 3 to 7.
struct NvloomRow {
  std::int64_t rank = 0;
  std::optional<std::int64_t> peer;
  std::vector<std::optional<double>> values;  ///< GB/s; N/A is unset
};

struct NvloomCase {
  std::string name;                         ///< "gpu_to_rack_device_to_device_unidir_write_ce"
  NvloomStatus status = NvloomStatus::cut;  ///< ran: its matrix, its summary and its end are there, in GB/s
  std::vector<std::string> columns;
  std::vector<NvloomRow> rows;
  std::string unit;  ///< "GB/s"; before version 1.1 none is printed and it is meant
  std::optional<double> minimum, average, maximum;
};

struct Nvloom : Document {
  std::string version;
  std::vector<NvloomProcess> processes;
  std::vector<NvloomCase> cases;
  std::vector<std::string> errors;  ///< ASSERT, CUDA errors, "No such testcase"
  [[nodiscard]] const NvloomCase* find(std::string_view name) const;
};

/// Errors: those of all parsers (tool_output.h). A summary that is not its matrix's is a doubt, and its case
/// is cut; so is a case with fewer rows than processes, or in another unit.
Result<Nvloom> parse_nvloom(std::string_view text);

}  // namespace kiln::tool_output
