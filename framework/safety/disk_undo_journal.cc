#include "safety/disk_undo_journal.h"

#include <utility>

#include "io/completion.h"

namespace kiln {

using boost::asio::awaitable;

/// Shared by the waiter, who may go, and the task that writes.
struct DiskUndoJournal::Opening {
  JournaledUndo undo;
  Completion<Result<int>> written;
  bool abandoned = false;
};

DiskUndoJournal::DiskUndoJournal(Loop& loop, GuardJournal& journal)
    : journal_(journal), owner_(loop, "guard journal"), workers_(loop), writes_(owner_) {}

awaitable<Result<int>> DiskUndoJournal::open(const Ctx& ctx, JournaledUndo undo) {
  const auto opening = std::make_shared<Opening>();
  opening->undo = std::move(undo);
  writes_.start("open", [this, opening](Ctx& task) { return write_opening(task, opening); });
  Result<Result<int>> answer = co_await opening->written.wait(ctx);
  if (!answer) {
    opening->abandoned = true;
    co_return answer.error();
  }
  co_return std::move(*answer);
}

awaitable<void> DiskUndoJournal::write_opening(Ctx& task, std::shared_ptr<Opening> opening) {
  const auto number =
      std::make_shared<Result<int>>(Error("guard.not_writable", "the journal was not written"));
  GuardJournal* journal = &journal_;
  std::function<Status()> work = [journal, opening, number]() -> Status {
    *number = journal->open(opening->undo);
    return success();
  };
  const Status done = co_await workers_.run(task, std::move(work));
  if (!done) *number = done.error();
  // Whoever asked has gone without doing anything.
  if (opening->abandoned && *number) end(**number, GuardEnd::not_needed, "nothing was done");
  opening->written.complete(std::move(*number));
}

void DiskUndoJournal::end(int number, GuardEnd how, std::string message) {
  writes_.start("end", [this, number, how, message = std::move(message)](Ctx& task) {
    return write_end(task, number, how, message);
  });
}

awaitable<void> DiskUndoJournal::write_end(Ctx& task, int number, GuardEnd how, std::string message) {
  GuardJournal* journal = &journal_;
  std::function<Status()> work = [journal, number, how, message = std::move(message)] {
    return journal->end(number, how, message);
  };
  const Status done = co_await workers_.run(task, std::move(work));
  if (!done && first_failure_) first_failure_ = done;
}

awaitable<Status> DiskUndoJournal::close() {
  const Status joined = co_await writes_.join();
  if (!joined && first_failure_) first_failure_ = joined;
  co_return first_failure_;
}

}  // namespace kiln
