#include "kill_world_for_test.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/undo.h"
#include "io/scope.h"
#include "model/off_reading.h"
#include "safety/guard_record.h"
#include "safety/guard_text.h"
#include "safety/warden_messages.h"
#include "station/leftovers.h"
#include "store/store_paths.h"

namespace kiln::kills {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kFrozen = std::chrono::seconds(15);
constexpr Nanoseconds kAsleep = std::chrono::seconds(5);
constexpr Nanoseconds kOversleeps = std::chrono::minutes(10);
constexpr Nanoseconds kRoused = std::chrono::milliseconds(300);
constexpr Nanoseconds kSettles = std::chrono::seconds(3);       ///< what was still under way is carried out
constexpr Nanoseconds kPersonComes = std::chrono::seconds(20);  ///< and says kiln recover
constexpr Nanoseconds kPersonHurries = std::chrono::milliseconds(3500);
constexpr std::size_t kEventsOfARun = 1024;
constexpr int kRecordsLookedAt = 32;  ///< more than this burn-in has guards

/// The entries at the head of a journal, as they are on disk now.
std::vector<GuardEntry> all_on_disk(const std::string& path) {
  std::vector<GuardEntry> entries;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return entries;
  std::string bytes(2 * kGuardRecordBytes * (kRecordsLookedAt + 1), '\0');
  const ssize_t read = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  ::close(descriptor);
  if (read != static_cast<ssize_t>(bytes.size())) return entries;
  for (int number = 1; number <= kRecordsLookedAt; ++number) {
    std::optional<GuardRecord> newest;
    for (int copy = 0; copy < 2; ++copy) {
      const auto offset = static_cast<std::size_t>(2 * number + copy) * kGuardRecordBytes;
      Result<std::optional<GuardRecord>> record =
          decode_guard_record(std::string_view(bytes).substr(offset, kGuardRecordBytes));
      if (!record || !*record) continue;
      if (!newest || newest->sequence < (*record)->sequence) newest = std::move(**record);
    }
    if (!newest) continue;
    Result<GuardEntry> entry = entry_from(newest->text);
    if (!entry) continue;
    entry->number = number;
    entries.push_back(std::move(*entry));
  }
  return entries;
}

std::vector<GuardEntry> on_disk(const std::string& path) {
  std::vector<GuardEntry> entries = all_on_disk(path);
  std::erase_if(entries, [](const GuardEntry& entry) { return !outstanding(entry.state); });
  return entries;
}

class WardenSocket final : public MessageSocket {
 public:
  explicit WardenSocket(World& world) : world_(world) {}
  awaitable<Status> send(const Ctx& /*ctx*/, std::string message) override {
    if (world_.pipe.station_closed) co_return Error("socket.closed", "the station is gone");
    world_.pipe.put_to_station(std::move(message));
    co_return success();
  }
  awaitable<Result<std::string>> receive(const Ctx& ctx) override {
    Pipe& pipe = world_.pipe;
    while (pipe.to_warden.empty() && !pipe.station_closed) {
      const Completion<bool> news;
      pipe.warden_news = news;
      const Result<bool> waited = co_await news.wait(ctx);
      pipe.warden_news.reset();
      if (!waited) co_return waited.error();
    }
    if (pipe.to_warden.empty()) co_return Error("socket.closed", "the station is gone");
    std::string text = std::move(pipe.to_warden.front());
    pipe.to_warden.pop_front();
    co_return text;
  }

 private:
  World& world_;
};

/// As in warden_main.cc.
void write_ends(World& world, const std::map<int, UndoResult>& results,
                const std::map<std::string, JournaledCut>& cuts) {
  if (!*world.warden_alive) return;
  const Result<std::unique_ptr<GuardJournal>> journal =
      GuardJournal::take_over(world.journal_path, world.loop->clock());
  if (!journal) {
    world.wrong.push_back("the warden cannot write its ends: " + journal.error().sentence());
    return;
  }
  for (const auto& [dut, cut] : cuts) {
    const Result<int> number = (*journal)->open(to_journal(cut));
    if (!number) world.wrong.push_back(number.error().sentence());
    if (number) (void)(*journal)->end(*number, GuardEnd::undone, "by the warden");
  }
  for (const auto& [number, result] : results) {
    const Status written =
        (*journal)->end(number, result.how,
                        fmt::format("by the warden{}{}", result.message.empty() ? "" : ": ", result.message));
    if (!written) world.wrong.push_back(written.error().sentence());
  }
}

}  // namespace

