// What must hold for every run, tried on a hundred thousand small ones in which anything may go wrong: values
// that are none, attempts that end in error or not at all, evidence that is missing, a station that dies. The
// verdict is held against what a reader of the events can say without it. Seeded; the seed is in every
// message. Under a sanitizer there are fewer of them; the release build does all.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <tuple>

#include "model/verdict.h"

namespace kiln {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kRunsOfEach = 1'000;
#else
constexpr unsigned kRunsOfEach = 21'000;  // of each of the five below
#endif

using Dice = std::mt19937;

int roll(Dice& dice, int low, int high) { return std::uniform_int_distribution<int>(low, high)(dice); }
bool one_in(Dice& dice, int many) { return roll(dice, 1, many) == 1; }

class SmallRun {
 public:
  /// `sound`: nothing goes wrong.
  explicit SmallRun(Dice& dice, bool sound = false) : dice_(dice), sound_(sound) {
    RunBegun begun;
    begun.rack = "R01";
    begun.purpose = "burn-in";
    begun.marginal_is_conditional = one_in(dice_, 2);
    add("", "", 1, begun);
    const int duts = roll(dice_, 1, 2);
    const int steps = roll(dice_, 1, 2);
    const int parts = roll(dice_, 1, 2);
    for (int dut = 0; dut < duts; ++dut) plan(name("C0", dut), steps, parts);
    for (int step = 0; step < steps; ++step) {
      for (int dut = 0; dut < duts; ++dut) work(name("C0", dut), name("phase/step", step), parts);
    }
    if (goes_wrong(25)) hazard("C00");
    if (goes_wrong(25)) add("", "", 1, StopRequested{"SIGINT", 2});
    if (!goes_wrong(25)) add("", "", 1, RunEnded{"complete", ""});
  }

  void add(const std::string& dut, const std::string& step, int attempt, EventBody body) {
    Event event;
    event.sequence = static_cast<std::int64_t>(events.size()) + 1;
    event.dut = dut;
    event.step = step;
    event.attempt = attempt;
    event.body = std::move(body);
    events.push_back(std::move(event));
  }
  static std::string name(const char* what, int number) { return what + std::to_string(number); }

  std::vector<Event> events;

 private:
  bool goes_wrong(int once_in) { return !sound_ && one_in(dice_, once_in); }

  void plan(const std::string& dut, int steps, int parts) {
    DutPlanned planned;
    planned.role = Role::compute_tray;
    add(dut, "", 1, planned);
    for (int step = 0; step < steps; ++step) {
      for (int part = 0; part < parts; ++part) {
        CellPlanned cell;
        cell.cell = {name("phase/step", step), dut, "t", ComponentKind::gpu, name("GPU_", part)};
        add(dut, cell.cell.step, 1, cell);
      }
    }
  }
  void work(const std::string& dut, const std::string& step, int parts) {
    if (goes_wrong(30)) return;  // it was never begun
    const int attempts = roll(dice_, 1, 2);
    for (int attempt = 1; attempt <= attempts; ++attempt) {
      add(dut, step, attempt, StepBegun{});
      for (int part = 0; part < parts; ++part) {
        if (goes_wrong(15)) continue;
        add(dut, step, attempt, value_of(name("GPU_", part)));
      }
      if (goes_wrong(60)) interrupt(dut, step);
      if (goes_wrong(30)) continue;  // nobody saw it end
      StepEnded ended;
      ended.status = attempt < attempts ? WorkStatus::error : WorkStatus::complete;
      if (goes_wrong(15)) ended.status = static_cast<WorkStatus>(roll(dice_, 0, 4));
      add(dut, step, attempt, ended);
    }
  }
  /// As the engine records it: judged by the row.
  Measured value_of(const std::string& part) {
    static const std::array<Value, 9> kOdd{Value{std::numeric_limits<double>::quiet_NaN()},
                                           Value{std::numeric_limits<double>::infinity()},
                                           Value{-std::numeric_limits<double>::infinity()},
                                           Value{std::monostate{}},
                                           Value{std::string("N/A")},
                                           Value{std::string("60")},
                                           Value{true},
                                           Value{std::int64_t{9223372036854775794}},
                                           Value{140737488355328.0}};
    Limit limit;
    limit.name = "t";
    limit.unit = "Cel";
    limit.max = 85;
    limit.marginal = 80;
    Measured body;
    body.name = limit.name;
    body.kind = ComponentKind::gpu;
    body.part = part;
    body.unit = goes_wrong(60) ? "K" : limit.unit;
    body.value = 60.0;
    if (goes_wrong(12)) body.value = 82.0;
    if (goes_wrong(30)) body.value = 91.0;
    if (goes_wrong(15)) body.value = kOdd[static_cast<std::size_t>(roll(dice_, 0, 8))];
    body.limit_text = limit.text();
    const Judgement judged = judge(limit, body.value, body.unit);
    body.outcome = judged.outcome;
    body.reason = judged.reason;
    if (goes_wrong(40)) body.outcome = one_in(dice_, 2) ? Outcome::skipped : Outcome::informational;
    return body;
  }
  void interrupt(const std::string& dut, const std::string& step) {
    RunResumed resumed;
    resumed.number = 1;
    add("", "", 1, resumed);
    StepResumed again;
    again.kept = one_in(dice_, 2);
    add(dut, step, 1, again);
  }
  void hazard(const std::string& dut) {
    Interlocked cut;
    cut.code = "leak.detected";
    cut.hazard_read = one_in(dice_, 2);
    add(dut, "", 1, cut);
  }

