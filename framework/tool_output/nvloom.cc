#include "tool_output/nvloom.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kNvloomTool = "nvloom_cli";
constexpr std::string_view kGigabytes = "GB/s";
constexpr std::size_t kMaximumNvloomErrors = 32;
constexpr double kPrintedDigits = 0.011;  // cells and summaries have two decimals

class NvloomReader {
 public:
  explicit NvloomReader(Nvloom& run) : run_(run) {}

  void take(std::string_view raw) {
    const std::string_view line = trim(without_launcher_prefix(raw));
    if (line.empty()) return;
    if (line.starts_with("nvloom_cli ")) {
      run_.version = std::string(trim(line.substr(11)).substr(0, 40));
    } else if (line.starts_with("Process ") && line.find(": device ") != std::string_view::npos) {
      take_process(line);
    } else if (line.starts_with("Running ") && split_fields(line).size() == 2) {
      open_case(split_fields(line)[1]);
    } else if (is_error(line)) {
      if (run_.errors.size() < kMaximumNvloomErrors) run_.errors.emplace_back(line.substr(0, 240));
      close();
    } else if (open_ && line.find("WAIVED") != std::string_view::npos) {
      current().status = NvloomStatus::waived;
      close();
    } else if (open_ && line.starts_with("Done ")) {
      if (trim(line.substr(5)) == current().name) judge();
      close();
    } else if (open_ && !take_summary(line) && !line.starts_with("ExecutionTime ")) {
      take_row(line);
    }
  }

 private:
  NvloomCase& current() { return run_.cases.back(); }
  void close() { open_ = false; }

  static bool is_error(std::string_view line) {
    return line.find("ASSERT in expression") != std::string_view::npos ||
           line.find("CUDA_ERROR") != std::string_view::npos || line.find("]: [") != std::string_view::npos ||
           line.starts_with("No such ") || line.starts_with("Couldn't parse command line") ||
           line.starts_with("Segmentation fault") || line.find("MPI_ABORT") != std::string_view::npos;
  }

  void take_process(std::string_view line) {
    const std::size_t open = line.find('('), close_at = line.find("): device ");
    const std::size_t guid = line.rfind("; rackGuid: ");
    if (open == std::string_view::npos || close_at == std::string_view::npos || close_at < open)
      return run_.doubt("Process", line);
    NvloomProcess process;
    const auto rank = to_integer(trim(line.substr(8, open - 8)));
    std::string_view rest = line.substr(close_at + 10);
    const std::size_t colon = rest.find(':');
    const auto device = to_integer(trim(rest.substr(0, colon)));
    if (!rank || !device || colon == std::string_view::npos) return run_.doubt("Process", line);
    process.rank = *rank;
    process.device = *device;
    process.host = std::string(line.substr(open + 1, close_at - open - 1).substr(0, 255));
    if (guid != std::string_view::npos)
      process.rack_guid = std::string(trim(line.substr(guid + 12)).substr(0, 64));
    rest = line.substr(0, guid);
    const std::size_t bus = rest.rfind('('), bus_end = rest.rfind(')');
    if (bus != std::string_view::npos && bus > close_at && bus_end > bus &&
        bus_end != std::string_view::npos) {
      if (const auto address = normal_pci_address(rest.substr(bus + 1, bus_end - bus - 1)))
        process.bus_id = *address;
    }
    const bool twice = std::any_of(run_.processes.begin(), run_.processes.end(),
                                   [&](const NvloomProcess& one) { return one.rank == process.rank; });
    if (twice) return run_.doubt("Process", line);
    run_.processes.push_back(std::move(process));
  }

  void open_case(std::string_view name) {
    NvloomCase one;
    one.name = std::string(name.substr(0, 120));
    run_.cases.push_back(std::move(one));
    open_ = true;
    least_ = std::numeric_limits<double>::infinity();
    most_ = -least_;
    sound_ = true;
  }

