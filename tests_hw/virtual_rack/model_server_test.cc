// The model server under virtual time: its streams piece by piece, what it refuses, and each of its faults.

#include "tests_hw/virtual_rack/model_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests_hw/virtual_rack/physics.h"
#include "tests_hw/virtual_rack/rack_test_rig.h"

namespace kiln::virtual_rack {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

class ModelServerTest : public ::testing::Test {
 protected:
  ModelServerTest() { pass(3); }  // the model loads

  void pass(double seconds) {
    for (double left = seconds; left > 0; left -= 0.002) {
      now_ns_ += 2'000'000;
      advance(rack_.rack(), now_ns_);
      server_.tick();
    }
  }
  HttpRequest request(const std::string& method, const std::string& path, const std::string& body = {}) {
    HttpRequest made;
    made.method = method;
    made.path = path;
    made.body = body;
    made.headers = {{"Authorization", "Bearer key"}};
    return made;
  }
  HttpResponse ask(const std::string& more = {}, const std::string& model = ModelServer::kModel) {
    return server_.handle(
        request("POST", "/v1/chat/completions",
                R"({"model":")" + model +
                    R"(","messages":[{"role":"user","content":"Are you up?"}],"stream":true)" + more + "}"));
  }
  void add(const std::string& spec) {
    const auto added = add_fault(rack_.rack(), *parse_fault(spec));
    ASSERT_TRUE(added) << added.error().full();
  }
  static json::object object(const HttpResponse& response) { return json::parse(response.body).as_object(); }
  /// The JSON of every "data:" line; [DONE] is left out.
  static std::vector<json::object> chunks(const std::string& text) {
    std::vector<json::object> found;
    for (std::size_t at = text.find("data: {"); at != std::string::npos; at = text.find("data: {", at + 1))
      found.push_back(json::parse(text.substr(at + 6, text.find('\n', at) - at - 6)).as_object());
    return found;
  }

  std::uint64_t now_ns_ = 5'200'000'000;
  Rig rack_;
  RequestLog log_;
  ModelServer server_{rack_.rack(), log_, "key", [this] { return now_ns_; }};
};

TEST_F(ModelServerTest, ListsItsModelToWhoeverHasTheKeyOnly) {
  const HttpResponse listed = server_.handle(request("GET", "/v1/models"));
  EXPECT_EQ(listed.status, 200U);
  EXPECT_EQ(object(listed).at("data").at(0).at("id").as_string(), ModelServer::kModel);
  HttpRequest stranger = request("GET", "/v1/models");
  stranger.headers = {{"Authorization", "Bearer other"}};
  EXPECT_EQ(server_.handle(stranger).status, 401U);
  stranger.headers.clear();
  EXPECT_EQ(server_.handle(stranger).status, 401U);
  EXPECT_EQ(server_.handle(request("GET", "/v1/nothing")).status, 404U);
  EXPECT_EQ(server_.handle(request("GET", "/v1/completions")).status, 405U);
}

TEST_F(ModelServerTest, AStreamIsRoleTokensReasonUsageAndDone) {
  const HttpResponse answer = ask(R"(,"max_tokens":5,"stream_options":{"include_usage":true})");
  ASSERT_TRUE(answer.stream);
  EXPECT_THAT(answer.content_type, HasSubstr("text/event-stream"));
  pass(0.05);
  EXPECT_EQ(answer.stream->take(), "") << "no token before its time";
  pass(0.02);
  const std::string first = answer.stream->take();
  EXPECT_THAT(first, HasSubstr(R"("content":"The")"));
  pass(0.1);
  const std::string text = first + answer.stream->take();
  const std::vector<json::object> all = chunks(text);
  ASSERT_EQ(all.size(), 8U);  // role, 5 tokens, reason, usage
  for (const json::object& each : all) {
    EXPECT_EQ(each.at("object").as_string(), "chat.completion.chunk");
    EXPECT_EQ(each.at("id"), all[0].at("id"));
    EXPECT_EQ(each.at("model").as_string(), ModelServer::kModel);
  }
  EXPECT_EQ(all[0].at("choices").at(0).at("delta").at("role").as_string(), "assistant");
  EXPECT_EQ(all[6].at("choices").at(0).at("finish_reason").as_string(), "length");
  EXPECT_TRUE(all[7].at("choices").as_array().empty());
  EXPECT_EQ(all[7].at("usage").at("completion_tokens").to_number<int>(), 5);
  EXPECT_TRUE(text.ends_with("data: [DONE]\n\n"));
  EXPECT_TRUE(answer.stream->ended());
  EXPECT_EQ(server_.answers_under_way(), 0U);
}

TEST_F(ModelServerTest, AnswersToACompletionAndToWhoeverWantsNoStream) {
  const HttpResponse text = server_.handle(request(
      "POST", "/v1/completions", R"({"model":"virtual-llm","prompt":"a","stream":true,"max_tokens":1})"));
  pass(0.2);
  EXPECT_EQ(chunks(text.stream->take()).at(0).at("choices").at(0).at("text").as_string(), "The");
  const HttpResponse whole = server_.handle(
      request("POST", "/v1/chat/completions",
              R"({"model":"virtual-llm","messages":[{"role":"user","content":"a"}],"max_tokens":3})"));
  EXPECT_EQ(object(whole).at("choices").at(0).at("message").at("content").as_string(), "The rack is");
  EXPECT_GE(whole.delay.count(), 60);
}

