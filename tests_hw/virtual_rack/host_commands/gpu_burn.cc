// gpu-burn (2024 and later): a progress line with carriage returns about once a second, then OK or FAULTY per
// GPU. Like the real one it ends with status 0 even when a GPU is FAULTY, and prints no table when it is
// killed.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/load_command.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"

namespace kiln::virtual_rack {

namespace {

constexpr double kProgressEvery_s = 1.0;
constexpr double kSummaryEvery_percent = 10.0;

class GpuBurn final : public LoadCommand {
 public:
  GpuBurn(Host host, double seconds, bool tensor_cores)
      : LoadCommand(host, process()), seconds_(seconds), tensor_cores_(tensor_cores) {
    for (const Gpu& gpu : host.dut.gpus) {
      if (gpu.present && gpu.on_bus) {
        workers_.push_back({gpu.index});
      }
    }
  }

 private:
  struct Worker {
    int gpu = 0;
    std::int64_t processed = 0;
    double gigaflops = 0;
    std::int64_t errors = 0;
    bool died = false;
    bool faulty = false;
  };

  static Process process() {
    Process process;
    process.name = "gpu_burn";
    process.gpu_utilisation = 1;
    process.cpu_utilisation = 0.06;
    process.stress = true;
    return process;
  }

  const Gpu& gpu(const Worker& worker) const { return host().dut.gpus[static_cast<std::size_t>(worker.gpu)]; }

  void begin(Output& output) {
    output.out +=
        fmt::format("Using compare file: compare.fatbin\nBurning for {} seconds.\n", std::lround(seconds_));
    for (const Worker& worker : workers_) {
      output.out += fmt::format("GPU {}: {} (UUID: {})\n", worker.gpu, gpu(worker).model, gpu(worker).uuid);
    }
    for (const Worker& worker : workers_) {
      const auto memory = gpu(worker).memory_mib;
      output.out += fmt::format(
          "Initialized device {} with {} MB of memory ({} MB available, using {} MB of it), using FLOATS{}\n",
          worker.gpu, memory, memory - 700, (memory - 700) * 9 / 10,
          tensor_cores_ ? ", using Tensor Cores" : "");
    }
  }

  void progress(Output& output) {
    const double done = std::min(100.0, elapsed_s() / seconds_ * 100);
    std::string processed;
    std::string errors;
    std::string temperatures;
    for (Worker& worker : workers_) {
      const Gpu& device = gpu(worker);
      if (!worker.died && (!device.on_bus || !device.present)) {
        worker.died = worker.faulty = true;
        worker.processed = -1;
        worker.gigaflops = 0;
      }
      if (!worker.died) {
        worker.gigaflops = device.gigaflops * device.sm_clock_mhz / device.max_sm_clock_mhz;
        worker.processed += std::lround(worker.gigaflops / 21);
        if (active_fault(host().rack, host().dut, FaultKind::compute_wrong, device.name) != nullptr) {
          ++worker.errors;
          worker.faulty = true;
        }
      }
      const char* joint = processed.empty() ? "" : "- ";
      processed += fmt::format("{}{} ({:.0f} Gflop/s) ", joint, worker.processed, worker.gigaflops);
      errors += fmt::format("{}{} {}", joint, worker.errors,
                            worker.died         ? " (DIED!)"
                            : worker.errors > 0 ? " (WARNING!)"
                                                : "");
      temperatures += worker.died ? fmt::format("{}-- ", joint)
                                  : fmt::format("{}{} C ", joint, std::lround(device.temperature_c.shown));
    }
    output.out +=
        fmt::format("\r{:.1f}%  proc'd: {}  errors: {}  temps: {}", done, processed, errors, temperatures);
    if (done >= next_summary_) {
      next_summary_ += kSummaryEvery_percent;
      const auto utc =
          static_cast<std::time_t>(host_utc_ns(host().rack, host().dut, host().rack.now_ns) / 1'000'000'000);
      output.out += fmt::format("\n\tSummary at:   {:%a %b %e %H:%M:%S UTC %Y}\n\n", fmt::gmtime(utc));
    }
  }

  std::optional<Exit> run(Output& output) override {
    if (workers_.empty()) {
      output.err += "Couldn't init a GPU test: No CUDA devices\n";
      return Exit{1, 0};
    }
    if (next_progress_s_ == 0) {
      begin(output);
      next_progress_s_ = kProgressEvery_s;
    }
    const double elapsed = elapsed_s();
    const bool over = elapsed >= seconds_;
    if (elapsed >= next_progress_s_ || over) {
      next_progress_s_ += kProgressEvery_s;
      progress(output);
    }
    bool any_alive = false;
    for (const Worker& worker : workers_) any_alive = any_alive || !worker.died;
    if (!any_alive) {
      output.err += "\n\nNo clients are alive!  Aborting\n";
      return Exit{123, 0};  // ENOMEDIUM, as the source has it
    }
    if (!over) {
      return std::nullopt;
    }
    output.out += "\nKilling processes with SIGTERM (soft kill)\n";
    for (const Worker& worker : workers_) {
      output.out += fmt::format("Freed memory for dev {}\nUninitted cublas\n", worker.gpu);
    }
    output.out += fmt::format("done\n\nTested {} GPUs:\n", workers_.size());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      output.out += fmt::format("\tGPU {}: {}\n", i, workers_[i].faulty ? "FAULTY" : "OK");
    }
    return Exit{};
  }

  double seconds_;
  bool tensor_cores_;
  std::vector<Worker> workers_;
  double next_progress_s_ = 0;
  double next_summary_ = kSummaryEvery_percent;
};

}  // namespace

std::unique_ptr<Command> run_gpu_burn(Host host, const Arguments& arguments) {
  double seconds = 10;  // what gpu-burn does when it is not told
  bool tensor_cores = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "-tc") {
      tensor_cores = true;
    } else if (word == "-d" || word == "-l") {
      continue;
    } else if ((word == "-m" || word == "-i" || word == "-c" || word == "-stts") &&
               i + 1 < arguments.size()) {
      ++i;
    } else if (!word.starts_with("-")) {
      const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), seconds);
      if (problem != std::errc() || end != word.data() + word.size() || seconds <= 0) {
        return finished("", 22, "Unable to parse BURN_SECONDS\n");
      }
    } else {
      return finished("GPU Burn\nUsage: gpu-burn [OPTIONS] [TIME]\n", 22);
    }
  }
  return std::make_unique<GpuBurn>(host, seconds, tensor_cores);
}

}  // namespace kiln::virtual_rack
