// Claims about one recorded run, tried on every check and every part of it: what is taken out of the record,
// or failed once before it passed, never leaves GO. recorded_run.py records the run over the wire and names
// its database in KILN_RECORDED_RUN; without one every case fails.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "model/verdict.h"
#include "store/run_view.h"

namespace kiln {
namespace {

/// What a cell is judged by: step, DUT, measurement, part.
using CellKey = std::tuple<std::string, std::string, std::string, std::string>;

struct Recorded {
  std::vector<Event> events;  ///< without samples of series, which no verdict looks at
  std::vector<Event> series;
  std::vector<Cell> cells;
  std::map<CellKey, std::vector<std::size_t>> evidence;  ///< judged measurements of each cell, as indices
  std::string wrong;                                     ///< why there is no record
};

CellKey key_of(const Cell& cell) { return {cell.step, cell.dut, cell.measurement, cell.part}; }

Recorded read_record() {
  Recorded recorded;
  const char* database = std::getenv("KILN_RECORDED_RUN");
  if (database == nullptr) {
    recorded.wrong = "KILN_RECORDED_RUN does not name a database: run recorded_run.py";
    return recorded;
  }
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view) {
    recorded.wrong = view.error().full();
    return recorded;
  }
  const Result<std::string> run = (*view)->find_run("last");
  if (!run) {
    recorded.wrong = run.error().full();
    return recorded;
  }
  Result<RunEvents> read = (*view)->events(*run);
  if (!read || read->broken) {
    recorded.wrong = read ? read->broken->sentence() : read.error().full();
    return recorded;
  }
  for (Event& event : read->events) {
    auto& into = std::holds_alternative<SeriesChunk>(event.body) ? recorded.series : recorded.events;
    into.push_back(std::move(event));
  }
  for (std::size_t at = 0; at < recorded.events.size(); ++at) {
    const Event& event = recorded.events[at];
    if (const auto* planned = std::get_if<CellPlanned>(&event.body)) recorded.cells.push_back(planned->cell);
    if (const auto* measured = std::get_if<Measured>(&event.body);
        measured != nullptr && measured->outcome != Outcome::informational) {
      recorded.evidence[{event.step, event.dut, measured->name, measured->part}].push_back(at);
    }
  }
  return recorded;
}

const Recorded& recorded() {
  static const Recorded all = read_record();
  return all;
}

std::string print(const Cell& cell) {
  return fmt::format("{} {} {} {}", cell.dut, cell.step, cell.measurement, cell.part);
}

/// The record as `roll_up` sees it, without some events and with some others.
RunVerdict roll_up_changed(const std::set<std::size_t>& taken, const std::vector<Event>& added = {}) {
  VerdictAccumulator accumulator;
  const auto& events = recorded().events;
  for (std::size_t at = 0; at < events.size(); ++at) {
    if (taken.count(at) == 0) accumulator.add(events[at]);
  }
  for (const Event& event : added) accumulator.add(event);
  return accumulator.verdict();
}

std::set<std::size_t> where(const std::function<bool(const Event&)>& matches) {
  std::set<std::size_t> found;
  const auto& events = recorded().events;
  for (std::size_t at = 0; at < events.size(); ++at) {
    if (matches(events[at])) found.insert(at);
  }
  return found;
}

bool is_measured(const Event& event) { return std::holds_alternative<Measured>(event.body); }

const CellVerdict* find_cell(const RunVerdict& verdict, const Cell& cell) {
  const DutVerdict* dut = verdict.find(cell.dut);
  if (dut == nullptr) return nullptr;
  const auto found = std::find_if(dut->cells.begin(), dut->cells.end(),
                                  [&cell](const CellVerdict& one) { return one.cell == cell; });
  return found == dut->cells.end() ? nullptr : &*found;
}

/// The record with a first attempt of the cell's step that measured a fail and nothing else, in the place of
/// the attempt that passed, which became the next one. `status` is how that first attempt ended.
RunVerdict failed_first(const Cell& cell, std::size_t passing, WorkStatus status) {
  const Event& pass = recorded().events[passing];
  std::set<std::size_t> taken;
  std::vector<Event> moved;
  const auto& events = recorded().events;
  for (std::size_t at = 0; at < events.size(); ++at) {
    const Event& event = events[at];
    if (event.dut != cell.dut || event.step != cell.step || event.iteration != pass.iteration) continue;
    if (std::holds_alternative<CellPlanned>(event.body)) continue;
    taken.insert(at);
    moved.push_back(event);
    ++moved.back().attempt;
  }
  // Fractions of the order do not exist; the verdict does not depend on it (VerdictProperty).
  const auto add = [&](EventBody body) {
    Event event = pass;
    event.sequence = static_cast<std::int64_t>(1'000'000 + moved.size());
    event.attempt = 1;
    event.body = std::move(body);
    moved.push_back(std::move(event));
  };
  StepBegun begun;
  for (const std::size_t at : taken) {
    if (const auto* real = std::get_if<StepBegun>(&events[at].body)) begun = *real;
  }
  Measured fail = std::get<Measured>(pass.body);
  fail.outcome = Outcome::fail;
  fail.reason = "a fault that cleared afterwards";
  fail.fault_code = "test.cleared";
  StepEnded ended;
  ended.status = status;
  ended.code = status == WorkStatus::complete ? "" : "bmc.busy";
  add(std::move(begun));
  add(std::move(fail));
  add(std::move(ended));
  return roll_up_changed(taken, moved);
}

class RecordedRun : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(recorded().wrong.empty()) << recorded().wrong;
    ASSERT_GE(recorded().cells.size(), 300U);
  }
};

