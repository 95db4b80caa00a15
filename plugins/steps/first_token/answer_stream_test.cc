// What counts as a whole answer: every way to be short of one has its own code, and no cut of one is one.

#include "answer_stream.h"

#include <gtest/gtest.h>

#include "stream_text_for_test.h"

namespace kiln::first_token {
namespace {

HttpResponse streamed(int status = 200, std::string body = {}) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.headers = {
      {"Content-Type", status == 200 ? "text/event-stream; charset=utf-8" : "application/json"}};
  return response;
}

std::string code_of(const std::string& text, const Result<HttpResponse>& ended = streamed(),
                    std::int64_t per_chunk = 1) {
  AnswerStream stream(Expectation{"m", 16, per_chunk});
  stream.take(text, 1);
  const std::optional<Error> error = stream.judge(ended);
  return error ? error->code : "";
}

TEST(AnswerStream, AWholeOneIsWholeAndTellsWhenItsTokensCame) {
  AnswerStream stream(Expectation{"m", 16, 1});
  stream.take(role_text(), 10);
  stream.take(token_text("one"), 20);
  stream.take(token_text(" two"), 35);
  stream.take(reason_text() + usage_text(2) + done_text(), 36);
  EXPECT_TRUE(stream.settled());
  EXPECT_FALSE(stream.judge(streamed()));
  EXPECT_EQ(stream.token_times(), (std::vector<std::int64_t>{20, 35}));
  EXPECT_EQ(stream.text(), "one two");
  EXPECT_EQ(stream.tokens(), 2);
}

TEST(AnswerStream, NothingShorterThanAWholeOneIsWholeWhereverItIsCut) {
  const std::string whole = whole_text({"one", " two"}, 2);
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    EXPECT_NE(code_of(whole.substr(0, length)), "") << length;
    EXPECT_NE(code_of(whole.substr(0, length), Error("http.connection_lost", "gone")), "") << length;
  }
  EXPECT_EQ(code_of(whole), "");
}

TEST(AnswerStream, ItDoesNotMatterInWhichPiecesItComes) {
  const std::string whole = whole_text({"one", " two", " three"}, 3);
  for (const std::size_t size : {1U, 2U, 7U, 64U, 4096U}) {
    AnswerStream stream(Expectation{"m", 16, 1});
    for (std::size_t at = 0; at < whole.size(); at += size) stream.take(whole.substr(at, size), 1);
    EXPECT_FALSE(stream.judge(streamed())) << size;
    EXPECT_EQ(stream.text(), "one two three");
  }
}

TEST(AnswerStream, EveryShortfallHasACodeOfItsOwn) {
  const std::string one = role_text() + token_text("one");
  EXPECT_EQ(code_of(""), "first_token.empty");
  EXPECT_EQ(code_of(role_text() + reason_text() + done_text()), "first_token.empty");
  EXPECT_EQ(code_of(one), "first_token.cut");
  EXPECT_EQ(code_of(one + reason_text() + usage_text(1)), "first_token.cut");
  EXPECT_EQ(code_of(one, Error("http.connection_lost", "gone")), "first_token.cut");
  EXPECT_EQ(code_of(one + done_text()), "first_token.unfinished");
  EXPECT_EQ(code_of(one + reason_text("abort") + done_text()), "first_token.unfinished");
  EXPECT_EQ(code_of(token_text("one", "other")), "first_token.other_model");
  EXPECT_EQ(code_of(one + token_text("x", "m", "c-2")), "first_token.malformed");
  EXPECT_EQ(code_of(one + reason_text() + token_text("more")), "first_token.malformed");
  EXPECT_EQ(code_of(one + event("{\"id\":")), "first_token.malformed");
  EXPECT_EQ(code_of(one + event("[]")), "first_token.malformed");
  EXPECT_EQ(code_of(one + event(R"({"error":{"message":"out of memory"}})")), "first_token.server_error");
  EXPECT_EQ(code_of(one + event(R"({"object":"error","message":"gone"})")), "first_token.server_error");
  EXPECT_EQ(code_of("", streamed(503)), "first_token.busy");
  EXPECT_EQ(code_of("", streamed(429)), "first_token.busy");
  EXPECT_EQ(code_of("", streamed(401)), "first_token.key");
  EXPECT_EQ(code_of("", streamed(500)), "first_token.http_status");
  HttpResponse whole = streamed();
  whole.headers = {{"Content-Type", "application/json"}};
  EXPECT_EQ(code_of("{\"choices\":[]}", whole), "first_token.not_a_stream");
  EXPECT_EQ(code_of("", Error("http.connect", "refused")), "http.connect");
}

