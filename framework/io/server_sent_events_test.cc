// The event-stream format, whole and in pieces.
#include "io/server_sent_events.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

using Texts = std::vector<std::string>;

TEST(ServerSentEvents, EventsAreToldWhenTheyAreComplete) {
  ServerSentEvents stream;
  EXPECT_EQ(stream.feed(": keep-alive\n\n"), Texts{});
  EXPECT_EQ(stream.feed("id: 1\nevent: x\ndata: {\"a\":1}\n"), Texts{});
  EXPECT_EQ(stream.feed("\n"), Texts{"{\"a\":1}"});
  EXPECT_EQ(stream.feed("data:one\ndata: two\n\ndata: three\n\n"), (Texts{"one\ntwo", "three"}));
  EXPECT_EQ(stream.feed("data\n\n"), Texts{""});
}

TEST(ServerSentEvents, AnyPiecesAndAnyLineEndsGiveTheSame) {
  for (const char* end : {"\n", "\r", "\r\n"}) {
    std::string body;
    for (const char* line : {": hi", "data: {", "data: }", "", "id: 7", "data: last", ""})
      body += std::string(line) + end;
    for (std::size_t size = 1; size <= body.size(); ++size) {
      ServerSentEvents stream;
      Texts all;
      for (std::size_t at = 0; at < body.size(); at += size) {
        for (std::string& event : stream.feed(body.substr(at, size))) all.push_back(std::move(event));
      }
      EXPECT_EQ(all, (Texts{"{\n}", "last"})) << size;
    }
  }
}

TEST(ServerSentEvents, OneWithoutEndCostsNoMoreThanItsLimit) {
  ServerSentEvents stream;
  const std::string piece(1U << 20, 'x');
  (void)stream.feed("data: ");
  for (int times = 0; times < 8; ++times) EXPECT_EQ(stream.feed(piece), Texts{});
  EXPECT_EQ(stream.feed("\n\ndata: next\n\n"), Texts{"next"});
  EXPECT_EQ(stream.dropped(), 1U);
}

TEST(ServerSentEvents, AnIdHoldsUntilAnotherIsGivenAndAByteOrderMarkIsNoText) {
  ServerSentEvents stream;
  const auto events = stream.take(
      "\xEF\xBB\xBF"
      "id: 7\ndata: a\n\n: comment\n\ndata: b\n\nid\ndata: c\n\n");
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].id, "7");
  EXPECT_EQ(events[0].data, "a");
  EXPECT_EQ(events[1].id, "7");
  EXPECT_EQ(events[2].id, "");
}

}  // namespace
}  // namespace kiln
