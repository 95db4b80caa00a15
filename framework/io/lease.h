#pragma once
// A lease on a host: a command line that ends by itself when nobody renews it. Pure.

#include <string>

#include "base/time.h"

namespace kiln {

/// A POSIX shell line that runs `line` in a session of its own, and kills that whole session as soon as it
/// has read nothing on its standard input for `lease` (whole seconds, rounded up), or its end. Its exit
/// status is that of `line`: 137 when it was killed. Needs sh, setsid (util-linux, busybox), timeout, dd and
/// pkill on the host.
std::string leased_line(const std::string& line, Nanoseconds lease);

/// What renews it, to be written at least this often.
inline constexpr const char* kLeaseRenewal = ".";
inline Nanoseconds lease_renewal_every(Nanoseconds lease) { return lease / 5; }

}  // namespace kiln
