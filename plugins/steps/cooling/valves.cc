// The valve of each coolant connection, where it has one: it stands as it says, and none has closed for a
// leak.

#include <algorithm>
#include <optional>
#include <string>

#include "cooling_steps.h"

namespace kiln::cooling {

using boost::asio::awaitable;

std::string valve_word(const CoolantReading& reading, bool is_expected) {
  // CoolantConnector v1.3.0: ValveState Open | Closed, ValveStateReason Normal | NotInUse | LeakDetected.
  if (reading.valve_state.empty() && reading.valve_reason.empty()) return "";
  if (reading.valve_reason == "LeakDetected") return "leak";
  if (reading.valve_state == "Open") return "open";
  if (reading.valve_state != "Closed") return "unknown";
  return reading.valve_reason == "NotInUse" && !is_expected ? "not_in_use" : "closed";
}

const StepDescription& Valves::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.valves";
    made.bmc = {{BmcAbility::coolant, true, "to read the valve of each connection"}};
    made.summary = "The valves of the coolant connections are open, and none has closed for a leak";
    made.measurements = {
        {"coolant.valve.state", "", ComponentKind::coolant_connector, true, "coolant.valve_closed",
         "open it, and find out who closed it", "open, closed, leak, not_in_use or unknown"},
        {"coolant.valve.position", "%", ComponentKind::coolant_connector, true, "coolant.valve_position",
         "move it by hand, check its drive and what commands it",
         "how far a valve that is said to be open is open"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Valves::parts(const MeasurementDeclaration& /*measurement*/,
                                       const Parameters& /*with*/, const Dut& /*dut*/) const {
  return {};  // which connections have a valve is not in the rack file: each that tells of one is judged
}

awaitable<Status> Valves::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::vector<CoolantReading>> readings = co_await (*bmc)->coolant(context.ctx());
  if (!readings) co_return readings.error();
  const auto expected = context.dut().expect.of_kind(ComponentKind::coolant_connector);
  for (const CoolantReading& reading : *readings) {
    const bool is_expected = std::any_of(expected.begin(), expected.end(), [&reading](const Component* one) {
      return one->name == reading.name;
    });
    const std::string word = valve_word(reading, is_expected);
    const Source source = cooling_source(context.dut(), reading.uri);
    if (!word.empty()) {
      Reading state("coolant.valve.state", reading.name, word, source);
      if (word == "leak") {
        state.fault_code = "leak.valve_closed";
        state.action =
            "look for coolant and dry it before anything else: this valve closed because something saw a "
            "leak";
      }
      const Result<Outcome> judged = co_await context.record(std::move(state));
      if (!judged) co_return judged.error();
    }
    if (!reading.valve_position || (!word.empty() && word != "open")) continue;
    Reading position("coolant.valve.position", reading.name, *reading.valve_position, source);
    const Result<Outcome> judged = co_await context.record(std::move(position));
    if (!judged) co_return judged.error();
  }
  co_return success();
}

}  // namespace kiln::cooling
