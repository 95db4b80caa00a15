#include "safety/warden.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "io/scope.h"
#include "model/bmc_place.h"
#include "model/interlock_reach.h"
#include "safety/building_watch.h"
#include "safety/hazard_watch.h"
#include "safety/interlock_watch.h"
#include "safety/stop_door.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kHandshake = std::chrono::seconds(10);
constexpr Nanoseconds kPrepare = std::chrono::seconds(8);  ///< for all BMCs together, beside each other
constexpr Nanoseconds kPrepareAgain = std::chrono::milliseconds(500);
constexpr Nanoseconds kLeave = std::chrono::seconds(2);
constexpr Nanoseconds kSend =
    std::chrono::milliseconds(200);  ///< a station that does not read holds nobody up
/// Longer than any undo's own budget and than a firmware write that it waits for.
constexpr Nanoseconds kUndoBudget = std::chrono::hours(2);
/// Leaves the undo that waited for it a minute.
constexpr Nanoseconds kLongestWrite = kUndoBudget - std::chrono::minutes(1);

struct GuardedDut {
  WardenDut facts;
  WardenBmc bmc;
  std::unique_ptr<Shell> shell;
  std::string no_power = "the rack file names no BMC for it", no_shell = "the rack file names no host for it";
};

class Warden {
 public:
  Warden(Ctx& ctx, WardenParts parts) : ctx_(ctx), parts_(std::move(parts)) {}

  awaitable<int> run() {
    const Status begun = co_await handshake();
    if (!begun) {
      WardenRefused refused{begun.error().sentence()};
      co_await say(std::move(refused));
      co_return 2;
    }
    co_await prepare();
    WardenReady ready;
    ready.version = parts_.version;
    ready.build_stamp = parts_.build_stamp;
    ready.unreachable = unreachable_;
    co_await say(std::move(ready));
    start_watch();
    const bool in_order = co_await serve();
    if (in_order) {
      co_await hazards_->stop();
      co_await stop_watch_and_door();
      if (building_) co_await building_->stop();
      co_await leave();
      co_return 0;
    }
    if (work_) {
      // What was opened since is not to wait for what is being undone.
      if (any_untried()) work_->start("undo", [this](Ctx& task) { return undo_and_tell(task); });
      const Status joined = co_await work_->join();
      (void)joined;
      work_.reset();
    }
    const int status = co_await station_gone();
    co_return status;
  }

 private:
  /// Listens to the station until it leaves in order (true) or is gone.
  awaitable<bool> serve() {
    while (true) {
      Ctx patience = ctx_.child_within("station", kStationSilence);
      Result<std::string> text = co_await parts_.station->receive(patience);
      const bool silent = !text && text.error().code == "ctx.deadline";
      if (!text && !silent) co_return false;             // the socket is closed
      if (silent && acted_ && !any_untried()) continue;  // everything was done
      std::optional<std::string> why;
      if (silent) {
        why = fmt::format("the station was not heard for {}", format_duration(kStationSilence));
      } else {
        Result<WardenMessage> message = decode_warden_message(*text);
        if (message && std::holds_alternative<WardenLeave>(*message)) {
          if (garbled_ && !open_.empty()) co_return false;  // nobody knows what it means by that
          co_await end_work("the station leaves in order");
          co_return true;
        }
        if (!message) {
          why = message.error().sentence();
          garbled_ = true;
        }
        if (message) co_await take(std::move(*message));
      }
      if (why) co_await act(std::move(*why));
    }
  }

