#pragma once
// The UndoJournal of a run: a GuardJournal written by a worker thread, so that a slow disk delays what waits
// for it and nothing else. Loop thread only. close() before it dies.

#include <memory>
#include <string>

#include "io/blocking.h"
#include "io/scope.h"
#include "safety/guard.h"
#include "safety/guard_journal.h"

namespace kiln {

class DiskUndoJournal final : public UndoJournal {
 public:
  /// `journal` and `loop` outlive it.
  DiskUndoJournal(Loop& loop, GuardJournal& journal);
  boost::asio::awaitable<Result<int>> open(const Ctx& ctx, JournaledUndo undo) override;
  void end(int number, GuardEnd how, std::string message) override;
  /// Waits until everything begun is on disk, or failed. The first failure of an end() is returned.
  boost::asio::awaitable<Status> close();

 private:
  struct Opening;
  boost::asio::awaitable<void> write_opening(Ctx& task, std::shared_ptr<Opening> opening);
  boost::asio::awaitable<void> write_end(Ctx& task, int number, GuardEnd how, std::string message);

  GuardJournal& journal_;
  Ctx owner_;
  BlockingWorkers workers_;
  Scope writes_;
  Status first_failure_;
};

}  // namespace kiln
