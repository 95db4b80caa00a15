#include "ocptv/stream_rules.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "base/rfc3339.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostBroken = 20;

std::string member_text(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

double number_of(const json::value* value) {
  if (value == nullptr || !value->is_number()) return -1;
  return value->to_number<double>();
}

/// What is between the ends of a stream, one line after the other.
class StreamRules {
 public:
  void take(std::string_view line) {
    ++line_;
    boost::system::error_code failed;
    const json::value parsed = json::parse(json::string_view(line.data(), line.size()), failed);
    if (failed || !parsed.is_object()) return wrong("is no JSON object");
    const json::object& object = parsed.get_object();
    if (number_of(object.if_contains("sequenceNumber")) != line_ - 1)
      wrong("has not the next sequenceNumber");
    if (!parse_rfc3339(member_text(object, "timestamp"))) wrong("has no timestamp of RFC 3339");
    if (ended_) wrong("comes after testRunEnd");
    const json::value* run = object.if_contains("testRunArtifact");
    const json::value* step = object.if_contains("testStepArtifact");
    const bool is_version = object.contains("schemaVersion");
    if (object.size() != 3) wrong("has not exactly three members");
    if (is_version != (line_ == 1)) wrong("schemaVersion is the first line and no other");
    if (run != nullptr && run->is_object()) take_run(run->get_object());
    if (step != nullptr && step->is_object()) take_step(step->get_object());
  }

  std::vector<std::string> end() {
    ++line_;
    if (!begun_) wrong("never came: testRunStart");
    if (!ended_) wrong("never came: testRunEnd");
    for (const auto& [id, step] : steps_) {
      if (!step.ended) wrong(fmt::format("step {} never ended", id));
      if (!step.diagnosed) wrong(fmt::format("step {} has no diagnosis", id));
    }
    for (const auto& [id, series] : series_) {
      if (!series.ended) wrong(fmt::format("series {} never ended", id));
    }
    return std::move(broken_);
  }

 private:
  struct Step {
    bool ended = false, diagnosed = false;
    int open_series = 0;
  };
  struct Series {
    std::string step;
    bool ended = false;
    std::set<double> indices;
  };

  void wrong(std::string_view what) {
    if (broken_.size() < kMostBroken) broken_.push_back(fmt::format("line {}: {}", line_, what));
  }

  void take_run(const json::object& artifact) {
    if (artifact.size() != 1) return wrong("a testRunArtifact holds one artifact");
    const std::string_view kind = artifact.begin()->key();
    if (!artifact.begin()->value().is_object()) return wrong("an artifact is an object");
    const json::object& body = artifact.begin()->value().get_object();
    if (kind == "testRunStart") {
      if (begun_) wrong("a second testRunStart");
      begun_ = true;
      declare(body);
    } else if (kind == "testRunEnd") {
      if (!begun_) wrong("testRunEnd before testRunStart");
      ended_ = true;
      judge_end(member_text(body, "status"), member_text(body, "result"));
    } else if (kind == "error") {
      ++errors_;
      if (member_text(body, "message").empty()) wrong("an error without message: viewers need it");
    } else if (kind != "log") {
      wrong(fmt::format("a run has no artifact '{}'", kind));
    }
  }

  void declare(const json::object& start) {
    const json::value* info = start.if_contains("dutInfo");
    if (info == nullptr || !info->is_object()) return wrong("testRunStart without dutInfo");
    const json::value* hardware = info->get_object().if_contains("hardwareInfos");
    if (hardware == nullptr || !hardware->is_array()) return;
    for (const json::value& item : hardware->get_array()) {
      if (!item.is_object() || !hardware_.insert(member_text(item.get_object(), "hardwareInfoId")).second)
        wrong("a hardwareInfoId that is there twice");
    }
  }

  void judge_end(const std::string& status, const std::string& result) {
    const std::string pair = status + "/" + result;
    const std::set<std::string> pairs{"COMPLETE/PASS", "COMPLETE/FAIL", "ERROR/NOT_APPLICABLE",
                                      "SKIP/NOT_APPLICABLE"};
    if (pairs.count(pair) == 0) wrong(fmt::format("{} is no pair of status and result", pair));
    if (result == "PASS" && errors_ + fails_ > 0)
      wrong(fmt::format("PASS with {} errors and {} FAIL diagnoses", errors_, fails_));
    if (result == "FAIL" && fails_ == 0) wrong("FAIL without a FAIL diagnosis");
    if (status == "ERROR" && errors_ == 0) wrong("ERROR without an error");
  }

  void take_step(const json::object& artifact) {
    if (!begun_) wrong("a step before testRunStart");
    const std::string id = member_text(artifact, "testStepId");
    if (artifact.size() != 2 || !artifact.contains("testStepId"))
      return wrong("a testStepArtifact holds its id and one artifact");
    for (const auto& [kind, value] : artifact) {
      if (kind == "testStepId") continue;
      if (!value.is_object()) return wrong("an artifact is an object");
      take_of_step(id, kind, value.get_object());
    }
  }

  void take_of_step(const std::string& id, std::string_view kind, const json::object& body) {
    if (kind == "testStepStart") {
      if (!steps_.emplace(id, Step()).second) wrong(fmt::format("step {} begins twice", id));
      return;
    }
    const auto found = steps_.find(id);
    if (found == steps_.end()) return wrong(fmt::format("step {} has not begun", id));
    Step& step = found->second;
    if (step.ended) wrong(fmt::format("step {} has ended", id));
    if (const std::string part = member_text(body, "hardwareInfoId");
        !part.empty() && hardware_.count(part) == 0)
      wrong(fmt::format("hardwareInfoId {} was not declared", part));
    if (kind == "testStepEnd") {
      step.ended = true;
      if (step.open_series > 0) wrong(fmt::format("step {} ends before its series", id));
    } else if (kind == "diagnosis") {
      step.diagnosed = true;
      if (member_text(body, "type") == "FAIL") ++fails_;
      if (member_text(body, "message").empty()) wrong("a diagnosis without message: viewers need it");
    } else if (kind == "error") {
      ++errors_;
      if (member_text(body, "message").empty()) wrong("an error without message: viewers need it");
    } else if (kind == "file") {
      if (member_text(body, "description").empty()) wrong("a file without description: viewers need it");
    } else if (kind.starts_with("measurementSeries")) {
      take_series(id, step, kind, body);
    }
  }

  void take_series(const std::string& step_id, Step& step, std::string_view kind, const json::object& body) {
    const std::string id = member_text(body, "measurementSeriesId");
    if (kind == "measurementSeriesStart") {
      ++step.open_series;
      if (!series_.emplace(id, Series{step_id, false, {}}).second)
        wrong(fmt::format("series {} begins twice", id));
      return;
    }
    const auto found = series_.find(id);
    if (found == series_.end()) return wrong(fmt::format("series {} has not begun", id));
    Series& series = found->second;
    if (series.ended) wrong(fmt::format("series {} has ended", id));
    if (series.step != step_id) wrong(fmt::format("series {} is of another step", id));
    if (kind == "measurementSeriesElement") {
      if (!series.indices.insert(number_of(body.if_contains("index"))).second)
        wrong(fmt::format("series {} has an index twice", id));
      return;
    }
    series.ended = true;
    --step.open_series;
    const auto count = static_cast<double>(series.indices.size());
    if (number_of(body.if_contains("totalCount")) != count ||
        (count > 0 && (*series.indices.begin() != 0 || *series.indices.rbegin() != count - 1)))
      wrong(fmt::format("series {} lacks elements", id));
  }

  int line_ = 0, errors_ = 0, fails_ = 0;
  bool begun_ = false, ended_ = false;
  std::set<std::string> hardware_;
  std::map<std::string, Step> steps_;
  std::map<std::string, Series> series_;
  std::vector<std::string> broken_;
};

}  // namespace

std::vector<std::string> broken_rules(std::string_view stream) {
  StreamRules rules;
  while (!stream.empty()) {
    const auto end = stream.find('\n');
    rules.take(stream.substr(0, end));
    if (end == std::string_view::npos) break;
    stream.remove_prefix(end + 1);
  }
  return rules.end();
}

}  // namespace kiln
