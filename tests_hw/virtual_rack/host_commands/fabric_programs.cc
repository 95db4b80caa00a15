// nvbandwidth 0.8 and all_reduce_perf of nccl-tests 2.17, for the GPUs of one tray. Their figures follow from
// the links that are up; a link that repairs many errors slows its GPU.

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/fabric_share.h"
#include "tests_hw/virtual_rack/host_commands/load_command.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/links.h"
#include "tests_hw/virtual_rack/power.h"

namespace kiln::virtual_rack {

namespace {

namespace json = boost::json;

constexpr double kSlowShare = 0.7;              // what peer-slow and collective-slow leave
constexpr double kChipToChipGbPerSecond = 372;  // assumed: Grace to GPU, one direction

double jitter(Host host, double relative) {
  return 1 + std::normal_distribution<double>(0, relative)(host.rack.random);
}

Process fabric_process(const char* name, double links) {
  Process process;
  process.name = name;
  process.gpu_utilisation = 0.35;
  process.nvlink_utilisation = links;
  process.cpu_utilisation = 0.05;
  process.stress = true;
  return process;
}

// --- nvbandwidth
// ------------------------------------------------------------------------------------------------

struct BandwidthTest {
  std::string name;
  std::string description;
  bool host_side = false;  // one row, CPU to each GPU
  bool local = false;      // one row, each GPU's own memory
};

const std::vector<BandwidthTest>& bandwidth_tests() {
  static const std::vector<BandwidthTest> tests = {
      {"host_to_device_memcpy_ce", "memcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)", true},
      {"device_to_host_memcpy_ce", "memcpy CE CPU(row) <- GPU(column) bandwidth (GB/s)", true},
      {"device_to_device_memcpy_read_ce", "memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)", false},
      {"device_to_device_memcpy_write_ce", "memcpy CE GPU(row) <- GPU(column) bandwidth (GB/s)", false},
      {"device_local_copy", "memcpy local GPU(column) bandwidth (GB/s)", false, true},
  };
  return tests;
}

/// GB/s that a copy within a GPU's memory copies. 1519 were measured on an H100 of 3350 GB/s (Hugging Face,
/// "The smol training playbook"); the same share of the other data sheets is assumed.
double local_copy_gb_s(const Gpu& gpu) {
  constexpr double kShareOfSheet = 1519.0 / 3350.0;
  static const std::vector<std::pair<std::string_view, double>> sheets = {
      {"H100", 3350}, {"H200", 4800}, {"B200", 8000}, {"B300", 8000}, {"VR200", 13000}, {"Rubin", 13000}};
  for (const auto& [word, sheet] : sheets) {
    if (gpu.model.find(word) != std::string::npos) return sheet * kShareOfSheet;
  }
  return 8000 * kShareOfSheet;
}

class Nvbandwidth final : public LoadCommand {
 public:
  Nvbandwidth(Host host, std::vector<BandwidthTest> tests, bool to_json)
      : LoadCommand(host, fabric_process("nvbandwidth", 0.8)), tests_(std::move(tests)), json_(to_json) {}

 private:
  static constexpr double kSecondsPerTest = 0.5;
  static constexpr double kSlowMemory = 0.6;

  using Matrix = std::vector<std::vector<std::optional<double>>>;

  Matrix measure(const BandwidthTest& test) const {
    const auto gpus = working_gpus(host().dut);
    Matrix matrix;
    for (std::size_t row = 0; row < (test.host_side || test.local ? 1 : gpus.size()); ++row) {
      std::vector<std::optional<double>> values;
      for (std::size_t column = 0; column < gpus.size(); ++column) {
        if (test.local) {
          const Gpu& gpu = *gpus[column];
          const bool slow =
              active_fault(host().rack, host().dut, FaultKind::memory_slow, gpu.name) != nullptr;
          values.emplace_back(local_copy_gb_s(gpu) * (slow ? kSlowMemory : 1) * jitter(host(), 0.002));
        } else if (test.host_side) {
          values.emplace_back(kChipToChipGbPerSecond * jitter(host(), 0.004));
        } else if (row == column) {
          values.emplace_back(std::nullopt);
        } else {
          const double share = std::min(copy_share(*gpus[row]), copy_share(*gpus[column]));
          values.emplace_back(gpus[row]->peer_gb_per_s * share * jitter(host(), 0.002));
        }
      }
      matrix.push_back(std::move(values));
    }
    return matrix;
  }

  double copy_share(const Gpu& gpu) const {
    const bool slow = active_fault(host().rack, host().dut, FaultKind::peer_slow, gpu.name) != nullptr;
    return link_share(host(), gpu) * (slow ? kSlowShare : 1);
  }

