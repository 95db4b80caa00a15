// mpirun of Open MPI 4.1 that begins nvloom_cli 1.3 on the hosts it is told: one process per GPU. A process
// on another tray shows in that tray's process table, and goes with its host or with the mpirun.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/fabric_share.h"
#include "tests_hw/virtual_rack/host_commands/load_command.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"

namespace kiln::virtual_rack {

namespace {

constexpr double kDetourShare = 0.8;  // of a GPU's rate to other trays, when its traffic takes a detour
constexpr double kSecondsPerCase =
    0.2;  // a bisection of 72 GPUs takes about 3 s, and this rack is 20 times as fast
constexpr std::size_t kSamples = 5;  // --gpuToRackSamples before version 2.0

const std::vector<std::string>& nvloom_cases() {
  static const std::vector<std::string> cases = {"bisect_device_to_device_write_sm",
                                                 "gpu_to_rack_device_to_device_unidir_read_ce",
                                                 "gpu_to_rack_device_to_device_unidir_write_ce"};
  return cases;
}

/// One process per GPU: where it runs.
struct Rank {
  Dut* dut = nullptr;
  const Gpu* gpu = nullptr;
  int device = 0;
};

class Nvloom final : public LoadCommand {
 public:
  Nvloom(Host host, std::vector<Rank> ranks, std::vector<std::string> cases)
      : LoadCommand(host, process("mpirun", 0)), ranks_(std::move(ranks)), cases_(std::move(cases)) {
    for (const Rank& rank : ranks_) {
      if (!away_.empty() && away_.back().dut == rank.dut) continue;
      away_.push_back(
          {rank.dut, rank.dut->boots, start_process(host.rack, *rank.dut, process("nvloom_cli", 0.8))});
    }
  }
  ~Nvloom() override {
    for (const Away& one : away_) {
      if (one.boots == one.dut->boots) end_process(host().rack, *one.dut, one.pid);
    }
  }

 private:
  struct Away {
    Dut* dut;
    int boots;
    int pid;
  };

  static Process process(const char* name, double links) {
    Process one;
    one.name = name;
    one.gpu_utilisation = links > 0 ? 0.35 : 0;
    one.nvlink_utilisation = links;
    one.cpu_utilisation = 0.05;
    one.stress = links > 0;
    return one;
  }

  double jitter() { return 1 + std::normal_distribution<double>(0, 0.002)(host().rack.random); }

  double copy_gb_per_s(const Rank& from, const Rank& to) {
    double share = 1;
    for (const Rank* end : {&from, &to}) {
      double own = link_share({host().rack, *end->dut}, *end->gpu);
      if (from.dut != to.dut &&
          active_fault(host().rack, *end->dut, FaultKind::rack_path_slow, end->gpu->name) != nullptr)
        own *= kDetourShare;
      share = std::min(share, own);
    }
    return std::min(from.gpu->peer_gb_per_s, to.gpu->peer_gb_per_s) * share * jitter();
  }

  double median_to_rack(std::size_t from) {
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      if (i != from) others.push_back(i);
    }
    std::vector<double> found;
    while (!others.empty() && found.size() < kSamples) {
      std::uniform_int_distribution<std::size_t> any(0, others.size() - 1);
      const std::size_t picked = any(host().rack.random);
      found.push_back(copy_gb_per_s(ranks_[from], ranks_[others[picked]]));
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(picked));
    }
    if (found.empty()) return 0;
    const auto middle = found.begin() + static_cast<std::ptrdiff_t>(found.size() / 2);
    std::nth_element(found.begin(), middle, found.end());
    return *middle;
  }