  Dice& dice_;
  bool sound_;
};

bool is_real(const Measured& measured) {
  const auto* number = std::get_if<double>(&measured.value);
  return number != nullptr && *number <= 85 && *number >= 0 && measured.unit == "Cel";
}

/// What a reader sees without any roll-up.
struct Seen {
  bool all_cells_shown = true;  ///< each by a real number, inside its limit, of an attempt that completed
  bool any_fail = false, any_hazard = false, has_ended = false, was_stopped = false;
  int cells = 0;
};

Seen look(const std::vector<Event>& events) {
  using Attempt = std::tuple<std::string, std::string, int, int>;
  Seen seen;
  std::set<Attempt> completed;
  for (const Event& event : events) {
    if (const auto* ended = std::get_if<StepEnded>(&event.body);
        ended != nullptr && ended->status == WorkStatus::complete)
      completed.insert({event.dut, event.step, event.iteration, event.attempt});
    if (const auto* measured = std::get_if<Measured>(&event.body))
      seen.any_fail = seen.any_fail || measured->outcome == Outcome::fail;
    if (const auto* cut = std::get_if<Interlocked>(&event.body))
      seen.any_hazard = seen.any_hazard || cut->hazard_read;
    seen.has_ended = seen.has_ended || std::holds_alternative<RunEnded>(event.body);
    seen.was_stopped = seen.was_stopped || std::holds_alternative<StopRequested>(event.body);
  }
  for (const Event& planned : events) {
    const auto* cell = std::get_if<CellPlanned>(&planned.body);
    if (cell == nullptr) continue;
    ++seen.cells;
    const bool shown = std::any_of(events.begin(), events.end(), [&](const Event& event) {
      const auto* measured = std::get_if<Measured>(&event.body);
      return measured != nullptr && event.dut == cell->cell.dut && event.step == cell->cell.step &&
             measured->part == cell->cell.part && is_real(*measured) &&
             (measured->outcome == Outcome::pass || measured->outcome == Outcome::marginal) &&
             completed.count({event.dut, event.step, event.iteration, event.attempt}) != 0;
    });
    seen.all_cells_shown = seen.all_cells_shown && shown;
  }
  return seen;
}

/// All that a verdict says, as text.
std::string all_of(const RunVerdict& verdict) {
  std::ostringstream out;
  out << (verdict.decision ? to_string(*verdict.decision) : "none") << ' ' << verdict.sign_off << ' '
      << exit_code(verdict) << ' ' << verdict.interruptions.size();
  for (const DutVerdict& dut : verdict.duts) {
    out << '\n' << dut.id << ' ' << to_string(dut.decision) << ' ' << dut.disturbances;
    for (const Reason& reason : dut.reasons)
      out << '\n' << reason.code << '|' << reason.message << '|' << reason.fru << '|' << reason.cells;
    for (const CellVerdict& cell : dut.cells)
      out << '\n' << cell.cell.step << cell.cell.part << static_cast<int>(cell.state) << cell.code;
  }
  return out.str();
}

TEST(VerdictOfManyRuns, GoIsOnlyWhatARealValueShowsForEveryCell) {
  std::map<Decision, int> seen_decisions;
  for (unsigned seed = 1; seed <= kRunsOfEach; ++seed) {
    Dice dice(seed);
    const SmallRun run(dice);
    const Seen seen = look(run.events);
    const Decision decision = roll_up(run.events).decision.value();
    ++seen_decisions[decision];
    if (decision <= Decision::conditional) {
      ASSERT_TRUE(seen.all_cells_shown && seen.has_ended && !seen.was_stopped) << "seed " << seed;
    }
    if (seen.any_fail || seen.any_hazard) {
      ASSERT_EQ(decision, Decision::no_go) << "seed " << seed;
    }
    // Missing evidence is not by itself a fail.
    if (decision == Decision::no_go) {
      ASSERT_TRUE(seen.any_fail || seen.any_hazard) << "seed " << seed;
    }
  }
  for (const Decision decision : {Decision::go, Decision::conditional, Decision::incomplete, Decision::no_go})
    EXPECT_GT(seen_decisions[decision], static_cast<int>(kRunsOfEach / 100)) << to_string(decision);
}

TEST(VerdictOfManyRuns, TheCountsAddUpForEveryDutAndForTheRun) {
  for (unsigned seed = 1; seed <= kRunsOfEach; ++seed) {
    Dice dice(1'000'000 + seed);
    const SmallRun run(dice);
    const RunVerdict verdict = roll_up(run.events);
    Counts sum;
    for (const DutVerdict& dut : verdict.duts) {
      const auto cells_that = [&dut](CellState state) {
        return static_cast<int>(
            std::count_if(dut.cells.begin(), dut.cells.end(),
                          [state](const CellVerdict& cell) { return cell.state == state; }));
      };
      const Counts& counts = dut.counts;
      ASSERT_EQ(counts.required, static_cast<int>(dut.cells.size())) << "seed " << seed;
      ASSERT_EQ(counts.required, counts.measured + counts.not_run) << "seed " << seed;
      ASSERT_EQ(counts.failed, cells_that(CellState::failed)) << "seed " << seed;
      ASSERT_EQ(counts.marginal, cells_that(CellState::marginal)) << "seed " << seed;
      ASSERT_EQ(counts.not_run, cells_that(CellState::not_run)) << "seed " << seed;
      ASSERT_LE(counts.failed + counts.marginal + counts.waived, counts.measured) << "seed " << seed;
      ASSERT_GE(std::min({counts.failed, counts.marginal, counts.waived, counts.not_run}), 0);
      sum += counts;
    }
    ASSERT_EQ(sum.required, look(run.events).cells) << "seed " << seed;
    ASSERT_EQ(verdict.counts.required, sum.required) << "seed " << seed;
    ASSERT_EQ(verdict.counts.failed, sum.failed) << "seed " << seed;
    ASSERT_EQ(verdict.counts.not_run, sum.not_run) << "seed " << seed;
  }
}

TEST(VerdictOfManyRuns, TheOrderOfEventsLeavesNoTrace) {
  for (unsigned seed = 1; seed <= kRunsOfEach; ++seed) {
    Dice dice(2'000'000 + seed);
    SmallRun run(dice);
    const std::string before = all_of(roll_up(run.events));
    std::shuffle(run.events.begin(), run.events.end(), dice);
    ASSERT_EQ(all_of(roll_up(run.events)), before) << "seed " << seed;
  }
}

TEST(VerdictOfManyRuns, AFailMoreOrAPassLessNeverImproves) {
  for (unsigned seed = 1; seed <= kRunsOfEach; ++seed) {
    Dice dice(3'000'000 + seed);
    SmallRun run(dice, one_in(dice, 3));
    const Decision before = roll_up(run.events).decision.value();
    std::vector<std::size_t> passes;
    for (std::size_t at = 0; at < run.events.size(); ++at) {
      const auto* measured = std::get_if<Measured>(&run.events[at].body);
      if (measured != nullptr && measured->outcome == Outcome::pass) passes.push_back(at);
    }
    if (!passes.empty()) {
      const std::size_t chosen =
          passes[static_cast<std::size_t>(roll(dice, 0, static_cast<int>(passes.size()) - 1))];
      std::vector<Event> without = run.events;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(chosen));
      ASSERT_GE(roll_up(without).decision, before) << "seed " << seed << " without event " << chosen + 1;
    }
    Measured failed;
    failed.name = "t";
    failed.part = SmallRun::name("GPU_", roll(dice, 0, 3));
    failed.value = 99.0;
    failed.unit = "Cel";
    failed.outcome = Outcome::fail;
    run.add("C00", SmallRun::name("phase/step", roll(dice, 0, 2)), roll(dice, 1, 3), failed);
    ASSERT_EQ(roll_up(run.events).decision, Decision::no_go) << "seed " << seed;
  }
}

