// A run read without its samples says the same, and where each of its samples is.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

Event chunk_of(const std::string& name, int attempt, double from) {
  Event event = series(name, {{from, from * 2}, {from + 1, std::numeric_limits<double>::quiet_NaN()}});
  event.attempt = attempt;
  return event;
}

std::vector<Event> sampled_run() {
  std::vector<Event> events{event_with(RunBegun{}), event_with(StepBegun{})};
  for (int at = 0; at < 5; ++at) {
    events.push_back(chunk_of("gpu.power", 1, at * 10));
    events.push_back(chunk_of("gpu.clock", 1, at * 10 + 1));
    events.push_back(note("between"));
  }
  events.push_back(chunk_of("gpu.power", 2, 100));
  events.push_back(event_with(RunResumed{}));
  events.push_back(chunk_of("gpu.power", 2, 200));
  events.push_back(chunk_of("gpu.power", 2, 210));
  return events;
}

TEST(RunWithoutSamples, KeepsAllButTheChunksBetweenTheFirstAndTheLast) {
  TemporaryDirectory directory;
  const std::string run = record(directory, sampled_run());
  const auto view = open_view(directory.file("kiln.db"));
  const RunEvents whole = view->events(run).value();
  const RunEvents lean = view->events_without_samples(run).value();
  EXPECT_TRUE(std::is_sorted(lean.events.begin(), lean.events.end(),
                             [](const Event& a, const Event& b) { return a.sequence < b.sequence; }));
  const auto chunks_in = [](const std::vector<Event>& events) {
    return std::count_if(events.begin(), events.end(),
                         [](const Event& event) { return std::holds_alternative<SeriesChunk>(event.body); });
  };
  for (const Event& event : lean.events) {
    const auto* chunk = std::get_if<SeriesChunk>(&event.body);
    EXPECT_TRUE(chunk == nullptr || chunk->samples.empty());
  }
  EXPECT_EQ(chunks_in(whole.events), 13);
  EXPECT_EQ(chunks_in(lean.events), 7) << "two of each series, one of the second attempt, two after";
  EXPECT_EQ(whole.events.size() - lean.events.size(), 6U) << "nothing else is left out";
  EXPECT_EQ(lean.events.back().sequence, whole.events.back().sequence) << "the run ends when it ended";
  EXPECT_EQ(roll_up(lean).duts.size(), roll_up(whole).duts.size());
  EXPECT_EQ(lean.series.size(), 4U) << "what was done again after an interruption stands apart";
}

TEST(RunWithoutSamples, EverySampleIsFoundWhereItIsSaidToBe) {
  TemporaryDirectory directory;
  const std::string run = record(directory, sampled_run());
  const auto view = open_view(directory.file("kiln.db"));
  const RunEvents whole = view->events(run).value();
  const RunEvents lean = view->events_without_samples(run).value();
  const auto read = view->sample_reader(run).value();
  std::size_t chunks = 0;
  for (const auto& [first, left] : lean.series) {
    EXPECT_EQ(left.sequences.front(), first);
    SeriesExtent extent;
    for (const std::int64_t sequence : left.sequences) {
      SeriesSamples samples;
      ASSERT_TRUE(read(sequence, samples));
      const auto& held =
          std::get<SeriesChunk>(whole.events[static_cast<std::size_t>(sequence - 1)].body).samples;
      ASSERT_EQ(samples.size(), held.size());
      EXPECT_EQ(samples[0], held[0]);
      EXPECT_TRUE(std::isnan(samples[1].second));
      extent.add(samples);
      ++chunks;
    }
    EXPECT_EQ(left.extent.samples, extent.samples);
    EXPECT_EQ(left.extent.with_value * 2, extent.samples) << "every second has none";
    EXPECT_EQ(left.extent.high, extent.high);
    EXPECT_EQ(left.extent.ended, extent.ended);
  }
  EXPECT_EQ(chunks, 13U);
}

TEST(RunWithoutSamples, ManyChunksInOnePassAreTheSameAsOneByOne) {
  TemporaryDirectory directory;
  const std::string run = record(directory, sampled_run());
  const auto view = open_view(directory.file("kiln.db"));
  const auto read = view->sample_reader(run).value();
  const auto walk = view->sample_walk(run).value();
  std::vector<std::int64_t> seen;
  const std::vector<std::int64_t> wanted{1, 3, 6, 7, 16, 20, 900'000};
  ASSERT_TRUE(walk(wanted, [&](std::int64_t sequence, SeriesSamples&& samples) {
    SeriesSamples one;
    ASSERT_TRUE(read(sequence, one));
    ASSERT_EQ(samples.size(), one.size());
    EXPECT_EQ(samples[0], one[0]);
    seen.push_back(sequence);
  }));
  std::vector<std::int64_t> expected;
  for (const std::int64_t sequence : wanted) {
    SeriesSamples one;
    if (read(sequence, one)) expected.push_back(sequence);
  }
  EXPECT_EQ(seen, expected);
  EXPECT_GE(seen.size(), 3U);
  EXPECT_TRUE(walk({}, [](std::int64_t, SeriesSamples&&) { FAIL(); }));
}

TEST(RunWithoutSamples, AChunkThatIsNotThereIsAnErrorAndNotAnEmptyOne) {
  TemporaryDirectory directory;
  const std::string run = record(directory, sampled_run());
  const auto view = open_view(directory.file("kiln.db"));
  const auto read = view->sample_reader(run).value();
  SeriesSamples samples;
  const Status missing = read(1, samples);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "series.missing");
  EXPECT_TRUE(read(3, samples)) << "the reader goes on";
  EXPECT_FALSE(view->sample_reader("R-none"));
}

}  // namespace
}  // namespace kiln
