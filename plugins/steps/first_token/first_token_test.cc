// The step on a scripted server under virtual time: what a good one measures to the millisecond, and that
// nothing which is short of a whole stream ever passes, or is called the hardware's fault.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "stream_text_for_test.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln::first_token {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kModels = R"({"object":"list","data":[{"id":"m","object":"model"}]})";

class FirstTokenTest : public testing::Test {
 protected:
  FirstTokenTest() {
    bench.add_dut("C01", Role::compute_tray);
    bench.add_dut("C02", Role::compute_tray);
    bench.limit_max("first_token.wrong_answers", "1", 0);
    bench.limit_max("first_token.time.p95", "s", 0.5);
    bench.limit_max("first_token.between_tokens.p95", "s", 0.05);
    bench.limit_min("first_token.rate", "1/s", 20);
    bench.model_server().answer("GET", "/v1/models", HttpAnswer(200, kModels));
  }
  /// Three tokens: the first after `first`, the others `apart`.
  static HttpAnswer answer(Nanoseconds first = 200ms, Nanoseconds apart = 20ms,
                           const std::string& second = " two") {
    return HttpAnswer(200)
        .header("Content-Type", "text/event-stream")
        .piece(first, role_text() + token_text("one"))
        .piece(apart, token_text(second))
        .piece(apart, token_text(" three"))
        .piece(1ms, reason_text() + usage_text(3) + done_text());
  }
  void serve(HttpAnswer given) {
    bench.model_server().answer("POST", "/v1/chat/completions", std::move(given));
  }
  BenchResult run(StepBench::With more = {}) {
    StepBench::With with = {{"model", "m"},
                            {"concurrency", "4"},
                            {"requests", "8"},
                            {"max_tokens", "16"},
                            {"ready_within", "1m"}};
    for (const auto& given : more) {
      std::erase_if(with, [&given](const auto& known) { return known.first == given.first; });
      with.push_back(given);
    }
    bench.step("tokens", plugin_step("first_token.serve"), with);
    return bench.run();
  }
  static double number(const BenchResult& result, const std::string& name) {
    return std::get<double>(result.measured(name).value);
  }
  /// Not a pass, not the hardware's fault, and this is why.
  void expect_no_verdict(const BenchResult& result, const std::string& code) {
    EXPECT_EQ(result.verdict.find("R01")->decision, Decision::incomplete) << code;
    EXPECT_EQ(result.ended("main/tokens").status, WorkStatus::error) << code;
    EXPECT_EQ(result.ended("main/tokens").code, code);
    for (const Measured& each : result.bodies<Measured>())
      EXPECT_TRUE(each.outcome == Outcome::unset || each.outcome == Outcome::informational)
          << code << " " << each.name;
  }
  StepBench bench;
};

TEST_F(FirstTokenTest, AGoodServerIsMeasuredToTheMillisecond) {
  serve(answer());
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("R01")->decision, Decision::go);
  EXPECT_NEAR(number(result, "first_token.alone"), 0.2, 1e-6);
  EXPECT_NEAR(number(result, "first_token.time.p50"), 0.2, 1e-6);
  EXPECT_NEAR(number(result, "first_token.time.p95"), 0.2, 1e-6);
  EXPECT_NEAR(number(result, "first_token.between_tokens.p95"), 0.02, 1e-6);
  EXPECT_NEAR(number(result, "first_token.rate_of_one.p50"), 50, 1e-6);
  // 8 answers of 3 tokens, 4 at a time: two rounds of 0.2 s + 2 × 20 ms, and 1 ms between them.
  EXPECT_NEAR(number(result, "first_token.rate"), 24 / 0.481, 0.01);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("first_token.answers").value), 8);
  EXPECT_EQ(result.measured("first_token.at").outcome, Outcome::informational);
  EXPECT_THAT(std::get<std::string>(result.measured("first_token.at").value), testing::EndsWith("Z"));
  EXPECT_THAT(result.bodies<Note>().at(0).text,
              HasSubstr("asks http://127.0.0.1:8000 (insecure: on loopback)"));
  EXPECT_EQ(result.bodies<PermitGranted>().size(), 2U);  // one for each tray that computes
}

TEST_F(FirstTokenTest, AsksAsTheInterfaceWantsItAndWithoutAKeyOfItsOwn) {
  serve(answer());
  run({{"concurrency", "1"}, {"requests", "1"}});
  const HttpRequest& request = bench.model_server().requests().back();
  EXPECT_THAT(request.body, HasSubstr(R"("stream":true)"));
  EXPECT_THAT(request.body, HasSubstr(R"("include_usage":true)"));
  EXPECT_THAT(request.body, HasSubstr(R"("max_tokens":16)"));
  for (const auto& [name, value] : request.headers) EXPECT_NE(name, "Authorization");
  EXPECT_EQ(request.url, "http://127.0.0.1:8000/v1/chat/completions");
}

