#include "station/warden_link.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "io/scope.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kReady = std::chrono::seconds(15);  // its own preparing takes 8 s at most
constexpr Nanoseconds kLeave = std::chrono::seconds(4);   // its own logging out takes 2 s at most

}  // namespace

WardenLink::WardenLink(Loop& loop, std::unique_ptr<Companion> companion,
                       std::unique_ptr<MessageSocket> socket)
    : loop_(loop), companion_(std::move(companion)), socket_(std::move(socket)) {}
WardenLink::~WardenLink() = default;

awaitable<Result<std::unique_ptr<WardenLink>>> WardenLink::start(const Ctx& ctx, std::string program,
                                                                 WardenBriefing briefing) {
  Result<MessageSocketPair> pair = make_message_socket_pair(ctx.loop());
  if (!pair) co_return pair.error();
  Result<std::unique_ptr<Companion>> companion = start_companion(ctx.loop(), program, pair->theirs);
  ::close(pair->theirs);
  if (!companion) co_return companion.error();
  Result<std::unique_ptr<WardenLink>> link =
      co_await join(ctx, std::move(*companion), std::move(pair->ours), std::move(briefing));
  co_return link;
}

awaitable<Result<std::unique_ptr<WardenLink>>> WardenLink::join(const Ctx& ctx,
                                                                std::unique_ptr<Companion> companion,
                                                                std::unique_ptr<MessageSocket> socket,
                                                                WardenBriefing briefing) {
  std::unique_ptr<WardenLink> link(new WardenLink(ctx.loop(), std::move(companion), std::move(socket)));
  const Status ready = co_await link->hand_shake(ctx, std::move(briefing));
  if (!ready) co_return ready.error();
  co_return std::move(link);
}

awaitable<Status> WardenLink::hand_shake(const Ctx& ctx, WardenBriefing briefing) {
  Ctx limited = ctx.child_within("warden", kReady);
  const std::string version = briefing.hello.version;
  const std::string stamp = briefing.hello.build_stamp;
  std::vector<WardenMessage> first;
  first.emplace_back(std::move(briefing.hello));
  for (WardenDut& dut : briefing.duts) first.emplace_back(std::move(dut));
  if (briefing.building) first.emplace_back(std::move(*briefing.building));
  first.emplace_back(WardenBegin{});
  for (const WardenMessage& message : first) {
    const Status said = co_await socket_->send(limited, encode(message));
    if (!said) break;  // it has refused already: the answer says why
  }
  Result<std::string> text = co_await socket_->receive(limited);
  if (!text) {
    co_return Error("warden.not_ready",
                    fmt::format("the warden does not get ready: {}", text.error().message),
                    "try again; if it stays so, install Kiln anew", Blame::station);
  }
  const Result<WardenMessage> answer = decode_warden_message(*text);
  if (!answer) co_return answer.error();
  if (const auto* refused = std::get_if<WardenRefused>(&*answer))
    co_return Error("warden.refused", "the warden refuses to begin: " + refused->why, "", Blame::station);
  const auto* ready = std::get_if<WardenReady>(&*answer);
  if (ready == nullptr)
    co_return Error("warden.garbage", "the warden said something else than ready", "", Blame::station);
  if (ready->version != version || ready->build_stamp != stamp) {
    co_return Error("warden.other_build",
                    fmt::format("the warden beside this program is of another build ({})", ready->version),
                    "install Kiln anew: its programs belong together", Blame::station);
  }
  unreachable_ = ready->unreachable;
  co_return success();
}

awaitable<void> WardenLink::keep(Ctx& task, WardenEars ears) {
  ears_ = std::move(ears);
  Scope both(task);
  both.start("letters", [this](Ctx& inner) { return send_letters(inner); });
  both.start("beat", [this](Ctx& inner) { return beat(inner); });
  both.start("listen", [this](Ctx& inner) { return listen(inner); });
  const Status joined = co_await both.join();
  (void)joined;
  ears_ = WardenEars();
}

awaitable<void> WardenLink::send_letters(Ctx& task) {
  while (!lost_) {
    if (letters_.empty()) {
      const Completion<bool> wake;
      wake_ = wake;
      const Result<bool> woken = co_await wake.wait(task);
      wake_.reset();
      if (!woken) co_return;
      continue;
    }
    const Letter letter = letters_.front();
    letters_.pop_front();
    Ctx limited = task.child_within("send", kStationSilence);
    const Status sent = co_await socket_->send(limited, letter.text);
    letter.sent.complete(sent.has_value());
    if (!sent && task.stopped()) co_return;
    if (!sent) lose(sent.error());
  }
}

