#pragma once
// The lines of an OCPTV stream (OCP Test & Validation output, version 2.0, json_spec/README.md of
// ocp-diag-core) while they are put together: artifacts with the moment they belong to, brought into the
// order of time and numbered at the end. Owned by one rendering.

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln {

/// Text for an artifact: valid UTF-8, and cut at 4,096 bytes, because readers hold a line in memory.
std::string ocptv_text(std::string_view text);
/// The same as a JSON value.
boost::json::value ocptv_string(std::string_view text);

/// "PASS", "FAIL", "UNKNOWN": DiagnosisType.
enum class DiagnosisType { pass, fail, unknown };

/// `hardware`: an id declared at the start of the run; `subcomponent`: a part that has none; both may be
/// empty.
boost::json::object ocptv_diagnosis(DiagnosisType type, std::string_view verdict, std::string_view message,
                                    const std::string& hardware, std::string_view subcomponent = {});
boost::json::object ocptv_log(std::string_view severity, std::string_view message);
boost::json::object ocptv_error(std::string_view symptom, std::string_view message);

/// An artifact as it stands in its line: "diagnosis":{…}. Kept so, because a run has tens of thousands.
std::string ocptv_member(const boost::json::object& artifact);

class StreamLines {
 public:
  /// Of the run; before everything that comes later, whatever its time.
  void head(std::int64_t utc_ns, const boost::json::object& artifact);
  /// In order of time among all of the body; what has the same time keeps the order it was added in.
  void body(std::int64_t utc_ns, const std::string& member);
  void body_of_step(std::int64_t utc_ns, const std::string& step, const std::string& member);
  void tail(std::int64_t utc_ns, const boost::json::object& artifact);
  void tail_of_step(std::int64_t utc_ns, const std::string& step, const boost::json::object& artifact);
  /// The whole stream, schemaVersion first. May be called once.
  [[nodiscard]] std::string take(std::int64_t begun_utc_ns);

 private:
  using Line = std::pair<std::int64_t, std::string>;  // time, "testRunArtifact":{…}
  std::vector<Line> head_, body_, tail_;
};

}  // namespace kiln
