#pragma once
// Small outputs in the shape of the real tools, made up for the tests. Test code only.

#include <string>

namespace kiln::tool_output::fixtures {

/// One GPU as driver 580 describes it on a rack product; `changes` may replace text in it.
inline std::string rack_gpu(const std::string& bus = "00000008:01:00.0",
                            const std::string& serial = "1640000000001") {
  return R"(	<gpu id=")" + bus + R"(">
		<product_name>NVIDIA GB300</product_name>
		<product_brand>NVIDIA</product_brand>
		<product_architecture>Blackwell</product_architecture>
		<display_mode>Requested functionality has been deprecated</display_mode>
		<persistence_mode>Enabled</persistence_mode>
		<mig_mode><current_mig>Disabled</current_mig><pending_mig>Disabled</pending_mig></mig_mode>
		<mig_devices>
			None
		</mig_devices>
		<serial>)" +
         serial + R"(</serial>
		<uuid>GPU-11111111-2222-3333-4444-)" +
         serial.substr(1) + R"(</uuid>
		<minor_number>0</minor_number>
		<vbios_version>97.10.34.00.01</vbios_version>
		<platformInfo>
			<chassis_serial_number>1820000000042</chassis_serial_number>
			<slot_number>14</slot_number>
			<tray_index>4</tray_index>
			<host_id>1</host_id>
			<module_id>2</module_id>
			<gpu_fabric_guid>0x0000000000000042</gpu_fabric_guid>
		</platformInfo>
		<gpu_recovery_action>None</gpu_recovery_action>
		<gsp_firmware_version>580.95.05</gsp_firmware_version>
		<pci>
			<pci_device_id>31C210DE</pci_device_id>
			<pci_bus_id>)" +
         bus + R"(</pci_bus_id>
			<pci_gpu_link_info>
				<pcie_gen>
					<max_link_gen>6</max_link_gen>
					<current_link_gen>6</current_link_gen>
					<max_device_link_gen>6</max_device_link_gen>
					<max_host_link_gen>N/A</max_host_link_gen>
				</pcie_gen>
				<link_widths><max_link_width>16x</max_link_width><current_link_width>16x</current_link_width></link_widths>
			</pci_gpu_link_info>
			<replay_counter>3</replay_counter>
			<replay_rollover_counter>0</replay_rollover_counter>
		</pci>
		<fan_speed>N/A</fan_speed>
		<performance_state>P0</performance_state>
		<clocks_event_reasons>
			<clocks_event_reason_gpu_idle>Not Active</clocks_event_reason_gpu_idle>
			<clocks_event_reason_sw_power_cap>Active</clocks_event_reason_sw_power_cap>
			<clocks_event_reason_hw_thermal_slowdown>Not Active</clocks_event_reason_hw_thermal_slowdown>
			<clocks_event_reason_sw_thermal_slowdown>Not Active</clocks_event_reason_sw_thermal_slowdown>
		</clocks_event_reasons>
		<clocks_event_reasons_counters>
			<clocks_event_reasons_counters_sw_power_cap>2354613 us</clocks_event_reasons_counters_sw_power_cap>
			<clocks_event_reasons_counters_hw_therm_slowdown>0 us</clocks_event_reasons_counters_hw_therm_slowdown>
		</clocks_event_reasons_counters>
		<fb_memory_usage>
			<total>284208 MiB</total>
			<reserved>742 MiB</reserved>
			<used>12 MiB</used>
		</fb_memory_usage>
		<utilization><gpu_util>97 %</gpu_util><memory_util>31 %</memory_util></utilization>
		<ecc_mode><current_ecc>Enabled</current_ecc><pending_ecc>Enabled</pending_ecc></ecc_mode>
		<ecc_errors>
			<volatile>
				<sram_correctable>1</sram_correctable>
				<sram_uncorrectable_parity>2</sram_uncorrectable_parity>
				<sram_uncorrectable_secded>3</sram_uncorrectable_secded>
				<dram_correctable>4</dram_correctable>
				<dram_uncorrectable>5</dram_uncorrectable>
			</volatile>
			<aggregate>
				<sram_correctable>0</sram_correctable>
				<dram_correctable>7</dram_correctable>
				<dram_uncorrectable>0</dram_uncorrectable>
				<sram_threshold_exceeded>No</sram_threshold_exceeded>
			</aggregate>
			<channel_repair_pending>No</channel_repair_pending>
		</ecc_errors>
		<retired_pages>
			<multiple_single_bit_retirement><retired_count>N/A</retired_count></multiple_single_bit_retirement>
			<double_bit_retirement><retired_count>N/A</retired_count></double_bit_retirement>
			<pending_retirement>N/A</pending_retirement>
		</retired_pages>
		<remapped_rows>
			<remapped_row_corr>1</remapped_row_corr>
			<remapped_row_unc>0</remapped_row_unc>
			<remapped_row_pending>Yes</remapped_row_pending>
			<remapped_row_failure>No</remapped_row_failure>
			<row_remapper_histogram>
				<row_remapper_histogram_max>3967 bank(s)</row_remapper_histogram_max>
				<row_remapper_histogram_high>1 bank(s)</row_remapper_histogram_high>
			</row_remapper_histogram>
		</remapped_rows>
		<temperature>
			<gpu_temp>61 C</gpu_temp>
			<gpu_temp_tlimit>26 C</gpu_temp_tlimit>
			<gpu_temp_max_tlimit_threshold>-5 C</gpu_temp_max_tlimit_threshold>
			<gpu_temp_slow_tlimit_threshold>-2 C</gpu_temp_slow_tlimit_threshold>
			<gpu_temp_max_gpu_tlimit_threshold>0 C</gpu_temp_max_gpu_tlimit_threshold>
			<memory_temp>58 C</memory_temp>
		</temperature>
		<gpu_power_readings>
			<average_power_draw>1340.25 W</average_power_draw>
			<instant_power_draw>1398.50 W</instant_power_draw>
			<current_power_limit>1400.00 W</current_power_limit>
			<requested_power_limit>1400.00 W</requested_power_limit>
			<default_power_limit>1400.00 W</default_power_limit>
			<min_power_limit>200.00 W</min_power_limit>
			<max_power_limit>1400.00 W</max_power_limit>
		</gpu_power_readings>
		<module_power_readings><average_power_draw>2467.17 W</average_power_draw></module_power_readings>
		<power_smoothing>Insufficient Permissions</power_smoothing>
		<clocks>
			<graphics_clock>1920 MHz</graphics_clock><sm_clock>1920 MHz</sm_clock><mem_clock>3996 MHz</mem_clock>
		</clocks>
		<max_clocks><graphics_clock>2062 MHz</graphics_clock><sm_clock>2062 MHz</sm_clock></max_clocks>
		<fabric>
			<state>Completed</state>
			<status>Success</status>
			<cliqueId>2</cliqueId>
			<clusterUuid>00000001-0000-0000-0000-000000000001</clusterUuid>
			<health>
				<summary>Healthy</summary>
				<bandwidth>Full</bandwidth>
				<route_recovery_in_progress>False</route_recovery_in_progress>
				<route_unhealthy>False</route_unhealthy>
				<access_timeout_recovery>False</access_timeout_recovery>
				<incorrect_configuration>None</incorrect_configuration>
			</health>
		</fabric>
		<processes>
			<process_info><pid>4242</pid><type>C</type><process_name>gpu_load</process_name></process_info>
		</processes>
	</gpu>
)";
}

