#include "station/screen/prompt_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/scope.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using Change = PromptDesk::Change;

/// One question asked under its own Ctx; what came of it is kept.
struct Asked {
  std::optional<Result<PromptAnswer>> answer;
  std::int64_t ended_ns = 0;
};

awaitable<void> ask_into(Ctx& ctx, PromptDesk& desk, std::string dut, PromptRequest request, Asked& asked) {
  Result<PromptAnswer> answer = co_await desk.ask(ctx, std::move(dut), std::move(request));
  asked.answer.emplace(std::move(answer));
  asked.ended_ns = ctx.now().monotonic_ns;
}

PromptRequest confirm(const std::string& id, Nanoseconds timeout = 1min) {
  PromptRequest request;
  request.id = id;
  request.text = "Connect the hoses";
  request.timeout = timeout;
  return request;
}

struct PromptDeskTest : testing::Test {
  std::unique_ptr<Loop> loop = Loop::simulated();
  std::vector<std::pair<Change, std::string>> changes;
  PromptDesk desk = make({"Ann", ""});

  PromptDesk make(PromptDeskOptions options) {
    return PromptDesk(std::move(options), [this](Change change, const ShownPrompt& prompt) {
      changes.emplace_back(change, prompt.id);
    });
  }
  void type_at(Nanoseconds after, std::string keys) {
    loop->call_at(1'000'000'000 + after.count(), [this, keys] { desk.typed(keys); });
  }
  Asked run_one(PromptRequest request) {
    Asked asked;
    loop->run([&](Ctx& ctx) -> awaitable<void> { return ask_into(ctx, desk, "C01", request, asked); });
    return asked;
  }
};

TEST_F(PromptDeskTest, AnAnswerIsRecordedWithWhoGaveIt) {
  type_at(2s, "y\r");
  const Asked asked = run_one(confirm("hoses"));
  ASSERT_TRUE(asked.answer && *asked.answer);
  EXPECT_TRUE((*asked.answer)->confirmed);
  EXPECT_EQ((*asked.answer)->by, "Ann");
  EXPECT_EQ(changes.back().first, Change::answered);
}

TEST_F(PromptDeskTest, WhatWasTypedBeforeTheQuestionDoesNotAnswerIt) {
  desk.typed("y\r");
  const Asked asked = run_one(confirm("hoses"));
  ASSERT_TRUE(asked.answer);
  EXPECT_EQ(asked.answer->error().code, "prompt.timeout");
}

TEST_F(PromptDeskTest, TimeNeverAnswersYes) {
  const Asked asked = run_one(confirm("hoses", 90s));
  ASSERT_FALSE(*asked.answer);
  EXPECT_EQ(asked.answer->error().code, "prompt.timeout");
  EXPECT_EQ(asked.ended_ns - 1'000'000'000, Nanoseconds(90s).count());
  EXPECT_EQ(changes.back().first, Change::timed_out);
}

TEST_F(PromptDeskTest, RemindersComeWhenTheyShouldAndNotAfterTheAnswer) {
  PromptRequest request = confirm("hoses", 10min);
  request.remind = {5min, 2min, 20min};
  type_at(3min, "yes\n");
  const Asked asked = run_one(request);
  ASSERT_TRUE(*asked.answer);
  EXPECT_EQ(changes,
            (std::vector<std::pair<Change, std::string>>{
                {Change::shown, "hoses"}, {Change::reminded, "hoses"}, {Change::answered, "hoses"}}));
}

TEST_F(PromptDeskTest, SomethingThatIsNoAnswerIsAskedAgain) {
  type_at(1s, "maybe\r");
  type_at(2s, "n\r");
  const Asked asked = run_one(confirm("hoses"));
  ASSERT_TRUE(*asked.answer);
  EXPECT_FALSE((*asked.answer)->confirmed);
  EXPECT_EQ(changes[1].first, Change::refused);
}

TEST_F(PromptDeskTest, KeysEditTheLineAndArrowsSayNothing) {
  PromptRequest request = confirm("label");
  request.answer = PromptRequest::Answer::text;
  type_at(1s, "wrong\x15M\xC3\xBC\x7f");  // Ctrl-U, then a two-byte letter taken back as one
  type_at(2s, "F\x1b[D\x1bOP-1\x1b[3~\r");
  const Asked asked = run_one(request);
  ASSERT_TRUE(*asked.answer);
  EXPECT_EQ((*asked.answer)->text, "MF-1");
}

TEST_F(PromptDeskTest, AFloodOfKeysIsCut) {
  PromptRequest request = confirm("label");
  request.answer = PromptRequest::Answer::text;
  type_at(1s, std::string(100'000, 'x') + "\r");
  const Asked asked = run_one(request);
  ASSERT_TRUE(*asked.answer);
  EXPECT_EQ((*asked.answer)->text.size(), 512U);
}

TEST_F(PromptDeskTest, QuestionsWaitForTheirTurnAndTheirTimeBeginsThen) {
  Asked first;
  Asked second;
  type_at(50s, "y\r");
  type_at(100s, "y\r");
  loop->run([&](Ctx& ctx) -> awaitable<void> {
    Scope tasks(ctx);
    tasks.start("C01", [&](Ctx& task) { return ask_into(task, desk, "C01", confirm("one"), first); });
    tasks.start("C02", [&](Ctx& task) { return ask_into(task, desk, "C02", confirm("two"), second); });
    const Status joined = co_await tasks.join();
    (void)joined;
  });
  EXPECT_TRUE(*first.answer);
  EXPECT_TRUE(*second.answer) << "100 s after it was asked, 50 s after it was shown";
}

TEST_F(PromptDeskTest, AStoppedDutWithdrawsItsQuestionAndTheNextOneIsShown) {
  Asked first;
  Asked second;
  type_at(30s, "y\r");
  loop->run([&](Ctx& ctx) -> awaitable<void> {
    Ctx cut = ctx.child("C01");
    loop->call_at(1'000'000'000 + Nanoseconds(10s).count(),
                  [&cut] { cut.request_stop(StopReason::interlock, "leak"); });
    Scope tasks(ctx);
    tasks.start("C01", [&](Ctx&) { return ask_into(cut, desk, "C01", confirm("one"), first); });
    tasks.start("C02", [&](Ctx& task) { return ask_into(task, desk, "C02", confirm("two"), second); });
    const Status joined = co_await tasks.join();
    (void)joined;
  });
  ASSERT_FALSE(*first.answer);
  EXPECT_EQ(first.answer->error().code, "ctx.stopped");
  EXPECT_TRUE(*second.answer);
}

TEST_F(PromptDeskTest, ATerminalThatGoesAwayEndsEveryQuestion) {
  Asked first;
  Asked second;
  loop->call_at(1'000'000'000 + Nanoseconds(5s).count(), [this] { desk.close("the terminal is gone"); });
  loop->run([&](Ctx& ctx) -> awaitable<void> {
    Scope tasks(ctx);
    tasks.start("C01", [&](Ctx& task) { return ask_into(task, desk, "C01", confirm("one", 1h), first); });
    tasks.start("C02", [&](Ctx& task) { return ask_into(task, desk, "C02", confirm("two", 1h), second); });
    const Status joined = co_await tasks.join();
    (void)joined;
  });
  EXPECT_EQ(first.answer->error().code, "prompt.no_input");
  EXPECT_EQ(second.answer->error().code, "prompt.no_input");
  EXPECT_LT(second.ended_ns, 7'000'000'000);
}

TEST_F(PromptDeskTest, WhereNobodyIsItSaysSoAtOnce) {
  PromptDesk empty = make({"", "nobody is there (--no-input)"});
  Asked asked;
  loop->run([&](Ctx& ctx) -> awaitable<void> { return ask_into(ctx, empty, "C01", confirm("x"), asked); });
  EXPECT_EQ(asked.answer->error().code, "prompt.no_input");
  EXPECT_THAT(asked.answer->error().message, testing::HasSubstr("--no-input"));
}

}  // namespace
}  // namespace kiln
