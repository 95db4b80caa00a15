#include "station/many_records.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiln {
namespace {

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

}  // namespace

ManyRecords open_records(const std::vector<std::string>& databases) {
  ManyRecords records;
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
    records.views.push_back(std::move(*view));
    for (RunSummary& run : *its) records.runs[run.id].push_back({records.views.back().get(), std::move(run)});
  }
  return records;
}

const RunCopy* good_copy(const std::vector<RunCopy>& copies, std::string& why) {
  const RunCopy* good = nullptr;
  std::string good_head;
  why.clear();
  for (const RunCopy& copy : copies) {
    std::string head;
    std::string wrong = why_no_copy(copy, head);
    if (!wrong.empty()) {
      if (why.empty()) why = std::move(wrong);
      continue;
    }
    if (good != nullptr && head != good_head) {
      why = fmt::format("{} and {} tell it differently", good->view->database(), copy.view->database());
      return nullptr;
    }
    good = &copy;
    good_head = head;
  }
  return good;
}

Result<const RunCopy*> find_copy(const ManyRecords& records, const std::string& typed) {
  std::string found;
  std::int64_t newest = 0;
  Error why("run.unknown", fmt::format("there is no run '{}'", typed), "kiln runs lists them",
            Blame::operator_);
  bool first = true;
  for (const auto& view : records.views) {
    const Result<std::string> run = view->find_run(typed);
    if (!run) {
      if (first) why = run.error();
      first = false;
      continue;
    }
    const auto known = records.runs.find(*run);
    if (known == records.runs.end()) continue;  // begun this moment
    const std::int64_t begun = known->second.front().run.begun.utc_ns;
    const bool other = !found.empty() && found != *run;
    if (other && typed != "last")
      return Error("run.ambiguous", fmt::format("'{}' is a part of {} and of {}", typed, found, *run),
                   "write more of it", Blame::operator_);
    if (!found.empty() && begun <= newest) continue;
    found = *run;
    newest = begun;
  }
  if (found.empty()) return why;
  std::string wrong;
  const RunCopy* copy = good_copy(records.runs.at(found), wrong);
  if (copy == nullptr)
    return Error("run.not_as_written", fmt::format("run {} cannot be read: {}", found, wrong),
                 fmt::format("kiln verify {}", found), Blame::operator_);
  return copy;
}

Status read_copy(const RunCopy& copy, const std::function<void(const Event&)>& callback) {
  const auto read = copy.view->for_each_event(copy.run.id, 1, [&callback](Event&& event) {
    callback(event);
    return true;
  });
  if (!read) return read.error();
  if (*read && !(*read)->writer_gone)
    return Error("run.not_as_written", (*read)->sentence(), fmt::format("kiln verify {}", copy.run.id),
                 Blame::operator_);
  return success();
}

}  // namespace kiln
