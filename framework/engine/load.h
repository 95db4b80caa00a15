#pragma once
// The door to stress: the one function through which steps start what loads GPUs or a rack. Loop thread only.

#include <boost/asio/awaitable.hpp>

#include "io/shell.h"
#include "model/permit.h"

namespace kiln {

/// Runs a load on the host, to its end. It runs under the lease of kLoadLease: the host itself ends it when
/// station and network are gone. Errors: permit.revoked, permit.wrong_energy (nothing was started), those of
/// Shell::run.
boost::asio::awaitable<Result<CommandResult>> run_load(const Ctx& ctx, const Permit& permit, Shell& shell,
                                                       Command command);

}  // namespace kiln