inline std::string query(const std::string& gpus, const std::string& attached = "1") {
  return R"(<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">
<nvidia_smi_log>
	<timestamp>Fri Aug 21 11:01:42 2026</timestamp>
	<driver_version>580.95.05</driver_version>
	<cuda_version>13.0</cuda_version>
	<attached_gpus>)" +
         attached + "</attached_gpus>\n" + gpus + "</nvidia_smi_log>\n";
}

inline const std::string kNvlinkStatus =
    R"(GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaaaaaa-0000-0000-0000-000000000001)
	 Link 0: 26.562 GB/s
	 Link 1: <inactive>
	 Link 2: 53.125 GB/s
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaaaaaa-0000-0000-0000-000000000002)
	 Link 0: 26.562 GB/s
	 Link 1: 26.562 GB/s
	 Link 2: 26.562 GB/s
)";

inline const std::string kNvlinkErrors =
    R"(GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaaaaaa-0000-0000-0000-000000000001)
	 Link 0: Replay Errors: 0
	 Link 0: Recovery Errors: 0
	 Link 0: CRC Errors: 12

	 Link 1: Replay Errors: 0
	 Link 1: Recovery Errors: 0
	 Link 1: CRC Errors: 0
)";

inline const std::string kNvlink5Errors =
    R"(GPU 0: NVIDIA GB300 (UUID: GPU-bbbbbbbb-0000-0000-0000-000000000001)
	 Link 0: Tx packets: 12345
	 Link 0: Tx bytes: 99999
	 Link 0: Malformed packet Errors: 0
	 Link 0: Buffer overrun Errors: 0
	 Link 0: Rx Errors: 0
	 Link 0: Local link integrity Errors: 0
	 Link 0: Tx discards: 0
	 Link 0: Link recovery successful events: 4
	 Link 0: Link recovery failed events: 1
	 Link 0: Total link recovery events: 5
	 Link 0: Effective Errors: 0
	 Link 0: Effective BER: 15e-255
	 Link 0: Symbol Errors: 7
	 Link 0: Symbol BER: 12e-14
	 Link 0: FEC Errors - 0: 17941761
	 Link 0: FEC Errors - 1: 3
)";

