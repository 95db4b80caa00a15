#include "station/commands/execute_run.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "files/population_file.h"
#include "io/scope.h"
#include "safety/disk_undo_journal.h"
#include "station/console.h"
#include "station/dut_locks.h"
#include "station/emergency_stop.h"
#include "station/host_name.h"
#include "station/interlock_latches.h"
#include "station/leftovers.h"
#include "station/real_devices.h"
#include "station/reports_on_disk.h"
#include "station/resumption_text.h"
#include "station/run_json.h"
#include "station/verdict_block.h"
#include "station/version.h"
#include "station/warden_ears.h"
#include "station/warden_link.h"
#include "store/ledger.h"
#include "store/record_break.h"
#include "store/run_view.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr int kRunsOfHistory = 5;
constexpr Nanoseconds kLastLinesBudget = std::chrono::seconds(1);  // for a terminal that is slow to take them

/// Artifacts through the ledger's own store.
class LedgerArtifacts final : public ArtifactSink {
 public:
  explicit LedgerArtifacts(const Artifacts& artifacts) : artifacts_(artifacts) {}
  Result<Attached> keep(const std::string& name, const std::string& media_type,
                        const std::string& bytes) override {
    return artifacts_.add_text(name, media_type, bytes);
  }

 private:
  const Artifacts& artifacts_;
};

std::string absolute_path(const std::string& file) {
  return std::filesystem::absolute(file).lexically_normal().string();
}

