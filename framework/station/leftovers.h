#pragma once
// What runs that died left switched on, by their guard journals in <state>/guards. Blocking, at start only.

#include <string>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "model/inventory.h"
#include "safety/guard_journal.h"

namespace kiln {

/// One journal that no program holds and in which something is outstanding, or which cannot be read.
struct Leftover {
  std::string path;
  std::string run;  ///< from the file's name
  Result<GuardJournalContent> content;
};

std::string guard_directory(const std::string& state_directory);

/// Oldest run first. Journals of virtual racks that ended with their run are removed on the way: nothing of
/// them is left.
std::vector<Leftover> find_leftovers(const std::string& state_directory);

/// Latches what the journals say was cut, writes beside the record of the dead run how what it left on was
/// undone by somebody else, and removes the journal. Only for journals in which nothing is outstanding. Error
/// latch.not_writable: nothing was recorded, and the journal stays.
Status record_and_remove(const std::string& path, const GuardJournalContent& content);

/// How long (0: not at all) firmware may still be being written on `dut`, or on what it serves: until then it
/// is not switched off, unless it was cut meanwhile. A clock that has jumped makes it no longer than such a
/// write may take.
Nanoseconds firmware_write_left(const GuardJournalContent& content, const Dut& dut, std::int64_t utc_ns);

/// When (UTC) an On may last have been asked for on `dut`: by what `entry` undoes, or by a write of firmware,
/// which restarts what it likes and may end with an On.
std::int64_t on_asked_utc_ns(const GuardJournalContent& content, const GuardEntry& entry,
                             std::int64_t utc_ns);

/// Latches the DUT of an entry of kind interlock; does nothing for the others. `state_directory`: where the
/// latches are. Error latch.not_writable.
Status latch_cut(const std::string& state_directory, const JournalOwner& owner, const GuardEntry& entry);

/// An entry for a cut whose latch could not be written: it stays open until it is.
JournaledUndo to_journal(const Interlocked& cut, const std::string& dut, const std::string& serial);

/// "R-… (rack R01): force off C01; stop gpu_burn on C01": at most a few of them by name.
std::string describe(const Leftover& leftover);

/// Error "station.leftovers" when there are any: nothing new may be energised before they are dealt with.
Status refuse_with_leftovers(const std::string& state_directory);

}  // namespace kiln
