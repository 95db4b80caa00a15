#include "quality/lineage_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace kiln {
namespace {

namespace bj = boost::json;

std::string run_words(const Sighting& one) {
  return fmt::format("{}{}", one.run, one.simulated ? " SIMULATED" : "");
}

std::string came_to(const Sighting& one) {
  return one.decision ? std::string(to_string(*one.decision)) : std::string("survey");
}

std::string reason_words(const Sighting& one) {
  if (one.first_reason.empty()) return "";
  return one.reason_is_its_own ? one.first_reason : "(of its DUT) " + one.first_reason;
}

QualitySection sightings_section(const LineageAnswer& answer) {
  QualitySection section;
  section.title = answer.is_serial ? "Where it was" : "What was there";
  section.header = {"begun (UTC)", "run",      "place",   "slot",        "serial number",
                    "model",       "firmware", "came to", "first reason"};
  for (const Sighting& one : answer.sightings)
    section.rows.push_back({format_utc(one.begun_utc_ns), run_words(one), one.place(),
                            one.slot ? fmt::to_string(*one.slot) : "", one.serial, one.model, one.firmware,
                            came_to(one), reason_words(one)});
  return section;
}

std::string exchange_sentence(const Exchange& one) {
  std::string text =
      fmt::format("{} of {}/{}: {} → {} between {} ({}) and {} ({})",
                  one.part.empty() ? "the DUT itself" : one.part, one.rack, one.dut, one.from, one.to,
                  one.run_before, format_utc(one.before_utc_ns), one.run_after, format_utc(one.after_utc_ns));
  if (one.with_its_dut) text += ", with the whole DUT";
  text += one.went_to.empty() ? fmt::format("; {} was not seen again", one.from)
                              : fmt::format("; {} is then {}", one.from, one.went_to);
  text += one.came_from.empty() ? fmt::format("; {} was not seen before", one.to)
                                : fmt::format("; {} was before {}", one.to, one.came_from);
  return text + ".";
}

bj::object sighting_json(const Sighting& one) {
  return {{"serial", one.serial},
          {"run", one.run},
          {"begun", format_utc(one.begun_utc_ns)},
          {"rack", one.rack},
          {"dut", one.dut},
          {"part", one.part},
          {"kind", std::string(to_string(one.kind))},
          {"role", std::string(to_string(one.role))},
          {"slot", one.slot ? bj::value(*one.slot) : bj::value(nullptr)},
          {"dut_serial", one.dut_serial},
          {"part_number", one.part_number},
          {"model", one.model},
          {"firmware", one.firmware},
          {"source", one.source},
          {"station", one.station},
          {"recipe", one.recipe},
          {"operator", one.operator_name},
          {"simulated", one.simulated},
          {"decision", one.decision ? bj::value(std::string(to_string(*one.decision))) : bj::value(nullptr)},
          {"first_reason", one.first_reason},
          {"reason_is_its_own", one.reason_is_its_own},
          {"retest_of", one.retest_of}};
}

bj::object exchange_json(const Exchange& one) {
  return {{"rack", one.rack},
          {"dut", one.dut},
          {"part", one.part},
          {"kind", std::string(to_string(one.kind))},
          {"from", one.from},
          {"to", one.to},
          {"run_before", one.run_before},
          {"run_after", one.run_after},
          {"before", format_utc(one.before_utc_ns)},
          {"after", format_utc(one.after_utc_ns)},
          {"with_its_dut", one.with_its_dut},
          {"went_to", one.went_to},
          {"came_from", one.came_from},
          {"simulated", one.simulated}};
}

}  // namespace

QualityPage make_lineage_page(const LineageAnswer& answer, const std::vector<RunLeftOut>& left_out) {
  QualityPage page;
  page.title = fmt::format("History of {} {}", answer.is_serial ? "serial number" : "place", answer.asked);
  const auto is_simulated = [](const Sighting& one) { return one.simulated; };
  const bool any = std::any_of(answer.sightings.begin(), answer.sightings.end(), is_simulated);
  const bool all = std::all_of(answer.sightings.begin(), answer.sightings.end(), is_simulated);
  if (any)
    page.loud.emplace_back(all ? "SIMULATED RACKS, NOT HARDWARE"
                               : "SOME OF THESE RUNS ARE OF SIMULATED RACKS");
  page.about = answer.cautions;
  page.sections.push_back(sightings_section(answer));
  QualitySection exchanged;
  exchanged.title = "Exchanged";
  for (const Exchange& one : answer.exchanges) exchanged.sentences.push_back(exchange_sentence(one));
  if (answer.exchanges.empty()) exchanged.sentences = {"Nothing, as far as runs have looked."};
  page.sections.push_back(std::move(exchanged));
  if (!left_out.empty()) {
    QualitySection missing;
    missing.title = "Runs that were left out";
    missing.header = {"run", "why"};
    for (const RunLeftOut& one : left_out) missing.rows.push_back({one.run, one.why});
    page.sections.push_back(std::move(missing));
  }
  return page;
}

std::string lineage_json(const LineageAnswer& answer, const std::vector<RunLeftOut>& left_out) {
  bj::array sightings, exchanges, cautions, missing;
  for (const Sighting& one : answer.sightings) sightings.push_back(sighting_json(one));
  for (const Exchange& one : answer.exchanges) exchanges.push_back(exchange_json(one));
  for (const std::string& one : answer.cautions) cautions.emplace_back(one);
  for (const RunLeftOut& one : left_out) missing.push_back(bj::object{{"run", one.run}, {"why", one.why}});
  bj::object root;
  root["asked"] = answer.asked;
  root["is"] = answer.is_serial ? "serial" : "place";
  root["sightings"] = std::move(sightings);
  root["exchanges"] = std::move(exchanges);
  root["cautions"] = std::move(cautions);
  root["left_out"] = std::move(missing);
  return bj::serialize(root) + "\n";
}

}  // namespace kiln
