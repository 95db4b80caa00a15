#pragma once
// The station's side of the warden: starts the program, tells it of every DUT and guard, lets it hear that
// the station lives, and notices at once when it is gone. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/companion.h"
#include "io/completion.h"
#include "io/message_socket.h"
#include "safety/guard.h"
#include "safety/warden_messages.h"

namespace kiln {

/// Who hears what the warden says; all but `lost` may be empty.
struct WardenEars {
  /// Once: it is gone, does not answer for 2 s, or has acted because it had not heard of us: warden.lost,
  /// warden.acted.
  std::function<void(const Error&)> lost;
  std::function<void(const WardenWatch&)> watch;
  std::function<void(const HazardReport&)> hazard;
  std::function<void(const MaskReport&)> masked;
  std::function<void(const SilenceReport&)> silenced;
  std::function<void(const WardenTripped&)> tripped;
  std::function<void(const CutReport&)> cut;
  std::function<void(const IsolationReport&)> isolation;
};

/// What the warden is told at the start.
struct WardenBriefing {
  WardenHello hello;
  std::vector<WardenDut> duts;
  std::optional<WardenBuilding> building;
};

class WardenLink {
 public:
  /// Starts `program` and returns when it is ready. Errors: process.not_found, process.start,
  /// warden.other_build, warden.refused, warden.not_ready.
  static boost::asio::awaitable<Result<std::unique_ptr<WardenLink>>> start(const Ctx& ctx,
                                                                           std::string program,
                                                                           WardenBriefing briefing);
  /// The same with a warden that runs already, at the other end of `socket`. Errors: warden.other_build,
  /// warden.refused, warden.not_ready.
  static boost::asio::awaitable<Result<std::unique_ptr<WardenLink>>> join(
      const Ctx& ctx, std::unique_ptr<Companion> companion, std::unique_ptr<MessageSocket> socket,
      WardenBriefing briefing);
  WardenLink(const WardenLink&) = delete;
  WardenLink& operator=(const WardenLink&) = delete;
  ~WardenLink();

  /// DUTs whose power it could not reach, with the reason: nothing may be energised there.
  [[nodiscard]] const std::map<std::string, std::string>& unreachable() const { return unreachable_; }
  [[nodiscard]] int pid() const { return companion_->pid(); }

  /// Heartbeats in both directions until `task` is stopped.
  boost::asio::awaitable<void> keep(Ctx& task, WardenEars ears);

  /// Returns when the warden will know, even if we die now. Errors: those of MessageSocket; warden.lost.
  boost::asio::awaitable<Status> tell(const Ctx& ctx, WardenMessage message);
  /// Without waiting; what cannot be said is not said.
  void say(WardenMessage message);

  /// In order: it logs out and ends. Waits a few seconds at most.
  boost::asio::awaitable<void> leave(const Ctx& ctx);

 private:
  WardenLink(Loop& loop, std::unique_ptr<Companion> companion, std::unique_ptr<MessageSocket> socket);
  struct Letter {
    std::string text;
    Completion<bool> sent;
  };
  boost::asio::awaitable<void> send_letters(Ctx& task);
  boost::asio::awaitable<void> beat(Ctx& task);
  boost::asio::awaitable<void> listen(Ctx& task);
  boost::asio::awaitable<Status> hand_shake(const Ctx& ctx, WardenBriefing briefing);
  void lose(Error why);
  void post(Letter letter);

  Loop& loop_;
  std::unique_ptr<Companion> companion_;
  std::unique_ptr<MessageSocket> socket_;
  std::map<std::string, std::string> unreachable_;
  std::deque<Letter> letters_;
  std::optional<Completion<bool>> wake_;
  std::optional<Error> lost_;
  WardenEars ears_;
};

/// Journals on disk, then tells the warden, and only then lets the "do" be done.
class WardedUndoJournal final : public UndoJournal {
 public:
  /// Both outlive it.
  WardedUndoJournal(UndoJournal& journal, WardenLink& warden) : journal_(journal), warden_(warden) {}
  boost::asio::awaitable<Result<int>> open(const Ctx& ctx, JournaledUndo undo) override;
  void end(int number, GuardEnd how, std::string message) override;

 private:
  UndoJournal& journal_;
  WardenLink& warden_;
};

}  // namespace kiln
