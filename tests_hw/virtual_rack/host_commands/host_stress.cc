// stress-ng 0.15 and fio 3.33 on a virtual host: they load its processors and drives and report as the real
// ones do.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <map>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/load_command.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"

namespace kiln::virtual_rack {

namespace {

namespace json = boost::json;

int core_count(const Dut& dut) {
  int cores = 0;
  for (const Cpu& cpu : dut.cpus) cores += cpu.cores;
  return cores;
}

/// "60", "60s", "2m", "1h".
std::optional<double> read_duration_s(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  if (problem != std::errc() || value < 0) return std::nullopt;
  if (unit.empty() || unit == "s") return value;
  if (unit == "m") return value * 60;
  if (unit == "h") return value * 3600;
  if (unit == "d") return value * 86400;
  return std::nullopt;
}

// --- stress-ng
// --------------------------------------------------------------------------------------------------

struct Stressor {
  std::string name;
  int instances = 0;
};

/// Bogo operations per second and instance; only the order of size matters.
double bogo_rate(const std::string& name) {
  static const std::map<std::string, double> rates = {{"cpu", 1250},   {"vm", 41000},     {"matrix", 3100},
                                                      {"memcpy", 900}, {"cache", 610},    {"stream", 18.5},
                                                      {"mq", 880000},  {"memrate", 2.1},  {"bsearch", 520},
                                                      {"fp", 2400},    {"vecmath", 61000}};
  const auto found = rates.find(name);
  return found == rates.end() ? 0 : found->second;
}

class StressNg final : public LoadCommand {
 public:
  StressNg(Host host, std::vector<Stressor> stressors, double seconds, bool metrics)
      : LoadCommand(host, process(host, stressors)),
        stressors_(std::move(stressors)),
        seconds_(seconds),
        metrics_(metrics) {}

 private:
  static Process process(Host host, const std::vector<Stressor>& stressors) {
    int instances = 0;
    for (const Stressor& stressor : stressors) instances += stressor.instances;
    Process process;
    process.name = "stress-ng";
    process.cpu_utilisation = std::min(1.0, static_cast<double>(instances) / core_count(host.dut));
    process.stress = true;
    return process;
  }

  void say(Output& output, const char* kind, const std::string& text) const {
    output.err += fmt::format("stress-ng: {:<6} [{}] {}\n", kind, pid(), text);
  }

  /// What --verify finds on a machine that computes or remembers wrongly; null: nothing.
  const char* what_was_wrong() {
    const auto runs = [this](const char* name) {
      return std::any_of(stressors_.begin(), stressors_.end(),
                         [name](const Stressor& one) { return one.name == name; });
    };
    const auto struck = [this](FaultKind kind) {
      return active_fault(host().rack, host().dut, kind) != nullptr;
    };
    if (!runs("vm") && struck(FaultKind::cpu_wrong)) return "cpu: sqrt error detected on sqrt(1523477.0)";
    return runs("vm") && struck(FaultKind::memory_wrong) ? "vm: detected 1 memory error" : nullptr;
  }

  void finish(Output& output) {
    const double elapsed = elapsed_s();
    if (metrics_) {
      say(output,
          "metrc:", "stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s");
      say(output,
          "metrc:", "                          (secs)    (secs)    (secs)   (real time) (usr+sys time)");
      for (const Stressor& stressor : stressors_) {
        const double share = std::min(1.0, static_cast<double>(core_count(host().dut)) / stressor.instances);
        const double user = elapsed * stressor.instances * share;
        const double operations = std::floor(bogo_rate(stressor.name) * user);
        say(output, "metrc:",
            fmt::format("{:<13} {:>9.0f} {:>9.2f} {:>9.2f} {:>9.2f} {:>12.2f} {:>14.2f}", stressor.name,
                        operations, elapsed, user * 0.99, user * 0.01, operations / elapsed,
                        operations / user));
      }
    }
    if (const char* wrong = what_was_wrong()) say(output, "fail:", wrong);
    say(output, "info:",
        fmt::format("{} run completed in {:.2f}s",
                    what_was_wrong() == nullptr ? "successful" : "unsuccessful", elapsed));
  }

  std::optional<Exit> run(Output& output) override {
    if (!begun_) {
      begun_ = true;
      say(output, "info:", fmt::format("setting to a {:.0f} second run per stressor", seconds_));
      std::string list;
      for (const Stressor& stressor : stressors_) {
        list += fmt::format("{}{} {}", list.empty() ? "" : ", ", stressor.instances, stressor.name);
      }
      say(output, "info:", "dispatching hogs: " + list);
    }
    if (elapsed_s() < seconds_) {
      return std::nullopt;
    }
    finish(output);
    return Exit{what_was_wrong() == nullptr ? 0 : 2, 0};
  }