  static std::string cell(const std::optional<double>& value) {
    return value ? fmt::format("{:.2f}", *value) : std::string("N/A");
  }

  struct Summary {
    double sum = 0, least = 1e9, most = 0;
    int count = 0;
  };
  static Summary summarise(const Matrix& matrix) {
    Summary summary;
    for (const auto& row : matrix) {
      for (const auto& value : row) {
        if (!value) continue;
        summary.sum += *value;
        summary.least = std::min(summary.least, *value);
        summary.most = std::max(summary.most, *value);
        ++summary.count;
      }
    }
    return summary;
  }

  std::string head() const {
    std::string text = fmt::format(
        "nvbandwidth Version: v0.8\nBuilt from Git version: v0.8\n\nCUDA Runtime Version: 13000\nCUDA Driver "
        "Version: "
        "13000\nDriver Version: {}\n\n{}\n",
        kDriverVersion, host().dut.hostname);
    for (const Gpu* gpu : working_gpus(host().dut)) {
      text += fmt::format("Device {}: {} ({})\n", gpu->index, gpu->model, gpu->pci_address.substr(0, 14));
    }
    return text + "\n";
  }

  std::string as_text(const BandwidthTest& test, const Matrix& matrix) const {
    std::string text = fmt::format("Running {}.\n{}\n ", test.name, test.description);
    for (std::size_t column = 0; column < matrix.front().size(); ++column)
      text += fmt::format("{:>10}", column);
    text += "\n";
    for (std::size_t row = 0; row < matrix.size(); ++row) {
      text += fmt::format("{:>2}", row);
      for (const auto& value : matrix[row]) text += fmt::format("{:>10}", cell(value));
      text += "\n";
    }
    return text + fmt::format("\nSUM {} {:.2f}\n\n", test.name, summarise(matrix).sum);
  }

  static json::object as_json(const BandwidthTest& test, const Matrix& matrix) {
    json::array rows;
    for (const auto& row : matrix) {
      json::array cells;
      for (const auto& value : row) cells.push_back(json::value(cell(value)));
      rows.push_back(std::move(cells));
    }
    const Summary summary = summarise(matrix);
    json::object object;
    object["average"] = summary.count > 0 ? summary.sum / summary.count : 0;
    object["bandwidth_description"] = test.description;
    object["bandwidth_matrix"] = std::move(rows);
    object["max"] = summary.most;
    object["min"] = summary.least;
    object["name"] = test.name;
    object["status"] = "Passed";
    object["sum"] = summary.sum;
    return object;
  }

  std::optional<Exit> run(Output& output) override {
    if (working_gpus(host().dut).empty()) {
      output.err += "ERROR: No CUDA-capable devices found.\n";
      return Exit{1, 0};
    }
    if (!begun_ && !json_) {
      output.out += head();
    }
    begun_ = true;
    while (next_ < tests_.size() && elapsed_s() >= kSecondsPerTest * static_cast<double>(next_ + 1)) {
      const BandwidthTest& test = tests_[next_++];
      const Matrix matrix = measure(test);
      if (json_) {
        results_.push_back(as_json(test, matrix));
      } else {
        output.out += as_text(test, matrix);
      }
    }
    if (next_ < tests_.size()) {
      return std::nullopt;
    }
    if (json_) {
      finish_json(output);
    } else {
      output.out +=
          "NOTE: The reported results may not reflect the full capabilities of the platform.\n"
          "Performance can vary with software drivers, hardware clocks, and system topology.\n";
    }
    return Exit{};
  }

  void finish_json(Output& output) {
    json::array devices;
    for (const Gpu* gpu : working_gpus(host().dut)) {
      devices.push_back(
          json::value(fmt::format("{}: {} ({})", gpu->index, gpu->model, gpu->pci_address.substr(0, 14))));
    }
    json::object inner;
    inner["CUDA Runtime Version"] = 13000;
    inner["Driver Version"] = std::string(kDriverVersion);
    inner["GPU Device list"] = std::move(devices);
    inner["git_version"] = "v0.8";
    inner["testcases"] = std::move(results_);
    inner["version"] = "v0.8";
    json::object root;
    root["nvbandwidth"] = std::move(inner);
    output.out += json::serialize(root) + "\n";
  }