TEST_F(FirstTokenTest, ALateFirstTokenIsNoGo) {
  serve(answer(900ms));
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("R01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("first_token.time.p95").fault_code, "first_token.slow");
}

TEST_F(FirstTokenTest, TokensFarApartAreNoGo) {
  serve(answer(10ms, 80ms));
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("R01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("first_token.between_tokens.p95").fault_code, "first_token.tokens_slow");
  EXPECT_EQ(result.measured("first_token.time.p95").outcome, Outcome::pass);
}

TEST_F(FirstTokenTest, TheSlowestTwentiethIsNotHiddenByTheOthers) {
  int asked = 0;
  bench.model_server().answer_with("POST", "/v1/chat/completions", [&asked](const HttpRequest&) {
    return answer(++asked % 10 == 0 ? 2s : 100ms);
  });
  const BenchResult result = run({{"concurrency", "1"}, {"requests", "40"}});
  EXPECT_NEAR(number(result, "first_token.time.p50"), 0.1, 1e-6);
  EXPECT_NEAR(number(result, "first_token.time.p95"), 2, 1e-6);
  EXPECT_EQ(result.verdict.find("R01")->decision, Decision::no_go);
}

TEST_F(FirstTokenTest, AModelThatAnswersNonsenseIsNoGoAndHasGivenNoFirstToken) {
  serve(HttpAnswer(200)
            .header("Content-Type", "text/event-stream")
            .piece(10ms, whole_text({"!!!!", "!!!!", "!!!!"}, 3)));
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("R01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("first_token.wrong_answers").fault_code, "first_token.wrong_answer");
  EXPECT_EQ(std::get<std::int64_t>(result.measured("first_token.wrong_answers").value), 9);
  EXPECT_EQ(result.measured("first_token.at").outcome, Outcome::unset);
}

TEST_F(FirstTokenTest, OneUnexpectedAnswerAmongManyIsEnough) {
  int asked = 0;
  bench.model_server().answer_with("POST", "/v1/chat/completions", [&asked](const HttpRequest&) {
    return answer(100ms, 10ms, ++asked == 5 ? " 2" : " two");
  });
  const BenchResult result = run({{"expect", "^one two"}});
  EXPECT_EQ(result.verdict.find("R01")->decision, Decision::no_go);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("first_token.wrong_answers").value), 1);
}

TEST_F(FirstTokenTest, WaitsUntilTheModelIsListed) {
  bench.model_server().answer_once("GET", "/v1/models", HttpAnswer(Error("http.connect", "refused")));
  bench.model_server().answer_once("GET", "/v1/models",
                                   HttpAnswer(503, R"({"error":{"message":"loading"}})"));
  bench.model_server().answer_once("GET", "/v1/models", HttpAnswer(200, R"({"object":"list","data":[]})"));
  serve(answer());
  EXPECT_EQ(run().verdict.find("R01")->decision, Decision::go);
}

TEST_F(FirstTokenTest, AServerThatIsNeverReadyIsNoVerdictAndTheReasonIsTheLastItSaid) {
  bench.model_server().answer("GET", "/v1/models", HttpAnswer(503, R"({"error":{"message":"loading"}})"));
  const BenchResult result = run();
  expect_no_verdict(result, "first_token.not_ready");
  EXPECT_THAT(result.ended("main/tokens").message, HasSubstr("loading"));
  EXPECT_GE(result.elapsed_ns, Nanoseconds(60s).count());
  EXPECT_TRUE(result.bodies<PermitGranted>().empty());
}

TEST_F(FirstTokenTest, AnotherModelIsNamedSoon) {
  bench.model_server().answer("GET", "/v1/models",
                              HttpAnswer(200, R"({"data":[{"id":"n"},{"id":"model"}]})"));
  const BenchResult result = run();
  expect_no_verdict(result, "first_token.other_model");
  EXPECT_THAT(result.ended("main/tokens").message, HasSubstr("n, model"));
  EXPECT_LT(result.elapsed_ns, Nanoseconds(10s).count());
}

TEST_F(FirstTokenTest, AKeyThatIsRefusedIsSaidAtOnce) {
  bench.model_server().answer("GET", "/v1/models", HttpAnswer(401, R"({"error":"Unauthorized"})"));
  expect_no_verdict(run(), "first_token.key");
}

TEST_F(FirstTokenTest, AnUntrustedCertificateIsNotWaitedOut) {
  bench.model_server().answer("GET", "/v1/models", HttpAnswer(Error("http.tls_untrusted", "no")));
  expect_no_verdict(run(), "http.tls_untrusted");
}

TEST_F(FirstTokenTest, AFirstTokenThatNeverComesIsNoVerdict) {
  serve(HttpAnswer::never());
  const BenchResult result = run({{"first_token_within", "30s"}});
  expect_no_verdict(result, "first_token.none");
  EXPECT_LT(result.elapsed_ns, Nanoseconds(40s).count());
  EXPECT_FALSE(result.has_measured("first_token.at"));
}

TEST_F(FirstTokenTest, SilenceInsideAnAnswerIsNoVerdict) {
  serve(HttpAnswer(200)
            .header("Content-Type", "text/event-stream")
            .piece(10ms, role_text() + token_text("one"))
            .stalls());
  const BenchResult result = run({{"stall_within", "5s"}});
  expect_no_verdict(result, "first_token.stalled");
  EXPECT_LT(result.elapsed_ns, Nanoseconds(10s).count());
}

TEST_F(FirstTokenTest, ACutStreamUnderLoadUnsetsWhatWasMeasuredAndKeepsTheFirstToken) {
  int asked = 0;
  bench.model_server().answer_with("POST", "/v1/chat/completions", [&asked](const HttpRequest&) {
    if (++asked != 4) return answer();
    return HttpAnswer(200)
        .header("Content-Type", "text/event-stream")
        .piece(10ms, token_text("one"))
        .breaks(Error("http.connection_lost", "gone"));
  });
  const BenchResult result = run();
  expect_no_verdict(result, "first_token.cut");
  EXPECT_EQ(result.measured("first_token.at").outcome, Outcome::informational);
  EXPECT_THAT(result.measured("first_token.time.p95").reason, HasSubstr("first_token.cut (1)"));
  EXPECT_EQ(std::get<std::int64_t>(result.measured("first_token.errors").value), 1);
  EXPECT_EQ(result.bodies<Disturbance>().at(0).code, "first_token.cut");
}

struct Shortfall {
  const char* code;
  HttpAnswer answer;
};
HttpAnswer streams(std::string text) {
  return HttpAnswer(200).header("Content-Type", "text/event-stream").piece(1ms, std::move(text));
}

class ShortfallTest : public FirstTokenTest, public testing::WithParamInterface<Shortfall> {};

TEST_P(ShortfallTest, IsNoVerdictAndHasItsCode) {
  serve(GetParam().answer);
  const BenchResult result = run();
  expect_no_verdict(result, GetParam().code);
  EXPECT_FALSE(result.has_measured("first_token.at"));
}

INSTANTIATE_TEST_SUITE_P(
    Streams, ShortfallTest,
    testing::Values(Shortfall{"first_token.busy", HttpAnswer(429, "")},
                    Shortfall{"first_token.key", HttpAnswer(403, "")},
                    Shortfall{"first_token.http_status", HttpAnswer(500, "x")},
                    Shortfall{"first_token.empty", streams(done_text())},
                    Shortfall{"first_token.cut", streams(role_text() + token_text("one"))},
                    Shortfall{"first_token.unfinished", streams(token_text("one") + done_text())},
                    Shortfall{"first_token.malformed", streams(token_text("one") + event("{"))},
                    Shortfall{"first_token.not_a_stream",
                              HttpAnswer(200).header("Content-Type", "application/json").piece(1ms, "{}")},
                    Shortfall{"first_token.other_model", streams(token_text("one", "n")).stalls()},
                    Shortfall{"first_token.server_error",
                              streams(event(R"({"error":{"message":"gone"}})")).stalls()},
                    Shortfall{"first_token.usage", streams(whole_text({"a", "b"}, 9))}));

TEST_F(FirstTokenTest, AKeptConnectionThatWasGoneIsAskedAgainOnceAndIsOnRecord) {
  int asked = 0;
  bench.model_server().answer_with("POST", "/v1/chat/completions", [&asked](const HttpRequest&) {
    return ++asked == 4 ? HttpAnswer(Error("http.connection_lost", "gone")).after(50ms) : answer();
  });
  const BenchResult result = run({{"concurrency", "1"}});
  EXPECT_EQ(result.ended("main/tokens").status, WorkStatus::complete);
  ASSERT_FALSE(result.bodies<Disturbance>().empty());
  EXPECT_EQ(result.bodies<Disturbance>().at(0).code, "first_token.asked_again");
  EXPECT_NEAR(number(result, "first_token.time.max"), 0.25, 1e-6) << "the time goes on meanwhile";
}

TEST_F(FirstTokenTest, AConnectionThatIsAlwaysGoneIsNoVerdict) {
  serve(HttpAnswer(Error("http.connection_lost", "gone")));
  expect_no_verdict(run(), "first_token.cut");
  EXPECT_EQ(bench.model_server().requests().size(), 3U) << "the list of models, and the question twice";
}

TEST_F(FirstTokenTest, AnEvilPatternEndsNothing) {
  serve(streams(whole_text({"b", std::string(6000, 'a')}, 2)));
  const BenchResult result = run({{"expect", "^(b|a)+$"}, {"requests", "4"}});
  EXPECT_TRUE(result.has_measured("first_token.wrong_answers"));
}

TEST_F(FirstTokenTest, AServerThatKeepsTheStreamOpenBehindDoneHasAnswered) {
  serve(streams(whole_text({"a", "b"}, 2)).stalls());
  EXPECT_EQ(std::get<std::int64_t>(run().measured("first_token.errors").value), 0);
}

TEST_F(FirstTokenTest, ATrayThatIsCutEndsTheQuestions) {
  serve(answer(20s));
  bench.warden_at(5s, [](Runner& runner) {
    Trip trip;
    trip.cause = "leak";
    trip.code = "leak.detected";
    trip.dut = "C02";
    trip.message = "C02 is wet";
    runner.warden_tripped(trip, {"C02"});
  });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.decision, Decision::no_go);
  EXPECT_EQ(bench.model_server().requests().size(), 2U) << "the list of models, and the one question";
  EXPECT_NE(result.ended("main/tokens").status, WorkStatus::complete);
  EXPECT_FALSE(result.has_measured("first_token.at"));
}

