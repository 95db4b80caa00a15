#pragma once
// The ledger: the only writer of a run's record. One object = one run = one row in `run`, one lock file, one
// writer thread. Events enter a bounded channel on the loop thread and are committed in groups (SQLite, WAL,
// synchronous=FULL: a power cut loses nothing that was acknowledged as durable). Nothing is ever updated or
// deleted. A run whose program died may be gone on with by one later object.
//
// Failure is sticky: after one failed commit every later append is the Error "ledger.failed", which names the
// cause and the last event on disk; the space reserved at the start is given back so that parking and the
// report can still write.
//
// Created, used and destroyed on the loop thread; the loop must outlive it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/loop.h"
#include "model/event.h"
#include "store/artifacts.h"
#include "store/event_sink.h"
#include "store/ledger_failure.h"

namespace kiln {

struct LedgerOptions {
  std::string
      database;  ///< file; empty: $XDG_STATE_HOME/kiln/kiln.db. Missing directories are made with mode 0700
  std::string kiln_version;
  std::size_t channel_rows = 8192;  ///< accepted and not yet committed; at least 1
  std::size_t commit_rows = 1024;   ///< a group is committed when it has this many rows …
  Nanoseconds commit_interval{
      100'000'000};  ///< … or its oldest row is this old (real time, also under virtual time)
  std::int64_t reserve_bytes =
      32LL << 20;  ///< set aside for parking and the report, given back on failure and close
  std::int64_t least_free_bytes = 64LL << 20;  ///< must be free beyond the reserve at the start
};

class Ledger final : public EventSink {
 public:
  /// Makes or opens the database (migrating an older one after copying it), begins a run and takes its lock.
  /// Errors, all before anything ran: "ledger.no_space", "ledger.not_writable", "ledger.newer_schema",
  /// "ledger.not_a_ledger", "ledger.damaged", "ledger.busy", "ledger.no_directory".
  static Result<std::unique_ptr<Ledger>> open(Loop& loop, LedgerOptions options);

  /// Goes on with a run whose program has died: same id, same chain of hashes. Writes nothing by itself.
  /// Errors besides those of open(): "ledger.run_alive", "run.unknown", "run.ended".
  static Result<std::unique_ptr<Ledger>> resume(Loop& loop, LedgerOptions options, std::string run);

  ~Ledger() override;  ///< closes

  [[nodiscard]] const std::string& run() const;  ///< "R-20260301-120000-4f2a": sorts by time of beginning
  [[nodiscard]] const std::string& database() const;  ///< absolute path
  [[nodiscard]] const Artifacts& artifacts() const;

  boost::asio::awaitable<Result<std::int64_t>> append(const Ctx& ctx, Event event) override;
  boost::asio::awaitable<Result<std::int64_t>> append_durable(const Ctx& ctx, Event event) override;
  /// Into the note beside the database (RecordBreak::after); lost when that cannot be written either.
  void keep_beside(const Event& event) override;
  /// For callbacks that cannot wait: Error "ledger.full" when the channel is full or others wait for room.
  Result<std::int64_t> try_append(Event event);
  /// Resumes when everything accepted so far is on disk.
  boost::asio::awaitable<Status> flush(const Ctx& ctx);

  /// Called on the loop thread with each committed group, in order, until the token dies. What a screen shows
  /// is on disk.
  using Committed = std::function<void(const std::vector<Event>& events)>;
  [[nodiscard]] std::shared_ptr<void> on_committed(Committed callback);

  /// Called once on the loop thread when a commit failed; at once if it already has.
  [[nodiscard]] std::shared_ptr<void> on_failure(std::function<void(const LedgerFailure&)> callback);
  [[nodiscard]] std::optional<LedgerFailure> failure() const;

  /// Commits what was accepted, joins the writer, gives back reserve and lock. Blocks for one commit. Later
  /// calls do nothing. Error: the sticky failure.
  Status close();

 private:
  struct State;
  explicit Ledger(std::shared_ptr<State> state);
  boost::asio::awaitable<Result<std::int64_t>> append_and_wait(const Ctx& ctx, Event event, bool durable);
  std::shared_ptr<State> state_;
};

}  // namespace kiln
