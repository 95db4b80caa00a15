#include "tests_hw/virtual_rack/host_commands/programs.h"

#include <map>

namespace kiln::virtual_rack {

Program find_program(const Dut& dut, const std::string& name) {
  static const std::map<std::string, Program> everywhere = {
      {"cat", run_cat},
      {"grep", run_grep},
      {"date", run_date},
      {"uname", run_uname},
      {"nproc", run_nproc},
      {"rm", run_true},
      /* no program here leaves a file */ {"true", run_true},
      {":", run_true},
      {"false", run_false},
      {"echo", run_echo},
      {"hostname", run_hostname},
      {"uptime", run_uptime},
      {"sleep", run_sleep},
      {"pgrep", run_pgrep},
      {"pkill", run_pkill},
      {"lsblk", run_lsblk},
      {"dmesg", run_dmesg},
      {"which", run_which},
      {"command", run_which},
      {"head", run_head},
  };
  static const std::map<std::string, Program> compute = {
      {"nvidia-smi", run_nvidia_smi},
      {"gpu_burn", run_gpu_burn},
      {"dcgmi", run_dcgmi},
      {"nvbandwidth", run_nvbandwidth},
      {"stress-ng", run_stress_ng},
      {"fio", run_fio},
      {"all_reduce_perf", run_all_reduce_perf},
      {"nvme", run_nvme},
      {"chronyc", run_chronyc},
      {"timedatectl", run_timedatectl},
      {"mpirun", run_mpirun},
      {"ib_write_bw", run_ib_write_bw},
      {"sh", run_sh},
      {"rm", run_true},  // nothing is kept that could be removed
  };
  static const std::map<std::string, Program> servers = {
      {"lscpu", run_lscpu},
      {"dmidecode", run_dmidecode},
      {"systemctl", run_systemctl},
      {"nv-fabricmanager", run_nv_fabricmanager},
  };
  static const std::map<std::string, Program> switches = {{"nv", run_nv}, {"sha256sum", run_sha256sum}};
  const auto& own = dut.role == Role::switch_tray ? switches : compute;
  if (const auto found = own.find(name); found != own.end()) {
    return found->second;
  }
  if (dut.role == Role::server) {
    if (const auto found = servers.find(name); found != servers.end()) return found->second;
  }
  const auto found = everywhere.find(name);
  return found == everywhere.end() ? nullptr : found->second;
}

}  // namespace kiln::virtual_rack
