#pragma once
// The steps of the inventory plugin. One class per step, each in a file of its own.

#include "sdk/step.h"

namespace kiln::inventory {

/// What the BMC says is there, against the rack file: identity, parts, serials.
class Census final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What the host itself says it is, against what the BMC says: two sources of one serial must agree.
class InBand final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: whether all hosts run the same software.
class Software final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// The kinds of parts that are counted, with the prefix of their measurements ("gpu" → gpu.present,
/// gpu.serial).
const std::vector<std::pair<ComponentKind, std::string>>& counted_kinds();

}  // namespace kiln::inventory
