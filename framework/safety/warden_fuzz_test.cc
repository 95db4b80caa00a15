// A running warden that is told anything, in any order: what a station of its own build could say, said
// twice, left out, out of order, cut short, of DUTs and numbers that nobody knows, and garbage in between.
// What the station had told it was on must be off in time once the station is dead, silent or spoke garbage;
// nothing is touched that it was not told of; it ends by itself, and leaves a journal that can be read.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "io/loop.h"
#include "safety/fuzz_for_test.h"
#include "safety/guard_journal.h"
#include "safety/warden.h"
#include "testing/fake_leak_detectors.h"
#include "testing/fake_power_switch.h"
#include "testing/scripted_socket.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr Nanoseconds kInTime = 3s;       ///< an undo here takes less than a second
constexpr Nanoseconds kLongestHeld = 2h;  ///< for firmware that is being written
constexpr int kNumbers = 6;               ///< of guards that the journal knows
constexpr const char* kStopLoad = "pkill -TERM -x gpu_burn";

/// One tray, its host, and what the station has said of it.
struct FuzzedTray {
  std::shared_ptr<FakePower> power = std::make_shared<FakePower>();
  bool loaded = false;
  std::int64_t on_ns = 0, loaded_ns = 0, held_until_ns = 0;
  int on_by = 0, loaded_by = 0;  ///< numbers of the guards under which that last happened
  bool told = false;             ///< a guard names it
};

class FuzzedHost final : public Shell {
 public:
  FuzzedHost(FuzzedTray& tray, std::set<std::string>& commands) : tray_(tray), commands_(commands) {}
  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
    const Status waited = co_await ctx.sleep_for(100ms);
    if (!waited) co_return waited.error();
    if (!tray_.power->on) co_return Error("ssh.connect", "no connection to the host");
    commands_.insert(command.line);
    if (command.line == kStopLoad) tray_.loaded = false;
    CommandResult result;
    result.exit_status = 0;
    co_return result;
  }
  awaitable<void> disconnect() override { co_return; }

 private:
  FuzzedTray& tray_;
  std::set<std::string>& commands_;
};

awaitable<void> fuzzed_warden(Ctx& ctx, WardenParts parts, int& status) {
  status = co_await run_warden(ctx, std::move(parts));
}

/// One station's life, as it was drawn.
class FuzzedLife {
 public:
  FuzzedLife(Chance& chance, std::string journal) : chance_(chance), journal_(std::move(journal)) {
    for (const char* id : {"C01", "C02"}) {
      trays_[id].power->on = false;
      trays_[id].power->takes = some(3, 100ms);
    }
  }

  void draw() {
    Nanoseconds when{0};
    for (const std::string& text : beginning()) put_at(when, text);
    const std::size_t said = 1 + chance_.below(30);
    for (std::size_t i = 0; i < said; ++i) {
      when += chance_.below(8) == 0 ? some(6000, 1ms) : some(700, 1ms);
      std::string text = encode(any());
      const std::size_t fate = chance_.below(12);
      if (fate == 0) continue;  // dropped
      if (fate == 1) text = bent(text, {encode(any()), encode(WardenBegin{})}, chance_);
      put_at(when, text);
      if (fate == 2) put_at(when, text);
      // Out of order: what was said before comes once more, or a little later than the next.
      if (fate == 3) put_at(when + some(900, 1ms), text);
    }
    const Nanoseconds silence = chance_.below(4) == 0 ? Nanoseconds(20s) : some(900, 1ms);
    die(when + 1s + silence);
  }

  /// What is told instead of what is drawn.
  void begin() {
    for (const std::string& text :
         {encode(hello()), encode(tray("C01")), encode(tray("C02")), encode(WardenBegin{})})
      put_at(0s, text);
  }
  void say(Nanoseconds when, const WardenMessage& message) { put_at(when, encode(message)); }
  void open(Nanoseconds when, int number, const std::string& dut) {
    say(when, WardenGuard{number, JournaledUndo(UndoKind::force_off, dut, "force off " + dut)});
  }
  static WardenGuard write(int number, const std::string& dut, Nanoseconds budget) {
    WardenGuard said{number,
                     JournaledUndo(UndoKind::firmware_write, dut, "wait for a firmware write on " + dut)};
    said.undo.budget = std::max(budget, Nanoseconds(1ns));
    return said;
  }
  void garbage(Nanoseconds when) { put_at(when, "{"); }
  void die(Nanoseconds when) {
    at(when, [this] { socket_.close(); });
  }
  [[nodiscard]] Nanoseconds off_after(const std::string& dut) const {
    const FakePower& power = *trays_.at(dut).power;
    return power.on ? Nanoseconds::max() : Nanoseconds(power.off_ns - start_);
  }

