// Every program's output is read by the product's own parsers, which are written and tested against real
// outputs.

#include "tests_hw/virtual_rack/host_commands/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cmath>
#include <csignal>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/interpreter.h"
#include "tests_hw/virtual_rack/rack_test_rig.h"
#include "tool_output/dcgm_diag.h"
#include "tool_output/fio.h"
#include "tool_output/gpu_burn.h"
#include "tool_output/kernel_log.h"
#include "tool_output/nccl_tests.h"
#include "tool_output/nvbandwidth.h"
#include "tool_output/nvidia_smi_csv.h"
#include "tool_output/nvidia_smi_nvlink.h"
#include "tool_output/nvidia_smi_query.h"
#include "tool_output/nvloom.h"
#include "tool_output/stress_ng.h"

namespace kiln::virtual_rack {
namespace {

using namespace kiln::tool_output;
using ::testing::HasSubstr;

struct Ran {
  std::string out;
  std::string err;
  Exit end;
  double seconds = 0;
};

/// Runs a command line on a DUT in virtual time.
Ran run(Rig& rig, const std::string& id, const std::string& line, double limit_s = 600) {
  Ran ran;
  auto command = interpret(Host{rig.rack(), rig.dut(id)}, line);
  Output output;
  while (ran.seconds <= limit_s) {
    if (const auto end = command->step(output)) {
      ran.out = std::move(output.out);
      ran.err = std::move(output.err);
      ran.end = *end;
      return ran;
    }
    rig.run(0.05);
    ran.seconds += 0.05;
  }
  ADD_FAILURE() << line << " did not end";
  return ran;
}

void add_and_settle(Rig& rig, const std::string& spec) {
  const auto added = add_fault(rig.rack(), *parse_fault(spec));
  ASSERT_TRUE(added) << added.error().full();
  rig.run(0.2);
}

TEST(NvidiaSmi, a_healthy_tray_reads_as_four_healthy_gpus) {
  Rig rig;
  const auto query = parse_nvidia_smi_query(run(rig, "C01", "nvidia-smi -q -x").out);
  ASSERT_TRUE(query) << query.error().full();
  EXPECT_FALSE(query->incomplete) << query->incomplete_reason;
  EXPECT_EQ(query->doubt_count, 0U) << query->doubts.front().field << " " << query->doubts.front().text;
  ASSERT_EQ(query->gpus.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const GpuQuery& gpu = query->gpus[i];
    const Gpu& truth = rig.c01().gpus[i];
    EXPECT_EQ(gpu.serial, truth.serial);
    EXPECT_EQ(gpu.uuid, truth.uuid);
    EXPECT_EQ(gpu.bus_id, truth.pci_address);
    EXPECT_EQ(gpu.product_name, "NVIDIA GB300");
    EXPECT_NEAR(gpu.temperature.gpu.value(), truth.temperature_c.actual, 1.5);
    EXPECT_NEAR(gpu.power.draw.value(), truth.power_w.actual, 5);
    EXPECT_EQ(gpu.ecc_volatile.uncorrectable(), 0U);
    EXPECT_TRUE(gpu.clock_events.active_slowdowns().empty());
    EXPECT_EQ(gpu.fabric.verdict(), ToolVerdict::pass) << gpu.fabric.reason();
    EXPECT_EQ(gpu.remapped_rows.pending, false);
    EXPECT_EQ(gpu.pcie.current_width, 16);
    EXPECT_FALSE(gpu.lost);
  }
}

TEST(NvidiaSmi, a_gpu_off_the_bus_is_lost_and_a_missing_one_is_not_listed) {
  Rig rig;
  add_and_settle(rig, "xid@C01:GPU_2");
  add_and_settle(rig, "gpu-missing@C01:GPU_3");
  const auto query = parse_nvidia_smi_query(run(rig, "C01", "nvidia-smi -q -x").out);
  ASSERT_TRUE(query);
  ASSERT_EQ(query->gpus.size(), 3U);
  EXPECT_FALSE(query->gpus[0].lost);
  EXPECT_TRUE(query->gpus[2].lost);
  EXPECT_FALSE(query->gpus[2].temperature.gpu);
  EXPECT_THAT(run(rig, "C01", "nvidia-smi -L").out, HasSubstr("GPU is lost"));
}

TEST(NvidiaSmi, faults_of_a_gpu_are_in_its_xml) {
  Rig rig;
  add_and_settle(rig, "throttle@C01:GPU_1");
  add_and_settle(rig, "ecc-uncorrectable@C01:GPU_3");
  rig.load(rig.c01());
  rig.run(2);
  const auto query = parse_nvidia_smi_query(run(rig, "C01", "nvidia-smi -q -x").out);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->gpus[1].clock_events.active_slowdowns().size(), 2U);
  EXPECT_LT(query->gpus[1].clocks.sm.value(), query->gpus[0].clocks.sm.value());
  EXPECT_GE(query->gpus[3].ecc_volatile.uncorrectable().value(), 1U);
  EXPECT_EQ(query->gpus[3].remapped_rows.pending, true);
  EXPECT_EQ(query->gpus[0].ecc_volatile.uncorrectable(), 0U);
  EXPECT_EQ(query->gpus[0].processes.size(), 1U);
}

TEST(NvidiaSmi, nvlink_status_names_speed_and_the_inactive_link) {
  Rig rig;
  add_and_settle(rig, "nvlink-down@C01:GPU_1/NVLink_4");
  for (const char* line : {"nvidia-smi nvlink --status", "nvidia-smi nvlink -s"}) {
    const auto status = parse_nvlink_status(run(rig, "C01", line).out);
    ASSERT_TRUE(status);
    ASSERT_EQ(status->gpus.size(), 4U);
    EXPECT_EQ(status->gpus[0].links_up(), 18U);
    EXPECT_EQ(status->gpus[0].links[0].gigabytes_per_second, 53.125);
    EXPECT_EQ(status->gpus[1].links_up(), 17U);
    EXPECT_EQ(status->gpus[1].links[4].state, LinkState::inactive);
  }
}

TEST(NvidiaSmi, nvlink_errors_rise_only_on_the_noisy_link) {
  Rig rig;
  add_and_settle(rig, "nvlink-errors@C01:GPU_2/NVLink_9");
  const auto before = parse_nvlink_errors(run(rig, "C01", "nvidia-smi nvlink -e").out);
  rig.load(rig.c01(), 0.5);
  rig.run(5);
  const auto after = parse_nvlink_errors(run(rig, "C01", "nvidia-smi nvlink -e").out);
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->doubt_count, 0U);
  const NvlinkDelta delta = nvlink_delta(*before, *after);
  EXPECT_TRUE(delta.not_comparable.empty());
  ASSERT_FALSE(delta.rises.empty());
  for (const NvlinkDelta::Rise& rise : delta.rises) {
    EXPECT_EQ(rise.gpu, 2);
    EXPECT_EQ(rise.link, 9);
  }
  EXPECT_GT(after->gpus[2].links[9].bit_error_rates.at("effective"), 1e-12);
  EXPECT_LT(after->gpus[2].links[8].bit_error_rates.at("effective"), 1e-200);
}

