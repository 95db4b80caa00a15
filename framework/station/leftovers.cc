#include "station/leftovers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "files/inventory_file.h"
#include "model/interlock_reach.h"
#include "safety/trip.h"
#include "station/interlock_latches.h"
#include "store/record_break.h"
#include "store/run_view.h"

namespace kiln {
namespace {

constexpr std::size_t kNamed = 4;

bool ended_with_its_rack(const GuardJournalContent& content) {
  return content.owner.simulated && content.owner.rack_ends_with_us;
}

Interlocked interlocked(const JournaledCut& cut) {
  Interlocked event;
  event.cause = cut.trip.cause;
  event.code = cut.trip.code;
  event.part = cut.trip.part;
  event.message = cut.trip.message;
  event.hazard_read = cut.trip.read;
  event.detected_ns = cut.trip.detected_ns;
  event.load_stopped_ns = cut.report.load_stopped_ns;
  event.off_confirmed_ns = cut.report.off_confirmed_ns;
  return event;
}

/// Cuts that are not latched yet are latched on the way.
bool any_undo_outstanding(const GuardJournalContent& content) {
  return !content.unreadable.empty() ||
         std::any_of(content.entries.begin(), content.entries.end(), [](const GuardEntry& entry) {
           return outstanding(entry.state) && entry.undo.kind != UndoKind::interlock;
         });
}

/// DUTs whose cut stands in the record of the run, or is told by the warden.
std::set<std::string> cuts_told(const GuardJournalContent& content) {
  std::set<std::string> cut;
  for (const GuardEntry& entry : content.entries) {
    if (entry.undo.kind == UndoKind::interlock && entry.message.starts_with("by "))
      cut.insert(entry.undo.dut);
  }
  const JournalOwner& owner = content.owner;
  const Result<std::unique_ptr<RunView>> view = RunView::open(owner.database);
  if (!view) return cut;
  const auto take = [&cut](const Event& event) {
    if (std::holds_alternative<Interlocked>(event.body)) cut.insert(event.dut);
  };
  const auto broken = (*view)->for_each_event(owner.run, 1, [&take](Event&& event) {
    take(event);
    return true;
  });
  if (!broken || !*broken) return cut;
  for (const Event& event : (*broken)->after) take(event);
  return cut;
}

/// How often each undo of a DUT stands in a record as opened and not as closed.
using OpenInRecord = std::map<std::pair<std::string, std::string>, int>;

OpenInRecord open_in_record(const JournalOwner& owner) {
  OpenInRecord open;
  const Result<std::unique_ptr<RunView>> view = RunView::open(owner.database);
  if (!view) return open;
  const auto count = [&open](const Event& event) {
    if (const auto* opened = std::get_if<GuardOpened>(&event.body)) ++open[{event.dut, opened->undo}];
    if (const auto* closed = std::get_if<GuardClosed>(&event.body)) --open[{event.dut, closed->undo}];
  };
  const auto broken = (*view)->for_each_event(owner.run, 1, [&count](Event&& event) {
    count(event);
    return true;
  });
  if (!broken || !*broken) return open;
  for (const Event& event : (*broken)->after) count(event);
  return open;
}

}  // namespace

Nanoseconds firmware_write_left(const GuardJournalContent& content, const Dut& dut, std::int64_t utc_ns) {
  Nanoseconds left(0);
  for (const GuardEntry& entry : content.entries) {
    const bool concerns = entry.undo.dut == dut.id || serves_all(dut.role);
    const bool cut =
        std::any_of(content.entries.begin(), content.entries.end(), [&entry](const GuardEntry& one) {
          return one.undo.kind == UndoKind::interlock && one.undo.dut == entry.undo.dut &&
                 one.opened_utc_ns >= entry.opened_utc_ns;
        });
    if (cut) continue;  // without power nothing is written
    if (!concerns || !outstanding(entry.state) || entry.undo.kind != UndoKind::firmware_write) continue;
    const Nanoseconds rest(entry.opened_utc_ns + entry.undo.budget.count() - utc_ns);
    left = std::max(left, std::min(rest, entry.undo.budget));
  }
  return left;
}

std::int64_t on_asked_utc_ns(const GuardJournalContent& content, const GuardEntry& entry,
                             std::int64_t utc_ns) {
  std::int64_t latest = entry.opened_utc_ns;
  for (const GuardEntry& write : content.entries) {
    if (write.undo.kind != UndoKind::firmware_write || write.undo.dut != entry.undo.dut) continue;
    // One that was not ended before the station died may have got there at any moment.
    latest = std::max(latest, outstanding(write.state) ? utc_ns : write.ended_utc_ns);
  }
  return latest;
}

std::string guard_directory(const std::string& state_directory) { return state_directory + "/guards"; }

std::vector<Leftover> find_leftovers(const std::string& state_directory) {
  std::vector<Leftover> found;
  for (const std::string& path : guard_journals(guard_directory(state_directory))) {
    if (GuardJournal::in_use(path)) continue;
    Result<GuardJournalContent> content = GuardJournal::read(path);
    if (!content && content.error().code == "guard.not_readable" && !std::filesystem::exists(path)) continue;
    if (content && !any_undo_outstanding(*content)) {
      const Status done = record_and_remove(path, *content);
      if (done) continue;
      Leftover left{path, std::filesystem::path(path).stem().string(), done.error()};
      if (content->any_outstanding())
        left.content = std::move(content);  // its cuts, which could not be latched
      found.push_back(std::move(left));
      continue;
    }
    if (content && ended_with_its_rack(*content)) {
      ::unlink(path.c_str());
      continue;
    }
    found.push_back({path, std::filesystem::path(path).stem().string(), std::move(content)});
  }
  return found;
}

Status latch_cut(const std::string& state_directory, const JournalOwner& owner, const GuardEntry& entry) {
  const std::optional<JournaledCut> cut = from_journal(entry.undo);
  if (!cut || owner.rack_ends_with_us) return success();
  const Parsed<Inventory> inventory = read_inventory(owner.inventory);
  Dut gone;
  gone.id = cut->report.dut;
  const Dut* named = inventory ? inventory.value->find(gone.id) : nullptr;
  const Dut& dut = named == nullptr ? gone : *named;
  const InterlockLatch latch = latch_of(dut, cut->serial, inventory ? inventory.value->rack : "", owner.run,
                                        interlocked(*cut), entry.opened_utc_ns);
  return InterlockLatches(state_directory).set(latch);
}

JournaledUndo to_journal(const Interlocked& cut, const std::string& dut, const std::string& serial) {
  JournaledCut entry;
  entry.trip.cause = cut.cause;
  entry.trip.code = cut.code;
  entry.trip.dut = dut;
  entry.trip.part = cut.part;
  entry.trip.message = cut.message;
  entry.trip.read = cut.hazard_read;
  entry.trip.detected_ns = cut.detected_ns;
  entry.report.dut = dut;
  entry.report.load_stopped_ns = cut.load_stopped_ns;
  entry.report.off_confirmed_ns = cut.off_confirmed_ns;
  entry.serial = serial;
  return to_journal(entry);
}

Status record_and_remove(const std::string& path, const GuardJournalContent& content) {
  const std::string state_directory = std::filesystem::path(path).parent_path().parent_path().string();
  for (const GuardEntry& entry : content.entries) {
    // Whoever ended it so had latched it, and somebody may have released it since.
    if (entry.state == GuardEnd::undone && !entry.message.starts_with("by ")) continue;
    const Status latched = latch_cut(state_directory, content.owner, entry);
    if (!latched) return latched;
  }
  const SystemClock clock;
  const Instant now = clock.now();
  std::optional<OpenInRecord> open;
  std::optional<std::set<std::string>> cut;
  for (const GuardEntry& entry : content.entries) {
    std::string message = entry.message;
    if (!message.starts_with("by ")) {
      // The run has recorded it itself, unless it died between its journal and its record.
      if (entry.undo.kind == UndoKind::interlock && !cut) cut = cuts_told(content);
      if (entry.undo.kind == UndoKind::interlock && !cut->insert(entry.undo.dut).second) continue;
    }
    if (!message.starts_with("by ") && entry.undo.kind != UndoKind::interlock) {
      if (!open) open = open_in_record(content.owner);
      if ((*open)[{entry.undo.dut, entry.undo.description}]-- <= 0) continue;
      message = "by the station, which died before that was in its record";
    }
    Event event;
    if (entry.undo.kind == UndoKind::interlock) {
      const std::optional<JournaledCut> journaled = from_journal(entry.undo);
      if (!journaled) continue;
      event.body = interlocked(*journaled);
    } else {
      GuardClosed closed;
      closed.undo = entry.undo.description;
      closed.done = true;
      closed.message = message;
      event.body = std::move(closed);
    }
    event.at.utc_ns = entry.ended_utc_ns == 0 ? entry.opened_utc_ns : entry.ended_utc_ns;
    event.at.monotonic_ns = now.monotonic_ns - (now.utc_ns - event.at.utc_ns);
    event.dut = entry.undo.dut;
    event.step = entry.undo.step;
    write_after_break(content.owner.database, content.owner.run, event);
  }
  ::unlink(path.c_str());
  return success();
}

std::string describe(const Leftover& leftover) {
  if (!leftover.content) return fmt::format("{}: {}", leftover.run, leftover.content.error().message);
  std::string text;
  std::size_t count = 0;
  for (const GuardEntry& entry : leftover.content->entries) {
    if (!outstanding(entry.state)) continue;
    if (count++ >= kNamed) continue;
    if (!text.empty()) text += "; ";
    if (entry.undo.kind == UndoKind::interlock)
      text += fmt::format("its cut of {} could not be latched: ", entry.undo.dut);
    text += entry.undo.description;
  }
  if (count > kNamed) text += fmt::format("; and {} more", count - kNamed);
  if (!leftover.content->unreadable.empty()) {
    text += fmt::format("{}{} that cannot be read", text.empty() ? "" : "; ",
                        leftover.content->unreadable.size());
  }
  return fmt::format("{}: {}", leftover.run, text);
}

Status refuse_with_leftovers(const std::string& state_directory) {
  const std::vector<Leftover> leftovers = find_leftovers(state_directory);
  if (leftovers.empty()) return success();
  std::string text;
  for (const Leftover& leftover : leftovers) text += (text.empty() ? "" : " | ") + describe(leftover);
  return Error("station.leftovers",
               fmt::format("a run of this station ended without undoing what it did: {}", text),
               "finish it first: kiln recover", Blame::operator_);
}

}  // namespace kiln
