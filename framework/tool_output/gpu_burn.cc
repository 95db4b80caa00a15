#include "tool_output/gpu_burn.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kGpuBurnTool = "gpu_burn";
constexpr std::size_t kMaximumBurningGpus = 1024;
constexpr std::size_t kMaximumBurnFailures = 32;

std::optional<std::int64_t> trimmed_leading_integer(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split_gpu_cells(std::string_view text) {
  // Cells stand between " - "; a negative count ("- -12") keeps its sign.
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t at = text.find(" - ");
    cells.push_back(trim(text.substr(0, at)));
    if (at == std::string_view::npos) return cells;
    text.remove_prefix(at + 3);
    if (cells.size() > kMaximumBurningGpus) return cells;
  }
}

class GpuBurnReader {
 public:
  explicit GpuBurnReader(GpuBurn& burn) : burn_(burn) {}

  void take(std::string_view raw) {
    const std::string_view line = trim(raw);
    if (line.empty()) return;
    const std::size_t processed = line.find("proc'd:");
    if (processed != std::string_view::npos) {
      take_progress(line, processed);
      return;
    }
    if (line.starts_with("Tested ") && line.find(" GPU") != std::string_view::npos) {
      if (const auto count = trimmed_leading_integer(line.substr(7));
          count && *count >= 0 && *count <= 4096) {
        burn_.tested = static_cast<int>(*count);
        in_list_ = true;
      }
      return;
    }
    if (line.starts_with("GPU ")) take_gpu_line(line);
    if (line.starts_with("Burning for")) seen_ = true;
    for (const std::string_view failure :
         {"Couldn't init a GPU test", "No clients are alive", "No CUDA devices", "Couldn't", "CUDA error",
          "Error in \"", "Aborting", "Segmentation fault", "failed"}) {
      if (line.find(failure) != std::string_view::npos) {
        if (burn_.failures.size() < kMaximumBurnFailures) burn_.failures.emplace_back(line.substr(0, 200));
        break;
      }
    }
  }

  [[nodiscard]] bool recognised() const {
    const bool init_failed = std::any_of(
        burn_.failures.begin(), burn_.failures.end(),
        [](const std::string& line) { return line.find("Couldn't init a GPU test") != std::string::npos; });
    return progress_lines_ > 0 || (burn_.tested && listed_ > 0) || (seen_ && !burn_.gpus.empty()) ||
           init_failed;
  }
  [[nodiscard]] std::size_t listed() const { return listed_; }
  [[nodiscard]] bool progressed() const { return progress_lines_ > 0; }

 private:
  GpuBurnGpu& gpu(int index) {
    const auto found = std::find_if(burn_.gpus.begin(), burn_.gpus.end(),
                                    [&](const GpuBurnGpu& one) { return one.index == index; });
    if (found != burn_.gpus.end()) return *found;
    GpuBurnGpu fresh;
    fresh.index = index;
    burn_.gpus.push_back(std::move(fresh));
    return burn_.gpus.back();
  }

  /// "GPU 0: NVIDIA A100 (UUID: ...)" at the start, "GPU 0: OK" at the end.
  void take_gpu_line(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto index = to_integer(trim(line.substr(4, colon - 4)));
    if (!index || *index < 0 || *index >= static_cast<std::int64_t>(kMaximumBurningGpus)) return;
    const std::string_view rest = trim(line.substr(colon + 1));
    if (in_list_) {
      GpuBurnGpu& one = gpu(static_cast<int>(*index));
      if (rest == "OK") {
        one.tool_says_ok = one.tool_says_ok.value_or(true);
      } else if (rest.starts_with("FAULTY")) {
        one.tool_says_ok = false;
      } else {
        burn_.doubt(fmt::format("GPU {}", *index), rest);
        return;
      }
      ++listed_;
      return;
    }
    const std::size_t uuid = rest.find("(UUID:");
    if (uuid == std::string_view::npos) return;
    GpuBurnGpu& one = gpu(static_cast<int>(*index));
    one.name = std::string(trim(rest.substr(0, uuid)).substr(0, 120));
    one.uuid = std::string(trim(rest.substr(uuid + 6, rest.find(')', uuid) - uuid - 6)));
  }

