#include "io/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "io/shell.h"

namespace kiln {
namespace {

// $1: seconds, $2: the command. The watcher reads the renewals on descriptor 3; the command gets neither.
// pkill -s ends the whole session, also what has made a process group of its own in it, as timeout(1) does.
constexpr const char* kScript =
    "exec 3<&0; "
    "setsid sh -c \"$2\" </dev/null 3<&- & load=$!; "
    "(while [ -n \"$(timeout \"$1\" dd bs=1 count=1 2>/dev/null)\" ]; do :; done; "
    "pkill -KILL -s $load; kill -KILL -- -$load) <&3 >/dev/null 2>&1 & watch=$!; "
    "wait $load; status=$?; kill $watch 2>/dev/null; exit $status";

}  // namespace

std::string leased_line(const std::string& line, Nanoseconds lease) {
  const std::int64_t seconds = std::max<std::int64_t>((lease.count() + 999'999'999) / 1'000'000'000, 1);
  return fmt::format("sh -c {} kiln-lease {} {}", shell_quoted(kScript), seconds, shell_quoted(line));
}

}  // namespace kiln