inline const std::string kCsv =
    "index, uuid, name, temperature.gpu, power.draw.average [W], fan.speed [%], serial\n"
    "0, GPU-cccccccc-0000-0000-0000-000000000001, NVIDIA GB300, 61, 1340.25 W, [N/A], 1640000000001\n"
    "1, GPU-cccccccc-0000-0000-0000-000000000002, NVIDIA GB300, [GPU is lost], [Unknown Error], [N/A], N/A\n";

inline const std::string kDcgm4 = R"json({
  "DCGM Diagnostic" : {
    "test_categories" : [
      { "category" : "Deployment", "tests" : [
        { "name" : "software",
          "results" : [
            { "entity_group" : "GPU", "entity_group_id" : 1, "entity_id" : 0, "status" : "Pass" },
            { "entity_group" : "GPU", "entity_group_id" : 1, "entity_id" : 1, "status" : "Pass" } ],
          "test_summary" : { "status" : "Pass" } } ] },
      { "category" : "Hardware", "tests" : [
        { "name" : "memory",
          "results" : [
            { "entity_group" : "GPU", "entity_group_id" : 1, "entity_id" : 0, "status" : "Pass",
              "info" : [ "GPU 0 Allocated 284000000000 bytes (97.0%)" ]
},
            { "entity_group" : "GPU", "entity_group_id" : 1, "entity_id" : 1, "status" : "Fail",
              "warnings" : [ { "warning" : "uncorrectable row", "error_id" : 132, "error_category" : 10,
                               "error_severity" : 2 } ] } ],
          "test_summary" : {
  "status" : "Fail"
}
} ]
} ],
    "version" : "4.5.0"
}
, "entity_groups" : [ {
  "entity_group" : "GPU",
  "entity_group_id" : 1,
  "entities" : [
    {"device_id" : "31c2", "entity_id" : 0, "serial_num" : "1640000000001"},
    {"device_id" : "31c2", "entity_id" : 1, "serial_num" : "1640000000002"}
  ]
} ],
                    "metadata" : {
  "Driver Version Detected" : "580.95.05", "version" : "4.5.0"
}
}
)json";

inline const std::string kDcgm2 = R"json({"DCGM GPU Diagnostic": {"test_categories": [
 {"category": "Deployment", "tests": [
  {"name": "Denylist", "results": [{"status": "Pass"}]},
  {"name": "Persistence Mode", "results": [{"gpu_ids": "0,1", "status": "PASS"}]},
  {"name": "Inforom", "results": [{"gpu_ids": 0, "status": "Pass"}, {"gpu_ids": 1, "status": "Pass"}]}]}]}}
)json";

inline const std::string kDcgmTable = R"(Successfully ran diagnostic for group.
+---------------------------+------------------------------------------------+
| Diagnostic                | Result                                         |
+===========================+================================================+
|-----  Metadata  ----------+------------------------------------------------|
| DCGM Version              | 3.3.5                                          |
| Driver Version Detected   | 535.161.07                                     |
|-----  Deployment  --------+------------------------------------------------|
| Denylist                  | Pass                                           |
| Persistence Mode          | Fail                                           |
| Warning                   | Persistence mode for GPU 0 is disabled. Enabl  |
|                           | e persistence mode with nvidia-smi             |
+-----  Integration  -------+------------------------------------------------+
| PCIe                      | Pass - All                                     |
+-----  Hardware  ----------+------------------------------------------------+
| GPU Memory                | Fail - GPUs: 2, 3                              |
|                           | Pass - GPUs: 0, 1                              |
| EUD Test                  | Skip - All                                     |
+---------------------------+------------------------------------------------+
)";

inline const std::string kKernelLog = R"([    0.000000] Linux version 6.8.0 (build@host) #1 SMP
[  100.000001] NVRM: GPU at PCI:0009:01:00: GPU-dddddddd-0000-0000-0000-000000000001
[  100.000002] NVRM: GPU Board Serial Number: 1640000000009
[  100.000003] NVRM: Xid (PCI:0009:01:00): 79, pid=77, name=trainer, GPU has fallen off the bus.
[  100.000004] NVRM: GPU 0009:01:00.0: GPU has fallen off the bus.
[  101.500000] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Non-fatal, Link 46 MC TS crumbstore MCTO (First)
[  101.500001] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Severity 0 Engine instance 46 Sub-engine instance 00
[  101.500002] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Data {0x00140004, 0x00100000}
[  102.000000] EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x1)
)";

