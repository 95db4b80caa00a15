#include "tool_output/fio.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "tool_output/embedded_json.h"
#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

namespace json = boost::json;

constexpr std::string_view kFioTool = "fio --output-format=json";
constexpr std::size_t kMaximumFioMessages = 64;
constexpr double kKibi = 1024;

std::uint64_t whole(std::optional<double> value) {
  if (!value || *value < 0 || *value > 1.8e19) return 0;
  return static_cast<std::uint64_t>(*value);
}

/// Mean, maximum and percentiles of one latency object, in units of `scale` seconds.
void read_latency(const json::object& latency, double scale, FioDirection& direction) {
  if (const auto mean = number_at(latency, "mean")) direction.latency_mean_seconds = *mean * scale;
  if (const auto maximum = number_at(latency, "max")) direction.latency_max_seconds = *maximum * scale;
  if (const json::object* percentiles = object_at(latency, "percentile")) {
    for (const auto& member : *percentiles) {
      const auto percent = to_double(std::string_view(member.key().data(), member.key().size()));
      const auto value = number_of(member.value());
      // fio 2 fills its fixed table up with "0.00" entries.
      if (percent && value && *percent > 0) direction.latency_percentiles[*percent] = *value * scale;
    }
  }
}

FioDirection read_direction(const json::object& job, std::string_view name) {
  FioDirection direction;
  const json::object* body = object_at(job, name);
  if (body == nullptr) return direction;
  // Since 3.0 io_bytes are bytes and io_kbytes stands beside it; before, io_bytes were KiB.
  const double byte_unit = body->contains("io_kbytes") || body->contains("bw_bytes") ? 1 : kKibi;
  direction.bytes = whole(number_at(*body, "io_bytes").value_or(0) * byte_unit);
  if (const auto bytes = number_at(*body, "bw_bytes")) {
    direction.bytes_per_second = *bytes;
  } else {
    direction.bytes_per_second = number_at(*body, "bw").value_or(0) * kKibi;
  }
  direction.operations_per_second = number_at(*body, "iops").value_or(0);
  direction.runtime_seconds = number_at(*body, "runtime").value_or(0) / 1000;
  if (const auto operations = number_at(*body, "total_ios")) direction.operations = whole(operations);
  for (const std::string_view kind : {"lat", "clat"}) {  // completion latency wins where it is given
    if (const json::object* micro = object_at(*body, kind)) read_latency(*micro, 1e-6, direction);
    if (const json::object* nano = object_at(*body, fmt::format("{}_ns", kind)))
      read_latency(*nano, 1e-9, direction);
  }
  return direction;
}

/// "err=5/file:io_u.c", "error=Input/output error", "verify: bad magic": fio's own words for trouble. "err=
/// 0" is its way of saying none.
bool names_an_error(std::string_view line) {
  if (contains_ignoring_case(line, "error=") || line.find("io_u error") != std::string_view::npos)
    return true;
  if (contains_ignoring_case(line, "verify") &&
      (contains_ignoring_case(line, "bad ") || contains_ignoring_case(line, "failed"))) {
    return true;
  }
  for (std::size_t at = line.find("err="); at != std::string_view::npos; at = line.find("err=", at + 4)) {
    const std::string_view rest = trim(line.substr(at + 4));
    int code = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), code);
    if (problem == std::errc{} && code != 0) return true;
  }
  return line.starts_with("fio: ") &&
         (contains_ignoring_case(line, "failed") || contains_ignoring_case(line, "error"));
}

void keep_fio_messages(std::string_view text, Fio& fio) {
  for (const std::string_view line : split_lines(text)) {
    const std::string_view message = trim(line);
    if (message.empty()) continue;
    // Errors are never crowded out by the report that follows the JSON.
    if (fio.messages.size() < kMaximumFioMessages || names_an_error(message)) {
      if (fio.messages.size() < 2 * kMaximumFioMessages) fio.messages.emplace_back(message.substr(0, 240));
    }
  }
}

