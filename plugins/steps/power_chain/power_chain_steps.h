#pragma once
// The steps of the power_chain plugin, and how a rack's readings under load become figures (bus_bar.h).

#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::power_chain {

/// Every power supply of a shelf or a server is there, well, fed, and puts out its rail voltage.
class Supplies final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Beside a load, once for the rack: what the trays draw is what the shelves deliver, at the voltage that the
/// shelves put out, and the supplies share it.
class BusBar final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What one supply says of itself, as a word for the record: ok, standby, off, absent, no input, failed.
/// Empty: it does not say enough, and `why` tells what is missing.
std::string supply_word(const PowerSupplyReading& supply, std::string& why);

/// The largest deviation of a rail from its nominal voltage, in %; nullopt: no rail tells both.
std::optional<double> rail_deviation(const PowerSupplyReading& supply);

}  // namespace kiln::power_chain
