#pragma once
// Performing undos on one DUT without anybody's leave: what the warden does when the station is gone. Loop
// thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/shell.h"
#include "safety/guard.h"
#include "safety/power_switch.h"

namespace kiln {

struct NumberedUndo {
  int number = 0;  ///< in the journal
  JournaledUndo undo;
  std::int64_t opened_ns = 0;  ///< monotonic: what it undoes may still be under way; 0: it is not
};

struct UndoResult {
  GuardEnd how = GuardEnd::failed;
  std::string message;     ///< why it failed; for others what confirmed it
  std::int64_t at_ns = 0;  ///< monotonic, when it was confirmed; 0: it was not
};

/// The ways to one DUT; either may be null, with the reason why.
struct UndoDoors {
  PowerSwitch* power = nullptr;
  Shell* shell = nullptr;
  std::string no_power, no_shell;
  /// Whether the guard of that number is still open: somebody else may have ended it while this waited, and
  /// what it switched off then is no longer ours to switch. May be empty.
  std::function<bool(int number)> still_open;
  /// Until when (monotonic) firmware is being written there that force-off waits for; asked again meanwhile.
  /// May be empty.
  std::function<std::int64_t()> written_until_ns;
  /// When (monotonic) an On may last have been asked for there, by whatever has ended since too; 0: never.
  /// Asked when force-off begins. May be empty.
  std::function<std::int64_t()> on_asked_ns;
};

/// All undos of one DUT, each under its own budget: loads newest first, and beside them, at once, force-off,
/// which is asked again until it reads back Off, and stays so where an On may be under way
/// (model/off_reading.h). Power that is off ends the wait for loads: nothing runs without it. Firmware writes
/// are waited for before force-off, half a write being worse than a late one; loads do not wait.
boost::asio::awaitable<std::map<int, UndoResult>> undo_all(const Ctx& ctx, std::vector<NumberedUndo> undos,
                                                           UndoDoors doors);

}  // namespace kiln
