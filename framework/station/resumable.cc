#include "station/resumable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "io/scope.h"
#include "station/import_mark.h"
#include "station/version.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kAskPower = std::chrono::seconds(10);
constexpr Nanoseconds kLogoutAfterPower = std::chrono::seconds(3);

Error refused(std::string code, std::string what, std::string action) {
  return {std::move(code), std::move(what), std::move(action), Blame::operator_};
}

/// What the record and the notes beside it say of each undo: opened minus closed.
using OpenUndos = std::map<std::pair<std::string, std::string>, int>;

/// The closing of an undo that the record does not show as open belongs to its story, but must not be taken
/// for the closing of a later one.
void take_beside(Resumable& run, std::vector<Event> beside) {
  OpenUndos open;
  for (const Event& event : run.record) {
    if (const auto* opened = std::get_if<GuardOpened>(&event.body)) ++open[{event.dut, opened->undo}];
    if (const auto* closed = std::get_if<GuardClosed>(&event.body)) --open[{event.dut, closed->undo}];
  }
  for (Event& event : beside) {
    // Of the clock that the record counts by; that of this boot may be another.
    const Instant last = run.record.back().at;
    event.at.monotonic_ns = last.monotonic_ns + (event.at.utc_ns - last.utc_ns);
    if (const auto* closed = std::get_if<GuardClosed>(&event.body)) {
      const bool taken = std::any_of(run.record.begin(), run.record.end(), [&](const Event& other) {
        const auto* same = std::get_if<GuardClosed>(&other.body);
        return same != nullptr && other.dut == event.dut && other.at.utc_ns == event.at.utc_ns &&
               same->undo == closed->undo && same->message == closed->message;
      });
      if (taken) continue;
      int& count = open[{event.dut, closed->undo}];
      if (count > 0) {
        --count;
      } else {
        Note note;
        note.text = fmt::format("{}: undone {}", closed->undo, closed->message);
        event.body = std::move(note);
      }
    }
    run.beside.push_back(std::move(event));
  }
}

Status refuse_by_what_happened(const Resumable& run, const std::vector<Event>& events) {
  for (const Event& event : events) {
    if (const auto* cut = std::get_if<Interlocked>(&event.body)) {
      return refused("resume.interlocked",
                     fmt::format("{} was ended by an interlock ({}): {}", run.run, cut->cause, cut->message),
                     fmt::format("find the cause, kiln release {}, then run it anew", event.dut));
    }
    if (const auto* stop = std::get_if<StopRequested>(&event.body)) {
      return refused("resume.stopped", fmt::format("{} was stopped by {}", run.run, stop->by), "run it anew");
    }
  }
  return success();
}

awaitable<void> read_power(Ctx& ctx, Devices& devices, const Dut& dut, std::map<std::string, bool>& is_off) {
  const Result<std::unique_ptr<Bmc>> bmc = devices.open_bmc(dut);
  if (!bmc) co_return;
  const Result<PowerState> power = co_await (*bmc)->power_state(ctx);
  is_off[dut.id] = power && *power == PowerState::off;
  Bmc* door = bmc->get();
  const Status out =
      co_await shielded(ctx, "logout", kLogoutAfterPower, [door](Ctx& leave) { return door->logout(leave); });
  (void)out;  // a session that stays open ends by itself
}

}  // namespace

Result<std::string> choose_interrupted_run(const RunView& view, const std::string& typed) {
  if (!typed.empty()) return view.find_run(typed);
  const Result<std::vector<RunSummary>> runs = view.runs();
  if (!runs) return runs.error();
  std::vector<const RunSummary*> found;
  std::set<std::string> ended_later;  // racks
  for (const RunSummary& run : *runs) {
    if (run.state == RunState::complete) ended_later.insert(run.about.rack);
    const bool candidate = run.state == RunState::interrupted && !run.about.recipe.empty() && !run.broken &&
                           !ended_later.contains(run.about.rack) &&
                           !read_import_mark(view.database(), run.id);
    if (candidate) found.push_back(&run);
  }
  // One that died before it had said which rack it is for is meant when nothing came after it.
  const auto newest = std::find_if(runs->begin(), runs->end(), [&view](const RunSummary& run) {
    return !read_import_mark(view.database(), run.id);
  });
  if (found.empty() && newest != runs->end() && newest->state == RunState::interrupted &&
      newest->about.recipe.empty() && !newest->broken)
    return newest->id;
  if (found.empty())
    return refused("resume.none", "no run of this station was interrupted and not followed by another",
                   "kiln runs lists them; name one to go on with an older one: kiln resume RUN");
  if (found.size() == 1) return found.front()->id;
  std::string names;
  for (const RunSummary* run : found)
    names += fmt::format("{}{} ({} on {}, begun {})", names.empty() ? "" : ", ", run->id, run->about.recipe,
                         run->about.rack, format_utc(run->begun.utc_ns));
  return refused("resume.ambiguous", fmt::format("{} runs were interrupted: {}", found.size(), names),
                 fmt::format("name one: kiln resume {}", found.front()->id));
}

