#include "station/dut_locks.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "model/bmc_place.h"

namespace kiln {

Result<DutLocks> DutLocks::take(const Plan& plan) {
  DutLocks locks;
  std::set<std::string> taken;
  for (const auto& id : plan.duts) {
    const Dut& dut = *plan.inventory.find(id);
    std::vector<std::string> addresses;
    if (dut.bmc) addresses.push_back(bmc_place(*dut.bmc));
    if (dut.host) addresses.push_back(fmt::format("{}:{}", dut.host->address, dut.host->port));
    for (const auto& address : addresses) {
      if (!taken.insert(address).second) continue;
      Result<NameLock> lock = NameLock::take("dut " + address);
      if (!lock && lock.error().code == "lock.taken") {
        return Error("dut.busy",
                     fmt::format("{} ({}) is in use by another run on this machine: {}", id, address,
                                 lock.error().message),
                     "wait for that run, or stop it: kiln abort last", Blame::operator_);
      }
      if (!lock) {
        return Error("station.locks", fmt::format("no lock for {}: {}", address, lock.error().message),
                     lock.error().action, Blame::station);
      }
      locks.held_.push_back(std::move(*lock));
    }
  }
  return locks;
}

}  // namespace kiln