RunBegun describe_run(const CommandLine& line, const RunSetup& setup) {
  const Plan& plan = *setup.plan;
  RunBegun begun;
  begun.recipe = plan.recipe.name;
  begun.recipe_version = plan.recipe.version;
  begun.recipe_sha256 = plan.recipe.sha256;
  begun.recipe_file = absolute_path(plan.recipe.file);
  begun.selection = line.dut_filter;
  begun.purpose = to_string(plan.recipe.purpose);
  begun.rack = plan.inventory.rack;
  begun.product = plan.inventory.product;
  begun.inventory_file = absolute_path(plan.inventory.file);
  begun.inventory_sha256 = plan.inventory.sha256;
  begun.limits_file = plan.limits.file;
  begun.limits_sha256 = plan.limits.sha256;
  begun.limits_revision = plan.limits.revision;
  if (const auto& baseline = plan.inventory.firmware_baseline) {
    begun.firmware_baseline =
        fmt::format("{} revision {} ({})", baseline->name, baseline->revision, baseline->file);
    begun.firmware_baseline_sha256 = baseline->sha256;
  }
  if (needs_warden(plan)) {
    begun.interlock_rules =
        fmt::format("{} revision {} ({})", setup.rules.name, setup.rules.revision, setup.rules.file);
    for (const HazardRule& row : setup.recipe.hazards)
      begun.interlock_rules +=
          fmt::format("; by the recipe: {} {}", facts_of(row.kind).name, bounds_text(row));
    begun.interlock_rules_sha256 = setup.rules.sha256;
    begun.interlock_rules_file = absolute_path(setup.rules.file);
  }
  begun.simulated = plan.inventory.simulated;
  begun.time_scale = plan.inventory.time_scale;
  begun.marginal_is_conditional = plan.recipe.marginal_is_conditional;
  begun.operator_name = line.operator_name;
  for (const auto& dut : plan.inventory.duts) {
    const auto scanned = dut.labels.find("scanned_serial");
    if (scanned == dut.labels.end()) continue;
    if (!begun.scanned_serial.empty()) begun.scanned_serial += ", ";
    begun.scanned_serial += dut.id + "=" + scanned->second;
  }
  begun.station = host_name();
  begun.kiln_version = kVersion;
  begun.build_stamp = build_stamp();
  begun.retest_of = line.retest_of;
  begun.not_eligible_because = plan.not_eligible_because;
  begun.approvals = plan.approvals;
  begun.instruments = plan.instruments;
  begun.parameters = plan.recipe.parameters;
  for (const auto& setting : line.settings) {
    const auto equals = setting.find('=');
    if (equals != std::string::npos) begun.overridden[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  begun.plugins = plan.plugins;
  return begun;
}

JournalOwner journal_owner(const CommandLine& line, const Plan& plan, const std::string& run,
                           const std::string& database) {
  JournalOwner owner;
  owner.run = run;
  owner.inventory = std::filesystem::absolute(plan.inventory.file).string();
  owner.inventory_sha256 = plan.inventory.sha256;
  owner.database = database;
  owner.kiln_version = kVersion;
  owner.pid = ::getpid();
  owner.simulated = plan.inventory.simulated;
  owner.rack_ends_with_us = line.rack_ends_with_us;
  return owner;
}

/// What earlier racks have shown, as far as it concerns this one; or why this one may not be set against it.
Result<PopulationGiven> read_population_for(const CommandLine& line, const RunBegun& begun,
                                            const Plan& plan) {
  const Parsed<Population> population = read_population(absolute_path(line.population_file));
  if (!population) return as_error(population.problems);
  std::vector<std::pair<Role, std::optional<int>>> places;
  for (const std::string& id : plan.duts) {
    const Dut& dut = *plan.inventory.find(id);
    places.emplace_back(dut.role, dut.slot);
  }
  return population_for(*population.value, begun, places);
}

/// The median of what each step took before; empty when nothing is known.
TypicalDurations typical_durations(const std::string& database, const RunBegun& begun) {
  TypicalDurations typical;
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view) return typical;
  Result<StepDurations> before =
      (*view)->step_durations(begun.recipe_sha256, begun.parameters, kRunsOfHistory);
  if (!before) return typical;
  for (auto& [path, durations] : *before) {
    const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
    std::nth_element(durations.begin(), middle, durations.end());
    typical[path] = *middle;
  }
  return typical;
}

awaitable<Result<std::unique_ptr<WardenLink>>> start_warden(const Ctx& ctx, const CommandLine& line,
                                                            const Paths& paths, const RunSetup& setup,
                                                            const RealDevices& devices, JournalOwner owner,
                                                            std::string journal) {
  const Plan& plan = *setup.plan;
  WardenBriefing briefing;
  WardenHello& hello = briefing.hello;
  hello.version = kVersion;
  hello.build_stamp = build_stamp();
  hello.run = owner.run;
  hello.journal = std::move(journal);
  hello.rack_ends_with_us = line.rack_ends_with_us;
  hello.rules = setup.rules;
  for (const std::string& id : plan.duts) {
    Result<WardenDut> dut = devices.warden_dut(*plan.inventory.find(id));
    if (!dut) co_return dut.error();
    briefing.duts.push_back(std::move(*dut));
  }
  Result<std::optional<WardenBuilding>> building = devices.warden_building(plan.inventory);
  if (!building) co_return building.error();
  briefing.building = std::move(*building);
  Result<std::unique_ptr<WardenLink>> link =
      co_await WardenLink::start(ctx, paths.warden, std::move(briefing));
  co_return link;
}

awaitable<void> run_plan(Ctx& ctx, Runner& runner, RunBegun begun,
                         std::optional<Result<RunVerdict>>& verdict) {
  Result<RunVerdict> result = co_await runner.run(ctx, std::move(begun));
  verdict.emplace(std::move(result));
}

/// Nothing was run: says so, on standard output too when that is one JSON object. The exit code.
int refuse(const CommandLine& line, const Error& why) {
  const std::vector<SetupProblem> problems{{"", why.code, why.sentence()}};
  print_problems(problems);
  if (line.json) std::cout << problems_json(problems) << std::endl;
  return 2;
}

/// A run that was begun in the record and then refused must not look as if it had died.
void record_refusal(Ledger& ledger, RunBegun begun, const Error& why) {
  RunEnded ended;
  ended.status = "refused";
  ended.message = why.sentence();
  const std::vector<EventBody> bodies{std::move(begun), std::move(ended)};
  for (const EventBody& body : bodies) {
    Event event;
    event.at = SystemClock().now();
    event.body = body;
    const Result<std::int64_t> recorded = ledger.try_append(std::move(event));
    (void)recorded;  // the refusal stands on the screen in any case
  }
  const Status closed = ledger.close();
  (void)closed;
}

/// Who goes on, and since when nothing is known.
void about_resumption(Resumption& resumption, const CommandLine& line, std::int64_t now_utc_ns) {
  RunResumed& about = resumption.about;
  about.gap_ns = now_utc_ns - about.interrupted_utc_ns;
  about.operator_name = line.operator_name;
  about.station = host_name();
  about.kiln_version = kVersion;
  about.build_stamp = build_stamp();
  if (line.operator_name.empty())
    about.not_eligible_because.emplace_back("resumed without an operator (--operator NAME)");
}

void print_failures(const WrittenReports& reports) {
  for (const auto& failure : reports.failures) {
    std::cerr << "kiln: " << failure.sentence() << " [" << failure.code << "]\n";
  }
}

/// The verdict of what is on disk: what reports will say, and all that counts after a ledger failure. The
/// cuts that the failed ledger did not take count too, also when the note beside it could not be written.
RunVerdict committed_verdict(const std::string& database, const std::string& run, const RunVerdict& in_memory,
                             std::vector<Event> not_recorded) {
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view) return in_memory;
  Result<RunEvents> events = (*view)->events_without_samples(run);
  if (!events) return in_memory;
  if (!not_recorded.empty()) {
    std::int64_t last = events->events.empty() ? 0 : events->events.back().sequence;
    for (Event& event : not_recorded) event.sequence = ++last;
    if (!events->broken) events->broken.emplace();
    events->broken->after = std::move(not_recorded);
  }
  return roll_up(*events);
}

