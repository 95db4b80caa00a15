#pragma once
// The programs a virtual host has. Each answers in the output format of the version named beside it; none
// runs anything. Thread: the rack's loop.

#include <memory>

#include "tests_hw/virtual_rack/host_commands/command.h"

namespace kiln::virtual_rack {

using Program = std::unique_ptr<Command> (*)(Host host, const Arguments& arguments);

/// The program of that name on this kind of host, or null.
Program find_program(const Dut& dut, const std::string& name);

// basic_programs.cc: coreutils 9.1, procps 4.0, util-linux 2.38
std::unique_ptr<Command> run_cat(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_grep(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_head(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_date(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_uname(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_nproc(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_true(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_false(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_echo(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_hostname(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_uptime(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_sleep(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_pgrep(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_pkill(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_lsblk(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_dmesg(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_which(Host host, const Arguments& arguments);
// nvidia_smi.cc: driver 580
std::unique_ptr<Command> run_nvidia_smi(Host host, const Arguments& arguments);
// gpu_burn.cc: gpu-burn of 2024 and later
std::unique_ptr<Command> run_gpu_burn(Host host, const Arguments& arguments);
// dcgmi.cc: DCGM 4.4
std::unique_ptr<Command> run_dcgmi(Host host, const Arguments& arguments);
// fabric_programs.cc: nvbandwidth 0.8, nccl-tests 2.17
std::unique_ptr<Command> run_nvbandwidth(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_all_reduce_perf(Host host, const Arguments& arguments);
// mpirun.cc: Open MPI 4.1, as far as it begins nvloom_cli 1.3
std::unique_ptr<Command> run_mpirun(Host host, const Arguments& arguments);
// host_stress.cc: stress-ng 0.15, fio 3.33
std::unique_ptr<Command> run_stress_ng(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_fio(Host host, const Arguments& arguments);
// nvme.cc: nvme-cli 2.3
std::unique_ptr<Command> run_nvme(Host host, const Arguments& arguments);
// time_services.cc: chrony 4.3, systemd 252
std::unique_ptr<Command> run_chronyc(Host host, const Arguments& arguments);
/// Scripts that list counters and temperatures of the kernel: their effect is imitated.
std::unique_ptr<Command> run_sh(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_timedatectl(Host host, const Arguments& arguments);
// perftest.cc: perftest 6
std::unique_ptr<Command> run_ib_write_bw(Host host, const Arguments& arguments);
// server_programs.cc: util-linux 2.38, dmidecode 3.4, systemd 252, Fabric Manager 580
std::unique_ptr<Command> run_lscpu(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_dmidecode(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_systemctl(Host host, const Arguments& arguments);
std::unique_ptr<Command> run_nv_fabricmanager(Host host, const Arguments& arguments);
// nvos.cc: NVUE of NVOS 25
std::unique_ptr<Command> run_nv(Host host, const Arguments& arguments);
/// Of the images that NVOS has fetched.
std::unique_ptr<Command> run_sha256sum(Host host, const Arguments& arguments);

}  // namespace kiln::virtual_rack
