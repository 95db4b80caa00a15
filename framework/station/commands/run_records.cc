// The commands that read and steer what is already on record: runs, show, report, abort.

#include <fmt/format.h>
#include <signal.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <sstream>

#include "common/rack_links.h"
#include "common/report_format.h"
#include "common/run_document.h"
#include "station/commands/commands.h"
#include "station/import_mark.h"
#include "station/leftovers.h"
#include "station/reports_on_disk.h"
#include "station/reviews.h"
#include "station/run_json.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"
#include "station/verdict_block.h"
#include "store/run_view.h"

namespace kiln {
namespace {

int refuse(const Error& error, int code) {
  std::cerr << "kiln: " << error.sentence() << " [" << error.code << "]\n";
  return code;
}

/// The database opened and the run found, or the exit code.
struct Found {
  std::unique_ptr<RunView> view;
  std::string run;
  int exit_code = 0;
};

Found find(const CommandLine& line, const Paths& paths) {
  Found found;
  // What the warden did after a run had died belongs to what is told of that run.
  const std::vector<Leftover> left = find_leftovers(paths.state);
  (void)left;  // kiln run and kiln doctor tell of those
  Result<std::unique_ptr<RunView>> view = RunView::open(database_path(line, paths));
  if (!view) {
    found.exit_code = refuse(view.error(), 4);
    return found;
  }
  found.view = std::move(*view);
  const Result<std::string> run = found.view->find_run(line.run);
  if (!run) {
    found.exit_code = refuse(run.error(), 2);
    return found;
  }
  found.run = *run;
  return found;
}

/// Decision and sign-off, for a list.
struct RunWords {
  std::string decision, sign_off;
};

RunWords words_of_run(const RunView& view, const RunSummary& run, const ReviewTrust& trust) {
  if (run.state != RunState::complete) return {std::string(to_string(run.state)), "unsigned"};
  const Result<RunEvents> events = view.events_without_samples(run.id);
  if (!events) return {"unreadable", "unsigned"};
  const RunReviews reviews = read_reviews(view, run.id, trust, SystemClock().now().utc_ns);
  RunVerdict verdict = roll_up(*events, waivers_in_force(reviews.entries, reviews.now_utc_ns));
  put_sign_off(verdict, run.about.operator_name, reviews);
  return {verdict.decision ? std::string(to_string(*verdict.decision)) : "survey", verdict.sign_off};
}

int show_links(const ReportInput& input) {
  const RackLinks links = make_links(make_document(input), input.verdict);
  if (links.empty()) {
    std::cout << "the record of this run has no NVLink\n";
    return 0;
  }
  const bool unicode = verdict_style("auto").unicode;
  std::istringstream lines(link_text(links, unicode));
  for (std::string one; std::getline(lines, one);) std::cout << printable(one, unicode) << "\n";
  return 0;
}

}  // namespace

int runs_command(const CommandLine& line, const Paths& paths) {
  const Result<std::unique_ptr<RunView>> view = RunView::open(database_path(line, paths));
  if (!view) {
    if (view.error().code != "view.not_found") return refuse(view.error(), 4);
    if (line.json) std::cout << R"({"runs":[]})" << std::endl;
    if (!line.json) std::cout << "no runs yet\n";
    return 0;
  }
  const Result<std::vector<RunSummary>> runs = (*view)->runs();
  if (!runs) return refuse(runs.error(), 4);
  const std::unique_ptr<PersonalSignatures> signatures = make_ssh_signatures();
  const ReviewTrust trust = review_trust(paths.state, line.allowed_signers, *signatures);
  boost::json::array list;
  int shown = 0;
  for (const auto& run : *runs) {
    if (shown++ >= line.limit) break;
    const auto [decision, sign_off] = words_of_run(**view, run, trust);
    const std::optional<ImportMark> mark = read_import_mark((*view)->database(), run.id);
    if (line.json) {
      boost::json::object item;
      item["run"] = run.id;
      item["state"] = std::string(to_string(run.state));
      item["decision"] = decision;
      item["sign_off"] = sign_off;
      item["begun"] = format_utc(run.begun.utc_ns);
      item["rack"] = run.about.rack;
      item["recipe"] = run.about.recipe + "@" + run.about.recipe_version;
      item["operator"] = run.about.operator_name;
      item["simulated"] = run.about.simulated;
      item["retest_of"] = run.about.retest_of;
      item["imported_from"] = mark ? mark->station : "";
      item["import_trusted"] = mark && !mark->key_pem.empty();
      list.push_back(std::move(item));
    } else {
      std::cout << fmt::format("{:<26} {:<12} {:<12} {}  {:<6} {}@{}{}{}{}\n", run.id, decision, sign_off,
                               format_utc(run.begun.utc_ns), run.about.rack, run.about.recipe,
                               run.about.recipe_version, run.about.simulated ? "  SIMULATED" : "",
                               run.about.retest_of.empty() ? "" : "  retest of " + run.about.retest_of,
                               mark ? "  " + printable(mark->sentence(), true) : "");
    }
  }
  if (line.json) {
    boost::json::object root;
    root["runs"] = std::move(list);
    std::cout << boost::json::serialize(root) << std::endl;
  } else if (shown == 0) {
    std::cout << "no runs yet\n";
  }
  return 0;
}

int show_command(const CommandLine& line, const Paths& paths) {
  const Found found = find(line, paths);
  if (!found.view) return found.exit_code;
  if (found.run.empty()) return found.exit_code;
  const std::unique_ptr<PersonalSignatures> signatures = make_ssh_signatures();
  const ReviewTrust trust = review_trust(paths.state, line.allowed_signers, *signatures);
  RunReviews reviews = read_reviews(*found.view, found.run, trust, SystemClock().now().utc_ns);
  const Result<ReportInput> input = read_report_input(*found.view, found.run, std::move(reviews));
  if (!input) return refuse(input.error(), 4);
  if (line.json) {
    std::cout << run_json(found.run, input->verdict, {}) << std::endl;
    return 0;
  }
  if (line.links) return show_links(*input);
  if (const auto mark = read_import_mark(found.view->database(), found.run))
    std::cout << "This run was " << printable(mark->sentence(), true) << "\n";
  if (input->events.broken) std::cout << input->events.broken->sentence() << "\n";
  if (input->run.state != RunState::complete)
    std::cout << "This run is " << to_string(input->run.state)
              << (input->run.state == RunState::interrupted
                      ? fmt::format("; to go on with it: kiln recover, then kiln resume {}", found.run)
                      : "")
              << ".\n";
  std::cout << verdict_block(input->verdict, found.run, input->run.about, {}, verdict_style("auto"));
  return 0;
}

int report_command(const CommandLine& line, const Paths& paths) {
  const Found found = find(line, paths);
  if (!found.view || found.run.empty()) return found.exit_code;
  const std::string database = found.view->database();
  const std::string directory = line.out_directory.empty()
                                    ? database.substr(0, database.rfind('/')) + "/reports/" + found.run
                                    : line.out_directory;
  const WrittenReports reports = write_reports(paths.state, database, found.run, directory, line.formats,
                                               line.allowed_signers, line.language);
  boost::json::object files;
  for (const auto& [format, path] : reports.files) {
    files[format] = path;
    if (!line.json) std::cout << path << "\n";
  }
  if (line.json) {
    boost::json::object root;
    root["run"] = found.run;
    root["reports"] = std::move(files);
    std::cout << boost::json::serialize(root) << std::endl;
  }
  for (const auto& failure : reports.failures) refuse(failure, 4);
  if (reports.failures.empty()) return 0;
  return reports.failures.front().blame == Blame::operator_ ? 2 : 4;
}

int abort_command(const CommandLine& line, const Paths& paths) {
  const Found found = find(line, paths);
  if (!found.view || found.run.empty()) return found.exit_code;
  const Result<RunSummary> run = found.view->run(found.run);
  if (!run) return refuse(run.error(), 4);
  if (run->state != RunState::running || run->pid <= 0) {
    return refuse(
        Error("abort.not_running", fmt::format("run {} is not running: {}", found.run, to_string(run->state)),
              "see kiln runs", Blame::operator_),
        2);
  }
  if (kill(static_cast<pid_t>(run->pid), SIGTERM) != 0) {
    return refuse(
        Error("abort.refused", fmt::format("cannot stop process {}: {}", run->pid, std::strerror(errno)),
              "stop it as the user who started it", Blame::operator_),
        4);
  }
  if (line.json) {
    boost::json::object root;
    root["run"] = found.run;
    root["asked_to_stop"] = true;
    std::cout << boost::json::serialize(root) << std::endl;
  } else {
    std::cout << "asked " << found.run << " to stop; it parks, tears down and writes its report\n";
  }
  return 0;
}

}  // namespace kiln
