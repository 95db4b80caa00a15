#include "store/chunk_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "store/record_break.h"
#include "store/series_codec.h"

namespace kiln {
namespace {

/// DUT, step, iteration, attempt, how often the run had gone on by then, name, part, unit. A step that is
/// done again after an interruption may count its attempts anew.
using ChunkKey = std::tuple<std::string, std::string, int, int, int, std::string, std::string, std::string>;

struct ChunksOf {
  std::int64_t first = 0;     ///< sequence
  std::optional<Event> last;  ///< when there is more than one
};

/// Puts `late`, in order of sequence, among the others: from the end, so that nothing is held twice.
void put_among(std::vector<Event>& events, std::vector<Event> late) {
  std::size_t from = events.size();
  events.resize(events.size() + late.size());
  for (std::size_t to = events.size(); !late.empty(); --to) {
    if (from > 0 && events[from - 1].sequence > late.back().sequence) {
      events[to - 1] = std::move(events[from - 1]);
      --from;
    } else {
      events[to - 1] = std::move(late.back());
      late.pop_back();
    }
  }
}

}  // namespace

Result<RunView::SampleReader> chunk_reader(sqlite::Connection& connection, std::int64_t run_number) {
  Result<sqlite::Statement> select =
      connection.prepare("SELECT samples FROM series_chunk WHERE run = ? AND sequence = ?");
  if (!select) return select.error();
  select->bind(1, run_number);
  // A std::function must be copyable, a statement is not.
  const auto statement = std::make_shared<sqlite::Statement>(*std::move(select));
  return RunView::SampleReader([statement](std::int64_t sequence, SeriesSamples& into) -> Status {
    statement->bind(2, sequence);
    const Result<sqlite::Statement::Step> stepped = statement->step();
    if (!stepped) return stepped.error();
    if (*stepped == sqlite::Statement::Step::done) {
      statement->reset();
      return Error("series.missing", fmt::format("the samples of event {} are not in the record", sequence),
                   {}, Blame::station);
    }
    Result<SeriesSamples> samples = decode_samples(statement->blob(0));
    statement->reset();
    if (!samples) return samples.error();
    into = *std::move(samples);
    return success();
  });
}

Result<RunView::SampleWalk> chunk_walk(sqlite::Connection& connection, std::int64_t run_number) {
  Result<sqlite::Statement> select = connection.prepare(
      "SELECT sequence, samples FROM series_chunk WHERE run = ? AND sequence BETWEEN ? AND ? ORDER BY "
      "sequence");
  if (!select) return select.error();
  select->bind(1, run_number);
  const auto statement = std::make_shared<sqlite::Statement>(*std::move(select));
  return RunView::SampleWalk([statement](const std::vector<std::int64_t>& sequences,
                                         const std::function<void(std::int64_t, SeriesSamples &&)>& take) {
    for (std::size_t from = 0; from < sequences.size();) {
      // Rows of others between two wanted ones are passed over, unless they are many.
      constexpr std::int64_t kWidestGap = 4'096;
      std::size_t to = from + 1;
      while (to < sequences.size() && sequences[to] - sequences[to - 1] <= kWidestGap) ++to;
      statement->bind(2, sequences[from]);
      statement->bind(3, sequences[to - 1]);
      Status walked = success();
      for (std::size_t wanted = from; walked;) {
        const Result<sqlite::Statement::Step> stepped = statement->step();
        if (!stepped) walked = stepped.error();
        if (!stepped || *stepped == sqlite::Statement::Step::done) break;
        const std::int64_t sequence = statement->integer(0);
        while (wanted < to && sequences[wanted] < sequence) ++wanted;
        if (wanted == to || sequences[wanted] != sequence) continue;
        Result<SeriesSamples> samples = decode_samples(statement->blob(1));
        if (samples) {
          take(sequence, *std::move(samples));
        } else {
          walked = samples.error();
        }
      }
      statement->reset();
      if (!walked) return walked;
      from = to;
    }
    return success();
  });
}

Result<RunEvents> RunView::events_without_samples(const std::string& run) const {
  // See events(): a hint, with a bound.
  constexpr std::int64_t kMostReserved = 1'000'000;
  RunEvents read;
  if (const Result<RunSummary> summary = this->run(run); summary)
    read.events.reserve(
        static_cast<std::size_t>(std::clamp<std::int64_t>(summary->events, 0, kMostReserved)));
  std::map<ChunkKey, ChunksOf> open;
  int interruptions = 0;
  Result<std::optional<RecordBreak>> broken = for_each_event(run, 1, [&](Event&& event) {
    if (std::holds_alternative<RunResumed>(event.body)) ++interruptions;
    auto* chunk = std::get_if<SeriesChunk>(&event.body);
    if (chunk == nullptr) {
      read.events.push_back(std::move(event));
      return true;
    }
    const auto [known, is_new] = open.try_emplace({event.dut, event.step, event.iteration, event.attempt,
                                                   interruptions, chunk->name, chunk->part, chunk->unit});
    if (is_new) known->second.first = event.sequence;
    SeriesChunks& chunks = read.series[known->second.first];
    chunks.sequences.push_back(event.sequence);
    chunks.extent.add(chunk->samples);
    chunk->samples = {};
    if (is_new) {
      read.events.push_back(std::move(event));
    } else {
      known->second.last = std::move(event);
    }
    return true;
  });
  if (!broken) return broken.error();
  std::vector<Event> late;
  for (auto& [key, chunks] : open) {
    if (chunks.last) late.push_back(*std::move(chunks.last));
  }
  std::sort(late.begin(), late.end(), [](const Event& a, const Event& b) { return a.sequence < b.sequence; });
  put_among(read.events, std::move(late));
  read.broken = *std::move(broken);
  if (read.broken) {
    read.broken->after = read_after_break(database(), run);
    std::int64_t last = read.events.empty() ? read.broken->after_sequence : read.events.back().sequence;
    for (Event& event : read.broken->after) event.sequence = ++last;
  }
  return read;
}

}  // namespace kiln