/// The warden tells the run of its cut as of any other; here only what went wrong on the way to it.
awaitable<void> stop_from_console(Ctx& task, std::string door, std::string run, std::string by,
                                  Console& console) {
  StopEverything stop;
  stop.by = by.empty() ? user_name() : std::move(by);
  stop.reason = "emergency stop at the console";
  stop.run = std::move(run);
  const Result<EverythingStopped> stopped = co_await stop_everything(task, std::move(door), std::move(stop));
  if (stopped || task.stopped()) co_return;  // the run may be over before everything has answered
  console.warn(fmt::format("the emergency stop did not reach the warden ({}): use kiln stop-all, or Ctrl-C",
                           stopped.error().message));
}

}  // namespace

void StopSwitch::signal(int number) {
  if (on_signal) {
    on_signal(number);
  } else if (pending == 0) {
    pending = number;
  }
}

awaitable<int> execute_run(Ctx& ctx, const CommandLine& line, const Paths& paths, RunSetup& setup,
                           StopSwitch& stop, Resumable* before) {
  const Result<DutLocks> locks = DutLocks::take(*setup.plan);
  if (!locks) {
    co_return refuse(line, locks.error());
  }
  const Status clean = refuse_with_leftovers(paths.state);
  if (!clean && !line.rack_ends_with_us) {
    co_return refuse(line, clean.error());
  }
  RealDevices devices(ctx.loop(), setup.credentials, paths.state, setup.plugins.dialects);
  if (setup.plan) devices.listen_for_events(setup.plan->inventory.events);
  const InterlockLatches latches(paths.state);
  DutSerials serials;
  // A virtual rack of ours is a new one each time.
  if (!line.rack_ends_with_us && needs_warden(*setup.plan)) {
    const DutIdentities identities = co_await read_dut_identities(ctx, devices, *setup.plan);
    const Status apart = refuse_same_bmc(*setup.plan, identities);
    if (!apart) {
      co_return refuse(line, apart.error());
    }
    serials = serials_of(identities);
    const Status unlatched = latches.refuse_latched(*setup.plan, serials);
    if (!unlatched) {
      co_return refuse(line, unlatched.error());
    }
  }
  std::optional<Resumption> resumption;
  if (before != nullptr) {
    const Status undone = co_await close_open_undos(ctx, devices, *setup.plan, *before);
    if (!undone) {
      co_return refuse(line, undone.error());
    }
    resumption = plan_resumption(*setup.plan, std::move(before->record), std::move(before->beside), serials);
    about_resumption(*resumption, line, ctx.now().utc_ns);
    if (line.list) {
      std::cout << (line.json ? resumption_json(*resumption, before->run) + "\n"
                              : resumption_text(*setup.plan, *resumption, before->run))
                << std::flush;
      co_return 0;
    }
    std::cerr << resumption_text(*setup.plan, *resumption, before->run) << std::flush;
  }
  std::optional<PopulationGiven> population;
  if (!line.population_file.empty() && before == nullptr) {
    Result<PopulationGiven> given = read_population_for(line, describe_run(line, setup), *setup.plan);
    if (!given) {
      co_return refuse(line, given.error());
    }
    population = std::move(*given);
  }
  // Hours of burn-in later is too late to find out.
  if (!line.out_directory.empty()) {
    Status writable = make_report_directory(line.out_directory);
    // What is not written anew would lie beside it and be taken for it.
    if (writable && before == nullptr) writable = refuse_other_reports(line.out_directory, line.formats);
    if (!writable) {
      co_return refuse(line, writable.error());
    }
  }
  LedgerOptions ledger_options;
  ledger_options.database = database_path(line, paths);
  ledger_options.kiln_version = kVersion;
  Result<std::unique_ptr<Ledger>> ledger =
      before == nullptr ? Ledger::open(ctx.loop(), std::move(ledger_options))
                        : Ledger::resume(ctx.loop(), std::move(ledger_options), before->run);
  if (!ledger) {
    co_return refuse(line, ledger.error());
  }
  const std::string run = (*ledger)->run();
  const std::string database = (*ledger)->database();
  const std::string journal_path = guard_journal_path(guard_directory(paths.state), run);
  const Result<std::unique_ptr<GuardJournal>> guards =
      GuardJournal::create(journal_path, journal_owner(line, *setup.plan, run, database), ctx.loop().clock());
  if (!guards) {
    if (before == nullptr) record_refusal(**ledger, describe_run(line, setup), guards.error());
    co_return refuse(line, guards.error());
  }
  DiskUndoJournal undo_journal(ctx.loop(), **guards);
  std::unique_ptr<WardenLink> warden;
  if (needs_warden(*setup.plan)) {
    Result<std::unique_ptr<WardenLink>> started = co_await start_warden(
        ctx, line, paths, setup, devices, journal_owner(line, *setup.plan, run, database), journal_path);
    if (!started) {
      (*guards)->remove_if_done();
      if (before == nullptr) record_refusal(**ledger, describe_run(line, setup), started.error());
      co_return refuse(line, started.error());
    }
    warden = std::move(*started);
  }
  std::optional<WardedUndoJournal> warded;
  if (warden) warded.emplace(undo_journal, *warden);
  outlive_the_terminal();
  const std::unique_ptr<Terminal> terminal = make_terminal(ctx.loop(), STDERR_FILENO, STDIN_FILENO);
  ConsoleWishes wishes;
  wishes.color = line.color;
  wishes.no_input = line.no_input;
  wishes.plain = line.verbose;
  wishes.operator_name = line.operator_name;
  const std::unique_ptr<Console> console =
      make_console(ctx.loop(), *terminal, console_options(wishes, *terminal));
  LedgerArtifacts artifacts((*ledger)->artifacts());
  RunnerParts parts;
  parts.devices = &devices;
  parts.person = console.get();
  parts.sink = ledger->get();
  parts.journal = &undo_journal;
  if (warden) {
    WardenLink* link = warden.get();
    parts.journal = &*warded;
    parts.warden_watches = true;
    parts.tray_leak_cuts_rack = setup.rules.tray_leak_cuts_rack;
    parts.causes_that_cut_rack = setup.rules.causes_that_cut_rack;
    for (const std::string& id : setup.plan->duts) {
      const Dut& dut = *setup.plan->inventory.find(id);
      if (dut.bmc && !rules_for(setup.rules.hazards, dut.role).empty()) parts.hazard_watches.insert(id);
    }
    if (setup.plan->inventory.building && setup.rules.cut_reaches_building)
      parts.isolation_confirm = setup.rules.building_confirm;
    parts.unguarded = warden->unreachable();
    parts.on_mask = [link](const std::string& dut, const std::string& part) {
      if (part.empty()) link->say(WardenUnmask{});
      if (!part.empty()) link->say(WardenMask{dut, part});
    };
    parts.on_silence = [link](const std::string& dut, int number, Nanoseconds longest) {
      link->say(WardenSilence{dut, number, longest});
    };
  }
  parts.artifacts = &artifacts;
  parts.population = std::move(population);
  if (before == nullptr) parts.rework = line.retest_cause;
  parts.serials = serials;
  if (resumption) {
    parts.resumption = &*resumption;
    parts.on_resumed = [database, run] { forget_after_break(database, run); };
  }
  GuardJournal* kept = guards->get();
  const LatchingObserver::Otherwise otherwise = [kept, &serials](const InterlockLatch& latch,
                                                                 const Interlocked& cut) {
    const auto serial = serials.find(latch.dut);
    // Of fixed size on disk, so that there is room in it when there is none for a latch.
    const Result<int> left =
        kept->open(to_journal(cut, latch.dut, serial == serials.end() ? "" : serial->second));
    (void)left;  // then the record and what is said at the end are all there is
  };
  LatchingObserver latching(*console, latches, *setup.plan, serials, run, otherwise);
  parts.observer = line.rack_ends_with_us ? static_cast<RunObserver*>(console.get()) : &latching;
  Runner runner(*setup.plan, parts);
  // Also when nothing is being recorded: load must not go on for hours beside a record that is dead.
  const auto on_failure =
      (*ledger)->on_failure([&runner](const LedgerFailure& failure) { runner.request_end(failure.error); });
  Console* screen_of_run = console.get();
  stop.on_signal = [&runner, screen_of_run](int number) {
    const char* name = number == SIGINT ? "SIGINT" : "SIGTERM";
    screen_of_run->stopping(name);
    runner.request_stop(number, name);
  };

  const RunBegun begun = before == nullptr ? describe_run(line, setup) : before->about;
  console->begin(*setup.plan, run, typical_durations(database, begun));
  if (resumption) console->recall(*resumption);
  if (stop.pending != 0) stop.on_signal(stop.pending);
  std::optional<Result<RunVerdict>> verdict;
  {
    Ctx beside(ctx.loop(), "console");
    Scope screen(beside);
    screen.start("console", [&console](Ctx& task) { return console->keep_fresh(task); });
    if (warden) {
      screen.start("warden", [&warden, &runner](Ctx& task) { return warden->keep(task, ears_of(runner)); });
    }
    if (warden) {
      const std::string door = stop_door_of(warden->pid());
      console->set_emergency_stop([&screen, &line, door, run, screen_of_run] {
        screen.start("emergency stop", [&line, door, run, screen_of_run](Ctx& task) {
          return stop_from_console(task, door, run, line.operator_name, *screen_of_run);
        });
      });
    }
    RunBegun begun_copy = begun;
    co_await run_plan(ctx, runner, std::move(begun_copy), verdict);
    const Status ended = co_await screen.stop_and_join(StopReason::sibling, "the run is over");
    (void)ended;
  }
  if (warden) co_await warden->leave(ctx);
  const Status journal_closed = co_await undo_journal.close();
  console->end();
  stop.on_signal = nullptr;
  {
    Ctx last_lines = ctx.child_within("screen", kLastLinesBudget);
    co_await terminal->drain(last_lines);
  }
  if (!journal_closed) {
    std::cerr << "kiln: " << journal_closed.error().sentence() << " [" << journal_closed.error().code
              << "]\n";
  }
  // A virtual rack of ours ends with us; of any other rack, what was not undone is for kiln recover.
  const bool all_undone = (*guards)->remove_if_done();
  if (!all_undone && line.rack_ends_with_us) ::unlink(journal_path.c_str());
  const Status closed = (*ledger)->close();
  if (!closed) std::cerr << "kiln: " << closed.error().sentence() << " [" << closed.error().code << "]\n";
  RunVerdict final_verdict =
      committed_verdict(database, run, verdict && *verdict ? **verdict : RunVerdict{}, runner.not_recorded());

  const std::string beside_record = database.substr(0, database.rfind('/')) + "/reports/" + run;
  WrittenReports reports = write_reports(paths.state, database, run,
                                         line.out_directory.empty() ? beside_record : line.out_directory,
                                         line.formats, {}, line.language);
  print_failures(reports);
  if (reports.files.empty() && !(line.out_directory.empty() && line.formats.empty())) {
    // The place asked for was lost meanwhile, or nothing of what was asked for can be written here.
    reports = write_reports(paths.state, database, run, beside_record, {}, {}, line.language);
    print_failures(reports);
  }
  if (line.json) {
    std::cout << run_json(run, final_verdict, reports.files) << std::endl;
  } else {
    std::cout << verdict_block(final_verdict, run, begun, reports.files, verdict_style(line.color))
              << std::flush;
  }
  if (!all_undone && !line.rack_ends_with_us) {
    std::cerr << "kiln: not everything was undone; the next run is refused until: kiln recover\n";
  }
  if (!latching.trouble().empty()) std::cerr << "kiln: " << latching.trouble() << " [latch.not_writable]\n";
  if (!std::cout) {
    std::cerr << "kiln: standard output is closed; the result is in the report and in: kiln show " << run
              << "\n";
  }
  int code = exit_code(final_verdict);
  // A record that broke cannot carry a better answer than INCOMPLETE.
  if (!closed && (code == 0 || code == 3)) code = 4;
  co_return code;
}

}  // namespace kiln
