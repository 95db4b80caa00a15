#pragma once
// What shows that a host has started anew since its restart was asked for. An inventory may list what was
// only written, so that a version without such evidence says nothing about what runs. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "running.h"
#include "sdk/step.h"
#include "writing.h"

namespace kiln::firmware {

/// A host as it was right before its restart.
class HostBefore {
 public:
  std::optional<std::string>
      boot_id;  ///< /proc/sys/kernel/random/boot_id (random(4)): another after each boot
  std::string why_no_boot_id;
  std::optional<HostStart> told;  ///< what its BMC told; nullopt: it could not be read
};

boost::asio::awaitable<HostBefore> look_before_restart(Writing& writing, const Ctx& ctx, Bmc& bmc);

/// Looks until there is evidence or `active_within` of the target is over; what it found is in
/// `writing.restart`. A host whose boot id was known is believed nothing but another one. Of any other the
/// BMC's word counts: its power seen off or coming on, another LastResetTime, a BootProgress that went back.
/// An Error only when the work was stopped.
boost::asio::awaitable<Status> find_restart_evidence(Writing& writing, const Ctx& ctx, Bmc& bmc,
                                                     HostBefore before);

/// Of a host that was off: it still is, so that nothing old runs, and its next start runs what was written.
boost::asio::awaitable<void> find_still_off(Writing& writing, const Ctx& ctx, Bmc& bmc);

/// What of two answers of a BMC shows that its host started anew; empty: nothing.
std::string restart_seen(const HostStart& before, const HostStart& now);

}  // namespace kiln::firmware
