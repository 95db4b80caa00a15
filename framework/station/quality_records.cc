#include "station/quality_records.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>

#include "store/run_view.h"

namespace kiln {
namespace {

struct RunCopy {
  const RunView* view = nullptr;
  RunSummary run;
};

/// Why this copy does not count; empty: it is as it was written.
std::string why_no_copy(const RunCopy& copy, std::string& head) {
  if (copy.run.state == RunState::running) return "it goes on still";
  if (copy.run.broken && !copy.run.broken->writer_gone) return copy.run.broken->sentence();
  const Result<ChainCheck> chain = copy.view->verify_chain(copy.run.id);
  if (!chain) return chain.error().message;
  if (!chain->intact) return "its record is not as it was written: " + chain->reason;
  head = chain->head;
  return {};
}

std::string take_attempts(const RunCopy& copy, RunAttemptReader& reader, QualityRecords& records) {
  reader.begin_run(copy.run.id, copy.run.begun.utc_ns);
  const auto read = copy.view->for_each_event(copy.run.id, 1, [&reader](Event&& event) {
    reader.add(event);
    return true;
  });
  if (!read) return read.error().message;
  if (*read && !(*read)->writer_gone) return (*read)->sentence();
  RunAttemptReader::Taken taken = reader.end_run();
  for (UnitAttempt& attempt : taken.attempts) records.attempts.push_back(std::move(attempt));
  return taken.why_not;
}

/// The copy that counts, or why none does.
std::string take_run_of(const std::vector<RunCopy>& copies, RunAttemptReader& reader,
                        QualityRecords& records) {
  const RunCopy* good = nullptr;
  std::string good_head, why;
  for (const RunCopy& copy : copies) {
    std::string head;
    std::string wrong = why_no_copy(copy, head);
    if (!wrong.empty()) {
      if (why.empty()) why = std::move(wrong);
      continue;
    }
    if (good != nullptr && head != good_head)
      return fmt::format("{} and {} tell it differently", good->view->database(), copy.view->database());
    good = &copy;
    good_head = head;
  }
  if (good == nullptr) return why;
  return take_attempts(*good, reader, records);
}

}  // namespace

QualityRecords read_quality_records(const std::vector<std::string>& databases, const std::string& check) {
  QualityRecords records;
  std::vector<std::unique_ptr<RunView>> views;
  std::map<std::string, std::vector<RunCopy>> runs;
  for (const std::string& database : databases) {
    Result<std::unique_ptr<RunView>> view = RunView::open(database);
    if (!view) {
      records.unreadable.push_back(fmt::format("{}: {}", database, view.error().sentence()));
      continue;
    }
    Result<std::vector<RunSummary>> its = (*view)->runs();
    if (!its) {
      records.unreadable.push_back(fmt::format("{}: {}", database, its.error().sentence()));
      continue;
    }
    ++records.databases;
    views.push_back(std::move(*view));
    for (RunSummary& run : *its) runs[run.id].push_back({views.back().get(), std::move(run)});
  }
  RunAttemptReader reader(check);
  for (const auto& [id, copies] : runs) {
    std::string why = take_run_of(copies, reader, records);
    if (!why.empty()) records.excluded.push_back({id, std::move(why)});
  }
  records.measurements = reader.names();
  return records;
}

}  // namespace kiln
