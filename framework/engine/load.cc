#include "engine/load.h"

#include <utility>

#include "bmc/power.h"

namespace kiln {

boost::asio::awaitable<Result<CommandResult>> run_load(const Ctx& ctx, const Permit& permit, Shell& shell,
                                                       Command command) {
  const Status good = check_permit(permit, Energy::load);
  if (!good) co_return good.error();
  command.lease = kLoadLease;
  Result<CommandResult> result = co_await shell.run(ctx, std::move(command));
  co_return result;
}

}  // namespace kiln
