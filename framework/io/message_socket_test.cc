// Messages between two programs, over the kernel's own sockets.
#include "io/message_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/companion.h"
#include "io/loop.h"
#include "io/scope.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

struct Heard {
  std::vector<std::string> texts;
  std::string end;
};

awaitable<void> hear(Ctx& ctx, MessageSocket& socket, Heard& heard, Nanoseconds patience) {
  while (true) {
    Ctx limited = ctx.child_within("hear", patience);
    Result<std::string> text = co_await socket.receive(limited);
    if (!text) {
      heard.end = text.error().code;
      co_return;
    }
    heard.texts.push_back(std::move(*text));
  }
}

TEST(MessageSocket, KeepsMessagesApartAndTellsOfTheEnd) {
  const auto loop = Loop::real();
  Result<MessageSocketPair> pair = make_message_socket_pair(*loop);
  ASSERT_TRUE(pair);
  ASSERT_EQ(::send(pair->theirs, "one", 3, 0), 3);
  ASSERT_EQ(::send(pair->theirs, "two!", 4, 0), 4);
  ::close(pair->theirs);
  Heard heard;
  loop->run([&](Ctx& ctx) { return hear(ctx, *pair->ours, heard, 1s); });
  EXPECT_EQ(heard.texts, (std::vector<std::string>{"one", "two!"}))
      << "what was sent before the end is heard";
  EXPECT_EQ(heard.end, "socket.closed");
}

TEST(MessageSocket, SilenceEndsAtTheDeadline) {
  const auto loop = Loop::real();
  Result<MessageSocketPair> pair = make_message_socket_pair(*loop);
  ASSERT_TRUE(pair);
  Heard heard;
  loop->run([&](Ctx& ctx) { return hear(ctx, *pair->ours, heard, 20ms); });
  EXPECT_EQ(heard.end, "ctx.deadline");
  ::close(pair->theirs);
}

awaitable<void> flood(Ctx& ctx, MessageSocket& socket, std::vector<std::string>& codes) {
  const std::string whole(kLongestMessage, 'x');
  Ctx limited = ctx.child_within("flood", 100ms);
  while (codes.empty()) {
    const Status sent = co_await socket.send(limited, whole);
    if (!sent) codes.push_back(sent.error().code);
  }
  const Status longer = co_await socket.send(ctx, whole + "x");
  if (!longer) codes.push_back(longer.error().code);
  const Status empty = co_await socket.send(ctx, "");
  if (!empty) codes.push_back(empty.error().code);
}

TEST(MessageSocket, AnOtherEndThatDoesNotReadHoldsNobodyForEver) {
  const auto loop = Loop::real();
  Result<MessageSocketPair> pair = make_message_socket_pair(*loop);
  ASSERT_TRUE(pair);
  std::vector<std::string> codes;
  loop->run([&](Ctx& ctx) { return flood(ctx, *pair->ours, codes); });
  EXPECT_EQ(codes, (std::vector<std::string>{"ctx.deadline", "socket.too_long", "socket.too_long"}));
  ::close(pair->theirs);
}

TEST(MessageSocket, AdoptsOnlyWhatItIs) {
  const auto loop = Loop::real();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  EXPECT_EQ(adopt_message_socket(*loop, ends[0]).error().code, "socket.failed");
  ::close(ends[0]);
  ::close(ends[1]);
}

struct Companions {
  std::string answer, end;
  int status = -1;
};

awaitable<void> speak_with(Ctx& ctx, std::string program, Companions& seen) {
  Result<MessageSocketPair> pair = make_message_socket_pair(ctx.loop());
  if (!pair) co_return;
  Result<std::unique_ptr<Companion>> companion = start_companion(ctx.loop(), program, pair->theirs);
  ::close(pair->theirs);
  if (!companion) {
    seen.end = companion.error().code;
    co_return;
  }
  Ctx limited = ctx.child_within("companion", 10s);
  const Status said = co_await pair->ours->send(limited, "exit 7\n");
  (void)said;
  const Result<int> status = co_await (*companion)->ended(limited);
  if (status) seen.status = *status;
  Result<std::string> text = co_await pair->ours->receive(limited);
  seen.end = text ? "heard " + *text : text.error().code;
}

TEST(Companion, HasTheSocketAsItsInputAndNothingElseOfOurs) {
  const auto loop = Loop::real();
  Companions seen;
  loop->run([&](Ctx& ctx) { return speak_with(ctx, "/bin/sh", seen); });  // reads its commands from there
  EXPECT_EQ(seen.status, 7);
  EXPECT_EQ(seen.end, "socket.closed");
  loop->run([&](Ctx& ctx) { return speak_with(ctx, "/no/such/program", seen); });
  EXPECT_EQ(seen.end, "process.not_found");
}

}  // namespace
}  // namespace kiln
