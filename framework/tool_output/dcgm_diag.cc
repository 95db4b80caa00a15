#include "tool_output/dcgm_diag.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cctype>
#include <iterator>
#include <stdexcept>

#include "tool_output/embedded_json.h"
#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

namespace json = boost::json;

constexpr std::string_view kDcgmDiagJsonTool = "dcgmi diag -j";

std::string text_of(const json::string& text) { return std::string(text.data(), text.size()); }

ToolVerdict verdict_of_status(std::string_view status) {
  const std::string_view word = trim(status);
  if (word.empty()) return ToolVerdict::not_run;
  if (equals_ignoring_case(word, "pass") || equals_ignoring_case(word, "passed")) return ToolVerdict::pass;
  if (equals_ignoring_case(word, "fail") || equals_ignoring_case(word, "failed")) return ToolVerdict::fail;
  if (equals_ignoring_case(word, "warn") || equals_ignoring_case(word, "warning")) return ToolVerdict::warn;
  if (equals_ignoring_case(word, "skip") || equals_ignoring_case(word, "skipped")) return ToolVerdict::skip;
  if (equals_ignoring_case(word, "N/A") || equals_ignoring_case(word, "not run") ||
      equals_ignoring_case(word, "not_run") || equals_ignoring_case(word, "notrun")) {
    return ToolVerdict::not_run;
  }
  return ToolVerdict::unknown;
}

std::optional<int> small_number(const json::object& parent, std::string_view key) {
  const std::optional<double> value = number_at(parent, key);
  if (!value || *value < -1e6 || *value > 1e6) return std::nullopt;
  return static_cast<int>(*value);
}

/// Reads the result tree; whatever has an unexpected type becomes a doubt.
class TreeReader {
 public:
  explicit TreeReader(DcgmDiag& diag) : diag_(diag) {}

  void categories(const json::object& root) {
    if (const json::array* list = array_at(root, "test_categories")) {
      for (const json::value& one : *list) {
        if (one.is_null()) continue;  // trailing commas of 3.1 come out as null
        const json::object* category = one.if_object();
        if (category == nullptr) {
          diag_.doubt("test_categories[]", "not an object");
          continue;
        }
        tests(*category, string_at(*category, "category"));
      }
    }
    tests(root, {});
  }

 private:
  void tests(const json::object& parent, const std::string& category) {
    const json::array* list = array_at(parent, "tests");
    if (list == nullptr) {
      if (!category.empty()) diag_.doubt(category, "category without tests");
      return;
    }
    for (const json::value& one : *list) {
      if (one.is_null()) continue;
      const json::object* object = one.if_object();
      if (object == nullptr) {
        diag_.doubt(category + "/tests[]", "not an object");
        continue;
      }
      DcgmTest test;
      test.category = category;
      test.name = string_at(*object, "name");
      if (test.name.empty()) {
        diag_.doubt(category + "/tests[]/name", "missing");
        test.name = "(unnamed)";
      }
      bool any = false;
      if (const json::array* results = array_at(*object, "results")) {
        for (const json::value& result : *results) {
          if (result.is_null()) continue;
          if (const json::object* body = result.if_object()) {
            take_result(*body, test);
          } else {
            diag_.doubt(test.name + "/results[]", "not an object");
          }
        }
      } else if (const json::object* single = object_at(*object, "results")) {
        take_result(*single, test);
      }
      for (const DcgmResult& result : test.results) {
        test.verdict = any ? worse(test.verdict, result.verdict) : result.verdict;
        any = true;
      }
      if (const json::object* summary = object_at(*object, "test_summary")) {
        test.summary = verdict_of_status(string_at(*summary, "status"));
        test.verdict = any ? worse(test.verdict, test.summary) : test.summary;
        if (test.summary == ToolVerdict::unknown)
          diag_.doubt(test.name + "/test_summary", string_at(*summary, "status"));
      }
      diag_.tests.push_back(std::move(test));
    }
  }

  void take_result(const json::object& body, DcgmTest& test) {
    DcgmResult result;
    result.status = string_at(body, "status");
    result.verdict = verdict_of_status(result.status);
    if (result.verdict == ToolVerdict::unknown) diag_.doubt(test.name + "/status", result.status);
    for (const std::string_view key : {"warnings", "warning"}) {
      if (const json::value* value = body.if_contains(json::string_view(key.data(), key.size()))) {
        take_warnings(*value, result);
      }
    }
    if (const json::value* info = body.if_contains("info")) take_info(*info, result);
    // The tool calls it a pass although it recorded a failure on the way (seen with failed allocations).
    if (result.verdict == ToolVerdict::pass && !result.warnings.empty()) result.verdict = ToolVerdict::warn;
    result.entity_group = string_at(body, "entity_group");
    if (const std::optional<double> id = number_at(body, "entity_id"); id && *id >= 0 && *id < 1e9) {
      result.entity_id = static_cast<std::int64_t>(*id);
    }
    if (result.entity_group.empty()) result.entity_group = "GPU";
    const json::value* ids = body.if_contains("gpu_ids");
    if (result.entity_id || ids == nullptr) {
      test.results.push_back(std::move(result));
      return;
    }
    const std::vector<std::int64_t> gpus = gpu_ids(*ids, test.name);
    if (gpus.empty()) test.results.push_back(result);
    for (const std::int64_t gpu : gpus) {
      result.entity_id = gpu;
      test.results.push_back(result);
    }
  }

