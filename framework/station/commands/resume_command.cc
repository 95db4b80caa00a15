// resume goes on with a run whose station died: the same id, the same record. It asks first whether nothing
// was left switched on, whether the record is whole, and whether everything beneath it is as it was; then it
// does what run does, without what may be kept.

#include <iostream>

#include "io/loop.h"
#include "station/commands/commands.h"
#include "station/commands/execute_run.h"
#include "station/leftovers.h"
#include "station/resumable.h"

namespace kiln {
namespace {

int refuse_to_resume(const CommandLine& line, std::vector<SetupProblem> problems) {
  print_problems(problems);
  if (line.json) std::cout << problems_json(problems) << std::endl;
  return 2;
}

int refuse_to_resume(const CommandLine& line, const Error& why) {
  return refuse_to_resume(line, {SetupProblem{"", why.code, why.sentence()}});
}

boost::asio::awaitable<void> resume_main(Ctx& ctx, const CommandLine& line, const Paths& paths,
                                         RunSetup& setup, StopSwitch& stop, Resumable& before, int& code) {
  code = co_await execute_run(ctx, line, paths, setup, stop, &before);
}

}  // namespace

int resume_command(const CommandLine& line, const Paths& paths) {
  // First, because what the warden has written down of the dead run belongs to its record.
  const Status clean = refuse_with_leftovers(paths.state);
  if (!clean) return refuse_to_resume(line, clean.error());
  const Result<std::unique_ptr<RunView>> view = RunView::open(database_path(line, paths));
  if (!view) return refuse_to_resume(line, view.error());
  const Result<std::string> run = choose_interrupted_run(**view, line.resumed_run);
  if (!run) return refuse_to_resume(line, run.error());
  Result<Resumable> before = read_resumable(**view, *run);
  if (!before) return refuse_to_resume(line, before.error());
  const CommandLine begun = command_line_as_begun(line, before->about);
  RunSetup setup = set_up(begun, paths, begun.recipe);
  if (!setup.ok()) {
    std::cerr << "kiln: " << *run << " cannot go on with what it began with:\n";
    return refuse_to_resume(line, std::move(setup.problems));
  }
  const Status same = refuse_changed(*before, setup, begun);
  if (!same) return refuse_to_resume(line, same.error());
  int code = 4;
  StopSwitch stop;
  const std::unique_ptr<Loop> loop = Loop::real();
  loop->run([&](Ctx& ctx) { return resume_main(ctx, line, paths, setup, stop, *before, code); },
            [&stop](int number) { stop.signal(number); });
  return code;
}

}  // namespace kiln
