#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <map>

#include "base/log.h"
#include "station/command_line.h"
#include "station/commands/commands.h"

namespace {

/// A standard descriptor that the caller closed would go to the next file or connection, and what is meant
/// for a screen would be written into it. /dev/null takes its place: nothing can be read from it, nor written
/// to it.
void keep_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", O_RDONLY) == -1) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace kiln;
  keep_standard_descriptors();
  ParsedCommandLine parsed = parse_command_line(argc, argv);
  if (!parsed.command_line) return parsed.exit_code;
  const CommandLine& line = *parsed.command_line;
  if (line.verbose) set_log_level(LogLevel::debug);
  const Result<Paths> paths = find_paths();
  if (!paths) {
    std::cerr << "kiln: " << paths.error().sentence() << "\n";
    return 2;
  }
  using Command = int (*)(const CommandLine&, const Paths&);
  static const std::map<std::string, Command> commands{
      {"run", run_command},         {"demo", demo_command},
      {"plan", plan_command},       {"lint", lint_command},
      {"abort", abort_command},     {"runs", runs_command},
      {"show", show_command},       {"report", report_command},
      {"review", review_command},   {"approve", approve_command},
      {"plugins", plugins_command}, {"doctor", doctor_command},
      {"recover", recover_command}, {"stop-all", stop_all_command},
      {"release", release_command}, {"watch", watch_command},
      {"resume", resume_command},   {"discover", discover_command},
      {"capture", capture_command}, {"explain", explain_command},
      {"receive", receive_command}, {"population", population_command},
      {"verify", verify_command},   {"quality", quality_command},
      {"compare", compare_command}, {"history", history_command},
      {"rerun", rerun_command},     {"export", export_command},
      {"import", import_command}};
  try {
    return commands.at(line.command)(line, *paths);
  } catch (const std::exception& error) {
    // Nothing of ours throws across floors; what arrives here is a bug, and the record is at best INCOMPLETE.
    std::cerr << "kiln: internal error: " << error.what() << "\n";
    return 4;
  }
}