  void run() {
    WardenParts parts;
    parts.station = &socket_;
    parts.version = parts.build_stamp = "fuzz";
    parts.open_bmc = [this](const WardenDut& dut) -> Result<WardenBmc> {
      WardenBmc bmc;
      bmc.power = std::make_unique<FakePowerSwitch>(trays_[dut.id].power);
      bmc.leaks = std::make_unique<FakeLeakDetectors>(std::make_shared<FakeDetectors>());
      return bmc;
    };
    parts.open_shell = [this](const WardenDut& dut) -> Result<std::unique_ptr<Shell>> {
      return std::unique_ptr<Shell>(std::make_unique<FuzzedHost>(trays_[dut.id], commands_));
    };
    parts.write_ends = [this](const std::string&, const std::map<int, UndoResult>& results,
                              const std::map<std::string, JournaledCut>&) { written_ = results; };
    loop_->run([&](Ctx& ctx) { return fuzzed_warden(ctx, parts, status_); });
  }

  std::vector<std::string> check() {
    if (status_ != 0 && (status_ < 2 || status_ > 4))
      wrong_.push_back(fmt::format("it ended with {}", status_));
    for (const auto& [id, tray] : trays_) {
      if ((status_ == 2 || !tray.told) && tray.power->asked_off > 0)
        wrong_.push_back(id + " was forced off unasked");
      if (status_ < 3 || !known_.contains(id)) continue;
      for (const WardenGuard& guard : open_) {
        if (guard.undo.dut != id || guard.undo.budget < kInTime) continue;
        const bool power = guard.undo.kind == UndoKind::force_off;
        if (power && tray.power->on && tray.on_by == guard.number)
          wrong_.push_back(id + " is on and the station is dead");
        if (!power && tray.loaded && tray.power->on && tray.loaded_by == guard.number)
          wrong_.push_back(id + " is loaded and the station is dead");
        if (!doubtful_ && !written_.contains(guard.number))
          wrong_.push_back(fmt::format("nothing is told of guard {}", guard.number));
      }
    }
    for (const std::string& command : commands_) {
      if (!told_commands_.contains(command)) wrong_.push_back("a host was told '" + command + "'");
    }
    write_and_read();
    return wrong_;
  }
  [[nodiscard]] const std::vector<std::string>& said() const { return said_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] int demands() const { return demands_; }

 private:
  void at(Nanoseconds when, std::function<void()> action) {
    loop_->call_at(start_ + when.count(), std::move(action));
  }
  Nanoseconds some(std::size_t below, Nanoseconds unit) {
    return unit * static_cast<std::int64_t>(chance_.below(below));
  }
  [[nodiscard]] std::int64_t now_ns() const { return loop_->clock().now().monotonic_ns; }