  void start_watch() {
    std::map<std::string, WatchedDut> watched;
    for (const auto& [id, dut] : duts_) {
      WatchedDut& one = watched[id];
      one.role = dut.facts.role;
      one.leak_detectors = dut.facts.leak_detectors;
      one.leaks = dut.bmc.leaks.get();
      one.events = dut.bmc.events.get();
      one.power = dut.bmc.power.get();
      one.shell = dut.shell.get();
      one.no_power = dut.no_power;
      one.no_shell = dut.no_shell;
    }
    if (facts_) watched[facts_->rack].role = Role::rack;
    InterlockEars ears;
    ears.watch = [this](const WatchReport& report) { say_later(WardenWatch{report}); };
    ears.tripped = [this](const Trip& trip, const std::vector<std::string>& reach) {
      say_later(WardenTripped{trip, reach});
    };
    ears.cut = [this](const CutReport& report) { say_later(WardenCut{report}); };
    ears.masked = [this](const MaskReport& report) { say_later(WardenMasked{report}); };
    ears.silenced = [this](const SilenceReport& report) { say_later(WardenSilenced{report}); };
    if (facts_) {
      ears.isolate = [this](bool liquid, bool electrical, const std::string& why) {
        building_->isolate(liquid, electrical, why);
      };
      ears.tray_leak = [this] { building_->tell_tray_leak(); };
    }
    watch_.emplace(
        ctx_, hello_->rules, std::move(watched), [this](const std::string& dut) { return guards_of(dut); },
        [this](const std::string& dut) { return on_asked_ns(dut); }, std::move(ears));
    if (facts_) open_building();
    watch_->start();
    start_hazard_watch();
    if (parts_.door == nullptr) return;
    door_.emplace(ctx_, *parts_.door, hello_->run, *watch_, [this](const std::string& id) {
      const GuardedDut& dut = duts_.at(id);
      return can_be_cut(dut.facts.role, dut.bmc.power != nullptr);
    });
    door_->open();
  }

  void start_hazard_watch() {
    std::map<std::string, HazardSource> sources;
    for (const auto& [id, dut] : duts_) {
      if (dut.facts.bmc_url.empty()) continue;
      HazardSource& one = sources[id];
      one.role = dut.facts.role;
      one.readings = dut.bmc.hazards.get();
      one.no_readings = dut.no_power;
    }
    HazardEars ears;
    ears.watch = [this](const HazardReport& report) { say_later(WardenHazard{report}); };
    ears.trip = [this](Trip trip) { watch_->trip(std::move(trip), false); };
    hazards_.emplace(
        ctx_, hello_->rules.hazards, std::move(sources),
        [this](const std::string& dut) { return energised(dut); }, std::move(ears));
    hazards_->start();
  }

  /// By this run; of what serves the others: any of them.
  Energised energised(const std::string& id) const {
    const bool serves = duts_.at(id).facts.role == Role::cdu;
    Energised now;
    now.restarts = watch_->is_silent(id);  // read Off by the watch itself
    if (now.restarts) return now;
    for (const NumberedUndo& undo : open_) {
      if ((!serves && undo.undo.dut != id) || undo.undo.kind == UndoKind::firmware_write) continue;
      now.at_all = true;
      now.load = now.load || undo.undo.kind == UndoKind::shell_command;
    }
    return now;
  }

  void open_building() {
    BuildingEars ears;
    ears.watch = [this](const WatchReport& report) { say_later(WardenWatch{report}); };
    ears.trip = [this](Trip trip) { watch_->trip(std::move(trip), false); };
    ears.isolation = [this](const IsolationReport& report) { say_later(WardenIsolation{report}); };
    std::unique_ptr<MqttClient> client;
    std::string no_client = "this warden speaks no MQTT";
    if (parts_.open_building) {
      Result<std::unique_ptr<MqttClient>> opened = parts_.open_building(*facts_, hello_->run);
      if (opened) client = std::move(*opened);
      if (!opened) no_client = opened.error().sentence();
    }
    building_.emplace(ctx_, *facts_, hello_->rules, std::move(client), std::move(no_client), std::move(ears));
    building_->start();
  }

  /// The cuts as the journal of a dead station keeps them: with what became of the isolation of the rack.
  std::map<std::string, JournaledCut> cuts_to_write() const {
    std::map<std::string, JournaledCut> cuts = watch_->cuts();
    if (!building_ || !building_->isolation()) return cuts;
    const std::string isolation = sentence_of(*building_->isolation());
    for (auto& [id, cut] : cuts) cut.trip.message += "; " + isolation;
    return cuts;
  }

  /// A cut that nothing confirms goes on for minutes: whoever knocks meanwhile, and means another run, must
  /// not wait for it.
  awaitable<void> stop_watch_and_door(bool finish_cuts = true) {
    co_await watch_->stop(finish_cuts);
    if (!door_) co_return;
    co_await door_->close();
    co_await watch_->stop(finish_cuts);  // what a last guest wanted
  }

