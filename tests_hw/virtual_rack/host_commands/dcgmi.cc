// `dcgmi diag -r LEVEL -j` of DCGM 4.4: the tests of each run level, with a result per GPU that follows from
// the GPU's state. A failed test ends with status 226 and a valid document, as the real one does. The run
// times are shortened.

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/load_command.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/power.h"

namespace kiln::virtual_rack {

namespace {

namespace json = boost::json;

constexpr const char* kDcgmVersion = "4.4.1";
constexpr int kTestsFailed = 226;
// Error ids and severities of dcgm_errors.h (DCGM 4).
constexpr int kCategoryHardware = 4;
constexpr int kSeverityIsolate = 2;
constexpr int kErrorDbe = 29;
constexpr int kErrorNvlinkDown = 12;
constexpr int kErrorClocksThrottle = 9;
constexpr int kErrorTargetPower = 16;
constexpr int kErrorPendingRemap = 94;

struct Problem {
  int error_id = 0;
  std::string text;
};

struct Test {
  const char* category;
  const char* name;
  int level;
  double seconds;
};

// Levels as `dcgmi diag --help` lists them; seconds are this rack's own.
constexpr Test kTests[] = {
    {"Deployment", "software", 1, 0.3},       {"Integration", "pcie", 2, 0.6},
    {"Hardware", "memory", 2, 0.6},           {"Hardware", "diagnostic", 3, 1.2},
    {"Hardware", "memory_bandwidth", 3, 0.5}, {"Stress", "targeted_stress", 3, 1.0},
    {"Stress", "targeted_power", 3, 1.2},     {"Hardware", "memtest", 4, 1.5},
    {"Hardware", "pulse_test", 4, 0.8},
};

class DcgmDiag final : public LoadCommand {
 public:
  DcgmDiag(Host host, int level, std::size_t expected)
      : LoadCommand(host, process(level)), level_(level), expected_(expected) {
    for (const Test& test : kTests) {
      seconds_ += test.level <= level ? test.seconds : 0;
    }
  }

 private:
  static Process process(int level) {
    Process process;
    process.name = "nvvs";
    process.gpu_utilisation = level >= 2 ? 0.95 : 0;
    process.cpu_utilisation = 0.04;
    process.stress = level >= 2;
    return process;
  }

  std::vector<Problem> problems(const Gpu& gpu, const std::string& test) const {
    std::vector<Problem> found;
    if (test == "software" && gpu.row_remap.pending) {
      found.push_back(
          {kErrorPendingRemap, fmt::format("GPU {} had uncorrectable memory errors and row remappings are "
                                           "pending.",
                                           gpu.index)});
    }
    if ((test == "memory" || test == "memtest") && gpu.ecc_volatile.dram_uncorrectable > 0) {
      found.push_back({kErrorDbe, fmt::format("{} double bit ECC errors were detected on GPU {}.",
                                              gpu.ecc_volatile.dram_uncorrectable, gpu.index)});
    }
    if (test == "pcie") {
      for (std::size_t i = 0; i < gpu.links.size(); ++i) {
        if (!gpu.links[i].up) {
          found.push_back(
              {kErrorNvlinkDown, fmt::format("GPU {}'s NvLink link {} is currently down.", gpu.index, i)});
        }
      }
    }
    const bool heavy = test == "diagnostic" || test == "targeted_stress" || test == "targeted_power";
    if (heavy && (gpu.throttle.hw_slowdown || gpu.thermal_throttle_s > 0)) {
      found.push_back(
          {kErrorClocksThrottle, fmt::format("GPU {}: clocks event: hardware slowdown.", gpu.index)});
    }
    // targeted_power asks for three quarters of its target.
    if (test == "memory" && active_fault(host().rack, host().dut, FaultKind::dcgm_fails, gpu.name) != nullptr)
      found.push_back(
          {kErrorDbe, fmt::format("1 double bit ECC errors were detected on GPU {}.", gpu.index)});
    if (test == "targeted_power" && gpu.power_w.shown < 0.75 * gpu.power_limit_w) {
      found.push_back(
          {kErrorTargetPower, fmt::format("Max power of {:.1f} did not reach desired power minimum of {:.1f} "
                                          "for GPU {}.",
                                          gpu.power_w.shown, 0.75 * gpu.power_limit_w, gpu.index)});
    }
    return found;
  }

  json::object test_result(const Test& test, bool& failed) const {
    json::array results;
    bool any_failed = false;
    for (const Gpu& gpu : host().dut.gpus) {
      if (!gpu.present || !gpu.on_bus) continue;
      json::object result;
      result["entity_group"] = "GPU";
      result["entity_group_id"] = 1;
      result["entity_id"] = gpu.index;
      json::array warnings;
      for (const Problem& problem : problems(gpu, test.name)) {
        json::object warning;
        warning["error_category"] = kCategoryHardware;
        warning["error_id"] = problem.error_id;
        warning["error_severity"] = kSeverityIsolate;
        warning["warning"] = problem.text;
        warnings.push_back(std::move(warning));
      }
      result["status"] = warnings.empty() ? "Pass" : "Fail";
      if (!warnings.empty()) {
        any_failed = true;
        result["warnings"] = std::move(warnings);
      }
      results.push_back(std::move(result));
    }
    failed = failed || any_failed;
    json::object summary;
    summary["status"] = any_failed ? "Fail" : "Pass";
    json::object object;
    object["name"] = test.name;
    object["results"] = std::move(results);
    object["test_summary"] = std::move(summary);
    return object;
  }

