#include "tool_output/nvbandwidth.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <stdexcept>

#include "tool_output/embedded_json.h"
#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

namespace json = boost::json;

constexpr std::string_view kNvbandwidthTool = "nvbandwidth";
constexpr std::size_t kMaximumErrors = 32;
constexpr double kSumTolerance = 0.01;  // cells are printed with two decimals

std::string unit_of(std::string_view description) {
  const std::size_t open = description.rfind('(');
  const std::size_t close = description.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return std::string(description.substr(open + 1, close - open - 1));
}

void check_sum(Nvbandwidth& run, const NvbandwidthCase& one) {
  if (!one.sum || one.matrix.empty()) return;
  double total = 0;
  for (const auto& row : one.matrix) {
    for (const auto& cell : row) total += cell.value_or(0);
  }
  if (std::abs(total - *one.sum) > std::max(kSumTolerance * std::abs(*one.sum), 1.0)) {
    run.doubt(one.name + "/sum", fmt::format("sum is {} but the matrix adds up to {:.2f}", *one.sum, total));
  }
}

std::optional<double> plain_number(std::string_view text) {
  std::string digits(trim(text));
  std::erase(digits, ',');
  return to_double(digits);
}

/// The text format: "Running NAME.", a description, column numbers, rows, "SUM NAME value".
class TextReader {
 public:
  explicit TextReader(Nvbandwidth& run) : run_(run) {}

  void take(std::string_view raw) {
    const std::string_view line = trim(raw);
    if (line.empty()) return;
    if (line.starts_with("nvbandwidth Version:")) {
      run_.version = std::string(trim(line.substr(20)));
      recognised_ = true;
    } else if (line.starts_with("CUDA Runtime Version:")) {
      run_.cuda_runtime = std::string(trim(line.substr(21)));
    } else if (line.starts_with("CUDA Driver Version:")) {
      run_.cuda_driver = std::string(trim(line.substr(20)));
    } else if (line.starts_with("Driver Version:")) {
      run_.driver_version = std::string(trim(line.substr(15)));
    } else if (line.starts_with("Device ") && line.find(": ") != std::string_view::npos && !open_) {
      run_.devices.emplace_back(trim(line.substr(line.find(": ") + 2)).substr(0, 120));
    } else if (line.starts_with("Process ") && line.find(": device ") != std::string_view::npos) {
      run_.devices.emplace_back(trim(line.substr(line.find(": device ") + 9)).substr(0, 120));
    } else if (line.starts_with("Running ") && line.ends_with('.')) {
      open_case(trim(line.substr(8, line.size() - 9)));
    } else if (line.starts_with("Waived:") || line == "Waived" || line.starts_with("WAIVED")) {
      take_waived();
    } else if (is_error(line)) {
      take_error(line);
    } else if (line.starts_with("memcpy ") || line.starts_with("memory latency") ||
               line.ends_with("(GB/s)") || line.ends_with("(ns)")) {
      if (open_) {
        current().description = std::string(line.substr(0, 160));
        current().unit = unit_of(line);
      }
    } else if (!take_statistic(line) && open_) {
      take_row(line);
    }
  }

  [[nodiscard]] bool recognised() const { return recognised_ || (cases_ > 0 && sums_ > 0); }
  [[nodiscard]] bool open() const { return open_; }

 private:
  NvbandwidthCase& current() { return run_.cases.back(); }

  static bool is_error(std::string_view line) {
    return line.starts_with("ASSERT") || line.starts_with("ERROR") ||
           line.find("CUDA_ERROR") != std::string_view::npos || line.starts_with("[CUDA_") ||
           line.find("cudaError") != std::string_view::npos || line.starts_with("CUDA error") ||
           line.starts_with("Invalid value when checking the pattern") ||
           line.starts_with("Segmentation fault");
  }

  void open_case(std::string_view name) {
    NvbandwidthCase one;
    one.name = std::string(name.substr(0, 120));
    run_.cases.push_back(std::move(one));
    ++cases_;
    open_ = true;
    columns_ = 0;
  }

  void take_waived() {
    const bool of_this = open_ && current().matrix.empty() && current().description.empty();
    if (!of_this) {
      NvbandwidthCase nameless;
      run_.cases.push_back(std::move(nameless));
    }
    current().status = NvbandwidthStatus::waived;
    open_ = false;
  }

