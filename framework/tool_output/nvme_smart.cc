#include "tool_output/nvme_smart.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/value.hpp>
#include <cmath>

#include "tool_output/embedded_json.h"
#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {

namespace {

namespace json = boost::json;

constexpr double kZeroCelsius = 273.15;
constexpr double kExact = 9007199254740992.0;  // 2^53: beyond it a double holds no counter

Error unreadable(std::string why) {
  return Error("nvme.unreadable", "the drive's health: " + std::move(why), "", Blame::peer);
}

/// The one object with that key, or why there is none.
Result<json::object> only_object(std::string_view text, std::string_view key) {
  EmbeddedJson found = find_json(text, {key});
  switch (found.outcome) {
    case EmbeddedJson::Outcome::absent:
      return unreadable(fmt::format("no JSON with '{}'", key));
    case EmbeddedJson::Outcome::cut:
      return unreadable("the JSON was cut short");
    case EmbeddedJson::Outcome::invalid:
      return unreadable(found.problem);
    case EmbeddedJson::Outcome::found:
      break;
  }
  if (found.objects != 1) return unreadable("more than one document: whose it is cannot be told");
  return std::move(found.object);
}

std::optional<std::int64_t> whole_at(const json::object& log, std::string_view key, double most) {
  const auto number = number_at(log, key);
  if (!number || *number < 0 || *number > most || std::floor(*number) != *number) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

/// Kelvin as the drive counts them; 0 is "not reported".
std::optional<double> kelvin_at(const json::object& log, std::string_view key) {
  const auto kelvin = number_at(log, key);
  if (!kelvin || *kelvin < 200 || *kelvin > 500) return std::nullopt;
  return *kelvin - kZeroCelsius;
}

NvmeSmart from_nvme_cli(const json::object& log) {
  NvmeSmart smart;
  const json::object* bits = object_at(log, "critical_warning");
  smart.critical_warning =
      bits != nullptr ? whole_at(*bits, "value", 255) : whole_at(log, "critical_warning", 255);
  smart.media_errors = whole_at(log, "media_errors", kExact);
  smart.percentage_used = whole_at(log, "percent_used", 255);
  smart.available_spare = whole_at(log, "avail_spare", 100);
  smart.spare_threshold = whole_at(log, "spare_thresh", 100);
  smart.temperature_c = kelvin_at(log, "temperature");
  smart.unsafe_shutdowns = whole_at(log, "unsafe_shutdowns", kExact);
  smart.power_on_hours = whole_at(log, "power_on_hours", kExact);
  return smart;
}

NvmeSmart from_smartctl(const json::object& log) {
  NvmeSmart smart;
  smart.critical_warning = whole_at(log, "critical_warning", 255);
  smart.media_errors = whole_at(log, "media_errors", kExact);
  smart.percentage_used = whole_at(log, "percentage_used", 255);
  smart.available_spare = whole_at(log, "available_spare", 100);
  smart.spare_threshold = whole_at(log, "available_spare_threshold", 100);
  const auto celsius = number_at(log, "temperature");
  // 0 K comes out as -273.
  if (celsius && *celsius > -73 && *celsius < 227) smart.temperature_c = *celsius;
  smart.unsafe_shutdowns = whole_at(log, "unsafe_shutdowns", kExact);
  smart.power_on_hours = whole_at(log, "power_on_hours", kExact);
  return smart;
}

/// smartctl says in words why it has no health log.
std::string complaint_of(const json::object& document) {
  const json::object* tool = object_at(document, "smartctl");
  const json::array* messages = tool == nullptr ? nullptr : array_at(*tool, "messages");
  if (messages == nullptr || messages->empty() || !messages->front().is_object())
    return "no health log in it";
  const std::string text(trim(string_at(messages->front().as_object(), "string")));
  return text.empty() ? "no health log in it" : text;
}

}  // namespace

Result<NvmeSmart> parse_nvme_smart(std::string_view text) {
  if (find_json(text, {"smartctl"}).outcome == EmbeddedJson::Outcome::found) {
    const Result<json::object> document = only_object(text, "smartctl");
    if (!document) return document.error();
    const json::object* log = object_at(*document, "nvme_smart_health_information_log");
    if (log == nullptr) return unreadable(complaint_of(*document));
    return from_smartctl(*log);
  }
  const Result<json::object> log = only_object(text, "critical_warning");
  if (!log) return log.error();
  return from_nvme_cli(*log);
}

Result<NvmeController> parse_nvme_controller(std::string_view text) {
  const Result<json::object> document = only_object(text, "sn");
  if (!document) return document.error();
  NvmeController controller;
  const auto word = [&document](std::string_view key) {
    return std::string(trim(string_at(*document, key)));
  };
  controller.serial = word("sn");
  controller.model = word("mn");
  controller.firmware = word("fr");
  controller.warning_temperature_c = kelvin_at(*document, "wctemp");
  controller.critical_temperature_c = kelvin_at(*document, "cctemp");
  return controller;
}

std::string nvme_warning_words(std::int64_t critical_warning) {
  static const std::array<const char*, 6> kBits{"spare below its threshold",
                                                "temperature beyond a threshold",
                                                "reliability degraded by media or internal errors",
                                                "read-only",
                                                "backup of its volatile memory failed",
                                                "persistent memory region unreliable"};
  std::string words;
  for (std::size_t bit = 0; bit < kBits.size(); ++bit) {
    if ((critical_warning >> bit & 1) != 0) words += (words.empty() ? "" : ", ") + std::string(kBits.at(bit));
  }
  return words.empty() && critical_warning != 0 ? "a bit that has no name" : words;
}

}  // namespace kiln::tool_output
