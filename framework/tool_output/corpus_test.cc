// Real outputs of other people's machines, kept outside the tree. Every file is in the table below: which
// parser reads it and what must come out, or that every parser refuses it. Skips with a reason when they are
// not there.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tool_output/test_parsers.h"

namespace kiln::tool_output {
namespace {

namespace fs = std::filesystem;
using testing_all::Parser;
using testing_all::Seen;

/// A file or, with a trailing '*', all files that begin so. Parser "none": every parser refuses it.
struct Row {
  std::string_view file;
  std::string_view parser;
  std::string_view facts;
};

constexpr Row kTable[] = {
    // nvidia-smi: XML
    {"B_nvidia_smi/xml/qx-gb200.xml", "query", "gpus=4 lost=0 bad=0 ecc=4:0 fabric=pass"},
    {"B_nvidia_smi/xml/qx-h100.xml", "query", "gpus=8 lost=0 bad=0 ecc=8:0 fabric=pass"},
    {"B_nvidia_smi/xml/qx-a100.xml", "query", "gpus=1 lost=0 bad=0 ecc=1:0 fabric=skip"},
    {"B_nvidia_smi/xml/qx-t4.xml", "query", "gpus=1 lost=0 bad=0 ecc=1:0 fabric=skip"},
    {"B_nvidia_smi/xml-mock-nvml/qx-gb200-lost.xml", "query",
     "gpus=2 lost=1 bad=29 ecc=1:5 fabric=pass,fail"},
    {"B_nvidia_smi/xml-mock-nvml/qx-gb200-fabric-degraded.xml", "query",
     "gpus=2 lost=0 bad=0 ecc=2:0 fabric=pass,fail"},
    // Its maker cut three of the four GPUs out.
    {"B_nvidia_smi/xml-telegraf/a100-sxm4-v12.xml", "query",
     "gpus=1 lost=0 bad=0 ecc=1:0 fabric=skip incomplete"},
    {"B_nvidia_smi/xml-telegraf/tesla-t4.xml", "query", "gpus=1 lost=0 bad=0 ecc=1:0 fabric=skip"},
    {"B_nvidia_smi/xml-telegraf/gtx-1070-ti.xml", "query", "gpus=1 lost=0 bad=0 ecc=0:0 fabric=skip"},
    {"B_nvidia_smi/xml-telegraf/quadro-p2000-v12.xml", "query", "gpus=1 lost=0 bad=0 ecc=0:0 fabric=skip"},
    {"B_nvidia_smi/xml-telegraf/rtx-3080-v13.xml", "query", "gpus=1 lost=0 bad=0 ecc=0:0 fabric=skip"},
    {"B_nvidia_smi/xml-telegraf/rtx-4000-sff-ada-v13.xml", "query",
     "gpus=1 lost=0 bad=0 ecc=0:0 fabric=skip"},
    // nvidia-smi: nvlink, csv
    {"B_nvidia_smi/azure-ndv4/good_nvlink_status.txt", "nvlink-status", "gpus=1 links=12 up=12 c2c=0"},
    {"B_nvidia_smi/gpud/nvidia-smi.nvlink.status.a100", "nvlink-status", "gpus=8 links=96 up=96 c2c=0"},
    {"B_nvidia_smi/llm-action-h800/nvlink-status.txt", "nvlink-status",
     "gpus=3 links=24 up=24 c2c=0 incomplete"},
    {"B_nvidia_smi/virtualclient/query-c2c.txt", "nvlink-status", "gpus=1 links=0 up=0 c2c=10"},
    {"B_nvidia_smi/captures/query.txt", "csv", "columns=13 rows=2"},
    {"B_nvidia_smi/virtualclient/query-gpu-8xH100.csv", "csv", "columns=39 rows=8"},
    // nvidia-smi: plain text of -q, tables, topology, lists, captures of many commands in one file
    {"B_nvidia_smi/azure-ndv4/bad_nvsmi8_output.txt", "none", ""},
    {"B_nvidia_smi/captures/linux*", "none", ""},
    {"B_nvidia_smi/captures/windows*", "none", ""},
    {"B_nvidia_smi/gpud/nvidia-smi-query*", "none", ""},
    {"B_nvidia_smi/gpud/nvidia-smi.550*", "none", ""},
    {"B_nvidia_smi/llm-action-h800/topo-matrix.txt", "none", ""},
    {"B_nvidia_smi/pkb/*", "none", ""},
    // A syslog without one line of the kernel.
    {"B_nvidia_smi/azure-ndv4/1dev_6flap_syslog", "kernel", "kernel=0 events=6 fail=0 note=6 ignore=0"},
    // DCGM
    {"C_dcgm/literal/dcgm-3.1-banner-null-entries.txt", "dcgm-json",
     "tests=10 pass=10 warn=0 fail=0 skip=0 verdict=pass"},
    {"C_dcgm/literal/gcm-diag_fail_output-exit0.json", "dcgm-json",
     "tests=9 pass=7 warn=1 fail=1 skip=0 verdict=fail"},
    {"C_dcgm/literal/gcm-diag_pass_output-exit0.json", "dcgm-json",
     "tests=9 pass=9 warn=0 fail=0 skip=0 verdict=pass"},
    {"C_dcgm/virtualclient/DCGMIDiag_r1_results.json", "dcgm-json",
     "tests=9 pass=9 warn=0 fail=0 skip=0 verdict=pass"},
    {"C_dcgm/virtualclient/DCGMIDiag_r3_results.json", "dcgm-json",
     "tests=16 pass=15 warn=0 fail=0 skip=1 verdict=skip"},
    {"C_dcgm/dcgm/dcgm_diag_schema.json", "none", ""},
    {"C_dcgm/llm-action-h800/*", "none", ""},
    {"C_dcgm/virtualclient/DCGMIDiscoveryResults.txt", "none", ""},
    {"C_dcgm/virtualclient/DCGMIDmonResults.txt", "none", ""},
    {"C_dcgm/virtualclient/DCGMIGroupResults.txt", "none", ""},
    {"C_dcgm/virtualclient/DCGMIHealthCheckResults.json", "none", ""},
    // Kernel logs
    {"D_tools/dmesg/amd-node-scraper-dmesg_sample.log", "kernel",
     "kernel=71 events=9 fail=6 note=3 ignore=0"},
    {"D_tools/dmesg/gpud-dmesg-erst.txt", "kernel", "kernel=39 events=1 fail=1 note=0 ignore=0"},
    {"D_tools/dmesg/gpud-dmesg-with-xid-119.log", "kernel", "kernel=43 events=5 fail=5 note=0 ignore=0"},
    {"D_tools/dmesg/gpud-dmesg.decode.iso.log", "kernel", "kernel=24 events=20 fail=0 note=3 ignore=17"},
    {"D_tools/dmesg/gpud-dmesg.peermem.log.0", "kernel", "kernel=8 events=8 fail=0 note=8 ignore=0"},
    {"D_tools/dmesg/gpud-kmsg.1.log", "kernel", "kernel=47 events=0 fail=0 note=0 ignore=0"},
    {"D_tools/dmesg/gpud-xid-sxid-lines-a.log", "kernel", "kernel=11 events=8 fail=8 note=0 ignore=0"},
    {"D_tools/dmesg/linuxfabrik-benign-ignored-messages-v2.txt", "kernel",
     "kernel=8 events=0 fail=0 note=0 ignore=0"},
    {"D_tools/dmesg/linuxfabrik-error-rcu-stall.txt", "kernel", "kernel=1 events=1 fail=0 note=1 ignore=0"},
    {"D_tools/dmesg/linuxfabrik-errors-blk-update-request-two.txt", "kernel",
     "kernel=2 events=2 fail=0 note=2 ignore=0"},
    // Load and bandwidth tools
    {"D_tools/superbench/gpu_burn.log", "gpu-burn", "gpus=8 verdict=pass"},
    {"D_tools/nvbandwidth/v0.2-h800-full.txt", "nvbandwidth", "devices=8 ran=30 waived=0 errors=0"},
    {"D_tools/superbench/nvbandwidth_results.log", "nvbandwidth", "devices=1 ran=15 waived=17 errors=0"},
    {"D_tools/nccl/aws-slurm-prefixed.txt", "nccl", "rows=29 best=78.33 verdict=unknown incomplete"},
    {"D_tools/nccl/dcgm-mock-all_reduce-fail_oob.txt", "nccl", "rows=1 best=0 verdict=fail"},
    {"D_tools/nccl/dcgm-mock-all_reduce-pass.txt", "nccl", "rows=1 best=0 verdict=pass"},
    // validation: 0, so nothing was compared although the last lines say OK.
    {"D_tools/pkb/nccl_output.txt", "nccl", "rows=11 best=0.63 verdict=not_run"},
    {"D_tools/superbench/nccl_allreduce.log", "nccl", "rows=34 best=235.26 verdict=not_run"},
    {"D_tools/superbench/nccl_alltoall.log", "nccl", "rows=34 best=224.31 verdict=not_run"},
    {"D_tools/superbench/nccl_reduce.log", "nccl", "rows=34 best=230.99 verdict=not_run"},
    {"D_tools/pkb/stress_ng_output.txt", "stress-ng", "metrics=1 verdict=pass"},
    {"D_tools/virtualclient/StressNgCpuVmExample.yaml", "none", ""},  // metrics without a verdict
    {"D_tools/virtualclient/StressAppTestLog_forcedErrors.txt", "stressapptest",
     "incidents=15 errors=0 verdict=fail"},
    {"D_tools/pkb/fio-parser-sample-result.json", "fio", "fio-2.1.4 jobs=5 verdict=pass"},
    {"D_tools/superbench/disk_performance.log", "fio", "fio-3.16 jobs=1 verdict=pass"},
    // Tools no parser here reads
    {"D_tools/ethtool-rdma/*", "none", ""},
    {"D_tools/fabricmanager/*", "none", ""},
    {"D_tools/ib-fabric/*", "none", ""},
    {"D_tools/ibstat/*", "none", ""},
    {"D_tools/ipmi/*", "none", ""},
    {"D_tools/lspci/*", "none", ""},
    {"D_tools/misc/*", "none", ""},
    {"D_tools/nvme-smart/*", "none", ""},
    {"D_tools/rocm-smi/*", "none", ""},
    {"D_tools/superbench/diagnosis_summary.jsonl", "none", ""},
    {"D_tools/superbench/gpcnet_network_test_error.log", "none", ""},
    {"D_tools/superbench/ib_loopback_8M_size.log", "none", ""},
    {"D_tools/superbench/ib_traffic_topo_aware_ibstat.txt", "none", ""},
    {"D_tools/virtualclient/StreamExample.txt", "none", ""},
    {"D_tools/virtualclient/prime95_results_example_fail.txt", "none", ""},
};

bool matches(std::string_view pattern, std::string_view file) {
  if (pattern.ends_with('*')) return file.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == file;
}

const Row* row_of(std::string_view file) {
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable),
                                   [&](const Row& row) { return matches(row.file, file); });
  return found == std::end(kTable) ? nullptr : found;
}

