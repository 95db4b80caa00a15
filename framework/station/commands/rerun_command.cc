// rerun does what failed again, as a new run of the same recipe on the same rack: never hidden in the old
// record, never a plain GO without a cause.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <sstream>

#include "engine/retest.h"
#include "io/loop.h"
#include "station/commands/commands.h"
#include "station/commands/execute_run.h"
#include "station/rerun_basis.h"
#include "station/screen/printable.h"

namespace kiln {
namespace {

int refuse_to_rerun(const CommandLine& line, const std::vector<SetupProblem>& problems) {
  print_problems(problems);
  if (line.json) std::cout << problems_json(problems) << std::endl;
  return 2;
}

int refuse_to_rerun(const CommandLine& line, const Error& why) {
  return refuse_to_rerun(line, {SetupProblem{"", why.code, why.sentence()}});
}

boost::asio::awaitable<void> rerun_main(Ctx& ctx, const CommandLine& line, const Paths& paths,
                                        RunSetup& setup, StopSwitch& stop, int& code) {
  code = co_await execute_run(ctx, line, paths, setup, stop);
}

boost::json::array steps_json(const std::set<StepOfDut>& steps) {
  boost::json::array list;
  for (const auto& [dut, path] : steps) list.push_back(boost::json::object{{"dut", dut}, {"step", path}});
  return list;
}

std::string retest_json(const RerunBasis& basis, const Retest& retest) {
  boost::json::object root;
  root["retest_of"] = basis.run;
  root["failed"] = basis.work.failed;
  root["not_run"] = basis.work.not_run;
  root["required"] = basis.work.required;
  root["again"] = steps_json(retest.wanted);
  root["needed"] = steps_json(retest.needed);
  root["cells"] = retest.plan.cells.size();
  return boost::json::serialize(root);
}

std::string for_screen(const std::string& text) {
  std::istringstream lines(text);
  std::string shown;
  for (std::string one; std::getline(lines, one);) shown += printable(one, true) + "\n";
  return shown;
}

}  // namespace

int rerun_command(const CommandLine& typed, const Paths& paths) {
  const Result<std::unique_ptr<RunView>> view = RunView::open(database_path(typed, paths));
  if (!view) return refuse_to_rerun(typed, view.error());
  const Result<std::string> run = (*view)->find_run(typed.run);
  if (!run) return refuse_to_rerun(typed, run.error());
  const Result<RerunBasis> basis = read_rerun_basis(**view, *run);
  if (!basis) return refuse_to_rerun(typed, basis.error());
  const CommandLine line = command_line_to_rerun(typed, *basis);
  RunSetup setup = set_up(line, paths, line.recipe);
  if (!setup.ok()) {
    std::cerr << "kiln: " << *run << " cannot be done again with what it began with:\n";
    return refuse_to_rerun(typed, setup.problems);
  }
  const Status same = refuse_another_basis(*basis, setup, line);
  if (!same) return refuse_to_rerun(typed, same.error());
  const std::size_t of_recipe = setup.plan->cells.size();
  Result<Retest> retest = plan_retest(std::move(*setup.plan), basis->work);
  if (!retest) return refuse_to_rerun(typed, retest.error());
  if (typed.list) {
    std::cout << (typed.json ? retest_json(*basis, *retest) + "\n"
                             : for_screen(explain(*retest, basis->work, *run)))
              << std::flush;
    return 0;
  }
  std::cerr << for_screen(explain(*retest, basis->work, *run)) << std::flush;
  auto& because = retest->plan.not_eligible_because;
  if (std::find(because.begin(), because.end(), kOnlyAPart) == because.end())
    because.emplace_back(kOnlyAPart);
  because.push_back(
      fmt::format("a retest of {}: {} of {} required checks", *run, retest->plan.cells.size(), of_recipe));
  setup.plan = std::move(retest->plan);
  int code = 4;
  StopSwitch stop;
  const std::unique_ptr<Loop> loop = Loop::real();
  loop->run([&](Ctx& ctx) { return rerun_main(ctx, line, paths, setup, stop, code); },
            [&stop](int number) { stop.signal(number); });
  return code;
}

}  // namespace kiln
