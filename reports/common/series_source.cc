#include "common/series_source.h"

#include <algorithm>

namespace kiln {
namespace {

/// Samples that are held at a time: 64 MB of them.
constexpr std::int64_t kMostAhead = 4'000'000;

}  // namespace

void SeriesSource::plan(const std::vector<const std::vector<DocumentChunk>*>& order, std::int64_t samples) {
  order_.clear();
  ahead_.clear();
  next_ = 0;
  if (!input_.sample_walk) return;
  for (const auto* chunks : order) {
    for (const DocumentChunk& chunk : *chunks) {
      if (chunk.held == nullptr) order_.push_back(chunk.sequence);
    }
  }
  const std::int64_t of_one = std::max<std::int64_t>(
      samples / std::max<std::int64_t>(static_cast<std::int64_t>(order_.size()), 1), 1);
  at_a_time_ = static_cast<std::size_t>(std::max<std::int64_t>(kMostAhead / of_one, 1));
}

void SeriesSource::fetch() {
  ahead_.clear();
  const auto from = order_.begin() + static_cast<std::ptrdiff_t>(next_);
  next_ = std::min(next_ + at_a_time_, order_.size());
  std::vector<std::int64_t> sequences(from, order_.begin() + static_cast<std::ptrdiff_t>(next_));
  std::sort(sequences.begin(), sequences.end());
  const Status walked = input_.sample_walk(sequences, [this](std::int64_t sequence, SeriesSamples&& samples) {
    ahead_.insert_or_assign(sequence, std::move(samples));
  });
  // Whoever needs what is missing reads it by itself, and hears why it cannot be had.
  if (!walked) ahead_.clear();
}

const SeriesSamples& SeriesSource::of(const DocumentChunk& chunk) {
  if (chunk.held != nullptr) return *chunk.held;
  read_.clear();
  if (failed_) return read_;
  if (next_ < order_.size() && order_[next_] == chunk.sequence) fetch();
  if (const auto fetched = ahead_.find(chunk.sequence); fetched != ahead_.end()) {
    read_ = std::move(fetched->second);
    ahead_.erase(fetched);
    return read_;
  }
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
