#pragma once
// One function per command, each in a file of its own. They return the exit code; everything wrong with the
// input was printed before with place and cure.

#include "station/command_line.h"
#include "station/paths.h"

namespace kiln {

int run_command(const CommandLine& line, const Paths& paths);
int rerun_command(const CommandLine& line, const Paths& paths);
int resume_command(const CommandLine& line, const Paths& paths);
int demo_command(const CommandLine& line, const Paths& paths);
int plan_command(const CommandLine& line, const Paths& paths);
int lint_command(const CommandLine& line, const Paths& paths);
int abort_command(const CommandLine& line, const Paths& paths);
int runs_command(const CommandLine& line, const Paths& paths);
int show_command(const CommandLine& line, const Paths& paths);
int watch_command(const CommandLine& line, const Paths& paths);
int report_command(const CommandLine& line, const Paths& paths);
int review_command(const CommandLine& line, const Paths& paths);
int approve_command(const CommandLine& line, const Paths& paths);
int verify_command(const CommandLine& line, const Paths& paths);
int population_command(const CommandLine& line, const Paths& paths);
int quality_command(const CommandLine& line, const Paths& paths);
int compare_command(const CommandLine& line, const Paths& paths);
int history_command(const CommandLine& line, const Paths& paths);
int export_command(const CommandLine& line, const Paths& paths);
int import_command(const CommandLine& line, const Paths& paths);
int recover_command(const CommandLine& line, const Paths& paths);
int receive_command(const CommandLine& line, const Paths& paths);
int release_command(const CommandLine& line, const Paths& paths);
int stop_all_command(const CommandLine& line, const Paths& paths);
int discover_command(const CommandLine& line, const Paths& paths);
int capture_command(const CommandLine& line, const Paths& paths);
int explain_command(const CommandLine& line, const Paths& paths);
int plugins_command(const CommandLine& line, const Paths& paths);
int doctor_bmc_command(const CommandLine& line, const Paths& paths);
int doctor_command(const CommandLine& line, const Paths& paths);

}  // namespace kiln
