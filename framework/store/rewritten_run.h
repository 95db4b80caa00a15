#pragma once
// A copy of a run in a file of its own, with other events and a chain of hashes of its own: what a redacted
// export carries. Owned by whoever makes it, one thread, blocking.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/event.h"
#include "store/event_rows.h"

namespace kiln {

class RewrittenRun {
 public:
  /// Makes the file `to`, which is not there. Errors: those of opening a ledger and of SQLite.
  static Result<RewrittenRun> create(const std::string& to, const std::string& run, Instant begun,
                                     const std::string& kiln_version);
  /// In order. After an Error the file is of no use.
  Status add(Event&& event);
  /// Then all of it is in the file.
  Status finish();

 private:
  explicit RewrittenRun(EventRows rows) : rows_(std::move(rows)) {}
  EventRows rows_;
  std::vector<Event> group_;
};

}  // namespace kiln