TEST(NvidiaSmi, csv_queries_answer_with_the_columns_asked_for) {
  Rig rig;
  const Ran ran =
      run(rig, "C01",
          "nvidia-smi --query-gpu=index,serial,temperature.gpu,power.draw,clocks_event_reasons.active "
          "--format=csv");
  const auto csv = parse_nvidia_smi_csv(ran.out);
  ASSERT_TRUE(csv) << csv.error().full();
  ASSERT_EQ(csv->rows.size(), 4U);
  EXPECT_EQ(csv->text(2, "serial"), rig.c01().gpus[2].serial);
  const Ran bare = run(rig, "C01", "nvidia-smi --query-gpu=power.draw --format=csv,noheader,nounits");
  EXPECT_NEAR(std::stod(bare.out), rig.c01().gpus[0].power_w.actual, 5);
  const Ran wrong = run(rig, "C01", "nvidia-smi --query-gpu=power.drawn --format=csv");
  EXPECT_EQ(wrong.end.status, 2);
}

TEST(GpuBurn, healthy_gpus_end_ok_and_load_shows_while_it_runs) {
  Rig rig;
  auto command =
      interpret(Host{rig.rack(), rig.c01()}, "timeout --signal=TERM --kill-after=5 30 gpu_burn -tc 5");
  Output output;
  EXPECT_FALSE(command->step(output));
  EXPECT_TRUE(rig.c01().load);
  EXPECT_EQ(rig.c01().processes.front().name, "gpu_burn");
  std::optional<Exit> end;
  for (int i = 0; i < 200 && !end; ++i) {
    rig.run(0.05);
    end = command->step(output);
  }
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, 0);
  command.reset();
  rig.run(0.05);
  EXPECT_FALSE(rig.c01().load);
  const auto burn = parse_gpu_burn(output.out);
  ASSERT_TRUE(burn) << burn.error().full();
  EXPECT_EQ(burn->tested, 4);
  EXPECT_EQ(burn->verdict(), ToolVerdict::pass);
  EXPECT_GT(burn->gpus[0].gflops.value_or(0), 30000);
}

