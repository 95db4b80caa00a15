#include "json/bring_up_json.h"

#include <utility>

#include "base/time.h"

namespace kiln {
namespace {

namespace json = boost::json;

json::value time_or_null(const std::optional<std::int64_t>& utc_ns) {
  return utc_ns ? json::value(format_utc(*utc_ns)) : json::value(nullptr);
}

json::object note_json(const RackNote& note) {
  return {{"rack", note.rack},
          {"what", std::string(to_string(note.what))},
          {"at", format_utc(note.at_utc_ns)},
          {"by", note.by},
          {"station", note.station},
          {"noted", format_utc(note.noted_utc_ns)}};
}

/// null: not recorded.
json::value milestone_json(const BringUp& clock, const std::optional<ClockMilestone>& milestone) {
  if (!milestone) return nullptr;
  const std::optional<std::int64_t> since = clock.since_arrival(milestone);
  json::object item;
  if (!milestone->what.empty()) item["phase"] = milestone->what;
  item["at"] = format_utc(milestone->at_utc_ns);
  item["run"] = milestone->run;
  item["since_arrival_ns"] = since ? json::value(*since) : json::value(nullptr);
  return item;
}

}  // namespace

json::object bring_up_json(const BringUp& clock) {
  json::object item;
  item["rack"] = clock.rack;
  json::array formerly;
  for (const std::string& name : clock.formerly) formerly.emplace_back(name);
  item["formerly"] = std::move(formerly);
  item["runs"] = clock.runs;
  item["arrived"] = clock.arrived ? json::value(note_json(*clock.arrived)) : json::value(nullptr);
  item["first_run"] = milestone_json(clock, clock.first_run);
  item["powered"] = milestone_json(clock, clock.powered);
  json::array phases;
  for (const ClockMilestone& phase : clock.phases) phases.push_back(milestone_json(clock, phase));
  item["phases"] = std::move(phases);
  item["first_token"] = milestone_json(clock, clock.first_token);
  item["begins"] = time_or_null(clock.begins_utc_ns);
  item["ends"] = time_or_null(clock.ends_utc_ns);
  item["time"] = nullptr;
  if (clock.shares) {
    item["time"] = json::object{{"tests_ns", clock.shares->tests_ns},
                                {"people_ns", clock.shares->people_ns},
                                {"parts_ns", clock.shares->parts_ns},
                                {"plant_ns", clock.shares->plant_ns},
                                {"nobody_ns", clock.shares->nobody_ns}};
  }
  json::array remarks;
  for (const std::string& remark : clock.remarks) remarks.emplace_back(remark);
  item["remarks"] = std::move(remarks);
  json::array notes;
  for (const RackNote& note : clock.notes) notes.push_back(note_json(note));
  item["notes"] = std::move(notes);
  return item;
}

}  // namespace kiln