TEST_F(RecordedRun, AsItStandsIsGoWithEveryCellMeasured) {
  const RunVerdict verdict = roll_up(recorded().events);
  ASSERT_EQ(verdict.decision, Decision::go);
  EXPECT_EQ(exit_code(verdict), 0);
  EXPECT_EQ(verdict.counts.required, static_cast<int>(recorded().cells.size()));
  EXPECT_EQ(verdict.counts.measured, verdict.counts.required);
  EXPECT_EQ(verdict.counts.not_run + verdict.counts.failed, 0);
  // What the cases below leave away from the start changes nothing.
  std::vector<Event> all = recorded().events;
  all.insert(all.end(), recorded().series.begin(), recorded().series.end());
  EXPECT_FALSE(recorded().series.empty());
  EXPECT_EQ(roll_up(all).counts.measured, verdict.counts.measured);
  EXPECT_EQ(roll_up_changed({}).decision, Decision::go);
  fmt::print("{} events, {} cells\n", all.size(), recorded().cells.size());
}

TEST_F(RecordedRun, WithoutTheDataOfAnyOneCellItIsIncompleteAndNamesTheCell) {
  for (const Cell& cell : recorded().cells) {
    const auto evidence = recorded().evidence.find(key_of(cell));
    ASSERT_NE(evidence, recorded().evidence.end()) << print(cell) << " has no measurement, yet it was GO";
    const RunVerdict verdict = roll_up_changed({evidence->second.begin(), evidence->second.end()});
    ASSERT_EQ(verdict.decision, Decision::incomplete) << print(cell);
    ASSERT_EQ(verdict.counts.not_run, 1) << print(cell);
    const CellVerdict* judged = find_cell(verdict, cell);
    ASSERT_NE(judged, nullptr) << print(cell);
    ASSERT_EQ(judged->state, CellState::not_run) << print(cell);
    ASSERT_FALSE(judged->message.empty()) << print(cell);
  }
}

TEST_F(RecordedRun, WithoutAnyOneMeasurementItIsIncompleteUnlessAnotherOfItsAttemptStandsForIt) {
  std::size_t tried = 0;
  for (const Cell& cell : recorded().cells) {
    const auto& evidence = recorded().evidence.at(key_of(cell));
    if (evidence.size() == 1) continue;  // the case above took it away already
    for (const std::size_t at : evidence) {
      const Event& taken = recorded().events[at];
      const bool another = std::any_of(evidence.begin(), evidence.end(), [&](std::size_t other) {
        const Event& event = recorded().events[other];
        return other != at && event.iteration == taken.iteration && event.attempt == taken.attempt;
      });
      const bool is_last = std::all_of(evidence.begin(), evidence.end(), [&](std::size_t other) {
        const Event& event = recorded().events[other];
        return event.iteration != taken.iteration || event.attempt <= taken.attempt;
      });
      ++tried;
      EXPECT_EQ(roll_up_changed({at}).decision == Decision::go, another || !is_last) << print(cell);
    }
  }
  fmt::print("{} measurements beside others of the same cell\n", tried);
}

