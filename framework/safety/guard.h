#pragma once
// The door of the safety floor for those who energise: each "do" has its undo written down first, where
// another program finds it when this one has died. UndoJournal is the interface; the file is guard_journal.h,
// the fake testing/memory_journal.h.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "io/ctx.h"

namespace kiln {

/// force_off: the chassis or system of the DUT is forced off through its BMC and read back. shell_command: a
/// command on the DUT's host that ends a load. firmware_write: nothing to undo, but to be waited for: until
/// it has ended or its budget is over, the DUT and what serves it are not switched off; a cut does not wait.
/// interlock: nothing to undo; the warden's cut, told for the record (trip.h), never open.
enum class UndoKind { force_off, shell_command, firmware_write, interlock };
std::string_view to_string(UndoKind kind);

/// What another program needs to undo it, apart from the inventory and credentials that the journal's header
/// names. Not an aggregate on purpose (coroutine parameters must have a constructor under g++ 12).
class JournaledUndo {
 public:
  JournaledUndo() = default;
  JournaledUndo(UndoKind undo_kind, std::string dut_id, std::string what)
      : kind(undo_kind), dut(std::move(dut_id)), description(std::move(what)) {}
  UndoKind kind = UndoKind::force_off;
  std::string dut;
  std::string step;         ///< path of the step that opened it
  std::string description;  ///< "stop gpu_burn on C02"
  std::string command;      ///< of shell_command; of firmware_write: what shows its end (firmware_write.h)
  Nanoseconds budget{10'000'000'000};
};

/// open: may be in effect. undone: was undone, and confirmed where that can be read. not_needed: what it
/// would undo ended by itself. failed: was tried in vain, so it may be in effect. given_up: a person has
/// vouched for it.
enum class GuardEnd { open, undone, not_needed, failed, given_up };
std::string_view to_string(GuardEnd end);
inline bool outstanding(GuardEnd end) { return end == GuardEnd::open || end == GuardEnd::failed; }

class UndoJournal {
 public:
  virtual ~UndoJournal() = default;
  /// Returns when it is on disk, with the number to end it by. On any Error the "do" must not be done; an
  /// entry that reaches the disk after all is one undo too many, which harms nothing. Errors:
  /// guard.journal_full, guard.too_long, guard.not_writable, ctx.stopped, ctx.deadline.
  virtual boost::asio::awaitable<Result<int>> open(const Ctx& ctx, JournaledUndo undo) = 0;
  /// Begins to write how entry `number` ended and does not wait for the disk: cut first, then journal. Unless
  /// it reaches the disk, the undo is done once more at the next recovery.
  virtual void end(int number, GuardEnd how, std::string message) = 0;
};

}  // namespace kiln
