// recover finishes what runs that died left switched on: each undo of their guard journals, newest first on
// each DUT, all DUTs at once. What cannot be done stays in the journal, and a person who has looked may vouch
// for it.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <map>

#include "engine/undo.h"
#include "files/credentials.h"
#include "files/inventory_file.h"
#include "io/loop.h"
#include "io/name_lock.h"
#include "io/scope.h"
#include "model/interlock_reach.h"
#include "model/off_reading.h"
#include "safety/warden.h"
#include "station/commands/commands.h"
#include "station/end_of_write.h"
#include "station/leftovers.h"
#include "station/real_devices.h"
#include "station/resumable.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kLogoutBudget = std::chrono::seconds(5);
constexpr Nanoseconds kWriteLeftEvery = std::chrono::seconds(1);
constexpr const char* kPowerIsOff = "by kiln recover: its power reads back Off";

/// What became of one guard.
struct Line {
  std::string run, dut, undo, state, message;
  int number = 0;
};

/// One journal under work.
struct Recovery {
  std::unique_ptr<GuardJournal> journal;
  GuardJournalContent content;
  std::string state_directory;
  Inventory inventory;
  std::unique_ptr<RealDevices> devices;
  std::vector<Error> problems;
  std::map<int, std::string> writes_over;  ///< by number in the journal: what has shown it; empty: its time
};

std::vector<GuardEntry> outstanding_of(const GuardJournalContent& content, const std::string& dut) {
  std::vector<GuardEntry> entries;
  for (const GuardEntry& entry : content.entries) {
    if (outstanding(entry.state) && entry.undo.dut == dut) entries.push_back(entry);
  }
  std::reverse(entries.begin(), entries.end());
  // What is only waited for holds up nothing that is undone: what must wait for it does so by itself.
  std::stable_partition(entries.begin(), entries.end(),
                        [](const GuardEntry& entry) { return entry.undo.kind != UndoKind::firmware_write; });
  return entries;
}

awaitable<void> log_out(const Ctx& ctx, Bmc* bmc) {
  const Status left =
      co_await shielded(ctx, "logout", kLogoutBudget, [bmc](Ctx& leave) { return bmc->logout(leave); });
  (void)left;  // a session that stays open ends by itself
}

void tell_person(const std::string& text) { std::cerr << "kiln: " << text << "\n"; }

/// What the journal says now, without the writes that were waited for to their end.
GuardJournalContent open_still(const Recovery& recovery) {
  GuardJournalContent content = recovery.journal->content();
  for (GuardEntry& entry : content.entries) {
    if (recovery.writes_over.contains(entry.number)) entry.state = GuardEnd::undone;
  }
  return content;
}

/// Of `dut` itself: until its BMC has shown that they are over, or their time is.
awaitable<Status> wait_for_its_writes(const Ctx& ctx, Recovery& recovery, const Dut& dut) {
  const GuardJournalContent content = open_still(recovery);
  Dut alone = dut;
  alone.role = Role::server;  // not what it serves: their own BMCs tell of that
  for (const GuardEntry& entry : content.entries) {
    if (entry.undo.kind != UndoKind::firmware_write || entry.undo.dut != dut.id || !outstanding(entry.state))
      continue;
    const Nanoseconds left = firmware_write_left(content, alone, ctx.now().utc_ns);
    if (left <= Nanoseconds(0)) break;  // its time is over, or it was cut
    tell_person(sentence_about(entry, left, ctx.now().utc_ns));
    const Result<std::unique_ptr<Bmc>> bmc = recovery.devices->open_bmc(dut);
    if (!bmc) break;  // then its time is waited for
    std::function<void(const std::string&)> tell = [id = dut.id](const std::string& what) {
      tell_person(id + ": waits, " + what);
    };
    GuardEntry one = entry;
    const Result<std::string> shown = co_await wait_for_written(ctx, **bmc, std::move(one), std::move(tell));
    co_await log_out(ctx, bmc->get());
    if (!shown) co_return shown.error();
    if (!shown->empty()) tell_person(fmt::format("{}: the write is over: {}", dut.id, *shown));
    recovery.writes_over[entry.number] = *shown;
  }
  co_return success();
}

/// Half a write is worse than a late undo.
awaitable<Status> wait_until_written(const Ctx& ctx, Recovery& recovery, const Dut& dut) {
  Nanoseconds left = firmware_write_left(open_still(recovery), dut, ctx.now().utc_ns);
  if (left <= Nanoseconds(0)) co_return success();
  tell_person(fmt::format(
      "{}: firmware may be being written still, so it is not switched off for {}; when somebody has "
      "seen that it is over, stop this and give up what kiln recover --list calls \"wait for the firmware "
      "write\": kiln recover --give-up RUN:NUMBER --by NAME --reason TEXT",
      dut.id, format_duration(left)));
  if (dut.bmc) {
    const Status ended = co_await wait_for_its_writes(ctx, recovery, dut);
    if (!ended) co_return ended;
  }
  // What serves others waits for their writes too, which are looked at beside this.
  while (true) {
    left = firmware_write_left(open_still(recovery), dut, ctx.now().utc_ns);
    if (left <= Nanoseconds(0)) co_return success();
    const Status waited = co_await ctx.sleep_for(std::min(left, kWriteLeftEvery));
    if (!waited) co_return waited;
  }
}