TEST(GpuBurn, it_moves_nothing_over_nvlink_as_each_gpu_works_for_itself) {
  Rig rig;
  EXPECT_EQ(run(rig, "C01", "gpu_burn 5").end.status, 0);
  EXPECT_EQ(rig.c01().gpus[0].links[0].counters.tx_bytes, 0U);
  EXPECT_EQ(run(rig, "C01", "nvbandwidth -j -t device_to_device_memcpy_read_ce").end.status, 0);
  EXPECT_GT(rig.c01().gpus[0].links[0].counters.tx_bytes, 1'000'000'000U);
}

TEST(GpuBurn, a_gpu_that_dies_is_faulty_although_the_status_is_zero) {
  Rig rig;
  const auto added = add_fault(rig.rack(), *parse_fault("xid@C01:GPU_1+2s"));
  ASSERT_TRUE(added);
  const Ran ran = run(rig, "C01", "gpu_burn 6");
  EXPECT_EQ(ran.end.status, 0);
  const auto burn = parse_gpu_burn(ran.out);
  ASSERT_TRUE(burn);
  EXPECT_EQ(burn->verdict(), ToolVerdict::fail);
  EXPECT_TRUE(burn->gpus[1].died);
  EXPECT_EQ(burn->gpus[0].verdict(), ToolVerdict::pass);
}

TEST(GpuBurn, killed_by_pkill_it_prints_no_table) {
  Rig rig;
  auto command = interpret(Host{rig.rack(), rig.c01()}, "gpu_burn 60");
  Output output;
  EXPECT_FALSE(command->step(output));
  rig.run(2);
  EXPECT_FALSE(command->step(output));
  EXPECT_EQ(run(rig, "C01", "pkill -TERM -x 'gpu_burn|stress-ng'").end.status, 0);
  const auto end = command->step(output);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->signal, SIGTERM);
  EXPECT_NE(parse_gpu_burn(output.out)->verdict(), ToolVerdict::pass);
  command.reset();
  EXPECT_EQ(run(rig, "C01", "pkill -TERM -x gpu_burn").end.status, 1);
}

TEST(Timeout, a_program_that_outlives_its_limit_ends_with_124_after_exactly_that_time) {
  Rig rig;
  const Ran ran = run(rig, "C01", "timeout --signal=TERM --kill-after=5 3 gpu_burn 60");
  EXPECT_EQ(ran.end.status, 124);
  EXPECT_NEAR(ran.seconds, 3, 0.11);
  EXPECT_EQ(run(rig, "C01", "timeout 5 true").end.status, 0);
  EXPECT_EQ(run(rig, "C01", "timeout 5 nothing_here").end.status, 127);
  EXPECT_EQ(run(rig, "C01", "timeout soon true").end.status, 125);
}

TEST(HostDown, a_power_cut_ends_a_running_load) {
  Rig rig;
  auto command = interpret(Host{rig.rack(), rig.c01()}, "timeout 60 gpu_burn 60");
  Output output;
  EXPECT_FALSE(command->step(output));
  ASSERT_TRUE(request_power(rig.rack(), rig.c01(), PowerCommand::force_off));
  EXPECT_FALSE(rig.c01().load);
  EXPECT_TRUE(command->step(output));
}

TEST(Dcgmi, every_level_passes_on_a_healthy_tray_and_names_each_gpu) {
  Rig rig;
  for (const char* level : {"1", "2", "3", "4"}) {
    const Ran ran = run(rig, "C01", std::string("dcgmi diag -r ") + level + " -j");
    EXPECT_EQ(ran.end.status, 0);
    const auto diag = parse_dcgm_diag_json(ran.out);
    ASSERT_TRUE(diag) << diag.error().full();
    EXPECT_EQ(diag->verdict(), ToolVerdict::pass) << level;
    EXPECT_EQ(diag->entities.size(), 4U);
    EXPECT_EQ(diag->serial_of("GPU", 3), rig.c01().gpus[3].serial);
  }
}

