#pragma once
// The steps of the event_log plugin: what a BMC's own logs say, before a run and after it.

#include "sdk/step.h"

namespace kiln::event_log {

/// Reads every log, keeps in the record what is old, and says when a log is nearly full.
class Before final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Beside everything: tells of an unexpected entry while the run still goes on. Cuts nothing.
class Watch final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Judges every entry that was written since the run began.
class After final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

}  // namespace kiln::event_log
