// Copy this folder, rename, replace what it measures. It is compiled and tested where it lies, so it works as
// it stands: the warmest intake air over a few readings, as the BMC tells it.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sdk/step.h"

namespace kiln {
namespace {

class IntakeTemperature final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      MeasurementDeclaration intake;
      intake.name = "template.intake_temperature";  // literal and dotted: people search for it
      intake.unit = "Cel";                          // UCUM
      intake.per = ComponentKind::whole_dut;  // or gpu, nvlink, leak_detector…: one cell per expected part
      intake.fault_code = "template.intake_hot";  // the reason code of a fail
      intake.action = "check the air path and the room's cooling";
      intake.summary = "warmest intake air seen";

      ParameterDeclaration readings;
      readings.name = "readings";
      readings.type = ParameterType::integer;
      readings.default_text = "3";  // without a default the recipe must give it
      readings.summary = "how often the sensors are read, 1 to 1000";
      ParameterDeclaration pause;
      pause.name = "pause";
      pause.type = ParameterType::duration;
      pause.default_text = "1s";
      pause.summary = "time between two readings";

      StepDescription step;
      step.use = "template.intake_temperature";  // before the dot: the folder's name
      step.bmc = {{BmcAbility::sensors, true, "to read the intake air"}};
      step.summary = "intake air is within the product's limit";
      step.measurements = {intake};
      step.parameters = {readings, pause};
      return step;
    }();
    return description;
  }

  // What lint can say beyond types: before anything is switched on.
  Status check(const Parameters& with) const override {
    if (with.integer("readings") < 1 || with.integer("readings") > 1000) {
      return Error("template.readings", "readings must be between 1 and 1000",
                   "write for example `readings: 3`", Blame::recipe);
    }
    return success();
  }

  boost::asio::awaitable<Status> run(StepContext& context) override {
    Result<Bmc*> bmc = context.bmc();
    if (!bmc) co_return bmc.error();

    std::optional<double> warmest;
    std::string uri;
    for (std::int64_t reading = 0; reading < context.with().integer("readings"); ++reading) {
      if (reading > 0) {
        // Ends early when the run is stopped or the step's time is over; then there is nothing more to do
        // here.
        const Status waited = co_await context.ctx().sleep_for(context.with().duration("pause"));
        if (!waited) co_return waited.error();
      }
      // One await per statement, and braces only before it (docs/traps.md, 1).
      const Result<std::vector<SensorReading>> sensors = co_await (*bmc)->sensors(context.ctx());
      if (!sensors)
        co_return sensors.error();  // could not be done: not a fail of the hardware, and not a pass
      for (const SensorReading& sensor : *sensors) {
        if (sensor.context != "Intake" || sensor.unit != "Cel") continue;
        // For the plot; not judged.
        const Status sampled =
            co_await context.sample("template.intake_temperature", sensor.name, "Cel", sensor.value);
        if (!sampled) co_return sampled.error();
        if (sensor.value && (!warmest || *sensor.value > *warmest)) {
          warmest = sensor.value;
          uri = sensor.uri;
        }
      }
    }

    // What the hardware is like is recorded, also when it has no value: unset is not a pass, and the reason
    // is kept.
    Source source{"redfish", uri};
    Reading reading("template.intake_temperature", "", Value(), std::move(source));
    if (warmest) {
      reading.value = *warmest;
    } else {
      reading.reason = "the BMC has no intake temperature";
    }
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }
};

}  // namespace
}  // namespace kiln

KILN_PLUGIN("template", "1.0.0", "an example to copy", ::kiln::IntakeTemperature)
