// Reads everything a BMC links to and says what it found: how many resources, which answer with errors, which
// links lead to nothing, what is odd. Changes nothing, energises nothing, decides nothing.

#include <fmt/format.h>

#include <algorithm>

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
  text += lines_of("Not JSON", survey.not_json_uris);
  text += fmt::format("Odd ({})\n", survey.oddities.size());
  for (const auto& oddity : survey.oddities)
    text += fmt::format("  {} {}: {}\n", oddity.uri, oddity.property, oddity.what);
  return text;
}

class Tree final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "survey.tree";
      made.bmc = {{BmcAbility::whole_tree, true, "to read every resource it links to"},
                  {BmcAbility::identity, false, "to say whose tree it is"},
                  {BmcAbility::sensors, false, "to count what has a value"}};
      made.summary = "Read every resource the BMC links to and list what is there, broken or odd";
      for (const auto& [name, summary] : std::vector<std::pair<const char*, const char*>>{
               {"survey.links_followed", "distinct addresses asked for"},
               {"survey.resources_read", "answered with a resource"},
               {"survey.error_bodies", "answered with nothing but an error"},
               {"survey.links_to_nothing", "not found"},
               {"survey.not_json", "answered with something else than JSON"},
               {"survey.degraded", "an error beside a usable resource"},
               {"survey.oddities", "properties that could not be understood"},
               {"survey.sensors_read", "sensors with a value"}}) {
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
    std::int64_t sensors_read = 0;
    const Result<std::vector<SensorReading>> sensors = co_await (*bmc)->sensors(context.ctx());
    if (sensors) {
      sensors_read = std::count_if(sensors->begin(), sensors->end(),
                                   [](const SensorReading& one) { return one.value.has_value(); });
    }
    const std::vector<std::pair<std::string, std::int64_t>> counts{
        {"survey.links_followed", survey->links_followed},
        {"survey.resources_read", survey->resources_read},
        {"survey.error_bodies", survey->error_bodies},
        {"survey.links_to_nothing", survey->links_to_nothing},
        {"survey.not_json", survey->not_json},
        {"survey.degraded", survey->degraded},
        {"survey.oddities", static_cast<std::int64_t>(survey->oddities.size())},
        {"survey.sensors_read", sensors_read}};
    for (const auto& [name, count] : counts) {
      Reading reading(name, "", count, Source{"redfish", "every link from the service root"});
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
    Reading complete("survey.complete", "", survey->complete,
                     Source{"redfish", "every link from the service root"});
    const Result<Outcome> outcome = co_await context.record(std::move(complete));
    if (!outcome) co_return outcome.error();
    const Status attached = co_await context.attach("survey.txt", "text/plain", listing(*survey));
    co_return attached;
  }
};

}  // namespace
}  // namespace kiln

KILN_PLUGIN("survey", "1.0.0", "reading a whole BMC without changing it", kiln::Tree)
