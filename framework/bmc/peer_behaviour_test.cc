// What independent Redfish services were seen to do, and the test that shows the client survives it.
//
//   HTTP/1.0, one thread, a connection per request AServerWithOneThreadThatClosesEachConnectionIsReadWhole
//   session POST answered 204 without body             Client.ALoginWithoutTokenFallsBackToBasicAndSaysSo
//   session POST answered 201, no Location, no body    ALoginWithoutLocationAndBodyIsASession
//   session POST itself asks for Basic                 Client.ALoginThatAsksForBasicGetsIt
//   lower-case header names                            LowerCaseHeadersAndAStrayLineEndAreRead
//   a stray CRLF behind the headers                    LowerCaseHeadersAndAStrayLineEndAreRead
//   sessions and links that want their slash           TheSlashedFormIsAskedWithTheSameMethodBodyAndToken
//   429 without Retry-After                            Client.RepeatsWhatMayPassAndKeepsCount
//   501 or 400 for an action's value                   AnActionThatIsRefusedIsRefusedOnceWithWhatWasSaid
//   200 for an action that failed                      AnActionThatIsAnswered200IsAcceptedAndNoMore
//   error bodies of every kind                         AnActionThatIsRefusedIsRefusedOnceWithWhatWasSaid,
//                                                      RedfishError.TheRealCodeMayStandInTheExtendedInfo
//   500 with a nearly complete body                    Client.ErrorBodiesAndHalfBrokenResourcesAreToldApart
//   ETag twice                                         TheFirstOfTwoEtagsIsUsedOrTheOneInTheBody
//   304 over HTTP/2, If-None-Match that kills          NothingOptionalIsSent
//   PATCH refused 428 or 412 without ETag              TheFirstOfTwoEtagsIsUsedOrTheOneInTheBody,
//                                                      Client.PatchSendsTheEtagAndReadsItAgainWhenItChanged
//   411 for a chunked POST                             ALargeImageIsSentWithItsLength
//   204 without Content-Length                         ANoContentWithoutLengthEndsAtItsHeaders
//   power changes late, or never                       the step `power` reads it back (plugins/steps/power)
//   event streams: comments, CRLF, no ids              ServerSentEvents.*, CurlStream.*
//   a log entry's origin as plain text                 AnOriginWrittenAsPlainTextIsRead
//   push 202 + Location, the task's id changes         AnUpdateWhoseTaskBecomesAnotherIsFollowed
//   100 per cent and then Exception                    Update.ATaskThatEndsInExceptionIsNotOkEvenAt100Percent
//   SHA-1 certificate without subjectAltName
//   ACertificateAsDeliveredIsRefusedByTheFleetsAuthorityAndCanBePinned links to nothing
//   Survey.FollowsLinksEverywhereOnceAndSortsTheAnswers,
//                                                      Leak.ACollectionInTroubleIsAFaultALinkToNothingIsNot
#include "bmc/https_bmc_for_test.h"
#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

using testing::HasSubstr;
using testing::Not;

class WirePeer : public HttpsBmc {};
class TrayPeer : public Tray {};

boost::asio::awaitable<void> get_many(Ctx& ctx, RedfishClient* from, std::vector<std::string> uris,
                                      int* read) {
  const Ctx limited = ctx.child_within("get", 60s);
  Result<std::vector<Result<RedfishResource>>> all = co_await from->get_all(limited, std::move(uris));
  if (!all) co_return;
  for (const Result<RedfishResource>& one : *all) *read += one ? 1 : 0;
}