  /// Firmware of that DUT, or of one that it serves; 0: none is being written.
  std::int64_t written_until_ns(const std::string& id) const {
    const auto dut = duts_.find(id);
    const bool serves = dut != duts_.end() && serves_all(dut->second.facts.role);
    std::int64_t until_ns = 0;
    for (const NumberedUndo& undo : open_) {
      if (undo.undo.kind != UndoKind::firmware_write || (!serves && undo.undo.dut != id)) continue;
      if (watch_ && watch_->is_cut(undo.undo.dut)) continue;  // without power nothing is written
      if (writes_over_.contains(key_of(undo))) continue;
      until_ns = std::max(until_ns, undo.opened_ns + std::min(undo.undo.budget, kLongestWrite).count());
    }
    return until_ns;
  }

  std::vector<NumberedUndo> guards_of(const std::string& dut) const {
    std::vector<NumberedUndo> guards;
    for (const NumberedUndo& undo : open_) {
      if (undo.undo.dut == dut) guards.push_back(undo);
    }
    return guards;
  }

  /// When (monotonic) an On may last have been asked for there; 0: never by this run. A write of firmware
  /// restarts what it likes for as long as it is open, needs no guard of its own for that, and may end with
  /// an On. That of a power shelf may take the power of everything, which comes on by its restore policy.
  std::int64_t on_asked_ns(const std::string& id) const {
    std::int64_t latest_ns = 0;
    for (const auto& [dut, asked_ns] : on_asked_ns_) {
      if (comes_on_with(id, dut)) latest_ns = std::max(latest_ns, asked_ns);
    }
    const bool is_written = std::any_of(open_.begin(), open_.end(), [this, &id](const NumberedUndo& undo) {
      return undo.undo.kind == UndoKind::firmware_write && comes_on_with(id, undo.undo.dut);
    });
    return is_written ? ctx_.now().monotonic_ns : latest_ns;
  }

  bool comes_on_with(const std::string& id, const std::string& other) const {
    const auto dut = duts_.find(other);
    return id == other || (dut != duts_.end() && dut->second.facts.role == Role::power_shelf);
  }

  /// A guard of `undo` has opened or ended: around it an On is asked for.
  void note_on(const JournaledUndo& undo, bool ends) {
    const bool asks = undo.kind == UndoKind::firmware_write || (undo.kind == UndoKind::force_off && !ends);
    if (asks) on_asked_ns_[undo.dut] = ctx_.now().monotonic_ns;
  }

  /// Nothing that cuts waits for a station that does not read.
  void say_later(WardenMessage message) {
    if (!voice_) voice_.emplace(ctx_);
    voice_->start("say", [this, message = std::move(message)](Ctx& /*task*/) { return say(message); });
  }

  awaitable<void> say(WardenMessage message) {
    Ctx limited = ctx_.child_within("say", kSend);
    const Status said = co_await parts_.station->send(limited, encode(message));
    (void)said;  // a station that is gone or stopped is noticed where it is listened to
  }

  awaitable<Status> handshake() {
    Ctx limited = ctx_.child_within("handshake", kHandshake);
    while (true) {
      Result<std::string> text = co_await parts_.station->receive(limited);
      if (!text) co_return text.error();
      Result<WardenMessage> message = decode_warden_message(*text);
      if (!message) co_return message.error();
      if (const auto* hello = std::get_if<WardenHello>(&*message)) {
        if (hello->version != parts_.version || hello->build_stamp != parts_.build_stamp) {
          co_return Error(
              "warden.other_build",
              fmt::format("the warden is of build {} {}, the station of {} {}", parts_.version,
                          parts_.build_stamp.substr(0, 12), hello->version, hello->build_stamp.substr(0, 12)),
              "install Kiln anew: its programs belong together", Blame::station);
        }
        hello_ = *hello;
      } else if (auto* dut = std::get_if<WardenDut>(&*message)) {
        GuardedDut& place = duts_[dut->id];
        place.facts = std::move(*dut);
      } else if (auto* building = std::get_if<WardenBuilding>(&*message)) {
        facts_ = std::move(*building);
      } else if (std::holds_alternative<WardenBegin>(*message) && hello_) {
        if (!parts_.begin) co_return success();
        const std::vector<std::string> bmcs = bmc_places();
        co_return parts_.begin(*hello_, bmcs);
      } else {
        co_return Error("warden.garbage",
                        "the station said something else than who it is and which DUTs there are", "",
                        Blame::station);
      }
    }
  }

