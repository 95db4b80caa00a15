#pragma once
// A lease on a host: a command line that ends by itself when nobody renews it. Pure.

#include <string>

#include "base/time.h"

namespace kiln {

/// A POSIX shell line that runs `line` in a session of its own, and kills that whole session as soon as it
/// has read nothing on its standard input for `lease` (whole seconds, rounded up), or its end, or when the
/// lease's own shell has ended. What `line` leaves behind in its session ends with it. The exit status is
/// that of `line`: 137 when it was killed. Needs sh, setsid (util-linux, busybox), timeout, dd and pkill on
/// the host.
///
/// Where the host's systemd takes a transient service from us, all of that runs in one, with the environment,
/// the working directory, the umask and the locked memory of the login: then the service manager kills every
/// process of it, whatever session it has made for itself, when the lease's shell ends in any way, and when
/// it has not heard of a renewal for a second more than `lease`. The line tries it out and falls back by
/// itself.
std::string leased_line(const std::string& line, Nanoseconds lease);

/// What renews it, to be written at least this often.
inline constexpr const char* kLeaseRenewal = ".";
inline Nanoseconds lease_renewal_every(Nanoseconds lease) { return lease / 5; }

}  // namespace kiln