inline const std::string kGpuBurn =
    "Burning for 60 seconds.\n"
    "GPU 0: NVIDIA GB300 (UUID: GPU-eeeeeeee-0000-0000-0000-000000000001)\n"
    "GPU 1: NVIDIA GB300 (UUID: GPU-eeeeeeee-0000-0000-0000-000000000002)\n"
    "Initialized device 0 with 284208 MB of memory\n"
    "\r50.0%  proc'd: 100 (7150 Gflop/s) - 110 (7000 Gflop/s)   errors: 0 - 0   temps: 58 C - 60 C \n"
    "\tSummary at:   Thu Mar 10 19:21:17 UTC 2026\n"
    "\r100.0%  proc'd: 200 (7151 Gflop/s) - 220 (7001 Gflop/s)   errors: 0 - 0   temps: 61 C - 63 C \n"
    "Killing processes with SIGTERM (soft kill)\nFreed memory for dev 0\ndone\n\n"
    "Tested 2 GPUs:\n\tGPU 0: OK\n\tGPU 1: OK\n";

inline const std::string kNccl = R"(# Collective test starting: all_reduce_perf
# nThread 1 nGpus 4 minBytes 1024 maxBytes 1073741824 step: 2(factor) warmup iters: 1 iters: 20 agg iters: 1 validation: 1 graph: 0
#
# Using devices
#  Rank  0 Group  0 Pid   1234 on tray01 device  0 [0008:01:00] NVIDIA GB300
#
#                                                              out-of-place                       in-place
#       size         count      type   redop    root     time   algbw   busbw  #wrong     time   algbw   busbw  #wrong  #iters
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)             (us)  (GB/s)  (GB/s)
        1024           256     float     sum      -1    20.10    0.05    0.08       0    19.90    0.05    0.08       0      20
tray01:1234:1250 [0] NCCL INFO comm 0x5555 rank 0 nranks 4
  1073741824     268435456     float     sum      -1   2400.1  447.37  671.06       0   2390.0  449.26  673.90       0      20
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 336.28
#
# Collective test concluded: all_reduce_perf
)";

inline const std::string kNvbandwidthText = R"(nvbandwidth Version: v0.8
Built from Git version: v0.8

CUDA Runtime Version: 13000
CUDA Driver Version: 13000
Driver Version: 580.95.05

Device 0: NVIDIA GB300 (00000008:01:00)
Device 1: NVIDIA GB300 (00000009:01:00)

Running host_to_device_memcpy_ce.
memcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)
           0         1
 0    369.36    269.33

SUM host_to_device_memcpy_ce 638.69

Waived:
Running device_to_device_memcpy_read_ce.
memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)
           0         1
 0       N/A    780.10
 1    781.20       N/A

SUM device_to_device_memcpy_read_ce 1561.30

NOTE: The reported results may not reflect the full capabilities of the platform.
)";

/// Two GPUs on each of two hosts. The rows end with a tab, and the heads begin with one.
inline const std::string kNvloom =
    "nvloom_cli 1.3.0\ngit commit: 2e7b742\nAllocation strategy: reuse\nBuffer size: 512 MiB\n"
    "Iteration count: 16\n"
    "Process 0 (tray01): device 0: NVIDIA GB300 (00000008:01:00); rackGuid: 5a01\n"
    "Process 1 (tray01): device 1: NVIDIA GB300 (00000009:01:00); rackGuid: 5a01\n"
    "Process 2 (tray02): device 0: NVIDIA GB300 (00000008:01:00); rackGuid: 5a01\n"
    "Process 3 (tray02): device 1: NVIDIA GB300 (00000009:01:00); rackGuid: 5a01\n\n"
    "Running bisect_device_to_device_write_sm\n\t0\t\n0->2\t771.30\t\n1->3\t772.04\t\n2->0\t770.95\t\n"
    "3->1\t612.50\t\n\nMin bisect_device_to_device_write_sm 612.50 GB/s\n"
    "Avg bisect_device_to_device_write_sm 731.70 GB/s\nMax bisect_device_to_device_write_sm 772.04 GB/s\n"
    "Total bisect_device_to_device_write_sm 2926.79 GB/s\n\n"
    "ExecutionTime bisect_device_to_device_write_sm 1.42 s\nDone bisect_device_to_device_write_sm\n\n"
    "Running gpu_to_rack_device_to_device_unidir_read_ce\n\t5a01\t\n0\t779.10\t\n1\t780.02\t\n2\t779.95\t\n"
    "3\t640.11\t\n\nMin gpu_to_rack_device_to_device_unidir_read_ce 640.11 GB/s\n"
    "Avg gpu_to_rack_device_to_device_unidir_read_ce 744.80 GB/s\n"
    "Max gpu_to_rack_device_to_device_unidir_read_ce 780.02 GB/s\n"
    "Total gpu_to_rack_device_to_device_unidir_read_ce 2979.18 GB/s\n\n"
    "ExecutionTime gpu_to_rack_device_to_device_unidir_read_ce 2.10 s\n"
    "Done gpu_to_rack_device_to_device_unidir_read_ce\n\n";