  WardenDut tray(const std::string& id) {
    WardenDut dut;
    dut.id = id;
    dut.role = Role::compute_tray;
    dut.bmc_url = dut.host_address = id;
    return dut;
  }
  WardenHello hello() {
    WardenHello said;
    said.version = said.build_stamp = "fuzz";
    said.run = "R-1";
    said.journal = journal_;
    return said;
  }
  std::vector<std::string> beginning() {
    std::vector<std::string> texts{encode(hello()), encode(tray("C01")), encode(tray("C02")),
                                   encode(WardenBegin{})};
    if (chance_.below(8) != 0) return texts;
    std::swap(texts[chance_.below(texts.size())], texts[chance_.below(texts.size())]);
    if (chance_.below(2) == 0)
      texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(chance_.below(texts.size())));
    return texts;
  }
  std::string some_dut() {
    return std::array<std::string, 5>{"C01", "C01", "C02", "C02", "C09"}[chance_.below(5)];
  }
  int some_number() {
    return 1 + static_cast<int>(chance_.below(chance_.below(9) == 0 ? 1'000'000 : kNumbers));
  }
  WardenGuard guard() {
    const std::string dut = some_dut();
    const std::size_t kind = chance_.below(9);
    WardenGuard said{some_number(), JournaledUndo(UndoKind::force_off, dut, "force off " + dut)};
    if (kind > 4) said.undo.kind = kind == 8 ? UndoKind::interlock : UndoKind::shell_command;
    if (kind > 4) said.undo.command = kind == 5 ? "" : kStopLoad;
    return said;
  }
  WardenMessage any() {
    switch (chance_.below(29)) {
      case 0:
        return hello();
      case 1:
        return tray(some_dut());
      case 2:
        return WardenBegin{};
      case 3:
        return WardenReady{};
      case 4:
        return WardenActing{"why"};
      case 5:
        return WardenDone{1, 1};
      case 6:
        return WardenTripped{};
      case 7:
        return StopEverything{"a", "b", ""};
      case 8:
        return WardenLeave{};
      case 9:
        return write(some_number(), some_dut(), some(5, 1s));
      case 10:
        return write(some_number(), "C01", chance_.below(9) == 0 ? Nanoseconds::max() : Nanoseconds(1s));
      case 11:
      case 12:
      case 13:
      case 14:
        return WardenGuardEnd{some_number(), static_cast<GuardEnd>(chance_.below(5))};
      case 15:
      case 16:
      case 17:
      case 18:
      case 19:
      case 20:
        return guard();
      case 21:
        return WardenMask{some_dut(), chance_.below(2) == 0 ? "LeakDetector_0" : "nothing"};
      case 22:
        return WardenUnmask{};
      case 23:
        return WardenMasked{};
      case 24:
      case 25:
        return WardenSilence{some_dut(), static_cast<int>(chance_.below(9)),
                             std::chrono::seconds(chance_.below(900))};
      default:
        return WardenBeat{static_cast<std::int64_t>(chance_.below(100))};
    }
  }

  void put_at(Nanoseconds when, const std::string& text) {
    at(when, [this, when, text] {
      said_.push_back(fmt::format("{} {}", format_duration(when), text.substr(0, 300)));
      hear(text);
      socket_.put(text);
      const int mine = ++heard_;
      loop_->call_at(now_ns() + kStationSilence.count(), [this, mine] {
        if (mine == heard_ && serving_) demand("silence");
      });
    });
  }

  /// What the warden takes it for.
  void hear(const std::string& text) {
    if (left_ || gone_) return;
    const Result<WardenMessage> message = decode_warden_message(text);
    if (!serving_) {
      hear_beginning(message);
      return;
    }
    if (!message) {
      garbled_ = true;
      demand("garbage");
    } else if (const auto* guard = std::get_if<WardenGuard>(&*message)) {
      take(*guard);
    } else if (const auto* end = std::get_if<WardenGuardEnd>(&*message)) {
      if (!outstanding(end->how))
        std::erase_if(open_, [end](const WardenGuard& one) { return one.number == end->number; });
    } else if (std::holds_alternative<WardenLeave>(*message)) {
      left_ = !garbled_ || open_.empty();
      gone_ = !left_;  // a leave that nobody can believe
      if (gone_) demand("leave");
    }
  }
  void hear_beginning(const Result<WardenMessage>& message) {
    const bool hello = message && std::holds_alternative<WardenHello>(*message);
    const WardenDut* dut = message ? std::get_if<WardenDut>(&*message) : nullptr;
    if (dut != nullptr) known_.insert(dut->id);
    const bool begin = message && std::holds_alternative<WardenBegin>(*message);
    greeted_ = greeted_ || hello;
    if (begin && greeted_)
      serving_ = true;
    else if (!hello && dut == nullptr)
      left_ = true;  // it is refused, and there is nothing to undo
  }
  /// A station does it right after it has said so.
  void take(const WardenGuard& guard) {
    bool contradicts = false;
    std::set<int> maybe;
    for (const WardenGuard& one : open_) {
      const bool other =
          one.number == guard.number && (one.undo.dut != guard.undo.dut || one.undo.kind != guard.undo.kind ||
                                         one.undo.command != guard.undo.command);
      // Unless the warden has undone that one meanwhile: then it is no contradiction to it any more.
      contradicts = contradicts || (other && !undoing_.contains(one.number));
      doubtful_ = doubtful_ || other;
      if (other) {
        for (const WardenGuard& each : open_) maybe.insert(each.number);
      }
    }
    if (!contradicts) undoing_.merge(maybe);
    open_.push_back(guard);
    FuzzedTray& tray = trays_[guard.undo.dut];
    tray.told = true;
    if (guard.undo.kind == UndoKind::force_off) {
      tray.loaded = tray.loaded && tray.power->on;
      tray.power->on = true;
      tray.on_ns = now_ns();
      tray.on_by = guard.number;
    } else if (guard.undo.kind == UndoKind::firmware_write) {
      const Nanoseconds held = std::min<Nanoseconds>(guard.undo.budget, kLongestHeld);
      tray.held_until_ns = std::max(tray.held_until_ns, now_ns() + held.count());
    } else {
      told_commands_.insert(guard.undo.command);
      if (guard.undo.command == kStopLoad && tray.power->on) {
        tray.loaded = true;
        tray.loaded_ns = now_ns();
        tray.loaded_by = guard.number;
      }
    }
    if (!contradicts) return;
    garbled_ = true;
    demand("a contradiction");
  }
  /// From here on what is open must be off in time.
  void demand(const std::string& why) {
    for (const WardenGuard& guard : open_) {
      const std::string id = guard.undo.dut;
      if (guard.undo.kind == UndoKind::firmware_write) undoing_.insert(guard.number);
      // Nobody can undo it, or not in the time that it leaves.
      if (!known_.contains(id) || guard.undo.budget < kInTime) continue;
      ++demands_;
      undoing_.insert(guard.number);
      const std::int64_t from_ns = now_ns();
      const std::int64_t until_ns = std::max(from_ns, trays_[id].held_until_ns) + kInTime.count();
      loop_->call_at(until_ns, [this, why, guard, from_ns] { meet(why, guard, from_ns); });
    }
  }
  void meet(const std::string& why, const WardenGuard& guard, std::int64_t from_ns) {
    const FuzzedTray& tray = trays_[guard.undo.dut];
    const bool open = std::any_of(open_.begin(), open_.end(), [&guard](const WardenGuard& one) {
      return one.number == guard.number && one.undo.dut == guard.undo.dut;
    });
    if (!open || left_) return;
    const bool on = guard.undo.kind == UndoKind::force_off && tray.power->on && tray.on_by == guard.number;
    const bool loaded = guard.undo.kind != UndoKind::force_off && tray.loaded && tray.power->on &&
                        tray.loaded_by == guard.number;
    if (on && tray.on_ns <= from_ns)
      wrong_.push_back(
          fmt::format("{} is still on {} after {}", guard.undo.dut, format_duration(kInTime), why));
    if (loaded && tray.loaded_ns <= from_ns)
      wrong_.push_back(
          fmt::format("{} is still loaded {} after {}", guard.undo.dut, format_duration(kInTime), why));
  }

  /// As warden_main.cc writes them, over a journal in which the first guards stand.
  void write_and_read() {
    const SystemClock clock;
    JournalOwner owner;
    owner.run = "R-1";
    {
      Result<std::unique_ptr<GuardJournal>> journal = GuardJournal::create(journal_, owner, clock);
      if (!journal) wrong_.push_back(journal.error().full());
      if (!journal) return;
      for (int number = 1; number <= kNumbers; ++number)
        (void)(*journal)->open(JournaledUndo(UndoKind::force_off, "C01", "force off C01"));
      for (const auto& [number, result] : written_) (void)(*journal)->end(number, result.how, result.message);
    }
    const Result<GuardJournalContent> content = GuardJournal::read(journal_);
    if (!content) wrong_.push_back(content.error().full());
    if (content && !content->unreadable.empty())
      wrong_.emplace_back("a record of the journal cannot be read");
    std::filesystem::remove(journal_);
  }

  Chance& chance_;
  const std::string journal_;
  std::unique_ptr<Loop> loop_ = Loop::simulated();
  const std::int64_t start_ = loop_->clock().now().monotonic_ns;
  ScriptedSocket socket_;
  std::map<std::string, FuzzedTray> trays_;
  std::set<std::string> commands_, told_commands_, known_;
  std::vector<WardenGuard> open_;
  std::set<int> undoing_;  ///< numbers of guards that the warden may have undone already
  std::map<int, UndoResult> written_;
  std::vector<std::string> said_, wrong_;
  bool greeted_ = false, serving_ = false, garbled_ = false, doubtful_ = false, left_ = false, gone_ = false;
  int heard_ = 0, demands_ = 0, status_ = -1;
};