/// `ours`: what is said of it when it is done.
awaitable<Status> undo_one(Ctx& ctx, const Dut& dut, Recovery& recovery, const GuardEntry& entry,
                           std::string& ours) {
  const JournaledUndo& undo = entry.undo;
  RealDevices& devices = *recovery.devices;
  if (undo.kind == UndoKind::force_off) {
    const Result<std::unique_ptr<Bmc>> bmc = devices.open_bmc(dut);
    if (!bmc) co_return bmc.error();
    const std::int64_t now_ns = ctx.now().utc_ns;
    const bool young = on_may_come(on_asked_utc_ns(recovery.content, entry, now_ns), now_ns);
    const Result<std::string> off = co_await force_off_and_read_back(ctx, **bmc, dut.id, young);
    co_await log_out(ctx, bmc->get());
    if (!off) co_return off.error();
    ours += ": " + *off;
    co_return success();
  }
  const Result<std::unique_ptr<Shell>> shell = devices.open_shell(dut);
  if (!shell) co_return shell.error();
  const Result<std::unique_ptr<Bmc>> bmc = devices.open_bmc(dut);
  Bmc* power = bmc ? bmc->get() : nullptr;
  const Status done = co_await end_load_unless_off(ctx, **shell, power, dut.id, undo.command);
  co_await (*shell)->disconnect();
  if (power != nullptr) co_await log_out(ctx, power);
  co_return done;
}

awaitable<void> recover_dut(Ctx& ctx, Recovery& recovery, const std::string& id) {
  const Dut* dut = recovery.inventory.find(id);
  std::vector<GuardEntry> entries = outstanding_of(recovery.content, id);
  bool off = false;
  for (const GuardEntry& entry : entries) {
    // What the run has recorded itself is not recorded again, as a message that begins with "by" would be.
    std::string ours = entry.undo.kind == UndoKind::interlock ? "latched by kiln recover" : "by kiln recover";
    Status done =
        Error("recover.unknown_dut", fmt::format("{} has no DUT '{}' any more", recovery.inventory.file, id),
              "put it back, or see by hand and give it up", Blame::operator_);
    if (entry.undo.kind == UndoKind::interlock) {
      done = latch_cut(recovery.state_directory, recovery.content.owner, entry);
    } else if (entry.undo.kind == UndoKind::firmware_write) {
      Dut gone;
      gone.id = id;
      const Dut& written_to = dut == nullptr ? gone : *dut;
      done = co_await wait_until_written(ctx, recovery, written_to);
      const auto shown = recovery.writes_over.find(entry.number);
      ours += shown != recovery.writes_over.end() && !shown->second.empty()
                  ? ": " + shown->second
                  : ": it is not waited for any more; what runs there is not known";
    } else if (dut != nullptr) {
      done = success();
      if (entry.undo.kind == UndoKind::force_off) done = co_await wait_until_written(ctx, recovery, *dut);
      const bool may = done.has_value();
      for (int tries = 0; may && tries < 2; ++tries) {
        const std::int64_t begun_ns = ctx.now().monotonic_ns;
        Ctx within = ctx.child_within(entry.undo.description, entry.undo.budget);
        done = co_await undo_one(within, *dut, recovery, entry, ours);
        // After a sleep of this program nothing is known: it is looked at once more.
        if (done || !overslept(begun_ns, entry.undo.budget + kLogoutBudget, ctx.now().monotonic_ns)) break;
      }
    }
    off = off || (done && entry.undo.kind == UndoKind::force_off);
    const Status written = recovery.journal->end(entry.number, done ? GuardEnd::undone : GuardEnd::failed,
                                                 done ? ours : done.error().sentence());
    if (!written) recovery.problems.push_back(written.error());
  }
  if (!off) co_return;
  // Without power nothing runs: a host that could not be asked has ended its load.
  const GuardJournalContent now = recovery.journal->content();
  for (const GuardEntry& entry : outstanding_of(now, id)) {
    if (entry.undo.kind != UndoKind::shell_command) continue;
    const Status written = recovery.journal->end(entry.number, GuardEnd::undone, kPowerIsOff);
    if (!written) recovery.problems.push_back(written.error());
  }
}

