#include "station/emergency_stop.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "io/message_door.h"
#include "safety/warden.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kAnswer = std::chrono::seconds(40);
constexpr Nanoseconds kKnockAgain = std::chrono::milliseconds(5);

}  // namespace

std::string stop_door_of(int warden_pid) { return fmt::format("{}{}", kStopDoors, warden_pid); }

std::string user_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? std::to_string(::geteuid()) : std::string(entry->pw_name);
}

awaitable<Result<EverythingStopped>> stop_everything(const Ctx& ctx, std::string door, StopEverything stop) {
  Ctx limited = ctx.child_within(door, kAnswer);
  Result<std::unique_ptr<MessageSocket>> socket = knock(ctx.loop(), door);
  while (!socket && socket.error().code == "socket.busy") {
    const Status waited = co_await limited.sleep_for(kKnockAgain);
    if (!waited) break;
    socket = knock(ctx.loop(), door);
  }
  if (!socket) co_return socket.error();
  WardenMessage message = std::move(stop);
  const Status sent = co_await (*socket)->send(limited, encode(message));
  if (!sent) co_return sent.error();
  const Result<std::string> text = co_await (*socket)->receive(limited);
  if (!text) co_return text.error();
  const Result<WardenMessage> answer = decode_warden_message(*text);
  if (!answer) co_return answer.error();
  const auto* stopped = std::get_if<EverythingStopped>(&*answer);
  if (stopped == nullptr) co_return Error("warden.garbage", "it answered something else", "", Blame::station);
  co_return *stopped;
}

}  // namespace kiln
