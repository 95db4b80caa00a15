#include "tool_output/nvidia_smi_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace kiln::tool_output {
namespace {

constexpr std::string_view kNvidiaSmiCsvTool = "nvidia-smi --query-... --format=csv";

/// Cells stand between commas; nvidia-smi quotes nothing.
std::vector<std::string_view> split_csv_cells(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t comma = line.find(',');
    cells.push_back(trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/// "power.draw.average [W]" or "uuid".
std::optional<CsvColumn> read_column(std::string_view cell) {
  CsvColumn column;
  const std::size_t bracket = cell.find('[');
  column.name = std::string(trim(cell.substr(0, bracket)));
  if (column.name.empty() || column.name.size() > 120 ||
      !std::all_of(column.name.begin(), column.name.end(), is_name_character)) {
    return std::nullopt;
  }
  if (bracket != std::string_view::npos) {
    if (!cell.ends_with(']')) return std::nullopt;
    column.unit = std::string(trim(cell.substr(bracket + 1, cell.size() - bracket - 2)));
  }
  return column;
}

/// Names only nvidia-smi's queries have; sources: --help-query-gpu, -compute-apps, -retired-pages.
bool is_known(std::string_view name) {
  for (const std::string_view whole :
       {"gpu_name", "gpu_uuid", "gpu_bus_id", "gpu_serial", "driver_version", "vbios_version", "pstate",
        "compute_cap", "used_gpu_memory", "used_memory", "fan.speed", "persistence_mode",
        "gpu_recovery_action"}) {
    if (name == whole) return true;
  }
  for (const std::string_view prefix :
       {"temperature.", "power.", "clocks.", "clocks_", "utilization.", "memory.", "ecc.", "pcie.",
        "pci.bus_id", "remapped_rows.", "retired_pages.", "fabric.", "mig.mode", "enforced.power", "module.",
        "platform."}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

/// "uuid", "name", "index", "serial" and "timestamp" occur in many tables: two of them together will do.
bool is_weak(std::string_view name) {
  return name == "uuid" || name == "name" || name == "index" || name == "serial" || name == "timestamp" ||
         name == "count" || name == "gpu";
}

std::optional<std::vector<CsvColumn>> read_header(std::string_view line) {
  std::vector<CsvColumn> columns;
  std::size_t known = 0;
  std::size_t weak = 0;
  for (const std::string_view cell : split_csv_cells(line)) {
    auto column = read_column(cell);
    if (!column) return std::nullopt;
    if (is_known(column->name)) ++known;
    if (is_weak(column->name)) ++weak;
    columns.push_back(std::move(*column));
  }
  const bool uuid_and_name =
      weak >= 2 && std::any_of(columns.begin(), columns.end(),
                               [](const CsvColumn& column) { return column.name == "uuid"; });
  if (known == 0 && !uuid_and_name) return std::nullopt;
  return columns;
}

Error refuse_csv(std::string_view text) {
  const std::vector<std::string_view> lines = split_lines(text);
  if (lines.size() <= 10) {
    for (const std::string_view line : lines) {
      for (const std::string_view known :
           {"NVIDIA-SMI has failed", "No devices were found", "is not a valid field to query",
            "Failed to initialize NVML", "Unable to determine the device handle", "command not found"}) {
        if (contains_ignoring_case(line, known))
          return tool_failed(kNvidiaSmiCsvTool, std::string(trim(line).substr(0, 200)));
      }
    }
  }
  return not_recognised(kNvidiaSmiCsvTool, "the first line is no header of its field names");
}

Result<NvidiaSmiCsv> read_csv(std::string_view text) {
  NvidiaSmiCsv csv;
  bool header = false;
  std::size_t number = 0;
  for (const std::string_view raw : split_lines(text)) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty()) continue;
    if (!header) {
      auto columns = read_header(line);
      if (!columns) return refuse_csv(text);
      csv.columns = std::move(*columns);
      header = true;
      continue;
    }
    const std::vector<std::string_view> cells = split_csv_cells(line);
    if (cells.size() != csv.columns.size()) {
      csv.doubt(fmt::format("line {}", number), line);
      csv.mark_incomplete(
          fmt::format("line {} has {} cells, the header {}", number, cells.size(), csv.columns.size()));
      continue;
    }
    csv.rows.emplace_back(cells.begin(), cells.end());
  }
  if (!header) return refuse_csv(text);
  using Query = NvidiaSmiCsv::Query;
  csv.query = Query::gpu;
  for (const CsvColumn& column : csv.columns) {
    if (column.name.starts_with("retired_pages.") && csv.column("gpu_uuid")) csv.query = Query::retired_pages;
    if (column.name == "pid") csv.query = Query::compute_apps;
  }
  if (csv.query == Query::gpu && csv.column("gpu_uuid") && !csv.column("index") && !csv.column("uuid")) {
    csv.query = Query::other;
  }
  // A query without GPUs prints "No devices were found"; a header alone is cut, except where there is nothing
  // to list.
  if (csv.rows.empty() && csv.query == Query::gpu) csv.mark_incomplete("there is a header but no row");
  // Every row ends its line; a last cell without the end may be cut.
  if (text.back() != '\n' && !csv.rows.empty() && csv.rows.back().back().empty()) {
    csv.mark_incomplete("the last row is cut");
  }
  return csv;
}

}  // namespace

std::optional<std::size_t> NvidiaSmiCsv::column(std::string_view name) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<std::string> NvidiaSmiCsv::text(std::size_t row, std::string_view name) const {
  const auto at = column(name);
  if (!at || row >= rows.size()) return std::nullopt;
  const std::string& cell = rows[row][*at];
  if (absence_of(cell) != Absence::present) return std::nullopt;
  return cell;
}

Number NvidiaSmiCsv::number(std::size_t row, std::string_view name) const {
  const auto at = column(name);
  Number missing;
  missing.absence = Absence::empty;
  if (!at || row >= rows.size()) return missing;
  const std::string& cell = rows[row][*at];
  const std::string& unit = columns[*at].unit;
  // "25 %" also under a header "[%]"; without a unit in the header (nounits off) any of the tool's own.
  if (!unit.empty()) return read_number(cell, {"", unit});
  return read_number(cell, {"", "W", "MHz", "MiB", "%", "C", "us", "x"});
}

Result<NvidiaSmiCsv> parse_nvidia_smi_csv(std::string_view text) {
  if (Status size = check_size(kNvidiaSmiCsvTool, text); !size) return size.error();
  try {
    return read_csv(text);
  } catch (const std::exception& problem) {
    return malformed(kNvidiaSmiCsvTool, problem.what());
  }
}

}  // namespace kiln::tool_output