  /// "0,1,2", 0, [0, 1] or ["0", "1"].
  std::vector<std::int64_t> gpu_ids(const json::value& value, const std::string& test) {
    std::vector<std::int64_t> ids;
    const auto take = [&](std::string_view text) {
      if (const auto id = to_integer(trim(text)); id && *id >= 0) {
        ids.push_back(*id);
      } else if (!trim(text).empty()) {
        diag_.doubt(test + "/gpu_ids", text);
      }
    };
    if (const json::string* text = value.if_string()) {
      std::string_view rest(text->data(), text->size());
      while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        take(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      }
    } else if (const json::array* list = value.if_array()) {
      for (const json::value& one : *list) {
        if (const auto id = number_of(one); id && *id >= 0 && *id < 1e9)
          ids.push_back(static_cast<std::int64_t>(*id));
      }
    } else if (const auto id = number_of(value); id && *id >= 0 && *id < 1e9) {
      ids.push_back(static_cast<std::int64_t>(*id));
    }
    return ids;
  }

  void take_warnings(const json::value& value, DcgmResult& result) {
    if (const json::string* text = value.if_string()) {
      if (!trim(text_of(*text)).empty()) result.warnings.push_back({text_of(*text), {}, {}, {}});
    } else if (const json::array* list = value.if_array()) {
      for (const json::value& one : *list) take_warnings(one, result);
    } else if (const json::object* object = value.if_object()) {
      DcgmWarning warning;
      warning.text = string_at(*object, "warning");
      if (warning.text.empty()) warning.text = string_at(*object, "message");
      warning.error_id = small_number(*object, "error_id");
      warning.error_category = small_number(*object, "error_category");
      warning.severity = small_number(*object, "error_severity");
      result.warnings.push_back(std::move(warning));
    }
  }

  void take_info(const json::value& value, DcgmResult& result) {
    if (const json::string* text = value.if_string()) {
      if (!trim(text_of(*text)).empty()) result.info.push_back(text_of(*text));
    } else if (const json::array* list = value.if_array()) {
      for (const json::value& one : *list) take_info(one, result);
    } else if (const json::object* object = value.if_object()) {
      for (const auto& member : *object) take_info(member.value(), result);
    }
  }

  DcgmDiag& diag_;
};

void take_entities(const json::object& document, DcgmDiag& diag) {
  const json::array* groups = array_at(document, "entity_groups");
  if (groups == nullptr) return;
  for (const json::value& one : *groups) {
    const json::object* group = one.if_object();
    const json::array* entities = group == nullptr ? nullptr : array_at(*group, "entities");
    if (entities == nullptr) continue;
    for (const json::value& member : *entities) {
      const json::object* object = member.if_object();
      const std::optional<double> id = object == nullptr ? std::nullopt : number_at(*object, "entity_id");
      if (!id || *id < 0 || *id > 1e9) {
        diag.doubt("entity_groups/entities[]", "no entity_id");
        continue;
      }
      DcgmEntity entity;
      entity.group = string_at(*group, "entity_group");
      entity.id = static_cast<std::int64_t>(*id);
      entity.serial = string_at(*object, "serial_num");
      entity.device_id = string_at(*object, "device_id");
      diag.entities.push_back(std::move(entity));
    }
  }
}

/// dcgmi's own errors come as a few lines of text.
Error refuse_diag(std::string_view text) {
  if (text.find("\"body\"") != std::string_view::npos && text.find("\"header\"") != std::string_view::npos) {
    return not_recognised(kDcgmDiagJsonTool,
                          "it is the JSON of another dcgmi command (health, topo, nvlink)");
  }
  if (text.find("| Diagnostic") != std::string_view::npos) {
    return not_recognised(kDcgmDiagJsonTool, "it is the table; add -j, or read it as a table");
  }
  const std::vector<std::string_view> lines = split_lines(text);
  if (lines.size() <= 40) {
    for (const std::string_view line : lines) {
      for (const std::string_view known :
           {"unable to establish a connection", "Unable to complete diagnostic", "Unable to run diagnostic",
            "Diagnostic could not be run", "Error: Unable to", "command not found"}) {
        if (contains_ignoring_case(line, known))
          return tool_failed(kDcgmDiagJsonTool, std::string(trim(line).substr(0, 240)));
      }
    }
  }
  return not_recognised(kDcgmDiagJsonTool, "there is no \"DCGM Diagnostic\" object in it");
}