  void take_error(std::string_view line) {
    if (run_.errors.size() < kMaximumErrors) run_.errors.emplace_back(line.substr(0, 240));
    if (line.find("not found") != std::string_view::npos ||
        line.find("Not Found") != std::string_view::npos) {
      if (open_) current().status = NvbandwidthStatus::not_found;
      return;
    }
    if (!open_) return;
    current().status = NvbandwidthStatus::error;
    current().error = std::string(line.substr(0, 240));
    open_ = false;
  }

  /// "SUM host_to_device_memcpy_ce 442.52", and MIN, MAX, AVG of later versions.
  bool take_statistic(std::string_view line) {
    const std::vector<std::string_view> fields = split_fields(line);
    if (fields.size() < 3) return false;
    const std::string_view word = fields[0];
    if (word != "SUM" && word != "MIN" && word != "MAX" && word != "AVG" && word != "MEAN") return false;
    const auto value = plain_number(fields.back());
    const auto found = std::find_if(run_.cases.rbegin(), run_.cases.rend(),
                                    [&](const NvbandwidthCase& one) { return one.name == fields[1]; });
    if (found == run_.cases.rend()) {
      run_.doubt(std::string(word), line);
      return true;
    }
    if (!value) {
      run_.doubt(found->name + "/" + std::string(word), line);
      return true;
    }
    if (word == "SUM") {
      found->sum = value;
      ++sums_;
      if (found->status == NvbandwidthStatus::cut && !found->matrix.empty())
        found->status = NvbandwidthStatus::ran;
      check_sum(run_, *found);
      open_ = false;
    }
    if (word == "MIN") found->minimum = value;
    if (word == "MAX") found->maximum = value;
    if (word == "AVG" || word == "MEAN") found->average = value;
    return true;
  }

  void take_row(std::string_view line) {
    const std::vector<std::string_view> fields = split_fields(line);
    const auto all_integers = std::all_of(
        fields.begin(), fields.end(), [](std::string_view field) { return to_integer(field).has_value(); });
    if (columns_ == 0) {
      // Column numbers 0 1 2 ...; a matrix without them is not one.
      if (all_integers && !fields.empty()) columns_ = fields.size();
      return;
    }
    if (fields.size() < 2) return run_.doubt(current().name, line);
    std::vector<std::optional<double>> row;
    for (std::size_t i = 1; i < fields.size(); ++i) {
      if (absence_of(fields[i]) == Absence::not_available) {
        row.emplace_back(std::nullopt);
        continue;
      }
      const auto value = plain_number(fields[i]);
      if (!value) return run_.doubt(current().name, line);
      row.emplace_back(value);
    }
    if (row.size() != columns_) run_.doubt(current().name + "/row", line);
    current().matrix.push_back(std::move(row));
  }

  Nvbandwidth& run_;
  bool recognised_ = false;
  bool open_ = false;
  std::size_t columns_ = 0;
  std::size_t cases_ = 0;
  std::size_t sums_ = 0;
};

NvbandwidthStatus status_of(std::string_view word) {
  if (equals_ignoring_case(word, "Passed")) return NvbandwidthStatus::ran;
  if (equals_ignoring_case(word, "Waived")) return NvbandwidthStatus::waived;
  if (equals_ignoring_case(word, "Not Found")) return NvbandwidthStatus::not_found;
  if (equals_ignoring_case(word, "Running")) return NvbandwidthStatus::cut;
  return NvbandwidthStatus::error;
}