awaitable<void> WardenLink::beat(Ctx& task) {
  for (std::int64_t number = 1; !lost_; ++number) {
    say(WardenBeat{number});
    const Status waited = co_await task.sleep_for(kHeartbeat);
    if (!waited) co_return;
  }
}

awaitable<void> WardenLink::listen(Ctx& task) {
  while (!lost_) {
    Ctx patience = task.child_within("answer", kStationSilence);
    Result<std::string> text = co_await socket_->receive(patience);
    if (!text && task.stopped()) co_return;
    if (!text) {
      lose(text.error());
      co_return;
    }
    const Result<WardenMessage> message = decode_warden_message(*text);
    if (!message) {
      lose(message.error());
      co_return;
    }
    if (const auto* hazard = std::get_if<WardenHazard>(&*message); hazard != nullptr && ears_.hazard)
      ears_.hazard(hazard->report);
    if (const auto* watch = std::get_if<WardenWatch>(&*message); watch != nullptr && ears_.watch)
      ears_.watch(*watch);
    if (const auto* masked = std::get_if<WardenMasked>(&*message); masked != nullptr && ears_.masked)
      ears_.masked(masked->report);
    if (const auto* silenced = std::get_if<WardenSilenced>(&*message); silenced != nullptr && ears_.silenced)
      ears_.silenced(silenced->report);
    if (const auto* tripped = std::get_if<WardenTripped>(&*message); tripped != nullptr && ears_.tripped)
      ears_.tripped(*tripped);
    if (const auto* cut = std::get_if<WardenCut>(&*message); cut != nullptr && ears_.cut)
      ears_.cut(cut->report);
    if (const auto* isolation = std::get_if<WardenIsolation>(&*message);
        isolation != nullptr && ears_.isolation)
      ears_.isolation(isolation->report);
    if (const auto* acting = std::get_if<WardenActing>(&*message)) {
      lose(Error("warden.acted",
                 fmt::format("the warden has taken over and undoes everything: {}", acting->why),
                 "look at what stopped the station, then run again", Blame::station));
      co_return;
    }
  }
}

void WardenLink::lose(Error why) {
  if (lost_) return;
  if (why.code != "warden.acted") {
    why = Error("warden.lost", fmt::format("the warden is gone or does not answer ({})", why.message),
                "look at what ended it, then run again", Blame::station);
  }
  lost_ = why;
  for (const Letter& letter : std::exchange(letters_, {})) letter.sent.complete(false);
  if (wake_) wake_->complete(true);
  if (ears_.lost) ears_.lost(why);
}

void WardenLink::post(Letter letter) {
  if (lost_) {
    letter.sent.complete(false);
    return;
  }
  letters_.push_back(std::move(letter));
  if (wake_) wake_->complete(true);
}

awaitable<Status> WardenLink::tell(const Ctx& ctx, WardenMessage message) {
  Letter letter;
  letter.text = encode(message);
  const Completion<bool> sent = letter.sent;
  post(std::move(letter));
  const Result<bool> told = co_await sent.wait(ctx);
  if (!told) co_return told.error();
  if (!*told)
    co_return lost_ ? *lost_ : Error("warden.lost", "the warden could not be told", "", Blame::station);
  co_return success();
}

void WardenLink::say(WardenMessage message) {
  Letter letter;
  letter.text = encode(message);
  post(std::move(letter));
}

awaitable<void> WardenLink::leave(const Ctx& ctx) {
  Ctx limited = ctx.child_within("warden leaves", kLeave);
  WardenMessage last = WardenLeave{};
  const Status said = co_await socket_->send(limited, encode(last));
  (void)said;  // it is gone already
  const Result<int> ended = co_await companion_->ended(limited);
  (void)ended;  // it ends by itself
}

awaitable<Result<int>> WardedUndoJournal::open(const Ctx& ctx, JournaledUndo undo) {
  JournaledUndo copy = undo;
  const Result<int> number = co_await journal_.open(ctx, std::move(copy));
  if (!number) co_return number.error();
  if (undo.kind == UndoKind::interlock) co_return *number;  // nothing that the warden could undo
  WardenGuard guard;
  guard.number = *number;
  guard.undo = std::move(undo);
  WardenMessage message = std::move(guard);
  const Status told = co_await warden_.tell(ctx, std::move(message));
  if (told) co_return *number;
  end(*number, GuardEnd::not_needed, "nothing was done");  // the message may be on its way all the same
  co_return told.error();
}

void WardedUndoJournal::end(int number, GuardEnd how, std::string message) {
  journal_.end(number, how, std::move(message));
  warden_.say(WardenGuardEnd{number, how});
}

}  // namespace kiln