Result<Resumable> read_resumable(const RunView& view, const std::string& run) {
  const Result<RunSummary> summary = view.run(run);
  if (!summary) return summary.error();
  if (summary->state == RunState::running)
    return refused("run.alive", fmt::format("{} is being driven by process {}", run, summary->pid),
                   fmt::format("join it: kiln watch {}", run));
  if (summary->state == RunState::complete)
    return refused("resume.ended",
                   fmt::format("{} was not interrupted: it ended with status {}", run, summary->end_status),
                   fmt::format("see kiln show {0}, or write its reports again: kiln report {0}", run));
  if (const auto mark = read_import_mark(view.database(), run))
    return refused("resume.imported",
                   fmt::format("{} was {}: it is not this station's to go on with", run, mark->sentence()),
                   "resume it where it was recorded, or run it anew");
  if (summary->about.recipe.empty())
    return refused("resume.nothing_recorded", fmt::format("{} died before anything was recorded", run),
                   "run it anew");
  if (summary->broken) return refused("resume.record_broken", summary->broken->sentence(), "run it anew");
  const Result<ChainCheck> chain = view.verify_chain(run);
  if (!chain) return chain.error();
  if (!chain->intact)
    return refused("resume.record_changed",
                   fmt::format("the record of {} is not as it was written: {}", run, chain->reason),
                   "keep the file as evidence, and run it anew");
  Result<RunEvents> events = view.events(run);
  if (!events) return events.error();
  if (events->broken && !events->broken->writer_gone)
    return refused("resume.record_broken", events->broken->sentence(), "run it anew");
  Resumable found;
  found.run = run;
  found.about = summary->about;
  found.record = std::move(events->events);
  if (found.about.recipe_file.empty())
    return refused("resume.old_record",
                   fmt::format("the record of {} does not say which recipe file it ran", run),
                   "it was begun by an older Kiln: run it anew");
  // The plan is written down first; a step that began shows that it was written whole.
  const bool planned = std::any_of(found.record.begin(), found.record.end(), [](const Event& event) {
    return std::holds_alternative<StepBegun>(event.body);
  });
  if (!planned)
    return refused("resume.nothing_recorded", fmt::format("{} died before its first step", run),
                   "nothing is lost: run it anew");
  if (events->broken) take_beside(found, std::move(events->broken->after));
  Status allowed = refuse_by_what_happened(found, found.record);
  if (allowed) allowed = refuse_by_what_happened(found, found.beside);
  if (!allowed) return allowed.error();
  return found;
}

CommandLine command_line_as_begun(const CommandLine& typed, const RunBegun& about) {
  CommandLine line = typed;
  line.recipe = about.recipe_file;
  line.rack_file = about.inventory_file;
  line.dut_filter = about.selection;
  line.operator_name = about.operator_name;
  line.interlock_rules = about.interlock_rules_file;
  line.retest_of = about.retest_of;
  line.settings.clear();
  for (const auto& [name, value] : about.overridden) line.settings.push_back(name + "=" + value);
  line.scans.clear();
  std::string rest = about.scanned_serial;  // "C01=…, C02=…"
  while (!rest.empty()) {
    const auto comma = rest.find(", ");
    line.scans.push_back(rest.substr(0, comma));
    rest = comma == std::string::npos ? "" : rest.substr(comma + 2);
  }
  return line;
}