Result<Nvbandwidth> read_nvbandwidth_json(const json::object& body) {
  Nvbandwidth run;
  run.version = string_at(body, "version");
  run.driver_version = string_at(body, "Driver Version");
  const auto version_text = [&](std::string_view key) {
    const std::optional<double> number = number_at(body, key);
    return number ? fmt::format("{}", *number) : string_at(body, key);
  };
  run.cuda_runtime = version_text("CUDA Runtime Version");
  run.cuda_driver = version_text("CUDA Driver Version");
  for (const std::string_view key : {"GPU Device list", "GPU Device info"}) {
    if (const json::array* devices = array_at(body, key)) {
      for (const json::value& device : *devices) {
        if (const json::string* name = device.if_string())
          run.devices.emplace_back(name->data(), name->size());
      }
    }
  }
  if (const std::string error = string_at(body, "error"); !error.empty()) run.errors.push_back(error);
  const json::array* cases = array_at(body, "testcases");
  if (cases == nullptr) {
    if (run.errors.empty()) run.mark_incomplete("there is no list of test cases");
    return run;
  }
  for (const json::value& value : *cases) {
    const json::object* object = value.if_object();
    if (object == nullptr) {
      run.doubt("testcases[]", "not an object");
      continue;
    }
    NvbandwidthCase one;
    one.name = string_at(*object, "name");
    const std::string status = string_at(*object, "status");
    one.status = status_of(status);
    if (one.status == NvbandwidthStatus::error && !contains_ignoring_case(status, "error") &&
        !contains_ignoring_case(status, "fail")) {
      run.doubt(one.name + "/status", status);
    }
    one.description = string_at(*object, "bandwidth_description");
    one.unit = unit_of(one.description);
    one.error = string_at(*object, "error");
    one.sum = number_at(*object, "sum");
    one.minimum = number_at(*object, "min");
    one.maximum = number_at(*object, "max");
    one.average = number_at(*object, "average");
    if (const json::array* rows = array_at(*object, "bandwidth_matrix")) {
      for (const json::value& row : *rows) {
        const json::array* cells = row.if_array();
        if (cells == nullptr) continue;
        std::vector<std::optional<double>> numbers;
        for (const json::value& cell : *cells) {
          const std::optional<double> number = number_of(cell);
          const json::string* text = cell.if_string();
          if (!number && !(text != nullptr && absence_of(std::string_view(text->data(), text->size())) ==
                                                  Absence::not_available)) {
            run.doubt(one.name + "/bandwidth_matrix",
                      text == nullptr ? "not a number" : std::string_view(text->data(), text->size()));
          }
          numbers.push_back(number);
        }
        one.matrix.push_back(std::move(numbers));
      }
    }
    if (one.status == NvbandwidthStatus::ran && one.matrix.empty() && !one.sum) {
      run.doubt(one.name, "passed without any number");
      one.status = NvbandwidthStatus::error;
      one.error = "passed without any number";
    }
    check_sum(run, one);
    run.cases.push_back(std::move(one));
  }
  return run;
}

Result<Nvbandwidth> read_nvbandwidth(std::string_view text) {
  const EmbeddedJson found = find_json(text, {"nvbandwidth"});
  if (found.outcome == EmbeddedJson::Outcome::cut)
    return truncated(kNvbandwidthTool, "the JSON document is not closed");
  if (found.outcome == EmbeddedJson::Outcome::invalid) return malformed(kNvbandwidthTool, found.problem);
  if (found.outcome == EmbeddedJson::Outcome::found) {
    const json::object* body = object_at(found.object, "nvbandwidth");
    if (body == nullptr) return malformed(kNvbandwidthTool, "\"nvbandwidth\" is no object");
    Result<Nvbandwidth> run = read_nvbandwidth_json(*body);
    if (run && found.objects > 1) run->doubt("document", "several documents; the last was read");
    return run;
  }
  Nvbandwidth run;
  TextReader reader(run);
  for (const std::string_view line : split_lines(text)) reader.take(line);
  if (!reader.recognised())
    return not_recognised(kNvbandwidthTool, "neither its version line nor its JSON is in it");
  if (reader.open()) {
    run.mark_incomplete(fmt::format("test case '{}' has no SUM line", run.cases.back().name));
  }
  for (const NvbandwidthCase& one : run.cases) {
    if (one.status == NvbandwidthStatus::cut)
      run.mark_incomplete(fmt::format("test case '{}' has no SUM line", one.name));
  }
  if (run.cases.empty() && run.errors.empty()) run.mark_incomplete("no test case was run");
  return run;
}

}  // namespace

std::string_view to_string(NvbandwidthStatus status) {
  switch (status) {
    case NvbandwidthStatus::ran:
      return "ran";
    case NvbandwidthStatus::waived:
      return "waived";
    case NvbandwidthStatus::not_found:
      return "not_found";
    case NvbandwidthStatus::error:
      return "error";
    case NvbandwidthStatus::cut:
      return "cut";
  }
  return "cut";
}

const NvbandwidthCase* Nvbandwidth::find(std::string_view name) const {
  const auto found =
      std::find_if(cases.begin(), cases.end(), [&](const NvbandwidthCase& one) { return one.name == name; });
  return found == cases.end() ? nullptr : &*found;
}

std::size_t Nvbandwidth::count(NvbandwidthStatus status) const {
  return static_cast<std::size_t>(std::count_if(
      cases.begin(), cases.end(), [&](const NvbandwidthCase& one) { return one.status == status; }));
}

Result<Nvbandwidth> parse_nvbandwidth(std::string_view text) {
  if (Status size = check_size(kNvbandwidthTool, text); !size) return size.error();
  try {
    return read_nvbandwidth(text);
  } catch (const std::exception& problem) {
    return malformed(kNvbandwidthTool, problem.what());
  }
}

}  // namespace kiln::tool_output