const char* name_of(Death death) {
  switch (death) {
    case Death::killed:
      return "killed";
    case Death::stopped:
      return "stopped";
    case Death::woken:
      return "woken";
    case Death::overslept:
      return "overslept";
    case Death::roused:
      return "roused";
    case Death::both:
      return "both";
  }
  return "";
}

void Pipe::put_to_warden(std::string message) {
  const Result<WardenMessage> decoded = decode_warden_message(message);
  if (const auto* guard = decoded ? std::get_if<WardenGuard>(&*decoded) : nullptr)
    guards_told.insert(guard->number);
  if (const auto* end = decoded ? std::get_if<WardenGuardEnd>(&*decoded) : nullptr)
    ends_told.insert(end->number);
  to_warden.push_back(std::move(message));
  if (warden_news) warden_news->complete(true);
}

void Pipe::put_to_station(std::string message) {
  to_station.push_back(std::move(message));
  if (station_news) station_news->complete(true);
}

void Pipe::close_station() {
  station_closed = true;
  if (warden_news) warden_news->complete(true);
  if (station_news) station_news->complete(true);
}

World::World(const Plan& the_plan, std::string the_state, int fatal_point, Death the_death, Bmcs bmcs,
             Accident the_accident)
    : plan(the_plan),
      state(std::move(the_state)),
      death(the_death),
      accident(std::move(the_accident)),
      fuse(fatal_point, the_death != Death::killed && the_death != Death::both),
      station_loop(*loop, fuse),
      rack(*loop, the_plan.inventory, bmcs),
      journal_path(guard_journal_path(state + "/guards", "R-1")),
      database(state + "/kiln.db") {
  committed.reserve(kEventsOfARun);
  const Status made_directories = make_directories(runs_directory(database));
  if (!made_directories) wrong.push_back(made_directories.error().sentence());
  JournalOwner owner;
  owner.run = "R-1";
  owner.inventory = state + "/rack.yaml";
  owner.database = database;
  Result<std::unique_ptr<GuardJournal>> made = GuardJournal::create(journal_path, owner, loop->clock());
  if (made) journal = std::move(*made);
  if (!made) wrong.push_back(made.error().sentence());
  fuse.on_strike = [this] { strike(); };
  fuse.on_death = [this] { station_dies(); };
  rack.on_heard = [this](const char* what, const std::string& id) { heard(what, id); };
  rack.before_deed = [this](const std::string& id, UndoKind kind) { return undo_missing(id, kind); };
}

std::optional<std::string> World::undo_missing(const std::string& id, UndoKind kind) {
  for (const GuardEntry& entry : on_disk(journal_path)) {
    if (entry.undo.dut != id || entry.undo.kind != kind) continue;
    if (pipe.guards_told.contains(entry.number)) return std::nullopt;
    return fmt::format("{}: a deed whose undo ('{}') the warden was not told of", id, entry.undo.description);
  }
  return fmt::format("{}: a deed without its undo ({}) on disk", id, to_string(kind));
}

void World::heard(const std::string& what, const std::string& id) {
  mark(what, id);
  const bool wanted = !accident.leaks.empty() || !accident.silent.empty();
  if (what != accident.begins_with || !wanted || accident_ns != 0) return;
  accident_ns = rack.now_ns() + accident.after.count();
  loop->call_at(accident_ns, [this] {
    point_of_accident = fuse.points();
    if (!accident.silent.empty()) rack.silence(accident.silent);
    rack.may_ruin_writes = !accident.leaks.empty();
    if (!accident.leaks.empty()) rack.leak(accident.leaks);
  });
}