TEST_F(WirePeer, AServerWithOneThreadThatClosesEachConnectionIsReadWhole) {
  peer.serve_one_at_a_time();
  std::vector<std::string> uris;
  for (int i = 0; i < 8; ++i) {
    uris.push_back("/redfish/v1/Thing" + std::to_string(i));
    PeerReply old;
    old.bytes = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + kThing;
    old.close = true;
    says("GET " + uris.back(), old);
  }
  says("GET /redfish/v1/", closed_after(answer_of(200, R"({"Id":"R"})")));
  make();
  int read = 0;
  loop_->run([&](Ctx& ctx) { return get_many(ctx, client.get(), uris, &read); });
  EXPECT_EQ(read, 8);
  EXPECT_EQ(peer.connections(), 8);
  EXPECT_EQ(peer.most_at_once(), 1);
  EXPECT_TRUE(client->take_disturbances().empty());
}

TEST_F(WirePeer, ALoginWithoutLocationAndBodyIsASession) {
  PeerReply silent;
  silent.bytes = "HTTP/1.1 201 Created\r\nX-Auth-Token: t-9\r\nContent-Length: 0\r\n\r\n";
  says("POST /redfish/v1/Sessions", silent);
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_THAT(requests().back().head, HasSubstr("\r\nX-Auth-Token: t-9\r\n"));
  EXPECT_THAT(requests().back().head, Not(HasSubstr("Authorization")));
  const std::vector<Oddity> oddities = client->take_oddities();
  ASSERT_EQ(oddities.size(), 1U);
  EXPECT_THAT(oddities[0].what, HasSubstr("only time out"));
}

TEST_F(WirePeer, LowerCaseHeadersAndAStrayLineEndAreRead) {
  PeerReply login;
  login.bytes =
      "HTTP/1.1 201 "
      "Created\r\nx-auth-token:t-9\r\nlocation:/redfish/v1/Sessions/9\r\ncontent-length:2\r\n\r\n{}";
  says("POST /redfish/v1/Sessions", login);
  const std::string stray = "\r\n" + kThing;
  PeerReply counted;
  counted.bytes =
      "HTTP/1.1 200 OK\r\netag:\"7\"\r\ncontent-length:" + std::to_string(stray.size()) + "\r\n\r\n" + stray;
  says("GET /redfish/v1/Thing", counted);
  PeerReply uncounted;
  uncounted.bytes = "HTTP/1.1 200 OK\r\ncontent-length:" + std::to_string(kThing.size()) + "\r\n\r\n" + stray;
  says("GET /redfish/v1/Uncounted", uncounted);
  make("admin");
  const Result<RedfishResource> read = get("/redfish/v1/Thing");
  ASSERT_TRUE(read) << read.error().full();
  EXPECT_EQ(read->etag, "\"7\"");
  EXPECT_THAT(requests().back().head, HasSubstr("X-Auth-Token: t-9"));
  EXPECT_EQ(code_of("/redfish/v1/Uncounted"), "bmc.not_json") << "its length leaves out the end";
  EXPECT_TRUE(get("/redfish/v1/Thing")) << "and what was left over is no part of the next answer";
}

TEST_F(WirePeer, TheSlashedFormIsAskedWithTheSameMethodBodyAndToken) {
  says("POST /redfish/v1/Sessions", answer_of(307, "", "Location: /redfish/v1/Sessions/\r\n"));
  says("POST /redfish/v1/Sessions/",
       answer_of(201, "{}", "X-Auth-Token: t-9\r\nLocation: /redfish/v1/Sessions/9/\r\n"));
  says("GET /redfish/v1/Systems",
       answer_of(307, "", "Location: " + peer.url("/redfish/v1/Systems/") + "\r\n"));
  says("GET /redfish/v1/Systems/", answer_of(200, kThing));
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Systems"));
  const std::vector<PeerRequest> all = requests();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[1].body, all[2].body);
  EXPECT_THAT(all[2].body, HasSubstr("\"UserName\""));
  EXPECT_EQ(all[2].method + all[2].path, "POST/redfish/v1/Sessions/");
  EXPECT_THAT(all[4].head, HasSubstr("\r\nX-Auth-Token: t-9\r\n"));
}

