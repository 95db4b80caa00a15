// Conditional reads: what they save, and that no tag is believed that does not deserve it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "bmc/cooling.h"
#include "bmc/event_log.h"
#include "bmc/firmware.h"
#include "bmc/gpu.h"
#include "bmc/https_bmc_for_test.h"
#include "bmc/leak.h"
#include "bmc/mock_service_for_test.h"
#include "bmc/nvlink.h"
#include "bmc/parts.h"
#include "bmc/power.h"
#include "bmc/sensors.h"

namespace kiln {
namespace {

// The rule of entity_tags.h, kept by types: whoever guards, switches or judges can't be given a tree that
// takes a 304 for an answer.
static_assert(!std::is_convertible_v<SettledTree&, ServiceTree&> &&
              !std::is_convertible_v<SettledTree*, ServiceTree*>);
static_assert(!std::is_constructible_v<LeakReader, SettledTree&> &&
              !std::is_constructible_v<PowerControl, SettledTree&>);
static_assert(!std::is_constructible_v<SensorReader, SettledTree&> &&
              !std::is_constructible_v<GpuReader, SettledTree&>);
static_assert(!std::is_constructible_v<NvlinkReader, SettledTree&> &&
              !std::is_constructible_v<CoolingReader, SettledTree&>);
static_assert(!std::is_constructible_v<EventLogReader, SettledTree&> &&
              !std::is_constructible_v<FirmwareReader, SettledTree&>);
static_assert(std::is_constructible_v<LeakReader, ServiceTree&> &&
              std::is_constructible_v<PartsReader, SettledTree&>);

const std::string kDrive = "/redfish/v1/Systems/1/Drives/1";

/// A service whose one resource has a tag, and answers a conditional read as told.
class Tagged : public testing::Test {
 protected:
  Tagged() {
    service.handler = [this](const HttpRequest& request, const std::string& path) {
      return answer(request, path);
    };
    make();
  }
  void make() {
    RedfishOptions options;
    options.base_url = "https://bmc.test";
    options.peer = peer;
    options.retry_delay = std::chrono::milliseconds(1);
    client = std::make_unique<RedfishClient>(service.client(), options);
  }
  std::optional<HttpResponse> answer(const HttpRequest& request, const std::string& path) {
    if (path != kDrive || request.method != "GET") return std::nullopt;
    std::string asked;
    for (const auto& [name, value] : request.headers) {
      if (name == "If-None-Match") asked = value;
    }
    ++(asked.empty() ? plain : conditional);
    if (!asked.empty() && on_conditional) {
      std::optional<HttpResponse> told = on_conditional();
      if (told) return told;
    }
    if (asked == tag) return reply(304, "", {{"ETag", tag}});
    return reply(200, body, {{"Content-Type", "application/json"}, {"ETag", tag}});
  }
  RedfishResource read() {
    Result<RedfishResource> read = desk.ask<Result<RedfishResource>>(
        [this](const Ctx& ctx) { return client->get_unless_changed(ctx, kDrive); });
    EXPECT_TRUE(read) << (read ? "" : read.error().full());
    return read ? std::move(*read) : RedfishResource();
  }
  bool noted() {
    const std::vector<AppliedQuirk> quirks = client->take_quirks();
    return quirks.size() == 1 && quirks.front().quirk == "entity_tags_unreliable";
  }
  Desk desk;
  MockService service;
  std::shared_ptr<BmcPeer> peer = std::make_shared<BmcPeer>();
  std::unique_ptr<RedfishClient> client;
  std::string tag = "\"1\"", body = R"({"Id":"1","Model":"A"})";
  std::function<std::optional<HttpResponse>()> on_conditional;
  int plain = 0, conditional = 0;
};

TEST_F(Tagged, AfterOneComparisonA304StandsForTheAnswerWithItsOwnTime) {
  EXPECT_FALSE(read().unchanged);
  EXPECT_FALSE(read().unchanged) << "the first 304 is compared with a plain read";
  EXPECT_EQ(plain, 2);
  const std::int64_t before = desk.now_ns();
  const RedfishResource third = read();
  EXPECT_TRUE(third.unchanged);
  EXPECT_EQ(third.body["Model"].text(), "A");
  EXPECT_GT(third.received_ns, before);
  for (int i = 0; i < 14; ++i) EXPECT_TRUE(read().unchanged) << i;
  EXPECT_EQ(plain, 2);
  EXPECT_FALSE(read().unchanged) << "once in a while it is compared again";
  EXPECT_EQ(plain, 3);
  EXPECT_TRUE(client->take_quirks().empty());
}

TEST_F(Tagged, WhatHasChangedIsReadWhole) {
  read();
  read();
  tag = "\"2\"";
  body = R"({"Id":"1","Model":"B"})";
  const RedfishResource changed = read();
  EXPECT_FALSE(changed.unchanged);
  EXPECT_EQ(changed.body["Model"].text(), "B");
  EXPECT_TRUE(read().unchanged);
}

TEST_F(Tagged, ATagThatStaysWhileItsContentChangesIsNeverBelievedAgain) {
  read();
  body = R"({"Id":"1","Model":"B"})";  // under the same tag
  EXPECT_EQ(read().body["Model"].text(), "B") << "the first 304 was not believed";
  EXPECT_TRUE(noted());
  const int asked = conditional;
  read();
  make();  // another connection to the same BMC knows it as well
  read();
  read();
  EXPECT_EQ(conditional, asked);
}

TEST_F(Tagged, ATagThatTurnsUntrueLaterIsFoundOutWithinSixteenReads) {
  read();
  read();
  body = R"({"Id":"1","Model":"B"})";
  int reads = 0;
  while (read().body["Model"].text() == "A" && reads < 100) ++reads;
  EXPECT_LE(reads, 15);
  EXPECT_TRUE(noted());
}

TEST_F(Tagged, AServiceThatSendsTheWholeAllTheSameIsNotAskedForLong) {
  on_conditional = [this] { return reply(200, body, {{"ETag", tag}}); };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(read().body["Model"].text(), "A");
  EXPECT_EQ(conditional, 3);
  EXPECT_TRUE(client->take_quirks().empty()) << "nothing is wrong with that";
}

TEST_F(Tagged, AServiceThatFallsSilentIsAskedSoOnce) {
  read();
  service.broken["GET " + kDrive].push_back(Error("http.connection_lost", "gone"));
  EXPECT_EQ(read().body["Model"].text(), "A");
  EXPECT_TRUE(noted());
  read();
  EXPECT_EQ(conditional, 0) << "the only one of them broke before it was answered";
}

TEST_F(Tagged, ARefusedHeaderIsLeftOut) {
  on_conditional = [] { return reply(412, R"({"error":{"code":"Base.1.0.PreconditionFailed"}})"); };
  read();
  EXPECT_EQ(read().body["Model"].text(), "A");
  EXPECT_TRUE(noted());
  read();
  EXPECT_EQ(conditional, 1);
}

TEST_F(Tagged, ABusyServiceSaysNothingAboutItsTags) {
  read();
  on_conditional = [] { return reply(503, ""); };
  EXPECT_EQ(read().body["Model"].text(), "A");
  on_conditional = nullptr;
  read();
  EXPECT_TRUE(read().unchanged);
  EXPECT_TRUE(client->take_quirks().empty());
}

TEST_F(Tagged, WhatIsGoneIsGone) {
  read();
  on_conditional = [] { return reply(404, ""); };
  service.handler = [](const HttpRequest&, const std::string&) { return reply(404, ""); };
  const auto gone = desk.ask<Result<RedfishResource>>(
      [this](const Ctx& ctx) { return client->get_unless_changed(ctx, kDrive); });
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, "bmc.not_found");
  EXPECT_TRUE(client->take_quirks().empty());
}

TEST_F(Tagged, WeakTagsAreNotUsedAndAnOrdinaryReadIsNeverConditional) {
  tag = "W/\"1\"";
  read();
  read();
  EXPECT_EQ(conditional, 0);
  tag = "\"1\"";
  read();
  const auto fresh =
      desk.ask<Result<RedfishResource>>([this](const Ctx& ctx) { return client->get(ctx, kDrive); });
  EXPECT_TRUE(fresh);
  EXPECT_EQ(conditional, 0);
}

TEST_F(Tagged, AChangeOfOursForgetsWhatWasKept) {
  read();
  read();
  const Status changed =
      desk.ask<Status>([this](const Ctx& ctx) { return client->remove(ctx, "/redfish/v1/Other"); });
  EXPECT_TRUE(changed);
  const int asked = conditional;
  EXPECT_FALSE(read().unchanged);
  EXPECT_EQ(conditional, asked);
}

/// A leak detector and a sensor with tags that say "unchanged" whatever happens.
TEST(Guarding, ALiarsTagsHideNoLeak) {
  MockService service;
  service.bodies["/redfish/v1"] = R"({"Id":"R","Chassis":{"@odata.id":"/redfish/v1/Chassis"}})";
  service.bodies["/redfish/v1/Chassis"] = R"({"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]})";
  service.bodies["/redfish/v1/Chassis/1"] =
      R"({"Id":"1","LeakDetectors":{"@odata.id":"/redfish/v1/Chassis/1/LeakDetectors"}})";
  service.bodies["/redfish/v1/Chassis/1/LeakDetectors"] =
      R"({"Members":[{"@odata.id":"/redfish/v1/Chassis/1/LeakDetectors/a"}]})";
  service.bodies["/redfish/v1/Chassis/1/LeakDetectors/a"] =
      R"({"Id":"a","DetectorState":"OK","Status":{"State":"Enabled","Health":"OK"}})";
  service.handler = [&service](const HttpRequest& request,
                               const std::string& path) -> std::optional<HttpResponse> {
    for (const auto& [name, value] : request.headers) {
      if (name == "If-None-Match") return reply(304, "", {{"ETag", "\"always\""}});
    }
    std::string bare = path;
    while (bare.ends_with('/')) bare.pop_back();
    const auto body = service.bodies.find(bare);
    if (body == service.bodies.end()) return std::nullopt;
    return reply(200, body->second, {{"ETag", "\"always\""}});
  };
  RedfishOptions options;
  options.parts_by_tag = true;
  const std::unique_ptr<Bmc> bmc = service.bmc(options);
  Desk desk;
  const auto worst = [&] {
    const auto census =
        desk.ask<Result<LeakCensus>>([&](const Ctx& ctx) { return bmc->leak_detectors(ctx); });
    return census && census->detectors.size() == 1 ? census->detectors[0].verdict.reading
                                                   : LeakReading::fault;
  };
  const auto parts = [&] {
    return desk.ask<Result<std::vector<Part>>>([&](const Ctx& ctx) { return bmc->parts(ctx); }).has_value();
  };
  EXPECT_TRUE(parts() && parts() && parts());
  EXPECT_EQ(worst(), LeakReading::dry);
  service.bodies["/redfish/v1/Chassis/1/LeakDetectors/a"] =
      R"({"Id":"a","DetectorState":"Critical","Status":{"State":"Enabled","Health":"Critical"}})";
  EXPECT_EQ(worst(), LeakReading::leak);
}

