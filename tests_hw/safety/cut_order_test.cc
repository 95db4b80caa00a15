// Cut first, then write, then tell: a leak under load in the world of kill_world_for_test.h, with everything
// that reached rack, disk and people in one list. Whoever of the two watchers sees it first, force-off has
// reached the BMC, and the end of load the host, before a byte about it is written; and force-off was sent
// before anybody hears of it (what is told on the spot overtakes a request that travels for 20 ms).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "kill_recipe_for_test.h"
#include "kill_state_for_test.h"
#include "kill_world_for_test.h"

namespace kiln::kills {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kSeen = 1200ms;  ///< a poll a second, and the way
constexpr Nanoseconds kPhase = 130ms;  ///< between two moments of the leak
constexpr int kPhases = 8;

class CutOrder : public testing::Test {
 protected:
  /// Eight times, at eight moments between two polls.
  void leak(Accident accident, const std::vector<std::string>& reach) {
    for (int phase = 0; phase < kPhases; ++phase) {
      accident.after = 2s + phase * kPhase;
      const StateDirectory state;
      World world(burn_in(), state.path(), 0, Death::killed, Bmcs::obedient, accident);
      world.run();
      SCOPED_TRACE(fmt::format("leak {} after the load", format_duration(accident.after)));
      for (const std::string& each : world.wrong) ADD_FAILURE() << each;
      EXPECT_TRUE(world.station_left);
      for (const std::string& id : reach) check(world, id);
      for (const auto& [id, machine] : world.rack.machines())
        EXPECT_FALSE(machine->on || machine->load) << id;
      last_trail_ = world.trail;
    }
    std::cout << fmt::format("{} leaks: the station cut first {} times, the warden {} times\n", kPhases,
                             station_first_, warden_first_);
    EXPECT_GT(station_first_, 0);
    EXPECT_GT(warden_first_, 0);
  }
  void check(const World& world, const std::string& id) {
    SCOPED_TRACE(id);
    const bool silent = id == world.accident.silent;
    const bool loaded = id.starts_with("C0");
    const auto sent = first(world, id, {"off sent by "});
    const auto off = first(world, id, {"off received"});
    const auto load_end = first(world, id, {"load end received"});
    const auto written = first(world, id, {"record ", "journal "});
    const auto told = first(world, id, {"told "});
    ASSERT_TRUE(sent && written && told);
    EXPECT_LT(*sent, *told) << "cut first, then tell";
    ASSERT_EQ(off.has_value(), !silent);
    const std::int64_t seen_ns = world.accident_ns + kSeen.count();
    if (off) {
      EXPECT_LT(*off, *written) << "cut first, then write: " << world.trail[*written].what;
      EXPECT_LE(world.trail[*off].at_ns, seen_ns);
    }
    if (loaded) {
      ASSERT_TRUE(load_end);
      EXPECT_LT(*load_end, *written) << "cut first, then write: " << world.trail[*written].what;
      EXPECT_LE(world.trail[*load_end].at_ns, seen_ns);
    }
    if (off && loaded) {
      EXPECT_LE(std::abs(world.trail[*off].at_ns - world.trail[*load_end].at_ns), kTravel.count())
          << "neither waits for the other";
    }
    const std::int64_t stalled_ns = world.accident_ns + world.accident.stalls.count();
    for (const Mark& mark : world.trail) {
      if (world.accident.stalls == 0s || !mark.what.starts_with("record ")) continue;
      if (mark.at_ns >= world.accident_ns) {
        EXPECT_GE(mark.at_ns, stalled_ns) << mark.what;
      }
    }
    EXPECT_TRUE(std::any_of(world.committed.begin(), world.committed.end(), [&id](const Event& event) {
      return event.dut == id && std::holds_alternative<Interlocked>(event.body);
    }));
    ++(world.trail[*sent].what.ends_with("station") ? station_first_ : warden_first_);
  }
  /// The first mark of `id` since the leak that begins like one of these.
  static std::optional<std::size_t> first(const World& world, const std::string& id,
                                          const std::vector<std::string>& beginnings) {
    const auto found = std::find_if(world.trail.begin(), world.trail.end(), [&](const Mark& mark) {
      return mark.dut == id && mark.at_ns >= world.accident_ns && world.accident_ns != 0 &&
             std::any_of(beginnings.begin(), beginnings.end(),
                         [&mark](const std::string& each) { return mark.what.starts_with(each); });
    });
    if (found == world.trail.end()) return std::nullopt;
    return static_cast<std::size_t>(found - world.trail.begin());
  }
  int station_first_ = 0, warden_first_ = 0;
  std::vector<Mark> last_trail_;
};

TEST_F(CutOrder, ALeakUnderLoadIsCutBeforeAnythingIsWrittenOrTold) {
  Accident accident;
  accident.leaks = "C01";
  leak(accident, {"C01"});
}

TEST_F(CutOrder, ALedgerThatWritesNothingHoldsNothingUp) {
  Accident accident;
  accident.leaks = "C01";
  accident.stalls = 60s;
  leak(accident, {"C01"});
}

TEST_F(CutOrder, ABmcThatNeverAnswersHoldsUpNoOtherCut) {
  Accident accident;
  accident.leaks = "CDU01";
  accident.silent = "C02";
  leak(accident, {"C01", "S01", "C02"});
  EXPECT_TRUE(std::any_of(last_trail_.begin(), last_trail_.end(), [](const Mark& mark) {
    return mark.what == "off received" && mark.dut == "P01";
  })) << "the rung above it";
}

}  // namespace
}  // namespace kiln::kills