struct Sample {
  std::string file, text;
};

/// Empty when the samples are not on this machine.
const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = [] {
    std::vector<Sample> found;
    const char* shared = std::getenv("KILN_SHARED");
    const fs::path root = fs::path(shared != nullptr ? shared : KILN_SOURCE_DIR "/../shared") / "samples";
    for (const char* category : {"B_nvidia_smi", "C_dcgm", "D_tools"}) {
      std::error_code missing;
      for (const auto& entry : fs::recursive_directory_iterator(root / category, missing)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        Sample sample;
        sample.file = fs::relative(entry.path(), root).generic_string();
        sample.text.assign(std::istreambuf_iterator<char>(in), {});
        found.push_back(std::move(sample));
      }
    }
    return found;
  }();
  return all;
}

class Corpus : public ::testing::Test {
 protected:
  void SetUp() override {
    if (samples().empty()) GTEST_SKIP() << "no samples: set KILN_SHARED to a directory that holds samples/";
  }
};

TEST_F(Corpus, EveryFileIsReadAsItsTableRowSays) {
  std::map<std::string_view, int> used;
  for (const Sample& sample : samples()) {
    const Row* row = row_of(sample.file);
    ASSERT_NE(row, nullptr) << sample.file << " is in no row of the table";
    ++used[row->file];
    if (row->parser == "none") continue;
    const auto& parsers = testing_all::all_parsers();
    const auto parser = std::find_if(parsers.begin(), parsers.end(),
                                     [&](const Parser& one) { return one.name == row->parser; });
    ASSERT_NE(parser, parsers.end()) << row->parser;
    const Seen seen = parser->run(sample.text);
    EXPECT_TRUE(seen.accepted) << sample.file << ": " << seen.code;
    EXPECT_EQ(seen.facts, row->facts) << sample.file;
  }
  for (const Row& row : kTable) EXPECT_GT(used[row.file], 0) << row.file << " matches no file";
}

