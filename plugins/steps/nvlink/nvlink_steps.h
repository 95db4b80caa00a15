#pragma once
// The steps of the nvlink plugin. One class per step, each in a file of its own.

#include "sdk/step.h"

namespace kiln::nvlink {

inline constexpr int kCommandNotFound = 127;  // of a POSIX shell

/// Every expected link is up and fast, as the BMC and (on hosts with GPUs) the driver see it.
class Census final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Beside everything else: how far the error counters of each link rise.
class ErrorWatch final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// GPU to GPU bandwidth of one tray (nvbandwidth, all_reduce_perf): the load that NVLink itself needs.
class Bandwidth final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: bandwidth of every GPU to GPUs of all trays (nvloom), the load of the whole fabric.
class RackBandwidth final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: whether all GPUs are in one fabric, as their drivers see it.
class Fabric final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: whether each tray is where the rack file has it, and all its cable cartridges are
/// there.
class Topology final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// What NVOS says of the health of an NVLink switch tray.
class SwitchHealth final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// The state a BMC printed for a link, as one word: LinkState when it says that the link is off, else
/// LinkStatus, else LinkState. Empty when it printed neither.
std::string link_word(const NvlinkReading& reading);

}  // namespace kiln::nvlink
