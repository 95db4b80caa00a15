#pragma once
// The steps of the firmware plugin. One class per step, each in a file of its own.

#include "sdk/step.h"

namespace kiln::firmware {

/// Every component that the rack file or its baseline gives a version for runs that version.
class Baseline final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Brings one component to its version; what is read afterwards decides whether it worked.
class Update final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Brings everything of one DUT to its baseline, in the baseline's order, one component after the other.
class ToBaseline final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: everything of some roles runs its baseline, so that the next may be touched.
class Tier final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: the same kind of component runs the same firmware everywhere.
class Mix final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What a BMC must refuse, it refuses, and it is as well afterwards as before.
class Refuses final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What the DUT is to run: the targets of its baseline, and what else the rack file gives a version for
/// (which is only compared).
std::vector<FirmwareTarget> targets_of(const Dut& dut);

}  // namespace kiln::firmware
