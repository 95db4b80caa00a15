#include "bmc/capture/capture.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

class CaptureOf : public testing::Test {
 protected:
  void SetUp() override {
    service.bodies["/redfish/v1"] =
        R"({"@odata.id":"/redfish/v1/","Id":"R","Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}},
            "A":{"@odata.id":"/redfish/v1/A"},"S":{"@odata.id":"/redfish/v1/JsonSchemas"},
            "G":{"@odata.id":"/redfish/v1/Registries"}})";
    service.bodies["/redfish/v1/A"] =
        R"({"Id":"A",  "n":1.50,"Members@odata.nextLink":"/redfish/v1/A?$skip=1","B":{"@odata.id":"/redfish/v1/Gone"}})";
    service.bodies["/redfish/v1/A?$skip=1"] =
        R"({"C":{"@odata.id":"/redfish/v1/Broken"},"D":{"@odata.id":"/redfish/v1/Refused"}})";
    service.bodies["/redfish/v1/Broken"] = "{\"Id\":";
    service.bodies["/redfish/v1/SessionService/Sessions"] = R"({"Id":"Sessions"})";
    service.bodies["/redfish/v1/JsonSchemas"] = R"({"Id":"J"})";
    service.bodies["/redfish/v1/Registries"] = R"({"Id":"G"})";
    service.handler = [](const HttpRequest& request, const std::string& path) -> std::optional<HttpResponse> {
      if (path == "/redfish/v1/Refused") return reply(403, R"({"error":{"code":"Base.1.0.No"}})");
      if (path == "/redfish/v1/$metadata")
        return reply(200, "<?xml version=\"1.0\"?><x/>",
                     {{"content-type", "application/xml"}, {"Set-Cookie", "s"}});
      (void)request;
      return std::nullopt;
    };
  }

  Result<CaptureReport> capture(CaptureOptions options = {}, Nanoseconds budget = std::chrono::hours(1)) {
    RedfishOptions redfish;
    redfish.base_url = "https://bmc.test";
    redfish.user = "u";
    redfish.password = Secret("p");
    RedfishClient client(service.client(), redfish);
    Desk desk;
    return desk.ask<Result<CaptureReport>>([&](const Ctx& ctx) { return read(ctx, client, options); },
                                           budget);
  }

  static boost::asio::awaitable<Result<CaptureReport>> read(const Ctx& ctx, RedfishClient& client,
                                                            CaptureOptions options) {
    Capture capture(client, options);
    std::function<void(std::size_t)> nobody;
    Result<CaptureReport> report = co_await capture.run(ctx, std::move(nobody));
    const Status out = co_await client.logout(ctx);
    (void)out;
    co_return report;
  }

  static const CapturedAnswer* find(const CaptureReport& report, const std::string& uri) {
    const auto found = std::find_if(report.answers.begin(), report.answers.end(),
                                    [&uri](const CapturedAnswer& answer) { return answer.uri == uri; });
    return found == report.answers.end() ? nullptr : &*found;
  }

  MockService service;
};

TEST_F(CaptureOf, KeepsEveryAnswerAsItWas) {
  service.sessions = true;
  const Result<CaptureReport> report = capture();
  ASSERT_TRUE(report) << report.error().full();
  EXPECT_TRUE(report->complete) << report->incomplete_because;
  for (const auto& [uri, body] : service.bodies) {
    if (uri.find("JsonSchemas") != std::string::npos || uri.find("Registries") != std::string::npos) continue;
    const CapturedAnswer* answer = find(*report, uri == "/redfish/v1" ? "/redfish/v1/" : uri);
    ASSERT_NE(answer, nullptr) << uri;
    EXPECT_EQ(answer->body, body);
    EXPECT_EQ(answer->status, 200);
  }
  EXPECT_EQ(find(*report, "/redfish/v1/Gone")->status, 404);
  EXPECT_EQ(find(*report, "/redfish/v1/Refused")->status, 403);
  EXPECT_EQ(find(*report, "/redfish"), nullptr) << "of the standard, and not there";
  const CapturedAnswer* metadata = find(*report, "/redfish/v1/$metadata");
  ASSERT_NE(metadata, nullptr);
  const HttpHeaders only_type{{"Content-Type", "application/xml"}};
  EXPECT_EQ(metadata->headers, only_type);
  EXPECT_EQ(report->resources, 4);
  EXPECT_EQ(report->errors, 1);
  EXPECT_EQ(report->links_to_nothing, 1);
  EXPECT_EQ(report->not_json, 1);
  EXPECT_EQ(report->left_out, 2);
  EXPECT_GE(report->requests, report->answers.size());
  for (const std::string& line : service.log)
    EXPECT_TRUE(line.starts_with("GET ") || line.find("SessionService/Sessions") != std::string::npos)
        << line;
  EXPECT_EQ(service.count("DELETE /redfish/v1/SessionService/Sessions/1"), 1);
}