/// Neither a repeated attempt nor a later iteration nor a resumed run takes it away.
TEST(VerdictOfManyRuns, AFailStaysWhateverIsMeasuredLater) {
  for (unsigned seed = 1; seed <= kRunsOfEach; ++seed) {
    Dice dice(4'000'000 + seed);
    SmallRun run(dice, true);
    std::vector<std::size_t> values;
    for (std::size_t at = 0; at < run.events.size(); ++at) {
      if (std::holds_alternative<Measured>(run.events[at].body)) values.push_back(at);
    }
    const std::size_t chosen =
        values[static_cast<std::size_t>(roll(dice, 0, static_cast<int>(values.size()) - 1))];
    const Event was = run.events[chosen];
    std::get<Measured>(run.events[chosen].body).outcome = Outcome::fail;
    if (one_in(dice, 3)) {
      run.add("", "", 1, RunResumed{});
      run.add(was.dut, was.step, 1, StepResumed{});
    }
    const int again = one_in(dice, 2) ? was.attempt + 5 : was.attempt;
    run.add(was.dut, was.step, again, StepBegun{});
    Measured passed = std::get<Measured>(was.body);
    passed.outcome = Outcome::pass;
    run.add(was.dut, was.step, again, passed);
    run.add(was.dut, was.step, again, StepEnded{});
    const RunVerdict verdict = roll_up(run.events);
    ASSERT_EQ(verdict.decision, Decision::no_go) << "seed " << seed;
    ASSERT_GE(verdict.counts.failed, 1) << "seed " << seed;
  }
}

}  // namespace
}  // namespace kiln