Status refuse_changed(const Resumable& before, const RunSetup& now, const CommandLine& line) {
  const RunBegun& about = before.about;
  const Plan& plan = *now.plan;
  std::vector<std::string> changed;
  const auto compare = [&changed](bool same, std::string what) {
    if (!same) changed.push_back(std::move(what));
  };
  compare(about.recipe_sha256 == plan.recipe.sha256 && about.parameters == plan.recipe.parameters,
          fmt::format("the recipe {} or a fragment of it", about.recipe_file));
  compare(about.inventory_sha256 == plan.inventory.sha256,
          fmt::format("the rack file {}", about.inventory_file));
  compare(about.firmware_baseline_sha256 ==
              (plan.inventory.firmware_baseline ? plan.inventory.firmware_baseline->sha256 : std::string()),
          fmt::format("the firmware baseline {}", about.firmware_baseline));
  compare(about.limits_sha256 == plan.limits.sha256,
          fmt::format("the limits {}", plan.limits.file.empty() || plan.limits.file == about.limits_file
                                           ? about.limits_file
                                           : fmt::format("(they are read from {} now, not {})",
                                                         plan.limits.file, about.limits_file)));
  compare(about.interlock_rules_sha256.empty() || about.interlock_rules_sha256 == now.rules.sha256,
          fmt::format("the interlock rules {}", about.interlock_rules_file));
  compare(about.plugins == plan.plugins, "a plugin that it uses");
  compare(about.kiln_version == kVersion && about.build_stamp == build_stamp(),
          fmt::format("Kiln itself (it was version {}, build {})", about.kiln_version, about.build_stamp));
  compare(about.selection == line.dut_filter, "the selection of DUTs");
  std::set<Cell> cells;
  for (const CellPlanned& planned : plan.cells) cells.insert(planned.cell);
  std::set<Cell> cells_then;
  for (const Event& event : before.record) {
    if (const auto* planned = std::get_if<CellPlanned>(&event.body)) cells_then.insert(planned->cell);
  }
  compare(cells == cells_then, "the required checks that follow from all this");
  if (changed.empty()) return success();
  return refused("resume.changed",
                 fmt::format("since {} began, this was changed: {}", before.run, fmt::join(changed, "; ")),
                 "put it back as it was, or run it anew");
}

awaitable<Status> close_open_undos(const Ctx& ctx, Devices& devices, const Plan& plan, Resumable& before) {
  OpenUndos open;
  for (const auto* events : {&before.record, &before.beside}) {
    for (const Event& event : *events) {
      if (const auto* opened = std::get_if<GuardOpened>(&event.body)) ++open[{event.dut, opened->undo}];
      if (const auto* closed = std::get_if<GuardClosed>(&event.body)) --open[{event.dut, closed->undo}];
    }
  }
  std::erase_if(open, [](const auto& item) { return item.second <= 0; });
  if (open.empty()) co_return success();
  std::map<std::string, bool> is_off;
  {
    Ctx limited = ctx.child_within("power of what was not closed", kAskPower);
    Scope all(limited);
    std::set<std::string> asked;
    for (const auto& [undo, count] : open) {
      const Dut* dut = plan.inventory.find(undo.first);
      if (dut == nullptr || !dut->bmc || !asked.insert(dut->id).second) continue;
      all.start(dut->id,
                [&devices, dut, &is_off](Ctx& task) { return read_power(task, devices, *dut, is_off); });
    }
    const Status joined = co_await all.join();
    (void)joined;  // who did not answer is not off
  }
  const Instant last = before.record.back().at;
  Instant now = ctx.now();
  now.monotonic_ns = last.monotonic_ns + (now.utc_ns - last.utc_ns);
  for (const auto& [undo, count] : open) {
    if (!is_off[undo.first])
      co_return refused("resume.undo_open",
                        fmt::format("the record of {} shows '{}' of {} as never undone, and its power does "
                                    "not read Off",
                                    before.run, undo.second, undo.first),
                        "switch it off and see that it is off, then resume again");
    for (int number = 0; number < count; ++number) {
      GuardClosed closed;
      closed.undo = undo.second;
      closed.message = "seen by kiln resume: its power reads Off";
      Event event;
      event.at = now;
      event.dut = undo.first;
      event.body = std::move(closed);
      before.beside.push_back(std::move(event));
    }
  }
  co_return success();
}

}  // namespace kiln
