#include "station/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/nearest.h"
#include "common/local_words.h"
#include "station/reports_on_disk.h"

namespace kiln {
namespace {

constexpr const char* kFooter =
    "\nExit codes of run, demo, rerun, resume and watch: 0 GO, 1 NO-GO, 2 nothing was run, 3 CONDITIONAL, 4 "
    "INCOMPLETE,\n"
    "5 an interlock removed energy, 130/143 stopped by a person. Other commands: 0, 2 bad input, 4 could "
    "not.";

void add_common(CLI::App& command, CommandLine& line) {
  command.add_flag("--json", line.json, "One JSON object on standard output and nothing else");
  command.add_option("--db", line.database, "Database file (default: $XDG_STATE_HOME/kiln/kiln.db)");
  command.add_option("--plugins", line.plugin_directory, "Directory of plugins instead of the installed one");
  command.add_flag("-v,--verbose", line.verbose, "Developer's log lines on standard error");
}

void add_signers(CLI::App& command, CommandLine& line) {
  command
      .add_option("--signers", line.allowed_signers,
                  "Who may sign what (ssh-keygen's ALLOWED SIGNERS) instead of /etc/kiln/allowed_signers")
      ->check(CLI::ExistingFile);
}

void add_recipe_options(CLI::App& command, CommandLine& line) {
  command.add_option("--rack", line.rack_file, "Inventory: rack.yaml")->check(CLI::ExistingFile);
  command.add_option("--dut", line.dut_filter, "Only these DUTs: ids or roles")->delimiter(',');
  command
      .add_option("--interlock-rules", line.interlock_rules,
                  "Floor rules instead of the station's own (/etc/kiln/interlock_rules.yaml)")
      ->check(CLI::ExistingFile);
  command.add_option("--set", line.settings, "Override a recipe parameter: NAME=VALUE");
  add_signers(command, line);
}

/// One act, and what it needs.
void add_review(CLI::App& app, CommandLine& line) {
  auto* review = app.add_subcommand(
      "review", "Look at a run before it is signed, exceptions first; approve, reject, waive, countersign");
  add_common(*review, line);
  add_signers(*review, line);
  review->add_option("run", line.run, "Run id, a part of it, or 'last'");
  auto* acts = review->add_option_group("act", "One of these; none: only look");
  const auto act = [&line, acts](const char* option, const char* word, const char* what) {
    acts->add_flag_callback(
        option, [&line, word] { line.act = word; }, what);
  };
  act("--approve", "approve", "It may ship as it is");
  act("--countersign", "countersign", "The second person's signature under an approval");
  act("--reject", "reject", "It may not ship");
  acts->add_option_function<std::string>(
      "--waive",
      [&line](const std::string& failure) {
        line.act = "waive";
        line.failure = failure;
      },
      "One failure may ship: DUT:CODE or DUT:CODE:PART");
  acts->add_option_function<std::int64_t>(
      "--withdraw",
      [&line](const std::int64_t& entry) {
        line.act = "withdraw";
        line.entry = entry;
      },
      "Take back what you have signed: the entry's number");
  acts->require_option(0, 1);
  review->add_option("--as", line.by, "Who signs, as the file of allowed signers names them");
  review->add_option(
      "--key", line.key_file,
      "Your OpenSSH private key; or the public one when an agent or a token has the other half");
  review->add_option("--reason", line.reason, "Why");
  review->add_option("--evidence", line.evidence,
                     "Of a waiver: the document, ticket or measurement it rests on");
  review->add_option("--requested-by", line.requested_by,
                     "Of a waiver: who asks for it, somebody else than you");
  review->add_option("--expires", line.expires, "Of a waiver: its last day (UTC), or a moment");
}

void add_approve(CLI::App& app, CommandLine& line) {
  auto* approve = app.add_subcommand(
      "approve", "Approve recipes (one person) and limits (two) by signature; without --as only look");
  add_common(*approve, line);
  add_signers(*approve, line);
  approve->add_option("files", line.recipes, "Recipe or limits files, or names of shipped recipes")
      ->required();
  approve->add_option("--as", line.by, "Who approves, as the file of allowed signers names them");
  approve->add_option("--key", line.key_file, "Your OpenSSH private key, or the public one of an agent's");
  approve->add_option("--reason", line.reason, "What the approval rests on");
  approve->add_option("--expires", line.expires,
                      "Last day (UTC), at most two years from now; default a year");
  approve->add_flag("--simulated", line.simulated, "For simulated racks only");
}

void add_language_option(CLI::App& command, CommandLine& line) {
  command
      .add_option("--language", line.language,
                  "Page 1 of html and pdf speaks this, too, beside English: zh-CN")
      ->check(CLI::IsMember(local_languages()));
}

void add_run_options(CLI::App& command, CommandLine& line) {
  add_language_option(command, line);
  command.add_option("--operator", line.operator_name,
                     "Who runs it; without it the run is not eligible for sign-off");
  command.add_option("--scan", line.scans, "Serial read from the label: SERIAL, or DUT=SERIAL");
  command.add_option("--out", line.out_directory, "Where the reports are written");
  command
      .add_option("--format", line.formats,
                  "Reports to write, by comma: html,json,junit,ocptv,pdf,text (default: all these), csv,"
                  "ndjson; the others can be had later by kiln report")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [](std::string& name) {
            const std::vector<Error> unknown = unknown_report_formats({name});
            return unknown.empty() ? std::string() : unknown.front().message + "; " + unknown.front().action;
          },
          ""));
  command.add_flag("--no-input", line.no_input, "Nobody is there to answer prompts");
  command.add_option("--color", line.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

/// Of commands that ask the record and write one page.
void add_question_options(CLI::App& command, CommandLine& line) {
  auto* as_json = command.add_flag("--json", line.json,
                                   "One JSON object on standard output and nothing else: --format json");
  command.add_option("--db", line.ledgers,
                     "Database file, or several (default: $XDG_STATE_HOME/kiln/kiln.db)");
  command.add_flag("-v,--verbose", line.verbose, "Developer's log lines on standard error");
  command.add_option("--format", line.formats, "text (default), json or html")
      ->check(CLI::IsMember({"text", "json", "html"}))
      ->expected(1)
      ->excludes(as_json);
  command.add_option("--out", line.out_directory, "Write it to this file");
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, char** argv) {
  CommandLine line;
  CLI::App app("Kiln: bring-up and burn-in of GPU servers and liquid-cooled racks", "kiln");
  app.require_subcommand(1);
  app.footer(kFooter);

  auto* demo = app.add_subcommand("demo", "Bring up and burn in a virtual rack on this machine");
  add_common(*demo, line);
  add_run_options(*demo, line);
  demo->add_option(
          "--rack", line.demo_rack,
          "small, shelves, nvl72, or hgx and other products that are servers: their l11-rack in a minute")
      ->check(CLI::IsMember({"small", "shelves", "nvl72", "hgx", "hgx-h100", "hgx-h200", "hgx-b200",
                             "hgx-b300", "lenovo-sr675v3", "generic-server"}));
  demo->add_flag("--firmware-behind", line.demo_firmware_behind,
                 "The rack runs one release behind a firmware baseline");
  demo->add_flag("--firmware-current", line.demo_firmware_current,
                 "Nothing is left to update, not even what the demo does")
      ->excludes("--firmware-behind");
  demo->add_option("--set", line.settings, "Override a recipe parameter: NAME=VALUE");
  demo->add_option("--fault", line.faults, "Inject a fault: KIND@DUT[:PART][+DELAY]");
  demo->add_option("--seed", line.seed, "Seed of the virtual rack's serials and noise");
  demo->add_option("--recipe", line.recipe,
                   "Another recipe than the demo's own; l11: gb300-nvl72/l11-rack with a soak of 10 minutes");

  auto* run = app.add_subcommand("run", "Run a recipe on a rack");
  add_common(*run, line);
  add_recipe_options(*run, line);
  add_run_options(*run, line);
  run->add_option("recipe", line.recipe, "A recipe file, or the name of a shipped one")->required();
  auto* retest_of =
      run->add_option("--retest-of", line.retest_of, "The run whose unexplained fail this one tests again");
  run->add_option("--cause", line.retest_cause,
                  "What was found and repaired since; a retest then may be a GO")
      ->needs(retest_of);

  run->add_option("--population", line.population_file,
                  "What earlier racks of this kind have shown (kiln population): for review, never a fail")
      ->check(CLI::ExistingFile);

  auto* plan = app.add_subcommand("plan", "Show what a recipe would do on a rack; nothing is switched on");
  add_common(*plan, line);
  add_recipe_options(*plan, line);
  plan->add_option("recipe", line.recipe, "A recipe file, or the name of a shipped one")->required();

  auto* lint = app.add_subcommand("lint", "Check recipes, limits and inventories without a rack");
  add_common(*lint, line);
  add_recipe_options(*lint, line);
  lint->add_option("recipes", line.recipes, "Recipe files or names; none: all shipped ones");
  lint->add_flag("--list", line.list, "List the shipped recipes");

  auto* resume = app.add_subcommand(
      "resume", "Go on with a run whose station died, after kiln recover: what is done again is shown first");
  add_common(*resume, line);
  add_run_options(*resume, line);
  resume->add_option("run", line.resumed_run,
                     "Run id, or a part of it; none: the one that was interrupted last");
  resume->add_flag("--list", line.list, "Only show what would be kept and what would be done again");

  auto* rerun = app.add_subcommand(
      "rerun", "Do again, as a new run, what failed in a run or was not run in it, and what that needs");
  add_common(*rerun, line);
  add_run_options(*rerun, line);
  rerun->add_option("run", line.run, "Run id, a part of it, or 'last'")->required();
  rerun->add_flag("--failed", line.only_failed, "Only what failed or was not run: there is no other way yet")
      ->required();
  rerun->add_option("--cause", line.retest_cause,
                    "What was found and repaired since; without it a pass is CONDITIONAL");
  rerun->add_option("--rack", line.rack_file, "Another rack file than that of the run: with --cause only")
      ->check(CLI::ExistingFile);
  rerun->add_flag("--list", line.list, "Only show what would be done again; nothing is touched");

  auto* abort = app.add_subcommand("abort", "Stop a run: safe park, teardown, report");
  add_common(*abort, line);
  abort->add_option("run", line.run, "Run id, a part of it, or 'last'")->required();

  auto* runs = app.add_subcommand("runs", "List runs, newest first");
  add_common(*runs, line);
  add_signers(*runs, line);
  runs->add_option("-n,--limit", line.limit, "At most this many")->check(CLI::PositiveNumber);

  auto* show = app.add_subcommand("show", "Show one run: decision, reasons, counts");
  add_common(*show, line);
  show->add_option("run", line.run, "Run id, a part of it, or 'last'");

  add_signers(*show, line);
  show->add_flag("--links", line.links, "All NVLinks of the rack, one character each");

  auto* watch = app.add_subcommand("watch", "Join a run that goes on: what happens, until its result");
  add_common(*watch, line);
  watch->add_option("run", line.run, "Run id, a part of it, or 'last'");
  watch->add_option("--color", line.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));

  auto* report = app.add_subcommand("report", "Write the reports of a run again");
  add_common(*report, line);
  report->add_option("run", line.run, "Run id, a part of it, or 'last'");
  report
      ->add_option("--format", line.formats,
                   "html,json,junit,ocptv,pdf,text (default: all these), csv,ndjson")
      ->delimiter(',');
  add_language_option(*report, line);
  report->add_option("--out", line.out_directory, "Where they are written");
  add_signers(*report, line);

  add_review(app, line);
  add_approve(app, line);

  auto* verify = app.add_subcommand(
      "verify",
      "Check a record and its reports against what the station has signed; exit code 6: they differ");
  add_common(*verify, line);
  verify->add_option("what", line.run, "Run id, a part of it, 'last', or a folder of reports");
  add_signers(*verify, line);
  verify->add_option("--station-key", line.station_keys, "The public key of another station that is trusted")
      ->check(CLI::ExistingFile);

  auto* population = app.add_subcommand(
      "population",
      "Write what the racks on record have shown, to set later ones against (run --population)");
  add_common(*population, line);
  population->add_option("product", line.product, "Product of the racks, as their rack files name it")
      ->required();
  population->add_option("recipe", line.recipe, "Recipe of the runs: NAME, or NAME@VERSION")->required();
  population->add_option("--out", line.population_file, "File to write; its name is the population's")
      ->required();
  population->add_option("--from", line.ledgers, "Another database whose runs count, too")
      ->check(CLI::ExistingFile);

  auto* quality = app.add_subcommand(
      "quality",
      "Yields, what fails most, stations, time to failure, control chart: over the runs on record");
  auto* quality_as_json = quality->add_flag(
      "--json", line.json, "One JSON object on standard output and nothing else: --format json");
  quality->add_option("--db", line.ledgers,
                      "Database file, or several (default: $XDG_STATE_HOME/kiln/kiln.db)");
  quality->add_flag("-v,--verbose", line.verbose, "Developer's log lines on standard error");
  quality->add_option("--recipe", line.recipe, "Only runs of this recipe: NAME, or NAME@VERSION");
  quality->add_option("--product", line.product, "Only racks of this product");
  quality->add_option("--since", line.since, "Only runs begun since: a day (UTC) or a moment");
  quality->add_option("--until", line.until, "Only runs begun until then, that day included");
  quality->add_option("--check", line.check,
                      "Also the control chart and capability of this measurement: NAME, or NAME:PART");
  quality->add_flag("--simulated", line.simulated, "Simulated racks, and no others; every page says so");
  quality->add_option("--format", line.formats, "text (default), json, csv or html")
      ->check(CLI::IsMember({"text", "json", "csv", "html"}))
      ->expected(1)
      ->excludes(quality_as_json);
  quality->add_option("--out", line.out_directory, "Write it to this file");

  auto* compare = app.add_subcommand(
      "compare", "Set two runs beside each other: what is not the same, and which values moved");
  add_question_options(*compare, line);
  compare
      ->add_option(
          "runs", line.compared,
          "Before and after: run id, a part of it or 'last'; RUN:DUT for one DUT, by id or serial number. "
          "A population's file first: the run against earlier racks")
      ->required()
      ->expected(2);
  compare->add_flag("--all", line.show_all, "As text also what moved within its noise, or not at all");

  auto* history = app.add_subcommand(
      "history", "Where a serial number was, run by run, and what took its place; or what was at a place");
  add_question_options(*history, line);
  history
      ->add_option("what", line.asked,
                   "A serial number of a DUT or part, or a place: DUT, RACK/DUT, DUT:PART, RACK/DUT:PART")
      ->required();

  auto* bundle_out = app.add_subcommand(
      "export", "Write runs with their artifacts and reports into one signed file, to be carried");
  add_common(*bundle_out, line);
  bundle_out->add_option("runs", line.runs, "Run ids, parts of them, or 'last'")->required();
  bundle_out->add_option("-o,--out", line.out_directory, "The file to make")->required();
  bundle_out->add_flag("--redact", line.redact,
                       "Without people, hosts, addresses, accounts and folders; the decision stays the same");
  bundle_out->add_flag(
      "--redact-serials", line.redact_serials,
      "Without serial numbers and asset tags as well: kiln history finds nothing in it then");

  auto* bundle_in =
      app.add_subcommand("import", "Take the runs of such a file into the record; twice is the same as once");
  add_common(*bundle_in, line);
  bundle_in->add_option("file", line.bundle, "What kiln export has written")->required();
  bundle_in->add_option("--station-key", line.station_keys, "The public key of the station that exported it")
      ->check(CLI::ExistingFile);
  bundle_in->add_flag("--untrusted", line.untrusted,
                      "Also when no key known here has signed it: the runs stay marked so");

  auto* recover = app.add_subcommand("recover", "Finish what runs that died left switched on");
  add_common(*recover, line);
  recover->add_flag("--list", line.list, "Only show what is left");
  recover->add_option("--give-up", line.give_up, "A guard that cannot be undone from here: RUN:NUMBER");
  recover->add_option("--by", line.by, "Who has seen that it is off");
  recover->add_option("--reason", line.reason, "What was seen");

  auto* stop_all = app.add_subcommand(
      "stop-all", "Emergency stop: cut everything that runs of this machine have switched on");
  add_common(*stop_all, line);
  stop_all->add_option("--by", line.by, "Who stops (default: the user)");
  stop_all->add_option("--reason", line.reason, "Why; for the record");
  stop_all->add_option("--run", line.only_run,
                       "Only this run, by its whole id (default: every run of this machine)");

  auto* release = app.add_subcommand(
      "release", "Take the latch of an interlock off a DUT whose cause is gone; energises nothing");
  add_common(*release, line);
  release->add_option("dut", line.dut, "Which DUT; none: list what is latched");
  release->add_flag("--list", line.list, "List what is latched");
  release
      ->add_option("--rack", line.rack_file,
                   "Inventory: its detectors, heat and coolant are read for a minute")
      ->check(CLI::ExistingFile);
  release->add_option("--by", line.by, "Who releases");
  release->add_option("--reason", line.reason, "Why it may be released");
  release->add_option("--inspected-by", line.inspected_by,
                      "After a leak or lost coolant: the second person, who has looked");
  release->add_option("--inspection", line.inspection,
                      "After a leak or lost coolant: what that person has seen and done");

  auto* receive = app.add_subcommand(
      "receive", "Note when a rack arrived, or what it waits for: the beginning of its bring-up clock");
  add_common(*receive, line);
  receive->add_option("rack", line.rack_name, "Which rack, as its rack file names it; none: list all");
  receive->add_flag("--list", line.list, "List what is noted");
  receive->add_option("--at", line.at, "When it was so: 2026-03-01T13:00:00+01:00, or with Z for UTC");
  receive->add_option("--by", line.by, "Who says so");
  receive->add_option("--waits-for", line.waits_for,
                      "Not an arrival: from then on it waits for parts, plant or people");
  receive->add_flag("--goes-on", line.goes_on, "Not an arrival: from then on it waits for nothing any more");

  auto* discover =
      app.add_subcommand("discover", "Look for BMCs, show what they are and propose a rack file; reads only");
  add_common(*discover, line);
  discover->add_option("addresses", line.addresses,
                       "10.0.0.5, 10.0.0.5:8443, 10.0.0.5-20, 10.0.0.0/28, [fd00::5], a name, https://…");
  discover->add_option("--rack", line.rack_file, "A rack file to complete: its BMCs are read, too")
      ->check(CLI::ExistingFile);
  discover->add_option("--credentials", line.credentials_file, "Credentials file (default: the rack file's)")
      ->check(CLI::ExistingFile);
  discover->add_option("--credential", line.credential, "Which name in it (default: the only one, or bmc)");
  discover->add_option("--product", line.product, "Product of the rack: whose limits apply");
  discover->add_option("--out", line.out_directory, "Write the proposed rack file here");
  discover->add_option("--accept-certificate", line.accepted_certificates,
                       "An address whose other certificate is right");

  auto* capture = app.add_subcommand(
      "capture", "Write what one BMC says as a scrubbed mockup, to send home; it is only read");
  add_common(*capture, line);
  capture->add_option("dut", line.dut, "Which DUT of the rack")->required();
  capture->add_option("--rack", line.rack_file, "Inventory: rack.yaml")->required()->check(CLI::ExistingFile);
  capture->add_option("--out", line.out_directory, "Directory to make; one that is there must be empty")
      ->required();
  capture
      ->add_option("--keep", line.keep,
                   "Leave as they are: serials,assets,macs,addresses,hosts,users,uuids; secrets never are")
      ->delimiter(',');
  capture->add_flag("--schemas", line.schemas,
                    "Also JsonSchemas and Registries, which are published elsewhere");
  capture->add_option("--within", line.within, "How long it may take")->capture_default_str();
  capture->add_option("--limit", line.most_addresses, "At most this many addresses")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  auto* plugins = app.add_subcommand("plugins", "List plugins and the steps they offer");
  add_common(*plugins, line);

  auto* explain =
      app.add_subcommand("explain", "What a check is, where it comes from, what judges it, what to do");
  add_common(*explain, line);
  explain->add_option("check", line.explain,
                      "A check, a step, a reason code, xid:N or sxid:N; without it, all checks");
  explain->add_flag("--markdown", line.explain_markdown, "All checks as docs/checks.md has them");

  auto* doctor = app.add_subcommand("doctor",
                                    "Check this station: plugins, database, clock, tools; or with --bmc, "
                                    "what a BMC can do for each recipe");
  add_common(*doctor, line);
  doctor->add_option("recipes", line.recipes, "With --bmc: recipe files or names; none: all shipped ones");
  doctor->add_option("--bmc", line.bmc_target, "A DUT of --rack, or an address; it is only read");
  doctor->add_option("--rack", line.rack_file, "Inventory: rack.yaml")->check(CLI::ExistingFile);
  doctor->add_option("--credentials", line.credentials_file, "Credentials file (default: the rack file's)")
      ->check(CLI::ExistingFile);
  doctor->add_option("--credential", line.credential, "Which name in it (default: the only one, or bmc)");
  doctor->add_option("--accept-certificate", line.accepted_certificates,
                     "The address, when its other certificate is right");
  doctor->add_option("--within", line.within, "How long it may take")->capture_default_str();

  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return {std::nullopt, app.exit(error)};
    if (argc > 1 && app.get_subcommands().empty() && argv[1][0] != '-') {
      std::cerr << "kiln: there is no command '" << argv[1] << "'" << did_you_mean(argv[1], names) << "\n";
      return {std::nullopt, 2};
    }
    std::cerr << "kiln: " << error.what() << "\nSee kiln --help, or kiln COMMAND --help.\n";
    return {std::nullopt, 2};
  }
  line.command = app.get_subcommands().front()->get_name();
  return {std::move(line), 0};
}

}  // namespace kiln