TEST(Dcgmi, what_is_broken_fails_its_test_with_status_226) {
  Rig rig;
  add_and_settle(rig, "nvlink-down@C01:GPU_1/NVLink_4");
  add_and_settle(rig, "ecc-uncorrectable@C01:GPU_2");
  add_and_settle(rig, "throttle@C01:GPU_3");
  const Ran ran = run(rig, "C01", "dcgmi diag -r 3 -j");
  EXPECT_EQ(ran.end.status, 226);
  const auto diag = parse_dcgm_diag_json(ran.out);
  ASSERT_TRUE(diag);
  EXPECT_EQ(diag->test("pcie")->verdict, ToolVerdict::fail);
  EXPECT_EQ(diag->test("memory")->verdict, ToolVerdict::fail);
  EXPECT_EQ(diag->test("targeted_power")->verdict, ToolVerdict::fail);
  EXPECT_EQ(diag->test("memory_bandwidth")->verdict, ToolVerdict::pass);
  const Ran short_of_one = run(rig, "C01", "dcgmi diag -r 1 -j --expectedNumEntities gpu:8");
  EXPECT_EQ(short_of_one.end.status, 226);
  EXPECT_NE(parse_dcgm_diag_json(short_of_one.out)->verdict(), ToolVerdict::pass);
}

TEST(Nvbandwidth, text_and_json_give_the_same_pairs_and_links_down_cost_bandwidth) {
  Rig rig;
  const auto text = parse_nvbandwidth(run(rig, "C01", "nvbandwidth -t device_to_device_memcpy_read_ce").out);
  ASSERT_TRUE(text) << text.error().full();
  const NvbandwidthCase* healthy = text->find("device_to_device_memcpy_read_ce");
  ASSERT_NE(healthy, nullptr);
  EXPECT_EQ(healthy->status, NvbandwidthStatus::ran);
  EXPECT_FALSE(healthy->matrix[2][2]);
  EXPECT_NEAR(healthy->matrix[0][1].value(), 774, 15);
  add_and_settle(rig, "nvlink-down@C01:GPU_1/NVLink_4");
  const auto json =
      parse_nvbandwidth(run(rig, "C01", "nvbandwidth -t device_to_device_memcpy_read_ce -j").out);
  ASSERT_TRUE(json) << json.error().full();
  const NvbandwidthCase* hurt = json->find("device_to_device_memcpy_read_ce");
  ASSERT_NE(hurt, nullptr);
  EXPECT_LT(hurt->matrix[0][1].value(), 750);
  EXPECT_NEAR(hurt->matrix[0][2].value(), 774, 15);
  EXPECT_EQ(run(rig, "C01", "nvbandwidth -t device_to_devise").end.status, 1);
}

constexpr const char* kLoomOfBoth =
    "mpirun --allow-run-as-root --host r01-c01:4,r01-c02:4 -np 8 nvloom_cli -t "
    "bisect_device_to_device_write_sm "
    "gpu_to_rack_device_to_device_unidir_read_ce </dev/null";

TEST(MpirunNvloom, a_detour_slows_one_gpu_to_other_trays_and_nothing_inside_its_own) {
  Rig rig;
  add_and_settle(rig, "rack-path-slow@C02:GPU_1");
  const Ran ran = run(rig, "C01", kLoomOfBoth);
  EXPECT_EQ(ran.end.status, 0);
  const auto loom = parse_nvloom(ran.out);
  ASSERT_TRUE(loom) << loom.error().full();
  ASSERT_EQ(loom->processes.size(), 8U);
  EXPECT_EQ(loom->processes[5].host, "r01-c02");
  EXPECT_EQ(loom->processes[5].bus_id, rig.dut("C02").gpus[1].pci_address);
  const NvloomCase* halves = loom->find("bisect_device_to_device_write_sm");
  ASSERT_NE(halves, nullptr);
  EXPECT_EQ(halves->status, NvloomStatus::ran);
  EXPECT_NEAR(halves->rows[0].values[0].value(), 774, 15);
  EXPECT_LT(halves->rows[5].values[0].value(), 650);
  EXPECT_LT(halves->rows[1].values[0].value(), 650) << "its partner";
  EXPECT_EQ(loom->find("gpu_to_rack_device_to_device_unidir_read_ce")->status, NvloomStatus::ran);
  const auto inside =
      parse_nvbandwidth(run(rig, "C02", "nvbandwidth -t device_to_device_memcpy_read_ce").out);
  EXPECT_NEAR(inside->find("device_to_device_memcpy_read_ce")->matrix[1][0].value(), 774, 15);
}

