#include "station/quality_records.h"

#include "station/many_records.h"

namespace kiln {
namespace {

std::string take_attempts(const RunCopy& copy, RunAttemptReader& reader, QualityRecords& records) {
  reader.begin_run(copy.run.id, copy.run.begun.utc_ns);
  const Status read = read_copy(copy, [&reader](const Event& event) { reader.add(event); });
  if (!read) return read.error().message;
  RunAttemptReader::Taken taken = reader.end_run();
  for (UnitAttempt& attempt : taken.attempts) records.attempts.push_back(std::move(attempt));
  return taken.why_not;
}

}  // namespace

QualityRecords read_quality_records(const std::vector<std::string>& databases, const std::string& check) {
  QualityRecords records;
  ManyRecords many = open_records(databases);
  records.unreadable = std::move(many.unreadable);
  records.databases = many.views.size();
  RunAttemptReader reader(check);
  for (const auto& [id, copies] : many.runs) {
    std::string why;
    const RunCopy* good = good_copy(copies, why);
    if (good != nullptr) why = take_attempts(*good, reader, records);
    if (!why.empty()) records.excluded.push_back({id, std::move(why)});
  }
  records.measurements = reader.names();
  return records;
}

}  // namespace kiln
