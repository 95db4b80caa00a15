#pragma once
// The steps of the gpu_stress plugin. One class per step.

#include "sdk/step.h"

namespace kiln::gpu_stress {

/// Burns all GPUs of the DUT with gpu_burn and judges what telemetry, driver and kernel said meanwhile.
class Soak final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Loads all GPUs in bursts with rests between, and watches them cool down.
class PowerSteps final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What the driver says about each GPU, without load.
class Health final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// How fast each GPU's memory is, read and written by nvbandwidth.
class MemoryBandwidth final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// NVIDIA's own diagnostic, judged per GPU.
class DcgmDiagnostic final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

}  // namespace kiln::gpu_stress
