// kiln export and kiln import: runs on their way from one station to another, in one signed file.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>

#include "station/commands/commands.h"
#include "station/commands/record_questions.h"
#include "station/run_bundles.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"
#include "station/station_key.h"

namespace kiln {
namespace {

boost::json::array run_names(const std::vector<std::string>& runs) {
  boost::json::array list;
  for (const std::string& run : runs) list.emplace_back(run);
  return list;
}

boost::json::object places_of(const std::map<std::string, std::uint64_t>& replaced) {
  boost::json::object places;
  for (const auto& [kind, count] : replaced) places[kind] = count;
  return places;
}

}  // namespace

int export_command(const CommandLine& line, const Paths& paths) {
  const Result<std::unique_ptr<RunView>> view = RunView::open(database_path(line, paths));
  if (!view) return refuse_question(line, view.error());
  std::vector<std::string> runs;
  for (const std::string& typed : line.runs) {
    const Result<std::string> run = (*view)->find_run(typed);
    if (!run) return refuse_question(line, run.error());
    if (std::find(runs.begin(), runs.end(), *run) == runs.end()) runs.push_back(*run);
  }
  const Result<SigningKey> key = station_key(paths.state);
  if (!key) return refuse_question(line, key.error());
  const Redact redact = line.redact_serials ? Redact::names_and_serials
                        : line.redact       ? Redact::names
                                            : Redact::nothing;
  const Result<ExportedRuns> exported = export_runs(**view, runs, *key, line.out_directory, redact);
  if (!exported) return refuse_question(line, exported.error());
  if (line.json) {
    std::cout << boost::json::serialize(
                     boost::json::object{{"bundle", line.out_directory},
                                         {"runs", run_names(exported->runs)},
                                         {"files", exported->files},
                                         {"key", exported->key_id},
                                         {"without_reports", run_names(exported->without_reports)},
                                         {"replaced", places_of(exported->replaced)}})
              << std::endl;
  } else {
    std::cout << fmt::format("{}: {}, {} files, signed by key {}\n", line.out_directory,
                             fmt::join(exported->runs, ", "), exported->files,
                             exported->key_id.substr(0, 16));
    std::vector<std::string> places;
    for (const auto& [kind, count] : exported->replaced) places.push_back(fmt::format("{} {}", count, kind));
    if (redact != Redact::nothing)
      std::cout << fmt::format(
          "redacted: {}; look into it before it goes: kiln show --db {} {}\n",
          places.empty() ? "nothing was found" : fmt::format("{}", fmt::join(places, ", ")),
          line.out_directory, exported->runs.front());
  }
  if (redact != Redact::nothing) return 0;  // reports are left out on purpose
  for (const std::string& run : exported->without_reports)
    std::cerr << fmt::format("kiln: {} has no sealed reports beside the record: kiln report {} writes them\n",
                             run, run);
  return 0;
}

int import_command(const CommandLine& line, const Paths& paths) {
  const Result<std::vector<VerifyingKey>> trusted = trusted_station_keys(paths.state, line.station_keys);
  if (!trusted) return refuse_question(line, trusted.error());
  const Result<ImportedRuns> imported =
      import_runs(line.bundle, database_path(line, paths), *trusted, line.untrusted);
  if (!imported) return refuse_question(line, imported.error());
  if (line.json) {
    std::cout << boost::json::serialize(
                     boost::json::object{{"imported", run_names(imported->taken)},
                                         {"here_already", run_names(imported->here_already)},
                                         {"with_reviews", run_names(imported->with_reviews)},
                                         {"reviews_left", run_names(imported->reviews_left)},
                                         {"notes", imported->notes},
                                         {"station", imported->station},
                                         {"key", imported->key_id},
                                         {"trusted", imported->trusted}})
              << std::endl;
    return 0;
  }
  const std::string who =
      printable(fmt::format("from {}, {}", imported->station,
                            imported->trusted ? "signed by key " + imported->key_id.substr(0, 16)
                                              : std::string("TRUSTED BY NOBODY")),
                true);
  for (const std::string& run : imported->taken)
    std::cout << printable(run, true) << " imported " << who << "\n";
  for (const std::string& run : imported->here_already)
    std::cout << printable(run, true) << " is here already, with the same events\n";
  for (const std::string& run : imported->with_reviews)
    std::cout << fmt::format("{0}: what people have signed about it came with it: kiln review {0}\n",
                             printable(run, true));
  for (const std::string& run : imported->reviews_left)
    std::cerr << fmt::format(
        "kiln: {0} was recorded here, and somebody elsewhere has signed something about it: that was not "
        "taken; look with kiln import --db ANOTHER, and review it here (kiln review {0})\n",
        printable(run, true));
  if (imported->notes != 0) std::cout << fmt::format("{} notes about racks came with it\n", imported->notes);
  return 0;
}

}  // namespace kiln
