// kiln watch: joins a run that this or another program of the station is driving, at any time and from any
// terminal: what has happened, what happens, and its result. Reads the record only: the run does not know of
// it, so leaving it stops nothing.

#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <utility>

#include "common/report_format.h"
#include "io/loop.h"
#include "io/name_lock.h"
#include "safety/guard_journal.h"
#include "safety/warden.h"
#include "station/commands/commands.h"
#include "station/console.h"
#include "station/leftovers.h"
#include "station/run_json.h"
#include "station/run_setup.h"
#include "station/screen/narration.h"
#include "station/screen/printable.h"
#include "station/verdict_block.h"
#include "store/run_view.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kLookAgain = std::chrono::milliseconds(250);
constexpr Nanoseconds kWardenAtWork = std::chrono::minutes(2);
constexpr std::int64_t kHeartbeat_ns = 60'000'000'000;

int complain(const Error& error, int code) {
  std::cerr << "kiln: " << error.sentence() << " [" << error.code << "]\n";
  return code;
}

class Watch {
 public:
  Watch(const RunView& view, std::string run, const CommandLine& line)
      : view_(view),
        run_(std::move(run)),
        unicode_(locale_is_utf8()),
        colours_(colour_depth(line.color, 2)) {}

  /// Until the run is over or its program is gone; an Error of the record, or of the Ctx when somebody
  /// leaves.
  awaitable<Status> follow(const Ctx& ctx) {
    while (true) {
      // Asked first: what was committed before its end is read after it.
      const Result<RunSummary> now = view_.run(run_);
      if (!now) co_return now.error();
      if (next_ == 1) introduce(*now, ctx.now().utc_ns);
      const Result<std::optional<RecordBreak>> read =
          view_.for_each_event(run_, next_, [this](Event&& event) {
            next_ = event.sequence + 1;
            tell(event);
            return true;
          });
      if (!read) co_return read.error();
      if (now->state != RunState::running) co_return success();
      if (ctx.now().utc_ns - told_ns_ > kHeartbeat_ns) beat(*now, ctx.now().utc_ns);
      std::cerr << std::flush;
      const Status waited = co_await ctx.sleep_for(kLookAgain);
      if (!waited) co_return waited.error();
    }
  }

 private:
  void say(std::int64_t utc_ns, Sign sign, const std::string& text) {
    std::cerr << fmt::format("{} {} {}\n", format_utc(utc_ns), paint(glyph(sign, unicode_), sign, colours_),
                             printable(text, unicode_));
  }

  void introduce(const RunSummary& run, std::int64_t now_ns) {
    told_ns_ = now_ns;
    say(run.begun.utc_ns, Sign::running,
        fmt::format("{} {}@{} on {} ({}){}{}", run.id, run.about.recipe, run.about.recipe_version,
                    run.about.rack, run.about.product, run.about.simulated ? " SIMULATED" : "",
                    run.state == RunState::running ? fmt::format(", driven by process {}", run.pid) : ""));
  }

  void tell(const Event& event) {
    const std::pair<std::string, std::string> work(event.dut, event.step);
    if (const auto* begun = std::get_if<StepBegun>(&event.body); begun != nullptr && !begun->monitor)
      running_[work] = event.at.utc_ns;
    if (std::holds_alternative<StepEnded>(event.body)) running_.erase(work);
    if (const auto* shown = std::get_if<PromptShown>(&event.body)) {
      say(event.at.utc_ns, Sign::waiting,
          fmt::format("{:<6} {}: {} [answered at the terminal of the run]", event.dut, shown->prompt,
                      shown->text));
    } else if (const auto* stop = std::get_if<StopRequested>(&event.body)) {
      say(event.at.utc_ns, Sign::waiting, "stopped by " + stop->by);
    } else if (const std::optional<NarratedLine> line = narration_.tell(event)) {
      say(event.at.utc_ns, line->sign, line->text);
    } else {
      return;
    }
    told_ns_ = event.at.utc_ns;
  }

  void beat(const RunSummary& run, std::int64_t now_ns) {
    told_ns_ = now_ns;
    say(now_ns, Sign::running,
        fmt::format("… {} elapsed", clock_text((now_ns - run.begun.utc_ns) / 1'000'000'000)));
    for (const auto& [work, begun_ns] : running_)
      say(now_ns, Sign::running,
          fmt::format("{:<6} {:<26} … {}", work.first, work.second,
                      clock_text((now_ns - begun_ns) / 1'000'000'000)));
  }

  const RunView& view_;
  std::string run_;
  bool unicode_;
  ColourDepth colours_;
  Narration narration_{false};
  std::int64_t next_ = 1;
  std::int64_t told_ns_ = 0;  ///< when the last line was
  std::map<std::pair<std::string, std::string>, std::int64_t> running_;
};

awaitable<void> follow_until_over(Ctx& ctx, Watch& watch, Ctx*& root, Status& followed) {
  root = &ctx;
  followed = co_await watch.follow(ctx);
  root = nullptr;
}

/// Of a run whose program has died: its warden may still be switching off.
awaitable<void> wait_for_its_warden(const Ctx& ctx, std::string journal) {
  Ctx limited = ctx.child_within("warden", kWardenAtWork);
  bool told = false;
  while (std::filesystem::exists(journal)) {
    const Result<NameLock> nobody = NameLock::take(warden_lock_name(journal));
    if (nobody || nobody.error().code != "lock.taken") co_return;
    if (!std::exchange(told, true))
      std::cerr << "kiln: the run's program is gone; its warden is still switching off\n";
    const Status waited = co_await limited.sleep_for(kLookAgain);
    if (!waited) co_return;
  }
}

int result_of(const CommandLine& line, const RunView& view, const std::string& run) {
  const Result<ReportInput> input = read_report_input(view, run);
  if (!input) return complain(input.error(), 4);
  if (line.json) {
    std::cout << run_json(run, input->verdict, {}) << std::endl;
  } else {
    if (input->events.broken) std::cout << input->events.broken->sentence() << "\n";
    std::cout << verdict_block(input->verdict, run, input->run.about, {}, verdict_style(line.color))
              << std::flush;
  }
  return exit_code(input->verdict);
}

}  // namespace

int watch_command(const CommandLine& line, const Paths& paths) {
  Result<std::unique_ptr<RunView>> view = RunView::open(database_path(line, paths));
  if (!view) return complain(view.error(), 4);
  const Result<std::string> run = (*view)->find_run(line.run);
  if (!run) return complain(run.error(), 2);
  const std::unique_ptr<Loop> loop = Loop::real();
  Watch watch(**view, *run, line);
  Status followed = success();
  Ctx* root = nullptr;
  loop->run([&](Ctx& ctx) { return follow_until_over(ctx, watch, root, followed); },
            [&root](int /*signal*/) {
              if (root != nullptr) root->request_stop(StopReason::operator_stop, "somebody leaves");
            });
  std::cerr << std::flush;
  if (!followed && followed.error().code.starts_with("ctx.")) {
    std::cerr << fmt::format("kiln: {} goes on; to join it again: kiln watch {}; to stop it: kiln abort {}\n",
                             *run, *run, *run);
    return 4;
  }
  if (!followed) return complain(followed.error(), 4);
  // What the warden did after the run's program had died belongs to its result.
  loop->run([&](Ctx& ctx) {
    return wait_for_its_warden(ctx, guard_journal_path(guard_directory(paths.state), *run));
  });
  (void)find_leftovers(paths.state);
  const int code = result_of(line, **view, *run);
  return code;
}

}  // namespace kiln
