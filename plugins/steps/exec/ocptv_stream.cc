#include "ocptv_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ocptv_validator.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestLine = 1U << 20U;  // bytes; a longer one is garbage
constexpr std::size_t kMostArtifacts = 100'000;  // measurements and diagnoses kept of one program
constexpr std::size_t kMostIndices = 1'000'000;  // elements of one series
constexpr std::size_t kMostOpen = 1'000;         // steps, and series, that are under way at a time
constexpr std::size_t kMostExamples = 3;
constexpr std::size_t kExampleLength = 120;
constexpr int kMajorVersion = 2;

std::string text_of(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return tidy_text(std::string_view(value->as_string()));
}

const json::object* object_of(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_object() ? &value->as_object() : nullptr;
}

std::optional<std::int64_t> integer_of(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->as_int64();
}

std::vector<json::value> validators_of(const json::object& object) {
  const json::value* list = object.if_contains("validators");
  if (list == nullptr || !list->is_array()) return {};
  return {list->as_array().begin(), list->as_array().end()};
}

Value measured_value(const json::value& value) {
  if (value.is_double()) return value.as_double();
  if (value.is_int64()) return value.as_int64();
  if (value.is_uint64()) return static_cast<double>(value.as_uint64());
  if (value.is_bool()) return value.as_bool();
  if (value.is_string()) return std::string(value.as_string());
  return std::monostate{};
}

}  // namespace

void OcptvReader::take(std::string_view piece) {
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t newline = piece.find('\n', at);
    const std::size_t length = std::min(newline, piece.size()) - at;
    const std::size_t room = kLongestLine - line_.size();
    too_long_ = too_long_ || length > room;
    line_.append(piece.substr(at, std::min(length, room)));
    at += length + 1;
    if (newline != std::string_view::npos) end_line();
  }
}

void OcptvReader::end() {
  end_line();
  finish_stream();
}

void OcptvReader::end_line() {
  if (too_long_) {
    ++output_.lines;
    take_garbage(line_);
  } else if (!line_.empty()) {
    take_line(line_);
  }
  line_.clear();
  too_long_ = false;
}

/// A line that does not begin as an object is the program's own chatter; one that does and makes no sense is
/// garbage: counted and shown. What a whole stream lost by it, its numbers tell.
void OcptvReader::take_line(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return;
  ++output_.lines;
  if (line[first] != '{') return;
  if (output_.measurements.size() + output_.diagnoses.size() >= kMostArtifacts) {
    output_.too_many = true;
    return;
  }
  boost::system::error_code failed;
  const json::value parsed = json::parse(line, failed);
  if (failed || !parsed.is_object()) return take_garbage(line);
  const json::object& object = parsed.as_object();
  if (const json::value* version = object.if_contains("schemaVersion"); version != nullptr)
    return take_version(object, *version);
  follow_sequence(object);
  const json::object* step = object_of(object, "testStepArtifact");
  if (step != nullptr && !take_step_artifact(*step)) return take_garbage(line);
  if (const json::object* run = object_of(object, "testRunArtifact"); run != nullptr) take_run_artifact(*run);
}

void OcptvReader::take_version(const json::object& line, const json::value& version) {
  finish_stream();
  ++output_.streams;
  stream_.emplace();
  stream_->fails_before = fails_;
  const auto major = version.is_object() ? integer_of(version.as_object(), "major") : std::nullopt;
  if (major != kMajorVersion) {
    say("exec.stream_version", fmt::format("it speaks version {} of the OCPTV output, not {}",
                                           major ? std::to_string(*major) : "?", kMajorVersion));
  }
  stream_->next_sequence = integer_of(line, "sequenceNumber").value_or(0) + 1;
}

void OcptvReader::follow_sequence(const json::object& line) {
  if (!stream_) return;
  const auto number = integer_of(line, "sequenceNumber");
  if (!number) {
    say("exec.stream_damaged", "a line of its OCPTV stream has no sequenceNumber");
    return;
  }
  if (*number != stream_->next_sequence) {
    say("exec.stream_gap",
        fmt::format("after number {} of its OCPTV stream came {}", stream_->next_sequence - 1, *number));
  }
  if (stream_->run_ended) say("exec.stream_damaged", "its OCPTV stream goes on after its testRunEnd");
  stream_->next_sequence = *number + 1;
}