TEST_F(WirePeer, NothingOptionalIsSent) {
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  for (const PeerRequest& request : requests()) {
    EXPECT_THAT(request.head, HasSubstr(" HTTP/1.1\r\n"));
    for (const char* header : {"If-None-Match", "Upgrade", "Expect", "Transfer-Encoding", "Cookie"})
      EXPECT_THAT(request.head, Not(HasSubstr(header)));
  }
}

TEST_F(WirePeer, TheFirstOfTwoEtagsIsUsedOrTheOneInTheBody) {
  says("GET /redfish/v1/Thing", answer_of(200, kThing, "ETag: \"1\"\r\nETag: W/\"2\"\r\n"));
  says("PATCH /redfish/v1/Thing", answer_of(200, "{}"));
  make();
  EXPECT_TRUE(patch("/redfish/v1/Thing"));
  EXPECT_THAT(requests().back().head, HasSubstr("\r\nIf-Match: \"1\"\r\n"));
  says("GET /redfish/v1/Thing", answer_of(200, R"({"Id":"T","@odata.etag":"W/\"3\""})"));
  EXPECT_TRUE(patch("/redfish/v1/Thing"));
  EXPECT_THAT(requests().back().head, HasSubstr("\r\nIf-Match: W/\"3\"\r\n"));
  says("GET /redfish/v1/Thing", answer_of(200, kThing));
  for (const int status : {428, 412}) {
    says("PATCH /redfish/v1/Thing", answer_of(status, "{}"));
    const Status refused = patch("/redfish/v1/Thing");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "bmc.refused");
    EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(status)));
  }
  EXPECT_EQ(count("PATCH /redfish/v1/Thing"), 6) << "once more each, with the ETag read again";
}

TEST_F(WirePeer, ALargeImageIsSentWithItsLength) {
  says("POST /redfish/v1/push", answer_of(202, "{}"));
  make();
  const std::string image(5U * 1024U * 1024U, 'i');
  ASSERT_TRUE(post("/redfish/v1/push", Repeat::never, image));
  EXPECT_THAT(requests().back().head, HasSubstr("Content-Length: 5242880\r\n"));
  EXPECT_THAT(requests().back().head, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_EQ(requests().back().body.size(), image.size());
}

TEST_F(WirePeer, ANoContentWithoutLengthEndsAtItsHeaders) {
  PeerReply nothing;
  nothing.bytes = "HTTP/1.1 204 No Content\r\n\r\n";
  says("POST /redfish/v1/Reset", nothing);
  make();
  EXPECT_TRUE(post("/redfish/v1/Reset", Repeat::never));
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(WirePeer, ACertificateAsDeliveredIsRefusedByTheFleetsAuthorityAndCanBePinned) {
  const TestCertificate delivered = TestCertificate::as_delivered();
  const TestCertificate authority;
  peer.use(delivered);
  const std::string file = testing::TempDir() + "kiln-fleet-" + std::to_string(::getpid()) + ".pem";
  for (const TestCertificate* vouches : {&authority, &delivered}) {
    std::ofstream(file, std::ios::trunc) << vouches->certificate_pem;
    trust = {TlsTrust::Kind::certificate_authority, file};
    make("admin");
    EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.untrusted") << "it does not even name its address";
  }
  std::filesystem::remove(file);
  EXPECT_TRUE(requests().empty());
  trust = {TlsTrust::Kind::pin, delivered.pin_sha256()};
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
}

TEST_F(TrayPeer, AnActionThatIsRefusedIsRefusedOnceWithWhatWasSaid) {
  struct Case {
    int status;
    const char *body, *said;
  };
  const std::string reset = "POST " + kHost + "/Actions/ComputerSystem.Reset";
  const Permit permit = PermitOffice::make(Energy::power, valid);
  int asked = 0;
  for (const Case& one :
       {Case{501, R"({"error":{"code":"Base.1.0.ActionNotSupported","message":"not that"}})", "not that"},
        Case{400, R"("no such value")", "no such value"},
        Case{400, R"({"Status":400,"Message":"bad value"})", "bad value"}, Case{400, "", "400"},
        Case{500, "<html><body>oops</body></html>", "500"}}) {
    service.once[reset].push_back(reply(one.status, one.body));
    const Status on = ask<Status>([&](const Ctx& ctx) { return bmc->power_on(ctx, permit); });
    ASSERT_FALSE(on) << one.body;
    EXPECT_EQ(on.error().code, "bmc.refused") << one.body;
    EXPECT_THAT(on.error().sentence(), HasSubstr(one.said));
    EXPECT_EQ(service.count(reset), ++asked);
  }
}

TEST_F(TrayPeer, AnActionThatIsAnswered200IsAcceptedAndNoMore) {
  service.once["POST " + kHost + "/Actions/ComputerSystem.Reset"].push_back(
      reply(200, R"({"error":{"code":"Base.1.0.InternalError","message":"failed"}})"));
  const Permit permit = PermitOffice::make(Energy::power, valid);
  EXPECT_TRUE(ask<Status>([&](const Ctx& ctx) { return bmc->power_on(ctx, permit); }));
  EXPECT_EQ(*ask<Result<PowerState>>([&](const Ctx& ctx) { return bmc->power_state(ctx); }), PowerState::off)
      << "what is true is read back";
}

TEST_F(TrayPeer, AnOriginWrittenAsPlainTextIsRead) {
  const std::string logs = kHost + "/LogServices";
  service.bodies[logs] = collection({logs + "/SEL"});
  service.bodies[logs + "/SEL"] = R"({"Id":"SEL","Entries":{"@odata.id":"/redfish/v1/Entries"}})";
  service.bodies["/redfish/v1/Entries"] =
      R"({"Members":[{"Id":"1","EventType":"","OriginOfCondition":"/redfish/v1/Chassis/x","Message":"m"},
                     {"Id":"2","Links":{"OriginOfCondition":{"@odata.id":"/redfish/v1/Chassis/y"}},"Message":"n"}]})";
  const auto log =
      ask<Result<std::vector<LogEntry>>>([&](const Ctx& ctx) { return bmc->event_log(ctx, ""); });
  ASSERT_TRUE(log);
  ASSERT_EQ(log->size(), 2U);
  EXPECT_EQ(log->at(0).origin, "/redfish/v1/Chassis/x");
  EXPECT_EQ(log->at(1).origin, "/redfish/v1/Chassis/y");
}

