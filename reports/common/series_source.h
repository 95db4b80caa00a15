#pragma once
// Where the samples of a report's series are: in the events themselves, or left in the record and read chunk
// by chunk when they are drawn or printed, so that a run of days is reported in the memory of one of minutes.
// Made once per document; the report's input must outlive it. One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "common/report_format.h"
#include "model/series_extent.h"

namespace kiln {

/// One chunk of samples.
struct DocumentChunk {
  std::int64_t sequence = 0;            ///< of its event
  const SeriesSamples* held = nullptr;  ///< nullptr: they were left in the record
};

class SeriesSource {
 public:
  explicit SeriesSource(const ReportInput& input) : input_(input) {}

  /// From here on chunks are read in this order: those that were left in the record are fetched many at a
  /// time. Only a hint: others, and another order, are read one by one.
  void plan(const std::vector<const std::vector<DocumentChunk>*>& order, std::int64_t samples);

  /// Good until the next call. Empty when it could not be read: failure() says why, and a report that
  /// lacks samples must not be given out as whole.
  const SeriesSamples& of(const DocumentChunk& chunk);
  /// The chunks that the event stands for: itself when it holds samples; all of its series when it is the
  /// first of one that was left in the record; else none.
  [[nodiscard]] std::vector<DocumentChunk> chunks_of(const Event& event, const SeriesChunk& body) const;
  /// Of the same.
  [[nodiscard]] SeriesExtent extent_of(const Event& event, const SeriesChunk& body) const;
  [[nodiscard]] Status failure() const;

 private:
  void fetch();

  const ReportInput& input_;
  SeriesSamples read_;
  std::vector<std::int64_t> order_;
  std::size_t next_ = 0;  ///< in order_: what was not fetched yet
  std::size_t at_a_time_ = 1;
  std::unordered_map<std::int64_t, SeriesSamples> ahead_;
  std::optional<Error> failed_;
};

}  // namespace kiln
