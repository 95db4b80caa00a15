#pragma once
// Turns events into rows: the event, its hash, its typed row, and the run's head, all in one transaction per
// group. For the ledger's writer thread only.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/event.h"
#include "store/chain.h"
#include "store/projection.h"
#include "store/sqlite.h"

namespace kiln {

class EventRows {
 public:
  /// Writes the run's own row and its empty head. Errors: those of SQLite ("sqlite.full", …).
  /// `named`: with this process and boot of the station; a copy that is carried away has neither.
  static Result<EventRows> begin_run(sqlite::Connection connection, const std::string& run, Instant now,
                                     const std::string& kiln_version, bool named = true);

  /// Goes on with a run that did not end: its chain of hashes and its numbers continue. Errors: run.unknown,
  /// run.ended, those of SQLite.
  static Result<EventRows> continue_run(sqlite::Connection connection, const std::string& run);

  /// Commits the group; their sequences follow the last committed one. After an Error nothing of the group is
  /// on disk and the object must not be used again.
  Status commit(const std::vector<Event>& events);

  [[nodiscard]] std::int64_t last_committed() const { return last_committed_; }

  /// After a failed commit: closes the file and leaves the write-ahead log as it is, for readers.
  void abandon();
  /// Closes the file in order: the last program to do so folds the log into it.
  void close();

 private:
  EventRows() = default;
  Status prepare();
  Status insert_all(const std::vector<Event>& events, ChainHash& chain);
  Status insert(const Event& event, ChainHash& chain);

  sqlite::Connection connection_;
  sqlite::Statement begin_, commit_, rollback_, event_, head_;
  std::array<sqlite::Statement, kTypedTables> typed_;
  std::unique_ptr<TypedRow> row_;
  std::string run_;
  std::int64_t run_number_ = 0;
  std::int64_t last_committed_ = 0;
  ChainHash chain_{};
};

}  // namespace kiln
