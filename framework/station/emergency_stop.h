#pragma once
// The emergency stop, as `kiln stop-all` and the console's key say it: spoken to a warden itself, so that a
// station that hangs is in nobody's way.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "io/ctx.h"
#include "safety/warden_messages.h"

namespace kiln {

/// The door of the warden with this process id.
std::string stop_door_of(int warden_pid);
/// The name of the user who runs this program, or the number where it has none.
std::string user_name();

/// Knocks at a warden's door and returns what it cut; another run's warden answers without cuts. Waits 40 s
/// at most, which is longer than the warden's own budget for its cuts (30 s). Errors: socket.closed,
/// socket.failed, ctx.deadline, warden.garbage.
boost::asio::awaitable<Result<EverythingStopped>> stop_everything(const Ctx& ctx, std::string door,
                                                                  StopEverything stop);

}  // namespace kiln
