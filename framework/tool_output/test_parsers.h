#pragma once
// Every parser of this folder under one signature, for tests that run all of them over the same text. Test
// code only.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
#include "tool_output/stressapptest.h"

namespace kiln::tool_output::testing_all {

struct Seen {
  bool accepted = false;
  bool incomplete = false;
  std::optional<ToolVerdict> verdict;  ///< unset where the tool judges nothing
  std::string code;                    ///< of the refusal
  std::string facts;                   ///< what was read, in one line
};

struct Parser {
  std::string_view name;
  Seen (*run)(std::string_view text);
};

inline std::string facts_of(const NvidiaSmiQuery& query) {
  std::size_t lost = 0;
  std::size_t bad = 0;
  std::uint64_t uncorrectable = 0;
  std::size_t counted = 0;
  std::string fabric;
  for (const GpuQuery& gpu : query.gpus) {
    lost += gpu.lost ? 1U : 0U;
    bad += gpu.bad_cells.size();
    counted += gpu.ecc_volatile.uncorrectable() ? 1U : 0U;
    uncorrectable += gpu.ecc_volatile.uncorrectable().value_or(0);
    const std::string_view verdict = to_string(gpu.fabric.verdict());
    if (fabric.find(verdict) == std::string::npos)
      fabric += (fabric.empty() ? "" : ",") + std::string(verdict);
  }
  return fmt::format("gpus={} lost={} bad={} ecc={}:{} fabric={}", query.gpus.size(), lost, bad, counted,
                     uncorrectable, fabric);
}

inline std::string facts_of(const NvlinkStatus& status) {
  std::size_t links = 0;
  std::size_t up = 0;
  std::size_t c2c = 0;
  for (const NvlinkGpu& gpu : status.gpus) {
    links += gpu.links.size();
    up += gpu.links_up();
    c2c += gpu.c2c_links.size();
  }
  return fmt::format("gpus={} links={} up={} c2c={}", status.gpus.size(), links, up, c2c);
}

inline std::string facts_of(const NvlinkErrors& errors) {
  std::size_t links = 0;
  for (const NvlinkGpuErrors& gpu : errors.gpus) links += gpu.links.size();
  return fmt::format("gpus={} links={}", errors.gpus.size(), links);
}

inline std::string facts_of(const NvidiaSmiCsv& csv) {
  return fmt::format("columns={} rows={}", csv.columns.size(), csv.rows.size());
}

inline std::string facts_of(const DcgmDiag& diag) {
  return fmt::format("tests={} pass={} warn={} fail={} skip={}", diag.tests.size(),
                     diag.count(ToolVerdict::pass), diag.count(ToolVerdict::warn),
                     diag.count(ToolVerdict::fail), diag.count(ToolVerdict::skip));
}

inline std::string facts_of(const KernelLog& log) {
  return fmt::format("kernel={} events={} fail={} note={} ignore={}", log.kernel_lines, log.events.size(),
                     log.of_weight(XidWeight::fail).size(), log.of_weight(XidWeight::note).size(),
                     log.of_weight(XidWeight::ignore).size());
}

inline std::string facts_of(const GpuBurn& burn) { return fmt::format("gpus={}", burn.gpus.size()); }

inline std::string facts_of(const Nvbandwidth& run) {
  return fmt::format("devices={} ran={} waived={} errors={}", run.devices.size(),
                     run.count(NvbandwidthStatus::ran), run.count(NvbandwidthStatus::waived),
                     run.errors.size());
}

inline std::string facts_of(const NcclTests& run) {
  return fmt::format("rows={} best={}", run.rows.size(), run.best_bus_gb_s(0).value_or(-1));
}

inline std::string facts_of(const Nvloom& run) {
  const auto ran = std::count_if(run.cases.begin(), run.cases.end(),
                                 [](const NvloomCase& one) { return one.status == NvloomStatus::ran; });
  return fmt::format("processes={} ran={} errors={}", run.processes.size(), ran, run.errors.size());
}

inline std::string facts_of(const StressNg& run) { return fmt::format("metrics={}", run.metrics.size()); }

inline std::string facts_of(const StressAppTest& run) {
  return fmt::format("incidents={} errors={}", run.incidents.value_or(0), run.errors.value_or(0));
}

inline std::string facts_of(const Fio& run) {
  return fmt::format("{} jobs={}", run.version, run.jobs.size());
}

template <class Parsed>
Seen seen(const Result<Parsed>& parsed) {
  Seen result;
  if (!parsed) {
    result.code = parsed.error().code;
    return result;
  }
  result.accepted = true;
  result.incomplete = parsed->incomplete;
  if constexpr (requires { parsed->verdict(); }) result.verdict = parsed->verdict();
  result.facts = facts_of(*parsed);
  if (result.verdict) result.facts += fmt::format(" verdict={}", to_string(*result.verdict));
  if (result.incomplete) result.facts += " incomplete";
  return result;
}

inline const std::vector<Parser>& all_parsers() {
  static const std::vector<Parser> parsers = {
      {"query", [](std::string_view t) { return seen(parse_nvidia_smi_query(t)); }},
      {"nvlink-status", [](std::string_view t) { return seen(parse_nvlink_status(t)); }},
      {"nvlink-errors", [](std::string_view t) { return seen(parse_nvlink_errors(t)); }},
      {"csv", [](std::string_view t) { return seen(parse_nvidia_smi_csv(t)); }},
      {"dcgm-json", [](std::string_view t) { return seen(parse_dcgm_diag_json(t)); }},
      {"dcgm-table", [](std::string_view t) { return seen(parse_dcgm_diag_table(t)); }},
      {"kernel", [](std::string_view t) { return seen(parse_kernel_log(t)); }},
      {"gpu-burn", [](std::string_view t) { return seen(parse_gpu_burn(t)); }},
      {"nvbandwidth", [](std::string_view t) { return seen(parse_nvbandwidth(t)); }},
      {"nccl", [](std::string_view t) { return seen(parse_nccl_tests(t)); }},
      {"nvloom", [](std::string_view t) { return seen(parse_nvloom(t)); }},
      {"stress-ng", [](std::string_view t) { return seen(parse_stress_ng(t)); }},
      {"stressapptest", [](std::string_view t) { return seen(parse_stressapptest(t)); }},
      {"fio", [](std::string_view t) { return seen(parse_fio_json(t)); }},
  };
  return parsers;
}

}  // namespace kiln::tool_output::testing_all
