// Logins and connections that go bad, over real TLS: another certificate, answers that never accept a login,
// a full table, connections that break while they are kept.
#include "bmc/https_bmc_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

class FaultySession : public HttpsBmc {};

TEST_F(FaultySession, ACertificateThatChangesBetweenTwoRequestsEndsThem) {
  says("GET /redfish/v1/Thing", closed_after(answer_of(200, kThing)));
  make("admin", 8);
  ASSERT_TRUE(get("/redfish/v1/Thing"));
  const std::size_t before = requests().size();
  peer.use(TestCertificate());
  const Result<RedfishResource> after = get("/redfish/v1/Thing");
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, "bmc.untrusted");
  EXPECT_EQ(requests().size(), before) << "neither token nor password goes to a stranger";
}

TEST_F(FaultySession, WhereEveryAnswerIs401TheLoginIsTriedTwiceAndThenNotForAWhile) {
  says("GET /redfish/v1/Thing", answer_of(401, ""));
  says("GET /redfish/v1/Other", answer_of(401, ""));
  make("admin", 8);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.login");
    EXPECT_EQ(code_of("/redfish/v1/Other"), "bmc.login");
  }
  EXPECT_EQ(count("POST /redfish/v1/Sessions"), 2) << "each login takes one of the BMC's few places";
}

TEST_F(FaultySession, OneResourceThatAlwaysSays401CostsNoLoginPerReading) {
  says("GET /redfish/v1/Other", answer_of(401, ""));
  make("admin", 8);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(get("/redfish/v1/Thing"));
    EXPECT_EQ(code_of("/redfish/v1/Other"), "bmc.login");
  }
  EXPECT_EQ(count("POST /redfish/v1/Sessions"), 2);
  says("GET /redfish/v1/Thing", answer_of(401, ""));
  says_next("GET /redfish/v1/Thing", answer_of(200, kThing));
  EXPECT_TRUE(get("/redfish/v1/Thing")) << "and a session that is really gone is renewed at once";
  EXPECT_EQ(count("POST /redfish/v1/Sessions"), 3);
}

TEST_F(FaultySession, AFullTableIsSaidToBeFullAndAFreePlaceIsTaken) {
  says("POST /redfish/v1/Sessions",
       answer_of(503, R"({"error":{"code":"Base.1.18.SessionLimitExceeded","message":"full"}})"));
  make("admin", 8);
  EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.sessions_full");
  EXPECT_EQ(count("POST /redfish/v1/Sessions"), 1)
      << "nobody is put out of the table by asking again at once";
  says("POST /redfish/v1/Sessions",
       answer_of(201, "{}", "X-Auth-Token: t-1\r\nLocation: /redfish/v1/Sessions/1\r\n"));
  EXPECT_TRUE(get("/redfish/v1/Thing"));
}

TEST_F(FaultySession, AReadSurvivesAConnectionThatWasClosedWhileItWasKept) {
  says("GET /redfish/v1/Thing", closed_after(answer_of(200, kThing)));  // without "Connection: close"
  make();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(get("/redfish/v1/Thing")) << i;
  EXPECT_EQ(count("GET /redfish/v1/Thing"), 10);
  EXPECT_TRUE(client->take_disturbances().empty());
}

TEST_F(FaultySession, AReadWhoseKeptConnectionBreaksInsteadOfAnAnswerIsRepeated) {
  says("GET /redfish/v1/Thing", answer_of(200, kThing));
  says_next("GET /redfish/v1/Thing", closed_after(PeerReply()));
  says_next("GET /redfish/v1/Thing", answer_of(200, kThing));
  make();
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_EQ(count("GET /redfish/v1/Thing"), 3);
}

TEST_F(FaultySession, AChangeWhoseKeptConnectionBreaksIsNeverSentAgainByItself) {
  for (const Repeat repeat : {Repeat::never, Repeat::if_not_executed}) {
    says("POST /redfish/v1/Reset", closed_after(PeerReply()));  // it may have been carried out
    make();
    ASSERT_TRUE(get("/redfish/v1/Thing"));  // so that there is a kept connection
    const int before = count("POST /redfish/v1/Reset");
    const Result<RedfishAnswer> answer = post("/redfish/v1/Reset", repeat);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "bmc.unreachable");
    EXPECT_THAT(answer.error().message, testing::HasSubstr("may have been carried out"));
    EXPECT_EQ(count("POST /redfish/v1/Reset") - before, 1);
  }
  says("PATCH /redfish/v1/Thing", closed_after(PeerReply()));
  make();
  EXPECT_EQ(patch("/redfish/v1/Thing").error().code, "bmc.unreachable");
  EXPECT_EQ(count("PATCH /redfish/v1/Thing"), 1);
}

TEST_F(FaultySession, WhatMayBeAskedTwiceIsAskedAgainAndSaidSo) {
  says("POST /redfish/v1/Off", closed_after(PeerReply()));
  says_next("POST /redfish/v1/Off", answer_of(200, "{}"));
  make("", 2);
  ASSERT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_TRUE(post("/redfish/v1/Off", Repeat::always));
  EXPECT_EQ(count("POST /redfish/v1/Off"), 2);
  EXPECT_EQ(client->take_disturbances().size(), 1U);
}

}  // namespace
}  // namespace kiln
