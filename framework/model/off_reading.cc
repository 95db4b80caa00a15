#include "model/off_reading.h"

#include <fmt/format.h>

namespace kiln {

void OffReading::see(bool off, std::int64_t now_ns) {
  if (!off) {
    again_ = again_ || since_ns_ != 0;
    doubted_ = believed_ = false;  // what was under way has come: the next Off is our doing
    since_ns_ = 0;
    return;
  }
  if (since_ns_ == 0) since_ns_ = now_ns;
  believed_ = !doubted_ || now_ns - since_ns_ >= kOffSettles.count();
}

std::string OffReading::sentence() const {
  if (again_) return "came on after it had read Off, was forced off again, and reads Off since";
  if (doubted_ && believed_)
    return fmt::format("read back Off, and stayed so for {}", format_duration(kOffSettles));
  return "read back Off";
}

}  // namespace kiln
