#pragma once
// How well a host keeps time, read from what its time services print. Pure functions.

#include <cstdint>
#include <optional>
#include <string>

namespace kiln::host_health {

/// `chronyc -c tracking` (chrony 4.3): one line of 14 fields.
struct ChronyTracking {
  bool synchronised = false;  ///< to something that is not the host itself
  std::string reference;      ///< "10.0.0.1, stratum 3"
  double offset_s = 0;        ///< of the system clock; its sign is not told apart
};
/// nullopt: no chrony, or not its line.
std::optional<ChronyTracking> read_chrony(const std::string& printed);

/// `timedatectl show` (systemd 252): NTPSynchronized, where it is told.
std::optional<bool> read_synchronised(const std::string& printed);

/// `date +%s.%N`: nanoseconds since 1970.
std::optional<std::int64_t> read_date(const std::string& printed);

/// "performance", or "performance, powersave" where not all CPUs have the same.
std::string one_or_all(const std::string& lines);

}  // namespace kiln::host_health
