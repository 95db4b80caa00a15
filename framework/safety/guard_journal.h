#pragma once
// The guard journal of one run: a file of fixed size, made and filled with zeros before the run, mode 0600,
// locked (flock) while the run's program lives. Every record stands twice and each write replaces the older
// copy, so that a torn write leaves what was there before: an undo that is perhaps done once more, never one
// that is lost.
//
//   record 0               the header: whose journal it is (JournalOwner)
//   records 1 … 1,024      one guard each; a guard that has ended makes room for the next
//
// Blocking; every member may be called from any thread.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "safety/guard.h"

namespace kiln {

inline constexpr int kGuardsPerRun = 1024;  ///< open at once: 56 per DUT of an 18-tray rack

/// What a stranger needs to perform the undos, and whom to ask.
struct JournalOwner {
  std::string run;
  std::string inventory;         ///< absolute path of rack.yaml
  std::string inventory_sha256;  ///< hexadecimal
  std::string database;
  std::string kiln_version;
  std::int64_t pid = 0;
  bool simulated = false;
  bool rack_ends_with_us = false;  ///< the virtual rack was started by the run's program and ends with it
};

struct GuardEntry {
  int number = 0;              ///< the record's place
  std::uint64_t sequence = 0;  ///< of the write that opened it: orders guards within a run
  JournaledUndo undo;
  GuardEnd state = GuardEnd::open;
  std::string message;  ///< of the last state: why it failed, who gave it up
  std::int64_t opened_utc_ns = 0, ended_utc_ns = 0;
};

/// What stands in a journal.
struct GuardJournalContent {
  JournalOwner owner;
  std::vector<GuardEntry> entries;  ///< every guard whose record was not used again, oldest first
  /// Records of which neither copy is whole although a guard was open in one: nobody knows what they undo.
  std::vector<int> unreadable;
  [[nodiscard]] bool any_outstanding() const;
};

class GuardJournal {
 public:
  /// Error "guard.journal_exists", or "guard.not_writable" with path and cause. The directory is made, 0700.
  static Result<std::unique_ptr<GuardJournal>> create(const std::string& path, const JournalOwner& owner,
                                                      const Clock& clock);
  /// Takes over the journal of a program that is gone. Errors: "guard.journal_in_use" (its program lives, or
  /// another recovery is at work), and those of read().
  static Result<std::unique_ptr<GuardJournal>> take_over(const std::string& path, const Clock& clock);
  /// Reads without the lock. Errors: guard.not_readable, guard.damaged (not a journal, or cut short, or no
  /// whole header), guard.newer_format.
  static Result<GuardJournalContent> read(const std::string& path);
  /// Whether the program that writes it lives.
  static bool in_use(const std::string& path);

  GuardJournal(const GuardJournal&) = delete;
  GuardJournal& operator=(const GuardJournal&) = delete;
  ~GuardJournal();  ///< lets go of the lock; the file stays

  /// Returns when it is on disk. Errors: guard.journal_full, guard.too_long, guard.not_writable (also for all
  /// later ones, once a write has failed).
  Result<int> open(const JournaledUndo& undo);
  /// Errors: guard.unknown, guard.not_writable.
  Status end(int number, GuardEnd how, const std::string& message);
  [[nodiscard]] GuardJournalContent content() const;
  /// Removes the file when nothing is outstanding. Returns whether it did.
  bool remove_if_done();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Slot {
    bool used = false, unreadable = false;
    int newer_copy = 1;  // the first write goes to copy 0
    GuardEntry entry;
  };
  GuardJournal(std::string path, int descriptor, const Clock& clock);
  static Status load(int descriptor, const std::string& path, JournalOwner& owner, std::vector<Slot>& slots,
                     std::uint64_t& sequence);
  static GuardJournalContent content_of(const JournalOwner& owner, const std::vector<Slot>& slots);
  Status write(int record, int copy, const std::string& text);
  Status write_entry(int number);

  std::string path_;
  int descriptor_ = -1;
  const Clock& clock_;
  mutable std::mutex mutex_;
  JournalOwner owner_;
  std::vector<Slot> slots_;
  std::uint64_t sequence_ = 0;
  bool broken_ = false;  ///< a write failed: the kernel tells of a lost page once, so no later success counts
};

/// <directory>/<run>.guards
std::string guard_journal_path(const std::string& directory, const std::string& run);
/// Every journal of the directory by run, those in use included.
std::vector<std::string> guard_journals(const std::string& directory);

}  // namespace kiln