Error refuse_fio(std::string_view text) {
  const std::vector<std::string_view> lines = split_lines(text);
  if (lines.size() <= 40) {
    for (const std::string_view line : lines) {
      if (trim(line).starts_with("fio: "))
        return tool_failed(kFioTool, std::string(trim(line).substr(0, 240)));
    }
  }
  return not_recognised(kFioTool, "there is no object with \"fio version\" in it");
}

Result<Fio> read_fio(std::string_view text) {
  const EmbeddedJson found = find_json(text, {"fio version"});
  switch (found.outcome) {
    case EmbeddedJson::Outcome::absent:
      return refuse_fio(text);
    case EmbeddedJson::Outcome::cut:
      return truncated(kFioTool, "the JSON document is not closed");
    case EmbeddedJson::Outcome::invalid:
      return malformed(kFioTool, found.problem);
    case EmbeddedJson::Outcome::found:
      break;
  }
  Fio fio;
  fio.version = string_at(found.object, "fio version");
  keep_fio_messages(text.substr(0, found.begin), fio);
  keep_fio_messages(text.substr(found.end), fio);
  if (found.objects > 1) fio.doubt("document", "several documents (--status-interval); the last was read");
  const json::array* jobs = array_at(found.object, "jobs");
  if (jobs == nullptr) jobs = array_at(found.object, "client_stats");
  if (jobs == nullptr) return malformed(kFioTool, "neither \"jobs\" nor \"client_stats\" is a list");
  for (const json::value& one : *jobs) {
    const json::object* body = one.if_object();
    if (body == nullptr) {
      fio.doubt("jobs[]", "not an object");
      continue;
    }
    FioJob job;
    job.name = string_at(*body, "jobname");
    if (const auto error = number_at(*body, "error"); error && std::abs(*error) < 1e6) {
      job.error = static_cast<int>(*error);
    } else {
      fio.mark_incomplete(fmt::format("job '{}' does not say whether it had an error", job.name));
    }
    job.read = read_direction(*body, "read");
    job.write = read_direction(*body, "write");
    job.trim = read_direction(*body, "trim");
    job.mixed = read_direction(*body, "mixed");
    if (const json::object* options = object_at(*body, "job options")) {
      for (const auto& option : *options) {
        if (const json::string* value = option.value().if_string()) {
          job.options[std::string(option.key().data(), option.key().size())] =
              std::string(value->data(), value->size());
        }
      }
    }
    fio.jobs.push_back(std::move(job));
  }
  if (const json::array* disks = array_at(found.object, "disk_util")) {
    for (const json::value& one : *disks) {
      const json::object* disk = one.if_object();
      if (disk == nullptr) continue;
      const auto utilisation = number_at(*disk, "util");
      if (utilisation) fio.disk_utilisation_percent[string_at(*disk, "name")] = *utilisation;
    }
  }
  return fio;
}

}  // namespace

ToolVerdict Fio::verdict() const {
  const bool job_failed =
      std::any_of(jobs.begin(), jobs.end(), [](const FioJob& job) { return job.error != 0; });
  if (job_failed || std::any_of(messages.begin(), messages.end(), names_an_error)) return ToolVerdict::fail;
  if (incomplete) return ToolVerdict::unknown;
  const bool idle = std::any_of(jobs.begin(), jobs.end(), [](const FioJob& job) {
    return job.read.bytes == 0 && job.write.bytes == 0 && job.trim.bytes == 0 && job.mixed.bytes == 0;
  });
  return jobs.empty() || idle ? ToolVerdict::not_run : ToolVerdict::pass;
}

Result<Fio> parse_fio_json(std::string_view text) {
  if (Status size = check_size(kFioTool, text); !size) return size.error();
  try {
    return read_fio(text);
  } catch (const std::exception& problem) {
    return malformed(kFioTool, problem.what());
  }
}

}  // namespace kiln::tool_output
