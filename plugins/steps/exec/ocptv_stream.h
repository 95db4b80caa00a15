#pragma once
// What another program prints in the words of the OCP Test & Validation output specification 2.0
// (ocp-diag-core 8fae3f5, json_spec/README.md), read line by line as it comes. Two kinds:
//
// - single artifacts, as a script prints them: measurements and diagnoses, each for itself;
// - a whole stream, which begins with schemaVersion. Of that nothing may be missing: a gap in its numbers, a
//   line that cannot be read, an open step or series, and no testRunEnd are damage, and damage is never a
//   pass. Several streams may follow each other.
//
// A foreign FAIL is a fail; a foreign PASS proves nothing and is not even kept. Validators are worked out
// here: one that does not hold is a fail, one that holds proves nothing.

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/step.h"

namespace kiln {

struct ForeignMeasurement {
  std::string name, part, unit;
  Value value;
};
struct ForeignDiagnosis {
  std::string verdict, part, message;
  bool failed = false;
};
/// Why what was read is not all there is to know: code and sentence.
struct ForeignTrouble {
  std::string code, message;
};
struct ForeignOutput {
  std::vector<ForeignMeasurement> measurements;
  std::vector<ForeignDiagnosis> diagnoses;
  std::int64_t lines = 0;
  std::int64_t garbage_lines = 0;  ///< meant as OCPTV and not understood
  std::int64_t validators_not_worked_out = 0;
  std::int64_t streams = 0;  ///< that were begun
  std::vector<std::string> examples;
  bool too_many = false;
  /// The first of a damaged stream, or of what the program itself says it could not do. nullopt: none.
  std::optional<ForeignTrouble> trouble;
};

class OcptvReader {
 public:
  /// Any piece of the output; what is kept does not depend on how much a program prints.
  void take(std::string_view piece);
  /// The output is over. Once.
  void end();
  [[nodiscard]] const ForeignOutput& output() const { return output_; }

 private:
  struct Series {
    std::string step, name, part, unit;
    std::vector<boost::json::value> validators;
    std::set<std::int64_t> indices;
  };
  /// A stream between its schemaVersion and its testRunEnd.
  struct Stream {
    std::int64_t next_sequence = 0;
    bool run_begun = false, run_ended = false;
    std::int64_t fails_before = 0;                ///< FAIL diagnoses before it
    std::map<std::string, std::string> hardware;  ///< hardwareInfoId → name
    std::set<std::string> open_steps;
    std::map<std::string, Series> open_series;
  };

  void end_line();
  void take_line(std::string_view line);
  void take_version(const boost::json::object& line, const boost::json::value& version);
  void follow_sequence(const boost::json::object& line);
  void take_run_artifact(const boost::json::object& artifact);
  void take_run_end(const boost::json::object& end);
  bool take_step_artifact(const boost::json::object& artifact);
  void follow_step(const boost::json::object& artifact);
  bool follow_series(const boost::json::object& artifact);
  bool take_measurement(const boost::json::object& object);
  bool take_diagnosis(const boost::json::object& object);
  void take_error(const boost::json::object& object);
  void try_validators(const boost::json::value& value, const std::vector<boost::json::value>& validators,
                      const std::string& name, const std::string& part);
  [[nodiscard]] std::string part_of(const boost::json::object& object) const;
  void add_diagnosis(ForeignDiagnosis diagnosis);
  void finish_stream();
  void take_garbage(std::string_view line);
  void say(std::string code, std::string message);

  ForeignOutput output_;
  std::string line_;
  bool too_long_ = false;
  std::int64_t fails_ = 0;
  std::optional<Stream> stream_;
};

}  // namespace kiln
