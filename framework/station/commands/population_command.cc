// kiln population: what the racks on record have shown, as a file that later runs are set against.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "files/population_file.h"
#include "model/population.h"
#include "station/commands/commands.h"
#include "station/reports_on_disk.h"
#include "station/run_setup.h"
#include "store/run_view.h"

namespace kiln {
namespace {

int refuse_population(const Error& error, int code) {
  std::cerr << "kiln: " << error.sentence() << " [" << error.code << "]\n";
  return code;
}

struct FoundRun {
  const RunView* view = nullptr;
  RunSummary run;
};

struct LeftOut {
  std::string run, why;
};

/// All runs of all databases, the newest first; the same run in two databases once.
Result<std::vector<FoundRun>> runs_of(const std::vector<std::unique_ptr<RunView>>& views) {
  std::vector<FoundRun> found;
  for (const auto& view : views) {
    Result<std::vector<RunSummary>> runs = view->runs();
    if (!runs) return runs.error();
    for (RunSummary& run : *runs) {
      const bool known = std::any_of(found.begin(), found.end(),
                                     [&run](const FoundRun& other) { return other.run.id == run.id; });
      if (!known) found.push_back({view.get(), std::move(run)});
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const FoundRun& a, const FoundRun& b) {
    return a.run.begun.utc_ns > b.run.begun.utc_ns;
  });
  return found;
}

/// Why the run does not count; empty: it does.
std::string take_run(const FoundRun& found, PopulationBuilder& builder) {
  if (found.run.state != RunState::complete) return fmt::format("it is {}", to_string(found.run.state));
  if (found.run.broken) return "its record is broken";
  const Result<ChainCheck> chain = found.view->verify_chain(found.run.id);
  if (!chain) return chain.error().message;
  if (!chain->intact) return "its record is not as it was written: " + chain->reason;
  builder.begin_run();
  const auto read = found.view->for_each_event(found.run.id, 1, [&builder](Event&& event) {
    builder.add(event);
    return true;
  });
  if (!read) return read.error().message;
  if (*read) return "its record is broken";
  return builder.end_run();
}

boost::json::array left_out_json(const std::vector<LeftOut>& left_out) {
  boost::json::array runs;
  for (const LeftOut& one : left_out) runs.push_back(boost::json::object{{"run", one.run}, {"why", one.why}});
  return runs;
}

/// What kept a population from being written; with --json also as the one object, with the runs left out.
int refuse_with(const CommandLine& line, const Error& error, const std::vector<LeftOut>& left_out) {
  if (line.json) {
    boost::json::object problem{{"place", ""}, {"code", error.code}, {"message", error.sentence()}};
    boost::json::object root;
    root["problems"] = boost::json::array{std::move(problem)};
    root["left_out"] = left_out_json(left_out);
    std::cout << boost::json::serialize(root) << std::endl;
  }
  return refuse_population(error, error.blame == Blame::operator_ ? 2 : 4);
}

std::string result_json(const Population& population, const std::string& path, std::size_t too_few,
                        const std::vector<LeftOut>& left_out) {
  boost::json::object root;
  root["population"] = population.id;
  root["file"] = path;
  root["sha256"] = population.sha256;
  root["racks"] = population.racks;
  root["rows"] = population.rows.size();
  root["places_with_too_few"] = too_few;
  root["left_out"] = left_out_json(left_out);
  return boost::json::serialize(root);
}

}  // namespace

int population_command(const CommandLine& line, const Paths& paths) {
  std::vector<std::string> databases = line.ledgers;
  const std::string own = database_path(line, paths);
  databases.insert(databases.begin(), own);
  std::vector<std::unique_ptr<RunView>> views;
  for (const std::string& database : databases) {
    Result<std::unique_ptr<RunView>> view = RunView::open(database);
    if (!view && view.error().code == "view.not_found" && database == own && databases.size() > 1) continue;
    if (!view) return refuse_population(view.error(), 4);
    views.push_back(std::move(*view));
  }
  const Result<std::vector<FoundRun>> runs = runs_of(views);
  if (!runs) return refuse_population(runs.error(), 4);

  PopulationBuilder builder(line.product, line.recipe);
  std::vector<LeftOut> left_out;
  for (const FoundRun& found : *runs) {
    std::string why = take_run(found, builder);
    if (why.empty()) continue;
    if (!line.json) std::cerr << fmt::format("left out {}: {}\n", found.run.id, why);
    left_out.push_back({found.run.id, std::move(why)});
  }
  // Of the newest run, so that the same runs give the same file.
  const std::string built = runs->empty() ? std::string() : format_utc(runs->front().run.begun.utc_ns);
  Result<Population> population = builder.finish(population_name_of(line.population_file), built);
  if (!population) return refuse_with(line, population.error(), left_out);
  const std::string text = population_text(*population);
  const Parsed<Population> read_back = parse_population(text, line.population_file);
  if (!read_back) return refuse_with(line, as_error(read_back.problems), left_out);
  if (std::filesystem::exists(line.population_file)) {
    return refuse_with(
        line,
        Error("population.exists",
              fmt::format("{} is there already, and records may name it by its hash", line.population_file),
              "give the new population another name", Blame::operator_),
        left_out);
  }
  const Status written = write_whole(line.population_file, text);
  if (!written) return refuse_with(line, written.error(), left_out);
  if (line.json) {
    std::cout << result_json(*read_back.value, line.population_file, builder.too_few(), left_out)
              << std::endl;
  } else {
    std::cout << fmt::format(
        "{}: population {} of {} runs, {} places; {} places have too few units (30 are needed); SHA-256 {}\n",
        line.population_file, population->id, builder.runs(), population->rows.size(), builder.too_few(),
        read_back.value->sha256);
  }
  return 0;
}

}  // namespace kiln