  std::vector<std::string> bmc_places() const {
    std::vector<std::string> places;
    for (const auto& [id, dut] : duts_) {
      const WardenDut& facts = dut.facts;
      if (!facts.bmc_url.empty())
        places.push_back(bmc_place(facts.bmc_url, facts.jump_address, facts.jump_port));
    }
    return places;
  }

  awaitable<void> prepare() {
    Ctx limited = ctx_.child_within("prepare", kPrepare);
    Scope all(limited);
    for (auto& [id, dut] : duts_) {
      GuardedDut* one = &dut;
      all.start(id, [this, one](Ctx& task) { return prepare_one(*one, task); });
    }
    const Status joined = co_await all.join();
    (void)joined;  // each says for itself what was not reached
  }

  awaitable<void> prepare_one(GuardedDut& dut, Ctx& task) {
    if (!dut.facts.host_address.empty()) {
      Result<std::unique_ptr<Shell>> shell = parts_.open_shell(dut.facts);
      if (shell) dut.shell = std::move(*shell);
      if (!shell) dut.no_shell = shell.error().sentence();
    }
    if (dut.facts.bmc_url.empty()) co_return;
    Result<WardenBmc> bmc = parts_.open_bmc(dut.facts);
    if (!bmc) {
      dut.no_power = bmc.error().sentence();
      unreachable_[dut.facts.id] = dut.no_power;
      co_return;
    }
    dut.bmc = std::move(*bmc);
    if (!dut.bmc.power) {
      dut.no_power = "what it is read by switches nothing";
      co_return;
    }
    while (true) {
      const Status prepared = co_await dut.bmc.power->prepare(task);
      if (prepared) break;
      const bool stopped = prepared.error().code.starts_with("ctx.");
      if (!stopped) unreachable_[dut.facts.id] = prepared.error().sentence();
      if (stopped) unreachable_.try_emplace(dut.facts.id, prepared.error().sentence());
      // A refused login is not tried again: BMCs lock accounts out.
      if (stopped || prepared.error().code == "warden.login" || prepared.error().code == "warden.no_power")
        co_return;
      const Status waited = co_await task.sleep_for(kPrepareAgain);
      if (!waited) co_return;
    }
    unreachable_.erase(dut.facts.id);
  }

  /// Of two guards with one number nobody knows which one ends; the later one is kept under none.
  bool contradicts(const WardenGuard& guard) const {
    return std::any_of(open_.begin(), open_.end(), [&guard](const NumberedUndo& open) {
      return open.number == guard.number &&
             (open.undo.dut != guard.undo.dut || open.undo.kind != guard.undo.kind ||
              open.undo.command != guard.undo.command);
    });
  }

  void open_guard(WardenGuard guard) {
    const bool twice = std::any_of(open_.begin(), open_.end(), [&guard](const NumberedUndo& open) {
      return open.number == guard.number;
    });
    if (!twice) open_.push_back({guard.number, std::move(guard.undo), ctx_.now().monotonic_ns});
  }

  awaitable<void> take(WardenMessage message) {
    if (auto* guard = std::get_if<WardenGuard>(&message)) {
      watch_->guard_opens(guard->undo);
      note_on(guard->undo, false);
      if (!contradicts(*guard)) {
        open_guard(std::move(*guard));
        co_return;
      }
      const int number = guard->number;
      guard->number = --numbers_of_our_own_;
      open_guard(std::move(*guard));
      garbled_ = true;
      co_await act(fmt::format("the station opened guard {} twice, for different things", number));
    } else if (const auto* end = std::get_if<WardenGuardEnd>(&message)) {
      if (outstanding(end->how)) co_return;
      for (const NumberedUndo& undo : open_) {
        if (undo.number == end->number) note_on(undo.undo, true);
      }
      std::erase_if(open_, [end](const NumberedUndo& undo) { return undo.number == end->number; });
    } else if (const auto* mask = std::get_if<WardenMask>(&message)) {
      if (!acted_) watch_->mask(mask->dut, mask->part);  // what was given up is told so at its next beat
    } else if (std::holds_alternative<WardenUnmask>(message)) {
      watch_->unmask("the test is over");
    } else if (const auto* silence = std::get_if<WardenSilence>(&message)) {
      if (silence->longest.count() == 0)
        watch_->end_silence(silence->dut, fmt::format("{}: the station reads it again", silence->dut));
      else if (!acted_)
        watch_->begin_silence(silence->dut, silence->number, silence->longest);
    } else if (const auto* beat = std::get_if<WardenBeat>(&message)) {
      // A station that comes back after it was given up must learn what was done in its absence.
      WardenMessage answer = *beat;
      if (acted_) answer = WardenActing{*acted_};
      co_await say(std::move(answer));
    }
  }

