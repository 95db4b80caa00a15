#pragma once
// PowerSwitch: the warden's own hold on one DUT's power, on a connection of its own and as little code as it
// takes. The real one speaks Redfish (DSP0266); the fake is testing/fake_power_switch.h. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "safety/redfish_line.h"

namespace kiln {

class PowerSwitch {
 public:
  virtual ~PowerSwitch() = default;
  /// Logs in and finds out what to switch, so that a cut later is one request. Error codes: those of
  /// HttpClient, warden.login, warden.no_power (nothing here can be forced off), warden.bmc (an answer that
  /// makes no sense).
  virtual boost::asio::awaitable<Status> prepare(const Ctx& ctx) = 0;
  /// Returns when the BMC has accepted it, or already reads Off; prepares when that was not done.
  virtual boost::asio::awaitable<Status> force_off(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<bool>> is_off(const Ctx& ctx) = 0;
  /// Logs out; what fails ends by itself.
  virtual boost::asio::awaitable<void> leave(const Ctx& ctx) = 0;
};

/// Picks the computer system that can be reset (a physical one before others, a host before a baseboard
/// "HGX_…"), else a chassis, the outermost first.
std::unique_ptr<PowerSwitch> make_redfish_power_switch(std::shared_ptr<RedfishLine> line);

}  // namespace kiln
