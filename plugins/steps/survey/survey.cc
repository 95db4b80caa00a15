// Reads everything a BMC links to and says what it found: how many resources, which answer with errors, which
// links lead to nothing, what was not understood or is odd; and what the typed views make of it: firmware,
// sensors by kind, leak detectors, NVLink ports, parts. Changes nothing, energises nothing, decides nothing.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sdk/step.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

std::string lines_of(const std::string& title, const std::vector<std::string>& uris) {
  std::string text = fmt::format("{} ({})\n", title, uris.size());
  for (const auto& uri : uris) text += "  " + uri + "\n";
  return text;
}

std::string listing(const SurveyReport& survey) {
  std::string text;
  for (const auto& [type, count] : survey.resource_types) text += fmt::format("{:>6}  {}\n", count, type);
  text += "\n" + lines_of("Links answered with an error body", survey.error_uris);
  text += lines_of("Links to nothing", survey.missing_uris);
  text += fmt::format("Not understood ({})\n", survey.not_understood);
  for (const auto& one : survey.not_understood_properties)
    text += fmt::format("  {} {}: {}\n", one.uri, one.property, one.what);
  text += lines_of("No answer", survey.unanswered_uris);
  text += fmt::format("Odd ({})\n", survey.oddities.size());
  for (const auto& oddity : survey.oddities)
    text += fmt::format("  {} {}: {}\n", oddity.uri, oddity.property, oddity.what);
  return text;
}

/// What there is, as the typed views have it; a view that could not be had says why.
struct SurveyedViews {
  std::vector<std::pair<const char*, std::int64_t>>
      counts;  ///< by measurement; one that is not there is left out
  std::string text;
};

template <class T>
bool keep_view(const Result<std::vector<T>>& view, const char* title, const char* measurement,
               SurveyedViews& views) {
  if (!view) {
    views.text += fmt::format("\n{}: {}\n", title, view.error().message);
    return false;
  }
  views.text += fmt::format("\n{} ({})\n", title, view->size());
  if (measurement != nullptr) views.counts.emplace_back(measurement, static_cast<std::int64_t>(view->size()));
  return true;
}

std::string value_of(const SensorReading& sensor) {
  return sensor.value ? fmt::format("{} {}", *sensor.value, sensor.unit) : std::string("no value");
}

awaitable<SurveyedViews> surveyed_views(const Ctx& ctx, Bmc& bmc) {
  SurveyedViews views;
  const Result<std::vector<FirmwareItem>> firmware = co_await bmc.firmware(ctx);
  if (keep_view(firmware, "Firmware", "survey.firmware_items", views)) {
    for (const auto& item : *firmware)
      views.text += fmt::format("  {}  {}\n", item.id, item.version.empty() ? "no version" : item.version);
  }
  const Result<std::vector<SensorReading>> sensors = co_await bmc.sensors(ctx);
  if (keep_view(sensors, "Sensors", "survey.sensors", views)) {
    std::map<std::string, int> kinds;
    for (const auto& sensor : *sensors) {
      const std::string type = sensor.reading_type.empty() ? "(no type)" : sensor.reading_type;
      ++kinds[fmt::format("{}, {}", type, sensor.unit.empty() ? "(no unit)" : sensor.unit)];
    }
    for (const auto& [kind, count] : kinds) views.text += fmt::format("{:>6}  {}\n", count, kind);
    for (const auto& sensor : *sensors)
      views.text += fmt::format("  {}  {}  {}\n", sensor.name, value_of(sensor), sensor.state);
    views.counts.emplace_back("survey.sensors_read",
                              std::count_if(sensors->begin(), sensors->end(),
                                            [](const SensorReading& one) { return one.value.has_value(); }));
  }
  const Result<LeakCensus> census = co_await bmc.leak_detectors(ctx);
  const Result<std::vector<LeakDetectorReading>> detectors =
      census ? Result<std::vector<LeakDetectorReading>>(census->detectors)
             : Result<std::vector<LeakDetectorReading>>(census.error());
  if (keep_view(detectors, "Leak detectors", "survey.leak_detectors", views)) {
    for (const auto& one : *detectors)
      views.text +=
          fmt::format("  {}  {} {}\n", one.name, to_string(one.verdict.reading), one.verdict.reason);
  }
  const Result<std::vector<NvlinkReading>> links = co_await bmc.nvlinks(ctx);
  if (keep_view(links, "NVLink ports", "survey.nvlink_ports", views)) {
    for (const auto& one : *links)
      views.text += fmt::format("  {}  {} {}\n", one.name, one.link_state, one.link_status);
  }
  const Result<std::vector<Part>> parts = co_await bmc.parts(ctx);
  if (keep_view(parts, "Parts", nullptr, views)) {
    for (const auto& part : *parts) {
      views.text += fmt::format("  {} {}  {} {} serial {}, firmware {} {}\n", to_string(part.kind), part.name,
                                part.manufacturer, part.model, part.serial, part.firmware, part.unread);
    }
    const auto is_supply = [](const Part& part) {
      return part.kind == ComponentKind::power_supply && !part.name.empty();
    };
    views.counts.emplace_back("survey.power_supplies",
                              std::count_if(parts->begin(), parts->end(), is_supply));
  }
  co_return views;
}

