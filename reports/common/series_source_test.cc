// Samples that stay in the record are reported as those that are held: the same bytes in every format.
#include "common/series_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string_view>

#include "common/characters.h"
#include "common/record_for_test.h"

namespace kiln {
namespace {

RecordForTest long_record() {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  for (int chunk = 0; chunk < 90; ++chunk) {
    for (const char* part : {"GPU_0", "GPU_1"}) {
      std::vector<std::pair<double, double>> samples;
      for (int at = 0; at < 60; ++at) {
        const double t = chunk * 60 + at;
        const bool gap = at % 7 == 3 || chunk == 40;
        samples.emplace_back(t, gap ? std::numeric_limits<double>::quiet_NaN() : 50 + std::sin(t / 90) * 20);
      }
      record.series("C01", part, samples);
    }
  }
  record.end();
  return record;
}

/// The same as a reader of the record would give it: the first and the last chunk of each series.
ReportInput left_in_the_record(const ReportInput& held) {
  ReportInput input = held;
  input.events.events.clear();
  std::map<std::string, std::vector<Event>> chunks;
  auto samples = std::make_shared<std::map<std::int64_t, SeriesSamples>>();
  for (const Event& event : held.events.events) {
    const auto* chunk = std::get_if<SeriesChunk>(&event.body);
    if (chunk == nullptr) {
      input.events.events.push_back(event);
      continue;
    }
    (*samples)[event.sequence] = chunk->samples;
    chunks[chunk->part].push_back(event);
  }
  for (auto& [part, all] : chunks) {
    SeriesChunks& left = input.events.series[all.front().sequence];
    for (Event& event : all) {
      left.sequences.push_back(event.sequence);
      left.extent.add(std::get<SeriesChunk>(event.body).samples);
      std::get<SeriesChunk>(event.body).samples.clear();
    }
    input.events.events.push_back(all.front());
    input.events.events.push_back(all.back());
  }
  std::sort(input.events.events.begin(), input.events.events.end(),
            [](const Event& a, const Event& b) { return a.sequence < b.sequence; });
  input.samples = [samples](std::int64_t sequence, SeriesSamples& into) -> Status {
    const auto found = samples->find(sequence);
    if (found == samples->end()) return Error("series.missing", "not there", {}, Blame::station);
    into = found->second;
    return success();
  };
  return input;
}

/// As a record that can be walked: what is asked for in order comes many at a time.
RunView::SampleWalk walk_over(const ReportInput& input, int* walks) {
  return [samples = input.samples, walks](
             const std::vector<std::int64_t>& sequences,
             const std::function<void(std::int64_t, SeriesSamples &&)>& take) -> Status {
    ++*walks;
    EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
    for (const std::int64_t sequence : sequences) {
      SeriesSamples read;
      if (samples(sequence, read)) take(sequence, std::move(read));
    }
    return success();
  };
}

TEST(SeriesSource, ReadAheadTheyAreTheSameBytesAgain) {
  RecordForTest record = long_record();
  const ReportInput& held = record.done();
  ReportInput left = left_in_the_record(held);
  int walks = 0;
  left.sample_walk = walk_over(left, &walks);
  for (const auto& format : make_report_formats()) {
    walks = 0;
    EXPECT_EQ(format->render(left).value(), format->render(held).value()) << format->name();
    const std::set<std::string_view> of_samples{"html", "json", "ndjson", "ocptv", "pdf"};
    const bool samples = of_samples.contains(format->name());
    EXPECT_EQ(walks, samples ? 1 : 0) << format->name();
  }
  left.sample_walk = [](const auto&, const auto&) -> Status {
    return Error("sqlite.io", "gone", {}, Blame::station);
  };
  for (const auto& format : make_report_formats())
    EXPECT_EQ(format->render(left).value(), format->render(held).value()) << "one by one";
}

TEST(SeriesSource, SamplesLeftInTheRecordGiveTheSameBytesInEveryFormat) {
  RecordForTest record = long_record();
  const ReportInput& held = record.done();
  const ReportInput left = left_in_the_record(held);
  ASSERT_LT(left.events.events.size(), held.events.events.size());
  for (const auto& format : make_report_formats()) {
    const Result<std::string> expected = format->render(held);
    const Result<std::string> text = format->render(left);
    ASSERT_TRUE(expected && text) << format->name();
    EXPECT_EQ(*text, *expected) << format->name();
  }
}

TEST(SeriesSource, WhatIsWrittenInPiecesIsWhatIsRendered) {
  RecordForTest record = long_record();
  const ReportInput& input = record.done();
  for (const auto& format : make_report_formats()) {
    std::string pieces;
    ASSERT_TRUE(format->write(input, [&pieces](std::string_view piece) {
      pieces += piece;
      return success();
    }));
    EXPECT_EQ(pieces, format->render(input).value()) << format->name();
    int puts = 0;
    const Status full = format->write(input, [&puts](std::string_view) -> Status {
      ++puts;
      return Error("disk.full", "no space", {}, Blame::station);
    });
    ASSERT_FALSE(full) << format->name() << " does not say that the disk is full";
    EXPECT_EQ(full.error().code, "disk.full");
    EXPECT_EQ(puts, 1) << format->name();
  }
}

TEST(SeriesSource, AReportWithoutItsSamplesIsNotGivenOut) {
  RecordForTest record = long_record();
  ReportInput left = left_in_the_record(record.done());
  left.events.series.begin()->second.sequences.push_back(100'000);
  for (const char* name : {"html", "json", "ndjson", "ocptv"}) {
    for (const auto& format : make_report_formats()) {
      if (format->name() != name) continue;
      const Result<std::string> text = format->render(left);
      ASSERT_FALSE(text) << name;
      EXPECT_EQ(text.error().code, "series.missing");
    }
  }
}

/// The points of the report for programs stay one list over all chunks, and an empty one where none is.
TEST(SeriesSource, TheChunksOfASeriesAreOneListInJson) {
  RecordForTest record;
  record.series("C01", "GPU_0", {{0, 1}, {1, std::numeric_limits<double>::quiet_NaN()}});
  record.series("C01", "GPU_0", {{2, 3}});
  record.series("C01", "GPU_1", {});
  record.end();
  const std::string text = render_report("json", record.done());
  EXPECT_NE(text.find(R"("part":"GPU_0","unit":"Cel","points":[[0E0,1E0],[1E0,null],[2E0,3E0]]})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("part":"GPU_1","unit":"Cel","points":[]})"), std::string::npos);
}

TEST(SeriesSource, BytesThatAreNoTextDoNotSpoilTheReportForPrograms) {
  RecordForTest record;
  record.measured(Outcome::fail, std::string("hot\xFF\xC3"), "read as \xF0\x9F\x94 by the BMC \xE2\x82");
  record.add("C01", "soak/load", Disturbance{"bmc.\x80", "\xED\xA0\x80 surrogate", 1});
  record.series("C01", "GPU\xFE", {{0, 1}}, "gpu.\xC0\xAF", "\xFF");
  record.end();
  const std::string text = render_report("json", record.done());
  EXPECT_EQ(valid_utf8(text), text) << "not UTF-8";
  EXPECT_NE(text.find("hot\xEF\xBF\xBD"), std::string::npos) << "what can be read is kept";
}

}  // namespace
}  // namespace kiln
