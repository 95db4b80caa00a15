// kiln stop-all: the emergency stop. Speaks to the wardens themselves, so that a station that hangs is in
// nobody's way.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <optional>

#include "io/loop.h"
#include "io/message_door.h"
#include "io/scope.h"
#include "safety/warden.h"
#include "station/commands/commands.h"
#include "station/emergency_stop.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

struct Asked {
  std::string door;
  std::optional<EverythingStopped> stopped;
  std::string problem;
};

awaitable<void> ask(Ctx& task, Asked& asked, StopEverything stop) {
  std::string door = asked.door;
  Result<EverythingStopped> stopped = co_await stop_everything(task, std::move(door), std::move(stop));
  if (stopped) asked.stopped = std::move(*stopped);
  if (!stopped) asked.problem = stopped.error().message;
}

awaitable<void> ask_all(Ctx& ctx, std::vector<Asked>& all, StopEverything stop) {
  Scope scope(ctx);
  for (Asked& one : all) {
    Asked* asked = &one;
    scope.start(one.door, [asked, stop](Ctx& task) { return ask(task, *asked, stop); });
  }
  const Status joined = co_await scope.join();
  (void)joined;
}

void print(const std::vector<Asked>& all) {
  for (const Asked& asked : all) {
    if (!asked.stopped) {
      std::cout << asked.door << ": no answer (" << asked.problem << ")\n";
      continue;
    }
    std::cout << asked.stopped->run << "\n";
    for (const CutReport& cut : asked.stopped->cuts) {
      std::cout << fmt::format("  {:<8} {}{}\n", cut.dut,
                               cut.off_confirmed_ns != 0 ? "reads back Off" : "NOT CONFIRMED OFF",
                               cut.problem.empty() ? "" : ": " + cut.problem);
    }
  }
}

void print_json(const std::vector<Asked>& all) {
  boost::json::array runs;
  for (const Asked& asked : all) {
    boost::json::object run;
    run["run"] = asked.stopped ? asked.stopped->run : "";
    run["problem"] = asked.problem;
    boost::json::array duts;
    if (asked.stopped) {
      for (const CutReport& cut : asked.stopped->cuts) {
        boost::json::object dut;
        dut["dut"] = cut.dut;
        dut["off"] = cut.off_confirmed_ns != 0;
        dut["problem"] = cut.problem;
        duts.push_back(std::move(dut));
      }
    }
    run["duts"] = std::move(duts);
    runs.push_back(std::move(run));
  }
  boost::json::object root;
  root["runs"] = std::move(runs);
  std::cout << boost::json::serialize(root) << std::endl;
}

/// Serving DUTs (CDUs) stay on, and are no cut.
bool all_off(const std::vector<Asked>& all) {
  for (const Asked& asked : all) {
    if (!asked.stopped) return false;
    for (const CutReport& cut : asked.stopped->cuts) {
      if (cut.off_confirmed_ns == 0) return false;
    }
  }
  return true;
}

}  // namespace

int stop_all_command(const CommandLine& line, const Paths& /*paths*/) {
  std::vector<Asked> all;
  for (const std::string& name : message_doors(kStopDoors)) all.push_back({name, std::nullopt, ""});
  StopEverything stop;
  stop.by = line.by.empty() ? user_name() : line.by;
  stop.reason = line.reason.empty() ? "kiln stop-all" : line.reason;
  stop.run = line.only_run;
  const std::unique_ptr<Loop> loop = Loop::real();
  loop->run([&all, &stop](Ctx& ctx) { return ask_all(ctx, all, stop); });
  if (!line.only_run.empty()) {
    const bool silent =
        std::any_of(all.begin(), all.end(), [](const Asked& asked) { return !asked.stopped; });
    std::erase_if(
        all, [&line](const Asked& asked) { return asked.stopped && asked.stopped->run != line.only_run; });
    const bool found =
        std::any_of(all.begin(), all.end(), [](const Asked& asked) { return asked.stopped.has_value(); });
    if (found) std::erase_if(all, [](const Asked& asked) { return !asked.stopped; });
    if (!found && silent) {
      std::cerr << "kiln: NOT STOPPED: a warden does not answer, or belongs to another user; "
                << line.only_run << " may be one of its runs\n";
    } else if (!found) {
      std::cerr << "kiln: no warden of this machine guards " << line.only_run << "\n";
    }
    if (!found && line.json) print_json(all);
    if (!found) return 4;
  }
  if (line.json) {
    print_json(all);
  } else if (all.empty()) {
    std::cout << "no run of this machine has anything switched on\n";
  } else {
    print(all);
  }
  return all_off(all) ? 0 : 4;
}

}  // namespace kiln
