#pragma once
// A run's id, and the sign that its program lives: an advisory lock (flock) that the kernel lets go when the
// program ends, however it ends.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace kiln {

/// "R-YYYYMMDD-HHMMSS-xxxx" of the UTC time; xxxx are random hexadecimal digits, so that stations do not
/// collide.
std::string make_run_id(std::int64_t utc_ns);

class RunLock {
 public:
  /// Makes and locks the file (mode 0600, content: the process id). Error "ledger.run_taken" when it exists
  /// already, "ledger.not_writable" otherwise.
  static Result<RunLock> take(const std::string& database, const std::string& run);

  /// Locks the file of a run whose program is gone, or makes it anew, and writes who holds it now. Error
  /// "ledger.run_alive" when its program lives, "ledger.not_writable" otherwise.
  static Result<RunLock> take_over(const std::string& database, const std::string& run);

  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();  ///< lets go; the file stays

  /// Lets go and removes the file: the run ended in order.
  void release();

 private:
  RunLock(int descriptor, std::string path);
  int descriptor_ = -1;
  std::string path_;
};

/// Whether the program that writes the run lives, and its process id (0: unknown). Takes the lock for an
/// instant only.
struct RunHolder {
  bool alive = false;
  std::int64_t pid = 0;
};
RunHolder run_holder(const std::string& database, const std::string& run);

}  // namespace kiln
