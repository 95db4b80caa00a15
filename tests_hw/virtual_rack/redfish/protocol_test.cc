// DSP0266 where it meets the parts: accounts, privileges, PATCH, query parameters, subscriptions. What a
// client sees of it over HTTPS is claimed by tests_hw/virtual/protocol.py, event_rules.py and
// service_rules.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests_hw/virtual_rack/redfish/bmc_test_rig.h"
#include "tests_hw/virtual_rack/redfish/query.h"

namespace kiln::virtual_rack::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kResetSystem = "/redfish/v1/Systems/System_0";
constexpr const char* kResetAction = "/redfish/v1/Systems/System_0/Actions/ComputerSystem.Reset";
constexpr const char* kAccounts = "/redfish/v1/AccountService/Accounts";
constexpr const char* kSubscriptions = "/redfish/v1/EventService/Subscriptions";

std::string text_in(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string("(no text)");
}

std::string override_of(BmcRig& rig) {
  return text_in(rig.get(kResetSystem).at("Boot").as_object(), "BootSourceOverrideEnabled");
}

TEST(RequestedProperties, WhatNobodyTakesIsReadOnlyOrUnknown) {
  auto wanted = RequestedProperties::read(
      R"({"@odata.id":"/x","Name":"n","Bogus":1,"Boot":{"Target":"Pxe","Other":2},"Flag":"yes"})");
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->choice("Boot/Target", {"Pxe", "None"}), "Pxe");
  EXPECT_FALSE(wanted->flag("Flag"));
  EXPECT_FALSE(wanted->text("Absent"));
  wanted->close(*parse_object(R"({"Name":"x","Boot":{"Target":"None"}})"));
  EXPECT_TRUE(wanted->changed());
  std::vector<std::string> told;
  for (const Message& message : wanted->refused()) told.push_back(message.property + " " + message.id);
  EXPECT_THAT(told, ElementsAre("Flag PropertyValueTypeError", "Bogus PropertyUnknown",
                                "Boot/Other PropertyUnknown", "Name PropertyNotWritable"));
}

