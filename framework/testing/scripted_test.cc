#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <chrono>
#include <tuple>
#include <vector>

#include "testing/scripted_http.h"
#include "testing/scripted_shell.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

const std::string kRoot = "https://127.0.0.1:4101/redfish/v1";

awaitable<Result<HttpResponse>> ask(ScriptedHttp& http, const Ctx& ctx, std::string method, std::string url) {
  HttpRequest request(std::move(method), std::move(url));
  Result<HttpResponse> response = co_await http.send(ctx, std::move(request));
  co_return response;
}

TEST(ScriptedHttp, OnceAnswersComeInOrderThenTheLastingOne) {
  ScriptedHttp http;
  http.answer("GET", "/redfish/v1", HttpAnswer(200, "{}"));
  http.answer_once("GET", "/redfish/v1", HttpAnswer(503).header("Retry-After", "2"));
  http.answer_once("GET", kRoot, HttpAnswer(Error("http.connect", "refused")));
  http.answer_once("POST", "/never", HttpAnswer(201));
  std::function<awaitable<void>(Ctx&)> body = [&http](Ctx& ctx) -> awaitable<void> {
    Result<HttpResponse> whole_url_first = co_await ask(http, ctx, "GET", kRoot);
    EXPECT_EQ(whole_url_first.error().code, "http.connect");
    Result<HttpResponse> busy = co_await ask(http, ctx, "GET", kRoot);
    EXPECT_EQ(busy->status, 503);
    EXPECT_EQ(busy->header("retry-after"), "2");
    Result<HttpResponse> third = co_await ask(http, ctx, "GET", kRoot);
    EXPECT_EQ(third->status, 200);
    Result<HttpResponse> fourth = co_await ask(http, ctx, "GET", kRoot);
    EXPECT_EQ(fourth->body, "{}");
  };
  Loop::simulated()->run(body);
  EXPECT_EQ(http.request_lines(), std::vector<std::string>(4, "GET /redfish/v1"));
  EXPECT_EQ(http.unused(), std::vector<std::string>{"POST /never"});
}

TEST(ScriptedHttp, AnUnscriptedRequestFailsTheTestAndSuggestsTheNearest) {
  static ScriptedHttp http;
  http.answer("GET", "/redfish/v1/Chassis", HttpAnswer(200));
  static std::string code;
  std::function<awaitable<void>(Ctx&)> body = [](Ctx& ctx) -> awaitable<void> {
    Result<HttpResponse> response = co_await ask(http, ctx, "GET", "https://bmc/redfish/v1/Chasis");
    code = response.error().code;
  };
  static std::function<awaitable<void>(Ctx&)>* run = &body;
  EXPECT_NONFATAL_FAILURE(Loop::simulated()->run(*run), "did you mean 'GET /redfish/v1/Chassis'");
  EXPECT_EQ(code, "test.unscripted");
}

TEST(ScriptedHttp, DelaysAndSilenceRespectTheDeadline) {
  ScriptedHttp http;
  http.answer("GET", "/slow", HttpAnswer(200).after(5s));
  http.answer("GET", "/silent", HttpAnswer::never());
  std::function<awaitable<void>(Ctx&)> body = [&http](Ctx& ctx) -> awaitable<void> {
    const std::int64_t start = ctx.now().monotonic_ns;
    Result<HttpResponse> slow = co_await ask(http, ctx, "GET", "/slow");
    EXPECT_TRUE(slow);
    EXPECT_EQ(slow->received_ns - start, Nanoseconds(5s).count());
    Ctx hasty = ctx.child_within("hasty", 1s);
    Result<HttpResponse> silent = co_await ask(http, hasty, "GET", "/silent");
    EXPECT_EQ(silent.error().code, "ctx.deadline");
  };
  Loop::simulated()->run(body);
}

awaitable<Result<CommandResult>> type(ScriptedShell& shell, const Ctx& ctx, std::string line) {
  Command command(std::move(line));
  command.max_output = 8;
  Result<CommandResult> result = co_await shell.run(ctx, std::move(command));
  co_return result;
}

