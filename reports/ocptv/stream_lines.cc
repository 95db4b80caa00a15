#include "ocptv/stream_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "common/characters.h"

namespace kiln {
namespace {

constexpr std::size_t kLongestOcptvText = 4'096;

std::string of_run(const std::string& member) { return R"("testRunArtifact":{)" + member + "}"; }

std::string of_step(const std::string& step, const std::string& member) {
  return fmt::format(R"("testStepArtifact":{{"testStepId":"{}",{}}})", step, member);
}

std::string_view diagnosis_word(DiagnosisType type) {
  switch (type) {
    case DiagnosisType::pass:
      return "PASS";
    case DiagnosisType::fail:
      return "FAIL";
    case DiagnosisType::unknown:
      return "UNKNOWN";
  }
  return "UNKNOWN";
}

}  // namespace

std::string ocptv_text(std::string_view text) { return valid_utf8(text, kLongestOcptvText); }

boost::json::value ocptv_string(std::string_view text) { return boost::json::value(ocptv_text(text)); }

boost::json::object ocptv_diagnosis(DiagnosisType type, std::string_view verdict, std::string_view message,
                                    const std::string& hardware, std::string_view subcomponent) {
  boost::json::object diagnosis;
  diagnosis["verdict"] = ocptv_string(verdict.empty() ? "kiln.unspecified" : verdict);
  diagnosis["type"] = diagnosis_word(type);
  diagnosis["message"] = ocptv_string(message.empty() ? "no more is recorded" : message);
  if (!hardware.empty()) diagnosis["hardwareInfoId"] = hardware;
  if (!subcomponent.empty())
    diagnosis["subcomponent"] = boost::json::object{{"name", ocptv_string(subcomponent)}};
  return {{"diagnosis", std::move(diagnosis)}};
}

boost::json::object ocptv_log(std::string_view severity, std::string_view message) {
  return {{"log", boost::json::object{{"severity", severity}, {"message", ocptv_string(message)}}}};
}

boost::json::object ocptv_error(std::string_view symptom, std::string_view message) {
  boost::json::object error;
  error["symptom"] = ocptv_string(symptom.empty() ? "kiln.unspecified" : symptom);
  error["message"] = ocptv_string(message.empty() ? "no more is recorded" : message);
  return {{"error", std::move(error)}};
}

std::string ocptv_member(const boost::json::object& artifact) {
  std::string text = boost::json::serialize(artifact);
  text.pop_back();
  text.erase(0, 1);
  return text;
}

void StreamLines::head(std::int64_t utc_ns, const boost::json::object& artifact) {
  head_.emplace_back(utc_ns, of_run(ocptv_member(artifact)));
}
void StreamLines::body(std::int64_t utc_ns, const std::string& member) {
  body_.emplace_back(utc_ns, of_run(member));
}
void StreamLines::body_of_step(std::int64_t utc_ns, const std::string& step, const std::string& member) {
  body_.emplace_back(utc_ns, of_step(step, member));
}
void StreamLines::tail(std::int64_t utc_ns, const boost::json::object& artifact) {
  tail_.emplace_back(utc_ns, of_run(ocptv_member(artifact)));
}
void StreamLines::tail_of_step(std::int64_t utc_ns, const std::string& step,
                               const boost::json::object& artifact) {
  tail_.emplace_back(utc_ns, of_step(step, ocptv_member(artifact)));
}

std::string StreamLines::take(std::int64_t begun_utc_ns) {
  std::stable_sort(body_.begin(), body_.end(),
                   [](const Line& a, const Line& b) { return a.first < b.first; });
  std::string stream;
  std::int64_t number = 0;
  const auto put = [&stream, &number](std::int64_t utc_ns, const std::string& line) {
    stream +=
        fmt::format(R"({{"sequenceNumber":{},"timestamp":"{}",{}}})", number++, format_utc(utc_ns), line);
    stream += '\n';
  };
  put(begun_utc_ns, R"("schemaVersion":{"major":2,"minor":0})");
  for (std::vector<Line>* part : {&head_, &body_, &tail_}) {
    for (const auto& [utc_ns, line] : *part) put(utc_ns, line);
    part->clear();
  }
  return stream;
}

}  // namespace kiln