void OcptvReader::take_run_artifact(const json::object& artifact) {
  if (const json::object* error = object_of(artifact, "error"); error != nullptr) take_error(*error);
  if (const json::object* start = object_of(artifact, "testRunStart"); start != nullptr) {
    if (!stream_) {
      // The dialects before 2.0 begin so.
      ++output_.streams;
      stream_.emplace();
      stream_->fails_before = fails_;
      say("exec.stream_version", "its OCPTV stream does not begin with a schemaVersion");
    }
    if (stream_->run_begun) say("exec.stream_damaged", "a testRunStart comes twice in its OCPTV stream");
    stream_->run_begun = true;
    const json::object* dut = object_of(*start, "dutInfo");
    const json::value* parts = dut == nullptr ? nullptr : dut->if_contains("hardwareInfos");
    if (parts != nullptr && parts->is_array()) {
      std::map<std::string, int> known;
      for (const json::value& part : parts->as_array()) {
        if (part.is_object()) ++known[text_of(part.as_object(), "name")];
      }
      for (const json::value& part : parts->as_array()) {
        if (!part.is_object()) continue;
        const std::string id = text_of(part.as_object(), "hardwareInfoId");
        const std::string name = text_of(part.as_object(), "name");
        // Two of one name would be one part.
        stream_->hardware[id] = name.empty() || known[name] > 1 ? id : name;
      }
    }
  }
  if (const json::object* end = object_of(artifact, "testRunEnd"); end != nullptr) take_run_end(*end);
}

void OcptvReader::take_run_end(const json::object& end) {
  if (!stream_) {
    say("exec.stream_damaged", "a testRunEnd came without the stream that it ends");
    return;
  }
  if (!stream_->run_begun) say("exec.stream_damaged", "its OCPTV stream ends and did not begin");
  stream_->run_ended = true;
  const std::string status = text_of(end, "status");
  const std::string result = text_of(end, "result");
  if (result == "FAIL" && fails_ == stream_->fails_before)
    add_diagnosis({"run_failed", "", "the program's run ended with the result FAIL", true});
  if (status == "COMPLETE" && (result == "PASS" || result == "FAIL")) return;
  if (status == "SKIP") {
    say("exec.foreign_skip", "the program says that it skipped its run: nothing applied, or it was stopped");
  } else {
    say("exec.foreign_error",
        fmt::format("the program's run ended with status '{}' and result '{}'", status, result));
  }
}

/// False: an artifact that cannot be understood.
bool OcptvReader::take_step_artifact(const json::object& artifact) {
  if (stream_) follow_step(artifact);
  for (const char* known : {"measurement", "diagnosis"}) {
    const json::value* value = artifact.if_contains(known);
    if (value != nullptr && !value->is_object()) return false;
  }
  if (const json::object* error = object_of(artifact, "error"); error != nullptr) take_error(*error);
  if (const json::object* measured = object_of(artifact, "measurement");
      measured != nullptr && !take_measurement(*measured))
    return false;
  if (const json::object* diagnosis = object_of(artifact, "diagnosis");
      diagnosis != nullptr && !take_diagnosis(*diagnosis))
    return false;
  return !stream_ || follow_series(artifact);
}

void OcptvReader::follow_step(const json::object& artifact) {
  const std::string id = text_of(artifact, "testStepId");
  if (artifact.contains("testStepStart")) {
    output_.too_many = output_.too_many || stream_->open_steps.size() >= kMostOpen;
    if (output_.too_many) return;
    if (!stream_->open_steps.insert(id).second)
      say("exec.stream_damaged", fmt::format("step '{}' of its OCPTV stream begins twice", id));
  } else if (stream_->open_steps.count(id) == 0) {
    say("exec.stream_damaged", fmt::format("step '{}' of its OCPTV stream has not begun, or has ended", id));
  }
  const json::object* end = object_of(artifact, "testStepEnd");
  if (end == nullptr) return;
  stream_->open_steps.erase(id);
  if (text_of(*end, "status") == "ERROR")
    say("exec.foreign_error", fmt::format("step '{}' of the program ended with status ERROR", id));
  for (const auto& [number, series] : stream_->open_series) {
    if (series.step == id)
      say("exec.stream_truncated",
          fmt::format("series '{}' of its OCPTV stream is open where its step ends", series.name));
  }
}

bool OcptvReader::follow_series(const json::object& artifact) {
  if (const json::object* start = object_of(artifact, "measurementSeriesStart"); start != nullptr) {
    output_.too_many = output_.too_many || stream_->open_series.size() >= kMostOpen;
    if (output_.too_many) return true;
    Series series{text_of(artifact, "testStepId"), text_of(*start, "name"), part_of(*start),
                  text_of(*start, "unit"),         validators_of(*start),   {}};
    return stream_->open_series.emplace(text_of(*start, "measurementSeriesId"), std::move(series)).second;
  }
  if (const json::object* element = object_of(artifact, "measurementSeriesElement"); element != nullptr) {
    const auto found = stream_->open_series.find(text_of(*element, "measurementSeriesId"));
    const auto index = integer_of(*element, "index");
    const json::value* value = element->if_contains("value");
    if (found == stream_->open_series.end() || !index || value == nullptr) return false;
    if (found->second.indices.size() >= kMostIndices) {
      output_.too_many = true;
      return true;
    }
    found->second.indices.insert(*index);
    try_validators(*value, found->second.validators, found->second.name, found->second.part);
  }
  if (const json::object* end = object_of(artifact, "measurementSeriesEnd"); end != nullptr) {
    const auto found = stream_->open_series.find(text_of(*end, "measurementSeriesId"));
    const auto count = integer_of(*end, "totalCount");
    if (found == stream_->open_series.end() || !count) return false;
    const std::set<std::int64_t>& indices = found->second.indices;
    if (static_cast<std::int64_t>(indices.size()) != *count ||
        (!indices.empty() && (*indices.begin() != 0 || *indices.rbegin() != *count - 1))) {
      say("exec.stream_truncated", fmt::format("series '{}' of its OCPTV stream has {} of {} elements",
                                               found->second.name, indices.size(), *count));
    }
    stream_->open_series.erase(found);
  }
  return true;
}