inline const std::string kNvbandwidthJson = R"json({ "nvbandwidth" : {
  "CUDA Runtime Version" : 13000, "Driver Version" : "580.95.05", "version" : "v0.8",
  "GPU Device list" : [ "0: NVIDIA GB300 (00000008:01:00)" ],
  "testcases" : [
    { "name" : "host_to_device_memcpy_ce", "status" : "Passed", "sum" : 369.36,
      "bandwidth_description" : "memcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)",
      "bandwidth_matrix" : [ [ "369.36", "N/A" ] ] },
    { "name" : "multinode_device_to_device_memcpy_read_ce", "status" : "Waived" },
    { "name" : "device_to_host_memcpy_ce", "status" : "Error", "error" : "[CUDA_ERROR_ILLEGAL_ADDRESS]" } ]
}
}
)json";

inline const std::string kStressNg = R"(stress-ng: info:  [551] setting to a 1 min, 0 secs run per stressor
stress-ng: info:  [551] dispatching hogs: 4 cpu, 2 vm
stress-ng: metrc: [551] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s CPU used per
stress-ng: metrc: [551]                           (secs)    (secs)    (secs)   (real time) (usr+sys time) instance (%)
stress-ng: metrc: [551] cpu               97966     60.07    240.03      0.25      1630.90         407.70        99.61
stress-ng: metrc: [551] vm              5000000     60.01     80.03     32.25     83319.45       44531.53        93.34
stress-ng: info:  [551] skipped: 0
stress-ng: info:  [551] passed: 6: cpu (4) vm (2)
stress-ng: info:  [551] failed: 0
stress-ng: info:  [551] metrics untrustworthy: 0
stress-ng: info:  [551] successful run completed in 1 min, 0.14 secs
)";

inline const std::string kStressAppTest =
    R"(2026/03/01-08:08:19(UTC) Log: Commandline - ./stressapptest -s 30 -M 1024
2026/03/01-08:08:19(UTC) Stats: SAT revision 1.0.11_autoconf, 64 bit binary
2026/03/01-08:08:19(UTC) Stats: Starting SAT, 1024M, 30 seconds
2026/03/01-08:08:54(UTC) Stats: Found 0 hardware incidents
2026/03/01-08:08:54(UTC) Stats: Completed: 250000.00M in 30.01s 8330.56MB/s, with 0 hardware incidents, 0 errors
2026/03/01-08:08:54(UTC) 
2026/03/01-08:08:54(UTC) Status: PASS - please verify no corrected errors
)";

inline const std::string kFio =
    R"json(note: both iodepth >= 1 and synchronous I/O engine are selected {queue depth is 1}
fio: this platform does not support process shared mutexes
{
  "fio version" : "fio-3.33",
  "jobs" : [
    { "jobname" : "surface", "error" : 0, "job options" : { "rw" : "randwrite", "verify" : "crc32c" },
      "read" : { "io_bytes" : 0, "io_kbytes" : 0, "bw_bytes" : 0, "bw" : 0, "iops" : 0.0, "runtime" : 0 },
      "write" : { "io_bytes" : 1048576000, "io_kbytes" : 1024000, "bw_bytes" : 104857600, "bw" : 102400,
                  "iops" : 25600.5, "runtime" : 10000, "total_ios" : 256000,
                  "clat_ns" : { "min" : 100, "max" : 5000000, "mean" : 40000.5,
                                "percentile" : { "99.000000" : 120000, "0.00" : 0, "0.00" : 0 } } } } ],
  "disk_util" : [ { "name" : "nvme0n1", "util" : 98.5 } ]
}
Run status group 0 (all jobs):
)json";

}  // namespace kiln::tool_output::fixtures
