#pragma once
// The steps of an OCPTV run: one per recipe step, DUT, iteration and attempt, each with what was measured,
// sampled and found out in it between its start and its end. Built once per rendering; input, document and
// hardware must outlive it.

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/run_document.h"
#include "ocptv/hardware_infos.h"
#include "ocptv/stream_lines.h"

namespace kiln {

class StepArtifacts {
 public:
  StepArtifacts(const ReportInput& input, const RunDocument& document, const HardwareInfos& hardware);

  /// Puts all of it into the body of the stream.
  void write(StreamLines& lines);
  [[nodiscard]] int fail_diagnoses() const { return fails_; }
  [[nodiscard]] int errors() const { return errors_; }
  [[nodiscard]] std::size_t steps() const { return steps_.size(); }
  /// The time of day of a monotonic moment of this run, by the clock it began with.
  [[nodiscard]] std::int64_t utc_of(std::int64_t monotonic_ns) const;

 private:
  using StepKey = std::tuple<std::string, std::string, int, int>;  // DUT, step, iteration, attempt
  struct Series {
    std::string name, part, unit;
    std::vector<DocumentChunk> chunks;  ///< in order of the record
    SeriesExtent extent;
  };
  struct Step {
    DocumentStep about;
    std::int64_t begun_ns = 0, ended_ns = 0;  ///< monotonic
    bool is_recorded = true;  ///< false: values of it are there, and neither its beginning nor its end
    int judged = 0, failed = 0, unset = 0;
    std::vector<std::pair<std::int64_t, std::string>> items;  ///< when, and the member of its line
    void add(std::int64_t at_ns, const boost::json::object& artifact) {
      items.emplace_back(at_ns, ocptv_member(artifact));
    }
    std::vector<Diagnosed> found;
    std::vector<Series> series;
    std::map<std::pair<std::string, std::string>, std::size_t> series_index;  ///< by name and part
  };

  Step& step_of(const Event& event);
  void take(const Event& event);
  void take_measured(const Event& event, const Measured& measured);
  void add_item(const Event& event, const boost::json::object& artifact);
  void write_step(StreamLines& lines, Step& step, const std::string& id);
  void write_findings(Step& step);
  void write_end(Step& step);
  void write_series(Step& step, std::size_t most);
  [[nodiscard]] bool was_done_later(const Step& step) const;
  void diagnose(Step& step, DiagnosisType type, const std::string& verdict, const std::string& message,
                const std::string& part);

  const ReportInput& input_;
  const RunDocument& document_;
  const HardwareInfos& hardware_;
  std::vector<Step> steps_;
  std::map<StepKey, std::vector<std::size_t>> index_;
  std::vector<std::pair<std::int64_t, std::string>> of_the_run_;  ///< logs outside of any step
  std::size_t all_series_ = 0;
  int fails_ = 0, errors_ = 0, next_series_ = 0;
};

}  // namespace kiln