TEST_F(FirstTokenTest, APersonsStopEndsIt) {
  serve(answer(30s));
  bench.stop_at(5s);
  const BenchResult result = run();
  EXPECT_EQ(result.ended("main/tokens").status, WorkStatus::aborted);
  EXPECT_LT(result.elapsed_ns, Nanoseconds(8s).count());
}

TEST_F(FirstTokenTest, AsksOnUntilTheTimeIsOver) {
  serve(answer(100ms, 20ms));
  const BenchResult result = run({{"for", "10s"}});
  EXPECT_GE(result.elapsed_ns, Nanoseconds(10s).count());
  EXPECT_LT(result.elapsed_ns, Nanoseconds(12s).count());
  EXPECT_GT(std::get<std::int64_t>(result.measured("first_token.answers").value), 200);
}

TEST_F(FirstTokenTest, ParametersThatCannotBeMeantAreRefusedBeforeTheRun) {
  const auto problem = [](const StepBench::With& more) {
    StepBench::With with = {{"model", "m"}};
    with.insert(with.end(), more.begin(), more.end());
    ParameterMap map;
    for (const auto& [name, text] : with) map[name].text = map[name].value.emplace<std::string>(text);
    const std::unique_ptr<Step> step = plugin_step("first_token.serve");
    std::vector<ParameterProblem> problems;
    const Result<Parameters> bound = Parameters::bind(step->describe(), map, &problems);
    if (!bound) return std::string("unbound");
    const Status good = step->check(*bound);
    return good ? std::string() : good.error().message;
  };
  EXPECT_EQ(problem({}), "");
  EXPECT_EQ(problem({{"address", "http://127.0.0.1:8000"}}), "");
  EXPECT_EQ(problem({{"address", "https://a:8000"}, {"ca", "/etc/ssl/site.pem"}}), "");
  EXPECT_THAT(problem({{"address", "https://a:8000"}}), HasSubstr("vouches"));
  EXPECT_THAT(problem({{"address", "http://a:8000"}}), HasSubstr("without TLS"));
  EXPECT_THAT(problem({{"address", "https://user:word@a"}, {"insecure", "x"}}), HasSubstr("not the address"));
  EXPECT_THAT(problem({{"address", "https://a"}, {"insecure", "x"}, {"ca", "y"}}), HasSubstr("exactly one"));
  EXPECT_THAT(problem({{"ca", "y"}}), HasSubstr("there is none"));
  EXPECT_THAT(problem({{"expect", "("}}), HasSubstr("expression"));
  EXPECT_THAT(problem({{"api", "chatt"}}), HasSubstr("chat"));
  EXPECT_THAT(problem({{"concurrency", "0"}}), HasSubstr("concurrency"));
  EXPECT_THAT(problem({{"concurrency", "100"}}), HasSubstr("at a time"));
  EXPECT_THAT(problem({{"for", "2h"}}), HasSubstr("1h"));
}

}  // namespace
}  // namespace kiln::first_token
