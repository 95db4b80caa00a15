#include "store/ledger.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "io/completion.h"
#include "model/grave_events.h"
#include "store/ledger_writer.h"
#include "store/migrations.h"
#include "store/record_break.h"
#include "store/run_lock.h"
#include "store/space_reserve.h"
#include "store/store_paths.h"

namespace kiln {

namespace asio = boost::asio;

namespace {

/// An event whose producer waits for room.
struct Waiting {
  Event event;
  bool durable = false;
  bool given_up = false;
  std::int64_t sequence = 0;
  std::optional<Error> refused;
  Completion<bool> settled;  ///< accepted or refused
};

}  // namespace

// Everything but `news` and what the writer's callbacks use is touched on the loop thread only.
struct Ledger::State : std::enable_shared_from_this<Ledger::State> {
  State(Loop& the_loop, std::string the_database, std::string the_run, RunLock the_lock,
        SpaceReserve the_reserve)
      : loop(the_loop),
        database(std::move(the_database)),
        run(std::move(the_run)),
        artifacts(artifacts_directory(database)),
        lock(std::move(the_lock)),
        reserve(std::move(the_reserve)) {}

  void start(EventRows rows, const LedgerOptions& options);

  // Writer thread.
  void tell(std::vector<Event> group);
  void tell(const LedgerFailure& failure, const std::vector<Event>& lost);
  void post_drain();

  // Loop thread.
  void drain();
  void deliver(const std::vector<Event>& group);
  void admit_waiting();
  void settle_after_failure();
  LedgerWriter::Offer offer(Event& event, bool durable) { return writer->offer(event, durable); }
  Error refusal(LedgerWriter::Offered why) const;
  Status close();

  Loop& loop;
  const std::string database;
  const std::string run;
  const Artifacts artifacts;
  RunLock lock;
  SpaceReserve reserve;  // given back by the writer thread on failure, else after it was joined

  std::mutex news_mutex;
  std::deque<std::vector<Event>> news;  // committed, not yet delivered
  std::optional<LedgerFailure> bad_news;
  bool drain_posted = false;

  std::deque<std::shared_ptr<Waiting>> waiting;  // first come, first served
  std::multimap<std::int64_t, Completion<bool>> until_committed;
  std::int64_t delivered = 0;  // sequence of the last event on disk that the loop knows of
  std::vector<std::weak_ptr<Committed>> on_committed;
  std::vector<std::weak_ptr<std::function<void(const LedgerFailure&)>>> on_failure;
  std::optional<LedgerFailure> failure;
  bool closed = false;

  std::unique_ptr<LedgerWriter> writer;
};

void Ledger::State::start(EventRows rows, const LedgerOptions& options) {
  LedgerWriter::Limits limits;
  limits.channel_rows = options.channel_rows;
  limits.commit_rows = options.commit_rows;
  limits.commit_interval = options.commit_interval;
  // The writer is a member and joined before the state dies: it may use the bare pointer.
  LedgerWriter::Callbacks callbacks;
  callbacks.committed = [this](std::vector<Event> group) { tell(std::move(group)); };
  callbacks.failed = [this](const LedgerFailure& why, const std::vector<Event>& lost) { tell(why, lost); };
  writer = std::make_unique<LedgerWriter>(std::move(rows), run, limits, std::move(callbacks));
}

void Ledger::State::tell(std::vector<Event> group) {
  {
    const std::lock_guard guard(news_mutex);
    news.push_back(std::move(group));
  }
  post_drain();
}

void Ledger::State::tell(const LedgerFailure& why, const std::vector<Event>& lost) {
  reserve.release();
  write_break_note(database, run, why);
  // Nobody waits to hear that these are not on disk, so that nobody else keeps them.
  for (const Event& event : lost) {
    if (is_grave(event)) write_after_break(database, run, event);
  }
  {
    const std::lock_guard guard(news_mutex);
    bad_news = why;
  }
  post_drain();
}

void Ledger::State::post_drain() {
  {
    const std::lock_guard guard(news_mutex);
    if (std::exchange(drain_posted, true)) return;
  }
  loop.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->drain();
  });
}

void Ledger::State::drain() {
  std::deque<std::vector<Event>> groups;
  std::optional<LedgerFailure> bad;
  {
    const std::lock_guard guard(news_mutex);
    drain_posted = false;
    groups.swap(news);
    bad.swap(bad_news);
  }
  for (const std::vector<Event>& group : groups) deliver(group);
  if (bad) {
    failure = std::move(bad);
    settle_after_failure();
  } else {
    admit_waiting();
  }
}

