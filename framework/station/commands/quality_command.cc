// kiln quality: what a quality engineer asks of the runs on record. Reads only.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <set>

#include "base/nearest.h"
#include "base/rfc3339.h"
#include "quality/quality_page.h"
#include "station/commands/commands.h"
#include "station/commands/record_questions.h"
#include "station/quality_records.h"
#include "station/reports_on_disk.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"

namespace kiln {
namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;

/// A day (its beginning in UTC, or with `whole_day` its end), or a moment.
Result<std::optional<std::int64_t>> moment_of(const std::string& text, const char* option, bool whole_day) {
  if (text.empty()) return std::optional<std::int64_t>();
  const bool day = text.size() == 10;
  Result<std::int64_t> moment = parse_rfc3339(day ? text + "T00:00:00Z" : text);
  if (!moment) {
    return Error("quality.time", fmt::format("{} '{}' is neither a day nor a moment", option, text),
                 "write 2026-03-01 (UTC), or 2026-03-01T12:00:00+01:00", Blame::operator_);
  }
  return std::optional<std::int64_t>(*moment + (day && whole_day ? kDay : 0));
}

Result<QualityQuery> query_of(const CommandLine& line) {
  QualityQuery query;
  query.recipe = line.recipe;
  query.product = line.product;
  query.simulated = line.simulated;
  const std::size_t colon = line.check.find(':');
  query.check = line.check.substr(0, colon);
  if (colon != std::string::npos) query.part = line.check.substr(colon + 1);
  const auto since = moment_of(line.since, "--since", false);
  if (!since) return since.error();
  const auto until = moment_of(line.until, "--until", true);
  if (!until) return until.error();
  query.since_ns = *since;
  query.until_ns = *until;
  if (query.since_ns && query.until_ns && *query.since_ns >= *query.until_ns)
    return Error("quality.time", "--since lies behind --until: no run can be between them",
                 "change one of the two", Blame::operator_);
  return query;
}

Error unknown(const char* what, const std::string& wrong, const std::set<std::string>& known) {
  const std::vector<std::string> names(known.begin(), known.end());
  return Error(fmt::format("quality.{}", what),
               fmt::format("no run on record has the {} '{}'{}", what, wrong, did_you_mean(wrong, names)),
               "kiln runs lists the runs, kiln explain the checks", Blame::operator_);
}

/// A name that no run has is a slip of the finger, not a perfect record.
Status check_names(const QualityQuery& query, const QualityRecords& records) {
  if (records.attempts.empty()) return success();
  std::set<std::string> recipes, products;
  for (const UnitAttempt& attempt : records.attempts) {
    recipes.insert(attempt.recipe);
    products.insert(attempt.product);
  }
  const std::string recipe = query.recipe.substr(0, query.recipe.find('@'));
  if (!recipe.empty() && recipes.count(recipe) == 0) return unknown("recipe", recipe, recipes);
  if (!query.product.empty() && products.count(query.product) == 0)
    return unknown("product", query.product, products);
  const bool anywhere = std::any_of(records.attempts.begin(), records.attempts.end(),
                                    [](const UnitAttempt& attempt) { return !attempt.values.empty(); });
  if (!query.check.empty() && !anywhere) return unknown("check", query.check, records.measurements);
  return success();
}

std::string rendered(const QualityReport& report, const std::string& format) {
  if (format == "json") return quality_json(report);
  if (format == "csv") return quality_csv(report);
  if (format == "html") return quality_html(report);
  return screen_text(make_quality_page(report));
}

}  // namespace

int quality_command(const CommandLine& given, const Paths& paths) {
  CommandLine line = given;
  const std::string format = line.json ? "json" : line.formats.empty() ? "text" : line.formats.front();
  line.json = line.json || (format == "json" && line.out_directory.empty());
  const Result<QualityQuery> query = query_of(line);
  if (!query) return refuse_question(line, query.error());
  std::vector<std::string> databases = line.ledgers;
  if (databases.empty()) databases.push_back(database_path(line, paths));
  if (!line.out_directory.empty() && is_a_record(line.out_directory, databases)) {
    return refuse_question(line, Error("quality.out", line.out_directory + " is a record of runs",
                                       "give --out another name", Blame::operator_));
  }
  const QualityRecords records = read_quality_records(databases, query->check);
  if (records.databases == 0) {
    return refuse_question(
        line, Error("quality.not_read", fmt::format("{}", fmt::join(records.unreadable, "; ")), "",
                    Blame::station));
  }
  const Status names = check_names(*query, records);
  if (!names) return refuse_question(line, names.error());
  QualityReport report = make_quality_report(records.attempts, *query);
  report.excluded = records.excluded;
  report.unreadable = records.unreadable;
  const std::string text = rendered(report, format);
  if (line.out_directory.empty()) {
    std::cout << text << std::flush;
  } else {
    const Status written = write_whole(line.out_directory, text);
    if (!written) return refuse_question(line, written.error());
    if (given.json) {
      std::cout << boost::json::serialize(boost::json::object{
                       {"file", line.out_directory}, {"runs", report.runs}, {"units", report.units}})
                << std::endl;
    } else {
      std::cout << fmt::format("{}: {} runs, {} units\n", line.out_directory, report.runs, report.units);
    }
  }
  for (const std::string& database : records.unreadable)
    std::cerr << "kiln: not read: " << printable(database, true) << "\n";
  return records.unreadable.empty() ? 0 : 4;
}

}  // namespace kiln
