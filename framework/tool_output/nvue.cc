#include "tool_output/nvue.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>

#include "tool_output/embedded_json.h"
#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

namespace json = boost::json;

constexpr int kNvueDepth = 32;
constexpr std::string_view kImagePrefix = "nvos-";

/// The whole output as one object: NVUE prints nothing beside it with -o json.
Result<json::object> nvue_object(std::string_view text, const char* what) {
  if (text.size() > kMaximumBytes)
    return Error("tool_output.too_large", fmt::format("{} is too large", what));
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return Error("tool_output.empty", fmt::format("{} printed nothing", what));
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = kNvueDepth;
  options.allow_invalid_utf8 = true;
  json::value value =
      json::parse(json::string_view(text.data() + first, text.size() - first), failed, {}, options);
  if (failed == json::error::incomplete)
    return Error("tool_output.truncated", fmt::format("{} is cut off", what));
  if (failed || !value.is_object())
    return Error("tool_output.not_recognised", fmt::format("{} is not a JSON object", what));
  return std::move(value.as_object());
}

/// Text, or a number as text.
std::string nvue_word(const json::object& parent, std::string_view key) {
  const json::value* value = parent.if_contains(key);
  if (value == nullptr) return {};
  if (value->is_string()) return std::string(value->as_string());
  if (value->is_int64() || value->is_uint64()) return json::serialize(*value);
  return {};
}

std::string build_of(const std::string& build_id) {
  return build_id.starts_with(kImagePrefix) ? build_id.substr(kImagePrefix.size()) : build_id;
}

/// A string somewhere below that is a path to `file`.
std::optional<std::string> path_below(const json::value& value, std::string_view file) {
  if (value.is_string()) {
    const std::string text(value.as_string());
    const bool leads_there = text.starts_with('/') && text.ends_with(fmt::format("/{}", file));
    return leads_there ? std::optional(text) : std::nullopt;
  }
  if (value.is_object()) {
    for (const auto& member : value.as_object()) {
      if (auto found = path_below(member.value(), file)) return found;
    }
  }
  if (value.is_array()) {
    for (const json::value& element : value.as_array()) {
      if (auto found = path_below(element, file)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string NvueImages::running() const {
  const auto found = images.find(current);
  return found == images.end() ? std::string{} : found->second;
}

std::string NvueImages::next_running() const {
  const auto found = images.find(next);
  return found == images.end() ? std::string{} : found->second;
}

Result<NvueImages> parse_nvue_system_image(std::string_view text) {
  const Result<json::object> root = nvue_object(text, "nv show system image");
  if (!root) return root.error();
  NvueImages read;
  read.current = nvue_word(*root, "current");
  read.next = nvue_word(*root, "next");
  for (const auto& member : *root) {
    const std::string key(member.key());
    constexpr std::string_view kPartition = "partition";
    if (!key.starts_with(kPartition) || !member.value().is_object()) continue;
    const std::string build = nvue_word(member.value().as_object(), "build-id");
    if (!build.empty()) read.images[key.substr(kPartition.size())] = build_of(build);
  }
  if (read.current.empty() || read.images.empty())
    return Error("tool_output.not_recognised", "nv show system image names no partition");
  return read;
}

Result<std::string> parse_nvue_component(std::string_view text) {
  const Result<json::object> root = nvue_object(text, "nv show platform firmware");
  if (!root) return root.error();
  const std::string version = nvue_word(*root, "actual-firmware");
  if (version.empty())
    return Error("tool_output.not_recognised", "nv show platform firmware names no actual-firmware");
  return version;
}

Result<NvueHealth> parse_nvue_health(std::string_view text) {
  const Result<json::object> root = nvue_object(text, "nv show system health");
  if (!root) return root.error();
  NvueHealth read;
  read.status = nvue_word(*root, "status");
  if (read.status.empty())
    return Error("tool_output.not_recognised", "nv show system health tells no status");
  const json::value* issues = root->if_contains("issues");
  if (issues == nullptr || !issues->is_object()) return read;
  for (const auto& member : issues->as_object()) {
    std::string what = "not told";
    if (member.value().is_string()) what = std::string(member.value().as_string());
    if (member.value().is_object()) {
      const std::string issue = nvue_word(member.value().as_object(), "issue");
      what = issue.empty() ? json::serialize(member.value()) : issue;
    }
    read.issues[std::string(member.key())] = std::move(what);
  }
  return read;
}

Result<std::map<std::string, std::string>> parse_nvue_cluster_apps(std::string_view text) {
  const Result<json::object> root = nvue_object(text, "nv show cluster apps running");
  if (!root) return root.error();
  std::map<std::string, std::string> applications;
  for (const auto& member : *root) {
    if (!member.value().is_object())
      return Error("tool_output.not_recognised",
                   fmt::format("nv show cluster apps running: '{}' is no application",
                               std::string_view(member.key())));
    applications[std::string(member.key())] = nvue_word(member.value().as_object(), "status");
  }
  return applications;
}

Result<std::string> parse_nvue_file_path(std::string_view text, std::string_view file) {
  const Result<json::object> root = nvue_object(text, "nv show … files");
  if (!root) return root.error();
  if (auto found = path_below(*root, file)) return *found;
  return Error("tool_output.not_recognised", fmt::format("the switch lists no file '{}'", file));
}

}  // namespace kiln::tool_output
