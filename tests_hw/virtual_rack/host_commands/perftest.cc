// ib_write_bw of perftest 6: a server that waits for its client, and a client that writes to a server of the
// same host. What a pair comes to follows from the rates of both adapters and from what is wrong with them.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/load_command.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"

namespace kiln::virtual_rack {
namespace {

constexpr const char* kWriteTool = "ib_write_bw";
constexpr double kShareOfRate = 0.974;  // of a 400 Gbit/s port: 389.5, Azure's node health checks ask for 380
constexpr double kSlowShare = 0.5;
constexpr double kMessageBits = 65536.0 * 8;

struct WriteTest {
  const Nic* nic = nullptr;
  int port = 18515;
  double seconds = 5;
  bool gigabits = false, client = false;
};

Process write_process(int port) {
  Process process;
  process.name = fmt::format("{}", kWriteTool);
  process.cpu_utilisation = 0.02;
  process.disk_utilisation = 0;
  process.listens_on = port;
  return process;
}

double carried_gbit_s(Host host, const Nic& nic) {
  if (!nic.link_up) return 0;
  const bool slow = active_fault(host.rack, host.dut, FaultKind::nic_half_rate, nic.name) != nullptr;
  return nic.speed_gbps * kShareOfRate * (slow ? kSlowShare : 1);
}

/// The server of this host on that TCP port, which tells the adapter behind it.
Process* write_server_on(Dut& dut, int port) {
  const auto found = std::find_if(dut.processes.begin(), dut.processes.end(),
                                  [port](const Process& one) { return one.listens_on == port; });
  return found == dut.processes.end() ? nullptr : &*found;
}

std::string write_table(const std::string& device, double gbit_s, double seconds) {
  return fmt::format(
      "---------------------------------------------------------------------------------------\n"
      "                    RDMA_Write BW Test\n"
      " Dual-port       : OFF\t\tDevice         : {}\n"
      " Number of qps   : 1\t\tTransport type : IB\n"
      "---------------------------------------------------------------------------------------\n"
      " #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]\n"
      " 65536      {:<14.0f} 0.00               {:<20.2f} {:.6f}\n"
      "---------------------------------------------------------------------------------------\n",
      device, gbit_s * 1e9 / kMessageBits * seconds, gbit_s, gbit_s * 1e3 / kMessageBits);
}

class WriteServer final : public LoadCommand {
 public:
  WriteServer(Host host, const WriteTest& wanted) : LoadCommand(host, write_process(wanted.port)) {
    if (Process* own = find_process(host.dut, pid())) own->device = wanted.nic->name;
  }

 private:
  std::optional<Exit> run(Output& /*output*/) override {
    const Process* own = find_process(host().dut, pid());
    return own != nullptr && own->served ? std::optional(Exit{}) : std::nullopt;
  }
};

class WriteClient final : public LoadCommand {
 public:
  WriteClient(Host host, const WriteTest& wanted) : LoadCommand(host, write_process(0)), wanted_(wanted) {}

 private:
  std::optional<Exit> run(Output& output) override {
    Process* server = write_server_on(host().dut, wanted_.port);
    if (server == nullptr) {
      output.err += fmt::format("Couldn't connect to localhost:{}\n", wanted_.port);
      return Exit{1, 0};
    }
    if (elapsed_s() < wanted_.seconds) return std::nullopt;
    const auto& nics = host().dut.nics;
    const auto far =
        std::find_if(nics.begin(), nics.end(), [&](const Nic& nic) { return nic.name == server->device; });
    const double both =
        far == nics.end() ? 0 : std::min(carried_gbit_s(host(), *wanted_.nic), carried_gbit_s(host(), *far));
    server->served = true;
    if (both <= 0) {
      output.err += "Failed status 12: wr_id 0 syndrom 0x81\n";
      return Exit{1, 0};
    }
    const double noise = 1 + std::normal_distribution<double>(0, 0.002)(host().rack.random);
    output.out +=
        write_table(fmt::format("mlx5_{}", wanted_.nic - nics.data()), both * noise, wanted_.seconds);
    return Exit{};
  }

  WriteTest wanted_;
};

template <class Number>
bool write_number_in(const std::string& text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::unique_ptr<Command> run_ib_write_bw(Host host, const Arguments& arguments) {
  WriteTest wanted;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const bool valued = i + 1 < arguments.size();
    if (word == "-F") continue;
    if (word == "--report_gbits") {
      wanted.gigabits = true;
    } else if (word == "-d" && valued) {
      std::size_t index = 0;
      const std::string& device = arguments[++i];
      if (device.starts_with("mlx5_") && write_number_in(device.substr(5), index) &&
          index < host.dut.nics.size())
        wanted.nic = &host.dut.nics[index];
    } else if (word == "-p" && valued) {
      if (!write_number_in(arguments[++i], wanted.port)) return finished("", 1, "Invalid port\n");
    } else if (word == "-D" && valued) {
      if (!write_number_in(arguments[++i], wanted.seconds)) return finished("", 1, "Invalid duration\n");
    } else if (!word.starts_with("-")) {
      wanted.client = true;
    } else {
      return finished("", 1, fmt::format("{}: invalid option -- '{}'\n", kWriteTool, word));
    }
  }
  if (wanted.nic == nullptr) return finished("", 1, "Unable to find the Infiniband/RoCE device\n");
  if (!wanted.gigabits) return finished("", 1, "Unable to run here without --report_gbits\n");
  if (wanted.client) return std::make_unique<WriteClient>(host, wanted);
  if (write_server_on(host.dut, wanted.port) != nullptr)
    return finished("", 1, "Couldn't listen to port: in use\n");
  return std::make_unique<WriteServer>(host, wanted);
}

}  // namespace kiln::virtual_rack