void Ledger::State::deliver(const std::vector<Event>& group) {
  delivered = group.back().sequence;
  std::erase_if(on_committed, [](const auto& weak) { return weak.expired(); });
  const auto subscribers = on_committed;
  for (const auto& weak : subscribers) {
    if (const auto callback = weak.lock()) (*callback)(group);
  }
  while (!until_committed.empty() && until_committed.begin()->first <= delivered) {
    const Completion<bool> done = until_committed.begin()->second;
    until_committed.erase(until_committed.begin());
    done.complete(true);
  }
}

void Ledger::State::admit_waiting() {
  while (!waiting.empty()) {
    const std::shared_ptr<Waiting> first = waiting.front();
    if (!first->given_up) {
      const LedgerWriter::Offer offered = offer(first->event, first->durable);
      if (offered.result == LedgerWriter::Offered::full) return;
      if (offered.result == LedgerWriter::Offered::failed) return;  // its news is on the way
      first->sequence = offered.sequence;
      if (offered.result != LedgerWriter::Offered::taken) first->refused = refusal(offered.result);
    }
    waiting.pop_front();
    first->settled.complete(true);
  }
}

void Ledger::State::settle_after_failure() {
  const auto refused = std::exchange(waiting, {});
  for (const auto& each : refused) {
    each->refused = failure->error;
    each->settled.complete(true);
  }
  const auto unfinished = std::exchange(until_committed, {});
  for (const auto& [sequence, done] : unfinished) done.complete(false);
  const auto subscribers = std::exchange(on_failure, {});
  for (const auto& weak : subscribers) {
    if (const auto callback = weak.lock()) (*callback)(*failure);
  }
}

Error Ledger::State::refusal(LedgerWriter::Offered why) const {
  if (why == LedgerWriter::Offered::failed) {
    const std::optional<LedgerFailure> known = writer->failure();
    if (known) return known->error;
  }
  return {"ledger.closed", fmt::format("the record of run {} is closed", run), {}, Blame::station};
}

Status Ledger::State::close() {
  if (!std::exchange(closed, true)) {
    writer->close();
    drain();  // what the loop has not been told yet
    reserve.release();
    lock.release();
  }
  if (failure) return failure->error;
  return success();
}