awaitable<void> recover_all(Ctx& ctx, Recovery& recovery) {
  std::vector<std::string> duts;
  for (const GuardEntry& entry : recovery.content.entries) {
    if (!outstanding(entry.state)) continue;
    if (std::find(duts.begin(), duts.end(), entry.undo.dut) == duts.end()) duts.push_back(entry.undo.dut);
  }
  Scope all(ctx);
  for (const std::string& dut : duts)
    all.start(dut, [&recovery, dut](Ctx& task) { return recover_dut(task, recovery, dut); });
  const Status joined = co_await all.join();
  if (!joined) recovery.problems.push_back(joined.error());
}

/// Inventory and credentials as they are now, where the journal says they are.
Status read_doors(Loop& loop, Recovery& recovery) {
  const std::string& file = recovery.content.owner.inventory;
  Parsed<Inventory> inventory = read_inventory(file);
  if (!inventory) {
    const std::string why =
        inventory.problems.empty() ? "cannot be read" : inventory.problems.front().message;
    return Error("recover.inventory", fmt::format("{}: {}", file, why),
                 "put the inventory back where it was, or see by hand and give the guards up",
                 Blame::operator_);
  }
  recovery.inventory = std::move(*inventory.value);
  if (recovery.inventory.sha256 != recovery.content.owner.inventory_sha256) {
    std::cerr << "kiln: " << file << " was changed since the run; its addresses of today are used\n";
  }
  Credentials credentials;
  if (!recovery.inventory.credentials_file.empty()) {
    Parsed<Credentials> read = read_credentials(recovery.inventory.credentials_file);
    if (!read) {
      const std::string why = read.problems.empty() ? "cannot be read" : read.problems.front().message;
      return Error("recover.credentials", fmt::format("{}: {}", recovery.inventory.credentials_file, why), "",
                   Blame::operator_);
    }
    credentials = std::move(*read.value);
  }
  recovery.devices = std::make_unique<RealDevices>(loop, std::move(credentials), recovery.state_directory);
  return success();
}

/// "RUN:NUMBER" of --give-up, for this run.
std::vector<int> given_up(const CommandLine& line, const std::string& run) {
  std::vector<int> numbers;
  for (const std::string& named : line.give_up) {
    const auto colon = named.rfind(':');
    if (colon == std::string::npos || named.substr(0, colon) != run) continue;
    numbers.push_back(std::atoi(named.c_str() + colon + 1));  // NOLINT: 0 is no guard's number and is refused
  }
  return numbers;
}

void collect(const GuardJournalContent& content, std::vector<Line>& lines) {
  for (const GuardEntry& entry : content.entries) {
    lines.push_back({content.owner.run, entry.undo.dut, entry.undo.description,
                     std::string(to_string(entry.state)), entry.message, entry.number});
  }
  for (const int number : content.unreadable) {
    lines.push_back({content.owner.run, "", "a record that cannot be read", "open",
                     "see by hand what is switched on", number});
  }
}

void print(const std::vector<Line>& lines, bool list) {
  std::string run;
  for (const Line& line : lines) {
    const bool left = line.state == "open" || line.state == "failed";
    if (list && !left) continue;
    if (run != line.run) std::cout << (run = line.run) << "\n";
    std::cout << fmt::format("  {:<8} {:<10} {}{}{}", line.dut, line.state, line.undo,
                             line.message.empty() ? "" : ": ", line.message);
    if (left) std::cout << fmt::format("  [{}:{}]", line.run, line.number);
    std::cout << "\n";
  }
}

void print_json(const std::vector<Line>& lines, std::size_t left) {
  boost::json::array guards;
  for (const Line& line : lines) {
    boost::json::object item;
    item["guard"] = fmt::format("{}:{}", line.run, line.number);
    item["run"] = line.run;
    item["dut"] = line.dut;
    item["undo"] = line.undo;
    item["state"] = line.state;
    item["message"] = line.message;
    guards.push_back(std::move(item));
  }
  boost::json::object root;
  root["guards"] = std::move(guards);
  root["left"] = left;
  std::cout << boost::json::serialize(root) << std::endl;
}

/// A problem with the words of the command line; empty: none.
std::string misuse(const CommandLine& line, const std::vector<Leftover>& leftovers) {
  if (line.give_up.empty()) return "";
  if (line.by.empty() || line.reason.empty())
    return "--give-up needs --by NAME and --reason TEXT: somebody must have looked";
  for (const std::string& named : line.give_up) {
    const auto colon = named.rfind(':');
    const auto found = std::find_if(leftovers.begin(), leftovers.end(), [&](const Leftover& leftover) {
      return colon != std::string::npos && leftover.run == named.substr(0, colon);
    });
    if (found == leftovers.end() || !found->content)
      return fmt::format("--give-up {}: no such guard is left", named);
    const std::vector<int> numbers = given_up(line, found->run);
    for (const int number : numbers) {
      const GuardJournalContent& content = *found->content;
      const bool open = std::any_of(
          content.entries.begin(), content.entries.end(),
          [number](const GuardEntry& entry) { return entry.number == number && outstanding(entry.state); });
      const bool unreadable =
          std::find(content.unreadable.begin(), content.unreadable.end(), number) != content.unreadable.end();
      if (!open && !unreadable) return fmt::format("--give-up {}: no such guard is left", named);
    }
  }
  return "";
}

