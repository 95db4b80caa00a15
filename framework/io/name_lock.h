#pragma once
// A lock that is a name in the kernel's abstract socket namespace (unix(7)): machine-wide, whoever takes it,
// without a file, and gone with its process however that ends. Any thread.

#include <string>

#include "base/result.h"

namespace kiln {

class NameLock {
 public:
  /// Errors: "lock.taken", whose message is who has it ("process 4711 of anna"); "lock.failed".
  static Result<NameLock> take(const std::string& name);
  NameLock(NameLock&& other) noexcept;
  NameLock& operator=(NameLock&& other) noexcept;
  ~NameLock();

 private:
  explicit NameLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace kiln