TEST_F(ModelServerTest, RefusesAsVllmDoes) {
  EXPECT_EQ(object(ask("", "other")).at("error").at("code").to_number<int>(), 404);
  EXPECT_EQ(ask(R"(,"max_tokens":0)").status, 400U);
  EXPECT_EQ(ask(R"(,"max_tokens":4096)").status, 400U);
  EXPECT_EQ(server_.handle(request("POST", "/v1/chat/completions", "{")).status, 400U);
  EXPECT_EQ(server_.handle(request("POST", "/v1/chat/completions", R"({"model":"virtual-llm"})")).status,
            400U);
  EXPECT_EQ(
      server_
          .handle(request("POST", "/v1/completions",
                          R"({"model":"virtual-llm","prompt":"a","stream_options":{"include_usage":true}})"))
          .status,
      400U);
}

TEST_F(ModelServerTest, HeatsTheTraysWhileItAnswersAndNoLonger) {
  HttpResponse answer = ask(R"(,"max_tokens":50)");
  EXPECT_TRUE(rack_.c01().load && rack_.dut("C02").load);
  answer.stream.reset();  // the peer has left
  pass(0.1);
  EXPECT_FALSE(rack_.c01().load || rack_.dut("C02").load);
  EXPECT_EQ(server_.answers_under_way(), 0U);
}

TEST_F(ModelServerTest, ATrayThatGoesDownTakesTheModelAlong) {
  const HttpResponse answer = ask(R"(,"max_tokens":200)");
  pass(0.1);
  EXPECT_TRUE(request_power(rack_.rack(), rack_.dut("C02"), PowerCommand::force_off));
  pass(1);
  EXPECT_TRUE(answer.stream->ended());
  EXPECT_THAT(answer.stream->take(), Not(HasSubstr("[DONE]")));
  EXPECT_EQ(server_.handle(request("GET", "/v1/models")).status, 503U);
}

TEST_F(ModelServerTest, EveryFaultOfItIsSeenOnItsStream) {
  add("first-token-slow@C01");
  HttpResponse answer = ask(R"(,"max_tokens":2)");
  pass(2.9);
  EXPECT_EQ(answer.stream->take(), "");
  pass(0.2);
  EXPECT_THAT(answer.stream->take(), HasSubstr("[DONE]"));
  ASSERT_TRUE(clear_fault(rack_.rack(), *parse_fault("first-token-slow@C01")));

  add("tokens-slow@C02");
  answer = ask(R"(,"max_tokens":2)");
  pass(0.3);
  EXPECT_THAT(answer.stream->take(), Not(HasSubstr("[DONE]")));
  pass(0.3);
  EXPECT_THAT(answer.stream->take(), HasSubstr("[DONE]"));
  ASSERT_TRUE(clear_fault(rack_.rack(), *parse_fault("tokens-slow@C02")));

  add("answer-wrong@C01");
  answer = ask(R"(,"max_tokens":2)");
  pass(0.3);
  EXPECT_THAT(answer.stream->take(), HasSubstr(R"("content":"!")"));
  ASSERT_TRUE(clear_fault(rack_.rack(), *parse_fault("answer-wrong@C01")));

  add("stream-cut@C01");
  answer = ask(R"(,"max_tokens":9)");
  pass(0.3);
  EXPECT_TRUE(answer.stream->ended());
  EXPECT_THAT(answer.stream->take(), Not(HasSubstr("[DONE]")));
  ASSERT_TRUE(clear_fault(rack_.rack(), *parse_fault("stream-cut@C01")));

  add("stream-stall@C01");
  answer = ask(R"(,"max_tokens":9)");
  pass(10);
  EXPECT_FALSE(answer.stream->ended());
  EXPECT_EQ(chunks(answer.stream->take()).size(), 5U);
  ASSERT_TRUE(clear_fault(rack_.rack(), *parse_fault("stream-stall@C01")));
  pass(0.1);
  EXPECT_THAT(answer.stream->take(), HasSubstr("[DONE]"));

  add("model-other@C01");
  EXPECT_EQ(object(server_.handle(request("GET", "/v1/models"))).at("data").at(0).at("id").as_string(),
            ModelServer::kOtherModel);
  EXPECT_EQ(ask().status, 404U);
  ASSERT_TRUE(clear_fault(rack_.rack(), *parse_fault("model-other@C01")));

  add("model-loading@C01");
  pass(30);  // it counts from the first request
  EXPECT_EQ(server_.handle(request("GET", "/v1/models")).status, 503U);
  pass(3.9);
  EXPECT_EQ(server_.handle(request("GET", "/v1/models")).status, 503U);
  pass(0.2);
  EXPECT_EQ(server_.handle(request("GET", "/v1/models")).status, 200U);
}

}  // namespace
}  // namespace kiln::virtual_rack