TEST(RequestedProperties, AnArrayIsModifiedThenCutThenAddedTo) {
  const std::vector<std::string> now = {"a", "b", "c"};
  const auto became = [&now](const char* body, std::size_t most = 8) {
    return RequestedProperties::read(body)->texts("L", now, most);
  };
  EXPECT_EQ(became(R"({"L":[null,"x",{},"d"]})"), (std::vector<std::string>{"x", "c", "d"}));
  EXPECT_EQ(became(R"({"L":[{}]})"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(became(R"({"L":[]})"), std::vector<std::string>{});
  EXPECT_FALSE(became(R"({"L":[{},{},{},{}]})")) << "nothing stands where the fourth would stay";
  EXPECT_FALSE(became(R"({"L":[1]})"));
  EXPECT_FALSE(became(R"({"L":["1","2","3"]})", 2));
}

TEST(RequestedProperties, AValueOfTheWrongKindIsNotRepeated) {
  auto wanted = RequestedProperties::read(R"({"Password":["hunter2"],"UserName":12345})");
  EXPECT_FALSE(wanted->text("Password"));
  EXPECT_FALSE(wanted->text("UserName"));
  for (const Message& message : wanted->refused()) {
    EXPECT_THAT(message.text, ::testing::Not(::testing::AnyOf(HasSubstr("hunter2"), HasSubstr("12345"))));
  }
  EXPECT_FALSE(wanted->changed());
}

TEST(QueryParameters, AreReadStrictlyWhereTheyBeginWithADollar) {
  EXPECT_FALSE(read_query("", true).refusal);
  EXPECT_FALSE(read_query("x=1&&y", true).refusal);
  EXPECT_EQ(read_query("$expand=.($levels=1)", true).query.expand, Query::Expand::not_links);
  EXPECT_EQ(read_query("%24expand=*", true).query.expand, Query::Expand::all);
  EXPECT_EQ(read_query("$expand=.", false).refusal->status, 501U);
  EXPECT_EQ(read_query("$expand=~", true).refusal->status, 501U);
  for (const char* bad :
       {"$expand=", "$expand=.($levels=2)", "$expand=.($levels=0)", "$expand=.($levels=", "$expand=..",
        "$top=-1", "$skip=x", "only=1", "excerpt=", "only&excerpt", "only&$top=1", "$top=%g1"}) {
    const ReadQuery read = read_query(bad, true);
    ASSERT_TRUE(read.refusal) << bad;
    EXPECT_EQ(read.refusal->status, 400U) << bad;
  }
}

TEST(QueryParameters, ThePagesOfALongLogLeadToOneAnother) {
  json::array members(600, json::value(json::object{}));
  json::object log;
  log["@odata.id"] = "/x";
  log["Members"] = std::move(members);
  json::object first = log;
  cut_page(first, read_query("", true).query);
  EXPECT_EQ(first.at("Members").as_array().size(), 250U);
  EXPECT_EQ(text_in(first, "Members@odata.nextLink"), "/x?$skip=250");
  cut_page(log, read_query("$skip=590&$top=100", true).query);
  EXPECT_EQ(log.at("Members").as_array().size(), 10U);
  EXPECT_FALSE(log.contains("Members@odata.nextLink"));
}

TEST(BootOverride, OfOneBootEndsWithARestartToo) {
  BmcRig rig("C01", "small", true);
  rig.log_in();
  rig.pass(1);
  rig.send("PATCH", kResetSystem, R"({"Boot":{"BootSourceOverrideEnabled":"Once"}})");
  rig.pass(1);
  EXPECT_EQ(override_of(rig), "Once");
  EXPECT_EQ(rig.send("POST", kResetAction, R"({"ResetType":"ForceRestart"})").status, 204U);
  rig.pass(0.2);
  EXPECT_EQ(override_of(rig), "Disabled") << "the power was on all the time";
}

TEST(Privileges, ADisabledOrRemovedAccountEndsItsSessions) {
  BmcRig rig;
  rig.log_in();
  const std::string administrator = rig.token;
  const std::string made = header_value(
      rig.send("POST", kAccounts, R"({"UserName":"eve","Password":"a long one","RoleId":"Operator"})")
          .headers,
      "Location");
  ASSERT_FALSE(made.empty());
  const HttpResponse login = rig.send("POST", "/redfish/v1/SessionService/Sessions",
                                      R"({"UserName":"eve","Password":"a long one"})");
  const std::string hers = header_value(login.headers, "X-Auth-Token");
  const auto status = [&](const std::string& token) {
    rig.token = token;
    return rig.send("GET", "/redfish/v1/Systems").status;
  };
  EXPECT_EQ(status(hers), 200U);
  EXPECT_EQ(rig.send("POST", "/redfish/v1/Managers/BMC_0/Actions/Manager.Reset", "{}").status, 403U);
  rig.token = administrator;
  EXPECT_EQ(rig.send("PATCH", made, R"({"Enabled":false})").status, 200U);
  EXPECT_EQ(status(hers), 401U);
  rig.token = administrator;
  EXPECT_EQ(rig.send("PATCH", made, R"({"Enabled":true})").status, 200U);
  EXPECT_EQ(status(hers), 200U);
  rig.token = administrator;
  EXPECT_EQ(rig.send("DELETE", made).status, 204U);
  EXPECT_EQ(status(hers), 401U);
}

TEST(Privileges, TheLoginComesBeforeEveryOtherHeader) {
  BmcRig rig;
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems", "", {{"OData-Version", "9"}}).status, 401U);
  EXPECT_EQ(rig.send("POST", "/redfish").status, 401U);
  rig.log_in();
  EXPECT_EQ(rig.send("GET", "/redfish/v1/Systems", "", {{"OData-Version", "9"}}).status, 412U);
}

TEST(Events, AnEventAfterTheLogWasClearedIsToldAndHasAnIdOfItsOwn) {
  BmcRig rig;
  rig.log_in();
  const HttpResponse answer = rig.send("GET", "/redfish/v1/EventService/SSE");
  ASSERT_TRUE(answer.stream);
  const auto happen = [&rig](const char* message) {
    EventEntry event;
    event.message = message;
    add_event(*rig.rack, rig.bmc->dut, std::move(event));
    rig.pass(0.1);
  };
  happen("one");
  happen("two");
  (void)answer.stream->take();
  const std::string clear = "/redfish/v1/Systems/System_0/LogServices/SEL/Actions/LogService.ClearLog";
  EXPECT_EQ(rig.send("POST", clear).status, 204U);
  happen("three");
  const std::string piece = answer.stream->take();
  EXPECT_THAT(piece, HasSubstr("three"));
  EXPECT_THAT(piece, HasSubstr("id: 3\n"));
}

TEST(Events, AStreamIsASubscriptionAsLongAsItIsOpen) {
  BmcRig rig;
  rig.log_in();
  HttpResponse answer = rig.send("GET", "/redfish/v1/EventService/SSE");
  const json::array members = rig.get(kSubscriptions).at("Members").as_array();
  ASSERT_EQ(members.size(), 1U);
  const std::string uri(members.front().as_object().at("@odata.id").as_string());
  EXPECT_EQ(text_in(rig.get(uri), "SubscriptionType"), "SSE");
  EXPECT_FALSE(answer.stream->ended());
  EXPECT_EQ(rig.send("DELETE", uri).status, 204U);
  EXPECT_TRUE(answer.stream->ended());
  answer = rig.send("GET", "/redfish/v1/EventService/SSE");
  EXPECT_EQ(rig.get(kSubscriptions).at("Members@odata.count").to_number<int>(), 1);
  answer.stream.reset();
  EXPECT_EQ(rig.get(kSubscriptions).at("Members@odata.count").to_number<int>(), 0) << "the peer is gone";
}

TEST(Events, AReceiverThatNeverAnswersLosesItsSubscription) {
  BmcRig rig;
  rig.log_in();
  std::vector<std::string> posted;
  std::vector<Bmc::Undelivered> given_up;
  rig.bmc->deliver_event = [&](const std::string& to, const std::string& body, Bmc::Undelivered undelivered) {
    posted.push_back(to + " " + body);
    given_up.push_back(std::move(undelivered));
  };
  EXPECT_EQ(
      rig.send("POST", kSubscriptions, R"({"Destination":"http://a/","Protocol":"Redfish","Context":"mine"})")
          .status,
      201U);
  EventEntry event;
  event.message = "once";
  add_event(*rig.rack, rig.bmc->dut, std::move(event));
  rig.pass(0.1);
  ASSERT_EQ(posted.size(), 1U);
  EXPECT_THAT(posted.front(), HasSubstr(R"("Context":"mine")"));
  given_up.front()();
  EXPECT_EQ(rig.get(kSubscriptions).at("Members@odata.count").to_number<int>(), 0);
}

TEST(Certificates, OneWithAnotherKeyIsNone) {
  const TlsIdentity one = make_tls_identity("one");
  const TlsIdentity other = make_tls_identity("other");
  const auto read = parse_tls_identity(one.private_key_pem + one.certificate_pem);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->spki_sha256_base64, one.spki_sha256_base64);
  EXPECT_FALSE(parse_tls_identity(one.certificate_pem + other.private_key_pem));
  EXPECT_FALSE(parse_tls_identity(one.certificate_pem));
  EXPECT_FALSE(parse_tls_identity(one.private_key_pem));
  EXPECT_FALSE(parse_tls_identity(""));
  EXPECT_EQ(read_certificate(other.certificate_pem)->subject, "other");
  EXPECT_FALSE(read_certificate("x"));
}

}  // namespace
}  // namespace kiln::virtual_rack::test