  std::vector<BandwidthTest> tests_;
  bool json_;
  bool begun_ = false;
  std::size_t next_ = 0;
  json::array results_;
};

// --- all_reduce_perf
// --------------------------------------------------------------------------------------------

/// "8", "32M", "16G".
std::optional<std::uint64_t> read_size(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  if (problem != std::errc()) return std::nullopt;
  if (unit.empty()) return value;
  if (unit == "K" || unit == "k") return value << 10;
  if (unit == "M" || unit == "m") return value << 20;
  if (unit == "G" || unit == "g") return value << 30;
  return std::nullopt;
}

struct ReduceOptions {
  std::uint64_t begin = 32U << 20;  // defaults of nccl-tests
  std::uint64_t end = 32U << 20;
  std::uint64_t factor = 0;
  std::uint64_t step = 1U << 20;
  std::size_t gpus = 1;
  int iterations = 20;
  int warmups = 1;
  bool check = true;
  std::string problem;
};

ReduceOptions read_reduce_options(const Arguments& arguments) {
  ReduceOptions options;
  for (std::size_t i = 1; i < arguments.size(); i += 2) {
    const std::string& word = arguments[i];
    const std::string value = i + 1 < arguments.size() ? arguments[i + 1] : "";
    const auto size = read_size(value);
    if (!size) {
      options.problem = fmt::format("invalid value '{}' for {}", value, word);
    } else if (word == "-b" || word == "--minbytes") {
      options.begin = *size;
    } else if (word == "-e" || word == "--maxbytes") {
      options.end = *size;
    } else if (word == "-f" || word == "--stepfactor") {
      options.factor = *size;
    } else if (word == "-i" || word == "--stepbytes") {
      options.step = *size;
    } else if (word == "-g" || word == "--ngpus") {
      options.gpus = static_cast<std::size_t>(*size);
    } else if (word == "-n" || word == "--iters") {
      options.iterations = static_cast<int>(*size);
    } else if (word == "-w" || word == "--warmup_iters") {
      options.warmups = static_cast<int>(*size);
    } else if (word == "-c" || word == "--check") {
      options.check = *size != 0;
    } else if (word != "-t" && word != "--nthreads") {
      options.problem = fmt::format("invalid option {}", word);
    }
  }
  if (options.problem.empty() && (options.begin > options.end || (options.factor < 2 && options.step == 0))) {
    options.problem = "invalid size range";
  }
  return options;
}

class AllReducePerf final : public LoadCommand {
 public:
  AllReducePerf(Host host, ReduceOptions options)
      : LoadCommand(host, fabric_process("all_reduce_perf", 0.85)),
        options_(std::move(options)),
        size_(options_.begin) {}

 private:
  static constexpr double kLatency_s = 24e-6;  // assumed: of one small all-reduce
  static constexpr double kOverhead_s = 0.02;  // per line: allocation, checking

  double bus_gb_per_s() const {
    double least = std::numeric_limits<double>::infinity();
    for (const Gpu* gpu : working_gpus(host().dut))
      least = std::min(least, gpu->all_reduce_gb_per_s * link_share(host(), *gpu));
    const bool slow = active_fault(host().rack, host().dut, FaultKind::collective_slow) != nullptr;
    return least * (slow ? kSlowShare : 1);
  }

  double bus_factor() const {
    const double ranks = static_cast<double>(options_.gpus);
    return options_.gpus < 2 ? 1 : 2 * (ranks - 1) / ranks;
  }

  double one_reduce_s() const {
    if (options_.gpus < 2) {
      return kLatency_s;
    }
    return kLatency_s + static_cast<double>(size_) * bus_factor() / (bus_gb_per_s() * 1e9);
  }

  void head(Output& output) const {
    output.out += fmt::format(
        "# nccl-tests version 2.17.1 nccl-headers=22809 nccl-library=22809\n# Collective test starting: "
        "all_reduce_perf\n# nThread 1 nGpus {} minBytes {} maxBytes {} step: {}({}) warmup iters: {} iters: "
        "{} agg iters: 1 "
        "validation: {} graph: 0\n#\n# Using devices\n",
        options_.gpus, options_.begin, options_.end, options_.factor >= 2 ? options_.factor : options_.step,
        options_.factor >= 2 ? "factor" : "bytes", options_.warmups, options_.iterations,
        options_.check ? 1 : 0);
    const auto gpus = working_gpus(host().dut);
    for (std::size_t rank = 0; rank < options_.gpus; ++rank) {
      output.out += fmt::format("#  Rank {:>2} Group  0 Pid {:>6} on {} device {:>2} [{}] {}\n", rank, pid(),
                                host().dut.hostname, gpus[rank]->index, gpus[rank]->pci_address.substr(0, 13),
                                gpus[rank]->model);
    }
    output.out +=
        "#\n#                                                              out-of-place                      "
        " in-place     "
        "     \n#       size         count      type   redop    root     time   algbw   busbw #wrong     "
        "time   algbw   "
        "busbw #wrong\n#        (B)    (elements)                               (us)  (GB/s)  (GB/s)         "
        "   (us)  "
        "(GB/s)  (GB/s)       \n";
  }

