// Claims about a run that goes on after its station had died: what is kept, what is done again, what a fail
// of before does, and that no wrong GO comes of it. Virtual time, fake hardware, the real engine.

#include "engine/resume.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// Measures each GPU as good, or as it is told, and counts how often it ran.
class CountedStep final : public Step {
 public:
  CountedStep(std::string use, ResumePolicy policy, int& runs) : runs_(runs) {
    description_.use = std::move(use);
    description_.on_resume = policy;
    description_.measurements = {
        {"part.good", "", ComponentKind::gpu, true, "part.bad", "replace it", "the part is good"}};
  }
  CountedStep& energising(Energy energy) {
    description_.energises = energy;
    return *this;
  }
  CountedStep& looking_back() {
    description_.looks_back = true;
    return *this;
  }
  CountedStep& monitoring() {
    description_.monitor = true;
    return *this;
  }
  CountedStep& failing_on(std::string dut) {
    fails_on_ = std::move(dut);
    return *this;
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    ++runs_;
    if (description_.monitor) {
      const Status stopped = co_await context.ctx().sleep_for(24h);
      (void)stopped;
    } else {
      const Status waited = co_await context.ctx().sleep_for(1s);
      if (!waited) co_return waited;
    }
    for (const Component* gpu : context.dut().expect.of_kind(ComponentKind::gpu)) {
      Reading reading("part.good", gpu->name, context.dut().id != fails_on_, Source{"test", ""});
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
    co_return success();
  }

 private:
  StepDescription description_;
  std::string fails_on_;
  int& runs_;
};

/// The same plan each time it is made, as a recipe read again gives the same plan.
struct Station {
  Station() {
    bench.limit_equals("part.good", "", true);
    for (const char* id : {"C01", "C02"}) {
      Dut& dut = bench.add_dut(id, Role::server);
      bench.expect(dut, ComponentKind::gpu, {"GPU_0", "GPU_1"});
    }
  }
  CountedStep& step(const std::string& name, ResumePolicy policy) {
    auto made = std::make_unique<CountedStep>("test." + name, policy, runs[name]);
    CountedStep& reference = *made;
    specs[name] = &bench.step(name, std::move(made));
    return reference;
  }
  CountedStep& monitor(const std::string& name) {
    auto made = std::make_unique<CountedStep>("test." + name, ResumePolicy::restart, runs[name]);
    made->monitoring();
    CountedStep& reference = *made;
    bench.monitor(name, std::move(made), 1s);
    return reference;
  }
  std::map<std::string, int> runs;
  std::map<std::string, StepSpec*> specs;
  StepBench bench;
};

using Make = std::function<void(Station&)>;

/// How many events a run has until `path` has begun on all DUTs (`ended`: has ended).
std::size_t events_until(const BenchResult& run, const std::string& path, bool ended, std::size_t duts = 2) {
  std::size_t found = 0;
  for (std::size_t index = 0; index < run.events.size(); ++index) {
    const Event& event = run.events[index];
    if (event.step != path) continue;
    found +=
        ended ? std::holds_alternative<StepEnded>(event.body) : std::holds_alternative<StepBegun>(event.body);
    if (found == duts) return index + 1;
  }
  ADD_FAILURE() << path << " is not in the record";
  return run.events.size();
}

struct Resumed {
  BenchResult before, after;
  std::map<std::string, int> runs;  ///< in the second life
};

Resumed die_and_resume(const Make& make, const std::string& path, bool ended) {
  Resumed result;
  Station whole;
  make(whole);
  result.before = whole.bench.run();
  const std::size_t events = events_until(result.before, path, ended);
  result.before.events.resize(events);
  result.before.verdict = roll_up(result.before.events);
  Station again;
  make(again);
  result.after = again.bench.resume(result.before);
  result.runs = again.runs;
  return result;
}

StepResumed decision(const BenchResult& result, const std::string& path, const std::string& dut = "C01") {
  for (const Event& event : result.events) {
    const auto* resumed = std::get_if<StepResumed>(&event.body);
    if (resumed != nullptr && event.step == path && event.dut == dut) return *resumed;
  }
  ADD_FAILURE() << "nothing was decided on " << path << " of " << dut;
  return {};
}

TEST(ResumeTest, WhatWasMeasuredInFullIsKeptAndTheRestIsDone) {
  const Make make = [](Station& station) {
    station.step("first", ResumePolicy::keep);
    station.step("second", ResumePolicy::keep);
    station.step("third", ResumePolicy::keep);
  };
  Resumed result = die_and_resume(make, "main/second", false);
  EXPECT_EQ(result.before.verdict.decision, Decision::incomplete);
  EXPECT_EQ(result.runs["first"], 0);
  EXPECT_EQ(result.runs["second"], 2);
  EXPECT_EQ(result.runs["third"], 2);
  EXPECT_TRUE(decision(result.after, "main/first").kept);
  EXPECT_FALSE(decision(result.after, "main/second").kept);
  EXPECT_EQ(result.after.verdict.decision, Decision::go);
  EXPECT_EQ(result.after.verdict.counts.measured, 12);
  ASSERT_EQ(result.after.verdict.interruptions.size(), 1U);
  EXPECT_EQ(roll_up(result.after.events).decision, Decision::go);
}

TEST(ResumeTest, ByDefaultAStepIsDoneAgainAsANewAttempt) {
  const Make make = [](Station& station) {
    station.step("first", ResumePolicy::restart);
    station.step("second", ResumePolicy::restart);
  };
  Resumed result = die_and_resume(make, "main/second", false);
  EXPECT_EQ(result.runs["first"], 2);
  int second_attempts = 0;
  for (const Event& event : result.after.events) {
    if (event.step == "main/first" && std::holds_alternative<StepEnded>(event.body) && event.attempt == 2)
      ++second_attempts;
  }
  EXPECT_EQ(second_attempts, 2);
  EXPECT_EQ(result.after.verdict.decision, Decision::go);
}

TEST(ResumeTest, AFailOfBeforeStaysAFailAndItsGateStaysShut) {
  Station whole;
  whole.step("gate", ResumePolicy::restart).failing_on("C01");
  whole.step("later", ResumePolicy::restart);
  BenchResult before = whole.bench.run();
  before.events.resize(events_until(before, "main/gate", true));
  Station again;  // the part reads good now
  again.step("gate", ResumePolicy::restart);
  again.step("later", ResumePolicy::restart);
  const BenchResult after = again.bench.resume(before);
  EXPECT_EQ(after.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(after.verdict.find("C02")->decision, Decision::go);
}

TEST(ResumeTest, LoadIsNotKeptWhenWhatAMonitorCountedBesideItIsLost) {
  const Make make = [](Station& station) {
    station.step("load", ResumePolicy::keep).energising(Energy::host_stress);
    station.step("read", ResumePolicy::keep);
    station.step("last", ResumePolicy::keep);
    station.monitor("watch");
  };
  Resumed result = die_and_resume(make, "main/last", false);
  EXPECT_FALSE(decision(result.after, "main/load").kept);
  EXPECT_NE(decision(result.after, "main/load").reason.find("monitor/watch"), std::string::npos);
  EXPECT_TRUE(decision(result.after, "main/read").kept);
  EXPECT_EQ(result.after.verdict.decision, Decision::go);
}

TEST(ResumeTest, LoadIsNotKeptWhenALaterStepStillJudgesWhatItLeftBehind) {
  const Make make = [](Station& station) {
    station.step("load", ResumePolicy::keep).energising(Energy::host_stress);
    station.step("after", ResumePolicy::keep).looking_back();
    station.step("last", ResumePolicy::keep);
  };
  Resumed interrupted = die_and_resume(make, "main/after", false);
  EXPECT_FALSE(decision(interrupted.after, "main/load").kept);
  EXPECT_EQ(interrupted.after.verdict.decision, Decision::go);
  Resumed judged = die_and_resume(make, "main/last", false);
  EXPECT_TRUE(decision(judged.after, "main/load").kept);
  EXPECT_TRUE(decision(judged.after, "main/after").kept);
  EXPECT_EQ(judged.after.verdict.decision, Decision::go);
}

TEST(ResumeTest, DutsThatWaitForEachOtherDoItAgainTogether) {
  const Make make = [](Station& station) {
    station.step("together", ResumePolicy::keep);
    station.specs["together"]->barrier_before = true;
    station.step("last", ResumePolicy::keep);
  };
  Station whole;
  make(whole);
  BenchResult before = whole.bench.run();
  before.events.resize(events_until(before, "main/together", true, 1));  // on one of the two
  Station again;
  make(again);
  const BenchResult after = again.bench.resume(before);
  EXPECT_EQ(again.runs["together"], 2);
  EXPECT_EQ(after.verdict.decision, Decision::go);
}

TEST(ResumeTest, WhatEnergisesOrProvesSafetyIsNeverKept) {
  StepDescription power;
  power.on_resume = ResumePolicy::keep;
  power.energises = Energy::power;
  EXPECT_EQ(least_resume_policy(power), ResumePolicy::restart);
  StepDescription flash;
  flash.on_resume = ResumePolicy::keep;
  flash.energises = Energy::flash;
  EXPECT_EQ(least_resume_policy(flash), ResumePolicy::verify);
  StepDescription cooling;
  cooling.on_resume = ResumePolicy::keep;
  cooling.proves_cooling = true;
  EXPECT_EQ(least_resume_policy(cooling), ResumePolicy::restart);
}

TEST(ResumeTest, ARecipeMayAskForMoreAndNotForLess) {
  Station more;
  more.step("first", ResumePolicy::keep);
  more.specs["first"]->on_resume = ResumePolicy::restart;
  EXPECT_TRUE(more.bench.run().problems.empty());
  Station less;
  less.step("first", ResumePolicy::restart);
  less.specs["first"]->on_resume = ResumePolicy::verify;
  const BenchResult refused = less.bench.run();
  ASSERT_EQ(refused.problems.size(), 1U);
  EXPECT_EQ(refused.problems.front().code, "plan.on_resume");
}

TEST(ResumeTest, AnotherTrayInThePlaceIsNotRunAndNotJudgedByTheOldOne) {
  Station whole;
  whole.step("first", ResumePolicy::keep);
  whole.step("second", ResumePolicy::keep);
  BenchResult before = whole.bench.run();
  before.events.resize(events_until(before, "main/second", false));
  Station again;
  again.step("first", ResumePolicy::keep);
  again.step("second", ResumePolicy::keep);
  again.bench.hardware("C02").identity.serial = "SN-other";
  const BenchResult after = again.bench.resume(before);
  EXPECT_EQ(after.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(after.verdict.find("C02")->decision, Decision::incomplete);
  EXPECT_EQ(after.verdict.find("C02")->counts.measured, 0);
  EXPECT_EQ(after.verdict.find("C02")->reasons.front().code, "resume.other_dut");
}

TEST(ResumeTest, ATrayThatDoesNotSayWhoItIsKeepsNothing) {
  Station whole;
  whole.step("first", ResumePolicy::keep);
  whole.step("second", ResumePolicy::keep);
  whole.bench.hardware("C02").identity.serial = "";
  BenchResult before = whole.bench.run();
  before.events.resize(events_until(before, "main/second", false));
  Station again;
  again.step("first", ResumePolicy::keep);
  again.step("second", ResumePolicy::keep);
  const BenchResult after = again.bench.resume(before);
  EXPECT_TRUE(decision(after, "main/first", "C01").kept);
  EXPECT_FALSE(decision(after, "main/first", "C02").kept);
  EXPECT_EQ(after.verdict.decision, Decision::go);
}

TEST(ResumeTest, ManualIsDoneAgainOnlyWhenAPersonSaysSo) {
  const auto run = [](bool answered) {
    const Make make = [answered](Station& station) {
      station.step("first", ResumePolicy::manual);
      station.step("second", ResumePolicy::keep);
      if (answered) station.bench.answer_prompt("resume main/first", "yes");
    };
    return die_and_resume(make, "main/second", false);
  };
  Resumed said = run(true);
  EXPECT_EQ(said.runs["first"], 2);
  EXPECT_EQ(said.after.verdict.decision, Decision::go);
  EXPECT_EQ(said.after.bodies<PromptAnswered>().size(), 2U);
  Resumed unsaid = run(false);
  EXPECT_EQ(unsaid.runs["first"], 0);
  EXPECT_EQ(unsaid.after.verdict.decision, Decision::incomplete);
  EXPECT_EQ(unsaid.after.verdict.find("C01")->reasons.front().code, "resume.not_confirmed");
}

TEST(ResumeTest, UnbrokenTimeBeginsAnew) {
  const Make make = [](Station& station) {
    station.step("soak", ResumePolicy::keep);
    station.specs["soak"]->repeat_for = 10s;
  };
  Station whole;
  make(whole);
  BenchResult before = whole.bench.run();
  const int once = whole.runs["soak"];
  before.events.resize(before.events.size() / 2);
  Station again;
  make(again);
  const BenchResult after = again.bench.resume(before);
  EXPECT_EQ(again.runs["soak"], once);
  EXPECT_GE(after.elapsed_ns, Nanoseconds(10s).count());
  EXPECT_EQ(after.verdict.decision, Decision::go);
}

TEST(ResumeTest, AResumedRunThatDiesTooCanBeResumed) {
  const Make make = [](Station& station) {
    station.step("first", ResumePolicy::keep);
    station.step("second", ResumePolicy::restart);
    station.step("third", ResumePolicy::keep);
  };
  Resumed once = die_and_resume(make, "main/second", false);
  BenchResult twice_dead = once.after;
  // In its second life, in the third step.
  twice_dead.events.resize(events_until(twice_dead, "main/third", false));
  Station again;
  make(again);
  const BenchResult after = again.bench.resume(twice_dead);
  EXPECT_EQ(after.verdict.decision, Decision::go);
  ASSERT_EQ(after.verdict.interruptions.size(), 2U);
  EXPECT_EQ(after.verdict.interruptions[1].number, 2);
  EXPECT_EQ(again.runs["first"], 0);
  EXPECT_EQ(again.runs["second"], 2);
}

TEST(ResumeTest, ARunThatDiedInItsTeardownKeepsAllAndTearsDownAgain) {
  const Make make = [](Station& station) {
    station.step("load", ResumePolicy::restart).energising(Energy::host_stress);
    station.monitor("watch");
    auto off = std::make_unique<CountedStep>("test.off", ResumePolicy::restart, station.runs["off"]);
    station.bench.teardown("off", std::move(off));
  };
  Resumed result = die_and_resume(make, "teardown/off", false);
  EXPECT_EQ(result.runs["load"], 0);
  EXPECT_EQ(result.runs["watch"], 0);
  EXPECT_EQ(result.runs["off"], 2);
  EXPECT_EQ(result.after.verdict.decision, Decision::go);
}

TEST(ResumeTest, WhereverItDiesItEndsAsAnUnbrokenRunDoes) {
  const Make make = [](Station& station) {
    station.step("first", ResumePolicy::keep);
    station.step("load", ResumePolicy::keep).energising(Energy::host_stress);
    station.step("twice", ResumePolicy::restart);
    station.specs["twice"]->repeat = 2;
    station.step("after", ResumePolicy::restart).looking_back();
    station.monitor("watch");
  };
  Station whole;
  make(whole);
  const BenchResult run = whole.bench.run();
  ASSERT_EQ(run.verdict.decision, Decision::go);
  const std::size_t first = events_until(run, "main/first", false, 1);
  for (std::size_t events = first; events < run.events.size(); ++events) {
    BenchResult before = run;
    before.events.resize(events);
    EXPECT_EQ(roll_up(before.events).decision, Decision::incomplete) << events;
    Station again;
    make(again);
    const BenchResult after = again.bench.resume(before);
    EXPECT_EQ(after.verdict.decision, Decision::go) << "died after event " << events;
    EXPECT_EQ(after.verdict.counts.required, run.verdict.counts.required);
    // Every second life's evidence is needed: without its last measurements there is no GO.
    std::vector<Event> robbed = after.events;
    std::erase_if(robbed, [events](const Event& event) {
      return event.sequence > static_cast<std::int64_t>(events) &&
             std::holds_alternative<Measured>(event.body);
    });
    const bool measured_again = robbed.size() != after.events.size();
    if (measured_again) {
      EXPECT_NE(roll_up(robbed).decision, Decision::go) << events;
    }
  }
}

}  // namespace
}  // namespace kiln
