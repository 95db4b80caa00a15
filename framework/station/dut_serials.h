#pragma once
// What the BMCs of a plan say of themselves before anything is energised: a latch hangs on the tray itself,
// not on what a rack file says of it.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>

#include "engine/devices.h"
#include "engine/plan.h"

namespace kiln {

/// By DUT; one that is missing did not answer within 5 s, all of them together, or has no serial number.
using DutSerials = std::map<std::string, std::string>;

/// Asks every BMC of the plan beside each other, over a connection of its own each, and leaves it.
boost::asio::awaitable<DutSerials> read_dut_serials(const Ctx& ctx, Devices& devices, const Plan& plan);

}  // namespace kiln