TEST_F(CaptureOf, SchemasComeWhenAskedFor) {
  CaptureOptions options;
  options.schemas = true;
  const Result<CaptureReport> report = capture(options);
  ASSERT_TRUE(report);
  EXPECT_NE(find(*report, "/redfish/v1/JsonSchemas"), nullptr);
  EXPECT_EQ(report->left_out, 0);
}

TEST_F(CaptureOf, ACapSaysSo) {
  CaptureOptions options;
  options.most_addresses = 2;
  const Result<CaptureReport> report = capture(options);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->complete);
  EXPECT_NE(report->incomplete_because.find("more than 2"), std::string::npos) << report->incomplete_because;
  options.most_addresses = 20'000;
  options.most_bytes = 10;
  const Result<CaptureReport> small = capture(options);
  ASSERT_TRUE(small);
  EXPECT_FALSE(small->complete);
}

TEST_F(CaptureOf, ADeadlineLeavesWhatWasRead) {
  service.handler = [](const HttpRequest&, const std::string& path) -> std::optional<HttpResponse> {
    if (path == "/redfish/v1/A") return reply(503, "", {{"Retry-After", "9"}});
    return std::nullopt;
  };
  const Result<CaptureReport> report = capture({}, std::chrono::seconds(5));
  ASSERT_TRUE(report) << report.error().full();
  EXPECT_NE(find(*report, "/redfish/v1/"), nullptr);
  const CapturedAnswer* busy = find(*report, "/redfish/v1/A");
  ASSERT_NE(busy, nullptr) << "what it answered last is its answer";
  EXPECT_EQ(busy->status, 503);
}

TEST_F(CaptureOf, ABmcThatGoesAwayIsNotAskedForEver) {
  std::string list = R"({"Id":"A","Members":[)";
  for (int i = 0; i < 400; ++i)
    list += (i > 0 ? "," : "") + std::string(R"({"@odata.id":"/redfish/v1/A/)") + std::to_string(i) + "\"}";
  service.bodies["/redfish/v1/A"] = list + "]}";
  for (int i = 0; i < 400; ++i) {
    auto& broken = service.broken["GET /redfish/v1/A/" + std::to_string(i)];
    for (int turn = 0; turn < 5; ++turn) broken.emplace_back("http.connect", "refused");
  }
  const Result<CaptureReport> report = capture();
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->complete);
  EXPECT_NE(report->incomplete_because.find("stopped answering"), std::string::npos)
      << report->incomplete_because;
  EXPECT_LT(report->unanswered.size(), 40U);
}

TEST_F(CaptureOf, WithoutAServiceRootThereIsNone) {
  service.handler = [](const HttpRequest&, const std::string&) -> std::optional<HttpResponse> {
    return reply(404);
  };
  EXPECT_FALSE(capture());
  service.handler = {};
  for (int turn = 0; turn < 5; ++turn)
    service.broken["GET /redfish/v1/"].emplace_back("http.connect", "refused");
  const Result<CaptureReport> report = capture();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "bmc.unreachable");
}

}  // namespace
}  // namespace kiln