  /// Begins to undo everything and goes on listening: a station that wakes up may undo its own meanwhile.
  awaitable<void> act(std::string why) {
    acted_ = why;
    watch_->unmask(why);
    WardenActing acting{std::move(why)};
    co_await say(std::move(acting));
    if (work_ && work_->running() == 0) co_await end_work("it is over");
    if (!work_) work_.emplace(ctx_);
    work_->start("undo", [this](Ctx& task) { return undo_and_tell(task); });
  }

  awaitable<void> end_work(std::string why) {
    if (!work_) co_return;
    const Status ended = co_await work_->stop_and_join(StopReason::sibling, std::move(why));
    (void)ended;
    work_.reset();
  }

  awaitable<void> undo_and_tell(Ctx& task) {
    co_await undo_everything(task);
    WardenDone done;
    for (const auto& [number, result] : results_) {
      if (outstanding(result.how)) ++done.failed;
      if (!outstanding(result.how)) ++done.undone;
    }
    co_await say(done);
  }

  awaitable<void> undo_everything(Ctx& owner) {
    std::map<std::string, std::vector<NumberedUndo>> by_dut;
    for (const NumberedUndo& undo : open_) {
      // What is waited for already, for a firmware write or a BMC that is busy, holds up nothing that is new.
      if (under_way_.insert(key_of(undo)).second) by_dut[undo.undo.dut].push_back(undo);
    }
    Ctx limited = owner.child_within("undo", kUndoBudget);
    Scope all(limited);
    for (const auto& [id, undos] : by_dut) {
      all.start(id, [this, id = id, undos = undos](Ctx& task) { return undo_dut(id, undos, task); });
    }
    const Status joined = co_await all.join();
    (void)joined;
  }

  /// Numbers are used again.
  using Key = std::pair<int, std::int64_t>;
  static Key key_of(const NumberedUndo& undo) { return {undo.number, undo.opened_ns}; }
  /// A guard that was opened since everything was undone.
  bool any_untried() const {
    return std::any_of(open_.begin(), open_.end(), [this](const NumberedUndo& undo) {
      return !tried_.contains(key_of(undo)) && !under_way_.contains(key_of(undo));
    });
  }

  /// What a station that is gone was writing: until its BMC has shown that it is over, or its time is.
  awaitable<void> watch_write(NumberedUndo undo, WriteLooks& looks, Ctx& task) {
    const Ctx waiting = task.child_within("write", std::min(undo.undo.budget, kLongestWrite));
    std::optional<FirmwareWrite> write = firmware_write_from(undo.undo.command);
    std::string shown =
        co_await wait_for_end_of_write(waiting, looks, std::move(write), undo.opened_ns, nullptr);
    if (!shown.empty()) writes_over_[key_of(undo)] = std::move(shown);
  }

