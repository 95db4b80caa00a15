// The power supplies of one shelf or server, each by itself.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "power_chain_steps.h"

namespace kiln::power_chain {

using boost::asio::awaitable;

std::string supply_word(const PowerSupplyReading& supply, std::string& why) {
  if (!supply.unread.empty()) {
    why = supply.unread;
    return {};
  }
  if (supply.state == "Absent") return "absent";
  if (supply.switched_on == std::optional<bool>(false) || supply.state == "StandbyOffline" ||
      supply.state == "Disabled")
    return "off";
  if (!supply.line_input.empty() && supply.line_input != "Normal") return "no input";
  if (supply.state.empty() || supply.health.empty()) {
    why = fmt::format("it tells no {}", supply.state.empty() ? "State" : "Health");
    return {};
  }
  if (supply.health != "OK") return "failed";
  if (supply.state == "StandbySpare") return "standby";
  return supply.state == "Enabled" ? "ok" : "failed";
}

std::optional<double> rail_deviation(const PowerSupplyReading& supply) {
  std::optional<double> largest;
  for (const SupplyRail& rail : supply.rails) {
    if (!rail.voltage || !rail.nominal || *rail.nominal == 0) continue;
    const double here = 100 * std::abs(*rail.voltage / *rail.nominal - 1);
    largest = std::max(largest.value_or(here), here);
  }
  return largest;
}

namespace {

/// What the group says; empty: nothing that tells, and `why` says what it did.
std::string redundancy_word(const PowerChain& chain, std::string& why) {
  if (chain.redundancy.empty()) {
    why = "the BMC tells of no group of supplies that stand in for each other";
    return {};
  }
  std::string word = "redundant";
  for (const SupplyRedundancy& group : chain.redundancy) {
    const bool enough = !group.needed || !group.members || *group.members > *group.needed;
    if (group.state == "Disabled") {
      why = "the group says that its redundancy is not in use";
      return {};
    }
    if (group.health == "OK" && enough) continue;
    if (group.health.empty()) {
      why = "a group tells no Health";
      return {};
    }
    word = "lost";
  }
  return word;
}

struct SupplyFindings {
  Value state, input, rail;
  std::string why, input_why, rail_why, uri;
};

SupplyFindings findings_of(const std::string& name, const PowerChain& chain) {
  SupplyFindings found;
  const auto listed = std::find_if(chain.supplies.begin(), chain.supplies.end(),
                                   [&name](const PowerSupplyReading& one) { return one.name == name; });
  if (listed == chain.supplies.end()) {
    // Where a list could not be read, what is not in the rest is not absent.
    const auto hidden = std::find_if(chain.supplies.begin(), chain.supplies.end(),
                                     [](const PowerSupplyReading& one) { return one.name.empty(); });
    if (hidden == chain.supplies.end()) found.state = std::string("absent");
    if (hidden != chain.supplies.end()) found.why = hidden->unread;
    found.input_why = found.rail_why = "the BMC does not list it";
    return found;
  }
  found.uri = listed->uri;
  const std::string word = supply_word(*listed, found.why);
  if (!word.empty()) found.state = word;
  if (listed->input_voltage) found.input = *listed->input_voltage;
  found.input_why = listed->unread.empty() ? "it tells no input voltage" : listed->unread;
  const std::optional<double> deviation = rail_deviation(*listed);
  const bool gives = word != "off" && word != "absent";
  if (deviation && gives) found.rail = *deviation;
  found.rail_why = !gives                   ? "it is " + word
                   : listed->unread.empty() ? "no rail tells both its voltage and the nominal one"
                                            : listed->unread;
  return found;
}

std::string action_for(const std::string& word) {
  if (word == "absent") return "put a supply into its place, or correct the rack file";
  if (word == "off") return "switch the shelf on at its own BMC, and see who has switched it off";
  if (word == "no input") return "check the mains feed, its breaker and the shelf's input plug";
  return "replace the supply; look at the shelf's own event log for why";
}

}  // namespace

const StepDescription& Supplies::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "power_chain.supplies";
    made.bmc = {{BmcAbility::power_chain, true, "to read state, input and rails of each supply"}};
    made.summary = "Every power supply is there, well, fed within its range, and puts out its rail voltage";
    const std::string action = "replace the supply; look at the shelf's own event log for why";
    made.measurements = {
        {"power_supply.state", "", ComponentKind::power_supply, true, "power_supply.failed", action,
         "ok, standby, off, absent, no input or failed"},
        {"power_supply.input_voltage", "V", ComponentKind::power_supply, true, "power_supply.input",
         "check the mains feed and the shelf's input plug", "as the supply measures it"},
        {"power_supply.rail_deviation", "%", ComponentKind::power_supply, true, "power_supply.rail", action,
         "of the rail that is furthest from its nominal voltage"},
        {"power_supply.redundancy", "", ComponentKind::whole_dut, true, "power_supply.not_redundant",
         "replace the supplies that do not work, then read it again",
         "redundant or lost, as the group of supplies says"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Supplies::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                         const Dut& dut) const {
  if (dut.expect.of_kind(ComponentKind::power_supply).empty()) return {};
  return Step::parts(measurement, with, dut);
}

awaitable<Status> Supplies::run(StepContext& context) {
  const std::vector<const Component*> expected = context.dut().expect.of_kind(ComponentKind::power_supply);
  if (expected.empty()) co_return success();
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<PowerChain> chain = co_await (*bmc)->power_chain(context.ctx());
  if (!chain) co_return chain.error();
  for (const Component* supply : expected) {
    const SupplyFindings found = findings_of(supply->name, *chain);
    Reading state("power_supply.state", supply->name, found.state, Source{"redfish", found.uri});
    state.reason = found.why;
    const auto* word = std::get_if<std::string>(&found.state);
    if (word != nullptr) state.action = action_for(*word);
    const Result<Outcome> judged = co_await context.record(std::move(state));
    if (!judged) co_return judged.error();
    Reading input("power_supply.input_voltage", supply->name, found.input, Source{"redfish", found.uri});
    input.reason = found.input_why;
    const Result<Outcome> fed = co_await context.record(std::move(input));
    if (!fed) co_return fed.error();
    Reading rail("power_supply.rail_deviation", supply->name, found.rail, Source{"redfish", found.uri});
    rail.reason = found.rail_why;
    const Result<Outcome> level = co_await context.record(std::move(rail));
    if (!level) co_return level.error();
  }
  std::string why;
  const std::string word = redundancy_word(*chain, why);
  Value value;
  if (!word.empty()) value = word;
  const std::string uri = chain->redundancy.empty() ? std::string() : chain->redundancy.front().uri;
  Reading redundancy("power_supply.redundancy", "", value, Source{"redfish", uri});
  redundancy.reason = why;
  const Result<Outcome> outcome = co_await context.record(std::move(redundancy));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace kiln::power_chain