/// "SEL: why; System_1: why" of the logs that are not whole.
std::string not_whole(const Result<std::vector<EventLog>>& logs) {
  if (!logs) return logs.error().full();
  std::string text;
  for (const EventLog& log : *logs) {
    if (!log.unread.empty()) text += (text.empty() ? "" : "; ") + log.name + ": " + log.unread;
  }
  return text;
}

TEST_F(TrayPeer, AnOwnerThatCannotBeReadIsALogThatCouldNotBe) {
  const auto logs = [this] {
    return not_whole(
        ask<Result<std::vector<EventLog>>>([&](const Ctx& ctx) { return bmc->event_logs(ctx); }));
  };
  EXPECT_EQ(logs(), "");
  service.bodies[kSystems] = collection({kBoard, kHost, kSystems + "/System_1"});
  service.bodies[kSystems + "/System_1"] =
      R"({"error":{"code":"Base.1.0.InternalError","message":"failed"}})";
  EXPECT_THAT(logs(), HasSubstr("System_1: whether it has logs is not known"));
}

TEST_F(TrayPeer, ALogThatListsLessThanItCountsIsNotWhole) {
  const std::string list = kHost + "/LogServices";
  service.bodies[list] = collection({list + "/SEL"});
  service.bodies[list + "/SEL"] = R"({"Id":"SEL","Entries":{"@odata.id":"/redfish/v1/Entries"}})";
  const auto logs = [this] {
    return not_whole(
        ask<Result<std::vector<EventLog>>>([&](const Ctx& ctx) { return bmc->event_logs(ctx); }));
  };
  service.bodies["/redfish/v1/Entries"] = R"({"Members":[{"Id":"1","Message":"m"}],"Members@odata.count":1})";
  EXPECT_EQ(logs(), "");
  service.bodies["/redfish/v1/Entries"] =
      R"({"Members":[{"Id":"1","Message":"m"}],"Members@odata.count":50})";
  EXPECT_THAT(logs(), HasSubstr("SEL: it says that it has 50 entries, and lists 1"));
}