/// How many of the requests of three censuses were conditional, and the model that the last one tells of.
std::pair<int, std::string> three_censuses(bool parts_by_tag) {
  MockService service;
  service.bodies["/redfish/v1"] = R"({"Id":"R","Chassis":{"@odata.id":"/redfish/v1/Chassis"}})";
  service.bodies["/redfish/v1/Chassis"] = R"({"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]})";
  service.bodies["/redfish/v1/Chassis/1"] = R"({"Id":"1","SerialNumber":"old"})";
  int conditional = 0;
  service.handler = [&service, &conditional](const HttpRequest& request,
                                             const std::string& path) -> std::optional<HttpResponse> {
    for (const auto& [name, value] : request.headers) {
      if (name != "If-None-Match") continue;
      ++conditional;
      return reply(304, "", {{"ETag", "\"always\""}});
    }
    std::string bare = path;
    while (bare.ends_with('/')) bare.pop_back();
    const auto body = service.bodies.find(bare);
    if (body == service.bodies.end()) return std::nullopt;
    return reply(200, body->second, {{"ETag", "\"always\""}});
  };
  RedfishOptions options;
  options.parts_by_tag = parts_by_tag;
  const std::unique_ptr<Bmc> bmc = service.bmc(options);
  Desk desk;
  std::string serial;
  for (int i = 0; i < 3; ++i) {
    if (i == 2) service.bodies["/redfish/v1/Chassis/1"] = R"({"Id":"1","SerialNumber":"new"})";
    const auto parts = desk.ask<Result<std::vector<Part>>>([&](const Ctx& ctx) { return bmc->parts(ctx); });
    for (const Part& part : parts ? *parts : std::vector<Part>()) {
      if (!part.serial.empty()) serial = part.serial;
    }
  }
  return {conditional, serial};
}

