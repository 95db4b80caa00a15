// What this station has and can do: plugins, doctor.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "common/report_format.h"
#include "engine/resume.h"
#include "station/commands/commands.h"
#include "station/leftovers.h"
#include "station/plugin_host.h"
#include "station/run_setup.h"
#include "station/version.h"
#include "store/run_view.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// One line of doctor: what was looked at, whether it is good, what to do if not.
struct Finding {
  std::string subject;
  bool good = true;
  std::string text;
};

json::object step_json(const Step& step, const StepCatalog& catalog) {
  const StepDescription& description = step.describe();
  json::object item;
  item["use"] = description.use;
  const PluginFacts* plugin = catalog.plugin_of(description.use);
  item["plugin"] = plugin == nullptr ? "" : plugin->name;
  item["summary"] = description.summary;
  item["monitor"] = description.monitor;
  item["on_resume"] = std::string(to_string(least_resume_policy(description)));
  item["energises"] = description.energises ? json::value(std::string(to_string(*description.energises)))
                                            : json::value(nullptr);
  json::array measurements;
  for (const auto& declared : description.measurements) {
    json::object entry;
    entry["name"] = declared.name;
    entry["unit"] = declared.unit;
    entry["per"] = std::string(to_string(declared.per));
    entry["judged"] = declared.judged;
    entry["summary"] = declared.summary;
    measurements.push_back(std::move(entry));
  }
  item["measurements"] = std::move(measurements);
  json::array parameters;
  for (const auto& declared : description.parameters) {
    json::object entry;
    entry["name"] = declared.name;
    entry["type"] = std::string(to_string(declared.type));
    entry["default"] = declared.default_text ? json::value(*declared.default_text) : json::value(nullptr);
    entry["summary"] = declared.summary;
    parameters.push_back(std::move(entry));
  }
  item["parameters"] = std::move(parameters);
  return item;
}

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const std::string directory = rest.substr(0, colon);
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    if (!directory.empty() && access((directory + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::vector<Finding> examine(const CommandLine& line, const Paths& paths) {
  std::vector<Finding> findings;
  const LoadedPlugins plugins = load_plugins(plugin_directory(line, paths));
  findings.push_back({"plugins", plugins.refused.empty() && !plugins.catalog.uses().empty(),
                      fmt::format("{} plugins with {} steps from {}", plugins.catalog.plugins().size(),
                                  plugins.catalog.uses().size(), plugin_directory(line, paths))});
  for (const auto& refused : plugins.refused)
    findings.push_back({"plugin", false, refused.reason.sentence()});
  const auto recipes = shipped_recipes(paths);
  findings.push_back(
      {"recipes", !recipes.empty(), fmt::format("{} recipes in {}/recipes", recipes.size(), paths.share)});
  const std::string database = database_path(line, paths);
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (view) {
    findings.push_back({"database", true, database});
  } else if (view.error().code == "view.not_found") {
    findings.push_back({"database", true, database + " (made by the first run)"});
  } else {
    findings.push_back({"database", false, view.error().sentence()});
  }
  std::error_code failed;
  std::filesystem::path place = std::filesystem::path(database).parent_path();
  while (!place.empty() && !std::filesystem::exists(place, failed)) place = place.parent_path();
  const auto space = std::filesystem::space(place, failed);
  constexpr std::uintmax_t kEnough = 1ULL << 30;
  findings.push_back(
      {"disk", !failed && space.available >= kEnough,
       failed ? failed.message()
              : fmt::format("{} MiB free for records in {}", space.available >> 20, place.string())});
  const Status undone = refuse_with_leftovers(paths.state);
  findings.push_back({"undone", undone.has_value(),
                      undone ? "no run left anything switched on" : undone.error().sentence()});
  findings.push_back({"warden", access(paths.warden.c_str(), X_OK) == 0, paths.warden});
  findings.push_back({"virtual rack", access(paths.virtual_rack.c_str(), X_OK) == 0, paths.virtual_rack});
  std::vector<std::string> formats;
  for (const auto& format : make_report_formats()) formats.emplace_back(format->name());
  findings.push_back({"reports", !formats.empty(), fmt::format("{}", fmt::join(formats, ", "))});
  findings.push_back({"stress tools", on_path("stress-ng") && on_path("fio"),
                      "stress-ng and fio on this machine (needed to burn in this machine only)"});
  return findings;
}

}  // namespace

int plugins_command(const CommandLine& line, const Paths& paths) {
  const LoadedPlugins plugins = load_plugins(plugin_directory(line, paths));
  json::array steps;
  for (const auto& use : plugins.catalog.uses()) {
    const Step& step = *plugins.catalog.find(use);
    if (line.json) {
      steps.push_back(step_json(step, plugins.catalog));
      continue;
    }
    const StepDescription& description = step.describe();
    std::cout << fmt::format("{:<30} {}{}\n", use, description.summary,
                             description.monitor ? " (monitor)" : "");
    if (!line.verbose) continue;
    for (const auto& parameter : description.parameters) {
      std::cout << fmt::format("    with {:<20} {:<9} {:<10} {}\n", parameter.name, to_string(parameter.type),
                               parameter.default_text.value_or("required"), parameter.summary);
    }
    for (const auto& measured : description.measurements) {
      std::cout << fmt::format("    measures {:<32} {:<8} per {:<17} {}\n", measured.name, measured.unit,
                               to_string(measured.per), measured.judged ? "judged" : "informational");
    }
  }
  json::array refused;
  for (const auto& plugin : plugins.refused) {
    refused.emplace_back(plugin.reason.sentence());
    std::cerr << "kiln: " << plugin.reason.sentence() << " [" << plugin.reason.code << "]\n";
  }
  if (line.json) {
    json::object root;
    root["steps"] = std::move(steps);
    root["refused"] = std::move(refused);
    std::cout << json::serialize(root) << std::endl;
  }
  return plugins.refused.empty() ? 0 : 4;
}

int doctor_command(const CommandLine& line, const Paths& paths) {
  if (!line.bmc_target.empty()) return doctor_bmc_command(line, paths);
  if (!line.recipes.empty() || !line.rack_file.empty() || !line.credentials_file.empty()) {
    std::cerr << "kiln: doctor examines this station; for a BMC and what recipes it can do, name it: --bmc\n";
    return 2;
  }
  bool all_good = true;
  json::array list;
  for (const auto& finding : examine(line, paths)) {
    all_good = all_good && finding.good;
    if (line.json) {
      json::object item;
      item["subject"] = finding.subject;
      item["good"] = finding.good;
      item["text"] = finding.text;
      list.push_back(std::move(item));
    } else {
      std::cout << fmt::format("{} {:<14} {}\n", finding.good ? "ok  " : "BAD ", finding.subject,
                               finding.text);
    }
  }
  if (line.json) {
    json::object root;
    root["version"] = kVersion;
    root["findings"] = std::move(list);
    std::cout << json::serialize(root) << std::endl;
  }
  return all_good ? 0 : 4;
}

}  // namespace kiln
