#pragma once
// One lock per DUT address: two runs on this machine never work on the same BMC or host, whoever started them
// and wherever they keep their records. Held by the process, gone with it.

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/plan.h"
#include "io/name_lock.h"

namespace kiln {

class DutLocks {
 public:
  /// Locks the addresses of all selected DUTs, or none: "dut.busy" names the DUT, its address and who has it.
  static Result<DutLocks> take(const Plan& plan);

 private:
  DutLocks() = default;
  std::vector<NameLock> held_;
};

}  // namespace kiln