/// A place of its own for what a test writes: the tests of this program run beside each other.
std::string own_directory() {
  std::string pattern = std::filesystem::is_directory("/dev/shm") ? "/dev/shm/kiln-fuzz-XXXXXX"
                                                                  : testing::TempDir() + "kiln-fuzz-XXXXXX";
  return ::mkdtemp(pattern.data()) == nullptr ? std::string() : pattern;
}

class WardenBesideAStation : public testing::Test {
 protected:
  WardenBesideAStation() { life.begin(); }
  ~WardenBesideAStation() override { std::filesystem::remove_all(place); }
  void run() {
    life.run();
    for (const std::string& wrong : life.check()) ADD_FAILURE() << wrong;
  }
  Chance chance{"one station"};
  std::string place = own_directory();
  FuzzedLife life{chance, guard_journal_path(place, "R-1")};
};

TEST_F(WardenBesideAStation, WhatItOpensAfterItWasGivenUpIsUndoneAtItsNextSilence) {
  life.open(1s, 1, "C01");
  life.open(10s, 2, "C02");
  life.die(100s);
  run();
  EXPECT_LE(life.off_after("C01"), 4s);
  EXPECT_LE(life.off_after("C02"), 13s);
}

TEST_F(WardenBesideAStation, WhatItOpensWhileAFirmwareWriteIsWaitedForDoesNotWait) {
  life.open(1s, 1, "C01");
  life.say(1s, FuzzedLife::write(9, "C01", 10min));
  life.garbage(2s);
  life.open(2500ms, 2, "C02");
  life.garbage(3s);
  life.die(4s);
  run();
  EXPECT_LE(life.off_after("C02"), 4s);
  EXPECT_GE(life.off_after("C01"), 10min);
}

