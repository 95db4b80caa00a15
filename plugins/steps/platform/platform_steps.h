#pragma once
// The steps of the platform plugin: how machines are set up, as their BMCs tell.

#include <map>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::platform {

/// One DUT: secure boot, roots of trust, BIOS settings against a profile, clock, age of readings, accounts.
class Setup final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: hosts of one role have the same BIOS settings.
class SameSetup final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// One DUT: its fans turn, and none too slow or too fast.
class Fans final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What belongs to one machine alone and is no setting that all have in common: names with one of these words
/// in them, whatever their case (asset tags, serial numbers, addresses, boot orders).
bool is_a_machines_own(const std::string& setting, const std::vector<std::string>& words);

/// "LEM0001=3, EGM=false" -> by name. An Error names the entry that is no NAME=VALUE, or that is there twice.
Result<std::map<std::string, std::string>> profile_from(const std::vector<std::string>& entries);

}  // namespace kiln::platform