  void head(Output& output) const {
    output.out +=
        "nvloom_cli 1.3.0\ngit commit: unknown\nAllocation strategy: reuse\nBuffer size: 512 MiB\n"
        "Iteration count: 16\n";
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      const Rank& rank = ranks_[i];
      output.out += fmt::format("Process {:>{}} ({}): device {}: {} ({}); rackGuid: {}\n", i,
                                fmt::format("{}", ranks_.size() - 1).size(), rank.dut->hostname, rank.device,
                                rank.gpu->model, rank.gpu->pci_address.substr(0, 14),
                                host().rack.duts.front().uuid.substr(0, 8));
    }
    output.out += "\n";
  }

  void measure(const std::string& name, Output& output) {
    const bool bisects = name.starts_with("bisect");
    output.out +=
        fmt::format("Running {}\n\t{}\t\n", name, bisects ? "0" : host().rack.duts.front().uuid.substr(0, 8));
    double least = 1e9, most = 0, sum = 0;
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      const std::size_t peer = (i + ranks_.size() / 2) % ranks_.size();
      const double value = bisects ? copy_gb_per_s(ranks_[i], ranks_[peer]) : median_to_rack(i);
      least = std::min(least, value);
      most = std::max(most, value);
      sum += value;
      output.out += (bisects ? fmt::format("{}->{}", i, peer) : fmt::format("{}", i)) +
                    fmt::format("\t{:.2f}\t\n", value);
    }
    const double count = static_cast<double>(ranks_.size());
    output.out += fmt::format(
        "\nMin {0} {1:.2f} GB/s\nAvg {0} {2:.2f} GB/s\nMax {0} {3:.2f} GB/s\nTotal {0} {4:.2f} GB/s\n\n"
        "ExecutionTime {0} {5:.2f} s\nDone {0}\n\n",
        name, least, sum / count, most, sum, kSecondsPerCase);
  }

  std::optional<Exit> run(Output& output) override {
    for (const Away& one : away_) {
      Process* process = one.boots == one.dut->boots ? find_process(*one.dut, one.pid) : nullptr;
      if (process != nullptr && process->signalled == 0) continue;
      output.err += fmt::format(
          "mpirun noticed that process rank with PID 0 on node {} exited on signal 15 (Terminated).\n",
          one.dut->hostname);
      return Exit{143, 0};
    }
    if (!begun_) head(output);
    begun_ = true;
    while (next_ < cases_.size() && elapsed_s() >= kSecondsPerCase * static_cast<double>(next_ + 1))
      measure(cases_[next_++], output);
    if (next_ < cases_.size()) return std::nullopt;
    return Exit{};
  }

  std::vector<Rank> ranks_;
  std::vector<std::string> cases_;
  std::vector<Away> away_;
  bool begun_ = false;
  std::size_t next_ = 0;
};

/// "r01-c01:4,r01-c02:4": each host with its slots.
Result<std::vector<Rank>> ranks_of(RackModel& rack, const std::string& hosts, std::size_t wanted) {
  const auto refused = [](const std::string& why) { return Error("mpirun", why); };
  std::vector<Rank> ranks;
  std::size_t at = 0;
  while (at < hosts.size()) {
    const std::size_t comma = std::min(hosts.find(',', at), hosts.size());
    const std::string one = hosts.substr(at, comma - at);
    at = comma + 1;
    const std::size_t colon = one.find(':');
    std::size_t slots = 1;
    if (colon != std::string::npos) std::from_chars(one.data() + colon + 1, one.data() + one.size(), slots);
    const std::string name = one.substr(0, colon);
    const auto dut = std::find_if(rack.duts.begin(), rack.duts.end(),
                                  [&](const Dut& each) { return each.hostname == name && each.has_host(); });
    if (dut == rack.duts.end() || !dut->host_up)
      return refused(fmt::format("ssh: Could not resolve hostname {}: Name or service not known", name));
    const auto gpus = working_gpus(*dut);
    for (std::size_t slot = 0; slot < slots && ranks.size() < wanted; ++slot) {
      if (gpus.empty())
        return refused(
            fmt::format("[{}:0]: [CUDA_ERROR_NO_DEVICE] no CUDA-capable device is detected", name));
      ranks.push_back({&*dut, gpus[slot % gpus.size()], static_cast<int>(slot % gpus.size())});
    }
  }
  if (ranks.size() != wanted || ranks.empty())
    return refused(
        "There are not enough slots available in the system to satisfy the slots that were requested");
  return ranks;
}

}  // namespace

std::unique_ptr<Command> run_mpirun(Host host, const Arguments& arguments) {
  std::string hosts;
  std::size_t wanted = 0, at = 1;
  for (; at < arguments.size() && arguments[at].starts_with("-"); ++at) {
    const std::string& word = arguments[at];
    if (word == "--allow-run-as-root") continue;
    if (at + 1 >= arguments.size()) return finished("", 1, "mpirun: Error: option is missing its value\n");
    const std::string& value = arguments[++at];
    if (word == "--host" || word == "-H") {
      hosts = value;
    } else if (word == "-np" || word == "-n") {
      std::from_chars(value.data(), value.data() + value.size(), wanted);
    } else {
      return finished("", 1, fmt::format("mpirun: Error: unknown option \"{}\"\n", word));
    }
  }
  if (at >= arguments.size() || arguments[at] != "nvloom_cli") {
    return finished(
        "", 134,
        "--------------------------------------------------------------------------\nmpirun was unable to "
        "find the specified executable file, and therefore did not launch the job.\n");
  }
  Result<std::vector<Rank>> ranks = ranks_of(host.rack, hosts, wanted);
  if (!ranks) return finished("", 1, ranks.error().message + "\n");
  std::vector<std::string> cases;
  for (++at; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    if (word == "-t" || word == "--testcase") continue;
    const auto& known = nvloom_cases();
    if (std::find(known.begin(), known.end(), word) == known.end())
      return finished("", 1, fmt::format("No such testcase as \"{}\"\n", word));
    cases.push_back(word);
  }
  std::sort(cases.begin(), cases.end());  // the tool keeps them in a set
  return std::make_unique<Nvloom>(host, std::move(*ranks), std::move(cases));
}

}  // namespace kiln::virtual_rack