TEST(MpirunNvloom, ends_with_the_processes_of_other_trays_and_refuses_what_it_does_not_know) {
  Rig rig;
  auto command = interpret(Host{rig.rack(), rig.c01()}, kLoomOfBoth);
  Output output;
  EXPECT_FALSE(command->step(output));
  EXPECT_EQ(run(rig, "C02", "pkill -TERM -x nvloom_cli").end.status, 0);
  const auto end = command->step(output);
  ASSERT_TRUE(end);
  EXPECT_NE(end->status, 0);
  command.reset();
  EXPECT_EQ(run(rig, "C01", "pgrep -x nvloom_cli").end.status, 1) << "nothing is left behind";
  EXPECT_NE(run(rig, "C01", "mpirun --host r01-c99:4 -np 4 nvloom_cli -t x").end.status, 0);
  EXPECT_NE(run(rig, "C01", "mpirun --host r01-c01:4 -np 4 nvloom_cli -t x").end.status, 0);
  EXPECT_THAT(run(rig, "C01", "mpirun --host r01-c01:4 -np 4 other").err,
              HasSubstr("unable to find the specified"));
}

TEST(NcclTests, all_reduce_is_validated_and_reaches_the_bandwidth_of_the_platform) {
  Rig rig;
  const Ran ran = run(rig, "C01", "all_reduce_perf -b 8M -e 8G -f 2 -g 4");
  EXPECT_EQ(ran.end.status, 0);
  const auto nccl = parse_nccl_tests(ran.out);
  ASSERT_TRUE(nccl) << nccl.error().full();
  EXPECT_EQ(nccl->verdict(), ToolVerdict::pass);
  EXPECT_TRUE(nccl->validated());
  EXPECT_EQ(nccl->devices.size(), 4U);
  EXPECT_EQ(nccl->rows.size(), 11U);
  EXPECT_GT(nccl->best_bus_gb_s(1ULL << 32).value(), 800);
  EXPECT_GT(rig.c01().gpus[0].links[0].counters.tx_bytes, 1'000'000'000U);
  add_and_settle(rig, "gpu-missing@C01:GPU_3");
  EXPECT_EQ(run(rig, "C01", "all_reduce_perf -b 8M -e 8M -g 4").end.status, 1);
}

TEST(StressNg, metrics_and_success_are_reported_and_the_processors_were_busy) {
  Rig rig;
  auto command = interpret(Host{rig.rack(), rig.c01()},
                           "stress-ng --cpu 0 --vm 2 --vm-bytes 1G --verify --metrics-brief --timeout 3s");
  Output output;
  std::optional<Exit> end;
  double hottest = 0;
  for (int i = 0; i < 200 && !end; ++i) {
    end = command->step(output);
    rig.run(0.05);
    hottest = std::max(hottest, rig.c01().cpus[0].power_w.actual);
  }
  ASSERT_TRUE(end);
  EXPECT_GT(hottest, 250);
  const auto stress = parse_stress_ng(output.err);
  ASSERT_TRUE(stress) << stress.error().full();
  EXPECT_EQ(stress->verdict(), ToolVerdict::pass);
  EXPECT_EQ(stress->dispatched.at("cpu"), 144);
  EXPECT_EQ(stress->metrics.size(), 2U);
  EXPECT_EQ(run(rig, "C01", "stress-ng --timeout 3s").end.status, 1);
}

TEST(Fio, the_job_moves_bytes_without_error) {
  Rig rig;
  const Ran ran =
      run(rig, "C01",
          "fio --name=seq --filename=/tmp/kiln.fio --rw=readwrite --bs=1M --size=1G --runtime=2 --time_based "
          "--output-format=json");
  EXPECT_EQ(ran.end.status, 0);
  const auto fio = parse_fio_json(ran.out);
  ASSERT_TRUE(fio) << fio.error().full();
  ASSERT_EQ(fio->jobs.size(), 1U);
  EXPECT_EQ(fio->verdict(), ToolVerdict::pass);
  EXPECT_GT(fio->jobs[0].write.bytes_per_second, 1e9);
  EXPECT_NEAR(ran.seconds, 2, 0.11);
}

TEST(Dmesg, both_time_formats_are_read_and_an_xid_is_found_with_its_gpu) {
  Rig rig;
  const auto healthy = parse_kernel_log(run(rig, "C01", "dmesg --time-format=iso").out);
  ASSERT_TRUE(healthy);
  EXPECT_TRUE(healthy->events.empty()) << healthy->events.front().text;
  EXPECT_GT(healthy->kernel_lines, 8U);
  add_and_settle(rig, "xid:48@C01:GPU_2");
  for (const char* line : {"dmesg --time-format=iso", "dmesg", "dmesg -T", "dmesg -x --time-format=iso"}) {
    const auto log = parse_kernel_log(run(rig, "C01", line).out);
    ASSERT_TRUE(log);
    EXPECT_EQ(log->stamped_lines, log->line_count) << line;
    ASSERT_EQ(log->count(KernelEventKind::gpu_xid), 1U) << line;
    EXPECT_EQ(log->events.front().code, 48);
    EXPECT_EQ(log->events.front().device, rig.c01().gpus[2].pci_address);
  }
  EXPECT_EQ(run(rig, "C01", "dmesg --colour").end.status, 1);
}

TEST(Clock, date_and_kernel_log_follow_the_skewed_clock_of_the_host) {
  Rig rig;
  const double before = std::stod(run(rig, "C01", "date +%s.%N").out);
  add_and_settle(rig, "clock-skew@C01");
  const double after = std::stod(run(rig, "C01", "date +%s.%N").out);
  EXPECT_NEAR(after - before, rig.c01().host_clock_offset_s + 0.2, 0.05);
}

TEST(Files, identity_and_edac_counters_are_read_as_from_sysfs) {
  Rig rig;
  EXPECT_EQ(run(rig, "C01", "cat /sys/class/dmi/id/product_serial").out, rig.c01().serial + "\n");
  rig.c01().memory[1].correctable_errors = 2;
  const Ran edac =
      run(rig, "C01",
          "grep -H . /sys/devices/system/edac/mc/mc*/ce_count /sys/devices/system/edac/mc/mc*/ue_count");
  EXPECT_EQ(edac.out,
            "/sys/devices/system/edac/mc/mc0/ce_count:0\n/sys/devices/system/edac/mc/mc1/ce_count:2\n"
            "/sys/devices/system/edac/mc/mc0/ue_count:0\n/sys/devices/system/edac/mc/mc1/ue_count:0\n");
  const Ran missing = run(rig, "C01", "cat /etc/os-release /etc/nothing");
  EXPECT_EQ(missing.end.status, 1);
  EXPECT_EQ(missing.err, "cat: /etc/nothing: No such file or directory\n");
  EXPECT_THAT(missing.out, HasSubstr("ID=ubuntu"));
  EXPECT_EQ(run(rig, "C01", "cat /proc/sys/kernel/random/boot_id").out, rig.c01().boot_id + "\n");
}

TEST(Lsblk, disks_with_serial_and_size_as_json) {
  Rig rig;
  const auto root = boost::json::parse(run(rig, "C01", "lsblk -J -b -o NAME,SIZE,TYPE,SERIAL,MODEL").out);
  const auto& devices = root.at("blockdevices").as_array();
  ASSERT_EQ(devices.size(), 4U);
  EXPECT_EQ(devices[0].at("serial").as_string(), rig.c01().drives[0].serial);
  EXPECT_EQ(devices[0].at("size").to_number<std::uint64_t>(), rig.c01().drives[0].size_bytes);
  EXPECT_EQ(devices[0].at("children").as_array().size(), 2U);
}

TEST(Nvos, a_switch_tray_shows_system_interfaces_and_firmware_as_json) {
  Rig rig;
  const auto system = boost::json::parse(run(rig, "S01", "nv show system -o json").out);
  EXPECT_EQ(system.at("serial-number").as_string(), rig.dut("S01").serial);
  const auto interfaces = boost::json::parse(run(rig, "S01", "nv show interface -o json").out);
  EXPECT_EQ(interfaces.as_object().size(), 144U);
  EXPECT_EQ(run(rig, "S01", "nv show everything -o json").end.status, 1);
}

}  // namespace
}  // namespace kiln::virtual_rack
