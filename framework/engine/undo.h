#pragma once
// How an undo is done, for the run that opened it and for the recovery after one that died. Both go on until
// the device confirms or the Ctx's time is over; doing one twice harms nothing. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "bmc/bmc.h"
#include "io/ctx.h"
#include "io/shell.h"

namespace kiln {

/// Asks for force-off and reads back until the power state is Off, and stays so where an On may come
/// (model/off_reading.h); what comes on again is forced off again. Gives what was read, for the record.
/// Errors: those of the BMC, undo.not_confirmed.
boost::asio::awaitable<Result<std::string>> force_off_and_read_back(const Ctx& ctx, Bmc& bmc, std::string dut,
                                                                    bool on_may_come);

/// Runs the command that ends a load; a lost connection is opened anew. Exit status 1 is success: pkill's
/// answer when nothing was left to stop (procps-ng 4.0, pkill(1)). Errors: those of the shell, undo.failed.
boost::asio::awaitable<Status> end_load(const Ctx& ctx, Shell& shell, std::string dut, std::string command);

/// The same after a run that died, when somebody else may have switched the DUT off already: where its power
/// reads Off nothing runs, and a host that is off could never be asked. `bmc` may be null.
boost::asio::awaitable<Status> end_load_unless_off(const Ctx& ctx, Shell& shell, Bmc* bmc, std::string dut,
                                                   std::string command);

}  // namespace kiln
