#include "safety/stop_door.h"

#include <fmt/format.h>

#include <utility>

#include "safety/warden_messages.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kKnockAgain = std::chrono::milliseconds(20);
constexpr Nanoseconds kGuest = std::chrono::seconds(30);     // longer than a cut may take
constexpr Nanoseconds kFirstWord = std::chrono::seconds(1);  // who comes in and says nothing is shown out
constexpr Nanoseconds kGuestIsAnswered = std::chrono::milliseconds(200);
constexpr std::size_t kGuests = 64;
/// Of what a guest says of himself; the record is for people.
constexpr std::size_t kLongestWord = 200;

std::string printable_word(std::string text) {
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) < 0x20U || letter == 0x7f) letter = ' ';
  }
  return text.substr(0, kLongestWord);
}

}  // namespace

StopDoor::StopDoor(const Ctx& owner, MessageDoor& door, std::string run, InterlockWatch& watch,
                   std::function<bool(const std::string& dut)> is_told)
    : door_(door), run_(std::move(run)), watch_(watch), is_told_(std::move(is_told)), guests_(owner) {}

void StopDoor::open() {
  guests_.start("door", [this](Ctx& task) { return listen(task); });
}

awaitable<void> StopDoor::close() {
  const Status closed = co_await guests_.stop_and_join(StopReason::sibling, "the warden leaves");
  (void)closed;
}

awaitable<void> StopDoor::listen(Ctx& task) {
  while (true) {
    Result<std::unique_ptr<MessageSocket>> guest = co_await door_.accept(task);
    if (!guest && task.stopped()) co_return;
    if (!guest) {
      const Status waited = co_await task.sleep_for(kKnockAgain);
      if (!waited) co_return;
      continue;
    }
    if (guests_.running() > kGuests) continue;  // one of them has said it already
    const std::shared_ptr<MessageSocket> socket = std::move(*guest);
    guests_.start("guest", [this, socket](Ctx& one) { return serve(socket, one); });
  }
}

awaitable<void> StopDoor::serve(std::shared_ptr<MessageSocket> guest, Ctx& task) {
  Ctx limited = task.child_within("guest", kGuest);
  Ctx first = limited.child_within("first word", kFirstWord);
  const Result<std::string> text = co_await guest->receive(first);
  if (!text) co_return;
  const Result<WardenMessage> message = decode_warden_message(*text);
  const StopEverything* stop = message ? std::get_if<StopEverything>(&*message) : nullptr;
  if (stop == nullptr) co_return;  // whoever that was, it was no stop
  const bool meant = stop->run.empty() || stop->run == run_;
  if (meant) {
    Trip trip;
    trip.cause = "emergency-stop";
    trip.code = "interlock.emergency-stop";
    trip.read = false;
    trip.detected_ns = task.now().monotonic_ns;
    trip.message = fmt::format("everything was stopped by {}: {}", printable_word(stop->by),
                               printable_word(stop->reason));
    watch_.trip(std::move(trip), true);
  }
  while (meant && !watch_.at_rest()) {
    const Status waited = co_await limited.sleep_for(kKnockAgain);
    if (!waited) break;
  }
  EverythingStopped stopped;
  stopped.run = run_;
  for (const auto& [id, cut] : watch_.cuts()) {
    if (meant && is_told_(id)) stopped.cuts.push_back(cut.report);
  }
  WardenMessage answer = std::move(stopped);
  Ctx last = task.child_within("answer", kGuestIsAnswered);
  const Status said = co_await guest->send(last, encode(answer));
  (void)said;  // who does not wait for the answer does without
}

}  // namespace kiln