TEST_F(WardenBesideAStation, WhatItOpensJustBeforeItDiesDoesNotWaitForOlderWork) {
  life.open(1s, 1, "C01");
  life.say(1s, FuzzedLife::write(9, "C01", 10min));
  life.garbage(2s);
  life.open(3s, 2, "C02");
  life.die(3100ms);
  run();
  EXPECT_LE(life.off_after("C02"), 4s);
}

TEST_F(WardenBesideAStation, AFirmwareWriteThatHasEndedIsNotWaitedFor) {
  life.open(1s, 1, "C01");
  life.say(1s, FuzzedLife::write(9, "C01", 10min));
  life.say(20s, WardenGuardEnd{9, GuardEnd::not_needed});
  life.die(20s);
  run();
  EXPECT_LE(life.off_after("C01"), 21s);
}

TEST_F(WardenBesideAStation, WhatItBeginsToWriteAfterItWasGivenUpHoldsNothingUp) {
  life.open(1s, 1, "C01");
  life.say(1s, FuzzedLife::write(9, "C01", 5s));
  life.garbage(2s);
  life.say(3s, FuzzedLife::write(8, "C01", 10min));
  life.die(4s);
  run();
  EXPECT_GE(life.off_after("C01"), 6s);
  EXPECT_LE(life.off_after("C01"), 7s);
}

TEST_F(WardenBesideAStation, AWriteThatWouldNeverEndIsWaitedForTwoHours) {
  life.open(1s, 1, "C01");
  life.say(1s, FuzzedLife::write(9, "C01", Nanoseconds::max()));
  life.die(2s);
  run();
  EXPECT_LE(life.off_after("C01"), 2h);
}

TEST_F(WardenBesideAStation, ALeaveAfterGarbageLeavesNothingOn) {
  life.open(1s, 1, "C01");
  life.garbage(2s);
  life.say(2s, WardenLeave{});
  run();
  EXPECT_LE(life.off_after("C01"), 3s);
}

TEST_F(WardenBesideAStation, TwoGuardsOfOneNumberAreBothUndone) {
  life.open(1s, 1, "C01");
  life.open(1500ms, 1, "C02");
  life.say(1900ms, WardenGuardEnd{1, GuardEnd::undone});
  life.die(2s);
  run();
  EXPECT_LE(life.off_after("C02"), 2s);
}

TEST(WardenFuzz, WhateverItIsToldWhatWasOnIsOffAndNothingElseIsTouched) {
  Chance chance("stations");
  const std::string place = own_directory();
  ASSERT_FALSE(place.empty());
  std::map<int, int> by_status;
  int demands = 0;
  int bad = 0;
  const int count = fuzz_rounds(400);
  for (int i = 0; i < count && bad < 3; ++i) {
    FuzzedLife life(chance, guard_journal_path(place, "R-1"));
    life.draw();
    life.run();
    ++by_status[life.status()];
    demands += life.demands();
    const std::vector<std::string> wrong = life.check();
    if (wrong.empty()) continue;
    ++bad;
    std::string said;
    for (const std::string& each : life.said()) said += "  " + each + "\n";
    ADD_FAILURE() << "station " << i << ": " << fmt::format("{}", fmt::join(wrong, "; ")) << "\n" << said;
  }
  std::filesystem::remove_all(place);
  std::cout << count << " stations; ended with";
  for (const auto& [status, times] : by_status) std::cout << " " << status << ": " << times << ",";
  std::cout << " " << demands << " guards that had to be undone before the station was gone\n";
  EXPECT_EQ(by_status.size(), 4U) << "it knows no other end, and each was met";
  EXPECT_GT(demands, count / 4);
}

}  // namespace
}  // namespace kiln