TEST_F(Corpus, EveryOtherParserRefusesEveryFileWithAReason) {
  std::size_t refusals = 0;
  for (const Sample& sample : samples()) {
    const Row* row = row_of(sample.file);
    ASSERT_NE(row, nullptr) << sample.file;
    for (const Parser& parser : testing_all::all_parsers()) {
      if (parser.name == row->parser) continue;
      const Seen seen = parser.run(sample.text);
      EXPECT_FALSE(seen.accepted) << parser.name << " took " << sample.file << ": " << seen.facts;
      EXPECT_TRUE(seen.accepted || !seen.code.empty());
      ++refusals;
    }
  }
  EXPECT_GE(refusals, samples().size() * (testing_all::all_parsers().size() - 1));
}

TEST_F(Corpus, NoCutFileEverPasses) {
  for (const Sample& sample : samples()) {
    const Row* row = row_of(sample.file);
    ASSERT_NE(row, nullptr) << sample.file;
    const std::size_t end = sample.text.find_last_not_of(" \t\r\n") + 1;
    for (const Parser& parser : testing_all::all_parsers()) {
      if (parser.name != row->parser) continue;
      const bool document = parser.name == "query" || parser.name == "dcgm-json" || parser.name == "fio";
      for (int step = 1; step <= 20; ++step) {
        // The last cut takes 40 bytes away: no tool's closing word survives that.
        const std::size_t length =
            step == 20 ? (end > 40 ? end - 40 : 0) : end * static_cast<std::size_t>(step) / 20;
        const Seen seen = parser.run(std::string_view(sample.text).substr(0, length));
        if (document && step < 20) {
          EXPECT_FALSE(seen.accepted) << sample.file << " cut at " << length << " of " << end;
        }
        EXPECT_NE(seen.verdict, ToolVerdict::pass) << sample.file << " cut at " << length << " of " << end;
      }
    }
  }
}