  /// "Min NAME 770.31 GB/s"
  bool take_summary(std::string_view line) {
    const std::vector<std::string_view> fields = split_fields(line);
    if (fields.size() < 3 || fields[1] != current().name) return false;
    std::optional<double>* into = fields[0] == "Min"   ? &current().minimum
                                  : fields[0] == "Avg" ? &current().average
                                  : fields[0] == "Max" ? &current().maximum
                                                       : nullptr;
    if (into == nullptr) return fields[0] == "Total";
    *into = to_double(fields[2]);
    if (!*into && fields[2] != "N/A") spoil(line);
    const std::string unit(fields.size() > 3 ? fields[3] : kGigabytes);
    if (!current().unit.empty() && current().unit != unit) spoil(line);
    current().unit = unit;
    return true;
  }

  void take_row(std::string_view line) {
    NvloomCase& one = current();
    std::vector<std::string_view> fields = split_fields(line);
    std::erase(fields, "|");
    if (one.columns.empty()) {
      for (const std::string_view label : fields) one.columns.emplace_back(label.substr(0, 64));
      return;
    }
    NvloomRow row;
    const std::size_t arrow = fields[0].find("->");
    const auto rank = to_integer(fields[0].substr(0, arrow));
    if (arrow != std::string_view::npos) row.peer = to_integer(fields[0].substr(arrow + 2));
    if (!rank || (arrow != std::string_view::npos && !row.peer)) return spoil(line);
    row.rank = *rank;
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const std::string_view cell = fields[i].substr(0, fields[i].find(';'));
      const std::optional<double> value = to_double(cell);
      if (!value && cell != "N/A") return spoil(line);
      if (value && *value < 0) return spoil(line);
      if (value) {
        least_ = std::min(least_, *value);
        most_ = std::max(most_, *value);
      }
      row.values.push_back(value);
    }
    if (row.values.size() != one.columns.size()) return spoil(line);
    one.rows.push_back(std::move(row));
  }

  void spoil(std::string_view line) {
    sound_ = false;
    run_.doubt(current().name, line);
  }

  void judge() {
    NvloomCase& one = current();
    const auto same = [](const std::optional<double>& said, double found) {
      return said && std::abs(*said - found) <= kPrintedDigits;
    };
    if (!sound_ || one.rows.size() != run_.processes.size() || one.rows.empty()) return;
    if (one.unit != kGigabytes) {
      run_.doubt(one.name + "/unit", one.unit);
      return;
    }
    if (!same(one.minimum, least_) || !same(one.maximum, most_)) {
      run_.doubt(one.name + "/summary", "its Min or Max is not that of its matrix");
      return;
    }
    one.status = NvloomStatus::ran;
  }

  Nvloom& run_;
  bool open_ = false, sound_ = true;
  double least_ = 0, most_ = 0;
};

}  // namespace

std::string_view to_string(NvloomStatus status) {
  switch (status) {
    case NvloomStatus::ran:
      return "ran";
    case NvloomStatus::waived:
      return "waived";
    case NvloomStatus::cut:
      break;
  }
  return "cut";
}

const NvloomCase* Nvloom::find(std::string_view name) const {
  const auto found =
      std::find_if(cases.begin(), cases.end(), [name](const NvloomCase& one) { return one.name == name; });
  return found == cases.end() ? nullptr : &*found;
}

Result<Nvloom> parse_nvloom(std::string_view text) {
  const Status size = check_size(kNvloomTool, text);
  if (!size) return size.error();
  Nvloom run;
  NvloomReader reader(run);
  const std::string plain = without_escapes(text);
  for (const std::string_view line : split_lines(plain)) reader.take(line);
  if (run.version.empty() && run.processes.empty()) {
    if (!run.errors.empty()) return tool_failed(kNvloomTool, run.errors.front());
    return not_recognised(kNvloomTool, "it has neither nvloom_cli's version nor its processes");
  }
  if (run.cases.empty()) run.mark_incomplete("it ends before the first test case");
  for (const NvloomCase& one : run.cases) {
    if (one.status == NvloomStatus::cut) run.mark_incomplete(fmt::format("{} has no sound end", one.name));
  }
  return run;
}

}  // namespace kiln::tool_output