TEST_F(RecordedRun, WithoutTheDataOfAnyOneComponentItIsIncomplete) {
  std::map<std::tuple<std::string, ComponentKind, std::string>, int> components;
  for (const Cell& cell : recorded().cells) ++components[{cell.dut, cell.kind, cell.part}];
  for (const auto& [component, cells] : components) {
    const auto& [dut, kind, part] = component;
    const RunVerdict verdict = roll_up_changed(where([&, d = dut, k = kind, p = part](const Event& event) {
      const auto* measured = std::get_if<Measured>(&event.body);
      return measured != nullptr && event.dut == d && measured->kind == k && measured->part == p;
    }));
    ASSERT_EQ(verdict.decision, Decision::incomplete) << dut << ' ' << to_string(kind) << ' ' << part;
    ASSERT_EQ(verdict.counts.not_run, cells) << dut << ' ' << to_string(kind) << ' ' << part;
    ASSERT_EQ(verdict.find(dut)->decision, Decision::incomplete) << dut;
  }
  fmt::print("{} components\n", components.size());
}

TEST_F(RecordedRun, WithoutAnyOneStepOrDutOrKindOfPartItIsIncomplete) {
  std::set<std::pair<std::string, std::string>> steps;
  std::set<std::string> duts;
  std::set<std::string> checks;
  std::set<ComponentKind> kinds;
  for (const Cell& cell : recorded().cells) {
    steps.emplace(cell.dut, cell.step);
    duts.insert(cell.dut);
    checks.insert(cell.measurement);
    kinds.insert(cell.kind);
  }
  const auto expect_incomplete = [](const std::string& what,
                                    const std::function<bool(const Event&)>& matches) {
    const std::set<std::size_t> taken = where(matches);
    ASSERT_FALSE(taken.empty()) << what;
    EXPECT_EQ(roll_up_changed(taken).decision, Decision::incomplete) << what;
  };
  for (const auto& [dut, step] : steps) {
    expect_incomplete(dut + " " + step, [d = dut, s = step](const Event& event) {
      return event.dut == d && event.step == s && !std::holds_alternative<CellPlanned>(event.body);
    });
  }
  for (const std::string& dut : duts)
    expect_incomplete(dut, [&](const Event& event) { return event.dut == dut && is_measured(event); });
  for (const std::string& name : checks) {
    expect_incomplete(name, [&](const Event& event) {
      const auto* measured = std::get_if<Measured>(&event.body);
      return measured != nullptr && measured->name == name;
    });
  }
  for (const ComponentKind kind : kinds) {
    expect_incomplete(std::string(to_string(kind)), [kind](const Event& event) {
      const auto* measured = std::get_if<Measured>(&event.body);
      return measured != nullptr && measured->kind == kind;
    });
  }
  expect_incomplete("the end of the run",
                    [](const Event& event) { return std::holds_alternative<RunEnded>(event.body); });
  fmt::print("{} steps on DUTs, {} DUTs, {} checks, {} kinds of parts\n", steps.size(), duts.size(),
             checks.size(), kinds.size());
}

TEST_F(RecordedRun, WithoutAnyOneEndOfAStepItIsIncomplete) {
  int ends = 0;
  const auto& events = recorded().events;
  for (std::size_t at = 0; at < events.size(); ++at) {
    const auto* ended = std::get_if<StepEnded>(&events[at].body);
    if (ended == nullptr || ended->status != WorkStatus::complete) continue;
    ++ends;
    ASSERT_EQ(roll_up_changed({at}).decision, Decision::incomplete) << events[at].dut << events[at].step;
  }
  EXPECT_GT(ends, 0);
}

TEST_F(RecordedRun, AFaultThatClearsAfterItsFirstAttemptIsNoGoOnEveryCell) {
  for (const Cell& cell : recorded().cells) {
    const std::size_t passing = recorded().evidence.at(key_of(cell)).back();
    // An attempt that measured a fail and ended in an error is one the engine would not repeat; even if it
    // were, or a plugin did so by itself, the fail stays.
    const RunVerdict verdict = failed_first(cell, passing, WorkStatus::error);
    ASSERT_EQ(verdict.decision, Decision::no_go) << print(cell);
    ASSERT_EQ(verdict.counts.failed, 1) << print(cell);
    const CellVerdict* judged = find_cell(verdict, cell);
    ASSERT_NE(judged, nullptr) << print(cell);
    ASSERT_EQ(judged->state, CellState::failed) << print(cell);
    ASSERT_EQ(judged->code, "test.cleared") << print(cell);
    const DutVerdict* dut = verdict.find(cell.dut);
    ASSERT_TRUE(std::any_of(dut->reasons.begin(), dut->reasons.end(), [&](const Reason& reason) {
      return reason.code == "test.cleared" && reason.fru == cell.part;
    })) << print(cell);
  }
}

}  // namespace
}  // namespace kiln
