#include "station/keyed_http.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "testing/scripted_http.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

class KeyedHttpTest : public testing::Test {
 protected:
  awaitable<void> ask(Ctx& ctx, std::string url, std::string key) {
    KeyedHttp client(std::make_unique<SharedHttp>(script), "https://a:1", Secret(std::move(key)));
    HttpRequest request("GET", url);
    answer = co_await client.send(ctx, std::move(request));
    HttpRequest again("GET", std::move(url));
    streamed = co_await client.stream(ctx, std::move(again), [](const std::string&) {});
  }
  void run(const std::string& url, const std::string& key) {
    loop->run([&](Ctx& ctx) { return ask(ctx, url, key); });
  }
  std::unique_ptr<Loop> loop = Loop::simulated();
  ScriptedHttp script;
  Result<HttpResponse> answer = Error("test.unset", "");
  Result<HttpResponse> streamed = Error("test.unset", "");
};

TEST_F(KeyedHttpTest, TheKeyGoesToItsAddress) {
  script.answer("GET", "/v1/models", HttpAnswer(200));
  run("https://a:1/v1/models", "secret");
  ASSERT_TRUE(answer && streamed);
  for (const HttpRequest& request : script.requests())
    EXPECT_EQ(request.headers.at(0), (std::pair<std::string, std::string>("Authorization", "Bearer secret")));
}

TEST_F(KeyedHttpTest, WithoutAKeyNothingIsSent) {
  script.answer("GET", "/v1/models", HttpAnswer(200));
  run("https://a:1/v1/models", "");
  EXPECT_TRUE(script.requests().at(0).headers.empty());
}

TEST_F(KeyedHttpTest, NothingGoesAnywhereElse) {
  for (const char* url : {"https://a:12/v1", "https://a", "http://a:1/v1", "https://a:1.example/v1",
                          "https://b:1/v1", "https://a:1@b/v1", "https://a:1/x/../y"}) {
    run(url, "secret");
    EXPECT_EQ(answer.error().code, "http.request") << url;
    EXPECT_EQ(streamed.error().code, "http.request") << url;
    EXPECT_EQ(answer.error().full().find("secret"), std::string::npos);
  }
  EXPECT_TRUE(script.requests().empty());
}

}  // namespace
}  // namespace kiln
