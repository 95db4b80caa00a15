#pragma once
// The steps of the host_health plugin. One class per step.

#include "sdk/step.h"

namespace kiln::host_health {

/// stress-ng with verification: CPU methods or memory patterns.
class Stress final : public Step {
 public:
  enum class Target { cpu, memory };
  explicit Stress(Target target);
  const StepDescription& describe() const override { return description_; }
  boost::asio::awaitable<Status> run(StepContext& context) override;

 private:
  Target target_;
  StepDescription description_;
};

class CpuStress final : public Step {
 public:
  const StepDescription& describe() const override { return stress_.describe(); }
  boost::asio::awaitable<Status> run(StepContext& context) override;

 private:
  Stress stress_{Stress::Target::cpu};
};

class MemoryStress final : public Step {
 public:
  const StepDescription& describe() const override { return stress_.describe(); }
  boost::asio::awaitable<Status> run(StepContext& context) override;

 private:
  Stress stress_{Stress::Target::memory};
};

/// fio on one file: everything written is read back and compared.
class Disk final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// CPUs, DIMMs, drives and network interfaces as the host sees them, against the rack file.
class Parts final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Monitor: memory errors the kernel counts, as a rise between its first and its last reading.
class EdacWatch final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What the kernel has complained about, and the sensors that the rack file expects.
class After final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// NVMe drives by their own health log.
class Drives final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// The host's clock; what it keeps time by, and how its CPUs are governed, as facts.
class HostClock final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// NVIDIA's Fabric Manager, where a host is to have one: HGX, not the trays of an NVL72 rack.
class FabricManager final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Runs one command under a hard time limit on the host; "tool.not_installed" when it is not there.
boost::asio::awaitable<Result<CommandResult>> run_tool(StepContext& context, std::string line,
                                                       Nanoseconds limit);

}  // namespace kiln::host_health
