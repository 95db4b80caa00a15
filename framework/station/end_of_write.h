#pragma once
// What a station sees of a firmware write that another, dead station began, by its own Bmc; and what it says
// of it. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "bmc/bmc.h"
#include "io/ctx.h"
#include "safety/guard_journal.h"
#include "safety/write_looks.h"

namespace kiln {

class BmcWriteLooks final : public WriteLooks {
 public:
  /// `bmc` outlives it.
  explicit BmcWriteLooks(Bmc& bmc) : bmc_(bmc) {}
  boost::asio::awaitable<WriteLook> look(const Ctx& ctx, std::string component) override;

 private:
  Bmc& bmc_;
};

/// Until the BMC has shown that the write of `entry` is over, or all its time is over: what has shown it, or
/// an empty text. `tell`: see wait_for_end_of_write.
boost::asio::awaitable<Result<std::string>> wait_for_written(
    const Ctx& ctx, Bmc& bmc, GuardEntry entry, std::function<void(const std::string& what)> tell);

/// "C01: wait for the firmware write of BMC on C01 (until 2026-11-29T20:15:00Z at the latest); it is over
/// sooner when …"
std::string sentence_about(const GuardEntry& entry, Nanoseconds left, std::int64_t utc_ns);

}  // namespace kiln