  json::array entity_groups() const {
    json::array entities;
    for (const Gpu& gpu : host().dut.gpus) {
      if (!gpu.present || !gpu.on_bus) continue;
      json::object entity;
      entity["device_id"] = fmt::format("{:04x}", gpu.pci_device);
      entity["entity_id"] = gpu.index;
      entity["serial_num"] = gpu.serial;
      entities.push_back(std::move(entity));
    }
    json::object group;
    group["entities"] = std::move(entities);
    group["entity_group"] = "GPU";
    group["entity_group_id"] = 1;
    json::array groups;
    groups.push_back(std::move(group));
    return groups;
  }

  static void print(Output& output, json::object diagnostic, json::array groups) {
    json::object metadata;
    metadata["Driver Version Detected"] = std::string(kDriverVersion);
    metadata["version"] = kDcgmVersion;
    json::object root;
    root["DCGM Diagnostic"] = std::move(diagnostic);
    root["entity_groups"] = std::move(groups);
    root["metadata"] = std::move(metadata);
    output.out += json::serialize(root) + "\n";
  }

  std::optional<Exit> run(Output& output) override {
    std::size_t usable = 0;
    for (const Gpu& gpu : host().dut.gpus) usable += gpu.present && gpu.on_bus ? 1U : 0U;
    if (usable == 0 || (expected_ > 0 && usable != expected_)) {
      json::object diagnostic;
      diagnostic["runtime_error"] =
          usable == 0 ? std::string("No GPUs were found.")
                      : fmt::format("The number of GPUs found ({}) is not the number expected ({}).", usable,
                                    expected_);
      print(output, std::move(diagnostic), entity_groups());
      return Exit{kTestsFailed, 0};
    }
    if (elapsed_s() < seconds_) {
      return std::nullopt;
    }
    json::array categories;
    bool failed = false;
    for (const Test& test : kTests) {
      if (test.level > level_) continue;
      json::object result = test_result(test, failed);
      auto same = std::find_if(categories.begin(), categories.end(), [&](const json::value& category) {
        return category.as_object().at("category") == json::value(test.category);
      });
      if (same == categories.end()) {
        json::object category;
        category["category"] = test.category;
        category["tests"] = json::array();
        categories.push_back(std::move(category));
        same = std::prev(categories.end());
      }
      same->as_object().at("tests").as_array().push_back(std::move(result));
    }
    json::object diagnostic;
    diagnostic["test_categories"] = std::move(categories);
    print(output, std::move(diagnostic), entity_groups());
    return Exit{failed ? kTestsFailed : 0, 0};
  }

  int level_;
  std::size_t expected_;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<Command> run_dcgmi(Host host, const Arguments& arguments) {
  if (arguments.size() > 1 && (arguments[1] == "--version" || arguments[1] == "-v")) {
    return finished(fmt::format("\ndcgmi  version: {}\n\n", kDcgmVersion));
  }
  if (arguments.size() < 2 || arguments[1] != "diag") {
    return finished("", 1, "Error: this host's dcgmi has only: diag\n");
  }
  int level = 0;
  bool to_json = false;
  std::size_t expected = 0;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const bool has_value = i + 1 < arguments.size();
    if ((word == "-r" || word == "--run") && has_value) {
      const std::string& value = arguments[++i];
      const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), level);
      if (problem != std::errc() || end != value.data() + value.size()) level = 0;
    } else if (word == "-j" || word == "--json") {
      to_json = true;
    } else if ((word == "-n" || word == "--expectedNumEntities") && has_value) {
      const std::string& value = arguments[++i];  // "gpu:4"
      const std::size_t colon = value.find(':');
      const char* first = value.data() + (colon == std::string::npos ? 0 : colon + 1);
      std::from_chars(first, value.data() + value.size(), expected);
    } else if ((word == "-p" || word == "-i" || word == "-g" || word == "--parameters") && has_value) {
      ++i;
    } else if (word != "-v" && word != "--verbose" && word != "--fail-early") {
      return finished("", 1, fmt::format("Error: unknown argument '{}'\n", word));
    }
  }
  if (level < 1 || level > 4) {
    return finished("", 1, "Error: -r needs a run level from 1 to 4\n");
  }
  if (!to_json) {
    return finished("", 1, "Error: this host's dcgmi answers as JSON only: add -j\n");
  }
  return std::make_unique<DcgmDiag>(host, level, expected);
}

}  // namespace kiln::virtual_rack