  std::optional<Exit> on_signal(int number, Output& output) override {
    if (number == SIGKILL) {
      return Exit{0, SIGKILL};
    }
    finish(output);  // it stops its hogs and reports
    return Exit{};
  }

  std::vector<Stressor> stressors_;
  double seconds_;
  bool metrics_;
  bool begun_ = false;
};

// --- fio
// --------------------------------------------------------------------------------------------------------

struct FioJob {
  std::string name = "job";
  std::string mode = "read";
  std::string filename;
  std::uint64_t block = 4096;
  std::uint64_t size = 0;
  double runtime_s = 0;
  bool time_based = false;
  bool to_json = false;
  json::object options;
};

constexpr double kDriveReadBytesPerSecond = 6.8e9;   // assumed: a PCIe 5 data-centre drive
constexpr double kDriveWriteBytesPerSecond = 3.9e9;  // assumed
constexpr double kDriveOperationsPerSecond = 1.1e6;  // assumed

std::uint64_t read_bytes(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end == text.data() + text.size()) return value;
  switch (*end) {
    case 'k':
    case 'K':
      return value << 10;
    case 'm':
    case 'M':
      return value << 20;
    case 'g':
    case 'G':
      return value << 30;
    case 't':
    case 'T':
      return value << 40;
    default:
      return value;
  }
}

class Fio final : public LoadCommand {
 public:
  Fio(Host host, FioJob job) : LoadCommand(host, process()), job_(std::move(job)) {
    const double rate = bytes_per_second(job_.mode.find("write") == std::string::npos);
    const double by_size = job_.size > 0 ? static_cast<double>(job_.size) / rate : 1;
    seconds_ = job_.time_based || job_.size == 0 ? std::max(job_.runtime_s, 0.05)
               : job_.runtime_s > 0              ? std::min(job_.runtime_s, by_size)
                                                 : by_size;
  }

 private:
  static Process process() {
    Process process;
    process.name = "fio";
    process.cpu_utilisation = 0.05;
    process.disk_utilisation = 1;
    process.stress = true;
    return process;
  }

  double bytes_per_second(bool reading) const {
    const double limit = kDriveOperationsPerSecond * static_cast<double>(job_.block);
    return std::min(limit, reading ? kDriveReadBytesPerSecond : kDriveWriteBytesPerSecond);
  }

  static json::object latency(double mean_ns, std::uint64_t count) {
    json::object object;
    object["min"] = static_cast<std::int64_t>(mean_ns * 0.4);
    object["max"] = static_cast<std::int64_t>(mean_ns * 9);
    object["mean"] = mean_ns;
    object["stddev"] = mean_ns * 0.3;
    object["N"] = count;
    return object;
  }

  json::object direction(bool used, bool reading) const {
    const double rate = used ? bytes_per_second(reading) : 0;
    const auto bytes = static_cast<std::uint64_t>(rate * elapsed_s());
    const std::uint64_t operations = bytes / job_.block;
    const double mean_ns = used ? 32e9 * static_cast<double>(job_.block) / rate : 0;  // 32 in flight
    json::object object;
    object["io_bytes"] = bytes;
    object["io_kbytes"] = bytes / 1024;
    object["bw_bytes"] = static_cast<std::uint64_t>(rate);
    object["bw"] = static_cast<std::uint64_t>(rate / 1024);
    object["iops"] = rate / static_cast<double>(job_.block);
    object["runtime"] = used ? static_cast<std::int64_t>(elapsed_s() * 1000) : 0;
    object["total_ios"] = operations;
    object["short_ios"] = 0;
    object["drop_ios"] = 0;
    object["slat_ns"] = latency(mean_ns * 0.02, operations);
    object["clat_ns"] = latency(mean_ns * 0.98, operations);
    object["lat_ns"] = latency(mean_ns, operations);
    object["bw_mean"] = rate / 1024;
    object["bw_samples"] = used ? static_cast<std::int64_t>(elapsed_s() * 2) : 0;
    object["iops_mean"] = rate / static_cast<double>(job_.block);
    return object;
  }

  void report(Output& output) {
    const bool reads =
        job_.mode.find("read") != std::string::npos || job_.mode == "rw" || job_.mode == "randrw";
    const bool writes =
        job_.mode.find("write") != std::string::npos || job_.mode == "rw" || job_.mode == "randrw";
    json::object job;
    job["jobname"] = job_.name;
    job["groupid"] = 0;
    const bool wrong = job_.options.contains("verify") &&
                       active_fault(host().rack, host().dut, FaultKind::disk_wrong) != nullptr;
    job["error"] = wrong ? EILSEQ : 0;
    job["eta"] = 0;
    job["elapsed"] = static_cast<std::int64_t>(std::ceil(elapsed_s()));
    job["job options"] = job_.options;
    job["read"] = direction(reads, true);
    job["write"] = direction(writes, false);
    job["trim"] = direction(false, false);
    job["job_runtime"] = static_cast<std::int64_t>(elapsed_s() * 1000);
    job["usr_cpu"] = 4.1;
    job["sys_cpu"] = 11.7;
    const std::int64_t utc = host_utc_ns(host().rack, host().dut, host().rack.now_ns);
    json::object root;
    root["fio version"] = "fio-3.33";
    root["timestamp"] = utc / 1'000'000'000;
    root["timestamp_ms"] = utc / 1'000'000;
    root["jobs"] = json::array{std::move(job)};
    json::object disk;
    disk["name"] = host().dut.drives.empty() ? "nvme0n1" : host().dut.drives.front().device;
    disk["util"] = 98.6;
    root["disk_util"] = json::array{std::move(disk)};
    output.out += json::serialize(root) + "\n";
  }

