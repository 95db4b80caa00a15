#include "io/message_door.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "io/loop.h"
#include "io/scope.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

std::string door_name() { return fmt::format("kiln-test-door-{}", ::getpid()); }

awaitable<void> answer_the_door(Ctx& task, MessageDoor& door) {
  Result<std::unique_ptr<MessageSocket>> guest = co_await door.accept(task);
  if (!guest) co_return;
  const Result<std::string> said = co_await (*guest)->receive(task);
  EXPECT_TRUE(said);
  std::string reply = "heard " + (said ? *said : std::string("nothing"));
  const Status sent = co_await (*guest)->send(task, std::move(reply));
  EXPECT_TRUE(sent);
}

awaitable<void> talk(Ctx& ctx, MessageDoor& door, std::string& heard) {
  Ctx limited = ctx.child_within("talk", 20s);
  Scope both(limited);
  both.start("door", [&door](Ctx& task) { return answer_the_door(task, door); });
  Result<std::unique_ptr<MessageSocket>> socket = knock(ctx.loop(), door_name());
  EXPECT_TRUE(socket);
  if (socket) {
    std::string word = "stop";
    const Status sent = co_await (*socket)->send(limited, std::move(word));
    EXPECT_TRUE(sent);
    const Result<std::string> reply = co_await (*socket)->receive(limited);
    heard = reply ? *reply : std::string();
  }
  const Status joined = co_await both.join();
  (void)joined;
}

TEST(MessageDoor, WhoeverKnocksIsHeard) {
  const auto loop = Loop::real();
  Result<std::unique_ptr<MessageDoor>> door = open_message_door(*loop, door_name());
  ASSERT_TRUE(door) << door.error().message;
  const auto names = message_doors("kiln-test-door-");
  EXPECT_EQ(std::count(names.begin(), names.end(), door_name()), 1);
  std::string heard;
  loop->run([&](Ctx& ctx) { return talk(ctx, **door, heard); });
  EXPECT_EQ(heard, "heard stop");
}

TEST(MessageDoor, ItIsGoneWithItsProgram) {
  const auto loop = Loop::real();
  {
    Result<std::unique_ptr<MessageDoor>> door = open_message_door(*loop, door_name());
    ASSERT_TRUE(door);
    EXPECT_EQ(open_message_door(*loop, door_name()).error().code, "socket.taken");
  }
  EXPECT_EQ(knock(*loop, door_name()).error().code, "socket.closed");
  EXPECT_EQ(open_message_door(*loop, std::string(91, 'x')).error().code, "socket.failed");
}

}  // namespace
}  // namespace kiln