TEST(ScriptedHttp, AStreamComesInPiecesAndEndsAsItIsTold) {
  ScriptedHttp http;
  http.answer("GET", "/ends", HttpAnswer(200).piece(2s, "a").piece(3s, "b"));
  http.answer("GET", "/breaks", HttpAnswer(200).piece(1s, "a").breaks(Error("http.connection_lost", "gone")));
  http.answer("GET", "/stalls", HttpAnswer(200).piece(1s, "a").stalls());
  std::function<awaitable<void>(Ctx&)> body = [&http](Ctx& ctx) -> awaitable<void> {
    const std::vector<std::tuple<std::string, std::string, std::string>> cases{
        {"/ends", "", "a@2 b@5 "},
        {"/breaks", "http.connection_lost", "a@1 "},
        {"/stalls", "ctx.deadline", "a@1 "}};
    for (const auto& [path, code, all] : cases) {
      const std::int64_t begun = ctx.now().monotonic_ns;
      std::string heard;
      std::function<void(const std::string&)> on_piece = [&](const std::string& piece) {
        heard += piece + "@" + std::to_string((ctx.now().monotonic_ns - begun) / 1'000'000'000) + " ";
      };
      Ctx limited = ctx.child_within("stream", 60s);
      HttpRequest request("GET", path);
      const Result<HttpResponse> ended =
          co_await http.stream(limited, std::move(request), std::move(on_piece));
      EXPECT_EQ(ended ? "" : ended.error().code, code) << path;
      EXPECT_EQ(heard, all) << path;
    }
  };
  Loop::simulated()->run(body);
}

TEST(ScriptedShell, ExactLinesComeBeforePatterns) {
  ScriptedShell shell;
  shell.answer_matching("^nvidia-smi", ShellAnswer("any", 3, "bad"));
  shell.answer("nvidia-smi -L", ShellAnswer("0123456789"));
  shell.answer_once("nvidia-smi -L", ShellAnswer().killed_by("TERM"));
  int loads = 0;
  shell.answer_with("stress", [&loads](const Command&) { return ShellAnswer(std::to_string(++loads)); });
  std::function<awaitable<void>(Ctx&)> body = [&shell](Ctx& ctx) -> awaitable<void> {
    Result<CommandResult> killed = co_await type(shell, ctx, "nvidia-smi -L");
    EXPECT_EQ(killed->signal, "TERM");
    EXPECT_FALSE(killed->ok());
    Result<CommandResult> list = co_await type(shell, ctx, "nvidia-smi -L");
    EXPECT_EQ(list->out, "01234567");
    EXPECT_EQ(list->dropped_bytes, 2U);
    Result<CommandResult> query = co_await type(shell, ctx, "nvidia-smi -q -x");
    EXPECT_EQ(query->exit_status, 3);
    EXPECT_EQ(query->err, "bad");
    Result<CommandResult> first = co_await type(shell, ctx, "stress-ng --cpu 1");
    Result<CommandResult> second = co_await type(shell, ctx, "stress-ng --cpu 1");
    EXPECT_EQ(first->out + second->out, "12");
    co_await shell.disconnect();
  };
  Loop::simulated()->run(body);
  EXPECT_EQ(shell.lines().at(2), "nvidia-smi -q -x");
  EXPECT_EQ(shell.disconnects(), 1);
  EXPECT_TRUE(shell.unused().empty());
}

TEST(ScriptedShell, AnUnscriptedCommandFailsTheTest) {
  static ScriptedShell shell;
  std::function<awaitable<void>(Ctx&)> body = [](Ctx& ctx) -> awaitable<void> {
    Result<CommandResult> result = co_await type(shell, ctx, "rm -rf /");
    EXPECT_FALSE(result);
  };
  static std::function<awaitable<void>(Ctx&)>* run = &body;
  EXPECT_NONFATAL_FAILURE(Loop::simulated()->run(*run), "not in the script: rm -rf /");
}

TEST(ScriptedShell, ARunningCommandStreamsAndEndsOnStop) {
  ScriptedShell shell;
  shell.answer("load", ShellAnswer::never("started\n"));
  std::string seen;
  std::function<awaitable<void>(Ctx&)> body = [&shell, &seen](Ctx& ctx) -> awaitable<void> {
    Command command("load");
    command.on_output = [&seen](const std::string& piece) { seen += piece; };
    ctx.loop().call_at(ctx.now().monotonic_ns + 1000,
                       [&ctx] { ctx.request_stop(StopReason::interlock, "leak"); });
    Result<CommandResult> result = co_await shell.run(ctx, std::move(command));
    EXPECT_EQ(result.error().code, "ctx.stopped");
  };
  Loop::simulated()->run(body);
  EXPECT_EQ(seen, "started\n");
}

}  // namespace
}  // namespace kiln
