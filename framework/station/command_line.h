#pragma once
// The command line as plain data. CLI11 is used in command_line.cc and nowhere else.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kiln {

struct CommandLine {
  std::string command;  ///< "run", "demo", …
  bool json = false;
  bool verbose = false;
  std::string database;  ///< --db; empty = the default
  std::string plugin_directory;

  // run, plan, lint
  std::string recipe;
  std::vector<std::string> recipes;  ///< lint: several
  std::string rack_file;
  std::vector<std::string> dut_filter;
  std::string operator_name;
  std::vector<std::string> scans;     ///< SERIAL or DUT=SERIAL
  std::vector<std::string> settings;  ///< NAME=VALUE
  std::string retest_of;
  std::string retest_cause;  ///< --cause
  bool only_failed = false;  ///< rerun
  std::string out_directory;
  std::string interlock_rules;  ///< --interlock-rules; empty = the station's
  bool no_input = false;
  std::string color = "auto";
  std::string language;  ///< --language: of page 1 of the reports, beside English; empty: none
  bool list = false;

  // demo
  std::string explain;  ///< a check, a step or a reason code; empty: all checks
  bool explain_markdown = false;
  bool demo_firmware_current = false;
  std::string demo_rack = "small";
  bool demo_firmware_behind = false;
  std::vector<std::string> faults;
  std::optional<unsigned> seed;
  bool rack_ends_with_us = false;  ///< the virtual rack was started by this program; not an option

  // recover, stop-all
  std::vector<std::string> give_up;  ///< RUN:NUMBER
  std::string by, reason;

  // stop-all
  std::string only_run;

  // receive, with by and list
  std::string rack_name, at, waits_for;
  bool goes_on = false;

  // release
  std::string dut, inspected_by, inspection;

  // discover
  std::vector<std::string> addresses, accepted_certificates;
  std::string credentials_file, credential, product;

  // doctor, with recipes, rack_file, credentials and within
  std::string bmc_target;  ///< a DUT or an address; empty: this station

  // capture, with dut, rack_file and out_directory
  std::vector<std::string> keep;  ///< kinds that are not replaced
  bool schemas = false;
  std::string within = "30m";
  int most_addresses = 20'000;

  std::string resumed_run;  ///< resume; empty: the one that was interrupted

  // show, report, abort, runs
  std::string run = "last";
  std::vector<std::string> formats;
  int limit = 20;
  bool links = false;  ///< show: all links of the rack

  std::string allowed_signers;  ///< --signers; empty: the station's

  // review, with run, by (who signs), reason; approve, with recipes, by, reason, simulated
  std::string act;  ///< "approve", "countersign", "reject", "waive", "withdraw"; empty: only shown
  std::string key_file, failure;  ///< DUT:CODE[:PART]
  std::string evidence, requested_by, expires;
  std::int64_t entry = 0;  ///< withdraw: which

  std::vector<std::string> station_keys;  ///< verify: public keys of other stations

  std::string population_file;       ///< run: what earlier racks have shown; population: where it is written
  std::vector<std::string> ledgers;  ///< population: databases beside --db; quality: all of them

  // quality, with recipe, product, ledgers, formats and out_directory (a file)
  std::string since, until, check;
  bool simulated = false;

  // compare and history, with ledgers, formats and out_directory (a file)
  std::vector<std::string> compared;  ///< two: RUN, or RUN:DUT
  bool show_all = false;              ///< compare: also what did not move
  std::string asked;                  ///< history: a serial number or a place

  bool redact = false, redact_serials = false;  ///< export
  // export, with out_directory (the bundle), and import, with station_keys
  std::vector<std::string> runs;
  std::string bundle;
  bool untrusted = false;
};

/// What parsing decided: a command to run, or an exit code (help was printed: 0; usage error: 2).
struct ParsedCommandLine {
  std::optional<CommandLine> command_line;
  int exit_code = 0;
};

ParsedCommandLine parse_command_line(int argc, char** argv);

}  // namespace kiln