/// False: it names no measurement.
bool OcptvReader::take_measurement(const json::object& object) {
  ForeignMeasurement found;
  found.name = text_of(object, "name");
  found.part = part_of(object);
  found.unit = text_of(object, "unit");
  if (found.name.empty()) return false;
  if (const json::value* value = object.if_contains("value"); value != nullptr) {
    found.value = measured_value(*value);
    try_validators(*value, validators_of(object), found.name, found.part);
  }
  output_.measurements.push_back(std::move(found));
  return true;
}

/// False: of no type that the specification knows, so that it may be the FAIL that nobody sees.
bool OcptvReader::take_diagnosis(const json::object& object) {
  ForeignDiagnosis found;
  found.verdict = text_of(object, "verdict");
  found.part = part_of(object);
  found.message = text_of(object, "message");
  const std::string type = text_of(object, "type");
  found.failed = type == "FAIL";
  if (type != "FAIL" && type != "PASS" && type != "UNKNOWN") {
    say("exec.stream_damaged",
        fmt::format("a diagnosis ('{}') is of type '{}', which OCPTV does not know", found.verdict, type));
    return false;
  }
  add_diagnosis(std::move(found));
  return true;
}

void OcptvReader::add_diagnosis(ForeignDiagnosis diagnosis) {
  if (output_.diagnoses.size() >= kMostArtifacts) {
    output_.too_many = true;
    return;
  }
  fails_ += diagnosis.failed ? 1 : 0;
  output_.diagnoses.push_back(std::move(diagnosis));
}

void OcptvReader::take_error(const json::object& object) {
  const std::string symptom = text_of(object, "symptom");
  const std::string message = text_of(object, "message");
  say("exec.foreign_error",
      fmt::format("the program reports the error '{}'{}{}", symptom, message.empty() ? "" : ": ", message));
}

void OcptvReader::try_validators(const json::value& value, const std::vector<json::value>& validators,
                                 const std::string& name, const std::string& part) {
  for (const json::value& validator : validators) {
    const std::optional<bool> held = holds(value, validator);
    if (!held) ++output_.validators_not_worked_out;
    if (held.value_or(true)) continue;
    add_diagnosis({name + ".validator", part,
                   fmt::format("{} does not hold: {} {} {}", text_of(validator.as_object(), "name"),
                               to_text(measured_value(value)), text_of(validator.as_object(), "type"),
                               to_text(measured_value(validator.as_object().at("value")))),
                   true});
  }
}

std::string OcptvReader::part_of(const json::object& object) const {
  std::string part = text_of(object, "hardwareInfoId");
  if (stream_) {
    const auto known = stream_->hardware.find(part);
    if (known != stream_->hardware.end()) part = known->second;
  }
  const json::object* sub = object_of(object, "subcomponent");
  if (sub != nullptr && !text_of(*sub, "name").empty())
    part += (part.empty() ? "" : "/") + text_of(*sub, "name");
  return part;
}

void OcptvReader::finish_stream() {
  if (!stream_) return;
  if (!stream_->run_ended) {
    say("exec.stream_truncated",
        fmt::format("its OCPTV stream ends at number {} without a testRunEnd", stream_->next_sequence - 1));
  } else if (!stream_->open_steps.empty()) {
    say("exec.stream_truncated",
        fmt::format("step '{}' of its OCPTV stream has no end", *stream_->open_steps.begin()));
  } else if (!stream_->open_series.empty()) {
    say("exec.stream_truncated", "a series of its OCPTV stream has no end");
  }
  stream_.reset();
}

void OcptvReader::take_garbage(std::string_view line) {
  ++output_.garbage_lines;
  if (output_.examples.size() < kMostExamples)
    output_.examples.push_back(tidy_text(line.substr(0, kExampleLength)));
}

void OcptvReader::say(std::string code, std::string message) {
  if (!output_.trouble) output_.trouble = {std::move(code), std::move(message)};
}

}  // namespace kiln
