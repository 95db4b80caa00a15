#pragma once
// What a BMC lets be set that changes heat and coolant: the power limit of a GPU (Processor's
// EnvironmentMetrics, PowerLimitWatts, a Control excerpt [EnvironmentMetrics v1.5.0]) and the valve of a
// coolant connection (#CoolantConnector.ValveControl [CoolantConnector v1.3.0]). Owned by the Bmc; loop
// thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "bmc/cooling.h"
#include "bmc/gpu.h"
#include "bmc/service_tree.h"

namespace kiln {

class Controls {
 public:
  Controls(ServiceTree& tree, GpuReader& gpus, CoolingReader& cooling)
      : tree_(tree), gpus_(gpus), cooling_(cooling) {}

  // See Bmc.
  boost::asio::awaitable<Result<double>> raise_power_limit(const Ctx& ctx, const Permit& permit,
                                                           std::string gpu, double watts);
  boost::asio::awaitable<Result<double>> lower_power_limit(const Ctx& ctx, std::string gpu, double watts);
  boost::asio::awaitable<Status> open_valve(const Ctx& ctx, const Permit& permit, std::string connector);
  boost::asio::awaitable<Status> close_valve(const Ctx& ctx, std::string connector);

 private:
  enum class Way { up, down };
  boost::asio::awaitable<Result<double>> set_power_limit(const Ctx& ctx, std::string gpu, double watts,
                                                         Way way, std::function<Status()> still_wanted);
  boost::asio::awaitable<Status> set_valve(const Ctx& ctx, std::string connector, std::string state,
                                           std::function<Status()> still_wanted);
  boost::asio::awaitable<Result<std::string>> environment_of(const Ctx& ctx, std::string gpu);

  ServiceTree& tree_;
  GpuReader& gpus_;
  CoolingReader& cooling_;
};

}  // namespace kiln
