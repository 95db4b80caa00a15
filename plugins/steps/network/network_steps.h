#pragma once
// The steps of the network plugin. One class per step.

#include "port_facts.h"
#include "sdk/step.h"

namespace kiln::network {

/// Network adapters in band: state, physical state, rate and PCIe link of every port of the rack file's
/// `nic` parts.
class Ports final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Monitor: how often links went down, and how far their error counters rise.
class ErrorWatch final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Bandwidth of each adapter to its neighbours in a ring (ib_write_bw), through the network.
class Bandwidth final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// The adapters of the rack file that are to have a cable.
std::vector<std::string> cabled_parts(const Parameters& with, const Dut& dut);
ParameterDeclaration uncabled_parameter();

/// One look at the host. Owned by the caller; `ctx` bounds it.
boost::asio::awaitable<Result<HostNetwork>> look_at_ports(StepContext& context, const Ctx& ctx,
                                                          bool with_identity);

/// Why nothing is known of a part; names what the host has.
std::string not_found(const HostNetwork& host, const Component& part);

}  // namespace kiln::network