/// The run that was interrupted may be gone on with, now that nothing of it is switched on.
std::string how_to_go_on(const CommandLine& line, const Paths& paths) {
  const Result<std::unique_ptr<RunView>> view = RunView::open(database_path(line, paths));
  if (!view) return {};
  const Result<std::string> run = choose_interrupted_run(**view, "");
  if (run) return fmt::format("{0} was interrupted; to go on with it: kiln resume {0}\n", *run);
  if (run.error().code == "resume.ambiguous") return fmt::format("{}\n", run.error().sentence());
  return {};
}

/// Works one leftover off. Returns whether nothing of it is left.
bool recover_one(Loop& loop, const CommandLine& line, const Paths& paths, const Leftover& leftover,
                 std::vector<Line>& lines, std::vector<Error>& problems) {
  static const SystemClock clock;
  const Result<NameLock> alone = NameLock::take(warden_lock_name(leftover.path));
  if (!alone && alone.error().code == "lock.taken") {
    problems.emplace_back(
        "recover.warden_at_work",
        fmt::format("the warden of {} is still undoing it ({}); it waits for firmware that is being "
                    "written, to its deadline at most",
                    leftover.run, alone.error().message),
        "wait, then look again: kiln recover --list", Blame::station);
    return false;
  }
  Result<std::unique_ptr<GuardJournal>> journal = GuardJournal::take_over(leftover.path, clock);
  if (!journal) {
    problems.push_back(journal.error());
    return false;
  }
  Recovery recovery;
  recovery.journal = std::move(*journal);
  recovery.state_directory = paths.state;
  for (const int number : given_up(line, leftover.run)) {
    const Status written =
        recovery.journal->end(number, GuardEnd::given_up, fmt::format("by {}: {}", line.by, line.reason));
    if (!written) recovery.problems.push_back(written.error());
  }
  recovery.content = recovery.journal->content();
  const bool work = std::any_of(recovery.content.entries.begin(), recovery.content.entries.end(),
                                [](const GuardEntry& entry) { return outstanding(entry.state); });
  if (work) {
    const Status doors = read_doors(loop, recovery);
    if (!doors) {
      recovery.problems.push_back(doors.error());
    } else {
      loop.run([&recovery](Ctx& ctx) { return recover_all(ctx, recovery); });
    }
  }
  collect(recovery.journal->content(), lines);
  problems.insert(problems.end(), recovery.problems.begin(), recovery.problems.end());
  const GuardJournalContent now = recovery.journal->content();
  if (now.any_outstanding()) return false;
  const Status removed = record_and_remove(leftover.path, now);
  if (!removed) problems.push_back(removed.error());
  return removed.has_value();
}

}  // namespace

int recover_command(const CommandLine& line, const Paths& paths) {
  const std::vector<Leftover> leftovers = find_leftovers(paths.state);
  const std::string wrong = misuse(line, leftovers);
  if (!wrong.empty()) {
    std::cerr << "kiln: " << wrong << "\n";
    return 2;
  }
  std::vector<Line> lines;
  std::vector<Error> problems;
  std::size_t left = 0;
  const std::unique_ptr<Loop> loop = Loop::real();
  for (const Leftover& leftover : leftovers) {
    if (!leftover.content) {
      problems.push_back(leftover.content.error());
      ++left;
    } else if (line.list) {
      collect(*leftover.content, lines);
      ++left;
    } else if (!recover_one(*loop, line, paths, leftover, lines, problems)) {
      ++left;
    }
  }
  for (const Error& problem : problems)
    std::cerr << "kiln: " << problem.sentence() << " [" << problem.code << "]\n";
  if (line.json) {
    print_json(lines, left);
  } else {
    print(lines, line.list);
    if (leftovers.empty()) std::cout << "nothing was left switched on\n";
    if (left == 0) std::cout << how_to_go_on(line, paths);
    if (left > 0 && !line.list) {
      std::cout << "NOT FINISHED. When somebody has seen that it is off: kiln recover --give-up RUN:NUMBER "
                   "--by NAME "
                   "--reason TEXT\n";
    }
  }
  return left == 0 ? 0 : 4;
}

}  // namespace kiln
