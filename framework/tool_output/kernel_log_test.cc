#include "tool_output/kernel_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tool_output/test_fixtures.h"

namespace kiln::tool_output {
namespace {

KernelLog parsed_log(const std::string& text) {
  Result<KernelLog> log = parse_kernel_log(text);
  EXPECT_TRUE(log) << (log ? "" : log.error().full());
  return log ? std::move(*log) : KernelLog();
}

KernelEvent only_event(const std::string& text) {
  const KernelLog log = parsed_log(text);
  EXPECT_EQ(log.events.size(), 1U) << text;
  return log.events.empty() ? KernelEvent() : log.events.front();
}

TEST(KernelLog, FindsXidWithPartProcessAndTime) {
  const KernelLog log = parsed_log(fixtures::kKernelLog);
  ASSERT_EQ(log.events.size(), 3U);
  const KernelEvent& xid = log.events[0];
  EXPECT_EQ(xid.kind, KernelEventKind::gpu_xid);
  EXPECT_EQ(xid.code, 79);
  EXPECT_EQ(xid.device, "00000009:01:00.0");
  EXPECT_EQ(xid.pid, 77);
  EXPECT_EQ(xid.process, "trainer");
  EXPECT_EQ(xid.time.boot_ns, 100'000'003'000);
  EXPECT_EQ(xid.line, 4U);
  EXPECT_EQ(xid.lines, 2U) << "the line after it tells of the same loss";
  EXPECT_EQ(log.gpus.at("00000009:01:00.0").uuid, "GPU-dddddddd-0000-0000-0000-000000000001");
  EXPECT_EQ(log.gpus.at("00000009:01:00.0").serial, "1640000000009");
  EXPECT_EQ(log.kernel_lines, 9U);
}

TEST(KernelLog, JoinsTheThreeLinesOfAnSxid) {
  const KernelLog log = parsed_log(fixtures::kKernelLog);
  const KernelEvent& sxid = log.events[1];
  EXPECT_EQ(sxid.kind, KernelEventKind::nvswitch_sxid);
  EXPECT_EQ(sxid.code, 28006);
  EXPECT_EQ(sxid.lines, 3U);
  EXPECT_EQ(sxid.nvlink, 46);
  EXPECT_EQ(sxid.sxid_fatal, false);
  EXPECT_EQ(sxid.weight, XidWeight::note);
  EXPECT_EQ(sxid.device, "00000000:c1:00.0");
}

TEST(KernelLog, TakesAnSxidOfUnknownSeverityAsFatal) {
  const KernelEvent event =
      only_event("[1.000000] nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 20034, Data {0x1, 0x2}\n");
  EXPECT_FALSE(event.sxid_fatal);
  EXPECT_EQ(event.weight, XidWeight::fail);
}

TEST(KernelLog, TakesTheAddressOfTheDataLineWhenTheFirstHasNone) {
  const KernelEvent event = only_event(
      "[1.000000] nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal, Link 30 LTSSM Fault Up\n"
      "[1.000001] nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 20034, Data {0x50610002}\n");
  EXPECT_EQ(event.device, "00000000:a9:00.0");
  EXPECT_EQ(event.lines, 2U);
}

TEST(KernelLog, ReadsEveryTimeFormat) {
  const std::string xid = "NVRM: Xid (PCI:0000:3b:00): 48, pid=1, name=x, DBE";
  EXPECT_EQ(only_event("[12345.678901] " + xid + "\n").time.boot_ns, 12'345'678'901'000);
  EXPECT_EQ(only_event("[12345.678901][  T123] " + xid + "\n").time.boot_ns, 12'345'678'901'000);
  EXPECT_EQ(only_event("<3>[    1.500000] " + xid + "\n").time.boot_ns, 1'500'000'000);
  EXPECT_EQ(only_event("4,1234,5000001,-;" + xid + "\n").time.boot_ns, 5'000'001'000);
  EXPECT_EQ(only_event("[Thu Jan  1 00:00:10 1970] " + xid + "\n").time.wall_ns, 10'000'000'000);
  EXPECT_EQ(only_event("kern  :warn  : 1970-01-01T01:00:00,500000+01:00 " + xid + "\n").time.utc_ns,
            500'000'000);
  EXPECT_EQ(only_event("1970-01-01T00:00:01,000000+00:00 " + xid + "\n").time.utc_ns, 1'000'000'000);
  EXPECT_EQ(only_event("1970-01-01T00:00:02.25+0000 host kernel: " + xid + "\n").time.utc_ns, 2'250'000'000);
  EXPECT_EQ(only_event("Aug 17 06:18:01 host kernel: " + xid + "\n").time.text, "Aug 17 06:18:01");
  EXPECT_EQ(only_event("Aug 17 06:18:01 host kernel: [77.000000] " + xid + "\n").time.boot_ns,
            77'000'000'000);
  EXPECT_EQ(only_event("[Feb14 03:36] " + xid + "\n").time.text, "Feb14 03:36");
  EXPECT_EQ(only_event("[Feb14 03:36] a\n[  +2.141017] " + xid + "\n").line, 2U);
}

TEST(KernelLog, KeepsTheTextOfATimeInAnotherLanguage) {
  for (const char* stamp :
       {"[So Feb 23 16:24:18 2025] ", "[dim. f\xc3\xa9vr. 23 16:24:18 2025] ",
        "[\xe6\x97\xa5  2\xe6\x9c\x88 23 16:24:18 2025] ",
        "f\xc3\xa9vr. 23 16:24:18 host kernel: ", "2\xe6\x9c\x88 23 16:24:18 host kernel: "}) {
    const KernelEvent event = only_event(std::string(stamp) + "NVRM: Xid (PCI:0000:3b:00): 48, DBE\n");
    EXPECT_EQ(event.code, 48) << stamp;
    EXPECT_FALSE(event.time.text.empty()) << stamp;
    EXPECT_FALSE(event.time.utc_ns);
  }
}

TEST(KernelLog, NeverFailsHardwareForAnApplicationXid) {
  for (const int code : {13, 31, 32, 43, 45, 69}) {
    const KernelEvent event = only_event("[1.000000] NVRM: Xid (PCI:0000:38:00): " + std::to_string(code) +
                                         ", pid='<unknown>', name=<unknown>, x\n");
    EXPECT_EQ(event.weight, XidWeight::ignore) << code;
    EXPECT_FALSE(event.pid);
    EXPECT_EQ(event.process, "");
  }
}

TEST(KernelLog, ReadsTheRecoveryActionOfXid154) {
  const std::string head = "[1.000000] NVRM: Xid (PCI:0009:01:00): 154, GPU recovery action changed from ";
  const KernelEvent reset = only_event(head + "0x0 (None) to 0x1 (GPU Reset Required)\n");
  EXPECT_EQ(reset.recovery, GpuRecovery::gpu_reset);
  EXPECT_EQ(reset.weight, XidWeight::fail);
  const KernelEvent none = only_event(head + "0x1 (GPU Reset Required) to 0x0 (None)\n");
  EXPECT_EQ(none.recovery, GpuRecovery::none);
  EXPECT_EQ(none.weight, XidWeight::ignore);
  EXPECT_EQ(only_event(head + "0x0 (None) to 0x9 (Something)\n").recovery, GpuRecovery::unknown);
}

TEST(KernelLog, WeighsNvlink5ByTheSeverityInTheLine) {
  const std::string head = "[1.000000] NVRM: Xid (PCI:0018:01:00): ";
  EXPECT_EQ(only_event(head + "149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 15 (0x0215e5c6)\n").nvlink, 15);
  EXPECT_EQ(only_event(head + "149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 15 (0x0215e5c6)\n").weight,
            XidWeight::fail);
  EXPECT_EQ(only_event(head + "145, RLW_REMAP  Nonfatal XC1 i1 Link 02 (0x1)\n").weight, XidWeight::note);
  EXPECT_EQ(only_event(head + "149, NETIR_BER_EVENT  Nonfatal XC0 i0 Link 03 (0x1)\n").weight,
            XidWeight::fail);
}

TEST(KernelLog, KeepsAnXidOfAMigInstanceAndAnUnreadableOne) {
  EXPECT_EQ(
      only_event("[1.000000] NVRM: Xid (PCI:0000:ca:00 GPU-I:05): 94, pid=3, name=x, Contained\n").device,
      "00000000:ca:00.0");
  const KernelLog log = parsed_log("[1.000000] NVRM: Xid (PCI:0000:ca:00): ??, broken\n");
  ASSERT_EQ(log.events.size(), 1U);
  EXPECT_FALSE(log.events[0].code);
  EXPECT_EQ(log.doubt_count, 1U);
}

TEST(KernelLog, SeesAGpuThatLeavesWithoutAnyXid) {
  const KernelEvent event = only_event(
      "[9.000000] NVRM: The NVIDIA GPU 0000:9a:00.0 (PCI ID: 10de:28a0) installed in this system\n"
      "[9.000001] NVRM: has fallen off the bus and is not responding to commands.\n");
  EXPECT_EQ(event.kind, KernelEventKind::gpu_off_bus);
  EXPECT_EQ(event.device, "00000000:9a:00.0");
  EXPECT_EQ(event.weight, XidWeight::fail);
  EXPECT_EQ(only_event("[9.000000] NVRM: GPU 0000:9a:00.0: RmInitAdapter failed! (0x22:0x40:894)\n").weight,
            XidWeight::fail);
}

struct Case {
  const char* text;
  KernelEventKind kind;
  KernelWeight weight;
  const char* device;
};

TEST(KernelLog, KnowsWhatOtherHardwareSays) {
  using enum KernelEventKind;
  constexpr KernelWeight kFail = KernelWeight::fail;
  constexpr KernelWeight kNote = KernelWeight::note;
  const Case cases[] = {
      {"mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 8: 8c00004200800090", machine_check, kNote,
       "CPU 3"},
      {"mce: [Hardware Error]: CPU 5: Machine Check: 0 Bank 1: be00000000800400", machine_check, kFail,
       "CPU 5"},
      {"mce: [Hardware Error]: CPU 5: Machine Check Exception: 5 Bank 1: be00000000800400", machine_check,
       kFail, "CPU 5"},
      {"EDAC MC1: 1 UE memory read error on CPU_SrcID#1_MC#0_Chan#0_DIMM#0 (channel:0)", edac_uncorrected,
       kFail, "MC1 CPU_SrcID#1_MC#0_Chan#0_DIMM#0"},
      {"pcieport 0000:00:01.0: AER: Corrected error received: 0000:01:00.0", pcie_aer_corrected, kNote,
       "00000000:01:00.0"},
      {"pcieport 0000:00:01.0: AER: Correctable error message received from 0000:01:00.0", pcie_aer_corrected,
       kNote, "00000000:01:00.0"},
      {"nvme 0000:02:00.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer, "
       "(Receiver ID)",
       pcie_aer_uncorrected, kFail, "00000000:02:00.0"},
      {"mlx5_core 0000:1a:00.0: 252.048 Gb/s available PCIe bandwidth, limited by 16.0 GT/s PCIe x16 link",
       pcie_link, kNote, "00000000:1a:00.0"},
      {"pcieport 0000:00:01.0: pciehp: Slot(5): Link Down", pcie_link, kFail, "00000000:00:01.0"},
      {"Out of memory: Killed process 4711 (trainer) total-vm:1kB", oom_kill, kNote, ""},
      {"INFO: task kworker/0:1:99 blocked for more than 120 seconds.", hung_task, kNote, ""},
      {"watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [x:1]", hung_task, kNote, "CPU 3"},
      {"NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", hung_task, kFail, ""},
      {"rcu: INFO: rcu_preempt self-detected stall on CPU", hung_task, kNote, ""},
      {"Kernel panic - not syncing: Fatal exception", panic, kFail, ""},
      {"blk_update_request: I/O error, dev sdb, sector 99 op 0x0:(READ) flags 0x0", io_error, kFail, "sdb"},
      {"I/O error, dev sr0, sector 0 op 0x0:(READ)", io_error, kNote, "sr0"},
      {"blk_update_request: critical target error, dev sda, sector 5 op 0x3:(DISCARD) flags 0x800", io_error,
       kNote, "sda"},
      {"nvme nvme0: controller is down; will reset: CSTS=0xffffffff", io_error, kFail, "nvme0"},
      {"nvme nvme1: I/O 12 QID 3 timeout, aborting", io_error, kNote, "nvme1"},
      {"EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2", io_error, kFail, "sda1"},
      {"CPU3: Core temperature above threshold, cpu clock throttled (total events = 1)", thermal, kNote,
       "CPU 3"},
      {"thermal thermal_zone0: critical temperature reached (105 C), shutting down", thermal, kFail, ""},
      {"amdgpu 0000:01:00.0: {14}poison is consumed by client 12, kick off gpu reset flow", amdgpu_error,
       kFail, "00000000:01:00.0"},
      {"mlx5_core 0000:1a:00.0 ens1np0: Link down", network_link, kNote, "ens1np0"},
      {"nvidia-peermem nv_get_p2p_free_callback:127 ERROR detected invalid context", gpu_driver_error, kNote,
       ""},
  };
  for (const Case& one : cases) {
    const KernelEvent event = only_event("[1.000000] " + std::string(one.text) + "\n");
    EXPECT_EQ(to_string(event.kind), to_string(one.kind)) << one.text;
    EXPECT_EQ(to_string(event.weight), to_string(one.weight)) << one.text;
    EXPECT_EQ(event.device, one.device) << one.text;
  }
}

TEST(KernelLog, LeavesHarmlessLinesAlone) {
  const char* lines[] = {
      "sd 3:0:0:0: [sdb] Asking for cache data failed",
      "sd 4:0:0:0: [sdc] No Caching mode page found",
      "cpufreq: __cpufreq_add_dev: ->get() failed",
      "power_meter ACPI000D:00: Ignoring unsafe software power cap!",
      "mce: CPU0: Thermal monitoring enabled (TM1)",
      "MCE: In-kernel MCE decoding enabled.",
      "EDAC MC: Ver: 3.0.0",
      "pcieport 0000:00:01.0: AER: enabled with IRQ 25",
      "mce: CPU supports 32 MCE banks",
      "thermal_sys: Registered thermal governor 'step_wise'",
      "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
      "traps: prog[5] general protection fault ip:1 sp:2 error:0 in prog",
      "NVRM: loading NVIDIA UNIX Open Kernel Module for aarch64  580.95.05",
      "nvidia-nvlink: Nvlink Core is being initialized, major device number 510",
      "CPU3: Core temperature/speed normal",
  };
  for (const char* line : lines)
    EXPECT_TRUE(parsed_log("[1.000000] " + std::string(line) + "\n").events.empty()) << line;
}

TEST(KernelLog, JoinsAPcieAnnouncementWithItsExplanation) {
  const KernelEvent event = only_event(
      "[5.000000] pcieport 0000:00:01.0: AER: Corrected error received: 0000:00:01.0\n"
      "[5.000001] nvidia 0000:01:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver "
      "ID)\n"
      "[5.000002] nvidia 0000:01:00.0:   device [10de:31c2] error status/mask=00000001/0000a000\n");
  EXPECT_EQ(event.lines, 2U);
  EXPECT_EQ(event.device, "00000000:01:00.0");
}

TEST(KernelLog, JoinsAnApeiRecordAndReadsItsSeverity) {
  const std::string record =
      "[5.0] {1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 1\n"
      "[5.1] {1}[Hardware Error]: event severity: corrected\n"
      "[5.2] {1}[Hardware Error]:   section_type: PCIe error\n"
      "[5.3] {1}[Hardware Error]:   device_id: 0000:11:01.0\n";
  const KernelEvent corrected = only_event(record);
  EXPECT_EQ(corrected.kind, KernelEventKind::apei_hardware_error);
  EXPECT_EQ(corrected.lines, 4U);
  EXPECT_EQ(corrected.weight, XidWeight::note);
  EXPECT_EQ(corrected.device, "00000000:11:01.0");
  EXPECT_EQ(only_event(record.substr(0, record.find('\n') + 1)).weight, XidWeight::fail)
      << "without its severity a record is not harmless";
}

TEST(KernelLog, JoinsAPanicWithItsDump) {
  const KernelEvent event = only_event(
      "<1>[ 201.6] BUG: unable to handle kernel NULL pointer dereference at (null)\n"
      "<1>[ 201.7] IP: [<ffffffff>] f+0x16/0x20\n<4>[ 201.8] Oops: 0002 [#1] SMP\n");
  EXPECT_EQ(event.kind, KernelEventKind::panic);
  EXPECT_EQ(event.lines, 3U);
}

TEST(KernelLog, ShowsErrorsNoRuleKnows) {
  const KernelEvent event =
      only_event("kern  :err   : [ 5.000000] flux_capacitor 0000:05:00.0: out of flux\n");
  EXPECT_EQ(event.kind, KernelEventKind::other_error);
  EXPECT_EQ(event.device, "00000000:05:00.0");
  EXPECT_TRUE(parsed_log("kern  :info  : [ 5.000000] flux_capacitor: full\n").events.empty());
}

TEST(KernelLog, CountsKernelLinesOfASyslogApart) {
  const KernelLog log = parsed_log(
      "Aug 17 00:00:24 node systemd[1]: I/O error, dev sda told by a program\n"
      "Aug 17 06:18:01 node systemd-networkd[53]: ib6: lost carrier\n"
      "Aug 17 06:18:02 node kernel: [1.000000] fine\n");
  EXPECT_EQ(log.stamped_lines, 3U);
  EXPECT_EQ(log.kernel_lines, 1U);
  ASSERT_EQ(log.events.size(), 1U);
  EXPECT_EQ(log.events[0].kind, KernelEventKind::network_link);
  EXPECT_EQ(log.events[0].device, "ib6");
}

TEST(KernelLog, RefusesOtherLogsAndEmptyOnes) {
  EXPECT_EQ(parse_kernel_log("").error().code, "tool_output.empty");
  for (const char* text : {"dmesg: read kernel buffer failed: Operation not permitted\n",
                           "[Feb 25 2025 13:59:45] [INFO] [tid 1803] Received an inband message\n",
                           "[Wed Sep 14 06:33:15 2011]\nSelf-test 14K passed!\nSelf-test 14K passed!\n",
                           "2025-01-21T04:41:44Z INFO server started\n", "{\"body\": 1}\n"}) {
    const auto log = parse_kernel_log(text);
    ASSERT_FALSE(log) << text;
    EXPECT_EQ(log.error().code, "tool_output.not_recognised");
  }
  EXPECT_TRUE(parse_kernel_log("NVRM: Xid (PCI:0000:3b:00): 48, DBE\n")) << "dmesg -t prints no stamp";
}

TEST(KernelLog, KeepsABoundedNumberOfEvents) {
  std::string text;
  for (std::size_t i = 0; i < kMaximumKernelEvents + 10; ++i)
    text += "[1.000000] NVRM: Xid (PCI:0000:3b:00): 48, x\n";
  const KernelLog log = parsed_log(text);
  EXPECT_EQ(log.events.size(), kMaximumKernelEvents);
  EXPECT_TRUE(log.incomplete);
}

TEST(XidCatalogue, SaysOfEveryRowWhichPartAndWhereItIsFrom) {
  const std::vector<int> codes = catalogued_xids();
  EXPECT_GT(codes.size(), 100U);
  EXPECT_TRUE(std::is_sorted(codes.begin(), codes.end()));
  for (const int code : codes) {
    const XidEntry entry = xid_entry(code);
    EXPECT_FALSE(entry.source.empty()) << code;
    if (entry.weight == XidWeight::fail) {
      EXPECT_NE(entry.fru, XidFru::none) << code << " fails and names no part";
    }
    if (entry.xid_class == XidClass::application) {
      EXPECT_EQ(entry.fru, XidFru::none) << code;
    }
  }
  EXPECT_EQ(xid_entry(79).fru, XidFru::gpu);
  EXPECT_EQ(xid_entry(54).fru, XidFru::power);
  EXPECT_EQ(xid_entry(149).fru, XidFru::link);
  EXPECT_EQ(xid_entry(121).fru, XidFru::board);
  for (const int code : {57, 58, 80}) EXPECT_EQ(xid_entry(code).weight, XidWeight::fail) << "as Azure NHC";
}

TEST(SXidCatalogue, ListsDecideTogetherWithTheDriversWord) {
  EXPECT_EQ(sxid_entry(23009, false).weight, XidWeight::fail) << "always fatal, whatever the line says";
  EXPECT_EQ(sxid_entry(20001, std::nullopt).weight, XidWeight::note) << "replays are listed as non-fatal";
  EXPECT_EQ(sxid_entry(20001, true).weight, XidWeight::fail);
  EXPECT_EQ(sxid_entry(12027, std::nullopt).weight, XidWeight::fail);
  EXPECT_EQ(sxid_entry(12027, false).weight, XidWeight::note);
  EXPECT_EQ(sxid_entry(99999, std::nullopt).weight, XidWeight::fail) << "nobody knows it";
  EXPECT_FALSE(sxid_is_catalogued(99999));
  EXPECT_EQ(sxid_entry(20034, true).fru, XidFru::link);
  EXPECT_EQ(sxid_entry(10003, true).fru, XidFru::nvswitch);
  for (const int code : catalogued_sxids()) {
    EXPECT_FALSE(sxid_entry(code, true).meaning.empty()) << code;
    EXPECT_NE(sxid_entry(code, true).meaning, "not in this catalogue") << code;
    EXPECT_NE(sxid_entry(code, true).fru, XidFru::none) << code;
  }
}

TEST(KernelLog, AdvisesByTheTablesAndKnowsWhatItDoesNotKnow) {
  const KernelEvent off = only_event("[1.000000] NVRM: Xid (PCI:0000:3b:00): 79, pid=1, name=x, gone\n");
  EXPECT_NE(advice(off).find("Xid 79"), std::string::npos);
  EXPECT_NE(advice(off).find("part: GPU module"), std::string::npos) << advice(off);
  EXPECT_FALSE(of_unknown_number(off));
  const KernelEvent fault = only_event("[1.000000] NVRM: Xid (PCI:0000:3b:00): 31, pid=1, name=x, MMU\n");
  EXPECT_EQ(advice(fault).find("part:"), std::string::npos) << advice(fault);
  EXPECT_TRUE(
      of_unknown_number(only_event("[1.000000] NVRM: Xid (PCI:0000:3b:00): 500, pid=1, name=x, y\n")));
  EXPECT_TRUE(of_unknown_number(only_event("[1.000000] NVRM: Xid (PCI:0000:3b:00): many, y\n")));
  EXPECT_TRUE(of_unknown_number(
      only_event("[1.000000] nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 99999, Non-fatal, x\n")));
}

TEST(XidCatalogue, NeverLetsAnApplicationXidFail) {
  for (int code = 0; code <= 300; ++code) {
    const XidEntry entry = xid_entry(code);
    EXPECT_FALSE(entry.action.empty()) << code;
    EXPECT_FALSE(entry.meaning.empty()) << code;
    if (entry.xid_class == XidClass::application) {
      EXPECT_EQ(entry.weight, XidWeight::ignore) << code;
    }
    if (!xid_is_catalogued(code)) {
      EXPECT_EQ(entry.weight, XidWeight::note) << "an unknown number is shown";
    }
  }
  for (const int code :
       {48, 62, 64, 74, 79, 92, 94, 95, 119, 120, 121, 136, 140, 143, 149, 155, 156, 158, 171, 172}) {
    EXPECT_EQ(xid_entry(code).weight, XidWeight::fail) << code;
  }
  EXPECT_EQ(xid_entry(40).mnemonic, xid_entry(126).mnemonic) << "copy engines have one meaning";
  EXPECT_EQ(xid_entry(999).xid_class, XidClass::unknown);
}

}  // namespace
}  // namespace kiln::tool_output