  std::optional<Exit> run(Output& output) override {
    if (elapsed_s() < seconds_) {
      return std::nullopt;
    }
    if (job_.to_json) {
      report(output);
    } else {
      output.out += fmt::format("{}: (groupid=0, jobs=1): err= 0: pid={}\n", job_.name, pid());
    }
    return Exit{};
  }

  std::optional<Exit> on_signal(int number, Output& output) override {
    if (number == SIGKILL) {
      return Exit{0, SIGKILL};
    }
    output.err += fmt::format("\nfio: terminating on signal {}\n", number);
    if (job_.to_json) report(output);
    return Exit{128, 0};  // fio's own status when it was interrupted
  }

  FioJob job_;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<Command> run_stress_ng(Host host, const Arguments& arguments) {
  std::vector<Stressor> stressors;
  double seconds = 86400;  // stress-ng's own default
  bool metrics = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::string word = arguments[i];
    std::string value;
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
      word = word.substr(0, equals);
    }
    const auto take = [&]() {
      if (equals == std::string::npos && i + 1 < arguments.size()) value = arguments[++i];
      return value;
    };
    if (word == "--timeout" || word == "-t") {
      const auto duration = read_duration_s(take());
      if (!duration) return finished("", 1, fmt::format("stress-ng: error: [1] invalid time '{}'\n", value));
      seconds = *duration;
    } else if (word == "--verify" || word == "--no-rand-seed" || word == "--klog-check" ||
               word == "--oom-avoid") {
      continue;
    } else if (word == "--metrics-brief" || word == "--metrics") {
      metrics = true;
    } else if (word.starts_with("--") && bogo_rate(word.substr(2)) > 0) {
      const auto count = read_duration_s(take());
      if (!count) return finished("", 1, fmt::format("stress-ng: error: [1] invalid number '{}'\n", value));
      const int instances = static_cast<int>(*count);
      stressors.push_back({word.substr(2), instances == 0 ? core_count(host.dut) : instances});
    } else if (word == "--vm-bytes" || word == "--vm-method" || word == "--cpu-method" ||
               word == "--cpu-load" || word == "--matrix-size" || word == "--temp-path" ||
               word == "--vm-keep" || word == "--seed") {
      if (word != "--vm-keep") take();
    } else {
      return finished("", 1,
                      fmt::format("stress-ng: unrecognized option '{}'\nTry 'stress-ng --help' for more "
                                  "information.\n",
                                  word));
    }
  }
  if (stressors.empty()) {
    return finished("", 1, "stress-ng: error: [1] No stress workers invoked\n");
  }
  return std::make_unique<StressNg>(host, std::move(stressors), seconds, metrics);
}

std::unique_ptr<Command> run_fio(Host host, const Arguments& arguments) {
  FioJob job;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::string word = arguments[i];
    if (word == "--version" || word == "-v") {
      return finished("fio-3.33\n");
    }
    if (!word.starts_with("--")) {
      return finished("", 1, fmt::format("fio: job file <{}> not found\n", word));
    }
    word = word.substr(2);
    std::string value;
    if (const std::size_t equals = word.find('='); equals != std::string::npos) {
      value = word.substr(equals + 1);
      word = word.substr(0, equals);
    }
    if (word == "output-format") {
      job.to_json = value.starts_with("json");
      continue;
    }
    job.options[word] = value;
    if (word == "name") job.name = value;
    if (word == "rw" || word == "readwrite") job.mode = value;
    if (word == "filename") job.filename = value;
    if (word == "bs" || word == "blocksize") job.block = std::max<std::uint64_t>(512, read_bytes(value));
    if (word == "size") job.size = read_bytes(value);
    if (word == "time_based") job.time_based = true;
    if (word == "runtime") job.runtime_s = read_duration_s(value).value_or(0);
  }
  if (job.size == 0 && job.runtime_s <= 0) {
    return finished("", 1, "fio: no job size or run time given\n");
  }
  return std::make_unique<Fio>(host, std::move(job));
}

}  // namespace kiln::virtual_rack
