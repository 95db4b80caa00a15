#pragma once
// Times as people write them on a command line. Pure; any thread.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace kiln {

/// Nanoseconds since 1970-01-01T00:00:00Z of "2026-03-01T12:00:00Z" or "2026-03-01T13:00:00.5+01:00" (RFC
/// 3339, 5.6). What leaves open which moment is meant is refused: no offset, "-00:00" (4.3: the local offset
/// is unknown), no seconds, a day that the month does not have, a leap second. Error "time.invalid".
Result<std::int64_t> parse_rfc3339(const std::string& text);

}  // namespace kiln