/// What one command printed inside a transcript of many: "# $ COMMAND" between two lines of ####.
struct Section {
  std::string command, text;
};

std::vector<Section> sections_of(const std::string& transcript) {
  std::vector<Section> found;
  constexpr std::string_view kPrompt = "\n# $ ";
  const std::string rule(80, '#');
  for (std::size_t at = transcript.find(kPrompt); at != std::string::npos;) {
    const std::size_t command = at + kPrompt.size();
    const std::size_t line_end = transcript.find('\n', command);
    const std::size_t text = transcript.find('\n', line_end + 1);  // behind the closing rule
    const std::size_t end = transcript.find("\n" + rule, text);
    Section section;
    section.command = transcript.substr(command, line_end - command);
    section.text = transcript.substr(text + 1, end == std::string::npos ? end : end - text - 1);
    found.push_back(std::move(section));
    at = transcript.find(kPrompt, text);
  }
  return found;
}

TEST_F(Corpus, TheSectionsOfATranscriptAreReadAsIfTheyWereFiles) {
  // By transcript: what `nvlink -s` and each `--query-gpu` in it come to.
  const std::map<std::string, std::pair<std::string, std::string>> expected = {
      {"linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01.txt",
       {"gpus=1 links=18 up=18 c2c=0", "columns=212 rows=1"}},
      {"linux-x86_64__nvidia-h100-mig__590.48.01.txt", {"gpus=1 links=0 up=0 c2c=0", "columns=212 rows=1"}},
      {"linux-x86_64__nvidia-l40s__595.80.txt", {"gpus=1 links=0 up=0 c2c=0", "columns=202 rows=1"}},
      {"windows-x86_64__nvidia-geforce-rtx-2080-super__591.86.txt",
       {"gpus=1 links=0 up=0 c2c=0", "columns=210 rows=1"}},
  };
  std::size_t transcripts = 0;
  for (const Sample& sample : samples()) {
    const std::string folder = "B_nvidia_smi/captures/";
    if (!sample.file.starts_with(folder) || sample.file.ends_with("/query.txt")) continue;
    const auto row = expected.find(sample.file.substr(folder.size()));
    ASSERT_NE(row, expected.end()) << sample.file;
    ++transcripts;
    int nvlink = 0;
    int csv = 0;
    for (const Section& section : sections_of(sample.text)) {
      std::string_view reader = "none";
      if (section.command == "nvidia-smi nvlink -s") {
        reader = "nvlink-status";
        ++nvlink;
      } else if (section.command.starts_with("nvidia-smi --query-gpu=")) {
        reader = "csv";
        ++csv;
      }
      for (const Parser& parser : testing_all::all_parsers()) {
        const Seen seen = parser.run(section.text);
        const std::string where =
            sample.file + " " + section.command.substr(0, 40) + " " + std::string(parser.name);
        if (parser.name == reader) {
          EXPECT_EQ(seen.facts, reader == "csv" ? row->second.second : row->second.first)
              << where << seen.code;
        } else if (parser.name == "nvlink-errors" && seen.facts == "gpus=1 links=0") {
          // Where there are no links, `nvlink -s` and `nvlink -e` say the same.
          EXPECT_EQ(reader, "nvlink-status") << where;
        } else if (parser.name != "csv") {  // other tables with a header line are tables too
          EXPECT_FALSE(seen.accepted) << where << ": " << seen.facts;
        }
        EXPECT_NE(seen.verdict, ToolVerdict::pass) << where;
      }
    }
    EXPECT_EQ(nvlink, 1) << sample.file;
    EXPECT_EQ(csv, 2) << sample.file;
  }
  EXPECT_EQ(transcripts, expected.size());
}