  void line(Output& output) {
    output.out += fmt::format("{:>12}  {:>12}{:>10}{:>8}{:>8}", size_, size_ / 4, "float", "sum", -1);
    for (int place = 0; place < 2; ++place) {
      const double seconds = one_reduce_s() * jitter(host(), 0.003);
      const double algorithm = static_cast<double>(size_) / seconds / 1e9;
      const double bus = algorithm * bus_factor();
      sum_ += bus;
      ++lines_;
      const bool wrong = active_fault(host().rack, host().dut, FaultKind::collective_wrong) != nullptr;
      wrong_ += wrong && options_.check ? 1 : 0;
      output.out += fmt::format("{:>9.2f}{:>8.2f}{:>8.2f}{:>7}", seconds * 1e6, algorithm, bus,
                                !options_.check ? "N/A"
                                : wrong         ? "1"
                                                : "0");
    }
    output.out += "\n";
  }

  std::optional<Exit> run(Output& output) override {
    const auto gpus = working_gpus(host().dut);
    if (options_.gpus > gpus.size()) {
      output.out += fmt::format(
          "Invalid number of GPUs: {} requested but only {} were found.\nPlease check the number of "
          "processes and GPUs per process.\n",
          options_.gpus, gpus.size());
      return Exit{1, 0};
    }
    if (!begun_) {
      begun_ = true;
      head(output);
      line_done_s_ = line_seconds();
    }
    while (size_ <= options_.end && elapsed_s() >= line_done_s_) {
      line(output);
      size_ = options_.factor >= 2 ? size_ * options_.factor : size_ + options_.step;
      line_done_s_ += line_seconds();
    }
    if (size_ <= options_.end) {
      return std::nullopt;
    }
    output.out += fmt::format(
        "# Out of bounds values : {} {}\n# Avg bus bandwidth    : {:.4f} \n#\n# Collective test "
        "concluded: all_reduce_perf\n\n",
        wrong_, wrong_ == 0 ? "OK" : "FAILED", lines_ > 0 ? sum_ / lines_ : 0);
    return Exit{wrong_ == 0 ? 0 : 1, 0};
  }

  double line_seconds() const {
    return one_reduce_s() * 2 * (options_.iterations + options_.warmups) + kOverhead_s;
  }

  ReduceOptions options_;
  std::uint64_t size_;
  double line_done_s_ = 0;
  double sum_ = 0;
  int lines_ = 0;
  int wrong_ = 0;
  bool begun_ = false;
};

}  // namespace

std::vector<const Gpu*> working_gpus(const Dut& dut) {
  std::vector<const Gpu*> gpus;
  for (const Gpu& gpu : dut.gpus) {
    if (gpu.present && gpu.on_bus) gpus.push_back(&gpu);
  }
  return gpus;
}

double link_share(Host host, const Gpu& gpu) {
  constexpr double kNoisyLinkShare = 0.82;  // of a GPU's rate, when one link repeats much
  double up = 0;
  bool noisy = false;
  for (const NvLink& link : gpu.links) {
    up += link.up ? 1 : 0;
    noisy =
        noisy || active_fault(host.rack, host.dut, FaultKind::nvlink_errors, link_part(gpu, link)) != nullptr;
  }
  return gpu.links.empty() ? 0 : up / static_cast<double>(gpu.links.size()) * (noisy ? kNoisyLinkShare : 1);
}

std::unique_ptr<Command> run_nvbandwidth(Host host, const Arguments& arguments) {
  std::vector<BandwidthTest> tests;
  bool to_json = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "-j" || word == "--json") {
      to_json = true;
    } else if (word == "-t" || word == "--testcase" || word == "-i" || word == "--testSamples" ||
               word == "-b" || word == "--bufferSize") {
      const bool names = word == "-t" || word == "--testcase";
      while (i + 1 < arguments.size() && !arguments[i + 1].starts_with("-")) {
        const std::string& name = arguments[++i];
        if (!names) break;
        bool known = false;
        for (const BandwidthTest& test : bandwidth_tests()) {
          if (test.name == name) {
            tests.push_back(test);
            known = true;
          }
        }
        if (!known) {
          return finished(fmt::format("ERROR: Testcase {} not found!\n", name), 1);
        }
      }
    } else {
      return finished("", 1, fmt::format("ERROR: unrecognised option '{}'\n", word));
    }
  }
  return std::make_unique<Nvbandwidth>(host, tests.empty() ? bandwidth_tests() : std::move(tests), to_json);
}

std::unique_ptr<Command> run_all_reduce_perf(Host host, const Arguments& arguments) {
  ReduceOptions options = read_reduce_options(arguments);
  if (!options.problem.empty()) {
    return finished("", 1, options.problem + "\nUSAGE: all_reduce_perf\n");
  }
  return std::make_unique<AllReducePerf>(host, std::move(options));
}

}  // namespace kiln::virtual_rack