Result<DcgmDiag> read_diag_json(std::string_view text) {
  const EmbeddedJson found = find_json(text, {"DCGM Diagnostic", "DCGM GPU Diagnostic"});
  switch (found.outcome) {
    case EmbeddedJson::Outcome::absent:
      return refuse_diag(text);
    case EmbeddedJson::Outcome::cut:
      return truncated(kDcgmDiagJsonTool, "the JSON document is not closed");
    case EmbeddedJson::Outcome::invalid:
      return malformed(kDcgmDiagJsonTool, found.problem);
    case EmbeddedJson::Outcome::found:
      break;
  }
  const json::object* root = object_at(found.object, "DCGM Diagnostic");
  if (root == nullptr) root = object_at(found.object, "DCGM GPU Diagnostic");
  if (root == nullptr) return malformed(kDcgmDiagJsonTool, "the diagnostic is no object");
  DcgmDiag diag;
  if (found.objects > 1) diag.doubt("document", "several documents; the last was read");
  if (const json::object* metadata = object_at(found.object, "metadata")) {
    diag.version = string_at(*metadata, "version");
    diag.driver_version = string_at(*metadata, "Driver Version Detected");
  }
  if (diag.version.empty()) diag.version = string_at(*root, "version");
  if (diag.version.empty()) diag.version = string_at(found.object, "version");
  if (diag.driver_version.empty()) diag.driver_version = string_at(*root, "Driver Version Detected");
  diag.runtime_error = string_at(*root, "runtime_error");
  take_entities(found.object, diag);
  TreeReader reader(diag);
  reader.categories(*root);
  // The 4.0 betas and some wrappers put the tests beside the root.
  if (diag.tests.empty()) reader.categories(found.object);
  return diag;
}

/// Letters and digits only, lower case.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') plain.push_back(static_cast<char>(c - 'A' + 'a'));
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) plain.push_back(c);
  }
  return plain;
}

}  // namespace

namespace {

// dcgmlib/dcgm_errors.h of DCGM 4.6.0: HARDWARE_THERMAL to HARDWARE_OTHER.
constexpr int kFirstHardwareCategory = 9;
constexpr int kLastHardwareCategory = 15;

/// Words of a diagnostic that could not have the GPU to itself, or asks for a setting. DCGM gives contention
/// no number of its own (DCGM issue 272, NVSentinel issue 1363).
bool words_of_set_up(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  static constexpr std::string_view kWords[] = {
      "resource in use",     "resource is in use",   "is in use by",     "currently in use",
      "busy or unavailable", "another process",      "other processes",  "already running",
      "persistence mode is", "persistence mode for", "graphics process", "exclusive process",
      "requires root",       "permission denied"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&lower](std::string_view words) { return lower.find(words) != std::string::npos; });
}

bool of_set_up(const DcgmWarning& warning) {
  if (warning.error_category && *warning.error_category >= kFirstHardwareCategory &&
      *warning.error_category <= kLastHardwareCategory)
    return false;
  if (warning.severity == static_cast<int>(DcgmSeverity::config)) return true;
  return words_of_set_up(warning.text);
}

}  // namespace

bool DcgmResult::only_set_up() const {
  return verdict == ToolVerdict::fail && !warnings.empty() &&
         std::all_of(warnings.begin(), warnings.end(), of_set_up);
}

bool DcgmTest::only_configuration() const {
  if (verdict != ToolVerdict::fail) return false;
  bool any = false;
  for (const DcgmResult& result : results) {
    if (result.verdict != ToolVerdict::fail) continue;
    if (!result.only_set_up()) return false;
    any = true;
  }
  return any;
}

ToolVerdict DcgmDiag::verdict() const {
  if (tests.empty()) return ToolVerdict::not_run;
  ToolVerdict all = ToolVerdict::pass;
  for (const DcgmTest& test : tests) all = worse(all, test.verdict);
  if (incomplete || !runtime_error.empty()) all = worse(all, ToolVerdict::unknown);
  return all;
}

const DcgmTest* DcgmDiag::test(std::string_view name) const {
  const std::string wanted = plain_name(name);
  for (const DcgmTest& one : tests) {
    if (plain_name(one.name) == wanted) return &one;
  }
  return nullptr;
}

std::size_t DcgmDiag::count(ToolVerdict verdict) const {
  return static_cast<std::size_t>(
      std::count_if(tests.begin(), tests.end(), [&](const DcgmTest& one) { return one.verdict == verdict; }));
}

std::string DcgmDiag::serial_of(std::string_view group, std::int64_t id) const {
  for (const DcgmEntity& entity : entities) {
    if (entity.id == id && equals_ignoring_case(entity.group, group)) return entity.serial;
  }
  return {};
}

Result<DcgmDiag> parse_dcgm_diag_json(std::string_view text) {
  if (Status size = check_size(kDcgmDiagJsonTool, text); !size) return size.error();
  try {
    return read_diag_json(text);
  } catch (const std::exception& problem) {
    return malformed(kDcgmDiagJsonTool, problem.what());
  }
}

}  // namespace kiln::tool_output