TEST_F(Corpus, ReportsKeyReadingsOfKnownMachines) {
  const auto text_of = [](std::string_view file) -> const std::string& {
    static const std::string none;
    const auto found =
        std::find_if(samples().begin(), samples().end(), [&](const Sample& one) { return one.file == file; });
    return found == samples().end() ? none : found->text;
  };
  const auto gb200 = parse_nvidia_smi_query(text_of("B_nvidia_smi/xml/qx-gb200.xml"));
  ASSERT_TRUE(gb200);
  EXPECT_EQ(gb200->gpus[0].temperature.gpu, 27);
  EXPECT_EQ(gb200->gpus[0].temperature.tlimit_margin, 60);
  EXPECT_EQ(gb200->gpus[0].temperature.slowdown_tlimit, -2);
  EXPECT_EQ(gb200->gpus[0].power.draw, 165.93);
  EXPECT_EQ(gb200->gpus[0].module_power.current_limit, 2500);
  EXPECT_EQ(gb200->gpus[0].tray_index, "4");
  EXPECT_EQ(gb200->gpus[0].fabric.clique_id, 2U);
  EXPECT_EQ(gb200->gpus[0].clock_events.sw_power_cap_us, 2354613U);
  EXPECT_EQ(gb200->doubt_count, 0U);

  const auto t4 = parse_nvidia_smi_query(text_of("B_nvidia_smi/xml/qx-t4.xml"));
  ASSERT_TRUE(t4);
  EXPECT_EQ(t4->gpus[0].ecc_aggregate.correctable(), 1U);
  EXPECT_EQ(t4->gpus[0].temperature.slowdown, 93);

  const auto lost = parse_nvidia_smi_query(text_of("B_nvidia_smi/xml-mock-nvml/qx-gb200-lost.xml"));
  ASSERT_TRUE(lost);
  EXPECT_TRUE(lost->gpus[1].lost);
  EXPECT_FALSE(lost->gpus[1].temperature.gpu);
  EXPECT_FALSE(lost->gpus[1].ecc_volatile.uncorrectable());

  const auto csv = parse_nvidia_smi_csv(text_of("B_nvidia_smi/virtualclient/query-gpu-8xH100.csv"));
  ASSERT_TRUE(csv);
  EXPECT_EQ(csv->number(0, "power.draw.average").value, 70.89);
  EXPECT_EQ(csv->number(7, "temperature.memory").value, 33);

  const auto xids = parse_kernel_log(text_of("D_tools/dmesg/gpud-xid-sxid-lines-a.log"));
  ASSERT_TRUE(xids);
  EXPECT_EQ(xids->events[0].device, "00000000:a9:00.0");
  EXPECT_EQ(xids->events[1].recovery, GpuRecovery::drain_and_reset);
  EXPECT_EQ(xids->events[3].nvlink, 15);
  EXPECT_EQ(xids->events[5].code, 79);
}

}  // namespace
}  // namespace kiln::tool_output