void World::strike() {
  death_ns = rack.now_ns();
  trail_at_death = trail.size();
  for (const auto& [id, machine] : rack.machines()) {
    if (machine->on || machine->coming_on) on_at_death.insert(id);
    if (machine->load) loaded_at_death.insert(id);
    if (machine->writing) writing_at_death.insert(id);
  }
  GuardJournalContent content;
  content.entries = all_on_disk(journal_path);
  for (GuardEntry& entry : content.entries) {
    // One that the warden was not told of goes on for it.
    const bool told = pipe.guards_told.contains(entry.number) && !pipe.ends_told.contains(entry.number);
    if (told) entry.state = GuardEnd::open;
  }
  for (const Dut& dut : plan.inventory.duts)
    held_at_death[dut.id] = death_ns + firmware_write_left(content, dut, loop->clock().now().utc_ns).count();
  if (death == Death::stopped) loop->call_at(death_ns + kFrozen.count(), [this] { fuse.die(); });
  if (death == Death::woken || death == Death::overslept || death == Death::roused) {
    const Nanoseconds asleep = death == Death::overslept ? kOversleeps : kAsleep;
    loop->call_at(death_ns + asleep.count(), [this] {
      fuse.wake();
      station_loop.thaw();
    });
  }
  if (death == Death::roused)
    loop->call_at(death_ns + kAsleep.count() + kRoused.count(), [this] { fuse.die(); });
  if (death != Death::both) return;
  *warden_alive = false;
  pipe.to_warden.clear();
  // What had been sent when they died is carried out first.
  loop->call_at(death_ns + 2 * kTravel.count(), [this] { rack.leases_run_out(); });
}

void World::station_dies() {
  journal.reset();  // the kernel lets go of its lock
  pipe.close_station();
  station_loop.thaw();
}

awaitable<void> World::watch(Ctx& ctx) {
  WardenSocket socket(*this);
  WardenParts parts;
  parts.station = &socket;
  parts.version = parts.build_stamp = "kills";
  parts.open_bmc = [this](const WardenDut& dut) -> Result<WardenBmc> {
    return warden_bmc(rack, dut.id, warden_alive);
  };
  parts.open_shell = [this](const WardenDut& dut) -> Result<std::unique_ptr<Shell>> {
    return warden_shell(rack, dut.id, warden_alive);
  };
  parts.write_ends = [this](const std::string& path, const std::map<int, UndoResult>& results,
                            const std::map<std::string, JournaledCut>& cuts) {
    if (path != journal_path) wrong.push_back("the warden writes to another journal: " + path);
    for (const auto& [id, cut] : cuts) {
      if (accident.leaks.empty()) wrong.push_back("the warden cut " + id + ": " + cut.trip.message);
      if (*warden_alive) cut_by_warden.insert(id);
    }
    write_ends(*this, results, cuts);
  };
  warden_status = co_await run_warden(ctx, std::move(parts));
  pipe.warden_closed = true;
  if (pipe.station_news) pipe.station_news->complete(true);
  warden_ended.complete(warden_status);
}

awaitable<void> World::live(Ctx& ctx) {
  Scope all(ctx);
  all.start("warden", [this](Ctx& task) { return watch(task); });
  all.start("station", [this](Ctx& /*task*/) { return live_as_station(*this); });
  const Status joined = co_await all.join();
  if (!joined) wrong.push_back(joined.error().sentence());
}