  awaitable<void> undo_dut(std::string id, std::vector<NumberedUndo> undos, Ctx& task) {
    Scope writes(task);
    UndoDoors doors;
    doors.no_power = doors.no_shell = "the station did not name it";
    if (const auto dut = duts_.find(id); dut != duts_.end()) {
      doors.power = dut->second.bmc.power.get();
      doors.shell = dut->second.shell.get();
      doors.no_power = dut->second.no_power;
      doors.no_shell = dut->second.no_shell;
    }
    // What a station begins to write that was given up already holds nothing up for longer.
    const std::int64_t longest_ns = written_until_ns(id);
    doors.written_until_ns = [this, id, longest_ns] { return std::min(written_until_ns(id), longest_ns); };
    doors.on_asked_ns = [this, id] { return on_asked_ns(id); };
    doors.still_open = [this](int number) {
      return std::any_of(open_.begin(), open_.end(),
                         [number](const NumberedUndo& undo) { return undo.number == number; });
    };
    for (const NumberedUndo& undo : undos) {
      const auto dut = duts_.find(id);
      if (undo.undo.kind != UndoKind::firmware_write || dut == duts_.end() || !dut->second.bmc.writes)
        continue;
      WriteLooks* looks = dut->second.bmc.writes.get();
      writes.start("write", [this, undo, looks](Ctx& own) { return watch_write(undo, *looks, own); });
    }
    std::map<int, UndoResult> results = co_await undo_all(task, undos, std::move(doors));
    const Status looked = co_await writes.stop_and_join(StopReason::sibling, "it is not waited for any more");
    (void)looked;
    for (const NumberedUndo& undo : undos) {
      const auto shown = writes_over_.find(key_of(undo));
      if (shown != writes_over_.end()) results[undo.number].message = shown->second;
      under_way_.erase(key_of(undo));
      tried_.insert(key_of(undo));
      if (outstanding(results[undo.number].how)) continue;
      std::erase_if(open_, [&undo](const NumberedUndo& one) { return key_of(one) == key_of(undo); });
    }
    for (auto& [number, result] : results) results_[number] = std::move(result);
  }

  awaitable<int> station_gone() {
    watch_->unmask("the station is gone");
    // The watch goes on meanwhile: a firmware write may be waited for, and a leak does not wait.
    if (!open_.empty()) {
      acted_ = "the station is gone";
      co_await undo_and_tell(ctx_);
    }
    co_await hazards_->stop();
    // A virtual rack that its station had started has ended with it, and its ports are the next one's.
    const bool finish_cuts = !hello_->rack_ends_with_us;
    co_await stop_watch_and_door(finish_cuts);
    if (building_) {
      co_await building_->settle();
      co_await building_->stop();
      co_await watch_->stop(finish_cuts);  // a leak that was read meanwhile
    }
    if (parts_.write_ends && (!results_.empty() || !watch_->cuts().empty()))
      parts_.write_ends(hello_->journal, results_, cuts_to_write());
    co_await leave();
    co_return open_.empty() ? 3 : 4;
  }

  awaitable<void> leave() {
    Ctx limited = ctx_.child_within("leave", kLeave);
    if (voice_) {
      const Status said = co_await voice_->join();
      (void)said;
    }
    Scope all(limited);
    for (auto& [id, dut] : duts_) {
      GuardedDut* one = &dut;
      all.start(id, [one](Ctx& task) { return leave_one(*one, task); });
    }
    const Status joined = co_await all.join();
    (void)joined;
  }

  static awaitable<void> leave_one(GuardedDut& dut, Ctx& task) {
    if (dut.bmc.power) co_await dut.bmc.power->leave(task);
    if (dut.shell) co_await dut.shell->disconnect();
  }

  Ctx& ctx_;
  WardenParts parts_;
  std::optional<WardenHello> hello_;
  std::map<std::string, GuardedDut> duts_;
  std::map<std::string, std::string> unreachable_;
  std::vector<NumberedUndo> open_;  ///< oldest first
  std::map<int, UndoResult> results_;
  std::map<std::string, std::int64_t> on_asked_ns_;  ///< by DUT: by a guard of it, which may have ended since
  std::set<Key> under_way_, tried_;                  ///< of the guards that are or were being undone
  std::map<Key, std::string> writes_over_;           ///< what has shown that they are, by guard
  int numbers_of_our_own_ = 0;                       ///< below zero: for guards whose number says nothing
  bool garbled_ = false;                             ///< the station said what it cannot have meant
  std::optional<std::string> acted_;
  std::optional<Scope> work_;   ///< undoing, while the station may yet wake up
  std::optional<Scope> voice_;  ///< what is being said
  std::optional<InterlockWatch> watch_;
  std::optional<StopDoor> door_;
  std::optional<HazardWatch> hazards_;
  std::optional<WardenBuilding> facts_;  ///< of the building, where the rack file names one
  std::optional<BuildingWatch> building_;
};

}  // namespace

std::string warden_lock_name(const std::string& journal) { return "warden " + journal; }

awaitable<int> run_warden(Ctx& ctx, WardenParts parts) {
  Warden warden(ctx, std::move(parts));
  const int status = co_await warden.run();
  co_return status;
}

}  // namespace kiln