class Tree final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "survey.tree";
      made.bmc = {{BmcAbility::whole_tree, true, "to read every resource it links to"},
                  {BmcAbility::identity, false, "to say whose tree it is"},
                  {BmcAbility::sensors, false, "to count what has a value"},
                  {BmcAbility::firmware_inventory, false, "to list what runs"},
                  {BmcAbility::leak_detectors, false, "to list them"},
                  {BmcAbility::nvlinks, false, "to list its ports"},
                  {BmcAbility::parts, false, "to list its power supplies"}};
      made.summary = "Read every resource the BMC links to and list what is there, broken or odd";
      for (const auto& [name, summary] : std::vector<std::pair<const char*, const char*>>{
               {"survey.links_followed", "distinct addresses asked for"},
               {"survey.resources_read", "answered with a resource that was understood"},
               {"survey.error_bodies", "answered with nothing but an error"},
               {"survey.links_to_nothing", "not found"},
               {"survey.not_understood",
                "answered with a resource not all of which was understood, or no JSON"},
               {"survey.unanswered", "repeated, and never answered"},
               {"survey.not_json", "of those not understood: something else than JSON"},
               {"survey.degraded", "an error beside a usable resource"},
               {"survey.oddities", "what broke the standard and was lived with"},
               {"survey.firmware_items", "firmware, with its version"},
               {"survey.sensors", "sensors of all kinds"},
               {"survey.sensors_read", "sensors with a value"},
               {"survey.leak_detectors", "leak detectors"},
               {"survey.nvlink_ports", "NVLink ports of GPUs and switches"},
               {"survey.power_supplies", "power supplies"}}) {
        made.measurements.push_back({name, "1", ComponentKind::whole_dut, false, "", "", summary});
      }
      made.measurements.push_back(
          {"survey.complete", "", ComponentKind::whole_dut, false, "", "", "no cap or deadline cut it"});
      made.default_timeout = std::chrono::minutes(30);
      return made;
    }();
    return description;
  }

  awaitable<Status> run(StepContext& context) override {
    const Result<Bmc*> bmc = context.bmc();
    if (!bmc) co_return bmc.error();
    const Result<BmcIdentity> identity = co_await (*bmc)->identity(context.ctx());
    if (identity) {
      PartSeen seen;
      seen.serial = identity->serial;
      seen.model = identity->model;
      seen.firmware = identity->manager_firmware;
      seen.source = Source{"redfish", identity->uri};
      const Status noted = co_await context.seen(std::move(seen));
      if (!noted) co_return noted;
      const Status who =
          co_await context.note(fmt::format("vendor '{}', product '{}', Redfish {}", identity->vendor,
                                            identity->product, identity->redfish_version));
      if (!who) co_return who;
    }
    const Result<SurveyReport> survey = co_await (*bmc)->survey(context.ctx());
    if (!survey) co_return survey.error();
    const SurveyedViews views = co_await surveyed_views(context.ctx(), **bmc);
    std::vector<std::pair<std::string, std::int64_t>> counts{
        {"survey.links_followed", survey->links_followed},
        {"survey.resources_read", survey->resources_read},
        {"survey.error_bodies", survey->error_bodies},
        {"survey.links_to_nothing", survey->links_to_nothing},
        {"survey.not_understood", survey->not_understood},
        {"survey.unanswered", survey->unanswered},
        {"survey.not_json", survey->not_json},
        {"survey.degraded", survey->degraded},
        {"survey.oddities", static_cast<std::int64_t>(survey->oddities.size())}};
    counts.insert(counts.end(), views.counts.begin(), views.counts.end());
    for (const auto& [name, count] : counts) {
      Reading reading(name, "", count, Source{"redfish", "every link from the service root"});
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
    Reading complete("survey.complete", "", survey->complete,
                     Source{"redfish", "every link from the service root"});
    const Result<Outcome> outcome = co_await context.record(std::move(complete));
    if (!outcome) co_return outcome.error();
    const Status attached =
        co_await context.attach("survey.txt", "text/plain", listing(*survey) + views.text);
    co_return attached;
  }
};

}  // namespace
}  // namespace kiln

KILN_PLUGIN("survey", "1.0.0", "reading a whole BMC without changing it", kiln::Tree)
