#pragma once
// One lock per DUT address: two runs on this machine never work on the same BMC or host, whoever started them
// and wherever they keep their records. A lock is a name in the kernel's abstract socket namespace (unix(7)),
// which needs no file and goes with its process however that ends.

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/plan.h"

namespace kiln {

class DutLocks {
 public:
  /// Locks the addresses of all selected DUTs, or none: "dut.busy" names the DUT, its address and who has it.
  static Result<DutLocks> take(const Plan& plan);
  DutLocks(DutLocks&& other) noexcept;
  DutLocks& operator=(DutLocks&&) = delete;
  ~DutLocks();

 private:
  DutLocks() = default;
  std::vector<int> descriptors_;
};

}  // namespace kiln