TEST(AnswerStream, CountsAreBelievedWhereTheyAgreeWithWhatCame) {
  const auto counted = [](int usage, std::int64_t per_chunk = 1) {
    return code_of(whole_text({"a", "b", "c", "d"}, usage), streamed(), per_chunk);
  };
  EXPECT_EQ(counted(4), "");
  EXPECT_EQ(counted(5), "") << "the token that ends it has no text";
  EXPECT_EQ(counted(3), "first_token.usage") << "fewer than came";
  EXPECT_EQ(counted(8), "first_token.usage") << "more than came: tokens per second would be made up";
  EXPECT_EQ(counted(8, 2), "") << "two in each chunk, as the recipe says";
  EXPECT_EQ(counted(17, 8), "first_token.usage") << "more than asked for";
  AnswerStream without(Expectation{"m", 16, 1});
  without.take(role_text() + token_text("a") + token_text("b") + reason_text() + done_text(), 1);
  EXPECT_FALSE(without.judge(streamed()));
  EXPECT_FALSE(without.has_usage());
  EXPECT_EQ(without.tokens(), 2);
}

TEST(AnswerStream, WhatHasNoEndIsStopped) {
  AnswerStream stream(Expectation{"m", 4, 1});
  for (int i = 0; i < 100 && !stream.settled(); ++i) stream.take(token_text("x"), i);
  ASSERT_TRUE(stream.settled());
  EXPECT_EQ(stream.judge(streamed())->code, "first_token.usage");
  AnswerStream noise(Expectation{"m", 4, 1});
  const std::string line(1U << 20U, 'x');
  for (int i = 0; i < 100 && !noise.settled(); ++i) noise.take(line, i);
  EXPECT_TRUE(noise.settled());
  EXPECT_EQ(noise.judge(streamed())->code, "first_token.malformed");
}

TEST(AnswerStream, ReasoningIsTokensToo) {
  AnswerStream stream(Expectation{"m", 16, 1});
  stream.take(
      chunk_text(R"("choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}])"), 5);
  stream.take(token_text("yes") + reason_text() + done_text(), 9);
  EXPECT_FALSE(stream.judge(streamed()));
  EXPECT_EQ(stream.token_times().front(), 5);
  AnswerStream text(Expectation{"m", 16, 1});
  text.take(chunk_text(R"("choices":[{"index":0,"text":"yes","finish_reason":"length"}])") + done_text(), 9);
  EXPECT_FALSE(text.judge(streamed()));
}

TEST(AnswerText, WhatNoSoundModelAnswersIsKnown) {
  EXPECT_EQ(why_not_text("A rack is up.", false), "");
  EXPECT_EQ(why_not_text("!!!", false), "") << "short enough to be an answer";
  EXPECT_EQ(why_not_text("Å é 漢字 ✓ \n\t", false), "");
  EXPECT_NE(why_not_text("!!!!!!!!!!!!", false), "");
  EXPECT_NE(why_not_text("! ! ! ! ! ! ! ! !", false), "");
  EXPECT_NE(why_not_text(" \n ", false), "");
  EXPECT_NE(why_not_text(std::string("a\0b", 3), false), "");
  EXPECT_NE(why_not_text("a \xEF\xBF\xBD b", true), "");
  EXPECT_EQ(why_not_text("half a letter \xEF\xBF\xBD", true), "");
  EXPECT_NE(why_not_text("half a letter \xEF\xBF\xBD", false), "");
}

TEST(ErrorText, IsOneShortLineOfText) {
  EXPECT_EQ(error_text(R"({"error":"Unauthorized"})"), "Unauthorized");
  EXPECT_EQ(error_text(R"({"error":{"message":"no\nsuch model"}})"), "no such model");
  EXPECT_EQ(error_text(R"({"detail":"Not Found"})"), "Not Found");
  EXPECT_EQ(error_text(""), "it says nothing");
  EXPECT_EQ(error_text("\xff\xfe"), "2 bytes that are no text");
  EXPECT_LT(error_text(std::string(5000, 'x')).size(), 210U);
}

TEST(Models, AreListedByName) {
  EXPECT_EQ(*parse_models(R"({"object":"list","data":[{"id":"a"},{"id":"b"}]})"),
            (std::vector<std::string>{"a", "b"}));
  for (const char* bad : {"", "[]", "{}", R"({"data":{}})", R"({"data":[{}]})", R"({"data":[{"id":1}]})"})
    EXPECT_EQ(parse_models(bad).error().code, "first_token.malformed") << bad;
}

}  // namespace
}  // namespace kiln::first_token