namespace {

/// The database, writable, with what must lie beside it.
Result<sqlite::Connection> open_place(const std::string& database) {
  Result<sqlite::Connection> connection = open_for_writing(database);
  if (!connection) return connection.error();
  const Status made = make_directories(runs_directory(database));
  if (!made) return made.error();
  sweep_reserves(database);
  return connection;
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(Loop& loop, LedgerOptions options) {
  Result<std::string> database = resolve_database(options.database);
  if (!database) return database.error();
  Result<sqlite::Connection> connection = open_place(*database);
  if (!connection) return connection.error();

  const Instant now = loop.clock().now();
  std::string run = make_run_id(now.utc_ns);
  Result<RunLock> lock = RunLock::take(*database, run);
  // Four random digits: two runs of one second collide once in 65,536 times.
  for (int tries = 0; tries < 16 && !lock && lock.error().code == "ledger.run_taken"; ++tries) {
    run = make_run_id(now.utc_ns);
    lock = RunLock::take(*database, run);
  }
  if (!lock) return lock.error();
  const auto give_up = [&lock](Error cause) -> Error {
    lock->release();
    return cause;
  };
  Result<SpaceReserve> reserve =
      SpaceReserve::take(reserve_file(*database, run), options.reserve_bytes, options.least_free_bytes);
  if (!reserve) return give_up(reserve.error());
  Result<EventRows> rows = EventRows::begin_run(*std::move(connection), run, now, options.kiln_version);
  if (!rows) return give_up(ledger_error(rows.error(), *database));

  auto state = std::make_shared<State>(loop, *database, run, *std::move(lock), *std::move(reserve));
  state->start(*std::move(rows), options);
  return std::unique_ptr<Ledger>(new Ledger(std::move(state)));
}

Result<std::unique_ptr<Ledger>> Ledger::resume(Loop& loop, LedgerOptions options, std::string run) {
  Result<std::string> database = resolve_database(options.database);
  if (!database) return database.error();
  Result<sqlite::Connection> connection = open_place(*database);
  if (!connection) return connection.error();
  Result<RunLock> lock = RunLock::take_over(*database, run);  // a run that is refused keeps its file
  if (!lock) return lock.error();
  Result<SpaceReserve> reserve =
      SpaceReserve::take(reserve_file(*database, run), options.reserve_bytes, options.least_free_bytes);
  if (!reserve) return reserve.error();
  Result<EventRows> rows = EventRows::continue_run(*std::move(connection), run);
  if (!rows && rows.error().code.starts_with("run.")) lock->release();  // nobody needs the file
  if (!rows) return ledger_error(rows.error(), *database);

  const std::int64_t last = rows->last_committed();
  auto state = std::make_shared<State>(loop, *database, run, *std::move(lock), *std::move(reserve));
  state->delivered = last;
  state->start(*std::move(rows), options);
  return std::unique_ptr<Ledger>(new Ledger(std::move(state)));
}

Ledger::Ledger(std::shared_ptr<State> state) : state_(std::move(state)) {}
Ledger::~Ledger() { static_cast<void>(state_->close()); }

const std::string& Ledger::run() const { return state_->run; }
const std::string& Ledger::database() const { return state_->database; }
const Artifacts& Ledger::artifacts() const { return state_->artifacts; }

asio::awaitable<Result<std::int64_t>> Ledger::append(const Ctx& ctx, Event event) {
  return append_and_wait(ctx, std::move(event), false);
}

asio::awaitable<Result<std::int64_t>> Ledger::append_durable(const Ctx& ctx, Event event) {
  return append_and_wait(ctx, std::move(event), true);
}

asio::awaitable<Result<std::int64_t>> Ledger::append_and_wait(const Ctx& ctx, Event event, bool durable) {
  const std::shared_ptr<State> state = state_;
  LedgerWriter::Offer offered;
  offered.result = LedgerWriter::Offered::full;
  if (state->waiting.empty()) offered = state->offer(event, durable);

  if (offered.result == LedgerWriter::Offered::full) {
    // The disk is slow, not the rack: virtual time stands still meanwhile.
    const Loop::Hold hold(state->loop);
    const auto place = std::make_shared<Waiting>();
    place->event = std::move(event);
    place->durable = durable;
    state->waiting.push_back(place);
    const Result<bool> settled = co_await place->settled.wait(ctx);
    if (!settled) {
      place->given_up = true;
      co_return settled.error();
    }
    if (place->refused) co_return *place->refused;
    offered.result = LedgerWriter::Offered::taken;
    offered.sequence = place->sequence;
  }
  if (offered.result != LedgerWriter::Offered::taken) co_return state->refusal(offered.result);

  if (durable && state->delivered < offered.sequence) {
    if (state->failure) co_return state->failure->error;  // it failed while this event waited for room
    const Loop::Hold hold(state->loop);
    const Completion<bool> committed;
    state->until_committed.emplace(offered.sequence, committed);
    const Result<bool> waited = co_await committed.wait(ctx);
    if (!waited) co_return waited.error();
    if (!*waited) co_return state->failure->error;
  }
  co_return offered.sequence;
}

void Ledger::keep_beside(const Event& event) { write_after_break(state_->database, state_->run, event); }

Result<std::int64_t> Ledger::try_append(Event event) {
  LedgerWriter::Offer offered;
  offered.result = LedgerWriter::Offered::full;
  if (state_->waiting.empty()) offered = state_->offer(event, false);
  if (offered.result == LedgerWriter::Offered::taken) return offered.sequence;
  if (offered.result != LedgerWriter::Offered::full) return state_->refusal(offered.result);
  return Error("ledger.full", "the record's channel is full: the disk is slower than the measurements", {},
               Blame::station);
}

asio::awaitable<Status> Ledger::flush(const Ctx& ctx) {
  const std::shared_ptr<State> state = state_;
  if (state->failure) co_return state->failure->error;
  const std::int64_t wanted = state->writer->last_taken();
  if (state->delivered >= wanted) co_return success();
  state->writer->hurry();
  const Loop::Hold hold(state->loop);
  const Completion<bool> committed;
  state->until_committed.emplace(wanted, committed);
  const Result<bool> waited = co_await committed.wait(ctx);
  if (!waited) co_return waited.error();
  if (!*waited) co_return state->failure->error;
  co_return success();
}

std::shared_ptr<void> Ledger::on_committed(Committed callback) {
  auto token = std::make_shared<Committed>(std::move(callback));
  state_->on_committed.push_back(token);
  return token;
}

std::shared_ptr<void> Ledger::on_failure(std::function<void(const LedgerFailure&)> callback) {
  auto token = std::make_shared<std::function<void(const LedgerFailure&)>>(std::move(callback));
  if (state_->failure) {
    (*token)(*state_->failure);
  } else {
    state_->on_failure.push_back(token);
  }
  return token;
}

std::optional<LedgerFailure> Ledger::failure() const {
  if (state_->failure) return state_->failure;
  return state_->writer->failure();
}

Status Ledger::close() { return state_->close(); }

}  // namespace kiln