TEST_F(TrayPeer, WhichEntriesAreTheNewestOnlyNumbersTell) {
  const std::string list = kHost + "/LogServices";
  service.bodies[list] = collection({list + "/SEL"});
  service.bodies[list + "/SEL"] = R"({"Id":"SEL","Entries":{"@odata.id":"/redfish/v1/Entries"}})";
  const auto unread_of = [&](const std::string& prefix) {
    std::vector<std::string> uris;
    for (int i = 0; i < 210; ++i) {
      uris.push_back("/redfish/v1/Entries/" + prefix + std::to_string(i));
      service.bodies[uris.back()] = R"({"Id":"x","Message":"m"})";
    }
    service.bodies["/redfish/v1/Entries"] = collection(uris);
    return not_whole(
        ask<Result<std::vector<EventLog>>>([&](const Ctx& ctx) { return bmc->event_logs(ctx); }));
  };
  EXPECT_EQ(unread_of(""), "");
  EXPECT_THAT(unread_of("e"), HasSubstr("SEL: 200 of its 210 entries were read"));
}

/// A tray that takes an image for its BIOS.
class UpdatePeer : public Tray {
 protected:
  UpdatePeer() {
    service.bodies["/redfish/v1/UpdateService"] =
        R"({"Id":"U","HttpPushUri":"/redfish/v1/push","FirmwareInventory":{"@odata.id":"/redfish/v1/FI"}})";
    service.bodies["/redfish/v1/FI"] = collection({"/redfish/v1/FI/UEFI"});
    service.bodies["/redfish/v1/FI/UEFI"] = R"({"Id":"UEFI","Version":"1.04"})";
    service.once["POST /redfish/v1/push"].push_back(reply(202, "", {{"Location", "/redfish/v1/Tasks/1"}}));
  }
  void becomes(const std::string& task, const std::string& job) {
    service.bodies["/redfish/v1/" + task] =
        R"({"Id":"1","TaskState":"Running","Messages":[{"MessageId":"Update.1.0.OperationTransitionedToJob"}],
            "Links":{"Job":{"@odata.id":"/redfish/v1/)" +
        job + "\"}}}";
  }
  Result<UpdateOutcome> update(Nanoseconds budget) {
    const Permit permit = PermitOffice::make(Energy::flash, valid);
    const UpdateRequest request{"UEFI", "bios.fw", "image"};
    return ask<Result<UpdateOutcome>>(
        [&](const Ctx& ctx) { return bmc->update_firmware(ctx, permit, request, {}); }, budget);
  }
};

TEST_F(UpdatePeer, AnUpdateWhoseTaskBecomesAnotherIsFollowed) {
  becomes("Tasks/1", "Jobs/8");
  service.bodies["/redfish/v1/Jobs/8"] = R"({"Id":"8","JobState":"Exception","PercentComplete":100})";
  const auto outcome = update(10min);
  ASSERT_TRUE(outcome) << outcome.error().full();
  EXPECT_FALSE(outcome->task_ok);
  EXPECT_EQ(outcome->task_uri, "/redfish/v1/Jobs/8");
}

TEST_F(UpdatePeer, JobsThatHandOverInACircleAreAskedNoMoreOftenThanOthers) {
  becomes("Tasks/1", "Jobs/8");
  becomes("Jobs/8", "Tasks/1");
  const auto outcome = update(60s);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "ctx.deadline");
  EXPECT_LE(service.count("GET /redfish/v1/Tasks/1") + service.count("GET /redfish/v1/Jobs/8"), 61);
}

}  // namespace
}  // namespace kiln
