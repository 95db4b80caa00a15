// kiln compare: two runs, or two DUTs, beside each other: what is not the same, and which values moved; or a
// run against a population. Reads only.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <iostream>
#include <sstream>

#include "files/population_file.h"
#include "quality/comparison_page.h"
#include "quality/population_page.h"
#include "station/commands/commands.h"
#include "station/commands/record_questions.h"
#include "station/many_records.h"
#include "station/run_setup.h"

namespace kiln {
namespace {

/// RUN, or RUN:DUT.
struct ComparedSide {
  std::string run, dut;
};

ComparedSide side_named(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Result<RunPicture> picture_of(const ManyRecords& records, const std::string& typed) {
  const Result<const RunCopy*> copy = find_copy(records, typed);
  if (!copy) return copy.error();
  RunPictureReader reader((*copy)->run.id, (*copy)->run.begun.utc_ns);
  const Status read = read_copy(**copy, [&reader](const Event& event) { reader.add(event); });
  if (!read) return read.error();
  return reader.finish();
}

/// A population is a file; no run is called so.
bool names_population(const std::string& typed) { return typed.ends_with(".yaml"); }

/// One run against what earlier racks have shown.
int compare_with_population(const CommandLine& line, const Paths& paths, const ManyRecords& records) {
  const std::string format = question_format(line);
  if (line.compared.at(1).find(':') != std::string::npos)
    return refuse_question(
        line, Error("compare.whole_run", "a population is compared with a whole run, not with one DUT of it",
                    "leave out what stands behind the colon", Blame::operator_));
  const Parsed<Population> population = read_population(line.compared.at(0));
  if (!population) return refuse_question(line, as_error(population.problems));
  const Result<const RunCopy*> copy = find_copy(records, line.compared.at(1));
  if (!copy) return refuse_question(line, copy.error());
  PopulationComparer comparer((*copy)->run.id);
  const Status read = read_copy(**copy, [&comparer](const Event& event) { comparer.add(event); });
  if (!read) return refuse_question(line, read.error());
  const Result<PopulationComparison> comparison = comparer.compare(*population.value);
  if (!comparison) return refuse_question(line, comparison.error());
  std::string text;
  if (format == "json") text = population_json(*comparison);
  if (format == "text") text = screen_text(make_population_page(*comparison));
  if (format == "html") text = render_html(make_population_page(*comparison), "Kiln comparison");
  return answer_question(line, asked_databases(line, paths), text, records.unreadable);
}

}  // namespace

int compare_command(const CommandLine& line, const Paths& paths) {
  const std::string format = question_format(line);
  const ComparedSide side_a = side_named(line.compared.at(0));
  const ComparedSide side_b = side_named(line.compared.at(1));
  const ManyRecords records = open_records(asked_databases(line, paths));
  if (records.views.empty())
    return refuse_question(
        line, Error("compare.not_read", fmt::format("{}", fmt::join(records.unreadable, "; ")), "",
                    Blame::station));
  if (names_population(line.compared.at(0))) return compare_with_population(line, paths, records);
  const Result<RunPicture> a = picture_of(records, side_a.run);
  if (!a) return refuse_question(line, a.error());
  const Result<RunPicture> b = picture_of(records, side_b.run);
  if (!b) return refuse_question(line, b.error());
  const Result<RunComparison> comparison = compare_runs(*a, side_a.dut, *b, side_b.dut);
  if (!comparison) return refuse_question(line, comparison.error());
  const bool simulated = comparison->a.simulated || comparison->b.simulated;
  std::string text;
  if (format == "json") text = comparison_json(*comparison);
  if (format == "text") text = screen_text(make_comparison_page(*comparison, line.show_all));
  if (format == "html")
    text = render_html(make_comparison_page(*comparison, true),
                       simulated ? "SIMULATED RACK, NOT HARDWARE" : "Kiln comparison");
  return answer_question(line, asked_databases(line, paths), text, records.unreadable);
}

}  // namespace kiln