/// As recover_command.cc, over the same undos (engine/undo.h): newest first; the power that reads Off ends
/// the load of a host that cannot be asked.
awaitable<void> World::recover_dut(Ctx& ctx, GuardJournal& left, std::string id) {
  const GuardJournalContent content = left.content();
  const Dut& dut = *plan.inventory.find(id);
  bool off = false;
  for (auto entry = content.entries.rbegin(); entry != content.entries.rend(); ++entry) {
    if (!outstanding(entry->state) || entry->undo.dut != id) continue;
    if (entry->undo.kind == UndoKind::interlock) continue;  // is latched by whoever looks at what is left
    const bool power = entry->undo.kind == UndoKind::force_off;
    const bool write = entry->undo.kind == UndoKind::firmware_write;
    const Nanoseconds held =
        power || write ? firmware_write_left(content, dut, loop->clock().now().utc_ns) : Nanoseconds(0);
    const Status waited = co_await ctx.sleep_for(held);
    if (!waited) co_return;
    if (write) {
      (void)left.end(entry->number, GuardEnd::undone, "by kiln recover: its time is over");
      continue;
    }
    Ctx within = ctx.child_within(entry->undo.description, entry->undo.budget);
    const std::unique_ptr<Bmc> bmc = open_bmc(*this, dut);
    const std::unique_ptr<Shell> shell = open_shell(*this, dut);
    Status done = success();
    if (power) {
      const bool young = on_may_come(entry->opened_utc_ns, loop->clock().now().utc_ns);
      const Result<std::string> off_now = co_await force_off_and_read_back(within, *bmc, id, young);
      if (!off_now) done = off_now.error();
    } else {
      done = co_await end_load_unless_off(within, *shell, bmc.get(), id, entry->undo.command);
    }
    off = off || (power && done);
    const Status written = left.end(entry->number, done ? GuardEnd::undone : GuardEnd::failed,
                                    done ? "by kiln recover" : done.error().sentence());
    if (!written) wrong.push_back(written.error().sentence());
  }
  const GuardJournalContent now = left.content();
  for (const GuardEntry& entry : now.entries) {
    if (!off || !outstanding(entry.state) || entry.undo.dut != id) continue;
    if (entry.undo.kind != UndoKind::shell_command) continue;
    const Status written =
        left.end(entry.number, GuardEnd::undone, "by kiln recover: its power reads back Off");
    if (!written) wrong.push_back(written.error().sentence());
  }
}

awaitable<void> World::recover(Ctx& ctx) {
  // In the midst of the write, where there is one.
  const Nanoseconds comes = writing_at_death.empty() ? kPersonComes : kPersonHurries;
  const std::int64_t pause = std::max<std::int64_t>(death_ns + comes.count() - rack.now_ns(), 0);
  const Status waited = co_await ctx.sleep_for(Nanoseconds(pause));
  if (!waited) co_return;
  const Result<std::unique_ptr<GuardJournal>> left = GuardJournal::take_over(journal_path, loop->clock());
  if (!left && left.error().code == "guard.not_readable") co_return;  // it had been removed
  if (!left) wrong.push_back(left.error().sentence());
  if (!left) co_return;
  GuardJournal* journal_of_the_dead = left->get();
  Scope all(ctx);
  for (const std::string& id : plan.duts) {
    all.start(id, [this, journal_of_the_dead, id](Ctx& task) {
      return recover_dut(task, *journal_of_the_dead, id);
    });
  }
  const Status joined = co_await all.join();
  if (!joined) wrong.push_back(joined.error().sentence());
}

awaitable<void> World::settle(Ctx& ctx) {
  const Status waited = co_await ctx.sleep_for(kSettles);
  (void)waited;
}

void World::run() {
  loop->run([this](Ctx& ctx) { return live(ctx); });
  loop->run([this](Ctx& ctx) { return settle(ctx); });
  points = fuse.points();
  resumed = station_loop.resumed();
  fatal_name = fuse.fatal_name();
  if (death_ns != 0 && death != Death::woken && death != Death::overslept) {
    fuse = Fuse(0, false);
    for (const GuardEntry& entry : on_disk(journal_path)) {
      if (death == Death::both || entry.undo.kind == UndoKind::interlock) continue;
      // The station died between the journal and the warden: nothing is in effect, and the undo that kiln
      // recover will do is one too many, which harms nothing.
      const bool over = pipe.ends_told.contains(entry.number);
      if (pipe.guards_told.contains(entry.number) && !over)
        wrong.push_back("the warden was told of it and left it: " + entry.undo.description);
      ++(over ? over_for_warden : unknown_to_warden);
    }
    if (death == Death::both || unknown_to_warden + over_for_warden > 0)
      loop->run([this](Ctx& ctx) { return recover(ctx); });
  }
  for (const std::string& each : rack.wrong) wrong.push_back(each);
  rack.wrong.clear();
}

}  // namespace kiln::kills
