#include "common/series_source.h"

namespace kiln {

const SeriesSamples& SeriesSource::of(const DocumentChunk& chunk) {
  if (chunk.held != nullptr) return *chunk.held;
  read_.clear();
  if (failed_) return read_;
  const Status read = input_.samples
                          ? input_.samples(chunk.sequence, read_)
                          : Status(Error("series.missing", "the samples were not read", {}, Blame::station));
  if (!read) {
    failed_ = Error(read.error()).while_doing("reading samples for a report");
    read_.clear();
  }
  return read_;
}

std::vector<DocumentChunk> SeriesSource::chunks_of(const Event& event, const SeriesChunk& body) const {
  if (!body.samples.empty()) return {{event.sequence, &body.samples}};
  std::vector<DocumentChunk> chunks;
  const auto left = input_.events.series.find(event.sequence);
  if (left == input_.events.series.end()) return chunks;
  chunks.reserve(left->second.sequences.size());
  for (const std::int64_t sequence : left->second.sequences) chunks.push_back({sequence, nullptr});
  return chunks;
}

SeriesExtent SeriesSource::extent_of(const Event& event, const SeriesChunk& body) const {
  SeriesExtent extent;
  extent.add(body.samples);
  const auto left = input_.events.series.find(event.sequence);
  if (body.samples.empty() && left != input_.events.series.end()) extent = left->second.extent;
  return extent;
}

Status SeriesSource::failure() const {
  if (failed_) return *failed_;
  return success();
}

}  // namespace kiln