  /// "50.0%  proc'd: 2261 (7150 Gflop/s) - 0 (0 Gflop/s)   errors: 0 - -1  (DIED!)  temps: 38 C - -- "
  void take_progress(std::string_view line, std::size_t at) {
    ++progress_lines_;
    const std::string_view percent = trim(line.substr(0, at));
    if (percent.ends_with('%')) {
      const std::vector<std::string_view> fields = split_fields(percent.substr(0, percent.size() - 1));
      if (!fields.empty()) {
        if (const auto value = to_double(fields.back())) burn_.progress_percent = value;
      }
    }
    const std::size_t errors = line.find("errors:", at);
    const std::size_t temps = line.find("temps:", at);
    const auto part = [&](std::size_t from, std::size_t label, std::size_t to) -> std::string_view {
      if (from == std::string_view::npos) return {};
      const std::size_t start = from + label;
      return to == std::string_view::npos || to < start ? line.substr(start) : line.substr(start, to - start);
    };
    const std::vector<std::string_view> done = split_gpu_cells(part(at, 7, errors));
    for (std::size_t i = 0; i < done.size() && i < kMaximumBurningGpus; ++i) {
      if (done[i].empty()) continue;
      GpuBurnGpu& one = gpu(static_cast<int>(i));
      const auto count = trimmed_leading_integer(done[i]);
      if (!count) {
        burn_.doubt("proc'd", done[i]);
        continue;
      }
      one.last_processed = *count;
      one.highest_processed = std::max(one.highest_processed, *count);
      if (*count < 0) one.died = true;
      if (const std::size_t rate = done[i].find('('); rate != std::string_view::npos) {
        const std::vector<std::string_view> words = split_fields(done[i].substr(rate + 1));
        const auto value = words.empty() ? std::nullopt : to_double(words.front());
        if (value && *value > 0) one.gflops = value;
      }
    }
    if (errors == std::string_view::npos) return;  // the line is cut; the closing list decides
    const std::vector<std::string_view> counts = split_gpu_cells(part(errors, 7, temps));
    for (std::size_t i = 0; i < counts.size() && i < kMaximumBurningGpus; ++i) {
      if (counts[i].empty()) continue;
      GpuBurnGpu& one = gpu(static_cast<int>(i));
      if (counts[i].find("DIED") != std::string_view::npos) one.died = true;
      const auto count = trimmed_leading_integer(counts[i]);
      if (!count) {
        burn_.doubt("errors", counts[i]);
        continue;
      }
      if (*count < 0) one.negative_errors = true;
      one.highest_errors = std::max(one.highest_errors, *count);
    }
    if (temps == std::string_view::npos) return;
    const std::vector<std::string_view> degrees = split_gpu_cells(part(temps, 6, std::string_view::npos));
    for (std::size_t i = 0; i < degrees.size() && i < kMaximumBurningGpus; ++i) {
      const Number value = read_number(degrees[i], {"C", ""});
      if (!value.value) continue;
      GpuBurnGpu& one = gpu(static_cast<int>(i));
      one.highest_temperature = std::max(one.highest_temperature.value_or(*value.value), *value.value);
    }
  }

  GpuBurn& burn_;
  bool in_list_ = false;
  bool seen_ = false;
  std::size_t progress_lines_ = 0;
  std::size_t listed_ = 0;
};

Result<GpuBurn> read_gpu_burn(std::string_view text) {
  GpuBurn burn;
  GpuBurnReader reader(burn);
  for (const std::string_view line : split_lines(text)) reader.take(line);
  if (!reader.recognised()) {
    return not_recognised(kGpuBurnTool,
                          "neither progress (\"proc'd:\") nor the closing list \"Tested n GPUs\" is in it");
  }
  std::sort(burn.gpus.begin(), burn.gpus.end(),
            [](const GpuBurnGpu& a, const GpuBurnGpu& b) { return a.index < b.index; });
  if (!burn.tested) {
    burn.mark_incomplete("the closing list \"Tested n GPUs\" is missing");
  } else if (reader.listed() != static_cast<std::size_t>(*burn.tested)) {
    burn.mark_incomplete(fmt::format("{} GPUs were tested but {} are listed", *burn.tested, reader.listed()));
  } else if (reader.progressed() && !burn.progress_percent) {
    burn.mark_incomplete("no progress line tells how far the run had come");
  }
  return burn;
}

}  // namespace

ToolVerdict GpuBurnGpu::verdict() const {
  if (tool_says_ok == false || highest_errors > 0 || negative_errors || died) return ToolVerdict::fail;
  if (!tool_says_ok) return ToolVerdict::unknown;
  return highest_processed > 0 ? ToolVerdict::pass : ToolVerdict::not_run;
}

ToolVerdict GpuBurn::verdict() const {
  ToolVerdict all = gpus.empty() ? ToolVerdict::not_run : ToolVerdict::pass;
  for (const GpuBurnGpu& gpu : gpus) all = worse(all, gpu.verdict());
  if (incomplete || !failures.empty()) all = worse(all, ToolVerdict::unknown);
  return all;
}

Result<GpuBurn> parse_gpu_burn(std::string_view text) {
  if (Status size = check_size(kGpuBurnTool, text); !size) return size.error();
  try {
    return read_gpu_burn(text);
  } catch (const std::exception& problem) {
    return malformed(kGpuBurnTool, problem.what());
  }
}

}  // namespace kiln::tool_output