TEST(Guarding, ACensusIsReadFreshUnlessItIsToldOtherwise) {
  EXPECT_EQ(three_censuses(false), std::pair(0, std::string("new"))) << "whatever its tags say";
  EXPECT_GT(three_censuses(true).first, 0);
}

TEST(TaggedAnswers, AreBoundedByCountAndSizeAndTheOldestGo) {
  TaggedAnswers answers;
  for (int i = 0; i < 2'000; ++i) answers.keep(fmt::format("/{}", i), {"\"1\"", JsonView(), 10});
  EXPECT_EQ(answers.count(), 512U);
  EXPECT_EQ(answers.find("/0"), nullptr);
  EXPECT_NE(answers.find("/1999"), nullptr);
  EXPECT_EQ(answers.bytes(), 5'120U);
  for (int i = 0; i < 100; ++i) answers.keep(fmt::format("/big/{}", i), {"\"1\"", JsonView(), 200'000});
  EXPECT_LE(answers.bytes(), std::size_t{4} << 20U);
  const std::size_t before = answers.count();
  answers.keep("/huge", {"\"1\"", JsonView(), 300'000});
  EXPECT_EQ(answers.find("/huge"), nullptr);
  EXPECT_EQ(answers.count(), before);
  answers.keep("/big/99", {"\"2\"", JsonView(), 1});
  EXPECT_EQ(answers.find("/big/99")->tag, "\"2\"");
  answers.clear();
  EXPECT_EQ(answers.count() + answers.bytes(), 0U);
}

TEST(StrongTags, AreInQuotesAndNotWeak) {
  for (const char* good : {"\"1\"", "\"1735689600\"", "\"24a5462414b126660b4\""})
    EXPECT_TRUE(is_strong_tag(good)) << good;
  for (const char* bad : {"", "\"\"", "W/\"1\"", "1", "\"a\"b\"", "\"a b\"", "\"a\r\nX: 1\"", "*"})
    EXPECT_FALSE(is_strong_tag(bad)) << bad;
}

/// The same over real TLS: a 304 has no body, and what comes after it on the connection is whole.
class TaggedOverTls : public HttpsBmc {
 protected:
  Result<RedfishResource> read(const std::string& path) {
    Result<RedfishResource> answer = Error("test.unset", "no answer");
    loop_->run([&](Ctx& ctx) { return read_into(ctx, *client, path, &answer); });
    return answer;
  }

 private:
  static boost::asio::awaitable<void> read_into(Ctx& ctx, RedfishClient& from, std::string path,
                                                Result<RedfishResource>* into) {
    const Ctx limited = ctx.child_within("get", std::chrono::seconds(60));
    *into = co_await from.get_unless_changed(limited, path);
  }
};

TEST_F(TaggedOverTls, AnUnchangedAnswerKeepsTheConnectionAndTheContent) {
  PeerReply unchanged;
  unchanged.bytes = "HTTP/1.1 304 Not Modified\r\nETag: \"7\"\r\n\r\n";
  const PeerReply whole = answer_of(200, kThing, "ETag: \"7\"\r\n");
  says("GET /redfish/v1/Thing", whole);
  for (const PeerReply& next : {unchanged, whole, unchanged, unchanged})
    says_next("GET /redfish/v1/Thing", next);
  make();
  for (int i = 0; i < 4; ++i) {
    const Result<RedfishResource> thing = read("/redfish/v1/Thing");
    ASSERT_TRUE(thing) << thing.error().full();
    EXPECT_EQ(thing->body["Value"].integer(), 1);
    EXPECT_EQ(thing->unchanged, i >= 2) << i;
  }
  EXPECT_TRUE(get("/redfish/v1/"));
  EXPECT_EQ(count("GET /redfish/v1/Thing"), 5);
}

TEST_F(TaggedOverTls, AServiceThatDiesOfTheHeaderIsReadWithoutIt) {
  says("GET /redfish/v1/Thing", answer_of(200, kThing, "ETag: \"7\"\r\n"));
  PeerReply dead;
  dead.bytes = "HTTP/1.1 200 OK\r\nContent-";
  says_next("GET /redfish/v1/Thing", closed_after(dead));
  says_next("GET /redfish/v1/Thing", answer_of(200, kThing, "ETag: \"7\"\r\n"));
  make();
  ASSERT_TRUE(read("/redfish/v1/Thing"));
  const Result<RedfishResource> again = read("/redfish/v1/Thing");
  ASSERT_TRUE(again) << again.error().full();
  EXPECT_FALSE(client->peer().tags.usable());
  EXPECT_TRUE(read("/redfish/v1/Thing"));
}

}  // namespace
}  // namespace kiln
