#pragma once
// What the BMCs of a plan say of themselves before anything is energised: a latch hangs on the tray itself,
// not on what a rack file says of it; and an address that leads to another DUT's BMC would switch that one.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>

#include "bmc/bmc.h"
#include "engine/devices.h"
#include "engine/plan.h"

namespace kiln {

/// By DUT; one that is missing did not answer within 5 s, all of them together.
using DutIdentities = std::map<std::string, BmcIdentity>;
/// By DUT; without those that have no serial number.
using DutSerials = std::map<std::string, std::string>;

/// Asks every BMC of the plan beside each other, over a connection of its own each, and leaves it.
boost::asio::awaitable<DutIdentities> read_dut_identities(const Ctx& ctx, Devices& devices, const Plan& plan);
DutSerials serials_of(const DutIdentities& identities);

/// "bmc.same": two DUTs whose addresses lead to one BMC, which shows the same serial number to both, and no
/// other UUID. Serial numbers that only say that nobody filled them in are none.
Status refuse_same_bmc(const Plan& plan, const DutIdentities& identities);

}  // namespace kiln
