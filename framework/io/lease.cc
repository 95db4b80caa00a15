#include "io/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "io/shell.h"

namespace kiln {
namespace {

// $1: seconds, $2: the command, $3: what else is run with each renewal. The watcher reads the renewals on
// descriptor 3; the command gets neither that, nor a way to speak to the service manager in our name. The
// watcher has a session of its own: sshd's signal to the process group of a command that is given up must not
// reach it. pkill -s ends a whole session, also what has made a process group of its own in it, as
// timeout(1).
constexpr const char* kLease =
    "exec 3<&0; "
    "(unset NOTIFY_SOCKET; exec setsid sh -c \"$2\") </dev/null 3<&- & load=$!; "
    "setsid sh -c '"
    "while [ -n \"$(timeout \"$1\" dd bs=1 count=1 2>/dev/null)\" ] && kill -0 $3; do $4; done; "
    "pkill -KILL -s $2; kill -KILL -- -$2 $2"
    "' kiln-lease-watch \"$1\" $load $$ \"$3\" <&3 >/dev/null 2>&1 & watch=$!; "
    "exec 3<&-; "
    "trap '{ pkill -KILL -s $watch; kill -KILL $watch; pkill -KILL -s $load; kill -KILL -- -$load $load; } "
    "2>/dev/null' EXIT; "
    "trap 'exit 143' HUP INT TERM; "
    "wait $load; exit $?";

// $1: seconds, $2: the command; `lease` is the above. A service manager expands the $ in a service's
// arguments and shows them to everybody: all it is told is the name of a file that only we can read. Tried
// out first with a service that renews once and exits 7, which fails on a host without systemd, on one that
// does not let us, on one that is too old for a property, and on one that does not pass the exit status on.
constexpr const char* kChoose =
    "if said=$(mktemp 2>/dev/null); then "
    "manager=--user; [ \"$(id -u)\" != 0 ] || manager=--system; "
    "locked=$(ulimit -l); case $locked in unlimited) locked=infinity;; *) locked=${locked}K;; esac; "
    "silence=$(($1 + 1)); "
    "in_unit() { \"$@\" systemd-run $manager --quiet --pipe --wait --collect --working-directory=\"$PWD\" "
    "-p KillMode=control-group -p KillSignal=SIGKILL -p TimeoutStopSec=10s "
    "-p WatchdogSec=${silence}s -p WatchdogSignal=SIGKILL -p NotifyAccess=all "
    "-p OOMPolicy=continue -p TasksMax=infinity -p LimitMEMLOCK=$locked -p UMask=$(umask) sh \"$said\"; }; "
    "echo 'systemd-notify WATCHDOG=1 && exit 7' >\"$said\"; "
    "in_unit timeout 3 </dev/null >/dev/null 2>&1; "
    "if [ $? = 7 ]; then "
    "kiln_lease=$lease; kiln_seconds=$1; kiln_line=$2; export kiln_lease kiln_seconds kiln_line; "
    "{ echo '[ \"$kiln_bare\" ] || exec env -i kiln_bare=1 NOTIFY_SOCKET=\"$NOTIFY_SOCKET\" sh \"$0\"'; "
    "export -p; echo 'rm -f \"$0\"; "
    "set -- \"$kiln_lease\" kiln-lease \"$kiln_seconds\" \"$kiln_line\" \"systemd-notify WATCHDOG=1\"; "
    "unset kiln_lease kiln_seconds kiln_line kiln_bare; exec sh -c \"$@\"'; } >\"$said\"; "
    "unset kiln_lease kiln_seconds kiln_line; "
    "in_unit; status=$?; rm -f \"$said\"; exit $status; "
    "fi; "
    "rm -f \"$said\"; "
    "fi; "
    "exec sh -c \"$lease\" kiln-lease \"$1\" \"$2\" :";

}  // namespace

std::string leased_line(const std::string& line, Nanoseconds lease) {
  const std::int64_t seconds = std::max<std::int64_t>((lease.count() + 999'999'999) / 1'000'000'000, 1);
  const std::string script = fmt::format("lease={}; {}", shell_quoted(kLease), kChoose);
  return fmt::format("sh -c {} kiln-lease {} {}", shell_quoted(script), seconds, shell_quoted(line));
}

}  // namespace kiln
