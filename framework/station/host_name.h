#pragma once
// What this station is called in its records: the machine's host name. Any thread.

#include <string>

namespace kiln {

/// "unknown" when the system does not tell.
std::string host_name();

}  // namespace kiln
